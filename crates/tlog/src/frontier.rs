//! What a log has to remember so that it can grow: the roots of the complete subtrees that its leaves fall into.

use crate::hash::Hash;
use crate::limits::TREE_LEAVES_MAX;
use crate::node::{Node, Tree, complete, fold};

/// A tree that grows at its right edge. It keeps one hash for each bit that is set in its size: at most 63, 2,016 bytes.
///
/// A copy costs as little, so a writer appends to a copy and keeps that once the disk has confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    /// Of the largest subtree first.
    hashes: Vec<Hash>,
}

/// Why leaves are not appended, or a state is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    /// Past `TREE_LEAVES_MAX`.
    #[error("a tree has at most {TREE_LEAVES_MAX} leaves")]
    Full,
    /// A state of another length than its size asks for.
    #[error("the state of a tree of {size} leaves has {expected} bytes, and here are {given}")]
    State {
        /// Leaves.
        size: u64,
        /// Bytes that its state has.
        expected: usize,
        /// Bytes that came.
        given: usize,
    },
}

// === impl Frontier ===

impl Frontier {
    /// A tree without leaves.
    pub const fn new() -> Self {
        Self { size: 0, hashes: Vec::new() }
    }

    /// Takes up a state that `state` gave for a tree of this size.
    pub fn restore(size: u64, state: &[u8]) -> Result<Self, FrontierError> {
        if size > TREE_LEAVES_MAX {
            return Err(FrontierError::Full);
        }
        let expected = complete(0..size).count() * Hash::BYTES;
        let hashes = Hash::many(state).filter(|_| state.len() == expected);
        let hashes = hashes.ok_or(FrontierError::State { size, expected, given: state.len() })?;
        Ok(Self { size, hashes })
    }

    /// The hashes one after the other, largest subtree first.
    pub fn state(&self) -> Vec<u8> {
        self.hashes.iter().flat_map(Hash::as_bytes).copied().collect()
    }

    /// How many leaves there are: the index of the next one.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Size and root.
    pub fn tree(&self) -> Tree {
        Tree { size: self.size, root: fold(&self.hashes).unwrap_or_else(Hash::of_nothing) }
    }

    /// Appends leaves, and tells of each node that became complete, leaves included, children before parents. To serve tiles,
    /// those are enough for which [`Node::is_in_tiles`].
    pub fn append(&mut self, leaves: &[Hash], mut completed: impl FnMut(Node, Hash)) -> Result<(), FrontierError> {
        let more = u64::try_from(leaves.len()).map_err(|_| FrontierError::Full)?;
        if more > TREE_LEAVES_MAX - self.size {
            return Err(FrontierError::Full);
        }
        for leaf in leaves {
            self.push(*leaf, &mut completed);
        }
        Ok(())
    }

    fn push(&mut self, leaf: Hash, completed: &mut impl FnMut(Node, Hash)) {
        let (mut node, mut hash) = (Node::leaf(self.size), leaf);
        completed(node, hash);
        // INVARIANT: there is one hash for each bit that is set in the size (`a_frontier_is_what_the_recursion_says`).
        while node.is_right()
            && let Some(left) = self.hashes.pop()
        {
            (node, hash) = (node.parent(), Hash::of_node(left, hash));
            completed(node, hash);
        }
        self.hashes.push(hash);
        self.size += 1;
    }
}

#[cfg(test)]
mod tests;
