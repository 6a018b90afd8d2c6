//! The HTTP APIs that are reached through the gateway.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use http::Uri;
use model::{AppId, ArgumentLevel, Blame, Digest, Fault, ToolName};
use tokio::sync::Semaphore;

use crate::client::Client;
use crate::operation::Operation;
use crate::target::Target;
use openapi::{Mapping, Tools};

/// An API as the configuration names it.
#[derive(Debug, Clone)]
pub struct ApiSpec {
    /// The app.
    pub app: AppId,
    /// Where it is: operations' paths are below this.
    pub base: Uri,
    /// Its operations.
    pub mapping: Arc<Mapping>,
    /// How much of the arguments records keep.
    pub arguments: ArgumentLevel,
}

/// An API, ready.
pub struct Api {
    /// The app.
    pub(crate) app: AppId,
    pub(crate) base: Uri,
    pub(crate) mapping: Arc<Mapping>,
    /// Its operations as tools.
    pub(crate) tools: Arc<Tools>,
    pub(crate) kept: ArgumentLevel,
    operations: Vec<Arc<Operation>>,
    /// What is asked of which app with each of them, as one digest.
    definitions: HashMap<ToolName, Digest>,
    pub(crate) client: Client,
    left: AtomicBool,
}

/// All APIs, by app. Replaced whole.
pub struct Apis {
    by_app: ArcSwap<HashMap<AppId, Arc<Api>>>,
    /// What is free of how many calls to each app may wait for its answers; a reload leaves it as it is.
    rooms: Mutex<HashMap<AppId, Arc<Semaphore>>>,
}

/// What of a mapping cannot be meant. Blame: whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadMapping {
    /// The operation.
    pub operation: String,
    /// What is wrong, lower case, no full stop.
    pub said: String,
}

/// What a request asks for.
pub(crate) enum Asked {
    /// This, with these parameters in its path.
    Operation(Arc<Operation>, BTreeMap<String, String>),
    /// The path is known, but not with this method.
    OtherMethod,
    /// Nothing that is known.
    Nothing,
}

// === impl Api ===

impl Api {
    /// Error: the mapping cannot be meant.
    pub fn new(spec: &ApiSpec) -> Result<Self, BadMapping> {
        let mut operations: Vec<Arc<Operation>> = Vec::new();
        for (name, mapped) in &spec.mapping.operations {
            let operation = Operation::compile(name, mapped, &spec.mapping.entities)?;
            if let Some(same) = operations.iter().find(|known| known.same_as(&operation)) {
                let said = format!("it answers to the same requests as `{}`", same.name);
                return Err(BadMapping { operation: name.clone(), said });
            }
            operations.push(Arc::new(operation));
        }
        let tools = Tools::of(&spec.mapping);
        let definitions = tools.iter().filter_map(|(name, tool)| {
            let said = serde_json::json!([spec.base.to_string(), tool.definition(name)]);
            Some((ToolName::of_list(name).ok()?, digest_of(said.to_string().as_bytes())))
        });
        let definitions = definitions.collect();
        // The one that names more segments is meant.
        operations.sort_by_key(|operation| std::cmp::Reverse(operation.literals()));
        let unreachable = |fault: Fault| BadMapping { operation: "base".to_owned(), said: fault.to_string() };
        Ok(Self {
            app: spec.app.clone(),
            base: spec.base.clone(),
            mapping: Arc::clone(&spec.mapping),
            tools: Arc::new(tools),
            kept: spec.arguments,
            operations,
            definitions,
            client: Client::new(&spec.base).map_err(unreachable)?,
            left: AtomicBool::new(false),
        })
    }

