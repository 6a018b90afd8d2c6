//! The server over streamable HTTP.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::answers::{BAD_REQUEST, INVALID_REQUEST, Refusal, SESSION_NOT_FOUND, at};
use super::server::ExactServer;
use super::session::Session;
use super::strict::{self, Received, status_of};
use crate::Revision;

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// Accepts connections until dropped; its connections end with it.
pub(super) async fn serve(listener: TcpListener, server: Arc<ExactServer>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let _unbuffered = stream.set_nodelay(true);
        let server = Arc::clone(&server);
        connections.spawn(async move {
            let service = service_fn(|request| respond(Arc::clone(&server), request));
            let _closed = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn respond(server: Arc<ExactServer>, request: Request<Incoming>) -> Result<Answer, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let message = serde_json::from_slice::<Value>(&body).ok();
    let headers: Map<String, Value> = head
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes()))))
        .collect();
    server.record(&json!({"method": head.method.as_str(), "headers": headers, "body": message}));
    if head.uri.path() != "/mcp" {
        return Ok(empty(StatusCode::NOT_FOUND));
    }
    let modern = server.revision().modern();
    Ok(match (head.method, modern) {
        (Method::POST, true) => post_modern(&server, &head.headers, message).await,
        (Method::POST, false) => post_legacy(&server, &head.headers, message).await,
        (Method::GET, false) => get(&server, &head.headers),
        (Method::DELETE, false) if session_id(&head.headers).is_some_and(|id| server.close_session(id)) => {
            empty(StatusCode::NO_CONTENT)
        }
        _ => empty(StatusCode::METHOD_NOT_ALLOWED),
    })
}

async fn post_modern(server: &Arc<ExactServer>, headers: &HeaderMap, message: Option<Value>) -> Answer {
    let Some(message) = message else { return refused(400, &strict::not_json()) };
    let id = message.get("id").cloned().unwrap_or_default();
    if let Err(refusal) = strict::kinds(headers).and_then(|()| strict::repeated(headers, &message)) {
        return refused(400, &refusal.message(&id));
    }
    let (out, messages) = unbounded_channel();
    match strict::receive(server, None, &message, &out) {
        Received::Turn(turn) => {
            drop(out);
            let mut work = JoinSet::new();
            work.spawn(turn.respond());
            first_of(messages, Some(work), true).await
        }
        other => at_once(other, None),
    }
}

async fn post_legacy(server: &Arc<ExactServer>, headers: &HeaderMap, message: Option<Value>) -> Answer {
    let Some(message) = message else { return refused(400, &strict::not_json()) };
    let id = message.get("id").cloned().unwrap_or_default();
    let opened = at(&message, "/method") == "initialize";
    let session = match (opened, session_of(server, headers)) {
        (true, _) => Arc::new(Session::new(format!("exact-{}", server.number()), None)),
        (false, Ok(session)) => session,
        (false, Err((status, refusal))) => return refused(status, &refusal.message(&id)),
    };
    let checked = strict::kinds(headers);
    let checked = checked.and_then(|()| if opened { Ok(()) } else { strict::version(headers, server.revision()) });
    if let Err(refusal) = checked {
        return refused(400, &refusal.message(&id));
    }
    let (out, messages) = unbounded_channel();
    if let Value::Array(batch) = &message {
        return post_batch(server, &session, batch, out, messages);
    }
    match strict::receive(server, Some(&session), &message, &out) {
        Received::Turn(turn) => {
            drop(out);
            server.work(turn.respond());
            first_of(messages, None, false).await
        }
        other => {
            if opened {
                server.open_session(Arc::clone(&session));
            }
            at_once(other, opened.then(|| session.id()))
        }
    }
}

