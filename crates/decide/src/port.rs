//! The ports that take a permit: sending a call, and putting the real credential on it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderName;
use model::{AppId, Blame, Digest, Fault, Form, Release, Released, Secret, ToolName};

use crate::{LinkPermit, Permit};

/// The outgoing half of a wire. `send` spends the permit; nothing else sends.
pub trait Upstream: Send + Sync {
    /// Sends one call. Error: blame `Upstream` (dead, slow, garbage) or `Operator` (its credential is missing).
    fn send<'a>(&'a self, permit: Permit, call: Outgoing) -> UpstreamFuture<'a>;

    /// Whether the arguments are written beside the name of what is asked, as members of the request, and not as its arguments:
    /// then the same bytes say something else, and whoever approves the one has not approved the other.
    fn is_spread(&self) -> bool {
        false
    }

    /// Where a call of this goes and what it is about there, as the app is configured: an approval is of this, and of nothing that is
    /// configured in its place. None: its definition says that.
    fn meaning(&self, _tool: &ToolName) -> Option<Digest> {
        None
    }

    /// Sends one call and gives its answer as it comes. Error: as of `send`.
    fn open<'a>(&'a self, _permit: Permit, _call: Outgoing) -> OpenFuture<'a> {
        let fault = Fault::new(Blame::Bug, "bug.no_stream", "this wire does not pass answers on while they come");
        Box::pin(std::future::ready(Err(SendFault::before(fault))))
    }

    /// The answer without what a rule hides (paths of RFC 9535, separated by commas), and how many places that were. Error:
    /// the answer has a form in which nothing can be hidden, so that none of it may be shown (blame `Rule`).
    fn redact(&self, _answer: Answer, _paths: &str) -> Result<(Answer, usize), Fault> {
        Err(unredactable("this kind of answer has no fields"))
    }

    /// What of a whole answer a contract lets out, and how much that was. Error: nothing of it may be shown.
    fn release(&self, _answer: Answer, _release: &dyn Release) -> Result<(Answer, Released), Fault> {
        Err(unreleased())
    }
}

/// The fault of an answer of which no contract says what may be seen.
pub fn unreleased() -> Fault {
    Fault::new(
        Blame::Rule,
        "rule.no_release",
        "the contract does not say what of this answer may be seen: none of it is",
    )
    .hint("name the operation's records in the app's mapping, and what of them is permitted in the contract")
}

/// The fault of an answer in which nothing can be hidden.
pub fn unredactable(why: &str) -> Fault {
    Fault::new(
        Blame::Rule,
        "rule.unredactable",
        format!("a rule hides fields of this answer, and {why}: none of it is shown"),
    )
    .hint("ask for something whose answer is JSON, or ask whoever wrote the rule")
}

/// What `send` gives back.
pub type UpstreamFuture<'a> = Pin<Box<dyn Future<Output = Result<Answer, SendFault>> + Send + 'a>>;

/// What `open` gives back.
pub type OpenFuture<'a> = Pin<Box<dyn Future<Output = Result<Opened, SendFault>> + Send + 'a>>;

/// An answer that has begun to come.
pub struct Opened {
    /// How the app ended the call, as far as the head of its answer says.
    pub kind: AnswerKind,
    /// How the body is written; none where there is none.
    pub form: Option<Form>,
    /// The body.
    pub body: Box<dyn AnswerBody>,
}

/// The body of an answer, as it comes.
pub trait AnswerBody: Send {
    /// What comes next; none at the end. Error: it broke off (blame `Upstream`).
    fn next(&mut self) -> BodyFuture<'_>;
}

/// What an [`AnswerBody`] gives next.
pub type BodyFuture<'a> = Pin<Box<dyn Future<Output = Result<Option<Bytes>, Fault>> + Send + 'a>>;

/// Why no answer came, and whether the call may have had an effect all the same.
#[derive(Debug)]
pub struct SendFault {
    /// What went wrong.
    pub fault: Fault,
    /// Whether anything left before it went wrong.
    pub left: Left,
}

/// Whether anything left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Nothing: the app has not seen the call.
    Nothing,
    /// Some or all of it: the app may have acted.
    Perhaps,
}

