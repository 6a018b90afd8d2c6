//! What is wrong with a contract, where, and the way out.

use std::sync::Arc;

/// One thing that is wrong with a contract file: `contracts/acme.yaml:12:5: unknown key`. Blame: whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{file}:{line}:{column}: {said}")]
pub struct ContractError {
    file: Arc<str>,
    line: u32,
    column: u32,
    said: String,
    hint: Option<String>,
}

impl ContractError {
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
