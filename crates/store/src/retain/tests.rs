use model::Verdict;
use trace::{Due, LogReader as _, LogStore as _, Query, Retention};

use super::*;
use crate::ahead::AheadLog;
use crate::reader::SqliteReader;
use crate::samples::{asked_in, at, change, intent};
use crate::sqlite::{Durability, SqliteLog};

/// Four partitions of one person's calls, all but the last ones to be let go.
fn filled(path: &Path) -> SqliteLog {
    let mut log = SqliteLog::open(path, Durability::DangerOff).unwrap();
    for start in (0..4_096).step_by(1_024) {
        let rows: Vec<_> = (start..start + 1_024)
            .map(|number| {
                let task = format!("canary-task-{number}");
                asked_in(number, "bot", "ada", "crm/read", Verdict::Allow, &task, &format!("rule-{start}"))
            })
            .collect();
        log.append(&rows, &[]).unwrap();
    }
    let reader = SqliteReader::open(path).unwrap();
    let due = Due::of(&reader, at(3_500), &[]).unwrap().unwrap();
    assert_eq!(due.to, 3_072);
    log.append(&[change(5_000)], &[due.state(at(3_500))]).unwrap();
    log
}

fn count(log: &Path, sql: &str) -> i64 {
    Connection::open(log).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn each_step_says_how_far_it_has_come_and_the_next_opening_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.db");
    let log = filled(&path);
    drop(log);
    let tables = &mut Connection::open(&path).unwrap();
    let done = |path: &Path| {
        let reader = SqliteReader::open(path).unwrap();
        let retention = Retention::of(&reader).unwrap().unwrap();
        let left = reader.find(&Query { limit: usize::MAX, newest_first: false, ..Query::default() }).unwrap();
        let without = left.iter().take_while(|entry| entry.body.is_none()).count() as u64;
        assert_eq!(without + 1, retention.done_to, "the texts that are gone are those that are said to be");
        assert!(left.iter().skip(without as usize).all(|entry| entry.body.is_some()));
        (retention.done_to, retention.finished)
    };
    assert_eq!(done(&path), (1, false));
    let_go(tables, 1, 1_024, false).unwrap();
    assert_eq!(done(&path), (1_024, false));
    // A step that does not come to its end has done nothing.
    tables.execute_batch("CREATE TRIGGER t BEFORE UPDATE ON state BEGIN SELECT RAISE(ABORT, 'no'); END").unwrap();
    let_go(tables, 1_024, 2_048, false).unwrap_err();
    assert_eq!(done(&path), (1_024, false));
    tables.execute_batch("DROP TRIGGER t").unwrap();
    // The thread of the next opening does the rest by itself.
    let log = AheadLog::open(&path, Durability::DangerOff).unwrap();
    let ended = (0..2_000).any(|_| {
        std::thread::sleep(LOOK_AGAIN_AFTER);
        done(&path) == (3_072, true)
    });
    assert!(ended);
    drop(log);
    assert_eq!(count(&path, "SELECT count(*) FROM sealed"), count(&path, "SELECT count(DISTINCT body) FROM record"));
}

#[test]
fn the_file_becomes_smaller_and_holds_nothing_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.db");
    let mut log = filled(&path);
    let before = count(&path, "PRAGMA page_count");
    let texts = count(&path, "SELECT sum(length(body_values)) FROM record WHERE sequence < 3072");
    while log.let_go().unwrap() {}
    let (after, free) = (count(&path, "PRAGMA page_count"), count(&path, "PRAGMA freelist_count"));
    let pages = texts / count(&path, "PRAGMA page_size");
    let said = format!("{before} pages became {after}, {free} of them free, and texts were {pages} of them");
    assert!((before - after) * 2 > pages && pages > 10 && free == 0, "{said}");
    assert_eq!(count(&path, "SELECT count(*) FROM record WHERE sequence < 3072 AND body_values IS NOT NULL"), 0);
    assert_eq!(count(&path, "SELECT count(*) FROM record WHERE sequence < 3072 AND human IS NOT NULL"), 0);
    let check: String =
        Connection::open(&path).unwrap().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

#[test]
fn the_index_does_not_know_any_more_for_whom_and_in_which_task_calls_were_made() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.db");
    let mut log = filled(&path);
    let of = |place: &str| {
        let people = "name IN (SELECT -15 - number FROM subject_key)";
        let met = count(&path, &format!("SELECT count(*) FROM met WHERE {people} AND span {place}"));
        (met, count(&path, &format!("SELECT count(*) FROM task WHERE span {place}")))
    };
    assert_eq!(of("< 3"), (3, 3));
    while log.let_go().unwrap() {}
    assert_eq!(of("< 3"), (0, 0));
    assert_eq!(of(">= 3"), (2, 2), "what stays is found");
    let reader = SqliteReader::open(&path).unwrap();
    let of_ada = Query { limit: usize::MAX, ..Query::default() }.with(trace::Field::Human, "ada");
    assert_eq!(reader.find(&of_ada).unwrap().len(), 1_024 + 1);
}

/// The next goal comes while what the last one left is still looked for.
#[test]
fn what_is_let_go_while_somebody_looks_is_looked_through_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.db");
    drop(filled(&path));
    let (tables, known) = (&mut Connection::open(&path).unwrap(), &mut Known::default());
    put(tables, RETAIN_TO_KEY, 1_025).unwrap();
    assert!(LettingGo::default().step(tables, known).unwrap());
    let (go_on, waits) = std::sync::mpsc::channel();
    let seen = unused(tables).unwrap();
    assert_eq!(seen.templates.len(), 1);
    let looks = std::thread::spawn(move || {
        waits.recv().unwrap();
        Ok(seen)
    });
    let mut letting_go = LettingGo { looking: Some(looks), giving_back: false };
    put(tables, RETAIN_TO_KEY, 3_072).unwrap();
    for _ in 0..3 {
        assert!(letting_go.step(tables, known).unwrap());
    }
    go_on.send(()).unwrap();
    while letting_go.step(tables, known).unwrap() {}
    assert_eq!(number(tables, RETAINED_TO_KEY).unwrap(), Some(3_072));
    assert_eq!(count(&path, "SELECT count(*) FROM sealed"), count(&path, "SELECT count(DISTINCT body) FROM record"));
}

/// A template that is used again while nobody knows that it is unused any more.
#[test]
fn what_came_into_use_again_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.db");
    let mut log = SqliteLog::open(&path, Durability::DangerOff).unwrap();
    let asked = |number, human| intent(number, "bot", human, "crm/read", Verdict::Allow);
    log.append(&[asked(1, "ada"), asked(2, "bob")], &[]).unwrap();
    let tables = &mut Connection::open(&path).unwrap();
    let_go(tables, 1, 3, true).unwrap();
    let unused = unused(tables).unwrap();
    assert_eq!((unused.templates.len(), unused.up_to), (2, 2));
    log.append(&[asked(3, "bob")], &[]).unwrap();
    remove(tables, unused).unwrap();
    assert_eq!(count(&path, "SELECT count(*) FROM sealed"), 1);
    let reader = SqliteReader::open(&path).unwrap();
    assert!(reader.find(&Query { limit: 1, ..Query::default() }).unwrap()[0].body.is_some());
}
