//! Places in a tree. Only complete subtrees have one: they never change once their last leaf is there.

use std::ops::Range;

use crate::hash::Hash;
use crate::limits::TREE_LEAVES_MAX;

/// A complete subtree of `2^level` leaves, the `index`-th of its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    level: u8,
    index: u64,
}

/// How many leaves a log has, and the root hash over them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tree {
    /// How many leaves.
    pub size: u64,
    /// The root hash.
    pub root: Hash,
}

/// An entry of a log: where it stands, and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf {
    /// Zero for the first.
    pub index: u64,
    /// Its leaf hash.
    pub hash: Hash,
}

// === impl Node ===

impl Node {
    /// `None`: no tree is large enough to have this one.
    pub const fn new(level: u8, index: u64) -> Option<Self> {
        if level < 63 && index < (TREE_LEAVES_MAX >> level) { Some(Self { level, index }) } else { None }
    }

    /// Zero for leaves.
    pub const fn level(self) -> u8 {
        self.level
    }

    /// Zero for the first of its level.
    pub const fn index(self) -> u64 {
        self.index
    }

    /// Whether tiles consist of nodes like this one. The others, seven of eight levels, are computed from those.
    pub const fn is_in_tiles(self) -> bool {
        self.level.is_multiple_of(8)
    }

    /// The leaves below.
    pub const fn leaves(self) -> Range<u64> {
        self.index << self.level..(self.index + 1) << self.level
    }

    /// Of an index below the bound of a tree.
    pub(crate) const fn leaf(index: u64) -> Self {
        Self { level: 0, index }
    }

    pub(crate) const fn parent(self) -> Self {
        Self { level: self.level + 1, index: self.index >> 1 }
    }

    pub(crate) const fn is_right(self) -> bool {
        self.index & 1 == 1
    }
}

/// The complete subtrees that a subtree is made of, largest first. `leaves` is a range that a tree splits into: it begins at
/// a multiple of a power of two that is no smaller than its length.
pub(crate) fn complete(leaves: Range<u64>) -> impl Iterator<Item = Node> {
    let mut from = leaves.start;
    std::iter::from_fn(move || {
        let level = leaves.end.checked_sub(from)?.checked_ilog2()?.try_into().ok()?;
        let node = Node { level, index: from >> level };
        from += 1 << level;
        Some(node)
    })
}

/// The root over complete subtrees, largest first. `None` without any.
pub(crate) fn fold(hashes: &[Hash]) -> Option<Hash> {
    hashes.iter().rev().copied().reduce(|right, left| Hash::of_node(left, right))
}

/// Where a tree of two leaves or more splits: the largest power of two that is less than its size.
pub(crate) const fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

#[cfg(test)]
mod tests;
