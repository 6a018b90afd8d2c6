//! How much of the gateway one app may take: an app that does not answer keeps its callers waiting, and nobody else's.
//!
//! A place is taken and given back without a lock.

use std::sync::atomic::{AtomicUsize, Ordering};

use model::{Blame, Fault};

use super::AppLink;

/// So many places.
pub(super) struct Room {
    taken: AtomicUsize,
    most: AtomicUsize,
}

/// A place, until it is dropped.
pub(super) struct Taken<'r>(&'r Room);

impl Room {
    /// Nobody is in it.
    pub(super) fn of(most: usize) -> Self {
        Self { taken: AtomicUsize::new(0), most: AtomicUsize::new(most) }
    }

    /// A place, if one is free.
    pub(super) fn take(&self) -> Option<Taken<'_>> {
        let most = self.most.load(Ordering::Relaxed);
        let one_more = |taken| (taken < most).then_some(taken + 1);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Relaxed, one_more).ok().map(|_| Taken(self))
    }

    /// A place, free or not: for a call that the app keeps open, or that people have approved.
    pub(super) fn take_in_any_case(&self) -> Taken<'_> {
        self.taken.fetch_add(1, Ordering::AcqRel);
        Taken(self)
    }

    /// From now on there are so many. Whoever has one keeps it.
    pub(super) fn resize(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

impl AppLink {
    /// Why another call is turned away.
    pub(super) fn busy(&self) -> Fault {
        let said = "so many calls to it are under way that no other is begun, and nothing was executed";
        Fault::new(Blame::Upstream, "upstream.busy", said)
            .hint("call again in a moment; if it answers all of them, raise the app's `calls_in_flight_max`")
            .retryable()
    }
}

#[cfg(test)]
mod tests;
