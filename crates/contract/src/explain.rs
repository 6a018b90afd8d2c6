//! A contract in plain sentences: what the vendor may do today.

use std::collections::BTreeSet;

use model::{Operation, Standing, UnixMicros};

use crate::agreement::{Hidden, Kind, Outside, Totals};
use crate::compiled::{Phase, VolumeOf};
use crate::in_force::Compiled;
use crate::register::Coverage;
use crate::when::zone;
use crate::words::{audit, grouped, joined, joined_texts, rate_words, values};

/// What the vendor may do at a moment, and what amendments will change of it, one sentence a line.
pub fn explain(contract: &Compiled, standing: Standing, now: UnixMicros) -> Vec<String> {
    let term = &contract.agreement().term;
    let may = if standing == Standing::Active { "may" } else { "could" };
    let mut lines = vec![stands(contract, standing, now)];
    let Some(phase) = contract.nearest_phase(now) else { return lines };
    let mut before = holds(contract, phase, may);
    lines.extend(before.iter().cloned());
    lines.push(format!("It runs from {} until {} ({}).", term.from, term.until, term.zone));
    for later in contract.phases().iter().filter(|later| later.from > phase.from) {
        let after = holds(contract, later, may);
        changes(contract, later, (&before, &after), &mut lines);
        before = after;
    }
    lines.push(ended(&Coverage::of(&contract.register()).to_string()));
    lines
}

/// What holds in a phase.
fn holds(contract: &Compiled, phase: &Phase, may: &str) -> Vec<String> {
    let (agreement, mut lines) = (contract.agreement(), Vec::new());
    if phase.permits.is_empty() {
        lines.push(format!("{} may do nothing under it.", agreement.parties.theirs.name));
    } else {
        permits(contract, phase, may, &mut lines);
        lines.push(format!("This is about the data of {} only.", joined_texts(&agreement.tenants)));
        if !agreement.purposes.is_empty() {
            lines.push(format!("It may be used for {} only.", joined_texts(&agreement.purposes)));
        }
        narrows(phase, &mut lines);
        keeps(contract, phase, &mut lines);
        limits(phase, &mut lines);
    }
    for held in &phase.holds {
        let who = held.said.rule.approvers.join(", ");
        lines.push(format!("{} Who may say so: {who}.", ended(&held.said.rule.sentence)));
    }
    for clause in agreement.in_effect(phase.from) {
        if let Kind::PostHoc(asks) = &clause.kind {
            lines.push(format!("Checked afterwards, {} (clause {}).", audit(asks), clause.clause));
        }
    }
    lines
}

/// What an amendment that is to come changes, so that nobody signs it unseen.
fn changes(contract: &Compiled, later: &Phase, (before, after): (&[String], &[String]), lines: &mut Vec<String>) {
    let zone = zone(&contract.agreement().term.zone).ok();
    let day = zone.and_then(|zone| crate::agreement::Day::of(later.from, &zone));
    let gone =
        before.iter().filter(|line| !after.contains(line)).map(|line| format!("  No more: {}", line.trim_start()));
    let new = after.iter().filter(|line| !before.contains(line)).map(|line| format!("  {}", line.trim_start()));
    let all: Vec<String> = new.chain(gone).collect();
    if let (Some(day), false) = (day, all.is_empty()) {
        lines.push(format!("From {day} on:"));
        lines.extend(all);
    }
}

fn stands(contract: &Compiled, standing: Standing, now: UnixMicros) -> String {
    let agreement = contract.agreement();
    let name = format!("“{}” with {}", agreement.document.name, agreement.parties.theirs.name);
    let left = zone(&agreement.term.zone).ok().and_then(|zone| {
        let today = crate::agreement::Day::of(now, &zone)?;
        Some(today.days_until(agreement.term.until))
    });
    match standing {
        Standing::Active => match left {
            Some(0) => format!("{name} is in force, and ends today."),
            Some(days) if days <= SOON_DAYS => format!("{name} is in force, and ends in {days} days."),
            _ => format!("{name} is in force."),
        },
        Standing::Unsigned => format!("{name} is not signed by two people: it admits nothing."),
        Standing::Changed => {
            format!("{name} is not what was signed any more: it admits nothing until two people sign it.")
        }
        Standing::NotYet => format!("{name} begins on {}: until then it admits nothing.", agreement.term.from),
        Standing::Expired => format!("{name} ended on {}: it admits nothing.", agreement.term.until),
        Standing::Suspended => format!("{name} is suspended: it admits nothing."),
        Standing::Terminated => format!("{name} was terminated: it admits nothing."),
        Standing::Unknown => format!("{name} is not known here."),
    }
}

