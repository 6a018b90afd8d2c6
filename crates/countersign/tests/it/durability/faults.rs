//! Each step of writing fails, or is said to fail although it was done (a flush that reports an error has often written
//! everything): what runs is on record, what is not on record does not run, and what stands on the disk afterwards is right.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use testkit::{McpClient, Upstream, World};

use super::stand_in;
use crate::kit::{decision, pin, records, text, until, upstream};

/// One step that goes wrong while the gateway runs.
struct Fault {
    what: &'static str,
    /// Files in the world's folder of which it is a step; none: of any.
    files: &'static [&'static str],
    /// What strace is to do to it.
    injected: &'static str,
    /// What the calls meet.
    meets: Meets,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Meets {
    /// Nothing: every call runs.
    Nothing,
    /// One record is not written: calls are refused where it is an intent, an outcome is lost where it is one. Later calls
    /// run. Which of the two it is depends on which thread came to write.
    Once,
    /// From some call on, all are refused.
    FromThenOn,
}

const REDO: &[&str] = &["data/trace.db-redo0", "data/trace.db-redo1"];
const TABLES: &[&str] = &["data/trace.db", "data/trace.db-wal"];
/// A call is an intent and an outcome, so that of flushes in a row one is that of either.
const FLUSHES: &[&str] = &[
    "fdatasync:error=EIO:when=5",
    "fdatasync:error=EIO:when=6",
    "fdatasync:error=EIO:when=7",
    "fdatasync:error=EIO:when=8",
    "fdatasync:error=EIO:when=9",
    "fdatasync:error=EIO:when=10",
];
/// Whatever is renamed: nothing but copies of checkpoints while the gateway runs.
const COPY: &[&str] = &[];

const FAULTS: &[Fault] = &[
    Fault { what: "no flush works", files: REDO, injected: "fdatasync:error=EIO:when=5+", meets: Meets::FromThenOn },
    Fault {
        what: "a flush runs out of space",
        files: REDO,
        injected: "fdatasync:error=ENOSPC:when=8",
        meets: Meets::Once,
    },
    Fault { what: "a write fails", files: REDO, injected: "pwrite64:error=EIO:when=8", meets: Meets::Once },
    Fault { what: "no write works", files: REDO, injected: "pwrite64:error=EIO:when=7+", meets: Meets::FromThenOn },
    Fault {
        what: "the disk is full",
        files: REDO,
        injected: "pwrite64:error=ENOSPC:when=7+",
        meets: Meets::FromThenOn,
    },
    Fault { what: "the quota is used up", files: REDO, injected: "pwrite64:error=EDQUOT:when=8", meets: Meets::Once },
    // Two system calls of a write: one that is interrupted is made again.
    Fault {
        what: "a write is interrupted",
        files: REDO,
        injected: "pwrite64:error=EINTR:when=6",
        meets: Meets::Nothing,
    },
    // The tables follow behind. What they cannot take stands in the redo log.
    Fault {
        what: "the tables cannot be written",
        files: TABLES,
        injected: "pwrite64:error=EIO:when=9+",
        meets: Meets::Nothing,
    },
    Fault {
        what: "the tables have no space",
        files: TABLES,
        injected: "pwrite64:error=ENOSPC:when=9+",
        meets: Meets::Nothing,
    },
    // A copy of a checkpoint is a second witness and holds up nobody.
    Fault {
        what: "the copy of the checkpoint cannot be put in place",
        files: COPY,
        injected: "rename,renameat,renameat2:error=EROFS",
        meets: Meets::Nothing,
    },
];

#[test]
fn whichever_step_of_writing_fails_nothing_runs_off_the_record() -> Result<()> {
    let wrong: Vec<String> =
        FAULTS.iter().filter_map(|fault| Some(format!("{}: {:?}", fault.what, meet(fault).err()?))).collect();
    ensure!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    Ok(())
}

#[test]
fn the_flush_of_an_intent_and_that_of_an_outcome_fail() -> Result<()> {
    let (mut intent, mut outcome) = (false, false);
    for &injected in FLUSHES {
        let fault = Fault { what: "a flush fails", files: REDO, injected, meets: Meets::Once };
        let met = meet(&fault).context(injected)?;
        (intent, outcome) = (intent || met.refused > 0, outcome || met.outcome_lost);
        if intent && outcome {
            return Ok(());
        }
    }
    bail!("no flush of an intent ({intent}) or none of an outcome ({outcome}) failed")
}

/// What became of the calls.
struct Met {
    ran: Vec<Value>,
    refused: usize,
    outcome_lost: bool,
}

