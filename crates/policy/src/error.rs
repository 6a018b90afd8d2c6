//! What is wrong with a rule, where, and the way out.

use std::sync::Arc;

/// One thing that is wrong with a rule file. `rules/a.cedar:12:5: unknown attribute` and so on. Blame: whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{file}:{line}:{column}: {said}")]
pub struct PolicyError {
    file: Arc<str>,
    line: u32,
    column: u32,
    said: String,
    hint: Option<String>,
}

/// What is wrong, before it is known where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) at: usize,
    pub(crate) said: String,
    pub(crate) hint: Option<String>,
}

impl PolicyError {
    pub(crate) fn new(file: &Arc<str>, (line, column): (u32, u32), said: String, hint: Option<String>) -> Self {
        Self { file: Arc::clone(file), line, column, said, hint }
    }

    /// The way out, often the nearest right word.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// What is wrong, without the place.
    pub fn said(&self) -> &str {
        &self.said
    }

    /// The file as the operator named it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line, counted from 1.
    pub fn line(&self) -> u32 {
        self.line
    }

    /// The column in characters, counted from 1.
    pub fn column(&self) -> u32 {
        self.column
    }
}

impl Complaint {
    pub(crate) fn new(at: usize, said: impl Into<String>) -> Self {
        Self { at, said: said.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    pub(crate) fn or_hint(mut self, hint: &str) -> Self {
        self.hint.get_or_insert_with(|| hint.to_owned());
        self
    }
}
