//! Browsers in which somebody has signed in before.
//!
//! Whoever guesses in a person's name makes everybody wait who comes with that name and nothing else. The person's own browser comes
//! with a mark that only this gateway can have made, and its attempts are counted apart. The mark lets nobody in.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{HumanId, Secret};

/// Makes marks and knows them again.
pub(super) struct Browsers {
    key: hmac::Key,
}

// === impl Browsers ===

impl Browsers {
    pub(super) fn new(key: &Secret<[u8; 32]>) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key.expose()) }
    }

    /// What a browser shows from now on in which this person has signed in.
    pub(super) fn mark(&self, human: &HumanId) -> Secret<String> {
        let made = hmac::sign(&self.key, format!("browser\n{human}").as_bytes());
        Secret::new(URL_SAFE_NO_PAD.encode(made.as_ref()))
    }

    pub(super) fn is_of(&self, human: &HumanId, mark: &str) -> bool {
        verify_slices_are_equal(self.mark(human).expose().as_bytes(), mark.as_bytes()).is_ok()
    }
}
