//! What is kept of a person goes from the tables of a server.

use std::path::Path;
use std::time::Duration;

use trace::{ERASED, ERASING_KEY, SETTLED_KIND, StateWrite, StoreFaultKind, UseOf};

use super::super::keys;
use super::super::link::{Link, stopwatch};
use super::super::session::{PATH, TIME_MAX};
use super::*;

const PERSON: &str = "canary-ada@example.com";

fn filled(address: &Address) -> (PostgresLog, PostgresReader, Vec<u32>) {
    let (mut log, reader) = both(address);
    let rows = [
        intent(1, "bot", PERSON, "crm/read", Verdict::Allow),
        outcome(1, 2),
        intent(3, "bot", "bob", "crm/read", Verdict::Allow),
        intent(4, "bot", PERSON, "mail/send", Verdict::Deny),
        change(5),
    ];
    log.append(&rows, &[put(PERSON, Some("left")), put("bob", Some("here"))]).unwrap();
    let kept = reader.kept_of(PERSON).unwrap().unwrap();
    assert_eq!((kept.records, kept.sequences), (2, (1, 4)));
    (log, reader, kept.subjects)
}

fn erasing(subjects: &[u32]) -> StateWrite {
    let numbers: Vec<String> = subjects.iter().map(ToString::to_string).collect();
    StateWrite { kind: SETTLED_KIND.to_owned(), key: ERASING_KEY.to_owned(), value: Some(numbers.join(",")) }
}

/// The files of tables in which this text stands. What the server has written lately it may have in memory only.
fn stands_in(server: &PostgresServer, text: &str) -> Vec<String> {
    server.sql("postgres", "CHECKPOINT").unwrap();
    let mut found = Vec::new();
    let mut folders = vec![server.socket().join("data/base")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if holds(&entry.path(), text) {
                found.push(entry.path().display().to_string());
            }
        }
    }
    found
}

