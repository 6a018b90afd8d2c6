//! Every bound of this crate.

/// Leaves of a tree: what fits a signed number of 64 bits, as other readers of these formats have it.
pub const TREE_LEAVES_MAX: u64 = (1 << 63) - 1;

/// Hashes of a frontier, and levels of a tree above its leaves.
pub const FRONTIER_HASHES_MAX: usize = 63;

/// Hashes of a proof. An inclusion proof has one for each level, a consistency proof may have one more.
pub const PROOF_HASHES_MAX: usize = 64;

/// Hashes of the proof in an `add-checkpoint` request, as the witness protocol has it.
pub const WITNESS_PROOF_HASHES_MAX: usize = 63;

/// Bytes of an entry: its length stands in 16 bits.
pub const ENTRY_BYTES_MAX: usize = 65_535;

/// Bytes of a signed note, as Go's `sumdb` reads them.
pub const NOTE_BYTES_MAX: usize = 1_000_000;

/// Signatures of a note, as Go's `sumdb` reads them; the specification asks for 16 at least.
pub const NOTE_SIGNATURES_MAX: usize = 100;

/// Bytes of the name of a key.
pub const KEY_NAME_BYTES_MAX: usize = 255;

/// Bytes of the extra data of a receipt.
pub const RECEIPT_EXTRA_BYTES_MAX: usize = 65_536;

/// Seconds since 1970 that a cosignature may name.
pub const POSIX_SECONDS_MAX: u64 = (1 << 63) - 1;
