//! The body of a response that is a stream of events.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use front::{Body, BrokenOff};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Frame;
use tokio::time::{Interval, MissedTickBehavior};

use super::{Kind, Next, Stream, write_event};

/// Reads one stream to a client.
pub struct Reader {
    stream: Arc<Stream>,
    reader: u64,
    place: u64,
    /// Whether the first event, without data, is still to be written: it says where the client may come back to.
    primes: bool,
    /// Whether the client knows what the response is of.
    named: bool,
    looks: Interval,
    looked: u64,
    opening: Opening,
    done: bool,
}

/// How a stream is read.
#[derive(Default)]
pub struct Opening {
    /// Whether the client understands an event without data (2025-11-25).
    pub primes: bool,
    /// Whether it may still be read, asked twice a second.
    pub may: Option<Box<dyn Fn() -> bool + Send>>,
    /// What is said when it may not be read any more.
    pub last_words: Option<Bytes>,
    /// What lasts as long as somebody reads.
    pub _holds: Option<Box<dyn Any + Send>>,
}

impl Reader {
    /// Reads on after this place. Whoever read the stream so far reads no more.
    pub fn new(stream: Arc<Stream>, place: u64, opening: Opening) -> Self {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        looks.reset();
        let mut state = stream.state();
        state.reader += 1;
        state.reading = true;
        state.pausing = false;
        let reader = state.reader;
        super::wake(state);
        let primes = opening.primes;
        Self { stream, reader, place, primes, named: false, looks, looked: 0, opening, done: false }
    }

    /// The response that carries it.
    pub fn response(self) -> Response<Body> {
        event_stream(self.boxed_unsync())
    }

    fn written(&self, place: u64, message: &[u8]) -> Bytes {
        let mut out = BytesMut::with_capacity(message.len() + 40);
        let id = (self.stream.kind != Kind::Listen).then(|| self.stream.id(place));
        write_event(&mut out, id.as_deref(), message);
        out.freeze()
    }

    fn first(&self) -> Bytes {
        let mut out = BytesMut::new();
        let retry = if self.named { RETRY_NAMED_MS } else { RETRY_MS };
        out.put_slice(format!("id: {}\nretry: {retry}\ndata: \n\n", self.stream.id(self.place)).as_bytes());
        out.freeze()
    }

    fn next(&mut self, context: &Context<'_>) -> Poll<Option<Bytes>> {
        if self.done {
            return Poll::Ready(None);
        }
        let learns = self.opening.primes && !self.named && self.stream.is_named();
        self.named |= learns;
        if std::mem::take(&mut self.primes) || learns {
            return Poll::Ready(Some(self.first()));
        }
        match self.stream.take(self.reader, self.place, context.waker()) {
            Next::Event(place, message) => {
                self.place = place;
                Poll::Ready(Some(self.written(place, &message)))
            }
            Next::Wait => Poll::Pending,
            Next::End => Poll::Ready(None),
        }
    }
}

impl hyper::body::Body for Reader {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let reader = &mut *self;
        while reader.looks.poll_tick(context).is_ready() {
            reader.looked += 1;
            if !reader.done && reader.opening.may.as_ref().is_some_and(|may| !may()) {
                reader.done = true;
                if let Some(words) = reader.opening.last_words.take() {
                    return Poll::Ready(Some(Ok(Frame::data(reader.written(reader.place, &words)))));
                }
            } else if reader.looked.is_multiple_of(LOOKS_PER_SIGN_OF_LIFE) {
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b":\n\n")))));
            }
        }
        reader.next(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.stream.state();
        if state.reader == self.reader {
            state.reading = false;
            state.waker = None;
        }
    }
}

/// The head of a response that is an event stream.
pub fn event_stream(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    // Connections keep them while they wait for the stream's end: room for these and no more.
    *response.headers_mut() = HeaderMap::with_capacity(3);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Every 15 s.
const LOOKS_PER_SIGN_OF_LIFE: u64 = 30;
/// How long a client whose connection was let go waits before it comes back.
const RETRY_MS: u64 = 500;
/// The same, where the call goes on also over a restart: clients try twice, and a gateway takes a moment to start.
const RETRY_NAMED_MS: u64 = 4_000;
