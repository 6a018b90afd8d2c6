//! Where a trace is kept, whichever engine keeps it.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use model::CallId;
use tlog::{Frontier, Tile};
use trace::{Entry, Finding, Kept, LogReader, LogStore, Query, StoreFault, Use, UseOf};

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
pub struct Reader(Box<dyn LogReader>);

impl Location {
    /// Opens the trace for writing, made and brought to this version as needed. `durability` is for files: a server that
    /// loses what it confirms is not written to.
    pub fn writer(&self, durability: Durability) -> Result<Box<dyn LogStore>, StoreError> {
        Ok(match self {
            Self::File(path) => Box::new(AheadLog::open(path, durability)?),
            Self::Database(address) => Box::new(PostgresLog::open(address)?),
        })
    }

    /// Who writes to it now; none: nobody. Of a file this is said by its data directory, not here. Error: the server cannot be
    /// reached, or asked, or takes no writes.
    pub fn in_use_by(&self) -> Result<Option<String>, StoreError> {
        match self {
            Self::File(_) => Ok(None),
            Self::Database(address) => PostgresLog::writer_of(address),
        }
    }

    /// Whether records could be written there, as far as one sees without writing: of a file nothing is seen. Error: the server
    /// cannot be reached, does not keep what it confirms, or takes no writes.
    pub fn is_fit(&self) -> Result<(), StoreError> {
        match self {
            Self::File(_) => Ok(()),
            Self::Database(address) => PostgresLog::is_fit(address),
        }
    }

    /// Opens the trace for reading.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Ok(Reader(match self {
            Self::File(path) => Box::new(SqliteReader::open(path)?),
            Self::Database(address) => Box::new(PostgresReader::open(address)?),
        }))
    }

    /// As [`Location::reader`]; a question is given up that takes more than so many steps of SQLite, or so long in a database
    /// that others work with, too.
    pub fn bounded_reader(&self, steps_max: u64, time_max: Duration) -> Result<Reader, StoreError> {
        Ok(Reader(match self {
            Self::File(path) => Box::new(SqliteReader::open(path)?.bounded(steps_max)?),
            Self::Database(address) => Box::new(PostgresReader::bounded(address, time_max)?),
        }))
    }

    /// Opens the trace for reading. None: nobody has written one here yet.
    pub fn reader_if_there(&self) -> Result<Option<Reader>, StoreError> {
        match self {
            Self::File(path) if !path.exists() => Ok(None),
            Self::File(_) => self.reader().map(Some),
            Self::Database(_) => match self.reader() {
                Err(error) if error.is_empty_server() => Ok(None),
                other => other.map(Some),
            },
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

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl LogReader for Reader {
    fn find(&self, query: &Query) -> Result<Vec<Entry>, StoreFault> {
        self.0.find(query)
    }

    fn by_id(&self, id: &str) -> Result<Vec<Entry>, StoreFault> {
        self.0.by_id(id)
    }

    fn uses(&self, of: UseOf<'_>) -> Result<Vec<Use>, StoreFault> {
        self.0.uses(of)
    }

    fn counted(&self, query: &Query) -> Result<Vec<Use>, StoreFault> {
        self.0.counted(query)
    }

    fn kept_among(&self, human: &str, records: RangeInclusive<u64>) -> Result<Option<Kept>, StoreFault> {
        self.0.kept_among(human, records)
    }

    fn lost(&self, progress: &mut dyn FnMut(u64)) -> Result<Option<Finding>, StoreFault> {
        self.0.lost(progress)
    }

    fn misfiled(&self, entries: &[Entry]) -> Result<Option<u64>, StoreFault> {
        self.0.misfiled(entries)
    }

    fn unfinished(&self) -> Result<Vec<CallId>, StoreFault> {
        self.0.unfinished()
    }

    fn last_sequence(&self) -> Result<u64, StoreFault> {
        self.0.last_sequence()
    }

    fn state(&self, kind: &str) -> Result<Vec<(String, String)>, StoreFault> {
        self.0.state(kind)
    }

    fn tree(&self) -> Result<Frontier, StoreFault> {
        self.0.tree()
    }

    fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreFault> {
        self.0.tile(tile)
    }
}
