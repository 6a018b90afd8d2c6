//! Small things that stand in every record, written without a formatter between.

use model::Digest;

/// Whether a tool is the address of a resource, of which there may be as many as there are calls.
pub(crate) fn is_address(tool: &str) -> bool {
    tool.contains("://")
}

/// As the model shows it, without a formatter between.
pub(crate) fn write_digest(out: &mut Vec<u8>, digest: &Digest) {
    out.extend_from_slice(DIGEST_PREFIX.as_bytes());
    out.extend_from_slice(&model::hex(digest.as_bytes()));
}

/// As JSON has it.
pub(crate) fn write_number(out: &mut Vec<u8>, number: i64) {
    let mut digits = [0; 20];
    let mut left = number.unsigned_abs();
    let mut length = 0;
    for to in digits.iter_mut().rev() {
        *to = b'0' + (left % 10) as u8;
        length += 1;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(digits.get(digits.len() - length..).unwrap_or_default());
}

/// How a digest of the model is written.
pub(crate) const DIGEST_PREFIX: &str = "sha256:";
pub(crate) const DIGEST_TEXT_BYTES: usize = DIGEST_PREFIX.len() + 64;

#[cfg(test)]
mod tests;
