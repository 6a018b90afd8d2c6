//! Tasks: what comes of a call later is governed as what comes of it at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{ExactOptions, ExactUpstream, Participant, Revision, World};

use crate::kit::{Handmade, at, intents, ok, pin, text, until, world};

#[test]
fn what_is_hidden_of_a_call_is_hidden_of_its_task() -> Result<()> {
    for revision in [Revision::November2025, Revision::July2026] {
        let server = ExactUpstream::start(ExactOptions { revision, record: None })?;
        let world = APPS.iter().fold(world(), |world, app| {
            world.app_url(app, server.url(), None).set(&["apps", app, "profile"], json!("./own.yaml"))
        });
        let world = world.file("own.yaml", PROFILE).rules("policy.yaml", RULES).start()?;
        let (plain, works) = (client(&world, revision, false)?, client(&world, revision, true)?);
        for app in APPS {
            for (kind, hides) in [("person", true), ("other", app != "argument")] {
                let hides = hides && app != "size";
                let arguments =
                    json!({"ms": 1, "text": format!(r#"{{"kind":"{kind}","email":"SECRET"}}"#), "kind": kind});
                let at_once = plain.call(&format!("{app}__work"), arguments.clone())?;
                let shown = text(&at_once);
                ensure!(shown.contains("SECRET") != hides && shown.contains(kind), "{app} {revision:?}: {at_once}");
                let later = came_of(&works, &format!("{app}__work"), &arguments)?;
                let shown = later.to_string();
                ensure!(shown.contains("SECRET") != hides && shown.contains(kind), "{app} {revision:?}: {later}");
            }
        }
        let looks: Vec<_> = intents(&world)?.into_iter().filter(|entry| entry.app.as_deref() == Some("verb")).collect();
        let last = looks.last().and_then(|entry| entry.intent()).context("no record")?;
        let rules: Vec<&str> = last.rules.iter().map(|rule| rule.as_str()).collect();
        ensure!(last.verdict.as_str() == "redact" && rules.contains(&"by-verb"), "{rules:?}");
        crate::spec::conform(&crate::spec::whole_trace(&world)?)?;
    }
    Ok(())
}

#[test]
fn a_link_in_what_came_of_a_task_leads_back() -> Result<()> {
    for revision in [Revision::November2025, Revision::July2026] {
        let server = ExactUpstream::start(ExactOptions { revision, record: None })?;
        let world = world().app_url("exact", server.url(), None);
        let world = world.rules("all.cedar", "@id(\"all\") permit (principal, action, resource);\n").start()?;
        let client = client(&world, revision, true)?;
        let came = came_of(&client, "exact__work", &json!({"ms": 1, "link": "note://one"}))?;
        let link = ["/content/0/uri", "/result/content/0/uri"].map(|pointer| at(&came, pointer)).concat();
        ensure!(link == "exact+note://one", "{came}");
        client.request("resources/read", json!({ "uri": link }))?;
    }
    Ok(())
}

#[test]
fn a_task_whose_tool_is_not_listed_any_more_is_not_called_unreachable() -> Result<()> {
    let gone = Arc::new(AtomicBool::new(false));
    let is_gone = Arc::clone(&gone);
    let server = Handmade::start(move |heard| {
        let task =
            |status: &str| json!({"taskId": "t-1", "status": status, "ttl": null, "createdAt": "2026-07-28T00:00:00Z"});
        let tool = json!({"name": "echo", "inputSchema": {"type": "object"}});
        let result = match at(&heard.body, "/method") {
            "server/discover" => json!({
                "supportedVersions": ["2026-07-28"],
                "capabilities": {"tools": {}, "extensions": {"io.modelcontextprotocol/tasks": {}}},
            }),
            "tools/list" if is_gone.load(Ordering::SeqCst) => json!({"tools": []}),
            "tools/list" => json!({ "tools": [tool] }),
            "tools/call" => with(task("working"), "resultType", &json!("task")),
            "tasks/get" => with(task("completed"), "result", &json!({"content": []})),
            _ => json!({}),
        };
        Some(ok(&json!({"jsonrpc": "2.0", "id": heard.body.get("id"), "result": result}).to_string()))
    })?;
    let world = world().app_url("crm", &server.url, None);
    let world = world.rules("all.cedar", "@id(\"all\") permit (principal, action, resource);\n").start()?;
    pin(&world, "crm", "read")?;
    let client = client(&world, Revision::July2026, true)?;
    let made = client.request("tools/call", json!({"name": "crm__echo", "arguments": {}}))?;
    let task = at(&made, "/taskId").to_owned();
    let looks = || client.request("tasks/get", json!({ "taskId": task }));
    ensure!(at(&looks()?, "/status") == "completed");
    gone.store(true, Ordering::SeqCst);
    world.run_well(&["tools", "--refresh"])?;
    let said = looks().err().context("nobody knows what it is")?.to_string();
    ensure!(said.contains("`crm` does not offer it any more") && !said.contains("could not be asked"), "{said}");
    ensure!(said.contains("look in the app for what came of it"), "{said}");
    gone.store(false, Ordering::SeqCst);
    world.run_well(&["tools", "--refresh"])?;
    ensure!(at(&looks()?, "/status") == "completed");
    Ok(())
}

fn with(object: Value, key: &str, value: &Value) -> Value {
    let mut members = object.as_object().cloned().unwrap_or_default();
    members.insert(key.to_owned(), value.clone());
    members.into()
}

/// What a task came to, wherever that is told.
fn came_of(client: &Participant, tool: &str, arguments: &Value) -> Result<Value> {
    let mut params = json!({"name": tool, "arguments": arguments});
    if let (false, Some(params)) = (client.revision().modern(), params.as_object_mut()) {
        params.insert("task".to_owned(), json!({"ttl": 60_000}));
    }
    let made = client.request("tools/call", params)?;
    let task = ["/taskId", "/task/taskId"].map(|pointer| at(&made, pointer)).concat();
    ensure!(!task.is_empty(), "no task: {made}");
    let mut state = Value::Null;
    until("the task is over", || {
        state = client.request("tasks/get", json!({ "taskId": task }))?;
        Ok(at(&state, "/status") == "completed")
    })?;
    if client.revision().modern() { Ok(state) } else { client.request("tasks/result", json!({ "taskId": task })) }
}

fn client(world: &World, revision: Revision, tasks: bool) -> Result<Participant> {
    let token = world.token("ana-desktop", "ana", None)?;
    let capabilities = match tasks {
        true => json!({"extensions": {"io.modelcontextprotocol/tasks": {}}}),
        false => json!({}),
    };
    let client = Participant::http(world.mcp_url(), revision)?.with_token(&token).declaring(capabilities);
    client.start()?;
    Ok(client)
}

const APPS: [&str; 4] = ["argument", "label", "size", "verb"];
const PROFILE: &str = "profile: own
about: ours
tools:
  work: {class: read, why: it finds people, verb: find_person, labels: [customer-data]}
";
const RULES: &str = "policies:
  argument:
    rules:
    - {id: argument-all, allow: all}
    - {id: by-argument, redact: all, when: {arguments: {kind: person}}, fields: [$..email]}
  label:
    rules:
    - {id: label-all, allow: all}
    - {id: by-label, redact: all, when: {tool: {label: customer-data}}, fields: [$..email]}
  size:
    rules:
    - {id: size-all, allow: all}
    - {id: by-size, redact: all, when: {size: {above: 100000}}, fields: [$..email]}
  verb:
    rules:
    - {id: verb-all, allow: all}
    - {id: by-verb, redact: [find_person], fields: [$..email]}
";
