//! `trace touched`, `on-behalf-of`, `rule-fired`, `access-ended`, `who-approved`: questions that are asked again and again.

use std::process::ExitCode;

use jiff::tz::TimeZone;
use model::contract::RULE_PREFIX;
use model::{AgentId, Blame, Clock as _, Fault, HumanId, UnixMicros};
use serde_json::{Map, Value, json};
use store::Reader;
use trace::ready::{AccessEnded, Line, Report, Summary, WhoApproved, Whose};
use trace::{Entry, Field, IntentView, LogReader, UseOf, rfc3339};

use super::owns::{Known, known};
use super::readable::{ERASED, KeptFrom, Names, facts_of, local, plain, trouble};
use super::table::Table;
use super::{asked, trace_of};
use crate::cli::{Common, WhoApprovedArgs, WindowArgs};
use crate::clock::{SystemClock, environment};
use crate::config::{Config, nearest};
use crate::gateway::bundle_of;
use crate::terminal::{Ink, Look, out, say};
use crate::words::counted;

/// What did this agent use?
pub(super) fn touched(common: &Common, agent: &str, args: &WindowArgs) -> Result<ExitCode, Fault> {
    let asking = Asking::of(common, args)?;
    let report = trace::ready::touched(&asking.reader, agent, &asking.window).map_err(Fault::from)?;
    if report.summary.calls == 0 {
        known_agent(&asking.reader, &known(common, &asking.reader)?, agent)?;
    }
    asking.tell(&[("agent", agent)], report, &[Field::Agent])
}

/// What was done for this person?
pub(super) fn on_behalf_of(common: &Common, human: &str, args: &WindowArgs) -> Result<ExitCode, Fault> {
    let asking = Asking::of(common, args)?;
    let report = trace::ready::on_behalf_of(&asking.reader, human, &asking.window).map_err(Fault::from)?;
    // Of calls that name nobody any more, nobody knows for whom they were.
    if report.summary.calls == 0 && report.summary.unnamed_before.is_none() {
        known_human(&asking.reader, &known(common, &asking.reader)?, human)?;
    }
    asking.tell(&[("human", human)], report, &[Field::Human])
}

/// Which calls did this rule decide?
pub(super) fn rule_fired(common: &Common, rule: &str, args: &WindowArgs) -> Result<ExitCode, Fault> {
    let asking = Asking::of(common, args)?;
    let report = trace::ready::rule_fired(&asking.reader, rule, &asking.window).map_err(Fault::from)?;
    if report.summary.calls == 0 {
        known_rule(&asking.reader, &rules(common), rule)?;
    }
    asking.tell(&[("rule", rule)], report, &[Field::Human])
}

/// When did this access end, who ended it, and what happened then? Exit code 1: calls ran all the same.
pub(super) fn access_ended(common: &Common, who: &str, args: &WindowArgs) -> Result<ExitCode, Fault> {
    let asking = Asking::of(common, args)?;
    let known = known(common, &asking.reader)?;
    let whose = whose(&asking.reader, &known, who)?;
    let told = trace::ready::access_ended(&asking.reader, whose, &asking.window).map_err(Fault::from)?;
    let code = if told.ran_counted.calls == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) };
    let configured = told.ended.is_none() && ended_by_configuration(&known, whose);
    if common.json {
        out(json!({
            "who": who,
            "ended": told.ended.as_ref().map(Entry::to_json),
            "ended_by_configuration": configured,
            "changes": records(&told.changes),
            "ran": records(&told.ran),
            "ran_calls": told.ran_counted.calls,
            "since": told.ended.is_some().then(|| report_json(&told.since)),
        }));
        return Ok(code);
    }
    asking.tell_access(who, &told, configured);
    Ok(code)
}

