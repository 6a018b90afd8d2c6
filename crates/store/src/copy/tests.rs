use model::Verdict;
use testkit::PostgresServer;
use trace::{Field, LogReader, LogStore, Query, StateWrite, UseOf, verify_leaf};

use super::*;
use crate::ahead::AheadLog;
use crate::location::Reader;
use crate::postgres::Address;
use crate::samples::{asked_in, call, change, change_about, ended, intent, outcome, put};
use crate::sqlite::Durability;

fn fill(log: &mut dyn LogStore) {
    for number in (1..1_200).step_by(2) {
        let asked =
            asked_in(number, "bot", "ada", "crm/read", Verdict::Allow, &format!("t-{}", number % 7), "crm.reads");
        log.append(&[asked, outcome(number, number + 1)], &[]).unwrap();
    }
    let offboarded = change_about(1_302, "people.offboard", "human:ada", Some("ada"));
    let rest =
        [intent(1_300, "other", "bob", "mail/send", Verdict::Deny), change(1_301), offboarded, ended(1_199, 1_303, 1)];
    log.append(&rest, &[put("ada", Some("1"))]).unwrap();
}

/// Everything that can be asked is answered alike.
fn same(one: &dyn LogReader, other: &dyn LogReader) {
    let all = Query { limit: usize::MAX, newest_first: false, ..Query::default() };
    let entries = one.find(&all).unwrap();
    assert_eq!(entries, other.find(&all).unwrap());
    assert!(entries.iter().all(|entry| verify_leaf(entry).is_ok() && entry.body.is_some()));
    for (field, value) in [(Field::Human, "bob"), (Field::Task, "t-3"), (Field::Rule, "crm.reads")] {
        let asked = Query { limit: usize::MAX, ..Query::default() }.with(field, value);
        let found = one.find(&asked).unwrap();
        assert!(!found.is_empty());
        assert_eq!(found, other.find(&asked).unwrap(), "{field:?}");
    }
    let used = |reader: &dyn LogReader| reader.uses(UseOf::Human("ada")).unwrap();
    assert_eq!(used(one), used(other));
    assert_eq!(one.state("person").unwrap(), other.state("person").unwrap());
    assert_eq!(one.tree().unwrap(), other.tree().unwrap());
    for tile in ["tile/0/000", "tile/0/003", "tile/0/004.p/150", "tile/1/000.p/4"] {
        let tile: tlog::Tile = tile.parse().unwrap();
        assert_eq!(one.tile(tile).unwrap(), other.tile(tile).unwrap());
        assert!(one.tile(tile).unwrap().is_some());
    }
    assert_eq!(one.unfinished().unwrap(), other.unfinished().unwrap());
    for reader in [one, other] {
        assert_eq!(reader.lost(&mut |_| {}).unwrap(), None);
    }
}

fn keys_beside(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.with_file_name("trace-keys")).unwrap();
    let name = "trace-keys/bodies.key";
    std::fs::copy(from.with_file_name(name), to.with_file_name(name)).unwrap();
}

fn file_in(folder: &tempfile::TempDir) -> Location {
    Location::File(folder.path().join("trace.db"))
}

fn path_of(location: &Location) -> &Path {
    match location {
        Location::File(path) => path,
        Location::Database(_) => unreachable!(),
    }
}

/// Nobody's key, and nothing that a copy needs to be read.
fn one_file_in(folder: &tempfile::TempDir) {
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["trace.db"]);
}

#[test]
fn a_copy_beside_a_writer_holds_all_that_was_confirmed_before() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (from, to) = (file_in(&folder), file_in(&other));
    let mut log = AheadLog::open(path_of(&from), Durability::DangerOff).unwrap();
    fill(&mut log);
    // Confirmed this moment, so most likely in the redo log only.
    log.append(&[change(1_400)], &[put("bob", Some("2"))]).unwrap();
    let mut told = Vec::new();
    from.copy_to(path_of(&to), &mut |copied| told.push(copied)).unwrap();
    one_file_in(&other);
    assert!(told.iter().all(|copied| copied.done <= copied.all && copied.of == Unit::Bytes));
    keys_beside(path_of(&from), path_of(&to));
    same(&from.reader().unwrap(), &to.reader().unwrap());
    // It is a log of its own, which goes on.
    let mut on = AheadLog::open(path_of(&to), Durability::DangerOff).unwrap();
    let last = to.reader().unwrap().last_sequence().unwrap();
    assert_eq!(on.append(&[change(1_500)], &[]).unwrap(), last + 1);
    assert!(to.copy_to(path_of(&from), &mut |_| {}).is_err(), "nothing is written over");
}

