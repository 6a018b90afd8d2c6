//! Sessions: opened by a sign-in, recognised by a token of which only a hash is kept.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::limits::{SESSION_LIFE_MAX, SIGNED_IN_IDLE_MAX};
use model::{Blame, Fault, HumanId, Secret, UnixMicros};
use serde::{Deserialize, Serialize};

use super::account::{How, SignedIn};
use super::attempt::Client;
use crate::token::CLOCK_SKEW_SECONDS_MAX;

/// What stands for a token: nobody gets the token back from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenHash([u8; 32]);

/// An open session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) human: HumanId,
    pub(super) how: How,
    pub(super) client: Client,
    pub(super) since: UnixMicros,
    pub(super) seen: UnixMicros,
}

// === impl TokenHash ===

impl TokenHash {
    pub(super) fn of(token: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        Self(hash)
    }

    pub(super) fn to_key(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    pub(super) fn from_key(key: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(key).ok()?.try_into().ok().map(Self)
    }

    /// What records and pages call the session.
    pub(super) fn name(self) -> Arc<str> {
        let [first, second, third, fourth, ..] = self.0;
        let number = u32::from_be_bytes([first, second, third, fourth]);
        Arc::from(format!("s_{number:08x}"))
    }

    pub(super) fn is(self, other: Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

// === impl Session ===

impl Session {
    /// Whether it is over by itself. One that was opened in a time that has not come was so while the clock was wrong: it would live
    /// for longer than any.
    pub(super) fn is_over(&self, now: UnixMicros) -> bool {
        let micros = |bound: std::time::Duration| i64::try_from(bound.as_micros()).unwrap_or(i64::MAX);
        is_ahead(self.since, now)
            || now.since(self.seen) >= micros(SIGNED_IN_IDLE_MAX)
            || now.since(self.since) >= micros(SESSION_LIFE_MAX)
    }

    pub(super) fn signed_in(&self, hash: TokenHash) -> SignedIn {
        SignedIn { human: self.human.clone(), how: self.how, session: hash.name(), key: hash, since: self.since }
    }
}

/// Whether it is of a time that has not come, and so of a clock that was wrong: it would be good for longer than anything.
pub(super) fn is_ahead(at: UnixMicros, now: UnixMicros) -> bool {
    at.seconds() > now.seconds().saturating_add(CLOCK_SKEW_SECONDS_MAX)
}

/// 256 bits nobody can guess.
pub(super) fn new_token() -> Result<Secret<String>, Fault> {
    let mut chance = [0u8; 32];
    aws_lc_rs::rand::fill(&mut chance)
        .map_err(|_| Fault::new(Blame::Operator, "people.random", "the machine has no randomness for a session"))?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(chance)))
}

/// What a page of this session puts into its forms: a page of somebody else does not know it.
pub fn form_token(token: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, token.as_bytes());
    URL_SAFE_NO_PAD.encode(hmac::sign(&key, b"countersign form").as_ref())
}

/// Whether a form came from a page of this session.
pub fn same_form_token(token: &str, given: &str) -> bool {
    verify_slices_are_equal(form_token(token).as_bytes(), given.as_bytes()).is_ok()
}
