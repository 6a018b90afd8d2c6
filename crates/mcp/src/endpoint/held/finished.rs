//! What came of calls that were to be tasks and did not wait, for clients that come back for it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use model::limits::{FINISHED_TASK_AGE_MAX, FINISHED_TASKS_BYTES_MAX, FINISHED_TASKS_MAX};
use model::{AppId, UnixMicros};

use crate::app_link::Pair;
use crate::shares::FairCache;

/// Responses by the ids of their tasks, bounded in number, bytes and age.
pub(super) struct Finished {
    kept: Mutex<FairCache<String, Done>>,
}

/// What came of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Done {
    /// The app that was called.
    pub(super) app: AppId,
    pub(super) at: UnixMicros,
    pub(super) response: Bytes,
}

impl Finished {
    /// Nothing is kept yet.
    pub(super) fn new() -> Self {
        Self { kept: Mutex::new(FairCache::new(FINISHED_TASKS_MAX, FINISHED_TASKS_BYTES_MAX)) }
    }

    /// Keeps one for whoever made the call.
    pub(super) fn keep(&self, pair: &Pair, task: String, done: Done) {
        let bytes = done.response.len();
        self.kept().keep(pair, task, done, bytes);
    }

    /// What came of this one, if it is kept.
    pub(super) fn of(&self, task: &str, now: UnixMicros) -> Option<Done> {
        self.kept().get(&task.to_owned()).filter(|done| !done.is_old(now)).cloned()
    }

    /// Forgets what is too old.
    pub(super) fn rest(&self, now: UnixMicros) {
        self.kept().retain(|done| !done.is_old(now));
    }

    fn kept(&self) -> MutexGuard<'_, FairCache<String, Done>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Done {
    fn is_old(&self, now: UnixMicros) -> bool {
        u128::from(now.since(self.at).unsigned_abs()) > FINISHED_TASK_AGE_MAX.as_micros()
    }
}

#[cfg(test)]
mod tests {
    use model::{AgentId, HumanId};

    use super::*;

    const NOW: UnixMicros = UnixMicros(1_763_726_400_000_000);

    fn done(bytes: usize, at: UnixMicros) -> Done {
        Done { app: AppId::parse("crm").unwrap(), at, response: Bytes::from(vec![b'x'; bytes]) }
    }

    #[test]
    fn of_too_many_too_much_or_too_old_the_oldest_go() {
        let finished = Finished::new();
        let sam = (AgentId::parse("helper").unwrap(), HumanId::parse("sam").unwrap());
        let keep = |task: &str, bytes: usize| finished.keep(&sam, task.to_owned(), done(bytes, NOW));
        for number in 0..=FINISHED_TASKS_MAX {
            keep(&number.to_string(), 1);
        }
        assert_eq!(finished.of("0", NOW), None);
        assert_eq!(finished.of("1", NOW), Some(done(1, NOW)));
        keep("most", FINISHED_TASKS_BYTES_MAX);
        assert_eq!(finished.of(&FINISHED_TASKS_MAX.to_string(), NOW), None);
        keep("more", FINISHED_TASKS_BYTES_MAX + 1);
        assert_eq!(finished.of("most", NOW), None);
        let late = UnixMicros(NOW.0 + i64::try_from(FINISHED_TASK_AGE_MAX.as_micros()).unwrap() + 1);
        assert!(finished.of("more", UnixMicros(late.0 - 1)).is_some(), "the newest stays, however long it is");
        assert_eq!(finished.of("more", late), None);
        finished.rest(late);
        assert_eq!(finished.of("more", NOW), None);
    }
}
