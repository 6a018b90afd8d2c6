//! Which records somebody asks for.
//!
//! [`Query::fits`] is what a question means, record by record. A store answers it through indexes, and the same.

use std::cell::OnceCell;
use std::fmt;

use model::limits::CALL_TAIL_CHARS_MIN;
use model::{Class, Method, UnixMicros, Verdict};

use crate::entry::Entry;
use crate::facets::{BodySaid, facets_of};
use crate::record::{Effect, OutcomeStatus, RecordKind};

/// Which records: those for which every term holds, between the bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// What must hold of a record.
    pub terms: Vec<Term>,
    /// Not before.
    pub since: Option<UnixMicros>,
    /// Not after.
    pub until: Option<UnixMicros>,
    /// Only what stands behind this in the log.
    pub after_sequence: Option<u64>,
    /// Only what stands before this in the log.
    pub before_sequence: Option<u64>,
    /// Most records in the answer.
    pub limit: usize,
    /// Whether the last comes first.
    pub newest_first: bool,
}

/// One thing that a record says, or does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Of what.
    pub field: Field,
    /// Whether it must be none of the values rather than one of them.
    pub negated: bool,
    /// The values, one of which it must be.
    pub values: Vec<String>,
}

/// What can be asked of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// The kind of record.
    Kind,
    /// What was decided.
    Verdict,
    /// What would have been decided if everything were enforced, where that is something else.
    Would,
    /// Whether it would have been decided in another way if everything were enforced.
    Observed,
    /// The software that acted.
    Agent,
    /// The person it acted for.
    Human,
    /// The app.
    App,
    /// The tool.
    Tool,
    /// The class in force.
    Class,
    /// A rule that decided.
    Rule,
    /// The task it acted in.
    Task,
    /// The call, or the change: a whole id or the end of one.
    Call,
    /// What was observed to have happened in the app.
    Effect,
    /// How the call ended.
    Status,
    /// The stable code of the fault it ended with.
    Code,
    /// The digest of the rules that decided.
    Bundle,
    /// What kind of thing was asked.
    Method,
    /// What was changed.
    What,
    /// Who changed it.
    By,
    /// Whom or what the change concerns.
    Subject,
}

/// What one record says, read as far as somebody asks.
struct Said<'e> {
    entry: &'e Entry,
    kind: RecordKind,
    outcome_leaf: Option<&'e str>,
    own: OnceCell<Vec<(Field, String)>>,
    outcome: OnceCell<Vec<(Field, String)>>,
    body: OnceCell<BodySaid<'e>>,
}

// === impl Query ===

impl Default for Query {
    fn default() -> Self {
        Self {
            terms: Vec::new(),
            since: None,
            until: None,
            after_sequence: None,
            before_sequence: None,
            limit: 100,
            newest_first: true,
        }
    }
}

impl Query {
    /// Only what says this.
    #[must_use]
    pub fn with(self, field: Field, value: impl Into<String>) -> Self {
        self.with_any(field, [value])
    }

    /// Only what says one of these.
    #[must_use]
    pub fn with_any<V: Into<String>>(mut self, field: Field, values: impl IntoIterator<Item = V>) -> Self {
        self.terms.push(Term { field, negated: false, values: values.into_iter().map(Into::into).collect() });
        self
    }

    /// Only what does not say this.
    #[must_use]
    pub fn without(mut self, field: Field, value: impl Into<String>) -> Self {
        self.terms.push(Term { field, negated: true, values: vec![value.into()] });
        self
    }

    /// Only records of this kind.
    #[must_use]
    pub fn of_kind(self, kind: RecordKind) -> Self {
        self.with(Field::Kind, kind.as_str())
    }

    /// Calls, where nothing is said of the kind of record: changes only where something is asked that changes alone say.
    #[must_use]
    pub fn of_calls_unless_said(self) -> Self {
        if self.asks(Field::Kind) {
            return self;
        }
        let of_changes = self.terms.iter().any(|term| term.field.is_of_changes());
        self.of_kind(if of_changes { RecordKind::Change } else { RecordKind::Intent })
    }

    /// Whether something is asked of this field.
    pub fn asks(&self, field: Field) -> bool {
        self.terms.iter().any(|term| term.field == field)
    }

    /// Whether this record is asked for.
    pub fn fits(&self, entry: &Entry) -> bool {
        self.is_within(entry) && self.holds_of(&Said::of(entry))
    }

    /// Whether this outcome is asked for: whose call it was, and what was decided of it, the decision says that it belongs to; what
    /// came of it, and that it is an outcome, it says itself.
    pub fn fits_outcome(&self, outcome: &Entry, decision: &Entry) -> bool {
        let said = Said { kind: outcome.kind, outcome_leaf: Some(&outcome.leaf), ..Said::of(decision) };
        self.is_within(outcome) && self.holds_of(&said)
    }

    fn is_within(&self, entry: &Entry) -> bool {
        self.since.is_none_or(|since| entry.at >= since)
            && self.until.is_none_or(|until| entry.at <= until)
            && self.after_sequence.is_none_or(|after| entry.sequence > after)
            && self.before_sequence.is_none_or(|before| entry.sequence < before)
    }

    fn holds_of(&self, said: &Said<'_>) -> bool {
        self.terms.iter().all(|term| term.fits(said))
    }
}

/// As it is written in the language.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms = self.terms.iter().map(ToString::to_string);
        let since = self.since.map(|at| format!("since:{}", crate::entry::rfc3339(at)));
        let until = self.until.map(|at| format!("until:{}", crate::entry::rfc3339(at)));
        let all: Vec<String> = terms.chain(since).chain(until).collect();
        f.write_str(&all.join(" "))
    }
}

