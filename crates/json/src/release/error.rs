//! What is wrong with a plan, and why a filter stops.

use std::fmt;
use std::sync::Arc;

use crate::error::Problem;

/// Why a plan is none. Blame: whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseError {
    /// The path, as written; empty where there is too much of something.
    pub path: String,
    /// Where in it, in bytes from its start.
    pub at: usize,
    /// What is wrong, lower case, no full stop.
    pub said: String,
}

/// Why nothing more is let out of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    at: u64,
    left: u64,
    problem: FilterProblem,
}

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterProblem {
    /// It is not the JSON we read.
    #[error("{0}")]
    Json(Problem),
    /// It is not the table we read.
    #[error("{0}")]
    Csv(&'static str),
    /// A record is outside what may be seen.
    #[error("a record is outside of what `{0}` lets out")]
    Outside(Arc<str>),
    /// The answer is outside what may be seen.
    #[error("the answer is outside of what `{0}` lets out")]
    Whole(Arc<str>),
    /// A record, on which something depends, is too large to be kept until it is known.
    #[error("a record is larger than {0} bytes")]
    RecordTooLarge(usize),
    /// The answer, on all of which something depends, is too large to be kept until it is known.
    #[error("the answer is larger than {0} bytes, and all of it depends on what stands in it")]
    BodyTooLarge(usize),
    /// A count stands beside the records, and no answer with one is let out.
    #[error("the answer says how many records there are, and none that does may be shown")]
    Counted,
    /// More records than are let out.
    #[error("there are more than {0} records")]
    TooManyRecords(u64),
    /// More bytes than are let out.
    #[error("there are more than {0} bytes to let out")]
    TooManyBytes(u64),
    /// A key, a number or white space without end.
    #[error("a key, a number or white space is longer than {0} bytes")]
    TokenTooLong(usize),
    /// The records are not where they should be.
    #[error("{0}")]
    Shape(&'static str),
    /// The filter has stopped before.
    #[error("the answer was refused before")]
    Stopped,
}

// === impl FilterError ===

impl FilterError {
    /// What was wrong behind how many bytes of the answer, and how many had been let out by then.
    pub(super) const fn new(at: u64, left: u64, problem: FilterProblem) -> Self {
        Self { at, left, problem }
    }

    /// Bytes of the answer before the place.
    pub const fn at(&self) -> u64 {
        self.at
    }

    /// Bytes that had been let out before; none of the push that failed are among them.
    pub const fn left(&self) -> u64 {
        self.left
    }

    /// What is wrong there.
    pub const fn problem(&self) -> &FilterProblem {
        &self.problem
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.at, self.problem)
    }
}

impl std::error::Error for FilterError {}

// === impl ReleaseError ===

impl fmt::Display for ReleaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.said)
        } else {
            write!(f, "the path `{}`: {}", self.path, self.said)
        }
    }
}

impl std::error::Error for ReleaseError {}

impl From<Problem> for FilterProblem {
    fn from(problem: Problem) -> Self {
        Self::Json(problem)
    }
}
