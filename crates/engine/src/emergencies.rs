//! Emergencies: asked for by one person, opened by a second, over by themselves. Each step is a record, and what is true after it
//! is written with the record or not at all; only then does it let anything through.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hold::{Asked, Emergency, EmergencyState, EmergencyWanted, Event, NoEmergency, Office, State, WaitsFor};
use model::limits::EMERGENCIES_MAX;
use model::{Approver, Blame, DirectorySnapshot, EmergencyId, Fault, UnixMicros};
use serde_json::json;
use trace::{Approved, StateWrite, rfc3339};

use crate::engine::{Change, Engine, Shared};
use crate::for_tasks::GIVEN_BY_TASK;
use crate::hold_words::no_emergency;
use crate::holds::StepFault;

/// Those that are open or asked for, in memory as they are on disk.
#[derive(Default)]
pub(crate) struct Emergencies {
    all: Mutex<BTreeMap<EmergencyId, Arc<Emergency>>>,
    /// One step at a time, with its record.
    turn: tokio::sync::Mutex<()>,
}

// === impl Engine ===

impl Engine {
    /// Takes up what was open or asked for when the gateway last ended: rows of the kind of state [`EMERGENCY_STATE`].
    pub fn restore_emergencies(&self, rows: Vec<(String, String)>) {
        let shared = &self.shared;
        for (key, value) in rows {
            let opened = shared.desk.seal.open(&about(&key), &value);
            let emergency = opened.and_then(|text| serde_json::from_slice::<Emergency>(&text).ok());
            match emergency.filter(|emergency| emergency.id.as_str() == key) {
                Some(emergency) => {
                    shared.emergencies.all().insert(emergency.id.clone(), Arc::new(emergency));
                }
                // It lets nothing through.
                None => tracing::error!(emergency = key, "an emergency cannot be read; was the vault's key replaced?"),
            }
        }
    }

    /// Those that are open, or wait for a second person, the oldest first.
    pub fn emergencies(&self) -> Vec<Arc<Emergency>> {
        let now = self.clock().now();
        let all = self.shared.emergencies.all();
        let mut alive: Vec<Arc<Emergency>> =
            all.values().filter(|one| one.is_open(now) || one.is_asked(now)).cloned().collect();
        alive.sort_by(|one, other| (one.asked.at, &one.id).cmp(&(other.asked.at, &other.id)));
        alive
    }

    /// A person asks for one; nothing is let through yet. Error: not this person, or not for that; nothing changed.
    pub async fn ask_emergency(&self, wanted: EmergencyWanted, by: &Approver) -> Result<Arc<Emergency>, Fault> {
        let shared = &self.shared;
        let _turn = shared.emergencies.turn.lock().await;
        let (directory, now) = (self.directory(), self.clock().now());
        let id = EmergencyId::of(&shared.new_call()?);
        let asked = Emergency::ask(id, wanted, by, shared.office(&directory), now).map_err(|no| no_emergency(&no))?;
        let there = self.emergencies();
        if let Some(other) = there.iter().find(|other| other.agent == asked.agent && other.app == asked.app) {
            let said = format!("there is one for these calls already: `{}` is {}", other.id, other.state.as_str());
            return Err(Fault::new(Blame::Caller, "emergency.there", said)
                .hint("`countersign holds emergency` lists them; close it before you ask for another one"));
        }
        if there.len() >= EMERGENCIES_MAX {
            let said = format!("{EMERGENCIES_MAX} emergencies are open or asked for");
            return Err(Fault::new(Blame::Caller, "emergency.too_many", said));
        }
        shared.put_emergency(asked, "emergency.asked", &format!("human:{}", by.human())).await
    }

    /// A second person says yes: it is open. What waits for people and needs none now is given back to its clients, who are told to
    /// call again. Error: as [`Engine::ask_emergency`].
    pub async fn countersign_emergency(&self, id: &EmergencyId, by: &Approver) -> Result<Arc<Emergency>, Fault> {
        let shared = &self.shared;
        let turn = shared.emergencies.turn.lock().await;
        let (directory, now) = (self.directory(), self.clock().now());
        let opened = self.emergency(id)?.countersign(by, shared.office(&directory), now);
        let opened = opened.map_err(|no| no_emergency(&no))?;
        let opened = shared.put_emergency(opened, "emergency.opened", &format!("human:{}", by.human())).await?;
        drop(turn);
        tracing::warn!(emergency = %opened.id, agent = %opened.agent, "an emergency is open: calls need no approval");
        let lifts = |asked: &Asked| {
            let (directory, now) = (self.directory(), self.clock().now());
            opened.lifts(asked, shared.office(&directory), now)
        };
        self.give_back(&format!("{GIVEN_BY_EMERGENCY}{}", opened.id), lifts).await;
        Ok(opened)
    }

