//! `demo`.

use std::process::ExitCode;

use model::{Blame, Fault};

use crate::cli::{Common, DemoArgs};

/// Not yet.
pub async fn run(_common: &Common, _args: &DemoArgs) -> Result<ExitCode, Fault> {
    Err(Fault::new(Blame::Bug, "bug.not_yet", "not yet"))
}
