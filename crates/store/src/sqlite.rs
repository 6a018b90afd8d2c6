//! The log in SQLite: one writer, WAL, one transaction and one flush a commit.

use std::fs::OpenOptions;
use std::ops::RangeInclusive;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model::{CallId, Secret};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use tlog::{Frontier, Hash, Tile};
use trace::{Entry, Kept, LogReader, LogStore, Query, Row, StateWrite, StoreFault, StoreFaultKind, Use, UseOf};

use crate::erase::{self, Left};
use crate::error::{StoreError, fault, fault_of_io, fault_of_kind};
use crate::forward;
use crate::frame::{Columns, Frame, KeyColumns, StateColumns};
use crate::keys;
use crate::known::Known;
use crate::questions::{LAST_SEQUENCE, Questions, absorbed};
use crate::records::{apply, write};
use crate::redo::{self, Frames, Place};
use crate::retain::LettingGo;
use crate::schema;
use crate::seal::{KEY_BYTES, Opener, SealedBody, Sealer, Wrapping};
use crate::tree;

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
    known: Known,
    /// Over all leaves in the tables.
    tree: Frontier,
    wrapping: Arc<Wrapping>,
    opener: Opener,
    /// Made when a record is appended here.
    sealer: Option<Sealer>,
    letting_go: LettingGo,
}

/// How far the tables have come.
pub(crate) struct Absorbed {
    /// Where the next frame stands.
    pub(crate) behind: Place,
    /// How much of the redo log came into the tables.
    pub(crate) bytes: u64,
}

impl SqliteLog {
    /// Opens the database, made and brought to this version as needed. Error: it is read only, of something else, of a
    /// newer version, damaged, or its file system cannot do what WAL needs.
    pub fn open(path: &Path, durability: Durability) -> Result<Self, StoreError> {
        make_private(path).map_err(|source| StoreError::Directory { path: path.to_owned(), source })?;
        let open = || {
            let mut connection = connect(path, durability)?;
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
            let tree = tree::open(&transaction)?;
            transaction.commit().map_err(fault)?;
            let wrapping = keys::wrapping_or_new(path, &connection)?;
            let opener = Opener::new(Arc::clone(&wrapping));
            let mut log = Self {
                connection,
                known: Known::default(),
                tree,
                wrapping,
                opener,
                sealer: None,
                letting_go: LettingGo::default(),
            };
            log.recover(path)?;
            Ok(log)
        };
        open().map_err(|fault| StoreError::database(path, fault))
    }

    /// Puts what stands in the redo log beside a database into its tables, which takes no key. Nobody writes there meanwhile.
    pub(crate) fn settle(path: &Path) -> Result<(), StoreFault> {
        let connection = connect(path, Durability::Full)?;
        let tree = tree::open(&connection)?;
        let wrapping = Arc::new(Wrapping::new(&Secret::new([0; KEY_BYTES]))?);
        let opener = Opener::new(Arc::clone(&wrapping));
        let mut log = Self {
            connection,
            known: Known::default(),
            tree,
            wrapping,
            opener,
            sealer: None,
            letting_go: LettingGo::default(),
        };
        log.recover(path)
    }

    /// A sealer that knows the keys in the tables.
    pub(crate) fn sealer(&self) -> Result<Sealer, StoreFault> {
        keys::sealer(&self.connection, Arc::clone(&self.wrapping))
    }

    /// A second pair of hands for tables that somebody else writes and does not write now.
    pub(crate) fn beside(path: &Path, durability: Durability) -> Result<Connection, StoreFault> {
        connect(path, durability)
    }

    /// Finishes an erasure that was broken off, as far as that goes now.
    pub(crate) fn finish_erasing(&mut self) -> Result<Left, StoreFault> {
        erase::finish(&mut self.connection)
    }

    /// Clears away what an erasure with this mark left, if that goes at once: whoever waits for these tables waits for records.
    /// Error: somebody reads what was there before.
    pub(crate) fn clear_copies(&self, mark: &str) -> Result<(), StoreFault> {
        self.connection.busy_timeout(Duration::ZERO).map_err(fault)?;
        let cleared = erase::clear_copies(&self.connection, mark);
        self.connection.busy_timeout(BUSY_TIME_MAX).map_err(fault)?;
        cleared
    }

    /// Says that nothing is left to finish.
    pub(crate) fn erased(&self) -> Result<(), StoreFault> {
        erase::done(&self.connection)
    }

    /// How far the redo log stands in the tables.
    pub(crate) fn absorbed(&self) -> Result<Place, StoreFault> {
        absorbed(&self.connection).map_err(fault)
    }

