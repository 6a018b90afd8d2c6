//! A record as a store takes it: columns for questions, the leaf, its hash, and the body.

use std::borrow::Cow;

use model::limits::ARGUMENTS_KEPT_BYTES_MAX;
use model::{AgentId, AppId, ArgumentLevel, CallId, Class, Digest, HumanId, TaskId, ToolName, UnixMicros, Verdict};
use serde::Serialize;
use serde_json::value::RawValue;
use tlog::limits::ENTRY_BYTES_MAX;

use crate::body::{ChangeBody, IntentBody, OutcomeBody};
use crate::commitment::{Salt, sha256};
use crate::error::TraceError;
use crate::form::Form;
use crate::leaf::{ChangeLeaf, IntentLeaf, OutcomeLeaf, VERSION, exact, exact_time, exact_unsigned};
use crate::record::{Change, Intent, Outcome, RecordKind};
use crate::scratch::Scratch;

/// One record, ready to be stored.
#[derive(Debug, Clone)]
pub struct Row {
    /// What kind of record.
    pub kind: RecordKind,
    /// The call, or the id of the change.
    pub call: CallId,
    /// When.
    pub at: UnixMicros,
    /// The software that acts (intents only, as everything down to the verdict).
    pub agent: Option<AgentId>,
    /// The person it acts for. Goes with the body when that is erased.
    pub human: Option<HumanId>,
    /// The person whom the record is about, of whichever kind it is; none: nobody but the gateway. The body goes when what is
    /// about that person is erased.
    pub subject: Option<HumanId>,
    /// Whom or what a change concerns (changes only).
    pub concern: Option<Concern>,
    /// The task it acts in. Goes with the body when that is erased.
    pub task: Option<TaskId>,
    /// The app.
    pub app: Option<AppId>,
    /// The tool.
    pub tool: Option<ToolName>,
    /// The class in force.
    pub class: Option<Class>,
    /// What was decided.
    pub verdict: Option<Verdict>,
    /// RFC 8785: ids, digests and commitments.
    pub leaf: Form,
    /// [`leaf_hash`] of it.
    pub leaf_hash: Digest,
    /// JSON: the plain text and the salt.
    pub body: Form,
}

/// Whom or what a change concerns, as far as an index may know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Concern {
    /// The person whom its record is about.
    Person,
    /// Something else, by what it is called.
    Thing(String),
    /// Only the body may say: it names a person whose records it would not go with, or not only that person.
    Sealed,
}

impl Row {
    /// The record of an intent. Error: it contradicts itself, or there is no randomness.
    pub fn of_intent(intent: &Intent<'_>) -> Result<Self, TraceError> {
        let (mut reasons, mut observed, mut chain) = (Scratch::new(), Scratch::new(), Scratch::new());
        let reasons = written(&mut reasons, &intent.reasons, "the reasons cannot be written")?;
        let observed = match &intent.observed {
            Some(would) => Some(written(&mut observed, &would.reasons, "the reasons cannot be written")?),
            None => None,
        };
        let chain = written(&mut chain, &intent.delegation_chain, "the chain of delegation cannot be written")?;
        let mut approvals = Scratch::new();
        let approvals = match intent.approvals.is_empty() {
            true => None,
            false => Some(written(&mut approvals, &intent.approvals, "the approvals cannot be written")?),
        };
        let whole = arguments_of(intent)?;
        let (kept, arguments) = kept_of(intent, whole)?;
        let read = read_of(intent, kept)?;
        let body = IntentBody {
            salt: Salt::random()?,
            human: Cow::Borrowed(intent.human.as_str()),
            task: Cow::Borrowed(intent.task.as_str()),
            token: Cow::Borrowed(&intent.token_id),
            approvals,
            delegation_chain: Some(chain),
            arguments_digest: intent.arguments_digest,
            truncated: kept.is_none() && arguments.is_none() && intent.arguments.is_some(),
            kept,
            read: read.as_deref(),
            arguments,
            facts: intent.facts.as_str(),
            facts_places: intent.facts.places().cloned(),
            reasons,
            observed,
        };
        let commitments = body.commitments();
        let at = exact_time(intent.at);
        let leaf = IntentLeaf {
            agent: intent.agent.clone(),
            app: intent.app.clone(),
            approvals: commitments.approvals,
            arguments: commitments.arguments,
            at_us: at.0,
            bundle: intent.bundle,
            call: intent.call.clone(),
            catalog_age_us: intent.catalog_age_us.map(exact),
            cause: intent.cause.clone(),
            class: intent.class,
            class_source: intent.class_source,
            clause: intent.reasons.iter().find_map(|reason| reason.clause.clone()),
            decide_us: Some(exact(intent.decide_us)),
            definition: intent.definition,
            delegation_chain: commitments.delegation_chain,
            directory_age_us: intent.directory_age_us.map(exact),
            facts: commitments.facts,
            human: commitments.human,
            kind: RecordKind::Intent,
            method: intent.method,
            observed: commitments.observed,
            reasons: commitments.reasons,
            rules: intent.reasons.iter().map(|reason| reason.rule.clone()).collect(),
            task: commitments.task,
            token: commitments.token,
            tool: intent.tool.clone(),
            traceparent: intent.trace_parent,
            v: VERSION,
            verdict: intent.verdict,
            wire: Some(intent.wire.clone()),
            would: intent.observed.as_ref().map(|observed| observed.verdict),
        };
        let bare = Self::bare(RecordKind::Intent, &intent.call, at, leaf.form(), body.form())?;
        Ok(Self {
            agent: Some(intent.agent.clone()),
            human: Some(intent.human.clone()),
            subject: Some(intent.human.clone()),
            task: Some(intent.task.clone()),
            app: Some(intent.app.clone()),
            tool: Some(intent.tool.clone()),
            class: Some(intent.class),
            verdict: Some(intent.verdict),
            ..bare
        })
    }

