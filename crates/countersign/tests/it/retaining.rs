//! The texts of old calls go, and everything that proves them stays.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use model::{CallId, UnixMicros};
use serde_json::{Value, json};
use store::{DataDir, Durability, Location};
use testkit::{PostgresServer, Upstream, UpstreamOptions, World, WorldBuilder};
use trace::{Change, Journal};

use crate::kit::{pin, until, world};

const VALUE: &str = "canary-argument";

/// A world in which a call was made, and a receipt of it.
fn with_a_call(world: WorldBuilder, app: &Upstream) -> Result<(World, String)> {
    let world = world
        .app_url("remote", app.url(), None)
        .set(&["apps", "remote", "trace", "arguments"], json!("full"))
        .start()?;
    pin(&world, "remote", "read")?;
    world.client("ana-desktop", "ana")?.call("remote__count", json!({ "for": VALUE }))?;
    let found = found(&world)?;
    let id = found.pointer("/call").and_then(Value::as_str).context("no call")?.to_owned();
    ensure!(world.run_well(&["why", &id])?.contains(VALUE), "the text is not there");
    let receipt = world.folder().join("receipt");
    world.run_well(&["trace", "prove", &id, "--out", &receipt.display().to_string()])?;
    Ok((world, id))
}

fn found(world: &World) -> Result<Value> {
    let line = world.run_well(&["trace", "query", "agent:ana-desktop", "--json"])?;
    Ok(serde_json::from_str(line.lines().next().context("nothing was found")?)?)
}

pub(crate) fn let_go(world: &World) -> Result<Value> {
    let mut said = Value::Null;
    until("the call is old enough", || {
        said = serde_json::from_str(&world.run_well(&["trace", "retain", "--bodies", "1s", "--yes", "--json"])?)?;
        Ok(said.pointer("/done").is_some())
    })?;
    Ok(said)
}

fn all_is_as_it_should_be(world: &World, id: &str) -> Result<()> {
    let why = world.run_well(&["why", id])?;
    ensure!(!why.contains(VALUE) && why.contains("(let go)") && !why.contains("(erased)"), "{why}");
    let listed = world.run(&["trace"])?;
    ensure!(listed.stdout.contains("for (let go)") && listed.stderr.contains("were let go"), "{listed:?}");
    let verified: Value = serde_json::from_str(&world.run_well(&["trace", "verify", "--json"])?)?;
    let (right, let_go) = (verified.pointer("/right"), verified.pointer("/let_go").and_then(Value::as_u64));
    ensure!(right == Some(&json!(true)) && let_go.is_some_and(|let_go| let_go >= 2), "{verified}");
    ensure!(verified.pointer("/erased") == Some(&json!(0)), "{verified}");
    world.run_well(&["trace", "verify", &world.folder().join("receipt").display().to_string()])?;
    let used = world.run_well(&["trace", "touched", "ana-desktop"])?;
    ensure!(used.contains("count"), "what was counted is gone: {used}");
    let who = world.run_well(&["trace", "who-approved", id])?;
    ensure!(who.contains("(let go)") && who.contains("in force since") && who.contains("pinned"), "{who}");
    let exported = world.folder().join("all.jsonl");
    world.run_well(&["trace", "export", "--format", "jsonl", "--out", &exported.display().to_string()])?;
    world.run_well(&["trace", "verify", "--export", &exported.display().to_string()])?;
    ensure!(!fs::read_to_string(exported)?.contains(VALUE), "the text was exported");
    Ok(())
}

/// Writes so many records into the trace of a world in which no gateway runs, made so many days from now.
fn write(world: &World, count: u16, days: i64) -> Result<()> {
    let log = Location::File(world.folder().join("data/trace.db")).writer(Durability::Full)?;
    let journal = Journal::start(log)?;
    #[expect(clippy::disallowed_methods, reason = "the records lie before and behind the gateway's own clock")]
    let now = SystemTime::now();
    let now = i64::try_from(now.duration_since(UNIX_EPOCH)?.as_micros())?;
    for number in 0..count {
        let [high, low] = number.to_be_bytes();
        journal.change_blocking(Change {
            id: CallId::new(u64::from(number), [high, low, 7, 7, 7, 7, 7, 7, 7, 7]),
            at: UnixMicros(now + days * 24 * 60 * 60 * 1_000_000),
            by: "gateway".to_owned(),
            what: "gateway.heartbeat".to_owned(),
            subject: "gateway".to_owned(),
            human: None,
            detail: Value::Null,
            state: Vec::new(),
        })?;
    }
    journal.close();
    Ok(())
}

