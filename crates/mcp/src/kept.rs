//! Something an app said, kept for a while. One caller asks, the others wait for it; when the app cannot be asked again,
//! what it said last still stands. That it could not be asked is kept as well: who waits meanwhile does not ask once more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use model::{Blame, Clock, Fault, UnixMicros};
use tokio::sync::Mutex;

/// A value with its age.
pub struct Kept<T> {
    said: ArcSwapOption<Said<T>>,
    before: ArcSwapOption<Said<T>>,
    asking: Mutex<Option<Failed>>,
    /// How often it could not be asked.
    failures: AtomicU64,
    forgotten: AtomicU64,
}

/// A try to ask that failed.
struct Failed {
    at: UnixMicros,
    /// For how long nobody asks again: as long as the try took.
    pause: Duration,
    /// How often everything had been forgotten when it began.
    forgotten: u64,
    said: (Blame, &'static str, String),
    hint: Option<String>,
    retryable: bool,
}

/// When somebody came who wants to know.
struct Came {
    failures: u64,
    forgotten: u64,
}

/// What was said, and when.
pub struct Said<T> {
    at: UnixMicros,
    /// Whether it is asked for again, however young it is.
    outdated: AtomicBool,
    /// What.
    pub what: T,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        let (said, before) = (ArcSwapOption::empty(), ArcSwapOption::empty());
        let (failures, forgotten) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { said, before, asking: Mutex::default(), failures, forgotten }
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
        self.said.load_full().filter(|said| !said.outdated.load(Ordering::Acquire) && !older(said, clock, age_max))
    }

    /// What was said last, however long ago, forgotten or not.
    pub fn last(&self) -> Option<Arc<Said<T>>> {
        self.said.load_full().or_else(|| self.before.load_full())
    }

    /// What was said, however long ago, unless it was forgotten.
    pub fn unforgotten(&self) -> Option<Arc<Said<T>>> {
        self.said.load_full()
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
        let came =
            Came { failures: self.failures.load(Ordering::Acquire), forgotten: self.forgotten.load(Ordering::Acquire) };
        let mut failed = self.asking.lock().await;
        if let Some(said) = self.fresh(clock, age_max) {
            return Ok(said);
        }
        if let Some(failed) = failed.as_ref().filter(|failed| self.stands(failed, &came, clock)) {
            return self.said.load_full().ok_or_else(|| failed.fault());
        }
        let forgotten = self.forgotten.load(Ordering::Acquire);
        let began = clock.now();
        match ask.await {
            Ok(what) => {
                *failed = None;
                let said = Arc::new(Said { at: clock.now(), outdated: AtomicBool::new(false), what });
                // What changed while it was asked for is not kept.
                if self.forgotten.load(Ordering::Acquire) == forgotten {
                    self.said.store(Some(Arc::clone(&said)));
                } else {
                    self.before.store(Some(Arc::clone(&said)));
                }
                Ok(said)
            }
            Err(fault) => {
                *failed = Some(Failed::of(&fault, (began, clock.now()), forgotten));
                self.failures.fetch_add(1, Ordering::AcqRel);
                match self.said.load_full() {
                    Some(last) => {
                        tracing::warn!(?fault, "an app could not be asked again what it offers");
                        Ok(last)
                    }
                    None => Err(fault),
                }
            }
        }
    }

    /// Whether a failed try is the answer to who came then: it ended while they waited, or not long ago. After everything
    /// was forgotten it is not.
    fn stands(&self, failed: &Failed, came: &Came, clock: &dyn Clock) -> bool {
        let waited = self.failures.load(Ordering::Acquire) > came.failures;
        failed.forgotten >= came.forgotten && (waited || failed.rests(clock))
    }

    /// Lets `seen` be asked for again, unless it is younger than `age_min`. Where it cannot be, it still stands: nothing says that
    /// it is not so any more.
    pub fn outdate(&self, seen: &Said<T>, clock: &dyn Clock, age_min: Duration) {
        if older(seen, clock, age_min) {
            seen.outdated.store(true, Ordering::Release);
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

impl Failed {
    fn of(fault: &Fault, (began, ended): (UnixMicros, UnixMicros), forgotten: u64) -> Self {
        Self {
            at: ended,
            pause: Duration::from_micros(ended.since(began).unsigned_abs()).min(PAUSE_MAX),
            forgotten,
            said: (fault.blame(), fault.code(), fault.to_string()),
            hint: fault.way_out().map(str::to_owned),
            retryable: fault.may_retry(),
        }
    }

    fn rests(&self, clock: &dyn Clock) -> bool {
        u128::from(clock.now().since(self.at).unsigned_abs()) < self.pause.as_micros()
    }

    fn fault(&self) -> Fault {
        let (blame, code, said) = &self.said;
        let fault = Fault::new(*blame, code, said.clone());
        let fault = if self.retryable { fault.retryable() } else { fault };
        match &self.hint {
            Some(hint) => fault.hint(hint.clone()),
            None => fault,
        }
    }
}

fn older<T>(said: &Said<T>, clock: &dyn Clock, age: Duration) -> bool {
    u128::from(clock.now().since(said.at).unsigned_abs()) > age.as_micros()
}

const PAUSE_MAX: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
