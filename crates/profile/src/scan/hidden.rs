//! Characters that a person does not see and a model reads; sequences that a terminal obeys; comments.
//!
//! Many of these characters are at home in some script or in emoji, so most kinds count only out of place or in numbers.

use super::Severity::{Mark, Quarantine};
use super::{Hit, Severity};

/// What is hidden in a text.
pub(super) fn look(text: &str) -> Vec<Hit> {
    let mut hits = Vec::new();
    if !text.is_ascii() {
        characters(text, &mut hits);
    }
    controls(text, &mut hits);
    comments(text, &mut hits);
    hits
}

/// One kind of character out of place: how many, and where the first stands.
#[derive(Default)]
struct Kind {
    count: usize,
    first: usize,
}

#[derive(Default)]
struct Kinds {
    tags: Kind,
    selectors: Kind,
    overrides: Kind,
    directions: Kind,
    zero_width: Kind,
    private: Kind,
    private_far: Kind,
}

impl Kind {
    fn note(&mut self, at: usize) {
        if self.count == 0 {
            self.first = at;
        }
        self.count += 1;
    }

    fn hit(&self, text: &str, pattern: &'static str, many: usize, few: Option<Severity>) -> Option<Hit> {
        let severity = if self.count >= many { Some(Quarantine) } else { few.filter(|_| self.count > 0) }?;
        Some(Hit { pattern, severity, span: self.first..text.len() })
    }
}

fn characters(text: &str, hits: &mut Vec<Hit>) {
    let mut kinds = Kinds::default();
    let mut before = None;
    let mut letters = text.char_indices().peekable();
    // A flag of a region is a black flag and the region's letters as tags, ended by another tag.
    let mut flag_until = 0;
    while let Some((at, letter)) = letters.next() {
        let after = letters.peek().map(|(_, letter)| *letter);
        match letter {
            '\u{1F3F4}' => flag_until = flag_end(text, at),
            '\u{E0000}'..='\u{E007F}' if at >= flag_until => kinds.tags.note(at),
            '\u{E0100}'..='\u{E01EF}' if !before.is_some_and(is_ideograph) => kinds.selectors.note(at),
            '\u{FE00}'..='\u{FE0F}' if selects_nothing(before) => kinds.selectors.note(at),
            '\u{202D}' | '\u{202E}' => kinds.overrides.note(at),
            '\u{202A}'..='\u{202C}' | '\u{2066}'..='\u{2069}' => kinds.directions.note(at),
            '\u{200C}' | '\u{200D}' if joins(before, after) => {}
            '\u{AD}'
            | '\u{34F}'
            | '\u{115F}'
            | '\u{1160}'
            | '\u{17B4}'
            | '\u{17B5}'
            | '\u{180E}'
            | '\u{200B}'..='\u{200D}'
            | '\u{2060}'..='\u{2064}'
            | '\u{206A}'..='\u{206F}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF9}'..='\u{FFFB}'
            | '\u{1D173}'..='\u{1D17A}' => kinds.zero_width.note(at),
            '\u{E000}'..='\u{F8FF}' => kinds.private.note(at),
            '\u{F0000}'..='\u{10FFFF}' => kinds.private_far.note(at),
            _ => {}
        }
        before = Some(letter);
    }
    hits.extend(kinds.tags.hit(text, "hidden-tags", 1, None));
    hits.extend(kinds.selectors.hit(text, "hidden-selectors", 4, Some(Mark)));
    hits.extend(kinds.overrides.hit(text, "hidden-direction", 1, None));
    hits.extend(kinds.directions.hit(text, "hidden-direction", usize::MAX, Some(Mark)));
    hits.extend(kinds.zero_width.hit(text, "hidden-zero-width", 12, Some(Mark)));
    hits.extend(kinds.private.hit(text, "private-use", 24, Some(Mark)));
    hits.extend(kinds.private_far.hit(text, "private-use", 1, None));
}

/// Where the tags of a flag end that begins here; here, if it is no flag of a region.
fn flag_end(text: &str, at: usize) -> usize {
    let tags = text.get(at..).unwrap_or_default().char_indices().skip(1);
    for (place, (offset, letter)) in tags.enumerate() {
        match letter {
            '\u{E0030}'..='\u{E0039}' | '\u{E0061}'..='\u{E007A}' if place < REGION_LETTERS_MAX => {}
            '\u{E007F}' if place >= 3 => return at + offset + letter.len_utf8(),
            _ => return at,
        }
    }
    at
}

fn is_ideograph(letter: char) -> bool {
    matches!(letter, '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// A selector chooses how the character before it looks: none before it, another selector, a letter or a space take none.
fn selects_nothing(before: Option<char>) -> bool {
    before.is_none_or(|before| {
        before.is_ascii_alphabetic() || before.is_whitespace() || matches!(before, '\u{FE00}'..='\u{FE0F}')
    })
}

/// Joiners are part of many scripts and of emoji: between two characters beyond Latin they are in place.
fn joins(before: Option<char>, after: Option<char>) -> bool {
    let far = |letter: Option<char>| letter.is_some_and(|letter| letter >= '\u{590}' && !is_joiner(letter));
    far(before) && (far(after) || after.is_none_or(|after| after.is_whitespace() || after.is_ascii_punctuation()))
}

fn is_joiner(letter: char) -> bool {
    matches!(letter, '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{206F}')
}

fn controls(text: &str, hits: &mut Vec<Hit>) {
    if let Some(at) = text.find(['\u{1B}', '\u{9B}']) {
        hits.push(Hit { pattern: "terminal-escape", severity: Quarantine, span: at..text.len() });
    }
    let odd =
        |letter: char| letter.is_control() && !matches!(letter, '\t' | '\n' | '\r' | '\u{1B}' | '\u{9B}' | '\u{85}');
    if let Some(at) = text.find(odd) {
        hits.push(Hit { pattern: "control-character", severity: Mark, span: at..text.len() });
    }
}

/// Comments that no rendered page shows: of HTML, and Markdown's link definitions that stand in for one.
fn comments(text: &str, hits: &mut Vec<Hit>) {
    let mut html = None;
    let mut rest = text;
    while let Some((before, inside)) = rest.split_once("<!--") {
        let (comment, after) = inside.split_once("-->").unwrap_or((inside, ""));
        if comment.split_whitespace().nth(COMMENT_WORDS_MIN - 1).is_some() {
            html = Some(text.len() - rest.len() + before.len());
            break;
        }
        rest = after;
    }
    let markdown =
        ["[//]: #", "[comment]: #", "[comment]: <", "[//]: <"].iter().filter_map(|mark| text.find(mark)).min();
    if let Some(at) = html.or(markdown) {
        hits.push(Hit { pattern: "hidden-comment", severity: Mark, span: at..text.len() });
    }
}

const REGION_LETTERS_MAX: usize = 6;
/// A comment of fewer words instructs nobody: an editor's marker, or an example of the syntax.
const COMMENT_WORDS_MIN: usize = 4;
