//! A call's way back to its client: one JSON answer where the app says nothing before it, an event stream where it does.
//!
//! A legacy client that goes away has not changed its mind: its call goes on, and what was said waits for it in the stream.
//! A client of 2025-11-25 gets a stream, too, when the answer takes its time, for only then it can come back.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use front::{Body, BrokenOff};
use http::Response;
use http_body_util::BodyExt as _;
use hyper::body::Frame;
use model::Clock;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::task::TaskTracker;

use crate::events::{self, Opening, Reader, event_stream, write_event};
use crate::mailbox;
use crate::session::Session;
use crate::tasks::HeldTask;
use crate::upstream::Along;

/// A response that is still being worked out.
pub type Answering = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// What a call needs so that its client may come back for the answer.
pub struct Resumable {
    /// The session.
    pub session: Arc<Session>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What its client comes back with for the response to a call that waits, also after a restart.
    pub name: Names,
}

/// Names the response to a call that waits.
pub type Names = Box<dyn Fn(&HeldTask) -> Option<String> + Send + Sync>;

/// A response that whoever wants it drives. When they go away, a task of its own takes over, and a call that nobody can come
/// back for is cancelled there. All that belongs to it stays with it to its end.
///
/// A task for every response from the start would do, too, and cost each the making of one.
pub struct Outliving {
    answering: Option<Answering>,
    tasks: TaskTracker,
    cancels: Option<Along>,
}

/// Waits for the answer or for the first thing that is said before it, whichever comes first. Without a session a client
/// that goes away has changed its mind (2026-07-28).
pub async fn respond(
    mut answering: Answering,
    mut told: mailbox::Receiver<Bytes>,
    along: Along,
    resumable: Option<Resumable>,
    tasks: &TaskTracker,
) -> Response<Body> {
    let Some(resumable) = resumable else {
        return respond_once(Outliving::new(answering, tasks, Some(along)), told).await;
    };
    let primes = resumable.session.revision.comes_back();
    let mut answered = None;
    let first = tokio::select! {
        biased;
        response = &mut answering => {
            // What was said before the answer is not lost because the answer was quick.
            let Some(first) = told.try_recv() else { return response };
            answered = Some(response);
            Some(first)
        }
        Some(first) = told.recv() => Some(first),
        () = slowly(&along), if primes => None,
        () = along.waiting() => None,
        () = tokio::time::sleep(STREAM_AFTER), if primes => None,
    };
    if let Some(response) = answered {
        answering = Box::pin(std::future::ready(response));
    }
    let stream = resumable.session.streams.respond(resumable.clock.now());
    if let Some(first) = first {
        stream.say(first);
    }
    open(answering, told, along, (stream, resumable), tasks)
}

/// A stream for a response that its client comes back for.
pub fn resume(
    answering: Answering,
    told: mailbox::Receiver<Bytes>,
    along: Along,
    resumable: Resumable,
    tasks: &TaskTracker,
) -> Response<Body> {
    let stream = resumable.session.streams.respond(resumable.clock.now());
    open(answering, told, along, (stream, resumable), tasks)
}

fn open(
    answering: Answering,
    told: mailbox::Receiver<Bytes>,
    along: Along,
    (stream, resumable): (Arc<events::Stream>, Resumable),
    tasks: &TaskTracker,
) -> Response<Body> {
    let primes = resumable.session.revision.comes_back();
    resumable.names(&stream, &along);
    let reader = Reader::new(Arc::clone(&stream), 0, Opening { primes, ..Opening::default() });
    tasks.spawn(go_on(answering, told, along, stream, resumable));
    reader.response()
}

/// Ends when the app answers on a stream that can be taken up again, and does not answer at once.
async fn slowly(along: &Along) {
    along.streaming().await;
    tokio::time::sleep(AT_ONCE).await;
}

