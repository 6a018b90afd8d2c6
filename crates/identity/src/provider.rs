//! The organisation's identity provider, as a relying party of OpenID Connect sees it: who it says somebody is.
//!
//! The authorization code flow with PKCE (OpenID Connect Core 1.0, RFC 7636). No network is known here: whoever has one carries
//! the requests ([`Link`]). Who of the directory it is, and that somebody is signed in, is said by [`crate::people`].

mod client;
mod id_token;
mod keys;
mod link;
mod metadata;
#[cfg(test)]
pub(crate) mod staged;

pub(crate) use client::{Asked, Sent};
pub use client::{Back, Claim, Provider, Settings};
pub use id_token::IdTokenError;
pub use link::{Link, LinkFuture};
pub use metadata::is_protected;
