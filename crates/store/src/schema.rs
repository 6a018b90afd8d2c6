//! The tables, and the way from every older version to this one.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use trace::{StoreFault, StoreFaultKind};

use crate::error::{fault, fault_of_kind};

/// Brings a database to this version, each step in one transaction. Error: a newer version wrote it, one that is no longer
/// understood, or it is of something else.
/// `seal` takes the bodies of a database from before they were sealed along.
pub(crate) fn migrate(
    connection: &mut Connection,
    seal: impl Fn(&Transaction<'_>) -> Result<(), StoreFault>,
) -> Result<(), StoreFault> {
    let found = version(connection)?;
    for (number, step) in (OLDEST..).zip(MIGRATIONS).skip_while(|(number, _)| *number <= found) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
        transaction.execute_batch(step).map_err(fault)?;
        if number == SEALED {
            seal(&transaction)?;
        }
        transaction
            .execute("INSERT OR REPLACE INTO meta(key, value) VALUES ('schema', ?1)", [number.to_string()])
            .map_err(fault)?;
        transaction.commit().map_err(fault)?;
    }
    Ok(())
}

/// The version of a database, zero when it is empty. Error: a newer version wrote it, one that is no longer understood, or it
/// is of something else.
pub(crate) fn version(connection: &Connection) -> Result<usize, StoreFault> {
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'table'", [], |row| row.get(0))
        .map_err(fault)?;
    if tables == 0 {
        return Ok(0);
    }
    let ours = connection
        .query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'meta'", [], |row| {
            row.get::<_, i64>(0)
        })
        .map_err(fault)?;
    if ours == 0 {
        return Err(foreign());
    }
    let text: Option<String> = connection
        .query_row("SELECT value FROM meta WHERE key = 'schema'", [], |row| row.get(0))
        .optional()
        .map_err(fault)?;
    let found: usize = text.and_then(|text| text.parse().ok()).ok_or_else(foreign)?;
    match found {
        OLDER..OLDEST => Err(fault_of_kind(StoreFaultKind::Older)),
        found if found > current() => Err(fault_of_kind(StoreFaultKind::Newer)),
        found => Ok(found),
    }
}

/// The version this program writes.
pub(crate) const fn current() -> usize {
    OLDEST + MIGRATIONS.len() - 1
}

fn foreign() -> StoreFault {
    StoreFault::new(StoreFaultKind::Corrupt, "this database is not of countersign")
        .with_hint("name the data directory of a gateway")
}

/// A step once released is never edited: databases out there have taken it.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
    include_str!("schema/6.sql"),
    include_str!("schema/7.sql"),
    include_str!("schema/8.sql"),
];
/// The version that the first step makes. No release has written those before.
const OLDEST: usize = 4;
/// The first one in which bodies are sealed.
pub(crate) const SEALED: usize = 6;
const OLDER: usize = 1;

#[cfg(test)]
mod tests;
