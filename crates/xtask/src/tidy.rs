//! `cargo xtask tidy`: the house rules that a compiler cannot see.
//!
//! Each check is a function from the tree to findings. A *fault* fails the run; a *note* is for a person to weigh.

mod attacks;
mod calls;
mod edges;
mod generated;
mod houses;
mod licence;
mod scrub;
mod supply;
mod tree;
mod words;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use anyhow::Result;

use tree::Tree;

/// What to look at.
pub(crate) struct Options {
    /// The workspace.
    pub(crate) root: PathBuf,
    /// The product's binary; `target/debug/countersign` of the workspace if absent.
    pub(crate) binary: Option<PathBuf>,
    /// Bring generated text up to date.
    pub(crate) write: bool,
}

/// What the checks found.
#[derive(Default)]
pub(crate) struct Report {
    notes: Vec<String>,
    faults: Vec<Fault>,
}

struct Fault {
    check: &'static str,
    place: String,
    sentence: String,
    hint: String,
}

/// Runs every check and prints what they found. Says whether the tree is tidy.
pub(crate) fn tidy(options: &Options) -> Result<bool> {
    let report = inspect(options)?;
    print_report(&report);
    Ok(report.faults.is_empty())
}

fn inspect(options: &Options) -> Result<Report> {
    let tree = Tree::load(&options.root)?;
    let mut report = Report::default();
    edges::check(&tree, &mut report);
    houses::check(&tree, &mut report)?;
    calls::check(&tree, &mut report);
    generated::check(&tree, options, &mut report)?;
    words::check(&tree, &mut report);
    attacks::check(&tree, &mut report);
    supply::check(&tree, &mut report)?;
    Ok(report)
}

#[expect(clippy::print_stdout, reason = "the notes are this command's data")]
fn print_report(report: &Report) {
    for note in &report.notes {
        println!("{note}");
    }
    for fault in &report.faults {
        eprintln!("error[{}]: {}: {}", fault.check, fault.place, fault.sentence);
        if !fault.hint.is_empty() {
            eprintln!("  hint: {}", fault.hint);
        }
    }
    eprintln!("tidy: {} faults, {} notes", report.faults.len(), report.notes.len());
}

impl Report {
    fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    fn fault(&mut self, check: &'static str, place: impl Into<String>, sentence: impl Into<String>, hint: &str) {
        self.faults.push(Fault { check, place: place.into(), sentence: sentence.into(), hint: hint.to_owned() });
    }
}
