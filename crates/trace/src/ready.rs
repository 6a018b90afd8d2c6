//! Ready-made questions: what people ask of a trace again and again, each answered with a summary and the latest records.
//!
//! None of them reads more than a bound, however long the log is. Where a summary does not count everything it says so.

use std::collections::{BTreeMap, BTreeSet};

use model::limits::TRACE_CALLS_COUNTED_MAX;
use model::{Class, ClassSource, HoldId, UnixMicros, Verdict};
use serde_json::Value;

use crate::entry::{ChangeView, Entry, IntentView};
use crate::error::StoreFault;
use crate::log::{LogReader, Use, UseOf};
use crate::question::{Field, Query};
use crate::record::RecordKind;
use crate::retain::Retention;

/// Which part of the log is asked, and how many records are shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct Window {
    /// Not before.
    pub since: Option<UnixMicros>,
    /// Not after.
    pub until: Option<UnixMicros>,
    /// Show only what stands before this in the log: the next page.
    pub before_sequence: Option<u64>,
    /// Most records that are shown.
    pub limit: usize,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What it comes to.
    pub summary: Summary,
    /// The latest records, the last first.
    pub latest: Vec<Entry>,
    /// Where the next page begins ([`Window::before_sequence`]), if there may be one.
    pub next: Option<u64>,
}

/// Calls, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// One line for each agent, person, app and tool, those with the most calls first.
    pub lines: Vec<Line>,
    /// All calls of all lines.
    pub calls: u64,
    /// False: only the latest calls were counted, and there are more; or some say no more for whom they were.
    pub complete: bool,
    /// A person was asked for, and calls from before then name nobody any more: their texts were let go.
    pub unnamed_before: Option<UnixMicros>,
}

/// How often somebody used something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The software that acted.
    pub agent: String,
    /// The person it acted for, [`crate::ERASED`] once that is erased; none where people are counted together.
    pub human: Option<String>,
    /// The app.
    pub app: String,
    /// The tool; none stands for all addresses of resources.
    pub tool: Option<String>,
    /// Calls that ran.
    pub ran: u64,
    /// Calls that waited for a person, or for a fact.
    pub waited: u64,
    /// Calls that were refused.
    pub refused: u64,
    /// When the first of them was decided.
    pub first: UnixMicros,
    /// When the last.
    pub last: UnixMicros,
}

/// Who may act no more, or again, and what happened then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessEnded {
    /// What was changed, the last first.
    pub changes: Vec<Entry>,
    /// The change that ended access; none where it never ended, or was given back since.
    pub ended: Option<Entry>,
    /// What was asked for since.
    pub since: Report,
    /// The latest calls that ran all the same, the last first, as many as are shown.
    pub ran: Vec<Entry>,
    /// All of them, counted. There is none unless something is wrong.
    pub ran_counted: Summary,
}

/// On whose word a call ran, or did not.
#[derive(Debug, Clone)]
pub struct WhoApproved {
    /// The call, with its outcome.
    pub call: Entry,
    /// What people said to it, where it waited for them: yes, no, or nothing in time.
    pub approvals: Vec<Entry>,
    /// Who put the rules in force that decided; none where the trace does not say.
    pub rules: Option<Entry>,
    /// Who said yes to the tool as it was, where that is where its class is from.
    pub pin: Option<(Entry, Class)>,
}

/// Whose access is asked for.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    /// A person's.
    Human(&'a str),
    /// An agent's, and the person's who answers for it, where that is known.
    Agent(&'a str, Option<&'a str>),
}

/// What did this agent use?
pub fn touched(log: &dyn LogReader, agent: &str, window: &Window) -> Result<Report, StoreFault> {
    let query = Query::default().with(Field::Agent, agent);
    report(log, query, window, Some(UseOf::Agent(agent)))
}

/// What was done for this person?
pub fn on_behalf_of(log: &dyn LogReader, human: &str, window: &Window) -> Result<Report, StoreFault> {
    let query = Query::default().with(Field::Human, human);
    report(log, query, window, Some(UseOf::Human(human)))
}

/// Which calls did this rule decide?
pub fn rule_fired(log: &dyn LogReader, rule: &str, window: &Window) -> Result<Report, StoreFault> {
    report(log, Query::default().with(Field::Rule, rule), window, None)
}

