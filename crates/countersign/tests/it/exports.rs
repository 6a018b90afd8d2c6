//! Getting the trace out: files that others read, and sinks that get every record whatever happens to them or to the gateway.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{Upstream, World};

use crate::kit::{at, pin, records, until, upstream, world};

const MARKED: &str = "@id(\"no-echo\") @says(\"echo is | not = for you\") @security_relevant(\"true\")\n\
     forbid (principal, action == Action::\"call\", resource == Tool::\"remote/echo\");\n";

/// A world whose gateway has these exports; `echo` is refused by a rule that is marked.
fn world_exporting(upstream: &Upstream, exports: Value) -> Result<World> {
    let builder = world().app_url("remote", upstream.url(), None).rules("marked.cedar", MARKED);
    let world = builder.set(&["exports"], exports).environment("SINK_TOKEN", "s3cret").start()?;
    pin(&world, "remote", "read")?;
    Ok(world)
}

fn call(world: &World, times: usize) -> Result<()> {
    let mut client = world.client("ana-desktop", "ana")?;
    for _ in 0..times {
        client.call("remote__count", json!({}))?;
    }
    client.call("remote__echo", json!({ "text": "a=b|c\\d" }))?;
    Ok(())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn python(script: &str) -> Command {
    let mut command = Command::new(root().join("target/test-venv/bin/python"));
    command.arg(root().join("tests/python").join(script));
    command
}

/// A port that was free a moment ago.
fn port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A receiver written in Python by means of packages of others; it prints what it gets.
struct Receiver {
    child: Child,
    heard: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    fn start(script: &str, port: u16) -> Result<Self> {
        let mut child = python(script).arg(port.to_string()).stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        lines.next().context("it did not start")??;
        let heard: Arc<Mutex<Vec<Value>>> = Arc::default();
        let to = Arc::clone(&heard);
        std::thread::spawn(move || {
            let parsed = |line: String| serde_json::from_str(&line).unwrap_or(Value::String(line));
            lines.map_while(Result::ok).map(parsed).for_each(|value| {
                to.lock().unwrap_or_else(PoisonError::into_inner).push(value);
            });
        });
        Ok(Self { child, heard })
    }

    fn heard(&self) -> Vec<Value> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait().map(drop));
    }
}

pub(crate) fn number(of: &Value, pointer: &str) -> u64 {
    let found = of.pointer(pointer);
    found.and_then(|found| found.as_u64().or_else(|| found.as_str()?.parse().ok())).unwrap_or_default()
}

/// All records of a world that has ended, and which of them a marked rule decided.
fn expected(world: &World) -> Result<(BTreeSet<u64>, BTreeSet<u64>)> {
    let records = records(world)?;
    let marked = records
        .iter()
        .filter(|entry| entry.intent().is_some_and(|view| view.reasons.iter().any(|one| one.security_relevant)));
    Ok((records.iter().map(|entry| entry.sequence).collect(), marked.map(|entry| entry.sequence).collect()))
}

