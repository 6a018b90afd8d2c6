//! The Model Context Protocol, both halves: clients of four revisions in, upstreams of two eras out.
//!
//! # In scope
//! JSON-RPC envelopes, sessions, era translation, the federated list of tools, streamable HTTP and stdio children.
//!
//! # Out of scope
//! Whether a call may happen (`decide`), in which order its effects happen (`engine`), who acts (`front`).
//!
//! # Invariants
//! * The incoming half never sends: it hands a call to the engine, which drives the outgoing half.
//! * What is forwarded are the argument bytes that were decided on.
//! * The client's token stays here.
//! * A vendor's agent is shown what its contract lets out and nothing else, and asks nothing that is not decided under it.
//! * What an app says of itself is recorded when it changes, and nothing that waits for a review reaches a client.
//! * No schema is ever resolved: nothing here reads a `$ref`, so nothing fetches one.

mod answer;
mod app_link;
mod calls;
mod catalog;
mod client;
mod endpoint;
mod envelope;
mod events;
mod foreign;
mod hub;
mod kept;
mod listeners;
mod mailbox;
mod methods;
mod name;
mod param;
mod redaction;
mod release;
mod reviews;
mod revision;
mod rounds;
mod seen;
mod session;
mod shares;
mod stream;
mod subscription;
mod tasks;
mod template;
mod upstream;
mod waiting;

pub use catalog::{Catalog, Listed, Other, Others};
pub use endpoint::{Endpoint, SUBSCRIBED_STATE};
pub use foreign::{Foreign, ForeignAnswer, ForeignFuture};
pub use hub::{AppRows, AppSpec, DefinitionRow, Hub, Target, ToolRow};
pub use reviews::{PinKey, Reviews};
pub use seen::{SEEN_STATE, Sight, pin_state, sight_of_row};
pub use upstream::ChildSpec;
