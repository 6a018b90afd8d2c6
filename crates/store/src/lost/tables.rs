//! What SQLite's tables say. Those of the tail are made for each question from the redo log, and not looked at.

use std::collections::HashMap;

use model::UnixMicros;
use rusqlite::{Connection, OptionalExtension, Row};
use trace::{Entry, RecordKind, StoreFault};

use super::{Bits, Indexed, Indices, Times, between};
use crate::error::fault;
use crate::find::concerned;
use crate::known::FACETS_OF;
use crate::questions::{LAST_SEQUENCE, Questions, call_at, prepare, text_at};
use crate::records::{INTENT_OF, TASKS_OF, tasks_in};

impl Indices for Questions<'_> {
    type Error = StoreFault;

    fn records(&self, from: i64, before: i64) -> Result<Vec<Indexed>, StoreFault> {
        all(self.tables, RECORDS, [from, before], |row| {
            Ok(Indexed {
                sequence: row.get(0)?,
                kind: row.get(1)?,
                call: (row.get(2)?, row.get(3)?),
                at: row.get(4)?,
                agent: row.get(5)?,
                human: row.get(6)?,
                app: row.get(7)?,
                tool: row.get(8)?,
                class: row.get(9)?,
                verdict: row.get(10)?,
                task: row.get(11)?,
                leaf: row.get(12)?,
                intent: row.get(13)?,
                outcome: row.get(14)?,
                body: row.get(15)?,
            })
        })
    }

    fn last(&self) -> Result<i64, StoreFault> {
        prepare(self.tables, LAST_SEQUENCE)?.query_row([], |row| row.get(0)).map_err(fault)
    }

    fn met(&self, span: i64, names: &[i64]) -> Result<Bits, StoreFault> {
        let mut bits = Bits::default();
        let mut met = prepare(self.tables, "SELECT blocks FROM met WHERE name = ?1 AND span = ?2")?;
        for name in names {
            let blocks: Option<u32> = met.query_row([*name, span], |row| row.get(0)).optional().map_err(fault)?;
            bits.extend(blocks.map(|blocks| (*name, blocks)));
        }
        Ok(bits)
    }

    fn tasks(&self, span: i64, _tasks: &[i64]) -> Result<Bits, StoreFault> {
        let mut tasks = prepare(self.tables, TASKS_OF)?;
        let stored: Option<Vec<u8>> = tasks.query_row([span], |row| row.get(0)).optional().map_err(fault)?;
        Ok(tasks_in(&stored.unwrap_or_default()).map(|(task, blocks)| (i64::from(task), blocks)).collect())
    }

    fn times(&self, span: i64) -> Result<Option<(i64, i64)>, StoreFault> {
        let mut times = prepare(self.tables, "SELECT first_at, last_at FROM span WHERE block = ?1")?;
        times.query_row([span], |row| Ok((row.get(0)?, row.get(1)?))).optional().map_err(fault)
    }

    fn name(&self, number: i64) -> Result<Option<String>, StoreFault> {
        let sql = "SELECT n.text FROM name n WHERE n.id = ?1 AND (SELECT id FROM name WHERE text = n.text) = ?1";
        prepare(self.tables, sql)?.query_row([number], |row| row.get(0)).optional().map_err(fault)
    }

    fn facets(&self, template: i64) -> Result<Vec<(i64, String)>, StoreFault> {
        all(self.tables, FACETS_OF, [template], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    fn leaf(&self, sequence: i64) -> Result<Option<String>, StoreFault> {
        let text = |row: &Row<'_>| text_at(row, 0, &call_at(row, 2)?, UnixMicros(row.get(4)?));
        prepare(self.tables, LEAF)?.query_row([sequence], text).optional().map_err(fault)
    }

    fn intent_of(&self, (high, low): (i64, i64)) -> Result<Option<i64>, StoreFault> {
        prepare(self.tables, INTENT_OF)?.query_row([high, low], |row| row.get(0)).optional().map_err(fault)
    }

    fn changes(&self, from: i64, before: i64) -> Result<Vec<(i64, Vec<i64>)>, StoreFault> {
        let mut changes = Vec::new();
        for entry in self.find(&between(from, before).of_kind(RecordKind::Change))? {
            let Some(subject) = entry.change().and_then(|change| change.subject) else { continue };
            let names = concerned(self.tables, &[subject]).map_err(fault)?;
            changes.push((entry.sequence.cast_signed(), names));
        }
        Ok(changes)
    }

    fn uses(&self) -> Result<Vec<([i64; 5], Times)>, StoreFault> {
        all(self.tables, USES, [], |row| {
            let who = [row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?];
            Ok((who, (row.get(5)?, row.get(6)?, row.get(7)?)))
        })
    }
}

impl Questions<'_> {
    /// The first of these entries whose task stands there otherwise than in its text.
    pub(crate) fn misfiled(&self, entries: &[Entry]) -> Result<Option<u64>, StoreFault> {
        let place = |entry: Option<&Entry>| entry.map_or(0, |entry| entry.sequence.cast_signed());
        let between = [place(entries.first()), place(entries.last())];
        let mut stored = HashMap::new();
        for part in self.parts() {
            let tasks: Vec<(i64, Option<i64>)> = all(part, TASKS, between, |row| Ok((row.get(0)?, row.get(1)?)))?;
            stored.extend(tasks);
        }
        Ok(super::misfiled(entries, &stored))
    }
}

fn all<T, P: rusqlite::Params>(
    tables: &Connection,
    sql: &str,
    values: P,
    each: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreFault> {
    prepare(tables, sql)?.query_map(values, each).and_then(Iterator::collect).map_err(fault)
}

const RECORDS: &str = "SELECT sequence, kind, call_high, call_low, at, agent, human, app, tool, class, verdict, task, leaf, \
     intent, outcome, body IS NOT NULL FROM record WHERE sequence >= ?1 AND sequence < ?2 ORDER BY sequence";
const TASKS: &str = "SELECT sequence, task FROM record WHERE sequence BETWEEN ?1 AND ?2";
const LEAF: &str = "SELECT t.text, r.leaf_values, r.call_high, r.call_low, r.at FROM record r \
     JOIN template t ON t.id = r.leaf WHERE r.sequence = ?1";
const USES: &str = "SELECT agent, human, app, tool, verdict, calls, first_at, last_at FROM used";
