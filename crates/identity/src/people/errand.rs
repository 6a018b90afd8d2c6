//! What goes with a person to the identity provider and comes back: nothing is kept of it meanwhile.
//!
//! The browser carries a cookie that only this running gateway could have made. State, nonce and the verifier of PKCE are made of
//! it with a key that is known here only, so that whoever comes back with another cookie, or none, comes back from somewhere else.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::limits::{ERRAND_TRIES_MAX, ERRANDS_TRIED_MAX, PROVIDER_ERRAND_LIFE, PROVIDER_NEXT_BYTES_MAX};
use model::{Blame, Fault, HumanId, Secret, UnixMicros};
use serde::{Deserialize, Serialize};

use super::passkey::Challenges;
use super::session::TokenHash;
use crate::provider::{Asked, Sent};

/// Makes errands and knows them again, each once.
pub(super) struct Errands {
    challenges: Challenges,
    key: hmac::Key,
    /// Those that came back, the latest last, with how often.
    tried: Mutex<VecDeque<(TokenHash, u8)>>,
}

/// How often an errand has come back.
pub(super) enum Try<P> {
    First,
    /// With the place that it took.
    Again(P),
    /// It found no place, and has not come back.
    Busy,
    TooMany,
}

/// Why somebody is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Errand {
    /// Where on our pages they go on.
    pub(super) next: String,
    /// Who is signed in already, and has to prove it anew; none where somebody signs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) proves: Option<InSession>,
}

/// A person in one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct InSession {
    pub(super) human: HumanId,
    /// What records call it.
    pub(super) session: String,
}

// === impl Errands ===

impl Errands {
    /// Error: the machine has no randomness.
    pub(super) fn new() -> Result<Self, Fault> {
        let mut key = [0u8; 32];
        aws_lc_rs::rand::fill(&mut key)
            .map_err(|_| Fault::new(Blame::Operator, "people.random", "the machine has no randomness for a sign-in"))?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        Ok(Self { challenges: Challenges::living(PROVIDER_ERRAND_LIFE)?, key, tried: Mutex::default() })
    }

    /// The cookie for an errand, and what goes to the provider.
    pub(super) fn begin(&self, errand: &Errand, now: UnixMicros) -> Result<(Secret<String>, Asked), Fault> {
        let place = Some(&errand.next).filter(|next| next.len() <= PROVIDER_NEXT_BYTES_MAX);
        let errand = Errand { next: place.map_or("/", |next| next).to_owned(), proves: errand.proves.clone() };
        let written = serde_json::to_string(&errand)
            .map_err(|error| Fault::new(Blame::Bug, "bug.errand", "a sign-in could not be written").because(error))?;
        let cookie = format!("{}.{}", self.challenges.make(&written, now)?, URL_SAFE_NO_PAD.encode(&written));
        let asked = self.asked(&cookie);
        Ok((Secret::new(cookie), asked))
    }

    /// The errand of a cookie, if it is one of ours, is not over, comes back with its own state, and has not ended yet.
    pub(super) fn of(&self, cookie: &str, state: &str, now: UnixMicros) -> Option<(Errand, Asked, UnixMicros)> {
        let asked = self.asked(cookie);
        verify_slices_are_equal(asked.state.as_bytes(), state.as_bytes()).ok()?;
        let (challenge, written) = split(cookie)?;
        let at = self.challenges.look(challenge, &written, now)?;
        Some((serde_json::from_str(&written).ok()?, asked, at))
    }

    /// Counts that an errand of ours comes back: each time, the provider is asked with our own secret. A silent provider is asked once
    /// more, where `place` gives one, and then the person begins again.
    pub(super) fn try_once_more<P>(&self, cookie: &str, place: impl FnOnce() -> Option<P>) -> Try<P> {
        let hash = TokenHash::of(cookie);
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, times)) = tried.iter_mut().find(|(other, _)| *other == hash) {
            if *times >= ERRAND_TRIES_MAX {
                return Try::TooMany;
            }
            let Some(place) = place() else { return Try::Busy };
            *times = times.saturating_add(1);
            return Try::Again(place);
        }
        if tried.len() >= ERRANDS_TRIED_MAX {
            tried.pop_front();
        }
        tried.push_back((hash, 1));
        Try::First
    }

    /// Ends the errand of a cookie; none where it has ended. Once the provider has spoken: what never went there is not remembered.
    pub(super) fn end(&self, cookie: &str, now: UnixMicros) -> Option<()> {
        let (challenge, written) = split(cookie)?;
        self.challenges.take(challenge, &written, now).map(drop)
    }

    fn asked(&self, cookie: &str) -> Asked {
        let of = |what: &str| {
            let made = hmac::sign(&self.key, format!("{what}\n{cookie}").as_bytes());
            URL_SAFE_NO_PAD.encode(made.as_ref())
        };
        Asked { state: of("state"), nonce: of("nonce"), verifier: Secret::new(of("verifier")) }
    }
}

// === impl Errand ===

impl Errand {
    /// How the person was sent.
    pub(super) fn sent(&self, at: UnixMicros) -> Sent {
        Sent { at, anew: self.proves.is_some() }
    }
}

fn split(cookie: &str) -> Option<(&str, String)> {
    let (challenge, written) = cookie.split_once('.')?;
    Some((challenge, String::from_utf8(URL_SAFE_NO_PAD.decode(written).ok()?).ok()?))
}
