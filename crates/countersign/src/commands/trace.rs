//! `trace`: what happened, one line a call, and answers to what people ask of it.

mod asked;
mod backup;
mod embedded;
mod erase;
mod export;
mod exports;
mod follow;
mod keys;
mod map;
mod owns;
mod prove;
pub(super) mod readable;
mod ready;
mod retain;
mod table;
mod verify;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use jiff::tz::TimeZone;
use model::{Blame, Clock as _, Fault, UnixMicros};
use rustix::event::{PollFd, PollFlags, Timespec};
use store::{Location, Reader};
use trace::{Entry, LogReader, Query};

use self::asked::Questions;
use self::follow::Follower;
use self::readable::KeptFrom;
use self::table::Table;
use super::place::Place;
use crate::cli::{Common, FollowArgs, QueryArgs, TraceAction, TraceArgs};
use crate::clock::{SystemClock, environment};
use crate::config::Config;
use crate::gateway::{bad_file, files};
use crate::terminal::{Look, say};

/// Shows calls and, where asked for, changes; reads beside a running gateway.
pub fn run(common: &Common, args: &TraceArgs) -> Result<ExitCode, Fault> {
    let now = SystemClock.now();
    let Some(action) = &args.action else {
        let questions = Questions::of(args, now)?;
        let start = Start::Newest(args.limit);
        return list(common, &questions, &Shown { start, follow: args.follow, wide: args.wide });
    };
    match action {
        TraceAction::Query(args) => query(common, args),
        TraceAction::Follow(args) => follow(common, args),
        TraceAction::Touched(args) => ready::touched(common, &args.agent, &args.window),
        TraceAction::OnBehalfOf(args) => ready::on_behalf_of(common, &args.human, &args.window),
        TraceAction::RuleFired(args) => ready::rule_fired(common, &args.rule, &args.window),
        TraceAction::AccessEnded(args) => ready::access_ended(common, &args.who, &args.window),
        TraceAction::WhoApproved(args) => ready::who_approved(common, args),
        TraceAction::Owns(args) => owns::run(common, args),
        TraceAction::Verify(args) => verify::run(common, args),
        TraceAction::Prove(args) => prove::run(common, args),
        TraceAction::Erase(args) => super::block_on(erase::run(common, args)),
        TraceAction::Map(args) => map::run(common, args),
        TraceAction::Retain(args) => super::block_on(retain::run(common, args)),
        TraceAction::Export(args) => export::run(common, args),
        TraceAction::Exports => exports::run(common),
        TraceAction::Keys(args) => keys::run(common, args),
        TraceAction::Backup(args) => backup::backup(common, args),
        TraceAction::Restore(args) => backup::restore(common, args),
    }
}

/// How records are listed.
struct Shown {
    start: Start,
    follow: bool,
    wide: bool,
}

/// Where a list begins.
enum Start {
    /// With so many of the past.
    Newest(usize),
    /// Behind a place in the log.
    Behind(u64),
}

fn query(common: &Common, args: &QueryArgs) -> Result<ExitCode, Fault> {
    let query = asked::question(&args.terms, SystemClock.now())?;
    let trace = trace_of(common)?;
    let Some(reader) = trace.reader_if_there()? else {
        say(NOTHING_YET);
        return Ok(ExitCode::SUCCESS);
    };
    let query = Query { before_sequence: args.cursor, limit: args.limit, ..query };
    let mut found = reader.find(&query).map_err(Fault::from)?;
    let next = found.last().map(|last| last.sequence).filter(|_| found.len() == args.limit);
    found.reverse();
    if found.is_empty() {
        let records = reader.last_sequence().map_err(Fault::from)?;
        say(format_args!("none of the {records} records fits `{query}`"));
    }
    let kept = KeptFrom::of(&reader)?;
    printer(common, args.wide, kept).print(&found, SystemClock.now())?;
    kept.told_of(&found).into_iter().for_each(say);
    if let Some(next) = next {
        say(format_args!("there may be older ones: --cursor {next}"));
    }
    Ok(ExitCode::SUCCESS)
}

fn follow(common: &Common, args: &FollowArgs) -> Result<ExitCode, Fault> {
    let query = asked::question(&args.terms, SystemClock.now())?;
    let start = args.after.map_or(Start::Newest(args.limit), Start::Behind);
    list(common, &Questions::just(query), &Shown { start, follow: true, wide: args.wide })
}

