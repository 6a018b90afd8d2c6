//! What rules may name: the apps there are with the words of their profiles, the people, the agents.
//!
//! The binary fills this in from its configuration. A name that is not here is a mistake of the rule, told at load.

use std::collections::{BTreeMap, BTreeSet};

use model::{AgentId, AppId, Class, CostClass, Digest, HumanId, ToolName};

/// What rules may name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The apps.
    pub apps: BTreeMap<AppId, KnownApp>,
    /// The people, those who have left included.
    pub people: BTreeSet<HumanId>,
    /// The agents.
    pub agents: BTreeSet<AgentId>,
}

/// An app, as its profile describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownApp {
    /// The name of its profile, if it has one.
    pub profile: Option<String>,
    /// The digest of its profile.
    pub described_by: Option<Digest>,
    /// The tools that the profile knows.
    pub tools: BTreeMap<ToolName, KnownTool>,
}

/// A tool, as a profile describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownTool {
    /// Its class.
    pub class: Class,
    /// The word rules use for it.
    pub verb: Option<String>,
    /// What its arguments stand for: `repo`, `path`.
    pub roles: BTreeMap<String, KnownRole>,
    /// What one use costs.
    pub cost: Option<CostClass>,
    /// What the profile says of its data.
    pub labels: BTreeSet<String>,
}

/// What the values of a role look like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownRole {
    /// What joins the parts of a value that is made of several: `/` in `acme/website`.
    pub join: Option<String>,
    /// Whether values come in small letters, for the app makes no difference.
    pub ignore_case: bool,
}

/// One or several apps, as a rule speaks of them, and their words.
#[derive(Debug, Clone)]
pub(crate) struct Apps<'a> {
    pub(crate) ids: Vec<AppId>,
    apps: Vec<&'a KnownApp>,
}

impl Known {
    /// The app of this id, else every app that has the profile of this name.
    pub(crate) fn apps_named(&self, name: &str) -> Option<Apps<'_>> {
        if let Some((id, app)) = self.apps.get_key_value(name) {
            return Some(Apps { ids: vec![id.clone()], apps: vec![app] });
        }
        let (ids, apps): (Vec<_>, Vec<_>) = self
            .apps
            .iter()
            .filter(|(_, app)| app.profile.as_deref() == Some(name))
            .map(|(id, app)| (id.clone(), app))
            .unzip();
        (!ids.is_empty()).then_some(Apps { ids, apps })
    }

    /// All apps at once.
    pub(crate) fn every_app(&self) -> Apps<'_> {
        Apps { ids: self.apps.keys().cloned().collect(), apps: self.apps.values().collect() }
    }

    /// Everything that [`apps_named`](Self::apps_named) knows, once each.
    pub(crate) fn names_of_apps(&self) -> BTreeSet<&str> {
        let profiles = self.apps.values().filter_map(|app| app.profile.as_deref());
        self.apps.keys().map(AppId::as_str).chain(profiles).collect()
    }
}

impl<'a> Apps<'a> {
    pub(crate) fn tools(&self) -> impl Iterator<Item = (&'a ToolName, &'a KnownTool)> {
        self.apps.iter().flat_map(|app| app.tools.iter())
    }

    /// Whether a profile says what the tools are.
    pub(crate) fn have_profile(&self) -> bool {
        self.apps.iter().any(|app| app.profile.is_some())
    }

    pub(crate) fn verbs(&self) -> BTreeSet<&'a str> {
        self.tools().filter_map(|(_, tool)| tool.verb.as_deref()).collect()
    }

    pub(crate) fn roles(&self) -> BTreeMap<&'a str, &'a KnownRole> {
        self.tools().flat_map(|(_, tool)| tool.roles.iter().map(|(name, role)| (name.as_str(), role))).collect()
    }

    pub(crate) fn labels(&self) -> BTreeSet<&'a str> {
        self.tools().flat_map(|(_, tool)| tool.labels.iter().map(String::as_str)).collect()
    }
}