    /// The record of an outcome. Error: there is no randomness.
    pub fn of_outcome(outcome: &Outcome) -> Result<Self, TraceError> {
        let body = OutcomeBody {
            salt: Salt::random()?,
            answer_digest: outcome.answer_digest,
            came_digest: outcome.came.map(|came| came.digest),
            credential: outcome.credential.as_deref().map(Cow::Borrowed),
        };
        let commitments = body.commitments();
        let at = exact_time(outcome.at);
        let leaf = OutcomeLeaf {
            agrees: outcome.agrees,
            answer: commitments.answer,
            answer_bytes: exact_unsigned(outcome.answer_bytes),
            at_us: at.0,
            call: outcome.call.clone(),
            came: commitments.came,
            came_bytes: outcome.came.map(|came| exact_unsigned(came.bytes)),
            code: outcome.code.clone(),
            credential: commitments.credential,
            durable_us: outcome.durable_us.map(exact),
            effect: outcome.effect,
            hidden: outcome.hidden,
            http_status: outcome.http_status,
            kind: RecordKind::Outcome,
            rpc_code: outcome.rpc_code.map(exact),
            scrubbed: outcome.scrubbed,
            status: outcome.status,
            took_us: exact(outcome.took_us),
            v: VERSION,
            wire: outcome.wire.clone(),
        };
        let bare = Self::bare(RecordKind::Outcome, &outcome.call, at, leaf.form(), body.form())?;
        Ok(Self { subject: outcome.human.clone(), ..bare })
    }

    /// The record of a change. Error: there is no randomness.
    pub fn of_change(change: &Change) -> Result<Self, TraceError> {
        let detail = serde_json::value::to_raw_value(&change.detail)
            .map_err(|_| TraceError::Malformed { what: "the detail of a change cannot be written" })?;
        let body = ChangeBody {
            salt: Salt::random()?,
            by: Cow::Borrowed(&change.by),
            subject: Cow::Borrowed(&change.subject),
            detail: &detail,
        };
        let commitments = body.commitments();
        let at = exact_time(change.at);
        let leaf = ChangeLeaf {
            at_us: at.0,
            by: commitments.by,
            detail: commitments.detail,
            id: change.id.clone(),
            kind: RecordKind::Change,
            subject: commitments.subject,
            v: VERSION,
            what: change.what.clone(),
        };
        let bare = Self::bare(RecordKind::Change, &change.id, at, leaf.form(), body.form())?;
        Ok(Self { subject: change.human.clone(), concern: Some(Concern::of(change)), ..bare })
    }

    /// The text of the leaf.
    pub fn leaf_text(&self) -> Option<String> {
        self.leaf.text(&self.call, self.at)
    }

    /// The text of the body.
    pub fn body_text(&self) -> Option<String> {
        self.body.text(&self.call, self.at)
    }

