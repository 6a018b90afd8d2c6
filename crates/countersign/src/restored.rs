//! That a trace was restored from a backup: left for the next start, which puts it on record.

use std::path::Path;

use model::{Blame, Fault};
use private_file::Draft;
use serde::{Deserialize, Serialize};

/// What the next start has to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// When the backup was made.
    pub made_at: String,
    /// How many records it has.
    pub records: u64,
    /// When it was put back.
    pub restored_at: String,
    /// Of how many records somebody has seen a checkpoint, where those are more.
    pub seen_elsewhere: Option<u64>,
}

impl Restored {
    /// Leaves it in a data directory.
    pub fn leave(&self, data: &Path) -> Result<(), Fault> {
        let text = serde_json::to_vec(self).map_err(|error| {
            Fault::new(Blame::Bug, "bug.restored", "a restoration could not be told").because(error)
        })?;
        Draft::new(&data.join(FILE))?.replace(&text)
    }

    /// What was left there.
    pub fn left(data: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(data.join(FILE)).ok()?).ok()
    }

    /// It is on record.
    pub fn told(data: &Path) -> Result<(), Fault> {
        let path = data.join(FILE);
        std::fs::remove_file(&path).map_err(|error| private_file::unwritable(&path, error))
    }
}

const FILE: &str = "restored.json";
