//! What a decision looked at, in words; and JSON as people read it.

use json::{Document, Kind};
use serde_json::Value;

use crate::commands::trace::readable::plain;

/// The facts of a call, one thing a line.
pub(in crate::commands) fn lines(facts: &Value) -> Vec<String> {
    let mut lines = vec![tool(facts), app(facts), human(facts), agent(facts)];
    if facts.get("all_stopped").and_then(Value::as_bool) == Some(true) {
        lines.push("everything was stopped".to_owned());
    }
    lines
}

/// A JSON text with one member a line; what is nested stands further in. Strings keep their quotes and escapes.
pub(super) fn members(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    match Document::parse(text.as_bytes()) {
        Ok(document) => write(&mut lines, 0, "", document.root()),
        Err(_) => lines.push(plain(text)),
    }
    lines
}

/// Who may lift a hold, in words: `owner-of-app` and `manager-of` are told with who that is.
pub(super) fn approver(facts: &Value, written: &str) -> String {
    match written {
        "owner-of-app" => {
            let owners = owners(facts);
            let owners = if owners.is_empty() { "it has none".to_owned() } else { owners.join(", ") };
            format!("an owner of the app ({owners})")
        }
        "manager-of" => match optional(facts, "human", "manager") {
            Some(manager) => format!("the person's manager ({manager})"),
            None => "the person's manager (nobody is named)".to_owned(),
        },
        other => plain(other),
    }
}

fn owners(facts: &Value) -> Vec<String> {
    let owners = facts.pointer("/app/owners").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    owners.iter().filter_map(Value::as_str).map(plain).collect()
}

fn tool(facts: &Value) -> String {
    let class = word(facts, "tool", "class");
    let by = match word(facts, "tool", "class_source").as_str() {
        "profile" => "says the app's profile".to_owned(),
        "pin" => "said a person".to_owned(),
        "unreviewed" => "nobody has reviewed it".to_owned(),
        other => other.to_owned(),
    };
    let status = match (word(facts, "tool", "status").as_str(), optional(facts, "tool", "finding")) {
        ("pinned", _) => ", its definition is the one that was reviewed".to_owned(),
        ("quarantined", Some(found)) => format!(", its definition looks like a known attack: {found}"),
        ("quarantined", None) => ", its definition changed after the review".to_owned(),
        ("unknown", Some(why)) => format!(", nobody knew what it does: {why}"),
        ("unknown", None) => ", the app could not be asked what it offers".to_owned(),
        _ => String::new(),
    };
    format!("tool    {}: {class} ({by}{status})", word(facts, "tool", "name"))
}

fn app(facts: &Value) -> String {
    let mut about =
        vec![format!("{} risk", word(facts, "app", "risk")), format!("{} data", word(facts, "app", "data"))];
    about.extend(optional(facts, "app", "category").map(|category| format!("category {category}")));
    let owners = owners(facts);
    if !owners.is_empty() {
        about.push(format!("owned by {}", owners.join(", ")));
    }
    if flag(facts, "app", "stopped") == Some(true) {
        about.push("stopped".to_owned());
    }
    format!("app     {}: {}", named(facts, "app"), about.join(", "))
}

fn human(facts: &Value) -> String {
    let mut about = Vec::new();
    for key in ["role", "department", "seniority"] {
        about.extend(optional(facts, "human", key));
    }
    about.extend(optional(facts, "human", "manager").map(|manager| format!("reports to {manager}")));
    about.push(match flag(facts, "human", "active") {
        Some(false) => "has left".to_owned(),
        _ => "active".to_owned(),
    });
    about.push(match facts.get("access").and_then(Value::as_bool) {
        Some(true) => "has access to the app".to_owned(),
        _ => "has no access to the app".to_owned(),
    });
    format!("person  {}: {}", named(facts, "human"), about.join(", "))
}

fn agent(facts: &Value) -> String {
    // An agent is out of service when it was suspended, and when its owner has left: the facts do not tell which.
    let active = if flag(facts, "agent", "active") == Some(false) { "out of service" } else { "active" };
    format!("agent   {}: answered for by {}, {active}", named(facts, "agent"), word(facts, "agent", "owner"))
}

/// `Ana Silva (ana@example.org)`, or the id alone where it is the name as well.
fn named(facts: &Value, of: &str) -> String {
    let (name, id) = (word(facts, of, "name"), word(facts, of, "id"));
    if name == id { id } else { format!("{name} ({id})") }
}

fn word(facts: &Value, of: &str, key: &str) -> String {
    optional(facts, of, key).unwrap_or_else(|| "?".to_owned())
}

fn optional(facts: &Value, of: &str, key: &str) -> Option<String> {
    facts.get(of)?.get(key)?.as_str().map(plain)
}

fn flag(facts: &Value, of: &str, key: &str) -> Option<bool> {
    facts.get(of)?.get(key)?.as_bool()
}

fn write(lines: &mut Vec<String>, depth: usize, label: &str, value: json::Value<'_, '_>) {
    let indent = "  ".repeat(depth);
    let nested = matches!(value.kind(), Kind::Object | Kind::Array) && !value.is_empty();
    if !nested {
        lines.push(format!("{indent}{label}{}", plain(&String::from_utf8_lossy(value.raw()))));
        return;
    }
    let inner = if label.is_empty() {
        depth
    } else {
        lines.push(format!("{indent}{}", label.trim_end()));
        depth + 1
    };
    for (key, member) in value.entries() {
        write(lines, inner, &format!("{}: ", plain(&key)), member);
    }
    for item in value.items() {
        write(lines, inner, "- ", item);
    }
}
