//! A long log: how it is made, how large it is, how fast it is verified and answers.

use std::path::Path;

use model::UnixMicros;
use rusqlite::Connection;
use store::{AheadLog, Durability, SqliteReader};
use tlog::{Algorithm, Frontier, Hash, SigningKey};
use trace::ready::{Whose, Window, access_ended, on_behalf_of, rule_fired, touched, who_approved};
use trace::{Known, LogReader, LogStore, Notary, Query, Row, audit};

use crate::sample::{APPS, CALL_MICROS, DAY_MICROS, agent, call, change, human, rule, task};
use crate::stopwatch::{millis, now, part_of};
use crate::{Failure, say};

/// Makes a log of so many records, two a call, unless it is there, and asks it.
pub fn measure(folder: &Path, records: u64) -> Result<(), Failure> {
    let path = folder.join(format!("questions-{records}.db"));
    if !path.exists() {
        let begun = now();
        make(&path, records / 2)?;
        say("trace.made", records as f64 / begun.elapsed().as_secs_f64(), "records/s");
    }
    // What a making that was broken off has left in the redo log.
    drop(AheadLog::open(&path, Durability::DangerOff)?);
    let reader = SqliteReader::open(&path)?;
    let records = reader.last_sequence()?;
    say("trace.records", records as f64, "records");
    sizes(&path, records / 2)?;
    ready_made(&reader, "trace")?;
    in_the_language(&reader, records)?;
    // Last, for of a long log it takes longest.
    leaf_hashes()?;
    verification(&reader, "trace")
}

/// As [`measure`], for a log of any engine: what people ask again and again.
pub fn measure_in(log: &mut dyn LogStore, reader: &dyn LogReader, records: u64, prefix: &str) -> Result<(), Failure> {
    let begun = now();
    fill(log, records / 2)?;
    say(format!("{prefix}.made"), records as f64 / begun.elapsed().as_secs_f64(), "records/s");
    say(format!("{prefix}.records"), reader.last_sequence()? as f64, "records");
    verification(reader, prefix)?;
    ready_made(reader, prefix)
}

/// Bytes on disk a call, and which part of it is what.
fn sizes(path: &Path, calls: u64) -> Result<(), Failure> {
    say("trace.bytes", std::fs::metadata(path)?.len() as f64 / calls as f64, "bytes/call");
    let connection = Connection::open(path)?;
    let mut parts = connection.prepare("SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC")?;
    let parts = parts.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    for part in parts {
        let (name, bytes) = part?;
        let share = bytes as f64 / calls as f64;
        if share >= 1.0 {
            say(format!("trace.bytes.{name}"), share, "bytes/call");
        }
    }
    Ok(())
}

/// From leaf hashes to a root, and from eight bytes to a leaf hash.
fn leaf_hashes() -> Result<(), Failure> {
    let begun = now();
    let leaves: Vec<Hash> = (0..LEAVES).map(|leaf| Hash::of_leaf(&leaf.to_be_bytes())).collect();
    say("trace.verify.leaf_hashes", LEAVES as f64 / begun.elapsed().as_secs_f64(), "1/s");
    let begun = now();
    let mut frontier = Frontier::new();
    frontier.append(&leaves, |_, _| ())?;
    std::hint::black_box(frontier.tree());
    say("trace.verify.to_a_root", LEAVES as f64 / begun.elapsed().as_secs_f64(), "leaf hashes/s");
    Ok(())
}

/// The whole check of `trace verify`, of a log that is signed as it stands.
fn verification(reader: &dyn LogReader, prefix: &str) -> Result<(), Failure> {
    let key = SigningKey::from_seed(ORIGIN.parse()?, Algorithm::Ed25519, &[7; 32])?;
    let notary = Notary::new(ORIGIN.to_owned(), vec![key]);
    let signed = notary.sign(reader.tree()?.tree())?.map(|(checkpoint, _)| checkpoint);
    let known = Known { trust: notary.trust(), named: true, elsewhere: signed.into_iter().collect() };
    let begun = now();
    let audited = audit(reader, &known, |_| ())?;
    if let Some(bad) = audited.bad {
        return Err(format!("record {}: {}", bad.sequence, bad.what).into());
    }
    say(format!("{prefix}.verify.records"), audited.records as f64 / begun.elapsed().as_secs_f64(), "records/s");
    let begun = now();
    if let Some(lost) = reader.lost(&mut |_| ())? {
        return Err(format!("record {}: {}", lost.sequence, lost.what).into());
    }
    say(format!("{prefix}.verify.indices"), audited.records as f64 / begun.elapsed().as_secs_f64(), "records/s");
    Ok(())
}

