//! The bodies: what the leaves commit to, in plain text. Erasable.
//!
//! A body is one JSON text with one spelling: reading it and writing it again gives the same bytes.

use std::borrow::Cow;

use model::{ArgumentLevel, Digest};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::commitment::{Commitment, Salt, sha256};
use crate::facts::Places;
use crate::form::{Form, FormWriter};
use crate::text::{DIGEST_PREFIX, DIGEST_TEXT_BYTES, write_digest};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IntentBody<'a> {
    pub(crate) salt: Salt,
    #[serde(borrow)]
    pub(crate) human: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) task: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) token: Cow<'a, str>,
    /// Who approved it, where it waited for people.
    #[serde(borrow, default, deserialize_with = "text_of_some_json")]
    pub(crate) approvals: Option<&'a str>,
    /// None in version 1.
    #[serde(borrow, default, deserialize_with = "text_of_some_json")]
    pub(crate) delegation_chain: Option<&'a str>,
    pub(crate) arguments_digest: Digest,
    /// True when the arguments were too long to keep; without arguments and false, the caller sent none.
    pub(crate) truncated: bool,
    /// How much is kept of arguments that are not kept whole.
    #[serde(default)]
    pub(crate) kept: Option<ArgumentLevel>,
    /// What rules looked at of them.
    #[serde(borrow, default, deserialize_with = "text_of_some_json")]
    pub(crate) read: Option<&'a str>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) arguments: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "text_of_json")]
    pub(crate) facts: &'a str,
    /// Where the own parts of the facts stand, if whoever wrote them says so.
    #[serde(skip)]
    pub(crate) facts_places: Option<Places>,
    #[serde(borrow, deserialize_with = "text_of_json")]
    pub(crate) reasons: &'a str,
    /// The reasons of what would have been decided, where something was only observed.
    #[serde(borrow, default, deserialize_with = "text_of_some_json")]
    pub(crate) observed: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutcomeBody<'a> {
    pub(crate) salt: Salt,
    pub(crate) answer_digest: Option<Digest>,
    /// There where it is another one.
    #[serde(default)]
    pub(crate) came_digest: Option<Digest>,
    #[serde(borrow, default)]
    pub(crate) credential: Option<Cow<'a, str>>,
}

pub(crate) struct OutcomeCommitments {
    pub(crate) answer: Option<Commitment>,
    pub(crate) came: Option<Commitment>,
    pub(crate) credential: Option<Commitment>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeBody<'a> {
    pub(crate) salt: Salt,
    #[serde(borrow)]
    pub(crate) by: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) subject: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) detail: &'a RawValue,
}

pub(crate) struct IntentCommitments {
    pub(crate) approvals: Option<Commitment>,
    pub(crate) arguments: Commitment,
    pub(crate) delegation_chain: Option<Commitment>,
    pub(crate) facts: Commitment,
    pub(crate) human: Commitment,
    pub(crate) observed: Option<Commitment>,
    pub(crate) reasons: Commitment,
    pub(crate) task: Commitment,
    pub(crate) token: Commitment,
}

pub(crate) struct ChangeCommitments {
    pub(crate) by: Commitment,
    pub(crate) detail: Commitment,
    pub(crate) subject: Commitment,
}

