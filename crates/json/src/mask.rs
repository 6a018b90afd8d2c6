//! Field masks: which values of a document a reader must not see, written in JSONPath (RFC 9535).
//!
//! Of RFC 9535 a mask knows the root, names, wildcards and descendants: `$.customers[*].email`, `$..iban`, `$['full name']`.
//! Indexes, slices and filters are refused: a mask that depends on where a value stands leaks it where it stands elsewhere.

use std::fmt;
use std::ops::Range;

use crate::canonical::write_string;
use crate::document::{Document, Kind, Value};
use crate::edit::splice;
use crate::error::JsonError;

/// Which values of a document are hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    paths: Vec<Vec<Segment>>,
}

/// Why a text is no mask. Blame: whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskError {
    /// What is wrong, lower case, no full stop.
    pub said: String,
    /// Where in the text, in bytes from its start.
    pub at: usize,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Segment {
    /// Whether it looks at any depth (`..`).
    deep: bool,
    /// The key it wants; none for all members and items.
    name: Option<String>,
}

/// Where a walk stands in one path.
type State<'m> = &'m [Segment];

// === impl Mask ===

impl Mask {
    /// Reads one or more paths separated by commas. Error: not a path, or more of JSONPath than a mask knows.
    pub fn parse(text: &str) -> Result<Self, MaskError> {
        let mut paths = Vec::new();
        let mut reader = Reader { text, at: 0 };
        loop {
            reader.skip_spaces();
            paths.push(reader.path()?);
            reader.skip_spaces();
            match reader.take() {
                None => return Ok(Self { paths }),
                Some(',') => {}
                Some(other) => return Err(reader.wrong(other.len_utf8(), format!("`{other}` is not expected here"))),
            }
        }
    }

    /// Hides what this one hides and what the other hides.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.paths.extend(other.paths);
        self
    }

    /// Where the hidden values stand, ascending; none lies inside another.
    pub fn spans(&self, root: Value<'_, '_>) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        walk(root, self.paths.iter().map(Vec::as_slice).collect(), &mut found);
        found
    }

    /// The document with `replacement`, as a JSON string, in place of each hidden value, and how many there were; every other
    /// byte stays. Error: the document does not parse, and must not be shown.
    pub fn apply(&self, bytes: &[u8], replacement: &str) -> Result<(Vec<u8>, usize), JsonError> {
        let document = Document::parse(bytes)?;
        let spans = self.spans(document.root());
        let mut quoted = Vec::new();
        write_string(&mut quoted, replacement);
        let edits: Vec<_> = spans.into_iter().map(|span| (span, quoted.as_slice())).collect();
        Ok((splice(bytes, &edits), edits.len()))
    }
}

/// Recursion is bounded by the depth a document may have.
fn walk(value: Value<'_, '_>, states: Vec<State<'_>>, found: &mut Vec<Range<usize>>) {
    if states.iter().any(|state| state.is_empty()) {
        found.push(value.span());
        return;
    }
    match value.kind() {
        Kind::Object => {
            for (key, member) in value.entries() {
                let next = step(&states, Some(&key));
                if !next.is_empty() {
                    walk(member, next, found);
                }
            }
        }
        Kind::Array => {
            let next = step(&states, None);
            if !next.is_empty() {
                value.items().for_each(|item| walk(item, next.clone(), found));
            }
        }
        Kind::Null | Kind::Bool | Kind::Number | Kind::String => {}
    }
}

/// Where the walk stands behind a member of this key, or behind an item.
fn step<'m>(states: &[State<'m>], key: Option<&str>) -> Vec<State<'m>> {
    let mut next: Vec<State<'m>> = Vec::new();
    for state in states {
        let Some((segment, rest)) = state.split_first() else { continue };
        let matches = segment.name.as_deref().is_none_or(|name| key == Some(name));
        for reached in [matches.then_some(rest), segment.deep.then_some(*state)].into_iter().flatten() {
            // Two ways to the same place would double at every level.
            if !next.iter().any(|known| std::ptr::eq(*known, reached)) {
                next.push(reached);
            }
        }
    }
    next
}

// === impl MaskError ===

impl fmt::Display for MaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}

impl std::error::Error for MaskError {}

/// Reads paths from the left.
struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn path(&mut self) -> Result<Vec<Segment>, MaskError> {
        if self.take() != Some('$') {
            return Err(self.wrong(0, "a path begins with `$`, the whole answer".to_owned()));
        }
        let mut segments = Vec::new();
        loop {
            let rest = self.rest();
            if rest.starts_with("..") {
                self.at += 2;
                let bracket = self.rest().starts_with('[');
                segments.push(Segment { deep: true, name: if bracket { self.bracket()? } else { self.name()? } });
            } else if rest.starts_with('.') {
                self.at += 1;
                segments.push(Segment { deep: false, name: self.name()? });
            } else if rest.starts_with('[') {
                segments.push(Segment { deep: false, name: self.bracket()? });
            } else {
                break;
            }
        }
        if segments.is_empty() {
            return Err(self.wrong(0, "`$` alone hides everything: forbid the call instead".to_owned()));
        }
        Ok(segments)
    }

    /// `name` or `*`.
    fn name(&mut self) -> Result<Option<String>, MaskError> {
        if self.rest().starts_with('*') {
            self.at += 1;
            return Ok(None);
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii();
        let length = self.rest().find(|c| !is_name(c)).unwrap_or(self.rest().len());
        let name = self.rest().get(..length).unwrap_or_default().to_owned();
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            let said = "here a name or `*` is wanted; a name with other characters is written `['so']`";
            return Err(self.wrong(0, said.to_owned()));
        }
        self.at += length;
        Ok(Some(name))
    }

    /// `['name']`, `["name"]` or `[*]`.
    fn bracket(&mut self) -> Result<Option<String>, MaskError> {
        self.at += 1;
        let begun = self.at;
        let name = match self.take() {
            Some('*') => None,
            Some(quote @ ('\'' | '"')) => {
                let Some(length) = self.rest().find(quote) else {
                    return Err(MaskError { said: "this quote is never closed".to_owned(), at: begun });
                };
                let name = self.rest().get(..length).unwrap_or_default().to_owned();
                if name.contains('\\') {
                    return Err(MaskError { said: "escapes in names are not understood".to_owned(), at: begun });
                }
                self.at += length + 1;
                Some(name)
            }
            _ => {
                let said = "a mask knows `[*]` and `['name']`; indexes, slices and filters are not understood";
                return Err(MaskError { said: said.to_owned(), at: begun });
            }
        };
        match self.take() {
            Some(']') => Ok(name),
            _ => Err(MaskError { said: "this bracket is never closed".to_owned(), at: begun }),
        }
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self) -> Option<char> {
        let next = self.rest().chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn skip_spaces(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// `back`: how far behind what is wrong the reader already is.
    fn wrong(&self, back: usize, said: String) -> MaskError {
        MaskError { said, at: self.at.saturating_sub(back) }
    }
}

#[cfg(test)]
mod tests;
