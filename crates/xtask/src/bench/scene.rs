//! A gateway as it is measured: a hundred rules, one app, one agent, and a token for it.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::process::Server;
use crate::dist::Programs;
use crate::run::capture;

/// What runs. Killed when dropped.
pub(crate) struct Scene {
    pub(crate) upstream: Server,
    pub(crate) upstream_url: String,
    pub(crate) gateway: Server,
    pub(crate) gateway_url: String,
    pub(crate) token: String,
}

// === impl Scene ===

impl Scene {
    /// Empties the folder and starts all of it there, the gateway by way of another program where there are words for one.
    pub(crate) fn set(shipped: &Programs, folder: &Path, by: &[String]) -> Result<Self> {
        if folder.exists() {
            std::fs::remove_dir_all(folder).with_context(|| format!("could not empty {}", folder.display()))?;
        }
        std::fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
        let log = folder.join("stderr.log");
        let upstream = Server::start(&mut Command::new(&shipped.upstream), &log)?;
        let upstream_url = address(&upstream.said)?;
        let config = folder.join("countersign.yaml");
        let text = format!("{:#}\n", configuration(&upstream_url));
        std::fs::write(&config, text).context("could not write the configuration")?;
        std::fs::write(folder.join(RULES_FILE), rules()).context("could not write the rules")?;
        let countersign = &shipped.countersign;
        let gateway = start_gateway(by, countersign, &config, &log)?;
        let said: Value = serde_json::from_str(&gateway.said).context("the gateway did not say where it listens")?;
        let gateway_url = said.get("mcp").and_then(Value::as_str).context("the gateway did not name its endpoint")?;
        operate(countersign, &config, &["tools", "pin", "bench", "--class", "read", "--yes"])?;
        let token = operate(countersign, &config, &["token", "--agent", "bench", "--human", "ana", "--ttl", "12h"])?;
        let (gateway_url, token) = (gateway_url.to_owned(), token.trim().to_owned());
        Ok(Self { upstream, upstream_url, gateway, gateway_url, token })
    }
}

/// Starts it, by way of another program where there are words for one.
pub(crate) fn start_gateway(by: &[String], countersign: &Path, config: &Path, log: &Path) -> Result<Server> {
    let mut words = by.iter().map(OsStr::new).chain([countersign.as_os_str()]);
    let mut command = Command::new(words.next().unwrap_or_default());
    Server::start(command.args(words).args(["serve", "--json", "--config"]).arg(config), log)
}

/// Runs a command against the running gateway; its stdout.
pub(crate) fn operate(countersign: &Path, config: &Path, words: &[&str]) -> Result<String> {
    capture(Command::new(countersign).args(words).arg("--config").arg(config))
}

/// The address in `listening on ADDRESS`.
pub(crate) fn address(said: &str) -> Result<String> {
    let address = said.trim().strip_prefix("listening on ");
    address.map(str::to_owned).with_context(|| format!("no address in `{said}`"))
}

/// One person, one agent, one app whose reads run.
pub(crate) fn configuration(url: &str) -> Value {
    json!({
        "listen": "127.0.0.1:0",
        "data": "./data",
        "rules": [RULES_FILE],
        "people": {"ana": {"name": "Ana Diaz", "department": "finance", "seniority": "executive", "role": "cfo"}},
        "agents": {"bench": {"name": "Load generator", "owner": "ana"}},
        "apps": {"bench": {
            "url": url, "risk": "low", "data": "internal", "owners": ["ana"], "access": {"people": ["ana"]},
        }},
    })
}

/// A hundred rules that every call has to do with: a permit, and what an organisation forbids or holds by department, tool,
/// seniority and class. None of them ends this load's calls.
pub(crate) fn rules() -> String {
    let mut rules = vec![
        "@id(\"bench-permit\") permit (principal == Agent::\"bench\", action, resource in App::\"bench\");".to_owned(),
    ];
    for number in 1..RULES {
        let id = format!("bench-{number}");
        rules.push(match number % 4 {
            0 => format!(
                "@id(\"{id}\") forbid (principal, action, resource) when {{ context.human.department == \"unit {number}\" }};"
            ),
            1 => format!("@id(\"{id}\") forbid (principal, action == Action::\"call\", resource == Tool::\"bench/tool_{number}\");"),
            2 => format!(
                "@id(\"{id}\") @outcome(\"hold\") forbid (principal, action, resource in App::\"bench\") \
                 when {{ resource.name == \"tool_{number}\" && context.human.seniority != \"executive\" }};"
            ),
            _ => format!(
                "@id(\"{id}\") forbid (principal, action, resource) \
                 when {{ context.class == \"destructive\" && context.human.role == \"role {number}\" }};"
            ),
        });
    }
    rules.join("\n")
}

/// Beside the configuration.
pub(crate) const RULES_FILE: &str = "rules.cedar";
const RULES: usize = 100;
