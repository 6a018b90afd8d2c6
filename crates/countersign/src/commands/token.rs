//! `token`.

use std::process::ExitCode;

use model::Fault;
use serde_json::Value;

use crate::ask::ask;
use crate::cli::{Common, TokenArgs};
use crate::operations::Operation;
use crate::terminal::{out, say};

/// Issues a token and prints it, alone, to standard output.
pub async fn run(common: &Common, args: &TokenArgs) -> Result<ExitCode, Fault> {
    let operation = Operation::Token {
        agent: args.agent.clone(),
        human: args.human.clone(),
        app: args.app.clone(),
        seconds: args.ttl.as_secs(),
        task: args.task.clone(),
    };
    let said = ask(&common.config, operation).await?;
    if common.json {
        out(said);
        return Ok(ExitCode::SUCCESS);
    }
    out(said.get("token").and_then(Value::as_str).unwrap_or_default());
    say(format_args!(
        "good for {} s at {}",
        said.get("expires_in").and_then(Value::as_u64).unwrap_or_default(),
        said.get("audience").and_then(Value::as_str).unwrap_or_default()
    ));
    if let Some(note) = said.get("note").and_then(Value::as_str) {
        say(format_args!("note: {note}"));
    }
    Ok(ExitCode::SUCCESS)
}
