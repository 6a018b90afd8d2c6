//! The log as a gateway writes it.

use std::time::{Duration, Instant};

use tokio_postgres::types::Type;
use trace::{CHECKPOINT_KIND, COSIGNED_KIND, LogStore, Row, StateWrite, StoreFault, StoreFaultKind};

use super::address::Address;
use super::append::Step;
use super::error::{Failure, fault_of_kind, unreadable};
use super::link::{Link, stopwatch};
use super::retain::Sweep;
use super::session::{self, Clearing, SETTINGS, Session, TIME_MAX, holder, program, takes_writes};
use crate::error::StoreError;

/// Writes a log. While the server cannot be reached, appending is refused; once it can be again, it goes on.
#[derive(Debug)]
pub struct PostgresLog {
    address: Address,
    session: Option<Session>,
    /// The server's process of the last session.
    backend: i32,
    /// The last record, as far as is known.
    last: i64,
    /// The commits of the log, as far as is known, and whether one of ours may be among them that was not heard of.
    commits: i64,
    unheard: bool,
    /// Whether that one changed state that somebody remembers, and whoever wrote it was told that it is not written.
    denied: bool,
    /// Why what this gateway remembers is older than the log, where it is.
    superseded: Option<&'static str>,
    trouble: Option<Trouble>,
    /// What letting texts go waits for.
    sweep: Option<Sweep>,
    /// Clears away what an erasure left.
    clearing: Option<Clearing>,
}

/// The server could not be reached.
#[derive(Debug)]
struct Trouble {
    again_at: Instant,
    after: Duration,
}

impl PostgresLog {
    /// Opens a log for writing, made and brought to this version as needed. Error: another gateway holds it, the server
    /// does not keep what it confirms, it takes no writes, or it cannot be reached.
    pub fn open(address: &Address) -> Result<Self, StoreError> {
        let session = Session::open(address, None)
            .map_err(|failure| StoreError::Server { address: address.to_string(), fault: failure.fault })?;
        let mut log = Self {
            address: address.clone(),
            backend: session.backend,
            last: session.last,
            commits: session.commits,
            unheard: false,
            denied: false,
            superseded: None,
            session: Some(session),
            trouble: None,
            sweep: None,
            clearing: None,
        };
        // Where somebody reads just now, it is tried again with what is let go.
        let _later = log.clear();
        Ok(log)
    }

    /// Who writes to this log now; none: nobody does, or it is not there yet. Error: the server cannot be reached, or asked, or takes
    /// no writes: a replica does not know who has the lock.
    pub fn writer_of(address: &Address) -> Result<Option<String>, StoreError> {
        let ask = || {
            let link = Link::open(address.config(&program()))?;
            link.wait(TIME_MAX, link.client.batch_execute(SETTINGS))?;
            takes_writes(&link)?;
            let name = address.log();
            let rows = link.wait(TIME_MAX, link.client.query_typed(IF_THERE, &[(&name, Type::TEXT)]))?;
            let Some(row) = rows.first() else { return Ok(None) };
            holder(&link, row.try_get(0).map_err(unreadable)?)
        };
        match ask()
            .map_err(|failure: Failure| StoreError::Server { address: address.to_string(), fault: failure.fault })
        {
            Err(error) if error.is_empty_server() => Ok(None),
            other => other,
        }
    }

    /// Error: this server is none that records are written to. Nothing is written.
    pub fn is_fit(address: &Address) -> Result<(), StoreError> {
        let ask = || session::check(&Link::open(address.config(&program()))?).map(drop);
        ask().map_err(|failure: Failure| StoreError::Server { address: address.to_string(), fault: failure.fault })
    }

    /// The session, opened again where it was lost. While the server does not answer it is asked ever less often. Where somebody
    /// else has written meanwhile, it is not opened any more.
    fn session(&mut self) -> Result<&mut Session, Failure> {
        if let Some(why) = self.superseded {
            return Err(superseded(why).into());
        }
        if self.session.as_ref().is_none_or(|session| session.link.client.is_closed()) {
            self.session = None;
            if let Some(trouble) = &self.trouble
                && stopwatch() < trouble.again_at
            {
                return Err(fault_of_kind(StoreFaultKind::Broken).into());
            }
            match Session::open(&self.address, Some(self.backend)) {
                Ok(session) => {
                    self.trouble = None;
                    let more = session.commits - self.commits;
                    // INVARIANT: nobody goes on by a memory that the log has left behind
                    // (`who_was_taken_over_writes_no_more`, `a_link_may_be_cut_anywhere`).
                    let why = match more > i64::from(self.unheard) {
                        true => Some(BY_OTHERS),
                        false => Some(UNHEARD).filter(|_| more > 0 && self.denied),
                    };
                    self.superseded = why;
                    if let Some(why) = why {
                        return Err(superseded(why).into());
                    }
                    (self.commits, self.unheard, self.denied) = (session.commits, false, false);
                    (self.backend, self.last) = (session.backend, session.last);
                    self.session = Some(session);
                }
                Err(failure) => {
                    let after = self.trouble.as_ref().map_or(AGAIN_MIN, |trouble| (trouble.after * 2).min(AGAIN_MAX));
                    self.trouble = Some(Trouble { again_at: stopwatch() + after, after });
                    return Err(failure);
                }
            }
        }
        self.session.as_mut().ok_or_else(|| fault_of_kind(StoreFaultKind::Broken).into())
    }

