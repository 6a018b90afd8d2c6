//! What cannot hold together: clauses unaccounted for, contradictory, overlapping or back-dated.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{AppId, ClauseNumber, Operation};

use crate::agreement::{Agreement, Document, Head, Kind, Limits, NeedsHuman, Party, Permits, Provision};
use crate::error::ContractError;
use crate::normal::sha256;
use crate::path::FieldPath;
use crate::reader::Reader;

mod overlap;

/// Complains of everything in it that cannot hold.
pub(crate) fn check(agreement: &Agreement, reader: &mut Reader) {
    accounted_for(reader, &agreement.document, &agreement.clauses);
    for amendment in &agreement.amendments {
        accounted_for(reader, &amendment.document, &amendment.clauses);
    }
    numbers_once(agreement, reader);
    dates(agreement, reader);
    superseding(agreement, reader);
    apps(agreement, reader);
    purposes(agreement, reader);
    approvers(agreement, reader);
    for turn in agreement.turns() {
        let clauses = agreement.in_effect(turn);
        overlap::check(&clauses, reader);
        contradictions(&clauses, reader);
        out_of_reach(&clauses, reader);
        never_known(&clauses, reader);
        if !clauses.iter().any(|clause| matches!(clause.kind, Kind::Permits(_))) {
            let hint = "that is as it should be where the agreement grants no access by itself".to_owned();
            reader.note_at(
                (1, 1),
                "no clause permits anything: under this contract the vendor may do nothing",
                Some(hint),
            );
        }
    }
    reader.errors = crate::reading::sorted(std::mem::take(&mut reader.errors));
    reader.notes = crate::reading::sorted(std::mem::take(&mut reader.notes));
}

/// A document as it lies beside its contract.
#[derive(Debug, Clone)]
pub struct DocumentFile {
    /// All of it: its digest is that of these.
    pub bytes: Vec<u8>,
    /// What it says, where its bytes are not the text themselves. Quotations count in it then.
    pub text: Option<String>,
}

/// Whether the documents are those that the contract names, and say what it quotes.
pub(crate) fn documents(
    agreement: &Agreement,
    read: &dyn Fn(&str) -> Result<DocumentFile, String>,
) -> Vec<ContractError> {
    let amended = agreement.amendments.iter().map(|amendment| (&amendment.document, &amendment.clauses));
    let all = std::iter::once((&agreement.document, &agreement.clauses)).chain(amended);
    let mut reader = Reader::new(&agreement.file);
    for (document, clauses) in all {
        let Some(file) = &document.file else { continue };
        let DocumentFile { bytes, text: of_format } = match read(file) {
            Ok(document) => document,
            Err(error) => {
                let hint =
                    "put the document beside the contract, say where it lies from there, or take `file` out".to_owned();
                reader.complain_at((1, 1), format!("the document `{file}` cannot be used: {error}"), Some(hint));
                continue;
            }
        };
        let found = sha256(&bytes);
        if found != document.sha256 {
            let said = format!("`{file}` is not the document that this contract stands for: its digest is {found}");
            let hint = "find out who changed it; what was agreed anew is an amendment".to_owned();
            reader.complain_at((1, 1), said, Some(hint));
            continue;
        }
        let quoted = of_format.as_deref().map_or(bytes.as_slice(), str::as_bytes);
        for clause in clauses {
            let (Some(at), Some(text)) = (clause.at, &clause.text) else { continue };
            let end = at.offset.saturating_add(at.bytes);
            let range = usize::try_from(at.offset).ok().zip(usize::try_from(end).ok());
            if range.and_then(|(start, end)| quoted.get(start..end)) != Some(text.as_bytes()) {
                let said = format!("clause {} is not quoted as `{file}` has it there", clause.clause);
                reader.complain_at(
                    clause.place,
                    said,
                    Some("quote it word for word, or say in `says` what it comes to".to_owned()),
                );
            }
        }
    }
    reader.errors
}

