//! An app on the loopback interface that answers as it is told, byte for byte.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// How an app answers one request (its method and id, and the whole of it): the bytes of an HTTP response, and whether the
/// connection goes on after them.
pub type Manner = Box<dyn FnMut(&str, &str, &Value) -> (Vec<u8>, bool) + Send>;

/// An app.
pub struct App {
    /// Where it listens.
    pub url: String,
    manner: Arc<Mutex<Manner>>,
    _serving: JoinSet<()>,
}

impl App {
    /// Starts it on a free port.
    pub async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/mcp", listener.local_addr().expect("an address"));
        let manner = Arc::new(Mutex::new(manner));
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, Arc::clone(&manner)));
        Self { url, manner, _serving: serving }
    }

    /// From now on it answers so.
    pub fn turn(&self, manner: Manner) {
        *self.manner.lock().unwrap_or_else(PoisonError::into_inner) = manner;
    }
}

async fn serve(listener: TcpListener, manner: Arc<Mutex<Manner>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        // Thousands of connections a minute would wait for their end in the kernel, until no port is left.
        let _ = stream.set_zero_linger();
        connections.spawn(converse(stream, Arc::clone(&manner)));
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(mut stream: TcpStream, manner: Arc<Mutex<Manner>>) {
    let mut buffer = Vec::new();
    while let Some(body) = request(&mut stream, &mut buffer).await {
        let message: Value = serde_json::from_slice(&body).unwrap_or_default();
        let method = message.get("method").and_then(Value::as_str).unwrap_or_default();
        let id = message.get("id").map(Value::to_string).unwrap_or_default();
        let (answer, goes_on) = (*manner.lock().unwrap_or_else(PoisonError::into_inner))(method, &id, &message);
        if stream.write_all(&answer).await.is_err() || !goes_on {
            // What was written is read before the connection is gone.
            let _ = stream.shutdown().await;
            let mut rest = [0; 256];
            while stream.read(&mut rest).await.is_ok_and(|count| count > 0) {}
            return;
        }
    }
}

/// The body of the next request. The gateway always says how long it is.
async fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        if let Some(head) = buffer.windows(4).position(|end| end == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0usize);
            if buffer.len() >= head + 4 + length {
                let body = buffer[head + 4..head + 4 + length].to_vec();
                buffer.drain(..head + 4 + length);
                return Some(body);
            }
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// What an app of 2026-07-28 says that has a bit of everything, as the bytes of an HTTP response.
pub fn answer_well(method: &str, id: &str, message: &Value) -> Vec<u8> {
    let name = message.pointer("/params/name").and_then(Value::as_str).unwrap_or_default();
    if (method, name) == ("tools/call", "progress") {
        let token = message.pointer("/params/_meta/progressToken").cloned().unwrap_or_default();
        let told = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": 1}});
        let result = json!({"resultType": "complete", "content": [{"type": "text", "text": "done"}]});
        let stream = format!("data: {told}\n\ndata: {{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{result}}}\n\n");
        return response("200 OK", "text/event-stream", stream.as_bytes());
    }
    match result(method, name, message) {
        Some(result) => {
            let body = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{result}}}");
            response("200 OK", "application/json", body.as_bytes())
        }
        None if id.is_empty() => b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n".to_vec(),
        None => {
            let body = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{{\"code\":-32601,\"message\":\"no\"}}}}");
            response("404 Not Found", "application/json", body.as_bytes())
        }
    }
}

/// A whole HTTP response.
pub fn response(status: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn result(method: &str, name: &str, message: &Value) -> Option<Value> {
    let text = |text: &str| json!({"resultType": "complete", "content": [{"type": "text", "text": text}]});
    let read_only = json!({"readOnlyHint": true, "openWorldHint": false});
    let tool = |name: &str, schema: Value| json!({"name": name, "inputSchema": schema, "annotations": read_only});
    Some(match (method, name) {
        ("server/discover", _) => json!({
            "resultType": "complete",
            "supportedVersions": ["2026-07-28"],
            "capabilities": {
                "tools": {"listChanged": true}, "resources": {"subscribe": true}, "prompts": {}, "completions": {},
                "logging": {}, "extensions": {"io.modelcontextprotocol/tasks": {}},
            },
            "ttlMs": 0,
            "cacheScope": "private",
        }),
        ("tools/list", _) => {
            let region = json!({"type": "string", "x-mcp-header": "Region"});
            let tools = [
                tool("echo", json!({"type": "object", "properties": {"text": {"type": "string"}}})),
                tool("ask", json!({"type": "object"})),
                tool("progress", json!({"type": "object"})),
                tool("task", json!({"type": "object"})),
                tool("near", json!({"type": "object", "properties": {"region": region}})),
            ];
            json!({"resultType": "complete", "tools": tools, "ttlMs": 0, "cacheScope": "private"})
        }
        ("tools/call", "ask") if message.pointer("/params/inputResponses").is_none() => json!({
            "resultType": "input_required",
            "inputRequests": {"name": {"method": "elicitation/create", "params": {"message": "who?", "requestedSchema": {"type": "object", "properties": {}}}}},
            "requestState": "mine",
        }),
        ("tools/call", "task") => json!({"resultType": "task", "taskId": "t-1", "status": "working", "ttlMs": 60000}),
        ("tools/call", _) => text(&message.pointer("/params/arguments").cloned().unwrap_or_default().to_string()),
        ("tasks/get", _) => {
            json!({"resultType": "complete", "taskId": "t-1", "status": "completed", "result": text("well")})
        }
        ("tasks/update" | "tasks/cancel", _) => json!({"resultType": "complete"}),
        ("resources/list", _) => json!({"resultType": "complete", "resources": [{"uri": "note://one", "name": "one"}]}),
        ("resources/templates/list", _) => {
            json!({"resultType": "complete", "resourceTemplates": [{"uriTemplate": "note://{name}", "name": "note"}]})
        }
        ("resources/read", _) => {
            json!({"resultType": "complete", "contents": [{"uri": "note://one", "text": "1"}], "ttlMs": 0, "cacheScope": "private"})
        }
        ("prompts/list", _) => json!({"resultType": "complete", "prompts": [{"name": "greet"}]}),
        ("prompts/get", _) => {
            json!({"resultType": "complete", "messages": [{"role": "user", "content": {"type": "text", "text": "hi"}}]})
        }
        ("completion/complete", _) => json!({"resultType": "complete", "completion": {"values": ["a", "b"]}}),
        _ => return None,
    })
}
