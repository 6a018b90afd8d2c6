//! A gateway, and a way in without a socket.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::Engine;
use front::{Access, Front, LongLived, Places, Wire};
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderName, HeaderValue, Uri};
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use identity::{SigningKey, TokenRequest, Tokens};
use mcp::{AppSpec, Endpoint, Hub, Reviews, Target};
use model::{AgentId, AppId, ArgumentLevel, HumanId, Secret};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::parts::{self, Noon};
use crate::{Request, Response};

/// A front with one wire, and one app.
pub struct Gateway {
    front: Arc<Front>,
    hub: Arc<Hub>,
    token: HeaderValue,
}

/// What all gateways share, for it takes long to make and remembers nothing of what was asked.
pub struct House {
    engine: Engine,
    access: Arc<Access>,
    token: HeaderValue,
}

/// A runtime on this thread. Writing to a child that has ended is an error and no end of ours, as in every program that
/// Rust starts; libFuzzer starts this one.
pub fn runtime() -> Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let entered = runtime.enter();
    drop(signal(SignalKind::pipe()).expect("a handler of SIGPIPE"));
    drop(entered);
    runtime
}

impl Default for House {
    fn default() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let key = SigningKey::load_or_create(&folder.path().join("key")).expect("a key");
        let tokens = Tokens::new(key, PUBLIC.to_owned());
        let request = TokenRequest {
            agent: AgentId::parse("bot").expect("a name"),
            human: HumanId::parse("ana").expect("a name"),
            audience: format!("{PUBLIC}/mcp"),
            life: Duration::from_secs(3600),
            task: None,
        };
        let token = tokens.issue(&request, &Noon).expect("a token");
        let token = HeaderValue::try_from(format!("Bearer {token}")).expect("a header");
        let directory = Arc::new(parts::directory());
        let access = Arc::new(Access::new(Arc::new(tokens), directory, Arc::new(Noon), PUBLIC));
        Self { engine: parts::engine(), access, token }
    }
}

impl Gateway {
    /// A gateway before one app, `far`.
    pub fn before(house: &House, target: Target) -> Self {
        let engine = house.engine.clone();
        let id = AppId::parse(parts::APP).expect("a name");
        let arguments = ArgumentLevel::Redacted;
        let (profile, mapping, calls_in_flight_max) = (None, None, None);
        let spec = AppSpec { id, target, profile, stateless: false, arguments, calls_in_flight_max, mapping };
        let hub = Arc::new(Hub::new(engine.clone(), Arc::new(Reviews::default()), vec![spec]));
        let access = Arc::clone(&house.access);
        let endpoint = Endpoint::new(Arc::clone(&hub), engine, Arc::clone(&access), &Secret::new([7; 32]), []);
        let wire: Arc<dyn Wire> = Arc::new(endpoint.expect("a key of the right length"));
        let front =
            Front { access: Some(access), origins: None, wires: vec![wire], in_flight: Arc::new(Places::new(64)) };
        Self { front: Arc::new(front), hub, token: house.token.clone() }
    }

    /// One request on a connection of its own. Panics if the answer takes longer than all bounds together.
    pub async fn ask(&self, request: Request) -> Option<Response> {
        let uri: Uri = request.path.parse().ok()?;
        let mut outgoing = http::Request::new(Full::new(Bytes::from(request.body)));
        *outgoing.method_mut() = request.method;
        *outgoing.uri_mut() = uri;
        outgoing.headers_mut().extend(request.headers.into_iter().map(|(name, value)| (Some(name), value)));
        outgoing.headers_mut().insert(HOST, HeaderValue::from_static("gateway"));
        if !outgoing.headers().contains_key(AUTHORIZATION) {
            outgoing.headers_mut().insert(AUTHORIZATION, self.token.clone());
        }
        let (near, far) = tokio::io::duplex(64 * 1024);
        let front = Arc::clone(&self.front);
        let service = service_fn(move |request| {
            let front = Arc::clone(&front);
            async move {
                let mut response = front.answer(request).await;
                if response.extensions().get::<LongLived>().is_some() {
                    response.headers_mut().insert(GOES_ON, HeaderValue::from_static("1"));
                }
                Ok::<_, Infallible>(response)
            }
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(far), service).await;
        });
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(near)).await.ok()?;
        tasks.spawn(async move {
            let _ = connection.await;
        });
        let answered = tokio::time::timeout(PATIENCE, async {
            // A request that HTTP itself does not allow has no answer of ours.
            let response = sender.send_request(outgoing).await.ok()?;
            let (head, body) = response.into_parts();
            let goes_on = head.headers.contains_key(GOES_ON);
            Some(Response { status: head.status, headers: head.headers, body: read(body, goes_on).await, goes_on })
        });
        answered.await.expect("an answer in time")
    }

    /// Ends its links.
    pub async fn stop(self) {
        self.hub.end_listening();
        self.hub.stop().await;
    }
}

/// A client of 2026-07-28, or one with a session (which cannot be asked anything: it would have to answer), lists the tools of the app `far` and calls one: each answer is whole.
pub async fn ask_far(gateway: &Gateway, modern: bool) {
    let mut session = None;
    if !modern {
        let opens = json!({"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "f", "version": "1"}});
        let response = gateway.ask(request(None, modern, "initialize", opens)).await.expect("an answer");
        response.answer(&Value::from(1));
        session = response.headers.get("mcp-session-id").cloned();
    }
    for (method, params) in [("tools/list", json!({})), ("tools/call", json!({"name": "far__echo", "arguments": {}}))] {
        let response = gateway.ask(request(session.clone(), modern, method, params)).await.expect("an answer");
        response.answer(&Value::from(1));
    }
}

fn request(session: Option<HeaderValue>, modern: bool, method: &str, mut params: Value) -> Request {
    let header = |name: &'static str, value: &str| {
        (HeaderName::from_static(name), HeaderValue::try_from(value).expect("a header"))
    };
    let mut headers =
        vec![header("content-type", "application/json"), header("accept", "application/json, text/event-stream")];
    headers.extend(session.map(|session| (HeaderName::from_static("mcp-session-id"), session)));
    if modern {
        let name = params.get("name").and_then(Value::as_str).map(str::to_owned);
        headers.extend([header("mcp-protocol-version", MODERN), header("mcp-method", method)]);
        headers.extend(name.map(|name| header("mcp-name", &name)));
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {"sampling": {}, "elicitation": {}},
        });
    }
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string().into_bytes();
    Request { method: http::Method::POST, path: "/mcp".to_owned(), headers, body }
}

async fn read(mut body: hyper::body::Incoming, goes_on: bool) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let frame = match goes_on {
            false => body.frame().await,
            true => match tokio::time::timeout(A_WHILE, body.frame()).await {
                Ok(frame) => frame,
                Err(_) => return whole,
            },
        };
        match frame {
            Some(Ok(frame)) => whole.extend(frame.into_data().unwrap_or_default()),
            Some(Err(error)) => panic!("a body that breaks off: {error}"),
            None => return whole,
        }
    }
}

const MODERN: &str = "2026-07-28";
const LEGACY: &str = "2025-11-25";
const PUBLIC: &str = "http://gateway";
const GOES_ON: HeaderName = HeaderName::from_static("x-goes-on");
const A_WHILE: Duration = Duration::from_millis(2);
/// Far more than what connecting, trying again and one call may take together.
const PATIENCE: Duration = Duration::from_secs(20);
