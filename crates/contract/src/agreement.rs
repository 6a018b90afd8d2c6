//! A contract as it was read: who, about what, until when, and each clause of its document with how it is honoured.
//!
//! Everything here but the places in files is the contract's canonical form, which people sign.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{AppId, ClauseNumber, ContractId, Digest, HumanId, Operation, Scalar, UnixMicros, VendorId};
use serde::Serialize;

use crate::path::FieldPath;
use crate::period::Period;

/// An agreement with a vendor.
#[derive(Debug, Clone, Serialize)]
pub struct Agreement {
    /// Its id.
    pub contract: ContractId,
    /// The third party.
    pub vendor: VendorId,
    /// What people signed on paper.
    pub document: Document,
    /// Who agreed.
    pub parties: Parties,
    /// The systems it is about.
    pub apps: BTreeSet<AppId>,
    /// Whose data it is about.
    pub tenants: BTreeSet<Arc<str>>,
    /// What the data may be used for; a credential is bound to one of them. Empty: nothing is said of it.
    pub purposes: BTreeSet<Arc<str>>,
    /// From when until when.
    pub term: Period,
    /// What becomes of an answer that shows more than the contract lets out.
    pub answers: Answers,
    /// Every clause, in the order of the document.
    pub clauses: Vec<Provision>,
    /// What changed it since, the oldest first.
    pub amendments: Vec<Amendment>,
    /// Where it was read.
    #[serde(skip)]
    pub file: Arc<str>,
}

/// A document that people signed.
#[derive(Debug, Clone, Serialize)]
pub struct Document {
    /// What it is called.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// The day it is dated.
    pub dated: Day,
    /// The numbers of all its clauses.
    pub clauses: Vec<ClauseNumber>,
    /// Where it lies, from the contract's file.
    #[serde(skip)]
    pub file: Option<String>,
}

/// Both sides.
#[derive(Debug, Clone, Serialize)]
pub struct Parties {
    /// We.
    pub ours: Party,
    /// The vendor.
    pub theirs: Party,
    /// The person of ours who answers for what the vendor does.
    pub responsible: HumanId,
}

/// One side of an agreement.
#[derive(Debug, Clone, Serialize)]
pub struct Party {
    /// What it is called.
    pub name: String,
    /// Who stands for what, as the document says it: `privacy contact` → `Jo Berg`. A person of the directory is named `human:ana`.
    pub people: BTreeMap<String, String>,
}

/// A day of the calendar, `2027-06-30`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub(crate) jiff::civil::Date);

/// What becomes of an answer that shows more than the contract lets out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Answers {
    /// Of records out of scope.
    pub outside: Outside,
    /// Of the number of records that an app says beside them: it counts records out of scope, and those of other pages.
    pub totals: Totals,
    /// Of fields that are kept back.
    pub hidden: Hidden,
    /// Nothing passes whole of which nothing can be taken out. That stands in the forms that people sign.
    pub(crate) other_types: [(); 0],
    /// Whether a write may go out although the record could have changed since it was looked at, where the app knows no `If-Match`.
    pub accept_race: bool,
}

/// What becomes of records out of scope.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outside {
    /// They are left out of a list.
    #[default]
    Drop,
    /// The whole answer is refused.
    Refuse,
}

/// What becomes of totals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Totals {
    /// They are taken out.
    #[default]
    Remove,
    /// They count the records that the answer shows.
    Recount,
    /// An answer with one is refused.
    Refuse,
}

/// What becomes of fields that are kept back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Hidden {
    /// They are taken out.
    #[default]
    Remove,
    /// Their value is replaced by `[redacted: §3.2]`.
    Replace,
}

/// What changes a contract.
#[derive(Debug, Clone, Serialize)]
pub struct Amendment {
    /// What people signed.
    pub document: Document,
    /// The day it begins to hold.
    pub from: Day,
    /// Its clauses.
    pub clauses: Vec<Provision>,
    /// The first moment it holds.
    #[serde(skip)]
    pub begins: UnixMicros,
}

/// One clause and how it is honoured.
#[derive(Debug, Clone, Serialize)]
pub struct Provision {
    /// Its number.
    pub clause: ClauseNumber,
    /// The text of the document, word for word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What it comes to, in a sentence of whoever wrote the contract file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// Where in the document it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Span>,
    /// How it is honoured.
    #[serde(flatten)]
    pub kind: Kind,
    /// Anything else worth knowing of it: retention, onward transfer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Earlier clauses that it stands in for.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub supersedes: BTreeSet<ClauseNumber>,
    /// Where it stands in the contract's file.
    #[serde(skip)]
    pub place: (u32, u32),
}

/// Bytes of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The first byte.
    pub offset: u64,
    /// How many.
    pub bytes: u64,
}

