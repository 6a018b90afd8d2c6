//! What waits for people, as pages show it.

use std::sync::Arc;

use console::{
    ApproversView, Decision, DeniedView, ForTaskView, HoldIds, HoldPlace, HoldStatus, HoldView, Holds, HoldsFuture,
    Inbox, Readers,
};
use engine::{ForTask, HeldCall, Hold, HoldState, Waiting, WaitsFor};
use identity::people::SignedIn;
use model::{Blame, Directory as _, DirectorySnapshot, Fault, HoldId, HumanId};

use crate::gateway::Gateway;
use crate::operations::values;

/// The desk of this gateway.
pub(super) struct Desk {
    pub(super) gateway: Arc<Gateway>,
    pub(super) readers: Readers,
}

impl Holds for Desk {
    fn inbox(&self, human: &HumanId, behind: Option<&HoldPlace>, most: usize) -> Inbox {
        let directory = self.gateway.directory.snapshot();
        let holds = self.gateway.engine.holds();
        let place = |waiting| place(waiting, human, &directory);
        let mut seen: Vec<(HoldPlace, &Waiting)> = holds
            .iter()
            .filter(|waiting| self.is_shown(&waiting.hold, human, &directory).is_some())
            .map(|waiting| (place(&waiting.hold), waiting))
            .filter(|(place, _)| behind.is_none_or(|behind| place > behind))
            .collect();
        seen.sort_by(|one, other| one.0.cmp(&other.0));
        let some = seen.iter().take(most).filter_map(|(_, waiting)| self.view(waiting, human, &directory));
        Inbox { holds: some.collect(), more: seen.len() > most }
    }

    fn one(&self, human: &HumanId, id: &str) -> Option<HoldView> {
        let waiting = self.gateway.engine.hold(&HoldId::parse(id).ok()?).ok()?;
        self.view(&waiting, human, &self.gateway.directory.snapshot())
    }

    fn over(&self, human: &HumanId, id: &str) -> Option<HoldView> {
        let over = self.gateway.engine.hold_over(&HoldId::parse(id).ok()?)?;
        let waited = Waiting { hold: over.hold, arguments: None, attached: 0 };
        let view = self.view(&waited, human, &self.gateway.directory.snapshot())?;
        Some(HoldView { withheld: true, for_task: None, may_decide: Err("it is over".to_owned()), ..view })
    }

    fn waiting(&self, human: &HumanId) -> usize {
        let (directory, holds) = (self.gateway.directory.snapshot(), self.gateway.engine.holds());
        holds.iter().filter(|waiting| waits_for(&waiting.hold, human, &directory)).count()
    }

    fn approvers(&self, human: &HumanId, id: &str) -> ApproversView {
        let (engine, directory) = (&self.gateway.engine, self.gateway.directory.snapshot());
        let Some(waiting) = HoldId::parse(id).ok().and_then(|id| engine.hold(&id).ok()) else {
            return ApproversView::default();
        };
        if self.is_shown(&waiting.hold, human, &directory).is_none() {
            return ApproversView::default();
        }
        let person = |id: &HumanId| directory.humans.get(id).map_or_else(|| id.to_string(), |human| human.name.clone());
        ApproversView {
            eligible: engine::eligible(&waiting.hold, &directory).iter().map(person).collect(),
            overloaded: engine.overloaded(&waiting.hold).iter().map(person).collect(),
        }
    }

    fn status(&self, id: &str, code: &str) -> Option<HoldStatus> {
        let hold = self.gateway.engine.status(&HoldId::parse(id).ok()?, code)?;
        Some(HoldStatus {
            id: hold.id.to_string(),
            state: hold.state.as_str(),
            disposition: disposition(&hold.state),
            opened: hold.opened_at,
            expires: hold.expires_at,
        })
    }

