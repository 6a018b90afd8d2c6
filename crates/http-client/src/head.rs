//! Heads of HTTP/1.1 messages (RFC 9112): a request's is written, an answer's is read, as far as anybody asks for it.

use std::io;
use std::mem::MaybeUninit;

use bytes::Bytes;
use http::{Method, StatusCode, Uri, Version};
use httparse::{Header, ParserConfig, Status};

use crate::framing::{Chunk, Framing};

/// A request, as HTTP/1.1 has it on the wire. Over HTTP/2 the same goes out in another form.
pub struct Request {
    /// The head, and a short body behind it.
    bytes: Vec<u8>,
    /// A long body.
    body: Bytes,
}

/// A header's value holds what no header may hold.
#[derive(Debug, thiserror::Error)]
#[error("a header would hold a control character")]
pub struct Unsendable;

/// What a caller wants to know of the headers of an answer, beside where its body ends.
pub trait Hears: Default {
    /// One header; it is asked of each, in their order. Names come in any case. `Connection`, `Content-Length` and
    /// `Transfer-Encoding` are not among them.
    fn hear(&mut self, name: &str, value: &[u8]);
}

/// The head of an answer, as far as anybody asks.
#[derive(Debug, PartialEq, Eq)]
pub struct Head<H> {
    /// Its status.
    pub status: StatusCode,
    /// What it came over.
    pub version: Version,
    /// What its headers say.
    pub said: H,
}

/// A head that was read.
pub(crate) struct Read<H> {
    /// How long it is.
    pub(crate) bytes: usize,
    pub(crate) head: Head<H>,
    pub(crate) framing: Framing,
    /// Whether the connection is good for another exchange.
    pub(crate) keeps: bool,
}

// === impl Request ===

impl Request {
    /// The request line and the host.
    pub fn new(method: &Method, url: &Uri) -> Self {
        Self::to(method, url, url.path_and_query().map_or("/", |path| path.as_str()))
    }

