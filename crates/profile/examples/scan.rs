//! Prints what the scan finds in tool definitions, one JSON object a line, and what it would find if all their servers stood
//! behind one gateway: `cargo run --release -p profile --example scan FILE`.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a stopwatch for people")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1).ok_or("which file?")?;
    let text = std::fs::read_to_string(file)?;
    let mut offered: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut tools = Vec::new();
    for line in text.lines() {
        let tool: serde_json::Value = serde_json::from_str(line)?;
        let of = |key: &str| tool.get(key).and_then(|name| name.as_str()).unwrap_or_default().to_owned();
        offered.entry(of("tool")).or_default().insert(of("server"));
        tools.push((of("server"), of("tool"), line));
    }
    let mut counts: BTreeMap<(String, &str), usize> = BTreeMap::new();
    let start = Instant::now();
    let found: Vec<_> = tools.iter().map(|(_, _, line)| profile::scan(line.as_bytes())).collect();
    let took = start.elapsed();
    for ((server, tool, line), mut found) in tools.iter().zip(found) {
        let other = |word: &str| {
            let by = offered.get(word).filter(|by| !by.contains(server));
            by.and_then(|by| by.first()).map(String::as_str)
        };
        found.extend(profile::shadowing(line.as_bytes(), tool, &[], other));
        for finding in found {
            println!("{} {server}/{tool}: {finding}", finding.severity.as_str());
            *counts.entry((finding.pattern, finding.severity.as_str())).or_default() += 1;
        }
    }
    println!("{} definitions, {} bytes, {took:?}: {counts:?}", tools.len(), text.len());
    Ok(())
}
