//! Requests for approval as JSON, for programs of people: in the shape and words of AuthZEN's Access Request and Approval Profile
//! (draft 1), which leaves the approver's side open. Whose request it is says [`bearer`].

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use front::{Body, full};
use http::request::Parts as Head;
use http::{HeaderValue, Method, Response, StatusCode, header};
use identity::people::{Client, SignedIn};
use model::limits::{ARAP_PAGE_BYTES, ARAP_PAGE_MAX};
use model::{Blame, Fault, HumanId, Secret};
use serde_json::{Value, json};
use trace::{rfc3339, value_or_text};

use crate::bearer;
use crate::holds::{ApproversView, Decision, HoldPlace, HoldView, Holds, Inbox};
use crate::port::Parts;
use crate::sent::Sent;

/// Where these requests go.
pub(crate) const UNDER: &str = "/arap/v1/";
/// Where somebody signs in.
pub(crate) const SESSION: &str = "/arap/v1/session";

/// Answers one.
pub(crate) async fn answer(parts: &Arc<Parts>, head: &Head, body: Sent, from: Option<IpAddr>) -> Response<Body> {
    match answered(parts, head, body, from).await {
        Ok((status, said)) => json_response(status, "application/json", said),
        Err(fault) => problem(&fault),
    }
}

async fn answered(
    parts: &Arc<Parts>,
    head: &Head,
    body: Sent,
    from: Option<IpAddr>,
) -> Result<(StatusCode, String), Fault> {
    let path = head.uri.path().strip_prefix(UNDER).unwrap_or_default();
    let words: Vec<&str> = path.split('/').collect();
    if (&head.method, words.as_slice()) == (&Method::POST, &["session"]) {
        return sign_in(parts, &sent(head, body).await?, from).await;
    }
    let (who, token) = bearer::person(parts, head).await?;
    let nothing = || Fault::new(Blame::Caller, "caller.unknown_path", format!("there is nothing at `{UNDER}{path}`"));
    let holds = parts.holds.as_deref().ok_or_else(nothing)?;
    match (&head.method, words.as_slice()) {
        (&Method::GET, ["requests"]) => {
            let asked = Asked::read(head.uri.query().unwrap_or_default())?;
            Ok((StatusCode::OK, requests(holds, who.human(), &asked, parts)))
        }
        (&Method::GET, ["requests", id]) => {
            let found = holds.one(who.human(), id).or_else(|| holds.over(who.human(), id));
            let hold = found.ok_or_else(|| no_such(id))?;
            let approvers = holds.approvers(who.human(), id);
            Ok((StatusCode::OK, json!({ "request": request(&hold, &approvers, parts) }).to_string()))
        }
        (&Method::POST, ["requests", id, "approve"]) => {
            let sent = sent_by(parts, &token, head, body).await?;
            let for_task = sent.get("for_task").and_then(Value::as_bool).unwrap_or_default();
            decide(parts, holds, who, id, Decision::Approve { for_task }).await
        }
        (&Method::POST, ["requests", id, "deny"]) => {
            let sent = sent_by(parts, &token, head, body).await?;
            let reason = sent.get("reason").and_then(Value::as_str).map(str::to_owned);
            decide(parts, holds, who, id, Decision::Deny { reason }).await
        }
        (&Method::DELETE, ["session"]) => {
            parts.people.sign_out(token.expose(), Client::Terminal).await?;
            Ok((StatusCode::OK, "{}".to_owned()))
        }
        (&Method::GET | &Method::POST | &Method::DELETE, _) => Err(nothing()),
        _ => Err(Fault::new(Blame::Caller, "caller.method", "requests for approval take GET and POST")),
    }
}

/// What whoever has this token sends. INVARIANT: it may be a while on its way, and counts only in a session that is open then
/// (test `what_is_sent_to_its_end_after_the_session_has_ended_does_nothing`).
async fn sent_by(parts: &Parts, token: &Secret<String>, head: &Head, body: Sent) -> Result<Value, Fault> {
    let sent = sent(head, body).await?;
    if parts.people.is_open(token.expose(), Client::Terminal) { Ok(sent) } else { Err(bearer::nobody()) }
}

