//! Invitations: a code that lets one person choose a password, once.

use aws_lc_rs::rand::fill;
use model::{Blame, Fault, HumanId, Secret, UnixMicros};
use serde::{Deserialize, Serialize};

use super::session::TokenHash;

/// What the operator hands to the person. Shown once.
pub struct Invitation {
    /// For whom.
    pub human: HumanId,
    /// What they type, or follow as a link.
    pub code: Secret<String>,
    /// Until when.
    pub expires: UnixMicros,
    /// Whether the person has an account already, whose password the code replaces.
    pub resets: bool,
}

/// An invitation as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct InvitationRow {
    pub(super) hash: String,
    pub(super) expires: UnixMicros,
    pub(super) by: String,
}

// === impl InvitationRow ===

impl InvitationRow {
    pub(super) fn is_for(&self, code: &str, now: UnixMicros) -> bool {
        let given = TokenHash::of(&plain(code));
        now < self.expires && TokenHash::from_key(&self.hash).is_some_and(|hash| hash.is(given))
    }
}

/// 125 bits in groups that people can read to each other: `abcde-fghjk-…`.
pub(super) fn new_code() -> Result<Secret<String>, Fault> {
    let mut chance = [0u8; 25];
    fill(&mut chance)
        .map_err(|_| Fault::new(Blame::Operator, "people.random", "the machine has no randomness for a code"))?;
    let mut code = String::with_capacity(30);
    for (place, byte) in chance.iter().enumerate() {
        if place > 0 && place % 5 == 0 {
            code.push('-');
        }
        code.push(DIGITS.get(usize::from(byte & 31)).copied().unwrap_or(b'0') as char);
    }
    Ok(Secret::new(code))
}

/// The code without what people add to it or change in it.
pub(super) fn plain(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Without letters that look like digits, or like each other.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
