//! The register: every clause of the documents, and how it is honoured.

use std::fmt;

use model::{ClauseNumber, Digest};
use serde::Serialize;

use crate::agreement::{Agreement, Amendment, Kind, NOBODY, Provision, Span};

/// One clause in the register.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Its number.
    pub clause: ClauseNumber,
    /// What the contract's file says it does.
    pub kind: &'static str,
    /// How it is honoured.
    pub honoured: Honoured,
    /// What it comes to.
    pub says: String,
    /// The document it stands in.
    pub document: String,
    /// The digest of that document.
    pub sha256: Digest,
    /// Where in the document it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Span>,
    /// The clause of an amendment that stands in for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<ClauseNumber>,
    /// Who looks after it, where a person does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
}

/// How a clause is honoured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Honoured {
    /// Each request is decided by it.
    Enforced,
    /// It is checked over the trace.
    CheckedAfterwards,
    /// A person looks after it.
    NeedsHuman,
    /// It asks nothing of anybody, like a definition.
    AsksNothing,
}

/// How many clauses are honoured in which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Enforced at each request.
    pub enforced: usize,
    /// Checked over the trace.
    pub checked_afterwards: usize,
    /// Looked after by a person.
    pub needs_human: usize,
    /// Those that ask nothing of anybody.
    pub asks_nothing: usize,
}

pub(crate) fn rows(agreement: &Agreement) -> Vec<Row> {
    agreement.provisions().map(|(clause, amendment)| row(agreement, clause, amendment)).collect()
}

fn row(agreement: &Agreement, clause: &Provision, amendment: Option<&Amendment>) -> Row {
    let document = amendment.map_or(&agreement.document, |amendment| &amendment.document);
    let later = agreement.amendments.iter().flat_map(|amendment| &amendment.clauses);
    let superseding = later.into_iter().find(|other| other.supersedes.contains(&clause.clause));
    let (honoured, who) = match &clause.kind {
        Kind::Permits(_) | Kind::Excludes(_) | Kind::Limits(_) => (Honoured::Enforced, None),
        Kind::PostHoc(_) => (Honoured::CheckedAfterwards, None),
        Kind::NeedsHuman(needs) if needs.who == NOBODY => (Honoured::AsksNothing, None),
        Kind::NeedsHuman(needs) => (Honoured::NeedsHuman, Some(needs.who.clone())),
    };
    Row {
        clause: clause.clause.clone(),
        kind: clause.kind.as_str(),
        honoured,
        says: clause.in_words().to_owned(),
        document: document.name.clone(),
        sha256: document.sha256,
        at: clause.at,
        superseded_by: superseding.map(|other| other.clause.clone()),
        who,
    }
}

impl Coverage {
    /// Of these clauses, those that are superseded left out.
    pub fn of(rows: &[Row]) -> Self {
        let current = || rows.iter().filter(|row| row.superseded_by.is_none());
        let count = |way| current().filter(|row| row.honoured == way).count();
        Self {
            enforced: count(Honoured::Enforced),
            checked_afterwards: count(Honoured::CheckedAfterwards),
            needs_human: count(Honoured::NeedsHuman),
            asks_nothing: count(Honoured::AsksNothing),
        }
    }
}

impl fmt::Display for Honoured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Enforced => "enforced",
            Self::CheckedAfterwards => "checked afterwards",
            Self::NeedsHuman => "needs a human",
            Self::AsksNothing => "asks nothing",
        })
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { enforced, checked_afterwards, needs_human, asks_nothing } = self;
        let all = enforced + checked_afterwards + needs_human + asks_nothing;
        write!(
            f,
            "{all} clauses: {enforced} enforced at each request, {checked_afterwards} checked afterwards, {needs_human} looked after by a person"
        )?;
        match asks_nothing {
            0 => Ok(()),
            1 => write!(f, ", 1 asks nothing of anybody"),
            some => write!(f, ", {some} ask nothing of anybody"),
        }
    }
}
