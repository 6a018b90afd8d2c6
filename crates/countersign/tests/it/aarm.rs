//! Rows of the test table that AARM publishes, played against the real binary: `spec/aarm/`, a file for each row.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::CallId;
use serde::Deserialize;
use serde_json::{Map, Value};
use testkit::{McpClient, Upstream, World};

use crate::kit::{at, intents, last_intent, pin, until, upstream, world};
use crate::spec::{conform, whole_trace};

mod waits;

/// One row.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    requirement: String,
    test: String,
    expected: String,
    level: String,
    /// Lines of Cedar.
    rules: Vec<String>,
    calls: Vec<Call>,
    /// Each call has receipts, which somebody elsewhere verifies with nothing but the public key.
    #[serde(default)]
    receipts: bool,
    /// Fields of a leaf: a receipt that says another value does not verify.
    #[serde(default)]
    tamper: Vec<String>,
    /// Places of a record at which no two calls say the same.
    #[serde(default)]
    distinct: Vec<String>,
    /// Once the gateway is gone, the same calls fail and nothing runs.
    #[serde(default)]
    unavailable: bool,
    /// How long a client is kept waiting, and from when on what nobody decided is refused.
    wait: Option<String>,
    expire_after: Option<String>,
    /// The events come out of `trace follow` within seconds, in the published schema.
    #[serde(default)]
    streamed: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    agent: String,
    human: String,
    /// The one app the token is good for, if it is for one only.
    app: Option<String>,
    tool: String,
    arguments: Value,
    verdict: String,
    executes: bool,
    /// What the record says, by JSON pointer; `*` is anything but null, `absent` is nothing.
    record: Map<String, Value>,
    /// What happens while it waits.
    meanwhile: Option<waits::Meanwhile>,
    /// What its client is told begins so.
    says: Option<String>,
    /// The steps of its hold, each a record.
    #[serde(default)]
    steps: Vec<String>,
    /// What the record of the decision says that ended it.
    #[serde(default)]
    resolved: Map<String, Value>,
    /// Where both records say the same.
    #[serde(default)]
    same: Vec<String>,
}

#[test]
fn the_published_rows_hold() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/aarm");
    let readme = std::fs::read_to_string(folder.join("README.md"))?;
    let mut played = 0;
    for file in std::fs::read_dir(&folder)? {
        let file = file?.path();
        let name = file.file_stem().context("no name")?.to_string_lossy().into_owned();
        if file.extension().is_none_or(|ending| ending != "json") {
            continue;
        }
        let row: Row = serde_json::from_str(&std::fs::read_to_string(&file)?).with_context(|| name.clone())?;
        let named = format!("| {} | [{}]({name}.json) | {} | {} |", row.requirement, row.test, row.expected, row.level);
        ensure!(readme.contains(&named), "README.md does not have the row\n{named}");
        play(&row).with_context(|| format!("{name}: {}", row.test))?;
        played += 1;
    }
    ensure!(played > 15, "only {played} rows");
    Ok(())
}

fn play(row: &Row) -> Result<()> {
    let upstream = upstream()?;
    let mut world = world()
        .app_url("remote", upstream.url(), None)
        .human("carl", serde_json::json!({"name": "Carl"}))
        .agent("carl-desktop", "carl")
        .set(&["holds", "wait"], serde_json::json!(row.wait.as_deref().unwrap_or("0s")))
        .set(&["holds", "expire_after"], serde_json::json!(row.expire_after.as_deref().unwrap_or("1h")))
        .rules("rules/house.cedar", &row.rules.join("\n"))
        .start()?;
    pin(&world, "remote", "read")?;
    if row.calls.iter().any(|call| call.meanwhile.is_some()) {
        waits::sign_in(&world)?;
    }
    let mut records = Vec::new();
    for call in &row.calls {
        let record = made(&world, &upstream, call).with_context(|| format!("{} {}", call.verdict, call.tool))?;
        if row.receipts {
            receipts(&world, &record, &row.tamper)?;
        }
        records.push(record);
    }
    conform(&records)?;
    for place in &row.distinct {
        let values: BTreeSet<String> =
            records.iter().filter_map(|record| record.pointer(place)).map(ToString::to_string).collect();
        ensure!(values.len() == records.len(), "{place} is the same for two calls: {values:?}");
    }
    if row.streamed {
        conform(&whole_trace(&world)?)?;
        streamed(&world, row, &records)?;
    }
    if row.unavailable {
        let mut clients: Vec<McpClient> =
            row.calls.iter().map(|call| world.client(&call.agent, &call.human)).collect::<Result<_>>()?;
        let before = upstream.call_count();
        world.kill()?;
        for (client, call) in clients.iter_mut().zip(&row.calls) {
            let answer = client.call(&format!("remote__{}", call.tool), call.arguments.clone());
            ensure!(answer.is_err(), "it was answered: {answer:?}");
        }
        ensure!(upstream.call_count() == before, "it ran");
    }
    Ok(())
}

