//! The calls of one link that are under way: whom something is about that an app says apart from its answers.
//!
//! An app may say something about a call that nobody waits for any more, because it was cancelled: for a while it is reckoned with.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use model::Method;

use super::along::progress_token;
use super::conversation::{Asks, NO_CALL, TAKES_BACK, taken_back};
use super::{Along, Ear, Whose};

/// Calls under way, oldest first.
pub(crate) struct UnderWay {
    calls: Mutex<Calls>,
    shared: bool,
    /// Whether a question about folders waits for the next call.
    keeps_folders: AtomicBool,
}

/// A question about folders that came while no call was under way: the id and the params, exactly as they came.
pub(crate) struct Early {
    pub(crate) id: Bytes,
    pub(crate) params: Option<Bytes>,
}

#[derive(Default)]
struct Calls {
    /// By the ids of their requests on this link.
    by_id: BTreeMap<u64, Asks>,
    /// Those that ended without an answer lately: when, and whose they were.
    unanswered: VecDeque<(Instant, u64, Whose)>,
    early: Vec<Early>,
    /// The call before which the app is told of folders: what it asks about these is about that one.
    folders: Option<u64>,
    /// Whether the app has ever asked for folders here.
    asks_for_folders: bool,
    /// Whether somebody could not be asked for folders since this was looked at.
    refused: bool,
}

/// A call until it is dropped.
pub(crate) struct Begun {
    of: Arc<UnderWay>,
    id: u64,
}

impl UnderWay {
    /// No call yet, on the link that hears with this ear.
    pub(crate) fn of(ear: &Ear) -> Arc<Self> {
        let keeps_folders = AtomicBool::new(false);
        Arc::new(Self { calls: Mutex::default(), shared: ear.is_shared(), keeps_folders })
    }

    /// Notes a call by the id of its request, until what is given is dropped.
    pub(crate) fn begins(self: &Arc<Self>, id: u64, asks: Asks) -> Begun {
        self.lock().by_id.insert(id, asks);
        Begun { of: Arc::clone(self), id }
    }

    /// The app has answered this request, and has nothing more to say about it.
    pub(crate) fn answered(&self, id: u64) {
        let mut calls = self.lock();
        calls.by_id.remove(&id);
        calls.unanswered.retain(|(_, unanswered, _)| *unanswered != id);
    }

