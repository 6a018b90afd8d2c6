//! A client's messages to a child process: one a line.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use serde_json::Value;

use super::inner::{Inner, Wire};
use super::result_of;

/// A child process; killed when dropped.
pub(super) struct StdioWire {
    child: Mutex<Child>,
    stdin: Mutex<ChildStdin>,
    waiting: Mutex<BTreeMap<u64, Sender<Result<Value>>>>,
}

// === impl StdioWire ===

impl StdioWire {
    pub(super) fn start(mut command: Command) -> Result<(Self, ChildStdout)> {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("could not start {command:?}"))?;
        let stdin = child.stdin.take().context("the child has no stdin")?;
        let stdout = child.stdout.take().context("the child has no stdout")?;
        Ok((Self { child: Mutex::new(child), stdin: Mutex::new(stdin), waiting: Mutex::default() }, stdout))
    }

    pub(super) fn send(&self, message: &Value) -> Result<()> {
        let mut stdin = self.stdin.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(stdin, "{message}").and_then(|()| stdin.flush()).context("the child does not read")
    }

    pub(super) fn send_request(&self, id: u64, message: &Value) -> Result<Receiver<Result<Value>>> {
        let (sender, receiver) = channel();
        self.waiting().insert(id, sender);
        self.send(message)?;
        Ok(receiver)
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<u64, Sender<Result<Value>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for StdioWire {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let _already_gone = child.kill();
        let _reaped = child.wait();
    }
}

/// Reads what the child says, in a thread of its own, until it ends or nobody needs the client any more.
pub(super) fn read(inner: &Arc<Inner>, stdout: ChildStdout) {
    let weak = Arc::downgrade(inner);
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let Some(inner) = weak.upgrade() else { return };
            let Wire::Stdio(wire) = &inner.wire else { return };
            match serde_json::from_str::<Value>(&line) {
                Ok(message) => take(&inner, wire, message),
                Err(_) => inner.violation(format!("a line that is not JSON: `{line}`")),
            }
        }
        if let Some(inner) = weak.upgrade()
            && let Wire::Stdio(wire) = &inner.wire
        {
            wire.waiting().clear();
        }
    });
}

fn take(inner: &Inner, wire: &StdioWire, message: Value) {
    if message.get("method").is_some() {
        if let Some(answer) = inner.told(message) {
            let _gone = wire.send(&answer);
        }
        return;
    }
    let waiting = message.get("id").and_then(Value::as_u64).and_then(|id| wire.waiting().remove(&id));
    match waiting {
        Some(waiting) => {
            let _nobody_waits = waiting.send(result_of(200, message));
        }
        None => inner.violation(format!("an answer to nothing: {message}")),
    }
}
