//! What an auditor is given of a contract: what it says, who signed it, how each clause was honoured in a period, and receipts
//! with which anybody checks that.

mod calls;
mod page;
mod tally;

use std::collections::{BTreeMap, BTreeSet};

use contract::agreement::Kind;
use contract::{Compiled, Coverage, Honoured, Period, Row, Signatures};
use model::{ClauseNumber, Digest, Fault, Standing, UnixMicros};
use serde::Serialize;
use serde_json::Value;
use tlog::SignedCheckpoint;
use trace::{Entry, Field, LogReader, Query, RecordKind, checkpoint_over, receipt_under, rfc3339};

use crate::auditing::{AUDITED, Check, Found, Part, against};

pub use self::calls::{Asked, Span, each, rules_of};
pub use self::page::page;
pub use self::tally::{Counts, Example, LimitUse, Tally, Unjudged};

/// What it is about, and whose word it is.
pub struct About<'a> {
    /// The contract, as it is now.
    pub contract: &'a Compiled,
    /// What people signed of it.
    pub signatures: Option<&'a Signatures>,
    /// Whether it is in force.
    pub standing: Standing,
    /// The public keys that sign the log, as `trace verify --key` takes them.
    pub keys: Vec<String>,
    /// When it is made.
    pub now: UnixMicros,
}

/// Evidence of how a contract was kept.
#[derive(Debug, Serialize)]
pub struct Evidence {
    /// When it was made.
    pub made_at: String,
    /// The version that made it.
    pub version: &'static str,
    /// About when.
    pub period: Period,
    /// What was agreed.
    pub agreement: Agreed,
    /// Who signed what, and what else was done about it until the end of the period, oldest first.
    pub changes: Vec<Done>,
    /// All calls of the period.
    pub calls: u64,
    /// How they went.
    pub counts: Counts,
    /// How many clauses are honoured in which way.
    pub coverage: Coverage,
    /// Every clause.
    pub clauses: Vec<ClauseEvidence>,
    /// The most that was used of each limit.
    pub limits: Vec<LimitUse>,
    /// What nobody could judge.
    pub unjudged: Vec<Unjudged>,
    /// What it rests on; none where nobody has signed the log yet.
    pub checkpoint: Option<Basis>,
    /// Receipts of the records that it names, in the order of the log.
    pub receipts: Vec<Proof>,
    /// Records that it names and that no checkpoint covers yet.
    pub unproved: Vec<u64>,
}

/// What was agreed, by whom.
#[derive(Debug, Serialize)]
pub struct Agreed {
    pub contract: String,
    pub name: String,
    pub vendor: String,
    pub ours: String,
    pub theirs: String,
    /// Who stands for what on either side.
    pub people: Vec<(String, String)>,
    pub responsible: String,
    pub apps: Vec<String>,
    pub tenants: Vec<String>,
    pub purposes: Vec<String>,
    pub from: String,
    pub until: String,
    pub zone: String,
    pub standing: Standing,
    pub documents: Vec<Paper>,
    /// The digest that people sign.
    pub digest: Digest,
    pub signatures: Vec<SignedBy>,
}

/// A document.
#[derive(Debug, Serialize)]
pub struct Paper {
    pub name: String,
    pub sha256: Digest,
    pub dated: String,
}

/// A person's yes to the contract as it is.
#[derive(Debug, Serialize)]
pub struct SignedBy {
    pub by: String,
    pub how: model::SignedInBy,
    pub at: String,
}

/// Something that was done about the contract.
#[derive(Debug, Serialize)]
pub struct Done {
    pub sequence: u64,
    pub at: String,
    pub what: String,
    /// Who; none once erased.
    pub by: Option<String>,
    /// What was signed, or why it was done.
    pub about: Option<String>,
}

