//! Files that only their owner may read: keys.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use model::{Blame, Fault, Secret};
use rustix::fs::OFlags;

/// The content of the file; where there is none, of the one that is made now. Of two that make it at once, one wins and
/// both read the same. Error: blame `Operator`.
pub(crate) fn read_or_create(
    path: &Path,
    make: impl FnOnce() -> Result<Secret<Vec<u8>>, Fault>,
) -> Result<Secret<Vec<u8>>, Fault> {
    if let Some(content) = read(path)? {
        return Ok(content);
    }
    let content = make()?;
    create(path, content.expose()).map_err(|error| unwritable(path, error))?;
    read(path)?.ok_or_else(|| unwritable(path, io::ErrorKind::NotFound.into()))
}

fn read(path: &Path) -> Result<Option<Secret<Vec<u8>>>, Fault> {
    // Not to wait for the other end where somebody put a pipe in its place.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let mut file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(path, error)),
    };
    let about = file.metadata().map_err(|error| unreadable(path, error))?;
    if !about.is_file() || about.len() > KEY_BYTES_MAX {
        return Err(Fault::new(Blame::Operator, "key.damaged", format!("`{}` is not a key file", path.display())));
    }
    private(path, about.mode(), about.uid(), rustix::process::geteuid().as_raw())?;
    let mut content = Vec::with_capacity(usize::try_from(about.len()).unwrap_or_default());
    file.read_to_end(&mut content).map_err(|error| unreadable(path, error))?;
    Ok(Some(Secret::new(content)))
}

fn private(path: &Path, mode: u32, owner: u32, me: u32) -> Result<(), Fault> {
    let path = path.display();
    if owner != me {
        let said = format!("`{path}` belongs to another user (uid {owner}, this is uid {me})");
        return Err(Fault::new(Blame::Operator, "key.owner", said)
            .hint(format!("run as its owner, or `chown {me} {path}` if it is yours")));
    }
    if mode & 0o077 != 0 {
        let said = format!("`{path}` is open to other users (mode {:04o})", mode & 0o7777);
        return Err(Fault::new(Blame::Operator, "key.mode", said)
            .hint(format!("`chmod 600 {path}`; if others may have read it, remove it and a new one is made")));
    }
    Ok(())
}

/// A link appears whole or not at all, and never in the place of another file.
fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let directory = match path.parent() {
        Some(directory) if directory != Path::new("") => directory,
        _ => Path::new("."),
    };
    let draft = draft(path)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let linked = file
        .write_all(content)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&draft, path))
        .or_else(|error| if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) });
    fs::remove_file(&draft)?;
    linked?;
    File::open(directory)?.sync_all()
}

fn draft(path: &Path) -> io::Result<PathBuf> {
    let mut chance = [0u8; 8];
    aws_lc_rs::rand::fill(&mut chance).map_err(|_| io::Error::other("no randomness"))?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:016x}", u64::from_be_bytes(chance)));
    Ok(path.with_file_name(name))
}

fn unreadable(path: &Path, cause: io::Error) -> Fault {
    Fault::new(Blame::Operator, "key.unreadable", format!("`{}` cannot be read", path.display()))
        .hint(cause.kind().to_string())
        .because(cause)
}

fn unwritable(path: &Path, cause: io::Error) -> Fault {
    Fault::new(Blame::Operator, "key.unwritable", format!("`{}` cannot be made", path.display()))
        .hint(format!("its folder must exist and be writable ({})", cause.kind()))
        .because(cause)
}

const KEY_BYTES_MAX: u64 = 16 * 1024;

#[cfg(test)]
mod tests;
