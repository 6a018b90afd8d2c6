//! Who may act, and which apps: people leave, agents are suspended, apps are stopped, and back.

use engine::{Change, StateWrite};
use identity::StandingChange;
use model::{AgentId, Directory as _, DirectorySnapshot, Fault, HumanId};
use serde_json::{Value, json};

use crate::gateway::Gateway;

/// Who may act: on disk with its record first, then in force for the very next call. What is said of it tells, too, what keeps from
/// running what was let run again.
pub(super) async fn stand(gateway: &Gateway, change: StandingChange, by: &str) -> Result<Value, Fault> {
    // Nobody signs in between the look at who is signed in and their end. A switch waits for nobody who does.
    let _alone = match change.human() {
        Some(_) => Some(gateway.people.alone().await),
        None => None,
    };
    let _one_after_the_other = gateway.standing.lock().await;
    change.check(&gateway.directory.snapshot())?;
    let (what, subject) = (change.what(), change.subject());
    let accounts = change.human().map_or_else(Vec::new, |human| gateway.directory.accounts_of(human));
    // Whoever comes back signs in again.
    let leavers = if matches!(change, StandingChange::Offboard(_)) { accounts.as_slice() } else { &[] };
    let rows = gateway.directory.rows(&change).into_iter().map(|(kind, key, value)| StateWrite { kind, key, value });
    let ended_sessions = leavers.iter().flat_map(|human| crate::people::state(gateway.people.rows_of(human, false)));
    // Other accounts of the same person, to whom it happens as well.
    let also = accounts.get(1..).filter(|others| !others.is_empty());
    let record = Change {
        by: by.to_owned(),
        what: what.to_owned(),
        subject: subject.clone(),
        human: change.human().cloned(),
        detail: also.map_or(Value::Null, |others| json!({ "also": others })),
        state: rows.chain(ended_sessions).collect(),
    };
    let durable = gateway.engine.change(record).await?;
    gateway.directory.apply(&change, gateway.engine.clock().now());
    leavers.iter().for_each(|human| gateway.people.forget(human, false));
    let but = still_out(&change, &gateway.directory.snapshot());
    Ok(json!({ "done": what, "subject": subject, "also": also, "but": but, "record": durable.call().as_str() }))
}

/// Why nothing runs, though it was let run again just now. None: it does, or nothing was let.
fn still_out(change: &StandingChange, now: &DirectorySnapshot) -> Option<String> {
    let inactive = |key: &str, id: &str| format!("the configuration says `{key}: {{{id}: {{active: false}}}}`");
    let left = |human: &HumanId| now.humans.get(human).is_none_or(|human| !human.active);
    let idle = |id: &AgentId| -> Option<String> {
        let agent = now.agents.get(id).filter(|agent| !agent.active)?;
        let owner = &agent.owner;
        let key = if now.vendors.contains(id) { "vendors" } else { "agents" };
        Some(match left(owner) {
            true => format!("`{owner}`, who answers for it, is not there: `countersign people` says who is"),
            false => inactive(key, id.as_str()),
        })
    };
    let out = match change {
        StandingChange::Restore(human) => left(human).then(|| inactive("people", human.as_str())),
        StandingChange::Resume(agent) => idle(agent),
        StandingChange::Start(_) => None,
        StandingChange::Offboard(_) | StandingChange::Suspend(_) | StandingChange::Stop(_) => return None,
    };
    out.or_else(|| now.all_stopped.then(|| "everything is stopped: `countersign start all`".to_owned()))
}

#[cfg(test)]
mod tests;
