//! `trace prove`: a receipt of one record, in the form of C2SP tlog-proof with the record itself beside the proof.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use model::{Blame, Fault};
use trace::{Entry, LogReader, RecordKind, receipt_of};

use super::trace_of;
use crate::cli::{Common, ProveArgs};
use crate::terminal::{out, say};

/// Writes the receipt of one record.
pub fn run(common: &Common, args: &ProveArgs) -> Result<ExitCode, Fault> {
    let reader = trace_of(common)?.reader()?;
    let entry = wanted(&reader, args)?;
    let begun = stopwatch();
    let receipt = loop {
        match receipt_of(&reader, &entry).map_err(Fault::from)? {
            Some(receipt) => break receipt,
            None if begun.elapsed() < SIGNED_WITHIN => std::thread::sleep(LOOK_EVERY),
            None => {
                let said = format!("record {} is not signed yet", entry.sequence);
                return Err(Fault::new(Blame::Operator, "trace.unsigned", said)
                    .hint("a running gateway signs twice a second: start it, then try again"));
            }
        }
    };
    match &args.out {
        Some(file) => {
            write(file, &receipt.to_string())?;
            say(format_args!(
                "{} proves record {} ({}); `countersign trace verify {}` checks it",
                file.display(),
                entry.sequence,
                entry.kind,
                file.display()
            ));
        }
        None => out(receipt.to_string().trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}

fn wanted(reader: &dyn LogReader, args: &ProveArgs) -> Result<Entry, Fault> {
    let of_call = reader.by_id(&args.id).map_err(Fault::from)?;
    // Digits name a record, and where there is none of that number, they are the end of an id.
    let exact = args.id.parse::<u64>().ok();
    let named = of_call.iter().position(|entry| Some(entry.sequence) == exact);
    let outcome = of_call.iter().position(|entry| entry.kind == RecordKind::Outcome);
    let found = if args.outcome { outcome } else { named.or(Some(0)) };
    let found = found.and_then(|place| of_call.into_iter().nth(place));
    found.ok_or_else(|| {
        let what = if args.outcome { "nothing came yet of" } else { "there is no record of" };
        Fault::new(Blame::Caller, "caller.no_such_record", format!("{what} `{}`", args.id))
            .hint("`countersign trace` lists calls with their ids")
    })
}

fn write(file: &Path, receipt: &str) -> Result<(), Fault> {
    std::fs::write(file, receipt).map_err(|error| private_file::unwritable(file, error))
}

#[expect(clippy::disallowed_methods, reason = "how long a command waits decides nothing")]
fn stopwatch() -> Instant {
    Instant::now()
}

const SIGNED_WITHIN: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests;
