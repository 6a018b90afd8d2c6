//! Encrypting under the vault's key: AES-256-GCM, with one key per purpose (HKDF-SHA-256).

use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::{Blame, Fault, Secret};

/// The key everything is sealed under: 32 random bytes, in base 64 in a file that only its owner may read.
pub struct VaultKey(Secret<[u8; 32]>);

impl VaultKey {
    /// The key of this file; where there is none, a new one, kept there. Error: blame `Operator`.
    pub fn load_or_create(path: &Path) -> Result<Self, Fault> {
        let content = private_file::read_or_create(path, KEY_FILE_BYTES_MAX, || {
            let text = Secret::new(STANDARD.encode(random_key()?.expose()));
            Ok(Secret::new(format!("{}\n", text.expose()).into_bytes()))
        })?;
        Self::of_file(path, &content)
    }

    /// As [`VaultKey::load_or_create`], beside this vault: where the vault is there and its key is not, none is made. Error: blame
    /// `Operator`.
    pub fn of_vault(path: &Path, vault: &Path) -> Result<Self, Fault> {
        Self::refuse_gone(path, vault)?;
        Self::load_or_create(path)
    }

    /// Error: the vault is there, and its key is not. Blame: `Operator`.
    pub fn refuse_gone(path: &Path, vault: &Path) -> Result<(), Fault> {
        if path.exists() || !vault.exists() {
            return Ok(());
        }
        let said = format!("`{}` is gone, the key of `{}`", path.display(), vault.display());
        let hint = format!(
            "put the file back that belongs to it; without it nothing in it can be read: move `{}` away, and set what it held anew \
             with `countersign vault set`",
            vault.display()
        );
        Err(Fault::new(Blame::Operator, "vault.key_gone", said).hint(hint))
    }

    /// A key that is kept elsewhere.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret::new(bytes))
    }

    fn of_file(path: &Path, content: &Secret<Vec<u8>>) -> Result<Self, Fault> {
        let damaged = || {
            Fault::new(Blame::Operator, "vault.key_damaged", format!("`{}` holds no vault key", path.display()))
                .hint("put the right file back: without it nothing in the vault can be read")
        };
        let decoded = Secret::new(STANDARD.decode(content.expose().trim_ascii()).map_err(|_| damaged())?);
        let bytes = <[u8; 32]>::try_from(decoded.expose().as_slice()).map_err(|_| damaged())?;
        Ok(Self::from_bytes(bytes))
    }

    /// Another key, for one purpose. Error: a bug.
    pub fn derive(&self, purpose: &str) -> Result<Secret<[u8; 32]>, Fault> {
        let info = ["countersign|".as_bytes(), purpose.as_bytes()];
        let pseudorandom = Salt::new(HKDF_SHA256, b"countersign").extract(self.0.expose());
        let mut bytes = [0u8; 32];
        pseudorandom.expand(&info, HKDF_SHA256).and_then(|okm| okm.fill(&mut bytes)).map_err(broken)?;
        Ok(Secret::new(bytes))
    }
}

/// Encrypts under a key of its own for this purpose. Error: the machine has no randomness.
pub fn seal(key: &VaultKey, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, Fault> {
    seal_under(&key.derive(purpose)?, purpose.as_bytes(), plain)
}

/// Decrypts what was sealed for this purpose. Error: another key, another purpose, or not a bit as it was.
pub fn unseal(key: &VaultKey, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, Fault> {
    unseal_under(&key.derive(purpose)?, purpose.as_bytes(), sealed).ok_or_else(|| {
        Fault::new(Blame::Operator, "seal.damaged", "the sealed data cannot be opened")
            .hint("it was changed, or sealed under another key")
    })
}

/// Version, nonce, text and tag, in one.
pub(crate) fn seal_under(key: &Secret<[u8; 32]>, about: &[u8], plain: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut nonce = [0u8; NONCE_LEN];
    aws_lc_rs::rand::fill(&mut nonce).map_err(broken)?;
    let mut sealed = Vec::with_capacity(1 + NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
    sealed.push(VERSION);
    sealed.extend_from_slice(&nonce);
    let mut text = plain.to_vec();
    cipher(key)
        .and_then(|cipher| {
            cipher.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(about), &mut text)
        })
        .map_err(broken)?;
    sealed.append(&mut text);
    Ok(sealed)
}

pub(crate) fn unseal_under(key: &Secret<[u8; 32]>, about: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (version, rest) = sealed.split_first()?;
    if *version != VERSION {
        return None;
    }
    let (nonce, text) = rest.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut text = text.to_vec();
    let length = cipher(key).ok()?.open_in_place(nonce, Aad::from(about), &mut text).ok()?.len();
    text.truncate(length);
    Some(text)
}

pub(crate) fn random_key() -> Result<Secret<[u8; 32]>, Fault> {
    let mut bytes = [0u8; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(broken)?;
    Ok(Secret::new(bytes))
}

fn cipher(key: &Secret<[u8; 32]>) -> Result<LessSafeKey, Unspecified> {
    UnboundKey::new(&AES_256_GCM, key.expose()).map(LessSafeKey::new)
}

fn broken(cause: Unspecified) -> Fault {
    Fault::new(Blame::Operator, "seal.broken", "the machine cannot encrypt: it has no randomness").because(cause)
}

const VERSION: u8 = 1;
const KEY_FILE_BYTES_MAX: u64 = 1024;

#[cfg(test)]
mod tests;
