//! A document as numbered clauses with exact quotations, each with a proposal of how it is honoured.
//!
//! Numbers are those of the document: written out (`3.2 Acme …`), or by lists in lists (`3.` and in it `2.` and in that `a.`
//! make `3`, `3.2` and `3.2(a)`; `(1)` in `3` makes `3(1)`, and in `3(a)` it makes `3(a)(1)`). What is proposed goes by words that
//! the clause uses, so that the same document always gives the same draft; what is doubtful is marked, and nothing of it is in force
//! before people complete and sign it.

use std::collections::BTreeSet;

use model::{ClauseNumber, Digest};

use crate::agreement::Span;
use crate::normal::sha256;

mod cues;
mod suggest;
mod write;

pub use cues::Proposal;
pub use suggest::{Ask, Heard, Suggested, SuggestedKind, Suggestion};
pub use write::in_yaml;

/// The text of a document of another format.
#[derive(Debug, Clone)]
pub struct Extracted<'e> {
    /// What it says.
    pub text: &'e str,
    /// SHA-256 of the file's bytes.
    pub sha256: Digest,
    /// Its title, where the format says it.
    pub title: Option<&'e str>,
    /// The bytes of `text` at which lines begin with a number that the format counts; none: it counts none.
    pub numbered: Option<&'e BTreeSet<usize>>,
    /// What somebody must know of it.
    pub doubts: Vec<String>,
    /// Whether the same file gives the same text again, so that quotations can be compared whenever the contract is read.
    pub repeatable: bool,
}

/// A document, taken apart.
#[derive(Debug, Clone)]
pub struct Draft {
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// Whether the places of quotations can be looked up again.
    pub repeatable: bool,
    /// What stands at its head, where it has one.
    pub title: Option<String>,
    /// Its clauses, in their order.
    pub clauses: Vec<Clause>,
    /// What nobody could make a clause of.
    pub doubts: Vec<String>,
}

/// One numbered clause of a document.
#[derive(Debug, Clone)]
pub struct Clause {
    /// Its number.
    pub number: ClauseNumber,
    /// Where it stands, its number left out.
    pub at: Span,
    /// What stands there, byte for byte.
    pub quotation: String,
    /// How it might be honoured.
    pub proposal: Proposal,
}

/// Where the numbering of a document stands.
struct Level {
    indent: usize,
    /// Its label by itself.
    label: String,
    number: String,
    rank: Rank,
}

/// The kinds of labels. Those of one kind stand beside each other, wherever they begin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    /// `3.2`, `3.`
    Number,
    /// `(1)`
    Enclosed,
    /// `(a)`
    Letter,
}

/// A clause whose end is not known yet.
struct Begun {
    number: String,
    start: usize,
    /// The last byte that belongs to it, so far.
    end: usize,
    heading: bool,
}

/// Takes a document in Markdown or plain text apart. Error: it has no numbered clause.
pub fn draft(document: &str) -> Result<Draft, String> {
    split(document, None).finish(document, sha256(document.as_bytes()))
}

/// Takes a document apart of which another format says more than its words. Error: it has no numbered clause.
pub fn draft_extracted(document: Extracted<'_>) -> Result<Draft, String> {
    let splitter = split(document.text, document.numbered);
    let mut draft = splitter.finish(document.text, document.sha256)?;
    draft.title = document.title.map(str::to_owned).or(draft.title);
    draft.doubts = [document.doubts, draft.doubts].concat();
    draft.repeatable = document.repeatable;
    Ok(draft)
}

fn split(document: &str, numbered: Option<&BTreeSet<usize>>) -> Splitter {
    let mut splitter = Splitter { counted: numbered.is_some(), ..Splitter::default() };
    let mut offset = 0;
    for line in document.split_inclusive('\n') {
        splitter.line(line, offset, numbered.is_some_and(|lines| lines.contains(&offset)));
        offset += line.len();
    }
    splitter
}

