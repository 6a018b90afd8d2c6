//! The ports to a store: one writes, one answers questions.

use std::ops::RangeInclusive;

use model::limits::RECORDS_PER_COMMIT_MAX;
use model::{CallId, UnixMicros, Verdict};
use tlog::{Frontier, Tile};

use crate::audit::Finding;
use crate::entry::Entry;
use crate::error::{StoreFault, StoreFaultKind, TraceError};
use crate::question::Query;
use crate::record::{Effect, Outcome, OutcomeStatus, StateWrite};
use crate::row::Row;
use crate::text::is_address;

/// Writes records and state.
pub trait LogStore: Send {
    /// Appends the rows and applies the state, all or nothing, durable when it returns. The rows get consecutive
    /// sequence numbers, counted from 1 over the whole log; the first of them is returned (without rows: the next one).
    /// Error: nothing may be taken as written, though it may have been.
    fn append(&mut self, rows: &[Row], state: &[StateWrite]) -> Result<u64, StoreFault>;

    /// Destroys the keys of these subjects ([`Kept::subjects`]), and whatever copy of them or of their names the store holds
    /// beside the leaves. To be called when the record of it is on disk, together with the state [`ERASING_KEY`]: what is
    /// broken off, the next opening finishes. Later records about the same person come under another key.
    /// Error: it may be done or not, and the next opening finishes it, or [`LogStore::let_go`] once nobody is in its way.
    fn erase(&mut self, subjects: &[u32]) -> Result<(), StoreFault> {
        let _unknown = subjects;
        Err(StoreFault::new(StoreFaultKind::Broken, "this store cannot erase"))
    }

    /// Takes a step of letting texts go ([`crate::Retention`]), where the state says that some are to go. True: another may be
    /// taken, after a moment. A store that takes the steps by itself has none for others.
    fn let_go(&mut self) -> Result<bool, StoreFault> {
        Ok(false)
    }

    /// Whether appending now takes so little time that a thread with other things to do may do it.
    fn is_quick(&self) -> bool {
        false
    }
}

/// Answers questions about records and state.
pub trait LogReader: Send {
    /// The records that fit, in the order of the log or against it.
    fn find(&self, query: &Query) -> Result<Vec<Entry>, StoreFault>;

    /// All records of one call or change, in order; empty when there is none. `id` is a full id, the unique tail of one
    /// (4 characters or more), or a sequence number in decimal digits, which wins over a tail of the same digits.
    /// Error: a tail that is too short or fits several calls.
    fn by_id(&self, id: &str) -> Result<Vec<Entry>, StoreFault>;

    /// Every use of a tool by an agent or for a person since the log began, in no order.
    fn uses(&self, of: UseOf<'_>) -> Result<Vec<Use>, StoreFault>;

    /// What the calls that fit used, in no order: those that [`LogReader::find`] would give for the same question asked of
    /// intents, counted ([`Use::of_calls`]). What they say besides need not be read for it.
    fn counted(&self, query: &Query) -> Result<Vec<Use>, StoreFault>;

    /// What is kept of a person that can be erased; none where nothing is.
    fn kept_of(&self, human: &str) -> Result<Option<Kept>, StoreFault> {
        self.kept_among(human, 0..=u64::MAX)
    }

    /// What is kept of a person among these records, which are all that it reads. None: nothing stands for that person anywhere.
    fn kept_among(&self, human: &str, records: RangeInclusive<u64>) -> Result<Option<Kept>, StoreFault> {
        let _nobody = (human, records);
        Ok(None)
    }

    /// The first record that stands there as it was written and that questions do not find, because what leads to it was changed. No
    /// proof covers that. `progress` hears up to which record it looked, now and then. A store without anything that leads to records
    /// has none.
    fn lost(&self, progress: &mut dyn FnMut(u64)) -> Result<Option<Finding>, StoreFault> {
        let _nothing_leads = progress;
        Ok(None)
    }

    /// The first of these entries of its own whose task is another where it is looked for than in its text: whoever asks for that task
    /// does not find it.
    fn misfiled(&self, entries: &[Entry]) -> Result<Option<u64>, StoreFault> {
        let _nothing_beside_texts = entries;
        Ok(None)
    }

    /// Calls whose verdict runs and that have no outcome, oldest first. What stands at or before the sequence number
    /// under [`SETTLED_KIND`] and [`SETTLED_KEY`] in the state need not be looked at again.
    fn unfinished(&self) -> Result<Vec<CallId>, StoreFault>;

    /// The last sequence number, zero when the log is empty.
    fn last_sequence(&self) -> Result<u64, StoreFault>;

    /// All values of a kind of state, by key.
    fn state(&self, kind: &str) -> Result<Vec<(String, String)>, StoreFault>;

    /// The Merkle tree over the hashes of the leaves, as far as it has grown: it may be behind the last record by a moment,
    /// and it is durable.
    fn tree(&self) -> Result<Frontier, StoreFault>;

    /// The bytes of a tile of that tree; of one of entries, the leaves. None: the tree is not that large.
    fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreFault>;
}

/// How often a pair of agent and person used a tool, and between when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The software that acted.
    pub agent: String,
    /// The person it acted for; [`ERASED`] once that is erased.
    pub human: String,
    /// The app.
    pub app: String,
    /// The tool; none stands for all addresses of resources, of which there may be as many as there are calls.
    pub tool: Option<String>,
    /// What was decided.
    pub verdict: Verdict,
    /// How often.
    pub calls: u64,
    /// When it was decided first.
    pub first: UnixMicros,
    /// When last.
    pub last: UnixMicros,
}

