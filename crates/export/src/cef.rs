//! ArcSight's Common Event Format, version 0: what most security tools take from syslog.

use std::fmt::Write as _;

use model::Verdict;
use trace::{Effect, OutcomeStatus, OutcomeView, RecordKind};

use crate::item::{About, Item};

/// One record as a CEF message.
pub fn cef(item: &Item, about: &About) -> String {
    let entry = &item.entry;
    let outcome = entry.outcome().filter(|_| entry.kind == RecordKind::Outcome);
    let change = entry.change();
    let (signature, name) = match (&outcome, &change, item.view()) {
        (Some(outcome), _, _) => {
            let status = outcome.status.as_str();
            (format!("outcome.{status}"), format!("call ended: {status}"))
        }
        (_, Some(change), _) => (format!("change.{}", change.what), change.what.clone()),
        (_, _, Some(view)) => {
            let verdict = view.verdict.as_str();
            (format!("intent.{verdict}"), format!("call decided: {verdict}"))
        }
        _ => (entry.kind.as_str().to_owned(), entry.kind.as_str().to_owned()),
    };
    let version = in_header(&about.version);
    let (signature, name, severity) = (in_header(&signature), in_header(&name), severity(item));
    let mut text = format!("CEF:0|Countersign|Countersign|{version}|{signature}|{name}|{severity}|");
    let mut fields = Fields { text: &mut text, first: true };
    fields.put("rt", &entry.at.millis().to_string());
    fields.put("externalId", &entry.sequence.to_string());
    fields.put("dvchost", &about.origin);
    of_decision(&mut fields, item);
    if let Some(outcome) = &outcome {
        of_outcome(&mut fields, outcome);
    }
    if let Some(change) = &change {
        fields.put("act", &change.what);
        fields.put("suser", change.by.as_deref().unwrap_or_default());
        fields.put("duser", change.subject.as_deref().unwrap_or_default());
    }
    fields.labelled("cs4", "leafHash", &entry.leaf_hash.to_string());
    fields.labelled("cs5", "securityRelevant", if item.security_relevant() { "true" } else { "false" });
    text
}

fn of_decision(fields: &mut Fields<'_>, item: &Item) {
    let Some(view) = item.view() else { return };
    fields.put("act", view.verdict.as_str());
    fields.put("suser", view.human.as_deref().unwrap_or_default());
    fields.put("requestClientApplication", &view.agent);
    fields.put("destinationServiceName", &view.app);
    fields.put("requestMethod", view.method.as_str());
    fields.put("reason", view.because());
    let rules: Vec<&str> = view.rules.iter().map(model::RuleId::as_str).collect();
    fields.labelled("cs1", "tool", &view.tool);
    fields.labelled("cs2", "call", view.call.as_str());
    fields.labelled("cs3", "rules", &rules.join(","));
    fields.labelled("cs6", "class", view.class.as_str());
}

fn of_outcome(fields: &mut Fields<'_>, outcome: &OutcomeView) {
    fields.put("outcome", outcome.effect.as_str());
    fields.labelled("cn1", "tookMicroseconds", &outcome.took_us.to_string());
    fields.put("out", &outcome.answer_bytes.to_string());
    if let Some(code) = &outcome.code {
        fields.labelled("flexString1", "code", code);
    }
}

/// From 0 to 10: 7 and more is high.
pub(crate) fn severity(item: &Item) -> u8 {
    let own = match (item.entry.kind, item.view()) {
        (RecordKind::Change, _) | (_, None) => 3,
        (RecordKind::Outcome, _) => match item.entry.outcome() {
            Some(outcome) if outcome.status == OutcomeStatus::Answered => 1,
            Some(outcome) if outcome.effect == Effect::Unknown => 5,
            _ => 3,
        },
        (RecordKind::Intent, Some(view)) => match view.verdict {
            Verdict::Allow | Verdict::Redact => 1,
            Verdict::Hold | Verdict::Defer => 3,
            Verdict::Deny => 5,
        },
    };
    if item.security_relevant() { own.max(7) } else { own }
}

/// The extension in the making.
struct Fields<'t> {
    text: &'t mut String,
    first: bool,
}

impl Fields<'_> {
    fn put(&mut self, key: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        let space = if std::mem::take(&mut self.first) { "" } else { " " };
        // Writing to a string cannot fail.
        let _written = write!(self.text, "{space}{key}={}", in_extension(value));
    }

    fn labelled(&mut self, key: &str, label: &str, value: &str) {
        if !value.is_empty() {
            self.put(&format!("{key}Label"), label);
            self.put(key, value);
        }
    }
}

fn in_header(text: &str) -> String {
    one_line(text).replace('\\', "\\\\").replace('|', "\\|")
}

fn in_extension(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('=', "\\=");
    escaped.replace("\r\n", "\\n").replace('\n', "\\n").replace('\r', "\\r")
}

fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

#[cfg(test)]
mod tests;
