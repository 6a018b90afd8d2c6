//! Durable records: each caller writes an intent and waits for the disk, then queues its outcome, as a read does.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use store::{AheadLog, Durability, SqliteReader};
use trace::{Journal, LogReader as _, LogStore, Row, StateWrite, StoreFault};

use crate::sample::call;
use crate::stopwatch::{busy_time_of, micros, now, own_time, part_of};
use crate::{Failure, say};

/// A log that counts its commits.
struct Counted {
    log: AheadLog,
    commits: Arc<AtomicU64>,
}

impl LogStore for Counted {
    fn append(&mut self, rows: &[Row], state: &[StateWrite]) -> Result<u64, StoreFault> {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.log.append(rows, state)
    }

    fn is_quick(&self) -> bool {
        self.log.is_quick()
    }
}

/// The disk alone and the journal take turns, so that whatever else the machine does meets both.
pub fn measure(folder: &Path, callers: &[u64]) -> Result<(), Failure> {
    encoding()?;
    for callers in callers.iter().copied() {
        let (mut alone, mut together) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            let place = tempfile::tempdir_in(folder)?;
            alone.push(flushes(place.path())?);
            together.push(turn(&place.path().join("trace.db"), callers)?);
        }
        let name = |what: &str| format!("trace.commits.{callers}_callers.{what}");
        let ratio: Vec<f64> = together.iter().zip(&alone).map(|(turn, alone)| turn.rate / alone).collect();
        say(name("flushes_alone"), median(alone), "1/s");
        say(name("records"), median(together.iter().map(|turn| turn.rate)), "1/s");
        say(name("over_flushes_alone"), median(ratio), "×");
        for (what, part) in [("wait_p50", 50), ("wait_p99", 99)] {
            say(name(what), median(together.iter().map(|turn| micros(part_of(&turn.waits, part)))), "µs");
        }
        say(name("calls_a_commit"), median(together.iter().map(|turn| turn.calls_a_commit)), "calls");
        say(name("commit_processor"), median(together.iter().map(|turn| turn.commit_us)), "µs/call");
        say(name("tables_processor"), median(together.iter().map(|turn| turn.tables_us)), "µs/call");
    }
    Ok(())
}

/// What one turn with so many callers did.
struct Turn {
    rate: f64,
    waits: Vec<Duration>,
    calls_a_commit: f64,
    commit_us: f64,
    tables_us: f64,
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

fn turn(path: &Path, callers: u64) -> Result<Turn, Failure> {
    let commits = Arc::new(AtomicU64::new(0));
    let log = Counted { log: AheadLog::open(path, Durability::Full)?, commits: Arc::clone(&commits) };
    let journal = Journal::start(Box::new(log))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let next = Arc::new(AtomicU64::new(0));
    let begun = now();
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
    journal.close();
    if journal.lost_outcomes() > 0 {
        return Err("outcomes were lost".into());
    }
    waits.sort_unstable();
    let records = SqliteReader::open(path)?.last_sequence()? as f64;
    let calls = records / 2.0;
    let [commit_us, tables_us] = busy.map(|busy| micros(busy) / calls);
    let calls_a_commit = calls / commits.load(Ordering::Relaxed) as f64;
    Ok(Turn { rate: records / took.as_secs_f64(), waits, calls_a_commit, commit_us, tables_us })
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
