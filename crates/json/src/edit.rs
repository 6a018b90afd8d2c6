//! Replacing spans in place: everything else stays byte for byte.

use std::ops::Range;

/// The bytes with each span replaced. Edits are ascending and do not overlap; should a caller break that, every byte of
/// every span is still gone and every replacement still there, because what is masked must never come back.
pub fn splice(bytes: &[u8], edits: &[(Range<usize>, &[u8])]) -> Vec<u8> {
    let added: usize = edits.iter().map(|(_, replacement)| replacement.len()).sum();
    let mut out = Vec::with_capacity(bytes.len() + added);
    let mut ascending: Vec<_> = edits.iter().collect();
    ascending.sort_by_key(|(span, _)| span.start);
    let mut copied = 0;
    for (span, replacement) in ascending {
        out.extend_from_slice(bytes.get(copied..span.start.min(bytes.len())).unwrap_or_default());
        out.extend_from_slice(replacement);
        copied = copied.max(span.end).min(bytes.len());
    }
    out.extend_from_slice(bytes.get(copied..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests;
