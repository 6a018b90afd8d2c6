//! Tools, resources, prompts and completion: asked once, answered once.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use testkit::{Revision, RpcError};

use super::cell::{Cell, ensure, same};
use crate::kit::at;

pub(super) fn hello(cell: &Cell<'_>) -> Result<()> {
    let client = cell.stage.client(cell.revision, cell.front)?;
    let said = client.start()?;
    ensure(said.pointer("/capabilities/tools").is_some(), "no tools are offered", &said)?;
    if cell.revision.modern() {
        let versions = said.get("supportedVersions").and_then(Value::as_array).context("no versions")?;
        ensure(versions.contains(&json!(cell.revision.as_str())), "the revision is not among them", &said)?;
        return ensure(said.get("ttlMs").is_some_and(Value::is_u64), "no `ttlMs`", &said);
    }
    ensure(!at(&said, "/serverInfo/name").is_empty(), "the server has no name", &said)
}

pub(super) fn ping(cell: &Cell<'_>) -> Result<()> {
    same("ping", &cell.client()?.request("ping", json!({}))?, &json!({}))
}

pub(super) fn tools_list(cell: &Cell<'_>) -> Result<()> {
    let names = listed(cell, "tools/list", "tools", "name")?;
    let wanted = ["echo", "slow", "touch", "work"];
    ensure(wanted.iter().all(|name| names.iter().any(|known| known == name)), "tools are missing", &names)
}

pub(super) fn tools_call(cell: &Cell<'_>) -> Result<()> {
    let said = cell.client()?.call("echo", json!({"text": "grüße \u{1f40c}"}))?;
    same(
        "content",
        said.get("content").unwrap_or(&Value::Null),
        &json!([{"type": "text", "text": "grüße \u{1f40c}"}]),
    )?;
    let heard = cell.upstream_heard()?;
    let calls = heard.iter().filter(|line| at(line, "/body/method") == "tools/call").count();
    ensure(calls == 1, "the server was not called once", &heard)
}

pub(super) fn tools_structured(cell: &Cell<'_>) -> Result<()> {
    let said = cell.client()?.call("add", json!({"a": 1, "b": 2}))?;
    same("text", said.pointer("/content/0/text").unwrap_or(&Value::Null), &json!("3"))?;
    if cell.revision == Revision::March2025 {
        return Ok(());
    }
    same("structure", said.get("structuredContent").unwrap_or(&Value::Null), &json!({"sum": 3}))?;
    let tools = cell.client()?.list("tools/list", "tools")?;
    let add = tools.iter().find(|tool| at(tool, "/name") == "add").context("`add` is not listed")?;
    ensure(add.pointer("/outputSchema/properties/sum").is_some(), "its schema is not passed on", add)
}

/// Before 2026-07-28 structure is an object, and so is its schema.
pub(super) fn tools_structured_any(cell: &Cell<'_>) -> Result<()> {
    let tools = cell.client()?.list("tools/list", "tools")?;
    let any = tools.iter().find(|tool| at(tool, "/name") == "any").context("`any` is not listed")?;
    let said = cell.client()?.call("any", json!({}))?;
    same("text", said.pointer("/content/0/text").unwrap_or(&Value::Null), &json!("[1,2]"))?;
    let structure = said.get("structuredContent");
    if cell.revision.modern() {
        return same("structure", structure.unwrap_or(&Value::Null), &json!([1, 2]));
    }
    ensure(structure.is_none_or(Value::is_object), "a structure that the revision does not know", &said)?;
    let schema = any.get("outputSchema");
    let known = schema.is_none_or(|schema| schema.get("type") == Some(&json!("object")));
    ensure(known, "a schema that the revision does not know", any)
}

pub(super) fn tools_fail(cell: &Cell<'_>) -> Result<()> {
    let said = cell.client()?.call("fail", json!({}))?;
    same("isError", said.get("isError").unwrap_or(&Value::Null), &json!(true))?;
    same("text", said.pointer("/content/0/text").unwrap_or(&Value::Null), &json!("this tool always fails"))
}

pub(super) fn tools_broken(cell: &Cell<'_>) -> Result<()> {
    let error = error_of(cell.client()?.call("broken", json!({})))?;
    ensure(error.code == -31007, "another code", &error)?;
    same("data", &error.data, &json!({"part": "spring"}))
}

/// An argument that travels in a header, too, where there are headers.
pub(super) fn tools_header(cell: &Cell<'_>) -> Result<()> {
    let said = cell.client()?.call_text("routed", json!({"region": "eu-1"}))?;
    same("text", &json!(said), &json!("eu-1"))
}

pub(super) fn tools_unknown(cell: &Cell<'_>) -> Result<()> {
    let error = error_of(cell.client()?.call("no_such_tool", json!({})))?;
    ensure(error.code == -32602, "another code", &error)
}

