//! Files written whole or not at all, and taken back together.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use model::{Blame, Fault};

/// Changes to files that are undone together.
#[derive(Default)]
pub struct Changes {
    done: Vec<Change>,
}

enum Change {
    Made(PathBuf),
    Replaced { path: PathBuf, before: Vec<u8>, mode: u32 },
}

impl Changes {
    /// Makes a file that must not be there yet.
    pub fn create(&mut self, path: &Path, content: &[u8], mode: u32) -> Result<(), Fault> {
        create_new(path, content, mode).map_err(|error| unwritable(path, error))?;
        self.done.push(Change::Made(path.to_owned()));
        Ok(())
    }

    /// Puts other bytes in the place of those that were read. Error: somebody else has written the file meanwhile.
    pub fn replace(&mut self, path: &Path, before: &[u8], after: &[u8], mode: u32) -> Result<(), Fault> {
        let now = fs::read(path).map_err(|error| unwritable(path, error))?;
        if now != before {
            let said = format!("`{}` was changed meanwhile", path.display());
            return Err(Fault::new(Blame::Operator, "operator.file_changed", said).hint("run the command again"));
        }
        write_whole(path, after, mode).map_err(|error| unwritable(path, error))?;
        self.done.push(Change::Replaced { path: path.to_owned(), before: now, mode });
        Ok(())
    }

    /// Undoes everything, newest first. What could not be undone is given back.
    pub fn undo(self) -> Vec<String> {
        let undo = |change: &Change| match change {
            Change::Made(path) => fs::remove_file(path).map_err(|error| (path.clone(), error)),
            Change::Replaced { path, before, mode } => {
                write_whole(path, before, *mode).map_err(|error| (path.clone(), error))
            }
        };
        let failed = self.done.iter().rev().filter_map(|change| undo(change).err());
        failed.map(|(path, error)| format!("`{}` could not be put back: {error}", path.display())).collect()
    }
}

/// Puts these bytes in the place of the file: readers see the old file or the new one.
pub fn write_whole(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let draft = draft(path, content, mode)?;
    fs::rename(&draft, path).inspect_err(|_| {
        let _ = fs::remove_file(&draft);
    })?;
    settle(path)
}

/// Writes what somebody asked for into the file that they named, which is there whole or not at all, wherever links lead to it. A pipe
/// or a device that stands there stays what it is, and is written to.
pub fn result_into<T>(path: &Path, write: impl FnOnce(&mut File) -> Result<T, Fault>) -> Result<T, Fault> {
    let unwritable = |error| unwritable(path, error);
    if fs::metadata(path).is_ok_and(|about| !about.is_file()) {
        let mut there = OpenOptions::new().write(true).open(path).map_err(unwritable)?;
        return write(&mut there);
    }
    let there = match fs::symlink_metadata(path) {
        Ok(_) => fs::canonicalize(path).map_err(unwritable)?,
        Err(_) => path.to_owned(),
    };
    let path = there.as_path();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut draft = tempfile::NamedTempFile::new_in(folder).map_err(unwritable)?;
    let written = write(draft.as_file_mut())?;
    draft.as_file().sync_all().map_err(unwritable)?;
    draft.persist(path).map_err(|error| unwritable(error.error))?;
    settle(path).map_err(unwritable)?;
    Ok(written)
}

/// Makes a folder for this user only, with those above it.
pub fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn create_new(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let draft = draft(path, content, mode)?;
    let linked = fs::hard_link(&draft, path);
    let _ = fs::remove_file(&draft);
    linked?;
    settle(path)
}

fn draft(path: &Path, content: &[u8], mode: u32) -> io::Result<PathBuf> {
    let mut chance = [0u8; 8];
    aws_lc_rs::rand::fill(&mut chance).map_err(|_| io::Error::other("no randomness"))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = path.with_file_name(format!(".{name}.{:016x}", u64::from_be_bytes(chance)));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(content)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()
    })();
    written.inspect_err(|_| {
        let _ = fs::remove_file(&draft);
    })?;
    Ok(draft)
}

/// A rename lasts once the folder is on disk.
fn settle(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn unwritable(path: &Path, cause: io::Error) -> Fault {
    let said = format!("`{}` cannot be written: {cause}", path.display());
    Fault::new(Blame::Operator, "operator.file", said).because(cause)
}

#[cfg(test)]
mod tests;
