//! What people and agents present, turned into an actor; and who they are.
//!
//! # In scope
//! Our own access tokens (JWT, RFC 9068: issued here, verified here), the key that signs them, and the directory: what
//! the configuration says of people, agents and apps, overlaid with what was changed since (offboarded, suspended,
//! stopped).
//!
//! # Out of scope
//! Whether an actor may act: a token of a suspended agent is still a good token, and the caller asks the directory.
//! Tokens of other issuers. Keeping the changes: they are rows of whoever stores them.
//!
//! # Invariants
//! * Expiry, start and audience are looked at on every call, remembered token or not.
//! * One algorithm (`EdDSA`) and one key; the token has no say in either.
//! * No error holds a token, or any part of one.
//! * A change of standing is visible to the very next `snapshot`.
//! * Randomness (token ids, keys) comes from `aws_lc_rs::rand`; time from the `Clock` that is passed in.

mod directory;
mod signing;
mod token;

pub use directory::{LiveDirectory, Standing, StandingChange};
pub use signing::SigningKey;
pub use token::{Audiences, TokenError, TokenRequest, Tokens};
