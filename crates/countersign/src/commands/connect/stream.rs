//! Server-sent events, as far as MCP uses them: each event is a message.

use bytes::BytesMut;

/// Takes bytes, gives messages.
#[derive(Default)]
pub(super) struct Events {
    buffer: BytesMut,
    data: Vec<u8>,
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
            } else if let Some(data) = line.strip_prefix(b"data:") {
                if !self.data.is_empty() {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(data.strip_prefix(b" ").unwrap_or(data));
            }
        }
        messages
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

#[cfg(test)]
mod tests;
