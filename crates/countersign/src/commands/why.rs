//! `why`: the whole story of one call or change.

pub(super) mod facts;
pub(super) mod story;

use std::process::ExitCode;

use jiff::tz::TimeZone;
use model::{Blame, Fault};
use serde_json::{Value, json};
use trace::{ChangeView, Entry, LogReader, RecordKind, verify_leaf};

use self::story::Story;
use super::trace::readable::KeptFrom;
use super::trace::trace_of;
use crate::cli::{Common, WhyArgs};
use crate::terminal::{Look, out, say};

/// Tells the story. Exit code 1: a record is not what was written.
pub fn run(common: &Common, args: &WhyArgs) -> Result<ExitCode, Fault> {
    let reader = trace_of(common)?.reader()?;
    let entries = find(&reader, &args.id)?;
    let sound = entries.iter().all(|entry| verify_leaf(entry).is_ok());
    if common.json {
        out(everything(&entries));
    } else {
        let said = said(&reader, &entries)?;
        let (kept, told) =
            (KeptFrom::of(&reader)?, Story::new(Look::stdout(), TimeZone::system()).tell(&entries, &said));
        out(entries.first().map_or(String::new(), |entry| kept.in_words(entry, told)));
        kept.told_of(&entries).into_iter().for_each(say);
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// All records of what is meant: a whole id, its last characters, or a sequence number (`#12` as the table shows it).
fn find(reader: &dyn LogReader, id: &str) -> Result<Vec<Entry>, Fault> {
    let meant = id.strip_prefix('#').unwrap_or(id);
    let entries = reader.by_id(meant).map_err(Fault::from)?;
    if entries.is_empty() {
        let said = format!("the trace has no call or change `{id}`");
        return Err(Fault::new(Blame::Operator, "operator.no_call", said)
            .hint("`countersign trace --changes` lists them; the number at the start of a line is enough"));
    }
    Ok(entries)
}

/// What people said to a call that waited for them.
fn said(reader: &dyn LogReader, entries: &[Entry]) -> Result<Vec<ChangeView>, Fault> {
    let Some(call) = entries.iter().find(|entry| entry.kind == RecordKind::Intent) else { return Ok(Vec::new()) };
    let said = trace::ready::said_by_people(reader, call).map_err(Fault::from)?;
    Ok(said.iter().filter_map(Entry::change).collect())
}

/// The records as they stand, each with whether it is what was written.
fn everything(entries: &[Entry]) -> Value {
    let records: Vec<Value> = entries
        .iter()
        .map(|entry| {
            let mut record = entry.to_json();
            if let Some(record) = record.as_object_mut() {
                let wrong = verify_leaf(entry).err().map(|error| error.to_string());
                record.insert("verified".to_owned(), wrong.is_none().into());
                record.insert("wrong".to_owned(), wrong.into());
            }
            record
        })
        .collect();
    json!({ "call": entries.first().map(|entry| entry.call.as_str()), "records": records })
}

#[cfg(test)]
mod tests;
