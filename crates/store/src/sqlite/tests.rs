use std::os::unix::fs::PermissionsExt;

use model::{UnixMicros, Verdict};
use trace::{RecordKind, verify_leaf};

use super::*;
use crate::conformance::trace_conformance;
use crate::reader::SqliteReader;
use crate::samples::{change, intent, outcome, put};

fn fresh() -> (tempfile::TempDir, SqliteLog) {
    let dir = tempfile::tempdir().unwrap();
    let log = SqliteLog::open(&dir.path().join("trace.db"), Durability::DangerOff).unwrap();
    (dir, log)
}

/// Keeps the directory as long as the store.
struct InDir {
    log: SqliteLog,
    _dir: tempfile::TempDir,
}

impl LogStore for InDir {
    fn append(&mut self, rows: &[Row], state: &[StateWrite]) -> Result<u64, StoreFault> {
        self.log.append(rows, state)
    }
}

#[test]
fn it_conforms() {
    trace_conformance(|| {
        let (dir, log) = fresh();
        let reader = SqliteReader::open(&dir.path().join("trace.db")).unwrap();
        (InDir { log, _dir: dir }, reader)
    });
}

#[test]
fn its_own_answers_conform() {
    let (_dir, mut log) = fresh();
    log.append(&[intent(1, "bot", "ada", "crm/read", Verdict::Allow), outcome(1, 2)], &[put("ada", Some("1"))])
        .unwrap();
    assert_eq!(log.find(&Query::default()).unwrap().len(), 2);
    assert_eq!(log.by_id("1").unwrap().len(), 2);
    assert_eq!((log.unfinished().unwrap(), log.last_sequence().unwrap()), (Vec::new(), 2));
    assert_eq!(log.state("person").unwrap().len(), 1);
}

#[test]
fn what_was_confirmed_is_there_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.db");
    let mut log = SqliteLog::open(&path, Durability::Full).unwrap();
    log.append(&[change(1)], &[put("ada", Some("1"))]).unwrap();
    let synchronous: i64 = log.connection.query_row("PRAGMA synchronous", [], |row| row.get(0)).unwrap();
    assert_eq!(synchronous, 2, "FULL");
    // Not closed, as when the process dies.
    std::mem::forget(log);
    let mut log = SqliteLog::open(&path, Durability::Full).unwrap();
    assert_eq!(log.append(&[change(2)], &[]).unwrap(), 2);
    assert_eq!(log.state("person").unwrap(), [("ada".to_owned(), "1".to_owned())]);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_full_disk_refuses_everything_of_a_commit_and_reading_goes_on() {
    let (_dir, mut log) = fresh();
    log.append(&[change(1)], &[]).unwrap();
    let pages: i64 = log.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    log.connection.query_row(&format!("PRAGMA max_page_count = {}", pages + 8), [], |_| Ok(())).unwrap();
    let mut wrote = 1;
    let refused = loop {
        let rows: Vec<_> = (0..20).map(|number| change(100 + number)).collect();
        match log.append(&rows, &[put("ada", Some(&wrote.to_string()))]) {
            Ok(_) => wrote += rows.len(),
            Err(fault) => break fault,
        }
        assert!(wrote < 10_000, "the disk never fills");
    };
    assert_eq!((refused.code(), refused.blame()), ("store.full", model::Blame::Operator));
    assert!(refused.hint().unwrap().contains("free space"));
    assert_eq!(log.last_sequence().unwrap(), wrote as u64);
    let state = log.state("person").unwrap();
    assert!(state.first().is_none_or(|(_, value)| value.parse::<usize>().unwrap() < wrote));

    log.connection.query_row("PRAGMA max_page_count = 1000000", [], |_| Ok(())).unwrap();
    assert_eq!(log.append(&[change(9)], &[]).unwrap(), wrote as u64 + 1, "it goes on once there is room");
}

#[test]
fn a_log_that_turns_read_only_says_so_and_reading_goes_on() {
    let (_dir, mut log) = fresh();
    log.append(&[change(1)], &[]).unwrap();
    log.connection.execute_batch("PRAGMA query_only = ON").unwrap();
    let fault = log.append(&[change(2)], &[]).unwrap_err();
    assert_eq!((fault.code(), fault.kind()), ("store.read_only", StoreFaultKind::ReadOnly));
    assert_eq!(log.find(&Query::default()).unwrap().len(), 1);
    log.connection.execute_batch("PRAGMA query_only = OFF").unwrap();
    assert_eq!(log.append(&[change(2)], &[]).unwrap(), 2);
}

