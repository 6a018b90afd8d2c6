//! What a version of a contract newly permits or forbids, cell by cell: app × kind of record × what is done × state × field.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use model::{AppId, Operation, Scalar};
use serde::Serialize;

use crate::compiled::{Phase, VolumeOf};
use crate::in_force::Compiled;
use crate::path::FieldPath;
use crate::words::{grouped, joined, joined_texts, rate_words, value_text};

/// What is different between two versions of a contract, each as it is after its last amendment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Cells that changed, those with the same answer put together.
    pub cells: Vec<Cells>,
    /// What changed of tenants, purposes, term, limits and what waits for people, in words.
    pub others: Vec<String>,
}

/// Which way something changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It is permitted now.
    Permits,
    /// It is forbidden now.
    Forbids,
}

/// Cells that changed in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cells {
    /// Which way.
    pub change: Change,
    /// In which app.
    pub app: AppId,
    /// With which kind of record.
    pub entity: Arc<str>,
    /// Doing what.
    #[serde(rename = "do")]
    pub operation: Operation,
    /// In which state of the record, in words; none: in every one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Which fields; empty: all of them, those that nobody named included.
    pub fields: Vec<String>,
}

/// One state of a record: a value for each field that a condition of either version looks at; none: any other value.
type State = BTreeMap<FieldPath, Option<Scalar>>;

/// What is different in the new version.
pub fn difference(old: &Compiled, new: &Compiled) -> Difference {
    let mut difference = Difference { cells: Vec::new(), others: heads(old, new) };
    let (Some(before), Some(after)) = (old.phases().last(), new.phases().last()) else { return difference };
    difference.others.extend(limits(before, after));
    let apps = old.agreement().apps.union(&new.agreement().apps);
    let entities = entities(before).chain(entities(after)).collect::<BTreeSet<_>>();
    for app in apps {
        for entity in &entities {
            let (fields, states) = (fields(entity, before, after), states(entity, before, after));
            for operation in Operation::ALL {
                let side = |contract: &Compiled, phase| {
                    View { contract, phase }.shown(app, entity, operation, &states, &fields)
                };
                let (was, is) = (side(old, before), side(new, after));
                difference.cells.extend(compare(app, entity, operation, &states, &fields, &was, &is));
            }
        }
    }
    difference
}

/// One version of a contract.
struct View<'v> {
    contract: &'v Compiled,
    phase: &'v Phase,
}

impl View<'_> {
    /// For each state, which of the fields are let through; the last place stands for all that nobody named. None: the call is
    /// refused.
    fn shown(
        &self,
        app: &AppId,
        entity: &Arc<str>,
        operation: Operation,
        states: &[State],
        fields: &[FieldPath],
    ) -> Vec<Option<Vec<bool>>> {
        let phase = self.phase;
        let refused = !self.contract.agreement().apps.contains(app)
            || phase.hidden_entities.contains_key(entity)
            || phase.hidden_operations.contains_key(&operation);
        let permitted = phase.permitting(app, entity, operation).filter(|_| !refused);
        let Some(permitted) = permitted else { return vec![None; states.len()] };
        let listed = permitted.clause.fields.get(entity);
        let mut shown: Vec<bool> = fields
            .iter()
            .map(|field| {
                let in_list = listed.is_none_or(|listed| listed.iter().any(|one| one.covers(field)));
                in_list && !phase.hidden_of(entity).any(|hidden| hidden.path.covers(field))
            })
            .collect();
        shown.push(listed.is_none());
        let fits = |state: &State| {
            phase.conditions_on(entity).all(|condition| {
                let value = state.get(&condition.path);
                value.is_none_or(|value| value.as_ref().is_some_and(|value| condition.one_of.contains(value)))
            })
        };
        states.iter().map(|state| fits(state).then(|| shown.clone())).collect()
    }
}

fn compare(
    app: &AppId,
    entity: &Arc<str>,
    operation: Operation,
    states: &[State],
    fields: &[FieldPath],
    was: &[Option<Vec<bool>>],
    is: &[Option<Vec<bool>>],
) -> Vec<Cells> {
    // What changed, and in which states.
    let mut found: BTreeMap<(Change, Vec<usize>), Vec<&State>> = BTreeMap::new();
    for ((state, was), is) in states.iter().zip(was).zip(is) {
        for (change, more, less) in [(Change::Permits, is, was), (Change::Forbids, was, is)] {
            let Some(more) = more else { continue };
            let gained: Vec<usize> = (0..more.len())
                .filter(|place| more.get(*place) == Some(&true))
                .filter(|place| less.as_ref().and_then(|less| less.get(*place)) != Some(&true))
                .collect();
            if !gained.is_empty() || less.is_none() {
                found.entry((change, gained)).or_default().push(state);
            }
        }
    }
    let name = |place: &usize| fields.get(*place).map_or_else(|| "any other field".to_owned(), ToString::to_string);
    let cells = found.into_iter().map(|((change, gained), of)| Cells {
        change,
        app: app.clone(),
        entity: Arc::clone(entity),
        operation,
        state: (of.len() < states.len())
            .then(|| of.iter().map(|state| state_words(state)).collect::<Vec<_>>().join("; or ")),
        fields: if gained.len() > fields.len() { Vec::new() } else { gained.iter().map(name).collect() },
    });
    cells.collect()
}

