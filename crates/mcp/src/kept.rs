//! Something an app said, kept for a while. One caller asks, the others wait for it; when the app cannot be asked again,
//! what it said last still stands.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use model::{Clock, Fault, UnixMicros};
use tokio::sync::Mutex;

/// A value with its age.
pub struct Kept<T> {
    said: ArcSwapOption<Said<T>>,
    before: ArcSwapOption<Said<T>>,
    asking: Mutex<()>,
    forgotten: AtomicU64,
}

/// What was said, and when.
pub struct Said<T> {
    at: UnixMicros,
    /// What.
    pub what: T,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        let (said, before) = (ArcSwapOption::empty(), ArcSwapOption::empty());
        Self { said, before, asking: Mutex::default(), forgotten: AtomicU64::new(0) }
    }
}

impl<T> Said<T> {
    /// When.
    pub fn at(&self) -> UnixMicros {
        self.at
    }
}

impl<T> Kept<T> {
    /// What was said, if that is not longer ago than `age_max`.
    pub fn fresh(&self, clock: &dyn Clock, age_max: Duration) -> Option<Arc<Said<T>>> {
        self.said.load_full().filter(|said| !older(said, clock, age_max))
    }

    /// What was said last, however long ago, forgotten or not.
    pub fn last(&self) -> Option<Arc<Said<T>>> {
        self.said.load_full().or_else(|| self.before.load_full())
    }

    /// What was said not too long ago, or is said now. Error: it cannot be asked and has never said anything.
    pub async fn get(
        &self,
        clock: &dyn Clock,
        age_max: Duration,
        ask: impl AsyncFnOnce() -> Result<T, Fault>,
    ) -> Result<Arc<Said<T>>, Fault> {
        if let Some(said) = self.fresh(clock, age_max) {
            return Ok(said);
        }
        // Asking is rare and its future large: every call would carry the room for it.
        Box::pin(self.ask(clock, age_max, ask())).await
    }

    async fn ask(
        &self,
        clock: &dyn Clock,
        age_max: Duration,
        ask: impl Future<Output = Result<T, Fault>>,
    ) -> Result<Arc<Said<T>>, Fault> {
        let _one = self.asking.lock().await;
        if let Some(said) = self.fresh(clock, age_max) {
            return Ok(said);
        }
        let forgotten = self.forgotten.load(Ordering::Acquire);
        match ask.await {
            Ok(what) => {
                let said = Arc::new(Said { at: clock.now(), what });
                // What changed while it was asked for is not kept.
                if self.forgotten.load(Ordering::Acquire) == forgotten {
                    self.said.store(Some(Arc::clone(&said)));
                } else {
                    self.before.store(Some(Arc::clone(&said)));
                }
                Ok(said)
            }
            Err(fault) => match self.said.load_full() {
                Some(last) => {
                    tracing::warn!(?fault, "an app could not be asked again what it offers");
                    Ok(last)
                }
                None => Err(fault),
            },
        }
    }

    /// Lets `seen` be asked for again, unless it is younger than `age_min`.
    pub fn outdate(&self, seen: &Arc<Said<T>>, clock: &dyn Clock, age_min: Duration) {
        if older(seen, clock, age_min)
            && let Some(same) = self.said.load_full().filter(|now| Arc::ptr_eq(now, seen))
        {
            self.before.store(Some(Arc::clone(&same)));
            self.said.compare_and_swap(&same, None);
        }
    }

    /// Lets it be asked for again; gives what was kept.
    pub fn forget(&self) -> Option<Arc<Said<T>>> {
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        let said = self.said.swap(None);
        if said.is_some() {
            self.before.store(said.clone());
        }
        said
    }
}

fn older<T>(said: &Said<T>, clock: &dyn Clock, age: Duration) -> bool {
    u128::from(clock.now().since(said.at).unsigned_abs()) > age.as_micros()
}
