use model::Verdict;
use rusqlite::Connection;
use trace::{LogReader, LogStore, Row};

use crate::samples::{asked_in, change_about, ended};
use crate::{Durability, SqliteLog, SqliteReader};

/// Calls of three agents and what became of them, with a change now and then, over three spans. Record 1501 is a refusal, and 2002 the
/// outcome of 2001, written later than that.
pub(crate) fn rows(first: u16, last: u16) -> Vec<Row> {
    (first..=last).map(row).collect()
}

fn row(number: u16) -> Row {
    let agent = ["bot", "eve", "max"][usize::from(number / 2 % 3)];
    let human = ["ada", "bob"][usize::from(number / 2 % 2)];
    let (verdict, rule) = if number == 1_501 { (Verdict::Deny, "no-more") } else { (Verdict::Allow, "reads") };
    match number {
        700 | 2_500 => change_about(number, "people.offboard", "human:ada", Some("ada")),
        900 => change_about(number, "app.pause", "app:crm", None),
        number if number % 2 == 0 => ended(number - 1, number, u64::from(number % 400 / 2)),
        number => {
            let task = format!("t-{}", number / 100);
            let tool = if number % 11 == 0 { "crm/crm://one" } else { "crm/read" };
            asked_in(number, agent, human, tool, verdict, &task, rule)
        }
    }
}

/// What is done to the tables, and the record that is named.
const TAMPERED: [(&str, &str, u64); 16] = [
    ("somebody is nobody", "UPDATE record SET human = NULL WHERE sequence = 1201", 1_201),
    (
        "a name leads past a block",
        "UPDATE met SET blocks = blocks & ~(1 << 10) WHERE name = ?n:bot AND span = 1",
        1_345,
    ),
    ("a name leads nowhere in a span", "DELETE FROM met WHERE name = ?n:eve AND span = 1", 1_029),
    ("a rule leads nowhere", "DELETE FROM met WHERE name = ?n:rule:no-more", 1_501),
    ("refusals lead nowhere", "DELETE FROM met WHERE name = ?n:deny", 1_501),
    ("a person leads nowhere", "DELETE FROM met WHERE name = -15 - (SELECT human FROM record WHERE sequence = 1)", 1),
    ("changes lead nowhere", "DELETE FROM met WHERE name = -3 AND span = 2", 2_500),
    ("what a change concerns leads nowhere", "DELETE FROM met WHERE name < -1099511627776", 700),
    ("how a call ended leads nowhere", "DELETE FROM met WHERE name = ?n:code:a.b AND span = 1", 1_199),
    ("a leaf of a sort has lost its words", "DELETE FROM facet WHERE name = ?n:rule:no-more", 1_501),
    ("a task leads nowhere", "DELETE FROM task WHERE span = 2", 2_049),
    ("a time leads nowhere", "UPDATE span SET last_at = last_at - 1000000 WHERE block = 1", 1_048),
    ("an outcome is named no more", "UPDATE record SET outcome = NULL WHERE sequence = 1201", 1_202),
    ("a refusal is not counted", "DELETE FROM used WHERE verdict = ?n:deny", 1_501),
    ("calls are counted that nobody made", "UPDATE used SET calls = calls + 1 WHERE verdict = ?n:deny", 1_501),
    ("somebody is counted who never called", "INSERT INTO used VALUES(?n:bot, 77, ?n:crm, 0, ?n:allow, 1, 1, 1)", 1),
];

#[test]
fn what_no_question_finds_any_more_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.db");
    let mut log = SqliteLog::open(&path, Durability::DangerOff).unwrap();
    for first in (1..=2_600).step_by(200) {
        log.append(&rows(first, first + 199), &[]).unwrap();
    }
    drop(log);
    let lost = || SqliteReader::open(&path).unwrap().lost(&mut |_| {}).unwrap();
    assert_eq!(lost(), None);
    let whole = std::fs::read(&path).unwrap();
    for (what, edit, sequence) in TAMPERED {
        let tables = Connection::open(&path).unwrap();
        let changed = tables.execute(&with_numbers(edit), []).unwrap();
        drop(tables);
        let found = lost();
        assert!(changed > 0 && found.as_ref().is_some_and(|found| found.sequence == sequence), "{what}: {found:?}");
        std::fs::write(&path, &whole).unwrap();
    }
}

/// `?n:x` stands for the number of the name `x`.
pub(crate) fn with_numbers(edit: &str) -> String {
    let mut parts = edit.split("?n:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find([' ', ',', ')']).unwrap_or(part.len());
        let (name, rest) = part.split_at(end);
        out.push_str(&format!("(SELECT id FROM name WHERE text = '{name}'){rest}"));
    }
    out
}
