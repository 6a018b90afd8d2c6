//! Server-sent events, as far as MCP uses them: the data of each event.

use bytes::{Bytes, BytesMut};

/// Cuts a stream of bytes into the data of its events (WHATWG HTML, server-sent events). Comments, ids and retry hints
/// are passed over. The caller bounds the total.
#[derive(Default)]
pub struct Events {
    line: BytesMut,
    data: BytesMut,
    any: bool,
    skip_feed: bool,
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

    fn end_line(&mut self, events: &mut Vec<Bytes>) {
        let line = self.line.split();
        if line.is_empty() {
            if self.any {
                events.push(self.data.split().freeze());
            }
            self.any = false;
            return;
        }
        let Some(value) = line.strip_prefix(b"data") else { return };
        let value = match value.split_first() {
            None => value,
            Some((b':', value)) => value.strip_prefix(b" ").unwrap_or(value),
            Some(_) => return,
        };
        if self.any {
            self.data.extend_from_slice(b"\n");
        }
        self.data.extend_from_slice(value);
        self.any = true;
    }
}

#[cfg(test)]
mod tests;
