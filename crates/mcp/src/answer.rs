//! What a client is told of a call, in the shape its revision wants.

use decide::{Answer, AnswerKind};
use engine::{Closed, Refusal};
use json::Document;
use model::{CallId, Fault, Verdict};
use serde_json::{Value, json};

use crate::envelope;

/// How the client wants its answer.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Whether results carry `resultType` (2026-07-28).
    pub modern: bool,
    /// Whether the tool declares an `outputSchema`; then the structure of a refusal goes into `_meta`.
    pub output_schema: bool,
}

/// The whole response to a `tools/call`.
pub fn of_call(id: &[u8], closed: &Closed, shape: Shape) -> Vec<u8> {
    match closed {
        Closed::Answered { answer, .. } => of_answer(id, answer, shape),
        Closed::Refused(refusal) => envelope::result(id, &refused(refusal, shape)),
        Closed::Failed { call, fault, perhaps_executed } => {
            envelope::result(id, &failed(call.as_ref(), fault, *perhaps_executed, shape))
        }
    }
}

fn of_answer(id: &[u8], answer: &Answer, shape: Shape) -> Vec<u8> {
    match answer.kind {
        AnswerKind::ProtocolError => envelope::error(id, &answer.body),
        AnswerKind::Result | AnswerKind::ToolError if shape.modern => envelope::result(id, &complete(&answer.body)),
        AnswerKind::Result | AnswerKind::ToolError => envelope::result(id, &answer.body),
    }
}

/// The result with `resultType`, which a legacy upstream does not send. Every other byte stays.
fn complete(body: &[u8]) -> Vec<u8> {
    let said = Document::parse(body).is_ok_and(|document| document.root().get("resultType").is_some());
    let Some(rest) = body.strip_prefix(b"{").filter(|_| !said) else { return body.to_vec() };
    let mut out = Vec::with_capacity(body.len() + 26);
    out.extend_from_slice(b"{\"resultType\":\"complete\"");
    if rest.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'}') {
        out.push(b',');
    }
    out.extend_from_slice(rest);
    out
}

/// A refusal as a tool result the model can read (SEP-2643 envelope in `_meta`, ours beside it).
fn refused(refusal: &Refusal, shape: Shape) -> Vec<u8> {
    let decision = json!({
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
        "approvers": refusal.approvers,
        "instead": refusal.reasons.iter().find_map(|reason| reason.instead.clone()),
        "retry": if refusal.verdict == Verdict::Hold { "after_approval" } else { "do_not_retry_unchanged" },
    });
    let remediation = if refusal.requestable() { "available" } else { "unavailable" };
    let mut meta = json!({
        "io.modelcontextprotocol/authorization": { "reason": "insufficient_authorization", "remediation": remediation }
    });
    tool_error(&refusal.sentence(), decision, &mut meta, shape)
}

/// A fault as a tool result the model can read. It says whether anything may have been executed.
fn failed(call: Option<&CallId>, fault: &Fault, perhaps_executed: bool, shape: Shape) -> Vec<u8> {
    let executed = if perhaps_executed {
        "It is unknown whether it was executed: look before you try again"
    } else {
        "Nothing was executed"
    };
    let mut text = format!("Failed: {fault}. {executed}.");
    if let Some(hint) = fault.way_out() {
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
    tool_error(&text, decision, &mut json!({}), shape)
}

fn tool_error(text: &str, decision: Value, meta: &mut Value, shape: Shape) -> Vec<u8> {
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
        result.insert("_meta".to_owned(), meta.take());
    }
    result.to_string().into_bytes()
}

/// Our own key in `_meta`.
const DECISION_KEY: &str = "dev.countersign/decision";

#[cfg(test)]
mod tests;
