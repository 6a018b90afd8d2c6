//! Inputs are text, so that a person can write one: blocks between lines of `====`.

use http::{HeaderName, HeaderValue, Method};

/// One HTTP request of a script: `POST /mcp`, headers, an empty line, the body.
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: String,
    /// The headers, but for those that frame a message.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// What can be sent at all of these bytes.
    pub fn read(block: &[u8]) -> Option<Self> {
        let mut lines = block.split(|byte| *byte == b'\n');
        let first = String::from_utf8_lossy(lines.next()?).into_owned();
        let (method, path) = first.split_once(' ')?;
        let mut used = first.len() + 1;
        let mut headers = Vec::new();
        for line in lines {
            used += line.len() + 1;
            if line.is_empty() {
                break;
            }
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let (name, value) =
                (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(line[colon + 1..].trim_ascii()));
            let (Ok(name), Ok(value)) = (name, value) else { continue };
            if !FRAMING.contains(&name.as_str()) && headers.len() < HEADERS_MAX {
                headers.push((name, value));
            }
        }
        let body = block.get(used..).unwrap_or_default().to_vec();
        Some(Self { method: Method::from_bytes(method.as_bytes()).ok()?, path: path.to_owned(), headers, body })
    }
}

/// The blocks of an input.
pub fn blocks(bytes: &[u8]) -> Vec<&[u8]> {
    let mut blocks = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(BETWEEN.len()).position(|window| window == BETWEEN) {
        blocks.push(&rest[..at]);
        rest = &rest[at + BETWEEN.len()..];
    }
    blocks.push(rest);
    blocks
}

/// The bytes with every `from` replaced.
pub fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}

const BETWEEN: &[u8] = b"\n====\n";
const FRAMING: &[&str] =
    &["content-length", "transfer-encoding", "connection", "expect", "upgrade", "host", "te", "trailer"];
const HEADERS_MAX: usize = 64;
