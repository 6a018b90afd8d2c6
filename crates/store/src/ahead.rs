//! The log as a gateway writes it: confirmed by the redo log, with the tables following behind in large steps.
//!
//! A commit costs one write and one flush. The thread `trace-tables` puts what was confirmed into SQLite, which is what
//! questions are asked of, many commits in one transaction; what it has not come to yet is read from the redo log.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use trace::{LogStore, Row, StateWrite, StoreFault, StoreFaultKind};

use crate::erase::{self, Left};
use crate::error::{StoreError, fault_of_io, fault_of_kind};
use crate::frame::Columns;
use crate::redo::{CAPACITY_BYTES, Frames, Place, Redo};
use crate::seal::{SealedBody, Sealer};
use crate::sqlite::{Durability, SqliteLog};

/// Writes the log. One of them at a time writes to a database.
#[derive(Debug)]
pub struct AheadLog {
    redo: Redo,
    sealer: Sealer,
    next: u64,
    path: PathBuf,
    durability: Durability,
    capacity: u64,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// The tables look where nothing can be written: nothing is confirmed any more.
    ended: bool,
    /// Whose keys are to be destroyed and are not: their erasure is on record.
    unfinished: Vec<u32>,
}

#[derive(Debug)]
struct Shared {
    progress: Mutex<Progress>,
    /// The thread has something to do.
    wanted: Condvar,
    /// The thread has got somewhere, or nowhere.
    moved: Condvar,
}

#[derive(Debug)]
struct Progress {
    confirmed: Place,
    absorbed: Place,
    /// Bytes that are confirmed and not absorbed.
    waiting_bytes: u64,
    /// Why the last step failed.
    fault: Option<StoreFault>,
    open: bool,
    /// Whether the thread is to take its next step at once.
    pressing: bool,
    /// Whether the thread lets texts go at this moment.
    letting_go: bool,
    /// Whether it is to leave that for now.
    still: bool,
    /// What an erasure left.
    copies: Option<Copies>,
}

/// Copies of keys that are destroyed, in the write-ahead log: somebody reads what was there before.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Copies {
    /// The mark of their erasure.
    mark: String,
    /// Whether the thread is to try now whether they can be cleared away.
    now: bool,
}

/// What the thread does next.
enum Next {
    /// What is confirmed up to this place comes into the tables, so many bytes.
    Absorb(Place, u64),
    /// There is time for something else.
    Else,
    /// Perhaps nobody reads any more what the erasure with this mark left.
    Clear(String),
    /// It is closed, and all is done.
    End,
}

/// Says that the thread has ended, whichever way.
struct CloseAtEnd<'s>(&'s Shared);

/// As long as it is there, no texts are let go.
struct Still(Arc<Shared>);

// === impl AheadLog ===

impl AheadLog {
    /// Opens the database as [`SqliteLog::open`] does, and starts the thread.
    pub fn open(path: &Path, durability: Durability) -> Result<Self, StoreError> {
        Self::with_capacity(path, durability, CAPACITY_BYTES)
    }

    fn with_capacity(path: &Path, durability: Durability, capacity: u64) -> Result<Self, StoreError> {
        let denied = |source| StoreError::Directory { path: path.to_owned(), source };
        let mut tables = SqliteLog::open(path, durability)?;
        let begin = |tables: &mut SqliteLog| {
            let place = tables.absorbed()?.of_next_opening();
            tables.go_on_at(place)?;
            let left = tables.finish_erasing()?;
            Ok((place, trace::LogReader::last_sequence(tables)?, tables.sealer()?, left))
        };
        let (place, last, sealer, left) = begin(&mut tables).map_err(|fault| StoreError::database(path, fault))?;
        let redo = Redo::open(path, place, durability, capacity).map_err(denied)?;
        if left == Left::Mark {
            tables.erased().map_err(|fault| StoreError::database(path, fault))?;
        }
        let progress = Progress {
            confirmed: place,
            absorbed: place,
            waiting_bytes: 0,
            fault: None,
            open: true,
            pressing: false,
            letting_go: false,
            still: false,
            copies: if let Left::Copies(mark) = &left { Some(Copies { mark: mark.clone(), now: false }) } else { None },
        };
        let shared = Arc::new(Shared { progress: Mutex::new(progress), wanted: Condvar::new(), moved: Condvar::new() });
        let (theirs, database) = (Arc::clone(&shared), path.to_owned());
        let thread = std::thread::Builder::new()
            .name("trace-tables".to_owned())
            .spawn(move || follow(tables, &database, &theirs))
            .map_err(denied)?;
        let next = last.saturating_add(1);
        let path = path.to_owned();
        Ok(Self {
            redo,
            sealer,
            next,
            path,
            durability,
            capacity,
            shared,
            thread: Some(thread),
            ended: false,
            unfinished: Vec::new(),
        })
    }

