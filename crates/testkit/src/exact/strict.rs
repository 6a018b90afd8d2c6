//! What a message must be before it is looked at: nothing of another revision passes.

use std::sync::Arc;

use http::HeaderMap;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use super::answers::{
    BAD_REQUEST, HEADER_MISMATCH, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, MISSING_CAPABILITY, PARSE_ERROR,
    Refusal, UNSUPPORTED_VERSION, at,
};
use super::server::ExactServer;
use super::session::Session;
use super::turn::Turn;
use super::{legacy, modern};
use crate::Revision;
use crate::upstream::{CAPABILITIES_KEY, VERSION_KEY};

/// What is to be done about a message.
pub(super) enum Received {
    /// It wants no answer.
    Accepted,
    /// It is refused with this HTTP status and message.
    Refused(u16, Value),
    /// It is answered at once.
    Answered(Value),
    /// It is a request that is under way now.
    Turn(Box<Turn>),
}

/// One message of a session, or of a child's connection.
pub(super) fn receive(
    server: &Arc<ExactServer>,
    session: Option<&Arc<Session>>,
    message: &Value,
    out: &UnboundedSender<Value>,
) -> Received {
    let id = message.get("id").filter(|id| id.is_string() || id.is_i64() || id.is_u64());
    let refused = |status, refusal: Refusal| Received::Refused(status, refusal.message(id.unwrap_or(&Value::Null)));
    if at(message, "/jsonrpc") != "2.0" {
        return refused(400, Refusal::new(INVALID_REQUEST, "`jsonrpc` is not `2.0`"));
    }
    let modern = server.revision().modern();
    let Some(method) = message.get("method").and_then(Value::as_str) else {
        let awaited = !modern && session.is_some_and(|session| session.answered(message));
        if awaited {
            return Received::Accepted;
        }
        server.note("unexpected answer", message);
        return refused(400, Refusal::new(INVALID_REQUEST, "an answer to nothing"));
    };
    if message.get("id").is_none() {
        if let Some(session) = session {
            legacy::notified(server, session, message);
        }
        return Received::Accepted;
    }
    if id.is_none() {
        return refused(400, Refusal::new(INVALID_REQUEST, "the id is neither a text nor an integer"));
    }
    let params = message.get("params").cloned().unwrap_or_else(|| json!({}));
    if !modern && method == "initialize" {
        let Some(session) = session else { return refused(400, Refusal::new(BAD_REQUEST, "no session")) };
        return match legacy::initialize(server, session, &params) {
            Ok(result) => Received::Answered(json!({"jsonrpc": "2.0", "id": id, "result": result})),
            Err(refusal) => refused(200, refusal),
        };
    }
    let wrong =
        if modern { modern_params(&params) } else { legacy_params(server.revision(), session, method, &params) };
    if let Err(refusal) = wrong {
        return refused(status_of(refusal.code, modern), refusal);
    }
    Received::Turn(Box::new(Turn::new(Arc::clone(server), session.cloned(), message, out.clone())))
}

/// `_meta` of 2026-07-28.
fn modern_params(params: &Value) -> Result<(), Refusal> {
    let invalid = |text: &str| Err(Refusal::new(INVALID_PARAMS, text));
    let Some(meta) = params.get("_meta").and_then(Value::as_object) else { return invalid("`_meta` is missing") };
    match meta.get(VERSION_KEY).and_then(Value::as_str) {
        None => return invalid("`_meta` lacks the protocol version"),
        Some(version) if version != Revision::July2026.as_str() => {
            let data = json!({"supported": [Revision::July2026.as_str()], "requested": version});
            return Err(Refusal::new(UNSUPPORTED_VERSION, "unsupported protocol version").with(data));
        }
        Some(_) => {}
    }
    if !meta.get(CAPABILITIES_KEY).is_some_and(Value::is_object) {
        return invalid("`_meta` lacks the client's capabilities");
    }
    if params.get("task").is_some() {
        return invalid("`task` is of another revision");
    }
    Ok(())
}

