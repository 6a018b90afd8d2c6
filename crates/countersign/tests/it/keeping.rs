//! What is kept, for how long, and what is known of it elsewhere: backups and the way back, retention, the map of logs.

use std::fs;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{PostgresServer, World};

use crate::kit::{at, changes, intents, pin, records, until, upstream, world, world_with};

/// Opening a pipe for writing fails as long as nobody reads it.
const O_NONBLOCK: i32 = 0o4000;

fn json_of(world: &World, words: &[&str]) -> Result<Value> {
    let said = world.run_well(&[words, &["--json"]].concat())?;
    serde_json::from_str(&said).with_context(|| said)
}

fn count(world: &World, text: &str) -> Result<()> {
    world.client("ana-desktop", "ana")?.call("remote__count", json!({ "for": text })).map(drop)
}

fn set(world: &World, key: &str, value: Value) -> Result<()> {
    let mut config: Value = serde_json::from_str(&fs::read_to_string(world.config())?)?;
    config.as_object_mut().context("no object")?.insert(key.to_owned(), value);
    Ok(fs::write(world.config(), config.to_string())?)
}

fn number(of: &Value, pointer: &str) -> u64 {
    of.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

#[test]
fn a_backup_of_a_running_gateway_goes_on_and_says_what_is_missing() -> Result<()> {
    let app = upstream()?;
    let mut world = world_with(&app)?;
    count(&world, "before")?;
    let said = json_of(&world, &["trace", "backup", "backup", "--with-keys"])?;
    let backed_up = number(&said, "/records");
    ensure!(backed_up >= 3, "{said}");
    let again = world.run(&["trace", "backup", "backup"])?;
    ensure!(again.code == 2 && again.stderr.contains("is not empty"), "{again:?}");
    // It goes on, and signs what it does.
    count(&world, "after")?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    let refused = world.run(&["trace", "restore", "backup"])?;
    ensure!(
        refused.code == 2 && refused.stderr.contains("`") && refused.stderr.contains("is not empty"),
        "{refused:?}"
    );
    fs::rename(world.folder().join("data"), world.folder().join("lost"))?;
    let said = json_of(&world, &["trace", "restore", "backup"])?;
    assert_eq!(number(&said, "/records"), backed_up, "{said}");
    assert_eq!(said.get("unsigned"), Some(&json!(0)), "a gateway that runs signs what is copied: {said}");
    let missing = number(&said, "/missing");
    ensure!(missing > 0 && number(&said, "/seen_elsewhere") == backed_up + missing, "{said}");

    let refused = world.restart().err().context("it started")?.to_string();
    assert!(refused.contains("the trace is not what it was") && refused.contains("moving it away"), "{refused}");
    fs::rename(world.folder().join("data.checkpoint"), world.folder().join("evidence"))?;
    world.restart()?;
    let told = changes(&world, "trace.restored")?.pop().context("it is not on record")?;
    let detail = told.detail.context("no detail")?;
    assert_eq!(number(&detail, "/more/records"), backed_up, "{detail}");
    assert_eq!(number(&detail, "/more/seen_elsewhere"), backed_up + missing, "{detail}");
    count(&world, "restored")?;
    let last = intents(&world)?.pop().context("no call")?;
    ensure!(world.run_well(&["why", &last.sequence.to_string()])?.contains("executed"));
    ensure!(world.terminate()? == 0, "{}", world.log());
    assert_eq!(json_of(&world, &["trace", "verify"])?.get("right"), Some(&json!(true)));
    world.restart()?;
    assert_eq!(changes(&world, "trace.restored")?.len(), 1, "it is said once");
    Ok(())
}

#[test]
fn a_backup_without_keys_proves_everything_and_tells_nothing() -> Result<()> {
    let app = upstream()?;
    let mut world = world_with(&app)?;
    count(&world, "canary-argument")?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    world.run_well(&["trace", "backup", "backup"])?;
    let files: Vec<String> = fs::read_dir(world.folder().join("backup"))?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    for secret in ["trace-keys", "token.key", "vault.key", "vault.json"] {
        ensure!(!files.iter().any(|file| file == secret), "{files:?}");
    }
    let all = records(&world)?.len() as u64;
    let said = json_of(&world, &["trace", "restore", "backup", "--into", "elsewhere"])?;
    assert_eq!((number(&said, "/records"), said.get("with_keys")), (all, Some(&json!(false))), "{said}");
    set(&world, "data", json!("./elsewhere"))?;
    let said = json_of(&world, &["trace", "verify"])?;
    assert_eq!((said.get("right"), number(&said, "/records")), (Some(&json!(true)), all), "{said}");
    let listed = world.run(&["trace"])?;
    ensure!(listed.code != 0 && listed.stderr.contains("bodies.key"), "{listed:?}");
    let refused = world.restart().err().context("it started")?.to_string();
    assert!(refused.contains("bodies.key"), "{refused}");
    for key in ["bodies.key", "1.key"] {
        fs::copy(
            world.folder().join("data/trace-keys").join(key),
            world.folder().join("elsewhere/trace-keys").join(key),
        )?;
    }
    world.restart()?;
    count(&world, "more")?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    assert_eq!(json_of(&world, &["trace", "verify"])?.get("right"), Some(&json!(true)));
    assert_eq!(world.run_well(&["trace", "keys"])?.lines().count(), 1);
    Ok(())
}

#[test]
fn a_backup_that_was_changed_is_not_restored() -> Result<()> {
    let app = upstream()?;
    let mut world = world_with(&app)?;
    count(&world, "hello")?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    let changes: [(&str, &str, &str); 5] = [
        ("the checkpoints", "DELETE FROM state WHERE kind = 'checkpoint'", "nobody has signed it"),
        (
            "a record",
            "UPDATE record SET verdict = (SELECT id FROM name WHERE text = 'deny') WHERE verdict IS NOT NULL",
            "record ",
        ),
        ("the tree", "UPDATE tile SET hashes = zeroblob(length(hashes))", "another record than the one"),
        ("the end", "DELETE FROM record WHERE sequence = (SELECT max(sequence) FROM record)", "missing"),
        ("the size", "UPDATE meta SET value = '0:' WHERE key = 'tree'", "other records than it says"),
    ];
    for (what, sql, expected) in changes {
        let _gone = fs::remove_dir_all(world.folder().join("backup"));
        world.run_well(&["trace", "backup", "backup", "--with-keys"])?;
        change(&world.folder().join("backup/trace.db"), sql)?;
        if what == "the checkpoints" {
            fs::remove_file(world.folder().join("backup/checkpoint"))?;
        }
        let refused = world.run(&["trace", "restore", "backup", "--into", "elsewhere"])?;
        ensure!(refused.code == 2 && refused.stderr.contains(expected), "{what}: {refused:?}");
        ensure!(!world.folder().join("elsewhere").exists(), "{what}: half a trace is left");
    }
    // Whoever has no key can still write records and count them: a key that is named has signed none of them.
    let key = world.run_well(&["trace", "keys"])?;
    world.run_well(&["trace", "backup", "keyless"])?;
    change(&world.folder().join("keyless/trace.db"), "DELETE FROM state WHERE kind = 'checkpoint'")?;
    fs::remove_file(world.folder().join("keyless/checkpoint"))?;
    let refused = world.run(&["trace", "restore", "keyless", "--into", "elsewhere", "--key", key.trim()])?;
    ensure!(refused.code == 2 && refused.stderr.contains("nobody has signed it"), "{refused:?}");
    ensure!(!world.folder().join("elsewhere").exists(), "half a trace is left");
    change(&world.folder().join("data/trace.db"), "DELETE FROM state WHERE kind = 'checkpoint'")?;
    fs::remove_file(world.folder().join("data.checkpoint"))?;
    let said = world.run(&["trace", "verify", "--key", key.trim()])?;
    ensure!(said.code == 1 && said.stdout.contains("nobody has signed it"), "{said:?}");

    let nothing = world.run(&["trace", "restore", "data", "--into", "elsewhere"])?;
    ensure!(nothing.stderr.contains("is no backup"), "{nothing:?}");
    Ok(())
}

#[test]
fn a_restore_that_is_broken_off_leaves_nothing_that_has_the_name_of_a_trace() -> Result<()> {
    let app = upstream()?;
    let mut world = world_with(&app)?;
    count(&world, "hello")?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    world.run_well(&["trace", "backup", "backup", "--with-keys"])?;
    // It comes to this while it looks at what it has copied, and waits.
    let checkpoint = world.folder().join("backup/checkpoint");
    fs::remove_file(&checkpoint)?;
    ensure!(Command::new("mkfifo").arg(&checkpoint).status()?.success(), "no pipe");
    let words = ["trace", "restore", "backup", "--into", "elsewhere"];
    let mut restoring = world.command(&words).stdin(Stdio::null()).spawn()?;
    let looks =
        until("it looks", || Ok(fs::OpenOptions::new().write(true).custom_flags(O_NONBLOCK).open(&checkpoint).is_ok()));
    let taken = fs::File::open(world.folder().join("elsewhere/lock")).map(|lock| lock.try_lock_shared().is_err());
    restoring.kill()?;
    restoring.wait()?;
    looks?;
    ensure!(taken?, "a gateway could have begun a trace there meanwhile");
    for name in ["trace.db", "trace-keys"] {
        ensure!(!world.folder().join("elsewhere").join(name).exists(), "{name} is there");
    }
    fs::rename(world.folder().join("data"), world.folder().join("lost"))?;
    fs::rename(world.folder().join("elsewhere"), world.folder().join("data"))?;
    let refused = world.run(&["serve"])?;
    ensure!(refused.code == 2 && refused.stderr.contains("was broken off"), "{refused:?}");
    ensure!(refused.stderr.contains("if the trace is kept in one; then restore the backup again"), "{refused:?}");
    ensure!(!world.folder().join("data/trace.db").exists(), "it began a trace all the same");
    Ok(())
}

#[test]
fn an_end_that_nobody_signed_is_told_with_what_to_do() -> Result<()> {
    let app = upstream()?;
    let mut world = world_with(&app)?;
    until("it is signed", || Ok(json_of(&world, &["trace", "verify"])?.get("unsigned") == Some(&json!(0))))?;
    count(&world, "hello")?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    let said = json_of(&world, &["trace", "verify"])?;
    let (key, last) = (world.run_well(&["trace", "keys"])?, said.get("records").context("no records")?.to_string());
    let all_but_the_first =
        "DELETE FROM state WHERE kind = 'checkpoint' AND key > (SELECT min(key) FROM state WHERE kind = 'checkpoint')";
    change(&world.folder().join("data/trace.db"), all_but_the_first)?;
    fs::remove_file(world.folder().join("data.checkpoint"))?;
    let verify = ["trace", "verify", "--key", key.trim(), "--to", &last];
    let found = world.run(&verify)?;
    ensure!(found.code == 1 && found.stdout.contains("no checkpoint covers it"), "{found:?}");
    ensure!(found.stderr.contains("hint: a gateway that runs signs within a second"), "{found:?}");
    world.restart()?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    world.run_well(&verify).map(drop)
}

#[test]
fn a_backup_is_not_put_beside_the_checkpoint_of_another_log() -> Result<()> {
    let app = upstream()?;
    let mut world = world_with(&app)?;
    count(&world, "hello")?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    let sealed = world.folder().join("data/backup.sealed");
    fs::write(&sealed, "what the clients had")?;
    fs::set_permissions(&sealed, fs::Permissions::from_mode(0o600))?;
    let said = json_of(&world, &["trace", "backup", "backup", "--with-keys"])?;
    ensure!(said.get("with_keys") == Some(&json!(true)), "{said}");
    let mut other = world_with(&app)?;
    count(&other, "another")?;
    ensure!(other.terminate()? == 0, "{}", other.log());

    fs::remove_dir_all(world.folder().join("data"))?;
    let copy = world.folder().join("data.checkpoint");
    fs::copy(other.folder().join("data.checkpoint"), &copy)?;
    let refused = world.run(&["trace", "restore", "backup"])?;
    ensure!(refused.code == 2 && refused.stderr.contains("is not the newest checkpoint"), "{refused:?}");
    ensure!(!world.folder().join("data").exists(), "it was filled all the same");
    fs::remove_file(&copy)?;
    world.run_well(&["trace", "restore", "backup"])?;
    ensure!(fs::read_to_string(world.folder().join("data/backup.sealed"))? == "what the clients had");
    Ok(())
}

fn change(database: &Path, sql: &str) -> Result<()> {
    let python = "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1])\ndb.execute(sys.argv[2])\ndb.commit()\n";
    let done = std::process::Command::new("python3").args(["-c", python]).arg(database).arg(sql).output()?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

#[test]
fn a_trace_in_a_database_is_backed_up_and_restored_into_either_engine() -> Result<()> {
    let server = PostgresServer::start()?;
    let store = server.database("trace")?;
    let app = upstream()?;
    let mut world = world()
        .set(&["trace", "store"], json!(store))
        .set(&["trace", "log"], json!("one"))
        .app_url("remote", app.url(), None)
        .start()?;
    pin(&world, "remote", "read")?;
    count(&world, "hello")?;
    let said = json_of(&world, &["trace", "backup", "backup", "--with-keys"])?;
    let backed_up = number(&said, "/records");
    count(&world, "later")?;
    ensure!(world.terminate()? == 0, "{}", world.log());

    let refused = world.run(&["trace", "restore", "backup"])?;
    ensure!(refused.stderr.contains("is not empty"), "{refused:?}");
    // Another log of the same database, for the old one is evidence.
    set(&world, "data", json!("./second"))?;
    set(&world, "trace", json!({ "store": store, "log": "two" }))?;
    let said = json_of(&world, &["trace", "restore", "backup"])?;
    assert_eq!(number(&said, "/records"), backed_up, "{said}");
    // Whoever serves it first is not who restored it: a stand-by has its keys, and nothing else of that directory.
    fs::create_dir(world.folder().join("stands-by"))?;
    fs::set_permissions(world.folder().join("stands-by"), fs::Permissions::from_mode(0o700))?;
    fs::rename(world.folder().join("second/trace-keys"), world.folder().join("stands-by/trace-keys"))?;
    set(&world, "data", json!("./stands-by"))?;
    for _start in 0..2 {
        world.restart()?;
        let told = world.run_well(&["trace", "query", "what:trace.restored", "--json"])?;
        ensure!(told.lines().count() == 1 && told.contains("made_at"), "{told}");
        ensure!(world.terminate()? == 0, "{}", world.log());
    }
    world.restart()?;
    count(&world, "it goes on")?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    let verified = json_of(&world, &["trace", "verify"])?;
    ensure!(verified.get("right") == Some(&json!(true)) && number(&verified, "/records") > backed_up, "{verified}");

    // And a data directory, without any server.
    world.run_well(&["trace", "restore", "backup", "--into", "third"])?;
    drop(server);
    set(&world, "data", json!("./third"))?;
    set(&world, "trace", json!({}))?;
    world.restart()?;
    count(&world, "in a file")?;
    let listed = world.run_well(&["trace", "--json"])?;
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert_eq!(
        at(&json_of(&world, &["trace", "verify"])?, "/origin"),
        at(&verified, "/origin"),
        "the same log goes on"
    );
    Ok(())
}