/// Each clause that the document has stands in the contract, and no other.
// INVARIANT: where the document itself has `3.2` and `3.2(a)`, the one does not stand in for the other (test
// `each_clause_of_a_document_with_parts_is_accounted_for_by_itself`).
fn accounted_for(reader: &mut Reader, document: &Document, clauses: &[Provision]) {
    let of = |clause: &Provision| {
        let numbers = document.clauses.iter().filter(|number| clause.is_of(number));
        numbers.max_by_key(|number| number.as_str().len())
    };
    let accounted: BTreeSet<&ClauseNumber> = clauses.iter().filter_map(of).collect();
    for number in &document.clauses {
        if !accounted.contains(number) {
            let said = format!("clause {number} of “{}” is not accounted for", document.name);
            let hint = format!(
                "add `- clause: \"{number}\"` and how it is honoured; what asks nothing of the vendor's requests is `needs_human`"
            );
            reader.complain_at((1, 1), said, Some(hint));
        }
    }
    for clause in clauses {
        if of(clause).is_none() {
            let numbers = document.clauses.iter().map(ClauseNumber::as_str);
            let hint = spelling::did_you_mean(clause.clause.as_str(), numbers);
            let hint = hint.or_else(|| Some("list it under `document: clauses`, or take it out".to_owned()));
            let said = format!("“{}” has no clause {}", document.name, clause.clause);
            reader.complain_at(clause.place, said, hint);
        }
    }
}

fn numbers_once(agreement: &Agreement, reader: &mut Reader) {
    let mut seen = BTreeMap::new();
    for (clause, _) in agreement.provisions() {
        if seen.insert(&clause.clause, clause.place).is_some() {
            let hint = "keep one of them; an amendment numbers its clauses apart, as in `A1.2`".to_owned();
            reader.complain_at(clause.place, format!("clause {} is accounted for twice", clause.clause), Some(hint));
        }
    }
}

/// Nothing holds before it was agreed on.
fn dates(agreement: &Agreement, reader: &mut Reader) {
    let (term, document) = (&agreement.term, &agreement.document);
    if term.from < document.dated {
        let said = format!("the term begins on {}, before the document is dated, {}", term.from, document.dated);
        reader.complain_at(
            (1, 1),
            said,
            Some("nothing is permitted backwards: begin on the day of the document or later".to_owned()),
        );
    }
    for amendment in &agreement.amendments {
        let place = amendment.clauses.first().map_or((1, 1), |clause| clause.place);
        let name = &amendment.document.name;
        if amendment.from < amendment.document.dated {
            let said =
                format!("“{name}” holds from {}, before it is dated, {}", amendment.from, amendment.document.dated);
            reader.complain_at(
                place,
                said,
                Some("nothing is permitted backwards: let it hold from its own day or later".to_owned()),
            );
        }
        if amendment.from < term.from || amendment.from > term.until {
            let said =
                format!("“{name}” holds from {}, outside the term, {} to {}", amendment.from, term.from, term.until);
            reader.complain_at(place, said, None);
        }
    }
}

/// What is superseded is there, once, and earlier.
fn superseding(agreement: &Agreement, reader: &mut Reader) {
    for clause in agreement.clauses.iter().filter(|clause| !clause.supersedes.is_empty()) {
        let hint = "give it under `amendments`, with the day from which it holds".to_owned();
        reader.complain_at(
            clause.place,
            format!("clause {} supersedes, but is of the first document", clause.clause),
            Some(hint),
        );
    }
    let mut gone: BTreeMap<&ClauseNumber, &ClauseNumber> = BTreeMap::new();
    let mut known: Vec<&ClauseNumber> = agreement.clauses.iter().map(|clause| &clause.clause).collect();
    for amendment in &agreement.amendments {
        for clause in &amendment.clauses {
            for old in &clause.supersedes {
                if !known.contains(&old) {
                    let hint = spelling::did_you_mean(old.as_str(), known.iter().map(|number| number.as_str()));
                    let said =
                        format!("clause {} supersedes clause {old}, which is not there before it", clause.clause);
                    reader.complain_at(clause.place, said, hint);
                } else if let Some(other) = gone.insert(old, &clause.clause) {
                    let said = format!("clause {} supersedes clause {old}, and so does clause {other}", clause.clause);
                    let hint = format!("let it supersede clause {other} where it comes later, or keep one of them");
                    reader.complain_at(clause.place, said, Some(hint));
                }
            }
        }
        known.extend(amendment.clauses.iter().map(|clause| &clause.clause));
    }
}

