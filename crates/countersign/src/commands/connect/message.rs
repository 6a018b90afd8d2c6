//! One message of the client: what has to be known of it to carry it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use json::{Document, Kind, Value};

/// A message, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// Its bytes.
    pub(super) body: Bytes,
    /// The ids that want an answer, as they are written: one, none, or those of a batch.
    pub(super) ids: Vec<Vec<u8>>,
    /// Its method; of a batch there is none.
    pub(super) method: Option<String>,
    /// The revision it names, where it needs no session.
    pub(super) revision: Option<String>,
    /// What `Mcp-Name` has to say.
    name: Option<String>,
    /// The id that it cancels.
    cancelled: Option<Vec<u8>>,
}

impl Message {
    /// Reads a line. Error: it is not JSON, or no message.
    pub(super) fn read(body: Bytes) -> Result<Self, ()> {
        let document = Document::parse(&body).map_err(|_| ())?;
        let root = document.root();
        let message = match root.kind() {
            Kind::Array => Self {
                ids: root.items().filter_map(asking).collect(),
                method: None,
                revision: None,
                name: None,
                cancelled: None,
                body: Bytes::new(),
            },
            Kind::Object => Self::of(root),
            _ => return Err(()),
        };
        Ok(Self { body: body.clone(), ..message })
    }

    fn of(root: Value<'_, '_>) -> Self {
        let text = |value: Option<Value<'_, '_>>| value.and_then(|value| value.as_str()).map(|text| text.into_owned());
        let method = text(root.get("method"));
        let params = root.get("params");
        let revision = text(params.and_then(|params| params.get("_meta")).and_then(|meta| meta.get(VERSION_KEY)));
        let named_by = match method.as_deref() {
            Some("tools/call" | "prompts/get") => Some("name"),
            Some("resources/read") => Some("uri"),
            Some(method) if method.starts_with("tasks/") => Some("taskId"),
            _ => None,
        };
        let name = named_by.and_then(|key| text(params.and_then(|params| params.get(key))));
        let cancelled = (method.as_deref() == Some("notifications/cancelled"))
            .then(|| params.and_then(|params| params.get("requestId")).map(|id| id.raw().to_vec()))
            .flatten();
        Self { body: Bytes::new(), ids: asking(root).into_iter().collect(), method, revision, name, cancelled }
    }

    /// Whether it opens a legacy session.
    pub(super) fn opens_session(&self) -> bool {
        self.method.as_deref() == Some("initialize") && !self.ids.is_empty()
    }

    /// Whether the client has taken up its legacy session.
    pub(super) fn begins_session(&self) -> bool {
        self.method.as_deref() == Some("notifications/initialized") && self.revision.is_none()
    }

    /// Whether its answer is a stream without an end of its own.
    pub(super) fn is_stream(&self) -> bool {
        self.method.as_deref() == Some("subscriptions/listen")
    }

    /// Whether doing it twice does no more than doing it once.
    pub(super) fn is_repeatable(&self) -> bool {
        match self.method.as_deref() {
            Some(method) => REPEATABLE.contains(&method) || method.starts_with("notifications/"),
            None => false,
        }
    }

    /// The id of the request that it cancels.
    pub(super) fn cancels(&self) -> Option<&[u8]> {
        self.cancelled.as_deref()
    }

    /// The headers that say what the body says.
    pub(super) fn headers(&self) -> Vec<(&'static str, String)> {
        let Some(revision) = &self.revision else { return Vec::new() };
        let mut headers = vec![("mcp-protocol-version", header_value(revision))];
        headers.extend(self.method.as_deref().map(|method| ("mcp-method", header_value(method))));
        headers.extend(self.name.as_deref().map(|name| ("mcp-name", header_value(name))));
        headers
    }
}

/// A JSON-RPC error for this id, given as it is written.
pub(super) fn error_answer(id: &[u8], code: i64, said: &str, data: Option<serde_json::Value>) -> Vec<u8> {
    let mut error = serde_json::json!({ "code": code, "message": said });
    if let (Some(data), Some(object)) = (data, error.as_object_mut()) {
        object.insert("data".to_owned(), data);
    }
    error_with(id, error.to_string().as_bytes())
}

/// A JSON-RPC answer with this error, given as it is written.
pub(super) fn error_with(id: &[u8], error: &[u8]) -> Vec<u8> {
    [&b"{\"jsonrpc\":\"2.0\",\"id\":"[..], id, b",\"error\":", error, b"}"].concat()
}

/// The id of a message that wants an answer.
fn asking(message: Value<'_, '_>) -> Option<Vec<u8>> {
    message.get("method")?;
    let id = message.get("id").filter(|id| matches!(id.kind(), Kind::String | Kind::Number))?;
    Some(id.raw().to_vec())
}

/// A header value: visible ASCII as it is, anything else in base 64.
fn header_value(text: &str) -> String {
    let visible = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let blank = text.starts_with(' ') || text.ends_with(' ');
    if visible && !blank && !text.is_empty() && !text.starts_with("=?base64?") {
        text.to_owned()
    } else {
        format!("=?base64?{}?=", STANDARD.encode(text))
    }
}

const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";
const REPEATABLE: [&str; 11] = [
    "initialize",
    "ping",
    "server/discover",
    "tools/list",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "prompts/list",
    "prompts/get",
    "completion/complete",
    "logging/setLevel",
];

#[cfg(test)]
mod tests;
