//! OCSF 1.8: calls as API Activity (6003), changes as Entity Management (3004), both with the profile `security_control`.
//!
//! What OCSF has no place for stands in `unmapped.countersign`, under the names of the record.

use model::{Class, RuleId, Verdict};
use serde_json::{Map, Value, json};
use trace::{ChangeView, IntentView, OutcomeStatus, OutcomeView, RecordKind, rfc3339};

use crate::item::{About, Item};

/// One record as an event.
pub fn event(item: &Item, about: &About) -> Value {
    match item.entry.change() {
        Some(change) => of_change(item, about, &change),
        None => of_call(item, about),
    }
}

fn of_call(item: &Item, about: &About) -> Value {
    let outcome = item.entry.outcome().filter(|_| item.entry.kind == RecordKind::Outcome);
    let view = item.view();
    let activity = view.map_or((99, "Other"), |view| activity(view.class));
    let mut event = base(item, about, API_ACTIVITY, activity);
    let agent = view.map_or("", |view| &view.agent);
    let app = view.map_or("", |view| &view.app);
    event.insert("actor".into(), actor(view));
    event.insert("src_endpoint".into(), json!({ "svc_name": agent }));
    event.insert("dst_endpoint".into(), json!({ "svc_name": app }));
    let mut api = json!({
        "operation": view.map_or("", |view| &view.tool),
        "service": { "name": app },
        "request": { "uid": item.entry.call.as_str() },
    });
    if let (Some(outcome), Some(api)) = (&outcome, api.as_object_mut()) {
        api.insert("response".into(), response(outcome));
    }
    event.insert("api".into(), api);
    if let Some(view) = view {
        event.insert("resources".into(), json!([{ "name": view.tool, "type": view.method.as_str() }]));
        event.insert("message".into(), view.because().into());
        let (action, disposition) = action(view.verdict);
        event.insert("action_id".into(), action.into());
        event.insert("disposition_id".into(), disposition.0.into());
        event.insert("disposition".into(), disposition.1.into());
    }
    let status = match (&outcome, view) {
        (Some(outcome), _) => (ended(outcome.status), outcome.status.as_str()),
        (None, Some(view)) => (decided(view.verdict), view.verdict.as_str()),
        (None, None) => (0, "unknown"),
    };
    event.insert("status_id".into(), status.0.into());
    event.insert("status".into(), status.1.into());
    if let Some(outcome) = &outcome {
        event.insert("status_code".into(), outcome.code.clone().into());
        event.insert("duration".into(), (outcome.took_us / 1_000).into());
    }
    event.insert("unmapped".into(), json!({ "countersign": own(item, view, outcome.as_ref()) }));
    Value::Object(without_nulls(event))
}

fn of_change(item: &Item, about: &About, change: &ChangeView) -> Value {
    let activity = match change.what.as_str() {
        "people.offboard" => (11, "Deactivate"),
        "people.restore" => (10, "Activate"),
        "agents.suspend" => (12, "Suspend"),
        "agents.resume" => (13, "Resume"),
        _ => (99, change.what.as_str()),
    };
    let mut event = base(item, about, ENTITY_MANAGEMENT, activity);
    let subject = change.subject.as_deref().unwrap_or_default();
    let kind = change.what.split('.').next().unwrap_or_default();
    let by = change.by.as_deref().unwrap_or_default();
    event.insert("entity".into(), json!({ "name": subject, "uid": subject, "type": kind }));
    event.insert("actor".into(), json!({ "user": { "name": by, "uid": by } }));
    event.insert("comment".into(), change.what.clone().into());
    event.insert("message".into(), change.what.clone().into());
    event.insert("status_id".into(), SUCCESS.into());
    let own = json!({ "what": change.what, "detail": change.detail, "leaf_hash": item.entry.leaf_hash.to_string() });
    event.insert("unmapped".into(), json!({ "countersign": own }));
    Value::Object(event)
}

