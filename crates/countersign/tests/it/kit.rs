//! What all tests here need: a world around the real binary, its records, and waiting with a deadline.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use store::{Address, Location};
use testkit::{HttpRequest, McpClient, RpcError, Upstream, UpstreamOptions, World, WorldBuilder, program};
use trace::{ChangeView, Entry, LogReader, Query, RecordKind};

/// A world around the binary under test.
pub(crate) fn world() -> WorldBuilder {
    World::builder(env!("CARGO_BIN_EXE_countersign"))
}

/// An upstream in this process that keeps every request.
pub(crate) fn upstream() -> Result<Upstream> {
    Upstream::start(UpstreamOptions { record: true, ..UpstreamOptions::default() })
}

/// A running world with one app, `remote`, whose tools were reviewed as reads.
pub(crate) fn world_with(upstream: &Upstream) -> Result<World> {
    let world = world().app_url("remote", upstream.url(), None).start()?;
    pin(&world, "remote", "read")?;
    Ok(world)
}

/// The command of the same upstream as a child process.
pub(crate) fn child(words: &[&str]) -> Result<Vec<String>> {
    let program = program("testkit-upstream")?.display().to_string();
    Ok([program, "--stdio".to_owned()].into_iter().chain(words.iter().map(|word| (*word).to_owned())).collect())
}

/// Says yes to all tools of an app, or one (`app/tool`), with this class.
pub(crate) fn pin(world: &World, what: &str, class: &str) -> Result<()> {
    world.run_well(&["tools", "pin", what, "--class", class, "--yes"]).map(drop)
}

/// Every record, oldest first, from the data directory itself.
pub(crate) fn records(world: &World) -> Result<Vec<Entry>> {
    records_in(&Location::File(world.folder().join("data/trace.db")))
}

/// A log in a database, with the keys of this world.
pub(crate) fn database(store: &str, log: &str, world: &World) -> Result<Location> {
    Ok(Location::Database(Address::parse(store, log, &world.folder().join("data/trace-keys"))?))
}

/// Every record, oldest first, wherever they are kept.
pub(crate) fn records_in(location: &Location) -> Result<Vec<Entry>> {
    let reader = location.reader()?;
    let query = Query { limit: usize::MAX, newest_first: false, ..Query::default() };
    reader.find(&query).map_err(|fault| anyhow::anyhow!("{fault}"))
}

/// The records of decisions, oldest first; each knows the outcome of its call.
pub(crate) fn intents(world: &World) -> Result<Vec<Entry>> {
    Ok(records(world)?.into_iter().filter(|entry| entry.kind == RecordKind::Intent).collect())
}

/// The records of changes of this kind, oldest first.
pub(crate) fn changes(world: &World, what: &str) -> Result<Vec<ChangeView>> {
    Ok(records(world)?.iter().filter_map(Entry::change).filter(|change| change.what == what).collect())
}

/// The last decision, once its call has an outcome or never will.
pub(crate) fn last_intent(world: &World) -> Result<Entry> {
    let mut last = None;
    until("the last call has its outcome", || {
        last = intents(world)?.pop();
        Ok(last
            .as_ref()
            .is_some_and(|entry| entry.outcome_leaf.is_some() || entry.verdict.is_some_and(|verdict| !verdict.runs())))
    })?;
    last.context("there is no decision")
}