    /// Clears away what an erasure left, if there is anything.
    fn clear(&mut self) -> Result<(), Failure> {
        let cleared = self.session()?.clear();
        self.session = self.session.take_if(|_| !cleared.as_ref().is_err_and(|failure| failure.lost));
        cleared
    }

    fn write(&mut self, rows: &[Row], state: &[StateWrite]) -> Result<i64, Failure> {
        let mut again = true;
        loop {
            let session = self.session()?;
            let (opening, commits) = (session.opening, session.commits);
            let (step, failure) = match session.append(rows, state) {
                Ok(first) => {
                    (self.last, self.commits) = (session.last, session.commits);
                    return Ok(first);
                }
                Err(failed) => failed,
            };
            let first = session.last.saturating_add(1);
            // Whatever the server holds, the next session reads it anew.
            self.session = None;
            if !failure.lost {
                return Err(failure);
            }
            if step == Step::Commit {
                self.unheard = true;
                // INVARIANT: this cannot be answered before the lost session is over, for it held the lock
                // (`a_link_may_be_cut_anywhere`).
                let session = match self.session() {
                    Ok(_) => self.session()?,
                    Err(failure) => {
                        self.denied = state.iter().any(is_remembered);
                        return Err(failure);
                    }
                };
                match (session.opening - opening, session.commits - commits) {
                    (1, 1) => return Ok(first),
                    (_, 0) => {}
                    // Somebody else was here: whose commit that was cannot be said.
                    _ => return Err(failure),
                }
            }
            if !std::mem::take(&mut again) {
                return Err(failure);
            }
        }
    }
}

impl LogStore for PostgresLog {
    fn append(&mut self, rows: &[Row], state: &[StateWrite]) -> Result<u64, StoreFault> {
        let first =
            if rows.is_empty() && state.is_empty() { self.last.saturating_add(1) } else { self.write(rows, state)? };
        u64::try_from(first).map_err(unreadable)
    }

    /// INVARIANT: whatever happens on the way, no record comes under a key that is destroyed: where the server is not heard, the
    /// next session begins with it (`what_is_about_a_person_goes_and_the_rest_stays`, `an_erasure_while_a_backup_reads_stops_nobody`).
    fn erase(&mut self, subjects: &[u32]) -> Result<(), StoreFault> {
        let forgotten = self.session()?.forget(subjects);
        self.session = self.session.take_if(|_| forgotten.is_ok());
        forgotten?;
        Ok(self.clear()?)
    }

    fn let_go(&mut self) -> Result<bool, StoreFault> {
        let (address, mut sweep) = (self.address.clone(), self.sweep.take());
        let more = self.session()?.let_go(&address, &mut sweep);
        self.sweep = sweep;
        // A transaction may be left in the middle.
        self.session = self.session.take_if(|_| more.is_ok());
        let more = more?;
        if !more {
            let mut clearing = self.clearing.take();
            let begun = self.session()?.clear_beside(&address, &mut clearing);
            self.clearing = clearing;
            begun?;
        }
        Ok(more)
    }
}

/// Whether a gateway goes by what it remembers of this. What is signed of the log is signed anew, whatever it says.
fn is_remembered(write: &StateWrite) -> bool {
    ![CHECKPOINT_KIND, COSIGNED_KIND].contains(&write.kind.as_str())
}

/// The log says something else than this gateway remembers: nothing of that, a call that waits for people among it, is to be trusted any
/// more.
fn superseded(why: &'static str) -> StoreFault {
    StoreFault::new(StoreFaultKind::Broken, why)
        .with_hint("restart this gateway: it then waits for its turn, or reads the log anew")
}

/// It took the log over, and decided by it.
const BY_OTHERS: &str = "another gateway has written to this log since the link to the server was lost";
const UNHEARD: &str = "a change that was told as not recorded was, before the link to the server was lost: it counts from the next start on";
const AGAIN_MIN: Duration = Duration::from_millis(100);
const AGAIN_MAX: Duration = Duration::from_secs(3);
const IF_THERE: &str = "SELECT id FROM countersign.log WHERE name = $1";
