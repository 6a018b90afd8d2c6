//! Gateways to throw bytes at: everything real but the disk, the clock and the rules.
//!
//! # In scope
//! A front with its MCP wire, apps on the loopback interface that say what they are told to say, and what must be true of
//! every response.
//!
//! # Out of scope
//! Which bytes (`src/bin`), and how long (`cargo xtask fuzz`).
//!
//! # Invariants
//! * Nothing is kept from one input to the next, but connections: an input that fails fails again.

mod app;
mod gateway;
mod parts;
mod response;
mod script;

pub use app::{App, Manner, answer_well, response};
pub use gateway::{Gateway, House, ask_far, runtime};
pub use response::Response;
pub use script::{Request, blocks, replaced};
