//! The calls of one link that are under way: whom something is about that an app says apart from its answers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::conversation::{Asks, NO_CALL};
use super::{Along, Ear};

/// Calls under way, oldest first.
pub(crate) struct UnderWay {
    calls: Mutex<BTreeMap<u64, Asks>>,
    next: AtomicU64,
    shared: bool,
}

/// A call until it is dropped.
pub(crate) struct Begun {
    of: Arc<UnderWay>,
    number: u64,
}

impl UnderWay {
    /// No call yet, on the link that hears with this ear.
    pub(crate) fn of(ear: &Ear) -> Arc<Self> {
        Arc::new(Self { calls: Mutex::default(), next: AtomicU64::new(0), shared: ear.is_shared() })
    }

    /// Notes a call, until what is given is dropped.
    pub(crate) fn begins(self: &Arc<Self>, asks: Asks) -> Begun {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(number, asks);
        Begun { of: Arc::clone(self), number }
    }

    /// Takes a question that does not say which call it is about. Where calls of several clients are under way, nobody is
    /// asked. Error: why not.
    pub(crate) fn take(&self, id: Bytes, method: &str, params: Option<Bytes>) -> Result<(), &'static str> {
        self.only_client()?.take(id, method, params)
    }

    /// Passes a notification on to the call it is about. Progress says which; a log message is for the one client.
    pub(crate) fn tell(&self, message: &Bytes, method: &str) {
        let about = match method {
            "notifications/progress" => {
                let calls = self.lock();
                calls.values().map(|asks| &asks.along).find(|along| along.is_progress(message)).cloned()
            }
            _ => self.only_client().ok().map(|asks| asks.along),
        };
        match about {
            Some(along) => along.tell(message, method),
            None => tracing::debug!(method, "a notification of an app is about no call"),
        }
    }

    /// The oldest call, if all are of one client. On a link that pairs share, what is said may be about a call of another
    /// pair that is over, or about all of them.
    fn only_client(&self) -> Result<Asks, &'static str> {
        if self.shared {
            return Err("several clients share this link, and it does not say whose call it is about");
        }
        let calls = self.lock();
        let (oldest, others) = {
            let mut calls = calls.values();
            (calls.next().ok_or(NO_CALL)?, calls)
        };
        for other in others {
            if !oldest.along.client().same(other.along.client()) {
                return Err("calls of several clients are under way, and it does not say which one it is about");
            }
        }
        Ok(oldest.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Asks>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asks {
    /// For a call during which nothing may be asked.
    pub(crate) fn none(along: &Along) -> Self {
        Self { along: along.clone(), to: None }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.of.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests;
