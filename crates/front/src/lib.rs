//! What every wire needs once: listeners, limits, who may speak to us from where, who acts, and the one table from
//! fault to HTTP status.
//!
//! # In scope
//! Accepting connections (TCP, Unix sockets, and TLS for vendors), Host and Origin checks, bearer tokens (RFC 6750) and
//! protected-resource metadata (RFC 9728), vendors' keys and client certificates, what is put on record of requests that were
//! refused, bounded bodies, draining.
//!
//! # Out of scope
//! What a request means (wires), whether it may happen (engine), certificates for agents and people (put a TLS terminator in
//! front).
//!
//! # Invariants
//! * A request whose Host or Origin we do not expect reaches no wire.
//! * A token is never logged, echoed or passed on.
//! * What changes something is answered to its end, whoever goes away: it is on record before it is in force.

mod access;
mod body;
mod guests;
mod listen;
mod origin;
mod places;
mod refusals;
mod status;
mod strangers;
mod tls;
mod vendor;
mod vendor_tokens;
mod wire;

pub use access::{Access, Known};
pub use body::{Body, BrokenOff, Pieces, empty, full, json_response, read_body, refusal, text_response};
pub use guests::is_known;
pub use listen::{Front, Port, serve_tcp, serve_tls, serve_unix};
pub use origin::Origins;
pub use places::{Places, share_of};
pub use refusals::Refusals;
pub use status::status_of;
pub use strangers::Strangers;
pub use tls::Tls;
pub use vendor::{KnownVendor, VendorAccess};
pub use vendor_tokens::VendorTokenEndpoint;
pub use wire::{
    Exchange, LongLived, Peer, PeerCertificate, Place, TRACE_PARENT, Wire, WireFuture, off_the_connection, trace_parent,
};
