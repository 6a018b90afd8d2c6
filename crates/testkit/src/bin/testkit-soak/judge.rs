//! Whether all is well, in words and numbers.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::looks::{CHILDREN_MORE, DESCRIPTORS_MORE, Look, Looks, THREADS_MORE, Taken};
use crate::parts::Part;

/// The report, and whether all is well.
pub(crate) fn judge(before: &Look, looks: &Looks, after: &Look, parts: &[Arc<Part>]) -> (String, bool) {
    let mut report = String::new();
    // Writing to a string cannot fail.
    let _ = per_minute(&mut report, before, looks, after);
    let _ = per_part(&mut report, parts);
    let bound = growth_kb_per_minute_max(&looks.taken);
    let growth = growth_kb_per_minute(&looks.taken);
    let errors: u64 = parts.iter().map(|part| part.errors.load(Ordering::Relaxed)).sum();
    let idle: Vec<&str> =
        parts.iter().filter(|part| part.done.load(Ordering::Relaxed) == 0).map(|part| part.name).collect();
    let checks = [
        check("descriptors", before.descriptors, after.descriptors, DESCRIPTORS_MORE),
        check("threads", before.threads, after.threads, THREADS_MORE),
        check("children", before.children, after.children, CHILDREN_MORE),
        (
            format!("memory grew by {growth:.0} KB a minute over the last two thirds, at most {bound:.0}"),
            growth <= bound,
        ),
        (format!("{} children seen, at least 1", before.children), before.children > 0),
        (format!("{errors} errors that were not provoked, at most 0"), errors == 0),
        (format!("{} parts of the load did nothing, at most 0 {}", idle.len(), idle.join(", ")), idle.is_empty()),
    ];
    for (said, holds) in &checks {
        let _ = writeln!(report, "{}  {}", if *holds { "ok    " } else { "FAILED" }, said.trim_end());
    }
    (report, checks.iter().all(|(_, holds)| *holds))
}

fn check(what: &str, before: usize, after: usize, more: usize) -> (String, bool) {
    (format!("{what}: {after} after it, {before} before, at most {more} more"), after <= before + more)
}

fn per_minute(out: &mut String, before: &Look, looks: &Looks, after: &Look) -> std::fmt::Result {
    writeln!(out, "minute  resident MB  descriptors  threads  children  calls/s  errors")?;
    let row = |out: &mut String, name: &str, look: &Look, rest: &str| {
        let (memory, descriptors) = (look.kilobytes as f64 / 1024.0, look.descriptors);
        let (threads, children) = (look.threads, look.children);
        writeln!(out, "{name:<6}  {memory:>11.1}  {descriptors:>11}  {threads:>7}  {children:>8}{rest}")
    };
    row(out, "before", before, "")?;
    let (mut calls, mut errors, mut since) = (0, 0, 0.0);
    for (place, minute) in looks.taken.chunks(60).enumerate() {
        let Some(last) = minute.last() else { continue };
        let rate = (last.calls - calls) as f64 / (last.seconds - since);
        row(out, &(place + 1).to_string(), &last.look, &format!("  {rate:>7.0}  {:>6}", last.errors - errors))?;
        (calls, errors, since) = (last.calls, last.errors, last.seconds);
    }
    row(out, "after", after, "")?;
    writeln!(out)
}

fn per_part(out: &mut String, parts: &[Arc<Part>]) -> std::fmt::Result {
    writeln!(out, "{:<24}  {:>9}  {:>6}", "part", "done", "errors")?;
    for part in parts {
        let (done, errors) = (part.done.load(Ordering::Relaxed), part.errors.load(Ordering::Relaxed));
        writeln!(out, "{:<24}  {done:>9}  {errors:>6}", part.name)?;
        for said in part.what_failed() {
            writeln!(out, "    {said}")?;
        }
    }
    writeln!(out)
}

/// The slope of the line through the last two thirds (least squares).
fn growth_kb_per_minute(taken: &[Taken]) -> f64 {
    let last = taken.get(taken.len() / 3..).unwrap_or_default();
    let count = last.len() as f64;
    let mean = |of: &dyn Fn(&Taken) -> f64| last.iter().map(of).sum::<f64>() / count;
    let memory = |one: &Taken| one.look.kilobytes as f64;
    let (middle, level) = (mean(&|one| one.seconds), mean(&memory));
    let along = mean(&|one| (one.seconds - middle) * (memory(one) - level));
    let spread = mean(&|one| (one.seconds - middle).powi(2));
    if spread > 0.0 { 60.0 * along / spread } else { 0.0 }
}

/// A megabyte a minute over ten minutes: at the thousands of calls a second of this load that is a few bytes lost with each.
/// In a short run pages come and go by a megabyte or so whatever is called, so that less than [`NOISE_KB`] over the whole
/// span tells nothing; in one minute of the debug build, at some 500 calls a second, a hundred bytes lost with each are
/// found.
fn growth_kb_per_minute_max(taken: &[Taken]) -> f64 {
    let minutes = taken.last().map_or(1.0, |last| last.seconds / 60.0);
    (NOISE_KB / minutes).max(GROWTH_KB_PER_MINUTE_MAX)
}

const GROWTH_KB_PER_MINUTE_MAX: f64 = 1024.0;
const NOISE_KB: f64 = 3.0 * 1024.0;

#[cfg(test)]
mod tests;
