//! Two clauses that say the same thing, so that nobody could tell which one answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{AppId, ClauseNumber, Operation, Scalar};

use super::{excluding, limiting, permitting};
use crate::agreement::{Head, Provision, Rate};
use crate::path::FieldPath;
use crate::reader::Reader;

pub(super) fn check(clauses: &[&Provision], reader: &mut Reader) {
    permits(clauses, reader);
    excludes(clauses, reader);
    conditions(clauses, reader);
    limits(clauses, reader);
}

fn tell(reader: &mut Reader, clause: &Provision, other: &ClauseNumber, what: &str) {
    let said = format!("clauses {other} and {} overlap: both {what}", clause.clause);
    let hint = "say it in one of them; what an amendment changes it `supersedes`".to_owned();
    reader.complain_at(clause.place, said, Some(hint));
}

fn permits(clauses: &[&Provision], reader: &mut Reader) {
    type Asked<'c> = (Operation, &'c Arc<str>);
    let mut said: BTreeMap<Asked<'_>, Vec<(&ClauseNumber, &BTreeSet<AppId>)>> = BTreeMap::new();
    for (clause, permits) in permitting(clauses) {
        for operation in &permits.operations {
            for entity in &permits.entities {
                let others = said.entry((*operation, entity)).or_default();
                let meets = |apps: &&BTreeSet<AppId>| {
                    apps.is_empty() || permits.apps.is_empty() || !apps.is_disjoint(&permits.apps)
                };
                if let Some((other, _)) = others.iter().find(|(_, apps)| meets(apps)) {
                    tell(reader, clause, other, &format!("permit to {operation} `{entity}`"));
                }
                others.push((&clause.clause, &permits.apps));
            }
        }
    }
}

fn excludes(clauses: &[&Provision], reader: &mut Reader) {
    let mut said: Vec<(&ClauseNumber, &Arc<str>, &FieldPath)> = Vec::new();
    for (clause, excludes) in excluding(clauses) {
        for (entity, paths) in &excludes.fields {
            for path in paths {
                let same =
                    |other: &Arc<str>| other == entity || [other, entity].iter().any(|one| one.as_ref() == "all");
                let found = said.iter().find(|(number, of, kept)| {
                    **number != clause.clause && same(of) && (kept.covers(path) || path.covers(kept))
                });
                if let Some((other, ..)) = found {
                    tell(reader, clause, other, &format!("keep back `{path}` of `{entity}`"));
                }
                said.push((&clause.clause, entity, path));
            }
        }
    }
}

fn conditions(clauses: &[&Provision], reader: &mut Reader) {
    type Found<'c> = (&'c ClauseNumber, &'c BTreeSet<Scalar>);
    let mut said: BTreeMap<(&Arc<str>, &FieldPath), Found<'_>> = BTreeMap::new();
    for (clause, limits) in limiting(clauses) {
        for (entity, fields) in &limits.conditions {
            for (path, one_of) in fields {
                match said.insert((entity, path), (&clause.clause, one_of)) {
                    Some((other, before)) if before.is_disjoint(one_of) => {
                        let said = format!(
                            "clauses {other} and {} contradict each other: no value of `{path}` of `{entity}` is in both",
                            clause.clause
                        );
                        reader.complain_at(clause.place, said, None);
                    }
                    Some((other, _)) => {
                        tell(reader, clause, other, &format!("set a condition on `{path}` of `{entity}`"))
                    }
                    None => {}
                }
            }
        }
    }
}

fn limits(clauses: &[&Provision], reader: &mut Reader) {
    let mut heads: BTreeMap<Head, &ClauseNumber> = BTreeMap::new();
    let mut rates: BTreeMap<(&str, u64), &ClauseNumber> = BTreeMap::new();
    for (clause, limits) in limiting(clauses) {
        for head in &limits.head {
            if let Some(other) = heads.insert(*head, &clause.clause) {
                tell(reader, clause, other, &format!("say the {}", head.as_str()));
            }
        }
        let all: [(&str, Option<Rate>); 3] =
            [("requests", limits.requests), ("records", limits.records), ("bytes", limits.bytes)];
        for (what, rate) in all {
            let Some(rate) = rate else { continue };
            if let Some(other) = rates.insert((what, rate.seconds), &clause.clause) {
                tell(reader, clause, other, &format!("limit the {what} of {}", rate.stretch()));
            }
        }
        if limits.records_at_once.is_some()
            && let Some(other) = rates.insert(("at once", 0), &clause.clause)
        {
            tell(reader, clause, other, "limit the records of one request");
        }
    }
}
