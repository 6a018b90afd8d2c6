//! Who sees what: readers everything, everybody else what was done for them, by their agents and on their apps.

use model::{AgentId, AppId, DirectorySnapshot, Human, HumanId};
use trace::{Entry, Field, Query, RecordKind};

use crate::port::Readers;

/// What one person may see.
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    everything: bool,
    human: HumanId,
    agents: Vec<AgentId>,
    apps: Vec<AppId>,
}

impl Sight {
    /// Of this person, as the directory is right now.
    pub(crate) fn of(human: &Human, directory: &DirectorySnapshot, readers: &Readers) -> Self {
        let agents = directory.agents.values().filter(|agent| agent.owner == human.id);
        let apps = directory.apps.values().filter(|app| app.owners.contains(&human.id));
        Self {
            everything: readers.admit(human),
            human: human.id.clone(),
            agents: agents.map(|agent| agent.id.clone()).collect(),
            apps: apps.map(|app| app.id.clone()).collect(),
        }
    }

    /// Whether that is everything.
    pub(crate) fn is_everything(&self) -> bool {
        self.everything
    }

    /// Whether a contract for which this person answers, about these apps, may be shown.
    pub(crate) fn concerns(&self, responsible: &HumanId, apps: &[AppId]) -> bool {
        self.everything || self.human == *responsible || apps.iter().any(|app| self.apps.contains(app))
    }

    /// Whether this record may be shown. An outcome by itself says nothing of whom it is about.
    pub(crate) fn sees(&self, entry: &Entry) -> bool {
        let is = |value: &Option<String>, id: &str| value.as_deref() == Some(id);
        self.everything
            || entry.kind == RecordKind::Intent
                && (is(&entry.human, self.human.as_str())
                    || self.agents.iter().any(|agent| is(&entry.agent, agent.as_str()))
                    || self.apps.iter().any(|app| is(&entry.app, app.as_str())))
    }

    /// Questions that find, together, what fits and may be shown.
    pub(crate) fn narrowed(&self, query: &Query) -> Vec<Query> {
        if self.everything {
            return vec![query.clone()];
        }
        let calls = query.clone().of_kind(RecordKind::Intent);
        let mut narrowed = vec![calls.clone().with(Field::Human, self.human.as_str())];
        if !self.agents.is_empty() {
            narrowed.push(calls.clone().with_any(Field::Agent, self.agents.iter().map(AgentId::as_str)));
        }
        if !self.apps.is_empty() {
            narrowed.push(calls.with_any(Field::App, self.apps.iter().map(AppId::as_str)));
        }
        narrowed
    }
}

#[cfg(test)]
mod tests;
