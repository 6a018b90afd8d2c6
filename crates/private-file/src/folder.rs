//! Folders of private files.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Tells git to take nothing of a folder, in a file in it, where nothing is in the folder yet: a mode keeps git from nothing. A folder
/// that somebody has filled is theirs, and stays as it is.
pub fn keep_out_of_git(folder: &Path) -> io::Result<()> {
    if fs::read_dir(folder)?.next().is_some() {
        return Ok(());
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(GITIGNORE)) {
        Ok(mut file) => file.write_all(b"*\n"),
        // Another process has just done it.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// The name of the file that git reads.
pub const GITIGNORE: &str = ".gitignore";

#[cfg(test)]
mod tests;
