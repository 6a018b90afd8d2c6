//! Measures durable records a second: `cargo run --release -p store --example commit [DIRECTORY]`.
//!
//! `commit DIRECTORY CALLS` appends so many calls and nothing else, which is what to count the instructions of.
//!
//! Each caller writes an intent and waits for the disk, then queues its outcome, as a read does. The processor time of
//! the thread that writes is its own, as the kernel counts it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use model::{
    AgentId, AppId, CallId, Class, ClassSource, Digest, HumanId, Method, Reason, RuleId, TaskId, ToolName, UnixMicros,
    Verdict,
};
use store::{AheadLog, Durability, SqliteReader};
use trace::{
    Effect, FactsText, Field, Intent, Journal, LogReader, LogStore, Outcome, OutcomeStatus, Query, Row, StateWrite,
    StoreFault, verify_leaf,
};

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

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let base = std::env::args().nth(1).map_or_else(|| PathBuf::from("target"), PathBuf::from);
    if let Some(calls) = std::env::args().nth(2) {
        return straight(&base.join("straight.db"), calls.parse()?);
    }
    encoding()?;
    for callers in [1, 16, 64, 256] {
        for work in [Duration::ZERO, WORK] {
            let dir = tempfile::tempdir_in(&base)?;
            round(&dir.path().join("trace.db"), callers, work)?;
        }
    }
    Ok(())
}

fn encoding() -> Result<(), Failure> {
    let intent = sample(1)?;
    let row = Row::of_intent(&intent)?;
    let begun = own_time()?;
    for _ in 0..ENCODED {
        std::hint::black_box(Row::of_intent(&intent)?);
    }
    let each = (own_time()? - begun) / ENCODED;
    say(&format!(
        "encoding an intent: {each:?} (leaf {} bytes, body {} bytes)",
        row.leaf_text().map_or(0, |leaf| leaf.len()),
        row.body_text().map_or(0, |body| body.len())
    ));
    Ok(())
}

