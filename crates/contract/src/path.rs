//! Paths of fields, dotted from the record: `employment.salary`, `jobs[].salary`. A path speaks of all that lies below it.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// Where a field stands in a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldPath {
    /// Names from the record down. A list is marked in the text only: what is said of a list is said of its members.
    names: Vec<String>,
    text: String,
}

impl FieldPath {
    /// The names on the way to it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The text, as `jobs[].salary`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether both speak of the same field, however lists are marked.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.names == other.names
    }

    /// Whether it is the other one, or the other one lies below it.
    pub fn covers(&self, other: &Self) -> bool {
        other.names.starts_with(&self.names)
    }

    /// As [`Self::covers`], whatever the case of the letters: an app may take `Salary` for `salary`.
    pub fn covers_in_any_case(&self, other: &Self) -> bool {
        self.names.len() <= other.names.len()
            && self.names.iter().zip(&other.names).all(|(one, other)| same(one, other))
    }

    /// The name, where it is one and nothing else: kept back, it is so at any depth.
    pub(crate) fn single_name(&self) -> Option<&str> {
        match self.names.as_slice() {
            [name] => Some(name),
            _ => None,
        }
    }

    /// Whether the other one is not shown where this is kept back: it is this one, stands below it, or bears its name at any depth.
    pub fn keeps_back(&self, other: &Self) -> bool {
        self.covers(other) || self.single_name().is_some_and(|name| other.names.iter().any(|one| one == name))
    }

    /// Whether asking by the other one tells something of this one, which is kept back: by what it is, stands in or holds.
    pub(crate) fn is_told_by(&self, asked: &Self) -> bool {
        let deep = self.single_name().is_some_and(|name| asked.names.iter().any(|other| same(name, other)));
        deep || self.covers_in_any_case(asked) || asked.covers_in_any_case(self)
    }
}

impl FromStr for FieldPath {
    type Err = String;

    /// `a.b`, `a[].b`, and as RFC 9535 writes them `$.a.b`, `$.a[*].b`.
    fn from_str(text: &str) -> Result<Self, String> {
        let bare = text.strip_prefix("$.").unwrap_or(text);
        let mut names = Vec::new();
        let mut shown = String::with_capacity(bare.len());
        for part in bare.split('.') {
            let name = part.strip_suffix("[]").or_else(|| part.strip_suffix("[*]")).unwrap_or(part);
            let odd = |letter: char| letter.is_control() || letter.is_whitespace() || "[]*$'\"".contains(letter);
            if name.is_empty() || name.contains(odd) || bare.len() > PATH_BYTES_MAX {
                return Err(format!("`{text}` is no field"));
            }
            if !shown.is_empty() {
                shown.push('.');
            }
            shown.push_str(name);
            if name.len() < part.len() {
                shown.push_str("[]");
            }
            names.push(name.to_owned());
        }
        Ok(Self { names, text: shown })
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for FieldPath {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text)
    }
}

fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// Longest path of a field.
const PATH_BYTES_MAX: usize = 512;

#[cfg(test)]
mod tests;
