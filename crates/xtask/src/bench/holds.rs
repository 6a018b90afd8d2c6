//! `bench holds`: what a call that waits for a person takes, and how soon it runs once somebody has approved it.
//!
//! Ten thousand calls of a hundred agents wait at once, each on a connection of its own, without TLS. Then one person approves a
//! hundred a second.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::process::Server;
use super::scene::{address, configuration, operate, start_gateway};
use super::{Measure, Target, print_targets, write_json};
use crate::dist::{self, Programs};

/// How to measure.
pub(crate) struct Options {
    /// How many calls wait.
    pub(crate) calls: usize,
    /// Where the list goes.
    pub(crate) json: Option<PathBuf>,
    /// Whether to build first.
    pub(crate) build: bool,
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self { calls: 10_000, json: None, build: true }
    }
}

/// Builds, measures, prints.
pub(crate) fn bench(root: &Path, options: &Options) -> Result<()> {
    let programs = if options.build { dist::ship(root)? } else { Programs::shipped()? };
    let folder = root.join("target/bench-holds");
    let log = folder.join("stderr.log");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("could not empty {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    let upstream = Server::start(&mut Command::new(&programs.upstream), &log)?;
    let config = folder.join("countersign.yaml");
    std::fs::write(&config, format!("{:#}\n", office(&address(&upstream.said)?)))
        .context("could not write the configuration")?;
    std::fs::write(folder.join("rules.cedar"), RULES).context("could not write the rules")?;
    let gateway = start_gateway(&[], &programs.countersign, &config, &log)?;
    let said: Value = serde_json::from_str(&gateway.said).context("the gateway did not say where it listens")?;
    let url = said.get("mcp").and_then(Value::as_str).context("the gateway did not name its endpoint")?;
    sign_in(&programs.countersign, &config)?;
    let tokens: Result<Vec<String>> = (0..AGENTS)
        .map(|agent| {
            let agent = format!("agent-{agent}");
            operate(&programs.countersign, &config, &["token", "--agent", &agent, "--human", "ana", "--ttl", "2h"])
        })
        .collect();
    std::fs::write(folder.join("tokens"), tokens?.concat()).context("could not write the tokens")?;
    let measures = hold(&programs, &folder, url, &gateway, options.calls)?;
    print_targets(&measures);
    match &options.json {
        Some(file) => write_json(file, &measures),
        None => Ok(()),
    }
}

fn hold(programs: &Programs, folder: &Path, url: &str, gateway: &Server, calls: usize) -> Result<Vec<Measure>> {
    let before = gateway.memory_mb()?.0;
    let approvals = APPROVALS.min(calls).to_string();
    let mut clients = Command::new(&programs.holds)
        .args(["--url", url, "--tool", "bench__echo", "--approvals", &approvals, "--pace", PACE])
        .args(["--calls", &calls.to_string()])
        .arg("--tokens")
        .arg(folder.join("tokens"))
        .arg("--socket")
        .arg(folder.join("data/control.sock"))
        .arg("--session")
        .arg(folder.join("data/login.session"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("could not start the clients")?;
    let mut said = BufReader::new(clients.stdout.take().context("no stdout")?);
    let mut line = || -> Result<Value> {
        let mut line = String::new();
        said.read_line(&mut line).context("the clients said nothing")?;
        serde_json::from_str(&line).with_context(|| format!("the clients said `{line}`"))
    };
    let waiting = line()?;
    let number = |said: &Value, key: &str| said.get(key).and_then(Value::as_f64).with_context(|| format!("no `{key}`"));
    // What was only needed to begin is given back by now.
    std::thread::sleep(SETTLES);
    let held = gateway.memory_mb()?.0;
    let spent = gateway.processor_time_us()?;
    std::thread::sleep(IDLES);
    let idle = (gateway.processor_time_us()? - spent) / IDLES.as_secs_f64() / 1e4;
    writeln!(clients.stdin.take().context("no stdin")?, "go").context("the clients have gone")?;
    let approved = line()?;
    ensure!(clients.wait()?.success(), "the clients failed");
    let each = (held - before) * 1e3 / calls as f64;
    Ok(vec![
        Measure::new("holds.memory_per_call", each, "KB").with(Target::AtMost(20.0)),
        Measure::new("holds.approval_to_result_p99", number(&approved, "p99_ms")?, "ms").with(Target::AtMost(50.0)),
        Measure::new("holds.approval_to_result_p50", number(&approved, "p50_ms")?, "ms").with(Target::AtMost(20.0)),
        Measure::new("holds.begun_per_second", calls as f64 / number(&waiting, "seconds")?, "/s")
            .with(Target::AtLeast(500.0)),
        Measure::new("holds.processor_while_waiting", idle, "%").with(Target::AtMost(10.0)),
    ])
}

/// Bo chooses a password and signs in.
fn sign_in(countersign: &Path, config: &Path) -> Result<()> {
    let code = operate(countersign, config, &["accounts", "invite", "bo"])?;
    let words = ["login", "--password-stdin", "--code", code.trim(), "--config"];
    let mut login = Command::new(countersign)
        .args(words)
        .arg(config)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .context("could not sign in")?;
    writeln!(login.stdin.take().context("no stdin")?, "correct horse battery").context("could not sign in")?;
    ensure!(login.wait()?.success(), "nobody could sign in");
    Ok(())
}

/// A hundred agents of one person; another one approves.
fn office(url: &str) -> Value {
    let mut whole = configuration(url);
    let Some(fields) = whole.as_object_mut() else { return whole };
    let agents = (0..AGENTS).map(|agent| {
        let id = format!("agent-{agent}");
        (id.clone(), json!({ "name": id, "owner": "ana" }))
    });
    fields.insert("agents".to_owned(), Value::Object(agents.collect()));
    fields.insert("people".to_owned(), json!({ "ana": { "name": "Ana Diaz" }, "bo": { "name": "Bo Lind" } }));
    fields.insert("holds".to_owned(), json!({ "wait": "1h", "expire_after": "2h" }));
    whole
}

const RULES: &str = r#"
@id("bench-permit") permit (principal, action, resource in App::"bench");
@id("bench-hold") @outcome("hold") @approvers("human:bo") @says("somebody else looks at it first")
forbid (principal, action == Action::"call", resource in App::"bench");
"#;
const AGENTS: usize = 100;
const APPROVALS: usize = 2_000;
/// In a second.
const PACE: &str = "100";
const SETTLES: Duration = Duration::from_secs(3);
const IDLES: Duration = Duration::from_secs(5);
