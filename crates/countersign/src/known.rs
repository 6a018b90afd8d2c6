//! What rules in YAML may name, as the configuration and the profiles of its apps have it.

use model::AppId;
use policy::{Known, KnownApp, KnownRole, KnownTool};
use profile::{Profile, ProfiledTool, RoleKind};

use crate::config::Config;

/// The apps with the words of their profiles, the people and the agents.
pub fn known(config: &Config) -> Known {
    let directory = &config.directory;
    Known {
        apps: directory.apps.keys().map(|id| (id.clone(), app(config, id))).collect(),
        people: directory.humans.keys().cloned().collect(),
        agents: directory.agents.keys().cloned().collect(),
    }
}

fn app(config: &Config, id: &AppId) -> KnownApp {
    let spec = config.apps.iter().find(|spec| spec.id == *id);
    let Some(profile) = spec.and_then(|spec| spec.profile.as_deref()) else { return KnownApp::default() };
    let tools = profile.tools().map(|(name, described)| (name.clone(), tool(profile, described))).collect();
    KnownApp { profile: Some(profile.name().to_owned()), described_by: Some(profile.digest()), tools }
}

fn tool(profile: &Profile, described: &ProfiledTool) -> KnownTool {
    let forms = profile.roles();
    let mut tool = KnownTool {
        class: described.class(),
        verb: described.verb().map(ToString::to_string),
        roles: Default::default(),
        cost: described.cost(),
        labels: described.labels().iter().map(ToString::to_string).collect(),
    };
    for role in described.every_role() {
        let Some(form) = forms.get(role) else { continue };
        let join = form.join.as_deref().map(str::to_owned);
        tool.roles.insert(role.to_string(), KnownRole { join, ignore_case: form.ignore_case });
        if form.kind == RoleKind::Command {
            // A command names places and addresses, and they are read out of it.
            for named in ["path", "url"] {
                tool.roles.entry(named.to_owned()).or_default();
            }
        }
    }
    tool
}

#[cfg(test)]
mod tests;
