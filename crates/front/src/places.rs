//! Requests in flight: how many there may be at once, and how many of them one vendor's.
//!
//! Whoever sends its bodies slowly, or asks for what does not answer, keeps its own places, and a vendor's are not those of the house.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::{Blame, Fault, VendorId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many places.
#[derive(Debug)]
pub struct Places {
    free: Arc<Semaphore>,
    most: usize,
    /// What is free of each vendor's share. Only vendors who are known have one.
    shares: Mutex<HashMap<VendorId, Arc<Semaphore>>>,
}

// === impl Places ===

impl Places {
    /// So many at once.
    pub fn new(most: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(most)), most, shares: Mutex::default() }
    }

    /// How many are free.
    pub fn free(&self) -> usize {
        self.free.available_permits()
    }

    pub(crate) fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).try_acquire_owned().ok()
    }

    /// One of this vendor's share. Error: it has none left (blame `Caller`).
    pub(crate) fn take_share(&self, vendor: &VendorId) -> Result<OwnedSemaphorePermit, Fault> {
        let share = {
            let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || Arc::new(Semaphore::new(share_of(self.most)));
            Arc::clone(shares.entry(vendor.clone()).or_insert_with(new))
        };
        share.try_acquire_owned().map_err(|_| {
            let said = format!("so many requests of `{vendor}` are in flight that no other is taken");
            Fault::new(Blame::Caller, "caller.too_many", said)
                .hint("ask again once one of them is answered; `limits: {calls_in_flight_max}` says how many there may be")
                .retryable()
        })
    }
}

/// How many of all places one app or one vendor may have, where its operator says nothing else: a quarter, so that four apps that do
/// not answer are needed before anybody else is turned away.
pub fn share_of(all: usize) -> usize {
    all.div_ceil(4)
}

#[cfg(test)]
mod tests;
