//! What a server asks of its client: as requests before 2026-07-28, as results of type `input_required` since.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::basics::error_of;
use super::cell::{Cell, Transport, ensure, same};
use crate::kit::at;

pub(super) fn form(cell: &Cell<'_>) -> Result<()> {
    answered(cell, "ask_user", "accept Ada", &["elicitation/create"])?;
    let asked = cell.client()?.asked();
    same("message", &json!(at(asked.first().context("nothing")?, "/params/message")), &json!("Who are you?"))?;
    let field = asked.first().and_then(|one| one.pointer("/params/requestedSchema/properties/name/type"));
    same("field", field.unwrap_or(&Value::Null), &json!("string"))
}

pub(super) fn declined(cell: &Cell<'_>) -> Result<()> {
    cell.decline();
    answered(cell, "ask_user", "decline", &["elicitation/create"])
}

pub(super) fn url(cell: &Cell<'_>) -> Result<()> {
    answered(cell, "ask_url", "accept", &["elicitation/create"])?;
    let asked = cell.client()?.asked();
    same("url", &json!(at(asked.first().context("nothing")?, "/params/url")), &json!("https://example.com/sign-in"))
}

/// A page that must be visited before anything else: an error of its own in 2025-11-25, a question like others since.
pub(super) fn url_first(cell: &Cell<'_>) -> Result<()> {
    let (client, arguments) = (cell.client()?, json!({"tag": cell.tag()}));
    let said = match client.call_text("ask_url_first", arguments.clone()) {
        Ok(said) => said,
        Err(error) => {
            let error = error.downcast::<testkit::RpcError>()?;
            if error.code != -32042 || cell.revision.as_str() != "2025-11-25" {
                bail!(error);
            }
            same("url", &json!(at(&error.data, "/elicitations/0/url")), &json!("https://example.com/sign-in"))?;
            client.call_text("ask_url_first", arguments)?
        }
    };
    same("said", &json!(said), &json!("accept"))
}

pub(super) fn model(cell: &Cell<'_>) -> Result<()> {
    answered(cell, "ask_model", "indeed", &["sampling/createMessage"])
}

pub(super) fn roots(cell: &Cell<'_>) -> Result<()> {
    answered(cell, "ask_roots", "file:///work", &["roots/list"])
}

pub(super) fn twice(cell: &Cell<'_>) -> Result<()> {
    answered(cell, "ask_twice", "accept Ada, accept Ada", &["elicitation/create", "elicitation/create"])
}

pub(super) fn at_once(cell: &Cell<'_>) -> Result<()> {
    let all = ["elicitation/create", "roots/list", "sampling/createMessage"];
    answered(cell, "ask_all", "accept Ada, indeed, file:///work", &all)
}

pub(super) fn without_state(cell: &Cell<'_>) -> Result<()> {
    answered(cell, "ask_bare", "accept Ada", &["elicitation/create"])
}

/// A server that asks for nothing and only wants the request once more.
pub(super) fn come_again(cell: &Cell<'_>) -> Result<()> {
    answered(cell, "come_again", "welcome back", &[])
}

pub(super) fn of_a_prompt(cell: &Cell<'_>) -> Result<()> {
    let said = cell.client()?.complete("prompts/get", json!({"name": "asks"}))?;
    same("text", &json!(at(&said, "/messages/0/content/text")), &json!("accept Ada"))
}

pub(super) fn of_a_resource(cell: &Cell<'_>) -> Result<()> {
    let said = cell.client()?.complete("resources/read", json!({"uri": "note://asks"}))?;
    same("text", &json!(at(&said, "/contents/0/text")), &json!("accept Ada"))
}

/// A server that takes its question back and answers all the same is heard, whether or not anybody has answered it.
pub(super) fn withdrawn(cell: &Cell<'_>) -> Result<()> {
    let (client, params) = (cell.client()?, json!({"name": "ask_in_vain", "arguments": {}}));
    let said = if client.revision().modern() {
        let asked = client.request("tools/call", params.clone())?;
        ensure(asked.get("inputRequests").is_some(), "it is not asked", &asked)?;
        cell.until("the server takes its question back", || {
            Ok(cell.upstream_heard()?.iter().any(|line| at(line, "/noted") == "taken back"))
        })?;
        // What was written down is heard a moment later.
        std::thread::sleep(Duration::from_millis(300));
        client.request("tools/call", client.next_round(&params, &asked)?)?
    } else {
        client.be_silent(true);
        let said = client.request("tools/call", params);
        client.be_silent(false);
        let question = client.asked().first().and_then(|one| one.get("id")).cloned().context("it was not asked")?;
        let heard = client.hear("notifications/cancelled")?;
        same("what is taken back", heard.pointer("/params/requestId").unwrap_or(&Value::Null), &question)?;
        said?
    };
    same("text", &json!(at(&said, "/content/0/text")), &json!("never mind"))?;
    let unexpected: Vec<Value> = cell.upstream_heard()?;
    ensure(!unexpected.iter().any(|line| at(line, "/noted") == "unexpected answer"), "it is answered", &unexpected)
}

