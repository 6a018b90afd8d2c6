//! All apps: their links, what they offer, and how a call finds them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use engine::Engine;
use http::Uri;
use model::{AppId, Class, Fault, ToolFacts, ToolName, ToolStatus};
use profile::{Assessment, Profile, assess};
use tokio::task::JoinSet;

use crate::app_link::AppLink;
use crate::catalog::{Catalog, Listed};
use crate::kept::Said;
use crate::listeners::Listeners;
use crate::reviews::Reviews;
use crate::upstream::{ChildSpec, ListOf};

/// An app as the configuration names it.
#[derive(Clone)]
pub struct AppSpec {
    /// Its id.
    pub id: AppId,
    /// How it is reached.
    pub target: Target,
    /// The profile the operator named.
    pub profile: Option<Arc<Profile>>,
    /// Whether it keeps nothing between two calls, so that all may share one link.
    pub stateless: bool,
}

/// How an app is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Streamable HTTP at this address.
    Http(Uri),
    /// A child process over its standard streams.
    Child(ChildSpec),
}

/// One app of `countersign tools`.
#[derive(Debug, Clone, Default)]
pub struct AppRows {
    /// Its tools.
    pub tools: Vec<ToolRow>,
    /// What it offers besides and is not listed, and why.
    pub left_out: Vec<String>,
}

/// One line of `countersign tools`.
#[derive(Debug, Clone)]
pub struct ToolRow {
    /// The app.
    pub app: AppId,
    /// The tool.
    pub tool: ToolName,
    /// Its class and status now.
    pub facts: ToolFacts,
    /// Why this class.
    pub why: String,
    /// What the classifier proposes.
    pub proposed: Class,
    /// The definition now, canonical JSON.
    pub canonical: String,
    /// The definition as reviewed, where it differs: what changed, line by line.
    pub diff: Option<String>,
}

/// Something with the app it is of.
type OfApp<T> = (AppId, T);
/// Tools as an app said them.
type Tools = Arc<Said<Catalog>>;
/// A list as an app said it.
type List = Arc<Said<Vec<Bytes>>>;

/// All apps. Cheap to share.
pub struct Hub {
    engine: Engine,
    reviews: Arc<Reviews>,
    apps: ArcSwap<BTreeMap<AppId, Arc<AppLink>>>,
    listeners: Arc<Listeners>,
}

impl Hub {
    /// A hub of these apps; nothing is connected yet.
    pub fn new(engine: Engine, reviews: Arc<Reviews>, specs: Vec<AppSpec>) -> Self {
        let listeners = Listeners::new(engine.clone());
        let link = |spec: AppSpec| (spec.id.clone(), AppLink::new(spec, engine.clone(), Arc::clone(&listeners)));
        let apps = specs.into_iter().map(link).collect();
        Self { engine, reviews, apps: ArcSwap::from_pointee(apps), listeners }
    }

    /// Puts other apps in force. An app that stays as it was keeps its link; one that goes is stopped.
    pub async fn replace(&self, specs: Vec<AppSpec>) {
        let before = self.apps.load_full();
        let mut after = BTreeMap::new();
        for spec in specs {
            let same = before.get(&spec.id).filter(|link| {
                link.spec.target == spec.target
                    && link.spec.stateless == spec.stateless
                    && same_profile(&link.spec, &spec)
            });
            let link = same.cloned().unwrap_or_else(|| self.link(&spec));
            after.insert(spec.id, link);
        }
        let gone: Vec<_> =
            before.iter().filter(|(id, link)| !after.get(*id).is_some_and(|kept| Arc::ptr_eq(kept, link))).collect();
        self.apps.store(Arc::new(after));
        self.listeners.replace(&self.all_links());
        for (_, link) in gone {
            link.retire().await;
        }
    }

    fn link(&self, spec: &AppSpec) -> Arc<AppLink> {
        AppLink::new(spec.clone(), self.engine.clone(), Arc::clone(&self.listeners))
    }

    /// Every app.
    pub(crate) fn all_links(&self) -> Vec<Arc<AppLink>> {
        self.apps.load().values().cloned().collect()
    }

    /// Who listens for changes.
    pub(crate) fn listeners(&self) -> &Arc<Listeners> {
        &self.listeners
    }

    /// Ends the streams on which clients listen for changes, which would go on for ever.
    pub fn end_listening(&self) {
        self.listeners.stop();
    }

    /// What people have said yes to.
    pub fn reviews(&self) -> &Arc<Reviews> {
        &self.reviews
    }

    /// Whether there is such an app.
    pub fn has(&self, app: &AppId) -> bool {
        self.apps.load().contains_key(app)
    }

    pub(crate) fn app(&self, app: &AppId) -> Option<Arc<AppLink>> {
        self.apps.load().get(app).cloned()
    }

