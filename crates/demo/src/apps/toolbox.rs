//! What an app is apart from its wire: tools, and data behind them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Map, Value, json};

/// The tools of one app and the data behind them.
pub(super) trait Toolbox: Send + Sync {
    /// The definitions the app publishes right now.
    fn tools(&self) -> Vec<Tool>;

    /// Uses one tool.
    fn use_tool(&self, tool: &str, arguments: &JsonObject) -> Result<Answer, Mistake>;
}

/// What a tool gives back.
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) structured: Option<Value>,
}

/// Why a tool gives nothing back.
pub(super) enum Mistake {
    /// There is no such tool.
    UnknownTool,
    /// The tool says no, in words for the caller.
    Said(String),
}

/// One argument of a tool.
pub(super) struct Argument {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) about: &'static str,
}

/// The JSON type of an argument.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    Number,
}

/// What a tool says of itself.
#[derive(Clone, Copy)]
pub(super) enum Hint {
    Reads,
    Writes,
    ReachesOut,
    Destroys,
}

// === impl Answer ===

impl Answer {
    pub(super) fn new(text: impl Into<String>, structured: Value) -> Self {
        Self { text: text.into(), structured: Some(structured) }
    }

    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), structured: None }
    }
}

// === impl Argument ===

impl Argument {
    pub(super) const fn text(name: &'static str, about: &'static str) -> Self {
        Self { name, kind: Kind::Text, about }
    }

    pub(super) const fn number(name: &'static str, about: &'static str) -> Self {
        Self { name, kind: Kind::Number, about }
    }
}

// === impl Hint ===

impl Hint {
    fn annotations(self) -> ToolAnnotations {
        let plain = ToolAnnotations::new().open_world(matches!(self, Self::ReachesOut));
        match self {
            Self::Reads => plain.read_only(true),
            Self::Writes | Self::ReachesOut => plain.read_only(false).destructive(false),
            Self::Destroys => plain.read_only(false).destructive(true),
        }
    }
}

/// A definition; every argument is required and no other is known.
pub(super) fn tool(name: &'static str, about: &'static str, hint: Hint, arguments: &[Argument]) -> Tool {
    let mut properties = Map::new();
    for argument in arguments {
        let kind = match argument.kind {
            Kind::Text => "string",
            Kind::Number => "integer",
        };
        properties.insert(argument.name.to_owned(), json!({ "type": kind, "description": argument.about }));
    }
    let required: Vec<&str> = arguments.iter().map(|argument| argument.name).collect();
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), Value::Object(properties));
    schema.insert("required".to_owned(), json!(required));
    schema.insert("additionalProperties".to_owned(), json!(false));
    Tool::new(name, about, Arc::new(schema)).with_annotations(hint.annotations())
}

/// A text argument.
pub(super) fn text<'a>(arguments: &'a JsonObject, name: &str) -> Result<&'a str, Mistake> {
    arguments.get(name).and_then(Value::as_str).ok_or_else(|| Mistake::Said(format!("`{name}` must be a text")))
}

/// A whole number argument.
pub(super) fn number(arguments: &JsonObject, name: &str) -> Result<u64, Mistake> {
    arguments.get(name).and_then(Value::as_u64).ok_or_else(|| Mistake::Said(format!("`{name}` must be a whole number")))
}

/// Whether any of the texts contains all words of the query, whatever the case. An empty query finds everything.
pub(super) fn matches(query: &str, texts: &[&str]) -> bool {
    let all = texts.join(" ").to_lowercase();
    query.to_lowercase().split_whitespace().all(|word| all.contains(word))
}

/// `1 customer`, `2 customers`.
pub(super) fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// The data, even after a panic elsewhere: it is a demo's and every change to it is a single step.
pub(super) fn lock<T>(data: &Mutex<T>) -> MutexGuard<'_, T> {
    data.lock().unwrap_or_else(PoisonError::into_inner)
}
