//! Promises and what holds them: each test that is named by what answers an attack, or by what never happens, is there.

use std::collections::BTreeSet;

use super::Report;
use super::tree::{RustFile, Tree};

pub(super) fn check(tree: &Tree, report: &mut Report) {
    let tests: BTreeSet<&str> = tree.rust.iter().flat_map(tests).collect();
    named(tree, report, &tests, ATTACKS, |text| {
        let rows = (1..).zip(text.lines()).filter(|(_, line)| line.starts_with('|'));
        // The last column says what holds it.
        rows.map(|(number, row)| (number, row.trim_end().trim_end_matches('|').rsplit('|').next().unwrap_or_default()))
            .collect()
    });
    named(tree, report, &tests, ABSENCES, |text| {
        let behind = (1..).zip(text.lines()).skip_while(|(_, line)| *line != NEVER);
        behind.skip(1).take_while(|(_, line)| !line.starts_with('#')).collect()
    });
}

/// Looks for the tests that a document names in these lines of it, which have their numbers.
fn named(
    tree: &Tree,
    report: &mut Report,
    tests: &BTreeSet<&str>,
    document: &str,
    lines: impl Fn(&str) -> Vec<(usize, &str)>,
) {
    let text = std::fs::read_to_string(tree.root.join(document)).unwrap_or_default();
    let lines = lines(&text);
    if lines.is_empty() {
        report.fault(CHECK, document, "names no test", "it says of each promise what holds it");
    }
    for (number, line) in lines {
        // What stands between two backticks is every second part.
        for name in line.split('`').skip(1).step_by(2).filter(|name| is_a_sentence(name)) {
            if !tests.contains(name) {
                let sentence = format!("there is no test `{name}`");
                report.fault(CHECK, format!("{document}:{number}"), sentence, "name the one that holds it");
            }
        }
    }
}

/// The names of the tests in a file: of each function behind an attribute that makes it one.
fn tests(file: &RustFile) -> Vec<&str> {
    let (mut found, mut marked) = (Vec::new(), false);
    for line in &file.lines {
        let code = line.code.trim_start();
        if let Some(attribute) = code.strip_prefix("#[") {
            marked |= attribute.split([']', '(']).next().and_then(|path| path.rsplit("::").next()) == Some("test");
        } else if let Some((_, name)) = code.split_once("fn ") {
            found.extend(name.split(|letter| !in_a_name(letter)).next().filter(|_| marked));
            marked = false;
        }
    }
    found
}

/// Whether it is named as tests are: a sentence of three words or more.
fn is_a_sentence(name: &str) -> bool {
    name.matches('_').count() > 1 && name.chars().all(in_a_name)
}

fn in_a_name(letter: char) -> bool {
    letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_'
}

const CHECK: &str = "attacks";
const ATTACKS: &str = "SECURITY.md";
const ABSENCES: &str = "ARCHITECTURE.md";
/// The part of it that says what never happens.
const NEVER: &str = "## What never happens";
