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
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;

use super::protocol::{Envelope, Reply, Server};

/// Accepts connections until dropped; its connections end with it.
pub(super) async fn serve(listener: TcpListener, server: Arc<Server>) {
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

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

async fn respond(server: Arc<Server>, request: Request<Incoming>) -> Result<Answer, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    if server.options.record {
        server.record(recorded(&head, &body));
    }
    if let Some(refused) = unauthorized(&server, &head.headers) {
        return Ok(refused);
    }
    let session = head.headers.get("mcp-session-id").and_then(|id| id.to_str().ok());
    Ok(match (&head.method, head.uri.path()) {
        (&Method::GET, "/calls") => json_answer(StatusCode::OK, &server.calls_json()),
        (&Method::POST, "/mcp") => post(server, head.headers, &body).await,
        (&Method::DELETE, "/mcp") if session.is_some_and(|id| server.close_session(id)) => {
            empty(StatusCode::NO_CONTENT)
        }
        (_, "/mcp") => empty(StatusCode::METHOD_NOT_ALLOWED),
        _ => empty(StatusCode::NOT_FOUND),
    })
}

async fn post(server: Arc<Server>, headers: HeaderMap, body: &[u8]) -> Answer {
    let Ok(message) = serde_json::from_slice::<Value>(body) else {
        return reply_answer(Reply::not_json());
    };
    let streamed = server.options.stream && message.get("method").is_some_and(|method| method == "tools/call");
    if streamed {
        return stream_answer(server, headers, message);
    }
    reply_answer(server.answer(message, &Headers(headers), None).await)
}

/// An event stream: progress while the call runs, then the answer.
fn stream_answer(server: Arc<Server>, headers: HeaderMap, message: Value) -> Answer {
    let (progress, notifications) = unbounded_channel();
    let mut work = JoinSet::new();
    work.spawn(async move { server.answer(message, &Headers(headers), Some(progress)).await.message });
    let body = Events { work, notifications, answer: None };
    let answer = Response::builder().header("content-type", "text/event-stream").header("x-accel-buffering", "no");
    built(answer.body(body.boxed_unsync()))
}

/// The events of one call. Dropping it, when the client leaves, ends the call.
struct Events {
    work: JoinSet<Option<Value>>,
    notifications: UnboundedReceiver<Value>,
    /// The last event, while notifications that were sent before it may still wait.
    answer: Option<Value>,
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let events = self.get_mut();
        if let Poll::Ready(Some(done)) = events.work.poll_join_next(context) {
            events.answer = done.ok().flatten();
        }
        if let Poll::Ready(Some(notification)) = events.notifications.poll_recv(context) {
            return Poll::Ready(Some(Ok(event(&notification))));
        }
        match events.answer.take() {
            Some(answer) => Poll::Ready(Some(Ok(event(&answer)))),
            None if events.work.is_empty() => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

fn event(message: &Value) -> Frame<Bytes> {
    Frame::data(Bytes::from(format!("event: message\ndata: {message}\n\n")))
}

struct Headers(HeaderMap);

impl Envelope for Headers {
    fn header(&self, name: &str) -> Option<String> {
        self.0.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    }

    fn is_http(&self) -> bool {
        true
    }
}

fn unauthorized(server: &Server, headers: &HeaderMap) -> Option<Answer> {
    let wanted = format!("Bearer {}", server.options.token.as_ref()?);
    let said = headers.get("authorization").and_then(|value| value.to_str().ok());
    if said == Some(wanted.as_str()) {
        return None;
    }
    let mut answer = empty(StatusCode::UNAUTHORIZED);
    answer.headers_mut().insert("www-authenticate", http::HeaderValue::from_static("Bearer"));
    Some(answer)
}

fn recorded(head: &http::request::Parts, body: &[u8]) -> Value {
    let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.to_string(), Value::String(String::from_utf8_lossy(value.as_bytes()).into_owned()))
    };
    let headers: serde_json::Map<String, Value> = head.headers.iter().map(header).collect();
    let body = String::from_utf8_lossy(body);
    json!({"method": head.method.as_str(), "path": head.uri.path(), "headers": headers, "body": body})
}

fn reply_answer(reply: Reply) -> Answer {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = match reply.message {
        Some(message) => json_answer(status, &message),
        None => empty(status),
    };
    if let Some(session) = reply.session.and_then(|id| http::HeaderValue::try_from(id).ok()) {
        answer.headers_mut().insert("mcp-session-id", session);
    }
    answer
}

fn json_answer(status: StatusCode, body: &Value) -> Answer {
    let answer = Response::builder().status(status).header("content-type", "application/json");
    built(answer.body(Full::new(Bytes::from(body.to_string())).boxed_unsync()))
}

fn empty(status: StatusCode) -> Answer {
    built(Response::builder().status(status).body(Full::new(Bytes::new()).boxed_unsync()))
}

fn built(answer: Result<Answer, http::Error>) -> Answer {
    answer.unwrap_or_else(|_| Response::new(Full::new(Bytes::new()).boxed_unsync()))
}