    /// Somebody who runs the gateway ends it. Error: there is none, or it could not be written.
    pub async fn close_emergency(&self, id: &EmergencyId, by: &str) -> Result<Arc<Emergency>, Fault> {
        let _turn = self.shared.emergencies.turn.lock().await;
        let closed = self.emergency(id)?.close(by.to_owned(), self.clock().now()).map_err(|no| no_emergency(&no))?;
        self.shared.put_emergency(closed, "emergency.closed", by).await
    }

    /// One of those who may open emergencies ends it. Error: as [`Engine::close_emergency`], or not this person.
    pub async fn close_emergency_as(&self, id: &EmergencyId, by: &Approver) -> Result<Arc<Emergency>, Fault> {
        let directory = self.directory();
        self.shared.office(&directory).is_named(by.human()).map_err(|no| no_emergency(&no))?;
        self.close_emergency(id, &format!("human:{}", by.human())).await
    }

    /// Whether this person may open an emergency for this agent with another one, or any at all. Error: why not.
    pub fn may_open_emergency(&self, agent: Option<&model::AgentId>, who: &model::HumanId) -> Result<(), NoEmergency> {
        let directory = self.directory();
        let office = self.shared.office(&directory);
        agent.map_or_else(|| office.is_named(who), |agent| office.may_sign(agent, who))
    }

    /// Ends those whose time is over. Nothing depends on it, for what is over lets nothing through.
    pub(crate) async fn end_emergencies(&self, now: UnixMicros) {
        let due: Vec<EmergencyId> = {
            let all = self.shared.emergencies.all();
            all.values().filter(|one| one.end(now).is_some()).map(|one| one.id.clone()).collect()
        };
        for id in due {
            let _turn = self.shared.emergencies.turn.lock().await;
            let Ok(before) = self.emergency(&id) else { continue };
            let Some(over) = before.end(now) else { continue };
            let what = if before.signers().is_some() { "emergency.over" } else { "emergency.lapsed" };
            if let Err(fault) = self.shared.put_emergency(over, what, "gateway").await {
                tracing::warn!(?fault, emergency = %id, "that an emergency is over could not be recorded");
            }
        }
    }

    fn emergency(&self, id: &EmergencyId) -> Result<Arc<Emergency>, Fault> {
        self.shared.emergencies.all().get(id).cloned().ok_or_else(|| {
            Fault::new(
                Blame::Caller,
                "caller.unknown_emergency",
                format!("there is no emergency `{id}`, or not any more"),
            )
            .hint("`countersign holds emergency` lists them; `countersign trace` what became of the rest")
        })
    }

    /// Whoever waits with a call that needs no approval now calls again. It is taken back first, so that nobody can approve it
    /// besides: it runs once.
    pub(crate) async fn give_back(&self, by: &str, lifts: impl Fn(&Asked) -> bool) {
        for entry in self.shared.desk.all() {
            let hold = entry.now();
            let waits = hold.waits_for == WaitsFor::People && matches!(hold.state, State::Pending);
            if !waits || !lifts(&hold.asked) {
                continue;
            }
            let event = Event::Cancel { by: by.to_owned() };
            if let Err(StepFault::Fault(fault)) = self.shared.step(&entry, event, by).await {
                tracing::warn!(?fault, hold = %hold.id, "a call that needs no approval now goes on waiting");
            }
        }
    }
}

// === impl Shared ===

impl Shared {
    /// The emergency that lets a call through that is held for people, as approvals of it; none where there is none.
    pub(crate) fn emergency_for(&self, asked: &Asked) -> Option<Vec<Approved>> {
        let all: Vec<Arc<Emergency>> = self.emergencies.all().values().cloned().collect();
        if all.is_empty() {
            return None;
        }
        let (directory, now) = (self.parts.directory.snapshot(), self.parts.clock.now());
        let office = self.office(&directory);
        let found = all.into_iter().find(|emergency| emergency.lifts(asked, office, now))?;
        let approved = |signed: &hold::Approval| Approved {
            by: signed.by.clone(),
            how: signed.how,
            at_us: signed.at.0,
            hold: None,
            for_task: false,
            emergency: Some(found.id.clone()),
        };
        Some(found.signers()?.map(approved).to_vec())
    }

