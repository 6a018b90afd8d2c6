//! The published schema of records, against records that the real binary made.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use testkit::World;

use crate::kit::{Handmade, at, child, last_intent, nobodys_url, ok, pin, text, until, upstream, world};

#[test]
fn every_record_fits_the_schema() -> Result<()> {
    let upstream = upstream()?;
    let broken = Handmade::with_echo(|heard| {
        let error = json!({"code": -32099, "message": "not today"});
        Some(ok(&json!({"jsonrpc": "2.0", "id": heard.body.get("id"), "error": error}).to_string()))
    })?;
    let mut world = world()
        .app_url("remote", upstream.url(), Some("env:REMOTE_TOKEN"))
        .app_url("broken", &broken.url, None)
        .app_url("dead", &nobodys_url()?, None)
        .app_command("child", &child(&[])?)
        .set(&["apps", "child", "credential"], json!("env:REMOTE_TOKEN"))
        .set(&["apps", "child", "credential_variable"], json!("API_TOKEN"))
        .human("carl", json!({"name": "Carl"}))
        .agent("carl-desktop", "carl")
        .environment("REMOTE_TOKEN", "a-value-that-nobody-may-see")
        .rules("rules/house.cedar", HOUSE)
        .start()?;
    for app in ["remote", "broken", "child"] {
        pin(&world, app, "read")?;
    }
    let mut client = world.client("ana-desktop", "ana")?;
    let mut last = |tool: &str, arguments: Value| -> Result<Value> {
        // An app's own error is an error here, too.
        let _answered = client.call(tool, arguments);
        let entry = last_intent(&world)?;
        let told: Value = serde_json::from_str(&world.run_well(&["why", entry.call.as_str(), "--json"])?)?;
        told.get("records").cloned().context("no records")
    };

    let allowed = last("remote__count", json!({}))?;
    let said = |pointer: &str| allowed.pointer(pointer).cloned().unwrap_or(json!("absent"));
    let chain = json!([{"delegator": "human:ana", "delegatee": "agent:ana-desktop"}]);
    assert_eq!(said("/0/body/delegation_chain"), chain);
    assert_eq!(said("/0/leaf/wire"), json!("mcp/2026-07-28"));
    assert_eq!((said("/0/leaf/v"), said("/1/leaf/v")), (json!(2), json!(2)));
    assert_eq!((said("/1/leaf/wire"), said("/1/leaf/http_status")), (json!("mcp/2026-07-28"), json!(200)));
    assert_eq!((said("/1/leaf/agrees"), said("/1/leaf/hidden")), (json!(true), Value::Null));
    assert_eq!((said("/1/leaf/came"), said("/1/body/credential")), (json!("absent"), json!("env:REMOTE_TOKEN")));
    for age in ["/0/leaf/directory_age_us", "/0/leaf/catalog_age_us", "/0/leaf/decide_us", "/1/leaf/durable_us"] {
        assert!(said(age).as_i64().is_some_and(|age| age > 0), "{age}: {allowed}");
    }

    let hidden = last("remote__echo", json!({"text": r#"{"iban":"DE02","name":"Ada"}"#}))?;
    let said = |pointer: &str| hidden.pointer(pointer).cloned().unwrap_or(json!("absent"));
    assert_eq!((said("/0/verdict"), said("/1/leaf/hidden")), (json!("redact"), json!(1)), "{hidden}");
    let (came, passed) = (said("/1/leaf/came_bytes").as_u64(), said("/1/leaf/answer_bytes").as_u64());
    assert!(came.is_some() && came != passed, "{hidden}");
    assert_ne!(said("/1/body/came_digest"), said("/1/body/answer_digest"));
    let told = world.run_well(&["why", at(&hidden, "/0/call")])?;
    for part in ["1 place hidden by a rule; it came with", "HTTP 200, with the credential env:REMOTE_TOKEN"] {
        assert!(told.contains(part), "{part}: {told}");
    }

    let refused = last("broken__echo", json!({}))?;
    assert_eq!(refused.pointer("/1/leaf/rpc_code"), Some(&json!(-32099)), "{refused}");
    assert_eq!(refused.pointer("/1/leaf/agrees"), Some(&Value::Null), "nobody can say whether it ran");
    let of_child = last("child__count", json!({}))?;
    assert_eq!(of_child.pointer("/1/body/credential"), Some(&json!("env:REMOTE_TOKEN")), "{of_child}");
    assert_eq!(of_child.pointer("/1/leaf/http_status"), Some(&Value::Null), "{of_child}");
    let unreached = last("dead__echo", json!({}))?;
    assert_eq!(unreached.as_array().map(Vec::len), Some(1), "what nobody has reviewed does not run: {unreached}");
    let denied = last("child__echo", json!({"text": "x"}))?;
    assert_eq!(denied.pointer("/0/outcome"), None, "nothing ran, so nothing came of it: {denied}");
    last("remote__fail", json!({}))?;
    last("remote__slow", json!({"ms": 1}))?;
    let part_of = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let traced = json!({"name": "remote__count", "arguments": {}, "_meta": {"traceparent": part_of}});
    world.legacy_client("ana-desktop", "ana", "2025-06-18")?.request("tools/call", traced)?;
    let deferred = world.client("carl-desktop", "carl")?.call("remote__count", json!({}))?;
    assert!(text(&deferred).contains("department"), "{deferred}");
    world.run_well(&["people", "offboard", "ben"])?;
    world.run_well(&["reload"])?;
    drop(upstream);
    last("remote__count", json!({}))?;

    let records = whole_trace(&world)?;
    let of = |kind: &str, key: &str| -> Vec<String> {
        let fits = records.iter().filter(|record| at(record, "/kind") == kind);
        let mut words: Vec<String> = fits.map(|record| at(record, &format!("/leaf/{key}")).to_owned()).collect();
        words.sort();
        words.dedup();
        words
    };
    assert_eq!(of("intent", "verdict"), ["allow", "defer", "deny", "hold", "redact"]);
    assert_eq!(of("intent", "traceparent"), ["", part_of]);
    assert_eq!(of("outcome", "status"), ["answered", "failed", "protocol_error", "tool_error"]);
    assert!(of("change", "what").len() > 4, "{:?}", of("change", "what"));
    conform(&records)?;
    ensure!(!serde_json::to_string(&records)?.contains("a-value-that-nobody-may-see"), "a secret is in a record");
    world.kill()?;
    world.restart()?;
    until("the gateway has heard of its links", || Ok(world.run(&["trace", "verify"])?.code == 0))?;
    conform(&whole_trace(&world)?)?;

    // INVARIANT: what has a field more or less is no record.
    let mut cases = Vec::new();
    for kind in ["intent", "outcome", "change"] {
        let whole = records.iter().rfind(|record| at(record, "/kind") == kind && record.get("body").is_some());
        let whole = whole.with_context(|| format!("no {kind}"))?;
        for place in ["", "/leaf", "/body", "/body/facts", "/body/facts/app", "/body/reasons/0"] {
            cases.extend(altered(whole, place));
        }
    }
    ensure!(cases.len() > 60, "only {} cases", cases.len());
    judge(&cases)
}

/// The record with one field more, and without each of those fields that this schema wants.
fn altered(record: &Value, place: &str) -> Vec<(String, Value, bool)> {
    let mut cases = Vec::new();
    let Some(fields) = record.pointer(place).and_then(Value::as_object) else { return cases };
    let mut with = |about: String, edit: &dyn Fn(&mut Map<String, Value>)| {
        let mut other = record.clone();
        if let Some(fields) = other.pointer_mut(place).and_then(Value::as_object_mut) {
            edit(fields);
        }
        cases.push((about, other, false));
    };
    let kind = at(record, "/kind");
    with(format!("{kind} with {place}/unheard_of"), &|fields| {
        fields.insert("unheard_of".to_owned(), json!(1));
    });
    for key in fields.keys().filter(|key| !OPTIONAL.contains(&key.as_str())) {
        with(format!("{kind} without {place}/{key}"), &|fields| {
            fields.remove(key);
        });
    }
    cases
}

/// What a record may do without: what is erased with its body, and what not every call has.
const OPTIONAL: &[&str] = &[
    "arguments",
    "body",
    "came_digest",
    "category",
    "cause",
    "credential",
    "delegation_chain",
    "human",
    "instead",
    "kept",
    "labels",
    "observe",
    "outcome",
    "source",
    "text",
];

#[test]
fn every_field_of_the_schema_is_described() -> Result<()> {
    let schema: Value = serde_json::from_str(include_str!("../../../../spec/record.schema.json"))?;
    let mut fields = 0;
    described(&schema, &schema, "", &mut fields)?;
    ensure!(fields > 100, "only {fields} fields");
    Ok(())
}

#[test]
fn every_field_that_a_leaf_of_version_1_has_not_is_in_the_table_of_versions() -> Result<()> {
    let schema: Value = serde_json::from_str(include_str!("../../../../spec/record.schema.json"))?;
    let table = include_str!("../../../../spec/README.md");
    let row = table.lines().find(|line| line.starts_with("| 2 |")).context("no row")?;
    let leaves = ["intent_leaf", "outcome_leaf"].map(|leaf| format!("/$defs/{leaf}/allOf/0/then/properties"));
    let added = leaves.iter().filter_map(|place| schema.pointer(place)?.as_object()).flatten();
    let names: Vec<&String> = added.map(|(name, _)| name).collect();
    ensure!(names.len() > 15, "{names:?}");
    for name in names {
        ensure!(row.contains(&format!("`{name}`")), "{name} is not in the table");
    }
    Ok(())
}

fn described(schema: &Value, part: &Value, place: &str, fields: &mut usize) -> Result<()> {
    let Some(part) = part.as_object() else { return Ok(()) };
    for (key, inner) in part {
        let here = format!("{place}/{key}");
        if key == "if" || key == "then" || key == "else" {
            continue;
        }
        for (name, field) in inner.as_object().filter(|_| key == "properties").into_iter().flatten() {
            *fields += 1;
            let target = at(field, "/$ref").trim_start_matches('#');
            let said = [at(field, "/description"), schema.pointer(target).map_or("", |to| at(to, "/description"))];
            ensure!(said.iter().any(|said| said.len() > 10), "{here}/{name} is not described");
            let measured = ["integer", "number"].iter().any(|kind| {
                field
                    .get("type")
                    .is_some_and(|of| of == kind || of.as_array().is_some_and(|of| of.contains(&json!(kind))))
            });
            ensure!(
                !measured
                    || (at(field, "/description").contains("Unit: ") && at(field, "/description").contains("Bound: ")),
                "{here}/{name} has no unit or no bound"
            );
        }
        described(schema, inner, &here, fields)?;
        for item in inner.as_array().into_iter().flatten() {
            described(schema, item, &here, fields)?;
        }
    }
    Ok(())
}

/// Every record of a world as the command line gives them.
pub(crate) fn whole_trace(world: &World) -> Result<Vec<Value>> {
    let mut records = Vec::new();
    for kind in ["intent", "outcome", "change"] {
        let said = world.run_well(&["trace", "query", &format!("kind:{kind}"), "--limit", "1000", "--json"])?;
        for line in said.lines() {
            records.push(serde_json::from_str(line).with_context(|| line.to_owned())?);
        }
    }
    Ok(records)
}

/// Whether all of these are records as the published schema has them.
pub(crate) fn conform(records: &[Value]) -> Result<()> {
    ensure!(!records.is_empty(), "there are no records");
    let cases: Vec<_> = records.iter().map(|record| (record.to_string(), record.clone(), true)).collect();
    judge(&cases)
}

/// Asks a JSON Schema library of others about each.
fn judge(cases: &[(String, Value, bool)]) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut judge = Command::new(root.join("target/test-venv/bin/python"))
        .args([root.join("tests/python/records.py"), root.join("spec/record.schema.json")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("`cargo xtask setup` makes the Python environment of the tests")?;
    let mut input = judge.stdin.take().context("no input")?;
    let lines: Vec<String> = cases
        .iter()
        .map(|(about, record, right)| json!({"about": about, "record": record, "right": right}).to_string())
        .collect();
    let writing = std::thread::spawn(move || lines.iter().try_for_each(|line| writeln!(input, "{line}")));
    let output = judge.wait_with_output()?;
    writing.join().map_err(|_| anyhow::anyhow!("nobody reads"))??;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}

const HOUSE: &str = r#"@id("not-sales") @says("not for sales")
forbid (principal, action, resource in App::"remote") when { context.human.department == "sales" };

@id("no-iban") @says("account numbers stay inside") @redact("$..iban")
forbid (principal, action == Action::"call", resource == Tool::"remote/echo");

@id("no-echo") @says("the child does not echo")
forbid (principal, action == Action::"call", resource == Tool::"child/echo");

@id("ask-first") @outcome("hold") @approvers("owner-of-app") @says("waiting takes a person's yes")
forbid (principal, action == Action::"call", resource == Tool::"remote/slow");
"#;
