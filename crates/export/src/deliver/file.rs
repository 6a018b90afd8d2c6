//! A file that grows, and makes way for the next one.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::cef::cef;
use crate::item::{About, Item};
use crate::jsonl::json_line;
use crate::ocsf::event;
use crate::sink::TextFormat;

/// The file, `FILE.1` for the last one that was full, and so on.
pub(crate) struct Rolling {
    path: PathBuf,
    format: TextFormat,
    bytes_max: u64,
    kept: u32,
    open: Option<File>,
}

impl Rolling {
    pub(super) fn new(path: PathBuf, format: TextFormat, bytes_max: u64, kept: u32) -> Self {
        Self { path, format, bytes_max, kept, open: None }
    }

    /// Appends a line each; they are on disk when this returns.
    pub(super) fn append(&mut self, items: &[Item], about: &About) -> Result<(), String> {
        let done = self.written(items, about);
        if done.is_err() {
            // Whatever is wrong, the next attempt looks at the file anew.
            self.open = None;
        }
        done.map_err(|error| format!("`{}`: {error}", self.path.display()))
    }

    fn written(&mut self, items: &[Item], about: &About) -> std::io::Result<()> {
        let mut text = String::new();
        for item in items {
            text.push_str(&match self.format {
                TextFormat::Jsonl => json_line(item),
                TextFormat::Ocsf => event(item, about).to_string(),
                TextFormat::Cef => cef(item, about),
            });
            text.push('\n');
        }
        let mut file = match self.open.take() {
            // Somebody may have moved it away, and made a new one in its place.
            Some(file) if stands_at(&file, &self.path)? => file,
            _ => whole_lines(&self.path)?,
        };
        if file.metadata()?.len() >= self.bytes_max {
            self.roll()?;
            file = whole_lines(&self.path)?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        self.open = Some(file);
        Ok(())
    }

    /// The full ones move up by one; the oldest goes.
    fn roll(&self) -> std::io::Result<()> {
        for number in (1..self.kept).rev() {
            let (from, to) = (numbered(&self.path, number), numbered(&self.path, number + 1));
            if from.exists() {
                fs::rename(from, to)?;
            }
        }
        match self.kept {
            0 => fs::remove_file(&self.path)?,
            _ => fs::rename(&self.path, numbered(&self.path, 1))?,
        }
        folder_of(&self.path).map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}

/// Whether this is the file that stands there now.
fn stands_at(file: &File, path: &Path) -> std::io::Result<bool> {
    let here = match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        here => here?,
    };
    let open = file.metadata()?;
    Ok((open.dev(), open.ino()) == (here.dev(), here.ino()))
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

fn folder_of(path: &Path) -> Option<&Path> {
    path.parent().filter(|folder| !folder.as_os_str().is_empty())
}

/// Opens the file at its end. A line that a crash cut short goes: its record comes again.
fn whole_lines(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = folder_of(path) {
        fs::create_dir_all(folder)?;
    }
    let new = !path.exists();
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    if new && let Some(folder) = folder_of(path) {
        File::open(folder)?.sync_all()?;
    }
    let mut end = file.metadata()?.len();
    let mut piece = vec![0; PIECE_BYTES];
    while end > 0 {
        let start = end.saturating_sub(PIECE_BYTES as u64);
        let length = usize::try_from(end - start).unwrap_or(PIECE_BYTES);
        let piece = piece.get_mut(..length).unwrap_or_default();
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(piece)?;
        if let Some(place) = piece.iter().rposition(|byte| *byte == b'\n') {
            end = start + place as u64 + 1;
            break;
        }
        end = start;
    }
    if end < file.metadata()?.len() {
        file.set_len(end)?;
    }
    Ok(file)
}

const PIECE_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests;
