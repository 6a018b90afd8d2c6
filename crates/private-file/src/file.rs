//! Files that only their owner may read, made and replaced whole.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use model::{Blame, Fault, Secret};
use rustix::fs::OFlags;

/// Which other users a file may be open to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Openness {
    /// Its owner only, and the owner is who runs this.
    Owner,
    /// Its group too (mounted secrets are like that), whoever owns it.
    Group,
}

/// A file that is being made and takes its place when it is finished.
pub struct Draft {
    file: File,
    path: PathBuf,
    target: PathBuf,
}

/// The content of a file of its owner; where there is none, of the one that is made now. Of two that make it at once, one
/// wins and both read the same. Error: blame `Operator`.
pub fn read_or_create(
    path: &Path,
    most: u64,
    make: impl FnOnce() -> Result<Secret<Vec<u8>>, Fault>,
) -> Result<Secret<Vec<u8>>, Fault> {
    let read = || match open(path, Openness::Owner, most)? {
        Some((file, about)) => content(path, file, &about).map(Some),
        None => Ok(None),
    };
    if let Some(content) = read()? {
        return Ok(content);
    }
    let content = make()?;
    Draft::new(path)?.create(content.expose())?;
    read()?.ok_or_else(|| unwritable(path, io::ErrorKind::NotFound.into()))
}

/// The file, opened and looked at; none where there is none. Error: blame `Operator`.
pub fn open(path: &Path, openness: Openness, most: u64) -> Result<Option<(File, Metadata)>, Fault> {
    // Not to wait for the other end where somebody put a pipe in its place.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(path, error)),
    };
    let about = file.metadata().map_err(|error| unreadable(path, error))?;
    if !about.is_file() {
        return Err(Fault::new(Blame::Operator, "file.kind", format!("`{}` is not a file", path.display())));
    }
    if about.len() > most {
        let said = format!("`{}` is longer than {most} bytes", path.display());
        return Err(Fault::new(Blame::Operator, "file.too_long", said));
    }
    check(
        path,
        openness,
        &Standing { mode: about.mode(), owner: about.uid(), me: rustix::process::geteuid().as_raw() },
    )?;
    Ok(Some((file, about)))
}

/// The whole content of a file just opened.
pub fn content(path: &Path, file: File, about: &Metadata) -> Result<Secret<Vec<u8>>, Fault> {
    // One piece, so that no half-filled buffer stays behind when it grows.
    let mut content = Vec::with_capacity(usize::try_from(about.len()).unwrap_or_default().saturating_add(64));
    file.take(about.len().saturating_add(1)).read_to_end(&mut content).map_err(|error| unreadable(path, error))?;
    Ok(Secret::new(content))
}

struct Standing {
    mode: u32,
    owner: u32,
    me: u32,
}

fn check(path: &Path, openness: Openness, standing: &Standing) -> Result<(), Fault> {
    let Standing { mode, owner, me } = *standing;
    let path = path.display();
    let (closed, way_out) = match openness {
        Openness::Owner => (0o077, "chmod 600"),
        Openness::Group => (0o007, "chmod o="),
    };
    if openness == Openness::Owner && owner != me {
        let said = format!("`{path}` belongs to another user (uid {owner}, this is uid {me})");
        return Err(Fault::new(Blame::Operator, "file.owner", said)
            .hint(format!("run as its owner, or `chown {me} {path}` if it is yours")));
    }
    if mode & closed != 0 {
        let said = format!("`{path}` is open to other users (mode {:04o})", mode & 0o7777);
        return Err(Fault::new(Blame::Operator, "file.mode", said)
            .hint(format!("`{way_out} {path}`, and take a new secret if others may have read it")));
    }
    Ok(())
}

// === impl Draft ===

impl Draft {
    /// A new empty file beside `target`.
    pub fn new(target: &Path) -> Result<Self, Fault> {
        let wrap = |error| unwritable(target, error);
        let mut chance = [0u8; 8];
        aws_lc_rs::rand::fill(&mut chance).map_err(|_| wrap(io::Error::other("no randomness")))?;
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{:016x}", u64::from_be_bytes(chance)));
        let path = target.with_file_name(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(wrap)?;
        Ok(Self { file, path, target: target.to_owned() })
    }

    /// When it was made, in microseconds since 1970, as the file system tells the time.
    pub fn made_at(&self) -> Result<i64, Fault> {
        let about = self.file.metadata().map_err(|error| unwritable(&self.target, error))?;
        Ok(about.mtime().saturating_mul(1_000_000).saturating_add(about.mtime_nsec() / 1_000))
    }

    /// Takes the place of the target, whatever is there. Durable when this returns.
    pub fn replace(self, content: &[u8]) -> Result<(), Fault> {
        self.finish(content, |draft, target| fs::rename(draft, target))
    }

    /// Takes the place of the target if there is nothing yet; otherwise that stays.
    pub fn create(self, content: &[u8]) -> Result<(), Fault> {
        self.finish(content, |draft, target| match fs::hard_link(draft, target) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => fs::remove_file(draft),
        })
    }

    /// Takes it away again; the target stays as it is.
    pub fn discard(self) -> Result<(), Fault> {
        fs::remove_file(&self.path).map_err(|error| unwritable(&self.target, error))
    }

    fn finish(mut self, content: &[u8], place: fn(&Path, &Path) -> io::Result<()>) -> Result<(), Fault> {
        let written = self
            .file
            .write_all(content)
            .and_then(|()| self.file.sync_all())
            .and_then(|()| place(&self.path, &self.target))
            .and_then(|()| File::open(folder(&self.target))?.sync_all());
        written.map_err(|error| {
            // What failed is what is told; a draft left behind is in nobody's way.
            let _ = fs::remove_file(&self.path);
            unwritable(&self.target, error)
        })
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// It cannot be read.
pub fn unreadable(path: &Path, cause: io::Error) -> Fault {
    let why = in_words(&cause, "there is no such file");
    Fault::new(Blame::Operator, "file.unreadable", format!("`{}` cannot be read: {why}", path.display())).because(cause)
}

fn in_words(cause: &io::Error, missing: &str) -> String {
    match cause.kind() {
        io::ErrorKind::NotFound => missing.to_owned(),
        kind => kind.to_string(),
    }
}

/// It cannot be made or written.
pub fn unwritable(path: &Path, cause: io::Error) -> Fault {
    let why = in_words(&cause, "there is no such folder");
    Fault::new(Blame::Operator, "file.unwritable", format!("`{}` cannot be written: {why}", path.display()))
        .hint("its folder must exist and be writable")
        .because(cause)
}

#[cfg(test)]
mod tests;
