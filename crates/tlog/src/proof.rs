//! Proofs that a leaf stands in a tree, and that a tree grew out of another one.
//!
//! Making one takes a few hashes of the log. [`Inclusion::plan`] and [`Consistency::plan`] say which, and the plan makes the
//! proof of them: whoever asks a database may do so in one query, and wait for it in their own way.

use std::ops::Range;

use crate::hash::Hash;
use crate::limits::{PROOF_HASHES_MAX, TREE_LEAVES_MAX};
use crate::node::{Leaf, Node, Tree, complete, fold, split};

/// Where hashes of complete subtrees come from: a table of nodes, tiles ([`crate::TiledTree`]), a map in memory.
pub trait HashReader {
    /// Why a hash cannot be had.
    type Error;

    /// The hashes of these nodes, in this order.
    fn hashes(&mut self, nodes: &[Node]) -> Result<Vec<Hash>, Self::Error>;
}

/// The question whether a leaf stands in a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inclusion {
    /// Which leaf.
    pub index: u64,
    /// Leaves of the tree.
    pub size: u64,
}

/// The question whether a tree grew out of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consistency {
    /// Leaves of the older tree.
    pub old: u64,
    /// Leaves of the newer tree.
    pub new: u64,
}

/// Which nodes an answer takes, and how it is made of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    nodes: Vec<Node>,
    /// How many nodes each hash of the answer is folded from.
    groups: Vec<usize>,
}

/// The hashes beside the way from a leaf to the root, leaf first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof(Vec<Hash>);

/// The hashes that both roots can be computed from, smallest subtree first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyProof(Vec<Hash>);

/// Why there is no proof, or what is wrong with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Past `TREE_LEAVES_MAX`.
    #[error("a tree has at most {TREE_LEAVES_MAX} leaves")]
    TooManyLeaves,
    /// Past `PROOF_HASHES_MAX`.
    #[error("a proof has at most {PROOF_HASHES_MAX} hashes")]
    TooManyHashes,
    /// A leaf that the tree does not have.
    #[error("leaf {index} does not stand in a tree of {size} leaves")]
    Outside {
        /// The leaf.
        index: u64,
        /// Leaves of the tree.
        size: u64,
    },
    /// The older tree is the larger one.
    #[error("a tree of {new} leaves did not grow out of one of {old}")]
    Backwards {
        /// Leaves of the older tree.
        old: u64,
        /// Leaves of the newer tree.
        new: u64,
    },
    /// Asked of the empty tree, which every tree grew out of: a right answer would say nothing.
    #[error("every tree grew out of the empty one: there is nothing to prove")]
    FromNothing,
    /// Not as many hashes as there must be.
    #[error("the proof has {given} hashes and must have {expected}")]
    Length {
        /// Hashes that a right one has.
        expected: usize,
        /// Hashes that came.
        given: usize,
    },
    /// The reader gave more or fewer hashes than it was asked for.
    #[error("the reader gave {given} hashes for {expected} nodes")]
    Answer {
        /// Nodes that were asked for.
        expected: usize,
        /// Hashes that came.
        given: usize,
    },
    /// The proof does not lead to the root of the tree.
    #[error("the proof leads to another root hash")]
    Root,
    /// The proof does not lead to the root of the older tree.
    #[error("the proof leads to another root hash of the older tree")]
    OldRoot,
}

/// Why a proof could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError<E> {
    /// The question has no answer.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The reader failed.
    #[error("could not read hashes of the log")]
    Reader(#[source] E),
}

/// The way down from the root to a subtree, root first.
struct Way {
    steps: Vec<Step>,
    subtree: Range<u64>,
}

/// One step down from the root: the half that is not entered.
struct Step {
    sibling: Range<u64>,
    side: Side,
}

#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
}

// === impl HashReader ===

impl<F, E> HashReader for F
where
    F: FnMut(&[Node]) -> Result<Vec<Hash>, E>,
{
    type Error = E;

    fn hashes(&mut self, nodes: &[Node]) -> Result<Vec<Hash>, E> {
        self(nodes)
    }
}

// === impl Inclusion ===

impl Inclusion {
    /// What the proof is made of.
    pub fn plan(self) -> Result<Plan, ProofError> {
        Ok(Plan::of(self.steps()?.into_iter().rev().map(|step| step.sibling)))
    }