    /// Every app, or this one.
    pub(crate) fn links(&self, only: Option<&AppId>) -> Vec<OfApp<Arc<AppLink>>> {
        let apps = self.apps.load();
        let found = apps.iter().filter(|(id, _)| only.is_none_or(|only| only == *id));
        found.map(|(id, link)| (id.clone(), Arc::clone(link))).collect()
    }

    /// What each app offers, in the order of their ids. An app that cannot be asked is missing, and its fault is given.
    pub async fn catalogs(&self, only: Option<&AppId>) -> Vec<OfApp<Result<Tools, Fault>>> {
        let apps = self.apps.load_full();
        let mut asked: JoinSet<OfApp<Result<Tools, Fault>>> = JoinSet::new();
        let mut known = Vec::new();
        for (id, link) in apps.iter().filter(|(id, _)| only.is_none_or(|only| only == *id)) {
            match link.fresh_tools() {
                Some(catalog) => known.push((id.clone(), Ok(catalog))),
                None => {
                    let (id, link) = (id.clone(), Arc::clone(link));
                    asked.spawn(async move { (id, link.tools().await) });
                }
            }
        }
        known.extend(asked.join_all().await);
        known.sort_by(|(one, _), (other, _)| one.cmp(other));
        known
    }

    /// What each app lists of a kind, in the order of their ids. An app that cannot be asked is missing.
    pub(crate) async fn lists(&self, only: Option<&AppId>, what: ListOf) -> Vec<OfApp<List>> {
        let mut asked: JoinSet<OfApp<Result<List, Fault>>> = JoinSet::new();
        for (id, link) in self.apps.load_full().iter().filter(|(id, _)| only.is_none_or(|only| only == *id)) {
            let (id, link) = (id.clone(), Arc::clone(link));
            asked.spawn(async move { (id, link.listed(what).await) });
        }
        let mut known = Vec::new();
        for (id, listed) in asked.join_all().await {
            match listed {
                Ok(listed) => known.push((id, listed)),
                Err(fault) => tracing::warn!(app = %id, ?fault, "an app is left out of a list"),
            }
        }
        known.sort_by(|(one, _), (other, _)| one.cmp(other));
        known
    }

    /// Every tool with its class and why, for people.
    pub async fn rows(&self, only: Option<&AppId>) -> Vec<OfApp<Result<AppRows, Fault>>> {
        let mut rows = Vec::new();
        for (id, catalog) in self.catalogs(only).await {
            let Some(link) = self.app(&id) else { continue };
            let of_app = catalog.map(|catalog| AppRows {
                tools: catalog.what.tools.iter().map(|listed| self.row(&id, &link, listed)).collect(),
                left_out: catalog.what.left_out.clone(),
            });
            rows.push((id, of_app));
        }
        rows
    }

    fn row(&self, app: &AppId, link: &AppLink, listed: &Listed) -> ToolRow {
        let assessed = self.assess(app, link, listed, None);
        let pin = self.reviews.pin(app, &listed.definition.name);
        let changed = assessed.facts.status == ToolStatus::Quarantined;
        ToolRow {
            app: app.clone(),
            tool: listed.definition.name.clone(),
            why: assessed.why.to_string(),
            proposed: assessed.proposal.class,
            canonical: String::from_utf8_lossy(listed.definition.canonical()).into_owned(),
            diff: pin.filter(|_| changed).map(|pin| profile::diff(&pin.canonical, listed.definition.canonical())),
            facts: assessed.facts,
        }
    }

    pub(crate) fn assess(
        &self,
        app: &AppId,
        link: &AppLink,
        listed: &Listed,
        arguments: Option<json::Value<'_, '_>>,
    ) -> Assessment {
        let pin = self.reviews.pin(app, &listed.definition.name);
        assess(&listed.definition, link.spec.profile.as_deref(), pin.as_deref(), arguments)
    }

    /// Asks every app again what it offers, now.
    pub async fn refresh(&self, only: Option<&AppId>) {
        for (id, link) in self.apps.load_full().iter() {
            if only.is_none_or(|only| only == id) {
                link.forget();
            }
        }
        self.catalogs(only).await;
    }

    /// Ends the link of an app: the next call makes a new one, with the credential of then.
    pub async fn reconnect(&self, app: &AppId) {
        if let Some(link) = self.app(app) {
            link.stop().await;
        }
    }

    /// Ends links that nobody has used for a while.
    pub async fn rest(&self) {
        for link in self.apps.load_full().values() {
            link.rest().await;
        }
    }

    /// Ends every child.
    pub async fn stop(&self) {
        let mut stopping: JoinSet<()> = JoinSet::new();
        for link in self.apps.load_full().values() {
            let link = Arc::clone(link);
            stopping.spawn(async move { link.stop().await });
        }
        stopping.join_all().await;
    }
}

fn same_profile(one: &AppSpec, other: &AppSpec) -> bool {
    one.profile.as_ref().map(|profile| profile.name()) == other.profile.as_ref().map(|profile| profile.name())
}
