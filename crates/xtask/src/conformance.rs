//! `cargo xtask conformance`: what the MCP conformance suite finds through the gateway, against what it finds without it.
//!
//! *Servers*: the suite talks to a server of each official SDK, directly and then through a gateway that allows everything.
//! *Clients*: the suite is the server, and an official client talks to it, directly and then through such a gateway, whose
//! outgoing half the suite then judges. A check that passes directly and not through the gateway is lost, and so is one
//! that fails through it. `tests/conformance/lost.txt` says which ones are known to be, and why; it must be exact.

mod expected;
mod stage;
mod suite;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::run::{program, run, stopwatch};
use expected::Expected;
use stage::{Gateway, Server};
use suite::{Checks, Suite};

/// What to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    revisions: Vec<&'static str>,
    subjects: Vec<&'static str>,
    json: Option<PathBuf>,
    build: bool,
    /// Whether the sets go to stdout, and not into files only.
    print: bool,
}

/// What the suite found about one subject in one revision.
struct Comparison {
    subject: &'static str,
    revision: &'static str,
    direct: Checks,
    through: Checks,
}

/// Where things stand.
struct Place<'a> {
    root: &'a Path,
    /// Our own programs.
    programs: PathBuf,
}

/// A check that passes directly and not through the gateway, or fails through it.
#[derive(Debug, PartialEq, Eq)]
struct Lost {
    check: String,
    /// What the suite says of it.
    said: String,
}

impl Options {
    /// Error: what is wrong with the words.
    pub(crate) fn parse(words: &[&str]) -> Result<Self, String> {
        let mut options = Self { build: true, print: true, ..Self::in_ci() };
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            let mut value = || rest.next().copied().ok_or_else(|| format!("`{word}` needs a value"));
            match *word {
                "--revision" => options.revisions = vec![one_of(REVISIONS, value()?)?],
                "--server" => {
                    options.subjects = vec![one_of(SUBJECTS.split_last().map_or(&[], |all| all.1), value()?)?]
                }
                "--client" => options.subjects = vec![CLIENT],
                "--json" => options.json = Some(PathBuf::from(value()?)),
                "--no-build" => options.build = false,
                unknown => return Err(format!("`{unknown}` is not an option of `conformance`")),
            }
        }
        Ok(options)
    }

    /// As CI does it: everything, with what is built, and in few words.
    pub(crate) fn in_ci() -> Self {
        let (revisions, subjects) = (REVISIONS.to_vec(), SUBJECTS.to_vec());
        Self { revisions, subjects, json: None, build: false, print: false }
    }
}

