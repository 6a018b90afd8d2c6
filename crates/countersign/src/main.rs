//! The binary: command line, configuration, wiring.
//!
//! # In scope
//! Which implementation stands behind each port, what each command does, what people see on the terminal.
//!
//! # Out of scope
//! Deciding, recording, credentials, protocols: each has its crate.
//!
//! # Invariants
//! * Only this crate names implementations.
//! * Exit codes: 0 done, 1 denied or different, 2 error, 64 wrong usage.

mod again;
mod ask;
mod auditing;
mod budgets;
mod cli;
mod clock;
mod commands;
mod config;
mod contracts;
mod descriptors;
mod documents;
mod erasing;
mod evidence;
mod exports;
mod gateway;
mod judge;
mod known;
mod mapping;
mod notary;
mod offering;
mod operations;
mod outbound;
mod packs;
mod pages;
mod people;
mod published;
mod reading;
mod report;
mod restored;
mod retaining;
mod sign_on;
mod terminal;
mod trouble;
mod typed;
mod vendor_door;
mod wires;
mod witness;
mod words;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::Cli;

fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(std::env::args_os().map(cli::guarded)) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(64) } else { ExitCode::SUCCESS };
        }
    };
    log_to_stderr(cli.common.verbose);
    match commands::run(cli) {
        Ok(code) => code,
        Err(fault) => {
            tracing::debug!(?fault, "the command ends with a fault");
            terminal::complain(&fault);
            ExitCode::from(2)
        }
    }
}

fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = clock::environment("COUNTERSIGN_LOG").unwrap_or_else(|| format!("{level},rmcp=error,hyper=warn"));
    let look = terminal::Look::stderr();
    tracing_subscriber::fmt()
        .fmt_fields(terminal::log_fields())
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(look.colour)
        .with_target(false)
        .init();
}
