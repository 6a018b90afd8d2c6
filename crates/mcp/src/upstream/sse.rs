//! Server-sent events, as far as MCP uses them: the data of each event, where the stream can be taken up again, and when.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

/// Cuts a stream of bytes into the data of its messages (WHATWG HTML, server-sent events). Comments are passed over, and so are events
/// of any other type. The caller bounds the total.
#[derive(Default)]
pub struct Events {
    line: BytesMut,
    data: BytesMut,
    any: bool,
    /// Whether the event has a type of its own, as signs of life have: it is for another listener than one for messages.
    other: bool,
    skip_feed: bool,
    id: Option<String>,
    last_id: Option<String>,
    retry: Option<Duration>,
}

impl Events {
    /// Takes more bytes and gives the events that are complete by now.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Bytes> {
        let mut events = Vec::new();
        let mut rest = bytes;
        while let Some(at) = memchr::memchr2(b'\n', b'\r', rest) {
            let (piece, after) = rest.split_at(at);
            let Some((end, after)) = after.split_first() else { break };
            rest = after;
            // CR LF is one end, even when a read falls between the two.
            let only_feed = *end == b'\n' && self.skip_feed && piece.is_empty();
            self.skip_feed = *end == b'\r';
            if only_feed {
                continue;
            }
            self.line.extend_from_slice(piece);
            self.end_line(&mut events);
        }
        if !rest.is_empty() {
            self.skip_feed = false;
        }
        self.line.extend_from_slice(rest);
        events
    }

    /// The id of the last event that had one: what comes after it can be asked for.
    pub fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// How long the server wants to be left alone before it is asked for more.
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// The stream broke off: what is half there is forgotten, and the next bytes begin a new line.
    pub fn broken(&mut self) {
        self.line.clear();
        self.data.clear();
        (self.any, self.other, self.skip_feed, self.id) = (false, false, false, None);
    }

    /// How much of an event that is not complete yet is held.
    pub fn held(&self) -> usize {
        self.line.len().saturating_add(self.data.len())
    }

    fn end_line(&mut self, events: &mut Vec<Bytes>) {
        let line = self.line.split();
        if line.is_empty() {
            if let Some(id) = self.id.take() {
                self.last_id = Some(id).filter(|id| !id.is_empty());
            }
            let data = self.data.split();
            if self.any && !self.other {
                events.push(data.freeze());
            }
            (self.any, self.other) = (false, false);
            return;
        }
        if let Some(id) = value_of(&line, b"id").and_then(|id| std::str::from_utf8(id).ok()) {
            if id.len() <= ID_BYTES_MAX && !id.contains('\0') {
                self.id = Some(id.to_owned());
            }
            return;
        }
        if let Some(retry) = value_of(&line, b"retry").and_then(|retry| std::str::from_utf8(retry).ok()) {
            if retry.bytes().all(|byte| byte.is_ascii_digit())
                && let Ok(milliseconds) = retry.parse()
            {
                self.retry = Some(Duration::from_millis(milliseconds));
            }
            return;
        }
        if let Some(kind) = value_of(&line, b"event") {
            self.other = !matches!(kind, b"" | b"message");
            return;
        }
        let Some(value) = value_of(&line, b"data") else { return };
        if self.any {
            self.data.extend_from_slice(b"\n");
        }
        self.data.extend_from_slice(value);
        self.any = true;
    }
}

/// The value of a field, if the line has this one.
fn value_of<'l>(line: &'l [u8], field: &[u8]) -> Option<&'l [u8]> {
    match line.strip_prefix(field)?.split_first() {
        None => Some(b""),
        Some((b':', value)) => Some(value.strip_prefix(b" ").unwrap_or(value)),
        Some(_) => None,
    }
}

/// Longest id that is remembered; it goes back in a header.
const ID_BYTES_MAX: usize = 1024;

#[cfg(test)]
mod tests;
