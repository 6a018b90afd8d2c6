//! What came of calls that were to be tasks and did not wait, for clients that come back for it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use model::limits::{FINISHED_TASK_AGE_MAX, FINISHED_TASKS_BYTES_MAX, FINISHED_TASKS_MAX};
use model::{AppId, UnixMicros};

/// Responses by the ids of their tasks, bounded in number, bytes and age: of too much the oldest goes.
#[derive(Default)]
pub(super) struct Finished {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    by_task: HashMap<String, Done>,
    /// The oldest first.
    order: VecDeque<String>,
    bytes: usize,
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
    /// Keeps one.
    pub(super) fn keep(&self, task: String, done: Done) {
        let mut kept = self.kept();
        kept.forget_old(done.at);
        kept.bytes += done.response.len();
        kept.order.push_back(task.clone());
        kept.by_task.insert(task, done);
        while kept.order.len() > FINISHED_TASKS_MAX || (kept.bytes > FINISHED_TASKS_BYTES_MAX && kept.order.len() > 1) {
            kept.forget_oldest();
        }
    }

    /// What came of this one, if it is kept.
    pub(super) fn of(&self, task: &str, now: UnixMicros) -> Option<Done> {
        let mut kept = self.kept();
        kept.forget_old(now);
        kept.by_task.get(task).cloned()
    }

    /// Forgets what is too old.
    pub(super) fn rest(&self, now: UnixMicros) {
        self.kept().forget_old(now);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn forget_old(&mut self, now: UnixMicros) {
        let old = |done: &Done| u128::from(now.since(done.at).unsigned_abs()) > FINISHED_TASK_AGE_MAX.as_micros();
        while self.order.front().and_then(|task| self.by_task.get(task)).is_some_and(old) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(done) = self.order.pop_front().and_then(|task| self.by_task.remove(&task)) {
            self.bytes -= done.response.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMicros = UnixMicros(1_763_726_400_000_000);

    fn done(bytes: usize, at: UnixMicros) -> Done {
        Done { app: AppId::parse("crm").unwrap(), at, response: Bytes::from(vec![b'x'; bytes]) }
    }

    #[test]
    fn of_too_many_too_much_or_too_old_the_oldest_go() {
        let finished = Finished::default();
        for number in 0..=FINISHED_TASKS_MAX {
            finished.keep(number.to_string(), done(1, NOW));
        }
        assert_eq!(finished.of("0", NOW), None);
        assert_eq!(finished.of("1", NOW), Some(done(1, NOW)));
        finished.keep("most".to_owned(), done(FINISHED_TASKS_BYTES_MAX, NOW));
        assert_eq!(finished.kept().order, ["most"]);
        finished.keep("more".to_owned(), done(FINISHED_TASKS_BYTES_MAX + 1, NOW));
        assert_eq!(finished.kept().order, ["more"], "the newest stays, however long it is");
        let late = UnixMicros(NOW.0 + i64::try_from(FINISHED_TASK_AGE_MAX.as_micros()).unwrap() + 1);
        assert!(finished.of("more", UnixMicros(late.0 - 1)).is_some());
        finished.rest(late);
        let kept = finished.kept();
        assert_eq!((kept.by_task.len(), kept.order.len(), kept.bytes), (0, 0, 0));
    }
}
