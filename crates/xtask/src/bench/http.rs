//! `bench http`: how fast an answer is let through that shows only part of itself, beside a tree of it, a pass of the parser
//! and copying memory, in the same run; how much memory 100 MB take that stream; and what the door of a gateway costs that lets
//! such answers through.

mod door;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::statistics::shown;
use super::{Measure, Target, print_targets, write_json};
use crate::dist::{self, Programs};
use crate::run::{capture, program, run};

/// How to measure.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    /// For how long each way through the door is measured in each round.
    pub(crate) seconds: f64,
    /// How often each has its turn.
    pub(crate) rounds: usize,
    /// Where the list goes.
    pub(crate) json: Option<PathBuf>,
    /// Whether to measure what stands built.
    pub(crate) no_build: bool,
}

/// What one way took for so many bytes.
#[derive(Debug, PartialEq)]
struct Line {
    name: String,
    bytes: u64,
    gb_s: f64,
    us: f64,
}

/// What was printed.
#[derive(Debug, Default, PartialEq)]
struct Said {
    lines: Vec<Line>,
    /// How much the peak of the process rose while 100 MB streamed.
    peak_kb: f64,
}

/// Builds, measures, prints.
pub(crate) fn bench(root: &Path, options: &Options) -> Result<()> {
    if !options.no_build {
        let arguments = ["build", "--profile", "dist", "--locked", "--quiet", "-p", "json", "--example", "release"];
        run(&mut program("cargo", &arguments, root))?;
    }
    let binary = root.join("target/dist/examples/release").display().to_string();
    let programs = if options.no_build { Programs::shipped()? } else { dist::ship(root)? };
    let said = Said::read(&capture(&mut program::<&str>(&binary, &[], root))?)?;
    ensure!(!said.lines.is_empty(), "nothing was measured");
    said.print();
    let mut measures: Vec<Measure> = said.lines.iter().map(Line::measure).collect();
    measures.extend(said.goals());
    measures.extend(door::measure(root, &programs, options)?);
    print_targets(&measures);
    match &options.json {
        Some(file) => write_json(file, &measures),
        None => Ok(()),
    }
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self { seconds: 2.0, rounds: 5, json: None, no_build: false }
    }
}

// === impl Said ===

impl Said {
    /// Reads what the example prints.
    fn read(text: &str) -> Result<Self> {
        let mut said = Self::default();
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).with_context(|| format!("`{line}` is no measure"))?;
            let number = |key: &str| line.get(key).and_then(Value::as_f64);
            let (name, bytes) = (line.get("name").and_then(Value::as_str), line.get("bytes").and_then(Value::as_u64));
            if let Some(kb) = number("kb") {
                said.peak_kb = kb;
            }
            if let (Some(name), Some(bytes), Some(gb_s), Some(us)) = (name, bytes, number("gb_s"), number("us")) {
                said.lines.push(Line { name: name.to_owned(), bytes, gb_s, us });
            }
        }
        Ok(said)
    }

    fn goals(&self) -> Vec<Measure> {
        let trees = self.lines.iter().filter(|line| line.name == TREE);
        let mut goals: Vec<Measure> = trees
            .filter_map(|tree| {
                let mask = self.lines.iter().find(|line| line.name == MASK && line.bytes == tree.bytes)?;
                let name = format!("http.mask_over_tree_at_{}", sized(tree.bytes));
                Some(Measure::new(name, mask.gb_s / tree.gb_s, "×").with(Target::AtLeast(OVER_TREE_AT_LEAST)))
            })
            .collect();
        let peak = Measure::new("http.mask_peak_of_100_MB", self.peak_kb / 1024.0, "MB");
        goals.push(peak.with(Target::AtMost(PEAK_AT_MOST_MB)));
        goals
    }

    #[expect(clippy::print_stdout, reason = "the table is the data of this command")]
    fn print(&self) {
        println!("| way | bytes | GB/s | µs |\n|---|---:|---:|---:|");
        for line in &self.lines {
            println!("| {} | {} | {} | {} |", line.name, sized(line.bytes), shown(line.gb_s), shown(line.us));
        }
        println!();
    }
}

// === impl Line ===

impl Line {
    fn measure(&self) -> Measure {
        Measure::new(format!("http.{}.{}", self.name, sized(self.bytes)), self.gb_s, "GB/s")
    }
}

/// `10_KB`, `1_MB`.
fn sized(bytes: u64) -> String {
    if bytes < 1_000_000 { format!("{}_KB", bytes / 1_000) } else { format!("{}_MB", bytes / 1_000_000) }
}

const MASK: &str = "mask";
const TREE: &str = "serde_json";
const OVER_TREE_AT_LEAST: f64 = 5.0;
const PEAK_AT_MOST_MB: f64 = 8.0;

#[cfg(test)]
mod tests;