#[test]
fn an_export_is_verified_by_somebody_else() -> Result<()> {
    let app = upstream()?;
    let mut world = world_exporting(&app, json!({}))?;
    call(&world, 3)?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    let said: Value = serde_json::from_str(&world.run_well(&["trace", "export", "--out", "all.jsonl", "--json"])?)?;
    let key = world.run_well(&["trace", "keys"])?.trim().to_owned();
    assert_eq!(number(&said, "/records"), records(&world)?.len() as u64, "{said}");
    assert_eq!(number(&said, "/proved_to"), number(&said, "/records"), "{said}");
    let elsewhere = tempfile::tempdir()?;
    let check = |text: &str, key: &str| -> Result<(Option<i32>, Value)> {
        let file = elsewhere.path().join("given.jsonl");
        std::fs::write(&file, text)?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        let words = ["trace", "verify", "--json", "--export", "given.jsonl", "--key", key];
        let output = command.current_dir(elsewhere.path()).args(words).output()?;
        Ok((output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default()))
    };
    let text = std::fs::read_to_string(world.folder().join("all.jsonl"))?;
    let (code, found) = check(&text, &key)?;
    assert_eq!((code, number(&found, "/signed/size")), (Some(0), number(&said, "/records")), "{found}");
    let lines: Vec<&str> = text.lines().collect();
    for left_out in [0, 1, lines.len() / 2, lines.len() - 1] {
        let kept: Vec<&str> =
            lines.iter().enumerate().filter(|(place, _)| *place != left_out).map(|(_, line)| *line).collect();
        let (code, found) = check(&(kept.join("\n") + "\n"), &key)?;
        assert_eq!(code, Some(1), "without line {}: {found}", left_out + 1);
    }
    let (code, found) = check(&text.replace("\"human\":\"ana\"", "\"human\":\"bo\""), &key)?;
    assert_eq!(code, Some(1), "{found}");
    // A text that is taken out of the file leaves a leaf that is right, and is told.
    let call = lines.iter().position(|line| line.contains("\"human\":\"ana\"")).context("no call")?;
    let mut without: serde_json::Map<String, Value> = serde_json::from_str(lines[call])?;
    for field in ["body", "salt", "human", "security_relevant"] {
        without.remove(field);
    }
    let without = text.replace(lines[call], &Value::Object(without).to_string());
    let (code, found) = check(&without, &key)?;
    assert_eq!((code, number(&found, "/without_text")), (Some(0), 1), "{found}");
    std::fs::write(world.folder().join("without.jsonl"), &without)?;
    let said = world.run_well(&["trace", "verify", "--export", "without.jsonl"])?;
    ensure!(said.contains("1 of the records are without their text, and nothing in the file says why"), "{said}");
    let said = world.run_well(&["trace", "verify", "--export", "all.jsonl"])?;
    ensure!(!said.contains("without their text"), "{said}");
    let (code, _) = check(&text, &key.replace('+', "+0"))?;
    assert_eq!(code, Some(2), "another key");

    let selected = world.run_well(&["trace", "export", "verdict:deny"])?;
    let line: Value = serde_json::from_str(selected.lines().next().context("no record")?)?;
    assert_eq!((at(&line, "/verdict"), line.get("security_relevant")), ("deny", Some(&json!(true))), "{line}");
    let shown: Value = serde_json::from_str(world.run_well(&["trace", "query", "verdict:deny", "--json"])?.trim())?;
    assert_eq!((line.get("body"), line.get("leaf_hash")), (shown.get("body"), shown.get("leaf_hash")));
    let (code, found) = check(&selected, &key)?;
    assert_eq!((code, found.get("signed")), (Some(1), Some(&Value::Null)), "no key vouches for it: {found}");
    assert_eq!((found.get("right"), found.get("wrong")), (Some(&json!(false)), Some(&Value::Null)), "{found}");
    std::fs::write(world.folder().join("selected.jsonl"), &selected)?;
    let said = world.run_well(&["trace", "verify", "--export", "selected.jsonl"])?;
    ensure!(said.contains("nothing signed vouches") && !said.contains("what was written"), "{said}");

    world.restart()?;
    world.run_well(&["trace", "erase", "--subject", "ana", "--yes"])?;
    let later = world.run_well(&["trace", "export"])?;
    ensure!(!later.contains("\"ana\""), "{later}");
    let (code, found) = check(&later, &key)?;
    ensure!(code == Some(0) && number(&found, "/without_text") >= 8 && number(&found, "/signed/size") > 0, "{found}");
    // Behind what is signed anybody can put what they like.
    let behind: Vec<&str> = later.lines().skip(lines.len()).collect();
    let (code, found) = check(&format!("{text}{}\n", behind.join("\n")), &key)?;
    assert_eq!((code, found.get("right"), found.get("wrong")), (Some(1), Some(&json!(false)), Some(&Value::Null)));
    let proved = (number(&found, "/signed_records"), number(&found, "/unsigned"));
    assert_eq!(proved, (lines.len() as u64 - 1, behind.len() as u64), "{found}");
    Ok(())
}

