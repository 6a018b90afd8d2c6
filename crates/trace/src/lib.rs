//! The record of what was decided and what came of it.
//!
//! # In scope
//! The schema, canonical bytes, salted commitments, group commit, questions, and checking one record against itself.
//! The ports [`LogStore`] and [`LogReader`] that a store implements.
//!
//! # Out of scope
//! Where records are kept; deciding; clocks. Randomness has one use here: the salt of each record.
//!
//! # Invariants
//! * A [`model::Durable`] exists only after the store has said that the record is on disk.
//! * A leaf names nobody and quotes nothing: people, tasks, tokens, arguments, facts, sentences and answers stand in
//!   it as salted commitments only. Their text stands in the body, which can go without breaking a leaf.
//! * A leaf is RFC 8785, byte for byte.
//! * Nothing is dropped in silence: a caller learns that its record is not written, and an outcome that nobody waits
//!   for is counted.
//! * Whoever can write to the store can rewrite a leaf together with its hash: [`verify_leaf`] finds accidents and edits of a column
//!   or a body, [`audit`] finds the rest by the signed tree over the leaf hashes.

mod audit;
mod body;
mod commitment;
mod entry;
mod error;
mod facets;
mod facts;
mod form;
mod gone;
mod journal;
mod language;
mod leaf;
mod log;
mod map;
mod moment;
mod notary;
mod page;
mod question;
pub mod ready;
mod record;
mod retain;
mod row;
#[cfg(test)]
mod samples;
mod scratch;
mod shown;
mod spelling;
mod text;
mod verify;

pub use audit::{Audit, Finding, Known, UNSIGNED_TIME_MAX_US, audit, audit_leaves, audit_range};
pub use commitment::leaf_hash;
pub use entry::{ChangeView, Entry, IntentView, OutcomeView, person_in_change, rfc3339};
pub use error::{StoreFault, StoreFaultKind, TraceError};
pub use facets::facets_of;
pub use facts::FactsText;
pub use form::{Form, text_of};
pub use journal::Journal;
pub use language::QuestionError;
pub use log::{ERASED, ERASING_KEY, Kept, LogReader, LogStore, SETTLED_KEY, SETTLED_KIND, Use, UseOf, mark_unknown};
pub use map::{Head, MapError, Round, SignedRound, map_origin};
pub use moment::{duration, last_moment, moment};
pub use notary::{
    CHECKPOINT_KIND, COSIGNED_KIND, Notary, RollbackError, check_since, checkpoint_over, checkpoints,
    consistency_since, cosigned, receipt_of, receipt_under,
};
pub use page::Page;
pub use question::{Field, Query, Term};
pub use record::{
    Approved, Came, Change, Delegation, Effect, Intent, Outcome, OutcomeStatus, RecordKind, StateWrite, agreement,
};
pub use retain::{Due, PARTITION_RECORDS, RETAIN_TO_KEY, RETAINED_TO_KEY, Retention, SWEEP_KEY, gap_before};
pub use row::{Concern, Row};
pub use shown::Shown;
pub use spelling::{Spelled, members, value_or_text};
pub use verify::{VerifyError, verify_leaf};
