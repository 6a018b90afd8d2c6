//! What a client is told of a call, in the shape its revision wants.

use std::borrow::Cow;

use bytes::Bytes;
use decide::{Answer, AnswerKind};
use engine::{Closed, Disposition, Refusal};
use json::{Document, Kind};
use model::{AppId, CallId, Fault};
use serde_json::{Value, json};

use crate::envelope::{self, RpcError};
use crate::name::joined_uri;

/// How the client wants its answer.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Whether results carry `resultType` (2026-07-28).
    pub modern: bool,
    /// Whether it knows links to resources as content (2025-06-18).
    pub links: bool,
    /// Whether the tool declares an `outputSchema`; then the structure of a refusal goes into `_meta`.
    pub output_schema: bool,
    /// Whether it is a tool that was called; of anything else a refusal is a JSON-RPC error, for its result has no place
    /// for one.
    pub tool: bool,
    /// Whether it is a resource that was read; then 2026-07-28 wants to know how long it may be kept.
    pub resource: bool,
    /// Whether it is a vendor's: then it is not told what only people of the organisation can do.
    pub outside: bool,
    /// The app whose addresses get its name, at the endpoint of all apps.
    pub join: Option<AppId>,
}

impl Shape {
    /// Of what is no tool, no resource and no vendor's: a refusal is a JSON-RPC error.
    pub const fn of_a_method() -> Self {
        Self {
            modern: false,
            links: true,
            output_schema: false,
            tool: false,
            resource: false,
            outside: false,
            join: None,
        }
    }
}

/// The whole response to a call, and what came of it where it waited for people.
pub fn of_call(id: &[u8], closed: &Closed, shape: &Shape, disposition: Option<Disposition>) -> Vec<u8> {
    let mut told = match closed {
        Closed::Answered { answer, .. } => {
            let told = disposition.filter(|_| shape.tool && answer.kind != AnswerKind::ProtocolError);
            let told = told.and_then(|disposition| with_disposition(&answer.body, disposition));
            return match told {
                Some(body) => of_answer(id, &Answer { kind: answer.kind, body: Bytes::from(body) }, shape),
                None => of_answer(id, answer, shape),
            };
        }
        Closed::Refused(refusal) => refused(refusal),
        Closed::Failed { call, fault, perhaps_executed } => {
            failed(call.as_ref(), fault, shape.outside, *perhaps_executed)
        }
    };
    if let (Some(disposition), Some(meta)) = (disposition, told.meta.as_object_mut()) {
        meta.insert(DISPOSITION_KEY.to_owned(), disposition.as_str().into());
    }
    if shape.tool { envelope::result(id, &tool_error(told, shape)) } else { told.as_error().response(Some(id)) }
}

/// What is told of a request that failed before it was known what it asks.
pub fn not_executed(fault: &Fault, outside: bool) -> RpcError {
    failed(None, fault, outside, false).as_error()
}

/// A result of an app, as it is told.
pub fn of_result(id: &[u8], body: Bytes, shape: &Shape) -> Vec<u8> {
    of_answer(id, &Answer { kind: AnswerKind::Result, body }, shape)
}

/// The result of a tool with what came of the approval: for programs in `_meta`, for the model as one more text. Every other
/// byte stays. None: it is no result of a tool.
fn with_disposition(body: &[u8], disposition: Disposition) -> Option<Vec<u8>> {
    let document = Document::parse(body).ok()?;
    let root = document.root();
    let content = root.get("content").filter(|content| content.kind() == Kind::Array)?;
    let key = format!("\"{DISPOSITION_KEY}\":\"{}\"", disposition.as_str());
    let into = |object: json::Value<'_, '_>, member: String| {
        let comma = if object.is_empty() { "" } else { "," };
        (object.span().start + 1..object.span().start + 1, format!("{member}{comma}"))
    };
    let meta = match root.get("_meta") {
        Some(meta) if meta.kind() == Kind::Object => into(meta, key),
        // Lawful is nothing else; two of them were not even read.
        Some(other) => (other.span(), format!("{{{key}}}")),
        None => into(root, format!("\"_meta\":{{{key}}}")),
    };
    let said = match disposition {
        Disposition::ApprovedExecuted => "This call waited for a person, was approved, and was executed once.",
        _ => "This call waited for a person, was approved, and the tool failed. It may have acted.",
    };
    let comma = if content.is_empty() { "" } else { "," };
    let end = content.span().end.saturating_sub(1);
    let text = (end..end, format!("{comma}{{\"type\":\"text\",\"text\":\"{said}\"}}"));
    let edits: Vec<_> = [&meta, &text].map(|(span, text)| (span.clone(), text.as_bytes())).into();
    Some(json::splice(body, &edits))
}

