//! What stands between the suite and an answer: a server, a gateway before it, and a proxy that adds the token.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::Place;
use crate::run::capture;

/// A server of an official SDK.
pub(super) struct Server {
    _process: Process,
    url: String,
}

/// A gateway that allows everything, and the way in that needs no token.
pub(super) struct Gateway {
    _gateway: Process,
    _proxy: Process,
    url: String,
}

/// A program that says on its first line of stdout where it listens. Killed when dropped.
struct Process {
    child: Child,
    said: String,
    /// Kept open, so that the program may go on writing.
    _stdout: BufReader<ChildStdout>,
}

// === impl Server ===

impl Server {
    pub(super) fn everything(place: &Place<'_>, sdk: &str, folder: &Path) -> Result<Self> {
        let mut command = match sdk {
            "python" => {
                let mut command = Command::new(place.root.join("target/test-venv/bin/python"));
                command.arg(place.root.join("tests/python/everything.py"));
                command
            }
            "typescript" => {
                let mut command = Command::new("node");
                command.arg(place.root.join("tests/node/everything.mjs"));
                command
            }
            "rust" => Command::new(place.programs.join("testkit-everything")),
            other => bail!("there is no server for `{other}`"),
        };
        let process = Process::start(&mut command, &folder.join("server.log"))?;
        let url = process.address()?;
        Ok(Self { _process: process, url })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

// === impl Gateway ===

impl Gateway {
    /// Starts it before this URL, in a folder of its own, with every tool pinned.
    pub(super) fn before(place: &Place<'_>, url: &str, folder: &Path) -> Result<Self> {
        let config = folder.join("countersign.yaml");
        std::fs::write(&config, format!("{:#}\n", configuration(url))).context("could not write the configuration")?;
        std::fs::write(folder.join("allow.cedar"), ALLOW).context("could not write the rule")?;
        let countersign = || Command::new(place.programs.join("countersign"));
        let mut command = countersign();
        command.args(["serve", "--json", "--config"]).arg(&config);
        let gateway = Process::start(&mut command, &folder.join("gateway.log"))?;
        let said: Value = serde_json::from_str(&gateway.said).context("the gateway did not say where it listens")?;
        let endpoint = said.get("mcp").and_then(Value::as_str).context("the gateway did not name its endpoint")?;
        let operate = |words: &[&str]| capture(countersign().args(words).arg("--config").arg(&config));
        operate(&["tools", "pin", APP, "--class", "read", "--yes"])?;
        let token = operate(&["token", "--agent", "suite", "--human", "ana", "--ttl", "12h"])?;
        let mut command = Command::new(place.programs.join("testkit-bearer"));
        command.args(["--to", &format!("{endpoint}/{APP}"), "--token", token.trim()]);
        let proxy = Process::start(&mut command, &folder.join("proxy.log"))?;
        let url = proxy.address()?;
        Ok(Self { _gateway: gateway, _proxy: proxy, url })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

// === impl Process ===

impl Process {
    /// Starts it; its stderr goes to a file. Returns when the first line is there.
    fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let errors = File::create(log).with_context(|| format!("could not write {}", log.display()))?;
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        let mut child =
            command.spawn().with_context(|| format!("could not start `{name}`\nhint: cargo xtask setup"))?;
        let stdout = child.stdout.take().context("a child without stdout")?;
        let mut process = Self { child, said: String::new(), _stdout: BufReader::new(stdout) };
        process._stdout.read_line(&mut process.said).with_context(|| format!("could not read what `{name}` says"))?;
        ensure!(!process.said.is_empty(), "`{name}` ended before it listened\nhint: see {}", log.display());
        Ok(process)
    }

    /// The address in `listening on ADDRESS`.
    fn address(&self) -> Result<String> {
        let address = self.said.trim().strip_prefix("listening on ");
        address.map(str::to_owned).with_context(|| format!("no address in `{}`", self.said))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// One person, one agent, one app.
fn configuration(url: &str) -> Value {
    json!({
        "listen": "127.0.0.1:0",
        "data": "./data",
        "rules": ["allow.cedar"],
        "people": {"ana": {"name": "Ana Diaz", "department": "finance", "seniority": "executive", "role": "cfo"}},
        "agents": {"suite": {"name": "Conformance suite", "owner": "ana"}},
        "apps": {APP: {
            "url": url, "risk": "low", "data": "internal", "owners": ["ana"], "access": {"people": ["ana"]},
        }},
    })
}

const APP: &str = "everything";
const ALLOW: &str = r#"@id("allow-all")
@says("the suite may do everything")
permit (principal, action, resource);
"#;
