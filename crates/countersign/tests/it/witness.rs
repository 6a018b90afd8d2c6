//! Somebody else watches the trace grow: a witness of its own, and readers of the published log.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::World;

use crate::kit::{at, until, upstream, world, world_with};

/// `countersign witness`, killed when dropped.
struct Witness {
    child: Child,
    url: String,
    key: String,
}

impl Witness {
    fn start(world: &World) -> Result<Self> {
        Self::start_in(world, "witness")
    }

    fn start_in(world: &World, folder: &str) -> Result<Self> {
        fs::write(world.folder().join("log.keys"), world.run_well(&["trace", "keys"])?)?;
        Self::start_with(world, &Self::words(folder))
    }

    fn words(folder: &str) -> Vec<&str> {
        vec!["witness", "--log", "log.keys", "--listen", "127.0.0.1:0", "--data", folder, "--json"]
    }

    fn start_with(world: &World, words: &[&str]) -> Result<Self> {
        let mut child = world.command(words).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut said = String::new();
        BufReader::new(child.stdout.take().context("no stdout")?).read_line(&mut said)?;
        let said: Value = serde_json::from_str(&said)?;
        Ok(Self { child, url: at(&said, "/url").to_owned(), key: at(&said, "/key").to_owned() })
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A world that has recorded something and knows a witness; nothing runs in it.
fn with_witness() -> Result<(World, Witness, testkit::Upstream)> {
    let app = upstream()?;
    let mut world = world_with(&app)?;
    world.client("ana-desktop", "ana")?.call("remote__count", json!({}))?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    let witness = Witness::start(&world)?;
    configure(&world, json!({ "publish": true, "witnesses": [{ "url": witness.url, "key": witness.key }] }))?;
    Ok((world, witness, app))
}

fn configure(world: &World, trace: Value) -> Result<()> {
    let mut config: Value = serde_json::from_str(&fs::read_to_string(world.config())?)?;
    config.as_object_mut().context("no object")?.insert("trace".to_owned(), trace);
    Ok(fs::write(world.config(), config.to_string())?)
}

fn python() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-venv/bin/python")
}

#[test]
fn a_witness_cosigns_what_grows_and_receipts_carry_its_word() -> Result<()> {
    let (mut world, witness, _app) = with_witness()?;
    world.restart()?;
    world.client("ana-desktop", "ana")?.call("remote__count", json!({}))?;
    let last = world.trace()?.pop().context("no call")?;
    let call = at(&last, "/call");
    let place = last.pointer("/sequence").and_then(Value::as_u64).context("no place")?;
    until("the call is cosigned", || {
        let said: Value = serde_json::from_str(&world.run_well(&["trace", "verify", "--json"])?)?;
        Ok(said.pointer("/cosigned/0/size").and_then(Value::as_u64).is_some_and(|size| size >= place))
    })?;
    world.run_well(&["trace", "prove", call, "--out", "call.receipt"])?;
    let said = world.run_well(&["trace", "verify", "call.receipt", "--json", "--witness", &witness.key])?;
    let name = witness.key.split('+').next().context("no name")?;
    assert_eq!(at(&serde_json::from_str(&said)?, "/cosigned/0/witness"), name, "{said}");
    let other = format!("other{}", witness.key);
    assert_ne!(world.run(&["trace", "verify", "call.receipt", "--witness", &other])?.code, 0);
    let (_other_world, stranger, _other_app) = with_witness()?;
    let silent = world.run(&["trace", "verify", "--witness", &stranger.key])?;
    ensure!(silent.code == 1 && silent.stdout.contains("has cosigned no checkpoint of it"), "{silent:?}");
    world.run_well(&["trace", "verify", "--witness", &witness.key])?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    let said: Value = serde_json::from_str(&world.run_well(&["trace", "verify", "--json"])?)?;
    assert_eq!(said.pointer("/cosigned/0/size"), said.pointer("/signed/size"), "the last word is cosigned: {said}");
    Ok(())
}

#[test]
fn a_receipt_and_the_published_checkpoint_bear_the_word_of_every_witness() -> Result<()> {
    let (mut world, one, _app) = with_witness()?;
    let other = Witness::start_in(&world, "other-witness")?;
    let witnesses: Vec<Value> = [&one, &other].map(|it| json!({ "url": it.url, "key": it.key })).to_vec();
    configure(&world, json!({ "publish": true, "witnesses": witnesses }))?;
    world.restart()?;
    let call = at(&world.trace()?.pop().context("no call")?, "/call").to_owned();
    let names = [&one, &other].map(|it| it.key.split('+').next().unwrap_or_default().to_owned());
    let address = format!("{}/log/checkpoint", world.base_url());
    until("the newest checkpoint bears both", || {
        let shown = Command::new("curl").args(["--silent", &address]).output()?;
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        Ok(names.iter().all(|name| shown.contains(name)))
    })?;
    world.run_well(&["trace", "prove", &call, "--out", "call.receipt"])?;
    for keys in [vec![&one.key], vec![&other.key], vec![&one.key, &other.key]] {
        let mut words = vec!["trace", "verify", "call.receipt"];
        words.extend(keys.iter().flat_map(|key| ["--witness", key]));
        world.run_well(&words)?;
    }
    Ok(())
}

#[test]
fn a_log_whose_key_the_environment_holds_has_the_name_of_that_key() -> Result<()> {
    let app = upstream()?;
    let key =
        |folder: &World| -> Result<String> { Ok(fs::read_to_string(folder.folder().join("data/trace-keys/1.key"))?) };
    let (first, second) = (world_with(&app)?, world_with(&app)?);
    let with =
        |text: &str| world().app_url("remote", app.url(), None).environment("COUNTERSIGN_TRACE_KEY", text.trim());
    let mut world = with(&key(&first)?).start()?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    ensure!(!world.folder().join("data/trace-keys/1.key").exists(), "another key was made");
    let keys = world.run_well(&["trace", "keys"])?;
    let verified: Value = serde_json::from_str(&world.run_well(&["trace", "verify", "--json"])?)?;
    ensure!(keys.starts_with(&format!("{}+", at(&verified, "/origin"))), "{keys}: {verified}");
    let witness = Witness::start(&world)?;
    configure(&world, json!({ "witnesses": [{ "url": witness.url, "key": witness.key }] }))?;
    world.restart()?;
    until("it is cosigned", || {
        let said: Value = serde_json::from_str(&world.run_well(&["trace", "verify", "--json"])?)?;
        Ok(said.pointer("/cosigned/0/size").is_some())
    })?;
    // A log that has a name is not signed by keys of another one, and none is made for it.
    let other = with(&key(&second)?).prepare()?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    fs::rename(world.folder().join("data"), other.folder().join("data"))?;
    let refused = other.run(&["serve"])?;
    ensure!(refused.code != 0 && refused.stderr.contains("holds a key of"), "{refused:?}");
    ensure!(refused.stderr.contains(at(&verified, "/origin")), "both are said: {refused:?}");
    Ok(())
}

#[test]
fn a_trace_of_yesterday_does_not_start_where_only_the_witness_remembers() -> Result<()> {
    let (mut world, witness, _app) = with_witness()?;
    let (data, yesterday) = (world.folder().join("data"), world.folder().join("yesterday"));
    let copied = Command::new("cp").arg("-a").arg(&data).arg(&yesterday).status()?;
    ensure!(copied.success(), "no copy");
    world.restart()?;
    world.client("ana-desktop", "ana")?.call("remote__count", json!({}))?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    // Whoever puts the directory back puts the copy of the checkpoint back, too.
    fs::remove_dir_all(&data)?;
    fs::rename(&yesterday, &data)?;
    fs::remove_file(world.folder().join("data.checkpoint"))?;
    let refused = world.restart().err().context("it started")?.to_string();
    assert!(refused.contains("the trace is not what it was: the witness"), "{refused}");
    assert!(refused.contains("take the witness out of `trace: witnesses:`"), "the way out is named: {refused}");
    // A witness that cannot be asked stops nobody.
    drop(witness);
    world.restart()?;
    until("it is said", || Ok(world.log().contains("a witness could not be asked")))
}

#[test]
fn a_trace_of_another_history_is_found_out_by_its_witness() -> Result<()> {
    let (mut world, witness, _app) = with_witness()?;
    let (data, yesterday) = (world.folder().join("data"), world.folder().join("yesterday"));
    let copied = Command::new("cp").arg("-a").arg(&data).arg(&yesterday).status()?;
    ensure!(copied.success(), "no copy");
    world.restart()?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    fs::remove_dir_all(&data)?;
    fs::rename(&yesterday, &data)?;
    fs::remove_file(world.folder().join("data.checkpoint"))?;
    // It grows past what was seen while nobody asks, and then somebody does.
    configure(&world, json!({}))?;
    world.restart()?;
    for _ in 0..4 {
        world.client("ana-desktop", "ana")?.call("remote__count", json!({}))?;
    }
    ensure!(world.terminate()? == 0, "{}", world.log());
    configure(&world, json!({ "witnesses": [{ "url": witness.url, "key": witness.key }] }))?;
    let refused = world.restart().err().context("it started")?.to_string();
    assert!(refused.contains("has seen other records"), "{refused}");
    Ok(())
}

#[test]
fn a_witness_without_its_memory_does_not_start_and_a_gateway_says_that_it_forgot() -> Result<()> {
    let (mut world, witness, _app) = with_witness()?;
    world.restart()?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    let key = witness.key.clone();
    drop(witness);
    // Its key was kept elsewhere, and is all that is left.
    let folder = world.folder().join("witness");
    let kept = fs::read(folder.join("witness.key"))?;
    fs::remove_dir_all(&folder)?;
    fs::create_dir(&folder)?;
    fs::write(folder.join("witness.key"), kept)?;
    fs::set_permissions(folder.join("witness.key"), fs::Permissions::from_mode(0o600))?;
    let mut words = Witness::words("witness");
    let refused = world.run(&words)?;
    ensure!(refused.code == 2 && refused.stderr.contains("--danger-begin-anew"), "{refused:?}");
    words.push("--danger-begin-anew");
    let anew = Witness::start_with(&world, &words)?;
    assert_eq!(anew.key, key);
    configure(&world, json!({ "witnesses": [{ "url": anew.url, "key": anew.key }] }))?;
    world.restart()?;
    let log = world.log();
    ensure!(log.contains("a witness has forgotten what it saw"), "{log}");
    Ok(())
}

#[test]
fn whoever_reads_the_published_log_finds_the_root_that_was_signed() -> Result<()> {
    let (mut world, _witness, _app) = with_witness()?;
    world.restart()?;
    world.client("ana-desktop", "ana")?.call("remote__count", json!({}))?;
    let output = Command::new(python()).args(["-c", READER, world.base_url()]).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "the root is right, entries: 403, beyond: 404");
    let socket = world.folder().join("data/control.sock");
    let entries = Command::new("curl")
        .args(["--silent", "--fail", "--output", "/dev/null", "--unix-socket"])
        .arg(&socket)
        .arg("http://countersign/log/tile/entries/000.p/2")
        .status()?;
    ensure!(entries.success(), "entries are there for the operator");
    configure(&world, json!({}))?;
    world.restart()?;
    let address = format!("{}/log/checkpoint", world.base_url());
    let closed = Command::new("curl").args(["--silent", "--fail", &address]).status()?;
    ensure!(!closed.success(), "nothing is published unless somebody says so");
    Ok(())
}

/// RFC 6962, section 2.1, over the tiles of a log with fewer than 256 entries.
const READER: &str = r"
import base64, hashlib, sys, urllib.error, urllib.request
def get(path):
    return urllib.request.urlopen(sys.argv[1] + '/log/' + path).read()
def root(leaves):
    if len(leaves) == 1: return leaves[0]
    half = 1
    while half * 2 < len(leaves): half *= 2
    return hashlib.sha256(b'\x01' + root(leaves[:half]) + root(leaves[half:])).digest()
def refused(path):
    try: get(path)
    except urllib.error.HTTPError as error: return error.code
_, size, signed = get('checkpoint').decode().split('\n')[:3]
tile = get(f'tile/0/000.p/{size}')
leaves = [tile[at:at + 32] for at in range(0, len(tile), 32)]
assert len(leaves) == int(size) and root(leaves) == base64.b64decode(signed)
entries, beyond = refused('tile/entries/000.p/' + size), refused('tile/0/001')
print(f'the root is right, entries: {entries}, beyond: {beyond}')
";
