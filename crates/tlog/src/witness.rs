//! What a log asks of a witness (c2sp.org/tlog-witness): to cosign a checkpoint, given that it grew out of the last one.

use std::fmt;
use std::str::FromStr;

use crate::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
use crate::limits::{TREE_LEAVES_MAX, WITNESS_PROOF_HASHES_MAX};
use crate::node::Tree;
use crate::proof::{ConsistencyProof, ProofError};
use crate::text;

/// The body of an `add-checkpoint` request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    old_size: u64,
    proof: ConsistencyProof,
    checkpoint: SignedCheckpoint,
}

/// Why a request cannot be understood. A witness answers 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddCheckpointError {
    /// No line with the old size.
    #[error("the request begins with `old SIZE`, up to {TREE_LEAVES_MAX} and without leading zeroes")]
    OldSize,
    /// The old size is past the new one.
    #[error("the old size {old} is past the size {new} of the checkpoint")]
    Backwards {
        /// Leaves that the witness is said to know.
        old: u64,
        /// Leaves of the checkpoint.
        new: u64,
    },
    /// Past `WITNESS_PROOF_HASHES_MAX`.
    #[error("a request has at most {WITNESS_PROOF_HASHES_MAX} hashes")]
    TooManyHashes,
    /// Not a hash.
    #[error("line {0} of the proof is not a hash: 32 bytes in base64 are expected")]
    Hash(usize),
    /// There is no blank line before the checkpoint.
    #[error("a request is an old size, a proof, a blank line and a checkpoint")]
    Format,
    /// The checkpoint cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// Why a witness does not cosign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request begins at another size than the one last cosigned. A witness answers 409 and says that size.
    #[error("the checkpoint last cosigned has {known} leaves")]
    OtherSize {
        /// Leaves of the checkpoint last cosigned; zero without any.
        known: u64,
    },
    /// The proof is wrong. A witness answers 422.
    #[error(transparent)]
    Inconsistent(#[from] ProofError),
}

// === impl AddCheckpoint ===

impl AddCheckpoint {
    /// Asks for a cosignature of a witness that has last cosigned `old_size` leaves.
    pub fn new(
        old_size: u64,
        proof: ConsistencyProof,
        checkpoint: SignedCheckpoint,
    ) -> Result<Self, AddCheckpointError> {
        let new = checkpoint.danger_unverified().tree().size;
        if old_size > new {
            return Err(AddCheckpointError::Backwards { old: old_size, new });
        }
        if proof.hashes().len() > WITNESS_PROOF_HASHES_MAX {
            return Err(AddCheckpointError::TooManyHashes);
        }
        Ok(Self { old_size, proof, checkpoint })
    }

    /// What the log believes the witness to have cosigned last.
    pub const fn old_size(&self) -> u64 {
        self.old_size
    }

    /// The way from there to the checkpoint.
    pub const fn proof(&self) -> &ConsistencyProof {
        &self.proof
    }

    /// The checkpoint, unverified.
    pub const fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// Whether a checkpoint, once verified, grew out of the tree that the witness cosigned last (the empty one, if none).
    pub fn check(&self, verified: &Checkpoint, known: Tree) -> Result<(), Refusal> {
        if self.old_size != known.size {
            return Err(Refusal::OtherSize { known: known.size });
        }
        if known.size == 0 && verified.tree().size > 0 {
            return Ok(self.proof.check_empty()?);
        }
        Ok(self.proof.check(known, verified.tree())?)
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "old {}", self.old_size)?;
        self.proof.hashes().iter().try_for_each(|hash| writeln!(formatter, "{hash}"))?;
        write!(formatter, "\n{}", self.checkpoint)
    }
}

impl FromStr for AddCheckpoint {
    type Err = AddCheckpointError;

    fn from_str(request: &str) -> Result<Self, AddCheckpointError> {
        let (head, checkpoint) = request.split_once("\n\n").ok_or(AddCheckpointError::Format)?;
        let mut lines = head.split('\n');
        let old_size = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(text::decimal);
        let old_size = old_size.filter(|size| *size <= TREE_LEAVES_MAX).ok_or(AddCheckpointError::OldSize)?;
        let hashes = text::hashes(lines.take(WITNESS_PROOF_HASHES_MAX + 1));
        let hashes = hashes.map_err(|(number, _)| AddCheckpointError::Hash(number + 1))?;
        let proof = ConsistencyProof::new(hashes).map_err(|_| AddCheckpointError::TooManyHashes)?;
        Self::new(old_size, proof, checkpoint.parse()?)
    }
}

#[cfg(test)]
mod tests;
