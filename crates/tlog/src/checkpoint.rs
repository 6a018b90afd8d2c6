//! Checkpoints (c2sp.org/tlog-checkpoint) and the cosignatures of witnesses on them (c2sp.org/tlog-cosignature).

use std::fmt;
use std::str::FromStr;

use crate::hash::Hash;
use crate::key::{Algorithm, KeyName, Signer, VerifierKey};
use crate::limits::TREE_LEAVES_MAX;
use crate::node::Tree;
use crate::note::{Note, NoteError, Signature};
use crate::text;

/// How large a log is, and its root hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    tree: Tree,
    extensions: Vec<String>,
}

/// A checkpoint with signatures. Nothing is known of it before [`SignedCheckpoint::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
}

/// Whose word is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// The log: the first line of its checkpoints.
    pub origin: String,
    /// Keys of the log, of which one has to have signed.
    pub log: Vec<VerifierKey>,
    /// Keys of witnesses, whose cosignatures are looked for.
    pub witnesses: Vec<VerifierKey>,
}

/// A witness has seen a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// Which witness.
    pub witness: KeyName,
    /// When, in seconds since 1970.
    pub at: u64,
}

/// What is wrong with a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// An origin that cannot stand on a line.
    #[error("the origin of a checkpoint is a line of text")]
    Origin,
    /// An extension that cannot stand on a line.
    #[error("an extension of a checkpoint is a line of text")]
    Extension,
    /// Fewer than three lines, or an unfinished one.
    #[error("a checkpoint has a line each for origin, size and root hash")]
    Format,
    /// Not a size.
    #[error("the size of a checkpoint is a decimal number up to {TREE_LEAVES_MAX}, without leading zeroes")]
    Size,
    /// Not a root hash.
    #[error("the root hash of a checkpoint is 32 bytes in base64")]
    Root,
    /// A checkpoint of another log.
    #[error("the checkpoint is of `{given}`, not of `{expected}`")]
    OtherLog {
        /// The log that is trusted.
        expected: String,
        /// The log that it says to be of.
        given: String,
    },
    /// No key that is trusted signed: it is forged, or of a key that nobody has named.
    #[error("no key that is trusted signed the checkpoint, which says to be signed by {by}")]
    NotOfLog {
        /// Who says to have signed it for the log, as `` `NAME+ID` ``.
        by: String,
    },
    /// The note is wrong.
    #[error(transparent)]
    Note(#[from] NoteError),
}

// === impl Checkpoint ===

impl Checkpoint {
    /// Of a tree. The origin names the log, best as an address without scheme.
    pub fn new(origin: &str, tree: Tree) -> Result<Self, CheckpointError> {
        if !text::is_line(origin) {
            return Err(CheckpointError::Origin);
        }
        if tree.size > TREE_LEAVES_MAX {
            return Err(CheckpointError::Size);
        }
        Ok(Self { origin: origin.to_owned(), tree, extensions: Vec::new() })
    }

    /// With one more line, of which witnesses and monitors know nothing.
    pub fn with_extension(mut self, line: &str) -> Result<Self, CheckpointError> {
        if !text::is_line(line) {
            return Err(CheckpointError::Extension);
        }
        self.extensions.push(line.to_owned());
        Ok(self)
    }

    /// Which log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Size and root.
    pub const fn tree(&self) -> Tree {
        self.tree
    }

    /// The lines after the root hash.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// Signs it for the log, which must never sign two that are inconsistent.
    pub fn sign(self, signer: &dyn Signer) -> Result<SignedCheckpoint, CheckpointError> {
        let mut note = Note::new(self.to_string())?;
        note.sign(signer)?;
        Ok(SignedCheckpoint { checkpoint: self, note })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}\n{}\n{}", self.origin, self.tree.size, self.tree.root)?;
        self.extensions.iter().try_for_each(|line| writeln!(formatter, "{line}"))
    }
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    fn from_str(checkpoint: &str) -> Result<Self, CheckpointError> {
        let mut lines = checkpoint.strip_suffix('\n').ok_or(CheckpointError::Format)?.split('\n');
        let origin = lines.next().ok_or(CheckpointError::Format)?;
        let size = text::decimal(lines.next().ok_or(CheckpointError::Format)?).ok_or(CheckpointError::Size)?;
        let root: Hash = lines.next().ok_or(CheckpointError::Format)?.parse().map_err(|_| CheckpointError::Root)?;
        lines.try_fold(Self::new(origin, Tree { size, root })?, Self::with_extension)
    }
}