#[test]
fn duckdb_reads_parquet_and_computes_the_leaf_hashes() -> Result<()> {
    let app = upstream()?;
    let mut world = world_exporting(&app, json!({}))?;
    call(&world, 3)?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    world.run_well(&["trace", "export", "--format", "parquet", "--out", "trace.parquet"])?;
    let output = python("parquet_check.py").arg(world.folder().join("trace.parquet")).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout)?;
    let all = records(&world)?.len() as u64;
    assert_eq!((number(&said, "/records"), number(&said, "/right")), (all, all), "{said}");
    assert_eq!(said.get("denied"), Some(&json!([["ana-desktop", "ana", "remote/echo", ["no-echo"], true]])), "{said}");
    assert_eq!(at(&said, "/time"), "TIMESTAMP WITH TIME ZONE", "{said}");
    assert_eq!(said.get("in_body"), Some(&json!([["ana"]])), "{said}");
    assert_eq!((said.get("consecutive"), said.get("this_year")), (Some(&json!(true)), Some(&json!(true))), "{said}");
    Ok(())
}

/// What each sink got: the numbers of the records, in the order in which they came, and whether each is marked.
type Got = Vec<(u64, bool)>;

pub(crate) fn of_file(world: &World, name: &str) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(world.folder().join(name)).unwrap_or_default();
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// Every record at least once; first occurrences in order; the mark on exactly those that have it.
fn is_complete(what: &str, got: &Got, (all, marked): &(BTreeSet<u64>, BTreeSet<u64>)) -> Result<()> {
    let numbers: BTreeSet<u64> = got.iter().map(|(sequence, _)| *sequence).collect();
    ensure!(numbers == *all, "{what}: {numbers:?} and not {all:?}");
    let mut first = BTreeMap::new();
    for (place, (sequence, _)) in got.iter().enumerate() {
        first.entry(*sequence).or_insert(place);
    }
    ensure!(first.values().is_sorted(), "{what} is out of order: {got:?}");
    let found: BTreeSet<u64> = got.iter().filter(|(_, marked)| *marked).map(|(sequence, _)| *sequence).collect();
    ensure!(found == *marked, "{what} marks {found:?} and not {marked:?}");
    Ok(())
}

#[test]
fn sinks_that_were_down_and_a_gateway_that_was_killed_lose_nothing() -> Result<()> {
    let app = upstream()?;
    let (collector, syslog) = (port()?, port()?);
    let mut world = world_exporting(
        &app,
        json!({
            "lake": { "kind": "jsonl", "file": "out/trace.jsonl" },
            "events": { "kind": "ocsf", "file": "out/ocsf.jsonl" },
            "soc": { "kind": "ocsf", "url": format!("http://127.0.0.1:{collector}/ocsf"), "headers": { "x-token": "${SINK_TOKEN}" } },
            "traces": { "kind": "otlp", "url": format!("http://127.0.0.1:{collector}") },
            "siem": { "kind": "syslog", "address": format!("tcp://127.0.0.1:{syslog}") },
        }),
    )?;
    call(&world, 4)?;
    until("the file has the call, and the others are seen to fail", || {
        let said = world.run(&["trace", "exports", "--json"])?;
        let said: Value = serde_json::from_str(&said.stdout)?;
        let failing = said.pointer("/exports").and_then(Value::as_array).context("no exports")?;
        let failing = failing.iter().filter(|one| one.get("failing") == Some(&json!(true))).count();
        Ok(failing == 3 && of_file(&world, "out/trace.jsonl")?.iter().any(|line| at(line, "/verdict") == "deny"))
    })?;
    let said = world.run(&["trace", "exports"])?;
    ensure!(said.code == 1 && said.stdout.contains("Connection refused"), "{}", said.stdout);
    let said = world.run(&["doctor"])?;
    ensure!(said.stdout.contains("export siem") && said.stdout.contains("records wait"), "{}", said.stdout);
    world.kill()?;
    world.restart()?;
    call(&world, 2)?;
    let collector = Receiver::start("collector.py", collector)?;
    let syslog = Receiver::start("syslog_receiver.py", syslog)?;
    until("everything has arrived", || {
        let said: Value = serde_json::from_str(&world.run(&["trace", "exports", "--json"])?.stdout)?;
        let all = said.pointer("/exports").and_then(Value::as_array).context("no exports")?.clone();
        Ok(all.iter().all(|one| number(one, "/lag") == 0 && one.get("failing") == Some(&json!(false))))
    })?;
    ensure!(world.run(&["trace", "exports"])?.code == 0, "all is well again");
    ensure!(world.terminate()? == 0, "{}", world.log());
    let expected = expected(&world)?;
    ensure!(expected.1.len() == 2, "{expected:?}");
    let is_event = |one: &&Value| one.get("class_uid").is_some();
    until("what was sent was read", || {
        let events = collector.heard().iter().filter(is_event).count();
        Ok(events.min(syslog.heard().len()) >= expected.0.len())
    })?;

    let is_marked = |value: &Value| value.get("security_relevant") == Some(&json!(true));
    let lake =
        of_file(&world, "out/trace.jsonl")?.iter().map(|line| (number(line, "/sequence"), is_marked(line))).collect();
    is_complete("jsonl", &lake, &expected)?;
    let of_event = |event: &Value| (number(event, "/metadata/sequence"), event.get("is_alert") == Some(&json!(true)));
    is_complete("ocsf", &of_file(&world, "out/ocsf.jsonl")?.iter().map(of_event).collect(), &expected)?;
    let heard = collector.heard();
    let events = heard.iter().filter(is_event);
    ensure!(events.clone().all(|one| at(one, "/token") == "s3cret"), "the header is there");
    is_complete("ocsf over HTTP", &events.map(of_event).collect(), &expected)?;
    is_complete("syslog", &syslog.heard().iter().map(of_message).collect::<Result<_>>()?, &expected)?;
    spans_are_complete(&heard, &expected)?;
    let counts = heard.iter().filter(|one| at(one, "/metric") == "countersign.calls");
    let counted: u64 = counts.map(|one| number(one, "/count")).sum();
    let intents = records(&world)?.iter().filter(|entry| entry.verdict.is_some()).count() as u64;
    ensure!(counted >= intents, "{counted} of {intents}");
    ensure!(!world.log().contains("s3cret"), "no header in the log");
    Ok(())
}

