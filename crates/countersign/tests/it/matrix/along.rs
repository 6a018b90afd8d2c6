//! What passes along a call: `_meta`, progress, log messages, a change of mind.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::basics::error_of;
use super::cell::{Cell, ensure, everything, same};
use crate::kit::{at, text};

/// What a client says along a call arrives, and what the server says along its result.
pub(super) fn meta(cell: &Cell<'_>) -> Result<()> {
    let meta = json!({"traceparent": TRACE, "tracestate": "a=1", "dev.example/colour": {"is": "blue"}});
    let said = cell.client()?.complete("tools/call", json!({"name": "meta", "arguments": {}, "_meta": meta}))?;
    let arrived: Value = serde_json::from_str(text(&said))?;
    for key in ["traceparent", "tracestate", "dev.example/colour"] {
        same(key, arrived.get(key).unwrap_or(&Value::Null), meta.get(key).unwrap_or(&Value::Null))?;
    }
    let answered = said.pointer("/_meta/dev.example~1answer").unwrap_or(&Value::Null);
    same("the server's `_meta`", answered, &json!({"of": "the server"}))
}

/// Nobody promises on behalf of a gateway what it does not understand: an extension it does not know is not passed on.
pub(super) fn extensions_unknown(cell: &Cell<'_>) -> Result<()> {
    let mut capabilities = everything(cell.revision);
    if let Some(extensions) = capabilities.pointer_mut("/extensions").and_then(Value::as_object_mut) {
        extensions.insert("dev.example/unknown".to_owned(), json!({"colour": "blue"}));
    }
    let client = cell.fresh(capabilities)?;
    let declared = client.call_text("declared", json!({}))?;
    ensure(declared.contains("dev.example/unknown"), "what the server was told of extensions", &declared)
}

pub(super) fn progress(cell: &Cell<'_>) -> Result<()> {
    let client = cell.client()?;
    for token in [json!("mine"), json!(7)] {
        client.forget();
        let params = json!({"name": "progress", "arguments": {}, "_meta": {"progressToken": token}});
        same("text", &json!(text(&client.complete("tools/call", params)?)), &json!("done"))?;
        let heard = client.heard();
        let steps: Vec<&Value> = heard.iter().filter_map(|one| one.pointer("/params/progress")).collect();
        ensure(steps == [&json!(1), &json!(2), &json!(3)], "not all steps", &heard)?;
        for one in &heard {
            same("token", one.pointer("/params/progressToken").unwrap_or(&Value::Null), &token)?;
            ensure(at(one, "/params/message").starts_with("step "), "no message", one)?;
        }
    }
    Ok(())
}

/// Messages from the level on that the client has set, and none below it.
pub(super) fn log(cell: &Cell<'_>) -> Result<()> {
    let client = cell.client()?;
    for (level, wanted) in [("error", 4), ("debug", 8), ("emergency", 1)] {
        client.forget();
        let mut params = json!({"name": "log", "arguments": {}});
        if cell.revision.modern() {
            put(&mut params, json!({"io.modelcontextprotocol/logLevel": level}));
        } else {
            client.request("logging/setLevel", json!({ "level": level }))?;
        }
        same("text", &json!(text(&client.complete("tools/call", params)?)), &json!("logged"))?;
        let heard = client.heard();
        let levels: Vec<&str> = heard.iter().map(|one| at(one, "/params/level")).collect();
        ensure(levels.len() == wanted && levels.contains(&"emergency"), "not the messages of the level", &heard)?;
        ensure(heard.iter().all(|one| at(one, "/params/logger") == "exact"), "not the server's messages", &heard)?;
    }
    Ok(())
}

/// Who has not asked for log messages gets none.
pub(super) fn log_silent(cell: &Cell<'_>) -> Result<()> {
    let client = cell.client()?;
    same("text", &json!(client.call_text("log", json!({}))?), &json!("logged"))?;
    ensure(client.heard().is_empty(), "messages nobody asked for", &client.heard())
}

pub(super) fn log_wrong_level(cell: &Cell<'_>) -> Result<()> {
    let client = cell.client()?;
    let mut params = json!({"name": "log", "arguments": {}});
    let answer = if cell.revision.modern() {
        put(&mut params, json!({"io.modelcontextprotocol/logLevel": "loud"}));
        client.request("tools/call", params)
    } else {
        client.request("logging/setLevel", json!({"level": "loud"}))
    };
    let error = error_of(answer)?;
    ensure(error.code == -32602, "another code", &error)
}

/// The server hears that its answer is not wanted any more, and of which request.
pub(super) fn cancel(cell: &Cell<'_>) -> Result<()> {
    let (client, tag) = (cell.client()?, cell.tag());
    let params = json!({"name": "slow", "arguments": {"ms": 20_000, "tag": tag}});
    let pending = client.begin("tools/call", params)?;
    let about =
        |pointer: &str| -> Result<bool> { Ok(cell.upstream_heard()?.iter().any(|line| at(line, pointer) == tag)) };
    cell.until("the server is called", || about("/body/params/arguments/tag"))?;
    pending.cancel()?;
    cell.until("the server hears of the change of mind", || about("/about/arguments/tag"))?;
    same("text", &json!(client.call_text("echo", json!({"text": "still there"}))?), &json!("still there"))?;
    if cell.stage.is_gateway() {
        // What the app says next that names no call could be about this one, and would reach nobody else.
        std::thread::sleep(Duration::from_millis(1_100));
    }
    Ok(())
}

fn put(params: &mut Value, meta: Value) {
    if let Some(params) = params.as_object_mut() {
        params.insert("_meta".to_owned(), meta);
    }
}

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
