//! The ZIP archive around a document, read strictly: what two programs could read differently is refused.
//!
//! Why our own: a reader that looks parts up by name takes one of two parts of the same name silently, and Word may take the other
//! one. Then people would sign something else than is quoted here. Only what Word writes is understood: stored and deflated parts,
//! no encryption, no ZIP64, one volume. (PKWARE APPNOTE 4.3.7, 4.3.12, 4.3.16.)

use std::collections::BTreeMap;
use std::io::Read as _;

use flate2::Crc;
use flate2::read::DeflateDecoder;
use model::limits::{DOCX_BYTES_MAX, DOCX_PARTS_MAX, UNFOLDED_FREE_BYTES, UNFOLDED_TIMES_MAX};

use crate::error::Unreadable;

/// A document's parts, by name in lower case: names of parts mean the same in any case (ECMA-376-2, 6.2.2).
pub(crate) struct Archive<'b> {
    bytes: &'b [u8],
    parts: BTreeMap<String, Entry>,
    /// Bytes that may still be unfolded.
    left: u64,
}

struct Entry {
    /// Its name as it is written, which its own header repeats.
    name: Vec<u8>,
    header: usize,
    method: usize,
    packed: usize,
    crc: u32,
}

// === impl Archive ===

impl<'b> Archive<'b> {
    /// Reads the directory at the end of the file.
    pub(crate) fn open(bytes: &'b [u8]) -> Result<Self, Unreadable> {
        if bytes.starts_with(COMPOUND) {
            return Err(Unreadable::Compound);
        }
        if !bytes.starts_with(b"PK") {
            return Err(Unreadable::Archive("it does not begin as one"));
        }
        let end = end_of_directory(bytes).ok_or(Unreadable::Archive("its end is missing"))?;
        let broken = || Unreadable::Archive("its directory is broken");
        let field = |at: usize| number(bytes, end + at, 2).ok_or_else(broken);
        let (count, of_volume) = (field(10)?, field(8)?);
        if field(4)? != 0 || field(6)? != 0 || count != of_volume {
            return Err(Unreadable::Archive("it is one of several volumes"));
        }
        if count > DOCX_PARTS_MAX {
            return Err(Unreadable::TooLarge(format!("it has {count} parts, and {DOCX_PARTS_MAX} are read")));
        }
        let mut at = number(bytes, end + 16, 4).ok_or_else(broken)?;
        let mut parts = BTreeMap::new();
        for _ in 0..count {
            let (name, entry, length) = Entry::read(bytes, at, end)?;
            if parts.insert(name, entry).is_some() {
                return Err(Unreadable::Archive(
                    "it has a part twice, and programs would disagree about which one counts",
                ));
            }
            at += length;
        }
        Ok(Self { bytes, parts, left: DOCX_BYTES_MAX })
    }

    /// The text of a part. None: there is no such part.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, Unreadable> {
        let Some(entry) = self.parts.get(&name.to_ascii_lowercase()) else { return Ok(None) };
        let packed = entry.data(self.bytes)?;
        let allowed = UNFOLDED_FREE_BYTES.max(UNFOLDED_TIMES_MAX.saturating_mul(packed.len() as u64)).min(self.left);
        let mut plain = Vec::new();
        // A byte more than is allowed tells that there is more.
        let unfolded = match entry.method {
            STORED => packed.take(allowed + 1).read_to_end(&mut plain),
            DEFLATED => DeflateDecoder::new(packed).take(allowed + 1).read_to_end(&mut plain),
            _ => return Err(Unreadable::part(name, "is packed in a way that Word does not use")),
        };
        unfolded.map_err(|_| Unreadable::part(name, "cannot be unfolded"))?;
        if plain.len() as u64 > allowed {
            return Err(Unreadable::TooLarge(format!("`{name}` unfolds to more than {allowed} bytes")));
        }
        self.left -= plain.len() as u64;
        let mut crc = Crc::new();
        crc.update(&plain);
        if crc.sum() != entry.crc {
            return Err(Unreadable::part(name, "is damaged: its check sum is another one"));
        }
        let text = String::from_utf8(plain).map_err(|_| Unreadable::part(name, "is not written in UTF-8"))?;
        Ok(Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)))
    }
}

// === impl Entry ===

impl Entry {
    /// An entry of the directory with its name and its length there.
    fn read(bytes: &[u8], at: usize, end: usize) -> Result<(String, Self, usize), Unreadable> {
        let broken = || Unreadable::Archive("its directory is broken");
        let field = |offset: usize, length: usize| number(bytes, at + offset, length).ok_or_else(broken);
        if bytes.get(at..at + 4) != Some(b"PK\x01\x02") {
            return Err(broken());
        }
        if field(8, 2)? & ENCRYPTED != 0 {
            return Err(Unreadable::Compound);
        }
        let (packed, header) = (field(20, 4)?, field(42, 4)?);
        if packed == 0xffff_ffff || header == 0xffff_ffff {
            return Err(Unreadable::Archive("it is a ZIP64 archive"));
        }
        let name_length = field(28, 2)?;
        let length = 46 + name_length + field(30, 2)? + field(32, 2)?;
        let name = bytes.get(at + 46..at + 46 + name_length).ok_or_else(broken)?.to_vec();
        if at + length > end {
            return Err(broken());
        }
        let crc = u32::try_from(field(16, 4)?).map_err(|_| broken())?;
        let by_name = String::from_utf8_lossy(&name).replace('\\', "/").to_ascii_lowercase();
        Ok((by_name, Self { name, header, method: field(10, 2)?, packed, crc }, length))
    }

    /// Its bytes as they lie in the file. Its own header must name it as the directory does.
    fn data<'b>(&self, bytes: &'b [u8]) -> Result<&'b [u8], Unreadable> {
        let broken = || Unreadable::Archive("a part is not where its directory says");
        let at = self.header;
        if bytes.get(at..at + 4) != Some(b"PK\x03\x04") {
            return Err(broken());
        }
        let name_length = number(bytes, at + 26, 2).ok_or_else(broken)?;
        let more = number(bytes, at + 28, 2).ok_or_else(broken)?;
        if bytes.get(at + 30..at + 30 + name_length) != Some(self.name.as_slice()) {
            return Err(broken());
        }
        let start = at + 30 + name_length + more;
        bytes.get(start..start + self.packed).ok_or_else(broken)
    }
}

/// Where the record at the end begins: its comment ends with the file.
fn end_of_directory(bytes: &[u8]) -> Option<usize> {
    let last = bytes.len().checked_sub(END_BYTES)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    (first..=last).rev().find(|at| {
        let signed = bytes.get(*at..*at + 4) == Some(b"PK\x05\x06");
        signed && number(bytes, at + 20, 2).is_some_and(|comment| at + END_BYTES + comment == bytes.len())
    })
}

/// A number of two or four bytes, the lowest first.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<usize> {
    let field = bytes.get(at..at.checked_add(length)?)?;
    Some(field.iter().rev().fold(0, |value, byte| (value << 8) | usize::from(*byte)))
}

/// How an OLE container begins.
const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
const END_BYTES: usize = 22;
const ENCRYPTED: usize = 1;
const STORED: usize = 0;
const DEFLATED: usize = 8;

#[cfg(test)]
mod tests;
