//! `countersign.yaml` as `init` writes it.

use std::fmt::Write as _;

use model::{AgentId, HumanId};

use super::entry::{Found, Into, Kept, Launch};
use super::plan::{Plan, PlannedApp};

/// Who and where, for the configuration.
pub struct Written<'w> {
    /// The person.
    pub human: &'w HumanId,
    /// The agent that `connect` acts as.
    pub agent: &'w AgentId,
    /// The port to listen on.
    pub port: u16,
    /// The data directory, as it is written.
    pub data: &'w str,
}

/// The text of the file. No secret stands in it.
pub fn configuration(plan: &Plan, written: &Written<'_>) -> String {
    let (human, agent) = (key(written.human.as_str()), key(written.agent.as_str()));
    let mut text = format!(
        "{HEAD}
listen: 127.0.0.1:{port}
data: {data}

# Who delegates work to agents.
people:
  {human}: {{}}

# What acts. `countersign agents suspend {agent}` stops it at its next call.
agents:
  {agent}: {{ owner: {human} }}

# Who `countersign connect` acts as, whatever client starts it.
connect: {{ human: {human}, agent: {agent} }}
{APPS}",
        port = written.port,
        data = quoted(written.data),
    );
    for app in &plan.apps {
        write_app(&mut text, app, &human);
    }
    if plan.apps.is_empty() {
        text.push_str("  {}\n");
    }
    text
}

/// An id in the way of apps: small letters, digits and hyphens.
pub fn slug(name: &str) -> String {
    let mut slug = String::new();
    for letter in name.chars() {
        match letter.to_ascii_lowercase() {
            letter @ ('a'..='z' | '0'..='9') => slug.push(letter),
            _ if slug.ends_with('-') || slug.is_empty() => {}
            _ => slug.push('-'),
        }
        if slug.len() == APP_ID_CHARS_MAX {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "app".to_owned() } else { slug.to_owned() }
}

fn write_app(text: &mut String, app: &PlannedApp, human: &str) {
    for from in &app.from {
        let from: String = from.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect();
        let _ = writeln!(text, "  # from {from}");
    }
    let _ = writeln!(text, "  {}:", key(app.id.as_str()));
    match &app.server.launch {
        Launch::Command { words, environment, directory } => {
            let command: Vec<String> = words.iter().map(|word| quoted(word)).collect();
            let _ = writeln!(text, "    command: [{}]", command.join(", "));
            if let Some(directory) = directory {
                let _ = writeln!(text, "    directory: {}", quoted(&directory.display().to_string()));
            }
            if !environment.is_empty() {
                text.push_str("    env:\n");
            }
            for (name, value) in environment {
                let _ = writeln!(text, "      {}: {}", quoted(name), quoted(value));
            }
            if let Some(profile) = shipped_profile(words) {
                let _ = writeln!(text, "    profile: {profile}");
            }
        }
        Launch::Url(url) => {
            let _ = writeln!(text, "    url: {}", quoted(url));
        }
    }
    write_credentials(text, app);
    let _ = writeln!(text, "    risk: high\n    data: restricted\n    owners: [{human}]");
    let _ = writeln!(text, "    access: {{ people: [{human}] }}");
}

fn write_credentials(text: &mut String, app: &PlannedApp) {
    let source = |found: &Found, name: &str| match &found.kept {
        Kept::Here(_) => quoted(&format!("vault:{name}")),
        Kept::Variable(variable) => quoted(&format!("env:{variable}")),
    };
    let written = app.server.credentials.iter().zip(&app.names).map(|(found, name)| (source(found, name), &found.into));
    let written: Vec<_> = written.collect();
    match written.as_slice() {
        [] => {}
        [(source, place)] => {
            let _ = writeln!(text, "    credential: {source}");
            for (key, value) in place_keys(place) {
                let _ = writeln!(text, "    credential_{key}: {}", quoted(value));
            }
        }
        several => {
            text.push_str("    credentials:\n");
            for (source, place) in several {
                let keys: String =
                    place_keys(place).map(|(key, value)| format!(", {key}: {}", quoted(value))).collect();
                let _ = writeln!(text, "      - {{ from: {source}{keys} }}");
            }
        }
    }
}

/// The keys that say where a credential goes, with their values.
fn place_keys(place: &Into) -> impl Iterator<Item = (&'static str, &str)> {
    let (place, prefix) = match place {
        Into::Variable(name) => (("variable", name.as_str()), ""),
        Into::Header(name, prefix) => (("header", name.as_str()), prefix.as_str()),
    };
    std::iter::once(place).chain((!prefix.is_empty()).then_some(("prefix", prefix)))
}

/// The shipped profile of a well-known server, by the package it is started from.
fn shipped_profile(words: &[String]) -> Option<&'static str> {
    PACKAGES.iter().find(|(package, _)| words.iter().any(|word| is_package(word, package))).map(|(_, profile)| *profile)
}

/// `npx package@1.2`, `uvx package==1.2`, `python -m package`, `/path/package`.
fn is_package(word: &str, package: &str) -> bool {
    let tail = if package.contains('/') { word } else { word.rsplit('/').next().unwrap_or(word) };
    tail.replace('_', "-").strip_prefix(package).is_some_and(|rest| rest.is_empty() || rest.starts_with(['@', '=']))
}

/// JSON strings are YAML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A key without quotes where nobody could take it for something else.
fn key(text: &str) -> String {
    let plain = text.starts_with(|letter: char| letter.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text);
    if plain { text.to_owned() } else { quoted(text) }
}

/// Longest id of an app.
pub const APP_ID_CHARS_MAX: usize = 32;

const HEAD: &str = "\
# Written by `countersign init`. `countersign check` says whether it is in order, `countersign reload` puts changes in
# force, `countersign leave` puts the clients back as they were.
";

const APPS: &str = "
# Where agents act. What nobody has judged counts as the worst:
#   risk    low | medium | high: on `low` reads run at once, on any other a read waits for an owner of the app
#   data    public | internal | confidential | restricted: the most sensitive data it holds
#   owners  who may approve what waits; never for their own agents, so name a colleague too
#   access  whose agents may write
apps:
";

const PACKAGES: [(&str, &str); 12] = [
    ("@modelcontextprotocol/server-filesystem", "filesystem"),
    ("mcp-server-filesystem", "filesystem"),
    ("@modelcontextprotocol/server-everything", "everything"),
    ("mcp-server-everything", "everything"),
    ("@modelcontextprotocol/server-memory", "memory"),
    ("mcp-server-memory", "memory"),
    ("mcp-server-fetch", "fetch"),
    ("mcp-server-git", "git"),
    ("mcp-server-sqlite", "sqlite"),
    ("mcp-server-time", "time"),
    ("mcp/filesystem", "filesystem"),
    ("mcp/fetch", "fetch"),
];

#[cfg(test)]
mod tests;
