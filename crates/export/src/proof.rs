//! What proves that the records of an export are a whole stretch of a log that was signed.
//!
//! The roots of what stands before the stretch, and a proof that the tree up to its end is the beginning of a tree that was
//! signed: with the leaf hashes of the stretch, whoever has the key of the log needs nothing else.

use model::Digest;
use serde::{Deserialize, Serialize};
use tlog::{
    Consistency, ConsistencyProof, Frontier, Hash, HashReader as _, Plan, ReadError, SignedCheckpoint, Tile,
    TiledError, TiledTree, Tree, Trust,
};
use trace::{LogReader, StoreFault, StoreFaultKind, checkpoints};

use crate::limits::{SIGNED_LOOK_EVERY, SIGNED_LOOKS_MAX};

/// The proof, as it stands in the first line of an export.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Proof {
    pub(crate) kind: ProofKind,
    pub(crate) version: u32,
    /// The name of the log.
    pub(crate) origin: String,
    /// The first record.
    pub(crate) from: u64,
    /// The last record that the signature covers.
    pub(crate) to: u64,
    /// Roots of the complete subtrees before the first record, the largest first.
    left: Vec<String>,
    /// Hashes that lead from the tree up to the last record to the one that was signed.
    consistency: Vec<String>,
    /// What was signed.
    checkpoint: String,
}

/// What tells the line from that of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProofKind {
    Proof,
}

/// Grows over the records of an export and compares with what was signed.
pub(crate) struct Stretch {
    proof: Proof,
    tree: Frontier,
    signed: Tree,
    found: Option<Tree>,
}

// === impl Proof ===

impl Proof {
    /// For the records from `from` to `to`. None: nothing that was signed covers the first of them yet.
    pub(crate) fn of(reader: &dyn LogReader, origin: &str, from: u64, to: u64) -> Result<Option<Self>, StoreFault> {
        let Some(checkpoint) = signed_up_to(reader, to)? else { return Ok(None) };
        let signed = checkpoint.danger_unverified().tree();
        let (before, to) = (from.saturating_sub(1), to.min(signed.size));
        if from == 0 || to <= before {
            return Ok(None);
        }
        let mut tiles = TiledTree::new(signed.size, |tile: Tile| {
            let missing = || StoreFault::new(StoreFaultKind::Corrupt, format!("`{tile}` of the log is missing"));
            reader.tile(tile)?.ok_or_else(missing)
        });
        let plan = Plan::root(before).map_err(|error| senseless(error.into()))?;
        let left = if before == 0 { Vec::new() } else { tiles.hashes(plan.nodes()).map_err(as_fault)? };
        let consistency = Consistency { old: to, new: signed.size }.prove(&mut tiles).map_err(|error| match error {
            ReadError::Reader(error) => as_fault(error),
            ReadError::Proof(error) => senseless(error.into()),
        })?;
        Ok(Some(Self {
            kind: ProofKind::Proof,
            version: VERSION,
            origin: origin.to_owned(),
            from,
            to,
            left: left.iter().map(Hash::to_string).collect(),
            consistency: consistency.hashes().iter().map(Hash::to_string).collect(),
            checkpoint: checkpoint.note().to_string(),
        }))
    }
}

/// The newest checkpoint once it covers the record `to`, or whatever it covers. A gateway that runs signs what it writes a moment later: that
/// moment is waited for, so that what is copied of it is proved up to its end. None: nobody has signed this log.
pub fn signed_up_to(reader: &dyn LogReader, to: u64) -> Result<Option<SignedCheckpoint>, StoreFault> {
    let to = to.min(reader.last_sequence()?);
    let covers = |checkpoint: &SignedCheckpoint| checkpoint.danger_unverified().tree().size >= to;
    let mut checkpoint = checkpoints(reader)?.pop();
    for _ in 0..SIGNED_LOOKS_MAX {
        if checkpoint.as_ref().is_some_and(covers) {
            break;
        }
        std::thread::sleep(SIGNED_LOOK_EVERY);
        checkpoint = checkpoints(reader)?.pop();
    }
    Ok(checkpoint)
}

// === impl Stretch ===

impl Stretch {
    /// Checks the signature. Error: what is wrong with the proof, whatever the records are.
    pub(crate) fn begin(proof: Proof, trust: &Trust) -> Result<Self, String> {
        if proof.version != VERSION {
            return Err(format!("its version {} is not known here", proof.version));
        }
        let signed = SignedCheckpoint::parse(proof.checkpoint.as_bytes()).map_err(|error| error.to_string())?;
        let (checkpoint, _) = signed.verify(trust).map_err(|error| error.to_string())?;
        let signed = checkpoint.tree();
        if proof.from == 0 || proof.to < proof.from || proof.to > signed.size {
            return Err("it does not prove what it says".to_owned());
        }
        let left: Vec<u8> = hashes(&proof.left)?.iter().flat_map(Hash::as_bytes).copied().collect();
        let tree = Frontier::restore(proof.from - 1, &left).map_err(|error| error.to_string())?;
        Ok(Self { proof, tree, signed, found: None })
    }

    /// The number of the record that comes next.
    pub(crate) fn next(&self) -> u64 {
        self.tree.size() + 1
    }

    /// The next record. Error: up to here it is not what was signed.
    pub(crate) fn record(&mut self, leaf_hash: &Digest) -> Result<(), String> {
        // A proof goes as far as its records or as far as the signature. One that ends before was made to end there.
        if self.tree.size() >= self.proof.to && self.tree.size() < self.signed.size {
            return Err(format!(
                "record {} was signed, and the proof ends at record {}",
                self.tree.size() + 1,
                self.proof.to
            ));
        }
        let leaf = Hash::new(*leaf_hash.as_bytes());
        self.tree.append(&[leaf], |_, _| {}).map_err(|error| error.to_string())?;
        if self.tree.size() != self.proof.to {
            return Ok(());
        }
        let proof = ConsistencyProof::new(hashes(&self.proof.consistency)?).map_err(|error| error.to_string())?;
        let wrong =
            |_| format!("the records {} to {} are not the ones that were signed", self.proof.from, self.proof.to);
        proof.check(self.tree.tree(), self.signed).map_err(wrong)?;
        self.found = Some(self.signed);
        Ok(())
    }

    /// What was signed. Error: the export ends before it should.
    pub(crate) fn end(self) -> Result<Signed, String> {
        let found = self.found.ok_or_else(|| {
            format!("it ends at record {}, and it should go on to record {}", self.tree.size(), self.proof.to)
        })?;
        Ok(Signed { origin: self.proof.origin, from: self.proof.from, to: self.proof.to, tree: found })
    }
}

/// What is proved.
pub(crate) struct Signed {
    pub(crate) origin: String,
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) tree: Tree,
}

fn hashes(texts: &[String]) -> Result<Vec<Hash>, String> {
    texts.iter().map(|text| text.parse().map_err(|_| "a hash in it cannot be read".to_owned())).collect()
}

fn as_fault(error: TiledError<StoreFault>) -> StoreFault {
    match error {
        TiledError::Reader { source, .. } => source,
        TiledError::Tile(error) => senseless(error.into()),
    }
}

fn senseless(cause: Box<dyn std::error::Error + Send + Sync>) -> StoreFault {
    StoreFault::new(StoreFaultKind::Corrupt, "the tree of the log makes no sense").because(cause)
}

const VERSION: u32 = 1;