fn one_of(known: &[&'static str], word: &str) -> Result<&'static str, String> {
    let found = known.iter().find(|known| **known == word).copied();
    found.ok_or_else(|| format!("`{word}` is none of {}", known.join(", ")))
}

/// Runs the suite, writes both sets of passed checks to `target/conformance`, and says what was lost. True: exactly what was expected is lost.
pub(crate) fn conformance(root: &Path, options: &Options) -> Result<bool> {
    let expected = Expected::read(&root.join(EXPECTED))?;
    if options.build {
        let arguments = ["build", "--locked", "-p", "countersign", "-p", "testkit", "--bins", "--quiet"];
        run(&mut program("cargo", &arguments, root))?;
    }
    let folder = root.join("target/conformance");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("could not empty {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    let suite = Suite::installed(root)?;
    let place = Place { root, programs: programs(root, &folder)? };
    let mut exact = true;
    let mut found = Vec::new();
    for subject in &options.subjects {
        for revision in &options.revisions {
            let begun = stopwatch();
            let of_this = folder.join(format!("{subject}-{revision}"));
            let compared = match *subject {
                CLIENT => compare_client(&place, &suite, revision, &of_this)?,
                server => compare_server(&place, &suite, server, revision, &of_this)?,
            };
            let lost = compared.lost();
            let sets = sets(&compared, &lost, &expected);
            if options.print {
                print(&sets);
            }
            let file = folder.join(format!("{subject}-{revision}.md"));
            std::fs::write(&file, sets).with_context(|| format!("could not write {}", file.display()))?;
            exact &= judge(&compared, &lost, &expected);
            eprintln!("  {:.1} s", begun.elapsed().as_secs_f64());
            found.push(compared.to_json());
        }
    }
    if let Some(file) = &options.json {
        std::fs::write(file, format!("{:#}\n", Value::Array(found)))
            .with_context(|| format!("could not write {}", file.display()))?;
    }
    Ok(exact)
}

/// Our programs as they are now: a build meanwhile changes nothing.
fn programs(root: &Path, folder: &Path) -> Result<PathBuf> {
    let programs = folder.join("bin");
    std::fs::create_dir_all(&programs).with_context(|| format!("could not make {}", programs.display()))?;
    for name in PROGRAMS {
        let built = root.join("target/debug").join(name);
        std::fs::copy(&built, programs.join(name)).with_context(|| format!("could not copy {}", built.display()))?;
    }
    Ok(programs)
}

fn compare_server(
    place: &Place<'_>,
    suite: &Suite,
    server: &'static str,
    revision: &'static str,
    folder: &Path,
) -> Result<Comparison> {
    std::fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
    let server_runs = Server::everything(place, server, folder)?;
    let direct = suite.server(server_runs.url(), revision, &folder.join("direct"))?;
    let gateway = Gateway::before(place, server_runs.url(), folder)?;
    let through = suite.server(gateway.url(), revision, &folder.join("through"))?;
    Ok(Comparison { subject: server, revision, direct, through })
}

fn compare_client(place: &Place<'_>, suite: &Suite, revision: &'static str, folder: &Path) -> Result<Comparison> {
    let client = format!("node {}", place.root.join("tests/node/suite-client.mjs").display());
    let (route, gateway) = (place.programs.join("testkit-route"), place.programs.join("countersign"));
    let routed = format!("{} --gateway {} {client}", route.display(), gateway.display());
    let direct = suite.client(&client, revision, &folder.join("direct"))?;
    let through = suite.client(&routed, revision, &folder.join("through"))?;
    Ok(Comparison { subject: CLIENT, revision, direct, through })
}

// === impl Comparison ===

impl Comparison {
    /// In the order of the checks' names.
    fn lost(&self) -> Vec<Lost> {
        let mut names: Vec<&str> = self.direct.passed().collect();
        if self.subject == CLIENT {
            names.extend(self.through.failed());
        }
        names.sort_unstable();
        names.dedup();
        let lost = names.into_iter().filter(|name| !self.through.passes(name));
        lost.map(|name| Lost { check: name.to_owned(), said: self.through.said(name) }).collect()
    }

    fn to_json(&self) -> Value {
        let lost = self.lost();
        let lost: Vec<Value> = lost.iter().map(|lost| json!({"check": lost.check, "said": lost.said})).collect();
        json!({
            "subject": self.subject,
            "revision": self.revision,
            "direct": self.direct.passed().collect::<Vec<_>>(),
            "through": self.through.passed().collect::<Vec<_>>(),
            "not_yet": self.direct.not_run,
            "lost": lost,
        })
    }
}

/// Both sets, one check a line.
fn sets(compared: &Comparison, lost: &[Lost], expected: &Expected) -> String {
    let (subject, revision) = (compared.subject, compared.revision);
    let mut names: Vec<&str> = compared.direct.passed().chain(compared.through.passed()).collect();
    names.extend(lost.iter().map(|lost| lost.check.as_str()));
    names.sort_unstable();
    names.dedup();
    let mut sets = format!("## {subject} {revision}\n\n| check | direct | through | |\n|---|---|---|---|\n");
    let mark = |passes| if passes { "pass" } else { "–" };
    for name in names {
        let (direct, through) = (mark(compared.direct.passes(name)), mark(compared.through.passes(name)));
        let reason = match lost.iter().any(|lost| lost.check == name) {
            true => expected.reason(subject, revision, name).unwrap_or("**LOST**"),
            false => "",
        };
        sets.push_str(&format!("| {name} | {direct} | {through} | {reason} |\n"));
    }
    sets.push('\n');
    for scenario in &compared.direct.not_run {
        sets.push_str(&format!("not yet: {scenario}\n"));
    }
    sets
}

#[expect(clippy::print_stdout, reason = "the sets are the data of this command")]
fn print(sets: &str) {
    print!("{sets}");
}

/// Says what differs from what was expected. True: nothing.
fn judge(compared: &Comparison, lost: &[Lost], expected: &Expected) -> bool {
    let (subject, revision) = (compared.subject, compared.revision);
    let unexpected: Vec<&Lost> =
        lost.iter().filter(|lost| expected.reason(subject, revision, &lost.check).is_none()).collect();
    for lost in &unexpected {
        eprintln!("error: lost, and {EXPECTED} does not say so: {subject} {revision} {}\n  {}", lost.check, lost.said);
    }
    for lost in lost {
        if let Some(reason) = expected.reason(subject, revision, &lost.check) {
            eprintln!("  lost: {}: {reason}", lost.check);
        }
    }
    let names: Vec<&str> = lost.iter().map(|lost| lost.check.as_str()).collect();
    let not_lost = expected.not_among(subject, revision, &names);
    let (regained, never_had): (Vec<&str>, Vec<&str>) =
        not_lost.into_iter().partition(|check| compared.through.passes(check));
    for check in &regained {
        eprintln!("error: no longer lost, take it out of {EXPECTED}: {subject} {revision} {check}");
    }
    // On a busy machine a check of timing may fail on both ways; that says nothing about the gateway.
    for check in &never_had {
        eprintln!("note: does not pass directly either: {subject} {revision} {check}");
    }
    let (direct, through) = (compared.direct.passed().count(), compared.through.passed().count());
    let (all, unexpected, regained) = (lost.len(), unexpected.len(), regained.len());
    eprintln!(
        "{subject} {revision}: {direct} pass directly, {through} through the gateway; {all} lost, \
         {unexpected} of them unexpectedly; {regained} no longer lost"
    );
    unexpected == 0 && regained == 0
}

const EXPECTED: &str = "tests/conformance/lost.txt";
const REVISIONS: &[&str] = &["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];
const CLIENT: &str = "client";
const PROGRAMS: &[&str] = &["countersign", "testkit-bearer", "testkit-everything", "testkit-route"];
const SUBJECTS: &[&str] = &["python", "typescript", "rust", CLIENT];

#[cfg(test)]
mod tests;