/// A clause, and how it was honoured.
#[derive(Debug, Serialize)]
pub struct ClauseEvidence {
    #[serde(flatten)]
    pub row: Row,
    /// The document's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What it makes the gateway do.
    pub does: Vec<String>,
    /// Anything else that the contract file says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What was checked of it afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub afterwards: Option<Afterwards>,
    /// How the calls went that it answered, alone or with others.
    pub counts: Counts,
    pub examples: Vec<Example>,
}

/// How a clause was kept that is checked afterwards.
#[derive(Debug, Serialize)]
pub struct Afterwards {
    /// What the trace is asked; none where a person looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// What a person looks at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub look_at: Option<String>,
    /// What the trace answers of this period, as far as the clause holds in it, asked anew for this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<Found>,
    /// When the gateway asked, and what it found then.
    pub runs: Vec<Run>,
}

/// Once that a clause was checked.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    pub sequence: u64,
    pub at: String,
    pub clause: String,
    pub since: String,
    pub until: String,
    /// Whether it was kept; none where a person had to say.
    pub held: Option<bool>,
    pub against: u64,
    /// The person whose word it is.
    pub person: Option<String>,
    /// What that person had to say of it.
    pub note: Option<String>,
}

/// What receipts rest on.
#[derive(Debug, Serialize)]
pub struct Basis {
    /// The log.
    pub origin: String,
    /// How many records it had.
    pub size: u64,
    pub root: String,
    /// The signed note.
    pub note: String,
    /// Whose word that is.
    pub keys: Vec<String>,
}

/// A receipt of one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    pub sequence: u64,
    /// In the form of C2SP tlog-proof, with the leaf beside it.
    pub text: String,
}

/// Gathers what the trace has about a contract in a period. Error: the trace cannot be read.
pub fn gather(log: &dyn LogReader, about: About<'_>, period: Period) -> Result<Evidence, Fault> {
    let contract = about.contract;
    let last = UnixMicros(period.ends.0 - 1);
    let mut tally = Tally::of(contract);
    let mut calls = 0;
    let span = Span { since: Some(period.begins), until: Some(last), after: None };
    each(log, contract, span, |asked| {
        calls += 1;
        tally.take(&asked);
    })
    .map_err(Fault::from)?;
    let (changes, runs) = changes(log, contract, (period.begins, last))?;
    let mut clauses = clauses(contract, &tally);
    for clause in &mut clauses {
        clause.afterwards = afterwards(log, contract, &clause.row.clause, &period, &runs)?;
    }
    let unjudged = tally.unjudged();
    let examples = clauses.iter().flat_map(|clause| clause.examples.iter().map(|example| example.sequence));
    let found = clauses.iter().filter_map(|clause| clause.afterwards.as_ref());
    let found = found.flat_map(|after| {
        let calls = after.found.iter().flat_map(|found| found.some.iter().map(|call| call.sequence));
        calls.chain(after.runs.iter().map(|run| run.sequence))
    });
    let named = examples.chain(found).chain(changes.iter().map(|done| done.sequence));
    let named: BTreeSet<u64> = named.chain(unjudged.iter().flat_map(|one| one.some.clone())).collect();
    let checkpoint = checkpoint_over(log, named.last().copied().unwrap_or_default()).map_err(Fault::from)?;
    let (receipts, unproved) = proofs(log, &named, checkpoint.as_ref())?;
    Ok(Evidence {
        made_at: rfc3339(about.now),
        version: env!("CARGO_PKG_VERSION"),
        agreement: agreed(&about),
        changes,
        calls,
        counts: tally.counts,
        coverage: Coverage::of(&contract.register()),
        clauses,
        limits: tally.limits(),
        unjudged,
        checkpoint: checkpoint.map(|checkpoint| basis(&checkpoint, about.keys)),
        receipts,
        unproved,
        period,
    })
}