/// When did this access end, who ended it, and what happened then?
pub fn access_ended(log: &dyn LogReader, whose: Whose<'_>, window: &Window) -> Result<AccessEnded, StoreFault> {
    let (query, subjects) = match whose {
        Whose::Human(human) => (Query::default().with(Field::Human, human), vec![format!("human:{human}")]),
        Whose::Agent(agent, owner) => {
            let owner = owner.map(|owner| format!("human:{owner}"));
            let subjects = std::iter::once(format!("agent:{agent}")).chain(owner).collect();
            (Query::default().with(Field::Agent, agent), subjects)
        }
    };
    let changes = changes_of(log, &subjects)?;
    let ended = subjects.iter().filter_map(|subject| still_ended(&changes, subject)).min_by_key(|end| end.sequence);
    let after = ended.map_or(u64::MAX, |end| end.sequence);
    let after = Query { after_sequence: Some(after), ..query };
    let ran = after.clone().of_kind(RecordKind::Intent).with_any(Field::Verdict, RUNS.map(Verdict::as_str));
    Ok(AccessEnded {
        ended: ended.cloned(),
        ran: log.find(&Query { limit: window.limit, ..ran.clone() })?,
        ran_counted: counted(log, ran)?,
        since: report(log, after, window, None)?,
        changes,
    })
}

/// On whose word did this call run, or not run? None: there is no such call.
pub fn who_approved(log: &dyn LogReader, id: &str) -> Result<Option<WhoApproved>, StoreFault> {
    let entries = log.by_id(id)?;
    let Some(call) = entries.into_iter().find(|entry| entry.kind == RecordKind::Intent) else { return Ok(None) };
    let Some(intent) = call.intent() else { return Ok(None) };
    let bundle = intent.bundle.to_string();
    let in_force = |change: &ChangeView| said(change, "bundle").and_then(Value::as_str) == Some(&bundle);
    let rules = last_before(log, &call, &RULES_IN_FORCE, in_force)?;
    let pinned = intent.class_source == ClassSource::Pin;
    let pin = match pinned {
        true => last_before(log, &call, &[PINNED], |change| class_pinned(change, &intent).is_some())?,
        false => None,
    };
    let pin = pin.and_then(|pin| {
        let class = class_pinned(&pin.change()?, &intent)?;
        Some((pin, class))
    });
    let approvals = said_by_people(log, &call)?;
    Ok(Some(WhoApproved { call, approvals, rules, pin }))
}

/// What people said to this call, where it waited for them, or to the one that caused it; nothing where it is no call.
pub fn said_by_people(log: &dyn LogReader, call: &Entry) -> Result<Vec<Entry>, StoreFault> {
    let Some(intent) = call.intent() else { return Ok(Vec::new()) };
    let waited = intent.verdict == Verdict::Hold || !intent.approvals.is_empty();
    if !waited && intent.cause.is_none() {
        return Ok(Vec::new());
    }
    let holds = intent.approvals.iter().filter_map(|approval| approval.hold.clone());
    let holds = holds.chain(std::iter::once(&call.call).chain(&intent.cause).map(HoldId::of));
    let emergencies = intent.approvals.iter().filter_map(|approval| approval.emergency.as_ref());
    let emergencies = emergencies.map(|emergency| format!("emergency:{emergency}"));
    let subjects: BTreeSet<String> = holds.map(|hold| format!("hold:{hold}")).chain(emergencies).collect();
    let query = Query { limit: CHANGES_MAX, newest_first: false, ..Query::default() }
        .of_kind(RecordKind::Change)
        .with_any(Field::What, SAID_OF_HOLDS)
        .with_any(Field::Subject, subjects);
    log.find(&query)
}

fn report(log: &dyn LogReader, query: Query, window: &Window, uses: Option<UseOf<'_>>) -> Result<Report, StoreFault> {
    let query = Query { since: window.since, until: window.until, ..query }.of_kind(RecordKind::Intent);
    let page = Query { before_sequence: window.before_sequence, limit: window.limit, ..query.clone() };
    let whole = window.since.is_none() && window.until.is_none();
    let summary = match uses {
        Some(of) if whole => Summary::of_uses(log.uses(of)?),
        _ => counted(log, query)?,
    };
    let latest = log.find(&page)?;
    let full = latest.len() == window.limit;
    let next = latest.last().map(|last| last.sequence).filter(|_| full);
    Ok(Report { summary, latest, next })
}