#[test]
fn what_only_the_redo_log_holds_comes_along() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (from, to) = (file_in(&folder), file_in(&other));
    let mut log = AheadLog::open(path_of(&from), Durability::DangerOff).unwrap();
    log.append(&[change(1)], &[]).unwrap();
    drop(log);
    // The tables stand still while somebody holds them.
    let mut log = AheadLog::open(path_of(&from), Durability::DangerOff).unwrap();
    let holder = Connection::open(path_of(&from)).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    log.append(&[intent(2, "bot", "ada", "crm/read", Verdict::Allow)], &[put("ada", Some("1"))]).unwrap();
    from.copy_to(path_of(&to), &mut |_| {}).unwrap();
    holder.execute_batch("ROLLBACK").unwrap();
    let reader = to.reader().unwrap();
    assert_eq!((reader.last_sequence().unwrap(), reader.tree().unwrap().size()), (2, 2));
    assert_eq!(reader.state("person").unwrap(), [("ada".to_owned(), "1".to_owned())]);
}

#[test]
fn what_was_erased_is_in_no_page_of_a_copy() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (from, to) = (file_in(&folder), file_in(&other));
    let mut log = AheadLog::open(path_of(&from), Durability::DangerOff).unwrap();
    fill(&mut log);
    let reader = from.reader().unwrap();
    let kept = reader.kept_of("ada").unwrap().unwrap();
    let left = StateWrite { kind: "person".to_owned(), key: "ada".to_owned(), value: None };
    log.append(&[change(1_400)], &[left]).unwrap();
    log.erase(&kept.subjects).unwrap();
    from.copy_to(path_of(&to), &mut |_| {}).unwrap();
    let bytes = std::fs::read(path_of(&to)).unwrap();
    assert!(!bytes.windows(9).any(|window| window == b"human:ada"));
    assert!(bytes.windows(9).any(|window| window == b"human:bob"));
}

#[test]
fn a_copy_of_one_engine_is_a_log_of_the_other() {
    let server = PostgresServer::start().unwrap();
    let (folder, other, keys) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let url = server.database("copied").unwrap();
    let at = |log: &str| Location::Database(Address::parse(&url, log, &keys.path().join("trace-keys")).unwrap());
    let (from, back) = (at("one"), at("two"));
    let mut log = from.writer(Durability::Full).unwrap();
    fill(log.as_mut());
    let to = file_in(&folder);
    let mut told = Vec::new();
    from.copy_to(path_of(&to), &mut |copied| told.push(copied)).unwrap();
    one_file_in(&folder);
    let last = told.pop().unwrap();
    assert_eq!((last.done, last.all, last.of), (1_204, 1_204, Unit::Rows));
    keys_beside(&keys.path().join("trace.db"), path_of(&to));
    let read = |location: &Location| -> Reader { location.reader().unwrap() };
    same(&read(&from), &read(&to));

    back.fill_from(path_of(&to), &mut |_| {}).unwrap();
    same(&read(&from), &read(&back));
    let refused = back.fill_from(path_of(&to), &mut |_| {}).unwrap_err();
    assert!(refused.to_string().contains("has records already"), "{refused}");
    let mut on = back.writer(Durability::Full).unwrap();
    assert_eq!(on.append(&[outcome(1_300, 1_600)], &[]).unwrap(), 1_205);
    assert_eq!(
        on.append(&[asked_in(1_700, "bot", "ada", "crm/read", Verdict::Allow, "t-1", "crm.reads")], &[]).unwrap(),
        1_206
    );
    assert_eq!(read(&back).by_id(call(1_700).as_str()).unwrap().len(), 1);

    // And a copy of a file goes into another file.
    let again = file_in(&other);
    again.fill_from(path_of(&to), &mut |_| {}).unwrap();
    keys_beside(path_of(&to), path_of(&again));
    same(&read(&from), &read(&again));
}
