//! How far a sink has come: one small file each, replaced whole, which the commands read as well.

use std::path::{Path, PathBuf};

use model::{Blame, Fault, UnixMicros};
use private_file::{Draft, Openness};
use serde::{Deserialize, Serialize};

/// The place of a sink in the log, and how it has gone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The last record that it took; zero before the first.
    pub sequence: u64,
    /// The leaf hash of that record: in another log, something else stands there.
    pub leaf_hash: Option<String>,
    /// When it took something last, in microseconds.
    pub delivered_at_us: Option<i64>,
    /// How often it did not take what it was given.
    pub failures: u64,
    /// Whether the last attempt failed.
    pub failing: bool,
    /// What was said when it last did not.
    pub last_error: Option<String>,
    /// When that was, in microseconds.
    pub last_error_at_us: Option<i64>,
}

impl Place {
    /// The file of a sink, in the folder of all of them.
    pub fn file(folder: &Path, name: &str) -> PathBuf {
        folder.join(format!("{name}.cursor"))
    }

    /// Reads it. A sink that was never given anything is at the beginning.
    pub fn load(file: &Path) -> Result<Self, Fault> {
        let Some((open, about)) = private_file::open(file, Openness::Owner, FILE_BYTES_MAX)? else {
            return Ok(Self::default());
        };
        let content = private_file::content(file, open, &about)?;
        serde_json::from_slice(content.expose()).map_err(|error| {
            let said = format!("`{}` does not say how far its export has come: {error}", file.display());
            Fault::new(Blame::Operator, "export.cursor", said)
                .hint("move it away: the export then begins at the first record")
        })
    }

    pub(crate) fn keep(&self, file: &Path) -> Result<(), Fault> {
        let text = serde_json::to_vec(self)
            .map_err(|error| Fault::new(Blame::Bug, "bug.export", "a cursor cannot be written").because(error))?;
        Draft::new(file)?.replace(&text)
    }

    /// It took all that it was given.
    pub(crate) fn took(&mut self, sequence: u64, leaf_hash: String, now: UnixMicros) {
        self.moved(sequence, leaf_hash, now);
        self.failing = false;
    }

    /// It took what stands before the next record.
    pub(crate) fn moved(&mut self, sequence: u64, leaf_hash: String, now: UnixMicros) {
        self.sequence = sequence;
        self.leaf_hash = Some(leaf_hash);
        self.delivered_at_us = Some(now.0);
    }

    pub(crate) fn failed(&mut self, what: String, now: UnixMicros) {
        self.failures = self.failures.saturating_add(1);
        self.failing = true;
        self.last_error = Some(what);
        self.last_error_at_us = Some(now.0);
    }
}

const FILE_BYTES_MAX: u64 = 64 << 10;
