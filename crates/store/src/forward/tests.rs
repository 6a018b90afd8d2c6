use std::path::Path;

use rusqlite::Transaction;
use trace::{Entry, Field, LogReader as _, LogStore as _, Query, UseOf, verify_leaf};

use super::*;
use crate::frame::short_sum;
use crate::reader::SqliteReader;
use crate::records::kind_number;
use crate::samples::{change, intent, outcome};
use crate::sqlite::{Durability, SqliteLog};

/// A database as the last version wrote it that did not seal bodies.
struct Before<'t> {
    tables: Transaction<'t>,
    known: Known,
}

impl Before<'_> {
    /// Version 5, or 4, which had no tree.
    fn write(path: &Path, version: usize, rows: &[trace::Row]) {
        let mut connection = Connection::open(path).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA secure_delete = ON").unwrap();
        for step in [include_str!("../schema/4.sql"), include_str!("../schema/5.sql")].iter().take(version - 3) {
            connection.execute_batch(step).unwrap();
        }
        connection.execute("INSERT INTO meta(key, value) VALUES ('schema', ?1)", [version.to_string()]).unwrap();
        let mut before = Before { tables: connection.transaction().unwrap(), known: Known::default() };
        for (sequence, row) in (1..).zip(rows) {
            before.write_one(sequence, row);
        }
        before.tables.commit().unwrap();
    }

    fn write_one(&mut self, sequence: i64, row: &trace::Row) {
        let Self { tables, known } = self;
        let leaf = known.template(tables, row.leaf.template()).unwrap();
        let body = known.template(tables, row.body.template()).unwrap();
        let mut name = |text: Option<&str>| text.map(|text| known.name(tables, text).unwrap());
        let (agent, human) =
            (name(row.agent.as_ref().map(|id| id.as_str())), name(row.human.as_ref().map(|id| id.as_str())));
        let (app, tool) = (name(row.app.as_ref().map(|id| id.as_str())), name(row.tool.as_ref().map(|id| id.as_str())));
        let (class, verdict) = (name(row.class.map(Class::as_str)), name(row.verdict.map(Verdict::as_str)));
        let facets = known.facets(tables, leaf, || row.leaf_text()).unwrap();
        let (high, low) = halves(row.call.bits());
        let insert = "INSERT INTO record(sequence, kind, call_high, call_low, at, leaf, body, leaf_hash, leaf_values, \
             body_values, agent, human, app, tool, class, verdict, task) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
        let task = row.task.as_ref().map(|task| short_sum(task.as_str()));
        let (hash, kind) = (row.leaf_hash.as_bytes(), kind_number(row.kind));
        let values = params![
            sequence,
            kind,
            high,
            low,
            row.at.0,
            leaf,
            body,
            hash,
            row.leaf.values(),
            row.body.values(),
            agent,
            human,
            app,
            tool,
            class,
            verdict,
            task
        ];
        tables.execute(insert, values).unwrap();
        let change = (row.kind == RecordKind::Change).then_some(-kind);
        for name in [agent, human, app, tool, class, change].into_iter().flatten().chain(facets.iter().copied()) {
            tables.execute("INSERT OR IGNORE INTO seen VALUES (?1, ?2)", [name, sequence >> 5]).unwrap();
        }
        tables.execute("INSERT OR REPLACE INTO span VALUES (0, 0, ?1)", [i64::MAX]).unwrap();
        if row.kind == RecordKind::Intent {
            let count =
                "INSERT INTO used VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?6) ON CONFLICT DO UPDATE SET calls = calls + 1";
            tables.execute(count, params![agent, human, app, tool, verdict, row.at.0]).unwrap();
        }
    }
}

fn rows() -> Vec<trace::Row> {
    let mut rows = vec![change(1), intent(2, "bot", "ada", "crm/read", Verdict::Allow), outcome(2, 3)];
    rows.push(intent(4, "canary-bob", "canary-bob", "crm/read", Verdict::Deny));
    rows.push(intent(5, "bot", "canary-cy", "crm/read", Verdict::Deny));
    rows.extend((10..1_100).map(|number| intent(number, "bot", "ada", "mail/send", Verdict::Hold)));
    rows
}

