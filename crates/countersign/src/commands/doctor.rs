//! `doctor`.

use std::process::ExitCode;

use model::{Blame, Fault};

use crate::cli::Common;

/// Not yet.
pub async fn run(_common: &Common) -> Result<ExitCode, Fault> {
    Err(Fault::new(Blame::Bug, "bug.not_yet", "not yet"))
}
