use std::path::PathBuf;

use model::Verdict;
use trace::{ERASING_KEY, LogReader, Query, SETTLED_KIND, verify_leaf};

use super::*;
use crate::conformance::{
    a_text_may_be_missing_where_a_record_says_so, texts_are_let_go_and_the_rest_stays, trace_conformance,
};
use crate::reader::SqliteReader;
use crate::samples::{change, intent, outcome, put};

/// Keeps the directory as long as the store.
struct InDir {
    /// Goes first, for the log comes into the tables when it is closed.
    _lock: Option<rusqlite::Connection>,
    log: AheadLog,
    _dir: tempfile::TempDir,
}

impl LogStore for InDir {
    fn append(&mut self, rows: &[Row], state: &[StateWrite]) -> Result<u64, StoreFault> {
        self.log.append(rows, state)
    }

    fn erase(&mut self, subjects: &[u32]) -> Result<(), StoreFault> {
        self.log.erase(subjects)
    }
}

struct World {
    dir: tempfile::TempDir,
}

impl World {
    /// Somebody who reads what is there now, until it goes.
    fn reads_at_length(&self) -> rusqlite::Connection {
        let long = rusqlite::Connection::open(self.path()).unwrap();
        long.execute_batch("BEGIN").unwrap();
        long.query_row("SELECT count(*) FROM record", [], |row| row.get::<_, i64>(0)).unwrap();
        long
    }

    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("trace.db")
    }

    fn open(&self, capacity: u64) -> AheadLog {
        AheadLog::with_capacity(&self.path(), Durability::Full, capacity).unwrap()
    }

    fn reader(&self) -> SqliteReader {
        SqliteReader::open(&self.path()).unwrap()
    }

    fn sequences(&self) -> Vec<u64> {
        let all = Query { limit: usize::MAX, newest_first: false, ..Query::default() };
        self.reader().find(&all).unwrap().iter().map(|entry| entry.sequence).collect()
    }

    /// The directory as a loss of power now would leave it.
    fn copied(&self) -> Self {
        let copy = Self::new();
        for file in std::fs::read_dir(self.dir.path()).unwrap() {
            let file = file.unwrap();
            if file.file_type().unwrap().is_dir() {
                let keys = copy.dir.path().join(file.file_name());
                std::fs::create_dir(&keys).unwrap();
                std::fs::copy(file.path().join("bodies.key"), keys.join("bodies.key")).unwrap();
                continue;
            }
            if !file.file_name().to_string_lossy().ends_with("-shm") {
                std::fs::copy(file.path(), copy.dir.path().join(file.file_name())).unwrap();
            }
        }
        copy
    }
}

