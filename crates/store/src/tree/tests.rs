use std::ops::RangeInclusive;

use model::{UnixMicros, Verdict};
use rusqlite::Connection;
use tlog::{Algorithm, SignedCheckpoint, SigningKey, Trust};
use trace::{
    Audit, Kept, Known, LogReader, LogStore, Notary, Query, RollbackError, Row, audit, audit_range, check_since,
    checkpoints,
};

use crate::samples::{change, change_about, erased, intent, outcome};
use crate::{Durability, SqliteLog, SqliteReader};

const RECORDS: u64 = 620;
const ORIGIN: &str = "gateway.example/trace";

/// A log of 620 records, with checkpoints of 100, 400 and all of them.
struct Signed {
    folder: tempfile::TempDir,
    known: Known,
}

fn notary() -> Notary {
    let key = SigningKey::from_seed(ORIGIN.parse().unwrap(), Algorithm::Ed25519, &[7; 32]).unwrap();
    Notary::new(ORIGIN.to_owned(), vec![key])
}

impl Signed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut log = SqliteLog::open(&folder.path().join("trace.db"), Durability::DangerOff).unwrap();
        let mut notary = notary();
        for number in 0..RECORDS / 2 {
            let id = u16::try_from(number + 1).unwrap();
            log.append(&[intent(id, "bot", "ada", "crm/read", Verdict::Allow), outcome(id, 2)], &[]).unwrap();
            if [50, 200, RECORDS / 2].contains(&(number + 1)) {
                sign(&mut log, &mut notary, i64::try_from(number).unwrap() * 100_000_000);
            }
        }
        let known = Known { trust: notary.trust(), named: true, elsewhere: Vec::new() };
        Self { folder, known }
    }

    /// With 621 to 630 behind them: calls for cy, but for 625 and 630, the erasure of cy in 629, and a checkpoint.
    fn with_an_erasure(said: fn(u16, &Kept) -> Row) -> Self {
        let signed = Self::new();
        let mut log = SqliteLog::open(&signed.path(), Durability::DangerOff).unwrap();
        let asked = |number, human| intent(number, "bot", human, "crm/read", Verdict::Allow);
        for number in 621..629 {
            log.append(&[asked(number, if number == 625 { "bob" } else { "cy" })], &[]).unwrap();
        }
        let kept = log.kept_of("cy").unwrap().unwrap();
        log.append(&[said(629, &kept)], &[]).unwrap();
        log.erase(&kept.subjects).unwrap();
        log.append(&[asked(630, "bob")], &[]).unwrap();
        let mut notary = notary();
        notary.resume(&signed.last(), UnixMicros(0));
        sign(&mut log, &mut notary, 0);
        signed
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("trace.db")
    }

    fn tables(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    fn audit(&self) -> Audit {
        let reader = SqliteReader::open(&self.path()).unwrap();
        audit(&reader, &self.known, |_| {}).unwrap()
    }

    fn last(&self) -> SignedCheckpoint {
        checkpoints(&SqliteReader::open(&self.path()).unwrap()).unwrap().pop().unwrap()
    }
}

fn sign(log: &mut SqliteLog, notary: &mut Notary, at: i64) {
    let tree = log.tree().unwrap().tree();
    let (checkpoint, state) = notary.sign(tree).unwrap().unwrap();
    log.append(&[], &state).unwrap();
    notary.kept(&checkpoint, UnixMicros(at));
}

#[test]
fn a_log_is_what_was_signed() {
    let signed = Signed::new();
    let audit = signed.audit();
    assert_eq!(audit.bad, None);
    assert_eq!((audit.records, audit.checkpoints, audit.unsigned), (RECORDS, 3, 0));
    let reader = SqliteReader::open(&signed.path()).unwrap();
    let part = audit_range(&reader, &signed.known, 255..=301).unwrap();
    assert_eq!((part.bad, part.records), (None, 47));
    check_since(&reader, signed.last().danger_unverified().tree()).unwrap();
}

#[test]
fn what_nobody_has_signed_yet_is_counted() {
    let signed = Signed::new();
    let mut log = SqliteLog::open(&signed.path(), Durability::DangerOff).unwrap();
    log.append(&[change(1), change(2), change(3)], &[]).unwrap();
    assert_eq!((signed.audit().bad, signed.audit().unsigned), (None, 3));
}

