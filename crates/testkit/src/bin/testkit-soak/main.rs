//! `testkit-soak`: everything at once against one gateway, for as long as is wanted, and whether it leaves a trace in
//! memory, descriptors, threads or children.
//!
//! The load runs twice. First for a short while, so that links, pools and caches are as full as they get: what the gateway
//! holds after that and a pause is the level *before*. Then for the time that was asked for. After another pause it must
//! hold no more than before, its memory must not have grown all the while, and nothing may have failed that was not meant to.

mod bulk;
mod judge;
mod looks;
mod parts;
mod stage;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;

use looks::Looks;
use parts::Load;
use stage::Stage;

/// Runs the load and prints a report on stdout. Exit code 1: something is not as it must be.
#[derive(Parser)]
struct Arguments {
    /// The gateway's binary.
    #[arg(long)]
    gateway: PathBuf,
    /// For how long.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// For how long before that.
    #[arg(long, default_value_t = 15)]
    warmup: u64,
    /// What stands above the report.
    #[arg(long, default_value = "testkit-soak")]
    title: String,
    /// The report also goes here.
    #[arg(long)]
    report: Option<PathBuf>,
}

fn main() -> Result<std::process::ExitCode> {
    let arguments = Arguments::parse();
    let mut stage = Stage::set(&arguments.gateway)?;
    let gateway = stage.world.process_id();
    let warmup = Load::start(&stage)?;
    std::thread::sleep(Duration::from_secs(arguments.warmup));
    warmup.stop();
    let before = looks::settled(gateway, None)?;
    let load = Load::start(&stage)?;
    let looks = Looks::take(gateway, Duration::from_secs(arguments.seconds), &load)?;
    let parts = load.stop();
    let after = looks::settled(gateway, Some(&before))?;
    let (judged, well) = judge::judge(&before, &looks, &after, &parts);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let (title, trace) = (&arguments.title, stage.trace_bytes() / 1_000_000);
    let report = format!("# {title}, on {processors} processors\n{judged}the trace takes {trace} MB on disk\n");
    show(&report);
    if let Some(file) = &arguments.report {
        std::fs::write(file, &report).with_context(|| format!("could not write {}", file.display()))?;
    }
    let ended = stage.world.terminate()?;
    let well = well && ended == 0;
    if !well {
        eprintln!("the gateway ended with exit code {ended}; its log ends with:\n{}", stage.end_of_log());
    }
    Ok(if well { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::from(1) })
}

#[expect(clippy::print_stdout, reason = "the report is this program's data")]
fn show(report: &str) {
    print!("{report}");
}

/// The one clock of this program.
#[expect(clippy::disallowed_methods, reason = "a span of time in a report")]
pub(crate) fn now() -> std::time::Instant {
    std::time::Instant::now()
}
