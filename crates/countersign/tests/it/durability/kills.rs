//! The gateway is killed again and again while many clients call: what arrived is compared with what was recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{McpClient, PostgresServer, Upstream, UpstreamOptions, World, WorldBuilder};
use trace::{Effect, Entry, verify_leaf};

use crate::kit::{database, pin, records, records_in, until, world};

#[test]
fn kill_rounds_leave_no_call_without_its_record() -> Result<()> {
    kill_rounds(rounds(), world(), &records)
}

#[test]
fn kill_rounds_leave_no_call_without_its_record_in_a_database() -> Result<()> {
    let server = PostgresServer::start()?;
    let store = server.database("trace")?;
    let world = world().set(&["trace", "store"], json!(store));
    let records = |world: &World| records_in(&database(&store, "main", world)?);
    kill_rounds(rounds().div_ceil(10), world, &records)
}

/// Kills the gateway so many times and then looks at everything that happened.
fn kill_rounds(rounds: u32, world: WorldBuilder, records: &dyn Fn(&World) -> Result<Vec<Entry>>) -> Result<()> {
    let upstream = Upstream::start(UpstreamOptions::default())?;
    let world = world.app_url("remote", upstream.url(), None);
    // Each call is known by its tag.
    let mut world = world.set(&["apps", "remote", "trace"], json!({"arguments": "full"})).start()?;
    pin(&world, "remote", "read")?;
    pin(&world, "remote/echo", "write")?;
    let answered: Arc<Mutex<Vec<String>>> = Arc::default();
    for round in 0..rounds {
        world.restart()?;
        let token = world.token("ana-desktop", "ana", None)?;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let client = McpClient::modern(world.mcp_url())?.with_token(&token).with_timeout(PATIENCE);
                let answered = Arc::clone(&answered);
                Ok(thread::spawn(move || call_until_it_dies(client, &format!("{round}-{number}"), &answered)))
            })
            .collect::<Result<_>>()?;
        let enough = upstream.call_count() + 40 + usize::try_from(round * 13 % 60)?;
        until("calls arrive", || Ok(upstream.call_count() >= enough))?;
        world.kill()?;
        for client in clients {
            client.join().map_err(|_| anyhow::anyhow!("a client broke"))?;
        }
    }
    world.restart()?;
    let answered = answered.lock().unwrap_or_else(PoisonError::into_inner);
    check(&records(&world)?, &upstream, &answered)?;
    drop(answered);
    // Not one proof was broken, and what the last kill left unsigned is signed.
    ensure!(world.terminate()? == 0, "{}", world.log());
    let said: Value = serde_json::from_str(&world.run_well(&["trace", "verify", "--json"])?)?;
    ensure!((said.get("right"), said.get("unsigned")) == (Some(&json!(true)), Some(&json!(0))), "{said}");
    Ok(())
}

/// Calls one after another: `echo` was reviewed as a write, `count` as a read.
fn call_until_it_dies(mut client: McpClient, name: &str, answered: &Mutex<Vec<String>>) {
    for number in 0_u64.. {
        let tool = if number % 2 == 0 { "echo" } else { "count" };
        let tag = format!("{tool}-{name}-{number}");
        let Ok(result) = client.call(&format!("remote__{tool}"), json!({"text": "x", "tag": tag})) else { return };
        if result.get("isError") == Some(&json!(false)) {
            answered.lock().unwrap_or_else(PoisonError::into_inner).push(tag);
        }
    }
}

fn check(all: &[Entry], upstream: &Upstream, answered: &[String]) -> Result<()> {
    for entry in all {
        verify_leaf(entry)?;
    }
    let mut recorded: BTreeMap<String, &Entry> = BTreeMap::new();
    for entry in all.iter().filter(|entry| entry.verdict.is_some()) {
        let tag = tag_of(entry).with_context(|| format!("no tag in record {}", entry.sequence))?;
        ensure!(entry.outcome().is_some(), "`{tag}` was allowed and has no outcome, not even an unknown one");
        ensure!(recorded.insert(tag.clone(), entry).is_none(), "`{tag}` was decided twice");
    }
    let mut forwarded = BTreeSet::new();
    for tag in upstream.tags() {
        let tag = tag.as_str().context("a call without a tag")?.to_owned();
        ensure!(recorded.contains_key(&tag), "`{tag}` left without a durable record");
        ensure!(forwarded.insert(tag.clone()), "`{tag}` was forwarded twice");
    }
    let mut unknown = 0;
    for (tag, entry) in &recorded {
        let effect = entry.outcome().context("no outcome")?.effect;
        ensure!(
            effect != Effect::Executed || forwarded.contains(tag),
            "`{tag}` is recorded as executed and never arrived"
        );
        ensure!(
            effect != Effect::NotExecuted || !forwarded.contains(tag),
            "`{tag}` is recorded as not executed and arrived"
        );
        unknown += usize::from(effect == Effect::Unknown);
    }
    for tag in answered.iter().filter(|tag| tag.starts_with("echo")) {
        let effect = recorded.get(tag).and_then(|entry| entry.outcome()).map(|outcome| outcome.effect);
        ensure!(
            effect == Some(Effect::Executed),
            "the agent was told that `{tag}` ran, and its record says {effect:?}"
        );
    }
    ensure!(unknown > 0 && !answered.is_empty(), "no kill met a call under way: this test saw nothing");
    Ok(())
}

fn tag_of(entry: &Entry) -> Option<String> {
    let arguments: Value = serde_json::from_str(entry.intent()?.arguments?.get()).ok()?;
    Some(arguments.get("tag")?.as_str()?.to_owned())
}

#[expect(
    clippy::disallowed_methods,
    reason = "`cargo xtask soak kills` asks for more rounds than a test run has time for"
)]
fn rounds() -> u32 {
    std::env::var("COUNTERSIGN_KILL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS)
}

const ROUNDS: u32 = 50;
const CLIENTS: u32 = 32;
const PATIENCE: Duration = Duration::from_secs(10);