    /// Goes on in the other file as soon as the tables hold what stands in it.
    fn turn(&mut self) -> Result<(), StoreFault> {
        let redo = &self.redo;
        self.shared.wait_until(|progress| redo.other_is_free(progress.absorbed))?;
        self.redo.turn().map_err(fault_of_io)
    }

    /// Goes on at the place that the tables name. Error: only the next start does.
    fn begin_again(&mut self, place: Place) -> Result<(), StoreFault> {
        self.ended = true;
        self.redo = Redo::open(&self.path, place, self.durability, self.capacity).map_err(fault_of_io)?;
        self.shared.begin_again(place);
        self.ended = false;
        Ok(())
    }

    /// Destroys the keys of an erasure that is on record. Copies of them are left.
    fn destroy(&mut self) -> Result<Connection, StoreFault> {
        let settled = |progress: &Progress| progress.absorbed.number == progress.confirmed.number;
        self.shared.wait_until(|progress| settled(progress) && !progress.letting_go)?;
        // The thread has nothing to do until something is confirmed, which is this thread's to say.
        let mut tables = SqliteLog::beside(&self.path, self.durability)?;
        let place = self.redo.place().of_next_opening();
        erase::destroy(&mut tables, &self.unfinished, Some(place))?;
        self.begin_again(place)?;
        let mark = erase::mark(&std::mem::take(&mut self.unfinished));
        self.shared.lock().copies = Some(Copies { mark, now: false });
        Ok(tables)
    }

    fn not_ended(&self) -> Result<(), StoreFault> {
        match self.ended {
            true => Err(fault_of_kind(StoreFaultKind::Broken).with_hint("start the gateway again")),
            false => Ok(()),
        }
    }
}

impl Shared {
    /// Waits until the tables have come so far.
    fn wait_until(&self, come: impl Fn(&Progress) -> bool) -> Result<(), StoreFault> {
        let mut progress = self.lock();
        progress.pressing = true;
        self.wanted.notify_one();
        while !come(&progress) {
            // What failed now would fail again: rather refuse than let everybody wait.
            if let Some(fault) = progress.fault.take() {
                return Err(fault);
            }
            if !progress.open {
                return Err(fault_of_kind(StoreFaultKind::Broken));
            }
            let (still, wait) =
                self.moved.wait_timeout(progress, TABLES_WAIT_MAX).unwrap_or_else(PoisonError::into_inner);
            progress = still;
            if wait.timed_out() {
                return Err(fault_of_kind(StoreFaultKind::Locked));
            }
        }
        Ok(())
    }
}

impl LogStore for AheadLog {
    fn append(&mut self, rows: &[Row], state: &[StateWrite]) -> Result<u64, StoreFault> {
        let first = self.next;
        if rows.is_empty() && state.is_empty() {
            return Ok(first);
        }
        self.not_ended()?;
        let bodies: Result<Vec<SealedBody>, StoreFault> = rows.iter().map(|row| self.sealer.seal(row)).collect();
        let bodies = bodies?;
        let rows: Vec<Columns<'_>> = rows.iter().zip(&bodies).map(|(row, body)| Columns::of(row, body)).collect();
        if !self.redo.prepare(first, &rows, self.sealer.fresh(), state).map_err(fault_of_io)? {
            self.turn()?;
            if !self.redo.prepare(first, &rows, self.sealer.fresh(), state).map_err(fault_of_io)? {
                return Err(fault_of_kind(StoreFaultKind::Full));
            }
        }
        let before = self.redo.place();
        self.redo.write().map_err(fault_of_io)?;
        self.sealer.confirmed();
        self.next = first.saturating_add(rows.len() as u64);
        self.shared.confirmed(before, self.redo.place());
        Ok(first)
    }

