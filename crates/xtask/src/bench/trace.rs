//! `bench trace`: how fast records become durable, are verified and are found again, in SQLite and in PostgreSQL, and what they
//! take of the disk.

mod slow_disk;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::statistics::shown;
use super::{Measure, Target, print_targets, write_json};
use crate::run::{program, run, run_line_by_line};
use slow_disk::SlowDisk;

/// How to measure.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// How long a log is asked.
    pub(crate) records: u64,
    /// Whether only the log is made and asked, with what is quick to build.
    pub(crate) questions_only: bool,
    /// Where the list goes.
    pub(crate) json: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { records: 1_000_000, questions_only: false, json: None }
    }
}

impl Options {
    /// As CI does it: the numbers are those of a debug build on a busy machine, but every question is asked and the whole log
    /// verified.
    pub(crate) fn in_ci() -> Self {
        Self { records: 100_000, questions_only: true, json: None }
    }
}

/// Builds, measures, prints.
pub(crate) fn bench(root: &Path, options: &Options) -> Result<()> {
    let mut arguments = vec!["build", "--locked", "--quiet", "-p", "store", "--example", "trace"];
    if !options.questions_only {
        arguments.extend(["--profile", "dist"]);
    }
    run(&mut program("cargo", &arguments, root))?;
    let profile = if options.questions_only { "debug" } else { "dist" };
    let binary = root.join("target").join(profile).join("examples/trace").display().to_string();
    let folder = root.join("target/bench-trace");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("could not empty {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    let (place, records) = (folder.display().to_string(), options.records.to_string());
    let mut measures = Vec::new();
    print_head();
    let mut take = |program: &mut Command, named: &dyn Fn(String) -> String| {
        run_line_by_line(program, |line| {
            let mut measure = measure_of(line)?;
            measure.name = named(measure.name);
            print_measure(&measure);
            measures.push(measure);
            Ok(())
        })
    };
    let questions = [place.as_str(), "questions", &records];
    if options.questions_only {
        take(&mut program(&binary, &questions, root), &|name| name)?;
    } else {
        take(&mut program(&binary, &[&place, "commits"], root), &|name| name)?;
        match SlowDisk::of(&folder, SLOW_WRITES) {
            Ok(disk) => take(&mut disk.program(&binary, &[&place, "commits", "64"], root), &on_the_slow_disk)?,
            Err(error) => eprintln!("trace: not measured on a slow disk: {error:#}"),
        }
        take(&mut program(&binary, &questions, root), &|name| name)?;
        take(&mut program(&binary, &[&place, "postgres", RECORDS_IN_POSTGRES], root), &|name| name)?;
    }
    std::fs::remove_dir_all(&folder).with_context(|| format!("could not remove {}", folder.display()))?;
    ensure!(measures.len() > QUESTIONS_AT_LEAST, "only {} things were measured", measures.len());
    let goals = goals(&measures);
    print_targets(&goals);
    measures.extend(goals);
    match &options.json {
        Some(file) => write_json(file, &measures),
        None => Ok(()),
    }
}

/// What a measure is called that was taken there.
fn on_the_slow_disk(name: String) -> String {
    name.replacen("trace.", &format!("trace.{ON_A_SLOW_DISK}"), 1)
}

fn measure_of(line: &str) -> Result<Measure> {
    let value: Value = serde_json::from_str(line).with_context(|| format!("`{line}` is no measure"))?;
    let name = value.get("name").and_then(Value::as_str).context("a measure without a name")?;
    let number = value.get("value").and_then(Value::as_f64).context("a measure without a value")?;
    let unit = value.get("unit").and_then(Value::as_str).unwrap_or_default();
    let unit = UNITS.iter().find(|known| **known == unit).with_context(|| format!("`{unit}` is no unit"))?;
    Ok(Measure::new(name, number, unit))
}

/// What the trace shall be.
fn goals(measures: &[Measure]) -> Vec<Measure> {
    let of = |name: &str| measures.iter().find(|measure| measure.name == name).map(|measure| measure.value);
    let slowest = measures
        .iter()
        .filter(|measure| measure.name.starts_with("trace.question.ready.") && measure.name.ends_with(".p95"))
        .map(|measure| measure.value)
        .reduce(f64::max);
    let goal = |name: &str, value: Option<f64>, unit: &'static str, target: Target| {
        value.map(|value| Measure::new(format!("trace.goal.{name}"), value, unit).with(target))
    };
    let over = |place: &str, what: &str| of(&format!("trace.{place}commits.64_callers.over_{what}"));
    let group_commit = |place: &str| {
        [("group_commit", "flushes_alone"), ("group_commit_over_one_commit_a_record", "one_commit_a_record")]
            .map(|(name, what)| goal(&format!("{place}{name}"), over(place, what), "×", Target::AtLeast(40.0)))
    };
    let others = [
        goal("to_a_root", of("trace.verify.to_a_root"), "leaf hashes/s", Target::AtLeast(1e6)),
        goal("ready_made_questions_p95", slowest, "ms", Target::AtMost(50.0)),
        goal("bytes", of("trace.bytes"), "bytes/call", Target::AtMost(1_800.0)),
    ];
    group_commit("").into_iter().chain(group_commit(ON_A_SLOW_DISK)).chain(others).flatten().collect()
}

#[expect(clippy::print_stdout, reason = "the table is the data of this command")]
fn print_head() {
    println!("| measure | value | unit |\n|---|---:|---|");
}

#[expect(clippy::print_stdout, reason = "the table is the data of this command")]
fn print_measure(measure: &Measure) {
    println!("| {} | {} | {} |", measure.name, shown(measure.value), measure.unit);
}

const UNITS: [&str; 12] =
    ["1/s", "bytes", "bytes/call", "calls", "leaf hashes/s", "ms", "records", "records/s", "×", "µs", "µs/call", "s"];
const ON_A_SLOW_DISK: &str = "on_a_slow_disk.";
/// Such a disk does some hundred commits a second, as many rented ones do.
const SLOW_WRITES: u32 = 2_000;
/// Each commit of it is a round trip to the server and back.
const RECORDS_IN_POSTGRES: &str = "100000";
const QUESTIONS_AT_LEAST: usize = 40;

#[cfg(test)]
mod tests;
