//! Transparency logs: the mathematics of RFC 6962, and the C2SP formats that others read them in.
//!
//! # In scope
//! Merkle trees with SHA-256 (frontier, inclusion and consistency proofs), tiles and entry bundles (tlog-tiles), signed notes,
//! checkpoints, Ed25519 cosignatures, receipts (tlog-proof) and requests to witnesses (tlog-witness), each made and parsed.
//!
//! # Out of scope
//! Files, networks, clocks, randomness and threads: hashes, tiles, seeds and times are handed in. What stands in an entry.
//! Whether a checkpoint may be signed, how many witnesses are enough, and what a witness remembers: its caller's duties.
//! ML-DSA-44 cosignatures, proofs of subtrees, and notes signed with anything but Ed25519: such signatures are ignored.
//!
//! # Invariants
//! * Each text and each tile has one form: what parses prints to the bytes it was parsed from.
//! * An accepted proof is the one that naive recomputation of the tree makes. No other hash, index or length is accepted
//!   (`any_other_inclusion_is_refused`, `any_other_growth_is_refused`); a tree's size is as true as the signature over it.
//! * No input stops the process, and none makes it hold more than some multiple of its own length. Every bound has a
//!   name in [`limits`].
//! * A key that signs cannot be printed or copied. A checkpoint from elsewhere says what it holds only after its signatures
//!   were checked, or under a name with `danger` in it.
//!
//! # A log and its readers
//! What grows a log is a [`Frontier`]: it takes a batch of leaf hashes, and tells of each node that became complete. Frontier
//! and nodes belong into the same commit as the entries: then no crash leaves a tree that disagrees with its entries, and the
//! signature, which costs more than a leaf, can come later and from another thread, of [`Frontier::tree`] alone.
//!
//! Proofs are made from tiles ([`TiledTree`]) or from whatever else reads nodes ([`HashReader`], or a [`Plan`] and a query).
//!
//! ```
#![doc = include_str!("../examples/log.rs")]
//! ```

pub mod limits;

mod hash;
mod text;

mod node;

mod frontier;
mod proof;
mod tile;

mod key;
mod note;
mod private;

mod checkpoint;
mod receipt;
mod witness;

pub use checkpoint::{Checkpoint, CheckpointError, Cosignature, SignedCheckpoint, Trust};
pub use frontier::{Frontier, FrontierError};
pub use hash::{Hash, HashError};
pub use key::{
    Algorithm, KeyError, KeyId, KeyName, PUBLIC_BYTES, SEED_BYTES, SIGNATURE_BYTES, SignError, Signer, SigningKey,
    VerifierKey,
};
pub use node::{Leaf, Node, Tree};
pub use note::{Note, NoteError, Signature, Verified};
pub use proof::{Consistency, ConsistencyProof, HashReader, Inclusion, InclusionProof, Plan, ProofError, ReadError};
pub use receipt::{Receipt, ReceiptError};
pub use tile::{Growth, TILE_WIDTH, Tile, TileError, TileKind, TileReader, TiledError, TiledTree};
pub use witness::{AddCheckpoint, AddCheckpointError, Refusal};
