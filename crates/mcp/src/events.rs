//! Streams of events to clients. Those of a legacy session remember what was said, within bounds, so that a client whose
//! connection broke gets the rest; those of 2026-07-28 forget what they have handed over.
//!
//! An event id is a place in one stream: `r7-12` is the twelfth event of the session's seventh stream, which belongs to a
//! response; `s…` is one of the streams on which a client listens. Behind a `.` may stand what the response is of, so that
//! the call goes on where nothing is remembered of its stream.

mod reader;
mod streams;

pub use reader::{Opening, Reader, event_stream};
pub use streams::{Gone, Streams};

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::Waker;

use bytes::{BufMut, Bytes, BytesMut};
use model::UnixMicros;
use model::limits::{EVENT_BYTES_MAX, STREAM_BYTES_MAX, STREAM_EVENTS_MAX};

/// One stream of events, with one reader at a time.
pub struct Stream {
    kind: Kind,
    number: u64,
    remembered: Remembered,
    /// What the response is of.
    name: OnceLock<String>,
    state: Mutex<State>,
    me: Weak<Self>,
}

/// What a stream is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What is said during one call, and its answer, for a legacy client.
    Response,
    /// What is said besides calls to a legacy client.
    Standing,
    /// The response to a `subscriptions/listen`, which nobody can take up again.
    Listen,
}

/// How much is remembered in the whole gateway. Cheap to clone.
#[derive(Clone, Default)]
pub struct Remembered {
    all: Arc<All>,
}

#[derive(Default)]
struct All {
    bytes: AtomicUsize,
    /// Streams of which something is remembered that was read, the longest first: it goes where there is no room for more.
    read: Mutex<Read>,
}

#[derive(Default)]
struct Read {
    last: u64,
    streams: BTreeMap<u64, Weak<Stream>>,
}

#[derive(Default)]
struct State {
    events: VecDeque<Event>,
    bytes: usize,
    /// The number of the last event that was said, and of the last one that a reader took.
    said: u64,
    taken: u64,
    /// Its place among the streams of which something was read.
    read: Option<u64>,
    ended: Option<UnixMicros>,
    /// The number of the last event that is forgotten and that its client may not miss: who comes back for it is told so.
    forgotten: u64,
    pausing: bool,
    /// The reader in force; another one takes its place.
    reader: u64,
    reading: bool,
    waker: Option<Waker>,
}

/// What a reader does next.
enum Next {
    /// Write this event.
    Event(u64, Bytes),
    /// Wait until it is woken.
    Wait,
    /// Stop reading.
    End,
}

struct Event {
    number: u64,
    message: Bytes,
    answer: bool,
}

// === impl Stream ===

impl Stream {
    /// A stream without events.
    pub fn new(kind: Kind, number: u64, remembered: Remembered) -> Arc<Self> {
        Arc::new_cyclic(|me| {
            let (name, state, me) = (OnceLock::new(), Mutex::default(), me.clone());
            Self { kind, number, remembered, name, state, me }
        })
    }

    /// What it is for.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Says something. What is too much goes, the oldest first.
    pub fn say(&self, message: Bytes) {
        self.push(message, false);
    }

    /// Says something, unless the same is already waiting to be read.
    pub fn say_once(&self, message: &Bytes) {
        let state = self.state();
        let waits = state.events.iter().rev().take_while(|event| event.number > state.taken);
        let said = waits.map(|event| &event.message).any(|waiting| waiting == message);
        drop(state);
        if !said {
            self.push(message.clone(), false);
        }
    }

    /// Says the answer, which is the end. None: there is none.
    pub fn end(&self, answer: Option<Bytes>, now: UnixMicros) {
        if let Some(answer) = answer {
            self.push(answer, true);
        }
        let mut state = self.state();
        state.ended.get_or_insert(now);
        wake(state);
    }

    /// Lets the connection go without ending the stream: the client comes back for the rest.
    pub fn pause(&self) {
        let mut state = self.state();
        state.pausing = state.reading;
        wake(state);
    }

    /// From now on its event ids say what the response is of.
    pub fn named(&self, name: String) {
        let _first = self.name.set(name);
        wake(self.state());
    }

    /// Whether its event ids say what the response is of.
    fn is_named(&self) -> bool {
        self.name.get().is_some()
    }

    /// Whether somebody reads it now.
    pub fn is_read(&self) -> bool {
        self.state().reading
    }

