//! What all tests here need: a world around the real binary, its records, and waiting with a deadline.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use store::SqliteReader;
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
    let reader = SqliteReader::open(&world.folder().join("data/trace.db"))?;
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