    fn office<'a>(&'a self, directory: &'a DirectorySnapshot) -> Office<'a> {
        Office { directory, approvers: &self.parts.limits.emergency_approvers }
    }

    /// On disk when this returns, and only then in force.
    async fn put_emergency(&self, emergency: Emergency, what: &str, by: &str) -> Result<Arc<Emergency>, Fault> {
        let alive = matches!(emergency.state, EmergencyState::Asked | EmergencyState::Open { .. });
        let (key, wrong) = (emergency.id.to_string(), "an emergency could not be written");
        let sealed = || {
            let text = serde_json::to_vec(&emergency)
                .map_err(|error| Fault::new(Blame::Bug, "bug.emergency", wrong).because(error))?;
            self.desk.seal.seal(&about(&key), text)
        };
        let value = alive.then(sealed).transpose()?;
        let change = Change {
            by: by.to_owned(),
            what: what.to_owned(),
            subject: format!("emergency:{key}"),
            human: None,
            detail: self.detail_of(&emergency),
            state: vec![StateWrite { kind: EMERGENCY_STATE.to_owned(), key, value }],
        };
        self.change(change).await?;
        let emergency = Arc::new(emergency);
        let mut all = self.emergencies.all();
        match alive {
            true => all.insert(emergency.id.clone(), Arc::clone(&emergency)),
            false => all.remove(&emergency.id),
        };
        Ok(emergency)
    }

    /// What the record of a step says. `said` and `more` are what people are told.
    fn detail_of(&self, emergency: &Emergency) -> serde_json::Value {
        let Emergency { agent, app, reason, until, .. } = emergency;
        let place = app.as_ref().map_or_else(|| "every app".to_owned(), ToString::to_string);
        let said = match &emergency.state {
            EmergencyState::Asked => format!("somebody wants calls of {agent} on {place} to need no approval"),
            EmergencyState::Open { .. } => format!("calls of {agent} on {place} need no approval"),
            EmergencyState::Closed { .. } => format!("closed: calls of {agent} on {place} are held again"),
            EmergencyState::Over { .. } => format!("over: calls of {agent} on {place} are held again"),
        };
        let more = match &emergency.state {
            EmergencyState::Asked => format!("Why: {reason}. Another person has to countersign it."),
            EmergencyState::Open { .. } => format!("Why: {reason}. Until {}.", rfc3339(*until)),
            EmergencyState::Closed { .. } | EmergencyState::Over { .. } => String::new(),
        };
        let signed = |signed: &hold::Approval| {
            json!({
                "by": signed.by, "how": signed.how, "session": signed.session, "at": rfc3339(signed.at),
            })
        };
        json!({
            "emergency": emergency.id,
            "agent": agent,
            "app": app,
            "reason": reason,
            "state": emergency.state.as_str(),
            "until": rfc3339(*until),
            "asked": signed(&emergency.asked),
            "countersigned": emergency.countersigned.as_ref().map(signed),
            "said": said,
            "more": more,
        })
    }
}

impl Emergencies {
    pub(crate) fn are_none(&self) -> bool {
        self.all().is_empty()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<EmergencyId, Arc<Emergency>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the seal is bound to: calls that wait are sealed under the same key.
fn about(key: &str) -> String {
    format!("emergency\0{key}")
}

/// Whether whoever took a hold back did so because there is nothing to wait for now: such calls need no approval, or what waited for
/// a fact was asked again and decided.
pub(crate) fn gives_back(by: &str) -> bool {
    [GIVEN_BY_EMERGENCY, GIVEN_BY_TASK, GIVEN_BY_CALL].iter().any(|given| by.starts_with(given))
}

const GIVEN_BY_EMERGENCY: &str = "emergency:";
pub(crate) const GIVEN_BY_CALL: &str = "call:";
/// The kind of state under which emergencies are kept.
pub const EMERGENCY_STATE: &str = "emergency";