// === impl Term ===

impl Term {
    fn fits(&self, said: &Said<'_>) -> bool {
        self.values.iter().any(|value| said.says(self.field, value)) != self.negated
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values: Vec<String> = self.values.iter().map(|value| written(value)).collect();
        let sign = if self.negated { "-" } else { "" };
        write!(f, "{sign}{}:{}", self.field.as_str(), values.join(","))
    }
}

/// A value, in quotes where it needs them.
fn written(value: &str) -> String {
    let bare = |c: char| !c.is_whitespace() && !matches!(c, ',' | '"' | '\\');
    if !value.is_empty() && value.chars().all(bare) {
        return value.to_owned();
    }
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

// === impl Field ===

impl Field {
    /// All of them, in the order in which they are explained.
    pub const ALL: [Self; 20] = [
        Self::Agent,
        Self::Human,
        Self::App,
        Self::Tool,
        Self::Class,
        Self::Method,
        Self::Verdict,
        Self::Rule,
        Self::Observed,
        Self::Would,
        Self::Bundle,
        Self::Effect,
        Self::Status,
        Self::Code,
        Self::Task,
        Self::Call,
        Self::Kind,
        Self::What,
        Self::By,
        Self::Subject,
    ];

    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Verdict => "verdict",
            Self::Would => "would",
            Self::Observed => "observed",
            Self::Agent => "agent",
            Self::Human => "human",
            Self::App => "app",
            Self::Tool => "tool",
            Self::Class => "class",
            Self::Rule => "rule",
            Self::Task => "task",
            Self::Call => "call",
            Self::Effect => "effect",
            Self::Status => "status",
            Self::Code => "code",
            Self::Bundle => "bundle",
            Self::Method => "method",
            Self::What => "what",
            Self::By => "by",
            Self::Subject => "subject",
        }
    }

    /// The words it takes, where there are only so many.
    pub fn words(self) -> Option<Vec<&'static str>> {
        Some(match self {
            Self::Kind => RecordKind::ALL.map(RecordKind::as_str).to_vec(),
            Self::Verdict | Self::Would => Verdict::ALL.map(Verdict::as_str).to_vec(),
            Self::Observed => vec![YES, NO],
            Self::Class => Class::ALL.map(Class::as_str).to_vec(),
            Self::Effect => Effect::ALL.map(Effect::as_str).to_vec(),
            Self::Status => OutcomeStatus::ALL.map(OutcomeStatus::as_str).to_vec(),
            Self::Method => Method::ALL.map(Method::as_str).to_vec(),
            _ => return None,
        })
    }

    /// Whether it is said by the outcome of a call rather than by the decision.
    pub const fn is_of_outcomes(self) -> bool {
        matches!(self, Self::Effect | Self::Status | Self::Code)
    }

    /// Whether only changes say it.
    pub const fn is_of_changes(self) -> bool {
        matches!(self, Self::What | Self::By | Self::Subject)
    }
}

// === impl Said ===

impl<'e> Said<'e> {
    fn of(entry: &'e Entry) -> Self {
        let outcome_leaf = match entry.kind {
            RecordKind::Outcome => Some(entry.leaf.as_str()),
            _ => entry.outcome_leaf.as_deref(),
        };
        let kind = entry.kind;
        Self { entry, kind, outcome_leaf, own: OnceCell::new(), outcome: OnceCell::new(), body: OnceCell::new() }
    }

    fn says(&self, field: Field, value: &str) -> bool {
        let entry = self.entry;
        match field {
            Field::Kind => self.kind.as_str() == value,
            Field::Verdict => entry.verdict.is_some_and(|verdict| verdict.as_str() == value),
            Field::Class => entry.class.is_some_and(|class| class.as_str() == value),
            Field::Agent => entry.agent.as_deref() == Some(value),
            Field::Human => entry.human.as_deref() == Some(value),
            Field::App => entry.app.as_deref() == Some(value),
            Field::Tool => entry.tool.as_deref() == Some(value),
            Field::Call => is_meant(entry.call.as_str(), value),
            Field::Task => self.body().task.as_deref() == Some(value),
            Field::By => self.body().by.as_deref() == Some(value),
            Field::Subject => self.body().subject.as_deref() == Some(value),
            Field::Effect | Field::Status | Field::Code => holds(self.outcome(), field, value),
            Field::Would | Field::Observed | Field::Rule | Field::Bundle | Field::Method | Field::What => {
                holds(self.own.get_or_init(|| facets_of(&entry.leaf)), field, value)
            }
        }
    }

    fn outcome(&self) -> &[(Field, String)] {
        self.outcome.get_or_init(|| self.outcome_leaf.map(facets_of).unwrap_or_default())
    }

    fn body(&self) -> &BodySaid<'e> {
        self.body.get_or_init(|| BodySaid::of(self.entry.body.as_deref()))
    }
}

fn holds(facets: &[(Field, String)], field: Field, value: &str) -> bool {
    facets.iter().any(|(of, said)| *of == field && said == value)
}

/// Whether somebody who gives a whole id, or at least the last characters of one, means this.
fn is_meant(id: &str, value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    id == value || (value.len() >= CALL_TAIL_CHARS_MIN && !value.contains('_') && id.ends_with(&value))
}

pub(crate) const YES: &str = "yes";
pub(crate) const NO: &str = "no";

#[cfg(test)]
mod tests;
