//! What would alter a decision: the same question with one fact changed at a time.
//!
//! Nothing here knows how rules are written: every change is tried, and the decision says what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{
    Agent, ArgumentFacts, ArgumentReads, Class, DataClassification, DirectorySnapshot, Facts, Human, Risk, RuleId,
    Rules, Scalar, ToolStatus, UnixMicros, Verdict,
};

use crate::decide::{Decision, decide};

/// The same facts but for one.
#[derive(Debug, Clone)]
pub struct Otherwise {
    /// Which fact: `the person's department`.
    pub fact: String,
    /// What it would be: `sales`.
    pub value: String,
    /// All facts, with this one changed.
    pub facts: Facts,
}

/// One change that alters the verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alters {
    /// What the verdict would be.
    pub verdict: Verdict,
    /// Which fact: `the person's department`.
    pub fact: String,
    /// What it would have to be, any of these.
    pub values: Vec<String>,
}

/// What a decision turns on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WhatIf {
    /// Facts of which another value decides otherwise, or for another reason.
    pub decided_by: Vec<String>,
    /// Single changes that alter the verdict, the mildest verdict first.
    pub alters: Vec<Alters>,
}

/// Tries each change. At most [`TRIED_MAX`] are tried.
pub fn what_if(rules: &dyn Rules, decided: &Decision, others: impl IntoIterator<Item = Otherwise>) -> WhatIf {
    let before = why(decided);
    let mut decided_by: Vec<String> = Vec::new();
    let mut alters: BTreeMap<(Verdict, String), Vec<String>> = BTreeMap::new();
    let mut order: Vec<String> = Vec::new();
    for other in others.into_iter().take(TRIED_MAX) {
        let decision = decide(rules, &other.facts);
        if why(&decision) != before && !decided_by.contains(&other.fact) {
            decided_by.push(other.fact.clone());
        }
        if decision.verdict() != decided.verdict() {
            if !order.contains(&other.fact) {
                order.push(other.fact.clone());
            }
            let values = alters.entry((decision.verdict(), other.fact)).or_default();
            if values.len() < VALUES_MAX && !values.contains(&other.value) {
                values.push(other.value);
            }
        }
    }
    let mut alters: Vec<Alters> =
        alters.into_iter().map(|((verdict, fact), values)| Alters { verdict, fact, values }).collect();
    alters.sort_by_key(|one| (one.verdict, order.iter().position(|fact| *fact == one.fact)));
    WhatIf { decided_by, alters }
}

/// The question with each single fact changed to what it could be here: attributes that somebody in the directory has,
/// the other classes, another standing. Whatever is the fact already is left out.
pub fn others(facts: &Facts, directory: &DirectorySnapshot) -> Vec<Otherwise> {
    let mut all = Vec::new();
    person(facts, directory, &mut all);
    tool(facts, &mut all);
    app(facts, directory, &mut all);
    standing(facts, &mut all);
    all
}

/// The question asked at other times: the first of these moments at which the verdict or its reason is another one is
/// what tells, so they come in order.
pub fn at_other_times<'f>(
    facts: &'f Facts,
    moments: impl IntoIterator<Item = UnixMicros> + 'f,
    said: impl Fn(UnixMicros) -> String + 'f,
) -> impl Iterator<Item = Otherwise> + 'f {
    moments.into_iter().filter(|moment| *moment != facts.now).map(move |now| Otherwise {
        fact: "the time".to_owned(),
        value: said(now),
        facts: Facts { now, ..facts.clone() },
    })
}

