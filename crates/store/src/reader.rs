//! Reading the log beside a gateway that writes it, or off a disk that nobody may write to.

use std::ffi::OsString;
use std::fmt::Write;
use std::ops::RangeInclusive;
use std::os::raw::c_int;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::CallId;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tlog::{Frontier, Tile};
use trace::{Entry, Finding, Kept, LogReader, Query, StoreFault, StoreFaultKind, Use, UseOf};

use crate::error::{StoreError, fault, fault_of_kind};
use crate::keys;
use crate::lost::Search;
use crate::questions::Questions;
use crate::schema;
use crate::seal::Opener;
use crate::tail::Tail;
use crate::tree;

/// Answers questions about a log, whoever writes it.
#[derive(Debug)]
pub struct SqliteReader {
    connection: Connection,
    path: PathBuf,
    /// None where the key is not there: then only bodies cannot be read.
    opener: Option<Opener>,
    /// Taken for the question that is being asked, where they are counted.
    steps: Arc<AtomicU64>,
}

impl SqliteReader {
    /// Opens the database for reading. Error: it is not there, of something else, of a newer version, or damaged.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let denied = |fault| StoreError::database(path, fault);
        let connection = connect(path).map_err(denied)?;
        let opener = keys::wrapping(path).map_err(denied)?.map(Opener::new);
        Ok(Self { connection, path: path.to_owned(), opener, steps: Arc::default() })
    }

    /// Gives up a question that takes more than so many steps of SQLite, some hundred for each record it looks at.
    pub fn bounded(mut self, steps_max: u64) -> Result<Self, StoreError> {
        let steps = Arc::clone(&self.steps);
        let too_many = move || steps.fetch_add(STEPS_AT_ONCE, Ordering::Relaxed) >= steps_max;
        let every = c_int::try_from(STEPS_AT_ONCE).unwrap_or(c_int::MAX);
        let set = self.connection.progress_handler(every, Some(too_many));
        set.map_err(|error| StoreError::database(&self.path, fault(error)))?;
        Ok(self)
    }

    /// Asks the tables and what they do not hold yet, as they are at one moment.
    fn ask<T>(&self, ask: impl FnOnce(Questions<'_>) -> Result<T, StoreFault>) -> Result<T, StoreFault> {
        let tables = &self.connection;
        self.steps.store(0, Ordering::Relaxed);
        // Read before the tables are: what comes into them meanwhile is then in both rather than in neither.
        let tail = Tail::read(tables, &self.path)?;
        let moment = tables.unchecked_transaction().map_err(fault)?;
        let tail = match tail {
            Some(tail) => tail.beyond(tables)?,
            None => None,
        };
        let answer = ask(Questions { tables, tail: tail.as_ref(), opener: self.opener.as_ref() });
        moment.finish().map_err(fault)?;
        answer
    }
}

impl LogReader for SqliteReader {
    fn find(&self, query: &Query) -> Result<Vec<Entry>, StoreFault> {
        self.ask(|questions| questions.find(query))
    }

    fn by_id(&self, id: &str) -> Result<Vec<Entry>, StoreFault> {
        self.ask(|questions| questions.by_id(id))
    }

    fn uses(&self, of: UseOf<'_>) -> Result<Vec<Use>, StoreFault> {
        self.ask(|questions| questions.uses(of))
    }

    fn counted(&self, query: &Query) -> Result<Vec<Use>, StoreFault> {
        self.ask(|questions| questions.counted(query))
    }

    fn kept_among(&self, human: &str, records: RangeInclusive<u64>) -> Result<Option<Kept>, StoreFault> {
        self.ask(|questions| questions.kept_among(human, &records))
    }

    fn lost(&self, progress: &mut dyn FnMut(u64)) -> Result<Option<Finding>, StoreFault> {
        let mut search = Search::new();
        loop {
            if let Some(found) = self.ask(|questions| search.step(&questions))? {
                return Ok(found);
            }
            progress(search.place());
        }
    }

    fn misfiled(&self, entries: &[Entry]) -> Result<Option<u64>, StoreFault> {
        self.ask(|questions| questions.misfiled(entries))
    }

    fn unfinished(&self) -> Result<Vec<CallId>, StoreFault> {
        self.ask(|questions| questions.unfinished())
    }

    fn last_sequence(&self) -> Result<u64, StoreFault> {
        self.ask(|questions| questions.last_sequence())
    }

    fn state(&self, kind: &str) -> Result<Vec<(String, String)>, StoreFault> {
        self.ask(|questions| questions.state(kind))
    }

    fn tree(&self) -> Result<Frontier, StoreFault> {
        tree::read(&self.connection)
    }

    fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreFault> {
        tree::tile(&self.connection, tile)
    }
}

pub(crate) fn connect(path: &Path) -> Result<Connection, StoreFault> {
    if !path.exists() {
        return Err(fault_of_kind(StoreFaultKind::Missing));
    }
    let shared = open(path, OpenFlags::empty());
    let connection = match shared {
        Err(error) if cannot_share(&error) => unshared(path)?,
        other => other.map_err(fault)?,
    };
    match schema::version(&connection)? {
        0 => Err(fault_of_kind(StoreFaultKind::Missing)),
        // An older schema is brought forward by the next gateway that starts, never by a reader.
        found if found < schema::current() => {
            Err(StoreFault::new(StoreFaultKind::Missing, "an older version of countersign wrote this file")
                .with_hint("start the gateway once to bring it forward"))
        }
        _ => Ok(connection),
    }
}

/// Opens and looks, because SQLite reads a file only when it is asked something.
fn open(path: &Path, more: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIME_MAX)?;
    connection.execute_batch(SETTINGS)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
    Ok(connection)
}

/// Whether the memory that readers share with a writer could not be made.
fn cannot_share(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// Without shared memory SQLite does not look into the WAL. What stands there must not be left out in silence.
fn unshared(path: &Path) -> Result<Connection, StoreFault> {
    let wal = beside(path, "-wal");
    if wal.metadata().is_ok_and(|wal| wal.len() > 0) {
        return Err(StoreFault::new(StoreFaultKind::ReadOnly, "the last records cannot be read where they are")
            .with_hint("copy the database and the file ending in `-wal` to a directory you may write to"));
    }
    open(&immutable(path), OpenFlags::SQLITE_OPEN_URI).map_err(fault)
}

fn immutable(path: &Path) -> PathBuf {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            // Writing to a string cannot fail.
            let _written = write!(uri, "%{byte:02X}");
        }
    }
    uri.push_str("?immutable=1");
    PathBuf::from(uri)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(ending);
    PathBuf::from(name)
}

const SETTINGS: &str =
    "PRAGMA query_only = ON; PRAGMA cache_size = -8000; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;";

const STEPS_AT_ONCE: u64 = 10_000;
const BUSY_TIME_MAX: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