#[derive(Default)]
struct Splitter {
    title: Option<String>,
    levels: Vec<Level>,
    begun: Vec<Begun>,
    /// Lines before the first clause that are no heading.
    before: usize,
    fenced: bool,
    /// Its format counts paragraphs, and knows no blocks of code.
    counted: bool,
    /// Numbers that its format counts, in a way that is not understood here.
    strange: Vec<String>,
    /// Numbers in parentheses that lines begin with, and that are no labels.
    figures: Vec<String>,
    /// Such numbers that are taken for labels, though the line before may go on with them.
    unsure: Vec<String>,
    before_this: Before,
}

/// What stands before a line.
#[derive(Default)]
struct Before {
    /// The last line that is not empty, without markup and its number.
    words: String,
    /// It begins a clause, or is a heading.
    begins: bool,
    /// Lines between are empty.
    blank: bool,
}

impl Splitter {
    /// `counted`: it begins with a number that the document's format counts.
    fn line(&mut self, line: &str, offset: usize, counted: bool) {
        let text = line.trim_end();
        let bare = text.trim_start();
        let indent = text.len() - bare.len();
        if bare.starts_with("```") && !self.counted {
            self.fenced = !self.fenced;
        }
        if bare.is_empty() {
            self.before_this.blank = true;
            return;
        }
        let (hashes, after) = heading_of(bare);
        let mut marker = marker(after, counted).filter(|_| !self.fenced);
        if counted && marker.is_none() {
            self.strange.extend(after.split_whitespace().next().map(str::to_owned));
        }
        if let Some((Label::Enclosed(one), length)) = marker
            && !counted
            && hashes == 0
            && !self.is_label(one, after.get(length..).unwrap_or_default())
        {
            self.figures.push(format!("({one})"));
            marker = None;
        }
        let words = after.get(marker.map_or(0, |(_, length)| length)..).unwrap_or_default();
        self.before_this = Before { words: plain(words), begins: hashes > 0 || marker.is_some(), blank: false };
        if let Some((label, length)) = marker {
            let start = offset + indent + (bare.len() - after.len()) + length;
            let number = self.number(label, if hashes > 0 { 0 } else { indent });
            self.begun.push(Begun { number, start, end: offset + text.len(), heading: hashes > 0 });
            return;
        }
        if hashes > 0 {
            if self.title.is_none() && self.begun.is_empty() {
                self.title = Some(plain(after));
            }
            return;
        }
        match self.begun.last_mut() {
            Some(clause) => {
                // What follows a heading is a clause of its own only if it is numbered; words without a number belong to what
                // stands before them.
                clause.end = offset + text.len();
                clause.heading = false;
            }
            None => self.before += 1,
        }
    }

    /// Whether a number in parentheses at the start of a line is a label: lines of prose begin with one as well, where a figure is
    /// written twice and wrapped (`thirty` and then `(30) days`). `rest`: what stands behind it.
    fn is_label(&mut self, one: &str, rest: &str) -> bool {
        let Before { words, begins, blank } = &self.before_this;
        let small = rest.chars().find(|letter| letter.is_alphanumeric()).is_some_and(char::is_lowercase);
        let goes_on = cues::end_before_a_figure(words);
        let whole = words.trim_end_matches(['"', '”', '’', ')']).ends_with(['.', ';', ':']) && !goes_on;
        // A title may end as what goes on with a figure does, but not with a number that is written out.
        let titled = *begins && !small && !cues::end_with_a_number(words);
        let previous = one.parse::<u16>().ok().and_then(|number| number.checked_sub(1));
        let follows = previous.is_some_and(|previous| {
            previous == 0 || self.levels.iter().any(|level| level.is(Rank::Enclosed, &previous.to_string()))
        });
        let apart = titled || *blank;
        if follows && !apart && !goes_on && !cues::end(words) {
            self.unsure.push(format!("({one})"));
        }
        follows && (apart || !goes_on) || whole && !small
    }

