//! Durable records: each caller writes an intent and waits for the disk, then queues its outcome, as a read does.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use model::{AgentId, HumanId};
use rusqlite::{Connection, params};
use store::{AheadLog, Durability, SqliteReader};
use trace::{Journal, LogReader as _, LogStore, Row, StateWrite, StoreFault};

use crate::sample::call;
use crate::stopwatch::{busy_time, busy_time_of, micros, now, own_time, part_of};
use crate::{Failure, say};

/// A log that counts its commits.
struct Counted<L> {
    log: L,
    commits: Arc<AtomicU64>,
}

impl<L: LogStore> LogStore for Counted<L> {
    fn append(&mut self, rows: &[Row], state: &[StateWrite]) -> Result<u64, StoreFault> {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.log.append(rows, state)
    }

    fn is_quick(&self) -> bool {
        self.log.is_quick()
    }
}

/// Where a log is kept, and what else is measured there to compare it with.
pub trait Engine {
    /// A new log.
    type Log: LogStore + 'static;

    /// What its measures begin with.
    fn name(&self) -> &'static str;

    /// Opens it.
    fn log(&self) -> Result<Self::Log, Failure>;

    /// How many records it has.
    fn records(&self) -> Result<u64, Failure>;

    /// A plain table of records with two indices: how many a second come into it, each with a commit of its own.
    fn one_by_one(&self) -> Result<f64, Failure>;
}

/// The log in a directory.
struct Files(tempfile::TempDir);

impl Engine for Files {
    type Log = AheadLog;

    fn name(&self) -> &'static str {
        "trace"
    }

    fn log(&self) -> Result<AheadLog, Failure> {
        Ok(AheadLog::open(&self.0.path().join("trace.db"), Durability::Full)?)
    }

    fn records(&self) -> Result<u64, Failure> {
        Ok(SqliteReader::open(&self.0.path().join("trace.db"))?.last_sequence()?)
    }

    fn one_by_one(&self) -> Result<f64, Failure> {
        let table = Connection::open(self.0.path().join("plain.db"))?;
        table.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        table.execute_batch("PRAGMA synchronous = FULL")?;
        table.execute_batch(
            "CREATE TABLE record(id INTEGER PRIMARY KEY, call BLOB, at INTEGER, agent TEXT, human TEXT, leaf BLOB, \
             leaf_hash BLOB, body BLOB); CREATE INDEX by_call ON record(call); CREATE INDEX by_agent ON record(agent, at)",
        )?;
        let mut insert = table.prepare(
            "INSERT INTO record(call, at, agent, human, leaf, leaf_hash, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        one_by_one(|row| {
            insert.execute(params![
                row.call.bits().to_be_bytes(),
                row.at.0,
                row.agent.as_ref().map(AgentId::as_str),
                row.subject.as_ref().map(HumanId::as_str),
                row.leaf.values(),
                row.leaf_hash.as_bytes(),
                row.body.values()
            ])?;
            Ok(())
        })
    }
}

/// How many of these are done a second, each with what of a record is its own: what others have, too, a plain table would hold
/// again and again.
pub fn one_by_one(mut commit: impl FnMut(&Row) -> Result<(), Failure>) -> Result<f64, Failure> {
    let begun = now();
    let mut written = 0_u64;
    for number in 0.. {
        let (intent, outcome) = call(number)?;
        let rows = [Some(Row::of_intent(&intent)?), outcome.map(|outcome| Row::of_outcome(&outcome)).transpose()?];
        for row in rows.iter().flatten() {
            commit(row)?;
            written += 1;
        }
        if begun.elapsed() >= FLUSHED_FOR {
            break;
        }
    }
    Ok(written as f64 / begun.elapsed().as_secs_f64())
}

/// The disk alone, the plain table and the journal take turns, so that whatever else the machine does meets all of them.
pub fn measure(folder: &Path, callers: &[u64]) -> Result<(), Failure> {
    encoding()?;
    callers.iter().try_for_each(|callers| turns(folder, *callers, || Ok(Files(tempfile::tempdir_in(folder)?))))
}

/// Some turns with so many callers.
pub fn turns<E: Engine>(folder: &Path, callers: u64, engine: impl Fn() -> Result<E, Failure>) -> Result<(), Failure> {
    let mut all = Vec::new();
    let mut prefix = "";
    for _ in 0..TURNS {
        let place = tempfile::tempdir_in(folder)?;
        let engine = engine()?;
        prefix = engine.name();
        let alone = Alone { flushes: flushes(place.path())?, one_by_one: engine.one_by_one()? };
        all.push((alone, turn(&engine, callers)?));
    }
    let say = |what: &str, unit: &str, of: &dyn Fn(&Alone, &Turn) -> f64| {
        let value = median(all.iter().map(|(alone, turn)| of(alone, turn)));
        say(format!("{prefix}.commits.{callers}_callers.{what}"), value, unit);
    };
    say("flushes_alone", "1/s", &|alone, _| alone.flushes);
    say("one_commit_a_record", "1/s", &|alone, _| alone.one_by_one);
    say("records", "1/s", &|_, turn| turn.rate);
    say("over_flushes_alone", "×", &|alone, turn| turn.rate / alone.flushes);
    say("over_one_commit_a_record", "×", &|alone, turn| turn.rate / alone.one_by_one);
    say("wait_p50", "µs", &|_, turn| micros(part_of(&turn.waits, 50)));
    say("wait_p99", "µs", &|_, turn| micros(part_of(&turn.waits, 99)));
    say("calls_a_commit", "calls", &|_, turn| turn.calls_a_commit);
    say("commit_processor", "µs/call", &|_, turn| turn.commit_us);
    say("tables_processor", "µs/call", &|_, turn| turn.tables_us);
    say("all_processors", "µs/call", &|_, turn| turn.all_us);
    Ok(())
}

