//! `explain`: what would happen to a call, why, and what single change would alter it. Nothing is sent and nothing is
//! recorded; no gateway need run.

use std::process::ExitCode;

use bytes::Bytes;
use decide::{Decision, Otherwise, WhatIf, at_other_times, at_other_values, others, what_if};
use model::{Blame, Clock as _, Facts, Fault, RuleOutcome, Verdict};
use serde_json::{Map, Value, json};

use super::why::facts::lines as facts_lines;
use super::why::story::reason_lines;
use crate::cli::{Common, ExplainArgs};
use crate::clock::SystemClock;
use crate::judge::{Judge, Match, Question, actor, moment, probe, said, target};
use crate::terminal::{Ink, Look, out};

/// Explains. Exit code 1: the call would not run.
pub fn run(common: &Common, args: &ExplainArgs) -> Result<ExitCode, Fault> {
    let judge = Judge::of_gateway(&common.config)?;
    let question = question(args)?;
    let facts = judge.facts(&question)?;
    let decision = judge.decide(&facts);
    let matches = judge.matches(&facts);
    let turns = what_if(&judge.bundle, &decision, everything_else(&judge, &facts));
    let approvable =
        decision.verdict() != Verdict::Hold || engine::could_be_approved(&facts, &decision, &judge.directory);
    if common.json {
        out(as_json(&facts, &decision, &matches, &turns, approvable));
    } else {
        out(told(Look::stdout(), &facts, &decision, &matches, &turns, approvable));
    }
    Ok(ExitCode::from(u8::from(!decision.verdict().runs())))
}

fn question(args: &ExplainArgs) -> Result<Question, Fault> {
    let (agent, human) = actor(&args.actor)?;
    let (app, tool) = target(&args.tool)?;
    let now = match &args.now {
        Some(text) => moment(text)?,
        None => SystemClock.now(),
    };
    let arguments = arguments(&args.arguments)?;
    Ok(Question { agent, human, app, tool, arguments, now, class: args.class, spent: Vec::new() })
}

/// `key=value` pairs as one object.
fn arguments(pairs: &[String]) -> Result<Option<Bytes>, Fault> {
    let wrong = |said: String| {
        Fault::new(Blame::Operator, "operator.argument", said).hint("write it as in `--arg path=/workspace/plan.txt`")
    };
    let mut object = Map::new();
    for pair in pairs {
        let (key, value) = pair.split_once('=').ok_or_else(|| wrong(format!("`{pair}` has no `=`")))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        if !put(&mut object, key, value) {
            return Err(wrong(format!("`{key}` is given twice, or lies inside what is no object")));
        }
    }
    Ok((!pairs.is_empty()).then(|| Bytes::from(Value::Object(object).to_string())))
}

fn put(object: &mut Map<String, Value>, key: &str, value: Value) -> bool {
    match key.split_once('.') {
        None => object.insert(key.to_owned(), value).is_none(),
        Some((first, rest)) => {
            let inside = object.entry(first.to_owned()).or_insert_with(|| Value::Object(Map::new()));
            inside.as_object_mut().is_some_and(|inside| put(inside, rest, value))
        }
    }
}

/// Every single change there is: people and apps of the directory, and the moments and words that rules name.
fn everything_else(judge: &Judge, facts: &Facts) -> Vec<Otherwise> {
    let mut all = others(facts, &judge.directory);
    if let Some(reads) = judge.looks_at(&facts.app.id, &facts.tool.name) {
        all.extend(at_other_values(facts, &reads, &judge.looks_for(&facts.app.id)));
    }
    let mut moments: Vec<_> = probe::moments(&judge.config.rules).into_iter().filter(|at| *at > facts.now).collect();
    moments.extend(probe::week_from(facts.now));
    moments.sort_unstable();
    all.extend(at_other_times(facts, moments, said));
    all
}

