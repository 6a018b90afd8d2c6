//! Standard input, line by line, each line bounded.

use bytes::{Bytes, BytesMut};
use model::limits::CHILD_LINE_BYTES_MAX;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Lines of a stream.
pub(super) struct Lines<R> {
    from: R,
    buffer: BytesMut,
    bytes_max: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, buffer: BytesMut::with_capacity(16 * 1024), bytes_max: CHILD_LINE_BYTES_MAX }
    }

    /// The next line; a last one without its end counts. An error stands for a line that was too long: it is skipped.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, String>> {
        let (mut looked, mut skipping) = (0, false);
        loop {
            let end = self.buffer.iter().skip(looked).position(|byte| *byte == b'\n').map(|at| looked + at);
            if let Some(end) = end {
                let mut line = self.buffer.split_to(end + 1);
                line.truncate(end);
                return Some(if skipping { Err(self.too_long()) } else { Ok(line.freeze()) });
            }
            looked = self.buffer.len();
            if looked > self.bytes_max {
                skipping = true;
                self.buffer.clear();
                looked = 0;
            }
            match self.from.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) if skipping => return Some(Err(self.too_long())),
                Ok(0) | Err(_) if self.buffer.is_empty() => return None,
                Ok(0) | Err(_) => return Some(Ok(self.buffer.split().freeze())),
                Ok(_) => {}
            }
        }
    }

    fn too_long(&self) -> String {
        format!("a message is longer than {} bytes", self.bytes_max)
    }
}

#[cfg(test)]
mod tests;