    /// Makes the proof.
    pub fn prove<R: HashReader>(self, reader: &mut R) -> Result<InclusionProof, ReadError<R::Error>> {
        self.plan()?.read(reader).map(InclusionProof)
    }

    fn steps(self) -> Result<Vec<Step>, ProofError> {
        bounded(self.size)?;
        if self.index >= self.size {
            return Err(ProofError::Outside { index: self.index, size: self.size });
        }
        Ok(Way::down(self, |subtree| subtree.end - subtree.start == 1).steps)
    }
}

// === impl Consistency ===

impl Consistency {
    /// What the proof is made of. The empty tree, and the same tree, need nothing.
    pub fn plan(self) -> Result<Plan, ProofError> {
        let Some(way) = self.way()? else { return Ok(Plan::of(std::iter::empty())) };
        let siblings = way.steps.into_iter().rev().map(|step| step.sibling);
        let common = way.subtree;
        // Where the older tree is a complete subtree, its root is known to who checks.
        Ok(Plan::of((common.start > 0).then_some(common).into_iter().chain(siblings)))
    }

    /// Makes the proof.
    pub fn prove<R: HashReader>(self, reader: &mut R) -> Result<ConsistencyProof, ReadError<R::Error>> {
        self.plan()?.read(reader).map(ConsistencyProof)
    }

    /// The way to the smallest subtree that ends where the older tree does. `None`: there is nothing to prove.
    fn way(self) -> Result<Option<Way>, ProofError> {
        bounded(self.new)?;
        if self.old > self.new {
            return Err(ProofError::Backwards { old: self.old, new: self.new });
        }
        let last = self.old.checked_sub(1).filter(|_| self.old < self.new);
        Ok(last.map(|index| Way::down(Inclusion { index, size: self.new }, |subtree| subtree.end == self.old)))
    }
}

// === impl Plan ===

impl Plan {
    /// For the root of a tree.
    pub fn root(size: u64) -> Result<Self, ProofError> {
        bounded(size)?;
        Ok(Self::of((size > 0).then_some(0..size).into_iter()))
    }

    /// The nodes to read, each once.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The hashes of an inclusion proof, of the hashes of the nodes in their order.
    pub fn inclusion(&self, hashes: &[Hash]) -> Result<InclusionProof, ProofError> {
        self.assemble(hashes).map(InclusionProof)
    }

    /// The hashes of a consistency proof, of the hashes of the nodes in their order.
    pub fn consistency(&self, hashes: &[Hash]) -> Result<ConsistencyProof, ProofError> {
        self.assemble(hashes).map(ConsistencyProof)
    }

    /// One hash for each subtree that was planned: for [`Plan::root`] the root, or nothing for the empty tree.
    pub fn assemble(&self, hashes: &[Hash]) -> Result<Vec<Hash>, ProofError> {
        if hashes.len() != self.nodes.len() {
            return Err(ProofError::Answer { expected: self.nodes.len(), given: hashes.len() });
        }
        let mut rest = hashes;
        let mut take = |count: &usize| {
            let (group, after) = rest.split_at_checked(*count)?;
            rest = after;
            fold(group)
        };
        Ok(self.groups.iter().filter_map(&mut take).collect())
    }

    /// Reads the nodes and assembles.
    pub fn read<R: HashReader>(&self, reader: &mut R) -> Result<Vec<Hash>, ReadError<R::Error>> {
        let hashes =
            if self.nodes.is_empty() { Vec::new() } else { reader.hashes(&self.nodes).map_err(ReadError::Reader)? };
        Ok(self.assemble(&hashes)?)
    }

    fn of(subtrees: impl Iterator<Item = Range<u64>>) -> Self {
        let mut plan = Self { nodes: Vec::new(), groups: Vec::new() };
        for subtree in subtrees {
            let before = plan.nodes.len();
            plan.nodes.extend(complete(subtree));
            plan.groups.push(plan.nodes.len() - before);
        }
        plan
    }
}

// === impl InclusionProof ===

impl InclusionProof {
    /// Takes hashes of unknown origin.
    pub fn new(hashes: Vec<Hash>) -> Result<Self, ProofError> {
        few(hashes).map(Self)
    }