fn apps(agreement: &Agreement, reader: &mut Reader) {
    for (clause, _) in agreement.provisions() {
        if let Kind::Permits(permits) = &clause.kind {
            for app in permits.apps.difference(&agreement.apps) {
                let hint = spelling::did_you_mean(app.as_str(), agreement.apps.iter().map(AppId::as_str));
                let said =
                    format!("clause {} permits something in `{app}`, which the contract is not about", clause.clause);
                reader.complain_at(clause.place, said, hint.or_else(|| Some("list it under `apps`".to_owned())));
            }
        }
    }
}

/// A clause that says what the data is for has the head to say it: without it, nothing would be compared.
fn purposes(agreement: &Agreement, reader: &mut Reader) {
    if !agreement.purposes.is_empty() {
        return;
    }
    for (clause, _) in agreement.provisions() {
        if matches!(&clause.kind, Kind::Limits(limits) if limits.head.contains(&Head::Purposes)) {
            let hint = "name them beside `tenants`: `purposes: [background-screening]`".to_owned();
            let said =
                format!("clause {} limits what data is used for, and the contract names no purpose", clause.clause);
            reader.complain_at(clause.place, said, Some(hint));
        }
    }
}

/// What the vendor asks is approved by people of the other side.
fn approvers(agreement: &Agreement, reader: &mut Reader) {
    for (clause, _) in agreement.provisions() {
        let Kind::NeedsHuman(NeedsHuman { before: Some(before), .. }) = &clause.kind else { continue };
        for theirs in agreement.parties.theirs.humans() {
            if before.approvers.iter().any(|approver| approver.strip_prefix(Party::HUMAN) == Some(theirs.as_str())) {
                let said = format!("clause {} waits for `human:{theirs}`, who is of the vendor's side", clause.clause);
                let hint = "name somebody of ours: nobody approves what their own side asks".to_owned();
                reader.complain_at(clause.place, said, Some(hint));
            }
        }
    }
}

/// What one clause permits and another one keeps back whole.
fn contradictions(clauses: &[&Provision], reader: &mut Reader) {
    for (permitting, permits) in permitting(clauses) {
        for (excluding, excludes) in excluding(clauses) {
            let mut contradict = |what: String| {
                let said = format!(
                    "clause {} keeps back {what}, which clause {} permits",
                    excluding.clause, permitting.clause
                );
                let hint = "a contract cannot do both: take it out of one of them".to_owned();
                reader.complain_at(excluding.place, said, Some(hint));
            };
            for entity in permits.entities.intersection(&excludes.entities) {
                contradict(format!("`{entity}`"));
            }
            for operation in permits.operations.intersection(&excludes.operations) {
                contradict(format!("to {operation}"));
            }
            for (entity, listed) in permits.fields.iter().chain(&permits.sends) {
                for (of, path) in of_entity(&excludes.fields, entity) {
                    if let Some(field) = listed.iter().find(|field| path.keeps_back(field)) {
                        contradict(format!("`{field}` of `{}`", if of.as_ref() == "all" { entity } else { of }));
                    }
                }
            }
        }
    }
}

