//! Passkeys (WebAuthn Level 3): keys that never leave a device, which signs only for our own address and after it has made
//! sure of its person.
//!
//! Of a new key the browser gives the public half as SubjectPublicKeyInfo, and no attestation is asked for: whoever adds one has just
//! proved who they are. What is asked is in the challenge itself, so that an answer to one question is none to another.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::limits::{CHALLENGES_USED_MAX, PASSKEY_BYTES_MAX};
use model::{Blame, Fault, UnixMicros};
use serde::{Deserialize, Serialize};

use super::session::is_ahead;

/// Where passkeys are good: one host and its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The host, which a key belongs to for good.
    pub host: String,
    /// The pages that may ask for it: `https://countersign.example.org`.
    pub origins: Vec<String>,
}

/// What a browser says of a key, as a form brings it: base 64 without padding, for addresses.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Which key.
    pub id: String,
    /// What the browser was asked (`clientDataJSON`).
    pub client_data: String,
    /// What the device says (`authenticatorData`).
    pub device_data: String,
    /// The signature over both; of a new key, its public half.
    pub proof: String,
}

/// A key of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Passkey {
    pub(super) id: String,
    pub(super) name: String,
    /// SubjectPublicKeyInfo, base 64.
    pub(super) public: String,
    /// How often it has signed, where the device counts.
    pub(super) count: u32,
    pub(super) since: UnixMicros,
}

/// Makes challenges and knows them again, each once.
pub(super) struct Challenges {
    key: hmac::Key,
    life_us: i64,
    used: Mutex<VecDeque<([u8; NONCE_BYTES], UnixMicros)>>,
}

/// What the browser was asked.
#[derive(Deserialize)]
struct ClientData {
    r#type: String,
    challenge: String,
    origin: String,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: bool,
}

/// What the device says.
struct DeviceData {
    bytes: Vec<u8>,
    count: u32,
}

// === impl Challenges ===

impl Challenges {
    /// Challenges that are to be answered within this time.
    pub(super) fn living(life: Duration) -> Result<Self, Fault> {
        let mut key = [0u8; 32];
        aws_lc_rs::rand::fill(&mut key).map_err(|_| no_randomness())?;
        let life_us = i64::try_from(life.as_micros()).unwrap_or(i64::MAX);
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, &key), life_us, used: Mutex::default() })
    }

    /// A challenge for this purpose. Nothing is kept of it before it is answered.
    pub(super) fn make(&self, purpose: &str, now: UnixMicros) -> Result<String, Fault> {
        let mut nonce = [0u8; NONCE_BYTES];
        aws_lc_rs::rand::fill(&mut nonce).map_err(|_| no_randomness())?;
        let at = now.0.to_be_bytes();
        Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &at, &self.tag(&nonce, at, purpose)].concat()))
    }

    /// When a challenge was made, if it is ours, for this purpose, of late, and not used. It can be answered still.
    pub(super) fn look(&self, challenge: &str, purpose: &str, now: UnixMicros) -> Option<UnixMicros> {
        let (nonce, made) = self.ours(challenge, purpose, now)?;
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.iter().all(|(other, _)| *other != nonce).then_some(made)
    }

    /// Takes an answered challenge: ours, for this purpose, of late, and for the first time. When it was made. To be taken last, once
    /// the answer is known to be right: what strangers answer is not remembered.
    pub(super) fn take(&self, challenge: &str, purpose: &str, now: UnixMicros) -> Option<UnixMicros> {
        let (nonce, made) = self.ours(challenge, purpose, now)?;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|(_, made)| now.since(*made) < self.life_us);
        // Full of answers of the last minutes: nobody can say any more whether one is new.
        if used.len() >= CHALLENGES_USED_MAX || used.iter().any(|(other, _)| *other == nonce) {
            return None;
        }
        used.push_back((nonce, made));
        Some(made)
    }

    fn ours(&self, challenge: &str, purpose: &str, now: UnixMicros) -> Option<([u8; NONCE_BYTES], UnixMicros)> {
        let bytes = URL_SAFE_NO_PAD.decode(challenge).ok()?;
        let (nonce, rest) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        let (at, tag) = rest.split_first_chunk::<8>()?;
        verify_slices_are_equal(tag, &self.tag(nonce, *at, purpose)).ok()?;
        let made = UnixMicros(i64::from_be_bytes(*at));
        let is_of_late = now.since(made) < self.life_us && !is_ahead(made, now);
        is_of_late.then_some((*nonce, made))
    }

    fn tag(&self, nonce: &[u8], at: [u8; 8], purpose: &str) -> Vec<u8> {
        hmac::sign(&self.key, &[nonce, &at, purpose.as_bytes()].concat()).as_ref().to_vec()
    }

    /// A new key, if it was made for this purpose on our site with its person there. Error: blame `Caller`.
    pub(super) fn added(
        &self,
        answer: &Answer,
        purpose: &str,
        site: &Site,
        name: &str,
        now: UnixMicros,
    ) -> Result<Passkey, Fault> {
        let added = || {
            let (_, challenge) = self.asked(answer, "webauthn.create", purpose, site, now)?;
            let device = DeviceData::read(answer, site)?;
            let public = URL_SAFE_NO_PAD.decode(&answer.proof).ok()?;
            // One that cannot be read would never fit.
            Key::of(&public)?;
            let id = Some(answer.id.clone()).filter(|id| !id.is_empty() && id.len() <= PASSKEY_BYTES_MAX)?;
            self.take(&challenge, purpose, now)?;
            Some(Passkey { id, name: name.to_owned(), public: answer.proof.clone(), count: device.count, since: now })
        };
        added().ok_or_else(refused)
    }

    /// How often the key has signed now, if this is its signature for this purpose on our site with its person there.
    pub(super) fn proved(
        &self,
        passkey: &Passkey,
        answer: &Answer,
        purpose: &str,
        site: &Site,
        now: UnixMicros,
    ) -> Option<u32> {
        let (client, challenge) = self.asked(answer, "webauthn.get", purpose, site, now)?;
        let device = DeviceData::read(answer, site)?;
        let public = URL_SAFE_NO_PAD.decode(&passkey.public).ok()?;
        let signature = URL_SAFE_NO_PAD.decode(&answer.proof).ok()?;
        let signed = [device.bytes.as_slice(), digest(&SHA256, &client).as_ref()].concat();
        Key::of(&public)?.verify(&signed, &signature)?;
        // A count that does not grow is a copy of the key; a device that does not count says zero for ever.
        let grows = device.count > passkey.count || (device.count == 0 && passkey.count == 0);
        if !grows {
            return None;
        }
        self.take(&challenge, purpose, now)?;
        Some(device.count)
    }

    /// The bytes of what the browser was asked, and the challenge in them, if that is what we ask.
    fn asked(
        &self,
        answer: &Answer,
        kind: &str,
        purpose: &str,
        site: &Site,
        now: UnixMicros,
    ) -> Option<(Vec<u8>, String)> {
        let bytes = URL_SAFE_NO_PAD.decode(&answer.client_data).ok()?;
        let client: ClientData = serde_json::from_slice(&bytes).ok()?;
        if client.r#type != kind || client.cross_origin || !site.origins.contains(&client.origin) {
            return None;
        }
        self.look(&client.challenge, purpose, now)?;
        Some((bytes, client.challenge))
    }
}