/// What every event has.
fn base(item: &Item, about: &About, class: u32, activity: (u32, &str)) -> Map<String, Value> {
    let entry = &item.entry;
    let labels: &[&str] = if item.security_relevant() { &["security_relevant"] } else { &[] };
    let metadata = json!({
        "version": VERSION,
        "product": { "name": "Countersign", "vendor_name": "Countersign", "version": about.version },
        "profiles": ["security_control"],
        "uid": format!("{}/{}", about.origin, entry.sequence),
        "sequence": entry.sequence,
        "correlation_uid": entry.call.as_str(),
        "event_code": entry.kind.as_str(),
        "log_name": about.origin,
        "original_time": rfc3339(entry.at),
        "labels": labels,
    });
    let severity = severity(item);
    let event = json!({
        "class_uid": class,
        "category_uid": class / 1_000,
        "activity_id": activity.0,
        "activity_name": activity.1,
        "type_uid": class * 100 + activity.0,
        "severity_id": severity.0,
        "severity": severity.1,
        "time": entry.at.millis(),
        "is_alert": item.security_relevant(),
        "metadata": metadata,
    });
    match event {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn actor(view: Option<&IntentView>) -> Value {
    let Some(view) = view else { return json!({ "app_name": "unknown" }) };
    let policy = |rule: &RuleId| {
        let sentence = view.reasons.iter().find(|reason| reason.rule == *rule).map(|reason| reason.sentence.as_str());
        let policy = json!({ "uid": rule.as_str(), "name": rule.as_str(), "desc": sentence,
            "version": view.bundle.to_string(), "is_applied": true });
        json!({ "decision": view.verdict.as_str(), "policy": policy })
    };
    let rules: Vec<Value> = view.rules.iter().map(policy).collect();
    let mut actor = json!({ "app_name": view.agent, "app_uid": view.agent, "authorizations": rules });
    if let (Some(human), Some(fields)) = (&view.human, actor.as_object_mut()) {
        fields.insert("user".into(), json!({ "name": human, "uid": human, "type_id": 1 }));
    }
    actor
}

fn response(outcome: &OutcomeView) -> Value {
    let failed = outcome.status != OutcomeStatus::Answered;
    let code = outcome.code.clone().unwrap_or_else(|| outcome.status.as_str().to_owned());
    match failed {
        true => json!({ "error": code, "message": outcome.status.as_str() }),
        false => json!({ "message": outcome.status.as_str() }),
    }
}

fn own(item: &Item, view: Option<&IntentView>, outcome: Option<&OutcomeView>) -> Value {
    let mut own = json!({
        "kind": item.entry.kind.as_str(),
        "leaf_hash": item.entry.leaf_hash.to_string(),
        "security_relevant": item.security_relevant(),
    });
    let Some(fields) = own.as_object_mut() else { return own };
    if let Some(view) = view {
        let rules: Vec<&str> = view.rules.iter().map(RuleId::as_str).collect();
        let more = json!({
            "verdict": view.verdict.as_str(),
            "would": view.observed.as_ref().map(|observed| observed.verdict.as_str()),
            "class": view.class.as_str(),
            "class_source": view.class_source.as_str(),
            "method": view.method.as_str(),
            "rules": rules,
            "bundle": view.bundle.to_string(),
            "task": view.task,
            "cause": view.cause.as_ref().map(model::CallId::as_str),
        });
        fields.extend(more.as_object().cloned().unwrap_or_default());
    }
    if let Some(outcome) = outcome {
        let more = json!({
            "effect": outcome.effect.as_str(),
            "status": outcome.status.as_str(),
            "code": outcome.code,
            "answer_bytes": outcome.answer_bytes,
            "scrubbed": outcome.scrubbed,
            "hidden": outcome.hidden,
            "agrees": outcome.agrees,
            "http_status": outcome.http_status,
            "rpc_code": outcome.rpc_code,
            "credential": outcome.credential,
            "took_us": outcome.took_us,
        });
        fields.extend(more.as_object().cloned().unwrap_or_default());
    }
    Value::Object(without_nulls(std::mem::take(fields)))
}

fn activity(class: Class) -> (u32, &'static str) {
    match class {
        Class::Read => (2, "Read"),
        Class::Write => (3, "Update"),
        Class::Destructive => (4, "Delete"),
        Class::External => (99, "External"),
    }
}

/// `action_id`, and `disposition_id` with its word.
fn action(verdict: Verdict) -> (u32, (u32, &'static str)) {
    match verdict {
        Verdict::Allow => (1, (1, "Allowed")),
        Verdict::Redact => (1, (11, "Corrected")),
        Verdict::Hold => (2, (14, "Delayed")),
        Verdict::Defer | Verdict::Deny => (2, (2, "Blocked")),
    }
}

fn decided(verdict: Verdict) -> u32 {
    match verdict {
        Verdict::Allow | Verdict::Redact => SUCCESS,
        Verdict::Deny => FAILURE,
        Verdict::Hold | Verdict::Defer => OTHER,
    }
}

fn ended(status: OutcomeStatus) -> u32 {
    match status {
        OutcomeStatus::Answered => SUCCESS,
        OutcomeStatus::ToolError | OutcomeStatus::ProtocolError | OutcomeStatus::Failed => FAILURE,
        OutcomeStatus::Unfinished => OTHER,
        OutcomeStatus::Unknown => 0,
    }
}

fn severity(item: &Item) -> (u32, &'static str) {
    match crate::cef::severity(item) {
        0..=2 => (1, "Informational"),
        3..=4 => (2, "Low"),
        5..=6 => (3, "Medium"),
        _ => (4, "High"),
    }
}

fn without_nulls(fields: Map<String, Value>) -> Map<String, Value> {
    fields.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

const API_ACTIVITY: u32 = 6_003;
const ENTITY_MANAGEMENT: u32 = 3_004;
const VERSION: &str = "1.8.0";
const SUCCESS: u32 = 1;
const FAILURE: u32 = 2;
const OTHER: u32 = 99;

#[cfg(test)]
mod tests;
