//! What a version of a contract newly permits or forbids, cell by cell: app × kind of record × what is done × state × field; and
//! that in each stretch between amendments of either version.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use model::{AppId, Operation, Scalar, UnixMicros};
use serde::Serialize;

use crate::agreement::{Agreement, Day, Kind, Party};
use crate::compiled::{Held, Permitted, Phase, VolumeOf};
use crate::in_force::Compiled;
use crate::path::FieldPath;
use crate::period::Period;
use crate::when::zone;
use crate::words::{audit, grouped, joined, joined_texts, rate_words, value_text, values};

/// What is different between two versions of a contract, from the first day of the new one to its last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Cells that changed, those with the same answer put together.
    pub cells: Vec<Cells>,
    /// What changed of tenants, purposes, term, limits, what may be sent, what waits for people, what is checked afterwards, who looks
    /// after it, and who is of which side, in words.
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
    /// In which days, in words; none: in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}

/// One state of a record: a value for each field that a condition of either version looks at; none: any other value.
type State = BTreeMap<FieldPath, Option<Scalar>>;

/// What is different in the new version.
pub fn difference(old: &Compiled, new: &Compiled) -> Difference {
    let stretches = stretches(old, new);
    let found: Vec<(Vec<Cells>, Vec<String>)> =
        stretches.iter().map(|(from, _)| difference_at(old, new, *from)).collect();
    let (cells, others): (Vec<Vec<Cells>>, Vec<Vec<String>>) = found.into_iter().unzip();
    let told = |places: &[usize]| days(new, &stretches, places);
    let cells = merged(cells).into_iter().map(|(cells, places)| Cells { when: told(&places), ..cells });
    let others = merged(others).into_iter().map(|(said, places)| match told(&places) {
        Some(when) => format!("{said}, {when}"),
        None => said,
    });
    Difference { cells: cells.collect(), others: heads(old, new).into_iter().chain(others).collect() }
}

/// The stretches of the new version's term in which neither version turns, each with the first moment after it.
fn stretches(old: &Compiled, new: &Compiled) -> Vec<(UnixMicros, UnixMicros)> {
    let term = &new.agreement().term;
    let turns: BTreeSet<UnixMicros> = old.agreement().turns().into_iter().chain(new.agreement().turns()).collect();
    let turns = turns.into_iter().filter(|turn| (term.begins..term.ends).contains(turn));
    let turns: Vec<UnixMicros> = turns.collect();
    let ends = turns.iter().skip(1).copied().chain([term.ends]);
    turns.iter().copied().zip(ends).collect()
}

/// Each thing that was found once, with the stretches in which it was.
fn merged<T: PartialEq>(found: Vec<Vec<T>>) -> Vec<(T, Vec<usize>)> {
    let mut merged: Vec<(T, Vec<usize>)> = Vec::new();
    for (place, found) in found.into_iter().enumerate() {
        for one in found {
            match merged.iter_mut().find(|(known, _)| *known == one) {
                Some((_, places)) => places.push(place),
                None => merged.push((one, vec![place])),
            }
        }
    }
    merged
}

/// The days of some stretches, in words. None: these are all.
fn days(new: &Compiled, stretches: &[(UnixMicros, UnixMicros)], places: &[usize]) -> Option<String> {
    if places.len() == stretches.len() {
        return None;
    }
    let zone = zone(&new.agreement().term.zone).ok()?;
    let day = |at: UnixMicros| Day::of(at, &zone).map(|day| day.to_string()).unwrap_or_default();
    let mut spans: Vec<(UnixMicros, UnixMicros)> = Vec::new();
    for (from, ends) in places.iter().filter_map(|place| stretches.get(*place)) {
        match spans.last_mut().filter(|(_, before)| before == from) {
            Some((_, before)) => *before = *ends,
            None => spans.push((*from, *ends)),
        }
    }
    let span = |(from, ends): &(UnixMicros, UnixMicros)| {
        format!("from {} until {}", day(*from), day(UnixMicros(ends.0.saturating_sub(1))))
    };
    Some(spans.iter().map(span).collect::<Vec<_>>().join(" and "))
}

