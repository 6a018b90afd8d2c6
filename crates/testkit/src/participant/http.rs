//! A client's messages over streamable HTTP: one connection for each.

use std::collections::BTreeMap;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::inner::{Inner, Wire};
use super::result_of;
use crate::Revision;
use crate::http_client::{HttpRequest, HttpResponse, exchange, exchange_on};

/// An endpoint.
pub(super) struct HttpWire {
    address: SocketAddr,
    path: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<String>,
    session: Option<String>,
    /// The connections of requests that are under way, and, under zero, of the standing stream.
    open: BTreeMap<u64, TcpStream>,
}

// === impl HttpWire ===

impl HttpWire {
    pub(super) fn new(url: &str) -> Result<Self> {
        let rest = url.strip_prefix("http://").with_context(|| format!("not a plain HTTP address: `{url}`"))?;
        let (address, path) = rest.split_once('/').with_context(|| format!("no path in `{url}`"))?;
        let address = address.parse().with_context(|| format!("not an address with a port: `{address}`"))?;
        Ok(Self { address, path: format!("/{path}"), state: Mutex::default() })
    }

    pub(super) fn set_token(&self, token: &str) {
        self.state().token = Some(token.to_owned());
    }

    /// Closes what a request waits on.
    pub(super) fn close(&self, id: u64) {
        if let Some(stream) = self.state().open.remove(&id) {
            let _closed = stream.shutdown(Shutdown::Both);
        }
    }

    /// Sends what has no answer.
    pub(super) fn post(&self, revision: Revision, message: &Value) -> Result<()> {
        let mut response = exchange(self.address, &self.request(revision, message), WAIT)?;
        match response.status {
            202 | 204 => Ok(()),
            status => bail!("HTTP {status} for `{message}`: {}", response.text()?),
        }
    }

    fn request(&self, revision: Revision, message: &Value) -> HttpRequest {
        let mut request = HttpRequest::post(&self.path, message).with("accept", "application/json, text/event-stream");
        let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str);
        let method = text("/method").unwrap_or_default();
        if method != "initialize" {
            request = request.with("mcp-protocol-version", revision.as_str());
        }
        if revision.modern() {
            request = request.with("mcp-method", method);
            let name = match method {
                "tools/call" | "prompts/get" => text("/params/name"),
                "resources/read" => text("/params/uri"),
                "tasks/get" | "tasks/update" | "tasks/cancel" => text("/params/taskId"),
                _ => None,
            };
            if let Some(name) = name {
                request = request.with("mcp-name", name);
            }
            // The one argument of the tests' server that travels in a header, too.
            if let Some(region) = text("/params/arguments/region") {
                request = request.with("mcp-param-region", region);
            }
        }
        self.signed(request)
    }

    /// With the session and the token.
    fn signed(&self, mut request: HttpRequest) -> HttpRequest {
        let state = self.state();
        if let Some(session) = &state.session {
            request = request.with("mcp-session-id", session);
        }
        if let Some(token) = &state.token {
            request = request.with("authorization", &format!("Bearer {token}"));
        }
        request
    }

    fn connect(&self, id: u64) -> Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.address, WAIT)
            .with_context(|| format!("no connection to {}", self.address))?;
        self.state().open.insert(id, stream.try_clone().context("could not share the connection")?);
        Ok(stream)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for HttpWire {
    fn drop(&mut self) {
        for stream in std::mem::take(&mut self.state().open).into_values() {
            let _closed = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Sends a request in a thread of its own, which hears and answers what the response says before its end.
pub(super) fn send_request(
    inner: &Arc<Inner>,
    wire: &HttpWire,
    id: u64,
    message: Value,
) -> Result<Receiver<Result<Value>>> {
    let (sender, receiver) = channel();
    let request = wire.request(inner.revision, &message);
    let stream = wire.connect(id)?;
    let shared = Arc::clone(inner);
    std::thread::spawn(move || {
        let Wire::Http(wire) = &shared.wire else { return };
        let answer = exchange_on(stream, wire.address, &request, WAIT).and_then(|response| {
            if let Some(session) = response.header("mcp-session-id") {
                wire.state().session = Some(session.to_owned());
            }
            answer(&shared, wire, response, id)
        });
        wire.state().open.remove(&id);
        let _nobody_waits = sender.send(answer);
    });
    Ok(receiver)
}

/// Opens the standing stream of a session; what comes on it is heard in a thread of its own.
pub(super) fn open_stream(inner: &Arc<Inner>, wire: &HttpWire) -> Result<()> {
    let request = HttpRequest::get(&wire.path).with("accept", "text/event-stream");
    let request = wire.signed(request.with("mcp-protocol-version", inner.revision.as_str()));
    wire.close(STANDING);
    let mut response = exchange_on(wire.connect(STANDING)?, wire.address, &request, STANDING_TIME_MAX)?;
    if response.status != 200 || !response.is_stream() {
        let text = response.text()?;
        bail!("HTTP {} to GET: {text}", response.status);
    }
    let weak = Arc::downgrade(inner);
    std::thread::spawn(move || {
        while let Ok(Some(data)) = response.next_event() {
            let Some(inner) = weak.upgrade() else { return };
            let Wire::Http(wire) = &inner.wire else { return };
            if let Ok(message) = serde_json::from_str(&data) {
                tell(&inner, wire, message);
            }
        }
    });
    Ok(())
}

/// Reads a response to its end: the answer with this id is kept, all else is heard.
fn answer(inner: &Inner, wire: &HttpWire, mut response: HttpResponse, id: u64) -> Result<Value> {
    let status = response.status;
    if !response.is_stream() {
        let text = response.text()?;
        let message = serde_json::from_str(&text).with_context(|| format!("HTTP {status}, not JSON: `{text}`"))?;
        return result_of(status, message);
    }
    while let Some(data) = response.next_event()? {
        let message: Value = serde_json::from_str(&data).with_context(|| format!("an event is not JSON: `{data}`"))?;
        if message.get("method").is_some() {
            tell(inner, wire, message);
        } else if message.get("id").and_then(Value::as_u64) == Some(id) {
            return result_of(status, message);
        } else {
            inner.violation(format!("an answer to something else: {message}"));
        }
    }
    bail!("the event stream ended without an answer")
}

fn tell(inner: &Inner, wire: &HttpWire, message: Value) {
    if let Some(answer) = inner.told(message)
        && let Err(error) = wire.post(inner.revision, &answer)
    {
        inner.violation(format!("an answer was not taken: {error:#}"));
    }
}

const STANDING: u64 = 0;
const WAIT: Duration = Duration::from_secs(30);
const STANDING_TIME_MAX: Duration = Duration::from_secs(600);
