//! What the tools do.

use std::time::Duration;

use serde_json::{Value, json};

use super::answers::{Ending, INVALID_PARAMS, METHOD_NOT_FOUND, Question, Refusal, at, failure, text};
use super::offers;
use super::server::Kind;
use super::tasks::{self, EXTENSION};
use super::turn::Turn;
use crate::Revision;

/// A call: its result, or the task that will have one.
pub(super) async fn call(turn: &mut Turn) -> Result<Value, Ending> {
    let name = at(&turn.params, "/name").to_owned();
    let tools = offers::tools(&turn.server, &turn.capabilities());
    let Some(tool) = tools.iter().find(|tool| at(tool, "/name") == name) else {
        return Err(Refusal::new(INVALID_PARAMS, format!("unknown tool `{name}`")).into());
    };
    let works = name.starts_with("work");
    match turn.revision() {
        Revision::July2026 if works => {
            let capabilities = turn.capabilities();
            let declared = capabilities.get("extensions").and_then(|extensions| extensions.get(EXTENSION)).is_some();
            if declared {
                return Ok(tasks::start(turn));
            }
            if name == "work_only" {
                return Err(Refusal::lacks(&json!({"extensions": { EXTENSION: {} }})).into());
            }
        }
        Revision::November2025 => {
            let support = at(tool, "/execution/taskSupport");
            match (turn.params.get("task").is_some(), support) {
                (true, "optional" | "required") => return Ok(tasks::start(turn)),
                (true, _) | (false, "required") => {
                    return Err(Refusal::new(METHOD_NOT_FOUND, format!("`{name}` is not called like that")).into());
                }
                (false, _) => {}
            }
        }
        _ => {}
    }
    run(turn).await
}

/// The work of a tool.
pub(super) async fn run(turn: &mut Turn) -> Result<Value, Ending> {
    let name = at(&turn.params, "/name").to_owned();
    match name.as_str() {
        "echo" => Ok(text(turn.argument("text").and_then(Value::as_str).unwrap_or_default())),
        "folders" => Ok(text(&turn.session.as_ref().map(|session| session.folders()).unwrap_or_default())),
        "routed" => Ok(text(turn.argument("region").and_then(Value::as_str).unwrap_or_default())),
        "add" => Ok(sum(turn)),
        "any" => Ok(json!({"content": [{"type": "text", "text": "[1,2]"}], "structuredContent": [1, 2]})),
        "fail" => Ok(failure("this tool always fails")),
        "broken" | "work_fails" => Err(Refusal::new(BROKEN, "it is broken").with(json!({"part": "spring"})).into()),
        "meta" => {
            let mut result = text(&turn.params.get("_meta").cloned().unwrap_or_else(|| json!({})).to_string());
            if let Some(result) = result.as_object_mut() {
                result.insert("_meta".to_owned(), json!({"dev.example/answer": {"of": "the server"}}));
            }
            Ok(result)
        }
        "declared" => Ok(text(&turn.capabilities().to_string())),
        "log" => log(turn),
        "progress" => Ok(progress(turn).await),
        "slow" | "work" | "work_only" => {
            let time = turn.argument("ms").and_then(Value::as_u64).unwrap_or(50);
            tokio::time::sleep(Duration::from_millis(time)).await;
            match turn.argument("link") {
                Some(uri) => Ok(json!({"content": [{"type": "resource_link", "uri": uri, "name": "a note"}]})),
                None => Ok(text(turn.argument("text").and_then(Value::as_str).unwrap_or("done"))),
            }
        }
        "change_tools" => Ok(text(&format!("added-{}", turn.server.add(Kind::Tools)))),
        "change_prompts" => Ok(text(&format!("added-{}", turn.server.add(Kind::Prompts)))),
        "change_resources" => Ok(text(&format!("note://added-{}", turn.server.add(Kind::Resources)))),
        "touch" => {
            let uri = turn.argument("uri").and_then(Value::as_str).unwrap_or_default().to_owned();
            Ok(text(&format!("version {}", turn.server.touch(&uri))))
        }
        _ => asks(turn, &name).await,
    }
}

