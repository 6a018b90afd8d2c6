//! JSON as people write it for editors: comments, trailing commas, a byte-order mark.

/// The same document as strict JSON of the same length: what strict JSON does not have becomes blanks, so that every
/// offset still fits. What is wrong otherwise stays wrong.
pub fn blank(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    if out.starts_with(MARK) {
        out.iter_mut().take(MARK.len()).for_each(|byte| *byte = b' ');
    }
    without_comments(&mut out);
    without_trailing_commas(&mut out);
    out
}

fn without_comments(out: &mut [u8]) {
    let mut at = 0;
    while let Some(byte) = out.get(at).copied() {
        at = match (byte, out.get(at + 1).copied()) {
            (b'"', _) => end_of_string(out, at),
            (b'/', Some(b'/')) => {
                let end = find(out, at, |rest| matches!(rest.first(), Some(b'\n' | b'\r'))).unwrap_or(out.len());
                erase(out, at, end);
                end
            }
            (b'/', Some(b'*')) => {
                let end = find(out, at + 2, |rest| rest.starts_with(b"*/")).map_or(out.len(), |end| end + 2);
                erase(out, at, end);
                end
            }
            _ => at + 1,
        };
    }
}

fn without_trailing_commas(out: &mut [u8]) {
    let mut at = 0;
    while let Some(byte) = out.get(at).copied() {
        match byte {
            b'"' => at = end_of_string(out, at),
            b',' => {
                let next = find(out, at + 1, |rest| rest.first().is_some_and(|byte| !byte.is_ascii_whitespace()));
                if next.and_then(|next| out.get(next)).is_some_and(|byte| matches!(byte, b'}' | b']')) {
                    erase(out, at, at + 1);
                }
                at += 1;
            }
            _ => at += 1,
        }
    }
}

/// Behind the closing quote of the string that opens at `at`.
fn end_of_string(bytes: &[u8], at: usize) -> usize {
    let mut next = at + 1;
    while let Some(byte) = bytes.get(next) {
        match byte {
            b'\\' => next += 2,
            b'"' => return next + 1,
            _ => next += 1,
        }
    }
    bytes.len()
}

fn find(bytes: &[u8], from: usize, wanted: impl Fn(&[u8]) -> bool) -> Option<usize> {
    (from..bytes.len()).find(|at| bytes.get(*at..).is_some_and(&wanted))
}

/// Line ends stay, so that lines are counted as people see them.
fn erase(bytes: &mut [u8], from: usize, to: usize) {
    for byte in bytes.get_mut(from..to).into_iter().flatten() {
        if !matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
}

const MARK: &[u8] = b"\xEF\xBB\xBF";

#[cfg(test)]
mod tests;