/// The question with other values of one argument: those that could be meant by words of the rules, something else, and
/// nothing. Only roles and arguments that rules read are tried.
pub fn at_other_values(facts: &Facts, reads: &ArgumentReads, words: &[String]) -> Vec<Otherwise> {
    let mut all = Vec::new();
    for role in &reads.roles {
        let mut with = |value: Option<&str>, said: &str| {
            let mut arguments = facts.arguments.as_ref().clone();
            arguments.unclear.remove(role);
            match value {
                Some(value) => drop(arguments.roles.insert(Arc::clone(role), vec![Arc::from(value)])),
                None => drop(arguments.roles.remove(role)),
            }
            push(&mut all, &format!("the {role}"), said, Facts { arguments: Arc::new(arguments), ..facts.clone() });
        };
        for value in words.iter().flat_map(|word| meant(word)) {
            with(Some(&value), &value);
        }
        with(Some(if role.as_ref() == "path" { "/something-else" } else { "something-else" }), "anything else");
        with(None, "not given");
    }
    for name in &reads.values {
        let mut with = |value: Option<Scalar>, said: &str| {
            let mut arguments = facts.arguments.as_ref().clone();
            arguments.unclear.remove(&ArgumentFacts::unclear_argument(name));
            match value {
                Some(value) => drop(arguments.values.insert(Arc::clone(name), vec![value])),
                None => drop(arguments.values.remove(name)),
            }
            let fact = format!("the argument `{name}`");
            push(&mut all, &fact, said, Facts { arguments: Arc::new(arguments), ..facts.clone() });
        };
        for value in words.iter().flat_map(|word| meant(word)) {
            let scalar = match value.parse() {
                Ok(number) => Scalar::Whole(number),
                Err(_) => Scalar::Text(Arc::from(value.as_str())),
            };
            with(Some(scalar), &value);
        }
        with(Some(Scalar::Bool(true)), "true");
        with(Some(Scalar::Bool(false)), "false");
        with(Some(Scalar::Text(Arc::from("something-else"))), "anything else");
        with(None, "not given");
    }
    all
}

/// The values a word of a rule could be about: itself, something under it, somebody there, one more and one less.
fn meant(word: &str) -> Vec<String> {
    if let Ok(number) = word.parse::<i64>() {
        return [number.checked_sub(1), Some(number), number.checked_add(1)]
            .into_iter()
            .flatten()
            .map(|number| number.to_string())
            .collect();
    }
    let plain = word.replace('*', "x");
    let mut all = vec![plain.clone()];
    if plain.starts_with('/') {
        all.push(format!("{}/x", plain.trim_end_matches('/')));
    }
    if plain.contains('.') && !plain.contains(['/', '@', ' ']) {
        all.push(format!("somebody@{plain}"));
    }
    all
}

fn person(facts: &Facts, directory: &DirectorySnapshot, all: &mut Vec<Otherwise>) {
    let human = &facts.human;
    let people: BTreeMap<&str, &Arc<Human>> = directory.humans.iter().map(|(id, human)| (id.as_str(), human)).collect();
    let words = |of: fn(&Human) -> Option<&String>| -> BTreeSet<Option<&String>> {
        people.values().map(|human| of(human)).chain([None]).collect()
    };
    let mut with = |fact: &str, value: Option<&String>, changed: Human| {
        // Access follows from who somebody is.
        let access = facts.app.admits(&changed);
        let value = value.map_or_else(|| "unknown".to_owned(), Clone::clone);
        all.push(Otherwise {
            fact: fact.to_owned(),
            value,
            facts: Facts { human: Arc::new(changed), access, ..facts.clone() },
        });
    };
    let plain = || human.as_ref().clone();
    for value in words(|human| human.role.as_ref()) {
        if value != human.role.as_ref() {
            with("the person's role", value, Human { role: value.cloned(), ..plain() });
        }
    }
    for value in words(|human| human.department.as_ref()) {
        if value != human.department.as_ref() {
            with("the person's department", value, Human { department: value.cloned(), ..plain() });
        }
    }
    for value in words(|human| human.seniority.as_ref()) {
        if value != human.seniority.as_ref() {
            with("the person's seniority", value, Human { seniority: value.cloned(), ..plain() });
        }
    }
    let managers: BTreeSet<_> = people.values().filter_map(|human| human.manager.as_ref()).collect();
    for manager in managers {
        if human.manager.as_ref() != Some(manager) {
            let changed = Human { manager: Some(manager.clone()), ..plain() };
            with("the person's manager", Some(&manager.to_string()), changed);
        }
    }
    let (value, access) = (if facts.access { "no" } else { "yes" }, !facts.access);
    push(all, "the person's access to the app", value, Facts { access, ..facts.clone() });
}

