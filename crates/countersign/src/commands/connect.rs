//! `connect`.

use std::process::ExitCode;

use model::{Blame, Fault};

use crate::cli::{Common, ConnectArgs};

/// Not yet.
pub async fn run(_common: &Common, _args: &ConnectArgs) -> Result<ExitCode, Fault> {
    Err(Fault::new(Blame::Bug, "bug.not_yet", "not yet"))
}