/// The latest calls, counted, and whether those are all.
fn counted(log: &dyn LogReader, query: Query) -> Result<Summary, StoreFault> {
    let unnamed_before = unnamed_before(log, &query)?;
    let summary = Summary::of_latest(log.counted(&Query { limit: TRACE_CALLS_COUNTED_MAX, ..query })?);
    Ok(Summary { complete: summary.complete && unnamed_before.is_none(), unnamed_before, ..summary })
}

/// Before when calls that are asked for by their person name nobody any more, where the question reaches that far back.
fn unnamed_before(log: &dyn LogReader, query: &Query) -> Result<Option<UnixMicros>, StoreFault> {
    if !query.terms.iter().any(|term| term.field == Field::Human) {
        return Ok(None);
    }
    let retention = Retention::of(log)?;
    let reached = retention.filter(|retention| {
        query.after_sequence.unwrap_or(0).saturating_add(1) < retention.done_to
            && query.since.is_none_or(|since| since < retention.before)
    });
    Ok(reached.map(|retention| retention.before))
}

/// What ended the access of these subjects or gave it back, the last first.
fn changes_of(log: &dyn LogReader, subjects: &[String]) -> Result<Vec<Entry>, StoreFault> {
    let of_kind = Query { limit: CHANGES_MAX, ..Query::default() }.of_kind(RecordKind::Change);
    let named = of_kind.clone().with_any(Field::What, ENDS.into_iter().chain(BEGINS));
    let named = log.find(&named.with_any(Field::Subject, subjects))?;
    let mut all: BTreeMap<u64, Entry> = named.into_iter().map(|entry| (entry.sequence, entry)).collect();
    // Whoever has several accounts is named by one of them, and the others stand beside it.
    let mut before_sequence = None;
    for _ in 0..PAGES_MAX {
        let page = Query { before_sequence, ..of_kind.clone() }.with_any(Field::What, OF_PEOPLE);
        let page = log.find(&page)?;
        let full = page.len() == CHANGES_MAX;
        before_sequence = page.last().map(|last| last.sequence);
        let theirs = page.into_iter().filter(|entry| subjects.iter().any(|subject| concerns(entry, subject)));
        all.extend(theirs.map(|entry| (entry.sequence, entry)));
        if !full {
            break;
        }
    }
    Ok(all.into_values().rev().collect())
}

/// Whether a change is about this subject, or about a person of whom this is another account.
fn concerns(entry: &Entry, subject: &str) -> bool {
    let Some(change) = entry.change() else { return false };
    let others = said(&change, "also").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_other = |human: &str| others.iter().any(|other| other.as_str() == Some(human));
    change.subject.as_deref() == Some(subject) || subject.strip_prefix("human:").is_some_and(is_other)
}

/// The change that ended this subject's access, unless a later one gave it back.
fn still_ended<'e>(changes: &'e [Entry], subject: &str) -> Option<&'e Entry> {
    let of_subject = |entry: &&Entry| concerns(entry, subject);
    let last = changes.iter().find(of_subject)?;
    // Somebody may be offboarded twice: the first time is when it ended.
    let ends = |entry: &&Entry| entry.change().is_some_and(|change| ENDS.contains(&change.what.as_str()));
    ends(&last).then(|| changes.iter().filter(of_subject).take_while(ends).last()).flatten()
}