/// What is done to the tables, and the record that is named. Records 301 and 302 are an intent and its outcome.
const TAMPERED: [(&str, &str, u64); 17] = [
    ("a task is taken away", "UPDATE record SET task = NULL WHERE sequence = 301", 301),
    ("nobody has signed anything", "DELETE FROM state WHERE kind = 'checkpoint'", 1),
    ("a leaf is changed", "UPDATE record SET at = at + 1 WHERE sequence = 301", 301),
    ("a body is changed", "UPDATE record SET body_values = zeroblob(length(body_values)) WHERE sequence = 301", 301),
    (
        "a column is changed",
        "UPDATE record SET verdict = (SELECT id FROM name WHERE text = 'ada') WHERE sequence = 301",
        301,
    ),
    ("a hash is changed", "UPDATE record SET leaf_hash = zeroblob(32) WHERE sequence = 301", 301),
    ("a record is taken out", "DELETE FROM record WHERE sequence = 301", 301),
    (
        "two change places",
        "UPDATE record SET sequence = -1 WHERE sequence = 301; UPDATE record SET sequence = 301 WHERE sequence = 401;
         UPDATE record SET sequence = 401 WHERE sequence = -1",
        301,
    ),
    (
        "one comes in between",
        "UPDATE record SET sequence = -sequence WHERE sequence > 300;
         UPDATE record SET sequence = 1 - sequence WHERE sequence < 0;
         CREATE TEMP TABLE one AS SELECT * FROM record WHERE sequence = 7; UPDATE one SET sequence = 301;
         INSERT INTO record SELECT * FROM one",
        301,
    ),
    ("the end is cut off", "DELETE FROM record WHERE sequence > 600", 601),
    (
        "the end is cut off, and the tree with it",
        "DELETE FROM record WHERE sequence > 600; DELETE FROM meta WHERE key = 'tree'; DELETE FROM tile",
        601,
    ),
    (
        "a record is replaced, and the tree with it",
        "CREATE TEMP TABLE one AS SELECT * FROM record WHERE sequence = 7; UPDATE one SET sequence = 301;
         DELETE FROM record WHERE sequence = 301; INSERT INTO record SELECT * FROM one;
         DELETE FROM meta WHERE key = 'tree'; DELETE FROM tile",
        101,
    ),
    ("a checkpoint is changed", "UPDATE state SET value = replace(value, '400', '401') WHERE kind = 'checkpoint'", 401),
    (
        "a text is taken out",
        "UPDATE record SET body = NULL, human = NULL, task = NULL, body_values = NULL WHERE sequence = 301",
        301,
    ),
    (
        "texts are taken out as if they were let go",
        "UPDATE record SET body = NULL, human = NULL, task = NULL, body_values = NULL WHERE sequence IN (301, 302);
         INSERT INTO state(kind, key, value) VALUES ('trace', 'retain_to', '1024 0'), ('trace', 'retained_to', '1024')",
        301,
    ),
    (
        "a key is destroyed as if somebody were erased",
        "UPDATE subject_key SET subject = NULL, wrapped = NULL; UPDATE sealed SET text = x''",
        1,
    ),
    ("a tile is changed", "UPDATE tile SET hashes = zeroblob(length(hashes)) WHERE number = 1", 257),
];

#[test]
fn whatever_is_done_to_the_tables_the_first_bad_record_is_named() {
    for (what, sql, sequence) in TAMPERED {
        let signed = Signed::new();
        signed.tables().execute_batch(sql).unwrap();
        let bad = signed.audit().bad;
        assert_eq!(bad.as_ref().map(|bad| bad.sequence), Some(sequence), "{what}: {bad:?}");
        let reader = SqliteReader::open(&signed.path()).unwrap();
        if sql.contains("301") && (sql.contains("leaf_hash") || sql.contains("SET task")) {
            let part = audit_range(&reader, &signed.known, 300..=310).unwrap();
            assert_eq!(part.bad.map(|bad| bad.sequence), Some(sequence), "{what}");
        }
    }
}

/// Puts the text of a record under the key of cy.
fn as_if_of_cy(sequence: u64) -> String {
    format!(
        "UPDATE record SET body = (SELECT body FROM record WHERE sequence = 621), human = NULL, task = NULL, body_values = NULL \
         WHERE sequence = {sequence}"
    )
}

#[test]
fn an_erasure_explains_no_text_but_those_that_it_took() {
    let counted = |number, kept: &Kept| erased(number, kept, 628);
    let audited = |said: fn(u16, &Kept) -> Row, sql: &str, range: Option<RangeInclusive<u64>>| {
        let signed = Signed::with_an_erasure(said);
        signed.tables().execute_batch(sql).unwrap();
        let reader = SqliteReader::open(&signed.path()).unwrap();
        let audit = match range {
            Some(range) => audit_range(&reader, &signed.known, range).unwrap(),
            None => signed.audit(),
        };
        (audit.bad.map(|bad| bad.sequence), audit.erased)
    };
    assert_eq!(audited(counted, "", None), (None, 7));
    assert_eq!(audited(counted, "", Some(623..=630)), (None, 5));
    for sequence in [301, 620, 630] {
        let (before, range) = (if sequence == 630 { 7 } else { 0 }, Some(sequence..=630));
        assert_eq!(audited(counted, &as_if_of_cy(sequence), None), (Some(sequence), before));
        assert_eq!(audited(counted, &as_if_of_cy(sequence), range), (Some(sequence), 0));
    }
    // Among those of cy it cannot be told which one is too many, but that one is.
    assert_eq!(audited(counted, &as_if_of_cy(625), None), (Some(628), 7));

    // What an older version counted may be too few, and nothing behind its record went with it either.
    let older = |number, kept: &Kept| {
        let numbers: Vec<String> = kept.subjects.iter().map(ToString::to_string).collect();
        change_about(number, "trace.erase", &format!("subject:{}", numbers.join(",")), None)
    };
    assert_eq!(audited(older, "", None), (None, 7));
    assert_eq!(audited(older, &as_if_of_cy(630), None), (Some(630), 7));
}