// === impl DeviceData ===

impl DeviceData {
    /// For our host, touched by its person, whom the device has made sure of.
    fn read(answer: &Answer, site: &Site) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(&answer.device_data).ok()?;
        let (host, rest) = bytes.split_first_chunk::<32>()?;
        let (&flags, rest) = rest.split_first()?;
        let count = u32::from_be_bytes(*rest.first_chunk::<4>()?);
        let ours = digest(&SHA256, site.host.as_bytes()).as_ref() == host;
        let there = flags & (USER_PRESENT | USER_VERIFIED) == USER_PRESENT | USER_VERIFIED;
        (ours && there).then_some(Self { bytes, count })
    }
}

/// A public key of one of the kinds that are taken.
enum Key<'a> {
    P256(&'a [u8]),
    Ed25519(&'a [u8]),
    /// Modulus and exponent (RFC 8017, appendix A.1.1). What Windows keeps in a TPM is of this kind.
    Rsa(&'a [u8]),
}

impl<'a> Key<'a> {
    /// Each kind has one spelling: a fixed head, and the key.
    fn of(public: &'a [u8]) -> Option<Self> {
        let p256 = public.strip_prefix(P256_HEAD).filter(|point| point.len() == 65 && point.first() == Some(&4));
        let ed25519 = public.strip_prefix(ED25519_HEAD).filter(|key| key.len() == 32);
        p256.map(Self::P256).or(ed25519.map(Self::Ed25519)).or_else(|| rsa(public).map(Self::Rsa))
    }

    fn verify(&self, signed: &[u8], signature: &[u8]) -> Option<()> {
        match self {
            Self::P256(key) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, *key).verify(signed, signature).ok(),
            Self::Ed25519(key) => UnparsedPublicKey::new(&ED25519, *key).verify(signed, signature).ok(),
            Self::Rsa(key) => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, *key).verify(signed, signature).ok(),
        }
    }
}

/// The key in a SubjectPublicKeyInfo of RSA (RFC 3279) with 2,048, 3,072 or 4,096 bits and the exponent 65,537.
fn rsa(public: &[u8]) -> Option<&[u8]> {
    RSA_BYTES.into_iter().find_map(|bytes| {
        let long = |tag: u8, content: u16| [&[tag, 0x82][..], &content.to_be_bytes()].concat();
        // From the outside in: all of it, the bits, the pair, the modulus with a zero before it.
        let bits = [&long(0x30, bytes + 34), RSA_KIND, &long(0x03, bytes + 15), &[0]].concat();
        let pair = [long(0x30, bytes + 10), long(0x02, bytes + 1), vec![0]].concat();
        let key = public.strip_prefix(bits.as_slice())?;
        let modulus = key.strip_prefix(pair.as_slice())?.strip_suffix(RSA_EXPONENT)?;
        let whole = modulus.len() == usize::from(bytes) && modulus.first().is_some_and(|first| first & 0x80 != 0);
        whole.then_some(key)
    })
}

fn refused() -> Fault {
    Fault::new(Blame::Caller, "people.passkey", "the passkey was not taken").hint("load the page again, and try again")
}

fn no_randomness() -> Fault {
    Fault::new(Blame::Operator, "people.random", "the machine has no randomness for a challenge")
}

const NONCE_BYTES: usize = 16;
const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 4;
/// SubjectPublicKeyInfo of an uncompressed point on P-256 (RFC 5480), up to the point.
const P256_HEAD: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// SubjectPublicKeyInfo of an Ed25519 key (RFC 8410), up to the key.
const ED25519_HEAD: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// How long a modulus of RSA may be, in bytes.
const RSA_BYTES: [u16; 3] = [256, 384, 512];
/// That a SubjectPublicKeyInfo is of RSA.
const RSA_KIND: &[u8] = &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
/// The exponent 65,537.
const RSA_EXPONENT: &[u8] = &[0x02, 0x03, 0x01, 0x00, 0x01];

#[cfg(test)]
pub(super) mod tests;
