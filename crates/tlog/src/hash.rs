//! The hashes of RFC 6962: leaves and nodes begin with different bytes, so that neither passes for the other.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{Context, SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A SHA-256 hash in a tree. Its text is base64, as in checkpoints and proofs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash([u8; Self::BYTES]);

/// Not 32 bytes in base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a hash: 32 bytes in base64 are expected")]
pub struct HashError(());

// === impl Hash ===

impl Hash {
    /// How many bytes a hash has.
    pub const BYTES: usize = 32;

    /// Takes a hash that was computed elsewhere.
    pub const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Of an entry of the log.
    pub fn of_leaf(entry: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(&[LEAF]);
        context.update(entry);
        Self::from_digest(context.finish().as_ref())
    }

    /// Of the two halves of a tree.
    pub fn of_node(left: Self, right: Self) -> Self {
        let mut bytes = [0; 1 + 2 * Self::BYTES];
        let (prefix, halves) = bytes.split_at_mut(1);
        prefix.fill(NODE);
        for (place, half) in halves.chunks_exact_mut(Self::BYTES).zip([left, right]) {
            place.copy_from_slice(&half.0);
        }
        Self::from_digest(digest(&SHA256, &bytes).as_ref())
    }

    /// The root of the tree without leaves.
    pub fn of_nothing() -> Self {
        Self::from_digest(digest(&SHA256, &[]).as_ref())
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Hashes one after the other, as tiles and frontiers have them. `None`: the last one is cut short.
    pub fn many(bytes: &[u8]) -> Option<Vec<Self>> {
        let (whole, rest) = bytes.as_chunks::<{ Self::BYTES }>();
        rest.is_empty().then(|| whole.iter().copied().map(Self).collect())
    }

    fn from_digest(bytes: &[u8]) -> Self {
        let mut hash = [0; Self::BYTES];
        for (place, byte) in hash.iter_mut().zip(bytes) {
            *place = *byte;
        }
        Self(hash)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Hash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        if text.len() != TEXT_BYTES {
            return Err(HashError(()));
        }
        let bytes = STANDARD.decode(text).map_err(|_| HashError(()))?;
        bytes.try_into().map(Self).map_err(|_| HashError(()))
    }
}

const LEAF: u8 = 0;
const NODE: u8 = 1;
const TEXT_BYTES: usize = 44;

#[cfg(test)]
mod tests;