/// One message as the parsers of others read it.
fn of_message(heard: &Value) -> Result<(u64, bool)> {
    let (syslog, cef) = (heard.get("syslog").context("no syslog")?, heard.get("cef").context("no CEF")?);
    let data = syslog.pointer("/sd/countersign@32473").context("no structured data")?;
    let sequence = number(data, "/sequence");
    ensure!(number(cef, "/externalId") == sequence && at(syslog, "/appname") == "countersign", "{heard}");
    let marked = at(data, "/security_relevant") == "true";
    ensure!((at(cef, "/securityRelevant") == "true") == marked, "{heard}");
    if marked {
        ensure!(at(cef, "/DeviceEventClassID") == "intent.deny" && at(cef, "/suser") == "ana", "{heard}");
        ensure!(at(cef, "/rules") == "no-echo", "{heard}");
    }
    Ok((sequence, marked))
}

/// Every call has its span, which names the records it is made of.
fn spans_are_complete(heard: &[Value], (all, marked): &(BTreeSet<u64>, BTreeSet<u64>)) -> Result<()> {
    let spans: Vec<&Value> = heard.iter().filter(|one| one.get("span").is_some()).collect();
    let said =
        |span: &Value, key: &str| span.get("attributes").and_then(|all| all.get(key)).cloned().unwrap_or_default();
    let keys = ["countersign.intent.sequence", "countersign.outcome.sequence", "countersign.sequence"];
    let numbers = spans.iter().flat_map(|span| keys.map(|key| said(span, key).as_u64())).flatten();
    let numbers: BTreeSet<u64> = numbers.collect();
    ensure!(numbers == *all, "{numbers:?} and not {all:?}");
    let is_marked = |span: &&&Value| said(span, "countersign.security_relevant") == json!(true);
    let found = spans.iter().filter(is_marked).filter_map(|span| said(span, keys[0]).as_u64());
    ensure!(found.collect::<BTreeSet<u64>>() == *marked, "{spans:?}");
    let ran = spans.iter().find(|span| said(span, "countersign.effect") == json!("executed")).context("none ran")?;
    ensure!(at(ran, "/span") == "tools/call count" && ran.get("kind") == Some(&json!(2)), "{ran}");
    ensure!(at(ran, "/trace_id").len() == 32 && at(ran, "/span_id").len() == 16, "{ran}");
    ensure!(said(ran, "gen_ai.tool.name") == json!("count"), "{ran}");
    ensure!(ran.pointer("/resource/service.name") == Some(&json!("countersign")), "{ran}");
    let ids = |of: fn(&Value) -> String| spans.iter().map(|span| of(span)).collect::<BTreeSet<_>>().len();
    ensure!(ids(|span| at(span, "/span_id").to_owned()) <= spans.len(), "a span that comes twice is the same one");
    Ok(())
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test measures how long calls take")]
fn a_sink_that_never_answers_slows_no_call() -> Result<()> {
    let app = upstream()?;
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let address = silent.local_addr()?;
    let exports = json!({
        "soc": { "kind": "ocsf", "url": format!("http://{address}/") },
        "traces": { "kind": "otlp", "url": format!("http://{address}/") },
        "siem": { "kind": "syslog", "address": format!("tcp://{address}") },
    });
    let mut world = world_exporting(&app, exports)?;
    let (mut client, mut took) = (world.client("ana-desktop", "ana")?, Vec::new());
    for _ in 0..60 {
        let begun = Instant::now();
        client.call("remote__count", json!({}))?;
        took.push(begun.elapsed());
    }
    took.sort();
    let slowest = took.last().copied().unwrap_or_default();
    ensure!(slowest < Duration::from_secs(2), "one took {slowest:?}: a sink is waited for ten seconds");
    let metrics = world.run(&["trace", "exports", "--json"])?.stdout;
    let said: Value = serde_json::from_str(&metrics)?;
    ensure!(number(&said, "/exports/0/lag") > 100 && number(&said, "/exports/0/cursor") == 0, "{said}");
    let begun = Instant::now();
    ensure!(world.terminate()? == 0, "{}", world.log());
    ensure!(begun.elapsed() < Duration::from_secs(8), "stopping took {:?}", begun.elapsed());
    Ok(())
}

#[test]
fn the_configuration_says_what_is_wrong_with_an_export() -> Result<()> {
    let exports = |export: Value| -> Result<String> {
        let world = world().set(&["exports"], json!({ "out": export })).prepare()?;
        let refused = world.run(&["check"])?;
        ensure!(refused.code != 0, "{}", refused.stdout);
        Ok(refused.stdout + &refused.stderr)
    };
    for (export, said) in [
        (json!({ "kind": "jsonn", "file": "x" }), "there is no kind of export `jsonn`"),
        (json!({ "kind": "jsonl" }), "does not say where to"),
        (json!({ "kind": "otlp", "url": "ftp://x" }), "is not an address"),
        (json!({ "kind": "syslog", "address": "127.0.0.1:514" }), "tcp://HOST:PORT"),
        (json!({ "kind": "jsonl", "file": "x", "url": "http://x" }), "no use for `url:`"),
        (json!({ "kind": "jsonl", "file": "x", "only": "verdit:deny" }), "verdit"),
        (json!({ "kind": "jsonl", "file": "x", "only": "since:7d" }), "takes no `since:`"),
        (json!({ "kind": "otlp", "url": "http://x", "headers": { "a b": "t0ken" } }), "no header of HTTP"),
    ] {
        let found = exports(export)?;
        ensure!(found.contains(said) && !found.contains("t0ken"), "`{said}` is not in\n{found}");
    }
    let of_files = |one: &str, other: &str| -> Result<String> {
        let export = |file: &str| json!({ "kind": "cef", "file": file, "kept": 3 });
        let both = json!({ "changes": export(one), "denials": export(other) });
        let world = world().set(&["exports"], both).prepare()?;
        fs::create_dir(world.folder().join("lake"))?;
        std::os::unix::fs::symlink("lake", world.folder().join("linked"))?;
        let checked = world.run(&["check"])?;
        Ok(checked.stdout + &checked.stderr)
    };
    for (one, other) in [
        ("x", "x"),
        ("lake/x", "./lake/../lake/x"),
        ("new/x", "./new/x"),
        ("lake/x", "linked/x"),
        ("x.3", "x"),
        ("x", "x.1"),
    ] {
        let found = of_files(one, other)?;
        ensure!(found.contains("`denials` and `changes` would write into one file"), "{one} {other}: {found}");
    }
    for (one, other) in [("x", "y"), ("x", "x.4"), ("x", "lake/x"), ("x", "x.log")] {
        let found = of_files(one, other)?;
        ensure!(!found.contains("one file"), "{one} {other}: {found}");
    }
    Ok(())
}
