//! Automatic numbers (`word/numbering.xml`; ECMA-376-1, 17.9): what Word counts and writes before a paragraph.

use std::collections::{BTreeMap, BTreeSet};

use crate::formats::Format;
use crate::styles::{Listed, Styles};
use crate::xml::Element;

/// How lists are numbered.
#[derive(Debug, Default)]
pub(crate) struct Numbering {
    lists: BTreeMap<String, List>,
    patterns: BTreeMap<String, Pattern>,
}

/// `w:num`: paragraphs name it.
#[derive(Debug)]
struct List {
    pattern: String,
    starts: BTreeMap<u8, u32>,
    levels: BTreeMap<u8, Level>,
}

/// `w:abstractNum`: all lists of one pattern count together.
#[derive(Debug, Default)]
struct Pattern {
    levels: BTreeMap<u8, Level>,
    /// A style of numbering that says it instead.
    by_style: Option<String>,
}

/// `w:lvl`
#[derive(Debug)]
struct Level {
    start: u32,
    format: Format,
    /// What is written, `%1` standing for the counter of the first level.
    text: String,
    /// All counters are written in digits.
    legal: bool,
    /// After which level it starts anew: 0 never.
    restart: Option<u8>,
    /// Paragraphs of this style are of this level.
    style: Option<String>,
    /// A format that is not known here.
    unknown: bool,
}

/// Where counting stands.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    by_pattern: BTreeMap<String, BTreeMap<u8, u32>>,
    /// Levels of lists at which their own start has counted.
    begun: BTreeSet<(String, u8)>,
}

/// What stands before a paragraph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label {
    /// Counted from 0.
    pub(crate) level: u8,
    pub(crate) text: String,
    /// It counts, unlike a bullet.
    pub(crate) counts: bool,
    /// It is written in a way that is not known here, so digits stand there.
    pub(crate) unknown: bool,
}

// === impl Numbering ===

impl Numbering {
    pub(crate) fn read(root: &Element) -> Self {
        let mut numbering = Self::default();
        for written in root.all("abstractNum") {
            let Some(id) = written.attribute("abstractNumId") else { continue };
            let levels = written.all("lvl").filter_map(Level::read).collect();
            let by_style = written.value_of("numStyleLink").map(str::to_owned);
            numbering.patterns.insert(id.to_owned(), Pattern { levels, by_style });
        }
        for written in root.all("num") {
            let named = written.attribute("numId").zip(written.value_of("abstractNumId"));
            let Some((id, pattern)) = named else { continue };
            let mut list = List { pattern: pattern.to_owned(), starts: BTreeMap::new(), levels: BTreeMap::new() };
            for other in written.all("lvlOverride") {
                let Some(level) = level_of(other.attribute("ilvl")) else { continue };
                if let Some(start) = other.value_of("startOverride").and_then(|start| start.parse().ok()) {
                    list.starts.insert(level, start);
                }
                if let Some((level, as_written)) = other.child("lvl").and_then(Level::read) {
                    list.levels.insert(level, as_written);
                }
            }
            numbering.lists.insert(id.to_owned(), list);
        }
        numbering
    }

    /// The list and level of a paragraph: what it says itself, else what its style says. None: it is in no list.
    pub(crate) fn place(&self, said: &Listed, style: Option<&str>, styles: &Styles) -> Option<(String, u8)> {
        let by_style = style.and_then(|style| styles.list(style));
        let num = said.num.as_ref().or_else(|| by_style.as_ref().and_then(|(list, _)| list.num.as_ref()))?.clone();
        if num == "0" {
            return None;
        }
        // A level names its style, so that the style need not name its level.
        let of_style = |(list, named): (Listed, Vec<&str>)| {
            named.iter().find_map(|style| self.level_of_style(&num, style, styles)).or(list.level)
        };
        let level = said.level.or_else(|| by_style.filter(|_| said.num.is_none()).and_then(of_style));
        Some((num, level.unwrap_or_default().min(LEVEL_MAX)))
    }

    /// Counts a paragraph, and gives what Word writes before it.
    pub(crate) fn label(&self, num: &str, level: u8, styles: &Styles, counters: &mut Counters) -> Option<Label> {
        let list = self.lists.get(num)?;
        let pattern = self.pattern_of(&list.pattern, styles);
        let at = |level: u8| list.levels.get(&level).or_else(|| self.patterns.get(pattern)?.levels.get(&level));
        let own = at(level)?;
        let counts = counters.count(pattern, (num, list), level, &at);
        if own.format == Format::Bullet {
            return Some(Label { level, text: "•".to_owned(), counts: false, unknown: false });
        }
        let counter = |level: u8| {
            let of = at(level)?;
            let value = counts.get(&level).copied().unwrap_or(of.start);
            Some(if own.legal { Format::Decimal } else { of.format }.write(value))
        };
        let text = filled(&own.text, &counter);
        let counts = own.text.contains('%') && own.format != Format::None;
        (!text.is_empty()).then_some(Label { level, text, counts, unknown: own.unknown })
    }