    fn for_tasks(&self, human: &HumanId) -> Vec<ForTaskView> {
        let (engine, directory) = (&self.gateway.engine, self.gateway.directory.snapshot());
        let reads = directory.humans.get(human).is_some_and(|human| self.readers.admit(human));
        let person = |id: &HumanId| directory.humans.get(id).map_or_else(|| id.to_string(), |human| human.name.clone());
        let view = |made: &ForTask| {
            let asked = &made.hold.asked;
            let may_revoke = engine::may_approve(&made.hold, human, &directory).is_ok();
            let concerned = may_revoke || concerns(asked, human, &directory);
            let (agent, app) = (directory.agents.get(&asked.agent), directory.apps.get(&asked.app));
            (concerned || reads).then(|| ForTaskView {
                id: made.hold.id.to_string(),
                agent: agent.map_or_else(|| asked.agent.to_string(), |agent| agent.name.clone()),
                human: person(&asked.human),
                task: asked.task.to_string(),
                app: app.map_or_else(|| asked.app.to_string(), |app| app.name.clone()),
                tool: asked.tool.to_string(),
                value: if concerned { values(asked) } else { Vec::new() },
                by: made.hold.approvals.iter().map(|approval| person(&approval.by)).collect(),
                left_us: made.until.since(engine.clock().now()),
                may_revoke,
            })
        };
        engine.for_tasks().iter().filter_map(|made| view(made)).collect()
    }

    fn revoke(&self, who: SignedIn, id: String) -> HoldsFuture<'_> {
        Box::pin(async move {
            let id = HoldId::parse(&id).map_err(|error| Fault::new(Blame::Caller, "caller.hold", error.to_string()))?;
            self.gateway.engine.revoke_for_task_as(&id, &who.approver()).await.map(drop)
        })
    }

    fn decide(&self, who: SignedIn, id: String, decision: Decision) -> HoldsFuture<'_> {
        Box::pin(async move {
            let id = HoldId::parse(&id).map_err(|error| Fault::new(Blame::Caller, "caller.hold", error.to_string()))?;
            let (engine, by) = (&self.gateway.engine, who.approver());
            match decision {
                Decision::Approve { for_task: false } => engine.approve(&id, &by).await.map(drop),
                Decision::Approve { for_task: true } => engine.approve_for_task(&id, &by).await.map(drop),
                Decision::Deny { reason } => engine.deny(&id, &by, reason.as_deref()).await.map(drop),
            }
        })
    }
}

impl Desk {
    /// Whether anything is approved for tasks here.
    fn for_tasks_on(&self) -> bool {
        !self.gateway.engine.limits().hold_for_task_max.is_zero()
    }

    /// Whether this person sees the arguments of a call that waits, too; none where it is none of their business at all.
    fn is_shown(&self, hold: &Hold, viewer: &HumanId, directory: &DirectorySnapshot) -> Option<bool> {
        let concerned = has_approved(hold, viewer)
            || may_decide(hold, viewer, directory).is_ok()
            || concerns(&hold.asked, viewer, directory);
        let reads = || directory.humans.get(viewer).is_some_and(|human| self.readers.admit(human));
        (concerned || reads()).then_some(concerned)
    }