#[test]
fn records_of_the_version_before_come_along_and_are_sealed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.db");
    let rows = rows();
    Before::write(&path, 5, &rows);
    let mut log = SqliteLog::open(&path, Durability::DangerOff).unwrap();
    let reader = SqliteReader::open(&path).unwrap();
    let all = reader.find(&Query { newest_first: false, limit: 5_000, ..Query::default() }).unwrap();
    assert_eq!(all.len(), rows.len());
    for (entry, row) in all.iter().zip(&rows) {
        assert_eq!(verify_leaf(entry), Ok(()));
        assert_eq!((&entry.body, &entry.human), (&row.body_text(), &row.human.as_ref().map(ToString::to_string)));
    }
    let found = |field, value: &str| -> Vec<u64> {
        let found = reader.find(&Query { newest_first: false, ..Query::default() }.with(field, value)).unwrap();
        found.iter().map(|entry: &Entry| entry.sequence).take(3).collect()
    };
    assert_eq!(found(Field::Human, "ada"), [2, 6, 7]);
    assert_eq!(found(Field::Human, "canary-bob"), [4]);
    assert_eq!(found(Field::Agent, "canary-bob"), [4], "an agent of the same name keeps it");
    assert_eq!(found(Field::Human, "canary-cy"), [5]);
    let uses = reader.uses(UseOf::Human("ada")).unwrap();
    assert_eq!(uses.iter().map(|used| used.calls).sum::<u64>(), 1_091);
    // The outcome goes with the person of its call, and the change with nobody: its body names no `human:`.
    assert_eq!(reader.kept_of("ada").unwrap().unwrap().records, 1_092);
    assert_eq!(
        log.append(&[intent(2_000, "bot", "ada", "crm/read", Verdict::Allow)], &[]).unwrap(),
        rows.len() as u64 + 1
    );
    assert_eq!(reader.kept_of("ada").unwrap().unwrap().subjects.len(), 1);

    let subjects = reader.kept_of("canary-cy").unwrap().unwrap().subjects;
    log.erase(&subjects).unwrap();
    drop(log);
    for canary in ["canary-cy", "people of sales", "os-user:root"] {
        for file in ["trace.db", "trace.db-wal"] {
            let bytes = std::fs::read(dir.path().join(file)).unwrap_or_default();
            let found = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
            assert!(!found, "{canary} in {file}");
        }
    }
}

#[test]
fn a_log_of_a_version_without_a_tree_gets_one() {
    let dir = tempfile::tempdir().unwrap();
    let [older, newer] = ["older.db", "newer.db"].map(|name| dir.path().join(name));
    let rows = rows();
    Before::write(&older, 4, &rows);
    let mut new = SqliteLog::open(&newer, Durability::DangerOff).unwrap();
    new.append(&rows, &[]).unwrap();
    let brought = SqliteLog::open(&older, Durability::DangerOff).unwrap();
    assert_eq!(brought.tree().unwrap().tree(), new.tree().unwrap().tree());
    assert_eq!(brought.tree().unwrap().size(), rows.len() as u64);
}

#[test]
fn what_only_the_redo_log_of_an_older_version_holds_is_not_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.db");
    Before::write(&path, 5, &[change(1)]);
    let place = "4294967296:0:7";
    Connection::open(&path).unwrap().execute("INSERT INTO meta(key, value) VALUES ('redo', ?1)", [place]).unwrap();
    let numbers = [u64::from_le_bytes(*b"csredo 3"), 4_096, 0, 4_294_967_296, 7, 2, 0, 0];
    let frame: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    std::fs::write(dir.path().join("trace.db-redo0"), &frame).unwrap();
    let fault = SqliteLog::open(&path, Durability::DangerOff).unwrap_err();
    assert_eq!(fault.code(), "store.older");
    assert!(fault.hint().unwrap().contains("start that version once"));
    // One of an earlier time is nothing.
    std::fs::write(dir.path().join("trace.db-redo0"), [&frame[..32], &[6; 32]].concat()).unwrap();
    assert!(SqliteLog::open(&path, Durability::DangerOff).is_ok());
}
