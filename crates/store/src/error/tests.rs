use std::error::Error;

use super::*;

#[test]
fn a_held_directory_names_the_process() {
    let error = StoreError::Held { path: "/data".into(), pid: Some(7) };
    assert_eq!(error.to_string(), "the data directory `/data` is in use by process 7");
    let fault = Fault::from(error);
    assert_eq!((fault.code(), fault.blame()), ("store.held", Blame::Operator));
    assert_eq!(fault.way_out(), Some("stop process 7 first, or name another data directory"));
    assert_eq!(
        StoreError::Held { path: "/data".into(), pid: None }.to_string(),
        "the data directory `/data` is in use"
    );
}

#[test]
fn the_cause_is_chained_and_not_repeated() {
    let cause = fault(rusqlite::Error::QueryReturnedNoRows);
    assert!(cause.source().is_some());
    let error = StoreError::database(Path::new("/data/trace.db"), cause);
    assert_eq!(error.to_string(), "`/data/trace.db` cannot be opened");
    assert_eq!(error.source().unwrap().to_string(), "the trace cannot be reached");
}

#[test]
fn every_kind_of_trouble_has_its_own_code() {
    let of = |code| fault(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None)).code();
    assert_eq!(of(rusqlite::ffi::SQLITE_FULL), "store.full");
    assert_eq!(of(rusqlite::ffi::SQLITE_READONLY), "store.read_only");
    assert_eq!(of(rusqlite::ffi::SQLITE_BUSY), "store.locked");
    assert_eq!(of(rusqlite::ffi::SQLITE_CORRUPT), "store.corrupt");
    assert_eq!(of(rusqlite::ffi::SQLITE_NOTADB), "store.corrupt");
    assert_eq!(of(rusqlite::ffi::SQLITE_IOERR), "store.broken");
}
