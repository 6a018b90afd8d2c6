//! Ids: typed, parsed once, cheap to clone. `AppId::parse("crm")` is an app, `AppId::parse("CRM system")` an error.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not an id. Blame: whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {kind}: it takes {wanted}")]
pub struct IdError {
    kind: &'static str,
    wanted: &'static str,
    text: String,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $kind:literal, $wanted:literal, $check:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses the text. Error: the text breaks the rule of this id.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(Arc::from(text)))
                } else {
                    Err(IdError { kind: $kind, wanted: $wanted, text: shorten(text) })
                }
            }

            /// The text of the id.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// The person work is delegated by.
    HumanId, "a person's id", "1 to 128 characters of A-Z a-z 0-9 . _ @ + -", person_like;
    /// The software that acts.
    AgentId, "an agent's id", "1 to 128 characters of A-Z a-z 0-9 . _ @ + -", person_like;
    /// A target system. The length leaves room for `app__tool` in 64 characters.
    AppId, "an app's id", "1 to 32 characters of a-z 0-9 -", app_like;
    /// What is asked for inside an app: a tool, a prompt, the address of a resource, or a method the app asks of its
    /// client.
    ToolName, "a name", "1 to 2,048 visible ASCII characters", |text| bounded(text, 2_048) && text.bytes().all(|b| b.is_ascii_graphic());
    /// A bounded piece of delegated work.
    TaskId, "a task's id", "1 to 128 visible ASCII characters", visible;
    /// One attempt to use a tool: `c_` and 26 characters of Crockford base 32 (48 bits of milliseconds, 80 of chance).
    CallId, "a call's id", "`c_` and 26 characters of 0-9 a-z", |text| id_like(text, "c_");
    /// A call that waits: `h_` and the characters of the call that was asked first.
    HoldId, "a hold's id", "`h_` and 26 characters of 0-9 a-z", |text| id_like(text, "h_");
    /// A time in which calls of one agent need no approval: `e_` and 26 such characters.
    EmergencyId, "an emergency's id", "`e_` and 26 characters of 0-9 a-z", |text| id_like(text, "e_");
    /// A third party that acts under a contract.
    VendorId, "a vendor's id", "1 to 64 characters of a-z 0-9 -", |text| bounded(text, 64) && slug(text);
    /// An agreement with a vendor.
    ContractId, "a contract's id", "1 to 64 characters of a-z 0-9 -", |text| bounded(text, 64) && slug(text);
    /// The number of a term in its document: `3.2`, `4(b)`, `A-1`.
    ClauseNumber, "a clause's number", "1 to 24 characters of A-Z a-z 0-9 . - ( )", |text| bounded(text, 24) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-()".contains(&b));
    /// One rule. Stable across loads.
    RuleId, "a rule's id", "1 to 128 visible ASCII characters", visible;
}

impl ToolName {
    /// The name of a tool or a prompt as an app may list it (MCP 2026-07-28: 1 to 128 characters of `A-Za-z0-9_.-`; `/` is
    /// met in practice).
    pub fn of_list(text: &str) -> Result<Self, IdError> {
        if bounded(text, 128) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-/".contains(&b)) {
            return Ok(Self(Arc::from(text)));
        }
        let wanted = "1 to 128 characters of A-Z a-z 0-9 _ . - /";
        Err(IdError { kind: "a tool's name", wanted, text: shorten(text) })
    }
}

impl CallId {
    /// The id of a call that arrived at `millis` (Unix time), with 80 bits of chance from the caller's generator.
    pub fn new(millis: u64, chance: [u8; 10]) -> Self {
        let mut bits = u128::from(millis & 0xFFFF_FFFF_FFFF) << 80;
        for (place, byte) in chance.iter().rev().enumerate() {
            bits |= u128::from(*byte) << (8 * place);
        }
        Self::from_bits(bits)
    }

    /// The id with these 128 bits.
    pub fn from_bits(bits: u128) -> Self {
        let mut text = String::with_capacity(28);
        text.push_str("c_");
        for place in (0..26).rev() {
            let digit = ((bits >> (5 * place)) & 31) as usize;
            text.push(CROCKFORD.get(digit).copied().unwrap_or(b'0') as char);
        }
        Self(Arc::from(text))
    }

    /// Its 128 bits, which sort as the text does.
    pub fn bits(&self) -> u128 {
        let digits = self.0.strip_prefix("c_").unwrap_or_default();
        crockford_bits(digits).unwrap_or_default()
    }
}

impl HoldId {
    /// The id of what waits since this call.
    pub fn of(call: &CallId) -> Self {
        Self(Arc::from(format!("h_{}", call.0.strip_prefix("c_").unwrap_or_default())))
    }
}

impl EmergencyId {
    /// One as good as this call's: of the same moment and chance.
    pub fn of(call: &CallId) -> Self {
        Self(Arc::from(format!("e_{}", call.0.strip_prefix("c_").unwrap_or_default())))
    }
}

impl RuleId {
    /// The id of a rule that is built in. The text stands in our own code, so it is taken as it is.
    pub fn builtin(text: &'static str) -> Self {
        Self(Arc::from(text))
    }
}

/// What digits of Crockford base 32 say; none where one is no such digit. Of more than 26 the first are lost.
pub fn crockford_bits(digits: &str) -> Option<u128> {
    // Twelve at a time, which a word has room for.
    digits.as_bytes().chunks(12).try_fold(0, |bits: u128, some| {
        let more = some.iter().try_fold(0, |more: u64, digit| {
            let value = DIGIT_VALUES.get(usize::from(*digit)).copied().filter(|value| *value < 32)?;
            Some(more << 5 | u64::from(value))
        })?;
        Some(bits << (5 * some.len()) | u128::from(more))
    })
}

fn person_like(text: &str) -> bool {
    bounded(text, 128) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._@+-".contains(&b))
}

fn app_like(text: &str) -> bool {
    bounded(text, 32) && slug(text)
}

fn slug(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn visible(text: &str) -> bool {
    bounded(text, 128) && text.bytes().all(|b| b.is_ascii_graphic())
}

fn id_like(text: &str, prefix: &str) -> bool {
    text.len() == 28
        && text.strip_prefix(prefix).is_some_and(|rest| {
            rest.as_bytes() <= b"7zzzzzzzzzzzzzzzzzzzzzzzzz" && rest.bytes().all(|b| CROCKFORD.contains(&b))
        })
}

fn bounded(text: &str, most: usize) -> bool {
    !text.is_empty() && text.len() <= most
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= 48 { text.to_owned() } else { text.chars().take(47).chain(['…']).collect() }
}

/// The value of each digit by its byte; 32 where it is none.
#[expect(clippy::indexing_slicing, reason = "an index out of bounds would stop the compiler")]
const DIGIT_VALUES: [u8; 128] = {
    let mut values = [32; 128];
    let mut place = 0;
    while place < 32 {
        values[CROCKFORD[place] as usize] = place as u8;
        place += 1;
    }
    values
};

const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

#[cfg(test)]
mod tests;