    /// Puts commits of the redo log into the tables, all or nothing, durable when it returns: those that stand before this place,
    /// or all that stand there, but not many at a time. None: there are none.
    pub(crate) fn absorb(&mut self, left: &mut Frames, end: Option<Place>) -> Result<Option<Absorbed>, StoreFault> {
        self.commit(|transaction, known, tree| {
            let mut absorbed: Option<Absorbed> = None;
            while absorbed.as_ref().is_none_or(|absorbed| absorbed.goes_on(end)) {
                let good = end.map_or(u64::MAX, |end| end.number.saturating_sub(left.place().number));
                let (mut frames, mut behind) = left.next().map_err(fault_of_io)?;
                if let Some(end) = end.filter(|_| frames.len() as u64 > good) {
                    frames.truncate(usize::try_from(good).unwrap_or_default());
                    behind = end;
                }
                if frames.is_empty() {
                    break;
                }
                *tree = put(transaction, known, tree, &frames)?;
                let bytes = absorbed.map_or(0, |absorbed| absorbed.bytes);
                let more: u64 = frames.iter().map(|frame| frame.room as u64).sum();
                absorbed = Some(Absorbed { behind, bytes: bytes + more });
            }
            if let Some(absorbed) = &absorbed {
                put_place(transaction, absorbed.behind).map_err(fault)?;
            }
            Ok(absorbed)
        })
    }

    /// The redo log goes on at this place.
    pub(crate) fn go_on_at(&mut self, place: Place) -> Result<(), StoreFault> {
        self.commit(|transaction, _, _| put_place(transaction, place).map_err(fault))
    }

    fn commit<T>(
        &mut self,
        change: impl FnOnce(&Transaction<'_>, &mut Known, &mut Frontier) -> Result<T, StoreFault>,
    ) -> Result<T, StoreFault> {
        let Self { connection, known, tree, .. } = self;
        let mut grown = tree.clone();
        let commit = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
            let done = change(&transaction, known, &mut grown)?;
            transaction.commit().map_err(fault)?;
            Ok(done)
        };
        let done = commit();
        match done {
            Ok(_) => self.tree = grown,
            // What was rolled back took the numbers with it that it had given out.
            Err(_) => self.known.forget(),
        }
        done
    }

    /// Puts what a gateway that was killed had confirmed into the tables.
    fn recover(&mut self, path: &Path) -> Result<(), StoreFault> {
        let place = self.absorbed()?;
        let mut left = Frames::from(path, place).map_err(fault_of_io)?;
        while self.absorb(&mut left, None)?.is_some() {}
        Ok(())
    }

    fn questions(&self) -> Questions<'_> {
        Questions { tables: &self.connection, tail: None, opener: Some(&self.opener) }
    }
}

impl LogStore for SqliteLog {
    fn append(&mut self, rows: &[Row], state: &[StateWrite]) -> Result<u64, StoreFault> {
        let mut sealer = match self.sealer.take() {
            Some(sealer) => sealer,
            None => self.sealer()?,
        };
        let bodies: Result<Vec<SealedBody>, StoreFault> = rows.iter().map(|row| sealer.seal(row)).collect();
        let bodies = bodies?;
        let rows: Vec<Columns<'_>> = rows.iter().zip(&bodies).map(|(row, body)| Columns::of(row, body)).collect();
        let first = self.commit(|transaction, known, tree| {
            keys::put(transaction, sealer.fresh().iter().map(KeyColumns::from)).map_err(fault)?;
            let first = next_sequence(transaction)?;
            write(transaction, known, first, rows.iter()).map_err(fault)?;
            if !rows.is_empty() {
                *tree = tree::grow(transaction, tree, &leaves(rows.iter())?)?;
            }
            apply(transaction, state.iter().map(StateColumns::from)).map_err(fault)?;
            Ok(first)
        });
        if first.is_ok() {
            sealer.confirmed();
        }
        self.sealer = Some(sealer);
        u64::try_from(first?).map_err(|error| fault_of_kind(StoreFaultKind::Corrupt).because(error))
    }

    fn erase(&mut self, subjects: &[u32]) -> Result<(), StoreFault> {
        self.sealer = None;
        erase::destroy(&mut self.connection, subjects, None)?;
        erase::clear_wal(&self.connection)?;
        erase::done(&self.connection)
    }

    fn let_go(&mut self) -> Result<bool, StoreFault> {
        self.letting_go.step(&mut self.connection, &mut self.known)
    }
}

impl LogReader for SqliteLog {
    fn find(&self, query: &Query) -> Result<Vec<Entry>, StoreFault> {
        self.questions().find(query)
    }

    fn by_id(&self, id: &str) -> Result<Vec<Entry>, StoreFault> {
        self.questions().by_id(id)
    }

    fn uses(&self, of: UseOf<'_>) -> Result<Vec<Use>, StoreFault> {
        self.questions().uses(of)
    }

    fn counted(&self, query: &Query) -> Result<Vec<Use>, StoreFault> {
        self.questions().counted(query)
    }

