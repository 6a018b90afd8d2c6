//! The outgoing half: one link to one app, whatever it speaks and however it is reached.

mod along;
mod asked;
mod child;
mod conversation;
mod http_link;
mod latest;
mod link;
mod news;
mod reply;
mod said;
mod sse;
mod under_way;
mod watch;

pub use along::{Along, Client, LEVELS, LOG_LEVEL_KEY, Whose};
pub use asked::{Asked, ListOf};
pub use child::ChildSpec;
use conversation::Asks;
pub(crate) use conversation::Conversations;
pub use conversation::{Given, Onward, Question};
pub use latest::Latest;
pub(crate) use link::Went;
pub use link::{Link, Manner, Wanted, unwanted};
pub use news::{Changed, Ear, News, UPDATED};
pub use reply::garbage;
pub use watch::{Ended, Watch};

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use decide::{Answer, Trail};
use http::{HeaderName, HeaderValue};
use model::{CallId, Fault, Limits, Secret};

use crate::revision::Revision;

/// One request to an upstream, before it has a transport.
pub(crate) struct Ask<'a> {
    /// The method.
    pub method: &'a str,
    /// `Mcp-Name` of 2026-07-28, where the method has one.
    pub name: Option<&'a str>,
    /// The params object, whole.
    pub params: Vec<u8>,
    /// Arguments that travel in headers, too.
    pub headers: &'a [(HeaderName, HeaderValue)],
    /// Where what is said meanwhile goes; nowhere for what the gateway asks in its own name.
    pub along: Option<&'a Along>,
    /// Where what the server asks of the client goes; nowhere where it may ask nothing.
    pub asks: Option<&'a Asks>,
    /// The credential to put on it, for HTTP.
    pub header: Option<(HeaderName, Secret<String>)>,
    /// Where it is noted how it went.
    pub trail: Trail,
}

impl<'a> Ask<'a> {
    /// What the gateway asks in its own name.
    fn own(method: &'a str, params: Vec<u8>, header: Option<(HeaderName, Secret<String>)>) -> Self {
        let trail = Trail::default();
        Self { method, name: None, params, headers: &[], along: None, asks: None, header, trail }
    }

    /// The call it belongs to, if it does.
    fn call(&self) -> Option<Asks> {
        self.asks.cloned().or_else(|| self.along.map(Asks::none))
    }
}

/// One send of a call, besides the arguments that were decided on.
pub struct Sending {
    /// What is asked.
    pub asked: Asked,
    /// Arguments that travel in headers, too.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Where what is said meanwhile goes.
    pub along: Along,
    /// What a call that goes on goes on with.
    pub onward: Option<Onward>,
    /// Whether the arguments that were decided on are several members of `params`, in one object.
    pub members: bool,
    /// What it is named in a header, where that is not what it is decided on: the app's id of a task.
    pub named: Option<String>,
    /// From which level on log messages are wanted, where an app is told once, and may be.
    pub level: Option<String>,
    /// Whom the app may ask first on which folders the client works.
    pub folders: AskFirst,
    /// Whether the app knows it only in a session (2025-11-25): tasks that the client asks for.
    pub in_session: bool,
}

/// Whom an app may ask, before a call is sent, on which folders the client works.
#[derive(Clone)]
pub enum AskFirst {
    /// Nobody: no rule lets it ask, or there are none.
    Nobody,
    /// Nobody during this call: what it asks waits for another one.
    NotNow,
    /// The client, in the result of the call, which goes on when it comes back.
    InResult,
    /// The client, beside the call.
    Beside(Arc<dyn AsksBeside>),
}

/// Asks the client of a call something in another call, decided and recorded by itself.
pub trait AsksBeside: Send + Sync {
    /// What the client answered. None: no rule lets it be asked, or nobody wants to know any more. Error: it does not answer.
    fn ask<'a>(&'a self, question: &'a Question, cause: &'a CallId) -> BesideFuture<'a>;
}

/// What comes of asking beside a call.
pub type BesideFuture<'a> = Pin<Box<dyn Future<Output = Result<Option<Answer>, Fault>> + Send + 'a>>;

/// What all transports share: ids, the revision spoken, bounds.
pub(crate) struct Spoken {
    pub(crate) next_id: AtomicU64,
    pub(crate) limits: Limits,
}

/// A legacy HTTP session with an upstream.
#[derive(Debug, Clone)]
pub(crate) struct Handshake {
    pub(crate) revision: Revision,
    pub(crate) session: Option<Arc<str>>,
    /// What the app tells a model of itself.
    pub(crate) instructions: Option<Arc<str>>,
}

/// A whole JSON-RPC request.
pub(crate) fn request(id: u64, ask: &Ask<'_>) -> Bytes {
    let mut out = Vec::with_capacity(64 + ask.params.len());
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    out.extend_from_slice(id.to_string().as_bytes());
    out.extend_from_slice(b",\"method\":");
    json::write_string(&mut out, ask.method);
    out.extend_from_slice(b",\"params\":");
    out.extend_from_slice(&ask.params);
    out.push(b'}');
    Bytes::from(out)
}

/// How long the end of something that is given up may take.
pub(crate) const GOODBYE_TIME_MAX: Duration = Duration::from_secs(2);
