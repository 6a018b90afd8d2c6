//! Attacks and what answers them: each test that SECURITY.md names is there.

use std::collections::BTreeSet;

use super::Report;
use super::tree::Tree;

pub(super) fn check(tree: &Tree, report: &mut Report) {
    let Ok(text) = std::fs::read_to_string(tree.root.join(TABLE)) else {
        report.fault(CHECK, TABLE, "could not be read", "it names what holds each answer to an attack");
        return;
    };
    let functions = functions(tree);
    for (index, line) in text.lines().enumerate().filter(|(_, line)| line.starts_with('|')) {
        let held_by = line.trim_end().trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        // What stands between two backticks is every second part.
        for name in held_by.split('`').skip(1).step_by(2).filter(|name| is_a_sentence(name)) {
            if !functions.contains(name) {
                let sentence = format!("there is no test `{name}`");
                report.fault(CHECK, format!("{TABLE}:{}", index + 1), sentence, "name the one that holds it");
            }
        }
    }
}

/// The names of all functions in Rust code.
fn functions(tree: &Tree) -> BTreeSet<&str> {
    let lines = tree.rust.iter().flat_map(|file| &file.lines);
    let named = lines.filter_map(|line| line.code.split_once("fn ")?.1.split(|letter| !in_a_name(letter)).next());
    named.collect()
}

/// Whether it is named as tests are: a sentence of three words or more.
fn is_a_sentence(name: &str) -> bool {
    name.matches('_').count() > 1 && name.chars().all(in_a_name)
}

fn in_a_name(letter: char) -> bool {
    letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_'
}

const CHECK: &str = "attacks";
const TABLE: &str = "SECURITY.md";
