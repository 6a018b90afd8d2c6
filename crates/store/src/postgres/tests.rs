use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use model::{CallId, UnixMicros, Verdict};
use testkit::PostgresServer;
use tlog::{Algorithm, SigningKey};
use trace::{
    Field, Known, LogReader, LogStore, Notary, Query, Round, StateWrite, StoreFault, StoreFaultKind, audit, verify_leaf,
};

use super::*;
use crate::conformance::{
    a_filled_log_is_whole, a_text_may_be_missing_where_a_record_says_so, texts_are_let_go_and_the_rest_stays,
    trace_conformance,
};
use crate::lost::tests as lost;
use crate::samples::{asked_in, call, change, change_of, ended, intent, outcome, put};

mod cut;
mod erased;

fn address(server: &PostgresServer, database: &str) -> Address {
    Address::parse(&server.database(database).unwrap(), "main", &server.socket().join("keys")).unwrap()
}

fn named(server: &PostgresServer, url: &str, log: &str) -> Address {
    Address::parse(url, log, &server.socket().join("keys")).unwrap()
}

fn both(address: &Address) -> (PostgresLog, PostgresReader) {
    let log = PostgresLog::open(address).unwrap();
    (log, PostgresReader::open(address).unwrap())
}

#[test]
fn it_conforms() {
    let server = PostgresServer::start().unwrap();
    let count = std::cell::Cell::new(0);
    trace_conformance(|| {
        count.set(count.get() + 1);
        both(&address(&server, &format!("d{}", count.get())))
    });
}

#[test]
fn texts_are_let_go() {
    let server = PostgresServer::start().unwrap();
    texts_are_let_go_and_the_rest_stays(both(&address(&server, "kept")));
    let left = server.sql(
        "kept",
        "SELECT count(*) FROM countersign.sealed s WHERE NOT EXISTS \
        (SELECT 1 FROM countersign.record r WHERE r.body = s.id)",
    );
    assert_eq!(left.unwrap().trim(), "0", "no part of a text is left that belongs to no record");
    // Only the call that was made afterwards is found by its person and its task.
    let found = server.sql(
        "kept",
        "SELECT count(*) FROM countersign.seen WHERE name >= 1099511627776 OR name < -15 AND name > -1099511627776",
    );
    let kept = server.sql("kept", "SELECT count(human) + count(task) FROM countersign.record");
    assert_eq!(found.unwrap().trim(), kept.unwrap().trim(), "nothing leads to people and tasks that were let go");
}

/// The next goal comes while what the last one left is still looked for; and calls wait for no step that takes away a lot.
#[test]
fn what_is_let_go_while_somebody_looks_is_looked_through_too() {
    let server = PostgresServer::start().unwrap();
    let address = address(&server, "swept");
    let mut session = session::Session::open(&address, None).unwrap();
    for start in (1..3_500).step_by(500) {
        let asked =
            |number: u16| asked_in(number, "bot", "ada", "crm/read", Verdict::Allow, "t-1", &format!("rule-{number}"));
        session.append(&(start..start + 500).map(asked).collect::<Vec<_>>(), &[]).unwrap();
    }
    let goal = |to: u16| StateWrite {
        kind: trace::SETTLED_KIND.to_owned(),
        key: trace::RETAIN_TO_KEY.to_owned(),
        value: Some(format!("{to} 1")),
    };
    let reader = PostgresReader::open(&address).unwrap();
    let done = || trace::Retention::of(&reader).unwrap().map(|done| (done.done_to, done.finished)).unwrap();
    let sealed =
        || server.sql("swept", "SELECT count(*) FROM countersign.sealed").unwrap().trim().parse::<u32>().unwrap();
    session.append(&[], &[goal(1_024)]).unwrap();
    let mut sweep = None;
    while sweep.is_none() {
        assert!(session.let_go(&address, &mut sweep).unwrap());
    }
    let (go_on, waits) = std::sync::mpsc::channel();
    let seen = retain::look(&address, session.log).unwrap();
    assert_eq!(seen.templates.len(), 1_023);
    let looks = std::thread::spawn(move || {
        waits.recv().unwrap();
        Ok(seen)
    });
    sweep = Some(retain::Sweep::Looks(looks));
    session.append(&[], &[goal(3_072)]).unwrap();
    for _ in 0..3 {
        assert!(session.let_go(&address, &mut sweep).unwrap());
    }
    assert_eq!(done(), (1_024, false));
    go_on.send(()).unwrap();
    let (mut before, mut most) = (sealed(), 0);
    while session.let_go(&address, &mut sweep).unwrap() {
        std::thread::sleep(std::time::Duration::from_millis(5));
        let now = sealed();
        (before, most) = (now, most.max(before - now));
    }
    assert_eq!(done(), (3_072, true));
    assert_eq!((sealed(), most), (3_500 - 3_071, 1_000));
}

