//! The tables, and the way from every older version to this one.

use std::time::Duration;

use trace::{StoreFault, StoreFaultKind};

use super::error::{Failure, fault_of_kind};
use super::link::Link;

/// Brings a database to this version, each step in one transaction. Error: a newer version wrote it, or it is of something
/// else.
pub(super) fn migrate(link: &Link) -> Result<(), Failure> {
    migrate_to(link, current())
}

/// As far as this version only: what an older program did.
pub(super) fn migrate_to(link: &Link, wanted: usize) -> Result<(), Failure> {
    if version(link)? >= wanted {
        return Ok(());
    }
    link.wait(MIGRATION_TIME_MAX, async {
        // Gateways that start together take turns.
        link.client.batch_execute(&format!("BEGIN; SET LOCAL statement_timeout = 0; {TURN}")).await
    })?;
    for (number, step) in (1..).zip(MIGRATIONS).take(wanted) {
        if number <= version(link)? {
            continue;
        }
        let schema = if number == 1 { "CREATE SCHEMA countersign;" } else { "" };
        let mark = format!(
            "INSERT INTO countersign.meta VALUES ('schema', '{number}') \
             ON CONFLICT(key) DO UPDATE SET value = excluded.value"
        );
        let sql = format!("{schema} SET LOCAL search_path = countersign; {step}; {mark}");
        link.wait(MIGRATION_TIME_MAX, link.client.batch_execute(&sql))?;
    }
    link.wait(MIGRATION_TIME_MAX, link.client.batch_execute("COMMIT"))
}

/// The version of a database, zero when there is none of ours. Error: a newer version wrote it, or it is of something else.
pub(super) fn version(link: &Link) -> Result<usize, Failure> {
    // Asked of the tables: what the server's own functions say of names may be older than the transaction.
    let look = link.client.query_typed(OURS, &[]);
    let rows = link.wait(LOOK_TIME_MAX, look)?;
    let found = |column| rows.first().and_then(|row| row.try_get::<_, bool>(column).ok()).unwrap_or(true);
    match (found(0), found(1)) {
        (true, _) => return Ok(0),
        (false, true) => return Err(foreign().into()),
        (false, false) => {}
    }
    let look = link.client.query_typed("SELECT value FROM countersign.meta WHERE key = 'schema'", &[]);
    let rows = link.wait(LOOK_TIME_MAX, look)?;
    let text = rows.first().and_then(|row| row.try_get::<_, String>(0).ok());
    let found: usize = text.and_then(|text| text.parse().ok()).ok_or_else(foreign)?;
    if found > current() { Err(fault_of_kind(StoreFaultKind::Newer).into()) } else { Ok(found) }
}

/// The version this program writes.
pub(super) const fn current() -> usize {
    MIGRATIONS.len()
}

fn foreign() -> StoreFault {
    StoreFault::new(StoreFaultKind::Corrupt, "the schema `countersign` of this database is not of countersign")
        .with_hint("name another database")
}

/// A step once released is never edited: databases out there have taken it.
const MIGRATIONS: &[&str] = &[include_str!("../schema/postgres/1.sql"), include_str!("../schema/postgres/2.sql")];
const OURS: &str = "SELECT NOT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = 'countersign'), \
     NOT EXISTS (SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE n.nspname = 'countersign' AND c.relname = 'meta')";
const TURN: &str = "SELECT pg_advisory_xact_lock(1129598804, 0)";
const LOOK_TIME_MAX: Duration = Duration::from_secs(10);
const MIGRATION_TIME_MAX: Duration = Duration::from_secs(3_600);
