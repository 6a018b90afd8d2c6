//! `trace erase`: what the trace holds about a person goes for good.

use std::process::ExitCode;

use model::Fault;
use serde_json::Value;

use super::super::init::agreed;
use super::readable::plain;
use crate::ask::ask;
use crate::cli::{Common, EraseArgs};
use crate::operations::Operation;
use crate::terminal::{out, say};

/// Shows what will go, asks, and has it destroyed: by the running gateway if there is one.
pub async fn run(common: &Common, args: &EraseArgs) -> Result<ExitCode, Fault> {
    let human = args.subject.clone();
    let kept = ask(&common.config, Operation::Kept { human: human.clone() }).await?;
    if !common.json {
        let about = plain(human.as_str());
        match number(&kept, "/records") {
            0 => out(format_args!("no record about {about} has a text any more; the name that is left goes")),
            records => out(format_args!(
                "{records} records about {} lose their text: #{} of {} to #{} of {}",
                about,
                number(&kept, "/first/sequence"),
                text(&kept, "/first/time"),
                number(&kept, "/last/sequence"),
                text(&kept, "/last/time"),
            )),
        }
        for note in kept.pointer("/notes").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            out(format_args!("note: {}", plain(note)));
        }
        out("what stays: that these records were made, when, by which agent, with which tool, and what was decided");
    }
    if !agreed(args.yes, "Destroy the key? Nobody can undo this.")? {
        say("nothing was erased");
        return Ok(ExitCode::from(1));
    }
    let done = ask(&common.config, Operation::Erase { human, reason: args.reason.clone() }).await?;
    if common.json {
        out(done);
    } else {
        out(format_args!("erased; `countersign why {}` shows the record of it", text(&done, "/record")));
        say("copies of the data directory from before still hold the key: let them go, too");
    }
    Ok(ExitCode::SUCCESS)
}

fn number(of: &Value, pointer: &str) -> u64 {
    of.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

fn text<'v>(of: &'v Value, pointer: &str) -> &'v str {
    of.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
