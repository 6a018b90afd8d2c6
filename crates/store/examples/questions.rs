//! Measures questions to a long log: `cargo run --release -p store --example questions DIRECTORY CALLS`.
//!
//! Makes a log of so many calls (two records each) of many agents, people, apps, rules and tasks in DIRECTORY, unless it is
//! there, and asks it the ready-made questions and some in the language. For each it says how long half of the questions and
//! how long 95 of 100 took, as the clock has it and as the kernel counts the processor's time.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use model::{
    AgentId, AppId, CallId, Class, ClassSource, Digest, HumanId, Method, Reason, RuleId, TaskId, ToolName, UnixMicros,
    Verdict,
};
use store::{AheadLog, Durability, SqliteReader};
use trace::ready::{Whose, Window, access_ended, on_behalf_of, rule_fired, touched, who_approved};
use trace::{Change, Effect, Intent, LogReader, LogStore, Outcome, OutcomeStatus, Query, Row, StateWrite};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let usage = "questions DIRECTORY CALLS";
    let base = std::env::args().nth(1).map(PathBuf::from).ok_or(usage)?;
    let calls: u64 = std::env::args().nth(2).ok_or(usage)?.parse()?;
    let path = base.join(format!("questions-{calls}.db"));
    if !path.exists() {
        let begun = now();
        make(&path, calls)?;
        say(&format!("made in {:.0?}", begun.elapsed()));
    }
    // What a making that was broken off has left in the redo log.
    drop(AheadLog::open(&path, Durability::DangerOff)?);
    let reader = SqliteReader::open(&path)?;
    let records = reader.last_sequence()?;
    let size = std::fs::metadata(&path)?.len() as f64 / (records as f64 / 2.0);
    say(&format!("{records} records, {size:.0} bytes on disk a call"));
    ready_made(&reader)?;
    in_the_language(&reader, records)
}

/// What people ask again and again.
fn ready_made(reader: &SqliteReader) -> Result<(), Failure> {
    let page = Window { limit: 20, ..Window::default() };
    let week = Window { since: Some(UnixMicros(end_of(reader)? - 7 * DAY_MICROS)), ..page };
    ask("touched", 100, |n| Ok(touched(reader, &agent(n * 9), &page)?.latest.len()))?;
    ask("touched --since 7d", 100, |n| Ok(touched(reader, &agent(n * 9), &week)?.latest.len()))?;
    ask("on-behalf-of", 100, |n| Ok(on_behalf_of(reader, &human(n * 49), &page)?.latest.len()))?;
    ask("on-behalf-of --since 7d", 100, |n| Ok(on_behalf_of(reader, &human(n * 49), &week)?.latest.len()))?;
    ask("rule-fired", 100, |n| Ok(rule_fired(reader, &rule(n * 2), &page)?.latest.len()))?;
    ask("access-ended, a person", 100, |n| {
        Ok(access_ended(reader, Whose::Human(&human(n * 49)), &page)?.changes.len())
    })?;
    ask("access-ended, an agent", 100, |n| {
        Ok(access_ended(reader, Whose::Agent(&agent(n * 9), Some(&human(n))), &page)?.changes.len())
    })?;
    let last = reader.last_sequence()?;
    ask("who-approved", 100, |n| {
        let sequence = (last / 101 * (n + 1)).to_string();
        Ok(usize::from(who_approved(reader, &sequence)?.is_some()))
    })
}

