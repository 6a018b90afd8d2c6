//! A YAML document as a tree in which every key and value knows its place, for languages that people write by hand.
//!
//! # In scope
//! Reading within bounds, places, what a key was written as, values of the kind that is wanted.
//!
//! # Out of scope
//! What any document means.
//!
//! # Invariants
//! * A document that was read has no key twice, no unknown tag, and nothing that unfolds past a bound.

mod tree;
mod values;

pub use tree::{At, Entry, Kind, Node, Unreadable, read, text_of, typed};
pub use values::Values;
