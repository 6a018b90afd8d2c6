//! The trace in a database of a server.

use std::io::Write;
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{PostgresServer, Upstream, UpstreamOptions, World};
use trace::Effect;

use crate::exports::{number, of_file, python};
use crate::kit::{database, pin, records_in, until, world};
use crate::questions::over;

fn json_of(world: &World, words: &[&str]) -> Result<Value> {
    let said = world.run_well(&[words, &["--json"]].concat())?;
    serde_json::from_str(&said).with_context(|| said)
}

#[test]
fn a_trace_in_a_database_answers_and_proves_as_one_in_a_file() -> Result<()> {
    let mut server = PostgresServer::start()?;
    let store = server.database("trace")?;
    let upstream = Upstream::start(UpstreamOptions::default())?;
    let mut world = world()
        .set(&["trace", "store"], json!(store))
        .set(&["trace", "log"], json!("one"))
        .app_url("remote", upstream.url(), None)
        .start()?;
    ensure!(!world.folder().join("data/trace.db").exists(), "the trace is in the data directory, too");
    pin(&world, "remote", "read")?;
    let mut client = world.client("ana-desktop", "ana")?;
    client.call("remote__echo", json!({"text": "hello"}))?;
    let shown = world.run_well(&["trace"])?;
    ensure!(shown.contains("remote/echo") && shown.contains("Ana's desktop"), "{shown}");
    let call = records_in(&database(&store, "one", &world)?)?
        .into_iter()
        .find(|entry| entry.verdict.is_some())
        .context("no call")?;
    let why = world.run_well(&["why", call.call.as_str()])?;
    ensure!(why.contains("echo") && why.contains("executed"), "{why}");
    let touched = world.run_well(&["trace", "touched", "ana-desktop"])?;
    ensure!(touched.contains("echo"), "{touched}");

    // Another gateway keeps off this log and has one of its own.
    let other = other_gateway(&store, "one")?;
    let refused = other.run(&["serve"])?;
    ensure!(refused.code != 0 && refused.stderr.contains("the log `one` is in use by `countersign "), "{refused:?}");
    let mut other = other_gateway(&store, "other")?;
    other.restart()?;
    ensure!(other.terminate()? == 0, "{}", other.log());

    the_server_goes_and_comes_back(&mut server, &world, &mut client)?;
    world.kill()?;
    world.restart()?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    let verified = json_of(&world, &["trace", "verify"])?;
    ensure!((verified.get("right"), verified.get("unsigned")) == (Some(&json!(true)), Some(&json!(0))), "{verified}");
    let doctor = world.run(&["doctor"])?;
    ensure!(doctor.stdout.contains("log one in postgres://gateway@"), "{}", doctor.stdout);
    server.sql("trace", "ALTER DATABASE trace SET default_transaction_read_only = on")?;
    let doctor = world.run(&["doctor"])?;
    ensure!(doctor.code == 1 && doctor.stdout.contains("takes no writes"), "{doctor:?}");
    server.sql("postgres", "ALTER DATABASE trace RESET default_transaction_read_only")?;

    server.sql("trace", "UPDATE countersign.record SET at = at + 1 WHERE kind = 1")?;
    let bad = world.run(&["trace", "verify"])?;
    ensure!(bad.code == 1 && bad.stdout.starts_with("record "), "{bad:?}");
    Ok(())
}

#[test]
fn a_new_log_gets_no_name_that_another_one_in_its_database_has() -> Result<()> {
    let server = PostgresServer::start()?;
    let store = server.database("trace")?;
    let somebody = world().start()?;
    let key = std::fs::read_to_string(somebody.folder().join("data/trace-keys/1.key"))?;
    let with = |log: &str| {
        let world = world().set(&["trace", "store"], json!(store)).set(&["trace", "log"], json!(log));
        world.environment("COUNTERSIGN_TRACE_KEY", key.trim())
    };
    let mut one = with("one").start()?;
    ensure!(one.terminate()? == 0, "{}", one.log());
    for _again in 0..2 {
        let refused = with("two").prepare()?.run(&["serve"])?;
        ensure!(refused.code != 0 && refused.stderr.contains("holds the key of the log `one`"), "{refused:?}");
        ensure!(refused.stderr.contains("each gateway needs a key of its own"), "{refused:?}");
    }
    one.restart()?;
    ensure!(one.terminate()? == 0, "{}", one.log());
    let mut two = world().set(&["trace", "store"], json!(store)).set(&["trace", "log"], json!("two")).start()?;
    ensure!(two.terminate()? == 0, "{}", two.log());
    Ok(())
}

fn other_gateway(store: &str, log: &str) -> Result<World> {
    world().set(&["trace", "store"], json!(store)).set(&["trace", "log"], json!(log)).prepare()
}

