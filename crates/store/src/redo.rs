//! The redo log: two files beside the database that take turns. A commit is durable once its frame is; the tables follow.
//!
//! A frame is one write of whole blocks at the end of what stands in the file, and one flush. The files are filled with zeros
//! ahead of the frames, so that a flush does not have to record a new length as well, and are used again once the tables
//! hold what stands in them.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use trace::StateWrite;

use crate::direct::{BLOCK_BYTES, Blocks, empty, empty_in_cache, open};
use crate::frame::{self, Columns, Frame, Head};
use crate::seal::SubjectKey;
use crate::sqlite::Durability;

/// Where the next frame stands or will stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Place {
    /// Which filling of a file. They take turns between the two files.
    pub(crate) generation: u64,
    /// How far into the file.
    pub(crate) offset: u64,
    /// How many frames stand before it, over all generations.
    pub(crate) number: u64,
}

/// The writing end.
#[derive(Debug)]
pub(crate) struct Redo {
    files: [File; 2],
    place: Place,
    /// The number of the first frame of this generation.
    began: u64,
    /// How much of the file is filled, with frames or with zeros.
    length: u64,
    capacity: u64,
    durability: Durability,
    buffer: Vec<u8>,
    blocks: Blocks,
    /// How long a write and its flush take, as seen lately.
    flush_time: Duration,
    /// Whether a frame that was refused may stand at this place.
    refused: bool,
    #[cfg(test)]
    danger_flushes_fail: bool,
}

/// The reading end: frames from a place on, in pieces.
#[derive(Debug)]
pub(crate) struct Frames {
    files: [Option<File>; 2],
    place: Place,
    /// How much is read at a time.
    piece: usize,
    blocks: Blocks,
}

// === impl Place ===

impl Place {
    /// The start of a time in which no frame of an earlier one can be taken for one of now.
    pub(crate) fn of_next_opening(self) -> Self {
        Self { generation: ((self.generation >> OPENING_BITS) + 1) << OPENING_BITS, offset: 0, number: self.number }
    }

    pub(crate) fn after(self, frame: &Frame<'_>) -> Self {
        Self { offset: self.offset + frame.room as u64, number: self.number + 1, ..self }
    }

    fn turned(self) -> Self {
        Self { generation: self.generation + 1, offset: 0, ..self }
    }

    fn file(self) -> usize {
        usize::from(self.generation % 2 == 1)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.generation, self.offset, self.number)
    }
}

impl std::str::FromStr for Place {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split(':').map(str::parse);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(generation)), Some(Ok(offset)), Some(Ok(number)), None) => Ok(Self { generation, offset, number }),
            _ => Err(()),
        }
    }
}

// === impl Redo ===

