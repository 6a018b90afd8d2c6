//! `contract simulate`: recorded calls under a new version of their contract.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use contract::difference;
use model::{Blame, Clock as _, Fault};
use serde_json::{Value, json};
use trace::moment;

use super::files::load;
use crate::cli::Common;
use crate::clock::{SystemClock, environment};
use crate::commands::trace::readable::plain;
use crate::commands::trace::trace_of;
use crate::config::Config;
use crate::evidence::{Asked, Span, each};
use crate::gateway::{bad_file, compile};
use crate::judge::Judge;
use crate::judge::simulate::{Changed, Line, Simulation};
use crate::terminal::{Ink, Look, out};
use crate::words::counted;

/// Judges them. Exit code 1: something would change.
pub(super) fn run(common: &Common, new: &Path, since: &str, limit: usize) -> Result<ExitCode, Fault> {
    let (file, new) = (new, load(new)?.contract);
    let now = SystemClock.now();
    let since = moment(since, now).map_err(|said| Fault::new(Blame::Operator, "operator.moment", said))?;
    // Where the new version lies among the contracts of the configuration, it is not the one in force.
    let config = Config::load_without(&common.config, &environment, Some(file)).map_err(bad_file)?;
    let old = config.contracts.iter().find(|contract| contract.id() == new.id()).cloned();
    let bundle = compile(&config)?;
    let judge = Judge::new(config, bundle);
    let rules = Arc::new(compile(&judge.config)?);
    let changes = old.as_ref().map(|old| difference(old, &new).cells).unwrap_or_default();
    let mut simulation = Simulation::new(&judge, rules, Arc::clone(&new), changes)
        .map_err(|said| Fault::new(Blame::Rule, "rule.contract", said))?;
    if let Some(reader) = trace_of(common)?.reader_if_there()? {
        let span = Span { since: Some(since), ..Span::default() };
        let mut calls: Vec<Asked> = Vec::new();
        each(&reader, old.as_ref().unwrap_or(&new), span, |asked| calls.push(asked)).map_err(Fault::from)?;
        calls.sort_by_key(|asked| asked.entry.sequence);
        calls.iter().for_each(|asked| simulation.take(asked));
    }
    if common.json {
        out(as_json(&simulation));
    } else {
        told(Look::stdout(), &simulation, limit).into_iter().for_each(out);
    }
    Ok(ExitCode::from(u8::from(simulation.changes() > 0)))
}

fn told(look: Look, simulation: &Simulation<'_>, limit: usize) -> Vec<String> {
    let judged = counted(usize::try_from(simulation.judged).unwrap_or(usize::MAX), "recorded call");
    let decided: u64 = simulation.lines.iter().filter(|(line, _)| line.was != line.would).map(|(_, count)| count).sum();
    let mut lines = vec![match decided {
        0 => format!("{judged}: none would be decided in another way"),
        some => format!("{judged}: {some} would be decided in another way"),
    }];
    for (line, count) in &simulation.lines {
        let Line { clause, asks, was, would } = line;
        let clause = clause.as_ref().map_or_else(|| "no clause".to_owned(), |clause| format!("clause {clause}"));
        if was != would {
            let (was, would) = (look.verdict(*was), look.verdict(*would));
            lines.push(format!("  {was} to {would} {count:>6}  {clause}, to {}", plain(asks)));
        }
    }
    for (what, (permits, forbids)) in &simulation.fields {
        let mut more = Vec::new();
        if *permits > 0 {
            more.push(format!("{permits} would be answered with fields that were kept back"));
        }
        if *forbids > 0 {
            more.push(format!("{forbids} would be answered without fields that were shown"));
        }
        lines.push(format!("  to {}: {}", plain(what), more.join(", ")));
    }
    for (why, count) in &simulation.unjudged {
        lines.push(format!("  cannot be judged: {count} ({why})"));
    }
    if !simulation.calls.is_empty() && limit > 0 {
        lines.push(String::new());
        lines.push(look.paint(Ink::Bold, "calls"));
        for Changed { sequence, tool, was, would, because, .. } in simulation.calls.iter().take(limit) {
            lines.push(format!("  #{sequence:<6} {was} to {would}  {}  {}", plain(tool), plain(because)));
        }
        let left = simulation.calls.len().saturating_sub(limit);
        if left > 0 {
            lines.push(format!("  and {left} more (`--limit` shows more)"));
        }
    }
    lines
}

fn as_json(simulation: &Simulation<'_>) -> Value {
    let lines: Vec<Value> = simulation
        .lines
        .iter()
        .filter(|(line, _)| line.was != line.would)
        .map(|(line, count)| {
            json!({ "clause": line.clause, "asks": line.asks, "was": line.was, "would": line.would, "count": count })
        })
        .collect();
    let fields: Vec<Value> = simulation
        .fields
        .iter()
        .map(|(what, (permits, forbids))| json!({ "asks": what, "more_fields": permits, "fewer_fields": forbids }))
        .collect();
    let unjudged: Vec<Value> =
        simulation.unjudged.iter().map(|(why, count)| json!({ "why": why, "count": count })).collect();
    let calls: Vec<Value> = simulation
        .calls
        .iter()
        .map(|one| {
            json!({
                "sequence": one.sequence, "call": one.call, "tool": one.tool, "was": one.was, "would": one.would,
                "clause": one.clause, "because": one.because,
            })
        })
        .collect();
    json!({
        "judged": simulation.judged, "changed": lines, "answers": fields, "unjudged": unjudged, "calls": calls,
        "more": simulation.more,
    })
}
