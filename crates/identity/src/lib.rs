//! What people and agents present, turned into an actor; and who they are.
//!
//! # In scope
//! Our own access tokens (JWT, RFC 9068: issued here, verified here), the key that signs them, and the directory: what
//! the configuration says of people, agents and apps, overlaid with what was changed since (offboarded, suspended,
//! stopped); people who sign in: their accounts, passwords, passkeys and sessions, and what the organisation's identity provider
//! says of them; keys of vendors.
//!
//! # Out of scope
//! Whether an actor may act: a token of a suspended agent is still a good token, and the caller asks the directory.
//! Tokens of other issuers, but for one: the ID tokens of the identity provider. A network: requests to the provider are carried by
//! whoever has one. Keeping the changes: they are rows of whoever stores them.
//!
//! # Invariants
//! * Expiry, start and audience are looked at on every call, remembered token or not.
//! * Of our own tokens: one algorithm (`EdDSA`) and one key; the token has no say in either.
//! * No error holds a token, or any part of one.
//! * A change of standing is visible to the very next `snapshot`.
//! * A [`people::SignedIn`] exists only for an open session of a person who is active right now.
//! * Of a password, of a session's token and of a vendor's key only hashes are kept; nothing of them is in an event.
//! * What happened to an account is on record before it is true.
//! * Randomness (token ids, keys) comes from `aws_lc_rs::rand`; time from the `Clock` that is passed in.

mod assertion;
mod directory;
pub mod people;
pub mod provider;
mod signing;
mod token;
mod vendors;

pub use assertion::{API, AssertionError, Granted, TOKEN_ENDPOINT, USED_ASSERTION_STATE, VendorTokens};
pub use directory::{LiveDirectory, Standing, StandingChange};
pub use signing::SigningKey;
pub use token::{Audiences, TokenError, TokenRequest, Tokens};
pub use vendors::{
    Certificate, KeyError, KeyRequest, Presented, PublicKey, Registered, VENDOR_KEY_STATE, VendorKey, VendorKeys,
    certificate_digest,
};
