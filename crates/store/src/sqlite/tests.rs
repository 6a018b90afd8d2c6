use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::{CallId, UnixMicros, Verdict};
use trace::verify_leaf;

use super::*;
use crate::conformance::{texts_are_let_go_and_the_rest_stays, trace_conformance};
use crate::reader::SqliteReader;
use crate::samples::{asked_in, call, change, change_about, change_of, ended, intent, observed, outcome, put};

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

    fn let_go(&mut self) -> Result<bool, StoreFault> {
        self.log.let_go()
    }
}

#[test]
fn it_conforms() {
    trace_conformance(both);
}

#[test]
fn texts_are_let_go() {
    texts_are_let_go_and_the_rest_stays(both());
}

fn both() -> (InDir, SqliteReader) {
    let (dir, log) = fresh();
    let reader = SqliteReader::open(&dir.path().join("trace.db")).unwrap();
    (InDir { log, _dir: dir }, reader)
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

/// An edit of the byte at this place, whatever it is: salts and what is sealed begin with any.
fn other_byte(table: &str, column: &str, at: usize) -> String {
    let (before, after) = (at - 1, at + 1);
    let other = format!("CASE WHEN substr({column}, {at}, 1) = x'00' THEN x'01' ELSE x'00' END");
    let edited = format!("substr({column}, 1, {before}) || {other} || substr({column}, {after})");
    format!("UPDATE {table} SET {column} = CAST({edited} AS BLOB)")
}

#[test]
fn an_edited_record_does_not_verify() {
    let (_dir, mut log) = fresh();
    log.append(&[intent(1, "bot", "ada", "crm/read", Verdict::Allow)], &[]).unwrap();
    for edit in [
        "UPDATE record SET human = human + 1",
        "UPDATE record SET human = NULL",
        "UPDATE record SET tool = NULL",
        "UPDATE name SET text = 'deny' WHERE text = 'allow'",
        "UPDATE template SET text = replace(text, 'crm', 'hr')",
        &other_byte("sealed", "text", 10),
        "UPDATE sealed SET text = x''",
        "UPDATE subject_key SET subject = 'human:bob'",
        "UPDATE subject_key SET wrapped = zeroblob(48)",
        "DELETE FROM subject_key",
        "UPDATE record SET leaf_hash = zeroblob(32)",
        "UPDATE record SET at = at + 1",
        "UPDATE record SET call_low = call_low + 1",
        "UPDATE record SET leaf_values = CAST(zeroblob(32) || substr(leaf_values, 33) AS BLOB)",
        &other_byte("record", "body_values", 1),
    ] {
        log.connection.execute_batch("SAVEPOINT before").unwrap();
        log.connection.execute_batch(edit).unwrap();
        log.opener = Opener::new(Arc::clone(&log.wrapping));
        let found = log.find(&Query::default());
        assert!(found.is_err() || verify_leaf(&found.unwrap()[0]).is_err(), "{edit}");
        log.connection.execute_batch("ROLLBACK TO before; RELEASE before").unwrap();
    }
}

#[test]
fn questions_use_an_index() {
    let (_dir, mut log) = fresh();
    let record = "SEARCH r USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)";
    log.append(&[intent(1, "bot", "ada", "crm/read", Verdict::Allow), outcome(1, 2)], &[]).unwrap();
    for newest_first in [true, false] {
        for text in [
            "",
            "agent:bot",
            "human:ada",
            "app:crm tool:read",
            "verdict:allow",
            "kind:change",
            "agent:bot since:2025-11-20",
            "rule:crm.reads",
            "status:answered",
            "task:t-1",
            "-rule:crm.reads",
            "until:2026-11-20",
        ] {
            let query = Query { newest_first, ..Query::parse(text, UnixMicros(0)).unwrap() };
            let plan = crate::questions::plan(&log.connection, &query);
            assert!(plan.contains(record), "{query}:\n{plan}");
            assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE FOR ORDER"), "{query}:\n{plan}");
        }
    }
}

/// What a question for a name costs does not grow with the records that do not have it.
#[test]
fn questions_read_few_records() {
    let (_dir, mut log) = fresh();
    for start in (0..20_000_u16).step_by(1_000) {
        let rows: Vec<_> = (start..start + 1_000)
            .map(|number| {
                let rare = number % 5_000 == 7;
                let (agent, rule) = if rare { ("rare", "seldom") } else { ("bot", "often") };
                let task = format!("t-{}", number / 10);
                let verdict = if number % 2_500 == 7 { Verdict::Deny } else { Verdict::Allow };
                asked_in(number, agent, "ada", "crm/read", verdict, &task, rule)
            })
            .chain([ended(start, start + 1, u64::from(start / 1_000 % 10).max(2) - 2)])
            .chain((0..200).map(|turn| {
                let (number, human) = (start + turn, format!("person-{}", start / 1_000 * 200 + turn));
                change_about(number, "people.offboard", &format!("human:{human}"), Some(&human))
            }))
            .collect();
        log.append(&rows, &[]).unwrap();
    }
    for (text, expected) in [
        ("agent:rare", 4),
        ("rule:seldom", 4),
        ("agent:bot verdict:deny", 4),
        ("verdict:deny agent:bot human:ada", 4),
        ("-verdict:allow kind:intent", 8),
        ("task:t-77", 10),
        ("task:t-77,t-1500 rule:often", 19),
        ("code:c.d", 4),
        ("effect:unknown kind:intent", 6),
        ("would:deny", 0),
        ("subject:human:person-777 what:people.offboard,people.restore kind:change", 1),
        ("subject:agent:none kind:change", 0),
    ] {
        let steps = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&steps);
        let count = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            false
        };
        log.connection.progress_handler(1, Some(count)).unwrap();
        let query = Query { limit: 1_000, ..Query::parse(text, UnixMicros(0)).unwrap() };
        let found = log.find(&query).unwrap().len();
        log.connection.progress_handler(1, None::<fn() -> bool>).unwrap();
        assert_eq!(found, expected, "{text}");
        let steps = steps.load(Ordering::Relaxed);
        assert!(steps < 30_000, "{text}: {steps} steps");
    }
}

