//! `testkit-rows`: an HTTP API of rows, and a client that asks for them over and over on one connection.
//!
//! Rows have 48 fields; of ten one is another tenant's. A body is put together of a block that stands in memory, and read without being
//! kept, so that neither side costs much and 100 MB need no room.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, Subcommand};
use memchr::memmem;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Answers `GET /v1/rows?bytes=N`. Prints `listening on http://127.0.0.1:PORT` on stdout.
    Serve {
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: String,
    },
    /// Asks again and again and prints `{"calls", "seconds", "p50_us", "p99_us", "mean_us", "bytes"}`; `bytes` is the body of one answer.
    Fetch {
        /// What is asked for.
        #[arg(long)]
        url: String,
        /// A vendor's key.
        #[arg(long)]
        key: Option<String>,
        /// For how long calls are counted.
        #[arg(long, default_value_t = 3.0)]
        seconds: f64,
        /// For how long calls are made before that.
        #[arg(long, default_value_t = 0.3)]
        warmup: f64,
        /// How many calls are counted at least, however long they take.
        #[arg(long, default_value_t = 3)]
        least: usize,
    },
}

/// A body of rows: what stands before, so many blocks, and what stands behind.
struct Rows {
    head: String,
    block: Vec<u8>,
    blocks: usize,
}

/// How long a body is, as its head says.
enum Length {
    Bytes(usize),
    Chunks,
}

struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

fn main() -> Result<()> {
    let action = Arguments::parse().action;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match action {
            Action::Serve { listen } => serve(&listen).await,
            Action::Fetch { url, key, seconds, warmup, least } => {
                let mut client = Client::open(&url, key.as_deref()).await?;
                client.warm(Duration::from_secs_f64(warmup)).await?;
                client.measure(Duration::from_secs_f64(seconds), least).await
            }
        }
    })
}

