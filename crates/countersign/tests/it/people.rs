//! People: invited, signed in at a terminal, gone.

use std::io::Write as _;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use model::Verdict;
use serde_json::{Value, json};
use testkit::World;
use trace::LogReader as _;

use crate::kit::{changes, last_intent, pin, rpc, until, upstream, world};

const PASSWORD: &str = "correct horse battery";

#[test]
fn an_invited_person_signs_in_at_a_terminal() -> Result<()> {
    let world = world().start()?;
    ensure!(world.run(&["whoami"])?.code == 1);
    let code = world.run_well(&["accounts", "invite", "ana"])?;
    // What is piped is there once.
    typed(&world, &["login", "--code", code.trim()], PASSWORD)?;
    let who = whoami(&world)?;
    ensure!(who.get("human") == Some(&"ana".into()), "{who}");

    world.run_well(&["logout"])?;
    ensure!(world.run(&["whoami"])?.code == 1);
    let refused = typed(&world, &["login", "ana"], "correct horse batterz").err().context("not refused")?;
    ensure!(refused.to_string().contains("the name or the password is not right"), "{refused}");
    ensure!(world.run(&["whoami"])?.code == 1);
    typed(&world, &["login", "ana"], PASSWORD)?;
    ensure!(whoami(&world)?.get("how") == Some(&"password".into()));

    for (what, count) in
        [("accounts.invite", 1), ("accounts.password_chosen", 1), ("people.signed_in", 2), ("people.signed_out", 1)]
    {
        ensure!(changes(&world, what)?.len() == count, "{what}");
    }
    until("the failure is on record", || Ok(!changes(&world, "people.sign_in_failed")?.is_empty()))?;
    let failed = changes(&world, "people.sign_in_failed")?;
    ensure!(failed.len() == 1 && failed.iter().all(|change| change.subject.as_deref() == Some("human:ana")));
    nothing_of(PASSWORD, &world)
}

#[test]
fn whoever_leaves_is_signed_out_and_a_restart_signs_nobody_out() -> Result<()> {
    let mut world = world().start()?;
    let code = world.run_well(&["accounts", "invite", "ana"])?;
    typed(&world, &["login", "--password-stdin", "--code", code.trim()], PASSWORD)?;
    world.restart()?;
    ensure!(whoami(&world)?.get("human") == Some(&"ana".into()));
    let session = std::fs::read_to_string(world.folder().join("data/login.session"))?;
    nothing_of(&session, &world)?;

    world.run_well(&["people", "offboard", "ana"])?;
    ensure!(world.run(&["whoami"])?.code == 1);
    ensure!(typed(&world, &["login", "ana"], PASSWORD).is_err());
    world.run_well(&["people", "restore", "ana"])?;
    ensure!(world.run(&["whoami"])?.code == 1, "whoever comes back signs in again");
    typed(&world, &["login", "ana"], PASSWORD)?;
    world.run_well(&["accounts", "close", "ana"])?;
    ensure!(world.run(&["whoami"])?.code == 1);
    Ok(())
}

#[test]
fn whoever_leaves_does_so_with_every_account_they_have() -> Result<()> {
    let upstream = upstream()?;
    let mut world = world()
        .app_url("remote", upstream.url(), None)
        .set(&["apps", "remote", "access"], json!({ "people": ["ana", "ana2"] }))
        .human("ana", json!({ "name": "Ana Lima", "person": "Ana Lima" }))
        .human("ana2", json!({ "name": "Ana Lima (admin)", "person": "Ana Lima" }))
        .agent("second", "ana2")
        .start()?;
    pin(&world, "remote", "read")?;
    let code = world.run_well(&["accounts", "invite", "ana2"])?;
    typed(&world, &["login", "--password-stdin", "--code", code.trim()], PASSWORD)?;
    let mut second = world.client("second", "ana2")?;
    second.call_text("remote__echo", json!({ "text": "before" }))?;

    let said: Value = serde_json::from_str(&world.run_well(&["people", "offboard", "ana", "--json"])?)?;
    ensure!(said.get("also") == Some(&json!(["ana2"])), "{said}");
    let refused = rpc(second.call("remote__echo", json!({ "text": "after" })))?;
    ensure!(refused.status == 401, "{refused:?}");
    ensure!(last_intent(&world)?.verdict == Some(Verdict::Deny), "refused and recorded");
    ensure!(world.run(&["whoami"])?.code == 1, "the other account's session has ended");
    world.restart()?;
    ensure!(world.run(&["whoami"])?.code == 1);
    let recorded = changes(&world, "people.offboard")?.pop().context("no record")?;
    ensure!(recorded.detail == Some(json!({ "also": ["ana2"] })), "{recorded:?}");
    for who in ["ana2", "second"] {
        let told: Value = serde_json::from_str(&world.run_well(&["trace", "access-ended", who, "--json"])?)?;
        ensure!(told.pointer("/ended/call") == Some(&json!(recorded.id.as_str())), "{told}");
    }
    let owned: Value = serde_json::from_str(&world.run_well(&["trace", "owns", "second", "--json"])?)?;
    ensure!(owned.pointer("/ended/call") == Some(&json!(recorded.id.as_str())), "{owned}");

    // Whichever account is named, the person is back with all, and signs in again.
    world.run_well(&["people", "restore", "ana2"])?;
    let mut second = world.client("second", "ana2")?;
    second.call_text("remote__echo", json!({ "text": "again" }))?;
    let people: Value = serde_json::from_str(&world.run_well(&["people", "--json"])?)?;
    let left = people.get("people").and_then(Value::as_array).context("no people")?;
    ensure!(left.iter().all(|human| human.get("active") == Some(&true.into())), "{people}");
    ensure!(world.run(&["whoami"])?.code == 1);
    Ok(())
}

/// Runs a command with this on its standard input.
pub(crate) fn typed(world: &World, words: &[&str], input: &str) -> Result<String> {
    let mut command = world.command(words);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().context("no input")?.write_all(format!("{input}\n").as_bytes())?;
    let done = child.wait_with_output()?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Ok(String::from_utf8(done.stdout)?)
}

fn whoami(world: &World) -> Result<Value> {
    Ok(serde_json::from_str(&world.run_well(&["whoami", "--json"])?)?)
}

/// Neither in the trace's records nor in its state, its files, nor in what the gateway said.
fn nothing_of(secret: &str, world: &World) -> Result<()> {
    ensure!(!world.log().contains(secret), "it is in the log");
    let location = store::Location::File(world.folder().join("data/trace.db"));
    let reader = location.reader()?;
    for kind in identity::people::STATE_KINDS {
        let mut rows = Vec::new();
        until("the state is in the tables", || {
            rows = reader.state(kind).map_err(|fault| anyhow::anyhow!("{fault}"))?;
            Ok(kind == "invitation" || !rows.is_empty())
        })?;
        ensure!(!format!("{rows:?}").contains(secret), "it is in the state");
    }
    for entry in crate::kit::records(world)? {
        ensure!(!entry.leaf.contains(secret), "it is in a leaf");
        ensure!(!entry.body.is_some_and(|body| body.contains(secret)), "it is in a body");
    }
    Ok(())
}
