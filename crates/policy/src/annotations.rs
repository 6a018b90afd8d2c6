//! What a rule says of itself: `@id`, `@outcome`, `@redact`, `@approvers`, `@approvals`, `@says`, `@instead`, `@observe`,
//! `@security_relevant`, `@max_runtime`.

use std::sync::Arc;
use std::time::Duration;

use cedar_policy::{Effect, Policy};
use model::{CallLimits, HumanId, Layer, RuleId, RuleOutcome};

use crate::error::Complaint;
use spelling::{did_you_mean, listed};

/// The annotations of one rule, checked.
pub(crate) struct Annotations {
    pub(crate) id: Option<RuleId>,
    pub(crate) outcome: RuleOutcome,
    pub(crate) sentence: String,
    pub(crate) instead: Option<String>,
    pub(crate) approvers: Vec<String>,
    pub(crate) redact: Option<Arc<str>>,
    pub(crate) approvals: u8,
    pub(crate) observe: bool,
    pub(crate) security_relevant: bool,
    pub(crate) limits: CallLimits,
}

/// Reads and checks the annotations of a rule whose text is `text`.
pub(crate) fn read(policy: &Policy, layer: Layer, text: &str, complaints: &mut Vec<Complaint>) -> Annotations {
    let mut pairs: Vec<(&str, &str)> = policy.annotations().collect();
    pairs.sort_unstable();
    for (key, _) in &pairs {
        if !KEYS.contains(key) {
            complaints.push(unknown_key(key, text));
        }
    }
    let value = |key: &str| pairs.iter().find(|(other, _)| *other == key).map(|(_, value)| *value);
    let short = ["defer", "redact"].into_iter().find(|word| value(word).is_some());
    let outcome = outcome(policy.effect(), value("outcome"), short, text, complaints);
    let redact = redact(value("redact"), outcome, text, complaints);
    let id = value("id").and_then(|id| identity(id, layer, text, complaints));
    let sentence = value("says").and_then(|says| one_line("says", says, text, complaints));
    let instead = value("instead").and_then(|instead| one_line("instead", instead, text, complaints));
    let approvers = value("approvers").map(|list| approvers(list, outcome, text, complaints)).unwrap_or_default();
    let approvals = value("approvals").map_or(1, |number| approvals(number, outcome, text, complaints));
    let mut flag = |key: &str| value(key).is_some_and(|word| flag(key, word, text, complaints));
    let (observe, security_relevant) = (flag("observe"), flag("security_relevant"));
    let runtime = value("max_runtime").and_then(|seconds| runtime(seconds, text, complaints));
    if outcome == RuleOutcome::Limit && runtime.is_none() {
        let at = place("outcome", text);
        complaints.push(Complaint::new(at, "this limit limits nothing").hint("say how long: `@max_runtime(\"120\")`"));
    }
    Annotations {
        id,
        outcome,
        sentence: sentence.unwrap_or_else(|| unsaid(outcome)),
        instead,
        approvers,
        redact,
        approvals,
        observe,
        security_relevant,
        limits: CallLimits { runtime },
    }
}

fn unknown_key(key: &str, text: &str) -> Complaint {
    let at = place(key, text);
    let keys = KEYS.iter().copied();
    Complaint::new(at, format!("unknown annotation `@{key}`"))
        .hint(did_you_mean(key, keys).unwrap_or_else(|| format!("a rule takes {}", listed(KEYS))))
}

fn identity(id: &str, layer: Layer, text: &str, complaints: &mut Vec<Complaint>) -> Option<RuleId> {
    let at = place("id", text);
    rule_id(id, layer).map_err(|complaint| complaints.push(Complaint { at, ..complaint })).ok()
}

/// The id of a rule of this layer.
pub(crate) fn rule_id(id: &str, layer: Layer) -> Result<RuleId, Complaint> {
    let built_in =
        ["guard:", "baseline-", model::contract::RULE_PREFIX].into_iter().find(|prefix| id.starts_with(prefix));
    match built_in.filter(|_| layer == Layer::Organisation) {
        Some(prefix) => {
            let said = format!("ids that begin with `{prefix}` are built in");
            Err(Complaint::new(0, said).hint("choose another id"))
        }
        None => RuleId::parse(id).map_err(|error| Complaint::new(0, error.to_string())),
    }
}

fn outcome(
    effect: Effect,
    written: Option<&str>,
    short: Option<&'static str>,
    text: &str,
    complaints: &mut Vec<Complaint>,
) -> RuleOutcome {
    let at = place(if written.is_some() { "outcome" } else { short.unwrap_or("outcome") }, text);
    let Some(word) = written.or(short) else {
        return if effect == Effect::Permit { RuleOutcome::Permit } else { RuleOutcome::Deny };
    };
    if let Some(short) = short.filter(|short| written.is_some_and(|word| word != *short)) {
        let said = format!("`@{short}` and `@outcome` contradict each other");
        complaints.push(Complaint::new(at, said).hint("keep one of them"));
    }
    if effect == Effect::Permit {
        complaints.push(
            Complaint::new(at, format!("a `permit` cannot have the outcome `{word}`"))
                .hint(format!("write a `permit` and beside it `@outcome(\"{word}\") forbid (…)`")),
        );
        return RuleOutcome::Permit;
    }
    match word {
        "deny" => RuleOutcome::Deny,
        "hold" => RuleOutcome::Hold,
        "defer" => RuleOutcome::Defer,
        "redact" => RuleOutcome::Redact,
        "limit" => RuleOutcome::Limit,
        _ => {
            let hint = did_you_mean(word, OUTCOMES.iter().copied());
            complaints.push(
                Complaint::new(at, format!("unknown outcome `{word}`"))
                    .hint(hint.unwrap_or_else(|| format!("it takes {}", listed(OUTCOMES)))),
            );
            RuleOutcome::Deny
        }
    }
}

