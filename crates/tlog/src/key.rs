//! Keys that sign notes, and keys that check them.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::limits::KEY_NAME_BYTES_MAX;
use crate::text;

/// Who signs: best an address without scheme, like `example.com/log`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyName(String);

/// A few bytes that tell keys of the same name apart. They prove nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; 4]);

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// The text of a note, with Ed25519.
    Ed25519,
    /// A checkpoint and the time at which a witness saw it, with Ed25519 (`cosignature/v1`).
    Cosignature,
}

/// The public half of a key, with its name: `example.com/log+530d903a+AekyeRrm…`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: KeyName,
    algorithm: Algorithm,
    public: [u8; PUBLIC_BYTES],
    id: KeyId,
}

/// Signs messages: a [`SigningKey`], or something that keeps the key elsewhere.
pub trait Signer {
    /// Its public half.
    fn verifier_key(&self) -> &VerifierKey;

    /// Ed25519 over the message as it is.
    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_BYTES], SignError>;
}

/// An Ed25519 key. It cannot be printed, serialised or copied. Its secret lies in memory of AWS-LC, which overwrites what it
/// gives back; what it was made of is the caller's to wipe.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: VerifierKey,
}

/// What is wrong with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A name that no key may have.
    #[error("the name of a key has 1 to {KEY_NAME_BYTES_MAX} bytes without spaces, `+` or control characters")]
    Name,
    /// Not `NAME+ID+KEY`.
    #[error("a verifier key is written as `NAME+ID+KEY`, the id as eight hexadecimal digits, the key in base64")]
    Format,
    /// A kind of key that is not known here.
    #[error("keys of type {0:#04x} are not known, only Ed25519 (0x01) and its cosignatures (0x04)")]
    Algorithm(u8),
    /// A public key of another length.
    #[error("an Ed25519 public key has {PUBLIC_BYTES} bytes")]
    Length,
    /// The id is another key's.
    #[error("the id does not belong to this name and key")]
    Id,
    /// A private key that is none.
    #[error("not an Ed25519 private key")]
    Private,
}

/// The signer could not sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signer could not sign")]
pub struct SignError;

// === impl KeyName ===

impl KeyName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = KeyError;

    fn from_str(name: &str) -> Result<Self, KeyError> {
        let right = (1..=KEY_NAME_BYTES_MAX).contains(&name.len())
            && !name.chars().any(|character| character.is_whitespace() || character == '+' || character < ' ');
        if right { Ok(Self(name.to_owned())) } else { Err(KeyError::Name) }
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

// === impl KeyId ===

impl KeyId {
    pub(crate) const fn new(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:08x}", u32::from_be_bytes(self.0))
    }
}

// === impl Algorithm ===

impl Algorithm {
    pub(crate) const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::Cosignature => 0x04,
        }
    }

    pub(crate) fn of_byte(byte: u8) -> Option<Self> {
        [Self::Ed25519, Self::Cosignature].into_iter().find(|known| known.byte() == byte)
    }
}

// === impl VerifierKey ===

impl VerifierKey {
    /// The public half of a key that is known otherwise.
    pub fn new(name: KeyName, algorithm: Algorithm, public: [u8; PUBLIC_BYTES]) -> Self {
        let content = [name.0.as_bytes(), b"\n", &[algorithm.byte()], &public].concat();
        let hash = digest(&SHA256, &content);
        let id = KeyId(hash.as_ref().first_chunk().copied().unwrap_or_default());
        Self { name, algorithm, public, id }
    }

    /// Who signs.
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// What it signs.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Tells it apart from other keys of the name.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The Ed25519 public key.
    pub const fn public(&self) -> &[u8; PUBLIC_BYTES] {
        &self.public
    }

    pub(crate) fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public).verify(message, signature).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[self.algorithm.byte()], self.public.as_slice()].concat();
        write!(formatter, "{}+{}+{}", self.name, self.id, text::base64(&key))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(key: &str) -> Result<Self, KeyError> {
        let (name, rest) = key.split_once('+').ok_or(KeyError::Format)?;
        // The base64 may contain `+`, too.
        let (id, encoded) = rest.split_once('+').ok_or(KeyError::Format)?;
        let name: KeyName = name.parse()?;
        let bytes = text::from_base64(encoded).ok_or(KeyError::Format)?;
        let (algorithm, public) = bytes.split_first().ok_or(KeyError::Format)?;
        let algorithm = Algorithm::of_byte(*algorithm).ok_or(KeyError::Algorithm(*algorithm))?;
        let public = public.try_into().map_err(|_| KeyError::Length)?;
        let known = Self::new(name, algorithm, public);
        let hexadecimal = id.len() == 8 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match () {
            () if !hexadecimal => Err(KeyError::Format),
            () if known.id.to_string() != id => Err(KeyError::Id),
            () => Ok(known),
        }
    }
}

// === impl SigningKey ===

impl SigningKey {
    /// The key of these 32 bytes, which must be random and used for nothing else.
    pub fn from_seed(name: KeyName, algorithm: Algorithm, seed: &[u8; SEED_BYTES]) -> Result<Self, KeyError> {
        Self::new(name, algorithm, Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Private)?)
    }

    /// The key of a PKCS#8 document.
    pub fn from_pkcs8(name: KeyName, algorithm: Algorithm, document: &[u8]) -> Result<Self, KeyError> {
        Self::new(name, algorithm, Ed25519KeyPair::from_pkcs8(document).map_err(|_| KeyError::Private)?)
    }

    fn new(name: KeyName, algorithm: Algorithm, pair: Ed25519KeyPair) -> Result<Self, KeyError> {
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Private)?;
        Ok(Self { public: VerifierKey::new(name, algorithm, public), pair })
    }
}

impl Signer for SigningKey {
    fn verifier_key(&self) -> &VerifierKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_BYTES], SignError> {
        let signature = self.pair.try_sign(message).map_err(|_| SignError)?;
        signature.as_ref().try_into().map_err(|_| SignError)
    }
}

/// Bytes of an Ed25519 public key.
pub const PUBLIC_BYTES: usize = 32;
/// Bytes of an Ed25519 signature.
pub const SIGNATURE_BYTES: usize = 64;
/// Bytes that an Ed25519 key is made of.
pub const SEED_BYTES: usize = 32;

#[cfg(test)]
mod tests;
