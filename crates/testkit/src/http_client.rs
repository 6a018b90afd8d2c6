//! HTTP by hand: one request, one connection, sent once. The test sees status, headers and bytes as they came.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// What is sent.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Beyond `Host`, `Content-Length` and `Connection`, which are added.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What came back; the body is read as it arrives.
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// In the order in which they came, names in lower case.
    pub headers: Vec<(String, String)>,
    body: BufReader<Decoded>,
}

/// Sends a request and reads the head of the response. `timeout` bounds each wait for bytes, not the whole exchange.
pub fn exchange(address: SocketAddr, request: &HttpRequest, timeout: Duration) -> Result<HttpResponse> {
    let stream =
        TcpStream::connect_timeout(&address, timeout).with_context(|| format!("no connection to {address}"))?;
    exchange_on(stream, address, request, timeout)
}

/// As [`exchange`], on a connection that the caller may close meanwhile.
pub(crate) fn exchange_on(
    mut stream: TcpStream,
    address: SocketAddr,
    request: &HttpRequest,
    timeout: Duration,
) -> Result<HttpResponse> {
    stream.set_read_timeout(Some(timeout)).context("could not set the timeout")?;
    stream.set_nodelay(true).context("could not set TCP_NODELAY")?;
    let mut head = format!("{} {} HTTP/1.1\r\nhost: {address}\r\n", request.method, request.path);
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\nconnection: close\r\n\r\n", request.body.len()));
    let sent = [head.as_bytes(), &request.body].concat();
    stream.write_all(&sent).context("could not send the request")?;
    HttpResponse::read(BufReader::new(stream))
}

// === impl HttpRequest ===

impl HttpRequest {
    /// A GET without headers.
    pub fn get(path: &str) -> Self {
        Self { method: "GET".to_owned(), path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// A POST of JSON.
    pub fn post(path: &str, body: &Value) -> Self {
        let request = Self { method: "POST".to_owned(), body: body.to_string().into_bytes(), ..Self::get(path) };
        request.with("content-type", "application/json")
    }

    /// With one more header.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

// === impl HttpResponse ===

impl HttpResponse {
    fn read(mut stream: BufReader<TcpStream>) -> Result<Self> {
        let line = head_line(&mut stream)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.with_context(|| format!("not a status line: `{line}`"))?;
        let mut headers = Vec::new();
        loop {
            let line = head_line(&mut stream)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').with_context(|| format!("not a header: `{line}`"))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let find = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let chunked = find("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
        let length = find("content-length").and_then(|length| length.parse().ok());
        let left = match (chunked, length) {
            (true, _) => Left::Chunks { in_chunk: 0, first: true },
            (false, Some(length)) => Left::Bytes(length),
            (false, None) => Left::UntilTheEnd,
        };
        Ok(Self { status, headers, body: BufReader::new(Decoded { stream, left }) })
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The rest of the body as text.
    pub fn text(&mut self) -> Result<String> {
        let mut text = String::new();
        self.body.read_to_string(&mut text).context("could not read the body")?;
        Ok(text)
    }

    /// The rest of the body as JSON.
    pub fn json(&mut self) -> Result<Value> {
        let text = self.text()?;
        serde_json::from_str(&text).with_context(|| format!("not JSON: `{text}`"))
    }

    /// Whether the body is an event stream.
    pub fn is_stream(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"))
    }

    /// The lines of the next block of an event stream, comments and empty data too; none at its end.
    pub fn next_block(&mut self) -> Result<Option<Vec<String>>> {
        let mut block = Vec::new();
        loop {
            let mut line = String::new();
            if self.body.read_line(&mut line).context("could not read the event stream")? == 0 {
                return Ok(None);
            }
            match line.trim_end_matches(['\r', '\n']) {
                "" if block.is_empty() => {}
                "" => return Ok(Some(block)),
                line => block.push(line.to_owned()),
            }
        }
    }

    /// The data of the next event of an event stream that has any; none at its end. Comments are skipped.
    pub fn next_event(&mut self) -> Result<Option<String>> {
        let mut data = Vec::new();
        loop {
            let mut line = String::new();
            if self.body.read_line(&mut line).context("could not read the event stream")? == 0 {
                return Ok(None);
            }
            let line = line.trim_end_matches(['\r', '\n']);
            if let Some(text) = line.strip_prefix("data:") {
                data.push(text.strip_prefix(' ').unwrap_or(text).to_owned());
            } else if line.is_empty() && data.iter().any(|text| !text.is_empty()) {
                return Ok(Some(data.join("\n")));
            }
        }
    }
}

fn head_line(stream: &mut BufReader<TcpStream>) -> Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line).context("no response")? == 0 {
        bail!("the connection was closed before a response");
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// The body without its transfer coding.
struct Decoded {
    stream: BufReader<TcpStream>,
    left: Left,
}

enum Left {
    Bytes(u64),
    Chunks { in_chunk: u64, first: bool },
    UntilTheEnd,
}

// === impl Decoded ===

impl Read for Decoded {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let bound = match self.left {
            Left::Bytes(bytes) => bytes,
            Left::UntilTheEnd => u64::MAX,
            Left::Chunks { in_chunk: 0, first } => self.next_chunk(first)?,
            Left::Chunks { in_chunk, .. } => in_chunk,
        };
        let count = Read::by_ref(&mut self.stream).take(bound).read(into)?;
        if count == 0 && bound > 0 && bound != u64::MAX && !into.is_empty() {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        match &mut self.left {
            Left::Bytes(bytes) => *bytes -= count as u64,
            Left::Chunks { in_chunk, .. } => *in_chunk = bound - count as u64,
            Left::UntilTheEnd => {}
        }
        Ok(count)
    }
}

impl Decoded {
    /// The size of the next chunk; 0 at the end.
    fn next_chunk(&mut self, first: bool) -> std::io::Result<u64> {
        let mut line = String::new();
        if !first {
            self.stream.read_line(&mut line)?;
            line.clear();
        }
        if self.stream.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let size = line.trim().split(';').next().unwrap_or_default();
        let size = u64::from_str_radix(size, 16).map_err(|_| std::io::Error::from(std::io::ErrorKind::InvalidData))?;
        self.left = if size == 0 { Left::Bytes(0) } else { Left::Chunks { in_chunk: size, first: false } };
        Ok(size)
    }
}
