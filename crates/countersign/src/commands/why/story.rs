//! The story of a call, top to bottom: asked, facts, decided, what people said, sent, observed, recorded.

use jiff::tz::TimeZone;
use model::{ArgumentLevel, Reason, Verdict};
use trace::{ChangeView, Effect, Entry, IntentView, OutcomeStatus, OutcomeView, RecordKind, rfc3339, verify_leaf};

use super::facts::{approver, lines as facts_lines, members};
use crate::commands::trace::readable::{ERASED, Names, facts_of, local, plain, stretch, took, trouble};
use crate::terminal::{Ink, Look};

/// Writes stories for a terminal of this look, with times in this zone.
pub(super) struct Story {
    look: Look,
    zone: TimeZone,
    text: String,
}

impl Story {
    pub(super) fn new(look: Look, zone: TimeZone) -> Self {
        Self { look, zone, text: String::new() }
    }

    /// The story of these records, which are all of one call or change, and of what people said to that.
    pub(super) fn tell(mut self, entries: &[Entry], said: &[ChangeView]) -> String {
        let outcomes: Vec<OutcomeView> =
            entries.iter().filter(|entry| entry.kind == RecordKind::Outcome).filter_map(Entry::outcome).collect();
        for entry in entries.iter().filter(|entry| entry.kind != RecordKind::Outcome) {
            match (entry.intent(), entry.change()) {
                (Some(intent), _) => self.call(&intent, &outcomes, said),
                (_, Some(change)) => self.change(&change),
                _ => self.section("record", vec![format!("#{} cannot be read", entry.sequence)]),
            }
        }
        self.records(entries);
        self.text.trim_end().to_owned()
    }

    fn call(&mut self, intent: &IntentView, outcomes: &[OutcomeView], said: &[ChangeView]) {
        let facts = facts_of(intent);
        let names = Names::of(intent, &facts);
        let tool = format!("{}/{}", names.app, plain(&intent.tool));
        let first = outcomes.first();
        let against = outcomes.iter().any(|outcome| outcome.agrees_with(intent.verdict) == Some(false));
        let headline = match against {
            true => self.look.paint(Ink::Red, "what happened is not what the verdict permits"),
            false => {
                ended_by_people(intent.verdict, said).unwrap_or_else(|| headline(intent.verdict, first)).to_owned()
            }
        };
        self.text.push_str(&format!("{} {tool}: {headline}\n", self.look.verdict(intent.verdict)));
        self.asked(intent, &names, &tool);
        if facts.is_null() {
            self.section("facts", vec![ERASED.to_owned()]);
        } else {
            let mut lines = facts_lines(&facts);
            lines.extend(freshness(intent));
            self.section("facts", lines);
        }
        self.decided(intent, &facts);
        self.people(said);
        self.section("sent", vec![sent(intent.verdict, first, &names.app)]);
        if intent.verdict.runs() || !outcomes.is_empty() {
            self.outcomes(outcomes);
        }
    }

    fn asked(&mut self, intent: &IntentView, names: &Names, tool: &str) {
        let at = local(intent.at, &self.zone, "%Y-%m-%d %H:%M:%S %Z");
        let mut lines = vec![
            format!("{} for {}, {at}", names.agent, names.human),
            match &intent.wire {
                Some(wire) => format!("{tool} ({} over {})", intent.method.as_str(), plain(wire)),
                None => format!("{tool} ({})", intent.method.as_str()),
            },
            format!("in the task {}", intent.task.as_deref().map_or_else(|| ERASED.to_owned(), plain)),
        ];
        lines.extend(delegated(intent));
        let shown = intent.arguments.as_ref().or(intent.redacted.as_ref());
        match (shown, intent.truncated, intent.arguments_digest) {
            (Some(arguments), ..) => {
                let written = members(arguments.get());
                lines.push("with".to_owned());
                lines.extend(written.into_iter().map(|line| format!("  {line}")));
            }
            (None, true, Some(digest)) => {
                lines.push(format!("with arguments that were too long to keep ({digest})"));
            }
            (None, _, None) => lines.push(format!("with {ERASED}")),
            (None, false, Some(digest)) if intent.kept == ArgumentLevel::Digest => {
                lines.push(format!("with arguments that are not kept ({digest})"));
            }
            (None, false, Some(_)) if intent.kept == ArgumentLevel::None => {
                lines.push("with arguments that are not shown".to_owned());
            }
            (None, false, Some(_)) => lines.push("without arguments".to_owned()),
        }
        self.section("asked", lines);
    }

    fn decided(&mut self, intent: &IntentView, facts: &serde_json::Value) {
        let took = intent.decide_us.map(|took| format!(", in {}", stretch(took))).unwrap_or_default();
        let mut lines = vec![format!("{} under the rules {}{took}", intent.verdict, intent.bundle)];
        for reason in &intent.reasons {
            lines.extend(self.reason(reason, facts));
        }
        if intent.reasons.is_empty() {
            lines.extend(intent.rules.iter().map(|rule| plain(rule.as_str())));
        }
        self.section("decided", lines);
        if let Some(observed) = &intent.observed {
            let mut lines =
                vec![format!("it would be {} if everything were enforced; this is only observed", observed.verdict)];
            lines.extend(observed.reasons.iter().flat_map(|reason| self.reason(reason, facts)));
            self.section("observed", lines);
        }
    }

