//! `testkit-load`: a closed loop of tool calls. Each connection sends its next call when the answer to the last is there.
//!
//! Requests are prepared once, only their id changes; answers are read no further than needed to know that they are
//! answers. So one thread can keep the servers of two cores busy, and its own share of a call stays small.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use memchr::memmem;
use serde_json::{Value, json};
use testkit::McpClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Calls one tool over and over and prints what it saw as JSON:
/// `{"calls", "calls_all", "errors", "seconds", "mean_us", "p50_us", "p99_us", "max_us"}`; `calls_all` counts those outside
/// the measured span too.
#[derive(Parser)]
struct Arguments {
    /// The MCP endpoint.
    #[arg(long)]
    url: String,
    /// A bearer token.
    #[arg(long)]
    token: Option<String>,
    /// The tool; one whose name ends with it will do, as gateways put names of apps before it.
    #[arg(long, default_value = "payload")]
    tool: String,
    /// Its arguments.
    #[arg(long, default_value = r#"{"bytes":1024}"#)]
    arguments: String,
    /// How many connections.
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// For how long calls are counted.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// For how long calls are made before that.
    #[arg(long, default_value_t = 0.3)]
    warmup: f64,
}

/// One prepared request.
#[derive(Clone)]
struct Request {
    address: SocketAddr,
    bytes: Vec<u8>,
    /// Where the digits of the id begin.
    id_at: usize,
}

/// The span in which calls count.
#[derive(Clone, Copy)]
struct Window {
    opens: Instant,
    closes: Instant,
}

#[derive(Default)]
struct Seen {
    nanoseconds: Vec<u32>,
    calls_all: u64,
    errors: u64,
    first_error: Option<String>,
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// Where one answer stands in the buffer.
struct Framed {
    status: u16,
    body: std::ops::Range<usize>,
    end: usize,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let request = prepare(&arguments)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let seen = runtime.block_on(run(&arguments, &request))?;
    report(&arguments, seen)
}

// === impl Request ===

impl Request {
    /// The request with another id of as many digits.
    fn number(&mut self, id: u64) -> &[u8] {
        let digits = format!("{:0width$}", id % ID_SPAN + ID_SPAN, width = ID_DIGITS);
        if let Some(place) = self.bytes.get_mut(self.id_at..self.id_at + ID_DIGITS) {
            place.copy_from_slice(digits.as_bytes());
        }
        &self.bytes
    }
}

// === impl Connection ===

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("could not connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(BUFFER_BYTES) })
    }

    /// One call. Error: the connection is of no use any more.
    async fn call(&mut self, request: &[u8]) -> Result<(u16, &[u8])> {
        self.buffer.clear();
        self.stream.write_all(request).await?;
        let framed = loop {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server closed the connection");
            if let Some(framed) = frame(&self.buffer)? {
                break framed;
            }
        };
        ensure!(framed.end == self.buffer.len(), "the server sent more than one answer");
        Ok((framed.status, self.buffer.get(framed.body).unwrap_or_default()))
    }
}

/// Finds the tool, speaks as the server does, and writes the request.
fn prepare(arguments: &Arguments) -> Result<Request> {
    let with_token = |client: McpClient| match &arguments.token {
        Some(token) => client.with_token(token),
        None => client,
    };
    let mut client = with_token(McpClient::modern(&arguments.url)?);
    let mut modern = true;
    let names = match client.tool_names() {
        Ok(names) => names,
        Err(refused) => {
            modern = false;
            client = with_token(McpClient::legacy(&arguments.url, LEGACY)?);
            client.initialize().with_context(|| format!("neither era is spoken; the modern one: {refused:#}"))?;
            client.tool_names()?
        }
    };
    let tool = names.iter().find(|name| name.ends_with(&arguments.tool));
    let tool = tool.with_context(|| format!("no tool `{}` in {names:?}", arguments.tool))?;
    let input: Value = serde_json::from_str(&arguments.arguments).context("`--arguments` is not JSON")?;
    let mut params = json!({"name": tool, "arguments": input});
    let mut headers = vec![("accept", "application/json, text/event-stream"), ("content-type", "application/json")];
    if let (true, Some(params)) = (modern, params.as_object_mut()) {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "testkit-load", "version": "1"},
        });
        params.insert("_meta".to_owned(), meta);
        headers.extend([("mcp-protocol-version", MODERN), ("mcp-method", "tools/call"), ("mcp-name", tool)]);
    } else {
        headers.push(("mcp-protocol-version", LEGACY));
        headers.extend(client.session().map(|session| ("mcp-session-id", session)));
    }
    let bearer = arguments.token.as_ref().map(|token| format!("Bearer {token}"));
    headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
    write(&arguments.url, &headers, &params)
}

