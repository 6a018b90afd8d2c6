//! Files that are written past the page cache: whole blocks from memory that begins where a block may begin.
//!
//! What is written once, flushed at once and read once gains nothing by lying in the cache first, and copying it there,
//! marking it and writing it back is half of what a small flush costs a processor. Blocks that were flushed are never
//! written again with the ones behind them.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Memory that begins at a multiple of a block.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    bytes: Vec<u8>,
    start: usize,
    length: usize,
}

impl Blocks {
    /// Holds these bytes and zeros up to the end of the last block.
    pub(crate) fn hold(&mut self, content: &[u8]) {
        self.make_room(content.len());
        let (filled, rest) = self.bytes.split_at_mut_checked(self.start + content.len()).unwrap_or((&mut [], &mut []));
        if let Some(to) = filled.get_mut(self.start..) {
            to.copy_from_slice(content);
        }
        let end = self.length - content.len();
        if let Some(rest) = rest.get_mut(..end) {
            rest.fill(0);
        }
    }

    /// So many zeros, up to the end of the last block.
    pub(crate) fn zeros(count: usize) -> Self {
        let mut blocks = Self::default();
        blocks.make_room(count);
        blocks
    }

    /// The whole blocks, or what was read.
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(self.start..self.start + self.length).unwrap_or_default()
    }

    /// Reads up to so many bytes, which it holds then instead of what it held. They begin where a block begins.
    pub(crate) fn read(&mut self, file: &File, offset: u64, wanted: usize) -> io::Result<()> {
        self.make_room(wanted);
        let room = self.bytes.get_mut(self.start..self.start + self.length).unwrap_or_default();
        let mut length = 0;
        while let Some(rest) = room.get_mut(length..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, offset + length as u64) {
                Ok(0) => break,
                Ok(count) => length += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Behind the end of a file that does not end with a block.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput && length % BLOCK_BYTES != 0 => break,
                Err(error) => return Err(error),
            }
        }
        self.length = length;
        Ok(())
    }

    /// How many bytes it could hold.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.len()
    }

    fn make_room(&mut self, count: usize) {
        self.length = count.next_multiple_of(BLOCK_BYTES);
        let wanted = self.length + BLOCK_BYTES;
        if self.bytes.len() < wanted {
            self.bytes = vec![0; wanted.next_multiple_of(GROWN_BY)];
            // A place that cannot be told begins anywhere: then the write says that it is refused.
            self.start = self.bytes.as_ptr().align_offset(BLOCK_BYTES).min(BLOCK_BYTES);
        }
    }
}

/// An empty file for whole blocks, past the page cache where the file system knows how.
pub(crate) fn empty(path: &Path) -> io::Result<File> {
    let past_the_cache = opened(path, DIRECT).and_then(|file| {
        // Some take the flag and refuse the write.
        file.write_all_at(Blocks::zeros(1).as_slice(), 0)?;
        file.set_len(0)?;
        Ok(file)
    });
    past_the_cache.or_else(|_refused| empty_in_cache(path))
}

/// An empty file that is written through the page cache.
pub(crate) fn empty_in_cache(path: &Path) -> io::Result<File> {
    opened(path, 0)
}

fn opened(path: &Path, flags: i32) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).custom_flags(flags).open(path)
}

/// Opens a file for reading whole blocks, past the page cache where the file system knows how.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let past_the_cache = OpenOptions::new().read(true).custom_flags(DIRECT).open(path).and_then(|file| {
        Blocks::default().read(&file, 0, 1)?;
        Ok(file)
    });
    past_the_cache.or_else(|_refused| File::open(path))
}

/// As much as every disk and file system in use takes as one.
pub(crate) const BLOCK_BYTES: usize = 4096;

const GROWN_BY: usize = 16 * BLOCK_BYTES;

#[cfg(any(target_os = "linux", target_os = "android"))]
const DIRECT: i32 = rustix::fs::OFlags::DIRECT.bits().cast_signed();
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const DIRECT: i32 = 0;

#[cfg(test)]
mod tests;
