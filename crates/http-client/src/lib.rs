//! HTTP to one app: a request goes out in one piece, its answer comes back in the task that waits for it.
//!
//! A client for everything puts a task and two channels between a call and its connection, and the headers into maps that
//! nobody asks: for a call of a kilobyte that is as much work as deciding it. Here a connection of HTTP/1.1 belongs to one exchange at
//! a time, and rests in a list between two. An app that offers HTTP/2 where TLS is spoken (ALPN) gets it, with one connection for all.
//!
//! # In scope
//! Connections to one address, with the system's certificate authorities; a request, the head of its answer, its body while it comes;
//! whether anything of a request may have been acted on when there is no answer.
//!
//! # Out of scope
//! What is asked and by whom (`mcp`, `http-proxy`), credentials (`broker`), bounds on answers as a whole and on time (callers).
//!
//! # Invariants
//! * No redirect is followed, nothing is asked twice, and no cookie is kept.
//! * What is reported as not having left was never read by anybody, as far as the other side's own word goes.
//! * No header or trailer of an app is kept but those that a caller hears.

mod client;
mod connect;
mod framing;
mod head;
mod http2;

pub use client::{Body, Broke, Client, Response, Unread};
pub use connect::{Connecting, Connector, connector};
pub use head::{Head, Hears, Request, Unsendable};
