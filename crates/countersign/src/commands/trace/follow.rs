//! Going on as records arrive: a call is shown once it has its outcome, or after a moment without one.

use std::collections::BTreeSet;

use model::{CallId, Fault, UnixMicros};
use trace::{Entry, LogReader, Query, RecordKind};

use super::asked::Questions;

/// Where we are in the log, and which calls are still under way.
pub(super) struct Follower {
    upto: u64,
    open: Vec<Open>,
}

/// A call without an outcome.
struct Open {
    call: CallId,
    sequence: u64,
    seen: UnixMicros,
    shown: bool,
}

impl Follower {
    /// Goes on behind what was shown.
    pub(super) fn new(shown: &[Entry], upto: u64) -> Self {
        let open = shown.iter().filter(|entry| runs(entry)).map(|entry| Open::new(entry, entry.at, true)).collect();
        Self { upto, open }
    }

    /// Goes on behind a place where somebody left off. Calls that were under way there are shown, too: whoever left off may have seen a
    /// later one that ended before them.
    pub(super) fn behind(reader: &dyn LogReader, questions: &Questions, place: u64) -> Result<Self, Fault> {
        let mut open = Vec::new();
        for call in under_way_at(reader, place)? {
            let entries = reader.by_id(call.as_str()).map_err(Fault::from)?;
            let theirs = |entry: &&Entry| entry.sequence <= place && questions.met(entry) && is_call(entry);
            open.extend(entries.iter().filter(theirs).map(|entry| Open::new(entry, entry.at, false)));
        }
        open.sort_by_key(|open| open.sequence);
        Ok(Self { upto: place, open })
    }

    /// What is to be shown now. A call that was shown without its outcome comes again with it.
    pub(super) fn look(
        &mut self,
        reader: &dyn LogReader,
        questions: &Questions,
        now: UnixMicros,
    ) -> Result<Vec<Entry>, Fault> {
        let before = self.upto;
        let (fresh, upto) = questions.after(reader, before)?;
        self.upto = upto;
        let (running, mut ready): (Vec<_>, Vec<_>) = fresh.into_iter().partition(runs);
        let mut still = Vec::new();
        for mut open in self.open.drain(..) {
            let late = !open.shown && now.since(open.seen) >= SHOWN_AFTER_MICROS;
            let entry = if upto > before || late { open.read(reader)? } else { None };
            match entry {
                Some(entry) if !runs(&entry) => {
                    ready.push(entry);
                    continue;
                }
                Some(entry) if late => {
                    open.shown = true;
                    ready.push(entry);
                }
                _ => {}
            }
            still.push(open);
        }
        still.extend(running.iter().map(|entry| Open::new(entry, now, false)));
        // What has been open longest has most likely been left open by a gateway that ended. It is shown before it is forgotten.
        for open in still.drain(..still.len().saturating_sub(OPEN_MAX)).filter(|open| !open.shown) {
            ready.extend(open.read(reader)?);
        }
        self.open = still;
        ready.retain(|entry| questions.want(entry));
        ready.sort_by_key(|entry| entry.sequence);
        Ok(ready)
    }
}

impl Open {
    fn new(entry: &Entry, seen: UnixMicros, shown: bool) -> Self {
        Self { call: entry.call.clone(), sequence: entry.sequence, seen, shown }
    }

    fn read(&self, reader: &dyn LogReader) -> Result<Option<Entry>, Fault> {
        let entries = reader.by_id(self.call.as_str()).map_err(Fault::from)?;
        Ok(entries.into_iter().find(|entry| entry.sequence == self.sequence))
    }
}

/// Calls of which nothing came up to this place, and others that were made later.
fn under_way_at(reader: &dyn LogReader, place: u64) -> Result<BTreeSet<CallId>, Fault> {
    let oldest_first = Query { newest_first: false, ..Query::default() };
    let Some(before) = place.checked_sub(1) else { return Ok(BTreeSet::new()) };
    let there = Query { after_sequence: Some(before), limit: 1, ..oldest_first.clone() };
    let Some(there) = reader.find(&there).map_err(Fault::from)?.pop() else { return Ok(BTreeSet::new()) };
    let mut calls: BTreeSet<CallId> = reader.unfinished().map_err(Fault::from)?.into_iter().collect();
    let mut after = place;
    loop {
        let page = Query { after_sequence: Some(after), limit: PAGE, ..oldest_first.clone() };
        let page = reader.find(&page.of_kind(RecordKind::Outcome)).map_err(Fault::from)?;
        let (full, last) = (page.len() == PAGE, page.last().map_or(after, |entry| entry.sequence));
        // An id says when it was made: most calls that ended behind the place were made there, too.
        let made_before =
            |call: &CallId| call.bits() >> 80 <= u128::from(there.at.millis().saturating_add(SLACK_MILLIS));
        calls.extend(page.into_iter().map(|entry| entry.call).filter(made_before));
        if !full {
            return Ok(calls);
        }
        after = last;
    }
}

/// Whether it is a call that may still be under way.
fn runs(entry: &Entry) -> bool {
    is_call(entry) && entry.outcome_leaf.is_none()
}

/// Whether it is a call that was let through.
fn is_call(entry: &Entry) -> bool {
    entry.verdict.is_some_and(|verdict| verdict.runs())
}

const SHOWN_AFTER_MICROS: i64 = 1_000_000;
const OPEN_MAX: usize = 1_000;
const PAGE: usize = 1_000;
/// Clocks are set, and records are not written in the order of their times to the millisecond.
const SLACK_MILLIS: u64 = 60_000;
