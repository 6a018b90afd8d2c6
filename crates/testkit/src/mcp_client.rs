//! An MCP client of our own, blocking, in both eras, that sends exactly what the test says and never retries.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::http_client::{HttpRequest, HttpResponse, exchange};
use crate::upstream::{CAPABILITIES_KEY, MODERN, VERSION_KEY};

/// A client of one MCP endpoint.
#[derive(Debug, Clone)]
pub struct McpClient {
    address: SocketAddr,
    path: String,
    token: Option<String>,
    revision: String,
    session: Option<String>,
    capabilities: Value,
    next_id: u64,
    timeout: Duration,
}

/// A JSON-RPC error.
#[derive(Debug, Clone, PartialEq)]
pub struct RpcError {
    /// The HTTP status it came with.
    pub status: u16,
    /// The code.
    pub code: i64,
    /// The message.
    pub message: String,
    /// The data, or null.
    pub data: Value,
}

// === impl McpClient ===

impl McpClient {
    /// A client of 2026-07-28: no handshake, everything in each request.
    pub fn modern(url: &str) -> Result<Self> {
        let rest = url.strip_prefix("http://").with_context(|| format!("not a plain HTTP address: `{url}`"))?;
        let (address, path) = rest.split_once('/').with_context(|| format!("no path in `{url}`"))?;
        let address = address.parse().with_context(|| format!("not an address with a port: `{address}`"))?;
        let capabilities = json!({});
        let (token, session) = (None, None);
        let (path, revision) = (format!("/{path}"), MODERN.to_owned());
        Ok(Self { address, path, token, revision, session, capabilities, next_id: 1, timeout: TIMEOUT })
    }

    /// A client of an earlier revision that has not shaken hands: call [`McpClient::initialize`] next.
    pub fn legacy(url: &str, revision: &str) -> Result<Self> {
        Ok(Self { revision: revision.to_owned(), ..Self::modern(url)? })
    }

