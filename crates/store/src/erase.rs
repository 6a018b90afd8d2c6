//! Destroying keys, so that no copy of them or of the names they belong to is left.
//!
//! SQLite overwrites what is deleted (`secure_delete`), but may leave copies behind where it has moved rows about in a page.
//! The tables that hold names and keys in plain text are small, so they are emptied, which overwrites whole pages, and filled
//! again. What is left in the write-ahead log goes when that is written back and cut off.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params_from_iter};
use trace::{ERASING_KEY, SETTLED_KIND, StoreFault, StoreFaultKind};

use crate::error::{fault, fault_of_kind};
use crate::redo::Place;
use crate::sqlite::put_place;

/// Destroys these keys; copies of them are left until [`clear_wal`]. When it returns, the redo log goes on at this place: nothing
/// before it is looked at again, whatever fails from here on.
pub(crate) fn destroy(tables: &mut Connection, subjects: &[u32], place: Option<Place>) -> Result<(), StoreFault> {
    let mut change = || {
        let transaction = tables.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for number in subjects {
            transaction.execute(FORGET, [number])?;
            transaction.execute("UPDATE sealed SET text = x'' WHERE key = ?1", [number])?;
        }
        for (table, columns) in [("subject_key", 3), ("state", 3)] {
            write_anew(&transaction, table, columns)?;
        }
        if let Some(place) = place {
            put_place(&transaction, place)?;
        }
        transaction.commit()
    };
    change().map_err(fault)
}

/// What became of an erasure that was broken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Left {
    /// There was none.
    Nothing,
    /// It is finished, but for saying so.
    Mark,
    /// The keys are destroyed. Copies of them are left as long as somebody reads what was there before, and this mark with them.
    Copies(String),
}

/// Finishes what was broken off: the record of an erasure is there, and the keys may be, too. Whoever reads for long, a backup for
/// one, keeps nobody from going on.
pub(crate) fn finish(tables: &mut Connection) -> Result<Left, StoreFault> {
    let left: Option<String> =
        tables.query_row(ERASING, [SETTLED_KIND, ERASING_KEY], |row| row.get(0)).optional().map_err(fault)?;
    let Some(left) = left else { return Ok(Left::Nothing) };
    let subjects: Result<Vec<u32>, _> = left.split(',').filter(|number| !number.is_empty()).map(str::parse).collect();
    let subjects = subjects.map_err(|error| fault_of_kind(StoreFaultKind::Corrupt).because(error))?;
    destroy(tables, &subjects, None)?;
    Ok(if is_cleared(tables)? { Left::Mark } else { Left::Copies(left) })
}

/// Says that nothing of it is left.
pub(crate) fn done(tables: &Connection) -> Result<(), StoreFault> {
    let done = tables.execute("DELETE FROM state WHERE kind = ?1 AND key = ?2", [SETTLED_KIND, ERASING_KEY]);
    done.map(drop).map_err(fault)
}

/// Clears away the copies that an erasure with this mark left, whose keys are destroyed. Error: somebody reads what was there
/// before.
///
/// INVARIANT: the mark of another erasure stays, for its keys may be there (`what_an_erasure_left_goes_without_another_ones_mark`).
pub(crate) fn clear_copies(tables: &Connection, mark: &str) -> Result<(), StoreFault> {
    clear_wal(tables)?;
    tables.execute(DONE, [SETTLED_KIND, ERASING_KEY, mark]).map(drop).map_err(fault)
}

/// The mark of an erasure of these subjects.
pub(crate) fn mark(subjects: &[u32]) -> String {
    subjects.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Writes everything back, and cuts the write-ahead log off. Error: somebody reads what was there before.
pub(crate) fn clear_wal(tables: &Connection) -> Result<(), StoreFault> {
    if is_cleared(tables)? { Ok(()) } else { Err(fault_of_kind(StoreFaultKind::Locked)) }
}

fn is_cleared(tables: &Connection) -> Result<bool, StoreFault> {
    let busy: i64 = tables.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).map_err(fault)?;
    Ok(busy == 0)
}

fn write_anew(tables: &Connection, table: &str, columns: usize) -> rusqlite::Result<()> {
    let mut select = tables.prepare(&format!("SELECT * FROM {table}"))?;
    let rows = select.query_map([], |row| (0..columns).map(|column| row.get(column)).collect());
    let rows: Vec<Vec<Value>> = rows?.collect::<Result<_, _>>()?;
    tables.execute(&format!("DELETE FROM {table}"), [])?;
    let places: Vec<String> = (1..=columns).map(|column| format!("?{column}")).collect();
    let mut insert = tables.prepare(&format!("INSERT INTO {table} VALUES ({})", places.join(", ")))?;
    rows.into_iter().try_for_each(|row| insert.execute(params_from_iter(row)).map(drop))
}

const FORGET: &str = "UPDATE subject_key SET subject = NULL, wrapped = NULL WHERE number = ?1";
const DONE: &str = "DELETE FROM state WHERE kind = ?1 AND key = ?2 AND value = ?3";
const ERASING: &str = "SELECT value FROM state WHERE kind = ?1 AND key = ?2";

#[cfg(test)]
mod tests;
