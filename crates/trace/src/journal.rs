//! Group commit: many callers, one thread that writes, one flush of the disk for all that came meanwhile.
//!
//! Records are encoded by whoever brings them; the thread only appends. While one commit runs, the next batch gathers by
//! itself; where many calls are under way, it waits a moment for some more. Records nobody waits for ride along
//! with the next one, which spares a flush for each, or go by themselves when none comes soon. A caller that is alone may
//! append by itself: handing a record over and being woken again takes longer than a quick disk.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use model::Durable;
use model::limits::{RECORDS_PER_COMMIT_MAX, RECORDS_WAITING_MAX};
use tokio::sync::{Semaphore, TryAcquireError, oneshot};

use crate::error::{StoreFault, TraceError};
use crate::log::{ERASING_KEY, LogStore, SETTLED_KIND};
use crate::record::{Change, Intent, Outcome, StateWrite};
use crate::row::Row;

/// Takes records and says when they are on disk. Cheap to clone; all clones share one log and one thread.
#[derive(Clone)]
pub struct Journal {
    handle: Arc<Handle>,
}

/// Ends the thread when the last journal goes, after it has written what waits.
struct Handle {
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Queue {
    /// None once it is closed.
    log: Mutex<Option<Box<dyn LogStore>>>,
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    drained: Condvar,
    room: Semaphore,
    lost_outcomes: Arc<AtomicU64>,
    /// Records that the log did not take.
    not_written: AtomicU64,
    /// Why it did not take what it was given last; none where it did.
    refused: Mutex<Option<Arc<StoreFault>>>,
    /// Sequence number of the newest record that is on disk.
    newest: AtomicU64,
    /// Calls under way, as the last caller knew it.
    calls: AtomicUsize,
    /// Subjects of erasures that did not come to their end. Looked at under the lock of the log only.
    unfinished: Mutex<Vec<u32>>,
}

struct Waiting {
    jobs: VecDeque<Job>,
    open: bool,
    /// Whether one of the jobs is waited for, or there are too many to let them lie.
    pressing: bool,
    /// Whether the thread sleeps until it is woken; else it looks again by itself.
    asleep: bool,
    /// Whether anything came since the thread looked last.
    stirred: bool,
    /// How many jobs wake the thread when one of them is pressing; none while it does not wait.
    woken_by: Option<usize>,
}

struct Job {
    /// None where only the state changes.
    row: Option<Row>,
    state: Vec<StateWrite>,
    reply: Reply,
    loss: Option<Loss>,
}

type Written = Result<u64, Arc<StoreFault>>;

/// Who waits for the disk.
enum Reply {
    Nobody,
    Task(oneshot::Sender<Written>),
    Thread(mpsc::SyncSender<Written>),
}

/// Counts one outcome as lost unless it is disarmed, whichever way it gets lost.
struct Loss {
    count: Option<Arc<AtomicU64>>,
}

/// How quickly jobs have come of late.
struct Pace {
    last: Instant,
    /// From one job to the next.
    each: Duration,
}

/// However the thread ends, nobody waits for it in vain.
struct CloseAtEnd<'q>(&'q Queue);

// === impl Journal ===

impl Journal {
    /// Starts the thread that writes to this log. Error: the system gives no thread.
    pub fn start(log: Box<dyn LogStore>) -> Result<Self, TraceError> {
        let queue = Arc::new(Queue {
            log: Mutex::new(Some(log)),
            waiting: Mutex::new(Waiting {
                jobs: VecDeque::new(),
                open: true,
                pressing: false,
                asleep: false,
                stirred: false,
                woken_by: None,
            }),
            arrived: Condvar::new(),
            drained: Condvar::new(),
            room: Semaphore::new(RECORDS_WAITING_MAX),
            lost_outcomes: Arc::default(),
            not_written: AtomicU64::new(0),
            refused: Mutex::default(),
            newest: AtomicU64::new(0),
            calls: AtomicUsize::new(0),
            unfinished: Mutex::default(),
        });
        let theirs = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("trace-commit".to_owned())
            .spawn(move || write_until_closed(&theirs))
            .map_err(TraceError::NoThread)?;
        Ok(Self { handle: Arc::new(Handle { queue, thread: Mutex::new(Some(thread)) }) })
    }

