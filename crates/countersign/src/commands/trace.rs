//! `trace`.

use std::process::ExitCode;

use model::{Blame, Fault};

use crate::cli::{Common, TraceArgs};

/// Not yet.
pub fn run(_common: &Common, _args: &TraceArgs) -> Result<ExitCode, Fault> {
    Err(Fault::new(Blame::Bug, "bug.not_yet", "not yet"))
}
