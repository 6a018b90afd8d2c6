//! What the trace knows of calls that waited: how long people take, who is asked most, and which rule asks for what is always
//! approved (a candidate to relax) or always denied (a candidate to deny).

use std::collections::BTreeMap;
use std::process::ExitCode;

use model::{Fault, UnixMicros};
use serde_json::{Value, json};
use trace::{ChangeView, Entry, Field, LogReader, Query, RecordKind};

use super::super::trace::readable::plain;
use super::super::trace::trace_of;
use crate::cli::Common;
use crate::terminal::out;

/// Runs it.
pub(super) fn run(common: &Common) -> Result<ExitCode, Fault> {
    let reader = trace_of(common)?.reader()?;
    let query = Query { limit: STEPS_MAX, ..Query::default() }
        .of_kind(RecordKind::Change)
        .with_any(Field::What, ["hold.opened", "hold.approved", "hold.denied", "hold.cancelled", "hold.expired"]);
    let mut steps: Vec<ChangeView> =
        reader.find(&query).map_err(Fault::from)?.iter().filter_map(Entry::change).collect();
    steps.sort_by_key(|step| step.at);
    let stats = Stats::of(&steps);
    if common.json {
        out(stats.to_json());
    } else {
        stats.lines().into_iter().for_each(out);
    }
    Ok(ExitCode::SUCCESS)
}

/// What became of the calls that one rule held.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Fate {
    held: u64,
    approved: u64,
    denied: u64,
    expired: u64,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Stats {
    rules: BTreeMap<String, Fate>,
    /// How often each person said something.
    people: BTreeMap<String, u64>,
    /// From asking to a yes or a no, in microseconds, the shortest first.
    took_us: Vec<i64>,
}

impl Stats {
    fn of(steps: &[ChangeView]) -> Self {
        let (mut stats, mut opened) = (Self::default(), BTreeMap::<String, UnixMicros>::new());
        for step in steps {
            // What waits for a fact waits for nobody.
            let of_people = |detail: &&Value| detail.get("waits_for").is_none();
            let Some(detail) = step.detail.as_ref().filter(of_people) else { continue };
            let text = |key: &str| detail.get(key).and_then(Value::as_str).unwrap_or_default();
            let hold = text("hold").to_owned();
            let decided = matches!(text("state"), "approved" | "denied");
            let fate = |fate: &mut Fate| match (step.what.as_str(), decided) {
                ("hold.opened", _) => fate.held += 1,
                ("hold.approved", true) => fate.approved += 1,
                ("hold.denied", _) => fate.denied += 1,
                ("hold.expired", _) => fate.expired += 1,
                _ => {}
            };
            for rule in detail.get("rules").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
                fate(stats.rules.entry(rule.to_owned()).or_default());
            }
            if step.what == "hold.opened" {
                opened.insert(hold.clone(), step.at);
            }
            if let Some(person) = step.by.as_deref().and_then(|by| by.strip_prefix("human:")) {
                *stats.people.entry(person.to_owned()).or_default() += 1;
            }
            if let (true, Some(since)) = (decided, opened.get(&hold)) {
                stats.took_us.push(step.at.since(*since));
            }
        }
        stats.took_us.sort_unstable();
        stats
    }

    fn median_us(&self) -> Option<i64> {
        self.took_us.get(self.took_us.len().checked_sub(1)? / 2).copied()
    }

    fn to_json(&self) -> Value {
        let rules = self.rules.iter().map(|(rule, fate)| {
            json!({
                "rule": rule,
                "held": fate.held,
                "approved": fate.approved,
                "denied": fate.denied,
                "expired": fate.expired,
                "advice": fate.advice(),
            })
        });
        json!({
            "median_us": self.median_us(),
            "rules": rules.collect::<Vec<_>>(),
            "people": self.people,
        })
    }

    fn lines(&self) -> Vec<String> {
        if self.rules.is_empty() {
            return vec!["nothing has waited for a person yet".to_owned()];
        }
        let mut lines = Vec::new();
        if let Some(median) = self.median_us() {
            lines.push(format!("half of {} answers came within {} s", self.took_us.len(), median / 1_000_000));
        }
        for (rule, fate) in &self.rules {
            let advice = fate.advice().map(|advice| format!("; {advice}")).unwrap_or_default();
            let Fate { held, approved, denied, expired } = fate;
            lines.push(format!(
                "{}: held {held}, approved {approved}, denied {denied}, expired {expired}{advice}",
                plain(rule)
            ));
        }
        let mut people: Vec<(&String, &u64)> = self.people.iter().collect();
        people.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        lines.extend(people.into_iter().map(|(person, count)| format!("{} answered {count}", plain(person))));
        lines
    }
}

impl Fate {
    /// What to think about, where there is enough to go by.
    fn advice(self) -> Option<&'static str> {
        match self {
            Self { approved, denied: 0, .. } if approved >= ENOUGH => Some("always approved: consider to permit it"),
            Self { approved: 0, denied, .. } if denied >= ENOUGH => Some("always denied: consider to refuse it"),
            Self { approved: 0, denied: 0, expired, .. } if expired >= ENOUGH => {
                Some("nobody answers: consider other approvers")
            }
            _ => None,
        }
    }
}

/// Steps that are looked at, the latest.
const STEPS_MAX: usize = 20_000;
/// So many answers say something.
const ENOUGH: u64 = 10;

#[cfg(test)]
mod tests;