impl SendFault {
    /// It went wrong before anything left.
    pub fn before(fault: Fault) -> Self {
        Self { fault, left: Left::Nothing }
    }

    /// It went wrong after something may have left.
    pub fn after(fault: Fault) -> Self {
        Self { fault, left: Left::Perhaps }
    }
}

/// What leaves. The bytes are those that were decided on.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The argument object, as it came; none where the caller gave none.
    pub arguments: Option<Bytes>,
    /// SHA-256 of those bytes (of nothing, where there are none).
    pub digest: Digest,
    /// How long the answer may take; whoever sends ends by then.
    pub time_max: Duration,
    /// Whether a rule hides fields of the answer: then nothing of what the app says on the way is passed on.
    pub quiet: bool,
    /// Whether the contract that governs it accepts by name that a record may change between being looked at and being written.
    pub accepts_race: bool,
    /// Whether people approved it while it waited: what they said is used up by this send, whatever comes of it.
    pub approved: bool,
    /// Where whoever sends notes how it went.
    pub trail: Trail,
}

/// What was seen of a send, for its record, whether an answer comes or not. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Trail(Arc<Mutex<Seen>>);

/// What was seen of a send.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The protocol and revision spoken with the app: `mcp/2025-11-25`.
    pub wire: Option<&'static str>,
    /// The HTTP status of its response.
    pub http_status: Option<u16>,
    /// The code of its JSON-RPC error.
    pub rpc_code: Option<i64>,
    /// Where the credential that was put on it is kept, never its value.
    pub credential: Option<String>,
}

impl Trail {
    /// Notes something.
    pub fn note(&self, note: impl FnOnce(&mut Seen)) {
        note(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What was noted so far.
    pub fn seen(&self) -> Seen {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// How the app ended the call.
    pub kind: AnswerKind,
    /// The JSON value of `result`, or of `error`, exactly as it came.
    pub body: Bytes,
}

/// How the app ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerKind {
    /// A result that says it succeeded.
    Result,
    /// A result that says the tool failed (`isError`).
    ToolError,
    /// A JSON-RPC error.
    ProtocolError,
    /// No result yet: the app wants something of the client first, or has made a task of it.
    Unfinished,
}

/// Where real credentials come from. Policy cannot reach it; it makes no policy.
pub trait Credentials: Send + Sync {
    /// The header to put on this one call, if the app has one. Error: blame `Operator`.
    fn header(&self, permit: &Permit) -> Result<Option<Placed<HeaderName>>, Fault>;
    /// The header for what the gateway asks in its own name (what an app offers), if the app has one. Error: blame
    /// `Operator`.
    fn own_header(&self, permit: &LinkPermit) -> Result<Option<(HeaderName, Secret<String>)>, Fault>;
    /// The variables to put into a child's environment, besides those the app lists. Error: blame `Operator`.
    fn environment(&self, permit: &LinkPermit) -> Result<Vec<Placed<String>>, Fault>;
    /// Where the app's credential comes from and goes to, in words without its value, for the record; none without one.
    fn named(&self, app: &AppId) -> Option<String>;
    /// Removes every known secret of the app from what it answered.
    fn scrubber(&self, app: &AppId) -> Arc<dyn Scrub>;
}

/// A credential on its way out: a header on a call, a variable of a child.
pub struct Placed<Name> {
    /// The header or the variable.
    pub name: Name,
    /// What it holds.
    pub value: Secret<String>,
    /// Where it is kept, in words without its value: `vault:crm`.
    pub source: String,
}

/// Removes known secrets from bytes.
pub trait Scrub: Send + Sync {
    /// The bytes without secrets, and how many places were cleaned; none where there was nothing to clean.
    fn scrub(&self, bytes: &[u8]) -> Option<(Vec<u8>, usize)>;

    /// How many bytes a secret may take in whatever form it is found: so much is looked at together where an answer is
    /// searched in pieces. Zero where no secret is known.
    fn reach(&self) -> usize {
        REACH
    }
}

const REACH: usize = 64 << 10;