fn round(path: &Path, callers: u64, work: Duration) -> Result<(), Failure> {
    let commits = Arc::new(AtomicU64::new(0));
    let log = Counted { log: AheadLog::open(path, Durability::Full)?, commits: Arc::clone(&commits) };
    let journal = Journal::start(Box::new(log))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let next = Arc::new(AtomicU64::new(0));
    let begun = now();
    let mut waits = runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..callers {
            tasks.spawn(caller(journal.clone(), usize::try_from(callers)?, Arc::clone(&next), begun, work));
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
    waits.sort_unstable();
    let reader = SqliteReader::open(path)?;
    let records = reader.last_sequence()?;
    let rate = records as f64 / took.as_secs_f64();
    let calls = records as f64 / 2.0;
    let each = calls / commits.load(Ordering::Relaxed) as f64;
    let [commit, tables] = busy.map(|busy| busy.as_secs_f64() * 1e6 / calls);
    let size = std::fs::metadata(path)?.len() as f64 / calls;
    let at = |part: usize| waits.get(waits.len().saturating_sub(1) * part / 100).copied().unwrap_or_default();
    say(&format!(
        "{callers:>3} callers, {work:?} between: {each:.1} calls a commit, {rate:>7.0} durable records/s ({records} records), an intent waits p50 {:?} p99 {:?}, \
         trace-commit {commit:.1} and trace-tables {tables:.1} µs of processor a call, {size:.0} bytes on disk a call, lost {}",
        at(50),
        at(99),
        journal.lost_outcomes(),
    ));
    let begun = now();
    let found = reader.find(&Query::default().with(Field::Agent, "support-bot"))?;
    let asked = begun.elapsed();
    let verified = found.iter().filter(|entry| verify_leaf(entry).is_ok()).count();
    say(&format!("             the last 100 of an agent: {asked:?}, {verified} of {} verify", found.len()));
    Ok(())
}

/// Appends so many calls in commits of equal size and nothing else: what is counted in instructions.
fn straight(path: &Path, calls: u64) -> Result<(), Failure> {
    let mut log = AheadLog::open(path, Durability::Full)?;
    let mut open = Vec::new();
    for batch in 0..calls / BATCH {
        let mut rows = std::mem::take(&mut open);
        for number in batch * BATCH..(batch + 1) * BATCH {
            let intent = sample(number)?;
            rows.push(Row::of_intent(&intent)?);
            open.push(Row::of_outcome(&outcome_of(&intent))?);
        }
        log.append(&rows, &[])?;
    }
    log.append(&open, &[])?;
    drop(log);
    say(&format!("{:.0} bytes on disk a call", std::fs::metadata(path)?.len() as f64 / calls as f64));
    Ok(())
}

async fn caller(
    journal: Journal,
    callers: usize,
    next: Arc<AtomicU64>,
    begun: Instant,
    work: Duration,
) -> Result<Vec<Duration>, Failure> {
    let mut waits = Vec::new();
    while begun.elapsed() < ROUND {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let intent = sample(number)?;
        let outcome = outcome_of(&intent);
        let worked = now();
        while worked.elapsed() < work {
            std::hint::spin_loop();
        }
        let asked = now();
        journal.intent_among(intent, callers).await?;
        waits.push(asked.elapsed());
        journal.outcome_later(outcome)?;
    }
    Ok(waits)
}

fn outcome_of(intent: &Intent<'_>) -> Outcome {
    Outcome {
        call: intent.call.clone(),
        at: intent.at,
        effect: Effect::Executed,
        status: OutcomeStatus::Answered,
        code: None,
        answer_digest: Some(intent.arguments_digest),
        answer_bytes: 1_000,
        scrubbed: 0,
        took_us: 900,
    }
}

fn sample(number: u64) -> Result<Intent<'static>, Failure> {
    let mut chance = [0; 10];
    aws_lc_rs::rand::fill(&mut chance).map_err(|_| "no randomness")?;
    let arguments = Bytes::from(format!(r#"{{"customer":"c-{number}","fields":["name","plan","mail"],"limit":50}}"#));
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &arguments);
    let at = 1_763_726_400_000_000 + i64::try_from(number)? * 100;
    Ok(Intent {
        cause: None,
        call: CallId::new(1_763_726_400_000 + number / 10, chance),
        at: UnixMicros(at),
        method: Method::ToolsCall,
        agent: AgentId::parse("support-bot")?,
        human: HumanId::parse("ada@example.com")?,
        task: TaskId::parse("ticket-4711")?,
        token_id: "1c1b0a9e".into(),
        app: AppId::parse("crm")?,
        tool: ToolName::parse("customers.search")?,
        class: Class::Read,
        class_source: ClassSource::Profile,
        definition: Some(Digest::new([7; 32])),
        verdict: Verdict::Allow,
        reasons: vec![Reason {
            rule: RuleId::builtin("crm.reads"),
            sentence: "people of support may read customers".into(),
            source: Some("rules/crm.yaml:12".into()),
            text: Some("crm:\n  allow_customers_search: true".into()),
            instead: None,
            redact: None,
            approvers: Vec::new(),
        }]
        .into(),
        observed: None,
        bundle: Digest::new([9; 32]),
        arguments: Some(arguments),
        arguments_digest: Digest::new(digest.as_ref().try_into()?),
        facts: facts_of(at, "ada@example.com")?,
    })
}

fn facts_of(at: i64, human: &str) -> Result<FactsText, Failure> {
    let facts: model::Facts =
        serde_json::from_str(&FACTS.replace("NOW", &at.to_string()).replace("ada@example.com", human))?;
    Ok(FactsText::of(&facts)?)
}

#[expect(clippy::disallowed_methods, reason = "a stopwatch is what this program is")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::print_stdout, reason = "a program says what it measured")]
fn say(line: &str) {
    println!("{line}");
}

/// Processor time of this thread.
fn own_time() -> Result<Duration, Failure> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let busy = text.split_whitespace().next().ok_or("no such number")?;
    Ok(Duration::from_nanos(busy.parse()?))
}

/// Processor time of the threads of this process with this name, in the kernel's nanoseconds.
fn busy_time_of(name: &str) -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let ours = threads
        .filter(|thread| std::fs::read_to_string(thread.path().join("comm")).is_ok_and(|found| found.trim() == name));
    let busy = ours.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(busy.sum())
}

const BATCH: u64 = 16;
const ENCODED: u32 = 20_000;
/// What a call takes of a processor between one intent and the next, about.
const WORK: Duration = Duration::from_micros(50);
const ROUND: Duration = Duration::from_secs(4);
const FACTS: &str = r#"{"now":NOW,"method":"tools/call","agent":{"id":"support-bot","name":"Support bot","owner":"grace@example.com","active":true},"human":{"id":"ada@example.com","name":"Ada","department":"support","seniority":null,"role":"support","manager":"grace@example.com","active":true},"task":"ticket-4711","app":{"id":"crm","name":"CRM","risk":"high","data":"confidential","category":"crm","owners":["grace@example.com"],"access":{"people":[],"roles":["support"],"departments":[]},"stopped":false},"tool":{"name":"customers.search","class":"read","class_source":"profile","status":"pinned","definition":null},"access":true,"all_stopped":false}"#;
