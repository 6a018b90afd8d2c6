//! A connection of HTTP/2 (RFC 9113): many requests at once, and what one connection may take of the gateway with them.
//!
//! What a request means is the same as over HTTP/1.1. What is different is that one connection can cost as much as a hundred: so there
//! are bounds on what is open at once, on what is begun and given up (rapid reset), on answers that are asked for and not taken, and on
//! connections on which nothing happens. Each has its name in `model::limits`. Floods of frames that are no requests (SETTINGS, PING,
//! empty DATA, CONTINUATION) end in the `h2` crate: it answers one before it reads the next, and closes a connection that goes on.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use model::limits::{
    HTTP2_ABANDONED_MAX, HTTP2_CONNECTION_BYTES_MAX, HTTP2_FAULTS_MAX, HTTP2_LOOK_EVERY, HTTP2_LOOKS_MAX,
    HTTP2_PING_EVERY, HTTP2_RESETS_WAITING_MAX, HTTP2_STREAM_BYTES_MAX, HTTP2_STREAMS_MAX,
};
use model::{Blame, Fault};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::{From, Front, HEADER_BYTES_MAX, HEADERS_MAX};
use crate::body::{Body, BrokenOff, refusal};

/// How often a connection is looked at. Tests have less time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace(pub(super) Duration);

/// The requests of one connection.
#[derive(Default)]
struct Streams {
    state: Mutex<State>,
    /// Too many were given up.
    given_up: Notify,
}

#[derive(Default)]
struct State {
    open: usize,
    next: u64,
    /// Answers of which a piece was handed over and the next was not asked for, with how often they were found so.
    untaken: HashMap<u64, u8>,
    /// How often nothing was found open in turn.
    idle: u8,
    /// Whether anything was open since the last look.
    busy: bool,
    answered: usize,
    abandoned: usize,
    /// The connection is closed as soon as its task gets to it; nothing more is begun on it.
    over: bool,
}

/// What a look at a connection comes to.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// It is used, or was a moment ago.
    Used,
    /// Nobody has used it for a while.
    Idle,
    /// The other side asks and does not take the answers.
    Stuck,
}

/// One request, until its answer is handed over or nobody wants it any more.
struct Open {
    streams: Arc<Streams>,
    id: u64,
    answered: bool,
}

/// The body of an answer, which knows whether the other side takes it.
struct Taken {
    body: Body,
    open: Open,
}

/// Serves one connection until it ends, is idle, takes too much, or `stop`.
pub(super) async fn connection<S>(stream: S, front: Arc<Front>, from: From, stop: CancellationToken, pace: Pace)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let streams = Arc::new(Streams::default());
    let opening = Arc::clone(&streams);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let (front, mut open) = (Arc::clone(&front), opening.open());
        from.say(request.extensions_mut());
        async move {
            let response = match open.streams.still_serves().and_then(|()| plain(&request)) {
                Ok(()) => front.answer(request).await,
                Err(fault) => refusal(&fault),
            };
            Ok::<_, Infallible>(response.map(|body| {
                open.answered = hyper::body::Body::is_end_stream(&body);
                Taken { body, open }.boxed_unsync()
            }))
        }
    });
    let mut connection = pin!(builder().serve_connection(TokioIo::new(stream), service));
    let mut looks = tokio::time::interval(pace.0);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut leaving = false;
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
                return;
            }
            () = streams.given_up.notified() => {
                tracing::info!("a connection was closed: it begins requests and gives them up");
                return;
            }
            () = stop.cancelled(), if !leaving => {
                leaving = true;
                connection.as_mut().graceful_shutdown();
            }
            _ = looks.tick() => match streams.look() {
                Found::Used => {}
                Found::Idle if !leaving => {
                    leaving = true;
                    connection.as_mut().graceful_shutdown();
                }
                // It was told to go, and is still there.
                Found::Idle => return,
                Found::Stuck => {
                    tracing::info!("a connection was closed: it asks and does not take the answers");
                    return;
                }
            },
        }
    }
}

