//! The log in SQLite: one writer, WAL, one transaction and one flush a commit.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use model::CallId;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, params};
use trace::{Entry, LogReader, LogStore, Query, Row, StateWrite, StoreFault, StoreFaultKind};

use crate::error::{StoreError, fault, fault_of_io, fault_of_kind};
use crate::frame::{Columns, Frame, StateColumns};
use crate::questions::{LAST_SEQUENCE, Questions, absorbed};
use crate::redo::{Frames, Place};
use crate::schema;

/// What survives the loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Everything that was confirmed.
    #[default]
    Full,
    /// Perhaps nothing. For tests only.
    DangerOff,
}

/// Writes the log and answers questions about it.
#[derive(Debug)]
pub struct SqliteLog {
    connection: Connection,
}

impl SqliteLog {
    /// Opens the database, made and brought to this version as needed. Error: it is read only, of something else, of a
    /// newer version, damaged, or its file system cannot do what WAL needs.
    pub fn open(path: &Path, durability: Durability) -> Result<Self, StoreError> {
        make_private(path).map_err(|source| StoreError::Directory { path: path.to_owned(), source })?;
        let open = || {
            let mut log = Self { connection: connect(path, durability)? };
            log.recover(path)?;
            Ok(log)
        };
        open().map_err(|fault| StoreError::database(path, fault))
    }

    /// How far the redo log stands in the tables.
    pub(crate) fn absorbed(&self) -> Result<Place, StoreFault> {
        absorbed(&self.connection).map_err(fault)
    }

    /// Puts commits of the redo log into the tables, all or nothing, durable when it returns. Those before the place that
    /// was reached last are passed over.
    pub(crate) fn absorb(&mut self, frames: &[Frame<'_>], behind: Place) -> Result<(), StoreFault> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
        let last: i64 = transaction
            .prepare_cached(LAST_SEQUENCE)
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .map_err(fault)?;
        let mut next = u64::try_from(last).unwrap_or_default().saturating_add(1);
        for frame in frames {
            if frame.head.first != next {
                return Err(fault_of_kind(StoreFaultKind::Corrupt));
            }
            let first = i64::try_from(frame.head.first).map_err(|_| fault_of_kind(StoreFaultKind::Corrupt))?;
            write(&transaction, first, frame.rows.iter().copied(), frame.state.iter().copied()).map_err(fault)?;
            next = frame.head.next();
        }
        put_place(&transaction, behind).map_err(fault)?;
        transaction.commit().map_err(fault)
    }

    /// Puts what a gateway that was killed had confirmed into the tables.
    fn recover(&mut self, path: &Path) -> Result<(), StoreFault> {
        let place = self.absorbed()?;
        let mut left = Frames::from(path, place).map_err(fault_of_io)?;
        loop {
            let (frames, behind) = left.next().map_err(fault_of_io)?;
            if frames.is_empty() {
                return Ok(());
            }
            self.absorb(&frames, behind)?;
        }
    }

    fn questions(&self) -> Questions<'_> {
        Questions { tables: &self.connection, tail: None }
    }
}

impl LogStore for SqliteLog {
    fn append(&mut self, rows: &[Row], state: &[StateWrite]) -> Result<u64, StoreFault> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
        let last: i64 = transaction
            .prepare_cached(LAST_SEQUENCE)
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .map_err(fault)?;
        let first = last.saturating_add(1);
        write(&transaction, first, rows.iter().map(Columns::from), state.iter().map(StateColumns::from))
            .map_err(fault)?;
        transaction.commit().map_err(fault)?;
        u64::try_from(first).map_err(|error| fault_of_kind(StoreFaultKind::Corrupt).because(error))
    }
}

impl LogReader for SqliteLog {
    fn find(&self, query: &Query) -> Result<Vec<Entry>, StoreFault> {
        self.questions().find(query)
    }

    fn by_id(&self, id: &str) -> Result<Vec<Entry>, StoreFault> {
        self.questions().by_id(id)
    }

    fn unfinished(&self) -> Result<Vec<CallId>, StoreFault> {
        self.questions().unfinished()
    }

