//! The programs that stand between a client and a server.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testkit::{McpClient, Upstream, UpstreamOptions};

/// A program that listens; killed when dropped.
struct Listening {
    child: Child,
    url: String,
}

#[test]
fn the_proxy_adds_the_token_and_nothing_else() -> Result<()> {
    let token = Some("a-token".to_owned());
    let upstream =
        Upstream::start(UpstreamOptions { token, record: true, stream: true, ..UpstreamOptions::default() })?;
    let proxy = listening(Command::new(env!("CARGO_BIN_EXE_testkit-bearer")).args([
        "--to",
        upstream.url(),
        "--token",
        "a-token",
    ]))?;
    let mut client = McpClient::modern(&proxy.url)?;
    assert_eq!(client.call_text("echo", json!({"text": "through"}))?, "through");
    let seen = upstream.requests().pop().context("nothing arrived")?;
    let header = |name: &str| seen.get("headers").and_then(|headers| headers.get(name)).and_then(Value::as_str);
    assert_eq!(header("authorization"), Some("Bearer a-token"));
    assert_eq!(header("mcp-method"), Some("tools/call"));
    assert_eq!(header("host").map(|host| format!("http://{host}/mcp")).as_deref(), Some(upstream.url()));
    Ok(())
}

#[test]
fn the_everything_server_speaks_both_eras() -> Result<()> {
    let server = listening(&mut Command::new(env!("CARGO_BIN_EXE_testkit-everything")))?;
    let mut client = McpClient::legacy(&server.url, "2025-11-25")?;
    client.initialize()?;
    assert_eq!(client.call_text("test_simple_text", json!({}))?, "This is a simple text response for testing.");
    let mut client = McpClient::modern(&server.url)?;
    let asked = client.call("test_input_required_result_elicitation", json!({}))?;
    assert_eq!(asked.pointer("/inputRequests/user_name/method"), Some(&json!("elicitation/create")), "{asked}");
    Ok(())
}

fn listening(command: &mut Command) -> Result<Listening> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().context("no stdout")?;
    let mut listening = Listening { child, url: String::new() };
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    listening.url = line.trim().strip_prefix("listening on ").context("it does not listen")?.to_owned();
    Ok(listening)
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