fn told(look: Look, facts: &Facts, decision: &Decision, matches: &[Match], turns: &WhatIf, approvable: bool) -> String {
    let tool = format!("{}/{}", facts.app.name, facts.tool.name);
    let mut text = format!(
        "{} {tool}: {}\n",
        look.verdict(decision.verdict()),
        if approvable { headline(decision.verdict()) } else { NOBODY }
    );
    let mut section = |label: &str, lines: Vec<String>| {
        text.push('\n');
        for (place, line) in lines.iter().enumerate() {
            let label = if place == 0 { label } else { "" };
            text.push_str(&look.paint(Ink::Dim, format_args!("{label:<9}")));
            text.push_str(line);
            text.push('\n');
        }
    };
    let value = serde_json::to_value(facts).unwrap_or_default();
    section("asked", vec![format!("{} for {}, {}", facts.agent.name, facts.human.name, said(facts.now))]);
    section("facts", facts_lines(&value));
    let mut lines = vec![format!("{} under the rules {}", decision.verdict(), decision.bundle())];
    lines.extend(decision.reasons().iter().flat_map(|reason| reason_lines(look, reason, &value)));
    if !turns.decided_by.is_empty() {
        lines.push(format!("it turns on {}", turns.decided_by.join(", ")));
    }
    section("decided", lines);
    if let Some(observed) = decision.observed() {
        let mut lines =
            vec![format!("it would be {} if everything were enforced; this is only observed", observed.verdict)];
        lines.extend(observed.reasons.iter().flat_map(|reason| reason_lines(look, reason, &value)));
        section("observed", lines);
    }
    let others = overruled(decision, matches);
    if !others.is_empty() {
        section("besides", others);
    }
    section("change", changes(look, turns));
    text.trim_end().to_owned()
}

/// Rules that match and did not decide.
fn overruled(decision: &Decision, matches: &[Match]) -> Vec<String> {
    let decided = |one: &&Match| !decision.reasons().iter().any(|reason| reason.rule == one.rule.id);
    matches
        .iter()
        .filter(decided)
        .map(|one| {
            let rule = &one.rule;
            let what = one.fault.as_deref().unwrap_or(&rule.sentence);
            format!("{} by {} ({}): {what}", word(rule.outcome), rule.id, rule.source)
        })
        .collect()
}

fn changes(look: Look, turns: &WhatIf) -> Vec<String> {
    let lines: Vec<String> = turns
        .alters
        .iter()
        .map(|one| {
            // Of moments the first one is what tells.
            let most = if one.fact == "the time" { 1 } else { one.values.len() };
            let values: Vec<String> = one.values.iter().take(most).map(|value| format!("`{value}`")).collect();
            format!("{} if {} were {}", look.verdict(one.verdict), one.fact, listed(&values))
        })
        .collect();
    if lines.is_empty() {
        return vec!["no single change of a fact would alter it; a rule would".to_owned()];
    }
    lines
}

fn listed(values: &[String]) -> String {
    match values.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => values.concat(),
    }
}

fn as_json(facts: &Facts, decision: &Decision, matches: &[Match], turns: &WhatIf, approvable: bool) -> Value {
    let matched: Vec<Value> = matches
        .iter()
        .map(|one| {
            json!({
                "rule": one.rule.id,
                "outcome": one.rule.outcome,
                "layer": one.rule.layer,
                "source": one.rule.source.to_string(),
                "sentence": one.rule.sentence,
                "fault": one.fault,
                "decided": decision.reasons().iter().any(|reason| reason.rule == one.rule.id),
            })
        })
        .collect();
    let alters: Vec<Value> = turns
        .alters
        .iter()
        .map(|one| json!({ "verdict": one.verdict, "fact": one.fact, "values": one.values }))
        .collect();
    json!({
        "verdict": decision.verdict(),
        "could_be_approved": (decision.verdict() == Verdict::Hold).then_some(approvable),
        "bundle": decision.bundle().to_string(),
        "reasons": decision.reasons(),
        "observed": decision.observed(),
        "matched": matched,
        "turns_on": turns.decided_by,
        "alters": alters,
        "facts": facts,
    })
}

/// As the engine says it of a call.
const NOBODY: &str =
    "needs approval, and nobody could approve it as things stand: it would not wait; nothing would be executed";

fn headline(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "would run",
        Verdict::Redact => "would run with something removed",
        Verdict::Hold => "would wait for approval; nothing would be executed before",
        Verdict::Defer => "would not be decided; nothing would be executed",
        Verdict::Deny => "would be refused; nothing would be executed",
    }
}

fn word(outcome: RuleOutcome) -> &'static str {
    match outcome {
        RuleOutcome::Limit => "limit",
        RuleOutcome::Permit => "allow",
        RuleOutcome::Redact => "redact",
        RuleOutcome::Hold => "hold",
        RuleOutcome::Defer => "defer",
        RuleOutcome::Deny => "deny",
    }
}

#[cfg(test)]
mod tests;
