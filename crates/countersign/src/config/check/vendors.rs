//! Vendors, and the HTTP APIs that they reach through the gateway.

use std::sync::Arc;

use http::Uri;
use http_proxy::{Api, ApiSpec};
use model::written::is_of_one_host;
use model::{Agent, AgentId, AppId, DirectorySnapshot, HumanId, VendorId};
use openapi::{Mapping, MappingError};
use serde_saphyr::Spanned;

use super::super::raw::{RawApp, RawConfig};
use super::{Checker, read_guarded, shown};

impl Checker<'_> {
    /// A vendor's integration is an agent of the person who answers for it here: whoever offboards that person, or suspends
    /// it, stops the vendor.
    pub(super) fn vendors(&mut self, raw: &RawConfig, directory: &mut DirectorySnapshot) -> Vec<VendorId> {
        let mut vendors = Vec::new();
        for (written, vendor) in &raw.vendors.0 {
            let Some(id) = self.id(written, VendorId::parse) else { continue };
            let people = directory.humans.keys().map(HumanId::as_str);
            let owner = self.known(&vendor.responsible, people, "person");
            let (Some(owner), Some(agent)) =
                (owner.and_then(|owner| HumanId::parse(&owner).ok()), self.id(written, AgentId::parse))
            else {
                continue;
            };
            let entry = Agent {
                id: agent.clone(),
                name: vendor.name.clone().unwrap_or_else(|| id.to_string()),
                owner,
                model_tier: None,
                recommend_only: false,
                active: vendor.active.unwrap_or(true),
            };
            directory.vendors.insert(agent.clone());
            if directory.agents.insert(agent, Arc::new(entry)).is_some() {
                let said = format!("`{id}` is both an agent and a vendor");
                self.problem(written, said, Some("give one of them another name".to_owned()));
            }
            vendors.push(id);
        }
        vendors
    }

    /// An app that is an HTTP API.
    pub(super) fn api(&mut self, id: &AppId, raw: &RawApp, api: &Spanned<String>) -> Option<ApiSpec> {
        let not_for_it = [
            ("command", raw.command.as_ref().map(|written| written.referenced)),
            ("credential_variable", raw.credential_variable.as_ref().map(|written| written.referenced)),
            ("profile", raw.profile.as_ref().map(|written| written.referenced)),
            ("tools", raw.tools.as_ref().map(|written| written.referenced)),
        ];
        if let Some((key, _)) = not_for_it.into_iter().find(|(_, written)| written.is_some()) {
            let said = format!("app `{id}` has both `api:` and `{key}:`");
            self.problem(api, said, Some(format!("leave `{key}:` away: its mapping says what it is")));
            return None;
        }
        if let Some(written) = &raw.calls_in_flight_max {
            let hint = "leave it away: calls of agents have a quarter of `limits: {calls_in_flight_max}` there";
            self.problem(written, format!("app `{id}` has `api:`"), Some(hint.to_owned()));
            return None;
        }
        let name = &api.value;
        let mapping = self.mapping(api)?;
        if !mapping.tools.is_empty() {
            let said = format!("the mapping `{name}` is of an app that speaks MCP");
            self.problem(api, said, Some("name it under `tools:`, beside `url:` or `command:`".to_owned()));
            return None;
        }
        let base = match &raw.url {
            Some(url) => self.url(url)?,
            None => {
                let base = mapping.base.parse::<Uri>().ok();
                let base = base.filter(|base| matches!(base.scheme_str(), Some("http" | "https")));
                let Some(base) = base.filter(|_| is_of_one_host(&mapping.base)) else {
                    let said = format!("the mapping `{name}` has no `base:` that is an address");
                    self.problem(api, said, Some("give the app a `url:`".to_owned()));
                    return None;
                };
                base
            }
        };
        if base.query().is_some() {
            let address = raw.url.as_ref().map_or_else(|| mapping.base.clone(), shown);
            self.problem(api, format!("the address `{address}` has a query"), Some("leave it away".to_owned()));
            return None;
        }
        let spec = ApiSpec { app: id.clone(), base, mapping, arguments: raw.trace.arguments };
        if let Err(error) = Api::new(&spec) {
            self.problem(api, format!("the mapping `{name}` is refused: {error}"), None);
            return None;
        }
        Some(spec)
    }
}

impl Checker<'_> {
    /// Which records the tools of an app deal with.
    pub(super) fn tools(&mut self, written: &Spanned<String>) -> Option<Arc<Mapping>> {
        let mapping = self.mapping(written)?;
        if mapping.tools.is_empty() {
            let said = format!("the mapping `{}` names no tools", written.value);
            self.problem(written, said, Some("an HTTP API has its mapping under `api:`".to_owned()));
            return None;
        }
        Some(mapping)
    }

    fn mapping(&mut self, written: &Spanned<String>) -> Option<Arc<Mapping>> {
        let name = &written.value;
        let mapping = read_guarded(&self.path(name))
            .map_err(|problem| (problem.said, problem.hint))
            .and_then(|text| Mapping::read(name, &text).map_err(|errors| refused(&errors)));
        match mapping {
            Ok(mapping) => Some(Arc::new(mapping)),
            Err((said, hint)) => {
                self.problem(written, format!("the mapping `{name}` is refused: {said}"), hint);
                None
            }
        }
    }
}

/// All that is wrong in a mapping, each with its place, and the way out of the first.
fn refused(errors: &[MappingError]) -> (String, Option<String>) {
    let said: Vec<String> = errors.iter().map(MappingError::to_string).collect();
    (said.join("; "), errors.first().and_then(|error| error.hint.clone()))
}
