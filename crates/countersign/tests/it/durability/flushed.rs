//! The order of system calls: the record of a call is on the disk before the call is on the wire. A kill cannot show
//! this, for what was written survives a kill without a flush.

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use testkit::{Upstream, World};

use super::stand_in;
use crate::kit::{pin, until, upstream};

#[test]
fn the_record_is_flushed_before_the_call_leaves() -> Result<()> {
    check(&traced(&[])?)
}

#[test]
fn the_check_of_flushing_fails_where_nothing_is_flushed() -> Result<()> {
    let found = check(&traced(&[("COUNTERSIGN_DANGER_NO_SYNC", "1")])?);
    let said = found.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(said.contains("before its record was flushed"), "the check has no teeth: `{said}`");
    Ok(())
}

/// What the gateway asked of the system during one call, and where the call went.
struct Traced {
    lines: Vec<String>,
    upstream: String,
}

fn traced(environment: &[(&str, &str)]) -> Result<Traced> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("calls");
    let strace =
        format!("exec strace -D -f -qq -yy -s 65536 -e trace={CALLS} -o '{}' \"$REAL\" \"$@\"", file.display());
    let (_binary_folder, binary) = stand_in(&strace)?;
    let upstream: Upstream = upstream()?;
    let builder = World::builder(binary).app_url("remote", upstream.url(), None);
    let builder = environment.iter().fold(builder, |builder, (name, value)| builder.environment(name, value));
    let mut world = builder.start()?;
    pin(&world, "remote", "write")?;
    let mut client = world.client("ana-desktop", "ana")?;
    let said = client.call_text("remote__echo", json!({"text": "x", "tag": TAG}))?;
    ensure!(said == "x", "the call did not run: {said}");
    assert_eq!(environment.is_empty(), !world.log().contains("nothing is flushed"));
    let process = world.process_id().to_string();
    assert_eq!(world.terminate()?, 0);
    let mut lines = Vec::new();
    until("strace has written everything", || {
        lines = String::from_utf8_lossy(&std::fs::read(&file)?).lines().map(str::to_owned).collect();
        Ok(lines.iter().any(|line| line.starts_with(&process) && line.contains("exit_group")))
    })?;
    Ok(Traced { lines, upstream: format!("->{}]", upstream.address()) })
}

fn check(traced: &Traced) -> Result<()> {
    let lines = &traced.lines;
    let find = |what: &str, from: usize, so: &dyn Fn(&str) -> bool| {
        let found = lines.iter().enumerate().skip(from).find(|(_, line)| so(line)).map(|(at, _)| at);
        found.with_context(|| format!("the trace shows no {what}"))
    };
    let recorded = find("record", 0, &|line| line.contains("trace.db-redo") && line.contains("tools/call"))?;
    let recorded = end_of(lines, recorded)?;
    let left = find("call", 0, &|line| line.contains(&traced.upstream) && line.contains(TAG))?;
    let flush = |line: &str| (line.contains("fdatasync(") || line.contains("fsync(")) && line.contains("trace.db-redo");
    let flushed = find("flush", recorded, &flush).and_then(|flushed| end_of(lines, flushed));
    match flushed {
        Ok(flushed) if recorded < flushed && flushed < left => Ok(()),
        _ => {
            bail!("the call left (line {left}) before its record was flushed: recorded in line {recorded}, {flushed:?}")
        }
    }
}

/// The line in which a system call returned: its own, or a later one of the same thread.
fn end_of(lines: &[String], start: usize) -> Result<usize> {
    let line = lines.get(start).context("no such line")?;
    if !line.ends_with("<unfinished ...>") {
        return Ok(start);
    }
    let thread = line.split(' ').next().unwrap_or_default();
    let resumed = |line: &String| line.starts_with(thread) && line.contains(" resumed>");
    let end = lines.iter().skip(start + 1).position(resumed).context("a system call never returned")?;
    Ok(start + 1 + end)
}

const TAG: &str = "tag-of-the-one-call";
const CALLS: &str = "fdatasync,fsync,pwrite64,pwritev,write,writev,sendto,sendmsg,exit_group";
