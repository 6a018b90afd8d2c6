//! Server-sent events, as far as MCP uses them: each event is a message, and may say where the stream goes on.

use std::time::Duration;

use bytes::BytesMut;

/// Takes bytes, gives messages.
#[derive(Default)]
pub(super) struct Events {
    buffer: BytesMut,
    data: Vec<u8>,
    last_id: Option<String>,
    retry: Option<Duration>,
}

impl Events {
    /// The messages that are whole now.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.buffer.extend_from_slice(bytes);
        let mut messages = Vec::new();
        while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
            let line = self.buffer.split_to(end + 1);
            let line = line.strip_suffix(b"\n").unwrap_or(&line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                messages.extend(self.flush());
            } else if let Some(id) = line.strip_prefix(b"id: ") {
                self.last_id = String::from_utf8(id.to_vec()).ok();
            } else if let Some(retry) = line.strip_prefix(b"retry: ") {
                let milliseconds = std::str::from_utf8(retry).ok().and_then(|retry| retry.parse().ok());
                self.retry = milliseconds.map(Duration::from_millis).or(self.retry);
            } else if let Some(data) = line.strip_prefix(b"data:") {
                if !self.data.is_empty() {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(data.strip_prefix(b" ").unwrap_or(data));
            }
        }
        messages
    }

    /// Where the stream goes on, if it can.
    pub(super) fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// How long to wait before it goes on.
    pub(super) fn retry(&self) -> Duration {
        self.retry.unwrap_or(RETRY)
    }

    /// The stream broke off: what is half there is not used.
    pub(super) fn broken(&mut self) {
        self.buffer.clear();
        self.data.clear();
    }

    /// Bytes that wait for the rest of their event.
    pub(super) fn waiting(&self) -> usize {
        self.buffer.len() + self.data.len()
    }

    fn flush(&mut self) -> Option<Vec<u8>> {
        let data = std::mem::take(&mut self.data);
        (!data.trim_ascii().is_empty()).then_some(data)
    }
}

const RETRY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
