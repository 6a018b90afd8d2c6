//! `trace`: what happened, one line a call.

mod follow;
pub(super) mod readable;
mod table;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use jiff::tz::TimeZone;
use model::{Blame, Clock as _, Fault, UnixMicros};
use store::SqliteReader;
use trace::{Entry, LogReader, Query, RecordKind};

use self::follow::Follower;
use self::table::Table;
use super::place::Place;
use crate::cli::{Common, TraceArgs};
use crate::clock::{SystemClock, environment};
use crate::config::Config;
use crate::gateway::{bad_file, files};
use crate::terminal::{Look, say};
use crate::words::moment;

/// Shows calls and, where asked for, changes; reads beside a running gateway.
pub fn run(common: &Common, args: &TraceArgs) -> Result<ExitCode, Fault> {
    let questions = Questions::of(args, SystemClock.now())?;
    let file = file_of(common)?;
    if !file.exists() {
        say(NOTHING_YET);
        if !args.follow {
            return Ok(ExitCode::SUCCESS);
        }
        wait_for(&file);
    }
    let reader = SqliteReader::open(&file).map_err(Fault::from)?;
    let look = Look::stdout();
    let look = if args.wide { Look { width: None, ..look } } else { look };
    let mut printer = match common.json {
        true => Printer::Json,
        false => Printer::Table(Table::new(look, TimeZone::system())),
    };
    let upto = reader.last_sequence().map_err(Fault::from)?;
    let entries = questions.newest(&reader, upto, args.limit)?;
    if entries.is_empty() {
        say(nothing_found(upto, &questions));
    }
    let mut reads_on = printer.print(&entries, SystemClock.now());
    let mut follower = Follower::new(&entries, upto);
    while args.follow && reads_on {
        std::thread::sleep(LOOK_EVERY);
        let fresh = follower.look(&reader, &questions, SystemClock.now())?;
        reads_on = printer.print(&fresh, SystemClock.now());
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the trace is. A configuration that is not in order is told and does not keep anyone from reading.
pub(super) fn file_of(common: &Common) -> Result<PathBuf, Fault> {
    let problems = match Config::load(&common.config, &environment) {
        Ok(config) => return Ok(config.data.join(files::TRACE)),
        Err(problems) => problems,
    };
    let file = Place::of(&common.config, &Place::here()).data.join(files::TRACE);
    if !file.exists() {
        return Err(bad_file(problems));
    }
    say(format_args!("the configuration is not in order (`countersign check` says more); this is {}", file.display()));
    Ok(file)
}

/// What is asked of the log: calls, and changes where they are wanted.
struct Questions {
    calls: Query,
    changes: Option<Query>,
}

impl Questions {
    fn of(args: &TraceArgs, now: UnixMicros) -> Result<Self, Fault> {
        let at = |text: &Option<String>| text.as_deref().map(|text| parse_moment(text, now)).transpose();
        let calls = Query {
            agent: args.agent.clone(),
            human: args.human.clone(),
            app: args.app.clone(),
            tool: args.tool.clone(),
            verdict: args.verdict,
            observed: args.observed,
            kind: Some(RecordKind::Intent),
            since: at(&args.since)?,
            until: at(&args.until)?,
            ..Query::default()
        };
        let changes = args.changes.then(|| Query {
            kind: Some(RecordKind::Change),
            since: calls.since,
            until: calls.until,
            ..Query::default()
        });
        Ok(Self { calls, changes })
    }

    fn each(&self) -> impl Iterator<Item = &Query> {
        std::iter::once(&self.calls).chain(&self.changes)
    }

    fn narrow(&self) -> bool {
        self.calls.intents_only() || self.calls.since.is_some() || self.calls.until.is_some()
    }

    /// The newest records up to a place in the log, oldest first.
    fn newest(&self, reader: &dyn LogReader, upto: u64, limit: usize) -> Result<Vec<Entry>, Fault> {
        let mut found = Vec::new();
        for query in self.each() {
            found.extend(reader.find(&Query { limit, newest_first: true, ..query.clone() }).map_err(Fault::from)?);
        }
        found.retain(|entry| entry.sequence <= upto);
        found.sort_by_key(|entry| entry.sequence);
        found.drain(..found.len().saturating_sub(limit));
        Ok(found)
    }

    /// Everything behind one place in the log, oldest first, and up to which place that is. A long answer comes in
    /// pieces: the next question goes on where this one ended.
    fn after(&self, reader: &dyn LogReader, after: u64) -> Result<(Vec<Entry>, u64), Fault> {
        let mut upto = reader.last_sequence().map_err(Fault::from)?;
        let mut found = Vec::new();
        if upto == after {
            return Ok((found, upto));
        }
        for query in self.each() {
            let page = Query { after_sequence: Some(after), limit: PAGE, newest_first: false, ..query.clone() };
            let page = reader.find(&page).map_err(Fault::from)?;
            if let (PAGE, Some(last)) = (page.len(), page.last()) {
                upto = upto.min(last.sequence);
            }
            found.extend(page);
        }
        found.retain(|entry| entry.sequence <= upto);
        found.sort_by_key(|entry| entry.sequence);
        Ok((found, upto))
    }
}

/// How records are shown.
enum Printer {
    Table(Table),
    Json,
}

impl Printer {
    /// Writes records; false when nobody reads any more.
    fn print(&mut self, entries: &[Entry], now: UnixMicros) -> bool {
        let lines = match self {
            Self::Table(table) => table.lines(entries, now),
            Self::Json => entries.iter().map(|entry| entry.to_json().to_string()).collect(),
        };
        let mut stdout = std::io::stdout().lock();
        lines.iter().all(|line| writeln!(stdout, "{line}").is_ok()) && stdout.flush().is_ok()
    }
}

fn parse_moment(text: &str, now: UnixMicros) -> Result<UnixMicros, Fault> {
    moment(text, now).map_err(|said| {
        Fault::new(Blame::Operator, "operator.moment", said)
            .hint("`--since 2h` is the last two hours; a date and time needs its zone, as in `2026-11-21T10:00:00Z`")
    })
}

fn nothing_found(records: u64, questions: &Questions) -> String {
    if questions.narrow() {
        format!("none of the {records} records fits; without filters, `countersign trace` shows the newest")
    } else {
        NOTHING_YET.to_owned()
    }
}

fn wait_for(file: &Path) {
    while !file.exists() {
        std::thread::sleep(LOOK_EVERY);
    }
    // The first gateway is still making the file; its tables come a moment later.
    std::thread::sleep(LOOK_EVERY);
}

const NOTHING_YET: &str = "nothing was decided yet: every call an agent makes through `countersign serve` appears here, \
     with its verdict and its outcome (`countersign demo` makes some)";
const LOOK_EVERY: Duration = Duration::from_millis(200);
const PAGE: usize = 1_000;

#[cfg(test)]
pub(super) mod tests;
