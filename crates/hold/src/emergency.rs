//! An emergency: for half an hour at most, calls of one agent that rules hold need no approval, because two people say so.
//!
//! ```text
//! asked ─▶ open ─▶ closed, over
//!   └─────────────▶ closed, over
//! ```
//!
//! It lifts what an approval could lift, and nothing else: what is refused stays refused, and so does what a contract holds, for
//! that was promised to others.

use std::time::Duration;

use model::limits::{EMERGENCY_LIFTS_APPROVALS_MAX, EMERGENCY_REASON_CHARS_MAX, EMERGENCY_TIME_MAX};
use model::{AgentId, AppId, Approver, DirectorySnapshot, EmergencyId, HumanId, UnixMicros};
use serde::{Deserialize, Serialize};

use crate::record::{Approval, Asked};
use crate::who::{is_named, separate};

/// A time in which calls of one agent need no approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Emergency {
    /// Its id, which is no secret and opens nothing.
    pub id: EmergencyId,
    /// Whose calls.
    pub agent: AgentId,
    /// On which app; none: on all of them.
    pub app: Option<AppId>,
    /// Why, in the words of whoever asked for it.
    pub reason: String,
    /// How long it is to last once it is open, in microseconds.
    pub lasts_us: i64,
    /// Who asked for it.
    pub asked: Approval,
    /// Who said yes to that.
    pub countersigned: Option<Approval>,
    /// From when on nothing comes of it any more.
    pub until: UnixMicros,
    /// Where it stands.
    pub state: EmergencyState,
}

/// Where an emergency stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum EmergencyState {
    /// One person asks for it, and it lets nothing through.
    Asked,
    /// Two people opened it.
    Open {
        /// When.
        at: UnixMicros,
    },
    /// Somebody ended it.
    Closed {
        /// Who.
        by: String,
        /// When.
        at: UnixMicros,
    },
    /// Its time was over.
    Over {
        /// When that was found.
        at: UnixMicros,
    },
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct EmergencyWanted {
    /// Whose calls are to need no approval.
    pub agent: AgentId,
    /// On which app; none: on all of them.
    pub app: Option<AppId>,
    /// Why.
    pub reason: String,
    /// For how long.
    pub lasts: Duration,
}

/// Who there is now, and who may open emergencies.
#[derive(Debug, Clone, Copy)]
pub struct Office<'a> {
    /// Who there is.
    pub directory: &'a DirectorySnapshot,
    /// Who may, as rules name approvers: by role or by person.
    pub approvers: &'a [String],
}

/// Why there is no emergency. The sentence may be shown to whoever tried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoEmergency {
    /// The configuration names nobody.
    #[error("nobody is named who may open an emergency")]
    Off,
    /// No reason was given.
    #[error("an emergency has a reason, which goes on record")]
    NoReason,
    /// It was to last too long, or not at all.
    #[error("an emergency lasts from one second to {} minutes", EMERGENCY_TIME_MAX.as_secs() / 60)]
    Lasts,
    /// There is no such agent.
    #[error("there is no agent `{0}`")]
    NoAgent(AgentId),
    /// There is no such app.
    #[error("there is no app `{0}`")]
    NoApp(AppId),
    /// Nobody by that name.
    #[error("`{who}` is not in the directory")]
    Unknown {
        /// Who tried.
        who: HumanId,
    },
    /// Somebody who has left.
    #[error("`{who}` has left")]
    Left {
        /// Who.
        who: HumanId,
    },
    /// Somebody who is not among those named.
    #[error("`{who}` is not one of those who may open an emergency")]
    NotNamed {
        /// Who tried.
        who: HumanId,
    },
    /// Somebody who answers for the agent, by whatever account.
    #[error("`{who}` answers for `{agent}`: nobody opens an emergency for their own agent")]
    AgentsOwner {
        /// Who tried.
        who: HumanId,
        /// The agent.
        agent: AgentId,
    },
    /// The person who asked for it.
    #[error("`{who}` asked for it, and another person has to countersign it")]
    SamePerson {
        /// Who tried.
        who: HumanId,
    },
    /// It is open.
    #[error("it is open already")]
    Open,
    /// Nothing comes of it any more.
    #[error("it is over")]
    Over,
}

// === impl Emergency ===

impl Emergency {
    /// One that a person asks for. It lets nothing through.
    pub fn ask(
        id: EmergencyId,
        wanted: EmergencyWanted,
        by: &Approver,
        office: Office<'_>,
        now: UnixMicros,
    ) -> Result<Self, NoEmergency> {
        let EmergencyWanted { agent, app, reason, lasts } = wanted;
        if office.approvers.is_empty() {
            return Err(NoEmergency::Off);
        }
        if !office.directory.agents.contains_key(&agent) {
            return Err(NoEmergency::NoAgent(agent));
        }
        if let Some(app) = app.as_ref().filter(|app| !office.directory.apps.contains_key(app.as_str())) {
            return Err(NoEmergency::NoApp(app.clone()));
        }
        let reason: String = reason.trim().chars().filter(|char| !char.is_control()).collect();
        let reason: String = reason.chars().take(EMERGENCY_REASON_CHARS_MAX).collect();
        if reason.is_empty() {
            return Err(NoEmergency::NoReason);
        }
        if lasts < Duration::from_secs(1) || lasts > EMERGENCY_TIME_MAX {
            return Err(NoEmergency::Lasts);
        }
        office.may_sign(&agent, by.human())?;
        let (asked, until) = (signature(by, now), after(now, micros(EMERGENCY_TIME_MAX)));
        let (lasts_us, countersigned, state) = (micros(lasts), None, EmergencyState::Asked);
        Ok(Self { id, agent, app, reason, lasts_us, asked, countersigned, until, state })
    }

