//! Time as a value, and the port that tells it.

use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMicros(pub i64);

/// Tells the time. Passed in, never asked of the system, so that tests can turn it.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> UnixMicros;
}

impl UnixMicros {
    /// Whole seconds since 1970.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Whole milliseconds since 1970, zero before.
    pub const fn millis(self) -> u64 {
        if self.0 < 0 { 0 } else { self.0.unsigned_abs() / 1_000 }
    }

    /// How many microseconds lie between, zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> i64 {
        let span = self.0.saturating_sub(earlier.0);
        if span < 0 { 0 } else { span }
    }
}
