//! Texts of calls that are kept no longer: they go a few partitions at a time, each step in one transaction with the word how far
//! it has come, so that whatever is broken off goes on from there.
//!
//! A row that only becomes shorter leaves its page as it is, so the rows of a step are taken out and put back: the pages become
//! fewer, and `PRAGMA incremental_vacuum` gives them back. Once all is done, sealed templates that no record uses any more go, too.

use std::collections::HashSet;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use trace::{PARTITION_RECORDS, RETAIN_TO_KEY, RETAINED_TO_KEY, SETTLED_KIND, SWEEP_KEY, StoreFault, StoreFaultKind};

use crate::error::{fault, fault_of_kind};
use crate::known::Known;
use crate::reader;
use crate::records::SPAN_BITS;

/// What goes on beside the steps.
#[derive(Debug, Default)]
pub(crate) struct LettingGo {
    /// Looks for sealed templates that no record uses.
    looking: Option<JoinHandle<Result<Unused, StoreFault>>>,
    /// Whether pages are left to give back.
    giving_back: bool,
}

/// Sealed templates that no record up to this one uses.
#[derive(Debug)]
pub(crate) struct Unused {
    pub(crate) templates: HashSet<i64>,
    pub(crate) up_to: i64,
}

impl LettingGo {
    /// Takes a step. False: nothing is left.
    pub(crate) fn step(&mut self, tables: &mut Connection, known: &mut Known) -> Result<bool, StoreFault> {
        // INVARIANT: nothing is let go behind the back of whoever looks for what nobody uses, for what it has seen was there before
        // (`what_is_let_go_while_somebody_looks_is_looked_through_too`).
        if self.looking.as_ref().is_some_and(|looking| !looking.is_finished()) {
            std::thread::sleep(LOOK_AGAIN_AFTER);
            return Ok(true);
        }
        if let Some(looking) = self.looking.take() {
            let unused = looking.join().unwrap_or_else(|_| Err(fault_of_kind(StoreFaultKind::Broken)))?;
            known.forget();
            remove(tables, unused).map_err(fault)?;
            self.giving_back = true;
            return Ok(true);
        }
        if let Some(to) = number(tables, RETAIN_TO_KEY).map_err(fault)? {
            let done = number(tables, RETAINED_TO_KEY).map_err(fault)?.unwrap_or(1);
            if done < to {
                let end = to.min((done / RECORDS + PARTITIONS_AT_ONCE) * RECORDS);
                return let_go(tables, done, end, end == to).map(|()| true).map_err(fault);
            }
        }
        if number(tables, SWEEP_KEY).map_err(fault)?.is_some() {
            let path = tables.path().map(Path::new).ok_or_else(|| fault_of_kind(StoreFaultKind::Broken))?.to_owned();
            let look = move || reader::connect(&path).and_then(|tables| unused(&tables).map_err(fault));
            let looking = std::thread::Builder::new().name("trace-sweep".to_owned()).spawn(look);
            self.looking = Some(looking.map_err(|error| fault_of_kind(StoreFaultKind::Broken).because(error))?);
        } else if self.giving_back {
            self.giving_back = give_back(tables).map_err(fault)?;
        }
        Ok(self.looking.is_some() || self.giving_back)
    }
}

/// Lets the texts of calls between two records go, the second excluded.
fn let_go(tables: &mut Connection, from: i64, to: i64, last: bool) -> rusqlite::Result<()> {
    let transaction = tables.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(MOVED)?;
    transaction.execute(MOVE, [from, to])?;
    transaction.execute("DELETE FROM record WHERE sequence >= ?1 AND sequence < ?2", [from, to])?;
    transaction.execute(PUT_BACK, [])?;
    transaction.execute("DELETE FROM temp.moved", [])?;
    // A span that goes in part waits for the rest of it: the index knows it as a whole.
    transaction.execute(FORGET_PEOPLE, [to >> SPAN_BITS])?;
    transaction.execute("DELETE FROM task WHERE span < ?1", [to >> SPAN_BITS])?;
    put(&transaction, RETAINED_TO_KEY, to)?;
    if last {
        put(&transaction, SWEEP_KEY, 1)?;
    }
    transaction.commit()
}