    fn level_of_style(&self, num: &str, style: &str, styles: &Styles) -> Option<u8> {
        let list = self.lists.get(num)?;
        let levels = &self.patterns.get(self.pattern_of(&list.pattern, styles))?.levels;
        let of_it = |(_, level): &(&u8, &Level)| level.style.as_deref() == Some(style);
        list.levels.iter().chain(levels).find(of_it).map(|(level, _)| *level)
    }

    /// The pattern that says the levels: a pattern may name a style, whose list has one of its own.
    fn pattern_of<'n>(&'n self, pattern: &'n str, styles: &Styles) -> &'n str {
        let mut pattern = pattern;
        for _ in 0..LINKS_MAX {
            let style = self.patterns.get(pattern).and_then(|found| found.by_style.as_deref());
            let list = style.and_then(|style| styles.list(style)).and_then(|(list, _)| list.num);
            match list.and_then(|list| self.lists.get(&list)) {
                Some(list) => pattern = &list.pattern,
                None => break,
            }
        }
        pattern
    }
}

// === impl Level ===

impl Level {
    fn read(written: &Element) -> Option<(u8, Self)> {
        let format = written.value_of("numFmt").unwrap_or("decimal");
        let level = Self {
            start: written.value_of("start").and_then(|start| start.parse().ok()).unwrap_or_default(),
            format: Format::parse(format).unwrap_or(Format::Decimal),
            text: written.value_of("lvlText").unwrap_or_default().chars().take(TEXT_CHARS_MAX).collect(),
            legal: written.switch("isLgl").unwrap_or_default(),
            restart: written.value_of("lvlRestart").and_then(|level| level.parse().ok()),
            style: written.value_of("pStyle").map(str::to_owned),
            unknown: Format::parse(format).is_none(),
        };
        Some((level_of(written.attribute("ilvl"))?, level))
    }
}

// === impl Counters ===

impl Counters {
    /// Where all levels of a pattern stand with this paragraph.
    fn count<'l>(
        &mut self,
        pattern: &str,
        (num, list): (&str, &List),
        level: u8,
        at: &dyn Fn(u8) -> Option<&'l Level>,
    ) -> &BTreeMap<u8, u32> {
        let counts = self.by_pattern.entry(pattern.to_owned()).or_default();
        let own_start = list.starts.get(&level).filter(|_| self.begun.insert((num.to_owned(), level)));
        let start = list.starts.get(&level).copied().or_else(|| at(level).map(|level| level.start)).unwrap_or_default();
        let value = match (own_start, counts.get(&level)) {
            (Some(start), _) => *start,
            (None, Some(before)) => before.saturating_add(1),
            (None, None) => start,
        };
        counts.insert(level, value);
        // What is deeper begins anew, unless it says after which level only, or never.
        counts.retain(|deeper, _| {
            let restarts = at(*deeper).and_then(|level| level.restart).is_none_or(|after| level < after);
            *deeper <= level || !restarts
        });
        counts
    }
}

/// A level's text with its counters.
fn filled(text: &str, counter: &dyn Fn(u8) -> Option<String>) -> String {
    let (mut out, mut signs) = (String::new(), text.chars().peekable());
    while let Some(sign) = signs.next() {
        let level =
            signs.peek().and_then(|next| next.to_digit(10)).filter(|digit| sign == '%' && (1..=9).contains(digit));
        match level.and_then(|digit| u8::try_from(digit - 1).ok()) {
            Some(level) => {
                signs.next();
                out.push_str(&counter(level).unwrap_or_default());
            }
            None => out.push(sign),
        }
    }
    let text = out.split_whitespace().collect::<Vec<_>>().join(" ");
    text.chars().take(TEXT_CHARS_MAX).collect()
}

fn level_of(text: Option<&str>) -> Option<u8> {
    text?.parse().ok().filter(|level| *level <= LEVEL_MAX)
}

/// Word has nine levels.
const LEVEL_MAX: u8 = 8;
/// Styles of numbering that name another one: longer chains are circles.
const LINKS_MAX: usize = 8;
/// Of what is written before each paragraph: a short level must not make a long text of many paragraphs.
const TEXT_CHARS_MAX: usize = 64;

#[cfg(test)]
mod tests;
