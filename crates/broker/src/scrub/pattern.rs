//! How a value looks in other encodings.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// One text to look for.
pub(super) struct Pattern {
    text: Vec<u8>,
    /// The base-64 digit before holds bits of the value.
    left: bool,
    /// The base-64 digit behind does.
    right: bool,
}

impl Pattern {
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The place of the match together with the digits beside it that hold a part of the value, and its padding.
    pub(super) fn widen(&self, bytes: &[u8], mut place: Range<usize>) -> Range<usize> {
        let is_digit = |at: usize| bytes.get(at).is_some_and(|byte| of_base64(*byte));
        if self.left && place.start.checked_sub(1).is_some_and(is_digit) {
            place.start -= 1;
        }
        if self.right && is_digit(place.end) {
            place.end += 1;
        }
        place
    }
}

/// Every text this value is looked for by.
pub(super) fn all_of(value: &[u8], patterns: &mut Vec<Pattern>) {
    let mut add = |text: Vec<u8>, left: bool, right: bool| {
        if !patterns.iter().any(|known| known.text == text) {
            patterns.push(Pattern { text, left, right });
        }
    };
    add(value.to_vec(), false, false);
    if value.contains(&b' ') {
        add(value.iter().map(|byte| if *byte == b' ' { b'+' } else { *byte }).collect(), false, false);
    }
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        for before in 0..3 {
            let mut padded = vec![0u8; before];
            padded.extend_from_slice(value);
            let digits = engine.encode(&padded).into_bytes();
            // Digits that hold bits of the neighbours are another every time.
            let (first, last) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
            let text = digits.get(first..last).unwrap_or_default().to_vec();
            add(text, before != 0, padded.len() % 3 != 0);
        }
    }
    add(value.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect(), false, false);
    add(value.iter().flat_map(|byte| format!("{byte:02X}").into_bytes()).collect(), false, false);
}

fn of_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte)
}