#[test]
fn a_text_may_be_missing() {
    let server = PostgresServer::start().unwrap();
    a_text_may_be_missing_where_a_record_says_so(both(&address(&server, "missing")));
}

#[test]
fn several_logs_stand_in_one_database_and_each_has_one_writer() {
    let server = PostgresServer::start().unwrap();
    let url = server.database("shared").unwrap();
    let (one, other) = (named(&server, &url, "one"), named(&server, &url, "other"));
    let (mut first, reader) = both(&one);
    let (mut second, other_reader) = both(&other);
    first.append(&[change(1)], &[put("ada", Some("1"))]).unwrap();
    second.append(&[change(2), change(3)], &[]).unwrap();
    assert_eq!((reader.last_sequence().unwrap(), other_reader.last_sequence().unwrap()), (1, 2));
    assert_eq!(other_reader.state("person").unwrap(), []);

    let held = PostgresLog::open(&one).unwrap_err();
    assert_eq!(held.code(), "store.locked");
    let said = held.to_string();
    assert!(said.contains(&format!("`countersign {}@", std::process::id())) && said.contains(" since 20"), "{said}");
    assert!(held.hint().unwrap().contains("trace: log:"));
    drop(first);
    let mut again = PostgresLog::open(&one).unwrap();
    assert_eq!(again.append(&[change(4)], &[]).unwrap(), 2);
}

/// Where an address leads in a failover before the replica there is promoted.
#[test]
fn a_server_that_takes_no_writes_does_not_say_that_nobody_writes() {
    let mut server = PostgresServer::start().unwrap();
    let address = address(&server, "replica");
    drop(PostgresLog::open(&address).unwrap());
    assert_eq!(PostgresLog::writer_of(&address).unwrap(), None);
    server.kill();
    std::fs::write(server.socket().join("data/standby.signal"), "").unwrap();
    server.start_again().unwrap();
    assert_eq!(PostgresLog::writer_of(&address).unwrap_err().code(), "store.read_only");
    server.sql("replica", "SELECT pg_promote()").unwrap();
    assert_eq!(PostgresLog::writer_of(&address).unwrap(), None);
}

/// Somebody who does not ask for the lock, or whose lock the way to the server has lost.
#[test]
fn a_log_that_somebody_else_opened_is_not_written_to() {
    let server = PostgresServer::start().unwrap();
    let (mut log, reader) = both(&address(&server, "stolen"));
    log.append(&[change(1)], &[]).unwrap();
    server.sql("stolen", "UPDATE countersign.log SET opening = opening + 1").unwrap();
    let fault = log.append(&[change(2)], &[]).unwrap_err();
    assert_eq!(fault.code(), "store.locked");
    assert_eq!(reader.last_sequence().unwrap(), 1);
}