fn of_answer(id: &[u8], answer: &Answer, shape: &Shape) -> Vec<u8> {
    if answer.kind == AnswerKind::ProtocolError {
        return envelope::error(id, &answer.body);
    }
    let joined = shape.join.as_ref().and_then(|app| join_addresses(&answer.body, app));
    let body = joined.as_deref().unwrap_or(&answer.body);
    if shape.modern {
        return envelope::result(id, &complete(body, shape.resource));
    }
    let in_words = if shape.links { None } else { links_in_words(body) };
    let body = in_words.as_deref().unwrap_or(body);
    match shape.tool.then(|| without_unknown_structure(body)).flatten() {
        Some(known) => envelope::result(id, &known),
        None => envelope::result(id, body),
    }
}

/// The result without structure that is no object, which is known from 2026-07-28 on only. None: it has none.
fn without_unknown_structure(body: &[u8]) -> Option<Vec<u8>> {
    memchr::memmem::find(body, b"\"structuredContent\"")?;
    let document = Document::parse(body).ok()?;
    document.root().get("structuredContent").filter(|structure| structure.kind() != Kind::Object)?;
    Some(without(document.root(), "structuredContent"))
}

/// The result with each link to a resource as a text, for a client that would take the whole of it for broken. None: it has none.
fn links_in_words(body: &[u8]) -> Option<Vec<u8>> {
    if !mentions(body, LINK) {
        return None;
    }
    let document = Document::parse(body).ok()?;
    let mut edits = Vec::new();
    for key in ["content", "messages"] {
        for item in document.root().get(key).into_iter().flat_map(|list| list.items()) {
            let block = item.get("content").filter(|_| key == "messages").unwrap_or(item);
            let text = |key: &str| block.get(key).and_then(|value| value.as_str()).unwrap_or_default();
            if text("type") == LINK {
                let mut words = b"{\"type\":\"text\",\"text\":".to_vec();
                json::write_string(&mut words, &format!("{}: {}", text("name"), text("uri")));
                words.push(b'}');
                edits.push((block.span(), words));
            }
        }
    }
    let edits: Vec<_> = edits.iter().map(|(span, words)| (span.clone(), words.as_slice())).collect();
    (!edits.is_empty()).then(|| json::splice(body, &edits))
}

/// An object without one of its members. Every other member stays as it is.
pub fn without(object: json::Value<'_, '_>, but: &str) -> Vec<u8> {
    let mut out = vec![b'{'];
    for (key, value) in object.entries().filter(|(key, _)| key != but) {
        if out.len() > 1 {
            out.push(b',');
        }
        json::write_string(&mut out, &key);
        out.push(b':');
        out.extend_from_slice(value.raw());
    }
    out.push(b'}');
    out
}

/// What is told instead of a result.
struct Told {
    text: String,
    decision: Value,
    meta: Value,
}

impl Told {
    fn as_error(&self) -> RpcError {
        let mut error = RpcError::new(NOT_EXECUTED, self.text.clone());
        error.data = Some(json!({ DECISION_KEY: self.decision, "authorization": self.meta.get(AUTHORIZATION_KEY) }));
        error
    }
}

