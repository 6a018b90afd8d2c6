//! A record as it is read back, and what a table or an explanation needs of it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use model::{
    ArgumentLevel, ArgumentReads, CallId, Class, ClassSource, Clause, Digest, Method, Observed, Reason, RuleId,
    TraceParent, UnixMicros, Verdict,
};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::body::{ChangeBody, IntentBody, OutcomeBody};
use crate::facets::BodySaid;
use crate::leaf::{ChangeLeaf, IntentLeaf, OutcomeLeaf};
use crate::record::{Approved, Came, Delegation, Effect, OutcomeStatus, RecordKind, agreement};

/// One record of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands.
    pub sequence: u64,
    /// What kind of record.
    pub kind: RecordKind,
    /// The call, or the id of the change.
    pub call: CallId,
    /// When.
    pub at: UnixMicros,
    /// The software that acted (intents only, as everything down to the verdict).
    pub agent: Option<String>,
    /// The person it acted for; none once erased.
    pub human: Option<String>,
    /// The app.
    pub app: Option<String>,
    /// The tool.
    pub tool: Option<String>,
    /// The class in force.
    pub class: Option<Class>,
    /// What was decided.
    pub verdict: Option<Verdict>,
    /// RFC 8785: ids, digests and commitments.
    pub leaf: String,
    /// The hash that stands in the log.
    pub leaf_hash: Digest,
    /// JSON: the plain text and the salt; none once erased.
    pub body: Option<String>,
    /// The number of the key that its body stood under, where that is destroyed: the record of the erasure names it.
    pub lost_key: Option<u32>,
    /// Of an intent: the leaf of the first outcome of its call, where there is one.
    pub outcome_leaf: Option<String>,
}

/// What an intent says.
#[derive(Debug, Clone)]
pub struct IntentView {
    /// The version of the schema; what a version before 2 did not say is none or empty.
    pub version: u64,
    /// The call.
    pub call: CallId,
    /// The call that caused it.
    pub cause: Option<CallId>,
    /// When it was decided.
    pub at: UnixMicros,
    /// What kind of thing was asked.
    pub method: Method,
    /// The software that acted.
    pub agent: String,
    /// The person it acted for; none once erased.
    pub human: Option<String>,
    /// The task; none once erased.
    pub task: Option<String>,
    /// Which token; none once erased.
    pub token_id: Option<String>,
    /// Who let whom act, the person at the root first; empty once erased.
    pub delegation_chain: Vec<Delegation>,
    /// The protocol and revision in which it was asked.
    pub wire: Option<String>,
    /// The client's span that it is part of, where the client said so.
    pub trace_parent: Option<TraceParent>,
    /// The app.
    pub app: String,
    /// The tool.
    pub tool: String,
    /// The class in force.
    pub class: Class,
    /// Who says so.
    pub class_source: ClassSource,
    /// The clause of a contract that decided.
    pub clause: Option<Clause>,
    /// Digest of the tool's definition.
    pub definition: Option<Digest>,
    /// What was decided.
    pub verdict: Verdict,
    /// The rules that decided.
    pub rules: Vec<RuleId>,
    /// Their sentences, places and texts; empty once erased.
    pub reasons: Vec<Reason>,
    /// What would have been decided if everything were enforced; none where that is what was decided. Its reasons are
    /// empty once erased.
    pub observed: Option<Observed>,
    /// Digest of all rules.
    pub bundle: Digest,
    /// How old what the directory says was; none where nobody knew.
    pub directory_age_us: Option<i64>,
    /// How old the app's own word on what it offers was; none where it had not been asked.
    pub catalog_age_us: Option<i64>,
    /// How long deciding took.
    pub decide_us: Option<i64>,
    /// The arguments; none when there were none, they were too long, are not kept whole, or are erased.
    pub arguments: Option<Box<RawValue>>,
    /// How much of them is kept.
    pub kept: ArgumentLevel,
    /// What people may see of arguments that are not kept whole.
    pub redacted: Option<Box<RawValue>>,
    /// What rules looked at of arguments that are not kept whole.
    pub read: Option<ArgumentReads>,
    /// Their digest; none once erased.
    pub arguments_digest: Option<Digest>,
    /// Whether the arguments were too long to keep.
    pub truncated: bool,
    /// Who approved it, where it waited for people; empty once erased.
    pub approvals: Vec<Approved>,
    /// Whether people approved it, which stays known.
    pub approved: bool,
    /// JSON of the facts the decision looked at; none once erased.
    pub facts: Option<Box<RawValue>>,
}