/// What is different at a moment, or at the nearest one at which either version holds.
fn difference_at(old: &Compiled, new: &Compiled, at: UnixMicros) -> (Vec<Cells>, Vec<String>) {
    let (Some(before), Some(after)) = (old.nearest_phase(at), new.nearest_phase(at)) else {
        return (Vec::new(), Vec::new());
    };
    let (mut cells, mut others) = (Vec::new(), limits(before, after));
    others.extend(looked_after(old.agreement(), before.from, new.agreement(), after.from));
    let apps = old.agreement().apps.union(&new.agreement().apps);
    let entities = entities(before).chain(entities(after)).collect::<BTreeSet<_>>();
    for entity in &entities {
        let (_, untold) = states(entity, before, after);
        others.extend(untold.iter().flat_map(|path| condition(entity, path, before, after)));
    }
    let (before, after) = (View { contract: old, phase: before }, View { contract: new, phase: after });
    for app in apps {
        for entity in &entities {
            let fields = fields(entity, before.phase, after.phase);
            let (states, _) = states(entity, before.phase, after.phase);
            for operation in Operation::ALL {
                let (was, is) =
                    [&before, &after].map(|view| view.shown(app, entity, operation, &states, &fields)).into();
                cells.extend(compare(app, entity, operation, &states, &fields, &was, &is));
                let (was, is) = [&before, &after].map(|view| view.sent(app, entity, operation)).into();
                others.extend(sending(app, entity, operation, &was, &is));
            }
        }
    }
    (cells, others)
}