/// Makes a call; its record, which says what is written in the row.
fn made(world: &World, upstream: &Upstream, call: &Call) -> Result<Value> {
    let before = upstream.call_count();
    let token = world.token(&call.agent, &call.human, call.app.as_deref())?;
    let address = match &call.app {
        Some(app) => format!("{}/mcp/{app}", world.base_url()),
        None => world.mcp_url().to_owned(),
    };
    let name = if call.app.is_some() { call.tool.clone() } else { format!("remote__{}", call.tool) };
    let asked_before = intents(world)?.len();
    let client = McpClient::modern(&address)?.with_token(token).with_timeout(Duration::from_secs(60));
    let said = waits::call(world, client, &name, call)?;
    let ran = upstream.call_count() - before;
    ensure!(ran == usize::from(call.executes), "it ran {ran} times: {said}");
    let last = last_intent(world)?.call;
    let first = intents(world)?.into_iter().nth(asked_before).context("no decision")?.call;
    let record = recorded(world, &first, &call.record)?;
    ensure!(at(&record, "/verdict") == call.verdict, "{record}");
    if !call.resolved.is_empty() {
        ensure!(first != last, "it was decided once");
        let resolved = recorded(world, &last, &call.resolved)?;
        ensure!(at(&resolved, "/leaf/cause") == first.as_str(), "{resolved}");
        for place in &call.same {
            ensure!(resolved.pointer(place) == record.pointer(place), "{place} is another one: {resolved}");
        }
    }
    Ok(record)
}

/// A record and its outcome, which say what is written in the row.
fn recorded(world: &World, id: &CallId, wanted: &Map<String, Value>) -> Result<Value> {
    let told: Value = serde_json::from_str(&world.run_well(&["why", id.as_str(), "--json"])?)?;
    let mut record = told.pointer("/records/0").cloned().context("no record")?;
    ensure!(record.get("verified") == Some(&Value::Bool(true)), "{record}");
    if let (Some(outcome), Some(fields)) = (told.pointer("/records/1/leaf"), record.as_object_mut()) {
        fields.insert("outcome".to_owned(), outcome.clone());
    }
    for (place, wanted) in wanted {
        let found = record.pointer(place);
        let fits = match wanted.as_str() {
            Some("*") => found.is_some_and(|found| !found.is_null()),
            Some("absent") => found.is_none(),
            _ => found == Some(wanted),
        };
        ensure!(fits, "{place} is {found:?} and not {wanted}: {record}");
    }
    Ok(record)
}

/// Proves the record, and its outcome, to somebody who has the public key only.
fn receipts(world: &World, record: &Value, tamper: &[String]) -> Result<()> {
    let elsewhere = tempfile::tempdir()?;
    let key = world.run_well(&["trace", "keys"])?.lines().last().context("no key")?.to_owned();
    let verify = |file: &Path| -> Result<Option<Value>> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.current_dir(elsewhere.path()).args(["trace", "verify", "--json", "--key", &key]).arg(file);
        let output = command.output()?;
        Ok(if output.status.success() { Some(serde_json::from_slice(&output.stdout)?) } else { None })
    };
    for outcome in [false, true] {
        let leaf = if outcome { record.get("outcome") } else { record.get("leaf") };
        let Some(leaf) = leaf else { continue };
        let file = elsewhere.path().join(format!("{outcome}.receipt"));
        let (id, path) = (at(record, "/call"), file.display().to_string());
        let words = ["trace", "prove", id, "--out", &path, "--outcome"];
        let words = if outcome { &words[..] } else { &words[..5] };
        until("the record is signed", || Ok(world.run(words)?.code == 0))?;
        let said = verify(&file)?.context("the receipt does not verify")?;
        ensure!(said.get("record") == Some(leaf), "{said}");
        for field in tamper.iter().filter(|_| !outcome) {
            let changed = elsewhere.path().join("changed.receipt");
            std::fs::write(&changed, with_other(&std::fs::read_to_string(&file)?, field)?)?;
            ensure!(verify(&changed)?.is_none(), "it verifies with another `{field}`");
        }
    }
    Ok(())
}

/// The receipt, with another value of this field in its leaf.
fn with_other(receipt: &str, field: &str) -> Result<String> {
    let line = receipt.lines().find(|line| line.starts_with("extra ")).context("no leaf")?;
    let leaf = String::from_utf8(STANDARD.decode(line.trim_start_matches("extra "))?)?;
    let mut changed: Value = serde_json::from_str(&leaf)?;
    ensure!(serde_json::to_string(&changed)? == leaf, "it is not in canonical JSON");
    let other = match changed.get(field).context("no such field")? {
        Value::String(text) => {
            let mut text = text.clone();
            let last = text.pop();
            text.push(if last == Some('0') { '1' } else { '0' });
            Value::String(text)
        }
        _ => Value::Array(Vec::new()),
    };
    *changed.get_mut(field).context("no such field")? = other;
    let other = STANDARD.encode(changed.to_string());
    Ok(receipt.replace(line, &format!("extra {other}")))
}

/// What `trace follow` prints of the calls of this row.
fn streamed(world: &World, row: &Row, records: &[Value]) -> Result<()> {
    use std::io::BufRead as _;
    let mut command = world.command(&["trace", "follow", "--after", "0", "--json"]);
    let mut follow = command.stdout(std::process::Stdio::piped()).spawn()?;
    let lines = std::io::BufReader::new(follow.stdout.take().context("no output")?).lines();
    let events: Vec<Value> = lines
        .take(records.len())
        .map(|line| serde_json::from_str(&line?).map_err(anyhow::Error::from))
        .collect::<Result<_>>()?;
    follow.kill()?;
    follow.wait()?;
    conform(&events)?;
    let said: Vec<&str> = events.iter().map(|event| at(event, "/verdict")).collect();
    let made: Vec<&str> = row.calls.iter().map(|call| call.verdict.as_str()).collect();
    ensure!(said == made, "{said:?}");
    Ok(())
}