async fn sign_in(parts: &Parts, sent: &Value, from: Option<IpAddr>) -> Result<(StatusCode, String), Fault> {
    let text = |name: &str| sent.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let opened = match sent.get("code").and_then(Value::as_str) {
        Some(code) => parts.people.sign_in_with_code(code, from).await?,
        None => parts.people.sign_in(&text("name"), Secret::new(text("password")), Client::Terminal, from).await?,
    };
    let who = opened.signed_in.human();
    Ok((
        StatusCode::CREATED,
        json!({ "token": opened.token.expose(), "token_type": "Bearer", "human": who }).to_string(),
    ))
}

async fn decide(
    parts: &Parts,
    holds: &dyn Holds,
    who: SignedIn,
    id: &str,
    decision: Decision,
) -> Result<(StatusCode, String), Fault> {
    let human = who.human().clone();
    let before = holds.one(&human, id).ok_or_else(|| no_such(id))?;
    let approvers = holds.approvers(&human, id);
    let denied = matches!(decision, Decision::Deny { .. });
    holds.decide(who, id.to_owned(), decision).await?;
    // What has run meanwhile is gone from the desk.
    let said = match holds.one(&human, id) {
        Some(now) => request(&now, &holds.approvers(&human, id), parts),
        None => {
            let mut said = request(&before, &approvers, parts);
            if let Some(status) = said.get_mut("status") {
                *status = if denied { "denied" } else { "approved" }.into();
            }
            said
        }
    };
    Ok((StatusCode::OK, json!({ "request": said }).to_string()))
}

/// Which page of them is asked for.
struct Asked {
    behind: Option<HoldPlace>,
    most: usize,
}

impl Asked {
    fn read(query: &str) -> Result<Self, Fault> {
        let mut asked = Self { behind: None, most: ARAP_PAGE_MAX };
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "cursor" => asked.behind = Some(HoldPlace::read(&value)?),
                "limit" => {
                    let number = value.parse().ok().filter(|most| (1..=ARAP_PAGE_MAX).contains(most));
                    asked.most = number.ok_or_else(|| {
                        let said =
                            format!("`limit` does not take `{value}`: it takes a number from 1 to {ARAP_PAGE_MAX}");
                        Fault::new(Blame::Caller, "caller.parameter", said)
                    })?;
                }
                other => {
                    let said = format!("the list of requests has no parameter `{other}`");
                    return Err(
                        Fault::new(Blame::Caller, "caller.parameter", said).hint("it takes `limit` and `cursor`")
                    );
                }
            }
        }
        Ok(asked)
    }
}

