//! What is recorded: intents before an effect, outcomes after it, changes of what is true.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use model::{
    AgentId, AppId, ArgumentLevel, ArgumentReads, CallId, Class, ClassSource, Digest, EmergencyId, HoldId, HumanId,
    Method, Observed, Reason, SignedInBy, TaskId, ToolName, TraceParent, UnixMicros, Verdict,
};
use serde::{Deserialize, Serialize};

use crate::facts::FactsText;

/// Why a call may leave, or may not. Durable before anything happens.
#[derive(Debug, Clone)]
pub struct Intent<'d> {
    /// The call.
    pub call: CallId,
    /// The call that caused it: the round before, or the call during which the app asked.
    pub cause: Option<CallId>,
    /// When it was decided.
    pub at: UnixMicros,
    /// What kind of thing is asked.
    pub method: Method,
    /// The software that acts.
    pub agent: AgentId,
    /// The person it acts for.
    pub human: HumanId,
    /// The task it acts in.
    pub task: TaskId,
    /// Which token, never the token itself.
    pub token_id: Arc<str>,
    /// Who let whom act, the person at the root first.
    pub delegation_chain: Vec<Delegation>,
    /// The protocol and revision in which it was asked: `mcp/2025-11-25`.
    pub wire: Cow<'static, str>,
    /// The client's span that it is part of, where the client says so.
    pub trace_parent: Option<TraceParent>,
    /// The app it goes to.
    pub app: AppId,
    /// The tool it uses.
    pub tool: ToolName,
    /// The class in force.
    pub class: Class,
    /// Who says so.
    pub class_source: ClassSource,
    /// Digest of the tool's definition, where the app gave one.
    pub definition: Option<Digest>,
    /// What was decided.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Cow<'d, [Reason]>,
    /// What would have been decided if everything were enforced; none where that is what was decided.
    pub observed: Option<Observed>,
    /// Digest of the rules that decided.
    pub bundle: Digest,
    /// How old what the directory says was, in microseconds since it last changed or was read; none where nobody knows.
    pub directory_age_us: Option<i64>,
    /// How old the app's own word on what it offers was, in microseconds since it was read; none where it had not been asked.
    pub catalog_age_us: Option<i64>,
    /// How long gathering the facts and deciding took.
    pub decide_us: i64,
    /// The argument bytes as they will be forwarded, one JSON value; none when the caller sent none.
    pub arguments: Option<Bytes>,
    /// SHA-256 of those bytes, of nothing when there are none.
    pub arguments_digest: Digest,
    /// How much of the arguments is kept beside their digest.
    pub kept: ArgumentLevel,
    /// What people may see of them, JSON, where that is what is kept.
    pub redacted: Option<String>,
    /// What rules looked at of them; that stands among the facts.
    pub read: Option<Arc<ArgumentReads>>,
    /// What was known of it.
    pub facts: FactsText,
    /// Who approved it, where it waited for people.
    pub approvals: Vec<Approved>,
}

/// One approval: of a call that waited, or of the emergency that let it through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approved {
    /// Who.
    pub by: HumanId,
    /// What that person signed in with.
    pub how: SignedInBy,
    /// When, in microseconds since 1970.
    pub at_us: i64,
    /// The call that waited and was approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldId>,
    /// The emergency that was opened, in which calls need no approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<EmergencyId>,
    /// Whether it was given before, for such calls of the task.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub for_task: bool,
}

/// One step of delegation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delegation {
    /// Who let somebody act: `human:ana`, `agent:planner`.
    pub delegator: String,
    /// Who was let.
    pub delegatee: String,
    /// The apps it is good for; none: every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Vec<AppId>>,
}

/// What was observed to have happened in the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The tool ran.
    Executed,
    /// Nothing reached the app.
    NotExecuted,
    /// Nobody can say.
    Unknown,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeStatus {
    /// The tool answered.
    Answered,
    /// The tool answered that it failed.
    ToolError,
    /// The app answered with a protocol error.
    ProtocolError,
    /// The app wants something of the client first (2026-07-28: `input_required`), or has made a task of it.
    Unfinished,
    /// There was no answer.
    Failed,
    /// The gateway stopped before it knew.
    Unknown,
}