    fn kept_among(&self, human: &str, records: RangeInclusive<u64>) -> Result<Option<Kept>, StoreFault> {
        self.questions().kept_among(human, &records)
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

    fn tree(&self) -> Result<Frontier, StoreFault> {
        Ok(self.tree.clone())
    }

    fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreFault> {
        tree::tile(&self.connection, tile)
    }
}

impl Absorbed {
    fn goes_on(&self, end: Option<Place>) -> bool {
        self.bytes < ABSORBED_BYTES_MAX && end.is_none_or(|end| self.behind.number < end.number)
    }
}

/// Writes what stands in these frames. The tree with it.
fn put(
    transaction: &Transaction<'_>,
    known: &mut Known,
    tree: &Frontier,
    frames: &[Frame<'_>],
) -> Result<Frontier, StoreFault> {
    let first = next_sequence(transaction)?;
    let mut next = u64::try_from(first).unwrap_or_default();
    for frame in frames {
        if frame.head.first != next {
            return Err(fault_of_kind(StoreFaultKind::Corrupt));
        }
        next = frame.head.next();
    }
    let keys = frames.iter().flat_map(|frame| &frame.keys).copied();
    keys::put(transaction, keys).map_err(fault)?;
    let rows = frames.iter().flat_map(|frame| &frame.rows);
    write(transaction, known, first, rows.clone()).map_err(fault)?;
    let grown = tree::grow(transaction, tree, &leaves(rows)?)?;
    apply(transaction, frames.iter().flat_map(|frame| frame.state.iter().copied())).map_err(fault)?;
    Ok(grown)
}

fn leaves<'r, 'a: 'r>(rows: impl Iterator<Item = &'r Columns<'a>>) -> Result<Vec<Hash>, StoreFault> {
    let hash = |row: &Columns<'_>| {
        let bytes = row.leaf_hash.try_into().map_err(|error| fault_of_kind(StoreFaultKind::Corrupt).because(error))?;
        Ok(Hash::new(bytes))
    };
    rows.map(hash).collect()
}

/// SQLite gives `-wal` and `-shm` the mode of the database.
pub(crate) fn make_private(path: &Path) -> std::io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map(drop)
}

pub(crate) fn connect(path: &Path, durability: Durability) -> Result<Connection, StoreFault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(fault)?;
    connection.busy_timeout(BUSY_TIME_MAX).map_err(fault)?;
    // SQLite opens a file it may not write to for reading, without a word.
    if connection.is_readonly("main").map_err(fault)? {
        return Err(fault_of_kind(StoreFaultKind::ReadOnly));
    }
    let found = schema::version(&connection)?;
    if (1..schema::SEALED).contains(&found) && redo::left_by_older(path, absorbed(&connection).map_err(fault)?) {
        return Err(StoreFault::new(
            StoreFaultKind::Older,
            "an older version of countersign was stopped in the middle here",
        )
        .with_hint("start that version once and stop it in order, then this one"));
    }
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
    schema::migrate(&mut connection, |tables| forward::seal_bodies(tables, keys::wrapping_or_new(path, tables)?))?;
    if (1..schema::SEALED).contains(&found) {
        // What stood there in plain text is not to lie about.
        erase::clear_wal(&connection)?;
    }
    Ok(connection)
}

fn next_sequence(connection: &Connection) -> Result<i64, StoreFault> {
    let mut last = connection.prepare_cached(LAST_SEQUENCE).map_err(fault)?;
    last.query_row([], |row| row.get::<_, i64>(0)).map(|last| last.saturating_add(1)).map_err(fault)
}

pub(crate) fn put_place(transaction: &Transaction<'_>, place: Place) -> rusqlite::Result<()> {
    transaction.prepare_cached(PUT_PLACE)?.execute([place.to_string()]).map(drop)
}

/// Records are about half a KB each, and each step of the tables touches the last page of every index. Pages that become free can
/// be given back. For new files only.
pub(crate) const PAGES: &str = "PRAGMA page_size = 16384; PRAGMA auto_vacuum = INCREMENTAL";

/// A deleted or replaced value is overwritten. The cache is counted in KiB, the WAL in pages.
const SETTINGS: &str = "PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 67108864; \
     PRAGMA cache_size = -1000; PRAGMA temp_store = MEMORY; PRAGMA secure_delete = ON; PRAGMA cell_size_check = ON; \
     PRAGMA trusted_schema = OFF;";

const PUT_PLACE: &str = "INSERT OR REPLACE INTO meta(key, value) VALUES ('redo', ?1)";

/// One transaction takes so much: the fewer there are, the fewer pages are written twice.
const ABSORBED_BYTES_MAX: u64 = 8 << 20;
const BUSY_TIME_MAX: Duration = Duration::from_secs(5);
const STATEMENTS_KEPT_MAX: usize = 32;

#[cfg(test)]
mod tests;
