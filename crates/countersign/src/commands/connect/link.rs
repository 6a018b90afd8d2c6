//! The gateway's socket: one connection for each exchange, and the five-minute token.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use model::{AppId, Blame, Clock as _, Fault, UnixMicros};
use tokio::net::UnixStream;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::super::place::Place;
use super::start;
use crate::clock::SystemClock;
use crate::gateway::{files, operator};

/// The way to the gateway.
pub(super) struct Link {
    place: Place,
    app: Option<AppId>,
    may_start: bool,
    token: Mutex<Option<Token>>,
    starting: Mutex<()>,
}

struct Token {
    text: String,
    until: UnixMicros,
}

/// An answer that is still arriving, with the connection it arrives on.
pub(super) struct Arriving {
    /// The answer.
    pub(super) response: Response<Incoming>,
    _connection: JoinSet<()>,
}

/// Why there is no answer.
pub(super) enum Broken {
    /// Nothing has left.
    Before(Fault),
    /// The message may have arrived.
    After(Fault),
}

impl Link {
    pub(super) fn new(place: Place, app: Option<AppId>, may_start: bool) -> Self {
        Self { place, app, may_start, token: Mutex::default(), starting: Mutex::default() }
    }

    /// A message to the MCP endpoint.
    pub(super) async fn post(&self, headers: &[(&'static str, String)], body: Bytes) -> Result<Arriving, Broken> {
        let token = self.token().await.map_err(Broken::Before)?;
        let stream = self.stream().await.map_err(Broken::Before)?;
        let request = self.request(Method::POST, &self.path("mcp"), &token, headers);
        exchange(stream, request.body(Full::new(body))).await
    }

    /// The end of a session. No gateway is started for that.
    pub(super) async fn delete(&self, headers: &[(&'static str, String)]) -> Result<(), Broken> {
        let stream = UnixStream::connect(self.socket()).await.map_err(|error| Broken::Before(unreachable(error)))?;
        let token = self.token().await.map_err(Broken::Before)?;
        let request = self.request(Method::DELETE, &self.path("mcp"), &token, headers);
        exchange(stream, request.body(Full::new(Bytes::new()))).await.map(|_| ())
    }

    /// A stream of a session: what comes after this event, or what is told besides calls. No gateway is started for that.
    pub(super) async fn get(
        &self,
        headers: &[(&'static str, String)],
        last_event_id: Option<&str>,
    ) -> Result<Arriving, Broken> {
        let stream = UnixStream::connect(self.socket()).await.map_err(|error| Broken::Before(unreachable(error)))?;
        let token = self.token().await.map_err(Broken::Before)?;
        let mut request = self.request(Method::GET, &self.path("mcp"), &token, headers);
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        exchange(stream, request.body(Full::new(Bytes::new()))).await
    }

    /// The next message gets another token.
    pub(super) async fn forget_token(&self) {
        *self.token.lock().await = None;
    }

    async fn token(&self) -> Result<String, Fault> {
        let mut kept = self.token.lock().await;
        let now = SystemClock.now();
        if let Some(token) = kept.as_ref().filter(|token| token.until.since(now) > 0) {
            return Ok(token.text.clone());
        }
        let stream = self.stream().await?;
        let request = Request::post(self.path("token")).header(header::HOST, HOST).body(Full::new(Bytes::new()));
        let arriving = exchange(stream, request).await.map_err(|broken| match broken {
            Broken::Before(fault) | Broken::After(fault) => fault,
        })?;
        let status = arriving.response.status();
        let body = whole(arriving).await?;
        let said: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let text = |key: &str| said.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
        let seconds = said.get("expires_in").and_then(serde_json::Value::as_u64).unwrap_or_default();
        let Some(token) = text("token").filter(|_| status == StatusCode::OK) else {
            let said = text("error_description").unwrap_or_else(|| format!("the gateway gives no token ({status})"));
            let fault = Fault::new(Blame::Operator, "operator.no_token", said);
            return Err(match text("hint") {
                Some(hint) => fault.hint(hint),
                None => fault,
            });
        };
        let life = Duration::from_secs(seconds).saturating_sub(RENEWED_BEFORE).as_micros();
        let until = UnixMicros(now.0.saturating_add(i64::try_from(life).unwrap_or(i64::MAX)));
        *kept = Some(Token { text: token.clone(), until });
        Ok(token)
    }

    /// A connection to a gateway of our own user. Where none runs, one is started.
    async fn stream(&self) -> Result<UnixStream, Fault> {
        let stream = match UnixStream::connect(self.socket()).await {
            Ok(stream) => stream,
            Err(_) => {
                let _one = self.starting.lock().await;
                start::wait_for_gateway(&self.place, self.may_start).await?;
                UnixStream::connect(self.socket()).await.map_err(unreachable)?
            }
        };
        let peer = stream.peer_cred().map_err(unreachable)?;
        if peer.uid() != rustix::process::getuid().as_raw() {
            let said = "the socket is held by a process of another user";
            return Err(Fault::new(Blame::Operator, "operator.socket_peer", said)
                .hint("`countersign doctor` looks at the data directory"));
        }
        Ok(stream)
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        token: &str,
        headers: &[(&'static str, String)],
    ) -> http::request::Builder {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, HOST)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, text/event-stream")
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        request
    }

    fn path(&self, root: &str) -> String {
        match &self.app {
            Some(app) => format!("/{root}/{app}"),
            None => format!("/{root}"),
        }
    }

    fn socket(&self) -> PathBuf {
        self.place.data.join(files::CONNECT)
    }
}

/// The whole body of an answer.
pub(super) async fn whole(arriving: Arriving) -> Result<Bytes, Fault> {
    let Arriving { response, _connection } = arriving;
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
    body.collect().await.map(|body| body.to_bytes()).map_err(|error| broke_off(&error))
}

async fn exchange(stream: UnixStream, request: http::Result<Request<Full<Bytes>>>) -> Result<Arriving, Broken> {
    let request = request.map_err(|error| Broken::Before(broke_off(&error)))?;
    let (mut send, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| Broken::Before(broke_off(&error)))?;
    let mut driver = JoinSet::new();
    driver.spawn(async move {
        let _ = connection.await;
    });
    let response = send.send_request(request).await.map_err(|error| Broken::After(broke_off(&error)))?;
    Ok(Arriving { response, _connection: driver })
}

pub(super) fn broke_off(error: &dyn std::fmt::Display) -> Fault {
    Fault::new(Blame::Operator, "operator.gateway_gone", "the gateway broke off")
        .hint("`countersign doctor` says whether it runs")
        .because(std::io::Error::other(error.to_string()))
}

fn unreachable(error: std::io::Error) -> Fault {
    operator("operator.socket", format!("the gateway's socket cannot be reached: {error}"), error)
        .hint("`countersign doctor` says why")
}

const HOST: &str = "countersign";
/// A token is renewed this long before it ends.
const RENEWED_BEFORE: Duration = Duration::from_secs(60);
/// Above the largest answer an operator may allow; a gateway of our own user sends no more by accident.
const ANSWER_BYTES_MAX: usize = 256 << 20;