    fn push(&self, message: Bytes, answer: bool) {
        let size = message.len();
        self.remembered.make_room(size);
        let mut state = self.state();
        if state.ended.is_some() {
            return;
        }
        if !state.reading && self.remembered.add(size) > EVENT_BYTES_MAX {
            self.remembered.remove(size);
            if answer || asks(&message) {
                state.said += 1;
                state.forgotten = state.said;
            }
            return;
        }
        if state.reading {
            self.remembered.add(size);
        }
        state.said += 1;
        state.bytes += size;
        let number = state.said;
        state.events.push_back(Event { number, message, answer });
        self.trim(&mut state);
        wake(state);
    }

    /// Drops what is past the bounds: first what was read, then what waits, but not the last that waits.
    fn trim(&self, state: &mut State) {
        let keeps_nothing = self.kind == Kind::Listen;
        while let Some(first) = state.events.front() {
            let read = first.number <= state.taken;
            let too_much = state.events.len() > STREAM_EVENTS_MAX || state.bytes > STREAM_BYTES_MAX;
            let goes = too_much && (read || (!first.answer && state.events.len() > 1)) || read && keeps_nothing;
            if !goes {
                return;
            }
            self.forget_first(state);
        }
    }

    /// Forgets what was read.
    fn forget_read(&self) {
        let mut state = self.state();
        state.read = None;
        while state.events.front().is_some_and(|first| first.number <= state.taken) {
            self.forget_first(&mut state);
        }
    }

    fn forget_first(&self, state: &mut State) {
        let Some(Event { number, message, answer }) = state.events.pop_front() else { return };
        state.bytes -= message.len();
        self.remembered.remove(message.len());
        if answer || asks(&message) {
            state.forgotten = number;
        }
    }

    /// What a reader at this place does next.
    fn take(&self, reader: u64, place: u64, waker: &Waker) -> Next {
        let mut state = self.state();
        if state.reader != reader || place < state.forgotten {
            return Next::End;
        }
        if let Some(next) = state.events.iter().find(|event| event.number > place) {
            let next = Next::Event(next.number, next.message.clone());
            if let Next::Event(number, _) = next {
                state.taken = state.taken.max(number);
            }
            self.trim(&mut state);
            if state.read.is_none() && self.kind != Kind::Listen {
                state.read = Some(self.remembered.was_read(&self.me));
            }
            return next;
        }
        if state.ended.is_some() || std::mem::take(&mut state.pausing) {
            return Next::End;
        }
        state.waker = Some(waker.clone());
        Next::Wait
    }

    fn id(&self, place: u64) -> String {
        let kind = if self.kind == Kind::Response { 'r' } else { 's' };
        match self.name.get() {
            Some(name) => format!("{kind}{}-{place}{NAMED}{name}", self.number),
            None => format!("{kind}{}-{place}", self.number),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let state = self.state();
        self.remembered.remove(state.bytes);
        if let Some(place) = state.read {
            self.remembered.read().streams.remove(&place);
        }
    }
}

// === impl Remembered ===

impl Remembered {
    /// How much it is then.
    fn add(&self, bytes: usize) -> usize {
        self.all.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes)
    }

    /// Forgets what was read, the longest ago first, until there is room for so much more. Nobody may have locked a stream.
    fn make_room(&self, bytes: usize) {
        while self.all.bytes.load(Ordering::Relaxed).saturating_add(bytes) > EVENT_BYTES_MAX {
            let Some((_, stream)) = self.read().streams.pop_first() else { return };
            if let Some(stream) = stream.upgrade() {
                stream.forget_read();
            }
        }
    }

    /// Notes that something of this stream was read: its place among those.
    fn was_read(&self, stream: &Weak<Stream>) -> u64 {
        let mut read = self.read();
        read.last += 1;
        let place = read.last;
        read.streams.insert(place, Weak::clone(stream));
        place
    }

    fn read(&self) -> MutexGuard<'_, Read> {
        self.all.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove(&self, bytes: usize) {
        self.all.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Whether a message wants an answer.
fn asks(message: &[u8]) -> bool {
    json::has_member(message, "id")
}

fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Writes one event. A message holds no line end outside its strings, where JSON does not allow one; what stands between
/// its tokens becomes a space.
pub fn write_event(out: &mut BytesMut, id: Option<&str>, message: &[u8]) {
    out.put_slice(b"event: message\n");
    if let Some(id) = id {
        out.put_slice(b"id: ");
        out.put_slice(id.as_bytes());
        out.put_slice(b"\n");
    }
    out.put_slice(b"data: ");
    if memchr::memchr2(b'\n', b'\r', message).is_none() {
        out.put_slice(message);
    } else {
        out.extend(message.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
    }
    out.put_slice(b"\n\n");
}

/// What stands before the name in an event id.
pub const NAMED: char = '.';

#[cfg(test)]
mod tests;
