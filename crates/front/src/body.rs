//! Bodies, in and out.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use model::{Blame, Fault};

use crate::status::status_of;
use crate::wire::Place;

/// What every response carries.
pub type Body = UnsyncBoxBody<Bytes, BrokenOff>;

/// A body ends before its end: the connection, or the stream of HTTP/2, is closed, so that nobody takes what came for all of it.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off")]
pub struct BrokenOff;

/// A body of these bytes.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// No body.
pub fn empty() -> Body {
    full(Bytes::new())
}

/// The body, holding a place among the requests in flight until its end: a stream is in flight for as long as it goes on. How long the
/// other side takes to read what was handed to its connection does not count.
pub fn holding(body: Body, place: Place) -> Body {
    Holding { body, place: Some(place) }.boxed_unsync()
}

/// Pieces of a body, put together. Most bodies come in one.
#[derive(Debug, Default)]
pub struct Pieces {
    first: Bytes,
    rest: BytesMut,
}

struct Holding {
    body: Body,
    place: Option<Place>,
}

impl hyper::body::Body for Holding {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) || self.body.is_end_stream() {
            self.place = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A JSON response.
pub fn json_response(status: StatusCode, bytes: impl Into<Bytes>) -> Response<Body> {
    typed(status, HeaderValue::from_static("application/json"), bytes)
}

/// What was refused, as JSON: `blame`, `error` (a stable code), `error_description` and `hint`.
pub fn refusal(fault: &Fault) -> Response<Body> {
    let said = serde_json::json!({
        "blame": fault.blame().as_str(),
        "error": fault.code(),
        "error_description": fault.to_string(),
        "hint": fault.way_out(),
    });
    let status = status_of(fault);
    let mut response = json_response(status, said.to_string());
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// A plain text response.
pub fn text_response(status: StatusCode, text: impl Into<String>) -> Response<Body> {
    typed(status, HeaderValue::from_static("text/plain; charset=utf-8"), text.into())
}

fn typed(status: StatusCode, kind: HeaderValue, bytes: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(full(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Reads a body of at most `bytes_max` bytes within 30 s. Error: blame `Caller`; too large is `caller.too_large` (413),
/// too slow `caller.too_slow` (408).
pub async fn read_body(body: Incoming, bytes_max: usize) -> Result<Bytes, Fault> {
    let read = tokio::time::timeout(BODY_TIME_MAX, collect(body, bytes_max));
    read.await.unwrap_or_else(|_| Err(too_slow()))
}

pub(crate) fn too_slow() -> Fault {
    Fault::new(Blame::Caller, "caller.too_slow", "the body did not arrive in time")
}

async fn collect(mut body: Incoming, bytes_max: usize) -> Result<Bytes, Fault> {
    let read = take(&mut body, bytes_max).await;
    if read.as_ref().is_err_and(|fault| fault.code() == "caller.too_large") {
        // A client that is cut off in the middle of sending never reads why.
        let mut passed_over = 0;
        while passed_over < PASSED_OVER_BYTES_MAX
            && let Some(Ok(frame)) = body.frame().await
        {
            passed_over += frame.data_ref().map_or(0, Bytes::len);
        }
    }
    read
}

async fn take(body: &mut Incoming, bytes_max: usize) -> Result<Bytes, Fault> {
    let too_large = || {
        Fault::new(Blame::Caller, "caller.too_large", format!("the body is larger than {bytes_max} bytes"))
            .hint("send less, or have the operator raise `limits.body_bytes_max`")
    };
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(too_large());
    }
    let mut pieces = Pieces::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Fault::new(Blame::Caller, "caller.broken_body", "the body broke off before its end").because(error)
        })?;
        let Ok(data) = frame.into_data() else { continue };
        if pieces.bytes() + data.len() > bytes_max {
            return Err(too_large());
        }
        let more = body.size_hint().lower();
        pieces.push(data, usize::try_from(more).unwrap_or_default().min(bytes_max));
    }
    Ok(pieces.whole())
}

// === impl Pieces ===

impl Pieces {
    /// How much there is.
    pub fn bytes(&self) -> usize {
        self.first.len().max(self.rest.len())
    }

    /// Adds a piece; so many more bytes are to come.
    pub fn push(&mut self, piece: Bytes, more: usize) {
        if self.bytes() == 0 {
            self.first = if piece.len() > COPIED_BYTES_MAX { piece } else { Bytes::copy_from_slice(&piece) };
            return;
        }
        if self.rest.is_empty() {
            self.rest.reserve(self.first.len() + piece.len() + more);
            self.rest.extend_from_slice(&self.first);
        }
        self.rest.extend_from_slice(&piece);
    }

    /// All of it.
    pub fn whole(self) -> Bytes {
        if self.rest.is_empty() { self.first } else { self.rest.freeze() }
    }
}

/// A short body is copied: as long as a piece of it lives, a connection cannot use its buffer again and takes a new one.
const COPIED_BYTES_MAX: usize = 4 << 10;
const BODY_TIME_MAX: Duration = Duration::from_secs(30);
/// Bytes of a body that is too large that are read and thrown away, so that the answer is heard.
const PASSED_OVER_BYTES_MAX: usize = 32 << 20;