#[test]
fn a_clock_that_may_be_ahead_lets_no_texts_go() -> Result<()> {
    let mut world = world().set(&["trace", "keep_bodies"], json!("90d")).prepare()?;
    DataDir::open(&world.folder().join("data"))?;
    write(&world, 1_100, -365)?;
    world.restart()?;
    until("the gateway says so", || Ok(world.log().contains("no texts are let go today")))?;
    // Nor at the next start of the same day, though the clock is the same.
    ensure!(world.terminate()? == 0, "{}", world.log());
    world.restart()?;
    until("it says so again", || Ok(world.log().matches("no texts are let go today").count() == 2))?;
    ensure!(!world.log().contains("the clock is not what it was"), "{}", world.log());
    let found = world.run_well(&["trace", "query", "what:trace.retain", "--json"])?;
    ensure!(found.trim().is_empty(), "{found}");
    // Who looks at it may.
    let said = world.run_well(&["trace", "retain", "--bodies", "90d", "--yes", "--json"])?;
    ensure!(said.contains("trace.retain"), "{said}");
    Ok(())
}

#[test]
fn a_clock_before_the_last_record_is_told_until_there_is_a_newer_one() -> Result<()> {
    let mut world = world().start()?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    write(&world, 1, 365)?;
    let doctor = world.run(&["doctor"])?;
    ensure!(doctor.stdout.contains("was ahead when that was made"), "{doctor:?}");
    world.restart()?;
    ensure!(world.log().matches("the clock is not what it was").count() == 1, "{}", world.log());
    // It goes on from there with the clock as it is.
    let doctor = world.run(&["doctor"])?;
    ensure!(!doctor.stdout.contains("was ahead when that was made"), "{doctor:?}");
    ensure!(world.terminate()? == 0, "{}", world.log());
    world.restart()?;
    ensure!(world.log().matches("the clock is not what it was").count() == 1, "{}", world.log());
    Ok(())
}

#[test]
fn texts_are_let_go_of_a_running_gateway_and_the_log_still_adds_up() -> Result<()> {
    let app = Upstream::start(UpstreamOptions::default())?;
    let (mut world, id) = with_a_call(world(), &app)?;
    let young = world.run_well(&["trace", "retain", "--bodies", "90d", "--dry-run"])?;
    ensure!(young.starts_with("no whole partition"), "{young}");
    let unsaid = world.run(&["trace", "retain", "--yes"])?;
    ensure!(unsaid.code == 2 && unsaid.stderr.contains("keep_bodies: 90d"), "{unsaid:?}");
    let said = let_go(&world)?;
    ensure!(said.pointer("/finished") == Some(&json!(true)), "{said}");
    all_is_as_it_should_be(&world, &id)?;
    let record = said.pointer("/record").and_then(Value::as_str).context("no record")?;
    let record = world.run_well(&["why", record])?;
    ensure!(record.contains("trace.retain") && record.contains("records"), "{record}");
    // Later calls are kept, and a restart finds all of it.
    ensure!(world.terminate()? == 0, "{}", world.log());
    let database = fs::read(world.folder().join("data/trace.db"))?;
    ensure!(!database.windows(VALUE.len()).any(|window| window == VALUE.as_bytes()), "the text is in the file");
    world.restart()?;
    world.client("ana-desktop", "ana")?.call("remote__count", json!({ "for": "later" }))?;
    all_is_as_it_should_be(&world, &id)?;
    // A copy holds no more than the trace does.
    let copy = world.folder().join("copy").display().to_string();
    world.run_well(&["trace", "backup", &copy, "--with-keys"])?;
    let into = world.folder().join("into").display().to_string();
    world.run_well(&["trace", "restore", &copy, "--into", &into])?;
    Ok(())
}

#[test]
fn texts_are_let_go_while_nothing_runs() -> Result<()> {
    let app = Upstream::start(UpstreamOptions::default())?;
    let (mut world, id) = with_a_call(world(), &app)?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    let_go(&world)?;
    all_is_as_it_should_be(&world, &id)
}

#[test]
fn texts_are_let_go_in_a_database() -> Result<()> {
    let server = PostgresServer::start()?;
    let store = server.database("kept")?;
    let app = Upstream::start(UpstreamOptions::default())?;
    let (world, id) = with_a_call(world().set(&["trace", "store"], json!(store)), &app)?;
    let said = let_go(&world)?;
    ensure!(said.pointer("/finished") == Some(&json!(true)), "{said}");
    all_is_as_it_should_be(&world, &id)
}