fn approvers(list: &str, outcome: RuleOutcome, text: &str, complaints: &mut Vec<Complaint>) -> Vec<String> {
    let at = place("approvers", text);
    if outcome != RuleOutcome::Hold {
        complaints
            .push(Complaint::new(at, "only a hold has approvers").hint("add `@outcome(\"hold\")`, or leave them out"));
    }
    let mut names = Vec::new();
    for name in list.split(',').map(str::trim) {
        if !names_approver(name) {
            let hint = did_you_mean(name, APPROVERS.iter().copied());
            complaints.push(Complaint::new(at, format!("unknown approver `{name}`")).hint(hint.unwrap_or_else(|| {
                "it takes `role:` and a role, `human:` and a person, `owner-of-app` or `manager-of`".into()
            })));
        }
        names.push(name.to_owned());
    }
    names
}

/// Whether a word says who may approve.
pub(crate) fn names_approver(word: &str) -> bool {
    let role = |role: &str| !role.trim().is_empty() && !role.contains(',');
    match word.split_once(':') {
        Some(("role", name)) => role(name),
        Some(("human", id)) => HumanId::parse(id).is_ok(),
        Some(_) => false,
        None => APPROVERS.contains(&word),
    }
}

/// What a rule that redacts hides.
fn redact(paths: Option<&str>, outcome: RuleOutcome, text: &str, complaints: &mut Vec<Complaint>) -> Option<Arc<str>> {
    let at = place(if paths.is_some() { "redact" } else { "outcome" }, text);
    let Some(paths) = paths else {
        if outcome == RuleOutcome::Redact {
            complaints.push(
                Complaint::new(at, "a rule that redacts says what it hides")
                    .hint("add the paths of the fields: `@redact(\"$.customers[*].email\")`"),
            );
        }
        return None;
    };
    if let Err(error) = json::Mask::parse(paths) {
        complaints.push(
            Complaint::new(at, format!("`@redact` takes paths of JSONPath (RFC 9535): {error}"))
                .hint("for example `$.customers[*].email, $..iban`"),
        );
    }
    Some(Arc::from(paths))
}

fn approvals(number: &str, outcome: RuleOutcome, text: &str, complaints: &mut Vec<Complaint>) -> u8 {
    let at = place("approvals", text);
    if outcome != RuleOutcome::Hold {
        complaints
            .push(Complaint::new(at, "only a hold has approvals").hint("add `@outcome(\"hold\")`, or leave them out"));
    }
    match number.parse() {
        Ok(number) if (1..=APPROVALS_MAX).contains(&number) => number,
        _ => {
            complaints.push(Complaint::new(at, format!("`@approvals` takes a number from 1 to {APPROVALS_MAX}")));
            1
        }
    }
}

fn flag(key: &str, word: &str, text: &str, complaints: &mut Vec<Complaint>) -> bool {
    if !matches!(word, "" | "true") {
        let said = format!("`@{key}` takes `true`, or nothing");
        complaints.push(Complaint::new(place(key, text), said).hint("leave it out where it is not so"));
    }
    true
}

fn runtime(seconds: &str, text: &str, complaints: &mut Vec<Complaint>) -> Option<Duration> {
    let parsed = seconds.parse().ok().filter(|seconds| (1..=RUNTIME_SECONDS_MAX).contains(seconds));
    if parsed.is_none() {
        let said = format!("`@max_runtime` takes seconds, from 1 to {RUNTIME_SECONDS_MAX}");
        complaints.push(Complaint::new(place("max_runtime", text), said));
    }
    parsed.map(Duration::from_secs)
}

fn one_line(key: &str, said: &str, text: &str, complaints: &mut Vec<Complaint>) -> Option<String> {
    let sentence = said.trim().trim_end_matches('.');
    if sentence.is_empty() || sentence.chars().any(char::is_control) {
        complaints.push(Complaint::new(place(key, text), format!("`@{key}` takes one sentence on one line")));
        return None;
    }
    Some(sentence.to_owned())
}

/// What is said of a rule that says nothing of itself.
pub(crate) fn unsaid(outcome: RuleOutcome) -> String {
    match outcome {
        RuleOutcome::Permit => "a rule of this organisation permits this",
        RuleOutcome::Redact => "a rule of this organisation hides fields of the answer",
        RuleOutcome::Hold => "a rule of this organisation wants a human to approve this",
        RuleOutcome::Defer => "a rule of this organisation leaves this open",
        RuleOutcome::Deny => "a rule of this organisation forbids this",
        RuleOutcome::Limit => "a rule of this organisation limits this",
    }
    .to_owned()
}

fn place(key: &str, text: &str) -> usize {
    text.find(&format!("@{key}")).unwrap_or_default()
}

/// Most approvals that one call can need.
pub(crate) const APPROVALS_MAX: u8 = 5;
/// Longest time that a rule can give a call, in seconds: a day.
pub(crate) const RUNTIME_SECONDS_MAX: u64 = 24 * 60 * 60;
/// Who can approve, beside `role:…` and `human:…`.
pub(crate) const APPROVERS: &[&str] = &["owner-of-app", "manager-of", "manager-of-human"];
const KEYS: &[&str] = &[
    "id",
    "outcome",
    "defer",
    "redact",
    "approvers",
    "approvals",
    "says",
    "instead",
    "observe",
    "security_relevant",
    "max_runtime",
];
const OUTCOMES: &[&str] = &["deny", "hold", "defer", "redact", "limit"];
