//! The body as it is shown: its text without the salt, which opens the commitments of the leaf.

use crate::entry::Entry;

/// What is shown of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// JSON, spelt as it was committed to.
    pub text: String,
    /// The salt of the record, in hexadecimal digits.
    pub salt: String,
}

impl Entry {
    /// What people and other programs see of the body; everything that shows one takes it from here. None: it is erased.
    pub fn shown(&self) -> Option<Shown> {
        let body = self.body.as_deref()?;
        let parts = body.strip_prefix(BEFORE_SALT).and_then(|rest| rest.split_once('"'));
        let Some((salt, rest)) = parts else {
            // Nothing that this program has written.
            return Some(Shown { text: serde_json::Value::from(body).to_string(), salt: String::new() });
        };
        let rest = rest.strip_prefix(',').unwrap_or(rest);
        Some(Shown { text: format!("{{{rest}"), salt: salt.to_owned() })
    }
}

impl Shown {
    /// The body that this was shown of.
    pub fn whole(&self) -> String {
        let rest = self.text.strip_prefix('{').unwrap_or(&self.text);
        let comma = if rest.starts_with('}') { "" } else { "," };
        format!("{BEFORE_SALT}{}\"{comma}{rest}", self.salt)
    }
}

/// A body begins with its salt.
const BEFORE_SALT: &str = "{\"salt\":\"";

#[cfg(test)]
mod tests;
