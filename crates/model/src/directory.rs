//! Who there is: people, agents, apps, and whether each may act at all right now.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, AppId, HumanId};
use crate::time::UnixMicros;

/// A person work is delegated by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Human {
    /// The id tokens carry as `sub`.
    pub id: HumanId,
    /// The name people read.
    pub name: String,
    /// Organisational unit.
    pub department: Option<String>,
    /// For example `executive`, `senior`, `contractor`.
    pub seniority: Option<String>,
    /// For example `cfo`, `support`.
    pub role: Option<String>,
    /// The person this one reports to.
    pub manager: Option<HumanId>,
    /// False once offboarded.
    pub active: bool,
}

/// Software that acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// The id tokens carry as `client_id`.
    pub id: AgentId,
    /// The name people read.
    pub name: String,
    /// The person who answers for it.
    pub owner: HumanId,
    /// How capable its model is, in the organisation's words: `small`, `frontier`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_tier: Option<String>,
    /// True: what it asks is answered with what would have happened, and nothing runs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recommend_only: bool,
    /// False while suspended.
    pub active: bool,
}

/// A target system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// The id in addresses and tool names.
    pub id: AppId,
    /// The name people read.
    pub name: String,
    /// How much harm its use can do.
    pub risk: Risk,
    /// The most sensitive data it holds.
    pub data: DataClassification,
    /// What it is, for example `crm`.
    pub category: Option<String>,
    /// The people who answer for it.
    pub owners: Vec<HumanId>,
    /// Who may change things in it.
    pub access: Access,
    /// True while its kill switch is pulled.
    pub stopped: bool,
    /// True: what rules would do is recorded, and not done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub observe: bool,
}

/// Who has access to an app: any one match is enough. Owners always have it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// By person.
    pub people: Vec<HumanId>,
    /// By role.
    pub roles: Vec<String>,
    /// By department.
    pub departments: Vec<String>,
}

/// How much harm the use of an app can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Reads run unattended under the baseline.
    Low,
    /// Something in between.
    Medium,
    /// Customer data, money, production.
    High,
}

/// The most sensitive data an app holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataClassification {
    /// Anyone may see it.
    Public,
    /// Anyone inside may see it.
    Internal,
    /// Only some may see it.
    Confidential,
    /// Law or contract limits who may see it.
    Restricted,
}

/// Everything the directory knows at one moment. Immutable; replaced whole.
#[derive(Debug, Clone, Default)]
pub struct DirectorySnapshot {
    /// People by id.
    pub humans: HashMap<HumanId, Arc<Human>>,
    /// Agents by id.
    pub agents: HashMap<AgentId, Arc<Agent>>,
    /// Those of the agents that are vendors': each comes in with what stands for its contract, and with nothing else.
    pub vendors: HashSet<AgentId>,
    /// Apps by id.
    pub apps: HashMap<AppId, Arc<App>>,
    /// Who stands behind an account, where a person has more than one: all of them have the same word here.
    pub persons: HashMap<HumanId, Arc<str>>,
    /// What the organisation's identity provider calls people, each as it writes it. No two share a name.
    pub known_elsewhere: HashMap<Arc<str>, HumanId>,
    /// True while everything is stopped.
    pub all_stopped: bool,
    /// Since when it says this: when it was read, or last changed. None: nobody knows.
    pub as_of: Option<UnixMicros>,
}

/// The port through which a decision sees the directory. Never blocks, never fails: a snapshot in memory.
pub trait Directory: Send + Sync {
    /// What is true from now on. A change is visible to the very next call of this.
    fn snapshot(&self) -> Arc<DirectorySnapshot>;
}

impl DirectorySnapshot {
    /// Whether two accounts are one person's.
    pub fn same_person(&self, one: &HumanId, other: &HumanId) -> bool {
        let person = |account: &HumanId| self.persons.get(account);
        one.as_str().eq_ignore_ascii_case(other.as_str())
            || matches!((person(one), person(other)), (Some(one), Some(other)) if one == other)
    }

    /// Why nothing runs for this person by this agent, whatever the rules say: one of them has left or is suspended. None: it may.
    pub fn standstill(&self, human: &HumanId, agent: &AgentId) -> Option<String> {
        let left = self.humans.get(human).filter(|human| !human.active);
        left.map(|human| format!("{} has left and delegates nothing any more", human.name)).or_else(|| {
            let suspended = self.agents.get(agent).filter(|agent| !agent.active);
            suspended.map(|agent| format!("{} is suspended", agent.name))
        })
    }
}

impl App {
    /// Whether this person may change things in this app.
    pub fn admits(&self, human: &Human) -> bool {
        self.owners.contains(&human.id)
            || self.access.people.contains(&human.id)
            || human.role.as_ref().is_some_and(|role| self.access.roles.contains(role))
            || human.department.as_ref().is_some_and(|department| self.access.departments.contains(department))
    }
}

impl Risk {
    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl DataClassification {
    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Confidential => "confidential",
            Self::Restricted => "restricted",
        }
    }
}

impl Directory for DirectorySnapshot {
    fn snapshot(&self) -> Arc<DirectorySnapshot> {
        Arc::new(self.clone())
    }
}
