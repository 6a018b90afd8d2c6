//! A world: a configuration in a temporary folder and the real binary serving it on a free port.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::{McpClient, StdioClient};

/// What the world will be.
pub struct WorldBuilder {
    binary: PathBuf,
    config: Value,
    text: Option<String>,
    files: Vec<(String, String)>,
    private: Vec<String>,
    environment: Vec<(String, String)>,
}

/// A running gateway and everything it needs. Killed, and its folder removed, when dropped.
pub struct World {
    binary: PathBuf,
    folder: TempDir,
    environment: Vec<(String, String)>,
    gateway: Option<Gateway>,
}

/// What a command of the binary did.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; -1 if a signal ended it.
    pub code: i32,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

struct Gateway {
    child: Child,
    base_url: String,
    mcp_url: String,
    console_url: String,
    door_url: String,
}

// === impl WorldBuilder ===

impl WorldBuilder {
    /// An app behind an MCP endpoint. `credential` as in the configuration, such as `env:REMOTE_TOKEN`.
    pub fn app_url(self, name: &str, url: &str, credential: Option<&str>) -> Self {
        let mut app =
            json!({"url": url, "risk": "low", "data": "internal", "owners": ["ana"], "access": {"people": ["ana"]}});
        if let (Some(app), Some(credential)) = (app.as_object_mut(), credential) {
            app.insert("credential".to_owned(), json!(credential));
        }
        self.set(&["apps", name], app)
    }

    /// An app that is a child process on stdio. It gets `PATH` and nothing else.
    pub fn app_command(self, name: &str, command: &[String]) -> Self {
        let environment = json!({"PATH": "${PATH}"});
        let access = json!({"people": ["ana"]});
        let app = json!({"command": command, "env": environment, "risk": "low", "data": "internal", "owners": ["ana"], "access": access});
        self.set(&["apps", name], app)
    }

    /// A person, such as `{"name": "Ana Diaz", "department": "finance"}`. Ana and Ben exist already.
    pub fn human(self, id: &str, human: Value) -> Self {
        self.set(&["people", id], human)
    }

    /// An agent and its owner. `ana-desktop` and `ben-desktop` exist already.
    pub fn agent(self, id: &str, owner: &str) -> Self {
        self.set(&["agents", id], json!({"name": id, "owner": owner}))
    }

    /// Puts any value at a place in the configuration; null removes it.
    pub fn set(mut self, path: &[&str], value: Value) -> Self {
        put(&mut self.config, path, value);
        self
    }

    /// The configuration as text, instead of everything else that was said about it.
    pub fn config_text(mut self, text: &str) -> Self {
        self.text = Some(text.to_owned());
        self
    }

    /// A file beside the configuration.
    pub fn file(mut self, path: &str, text: &str) -> Self {
        self.files.push((path.to_owned(), text.to_owned()));
        self
    }

    /// A file beside the configuration that nobody else may read.
    pub fn private_file(mut self, path: &str, text: &str) -> Self {
        self.private.push(path.to_owned());
        self.file(path, text)
    }

    /// A file of rules, which the configuration names.
    pub fn rules(mut self, path: &str, text: &str) -> Self {
        let rules = self.config.get_mut("rules").map(Value::take);
        let mut rules = rules.and_then(|rules| rules.as_array().cloned()).unwrap_or_default();
        rules.push(json!(path));
        put(&mut self.config, &["rules"], Value::Array(rules));
        self.file(path, text)
    }

    /// A variable in the gateway's environment, which otherwise holds `PATH` and a `HOME` of its own.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes everything and starts the gateway.
    pub fn start(self) -> Result<World> {
        let mut world = self.prepare()?;
        world.restart()?;
        Ok(world)
    }

