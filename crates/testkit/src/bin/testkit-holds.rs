//! `testkit-holds`: many clients whose calls wait for a person, and a person who approves one after the other.
//!
//! Every call has a connection of its own and text of its own. Once all of them wait, the program says so and goes on when a
//! line comes in; then it approves at a steady pace, whatever becomes of the approvals, and sees when each result arrives.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use memchr::memmem;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

/// Makes calls that wait, says `{"waiting", "seconds"}`, and after a line on stdin approves some:
/// `{"approved", "p50_ms", "p99_ms", "max_ms"}`, from asking for the approval to the tool's result at the waiting client.
#[derive(Parser)]
struct Arguments {
    /// The MCP endpoint.
    #[arg(long)]
    url: String,
    /// A file of bearer tokens, one a line; each makes as many calls as the others.
    #[arg(long)]
    tokens: PathBuf,
    /// The tool, which takes a `text`.
    #[arg(long)]
    tool: String,
    /// How many calls wait.
    #[arg(long)]
    calls: usize,
    /// The operator's socket.
    #[arg(long)]
    socket: PathBuf,
    /// The file with the session of whoever approves.
    #[arg(long)]
    session: PathBuf,
    /// How many are approved.
    #[arg(long)]
    approvals: usize,
    /// How many of them in a second.
    #[arg(long)]
    pace: f64,
}

/// What a waiting client sees.
enum Seen {
    Waits,
    Answered { call: usize, at: Instant, well: bool },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(&arguments))
}

async fn run(arguments: &Arguments) -> Result<()> {
    let tokens = std::fs::read_to_string(&arguments.tokens).context("no tokens")?;
    let tokens: Vec<&str> = tokens.lines().collect();
    ensure!(!tokens.is_empty() && arguments.pace > 0.0, "there are no tokens, or no pace");
    let each = arguments.calls.div_ceil(tokens.len());
    let (tell, mut seen) = mpsc::unbounded_channel();
    let (begun, at_once) = (now(), Arc::new(Semaphore::new(CALLS_BEGUN_AT_ONCE)));
    let mut clients = JoinSet::new();
    for call in 0..arguments.calls {
        let token = tokens.get(call / each).copied().unwrap_or_default();
        let (address, request) = request(arguments, token, call)?;
        clients.spawn(wait(address, request, call, tell.clone(), Arc::clone(&at_once)));
    }
    for waiting in 0..arguments.calls {
        tokio::select! {
            said = tokio::time::timeout(TIME_MAX, seen.recv()) => match said {
                Ok(Some(Seen::Waits)) => {}
                _ => anyhow::bail!("only {waiting} calls wait"),
            },
            Some(ended) = clients.join_next() => {
                ended??;
                anyhow::bail!("a call ended that nobody approved");
            }
        }
    }
    say(&json!({ "waiting": arguments.calls, "seconds": begun.elapsed().as_secs_f64() }));
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).context("no word to go on")?;
    approve(arguments, &mut seen, &mut clients).await?;
    clients.abort_all();
    Ok(())
}