fn state_words(state: &State) -> String {
    let words = state.iter().map(|(path, value)| match value {
        Some(value) => format!("{path} is {}", value_text(value)),
        None => format!("{path} is anything else"),
    });
    words.collect::<Vec<_>>().join(" and ")
}

fn entities(phase: &Phase) -> impl Iterator<Item = Arc<str>> {
    phase.permits.iter().flat_map(|permitted| permitted.clause.entities.iter().cloned())
}

fn fields(entity: &str, before: &Phase, after: &Phase) -> Vec<FieldPath> {
    let mut fields = BTreeSet::new();
    for phase in [before, after] {
        fields.extend(phase.hidden_of(entity).map(|hidden| hidden.path.clone()));
        for permitted in &phase.permits {
            fields.extend(permitted.clause.fields.get(entity).into_iter().flatten().cloned());
        }
    }
    fields.into_iter().collect()
}

/// Every state that conditions of either version tell apart. Where they are too many, some conditions are taken as fulfilled.
fn states(entity: &str, before: &Phase, after: &Phase) -> Vec<State> {
    let mut values: BTreeMap<FieldPath, BTreeSet<Option<Scalar>>> = BTreeMap::new();
    for condition in before.conditions_on(entity).chain(after.conditions_on(entity)) {
        let of = values.entry(condition.path.clone()).or_default();
        of.insert(None);
        of.extend(condition.one_of.iter().cloned().map(Some));
    }
    let mut states = vec![State::new()];
    for (path, of) in values {
        if states.len().saturating_mul(of.len()) > STATES_MAX {
            continue;
        }
        let longer = states.iter().flat_map(|state| {
            let with = |value: &Option<Scalar>| {
                let mut state = state.clone();
                state.insert(path.clone(), value.clone());
                state
            };
            of.iter().map(with).collect::<Vec<_>>()
        });
        states = longer.collect();
    }
    states
}

fn heads(old: &Compiled, new: &Compiled) -> Vec<String> {
    let (old, new) = (old.agreement(), new.agreement());
    let mut said = Vec::new();
    let mut sets = |what: &str, old: &BTreeSet<Arc<str>>, new: &BTreeSet<Arc<str>>| {
        let (gained, lost): (BTreeSet<_>, BTreeSet<_>) =
            (new.difference(old).cloned().collect(), old.difference(new).cloned().collect());
        if !gained.is_empty() {
            said.push(format!("permits {what} {}", joined_texts(&gained)));
        }
        if !lost.is_empty() {
            said.push(format!("forbids {what} {}", joined_texts(&lost)));
        }
    };
    sets("the data of", &old.tenants, &new.tenants);
    sets("use for", &old.purposes, &new.purposes);
    if (old.term.from, old.term.until) != (new.term.from, new.term.until) {
        let term = |term: &crate::period::Period| format!("{} until {}", term.from, term.until);
        said.push(format!("runs from {}, before from {}", term(&new.term), term(&old.term)));
    }
    if old.answers != new.answers {
        said.push("treats answers that show more than it lets out in another way".to_owned());
    }
    said
}

fn limits(before: &Phase, after: &Phase) -> Vec<String> {
    let (old, new) = (all_limits(before), all_limits(after));
    let mut said: Vec<String> = new.difference(&old).map(|limit| format!("limits now: {limit}")).collect();
    said.extend(old.difference(&new).map(|limit| format!("no more: {limit}")));
    said
}

fn all_limits(phase: &Phase) -> BTreeSet<String> {
    let mut all: BTreeSet<String> = phase.requests.iter().map(|one| rate_words("requests", one.rate)).collect();
    all.extend(phase.volumes.iter().map(|one| {
        let what = match one.of {
            VolumeOf::Records => "records",
            VolumeOf::Bytes => "bytes of answers",
        };
        rate_words(what, crate::agreement::Rate { most: one.most, seconds: one.within.as_secs() })
    }));
    all.extend(phase.at_once.iter().map(|(most, _)| format!("At most {} records at once", grouped(*most))));
    all.extend(phase.holds.iter().map(|held| {
        let operations: Vec<&str> = held.operations.iter().map(|operation| operation.as_str()).collect();
        let what =
            if operations.is_empty() { "anything".to_owned() } else { format!("to {}", joined(&operations, "or")) };
        format!("{what} waits for {}", held.said.rule.approvers.join(", "))
    }));
    all
}

impl fmt::Display for Cells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.change {
            Change::Permits => "permits",
            Change::Forbids => "forbids",
        };
        write!(f, "{sign} to {} `{}` in {}", self.operation, self.entity, self.app)?;
        if !self.fields.is_empty() {
            write!(f, ": {}", self.fields.join(", "))?;
        }
        match &self.state {
            Some(state) => write!(f, ", where {state}"),
            None => Ok(()),
        }
    }
}

/// Most states that are told apart.
const STATES_MAX: usize = 512;

#[cfg(test)]
mod tests;