    /// The hashes, leaf first.
    pub fn hashes(&self) -> &[Hash] {
        &self.0
    }

    /// Whether this leaf stands in this tree.
    pub fn check(&self, leaf: Leaf, tree: Tree) -> Result<(), ProofError> {
        let steps = Inclusion { index: leaf.index, size: tree.size }.steps()?;
        exactly(steps.len(), self.0.len())?;
        let ways = steps.iter().rev().zip(&self.0);
        let root = ways.fold(leaf.hash, |hash, (step, sibling)| step.join(hash, *sibling));
        if root == tree.root { Ok(()) } else { Err(ProofError::Root) }
    }
}

// === impl ConsistencyProof ===

impl ConsistencyProof {
    /// Takes hashes of unknown origin.
    pub fn new(hashes: Vec<Hash>) -> Result<Self, ProofError> {
        few(hashes).map(Self)
    }

    /// The hashes, smallest subtree first.
    pub fn hashes(&self) -> &[Hash] {
        &self.0
    }

    /// Whether the newer tree begins with all leaves of the older one, which must have some unless the newer has none either.
    pub fn check(&self, old: Tree, new: Tree) -> Result<(), ProofError> {
        let Some(way) = (Consistency { old: old.size, new: new.size }).way()? else {
            return self.check_same(old, new);
        };
        let own = usize::from(way.subtree.start > 0);
        exactly(way.steps.len() + own, self.0.len())?;
        let (first, siblings) = self.0.split_at_checked(own).unwrap_or_default();
        let first = first.first().copied().unwrap_or(old.root);
        let (mut old_hash, mut new_hash) = (first, first);
        for (step, sibling) in way.steps.iter().rev().zip(siblings) {
            new_hash = step.join(new_hash, *sibling);
            // What stands to the right came after the older tree.
            if matches!(step.side, Side::Left) {
                old_hash = step.join(old_hash, *sibling);
            }
        }
        match () {
            () if old_hash != old.root => Err(ProofError::OldRoot),
            () if new_hash != new.root => Err(ProofError::Root),
            () => Ok(()),
        }
    }

    /// A tree begins with itself.
    fn check_same(&self, old: Tree, new: Tree) -> Result<(), ProofError> {
        if old.size < new.size {
            return Err(ProofError::FromNothing);
        }
        self.check_empty()?;
        match () {
            () if old.size == 0 && old.root != Hash::of_nothing() => Err(ProofError::OldRoot),
            () if old.root != new.root => Err(ProofError::Root),
            () => Ok(()),
        }
    }

    pub(crate) fn check_empty(&self) -> Result<(), ProofError> {
        exactly(0, self.0.len())
    }
}

// === impl Way ===

impl Way {
    /// Goes towards a leaf of the tree until the subtree is the wanted one.
    fn down(to: Inclusion, wanted: impl Fn(&Range<u64>) -> bool) -> Self {
        let mut way = Self { steps: Vec::new(), subtree: 0..to.size };
        let subtree = &mut way.subtree;
        while subtree.end - subtree.start > 1 && !wanted(subtree) {
            let middle = subtree.start + split(subtree.end - subtree.start);
            if to.index < middle {
                way.steps.push(Step { sibling: middle..subtree.end, side: Side::Right });
                subtree.end = middle;
            } else {
                way.steps.push(Step { sibling: subtree.start..middle, side: Side::Left });
                subtree.start = middle;
            }
        }
        way
    }
}

// === impl Step ===

impl Step {
    fn join(&self, hash: Hash, sibling: Hash) -> Hash {
        match self.side {
            Side::Left => Hash::of_node(sibling, hash),
            Side::Right => Hash::of_node(hash, sibling),
        }
    }
}

fn bounded(size: u64) -> Result<(), ProofError> {
    if size > TREE_LEAVES_MAX { Err(ProofError::TooManyLeaves) } else { Ok(()) }
}

fn few(hashes: Vec<Hash>) -> Result<Vec<Hash>, ProofError> {
    if hashes.len() > PROOF_HASHES_MAX { Err(ProofError::TooManyHashes) } else { Ok(hashes) }
}

fn exactly(expected: usize, given: usize) -> Result<(), ProofError> {
    if given == expected { Ok(()) } else { Err(ProofError::Length { expected, given }) }
}

#[cfg(test)]
mod tests;
