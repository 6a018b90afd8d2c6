//! Where the body of an answer ends (RFC 9112, sections 6 and 7).

use std::io;

use bytes::{Buf as _, Bytes, BytesMut};
use httparse::Status;

/// What is left of a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked(Chunk),
    /// All until the connection is closed.
    UntilClosed,
    /// Nothing.
    Over,
}

/// Where in its chunks a body is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// Before the size of one.
    Size,
    /// So many bytes before its end.
    Data(u64),
    /// Behind the last one.
    Trailers,
}

/// What was found in the bytes that have come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// A piece of the body.
    Data(Bytes),
    /// The end.
    End,
    /// Nothing yet.
    More,
}

impl Framing {
    /// Takes what belongs to the body out of the buffer. Error: it is no body.
    pub(crate) fn cut(&mut self, buffer: &mut BytesMut) -> io::Result<Cut> {
        loop {
            match self {
                Self::Over | Self::Length(0) => {
                    *self = Self::Over;
                    return Ok(Cut::End);
                }
                Self::Length(left) => return Ok(piece(buffer, left)),
                Self::UntilClosed => {
                    let mut all = u64::MAX;
                    return Ok(piece(buffer, &mut all));
                }
                // The parser takes a line without a digit for a size of 0, which would be the end of the body.
                Self::Chunked(Chunk::Size) if buffer.first().is_some_and(|first| !first.is_ascii_hexdigit()) => {
                    return Err(broken("the size of a chunk is no size"));
                }
                Self::Chunked(Chunk::Size) => match httparse::parse_chunk_size(buffer) {
                    Ok(Status::Complete((bytes, size))) => {
                        buffer.advance(bytes);
                        *self = Self::Chunked(if size == 0 { Chunk::Trailers } else { Chunk::Data(size) });
                    }
                    Ok(Status::Partial) if buffer.len() <= LINE_BYTES_MAX => return Ok(Cut::More),
                    Ok(Status::Partial) | Err(_) => return Err(broken("the size of a chunk is no size")),
                },
                Self::Chunked(Chunk::Data(0)) => match buffer.get(..2) {
                    Some(b"\r\n") => {
                        buffer.advance(2);
                        *self = Self::Chunked(Chunk::Size);
                    }
                    Some(_) => return Err(broken("a chunk is longer than it says")),
                    None => return Ok(Cut::More),
                },
                Self::Chunked(Chunk::Data(left)) => return Ok(piece(buffer, left)),
                Self::Chunked(Chunk::Trailers) => {
                    let end = match buffer.get(..2) {
                        Some(b"\r\n") => Some(2),
                        _ => memchr::memmem::find(buffer, b"\r\n\r\n").map(|at| at + 4),
                    };
                    match end {
                        Some(end) => buffer.advance(end),
                        None if buffer.len() <= TRAILERS_BYTES_MAX => return Ok(Cut::More),
                        None => return Err(broken("what stands behind an answer is too long")),
                    }
                    *self = Self::Over;
                }
            }
        }
    }

    /// How much is known to come.
    pub(crate) fn expects(&self) -> usize {
        match self {
            Self::Length(left) | Self::Chunked(Chunk::Data(left)) => usize::try_from(*left).unwrap_or(usize::MAX),
            _ => 0,
        }
    }

    /// Whether the end of the connection is the end of the body.
    pub(crate) fn ends_with_the_connection(&self) -> bool {
        *self == Self::UntilClosed
    }
}

/// Takes what is there of so many bytes.
fn piece(buffer: &mut BytesMut, left: &mut u64) -> Cut {
    let there = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
    if there == 0 {
        return Cut::More;
    }
    *left -= there as u64;
    if there > COPIED_BYTES_MAX {
        return Cut::Data(buffer.split_to(there).freeze());
    }
    // As long as a piece of a buffer lives, the connection could not use it again.
    let data = Bytes::copy_from_slice(buffer.get(..there).unwrap_or_default());
    buffer.advance(there);
    Cut::Data(data)
}

fn broken(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

const COPIED_BYTES_MAX: usize = 4 << 10;
const LINE_BYTES_MAX: usize = 4 << 10;
const TRAILERS_BYTES_MAX: usize = 16 << 10;
