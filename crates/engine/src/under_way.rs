//! A call under way. Whoever asked for it drives it; when they go away, a task of its own takes over.
//!
//! A task for every call from the start would do, too, and cost each call the making of a task and two ways through the
//! scheduler.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::call::Closed;

/// Ends with how the call ended; none when it broke.
pub(crate) struct UnderWay {
    call: Option<Pin<Box<dyn Future<Output = Closed> + Send>>>,
    tracker: TaskTracker,
    _counted: TaskTrackerToken,
}

impl UnderWay {
    /// Counts among what this tracker waits for from now on.
    pub(crate) fn new(tracker: &TaskTracker, call: Pin<Box<dyn Future<Output = Closed> + Send>>) -> Self {
        Self { call: Some(call), tracker: tracker.clone(), _counted: tracker.token() }
    }
}

impl Future for UnderWay {
    type Output = Option<Closed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(call) = &mut self.call else { return Poll::Ready(None) };
        let polled = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context)));
        let ended = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(closed)) => Some(closed),
            Err(_panic) => None,
        };
        self.call = None;
        Poll::Ready(ended)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(call) = self.call.take()
            && tokio::runtime::Handle::try_current().is_ok()
        {
            self.tracker.spawn(call);
        }
    }
}