fn write(url: &str, headers: &[(&str, &str)], params: &Value) -> Result<Request> {
    let rest = url.strip_prefix("http://").with_context(|| format!("not a plain HTTP address: `{url}`"))?;
    let (host, path) = rest.split_once('/').with_context(|| format!("no path in `{url}`"))?;
    let address = host.parse().with_context(|| format!("not an address with a port: `{host}`"))?;
    let head = r#"{"jsonrpc":"2.0","id":"#;
    let body = format!(r#"{head}{ID_SPAN},"method":"tools/call","params":{params}}}"#);
    let mut text = format!("POST /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    let id_at = text.len() + head.len();
    text.push_str(&body);
    Ok(Request { address, bytes: text.into_bytes(), id_at })
}

async fn run(arguments: &Arguments, request: &Request) -> Result<Seen> {
    ensure!(arguments.connections > 0, "`--connections` must be 1 or more");
    let opens = now() + Duration::from_secs_f64(arguments.warmup);
    let window = Window { opens, closes: opens + Duration::from_secs_f64(arguments.seconds) };
    let mut connections = JoinSet::new();
    for _ in 0..arguments.connections {
        connections.spawn(keep_calling(request.clone(), window));
    }
    let mut all = Seen::default();
    while let Some(seen) = connections.join_next().await {
        let seen = seen??;
        all.nanoseconds.extend(seen.nanoseconds);
        all.calls_all += seen.calls_all;
        all.errors += seen.errors;
        all.first_error = all.first_error.or(seen.first_error);
    }
    Ok(all)
}

async fn keep_calling(mut request: Request, window: Window) -> Result<Seen> {
    let mut connection = Connection::open(request.address).await?;
    let mut seen = Seen::default();
    for id in 0.. {
        let bytes = request.number(id);
        let begun = now();
        let (status, body) = connection.call(bytes).await?;
        let ended = now();
        seen.calls_all += 1;
        if ended >= window.closes {
            break;
        }
        if !good(status, body, id == 0) {
            seen.errors += 1;
            let said = || format!("{status} {}", String::from_utf8_lossy(body).chars().take(400).collect::<String>());
            seen.first_error.get_or_insert_with(said);
        } else if begun >= window.opens {
            let took = ended.duration_since(begun).as_nanos();
            seen.nanoseconds.push(u32::try_from(took).unwrap_or(u32::MAX));
        }
    }
    Ok(seen)
}

/// Whether this is the result of a tool that succeeded. The first one of a connection is read whole.
fn good(status: u16, body: &[u8], whole: bool) -> bool {
    let fine = status == 200
        && memmem::find(body, br#""result""#).is_some()
        && memmem::find(body, br#""isError":true"#).is_none();
    if !whole || !fine || memmem::find(body, b"data:").is_some() {
        return fine;
    }
    let message: Option<Value> = serde_json::from_slice(body).ok();
    message.is_some_and(|message| message.pointer("/result/content/0").is_some())
}

/// The end of an answer that has come whole. Error: it is not HTTP as we know it.
fn frame(bytes: &[u8]) -> Result<Option<Framed>> {
    let Some(head_end) = memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let head = bytes.get(..head_end).unwrap_or_default();
    let head = std::str::from_utf8(head).context("the head of an answer is not text")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let status = status.context("an answer has no status")?;
    let start = head_end + 4;
    for line in lines {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        if name.eq_ignore_ascii_case("content-length") {
            let end = start + value.trim().parse::<usize>().context("a length is not a number")?;
            return Ok((bytes.len() >= end).then_some(Framed { status, body: start..end, end }));
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            let last = b"\r\n0\r\n\r\n";
            let whole = bytes.ends_with(last);
            return Ok(whole.then_some(Framed { status, body: start..bytes.len() - last.len(), end: bytes.len() }));
        }
    }
    bail!("an answer says neither its length nor that it is in chunks")
}

#[expect(clippy::print_stdout, reason = "the measurement is this program's data")]
fn report(arguments: &Arguments, mut seen: Seen) -> Result<()> {
    if let Some(error) = &seen.first_error {
        eprintln!("testkit-load: {} calls failed; the first: {error}", seen.errors);
    }
    ensure!(!seen.nanoseconds.is_empty(), "no call succeeded");
    seen.nanoseconds.sort_unstable();
    let calls = seen.nanoseconds.len();
    let at = |part: f64| {
        let place = ((calls as f64 * part) as usize).min(calls - 1);
        seen.nanoseconds.get(place).map_or(0.0, |time| f64::from(*time) / 1e3)
    };
    let sum: f64 = seen.nanoseconds.iter().map(|time| f64::from(*time) / 1e3).sum();
    let said = json!({
        "calls": calls,
        "calls_all": seen.calls_all,
        "errors": seen.errors,
        "seconds": arguments.seconds,
        "mean_us": sum / calls as f64,
        "p50_us": at(0.5),
        "p99_us": at(0.99),
        "max_us": at(1.0),
    });
    println!("{said}");
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the stopwatch of a load generator")]
fn now() -> Instant {
    Instant::now()
}

const MODERN: &str = "2026-07-28";
const LEGACY: &str = "2025-11-25";
const BUFFER_BYTES: usize = 32 * 1024;
const ID_DIGITS: usize = 9;
/// Ids have nine digits, so that every request of a connection is equally long.
const ID_SPAN: u64 = 100_000_000;
