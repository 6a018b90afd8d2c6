//! `cargo xtask fuzz`: throws bytes at what reads bytes, for a bounded time, and keeps those that break something.
//!
//! The targets stand in `fuzz/`, a workspace of its own. libFuzzer comes with the crate `libfuzzer-sys`, and the counters it
//! steers by are a flag of stable rustc: nothing is installed, no nightly is needed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::run::{program, run};

/// What to run, and for how long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    seconds: u64,
    targets: Vec<&'static str>,
}

/// What became of one target.
struct Outcome {
    target: &'static str,
    executions: u64,
    reached: u64,
    all: u64,
    /// What it said, where it did not end well.
    broke: Option<String>,
}

impl Options {
    /// Error: what is wrong with the words.
    pub(crate) fn parse(words: &[&str]) -> Result<Self, String> {
        let mut options = Self { seconds: SECONDS, targets: Vec::new() };
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            if *word == "--seconds" {
                let seconds = rest.next().and_then(|value| value.parse().ok()).filter(|seconds| *seconds > 0);
                options.seconds = seconds.ok_or("`--seconds` takes a number from 1")?;
                continue;
            }
            let known = TARGETS.iter().find(|known| *known == word);
            options.targets.push(known.ok_or_else(|| format!("`{word}` is none of {}", TARGETS.join(", ")))?);
        }
        if options.targets.is_empty() {
            options.targets = TARGETS.to_vec();
        }
        Ok(options)
    }

    /// As CI does it.
    pub(crate) fn in_ci() -> Self {
        Self { seconds: SECONDS, targets: TARGETS.to_vec() }
    }
}

/// Builds and runs the targets, as many at a time as there are processors. True: nothing broke.
pub(crate) fn fuzz(root: &Path, options: &Options) -> Result<bool> {
    same_versions(root)?;
    let manifest = root.join("fuzz/Cargo.toml").display().to_string();
    let target = root.join("target").display().to_string();
    let arguments = ["build", "--locked", "--quiet", "--bins", "--manifest-path", &manifest, "--target-dir", &target];
    let mut build = program("cargo", &arguments, root);
    run(build.env("RUSTC_WRAPPER", root.join("fuzz/rustc.sh")).env("CARGO_INCREMENTAL", "0"))?;
    let place = Place::prepare(root)?;
    let at_a_time = std::thread::available_parallelism().map_or(1, usize::from);
    let mut outcomes = Vec::new();
    for some in options.targets.chunks(at_a_time) {
        let running: Vec<Result<Outcome>> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                some.iter().map(|target| scope.spawn(|| place.run(target, options.seconds))).collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
        });
        for outcome in running {
            outcomes.push(outcome?);
        }
    }
    ensure!(outcomes.len() == options.targets.len(), "a target was not run");
    print_outcomes(&outcomes, options.seconds);
    for broken in outcomes.iter().filter(|outcome| outcome.broke.is_some()) {
        place.explain(broken);
    }
    Ok(outcomes.iter().all(|outcome| outcome.broke.is_none()))
}

/// Where things stand.
struct Place {
    root: PathBuf,
    /// One certificate authority: a link to an app reads all that the machine has, and none of these speaks TLS.
    authority: Option<PathBuf>,
}

// === impl Place ===

impl Place {
    fn prepare(root: &Path) -> Result<Self> {
        let folder = root.join(FOLDER);
        std::fs::create_dir_all(folder.join(BROKEN)).with_context(|| format!("could not make {}", folder.display()))?;
        let all = std::fs::read_to_string(AUTHORITIES).unwrap_or_default();
        let mut authority = None;
        if let Some((first, _)) = all.split_once(CERTIFICATE_END) {
            let file = folder.join("authority.pem");
            std::fs::write(&file, format!("{first}{CERTIFICATE_END}\n")).context("could not write a certificate")?;
            authority = Some(file);
        }
        Ok(Self { root: root.to_owned(), authority })
    }

    /// Runs one target to its end. What it finds new is kept for the next run.
    fn run(&self, target: &'static str, seconds: u64) -> Result<Outcome> {
        let folder = self.root.join(FOLDER);
        let corpus = folder.join("corpus").join(target);
        std::fs::create_dir_all(&corpus).with_context(|| format!("could not make {}", corpus.display()))?;
        let broken = folder.join(BROKEN).join(format!("{target}-"));
        let mut command = self.command(target);
        command.args(["-print_final_stats=1", "-max_len=8192", "-timeout=30", "-rss_limit_mb=1024"]);
        command.arg(format!("-max_total_time={seconds}")).arg(format!("-artifact_prefix={}", broken.display()));
        command.arg(&corpus).arg(self.root.join("fuzz/seeds").join(target));
        let output = command.output().with_context(|| format!("could not start the target `{target}`"))?;
        let mut said = String::from_utf8_lossy(&output.stderr).into_owned();
        said.push_str(&format!("{}\n", output.status));
        let log = folder.join(format!("{target}.log"));
        std::fs::write(&log, &said).with_context(|| format!("could not write {}", log.display()))?;
        Ok(Outcome::read(target, said, output.status.success()))
    }

