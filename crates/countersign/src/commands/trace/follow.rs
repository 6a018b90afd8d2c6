//! Going on as records arrive: a call is shown once it has its outcome, or after a moment without one.

use model::{CallId, Fault, UnixMicros};
use trace::{Entry, LogReader};

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

/// Whether it is a call that may still be under way.
fn runs(entry: &Entry) -> bool {
    entry.verdict.is_some_and(|verdict| verdict.runs()) && entry.outcome_leaf.is_none()
}

const SHOWN_AFTER_MICROS: i64 = 1_000_000;
const OPEN_MAX: usize = 1_000;