/// Keeps the tables from being written to.
fn held(world: &World) -> rusqlite::Connection {
    let other = rusqlite::Connection::open(world.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

#[test]
fn it_conforms() {
    trace_conformance(both);
}

#[test]
fn texts_are_let_go() {
    texts_are_let_go_and_the_rest_stays(both());
}

#[test]
fn a_text_may_be_missing() {
    a_text_may_be_missing_where_a_record_says_so(both());
}

fn both() -> (InDir, SqliteReader) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.db");
    let log = AheadLog::open(&path, Durability::DangerOff).unwrap();
    (InDir { _lock: None, log, _dir: dir }, SqliteReader::open(&path).unwrap())
}

#[test]
fn it_conforms_while_the_tables_stand_still() {
    trace_conformance(|| {
        let world = World::new();
        let log = world.open(CAPACITY_BYTES);
        let (lock, reader) = (held(&world), world.reader());
        (InDir { _lock: Some(lock), log, _dir: world.dir }, reader)
    });
}

#[test]
fn what_is_confirmed_is_there_after_a_loss_of_power() {
    let world = World::new();
    let mut log = world.open(CAPACITY_BYTES);
    let lock = held(&world);
    log.append(&[intent(1, "bot", "ada", "crm/read", Verdict::Allow)], &[put("ada", Some("1"))]).unwrap();
    log.append(&[], &[put("ada", Some("2")), put("bob", Some("1"))]).unwrap();
    log.append(&[outcome(1, 2), change(3)], &[put("bob", None)]).unwrap();
    let copy = world.copied();
    for _opening in 0..2 {
        let mut log = copy.open(CAPACITY_BYTES);
        assert_eq!(log.append(&[], &[]).unwrap(), 4);
        drop(log);
        let reader = copy.reader();
        assert_eq!(copy.sequences(), [1, 2, 3]);
        assert_eq!(reader.state("person").unwrap(), [("ada".to_owned(), "2".to_owned())]);
        assert!(reader.unfinished().unwrap().is_empty());
        assert!(reader.by_id("1").unwrap().iter().all(|entry| verify_leaf(entry).is_ok()));
    }
    drop(lock);
}

#[test]
fn a_state_that_the_tables_hold_is_not_put_back() {
    let world = World::new();
    let mut log = world.open(CAPACITY_BYTES);
    log.append(&[], &[put("ada", Some("old"))]).unwrap();
    log.append(&[change(1)], &[put("ada", Some("new"))]).unwrap();
    let done = || {
        let progress = log.shared.lock();
        progress.absorbed == progress.confirmed
    };
    while !done() {
        std::thread::yield_now();
    }
    let copy = world.copied();
    drop(copy.open(CAPACITY_BYTES));
    assert_eq!(copy.reader().state("person").unwrap(), [("ada".to_owned(), "new".to_owned())]);
}

#[test]
fn the_files_take_turns() {
    let world = World::new();
    let mut log = world.open(16 << 10);
    for number in 0..200 {
        assert_eq!(log.append(&[change(number)], &[]).unwrap(), u64::from(number) + 1);
        if number % 20 == 0 {
            let expected: Vec<u64> = (1..=u64::from(number) + 1).collect();
            assert_eq!(world.sequences(), expected);
            assert_eq!(
                {
                    let copy = world.copied();
                    drop(copy.open(16 << 10));
                    copy.sequences()
                },
                expected
            );
        }
    }
    assert!(log.redo.place().generation % (1 << 32) > 4);
    drop(log);
    assert_eq!(world.sequences().len(), 200);
}

#[test]
fn a_commit_larger_than_a_file_is_taken() {
    let world = World::new();
    let mut log = world.open(4 << 10);
    let many: Vec<_> = (0..500).map(change).collect();
    log.append(&[change(900)], &[]).unwrap();
    log.append(&many, &[]).unwrap();
    log.append(&[change(901)], &[]).unwrap();
    assert_eq!(world.sequences().len(), 502);
    drop(log);
    assert_eq!(world.sequences().len(), 502);
}

#[test]
fn tables_that_cannot_follow_stop_the_log_and_not_for_ever() {
    let world = World::new();
    let mut log = world.open(4 << 10);
    let lock = held(&world);
    let mut wrote = 0;
    let refused = loop {
        match log.append(&[change(wrote)], &[]) {
            Ok(_) => wrote += 1,
            Err(fault) => break fault,
        }
        assert!(wrote < 100, "the redo log never fills");
    };
    assert_eq!(refused.code(), "store.locked");
    assert_eq!(world.sequences().len(), usize::from(wrote));
    lock.execute_batch("ROLLBACK").unwrap();
    while log.append(&[change(200)], &[]).is_err() {}
    assert_eq!(world.sequences().len(), usize::from(wrote) + 1);
}

#[test]
fn what_was_refused_does_not_come_into_the_tables() {
    let world = World::new();
    let mut log = world.open(CAPACITY_BYTES);
    log.append(&[change(1)], &[]).unwrap();
    // It stands in the file, and nobody was told that it does.
    log.redo.danger_flushes_fail(true);
    assert_eq!(log.append(&[change(2)], &[put("ada", Some("refused"))]).unwrap_err().code(), "store.broken");
    log.redo.danger_flushes_fail(false);
    assert_eq!(log.append(&[change(3)], &[]).unwrap(), 2);
    drop(log);
    assert_eq!(world.sequences(), [1, 2]);
    assert_eq!(world.reader().by_id("2").unwrap()[0].call, crate::samples::call(3));
    assert!(world.reader().state("person").unwrap().is_empty());
}

#[test]
fn what_was_refused_is_not_there_after_a_crash() {
    let world = World::new();
    let mut log = world.open(CAPACITY_BYTES);
    log.append(&[change(1)], &[]).unwrap();
    log.redo.danger_flushes_fail(true);
    assert_eq!(log.append(&[change(2)], &[put("ada", Some("refused"))]).unwrap_err().code(), "store.broken");
    let copy = world.copied();
    assert_eq!(world.reader().last_sequence().unwrap(), 1, "nobody sees it");
    drop(copy.open(CAPACITY_BYTES));
    assert_eq!(copy.sequences(), [1]);
    assert!(copy.reader().state("person").unwrap().is_empty());
}

#[test]
fn what_was_refused_does_not_hide_what_is_confirmed_in_the_other_file() {
    let world = World::new();
    let mut log = world.open(16 << 10);
    let mut last = 0;
    while log.redo.place().offset < 12 << 10 {
        last = log.append(&[change(1)], &[]).unwrap();
    }
    let here = log.redo.place();
    log.redo.danger_flushes_fail(true);
    assert_eq!(log.append(&[change(2)], &[put("ada", Some("refused"))]).unwrap_err().code(), "store.broken");
    // Too many for this file. As long as the refused one may stand there, none goes to the other.
    let many: Vec<_> = (100..120).map(change).collect();
    for _again in 0..2 {
        assert_eq!(log.append(&many, &[]).unwrap_err().code(), "store.broken");
        assert_eq!(log.redo.place(), here);
    }
    log.redo.danger_flushes_fail(false);
    let lock = held(&world);
    assert_eq!(log.append(&many, &[]).unwrap(), last + 1);
    assert_eq!(log.append(&[change(3)], &[]).unwrap(), last + 21);
    assert_eq!(log.redo.place().generation, here.generation + 1);
    let copy = world.copied();
    lock.execute_batch("ROLLBACK").unwrap();
    drop(log);
    for world in [world, copy] {
        drop(world.open(16 << 10));
        assert_eq!(world.sequences(), (1..=last + 21).collect::<Vec<_>>());
        let at = |sequence: u64| world.reader().by_id(&sequence.to_string()).unwrap()[0].call.clone();
        assert_eq!([at(last + 1), at(last + 21)], [100, 3].map(crate::samples::call));
        assert!(world.reader().state("person").unwrap().is_empty());
    }
}

#[test]
fn an_erasure_that_cannot_be_finished_yet_loses_no_record() {
    let world = World::new();
    let mut log = world.open(CAPACITY_BYTES);
    log.append(&[intent(1, "bot", "ada", "crm/read", Verdict::Allow), change(2)], &[]).unwrap();
    let subjects = world.reader().kept_of("ada").unwrap().unwrap().subjects;
    let erasing = subjects.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let erasing = StateWrite { kind: SETTLED_KIND.to_owned(), key: ERASING_KEY.to_owned(), value: Some(erasing) };
    log.append(&[change(3)], &[erasing]).unwrap();
    // Who reads for so long keeps the write-ahead log from being cut off.
    let long = world.reads_at_length();
    assert_eq!(log.erase(&subjects).unwrap_err().code(), "store.locked");
    let lock = held(&world);
    for number in 4..=6 {
        assert_eq!(log.append(&[change(number)], &[]).unwrap(), u64::from(number));
    }
    let copy = world.copied();
    lock.execute_batch("ROLLBACK").unwrap();
    log.shared.wait_until(|progress| progress.absorbed == progress.confirmed).unwrap();
    drop(log);
    // A gateway that starts meanwhile goes on, and ends it once nobody reads any more.
    let mut log = world.open(CAPACITY_BYTES);
    assert!(!log.let_go().unwrap());
    assert!(!world.reader().state(SETTLED_KIND).unwrap().is_empty(), "it is unfinished");
    drop(long);
    finished(&world, &mut log);
    drop(log);
    for (world, unfinished) in [(world, false), (copy, true)] {
        assert_eq!(!world.reader().state(SETTLED_KIND).unwrap().is_empty(), unfinished);
        let mut log = world.open(CAPACITY_BYTES);
        assert!(world.reader().state(SETTLED_KIND).unwrap().is_empty());
        assert_eq!(log.append(&[change(7)], &[]).unwrap(), 7);
        drop(log);
        let all = world.reader().find(&Query { newest_first: false, ..Query::default() }).unwrap();
        let found: Vec<_> = all.iter().map(|entry| (entry.sequence, entry.body.is_none())).collect();
        assert_eq!(found, [(1, true), (2, false), (3, false), (4, false), (5, false), (6, false), (7, false)]);
        assert!(all.iter().all(|entry| verify_leaf(entry).is_ok()));
    }
}

/// Asks until what an erasure left is gone.
fn finished(world: &World, log: &mut AheadLog) {
    let look = |_| {
        log.let_go().unwrap();
        std::thread::sleep(Duration::from_millis(10));
        world.reader().state(SETTLED_KIND).unwrap().is_empty()
    };
    assert!((0..2_000).any(look), "{:?}", world.reader().state(SETTLED_KIND));
}

fn mark(subjects: &[u32]) -> StateWrite {
    let value = Some(erase::mark(subjects));
    StateWrite { kind: SETTLED_KIND.to_owned(), key: ERASING_KEY.to_owned(), value }
}

#[test]
fn what_an_erasure_left_goes_without_a_restart() {
    let world = World::new();
    let mut log = world.open(CAPACITY_BYTES);
    log.append(&[intent(1, "bot", "ada", "crm/read", Verdict::Allow)], &[]).unwrap();
    let subjects = world.reader().kept_of("ada").unwrap().unwrap().subjects;
    log.append(&[change(2)], &[mark(&subjects)]).unwrap();
    let long = world.reads_at_length();
    assert_eq!(log.erase(&subjects).unwrap_err().code(), "store.locked");
    drop(long);
    finished(&world, &mut log);
    assert_eq!(log.append(&[change(3)], &[]).unwrap(), 3);
}

// INVARIANT: what is on record as erased goes without a restart, however it was kept from it.
#[test]
fn an_erasure_that_could_not_begin_is_tried_again() {
    let world = World::new();
    let mut log = world.open(CAPACITY_BYTES);
    log.append(&[intent(1, "bot", "ada", "crm/read", Verdict::Allow)], &[]).unwrap();
    log.shared.wait_until(|progress| progress.absorbed == progress.confirmed).unwrap();
    let subjects = world.reader().kept_of("ada").unwrap().unwrap().subjects;
    log.append(&[change(2)], &[mark(&subjects)]).unwrap();
    let lock = held(&world);
    assert_eq!(log.erase(&subjects).unwrap_err().code(), "store.locked");
    let theirs = erase::mark(&subjects);
    let keys = format!("SELECT count(*) FROM subject_key WHERE wrapped IS NOT NULL AND number IN ({theirs})");
    let left = || lock.query_row(&keys, [], |row| row.get::<_, isize>(0)).unwrap().cast_unsigned();
    assert_eq!(left(), subjects.len());
    lock.execute_batch("ROLLBACK").unwrap();
    log.append(&[change(3)], &[]).unwrap();
    finished(&world, &mut log);
    assert_eq!(left(), 0);
    assert!(world.reader().kept_of("ada").unwrap().is_none());
    assert_eq!(log.append(&[change(4)], &[]).unwrap(), 4);
    drop(log);
    drop(world.open(CAPACITY_BYTES));
    assert_eq!(world.sequences(), [1, 2, 3, 4]);
}

#[test]
fn whoever_reads_at_length_keeps_no_record_waiting() {
    let world = World::new();
    let mut log = world.open(16 << 10);
    log.append(&[intent(1, "bot", "ada", "crm/read", Verdict::Allow)], &[]).unwrap();
    log.shared.wait_until(|progress| progress.absorbed == progress.confirmed).unwrap();
    let subjects = world.reader().kept_of("ada").unwrap().unwrap().subjects;
    log.append(&[change(2)], &[mark(&subjects)]).unwrap();
    let long = world.reads_at_length();
    assert_eq!(log.erase(&subjects).unwrap_err().code(), "store.locked");
    let (done, written) = std::sync::mpsc::channel();
    let writes = std::thread::spawn(move || {
        log.let_go().unwrap();
        // The thread takes it up before anything else comes.
        while log.shared.lock().copies.as_ref().is_some_and(|copies| copies.now) {
            std::thread::yield_now();
        }
        // More than both files hold, so that the tables have to follow.
        for number in 3..=200 {
            assert_eq!(log.append(&[change(number)], &[]).unwrap(), u64::from(number));
        }
        done.send(()).unwrap();
        log
    });
    let in_time = written.recv_timeout(Duration::from_secs(3));
    drop(long);
    drop(writes.join().unwrap());
    assert!(in_time.is_ok(), "records waited for who reads");
}

#[test]
fn what_an_erasure_left_goes_without_another_ones_mark() {
    let world = World::new();
    let mut log = world.open(CAPACITY_BYTES);
    log.append(&[intent(1, "bot", "ada", "crm/read", Verdict::Allow)], &[]).unwrap();
    log.append(&[change(2)], &[mark(&[7, 8])]).unwrap();
    log.shared.wait_until(|progress| progress.absorbed == progress.confirmed).unwrap();
    let tables = SqliteLog::beside(&world.path(), Durability::Full).unwrap();
    erase::clear_copies(&tables, &erase::mark(&[7])).unwrap();
    assert_eq!(world.reader().state(SETTLED_KIND).unwrap(), [(ERASING_KEY.to_owned(), "7,8".to_owned())]);
    erase::clear_copies(&tables, &erase::mark(&[7, 8])).unwrap();
    assert!(world.reader().state(SETTLED_KIND).unwrap().is_empty());
}

#[test]
fn nothing_is_confirmed_after_an_erasure_where_nobody_would_look() {
    let world = World::new();
    let mut log = world.open(CAPACITY_BYTES);
    log.append(&[intent(1, "bot", "ada", "crm/read", Verdict::Allow)], &[]).unwrap();
    let subjects = world.reader().kept_of("ada").unwrap().unwrap().subjects;
    // A directory in its place keeps the file from being opened.
    let file = world.dir.path().join("trace.db-redo1");
    std::fs::remove_file(&file).unwrap();
    log.shared.wait_until(|progress| progress.absorbed == progress.confirmed).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert_eq!(log.erase(&subjects).unwrap_err().code(), "store.broken");
    std::fs::remove_dir(&file).unwrap();
    for _again in 0..2 {
        assert_eq!(log.append(&[change(2)], &[]).unwrap_err().code(), "store.broken");
        assert_eq!(log.erase(&subjects).unwrap_err().code(), "store.broken");
    }
    drop(log);
    let mut log = world.open(CAPACITY_BYTES);
    assert_eq!(log.append(&[change(3)], &[]).unwrap(), 2);
    drop(log);
    assert_eq!(world.sequences(), [1, 2]);
    assert_eq!(world.reader().by_id("2").unwrap()[0].call, crate::samples::call(3));
}

#[test]
fn a_step_takes_several_pieces_and_ends_where_it_is_told() {
    let (world, beside) = (World::new(), World::new());
    let mut tables = SqliteLog::open(&world.path(), Durability::DangerOff).unwrap();
    let mut sealer = tables.sealer().unwrap();
    let start = tables.absorbed().unwrap().of_next_opening();
    let mut redo = Redo::open(&beside.path(), start, Durability::DangerOff, CAPACITY_BYTES).unwrap();
    let mut end = start;
    for commit in 0..100_u16 {
        let rows: Vec<Row> = (commit * 64..(commit + 1) * 64).map(change).collect();
        let bodies: Vec<SealedBody> = rows.iter().map(|row| sealer.seal(row).unwrap()).collect();
        let columns: Vec<Columns<'_>> = rows.iter().zip(&bodies).map(|(row, body)| Columns::of(row, body)).collect();
        assert!(redo.prepare(u64::from(commit) * 64 + 1, &columns, sealer.fresh(), &[]).unwrap());
        redo.write().unwrap();
        sealer.confirmed();
        if commit == 89 {
            end = redo.place();
        }
    }
    let mut left = Frames::from(&beside.path(), start).unwrap();
    let absorbed = tables.absorb(&mut left, Some(end)).unwrap().unwrap();
    assert_eq!((absorbed.behind, tables.absorbed().unwrap()), (end, end));
    assert!(absorbed.bytes == end.offset && end.offset > 3 << 19, "{} bytes are no two pieces", absorbed.bytes);
    assert_eq!(LogReader::last_sequence(&tables).unwrap(), 90 * 64);
    let mut left = Frames::from(&beside.path(), end).unwrap();
    assert_eq!(tables.absorb(&mut left, None).unwrap().unwrap().behind, redo.place());
    assert!(tables.absorb(&mut left, None).unwrap().is_none());
    assert_eq!(LogReader::last_sequence(&tables).unwrap(), 100 * 64);
    assert_eq!(LogReader::tree(&tables).unwrap().size(), 100 * 64);
}

#[test]
fn closing_leaves_nothing_in_the_redo_log() {
    let world = World::new();
    let mut log = world.open(CAPACITY_BYTES);
    log.append(&[change(1)], &[]).unwrap();
    drop(log);
    for file in ["trace.db-redo0", "trace.db-redo1"] {
        let metadata = world.dir.path().join(file).metadata().unwrap();
        assert_eq!(metadata.len(), 0);
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777, 0o600);
    }
}