/// Sealed templates that no record uses now.
fn unused(tables: &Connection) -> rusqlite::Result<Unused> {
    let moment = tables.unchecked_transaction()?;
    let up_to = moment.query_row(crate::questions::LAST_SEQUENCE, [], |row| row.get(0))?;
    let mut templates: HashSet<i64> =
        moment.prepare("SELECT id FROM sealed")?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut used = moment.prepare("SELECT body FROM record WHERE body IS NOT NULL")?;
    let mut used = used.query([])?;
    while let Some(row) = used.next()? {
        templates.remove(&row.get(0)?);
    }
    Ok(Unused { templates, up_to })
}

/// Removes templates, except those that came into use again meanwhile.
fn remove(tables: &mut Connection, mut unused: Unused) -> rusqlite::Result<()> {
    let transaction = tables.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut again = transaction.prepare("SELECT DISTINCT body FROM record WHERE sequence > ?1 AND body IS NOT NULL")?;
    for template in again.query_map([unused.up_to], |row| row.get(0))? {
        unused.templates.remove(&template?);
    }
    drop(again);
    let mut delete = transaction.prepare("DELETE FROM sealed WHERE id = ?1")?;
    for template in unused.templates {
        delete.execute([template])?;
    }
    drop(delete);
    transaction.execute(DELETE_STATE, [SETTLED_KIND, SWEEP_KEY])?;
    transaction.commit()
}

/// Gives some free pages back to the file system. False: none is left, or this database was made without that.
fn give_back(tables: &Connection) -> rusqlite::Result<bool> {
    let number = |pragma: &str| tables.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0));
    if number("auto_vacuum")? != INCREMENTAL || number("freelist_count")? == 0 {
        return Ok(false);
    }
    let mut vacuum = tables.prepare(&format!("PRAGMA incremental_vacuum({PAGES_AT_ONCE})"))?;
    let mut steps = vacuum.query([])?;
    while steps.next()?.is_some() {}
    Ok(true)
}

/// The number at the start of a value of the state.
fn number(tables: &Connection, key: &str) -> rusqlite::Result<Option<i64>> {
    let mut statement = tables.prepare_cached("SELECT value FROM state WHERE kind = ?1 AND key = ?2")?;
    let text: Option<String> = statement.query_row([SETTLED_KIND, key], |row| row.get(0)).optional()?;
    Ok(text.and_then(|text| text.split(' ').next()?.parse().ok()))
}

fn put(tables: &Connection, key: &str, value: i64) -> rusqlite::Result<()> {
    tables.execute(PUT_STATE, params![SETTLED_KIND, key, value.to_string()]).map(drop)
}

const MOVED: &str = "CREATE TEMP TABLE IF NOT EXISTS moved AS SELECT * FROM record WHERE 0";
const MOVE: &str = "INSERT INTO temp.moved SELECT * FROM record WHERE sequence >= ?1 AND sequence < ?2";
const PUT_BACK: &str = "INSERT INTO record(sequence, kind, call_high, call_low, at, agent, human, app, tool, class, verdict, \
     task, intent, outcome, leaf, body, leaf_hash, leaf_values, body_values) \
     SELECT sequence, kind, call_high, call_low, at, agent, iif(kind = 3, human, NULL), app, tool, class, verdict, \
     iif(kind = 3, task, NULL), intent, outcome, leaf, iif(kind = 3, body, NULL), leaf_hash, leaf_values, \
     iif(kind = 3, body_values, NULL) FROM temp.moved ORDER BY sequence";
/// Only intents are found by a person or a task, and none that stands so far back has either now.
const FORGET_PEOPLE: &str = "DELETE FROM met WHERE name IN (SELECT -15 - number FROM subject_key) AND span < ?1";
const PUT_STATE: &str = "INSERT INTO state(kind, key, value) VALUES (?1, ?2, ?3) \
     ON CONFLICT(kind, key) DO UPDATE SET value = excluded.value";
const DELETE_STATE: &str = "DELETE FROM state WHERE kind = ?1 AND key = ?2";
/// Eight take about a tenth of a second.
const PARTITIONS_AT_ONCE: i64 = 8;
const RECORDS: i64 = PARTITION_RECORDS.cast_signed();
/// 4 MB.
const PAGES_AT_ONCE: u32 = 256;
const INCREMENTAL: i64 = 2;
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests;