    /// Another person says yes, too: it is open, for as long as was asked for.
    pub fn countersign(&self, by: &Approver, office: Office<'_>, now: UnixMicros) -> Result<Self, NoEmergency> {
        match self.state {
            EmergencyState::Asked if now < self.until => {}
            EmergencyState::Open { .. } if now < self.until => return Err(NoEmergency::Open),
            _ => return Err(NoEmergency::Over),
        }
        let who = by.human();
        office.may_sign(&self.agent, who)?;
        // Whoever asked may have left meanwhile.
        office.may_sign(&self.agent, &self.asked.by)?;
        if office.directory.same_person(who, &self.asked.by) {
            return Err(NoEmergency::SamePerson { who: who.clone() });
        }
        let until = after(now, self.lasts_us.clamp(0, micros(EMERGENCY_TIME_MAX)));
        let (countersigned, state) = (Some(signature(by, now)), EmergencyState::Open { at: now });
        Ok(Self { countersigned, until, state, ..self.clone() })
    }

    /// Somebody ends it.
    pub fn close(&self, by: String, now: UnixMicros) -> Result<Self, NoEmergency> {
        match self.state {
            EmergencyState::Asked | EmergencyState::Open { .. } => {
                Ok(Self { state: EmergencyState::Closed { by, at: now }, ..self.clone() })
            }
            EmergencyState::Closed { .. } | EmergencyState::Over { .. } => Err(NoEmergency::Over),
        }
    }

    /// Its time is over. None: not yet, or it has ended.
    pub fn end(&self, now: UnixMicros) -> Option<Self> {
        let lives = matches!(self.state, EmergencyState::Asked | EmergencyState::Open { .. });
        (lives && now >= self.until).then(|| Self { state: EmergencyState::Over { at: now }, ..self.clone() })
    }

    /// Whether it lets calls through now.
    pub fn is_open(&self, now: UnixMicros) -> bool {
        matches!(self.state, EmergencyState::Open { .. }) && now < self.until
    }

    /// Whether it waits for a second person now.
    pub fn is_asked(&self, now: UnixMicros) -> bool {
        matches!(self.state, EmergencyState::Asked) && now < self.until
    }

    /// Who opened it: both, or none of them.
    pub fn signers(&self) -> Option<[&Approval; 2]> {
        Some([&self.asked, self.countersigned.as_ref()?])
    }

    /// Whether it lifts everything that holds this call, now: it is open, of this agent and app, nobody of those who opened it has
    /// a part in the call, both still may open one, and no rule wants more people, nor a contract any.
    pub fn lifts(&self, asked: &Asked, office: Office<'_>, now: UnixMicros) -> bool {
        let Some([one, other]) = self.signers().filter(|_| self.is_open(now)) else { return false };
        let good = |signer: &Approval| {
            office.may_sign(&self.agent, &signer.by).is_ok() && separate(asked, &signer.by, office.directory).is_ok()
        };
        self.agent == asked.agent
            && self.app.as_ref().is_none_or(|app| *app == asked.app)
            && good(one)
            && good(other)
            && !office.directory.same_person(&one.by, &other.by)
            && !asked.reasons.is_empty()
            && !asked.each_by_itself()
            && asked.reasons.iter().all(|reason| reason.approvals <= EMERGENCY_LIFTS_APPROVALS_MAX)
    }
}

// === impl Office ===

impl Office<'_> {
    /// Whether this person may open an emergency for this agent, now, with another one. Error: why not.
    pub fn may_sign(&self, agent: &AgentId, who: &HumanId) -> Result<(), NoEmergency> {
        self.is_named(who)?;
        let owner = self.directory.agents.get(agent).map(|agent| &agent.owner);
        match owner.is_some_and(|owner| self.directory.same_person(owner, who)) {
            true => Err(NoEmergency::AgentsOwner { who: who.clone(), agent: agent.clone() }),
            false => Ok(()),
        }
    }

    /// Whether this person is one of those named. Error: why not.
    pub fn is_named(&self, who: &HumanId) -> Result<(), NoEmergency> {
        if self.approvers.is_empty() {
            return Err(NoEmergency::Off);
        }
        let human = self.directory.humans.get(who).ok_or_else(|| NoEmergency::Unknown { who: who.clone() })?;
        if !human.active {
            return Err(NoEmergency::Left { who: who.clone() });
        }
        match self.approvers.iter().any(|word| is_named(word, human)) {
            true => Ok(()),
            false => Err(NoEmergency::NotNamed { who: who.clone() }),
        }
    }
}

impl EmergencyState {
    /// The word used everywhere.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Open { .. } => "open",
            Self::Closed { .. } => "closed",
            Self::Over { .. } => "over",
        }
    }
}

fn signature(by: &Approver, at: UnixMicros) -> Approval {
    Approval { by: by.human().clone(), how: by.how(), session: by.session().to_owned(), at, for_task: false }
}

fn after(now: UnixMicros, micros: i64) -> UnixMicros {
    UnixMicros(now.0.saturating_add(micros))
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