pub(super) fn methods_unknown(cell: &Cell<'_>) -> Result<()> {
    let error = error_of(cell.client()?.request("dev.example/unknown", json!({})))?;
    ensure(error.code == -32601, "another code", &error)
}

pub(super) fn resources_list(cell: &Cell<'_>) -> Result<()> {
    let uris = listed(cell, "resources/list", "resources", "uri")?;
    let all = ["one", "two", "three", "four", "five", "six", "asks"].map(|name| format!("note://{name}"));
    ensure(all.iter().all(|uri| uris.contains(uri)), "resources are missing", &uris)
}

pub(super) fn resources_templates(cell: &Cell<'_>) -> Result<()> {
    let templates = listed(cell, "resources/templates/list", "resourceTemplates", "uriTemplate")?;
    let all = ["note", "card", "page", "book", "shelf", "house"].map(|kind| format!("{kind}://{{name}}"));
    ensure(templates == all, "not all templates", &templates)
}

pub(super) fn resources_read(cell: &Cell<'_>) -> Result<()> {
    for uri in ["note://two", "card://of-a-template"] {
        let said = cell.client()?.complete("resources/read", json!({ "uri": uri }))?;
        same("uri", said.pointer("/contents/0/uri").unwrap_or(&Value::Null), &json!(uri))?;
        ensure(at(&said, "/contents/0/text").starts_with(uri), "another text", &said)?;
        if cell.revision.modern() {
            ensure(said.get("ttlMs").is_some_and(Value::is_u64), "no `ttlMs`", &said)?;
            ensure(!at(&said, "/cacheScope").is_empty(), "no `cacheScope`", &said)?;
        }
    }
    Ok(())
}

pub(super) fn resources_missing(cell: &Cell<'_>) -> Result<()> {
    let error = error_of(cell.client()?.request("resources/read", json!({"uri": "note://nowhere"})))?;
    // 2026-07-28 has changed the code; its clients are told to understand the older one.
    ensure([-32602, -32002].contains(&error.code), "another code", &error)
}

pub(super) fn prompts_list(cell: &Cell<'_>) -> Result<()> {
    let names = listed(cell, "prompts/list", "prompts", "name")?;
    let all = ["greet", "asks", "one", "two", "three", "four"];
    ensure(all.iter().all(|name| names.iter().any(|known| known == name)), "prompts are missing", &names)
}

pub(super) fn prompts_get(cell: &Cell<'_>) -> Result<()> {
    let said = cell.client()?.complete("prompts/get", json!({"name": "greet", "arguments": {"name": "Ada"}}))?;
    same("text", said.pointer("/messages/0/content/text").unwrap_or(&Value::Null), &json!("Greet Ada"))
}

pub(super) fn prompts_missing(cell: &Cell<'_>) -> Result<()> {
    for params in [json!({"name": "nowhere"}), json!({"name": "greet"})] {
        let error = error_of(cell.client()?.request("prompts/get", params))?;
        ensure(error.code == -32602, "another code", &error)?;
    }
    Ok(())
}

pub(super) fn completion_prompt(cell: &Cell<'_>) -> Result<()> {
    completed(cell, &json!({"type": "ref/prompt", "name": "greet"}), None, &json!(["Ada", "Alan"]))
}

pub(super) fn completion_resource(cell: &Cell<'_>) -> Result<()> {
    completed(cell, &json!({"type": "ref/resource", "uri": "note://{name}"}), None, &json!(["Ada", "Alan"]))
}

pub(super) fn completion_context(cell: &Cell<'_>) -> Result<()> {
    let context = json!({"arguments": {"title": "Dr"}});
    completed(cell, &json!({"type": "ref/prompt", "name": "greet"}), Some(context), &json!(["Dr Ada", "Dr Alan"]))
}

fn completed(cell: &Cell<'_>, of: &Value, context: Option<Value>, wanted: &Value) -> Result<()> {
    let mut params = json!({"ref": of, "argument": {"name": "name", "value": "A"}});
    if let (Some(context), Some(params)) = (context, params.as_object_mut()) {
        params.insert("context".to_owned(), context);
    }
    let said = cell.client()?.request("completion/complete", params)?;
    same("values", said.pointer("/completion/values").unwrap_or(&Value::Null), wanted)
}

/// The names in a list, all pages of it.
pub(super) fn listed(cell: &Cell<'_>, method: &str, member: &str, key: &str) -> Result<Vec<String>> {
    let all = cell.client()?.list(method, member)?;
    Ok(all.iter().map(|one| one.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()).collect())
}

/// The JSON-RPC error of a request that must have failed.
pub(super) fn error_of(answer: Result<Value>) -> Result<RpcError> {
    match answer {
        Ok(result) => bail!("not refused: {result}"),
        Err(error) => error.downcast::<RpcError>(),
    }
}
