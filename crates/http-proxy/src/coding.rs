//! An answer that its app compressed although nobody asked for that: unfolded while it comes, since what a contract hides is hidden in
//! the plain bytes. A few bytes can unfold to gigabytes, so how many times is bounded.
//!
//! gzip (RFC 1952) and deflate (RFC 1950) are read: servers and the proxies before them send those unasked, and unfolding one takes
//! 40 KiB of memory. `br` and `zstd` are refused by name: each takes megabytes for every answer, and nobody sends them unasked.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::{MultiGzDecoder, ZlibDecoder};
use model::limits::{UNFOLDED_FREE_BYTES, UNFOLDED_TIMES_MAX};
use model::{Blame, Fault};

/// How an answer is coded, as its headers say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Coding {
    /// As it is.
    #[default]
    Identity,
    /// With gzip, once.
    Gzip,
    /// With deflate, once.
    Deflate,
    /// In a way that is not read here, which is this.
    Other(String),
}

/// An answer that is unfolded as it comes.
pub(crate) struct Unfolding {
    decoder: Decoder,
    /// What came and is not unfolded yet.
    waiting: Bytes,
    came: u64,
    made: u64,
}

enum Decoder {
    Gzip(MultiGzDecoder<Vec<u8>>),
    Deflate(ZlibDecoder<Vec<u8>>),
}

// === impl Coding ===

impl Coding {
    /// One `Content-Encoding`. What is coded twice is not read.
    pub(crate) fn hear(&mut self, value: &[u8]) {
        let said = value.trim_ascii().to_ascii_lowercase();
        *self = match (&self, said.as_slice()) {
            (Self::Identity, b"identity" | b"") => Self::Identity,
            (Self::Identity, b"gzip" | b"x-gzip") => Self::Gzip,
            (Self::Identity, b"deflate") => Self::Deflate,
            (Self::Identity, _) => Self::Other(shown(&said)),
            _ => Self::Other("several codings".to_owned()),
        };
    }
}

/// The name of a coding, as it may stand in a sentence.
fn shown(said: &[u8]) -> String {
    let plain = said.iter().take(NAME_BYTES_MAX).filter(|byte| byte.is_ascii_alphanumeric() || b"-_, ".contains(byte));
    plain.map(|byte| char::from(*byte)).collect()
}

// === impl Unfolding ===

impl Unfolding {
    /// None: it is plain. Error: it is coded in a way that is not read here.
    pub(crate) fn of(coding: &Coding) -> Result<Option<Self>, Fault> {
        let decoder = match coding {
            Coding::Identity => return Ok(None),
            Coding::Gzip => Decoder::Gzip(MultiGzDecoder::new(Vec::new())),
            Coding::Deflate => Decoder::Deflate(ZlibDecoder::new(Vec::new())),
            Coding::Other(name) => {
                let said = format!(
                    "its answer is compressed in a way that nobody asked for and that is not read here (`{name}`)"
                );
                return Err(Fault::new(Blame::Upstream, "upstream.encoding", said).hint(AS_ASKED));
            }
        };
        Ok(Some(Self { decoder, waiting: Bytes::new(), came: 0, made: 0 }))
    }

    /// Takes more, once all of before is unfolded.
    pub(crate) fn push(&mut self, piece: Bytes) {
        self.waiting = piece;
    }

    /// The next plain bytes of what is there; none: it takes more. Error: it is no gzip, or unfolds to too much.
    pub(crate) fn take(&mut self) -> Result<Option<Bytes>, Fault> {
        while !self.waiting.is_empty() && self.decoder.plain().len() < PLAIN_BYTES {
            // So few that what they unfold to is bounded as well.
            let some = self.waiting.split_to(self.waiting.len().min(FOLDED_BYTES));
            self.came += some.len() as u64;
            self.decoder.push(&some).map_err(garbage)?;
            self.bounded()?;
        }
        Ok(self.plain())
    }

    /// What is left of it when nothing more comes. Error: it has not come to its end.
    pub(crate) fn finish(&mut self) -> Result<Option<Bytes>, Fault> {
        self.decoder.finish().map_err(garbage)?;
        self.bounded()?;
        Ok(self.plain())
    }

    fn plain(&mut self) -> Option<Bytes> {
        let plain = self.decoder.take();
        self.made += plain.len() as u64;
        (!plain.is_empty()).then(|| Bytes::from(plain))
    }

    fn bounded(&self) -> Result<(), Fault> {
        let made = self.made + self.decoder.plain().len() as u64;
        let most = self.came.saturating_mul(UNFOLDED_TIMES_MAX).max(UNFOLDED_FREE_BYTES);
        if made <= most {
            return Ok(());
        }
        let said = format!("its answer is compressed and unfolds to more than {UNFOLDED_TIMES_MAX} times its length");
        Err(Fault::new(Blame::Upstream, "upstream.encoding", said).hint(AS_ASKED))
    }
}

// === impl Decoder ===

impl Decoder {
    fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(decoder) => decoder.write_all(bytes),
            Self::Deflate(decoder) => decoder.write_all(bytes),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(decoder) => decoder.try_finish(),
            Self::Deflate(decoder) => decoder.try_finish(),
        }
    }

    /// What is unfolded and was not taken.
    fn plain(&self) -> &[u8] {
        match self {
            Self::Gzip(decoder) => decoder.get_ref(),
            Self::Deflate(decoder) => decoder.get_ref(),
        }
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(match self {
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Deflate(decoder) => decoder.get_mut(),
        })
    }
}

fn garbage(error: io::Error) -> Fault {
    let said = "its answer is not compressed as it says, or not whole";
    Fault::new(Blame::Upstream, "upstream.encoding", said).because(error)
}

const AS_ASKED: &str = "have the app answer as it is asked: not compressed";
const NAME_BYTES_MAX: usize = 32;
/// Plain bytes that are handed on at once, about.
const PLAIN_BYTES: usize = 16 << 10;
/// Compressed bytes that are unfolded at once: a byte unfolds to a thousand at most.
const FOLDED_BYTES: usize = 64;

#[cfg(test)]
mod tests;