fn builder() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .max_pending_accept_reset_streams(HTTP2_RESETS_WAITING_MAX)
        .max_local_error_reset_streams(HTTP2_FAULTS_MAX)
        // As much as over HTTP/1.1. It also bounds how many CONTINUATION frames are taken: five.
        .max_header_list_size(u32::try_from(HEADER_BYTES_MAX).unwrap_or(u32::MAX))
        .header_table_size(HEADER_TABLE_BYTES)
        .max_frame_size(FRAME_BYTES_MAX)
        .initial_stream_window_size(HTTP2_STREAM_BYTES_MAX)
        .initial_connection_window_size(HTTP2_CONNECTION_BYTES_MAX)
        .max_send_buf_size(HTTP2_STREAM_BYTES_MAX as usize)
        .keep_alive_interval(HTTP2_PING_EVERY)
        .keep_alive_timeout(HTTP2_PING_EVERY);
    builder
}

/// Error: the request says something in two ways, or wants what is not done here.
fn plain(request: &Request<Incoming>) -> Result<(), Fault> {
    let wrong = |said: &'static str| Err(Fault::new(Blame::Caller, "caller.request", said));
    if request.method() == Method::CONNECT {
        return wrong("no tunnel is made here");
    }
    if request.headers().len() > HEADERS_MAX {
        let said = format!("there are more than {HEADERS_MAX} headers");
        return Err(Fault::new(Blame::Caller, "caller.too_many_headers", said));
    }
    if request.uri().scheme_str().is_some_and(|scheme| scheme != "https") {
        return wrong("the request names another scheme than the one that is spoken");
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (host, more) = (hosts.next(), hosts.next());
    let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    let agree = match (host, authority) {
        (Some(host), Some(authority)) => host.as_bytes().eq_ignore_ascii_case(authority),
        (host, authority) => host.is_some() || authority.is_some(),
    };
    if more.is_some() || !agree {
        return wrong("`:authority` and `host` do not name one host");
    }
    Ok(())
}

// === impl Pace ===

impl Default for Pace {
    fn default() -> Self {
        Self(HTTP2_LOOK_EVERY)
    }
}

// === impl Streams ===

impl Streams {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(self: &Arc<Self>) -> Open {
        let mut state = self.state();
        state.open += 1;
        state.next += 1;
        state.busy = true;
        // A stream that was reset makes room for another before anybody noticed: what was begun for it is still there.
        if state.open > 2 * HTTP2_STREAMS_MAX as usize {
            state.over = true;
            self.given_up.notify_one();
        }
        Open { streams: Arc::clone(self), id: state.next, answered: false }
    }

    /// Error: too many of its requests were given up. What came with them in one piece is refused before anything is done for it.
    fn still_serves(&self) -> Result<(), Fault> {
        if !self.state().over {
            return Ok(());
        }
        Err(Fault::new(Blame::Caller, "caller.request", "too many requests of this connection were given up"))
    }

    fn look(&self) -> Found {
        let mut state = self.state();
        for found in state.untaken.values_mut() {
            *found = found.saturating_add(1);
        }
        if state.untaken.values().any(|found| *found > HTTP2_LOOKS_MAX) {
            return Found::Stuck;
        }
        let open = state.open > 0;
        let used = std::mem::replace(&mut state.busy, open) || open;
        state.idle = if used { 0 } else { state.idle + 1 };
        if state.idle < HTTP2_LOOKS_MAX {
            return Found::Used;
        }
        state.idle = 0;
        Found::Idle
    }
}

// === impl Open ===

impl Drop for Open {
    fn drop(&mut self) {
        let mut state = self.streams.state();
        state.open = state.open.saturating_sub(1);
        state.untaken.remove(&self.id);
        if self.answered {
            state.answered = state.answered.saturating_add(1);
        } else {
            state.abandoned = state.abandoned.saturating_add(1);
        }
        if state.abandoned > state.answered.saturating_add(HTTP2_ABANDONED_MAX) {
            state.over = true;
            self.streams.given_up.notify_one();
        }
    }
}

// === impl Taken ===

impl hyper::body::Body for Taken {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let handed = matches!(polled, Poll::Ready(Some(Ok(_))));
        // What breaks off here is the gateway's doing and not the other side's.
        let over = matches!(polled, Poll::Ready(None | Some(Err(_)))) || self.body.is_end_stream();
        let Open { streams, id, answered } = &mut self.open;
        *answered |= over;
        let mut state = streams.state();
        if handed {
            state.untaken.insert(*id, 0);
        } else {
            state.untaken.remove(id);
        }
        drop(state);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What both sides may remember of headers that were sent before (HPACK), as RFC 9113 has it from the start.
const HEADER_TABLE_BYTES: u32 = 4 << 10;
/// The least that RFC 9113 lets anybody ask for.
const FRAME_BYTES_MAX: u32 = 16 << 10;

#[cfg(test)]
mod tests;
