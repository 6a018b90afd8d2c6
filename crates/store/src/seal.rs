//! What stands in bodies, sealed under keys of those whom it is about: who destroys such a key has erased all of it, wherever
//! a copy lies.
//!
//! Each subject has a random key of its own, wrapped under one key that stands in a file beside the database. A body is
//! sealed in its two parts ([`trace::Form`]): its template under a nonce that is always the same, so that equal templates
//! of one subject stay equal, and its values bound to the hash of the leaf that commits to them. That is what AES-256-GCM-SIV is
//! for (RFC 8452): texts under one nonce show whether they are equal and nothing else, and no number has to be remembered over
//! a crash or a restored backup. [ADR 15](../../../docs/adr/0015-bodies-under-keys.md) says more.
//!
//! Nothing here knows where keys and bodies are kept.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use model::{HumanId, Secret};
use trace::{Row, StoreFault, StoreFaultKind};

use crate::error::fault_of_kind;
use crate::generations::Generations;
use crate::sum::sum;

/// The key that opens and wraps the keys of subjects.
pub(crate) struct Wrapping(LessSafeKey);

/// The key of a subject as a store keeps it. Whoever takes the two texts out has destroyed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SubjectKey {
    /// What stands for the subject where its name must not. Counted from 1, never given out twice.
    pub(crate) number: u32,
    /// Whom or what bodies are about ([`subject`]).
    pub(crate) subject: String,
    /// The key, sealed.
    pub(crate) wrapped: Vec<u8>,
}

/// A body that is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealedBody {
    /// The number of the key.
    pub(crate) key: u32,
    /// Its template. Those of records that are alike are one.
    pub(crate) template: Arc<[u8]>,
    /// Its values.
    pub(crate) values: Vec<u8>,
}

/// Seals bodies, and makes the keys of subjects that are new.
pub(crate) struct Sealer {
    wrapping: Arc<Wrapping>,
    keys: HashMap<Box<str>, Known>,
    /// What keys have been made and may not be on disk yet.
    fresh: Vec<SubjectKey>,
    next: u32,
    /// Keys of late, ready for use.
    ready: Generations<u32, LessSafeKey>,
    /// Templates of late and what became of them, by key and hash.
    templates: Generations<(u32, u64), Template>,
}

struct Known {
    number: u32,
    key: Secret<[u8; KEY_BYTES]>,
}

/// Opens bodies.
pub(crate) struct Opener {
    wrapping: Arc<Wrapping>,
    ready: RefCell<Generations<u32, Arc<LessSafeKey>>>,
    /// Templates of late, by the sums of their sealed texts.
    templates: RefCell<Generations<u64, Template>>,
}

/// A template, sealed and as it was.
struct Template {
    sealed: Arc<[u8]>,
    plain: Arc<str>,
}

/// Whom or what a body is about: a person, or nobody but the gateway.
pub(crate) fn subject(human: Option<&str>) -> String {
    human.map_or_else(|| GATEWAY.to_owned(), |human| format!("{HUMAN}{human}"))
}

// === impl Wrapping ===

impl Wrapping {
    /// The key of these bytes.
    pub(crate) fn new(bytes: &Secret<[u8; KEY_BYTES]>) -> Result<Self, StoreFault> {
        cipher(bytes.expose()).map(Self)
    }

    fn wrap(&self, number: u32, subject: &str, key: &Secret<[u8; KEY_BYTES]>) -> Result<Vec<u8>, StoreFault> {
        seal(&self.0, [0; NONCE_LEN], &about_key(number, subject), key.expose())
    }

    fn unwrap(&self, key: &SubjectKey) -> Result<Secret<[u8; KEY_BYTES]>, StoreFault> {
        let opened = open(&self.0, [0; NONCE_LEN], &about_key(key.number, &key.subject), &key.wrapped)
            .and_then(|opened| <[u8; KEY_BYTES]>::try_from(opened).ok());
        opened.map(Secret::new).ok_or_else(|| {
            StoreFault::new(StoreFaultKind::Corrupt, "the keys of the trace's bodies do not open")
                .with_hint("put the file `trace-keys/bodies.key` back that belongs to this database")
        })
    }
}

impl std::fmt::Debug for Wrapping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wrapping")
    }
}

// === impl Sealer ===

