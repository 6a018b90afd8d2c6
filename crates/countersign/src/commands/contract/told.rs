//! Contracts in words for people.

use contract::Difference;
use model::lines_spelled_out;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use crate::commands::trace::readable::plain;
use crate::terminal::{Ink, Look};
use crate::words::counted;

pub(super) fn status(said: &Value) -> Vec<String> {
    let contracts: Vec<&Value> = said.get("contracts").and_then(Value::as_array).into_iter().flatten().collect();
    if contracts.is_empty() {
        return vec!["no contracts yet: name their files under `contracts:` in the configuration".to_owned()];
    }
    let look = Look::stdout();
    let row = |contract: &&Value| {
        let standing = format!("{:<10}", text(contract, "/standing"));
        let ink = if truth(contract, "/admits") { Ink::Green } else { Ink::Red };
        format!(
            "{:<24} {} {} until {}  {}",
            text(contract, "/contract"),
            look.paint(ink, standing),
            text(contract, "/party"),
            text(contract, "/until"),
            text(contract, "/coverage_in_words"),
        )
    };
    contracts.iter().flat_map(|contract| std::iter::once(row(contract)).chain(worries(contract))).collect()
}

/// What somebody should look at: the end of its term, and clauses that were not kept.
fn worries(contract: &Value) -> Vec<String> {
    let look = Look::stdout();
    let mut lines = Vec::new();
    let left = contract.pointer("/days_left").and_then(Value::as_i64).unwrap_or(i64::MAX);
    if truth(contract, "/admits") && left <= SOON_DAYS {
        let days = if left == 1 { "a day".to_owned() } else { format!("{left} days") };
        lines.push(look.paint(Ink::Yellow, format!("  ends in {days}")));
    }
    for audit in contract.pointer("/audits").and_then(Value::as_array).into_iter().flatten() {
        let (clause, until) = (text(audit, "/clause"), text(audit, "/until"));
        let against = audit.pointer("/against").and_then(Value::as_u64).unwrap_or_default();
        let held = audit.pointer("/held").and_then(Value::as_bool);
        if held == Some(false) {
            let found = match against {
                0 => "a person said so".to_owned(),
                some => counted(usize::try_from(some).unwrap_or(usize::MAX), "call"),
            };
            lines.push(
                look.paint(Ink::Red, format!("  clause {clause} was not kept: {found}, looked at until {until}")),
            );
        } else if held.is_none() && !until.is_empty() && !truth(audit, "/of_the_trace") {
            let command = format!("countersign contract audit {} --done {clause}", text(contract, "/contract"));
            let said = format!(
                "  clause {clause} waits for a person to look at it: {}; `{command}` says it was done",
                text(audit, "/look_at")
            );
            lines.push(look.paint(Ink::Yellow, said));
        }
    }
    lines
}

pub(super) fn audited(said: &Value) -> Vec<String> {
    let all: Vec<&Value> = said.get("audited").and_then(Value::as_array).into_iter().flatten().collect();
    if all.is_empty() {
        return vec!["no contract that was signed has a clause that is checked afterwards".to_owned()];
    }
    let look = Look::stdout();
    let mut lines = Vec::new();
    for one in all {
        let count = |key: &str| one.get(key).and_then(Value::as_u64).unwrap_or_default();
        let of = format!("{} clause {}", text(one, "/contract"), text(one, "/clause"));
        lines.push(match one.get("held").and_then(Value::as_bool) {
            None => format!("{of}: {} to look at: {}", look.paint(Ink::Yellow, "for a person"), text(one, "/look_at")),
            Some(true) => format!(
                "{of}: {}, of {} calls none speaks against it ({})",
                look.paint(Ink::Green, "kept"),
                count("looked_at"),
                text(one, "/asked")
            ),
            Some(false) if count("against") == 0 => format!(
                "{of}: {}, as it was before: {} spoke against it, and none of {} since ({})",
                look.paint(Ink::Red, "not kept"),
                counted(usize::try_from(count("against_before")).unwrap_or(usize::MAX), "call"),
                count("looked_at"),
                text(one, "/asked")
            ),
            Some(false) => {
                let before = match count("against_before") {
                    0 => String::new(),
                    before => format!(", and {before} before"),
                };
                format!(
                    "{of}: {}, {} of {} calls speak against it{before} ({})",
                    look.paint(Ink::Red, "not kept"),
                    count("against"),
                    count("looked_at"),
                    text(one, "/asked")
                )
            }
        });
        let calls = one.get("calls").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        lines.extend(calls.map(|call| format!("  {}", plain(call))));
        if count("unknown") > 0 {
            lines.push(format!("  of {} nobody can say: their text is erased or was let go", count("unknown")));
        }
    }
    lines
}

