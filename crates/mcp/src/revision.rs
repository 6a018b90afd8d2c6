//! The revisions of the protocol, oldest first.

/// A published revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revision {
    /// 2025-03-26: batches.
    V20250326,
    /// 2025-06-18: structured output, version header.
    V20250618,
    /// 2025-11-25: tasks in the core, URL elicitation.
    V20251125,
    /// 2026-07-28: stateless, no handshake.
    V20260728,
}

impl Revision {
    /// All that we speak, newest first.
    pub const ALL: [Self; 4] = [Self::V20260728, Self::V20251125, Self::V20250618, Self::V20250326];
    /// The newest with a handshake.
    pub const NEWEST_LEGACY: Self = Self::V20251125;

    /// The date on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V20250326 => "2025-03-26",
            Self::V20250618 => "2025-06-18",
            Self::V20251125 => "2025-11-25",
            Self::V20260728 => "2026-07-28",
        }
    }

    /// The protocol and the revision, for the record.
    pub const fn wire(self) -> &'static str {
        match self {
            Self::V20250326 => "mcp/2025-03-26",
            Self::V20250618 => "mcp/2025-06-18",
            Self::V20251125 => "mcp/2025-11-25",
            Self::V20260728 => "mcp/2026-07-28",
        }
    }

    /// The revision of this date, if we speak it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|revision| revision.as_str() == text)
    }

    /// Whether a client is told where it may come back to before anything is said to it.
    pub const fn comes_back(self) -> bool {
        matches!(self, Self::V20251125)
    }

    /// Whether several messages may come as one.
    pub const fn has_batches(self) -> bool {
        matches!(self, Self::V20250326)
    }

    /// Whether it is stateless, without `initialize`.
    pub const fn modern(self) -> bool {
        matches!(self, Self::V20260728)
    }
}
