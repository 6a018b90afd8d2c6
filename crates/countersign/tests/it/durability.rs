//! No call leaves without a durable record of why: under kills, in the order of system calls, on a full disk,
//! and whichever step of writing fails.

mod faults;
mod flushed;
mod full;
mod kills;

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::Result;
use tempfile::TempDir;

/// A stand-in for the binary: `serve` goes through these lines of shell, in which `$REAL` is the binary, and everything
/// else goes straight to it.
fn stand_in(serve: &str) -> Result<(TempDir, PathBuf)> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("countersign");
    let real = env!("CARGO_BIN_EXE_countersign");
    std::fs::write(
        &file,
        format!("#!/bin/bash\nREAL='{real}'\nif [ \"$1\" = serve ]; then\n{serve}\nfi\nexec \"$REAL\" \"$@\"\n"),
    )?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))?;
    Ok((folder, file))
}
