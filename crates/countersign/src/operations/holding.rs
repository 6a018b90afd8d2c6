//! What waits for people, and what people say to it.

use engine::Waiting;
use model::limits::CALL_TAIL_CHARS_MIN;
use model::{Blame, Directory as _, Fault, HoldId, Secret};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use trace::rfc3339;

use super::emergencies;
use super::signing::signed_in;
use crate::gateway::Gateway;

pub(super) fn list(gateway: &Gateway) -> Value {
    let all: Vec<Value> = gateway.engine.holds().iter().map(|waiting| shown(gateway, waiting)).collect();
    json!({ "holds": all, "emergencies": emergencies::list(gateway).get("emergencies") })
}

pub(super) fn show(gateway: &Gateway, hold: &str) -> Result<Value, Fault> {
    let waiting = gateway.engine.hold(&meant(gateway, hold)?)?;
    Ok(shown(gateway, &waiting))
}

pub(super) async fn approve(gateway: &Gateway, hold: &str, session: &Secret<String>) -> Result<Value, Fault> {
    let who = signed_in(gateway, session).await?;
    let waiting = gateway.engine.approve(&meant(gateway, hold)?, &who.approver()).await?;
    Ok(done(gateway, "hold.approved", &waiting))
}

pub(super) async fn deny(
    gateway: &Gateway,
    hold: &str,
    session: &Secret<String>,
    reason: Option<&str>,
) -> Result<Value, Fault> {
    let who = signed_in(gateway, session).await?;
    let waiting = gateway.engine.deny(&meant(gateway, hold)?, &who.approver(), reason).await?;
    Ok(done(gateway, "hold.denied", &waiting))
}

pub(super) async fn cancel(gateway: &Gateway, hold: &str, by: &str) -> Result<Value, Fault> {
    let waiting = gateway.engine.cancel_hold(&meant(gateway, hold)?, by).await?;
    Ok(done(gateway, "hold.cancelled", &waiting))
}

fn done(gateway: &Gateway, what: &str, waiting: &Waiting) -> Value {
    let mut said = shown(gateway, waiting);
    if let Some(said) = said.as_object_mut() {
        said.insert("done".to_owned(), what.into());
    }
    said
}

/// The hold with this id, or the only one whose id ends so.
fn meant(gateway: &Gateway, said: &str) -> Result<HoldId, Fault> {
    let unknown = |said: String| {
        Fault::new(Blame::Caller, "caller.unknown_hold", said).hint("`countersign holds list` shows what waits")
    };
    if let Ok(id) = HoldId::parse(said) {
        return Ok(id);
    }
    if said.len() < CALL_TAIL_CHARS_MIN {
        return Err(unknown(format!("`{said}` is too short: it takes {CALL_TAIL_CHARS_MIN} characters or more")));
    }
    let mut found = gateway.engine.holds().into_iter().map(|waiting| waiting.hold.id.clone());
    let mut found = found.by_ref().filter(|id| id.as_str().ends_with(said));
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(id),
        (Some(_), Some(_)) => Err(unknown(format!("several holds end with `{said}`"))),
        (None, _) => Err(unknown(format!("nothing waits whose id ends with `{said}`"))),
    }
}

/// Everything a person needs to decide, by names.
fn shown(gateway: &Gateway, waiting: &Waiting) -> Value {
    let (hold, directory) = (&waiting.hold, gateway.directory.snapshot());
    let asked = &hold.asked;
    let human = |id: &model::HumanId| {
        let name = directory.humans.get(id).map_or_else(|| id.to_string(), |human| human.name.clone());
        json!({ "id": id, "name": name })
    };
    let agent = directory.agents.get(&asked.agent).map(|agent| agent.name.clone());
    let app = directory.apps.get(&asked.app).map(|app| app.name.clone());
    let arguments = waiting.arguments.as_deref().and_then(|bytes| serde_json::from_slice::<&RawValue>(bytes).ok());
    let eligible: Vec<Value> = engine::eligible(hold, &directory).iter().map(human).collect();
    let reasons = asked.reasons.iter().map(|reason| {
        json!({
            "rule": reason.rule,
            "sentence": reason.sentence,
            "source": reason.source,
            "approvers": reason.approvers,
            "approvals": reason.approvals,
        })
    });
    let approvals = hold
        .approvals
        .iter()
        .map(|approval| json!({ "by": human(&approval.by), "how": approval.how, "at": rfc3339(approval.at) }));
    json!({
        "hold": hold.id,
        "call": asked.call,
        "state": hold.state.as_str(),
        "waits_for": hold.waits_for.as_str(),
        "agent": { "id": asked.agent, "name": agent },
        "human": human(&asked.human),
        "task": asked.task,
        "app": { "id": asked.app, "name": app },
        "method": asked.method,
        "tool": asked.tool,
        "class": asked.class,
        "arguments": arguments,
        "arguments_digest": asked.arguments,
        "definition": asked.definition,
        "bundle": asked.bundle,
        "reasons": reasons.collect::<Vec<_>>(),
        "eligible": eligible,
        "also": hold.also,
        "approvals": approvals.collect::<Vec<_>>(),
        "opened_at": rfc3339(hold.opened_at),
        "expires_at": rfc3339(hold.expires_at),
        "seconds_left": hold.expires_at.since(gateway.engine.clock().now()) / 1_000_000,
        "clients_waiting": waiting.attached,
    })
}
