//! Real fixtures for tests: MCP servers that behave and misbehave, clients by us and by others, a world to run in.
//!
//! ```ignore
//! let upstream = testkit::Upstream::start(testkit::UpstreamOptions::default())?;
//! let world = testkit::World::builder(env!("CARGO_BIN_EXE_countersign")).app_url("remote", upstream.url(), None).start()?;
//! let mut client = testkit::McpClient::modern(world.mcp_url())?.with_token(world.token("ana-desktop", "ana", None)?);
//! client.call("remote__echo", serde_json::json!({"text": "hello"}))?;
//! ```
//!
//! # In scope
//! What a test starts, talks to, kills and looks at. Everything binds port 0, stands in a temporary folder and stops when
//! it is dropped.
//!
//! # Out of scope
//! Anything the product uses. No crate of the product is used here either: a fixture that shared its code would share its
//! mistakes.
//!
//! # Invariants
//! * A tool call that the upstream has received is in its list of calls before it is answered.
//! * A client sends each request once; it never retries.

pub mod exact;
mod http_client;
mod mcp_client;
mod participant;
mod peers;
mod postgres;
mod revision;
mod stdio_client;
pub mod upstream;
mod world;

pub use exact::{ExactOptions, ExactUpstream};
pub use http_client::{HttpRequest, HttpResponse, exchange};
pub use mcp_client::{McpClient, RpcError};
pub use participant::{Listening, Participant, Pending};
pub use peers::{Peer, everything_command, filesystem_command, program, workspace_root};
pub use postgres::PostgresServer;
pub use revision::Revision;
pub use stdio_client::StdioClient;
pub use upstream::{Era, Misbehaviour, Upstream, UpstreamOptions};
pub use world::{Finished, World, WorldBuilder};