impl Sealer {
    /// With the keys that are kept, and the last number that was ever given out.
    pub(crate) fn new(wrapping: Arc<Wrapping>, kept: &[SubjectKey], last: u32) -> Result<Self, StoreFault> {
        let mut keys = HashMap::with_capacity(kept.len());
        for one in kept {
            let known = Known { number: one.number, key: wrapping.unwrap(one)? };
            keys.insert(one.subject.as_str().into(), known);
        }
        let (ready, templates) =
            (Generations::of(KEYS_READY_MAX, 0), Generations::of(TEMPLATES_KEPT_MAX, TEMPLATES_KEPT_BYTES_MAX));
        Ok(Self { wrapping, keys, fresh: Vec::new(), next: last.saturating_add(1), ready, templates })
    }

    /// Seals the body of a record.
    pub(crate) fn seal(&mut self, row: &Row) -> Result<SealedBody, StoreFault> {
        let human = row.subject.as_ref().map(HumanId::as_str);
        let (template, hash) = (row.body.template(), row.body.hash());
        self.seal_parts(human, (template, hash, row.body.values()), row.leaf_hash.as_bytes())
    }

    /// Seals the body that belongs to a leaf with this hash, about this person; the template comes with a hash that tells it from
    /// others.
    pub(crate) fn seal_parts(
        &mut self,
        human: Option<&str>,
        (template, hash, values): (&Arc<str>, u64, &[u8]),
        leaf_hash: &[u8; 32],
    ) -> Result<SealedBody, StoreFault> {
        let subject = subject(human);
        let key = self.number_of_subject(&subject)?;
        if self.ready.get(key).is_none()
            && let Some(known) = self.keys.get(subject.as_str())
        {
            self.ready.put(key, cipher(known.key.expose())?, 0);
        }
        let Self { ready, templates, .. } = self;
        let cipher = ready.get(key).ok_or_else(|| fault_of_kind(StoreFaultKind::Corrupt))?;
        let template = sealed_template(templates, (key, hash), cipher, template)?;
        let values = seal(cipher, nonce_of(leaf_hash), leaf_hash, values)?;
        Ok(SealedBody { key, template, values })
    }

    /// The number that stands for a person, or for the gateway. One who has none gets a key.
    pub(crate) fn number_of(&mut self, human: Option<&str>) -> Result<u32, StoreFault> {
        self.number_of_subject(&subject(human))
    }

    fn number_of_subject(&mut self, subject: &str) -> Result<u32, StoreFault> {
        if let Some(known) = self.keys.get(subject) {
            return Ok(known.number);
        }
        let mut bytes = [0; KEY_BYTES];
        rand::fill(&mut bytes).map_err(|_| no_randomness())?;
        let (number, key) = (self.next, Secret::new(bytes));
        let wrapped = self.wrapping.wrap(number, subject, &key)?;
        self.next = number.checked_add(1).ok_or_else(|| fault_of_kind(StoreFaultKind::Full))?;
        self.keys.insert(subject.into(), Known { number, key });
        self.fresh.push(SubjectKey { number, subject: subject.to_owned(), wrapped });
        Ok(number)
    }

    /// Keys that were made and are to be kept with the next commit, at the latest with the first record under them.
    pub(crate) fn fresh(&self) -> &[SubjectKey] {
        &self.fresh
    }

    /// They are kept.
    pub(crate) fn confirmed(&mut self) {
        self.fresh.clear();
    }