#[test]
fn a_server_that_may_lose_what_it_confirmed_is_refused() {
    let server = PostgresServer::start_with(&["fsync=off"]).unwrap();
    let refused = PostgresLog::open(&address(&server, "careless")).unwrap_err();
    assert!(refused.to_string().contains("loses records") && refused.hint().unwrap().contains("fsync = on"));
}

#[test]
fn every_session_waits_for_the_disk() {
    let server = PostgresServer::start_with(&["synchronous_commit=off"]).unwrap();
    let address = address(&server, "hasty");
    server.sql("hasty", "ALTER USER gateway SET synchronous_commit = local").unwrap();
    let session = session::Session::open(&address, None).unwrap();
    let shown = session.link.client.query_typed("SHOW synchronous_commit", &[]);
    let shown = session.link.wait(session::TIME_MAX, shown).unwrap();
    assert_eq!(shown[0].get::<_, &str>(0), "on");
}

#[test]
fn a_server_that_goes_away_refuses_records_and_is_used_again_when_it_comes_back() {
    let mut server = PostgresServer::start().unwrap();
    let (mut log, reader) = both(&address(&server, "gone"));
    log.append(&[change(1)], &[put("ada", Some("1"))]).unwrap();
    server.kill();
    for _ in 0..3 {
        let fault = log.append(&[change(2)], &[]).unwrap_err();
        assert_eq!((fault.code(), fault.blame()), ("store.broken", model::Blame::Operator));
        assert!(fault.hint().unwrap().contains("database server"));
    }
    assert_eq!(reader.last_sequence().unwrap_err().code(), "store.broken");
    server.start_again().unwrap();
    assert_eq!(reader.last_sequence().unwrap(), 1, "what was confirmed is there after a crash");
    let next = std::iter::repeat_with(|| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        log.append(&[change(3)], &[])
    });
    assert_eq!(next.take(100).find_map(Result::ok), Some(2));
    assert_eq!(reader.find(&Query::default()).unwrap().len(), 2);
}

#[test]
fn records_are_where_they_are_looked_for_whatever_is_kept_in_memory() {
    let server = PostgresServer::start().unwrap();
    let address = address(&server, "names");
    let mut log = PostgresLog::open(&address).unwrap();
    for round in 0..3_u16 {
        // Another session knows nothing of what the last one kept.
        drop(log);
        log = PostgresLog::open(&address).unwrap();
        let start = 1 + round * 700;
        let name = |number: u16| format!("agent-{}-{}", number % 350, "x".repeat(usize::from(number % 50)));
        let rows: Vec<_> = (start..start + 690)
            .map(|number| asked_in(number, &name(number), "ada", "crm/read", Verdict::Allow, "t-1", "a"))
            .chain([ended(start, start + 691, 1), outcome(start + 1, start + 692)])
            .collect();
        log.append(&rows, &[]).unwrap();
    }
    let reader = PostgresReader::open(&address).unwrap();
    let names = server.sql("names", "SELECT count(*), count(DISTINCT text) FROM countersign.name").unwrap();
    let (count, distinct) = names.split_once('|').unwrap();
    assert_eq!(count, distinct, "a name has one number");
    let query = Query { limit: usize::MAX, ..Query::default() };
    assert_eq!(reader.find(&query.clone().with(Field::Code, "c.d")).unwrap().len(), 6);
    assert_eq!(reader.find(&query.with(Field::Rule, "a")).unwrap().len(), 3 * 690);
    assert_eq!(reader.unfinished().unwrap().len(), 3 * 688);
}

#[test]
fn a_database_of_something_else_is_left_alone() {
    let server = PostgresServer::start().unwrap();
    let address = address(&server, "other");
    assert_eq!(PostgresReader::open(&address).unwrap_err().code(), "store.missing");
    server.sql("other", "CREATE SCHEMA countersign; CREATE TABLE countersign.songs(title text)").unwrap();
    assert_eq!(PostgresLog::open(&address).unwrap_err().code(), "store.corrupt");
    let url = format!("postgres:///none?host={}&user=gateway", server.socket().display());
    let missing = PostgresLog::open(&named(&server, &url, "main")).unwrap_err();
    assert_eq!(missing.code(), "store.missing");
    assert!(missing.hint().unwrap().contains("createdb"));
}

