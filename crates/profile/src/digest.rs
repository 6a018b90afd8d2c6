//! What names a definition or a profile by what it says.

use model::Digest;

/// Its SHA-256.
pub(crate) fn digest_of(bytes: &[u8]) -> Digest {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let mut digest = [0; 32];
    for (place, byte) in digest.iter_mut().zip(hash.as_ref()) {
        *place = *byte;
    }
    Digest::new(digest)
}