    /// The whole number of a label in its place.
    fn number(&mut self, label: Label<'_>, indent: usize) -> String {
        let rank = label.rank();
        // The first of a list, or the next one of the list that has just ended.
        let mut fits = rank == Rank::Letter || label.text() == "1";
        if !matches!(label, Label::Whole(_)) {
            while let Some(last) = self.levels.last().filter(|last| last.indent >= indent) {
                if self.is_below_last(rank, indent, fits) {
                    break;
                }
                fits |= last.rank == rank;
                self.levels.pop();
            }
        }
        let parent = self.levels.last().map(|level| level.number.as_str());
        let number = match (label, parent) {
            (Label::Whole(number), _) => {
                self.levels.clear();
                number.to_owned()
            }
            (Label::Ordinal(ordinal), Some(parent)) => format!("{parent}.{ordinal}"),
            (Label::Letter(one) | Label::Enclosed(one), Some(parent)) => format!("{parent}({one})"),
            (Label::Ordinal(one) | Label::Letter(one) | Label::Enclosed(one), None) => one.to_owned(),
        };
        self.levels.push(Level { indent, label: label.text().to_owned(), number: number.clone(), rank });
        number
    }

    /// Whether a label stands below the last one though it is not indented: letters and parentheses do below a number, and what
    /// `fits` below one of another kind that is not in a list of its kind itself.
    fn is_below_last(&self, rank: Rank, indent: usize, fits: bool) -> bool {
        let Some((last, outer)) = self.levels.split_last() else { return false };
        let opens = fits && !outer.iter().any(|level| level.rank == rank);
        rank != Rank::Number && last.rank != rank && last.indent <= indent && (last.rank == Rank::Number || opens)
    }

    fn finish(self, document: &str, sha256: Digest) -> Result<Draft, String> {
        let strange = self.strange.iter().map(|label| format!("`{label}` is no number that a clause can have"));
        let mut doubts: Vec<String> = strange.collect();
        if self.before > 0 {
            doubts.push(format!(
                "{} lines before the first clause have no number: parties, recitals or a preamble",
                self.before
            ));
        }
        let numbers: Vec<&str> = self.begun.iter().map(|clause| clause.number.as_str()).collect();
        let (mut clauses, mut titles): (Vec<Clause>, Vec<String>) = (Vec::new(), Vec::new());
        for clause in &self.begun {
            let Some(quotation) = document.get(clause.start..clause.end) else { continue };
            let lead = quotation.len() - quotation.trim_start().len();
            let quotation = quotation.trim();
            let holds_others = numbers.iter().any(|other| is_below(other, &clause.number));
            if quotation.is_empty() {
                continue;
            }
            // INVARIANT: what permits, forbids or opens a list is a clause, however short it is (test
            // `a_stem_is_a_clause_and_a_title_is_told`).
            let decides = cues::decide(&plain(quotation)) && !(clause.heading && holds_others);
            if (clause.heading || holds_others) && is_title(quotation) && !decides {
                titles.push(format!("{} “{}”", clause.number, plain(quotation)));
                continue;
            }
            let Ok(number) = ClauseNumber::parse(&clause.number) else {
                doubts.push(format!("`{}` is no number that a clause can have", clause.number));
                continue;
            };
            if clauses.iter().any(|other| other.number == number) {
                doubts.push(format!("clause {number} stands in the document twice; the second one is left out"));
                continue;
            }
            let at = Span { offset: (clause.start + lead) as u64, bytes: quotation.len() as u64 };
            let proposal = cues::propose(&plain(quotation));
            clauses.push(Clause { number, at, quotation: quotation.to_owned(), proposal });
        }
        if clauses.is_empty() {
            return Err("this document has no numbered clause".to_owned());
        }
        if !self.figures.is_empty() {
            doubts.push(format!(
                "lines that begin with {} are taken for words of what stands before them, and for no clauses",
                self.figures.join(", ")
            ));
        }
        if !self.unsure.is_empty() {
            doubts.push(format!(
                "lines that begin with {} are taken for clauses, though the lines before them do not end: they may be words of those",
                self.unsure.join(", ")
            ));
        }
        if !titles.is_empty() {
            doubts.push(format!("these are taken for titles, and for no clauses: {}", titles.join(", ")));
        }
        Ok(Draft { sha256, repeatable: true, title: self.title, clauses, doubts })
    }
}

impl Level {
    fn is(&self, rank: Rank, label: &str) -> bool {
        self.rank == rank && self.label == label
    }
}

impl Label<'_> {
    fn rank(self) -> Rank {
        match self {
            Self::Whole(_) | Self::Ordinal(_) => Rank::Number,
            Self::Enclosed(_) => Rank::Enclosed,
            Self::Letter(_) => Rank::Letter,
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Whole(text) | Self::Ordinal(text) | Self::Enclosed(text) | Self::Letter(text) => text,
        }
    }
}

