//! The leaves: what is hashed into the log for ever. RFC 8785, with the keys put in order by hand.

use model::{AgentId, AppId, CallId, Class, ClassSource, Digest, Method, RuleId, ToolName, UnixMicros, Verdict};
use serde::Deserialize;

use crate::commitment::Commitment;
use crate::record::{Effect, OutcomeStatus, RecordKind};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IntentLeaf {
    pub(crate) agent: AgentId,
    pub(crate) app: AppId,
    pub(crate) arguments: Commitment,
    pub(crate) at_us: i64,
    pub(crate) bundle: Digest,
    pub(crate) call: CallId,
    // Missing in the leaves of versions that linked no calls.
    #[serde(default)]
    pub(crate) cause: Option<CallId>,
    pub(crate) class: Class,
    pub(crate) class_source: ClassSource,
    pub(crate) definition: Option<Digest>,
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
    pub(crate) v: u64,
    pub(crate) verdict: Verdict,
    #[serde(default)]
    pub(crate) would: Option<Verdict>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutcomeLeaf {
    pub(crate) answer: Option<Commitment>,
    pub(crate) answer_bytes: u64,
    pub(crate) at_us: i64,
    pub(crate) call: CallId,
    pub(crate) code: Option<String>,
    pub(crate) effect: Effect,
    pub(crate) kind: RecordKind,
    pub(crate) scrubbed: u32,
    pub(crate) status: OutcomeStatus,
    pub(crate) took_us: i64,
    pub(crate) v: u64,
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

/// Writes one JSON object. The caller gives the keys in the order they shall have.
pub(crate) struct ObjectWriter {
    out: Vec<u8>,
}

impl IntentLeaf {
    // INVARIANT: the keys are in the order of RFC 8785 (`leaves_are_canonical`).
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut to = ObjectWriter::with_capacity(1_280);
        to.text("agent", self.agent.as_str());
        to.text("app", self.app.as_str());
        to.plain("arguments", self.arguments);
        to.number("at_us", self.at_us);
        to.plain("bundle", self.bundle);
        to.text("call", self.call.as_str());
        if let Some(cause) = &self.cause {
            to.text("cause", cause.as_str());
        }
        to.text("class", self.class.as_str());
        to.text("class_source", self.class_source.as_str());
        to.plain_or_null("definition", self.definition);
        to.plain("facts", self.facts);
        to.plain("human", self.human);
        to.text("kind", self.kind.as_str());
        to.text("method", self.method.as_str());
        if let Some(observed) = self.observed {
            to.plain("observed", observed);
        }
        to.plain("reasons", self.reasons);
        to.texts("rules", self.rules.iter().map(RuleId::as_str));
        to.plain("task", self.task);
        to.plain("token", self.token);
        to.text("tool", self.tool.as_str());
        to.number("v", self.v);
        to.text("verdict", self.verdict.as_str());
        if let Some(would) = self.would {
            to.text("would", would.as_str());
        }
        to.finish()
    }
}

impl OutcomeLeaf {
    // INVARIANT: the keys are in the order of RFC 8785 (`leaves_are_canonical`).
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut to = ObjectWriter::with_capacity(384);
        to.plain_or_null("answer", self.answer);
        to.number("answer_bytes", self.answer_bytes);
        to.number("at_us", self.at_us);
        to.text("call", self.call.as_str());
        to.text_or_null("code", self.code.as_deref());
        to.text("effect", self.effect.as_str());
        to.text("kind", self.kind.as_str());
        to.number("scrubbed", self.scrubbed);
        to.text("status", self.status.as_str());
        to.number("took_us", self.took_us);
        to.number("v", self.v);
        to.finish()
    }
}

impl ChangeLeaf {
    // INVARIANT: the keys are in the order of RFC 8785 (`leaves_are_canonical`).
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut to = ObjectWriter::with_capacity(512);
        to.number("at_us", self.at_us);
        to.plain("by", self.by);
        to.plain("detail", self.detail);
        to.text("id", self.id.as_str());
        to.text("kind", self.kind.as_str());
        to.plain("subject", self.subject);
        to.number("v", self.v);
        to.text("what", &self.what);
        to.finish()
    }
}

impl ObjectWriter {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        let mut out = Vec::with_capacity(bytes);
        out.push(b'{');
        Self { out }
    }

    pub(crate) fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        json::write_string(&mut self.out, text);
    }

    /// Text without a character that JSON would escape: digests and commitments.
    pub(crate) fn plain(&mut self, key: &str, text: impl std::fmt::Display) {
        use std::io::Write as _;
        self.key(key);
        self.out.push(b'"');
        // Writing to memory cannot fail.
        let _written = write!(self.out, "{text}");
        self.out.push(b'"');
    }

    pub(crate) fn plain_or_null(&mut self, key: &str, text: Option<impl std::fmt::Display>) {
        match text {
            Some(text) => self.plain(key, text),
            None => self.raw(key, "null"),
        }
    }

    pub(crate) fn text_or_null(&mut self, key: &str, text: Option<&str>) {
        match text {
            Some(text) => self.text(key, text),
            None => self.raw(key, "null"),
        }
    }

    pub(crate) fn texts<'t>(&mut self, key: &str, texts: impl Iterator<Item = &'t str>) {
        self.key(key);
        self.out.push(b'[');
        for (place, text) in texts.enumerate() {
            if place > 0 {
                self.out.push(b',');
            }
            json::write_string(&mut self.out, text);
        }
        self.out.push(b']');
    }

    pub(crate) fn number(&mut self, key: &str, number: impl std::fmt::Display) {
        use std::io::Write as _;
        self.key(key);
        // Writing to memory cannot fail.
        let _written = write!(self.out, "{number}");
    }

    pub(crate) fn raw(&mut self, key: &str, value: &str) {
        self.key(key);
        self.out.extend_from_slice(value.as_bytes());
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.out.push(b'}');
        self.out
    }

    fn key(&mut self, key: &str) {
        if self.out.len() > 1 {
            self.out.push(b',');
        }
        // Keys are words of ours without anything to escape.
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
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

/// The version of this schema.
pub(crate) const VERSION: u64 = 1;

const EXACT_MAX: i64 = (1 << 53) - 1;