#[test]
fn a_newer_version_is_refused() {
    let server = PostgresServer::start().unwrap();
    let address = address(&server, "newer");
    drop(PostgresLog::open(&address).unwrap());
    server.sql("newer", "UPDATE countersign.meta SET value = '99'").unwrap();
    assert_eq!(PostgresLog::open(&address).unwrap_err().code(), "store.newer");
    assert_eq!(PostgresReader::open(&address).unwrap_err().code(), "store.newer");
}

/// What stands in a database when a gateway of that version has run: made once by that version, and kept.
const FILLED: [(usize, &str); 1] = [(1, include_str!("tests/filled-1.sql"))];

#[test]
fn what_every_version_wrote_is_brought_forward() {
    let server = PostgresServer::start().unwrap();
    for version in 1..schema::current() {
        assert!(FILLED.iter().any(|(found, _)| *found == version), "there is nothing that version {version} wrote");
    }
    for (version, filled) in FILLED {
        let address = address(&server, &format!("v{version}"));
        std::fs::create_dir_all(address.keys()).unwrap();
        let mut key = OpenOptions::new();
        let key = key.write(true).create(true).truncate(true).mode(0o600).open(address.keys().join("bodies.key"));
        key.unwrap().write_all(include_bytes!("tests/filled.key")).unwrap();
        let link = link::Link::open(address.config("older")).unwrap();
        schema::migrate_to(&link, version).unwrap();
        link.wait(session::TIME_MAX, link.client.batch_execute(filled)).unwrap();
        let read = PostgresReader::open(&address);
        assert!(version == schema::current() || read.is_err_and(|error| error.code() == "store.older"));
        let (mut log, reader) = both(&address);
        assert_eq!(schema::version(&link).unwrap(), schema::current());
        a_filled_log_is_whole(&mut log, &reader);
    }
}

/// Gateways of one database that are started together find its tables made once.
#[test]
fn many_may_open_a_new_database_at_once() {
    let server = PostgresServer::start().unwrap();
    let url = server.database("fresh").unwrap();
    let opened: Vec<_> = (0..6)
        .map(|number| named(&server, &url, &format!("gateway-{number}")))
        .map(|address| {
            std::thread::spawn(move || PostgresLog::open(&address).unwrap().append(&[change(1)], &[]).unwrap())
        })
        .collect();
    assert!(opened.into_iter().all(|opened| opened.join().unwrap() == 1));
}

/// What is done to the tables, and the record that is named. Records 301 and 302 are an intent and its outcome.
const TAMPERED: [(&str, u64); 10] = [
    ("UPDATE record SET task = task + 1 WHERE sequence = 301", 301),
    ("DELETE FROM state WHERE kind = 'checkpoint'", 1),
    ("UPDATE record SET at = at + 1 WHERE sequence = 301", 301),
    ("UPDATE record SET body_values = decode(repeat('00', length(body_values)), 'hex') WHERE sequence = 301", 301),
    ("UPDATE record SET leaf_hash = decode(repeat('00', 32), 'hex') WHERE sequence = 301", 301),
    ("UPDATE record SET verdict = class WHERE sequence = 301", 301),
    ("DELETE FROM record WHERE sequence = 301", 301),
    ("DELETE FROM record WHERE sequence > 300", 301),
    ("DELETE FROM record WHERE sequence > 300; UPDATE log SET last = 300, tree = '0:'; DELETE FROM tile", 301),
    ("UPDATE tile SET hashes = decode(repeat('00', length(hashes)), 'hex') WHERE number = 1 AND first = 0", 257),
];