#[test]
fn a_long_end_that_nobody_signed_is_told_with_the_time_it_took() {
    let signed = Signed::new();
    assert_eq!(signed.audit().unsigned_us, 0);
    signed
        .tables()
        .execute_batch("DELETE FROM state WHERE kind = 'checkpoint' AND CAST(key AS INTEGER) > 100")
        .unwrap();
    let reader = SqliteReader::open(&signed.path()).unwrap();
    let leaves = trace::audit_leaves(&reader, &signed.known, |_| {}).unwrap();
    for audit in [signed.audit(), leaves] {
        assert_eq!((audit.bad, audit.unsigned, audit.checkpoints), (None, RECORDS - 100, 1));
        // The last of them says that it was made before the first.
        assert_eq!(audit.unsigned_us, time_between(&reader, 101, RECORDS));
        assert!(audit.unsigned_us > 0);
    }
    let part =
        audit_range(&reader, &Known { trust: signed.known.trust.clone(), named: true, elsewhere: Vec::new() }, 1..=5)
            .unwrap();
    assert_eq!(part.bad, None);
    let part = audit_range(&reader, &signed.known, 50..=300).unwrap();
    let took = time_between(&reader, 101, 300);
    assert_eq!((part.bad, part.unsigned, part.unsigned_us), (None, 200, took), "what is signed is no part of it");
    signed.tables().execute_batch("DELETE FROM state WHERE kind = 'checkpoint'").unwrap();
    let part = audit_range(&SqliteReader::open(&signed.path()).unwrap(), &signed.known, 1..=5).unwrap();
    assert_eq!(part.bad.map(|bad| bad.sequence), Some(1));
}

/// How much later the latest of these records was made than the earliest.
fn time_between(reader: &SqliteReader, first: u64, last: u64) -> i64 {
    let all = Query { after_sequence: Some(first - 1), limit: usize::MAX, newest_first: false, ..Query::default() };
    let all = reader.find(&all).unwrap();
    let times = || all.iter().take_while(|entry| entry.sequence <= last).map(|entry| entry.at);
    times().max().unwrap().since(times().min().unwrap())
}

#[test]
fn a_log_that_lost_records_is_not_written_to() {
    let signed = Signed::new();
    signed.tables().execute_batch("DELETE FROM record WHERE sequence > 600").unwrap();
    let refused = SqliteLog::open(&signed.path(), Durability::DangerOff).unwrap_err();
    assert!(refused.to_string().contains("trace.db"), "{refused}");
}

#[test]
fn a_log_that_was_rolled_back_is_known_by_a_checkpoint_kept_elsewhere() {
    let signed = Signed::new();
    let earlier = Signed::new();
    let mut log = SqliteLog::open(&signed.path(), Durability::DangerOff).unwrap();
    log.append(&[change(1)], &[]).unwrap();
    let now = log.tree().unwrap().tree();
    let old = SqliteReader::open(&earlier.path()).unwrap();
    let rolled_back = check_since(&old, now).unwrap_err();
    assert!(matches!(rolled_back, RollbackError::Shorter { found: RECORDS, signed: 621 }), "{rolled_back}");
    // Two logs of the same length: the salts alone make them different.
    let other = check_since(&old, signed.last().danger_unverified().tree()).unwrap_err();
    assert!(matches!(other, RollbackError::Other { signed: RECORDS }), "{other}");
}

#[test]
fn two_signed_trees_of_one_size_are_a_fork() {
    let (signed, other) = (Signed::new(), Signed::new());
    let known = Known { elsewhere: vec![other.last()], ..signed.known.clone() };
    let audit = audit(&SqliteReader::open(&signed.path()).unwrap(), &known, |_| {}).unwrap();
    assert!(audit.bad.unwrap().what.contains("forked"));
}

#[test]
fn a_checkpoint_of_a_key_that_is_not_trusted_is_named() {
    let signed = Signed::new();
    let strange = SigningKey::from_seed(ORIGIN.parse().unwrap(), Algorithm::Ed25519, &[8; 32]).unwrap();
    let trust: Trust = Notary::new(ORIGIN.to_owned(), vec![strange]).trust();
    let known = Known { trust, named: true, elsewhere: Vec::new() };
    let audit = audit(&SqliteReader::open(&signed.path()).unwrap(), &known, |_| {}).unwrap();
    assert!(audit.bad.unwrap().what.contains("not signed by a key that is trusted"));
}
