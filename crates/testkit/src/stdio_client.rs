//! A child process that speaks one JSON message a line.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// A running child; killed when dropped.
pub struct StdioClient {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    next_id: u64,
}

// === impl StdioClient ===

impl StdioClient {
    /// Starts the command with pipes for stdin and stdout.
    pub fn start(mut command: Command) -> Result<Self> {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("could not start {command:?}"))?;
        let stdout = child.stdout.take().context("the child has no stdout")?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let stdin = child.stdin.take();
        Ok(Self { child, stdin, lines, next_id: 1 })
    }

    /// Writes one message.
    pub fn send(&mut self, message: &Value) -> Result<()> {
        let stdin = self.stdin.as_mut().context("stdin is closed")?;
        writeln!(stdin, "{message}").and_then(|()| stdin.flush()).context("the child does not read")
    }

    /// The next line that is JSON; others are skipped. An error after `timeout` or at the end.
    pub fn receive(&mut self, timeout: Duration) -> Result<Value> {
        loop {
            match self.lines.recv_timeout(timeout) {
                Ok(line) => {
                    if let Ok(message) = serde_json::from_str(&line) {
                        return Ok(message);
                    }
                }
                Err(RecvTimeoutError::Timeout) => bail!("no message within {timeout:?}"),
                Err(RecvTimeoutError::Disconnected) => bail!("the child has closed its stdout"),
            }
        }
    }

    /// Sends a request and waits for the answer with its id; the whole message.
    pub fn request(&mut self, method: &str, params: Value, timeout: Duration) -> Result<Value> {
        let id = json!(self.next_id);
        self.next_id += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))?;
        loop {
            let message = self.receive(timeout)?;
            if message.get("id") == Some(&id) && message.get("method").is_none() {
                return Ok(message);
            }
        }
    }

    /// The legacy handshake; the server's answer.
    pub fn initialize(&mut self, timeout: Duration) -> Result<Value> {
        let info = json!({"name": "testkit-client", "version": "1"});
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info});
        let answer = self.request("initialize", params, timeout)?;
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))?;
        Ok(answer)
    }

    /// Closes stdin and waits for the end.
    pub fn finish(&mut self) -> Result<ExitStatus> {
        drop(self.stdin.take());
        self.child.wait().context("could not wait for the child")
    }
}

impl Drop for StdioClient {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