/// A page of them, as text one by one: read arguments take many times the room.
fn requests(holds: &dyn Holds, who: &HumanId, asked: &Asked, parts: &Parts) -> String {
    let Inbox { holds: seen, mut more } = holds.inbox(who, asked.behind.as_ref(), asked.most);
    let (mut all, mut last) = (String::new(), None);
    for hold in &seen {
        let one = request(hold, &holds.approvers(who, &hold.id), parts).to_string();
        if last.is_some() {
            if all.len() + one.len() > ARAP_PAGE_BYTES {
                more = true;
                break;
            }
            all.push(',');
        }
        all.push_str(&one);
        last = Some(&hold.place);
    }
    let next = json!(last.filter(|_| more).map(ToString::to_string));
    format!(r#"{{"requests":[{all}],"next":{next}}}"#)
}

/// One of them. Its status is one of ARAP's words.
fn request(hold: &HoldView, approvers: &ApproversView, parts: &Parts) -> Value {
    let status = match (hold.state, hold.disposition) {
        ("pending", _) if !hold.approvals.is_empty() => "partial",
        ("pending", _) => "pending",
        ("approved" | "claimed", _) | (_, Some("approved-executed")) => "approved",
        ("denied", _) | (_, Some("denied-not-executed")) => "denied",
        ("expired", _) => "expired",
        ("cancelled", _) => "cancelled",
        _ => "failed",
    };
    let reasons: Vec<Value> = hold
        .reasons
        .iter()
        .map(|reason| {
            json!({
                "id": reason.rule, "sentence": reason.sentence, "approvers": reason.approvers, "approvals": reason.approvals,
            })
        })
        .collect();
    let given = hold.approvals.iter().map(|(who, at)| json!({ "by": who, "approved_at": rfc3339(*at) }));
    let last = hold.approvals.last().filter(|_| status == "approved").map(|(_, at)| {
        json!({
            "mode": "reevaluate",
            "approval": {
                "id": hold.id, "approved_at": rfc3339(*at), "approved_until": rfc3339(hold.expires),
            },
        })
    });
    let text = hold.arguments_text();
    let arguments = text.as_deref().map(value_or_text);
    let (id, ids) = (&hold.id, &hold.ids);
    let link = |more: &str| format!("{UNDER}requests/{id}{more}");
    json!({
        "id": id,
        "status": status,
        "created_at": rfc3339(hold.opened),
        "expires_at": rfc3339(hold.expires),
        "now": rfc3339(parts.clock.now()),
        "subject": { "type": "identity", "id": ids.human, "properties": { "name": hold.human } },
        "action": { "name": ids.method.as_str(), "properties": { "class": hold.class.as_str() } },
        "resource": { "type": "tool", "id": format!("{}__{}", ids.app, hold.tool), "properties": { "app": hold.app } },
        "client": { "actor": { "type": "agent", "id": ids.agent, "properties": { "name": hold.agent } } },
        "context": {
            "evaluation_id": hold.call,
            "task": hold.task,
            "arguments": arguments,
            "arguments_text": text,
            "arguments_withheld": hold.withheld,
            "reasons": reasons,
            "justification": hold.said,
        },
        "approvals": given.collect::<Vec<_>>(),
        "approvals_needed": hold.needed,
        "eligible": approvers.eligible,
        "overloaded": approvers.overloaded,
        "may_decide": hold.may_decide.is_ok(),
        "why_not": hold.may_decide.as_ref().err(),
        "does_not_run": hold.does_not_run,
        "for_task": hold.for_task.as_ref().map(|values| values.iter().cloned().collect::<BTreeMap<_, _>>()),
        "result": last,
        "links": { "review": format!("/holds/{id}"), "self": link(""), "approve": link("/approve"), "deny": link("/deny") },
    })
}

/// The JSON object that a request brings; an empty one where it brings nothing.
async fn sent(head: &Head, body: Sent) -> Result<Value, Fault> {
    let bytes = body.read().await?;
    if bytes.is_empty() {
        return Ok(json!({}));
    }
    let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        return Err(Fault::new(Blame::Caller, "caller.content_type", "what is sent here is JSON"));
    }
    let sent: Option<Value> = serde_json::from_slice(&bytes).ok().filter(Value::is_object);
    sent.ok_or_else(|| Fault::new(Blame::Caller, "caller.json", "what was sent is no JSON object"))
}

/// What went wrong, as RFC 9457 has it.
fn problem(fault: &Fault) -> Response<Body> {
    let status = match fault.code() {
        "caller.unknown_hold" => StatusCode::NOT_FOUND,
        code if code.starts_with("hold.") => match code {
            "hold.requester"
            | "hold.delegator"
            | "hold.agents_owner"
            | "hold.of_the_vendor"
            | "hold.same_person"
            | "hold.not_eligible"
            | "hold.left"
            | "hold.unknown_person" => StatusCode::FORBIDDEN,
            _ => StatusCode::CONFLICT,
        },
        _ => front::status_of(fault),
    };
    let kind = match status {
        StatusCode::UNAUTHORIZED => "unauthenticated",
        StatusCode::FORBIDDEN => "not_eligible",
        StatusCode::NOT_FOUND => "unknown_request",
        StatusCode::CONFLICT => "conflict",
        status if status.is_server_error() => "unavailable",
        _ => "invalid_request",
    };
    let said = json!({
        "type": format!("urn:openid:authzen:access-request:error:{kind}"),
        "title": fault.to_string(),
        "status": status.as_u16(),
        "detail": fault.way_out(),
        "code": fault.code(),
    });
    let mut response = json_response(status, "application/problem+json", said.to_string());
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

fn json_response(status: StatusCode, kind: &'static str, said: String) -> Response<Body> {
    let mut response = Response::new(full(said));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn no_such(id: &str) -> Fault {
    Fault::new(Blame::Caller, "caller.unknown_hold", format!("nothing waits as `{id}`, or not for you"))
}

#[cfg(test)]
mod tests;