    /// INVARIANT: whatever happens on the way, no record comes under a key that is destroyed
    /// (`a_key_that_may_be_destroyed_is_used_no_more`), and none that is confirmed stands where nobody looks
    /// (`an_erasure_that_cannot_be_finished_yet_loses_no_record`).
    fn erase(&mut self, subjects: &[u32]) -> Result<(), StoreFault> {
        self.not_ended()?;
        let _still = self.shared.be_still();
        // The mark is on disk: whatever fails from here on, what comes next is not sealed with what the next start destroys.
        subjects.iter().for_each(|number| self.sealer.forget(*number));
        self.unfinished = subjects.to_vec();
        let tables = self.destroy()?;
        erase::clear_wal(&tables)?;
        erase::done(&tables)?;
        self.shared.cleared();
        Ok(())
    }

    /// The thread takes the steps. An erasure that could not be begun is; what one left the thread tries to clear away when it is
    /// asked to, for whoever reads at length is there each time.
    fn let_go(&mut self) -> Result<bool, StoreFault> {
        if !self.unfinished.is_empty() {
            self.not_ended()?;
            let _still = self.shared.be_still();
            self.destroy()?;
        }
        self.shared.clear_copies();
        Ok(false)
    }

    fn is_quick(&self) -> bool {
        self.redo.flush_time() < QUICK_FLUSH && self.redo.has_room(QUICK_BYTES)
    }
}

impl Drop for AheadLog {
    fn drop(&mut self) {
        self.shared.lock().open = false;
        self.shared.wanted.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
        let progress = self.shared.lock();
        if progress.absorbed.number == progress.confirmed.number {
            // What could not be emptied is passed over at the next start, for the tables know how far they are.
            let _emptied = self.redo.clear();
        }
    }
}

// === impl Shared, Still, CloseAtEnd ===

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn confirmed(&self, before: Place, behind: Place) {
        let mut progress = self.lock();
        progress.confirmed = behind;
        let first = progress.waiting_bytes == 0;
        progress.waiting_bytes += behind.offset.saturating_sub(before.offset);
        let press = progress.waiting_bytes >= STEP_BYTES && !progress.pressing;
        progress.pressing |= press;
        drop(progress);
        if first || press {
            self.wanted.notify_one();
        }
    }

    /// Waits until a step is worth its while, or not at all where there is something else to do: then both take turns.
    fn wait(&self, something_else: bool) -> Next {
        let mut progress = self.lock();
        let had_its_turn = std::mem::take(&mut progress.letting_go);
        if had_its_turn {
            self.moved.notify_all();
        }
        let in_time = |progress: &Progress| progress.waiting_bytes == 0 || !had_its_turn && !progress.pressing;
        while progress.open && (something_else || progress.waiting_bytes == 0) {
            let in_the_way = progress.still || !in_time(&progress);
            if let Some(copies) = progress.copies.as_mut().filter(|copies| copies.now && !in_the_way) {
                copies.now = false;
                let mark = copies.mark.clone();
                progress.letting_go = true;
                return Next::Clear(mark);
            }
            if something_else && !progress.still && in_time(&progress) {
                progress.letting_go = true;
                return Next::Else;
            }
            if progress.waiting_bytes > 0 {
                break;
            }
            progress = self.wanted.wait(progress).unwrap_or_else(PoisonError::into_inner);
        }
        if progress.open && !progress.pressing && !something_else {
            progress = self
                .wanted
                .wait_timeout_while(progress, STEP_TIME, |progress| progress.open && !progress.pressing)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        progress.pressing = false;
        match progress.absorbed.number < progress.confirmed.number {
            true => Next::Absorb(progress.confirmed, progress.waiting_bytes),
            false => Next::End,
        }
    }

    fn clear_copies(&self) {
        if let Some(copies) = &mut self.lock().copies {
            copies.now = true;
            self.wanted.notify_one();
        }
    }

    fn cleared(&self) {
        self.lock().copies = None;
    }

    fn be_still(self: &Arc<Self>) -> Still {
        self.lock().still = true;
        Still(Arc::clone(self))
    }

    fn begin_again(&self, place: Place) {
        let mut progress = self.lock();
        (progress.confirmed, progress.absorbed, progress.waiting_bytes) = (place, place, 0);
    }

    fn absorbed(&self, behind: Place, bytes: u64) {
        let mut progress = self.lock();
        progress.absorbed = behind;
        progress.waiting_bytes = progress.waiting_bytes.saturating_sub(bytes);
        progress.fault = None;
        drop(progress);
        self.moved.notify_all();
    }

    /// Tells whoever waits for room, and lets a moment pass. False: there is nothing to wait for any more.
    fn failed(&self, fault: StoreFault) -> bool {
        let mut progress = self.lock();
        progress.fault = Some(fault);
        self.moved.notify_all();
        let progress = self.wanted.wait_timeout_while(progress, AGAIN_AFTER, |progress| progress.open);
        progress.unwrap_or_else(PoisonError::into_inner).0.open
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        self.0.lock().still = false;
        self.0.wanted.notify_one();
    }
}

