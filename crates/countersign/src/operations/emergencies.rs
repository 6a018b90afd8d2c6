//! Emergencies: who asks for one, who opens it with them, and who ends it.

use engine::{Approval, Emergency, EmergencyWanted};
use model::{Directory as _, EmergencyId, Fault, Secret};
use serde_json::{Value, json};
use trace::rfc3339;

use super::signing::signed_in;
use crate::gateway::Gateway;

/// Those that are open, or wait for a second person.
pub(super) fn list(gateway: &Gateway) -> Value {
    let all: Vec<Value> = gateway.engine.emergencies().iter().map(|emergency| shown(gateway, emergency)).collect();
    json!({ "emergencies": all })
}

pub(super) async fn ask(gateway: &Gateway, wanted: EmergencyWanted, session: &Secret<String>) -> Result<Value, Fault> {
    let who = signed_in(gateway, session).await?;
    let asked = gateway.engine.ask_emergency(wanted, &who.approver()).await?;
    Ok(done(gateway, "emergency.asked", &asked))
}

pub(super) async fn countersign(
    gateway: &Gateway,
    emergency: &EmergencyId,
    session: &Secret<String>,
) -> Result<Value, Fault> {
    let who = signed_in(gateway, session).await?;
    let opened = gateway.engine.countersign_emergency(emergency, &who.approver()).await?;
    Ok(done(gateway, "emergency.opened", &opened))
}

/// Whoever runs the gateway may end one: that permits nothing.
pub(super) async fn close(gateway: &Gateway, emergency: &EmergencyId, by: &str) -> Result<Value, Fault> {
    let closed = gateway.engine.close_emergency(emergency, by).await?;
    Ok(done(gateway, "emergency.closed", &closed))
}

fn done(gateway: &Gateway, what: &str, emergency: &Emergency) -> Value {
    let mut said = shown(gateway, emergency);
    if let Some(said) = said.as_object_mut() {
        said.insert("done".to_owned(), what.into());
    }
    said
}

fn shown(gateway: &Gateway, emergency: &Emergency) -> Value {
    let directory = gateway.directory.snapshot();
    let signed = |approval: &Approval| {
        let name = directory.humans.get(&approval.by).map(|human| human.name.clone());
        json!({ "id": approval.by, "name": name, "how": approval.how, "at": rfc3339(approval.at) })
    };
    let agent = directory.agents.get(&emergency.agent).map(|agent| agent.name.clone());
    let app = emergency.app.as_ref().map(|id| {
        let name = directory.apps.get(id).map(|app| app.name.clone());
        json!({ "id": id, "name": name })
    });
    json!({
        "emergency": emergency.id,
        "state": emergency.state.as_str(),
        "agent": { "id": emergency.agent, "name": agent },
        "app": app,
        "reason": emergency.reason,
        "asked": signed(&emergency.asked),
        "countersigned": emergency.countersigned.as_ref().map(signed),
        "until": rfc3339(emergency.until),
        "seconds_left": emergency.until.since(gateway.engine.clock().now()) / 1_000_000,
    })
}
