//! `trace retain`: the texts of old calls go, and what proves them stays.

use std::process::ExitCode;

use model::{Blame, Fault};
use serde_json::Value;

use super::super::init::agreed;
use crate::ask::ask;
use crate::cli::{Common, RetainArgs};
use crate::clock::environment;
use crate::config::Config;
use crate::operations::Operation;
use crate::terminal::{out, say};

/// Shows what will go, asks, and has it go: by the running gateway if there is one.
pub async fn run(common: &Common, args: &RetainArgs) -> Result<ExitCode, Fault> {
    let seconds = kept_for(common, args)?;
    let due = ask(&common.config, Operation::RetainDue { seconds }).await?;
    let records = number(&due, "/records");
    if args.dry_run || records == 0 {
        show(common, &due);
        return Ok(ExitCode::SUCCESS);
    }
    if !common.json {
        show(common, &due);
    }
    if !agreed(args.yes, "Let them go? Nobody can undo this.")? {
        say("every text is still there");
        return Ok(ExitCode::from(1));
    }
    let done = ask(&common.config, Operation::Retain { seconds }).await?;
    if common.json {
        out(done);
        return Ok(ExitCode::SUCCESS);
    }
    let finished = done.pointer("/finished").and_then(Value::as_bool).unwrap_or_default();
    let how = if finished { "let go" } else { "on record; the gateway goes on with it" };
    out(format_args!("{how}; `countersign why {}` shows the record of it", text(&done, "/record")));
    say("copies of the trace from before still hold the texts: let them go, too");
    Ok(ExitCode::SUCCESS)
}

fn kept_for(common: &Common, args: &RetainArgs) -> Result<u64, Fault> {
    let wrong = |said: String| Fault::new(Blame::Caller, "caller.kept_for", said);
    if let Some(written) = &args.bodies {
        return trace::duration(written).map(|keep| keep.as_secs()).map_err(wrong);
    }
    let config = Config::load(&common.config, &environment).map_err(crate::gateway::bad_file)?;
    config.keep_bodies.map(|keep| keep.as_secs()).ok_or_else(|| {
        wrong("nothing says for how long texts are kept".to_owned())
            .hint("say it here, `--bodies 90d`, or in the configuration, `trace: {keep_bodies: 90d}`")
    })
}

fn show(common: &Common, due: &Value) {
    if common.json {
        out(due);
        return;
    }
    let held_back = due.pointer("/held_back").and_then(Value::as_bool).unwrap_or_default();
    match number(due, "/records") {
        0 if held_back => out(format_args!(
            "nothing can go: a call that waits for people stands among the oldest records from before {}",
            text(due, "/before")
        )),
        0 => out(format_args!("no whole partition of 1,024 records is older than {}", text(due, "/before"))),
        records => {
            out(format_args!(
                "{records} records: the calls among them lose their text, #{} of {} to #{} of {}",
                number(due, "/first/sequence"),
                text(due, "/first/time"),
                number(due, "/last/sequence"),
                text(due, "/last/time"),
            ));
            out(
                "what stays: their leaves and proofs, what was decided and what came of it, and every change with its text",
            );
        }
    }
    if held_back {
        out("older ones stay as long as a call among them waits for people");
    }
}

fn number(of: &Value, pointer: &str) -> u64 {
    of.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

fn text<'v>(of: &'v Value, pointer: &str) -> &'v str {
    of.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
