//! `trace exports`: how far each export of the configuration has come.

use std::process::ExitCode;

use model::{Fault, UnixMicros};
use serde_json::json;
use trace::{LogReader as _, rfc3339};

use crate::cli::Common;
use crate::clock::environment;
use crate::config::Config;
use crate::exports::{Standing, standings};
use crate::gateway::bad_file;
use crate::terminal::{Ink, Look, out, say};

/// A line for each; the exit code is 1 where one does not get on.
pub fn run(common: &Common) -> Result<ExitCode, Fault> {
    let config = Config::load(&common.config, &environment).map_err(bad_file)?;
    let reader = config.trace()?.reader_if_there().map_err(Fault::from)?;
    let records = reader.map_or(Ok(0), |reader| reader.last_sequence()).map_err(Fault::from)?;
    let standings = standings(&config, records);
    if common.json {
        out(json!({ "records": records, "exports": standings.iter().map(as_json).collect::<Vec<_>>() }));
    } else if standings.is_empty() {
        say("the configuration names no exports: `exports: {lake: {kind: jsonl, file: trace.jsonl}}` would be one");
    } else {
        print(&standings);
    }
    let fails = |one: &Standing| one.place.as_ref().map_or(true, |place| place.failing);
    Ok(if standings.iter().any(fails) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn print(standings: &[Standing]) {
    let look = Look::stdout();
    let widest = |of: fn(&Standing) -> &str| standings.iter().map(|one| of(one).len()).max().unwrap_or_default();
    let (names, kinds) = (widest(|one| &one.name), widest(|one| one.kind));
    for one in standings {
        let (name, kind, lag) = (&one.name, one.kind, one.lag);
        match &one.place {
            Ok(place) => {
                let sequence = place.sequence;
                out(format_args!("{name:<names$}  {kind:<kinds$}  delivered up to record {sequence}, {lag} to go"));
                if let Some(error) = &place.last_error {
                    let when = place.last_error_at_us.map_or_else(String::new, |at| rfc3339(UnixMicros(at)));
                    let ink = if place.failing { Ink::Red } else { Ink::Dim };
                    let failures = place.failures;
                    let line = format!("failed {failures} times, last {when}: {error}");
                    out(format_args!("{:<names$}  {}", "", look.paint(ink, line)));
                }
            }
            Err(fault) => out(format_args!("{name:<names$}  {kind:<kinds$}  {}", look.paint(Ink::Red, fault))),
        }
    }
}

fn as_json(one: &Standing) -> serde_json::Value {
    let time = |at: Option<i64>| at.map(|at| rfc3339(UnixMicros(at)));
    match &one.place {
        Ok(place) => json!({
            "name": one.name,
            "kind": one.kind,
            "cursor": place.sequence,
            "lag": one.lag,
            "failing": place.failing,
            "failures": place.failures,
            "delivered_at": time(place.delivered_at_us),
            "last_error": place.last_error,
            "last_error_at": time(place.last_error_at_us),
        }),
        Err(fault) => json!({ "name": one.name, "kind": one.kind, "failing": true, "last_error": fault.to_string() }),
    }
}