/// What is kept of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What stands for the person in the store.
    pub subjects: Vec<u32>,
    /// How many records are about that person.
    pub records: u64,
    /// The first of them and the last; zeros where there is none.
    pub sequences: (u64, u64),
    /// When the earliest was made and when the latest.
    pub times: (UnixMicros, UnixMicros),
}

/// Whose uses of tools are asked for.
#[derive(Debug, Clone, Copy)]
pub enum UseOf<'a> {
    /// What this agent used.
    Agent(&'a str),
    /// What was used for this person.
    Human(&'a str),
}

impl Use {
    /// What these calls used; other records are passed over.
    pub fn of_calls(calls: impl IntoIterator<Item = Entry>) -> Vec<Self> {
        calls.into_iter().filter_map(Self::of_call).collect()
    }

    fn of_call(call: Entry) -> Option<Self> {
        Some(Self {
            agent: call.agent?,
            human: call.human.unwrap_or_else(|| ERASED.to_owned()),
            app: call.app?,
            tool: call.tool.filter(|tool| !is_address(tool)),
            verdict: call.verdict?,
            calls: 1,
            first: call.at,
            last: call.at,
        })
    }
}

impl Kept {
    /// A person of whom no text is kept, and who is still named in what was counted.
    pub fn named(subject: u32) -> Self {
        Self { subjects: vec![subject], records: 0, sequences: (0, 0), times: (UnixMicros(0), UnixMicros(0)) }
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        let new = other.subjects.into_iter().filter(|number| !self.subjects.contains(number));
        let new: Vec<u32> = new.collect();
        self.subjects.extend(new);
        // Where there is no record there is no place either.
        match (self.records, other.records) {
            (_, 0) => return self,
            (0, _) => return Self { subjects: self.subjects, ..other },
            _ => {}
        }
        self.records += other.records;
        self.sequences = (self.sequences.0.min(other.sequences.0), self.sequences.1.max(other.sequences.1));
        self.times = (self.times.0.min(other.times.0), self.times.1.max(other.times.1));
        self
    }
}

/// Says of every call that a stopped gateway left open that its outcome is unknown; returns how many. To be called
/// before a journal is started on the store.
pub fn mark_unknown(log: &mut dyn LogStore, reader: &dyn LogReader, now: UnixMicros) -> Result<usize, TraceError> {
    let settled = reader.last_sequence().map_err(TraceError::NotRead)?;
    if settled == 0 {
        return Ok(0);
    }
    let calls = reader.unfinished().map_err(TraceError::NotRead)?;
    let mut append = |rows: &[Row], state: &[StateWrite]| match log.append(rows, state) {
        Ok(_) => Ok(()),
        Err(fault) => Err(TraceError::NotRecorded { fault: fault.into() }),
    };
    for chunk in calls.chunks(RECORDS_PER_COMMIT_MAX) {
        let rows: Vec<Row> = chunk.iter().map(|call| Row::of_outcome(&unknown(call, now))).collect::<Result<_, _>>()?;
        append(&rows, &[])?;
    }
    // Only once every outcome is on disk may the next start skip what lies before.
    let mark =
        StateWrite { kind: SETTLED_KIND.to_owned(), key: SETTLED_KEY.to_owned(), value: Some(settled.to_string()) };
    append(&[], &[mark])?;
    Ok(calls.len())
}

fn unknown(call: &CallId, now: UnixMicros) -> Outcome {
    Outcome {
        call: call.clone(),
        human: None,
        at: now,
        effect: Effect::Unknown,
        status: OutcomeStatus::Unknown,
        code: Some("trace.no_outcome".to_owned()),
        agrees: None,
        answer_digest: None,
        answer_bytes: 0,
        came: None,
        hidden: None,
        scrubbed: 0,
        wire: None,
        http_status: None,
        rpc_code: None,
        credential: None,
        durable_us: None,
        took_us: 0,
    }
}

/// Stands for a person once that is erased.
pub const ERASED: &str = "(erased)";

/// The kind of state under which the trace keeps its own.
pub const SETTLED_KIND: &str = "trace";

/// The key of the subjects that are being erased, their numbers with commas between.
pub const ERASING_KEY: &str = "erasing";

/// The key of the sequence number up to which every call has its outcome.
pub const SETTLED_KEY: &str = "settled_to";

#[cfg(test)]
mod tests;
