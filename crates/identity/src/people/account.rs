//! An account, and the proof that its person is there.

use std::sync::Arc;

use model::{Approver, HumanId, SignedInBy, UnixMicros};
use serde::{Deserialize, Serialize};

use super::passkey::Passkey;
use super::session::TokenHash;

/// How a person proved to be who they say they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// With the password of their account.
    Password,
    /// With a key that never leaves a device of theirs (WebAuthn).
    Passkey,
    /// Through the organisation's identity provider.
    Oidc,
}

/// A person who is signed in right now. Only this module makes one, from a session that is open, of a person who is
/// active in the directory.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub(super) human: HumanId,
    pub(super) how: How,
    pub(super) session: Arc<str>,
    /// The session itself, as it is kept. It opens nothing.
    pub(super) key: TokenHash,
    pub(super) since: UnixMicros,
}

/// What an account is, without what proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Whose.
    pub human: HumanId,
    /// When its password was chosen last.
    pub since: UnixMicros,
    /// Who invited the person to choose it.
    pub invited_by: String,
    /// How many sessions are open.
    pub sessions: usize,
    /// Keys of theirs: what they call each, its id, and since when it is one.
    pub passkeys: Vec<(String, String, UnixMicros)>,
}

/// An account as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct AccountRow {
    pub(super) password: String,
    pub(super) since: UnixMicros,
    pub(super) invited_by: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) passkeys: Vec<Passkey>,
}

// === impl How ===

impl How {
    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Passkey => "passkey",
            Self::Oidc => "oidc",
        }
    }
}

// === impl SignedIn ===

impl SignedIn {
    /// Who.
    pub fn human(&self) -> &HumanId {
        &self.human
    }

    /// How they proved it.
    pub fn how(&self) -> How {
        self.how
    }

    /// Which session, for records. It is not what opens it.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// The same as a proof for whoever takes approvals.
    pub fn approver(&self) -> Approver {
        let how = match self.how {
            How::Password => SignedInBy::Password,
            How::Passkey => SignedInBy::Passkey,
            How::Oidc => SignedInBy::Oidc,
        };
        Approver::danger_signed_in(self.human.clone(), how, Arc::clone(&self.session))
    }

    /// When they proved it.
    pub fn since(&self) -> UnixMicros {
        self.since
    }
}