// === impl SignedCheckpoint ===

impl SignedCheckpoint {
    /// Reads bytes of unknown origin.
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        Self::of_note(Note::parse(bytes)?)
    }

    /// What it says, whoever signed it.
    pub const fn danger_unverified(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note with its signatures.
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// What the log says, and which witnesses have seen it, each once: whether they are enough is the caller's to judge.
    pub fn verify(&self, trust: &Trust) -> Result<(&Checkpoint, Vec<Cosignature>), CheckpointError> {
        if self.checkpoint.origin != trust.origin {
            let (expected, given) = (trust.origin.clone(), self.checkpoint.origin.clone());
            return Err(CheckpointError::OtherLog { expected, given });
        }
        match self.note.verify(&trust.log) {
            Err(NoteError::Unsigned) => Err(CheckpointError::NotOfLog { by: self.claimed() }),
            Err(error) => Err(error.into()),
            Ok(_) => Ok((&self.checkpoint, self.cosignatures(&trust.witnesses)?)),
        }
    }

    /// Cosigns it for a witness, which has checked that it is consistent with all it has cosigned before.
    pub fn cosign(&mut self, signer: &dyn Signer, at: u64) -> Result<(), CheckpointError> {
        Ok(self.note.cosign(signer, at)?)
    }

    /// Takes in what a witness answered, of which only cosignatures of known witnesses are kept, and returns those that are
    /// there now.
    pub fn add_cosignatures(
        &mut self,
        answer: &str,
        witnesses: &[VerifierKey],
    ) -> Result<Vec<Cosignature>, CheckpointError> {
        let mut signatures = Signature::parse_lines(answer)?;
        signatures.retain(|signature| {
            witnesses.iter().any(|key| key.name() == signature.name() && key.id() == signature.id())
        });
        let mut more = self.note.clone();
        more.add(signatures)?;
        let more = Self { checkpoint: self.checkpoint.clone(), note: more };
        let cosignatures = more.cosignatures(witnesses)?;
        *self = more;
        Ok(cosignatures)
    }

    /// Takes in who signed another copy of this checkpoint. False: it is another checkpoint, or there are too many.
    pub fn take_signatures_of(&mut self, other: &Self) -> bool {
        let mut more = self.note.clone();
        if other.note.text() != more.text() || more.add(other.note.signatures().iter().cloned()).is_err() {
            return false;
        }
        self.note = more;
        true
    }

    /// Who says to have signed it: keys of the log's name, or else all of them.
    fn claimed(&self) -> String {
        let (of_log, others): (Vec<&Signature>, Vec<&Signature>) =
            self.note.signatures().iter().partition(|one| one.name().as_str() == self.checkpoint.origin);
        let by = if of_log.is_empty() { others } else { of_log };
        let by: Vec<String> = by.iter().map(|one| format!("`{}+{}`", one.name(), one.id())).collect();
        if by.is_empty() { "nobody".to_owned() } else { by.join(" and ") }
    }

    fn cosignatures(&self, witnesses: &[VerifierKey]) -> Result<Vec<Cosignature>, CheckpointError> {
        if let Some(key) = witnesses.iter().find(|key| key.algorithm() != Algorithm::Cosignature) {
            return Err(NoteError::Kind(key.name().clone()).into());
        }
        match self.note.verify(witnesses) {
            Err(NoteError::Unsigned) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
            Ok(verified) => {
                let timed = verified.iter().filter_map(|one| one.at.map(|at| (one.key.name().clone(), at)));
                Ok(timed.map(|(witness, at)| Cosignature { witness, at }).collect())
            }
        }
    }

    fn of_note(note: Note) -> Result<Self, CheckpointError> {
        Ok(Self { checkpoint: note.text().parse()?, note })
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.note, formatter)
    }
}

impl FromStr for SignedCheckpoint {
    type Err = CheckpointError;

    fn from_str(note: &str) -> Result<Self, CheckpointError> {
        Self::of_note(note.parse()?)
    }
}

#[cfg(test)]
mod tests;
