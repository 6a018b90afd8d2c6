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
const FILLED: [(usize, &str); 2] = [(4, include_str!("tests/filled-4.sql")), (5, include_str!("tests/filled-5.sql"))];

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
        drop(older);
        assert!(version == current() || SqliteReader::open(&path).is_err(), "a reader brings nothing forward");
        let mut log = SqliteLog::open(&path, Durability::DangerOff).unwrap();
        assert_eq!(super::version(&Connection::open(&path).unwrap()).unwrap(), current());
        a_filled_log_is_whole(&mut log, &SqliteReader::open(&path).unwrap());
    }
}
