//! Tasks: asked for by the client in 2025-11-25, decided by the server in the extension of 2026-07-28.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};
use testkit::Participant;

use super::basics::error_of;
use super::cell::{Cell, ensure, same};
use crate::kit::{at, text};

/// Nobody gets a task without having said that it understands them.
pub(super) fn not_asked_for(cell: &Cell<'_>) -> Result<()> {
    let client = cell.fresh(json!({}))?;
    same("text", &json!(client.call_text("work", json!({"ms": 1}))?), &json!("done"))
}

pub(super) fn result(cell: &Cell<'_>) -> Result<()> {
    let client = cell.client()?;
    let task = start(client, "work", json!({"ms": 120}))?;
    let first = status(client, &task)?;
    ensure(at(&first, "/status") == "working", "it does not work", &first)?;
    let result = outcome(client, &task)?;
    same("text", &json!(text(&result)), &json!("done"))?;
    let last = status(client, &task)?;
    ensure(at(&last, "/status") == "completed", "it is not complete", &last)
}

pub(super) fn fails(cell: &Cell<'_>) -> Result<()> {
    let client = cell.client()?;
    let task = start(client, "work_fails", json!({}))?;
    let ended = ended(client, &task)?;
    same("status", &json!(at(&ended, "/status")), &json!("failed"))?;
    if client.revision().modern() {
        return same("code", ended.pointer("/error/code").unwrap_or(&Value::Null), &json!(-31007));
    }
    let error = error_of(client.request("tasks/result", json!({ "taskId": task })))?;
    ensure(error.code == -31007, "another code", &error)
}

pub(super) fn cancel(cell: &Cell<'_>) -> Result<()> {
    let client = cell.client()?;
    let task = start(client, "work", json!({"ms": 20_000}))?;
    client.request("tasks/cancel", json!({ "taskId": task }))?;
    let ended = ended(client, &task)?;
    same("status", &json!(at(&ended, "/status")), &json!("cancelled"))?;
    let heard = cell.upstream_heard()?;
    let noted = heard.iter().any(|line| at(line, "/noted") == "task cancelled");
    ensure(noted, "the server was not told", &heard)
}

pub(super) fn asks(cell: &Cell<'_>) -> Result<()> {
    let client = cell.client()?;
    let task = start(client, "work_asks", json!({}))?;
    let mut waiting = Value::Null;
    cell.until("the task wants to know something", || {
        waiting = status(client, &task)?;
        Ok(at(&waiting, "/status") == "input_required")
    })?;
    if client.revision().modern() {
        let questions = waiting.get("inputRequests").and_then(Value::as_object);
        let answers = client.answers_to(questions.unwrap_or(&Map::new()))?;
        client.request("tasks/update", json!({"taskId": task, "inputResponses": answers}))?;
    }
    same("text", &json!(text(&outcome(client, &task)?)), &json!("accept Ada"))?;
    let asked = client.asked();
    ensure(asked.len() == 1, "it was not asked once", &asked)?;
    let related = "/0/params/_meta/io.modelcontextprotocol~1related-task/taskId";
    let related = at(&json!(asked), related).to_owned();
    ensure(client.revision().modern() || related == task, "it is asked for another task", &asked)
}

pub(super) fn list(cell: &Cell<'_>) -> Result<()> {
    let client = cell.client()?;
    let task = start(client, "work", json!({"ms": 1}))?;
    let tasks = client.list("tasks/list", "tasks")?;
    ensure(tasks.iter().any(|one| at(one, "/taskId") == task), "it is not in the list", &tasks)
}

/// A task's end is told to who listens.
pub(super) fn told(cell: &Cell<'_>) -> Result<()> {
    let client = cell.client()?;
    let modern = client.revision().modern();
    let early = if modern { None } else { Some(client.listen(json!({}))?) };
    let task = start(client, "work", json!({"ms": 200}))?;
    let _listening = match early {
        Some(early) => early,
        None => client.listen(json!({"taskIds": [task]}))?,
    };
    let method = if modern { "notifications/tasks" } else { "notifications/tasks/status" };
    loop {
        let heard = client.hear(method)?;
        if at(&heard, "/params/taskId") == task && at(&heard, "/params/status") == "completed" {
            return Ok(());
        }
    }
}

/// A tool that runs as a task or not at all.
pub(super) fn only(cell: &Cell<'_>) -> Result<()> {
    let client = cell.client()?;
    if client.revision().modern() {
        let said = client.call("work_only", json!({"ms": 1}))?;
        ensure(at(&said, "/resultType") == "task", "no task", &said)?;
        return same("text", &json!(text(&outcome(client, at(&said, "/taskId"))?)), &json!("done"));
    }
    client.call_text("work_only", json!({"ms": 1})).map(drop)
}

pub(super) fn unknown(cell: &Cell<'_>) -> Result<()> {
    for method in ["tasks/get", "tasks/cancel"] {
        let error = error_of(cell.client()?.request(method, json!({"taskId": "no-such-task"})))?;
        ensure(error.code == -32602, "another code", &error)?;
    }
    Ok(())
}

/// A task is its owner's: to anybody else it does not exist.
pub(super) fn of_a_stranger(cell: &Cell<'_>) -> Result<()> {
    let Some(stranger) = cell.stranger()? else { return Ok(()) };
    let client = cell.client()?;
    let task = start(client, "work", json!({"ms": 300}))?;
    for method in ["tasks/get", "tasks/cancel"] {
        let error = error_of(stranger.request(method, json!({ "taskId": task })))?;
        ensure(error.code == -32602, "another code", &error)?;
    }
    same("text", &json!(text(&outcome(client, &task)?)), &json!("done"))
}

/// Starts a tool as a task; its id.
fn start(client: &Participant, tool: &str, arguments: Value) -> Result<String> {
    let mut params = json!({"name": tool, "arguments": arguments});
    if let (false, Some(params)) = (client.revision().modern(), params.as_object_mut()) {
        params.insert("task".to_owned(), json!({"ttl": 60_000}));
    }
    let said = client.request("tools/call", params)?;
    let pointer = if client.revision().modern() { "/taskId" } else { "/task/taskId" };
    let id = said.pointer(pointer).and_then(Value::as_str);
    if said.get("isError") == Some(&json!(true)) {
        bail!("the tool failed: {}", text(&said));
    }
    id.map(str::to_owned).with_context(|| format!("the answer came at once: {said}"))
}

fn status(client: &Participant, task: &str) -> Result<Value> {
    client.request("tasks/get", json!({ "taskId": task }))
}

/// The task when it is over.
fn ended(client: &Participant, task: &str) -> Result<Value> {
    for _look in 0..LOOKS_MAX {
        let said = status(client, task)?;
        if !["working", "input_required"].contains(&at(&said, "/status")) {
            return Ok(said);
        }
        std::thread::sleep(LOOK);
    }
    bail!("the task does not end")
}

/// The result of the work.
fn outcome(client: &Participant, task: &str) -> Result<Value> {
    if client.revision().modern() {
        let mut ended = ended(client, task)?;
        let result = ended.get_mut("result").map(Value::take);
        return result.with_context(|| format!("no result: {ended}"));
    }
    client.request("tasks/result", json!({ "taskId": task }))
}

const LOOKS_MAX: usize = 500;
const LOOK: Duration = Duration::from_millis(20);
