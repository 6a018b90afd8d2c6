//! Real credentials: where they are kept, how they get onto a call, and how they are kept out of everything else.
//!
//! # In scope
//! Resolving a credential (`env:NAME`, `file:PATH`, `vault:NAME`), the encrypted vault file, the header or variable a
//! permit buys, removing known values from what apps answer, and sealing other files under the vault's key.
//!
//! # Out of scope
//! Deciding anything: whoever holds a permit gets the credential of the permit's app. Sending. Encodings that an app
//! makes up on purpose: the scrubber answers careless echoes, not a hostile app that has the credential anyway.
//!
//! # Invariants
//! * A value leaves as a `Secret`, against a permit, or not at all.
//! * No error and no `Debug` holds a value, nor a text that may be one.
//! * A vault file that was tampered with gives an error, never another value.
//! * Every value that was handed out is known to its app's scrubber before it is used.
//! * Randomness (keys, nonces, names of drafts) comes from `aws_lc_rs::rand`; the environment is passed in.

mod broker;
mod limits;
mod scrub;
mod seal;
mod source;
mod vault;

pub use broker::{AppCredential, Broker, Environment, Placement};
pub use scrub::{REPLACEMENT, Scrubber};
pub use seal::{VaultKey, seal, unseal};
pub use source::Source;
pub use vault::{Vault, VaultEntry};