fn meet(fault: &Fault) -> Result<Met> {
    let lines = "[ -f fault ] && exec strace -D -f -qq -o met $(cat fault) \"$REAL\" \"$@\"\nexec \"$REAL\" \"$@\"";
    let (_folder, binary) = stand_in(lines)?;
    let upstream = upstream()?;
    let mut world = World::builder(binary).app_url("remote", upstream.url(), None).start()?;
    pin(&world, "remote", "write")?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    let calls = fault.injected.split(':').next().unwrap_or_default();
    let paths = fault.files.iter().map(|file| format!("-P {}", world.folder().join(file).display()));
    let words = paths.chain([format!("-e trace={calls} -e inject={}", fault.injected)]).collect::<Vec<_>>().join(" ");
    std::fs::write(world.folder().join("fault"), words)?;
    world.restart()?;
    let mut client = world.client("ana-desktop", "ana")?;
    let called = call_all(&mut client, fault.meets);
    let met = std::fs::read_to_string(world.folder().join("met"))?;
    let (ran, refused) = called.with_context(|| format!("{met}\n{}", world.log()))?;
    assert_eq!(upstream.tags(), ran, "what left is what was answered");
    until("it went wrong", || {
        Ok(std::fs::read_to_string(world.folder().join("met"))?.lines().any(|line| line.contains("(INJECTED)")))
    })?;
    let told = match (fault.files, fault.meets) {
        (TABLES, _) => Some("the trace cannot be signed; it is tried again"),
        (_, Meets::FromThenOn) => Some("records cannot be written, and no call runs without its record"),
        _ => None,
    };
    if let Some(told) = told {
        until("whoever runs the gateway hears of it", || {
            // strace counts for each thread by itself: the one that signs may have written since the last call was refused.
            if matches!(fault.meets, Meets::FromThenOn) {
                let more = client.call("remote__echo", json!({"text": "x"}))?;
                ensure!(more.get("isError") != Some(&json!(false)), "a call ran after others were refused: {more}");
            }
            std::thread::sleep(Duration::from_millis(20));
            Ok(world.log().contains(told))
        })?;
    }
    let met = Met { ran, refused, outcome_lost: world.log().contains("the outcome of a call could not be recorded") };
    let expected = match fault.meets {
        Meets::Nothing => refused == 0 && !met.outcome_lost,
        Meets::Once => (1..=3).contains(&refused) || (refused == 0 && met.outcome_lost),
        Meets::FromThenOn => refused > 3 && !met.ran.is_empty(),
    };
    ensure!(
        expected,
        "{refused} of {CALLS} calls were refused; an outcome was lost: {}\n{}",
        met.outcome_lost,
        world.log()
    );
    world.kill()?;
    std::fs::remove_file(world.folder().join("fault"))?;
    world.restart()?;
    world.client("ana-desktop", "ana")?.call("remote__echo", json!({"text": "x", "tag": "after"}))?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    check(&world, &upstream, &met.ran)?;
    Ok(met)
}

/// Makes calls one after the other: the tags of those that ran, and how many were refused before anything left.
fn call_all(client: &mut McpClient, meets: Meets) -> Result<(Vec<Value>, usize)> {
    let (mut ran, mut refused) = (Vec::new(), 0);
    for number in 0..CALLS {
        let tag = json!(format!("call-{number}"));
        let result = client.call("remote__echo", json!({"text": "x", "tag": tag}))?;
        if result.get("isError") == Some(&json!(false)) {
            ensure!(refused == 0 || meets != Meets::FromThenOn, "call {number} ran after others were refused");
            ran.push(tag);
        } else {
            let structure = decision(&result)?;
            ensure!(structure.get("executed") == Some(&json!(false)), "{result}");
            ensure!(structure.get("blame") == Some(&json!("operator")), "{result}");
            ensure!(text(&result).contains("Nothing was executed"), "{result}");
            refused += 1;
        }
    }
    Ok((ran, refused))
}

/// Every call that ran has its record and its outcome; the whole log is what was written and signed.
fn check(world: &World, upstream: &Upstream, ran: &[Value]) -> Result<()> {
    assert_eq!(upstream.call_count(), ran.len() + 1, "and the one after it");
    let verified = world.run(&["trace", "verify", "--json"])?;
    let said: Value = serde_json::from_str(&verified.stdout).with_context(|| verified.stderr.clone())?;
    assert_eq!((said.get("right"), said.get("unsigned")), (Some(&json!(true)), Some(&json!(0))), "{said}");
    let decided: Vec<_> = records(world)?.into_iter().filter(|entry| entry.verdict.is_some()).collect();
    let executed = decided
        .iter()
        .filter(|entry| entry.outcome().is_some_and(|outcome| outcome.effect == trace::Effect::Executed))
        .count();
    ensure!(executed <= upstream.call_count(), "{executed} calls are recorded as executed");
    ensure!(decided.len() >= upstream.call_count(), "{} decisions are recorded", decided.len());
    ensure!(decided.iter().all(|entry| entry.outcome().is_some()), "a call has no outcome, not even an unknown one");
    Ok(())
}

const CALLS: usize = 12;
