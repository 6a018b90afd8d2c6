//! The public half of a key with which a vendor signs that it is itself.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey};
use model::{Blame, Digest, Fault};
use serde::{Deserialize, Serialize};

use super::digest_of;

/// A public key of a kind that is taken here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kty")]
pub enum PublicKey {
    /// Over the curve P-256: signs with ES256.
    #[serde(rename = "EC")]
    P256 {
        /// A coordinate, in base64url.
        x: String,
        /// The other one.
        y: String,
    },
    /// Ed25519: signs with EdDSA.
    #[serde(rename = "OKP")]
    Ed25519 {
        /// The key, in base64url.
        x: String,
    },
    /// RSA of 2,048 bits at least: signs with RS256 or PS256.
    #[serde(rename = "RSA")]
    Rsa {
        /// The modulus, in base64url.
        n: String,
        /// The exponent.
        e: String,
    },
}

// === impl PublicKey ===

impl PublicKey {
    /// Reads a key in PEM (`-----BEGIN PUBLIC KEY-----`) or as a JWK (RFC 7517). Error: it is none, a private one, or of a kind
    /// that is not taken (blame `Caller`).
    pub fn read(text: &str) -> Result<Self, Fault> {
        let jwk = if text.trim_start().starts_with('{') { jwk_of(text)? } else { pem_of(text)? };
        let key = match jwk.algorithm {
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                Self::P256 { x: key.x, y: key.y }
            }
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Self::Ed25519 { x: key.x },
            AlgorithmParameters::RSA(key) => Self::Rsa { n: key.n, e: key.e },
            _ => return Err(wrong("it is no key of a kind that is taken here").hint(TAKEN)),
        };
        key.checked()
    }

    /// Whether its numbers are such, and long enough.
    fn checked(self) -> Result<Self, Fault> {
        let bytes =
            |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|error| wrong("it is not base64url").because(error));
        match &self {
            Self::P256 { x, y } if bytes(x)?.len() != 32 || bytes(y)?.len() != 32 => {
                return Err(wrong("its coordinates are not of 32 bytes"));
            }
            Self::Ed25519 { x } if bytes(x)?.len() != 32 => return Err(wrong("it is not of 32 bytes")),
            Self::Rsa { n, e } => {
                let (n, e) = (bytes(n)?, bytes(e)?);
                let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
                if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) || e.is_empty() || e.len() > 8 {
                    return Err(wrong("it is an RSA key of fewer than 2,048 bits, or of more than 8,192").hint(TAKEN));
                }
            }
            Self::P256 { .. } | Self::Ed25519 { .. } => {}
        }
        self.decoding().map(|_| self)
    }

    /// SHA-256 of its thumbprint (RFC 7638).
    pub fn digest(&self) -> Digest {
        let thumbprint = match self {
            Self::P256 { x, y } => format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Self::Ed25519 { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#),
            Self::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        };
        digest_of(thumbprint.as_bytes())
    }

    /// Whether it signs with this algorithm: its kind decides, and never what is signed.
    pub(crate) fn signs_with(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::P256 { .. } => algorithm == Algorithm::ES256,
            Self::Ed25519 { .. } => algorithm == Algorithm::EdDSA,
            Self::Rsa { .. } => matches!(algorithm, Algorithm::RS256 | Algorithm::PS256),
        }
    }

    pub(crate) fn decoding(&self) -> Result<DecodingKey, Fault> {
        let made = match self {
            Self::P256 { x, y } => DecodingKey::from_ec_components(x, y),
            Self::Ed25519 { x } => DecodingKey::from_ed_components(x),
            Self::Rsa { n, e } => DecodingKey::from_rsa_components(n, e),
        };
        made.map_err(|error| wrong("it is no public key").because(error))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P256 { .. } => "ES256",
            Self::Ed25519 { .. } => "EdDSA",
            Self::Rsa { .. } => "RS256 or PS256",
        })
    }
}

fn jwk_of(text: &str) -> Result<Jwk, Fault> {
    let members: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|error| wrong("it is no JWK").because(error))?;
    if ["d", "p", "q", "k"].iter().any(|secret| members.contains_key(*secret)) {
        return Err(private());
    }
    serde_json::from_str(text).map_err(|error| wrong("it is no JWK").because(error))
}

fn pem_of(text: &str) -> Result<Jwk, Fault> {
    if text.contains("PRIVATE KEY") {
        return Err(private());
    }
    if text.matches("-----BEGIN PUBLIC KEY-----").count() != 1 {
        return Err(wrong("it does not hold one public key").hint(TAKEN));
    }
    let pem = text.trim().as_bytes();
    let (key, algorithm) = [
        (DecodingKey::from_ed_pem(pem), Algorithm::EdDSA),
        (DecodingKey::from_ec_pem(pem), Algorithm::ES256),
        (DecodingKey::from_rsa_pem(pem), Algorithm::RS256),
    ]
    .into_iter()
    .find_map(|(key, algorithm)| Some((key.ok()?, algorithm)))
    .ok_or_else(|| wrong("it is no key of a kind that is taken here").hint(TAKEN))?;
    Jwk::from_decoding_key(&key, Some(algorithm))
        .map_err(|error| wrong("it is no key of a kind that is taken here").hint(TAKEN).because(error))
}

fn private() -> Fault {
    wrong("it is the private half of a key")
        .hint("that one stays with the vendor, who should make another now; register the public half")
}

fn wrong(said: &'static str) -> Fault {
    Fault::new(Blame::Caller, "caller.public_key", said)
}

const TAKEN: &str =
    "P-256 (ES256), Ed25519 (EdDSA) and RSA of 2,048 to 8,192 bits (RS256, PS256) are, in PEM or as a JWK";
const RSA_BITS_MIN: usize = 2_048;
const RSA_BITS_MAX: usize = 8_192;

#[cfg(test)]
mod tests;