/// What people ask again and again.
fn ready_made(reader: &dyn LogReader, prefix: &str) -> Result<(), Failure> {
    let ask = |what: &str, times: u64, one: &dyn Fn(u64) -> Result<usize, Failure>| {
        ask(&format!("{prefix}.question.ready.{what}"), times, one)
    };
    let page = Window { limit: 20, ..Window::default() };
    let week = Window { since: Some(UnixMicros(end_of(reader)? - 7 * DAY_MICROS)), ..page };
    ask("touched", 100, &|n| Ok(touched(reader, &agent(n * 9), &page)?.latest.len()))?;
    ask("touched --since 7d", 100, &|n| Ok(touched(reader, &agent(n * 9), &week)?.latest.len()))?;
    ask("on-behalf-of", 100, &|n| Ok(on_behalf_of(reader, &human(n * 49), &page)?.latest.len()))?;
    ask("on-behalf-of --since 7d", 100, &|n| Ok(on_behalf_of(reader, &human(n * 49), &week)?.latest.len()))?;
    ask("rule-fired", 100, &|n| Ok(rule_fired(reader, &rule(n * 2), &page)?.latest.len()))?;
    ask("access-ended a person", 100, &|n| {
        Ok(access_ended(reader, Whose::Human(&human(n * 49)), &page)?.changes.len())
    })?;
    ask("access-ended an agent", 100, &|n| {
        Ok(access_ended(reader, Whose::Agent(&agent(n * 9), Some(&human(n))), &page)?.changes.len())
    })?;
    let last = reader.last_sequence()?;
    ask("who-approved", 100, &|n| {
        let sequence = (last / 101 * (n + 1)).to_string();
        Ok(usize::from(who_approved(reader, &sequence)?.is_some()))
    })
}

fn in_the_language(reader: &SqliteReader, records: u64) -> Result<(), Failure> {
    let days = records / 2 * CALL_MICROS.unsigned_abs() / DAY_MICROS.unsigned_abs();
    let end = UnixMicros(end_of(reader)?);
    let each = |what: &str, times: u64, text: &dyn Fn(u64) -> String| {
        ask(&format!("trace.question.{what}"), times, |n| {
            let query = Query::parse(&text(n), end).map_err(|error| error.to_string())?.of_calls_unless_said();
            Ok(reader.find(&query)?.len())
        })
    };
    each("agent:A", 100, &|n| format!("agent:{}", agent(n * 9)))?;
    each("verdict:deny", 20, &|_| "verdict:deny".to_owned())?;
    each("agent:A verdict:deny", 100, &|n| format!("agent:{} verdict:deny", agent(n * 9)))?;
    each("app:A -verdict:allow", 20, &|n| format!("app:app-{n} -verdict:allow"))?;
    each("rule:R app:A", 100, &|n| format!("rule:{} app:app-{}", rule(n), n % APPS))?;
    each("task:T", 100, &|n| format!("task:{}", task(records / 200 * n)))?;
    each("task:T, none such", 20, &|n| format!("task:none-{n}"))?;
    each("status:failed app:A", 20, &|n| format!("status:failed app:app-{n}"))?;
    each("observed:yes", 20, &|_| "observed:yes".to_owned())?;
    each("what:people.offboard", 20, &|_| "what:people.offboard".to_owned())?;
    each("since: until:", 20, &|n| format!("since:{}d until:{}d", days * n / 20 + 1, days * n / 20))?;
    each("human:H since:", 100, &|n| format!("human:{} since:{}d", human(n * 49), days * (n % 20) / 20 + 1))
}

fn end_of(reader: &dyn LogReader) -> Result<i64, Failure> {
    let last = reader.find(&Query { limit: 1, ..Query::default() })?;
    Ok(last.first().ok_or("the log is empty")?.at.0)
}

/// Asks so many times and says how long it took.
fn ask(what: &str, times: u64, one: impl Fn(u64) -> Result<usize, Failure>) -> Result<(), Failure> {
    let mut waits = Vec::new();
    for number in 0..times {
        let begun = now();
        one(number)?;
        waits.push(begun.elapsed());
    }
    waits.sort_unstable();
    say(format!("{what}.p50"), millis(part_of(&waits, 50)), "ms");
    say(format!("{what}.p95"), millis(part_of(&waits, 95)), "ms");
    Ok(())
}

fn make(path: &Path, calls: u64) -> Result<(), Failure> {
    fill(&mut AheadLog::open(path, Durability::DangerOff)?, calls)
}

fn fill(log: &mut dyn LogStore, calls: u64) -> Result<(), Failure> {
    for batch in 0..calls / BATCH {
        let mut rows = Vec::new();
        let mut state = Vec::new();
        for number in batch * BATCH..(batch + 1) * BATCH {
            let (intent, outcome) = call(number)?;
            rows.push(Row::of_intent(&intent)?);
            rows.extend(outcome.map(|outcome| Row::of_outcome(&outcome)).transpose()?);
            if number % 2_003 == 0 {
                let (change, makes_true) = change(number)?;
                rows.push(Row::of_change(&change)?);
                state.push(makes_true);
            }
        }
        log.append(&rows, &state)?;
    }
    Ok(())
}

const BATCH: u64 = 250;
const LEAVES: u64 = 1_000_000;

/// What a signed log calls itself here.
const ORIGIN: &str = "bench.example/trace";
