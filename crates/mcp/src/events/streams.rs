//! The streams of one legacy session.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use model::UnixMicros;
use model::limits::{STREAM_AGE_MAX, STREAMS_PER_SESSION_MAX};

use super::{Kind, NAMED, Remembered, Stream};

/// All streams of a session that somebody may still come back for.
pub struct Streams {
    remembered: Remembered,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    last: u64,
    responses: VecDeque<Arc<Stream>>,
    /// Those to listen on, the newest last.
    standing: VecDeque<Arc<Stream>>,
}

/// Nothing is remembered of the stream that a client comes back for.
#[derive(Debug)]
pub struct Gone;

impl Streams {
    /// No stream yet; they are numbered from after `last` on.
    pub fn new(remembered: Remembered, last: u64) -> Self {
        Self { remembered, open: Mutex::new(Open { last, ..Open::default() }) }
    }

    /// A stream for a response. What nobody came back for in time is forgotten, and of too many the oldest.
    pub fn respond(&self, now: UnixMicros) -> Arc<Stream> {
        let mut open = self.open();
        open.forget_old(now);
        open.make_room();
        let stream = open.stream(Kind::Response, &self.remembered);
        open.responses.push_back(Arc::clone(&stream));
        stream
    }

    /// The stream to listen on, and the place in it after which nothing was read: one that waits for its reader, or a new one
    /// where each has one.
    pub fn listen(&self) -> (Arc<Stream>, u64) {
        let mut open = self.open();
        let stream = match open.standing.back() {
            Some(standing) if !standing.is_read() => Arc::clone(standing),
            _ => open.stand(&self.remembered),
        };
        drop(open);
        let taken = stream.state().taken;
        (stream, taken)
    }

    /// Says something besides calls: on one stream, however many are read.
    pub fn tell(&self, message: &Bytes) {
        let mut open = self.open();
        let read = open.standing.iter().rev().find(|stream| stream.is_read());
        let standing = read.or(open.standing.back()).cloned();
        let standing = standing.unwrap_or_else(|| open.stand(&self.remembered));
        drop(open);
        standing.say_once(message);
    }

    /// The stream that this event id belongs to, and the place in it. None of a stream to listen on is lost: another one
    /// takes its place.
    pub fn resume(&self, last_event_id: &str, now: UnixMicros) -> Result<(Arc<Stream>, u64), Gone> {
        let mut open = self.open();
        open.forget_old(now);
        let (place, _) = last_event_id.split_once(NAMED).unwrap_or((last_event_id, ""));
        let (kind, rest) = place.split_at_checked(1).ok_or(Gone)?;
        let (number, place) = rest.split_once('-').ok_or(Gone)?;
        let (number, place): (u64, u64) = (number.parse().map_err(|_| Gone)?, place.parse().map_err(|_| Gone)?);
        if kind == "s" {
            let same = open.standing.iter().find(|stream| stream.number == number).cloned();
            drop(open);
            return Ok(same.map_or_else(|| self.listen(), |stream| (stream, place)));
        }
        if kind != "r" {
            return Err(Gone);
        }
        let found = open.responses.iter().find(|stream| stream.number == number && place >= stream.state().forgotten);
        found.map(|stream| (Arc::clone(stream), place)).ok_or(Gone)
    }

    /// Forgets what nobody came back for in time.
    pub fn rest(&self, now: UnixMicros) {
        self.open().forget_old(now);
    }

    /// Ends what a client listens on. Responses end with their answers.
    pub fn end(&self, now: UnixMicros) {
        let standing = std::mem::take(&mut self.open().standing);
        for stream in standing {
            stream.end(None, now);
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn stream(&mut self, kind: Kind, remembered: &Remembered) -> Arc<Stream> {
        self.last += 1;
        Stream::new(kind, self.last, remembered.clone())
    }

    fn stand(&mut self, remembered: &Remembered) -> Arc<Stream> {
        if self.standing.len() >= STANDING_MAX {
            self.standing.pop_front();
        }
        let stream = self.stream(Kind::Standing, remembered);
        self.standing.push_back(Arc::clone(&stream));
        stream
    }

    fn forget_old(&mut self, now: UnixMicros) {
        let old = |ended: UnixMicros| u128::from(now.since(ended).unsigned_abs()) > STREAM_AGE_MAX.as_micros();
        self.responses.retain(|stream| !stream.state().ended.is_some_and(old));
    }

    /// For one more response.
    fn make_room(&mut self) {
        while self.responses.len() >= STREAMS_PER_SESSION_MAX {
            let ended = self.responses.iter().position(|stream| stream.state().ended.is_some());
            self.responses.remove(ended.unwrap_or(0));
        }
    }
}

/// Streams of one session to listen on that somebody may come back to.
const STANDING_MAX: usize = 4;
