use std::path::Path;

use model::Verdict;
use trace::{ERASED, LogReader as _, LogStore as _, Query, Row, StateWrite, UseOf, verify_leaf};

use crate::ahead::AheadLog;
use crate::reader::SqliteReader;
use crate::samples::{change, intent, outcome, put};
use crate::sqlite::{Durability, SqliteLog};

use super::*;

const PERSON: &str = "canary-ada@example.com";

fn rows() -> Vec<Row> {
    vec![
        intent(1, "bot", PERSON, "crm/read", Verdict::Allow),
        outcome(1, 2),
        intent(3, "bot", "bob", "crm/read", Verdict::Allow),
        intent(4, "bot", PERSON, "mail/send", Verdict::Deny),
        change(5),
    ]
}

/// What goes with the record of an erasure.
fn erasing(subjects: &[u32]) -> StateWrite {
    let numbers: Vec<String> = subjects.iter().map(ToString::to_string).collect();
    StateWrite { kind: SETTLED_KIND.to_owned(), key: ERASING_KEY.to_owned(), value: Some(numbers.join(",")) }
}

/// Whether a text stands anywhere in the files of this folder.
fn stands_in(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(stands_in(&entry.path(), text));
            continue;
        }
        let bytes = std::fs::read(entry.path()).unwrap();
        if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    found
}

#[test]
fn what_is_about_a_person_goes_and_the_rest_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.db");
    let mut log = AheadLog::open(&path, Durability::DangerOff).unwrap();
    log.append(&rows(), &[put(PERSON, Some("left")), put("bob", Some("here"))]).unwrap();
    let reader = SqliteReader::open(&path).unwrap();
    assert_eq!(reader.find(&Query::default().with(trace::Field::Human, PERSON)).unwrap().len(), 2);
    let kept = reader.kept_of(PERSON).unwrap().unwrap();
    assert_eq!((kept.records, kept.sequences, kept.subjects.len()), (2, (1, 4), 1));
    assert!(!stands_in(dir.path(), PERSON).is_empty());

    log.append(&[change(6)], &[put(PERSON, None), erasing(&kept.subjects)]).unwrap();
    log.erase(&kept.subjects).unwrap();
    // The first one after it, too: of the same person, under another key.
    log.append(&[intent(7, "bot", "bob", "crm/read", Verdict::Allow)], &[]).unwrap();
    assert_eq!(stands_in(dir.path(), PERSON), Vec::<String>::new());

    let all = reader.find(&Query { newest_first: false, ..Query::default() }).unwrap();
    assert_eq!(all.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
    for entry in &all {
        assert_eq!(verify_leaf(entry), Ok(()), "{}", entry.sequence);
        let gone = [1, 4].contains(&entry.sequence);
        assert_eq!((entry.body.is_none(), entry.human.is_none()), (gone, gone || entry.verdict.is_none()));
    }
    assert_eq!(reader.kept_of(PERSON).unwrap(), None);
    assert!(reader.uses(UseOf::Human(PERSON)).unwrap().is_empty());
    let counted = reader.counted(&Query::default().with(trace::Field::Agent, "bot")).unwrap();
    for uses in [reader.uses(UseOf::Agent("bot")).unwrap(), counted] {
        assert_eq!(uses.iter().filter(|used| used.human == ERASED).map(|used| used.calls).sum::<u64>(), 2);
    }
    assert_eq!(reader.state("person").unwrap(), [("bob".to_owned(), "here".to_owned())]);
    assert!(reader.state(SETTLED_KIND).unwrap().is_empty(), "nothing is left to finish");

    log.append(&[intent(8, "bot", PERSON, "crm/read", Verdict::Allow)], &[]).unwrap();
    assert_eq!(reader.kept_of(PERSON).unwrap().unwrap().sequences, (8, 8));
    drop(log);
    assert_eq!(reader.find(&Query::default().with(trace::Field::Human, PERSON)).unwrap().len(), 1);
}