impl Redo {
    /// Makes the files as needed, empty, for frames from this place on.
    pub(crate) fn open(database: &Path, place: Place, durability: Durability, capacity: u64) -> io::Result<Self> {
        let [one, other] = paths(database);
        let made = !(one.exists() && other.exists());
        let empty = if durability == Durability::Full { empty } else { empty_in_cache };
        let files = [empty(&one)?, empty(&other)?];
        if made && let Some(folder) = one.parent() {
            // A file whose name is lost holds nothing that could be found again.
            File::open(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?.sync_all()?;
        }
        Ok(Self {
            files,
            place,
            began: place.number,
            length: 0,
            capacity,
            durability,
            buffer: Vec::new(),
            blocks: Blocks::default(),
            flush_time: Duration::MAX,
            refused: false,
            #[cfg(test)]
            danger_flushes_fail: false,
        })
    }

    /// Where the next frame goes.
    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// Prepares a frame. False: it has no room in this file, and the other is to be taken.
    pub(crate) fn prepare(
        &mut self,
        first: u64,
        rows: &[Columns<'_>],
        keys: &[SubjectKey],
        state: &[StateWrite],
    ) -> io::Result<bool> {
        let Place { generation, number, offset } = self.place;
        let head = Head { generation, number, first, rows: rows.len() as u64 };
        frame::write(&mut self.buffer, head, rows, keys, state);
        self.blocks.hold(&self.buffer);
        let end = offset + self.blocks.as_slice().len() as u64;
        if end > self.capacity && offset > 0 {
            return Ok(false);
        }
        if end <= self.length {
            return Ok(true);
        }
        let wanted = end.next_multiple_of(GROWN_BY);
        let zeros = usize::try_from(wanted - self.length).map(Blocks::zeros).map_err(io::Error::other)?;
        match self.file()?.write_all_at(zeros.as_slice(), self.length) {
            Ok(()) => {
                self.length = wanted;
                Ok(true)
            }
            // There may be room in the other file, which has been filled before.
            Err(_) if offset > 0 => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes what was prepared. Error: it is taken back as far as the disk lets that happen, and the next one takes its place.
    ///
    /// INVARIANT: what was refused does not become true because the gateway ends (`what_was_refused_is_not_there_after_a_crash`).
    pub(crate) fn write(&mut self) -> io::Result<()> {
        let begun = stopwatch();
        self.refused = true;
        let blocks = self.blocks.as_slice();
        let written = self.file().and_then(|file| file.write_all_at(blocks, self.place.offset));
        if let Err(error) = written.and_then(|()| self.flush()) {
            let _as_far_as_it_goes = self.take_back();
            return Err(error);
        }
        self.refused = false;
        let took = begun.elapsed();
        self.flush_time = if self.flush_time == Duration::MAX { took } else { (self.flush_time * 7 + took) / 8 };
        self.place.offset += blocks.len() as u64;
        self.place.number += 1;
        if self.blocks.capacity() > BUFFER_KEPT_BYTES_MAX {
            (self.buffer, self.blocks) = (Vec::new(), Blocks::default());
        }
        Ok(())
    }

    /// How long a write takes, as seen lately.
    pub(crate) fn flush_time(&self) -> Duration {
        self.flush_time
    }

    /// Whether a frame of so many bytes can be written without any other work.
    pub(crate) fn has_room(&self, bytes: u64) -> bool {
        self.place.offset + bytes <= self.length.min(self.capacity)
    }

    /// Whether the tables hold all that stands in the other file.
    pub(crate) fn other_is_free(&self, absorbed: Place) -> bool {
        absorbed.number >= self.began
    }

    /// Goes on in the other file, which must be free.
    ///
    /// INVARIANT: what is confirmed there is not hidden by what was refused here
    /// (`what_was_refused_does_not_hide_what_is_confirmed_in_the_other_file`).
    pub(crate) fn turn(&mut self) -> io::Result<()> {
        self.take_back()?;
        let place = self.place.turned();
        let length = self.files.get(place.file()).ok_or(io::ErrorKind::NotFound)?.metadata()?.len();
        // Filling it may have been broken off anywhere.
        let length = length - length % BLOCK_BYTES as u64;
        (self.place, self.began, self.length) = (place, place.number, length);
        Ok(())
    }

    /// Empties both files: the tables hold everything, and what people sent does not lie about twice.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        self.files.iter().try_for_each(|file| file.set_len(0))
    }

    /// Whether flushes fail, behind writes that do not.
    #[cfg(test)]
    pub(crate) fn danger_flushes_fail(&mut self, fail: bool) {
        self.danger_flushes_fail = fail;
    }

    /// Makes sure that no frame stands at this place, which a reader looks at before the other file.
    fn take_back(&mut self) -> io::Result<()> {
        if self.refused {
            self.file()?.write_all_at(Blocks::zeros(BLOCK_BYTES).as_slice(), self.place.offset)?;
            self.flush()?;
            self.refused = false;
        }
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        #[cfg(test)]
        if self.danger_flushes_fail {
            return Err(io::Error::other("as asked"));
        }
        match self.durability {
            Durability::Full => self.file()?.sync_data(),
            Durability::DangerOff => Ok(()),
        }
    }

    fn file(&self) -> io::Result<&File> {
        self.files.get(self.place.file()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

// === impl Frames ===

impl Frames {
    /// What stands from this place on. No files: nothing does.
    pub(crate) fn from(database: &Path, place: Place) -> io::Result<Self> {
        Self::some_from(database, place, u64::MAX)
    }

    /// As [`Frames::from`], for who wants no more than about so many bytes.
    pub(crate) fn some_from(database: &Path, place: Place, bytes: u64) -> io::Result<Self> {
        let [one, other] = paths(database).map(|path| match open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        });
        let piece = usize::try_from(bytes).unwrap_or(PIECE_BYTES_MAX).clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX);
        Ok(Self { files: [one?, other?], place, piece, blocks: Blocks::default() })
    }

    /// Where the next frame stands.
    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// The next frames, as many as fit into a piece, and the place behind them; none at the end. They are complete, and
    /// follow each other without a gap.
    pub(crate) fn next(&mut self) -> io::Result<(Vec<Frame<'_>>, Place)> {
        for place in [self.place, self.place.turned()] {
            if self.fill(place)? {
                let frames = parse(self.blocks.as_slice(), place);
                self.place = frames.iter().fold(place, Place::after);
                return Ok((frames, self.place));
            }
        }
        Ok((Vec::new(), self.place))
    }

    /// Reads a piece. False: no whole frame begins there.
    fn fill(&mut self, place: Place) -> io::Result<bool> {
        let Some(Some(file)) = self.files.get(place.file()) else { return Ok(false) };
        let mut wanted = self.piece;
        loop {
            self.blocks.read(file, place.offset, wanted)?;
            let read = self.blocks.as_slice();
            if starts(read, place) {
                return Ok(true);
            }
            match Frame::length(read) {
                Some(length)
                    if length > read.len() && read.len() >= wanted && length as u64 <= file.metadata()?.len() =>
                {
                    wanted = length;
                }
                _ => return Ok(false),
            }
        }
    }
}

/// Copies both files as they are for a copy of the database. A frame that is being written ends what is read of them.
pub(crate) fn copy(database: &Path, to: &Path) -> io::Result<()> {
    for (from, to) in paths(database).into_iter().zip(paths(to)) {
        let mut from = match File::open(from) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened?,
        };
        io::copy(&mut from, &mut empty_in_cache(&to)?)?;
    }
    Ok(())
}

/// Takes both files away.
pub(crate) fn remove(database: &Path) -> io::Result<()> {
    for path in paths(database) {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Whether a frame stands at this place that a version from before bodies were sealed wrote.
pub(crate) fn left_by_older(database: &Path, place: Place) -> bool {
    let paths = paths(database);
    [place, place.turned()].iter().any(|place| {
        let mut start = [0; frame::SUM_END + 16];
        let read = paths.get(place.file()).and_then(|path| File::open(path).ok());
        read.is_some_and(|file| file.read_exact_at(&mut start, place.offset).is_ok())
            && frame::is_older(&start, place.generation, place.number)
    })
}

/// The two files of a database.
fn paths(database: &Path) -> [PathBuf; 2] {
    ["-redo0", "-redo1"].map(|ending| {
        let mut name = OsString::from(database.as_os_str());
        name.push(ending);
        PathBuf::from(name)
    })
}

fn starts(bytes: &[u8], place: Place) -> bool {
    Frame::read(bytes, place.generation).is_some_and(|frame| frame.head.number == place.number)
}

fn parse(bytes: &[u8], mut place: Place) -> Vec<Frame<'_>> {
    let mut frames = Vec::new();
    let mut rest = bytes;
    while let Some(frame) = Frame::read(rest, place.generation).filter(|frame| frame.head.number == place.number) {
        place = place.after(&frame);
        rest = rest.get(frame.room..).unwrap_or_default();
        frames.push(frame);
    }
    frames
}

#[expect(clippy::disallowed_methods, reason = "how long the disk takes decides who waits for it, and nothing else")]
fn stopwatch() -> Instant {
    Instant::now()
}

/// How large a file becomes before the other takes over.
pub(crate) const CAPACITY_BYTES: u64 = 8 << 20;
const GROWN_BY: u64 = 256 << 10;
const PIECE_BYTES_MIN: usize = 32 << 10;
const PIECE_BYTES_MAX: usize = 1 << 20;
const BUFFER_KEPT_BYTES_MAX: usize = 1 << 20;
/// The low bits of a generation count fillings, the others openings.
const OPENING_BITS: u32 = 32;

#[cfg(test)]
mod tests;