/// A file may go meanwhile.
fn holds(file: &Path, text: &str) -> bool {
    std::fs::read(file).is_ok_and(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

fn nothing_is_left(server: &PostgresServer, reader: &PostgresReader) {
    assert_eq!(stands_in(server, PERSON), Vec::<String>::new());
    assert_eq!(reader.kept_of(PERSON).unwrap(), None);
    assert!(reader.uses(UseOf::Human(PERSON)).unwrap().is_empty());
    assert!(reader.state(SETTLED_KIND).unwrap().is_empty(), "nothing is left to finish");
    let all = reader.find(&Query { newest_first: false, ..Query::default() }).unwrap();
    for entry in &all {
        assert_eq!(verify_leaf(entry), Ok(()), "{}", entry.sequence);
        assert_eq!(entry.body.is_none(), [1, 4].contains(&entry.sequence), "{}", entry.sequence);
    }
}

#[test]
fn what_is_about_a_person_goes_and_the_rest_stays() {
    let server = PostgresServer::start().unwrap();
    let (mut log, reader, subjects) = filled(&address(&server, "erased"));
    assert!(!stands_in(&server, PERSON).is_empty());
    log.append(&[change(6)], &[put(PERSON, None), erasing(&subjects)]).unwrap();
    log.erase(&subjects).unwrap();
    log.append(&[intent(7, "bot", "bob", "crm/read", Verdict::Allow)], &[]).unwrap();
    nothing_is_left(&server, &reader);
    let counted = reader.counted(&Query::default().with(trace::Field::Agent, "bot")).unwrap();
    for uses in [reader.uses(UseOf::Agent("bot")).unwrap(), counted] {
        assert_eq!(uses.iter().filter(|used| used.human == ERASED).map(|used| used.calls).sum::<u64>(), 2);
    }
    assert_eq!(reader.state("person").unwrap(), [("bob".to_owned(), "here".to_owned())]);
    log.append(&[intent(8, "bot", PERSON, "crm/read", Verdict::Allow)], &[]).unwrap();
    let again = reader.kept_of(PERSON).unwrap().unwrap();
    assert_eq!(again.sequences, (8, 8));
    assert!(!again.subjects.contains(&subjects[0]), "whoever comes back is somebody new");
}

#[test]
fn an_erasure_that_was_broken_off_is_finished_by_the_next_start() {
    let server = PostgresServer::start().unwrap();
    let address = address(&server, "broken_off");
    let (mut log, reader, subjects) = filled(&address);
    log.append(&[change(6)], &[put(PERSON, None), erasing(&subjects)]).unwrap();
    drop(log);
    assert!(!stands_in(&server, PERSON).is_empty());
    drop(PostgresLog::open(&address).unwrap());
    nothing_is_left(&server, &reader);
}

#[test]
fn an_erasure_while_a_backup_reads_stops_nobody() {
    let server = PostgresServer::start().unwrap();
    let address = address(&server, "read");
    let (mut log, reader, subjects) = filled(&address);
    log.append(&[change(6)], &[put(PERSON, None), erasing(&subjects)]).unwrap();
    let backup = reads_at_length(&address);
    assert_eq!(log.erase(&subjects).unwrap_err().kind(), StoreFaultKind::Locked);
    assert_eq!(reader.kept_of(PERSON).unwrap(), None, "the key is gone");
    log.append(&[intent(7, "bot", PERSON, "crm/read", Verdict::Allow)], &[]).unwrap();
    let again = reader.kept_of(PERSON).unwrap().unwrap();
    assert!(!again.subjects.contains(&subjects[0]), "what comes is under another key");
    log.append(&[change(8)], &[erasing(&again.subjects)]).unwrap();
    assert_eq!(log.erase(&again.subjects).unwrap_err().kind(), StoreFaultKind::Locked);

    // A link that is lost, and a gateway that starts, while the backup still reads.
    server.sql("read", "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'").unwrap();
    log.append(&[intent(9, "bot", "bob", "crm/read", Verdict::Allow)], &[]).unwrap();
    drop(log);
    let mut log = PostgresLog::open(&address).unwrap();
    log.append(&[intent(10, "bot", "bob", "crm/read", Verdict::Allow)], &[]).unwrap();
    assert!(!log.let_go().unwrap(), "what an erasure left is none of what is let go");
    drop(backup);
    finished(&mut log, &reader);
    assert_eq!(stands_in(&server, PERSON), Vec::<String>::new());
    assert!(reader.state(SETTLED_KIND).unwrap().is_empty(), "nothing is left to finish");
    log.append(&[change(11)], &[erasing(&[70, 80])]).unwrap();
    assert!(!log.let_go().unwrap());
    let number = server.sql("read", "SELECT id FROM countersign.log").unwrap().trim().parse().unwrap();
    let unclear = |mark: &str| keys::Unclear { mark: mark.to_owned(), behind: "3".to_owned() };
    keys::clear_beside(&address, number, &unclear("70")).unwrap();
    assert_eq!(reader.state(SETTLED_KIND).unwrap().len(), 1, "the mark of another erasure stays");
    keys::clear_beside(&address, number, &unclear("70,80")).unwrap();
    assert!(reader.state(SETTLED_KIND).unwrap().is_empty());
}

/// The server keeps for a reader whatever it may still ask for, and the reader holds a lock on none of it.
#[test]
fn an_erasure_waits_for_whoever_reads_another_table() {
    let server = PostgresServer::start().unwrap();
    let address = address(&server, "elsewhere");
    let (mut log, reader, subjects) = filled(&address);
    let sweep = Link::open(address.config("a sweep")).unwrap();
    let say = |sql: &str| sweep.wait(TIME_MAX, sweep.client.batch_execute(sql)).unwrap();
    say("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT FROM countersign.record");
    log.append(&[change(6)], &[put(PERSON, None), erasing(&subjects)]).unwrap();
    assert_eq!(log.erase(&subjects).unwrap_err().kind(), StoreFaultKind::Locked);
    assert_eq!(reader.kept_of(PERSON).unwrap(), None, "the key is gone");
    // Nor does a thread that has its time say so, nor a gateway that starts.
    let number = server.sql("elsewhere", "SELECT id FROM countersign.log").unwrap().trim().parse().unwrap();
    let link = Link::open(address.config("another")).unwrap();
    link.wait(TIME_MAX, link.client.batch_execute(PATH)).unwrap();
    let now = keys::forget(&link, number, &subjects).unwrap();
    assert!(keys::clear_beside(&address, number, &now).is_err_and(|failure| !failure.lost));
    drop(log);
    let mut log = PostgresLog::open(&address).unwrap();
    assert_eq!(reader.state(SETTLED_KIND).unwrap().len(), 1, "it is not said to be done");
    assert!(!stands_in(&server, PERSON).is_empty());
    say("COMMIT");
    finished(&mut log, &reader);
    nothing_is_left(&server, &reader);
}

/// As somebody who may read and write all of the tables, and owns none.
#[test]
fn whoever_may_not_clear_the_tables_is_told() {
    let server = PostgresServer::start().unwrap();
    let owner = address(&server, "owned");
    drop(filled(&owner));
    let granted = "CREATE ROLE second LOGIN; GRANT USAGE ON SCHEMA countersign TO second; \
                   GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA countersign TO second";
    server.sql("owned", granted).unwrap();
    let url = format!("postgres:///owned?host={}&user=second", server.socket().display());
    let (mut log, reader) = both(&named(&server, &url, "main"));
    let subjects = reader.kept_of(PERSON).unwrap().unwrap().subjects;
    log.append(&[change(6)], &[put(PERSON, None), erasing(&subjects)]).unwrap();
    let refused = log.erase(&subjects).unwrap_err();
    assert!(refused.to_string().contains("another user's") && refused.hint().unwrap().contains("own the tables"));
    assert_eq!(reader.state(SETTLED_KIND).unwrap().len(), 1, "it is not said to be done");
    log.append(&[intent(7, "bot", "bob", "crm/read", Verdict::Allow)], &[]).unwrap();
    drop(log);
    assert!(!stands_in(&server, PERSON).is_empty());
    drop(PostgresLog::open(&owner).unwrap());
    nothing_is_left(&server, &reader);
}

/// Asks until what an erasure left is gone.
fn finished(log: &mut PostgresLog, reader: &PostgresReader) {
    let look = |_| {
        assert!(!log.let_go().unwrap());
        std::thread::sleep(Duration::from_millis(10));
        reader.state(SETTLED_KIND).unwrap().is_empty()
    };
    assert!((0..2_000).any(look), "{:?}", reader.state(SETTLED_KIND));
}

/// What clears the tables is cancelled on the link of the records; beside it, it has its time.
#[test]
fn clearing_that_takes_long_stops_no_records_and_comes_to_its_end() {
    let server = PostgresServer::start().unwrap();
    let address = address(&server, "slow");
    let (mut log, reader, subjects) = filled(&address);
    log.append(&[change(6)], &[put(PERSON, None), erasing(&subjects)]).unwrap();
    // Somebody keeps the large table from being cleaned up for a while.
    let other = Link::open(address.config("another")).unwrap();
    let say = |sql: &str| other.wait(TIME_MAX, other.client.batch_execute(sql)).unwrap();
    say("BEGIN; LOCK TABLE countersign.sealed IN SHARE UPDATE EXCLUSIVE MODE");
    assert_eq!(log.erase(&subjects).unwrap_err().kind(), StoreFaultKind::Locked);
    let begun = stopwatch();
    assert!(!log.let_go().unwrap());
    log.append(&[change(7)], &[]).unwrap();
    assert!(!log.let_go().unwrap());
    assert!(begun.elapsed() < Duration::from_millis(1_500), "{:?}: nobody waits for the lock", begun.elapsed());
    say("ROLLBACK");
    finished(&mut log, &reader);
    assert_eq!(stands_in(&server, PERSON), Vec::<String>::new());
}

/// As `pg_dump` does: a transaction that has read every table. It ends with the value.
fn reads_at_length(address: &Address) -> Link {
    let link = Link::open(address.config("a backup")).unwrap();
    let read = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT FROM countersign.subject_key; \
                SELECT FROM countersign.state; SELECT FROM countersign.sealed";
    link.wait(TIME_MAX, link.client.batch_execute(read)).unwrap();
    link
}

#[test]
fn no_body_stands_in_the_tables_in_plain_text_and_none_opens_without_its_key() {
    let server = PostgresServer::start().unwrap();
    let address = address(&server, "sealed");
    let (log, reader, _) = filled(&address);
    for canary in ["people of sales may read", "jti-1", "\"access\"", "os-user:root", "arguments_digest"] {
        assert_eq!(stands_in(&server, canary), Vec::<String>::new(), "{canary}");
    }
    assert_eq!(reader.find(&Query::default()).unwrap().len(), 5);
    drop(log);
    std::fs::remove_file(address.keys().join("bodies.key")).unwrap();
    let reader = PostgresReader::open(&address).unwrap();
    assert_eq!(reader.last_sequence().unwrap(), 5);
    assert_eq!(reader.find(&Query::default()).unwrap_err().code(), "store.missing");
    assert_eq!(reader.counted(&Query::default()).unwrap().len(), 3, "counting opens no body");
    assert_eq!(PostgresLog::open(&address).unwrap_err().code(), "store.missing");
    assert!(!address.keys().join("bodies.key").exists());
}
