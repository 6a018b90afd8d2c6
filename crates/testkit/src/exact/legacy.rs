//! The three revisions with a handshake.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::answers::{Ending, INVALID_PARAMS, METHOD_NOT_FOUND, RESOURCE_NOT_FOUND, Refusal, at};
use super::offers;
use super::server::ExactServer;
use super::session::Session;
use super::tasks::Task;
use super::tools;
use super::turn::Turn;
use crate::Revision;

/// The answer to `initialize`.
pub(super) fn initialize(server: &ExactServer, session: &Session, params: &Value) -> Result<Value, Refusal> {
    let wanted = ["/protocolVersion", "/clientInfo/name", "/clientInfo/version"];
    if wanted.iter().any(|pointer| at(params, pointer).is_empty())
        || !params.get("capabilities").is_some_and(Value::is_object)
    {
        return Err(Refusal::new(INVALID_PARAMS, "`initialize` lacks a version, capabilities or the client's name"));
    }
    session.agree(params.get("capabilities").cloned().unwrap_or_default());
    Ok(json!({
        "protocolVersion": server.revision().as_str(),
        "capabilities": offers::capabilities(server.revision()),
        "serverInfo": {"name": "testkit-exact", "version": "1"},
        "instructions": "A server for tests.",
    }))
}

/// A notification of a client.
pub(super) fn notified(server: &ExactServer, session: &Arc<Session>, message: &Value) {
    match at(message, "/method") {
        "notifications/initialized" => {
            session.set_ready();
            let capabilities = session.capabilities();
            if capabilities.pointer("/roots/dev.example~1at_once").is_some() {
                session.ask_for_folders();
            }
            if let Some(late) = capabilities.pointer("/roots/dev.example~1after_ms").and_then(Value::as_u64) {
                ask_for_folders_after(late, server, session);
            }
        }
        "notifications/roots/list_changed" => ask_again_for_folders(server, session),
        "notifications/cancelled" => {
            let known = message.get("params").is_some_and(|params| session.cancel(params));
            if !known {
                server.note("cancelled nothing", message);
            }
        }
        _ => {}
    }
}

/// Asks, from the second time on so late as the client wants it to, and so often at once.
fn ask_again_for_folders(server: &ExactServer, session: &Arc<Session>) {
    let capabilities = session.capabilities();
    let wanted = |name: &str| capabilities.get("roots")?.get(format!("dev.example/{name}"))?.as_u64();
    let late = wanted("again_after_ms").filter(|_| session.has_asked_for_folders());
    let Some(late) = late else { return (0..wanted("times").unwrap_or(1)).for_each(|_| session.ask_for_folders()) };
    ask_for_folders_after(late, server, session);
}

fn ask_for_folders_after(late_ms: u64, server: &ExactServer, session: &Arc<Session>) {
    let session = Arc::clone(session);
    server.work(async move {
        tokio::time::sleep(Duration::from_millis(late_ms)).await;
        session.ask_for_folders();
    });
}

/// One request.
pub(super) async fn serve(turn: &mut Turn) -> Result<Value, Ending> {
    let method = turn.method.clone();
    let revision = turn.revision();
    match method.as_str() {
        "ping" => Ok(json!({})),
        "tools/list" => offers::page("tools", offers::tools(&turn.server, &turn.capabilities()), &turn.params),
        "tools/call" => tools::call(turn).await,
        "resources/list" => offers::page("resources", offers::resources(&turn.server), &turn.params),
        "resources/templates/list" => offers::page("resourceTemplates", offers::templates(), &turn.params),
        "resources/read" => read(turn).await,
        "resources/subscribe" | "resources/unsubscribe" => subscription(turn),
        "prompts/list" => offers::page("prompts", offers::prompts(&turn.server), &turn.params),
        "prompts/get" => prompt(turn).await,
        "completion/complete" => offers::complete(&turn.params, revision),
        "logging/setLevel" => {
            let level = at(&turn.params, "/level");
            let session = turn.session.as_ref().filter(|_| tools::LEVELS.contains(&level));
            let session = session.ok_or_else(|| Refusal::new(INVALID_PARAMS, "no such log level"))?;
            session.set_level(level);
            Ok(json!({}))
        }
        "tasks/get" | "tasks/result" | "tasks/cancel" | "tasks/list" if revision == Revision::November2025 => {
            task(turn, &method).await
        }
        _ => Err(Refusal::new(METHOD_NOT_FOUND, format!("no method `{method}`")).into()),
    }
}

