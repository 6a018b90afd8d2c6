//! HTTP APIs of apps, for vendors: what a vendor asks is understood, decided, recorded and asked anew in words of our own.
//!
//! `GET /api/ats/candidates/c_17` of a vendor becomes the operation `get_candidate` with the arguments
//! `{"path":{"id":"c_17"}}`. That is what is decided on, and all of which the request to the app is made.
//!
//! # In scope
//! Requests at `/api/{app}/…` → operations of the app's mapping; what is known of them under a contract; requests to the
//! app; answers while they come; writes that look at their record first; the same operations as tools for agents.
//!
//! # Out of scope
//! Who a vendor is (`identity`), whether it may (`engine`, `contract`), what of an answer is let out (`json`), reading API
//! descriptions (`openapi`).
//!
//! # Invariants
//! * No byte of a vendor's request line or headers reaches an app: what leaves is made of the arguments that were decided on.
//! * What an operation does not name is refused: parameters, fields, methods, forms of a body.
//! * No redirect is followed, and no header of an app is passed on but those named in `answer.rs`.
//! * What an app says of an error stays here: the vendor gets its status, in words of ours.

mod answer;
mod api;
mod arguments;
mod ask;
mod by_tool;
mod client;
mod coding;
mod door;
mod offered;
mod operation;
mod outbound;
mod passing;
mod target;

pub use api::{Api, ApiSpec, Apis, BadMapping};
pub use by_tool::{reads_requests, reads_tools};
pub use door::Door;
pub use offered::{Offered, OfferedAnswer};