/// The last change of one of these kinds before a call that says something.
fn last_before(
    log: &dyn LogReader,
    call: &Entry,
    what: &[&str],
    says: impl Fn(&ChangeView) -> bool,
) -> Result<Option<Entry>, StoreFault> {
    let mut before = call.sequence;
    for _ in 0..PAGES_MAX {
        let query = Query { before_sequence: Some(before), limit: CHANGES_MAX, ..Query::default() };
        let changes = log.find(&query.of_kind(RecordKind::Change).with_any(Field::What, what.iter().copied()))?;
        let full = changes.len() == CHANGES_MAX;
        before = changes.last().map_or(0, |last| last.sequence);
        let found = changes.into_iter().find(|entry| entry.change().is_some_and(|change| says(&change)));
        if found.is_some() || !full {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The class that a change says yes to, of the tool that a call used, in the definition it had then.
fn class_pinned(change: &ChangeView, intent: &IntentView) -> Option<Class> {
    let pins = said(change, "pins")?.as_array()?;
    let text = |pin: &Value, key: &str| pin.get(key).and_then(Value::as_str).map(str::to_owned);
    let definition = intent.definition.map(|definition| definition.to_string());
    let pin = pins.iter().find(|pin| {
        text(pin, "app").as_deref() == Some(&intent.app)
            && text(pin, "tool").as_deref() == Some(&intent.tool)
            && text(pin, "definition") == definition
    })?;
    text(pin, "class")?.parse().ok()
}

fn said<'c>(change: &'c ChangeView, key: &str) -> Option<&'c Value> {
    change.detail.as_ref()?.get(key)
}

// === impl Summary, Line ===

impl Summary {
    fn of_uses(uses: Vec<Use>) -> Self {
        let mut summary = Self { complete: true, ..Self::default() };
        let mut lines = Lines::new();
        for used in uses {
            let line = line_of(&mut lines, used.agent, Some(used.human), used.app, used.tool, used.first);
            line.count(used.verdict, used.calls, used.first, used.last);
        }
        summary.take(lines);
        summary
    }

    /// Of as many calls as are counted, or of all there are.
    fn of_latest(uses: Vec<Use>) -> Self {
        let summary = Self::of_uses(uses);
        Self { complete: summary.calls < TRACE_CALLS_COUNTED_MAX as u64, ..summary }
    }

    fn take(&mut self, lines: Lines) {
        self.lines = lines.into_values().collect();
        self.lines.sort_by_key(|line| std::cmp::Reverse(line.calls()));
        self.calls = self.lines.iter().map(Line::calls).sum();
    }

    /// The lines without what one of these fields says, put together: `[Field::Agent]` counts each agent's together.
    #[must_use]
    pub fn without(self, fields: &[Field]) -> Self {
        let kept = |field, value: Option<String>| if fields.contains(&field) { None } else { value };
        let mut lines = Lines::new();
        for line in self.lines {
            let agent = kept(Field::Agent, Some(line.agent.clone())).unwrap_or_default();
            let human = kept(Field::Human, line.human.clone());
            let sum = line_of(&mut lines, agent, human, line.app.clone(), line.tool.clone(), line.first);
            sum.ran += line.ran;
            sum.waited += line.waited;
            sum.refused += line.refused;
            (sum.first, sum.last) = (sum.first.min(line.first), sum.last.max(line.last));
        }
        let mut summary = Self { complete: self.complete, unnamed_before: self.unnamed_before, ..Self::default() };
        summary.take(lines);
        summary
    }
}

impl Line {
    /// All of them.
    pub fn calls(&self) -> u64 {
        self.ran + self.waited + self.refused
    }

    fn count(&mut self, verdict: Verdict, calls: u64, first: UnixMicros, last: UnixMicros) {
        match verdict {
            Verdict::Allow | Verdict::Redact => self.ran += calls,
            Verdict::Hold | Verdict::Defer => self.waited += calls,
            Verdict::Deny => self.refused += calls,
        }
        (self.first, self.last) = (self.first.min(first), self.last.max(last));
    }
}

type Lines = BTreeMap<(String, Option<String>, String, Option<String>), Line>;

fn line_of(
    lines: &mut Lines,
    agent: String,
    human: Option<String>,
    app: String,
    tool: Option<String>,
    at: UnixMicros,
) -> &mut Line {
    let line = Line {
        agent: agent.clone(),
        human: human.clone(),
        app: app.clone(),
        tool: tool.clone(),
        ran: 0,
        waited: 0,
        refused: 0,
        first: at,
        last: at,
    };
    lines.entry((agent, human, app, tool)).or_insert(line)
}

const RUNS: [Verdict; 2] = [Verdict::Allow, Verdict::Redact];
const ENDS: [&str; 2] = ["people.offboard", "agents.suspend"];
const BEGINS: [&str; 2] = ["people.restore", "agents.resume"];
/// Those of both that happen to people.
const OF_PEOPLE: [&str; 2] = ["people.offboard", "people.restore"];
/// Whoever signs, suspends, resumes or ends a contract puts other rules in force, for calls of everybody.
const RULES_IN_FORCE: [&str; 6] =
    ["config.reload", "gateway.start", "contract.sign", "contract.suspend", "contract.resume", "contract.terminate"];
/// What can come of a call that waits for people.
const SAID_OF_HOLDS: [&str; 6] =
    ["hold.approved", "hold.denied", "hold.cancelled", "hold.expired", "emergency.asked", "emergency.opened"];
const PINNED: &str = "tools.pin";
const CHANGES_MAX: usize = 100;
const PAGES_MAX: usize = 20;

#[cfg(test)]
mod tests;
