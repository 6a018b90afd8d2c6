//! Clauses in plain sentences.

use std::collections::BTreeSet;

use model::{Operation, Scalar};

use crate::agreement::{Agreement, Head, Permits, PostHoc, Provision, Rate};
use crate::path::FieldPath;

pub(crate) fn permits(agreement: &Agreement, clause: &Provision, permits: &Permits) -> String {
    let entities: Vec<String> = permits.entities.iter().map(|entity| format!("`{entity}`")).collect();
    let operations: Vec<&str> = permits.operations.iter().map(|operation| operation.as_str()).collect();
    let (party, number) = (&agreement.parties.theirs.name, &clause.clause);
    format!("clause {number} lets {party} {} {}", joined(&operations, "and"), joined(&entities, "and"))
}

pub(crate) fn head(agreement: &Agreement, clause: &Provision, head: Head) -> String {
    let number = &clause.clause;
    match head {
        Head::Term => {
            let term = &agreement.term;
            format!("clause {number}: the agreement runs from {} until {}", term.from, term.until)
        }
        Head::Tenants => format!("clause {number} is about the data of {}", joined_texts(&agreement.tenants)),
        Head::Purposes => format!("clause {number} lets data be used for {}", joined_texts(&agreement.purposes)),
    }
}

pub(crate) fn condition(clause: &Provision, entity: &str, path: &FieldPath, one_of: &BTreeSet<Scalar>) -> String {
    let number = &clause.clause;
    format!("clause {number} is about each `{entity}` whose `{path}` is {}", values(one_of))
}

pub(crate) fn rate(clause: &Provision, what: &str, rate: Rate) -> String {
    let number = &clause.clause;
    format!("clause {number} allows {} {what} in {}", grouped(rate.most), rate.stretch())
}

/// What is checked afterwards: `every month: what fits “class:write” outside mon-fri 07:00-19:00, at most 20 in a day`.
pub(crate) fn audit(asks: &PostHoc) -> String {
    let every = EVERY.iter().find(|(_, days)| *days == asks.every_days).map_or("so often", |(word, _)| word);
    let mut what: Vec<String> = Vec::new();
    if asks.is_of_the_trace() {
        let calls = asks
            .question
            .as_ref()
            .map_or_else(|| "calls".to_owned(), |question| format!("calls that fit “{question}”"));
        let outside = asks.outside.as_ref().map(|hours| format!(" outside {hours}")).unwrap_or_default();
        let most = asks
            .at_most
            .map_or_else(|| "none".to_owned(), |rate| format!("at most {} in {}", grouped(rate.most), rate.stretch()));
        what.push(format!("{calls}{outside}, {most}"));
    }
    what.extend(asks.look_at.as_ref().map(|look_at| format!("people look at “{look_at}”")));
    format!("every {every}: {}", what.join("; "))
}

pub(crate) fn values(values: &BTreeSet<Scalar>) -> String {
    let values: Vec<String> = values.iter().map(|value| format!("`{}`", value_text(value))).collect();
    joined(&values, "or")
}

pub(crate) fn value_text(value: &Scalar) -> String {
    match value {
        Scalar::Bool(truth) => truth.to_string(),
        Scalar::Whole(number) => number.to_string(),
        Scalar::Decimal(text) => text.clone(),
        Scalar::Text(text) => text.to_string(),
    }
}

pub(crate) fn joined_texts<T: AsRef<str>>(texts: &BTreeSet<T>) -> String {
    let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
    joined(&texts, "and")
}

/// `a, b and c`.
pub(crate) fn joined<T: AsRef<str>>(words: &[T], last: &str) -> String {
    match words.split_last() {
        Some((end, rest)) if !rest.is_empty() => {
            let rest: Vec<&str> = rest.iter().map(AsRef::as_ref).collect();
            format!("{} {last} {}", rest.join(", "), end.as_ref())
        }
        _ => words.iter().map(AsRef::as_ref).collect(),
    }
}

/// `12,000`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// What is done, as somebody does it: `reading`.
pub(crate) const fn doing(operation: Operation) -> &'static str {
    match operation {
        Operation::Read => "reading",
        Operation::List => "listing",
        Operation::Create => "creating",
        Operation::Update => "updating",
        Operation::Delete => "deleting",
        Operation::Act => "acting on",
    }
}

/// `At most 600 requests in an hour`.
pub(crate) fn rate_words(what: &str, rate: Rate) -> String {
    format!("At most {} {what} in {}", grouped(rate.most), rate.stretch())
}

/// How often something is checked, in days.
pub(crate) const EVERY: &[(&str, u64)] = &[("day", 1), ("week", 7), ("month", 30), ("quarter", 90), ("year", 365)];
