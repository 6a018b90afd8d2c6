//! The apps that agents reach over MCP: those that speak it, and HTTP APIs, whose operations are their tools.

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;
use decide::{Outgoing, Permit};
use engine::Engine;
use http_proxy::{ApiSpec, BadMapping, Offered};
use mcp::{AppSpec, Foreign, ForeignAnswer, ForeignFuture, Target};
use model::{AppId, ReadArguments, ToolName};
use profile::Profile;
use serde_json::{Map, Value, json};

use crate::config::Config;

/// An HTTP API as agents see it.
struct OfferedApi(Offered);

impl Foreign for OfferedApi {
    fn is_as(&self, other: &dyn Foreign) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Self>().is_some_and(|other| self.0.is_as(&other.0))
    }

    fn address(&self) -> String {
        self.0.address()
    }

    fn tools(&self) -> Vec<Bytes> {
        self.0.definitions()
    }

    fn reader(&self, tool: &ToolName) -> Arc<dyn ReadArguments> {
        self.0.reader(tool, profile::unprofiled())
    }

    fn send<'a>(&'a self, permit: Permit, call: Outgoing, unchanged: Option<String>) -> ForeignFuture<'a> {
        Box::pin(async move {
            let answered = self.0.send(permit, call, unchanged).await?;
            Ok(ForeignAnswer { answer: answered.answer, version: answered.version })
        })
    }

    fn leave(&self) {
        self.0.leave();
    }

    fn rest(&self) {
        self.0.rest();
    }
}

/// Every app that agents reach. Error: a mapping cannot be meant.
pub fn offered(config: &Config, engine: &Engine) -> Result<Vec<AppSpec>, (AppId, BadMapping)> {
    let of_api = |api: &ApiSpec| -> Result<AppSpec, BadMapping> {
        let most = engine.limits().answer_bytes_max;
        let offered = Offered::new(api, Arc::clone(engine.credentials()), most)?;
        Ok(AppSpec {
            id: api.app.clone(),
            profile: Some(Arc::new(profile_of(&offered, api)?)),
            stateless: true,
            arguments: api.arguments,
            calls_in_flight_max: None,
            mapping: Some(Arc::clone(offered.tools())),
            target: Target::Foreign(Arc::new(OfferedApi(offered))),
        })
    };
    let apis = config.apis.iter().map(|api| of_api(api).map_err(|error| (api.app.clone(), error)));
    config.apps.iter().cloned().map(Ok).chain(apis).collect()
}

/// What its operations can do at their worst says its mapping.
fn profile_of(offered: &Offered, api: &ApiSpec) -> Result<Profile, BadMapping> {
    let why = "the mapping of the app says so";
    let tools: Map<String, Value> =
        offered.classes().map(|(name, class)| (name.to_owned(), json!({ "class": class, "why": why }))).collect();
    // JSON is YAML.
    let text = json!({ "profile": "mapping", "tools": tools }).to_string();
    let bad = |said: String| BadMapping { operation: api.app.to_string(), said };
    Profile::parse("mapping", &text).map_err(|error| bad(error.to_string()))
}
