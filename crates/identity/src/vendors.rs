//! What vendors present: keys that were issued to them, client certificates and signatures, each bound to a vendor, a contract and
//! a purpose.
//!
//! A key is 256 bits of chance, so its SHA-256 is kept and nothing slower: there is nothing to guess. Of a certificate the digest
//! is kept, of what signs the public half. Whoever reads what is kept cannot come in with it. What a key is for stands in its
//! entry, and no header of a request has a say in it.

mod certificate;
mod public_key;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::limits::VENDOR_KEYS_MAX;
use model::{Blame, ContractId, Digest, Fault, Secret, UnixMicros, VendorId};
use serde::{Deserialize, Serialize};

use crate::token::TokenError;

pub use certificate::{Certificate, certificate_digest};
pub use public_key::PublicKey;

/// The keys of all vendors, as they are right now.
#[derive(Debug, Default)]
pub struct VendorKeys {
    current: ArcSwap<Kept>,
}

/// One key, without what would let anybody in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VendorKey {
    /// Which key, for people and records.
    pub id: Arc<str>,
    /// Whose it is.
    pub vendor: VendorId,
    /// Under which contract it acts.
    pub contract: ContractId,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Arc<str>>,
    /// What is presented.
    #[serde(default, skip_serializing_if = "Presented::is_text")]
    pub presented: Presented,
    /// SHA-256 of it: of the whole text, of the certificate in DER, of the public key's thumbprint.
    pub digest: Digest,
    /// Since when.
    pub issued_at: UnixMicros,
    /// Who issued it.
    pub issued_by: String,
    /// Until when; none: until it is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<UnixMicros>,
    /// Since when it is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<UnixMicros>,
}

/// With what a vendor comes in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presented {
    /// The text of a key that was issued here.
    #[default]
    Text,
    /// A client certificate, whose private half the connection proves.
    Certificate,
    /// A statement signed with the private half of this key.
    Signature(PublicKey),
}

/// What a vendor has already, and somebody registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registered {
    /// A client certificate.
    Certificate(Certificate),
    /// The public half of a key that signs.
    PublicKey(PublicKey),
}

/// What a new key is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRequest {
    /// Whose it is.
    pub vendor: VendorId,
    /// Under which contract it acts.
    pub contract: ContractId,
    /// What it is for.
    pub purpose: Option<Arc<str>>,
    /// How long it lives; none: until it is revoked.
    pub life: Option<Duration>,
}

/// Why a key is no good. It never holds the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is none.
    #[error("no key was sent")]
    Missing,
    /// Several were sent, or it is no text.
    #[error("what was sent is not one key")]
    Malformed,
    /// No such key was issued here.
    #[error("the key is not one that is issued here")]
    Unknown,
    /// It was revoked.
    #[error("the key `{0}` was revoked")]
    Revoked(Arc<str>),
    /// It has ended.
    #[error("the key `{0}` has ended")]
    Ended(Arc<str>),
    /// It is a token that is no good.
    #[error(transparent)]
    Token(TokenError),
}

#[derive(Debug, Default, Clone)]
struct Kept {
    by_id: BTreeMap<Arc<str>, Arc<VendorKey>>,
    /// A certificate that was revoked may be registered again, for something else.
    by_digest: HashMap<Digest, Vec<Arc<str>>>,
    /// Everybody to whom one was ever issued.
    vendors: HashSet<VendorId>,
}

// === impl VendorKeys ===

impl VendorKeys {
    /// Reads the rows `(key, value)` of kind [`VENDOR_KEY_STATE`] back. Error: one cannot be read.
    pub fn from_rows(rows: impl IntoIterator<Item = (String, String)>) -> Result<Self, Fault> {
        let mut kept = Kept::default();
        for (id, value) in rows {
            let key: VendorKey = serde_json::from_str(&value).map_err(|error| {
                let said = format!("the vendor's key `{id}` in the data directory cannot be read");
                Fault::new(Blame::Operator, "operator.vendor_key", said)
                    .hint("restore the data directory from a backup")
                    .because(error)
            })?;
            kept.put(Arc::new(key));
        }
        Ok(Self { current: ArcSwap::from_pointee(kept) })
    }

    /// Whether a text is written as keys are, good or not.
    pub fn are_like(presented: &str) -> bool {
        presented.starts_with(PREFIX)
    }

    /// Whose key this is, if it is good right now.
    pub fn recognise(&self, presented: &str, now: UnixMicros) -> Result<Arc<VendorKey>, KeyError> {
        if presented.len() > KEY_BYTES_MAX || !Self::are_like(presented) {
            return Err(KeyError::Unknown);
        }
        self.current.load().good(&digest_of(presented.as_bytes()), &Presented::Text, now)
    }