    fn last_sequence(&self) -> Result<u64, StoreFault> {
        self.questions().last_sequence()
    }

    fn state(&self, kind: &str) -> Result<Vec<(String, String)>, StoreFault> {
        self.questions().state(kind)
    }
}

/// SQLite gives `-wal` and `-shm` the mode of the database.
fn make_private(path: &Path) -> std::io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map(drop)
}

fn connect(path: &Path, durability: Durability) -> Result<Connection, StoreFault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(fault)?;
    connection.busy_timeout(BUSY_TIME_MAX).map_err(fault)?;
    // SQLite opens a file it may not write to for reading, without a word.
    if connection.is_readonly("main").map_err(fault)? {
        return Err(fault_of_kind(StoreFaultKind::ReadOnly));
    }
    schema::version(&connection)?;
    connection.execute_batch(PAGES).map_err(fault)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(fault)?;
    if mode != "wal" {
        return Err(StoreFault::new(StoreFaultKind::Broken, "the file system cannot share memory between processes")
            .with_hint("put the data directory on a local disk"));
    }
    connection.execute_batch(SETTINGS).map_err(fault)?;
    connection
        .execute_batch(match durability {
            Durability::Full => "PRAGMA synchronous = FULL",
            Durability::DangerOff => "PRAGMA synchronous = OFF",
        })
        .map_err(fault)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT_MAX);
    schema::migrate(&mut connection)?;
    Ok(connection)
}

/// Inserts rows from this sequence number on, and applies the state.
pub(crate) fn write<'a>(
    connection: &Connection,
    first: i64,
    rows: impl Iterator<Item = Columns<'a>>,
    state: impl Iterator<Item = StateColumns<'a>>,
) -> rusqlite::Result<()> {
    let mut record = connection.prepare_cached(INSERT_RECORD)?;
    let mut body = connection.prepare_cached(INSERT_BODY)?;
    for (sequence, row) in (first..).zip(rows) {
        record.execute(params![
            sequence,
            row.kind,
            row.call,
            row.at,
            row.agent,
            row.human,
            row.app,
            row.tool,
            row.class,
            row.verdict,
            row.leaf,
            row.leaf_hash,
        ])?;
        body.execute(params![sequence, row.body])?;
    }
    for write in state {
        match write.value {
            Some(value) => connection.prepare_cached(PUT_STATE)?.execute([write.kind, write.key, value])?,
            None => connection.prepare_cached(DELETE_STATE)?.execute([write.kind, write.key])?,
        };
    }
    Ok(())
}

fn put_place(transaction: &Transaction<'_>, place: Place) -> rusqlite::Result<()> {
    transaction.prepare_cached(PUT_PLACE)?.execute([place.to_string()]).map(drop)
}

/// Records are about 3 KB each, and each step of the tables touches the last page of every index. For new files only.
const PAGES: &str = "PRAGMA page_size = 16384";

/// A deleted or replaced value is overwritten. The cache is counted in KiB, the WAL in pages.
const SETTINGS: &str = "PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 67108864; \
     PRAGMA cache_size = -2000; PRAGMA temp_store = MEMORY; PRAGMA secure_delete = ON; PRAGMA cell_size_check = ON; \
     PRAGMA trusted_schema = OFF;";

const INSERT_RECORD: &str = "INSERT INTO record(sequence, kind, call, at, agent, human, app, tool, class, verdict, \
     leaf, leaf_hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
const INSERT_BODY: &str = "INSERT INTO body(sequence, json) VALUES (?1, ?2)";
const PUT_STATE: &str = "INSERT INTO state(kind, key, value) VALUES (?1, ?2, ?3) \
     ON CONFLICT(kind, key) DO UPDATE SET value = excluded.value";
const PUT_PLACE: &str = "INSERT OR REPLACE INTO meta(key, value) VALUES ('redo', ?1)";
const DELETE_STATE: &str = "DELETE FROM state WHERE kind = ?1 AND key = ?2";

const BUSY_TIME_MAX: Duration = Duration::from_secs(5);
const STATEMENTS_KEPT_MAX: usize = 32;

#[cfg(test)]
mod tests;