/// What an outcome says.
#[derive(Debug, Clone)]
pub struct OutcomeView {
    /// The version of the schema; what a version before 2 did not say is none.
    pub version: u64,
    /// The call.
    pub call: CallId,
    /// When it ended.
    pub at: UnixMicros,
    /// What was observed to have happened.
    pub effect: Effect,
    /// How it ended.
    pub status: OutcomeStatus,
    /// The stable code of the fault.
    pub code: Option<String>,
    /// Whether what was observed is what the verdict permits; none where nobody can say.
    pub agrees: Option<bool>,
    /// Digest of the answer as it was passed on; read from the outcome's own entry only.
    pub answer_digest: Option<Digest>,
    /// Length of the answer as it was passed on.
    pub answer_bytes: u64,
    /// The answer as it came, where something else was passed on; read from the outcome's own entry only.
    pub came: Option<Came>,
    /// Length of the answer as it came, where something else was passed on.
    pub came_bytes: Option<u64>,
    /// Places of it that rules hid; none where no rule hid any.
    pub hidden: Option<u32>,
    /// Echoes of a secret taken out of it.
    pub scrubbed: u32,
    /// The protocol and revision spoken with the app.
    pub wire: Option<String>,
    /// The HTTP status of the app's response.
    pub http_status: Option<u16>,
    /// The code of the app's JSON-RPC error.
    pub rpc_code: Option<i64>,
    /// Where the credential on it is kept; read from the outcome's own entry only.
    pub credential: Option<String>,
    /// Whether a credential was put on it.
    pub with_credential: bool,
    /// How long the intent took to be durable.
    pub durable_us: Option<i64>,
    /// How long the app took.
    pub took_us: i64,
}

/// What a change says.
#[derive(Debug, Clone)]
pub struct ChangeView {
    /// The id of the change.
    pub id: CallId,
    /// When.
    pub at: UnixMicros,
    /// What.
    pub what: String,
    /// Who; none once erased.
    pub by: Option<String>,
    /// Whom or what it concerns; none once erased.
    pub subject: Option<String>,
    /// Everything else; none once erased.
    pub detail: Option<Value>,
}

// === impl Entry ===

