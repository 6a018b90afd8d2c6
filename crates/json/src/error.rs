//! Why bytes are not the JSON we read, and where: ``line 1, column 17: the key `name` occurs twice``.

use std::fmt;

/// Why bytes are refused. Blame: whoever sent them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    offset: usize,
    line: usize,
    column: usize,
    problem: Problem,
}

/// What is wrong at that place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The document stops too early.
    #[error("the document ends where {0} belongs")]
    End(&'static str),
    /// Another character belongs here.
    #[error("`{found}` stands where {wanted} belongs")]
    Unexpected {
        /// What belongs here.
        wanted: &'static str,
        /// What stands here.
        found: char,
    },
    /// Something follows the value.
    #[error("something follows the end of the document")]
    Trailing,
    /// These bytes are no text.
    #[error("the bytes are not UTF-8")]
    Utf8,
    /// A raw control character in a string.
    #[error("a string holds the control character U+{0:04X} without an escape")]
    Control(u8),
    /// An escape that JSON does not have.
    #[error("a string holds an escape that JSON does not have")]
    Escape,
    /// One half of a surrogate pair.
    #[error("a string holds one half of a surrogate pair")]
    LoneSurrogate,
    /// A number that breaks the grammar.
    #[error("a number is not written as JSON wants it")]
    Number,
    /// A number that no double can hold: only canonical form refuses it.
    #[error("a number is too large for a double")]
    NumberTooLarge,
    /// Nesting past `JSON_DEPTH_MAX`.
    #[error("arrays and objects are nested deeper than {0}")]
    TooDeep(usize),
    /// An object past `JSON_KEYS_MAX`.
    #[error("an object has more than {0} keys")]
    TooManyKeys(usize),
    /// A document past `JSON_NODES_MAX`.
    #[error("the document has more than {0} values and keys")]
    TooManyNodes(usize),
    /// Two keys of one object that mean the same text.
    #[error("the key `{0}` occurs twice")]
    DuplicateKey(String),
    /// A key that `serde_json` takes for a mark of its own: to it the object would be another value.
    #[error(
        "a key begins with `$serde_json::private::`, which some readers of JSON take for something else than a key"
    )]
    ReservedKey,
    /// More bytes than spans can count.
    #[error("the document is longer than 4 GiB")]
    TooLong,
}

impl Problem {
    /// A key that occurs twice, shown as far as it is short.
    #[cold]
    pub(crate) fn duplicate_key(name: &str) -> Self {
        let mut shown: String = name.chars().take(KEY_SHOWN_CHARS_MAX).collect();
        if shown.len() < name.len() {
            shown.push('…');
        }
        Self::DuplicateKey(shown)
    }
}

impl JsonError {
    /// Bytes before the place.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// The line, from 1.
    pub const fn line(&self) -> usize {
        self.line
    }

    /// The character in the line, from 1.
    pub const fn column(&self) -> usize {
        self.column
    }

    /// What is wrong there.
    pub const fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Cold: lines are counted only when there is something to say.
    #[cold]
    pub(crate) fn at(bytes: &[u8], offset: usize, problem: Problem) -> Self {
        let before = bytes.get(..offset).unwrap_or(bytes);
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let in_line = before.get(line_start..).unwrap_or_default();
        let column = 1 + in_line.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        Self { offset, line, column, problem }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.problem)
    }
}

impl std::error::Error for JsonError {}

/// How keys begin that some reader does not take for keys: see `Problem::ReservedKey`.
pub(crate) const RESERVED_KEYS: &str = "$serde_json::private::";
/// Characters of a key shown in an error.
const KEY_SHOWN_CHARS_MAX: usize = 64;