    /// Takes a question that does not say which call it is about. Where calls of several clients are under way, nobody is
    /// asked. Error: why not.
    pub(crate) fn take(&self, id: Bytes, method: &str, params: Option<Bytes>) -> Result<(), &'static str> {
        if method != Method::Roots.as_str() {
            return self.only_client()?.take(id, method, params);
        }
        let taken = match self.only_client() {
            Ok(oldest) => match self.with_folders() {
                Some(first) => first.take(id, method, params),
                None if oldest.open.allows_folders() => oldest.take(id, method, params),
                None => {
                    Err("nobody is asked about folders during this call: before the next one it is told to ask again")
                }
            },
            Err(NO_CALL) => self.keep(Early { id, params }),
            Err(why_not) => Err(why_not),
        };
        // Who waits for the app to ask waits no longer.
        if let (Err(_), Some(first)) = (taken, self.with_folders()) {
            first.open.refused();
        }
        let mut calls = self.lock();
        (calls.asks_for_folders, calls.refused) = (true, calls.refused | taken.is_err());
        drop(calls);
        taken
    }

    /// Notes a call before which the app is told of folders.
    pub(crate) fn begins_with_folders(self: &Arc<Self>, id: u64, asks: Asks) -> Begun {
        let begun = self.begins(id, asks);
        self.lock().folders = Some(id);
        begun
    }

    /// The app has heard of the folders. Gives what it has asked about them and got no answer to, and says whether it got all of
    /// its answers.
    pub(crate) fn ends_with_folders(&self, begun: Begun) -> (Vec<Bytes>, bool) {
        let first = self.with_folders();
        self.lock().folders = None;
        self.answered(begun.id);
        // In this order: what comes last of all is in one of them.
        let late = first.map(|first| first.open.give_up()).unwrap_or_default();
        let all = !self.has_refused() && late.is_empty();
        (late, all)
    }

    /// Whether the app has asked for folders and could not be answered, since this was asked last.
    pub(crate) fn has_refused(&self) -> bool {
        std::mem::take(&mut self.lock().refused)
    }

    /// What the app has asked about folders is refused.
    pub(crate) fn refuses_folders(&self) {
        self.lock().refused = true;
    }

    /// Whether the app has ever asked for folders apart from an answer.
    pub(crate) fn asks_for_folders(&self) -> bool {
        self.lock().asks_for_folders
    }

    fn with_folders(&self) -> Option<Asks> {
        let calls = self.lock();
        calls.folders.and_then(|id| calls.by_id.get(&id)).cloned()
    }

    /// From now on a question about folders that comes while no call is under way waits for the next one.
    pub(crate) fn keep_folders(&self) {
        self.keeps_folders.store(true, Ordering::Release);
    }

    /// The questions about folders that wait.
    pub(crate) fn early(&self) -> Vec<Early> {
        std::mem::take(&mut self.lock().early)
    }

    fn keep(&self, question: Early) -> Result<(), &'static str> {
        let mut calls = self.lock();
        if !self.keeps_folders.load(Ordering::Acquire) || calls.early.len() >= EARLY_MAX {
            return Err(NO_CALL);
        }
        calls.early.push(question);
        Ok(())
    }

    /// Passes a notification on to the call it is about. Progress says which; a log message is for the one client.
    pub(crate) fn tell(&self, message: &Bytes, method: &str) {
        let about = match method {
            "notifications/progress" => {
                let token = progress_token(message);
                let calls = self.lock();
                let of_it = |along: &&Along| token.is_some_and(|token| along.is_progress(token));
                calls.by_id.values().map(|asks| &asks.along).find(of_it).cloned()
            }
            TAKES_BACK => return self.take_back(message),
            _ => self.only_client().ok().map(|asks| asks.along),
        };
        match about {
            Some(along) => along.tell(message, method),
            None => tracing::debug!(method, "a notification of an app is about no call"),
        }
    }

    /// Takes back what a call has asked. The notification names the question, whichever call it is of.
    fn take_back(&self, notification: &Bytes) {
        let Some(id) = taken_back(notification) else { return };
        let mut calls = self.lock();
        let taken = calls.by_id.values().any(|asks| asks.take_back(&id));
        calls.early.retain(|early| early.id != id);
        drop(calls);
        tracing::debug!(taken, "an app takes a question back");
    }

    /// The oldest call, if all are of one client, and those that ended without an answer lately; before it the oldest that reaches its
    /// client. On a link that pairs share, what is said may be about a call of another pair that is over, or about all of them.
    fn only_client(&self) -> Result<Asks, &'static str> {
        if self.shared {
            return Err("several clients share this link, and it does not say whose call it is about");
        }
        let mut calls = self.lock();
        calls.forget_old(stopwatch());
        let mut under_way = calls.by_id.values();
        let oldest = under_way.next().ok_or(NO_CALL)?;
        let unanswered = calls.unanswered.iter().map(|(_, _, whose)| whose.clone());
        let whose = oldest.along.whose();
        if under_way.map(|asks| asks.along.whose()).chain(unanswered).any(|other| !whose.same(&other)) {
            return Err("calls of several clients are under way, and it does not say which one it is about");
        }
        let asked = calls.by_id.values().find(|asks| asks.along.reaches_its_client());
        Ok(asked.unwrap_or(oldest).clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Calls {
    fn forget_old(&mut self, now: Instant) {
        while self.unanswered.front().is_some_and(|(at, ..)| now.duration_since(*at) > UNANSWERED_AGE_MAX) {
            self.unanswered.pop_front();
        }
    }
}

impl Asks {
    /// For a call during which nothing may be asked.
    pub(crate) fn none(along: &Along) -> Self {
        Self { along: along.clone(), to: None, open: Arc::default() }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let mut calls = self.of.lock();
        let Some(asks) = calls.by_id.remove(&self.id) else { return };
        calls.forget_old(stopwatch());
        if calls.unanswered.len() >= UNANSWERED_MAX {
            calls.unanswered.pop_front();
        }
        calls.unanswered.push_back((stopwatch(), self.id, asks.along.whose()));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long ago a call was given up decides whether another is asked, in doubt nobody"
)]
fn stopwatch() -> Instant {
    Instant::now()
}

/// How long an app may still say something about a call that nobody waits for any more.
const UNANSWERED_AGE_MAX: Duration = Duration::from_secs(1);
const UNANSWERED_MAX: usize = 64;
const EARLY_MAX: usize = 4;

#[cfg(test)]
mod tests;
