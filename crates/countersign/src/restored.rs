//! That a trace was restored from a backup: left in the log for the next start, which puts it on record.

use std::path::Path;

use model::{Blame, Fault};
use serde::Serialize;
use trace::StateWrite;

/// What the next start has to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
    /// As it is left in the state of the log: whichever gateway starts on it finds it there, on whatever machine.
    pub fn state(&self) -> Result<StateWrite, Fault> {
        let value = serde_json::to_string(self).map_err(|error| {
            Fault::new(Blame::Bug, "bug.restored", "a restoration could not be told").because(error)
        })?;
        Ok(StateWrite { kind: RESTORED_STATE.to_owned(), key: String::new(), value: Some(value) })
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
}

/// How the name of the folder begins in which a backup is looked at before it is put in its place.
pub const CHECKING: &str = ".checking-";
/// The kind of state in which it is left.
pub const RESTORED_STATE: &str = "restored";