/// The result, or the task that holds one, with the app's name before every address in it; none where there is no address.
fn join_addresses(body: &[u8], app: &AppId) -> Option<Vec<u8>> {
    memchr::memmem::find(body, b"\"uri\"")?;
    let document = Document::parse(body).ok()?;
    let root = document.root();
    let mut found = Vec::new();
    for (result, key) in
        [Some(root), root.get("result")].into_iter().flatten().flat_map(|result| PARTS.map(|key| (result, key)))
    {
        for item in result.get(key).into_iter().flat_map(|list| list.items()) {
            let block = item.get("content").filter(|_| key == "messages").unwrap_or(item);
            found.extend(block.get("uri"));
            found.extend(block.get("resource").and_then(|resource| resource.get("uri")));
        }
    }
    let joined = found.iter().filter_map(|uri| {
        let mut quoted = Vec::new();
        json::write_string(&mut quoted, &joined_uri(app, &uri.as_str()?));
        Some((uri.span(), quoted))
    });
    let mut edits: Vec<_> = joined.collect();
    edits.sort_by_key(|(span, _)| span.start);
    let edits: Vec<_> = edits.iter().map(|(span, text)| (span.clone(), text.as_slice())).collect();
    Some(json::splice(body, &edits))
}

/// The result with what 2026-07-28 wants in it and a legacy upstream does not send. Every other byte stays, but how long a resource
/// may be kept: its reading was decided for one person and at one moment, so that no cache may give it to anybody else, and its
/// client not for longer than it may keep a list.
fn complete(body: &[u8], resource: bool) -> Cow<'_, [u8]> {
    // A long result is not taken apart again for a key that is nowhere in it.
    let has = |key: &str| (body.len() <= SHORT_BYTES_MAX || mentions(body, key)) && json::has_member(body, key);
    let hinted = if resource && (has("ttlMs") || has("cacheScope")) { without_hints(body) } else { None };
    let (body, kept) = match hinted {
        Some((body, kept_ms)) => (Cow::Owned(body), kept_ms),
        None => (Cow::Borrowed(body), 0),
    };
    let hints = resource.then(|| format!("\"ttlMs\":{kept},\"cacheScope\":\"private\""));
    let typed = (!has("resultType")).then(|| "\"resultType\":\"complete\"".to_owned());
    let members: Vec<String> = typed.into_iter().chain(hints).collect();
    let Some(rest) = body.strip_prefix(b"{").filter(|_| !members.is_empty()) else { return body };
    let mut out = Vec::with_capacity(body.len() + 64);
    out.push(b'{');
    out.extend_from_slice(members.join(",").as_bytes());
    if rest.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'}') {
        out.push(b',');
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

/// A result without what it says of being kept, and for how many milliseconds it may be.
fn without_hints(body: &[u8]) -> Option<(Vec<u8>, u64)> {
    let document = Document::parse(body).ok()?;
    let kept_ms = document.root().get("ttlMs").and_then(|kept_ms| kept_ms.as_i64());
    let kept_ms = kept_ms.and_then(|kept_ms| u64::try_from(kept_ms).ok()).unwrap_or(0).min(KEPT_MS_MAX);
    let scoped = without(document.root(), "ttlMs");
    let document = Document::parse(&scoped).ok()?;
    Some((without(document.root(), "cacheScope"), kept_ms))
}

/// False: nowhere in this JSON is a key of this name, in whatever spelling.
fn mentions(body: &[u8], key: &str) -> bool {
    memchr::memmem::find(body, key.as_bytes()).is_some() || memchr::memmem::find(body, b"\\u").is_some()
}

/// A refusal as a tool result the model can read (SEP-2643 envelope in `_meta`, ours beside it).
fn refused(refusal: &Refusal) -> Told {
    let mut decision = json!({
        "decision": refusal.verdict.as_str(),
        "executed": false,
        "decision_id": refusal.call.as_str(),
        "reason_code": refusal.reason_code(),
        "rules": refusal.reasons.iter().map(|reason| json!({
            "id": reason.rule.as_str(),
            "sentence": reason.sentence,
            "source": reason.source,
        })).collect::<Vec<_>>(),
        "requestable": refusal.requestable(),
        "approvers": refusal.may_approve(),
        "instead": refusal.instead(),
        "retry": match (refusal.requestable(), refusal.may_go_on()) {
            (true, _) => "after_approval",
            (false, true) => "later",
            (false, false) if refusal.given_back() => "later",
            (false, false) => "do_not_retry_unchanged",
        },
    });
    if let (Some(held), Some(fields)) = (&refusal.held, decision.as_object_mut()) {
        let hold = json!({ "id": held.id, "state": held.state.as_str(), "expires_at_us": held.expires_at.0 });
        fields.insert("hold".to_owned(), hold);
        if refusal.disposition() == Some(Disposition::OutcomeUnknown) {
            fields.insert("executed".to_owned(), "unknown".into());
        }
    }
    if let (Some(would), Some(fields)) = (refusal.recommended, decision.as_object_mut()) {
        fields.insert("recommended".to_owned(), would.as_str().into());
    }
    let remediation = if refusal.requestable() { "available" } else { "unavailable" };
    let mut meta = json!({
        AUTHORIZATION_KEY: { "reason": "insufficient_authorization", "remediation": remediation }
    });
    if let (Some(disposition), Some(meta)) = (refusal.disposition(), meta.as_object_mut()) {
        meta.insert(DISPOSITION_KEY.to_owned(), disposition.as_str().into());
    }
    Told { text: refusal.sentence(), decision, meta }
}

/// A fault as a tool result the model can read. It says whether anything may have been executed.
fn failed(call: Option<&CallId>, fault: &Fault, outside: bool, perhaps_executed: bool) -> Told {
    let executed = if perhaps_executed {
        "It is unknown whether it was executed: look before you try again"
    } else {
        "Nothing was executed"
    };
    let mut text = format!("Failed: {fault}. {executed}.");
    let way_out = if outside { fault.way_out_outside() } else { fault.way_out() };
    if let Some(hint) = way_out {
        text.push_str(&format!(" Hint: {hint}."));
    }
    if let Some(call) = call {
        text.push_str(&format!(" Decision: {call}."));
    }
    let decision = json!({
        "decision": "failed",
        "executed": if perhaps_executed { Value::from("unknown") } else { Value::from(false) },
        "decision_id": call.map(CallId::as_str),
        "reason_code": fault.code(),
        "blame": fault.blame().as_str(),
        "retry": if fault.may_retry() && !perhaps_executed { "later" } else { "do_not_retry_unchanged" },
    });
    Told { text, decision, meta: json!({}) }
}

fn tool_error(told: Told, shape: &Shape) -> Vec<u8> {
    let Told { text, decision, mut meta } = told;
    let mut result = json!({ "content": [{ "type": "text", "text": text }], "isError": true });
    if let Some(meta) = meta.as_object_mut() {
        meta.insert(DECISION_KEY.to_owned(), decision.clone());
    }
    if let Some(result) = result.as_object_mut() {
        if shape.modern {
            result.insert("resultType".to_owned(), Value::from("complete"));
        }
        if !shape.output_schema {
            result.insert("structuredContent".to_owned(), decision);
        }
        result.insert("_meta".to_owned(), meta);
    }
    result.to_string().into_bytes()
}

const LINK: &str = "resource_link";
/// Members of a result that may link to resources.
const PARTS: [&str; 3] = ["contents", "content", "messages"];
/// A result that is no longer is taken apart as quickly as it is searched.
const SHORT_BYTES_MAX: usize = 8 << 10;
/// How long a client may keep what it was shown: a list, or a resource.
pub const KEPT_MS_MAX: u64 = 5_000;
/// The code of a refusal that is no tool's result. Our own, outside the ranges of JSON-RPC and MCP.
const NOT_EXECUTED: i64 = -31_000;
const AUTHORIZATION_KEY: &str = "io.modelcontextprotocol/authorization";
/// What came of a call that waited for people (SEP-2848).
pub const DISPOSITION_KEY: &str = "io.modelcontextprotocol/tool-approval-disposition";
/// Our own key in `_meta`.
pub const DECISION_KEY: &str = "dev.countersign/decision";

#[cfg(test)]
mod tests;