impl Entry {
    /// What it says as an intent. None: it is something else, or its leaf is unreadable.
    pub fn intent(&self) -> Option<IntentView> {
        if self.kind != RecordKind::Intent {
            return None;
        }
        let leaf: IntentLeaf = serde_json::from_str(&self.leaf).ok()?;
        let body = self.body.as_deref().and_then(|body| serde_json::from_str::<IntentBody<'_>>(body).ok());
        let body = body.as_ref();
        Some(IntentView {
            version: leaf.v,
            call: leaf.call,
            cause: leaf.cause,
            at: UnixMicros(leaf.at_us),
            method: leaf.method,
            agent: leaf.agent.to_string(),
            human: body.map(|body| body.human.to_string()),
            task: body.map(|body| body.task.to_string()),
            token_id: body.map(|body| body.token.to_string()),
            delegation_chain: body
                .and_then(|body| serde_json::from_str(body.delegation_chain?).ok())
                .unwrap_or_default(),
            wire: leaf.wire.map(Cow::into_owned),
            trace_parent: leaf.traceparent,
            app: leaf.app.to_string(),
            tool: leaf.tool.to_string(),
            class: leaf.class,
            class_source: leaf.class_source,
            clause: leaf.clause,
            definition: leaf.definition,
            verdict: leaf.verdict,
            rules: leaf.rules,
            reasons: body.and_then(|body| serde_json::from_str(body.reasons).ok()).unwrap_or_default(),
            observed: leaf.would.map(|verdict| Observed {
                verdict,
                reasons: body.and_then(|body| serde_json::from_str(body.observed?).ok()).unwrap_or_default(),
            }),
            bundle: leaf.bundle,
            directory_age_us: leaf.directory_age_us,
            catalog_age_us: leaf.catalog_age_us,
            decide_us: leaf.decide_us,
            arguments: body.filter(|body| body.kept.is_none()).and_then(|body| body.arguments).map(ToOwned::to_owned),
            kept: body.and_then(|body| body.kept).unwrap_or(ArgumentLevel::Full),
            redacted: body.filter(|body| body.kept.is_some()).and_then(|body| body.arguments).map(ToOwned::to_owned),
            read: body.and_then(|body| serde_json::from_str(body.read?).ok()),
            arguments_digest: body.map(|body| body.arguments_digest),
            truncated: body.is_some_and(|body| body.truncated),
            approvals: body.and_then(|body| serde_json::from_str(body.approvals?).ok()).unwrap_or_default(),
            approved: leaf.approvals.is_some(),
            facts: body.and_then(|body| RawValue::from_string(body.facts.to_owned()).ok()),
        })
    }

    /// What it says as an outcome; of an intent, what came of its call. None: there is no outcome, or it is unreadable.
    pub fn outcome(&self) -> Option<OutcomeView> {
        let (leaf, body) = match self.kind {
            RecordKind::Outcome => (Some(&self.leaf), self.body.as_deref()),
            RecordKind::Intent => (self.outcome_leaf.as_ref(), None),
            RecordKind::Change => (None, None),
        };
        let leaf: OutcomeLeaf = serde_json::from_str(leaf?).ok()?;
        let body = body.and_then(|body| serde_json::from_str::<OutcomeBody<'_>>(body).ok());
        let body = body.as_ref();
        let came = body.and_then(|body| Some(Came { digest: body.came_digest?, bytes: leaf.came_bytes? }));
        Some(OutcomeView {
            version: leaf.v,
            call: leaf.call,
            at: UnixMicros(leaf.at_us),
            effect: leaf.effect,
            status: leaf.status,
            code: leaf.code,
            agrees: leaf.agrees,
            answer_digest: body.and_then(|body| body.answer_digest),
            answer_bytes: leaf.answer_bytes,
            came,
            came_bytes: leaf.came_bytes,
            hidden: leaf.hidden,
            scrubbed: leaf.scrubbed,
            wire: leaf.wire.map(Cow::into_owned),
            http_status: leaf.http_status,
            rpc_code: leaf.rpc_code,
            credential: body.and_then(|body| body.credential.as_deref()).map(str::to_owned),
            with_credential: leaf.credential.is_some(),
            durable_us: leaf.durable_us,
            took_us: leaf.took_us,
        })
    }

    /// Whether what was observed is what the verdict of this intent permits, computed from both records. None: nobody can
    /// say, there is no outcome, or this is no intent.
    pub fn agrees(&self) -> Option<bool> {
        self.outcome()?.agrees_with(self.verdict?)
    }

    /// What it says as a change. None: it is something else, or its leaf is unreadable.
    pub fn change(&self) -> Option<ChangeView> {
        if self.kind != RecordKind::Change {
            return None;
        }
        let leaf: ChangeLeaf = serde_json::from_str(&self.leaf).ok()?;
        let body = self.body.as_deref().and_then(|body| serde_json::from_str::<ChangeBody<'_>>(body).ok());
        let body = body.as_ref();
        Some(ChangeView {
            id: leaf.id,
            at: UnixMicros(leaf.at_us),
            what: leaf.what,
            by: body.map(|body| body.by.to_string()),
            subject: body.map(|body| body.subject.to_string()),
            detail: body.and_then(|body| serde_json::from_str(body.detail.get()).ok()),
        })
    }

    /// The task that it is part of, as its text says. None: it has none, or no text any more.
    pub fn task(&self) -> Option<String> {
        BodySaid::of(self.body.as_deref()).task.map(Cow::into_owned)
    }

    /// The whole record for programs: columns, leaf, hash, and of the body what people may see.
    pub fn to_json(&self) -> Value {
        let mut out = Map::new();
        out.insert("sequence".into(), self.sequence.into());
        out.insert("kind".into(), self.kind.as_str().into());
        out.insert("call".into(), self.call.as_str().into());
        out.insert("time".into(), rfc3339(self.at).into());
        let columns = [
            ("agent", self.agent.as_deref()),
            ("human", self.human.as_deref()),
            ("app", self.app.as_deref()),
            ("tool", self.tool.as_deref()),
            ("class", self.class.map(Class::as_str)),
            ("verdict", self.verdict.map(Verdict::as_str)),
        ];
        for (name, value) in columns {
            if let Some(value) = value {
                out.insert(name.into(), value.into());
            }
        }
        out.insert("leaf".into(), value_or_text(&self.leaf));
        out.insert("leaf_hash".into(), self.leaf_hash.to_string().into());
        if let Some(shown) = self.shown() {
            let mut body = members_or_text(&shown.text);
            people_see(&mut body);
            out.insert("body".into(), body);
        }
        if let Some(outcome) = &self.outcome_leaf {
            out.insert("outcome".into(), value_or_text(outcome));
        }
        Value::Object(out)
    }
}

// === impl IntentView ===

impl IntentView {
    /// The sentence of the first reason, else the first rule, else nothing.
    pub fn because(&self) -> &str {
        match (self.reasons.first(), self.rules.first()) {
            (Some(reason), _) => &reason.sentence,
            (None, Some(rule)) => rule.as_str(),
            (None, None) => "",
        }
    }
}

// === impl OutcomeView ===

impl OutcomeView {
    /// How the call ended, in words for people, where that is not plain success.
    pub fn trouble(&self) -> Option<&'static str> {
        Some(match (self.status, self.effect) {
            _ if self.agrees == Some(false) => "against the verdict",
            (OutcomeStatus::Answered, _) => return None,
            (OutcomeStatus::ToolError, _) => "the tool failed",
            (OutcomeStatus::ProtocolError, _) => "protocol error",
            (OutcomeStatus::Unfinished, _) => "not finished, something is still awaited",
            (OutcomeStatus::Failed, Effect::NotExecuted) => "failed, not executed",
            (OutcomeStatus::Failed, Effect::Executed) => "executed, its answer was not passed on",
            (OutcomeStatus::Failed, _) => "failed, effect unknown",
            (OutcomeStatus::Unknown, _) => "unknown",
        })
    }

    /// Whether what was observed is what this verdict permits, whatever the record says of that. None: nobody can say.
    pub fn agrees_with(&self, verdict: Verdict) -> Option<bool> {
        // Version 1 did not say whether anything was hidden.
        let unsaid = self.version == 1 && verdict == Verdict::Redact;
        agreement(verdict, self.effect, self.status, self.hidden).filter(|agrees| *agrees || !unsaid)
    }
}

/// Takes out of a body what nobody is shown: the salt, and what the level of the app keeps back of the arguments. Everything that
/// shows bodies goes through this, or through [`IntentView`].
fn people_see(body: &mut Value) {
    let kept = body.get("kept").and_then(Value::as_str).map(str::to_owned);
    let Some(fields) = body.as_object_mut() else { return };
    fields.remove("salt");
    let Some(kept) = kept else { return };
    if kept == ArgumentLevel::None.as_str() {
        fields.remove("arguments_digest");
    }
    // What rules looked at is kept for them, and not for showing.
    if let Some(read) = fields.get_mut("facts").and_then(|facts| facts.get_mut("arguments")) {
        let bytes = read.get("bytes").cloned().unwrap_or_default();
        *read = serde_json::json!({ "bytes": bytes, "sealed": true });
    }
}

/// The person whom a change is about, as far as its body says so: for records from before that stood beside them.
pub fn person_in_change(body: &str) -> Option<String> {
    let body: ChangeBody<'_> = serde_json::from_str(body).ok()?;
    let subject = body.subject.strip_prefix("human:").map(str::to_owned);
    let detail = || serde_json::from_str::<Value>(body.detail.get()).ok()?.get("human")?.as_str().map(str::to_owned);
    subject.or_else(detail)
}

/// A time as RFC 3339 in UTC with microseconds, or the bare number where a calendar ends.
pub fn rfc3339(at: UnixMicros) -> String {
    match jiff::Timestamp::from_microsecond(at.0) {
        Ok(time) => format!("{time:.6}"),
        Err(_) => at.0.to_string(),
    }
}

/// JSON that only a lenient reader takes (a number past every double) is shown as text rather than not at all: member by member, so
/// that one of them changes nothing of the others.
fn members_or_text(json: &str) -> Value {
    match serde_json::from_str::<BTreeMap<String, &RawValue>>(json) {
        Ok(members) => members.into_iter().map(|(name, raw)| (name, value_or_text(raw.get()))).collect(),
        Err(_) => value_or_text(json),
    }
}

fn value_or_text(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|_| Value::String(json.to_owned()))
}

#[cfg(test)]
mod tests;
