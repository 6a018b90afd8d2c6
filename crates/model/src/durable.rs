//! The proof that a record is on disk.

use crate::id::CallId;

/// Says that one record is durable. The trace hands it out after the disk has confirmed; a permit cannot be made
/// without it.
#[derive(Debug, PartialEq, Eq)]
pub struct Durable {
    call: CallId,
    sequence: u64,
}

impl Durable {
    /// Only the trace may say this, after fdatasync. `cargo xtask tidy` lists every caller.
    pub fn danger_confirmed_by_disk(call: CallId, sequence: u64) -> Self {
        Self { call, sequence }
    }

    /// The call whose intent it is, or the id of the change it records.
    pub fn call(&self) -> &CallId {
        &self.call
    }

    /// Where it stands in the log.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }
}