impl IntentBody<'_> {
    pub(crate) fn form(&self) -> Option<Form> {
        let mut to = FormWriter::with_capacity(192 + self.arguments.map_or(0, |raw| raw.get().len()));
        to.own_digest("salt", "", self.salt.as_bytes());
        to.text("human", &self.human);
        to.own_text("task", &self.task);
        to.own_text("token", &self.token);
        if let Some(approvals) = self.approvals {
            to.own_raw("approvals", approvals);
        }
        if let Some(chain) = self.delegation_chain {
            to.raw("delegation_chain", chain);
        }
        to.own_digest("arguments_digest", DIGEST_PREFIX, self.arguments_digest.as_bytes());
        to.raw("truncated", if self.truncated { "true" } else { "false" });
        if let Some(kept) = self.kept {
            to.text("kept", kept.as_str());
        }
        if let Some(read) = self.read {
            to.raw("read", read);
        }
        if let Some(arguments) = self.arguments {
            to.own_raw("arguments", arguments.get());
        }
        to.facts("facts", self.facts, self.facts_places.as_ref());
        to.raw("reasons", self.reasons);
        if let Some(observed) = self.observed {
            to.raw("observed", observed);
        }
        to.finish()
    }

    /// Arguments stand in for by their digest, so that the commitment can be opened when they were too long to keep;
    /// the word behind it keeps anyone from claiming that they were.
    pub(crate) fn commitments(&self) -> IntentCommitments {
        let kept = match (self.kept, self.arguments, self.truncated) {
            (Some(ArgumentLevel::None), ..) => "hidden",
            (Some(level), ..) => level.as_str(),
            (None, Some(_), _) => "kept",
            (None, None, true) => "too long",
            (None, None, false) => "none",
        };
        let mut arguments = Vec::with_capacity(DIGEST_TEXT_BYTES + 1 + kept.len());
        write_digest(&mut arguments, &self.arguments_digest);
        arguments.push(b' ');
        arguments.extend_from_slice(kept.as_bytes());
        // What is shown in place of the arguments is not said by their digest.
        for text in [self.kept.and(self.arguments).map(RawValue::get), self.read].into_iter().flatten() {
            arguments.push(b' ');
            write_digest(&mut arguments, &sha256(text.as_bytes()));
        }
        let mut with = self.salt.committer();
        IntentCommitments {
            approvals: self.approvals.map(|approvals| with.commit("approvals", approvals.as_bytes())),
            arguments: with.commit("arguments", &arguments),
            delegation_chain: self.delegation_chain.map(|chain| with.commit("delegation_chain", chain.as_bytes())),
            facts: with.commit("facts", self.facts.as_bytes()),
            human: with.commit("human", self.human.as_bytes()),
            observed: self.observed.map(|observed| with.commit("observed", observed.as_bytes())),
            reasons: with.commit("reasons", self.reasons.as_bytes()),
            task: with.commit("task", self.task.as_bytes()),
            token: with.commit("token", self.token.as_bytes()),
        }
    }
}

impl OutcomeBody<'_> {
    pub(crate) fn form(&self) -> Option<Form> {
        let mut to = FormWriter::with_capacity(64);
        to.own_digest("salt", "", self.salt.as_bytes());
        match &self.answer_digest {
            Some(digest) => to.own_digest("answer_digest", DIGEST_PREFIX, digest.as_bytes()),
            None => to.raw("answer_digest", "null"),
        }
        if let Some(came) = &self.came_digest {
            to.own_digest("came_digest", DIGEST_PREFIX, came.as_bytes());
        }
        if let Some(credential) = &self.credential {
            to.text("credential", credential);
        }
        to.finish()
    }

    pub(crate) fn commitments(&self) -> OutcomeCommitments {
        let mut with = self.salt.committer();
        let mut text = Vec::with_capacity(DIGEST_TEXT_BYTES);
        let mut commit = |field, digest: &Digest| {
            text.clear();
            write_digest(&mut text, digest);
            with.commit(field, &text)
        };
        let answer = self.answer_digest.as_ref().map(|digest| commit("answer", digest));
        let came = self.came_digest.as_ref().map(|digest| commit("came", digest));
        let credential = self.credential.as_ref().map(|credential| with.commit("credential", credential.as_bytes()));
        OutcomeCommitments { answer, came, credential }
    }
}

impl ChangeBody<'_> {
    pub(crate) fn form(&self) -> Option<Form> {
        let mut to = FormWriter::with_capacity(64 + self.detail.get().len());
        to.own_digest("salt", "", self.salt.as_bytes());
        to.text("by", &self.by);
        to.own_text("subject", &self.subject);
        to.own_raw("detail", self.detail.get());
        to.finish()
    }

    pub(crate) fn commitments(&self) -> ChangeCommitments {
        let mut with = self.salt.committer();
        ChangeCommitments {
            by: with.commit("by", self.by.as_bytes()),
            detail: with.commit("detail", self.detail.get().as_bytes()),
            subject: with.commit("subject", self.subject.as_bytes()),
        }
    }
}

/// Arguments that are the JSON word `null` are there.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

fn text_of_json<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<&'a str, D::Error> {
    <&RawValue>::deserialize(from).map(RawValue::get)
}

fn text_of_some_json<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Option<&'a str>, D::Error> {
    Option::<&RawValue>::deserialize(from).map(|raw| raw.map(RawValue::get))
}
