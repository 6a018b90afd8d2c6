//! What is let out of an answer, seen from whoever carries it.
//!
//! Which records and which fields a contract lets its vendor see is compiled elsewhere; whoever passes an answer on while it
//! comes asks a [`Release`] for a [`Filter`], pushes the app's bytes in and passes on what comes out. Nothing that is not let
//! out is in what comes out, at any moment.

use std::fmt::Debug;

use serde::Serialize;

use crate::fault::Fault;

/// What is let out of the answers to one call.
pub trait Release: Send + Sync + Debug {
    /// A filter for one answer of this form. Error: nothing of this form is let out (blame `Rule`).
    fn filter(&self, form: Form) -> Result<Box<dyn Filter>, Fault>;

    /// How many records may come at once. An answer that comes in several parts has a filter for each, and all of them together
    /// show no more.
    fn records_max(&self) -> Option<u64> {
        None
    }

    /// Whether the contract names it as acceptable that a record changes between being looked at and being written.
    fn accepts_race(&self) -> bool {
        false
    }
}

/// Lets bytes through. What `push` and `finish` append to `out` may be passed on at once.
pub trait Filter: Send {
    /// The next bytes of the answer. Error: no more of it may be passed on; what went before was let out.
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Fault>;

    /// The answer is over. Error: it was not whole, or is refused as a whole.
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<Released, Fault>;

    /// What was let out so far.
    fn so_far(&self) -> Released {
        Released::default()
    }
}

/// What was let out of one answer, and what was not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Released {
    /// Records that were let out.
    pub rows: u64,
    /// Records that were dropped.
    pub dropped: u64,
    /// Values that were taken out of, or replaced in, what was let out.
    pub removed: u64,
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// One JSON document.
    Json,
    /// A JSON document on each line (NDJSON).
    Lines,
    /// Comma-separated values with a header (RFC 4180).
    Csv,
}

impl Form {
    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Lines => "lines",
            Self::Csv => "csv",
        }
    }
}
