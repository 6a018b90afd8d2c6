//! MCP as a function of one message: both eras, no transport.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};
use tokio::sync::mpsc::UnboundedSender;

use super::{Era, UpstreamOptions, tools};

/// The server's state: who has called what, and which sessions are open.
pub struct Server {
    pub(super) options: UpstreamOptions,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    requests: Vec<Value>,
    sessions: BTreeMap<String, String>,
    sessions_opened: u64,
}

#[derive(Clone)]
pub(super) struct Call {
    pub(super) tool: String,
    pub(super) tag: Value,
}

/// What came with a message: HTTP headers, or nothing on stdio.
pub(super) trait Envelope: Sync {
    fn header(&self, name: &str) -> Option<String>;
    fn is_http(&self) -> bool;
}

/// What goes back: an HTTP status, a message if there is one, a session to announce.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) message: Option<Value>,
    pub(super) session: Option<String>,
}

/// Where notifications that belong to a request go while it runs.
pub(super) type Progress = Option<UnboundedSender<Value>>;

struct Refusal {
    status: u16,
    code: i64,
    text: String,
    data: Option<Value>,
}

// === impl Server ===

impl Server {
    /// A server that has been called by nobody yet.
    pub fn new(options: UpstreamOptions) -> Self {
        Self { options, state: Mutex::new(State::default()) }
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    pub(super) fn requests(&self) -> Vec<Value> {
        self.state().requests.clone()
    }

    pub(super) fn record(&self, request: Value) {
        self.state().requests.push(request);
    }

    /// What `GET /calls` says.
    pub(super) fn calls_json(&self) -> Value {
        let calls = self.calls();
        let tags: Vec<Value> = calls.iter().map(|call| call.tag.clone()).collect();
        let names: Vec<&str> = calls.iter().map(|call| call.tool.as_str()).collect();
        json!({"count": calls.len(), "tags": tags, "tools": names})
    }

    pub(super) fn close_session(&self, id: &str) -> bool {
        self.state().sessions.remove(id).is_some()
    }

    /// Keeps the call, in memory and in the log, and says which one it is, from 1.
    pub(super) fn note_call(&self, tool: &str, arguments: &Value) -> u64 {
        let tag = arguments.get("tag").cloned().unwrap_or(Value::Null);
        let mut state = self.state();
        if let Some(log) = &self.options.log {
            let line = format!("{}\n", tag.as_str().unwrap_or("-"));
            let written = OpenOptions::new().create(true).append(true).open(log);
            if let Err(error) = written.and_then(|mut file| file.write_all(line.as_bytes())) {
                eprintln!("testkit-upstream: could not write {}: {error}", log.display());
            }
        }
        state.calls.push(Call { tool: tool.to_owned(), tag });
        state.calls.len() as u64
    }

    /// Answers one message, or a batch of them where the session's revision has batches.
    pub(super) async fn answer(&self, message: Value, envelope: &dyn Envelope, progress: Progress) -> Reply {
        let Value::Array(batch) = message else {
            return self.answer_one(message, envelope, progress).await;
        };
        if self.session_version(envelope).as_deref() != Some("2025-03-26") {
            return Refusal::new(400, INVALID_REQUEST, "batches ended with 2025-03-26").reply(Value::Null);
        }
        let mut answers = Vec::new();
        for message in batch {
            answers.extend(self.answer_one(message, envelope, None).await.message);
        }
        if answers.is_empty() { Reply::accepted() } else { Reply::ok(Value::Array(answers)) }
    }

    async fn answer_one(&self, message: Value, envelope: &dyn Envelope, progress: Progress) -> Reply {
        let id = message.get("id").cloned();
        let Some(method) = message.get("method").and_then(Value::as_str).map(str::to_owned) else {
            let is_response = message.get("result").is_some() || message.get("error").is_some();
            let refusal = Refusal::new(400, INVALID_REQUEST, "not a request");
            return if is_response { Reply::accepted() } else { refusal.reply(Value::Null) };
        };
        let params = message.get("params").cloned().unwrap_or_else(|| json!({}));
        let modern =
            params.get("_meta").and_then(|meta| meta.get(VERSION_KEY)).is_some() || method == "server/discover";
        let speaks_modern = self.options.era != Era::Legacy;
        let speaks_legacy = self.options.era != Era::Modern;
        let answer = match (modern && speaks_modern, speaks_legacy) {
            (true, _) => self.modern(&method, &params, envelope, progress).await,
            (false, true) => self.legacy(&method, &params, id.is_none(), envelope, progress).await,
            (false, false) if method == "initialize" => Err(unsupported(&params)),
            (false, false) => Err(Refusal::new(400, INVALID_PARAMS, "`_meta` lacks the protocol version")),
        };
        match (answer, id) {
            (Ok((result, session)), Some(id)) => {
                let message = json!({"jsonrpc": "2.0", "id": id, "result": result});
                Reply { status: 200, message: Some(message), session }
            }
            (Ok(_), None) => Reply::accepted(),
            (Err(refusal), id) => refusal.reply(id.unwrap_or(Value::Null)),
        }
    }

    async fn modern(
        &self,
        method: &str,
        params: &Value,
        envelope: &dyn Envelope,
        progress: Progress,
    ) -> Result<(Value, Option<String>), Refusal> {
        let meta = params.get("_meta").cloned().unwrap_or_default();
        let version = meta.get(VERSION_KEY).and_then(Value::as_str);
        let version = version.ok_or_else(|| Refusal::new(400, INVALID_PARAMS, "`_meta` lacks the protocol version"))?;
        if envelope.is_http() {
            compare_headers(method, params, version, envelope)?;
        }
        if version != MODERN {
            return Err(unsupported(params));
        }
        if !meta.get(CAPABILITIES_KEY).is_some_and(Value::is_object) {
            return Err(Refusal::new(400, INVALID_PARAMS, "`_meta` lacks the client's capabilities"));
        }
        let mut result = match method {
            "server/discover" => json!({
                "supportedVersions": self.versions(),
                "capabilities": {"tools": {}},
                "instructions": INSTRUCTIONS,
                "ttlMs": 0,
                "cacheScope": "private",
            }),
            "tools/list" => json!({"tools": tools::definitions(&self.options), "ttlMs": 0, "cacheScope": "private"}),
            "tools/call" => self.call(params, progress).await?,
            _ => return Err(Refusal::new(404, METHOD_NOT_FOUND, &format!("no method `{method}`"))),
        };
        if let Some(result) = result.as_object_mut() {
            result.insert("resultType".to_owned(), json!("complete"));
            result.insert("_meta".to_owned(), json!({"io.modelcontextprotocol/serverInfo": server_info()}));
        }
        Ok((result, None))
    }

    async fn legacy(
        &self,
        method: &str,
        params: &Value,
        notification: bool,
        envelope: &dyn Envelope,
        progress: Progress,
    ) -> Result<(Value, Option<String>), Refusal> {
        if method == "initialize" {
            return Ok(self.initialize(params, envelope));
        }
        if envelope.is_http() {
            let refused = |text: &str| Err(Refusal::new(400, BAD_REQUEST, text));
            match (envelope.header("mcp-session-id"), self.session_version(envelope)) {
                (None, _) => return refused("bad request: `Mcp-Session-Id` is missing"),
                (Some(_), None) => return Err(Refusal::new(404, SESSION_NOT_FOUND, "session not found")),
                (Some(_), Some(_)) => {}
            }
            if envelope.header("mcp-protocol-version").is_some_and(|version| !LEGACY.contains(&version.as_str())) {
                return refused("bad request: unsupported protocol version");
            }
        }
        if notification {
            return Ok((Value::Null, None));
        }
        let result = match method {
            "ping" => json!({}),
            "tools/list" => json!({"tools": tools::definitions(&self.options)}),
            "tools/call" => self.call(params, progress).await?,
            _ => return Err(Refusal::new(200, METHOD_NOT_FOUND, &format!("no method `{method}`"))),
        };
        Ok((result, None))
    }

    fn initialize(&self, params: &Value, envelope: &dyn Envelope) -> (Value, Option<String>) {
        let asked = params.get("protocolVersion").and_then(Value::as_str).unwrap_or_default();
        let version = LEGACY.iter().find(|version| **version == asked).unwrap_or(&"2025-11-25");
        let session = envelope.is_http().then(|| {
            let mut state = self.state();
            state.sessions_opened += 1;
            let id = format!("session-{}-{}", std::process::id(), state.sessions_opened);
            state.sessions.insert(id.clone(), (*version).to_owned());
            id
        });
        let result = json!({
            "protocolVersion": version,
            "capabilities": {"tools": {}},
            "serverInfo": server_info(),
            "instructions": INSTRUCTIONS,
        });
        (result, session)
    }

    async fn call(&self, params: &Value, progress: Progress) -> Result<Value, Refusal> {
        let name = params.get("name").and_then(Value::as_str).unwrap_or_default();
        let none = Value::Object(Map::new());
        let arguments = params.get("arguments").unwrap_or(&none);
        let token = params.get("_meta").and_then(|meta| meta.get("progressToken")).cloned();
        let progress = progress.zip(token);
        let called = tools::call(self, name, arguments, progress).await;
        called.ok_or_else(|| Refusal::new(200, INVALID_PARAMS, &format!("unknown tool `{name}`")))
    }

    fn session_version(&self, envelope: &dyn Envelope) -> Option<String> {
        let id = envelope.header("mcp-session-id")?;
        self.state().sessions.get(&id).cloned()
    }

    fn versions(&self) -> Vec<&'static str> {
        let legacy = if self.options.era == Era::Both { LEGACY } else { &[] };
        [&[MODERN][..], legacy].concat()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Reply ===

impl Reply {
    fn ok(message: Value) -> Self {
        Self { status: 200, message: Some(message), session: None }
    }

    fn accepted() -> Self {
        Self { status: 202, message: None, session: None }
    }

    pub(super) fn not_json() -> Self {
        Refusal::new(400, PARSE_ERROR, "not JSON").reply(Value::Null)
    }
}

// === impl Refusal ===

impl Refusal {
    fn new(status: u16, code: i64, text: &str) -> Self {
        Self { status, code, text: text.to_owned(), data: None }
    }

    fn reply(self, id: Value) -> Reply {
        let mut error = json!({"code": self.code, "message": self.text});
        if let (Some(error), Some(data)) = (error.as_object_mut(), self.data) {
            error.insert("data".to_owned(), data);
        }
        let message = json!({"jsonrpc": "2.0", "id": id, "error": error});
        Reply { status: self.status, message: Some(message), session: None }
    }
}

fn unsupported(params: &Value) -> Refusal {
    let asked = params.get("_meta").and_then(|meta| meta.get(VERSION_KEY)).or_else(|| params.get("protocolVersion"));
    let data = json!({"supported": [MODERN], "requested": asked});
    Refusal { data: Some(data), ..Refusal::new(400, UNSUPPORTED_VERSION, "unsupported protocol version") }
}

/// The headers repeat the body; a difference is refused.
fn compare_headers(method: &str, params: &Value, version: &str, envelope: &dyn Envelope) -> Result<(), Refusal> {
    let name = match method {
        "tools/call" | "prompts/get" => params.get("name").and_then(Value::as_str),
        "resources/read" => params.get("uri").and_then(Value::as_str),
        _ => None,
    };
    let wanted = [("mcp-protocol-version", Some(version)), ("mcp-method", Some(method)), ("mcp-name", name)];
    for (header, wanted) in wanted {
        let said = envelope.header(header).map(|value| decoded(&value));
        if wanted.is_some() && said.as_deref() != wanted {
            return Err(Refusal::new(400, HEADER_MISMATCH, &format!("header `{header}` does not match the body")));
        }
    }
    Ok(())
}

/// A header value may be wrapped in base64 where it is not ASCII.
pub(crate) fn decoded(value: &str) -> String {
    use base64::Engine;
    let wrapped = value.strip_prefix("=?base64?").and_then(|value| value.strip_suffix("?="));
    let bytes = wrapped.and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok());
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| value.to_owned())
}

fn server_info() -> Value {
    json!({"name": "testkit-upstream", "version": env!("CARGO_PKG_VERSION")})
}

pub(crate) const MODERN: &str = "2026-07-28";
pub(crate) const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";
pub(crate) const CAPABILITIES_KEY: &str = "io.modelcontextprotocol/clientCapabilities";
const LEGACY: &[&str] = &["2025-11-25", "2025-06-18", "2025-03-26"];
const INSTRUCTIONS: &str = "A server for tests.";
const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
const HEADER_MISMATCH: i64 = -32020;
const UNSUPPORTED_VERSION: i64 = -32022;
const BAD_REQUEST: i64 = -32000;
const SESSION_NOT_FOUND: i64 = -32001;
