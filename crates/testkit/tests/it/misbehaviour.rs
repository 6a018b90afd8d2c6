//! The server as a child process, and everything it can do wrong.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testkit::StdioClient;

#[test]
fn a_child_that_behaves() -> Result<()> {
    let mut child = start(&["--print-env"])?;
    let answer = child.initialize(WAIT)?;
    assert_eq!(answer.pointer("/result/protocolVersion"), Some(&json!("2025-11-25")));
    let answer = call(&mut child, "environment", json!({}))?;
    let text = answer.pointer("/result/content/0/text").and_then(Value::as_str).context("no text")?;
    assert!(text.contains("PLANTED=seen\n"), "{text}");
    assert_eq!(child.finish()?.code(), Some(0));
    Ok(())
}

#[test]
fn a_child_that_speaks_the_modern_revision() -> Result<()> {
    let mut child = start(&["--era", "modern"])?;
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}});
    let answer = child.request("server/discover", json!({"_meta": meta}), WAIT)?;
    assert_eq!(answer.pointer("/result/supportedVersions"), Some(&json!(["2026-07-28"])));
    Ok(())
}

#[test]
fn a_child_that_crashes() -> Result<()> {
    let mut child = start(&["--crash-after", "1"])?;
    child.initialize(WAIT)?;
    assert!(call(&mut child, "echo", json!({"text": "1"})).is_ok());
    assert!(call(&mut child, "echo", json!({"text": "2"})).is_err());
    assert_eq!(child.finish()?.code(), Some(3));
    Ok(())
}

#[test]
fn a_child_that_prints_garbage_and_floods_stderr() -> Result<()> {
    let mut child = start(&["--garbage", "--flood-stderr"])?;
    child.initialize(WAIT)?;
    let answer = call(&mut child, "echo", json!({"text": "still here"}))?;
    assert_eq!(answer.pointer("/result/content/0/text"), Some(&json!("still here")));
    Ok(())
}

#[test]
fn a_child_that_hangs() -> Result<()> {
    let mut child = start(&["--hang"])?;
    child.initialize(WAIT)?;
    let params = json!({"name": "echo", "arguments": {"text": "x"}});
    assert!(child.request("tools/call", params, Duration::from_millis(200)).is_err());
    Ok(())
}

#[test]
fn a_child_that_says_too_much() -> Result<()> {
    let mut child = start(&["--huge", "3000000"])?;
    child.initialize(WAIT)?;
    let answer = call(&mut child, "echo", json!({"text": "x"}))?;
    let text = answer.pointer("/result/content/0/text").and_then(Value::as_str);
    assert_eq!(text.map(str::len), Some(3_000_000));
    Ok(())
}

fn start(options: &[&str]) -> Result<StdioClient> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_testkit-upstream"));
    command.arg("--stdio").args(options).env("PLANTED", "seen").stderr(std::process::Stdio::null());
    StdioClient::start(command)
}

fn call(child: &mut StdioClient, name: &str, arguments: Value) -> Result<Value> {
    child.request("tools/call", json!({"name": name, "arguments": arguments}), WAIT)
}

const WAIT: Duration = Duration::from_secs(10);