    /// What people said while it waited for them.
    fn people(&mut self, said: &[ChangeView]) {
        let mut lines = Vec::new();
        for change in said {
            let step = plain(change.what.strip_prefix("hold.").unwrap_or(&change.what)).replace('.', " ");
            let by = change.by.as_deref().map_or_else(|| ERASED.to_owned(), plain);
            lines.push(format!("{step} by {by}, {}", local(change.at, &self.zone, "%Y-%m-%d %H:%M:%S %Z")));
            let why = change.detail.as_ref().and_then(|detail| detail.get("reason")?.as_str());
            lines.extend(why.map(|why| format!("  why: {}", plain(why))));
        }
        if !lines.is_empty() {
            self.section("people", lines);
        }
    }

    fn reason(&self, reason: &Reason, facts: &serde_json::Value) -> Vec<String> {
        reason_lines(self.look, reason, facts)
    }

    fn outcomes(&mut self, outcomes: &[OutcomeView]) {
        let mut lines = Vec::new();
        for outcome in outcomes {
            let how = match trouble(outcome) {
                Some(trouble) => self.look.paint(Ink::Red, trouble),
                None => outcome.status.as_str().to_owned(),
            };
            let at = local(outcome.at, &self.zone, "%Y-%m-%d %H:%M:%S %Z");
            lines.push(format!("{how}; {}, {at}", effect(outcome.effect)));
            if outcome.status != OutcomeStatus::Unknown {
                let secrets = match outcome.scrubbed {
                    0 => "no secret had to be taken out".to_owned(),
                    1 => "1 echo of a secret taken out".to_owned(),
                    many => format!("{many} echoes of secrets taken out"),
                };
                lines.push(format!("{}, {} bytes, {secrets}", took(outcome.took_us), outcome.answer_bytes));
            }
            lines.extend(hidden(outcome));
            lines.extend(exchange(outcome));
            lines.extend(outcome.answer_digest.map(|digest| format!("the answer as it was passed on: {digest}")));
        }
        if outcomes.is_empty() {
            lines.push("none yet: the call is under way, or the gateway ended; its next start says so".to_owned());
        }
        self.section("outcome", lines);
    }

    fn change(&mut self, change: &ChangeView) {
        let or_erased = |text: &Option<String>| text.as_deref().map_or_else(|| ERASED.to_owned(), plain);
        let at = local(change.at, &self.zone, "%Y-%m-%d %H:%M:%S %Z");
        self.text.push_str(&format!("change   {}: {}\n", plain(&change.what), or_erased(&change.subject)));
        self.section("by", vec![format!("{}, {at}", or_erased(&change.by))]);
        if let Some(detail) = change.detail.as_ref().filter(|detail| !detail.is_null()) {
            self.section("detail", members(&detail.to_string()));
        }
    }

    fn records(&mut self, entries: &[Entry]) {
        let mut lines: Vec<String> = entries.first().map(|entry| entry.call.to_string()).into_iter().collect();
        let task = entries.iter().find_map(Entry::intent);
        lines.extend(task.as_ref().and_then(|intent| intent.cause.as_ref()).map(|cause| format!("caused by {cause}")));
        lines.extend(task.and_then(|intent| intent.definition).map(|digest| format!("tool definition {digest}")));
        for entry in entries {
            let erased = if entry.body.is_none() { ", its body is erased" } else { "" };
            let check = match verify_leaf(entry) {
                Ok(()) => self.look.paint(Ink::Green, "as it was written"),
                Err(error) => self.look.paint(Ink::Red, error),
            };
            lines.push(format!("#{} {} {}: {check}{erased}", entry.sequence, entry.kind, rfc3339(entry.at)));
        }
        self.section("record", lines);
    }

    fn section(&mut self, label: &str, lines: Vec<String>) {
        self.text.push('\n');
        for (place, line) in lines.iter().enumerate() {
            let label = if place == 0 { label } else { "" };
            self.text.push_str(&self.look.paint(Ink::Dim, format_args!("{label:<9}")));
            self.text.push_str(line);
            self.text.push('\n');
        }
    }
}

/// A reason as people read it: the sentence, the rule and its text, who may approve, what to do instead.
pub(in crate::commands) fn reason_lines(look: Look, reason: &Reason, facts: &serde_json::Value) -> Vec<String> {
    let place = reason.source.as_deref().map_or_else(|| "built in".to_owned(), plain);
    let mut lines =
        vec![look.paint(Ink::Bold, plain(&reason.sentence)), format!("  {} ({place})", plain(reason.rule.as_str()))];
    for line in reason.text.as_deref().unwrap_or_default().lines() {
        lines.push(look.paint(Ink::Dim, format_args!("  | {}", plain(&line.replace('\t', "    ")))));
    }
    if !reason.approvers.is_empty() {
        let approvers: Vec<String> = reason.approvers.iter().map(|one| approver(facts, one)).collect();
        lines.push(format!("  who may approve: {}", approvers.join(", ")));
    }
    lines.extend(reason.instead.as_deref().map(|instead| format!("  instead: {}", plain(instead))));
    lines
}

