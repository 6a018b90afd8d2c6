//! Checks one record against itself: columns and body against the leaf, the leaf against its hash.

use model::ArgumentLevel;

use crate::body::{ChangeBody, IntentBody, OutcomeBody};
use crate::commitment::{Commitment, leaf_hash, sha256};
use crate::entry::Entry;
use crate::form::Form;
use crate::leaf::{ChangeLeaf, IntentLeaf, OutcomeLeaf, VERSIONS};
use crate::record::{RecordKind, agreement};

/// A record is not what was written. Blame: operator, or whoever had their hands in the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {sequence} is not what was written: {what}")]
pub struct VerifyError {
    sequence: u64,
    what: &'static str,
}

impl VerifyError {
    /// Where the record stands.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// What is the matter with it.
    pub fn what(&self) -> &'static str {
        self.what
    }
}

/// Recomputes everything that stands in the leaf from the columns and the body, and the hash of the leaf. A record whose
/// body is erased is checked as far as it goes; the person's column must be gone with the body.
pub fn verify_leaf(entry: &Entry) -> Result<(), VerifyError> {
    let checked = if leaf_hash(entry.leaf.as_bytes()) == entry.leaf_hash {
        match entry.kind {
            RecordKind::Intent => intent(entry),
            RecordKind::Outcome => outcome(entry),
            RecordKind::Change => change(entry),
        }
    } else {
        Err("the hash is not that of the leaf")
    };
    checked.map_err(|what| VerifyError { sequence: entry.sequence, what })
}

fn intent(entry: &Entry) -> Result<(), &'static str> {
    let leaf: IntentLeaf = serde_json::from_str(&entry.leaf).map_err(|_| UNREADABLE_LEAF)?;
    let columns = leaf.kind == entry.kind
        && VERSIONS.contains(&leaf.v)
        && leaf.call == entry.call
        && leaf.at_us == entry.at.0
        && entry.agent.as_deref() == Some(leaf.agent.as_str())
        && entry.app.as_deref() == Some(leaf.app.as_str())
        && entry.tool.as_deref() == Some(leaf.tool.as_str())
        && entry.class == Some(leaf.class)
        && entry.verdict == Some(leaf.verdict);
    all(columns, COLUMNS)?;
    all((leaf.v > 1) == leaf.delegation_chain.is_some(), UNREADABLE_LEAF)?;
    if let Some(outcome) = &entry.outcome_leaf {
        of_its_call(&leaf, outcome)?;
    }
    let Some(text) = entry.body.as_deref() else {
        return all(entry.human.is_none(), COLUMNS);
    };
    let body: IntentBody<'_> = serde_json::from_str(text).map_err(|_| UNREADABLE_BODY)?;
    all(as_written(body.form(), entry, text), UNREADABLE_BODY)?;
    all(entry.human.as_deref() == Some(&*body.human), COLUMNS)?;
    let kept = match (body.kept, body.arguments) {
        (None, Some(arguments)) => !body.truncated && sha256(arguments.get().as_bytes()) == body.arguments_digest,
        (None, None) => body.truncated || sha256(&[]) == body.arguments_digest,
        (Some(level), shown) => {
            !body.truncated && level != ArgumentLevel::Full && shown.is_some() == (level == ArgumentLevel::Redacted)
        }
    };
    all(kept, "the digest is not that of the arguments")?;
    let found = body.commitments();
    same(found.arguments, leaf.arguments, "the arguments differ")?;
    all(found.approvals == leaf.approvals, "the approvals differ")?;
    all(found.delegation_chain == leaf.delegation_chain, "the chain of delegation differs")?;
    same(found.facts, leaf.facts, "the facts differ")?;
    same(found.human, leaf.human, "the person differs")?;
    all(found.observed == leaf.observed, "what was observed differs")?;
    all(leaf.observed.is_some() == leaf.would.is_some(), UNREADABLE_LEAF)?;
    same(found.reasons, leaf.reasons, "the reasons differ")?;
    same(found.task, leaf.task, "the task differs")?;
    same(found.token, leaf.token, "the token differs")
}

/// An outcome that stands with its intent is of the same call, and says of the two together what is so.
fn of_its_call(intent: &IntentLeaf, outcome: &str) -> Result<(), &'static str> {
    let outcome: OutcomeLeaf = serde_json::from_str(outcome).map_err(|_| UNREADABLE_LEAF)?;
    all(outcome.kind == RecordKind::Outcome && outcome.call == intent.call, "its outcome is that of another call")?;
    let agrees = agreement(intent.verdict, outcome.effect, outcome.status, outcome.hidden);
    all(outcome.v == 1 || outcome.agrees == agrees, "its outcome is not what it says of the two together")
}

fn outcome(entry: &Entry) -> Result<(), &'static str> {
    let leaf: OutcomeLeaf = serde_json::from_str(&entry.leaf).map_err(|_| UNREADABLE_LEAF)?;
    let columns =
        leaf.kind == entry.kind && VERSIONS.contains(&leaf.v) && leaf.call == entry.call && leaf.at_us == entry.at.0;
    all(columns && without_intent_columns(entry), COLUMNS)?;
    all(leaf.came.is_some() == leaf.came_bytes.is_some(), UNREADABLE_LEAF)?;
    let Some(text) = entry.body.as_deref() else {
        return Ok(());
    };
    let body: OutcomeBody<'_> = serde_json::from_str(text).map_err(|_| UNREADABLE_BODY)?;
    all(as_written(body.form(), entry, text), UNREADABLE_BODY)?;
    let found = body.commitments();
    all(found.answer == leaf.answer, "the answer differs")?;
    all(found.came == leaf.came, "the answer as it came differs")?;
    all(found.credential == leaf.credential, "the credential differs")
}

fn change(entry: &Entry) -> Result<(), &'static str> {
    let leaf: ChangeLeaf = serde_json::from_str(&entry.leaf).map_err(|_| UNREADABLE_LEAF)?;
    let columns =
        leaf.kind == entry.kind && VERSIONS.contains(&leaf.v) && leaf.id == entry.call && leaf.at_us == entry.at.0;
    all(columns && without_intent_columns(entry), COLUMNS)?;
    let Some(text) = entry.body.as_deref() else {
        return Ok(());
    };
    let body: ChangeBody<'_> = serde_json::from_str(text).map_err(|_| UNREADABLE_BODY)?;
    all(as_written(body.form(), entry, text), UNREADABLE_BODY)?;
    let found = body.commitments();
    same(found.by, leaf.by, "who changed it differs")?;
    same(found.subject, leaf.subject, "the subject differs")?;
    same(found.detail, leaf.detail, "the detail differs")
}

fn without_intent_columns(entry: &Entry) -> bool {
    entry.agent.is_none()
        && entry.human.is_none()
        && entry.app.is_none()
        && entry.tool.is_none()
        && entry.class.is_none()
        && entry.verdict.is_none()
}

/// A body has one spelling.
fn as_written(form: Option<Form>, entry: &Entry, text: &str) -> bool {
    form.and_then(|form| form.text(&entry.call, entry.at)).as_deref() == Some(text)
}

fn same(found: Commitment, written: Commitment, what: &'static str) -> Result<(), &'static str> {
    all(found == written, what)
}

fn all(holds: bool, what: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(what) }
}

const UNREADABLE_LEAF: &str = "the leaf cannot be read";
const UNREADABLE_BODY: &str = "the body cannot be read";
const COLUMNS: &str = "the columns differ from the leaf or the body";

#[cfg(test)]
mod tests;