/// Conditions on what no clause permits.
fn out_of_reach(clauses: &[&Provision], reader: &mut Reader) {
    let permitted: BTreeSet<&Arc<str>> = permitting(clauses).flat_map(|(_, permits)| &permits.entities).collect();
    for (clause, limits) in limiting(clauses) {
        for entity in limits.conditions.keys().filter(|entity| !permitted.contains(entity)) {
            let known = permitted.iter().map(|entity| entity.as_ref());
            let hint = spelling::did_you_mean(entity, known);
            let hint = hint.or_else(|| Some("a condition narrows what another clause permits".to_owned()));
            let said = format!("clause {} sets a condition on `{entity}`, which no clause permits", clause.clause);
            reader.complain_at(clause.place, said, hint);
        }
    }
}

/// Conditions that nothing can show before something is made or changed: that waits in vain.
fn never_known(clauses: &[&Provision], reader: &mut Reader) {
    for (clause, limits) in limiting(clauses) {
        let fields =
            limits.conditions.iter().flat_map(|(entity, fields)| fields.keys().map(move |path| (entity, path)));
        for (entity, path) in fields {
            let in_list = path.as_str().contains("[]");
            for (other, permits) in permitting(clauses).filter(|(_, permits)| permits.entities.contains(entity)) {
                let sent = permits.sends.get(entity);
                let unsent = !sent.is_some_and(|sent| sent.iter().any(|one| one.covers(path)));
                let never = |operation: &&Operation| match operation {
                    Operation::Read | Operation::List => false,
                    Operation::Create => in_list || unsent,
                    Operation::Update | Operation::Delete | Operation::Act => in_list,
                };
                let Some(operation) = permits.operations.iter().find(never) else { continue };
                let (unless, hint) = match operation {
                    Operation::Create if !in_list => (
                        " unless the call names the record that it hangs on",
                        format!(
                            "have the app's mapping name that record (`id`), or let `{path}` be sent, or take `create` out"
                        ),
                    ),
                    _ => ("", "a condition on a list is for what is read: name a plain field".to_owned()),
                };
                let said = format!(
                    "clause {} permits to {operation} `{entity}`, and clause {} goes by its `{path}`, which nothing shows before: it would never be done{unless}",
                    other.clause, clause.clause
                );
                reader.note_at(other.place, said, Some(hint));
            }
        }
    }
}

/// What is kept back of an entity, with the word it is kept back under.
pub(crate) fn of_entity<'e>(
    fields: &'e BTreeMap<Arc<str>, BTreeSet<FieldPath>>,
    entity: &str,
) -> impl Iterator<Item = (&'e Arc<str>, &'e FieldPath)> {
    let both = [fields.get_key_value(entity), fields.get_key_value("all")];
    both.into_iter().flatten().flat_map(|(of, paths)| paths.iter().map(move |path| (of, path)))
}

pub(crate) fn permitting<'c>(clauses: &[&'c Provision]) -> impl Iterator<Item = (&'c Provision, &'c Permits)> {
    clauses.iter().filter_map(|clause| match &clause.kind {
        Kind::Permits(permits) => Some((*clause, permits)),
        _ => None,
    })
}

fn excluding<'c>(clauses: &[&'c Provision]) -> impl Iterator<Item = (&'c Provision, &'c crate::agreement::Excludes)> {
    clauses.iter().filter_map(|clause| match &clause.kind {
        Kind::Excludes(excludes) => Some((*clause, excludes)),
        _ => None,
    })
}

fn limiting<'c>(clauses: &[&'c Provision]) -> impl Iterator<Item = (&'c Provision, &'c Limits)> {
    clauses.iter().filter_map(|clause| match &clause.kind {
        Kind::Limits(limits) => Some((*clause, limits)),
        _ => None,
    })
}

impl Provision {
    /// Whether it is this clause of the document, or a part of it: `3.1(a)` is a part of `3.1`.
    fn is_of(&self, number: &ClauseNumber) -> bool {
        let rest = self.clause.as_str().strip_prefix(number.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('('))
    }
}
