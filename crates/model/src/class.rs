//! What a tool can do at its worst.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A tool's worst use with the arguments it accepts, from harmless to dangerous. Unknown is [`Class::Destructive`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Observes; only the answer leaves the app.
    Read,
    /// Creates or changes state inside the app, and ordinary means undo it.
    Write,
    /// Reaches people or systems outside the organisation.
    External,
    /// Loses data, stops or replaces a running system, changes who has access, runs code the caller writes.
    Destructive,
}

/// Where a class comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassSource {
    /// A profile the operator named for the app.
    Profile,
    /// A person said yes to it.
    Pin,
    /// Nobody has looked yet: at least `external`.
    Unreviewed,
    /// The protocol itself: reading a resource reads, asking a client something reaches out of the app.
    Method,
}

/// How much one use of a tool costs, from little to much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CostClass {
    /// Nothing anybody would notice.
    Low,
    /// Something in between.
    Medium,
    /// Money, machines or quota that people plan with.
    High,
}

impl Class {
    /// All classes, harmless first.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::External, Self::Destructive];

    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::External => "external",
            Self::Destructive => "destructive",
        }
    }
}

impl ClassSource {
    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Pin => "pin",
            Self::Unreviewed => "unreviewed",
            Self::Method => "method",
        }
    }
}

impl CostClass {
    /// All cost classes, little first.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for ClassSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for CostClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Class {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|class| class.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a class: it takes read, write, external or destructive"))
    }
}
