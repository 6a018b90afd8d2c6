//! All apps: their links, what they offer, and how a call finds them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use decide::{Answer, Outgoing, Permit, SendFault, Upstream, UpstreamFuture};
use engine::Engine;
use http::Uri;
use model::limits::CHILD_STARTS_MAX;
use model::{AppId, Blame, Class, Fault, ToolFacts, ToolName, ToolStatus, UnixMicros};
use profile::{Assessment, Profile, assess};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::catalog::{Catalog, Listed};
use crate::reviews::Reviews;
use crate::upstream::{ChildSpec, Link};

/// An app as the configuration names it.
#[derive(Clone)]
pub struct AppSpec {
    /// Its id.
    pub id: AppId,
    /// How it is reached.
    pub target: Target,
    /// The profile the operator named.
    pub profile: Option<Arc<Profile>>,
}

/// How an app is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Streamable HTTP at this address.
    Http(Uri),
    /// A child process over its standard streams.
    Child(ChildSpec),
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

/// All apps. Cheap to share.
pub struct Hub {
    engine: Engine,
    reviews: Arc<Reviews>,
    apps: ArcSwap<BTreeMap<AppId, Arc<AppLink>>>,
}

/// One app: its link and what it offers. The outgoing half of the wire.
pub(crate) struct AppLink {
    spec: AppSpec,
    engine: Engine,
    link: ArcSwapOption<Link>,
    connecting: Mutex<Tries>,
    catalog: ArcSwapOption<Catalog>,
    refreshing: Mutex<()>,
}

/// Failed tries, so that a dead app costs its callers little.
#[derive(Default)]
struct Tries {
    failed: u32,
    not_before: Option<UnixMicros>,
    said: Option<(Blame, &'static str, String, Option<String>)>,
}

impl Hub {
    /// A hub of these apps; nothing is connected yet.
    pub fn new(engine: Engine, reviews: Arc<Reviews>, specs: Vec<AppSpec>) -> Self {
        let apps = specs.into_iter().map(|spec| (spec.id.clone(), AppLink::new(spec, engine.clone()))).collect();
        Self { engine, reviews, apps: ArcSwap::from_pointee(apps) }
    }

