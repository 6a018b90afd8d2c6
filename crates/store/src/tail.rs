//! What is confirmed and not in the tables yet: small tables of its own, in memory, made for one question.

use std::path::Path;

use rusqlite::Connection;
use trace::{StateWrite, StoreFault, StoreFaultKind};

use crate::error::{fault, fault_of_io, fault_of_kind};
use crate::keys;
use crate::known::Known;
use crate::questions::{LAST_SEQUENCE, absorbed};
use crate::records::write;
use crate::redo::{Frames, Place};
use crate::schema;

/// The end of the log.
#[derive(Debug)]
pub(crate) struct Tail {
    /// Its records, in tables like those on disk.
    pub(crate) records: Connection,
    /// Its changes of the state, in order.
    pub(crate) state: Vec<StateWrite>,
    behind: Place,
}

impl Tail {
    /// Everything that stands in the redo log and not in these tables; none where nothing does.
    pub(crate) fn read(tables: &Connection, database: &Path) -> Result<Option<Self>, StoreFault> {
        let place = absorbed(tables).map_err(fault)?;
        let mut left = Frames::from(database, place).map_err(fault_of_io)?;
        let mut tail: Option<Self> = None;
        let mut known = Known::default();
        loop {
            let (frames, behind) = left.next().map_err(fault_of_io)?;
            if frames.is_empty() {
                return Ok(tail);
            }
            let filling = match &mut tail {
                Some(tail) => tail,
                None => tail.insert(Self::empty()?),
            };
            for frame in frames {
                let first = i64::try_from(frame.head.first).map_err(|_| fault_of_kind(StoreFaultKind::Corrupt))?;
                keys::put(&filling.records, frame.keys.iter().copied()).map_err(fault)?;
                write(&filling.records, &mut known, first, frame.rows.iter()).map_err(fault)?;
                filling.state.extend(frame.state.iter().map(|write| StateWrite {
                    kind: write.kind.to_owned(),
                    key: write.key.to_owned(),
                    value: write.value.map(str::to_owned),
                }));
            }
            filling.behind = behind;
        }
    }

    /// Without what has come into the tables since; none where all of it has. The tables stand still meanwhile.
    pub(crate) fn beyond(self, tables: &Connection) -> Result<Option<Self>, StoreFault> {
        if absorbed(tables).map_err(fault)?.number >= self.behind.number {
            return Ok(None);
        }
        let last: i64 = tables.query_row(LAST_SEQUENCE, [], |row| row.get(0)).map_err(fault)?;
        // A frame comes into the tables whole: no outcome here names an intent that goes.
        self.records.execute("DELETE FROM record WHERE sequence <= ?1", [last]).map_err(fault)?;
        self.records.execute_batch(COUNT_AGAIN).map_err(fault)?;
        self.know_subjects(tables).map_err(fault)?;
        Ok(Some(self))
    }

    /// Copies the keys that its records are sealed under and that stood in the tables before.
    fn know_subjects(&self, tables: &Connection) -> rusqlite::Result<()> {
        let mut used = self.records.prepare(SUBJECTS_UNKNOWN)?;
        let used: Vec<u32> = used.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for number in used {
            keys::copy(tables, &self.records, number)?;
        }
        Ok(())
    }

    fn empty() -> Result<Self, StoreFault> {
        let mut records = Connection::open_in_memory().map_err(fault)?;
        schema::migrate(&mut records, |_| Ok(()))?;
        records.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF;").map_err(fault)?;
        Ok(Self { records, state: Vec::new(), behind: Place::default() })
    }
}

/// Keys of records whose row is not here.
const SUBJECTS_UNKNOWN: &str = "SELECT DISTINCT key FROM sealed WHERE key NOT IN (SELECT number FROM subject_key)";

/// What was counted of records that are gone.
const COUNT_AGAIN: &str = "DELETE FROM used; INSERT INTO used SELECT agent, human, app, \
     iif(instr((SELECT text FROM name WHERE id = tool), '://'), 0, tool) AS used_tool, verdict, \
     count(*), min(at), max(at) FROM record WHERE kind = 1 GROUP BY agent, human, app, used_tool, verdict";
