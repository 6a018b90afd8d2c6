//! `cargo xtask bench WHAT`: how fast something is, on the machine at hand.
//!
//! A bench prints a table for people and, with `--json FILE`, a list of `{name, value, unit, target, holds}` for programs.
//! It never fails for being slow: whether a target holds is printed, and a person or CI decides what that means.

mod decide;
mod holds;
mod http;
mod mcp;
pub(crate) mod process;
pub(crate) mod scene;
mod statistics;
mod trace;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

pub(crate) use mcp::{Options as McpOptions, Other};
pub(crate) use trace::{Options as TraceOptions, bench as bench_trace};

/// One number and, where somebody set one, its target.
pub(crate) struct Measure {
    name: String,
    value: f64,
    unit: &'static str,
    target: Option<Target>,
}

/// What a number should be.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

/// Measures. True: it measured, whatever it found.
pub(crate) fn bench(root: &Path, words: &[&str]) -> Result<bool, Refused> {
    match words {
        ["mcp", options @ ..] => {
            let options = mcp_options(options).map_err(Refused::Usage)?;
            mcp::bench(root, &options).map(|()| true).map_err(Refused::Failed)
        }
        ["decide", options @ ..] => {
            let options = decide_options(options).map_err(Refused::Usage)?;
            decide::bench(root, &options).map(|()| true).map_err(Refused::Failed)
        }
        ["holds", options @ ..] => {
            let options = holds_options(options).map_err(Refused::Usage)?;
            holds::bench(root, &options).map(|()| true).map_err(Refused::Failed)
        }
        ["http", options @ ..] => {
            let options = http_options(options).map_err(Refused::Usage)?;
            http::bench(root, &options).map(|()| true).map_err(Refused::Failed)
        }
        ["trace", options @ ..] => {
            let options = trace_options(options).map_err(Refused::Usage)?;
            trace::bench(root, &options).map(|()| true).map_err(Refused::Failed)
        }
        _ => Err(Refused::Usage("`bench` knows `mcp`, `decide`, `holds`, `http` and `trace`".to_owned())),
    }
}

/// Why nothing was measured.
pub(crate) enum Refused {
    Usage(String),
    Failed(anyhow::Error),
}

// === impl Measure ===

impl Measure {
    fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, target: None }
    }

    fn with(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    fn holds(&self) -> Option<bool> {
        self.target.map(|target| match target {
            Target::AtLeast(least) => self.value >= least,
            Target::AtMost(most) => self.value <= most,
        })
    }

    fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "target": self.target.map(|target| target.to_string()),
            "holds": self.holds(),
        })
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, ">= {}", statistics::shown(*least)),
            Self::AtMost(most) => write!(f, "<= {}", statistics::shown(*most)),
        }
    }
}

/// Those with a target as a Markdown table, on stdout.
#[expect(clippy::print_stdout, reason = "the table is the data of this command")]
fn print_targets(measures: &[Measure]) {
    println!("| measure | value | target | holds |\n|---|---:|---:|---|");
    for measure in measures {
        let (Some(target), Some(holds)) = (measure.target, measure.holds()) else { continue };
        let value = statistics::shown(measure.value);
        let holds = if holds { "yes" } else { "**no**" };
        println!("| {} | {value} {} | {target} | {holds} |", measure.name, measure.unit);
    }
}

/// The list for programs.
fn write_json(file: &Path, measures: &[Measure]) -> Result<()> {
    let list: Vec<Value> = measures.iter().map(Measure::to_json).collect();
    let text = format!("{:#}\n", Value::Array(list));
    std::fs::write(file, text).with_context(|| format!("could not write {}", file.display()))
}

fn mcp_options(words: &[&str]) -> Result<McpOptions, String> {
    let mut options = McpOptions::default();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let mut value = || rest.next().copied().ok_or_else(|| format!("`{word}` needs a value"));
        match *word {
            "--seconds" => options.seconds = positive(word, value()?)?,
            "--rounds" => options.rounds = positive(word, value()?)? as usize,
            "--json" => options.json = Some(PathBuf::from(value()?)),
            "--other" => options.others.push(other(value()?).map_err(|error| error.to_string())?),
            "--no-build" => options.build = false,
            unknown => return Err(format!("`{unknown}` is not an option of `bench mcp`")),
        }
    }
    Ok(options)
}

fn decide_options(words: &[&str]) -> Result<decide::Options, String> {
    let mut options = decide::Options::default();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        match *word {
            "--json" => options.json = Some(PathBuf::from(rest.next().ok_or("`--json` needs a value")?)),
            "--no-build" => options.no_build = true,
            unknown => return Err(format!("`{unknown}` is not an option of `bench decide`")),
        }
    }
    Ok(options)
}

fn holds_options(words: &[&str]) -> Result<holds::Options, String> {
    let mut options = holds::Options::default();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let mut value = || rest.next().copied().ok_or_else(|| format!("`{word}` needs a value"));
        match *word {
            "--calls" => {
                let calls = value()?.parse().ok().filter(|calls| (1..=10_000).contains(calls));
                options.calls = calls.ok_or("`--calls` takes 1 to 10000")?;
            }
            "--json" => options.json = Some(PathBuf::from(value()?)),
            "--no-build" => options.build = false,
            unknown => return Err(format!("`{unknown}` is not an option of `bench holds`")),
        }
    }
    Ok(options)
}

fn http_options(words: &[&str]) -> Result<http::Options, String> {
    let mut options = http::Options::default();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let mut value = || rest.next().copied().ok_or_else(|| format!("`{word}` needs a value"));
        match *word {
            "--seconds" => options.seconds = positive(word, value()?)?,
            "--rounds" => options.rounds = positive(word, value()?)? as usize,
            "--json" => options.json = Some(PathBuf::from(value()?)),
            "--no-build" => options.no_build = true,
            unknown => return Err(format!("`{unknown}` is not an option of `bench http`")),
        }
    }
    Ok(options)
}

fn trace_options(words: &[&str]) -> Result<TraceOptions, String> {
    let mut options = TraceOptions::default();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let mut value = || rest.next().copied().ok_or_else(|| format!("`{word}` needs a value"));
        match *word {
            "--records" => {
                let records = value()?.parse().ok().filter(|records| *records >= RECORDS_MIN);
                options.records = records.ok_or_else(|| format!("`--records` takes a number from {RECORDS_MIN}"))?;
            }
            "--json" => options.json = Some(PathBuf::from(value()?)),
            unknown => return Err(format!("`{unknown}` is not an option of `bench trace`")),
        }
    }
    Ok(options)
}

fn positive(option: &str, text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok();
    number.filter(|number| (0.1..=3_600.0).contains(number)).ok_or_else(|| format!("`{option}` takes 0.1 to 3600"))
}

/// `NAME=URL[,TOKEN]`.
fn other(text: &str) -> Result<Other> {
    let Some((name, rest)) = text.split_once('=') else { bail!("`--other` takes NAME=URL[,TOKEN]") };
    let (url, token) = match rest.split_once(',') {
        Some((url, token)) => (url, Some(token.to_owned())),
        None => (rest, None),
    };
    Ok(Other { name: name.to_owned(), url: url.to_owned(), token })
}

/// Fewer are no log of some months, and a question finds nothing.
const RECORDS_MIN: u64 = 10_000;

#[cfg(test)]
mod tests;