/// What a line begins with.
#[derive(Clone, Copy)]
enum Label<'l> {
    /// `3.2`
    Whole(&'l str),
    /// `3.`
    Ordinal(&'l str),
    /// `(3)`
    Enclosed(&'l str),
    /// `a.` or `(a)`
    Letter(&'l str),
}

/// The label at the start of a line, and how many bytes it takes with the space behind it. Capital letters (`A.`, `IV.`) and a bare
/// number (`3`) count only where the document's format counted them: a line of prose may begin with an initial, or with a number.
fn marker(line: &str, counted: bool) -> Option<(Label<'_>, usize)> {
    let bold = if line.starts_with("**") { 2 } else { 0 };
    let rest = line.get(bold..)?;
    let section = SECTIONS.iter().find_map(|word| rest.strip_prefix(word));
    let rest = section.unwrap_or(rest);
    let word = rest.split_whitespace().next()?;
    let behind = line.len() - rest.len() + word.len();
    let space = line.get(behind..).map(|rest| rest.len() - rest.trim_start().len())?;
    let bare = word.trim_end_matches("**").trim_end_matches([':', '–']);
    let dotted = bare.trim_end_matches('.');
    let label = if dotted.contains('.') && is_number(dotted) {
        Label::Whole(dotted)
    } else if let Some(inner) =
        bare.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).filter(|one| is_ordinal(one))
    {
        Label::Enclosed(inner)
    } else if (bare.ends_with('.') || bare.ends_with(')') || section.is_some() || counted)
        && is_ordinal(dotted.trim_end_matches(')'))
    {
        Label::Ordinal(dotted.trim_end_matches(')'))
    } else {
        let inner = bare.strip_prefix('(').map_or(bare, |inner| inner);
        let inner = inner.strip_suffix(['.', ')']).or_else(|| Some(inner).filter(|_| counted))?;
        let small = inner.bytes().all(|byte| byte.is_ascii_lowercase());
        let letters = small || counted && inner.bytes().all(|byte| byte.is_ascii_uppercase());
        let list = inner.len() == 1 || inner.bytes().all(|byte| b"ivx".contains(&byte.to_ascii_lowercase()));
        let list = list || counted && inner.bytes().all(|byte| b"ivxlcdm".contains(&byte.to_ascii_lowercase()));
        let few = (1..=if counted { 8 } else { 4 }).contains(&inner.len());
        (few && letters && list).then_some(Label::Letter(inner))?
    };
    Some((label, behind + space))
}

fn is_number(text: &str) -> bool {
    text.len() <= 20 && text.split('.').all(is_ordinal)
}

fn is_ordinal(text: &str) -> bool {
    !text.is_empty() && text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_below(other: &str, number: &str) -> bool {
    other.strip_prefix(number).is_some_and(|rest| rest.starts_with(['.', '(']))
}

/// A name of what stands below it, and no sentence.
fn is_title(quotation: &str) -> bool {
    let plain = plain(quotation);
    let short = plain.chars().count() <= 90 && !plain.trim_end_matches('.').contains(". ");
    let opens_a_list = plain.ends_with([':', '—', '–']);
    !opens_a_list && (short && !plain.ends_with(['.', ';']) || plain.split_whitespace().count() <= 4)
}

fn heading_of(line: &str) -> (usize, &str) {
    let hashes = line.len() - line.trim_start_matches('#').len();
    let after = line.get(hashes..).unwrap_or_default();
    if hashes > 0 && after.starts_with(' ') { (hashes, after.trim_start()) } else { (0, line) }
}

/// The words without markup.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '<' if letters.peek().is_some_and(|next| next.is_ascii_alphabetic() || *next == '/') => inside = true,
            '>' if inside => inside = false,
            '*' | '`' => {}
            _ if inside => {}
            _ => out.push(letter),
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Words before a number that are part of it.
const SECTIONS: &[&str] = &["§ ", "§", "Section ", "SECTION ", "Clause ", "CLAUSE ", "Article ", "ARTICLE "];

#[cfg(test)]
mod tests;