#[test]
fn an_erasure_that_was_broken_off_is_finished_by_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.db");
    let mut log = AheadLog::open(&path, Durability::DangerOff).unwrap();
    log.append(&rows(), &[]).unwrap();
    let kept = SqliteReader::open(&path).unwrap().kept_of(PERSON).unwrap().unwrap();
    log.append(&[change(6)], &[erasing(&kept.subjects)]).unwrap();
    // Killed right behind its record: nothing is destroyed yet.
    std::mem::forget(log);
    assert!(!stands_in(dir.path(), PERSON).is_empty());
    let log = AheadLog::open(&path, Durability::DangerOff).unwrap();
    assert_eq!(stands_in(dir.path(), PERSON), Vec::<String>::new());
    let reader = SqliteReader::open(&path).unwrap();
    assert_eq!(reader.kept_of(PERSON).unwrap(), None);
    assert!(reader.state(SETTLED_KIND).unwrap().is_empty());
    drop(log);
}

#[test]
fn a_key_that_may_be_destroyed_is_used_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.db");
    let mut log = AheadLog::open(&path, Durability::DangerOff).unwrap();
    log.append(&rows(), &[]).unwrap();
    let reader = SqliteReader::open(&path).unwrap();
    let subjects = reader.kept_of(PERSON).unwrap().unwrap().subjects;
    log.append(&[change(6)], &[erasing(&subjects)]).unwrap();
    // The disk fails in the middle: somebody else holds the tables.
    let other = Connection::open(&path).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(600));
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(log.erase(&subjects).unwrap_err().code(), "store.locked");
    other.execute_batch("ROLLBACK").unwrap();
    log.append(&[intent(8, "bot", PERSON, "crm/read", Verdict::Allow)], &[]).unwrap();
    assert_eq!(reader.kept_of(PERSON).unwrap().unwrap().subjects.len(), 2, "the old one still, and a new one");
    std::mem::forget(log);
    drop(AheadLog::open(&path, Durability::DangerOff).unwrap());
    let kept = reader.kept_of(PERSON).unwrap().unwrap();
    assert_eq!((kept.records, kept.sequences), (1, (7, 7)));
    assert!(!kept.subjects.contains(&subjects[0]));
}

#[test]
fn no_body_stands_anywhere_in_plain_text() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.db");
    let mut log = AheadLog::open(&path, Durability::DangerOff).unwrap();
    log.append(&rows(), &[]).unwrap();
    let canaries = ["people of sales may read", "jti-1", "\"access\"", "os-user:root", "arguments_digest"];
    for canary in canaries {
        assert_eq!(stands_in(dir.path(), canary), Vec::<String>::new(), "{canary}");
    }
    drop(log);
    for canary in canaries {
        assert_eq!(stands_in(dir.path(), canary), Vec::<String>::new(), "{canary}");
    }
}

#[test]
fn without_the_key_around_the_keys_nothing_opens_and_nothing_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.db");
    let mut log = SqliteLog::open(&path, Durability::DangerOff).unwrap();
    log.append(&rows(), &[]).unwrap();
    drop(log);
    let key = dir.path().join("trace-keys/bodies.key");
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    let reader = SqliteReader::open(&path).unwrap();
    assert_eq!(reader.last_sequence().unwrap(), 5);
    let fault = reader.find(&Query::default()).unwrap_err();
    assert_eq!(fault.code(), "store.missing");
    assert!(fault.hint().unwrap().contains("bodies.key"));
    assert_eq!(reader.counted(&Query::default()).unwrap().len(), 3, "counting opens no body");
    assert_eq!(SqliteLog::open(&path, Durability::DangerOff).unwrap_err().code(), "store.missing");
    assert!(!key.exists());
    std::fs::write(&key, kept).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(SqliteReader::open(&path).unwrap_err().code(), "store.key", "others may read it");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(SqliteReader::open(&path).unwrap().find(&Query::default()).unwrap().len(), 5);
}