#[test]
fn whatever_is_done_to_the_tables_the_first_bad_record_is_named() {
    let server = PostgresServer::start().unwrap();
    let address = address(&server, "signed");
    let (mut log, reader) = both(&address);
    let mut notary = notary();
    for start in (1..400).step_by(100) {
        let rows: Vec<_> = (start..start + 100)
            .map(|number| match number % 3 {
                1 => intent(number, "bot", "ada", "crm/read", Verdict::Allow),
                2 => outcome(number - 1, number),
                _ => change(number),
            })
            .collect();
        log.append(&rows, &[]).unwrap();
        let (checkpoint, state) = notary.sign(reader.tree().unwrap().tree()).unwrap().unwrap();
        log.append(&[], &state).unwrap();
        notary.kept(&checkpoint, model::UnixMicros(i64::from(start) * 100_000_000));
    }
    drop((log, reader));
    let known = Known { trust: notary.trust(), named: true, elsewhere: Vec::new() };
    let audited = audit(&PostgresReader::open(&address).unwrap(), &known, |_| {}).unwrap();
    assert_eq!((audited.bad, audited.records, audited.unsigned), (None, 400, 0));
    for (number, (edit, sequence)) in TAMPERED.into_iter().enumerate() {
        let copy = format!("copy{number}");
        server.sql("postgres", &format!("CREATE DATABASE {copy} TEMPLATE signed")).unwrap();
        server.sql(&copy, &format!("SET search_path = countersign; {edit}")).unwrap();
        let url = format!("postgres:///{copy}?host={}&user=gateway", server.socket().display());
        let address = named(&server, &url, "main");
        let bad = audit(&PostgresReader::open(&address).unwrap(), &known, |_| {}).unwrap().bad;
        assert_eq!(bad.as_ref().map(|bad| bad.sequence), Some(sequence), "{edit}: {bad:?}");
        if edit.starts_with("DELETE FROM record WHERE sequence > 300") && !edit.contains("tile") {
            assert_eq!(PostgresLog::open(&address).unwrap_err().code(), "store.corrupt");
        }
    }
}

/// What is done to the tables, and the record that is named: as `lost/tests.rs` says of each.
const HIDDEN: [(&str, u64); 15] = [
    ("UPDATE record SET human = NULL WHERE sequence = 1201", 1_201),
    ("DELETE FROM seen WHERE name = ?n:bot AND block = 42", 1_345),
    ("DELETE FROM seen WHERE name = ?n:eve AND block >= 32 AND block < 64", 1_029),
    ("DELETE FROM seen WHERE name = ?n:rule:no-more", 1_501),
    ("DELETE FROM seen WHERE name = ?n:deny", 1_501),
    ("DELETE FROM seen WHERE name = -15 - (SELECT human FROM record WHERE sequence = 1)", 1),
    ("DELETE FROM seen WHERE name = -3 AND block >= 64", 2_500),
    ("DELETE FROM seen WHERE name < -1099511627776", 700),
    ("DELETE FROM seen WHERE name = ?n:code:a.b AND block >= 32 AND block < 64", 1_199),
    ("DELETE FROM facet WHERE name = ?n:rule:no-more", 1_501),
    ("DELETE FROM seen WHERE name >= 1099511627776 AND block >= 64", 2_049),
    ("UPDATE span SET last_at = last_at - 1000000 WHERE block = 1", 1_048),
    ("UPDATE record SET outcome = NULL WHERE sequence = 1201", 1_202),
    ("UPDATE used SET calls = calls + 1 WHERE verdict = ?n:deny", 1_501),
    ("UPDATE name SET sum = sum + 1 WHERE text = 'deny'", 1_501),
];