/// Who let whom act, where it is more than a person and the agent, or is for some apps only.
fn delegated(intent: &IntentView) -> Option<String> {
    let chain = &intent.delegation_chain;
    if chain.len() < 2 && chain.iter().all(|step| step.scope.is_none()) {
        return None;
    }
    let steps = chain.iter().map(|step| {
        let only = step.scope.as_ref().map(|apps| {
            let apps: Vec<String> = apps.iter().map(|app| plain(app.as_str())).collect();
            format!(" (only {})", apps.join(", "))
        });
        format!("{} by {}{}", plain(&step.delegatee), plain(&step.delegator), only.unwrap_or_default())
    });
    Some(format!("delegated to {}", steps.collect::<Vec<_>>().join(", to ")))
}

/// How old was what the facts are taken from.
fn freshness(intent: &IntentView) -> Option<String> {
    let ages = [("the directory", intent.directory_age_us), ("what the app offers", intent.catalog_age_us)];
    let ages = ages.into_iter().filter_map(|(what, age)| Some(format!("{what} as of {} before", stretch(age?))));
    let ages: Vec<String> = ages.collect();
    (!ages.is_empty()).then(|| format!("known   {}", ages.join(", ")))
}

/// What rules took out of the answer.
fn hidden(outcome: &OutcomeView) -> Option<String> {
    let places = match outcome.hidden? {
        0 => "rules had nothing to hide in it".to_owned(),
        1 => "1 place hidden by a rule".to_owned(),
        many => format!("{many} places hidden by rules"),
    };
    let came = outcome.came_bytes.map(|bytes| format!("; it came with {bytes} bytes")).unwrap_or_default();
    Some(format!("{places}{came}"))
}

/// What was spoken with the app, and with which credential.
fn exchange(outcome: &OutcomeView) -> Option<String> {
    let mut said: Vec<String> =
        outcome.wire.as_deref().map(|wire| format!("over {}", plain(wire))).into_iter().collect();
    said.extend(outcome.http_status.map(|status| format!("HTTP {status}")));
    said.extend(outcome.rpc_code.map(|code| format!("error {code}")));
    said.extend(match &outcome.credential {
        Some(credential) => Some(format!("with the credential {}", plain(credential))),
        None if outcome.with_credential => Some(format!("with a credential {ERASED}")),
        None => None,
    });
    (!said.is_empty()).then(|| said.join(", "))
}

/// What came of a call that waited, where people or nobody said the last word.
fn ended_by_people(verdict: Verdict, said: &[ChangeView]) -> Option<&'static str> {
    let enough = |change: &ChangeView| {
        let state = change.detail.as_ref().and_then(|detail| detail.get("state")?.as_str());
        change.what == "hold.approved" && state == Some("approved")
    };
    match said.last().filter(|_| verdict == Verdict::Hold)?.what.as_str() {
        "hold.denied" => Some("denied by a person, nothing was executed"),
        "hold.expired" if said.iter().any(enough) => Some("approved, and not taken up in time, nothing was executed"),
        "hold.expired" => Some("not approved in time, nothing was executed"),
        "hold.cancelled" => Some("taken back before it was carried out, nothing was executed"),
        _ => None,
    }
}

fn headline(verdict: Verdict, outcome: Option<&OutcomeView>) -> &'static str {
    match (verdict, outcome.map(|outcome| outcome.effect)) {
        (Verdict::Deny, _) => "refused, nothing was executed",
        (Verdict::Hold, _) => "needs approval, nothing was executed",
        (Verdict::Defer, _) => "not decided, nothing was executed",
        (Verdict::Allow | Verdict::Redact, Some(Effect::Executed)) => "executed",
        (Verdict::Allow | Verdict::Redact, Some(Effect::NotExecuted)) => "allowed, but nothing was executed",
        (Verdict::Allow | Verdict::Redact, Some(Effect::Unknown)) => "allowed; whether it was executed is unknown",
        (Verdict::Allow | Verdict::Redact, None) => "allowed; there is no outcome yet",
    }
}

fn sent(verdict: Verdict, outcome: Option<&OutcomeView>, app: &str) -> String {
    if !verdict.runs() {
        return "no: nothing left the gateway".to_owned();
    }
    match outcome.map(|outcome| (outcome.status, outcome.effect)) {
        Some((_, Effect::NotExecuted)) => "no: it failed before anything left the gateway".to_owned(),
        Some((_, Effect::Executed) | (OutcomeStatus::ProtocolError | OutcomeStatus::Unfinished, _)) => {
            format!("yes, once, to {app}")
        }
        Some((_, Effect::Unknown)) => format!("perhaps: look at {app} before you repeat it"),
        None => "not known yet".to_owned(),
    }
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Executed => "the tool ran",
        Effect::NotExecuted => "the tool did not run",
        Effect::Unknown => "nobody can say whether the tool ran",
    }
}