fn the_server_goes_and_comes_back(
    server: &mut PostgresServer,
    world: &World,
    client: &mut testkit::McpClient,
) -> Result<()> {
    server.kill();
    for _ in 0..2 {
        let refused = client.call("remote__echo", json!({"text": "gone"}));
        let said = format!("{refused:?}");
        ensure!(said.contains("the record could not be written") || said.contains("trace.not_recorded"), "{said}");
    }
    let asked = world.run(&["trace"])?;
    ensure!(asked.code != 0 && asked.stderr.contains("cannot be reached"), "{asked:?}");
    let log = |said: &str| world.log().contains(said);
    until("the log says so", || Ok(log("records cannot be written") && log("the trace cannot be signed")))?;
    let (status, metrics) = over(world, "control.sock", "/metrics", "")?;
    ensure!(status == 200 && !metrics.contains("countersign_records_not_written_total 0"), "{status}: {metrics}");
    server.start_again()?;
    until("calls run again", || {
        let result = client.call("remote__echo", json!({"text": "back"}));
        Ok(result.is_ok_and(|result| result.get("isError") == Some(&json!(false))))
    })?;
    until("the log says that, too", || Ok(log("records are written again") && log("the trace is signed again")))
}

#[test]
fn calls_under_way_are_marked_unknown_in_a_database() -> Result<()> {
    let server = PostgresServer::start()?;
    let store = server.database("trace")?;
    let upstream = Upstream::start(UpstreamOptions::default())?;
    let mut world = world().set(&["trace", "store"], json!(store)).app_url("remote", upstream.url(), None).start()?;
    pin(&world, "remote", "read")?;
    let mut client = world.client("ana-desktop", "ana")?.with_timeout(std::time::Duration::from_secs(2));
    let calling = std::thread::spawn(move || client.call("remote__slow", json!({"ms": 60_000})).is_err());
    until("the call has left", || Ok(upstream.call_count() == 1))?;
    world.kill()?;
    ensure!(calling.join().is_ok(), "the client broke");
    world.restart()?;
    let all = records_in(&database(&store, "main", &world)?)?;
    let call = all.iter().find(|entry| entry.verdict.is_some()).context("no call")?;
    ensure!(call.outcome().map(|outcome| outcome.effect) == Some(Effect::Unknown), "{call:?}");
    Ok(())
}

#[test]
fn what_is_exported_from_a_database_is_whole_and_verified_by_others() -> Result<()> {
    let server = PostgresServer::start()?;
    let store = server.database("trace")?;
    let upstream = Upstream::start(UpstreamOptions::default())?;
    let mut world = world()
        .set(&["trace", "store"], json!(store))
        .set(&["exports"], json!({ "lake": { "kind": "jsonl", "file": "out/trace.jsonl" } }))
        .app_url("remote", upstream.url(), None)
        .start()?;
    pin(&world, "remote", "read")?;
    for text in ["before it is killed", "after it"] {
        world.client("ana-desktop", "ana")?.call("remote__echo", json!({ "text": text }))?;
        world.kill()?;
        world.restart()?;
    }
    until("everything has arrived", || {
        let said: Value = serde_json::from_str(&world.run(&["trace", "exports", "--json"])?.stdout)?;
        Ok(said.pointer("/exports/0/lag") == Some(&json!(0)))
    })?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    let said = json_of(&world, &["trace", "export", "--out", "all.jsonl"])?;
    let all = number(&said, "/records");
    let mut arrived: Vec<u64> =
        of_file(&world, "out/trace.jsonl")?.iter().map(|line| number(line, "/sequence")).collect();
    arrived.sort_unstable();
    arrived.dedup();
    ensure!(arrived == (1..=all).collect::<Vec<u64>>(), "{arrived:?} of {all}");
    let key = world.run_well(&["trace", "keys"])?;
    let verified = json_of(&world, &["trace", "verify", "--export", "all.jsonl", "--key", key.trim()])?;
    ensure!(number(&verified, "/signed/size") == all, "{verified}");
    world.run_well(&["trace", "export", "--format", "parquet", "--out", "trace.parquet"])?;
    let output = python("parquet_check.py").arg(world.folder().join("trace.parquet")).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout)?;
    ensure!((number(&said, "/records"), number(&said, "/right")) == (all, all), "{said}");
    Ok(())
}

#[test]
fn a_person_is_erased_from_a_database() -> Result<()> {
    let server = PostgresServer::start()?;
    let store = server.database("trace")?;
    let upstream = Upstream::start(UpstreamOptions::default())?;
    let world = world()
        .set(&["trace", "store"], json!(store))
        .app_url("remote", upstream.url(), None)
        .human("canary-cy", json!({"name": "Canary Cyrus"}))
        .agent("helper", "ana")
        .start()?;
    pin(&world, "remote", "read")?;
    world.client("helper", "canary-cy")?.call("remote__echo", json!({"text": "hello"}))?;
    world.run_well(&["trace", "erase", "--subject", "canary-cy", "--yes"])?;
    let listed = world.run_well(&["trace", "query", "agent:helper"])?;
    ensure!(listed.contains("(erased)"), "{listed}");
    let left = server.sql("trace", "SELECT count(*) FROM countersign.subject_key WHERE subject = 'human:canary-cy'")?;
    ensure!(left == "0", "{left}");
    world.client("ana-desktop", "ana")?.call("remote__echo", json!({"text": "it goes on"}))?;
    let verified = json_of(&world, &["trace", "verify"])?;
    ensure!(verified.get("right") == Some(&json!(true)), "{verified}");
    Ok(())
}

