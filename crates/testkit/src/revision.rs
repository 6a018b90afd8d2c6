//! The revisions of MCP.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result};

/// A revision, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Revision {
    /// 2025-03-26.
    March2025,
    /// 2025-06-18.
    June2025,
    /// 2025-11-25.
    November2025,
    /// 2026-07-28.
    July2026,
}

// === impl Revision ===

impl Revision {
    /// All four, oldest first.
    pub const ALL: [Self; 4] = [Self::March2025, Self::June2025, Self::November2025, Self::July2026];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::March2025 => "2025-03-26",
            Self::June2025 => "2025-06-18",
            Self::November2025 => "2025-11-25",
            Self::July2026 => "2026-07-28",
        }
    }

    /// Whether it has neither handshake nor session.
    pub const fn modern(self) -> bool {
        matches!(self, Self::July2026)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Revision {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|revision| revision.as_str() == text);
        known.with_context(|| format!("not a revision: `{text}`"))
    }
}