/// What came of a call.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The call.
    pub call: CallId,
    /// The person it was for: whom the record is about. None: nobody knows any more.
    pub human: Option<HumanId>,
    /// When it ended.
    pub at: UnixMicros,
    /// What was observed to have happened.
    pub effect: Effect,
    /// How it ended.
    pub status: OutcomeStatus,
    /// The stable code of the fault, where there was one.
    pub code: Option<String>,
    /// Whether what was observed is what the verdict permits ([`agreement`]); none where nobody can say.
    pub agrees: Option<bool>,
    /// SHA-256 of the answer as it was passed on.
    pub answer_digest: Option<Digest>,
    /// Length of the answer as it was passed on.
    pub answer_bytes: u64,
    /// The answer as it came, where something else was passed on, or nothing.
    pub came: Option<Came>,
    /// How many places of it rules hid; none where no rule hid any.
    pub hidden: Option<u32>,
    /// How many echoes of a secret were taken out of it.
    pub scrubbed: u32,
    /// The protocol and revision spoken with the app; none where nothing was sent to one.
    pub wire: Option<Cow<'static, str>>,
    /// The HTTP status of the app's response, where there was one.
    pub http_status: Option<u16>,
    /// The code of the app's JSON-RPC error, where it answered with one.
    pub rpc_code: Option<i64>,
    /// Where the credential that was put on it is kept, never its value: `vault:crm`. None where it had none.
    pub credential: Option<String>,
    /// How long the intent took to be durable; none where nobody measured it.
    pub durable_us: Option<i64>,
    /// How long the app took.
    pub took_us: i64,
}

/// An answer as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Came {
    /// SHA-256 of it.
    pub digest: Digest,
    /// Its length.
    pub bytes: u64,
}

/// One value of what is true from now on, written in the same transaction as the record of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateWrite {
    /// Which kind of state, for example `person`.
    pub kind: String,
    /// Which one.
    pub key: String,
    /// The value; none deletes it.
    pub value: Option<String>,
}

/// Somebody changed what is true: a person was offboarded, rules were loaded, a child was started.
#[derive(Debug, Clone)]
pub struct Change {
    /// The id of the change.
    pub id: CallId,
    /// When.
    pub at: UnixMicros,
    /// Who, for example `os-user:root`.
    pub by: String,
    /// What, for example `people.offboard`. Stands in the leaf as it is: a word of ours, never user input.
    pub what: String,
    /// Whom or what it concerns.
    pub subject: String,
    /// The person it is about, with whose records this one is erased. None: it is about nobody.
    pub human: Option<HumanId>,
    /// Everything else worth keeping. Never a secret.
    pub detail: serde_json::Value,
    /// What is true from now on. The values stand in the state only, not in the record.
    pub state: Vec<StateWrite>,
}

/// What kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordKind {
    /// Before an effect.
    Intent,
    /// After it.
    Outcome,
    /// A change of what is true.
    Change,
}

impl Effect {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Executed, Self::NotExecuted, Self::Unknown];

    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Executed => "executed",
            Self::NotExecuted => "not_executed",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether what was observed of a call is what its verdict permits: nothing ran that it stops, and no answer was passed on
/// whole of which it hides something (`hidden`: how many places were hidden, none where nobody looked for any). None: nobody
/// can say.
pub fn agreement(verdict: Verdict, effect: Effect, status: OutcomeStatus, hidden: Option<u32>) -> Option<bool> {
    match effect {
        Effect::Unknown => None,
        Effect::NotExecuted => Some(true),
        Effect::Executed if !verdict.runs() => Some(false),
        Effect::Executed => Some(verdict != Verdict::Redact || hidden.is_some() || status == OutcomeStatus::Failed),
    }
}

impl OutcomeStatus {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Answered, Self::ToolError, Self::ProtocolError, Self::Unfinished, Self::Failed, Self::Unknown];

    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::ToolError => "tool_error",
            Self::ProtocolError => "protocol_error",
            Self::Unfinished => "unfinished",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

impl RecordKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Intent, Self::Outcome, Self::Change];

    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Outcome => "outcome",
            Self::Change => "change",
        }
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for RecordKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a kind of record: it takes intent, outcome or change"))
    }
}