/// Takes a call to its end, whoever reads.
async fn go_on(
    mut answering: Answering,
    mut told: mailbox::Receiver<Bytes>,
    along: Along,
    stream: Arc<events::Stream>,
    resumable: Resumable,
) {
    let pauses = resumable.session.revision.comes_back();
    let response = loop {
        tokio::select! {
            biased;
            Some(message) = told.recv() => stream.say(message),
            response = &mut answering => break response,
            () = along.pausing(), if pauses => stream.pause(),
            () = along.waiting() => resumable.names(&stream, &along),
        }
    };
    while let Some(message) = told.try_recv() {
        stream.say(message);
    }
    stream.end(whole(response), resumable.clock.now());
}

async fn respond_once(mut answering: Outliving, mut told: mailbox::Receiver<Bytes>) -> Response<Body> {
    let along = answering.cancels.clone();
    let waiting = async {
        match &along {
            Some(along) => along.waiting().await,
            None => std::future::pending().await,
        }
    };
    let first = tokio::select! {
        biased;
        response = &mut answering => {
            let Some(first) = told.try_recv() else { return response };
            answering.answering = Some(Box::pin(std::future::ready(response)));
            Some(first)
        }
        Some(first) = told.recv() => Some(first),
        () = waiting => None,
    };
    let mut signs = tokio::time::interval(SIGN_OF_LIFE_EVERY);
    signs.set_missed_tick_behavior(MissedTickBehavior::Delay);
    signs.reset();
    event_stream(Stream { first, told, answering, signs }.boxed_unsync())
}

/// Events as they come, the answer last.
struct Stream {
    first: Option<Bytes>,
    told: mailbox::Receiver<Bytes>,
    answering: Outliving,
    /// A connection that carries nothing is taken for dead by what stands between.
    signs: Interval,
}

impl Resumable {
    /// Where a call waits, its client learns what to come back with.
    fn names(&self, stream: &events::Stream, along: &Along) {
        if let Some(name) = along.held_as().filter(|held| held.plain).and_then(|held| (self.name)(held)) {
            stream.named(name);
        }
    }
}

impl Outliving {
    /// Goes on in these tasks when whoever wants it goes away; `cancels` is cancelled before.
    pub fn new(answering: Answering, tasks: &TaskTracker, cancels: Option<Along>) -> Self {
        Self { answering: Some(answering), tasks: tasks.clone(), cancels }
    }
}

impl Future for Outliving {
    type Output = Response<Body>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // One that breaks is not put back, and not driven again.
        let Some(mut answering) = self.answering.take() else { return Poll::Pending };
        let polled = answering.as_mut().poll(context);
        if polled.is_pending() {
            self.answering = Some(answering);
        }
        polled
    }
}

impl Drop for Outliving {
    fn drop(&mut self) {
        let Some(answering) = self.answering.take() else { return };
        if let Some(along) = &self.cancels {
            along.cancel();
        }
        if tokio::runtime::Handle::try_current().is_ok() {
            self.tasks.spawn(answering);
        }
    }
}

impl hyper::body::Body for Stream {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(event(&first))));
        }
        if let Poll::Ready(Some(message)) = self.told.poll_recv(context) {
            return Poll::Ready(Some(Ok(event(&message))));
        }
        if self.answering.answering.is_none() {
            return Poll::Ready(None);
        }
        let Poll::Ready(response) = Pin::new(&mut self.answering).poll(context) else {
            return match self.signs.poll_tick(context) {
                Poll::Ready(_) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b":\n\n"))))),
                Poll::Pending => Poll::Pending,
            };
        };
        // What was said before the answer stands before it.
        let mut out = BytesMut::new();
        while let Some(message) = self.told.try_recv() {
            write_event(&mut out, None, &message);
        }
        if let Some(answer) = whole(response) {
            write_event(&mut out, None, &answer);
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
    write_event(&mut out, None, message);
    Frame::data(out.freeze())
}

const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(15);
const AT_ONCE: Duration = Duration::from_millis(20);
/// How long a client of 2025-11-25 waits for its answer before it gets a stream that it can take up again.
const STREAM_AFTER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