/// A client is not asked for what it has not declared. Its call ends with an error that says so.
pub(super) fn undeclared(cell: &Cell<'_>) -> Result<()> {
    let client = cell.fresh(json!({}))?;
    let mut tools = vec!["ask_model", "ask_roots"];
    if cell.upstream().as_str() >= "2025-06-18" {
        tools.push("ask_user");
    }
    if cell.upstream().as_str() >= "2025-11-25" {
        tools.push("ask_url");
    }
    for tool in tools {
        let said = client.call_text(tool, json!({}));
        ensure(said.is_err(), "answered without an answer", &said)?;
        ensure(client.asked().is_empty(), "it was asked all the same", &client.asked())?;
    }
    ensure(client.violations().is_empty(), "the server did what is forbidden", &client.violations())
}

pub(super) fn state_tampered(cell: &Cell<'_>) -> Result<()> {
    let (client, params) = (cell.client()?, json!({"name": "ask_twice", "arguments": {}}));
    let asked = client.request("tools/call", params.clone())?;
    let next = client.next_round(&params, &asked)?;
    let state = at(&next, "/requestState").to_owned();
    ensure(!state.is_empty(), "no state", &asked)?;
    for wrong in [state.replacen(|_: char| true, "~", 1), format!("{state}0"), "made up".to_owned()] {
        let mut spoilt = next.clone();
        if let Some(spoilt) = spoilt.as_object_mut() {
            spoilt.insert("requestState".to_owned(), json!(wrong));
        }
        let error = error_of(client.request("tools/call", spoilt))?;
        ensure(error.code == -32602, "another code", &error)?;
    }
    finish(cell, next)
}

pub(super) fn state_replayed(cell: &Cell<'_>) -> Result<()> {
    let (client, params) = (cell.client()?, json!({"name": "ask_user", "arguments": {}}));
    let asked = client.request("tools/call", params.clone())?;
    let next = client.next_round(&params, &asked)?;
    let said = client.request("tools/call", next.clone())?;
    same("text", &json!(at(&said, "/content/0/text")), &json!("accept Ada"))?;
    let error = error_of(client.request("tools/call", next))?;
    ensure(error.code == -32602, "another code", &error)
}

pub(super) fn state_of_other_arguments(cell: &Cell<'_>) -> Result<()> {
    let client = cell.client()?;
    let params = json!({"name": "ask_user", "arguments": {"tag": "one"}});
    let asked = client.request("tools/call", params.clone())?;
    let next = client.next_round(&params, &asked)?;
    let mut other = next.clone();
    if let Some(other) = other.as_object_mut() {
        other.insert("arguments".to_owned(), json!({"tag": "other"}));
    }
    let error = error_of(client.request("tools/call", other))?;
    ensure(error.code == -32602, "another code", &error)?;
    finish(cell, next)
}

/// What was not asked is not answered, whatever stands beside it.
pub(super) fn state_of_what_nobody_asked(cell: &Cell<'_>) -> Result<()> {
    if !cell.stage.is_gateway() {
        return Ok(());
    }
    let (client, params) = (cell.client()?, json!({"name": "ask_user", "arguments": {}}));
    let asked = client.request("tools/call", params.clone())?;
    let mut next = client.next_round(&params, &asked)?;
    let unasked = json!({"unasked": {"action": "accept", "content": {"name": "Eve"}}});
    next.as_object_mut().context("no round")?.insert("inputResponses".to_owned(), unasked);
    let again = client.request("tools/call", next)?;
    ensure(again.get("inputRequests").is_some(), "it is not asked again", &again)?;
    finish(cell, client.next_round(&params, &again)?)
}

/// A question that nobody answers does not keep others from being asked, except where a legacy child process has no way
/// to say for which of two calls it asks.
pub(super) fn abandoned(cell: &Cell<'_>) -> Result<()> {
    let (client, params) = (cell.client()?, json!({"name": "ask_user", "arguments": {}}));
    let asked = client.request("tools/call", params.clone())?;
    let next = client.next_round(&params, &asked)?;
    let said = client.call_text("ask_user", json!({"tag": "of the other call"}));
    finish(cell, next)?;
    let ambiguous = cell.stage.is_gateway() && cell.stage.back == Transport::Stdio && !cell.upstream().modern();
    match said {
        Ok(said) => same("said", &json!(said), &json!("accept Ada")),
        Err(error) if ambiguous => ensure(format!("{error:#}").contains("several"), "another reason", &error),
        Err(error) => Err(error),
    }
}

/// Goes on with a call as it should be, so that nothing stays open.
fn finish(cell: &Cell<'_>, next: Value) -> Result<()> {
    let mut said = cell.client()?.request("tools/call", next.clone())?;
    while at(&said, "/resultType") == "input_required" {
        said = cell.client()?.request("tools/call", cell.client()?.next_round(&next, &said)?)?;
    }
    ensure(at(&said, "/content/0/text").contains("accept"), "the call does not end well", &said)
}

/// Calls a tool: it says this, after having asked for these, in any order.
fn answered(cell: &Cell<'_>, tool: &str, said: &str, asked: &[&str]) -> Result<()> {
    let client = cell.client()?;
    same("said", &json!(client.call_text(tool, json!({}))?), &json!(said))?;
    let questions = client.asked();
    let mut methods: Vec<&str> = questions.iter().map(|one| at(one, "/method")).collect();
    methods.sort_unstable();
    ensure(methods == asked, "not the questions", &questions)
}
