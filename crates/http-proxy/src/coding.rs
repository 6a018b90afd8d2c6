//! An answer that its app compressed although nobody asked for that (gzip, RFC 1952): unfolded while it comes, since what a contract
//! hides is hidden in the plain bytes. A few bytes can unfold to gigabytes, so how many times is bounded.

use std::io::Write as _;

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http::{HeaderMap, header};
use model::limits::{UNFOLDED_FREE_BYTES, UNFOLDED_TIMES_MAX};
use model::{Blame, Fault};

/// How an answer is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// As it is.
    Identity,
    /// With gzip, once.
    Gzip,
}

/// An answer that is unfolded as it comes.
pub(crate) struct Unfolding {
    decoder: MultiGzDecoder<Vec<u8>>,
    /// What came and is not unfolded yet.
    waiting: Bytes,
    came: u64,
    made: u64,
}

// === impl Coding ===

impl Coding {
    /// Error: in a way that is not read here.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Fault> {
        let mut all = headers.get_all(header::CONTENT_ENCODING).iter();
        let (first, more) = (all.next().map(|coding| coding.as_bytes().to_ascii_lowercase()), all.next());
        match (first.as_deref(), more) {
            (None | Some(b"identity" | b""), None) => Ok(Self::Identity),
            (Some(b"gzip" | b"x-gzip"), None) => Ok(Self::Gzip),
            _ => Err(wrong("its answer is compressed in a way that is not read here, though nobody asked for that")),
        }
    }
}

// === impl Unfolding ===

impl Unfolding {
    pub(crate) fn new() -> Self {
        Self { decoder: MultiGzDecoder::new(Vec::new()), waiting: Bytes::new(), came: 0, made: 0 }
    }

    /// Takes more, once all of before is unfolded.
    pub(crate) fn push(&mut self, piece: Bytes) {
        self.waiting = piece;
    }

    /// The next plain bytes of what is there; none: it takes more. Error: it is no gzip, or unfolds to too much.
    pub(crate) fn take(&mut self) -> Result<Option<Bytes>, Fault> {
        while !self.waiting.is_empty() && self.decoder.get_ref().len() < PLAIN_BYTES {
            // So few that what they unfold to is bounded as well.
            let some = self.waiting.split_to(self.waiting.len().min(FOLDED_BYTES));
            self.came += some.len() as u64;
            self.decoder.write_all(&some).map_err(garbage)?;
            self.bounded()?;
        }
        Ok(self.plain())
    }

    /// What is left of it when nothing more comes. Error: it has not come to its end.
    pub(crate) fn finish(&mut self) -> Result<Option<Bytes>, Fault> {
        self.decoder.try_finish().map_err(garbage)?;
        self.bounded()?;
        Ok(self.plain())
    }

    fn plain(&mut self) -> Option<Bytes> {
        let plain = std::mem::take(self.decoder.get_mut());
        self.made += plain.len() as u64;
        (!plain.is_empty()).then(|| Bytes::from(plain))
    }

    fn bounded(&self) -> Result<(), Fault> {
        let made = self.made + self.decoder.get_ref().len() as u64;
        let most = self.came.saturating_mul(UNFOLDED_TIMES_MAX).max(UNFOLDED_FREE_BYTES);
        if made <= most {
            return Ok(());
        }
        let said = format!("its answer is compressed and unfolds to more than {UNFOLDED_TIMES_MAX} times its length");
        Err(Fault::new(Blame::Upstream, "upstream.encoding", said)
            .hint("have the app answer as it is asked: not compressed"))
    }
}

fn garbage(error: std::io::Error) -> Fault {
    wrong("its answer says that it is gzip and is not, or not whole").because(error)
}

fn wrong(said: &'static str) -> Fault {
    Fault::new(Blame::Upstream, "upstream.encoding", said)
}

/// Plain bytes that are handed on at once, about.
const PLAIN_BYTES: usize = 16 << 10;
/// Compressed bytes that are unfolded at once: a byte unfolds to a thousand at most.
const FOLDED_BYTES: usize = 64;

#[cfg(test)]
mod tests;
