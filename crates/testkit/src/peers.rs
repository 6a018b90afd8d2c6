//! Clients and servers by others, as `cargo xtask setup` installs them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// An official SDK as a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// The Python SDK.
    Python,
    /// The TypeScript SDK.
    TypeScript,
}

// === impl Peer ===

impl Peer {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Python, Self::TypeScript];

    /// Connects, lists, and calls one tool if `--call` says so: `{protocol, server, tools, result}` or `{error}`.
    /// The arguments are those of `tests/python/client.py` and `tests/node/client.mjs`.
    pub fn talk(self, arguments: &[&str]) -> Result<Value> {
        self.say("client", arguments)
    }

    /// Takes part in all that a [`crate::ExactUpstream`] offers: `{protocol, said, asked, heard, updated, changed}` or
    /// `{error}`. The arguments are those of `tests/python/participant.py` and `tests/node/participant.mjs`.
    pub fn participate(self, arguments: &[&str]) -> Result<Value> {
        self.say("participant", arguments)
    }

    /// Calls one tool as a task of 2025-11-25: `{statuses, result}` or `{error}`. The arguments are those of
    /// `tests/node/tasks.mjs`; of the official SDKs only this one knows these tasks.
    pub fn talk_of_tasks(arguments: &[&str]) -> Result<Value> {
        Self::TypeScript.say("tasks", arguments)
    }

    /// The command of a server that offers all that the conformance suite looks for. It says where it listens.
    pub fn everything(self) -> Command {
        self.script("everything")
    }

    fn script(self, name: &str) -> Command {
        let root = workspace_root();
        let (program, script) = match self {
            Self::Python => (root.join("target/test-venv/bin/python"), root.join(format!("tests/python/{name}.py"))),
            Self::TypeScript => (PathBuf::from("node"), root.join(format!("tests/node/{name}.mjs"))),
        };
        let mut command = Command::new(program);
        command.arg(script);
        command
    }

    fn say(self, script: &str, arguments: &[&str]) -> Result<Value> {
        let mut command = self.script(script);
        let output = command.args(arguments).output();
        let output = output.with_context(|| format!("could not start {command:?}\nhint: cargo xtask setup"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let said = serde_json::from_str(&text);
        said.with_context(|| format!("{self:?} said `{text}` and `{}`", String::from_utf8_lossy(&output.stderr)))
    }
}

/// The command that starts the public reference server with all features, on stdio.
pub fn everything_command() -> Result<Vec<String>> {
    node_server("server-everything")
}

/// The command that starts the public file server for a folder, on stdio.
pub fn filesystem_command(folder: &Path) -> Result<Vec<String>> {
    let mut command = node_server("server-filesystem")?;
    command.push(folder.display().to_string());
    Ok(command)
}

fn node_server(package: &str) -> Result<Vec<String>> {
    let script =
        workspace_root().join("tests/node/node_modules/@modelcontextprotocol").join(package).join("dist/index.js");
    if !script.exists() {
        bail!("{} is not installed\nhint: cargo xtask setup", script.display());
    }
    Ok(vec!["node".to_owned(), script.display().to_string()])
}

/// A program of this workspace that stands beside the running test: `testkit-upstream`, `countersign`.
pub fn program(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe().context("the running test has no path")?;
    let beside = test.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|path| path.is_file());
    beside.with_context(|| format!("`{name}` is not built\nhint: cargo build --workspace --bins"))
}

/// Where the workspace stands.
pub fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}
