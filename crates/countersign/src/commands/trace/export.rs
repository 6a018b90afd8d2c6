//! `trace export`: the trace, or what a question finds, in a format that others read.

use std::fs::File;
use std::io::{BufWriter, IsTerminal as _, Write};
use std::path::Path;
use std::process::ExitCode;

use export::{About, ExportError, Exported, Format, Wanted, export};
use model::{Blame, Clock as _, Fault};
use trace::{LogReader, Query};

use super::{asked, trace_of};
use crate::cli::{Common, ExportArgs, ExportFormat, WindowArgs};
use crate::clock::SystemClock;
use crate::commands::files::result_into;
use crate::exports::about;
use crate::terminal::{out, progress, say};

/// Writes it. A file is there whole or not at all.
pub fn run(common: &Common, args: &ExportArgs) -> Result<ExitCode, Fault> {
    let Some(reader) = trace_of(common)?.reader_if_there()? else {
        return Err(Fault::new(Blame::Operator, "store.missing", "there is no trace to export yet")
            .hint("start the gateway once: `countersign serve`"));
    };
    let wanted = wanted(args, reader.last_sequence().map_err(Fault::from)?)?;
    let about = about(&reader)?;
    match &args.out {
        Some(to) => {
            let into = |file: &mut File| written(&reader, &about, &wanted, BufWriter::new(file)).map_err(Fault::from);
            let exported = result_into(to, into)?;
            report(common, args, to, &exported);
        }
        None => into_stdout(&reader, &about, &wanted)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn wanted(args: &ExportArgs, last: u64) -> Result<Wanted, Fault> {
    let now = SystemClock.now();
    let asked = asked::parsed(&args.terms, now)?;
    let of_calls = !asked.terms.is_empty();
    let mut query = if of_calls { asked.of_calls_unless_said() } else { asked };
    let window = WindowArgs { since: args.since.clone(), until: args.until.clone(), ..WindowArgs::default() };
    let window = asked::window(&window, now)?;
    (query.since, query.until) = (window.since.or(query.since), window.until.or(query.until));
    let (from, to) = (args.from.unwrap_or(1).max(1), args.to.unwrap_or(last).min(last));
    if from > to && last > 0 {
        let said = format!("there are records 1 to {last}, and {from} to {} was asked for", args.to.unwrap_or(last));
        return Err(Fault::new(Blame::Caller, "caller.range", said));
    }
    let format = match args.format {
        ExportFormat::Jsonl => Format::Jsonl,
        ExportFormat::Parquet => Format::Parquet,
        ExportFormat::Ocsf => Format::Ocsf,
        ExportFormat::Cef => Format::Cef,
    };
    Ok(Wanted { format, query: Query { newest_first: false, ..query }, from, to })
}

fn into_stdout(reader: &dyn LogReader, about: &About, wanted: &Wanted) -> Result<(), Fault> {
    let stdout = std::io::stdout();
    if wanted.format == Format::Parquet && stdout.is_terminal() {
        return Err(Fault::new(Blame::Caller, "caller.terminal", "Parquet is nothing for a terminal")
            .hint("name a file: `--out trace.parquet`"));
    }
    match written(reader, about, wanted, BufWriter::new(stdout)) {
        Ok(_) => Ok(()),
        // Whoever read it has read enough.
        Err(ExportError::NotWritten(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn written<W: Write + Send>(
    reader: &dyn LogReader,
    about: &About,
    wanted: &Wanted,
    to: W,
) -> Result<Exported, ExportError> {
    let all = wanted.to.saturating_sub(wanted.from) + 1;
    let exported = export(reader, about, wanted, to, |records| {
        progress(Some(&format!("{records} records of {all} at most")));
    });
    progress(None);
    exported
}

fn report(common: &Common, args: &ExportArgs, to: &Path, exported: &Exported) {
    let bytes = std::fs::metadata(to).map_or(0, |about| about.len());
    if common.json {
        out(serde_json::json!({
            "file": to.display().to_string(),
            "records": exported.records,
            "bytes": bytes,
            "proved_to": exported.proved_to,
        }));
        return;
    }
    say(format_args!("{}: {} records, {bytes} bytes", to.display(), exported.records));
    if matches!(args.format, ExportFormat::Jsonl) {
        let what = match exported.proved_to {
            Some(last) => format!("with the proof that nothing is left out up to record {last}"),
            None => "each record with what proves it".to_owned(),
        };
        say(format_args!("{what}; `countersign trace verify --export {}` checks it", to.display()));
    }
}
