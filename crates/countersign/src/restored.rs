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

    /// Refuses a data directory in which a restore began that did not come to its end. Nobody else holds the directory.
    pub fn refuse_half(data: &Path) -> Result<(), Fault> {
        let listed = std::fs::read_dir(data).map_err(|error| private_file::unreadable(data, error))?;
        for entry in listed {
            let name = entry.map_err(|error| private_file::unreadable(data, error))?.file_name();
            if name.to_string_lossy().starts_with(CHECKING) {
                let (data, name) = (data.display(), name.display());
                let said = format!("a restore of a backup into `{data}` was broken off: `{name}` is still there");
                return Err(Fault::new(Blame::Operator, "trace.half_restored", said).hint(format!(
                    "remove all that is in `{data}`, and what was put into the database if the trace is kept in one; then restore the backup again"
                )));
            }
        }
        Ok(())
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

/// How the name of the folder begins in which a backup is looked at before it is put in its place.
pub const CHECKING: &str = ".checking-";
const FILE: &str = "restored.json";
