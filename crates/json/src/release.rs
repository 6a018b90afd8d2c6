//! What is let out of an answer: which records, which of their fields, and what is said of their number.
//!
//! A [`ReleasePlan`] says it in paths; compiled once it is a [`Release`], which a [`Filter`] applies to an answer while it
//! streams: bytes in, bytes out, in bounded memory for any length and however the bytes are cut.
//!
//! Only what is named gets out (or, where [`Fields::Every`] says so, what is not excluded): a field that nobody knew of is
//! left out. Lists make no difference to a path: `jobs[].salary` and `jobs.salary` are one path, and mean the salary of the
//! job, or of each. So no exclusion is evaded by an answer that wraps a value in a list, nor by one that lays a path out in one name
//! (`jobs[0].salary`, `jobs/salary`); what is let out is named as it stands.
//!
//! ```text
//! rows     $.data[*]                             each: client_id is one of northwind (2.2); status is one of active (4.1)
//! fields   id, name, employment.title            removed: compensation (3.2, left out), ..notes (3.3, "[redacted: §3.3]")
//! totals   $.total: the number of records that were let out
//! ```

mod automaton;
mod condition;
mod csv;
mod error;
mod filter;
mod laid_out;
mod path;
mod port;
mod shapes;
mod sink;
mod stream;
mod token;

use std::sync::Arc;

use model::Scalar;

use automaton::Automaton;
use condition::Wanted;
use shapes::Learned;

pub use error::{FilterError, FilterProblem, ReleaseError};
pub use filter::Filter;
pub use model::Form;

/// What is let out of an answer, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleasePlan {
    /// Where the records are: `$` (the whole answer is one), `$.data` (one, in there), `$[*]`, `$.data[*]` (each of a list).
    pub rows: String,
    /// What each record must fulfil. Paths begin at the record.
    pub each: Vec<Condition>,
    /// What becomes of a record that does not. One that stands alone is refused in any case.
    pub outside: Outside,
    /// What of a record is let out.
    pub fields: Fields,
    /// What of it is not, though it stands in something that is. Paths begin at the record; `..name` is a name at any
    /// depth of the whole answer.
    pub removed: Vec<Removal>,
    /// What is let out of the rest of the answer, around the records. Paths begin with `$`.
    pub around: Vec<String>,
    /// Counts and cursors around the records. Paths begin with `$`.
    pub totals: Vec<Total>,
    /// What the answer as a whole must fulfil, or it is refused. Paths begin with `$`.
    pub whole: Vec<Condition>,
    /// What happens where a count stands before so many bytes of records that they cannot be kept until it is known.
    pub beyond: Beyond,
    /// Most records that are let out. Past it: refused.
    pub records_max: Option<u64>,
    /// Most bytes that are let out. Past it: refused.
    pub bytes_max: Option<u64>,
}

/// One value must be one of some; a missing one is none of them. Of a list all must be, and one at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Where the value stands.
    pub path: String,
    /// What it may be. A text and a number that are written alike are the same.
    pub one_of: Vec<Scalar>,
    /// Who wants it, for the record: `acme-screening/4.1`.
    pub clause: Arc<str>,
}

/// What is left out of a record, and what stands there instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Where the value stands.
    pub path: String,
    /// What stands there instead.
    pub how: How,
    /// Who wants it, for the record.
    pub clause: Arc<str>,
}

/// What stands where something was excluded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// Nothing; the field is not there.
    Remove,
    /// This text.
    Replace(String),
}

/// What becomes of records outside the conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// They are left out.
    Drop,
    /// The whole answer is refused.
    Refuse,
}

/// Which fields of a record are let out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fields {
    /// Those of these paths, each with all that is in it.
    Only(Vec<String>),
    /// All that are not excluded, also those that nobody knew of.
    Every,
}

/// A count or a cursor, and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    /// Where it stands.
    pub path: String,
    /// What is said.
    pub tell: Tell,
}

