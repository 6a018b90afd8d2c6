//! Which texts may be missing: what the log itself says of those that were erased and let go.
//!
//! Each erasure and each letting go is a record of its own, written before anything went. A text that is missing without one was taken
//! out by somebody who had their hands in the store, and what the store says of it beside the records proves nothing.

use std::collections::HashSet;

use serde_json::Value;

use crate::entry::{ChangeView, Entry};
use crate::error::StoreFault;
use crate::log::LogReader;
use crate::question::{Field, Query};
use crate::record::RecordKind;

/// What went, as the records of it say.
#[derive(Debug, Default)]
pub(crate) struct Gone {
    /// The numbers of the keys that were destroyed.
    keys: HashSet<u32>,
    /// Texts of calls went up to this record.
    let_go_to: u64,
}

/// How a text went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Went {
    /// With the key that it was sealed under.
    Erased,
    /// It was kept no longer.
    LetGo,
}

/// The records that say what went.
pub(crate) fn records_of_it(reader: &dyn LogReader) -> Result<Vec<Entry>, StoreFault> {
    let all = Query { limit: usize::MAX, newest_first: false, ..Query::default() };
    reader.find(&all.of_kind(RecordKind::Change).with_any(Field::What, [ERASE, RETAIN]))
}

// === impl Gone ===

impl Gone {
    /// What this record says of it.
    pub(crate) fn add(&mut self, record: &Entry) {
        let Some(change) = record.change() else { return };
        match change.what.as_str() {
            ERASE => self.keys.extend(keys_of(&change)),
            RETAIN => self.let_go_to = self.let_go_to.max(last_of(&change).unwrap_or_default()),
            _ => {}
        }
    }

    /// How the text of this record went, which has none. None: no record says that it did.
    pub(crate) fn how(&self, entry: &Entry) -> Option<Went> {
        match entry.lost_key {
            Some(key) => self.keys.contains(&key).then_some(Went::Erased),
            None => (entry.kind != RecordKind::Change && entry.sequence <= self.let_go_to).then_some(Went::LetGo),
        }
    }
}

/// The numbers that stood for whoever was erased.
fn keys_of(change: &ChangeView) -> impl Iterator<Item = u32> + '_ {
    let numbers = change.subject.as_deref().and_then(|subject| subject.strip_prefix(SUBJECTS)).unwrap_or_default();
    numbers.split(',').filter_map(|number| number.parse().ok())
}

/// The last record whose text went.
fn last_of(change: &ChangeView) -> Option<u64> {
    change.detail.as_ref()?.get("last")?.get("sequence").and_then(Value::as_u64)
}

/// The change that says that a person was erased.
const ERASE: &str = "trace.erase";
/// The change that says that texts of calls are kept no longer.
const RETAIN: &str = "trace.retain";
const SUBJECTS: &str = "subject:";