/// Whether the directory lets nobody act in this name, or does not know it any more, while no change on record says so.
fn ended_by_configuration(known: &Known, whose: Whose<'_>) -> bool {
    let directory = &known.directory;
    let gone = |human: &str| {
        HumanId::parse(human).ok().and_then(|id| directory.humans.get(&id)).is_none_or(|human| !human.active)
    };
    known.configured
        && match whose {
            Whose::Human(human) => gone(human),
            Whose::Agent(agent, owner) => {
                let agent = AgentId::parse(agent).ok().and_then(|id| directory.agents.get(&id));
                agent.is_none_or(|agent| !agent.active) || owner.is_some_and(gone)
            }
        }
}

/// On whose word did this call run?
pub(super) fn who_approved(common: &Common, args: &WhoApprovedArgs) -> Result<ExitCode, Fault> {
    let reader = trace_of(common)?.reader()?;
    let meant = args.call.strip_prefix('#').unwrap_or(&args.call);
    let Some(told) = trace::ready::who_approved(&reader, meant).map_err(Fault::from)? else {
        let said = format!("the trace has no call `{}`", args.call);
        return Err(Fault::new(Blame::Operator, "operator.no_call", said)
            .hint("`countersign trace` lists them; the number at the start of a line is enough"));
    };
    let Some(intent) = told.call.intent() else {
        return Err(Fault::new(Blame::Operator, "operator.no_call", "the record of this call cannot be read"));
    };
    if common.json {
        out(json!({
            "call": told.call.to_json(),
            "approved": intent.approved,
            "approvals": records(&told.approvals),
            "rules": told.rules.as_ref().map(Entry::to_json),
            "pin": told.pin.as_ref().map(|(pin, class)| json!({ "class": class, "record": pin.to_json() })),
        }));
        return Ok(ExitCode::SUCCESS);
    }
    let kept = KeptFrom::of(&reader)?;
    for line in approval_lines(Look::stdout(), &TimeZone::system(), &told, &intent) {
        out(kept.in_words(&told.call, line));
    }
    kept.told_of(std::slice::from_ref(&told.call)).into_iter().for_each(say);
    Ok(ExitCode::SUCCESS)
}

/// A question under way.
struct Asking {
    reader: Reader,
    kept: KeptFrom,
    window: trace::ready::Window,
    look: Look,
    zone: TimeZone,
    json: bool,
}

impl Asking {
    fn of(common: &Common, args: &WindowArgs) -> Result<Self, Fault> {
        let reader = trace_of(common)?.reader()?;
        let window = asked::window(args, SystemClock.now())?;
        let look = Look::stdout();
        let look = if args.wide { Look { width: None, ..look } } else { look };
        let kept = KeptFrom::of(&reader)?;
        Ok(Self { reader, kept, window, look, zone: TimeZone::system(), json: common.json })
    }

