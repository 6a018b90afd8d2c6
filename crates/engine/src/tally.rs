//! What happened since the gateway started, counted for whoever watches it. The trace is what counts.

use std::sync::atomic::{AtomicU64, Ordering};

use model::Verdict;
use trace::OutcomeStatus;

/// Counts of what happened since the gateway started.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Calls whose decision is on disk, by verdict.
    pub decided: Vec<(Verdict, u64)>,
    /// Calls that were sent, by how they ended.
    pub ended: Vec<(OutcomeStatus, u64)>,
    /// How many of them took no longer than so many microseconds; the last bound is none.
    pub took: Vec<(Option<i64>, u64)>,
    /// How long all of them took together, in microseconds.
    pub took_us: u64,
    /// Calls that are under way.
    pub under_way: usize,
    /// Outcomes that could not be written.
    pub lost_outcomes: u64,
}

/// Counts while calls go on.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    decided: [AtomicU64; Verdict::ALL.len()],
    ended: [AtomicU64; OutcomeStatus::ALL.len()],
    took: [AtomicU64; TOOK_MICROS.len() + 1],
    took_us: AtomicU64,
}

impl Tally {
    pub(crate) fn decided(&self, verdict: Verdict) {
        count(&self.decided, Verdict::ALL.iter().position(|each| *each == verdict));
    }

    pub(crate) fn ended(&self, status: OutcomeStatus, took_us: i64) {
        count(&self.ended, OutcomeStatus::ALL.iter().position(|each| *each == status));
        let bucket = TOOK_MICROS.iter().position(|bound| took_us <= *bound);
        count(&self.took, bucket.or(Some(TOOK_MICROS.len())));
        self.took_us.fetch_add(u64::try_from(took_us).unwrap_or_default(), Ordering::Relaxed);
    }

    pub(crate) fn figures(&self, under_way: usize, lost_outcomes: u64) -> Figures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut so_far = 0;
        let bounds = TOOK_MICROS.into_iter().map(Some).chain([None]);
        let took = bounds.zip(&self.took).map(|(bound, counter)| {
            so_far += read(counter);
            (bound, so_far)
        });
        Figures {
            decided: Verdict::ALL.into_iter().zip(self.decided.iter().map(read)).collect(),
            ended: OutcomeStatus::ALL.into_iter().zip(self.ended.iter().map(read)).collect(),
            took: took.collect(),
            took_us: read(&self.took_us),
            under_way,
            lost_outcomes,
        }
    }
}

fn count(counters: &[AtomicU64], place: Option<usize>) {
    if let Some(counter) = place.and_then(|place| counters.get(place)) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// A millisecond to a minute.
const TOOK_MICROS: [i64; 14] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000, 60_000_000,
];

#[cfg(test)]
mod tests;