    /// Whose certificate this is, if it is good right now. That whoever presents it has its private half is the caller's to know.
    pub fn recognise_certificate(&self, digest: &Digest, now: UnixMicros) -> Result<Arc<VendorKey>, KeyError> {
        self.current.load().good(digest, &Presented::Certificate, now)
    }

    /// The key of this id, if it is good right now.
    pub(crate) fn good_of_id(&self, id: &str, now: UnixMicros) -> Result<Arc<VendorKey>, KeyError> {
        let key = self.current.load().by_id.get(id).cloned().ok_or(KeyError::Unknown)?;
        key.standing(now).map(|()| key)
    }

    /// All keys, by vendor, the oldest first.
    pub fn list(&self) -> Vec<Arc<VendorKey>> {
        let mut keys: Vec<_> = self.current.load().by_id.values().cloned().collect();
        keys.sort_by(|one, other| {
            (&one.vendor, one.issued_at.0, &one.id).cmp(&(&other.vendor, other.issued_at.0, &other.id))
        });
        keys
    }

    /// Whether a key was ever issued to somebody of this name.
    pub fn has_vendor(&self, name: &str) -> bool {
        self.current.load().vendors.contains(name)
    }

    /// The key of this id.
    pub fn of_id(&self, id: &str) -> Option<Arc<VendorKey>> {
        self.current.load().by_id.get(id).cloned()
    }

    /// Makes a key and its text, which nobody can make again. It is good once it was [put](Self::put). Error: there are too
    /// many, or there is no chance to be had.
    pub fn make(&self, request: KeyRequest, by: &str, now: UnixMicros) -> Result<(VendorKey, Secret<String>), Fault> {
        let mut secret = [0u8; 32];
        fill(&mut secret)?;
        let id = self.new_id(now)?;
        let text = format!("{PREFIX}{id}_{}", URL_SAFE_NO_PAD.encode(secret));
        let key = new(request, id, (Presented::Text, digest_of(text.as_bytes())), by, now);
        Ok((key, Secret::new(text)))
    }

    /// An entry for what a vendor has already. It is good once it was [put](Self::put). Error: there are too many, it has ended or
    /// not begun, or it is registered.
    pub fn register(
        &self,
        request: KeyRequest,
        what: Registered,
        by: &str,
        now: UnixMicros,
    ) -> Result<VendorKey, Fault> {
        let (presented, digest, ends_at) = match what {
            Registered::Certificate(certificate) => {
                let refused = |said: &'static str| Err(Fault::new(Blame::Caller, "caller.certificate", said));
                if now < certificate.starts_at {
                    return refused("the certificate is not valid yet");
                }
                if now >= certificate.ends_at {
                    return refused("the certificate has ended");
                }
                (Presented::Certificate, certificate.digest, Some(certificate.ends_at))
            }
            Registered::PublicKey(key) => {
                let digest = key.digest();
                (Presented::Signature(key), digest, None)
            }
        };
        // A connection says which certificate it has and nothing else, so that one must stand for one thing.
        if presented == Presented::Certificate
            && let Ok(known) = self.recognise_certificate(&digest, now)
        {
            let said = format!("the certificate is registered already, as `{}`", known.id);
            return Err(Fault::new(Blame::Caller, "caller.certificate", said).hint("revoke that one first"));
        }
        let key = new(request, self.new_id(now)?, (presented, digest), by, now);
        let ends_at = [key.ends_at, ends_at].into_iter().flatten().min();
        Ok(VendorKey { ends_at, ..key })
    }

    /// Takes a key as it is from now on: the very next request sees it.
    pub fn put(&self, key: VendorKey) {
        let key = Arc::new(key);
        self.current.rcu(|kept| {
            let mut kept = Kept::clone(kept);
            kept.put(Arc::clone(&key));
            kept
        });
    }

    /// Takes a key out that is over.
    pub fn forget(&self, id: &str) {
        self.current.rcu(|kept| {
            let mut kept = Kept::clone(kept);
            kept.forget(id);
            kept
        });
    }

    /// The key to be [forgotten](Self::forget) before another one is put, where there are as many as may be: of those that are over
    /// the one that has been for longest, but never the last one of its vendor, whose name it is. None: there is room, or none can go.
    pub fn makes_room(&self, now: UnixMicros) -> Option<Arc<str>> {
        let kept = self.current.load();
        if kept.by_id.len() < VENDOR_KEYS_MAX {
            return None;
        }
        let mut of_vendor: HashMap<&VendorId, usize> = HashMap::new();
        for key in kept.by_id.values() {
            *of_vendor.entry(&key.vendor).or_default() += 1;
        }
        let over = kept.by_id.values().filter(|key| !key.is_good(now));
        let spare = over.filter(|key| of_vendor.get(&key.vendor).is_some_and(|count| *count > 1));
        let ended = |key: &VendorKey| key.revoked_at.into_iter().chain(key.ends_at).map(|at| at.0).min();
        spare.min_by_key(|key| (ended(key), Arc::clone(&key.id))).map(|key| Arc::clone(&key.id))
    }

