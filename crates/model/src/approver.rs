//! The proof that a person signed in, and not merely that somebody may open a socket.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::HumanId;

/// A person who signed in. Only whoever checks passwords, passkeys and the word of an identity provider can say that
/// somebody did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approver {
    human: HumanId,
    how: SignedInBy,
    session: Arc<str>,
}

/// What a person signed in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignedInBy {
    /// A password.
    Password,
    /// A passkey.
    Passkey,
    /// The word of an identity provider.
    Oidc,
}

impl Approver {
    /// Only `identity` may say this, of a session that it has just looked up. `session` names the session and opens
    /// nothing. `cargo xtask tidy` fails on any other caller.
    pub fn danger_signed_in(human: HumanId, how: SignedInBy, session: Arc<str>) -> Self {
        Self { human, how, session }
    }

    /// Who.
    pub fn human(&self) -> &HumanId {
        &self.human
    }

    /// With what.
    pub fn how(&self) -> SignedInBy {
        self.how
    }

    /// The name of the session; it opens nothing.
    pub fn session(&self) -> &str {
        &self.session
    }
}

impl SignedInBy {
    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Passkey => "passkey",
            Self::Oidc => "oidc",
        }
    }
}
