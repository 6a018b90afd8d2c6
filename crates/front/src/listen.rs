//! Listeners: one loop for TCP and Unix sockets.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use model::{AppId, Blame, Fault};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::body::{Body, holding, json_response};
use crate::origin::Origins;
use crate::status::status_of;
use crate::wire::{Exchange, LongLived, Peer, Place, Wire};

/// Everything a listener needs to answer a request.
pub struct Front {
    /// Tokens; none where nobody needs one.
    pub access: Option<Arc<Access>>,
    /// Names and pages that are ours; none on a Unix socket, which no page can reach.
    pub origins: Option<Origins>,
    /// The wires, asked in order.
    pub wires: Vec<Arc<dyn Wire>>,
    /// How many requests may be in flight at once.
    pub in_flight: Arc<Semaphore>,
}

impl Front {
    /// Answers one request. Total: every fault is an answer.
    pub async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        if let Some(origins) = &self.origins
            && let Err(fault) = origins.check(request.headers(), request.uri())
        {
            return refuse(&fault);
        }
        let path = request.uri().path();
        if let Some(rest) = path.strip_prefix("/.well-known/oauth-protected-resource") {
            return self.metadata(rest);
        }
        if path == "/healthz" {
            return json_response(http::StatusCode::OK, r#"{"status":"ok"}"#);
        }
        let Some(wire) = self.wires.iter().find(|wire| wire.owns(path)) else {
            let said = format!("there is nothing at `{path}`");
            return refuse(
                &Fault::new(Blame::Caller, "caller.unknown_path", said)
                    .hint("the MCP endpoints are `/mcp` and `/mcp/{app}`"),
            );
        };
        let Ok(taken) = Arc::clone(&self.in_flight).try_acquire_owned() else {
            let fault = Fault::new(Blame::Operator, "gateway.busy", "too many requests are in flight").retryable();
            let mut response = refuse(&fault);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            return response;
        };
        let place = Place::new(taken);
        let response = wire.answer(Exchange { request, place: place.clone() }).await;
        if response.extensions().get::<LongLived>().is_some() {
            return response;
        }
        response.map(|body| holding(body, place))
    }

    fn metadata(&self, rest: &str) -> Response<Body> {
        let app = rest.strip_prefix("/mcp/").map(AppId::parse);
        match (&self.access, rest, app) {
            (Some(access), "" | "/mcp", _) => access.resource_metadata(None),
            (Some(access), _, Some(Ok(app))) => access.resource_metadata(Some(&app)),
            _ => refuse(&Fault::new(Blame::Caller, "caller.unknown_path", "no such protected resource")),
        }
    }
}

/// Serves TCP until `stop`, then lets open requests finish within `drain`.
pub async fn serve_tcp(listener: TcpListener, front: Arc<Front>, stop: CancellationToken, drain: Duration) {
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let _ = stream.set_nodelay(true);
                serve_one(stream, &front, &graceful, Some(Peer(peer)));
            }
            Err(error) => out_of_descriptors(&error).await,
        }
    }
    let _ = tokio::time::timeout(drain, graceful.shutdown()).await;
}

/// Serves a Unix socket until `stop`. Peers of another user are turned away (`allowed_uid`).
pub async fn serve_unix(
    listener: UnixListener,
    front: Arc<Front>,
    allowed_uid: u32,
    stop: CancellationToken,
    drain: Duration,
) {
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => match stream.peer_cred() {
                Ok(peer) if peer.uid() == allowed_uid => serve_one(stream, &front, &graceful, None),
                Ok(peer) => tracing::warn!(uid = peer.uid(), "a process of another user was turned away from a socket"),
                Err(error) => tracing::warn!(%error, "the peer of a socket could not be told"),
            },
            Err(error) => out_of_descriptors(&error).await,
        }
    }
    let _ = tokio::time::timeout(drain, graceful.shutdown()).await;
}

#[expect(clippy::disallowed_methods, reason = "one task for each connection; the graceful handle above waits for them")]
fn serve_one<S>(stream: S, front: &Arc<Front>, graceful: &GracefulShutdown, peer: Option<Peer>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let front = Arc::clone(front);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let front = Arc::clone(&front);
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        async move { Ok::<_, Infallible>(front.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME_MAX)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADER_BYTES_MAX)
        .half_close(false)
        .serve_connection(TokioIo::new(stream), service);
    let watched = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = watched.await {
            tracing::debug!(%error, "a connection ended early");
        }
    });
}

fn refuse(fault: &Fault) -> Response<Body> {
    let body =
        serde_json::json!({ "error": fault.code(), "error_description": fault.to_string(), "hint": fault.way_out() });
    json_response(status_of(fault), body.to_string())
}

/// Accepting fails for a while when the process has no descriptors left; a short pause keeps the loop from spinning.
async fn out_of_descriptors(error: &std::io::Error) {
    tracing::error!(%error, "a connection could not be accepted");
    tokio::time::sleep(Duration::from_millis(50)).await;
}

const HEADER_TIME_MAX: Duration = Duration::from_secs(30);
const HEADERS_MAX: usize = 100;
const HEADER_BYTES_MAX: usize = 64 * 1024;