    /// With a bearer token.
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// With declared capabilities.
    pub fn with_capabilities(mut self, capabilities: Value) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// With another bound on each wait for bytes than 30 s.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The session, once there is one.
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// The legacy handshake; returns the server's answer.
    pub fn initialize(&mut self) -> Result<Value> {
        let info = json!({"name": "testkit-client", "version": "1"});
        let revision = self.revision.clone();
        let params = json!({"protocolVersion": revision, "capabilities": self.capabilities, "clientInfo": info});
        let mut response = self.send(&self.message("initialize", &params))?;
        self.session = response.header("mcp-session-id").map(str::to_owned);
        let result = answer(&mut response, &json!(self.next_id))?;
        self.next_id += 1;
        if let Some(agreed) = result.get("protocolVersion").and_then(Value::as_str) {
            self.revision = agreed.to_owned();
        }
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))?;
        Ok(result)
    }

    /// One request; its result, or a [`RpcError`] inside the error.
    pub fn request(&mut self, method: &str, params: Value) -> Result<Value> {
        let message = self.message(method, &params);
        let id = json!(self.next_id);
        self.next_id += 1;
        answer(&mut self.send(&message)?, &id)
    }

    /// The names of all tools.
    pub fn tool_names(&mut self) -> Result<Vec<String>> {
        let name = |tool: &Value| tool.get("name").and_then(Value::as_str).map(str::to_owned);
        Ok(self.tools()?.iter().filter_map(name).collect())
    }

    /// All tools, page by page.
    pub fn tools(&mut self) -> Result<Vec<Value>> {
        let mut tools = Vec::new();
        let mut params = json!({});
        for _page in 0..PAGES_MAX {
            let mut page = self.request("tools/list", params)?;
            let listed = page.get_mut("tools").and_then(Value::as_array_mut).context("no `tools` in the answer")?;
            tools.append(listed);
            match page.get("nextCursor") {
                Some(cursor) if !cursor.is_null() => params = json!({"cursor": cursor}),
                _ => return Ok(tools),
            }
        }
        bail!("the list of tools does not end")
    }

    /// Calls a tool; its result, whether it failed or not.
    pub fn call(&mut self, name: &str, arguments: Value) -> Result<Value> {
        self.request("tools/call", json!({"name": name, "arguments": arguments}))
    }

    /// Calls a tool; the first text of its result.
    pub fn call_text(&mut self, name: &str, arguments: Value) -> Result<String> {
        let result = self.call(name, arguments)?;
        let text = result.pointer("/content/0/text").and_then(Value::as_str);
        text.map(str::to_owned).with_context(|| format!("no text in `{result}`"))
    }

    /// The message that [`McpClient::request`] would send next.
    pub fn message(&self, method: &str, params: &Value) -> Value {
        let mut params = params.clone();
        if let (true, Some(params)) = (self.is_modern(), params.as_object_mut()) {
            let meta = params.entry("_meta").or_insert_with(|| json!({}));
            if let Some(meta) = meta.as_object_mut() {
                meta.entry(VERSION_KEY).or_insert_with(|| json!(self.revision));
                meta.entry(CAPABILITIES_KEY).or_insert_with(|| self.capabilities.clone());
            }
        }
        json!({"jsonrpc": "2.0", "id": self.next_id, "method": method, "params": params})
    }

    /// The HTTP request that carries a message: for a test that spoils it before sending.
    pub fn http_request(&self, message: &Value) -> HttpRequest {
        let mut request = HttpRequest::post(&self.path, message).with("accept", "application/json, text/event-stream");
        if let Some(token) = &self.token {
            request = request.with("authorization", &format!("Bearer {token}"));
        }
        let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str);
        let method = text("/method");
        if self.is_modern() {
            request = request.with("mcp-protocol-version", &self.revision);
            request = request.with("mcp-method", method.unwrap_or_default());
            if let Some(name) = text("/params/name").or(text("/params/uri")) {
                request = request.with("mcp-name", name);
            }
        } else if let (Some(session), true) = (&self.session, method != Some("initialize")) {
            request = request.with("mcp-session-id", session).with("mcp-protocol-version", &self.revision);
        }
        request
    }

    /// Sends a message as it is; the response as it comes.
    pub fn send(&self, message: &Value) -> Result<HttpResponse> {
        self.send_http(&self.http_request(message))
    }

    /// Sends an HTTP request as it is to the server of this endpoint.
    pub fn send_http(&self, request: &HttpRequest) -> Result<HttpResponse> {
        exchange(self.address, request, self.timeout)
    }

    fn is_modern(&self) -> bool {
        self.revision == MODERN
    }
}

// === impl RpcError ===

impl std::fmt::Display for RpcError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HTTP {}, error {}: {}", self.status, self.code, self.message)
    }
}

impl std::error::Error for RpcError {}

/// The result for this id, from a JSON body or from an event stream, in which notifications may come first.
fn answer(response: &mut HttpResponse, id: &Value) -> Result<Value> {
    let status = response.status;
    if !response.is_stream() {
        let text = response.text()?;
        let message = serde_json::from_str(&text).with_context(|| format!("HTTP {status}, not JSON: `{text}`"))?;
        return result(status, message);
    }
    while let Some(data) = response.next_event()? {
        let message: Value = serde_json::from_str(&data).with_context(|| format!("an event is not JSON: `{data}`"))?;
        if message.get("id") == Some(id) && message.get("method").is_none() {
            return result(status, message);
        }
    }
    bail!("the event stream ended without an answer")
}

fn result(status: u16, mut message: Value) -> Result<Value> {
    if let Some(error) = message.get("error") {
        let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
        let text = error.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
        let data = error.get("data").cloned().unwrap_or_default();
        return Err(RpcError { status, code, message: text, data }.into());
    }
    let result = message.get_mut("result").map(Value::take);
    result.with_context(|| format!("HTTP {status}, neither result nor error: `{message}`"))
}

const TIMEOUT: Duration = Duration::from_secs(30);
const PAGES_MAX: usize = 100;
