//! The data directory: made for one user, held by one process.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::StoreError;

/// A data directory that this process holds until the value goes.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// The name of the file in it that says who holds it, and stays when nobody does.
    pub const LOCK: &str = "lock";

    /// Makes the directory if it is not there (for this user only, and out of git) and takes it. Error: another process holds it, others
    /// can write to it, or the system says no.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let denied = |path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::Directory { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(denied(path))?;
        // Whoever can write to the directory can put another key or another trace in the place of ours.
        let mode = std::fs::metadata(path).map_err(denied(path))?.mode() & 0o777;
        if mode & 0o022 != 0 {
            return Err(StoreError::Shared { path: path.to_owned(), mode });
        }
        private_file::keep_out_of_git(path).map_err(denied(path))?;
        let lock_path = path.join(Self::LOCK);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(denied(&lock_path))?;
        match take(&lock) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Held { path: path.to_owned(), pid: read_pid(&mut lock) });
            }
            Err(TryLockError::Error(source)) => return Err(denied(&lock_path)(source)),
        }
        say_who(&mut lock).map_err(denied(&lock_path))?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a file of this name in it is.
    pub fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The process that holds a data directory; none when nobody does, or it has not said who it is.
    pub fn holder(path: &Path) -> Option<u32> {
        let mut lock = File::open(path.join(Self::LOCK)).ok()?;
        match lock.try_lock_shared() {
            Err(TryLockError::WouldBlock) => read_pid(&mut lock),
            Ok(()) | Err(TryLockError::Error(_)) => None,
        }
    }
}

/// Takes the lock. Somebody may be asking for the holder this very moment, which is over at once.
fn take(lock: &File) -> Result<(), TryLockError> {
    for _ in 0..LOOKS {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(BETWEEN_LOOKS),
            other => return other,
        }
    }
    lock.try_lock()
}

/// Writes the process id, and when the process started as the kernel counts it: together they name one process.
fn say_who(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    write!(lock, "{}\n{}\n", std::process::id(), started_ticks().unwrap_or_default())?;
    lock.flush()
}

fn read_pid(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.take(LOCK_BYTES_MAX).read_to_string(&mut text).ok()?;
    text.lines().next()?.parse().ok()
}

/// Field 22 of `/proc/self/stat`; the name in field 2 may hold blanks and brackets.
fn started_ticks() -> Option<String> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19).map(str::to_owned)
}

const LOCK_BYTES_MAX: u64 = 256;
const LOOKS: u32 = 5;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests;
