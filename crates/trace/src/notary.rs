//! Checkpoints: what the log signs of itself, away from the calls, and what it was seen to have signed before.

use model::UnixMicros;
use tlog::{
    Checkpoint, Consistency, ConsistencyProof, Inclusion, Note, ReadError, Receipt, SignedCheckpoint, Signer,
    SigningKey, Tile, TiledError, TiledTree, Tree, Trust, VerifierKey,
};

use crate::entry::Entry;
use crate::error::{StoreFault, StoreFaultKind, TraceError};
use crate::log::LogReader;
use crate::record::StateWrite;

/// Signs the log's tree as it grows.
pub struct Notary {
    origin: String,
    keys: Vec<SigningKey>,
    /// What was signed last, newest last: at most two.
    signed: Vec<Signed>,
}

#[derive(Debug, Clone)]
struct Signed {
    tree: Tree,
    at: UnixMicros,
}

/// A log is not what it was once signed to be. Blame: whoever has had their hands in the store, or who restored it.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    /// It has fewer records than a checkpoint of it.
    #[error("the log has {found} records, and a checkpoint of it says {signed}")]
    Shorter {
        /// Records that there are.
        found: u64,
        /// Records that were signed.
        signed: u64,
    },
    /// It has other records than a checkpoint of it.
    #[error("the first {signed} records of the log are not the ones that were signed")]
    Other {
        /// Records that were signed.
        signed: u64,
    },
    /// It could not be read.
    #[error("the log could not be compared with its checkpoint")]
    NotRead(#[source] StoreFault),
}

// === impl Notary ===

impl std::fmt::Debug for Notary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notary").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Notary {
    /// For the log of this name. All keys sign; while a new one takes over, the old one signs beside it.
    pub fn new(origin: String, keys: Vec<SigningKey>) -> Self {
        Self { origin, keys, signed: Vec::new() }
    }

    /// Goes on after this checkpoint.
    pub fn resume(&mut self, last: &SignedCheckpoint, at: UnixMicros) {
        self.signed = vec![Signed { tree: last.danger_unverified().tree(), at }];
    }

    /// Whose word to take for this log.
    pub fn trust(&self) -> Trust {
        let log: Vec<VerifierKey> = self.keys.iter().map(|key| key.verifier_key().clone()).collect();
        Trust { origin: self.origin.clone(), log, witnesses: Vec::new() }
    }

    /// A checkpoint of the log as it is now, and what to keep of it; none where it has not grown since the last one. Once it is
    /// on disk, [`Notary::kept`] is told; until then, the next one is signed as if this one had not been.
    ///
    /// INVARIANT: two checkpoints of one notary never disagree, for a tree only grows and `resume` was given what was checked
    /// by [`check_since`].
    pub fn sign(&self, tree: Tree) -> Result<Option<(SignedCheckpoint, Vec<StateWrite>)>, TraceError> {
        if self.signed.last().is_some_and(|last| last.tree.size >= tree.size) || tree.size == 0 {
            return Ok(None);
        }
        let broken = |_| TraceError::Malformed { what: "a checkpoint cannot be written" };
        let checkpoint = Checkpoint::new(&self.origin, tree).map_err(broken)?;
        let mut note =
            Note::new(checkpoint.to_string()).map_err(|_| TraceError::Malformed { what: "a checkpoint is no note" })?;
        for key in &self.keys {
            note.sign(key).map_err(|_| TraceError::Malformed { what: "a checkpoint cannot be signed" })?;
        }
        let signed = SignedCheckpoint::parse(note.to_string().as_bytes()).map_err(broken)?;
        let mut state = vec![write_of(tree.size, Some(note.to_string()))];
        state.extend(self.passing().map(|last| write_of(last.tree.size, None)));
        Ok(Some((signed, state)))
    }

    /// This checkpoint and what was to be kept of it are on disk.
    pub fn kept(&mut self, checkpoint: &SignedCheckpoint, at: UnixMicros) {
        // Either the last one goes, or it stays for ever and the one before it need not be known any more.
        if self.passing().is_some() {
            self.signed.pop();
        } else if self.signed.len() > 1 {
            self.signed.remove(0);
        }
        self.signed.push(Signed { tree: checkpoint.danger_unverified().tree(), at });
    }

    /// The last checkpoint, where the next one takes its place: one a minute is kept for ever, so that a log that was changed
    /// is known to have been right until then.
    fn passing(&self) -> Option<&Signed> {
        match self.signed.as_slice() {
            [before, last] if last.at.0 - before.at.0 < KEPT_EACH_US => Some(last),
            _ => None,
        }
    }
}

fn write_of(size: u64, note: Option<String>) -> StateWrite {
    StateWrite { kind: CHECKPOINT_KIND.to_owned(), key: format!("{size:020}"), value: note }
}

/// The checkpoints that a log has kept, smallest first. What cannot be parsed is an error.
pub fn checkpoints(reader: &dyn LogReader) -> Result<Vec<SignedCheckpoint>, StoreFault> {
    let read = |(_, note): &(String, String)| {
        let corrupt =
            |error| StoreFault::new(StoreFaultKind::Corrupt, "a checkpoint of the log cannot be read").because(error);
        SignedCheckpoint::parse(note.as_bytes()).map_err(corrupt)
    };
    reader.state(CHECKPOINT_KIND)?.iter().map(read).collect()
}

