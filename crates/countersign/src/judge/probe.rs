//! What rules could turn on besides people and tools: the moments and the words that stand in their text.
//!
//! The text is not understood here, only searched: a word too many costs one more decision, and a decision takes
//! microseconds.

use std::collections::BTreeSet;
use std::ops::Range;

use model::UnixMicros;
use policy::RuleFile;

/// Every moment that stands in rules, and the second before it, in order. A date alone is its midnight in UTC, and a large
/// number may be seconds since 1970.
pub fn moments(rules: &[RuleFile]) -> Vec<UnixMicros> {
    let mut found = BTreeSet::new();
    for word in rules.iter().flat_map(|file| words_of(&file.text)) {
        let date = || Some(word.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp());
        let seconds = || word.parse().ok().filter(|at| SECONDS.contains(at)).map(jiff::Timestamp::from_second)?.ok();
        let at = word.parse::<jiff::Timestamp>().ok().or_else(date).or_else(seconds);
        if let Some(at) = at.map(jiff::Timestamp::as_microsecond) {
            found.extend([UnixMicros(at.saturating_sub(SECOND)), UnixMicros(at)]);
        }
    }
    found.into_iter().collect()
}

/// Every half hour of a week that begins at the next full one after this moment: whatever repeats by the day or the week
/// shows in it.
pub fn week_from(now: UnixMicros) -> impl Iterator<Item = UnixMicros> {
    let first = now.0.saturating_sub(now.0.rem_euclid(HALF_HOUR)).saturating_add(HALF_HOUR);
    (0..7 * 48).map(move |step| UnixMicros(first.saturating_add(step * HALF_HOUR)))
}

/// The words of rules, which could be names: quoted texts, and what stands between spaces, brackets and commas.
pub fn words(rules: &[RuleFile]) -> BTreeSet<String> {
    rules.iter().flat_map(|file| words_of(&file.text)).collect()
}

fn words_of(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for line in text.lines() {
        let mut rest = line;
        while let Some(start) = rest.find(['"', '\'', '`']) {
            let (before, quoted) = rest.split_at(start);
            plain_words(before, &mut words);
            let quote = quoted.chars().next().unwrap_or('"');
            let inside = quoted.get(1..).unwrap_or_default();
            let Some((word, after)) = inside.split_once(quote) else {
                rest = inside;
                continue;
            };
            words.push(word.to_owned());
            // A test's name ends in the value it looks for: `repo is production-infra`.
            words.extend(word.split(' ').skip(1).map(str::to_owned));
            rest = after;
        }
        plain_words(rest, &mut words);
    }
    words.retain(|word| !word.is_empty());
    words
}

fn plain_words(text: &str, words: &mut Vec<String>) {
    let text = text.split(" #").next().unwrap_or_default();
    let apart = |c: char| c.is_whitespace() || "[]{}(),;&|!".contains(c);
    words.extend(text.split(apart).map(|word| word.trim_end_matches(':').to_owned()));
}

const SECOND: i64 = 1_000_000;
const HALF_HOUR: i64 = 1_800 * SECOND;
/// From 2001 to 2096.
const SECONDS: Range<i64> = 1_000_000_000..4_000_000_000;