fn agreed(about: &About<'_>) -> Agreed {
    let agreement = about.contract.agreement();
    let digest = about.contract.forms().digest;
    let papers = std::iter::once(&agreement.document).chain(agreement.amendments.iter().map(|one| &one.document));
    let paper = |document: &contract::agreement::Document| Paper {
        name: document.name.clone(),
        sha256: document.sha256,
        dated: document.dated.to_string(),
    };
    let signed = about.signatures.filter(|signed| signed.digest == digest);
    let signatures = signed.into_iter().flat_map(|signed| &signed.signatures);
    let people = [&agreement.parties.ours, &agreement.parties.theirs].into_iter().flat_map(|party| {
        let who = |(what, who): (&String, &String)| (format!("{what} of {}", party.name), who.clone());
        party.people.iter().map(who).collect::<Vec<_>>()
    });
    Agreed {
        contract: agreement.contract.to_string(),
        name: agreement.document.name.clone(),
        vendor: agreement.vendor.to_string(),
        ours: agreement.parties.ours.name.clone(),
        theirs: agreement.parties.theirs.name.clone(),
        people: people.collect(),
        responsible: agreement.parties.responsible.to_string(),
        apps: agreement.apps.iter().map(ToString::to_string).collect(),
        tenants: agreement.tenants.iter().map(ToString::to_string).collect(),
        purposes: agreement.purposes.iter().map(ToString::to_string).collect(),
        from: agreement.term.from.to_string(),
        until: agreement.term.until.to_string(),
        zone: agreement.term.zone.clone(),
        standing: about.standing,
        documents: papers.map(paper).collect(),
        digest,
        signatures: signatures
            .map(|one| SignedBy { by: one.by.to_string(), how: one.how, at: rfc3339(UnixMicros(one.at_us)) })
            .collect(),
    }
}

fn clauses(contract: &Compiled, tally: &Tally<'_>) -> Vec<ClauseEvidence> {
    let provisions = contract.agreement().provisions();
    let texts: BTreeMap<&ClauseNumber, _> = provisions.map(|(provision, _)| (&provision.clause, provision)).collect();
    let evidence = |row: Row| {
        let provision = texts.get(&row.clause);
        let seen = tally.seen(&row.clause).filter(|_| row.honoured != Honoured::CheckedAfterwards);
        ClauseEvidence {
            text: provision.and_then(|provision| provision.text.clone()),
            note: provision.and_then(|provision| provision.note.clone()),
            does: contract.sentences(&row.clause),
            afterwards: None,
            counts: seen.map(|seen| seen.counts).unwrap_or_default(),
            examples: seen.map(|seen| seen.examples()).unwrap_or_default(),
            row,
        }
    };
    contract.register().into_iter().map(evidence).collect()
}

/// What was done about the contract until the end of the period, and when it was checked in it, oldest first.
fn changes(
    log: &dyn LogReader,
    contract: &Compiled,
    (since, until): (UnixMicros, UnixMicros),
) -> Result<(Vec<Done>, Vec<Run>), Fault> {
    let about = Query { until: Some(until), ..Query::default() }
        .of_kind(RecordKind::Change)
        .with(Field::Subject, format!("contract:{}", contract.id()));
    let done = all(log, &about.clone().without(Field::What, AUDITED))?.iter().filter_map(done_of).collect();
    let audits = Query { since: Some(since), ..about.with(Field::What, AUDITED) };
    let runs = all(log, &audits)?.iter().filter_map(run_of).collect();
    Ok((done, runs))
}

/// Everything that a question finds, however much that is, oldest first.
fn all(log: &dyn LogReader, query: &Query) -> Result<Vec<Entry>, Fault> {
    let mut all: Vec<Entry> = Vec::new();
    loop {
        let after_sequence = all.last().map(|last| last.sequence);
        let page = Query { after_sequence, limit: PAGE, newest_first: false, ..query.clone() };
        let page = log.find(&page).map_err(Fault::from)?;
        let full = page.len() == PAGE;
        all.extend(page);
        if !full {
            return Ok(all);
        }
    }
}