    fn new_id(&self, now: UnixMicros) -> Result<String, Fault> {
        if self.current.load().by_id.len() >= VENDOR_KEYS_MAX && self.makes_room(now).is_none() {
            let said = format!("there are {VENDOR_KEYS_MAX} keys that are good");
            let hint = "revoke those that nobody uses: `countersign vendors keys` lists them";
            return Err(Fault::new(Blame::Operator, "operator.vendor_keys", said).hint(hint));
        }
        let mut name = [0u8; 8];
        fill(&mut name)?;
        Ok(name.iter().map(|byte| char::from(*ID_DIGITS.get(usize::from(byte % 32)).unwrap_or(&b'0'))).collect())
    }
}

// === impl Kept ===

impl Kept {
    fn put(&mut self, key: Arc<VendorKey>) {
        let same = self.by_digest.entry(key.digest).or_default();
        if !same.contains(&key.id) {
            same.push(Arc::clone(&key.id));
        }
        self.vendors.insert(key.vendor.clone());
        self.by_id.insert(Arc::clone(&key.id), key);
    }

    fn forget(&mut self, id: &str) {
        let Some(key) = self.by_id.remove(id) else { return };
        if let Some(same) = self.by_digest.get_mut(&key.digest) {
            same.retain(|other| **other != *key.id);
            if same.is_empty() {
                self.by_digest.remove(&key.digest);
            }
        }
    }

    /// The one that is good. Error: why the newest is not.
    fn good(&self, digest: &Digest, presented: &Presented, now: UnixMicros) -> Result<Arc<VendorKey>, KeyError> {
        let mut refused = KeyError::Unknown;
        for id in self.by_digest.get(digest).into_iter().flatten() {
            let Some(key) = self.by_id.get(id).filter(|key| key.presented == *presented) else { continue };
            match key.standing(now) {
                Ok(()) => return Ok(Arc::clone(key)),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }
}

// === impl Presented ===

impl Presented {
    fn is_text(&self) -> bool {
        *self == Self::Text
    }

    /// For people: `key`, `certificate`, `public key`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Text => "key",
            Self::Certificate => "certificate",
            Self::Signature(_) => "public key",
        }
    }
}

// === impl VendorKey ===

impl VendorKey {
    /// As its row has it.
    pub fn row(&self) -> Result<String, Fault> {
        serde_json::to_string(self)
            .map_err(|error| Fault::new(Blame::Bug, "bug.vendor_key", "a key could not be written").because(error))
    }

    /// Whether it is good at this moment.
    pub fn is_good(&self, now: UnixMicros) -> bool {
        self.standing(now).is_ok()
    }

    fn standing(&self, now: UnixMicros) -> Result<(), KeyError> {
        if self.revoked_at.is_some() {
            return Err(KeyError::Revoked(Arc::clone(&self.id)));
        }
        match self.ends_at {
            Some(end) if now >= end => Err(KeyError::Ended(Arc::clone(&self.id))),
            _ => Ok(()),
        }
    }
}

fn new(request: KeyRequest, id: String, what: (Presented, Digest), by: &str, now: UnixMicros) -> VendorKey {
    let life = request.life.and_then(|life| i64::try_from(life.as_micros()).ok());
    VendorKey {
        id: Arc::from(id),
        vendor: request.vendor,
        contract: request.contract,
        purpose: request.purpose,
        presented: what.0,
        digest: what.1,
        issued_at: now,
        issued_by: by.to_owned(),
        ends_at: life.map(|life| UnixMicros(now.0.saturating_add(life))),
        revoked_at: None,
    }
}

fn fill(bytes: &mut [u8]) -> Result<(), Fault> {
    aws_lc_rs::rand::fill(bytes)
        .map_err(|_| Fault::new(Blame::Operator, "operator.no_randomness", "the system gives no random bytes"))
}

/// SHA-256.
fn digest_of(bytes: &[u8]) -> Digest {
    let mut out = [0u8; 32];
    for (to, from) in out.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
        *to = *from;
    }
    Digest::new(out)
}

/// The kind of state that a key is.
pub const VENDOR_KEY_STATE: &str = "vendor_key";
/// How every key begins, so that one that was written down somewhere is known for what it is.
const PREFIX: &str = "csk_";
const KEY_BYTES_MAX: usize = 128;
const ID_DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

#[cfg(test)]
mod tests;
