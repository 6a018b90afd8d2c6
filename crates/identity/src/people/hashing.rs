//! Work that takes a processor and memory for a while, a little of it at once.
//!
//! Strangers and people of whom something is known already queue in places of their own: however many strangers knock,
//! whoever is signed in is heard.

use std::sync::Arc;

use model::limits::SIGN_INS_WAITING_MAX;
use model::{Blame, Fault};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One queue for passwords that are hashed.
pub(super) struct Hashing {
    turns: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// A place in the queue. Whoever has none is turned away before anything is counted.
pub(super) struct Queued {
    _place: OwnedSemaphorePermit,
}

// === impl Hashing ===

impl Hashing {
    pub(super) fn new() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE_MAX)), waiting: Arc::new(Semaphore::new(SIGN_INS_WAITING_MAX)) }
    }

    /// A place to wait for a turn in. Error: too many wait already.
    pub(super) fn queue(&self) -> Result<Queued, Fault> {
        let place = Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| busy())?;
        Ok(Queued { _place: place })
    }

    /// Does it in its turn, and not in the threads that carry calls.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        _: &Queued,
        work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| busy())?;
        let hashed = tokio::task::spawn_blocking(move || {
            // Held by the work itself: it goes on when nobody waits for it any more.
            let _turn = turn;
            work()
        });
        hashed.await.unwrap_or_else(|error| {
            Err(Fault::new(Blame::Bug, "people.hash", "the password could not be hashed").because(error))
        })
    }

    /// Takes every turn until what it gives is dropped.
    #[cfg(test)]
    pub(super) async fn stopped(&self) -> tokio::sync::OwnedSemaphorePermit {
        let all = u32::try_from(AT_ONCE_MAX).unwrap();
        Arc::clone(&self.turns).acquire_many_owned(all).await.unwrap()
    }
}

pub(super) fn busy() -> Fault {
    Fault::new(Blame::Operator, "people.busy", "too many people sign in at once").retryable()
}

/// Passwords that are hashed at once: each takes 19 MiB.
const AT_ONCE_MAX: usize = 2;
