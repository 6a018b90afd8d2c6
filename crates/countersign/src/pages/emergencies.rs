//! Emergencies, as pages show them.

use std::sync::Arc;

use console::{Emergencies, EmergencyAct, EmergencyView, HoldsFuture};
use engine::{Emergency, EmergencyWanted};
use identity::people::SignedIn;
use model::limits::EMERGENCY_TIME_MAX;
use model::{AgentId, AppId, Blame, Directory as _, EmergencyId, Fault, HumanId, IdError};

use crate::gateway::Gateway;

/// The emergencies of this gateway.
pub(super) struct Alarms {
    pub(super) gateway: Arc<Gateway>,
}

impl Emergencies for Alarms {
    fn all(&self, human: &HumanId) -> Vec<EmergencyView> {
        self.gateway.engine.emergencies().iter().map(|emergency| self.view(emergency, human)).collect()
    }

    fn may_ask(&self, human: &HumanId) -> Result<(), String> {
        self.gateway.engine.may_open_emergency(None, human).map_err(|no| no.to_string())
    }

    fn act(&self, who: SignedIn, act: EmergencyAct) -> HoldsFuture<'_> {
        Box::pin(async move {
            let (engine, by) = (&self.gateway.engine, who.approver());
            let wrong = |error: IdError| Fault::new(Blame::Caller, "caller.form", error.to_string());
            let meant = |id: &str| EmergencyId::parse(id).map_err(wrong);
            match act {
                EmergencyAct::Ask { agent, app, reason } => {
                    let agent = AgentId::parse(&agent).map_err(wrong)?;
                    let app = Some(app).filter(|app| !app.is_empty());
                    let app = app.map(|app| AppId::parse(&app)).transpose().map_err(wrong)?;
                    let wanted = EmergencyWanted { agent, app, reason, lasts: EMERGENCY_TIME_MAX };
                    engine.ask_emergency(wanted, &by).await.map(drop)
                }
                EmergencyAct::Countersign { id } => engine.countersign_emergency(&meant(&id)?, &by).await.map(drop),
                EmergencyAct::Close { id } => engine.close_emergency_as(&meant(&id)?, &by).await.map(drop),
            }
        })
    }
}

impl Alarms {
    fn view(&self, emergency: &Emergency, viewer: &HumanId) -> EmergencyView {
        let (engine, directory) = (&self.gateway.engine, self.gateway.directory.snapshot());
        let now = engine.clock().now();
        let name = |id: &HumanId| directory.humans.get(id).map_or_else(|| id.to_string(), |human| human.name.clone());
        let agent = directory.agents.get(&emergency.agent);
        let app = emergency
            .app
            .as_ref()
            .map(|id| directory.apps.get(id).map_or_else(|| id.to_string(), |app| app.name.clone()));
        let open = emergency.is_open(now);
        let signed = std::iter::once(&emergency.asked).chain(&emergency.countersigned);
        let may_countersign = match engine.may_open_emergency(Some(&emergency.agent), viewer) {
            _ if open => Err("Two people signed it.".to_owned()),
            Ok(()) if directory.same_person(viewer, &emergency.asked.by) => {
                Err("you asked for it, and another person has to".to_owned())
            }
            other => other.map_err(|no| no.to_string()),
        };
        EmergencyView {
            id: emergency.id.to_string(),
            open,
            agent: agent.map_or_else(|| emergency.agent.to_string(), |agent| agent.name.clone()),
            app,
            reason: emergency.reason.clone(),
            people: signed.map(|signed| name(&signed.by)).collect(),
            left_us: emergency.until.since(now),
            may_countersign,
        }
    }
}