#[test]
fn what_no_question_finds_any_more_is_named() {
    let server = PostgresServer::start().unwrap();
    let address = address(&server, "whole");
    let (mut log, reader) = both(&address);
    for first in (1..=2_600).step_by(200) {
        log.append(&lost::rows(first, first + 199), &[]).unwrap();
    }
    assert_eq!(reader.lost(&mut |_| {}).unwrap(), None);
    drop((log, reader));
    for (number, (edit, sequence)) in HIDDEN.into_iter().enumerate() {
        let copy = format!("hidden{number}");
        server.sql("postgres", &format!("CREATE DATABASE {copy} TEMPLATE whole")).unwrap();
        let changed =
            server.sql(&copy, &format!("SET search_path = countersign; {}", lost::with_numbers(edit))).unwrap();
        let url = format!("postgres:///{copy}?host={}&user=gateway", server.socket().display());
        let found = PostgresReader::open(&named(&server, &url, "main")).unwrap().lost(&mut |_| {}).unwrap();
        assert_eq!(found.as_ref().map(|found| found.sequence), Some(sequence), "{edit}: {changed} {found:?}");
    }
}

fn notary() -> Notary {
    let origin = "countersign.local/test";
    let key = SigningKey::from_seed(origin.parse().unwrap(), Algorithm::Ed25519, &[7; 32]).unwrap();
    Notary::new(origin.to_owned(), vec![key])
}

/// Everything a view shows can be read by whoever may read nothing else, and means what it says.
#[test]
fn the_guides_sql_is_true_and_needs_no_right_to_tables() {
    let server = PostgresServer::start().unwrap();
    let address = address(&server, "asked");
    let mut log = PostgresLog::open(&address).unwrap();
    let wide = CallId::from_bits(u128::MAX - 12345);
    let denied = intent(4, "bot", "ada", "mail/send", Verdict::Deny);
    let rows =
        [intent(1, "bot", "ada", "crm/read", Verdict::Allow), ended(1, 2, 1), change(3), denied, change_of(&wide)];
    log.append(&rows, &[]).unwrap();
    let one = |sql: &str| server.sql("asked", &format!("SET TIME ZONE 'UTC'; SET search_path = countersign; {sql}"));
    let one = |sql: &str| one(sql).unwrap().lines().last().unwrap_or_default().to_owned();
    assert_eq!(one("SELECT call FROM calls WHERE sequence = 1"), call(1).as_str());
    assert_eq!(one("SELECT change FROM changes WHERE sequence = 5"), wide.as_str());
    assert_eq!(
        one("SELECT string_agg(kind, ' ' ORDER BY sequence) FROM records"),
        "intent outcome change intent change"
    );
    assert_eq!(
        one(
            "SELECT concat_ws(' ', log, to_char(time, 'HH24:MI:SS.US'), agent, human, app, tool, class, method, verdict, \
             rules, effect, status, code, ended_after_us) FROM calls WHERE sequence = 1"
        ),
        "main 12:00:00.001000 bot ada crm read read tools/call allow crm.reads not_executed failed c.d 1000"
    );
    assert_eq!(
        one("SELECT concat_ws(' ', agent, human, tool, calls) FROM used_tools WHERE app = 'mail'"),
        "bot ada send 1"
    );

    let guide = include_str!("../../../../docs/guide/trace.md");
    let block = guide.split("```").find_map(|block| block.strip_prefix("postgresql\n")).unwrap();
    let statements: Vec<&str> = block.split(";\n").map(str::trim).filter(|sql| !sql.is_empty()).collect();
    let (rights, questions): (Vec<&str>, Vec<&str>) = statements.iter().partition(|sql| !sql.starts_with("SELECT"));
    let as_auditor = |sql: &str| server.sql("asked", &format!("SET ROLE auditor; {sql}"));
    server.sql("asked", &rights.join("; ")).unwrap();
    assert!(questions.len() >= 3);
    for question in questions {
        assert!(as_auditor(question).unwrap().lines().count() > 0, "{question}");
    }
    for table in ["record", "sealed", "subject_key", "state"] {
        assert!(as_auditor(&format!("SELECT 1 FROM countersign.{table}")).is_err(), "{table}");
    }
    assert!(as_auditor("DELETE FROM countersign.records").is_err());
}

