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

/// Finishes what was broken off: the record of an erasure is there, and the keys may be, too.
pub(crate) fn finish(tables: &mut Connection) -> Result<bool, StoreFault> {
    let left: Option<String> =
        tables.query_row(ERASING, [SETTLED_KIND, ERASING_KEY], |row| row.get(0)).optional().map_err(fault)?;
    let Some(left) = left else { return Ok(false) };
    let subjects: Result<Vec<u32>, _> = left.split(',').filter(|number| !number.is_empty()).map(str::parse).collect();
    let subjects = subjects.map_err(|error| fault_of_kind(StoreFaultKind::Corrupt).because(error))?;
    destroy(tables, &subjects, None)?;
    clear_wal(tables)?;
    Ok(true)
}

/// Says that nothing of it is left.
pub(crate) fn done(tables: &Connection) -> Result<(), StoreFault> {
    let done = tables.execute("DELETE FROM state WHERE kind = ?1 AND key = ?2", [SETTLED_KIND, ERASING_KEY]);
    done.map(drop).map_err(fault)
}

/// Writes everything back, and cuts the write-ahead log off.
pub(crate) fn clear_wal(tables: &Connection) -> Result<(), StoreFault> {
    let busy: i64 = tables.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).map_err(fault)?;
    if busy == 0 { Ok(()) } else { Err(fault_of_kind(StoreFaultKind::Locked)) }
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
const ERASING: &str = "SELECT value FROM state WHERE kind = ?1 AND key = ?2";

#[cfg(test)]
mod tests;
