//! The leaves: what is hashed into the log for ever. RFC 8785, with the keys put in order by hand.

use std::borrow::Cow;

use model::{
    AgentId, AppId, CallId, Class, ClassSource, Clause, Digest, Method, RuleId, ToolName, TraceParent, UnixMicros,
    Verdict,
};
use serde::Deserialize;

use crate::commitment::{COMMITMENT_PREFIX, Commitment};
use crate::form::{Form, FormWriter};
use crate::record::{Effect, OutcomeStatus, RecordKind};
use crate::text::is_address;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IntentLeaf {
    pub(crate) agent: AgentId,
    pub(crate) app: AppId,
    // There where it waited for people.
    #[serde(default)]
    pub(crate) approvals: Option<Commitment>,
    pub(crate) arguments: Commitment,
    pub(crate) at_us: i64,
    pub(crate) bundle: Digest,
    pub(crate) call: CallId,
    // Since version 2, as are `decide_us`, `delegation_chain`, `directory_age_us` and `wire`.
    #[serde(default)]
    pub(crate) catalog_age_us: Option<i64>,
    // Missing in the leaves of versions that linked no calls.
    #[serde(default)]
    pub(crate) cause: Option<CallId>,
    pub(crate) class: Class,
    pub(crate) class_source: ClassSource,
    // There where a clause of a contract decided.
    #[serde(default)]
    pub(crate) clause: Option<Clause>,
    #[serde(default)]
    pub(crate) decide_us: Option<i64>,
    pub(crate) definition: Option<Digest>,
    #[serde(default)]
    pub(crate) delegation_chain: Option<Commitment>,
    #[serde(default)]
    pub(crate) directory_age_us: Option<i64>,
    pub(crate) facts: Commitment,
    pub(crate) human: Commitment,
    pub(crate) kind: RecordKind,
    pub(crate) method: Method,
    // There where something was only observed; then `would` is, too.
    #[serde(default)]
    pub(crate) observed: Option<Commitment>,
    pub(crate) reasons: Commitment,
    pub(crate) rules: Vec<RuleId>,
    pub(crate) task: Commitment,
    pub(crate) token: Commitment,
    pub(crate) tool: ToolName,
    // There where the client said of which span it is part.
    #[serde(default)]
    pub(crate) traceparent: Option<TraceParent>,
    pub(crate) v: u64,
    pub(crate) verdict: Verdict,
    #[serde(default)]
    pub(crate) wire: Option<Cow<'static, str>>,
    #[serde(default)]
    pub(crate) would: Option<Verdict>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutcomeLeaf {
    // Since version 2, as is everything below that may be missing but for `answer` and `code`.
    #[serde(default)]
    pub(crate) agrees: Option<bool>,
    pub(crate) answer: Option<Commitment>,
    pub(crate) answer_bytes: u64,
    pub(crate) at_us: i64,
    pub(crate) call: CallId,
    // There where something else was passed on; then `came_bytes` is, too.
    #[serde(default)]
    pub(crate) came: Option<Commitment>,
    #[serde(default)]
    pub(crate) came_bytes: Option<u64>,
    pub(crate) code: Option<String>,
    #[serde(default)]
    pub(crate) credential: Option<Commitment>,
    #[serde(default)]
    pub(crate) durable_us: Option<i64>,
    pub(crate) effect: Effect,
    #[serde(default)]
    pub(crate) hidden: Option<u32>,
    #[serde(default)]
    pub(crate) http_status: Option<u16>,
    pub(crate) kind: RecordKind,
    #[serde(default)]
    pub(crate) rpc_code: Option<i64>,
    pub(crate) scrubbed: u32,
    pub(crate) status: OutcomeStatus,
    pub(crate) took_us: i64,
    pub(crate) v: u64,
    #[serde(default)]
    pub(crate) wire: Option<Cow<'static, str>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeLeaf {
    pub(crate) at_us: i64,
    pub(crate) by: Commitment,
    pub(crate) detail: Commitment,
    pub(crate) id: CallId,
    pub(crate) kind: RecordKind,
    pub(crate) subject: Commitment,
    pub(crate) v: u64,
    pub(crate) what: String,
}

impl IntentLeaf {
    // INVARIANT: the keys are in the order of RFC 8785 (`leaves_are_canonical`).
    pub(crate) fn form(&self) -> Option<Form> {
        let mut to = FormWriter::with_capacity(256);
        to.text("agent", self.agent.as_str());
        to.text("app", self.app.as_str());
        if let Some(approvals) = &self.approvals {
            to.own_digest("approvals", COMMITMENT_PREFIX, approvals.as_bytes());
        }
        to.own_digest("arguments", COMMITMENT_PREFIX, self.arguments.as_bytes());
        to.time("at_us");
        to.digest("bundle", &self.bundle);
        to.call("call");
        to.own_number_or_null("catalog_age_us", self.catalog_age_us);
        if let Some(cause) = &self.cause {
            to.own_text("cause", cause.as_str());
        }
        to.text("class", self.class.as_str());
        to.text("class_source", self.class_source.as_str());
        if let Some(clause) = &self.clause {
            to.text("clause", &clause.to_string());
        }
        to.own_number_or_null("decide_us", self.decide_us);
        match self.definition {
            Some(definition) => to.digest("definition", &definition),
            None => to.raw("definition", "null"),
        }
        if let Some(chain) = &self.delegation_chain {
            to.own_digest("delegation_chain", COMMITMENT_PREFIX, chain.as_bytes());
        }
        to.own_number_or_null("directory_age_us", self.directory_age_us);
        to.own_digest("facts", COMMITMENT_PREFIX, self.facts.as_bytes());
        to.own_digest("human", COMMITMENT_PREFIX, self.human.as_bytes());
        to.text("kind", self.kind.as_str());
        to.text("method", self.method.as_str());
        if let Some(observed) = &self.observed {
            to.own_digest("observed", COMMITMENT_PREFIX, observed.as_bytes());
        }
        to.own_digest("reasons", COMMITMENT_PREFIX, self.reasons.as_bytes());
        to.texts("rules", self.rules.iter().map(RuleId::as_str));
        to.own_digest("task", COMMITMENT_PREFIX, self.task.as_bytes());
        to.own_digest("token", COMMITMENT_PREFIX, self.token.as_bytes());
        if is_address(self.tool.as_str()) {
            to.own_text("tool", self.tool.as_str());
        } else {
            to.text("tool", self.tool.as_str());
        }
        if let Some(parent) = &self.traceparent {
            to.own_text("traceparent", &parent.to_string());
        }
        to.raw("v", VERSION_TEXT);
        to.text("verdict", self.verdict.as_str());
        to.text_or_null("wire", self.wire.as_deref());
        if let Some(would) = self.would {
            to.text("would", would.as_str());
        }
        to.finish()
    }
}

impl OutcomeLeaf {
    // INVARIANT: the keys are in the order of RFC 8785 (`leaves_are_canonical`).
    pub(crate) fn form(&self) -> Option<Form> {
        let mut to = FormWriter::with_capacity(128);
        to.raw("agrees", self.agrees.map_or("null", |agrees| if agrees { "true" } else { "false" }));
        match &self.answer {
            Some(answer) => to.own_digest("answer", COMMITMENT_PREFIX, answer.as_bytes()),
            None => to.raw("answer", "null"),
        }
        to.own_number("answer_bytes", i64::try_from(self.answer_bytes).ok()?);
        to.time("at_us");
        to.call("call");
        if let (Some(came), Some(bytes)) = (&self.came, self.came_bytes) {
            to.own_digest("came", COMMITMENT_PREFIX, came.as_bytes());
            to.own_number("came_bytes", i64::try_from(bytes).ok()?);
        }
        to.text_or_null("code", self.code.as_deref());
        match &self.credential {
            Some(credential) => to.own_digest("credential", COMMITMENT_PREFIX, credential.as_bytes()),
            None => to.raw("credential", "null"),
        }
        to.own_number_or_null("durable_us", self.durable_us);
        to.text("effect", self.effect.as_str());
        to.own_number_or_null("hidden", self.hidden.map(i64::from));
        match self.http_status {
            Some(status) => to.raw("http_status", &status.to_string()),
            None => to.raw("http_status", "null"),
        }
        to.text("kind", self.kind.as_str());
        to.own_number_or_null("rpc_code", self.rpc_code);
        to.own_number("scrubbed", i64::from(self.scrubbed));
        to.text("status", self.status.as_str());
        to.own_number("took_us", self.took_us);
        to.raw("v", VERSION_TEXT);
        to.text_or_null("wire", self.wire.as_deref());
        to.finish()
    }
}

impl ChangeLeaf {
    // INVARIANT: the keys are in the order of RFC 8785 (`leaves_are_canonical`).
    pub(crate) fn form(&self) -> Option<Form> {
        let mut to = FormWriter::with_capacity(128);
        to.time("at_us");
        to.own_digest("by", COMMITMENT_PREFIX, self.by.as_bytes());
        to.own_digest("detail", COMMITMENT_PREFIX, self.detail.as_bytes());
        to.call("id");
        to.text("kind", self.kind.as_str());
        to.own_digest("subject", COMMITMENT_PREFIX, self.subject.as_bytes());
        to.raw("v", VERSION_TEXT);
        to.text("what", &self.what);
        to.finish()
    }
}

/// The nearest number that every JSON reader keeps exactly (2^53 - 1 at most).
pub(crate) fn exact(number: i64) -> i64 {
    number.clamp(-EXACT_MAX, EXACT_MAX)
}

/// As [`exact`], for what is never negative.
pub(crate) fn exact_unsigned(number: u64) -> u64 {
    number.min(EXACT_MAX.unsigned_abs())
}

/// As [`exact`], for times.
pub(crate) fn exact_time(at: UnixMicros) -> UnixMicros {
    UnixMicros(exact(at.0))
}

/// The version of this schema. Intents and outcomes of version 1 said less.
pub(crate) const VERSION: u64 = 2;
const VERSION_TEXT: &str = "2";
/// Versions that are read.
pub(crate) const VERSIONS: std::ops::RangeInclusive<u64> = 1..=VERSION;

const EXACT_MAX: i64 = (1 << 53) - 1;