    /// Tells what was found; what was asked for need not stand in each line.
    fn tell(&self, asked: &[(&str, &str)], report: Report, without: &[Field]) -> Result<ExitCode, Fault> {
        if self.json {
            let mut said: Map<String, Value> =
                asked.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
            if let Value::Object(more) = report_json(&report) {
                said.extend(more);
            }
            out(Value::Object(said));
            return Ok(ExitCode::SUCCESS);
        }
        if report.summary.calls == 0 {
            let records = self.reader.last_sequence().map_err(Fault::from)?;
            let what: Vec<&str> = asked.iter().map(|(key, _)| *key).collect();
            say(format_args!("none of the {records} records{} is of this {}", self.in_words(), what.join(" ")));
            report.summary.unnamed_before.map(unnamed).into_iter().for_each(say);
            return Ok(ExitCode::SUCCESS);
        }
        let next = report.next;
        for line in summary_lines(self.look, &self.zone, report.summary.without(without)) {
            out(line);
        }
        self.latest(&report.latest);
        if let Some(next) = next {
            say(format_args!("there may be older ones: --cursor {next}"));
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Which part of the log was asked: ` since … until …`.
    fn in_words(&self) -> String {
        let bound = |name: &str, at: Option<UnixMicros>| at.map(|at| format!(" {name} {}", rfc3339(at)));
        let bounds = [bound("since", self.window.since), bound("until", self.window.until)];
        bounds.into_iter().flatten().collect()
    }

    /// Calls and changes, as `trace` shows them.
    fn latest(&self, entries: &[Entry]) {
        if entries.is_empty() {
            return;
        }
        let oldest_first: Vec<Entry> = entries.iter().rev().cloned().collect();
        out("");
        let lines = Table::new(self.look, self.zone.clone()).lines(&oldest_first, SystemClock.now());
        for (entry, line) in oldest_first.iter().zip(lines) {
            out(self.kept.in_words(entry, line));
        }
        self.kept.told_of(&oldest_first).into_iter().for_each(say);
    }

    fn tell_access(&self, who: &str, told: &AccessEnded, configured: bool) {
        let who = plain(who);
        let Some(ended) = &told.ended else {
            if configured {
                out(format_args!(
                    "the access of {who} is ended by the configuration; the trace does not say since when"
                ));
                return self.latest(&told.changes);
            }
            out(format_args!("the access of {who} has not ended"));
            return self.latest(&told.changes);
        };
        out(format_args!("the access of {who} ended {}", change_line(&self.zone, ended)));
        let refused: u64 = told.since.summary.lines.iter().map(|line| line.refused + line.waited).sum();
        let more = if told.since.summary.complete { "" } else { " or more" };
        out(format_args!("since then {refused}{more} calls were stopped"));
        told.ran_counted.unnamed_before.map(unnamed).into_iter().for_each(out);
        if told.ran_counted.calls == 0 {
            out(self.look.paint(Ink::Green, "none ran"));
            return self.latest(&told.since.latest);
        }
        let more = if told.ran_counted.complete { "" } else { " or more" };
        let ran = counted(usize::try_from(told.ran_counted.calls).unwrap_or(usize::MAX), "call");
        out(self.look.paint(Ink::Red, format_args!("{ran}{more} ran all the same")));
        self.latest(&told.ran);
    }
}

/// Whose id this is: of the directory, else of whoever the trace knows.
fn whose<'k>(log: &dyn LogReader, known: &'k Known, who: &'k str) -> Result<Whose<'k>, Fault> {
    let owner = |agent: &AgentId| Some(known.directory.agents.get(agent)?.owner.as_str());
    if HumanId::parse(who).is_ok_and(|human| known.directory.humans.contains_key(&human)) {
        return Ok(Whose::Human(who));
    }
    let agent = AgentId::parse(who).ok();
    if let Some(agent) = agent.filter(|agent| known.directory.agents.contains_key(agent)) {
        return Ok(Whose::Agent(who, owner(&agent)));
    }
    if !log.uses(UseOf::Human(who)).map_err(Fault::from)?.is_empty() {
        return Ok(Whose::Human(who));
    }
    if !log.uses(UseOf::Agent(who)).map_err(Fault::from)?.is_empty() {
        return Ok(Whose::Agent(who, None));
    }
    let people = known.directory.humans.keys().map(HumanId::as_str);
    let names = people.chain(known.directory.agents.keys().map(AgentId::as_str));
    let said = format!("neither the directory nor the trace knows a person or an agent `{who}`");
    Err(Fault::new(Blame::Operator, "operator.nobody", said).hint(nearest(who, names)))
}

/// Error: there is no such agent, and there was none. Nothing found would say nothing.
fn known_agent(log: &dyn LogReader, known: &Known, agent: &str) -> Result<(), Fault> {
    let names: Vec<&str> = known.directory.agents.keys().map(AgentId::as_str).collect();
    if names.contains(&agent) || !log.uses(UseOf::Agent(agent)).map_err(Fault::from)?.is_empty() {
        return Ok(());
    }
    let said = format!("neither the directory nor the trace knows an agent `{agent}`");
    Err(Fault::new(Blame::Operator, "operator.no_agent", said).hint(nearest(agent, names.into_iter())))
}

/// Error: there is no such person, and there was none.
fn known_human(log: &dyn LogReader, known: &Known, human: &str) -> Result<(), Fault> {
    let names: Vec<&str> = known.directory.humans.keys().map(HumanId::as_str).collect();
    if names.contains(&human) || !log.uses(UseOf::Human(human)).map_err(Fault::from)?.is_empty() {
        return Ok(());
    }
    let said = format!("neither the directory nor the trace knows a person `{human}`");
    Err(Fault::new(Blame::Operator, "operator.nobody", said).hint(nearest(human, names.into_iter())))
}

/// Error: no rule of this id is in the files, and none has ever fired. Guards and clauses stand in no rule file.
fn known_rule(log: &dyn LogReader, rules: &[String], rule: &str) -> Result<(), Fault> {
    let ever = trace::ready::Window { limit: 1, ..trace::ready::Window::default() };
    if ["guard:", RULE_PREFIX].into_iter().any(|prefix| rule.starts_with(prefix))
        || rules.iter().any(|known| known == rule)
        || trace::ready::rule_fired(log, rule, &ever).map_err(Fault::from)?.summary.calls > 0
    {
        return Ok(());
    }
    let said = format!("neither the rules nor the trace know a rule `{rule}`");
    let hint = nearest(rule, rules.iter().map(String::as_str));
    Err(Fault::new(Blame::Operator, "operator.no_rule", said).hint(hint))
}

/// The ids of the rules that the files hold; none where those are not in order.
fn rules(common: &Common) -> Vec<String> {
    let bundle = Config::load(&common.config, &environment).ok().and_then(|config| bundle_of(&config).ok());
    bundle.iter().flat_map(|bundle| bundle.rules()).map(|rule| rule.id.to_string()).collect()
}

fn records(entries: &[Entry]) -> Vec<Value> {
    entries.iter().map(Entry::to_json).collect()
}

/// What a ready-made question comes to, for programs.
fn report_json(report: &Report) -> Value {
    let lines = report.summary.lines.iter().map(|line| {
        json!({
            "agent": line.agent,
            "human": line.human,
            "app": line.app,
            "tool": line.tool,
            "ran": line.ran,
            "waited": line.waited,
            "refused": line.refused,
            "first": rfc3339(line.first),
            "last": rfc3339(line.last),
        })
    });
    json!({
        "calls": report.summary.calls,
        "complete": report.summary.complete,
        "unnamed_before": report.summary.unnamed_before.map(rfc3339),
        "used": lines.collect::<Vec<_>>(),
        "latest": records(&report.latest),
        "next": report.next,
    })
}

/// The summary as a table.
fn summary_lines(look: Look, zone: &TimeZone, summary: Summary) -> Vec<String> {
    let time = |at: UnixMicros| local(at, zone, "%Y-%m-%d %H:%M");
    let header = ["used", "by", "ran", "waited", "refused", "first", "last"].map(str::to_owned);
    let left_out = summary.lines.len().saturating_sub(LINES_MAX);
    let rows = summary.lines.iter().take(LINES_MAX).map(|line| {
        let tool = line.tool.as_deref().map_or_else(|| "(addresses)".to_owned(), plain);
        let number = |count: u64| if count == 0 { "-".to_owned() } else { count.to_string() };
        [
            format!("{}/{tool}", plain(&line.app)),
            who(line),
            number(line.ran),
            number(line.waited),
            number(line.refused),
            time(line.first),
            time(line.last),
        ]
    });
    let rows: Vec<[String; 7]> = std::iter::once(header).chain(rows).collect();
    let widths: [usize; 7] = std::array::from_fn(|column| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
    });
    let mut lines = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| match column {
            2..=4 => format!("{cell:>width$}"),
            _ => format!("{cell:<width$}"),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        let line = look.width.map_or(line.clone(), |width| look.cut(&line, width));
        lines.push(if place == 0 { look.paint(Ink::Dim, line.trim_end()) } else { line.trim_end().to_owned() });
    }
    if left_out > 0 {
        lines.push(format!("and {left_out} more (`--json` has all)"));
    }
    let calls = counted(usize::try_from(summary.calls).unwrap_or(usize::MAX), "call");
    lines.push(match (summary.complete, summary.unnamed_before) {
        (true, _) => calls,
        (false, None) => format!("the latest {calls}; there are more (`--until` reaches them)"),
        (false, Some(before)) => format!("{calls}; {}", unnamed(before)),
    });
    lines
}

/// Why a question about a person does not find everything.
fn unnamed(before: UnixMicros) -> String {
    format!(
        "calls from before {} name nobody any more, for their texts were let go: they are not counted",
        rfc3339(before)
    )
}

/// Who did it, as far as it is not what was asked for.
fn who(line: &Line) -> String {
    match (line.agent.as_str(), line.human.as_deref()) {
        ("", Some(human)) => format!("for {}", plain(human)),
        (agent, None) => plain(agent),
        (agent, Some(human)) => format!("{} for {}", plain(agent), plain(human)),
    }
}

/// `2026-11-21 10:00:00 by os-user:ana (#12)`.
fn change_line(zone: &TimeZone, entry: &Entry) -> String {
    let by = entry.change().and_then(|change| change.by);
    let by = by.as_deref().map_or_else(|| ERASED.to_owned(), plain);
    format!("{} by {by} (#{})", local(entry.at, zone, "%Y-%m-%d %H:%M:%S"), entry.sequence)
}

fn approval_lines(look: Look, zone: &TimeZone, told: &WhoApproved, intent: &IntentView) -> Vec<String> {
    let names = Names::of(intent, &facts_of(intent));
    let mut lines = vec![format!(
        "{} {}/{} by {} for {}, {} (#{})",
        look.verdict(intent.verdict),
        names.app,
        plain(&intent.tool),
        names.agent,
        names.human,
        local(intent.at, zone, "%Y-%m-%d %H:%M:%S"),
        told.call.sequence
    )];
    let mut say =
        |what: &str, said: String| lines.push(format!("{} {said}", look.paint(Ink::Dim, format_args!("{what:<10}"))));
    match told.approvals.is_empty() {
        true if intent.verdict == model::Verdict::Hold => say("approved", "by nobody so far".to_owned()),
        true if intent.approved => say("approved", format!("by people; who is {ERASED}")),
        true => say("approved", "by nobody: no rule asked for an approval of this call".to_owned()),
        false => told.approvals.iter().for_each(|said| {
            let change = said.change().map(|change| change.what).unwrap_or_default();
            match change.strip_prefix("emergency.") {
                Some(step) => say("emergency", format!("{step} {}", change_line(zone, said))),
                None => say(change.strip_prefix("hold.").unwrap_or("approved"), change_line(zone, said)),
            }
        }),
    }
    for reason in &intent.reasons {
        let source = reason.source.as_deref().map(|source| format!(" ({})", plain(source))).unwrap_or_default();
        say("rule", format!("{}: {}{source}", plain(reason.rule.as_str()), plain(&reason.sentence)));
    }
    if intent.reasons.is_empty() {
        intent.rules.iter().for_each(|rule| say("rule", plain(rule.as_str())));
    }
    match &told.rules {
        Some(rules) => say("rules", format!("{} in force since {}", intent.bundle, change_line(zone, rules))),
        None => say("rules", format!("{}; the trace does not say who put them in force", intent.bundle)),
    }
    if let Some((pin, class)) = &told.pin {
        say("pinned", format!("as {class} {}", change_line(zone, pin)));
    }
    let task = intent.task.as_deref().map_or_else(|| ERASED.to_owned(), plain);
    say("delegated", format!("by {} in the task {task}", names.human));
    let ended = match told.call.outcome() {
        Some(outcome) => trouble(&outcome).unwrap_or_else(|| outcome.status.as_str().to_owned()),
        None if intent.verdict.runs() => "no outcome yet".to_owned(),
        None => "nothing was executed".to_owned(),
    };
    say("outcome", ended);
    lines
}

const LINES_MAX: usize = 40;

#[cfg(test)]
mod tests;
