//! Passwords: Argon2id with the parameters OWASP gives, written as PHC strings.

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use model::limits::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};
use model::{Blame, Fault, Secret};

/// The hash of a password. It says by itself how it was made, so that stronger parameters can come later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PasswordHash {
    cost: Cost,
    salt: [u8; SALT_BYTES],
    hash: [u8; HASH_BYTES],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl PasswordHash {
    /// Hashes a new password. Takes some 20 ms and 19 MiB.
    pub(super) fn of(password: &Secret<String>) -> Result<Self, Fault> {
        let mut salt = [0u8; SALT_BYTES];
        aws_lc_rs::rand::fill(&mut salt)
            .map_err(|_| Fault::new(Blame::Operator, "people.random", "the machine has no randomness for a salt"))?;
        Ok(Self { cost: COST, salt, hash: derive(COST, &salt, password)? })
    }

    /// What nobody's password fits: checking against it takes as long as checking against a real one.
    pub(super) const fn of_nobody() -> Self {
        Self { cost: COST, salt: [0; SALT_BYTES], hash: [0; HASH_BYTES] }
    }

    /// Whether this is the password.
    pub(super) fn fits(&self, password: &Secret<String>) -> Result<bool, Fault> {
        let found = derive(self.cost, &self.salt, password)?;
        let same = verify_slices_are_equal(&found, &self.hash).is_ok();
        // All zeros is nobody's hash, whatever somebody finds to make it.
        Ok(same && self.hash != [0; HASH_BYTES])
    }

    /// `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`
    pub(super) fn to_phc(&self) -> String {
        let Cost { memory_kib, passes, lanes } = self.cost;
        let (salt, hash) = (STANDARD_NO_PAD.encode(self.salt), STANDARD_NO_PAD.encode(self.hash));
        format!("$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${hash}")
    }

    pub(super) fn from_phc(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("$argon2id$v=19$")?.split('$');
        let (cost, salt, hash) = (parts.next()?, parts.next()?, parts.next()?);
        let mut costs = cost.split(',');
        let mut number = |name: &str| costs.next()?.strip_prefix(name)?.parse().ok();
        let cost = Cost { memory_kib: number("m=")?, passes: number("t=")?, lanes: number("p=")? };
        Some(Self {
            cost,
            salt: STANDARD_NO_PAD.decode(salt).ok()?.try_into().ok()?,
            hash: STANDARD_NO_PAD.decode(hash).ok()?.try_into().ok()?,
        })
    }
}

/// Whether this may be somebody's password: long enough, and nothing else is asked of it.
pub(super) fn check(password: &Secret<String>) -> Result<(), Fault> {
    let text = password.expose();
    if text.len() > PASSWORD_BYTES_MAX {
        let said = format!("the password has more than {PASSWORD_BYTES_MAX} bytes");
        return Err(Fault::new(Blame::Caller, "people.password", said));
    }
    if text.chars().count() < PASSWORD_CHARS_MIN {
        let said = format!("the password has fewer than {PASSWORD_CHARS_MIN} characters");
        return Err(Fault::new(Blame::Caller, "people.password", said)
            .hint("a few words one after another are long and easy to keep in mind"));
    }
    Ok(())
}

fn derive(cost: Cost, salt: &[u8], password: &Secret<String>) -> Result<[u8; HASH_BYTES], Fault> {
    let mut hash = [0u8; HASH_BYTES];
    let Cost { memory_kib, passes, lanes } = cost;
    let derived = Params::new(memory_kib, passes, lanes, Some(HASH_BYTES)).and_then(|params| {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password_into(password.expose().as_bytes(), salt, &mut hash)
    });
    derived.map_err(|error| {
        Fault::new(Blame::Bug, "people.hash", "the password could not be hashed").because(error.to_string())
    })?;
    Ok(hash)
}

const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
const COST: Cost = Cost { memory_kib: 19 * 1024, passes: 2, lanes: 1 };

#[cfg(test)]
mod tests;
