//! Where a token ends, in bytes of which more may come.

use super::filter::Stop;
use crate::error::Problem;
use crate::text::{check_escape, plain_run};

/// How far a token goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Up to here, and whether there are escapes in it.
    To(usize, bool),
    /// Past the bytes that are there; a text is read up to here.
    Past(usize),
}

/// The rest of a string, from behind its opening quote or anywhere between two characters of it, to behind its closing one.
#[inline]
pub(super) fn string(bytes: &[u8], mut at: usize, last: bool) -> Result<Reach, Stop> {
    let mut escaped = false;
    loop {
        at += plain_run(bytes, at);
        match bytes.get(at) {
            Some(b'"') => return Ok(Reach::To(at + 1, escaped)),
            Some(b'\\') => {
                let rest = bytes.get(at + 1..).unwrap_or_default();
                if !last && escape_is_cut(rest) {
                    return Ok(Reach::Past(at));
                }
                at += 1 + check_escape(rest).map_err(|problem| Stop::at(at, problem))?;
                escaped = true;
            }
            Some(control) => return Err(Stop::at(at, Problem::Control(*control))),
            None => return Ok(Reach::Past(at)),
        }
    }
}

/// Whether more bytes could make another escape of it.
fn escape_is_cut(rest: &[u8]) -> bool {
    match rest {
        [] => true,
        [b'u', b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B', ..] => rest.len() < 11,
        [b'u', ..] => rest.len() < 5,
        _ => false,
    }
}

/// A number, from its first character.
#[inline]
pub(super) fn number(bytes: &[u8], from: usize, last: bool) -> Result<Reach, Stop> {
    let mut at = from;
    let digits = |at: usize| {
        let rest = bytes.get(at..).unwrap_or_default();
        rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len())
    };
    if bytes.get(at) == Some(&b'-') {
        at += 1;
    }
    let whole = digits(at);
    let zero = bytes.get(at) == Some(&b'0');
    if zero && whole > 1 {
        return Err(Stop::at(at + 1, Problem::Number));
    }
    let mut counted = whole;
    at += whole;
    if counted > 0 && bytes.get(at) == Some(&b'.') {
        counted = digits(at + 1);
        at += 1 + counted;
    }
    if counted > 0 && matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        if matches!(bytes.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        counted = digits(at);
        at += counted;
    }
    if at >= bytes.len() && !last {
        return Ok(Reach::Past(from));
    }
    match (counted, bytes.get(at)) {
        (0, Some(_)) => Err(Stop::at(at, Problem::Number)),
        (0, None) => Err(Stop::at(at, Problem::End("a digit"))),
        _ => Ok(Reach::To(at, false)),
    }
}

/// `true`, `false` or `null`.
#[inline]
pub(super) fn word(bytes: &[u8], from: usize, word: &[u8], last: bool) -> Result<Reach, Stop> {
    let rest = bytes.get(from..).unwrap_or_default();
    if rest.starts_with(word) {
        return Ok(Reach::To(from + word.len(), false));
    }
    if word.starts_with(rest) && !last { Ok(Reach::Past(from)) } else { Err(unexpected(bytes, from, "a value")) }
}

/// Behind white space.
#[inline]
pub(super) fn space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

#[cold]
pub(super) fn unexpected(bytes: &[u8], at: usize, wanted: &'static str) -> Stop {
    let rest = bytes.get(at..).unwrap_or_default();
    let found = str::from_utf8(rest.get(..rest.len().min(4)).unwrap_or_default());
    let valid = match found {
        Ok(text) => text.chars().next(),
        Err(error) => str::from_utf8(rest.get(..error.valid_up_to()).unwrap_or_default())
            .ok()
            .and_then(|text| text.chars().next()),
    };
    Stop::at(at, valid.map_or(Problem::End(wanted), |found| Problem::Unexpected { wanted, found }))
}

/// Behind a value that is neither a container, nor holds an escape or a fraction, nor may go on. None: it takes a closer look.
#[inline]
pub(super) fn plain(bytes: &[u8], at: usize) -> Option<usize> {
    let end = match bytes.get(at)? {
        b'"' => {
            let end = at + 1 + plain_run(bytes, at + 1);
            return (bytes.get(end) == Some(&b'"')).then_some(end + 1);
        }
        b't' | b'n' => bytes.get(at..at + 4).filter(|word| matches!(*word, b"true" | b"null")).map(|_| at + 4)?,
        b'f' => bytes.get(at..at + 5).filter(|word| *word == b"false").map(|_| at + 5)?,
        b'1'..=b'9' => {
            let mut end = at + 1;
            while bytes.get(end).is_some_and(u8::is_ascii_digit) {
                end += 1;
            }
            end
        }
        _ => return None,
    };
    (matches!(bytes.get(end), Some(b',' | b'}' | b']')) && end - at < PLAIN_BYTES_MAX).then_some(end)
}

/// Longest number that is plain.
const PLAIN_BYTES_MAX: usize = 64;
