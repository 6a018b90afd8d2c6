//! A copy of a log that stands by itself: one file of SQLite, whichever engine keeps the log, made beside the gateway that
//! writes it; and the way back into an engine.
//!
//! Rows of a server have the same columns but for how they name their log, so a copy made of one engine is a log of the
//! other. It holds what was confirmed before it was begun, and nothing that was erased before.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use trace::{StateWrite, StoreFault, StoreFaultKind};

use crate::error::{StoreError, fault, fault_of_io, fault_of_kind};
use crate::location::Location;
use crate::reader;
use crate::redo;
use crate::schema;
use crate::sqlite::{self, SqliteLog};

/// How far a copy has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Bytes of a file, or records.
    pub done: u64,
    /// About how many there are in all.
    pub all: u64,
    /// What is counted.
    pub of: Unit,
}

/// What is counted of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Rows of tables.
    Rows,
}

impl Location {
    /// Copies the log as it is now into a new file, beside a gateway that writes it. Error: there is none, it cannot be read,
    /// or the file cannot be written.
    pub fn copy_to(&self, to: &Path, progress: &mut dyn FnMut(Copied)) -> Result<(), StoreError> {
        sqlite::make_private(to).map_err(|source| StoreError::Directory { path: to.to_owned(), source })?;
        match self {
            Self::File(from) => of_file(from, to, progress).map_err(|fault| StoreError::database(from, fault))?,
            Self::Database(address) => crate::postgres::copy_to(address, to, progress)
                .map_err(|fault| StoreError::Server { address: address.to_string(), fault })?,
        }
        settle(to).map_err(|fault| StoreError::database(to, fault))
    }

    /// Puts a copy where nothing is yet. Error: there is a log already, or it cannot be written.
    pub fn fill_from(&self, copy: &Path, progress: &mut dyn FnMut(Copied)) -> Result<(), StoreError> {
        match self {
            Self::File(to) => into_file(copy, to).map_err(|source| StoreError::Directory { path: to.clone(), source }),
            Self::Database(address) => crate::postgres::fill_from(address, copy, progress)
                .map_err(|fault| StoreError::Server { address: address.to_string(), fault }),
        }
    }
}

/// Leaves a word in a copy that is not in its place yet: it stands in the state of the log once that is.
pub fn leave_in_copy(copy: &Path, word: &StateWrite) -> Result<(), StoreError> {
    let value = word.value.as_deref().unwrap_or_default();
    let leave = || Connection::open(copy)?.execute(LEAVE, [word.kind.as_str(), word.key.as_str(), value]);
    leave().map(drop).map_err(|error| StoreError::database(copy, fault(error)))
}

/// What the tables do not hold yet is copied before they are, so that it is in both rather than in neither.
fn of_file(from: &Path, to: &Path, progress: &mut dyn FnMut(Copied)) -> Result<(), StoreFault> {
    redo::copy(from, to).map_err(fault_of_io)?;
    let tables = reader::connect(from)?;
    let all: i64 = tables.query_row(BYTES, [], |row| row.get(0)).map_err(fault)?;
    let all = u64::try_from(all).unwrap_or_default();
    let into = to.to_owned();
    std::thread::scope(|scope| {
        let copying = scope.spawn(move || vacuum_into(&tables, &into));
        while !copying.is_finished() {
            let done = std::fs::metadata(to).map_or(0, |about| about.len());
            progress(Copied { done: done.min(all), all, of: Unit::Bytes });
            std::thread::sleep(LOOK_EVERY);
        }
        copying.join().unwrap_or_else(|_| Err(fault_of_kind(StoreFaultKind::Broken)))
    })
}

/// Written anew, so that no page comes along that held what was erased.
fn vacuum_into(tables: &Connection, to: &Path) -> Result<(), StoreFault> {
    tables.execute_batch("PRAGMA query_only = OFF").map_err(fault)?;
    let to = to.to_str().ok_or_else(|| fault_of_kind(StoreFaultKind::Broken))?;
    tables.execute("VACUUM INTO ?1", [to]).map(drop).map_err(fault)
}

/// Brings what was copied of the redo log into the tables, and leaves one file that anybody may read.
fn settle(copy: &Path) -> Result<(), StoreFault> {
    SqliteLog::settle(copy)?;
    redo::remove(copy).map_err(fault_of_io)?;
    let tables = Connection::open(copy).map_err(fault)?;
    tables.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get::<_, String>(0)).map_err(fault)?;
    drop(tables);
    std::fs::File::open(copy).and_then(|file| file.sync_all()).map_err(fault_of_io)
}

fn into_file(copy: &Path, to: &Path) -> std::io::Result<()> {
    if to.exists() {
        return Err(std::io::ErrorKind::AlreadyExists.into());
    }
    sqlite::make_private(to)?;
    let (mut from, mut into) = (std::fs::File::open(copy)?, std::fs::OpenOptions::new().write(true).open(to)?);
    std::io::copy(&mut from, &mut into)?;
    into.sync_all()
}

/// A new file with the tables of this version and nothing in them.
pub(crate) fn empty_tables(path: &Path) -> Result<Connection, StoreFault> {
    let mut tables = Connection::open(path).map_err(fault)?;
    tables.execute_batch(sqlite::PAGES).map_err(fault)?;
    // There is nothing yet that a key would have to be made for.
    schema::migrate(&mut tables, |_| Ok(()))?;
    Ok(tables)
}

/// The tables of a copy.
pub(crate) fn tables_of(copy: &Path) -> Result<Connection, StoreFault> {
    reader::connect(&PathBuf::from(copy))
}

const BYTES: &str = "SELECT (page_count - freelist_count) * page_size \
     FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
const LOOK_EVERY: Duration = Duration::from_millis(50);
const LEAVE: &str = "INSERT INTO state(kind, key, value) VALUES (?1, ?2, ?3) \
     ON CONFLICT(kind, key) DO UPDATE SET value = excluded.value";

#[cfg(test)]
mod tests;