    /// Knows this key no more: what comes gets another.
    pub(crate) fn forget(&mut self, number: u32) {
        self.keys.retain(|_, known| known.number != number);
        self.ready.retain(|of| *of != number);
        self.templates.retain(|(of, _)| *of != number);
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

// === impl Opener ===

impl Opener {
    /// With this key.
    pub(crate) fn new(wrapping: Arc<Wrapping>) -> Self {
        let templates = Generations::of(TEMPLATES_KEPT_MAX, TEMPLATES_KEPT_BYTES_MAX);
        Self { wrapping, ready: RefCell::new(Generations::of(KEYS_READY_MAX, 0)), templates: RefCell::new(templates) }
    }

    /// Template and values of the body that belongs to a leaf with this hash. Error: another key, another leaf, or not a bit as
    /// it was.
    pub(crate) fn open(
        &self,
        key: &SubjectKey,
        (template, values): (&[u8], &[u8]),
        leaf_hash: &[u8; 32],
    ) -> Result<(Arc<str>, Vec<u8>), StoreFault> {
        let cipher = self.ready(key)?;
        let values = open(&cipher, nonce_of(leaf_hash), leaf_hash, values).ok_or_else(damaged)?;
        Ok((self.template(&cipher, template)?, values))
    }

    fn template(&self, cipher: &LessSafeKey, sealed: &[u8]) -> Result<Arc<str>, StoreFault> {
        let mut lately = self.templates.borrow_mut();
        let place = sum(sealed);
        // Sealed texts of different keys are different.
        if let Some(known) = lately.get(place).filter(|known| *known.sealed == *sealed) {
            return Ok(Arc::clone(&known.plain));
        }
        let plain = open(cipher, [0; NONCE_LEN], TEMPLATE, sealed).and_then(|plain| String::from_utf8(plain).ok());
        let plain: Arc<str> = plain.ok_or_else(damaged)?.into();
        let opened = Template { sealed: sealed.into(), plain: Arc::clone(&plain) };
        lately.put(place, opened, sealed.len() + plain.len());
        Ok(plain)
    }

    fn ready(&self, key: &SubjectKey) -> Result<Arc<LessSafeKey>, StoreFault> {
        let mut ready = self.ready.borrow_mut();
        if let Some(cipher) = ready.get(key.number) {
            return Ok(Arc::clone(cipher));
        }
        let made = Arc::new(cipher(self.wrapping.unwrap(key)?.expose())?);
        ready.put(key.number, Arc::clone(&made), 0);
        Ok(made)
    }
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opener")
    }
}

/// A template under this key, sealed now or lately.
fn sealed_template(
    lately: &mut Generations<(u32, u64), Template>,
    place: (u32, u64),
    key: &LessSafeKey,
    plain: &Arc<str>,
) -> Result<Arc<[u8]>, StoreFault> {
    if let Some(known) = lately.get(place)
        && (Arc::ptr_eq(&known.plain, plain) || known.plain == *plain)
    {
        return Ok(Arc::clone(&known.sealed));
    }
    let sealed: Arc<[u8]> = seal(key, [0; NONCE_LEN], TEMPLATE, plain.as_bytes())?.into();
    let made = Template { sealed: Arc::clone(&sealed), plain: Arc::clone(plain) };
    lately.put(place, made, plain.len() + sealed.len());
    Ok(sealed)
}

/// Salts make the hash of a leaf as good as random, and equal hashes mean equal bodies: the leaf commits to them.
fn nonce_of(leaf_hash: &[u8; 32]) -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    nonce.iter_mut().zip(leaf_hash).for_each(|(to, from)| *to = *from);
    nonce
}

fn seal(key: &LessSafeKey, nonce: [u8; NONCE_LEN], about: &[u8], plain: &[u8]) -> Result<Vec<u8>, StoreFault> {
    let mut text = Vec::with_capacity(plain.len() + AES_256_GCM_SIV.tag_len());
    text.extend_from_slice(plain);
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(about), &mut text)
        .map_err(|_| fault_of_kind(StoreFaultKind::Broken))?;
    Ok(text)
}

fn open(key: &LessSafeKey, nonce: [u8; NONCE_LEN], about: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let mut text = sealed.to_vec();
    let length = key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(about), &mut text).ok()?.len();
    text.truncate(length);
    Some(text)
}

fn cipher(key: &[u8; KEY_BYTES]) -> Result<LessSafeKey, StoreFault> {
    UnboundKey::new(&AES_256_GCM_SIV, key).map(LessSafeKey::new).map_err(|_| fault_of_kind(StoreFaultKind::Broken))
}

fn about_key(number: u32, subject: &str) -> Vec<u8> {
    [&number.to_le_bytes(), subject.as_bytes()].concat()
}

fn damaged() -> StoreFault {
    fault_of_kind(StoreFaultKind::Corrupt)
}

fn no_randomness() -> StoreFault {
    StoreFault::new(StoreFaultKind::Broken, "the system gives no random bytes")
}

/// Bytes of every key.
pub(crate) const KEY_BYTES: usize = 32;
/// Begins the name of a person among subjects.
pub(crate) const HUMAN: &str = "human:";
/// The subject of what is about nobody.
const GATEWAY: &str = "gateway";
/// No hash of a leaf is as short.
const TEMPLATE: &[u8] = b"template";
const KEYS_READY_MAX: usize = 256;
const TEMPLATES_KEPT_MAX: usize = 4_096;
const TEMPLATES_KEPT_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests;
