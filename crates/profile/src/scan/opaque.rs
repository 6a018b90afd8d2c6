//! Long runs of letters that mean nothing to a reader: encoded text has no place in a description.

use super::{Hit, Severity};

/// The first run that looks encoded.
pub(super) fn look(text: &str) -> Option<Hit> {
    if text.len() < RUN_BYTES_MIN {
        return None;
    }
    let mut start = 0;
    for (at, byte) in text.bytes().chain([b' ']).enumerate() {
        if byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte) {
            continue;
        }
        let run = text.get(start..at).unwrap_or_default();
        if run.len() >= RUN_BYTES_MIN && looks_encoded(run) {
            return Some(Hit { pattern: "opaque-text", severity: Severity::Mark, span: start..at });
        }
        start = at + 1;
    }
    None
}

/// Words, paths and lines of dashes are long, too: encoded text mixes cases and digits, or is hexadecimal throughout.
fn looks_encoded(run: &str) -> bool {
    let share = |like: fn(&u8) -> bool| run.bytes().filter(like).count() * 100 / run.len();
    if share(|byte| matches!(byte, b'/' | b'_' | b'-')) > 10 {
        return false;
    }
    let (upper, lower, digit) =
        (share(u8::is_ascii_uppercase), share(u8::is_ascii_lowercase), share(u8::is_ascii_digit));
    let mixed = upper >= 15 && lower >= 15 && digit >= 3;
    mixed || (share(u8::is_ascii_hexdigit) == 100 && (20..=95).contains(&digit))
}

const RUN_BYTES_MIN: usize = 160;