/// That a person has looked at a clause.
pub(super) fn looked_at(said: &Value) -> Vec<String> {
    let kept = if truth(said, "/held") { "kept" } else { "not kept" };
    let (clause, since, until) = (text(said, "/clause"), text(said, "/since"), text(said, "/until"));
    let of = text(said, "/contract");
    vec![format!("{of} clause {clause}: {kept} from {since} until {until}, you say (record {})", text(said, "/record"))]
}

pub(super) fn contract(said: &Value) -> Vec<String> {
    let mut lines = vec![format!("{}, with {}", text(said, "/name"), text(said, "/party"))];
    let mut say = |label: &str, what: String| lines.push(format!("  {label:<12} {what}"));
    say("contract", text(said, "/contract"));
    say("vendor", text(said, "/vendor"));
    say("responsible", format!("{} of ours", text(said, "/responsible")));
    say("term", format!("{} until {}", text(said, "/from"), text(said, "/until")));
    say("standing", standing(said));
    say("document", text(said, "/document"));
    say("digest", text(said, "/digest"));
    for signature in said.pointer("/signatures").and_then(Value::as_array).into_iter().flatten() {
        let (by, how, at) = (text(signature, "/by"), text(signature, "/how"), text(signature, "/at"));
        say("signed", format!("by {by}, with a {how}, {at}"));
    }
    say("clauses", text(said, "/coverage_in_words"));
    lines
}

pub(super) fn explained(said: &Value) -> Vec<String> {
    let sentences = said.pointer("/explained").and_then(Value::as_array).into_iter().flatten();
    sentences.filter_map(Value::as_str).map(plain).collect()
}

pub(super) fn normal(said: &Value) -> Vec<String> {
    vec![pretty(said.pointer("/normal").and_then(Value::as_str).unwrap_or_default())]
}

pub(super) fn register(said: &Value) -> Vec<String> {
    let rows: Vec<&Value> = said.pointer("/register").and_then(Value::as_array).into_iter().flatten().collect();
    let mut lines: Vec<String> = rows.iter().map(|row| row_of(row)).collect();
    lines.push(text(said, "/coverage_in_words"));
    lines
}

fn row_of(row: &Value) -> String {
    let honoured = match text(row, "/honoured").as_str() {
        "enforced" => "enforced".to_owned(),
        "checked_afterwards" => "checked afterwards".to_owned(),
        "asks_nothing" => "asks nothing".to_owned(),
        _ => format!("person: {}", text(row, "/who")),
    };
    let superseded = text(row, "/superseded_by");
    let superseded = if superseded.is_empty() { superseded } else { format!(" (superseded by {superseded})") };
    let says: String = text(row, "/says").split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = says.chars().take(WORDS_CHARS).collect();
    let more = if short.len() < says.len() { "…" } else { "" };
    format!("{:<8} {:<12} {honoured:<20} {short}{more}{superseded}", text(row, "/clause"), text(row, "/kind"))
}

/// What a version newly permits or forbids.
pub(super) fn different(found: &Difference) -> Vec<String> {
    let cells = found.cells.iter().map(ToString::to_string);
    cells.chain(found.others.iter().cloned()).map(|line| plain(&line)).collect()
}

