//! What rules may name: in YAML what the configuration and the profiles of its apps have; of tools, whatever language a rule is
//! written in, what apps were seen to offer.

use std::collections::{BTreeMap, BTreeSet};

use mcp::Reviews;
use model::{AppId, ToolName};
use openapi::Tools;
use policy::{Bundle, Known, KnownApp, KnownRole, KnownTool, PolicyError};
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

/// The places where rules name a tool that nobody has seen of its app. Of an app of which nobody has seen any, nothing is told.
pub fn unseen_tools(config: &Config, bundle: &Bundle, reviews: &Reviews) -> Vec<PolicyError> {
    bundle.tools_not_among(&tools(config, reviews))
}

/// The tools that apps are known to have, where they are known.
fn tools(config: &Config, reviews: &Reviews) -> BTreeMap<AppId, BTreeSet<ToolName>> {
    let mut known = reviews.tools();
    for spec in &config.apps {
        if let (Some(tools), Some(profile)) = (known.get_mut(&spec.id), &spec.profile) {
            tools.extend(profile.tools().map(|(name, _)| name.clone()));
        }
    }
    for api in &config.apis {
        let operations = Tools::of(&api.mapping);
        let names = operations.iter().filter_map(|(name, _)| ToolName::parse(name).ok());
        known.entry(api.app.clone()).or_default().extend(names);
    }
    known
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
