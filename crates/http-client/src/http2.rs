//! HTTP/2 to one address (RFC 9113): one connection for many requests at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Uri, Version, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::client::Broke;
use crate::head::{HEAD_BYTES_MAX, HEADERS_MAX, Head, Hears, Request};

/// A connection for many requests at once. It ends when nobody holds it and its last answer is read.
#[derive(Clone)]
pub(crate) struct Many {
    sender: SendRequest<Full<Bytes>>,
    /// So many more at once. The other side may have said that it takes fewer: then they wait.
    room: Arc<Semaphore>,
    /// How often it was found with nothing to do.
    found: Arc<AtomicU8>,
}

/// A body that comes as one stream of a connection.
pub(crate) struct Streamed {
    body: Option<Incoming>,
    _open: OwnedSemaphorePermit,
}

/// Why there is no answer.
pub(crate) enum Unasked {
    /// It never left: the connection was closed.
    Never(io::Error),
    /// It may have left.
    Broke(Broke),
}

// === impl Many ===

impl Many {
    /// Begins to speak. Error: the other side does not.
    pub(crate) async fn over(stream: MaybeHttpsStream<TokioIo<TcpStream>>) -> io::Result<Self> {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX))
            .initial_stream_window_size(STREAM_BYTES_MAX)
            // As much as all streams together, so that an answer that nobody takes at once stops no other.
            .initial_connection_window_size(STREAM_BYTES_MAX * STREAMS_MAX)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_EVERY);
        let (sender, connection) = builder.handshake(stream).await.map_err(io::Error::other)?;
        in_its_own_task(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to an app ended early");
            }
        });
        let room = Arc::new(Semaphore::new(STREAMS_MAX as usize));
        Ok(Self { sender, room, found: Arc::default() })
    }

    /// Whether it takes another request right now.
    pub(crate) fn has_room(&self) -> bool {
        !self.sender.is_closed() && self.room.available_permits() > 0
    }

    /// How often it was found with nothing to do, this time included; no longer open counts as long ago.
    pub(crate) fn found(&self) -> u8 {
        if self.sender.is_closed() {
            return u8::MAX;
        }
        if self.room.available_permits() < STREAMS_MAX as usize {
            self.found.store(0, Ordering::Relaxed);
            return 0;
        }
        self.found.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// Sends one request and reads the head of its answer.
    pub(crate) async fn send<H: Hears>(mut self, request: &Request, url: &Uri) -> Result<(Head<H>, Streamed), Unasked> {
        let full = |_| Unasked::Never(io::Error::other("the connection takes no more requests at once"));
        let open = Arc::clone(&self.room).try_acquire_owned().map_err(full)?;
        self.found.store(0, Ordering::Relaxed);
        let request = translated(request, url).map_err(|error| Unasked::Broke(Broke::Unreachable(error.into())))?;
        let response = self.sender.try_send_request(request).await.map_err(|mut error| {
            let never = error.take_message().is_some();
            let error = error.into_error();
            if never {
                return Unasked::Never(io::Error::other(error));
            }
            let refused = is_refused(&error);
            let error = io::Error::other(error);
            Unasked::Broke(if refused { Broke::Refused(error) } else { Broke::Off(error) })
        })?;
        let (parts, body) = response.into_parts();
        let mut said = H::default();
        for (name, value) in &parts.headers {
            said.hear(name.as_str(), value.as_bytes());
        }
        let head = Head { status: parts.status, version: parts.version, said };
        Ok((head, Streamed { body: Some(body), _open: open }))
    }
}

// === impl Streamed ===

impl Streamed {
    /// What comes next; none at the end. Trailers are passed over.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        while let Some(body) = &mut self.body {
            match body.frame().await {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.into_data().ok().filter(|data| !data.is_empty()) {
                        return Ok(Some(data));
                    }
                }
                Some(Err(error)) => {
                    self.body = None;
                    return Err(io::Error::other(error));
                }
                None => self.body = None,
            }
        }
        Ok(None)
    }
}

/// Whether the other side says that it did not look at the request (RFC 9113, sections 6.8 and 8.7): nothing was done, for certain.
/// Of a GOAWAY only those streams hear that are behind the last one that it names.
fn is_refused(error: &hyper::Error) -> bool {
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        if let Some(cause) = cause.downcast_ref::<h2::Error>() {
            return cause.is_remote() && (cause.is_go_away() || cause.reason() == Some(h2::Reason::REFUSED_STREAM));
        }
        next = cause.source();
    }
    false
}

/// The same request in the form of HTTP/2. There is one maker of requests, so this reads back what it wrote.
fn translated(request: &Request, url: &Uri) -> io::Result<http::Request<Full<Bytes>>> {
    let none = || io::Error::other("a request to an app cannot be read back");
    let (head, body) = request.parts();
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut read = httparse::Request::new(&mut headers);
    if !read.parse(head).map_err(io::Error::other)?.is_complete() {
        return Err(none());
    }
    let (Some(method), Some(path)) = (read.method, read.path) else { return Err(none()) };
    let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else { return Err(none()) };
    let address = Uri::builder().scheme(scheme).authority(authority.as_str()).path_and_query(path);
    let mut translated = http::Request::new(Full::new(body));
    *translated.method_mut() = Method::from_bytes(method.as_bytes()).map_err(io::Error::other)?;
    *translated.uri_mut() = address.build().map_err(io::Error::other)?;
    *translated.version_mut() = Version::HTTP_2;
    for one in read.headers.iter() {
        let name = HeaderName::from_bytes(one.name.as_bytes()).map_err(io::Error::other)?;
        // `:authority` says it.
        if name == header::HOST {
            continue;
        }
        let mut value = HeaderValue::from_bytes(one.value).map_err(io::Error::other)?;
        // Whatever is not the same for everybody is compressed beside nothing else (RFC 7541, section 7.1).
        value.set_sensitive(!COMMON.contains(&name));
        translated.headers_mut().append(name, value);
    }
    Ok(translated)
}

#[expect(
    clippy::disallowed_methods,
    reason = "one task for each connection, which ends when its client is dropped and its last answer is read"
)]
fn in_its_own_task(connection: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(connection);
}

/// Headers that hold the same in every request.
const COMMON: [HeaderName; 5] =
    [header::ACCEPT, header::ACCEPT_ENCODING, header::USER_AGENT, header::CONTENT_TYPE, header::CONTENT_LENGTH];
/// Requests at once on one connection. Past it: another one is made.
const STREAMS_MAX: u32 = 100;
/// Bytes of one answer that may come ahead of being read.
const STREAM_BYTES_MAX: u32 = 128 << 10;
/// How often the other side is asked whether it is there while it owes an answer, and how long that may take.
const PING_EVERY: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests;