    /// As this person sees it; none where it is none of their business.
    fn view(&self, waiting: &Waiting, viewer: &HumanId, directory: &DirectorySnapshot) -> Option<HoldView> {
        let (hold, asked) = (&waiting.hold, &waiting.hold.asked);
        let concerned = self.is_shown(hold, viewer, directory)?;
        let person = |id: &HumanId| directory.humans.get(id).map_or_else(|| id.to_string(), |human| human.name.clone());
        let agent = directory.agents.get(&asked.agent);
        let app = directory.apps.get(&asked.app);
        let given = engine::counting(hold, directory);
        Some(HoldView {
            id: hold.id.to_string(),
            place: place(hold, viewer, directory),
            call: asked.call.clone(),
            ids: HoldIds {
                agent: asked.agent.clone(),
                human: asked.human.clone(),
                app: asked.app.clone(),
                method: asked.method,
            },
            does_not_run: directory.standstill(&asked.human, &asked.agent),
            state: hold.state.as_str(),
            disposition: disposition(&hold.state),
            agent: agent.map_or_else(|| asked.agent.to_string(), |agent| agent.name.clone()),
            human: person(&asked.human),
            task: asked.task.to_string(),
            app: app.map_or_else(|| asked.app.to_string(), |app| app.name.clone()),
            tool: asked.tool.to_string(),
            class: asked.class,
            reasons: asked.reasons.clone(),
            arguments: waiting.arguments.clone().filter(|_| concerned),
            withheld: !concerned,
            for_task: (!asked.each_by_itself()).then(|| values(asked)).filter(|_| concerned && self.for_tasks_on()),
            said: asked.said.clone().filter(|_| concerned),
            opened: hold.opened_at,
            expires: hold.expires_at,
            approvals: given.iter().map(|approval| (person(&approval.by), approval.at)).collect(),
            denied: match &hold.state {
                HoldState::Denied { by, reason, at } => {
                    Some(DeniedView { by: person(by), at: *at, reason: reason.clone() })
                }
                _ => None,
            },
            needed: engine::needed(hold, directory),
            facts: facts(asked, directory),
            may_decide: may_decide(hold, viewer, directory),
        })
    }
}

/// Where it stands among those that this person sees.
fn place(hold: &Hold, viewer: &HumanId, directory: &DirectorySnapshot) -> HoldPlace {
    let pending = matches!(hold.state, HoldState::Pending);
    HoldPlace::of(&hold.id, pending, may_decide(hold, viewer, directory).is_ok(), hold.expires_at)
}

/// Whether it waits for this person's word.
fn waits_for(hold: &Hold, viewer: &HumanId, directory: &DirectorySnapshot) -> bool {
    matches!(hold.state, HoldState::Pending) && may_decide(hold, viewer, directory).is_ok()
}

/// Whether this person's word counts. Error: why it does not.
fn may_decide(hold: &Hold, viewer: &HumanId, directory: &DirectorySnapshot) -> Result<(), String> {
    engine::may_approve(hold, viewer, directory).map_err(|why| why.to_string())?;
    if hold.waits_for == WaitsFor::Fact {
        return Err("it waits for a fact, and nobody can approve that away".to_owned());
    }
    if has_approved(hold, viewer) {
        return Err("you have approved it; others have to, too".to_owned());
    }
    Ok(())
}

fn has_approved(hold: &Hold, viewer: &HumanId) -> bool {
    hold.approvals.iter().any(|approval| approval.by == *viewer)
}

fn disposition(state: &HoldState) -> Option<&'static str> {
    match state {
        HoldState::Ended { disposition, .. } => Some(disposition.as_str()),
        _ => None,
    }
}

/// Of the facts, those by which approvers are told, with names.
fn facts(asked: &HeldCall, directory: &DirectorySnapshot) -> serde_json::Value {
    let name = |id: &HumanId| directory.humans.get(id).map_or_else(|| id.to_string(), |human| human.name.clone());
    let owners = directory.apps.get(&asked.app).map(|app| app.owners.iter().map(name).collect::<Vec<_>>());
    let manager = directory.humans.get(&asked.human).and_then(|human| human.manager.as_ref()).map(name);
    serde_json::json!({ "app": { "owners": owners }, "human": { "manager": manager } })
}

/// Whether the call is made for this person, by an agent of theirs, or on an app of theirs.
fn concerns(asked: &HeldCall, viewer: &HumanId, directory: &DirectorySnapshot) -> bool {
    asked.human == *viewer
        || asked.delegators.contains(viewer)
        || directory.agents.get(&asked.agent).is_some_and(|agent| agent.owner == *viewer)
        || directory.apps.get(&asked.app).is_some_and(|app| app.owners.contains(viewer))
}
