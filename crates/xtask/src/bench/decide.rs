//! `bench decide`: how long one decision takes under few and under many rules, beside plain Cedar and Rego on the same rules.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::statistics::shown;
use super::{Measure, Target, print_targets, write_json};
use crate::run::{capture, program, run};

/// How to measure.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Where the list goes.
    pub(crate) json: Option<PathBuf>,
    /// Whether to measure what stands built.
    pub(crate) no_build: bool,
}

/// What one way took under so many rules.
#[derive(Debug, PartialEq)]
struct Line {
    name: String,
    rules: u64,
    p50: f64,
    p99: f64,
}

/// Builds, measures, prints.
pub(crate) fn bench(root: &Path, options: &Options) -> Result<()> {
    if !options.no_build {
        let arguments = [
            "build",
            "--profile",
            "dist",
            "--locked",
            "--quiet",
            "-p",
            "policy",
            "--features",
            "rego",
            "--example",
            "decide",
        ];
        run(&mut program("cargo", &arguments, root))?;
    }
    let binary = root.join("target/dist/examples/decide").display().to_string();
    let said = capture(&mut program::<&str>(&binary, &[], root))?;
    let lines = lines(&said)?;
    ensure!(!lines.is_empty(), "nothing was measured");
    print_lines(&lines);
    let mut measures: Vec<Measure> = lines.iter().flat_map(Line::measures).collect();
    let goals = goals(&lines, growth(&said)?);
    print_targets(&goals);
    measures.extend(goals);
    match &options.json {
        Some(file) => write_json(file, &measures),
        None => Ok(()),
    }
}

// === impl Line ===

impl Line {
    fn measures(&self) -> [Measure; 2] {
        let name =
            |part: &str| format!("decide.{}.{}_rules.{part}", self.name.replace(' ', "_").to_lowercase(), self.rules);
        [Measure::new(name("p50"), self.p50, "µs"), Measure::new(name("p99"), self.p99, "µs")]
    }
}

/// Reads what the example prints; lines that measure something else are passed over.
fn lines(said: &str) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for line in said.lines() {
        let line: Value = serde_json::from_str(line).with_context(|| format!("`{line}` is no measure"))?;
        let number = |key: &str| line.get(key).and_then(Value::as_f64);
        let (name, rules) = (line.get("name").and_then(Value::as_str), line.get("rules").and_then(Value::as_u64));
        if let (Some(name), Some(rules), Some(p50), Some(p99)) = (name, rules, number("p50_us"), number("p99_us")) {
            lines.push(Line { name: name.to_owned(), rules, p50, p99 });
        }
    }
    Ok(lines)
}

/// How much longer the slowest hundredth takes under many rules than under some, in the middle of the rounds.
fn growth(said: &str) -> Result<Option<f64>> {
    for line in said.lines() {
        let line: Value = serde_json::from_str(line).with_context(|| format!("`{line}` is no measure"))?;
        let number = |key: &str| line.get(key).and_then(Value::as_u64);
        if (number("rules"), number("over")) == (Some(MANY_RULES), Some(SOME_RULES)) {
            return Ok(line.get("p99_times").and_then(Value::as_f64));
        }
    }
    Ok(None)
}

fn goals(lines: &[Line], growth: Option<f64>) -> Vec<Measure> {
    let cold = |rules: u64| lines.iter().find(|line| line.name == COLD && line.rules == rules).map(|line| line.p99);
    let (Some(some), Some(many), Some(growth)) = (cold(SOME_RULES), cold(MANY_RULES), growth) else {
        return Vec::new();
    };
    vec![
        Measure::new("decide.p99_at_1000_rules", some, "µs").with(Target::AtMost(P99_AT_MOST_US)),
        Measure::new("decide.p99_at_10000_rules", many, "µs").with(Target::AtMost(P99_AT_MOST_US * GROWTH_AT_MOST)),
        Measure::new("decide.p99_at_10000_over_1000", growth, "×").with(Target::AtMost(GROWTH_AT_MOST)),
    ]
}

#[expect(clippy::print_stdout, reason = "the table is the data of this command")]
fn print_lines(lines: &[Line]) {
    println!("| way | rules | p50 µs | p99 µs |\n|---|---:|---:|---:|");
    for line in lines {
        println!("| {} | {} | {} | {} |", line.name, line.rules, shown(line.p50), shown(line.p99));
    }
    println!();
}

const COLD: &str = "cold";
const SOME_RULES: u64 = 1_000;
const MANY_RULES: u64 = 10_000;
const P99_AT_MOST_US: f64 = 25.0;
const GROWTH_AT_MOST: f64 = 1.2;

#[cfg(test)]
mod tests;