    /// Writes why a call may leave or may not. Returns once that is on disk.
    pub fn intent(&self, intent: Intent<'_>) -> impl Future<Output = Result<Durable, TraceError>> + use<'_> {
        // Encoded before anybody waits: the row is all that has to be kept meanwhile.
        let row = Row::of_intent(&intent);
        let call = intent.call;
        async move {
            let sequence = self.write(row?, Vec::new(), None).await?;
            Ok(Durable::danger_confirmed_by_disk(call, sequence))
        }
    }

    /// As [`Journal::intent`], for a caller that knows how many calls are under way, its own among them. One that is alone
    /// appends its record itself where the store is quick, in the thread that polls this. Where there are many, a commit
    /// waits a moment for the records of some more.
    pub fn intent_among(
        &self,
        intent: Intent<'_>,
        calls: usize,
    ) -> impl Future<Output = Result<Durable, TraceError>> + use<'_> {
        let row = Row::of_intent(&intent);
        let call = intent.call;
        async move {
            let sequence = self.write_among(row?, None, calls).await?;
            Ok(Durable::danger_confirmed_by_disk(call, sequence))
        }
    }

    /// Writes what came of a call. Returns its place in the log once that is on disk.
    pub async fn outcome(&self, outcome: Outcome) -> Result<u64, TraceError> {
        let loss = self.loss();
        let row = Row::of_outcome(&outcome)?;
        self.write(row, Vec::new(), Some(loss)).await
    }

    /// As [`Journal::outcome`], for a caller that knows how many calls are under way ([`Journal::intent_among`]).
    pub async fn outcome_among(&self, outcome: Outcome, calls: usize) -> Result<u64, TraceError> {
        let loss = self.loss();
        let row = Row::of_outcome(&outcome)?;
        self.write_among(row, Some(loss), calls).await
    }

    /// Queues what came of a call for the next commit, which begins within a few milliseconds. Error: it is lost, and
    /// counted as such.
    pub fn outcome_later(&self, outcome: Outcome) -> Result<(), TraceError> {
        let loss = self.loss();
        let row = Row::of_outcome(&outcome)?;
        let room = self.queue().room.try_acquire().map_err(|error| match error {
            TryAcquireError::NoPermits => TraceError::Full,
            TryAcquireError::Closed => TraceError::Closed,
        })?;
        room.forget();
        self.queue().push(Job { row: Some(row), state: Vec::new(), reply: Reply::Nobody, loss: Some(loss) })
    }

    /// Writes a change together with the state it makes true. Returns once both are on disk.
    pub async fn change(&self, change: Change) -> Result<Durable, TraceError> {
        let row = Row::of_change(&change)?;
        let sequence = self.write(row, change.state, None).await?;
        Ok(Durable::danger_confirmed_by_disk(change.id, sequence))
    }

    /// As [`Journal::change`], for programs without a runtime. Blocks the thread.
    pub fn change_blocking(&self, change: Change) -> Result<Durable, TraceError> {
        let row = Row::of_change(&change)?;
        let sequence = self.write_blocking(Some(row), change.state)?;
        Ok(Durable::danger_confirmed_by_disk(change.id, sequence))
    }

    /// Writes state that no record speaks of: what is derived from the records. Blocks the thread until it is on disk.
    pub fn state_blocking(&self, state: Vec<StateWrite>) -> Result<(), TraceError> {
        self.write_blocking(None, state).map(drop)
    }

    /// Writes that what is kept of some subjects ([`crate::Kept`]) is erased, and destroys it. No record is written from when `what` is
    /// asked which subjects, and what to write of it: whatever it counts in the log is all that goes. Blocks the thread.
    pub fn erase_blocking<E: From<TraceError>>(
        &self,
        what: impl FnOnce() -> Result<(Change, Vec<u32>), E>,
    ) -> Result<Durable, E> {
        let mut log = self.queue().log.lock().map_err(|_| TraceError::Closed)?;
        let log = log.as_mut().ok_or(TraceError::Closed)?;
        let (mut change, subjects) = what()?;
        let row = Row::of_change(&change)?;
        // There is one mark: what was not finished before is finished with this, or by the next start.
        let mut unfinished = self.queue().unfinished.lock().unwrap_or_else(PoisonError::into_inner);
        let new = subjects.iter().filter(|number| !unfinished.contains(number));
        let all: Vec<u32> = unfinished.iter().chain(new).copied().collect();
        let numbers: Vec<String> = all.iter().map(ToString::to_string).collect();
        change.state.push(StateWrite {
            kind: SETTLED_KIND.to_owned(),
            key: ERASING_KEY.to_owned(),
            value: Some(numbers.join(",")),
        });
        // From here on the next start finishes what does not come to its end.
        let sequence = settle(Some(self.queue().append(log.as_mut(), &[row], &change.state)))?;
        unfinished.clone_from(&all);
        log.erase(&all).map_err(TraceError::NotErased)?;
        unfinished.clear();
        Ok(Durable::danger_confirmed_by_disk(change.id, sequence))
    }