/// How a clause is honoured.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It lets the vendor do something.
    Permits(Permits),
    /// It keeps something back.
    Excludes(Excludes),
    /// It limits what is permitted.
    Limits(Limits),
    /// It is checked afterwards, over the trace.
    PostHoc(PostHoc),
    /// A person looks after it.
    NeedsHuman(NeedsHuman),
}

/// What a clause lets the vendor do.
#[derive(Debug, Clone, Serialize)]
pub struct Permits {
    /// With which kinds of records.
    pub entities: BTreeSet<Arc<str>>,
    /// What.
    #[serde(rename = "do")]
    pub operations: BTreeSet<Operation>,
    /// In which of the contract's apps; empty: in all.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub apps: BTreeSet<AppId>,
    /// The fields that may be shown, by kind of record; none that is named: all that no clause keeps back.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<Arc<str>, BTreeSet<FieldPath>>,
    /// The fields that may be sent, by kind of record.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sends: BTreeMap<Arc<str>, BTreeSet<FieldPath>>,
}

/// What a clause keeps back.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Excludes {
    /// Kinds of records.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub entities: BTreeSet<Arc<str>>,
    /// What is done with any record.
    #[serde(rename = "do", skip_serializing_if = "BTreeSet::is_empty")]
    pub operations: BTreeSet<Operation>,
    /// Fields, by kind of record; `all` means every kind.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<Arc<str>, BTreeSet<FieldPath>>,
}

/// What a clause limits. One of these at least.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// What is said at the head of the contract is said by this clause.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub head: BTreeSet<Head>,
    /// Records whose fields have one of these values, by kind of record.
    #[serde(rename = "where", skip_serializing_if = "BTreeMap::is_empty")]
    pub conditions: BTreeMap<Arc<str>, BTreeMap<FieldPath, BTreeSet<Scalar>>>,
    /// Requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<Rate>,
    /// Records that are shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records: Option<Rate>,
    /// Bytes of answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Rate>,
    /// Records that one request may bring back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records_at_once: Option<u64>,
}

/// What the head of a contract says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Head {
    /// From when until when.
    Term,
    /// Whose data.
    Tenants,
    /// What for.
    Purposes,
}

/// How much of something in any stretch of time this long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Rate {
    /// How much.
    pub most: u64,
    /// Seconds of the stretch.
    pub seconds: u64,
}

/// What is checked afterwards.
#[derive(Debug, Clone, Serialize)]
pub struct PostHoc {
    /// How often, in days.
    pub every_days: u64,
    /// A question to the trace about the contract's own calls, which finds nothing as long as the clause is kept. Where nothing
    /// is asked, it is about all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// Of what is found only that counts which was decided outside these hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outside: Option<Hours>,
    /// How much may be found all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Rate>,
    /// What is looked at, in words, where no question can say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub look_at: Option<String>,
}

/// Hours of some days of the week, `mon-fri 07:00-19:00`, counted where the contract's days are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// The first and the last day, Monday being 1. The last may come before the first: `sat-mon`.
    pub(crate) days: (i8, i8),
    /// The first minute of the day, and the first after.
    pub(crate) minutes: (u16, u16),
}

/// What a person looks after.
#[derive(Debug, Clone, Serialize)]
pub struct NeedsHuman {
    /// Who: a role or a department, or `nobody` where the clause asks nothing of anybody.
    pub who: String,
    /// What waits for that person's yes; none: nothing of the vendor's requests shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
}

/// What waits for a person.
#[derive(Debug, Clone, Serialize)]
pub struct Before {
    /// With which kinds of records; empty: with all.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub entities: BTreeSet<Arc<str>>,
    /// What is done with them; empty: anything.
    #[serde(rename = "do", skip_serializing_if = "BTreeSet::is_empty")]
    pub operations: BTreeSet<Operation>,
    /// Who may say yes.
    pub approvers: Vec<String>,
    /// How many different people have to.
    pub approvals: u8,
}

// === impl Agreement ===

impl Agreement {
    /// Every clause with the amendment it belongs to, in the order of the documents.
    pub fn provisions(&self) -> impl Iterator<Item = (&Provision, Option<&Amendment>)> {
        let amended = |amendment| move |clause| (clause, Some(amendment));
        let later = self.amendments.iter().flat_map(move |one| one.clauses.iter().map(amended(one)));
        self.clauses.iter().map(|clause| (clause, None)).chain(later)
    }

