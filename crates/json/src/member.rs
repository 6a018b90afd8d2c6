//! Whether an object has a member, without laying out a tape for the rest of it.

use crate::text::{check_escape, plain_run, unescape};

/// Whether an object that passed every check before has a member of this name, whatever else is in it. Of bytes that are no
/// such object it says anything, but stops.
pub fn has_member(object: &[u8], key: &str) -> bool {
    let mut at = 0;
    let mut depth = 0_usize;
    // In an object each string behind a brace or a comma is a key.
    let mut is_key = false;
    while let Some(byte) = object.get(at) {
        at += 1;
        match byte {
            b'"' => {
                let from = at;
                let mut escaped = false;
                loop {
                    at += plain_run(object, at);
                    if object.get(at) != Some(&b'\\') {
                        break;
                    }
                    escaped = true;
                    at += 1 + check_escape(object.get(at + 1..).unwrap_or_default()).unwrap_or(1);
                }
                if depth == 1 && is_key && means(object.get(from..at).unwrap_or_default(), escaped, key) {
                    return true;
                }
                is_key = false;
                at += 1;
            }
            b'{' | b'[' => {
                depth += 1;
                is_key = true;
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => is_key = true,
            _ => {}
        }
    }
    false
}

fn means(inner: &[u8], escaped: bool, key: &str) -> bool {
    if !escaped {
        return inner == key.as_bytes();
    }
    std::str::from_utf8(inner).is_ok_and(|inner| unescape(inner, true) == key)
}

#[cfg(test)]
mod tests;
