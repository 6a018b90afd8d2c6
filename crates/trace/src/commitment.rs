//! Hashes and salted commitments.
//!
//! A commitment shows nothing of a short value (an e-mail address, a yes or no) to somebody without the salt, and with
//! the salt of one field nothing of the other fields. Deleting salt and value makes it unguessable for ever.

use std::cell::RefCell;
use std::fmt;

use aws_lc_rs::{digest, rand};
use model::Digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::TraceError;
use crate::scratch::Scratch;

/// The hash of a leaf as RFC 6962 has it: SHA-256 of a zero byte and the leaf.
pub fn leaf_hash(leaf: &[u8]) -> Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&[0]);
    context.update(leaf);
    Digest::new(first_32(context.finish().as_ref()))
}

pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    Digest::new(first_32(digest::digest(&digest::SHA256, bytes).as_ref()))
}

/// 32 random bytes of one record.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Salt([u8; 32]);

/// `HMAC-SHA256(SHA-256(1 as four bytes, salt, name of the field), bytes of the field)`: each field has a key of its own, by
/// the one-step derivation of NIST SP 800-56C.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Commitment([u8; 32]);

/// Commits to the fields of one record.
pub(crate) struct Committer<'s> {
    salt: &'s Salt,
    /// Where keys and texts stand while they are hashed.
    text: Scratch,
}

impl Salt {
    pub(crate) fn random() -> Result<Self, TraceError> {
        DRAWN.with_borrow_mut(|drawn| {
            if drawn.is_empty() {
                // One draw for many salts: most of its cost does not depend on how much is drawn.
                let mut bytes = [0; 32 * SALTS_PER_DRAW];
                rand::fill(&mut bytes).map_err(|_| TraceError::NoRandomness)?;
                drawn.extend(bytes.as_chunks::<32>().0);
            }
            drawn.pop().map(Self).ok_or(TraceError::NoRandomness)
        })
    }

    pub(crate) fn committer(&self) -> Committer<'_> {
        Committer { salt: self, text: Scratch::new() }
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Commitment {
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Committer<'_> {
    pub(crate) fn commit(&mut self, field: &str, bytes: &[u8]) -> Commitment {
        self.text.clear();
        self.text.extend_from_slice(&1u32.to_be_bytes());
        self.text.extend_from_slice(&self.salt.0);
        // Names are so short that all of it is one block.
        self.text.extend_from_slice(field.as_bytes());
        let key = sha256(&self.text);
        Commitment(hmac_sha256(&mut self.text, key.as_bytes(), bytes))
    }
}

impl fmt::Display for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(COMMITMENT_PREFIX)?;
        f.write_str(std::str::from_utf8(&model::hex(&self.0)).unwrap_or_default())
    }
}

impl Serialize for Commitment {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Commitment {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.strip_prefix(COMMITMENT_PREFIX)
            .and_then(unhex)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("a commitment takes `hmac-sha256:` and 64 hexadecimal digits"))
    }
}

impl<'de> Deserialize<'de> for Salt {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        unhex(&text).map(Self).ok_or_else(|| serde::de::Error::custom("a salt takes 64 hexadecimal digits"))
    }
}

/// RFC 2104 as two hashes. Every key here is used once, for which the library's keys and contexts cost more than hashing.
fn hmac_sha256(text: &mut Vec<u8>, key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let padded = |pad: u8| {
        let mut block = [pad; BLOCK_BYTES];
        block.iter_mut().zip(key).for_each(|(to, byte)| *to ^= byte);
        block
    };
    text.clear();
    text.extend_from_slice(&padded(INNER_PAD));
    text.extend_from_slice(message);
    let inner = sha256(text);
    text.clear();
    text.extend_from_slice(&padded(OUTER_PAD));
    text.extend_from_slice(inner.as_bytes());
    *sha256(text).as_bytes()
}

pub(crate) fn first_32(bytes: &[u8]) -> [u8; 32] {
    bytes.first_chunk().copied().unwrap_or_default()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 {
        return None;
    }
    let mut out = [0; 32];
    let mut digits = text.chars();
    for byte in &mut out {
        let high = digits.next()?.to_digit(16)?;
        let low = digits.next()?.to_digit(16)?;
        *byte = u8::try_from(high << 4 | low).ok()?;
    }
    Some(out)
}

thread_local! {
    /// Salts that nobody has used yet; each leaves when it is used.
    static DRAWN: RefCell<Vec<[u8; 32]>> = const { RefCell::new(Vec::new()) };
}

const SALTS_PER_DRAW: usize = 16;
pub(crate) const COMMITMENT_PREFIX: &str = "hmac-sha256:";
/// What SHA-256 takes at a time.
const BLOCK_BYTES: usize = 64;
const INNER_PAD: u8 = 0x36;
const OUTER_PAD: u8 = 0x5C;

#[cfg(test)]
mod tests;
