//! Who is connected to a listener, and who of them has shown nothing yet.
//!
//! A connection has to be kept while somebody may still say who they are on it. So that strangers, who cost nothing but patience, take
//! no place from those who are known, there are only so many of them at once: another one closes that which has waited longest.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::Extensions;
use tokio::task::AbortHandle;

/// The connections of one listener.
pub(crate) struct Guests {
    most: usize,
    strangers_most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    /// By age, the oldest first.
    strangers: BTreeMap<u64, Option<AbortHandle>>,
    known: HashSet<u64>,
}

/// The place of one connection, free again when it is dropped.
pub(crate) struct Seat {
    guests: Arc<Guests>,
    id: u64,
}

/// On which connection a request came, in its extensions as long as nobody is known there.
#[derive(Clone)]
pub(crate) struct Guest(Arc<Newcomer>);

struct Newcomer {
    guests: Arc<Guests>,
    id: u64,
    is_known: AtomicBool,
}

/// Says of the connection on which a request came (these are its extensions) that somebody has shown there who they are: it is not
/// closed for others.
pub fn is_known(link: &Extensions) {
    if let Some(Guest(newcomer)) = link.get()
        && !newcomer.is_known.swap(true, Ordering::Relaxed)
    {
        let mut state = newcomer.guests.state();
        if state.strangers.remove(&newcomer.id).is_some() {
            state.known.insert(newcomer.id);
        }
    }
}

// === impl Guest ===

impl Guest {
    /// Whether nobody has shown yet who they are.
    pub(crate) fn is_stranger(&self) -> bool {
        !self.0.is_known.load(Ordering::Relaxed)
    }
}

// === impl Guests ===

impl Guests {
    /// So many at once; a quarter of them strangers.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        let strangers_most = (most / STRANGERS_PART).max(1);
        Arc::new(Self { most, strangers_most, state: Mutex::default() })
    }

    /// So many at once, all of them strangers.
    pub(crate) fn of_strangers(most: usize) -> Arc<Self> {
        Arc::new(Self { most, strangers_most: most, state: Mutex::default() })
    }

    /// A place for one more; the stranger who has waited longest makes room where there is none. None: everybody is known.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Seat> {
        let mut state = self.state();
        let strangers = state.strangers.len();
        if strangers >= self.strangers_most || strangers + state.known.len() >= self.most {
            let (_, oldest) = state.strangers.pop_first()?;
            oldest.inspect(AbortHandle::abort);
        }
        state.next += 1;
        let id = state.next;
        state.strangers.insert(id, None);
        Some(Seat { guests: Arc::clone(self), id })
    }

    /// What ends the connection with this number.
    pub(crate) fn ends(&self, id: u64, end: AbortHandle) {
        if let Some(stranger) = self.state().strangers.get_mut(&id) {
            *stranger = Some(end);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Seat ===

impl Seat {
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn guest(&self) -> Guest {
        let guests = Arc::clone(&self.guests);
        Guest(Arc::new(Newcomer { guests, id: self.id, is_known: AtomicBool::new(false) }))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.guests.state();
        state.strangers.remove(&self.id);
        state.known.remove(&self.id);
    }
}

/// One of so many connections may be a stranger's.
const STRANGERS_PART: usize = 4;

#[cfg(test)]
mod tests;