impl Drop for CloseAtEnd<'_> {
    fn drop(&mut self) {
        self.0.lock().open = false;
        self.0.moved.notify_all();
    }
}

/// The thread: step by step, what is confirmed comes into the tables, and what is kept no longer goes.
fn follow(mut tables: SqliteLog, database: &Path, shared: &Shared) {
    let _end = CloseAtEnd(shared);
    // What was broken off at the last end goes on.
    let mut something_else = true;
    loop {
        match shared.wait(something_else) {
            Next::Absorb(confirmed, bytes) => {
                while let Err(fault) = step(&mut tables, database, confirmed, bytes, shared) {
                    if !shared.failed(fault) {
                        return;
                    }
                }
                // What came may say that texts are to go.
                something_else = true;
            }
            // What failed is tried again behind the next records; how far it has come is there to see.
            Next::Else => something_else = tables.let_go().unwrap_or(false),
            Next::Clear(mark) => {
                if tables.clear_copies(&mark).is_ok() {
                    shared.cleared();
                }
            }
            Next::End => return,
        }
    }
}

/// INVARIANT: nothing that was not confirmed comes into the tables (`what_was_refused_does_not_come_into_the_tables`).
fn step(
    tables: &mut SqliteLog,
    database: &Path,
    confirmed: Place,
    bytes: u64,
    shared: &Shared,
) -> Result<(), StoreFault> {
    let mut place = tables.absorbed()?;
    let mut frames = Frames::some_from(database, place, bytes).map_err(fault_of_io)?;
    while place.number < confirmed.number {
        let absorbed = tables.absorb(&mut frames, Some(confirmed))?;
        let absorbed = absorbed.ok_or_else(|| fault_of_kind(StoreFaultKind::Corrupt))?;
        shared.absorbed(absorbed.behind, absorbed.bytes);
        place = absorbed.behind;
    }
    Ok(())
}

/// A flush on a disk of today takes a tenth of a millisecond.
const QUICK_FLUSH: Duration = Duration::from_micros(500);
/// More than nearly every frame of one call.
const QUICK_BYTES: u64 = 64 << 10;
/// A step is taken when so much waits, or for so long.
const STEP_BYTES: u64 = 2 << 20;
const STEP_TIME: Duration = Duration::from_millis(300);
const AGAIN_AFTER: Duration = Duration::from_millis(100);
const TABLES_WAIT_MAX: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
