//! What is listed, and what stands where.

use serde_json::{Value, json};

use super::answers::{Ending, INVALID_PARAMS, Refusal, at};
use super::server::{ExactServer, Kind};
use crate::Revision;

/// All tools of this revision for a client that can do this, in the order in which they are listed.
pub(super) fn tools(server: &ExactServer, capabilities: &Value) -> Vec<Value> {
    let revision = server.revision();
    let offered = |tool: &&Tool| match tool.name {
        "with_model" => capabilities.get("sampling").is_some_and(Value::is_object),
        // From 2026-07-28 on nobody has words to take a question back.
        "ask_in_vain" | "folders" => !revision.modern(),
        "in_a_batch" => revision == Revision::March2025,
        _ => revision >= tool.since,
    };
    let known = TOOLS.iter().filter(offered).map(|tool| tool.described(revision));
    let added = 1..=server.added(Kind::Tools);
    known.chain(added.map(|number| described(&format!("added-{number}"), "Was added", json!({})))).collect()
}

/// All resources.
pub(super) fn resources(server: &ExactServer) -> Vec<Value> {
    let added = (1..=server.added(Kind::Resources)).map(|number| format!("note://added-{number}"));
    let all = NOTES.iter().map(|name| format!("note://{name}")).chain(added);
    all.map(|uri| json!({"uri": uri, "name": uri.replace("note://", ""), "mimeType": "text/plain"})).collect()
}

/// All templates.
pub(super) fn templates() -> Vec<Value> {
    let kinds = ["note", "card", "page", "book", "shelf", "house"];
    let template =
        |kind: &str| json!({"uriTemplate": format!("{kind}://{{name}}"), "name": kind, "mimeType": "text/plain"});
    kinds.into_iter().map(template).collect()
}

/// All prompts.
pub(super) fn prompts(server: &ExactServer) -> Vec<Value> {
    let argument = json!([{"name": "name", "description": "Who is greeted", "required": true}]);
    let mut all = vec![json!({"name": "greet", "description": "A greeting", "arguments": argument})];
    let added = (1..=server.added(Kind::Prompts)).map(|number| format!("added-{number}"));
    let others = ["asks", "one", "two", "three", "four"].map(str::to_owned).into_iter().chain(added);
    all.extend(others.map(|name| json!({"name": name, "description": "A prompt"})));
    all
}

/// One page of a list.
pub(super) fn page(member: &str, all: Vec<Value>, params: &Value) -> Result<Value, Ending> {
    let start = match params.get("cursor") {
        None => 0,
        Some(cursor) => {
            let place = cursor.as_str().and_then(|cursor| cursor.strip_prefix("from ")?.parse::<usize>().ok());
            let known = place.filter(|place| *place > 0 && *place < all.len() && place % PAGE == 0);
            known.ok_or_else(|| Refusal::new(INVALID_PARAMS, "no such cursor"))?
        }
    };
    let next = start + PAGE;
    let more = next < all.len();
    let mut result = json!({ member: all.into_iter().skip(start).take(PAGE).collect::<Vec<_>>() });
    if let (true, Some(result)) = (more, result.as_object_mut()) {
        result.insert("nextCursor".to_owned(), json!(format!("from {next}")));
    }
    Ok(result)
}

/// What stands at a URI, if anything does.
pub(super) fn read(server: &ExactServer, uri: &str) -> Option<Value> {
    let known = resources(server).iter().any(|resource| at(resource, "/uri") == uri) || uri.starts_with("card://");
    let version = server.version(uri);
    let contents = json!([{"uri": uri, "mimeType": "text/plain", "text": format!("{uri} in version {version}")}]);
    known.then(|| json!({ "contents": contents }))
}

/// Values that complete what was typed.
pub(super) fn complete(params: &Value, revision: Revision) -> Result<Value, Ending> {
    let known = match at(params, "/ref/type") {
        "ref/prompt" => at(params, "/ref/name") == "greet",
        "ref/resource" => at(params, "/ref/uri") == "note://{name}",
        _ => false,
    };
    if !known || at(params, "/argument/name") != "name" {
        return Err(Refusal::new(INVALID_PARAMS, "nothing to complete there").into());
    }
    let title = params.pointer("/context/arguments/title").and_then(Value::as_str);
    let title = title.filter(|_| revision >= Revision::June2025).map(|title| format!("{title} ")).unwrap_or_default();
    let typed = at(params, "/argument/value");
    let names = ["Ada", "Alan", "Grace"].into_iter().filter(|name| name.starts_with(typed));
    let values: Vec<String> = names.map(|name| format!("{title}{name}")).collect();
    Ok(json!({"completion": {"values": values, "total": values.len(), "hasMore": false}}))
}

