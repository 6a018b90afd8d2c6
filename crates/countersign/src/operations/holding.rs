//! What waits for people, and what people say to it.

use engine::{ForTask, HeldCall, Waiting};
use model::limits::CALL_TAIL_CHARS_MIN;
use model::{Blame, Directory as _, Fault, HoldId, Scalar, Secret};
use serde_json::{Value, json};
use trace::{rfc3339, value_or_text};

use super::emergencies;
use super::signing::signed_in;
use crate::gateway::Gateway;

pub(super) fn list(gateway: &Gateway) -> Value {
    let all: Vec<Value> = gateway.engine.holds().iter().map(|waiting| shown(gateway, waiting)).collect();
    let for_tasks: Vec<Value> = gateway.engine.for_tasks().iter().map(|one| for_task(gateway, one)).collect();
    json!({ "holds": all, "for_tasks": for_tasks, "emergencies": emergencies::list(gateway).get("emergencies") })
}

pub(super) fn show(gateway: &Gateway, hold: &str) -> Result<Value, Fault> {
    let waiting = gateway.engine.hold(&meant(gateway, hold)?)?;
    Ok(shown(gateway, &waiting))
}

pub(super) async fn approve(
    gateway: &Gateway,
    hold: &str,
    session: &Secret<String>,
    for_task: bool,
) -> Result<Value, Fault> {
    let who = signed_in(gateway, session).await?;
    let (hold, by) = (meant(gateway, hold)?, who.approver());
    let waiting = match for_task {
        true => gateway.engine.approve_for_task(&hold, &by).await?,
        false => gateway.engine.approve(&hold, &by).await?,
    };
    let mut said = done(gateway, "hold.approved", &waiting);
    let made = gateway.engine.for_tasks().into_iter().find(|one| one.hold.id == hold).filter(|_| for_task);
    if let (Some(said), Some(made)) = (said.as_object_mut(), made) {
        said.insert("for_task".to_owned(), self::for_task(gateway, &made));
    }
    Ok(said)
}

/// Whoever runs the gateway may take back what was approved for a task: that permits nothing.
pub(super) async fn revoke(gateway: &Gateway, hold: &str, by: &str) -> Result<Value, Fault> {
    let all = gateway.engine.for_tasks();
    let ids = all.iter().map(|one| one.hold.id.clone());
    let revoked = gateway.engine.revoke_for_task(&among(hold, ids)?, by).await?;
    Ok(json!({ "done": "hold.task_revoked", "for_task": for_task(gateway, &revoked) }))
}

/// What is approved for a task, by names.
fn for_task(gateway: &Gateway, made: &ForTask) -> Value {
    let (asked, directory) = (&made.hold.asked, gateway.directory.snapshot());
    let human =
        |id: &model::HumanId| directory.humans.get(id).map_or_else(|| id.to_string(), |human| human.name.clone());
    let by: Vec<String> = made.hold.approvals.iter().map(|approval| human(&approval.by)).collect();
    json!({
        "hold": made.hold.id,
        "agent": { "id": asked.agent, "name": directory.agents.get(&asked.agent).map(|agent| agent.name.clone()) },
        "human": { "id": asked.human, "name": human(&asked.human) },
        "app": { "id": asked.app, "name": directory.apps.get(&asked.app).map(|app| app.name.clone()) },
        "tool": asked.tool,
        "task": asked.task,
        "value": values(asked),
        "by": by,
        "until": rfc3339(made.until),
        "seconds_left": made.until.since(gateway.engine.clock().now()) / 1_000_000,
    })
}

/// What an approval for a task is of, by name: what rules looked at of the arguments. Nothing: exactly these arguments.
pub fn values(asked: &HeldCall) -> Vec<(String, String)> {
    let Some(value) = asked.value() else { return Vec::new() };
    let of_roles = value.roles.iter().map(|(role, values)| (role.to_string(), values.join(", ")));
    let scalar = |scalar: &Scalar| match scalar {
        Scalar::Bool(value) => value.to_string(),
        Scalar::Whole(value) => value.to_string(),
        Scalar::Decimal(value) => value.clone(),
        Scalar::Text(value) => value.to_string(),
    };
    let of_values = value
        .values
        .iter()
        .map(|(name, values)| (name.to_string(), values.iter().map(scalar).collect::<Vec<_>>().join(", ")));
    of_roles.chain(of_values).collect()
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
    among(said, gateway.engine.holds().into_iter().map(|waiting| waiting.hold.id.clone()))
}

fn among(said: &str, ids: impl Iterator<Item = HoldId>) -> Result<HoldId, Fault> {
    let unknown = |said: String| {
        Fault::new(Blame::Caller, "caller.unknown_hold", said).hint("`countersign holds list` shows what waits")
    };
    if let Ok(id) = HoldId::parse(said) {
        return Ok(id);
    }
    if said.len() < CALL_TAIL_CHARS_MIN {
        return Err(unknown(format!("`{said}` is too short: it takes {CALL_TAIL_CHARS_MIN} characters or more")));
    }
    let mut found = ids.filter(|id| id.as_str().ends_with(said));
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
    let arguments = waiting.arguments.as_deref().map(String::from_utf8_lossy);
    let eligible: Vec<Value> = engine::eligible(hold, &directory).iter().map(human).collect();
    let overloaded: Vec<Value> = gateway.engine.overloaded(hold).iter().map(human).collect();
    let reasons = asked.reasons.iter().map(|reason| {
        json!({
            "rule": reason.rule,
            "sentence": reason.sentence,
            "source": reason.source,
            "approvers": reason.approvers,
            "approvals": reason.approvals,
        })
    });
    let given = engine::counting(hold, &directory);
    let approvals = given
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
        "arguments": arguments.as_deref().map(value_or_text),
        "arguments_text": arguments,
        "arguments_digest": asked.arguments,
        "said": asked.said,
        "value": values(asked),
        "each_by_itself": asked.each_by_itself(),
        "definition": asked.definition,
        "bundle": asked.bundle,
        "reasons": reasons.collect::<Vec<_>>(),
        "eligible": eligible,
        "overloaded": overloaded,
        "also": hold.also,
        "approvals": approvals.collect::<Vec<_>>(),
        "approvals_needed": engine::needed(hold, &directory),
        "opened_at": rfc3339(hold.opened_at),
        "expires_at": rfc3339(hold.expires_at),
        "seconds_left": hold.expires_at.since(gateway.engine.clock().now()) / 1_000_000,
        "clients_waiting": waiting.attached,
        "does_not_run": directory.standstill(&asked.human, &asked.agent),
    })
}
