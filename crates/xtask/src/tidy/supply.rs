//! What we build with: licences, bans and sources as deny.toml says, read from `cargo metadata`.
//!
//! The file is cargo-deny's format, so that cargo-deny can be run on it as well; this check needs nothing to be
//! installed. Advisories are not checked: their database is not on this machine.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::Value;

use super::tree::{Tree, metadata};
use super::{Report, licence};
use crate::run::{capture, program};

pub(super) fn check(tree: &Tree, report: &mut Report) -> Result<()> {
    let text = match std::fs::read_to_string(tree.root.join(FILE)) {
        Ok(text) => text,
        Err(error) => {
            report.fault("supply", FILE, format!("could not be read: {error}"), "it lists licences, bans and sources");
            return Ok(());
        }
    };
    let rules = Rules::parse(&text)?;
    let locked: &[&str] = if tree.root.join("Cargo.lock").exists() { &["--locked"] } else { &[] };
    let metadata = metadata(&tree.root, locked)?;
    let packages = metadata.get("packages").and_then(Value::as_array).context("cargo metadata has no packages")?;
    let built = built(tree, locked)?;
    let mut count = 0;
    for package in packages.iter().filter(|package| built.contains(&named(package))) {
        inspect(package, &rules, report);
        count += 1;
    }
    report.note(format!("supply: {count} packages compared with {FILE}"));
    Ok(())
}

/// What some build of the workspace compiles, as `name version`. The lock file names more: `cargo metadata` keeps optional
/// dependencies that no feature turns on.
fn built(tree: &Tree, locked: &[&str]) -> Result<BTreeSet<String>> {
    let fixed = [
        "tree",
        "--workspace",
        "--target",
        "all",
        "--edges",
        "normal,build,dev",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ];
    let text = capture(&mut program("cargo", &[&fixed[..], locked].concat(), &tree.root))?;
    let pair = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?;
        Some(format!("{name} {}", words.next()?.trim_start_matches('v')))
    };
    Ok(text.lines().filter_map(pair).collect())
}

fn named(package: &Value) -> String {
    let text = |key: &str| package.get(key).and_then(Value::as_str).unwrap_or_default();
    format!("{} {}", text("name"), text("version"))
}

struct Rules {
    licences: BTreeSet<String>,
    exceptions: Vec<(String, BTreeSet<String>)>,
    bans: Vec<(String, String)>,
    sources: BTreeSet<String>,
}

// === impl Rules ===

impl Rules {
    fn parse(text: &str) -> Result<Self> {
        let file: toml::Table = toml::from_str(text).context("deny.toml is not TOML")?;
        let entries = |table: &str, key: &str| {
            let value = file.get(table).and_then(|table| table.get(key)).and_then(toml::Value::as_array);
            value.cloned().with_context(|| format!("deny.toml lacks `{key}` in [{table}]"))
        };
        let exceptions = entries("licenses", "exceptions")?;
        let exceptions = exceptions.iter().map(|entry| {
            let allow = entry.get("allow").and_then(toml::Value::as_array).context("an exception lacks `allow`")?;
            Ok((field(entry, "crate")?, strings(allow)))
        });
        let bans = entries("bans", "deny")?;
        let bans = bans.iter().map(|entry| Ok((field(entry, "crate")?, field(entry, "reason")?)));
        Ok(Self {
            licences: strings(&entries("licenses", "allow")?),
            exceptions: exceptions.collect::<Result<_>>()?,
            bans: bans.collect::<Result<_>>()?,
            sources: strings(&entries("sources", "allow-registry")?),
        })
    }
}

fn field(entry: &toml::Value, key: &str) -> Result<String> {
    let value = entry.get(key).and_then(toml::Value::as_str);
    value.map(str::to_owned).with_context(|| format!("deny.toml: `{entry:?}` lacks `{key}`"))
}

fn strings(values: &[toml::Value]) -> BTreeSet<String> {
    values.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect()
}

fn inspect(package: &Value, rules: &Rules, report: &mut Report) {
    let text = |key: &str| package.get(key).and_then(Value::as_str);
    let name = text("name").unwrap_or_default();
    let place = named(package);
    if let Some((_, reason)) = rules.bans.iter().find(|(banned, _)| banned == name) {
        report.fault("bans", &place, format!("is banned: {reason}"), "`cargo tree -i NAME` says who wants it");
    }
    if let Some(source) = text("source") {
        let registry = source.strip_prefix("registry+");
        if !registry.is_some_and(|registry| rules.sources.contains(registry)) {
            report.fault("sources", &place, format!("comes from `{source}`"), "only crates.io is a source");
        }
    }
    let exception = rules.exceptions.iter().find(|(exempt, _)| exempt == name).map(|(_, allowed)| allowed);
    let met = |allowed| licence::is_met(text("license").unwrap_or_default(), allowed);
    match met(&rules.licences).and_then(|ok| if ok { Ok(true) } else { exception.map_or(Ok(false), met) }) {
        Ok(true) => {}
        Ok(false) => {
            let sentence = format!("its licence is `{}`", text("license").unwrap_or("not stated"));
            report.fault("licences", &place, sentence, "read the licence; then allow it in deny.toml or do without");
        }
        Err(sentence) => report.fault("licences", &place, sentence, "read the licence"),
    }
}

const FILE: &str = "deny.toml";
