//! The server as a child process: one JSON message a line.

use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::protocol::{Envelope, Reply, Server};

/// Serves stdin and stdout until stdin ends.
pub async fn serve_stdio(server: Arc<Server>) -> Result<()> {
    let (outgoing, mut lines) = unbounded_channel::<Value>();
    let garbage = server.options.misbehaviour.garbage;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut stdout = tokio::io::stdout();
        while let Some(message) = lines.recv().await {
            let noise = if garbage { "starting up... {\"not\": json\n" } else { "" };
            let text = format!("{noise}{message}\n");
            if stdout.write_all(text.as_bytes()).await.is_err() || stdout.flush().await.is_err() {
                break;
            }
        }
    });
    if server.options.misbehaviour.flood_stderr {
        tasks.spawn(flood());
    }
    let mut stdin = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = stdin.next_line().await.context("could not read stdin")? {
        if !line.trim().is_empty() {
            tasks.spawn(answer(Arc::clone(&server), line, outgoing.clone()));
        }
    }
    Ok(())
}

async fn answer(server: Arc<Server>, line: String, outgoing: UnboundedSender<Value>) {
    let reply = match serde_json::from_str(&line) {
        Ok(message) => server.answer(message, &Pipe, Some(outgoing.clone())).await,
        Err(_) => Reply::not_json(),
    };
    if let Some(message) = reply.message {
        let _closed = outgoing.send(message);
    }
}

async fn flood() {
    let mut stderr = tokio::io::stderr();
    let line = format!("{}\n", "noise ".repeat(200));
    while stderr.write_all(line.as_bytes()).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

struct Pipe;

impl Envelope for Pipe {
    fn header(&self, _name: &str) -> Option<String> {
        None
    }

    fn is_http(&self) -> bool {
        false
    }
}
