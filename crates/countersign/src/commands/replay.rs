//! `replay`: recorded calls through other rules, and what would change.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use contract::Governed;
use model::{Blame, Clock as _, Fault};
use policy::RuleFile;
use serde_json::{Value, json};
use trace::{LogReader as _, Query, RecordKind, last_moment, moment};

use super::trace::{readable::plain, trace_of};
use crate::cli::{Common, ReplayArgs};
use crate::clock::{SystemClock, environment};
use crate::config::Config;
use crate::contracts::in_force;
use crate::gateway::{bad_file, compile};
use crate::judge::Judge;
use crate::judge::replay::{Changes, Of, Replay};
use crate::terminal::{Ink, Look, out};
use crate::words::counted;

/// Replays. Exit code 1: something would be decided in another way.
pub fn run(common: &Common, args: &ReplayArgs) -> Result<ExitCode, Fault> {
    let judge = judge(common, &args.rules)?;
    // Whether they were signed then, each record says.
    let contracts = in_force(&judge.config.contracts, &[])?;
    let rules = Governed::new(Arc::new(compile(&judge.config)?), Arc::new(contracts));
    let now = SystemClock.now();
    let since = args.since.as_deref().map(|text| moment(text, now)).transpose().map_err(no_moment)?;
    let until = args.until.as_deref().map(|text| last_moment(text, now)).transpose().map_err(no_moment)?;
    let trace = trace_of(common)?;
    let mut replay = Replay::default();
    if let Some(reader) = trace.reader_if_there()? {
        let mut after = None;
        loop {
            let query =
                Query { since, until, after_sequence: after, limit: PAGE, newest_first: false, ..Query::default() };
            let page = reader.find(&query.of_kind(RecordKind::Intent)).map_err(Fault::from)?;
            page.iter().for_each(|entry| replay.take(&judge, &rules, entry));
            after = page.last().map(|entry| entry.sequence);
            if page.len() < PAGE {
                break;
            }
        }
    }
    if common.json {
        out(as_json(&replay));
    } else {
        out(told(Look::stdout(), &replay, args.limit));
    }
    Ok(ExitCode::from(u8::from(replay.changes() > 0)))
}

fn judge(common: &Common, rules: &[PathBuf]) -> Result<Judge, Fault> {
    let mut config = Config::load(&common.config, &environment).map_err(bad_file)?;
    if !rules.is_empty() {
        config.rules = rules.iter().map(|file| read(file)).collect::<Result<_, _>>()?;
    }
    let bundle = compile(&config)?;
    Ok(Judge::new(config, bundle))
}

fn read(file: &Path) -> Result<RuleFile, Fault> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let said = format!("the rule file `{}` cannot be read: {error}", file.display());
        Fault::new(Blame::Operator, "operator.file", said)
    })?;
    Ok(RuleFile { name: file.display().to_string(), text })
}

fn no_moment(said: String) -> Fault {
    Fault::new(Blame::Operator, "operator.moment", said)
}

fn told(look: Look, replay: &Replay, limit: usize) -> String {
    let changes = replay.changes();
    let judged = usize::try_from(replay.judged).unwrap_or(usize::MAX);
    let mut lines = vec![match changes {
        0 => format!("{}: none would be decided in another way", counted(judged, "recorded call")),
        _ => format!("{}: {changes} would be decided in another way", counted(judged, "recorded call")),
    }];
    lines.extend(
        replay
            .changed
            .iter()
            .map(|((was, would), count)| format!("  {} to {} {count}", look.verdict(*was), look.verdict(*would))),
    );
    lines.extend(replay.unjudged.iter().map(|(why, count)| format!("  cannot be judged: {count} ({why})")));
    for (label, all) in [("by agent", &replay.by_agent), ("by person", &replay.by_human)] {
        let some: Vec<(&String, &Of)> = all.iter().filter(|(_, of)| !of.changed.is_empty()).collect();
        if !some.is_empty() {
            lines.push(String::new());
            lines.push(look.paint(Ink::Bold, label));
            lines.extend(some.into_iter().map(|(name, of)| {
                let changed: u64 = of.changed.values().sum();
                format!("  {:<24} {changed} of {}: {}", plain(name), of.judged, in_words(&of.changed))
            }));
        }
    }
    if !replay.calls.is_empty() && limit > 0 {
        lines.push(String::new());
        lines.push(look.paint(Ink::Bold, "calls"));
        for one in replay.calls.iter().take(limit) {
            let who = one.human.as_deref().map(plain).unwrap_or_else(|| "(erased)".to_owned());
            lines.push(format!(
                "  #{:<6} {} to {}  {} for {who}  {}  {} ({})",
                one.sequence,
                one.was,
                one.would,
                plain(&one.agent),
                plain(&one.tool),
                plain(&one.because),
                plain(&one.rules.join(", "))
            ));
        }
        let left = changes.saturating_sub(limit as u64);
        if left > 0 {
            lines.push(format!("  and {left} more (`--limit` shows more)"));
        }
    }
    lines.join("\n")
}

fn in_words(changes: &Changes) -> String {
    let words: Vec<String> = changes.iter().map(|((was, would), count)| format!("{was} to {would} {count}")).collect();
    words.join(", ")
}

fn as_json(replay: &Replay) -> Value {
    let changes = |changes: &Changes| -> Vec<Value> {
        changes.iter().map(|((was, would), count)| json!({ "was": was, "would": would, "count": count })).collect()
    };
    let of = |all: &std::collections::BTreeMap<String, Of>| -> Vec<Value> {
        all.iter()
            .map(|(name, of)| json!({ "id": name, "judged": of.judged, "changed": changes(&of.changed) }))
            .collect()
    };
    let unjudged: Vec<Value> =
        replay.unjudged.iter().map(|(why, count)| json!({ "why": why, "count": count })).collect();
    let calls: Vec<Value> = replay
        .calls
        .iter()
        .map(|one| {
            json!({
                "sequence": one.sequence, "call": one.call, "agent": one.agent, "human": one.human, "tool": one.tool,
                "was": one.was, "would": one.would, "rules": one.rules, "because": one.because,
            })
        })
        .collect();
    json!({
        "judged": replay.judged,
        "changed": changes(&replay.changed),
        "unjudged": unjudged,
        "agents": of(&replay.by_agent),
        "people": of(&replay.by_human),
        "calls": calls,
        "more": replay.more,
    })
}

const PAGE: usize = 1_000;
