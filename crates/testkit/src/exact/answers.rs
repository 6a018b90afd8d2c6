//! Results, errors and questions, as this server writes them.

use serde_json::{Map, Value, json};

use crate::Revision;

/// Why there is no result.
#[derive(Debug)]
pub(super) enum Ending {
    /// A JSON-RPC error.
    Error(Refusal),
    /// The client must answer these first, and bring back the answers it gave before (2026-07-28).
    NeedsInput(Box<Wanted>),
    /// It cannot go on, which is no fault of the protocol: a tool says so in its result.
    Failed(String),
    /// The client does not want it any more.
    Cancelled,
}

/// What a client must bring with its next try.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// New answers, to these.
    pub(super) questions: Map<String, Value>,
    /// The answers it gave before.
    pub(super) answers: Map<String, Value>,
}

/// A JSON-RPC error.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: i64,
    pub(super) text: String,
    pub(super) data: Option<Value>,
}

/// What the server wants to know of its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// A form with one field, `name`.
    Form(&'static str),
    /// A page to visit.
    Page,
    /// What the client's model says.
    Model,
    /// The client's folders.
    Roots,
}

// === impl Question ===

impl Question {
    /// The request, as this revision writes it.
    pub(super) fn request(self, revision: Revision) -> Value {
        let (method, params) = match self {
            Self::Form(message) => {
                let properties = json!({"name": {"type": "string", "description": "What you are called"}});
                let schema = json!({"type": "object", "properties": properties, "required": ["name"]});
                let mut params = json!({"message": message, "requestedSchema": schema});
                if let (true, Some(params)) = (revision >= Revision::November2025, params.as_object_mut()) {
                    params.insert("mode".to_owned(), json!("form"));
                }
                ("elicitation/create", params)
            }
            Self::Page => {
                let mut params =
                    json!({"mode": "url", "message": "Please sign in", "url": "https://example.com/sign-in"});
                if let (false, Some(params)) = (revision.modern(), params.as_object_mut()) {
                    params.insert("elicitationId".to_owned(), json!("sign-in-1"));
                }
                ("elicitation/create", params)
            }
            Self::Model => {
                let content = json!({"type": "text", "text": "Say a word"});
                let params = json!({"messages": [{"role": "user", "content": content}], "maxTokens": 50});
                ("sampling/createMessage", params)
            }
            Self::Roots => ("roots/list", json!({})),
        };
        json!({"method": method, "params": params})
    }

    /// What a client must have declared.
    pub(super) fn required(self) -> Value {
        match self {
            Self::Form(_) => json!({"elicitation": {}}),
            Self::Page => json!({"elicitation": {"url": {}}}),
            Self::Model => json!({"sampling": {}}),
            Self::Roots => json!({"roots": {}}),
        }
    }

    /// Whether these capabilities hold what it needs.
    pub(super) fn is_declared(self, capabilities: &Value) -> bool {
        let elicitation = capabilities.get("elicitation").and_then(Value::as_object);
        match self {
            Self::Form(_) => elicitation.is_some_and(|modes| modes.is_empty() || modes.contains_key("form")),
            Self::Page => elicitation.is_some_and(|modes| modes.contains_key("url")),
            Self::Model => capabilities.get("sampling").is_some_and(Value::is_object),
            Self::Roots => capabilities.get("roots").is_some_and(Value::is_object),
        }
    }

    /// The answer in a few words; none if it is not an answer to this question.
    pub(super) fn understood(self, answer: &Value) -> Option<String> {
        let action = || {
            let action = answer.get("action").and_then(Value::as_str);
            action.filter(|action| ["accept", "decline", "cancel"].contains(action)).map(str::to_owned)
        };
        match self {
            Self::Form(_) => match action()?.as_str() {
                "accept" => Some(format!("accept {}", answer.pointer("/content/name")?.as_str()?)),
                other => Some(other.to_owned()),
            },
            Self::Page => action().filter(|_| answer.get("content").is_none()),
            Self::Model => {
                let (role, model) = (at(answer, "/role"), at(answer, "/model"));
                let content = answer.get("content")?;
                let text = content.get("text").or_else(|| content.pointer("/0/text"))?.as_str()?;
                (role == "assistant" && !model.is_empty()).then(|| text.to_owned())
            }
            Self::Roots => {
                let roots = answer.get("roots").and_then(Value::as_array)?;
                let uris: Option<Vec<&str>> =
                    roots.iter().map(|root| root.get("uri").and_then(Value::as_str)).collect();
                Some(uris?.join(" "))
            }
        }
    }
}

// === impl Refusal ===

impl Refusal {
    pub(super) fn new(code: i64, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), data: None }
    }

    pub(super) fn with(self, data: Value) -> Self {
        Self { data: Some(data), ..self }
    }

    /// The capabilities that a client of 2026-07-28 must declare for this request.
    pub(super) fn lacks(required: &Value) -> Self {
        let refusal = Self::new(MISSING_CAPABILITY, "the client has not declared a capability this needs");
        refusal.with(json!({ "requiredCapabilities": required }))
    }

    pub(super) fn message(&self, id: &Value) -> Value {
        let mut error = json!({"code": self.code, "message": self.text});
        if let (Some(error), Some(data)) = (error.as_object_mut(), &self.data) {
            error.insert("data".to_owned(), data.clone());
        }
        json!({"jsonrpc": "2.0", "id": id, "error": error})
    }
}

impl From<Refusal> for Ending {
    fn from(refusal: Refusal) -> Self {
        Self::Error(refusal)
    }
}

/// A tool's result of one text.
pub(super) fn text(words: &str) -> Value {
    json!({"content": [{"type": "text", "text": words}], "isError": false})
}

/// A tool's failure.
pub(super) fn failure(words: &str) -> Value {
    json!({"content": [{"type": "text", "text": words}], "isError": true})
}

/// A text at a pointer, empty if there is none.
pub(super) fn at<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

pub(super) const PARSE_ERROR: i64 = -32700;
pub(super) const INVALID_REQUEST: i64 = -32600;
pub(super) const METHOD_NOT_FOUND: i64 = -32601;
pub(super) const INVALID_PARAMS: i64 = -32602;
pub(super) const RESOURCE_NOT_FOUND: i64 = -32002;
pub(super) const HEADER_MISMATCH: i64 = -32020;
pub(super) const MISSING_CAPABILITY: i64 = -32021;
pub(super) const UNSUPPORTED_VERSION: i64 = -32022;
pub(super) const BAD_REQUEST: i64 = -32000;
pub(super) const SESSION_NOT_FOUND: i64 = -32001;