/// Who writes the map is one gateway at a time, and another goes on when that one is gone.
#[test]
fn one_gateway_at_a_time_adds_rounds_and_another_goes_on() {
    let server = PostgresServer::start().unwrap();
    let url = server.database("mapped").unwrap();
    let (first, second) = (named(&server, &url, "one"), named(&server, &url, "two"));
    let (mut one, reader) = both(&first);
    let (mut two, _) = both(&second);
    let signing =
        |number: u8| SigningKey::from_seed(ORIGIN.parse().unwrap(), Algorithm::Ed25519, &[number; 32]).unwrap();
    let sign = |log: &mut PostgresLog, tree| {
        let (_, state) = Notary::new(ORIGIN.to_owned(), vec![signing(1)]).sign(tree).unwrap().unwrap();
        log.append(&[], &state).unwrap();
    };
    let next = |at: i64| {
        move |standing: &Standing| {
            let last = standing.last.as_ref();
            let round = Round::after(last.map(|last| &last.round), UnixMicros(at), standing.heads.clone());
            let tree = last.map_or_else(tlog::Frontier::new, |last| last.tree.clone());
            Ok(round.map(|round| round.sign("m/map", &tree, &[signing(2)]).unwrap()))
        }
    };
    let (mut map, mut other) = (LogMap::of(&first, "one"), LogMap::of(&second, "two"));
    assert_eq!(map.turn(next(1)).unwrap(), Turn::Unchanged, "nobody has signed anything");
    one.append(&[change(1)], &[]).unwrap();
    sign(&mut one, reader.tree().unwrap().tree());
    let Turn::Added(round) = map.turn(next(2)).unwrap() else { panic!("no round") };
    assert_eq!((round.round.number, round.round.heads.len(), round.check(None)), (1, 1, Ok(())));
    assert_eq!(map.turn(next(3)).unwrap(), Turn::Unchanged);
    two.append(&[change(2)], &[]).unwrap();
    let tree_of_two = PostgresReader::open(&second).unwrap().tree().unwrap().tree();
    sign(&mut two, tree_of_two);
    assert_eq!(other.turn(next(4)).unwrap(), Turn::Others, "it is the first one's turn");
    // The first one is not heard of any more.
    server.sql("mapped", "UPDATE countersign.map_lease SET until = now() - interval '1 second'").unwrap();
    let Turn::Added(second_round) = other.turn(next(5)).unwrap() else { panic!("no round") };
    assert_eq!((second_round.round.heads.len(), second_round.check(Some(&round))), (2, Ok(())));
    assert_eq!(map.turn(next(6)).unwrap(), Turn::Others);
    // A round that is refused leaves nothing, and the next one is made.
    one.append(&[change(3)], &[]).unwrap();
    sign(&mut one, reader.tree().unwrap().tree());
    let refused = other.turn(|_| Err(StoreFault::new(StoreFaultKind::Broken, "no")));
    assert!(refused.is_err());
    assert!(matches!(other.turn(next(7)).unwrap(), Turn::Added(third) if third.check(Some(&second_round)).is_ok()));
    assert_eq!(other.rounds(1, 9).unwrap().len(), 2);
    assert_eq!(other.rounds_back(9).unwrap(), []);

    // One log is put back to what it was.
    server
        .sql("mapped", "DELETE FROM countersign.state WHERE kind = 'checkpoint' AND key = '00000000000000000002'")
        .unwrap();
    let Turn::Added(back) = other.turn(next(8)).unwrap() else { panic!("no round") };
    assert_eq!(back.round.back, ["one"]);
    assert_eq!(other.rounds_back(9).unwrap(), [*back]);
    for sql in ["UPDATE countersign.map_round SET text = ''", "DELETE FROM countersign.map_round"] {
        assert!(server.sql("mapped", sql).is_err(), "{sql}");
    }
}

const ORIGIN: &str = "example.com/log";