/// What may newly be sent, or no more.
fn sending(
    app: &AppId,
    entity: &str,
    operation: Operation,
    was: &BTreeSet<String>,
    is: &BTreeSet<String>,
) -> Vec<String> {
    let told = |sign: &str, fields: BTreeSet<&String>| {
        let fields: Vec<&str> = fields.into_iter().map(String::as_str).collect();
        let all = fields.join(", ");
        (!all.is_empty()).then(|| format!("{sign} to {operation} `{entity}` in {app}, sending {all}"))
    };
    let both = [told("permits", is.difference(was).collect()), told("forbids", was.difference(is).collect())];
    both.into_iter().flatten().collect()
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
        let Some(permitted) = self.permitting(app, entity, operation) else { return vec![None; states.len()] };
        let listed = permitted.clause.fields.get(entity);
        let mut shown: Vec<bool> = fields
            .iter()
            .map(|field| {
                let in_list = listed.is_none_or(|listed| listed.iter().any(|one| one.covers(field)));
                in_list && !phase.hidden_of(entity).any(|hidden| hidden.path.keeps_back(field))
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

    /// Which fields may be sent, those of them left out that are kept back.
    fn sent(&self, app: &AppId, entity: &Arc<str>, operation: Operation) -> BTreeSet<String> {
        let sends = self.permitting(app, entity, operation).and_then(|permitted| permitted.clause.sends.get(entity));
        let kept_back = |field: &FieldPath| self.phase.hidden_of(entity).any(|hidden| hidden.path.is_told_by(field));
        sends.into_iter().flatten().filter(|field| !kept_back(field)).map(ToString::to_string).collect()
    }

    fn permitting(&self, app: &AppId, entity: &Arc<str>, operation: Operation) -> Option<&Permitted> {
        let refused = !self.contract.agreement().apps.contains(app)
            || self.phase.hidden_entities.contains_key(entity)
            || self.phase.hidden_operations.contains_key(&operation);
        self.phase.permitting(app, entity, operation).filter(|_| !refused)
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
        when: None,
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

/// Every state that conditions of either version tell apart. Where they are too many, some conditions are taken as fulfilled, on the
/// fields that are given beside.
fn states(entity: &str, before: &Phase, after: &Phase) -> (Vec<State>, Vec<FieldPath>) {
    let mut values: BTreeMap<FieldPath, BTreeSet<Option<Scalar>>> = BTreeMap::new();
    for condition in before.conditions_on(entity).chain(after.conditions_on(entity)) {
        let of = values.entry(condition.path.clone()).or_default();
        of.insert(None);
        of.extend(condition.one_of.iter().cloned().map(Some));
    }
    let (mut states, mut untold) = (vec![State::new()], Vec::new());
    for (path, of) in values {
        if states.len().saturating_mul(of.len()) > STATES_MAX {
            untold.push(path);
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
    (states, untold)
}

/// What is different in a condition by itself, whatever else is so of a record.
fn condition(entity: &str, path: &FieldPath, before: &Phase, after: &Phase) -> Vec<String> {
    let of = |phase: &Phase| {
        phase.conditions_on(entity).find(|condition| condition.path == *path).map(|condition| condition.one_of.clone())
    };
    let told = |sign: &str, of: BTreeSet<Scalar>| {
        (!of.is_empty()).then(|| format!("{sign} each `{entity}` whose `{path}` is {}", values(&of)))
    };
    let both = match (of(before), of(after)) {
        (Some(was), Some(is)) => [
            told("permits", is.difference(&was).cloned().collect()),
            told("forbids", was.difference(&is).cloned().collect()),
        ],
        (None, Some(is)) => {
            [Some(format!("forbids each `{entity}` but those whose `{path}` is {}", values(&is))), None]
        }
        (Some(_), None) => [Some(format!("permits each `{entity}` whatever its `{path}` is")), None],
        (None, None) => [None, None],
    };
    both.into_iter().flatten().collect()
}

/// What is different in what is checked afterwards, and in who looks after what.
fn looked_after(old: &Agreement, before: UnixMicros, new: &Agreement, after: UnixMicros) -> Vec<String> {
    let all = |agreement: &Agreement, at: UnixMicros| -> BTreeSet<String> {
        let of = agreement.in_effect(at).into_iter().filter_map(|clause| match &clause.kind {
            Kind::PostHoc(asks) => Some(format!("checked afterwards, {}", audit(asks))),
            Kind::NeedsHuman(needs) => Some(format!("{} looks after clause {}", needs.who, clause.clause)),
            Kind::Permits(_) | Kind::Excludes(_) | Kind::Limits(_) => None,
        });
        of.collect()
    };
    let (was, is) = (all(old, before), all(new, after));
    let mut said: Vec<String> = is.difference(&was).map(|one| format!("now: {one}")).collect();
    said.extend(was.difference(&is).map(|one| format!("no more: {one}")));
    said
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
    if old.term != new.term {
        let zones = old.term.zone != new.term.zone;
        let term = |term: &Period| {
            let zone = if zones { format!(" ({})", term.zone) } else { String::new() };
            format!("{} until {}{zone}", term.from, term.until)
        };
        said.push(format!("runs from {}, before from {}", term(&new.term), term(&old.term)));
    }
    if old.parties.responsible != new.parties.responsible {
        let (is, was) = (&new.parties.responsible, &old.parties.responsible);
        said.push(format!("acts under {is}, before under {was}"));
    }
    if old.vendor != new.vendor {
        said.push(format!("is with `{}`, before with `{}`", new.vendor, old.vendor));
    }
    for (side, was, is) in
        [("our", &old.parties.ours, &new.parties.ours), ("the vendor's", &old.parties.theirs, &new.parties.theirs)]
    {
        said.extend(people(side, was, is));
    }
    if old.answers != new.answers {
        said.push("treats answers that show more than it lets out in another way".to_owned());
    }
    said
}

/// Who is of a side now, and who no more: nobody of the vendor's signs or approves here.
fn people(side: &str, was: &Party, is: &Party) -> Vec<String> {
    let all = |party: &Party| -> BTreeSet<String> {
        party.people.iter().map(|(what, who)| format!("`{who}` as {what}")).collect()
    };
    let (old, new) = (all(was), all(is));
    let mut said: Vec<String> = new.difference(&old).map(|one| format!("now of {side} side: {one}")).collect();
    said.extend(old.difference(&new).map(|one| format!("no more of {side} side: {one}")));
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
    all.extend(phase.holds.iter().map(waits));
    all
}

fn waits(held: &Held) -> String {
    let operations: Vec<&str> = held.operations.iter().map(|operation| operation.as_str()).collect();
    let what = if operations.is_empty() { "anything".to_owned() } else { format!("to {}", joined(&operations, "or")) };
    let entities: Vec<String> = held.entities.iter().map(|entity| format!("`{entity}`")).collect();
    let with = match (entities.is_empty(), operations.is_empty()) {
        (true, _) => String::new(),
        (false, true) => format!(" with {}", joined(&entities, "or")),
        (false, false) => format!(" {}", joined(&entities, "or")),
    };
    let people = match held.said.rule.approvals {
        0 | 1 => String::new(),
        several => format!("{several} of "),
    };
    format!("{what}{with} waits for {people}{}", held.said.rule.approvers.join(", "))
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
        if let Some(state) = &self.state {
            write!(f, ", where {state}")?;
        }
        match &self.when {
            Some(when) => write!(f, ", {when}"),
            None => Ok(()),
        }
    }
}

/// Most states that are told apart.
const STATES_MAX: usize = 512;

#[cfg(test)]
mod tests;
