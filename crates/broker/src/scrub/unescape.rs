//! Undoing escapes, and finding a place of the plain text again in the escaped one.

use std::ops::Range;

use memchr::memchr;

/// A way of writing bytes by other bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    /// `\n`, `\/`, `\u0041`.
    Json,
    /// `%2F`.
    Percent,
}

/// Bytes that stand for other bytes.
struct Piece {
    length: usize,
    plain: [u8; 4],
    plain_length: usize,
}

/// A stretch of the escaped text and what it is in the plain one.
struct Stretch {
    escaped: Range<usize>,
    plain: Range<usize>,
    /// One piece, to be taken whole; otherwise byte for byte the same.
    whole: bool,
}

struct Stretches<'a> {
    escape: Escape,
    bytes: &'a [u8],
    escaped: usize,
    plain: usize,
}

impl Escape {
    /// The plain text; none where nothing is escaped. What is no escape stays as it is.
    pub(super) fn undo(self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut plain = Vec::new();
        let mut at = 0;
        let mut copied = 0;
        while let Some(found) = bytes.get(at..).and_then(|rest| memchr(self.mark(), rest)) {
            at += found;
            match self.piece(bytes.get(at..).unwrap_or_default()) {
                Some(piece) => {
                    if plain.is_empty() {
                        plain.reserve(bytes.len());
                    }
                    plain.extend_from_slice(bytes.get(copied..at).unwrap_or_default());
                    plain.extend(piece.plain.iter().take(piece.plain_length));
                    at += piece.length;
                    copied = at;
                }
                None => at += 1,
            }
        }
        if copied == 0 {
            return None;
        }
        plain.extend_from_slice(bytes.get(copied..).unwrap_or_default());
        Some(plain)
    }

    /// Where ranges of the plain text (in order, not overlapping) stand in the escaped one. The escaped text is walked
    /// again rather than remembered: secrets are rare, escapes are not.
    pub(super) fn places(self, bytes: &[u8], ranges: &[Range<usize>]) -> Vec<Range<usize>> {
        let mut places = Vec::with_capacity(ranges.len());
        let mut open: Option<usize> = None;
        let mut waiting = ranges.iter().peekable();
        for stretch in (Stretches { escape: self, bytes, escaped: 0, plain: 0 }) {
            while let Some(range) = waiting.peek() {
                if open.is_none() && stretch.plain.contains(&range.start) {
                    let within = if stretch.whole { 0 } else { range.start - stretch.plain.start };
                    open = Some(stretch.escaped.start + within);
                }
                let Some(start) = open.filter(|_| range.end <= stretch.plain.end) else { break };
                let end = if stretch.whole {
                    stretch.escaped.end
                } else {
                    stretch.escaped.start + (range.end - stretch.plain.start)
                };
                places.push(start..end);
                open = None;
                waiting.next();
            }
        }
        places
    }

    const fn mark(self) -> u8 {
        match self {
            Self::Json => b'\\',
            Self::Percent => b'%',
        }
    }

    fn piece(self, bytes: &[u8]) -> Option<Piece> {
        match (self, bytes) {
            (Self::Percent, [b'%', high, low, ..]) => {
                let byte = hex(*high)? << 4 | hex(*low)?;
                Some(Piece { length: 3, plain: [u8::try_from(byte).ok()?, 0, 0, 0], plain_length: 1 })
            }
            (Self::Json, [b'\\', b'u', rest @ ..]) => unicode(rest),
            (Self::Json, [b'\\', short, ..]) => {
                let byte = match short {
                    b'"' | b'\\' | b'/' => *short,
                    b'b' => 8,
                    b'f' => 12,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    _ => return None,
                };
                Some(Piece { length: 2, plain: [byte, 0, 0, 0], plain_length: 1 })
            }
            _ => None,
        }
    }
}

impl Iterator for Stretches<'_> {
    type Item = Stretch;

    fn next(&mut self) -> Option<Stretch> {
        let rest = self.bytes.get(self.escaped..).filter(|rest| !rest.is_empty())?;
        let (escaped, plain, whole) = match self.escape.piece(rest) {
            Some(piece) => (piece.length, piece.plain_length, true),
            None => {
                // The first byte is no escape, whatever it is; up to the next mark nothing is.
                let more = rest.get(1..).unwrap_or_default();
                let same = 1 + memchr(self.escape.mark(), more).unwrap_or(more.len());
                (same, same, false)
            }
        };
        let stretch =
            Stretch { escaped: self.escaped..self.escaped + escaped, plain: self.plain..self.plain + plain, whole };
        (self.escaped, self.plain) = (stretch.escaped.end, stretch.plain.end);
        Some(stretch)
    }
}

/// What follows `\u`: four digits, or eight and a second `\u` between them (UTF-16).
fn unicode(rest: &[u8]) -> Option<Piece> {
    let (first, rest) = unit(rest)?;
    let (point, length) = match (first, rest) {
        (0xD800..=0xDBFF, [b'\\', b'u', rest @ ..]) => {
            let (second, _) = unit(rest).filter(|(second, _)| (0xDC00..=0xDFFF).contains(second))?;
            (0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00), 12)
        }
        _ => (first, 6),
    };
    let mut plain = [0; 4];
    let plain_length = char::from_u32(point)?.encode_utf8(&mut plain).len();
    Some(Piece { length, plain, plain_length })
}

fn unit(rest: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = rest.split_at_checked(4)?;
    let value = digits.iter().try_fold(0, |value, digit| Some(value << 4 | hex(*digit)?))?;
    Some((value, rest))
}

fn hex(digit: u8) -> Option<u32> {
    char::from(digit).to_digit(16)
}

#[cfg(test)]
mod tests;
