//! Changes that a server tells without being asked: of its lists, and of resources somebody has subscribed to.

use anyhow::Result;
use serde_json::{Value, json};

use super::basics::listed;
use super::cell::{Cell, ensure, same};

pub(super) fn tools(cell: &Cell<'_>) -> Result<()> {
    told(cell, "toolsListChanged", "change_tools", "notifications/tools/list_changed").map(drop)
}

pub(super) fn prompts(cell: &Cell<'_>) -> Result<()> {
    told(cell, "promptsListChanged", "change_prompts", "notifications/prompts/list_changed").map(drop)
}

pub(super) fn resources(cell: &Cell<'_>) -> Result<()> {
    told(cell, "resourcesListChanged", "change_resources", "notifications/resources/list_changed").map(drop)
}

/// Who was told of a change finds in the list what was added.
pub(super) fn listed_anew(cell: &Cell<'_>) -> Result<()> {
    let tool = told(cell, "toolsListChanged", "change_tools", "notifications/tools/list_changed")?;
    let prompt = told(cell, "promptsListChanged", "change_prompts", "notifications/prompts/list_changed")?;
    let resource = told(cell, "resourcesListChanged", "change_resources", "notifications/resources/list_changed")?;
    for (added, [method, member, key]) in [
        (tool, ["tools/list", "tools", "name"]),
        (prompt, ["prompts/list", "prompts", "name"]),
        (resource, ["resources/list", "resources", "uri"]),
    ] {
        let there = listed(cell, method, member, key)?;
        ensure(there.contains(&added), "what was added is not listed", &there)?;
    }
    Ok(())
}

/// Who listens is told of a change. What was added.
fn told(cell: &Cell<'_>, filter: &str, tool: &str, notification: &str) -> Result<String> {
    let client = cell.client()?;
    let listening = client.listen(json!({ filter: true }))?;
    same("acknowledged", &listening.acknowledged, &json!({ filter: true }))?;
    let added = client.call_text(tool, json!({}))?;
    let heard = client.hear(notification)?;
    if cell.revision.modern() {
        let id = heard.pointer("/params/_meta/io.modelcontextprotocol~1subscriptionId");
        ensure(id.is_some_and(Value::is_u64), "the subscription is not named", &heard)?;
    }
    Ok(added)
}

/// A subscriber hears of its resource, and of no other.
pub(super) fn subscribe(cell: &Cell<'_>) -> Result<()> {
    let client = cell.client()?;
    let _listening = client.listen(json!({"resourceSubscriptions": ["note://one"]}))?;
    client.call_text("touch", json!({"uri": "note://two"}))?;
    let version = client.call_text("touch", json!({"uri": "note://one"}))?;
    let heard = client.hear(UPDATED)?;
    same("uri", heard.pointer("/params/uri").unwrap_or(&Value::Null), &json!("note://one"))?;
    let read = client.complete("resources/read", json!({"uri": "note://one"}))?;
    let text = read.pointer("/contents/0/text").and_then(Value::as_str).unwrap_or_default();
    ensure(text.ends_with(&version), "the resource is an older one", &read)?;
    ensure(updates(&client.heard()).is_empty(), "more was heard", &client.heard())
}

/// Who has ended a subscription hears nothing more of it.
pub(super) fn unsubscribe(cell: &Cell<'_>) -> Result<()> {
    let client = cell.client()?;
    let listening = client.listen(json!({"resourceSubscriptions": ["note://three"]}))?;
    client.call_text("touch", json!({"uri": "note://three"}))?;
    client.hear(UPDATED)?;
    drop(listening);
    if !cell.revision.modern() {
        client.request("resources/unsubscribe", json!({"uri": "note://three"}))?;
    }
    // What is told later than the change shows that the change is not told.
    let _listening = client.listen(json!({"promptsListChanged": true}))?;
    client.call_text("touch", json!({"uri": "note://three"}))?;
    client.call_text("change_prompts", json!({}))?;
    client.hear("notifications/prompts/list_changed")?;
    ensure(updates(&client.heard()).is_empty(), "it is still told", &client.heard())
}

fn updates(heard: &[Value]) -> Vec<&Value> {
    heard.iter().filter(|one| one.get("method").is_some_and(|method| method == UPDATED)).collect()
}

const UPDATED: &str = "notifications/resources/updated";