fn list(common: &Common, questions: &Questions, shown: &Shown) -> Result<ExitCode, Fault> {
    let trace = trace_of(common)?;
    let reader = match trace.reader_if_there()? {
        Some(reader) => reader,
        None => {
            say(NOTHING_YET);
            if !shown.follow {
                return Ok(ExitCode::SUCCESS);
            }
            wait_for(&trace)?;
            trace.reader()?
        }
    };
    let kept = KeptFrom::of(&reader)?;
    let mut printer = printer(common, shown.wide, kept);
    let upto = reader.last_sequence().map_err(Fault::from)?;
    let (entries, upto) = match shown.start {
        Start::Newest(limit) => (questions.newest(&reader, upto, limit)?, upto),
        Start::Behind(place) => (Vec::new(), place),
    };
    let asked_for_some = !matches!(shown.start, Start::Newest(0));
    if entries.is_empty() && !shown.follow && asked_for_some {
        say(nothing_found(upto, questions));
    }
    let mut reads_on = printer.print(&entries, SystemClock.now())?;
    kept.told_of(&entries).into_iter().for_each(say);
    let mut follower = match shown.start {
        Start::Newest(_) => Follower::new(&entries, upto),
        Start::Behind(place) => Follower::behind(&reader, questions, place)?,
    };
    while shown.follow && reads_on {
        let fresh = follower.look(&reader, questions, SystemClock.now())?;
        reads_on = printer.print(&fresh, SystemClock.now())? && (!fresh.is_empty() || wait());
    }
    Ok(ExitCode::SUCCESS)
}

fn printer(common: &Common, wide: bool, kept: KeptFrom) -> Printer {
    let look = Look::stdout();
    let look = if wide { Look { width: None, ..look } } else { look };
    match common.json {
        true => Printer::Json,
        false => Printer::Table(Table::new(look, TimeZone::system()), kept),
    }
}

/// Where the trace is. A configuration that is not in order is told and does not keep anyone from reading; one that is not there
/// may be a slip of the pen, and whose trace is meant is anybody's guess.
pub(super) fn trace_of(common: &Common) -> Result<Trace, Fault> {
    let problems = match Config::load(&common.config, &environment) {
        Ok(config) => return Ok(Trace { location: config.trace()?, keys: config.data.join(files::TRACE_KEYS) }),
        Err(problems) => problems,
    };
    let file = Place::of(&common.config, &Place::here()).data.join(files::TRACE);
    if !file.exists() || !common.config.exists() {
        return Err(bad_file(problems));
    }
    say(format_args!("the configuration is not in order (`countersign check` says more); this is {}", file.display()));
    Ok(Trace { keys: file.with_file_name(files::TRACE_KEYS), location: Location::File(file) })
}

/// A trace that is asked.
pub(super) struct Trace {
    location: Location,
    /// The folder of the keys that sign it.
    pub(super) keys: PathBuf,
}

impl Trace {
    /// Opens it.
    pub(super) fn reader(&self) -> Result<Reader, Fault> {
        self.location.reader().map_err(Fault::from)
    }

    /// Opens it. None: there is none yet.
    pub(super) fn reader_if_there(&self) -> Result<Option<Reader>, Fault> {
        self.location.reader_if_there().map_err(Fault::from)
    }
}

/// How records are shown.
enum Printer {
    Table(Table, KeptFrom),
    Json,
}

impl Printer {
    /// Writes records; false when nobody reads any more. Error: they cannot be written.
    fn print(&mut self, entries: &[Entry], now: UnixMicros) -> Result<bool, Fault> {
        let lines: Vec<String> = match self {
            Self::Table(table, kept) => {
                let lines = table.lines(entries, now).into_iter();
                entries.iter().zip(lines).map(|(entry, line)| kept.in_words(entry, line)).collect()
            }
            Self::Json => entries.iter().map(|entry| entry.to_json().to_string()).collect(),
        };
        let mut stdout = std::io::stdout().lock();
        let written = lines.iter().try_for_each(|line| writeln!(stdout, "{line}")).and_then(|()| stdout.flush());
        match written {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => {
                let said = "the records could not be written where they were to go";
                Err(Fault::new(Blame::Operator, "operator.output", format!("{said}: {error}")))
            }
        }
    }
}

fn nothing_found(records: u64, questions: &Questions) -> String {
    if questions.narrow() {
        format!("none of the {records} records fits; without filters, `countersign trace` shows the newest")
    } else {
        NOTHING_YET.to_owned()
    }
}

fn wait_for(trace: &Trace) -> Result<(), Fault> {
    match &trace.location {
        Location::File(file) => while !file.exists() && wait() {},
        Location::Database(_) => while trace.reader_if_there()?.is_none() && wait() {},
    }
    // The first gateway is still making it; its tables come a moment later.
    wait();
    Ok(())
}

/// Waits a moment; false when nobody reads any more.
fn wait() -> bool {
    let stdout = std::io::stdout();
    let mut reader = [PollFd::new(&stdout, PollFlags::empty())];
    match rustix::event::poll(&mut reader, Some(&LOOK_EVERY)) {
        Ok(0) | Err(rustix::io::Errno::INTR) => true,
        Ok(_) => false,
        Err(_) => {
            std::thread::sleep(std::time::Duration::from_millis(250));
            true
        }
    }
}

const NOTHING_YET: &str = "nothing was decided yet: every call an agent makes through `countersign serve` appears here, \
     with its verdict and its outcome (`countersign demo` makes some)";
const LOOK_EVERY: Timespec = Timespec { tv_sec: 0, tv_nsec: 250_000_000 };

#[cfg(test)]
pub(super) mod tests;
