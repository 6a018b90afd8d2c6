//! Accounts, invitations and sessions as they are right now; the same stands in the store's state.

use std::collections::HashMap;

use model::limits::{SESSIONS_PER_PERSON_MAX, SIGNED_IN_MAX};
use model::{HumanId, UnixMicros};
use serde::Serialize;

use super::account::AccountRow;
use super::invitation::InvitationRow;
use super::ledger::Row;
use super::session::{Session, TokenHash};

/// What is kept, read back when the gateway starts.
#[derive(Debug, Default)]
pub struct Known {
    pub(super) accounts: HashMap<HumanId, AccountRow>,
    pub(super) invitations: HashMap<HumanId, InvitationRow>,
    pub(super) sessions: HashMap<TokenHash, Session>,
}

/// The kinds of state that are kept.
pub const STATE_KINDS: [&str; 3] = [ACCOUNT, INVITATION, SESSION];

pub(super) const ACCOUNT: &str = "account";
pub(super) const INVITATION: &str = "invitation";
pub(super) const SESSION: &str = "session";

impl Known {
    /// Takes a row of one of [`STATE_KINDS`]. One that cannot be read opens nothing.
    pub fn take(&mut self, kind: &str, key: &str, value: &str) {
        match kind {
            ACCOUNT => put(&mut self.accounts, HumanId::parse(key).ok(), value),
            INVITATION => put(&mut self.invitations, HumanId::parse(key).ok(), value),
            SESSION => put(&mut self.sessions, TokenHash::from_key(key), value),
            _ => {}
        }
    }

    /// Sessions of this person.
    pub(super) fn sessions_of(&self, human: &HumanId) -> Vec<TokenHash> {
        let of = self.sessions.iter().filter(|(_, session)| session.human == *human);
        of.map(|(hash, _)| *hash).collect()
    }

    /// Sessions that must end so that this person may open another: those that are over, and the one used least where there are too many.
    pub(super) fn to_end_for(&self, human: &HumanId, now: UnixMicros) -> Vec<TokenHash> {
        let over = self.sessions.iter().filter(|(_, session)| session.is_over(now)).map(|(hash, _)| *hash);
        let mut ends: Vec<TokenHash> = over.collect();
        let open = || self.sessions.iter().filter(|(_, session)| !session.is_over(now));
        let idlest = |of: Option<&HumanId>| {
            let some = open().filter(|(_, session)| of.is_none_or(|human| session.human == *human));
            some.min_by_key(|(_, session)| session.seen).map(|(hash, _)| *hash)
        };
        if open().filter(|(_, session)| session.human == *human).count() >= SESSIONS_PER_PERSON_MAX {
            ends.extend(idlest(Some(human)));
        } else if open().count() >= SIGNED_IN_MAX {
            ends.extend(idlest(None));
        }
        ends
    }
}

/// A row with a value.
pub(super) fn row(kind: &'static str, key: impl Into<String>, value: &impl Serialize) -> Row {
    // Structures of texts and numbers always have a spelling.
    Row { kind, key: key.into(), value: serde_json::to_string(value).ok() }
}

/// A row without one.
pub(super) fn no_row(kind: &'static str, key: impl Into<String>) -> Row {
    Row { kind, key: key.into(), value: None }
}

fn put<K: std::hash::Hash + Eq, V: serde::de::DeserializeOwned>(map: &mut HashMap<K, V>, key: Option<K>, value: &str) {
    if let (Some(key), Ok(value)) = (key, serde_json::from_str(value)) {
        map.insert(key, value);
    }
}
