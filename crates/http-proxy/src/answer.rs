//! What a vendor is answered: its own headers, and of refusals and failures a problem (RFC 9457) in words of ours.

use bytes::Bytes;
use engine::{Refusal, rfc3339};
use front::{Body, empty, full, status_of};
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use model::{CallId, Fault, Form, Verdict};
use serde_json::{Value, json};

use crate::outbound::{OTHER_STATE, RETRY_AFTER, Said, media_type};

/// What an app answered, as far as it may be seen.
pub(crate) fn answered(
    call: &CallId,
    said: Option<&Said>,
    form: Form,
    body: Body,
    length: Option<usize>,
) -> Response<Body> {
    let status = said.map_or(StatusCode::OK, |said| said.status);
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if length != Some(0) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(form)));
    }
    if let Some(length) = length.filter(|_| status != StatusCode::NO_CONTENT) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    marked(response, call)
}

/// What an app answered, all of which is there.
pub(crate) fn whole(call: &CallId, said: Option<&Said>, form: Form, body: Bytes) -> Response<Body> {
    let length = body.len();
    answered(call, said, form, if length == 0 { empty() } else { full(body) }, Some(length))
}

/// The app says that it failed. Its words stay here.
pub(crate) fn failed_there(call: &CallId, said: Option<&Said>) -> Response<Body> {
    let status = said.map_or(StatusCode::BAD_GATEWAY, |said| said.status);
    if status == StatusCode::NOT_FOUND {
        return nothing_there(Some(call));
    }
    let title = status.canonical_reason().unwrap_or("Error");
    let detail = "the app answered with this status";
    let mut response = problem(status, title, detail, "upstream.status", &json!({ "call": call }));
    if let Some(after) = said.and_then(|said| said.retry_after.clone()) {
        response.headers_mut().insert(header::RETRY_AFTER, after);
    }
    marked(response, call)
}

/// Whether a record is there that is not the contract's is nothing that the vendor may learn: one answer for both.
pub(crate) fn nothing_there(call: Option<&CallId>) -> Response<Body> {
    let response =
        problem(StatusCode::NOT_FOUND, "Not Found", NOTHING_THERE, "upstream.not_found", &json!({ "call": call }));
    match call {
        Some(call) => marked(response, call),
        None => response,
    }
}

/// A call that did not run.
pub(crate) fn refused(refusal: &Refusal, status_url: impl FnOnce(&str) -> String) -> Response<Body> {
    let reasons: Vec<Value> = refusal
        .reasons
        .iter()
        .map(|reason| json!({ "rule": reason.rule, "clause": reason.clause, "sentence": reason.sentence }))
        .collect();
    let more = |status: Option<String>| {
        json!({
            "call": refusal.call,
            "verdict": refusal.verdict,
            "executed": false,
            "reasons": reasons,
            "status_url": status,
        })
    };
    let waits = refusal.held.as_ref().filter(|_| refusal.may_go_on());
    if let Some(held) = waits {
        let url = status_url(held.id.as_str());
        let detail = format!("it waits for a person until {}; send the same request again", rfc3339(held.expires_at));
        let mut response = problem(
            StatusCode::ACCEPTED,
            "Waits for approval",
            &detail,
            refusal.reason_code(),
            &more(Some(url.clone())),
        );
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER.as_secs()));
        if let Ok(url) = HeaderValue::from_str(&url) {
            headers.insert(header::LOCATION, url);
        }
        return marked(response, &refusal.call);
    }
    let (status, title) = match refusal.verdict {
        _ if refusal.spent => (StatusCode::TOO_MANY_REQUESTS, "Limit reached"),
        Verdict::Defer => (StatusCode::SERVICE_UNAVAILABLE, "Not decided"),
        _ => (StatusCode::FORBIDDEN, "Refused"),
    };
    let response = problem(status, title, &refusal.sentence(), refusal.reason_code(), &more(None));
    marked(response, &refusal.call)
}

/// A change was carried out, and the contract lets nothing out of what the app answered: what the record is by now, or words.
pub(crate) fn not_shown(call: &CallId, fault: &Fault) -> Response<Body> {
    let more = json!({ "call": call, "executed": true });
    marked(problem(StatusCode::OK, "Not shown", NOT_SHOWN, fault.code(), &more), call)
}

/// Something broke, or what was asked cannot be understood.
pub(crate) fn failed(call: Option<&CallId>, fault: &Fault, perhaps_executed: bool) -> Response<Body> {
    if fault.code() == OUTSIDE {
        return nothing_there(call);
    }
    let status = match fault.code() {
        OTHER_STATE => StatusCode::PRECONDITION_FAILED,
        "rule.limit" => StatusCode::TOO_MANY_REQUESTS,
        code if code.starts_with("rule.") => StatusCode::FORBIDDEN,
        "operator.credential_refused" => StatusCode::BAD_GATEWAY,
        _ => status_of(fault),
    };
    let more = json!({ "call": call, "hint": fault.way_out_outside(), "perhaps_executed": perhaps_executed });
    let title = status.canonical_reason().unwrap_or("Error");
    let mut response = problem(status, title, &fault.to_string(), fault.code(), &more);
    if ["caller.too_many", "upstream.busy"].contains(&fault.code()) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    match call {
        Some(call) => marked(response, call),
        None => response,
    }
}

/// A problem (RFC 9457).
pub(crate) fn problem(status: StatusCode, title: &str, detail: &str, code: &str, more: &Value) -> Response<Body> {
    let mut said =
        json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail, "code": code });
    if let (Some(said), Some(more)) = (said.as_object_mut(), more.as_object()) {
        said.extend(more.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.clone(), value.clone())));
    }
    let mut response = Response::new(full(said.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// With the call's id, by which people find it in the trace.
fn marked(mut response: Response<Body>, call: &CallId) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(call) = HeaderValue::from_str(call.as_str()) {
        headers.insert(CALL, call);
    }
    response
}

const CALL: HeaderName = HeaderName::from_static("countersign-call");
/// The code of a record that the contract does not reach.
pub(crate) const OUTSIDE: &str = "rule.outside";
const NOT_SHOWN: &str = "it was carried out, and nothing of what the app answered may be shown";
const NOTHING_THERE: &str = "there is no such record that this contract reaches";

#[cfg(test)]
mod tests;
