//! `leave`.

use std::process::ExitCode;

use model::{Blame, Fault};

use crate::cli::{Common, LeaveArgs};

/// Not yet.
pub async fn run(_common: &Common, _args: &LeaveArgs) -> Result<ExitCode, Fault> {
    Err(Fault::new(Blame::Bug, "bug.not_yet", "not yet"))
}