#[test]
fn a_locked_log_says_so() {
    let (dir, mut log) = fresh();
    let other = Connection::open(dir.path().join("trace.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    log.connection.busy_timeout(Duration::ZERO).unwrap();
    assert_eq!(log.append(&[change(1)], &[]).unwrap_err().code(), "store.locked");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(log.append(&[change(1)], &[]).unwrap(), 1);
}

#[test]
fn a_damaged_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.db");
    std::fs::write(&path, "this is not a database, however long it may be".repeat(100)).unwrap();
    let error = SqliteLog::open(&path, Durability::Full).unwrap_err();
    assert_eq!(error.code(), "store.corrupt");
    assert!(error.hint().is_some());
}

#[test]
fn an_unreadable_value_is_a_fault_and_not_a_gap() {
    let (_dir, mut log) = fresh();
    log.append(&[change(1)], &[]).unwrap();
    for edit in [
        "UPDATE record SET kind = 9",
        "UPDATE record SET leaf_hash = x'00'",
        "UPDATE record SET leaf_values = x'00'",
        "UPDATE record SET body_values = NULL",
        "DELETE FROM template",
        "UPDATE template SET text = text || char(1) || 'd'",
    ] {
        log.connection.execute_batch("SAVEPOINT before").unwrap();
        log.connection.execute_batch(edit).unwrap();
        assert_eq!(log.find(&Query::default()).unwrap_err().code(), "store.corrupt", "{edit}");
        log.connection.execute_batch("ROLLBACK TO before; RELEASE before").unwrap();
    }
}

#[test]
fn an_edited_record_does_not_verify() {
    let (_dir, mut log) = fresh();
    log.append(&[intent(1, "bot", "ada", "crm/read", Verdict::Allow)], &[]).unwrap();
    for edit in [
        "UPDATE record SET human = agent",
        "UPDATE record SET human = NULL",
        "UPDATE record SET tool = NULL",
        "UPDATE name SET text = 'deny' WHERE text = 'allow'",
        "UPDATE template SET text = replace(text, 'crm', 'hr')",
        "UPDATE template SET text = replace(text, 'sales', 'marketing')",
        "UPDATE record SET at = at + 1",
        "UPDATE record SET call_low = call_low + 1",
        "UPDATE record SET leaf_values = zeroblob(length(leaf_values))",
        "UPDATE record SET body_values = CAST(zeroblob(1) || substr(body_values, 2) AS BLOB)",
    ] {
        log.connection.execute_batch("SAVEPOINT before").unwrap();
        log.connection.execute_batch(edit).unwrap();
        let entries = log.find(&Query::default()).unwrap();
        assert!(verify_leaf(&entries[0]).is_err(), "{edit}");
        log.connection.execute_batch("ROLLBACK TO before; RELEASE before").unwrap();
    }
}

#[test]
fn questions_use_an_index() {
    let (_dir, log) = fresh();
    let check = |query: Query, expected: &[&str]| {
        let plan = crate::questions::plan(&log.connection, &query);
        assert!(expected.iter().all(|expected| plan.contains(expected)), "{query:?}:\n{plan}");
        assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE FOR ORDER"), "{query:?}:\n{plan}");
    };
    let text = || Some("x".to_owned());
    let seen = "SEARCH s USING PRIMARY KEY (name=?";
    let record = "SEARCH r USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)";
    let since = Some(UnixMicros(1));
    for newest_first in [true, false] {
        let any = Query { newest_first, ..Query::default() };
        check(Query { agent: text(), ..any.clone() }, &[seen, record]);
        check(Query { human: text(), ..any.clone() }, &[seen, record]);
        check(
            Query { app: text(), tool: text(), ..any.clone() },
            &[seen, record, "SEARCH s1 USING PRIMARY KEY (name=? AND block=?)"],
        );
        check(Query { tool: text(), ..any.clone() }, &[seen, record]);
        check(Query { verdict: Some(Verdict::Deny), ..any.clone() }, &[seen, record]);
        check(Query { kind: Some(RecordKind::Change), ..any.clone() }, &[seen, record]);
        check(
            Query { agent: text(), since, ..any.clone() },
            &["SEARCH s USING PRIMARY KEY (name=? AND block>?)", record],
        );
        check(Query { agent: text(), after_sequence: Some(1), ..any.clone() }, &["(name=? AND block>?)", record]);
        check(
            Query { since, ..any.clone() },
            &["COVERING INDEX span_last (last_at>?)", "SEARCH r USING INTEGER PRIMARY KEY (rowid>?)"],
        );
        check(
            Query { until: since, ..any.clone() },
            &["COVERING INDEX span_first (first_at<?)", "SEARCH r USING INTEGER PRIMARY KEY (rowid<?)"],
        );
        check(Query { after_sequence: Some(1), ..any }, &["SEARCH r USING INTEGER PRIMARY KEY (rowid>?)"]);
    }
}

#[test]
fn a_call_is_found_by_an_index() {
    let (_dir, log) = fresh();
    let of_call = "INDEX record_call (call_high=? AND call_low=?)";
    let [history, unfinished, outcome] = crate::questions::plans_of_calls(&log.connection);
    for (plan, record) in [(&history, "SEARCH r USING"), (&unfinished, "SEARCH i USING"), (&outcome, "SEARCH o USING")]
    {
        assert!(plan.contains(of_call) && plan.contains(record) && !plan.contains("SCAN"), "{plan}");
    }
}
