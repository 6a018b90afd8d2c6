//! The demo apps, and the agent and the vendor that play the story.
//!
//! Four small MCP apps listen on loopback ports inside this process, and an agent built on the official Rust client
//! talks to whatever address it is given. Nothing here knows Countersign: the apps and the agent are what stands on
//! either side of it.
//!
//! # In scope
//! Four believable apps (`crm`, `mail`, `deploy`, `repo`), each behind its own credential; how many calls each one
//! received; a tool whose definition changes overnight; an agent that lists and calls tools with a bearer token; an HTTP API
//! (`ats`) with two clients' people, and a vendor's integration that reads it.
//!
//! # Out of scope
//! Decisions, records, approvals, anything that outlives the process. The data is made up, and so are the people.
//!
//! # Invariants
//! * An app listens on 127.0.0.1 only.
//! * A request without the app's own credential never reaches a tool and is not counted.
//! * The agent sends its token to the one address it was given: no proxy, no redirect, no OAuth, no cache, no call sent
//!   twice on its own.

mod agent;
mod apps;
mod error;
mod vendor;

pub use agent::{Agent, Said};
pub use apps::{App, Apps, Ats};
pub use error::DemoError;
pub use vendor::{Heard, Vendor};