async fn asks(turn: &mut Turn, name: &str) -> Result<Value, Ending> {
    let said = match name {
        "ask_user" | "ask_bare" | "work_asks" => turn.ask("who", NAME).await?,
        "ask_url" => turn.ask("visit", Question::Page).await?,
        "ask_url_first" if turn.revision() == Revision::November2025 => {
            let tag = turn.argument("tag").and_then(Value::as_str).unwrap_or_default();
            if turn.server.was_here(tag) {
                return Ok(text("accept"));
            }
            let page = Question::Page.request(turn.revision()).get("params").cloned();
            let refusal = Refusal::new(URL_ELICITATION, "a page must be visited first");
            return Err(refusal.with(json!({"elicitations": [page]})).into());
        }
        "ask_url_first" => turn.ask("visit", Question::Page).await?,
        "ask_model" => turn.ask("word", Question::Model).await?,
        "in_a_batch" => "together".to_owned(),
        "ask_in_vain" => turn.ask_in_vain(Question::Model).await,
        "ask_roots" => turn.ask("folders", Question::Roots).await?,
        "ask_twice" => {
            let first = turn.ask("first", NAME).await?;
            let second = turn.ask("second", Question::Form("And who else?")).await?;
            format!("{first}, {second}")
        }
        "ask_all" => {
            let all = [("who", NAME), ("word", Question::Model), ("folders", Question::Roots)];
            turn.ask_all(&all).await?.join(", ")
        }
        "come_again" if turn.params.get("requestState").is_none() || turn.argument("always").is_some() => {
            return Err(Ending::NeedsInput(Box::default()));
        }
        "come_again" => {
            turn.answers_so_far()?;
            "welcome back".to_owned()
        }
        _ => "was added".to_owned(),
    };
    Ok(text(&said))
}

fn sum(turn: &Turn) -> Value {
    let number = |key: &str| turn.argument(key).and_then(Value::as_i64).unwrap_or_default();
    let sum = number("a") + number("b");
    let mut result = text(&sum.to_string());
    if let (true, Some(result)) = (turn.revision() >= Revision::June2025, result.as_object_mut()) {
        result.insert("structuredContent".to_owned(), json!({ "sum": sum }));
    }
    result
}

/// One message of each level that the client wants to hear.
fn log(turn: &Turn) -> Result<Value, Ending> {
    let place = |level: &str| LEVELS.iter().position(|known| *known == level);
    let wanted = match turn.meta("io.modelcontextprotocol/logLevel") {
        Some(level) if turn.revision().modern() => {
            let known = level.as_str().and_then(place);
            Some(known.ok_or_else(|| Refusal::new(INVALID_PARAMS, "no such log level"))?)
        }
        _ if turn.revision().modern() => None,
        _ => {
            let level = turn.session.as_ref().and_then(|session| session.level());
            level.as_deref().map_or(place("warning"), place)
        }
    };
    for level in wanted.and_then(|wanted| LEVELS.get(wanted..)).unwrap_or_default() {
        let params = json!({"level": level, "logger": "exact", "data": {"said": level}});
        turn.tell("notifications/message", &params);
    }
    Ok(text("logged"))
}

async fn progress(turn: &Turn) -> Value {
    for step in 1..=3 {
        if let Some(token) = turn.meta("progressToken") {
            let params =
                json!({"progressToken": token, "progress": step, "total": 3, "message": format!("step {step}")});
            turn.tell("notifications/progress", &params);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    text("done")
}

pub(super) const LEVELS: &[&str] = &["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];
pub(super) const NAME: Question = Question::Form("Who are you?");
const BROKEN: i64 = -31007;
const URL_ELICITATION: i64 = -32042;
