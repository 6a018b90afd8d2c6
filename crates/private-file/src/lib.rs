//! Files that only their owner may read: keys and the vault.
//!
//! # In scope
//! Opening a file whose mode and owner are right, making one of which no half is ever seen, replacing one whole. Keeping a folder of
//! them out of git.
//!
//! # Out of scope
//! What stands in a file. Files that others may read.
//!
//! # Invariants
//! * A file that others may read is refused, not used with a warning.
//! * A reader sees the old content or the new one; what `replace` and `create` confirmed survives the loss of power.
//! * Of two that make a file at once, one wins and both read the same.
//! * Randomness is for the names of drafts only, and comes from `aws_lc_rs::rand`.

mod file;
mod folder;

pub use file::{Draft, Openness, content, open, read_or_create, unreadable, unwritable};
pub use folder::{GITIGNORE, keep_out_of_git};
