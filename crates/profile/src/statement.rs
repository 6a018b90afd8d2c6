//! Texts that are programs, and what can be said of them without running them: a conservative reading, in two languages.
//!
//! A reviewed profile may say that a tool which takes any statement only reads where the statement is surely one that only
//! reads. *Surely* is all there is: what is not recognised keeps the class of the tool. `SELECT id FROM orders` is
//! recognised, `SELECT refund(id) FROM orders` is not: what a function does cannot be seen in its name.

mod aws;
mod sql;

use serde::Deserialize;

/// What a text may be recognised as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Statement {
    /// One SQL query over columns and well-known functions.
    SqlRead,
    /// One AWS command that only asks, and asks for no credential.
    AwsRead,
    /// One AWS command that ends, removes or labels something: it starts nothing that costs.
    AwsEnd,
}

// === impl Statement ===

impl Statement {
    /// Whether this text is surely one. What is longer than [`STATEMENT_BYTES_MAX`] is not.
    pub(crate) fn is(self, text: &str) -> bool {
        if text.len() > STATEMENT_BYTES_MAX {
            return false;
        }
        match self {
            Self::SqlRead => sql::only_reads(text),
            Self::AwsRead => aws::only_asks(text),
            Self::AwsEnd => aws::only_ends(text),
        }
    }
}

/// The longest text that is read, in bytes.
const STATEMENT_BYTES_MAX: usize = 16 * 1024;

#[cfg(test)]
mod tests;