/// What the server can do, as it says at the start.
pub(super) fn capabilities(revision: Revision) -> Value {
    let changes = json!({"listChanged": true});
    let mut all = json!({
        "tools": changes, "prompts": changes, "resources": {"listChanged": true, "subscribe": true},
        "completions": {}, "logging": {},
    });
    let Some(members) = all.as_object_mut() else { return all };
    if revision == Revision::November2025 {
        members.insert("tasks".to_owned(), json!({"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}}));
    }
    if revision.modern() {
        let extensions = json!({ super::tasks::EXTENSION: {}, "dev.example/unknown": {"colour": "blue"} });
        members.insert("extensions".to_owned(), extensions);
    } else {
        members.insert("experimental".to_owned(), json!({"dev.example/unknown": {"colour": "blue"}}));
    }
    all
}

struct Tool {
    name: &'static str,
    words: &'static str,
    properties: &'static str,
    since: Revision,
}

// === impl Tool ===

impl Tool {
    fn described(&self, revision: Revision) -> Value {
        let properties = serde_json::from_str(self.properties).unwrap_or_default();
        let mut tool = described(self.name, self.words, properties);
        let Some(members) = tool.as_object_mut() else { return tool };
        if self.name == "add" && revision >= Revision::June2025 {
            let sum = json!({"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]});
            members.insert("outputSchema".to_owned(), sum);
        }
        if self.name == "any" {
            members.insert("outputSchema".to_owned(), json!({"type": "array", "items": {"type": "integer"}}));
        }
        let support = match self.name {
            "work" | "work_fails" | "work_asks" => "optional",
            "work_only" => "required",
            _ => return tool,
        };
        if revision == Revision::November2025 {
            members.insert("execution".to_owned(), json!({ "taskSupport": support }));
        }
        tool
    }
}

fn described(name: &str, words: &str, properties: Value) -> Value {
    let schema = json!({"type": "object", "properties": properties});
    let annotations = json!({"readOnlyHint": true, "openWorldHint": false});
    json!({"name": name, "description": words, "inputSchema": schema, "annotations": annotations})
}

const fn tool(name: &'static str, words: &'static str, properties: &'static str, since: Revision) -> Tool {
    Tool { name, words, properties, since }
}

const TOOLS: &[Tool] = &[
    tool("echo", "Says the text back", r#"{"text": {"type": "string"}}"#, Revision::March2025),
    tool("add", "Adds two numbers", r#"{"a": {"type": "integer"}, "b": {"type": "integer"}}"#, Revision::March2025),
    tool("any", "Answers with a list and not an object", "{}", Revision::July2026),
    tool("fail", "Fails", "{}", Revision::March2025),
    tool("broken", "Ends with an error of the protocol", "{}", Revision::March2025),
    tool("meta", "Shows the `_meta` it was called with", "{}", Revision::March2025),
    tool("declared", "Shows what its client has declared", "{}", Revision::March2025),
    tool("ask_user", "Asks for a name", "{}", Revision::June2025),
    tool("ask_bare", "Asks for a name and gives no state along", "{}", Revision::June2025),
    tool("ask_url", "Asks to visit a page", "{}", Revision::November2025),
    tool("ask_url_first", "Cannot begin before a page was visited", "{}", Revision::November2025),
    tool("with_model", "Is offered to clients with a model only", "{}", Revision::March2025),
    tool("routed", "Says the region back", REGION, Revision::March2025),
    tool("ask_model", "Asks the client's model", "{}", Revision::March2025),
    tool("folders", "Says on which folder its client works", "{}", Revision::March2025),
    tool("in_a_batch", "Answers in one batch with a log message", "{}", Revision::March2025),
    tool("ask_in_vain", "Asks the client's model, takes that back and answers", "{}", Revision::March2025),
    tool("ask_roots", "Asks for the client's folders", "{}", Revision::March2025),
    tool("ask_twice", "Asks for two names, one after the other", "{}", Revision::June2025),
    tool("ask_all", "Asks for three things at once", "{}", Revision::June2025),
    tool("come_again", "Answers the second time", r#"{"always": {"type": "boolean"}}"#, Revision::July2026),
    tool("log", "Writes log messages", "{}", Revision::March2025),
    tool("progress", "Reports progress", "{}", Revision::March2025),
    tool("slow", "Takes its time", r#"{"ms": {"type": "integer"}}"#, Revision::March2025),
    tool("change_tools", "Adds a tool", "{}", Revision::March2025),
    tool("change_prompts", "Adds a prompt", "{}", Revision::March2025),
    tool("change_resources", "Adds a resource", "{}", Revision::March2025),
    tool("touch", "Changes a resource", r#"{"uri": {"type": "string"}}"#, Revision::March2025),
    tool(
        "work",
        "Works for a while",
        r#"{"ms": {"type": "integer"}, "text": {"type": "string"}, "link": {"type": "string"}}"#,
        Revision::March2025,
    ),
    tool("work_fails", "Works and fails", "{}", Revision::November2025),
    tool("work_asks", "Works and asks for a name", "{}", Revision::November2025),
    tool("work_only", "Works, as a task only", "{}", Revision::November2025),
];
/// An argument that travels in a header, too (2026-07-28).
const REGION: &str = r#"{"region": {"type": "string", "x-mcp-header": "Region"}}"#;
const NOTES: &[&str] = &["one", "two", "three", "four", "five", "six", "asks"];
const PAGE: usize = 5;
