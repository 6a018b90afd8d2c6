//! How often somebody may try.
//!
//! The first attempts are free; from then on each waits twice as long as the one before, up to a bound, so that nobody can
//! keep a person out for long by guessing in that person's name. An attempt counts when it begins: many at once count as many.

use std::collections::HashMap;

use model::UnixMicros;
use model::limits::THROTTLED_MAX;

/// Attempts, by whom they are for or where they come from.
#[derive(Debug)]
pub(super) struct Throttle {
    free: u32,
    tried: HashMap<String, Tried>,
}

#[derive(Debug, Clone, Copy)]
struct Tried {
    attempts: u32,
    last: UnixMicros,
}

impl Throttle {
    /// So many attempts are free.
    pub(super) fn new(free: u32) -> Self {
        Self { free, tried: HashMap::new() }
    }

    /// Counts an attempt. Error: how many seconds are still to be waited; then nothing was counted.
    pub(super) fn begin(&mut self, who: &str, now: UnixMicros) -> Result<(), u64> {
        self.wait(who, now)?;
        if self.tried.len() >= THROTTLED_MAX && !self.tried.contains_key(who) {
            self.make_room(now);
        }
        let tried = self.tried.entry(who.to_owned()).or_insert(Tried { attempts: 0, last: now });
        if now.since(tried.last) > FORGOTTEN_AFTER_US {
            tried.attempts = 0;
        }
        tried.attempts = tried.attempts.saturating_add(1);
        tried.last = now;
        Ok(())
    }

    /// How many seconds are still to be waited, as an error.
    fn wait(&mut self, who: &str, now: UnixMicros) -> Result<(), u64> {
        let Some(tried) = self.tried.get_mut(who) else { return Ok(()) };
        // The clock was put back: the wait counts from now, and not from a time that has not come.
        tried.last = tried.last.min(now);
        let over = tried.attempts.saturating_sub(self.free);
        if over == 0 {
            return Ok(());
        }
        let wait_us = (1_000_000_i64 << (over - 1).min(WAIT_DOUBLINGS_MAX)).min(WAIT_US_MAX);
        match wait_us - now.since(tried.last) {
            left if left > 0 => Err(left.unsigned_abs().div_ceil(1_000_000)),
            _ => Ok(()),
        }
    }

    /// The attempt was a good one: it and those before do not count any more.
    pub(super) fn forget(&mut self, who: &str) {
        self.tried.remove(who);
    }

    /// The attempt was a good one, and those before still count: they may have been for others.
    pub(super) fn take_back(&mut self, who: &str) {
        if let Some(tried) = self.tried.get_mut(who) {
            tried.attempts = tried.attempts.saturating_sub(1);
        }
    }

    fn make_room(&mut self, now: UnixMicros) {
        self.tried.retain(|_, tried| now.since(tried.last) <= FORGOTTEN_AFTER_US);
        if self.tried.len() >= THROTTLED_MAX
            && let Some(oldest) = self.tried.iter().min_by_key(|(_, tried)| tried.last).map(|(who, _)| who.clone())
        {
            self.tried.remove(&oldest);
        }
    }
}

const WAIT_US_MAX: i64 = 5 * 60 * 1_000_000;
const WAIT_DOUBLINGS_MAX: u32 = 20;
const FORGOTTEN_AFTER_US: i64 = 60 * 60 * 1_000_000;

#[cfg(test)]
mod tests;
