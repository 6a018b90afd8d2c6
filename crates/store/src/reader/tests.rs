use trace::{Field, LogStore, verify_leaf};

use super::*;
use crate::samples::change;
use crate::sqlite::{Durability, SqliteLog};

#[test]
fn it_sees_what_a_living_writer_has_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.db");
    let mut log = SqliteLog::open(&path, Durability::DangerOff).unwrap();
    let reader = SqliteReader::open(&path).unwrap();
    for number in 1..=3 {
        log.append(&[change(number)], &[]).unwrap();
        assert_eq!(reader.last_sequence().unwrap(), u64::from(number));
    }
}

#[test]
fn it_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.db");
    drop(SqliteLog::open(&path, Durability::DangerOff).unwrap());
    let reader = SqliteReader::open(&path).unwrap();
    assert!(reader.connection.execute_batch("DELETE FROM record").is_err());
}

#[test]
fn a_missing_or_empty_file_is_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.db");
    assert_eq!(SqliteReader::open(&path).unwrap_err().code(), "store.missing");
    assert!(!path.exists(), "a reader makes nothing");
    std::fs::write(&path, "").unwrap();
    assert_eq!(SqliteReader::open(&path).unwrap_err().code(), "store.missing");
}

#[test]
fn an_immutable_file_can_be_read_whatever_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a b%20?mode=rw#ü.db");
    let mut log = SqliteLog::open(&path, Durability::DangerOff).unwrap();
    log.append(&[change(1)], &[]).unwrap();
    drop(log);
    let connection = unshared(&path).unwrap();
    let opener = keys::wrapping(&path).unwrap().map(Opener::new);
    let questions = Questions { tables: &connection, tail: None, opener: opener.as_ref() };
    let entries = questions.find(&Query::default()).unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(verify_leaf(&entries[0]), Ok(()));
}

#[test]
fn records_that_would_be_left_out_are_not_left_out_in_silence() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.db");
    let mut log = SqliteLog::open(&path, Durability::DangerOff).unwrap();
    log.append(&[change(1)], &[]).unwrap();
    let error = unshared(&path).unwrap_err();
    assert_eq!(error.code(), "store.read_only");
    assert!(error.hint().unwrap().contains("-wal"));
}

#[test]
fn a_question_that_takes_too_long_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.db");
    let mut log = SqliteLog::open(&path, Durability::DangerOff).unwrap();
    for start in (0..4_000).step_by(1_000) {
        log.append(&(start..start + 1_000).map(change).collect::<Vec<_>>(), &[]).unwrap();
    }
    let reader = SqliteReader::open(&path).unwrap().bounded(10_000).unwrap();
    for _ in 0..3 {
        let few = Query { limit: 10, ..Query::default() };
        assert_eq!(reader.find(&few).unwrap().len(), 10, "each question begins anew");
        let error = reader.find(&few.without(Field::Kind, "change")).unwrap_err();
        assert_eq!(error.kind(), StoreFaultKind::Question);
        assert!(error.hint().unwrap().contains("since:"));
    }
}
