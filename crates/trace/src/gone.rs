//! Which texts may be missing: what the log itself says of those that were erased and let go.
//!
//! Each erasure and each letting go is a record of its own, written before anything went. A text that is missing without one was taken
//! out by somebody who had their hands in the store, and what the store says of it beside the records proves nothing. Under which key
//! a missing text stood is such a thing, too: so an erasure takes the texts before it, between the first and the last that it counted,
//! and no more of them than it counted. Fewer may be missing, where some were let go since.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use serde_json::Value;

use crate::entry::{ChangeView, Entry};
use crate::error::StoreFault;
use crate::log::LogReader;
use crate::question::{Field, Query};
use crate::record::RecordKind;

/// What went, as the records of it say.
#[derive(Debug, Default)]
pub(crate) struct Gone {
    /// The erasures, by where they stand.
    erasures: HashMap<u64, Erasure>,
    /// By the number of each key that was destroyed, the last erasure that names it.
    keys: HashMap<u32, u64>,
    /// How many texts were found missing, by the number of their key.
    missing: HashMap<u32, u64>,
    /// Texts of calls went up to this record.
    let_go_to: u64,
}

/// What the record of an erasure says.
#[derive(Debug)]
struct Erasure {
    /// The numbers of the keys that were destroyed.
    keys: Vec<u32>,
    /// What went; none where the count was made before the last of it was written, as older versions did.
    counted: Option<Counted>,
}

/// All records whose text went.
#[derive(Debug)]
struct Counted {
    records: u64,
    /// From the first of them to the last.
    places: RangeInclusive<u64>,
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
            ERASE => self.add_erasure(record.sequence, &change),
            RETAIN => self.let_go_to = self.let_go_to.max(last_of(&change).unwrap_or_default()),
            _ => {}
        }
    }

    fn add_erasure(&mut self, sequence: u64, change: &ChangeView) {
        let erasure = Erasure { keys: keys_of(change).collect(), counted: counted(change) };
        for key in &erasure.keys {
            // What could not be destroyed at once is counted again by the next.
            let last = self.keys.entry(*key).or_insert(sequence);
            *last = sequence.max(*last);
        }
        self.erasures.insert(sequence, erasure);
    }

    /// One more text is missing that was erased. The erasure that it went with, where that did not take so many.
    pub(crate) fn too_many(&mut self, entry: &Entry) -> Option<u64> {
        let key = entry.lost_key?;
        *self.missing.entry(key).or_default() += 1;
        let sequence = self.keys.get(&key)?;
        let erasure = self.erasures.get(sequence)?;
        let counted = erasure.counted.as_ref()?;
        let with_it = erasure.keys.iter().filter(|key| self.keys.get(key) == Some(sequence));
        let missing: u64 = with_it.filter_map(|key| self.missing.get(key)).sum();
        (missing > counted.records).then_some(*sequence)
    }

    /// How the text of this record went, which has none. None: no record says that it did.
    pub(crate) fn how(&self, entry: &Entry) -> Option<Went> {
        match entry.lost_key {
            Some(key) => self.was_erased(key, entry.sequence).then_some(Went::Erased),
            None => (entry.kind != RecordKind::Change && entry.sequence <= self.let_go_to).then_some(Went::LetGo),
        }
    }

    /// Whether the text of this record went with this key.
    fn was_erased(&self, key: u32, sequence: u64) -> bool {
        let Some(erased_at) = self.keys.get(&key) else { return false };
        let counted = self.erasures.get(erased_at).and_then(|erasure| erasure.counted.as_ref());
        sequence < *erased_at && counted.is_none_or(|counted| counted.places.contains(&sequence))
    }
}

/// What an erasure took, where it counted all that stood before it.
fn counted(change: &ChangeView) -> Option<Counted> {
    let detail = change.detail.as_ref()?;
    let number = |name| detail.get(name).and_then(Value::as_u64);
    number(COUNTED_TO)?;
    let [records, first, last] = ["records", "first", "last"].map(|name| number(name).unwrap_or_default());
    Some(Counted { records, places: first..=last })
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
/// Up to which record an erasure counted what it takes: the one before it.
const COUNTED_TO: &str = "counted_to";