fn tool(facts: &Facts, all: &mut Vec<Otherwise>) {
    for class in Class::ALL.into_iter().filter(|class| *class != facts.tool.class) {
        let mut other = facts.clone();
        other.tool.class = class;
        push(all, "the tool's class", class.as_str(), other);
    }
    for status in [ToolStatus::Unreviewed, ToolStatus::Pinned].into_iter().filter(|status| *status != facts.tool.status)
    {
        let mut other = facts.clone();
        other.tool.status = status;
        other.tool.finding = None;
        push(all, "the review of the tool", status.as_str(), other);
    }
}

fn app(facts: &Facts, directory: &DirectorySnapshot, all: &mut Vec<Otherwise>) {
    let app = facts.app.as_ref();
    let mut with = |fact: &str, value: &str, changed: model::App| {
        push(all, fact, value, Facts { app: Arc::new(changed), ..facts.clone() });
    };
    for risk in [Risk::Low, Risk::Medium, Risk::High].into_iter().filter(|risk| *risk != app.risk) {
        with("the app's risk", risk.as_str(), model::App { risk, ..app.clone() });
    }
    let data = [
        DataClassification::Public,
        DataClassification::Internal,
        DataClassification::Confidential,
        DataClassification::Restricted,
    ];
    for data in data.into_iter().filter(|data| *data != app.data) {
        with("the data the app holds", data.as_str(), model::App { data, ..app.clone() });
    }
    let categories: BTreeSet<_> = directory.apps.values().filter_map(|app| app.category.as_ref()).collect();
    for category in categories.into_iter().filter(|category| app.category.as_ref() != Some(category)) {
        with("the app's category", category, model::App { category: Some(category.clone()), ..app.clone() });
    }
}

/// What stops everything: one at a time, taken back.
fn standing(facts: &Facts, all: &mut Vec<Otherwise>) {
    if !facts.human.active {
        let human = Arc::new(Human { active: true, ..facts.human.as_ref().clone() });
        // Agents leave with the person who answers for them, and come back with that person.
        let active = facts.agent.active || facts.agent.owner == human.id;
        let agent = Arc::new(Agent { active, ..facts.agent.as_ref().clone() });
        push(all, "the person's standing", "active", Facts { human, agent, ..facts.clone() });
    }
    if !facts.agent.active {
        let agent = Arc::new(Agent { active: true, ..facts.agent.as_ref().clone() });
        push(all, "the agent's standing", "active", Facts { agent, ..facts.clone() });
    }
    if facts.app.stopped {
        let app = Arc::new(model::App { stopped: false, ..facts.app.as_ref().clone() });
        push(all, "the app's kill switch", "released", Facts { app, ..facts.clone() });
    }
    if facts.all_stopped {
        push(all, "the kill switch of everything", "released", Facts { all_stopped: false, ..facts.clone() });
    }
}

fn push(all: &mut Vec<Otherwise>, fact: &str, value: &str, facts: Facts) {
    all.push(Otherwise { fact: fact.to_owned(), value: value.to_owned(), facts });
}

fn why(decision: &Decision) -> (Verdict, Vec<&RuleId>) {
    (decision.verdict(), decision.reasons().iter().map(|reason| &reason.rule).collect())
}

/// So many changes are tried, and no more.
pub const TRIED_MAX: usize = 20_000;
/// So many values are named for one fact.
const VALUES_MAX: usize = 8;

#[cfg(test)]
mod tests;
