//! A document in Markdown or plain text as numbered clauses with exact quotations, each with a proposal of how it is honoured.
//!
//! Numbers are those of the document: written out (`3.2 Acme …`), or by lists in lists (`3.` and in it `2.` and in that `a.`
//! make `3`, `3.2` and `3.2(a)`). What is proposed goes by words that the clause uses, so that the same document always gives the
//! same draft; what is doubtful is marked, and nothing of it is in force before people complete and sign it.

use model::{ClauseNumber, Digest};

use crate::agreement::Span;
use crate::normal::sha256;

mod cues;
mod write;

pub use cues::Proposal;
pub use write::in_yaml;

/// A document, taken apart.
#[derive(Debug, Clone)]
pub struct Draft {
    /// SHA-256 of its bytes.
    pub sha256: Digest,
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
    number: String,
}

/// A clause whose end is not known yet.
struct Begun {
    number: String,
    start: usize,
    /// The last byte that belongs to it, so far.
    end: usize,
    heading: bool,
}

/// Takes a document apart. Error: it has no numbered clause.
pub fn draft(document: &str) -> Result<Draft, String> {
    let mut splitter = Splitter::default();
    let mut offset = 0;
    for line in document.split_inclusive('\n') {
        splitter.line(line, offset);
        offset += line.len();
    }
    splitter.finish(document)
}

#[derive(Default)]
struct Splitter {
    title: Option<String>,
    levels: Vec<Level>,
    begun: Vec<Begun>,
    /// Lines before the first clause that are no heading.
    before: usize,
    fenced: bool,
}

impl Splitter {
    fn line(&mut self, line: &str, offset: usize) {
        let text = line.trim_end();
        let bare = text.trim_start();
        let indent = text.len() - bare.len();
        if bare.starts_with("```") {
            self.fenced = !self.fenced;
        }
        if bare.is_empty() {
            return;
        }
        let (hashes, after) = heading_of(bare);
        if let Some((label, length)) = marker(after).filter(|_| !self.fenced) {
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

    /// The whole number of a label in its place.
    fn number(&mut self, label: Label<'_>, indent: usize) -> String {
        let letter = matches!(label, Label::Letter(_));
        if !matches!(label, Label::Whole(_)) {
            while self.levels.last().is_some_and(|level| level.indent >= indent && !(letter && level.is_above(indent)))
            {
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
            (Label::Letter(letter), Some(parent)) => format!("{parent}({letter})"),
            (Label::Ordinal(one) | Label::Letter(one), None) => one.to_owned(),
        };
        self.levels.push(Level { indent, number: number.clone() });
        number
    }

    fn finish(self, document: &str) -> Result<Draft, String> {
        let mut doubts = Vec::new();
        if self.before > 0 {
            doubts.push(format!(
                "{} lines before the first clause have no number: parties, recitals or a preamble",
                self.before
            ));
        }
        let numbers: Vec<&str> = self.begun.iter().map(|clause| clause.number.as_str()).collect();
        let mut clauses: Vec<Clause> = Vec::new();
        for clause in &self.begun {
            let Some(quotation) = document.get(clause.start..clause.end) else { continue };
            let lead = quotation.len() - quotation.trim_start().len();
            let quotation = quotation.trim();
            let holds_others = numbers.iter().any(|other| is_below(other, &clause.number));
            if quotation.is_empty() || clause.heading || (holds_others && is_title(quotation)) {
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
        Ok(Draft { sha256: sha256(document.as_bytes()), title: self.title, clauses, doubts })
    }
}

impl Level {
    /// A letter stands below a number that is written out, wherever it begins.
    fn is_above(&self, indent: usize) -> bool {
        self.indent <= indent && self.number.ends_with(|last: char| last.is_ascii_digit())
    }
}

/// What a line begins with.
#[derive(Clone, Copy)]
enum Label<'l> {
    /// `3.2`
    Whole(&'l str),
    /// `3.`
    Ordinal(&'l str),
    /// `a.` or `(a)`
    Letter(&'l str),
}

/// The label at the start of a line, and how many bytes it takes with the space behind it.
fn marker(line: &str) -> Option<(Label<'_>, usize)> {
    let bold = if line.starts_with("**") { 2 } else { 0 };
    let rest = line.get(bold..)?;
    let section = ["§ ", "§", "Section ", "Clause ", "Article "].iter().find_map(|word| rest.strip_prefix(word));
    let rest = section.unwrap_or(rest);
    let word = rest.split_whitespace().next()?;
    let behind = line.len() - rest.len() + word.len();
    let space = line.get(behind..).map(|rest| rest.len() - rest.trim_start().len())?;
    let bare = word.trim_end_matches("**").trim_end_matches([':', '–']);
    let dotted = bare.trim_end_matches('.');
    let label = if dotted.contains('.') && is_number(dotted) {
        Label::Whole(dotted)
    } else if (bare.ends_with('.') || bare.ends_with(')') || section.is_some())
        && is_ordinal(dotted.trim_end_matches(')'))
    {
        Label::Ordinal(dotted.trim_end_matches(')'))
    } else {
        let inner = bare.strip_prefix('(').map_or(bare, |inner| inner).strip_suffix(['.', ')'])?;
        let letters = (1..=4).contains(&inner.len()) && inner.bytes().all(|byte| byte.is_ascii_lowercase());
        let list = inner.len() == 1 || inner.bytes().all(|byte| b"ivx".contains(&byte));
        (letters && list).then_some(Label::Letter(inner))?
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
    plain.chars().count() <= 90 && !plain.trim_end_matches('.').contains(". ") && !plain.ends_with(['.', ';', ':'])
        || plain.split_whitespace().count() <= 4
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

#[cfg(test)]
mod tests;