#[test]
fn the_guides_sql_is_true() {
    let (_dir, mut log) = fresh();
    log.append(&[intent(1, "bot", "ada", "crm/read", Verdict::Deny), change(2)], &[]).unwrap();
    let guide = include_str!("../../../../docs/guide/trace.md");
    let blocks = guide.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("sql\n"));
    let statements: Vec<&str> =
        blocks.flat_map(|block| block.split(";\n")).filter(|sql| !sql.trim().is_empty()).collect();
    assert!(statements.len() >= 4);
    for sql in statements {
        let rows = log.connection.prepare(sql).unwrap().query_map([], |_| Ok(())).unwrap().count();
        assert!(rows > 0 || sql.contains("86400"), "{sql}");
    }
}

/// Everything a view shows can be read, and means what it says.
#[test]
fn views_are_readable() {
    let (_dir, mut log) = fresh();
    let wide = CallId::from_bits(u128::MAX - 12345);
    let rows =
        [intent(1, "bot", "ada", "crm/read", Verdict::Allow), ended(1, 2, 1), change(3), observed(4), change_of(&wide)];
    log.append(&rows, &[]).unwrap();
    let one = |sql: &str| -> String {
        log.connection.query_row(sql, [], |row| row.get::<_, Option<String>>(0)).unwrap().unwrap_or_default()
    };
    assert_eq!(one("SELECT call FROM calls WHERE sequence = 1"), call(1).as_str());
    assert_eq!(one("SELECT id FROM records WHERE sequence = 3"), call(3).as_str());
    assert_eq!(one("SELECT change FROM changes ORDER BY sequence DESC"), wide.as_str());
    assert_eq!(
        one(
            "SELECT concat_ws(' ', time, agent, human, app, tool, class, method, verdict, rules, effect, status, code, \
             ended_after_us) FROM calls WHERE sequence = 1"
        ),
        "2025-11-21T12:00:00.001000Z bot ada crm read read tools/call allow crm.reads not_executed failed c.d 1000"
    );
    assert_eq!(one("SELECT would FROM calls WHERE sequence = 4"), "deny");
    assert_eq!(one("SELECT what FROM changes WHERE sequence = 3"), "people.offboard");
    assert_eq!(one("SELECT CAST(count(*) AS TEXT) FROM changes"), "2");
    assert_eq!(one("SELECT group_concat(kind, ' ') FROM records"), "intent outcome change intent change");
    assert_eq!(
        one("SELECT concat_ws(' ', agent, tool, calls, first) FROM used_tools WHERE tool = 'find'"),
        "bot find 1 2025-11-21T12:00:00Z"
    );
}

#[test]
fn what_is_kept_of_a_person_is_counted_in_those_records_alone() {
    let (_dir, log) = fresh();
    let plan = crate::questions::plan_of_kept(&log.connection);
    let by_place = "SEARCH r USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)";
    assert!(plan.contains(by_place) && !plan.contains("SCAN"), "{plan}");
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
