//! Changes as people see them: line by line, secrets covered.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use aho_corasick::Anchored;
use aho_corasick::automaton::{Automaton as _, StateID};
use aho_corasick::nfa::noncontiguous::NFA;
use similar::{ChangeTag, TextDiff};

use super::trace::readable::plain;
use crate::terminal::{Ink, Look};

/// The lines that change, with three around them. Every text in `covered` is hidden.
pub fn diff(look: Look, before: &[u8], after: &[u8], covered: &[&str]) -> Vec<String> {
    let (before, after) = (cover(before, covered), cover(after, covered));
    let diff = TextDiff::configure().timeout(DIFF_TIME_MAX).diff_lines(&before, &after);
    let mut lines = Vec::new();
    for (number, group) in diff.grouped_ops(3).iter().enumerate() {
        if number > 0 {
            lines.push(look.paint(Ink::Dim, "  …"));
        }
        for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
            // What a client wrote is somebody else's: nothing in it moves the cursor or turns a line around.
            let parts: Vec<String> = change.value().trim_end().split('\t').map(plain).collect();
            let text = parts.join("\t");
            lines.push(match change.tag() {
                ChangeTag::Delete => look.paint(Ink::Red, format_args!("- {text}")),
                ChangeTag::Insert => look.paint(Ink::Green, format_args!("+ {text}")),
                ChangeTag::Equal => look.paint(Ink::Dim, format_args!("  {text}")),
            });
        }
    }
    lines
}

/// Hides every text in `covered`, in one pass however many there are. Of texts that overlap the whole is hidden.
fn cover(bytes: &[u8], covered: &[&str]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut patterns: Vec<Pattern> = covered.iter().filter(|secret| !secret.is_empty()).flat_map(patterns_of).collect();
    patterns.sort_unstable();
    patterns.dedup();
    let Ok(hidden) = places_of(&text, &patterns) else { return COVER.to_owned() };
    let (mut out, mut shown) = (String::with_capacity(text.len()), 0);
    for place in hidden {
        out.push_str(text.get(shown..place.start).unwrap_or_default());
        out.push_str(COVER);
        shown = place.end;
    }
    out.push_str(text.get(shown..).unwrap_or_default());
    out
}

/// What is looked for, and how many bytes at either end of it stay.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Pattern {
    text: String,
    stays: usize,
}

/// A secret as it is, and as it stands in JSON, where some characters are escaped.
fn patterns_of(secret: &&str) -> Vec<Pattern> {
    let written = serde_json::Value::from(*secret).to_string();
    if secret.chars().count() < SHORT {
        return vec![Pattern { text: written, stays: 1 }];
    }
    let inner = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(&written).to_owned();
    vec![Pattern { text: inner, stays: 0 }, Pattern { text: (*secret).to_owned(), stays: 0 }]
}

/// Where the patterns stand in a text, one place behind the other. Error: there are too many of them.
fn places_of(text: &str, patterns: &[Pattern]) -> Result<Vec<Range<usize>>, aho_corasick::BuildError> {
    let automaton = NFA::new(patterns.iter().map(|pattern| &pattern.text))?;
    let mut places: Vec<Range<usize>> = Vec::new();
    // How far what ends in a state goes back, and how many bytes before its end.
    let mut reaches: HashMap<StateID, (usize, usize)> = HashMap::new();
    let Ok(mut state) = automaton.start_state(Anchored::No) else { return Ok(places) };
    for (end, byte) in (1..).zip(text.bytes()) {
        state = automaton.next_state(Anchored::No, state, byte);
        if !automaton.is_match(state) {
            continue;
        }
        let (back, stays) = *reaches.entry(state).or_insert_with(|| {
            let ending = (0..automaton.match_len(state)).map(|number| automaton.match_pattern(state, number));
            let ending = ending.filter_map(|pattern| patterns.get(pattern.as_usize()));
            ending.fold((0, usize::MAX), |(back, stays), pattern| {
                (back.max(pattern.text.len() - pattern.stays), stays.min(pattern.stays))
            })
        });
        let mut place = end - back..end - stays;
        while let Some(before) = places.pop_if(|before| before.end > place.start) {
            place.start = place.start.min(before.start);
        }
        places.push(place);
    }
    Ok(places)
}

/// For the shortest way from one text to the other; behind it, lines are shown as changed that are not.
const DIFF_TIME_MAX: Duration = Duration::from_secs(1);
const COVER: &str = "••••••";
/// Shorter than this, a secret would cover half of every word.
const SHORT: usize = 4;

#[cfg(test)]
mod tests;