/// Looks again and again until it is so, for ten seconds at most.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> Result<bool>) -> Result<()> {
    for _look in 0..1_000 {
        if so()? {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    bail!("it never came to pass: {what}")
}

/// The JSON-RPC error, or the bare HTTP status, of a request that must have failed.
pub(crate) fn rpc(answer: Result<Value>) -> Result<RpcError> {
    match answer {
        Ok(result) => bail!("not refused: {result}"),
        Err(error) => error.downcast::<RpcError>(),
    }
}

/// Sends a request and gives status and body.
pub(crate) fn send(client: &McpClient, request: &HttpRequest) -> Result<(u16, Value)> {
    let mut response = client.send_http(request)?;
    let text = response.text()?;
    Ok((response.status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
}

/// The first text of a result.
pub(crate) fn text(result: &Value) -> &str {
    result.pointer("/content/0/text").and_then(Value::as_str).unwrap_or_default()
}

/// The structure of a refusal or failure; the result must be a tool error.
pub(crate) fn decision(result: &Value) -> Result<&Value> {
    if result.get("isError") != Some(&json!(true)) {
        bail!("not an error: {result}");
    }
    let structure = result.get("structuredContent").or_else(|| result.pointer("/_meta/dev.countersign~1decision"));
    structure.with_context(|| format!("no structure in {result}"))
}

/// A text at a pointer.
pub(crate) fn at<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// One HTTP request as a [`Handmade`] server sees it.
pub(crate) struct Heard {
    /// The head.
    pub(crate) head: String,
    /// The body, if it is JSON.
    pub(crate) body: Value,
}

/// An HTTP server that says what a test says, byte for byte. It ends with the test's process.
pub(crate) struct Handmade {
    /// The MCP endpoint.
    pub(crate) url: String,
}

impl Handmade {
    /// Starts it. `answer` gives the whole response; without one the connection is closed without a word.
    pub(crate) fn start(answer: impl Fn(&Heard) -> Option<String> + Send + Sync + 'static) -> Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        let url = format!("http://{}/mcp", listener.local_addr()?);
        let answer = std::sync::Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let answer = std::sync::Arc::clone(&answer);
                std::thread::spawn(move || {
                    let _broken_off = converse(stream, answer.as_ref());
                });
            }
        });
        Ok(Self { url })
    }

    /// As [`Handmade::start`], for a server whose one tool is `echo`: `call` answers its calls, the rest is as it should be.
    pub(crate) fn with_echo(call: impl Fn(&Heard) -> Option<String> + Send + Sync + 'static) -> Result<Self> {
        Self::start(move |heard| {
            let result = match at(&heard.body, "/method") {
                "server/discover" => json!({"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}),
                "tools/list" => json!({"tools": [{"name": "echo", "inputSchema": {"type": "object"}}]}),
                "prompts/list" => json!({"prompts": []}),
                "resources/templates/list" => json!({"resourceTemplates": []}),
                _ => return call(heard),
            };
            let said = ok(&json!({"jsonrpc": "2.0", "id": heard.body.get("id"), "result": result}).to_string());
            Some(said.replace("connection: close", KEPT_OPEN))
        })
    }
}

/// A whole HTTP response of JSON.
pub(crate) fn ok(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

/// Answers request after request, until there is no answer or it says that the connection closes.
fn converse(stream: std::net::TcpStream, answer: &dyn Fn(&Heard) -> Option<String>) -> Result<()> {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let heard = Heard { head, body: serde_json::from_slice(&body).unwrap_or_default() };
        let said = answer(&heard);
        if let Some(said) = &said {
            (&stream).write_all(said.as_bytes())?;
        }
        if !said.is_some_and(|said| said.contains(KEPT_OPEN)) {
            return Ok(stream.shutdown(std::net::Shutdown::Both)?);
        }
    }
}

const KEPT_OPEN: &str = "connection: keep-alive";

/// A port of this machine where nobody listens.
pub(crate) fn nobodys_url() -> Result<String> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    Ok(format!("http://{}/mcp", listener.local_addr()?))
}

/// The children of a process that run now.
pub(crate) fn children_of(process: u32) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let listed = std::fs::read_to_string(task?.path().join("children")).unwrap_or_default();
        found.extend(listed.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
    }
    Ok(found)
}

/// Whether a process is still there and not only waits to be reaped.
pub(crate) fn lives(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    status.rsplit(") ").next().and_then(|rest| rest.chars().next()).is_some_and(|state| !"ZX".contains(state))
}