    fn bare(
        kind: RecordKind,
        call: &CallId,
        at: UnixMicros,
        leaf: Option<Form>,
        body: Option<Form>,
    ) -> Result<Self, TraceError> {
        let malformed = || TraceError::Malformed { what: "it is not UTF-8" };
        let (leaf, body) = (leaf.ok_or_else(malformed)?, body.ok_or_else(malformed)?);
        // As `leaf_hash` has it, in one piece.
        let mut text = Scratch::new();
        text.push(0);
        leaf.write(&mut text, call, at).ok_or_else(malformed)?;
        let bytes = text.len() - 1;
        if bytes > ENTRY_BYTES_MAX {
            return Err(TraceError::TooLong { bytes });
        }
        let leaf_hash = sha256(&text);
        Ok(Self {
            kind,
            call: call.clone(),
            at,
            agent: None,
            human: None,
            subject: None,
            concern: None,
            task: None,
            app: None,
            tool: None,
            class: None,
            verdict: None,
            leaf,
            leaf_hash,
            body,
        })
    }
}

// === impl Concern ===

impl Concern {
    /// INVARIANT: what an index keeps of a person can be told from nothing but the row of that person's key
    /// (`a_change_is_found_without_naming_anybody`).
    fn of(change: &Change) -> Self {
        let human = change.human.as_ref().map(HumanId::as_str);
        match change.subject.strip_prefix(HUMAN) {
            Some(subject) if human == Some(subject) => Self::Person,
            Some(_) => Self::Sealed,
            None if human.is_some_and(|human| change.subject.contains(human)) => Self::Sealed,
            None => Self::Thing(change.subject.clone()),
        }
    }
}

/// The arguments to keep: none when there are none or they are too long.
fn arguments_of<'i>(intent: &'i Intent<'_>) -> Result<Option<&'i RawValue>, TraceError> {
    let bytes = intent.arguments.as_deref().unwrap_or_default();
    if bytes.len() > ARGUMENTS_KEPT_BYTES_MAX {
        return Ok(None);
    }
    if sha256(bytes) != intent.arguments_digest {
        return Err(TraceError::Malformed { what: "the digest is not that of the arguments" });
    }
    if intent.arguments.is_none() {
        return Ok(None);
    }
    let raw = json_of(bytes, "the arguments are not JSON")?;
    if raw.get().len() != bytes.len() {
        return Err(TraceError::Malformed { what: "there is white space around the arguments" });
    }
    Ok(Some(raw))
}

/// What is kept of arguments that are not kept whole, and what of them: what cannot be redacted is shown as its digest.
fn kept_of<'i>(
    intent: &'i Intent<'_>,
    whole: Option<&'i RawValue>,
) -> Result<(Option<ArgumentLevel>, Option<&'i RawValue>), TraceError> {
    let redacted = intent.redacted.as_deref().filter(|text| text.len() <= ARGUMENTS_KEPT_BYTES_MAX);
    match (intent.kept, redacted) {
        _ if intent.arguments.is_none() => Ok((None, None)),
        (ArgumentLevel::Full, _) => Ok((None, whole)),
        (ArgumentLevel::Redacted, Some(text)) => {
            let shown = json_of(text.as_bytes(), "what is shown of the arguments is not JSON")?;
            Ok((Some(ArgumentLevel::Redacted), Some(shown)))
        }
        (ArgumentLevel::None, _) => Ok((Some(ArgumentLevel::None), None)),
        (ArgumentLevel::Digest | ArgumentLevel::Redacted, _) => Ok((Some(ArgumentLevel::Digest), None)),
    }
}

/// What rules looked at, where the arguments do not say it themselves.
fn read_of(intent: &Intent<'_>, kept: Option<ArgumentLevel>) -> Result<Option<String>, TraceError> {
    let read = intent.read.as_ref().filter(|_| kept.is_some()).map(serde_json::to_string);
    read.transpose().map_err(|_| TraceError::Malformed { what: "what rules looked at cannot be written" })
}

fn json_of<'a>(bytes: &'a [u8], what: &'static str) -> Result<&'a RawValue, TraceError> {
    serde_json::from_slice(bytes).map_err(|_| TraceError::Malformed { what })
}

fn written<'t>(
    to: &'t mut Vec<u8>,
    value: &(impl Serialize + ?Sized),
    what: &'static str,
) -> Result<&'t str, TraceError> {
    let malformed = || TraceError::Malformed { what };
    serde_json::to_writer(&mut *to, value).map_err(|_| malformed())?;
    std::str::from_utf8(to).map_err(|_| malformed())
}

/// How the subject of a change begins that is a person.
const HUMAN: &str = "human:";

#[cfg(test)]
mod tests;