/// The key of whichever of these gateways signed the last round.
fn world_signer(worlds: &[&World], found: &Value) -> Result<String> {
    for world in worlds {
        let key = world.run_well(&["trace", "keys"])?.trim().to_owned();
        let said = json_of(world, &["trace", "map", "--key", &key])?;
        if said.pointer("/signed_by").is_some_and(Value::is_string) {
            return Ok(key);
        }
    }
    anyhow::bail!("nobody signed {found}")
}

#[test]
fn the_logs_of_a_database_are_mapped_and_one_that_went_back_is_named() -> Result<()> {
    let server = PostgresServer::start()?;
    let store = server.database("mapped")?;
    let mut one = other_gateway(&store, "one")?;
    let mut other = other_gateway(&store, "other")?;
    one.restart()?;
    other.restart()?;
    let map = || json_of(&one, &["trace", "map", "--all"]);
    until("both logs are in the map", || {
        Ok(map()?.pointer("/logs").and_then(Value::as_array).is_some_and(|it| it.len() == 2))
    })?;
    ensure!(one.terminate()? == 0 && other.terminate()? == 0, "{}", one.log());
    let key = |world: &World| world.run_well(&["trace", "keys"]);
    let found = json_of(&one, &["trace", "map", "--all"])?;
    ensure!(found.pointer("/right") == Some(&json!(true)) && found.pointer("/wrong") == Some(&Value::Null), "{found}");
    ensure!(found.pointer("/checked") == found.pointer("/round"), "{found}");
    // Whoever has its turn signs with its own key.
    let signers =
        [&one, &other].map(|world| json_of(world, &["trace", "map"]).map(|said| said.pointer("/signed_by").cloned()));
    let known = signers.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().filter(Value::is_string).count();
    ensure!(known == 1, "{known} of them know the signer: {} {}", key(&one)?, key(&other)?);

    // Somebody without a key writes a round of their own, with a signature that is none.
    let signed = world_signer(&[&one, &other], &found)?;
    let said = one.run(&["trace", "map", "--key", &signed])?;
    ensure!(said.code == 0, "{said:?}");
    let forged = "regexp_replace(note, '(— \\S+ \\S{8})\\S{8}', '\\1AAAAAAAA')";
    server.sql(
        "mapped",
        &format!(
            "ALTER TABLE countersign.map_round DISABLE TRIGGER USER; UPDATE countersign.map_round SET note = {forged}"
        ),
    )?;
    let said = one.run(&["trace", "map", "--key", &signed])?;
    ensure!(said.code == 1 && said.stdout.contains("signed by nobody whose key was named"), "{said:?}");

    // Somebody puts a log back: its records are fewer, and its own checkpoints go along.
    server.sql("mapped", "DELETE FROM countersign.log WHERE name = 'other'")?;
    let said = one.run(&["trace", "map"])?;
    ensure!(
        said.code == 1 && said.stdout.contains("other: ") && said.stdout.contains("there is no trace here"),
        "{said:?}"
    );
    one.restart()?;
    until("the round names it", || Ok(one.run(&["trace", "map"])?.stdout.contains("went back in round")))?;
    ensure!(one.log().contains("logs of this database are not what they were"), "{}", one.log());
    Ok(())
}

/// INVARIANT 5 holds whoever goes away: what is on record is in force.
#[test]
fn a_change_is_in_force_though_whoever_asked_for_it_went_away() -> Result<()> {
    let server = PostgresServer::start()?;
    let store = server.database("away")?;
    let upstream = Upstream::start(UpstreamOptions::default())?;
    let world = world().set(&["trace", "store"], json!(store)).app_url("remote", upstream.url(), None).start()?;
    pin(&world, "remote", "read")?;
    let mut client = world.client("ana-desktop", "ana")?;
    client.call("remote__echo", json!({"text": "before"}))?;
    std::thread::scope(|scope| {
        // No record is written meanwhile.
        let slow = scope.spawn(|| {
            server.sql("away", "BEGIN; LOCK TABLE countersign.log IN EXCLUSIVE MODE; SELECT pg_sleep(3); COMMIT")
        });
        let locked =
            "SELECT count(*) FROM pg_locks WHERE mode = 'ExclusiveLock' AND relation = 'countersign.log'::regclass";
        until("the log is locked", || Ok(server.sql("away", locked)?.contains('1')))?;
        let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'countersign.log'::regclass";
        let asked = r#"{"do":"suspend","agent":"ana-desktop"}"#;
        let mut socket = UnixStream::connect(world.folder().join("data/control.sock"))?;
        let length = asked.len();
        write!(socket, "POST /control HTTP/1.1\r\nhost: countersign\r\ncontent-length: {length}\r\n\r\n{asked}")?;
        until("the record waits", || Ok(server.sql("away", waits)?.contains('1')))?;
        drop(socket);
        slow.join().map_err(|_| anyhow::anyhow!("the server's tool broke"))??;
        until("the agent is refused", || Ok(client.call("remote__echo", json!({"text": "after"})).is_err()))
    })
}