    /// As [`Request::new`], for another path and query of the same host. The caller has encoded it: it holds visible ASCII only.
    pub fn to(method: &Method, url: &Uri, path: &str) -> Self {
        let mut bytes = Vec::with_capacity(HEAD_BYTES_EXPECTED);
        for part in [method.as_str(), " ", path, " HTTP/1.1\r\nhost: ", url.host().unwrap_or_default()] {
            bytes.extend_from_slice(part.as_bytes());
        }
        let usual = if url.scheme_str() == Some("https") { 443 } else { 80 };
        if let Some(port) = url.port().filter(|port| port.as_u16() != usual) {
            bytes.push(b':');
            bytes.extend_from_slice(port.as_str().as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        Self { bytes, body: Bytes::new() }
    }

    /// One more header. The name is one that headers may have.
    pub fn header(&mut self, name: &str, value: &[u8]) -> Result<(), Unsendable> {
        if value.iter().any(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f) {
            return Err(Unsendable);
        }
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            self.bytes.extend_from_slice(part);
        }
        Ok(())
    }

    /// Ends the head; nothing follows.
    pub fn without_body(mut self) -> Self {
        self.bytes.extend_from_slice(b"\r\n");
        self
    }

    /// Ends the head; this follows.
    pub fn with_body(mut self, body: Bytes) -> Self {
        let length = body.len().to_string();
        for part in ["content-length: ", length.as_str(), "\r\n\r\n"] {
            self.bytes.extend_from_slice(part.as_bytes());
        }
        if body.len() <= SHORT_BYTES_MAX {
            self.bytes.extend_from_slice(&body);
        } else {
            self.body = body;
        }
        self
    }

    /// The head as it goes over HTTP/1.1, and the body.
    pub(crate) fn parts(&self) -> (&[u8], Bytes) {
        if !self.body.is_empty() {
            return (&self.bytes, self.body.clone());
        }
        let end = memchr::memmem::find(&self.bytes, b"\r\n\r\n").map_or(self.bytes.len(), |at| at + 4);
        let (head, short) = self.bytes.split_at(end);
        (head, Bytes::copy_from_slice(short))
    }

    /// What is to be written when so much of it was; nothing when that was all.
    pub(crate) fn from(&self, written: usize) -> &[u8] {
        match self.bytes.get(written..).filter(|rest| !rest.is_empty()) {
            Some(rest) => rest,
            None => self.body.get(written - self.bytes.len()..).unwrap_or_default(),
        }
    }
}

/// Reads the head of an answer. None: more of it is to come. Error: it is none, or too long.
pub(crate) fn read<H: Hears>(bytes: &[u8]) -> io::Result<Option<Read<H>>> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut headers = [const { MaybeUninit::<Header<'_>>::uninit() }; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut []);
    let parsed = ParserConfig::default().parse_response_with_uninit_headers(&mut response, bytes, &mut headers);
    let length = match parsed.map_err(broken)? {
        Status::Complete(length) => length,
        Status::Partial if bytes.len() > HEAD_BYTES_MAX => return Err(broken("the head of an answer is too long")),
        Status::Partial => return Ok(None),
    };
    let status = StatusCode::from_u16(response.code.unwrap_or_default()).map_err(broken)?;
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(broken("the other side wants to speak another protocol"));
    }
    let newer = response.version == Some(1);
    let mut ends = Ends { length: None, coded: None, closes: !newer };
    let mut said = H::default();
    for header in response.headers.iter() {
        if !ends.hear(header.name, header.value)? {
            said.hear(header.name, header.value);
        }
    }
    let (framing, keeps) = ends.framing(status, newer)?;
    let version = if newer { Version::HTTP_11 } else { Version::HTTP_10 };
    let head = Head { status, version, said };
    Ok(Some(Read { bytes: length, head, framing, keeps }))
}

/// What the headers of an answer say of its end.
struct Ends {
    length: Option<u64>,
    /// Whether the body is coded in a way that ends with chunks.
    coded: Option<bool>,
    closes: bool,
}

impl Ends {
    /// Whether it is one of those.
    fn hear(&mut self, name: &str, value: &[u8]) -> io::Result<bool> {
        // Nearly all headers are none of these, and the length of the name says so.
        match name.len() {
            10 if name.eq_ignore_ascii_case("connection") => {
                self.closes |= value.split(|byte| *byte == b',').any(|word| is(word, b"close"));
            }
            14 if name.eq_ignore_ascii_case("content-length") => {
                let length = number(value).ok_or_else(|| broken("the length of an answer is no number"))?;
                if self.length.is_some_and(|before| before != length) {
                    return Err(broken("an answer has two lengths"));
                }
                self.length = Some(length);
            }
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                self.coded = Some(value.rsplit(|byte| *byte == b',').next().is_some_and(|last| is(last, b"chunked")));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// How the body ends (RFC 9112, 6.3), and whether the connection goes on after it.
    fn framing(&self, status: StatusCode, newer: bool) -> io::Result<(Framing, bool)> {
        if status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            return Ok((Framing::Length(0), !self.closes));
        }
        match (self.coded, self.length) {
            (Some(_), _) if !newer => Err(broken("an answer of HTTP/1.0 is coded for its transfer")),
            // One that says its length as well may mean something else to somebody else: no second answer after it.
            (Some(true), length) => Ok((Framing::Chunked(Chunk::Size), !self.closes && length.is_none())),
            (None, Some(length)) => Ok((Framing::Length(length), !self.closes)),
            (Some(false), _) | (None, None) => Ok((Framing::UntilClosed, false)),
        }
    }
}

fn is(word: &[u8], name: &[u8]) -> bool {
    word.trim_ascii().eq_ignore_ascii_case(name)
}

/// Digits and nothing else.
fn number(value: &[u8]) -> Option<u64> {
    let digits = value.trim_ascii();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn broken(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Room for an ordinary head with a short body.
const HEAD_BYTES_EXPECTED: usize = 1000;
/// A body that is shorter is copied behind its head, and both go out at once.
const SHORT_BYTES_MAX: usize = 16 << 10;
pub(crate) const HEAD_BYTES_MAX: usize = 64 << 10;
pub(crate) const HEADERS_MAX: usize = 100;