    /// Lets texts go as far as the state says ([`crate::Retention`]), in steps between which records are written. Blocks the
    /// thread until there is none left for others to take, or `wanted` says no.
    pub fn let_go_blocking(&self, wanted: impl Fn() -> bool) -> Result<(), TraceError> {
        while wanted() {
            let mut log = self.queue().log.lock().map_err(|_| TraceError::Closed)?;
            let more = log.as_mut().ok_or(TraceError::Closed)?.let_go().map_err(TraceError::NotLetGo)?;
            drop(log);
            if !more {
                break;
            }
            std::thread::sleep(BETWEEN_STEPS);
        }
        Ok(())
    }

    /// Sequence number of the newest record that was written here and is on disk; 0 before there is one.
    pub fn newest(&self) -> u64 {
        self.queue().newest.load(Ordering::Acquire)
    }

    /// How many outcomes could not be written. The next start says of their calls that the outcome is unknown.
    pub fn lost_outcomes(&self) -> u64 {
        self.queue().lost_outcomes.load(Ordering::Relaxed)
    }

    /// How many records could not be written. What they were to let happen did not; what had happened is among [`Self::lost_outcomes`].
    pub fn records_not_written(&self) -> u64 {
        self.queue().not_written.load(Ordering::Relaxed)
    }

    /// Why the log did not take what it was given last; none where it did.
    pub fn refused(&self) -> Option<Arc<StoreFault>> {
        self.queue().refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes what waits, then stops. Later calls fail with [`TraceError::Closed`]. Blocks until the thread has ended.
    pub fn close(&self) {
        self.queue().close();
        let mut thread = self.handle.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // A panic of the store has already reached every caller as `Closed`.
            let _ended = thread.join();
        }
    }

    fn write_blocking(&self, row: Option<Row>, state: Vec<StateWrite>) -> Result<u64, TraceError> {
        let (done, written) = mpsc::sync_channel(1);
        self.queue().wait_for_room()?;
        self.queue().push(Job { row, state, reply: Reply::Thread(done), loss: None })?;
        settle(written.recv().ok())
    }

    async fn write(&self, row: Row, state: Vec<StateWrite>, loss: Option<Loss>) -> Result<u64, TraceError> {
        self.write_job(Some(row), state, loss).await
    }

    async fn write_job(&self, row: Option<Row>, state: Vec<StateWrite>, loss: Option<Loss>) -> Result<u64, TraceError> {
        let (done, written) = oneshot::channel();
        let job = Job { row, state, reply: Reply::Task(done), loss };
        match self.queue().room.try_acquire() {
            Ok(room) => {
                room.forget();
                self.queue().push(job)?;
            }
            // A future of its own: nearly always there is room, and whoever waits for the disk is to keep no room for the job.
            Err(_) => Box::pin(self.queue().push_once_there_is_room(job)).await?,
        }
        settle(written.await.ok())
    }

    async fn write_among(&self, row: Row, loss: Option<Loss>, calls: usize) -> Result<u64, TraceError> {
        self.queue().calls.store(calls, Ordering::Relaxed);
        let (row, loss) = if calls > 1 {
            (Some(row), loss)
        } else {
            match self.queue().append_here(Job { row: Some(row), state: Vec::new(), reply: Reply::Nobody, loss }) {
                Ok(written) => return settle(Some(written)),
                Err(job) => (job.row, job.loss),
            }
        };
        self.write_job(row, Vec::new(), loss).await
    }

    fn loss(&self) -> Loss {
        Loss { count: Some(Arc::clone(&self.queue().lost_outcomes)) }
    }

    fn queue(&self) -> &Queue {
        &self.handle.queue
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("lost_outcomes", &self.lost_outcomes()).finish_non_exhaustive()
    }
}

// === impl Handle ===

impl Drop for Handle {
    fn drop(&mut self) {
        self.queue.close();
    }
}

