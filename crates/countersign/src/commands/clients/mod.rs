//! The configurations of MCP clients: where they stand, what servers they name, and how one entry is put in the place
//! of another without touching any other byte.
//!
//! # In scope
//! Claude Desktop, Claude Code, VS Code, Cursor, and files that look like theirs; comments and trailing commas.
//!
//! # Out of scope
//! Writing files, the vault, the backup.
//!
//! # Invariants
//! * Nothing here writes, and nothing here reads the environment: both are passed in.
//! * A server that cannot be moved whole is left alone, with a reason.

mod covered;
mod entry;
mod jsonc;
mod known;
mod plan;
mod secrets;
mod written;

pub use covered::secrets_in;
pub use entry::{Entry, entries, place_of};
pub use jsonc::blank;
pub use known::{Client, ClientFile, Surroundings, find};
pub use plan::{Gatewayed, Leads, Left, Moved, Plan, leads, leads_here};
pub use written::{Written, configuration};