fn in_the_language(reader: &SqliteReader, records: u64) -> Result<(), Failure> {
    let days = records / 2 * CALL_MICROS.unsigned_abs() / DAY_MICROS.unsigned_abs();
    let end = UnixMicros(end_of(reader)?);
    let each = |what: &str, times: u64, text: &dyn Fn(u64) -> String| {
        ask(what, times, |n| {
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

fn end_of(reader: &SqliteReader) -> Result<i64, Failure> {
    let last = reader.find(&Query { limit: 1, ..Query::default() })?;
    Ok(last.first().ok_or("the log is empty")?.at.0)
}

/// Asks so many times and says how long it took.
fn ask(what: &str, times: u64, one: impl Fn(u64) -> Result<usize, Failure>) -> Result<(), Failure> {
    let (mut waits, mut works, mut found) = (Vec::new(), Vec::new(), 0);
    for number in 0..times {
        let (begun, busy) = (now(), own_time()?);
        found += one(number)?;
        waits.push(begun.elapsed());
        works.push(own_time()? - busy);
    }
    waits.sort_unstable();
    works.sort_unstable();
    let part = |of: &[Duration], part: usize| {
        of.get(of.len().saturating_sub(1) * part / 100).copied().unwrap_or_default().as_secs_f64() * 1e3
    };
    say(&format!(
        "{what:<28} p50 {:>7.2} ms  p95 {:>7.2} ms  (processor {:>7.2} {:>7.2})  {found} found in {times}",
        part(&waits, 50),
        part(&waits, 95),
        part(&works, 50),
        part(&works, 95)
    ));
    Ok(())
}

fn make(path: &Path, calls: u64) -> Result<(), Failure> {
    let mut log = AheadLog::open(path, Durability::DangerOff)?;
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

fn change(number: u64) -> Result<(Change, StateWrite), Failure> {
    let turn = number / 2_003;
    let (what, subject) = match turn % 4 {
        0 => ("people.offboard", format!("human:{}", human(turn * 7))),
        1 => ("people.restore", format!("human:{}", human(turn.saturating_sub(1) * 7))),
        2 => ("config.reload", "countersign.yaml".to_owned()),
        _ => ("agents.suspend", format!("agent:{}", agent(turn * 3))),
    };
    let change = Change {
        id: id(number, 1)?,
        at: at(number),
        by: "os-user:ops".to_owned(),
        what: what.to_owned(),
        subject,
        detail: serde_json::json!({ "bundle": Digest::new([9; 32]) }),
        state: Vec::new(),
    };
    Ok((change, StateWrite { kind: "standing".to_owned(), key: turn.to_string(), value: Some("1".to_owned()) }))
}

/// Few work at any moment, each with two apps, each for one person and in one task at a time.
fn call(number: u64) -> Result<(Intent<'static>, Option<Outcome>), Failure> {
    let chance = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let place = number / 5_000 * 17 + chance % AGENTS_AT_ONCE;
    let person = place % PEOPLE;
    let arguments = Bytes::from(format!(r#"{{"customer":"c-{number}","fields":["name","plan","mail"],"limit":50}}"#));
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &arguments);
    let digest = Digest::new(digest.as_ref().try_into()?);
    let verdict = match chance % 101 {
        0 => Verdict::Deny,
        1 if chance.is_multiple_of(7) => Verdict::Hold,
        _ => Verdict::Allow,
    };
    let app = (person + chance / 64 % 2) % APPS;
    let human = human(person);
    let observed = chance % 1_009 == 5;
    let reason = Reason {
        rule: RuleId::parse(&rule(app * 10 + chance % 10)).map_err(|error| error.to_string())?,
        sentence: "people of support may read customers".into(),
        source: Some("rules/crm.yaml:12".into()),
        text: Some("crm:\n  allow_customers_search: true".into()),
        instead: None,
        redact: None,
        approvers: Vec::new(),
    };
    let task = task(number / 5_000 * AGENTS_AT_ONCE * 4 + (chance % AGENTS_AT_ONCE) * 4 + number % 5_000 / 1_250);
    let facts = FACTS.replace("NOW", &at(number).0.to_string()).replace("ada@example.com", &human);
    let intent = Intent {
        cause: None,
        call: id(number, 0)?,
        at: at(number),
        method: Method::ToolsCall,
        agent: AgentId::parse(&agent(person))?,
        human: HumanId::parse(&human)?,
        task: TaskId::parse(&task)?,
        token_id: "1c1b0a9e".into(),
        app: AppId::parse(&format!("app-{app}"))?,
        tool: ToolName::parse(&format!("tool_{}", chance % 8))?,
        class: Class::Read,
        class_source: ClassSource::Profile,
        definition: Some(Digest::new([7; 32])),
        verdict,
        observed: observed.then(|| model::Observed { verdict: Verdict::Deny, reasons: vec![reason.clone()] }),
        reasons: vec![reason].into(),
        bundle: Digest::new([9; 32]),
        arguments: Some(arguments),
        arguments_digest: digest,
        facts: serde_json::value::RawValue::from_string(facts.replace("ticket-4711", &task))?.into(),
    };
    let failed = chance % 211 == 9;
    let outcome = verdict.runs().then(|| Outcome {
        call: intent.call.clone(),
        at: UnixMicros(intent.at.0 + 900),
        effect: if failed { Effect::Unknown } else { Effect::Executed },
        status: if failed { OutcomeStatus::Failed } else { OutcomeStatus::Answered },
        code: failed.then(|| "upstream.timeout".to_owned()),
        answer_digest: Some(digest),
        answer_bytes: 1_000,
        scrubbed: 0,
        took_us: 900,
    });
    Ok((intent, outcome))
}

fn agent(number: u64) -> String {
    format!("agent-{}", number % AGENTS)
}

fn human(number: u64) -> String {
    format!("human-{}@example.com", number % PEOPLE)
}

fn rule(number: u64) -> String {
    format!("rule-{}", number % RULES)
}

fn task(number: u64) -> String {
    format!("ticket-{number}")
}

fn at(number: u64) -> UnixMicros {
    UnixMicros(START_MICROS + i64::try_from(number).unwrap_or_default() * CALL_MICROS)
}

fn id(number: u64, kind: u8) -> Result<CallId, Failure> {
    let mut chance = [kind; 10];
    aws_lc_rs::rand::fill(&mut chance).map_err(|_| "no randomness")?;
    Ok(CallId::new(u64::try_from(at(number).0 / 1_000)?, chance))
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

const BATCH: u64 = 250;
const AGENTS: u64 = 1_000;
const PEOPLE: u64 = 5_000;
const APPS: u64 = 20;
const RULES: u64 = 200;
const AGENTS_AT_ONCE: u64 = 64;
const START_MICROS: i64 = 1_763_726_400_000_000;
/// Five million calls are about two months.
const CALL_MICROS: i64 = 1_000_000;
const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;
const FACTS: &str = r#"{"now":NOW,"method":"tools/call","agent":{"id":"support-bot","name":"Support bot","owner":"grace@example.com","active":true},"human":{"id":"ada@example.com","name":"Ada","department":"support","seniority":null,"role":"support","manager":"grace@example.com","active":true},"task":"ticket-4711","app":{"id":"crm","name":"CRM","risk":"high","data":"confidential","category":"crm","owners":["grace@example.com"],"access":{"people":[],"roles":["support"],"departments":[]},"stopped":false},"tool":{"name":"customers.search","class":"read","class_source":"profile","status":"pinned","definition":null},"access":true,"all_stopped":false}"#;
