//! The private halves of keys as text: `PRIVATE+KEY+NAME+ID+SECRET`, the form that Go's `sumdb/note` has for them. The keys of
//! witnesses, of which it knows nothing, are written in the same way.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::key::{Algorithm, KeyError, KeyName, SEED_BYTES, Signer, SigningKey};

impl SigningKey {
    /// The key of such a text. The text is the caller's to wipe.
    pub fn from_private_text(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.strip_prefix(PREFIX).ok_or(KeyError::Format)?.splitn(3, '+');
        let (Some(name), Some(id), Some(secret)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Format);
        };
        let mut secret = STANDARD.decode(secret).map_err(|_| KeyError::Format)?;
        let known = secret
            .split_first()
            .and_then(|(byte, seed)| Some((Algorithm::of_byte(*byte)?, <[u8; SEED_BYTES]>::try_from(seed).ok()?)));
        secret.fill(0);
        let (algorithm, mut seed) = known.ok_or(KeyError::Private)?;
        let key = Self::from_seed(name.parse()?, algorithm, &seed);
        seed.fill(0);
        let key = key?;
        if key.verifier_key().id().to_string() == id { Ok(key) } else { Err(KeyError::Id) }
    }

    /// The text of the key of this name and seed. It is a secret as the seed is.
    pub fn private_text(name: KeyName, algorithm: Algorithm, seed: &[u8; SEED_BYTES]) -> Result<String, KeyError> {
        let key = Self::from_seed(name, algorithm, seed)?;
        let mut secret = Vec::with_capacity(1 + SEED_BYTES);
        secret.push(algorithm.byte());
        secret.extend_from_slice(seed);
        let known = key.verifier_key();
        let text = format!("{PREFIX}{}+{}+{}", known.name().as_str(), known.id(), STANDARD.encode(&secret));
        secret.fill(0);
        Ok(text)
    }
}

const PREFIX: &str = "PRIVATE+KEY+";

#[cfg(test)]
mod tests;
