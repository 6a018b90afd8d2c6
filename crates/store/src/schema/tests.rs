use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use super::*;
use crate::conformance::a_filled_log_is_whole;
use crate::reader::SqliteReader;
use crate::sqlite::{Durability, SqliteLog};

#[test]
fn an_empty_database_is_brought_to_this_version_once() {
    let mut connection = Connection::open_in_memory().unwrap();
    assert_eq!(version(&connection).unwrap(), 0);
    migrate(&mut connection, |_| Ok(())).unwrap();
    assert_eq!(version(&connection).unwrap(), current());
    migrate(&mut connection, |_| Ok(())).unwrap();
    assert_eq!(version(&connection).unwrap(), current());
}

#[test]
fn a_newer_version_is_refused() {
    let mut connection = Connection::open_in_memory().unwrap();
    migrate(&mut connection, |_| Ok(())).unwrap();
    connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema'", []).unwrap();
    assert_eq!(migrate(&mut connection, |_| Ok(())).unwrap_err().code(), "store.newer");
}

#[test]
fn a_database_of_something_else_is_left_alone() {
    for other in ["CREATE TABLE songs(title)", "CREATE TABLE meta(key, value)"] {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(other).unwrap();
        assert_eq!(migrate(&mut connection, |_| Ok(())).unwrap_err().kind(), StoreFaultKind::Corrupt);
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
        assert_eq!(tables, 1);
    }
}

#[test]
fn a_version_before_the_first_release_is_refused() {
    for version in ["1", "2", "3"] {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, |_| Ok(())).unwrap();
        connection.execute("UPDATE meta SET value = ?1 WHERE key = 'schema'", [version]).unwrap();
        let fault = migrate(&mut connection, |_| Ok(())).unwrap_err();
        assert_eq!(fault.code(), "store.older");
        assert!(fault.hint().unwrap().contains("another data directory"));
    }
}

/// What stands in a database when a gateway of that version has run: made once by that version, and kept.
const FILLED: [(usize, &str); 4] = [
    (4, include_str!("tests/filled-4.sql")),
    (5, include_str!("tests/filled-5.sql")),
    (6, include_str!("tests/filled-6.sql")),
    (7, include_str!("tests/filled-7.sql")),
];

#[test]
fn what_every_version_wrote_is_brought_forward() {
    for version in OLDEST..current() {
        assert!(FILLED.iter().any(|(found, _)| *found == version), "there is nothing that version {version} wrote");
    }
    for (version, filled) in FILLED {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.db");
        let older = Connection::open(&path).unwrap();
        for (_, step) in (OLDEST..).zip(MIGRATIONS).take_while(|(number, _)| *number <= version) {
            older.execute_batch(step).unwrap();
        }
        older.execute_batch(filled).unwrap();
        let changes = changes(&older);
        drop(older);
        if version >= SEALED {
            let keys = folder.path().join("trace-keys");
            std::fs::create_dir(&keys).unwrap();
            let key = OpenOptions::new().write(true).create_new(true).mode(0o600).open(keys.join("bodies.key"));
            // Every database that was kept for these tests has this one.
            key.unwrap().write_all(include_bytes!("../postgres/tests/filled.key")).unwrap();
        }
        assert!(version == current() || SqliteReader::open(&path).is_err(), "a reader brings nothing forward");
        let mut log = SqliteLog::open(&path, Durability::DangerOff).unwrap();
        assert_eq!(super::version(&Connection::open(&path).unwrap()).unwrap(), current());
        assert_eq!(changes, self::changes(&Connection::open(&path).unwrap()));
        a_filled_log_is_whole(&mut log, &SqliteReader::open(&path).unwrap());
    }
}

/// As whoever asks in SQL finds them.
fn changes(tables: &Connection) -> Vec<(i64, String)> {
    let mut changes = tables.prepare("SELECT sequence, what FROM changes").unwrap();
    let changes = changes.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let changes: Vec<(i64, String)> = changes.collect::<Result<_, _>>().unwrap();
    assert_eq!(changes, [(4, "people.offboard".to_owned())]);
    changes
}

/// Where names stand, as the last step has it.
#[test]
fn blocks_of_names_are_brought_forward() {
    let tables = Connection::open_in_memory().unwrap();
    MIGRATIONS.iter().take(3).for_each(|step| tables.execute_batch(step).unwrap());
    for (name, block) in [(7, 0), (7, 31), (7, 32), (7, 1_000_003), (-3, 5)] {
        tables.execute("INSERT INTO seen VALUES (?1, ?2)", [name, block]).unwrap();
    }
    tables.execute_batch(MIGRATIONS[3]).unwrap();
    let mut met = tables.prepare("SELECT name, span, blocks FROM met").unwrap();
    let met = met.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    let met: Vec<(i64, i64, i64)> = met.collect::<Result<_, _>>().unwrap();
    assert_eq!(met, [(-3, 0, 1 << 5), (7, 0, 1 | 1 << 31), (7, 1, 1), (7, 31_250, 1 << 3)]);
}
