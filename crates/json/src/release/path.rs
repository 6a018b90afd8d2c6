//! Paths: names one below the other. `employment.salary`, `$.data[*].id`, `scores.*.value`, `['odd name'].x`, `..notes`.

use super::ReleaseError;

/// A path, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) segments: Vec<Segment>,
    /// Whether it begins with `$`.
    pub(super) rooted: bool,
    /// Whether it ends with `[]` or `[*]`.
    pub(super) listed: bool,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// Whether it looks at any depth.
    pub(super) deep: bool,
    /// The key it wants; none for any.
    pub(super) name: Option<Box<str>>,
}

// === impl Path ===

impl Path {
    /// Error: where it stops being a path.
    pub(super) fn read(text: &str) -> Result<Self, ReleaseError> {
        let mut reader = Reader { text, at: 0 };
        reader.path().map_err(|said| ReleaseError { path: text.to_owned(), at: reader.at, said: said.to_owned() })
    }

    /// A path of the answer.
    pub(super) fn of_answer(text: &str) -> Result<Self, ReleaseError> {
        let path = Self::read(text)?;
        if path.rooted { Ok(path) } else { Err(wrong(text, "a path of the answer begins with `$`")) }
    }

    /// A path of a record.
    pub(super) fn of_record(text: &str) -> Result<Self, ReleaseError> {
        let path = Self::read(text)?;
        if path.rooted {
            return Err(wrong(text, "a path of a record begins with a name: `employment.salary`"));
        }
        Ok(path)
    }

    /// Whether a step looks at any depth.
    pub(super) fn deep(&self) -> bool {
        self.segments.iter().any(|segment| segment.deep)
    }
}

pub(super) fn wrong(path: &str, said: &str) -> ReleaseError {
    ReleaseError { path: path.to_owned(), at: 0, said: said.to_owned() }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn path(&mut self) -> Result<Path, &'static str> {
        let rooted = self.eat("$");
        let mut path = Path { segments: Vec::new(), rooted, listed: false };
        let mut bare = !rooted;
        while self.at < self.text.len() {
            if self.eat("[]") || self.eat("[*]") {
                path.listed = true;
                bare = false;
                continue;
            }
            path.listed = false;
            let deep = self.eat("..");
            let dotted = deep || self.eat(".");
            let name = if self.rest().starts_with('[') {
                self.bracket()?
            } else if dotted || bare {
                self.name()?
            } else {
                return Err("here `.`, `[]` or `['name']` is wanted");
            };
            if dotted && !deep && bare {
                return Err("a path of a record begins with a name, without a dot");
            }
            path.segments.push(Segment { deep, name });
            bare = false;
            if path.segments.len() > SEGMENTS_MAX {
                return Err("a path has at most 32 names");
            }
        }
        if path.segments.is_empty() && !rooted {
            return Err("a path names something");
        }
        Ok(path)
    }

    /// `name` or `*`.
    fn name(&mut self) -> Result<Option<Box<str>>, &'static str> {
        if self.eat("*") {
            return Ok(None);
        }
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '@' | '$' | ':');
        let length = self.rest().find(|c| !is_name(c)).unwrap_or(self.rest().len());
        let name = self.rest().get(..length).unwrap_or_default();
        if name.is_empty() {
            return Err("here a name or `*` is wanted; a name with other characters is written `['so']`");
        }
        let name = name.into();
        self.at += length;
        Ok(Some(name))
    }

    /// `['name']` or `["name"]`; the quote itself is written twice.
    fn bracket(&mut self) -> Result<Option<Box<str>>, &'static str> {
        let quote = if self.eat("['") { '\'' } else { '"' };
        if quote == '"' && !self.eat("[\"") {
            return Err("a bracket holds nothing, `*` or a name in quotes; indexes and filters are not understood");
        }
        let mut name = String::new();
        loop {
            let Some(next) = self.rest().chars().next() else { return Err("this quote is never closed") };
            self.at += next.len_utf8();
            if next == quote && self.rest().starts_with(quote) {
                self.at += 1;
            } else if next == quote {
                break;
            }
            name.push(next);
        }
        if self.eat("]") { Ok(Some(name.into())) } else { Err("this bracket is never closed") }
    }

    fn eat(&mut self, what: &str) -> bool {
        let there = self.rest().starts_with(what);
        if there {
            self.at += what.len();
        }
        there
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }
}

const SEGMENTS_MAX: usize = 32;