/// A batch (2025-03-26): one stream for all of it.
fn post_batch(
    server: &Arc<ExactServer>,
    session: &Arc<Session>,
    batch: &[Value],
    out: UnboundedSender<Value>,
    messages: UnboundedReceiver<Value>,
) -> Answer {
    if server.revision() != Revision::March2025 {
        let refusal = Refusal::new(INVALID_REQUEST, "batches ended with 2025-03-26");
        return refused(400, &refusal.message(&Value::Null));
    }
    for message in batch {
        match strict::receive(server, Some(session), message, &out) {
            Received::Turn(turn) => server.work(turn.respond()),
            Received::Refused(_, message) | Received::Answered(message) => {
                let _gone = out.send(message);
            }
            Received::Accepted => {}
        }
    }
    drop(out);
    stream(None, messages, None)
}

/// The standing stream of a session.
fn get(server: &Arc<ExactServer>, headers: &HeaderMap) -> Answer {
    let session = match session_of(server, headers) {
        Ok(session) => session,
        Err((status, refusal)) => return refused(status, &refusal.message(&Value::Null)),
    };
    if let Err(refusal) = strict::version(headers, server.revision()) {
        return refused(400, &refusal.message(&Value::Null));
    }
    let (out, messages) = unbounded_channel();
    session.stand(out);
    stream(None, messages, None)
}

fn session_id(headers: &HeaderMap) -> Option<&str> {
    headers.get("mcp-session-id").and_then(|id| id.to_str().ok())
}

fn session_of(server: &ExactServer, headers: &HeaderMap) -> Result<Arc<Session>, (u16, Refusal)> {
    let Some(id) = session_id(headers) else {
        return Err((400, Refusal::new(BAD_REQUEST, "bad request: `Mcp-Session-Id` is missing")));
    };
    server.session(id).ok_or_else(|| (404, Refusal::new(SESSION_NOT_FOUND, "session not found")))
}

/// One JSON document if the answer is the first that is said, else an event stream.
async fn first_of(mut messages: UnboundedReceiver<Value>, work: Option<JoinSet<()>>, modern: bool) -> Answer {
    match messages.recv().await {
        None => empty(StatusCode::ACCEPTED),
        Some(first) if first.get("method").is_none() => {
            let code = first.pointer("/error/code").and_then(Value::as_i64);
            refused(code.map_or(200, |code| status_of(code, modern)), &first)
        }
        first => stream(first, messages, work),
    }
}

fn at_once(received: Received, session: Option<&str>) -> Answer {
    let mut answer = match received {
        Received::Refused(status, message) => refused(status, &message),
        Received::Answered(message) => refused(200, &message),
        Received::Accepted | Received::Turn(_) => empty(StatusCode::ACCEPTED),
    };
    if let Some(session) = session.and_then(|id| http::HeaderValue::try_from(id).ok()) {
        answer.headers_mut().insert("mcp-session-id", session);
    }
    answer
}

fn stream(first: Option<Value>, messages: UnboundedReceiver<Value>, work: Option<JoinSet<()>>) -> Answer {
    let answer = Response::builder().header("content-type", "text/event-stream").header("x-accel-buffering", "no");
    built(answer.body(Events { first, messages, _work: work }.boxed_unsync()))
}

/// The events of one response. Dropping it, when the client leaves, ends the work of 2026-07-28.
struct Events {
    first: Option<Value>,
    messages: UnboundedReceiver<Value>,
    _work: Option<JoinSet<()>>,
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let events = self.get_mut();
        let next = match events.first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None => events.messages.poll_recv(context),
        };
        next.map(|message| {
            message.map(|message| Ok(Frame::data(Bytes::from(format!("event: message\ndata: {message}\n\n")))))
        })
    }
}

fn refused(status: u16, message: &Value) -> Answer {
    let answer = Response::builder().status(status).header("content-type", "application/json");
    built(answer.body(Full::new(Bytes::from(message.to_string())).boxed_unsync()))
}

fn empty(status: StatusCode) -> Answer {
    built(Response::builder().status(status).body(Full::new(Bytes::new()).boxed_unsync()))
}

fn built(answer: Result<Answer, http::Error>) -> Answer {
    answer.unwrap_or_else(|_| Response::new(Full::new(Bytes::new()).boxed_unsync()))
}
