//! What the trace costs: durable records a second, verification, questions to a long log, bytes on disk.
//!
//! `cargo xtask bench trace` builds and runs it. Each line it prints is a JSON object with `name`, `value` and `unit`.
//!
//! ```text
//! trace DIRECTORY commits [CALLERS]  how many records a second become durable, beside what the disk can flush
//! trace DIRECTORY questions RECORDS  a log of so many records: making, size, verification, questions
//! trace DIRECTORY postgres RECORDS   the same of a log in PostgreSQL, whose server is started for it
//! trace DIRECTORY straight CALLS     appends so many calls and nothing else: for whoever counts instructions
//! ```

mod commits;
mod postgres;
mod questions;
mod sample;
mod stopwatch;

use std::path::PathBuf;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let usage =
        "trace DIRECTORY commits [CALLERS], trace DIRECTORY questions RECORDS, or trace DIRECTORY straight CALLS";
    let folder = words.first().map(PathBuf::from).ok_or(usage)?;
    let number = || words.get(2).ok_or(usage)?.parse::<u64>().map_err(Failure::from);
    match words.get(1).map(String::as_str) {
        Some("commits") => match words.get(2) {
            Some(_) => commits::measure(&folder, &[number()?]),
            None => commits::measure(&folder, &[1, 16, 64, 256]),
        },
        Some("straight") => commits::straight(&folder, number()?),
        Some("postgres") => postgres::measure(&folder, number()?),
        Some("questions") => questions::measure(&folder, number()?),
        _ => Err(usage.into()),
    }
}

/// One number, as `cargo xtask bench` reads it.
#[expect(clippy::print_stdout, reason = "a program says what it measured")]
fn say(name: impl AsRef<str>, value: f64, unit: &str) {
    println!("{}", serde_json::json!({ "name": name.as_ref(), "value": value, "unit": unit }));
}
