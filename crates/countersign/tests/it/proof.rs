//! What can be shown of the trace to somebody who trusts nobody here: signed, verified, proved, and not rolled back.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::World;

use crate::kit::{until, upstream, world_with};

/// A world in which two calls were made.
fn with_calls() -> Result<World> {
    let app = upstream()?;
    let world = world_with(&app)?;
    let mut client = world.client("ana-desktop", "ana")?;
    client.call("remote__count", json!({}))?;
    client.call("remote__count", json!({}))?;
    Ok(world)
}

fn verified(world: &World) -> Result<Value> {
    let said = world.run(&["trace", "verify", "--json"])?;
    serde_json::from_str(&said.stdout).with_context(|| said.stderr)
}

fn keys(world: &World) -> Result<Vec<String>> {
    Ok(world.run_well(&["trace", "keys"])?.lines().map(str::to_owned).collect())
}

fn number(of: &Value, pointer: &str) -> u64 {
    of.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

/// Copies the files of a folder.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

#[test]
fn a_gateway_that_stops_has_signed_everything() -> Result<()> {
    let mut world = with_calls()?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    let said = verified(&world)?;
    assert_eq!(said.pointer("/right"), Some(&json!(true)), "{said}");
    assert_eq!((number(&said, "/unsigned"), number(&said, "/records")), (0, number(&said, "/signed/size")), "{said}");
    assert!(number(&said, "/records") > 4, "{said}");
    Ok(())
}

#[test]
fn a_receipt_is_checked_with_nothing_but_the_key() -> Result<()> {
    let world = with_calls()?;
    let call = world.trace()?.last().context("no call")?.pointer("/call").and_then(Value::as_str).map(str::to_owned);
    let call = call.context("no id")?;
    world.run_well(&["trace", "prove", &call, "--out", "intent.receipt"])?;
    world.run_well(&["trace", "prove", &call, "--outcome", "--out", "outcome.receipt"])?;
    let key = keys(&world)?.pop().context("no key")?;
    // Somebody else's machine.
    let elsewhere = tempfile::tempdir()?;
    for receipt in ["intent.receipt", "outcome.receipt"] {
        fs::copy(world.folder().join(receipt), elsewhere.path().join(receipt))?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        let checked = command.current_dir(elsewhere.path()).args(["trace", "verify", receipt, "--json", "--key", &key]);
        let output = checked.output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said: Value = serde_json::from_slice(&output.stdout)?;
        assert_eq!(said.pointer("/record/call"), Some(&json!(call)), "{said}");
    }
    let text = fs::read_to_string(world.folder().join("intent.receipt"))?;
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\n"), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    let mut wrong = 0;
    for (number, line) in lines.iter().enumerate().filter(|(_, line)| line.len() > 8) {
        let mut changed = lines.clone();
        let other = if line.ends_with("A==") { line.replace("A==", "B==") } else { format!("{line}A") };
        *changed.get_mut(number).context("no line")? = &other;
        fs::write(world.folder().join("changed.receipt"), changed.join("\n") + "\n")?;
        let said = world.run(&["trace", "verify", "changed.receipt", "--json", "--key", &key])?;
        assert_ne!(said.code, 0, "line {number} was changed: {line}");
        // One that can be read is wrong; the others are no receipts any more.
        if said.code == 1 {
            let json: Value = serde_json::from_str(&said.stdout)?;
            ensure!(json.pointer("/right") == Some(&json!(false)), "line {number}: {json}");
            wrong += 1;
        }
    }
    ensure!(wrong > 0, "nothing was taken for a receipt that is wrong");
    Ok(())
}

/// Changes the first outcome, with somebody else's SQLite; its number.
fn tampered(trace: &Path) -> Result<u64> {
    let script = "import sqlite3, sys; tables = sqlite3.connect(sys.argv[1]); \
                  number, = tables.execute('SELECT min(sequence) FROM record WHERE kind = 2').fetchone(); \
                  tables.execute('UPDATE record SET at = at + 1 WHERE sequence = ?', (number,)); \
                  tables.commit(); print(number)";
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-venv/bin/python");
    let output = Command::new(python).args(["-c", script]).arg(trace).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

#[test]
fn whoever_changes_a_record_is_found_out() -> Result<()> {
    let mut world = with_calls()?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    let third = tampered(&world.folder().join("data/trace.db"))?;
    let said = world.run(&["trace", "verify"])?;
    assert_eq!(said.code, 1, "{}", said.stderr);
    assert!(said.stdout.starts_with(&format!("record {third}: ")), "{}", said.stdout);
    Ok(())
}

#[test]
fn a_data_directory_of_yesterday_does_not_start() -> Result<()> {
    let mut world = with_calls()?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    let (data, yesterday) = (world.folder().join("data"), world.folder().join("yesterday"));
    copy(&data, &yesterday)?;
    world.restart()?;
    world.client("ana-desktop", "ana")?.call("remote__count", json!({}))?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    for file in ["trace.db-wal", "trace.db-shm"] {
        let _gone = fs::remove_file(data.join(file));
    }
    copy(&yesterday, &data)?;
    let refused = world.restart().err().context("it started")?.to_string();
    assert!(refused.contains("the trace is not what it was"), "{refused}");
    let doctor = world.run(&["doctor"])?;
    assert!(doctor.code == 1 && doctor.stdout.contains("the trace is not what it was"), "{doctor:?}");
    assert!(refused.contains("data.checkpoint"), "the way out is named: {refused}");
    fs::rename(world.folder().join("data.checkpoint"), world.folder().join("evidence"))?;
    world.restart()
}

#[test]
fn a_new_key_signs_beside_the_old_one_until_that_is_retired() -> Result<()> {
    let mut world = with_calls()?;
    let old = keys(&world)?;
    assert_eq!(old.len(), 1);
    let refused = world.run(&["trace", "keys", "--retire", "1"])?;
    assert!(refused.code != 0 && refused.stderr.contains("only key"), "{}", refused.stderr);
    world.run_well(&["trace", "keys", "--new"])?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    world.restart()?;
    world.run_well(&["trace", "keys", "--retire", "1"])?;
    let both = keys(&world)?;
    assert_eq!(both.len(), 2, "{both:?}");
    until("it is signed", || Ok(number(&verified(&world)?, "/unsigned") == 0))?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    world.restart()?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    let said = verified(&world)?;
    assert_eq!(said.pointer("/right"), Some(&json!(true)), "{said}");
    let last = fs::read_to_string(world.folder().join("data.checkpoint"))?;
    assert_eq!(last.lines().filter(|line| line.starts_with('—')).count(), 1, "{last}");

    let told = world.run(&["trace", "keys"])?.stderr;
    ensure!(told.contains("number 2, which signs:") && told.contains("retired, which signs no more:"), "{told}");
    // Whoever has the old key only is told whose word is missing, and nobody is accused: of the trace with its copy, and of a receipt.
    let old = old.first().context("no key")?;
    let new = both.iter().find(|key| *key != old).context("no new key")?;
    let by = new.split('+').take(2).collect::<Vec<_>>().join("+");
    world.run_well(&["trace", "prove", &number(&said, "/records").to_string(), "--out", "last.receipt"])?;
    for (words, wrong) in [(&["trace", "verify"][..], "/bad/what"), (&["trace", "verify", "last.receipt"], "/wrong")] {
        let with = |keys: &[&str]| {
            let named = keys.iter().flat_map(|key| ["--key", key]);
            world.run(&words.iter().copied().chain(["--json"]).chain(named).collect::<Vec<_>>())
        };
        let found = with(&[old])?;
        let json: Value = serde_json::from_str(&found.stdout).with_context(|| format!("{found:?}"))?;
        ensure!(found.code == 1 && json.pointer("/right") == Some(&json!(false)), "{found:?}");
        let what = json.pointer(wrong).and_then(Value::as_str).unwrap_or_default();
        ensure!(what.contains(&format!("says to be signed by `{by}`")), "{found:?}");
        ensure!(found.stderr.contains("name it with `--key` as well"), "{found:?}");
        ensure!(
            !found.stderr.contains("move this one away") && !found.stderr.contains("ask for it again"),
            "{found:?}"
        );
        ensure!(with(&[old, new])?.code == 0, "both are enough");
    }
    Ok(())
}
