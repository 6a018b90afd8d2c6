//! The key that signs tokens.

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{DecodingKey, EncodingKey};
use model::{Blame, Fault, Secret};
use serde_json::{Value, json};

/// An Ed25519 key. On disk: PKCS#8 in PEM, readable by its owner only; `openssl pkey -in FILE -pubout` shows its public
/// half.
pub struct SigningKey {
    encoding: EncodingKey,
    decoding: DecodingKey,
    public: String,
    id: String,
}

impl SigningKey {
    /// The key of this file; where there is none, a new one, kept there. Error: blame `Operator` (the file is open to
    /// others, somebody else's, or no such key).
    pub fn load_or_create(path: &Path) -> Result<Self, Fault> {
        let content =
            private_file::read_or_create(path, KEY_BYTES_MAX, || Ok(Secret::new(to_pem(new_document()?.expose()))))?;
        let damaged = || {
            Fault::new(Blame::Operator, "key.damaged", format!("`{}` holds no Ed25519 key", path.display()))
                .hint("put the right file back, or remove it: a new key is made, and every token of the old one ends")
        };
        let document = from_pem(content.expose()).ok_or_else(damaged)?;
        Self::from_pkcs8(document.expose()).ok_or_else(damaged)
    }

    /// A new key that is kept nowhere.
    #[cfg(test)]
    pub(crate) fn generate() -> Self {
        let document = new_document().expect("the machine has randomness");
        Self::from_pkcs8(document.expose()).expect("a key just made is a key")
    }

    fn from_pkcs8(document: &[u8]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_pkcs8(document).ok()?;
        let public = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let thumbprint = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{public}"}}"#);
        let id = URL_SAFE_NO_PAD.encode(digest(&SHA256, thumbprint.as_bytes()));
        let decoding = DecodingKey::from_ed_der(pair.public_key().as_ref());
        Some(Self { encoding: EncodingKey::from_ed_der(document), decoding, public, id })
    }

    pub(crate) fn encoding(&self) -> &EncodingKey {
        &self.encoding
    }

    pub(crate) fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }

    /// The thumbprint of the public half (RFC 7638).
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The public half (RFC 8037).
    pub(crate) fn jwk(&self) -> Value {
        json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.id, "x": self.public })
    }
}

/// Version 1 of PKCS#8: version 2 is unknown to many tools.
fn new_document() -> Result<Secret<Vec<u8>>, Fault> {
    let document = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new())
        .map_err(|_| Fault::new(Blame::Operator, "key.random", "the machine has no randomness to make a key from"))?;
    Ok(Secret::new(document.as_ref().to_vec()))
}

fn to_pem(document: &[u8]) -> Vec<u8> {
    let body = Secret::new(STANDARD.encode(document));
    // 48 bytes of PKCS#8 are 64 characters: one line.
    format!("{PEM_BEGIN}\n{}\n{PEM_END}\n", body.expose()).into_bytes()
}

fn from_pem(content: &[u8]) -> Option<Secret<Vec<u8>>> {
    let text = std::str::from_utf8(content).ok()?;
    let body = text.trim().strip_prefix(PEM_BEGIN)?.strip_suffix(PEM_END)?;
    let body = Secret::new(body.split_ascii_whitespace().collect::<String>());
    STANDARD.decode(body.expose()).ok().map(Secret::new)
}

const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

const KEY_BYTES_MAX: u64 = 16 * 1024;

#[cfg(test)]
mod tests;