    /// Puts other apps in force. An app that stays as it was keeps its link; one that goes is stopped.
    pub async fn replace(&self, specs: Vec<AppSpec>) {
        let before = self.apps.load_full();
        let mut after = BTreeMap::new();
        for spec in specs {
            let same =
                before.get(&spec.id).filter(|link| link.spec.target == spec.target && same_profile(&link.spec, &spec));
            let link = same.cloned().unwrap_or_else(|| AppLink::new(spec.clone(), self.engine.clone()));
            after.insert(spec.id, link);
        }
        let gone: Vec<_> =
            before.iter().filter(|(id, link)| !after.get(*id).is_some_and(|kept| Arc::ptr_eq(kept, link))).collect();
        self.apps.store(Arc::new(after));
        for (_, link) in gone {
            link.stop().await;
        }
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

    /// What each app offers, in the order of their ids. An app that cannot be asked is missing, and its fault is given.
    pub async fn catalogs(&self, only: Option<&AppId>) -> Vec<(AppId, Result<Arc<Catalog>, Fault>)> {
        let apps = self.apps.load_full();
        let mut asked: JoinSet<(AppId, Result<Arc<Catalog>, Fault>)> = JoinSet::new();
        let mut known = Vec::new();
        for (id, link) in apps.iter().filter(|(id, _)| only.is_none_or(|only| only == *id)) {
            match link.fresh_catalog() {
                Some(catalog) => known.push((id.clone(), Ok(catalog))),
                None => {
                    let (id, link) = (id.clone(), Arc::clone(link));
                    asked.spawn(async move { (id, link.catalog().await) });
                }
            }
        }
        known.extend(asked.join_all().await);
        known.sort_by(|(one, _), (other, _)| one.cmp(other));
        known
    }

    /// Every tool with its class and why, for people.
    pub async fn rows(&self, only: Option<&AppId>) -> Vec<(AppId, Result<Vec<ToolRow>, Fault>)> {
        let mut rows = Vec::new();
        for (id, catalog) in self.catalogs(only).await {
            let Some(link) = self.app(&id) else { continue };
            let of_app =
                catalog.map(|catalog| catalog.tools.iter().map(|listed| self.row(&id, &link, listed)).collect());
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
                link.catalog.store(None);
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

impl AppLink {
    fn new(spec: AppSpec, engine: Engine) -> Arc<Self> {
        Arc::new(Self {
            spec,
            engine,
            link: ArcSwapOption::empty(),
            connecting: Mutex::default(),
            catalog: ArcSwapOption::empty(),
            refreshing: Mutex::default(),
        })
    }

    /// What the app offers, if it was asked not too long ago.
    fn fresh_catalog(&self) -> Option<Arc<Catalog>> {
        let catalog = self.catalog.load_full()?;
        let age = self.engine.clock().now().since(catalog.loaded_at);
        (u128::from(age.unsigned_abs()) <= self.engine.limits().catalog_age_max.as_micros()).then_some(catalog)
    }

    /// What the app offers. One caller asks; the others wait for it. When the app cannot be asked again, what it said
    /// last still stands.
    pub(crate) async fn catalog(&self) -> Result<Arc<Catalog>, Fault> {
        if let Some(catalog) = self.fresh_catalog() {
            return Ok(catalog);
        }
        let _one = self.refreshing.lock().await;
        if let Some(catalog) = self.fresh_catalog() {
            return Ok(catalog);
        }
        match self.ask_catalog().await {
            Ok(catalog) => {
                self.catalog.store(Some(Arc::clone(&catalog)));
                Ok(catalog)
            }
            Err(fault) => match self.catalog.load_full() {
                Some(last) => {
                    tracing::warn!(app = %self.spec.id, ?fault, "an app could not be asked again what it offers");
                    Ok(last)
                }
                None => Err(fault),
            },
        }
    }

    /// What the app offers, asked again unless `seen` is very young: a name that is not in it may be new.
    pub(crate) async fn catalog_after(&self, seen: &Arc<Catalog>) -> Result<Arc<Catalog>, Fault> {
        let age = self.engine.clock().now().since(seen.loaded_at);
        if u128::from(age.unsigned_abs()) > ASK_AGAIN_AFTER.as_micros()
            && let Some(same) = self.catalog.load_full().filter(|now| Arc::ptr_eq(now, seen))
        {
            self.catalog.compare_and_swap(&same, None);
        }
        self.catalog().await
    }

    async fn ask_catalog(&self) -> Result<Arc<Catalog>, Fault> {
        let link = self.link().await?;
        let listing = tokio::time::timeout(self.engine.limits().connect_time_max, link.list_tools());
        let raw = listing.await.map_err(|_| self.too_slow())??;
        Ok(Arc::new(Catalog::read(&self.spec.id, &raw, self.engine.clock().now())))
    }

    /// The link, made anew if there is none. A try that just failed is not repeated at once.
    async fn link(&self) -> Result<Arc<Link>, Fault> {
        if let Some(link) = self.link.load_full().filter(|link| link.alive()) {
            return Ok(link);
        }
        let mut tries = self.connecting.lock().await;
        if let Some(link) = self.link.load_full().filter(|link| link.alive()) {
            return Ok(link);
        }
        let now = self.engine.clock().now();
        if let (Some(not_before), Some((blame, code, said, hint))) = (tries.not_before, &tries.said)
            && now < not_before
        {
            let fault = Fault::new(*blame, code, said.clone()).retryable();
            return Err(match hint {
                Some(hint) => fault.hint(hint.clone()),
                None => fault,
            });
        }
        let connecting = tokio::time::timeout(self.engine.limits().connect_time_max, self.connect());
        match connecting.await.unwrap_or_else(|_| Err(self.too_slow())) {
            Ok(link) => {
                *tries = Tries::default();
                let link = Arc::new(link);
                self.link.store(Some(Arc::clone(&link)));
                tracing::info!(app = %self.spec.id, revision = link.revision(), "an app is connected");
                Ok(link)
            }
            Err(fault) => {
                tries.failed = tries.failed.saturating_add(1);
                let pause = if tries.failed >= CHILD_STARTS_MAX { PAUSE_LONG } else { PAUSE_SHORT };
                let micros = i64::try_from(pause.as_micros()).unwrap_or(i64::MAX);
                tries.not_before = Some(UnixMicros(self.engine.clock().now().0.saturating_add(micros)));
                tries.said = Some((fault.blame(), fault.code(), fault.to_string(), fault.way_out().map(str::to_owned)));
                tracing::warn!(app = %self.spec.id, ?fault, "an app could not be connected");
                Err(fault)
            }
        }
    }

    async fn connect(&self) -> Result<Link, Fault> {
        let credentials = Arc::clone(self.engine.credentials());
        let limits = self.engine.limits().clone();
        match &self.spec.target {
            Target::Http(url) => {
                let permit = self.engine.permit_link(&self.spec.id, &url.to_string()).await?;
                Link::over_http(url.clone(), permit, credentials, limits).await
            }
            Target::Child(child) => {
                let permit = self.engine.permit_link(&self.spec.id, &child.program.display().to_string()).await?;
                Link::to_child(child, permit, credentials, limits).await
            }
        }
    }

    fn too_slow(&self) -> Fault {
        let seconds = self.engine.limits().connect_time_max.as_secs();
        Fault::new(Blame::Upstream, "upstream.connect_timeout", format!("it did not say what it offers within {seconds} s"))
            .hint("`countersign doctor` tries it and shows what it says; raise `limits.connect_seconds_max` if it needs longer")
            .retryable()
    }

    async fn stop(&self) {
        if let Some(link) = self.link.swap(None) {
            link.stop().await;
        }
    }

    async fn carry(&self, permit: Permit, call: Outgoing) -> Result<Answer, SendFault> {
        let link = self.link().await.map_err(SendFault::before)?;
        link.call(permit, call).await
    }
}

impl Upstream for AppLink {
    fn send<'a>(&'a self, permit: Permit, call: Outgoing) -> UpstreamFuture<'a> {
        Box::pin(self.carry(permit, call))
    }
}

fn same_profile(one: &AppSpec, other: &AppSpec) -> bool {
    one.profile.as_ref().map(|profile| profile.name()) == other.profile.as_ref().map(|profile| profile.name())
}

const ASK_AGAIN_AFTER: Duration = Duration::from_secs(2);
const PAUSE_SHORT: Duration = Duration::from_secs(1);
const PAUSE_LONG: Duration = Duration::from_secs(30);