/// Whether the log is the one of this checkpoint, or has grown out of it.
pub fn check_since(reader: &dyn LogReader, signed: Tree) -> Result<(), RollbackError> {
    let now = reader.tree().map_err(RollbackError::NotRead)?.tree();
    if now.size < signed.size {
        return Err(RollbackError::Shorter { found: now.size, signed: signed.size });
    }
    let other = || RollbackError::Other { signed: signed.size };
    if now.size == signed.size {
        return if now.root == signed.root { Ok(()) } else { Err(other()) };
    }
    if signed.size == 0 {
        return Ok(());
    }
    let proof = Consistency { old: signed.size, new: now.size }.prove(&mut tiles(reader, now.size));
    let proof = proof.map_err(|error| match error {
        ReadError::Reader(error) => RollbackError::NotRead(as_fault(error)),
        ReadError::Proof(_) => other(),
    })?;
    proof.check(signed, now).map_err(|_| other())
}

/// The newest checkpoint that each witness has cosigned, with the witness's key as it is written.
pub fn cosigned(reader: &dyn LogReader) -> Result<Vec<(String, SignedCheckpoint)>, StoreFault> {
    let read = |(key, note): (String, String)| {
        let corrupt =
            |error| StoreFault::new(StoreFaultKind::Corrupt, "a cosigned checkpoint cannot be read").because(error);
        Ok((key, SignedCheckpoint::parse(note.as_bytes()).map_err(corrupt)?))
    };
    reader.state(COSIGNED_KIND)?.into_iter().map(read).collect()
}

/// The proof that the log of so many records grew out of that of so many. Of nothing everything grows.
pub fn consistency_since(reader: &dyn LogReader, old: u64, new: u64) -> Result<ConsistencyProof, StoreFault> {
    let broken = |error: Box<dyn std::error::Error + Send + Sync>| {
        StoreFault::new(StoreFaultKind::Corrupt, "the growth of the tree cannot be proved").because(error)
    };
    if old == 0 || old == new {
        return ConsistencyProof::new(Vec::new()).map_err(|error| broken(error.into()));
    }
    Consistency { old, new }.prove(&mut tiles(reader, new)).map_err(|error| match error {
        ReadError::Reader(error) => as_fault(error),
        ReadError::Proof(error) => broken(error.into()),
    })
}

/// The proof that this record stands in the tree of the newest checkpoint that witnesses have cosigned, or else of the newest
/// one, with its leaf beside it: whoever has the key of the log needs nothing else. None: no checkpoint covers it yet.
pub fn receipt_of(reader: &dyn LogReader, entry: &Entry) -> Result<Option<Receipt>, StoreFault> {
    match checkpoint_over(reader, entry.sequence)? {
        Some(checkpoint) => receipt_under(reader, entry, &checkpoint),
        None => Ok(None),
    }
}

/// The newest checkpoint over so many records that witnesses have cosigned, with the word of each that has cosigned it, or else the
/// newest one, whatever it covers.
pub fn checkpoint_over(reader: &dyn LogReader, records: u64) -> Result<Option<SignedCheckpoint>, StoreFault> {
    let seen = cosigned(reader)?.into_iter().map(|(_, checkpoint)| checkpoint);
    let mut covering = seen.filter(|checkpoint| size_of(checkpoint) >= records).collect::<Vec<_>>();
    covering.sort_by_key(size_of);
    let Some(mut newest) = covering.pop() else { return Ok(checkpoints(reader)?.pop()) };
    for other in &covering {
        // Another one, which a witness that is behind has cosigned, adds nothing.
        let _added = newest.take_signatures_of(other);
    }
    Ok(Some(newest))
}

/// The proof that this record stands in the tree of this checkpoint of the log, with its leaf beside it. None: it does not cover it.
pub fn receipt_under(
    reader: &dyn LogReader,
    entry: &Entry,
    checkpoint: &SignedCheckpoint,
) -> Result<Option<Receipt>, StoreFault> {
    let (index, size) = (entry.sequence.saturating_sub(1), size_of(checkpoint));
    if size <= index {
        return Ok(None);
    }
    let broken = |error: Box<dyn std::error::Error + Send + Sync>| {
        StoreFault::new(StoreFaultKind::Corrupt, "the place of the record in the tree cannot be proved").because(error)
    };
    let proof = Inclusion { index, size }.prove(&mut tiles(reader, size)).map_err(|error| match error {
        ReadError::Reader(error) => as_fault(error),
        ReadError::Proof(error) => broken(error.into()),
    })?;
    let leaf = entry.leaf.clone().into_bytes();
    let receipt = Receipt::new(index, proof, checkpoint.clone()).with_extra(leaf);
    receipt.map(Some).map_err(|error| broken(error.into()))
}

fn size_of(checkpoint: &SignedCheckpoint) -> u64 {
    checkpoint.danger_unverified().tree().size
}

/// The tree of a log, read from its tiles.
pub(crate) fn tiles(reader: &dyn LogReader, size: u64) -> Tiles<'_> {
    let read = move |tile: Tile| {
        let missing = || StoreFault::new(StoreFaultKind::Corrupt, format!("`{tile}` of the log is missing"));
        reader.tile(tile)?.ok_or_else(missing)
    };
    TiledTree::new(size, Box::new(read))
}

/// The tree of a log, which remembers what it has read.
pub(crate) type Tiles<'r> = TiledTree<Box<dyn FnMut(Tile) -> Result<Vec<u8>, StoreFault> + 'r>>;

pub(crate) fn as_fault(error: TiledError<StoreFault>) -> StoreFault {
    match error {
        TiledError::Reader { source, .. } => source,
        TiledError::Tile(error) => {
            StoreFault::new(StoreFaultKind::Corrupt, "a tile of the log makes no sense").because(error)
        }
    }
}

/// The kind of state under which the cosigned checkpoints stand, by the witness's key.
pub const COSIGNED_KIND: &str = "cosigned";

/// The kind of state under which the checkpoints stand, by size.
pub const CHECKPOINT_KIND: &str = "checkpoint";

const KEPT_EACH_US: i64 = 60_000_000;

#[cfg(test)]
mod tests;