fn legacy_params(
    revision: Revision,
    session: Option<&Arc<Session>>,
    method: &str,
    params: &Value,
) -> Result<(), Refusal> {
    if method == "server/discover" || method == "subscriptions/listen" {
        return Err(Refusal::new(METHOD_NOT_FOUND, format!("no method `{method}`")));
    }
    if method != "ping" && !session.is_some_and(|session| session.is_ready()) {
        return Err(Refusal::new(INVALID_REQUEST, "the handshake is not complete"));
    }
    let meta = params.get("_meta").and_then(Value::as_object);
    let of_2026 =
        [VERSION_KEY, CAPABILITIES_KEY, "io.modelcontextprotocol/clientInfo", "io.modelcontextprotocol/logLevel"];
    if let Some(key) = of_2026.into_iter().find(|key| meta.is_some_and(|meta| meta.contains_key(*key))) {
        return Err(Refusal::new(INVALID_PARAMS, format!("`{key}` is of another revision")));
    }
    let mut foreign = vec!["inputResponses", "requestState"];
    if revision != Revision::November2025 {
        foreign.push("task");
    }
    match foreign.into_iter().find(|key| params.get(*key).is_some()) {
        Some(key) => Err(Refusal::new(INVALID_PARAMS, format!("`{key}` is of another revision"))),
        None => Ok(()),
    }
}

/// What every POST must say of itself.
pub(super) fn kinds(headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let accept = text("accept");
    if !accept.contains("application/json") || !accept.contains("text/event-stream") {
        return Err(Refusal::new(INVALID_REQUEST, "`Accept` must name JSON and event streams"));
    }
    if !text("content-type").starts_with("application/json") {
        return Err(Refusal::new(INVALID_REQUEST, "`Content-Type` must be JSON"));
    }
    Ok(())
}

/// The version in the headers of a legacy session.
pub(super) fn version(headers: &HeaderMap, revision: Revision) -> Result<(), Refusal> {
    let said = headers.get("mcp-protocol-version").and_then(|value| value.to_str().ok());
    match said {
        None if revision == Revision::March2025 => Ok(()),
        Some(said) if said == revision.as_str() => Ok(()),
        said => Err(Refusal::new(BAD_REQUEST, format!("bad request: `MCP-Protocol-Version` is {said:?}"))),
    }
}

/// The headers of 2026-07-28 repeat the body.
pub(super) fn repeated(headers: &HeaderMap, message: &Value) -> Result<(), Refusal> {
    let method = at(message, "/method");
    if message.get("id").is_none() {
        return Ok(());
    }
    let params = message.get("params").unwrap_or(&Value::Null);
    let version = params.get("_meta").and_then(|meta| meta.get(VERSION_KEY)).and_then(Value::as_str);
    let region = params.get("arguments").and_then(|arguments| arguments.get("region")).and_then(Value::as_str);
    let wanted = [
        ("mcp-protocol-version", version),
        ("mcp-method", Some(method)),
        ("mcp-name", modern::named(method, params)),
        ("mcp-param-region", region.filter(|_| modern::named(method, params) == Some("routed"))),
    ];
    for (name, wanted) in wanted {
        let said = headers.get(name).and_then(|value| value.to_str().ok()).map(crate::upstream::decoded);
        if wanted.is_some() && said.as_deref() != wanted {
            let text = format!("header `{name}` is {said:?}, the body says {wanted:?}");
            return Err(Refusal::new(HEADER_MISMATCH, text));
        }
    }
    Ok(())
}

pub(super) fn not_json() -> Value {
    Refusal::new(PARSE_ERROR, "not JSON").message(&Value::Null)
}

/// The HTTP status of an error.
pub(super) fn status_of(code: i64, modern: bool) -> u16 {
    match code {
        METHOD_NOT_FOUND if modern => 404,
        HEADER_MISMATCH | MISSING_CAPABILITY | UNSUPPORTED_VERSION if modern => 400,
        INVALID_REQUEST | BAD_REQUEST => 400,
        _ => 200,
    }
}
