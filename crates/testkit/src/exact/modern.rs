//! 2026-07-28: no handshake, no session, no request of the server.

use serde_json::{Map, Value, json};

use super::answers::{Ending, INVALID_PARAMS, METHOD_NOT_FOUND, Refusal, at};
use super::server::{Listener, SUBSCRIPTION_KEY};
use super::tasks::{EXTENSION, typed};
use super::turn::Turn;
use super::{legacy, offers, tools};

/// One request.
pub(super) async fn serve(turn: &mut Turn) -> Result<Value, Ending> {
    let method = turn.method.clone();
    let result = match method.as_str() {
        "server/discover" => json!({
            "supportedVersions": [turn.revision().as_str()],
            "capabilities": offers::capabilities(turn.revision()),
            "instructions": "A server for tests.",
        }),
        "tools/list" => offers::page("tools", offers::tools(&turn.server, &turn.capabilities()), &turn.params)?,
        "tools/call" => tools::call(turn).await?,
        "resources/list" => offers::page("resources", offers::resources(&turn.server), &turn.params)?,
        "resources/templates/list" => offers::page("resourceTemplates", offers::templates(), &turn.params)?,
        "resources/read" => legacy::read(turn).await?,
        "prompts/list" => offers::page("prompts", offers::prompts(&turn.server), &turn.params)?,
        "prompts/get" => legacy::prompt(turn).await?,
        "completion/complete" => offers::complete(&turn.params, turn.revision())?,
        "subscriptions/listen" => listen(turn).await?,
        "tasks/get" | "tasks/update" | "tasks/cancel" => task(turn, &method)?,
        _ => return Err(Refusal::new(METHOD_NOT_FOUND, format!("no method `{method}`")).into()),
    };
    let cacheable = method.ends_with("/list") || method == "resources/read" || method == "server/discover";
    Ok(if cacheable { cached(complete(result)) } else { complete(result) })
}

/// A result that is whole.
pub(super) fn complete(result: Value) -> Value {
    let mut result = typed(result, "complete");
    if let Some(result) = result.as_object_mut() {
        let meta = result.entry("_meta").or_insert_with(|| json!({}));
        if let Some(meta) = meta.as_object_mut() {
            let info = json!({"name": "testkit-exact", "version": "1"});
            meta.insert("io.modelcontextprotocol/serverInfo".to_owned(), info);
        }
    }
    result
}

fn cached(mut result: Value) -> Value {
    if let Some(result) = result.as_object_mut() {
        result.insert("ttlMs".to_owned(), json!(0));
        result.insert("cacheScope".to_owned(), json!("private"));
    }
    result
}

/// Stays open until the client closes it.
async fn listen(turn: &Turn) -> Result<Value, Ending> {
    let none = Map::new();
    let wanted = turn.params.get("notifications").and_then(Value::as_object).unwrap_or(&none);
    if wanted.contains_key("taskIds") {
        needs_tasks(turn)?;
    }
    let known: Map<String, Value> = wanted
        .iter()
        .filter(|(key, _)| FILTERS.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let filter = Value::Object(known);
    let params = json!({"_meta": { SUBSCRIPTION_KEY: turn.id }, "notifications": filter});
    turn.tell("notifications/subscriptions/acknowledged", &params);
    turn.server.listen(Listener { id: turn.id.clone(), filter, out: turn.out.clone() });
    std::future::pending().await
}

fn task(turn: &Turn, method: &str) -> Result<Value, Ending> {
    needs_tasks(turn)?;
    let task = legacy::known(turn)?;
    match method {
        "tasks/get" => return Ok(task.described(turn.revision())),
        "tasks/update" => {
            let answers = turn.params.get("inputResponses").and_then(Value::as_object);
            let missing = || Refusal::new(INVALID_PARAMS, "`inputResponses` is missing");
            task.update(answers.ok_or_else(missing)?);
        }
        _ if task.is_over() => {}
        _ => task.cancel(&turn.server),
    }
    Ok(json!({}))
}

fn needs_tasks(turn: &Turn) -> Result<(), Ending> {
    let capabilities = turn.capabilities();
    let declared = capabilities.get("extensions").and_then(|extensions| extensions.get(EXTENSION));
    match declared {
        Some(_) => Ok(()),
        None => Err(Refusal::lacks(&json!({"extensions": { EXTENSION: {} }})).into()),
    }
}

/// The header that names what a request is about.
pub(super) fn named<'v>(method: &str, params: &'v Value) -> Option<&'v str> {
    let pointer = match method {
        "tools/call" | "prompts/get" => "/name",
        "resources/read" => "/uri",
        "tasks/get" | "tasks/update" | "tasks/cancel" => "/taskId",
        _ => return None,
    };
    Some(at(params, pointer))
}

const FILTERS: &[&str] =
    &["toolsListChanged", "promptsListChanged", "resourcesListChanged", "resourceSubscriptions", "taskIds"];
