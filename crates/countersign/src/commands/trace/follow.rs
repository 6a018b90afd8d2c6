//! Going on as records arrive: a call is shown once it has its outcome, or after a moment without one.

use std::collections::HashSet;

use model::{CallId, Fault, UnixMicros};
use trace::{Entry, Field, LogReader, Query, RecordKind};

use super::asked::Questions;

/// Where we are in the log, and which calls are still under way.
pub(super) struct Follower {
    upto: u64,
    open: Vec<Open>,
    left_off: Option<LeftOff>,
}

/// A place where somebody left off, while calls that were under way there may be found to have ended.
struct LeftOff {
    place: u64,
    /// Calls that stand before the place were made before this, in milliseconds.
    made_before: u64,
    /// Where the log ended when we went on: of what ended behind that it is known already that it was under way.
    end: u64,
    /// Calls that were under way when we went on, by where they stand: they are shown by whoever waits for them.
    open: HashSet<u64>,
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
        Self { upto, open, left_off: None }
    }

    /// Goes on behind a place where somebody left off. Calls that were under way there are shown, too: whoever left off may have seen a
    /// later one that ended before them.
    pub(super) fn behind(reader: &dyn LogReader, questions: &Questions, place: u64) -> Result<Self, Fault> {
        let mut follower = Self { upto: place, open: Vec::new(), left_off: None };
        let Some(before) = place.checked_sub(1) else { return Ok(follower) };
        let there = Query { after_sequence: Some(before), limit: 1, newest_first: false, ..Query::default() };
        let Some(there) = reader.find(&there).map_err(Fault::from)?.pop() else { return Ok(follower) };
        // In this order: what ends between the two is found both ways, and in the other one it would be found neither way.
        let unfinished = reader.unfinished().map_err(Fault::from)?;
        let end = reader.last_sequence().map_err(Fault::from)?;
        for calls in unfinished.chunks(PAGE) {
            let calls = begun_before(reader, questions, place, calls)?;
            follower.open.extend(calls.iter().map(|entry| Open::new(entry, entry.at, false)));
        }
        follower.open.sort_by_key(|open| open.sequence);
        let made_before = there.at.millis().saturating_add(SLACK_MILLIS);
        let open = follower.open.iter().map(|open| open.sequence).collect();
        follower.left_off = Some(LeftOff { place, made_before, end, open });
        Ok(follower)
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
        if let Some(left_off) = &self.left_off {
            let ended = left_off.ended_between(reader, questions, before, upto)?;
            ready.extend(ended.into_iter().filter(|entry| !left_off.open.contains(&entry.sequence)));
        }
        self.left_off.take_if(|left_off| left_off.end <= upto);
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

impl LeftOff {
    /// Calls that were under way at the place and ended behind the one record and not behind the other.
    fn ended_between(
        &self,
        reader: &dyn LogReader,
        questions: &Questions,
        mut after: u64,
        upto: u64,
    ) -> Result<Vec<Entry>, Fault> {
        let mut ended = Vec::new();
        loop {
            let page = Query { after_sequence: Some(after), limit: PAGE, newest_first: false, ..Query::default() };
            let page = Query { before_sequence: Some(upto.saturating_add(1)), ..page };
            let page = reader.find(&page.of_kind(RecordKind::Outcome)).map_err(Fault::from)?;
            let (full, last) = (page.len() == PAGE, page.last().map_or(after, |entry| entry.sequence));
            // An id says when it was made: most calls that ended behind the place were made there, too.
            let made_before = |call: &CallId| call.bits() >> 80 <= u128::from(self.made_before);
            let calls: Vec<CallId> = page.into_iter().map(|entry| entry.call).filter(made_before).collect();
            ended.extend(begun_before(reader, questions, self.place, &calls)?);
            if !full {
                return Ok(ended);
            }
            after = last;
        }
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

/// Those of these calls that stand at a place or before it and are asked for.
fn begun_before(
    reader: &dyn LogReader,
    questions: &Questions,
    place: u64,
    calls: &[CallId],
) -> Result<Vec<Entry>, Fault> {
    if calls.is_empty() {
        return Ok(Vec::new());
    }
    let query = Query { before_sequence: Some(place.saturating_add(1)), limit: calls.len(), ..Query::default() };
    let query = query.of_kind(RecordKind::Intent).with_any(Field::Call, calls.iter().map(CallId::as_str));
    let mut entries = reader.find(&query).map_err(Fault::from)?;
    entries.retain(|entry| questions.met(entry) && is_call(entry));
    Ok(entries)
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
