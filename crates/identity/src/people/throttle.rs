//! How often somebody may try.
//!
//! The first attempts are free; from then on each waits twice as long as the one before, up to a bound, so that nobody can
//! keep a person out for long by guessing in that person's name. An attempt counts when it begins: many at once count as many.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::limits::THROTTLED_MAX;
use model::{Blame, Fault, HumanId, UnixMicros};

use super::session::TokenHash;

/// All that is counted of people and strangers, each apart from the others.
pub(super) struct Throttles {
    /// Attempts to sign in, in a person's name.
    names: Mutex<Throttle>,
    /// Attempts in a person's name, by the browser in which that person has signed in before.
    browsers: Mutex<Throttle>,
    /// Attempts in names that nobody has: they wait as others do, so that nothing tells which names there are. Kept as hashes, for
    /// such a name may be a password in the wrong field.
    nobodys_names: Mutex<Throttle>,
    /// Proofs asked of people who are signed in.
    proofs: Mutex<Throttle>,
    /// Failures that are written down, of what has no other bound.
    notes: Mutex<Throttle>,
}

/// Attempts, by whom they are for.
#[derive(Debug)]
struct Throttle {
    free: u32,
    tried: HashMap<String, Tried>,
}

#[derive(Debug, Clone, Copy)]
struct Tried {
    attempts: u32,
    last: UnixMicros,
}

// === impl Throttles ===

impl Default for Throttles {
    fn default() -> Self {
        let of = |free| Mutex::new(Throttle::new(free));
        Self { names: of(FREE), browsers: of(FREE), nobodys_names: of(FREE), proofs: of(FREE), notes: of(NOTED) }
    }
}

impl Throttles {
    /// Counts an attempt to sign in under a name, which is this person's or nobody's. Error: it has to wait.
    pub(super) fn sign_in(&self, human: Option<&HumanId>, name: &str, now: UnixMicros) -> Result<(), Fault> {
        let begun = match human {
            Some(human) => lock(&self.names).begin(human.as_str(), now),
            None => lock(&self.nobodys_names).begin(&TokenHash::of(name).to_key(), now),
        };
        begun.map_err(too_many)
    }

    /// Counts an attempt to sign in, in this browser in which the person has before. Error: it has to wait.
    pub(super) fn sign_in_again(&self, browser: &str, now: UnixMicros) -> Result<(), Fault> {
        lock(&self.browsers).begin(browser, now).map_err(too_many)
    }

    /// The person has signed in with the password, in this browser of theirs where it is one, or has chosen another: attempts before
    /// do not count any more.
    pub(super) fn signed_in(&self, human: &HumanId, browser: Option<&str>) {
        lock(&self.names).forget(human.as_str());
        if let Some(browser) = browser {
            lock(&self.browsers).forget(browser);
        }
    }

    /// Counts a proof that is asked of whoever is signed in. Error: it has to wait.
    pub(super) fn confirm(&self, human: &HumanId, now: UnixMicros) -> Result<(), Fault> {
        lock(&self.proofs).begin(human.as_str(), now).map_err(too_many)
    }

    /// The proof was given: those before do not count any more.
    pub(super) fn confirmed(&self, human: &HumanId) {
        lock(&self.proofs).forget(human.as_str());
    }

    /// Whether another failure of this person, or from this address, is written down.
    pub(super) fn is_noted(&self, of: &str, now: UnixMicros) -> bool {
        lock(&self.notes).begin(of, now).is_ok()
    }
}

fn lock(throttle: &Mutex<Throttle>) -> MutexGuard<'_, Throttle> {
    throttle.lock().unwrap_or_else(PoisonError::into_inner)
}

fn too_many(seconds: u64) -> Fault {
    Fault::new(Blame::Caller, "people.too_many", "too many attempts to sign in")
        .hint(format!("try again in {seconds} s"))
        .retryable()
}

// === impl Throttle ===

impl Throttle {
    /// So many attempts are free.
    fn new(free: u32) -> Self {
        Self { free, tried: HashMap::new() }
    }

    /// Counts an attempt. Error: how many seconds are still to be waited; then nothing was counted.
    fn begin(&mut self, who: &str, now: UnixMicros) -> Result<(), u64> {
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
    fn forget(&mut self, who: &str) {
        self.tried.remove(who);
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

/// Attempts before one has to wait.
const FREE: u32 = 5;
/// Failures that are written down before it becomes seldom.
const NOTED: u32 = 20;
const WAIT_US_MAX: i64 = 5 * 60 * 1_000_000;
const WAIT_DOUBLINGS_MAX: u32 = 20;
const FORGOTTEN_AFTER_US: i64 = 60 * 60 * 1_000_000;

#[cfg(test)]
mod tests;
