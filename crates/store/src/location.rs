//! Where a trace is kept, whichever engine keeps it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use model::CallId;
use tlog::{Frontier, Tile};
use trace::{Entry, LogReader, LogStore, Query, StoreFault, Use, UseOf};

use crate::ahead::AheadLog;
use crate::error::StoreError;
use crate::postgres::{Address, PostgresLog, PostgresReader};
use crate::reader::SqliteReader;
use crate::sqlite::Durability;

/// Where a trace is kept.
#[derive(Debug, Clone)]
pub enum Location {
    /// In this file and what stands beside it.
    File(PathBuf),
    /// In a database of a server.
    Database(Address),
}

/// Answers questions about a trace, wherever it is kept.
#[derive(Debug)]
pub struct Reader(Engine);

#[derive(Debug)]
enum Engine {
    Sqlite(SqliteReader),
    Postgres(PostgresReader),
}

impl Location {
    /// Opens the trace for writing, made and brought to this version as needed. `durability` is for files: a server that
    /// loses what it confirms is not written to.
    pub fn writer(&self, durability: Durability) -> Result<Box<dyn LogStore>, StoreError> {
        Ok(match self {
            Self::File(path) => Box::new(AheadLog::open(path, durability)?),
            Self::Database(address) => Box::new(PostgresLog::open(address)?),
        })
    }

    /// Opens the trace for reading.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Ok(Reader(match self {
            Self::File(path) => Engine::Sqlite(SqliteReader::open(path)?),
            Self::Database(address) => Engine::Postgres(PostgresReader::open(address)?),
        }))
    }

    /// As [`Location::reader`]; a question is given up that takes more than so many steps of SQLite, or so long in a database
    /// that others work with, too.
    pub fn bounded_reader(&self, steps_max: u64, time_max: Duration) -> Result<Reader, StoreError> {
        Ok(Reader(match self {
            Self::File(path) => Engine::Sqlite(SqliteReader::open(path)?.bounded(steps_max)?),
            Self::Database(address) => Engine::Postgres(PostgresReader::bounded(address, time_max)?),
        }))
    }

    /// Whether a trace may be there: of a server it takes asking.
    pub fn may_exist(&self) -> bool {
        match self {
            Self::File(path) => path.exists(),
            Self::Database(_) => true,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Database(address) => write!(f, "log {} in {address}", address.log()),
        }
    }
}

impl Reader {
    fn inner(&self) -> &dyn LogReader {
        match &self.0 {
            Engine::Sqlite(reader) => reader,
            Engine::Postgres(reader) => reader,
        }
    }
}

impl LogReader for Reader {
    fn find(&self, query: &Query) -> Result<Vec<Entry>, StoreFault> {
        self.inner().find(query)
    }

    fn by_id(&self, id: &str) -> Result<Vec<Entry>, StoreFault> {
        self.inner().by_id(id)
    }

    fn uses(&self, of: UseOf<'_>) -> Result<Vec<Use>, StoreFault> {
        self.inner().uses(of)
    }

    fn unfinished(&self) -> Result<Vec<CallId>, StoreFault> {
        self.inner().unfinished()
    }

    fn last_sequence(&self) -> Result<u64, StoreFault> {
        self.inner().last_sequence()
    }

    fn state(&self, kind: &str) -> Result<Vec<(String, String)>, StoreFault> {
        self.inner().state(kind)
    }

    fn tree(&self) -> Result<Frontier, StoreFault> {
        self.inner().tree()
    }

    fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreFault> {
        self.inner().tile(tile)
    }
}