fn run_of(entry: &Entry) -> Option<Run> {
    let detail = entry.change()?.detail?;
    let text = |key: &str| detail.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(Run {
        sequence: entry.sequence,
        at: rfc3339(entry.at),
        clause: text("clause"),
        since: text("since"),
        until: text("until"),
        held: detail.get("held").and_then(Value::as_bool),
        against: against(&detail),
        person: detail.get("person").and_then(Value::as_str).map(str::to_owned),
        note: detail.get("note").and_then(Value::as_str).map(str::to_owned),
    })
}

/// What was checked afterwards of a clause, if it is one of those.
fn afterwards(
    log: &dyn LogReader,
    contract: &Compiled,
    clause: &ClauseNumber,
    period: &Period,
    runs: &[Run],
) -> Result<Option<Afterwards>, Fault> {
    let mut provisions = contract.agreement().provisions().map(|(provision, _)| provision);
    let Some(provision) = provisions.find(|provision| provision.clause == *clause) else { return Ok(None) };
    let Kind::PostHoc(asks) = &provision.kind else { return Ok(None) };
    let check = Check::of(contract, provision).ok().flatten();
    let found = check.as_ref().zip(held_in(contract, clause, period));
    let part = |(since, until)| Part { since, until, behind: None, up_to: None };
    let found = found.map(|(check, held)| check.look(log, part(held))).transpose();
    Ok(Some(Afterwards {
        asked: check.as_ref().map(Check::in_words),
        look_at: asks.look_at.clone(),
        found: found.map_err(Fault::from)?,
        runs: runs.iter().filter(|run| run.clause == clause.as_str()).cloned().collect(),
    }))
}

/// The stretch of a period in which a clause holds. None: it does not hold then.
fn held_in(contract: &Compiled, clause: &ClauseNumber, period: &Period) -> Option<(UnixMicros, UnixMicros)> {
    let (begins, ends) = contract.agreement().stretch_of(clause)?;
    Some((begins.max(period.begins), ends.min(period.ends))).filter(|(since, until)| since < until)
}

fn done_of(entry: &Entry) -> Option<Done> {
    let change = entry.change()?;
    let said = |key: &str| change.detail.as_ref()?.get(key)?.as_str().map(str::to_owned);
    Some(Done {
        sequence: entry.sequence,
        at: rfc3339(entry.at),
        about: said("reason").or_else(|| said("digest")),
        what: change.what,
        by: change.by,
    })
}

fn basis(checkpoint: &SignedCheckpoint, keys: Vec<String>) -> Basis {
    // Made by this log, of which receipts are made here: whoever reads them checks them with a key.
    let known = checkpoint.danger_unverified();
    let tree = known.tree();
    Basis {
        origin: known.origin().to_owned(),
        size: tree.size,
        root: tree.root.to_string(),
        note: checkpoint.to_string(),
        keys,
    }
}

/// A receipt of each of these records under one checkpoint, and those that it does not cover.
fn proofs(
    log: &dyn LogReader,
    named: &BTreeSet<u64>,
    checkpoint: Option<&SignedCheckpoint>,
) -> Result<(Vec<Proof>, Vec<u64>), Fault> {
    let (mut proofs, mut unproved) = (Vec::new(), Vec::new());
    for sequence in named {
        let of_call = log.by_id(&sequence.to_string()).map_err(Fault::from)?;
        let entry = of_call.into_iter().find(|entry| entry.sequence == *sequence);
        let receipt = match (entry, checkpoint) {
            (Some(entry), Some(checkpoint)) => receipt_under(log, &entry, checkpoint).map_err(Fault::from)?,
            _ => None,
        };
        match receipt {
            Some(receipt) => proofs.push(Proof { sequence: *sequence, text: receipt.to_string() }),
            None => unproved.push(*sequence),
        }
    }
    Ok((proofs, unproved))
}

/// As a sentence begins.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

impl Evidence {
    /// For programs.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// How many changes are read at a time.
const PAGE: usize = 1_000;

#[cfg(test)]
pub(crate) mod tests;