fn permits(contract: &Compiled, phase: &Phase, may: &str, lines: &mut Vec<String>) {
    let agreement = contract.agreement();
    for permitted in &phase.permits {
        let clause = &permitted.clause;
        let operations: Vec<&str> = clause.operations.iter().map(|operation| operation.as_str()).collect();
        let apps = if clause.apps.is_empty() { &agreement.apps } else { &clause.apps };
        let apps: BTreeSet<&str> = apps.iter().map(|app| app.as_str()).collect();
        let number = number(&permitted.said.rule);
        for entity in &clause.entities {
            let (party, done) = (&agreement.parties.theirs.name, joined(&operations, "and"));
            lines.push(format!("{party} {may} {done} `{entity}` in {} (clause {number}).", joined_texts(&apps)));
            if let Some(fields) = clause.fields.get(entity) {
                let fields: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
                lines.push(format!("  Of each it sees {} and nothing else.", joined(&fields, "and")));
            }
            if let Some(fields) = clause.sends.get(entity) {
                let fields: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
                lines.push(format!("  Of each it may send {}.", joined(&fields, "and")));
            }
        }
    }
}

fn narrows(phase: &Phase, lines: &mut Vec<String>) {
    for condition in &phase.conditions {
        let (entity, path, number) = (&condition.entity, &condition.path, number(&condition.said.rule));
        lines.push(format!("Only each `{entity}` whose `{path}` is {} (clause {number}).", values(&condition.one_of)));
    }
}

fn keeps(contract: &Compiled, phase: &Phase, lines: &mut Vec<String>) {
    let answers = &contract.agreement().answers;
    let how = match answers.hidden {
        Hidden::Remove => "is taken out of every answer",
        Hidden::Replace => "is replaced in every answer",
    };
    for hidden in &phase.hidden_fields {
        let (path, number) = (&hidden.path, number(&hidden.said.rule));
        let of = hidden.entity.as_ref().map_or_else(|| "anything".to_owned(), |entity| format!("`{entity}`"));
        lines.push(format!("`{path}` of {of} {how}, and asking by it is refused (clause {number})."));
    }
    for (entity, ruled) in &phase.hidden_entities {
        lines.push(format!("`{entity}` is refused altogether (clause {}).", number(&ruled.rule)));
    }
    for (operation, ruled) in &phase.hidden_operations {
        lines.push(format!("To {operation} anything is refused (clause {}).", number(&ruled.rule)));
    }
    if phase.permits.iter().any(|permitted| permitted.clause.operations.contains(&Operation::List)) {
        lines.push(match answers.outside {
            Outside::Drop => "Records outside of this are left out of lists.".to_owned(),
            Outside::Refuse => "A list with a record outside of this is refused whole.".to_owned(),
        });
        lines.extend(match answers.totals {
            Totals::Remove => None,
            Totals::Recount => Some("Totals count what is left in a list.".to_owned()),
            Totals::Refuse => Some("A list that says how many records there are is refused whole.".to_owned()),
        });
    }
    if answers.accept_race {
        lines.push("A change may go out although its record could have changed since it was looked at.".to_owned());
    }
}

fn limits(phase: &Phase, lines: &mut Vec<String>) {
    for requests in &phase.requests {
        lines.push(format!("{} (clause {}).", rate_words("requests", requests.rate), number(&requests.said.rule)));
    }
    for volume in &phase.volumes {
        let what = match volume.of {
            VolumeOf::Records => "records",
            VolumeOf::Bytes => "bytes of answers",
        };
        let rate = crate::agreement::Rate { most: volume.most, seconds: volume.within.as_secs() };
        lines.push(format!("{} (clause {}).", rate_words(what, rate), volume.clause));
    }
    if let Some((most, ruled)) = &phase.at_once {
        lines.push(format!("At most {} records at once (clause {}).", grouped(*most), number(&ruled.rule)));
    }
}

/// As a sentence of its own.
fn ended(sentence: &str) -> String {
    let mut letters = sentence.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

fn number(rule: &model::RuleInfo) -> &str {
    rule.clause.as_ref().map_or("", |clause| clause.number.as_str())
}

/// Days before its end from which on an explanation says so.
const SOON_DAYS: i64 = 60;

#[cfg(test)]
mod tests;