    /// Writes everything and starts nothing.
    pub fn prepare(self) -> Result<World> {
        let folder = TempDir::with_prefix("countersign-world-").context("no temporary folder")?;
        // JSON is YAML.
        let text = self.text.unwrap_or_else(|| format!("{:#}\n", self.config));
        for (path, text) in self.files.iter().chain([&(CONFIG.to_owned(), text)]) {
            let file = folder.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap_or(folder.path())).context("could not make a folder")?;
            std::fs::write(&file, text).with_context(|| format!("could not write {}", file.display()))?;
            if self.private.contains(path) {
                std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).context("no permissions")?;
            }
        }
        Ok(World { binary: self.binary, folder, environment: self.environment, gateway: None })
    }
}

// === impl World ===

impl World {
    /// A world with two people, an agent for each, no apps, and this binary.
    pub fn builder(binary: impl Into<PathBuf>) -> WorldBuilder {
        let config = json!({
            "listen": "127.0.0.1:0",
            "data": "./data",
            "connect": {"human": "ana", "agent": "ana-desktop"},
            "people": {
                "ana": {"name": "Ana Diaz", "department": "finance", "seniority": "executive", "role": "cfo"},
                "ben": {"name": "Ben Okafor", "department": "engineering", "seniority": "senior", "role": "engineer"},
            },
            "agents": {
                "ana-desktop": {"name": "Ana's desktop", "owner": "ana"},
                "ben-desktop": {"name": "Ben's desktop", "owner": "ben"},
            },
            "apps": {},
            // Whoever tests waiting says how long.
            "holds": {"wait": "0s"},
        });
        let (files, private, environment) = (Vec::new(), Vec::new(), Vec::new());
        WorldBuilder { binary: binary.into(), config, text: None, files, private, environment }
    }

