//! How long the texts of calls are kept: those of old ones are let go, and everything that proves them stays.
//!
//! A text goes with what else says for whom and in which task a call was made. Leaves, hashes, checkpoints and counts stay, and so
//! do the texts of changes: who changed what is asked for as long as there is a trace. What goes first is a record of it, with
//! the place up to which texts go ([`RETAIN_TO_KEY`]); a store then lets them go step by step, and writes with each step how far
//! it has come ([`RETAINED_TO_KEY`]). Whatever is broken off goes on from there.

use model::{CallId, UnixMicros};

use crate::entry::Entry;
use crate::error::{StoreFault, StoreFaultKind};
use crate::log::{LogReader, SETTLED_KIND};
use crate::question::Query;
use crate::record::{RecordKind, StateWrite};

/// What was let go, and how far that has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Calls before this record have no text, once all is done.
    pub to: u64,
    /// Calls before this record have none now.
    pub done_to: u64,
    /// Texts from before then were not to be kept any longer.
    pub before: UnixMicros,
    /// Whether nothing is left to do.
    pub finished: bool,
}

/// What may be let go now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The first record whose text would go.
    pub from: u64,
    /// The first record behind them.
    pub to: u64,
    /// When the first of them was made and when the last.
    pub times: (UnixMicros, UnixMicros),
    /// Whether older ones stay, because a call that waits for people stands among them.
    pub held_back: bool,
}

impl Retention {
    /// What was let go of this log; none where everything is kept. Error: it cannot be read, or is not what was written.
    pub fn of(reader: &dyn LogReader) -> Result<Option<Self>, StoreFault> {
        let state = reader.state(SETTLED_KIND)?;
        let value = |key: &str| state.iter().find(|(found, _)| found == key).map(|(_, value)| value.as_str());
        let Some(goal) = value(RETAIN_TO_KEY) else { return Ok(None) };
        let goal = goal.split_once(' ').and_then(|(to, before)| Some((to.parse().ok()?, before.parse().ok()?)));
        let (to, before) = goal.ok_or_else(unreadable)?;
        let done_to = value(RETAINED_TO_KEY).map_or(Ok(1), str::parse).map_err(|_| unreadable())?;
        let finished = done_to >= to && value(SWEEP_KEY).is_none();
        Ok(Some(Self { to, done_to, before: UnixMicros(before), finished }))
    }

    /// Whether the text of this record was let go.
    pub fn has_let_go(&self, entry: &Entry) -> bool {
        entry.body.is_none() && entry.kind != RecordKind::Change && entry.sequence < self.done_to
    }
}

impl Due {
    /// Which texts from before this time may go: whole partitions, except those from which on the text of one of these calls is
    /// needed. None: there is none. Where there would be some if nobody needed them, it is said that they are held back.
    pub fn of(reader: &dyn LogReader, before: UnixMicros, needed: &[CallId]) -> Result<Option<Self>, StoreFault> {
        let oldest_first = Query { limit: 1, newest_first: false, ..Query::default() };
        let first_kept = reader.find(&Query { since: Some(before), ..oldest_first.clone() })?;
        let all =
            first_kept.first().map_or(reader.last_sequence()?.saturating_add(1), |entry| partition(entry.sequence));
        let mut to = all;
        for call in needed {
            let intent = reader.by_id(call.as_str())?;
            to = intent.first().map_or(to, |entry| to.min(partition(entry.sequence)));
        }
        let from = Retention::of(reader)?.map_or(1, |retention| retention.to);
        if to <= from {
            let held_back = Self { from, to: from, times: (before, before), held_back: true };
            return Ok((from < all).then_some(held_back));
        }
        let at = |sequence: u64| {
            let one = Query { after_sequence: Some(sequence.saturating_sub(1)), ..oldest_first.clone() };
            Ok::<_, StoreFault>(reader.find(&one)?.first().map_or(before, |entry| entry.at))
        };
        Ok(Some(Self { from, to, times: (at(from)?, at(to.saturating_sub(1))?), held_back: to < all }))
    }

    /// How many records they are; zero where all of them are held back.
    pub fn records(&self) -> u64 {
        self.to.saturating_sub(self.from)
    }

    /// What is true once it is on record.
    pub fn state(&self, before: UnixMicros) -> StateWrite {
        StateWrite {
            kind: SETTLED_KIND.to_owned(),
            key: RETAIN_TO_KEY.to_owned(),
            value: Some(format!("{} {}", self.to, before.0)),
        }
    }
}

/// When the newest record was made that is older than a day, where no other was made for more than a day behind it: then nobody knows
/// whether no gateway ran for so long, or the clock is ahead and texts would go too early. None: the clock goes on from what is on
/// record, or all of the log is of this day.
pub fn gap_before(reader: &dyn LogReader, now: UnixMicros) -> Result<Option<UnixMicros>, StoreFault> {
    let a_day_ago = UnixMicros(now.0.saturating_sub(DAY_MICROS));
    let before = reader.find(&Query { until: Some(a_day_ago), limit: 1, ..Query::default() })?;
    Ok(before.first().map(|entry| entry.at).filter(|at| a_day_ago.since(*at) > DAY_MICROS))
}

/// The first record of the partition that this record stands in.
fn partition(sequence: u64) -> u64 {
    (sequence & !(PARTITION_RECORDS - 1)).max(1)
}

fn unreadable() -> StoreFault {
    StoreFault::new(StoreFaultKind::Corrupt, "how far texts were let go cannot be read")
        .with_hint("keep a copy of the data directory, and restore the last backup")
}

const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// The key of the place up to which texts go, and of the time from before which they are.
pub const RETAIN_TO_KEY: &str = "retain_to";

/// The key of the place up to which they have gone.
pub const RETAINED_TO_KEY: &str = "retained_to";

/// The key that says that parts of texts which no record uses any more are still there.
pub const SWEEP_KEY: &str = "retain_sweep";

/// Texts go by so many records at a time.
pub const PARTITION_RECORDS: u64 = 1_024;

#[cfg(test)]
mod tests;
