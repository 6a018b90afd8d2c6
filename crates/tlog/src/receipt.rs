//! Receipts (c2sp.org/tlog-proof): that an entry stands in a log, in one text that needs no network to be checked.

use std::fmt;
use std::str::FromStr;

use crate::checkpoint::{Checkpoint, CheckpointError, Cosignature, SignedCheckpoint, Trust};
use crate::hash::Hash;
use crate::limits::{PROOF_HASHES_MAX, RECEIPT_EXTRA_BYTES_MAX, TREE_LEAVES_MAX};
use crate::node::Leaf;
use crate::proof::{InclusionProof, ProofError};
use crate::text;

/// An inclusion proof with the checkpoint that it leads to. Nothing is known of it before [`Receipt::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    extra: Option<Vec<u8>>,
    index: u64,
    proof: InclusionProof,
    checkpoint: SignedCheckpoint,
}

/// What is wrong with a receipt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Another first line.
    #[error("a receipt begins with `{FIRST_LINE}`")]
    Header,
    /// Extra data that are no base64, or past `RECEIPT_EXTRA_BYTES_MAX`.
    #[error("the extra data of a receipt are up to {RECEIPT_EXTRA_BYTES_MAX} bytes in base64")]
    Extra,
    /// No line with the index.
    #[error("a receipt says `index NUMBER`, up to {TREE_LEAVES_MAX} and without leading zeroes")]
    Index,
    /// Not a hash.
    #[error("line {0} of the proof is not a hash: 32 bytes in base64 are expected")]
    Hash(usize),
    /// There is no blank line between proof and checkpoint.
    #[error("a receipt is a proof, a blank line and a checkpoint")]
    Format,
    /// The proof is wrong.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The checkpoint is wrong.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

// === impl Receipt ===

impl Receipt {
    /// For the entry at this index of the log.
    pub const fn new(index: u64, proof: InclusionProof, checkpoint: SignedCheckpoint) -> Self {
        Self { extra: None, index, proof, checkpoint }
    }

    /// With data that the proof does not cover.
    pub fn with_extra(self, extra: Vec<u8>) -> Result<Self, ReceiptError> {
        if extra.len() > RECEIPT_EXTRA_BYTES_MAX {
            Err(ReceiptError::Extra)
        } else {
            Ok(Self { extra: Some(extra), ..self })
        }
    }

    /// Data that nobody vouches for.
    pub fn extra(&self) -> Option<&[u8]> {
        self.extra.as_deref()
    }

    /// Where the entry stands.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// The way from the entry to the root.
    pub const fn proof(&self) -> &InclusionProof {
        &self.proof
    }

    /// The checkpoint, unverified.
    pub const fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// Whether the entry with this leaf hash stands in a log that is trusted. Returns the checkpoint and its cosignatures.
    pub fn verify(&self, leaf: Hash, trust: &Trust) -> Result<(&Checkpoint, Vec<Cosignature>), ReceiptError> {
        let (checkpoint, cosignatures) = self.checkpoint.verify(trust)?;
        self.proof.check(Leaf { index: self.index, hash: leaf }, checkpoint.tree())?;
        Ok((checkpoint, cosignatures))
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{FIRST_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(formatter, "extra {}", text::base64(extra))?;
        }
        writeln!(formatter, "index {}", self.index)?;
        self.proof.hashes().iter().try_for_each(|hash| writeln!(formatter, "{hash}"))?;
        write!(formatter, "\n{}", self.checkpoint)
    }
}

impl FromStr for Receipt {
    type Err = ReceiptError;

    fn from_str(receipt: &str) -> Result<Self, ReceiptError> {
        let (head, checkpoint) = receipt.split_once("\n\n").ok_or(ReceiptError::Format)?;
        let mut lines = head.split('\n');
        if lines.next() != Some(FIRST_LINE) {
            return Err(ReceiptError::Header);
        }
        let mut next = lines.next();
        let mut extra = None;
        if let Some(encoded) = next.and_then(|line| line.strip_prefix("extra ")) {
            let bytes = text::from_base64(encoded).filter(|bytes| bytes.len() <= RECEIPT_EXTRA_BYTES_MAX);
            extra = Some(bytes.ok_or(ReceiptError::Extra)?);
            next = lines.next();
        }
        let index = next.and_then(|line| line.strip_prefix("index ")).and_then(text::decimal);
        let index = index.filter(|index| *index < TREE_LEAVES_MAX).ok_or(ReceiptError::Index)?;
        let hashes =
            text::hashes(lines.take(PROOF_HASHES_MAX + 1)).map_err(|(number, _)| ReceiptError::Hash(number + 1))?;
        Ok(Self { extra, index, proof: InclusionProof::new(hashes)?, checkpoint: checkpoint.parse()? })
    }
}

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

#[cfg(test)]
mod tests;
