//! Strings: finding their end, checking their escapes, taking the escapes out.

use std::borrow::Cow;

use crate::error::Problem;

/// What lies between the quotes of a checked string, unescaped.
pub(crate) fn unescape(inner: &str, escaped: bool) -> Cow<'_, str> {
    if !escaped {
        return Cow::Borrowed(inner);
    }
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((plain, after)) = rest.split_once('\\') {
        text.push_str(plain);
        let mut tail = after.chars();
        match tail.next() {
            Some('u') => {
                let (meant, used) = unicode_escape(after.as_bytes()).unwrap_or((char::REPLACEMENT_CHARACTER, 1));
                text.push(meant);
                rest = after.get(used..).unwrap_or_default();
            }
            Some(short) => {
                text.push(short_escape(short));
                rest = tail.as_str();
            }
            None => rest = "",
        }
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// How many bytes from `at` on need no look: no quote, no backslash, no control character. Keys and words are shorter
/// than four times eight bytes; of a long run, a piece at a time, first the end is found, then the lowest byte, each in wide steps.
pub(crate) fn plain_run(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let mut run = 0;
    for word in rest.as_chunks::<8>().0.iter().take(4) {
        let hit = special_bytes(u64::from_le_bytes(*word));
        if hit != 0 {
            return run + (hit.trailing_zeros() / 8) as usize;
        }
        run += 8;
    }
    // Not all at once: who asks again behind each control character would look through the whole rest each time.
    for piece in rest.get(run..).unwrap_or_default().chunks(PIECE) {
        let end = memchr::memchr2(b'"', b'\\', piece).unwrap_or(piece.len());
        let plain = piece.get(..end).unwrap_or_default();
        let lowest = plain.iter().fold(u8::MAX, |lowest, byte| lowest.min(*byte));
        if lowest < 0x20 {
            return run + plain.iter().position(|byte| *byte < 0x20).unwrap_or(end);
        }
        run += end;
        if end < piece.len() {
            break;
        }
    }
    run
}

/// Checks the escape after a backslash; `rest` begins behind the backslash. Gives the bytes it takes.
pub(crate) fn check_escape(rest: &[u8]) -> Result<usize, Problem> {
    match rest.first() {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(1),
        Some(b'u') => unicode_escape(rest).map(|(_, used)| used),
        Some(_) => Err(Problem::Escape),
        None => Err(Problem::End("the rest of an escape")),
    }
}

/// Reads `uXXXX`, or the `uXXXX\uXXXX` of a surrogate pair.
fn unicode_escape(rest: &[u8]) -> Result<(char, usize), Problem> {
    let first = four_digits(rest, 1)?;
    match first {
        0xD800..=0xDBFF => {
            if rest.get(5..7) != Some(b"\\u") {
                return Err(Problem::LoneSurrogate);
            }
            let second = four_digits(rest, 7)?;
            if !(0xDC00..=0xDFFF).contains(&second) {
                return Err(Problem::LoneSurrogate);
            }
            let scalar = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
            Ok((char::from_u32(scalar).ok_or(Problem::LoneSurrogate)?, 11))
        }
        _ => Ok((char::from_u32(first).ok_or(Problem::LoneSurrogate)?, 5)),
    }
}

fn four_digits(rest: &[u8], at: usize) -> Result<u32, Problem> {
    let digits = rest.get(at..at + 4).ok_or(Problem::End("the rest of an escape"))?;
    digits.iter().try_fold(0, |value, digit| {
        char::from(*digit).to_digit(16).map(|digit| value * 16 + digit).ok_or(Problem::Escape)
    })
}

const fn short_escape(letter: char) -> char {
    match letter {
        'b' => '\u{8}',
        'f' => '\u{C}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        same => same,
    }
}

/// The high bit of each byte that is a quote, a backslash or a control character. A borrow can only set the bit of a
/// byte behind a true hit, so the lowest set bit is always true.
const fn special_bytes(word: u64) -> u64 {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let quote = word ^ (LOW * b'"' as u64);
    let backslash = word ^ (LOW * b'\\' as u64);
    let is_quote = quote.wrapping_sub(LOW) & !quote;
    let is_backslash = backslash.wrapping_sub(LOW) & !backslash;
    let is_control = word.wrapping_sub(LOW * 0x20) & !word;
    (is_quote | is_backslash | is_control) & HIGH
}

/// Long enough for wide steps.
const PIECE: usize = 256;

#[cfg(test)]
mod tests;
