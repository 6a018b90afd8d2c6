//! What waits is kept sealed: arguments may hold anything.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use model::{Blame, Fault, Secret};

/// Seals texts under one key, each bound to what it is about.
pub(crate) struct Seal(LessSafeKey);

impl Seal {
    /// Under this key. Error: a bug, the key has the right length.
    pub(crate) fn new(key: &Secret<[u8; 32]>) -> Result<Self, Fault> {
        UnboundKey::new(&AES_256_GCM, key.expose()).map(|key| Self(LessSafeKey::new(key))).map_err(|_| broken())
    }

    /// Seals. Error: the system gives no random bytes.
    pub(crate) fn seal(&self, about: &str, plain: Vec<u8>) -> Result<String, Fault> {
        let (mut nonce, mut text) = ([0u8; NONCE_LEN], plain);
        aws_lc_rs::rand::fill(&mut nonce)
            .map_err(|_| Fault::new(Blame::Operator, "operator.no_randomness", "the system gives no random bytes"))?;
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(about.as_bytes()), &mut text)
            .map_err(|_| broken())?;
        Ok(STANDARD_NO_PAD.encode([nonce.as_slice(), &text].concat()))
    }

    /// Opens. None: it was not sealed under this key about this.
    pub(crate) fn open(&self, about: &str, sealed: &str) -> Option<Vec<u8>> {
        let mut bytes = STANDARD_NO_PAD.decode(sealed).ok()?;
        let (nonce, text) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        self.0.open_in_place(nonce, Aad::from(about.as_bytes()), text).ok().map(|plain| plain.to_vec())
    }
}

fn broken() -> Fault {
    Fault::new(Blame::Bug, "bug.seal", "a call that waits could not be sealed")
}