    /// Whether a request of the other one goes to the same place as one of this, and asks the same there.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        (&self.app, &self.base, &self.mapping) == (&other.app, &other.base, &other.mapping)
    }

    /// Nothing goes there from now on: it is not in the configuration any more, or another one is in its place.
    pub(crate) fn leave(&self) {
        self.left.store(true, Ordering::SeqCst);
    }

    /// That requests still go there. Error: the configuration has another one in its place (blame `Operator`).
    pub(crate) fn stands(&self) -> Result<(), Fault> {
        if !self.left.load(Ordering::SeqCst) {
            return Ok(());
        }
        let said = "the app is configured in another way by now than when this was asked";
        Err(Fault::new(Blame::Operator, "operator.app_replaced", said).hint("ask again").retryable())
    }

    /// The operation of this name.
    pub(crate) fn operation(&self, name: &ToolName) -> Option<&Arc<Operation>> {
        self.operations.iter().find(|operation| operation.name == *name)
    }

    /// What the operation of this name is: an approval is of this one, and of no other that comes to be called so.
    pub(crate) fn definition(&self, name: &ToolName) -> Option<Digest> {
        self.definitions.get(name).copied()
    }

    /// What a request asks for.
    pub(crate) fn asked(&self, method: &http::Method, target: &Target) -> Asked {
        let mut other = false;
        for operation in &self.operations {
            let Some(parameters) = operation.matches(&target.segments) else { continue };
            if operation.method == *method {
                return Asked::Operation(Arc::clone(operation), parameters);
            }
            other = true;
        }
        if other { Asked::OtherMethod } else { Asked::Nothing }
    }

    /// That a request of this operation, with these parameters in its path, can be taken for no other one. Error: an app that looks
    /// for `/users/export` before `/users/{id}` would do something else than what was decided on (blame `Caller`).
    pub(crate) fn means_only(&self, operation: &Operation, in_path: &BTreeMap<String, String>) -> Result<(), Fault> {
        let Some(segments) = operation.segments(in_path) else { return Ok(()) };
        let other = self.operations.iter().find(|other| {
            !other.same_path_as(operation) && other.literals() >= operation.literals() && other.could_be(&segments)
        });
        let Some(other) = other else { return Ok(()) };
        let said = format!("with these parameters in its path it could be `{}` as well", other.name);
        Err(Fault::new(Blame::Caller, "caller.other_operation", said)
            .hint(format!("call `{}` if that is meant", other.name)))
    }

    /// The operation that looks up the record that this one changes.
    pub(crate) fn resolver(&self, change: &Operation) -> Option<&Arc<Operation>> {
        let (name, _) = self.tools.resolver(change.name.as_str())?;
        self.operations.iter().find(|operation| operation.name.as_str() == name)
    }
}

// === impl Apis ===

impl Apis {
    /// The APIs of a configuration. Error: a mapping cannot be meant; the app it is of stands beside it.
    pub fn new(specs: &[ApiSpec]) -> Result<Self, (AppId, BadMapping)> {
        Ok(Self { by_app: ArcSwap::from_pointee(made(specs)?), rooms: Mutex::default() })
    }

    /// Lets go of connections to apps that nobody uses. Asked twice a minute.
    pub fn rest(&self) {
        self.by_app.load().values().for_each(|api| api.client.rest());
    }

    /// From now on nothing goes to those that are not among these: before the broker takes the credentials that belong to them.
    pub fn leave_for(&self, others: &Self) {
        let stays = |api: &Api| others.of(api.app.as_str()).is_some_and(|next| next.is_as(api));
        self.by_app.load().values().filter(|api| !stays(api)).for_each(|api| api.leave());
    }

    /// Takes those of a reloaded configuration, once the broker has the credentials that belong to them.
    pub fn take(&self, others: Self) {
        self.by_app.store(others.by_app.load_full());
    }

    /// The room for calls to this app, which has so many places.
    pub(crate) fn room(&self, app: &AppId, places: usize) -> Arc<Semaphore> {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(rooms.entry(app.clone()).or_insert_with(|| Arc::new(Semaphore::new(places))))
    }

    pub(crate) fn of(&self, app: &str) -> Option<Arc<Api>> {
        self.by_app.load().get(app).cloned()
    }
}

impl std::fmt::Display for BadMapping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the operation `{}` cannot be meant: {}", self.operation, self.said)
    }
}

impl std::error::Error for BadMapping {}

fn made(specs: &[ApiSpec]) -> Result<HashMap<AppId, Arc<Api>>, (AppId, BadMapping)> {
    let of = |spec: &ApiSpec| match Api::new(spec) {
        Ok(api) => Ok((spec.app.clone(), Arc::new(api))),
        Err(error) => Err((spec.app.clone(), error)),
    };
    specs.iter().map(of).collect()
}

fn digest_of(bytes: &[u8]) -> Digest {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let mut digest = [0; 32];
    for (place, byte) in digest.iter_mut().zip(hash.as_ref()) {
        *place = *byte;
    }
    Digest::new(digest)
}

#[cfg(test)]
mod tests;