    fn command(&self, target: &str) -> Command {
        let mut command = Command::new(self.root.join("target/debug").join(format!("fuzz-{target}")));
        if let Some(authority) = &self.authority {
            command.env("SSL_CERT_FILE", authority).env_remove("SSL_CERT_DIR");
        }
        command.current_dir(&self.root);
        command
    }

    /// Says what broke, and how to see it again.
    fn explain(&self, outcome: &Outcome) {
        let target = outcome.target;
        let said = outcome.broke.as_deref().unwrap_or_default();
        eprintln!(
            "error: the target `{target}` broke:\n{}",
            said.lines().take(LINES_SHOWN).collect::<Vec<_>>().join("\n")
        );
        let log = self.root.join(FOLDER).join(format!("{target}.log"));
        eprintln!("  all it said: {}", log.display());
        if let Some(file) = said.lines().find_map(|line| line.split_once("Test unit written to ")) {
            eprintln!(
                "  hint: `target/debug/fuzz-{target} {}` repeats it; mended, it belongs into fuzz/seeds/{target}",
                file.1
            );
        }
    }
}

// === impl Outcome ===

impl Outcome {
    /// Reads what libFuzzer writes.
    fn read(target: &'static str, said: String, well: bool) -> Self {
        let number = |text: &str| {
            let digits: String = text.trim_start().chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<u64>().ok()
        };
        let after = |word: &str| said.rsplit_once(word).and_then(|(_, rest)| number(rest));
        let executions = after("stat::number_of_executed_units:").unwrap_or_default();
        let all = said.split_once("PC tables (").and_then(|(_, rest)| number(rest)).unwrap_or_default();
        let reached = after(" cov: ").unwrap_or_default();
        // From the panic on, if there is one; else the last words.
        let from = BREAKS.iter().filter_map(|word| said.find(word)).min();
        let from = from.unwrap_or_else(|| said.len().saturating_sub(LAST_WORDS_BYTES));
        let broke = (!well || executions == 0).then(|| said.get(from..).unwrap_or(&said).to_owned());
        Self { target, executions, reached, all, broke }
    }
}

/// Both workspaces are built of the same versions: what is fuzzed is what is shipped.
fn same_versions(root: &Path) -> Result<()> {
    let (ours, theirs) = (locked(&root.join("Cargo.lock"))?, locked(&root.join("fuzz/Cargo.lock"))?);
    let names: BTreeSet<&str> = ours.iter().map(|(name, _)| name.as_str()).collect();
    let other: Vec<String> = theirs
        .iter()
        .filter(|package| names.contains(package.0.as_str()) && !ours.contains(package))
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    ensure!(
        other.is_empty(),
        "fuzz/Cargo.lock names other versions than Cargo.lock: {}\n\
         hint: cp Cargo.lock fuzz/ && cargo update --workspace --manifest-path fuzz/Cargo.toml",
        other.join(", ")
    );
    Ok(())
}

fn locked(file: &Path) -> Result<BTreeSet<(String, String)>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))?;
    let table: toml::Table = toml::from_str(&text).with_context(|| format!("{} is not TOML", file.display()))?;
    let packages = table.get("package").and_then(toml::Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let field = |package: &toml::Value, key: &str| package.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    Ok(packages.iter().filter_map(|package| field(package, "name").zip(field(package, "version"))).collect())
}

#[expect(clippy::print_stdout, reason = "the table is the data of this command")]
fn print_outcomes(outcomes: &[Outcome], seconds: u64) {
    println!("{:<10}{:>12}{:>10}{:>20}", "target", "executions", "a second", "edges reached");
    for outcome in outcomes {
        let reached = format!("{} of {}", outcome.reached, outcome.all);
        let (target, executions) = (outcome.target, outcome.executions);
        let broke = if outcome.broke.is_some() { "  BROKE" } else { "" };
        println!("{target:<10}{executions:>12}{:>10}{reached:>20}{broke}", executions / seconds);
    }
}

const TARGETS: &[&str] = &["json", "policy", "front", "upstream", "child", "decide", "tlog", "release", "docx"];
const SECONDS: u64 = 30;
const FOLDER: &str = "target/fuzz";
const BROKEN: &str = "broken";
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
const CERTIFICATE_END: &str = "-----END CERTIFICATE-----";
const BREAKS: &[&str] = &["panicked at", "ERROR: libFuzzer", "Test unit written to"];
const LINES_SHOWN: usize = 12;
const LAST_WORDS_BYTES: usize = 2_000;

#[cfg(test)]
mod tests;