/// What is said of a count or a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tell {
    /// What the app says.
    AsIs,
    /// How many records of this answer are let out.
    Count,
    /// Nothing: an answer that says it is refused.
    Refuse,
}

/// What happens past the buffer in which an answer waits for its count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// The count is `null`.
    Remove,
    /// The answer is refused.
    Refuse,
}

/// What a filter did, for the record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records let out.
    pub records: u64,
    /// Records left out.
    pub dropped: u64,
    /// How often each of [`ReleasePlan::removed`] took something out, in their order.
    pub removed: Vec<u64>,
    /// Fields left out because nothing names them.
    pub unnamed: u64,
    /// Bytes let out.
    pub bytes: u64,
}

/// What is let out of an answer, compiled. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release(Arc<Compiled>);

#[derive(Debug, PartialEq, Eq)]
struct Compiled {
    automaton: Automaton,
    /// Whether the records are items of a list.
    listed: bool,
    each: Vec<Wanted>,
    whole: Vec<Wanted>,
    outside: Outside,
    /// What stands in the place of a removed value, as a JSON string, and as text.
    replacements: Vec<Option<Replacement>>,
    totals: Vec<Tell>,
    beyond: Beyond,
    records_max: u64,
    bytes_max: u64,
    learned: Learned,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Replacement {
    quoted: Vec<u8>,
    text: String,
}

// === impl ReleasePlan ===

impl ReleasePlan {
    /// Of one record, or of each of a list, all that is not excluded. A beginning to add to.
    pub fn every(rows: impl Into<String>) -> Self {
        Self {
            rows: rows.into(),
            each: Vec::new(),
            outside: Outside::Refuse,
            fields: Fields::Every,
            removed: Vec::new(),
            around: Vec::new(),
            totals: Vec::new(),
            whole: Vec::new(),
            beyond: Beyond::Refuse,
            records_max: None,
            bytes_max: None,
        }
    }

    /// Of one record, or of each of a list, these fields. A beginning to add to.
    pub fn only<P: Into<String>>(rows: impl Into<String>, fields: impl IntoIterator<Item = P>) -> Self {
        Self { fields: Fields::Only(fields.into_iter().map(Into::into).collect()), ..Self::every(rows) }
    }
}

// === impl Release ===

impl Release {
    /// Reads the paths and lays out what each name leads to. Error: which path is none, or what there is too much of.
    pub fn compile(plan: &ReleasePlan) -> Result<Self, ReleaseError> {
        let (automaton, listed) = automaton::compile(plan)?;
        let replacements = plan.removed.iter().map(|removal| match &removal.how {
            How::Remove => None,
            How::Replace(text) => {
                let mut quoted = Vec::new();
                crate::canonical::write_string(&mut quoted, text);
                Some(Replacement { quoted, text: text.clone() })
            }
        });
        Ok(Self(Arc::new(Compiled {
            automaton,
            listed,
            each: plan.each.iter().map(Wanted::new).collect(),
            whole: plan.whole.iter().map(Wanted::new).collect(),
            outside: plan.outside,
            replacements: replacements.collect(),
            totals: plan.totals.iter().map(|total| total.tell).collect(),
            beyond: plan.beyond,
            records_max: plan.records_max.unwrap_or(u64::MAX),
            bytes_max: plan.bytes_max.unwrap_or(u64::MAX),
            learned: Learned::default(),
        })))
    }

    /// Applies it to a whole answer. Error: nothing of it may be shown.
    pub fn apply(&self, form: Form, bytes: &[u8]) -> Result<(Vec<u8>, Summary), FilterError> {
        let mut out = Vec::new();
        let mut filter = Filter::new(self, form);
        filter.push(bytes, &mut out)?;
        let summary = filter.finish(&mut out)?;
        Ok((out, summary))
    }
}

// === impl Compiled ===

impl Compiled {
    /// Whether the records are the whole answer, with nothing around them.
    fn is_of_rows_alone(&self) -> bool {
        self.automaton.action(self.automaton.root()).out == automaton::Out::Rows
    }
}

#[cfg(test)]
mod tests;