/// What somebody has to look at before signing it: what it lets the vendor do, and what differs from what was signed before.
pub(super) fn to_sign(said: &Value) -> Vec<String> {
    let mut lines = contract(said);
    lines.push(String::new());
    lines.extend(explained(said));
    let Some(before) = said.get("signed_before").filter(|before| before.is_object()) else { return lines };
    for (form, what) in FORMS {
        let Some(signed) = before.get(form).and_then(Value::as_str) else {
            lines.push(String::new());
            lines.push(format!("{what}: nobody kept what was signed before of it, so compare the files"));
            continue;
        };
        let now = said.get(form).and_then(Value::as_str).unwrap_or_default();
        let changed = changes(&pretty(signed), &pretty(now));
        if !changed.is_empty() {
            lines.push(String::new());
            lines.push(format!("{what}, against what was signed before:"));
            lines.extend(changed);
        }
    }
    lines
}

fn changes(before: &str, now: &str) -> Vec<String> {
    let diff = TextDiff::from_lines(before, now);
    let told = diff.iter_all_changes().filter_map(|change| match change.tag() {
        ChangeTag::Delete => Some(format!("- {}", change.value().trim_end())),
        ChangeTag::Insert => Some(format!("+ {}", change.value().trim_end())),
        ChangeTag::Equal => None,
    });
    told.collect()
}

pub(super) fn done(said: &Value) -> Vec<String> {
    let (id, record) = (text(said, "/contract"), text(said, "/record"));
    let missing = said.pointer("/signatures_missing").and_then(Value::as_u64).unwrap_or_default();
    let what = match text(said, "/done").as_str() {
        "contract.sign" if missing > 0 => format!("you signed {id}: a different person has to sign it as well"),
        "contract.sign" => format!("you signed {id}: it is {}", standing(said)),
        "contract.suspend" => format!("{id} is suspended: it admits nothing from the next call on"),
        "contract.resume" => format!("{id} is resumed: it is {}", standing(said)),
        "contract.terminate" => format!("{id} is terminated: it admits nothing from the next call on, for good"),
        other => format!("{id}: {other}"),
    };
    vec![format!("{what} (record {record})")]
}

fn standing(said: &Value) -> String {
    match text(said, "/standing").as_str() {
        "active" => "in force".to_owned(),
        "unsigned" => {
            let missing = said.pointer("/signatures_missing").and_then(Value::as_u64).unwrap_or_default();
            let people = if missing == 1 { "one person more has" } else { "two people have" };
            format!("not signed: {people} to sign it")
        }
        "changed" => "not what was signed any more: it has to be signed anew".to_owned(),
        "not_yet" => format!("signed, and begins on {}", text(said, "/from")),
        "expired" => format!("over since {}", text(said, "/until")),
        "suspended" => format!("suspended by {}{}", text(said, "/suspended/by"), reason(said, "/suspended/reason")),
        "terminated" => format!("terminated by {}{}", text(said, "/terminated/by"), reason(said, "/terminated/reason")),
        other => other.to_owned(),
    }
}

fn reason(said: &Value, pointer: &str) -> String {
    let reason = text(said, pointer);
    if reason.is_empty() { reason } else { format!(": {reason}") }
}

pub(super) fn pretty(json: &str) -> String {
    let value = serde_json::from_str::<Value>(json).unwrap_or_default();
    lines_spelled_out(&format!("{value:#}")).into_owned()
}

fn truth(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
}

fn text(value: &Value, pointer: &str) -> String {
    plain(value.pointer(pointer).and_then(Value::as_str).unwrap_or_default())
}

/// The forms that people sign, and what they are.
const FORMS: [(&str, &str); 2] = [("normal", "what the gateway does by it"), ("canonical", "what is written in it")];
/// Of a clause's words that a list shows.
const WORDS_CHARS: usize = 72;
/// From so many days on it is said that a contract ends.
const SOON_DAYS: i64 = 60;

#[cfg(test)]
mod tests;