// === impl Queue ===

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a job for which there is room.
    fn push(&self, job: Job) -> Result<(), TraceError> {
        let mut waiting = self.lock();
        if !waiting.open {
            return Err(TraceError::Closed);
        }
        waiting.pressing |= !matches!(job.reply, Reply::Nobody) || waiting.jobs.len() >= RECORDS_PER_COMMIT_MAX;
        waiting.jobs.push_back(job);
        waiting.stirred = true;
        let wake = match waiting.woken_by {
            Some(jobs) => waiting.asleep || waiting.pressing && waiting.jobs.len() >= jobs,
            None => false,
        };
        drop(waiting);
        if wake {
            self.arrived.notify_one();
        }
        Ok(())
    }

    async fn push_once_there_is_room(&self, job: Job) -> Result<(), TraceError> {
        self.room.acquire().await.map_err(|_| TraceError::Closed)?.forget();
        self.push(job)
    }

    fn wait_for_room(&self) -> Result<(), TraceError> {
        let mut waiting = self.lock();
        loop {
            match self.room.try_acquire() {
                Ok(room) => {
                    room.forget();
                    return Ok(());
                }
                Err(TryAcquireError::Closed) => return Err(TraceError::Closed),
                // Tasks that wait are served first, so a free place may be gone again by now.
                Err(TryAcquireError::NoPermits) => {
                    waiting =
                        self.drained.wait_timeout(waiting, LOOK_AGAIN_AFTER).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    /// The next batch: everything that waits, up to the most of one commit. None: closed and empty.
    fn take(&self, pace: &mut Pace) -> Option<Vec<Job>> {
        let mut waiting = self.lock();
        waiting.woken_by = Some(1);
        while waiting.open && !waiting.pressing {
            let (still, wait) =
                self.arrived.wait_timeout(waiting, OUTCOME_DELAY_MAX).unwrap_or_else(PoisonError::into_inner);
            waiting = still;
            if !wait.timed_out() || waiting.pressing {
                continue;
            }
            if !waiting.jobs.is_empty() {
                break;
            }
            // While calls come that write by themselves, being woken for each would cost more than looking again.
            if std::mem::take(&mut waiting.stirred) {
                continue;
            }
            waiting.asleep = true;
            let nothing_to_do = |waiting: &mut Waiting| waiting.open && waiting.jobs.is_empty();
            waiting = self.arrived.wait_while(waiting, nothing_to_do).unwrap_or_else(PoisonError::into_inner);
            waiting.asleep = false;
        }
        let wanted = self.calls.load(Ordering::Relaxed).min(GATHERED_MAX);
        if waiting.pressing && waiting.jobs.len() < wanted {
            let time = pace.time_for(wanted - waiting.jobs.len());
            waiting.woken_by = Some(wanted);
            let few = |waiting: &mut Waiting| waiting.open && waiting.jobs.len() < wanted;
            let gathered = self.arrived.wait_timeout_while(waiting, time, few);
            waiting = gathered.unwrap_or_else(PoisonError::into_inner).0;
        }
        waiting.woken_by = None;
        if waiting.jobs.is_empty() {
            return None;
        }
        let count = waiting.jobs.len().min(RECORDS_PER_COMMIT_MAX);
        pace.took(count);
        let batch = waiting.jobs.drain(..count).collect();
        waiting.pressing = waiting.jobs.iter().any(|job| !matches!(job.reply, Reply::Nobody));
        drop(waiting);
        self.room.add_permits(count);
        self.drained.notify_all();
        Some(batch)
    }

    /// Appends this and whatever lies there. Error: the job, where that is the thread's to do.
    fn append_here(&self, job: Job) -> Result<Written, Box<Job>> {
        // The thread takes a batch before it takes the log: what it has taken comes first or after, but in one piece.
        let Ok(mut log) = self.log.try_lock() else { return Err(Box::new(job)) };
        let Some(log) = log.as_mut().filter(|log| log.is_quick()) else { return Err(Box::new(job)) };
        let mut waiting = self.lock();
        if !waiting.open || waiting.pressing || waiting.jobs.len() >= RECORDS_PER_COMMIT_MAX {
            return Err(Box::new(job));
        }
        let lying = waiting.jobs.len();
        let before = waiting.jobs.iter().filter(|job| job.row.is_some()).count();
        let batch = waiting.jobs.drain(..).chain([job]).collect();
        drop(waiting);
        self.room.add_permits(lying);
        Ok(self.commit(log.as_mut(), batch).map(|first| first.saturating_add(before as u64)))
    }

    /// Returns the first sequence number.
    ///
    /// INVARIANT: a caller hears a sequence number only after `append` has returned one (`no_durable_without_the_disk`).
    fn commit(&self, log: &mut dyn LogStore, batch: Vec<Job>) -> Written {
        let mut rows = Vec::with_capacity(batch.len());
        let mut state = Vec::new();
        let mut callers = Vec::with_capacity(batch.len());
        for job in batch {
            callers.push((job.row.is_some(), job.reply, job.loss));
            rows.extend(job.row);
            state.extend(job.state);
        }
        let written = self.append(log, &rows, &state);
        match &written {
            Ok(first) => {
                let mut sequence = *first;
                for (recorded, reply, loss) in callers {
                    if let Some(loss) = loss {
                        loss.disarm();
                    }
                    reply.send(Ok(sequence));
                    sequence = sequence.saturating_add(u64::from(recorded));
                }
            }
            Err(fault) => {
                for (_, reply, loss) in callers {
                    drop(loss);
                    reply.send(Err(Arc::clone(fault)));
                }
            }
        }
        written
    }

    /// The one place where the log is given anything: what it says is remembered.
    fn append(&self, log: &mut dyn LogStore, rows: &[Row], state: &[StateWrite]) -> Written {
        let written = log.append(rows, state).map_err(Arc::new);
        match &written {
            Ok(first) => {
                self.newest.fetch_max(first.saturating_add(rows.len() as u64).saturating_sub(1), Ordering::Release);
            }
            Err(_) => {
                self.not_written.fetch_add(rows.len() as u64, Ordering::Relaxed);
            }
        }
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = written.as_ref().err().cloned();
        written
    }

    fn close(&self) {
        self.lock().open = false;
        self.room.close();
        self.arrived.notify_all();
        self.drained.notify_all();
    }
}

// === impl Pace, Reply, Loss, CloseAtEnd ===

impl Pace {
    fn took(&mut self, jobs: usize) {
        let now = stopwatch();
        let each = (now - self.last) / u32::try_from(jobs).unwrap_or(u32::MAX).max(1);
        self.each = (self.each * 3 + each.min(GATHERING_TIME_MAX)) / 4;
        self.last = now;
    }

    /// How long to wait for so many more. None at all where hardly any are to be expected in time: then the calls under way
    /// are long ones.
    fn time_for(&self, jobs: usize) -> Duration {
        if self.each * GATHERED_MIN > GATHERING_TIME_MAX {
            return Duration::ZERO;
        }
        let expected = self.each * u32::try_from(jobs).unwrap_or(u32::MAX);
        (expected * 2).min(GATHERING_TIME_MAX)
    }
}

impl Reply {
    /// Whoever does not wait any more need not hear it.
    fn send(self, written: Written) {
        match self {
            Self::Nobody => {}
            Self::Task(done) => {
                let _gone = done.send(written);
            }
            Self::Thread(done) => {
                let _gone = done.try_send(written);
            }
        }
    }
}

impl Loss {
    fn disarm(mut self) {
        self.count = None;
    }
}

impl Drop for Loss {
    fn drop(&mut self) {
        if let Some(count) = &self.count {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for CloseAtEnd<'_> {
    fn drop(&mut self) {
        self.0.close();
        // Taken out first: dropping a job wakes somebody, which is not to happen under the lock.
        let left = std::mem::take(&mut self.0.lock().jobs);
        drop(left);
    }
}

fn write_until_closed(queue: &Queue) {
    let _end = CloseAtEnd(queue);
    let mut pace = Pace { last: stopwatch(), each: GATHERING_TIME_MAX };
    while let Some(batch) = queue.take(&mut pace) {
        // A store that has panicked is not asked again.
        let Ok(mut log) = queue.log.lock() else { return };
        let Some(log) = log.as_mut() else { return };
        let _told = queue.commit(log.as_mut(), batch);
    }
    let log = queue.log.lock().map(|mut log| log.take());
    drop(log);
}

#[expect(
    clippy::disallowed_methods,
    reason = "how quickly records come decides who waits for others, and nothing else"
)]
fn stopwatch() -> Instant {
    Instant::now()
}

/// What a caller learns. No word at all: the thread is gone.
fn settle(written: Option<Written>) -> Result<u64, TraceError> {
    written.ok_or(TraceError::Closed)?.map_err(|fault: Arc<StoreFault>| TraceError::NotRecorded { fault })
}

/// How long a record that nobody waits for may lie before it is written by itself.
const OUTCOME_DELAY_MAX: Duration = Duration::from_millis(5);
/// A commit waits for as many records as there are calls under way, of which each has two, up to these: a flush costs the
/// same for one as for many.
const GATHERED_MAX: usize = 64;
const GATHERED_MIN: u32 = 4;
const GATHERING_TIME_MAX: Duration = Duration::from_millis(2);
/// Whoever waits to append comes first.
const BETWEEN_STEPS: Duration = Duration::from_millis(5);
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests;
