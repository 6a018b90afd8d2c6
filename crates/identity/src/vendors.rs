//! What vendors present: keys that were issued to them, each bound to a vendor, a contract and a purpose.
//!
//! A key is 256 bits of chance, so its SHA-256 is kept and nothing slower: there is nothing to guess. Whoever reads what is
//! kept cannot come in with it. What a key is for stands in its entry, and no header of a request has a say in it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::limits::VENDOR_KEYS_MAX;
use model::{Blame, ContractId, Digest, Fault, Secret, UnixMicros, VendorId};
use serde::{Deserialize, Serialize};

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
    /// SHA-256 of the whole text.
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
}

#[derive(Debug, Default)]
struct Kept {
    by_digest: HashMap<Digest, Arc<VendorKey>>,
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
            kept.vendors.insert(key.vendor.clone());
            kept.by_digest.insert(key.digest, Arc::new(key));
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
        let key = self.current.load().by_digest.get(&digest_of(presented)).cloned().ok_or(KeyError::Unknown)?;
        if key.revoked_at.is_some() {
            return Err(KeyError::Revoked(Arc::clone(&key.id)));
        }
        if key.ends_at.is_some_and(|end| now >= end) {
            return Err(KeyError::Ended(Arc::clone(&key.id)));
        }
        Ok(key)
    }

    /// All keys, by vendor, the oldest first.
    pub fn list(&self) -> Vec<Arc<VendorKey>> {
        let mut keys: Vec<_> = self.current.load().by_digest.values().cloned().collect();
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
        self.current.load().by_digest.values().find(|key| &*key.id == id).cloned()
    }

    /// Makes a key and its text, which nobody can make again. It is good once it was [put](Self::put). Error: there are too
    /// many, or there is no chance to be had.
    pub fn make(&self, request: KeyRequest, by: &str, now: UnixMicros) -> Result<(VendorKey, Secret<String>), Fault> {
        if self.current.load().by_digest.len() >= VENDOR_KEYS_MAX {
            let said = format!("there are {VENDOR_KEYS_MAX} keys already");
            return Err(Fault::new(Blame::Operator, "operator.vendor_keys", said).hint("forget keys that were revoked"));
        }
        let mut chance = [0u8; 40];
        aws_lc_rs::rand::fill(&mut chance)
            .map_err(|_| Fault::new(Blame::Operator, "operator.no_randomness", "the system gives no random bytes"))?;
        let (name, secret) = chance.split_at(8);
        let id: String =
            name.iter().map(|byte| char::from(*ID_DIGITS.get(usize::from(byte % 32)).unwrap_or(&b'0'))).collect();
        let text = format!("{PREFIX}{id}_{}", URL_SAFE_NO_PAD.encode(secret));
        let life = request.life.and_then(|life| i64::try_from(life.as_micros()).ok());
        let key = VendorKey {
            id: Arc::from(id),
            vendor: request.vendor,
            contract: request.contract,
            purpose: request.purpose,
            digest: digest_of(&text),
            issued_at: now,
            issued_by: by.to_owned(),
            ends_at: life.map(|life| UnixMicros(now.0.saturating_add(life))),
            revoked_at: None,
        };
        Ok((key, Secret::new(text)))
    }

    /// Takes a key as it is from now on: the very next request sees it.
    pub fn put(&self, key: VendorKey) {
        let key = Arc::new(key);
        self.current.rcu(|kept| {
            let (mut by_digest, mut vendors) = (kept.by_digest.clone(), kept.vendors.clone());
            by_digest.insert(key.digest, Arc::clone(&key));
            vendors.insert(key.vendor.clone());
            Kept { by_digest, vendors }
        });
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
        self.revoked_at.is_none() && self.ends_at.is_none_or(|end| now < end)
    }
}

fn digest_of(text: &str) -> Digest {
    let mut out = [0u8; 32];
    for (to, from) in out.iter_mut().zip(digest(&SHA256, text.as_bytes()).as_ref()) {
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