/// What stands at an address.
pub(super) async fn read(turn: &mut Turn) -> Result<Value, Ending> {
    let uri = at(&turn.params, "/uri").to_owned();
    if uri == "note://asks" {
        let said = turn.ask("who", tools::NAME).await?;
        return Ok(json!({"contents": [{"uri": uri, "mimeType": "text/plain", "text": said}]}));
    }
    let code = if turn.revision().modern() { INVALID_PARAMS } else { RESOURCE_NOT_FOUND };
    let missing = || Refusal::new(code, "resource not found").with(json!({ "uri": uri }));
    Ok(offers::read(&turn.server, &uri).ok_or_else(missing)?)
}

/// A prompt with its argument put in.
pub(super) async fn prompt(turn: &mut Turn) -> Result<Value, Ending> {
    let name = at(&turn.params, "/name").to_owned();
    let known = offers::prompts(&turn.server).iter().any(|prompt| at(prompt, "/name") == name);
    let said = match name.as_str() {
        "greet" => {
            let who = turn.argument("name").and_then(Value::as_str);
            let who = who.ok_or_else(|| Refusal::new(INVALID_PARAMS, "the argument `name` is missing"))?;
            format!("Greet {who}")
        }
        "asks" => turn.ask("who", tools::NAME).await?,
        _ if known => format!("The prompt {name}"),
        _ => return Err(Refusal::new(INVALID_PARAMS, format!("unknown prompt `{name}`")).into()),
    };
    let message = json!({"role": "user", "content": {"type": "text", "text": said}});
    Ok(json!({"description": name, "messages": [message]}))
}

fn subscription(turn: &Turn) -> Result<Value, Ending> {
    let uri = at(&turn.params, "/uri");
    let session = turn.session.as_ref().filter(|_| offers::read(&turn.server, uri).is_some());
    let missing = || Refusal::new(RESOURCE_NOT_FOUND, "resource not found").with(json!({ "uri": uri }));
    let session = session.ok_or_else(missing)?;
    match turn.method.as_str() {
        "resources/subscribe" => session.subscribe(uri),
        _ => session.unsubscribe(uri),
    }
    Ok(json!({}))
}

async fn task(turn: &Turn, method: &str) -> Result<Value, Ending> {
    let revision = turn.revision();
    let owner = turn.session.as_ref().map(|session| session.id().to_owned()).unwrap_or_default();
    if method == "tasks/list" {
        let own = turn.server.tasks().into_iter().filter(|task| task.owner() == owner);
        return offers::page("tasks", own.map(|task| task.described(revision)).collect(), &turn.params);
    }
    let task = known(turn)?;
    if task.owner() != owner {
        return Err(unknown());
    }
    match method {
        "tasks/get" => Ok(task.described(revision)),
        "tasks/result" => task.result(turn).await,
        _ if task.is_over() => Err(Refusal::new(INVALID_PARAMS, "the task is over").into()),
        _ => {
            task.cancel(&turn.server);
            Ok(task.described(revision))
        }
    }
}

/// The task that is meant.
pub(super) fn known(turn: &Turn) -> Result<Arc<Task>, Ending> {
    turn.server.task(at(&turn.params, "/taskId")).ok_or_else(unknown)
}

fn unknown() -> Ending {
    Refusal::new(INVALID_PARAMS, "unknown task").into()
}
