//! The server as a child process: one JSON message a line, one client.

use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinSet;

use super::server::ExactServer;
use super::session::Session;
use super::strict::{self, Received};
use crate::Revision;

/// Serves stdin and stdout until stdin ends.
pub(super) async fn serve(server: Arc<ExactServer>) -> Result<()> {
    let (out, mut lines) = unbounded_channel::<Value>();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut stdout = tokio::io::stdout();
        while let Some(message) = lines.recv().await {
            let line = format!("{message}\n");
            if stdout.write_all(line.as_bytes()).await.is_err() || stdout.flush().await.is_err() {
                break;
            }
        }
    });
    let standing = (!server.revision().modern()).then(|| out.clone());
    let session = Arc::new(Session::new("stdio".to_owned(), standing));
    server.open_session(Arc::clone(&session));
    let mut stdin = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = stdin.next_line().await.context("could not read stdin")? {
        let message = serde_json::from_str::<Value>(&line).ok();
        server.record(&json!({ "body": message }));
        let batch = match message {
            None => {
                let _gone = out.send(strict::not_json());
                continue;
            }
            Some(Value::Array(batch)) if server.revision() == Revision::March2025 => batch,
            Some(message) => vec![message],
        };
        for message in batch {
            match strict::receive(&server, Some(&session), &message, &out) {
                Received::Accepted => {}
                Received::Refused(_, message) | Received::Answered(message) => {
                    let _gone = out.send(message);
                }
                Received::Turn(turn) => {
                    tasks.spawn(turn.respond());
                }
            }
        }
    }
    Ok(())
}