    /// The folder: configuration, data, and `gateway.log`, which is the gateway's stderr.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join(CONFIG)
    }

    /// Where the gateway listens, such as `http://127.0.0.1:1234`; empty while it does not run.
    pub fn base_url(&self) -> &str {
        self.gateway.as_ref().map_or("", |gateway| &gateway.base_url)
    }

    /// Its MCP endpoint; empty while it does not run.
    pub fn mcp_url(&self) -> &str {
        self.gateway.as_ref().map_or("", |gateway| &gateway.mcp_url)
    }

    /// The pages for people; empty while there are none.
    pub fn console_url(&self) -> &str {
        self.gateway.as_ref().map_or("", |gateway| &gateway.console_url)
    }

    /// The door with TLS for vendors; empty while there is none.
    pub fn door_url(&self) -> &str {
        self.gateway.as_ref().map_or("", |gateway| &gateway.door_url)
    }

    /// The process id of the gateway; 0 while it does not run.
    pub fn process_id(&self) -> u32 {
        self.gateway.as_ref().map_or(0, |gateway| gateway.child.id())
    }

    /// What the gateway has written to stderr so far, over all its starts.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join(LOG)).unwrap_or_default()
    }

    /// A token by the real command.
    pub fn token(&self, agent: &str, human: &str, app: Option<&str>) -> Result<String> {
        let mut words = vec!["token", "--agent", agent, "--human", human];
        words.extend(app.iter().flat_map(|app| ["--app", app]));
        Ok(self.run_well(&words)?.trim().to_owned())
    }

    /// A client of 2026-07-28 with a token for this agent and human.
    pub fn client(&self, agent: &str, human: &str) -> Result<McpClient> {
        Ok(McpClient::modern(self.mcp_url())?.with_token(self.token(agent, human, None)?))
    }

    /// A client of an earlier revision, after the handshake.
    pub fn legacy_client(&self, agent: &str, human: &str, revision: &str) -> Result<McpClient> {
        let mut client = McpClient::legacy(self.mcp_url(), revision)?.with_token(self.token(agent, human, None)?);
        client.initialize()?;
        Ok(client)
    }

    /// The stdio front as a child process.
    pub fn connect(&self, app: Option<&str>) -> Result<StdioClient> {
        let words: Vec<&str> = ["connect"].into_iter().chain(app).collect();
        StdioClient::start(self.command(&words))
    }

    /// The binary with these words, `--config` and the world's environment.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(words).arg("--config").arg(self.config()).current_dir(self.folder.path());
        command.env_clear().env("HOME", self.folder.path());
        command.env("PATH", path_variable());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, words: &[&str]) -> Result<Finished> {
        let output = self.command(words).stdin(Stdio::null()).output();
        let output = output.with_context(|| format!("could not start {}", self.binary.display()))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().unwrap_or(-1);
        Ok(Finished { code, stdout: text(&output.stdout), stderr: text(&output.stderr) })
    }

    /// Runs a command that must succeed; its stdout.
    pub fn run_well(&self, words: &[&str]) -> Result<String> {
        let finished = self.run(words)?;
        if finished.code != 0 {
            bail!("`{}` ended with {}: {}", words.join(" "), finished.code, finished.stderr.trim_end());
        }
        Ok(finished.stdout)
    }

    /// The records of `trace --json`: one a line, or one list.
    pub fn trace(&self) -> Result<Vec<Value>> {
        let text = self.run_well(&["trace", "--json"])?;
        if let Ok(Value::Array(records)) = serde_json::from_str(&text) {
            return Ok(records);
        }
        let parse = |line: &str| serde_json::from_str(line).with_context(|| format!("not JSON: `{line}`"));
        text.lines().filter(|line| !line.trim().is_empty()).map(parse).collect()
    }

    /// Ends the gateway as a power cut would, without a chance to finish anything.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut gateway) = self.gateway.take() {
            gateway.child.kill().context("could not kill the gateway")?;
            gateway.child.wait().context("could not wait for the gateway")?;
        }
        Ok(())
    }

    /// Asks the gateway to end (SIGTERM) and waits; its exit code.
    pub fn terminate(&mut self) -> Result<i32> {
        let mut gateway = self.gateway.take().context("the gateway does not run")?;
        let id = rustix::process::Pid::from_child(&gateway.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).context("could not signal the gateway")?;
        let status = gateway.child.wait().context("could not wait for the gateway")?;
        Ok(status.code().unwrap_or(-1))
    }

    /// Starts the gateway, killing it first if it runs. The port is another one.
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        let log =
            File::options().create(true).append(true).open(self.folder.path().join(LOG)).context("no log file")?;
        let mut command = self.command(&["serve", "--json"]);
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().with_context(|| format!("could not start {}", self.binary.display()))?;
        let first = child.stdout.take().and_then(first_line);
        let said: Option<Value> = first.as_deref().and_then(|line| serde_json::from_str(line).ok());
        let text = |key: &str| said.as_ref().and_then(|said| said.get(key)).and_then(Value::as_str).map(str::to_owned);
        let (Some(base_url), Some(mcp_url)) = (text("listening"), text("mcp")) else {
            let _already_gone = child.kill();
            let _reaped = child.wait();
            bail!("the gateway did not say where it listens, but `{}`\n{}", first.unwrap_or_default(), self.log());
        };
        let (console_url, door_url) = (text("console").unwrap_or_default(), text("door").unwrap_or_default());
        self.gateway = Some(Gateway { child, base_url, mcp_url, console_url, door_url });
        Ok(())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _already_gone = self.kill();
    }
}

/// The first line, if it comes in time. What follows is read and dropped, so that the writer never waits.
fn first_line(stdout: ChildStdout) -> Option<String> {
    let (sender, first) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _nobody_waits = sender.send(line);
        }
    });
    first.recv_timeout(START_TIMEOUT).ok()
}

fn put(config: &mut Value, path: &[&str], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        *config = value;
        return;
    };
    if !config.is_object() {
        *config = Value::Object(Map::new());
    }
    let Some(table) = config.as_object_mut() else { return };
    if rest.is_empty() && value.is_null() {
        table.remove(*first);
    } else {
        put(table.entry(*first).or_insert(Value::Null), rest, value);
    }
}

#[expect(clippy::disallowed_methods, reason = "children are found on the path of the test run")]
fn path_variable() -> std::ffi::OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

const CONFIG: &str = "countersign.yaml";
const LOG: &str = "gateway.log";
const START_TIMEOUT: Duration = Duration::from_secs(30);
