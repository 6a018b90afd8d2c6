//! What every wire needs once: listeners, limits, who may speak to us from where, who acts, and the one table from
//! fault to HTTP status.
//!
//! # In scope
//! Accepting connections (TCP and Unix sockets), Host and Origin checks, bearer tokens (RFC 6750) and protected-resource
//! metadata (RFC 9728), vendors' keys, bounded bodies, draining.
//!
//! # Out of scope
//! What a request means (wires), whether it may happen (engine), certificates (put a TLS terminator in front).
//!
//! # Invariants
//! * A request whose Host or Origin we do not expect reaches no wire.
//! * A token is never logged, echoed or passed on.

mod access;
mod body;
mod listen;
mod origin;
mod status;
mod vendor;
mod wire;

pub use access::{Access, Known};
pub use body::{Body, BrokenOff, Pieces, empty, full, json_response, read_body, text_response};
pub use listen::{Front, serve_tcp, serve_unix};
pub use origin::Origins;
pub use status::status_of;
pub use vendor::{KnownVendor, VendorAccess};
pub use wire::{Exchange, LongLived, Peer, Place, Wire, WireFuture};
