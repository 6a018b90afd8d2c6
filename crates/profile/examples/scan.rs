//! Prints what the scan finds in tool definitions, one JSON object a line: `cargo run --release -p profile --example scan FILE`.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a stopwatch for people")]

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1).ok_or("which file?")?;
    let text = std::fs::read_to_string(file)?;
    let mut counts: BTreeMap<(String, &str), usize> = BTreeMap::new();
    let start = Instant::now();
    for line in text.lines() {
        for finding in profile::scan(line.as_bytes()) {
            *counts.entry((finding.pattern.clone(), finding.severity.as_str())).or_default() += 1;
            let tool: serde_json::Value = serde_json::from_str(line)?;
            let of = |key: &str| tool.get(key).and_then(|name| name.as_str()).unwrap_or_default().to_owned();
            println!("{} {}/{}: {finding}", finding.severity.as_str(), of("server"), of("tool"));
        }
    }
    println!("{:?} for {} bytes: {counts:?}", start.elapsed(), text.len());
    Ok(())
}
