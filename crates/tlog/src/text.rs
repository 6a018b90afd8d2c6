//! Numbers and lines, each with one way to be written.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::hash::{Hash, HashError};

/// A decimal number without a sign or leading zeroes.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

/// A hash on each line; the number of the first line that is none, counted from zero.
pub(crate) fn hashes<'t>(lines: impl Iterator<Item = &'t str>) -> Result<Vec<Hash>, (usize, HashError)> {
    lines.enumerate().map(|(number, line)| line.parse().map_err(|error| (number, error))).collect()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Padded, and nothing but what `base64` writes.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Whether it may stand on a line of a signed note.
pub(crate) fn is_line(text: &str) -> bool {
    !text.is_empty() && !text.bytes().any(|byte| byte < b' ')
}
