//! Removing known secrets from what apps answer.
//!
//! A value is found as it is, in base 64 (both alphabets, with or without padding, alone or anywhere inside a longer
//! encoded text such as `user:secret`), in hexadecimal, and each of these behind JSON escapes or percent-encoding, in
//! whatever mixture: the answer is unescaped and searched again, some levels deep. What is replaced is the whole
//! escaped text, so JSON stays JSON.
//!
//! Not found: values shorter than six bytes (they turn up by chance), and encodings beyond those above.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use decide::Scrub;
use model::Secret;
use serde::de::IgnoredAny;

use crate::limits::{
    ESCAPED_BYTES_MAX, ESCAPES_DEEP_MAX, FAST_PATTERN_BYTES_MAX, PERCENTS_DEEP_MAX, REACH_BYTES_MAX, SCRUBBED_BYTES_MIN,
};
use pattern::Pattern;
use unescape::Escape;

mod pattern;
mod unescape;

/// Removes the values it was made from.
pub struct Scrubber {
    search: Search,
    patterns: Vec<Pattern>,
}

enum Search {
    Nothing,
    Find(AhoCorasick),
    /// The search could not be built: everything could be a secret.
    Everything,
}

impl Scrubber {
    /// Removes these values.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a Secret<String>>) -> Self {
        let mut patterns: Vec<Pattern> = Vec::new();
        for value in values {
            let value = value.expose().as_bytes();
            if value.len() >= SCRUBBED_BYTES_MIN {
                pattern::all_of(value, &mut patterns);
            }
        }
        if patterns.is_empty() {
            return Self { search: Search::Nothing, patterns };
        }
        let size: usize = patterns.iter().map(|pattern| pattern.text().len()).sum();
        let kind = (size > FAST_PATTERN_BYTES_MAX).then_some(AhoCorasickKind::ContiguousNFA);
        let built = AhoCorasick::builder().kind(kind).build(patterns.iter().map(Pattern::text));
        Self { search: built.map_or(Search::Everything, Search::Find), patterns }
    }

    /// Where secrets are, in order, not overlapping.
    fn find(&self, automaton: &AhoCorasick, bytes: &[u8], escapes: usize, percents: usize) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        for hit in automaton.find_overlapping_iter(bytes) {
            let Some(pattern) = self.patterns.get(hit.pattern().as_usize()) else { continue };
            join(&mut found, pattern.widen(bytes, hit.start()..hit.end()));
        }
        let deeper = [
            (Escape::Json, escapes.checked_sub(1).map(|left| (left, percents))),
            (Escape::Percent, percents.checked_sub(1).map(|left| (escapes, left))),
        ];
        for (escape, left) in deeper {
            let Some((escapes, percents)) = left else { continue };
            let Some(inner) = escape.undo(bytes) else { continue };
            let inside = self.find(automaton, &inner, escapes, percents);
            if !inside.is_empty() {
                found.extend(escape.places(bytes, &inside));
            }
        }
        found.sort_by_key(|range| (range.start, range.end));
        let mut apart = Vec::with_capacity(found.len());
        for range in found {
            join(&mut apart, range);
        }
        apart
    }
}

impl Scrub for Scrubber {
    fn scrub(&self, bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
        let automaton = match &self.search {
            Search::Nothing => return None,
            Search::Everything => return Some((quoted(), 1)),
            Search::Find(automaton) => automaton,
        };
        let found = self.find(automaton, bytes, ESCAPES_DEEP_MAX, PERCENTS_DEEP_MAX);
        if found.is_empty() {
            return None;
        }
        let count = found.len();
        let plain = replace(bytes, found.iter().map(|range| (range.clone(), false)));
        if is_json(&plain) || !is_json(bytes) {
            return Some((plain, count));
        }
        // A number, or a piece of structure, was replaced by text: where it stood, a text takes quotes.
        let valued = replace(bytes, valued(bytes, &found).into_iter());
        if is_json(&valued) {
            return Some((valued, count));
        }
        Some((quoted(), count))
    }

    fn reach(&self) -> usize {
        let longest = self.patterns.iter().map(|pattern| pattern.text().len()).max().unwrap_or_default();
        longest.saturating_mul(ESCAPED_BYTES_MAX).min(REACH_BYTES_MAX)
    }
}

/// Adds a range that does not start before the ranges it may overlap; overlapping ones become one.
fn join(found: &mut Vec<Range<usize>>, mut range: Range<usize>) {
    while let Some(last) = found.pop_if(|last| last.end > range.start) {
        range = last.start.min(range.start)..last.end.max(range.end);
    }
    found.push(range);
}

fn replace(bytes: &[u8], found: impl Iterator<Item = (Range<usize>, bool)>) -> Vec<u8> {
    let mut clean = Vec::with_capacity(bytes.len());
    let mut done = 0;
    for (range, quotes) in found {
        clean.extend_from_slice(bytes.get(done..range.start).unwrap_or_default());
        if quotes {
            clean.extend_from_slice(&quoted());
        } else {
            clean.extend_from_slice(REPLACEMENT.as_bytes());
        }
        done = range.end;
    }
    clean.extend_from_slice(bytes.get(done..).unwrap_or_default());
    clean
}

/// The same places, and which of them begin outside of strings; those grow to the whole number they are part of.
fn valued(bytes: &[u8], found: &[Range<usize>]) -> Vec<(Range<usize>, bool)> {
    let mut places: Vec<(Range<usize>, bool)> = Vec::with_capacity(found.len());
    let mut inside = Inside::default();
    for range in found {
        if places.last().is_some_and(|(last, _)| last.end >= range.end) {
            continue;
        }
        if inside.string_at(bytes, range.start) {
            places.push((range.clone(), false));
            continue;
        }
        let least = places.last().map_or(0, |(last, _)| last.end);
        let before = bytes.get(least..range.start).unwrap_or_default();
        let after = bytes.get(range.end..).unwrap_or_default();
        let before = before.iter().rev().take_while(|byte| of_number(**byte)).count();
        let after = after.iter().take_while(|byte| of_number(**byte)).count();
        places.push((range.start - before..range.end + after, true));
    }
    places
}

/// Walks through JSON once, and knows whether it is inside a string.
#[derive(Default)]
struct Inside {
    at: usize,
    string: bool,
}

impl Inside {
    fn string_at(&mut self, bytes: &[u8], place: usize) -> bool {
        while self.at < place {
            match bytes.get(self.at) {
                Some(b'"') => self.string = !self.string,
                Some(b'\\') if self.string => self.at += 1,
                _ => {}
            }
            self.at += 1;
        }
        self.string
    }
}

fn of_number(byte: u8) -> bool {
    byte.is_ascii_digit() || b"+-.eE".contains(&byte)
}

fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
}

fn quoted() -> Vec<u8> {
    format!("\"{REPLACEMENT}\"").into_bytes()
}

/// What stands where a secret stood. It needs no escape in JSON.
pub const REPLACEMENT: &str = "[redacted by countersign]";

#[cfg(test)]
mod tests;