/// How many records a second become durable without a journal, one after the other.
struct Alone {
    flushes: f64,
    one_by_one: f64,
}

/// What one turn with so many callers did.
struct Turn {
    rate: f64,
    waits: Vec<Duration>,
    calls_a_commit: f64,
    commit_us: f64,
    tables_us: f64,
    /// Of this process, the callers among it.
    all_us: f64,
}

/// One record a flush, as a log without group commit would do it: how many a second.
fn flushes(folder: &Path) -> Result<f64, Failure> {
    let mut file = File::create(folder.join("flushes"))?;
    // A file that keeps its length is flushed faster than one that grows: the disk gets its best.
    file.write_all(&vec![0; RECORD_BYTES * 4_096])?;
    file.sync_all()?;
    let begun = now();
    let mut written = 0_u64;
    while begun.elapsed() < FLUSHED_FOR {
        std::os::unix::fs::FileExt::write_all_at(&file, &[1; RECORD_BYTES], written % 4_096 * RECORD_BYTES as u64)?;
        file.sync_data()?;
        written += 1;
    }
    Ok(written as f64 / begun.elapsed().as_secs_f64())
}

fn turn<E: Engine>(engine: &E, callers: u64) -> Result<Turn, Failure> {
    let commits = Arc::new(AtomicU64::new(0));
    let log = Counted { log: engine.log()?, commits: Arc::clone(&commits) };
    let journal = Journal::start(Box::new(log))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let next = Arc::new(AtomicU64::new(0));
    let (begun, busy_before) = (now(), busy_time()?);
    let mut waits = runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..callers {
            tasks.spawn(caller(journal.clone(), usize::try_from(callers)?, Arc::clone(&next), begun));
        }
        let mut waits = Vec::new();
        while let Some(task) = tasks.join_next().await {
            waits.extend(task??);
        }
        Ok::<_, Failure>(waits)
    })?;
    let took = begun.elapsed();
    let busy = ["trace-commit", "trace-tables"].map(busy_time_of);
    let all = busy_time()? - busy_before;
    journal.close();
    if journal.lost_outcomes() > 0 {
        return Err("outcomes were lost".into());
    }
    waits.sort_unstable();
    let records = engine.records()? as f64;
    let calls = records / 2.0;
    let [commit_us, tables_us] = busy.map(|busy| micros(busy) / calls);
    let calls_a_commit = calls / commits.load(Ordering::Relaxed) as f64;
    let all_us = micros(all) / calls;
    Ok(Turn { rate: records / took.as_secs_f64(), waits, calls_a_commit, commit_us, tables_us, all_us })
}

async fn caller(
    journal: Journal,
    callers: usize,
    next: Arc<AtomicU64>,
    begun: Instant,
) -> Result<Vec<Duration>, Failure> {
    let mut waits = Vec::new();
    while begun.elapsed() < TURN {
        let (intent, outcome) = call(next.fetch_add(1, Ordering::Relaxed))?;
        let asked = now();
        journal.intent_among(intent, callers).await?;
        waits.push(asked.elapsed());
        if let Some(outcome) = outcome {
            journal.outcome_later(outcome)?;
        }
    }
    Ok(waits)
}

fn encoding() -> Result<(), Failure> {
    let begun = own_time()?;
    for number in 0..u64::from(ENCODED) {
        std::hint::black_box(call(number)?);
    }
    // What the callers do besides: it is no part of the trace, but of what the processors do meanwhile.
    say("trace.sample.call", micros(own_time()? - begun) / f64::from(ENCODED), "µs");
    let (intent, _) = call(1)?;
    let row = Row::of_intent(&intent)?;
    let begun = own_time()?;
    for _ in 0..ENCODED {
        std::hint::black_box(Row::of_intent(&intent)?);
    }
    say("trace.encode.intent", micros(own_time()? - begun) / f64::from(ENCODED), "µs");
    say("trace.encode.leaf", row.leaf_text().map_or(0, |leaf| leaf.len()) as f64, "bytes");
    say("trace.encode.body", row.body_text().map_or(0, |body| body.len()) as f64, "bytes");
    Ok(())
}

/// Appends so many calls in commits of equal size and nothing else: what is counted in instructions.
pub fn straight(folder: &Path, calls: u64) -> Result<(), Failure> {
    let path = folder.join("straight.db");
    let mut log = AheadLog::open(&path, Durability::Full)?;
    let mut open = Vec::new();
    for batch in 0..calls / BATCH {
        let mut rows = std::mem::take(&mut open);
        for number in batch * BATCH..(batch + 1) * BATCH {
            let (intent, outcome) = call(number)?;
            rows.push(Row::of_intent(&intent)?);
            open.extend(outcome.map(|outcome| Row::of_outcome(&outcome)).transpose()?);
        }
        log.append(&rows, &[])?;
    }
    log.append(&open, &[])?;
    drop(log);
    say("trace.straight.bytes", std::fs::metadata(path)?.len() as f64 / calls as f64, "bytes/call");
    Ok(())
}

fn median(of: impl IntoIterator<Item = f64>) -> f64 {
    let mut of: Vec<f64> = of.into_iter().collect();
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or_default()
}

const BATCH: u64 = 16;
const ENCODED: u32 = 20_000;
const RECORD_BYTES: usize = 1_024;
const TURNS: usize = 3;
const TURN: Duration = Duration::from_secs(2);
const FLUSHED_FOR: Duration = Duration::from_millis(700);
