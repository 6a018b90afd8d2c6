//! Places for requests of those who have shown nothing yet and send a body.
//!
//! Whoever sends it slowly keeps a place only while nobody else wants one: then that which has been read longest gives its place away
//! and is refused (408). So as few as there are, nobody can sit on them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hyper::body::Incoming;
use model::Fault;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::body::{read_body, too_slow};

/// So many places.
#[derive(Debug)]
pub struct Strangers {
    free: Arc<Semaphore>,
    reading: Mutex<Reading>,
}

/// Bodies that are on their way.
#[derive(Debug, Default)]
struct Reading {
    next: u64,
    /// By age, the oldest first.
    bodies: BTreeMap<u64, Arc<Slow>>,
}

/// One of them, with its place until somebody else gets it.
#[derive(Debug)]
struct Slow {
    place: Mutex<Option<OwnedSemaphorePermit>>,
    given_away: Notify,
}

/// Takes a body off the list, however reading it ends.
struct Listed<'a> {
    strangers: &'a Strangers,
    id: u64,
    slow: Arc<Slow>,
}

// === impl Strangers ===

impl Strangers {
    /// So many at once.
    pub fn new(most: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(most)), reading: Mutex::default() }
    }

    /// A place; where none is free, that of the body that has been on its way longest. None: every body is there.
    pub(crate) fn take(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(free) = Arc::clone(&self.free).try_acquire_owned() {
            return Some(free);
        }
        let mut reading = self.reading();
        loop {
            let (_, slow) = reading.bodies.pop_first()?;
            if let Some(place) = slow.take() {
                slow.given_away.notify_one();
                return Some(place);
            }
        }
    }

    /// As [`read_body`], with a place that others may get meanwhile. It comes back with the body.
    /// Error: also `caller.too_slow` (408), where somebody has got it.
    pub(crate) async fn read(
        &self,
        place: OwnedSemaphorePermit,
        body: Incoming,
        bytes_max: usize,
    ) -> Result<(Bytes, OwnedSemaphorePermit), Fault> {
        let listed = self.list(place);
        let read = tokio::select! {
            read = read_body(body, bytes_max) => read?,
            () = listed.slow.given_away.notified() => return Err(too_slow()),
        };
        let place = listed.slow.take().ok_or_else(too_slow)?;
        Ok((read, place))
    }

    /// How many bodies were begun to be read.
    #[cfg(test)]
    pub(crate) fn begun(&self) -> usize {
        usize::try_from(self.reading().next).unwrap()
    }

    fn list(&self, place: OwnedSemaphorePermit) -> Listed<'_> {
        let slow = Arc::new(Slow { place: Mutex::new(Some(place)), given_away: Notify::new() });
        let mut reading = self.reading();
        reading.next += 1;
        let id = reading.next;
        reading.bodies.insert(id, Arc::clone(&slow));
        Listed { strangers: self, id, slow }
    }

    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Slow ===

impl Slow {
    fn take(&self) -> Option<OwnedSemaphorePermit> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

// === impl Listed ===

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.strangers.reading().bodies.remove(&self.id);
    }
}