    /// The clauses that hold at a moment: each that nothing supersedes by then.
    pub fn in_effect(&self, at: UnixMicros) -> Vec<&Provision> {
        let begun = |amendment: &Option<&Amendment>| amendment.is_none_or(|one| one.begins <= at);
        let held: Vec<&Provision> =
            self.provisions().filter(|(_, amendment)| begun(amendment)).map(|(clause, _)| clause).collect();
        let superseded: BTreeSet<&ClauseNumber> = held.iter().flat_map(|clause| &clause.supersedes).collect();
        held.into_iter().filter(|clause| !superseded.contains(&clause.clause)).collect()
    }

    /// The first moment that a clause holds, and the first after it: it begins with the term or with its amendment, and ends with
    /// the term or where another one supersedes it. None: there is no such clause.
    pub fn stretch_of(&self, number: &ClauseNumber) -> Option<(UnixMicros, UnixMicros)> {
        let (_, amendment) = self.provisions().find(|(clause, _)| clause.clause == *number)?;
        let begins = amendment.map_or(self.term.begins, |amendment| amendment.begins);
        let supersedes = |amendment: &&Amendment| amendment.clauses.iter().any(|one| one.supersedes.contains(number));
        let superseded = self.amendments.iter().find(supersedes).map(|amendment| amendment.begins);
        Some((begins, superseded.map_or(self.term.ends, |moment| moment.min(self.term.ends))))
    }

    /// The kinds of records that its clauses name.
    pub fn entities(&self) -> BTreeSet<Arc<str>> {
        let mut entities = BTreeSet::new();
        for (clause, _) in self.provisions() {
            match &clause.kind {
                Kind::Permits(permits) => entities.extend(permits.entities.iter().cloned()),
                Kind::Excludes(excludes) => {
                    entities.extend(excludes.entities.iter().chain(excludes.fields.keys()).cloned());
                }
                Kind::Limits(limits) => entities.extend(limits.conditions.keys().cloned()),
                Kind::NeedsHuman(needs) => {
                    entities.extend(needs.before.iter().flat_map(|before| before.entities.clone()))
                }
                Kind::PostHoc(_) => {}
            }
        }
        entities.remove("all");
        entities
    }

    /// The fields that are kept back, each with its kind of record; none: of every kind.
    pub fn kept_back(&self) -> impl Iterator<Item = (Option<&Arc<str>>, &FieldPath)> {
        let excludes = self.provisions().filter_map(|(clause, _)| match &clause.kind {
            Kind::Excludes(excludes) => Some(&excludes.fields),
            _ => None,
        });
        excludes.flatten().flat_map(|(entity, paths)| {
            let of = (entity.as_ref() != "all").then_some(entity);
            paths.iter().map(move |path| (of, path))
        })
    }

    /// The fields by which records are judged, each with its kind of record.
    pub fn conditions(&self) -> impl Iterator<Item = (&Arc<str>, &FieldPath)> {
        let limits = self.provisions().filter_map(|(clause, _)| match &clause.kind {
            Kind::Limits(limits) => Some(&limits.conditions),
            _ => None,
        });
        limits.flatten().flat_map(|(entity, fields)| fields.keys().map(move |path| (entity, path)))
    }

    /// The moments from which on it says something else than before, its first one included.
    pub fn turns(&self) -> BTreeSet<UnixMicros> {
        let amended = self.amendments.iter().map(|amendment| amendment.begins);
        std::iter::once(self.term.begins).chain(amended).collect()
    }
}

// === impl Party ===

impl Party {
    /// Those of its people who are of the directory, as it names them.
    pub fn humans(&self) -> impl Iterator<Item = HumanId> {
        self.people.values().filter_map(|person| HumanId::parse(person.strip_prefix(Self::HUMAN)?).ok())
    }

    /// What stands before the id of a person of the directory.
    pub(crate) const HUMAN: &str = "human:";
}

// === impl Provision ===

impl Provision {
    /// What people read: the sentence, else the document's own words.
    pub fn in_words(&self) -> &str {
        self.says.as_deref().or(self.text.as_deref()).unwrap_or_default()
    }
}

// === impl Kind ===

impl Kind {
    /// The word used everywhere.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Permits(_) => "permits",
            Self::Excludes(_) => "excludes",
            Self::Limits(_) => "limits",
            Self::PostHoc(_) => "post_hoc",
            Self::NeedsHuman(_) => "needs_human",
        }
    }
}

// === impl PostHoc ===

impl PostHoc {
    /// Whether the trace can answer it. Otherwise a person looks.
    pub fn is_of_the_trace(&self) -> bool {
        self.question.is_some() || self.outside.is_some() || self.at_most.is_some()
    }
}

// === impl Head ===

impl Head {
    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Term => "term",
            Self::Tenants => "tenants",
            Self::Purposes => "purposes",
        }
    }
}

// === impl Day ===

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// Who looks after a clause that asks nothing of anybody.
pub(crate) const NOBODY: &str = "nobody";
