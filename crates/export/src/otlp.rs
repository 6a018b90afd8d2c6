//! OpenTelemetry: a span for each call and each change, and metrics of what was decided and how long apps took.
//!
//! Names follow the semantic conventions for generative AI and MCP, which are in development; what they have no name for
//! stands under `countersign.`. Ids are made of the call's own, so that a span that is sent twice is the same span.

mod attributes;
mod metrics;
mod wire;

use aws_lc_rs::digest::{SHA256, digest};
use model::{CallId, Method, UnixMicros, Verdict};
use prost::Message as _;
use trace::{ChangeView, Entry, IntentView, OutcomeStatus, OutcomeView, RecordKind};

use self::attributes::Attributes;
use self::wire::{Answer, Link, Resource, ResourceSpans, Scope, ScopeSpans, Span, Status, TraceRequest};
use crate::item::{About, Decision, Item};

/// The spans that these records close, as the body of a request; none where they close none. A call that runs is closed by
/// its outcome, one that does not by its decision.
pub(crate) fn spans(items: &[Item], about: &About) -> Option<Vec<u8>> {
    let spans: Vec<Span> = items.iter().filter_map(span).collect();
    if spans.is_empty() {
        return None;
    }
    let scope_spans = vec![ScopeSpans { scope: Some(scope(about)), spans }];
    let resource_spans = vec![ResourceSpans { resource: Some(resource(about)), scope_spans }];
    Some(TraceRequest { resource_spans }.encode_to_vec())
}

/// Counts of these records, as the body of a request; none where there is nothing to count.
pub(crate) fn metrics(items: &[Item], about: &About) -> Option<Vec<u8>> {
    metrics::request(items, about).map(|request| request.encode_to_vec())
}

/// What a collector says it did not take, in a request that it took.
pub(crate) fn rejected(answer: &[u8]) -> Option<String> {
    let partial = Answer::decode(answer).ok()?.partial_success?;
    (partial.rejected > 0).then(|| format!("{} were rejected: {}", partial.rejected, partial.error_message))
}

fn span(item: &Item) -> Option<Span> {
    match item.entry.kind {
        RecordKind::Change => item.entry.change().map(|change| of_change(&item.entry, &change)),
        RecordKind::Intent => {
            let decision = item.decision.as_deref().filter(|decision| !decision.view.verdict.runs())?;
            Some(of_call(decision, None))
        }
        RecordKind::Outcome => {
            let outcome = item.entry.outcome()?;
            Some(of_call(item.decision.as_deref()?, Some((&item.entry, &outcome))))
        }
    }
}

fn of_call(decision: &Decision, ended: Option<(&Entry, &OutcomeView)>) -> Span {
    let view = &decision.view;
    let outcome = ended.map(|(_, outcome)| outcome);
    let mut attributes = Attributes::default();
    attributes.of_decision(decision);
    if let Some((entry, outcome)) = ended {
        attributes.of_outcome(entry, outcome);
    }
    let failure = failure(view, outcome);
    if let Some(failure) = &failure {
        attributes.text("error.type", failure);
    }
    let end = outcome.map_or(view.at, |outcome| outcome.at.max(view.at));
    let status = failure.map(|_| Status { message: view_message(view, outcome), code: STATUS_ERROR });
    // Rounds of a call and what an app asks meanwhile are of the trace of that call.
    let of_trace = |call: &CallId| view.trace_parent.map_or_else(|| trace_id(call), |parent| parent.trace().to_vec());
    Span {
        trace_id: of_trace(&view.call),
        span_id: span_id(&view.call),
        parent_span_id: view.trace_parent.map(|parent| parent.span().to_vec()).unwrap_or_default(),
        flags: view.trace_parent.map_or(0, |parent| u32::from(parent.flags()) | PARENT_IS_REMOTE),
        name: name_of(view),
        kind: KIND_SERVER,
        start_time_unix_nano: nanos(view.at),
        end_time_unix_nano: nanos(end),
        attributes: attributes.done(),
        links: view.cause.iter().map(|cause| Link { trace_id: of_trace(cause), span_id: span_id(cause) }).collect(),
        status,
    }
}

/// The method, and what is used by its name. Addresses of resources, of which there may be as many as there are calls, stand beside it.
fn name_of(view: &IntentView) -> String {
    match view.method {
        Method::ToolsCall | Method::PromptsGet => format!("{} {}", view.method.as_str(), view.tool),
        _ => view.method.as_str().to_owned(),
    }
}

fn of_change(entry: &Entry, change: &ChangeView) -> Span {
    let mut attributes = Attributes::default();
    attributes.of_change(entry, change);
    Span {
        trace_id: trace_id(&change.id),
        span_id: span_id(&change.id),
        parent_span_id: Vec::new(),
        flags: 0,
        name: format!("countersign.change {}", change.what),
        kind: KIND_INTERNAL,
        start_time_unix_nano: nanos(change.at),
        end_time_unix_nano: nanos(change.at),
        attributes: attributes.done(),
        links: Vec::new(),
        status: None,
    }
}

/// What `error.type` says; none where nothing failed.
fn failure(view: &IntentView, outcome: Option<&OutcomeView>) -> Option<String> {
    match outcome {
        None if view.verdict == Verdict::Deny => Some("countersign.deny".to_owned()),
        None => None,
        Some(outcome) => match outcome.status {
            OutcomeStatus::Answered | OutcomeStatus::Unfinished => None,
            OutcomeStatus::ToolError => Some("tool_error".to_owned()),
            _ => Some(outcome.code.clone().unwrap_or_else(|| outcome.status.as_str().to_owned())),
        },
    }
}

fn view_message(view: &IntentView, outcome: Option<&OutcomeView>) -> String {
    outcome.map_or_else(|| view.because().to_owned(), |outcome| outcome.status.as_str().to_owned())
}

fn resource(about: &About) -> Resource {
    let mut attributes = Attributes::default();
    attributes.text("service.name", "countersign");
    attributes.text("service.version", &about.version);
    attributes.text("countersign.log.origin", &about.origin);
    Resource { attributes: attributes.done() }
}

fn scope(about: &About) -> Scope {
    Scope { name: "countersign".to_owned(), version: about.version.clone() }
}

/// The first 16 bytes of a digest of the call's id; they are never all zero.
fn trace_id(call: &CallId) -> Vec<u8> {
    part(call, 0..16)
}

fn span_id(call: &CallId) -> Vec<u8> {
    part(call, 16..24)
}

fn part(call: &CallId, range: std::ops::Range<usize>) -> Vec<u8> {
    let digest = digest(&SHA256, call.as_str().as_bytes());
    digest.as_ref().get(range).unwrap_or_default().to_vec()
}

fn nanos(at: UnixMicros) -> u64 {
    u64::try_from(at.0).unwrap_or_default().saturating_mul(1_000)
}

const KIND_INTERNAL: i32 = 1;
const KIND_SERVER: i32 = 2;
/// What is known of the parent (`SpanFlags` of OTLP): it is of another process.
const PARENT_IS_REMOTE: u32 = 0x100 | 0x200;
const STATUS_ERROR: i32 = 2;

#[cfg(test)]
mod tests;
