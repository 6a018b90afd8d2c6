//! A call's way back to its client: one JSON answer where the app says nothing before it, an event stream where it does.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes, BytesMut};
use front::Body;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Frame;
use tokio::sync::mpsc;

use crate::upstream::Along;

/// A response that is still being worked out.
pub type Answering = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// Waits for the answer or for the first thing that is said before it, whichever comes first.
///
/// A modern client that goes away has changed its mind (2026-07-28); for a legacy one that says nothing.
pub async fn respond(
    mut answering: Answering,
    mut told: mpsc::Receiver<Bytes>,
    along: Along,
    modern: bool,
) -> Response<Body> {
    let mut leaving = Leaving { along, modern, done: false };
    let first = tokio::select! {
        biased;
        response = &mut answering => {
            leaving.done = true;
            return response;
        }
        Some(first) = told.recv() => first,
    };
    let stream = Stream { first: Some(first), told, answering: Some(answering), leaving };
    let mut response = Response::new(stream.boxed_unsync());
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Events as they come, the answer last.
struct Stream {
    first: Option<Bytes>,
    told: mpsc::Receiver<Bytes>,
    answering: Option<Answering>,
    leaving: Leaving,
}

/// Notices that the client has gone away before its answer.
struct Leaving {
    along: Along,
    modern: bool,
    done: bool,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if self.modern && !self.done {
            self.along.cancel();
        }
    }
}

impl hyper::body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(event(&first))));
        }
        if let Poll::Ready(Some(message)) = self.told.poll_recv(context) {
            return Poll::Ready(Some(Ok(event(&message))));
        }
        let Some(answering) = &mut self.answering else { return Poll::Ready(None) };
        let Poll::Ready(response) = answering.as_mut().poll(context) else { return Poll::Pending };
        // What was said before the answer stands before it.
        let mut out = BytesMut::new();
        while let Ok(message) = self.told.try_recv() {
            write_event(&mut out, &message);
        }
        self.answering = None;
        self.leaving.done = true;
        if let Some(answer) = whole(response) {
            write_event(&mut out, &answer);
        }
        Poll::Ready(Some(Ok(Frame::data(out.freeze()))))
    }
}

/// The bytes of a response that was made of bytes.
fn whole(response: Response<Body>) -> Option<Bytes> {
    let mut body = response.into_body();
    let mut context = Context::from_waker(std::task::Waker::noop());
    match hyper::body::Body::poll_frame(Pin::new(&mut body), &mut context) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().ok(),
        _ => None,
    }
}

fn event(message: &[u8]) -> Frame<Bytes> {
    let mut out = BytesMut::with_capacity(message.len() + 24);
    write_event(&mut out, message);
    Frame::data(out.freeze())
}

/// One event. A message holds no line end outside its strings, where JSON does not allow one; what stands between its
/// tokens becomes a space.
fn write_event(out: &mut BytesMut, message: &[u8]) {
    out.put_slice(b"event: message\ndata: ");
    if memchr::memchr2(b'\n', b'\r', message).is_none() {
        out.put_slice(message);
    } else {
        out.extend(message.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
    }
    out.put_slice(b"\n\n");
}