/// One call on a connection of its own.
async fn wait(
    address: SocketAddr,
    request: Vec<u8>,
    call: usize,
    tell: mpsc::UnboundedSender<Seen>,
    at_once: Arc<Semaphore>,
) -> Result<()> {
    let turn = at_once.acquire().await?;
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&request).await?;
    let (mut buffer, mut waits) = (Vec::new(), false);
    let mut turn = Some(turn);
    loop {
        ensure!(stream.read_buf(&mut buffer).await? > 0, "the server closed the connection");
        if let Some(end) = memmem::find(&buffer, b"\r\n\r\n").filter(|_| !waits) {
            let head = String::from_utf8_lossy(buffer.get(..end).unwrap_or_default()).to_ascii_lowercase();
            let streams = head.starts_with("http/1.1 200 ") && head.contains("\r\ncontent-type: text/event-stream");
            ensure!(streams, "a call does not wait: {head}");
            (waits, turn) = (true, None);
            tell.send(Seen::Waits)?;
        }
        // Signs of life end as an event does.
        let event = memmem::find(&buffer, br#""jsonrpc""#).and_then(|at| buffer.get(at..));
        if event.is_some_and(|event| memmem::find(event, b"\n\n").is_some()) {
            let well = memmem::find(&buffer, br#""approved-executed""#).is_some();
            tell.send(Seen::Answered { call, at: now(), well })?;
            drop(turn);
            return Ok(());
        }
    }
}

/// Approves at a steady pace.
async fn approve(
    arguments: &Arguments,
    seen: &mut mpsc::UnboundedReceiver<Seen>,
    clients: &mut JoinSet<Result<()>>,
) -> Result<()> {
    let session = std::fs::read_to_string(&arguments.session).context("nobody is signed in")?;
    let said = ask(&arguments.socket, &json!({ "do": "holds" })).await?;
    let holds = said.get("holds").and_then(Value::as_array).context("nothing waits")?;
    let of_call = |hold: &Value| {
        let call = hold.pointer("/arguments/text")?.as_str()?.parse::<usize>().ok()?;
        Some((call, hold.get("hold")?.as_str()?.to_owned()))
    };
    let holds: Vec<(usize, String)> = holds.iter().filter_map(of_call).take(arguments.approvals).collect();
    ensure!(holds.len() == arguments.approvals, "only {} calls can be approved", holds.len());
    let mut asked = vec![None; arguments.calls];
    let mut pace = tokio::time::interval(Duration::from_secs_f64(1.0 / arguments.pace));
    let mut approvals = JoinSet::new();
    for (call, hold) in holds {
        pace.tick().await;
        if let Some(place) = asked.get_mut(call) {
            *place = Some(now());
        }
        let (socket, session) = (arguments.socket.clone(), session.trim().to_owned());
        approvals.spawn(async move {
            let done = ask(&socket, &json!({ "do": "approve", "hold": hold, "session": session })).await?;
            ensure!(done.get("done").is_some(), "not approved: {done}");
            Ok(())
        });
    }
    while let Some(done) = approvals.join_next().await {
        done??;
    }
    let mut times = Vec::new();
    while times.len() < arguments.approvals {
        let answer = tokio::select! {
            biased;
            answer = tokio::time::timeout(TIME_MAX, seen.recv()) => answer.context("approved, and no result came")?,
            Some(ended) = clients.join_next() => {
                ended??;
                continue;
            }
        };
        let Some(Seen::Answered { call, at, well }) = answer else { continue };
        ensure!(well, "a call that was approved did not run");
        let asked = asked.get(call).copied().flatten().context("a call ended that nobody approved")?;
        times.push(at.duration_since(asked).as_secs_f64() * 1e3);
    }
    times.sort_unstable_by(f64::total_cmp);
    let at = |part: f64| {
        let place = ((times.len() as f64 * part) as usize).min(times.len().saturating_sub(1));
        times.get(place).copied().unwrap_or_default()
    };
    say(&json!({ "approved": times.len(), "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0) }));
    Ok(())
}

/// One operation over the operator's socket.
async fn ask(socket: &std::path::Path, operation: &Value) -> Result<Value> {
    let mut stream = UnixStream::connect(socket).await.context("the operator's socket is not open")?;
    let body = operation.to_string();
    let length = body.len();
    let head = format!(
        "POST /control HTTP/1.1\r\nhost: countersign\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n"
    );
    stream.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let start = memmem::find(&answer, b"\r\n\r\n").context("no answer")?;
    serde_json::from_slice(answer.get(start + 4..).unwrap_or_default()).context("the answer is not JSON")
}

fn request(arguments: &Arguments, token: &str, call: usize) -> Result<(SocketAddr, Vec<u8>)> {
    let rest = arguments.url.strip_prefix("http://").context("not a plain HTTP address")?;
    let (host, path) = rest.split_once('/').context("no path")?;
    let tool = &arguments.tool;
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "testkit-holds", "version": "1" },
    });
    let params = json!({ "name": tool, "arguments": { "text": call.to_string() }, "_meta": meta });
    let body = json!({ "jsonrpc": "2.0", "id": call, "method": "tools/call", "params": params }).to_string();
    let text = format!(
        "POST /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\naccept: application/json, text/event-stream\r\n\
         content-type: application/json\r\nmcp-protocol-version: {MODERN}\r\nmcp-method: tools/call\r\nmcp-name: {tool}\r\n\
         authorization: Bearer {token}\r\n\r\n{body}",
        body.len()
    );
    Ok((host.parse().context("not an address with a port")?, text.into_bytes()))
}

#[expect(clippy::print_stdout, reason = "the measurement is this program's data")]
fn say(what: &Value) {
    println!("{what}");
}

#[expect(clippy::disallowed_methods, reason = "the stopwatch of a load generator")]
fn now() -> Instant {
    Instant::now()
}

const MODERN: &str = "2026-07-28";
/// Requests that are on their way and do not wait yet.
const CALLS_BEGUN_AT_ONCE: usize = 64;
const TIME_MAX: Duration = Duration::from_secs(120);