async fn serve(listen: &str) -> Result<()> {
    let listener = TcpListener::bind(listen).await.with_context(|| format!("could not listen on `{listen}`"))?;
    announce(listener.local_addr()?);
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.context("could not accept a connection")?;
        connections.spawn(answer(stream));
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(mut stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    let mut rows: Option<(usize, Rows)> = None;
    loop {
        let end = loop {
            if let Some(end) = memmem::find(&buffer, b"\r\n\r\n") {
                break end + 4;
            }
            ensure!(buffer.len() < HEAD_BYTES_MAX, "a head without an end");
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let head: Vec<u8> = buffer.drain(..end).collect();
        let Some(bytes) = asked(&head) else {
            stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await?;
            continue;
        };
        if rows.as_ref().is_none_or(|(known, _)| *known != bytes) {
            rows = Some((bytes, Rows::new(bytes)));
        }
        if let Some((_, rows)) = &rows {
            rows.write(&mut stream).await?;
        }
    }
}

/// The N of `GET /v1/rows?bytes=N`.
fn asked(head: &[u8]) -> Option<usize> {
    let line = std::str::from_utf8(head).ok()?.lines().next()?;
    line.strip_prefix("GET /v1/rows?bytes=")?.strip_suffix(" HTTP/1.1")?.parse().ok()
}

// === impl Rows ===

impl Rows {
    /// About so many bytes.
    fn new(bytes: usize) -> Self {
        let size = bytes.saturating_sub(HEAD.len() + TAIL.len()).min(BLOCK_BYTES_MAX);
        let mut block = Vec::new();
        let mut number = 0;
        while number == 0 || block.len() + block.len() / number < size {
            block.extend_from_slice(row(number).as_bytes());
            number += 1;
        }
        let blocks = (bytes / block.len()).max(1);
        let length = HEAD.len() + block.len() * blocks + TAIL.len();
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{HEAD}");
        Self { head, block, blocks }
    }

    async fn write(&self, stream: &mut TcpStream) -> Result<()> {
        if self.blocks == 1 {
            let whole = [self.head.as_bytes(), &self.block, TAIL.as_bytes()].concat();
            return Ok(stream.write_all(&whole).await?);
        }
        stream.write_all(self.head.as_bytes()).await?;
        for _ in 0..self.blocks {
            stream.write_all(&self.block).await?;
        }
        Ok(stream.write_all(TAIL.as_bytes()).await?)
    }
}

/// One row and the comma behind it.
fn row(number: usize) -> String {
    let tenant = if number % 10 == 9 { "globex" } else { "northwind" };
    let mut row = format!(r#"{{"id":{number},"client_id":"{tenant}","status":"active","name":"Ana é {number}""#);
    for field in 0..34 {
        row.push_str(&match field % 4 {
            0 => format!(r#","field_{field}":{}"#, number * 31 + field),
            1 => format!(r#","field_{field}":"a value of some words, number {number}""#),
            2 => format!(r#","field_{field}":{}"#, number.is_multiple_of(3)),
            _ => format!(r#","field_{field}":"2026-11-22T08:{field:02}:00Z""#),
        });
    }
    row.push_str(r#","address":{"street":"Some Road 17","city":"Ghent","zip":"9000"}"#);
    row.push_str(
        r#","jobs":[{"title":"clerk","from":2019,"salary":41000},{"title":"head","from":2022,"salary":52000}]"#,
    );
    row.push_str(r#","compensation":{"base":52000,"bonus":[1,2,3]},"medical_notes":"nobody's business""#);
    row.push_str(
        r#","internal_a":"left out","internal_b":17,"internal_c":null,"internal_d":[1,2],"internal_e":{"x":1}},"#,
    );
    row
}

// === impl Client ===

impl Client {
    async fn open(url: &str, key: Option<&str>) -> Result<Self> {
        let rest = url.strip_prefix("http://").with_context(|| format!("not a plain HTTP address: `{url}`"))?;
        let (host, path) = rest.split_once('/').with_context(|| format!("no path in `{url}`"))?;
        let mut request = format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\naccept: application/json\r\n");
        if let Some(key) = key {
            request.push_str(&format!("authorization: Bearer {key}\r\n"));
        }
        request.push_str("\r\n");
        let stream = TcpStream::connect(host).await.with_context(|| format!("could not connect to {host}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, request: request.into_bytes(), buffer: Vec::with_capacity(BUFFER_BYTES) })
    }

    async fn warm(&mut self, time: Duration) -> Result<()> {
        let end = now() + time;
        while now() < end {
            self.call().await?;
        }
        Ok(())
    }

    #[expect(clippy::print_stdout, reason = "the measurement is this program's data")]
    async fn measure(&mut self, time: Duration, least: usize) -> Result<()> {
        let (mut took, mut bytes) = (Vec::new(), 0);
        let begun = now();
        while begun.elapsed() < time || took.len() < least {
            let start = now();
            bytes = self.call().await?;
            took.push(start.elapsed().as_secs_f64() * 1e6);
        }
        let seconds = begun.elapsed().as_secs_f64();
        took.sort_by(f64::total_cmp);
        let at = |part: f64| took.get(((took.len() as f64 * part) as usize).min(took.len() - 1)).copied();
        let said = json!({
            "calls": took.len(),
            "seconds": seconds,
            "p50_us": at(0.5),
            "p99_us": at(0.99),
            "mean_us": took.iter().sum::<f64>() / took.len() as f64,
            "bytes": bytes,
        });
        println!("{said}");
        Ok(())
    }

    /// One call; the length of its body.
    async fn call(&mut self) -> Result<usize> {
        self.buffer.clear();
        self.stream.write_all(&self.request).await?;
        let start = loop {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server closed the connection");
            if let Some(end) = memmem::find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
        };
        let head =
            std::str::from_utf8(self.buffer.get(..start).unwrap_or_default()).context("a head that is no text")?;
        if !head.starts_with("HTTP/1.1 200 ") {
            bail!(
                "`{}` is no success\n{}",
                head.lines().next().unwrap_or_default(),
                String::from_utf8_lossy(&self.buffer)
            );
        }
        match length(head)? {
            Length::Bytes(length) => {
                let mut come = self.buffer.len() - start;
                while come < length {
                    come += self.more().await?;
                }
                ensure!(come == length, "the server sent more than one answer");
                Ok(length)
            }
            Length::Chunks => {
                // No text of JSON holds this, and no answer here ends with another chunk.
                let last = b"\r\n0\r\n\r\n";
                let mut come = self.buffer.len() - start;
                let mut end = self.buffer.split_off(self.buffer.len().saturating_sub(last.len()).max(start));
                while !end.ends_with(last) {
                    come += self.more().await?;
                    end.extend_from_slice(
                        self.buffer.get(self.buffer.len().saturating_sub(last.len())..).unwrap_or_default(),
                    );
                    end.drain(..end.len().saturating_sub(last.len()));
                }
                Ok(come)
            }
        }
    }

    /// Reads more, in place of what was read before.
    async fn more(&mut self) -> Result<usize> {
        self.buffer.clear();
        let come = self.stream.read_buf(&mut self.buffer).await?;
        ensure!(come > 0, "the answer broke off");
        Ok(come)
    }
}

fn length(head: &str) -> Result<Length> {
    for line in head.lines().skip(1) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        if name.eq_ignore_ascii_case("content-length") {
            return Ok(Length::Bytes(value.trim().parse().context("a length is not a number")?));
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Ok(Length::Chunks);
        }
    }
    bail!("an answer says neither its length nor that it is in chunks")
}

#[expect(clippy::print_stdout, reason = "the address is this program's data")]
fn announce(address: SocketAddr) {
    println!("listening on http://{address}");
}

#[expect(clippy::disallowed_methods, reason = "the stopwatch of a load generator")]
fn now() -> Instant {
    Instant::now()
}

const HEAD: &str = r#"{"data":["#;
/// Behind the comma of the last row.
const TAIL: &str = r#"{"id":0,"client_id":"globex"}],"total":12}"#;
const BLOCK_BYTES_MAX: usize = 64 * 1024;
const BUFFER_BYTES: usize = 256 * 1024;
const HEAD_BYTES_MAX: usize = 64 * 1024;
