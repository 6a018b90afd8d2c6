//! All apps: their links, what they offer, and how a call finds them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use engine::Engine;
use http::Uri;
use model::{AppId, ArgumentLevel, Class, Digest, Fault, Method, ToolFacts, ToolName, ToolStatus, UnixMicros};
use openapi::Tools as Mapped;
use profile::{Assessment, Definition, DefinitionKind, Finding, Profile, assess, assess_other, shadowing, standing};
use serde_json::json;
use tokio::task::JoinSet;

use crate::app_link::{AppLink, Pair};
use crate::catalog::{Catalog, Listed, Others};
use crate::foreign::Foreign;
use crate::kept::Said;
use crate::listeners::Listeners;
use crate::reviews::Reviews;
use crate::template::covers;
use crate::upstream::{Asked, ChildSpec, ListOf};

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
    /// How much of the arguments of its calls is kept.
    pub arguments: ArgumentLevel,
    /// How many of its calls may be under way at once; none: a quarter of all that may be in the gateway.
    pub calls_in_flight_max: Option<usize>,
    /// Which records its tools deal with; none: no contract permits any of them.
    pub mapping: Option<Arc<Mapped>>,
}

/// How an app is reached.
#[derive(Clone)]
pub enum Target {
    /// Streamable HTTP at this address.
    Http(Uri),
    /// A child process over its standard streams.
    Child(ChildSpec),
    /// In words of its own.
    Foreign(Arc<dyn Foreign>),
}

/// One app of `countersign tools`.
#[derive(Debug, Clone, Default)]
pub struct AppRows {
    /// Its tools.
    pub tools: Vec<ToolRow>,
    /// Its prompts, templates and instructions.
    pub definitions: Vec<DefinitionRow>,
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
    /// What a person said, of this definition or of one before it.
    pub reviewed: Option<Class>,
    /// The worst that the app's profile says, where it knows the tool.
    pub profiled: Option<Class>,
    /// The definition now, canonical JSON.
    pub canonical: String,
    /// The definition as reviewed, where it differs: what changed, line by line.
    pub diff: Option<String>,
    /// What looks like a known attack, the worst first.
    pub findings: Vec<Finding>,
}

/// A prompt, a template or the instructions in `countersign tools`.
#[derive(Debug, Clone)]
pub struct DefinitionRow {
    /// What it defines.
    pub kind: DefinitionKind,
    /// Its name inside the app.
    pub name: ToolName,
    /// Whether it is the one a person saw.
    pub status: ToolStatus,
    /// Its digest now.
    pub definition: Digest,
    /// The definition now, canonical JSON.
    pub canonical: String,
    /// What changed since a person saw it, line by line.
    pub diff: Option<String>,
    /// What looks like a known attack, the worst first.
    pub findings: Vec<Finding>,
}

/// Something with the app it is of.
type OfApp<T> = (AppId, T);
/// Tools as an app said them.
type Tools = Arc<Said<Catalog>>;
/// A list as an app said it.
type List = Arc<Said<Others>>;

impl AppSpec {
    /// Whether calls of the other one go to the same place as those of this, and are about the same there, all of them.
    fn means(&self, other: &Self) -> bool {
        self.target == other.target && self.mapping == other.mapping
    }

    /// Where such a call goes and what it is about there, in a digest: what the configuration says of anything else is not in it.
    pub(crate) fn meaning(&self, asked: Asked, name: &ToolName) -> Digest {
        let mapping = self.mapping.as_ref().filter(|_| asked == Asked::Tool);
        let said = json!([self.target.written(), mapping.map(|mapping| mapping.goes_by(name.as_str()))]);
        digest_of(said.to_string().as_bytes())
    }
}

impl Target {
    /// All of the place.
    fn written(&self) -> serde_json::Value {
        match self {
            Self::Http(url) => json!(["http", url.to_string()]),
            Self::Child(ChildSpec { program, arguments, environment, directory }) => {
                let directory = directory.as_ref().map(|directory| directory.display().to_string());
                json!(["child", program.display().to_string(), arguments, environment, directory])
            }
            Self::Foreign(app) => json!(["foreign", app.address()]),
        }
    }
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Http(one), Self::Http(other)) => one == other,
            (Self::Child(one), Self::Child(other)) => one == other,
            (Self::Foreign(one), Self::Foreign(other)) => one.is_as(other.as_ref()),
            _ => false,
        }
    }
}

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
        let shared = || (engine.clone(), Arc::clone(&reviews), Arc::clone(&listeners));
        let link = |spec: AppSpec| (spec.id.clone(), AppLink::new(spec, shared()));
        let apps = specs.into_iter().map(link).collect();
        Self { engine, reviews, apps: ArcSwap::from_pointee(apps), listeners }
    }

    /// Puts other apps in force, and their credentials right before. An app that stays as it was keeps its links, whatever is said of
    /// its tools by now; one that goes is stopped, and hears of no credential of those.
    pub async fn replace(&self, specs: Vec<AppSpec>, credentials: impl FnOnce()) {
        let before = self.apps.load_full();
        let mut after = BTreeMap::new();
        for spec in specs {
            let known = before.get(&spec.id);
            // Whether it stays or goes: calls are still under way on it.
            known.iter().for_each(|link| {
                link.keep(spec.arguments);
                link.admit(spec.calls_in_flight_max);
            });
            let same = known.filter(|link| link.spec.means(&spec) && link.spec.stateless == spec.stateless);
            if let Some(same) = same {
                same.describe(spec.profile.clone());
            }
            let link = same.cloned().unwrap_or_else(|| self.link(&spec));
            after.insert(spec.id, link);
        }
        let gone: Vec<_> =
            before.iter().filter(|(id, link)| !after.get(*id).is_some_and(|kept| Arc::ptr_eq(kept, link))).collect();
        // In this order no credential goes to another address than it is for, neither one of before nor one of now.
        gone.iter().for_each(|(_, link)| link.leave());
        credentials();
        self.apps.store(Arc::new(after));
        self.listeners.replace(&self.all_links());
        for (_, link) in gone {
            link.stop().await;
        }
    }

    fn link(&self, spec: &AppSpec) -> Arc<AppLink> {
        let shared = (self.engine.clone(), Arc::clone(&self.reviews), Arc::clone(&self.listeners));
        AppLink::new(spec.clone(), shared)
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

    /// Whether each app's link stands right now. One that nobody used for a while may be away and come back.
    pub fn linked(&self) -> Vec<(AppId, bool)> {
        self.apps.load().iter().map(|(id, link)| (id.clone(), link.is_linked())).collect()
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
        self.catalogs_for(only, None).await
    }

    /// The same, as this pair sees it.
    pub(crate) async fn catalogs_for(
        &self,
        only: Option<&AppId>,
        pair: Option<&Pair>,
    ) -> Vec<OfApp<Result<Tools, Fault>>> {
        let apps = self.apps.load_full();
        let mut asked: JoinSet<OfApp<Result<Tools, Fault>>> = JoinSet::new();
        let mut known = Vec::new();
        for (id, link) in apps.iter().filter(|(id, _)| only.is_none_or(|only| only == *id)) {
            match link.fresh_tools(pair) {
                Some(catalog) => known.push((id.clone(), Ok(catalog))),
                None => {
                    let (id, link, pair) = (id.clone(), Arc::clone(link), pair.cloned());
                    asked.spawn(async move { (id, link.tools(pair.as_ref()).await) });
                }
            }
        }
        known.extend(asked.join_all().await);
        known.sort_by(|(one, _), (other, _)| one.cmp(other));
        known
    }

    /// What each app lists of a kind, in the order of their ids. An app that cannot be asked is missing.
    pub(crate) async fn lists(&self, only: Option<&AppId>, what: ListOf, pair: &Pair) -> Vec<OfApp<List>> {
        let mut known = Vec::new();
        for (id, listed) in self.try_lists(only, what, Some(pair)).await {
            match listed {
                Ok(listed) => known.push((id, listed)),
                Err(fault) => tracing::warn!(app = %id, ?fault, "an app is left out of a list"),
            }
        }
        known
    }

    async fn try_lists(
        &self,
        only: Option<&AppId>,
        what: ListOf,
        pair: Option<&Pair>,
    ) -> BTreeMap<AppId, Result<List, Fault>> {
        let mut asked: JoinSet<OfApp<Result<List, Fault>>> = JoinSet::new();
        for (id, link) in self.apps.load_full().iter().filter(|(id, _)| only.is_none_or(|only| only == *id)) {
            let (id, link, pair) = (id.clone(), Arc::clone(link), pair.cloned());
            asked.spawn(async move { (id, link.listed(what, pair.as_ref()).await) });
        }
        asked.join_all().await.into_iter().collect()
    }

    /// Every definition with its status, and every tool with its class and why, for people.
    pub async fn rows(&self, only: Option<&AppId>) -> Vec<OfApp<Result<AppRows, Fault>>> {
        let asked = tokio::join!(
            self.catalogs(only),
            self.try_lists(only, ListOf::Prompts, None),
            self.try_lists(only, ListOf::Templates, None)
        );
        let (catalogs, mut prompts, mut templates) = asked;
        let mut rows = Vec::new();
        for (id, catalog) in catalogs {
            let Some(link) = self.app(&id) else { continue };
            let others = [prompts.remove(&id), templates.remove(&id)];
            let of_app = match catalog {
                Ok(catalog) => Ok(self.rows_of(&id, &link, &catalog.what, others).await),
                Err(fault) => Err(fault),
            };
            rows.push((id, of_app));
        }
        rows
    }

    async fn rows_of(
        &self,
        app: &AppId,
        link: &AppLink,
        catalog: &Catalog,
        others: [Option<Result<List, Fault>>; 2],
    ) -> AppRows {
        let shadows = self.shadows(app, catalog);
        let told = catalog.tools.iter().map(|tool| tool.definition.said()).zip(shadows.iter().cloned());
        self.reviews.seen().look(&self.engine, app, DefinitionKind::Tool, told).await;
        let tools = catalog.tools.iter().zip(shadows).map(|(listed, shadows)| self.row(app, link, listed, shadows));
        let mut rows = AppRows { tools: tools.collect(), definitions: Vec::new(), left_out: catalog.left_out.clone() };
        for (list, what) in others.into_iter().zip([ListOf::Prompts, ListOf::Templates]) {
            match list {
                Some(Ok(list)) => {
                    rows.definitions.extend(list.what.definitions().map(|one| self.definition_row(app, one)));
                    rows.left_out.extend(list.what.left_out.iter().cloned());
                }
                Some(Err(fault)) => rows.left_out.push(format!("its {}: {fault}", what.noun())),
                None => {}
            }
        }
        rows.definitions.extend(link.instructions().map(|one| self.definition_row(app, &one)));
        rows
    }

    fn row(&self, app: &AppId, link: &AppLink, listed: &Listed, shadows: Vec<Finding>) -> ToolRow {
        let assessed = self.assess(app, link, listed, None);
        let said = self.definition_row(app, listed.definition.said());
        let profile = link.profile();
        let profiled = profile.as_ref().and_then(|profile| profile.tool(said.name.as_str()));
        ToolRow {
            app: app.clone(),
            reviewed: self.reviews.pin(app, DefinitionKind::Tool, &said.name).map(|pin| pin.class),
            profiled: profiled.map(|known| known.highest()),
            tool: said.name,
            why: assessed.why.to_string(),
            proposed: assessed.proposal.class,
            canonical: said.canonical,
            diff: said.diff,
            findings: said.findings.into_iter().chain(shadows).collect(),
            facts: assessed.facts,
        }
    }

    fn definition_row(&self, app: &AppId, definition: &Definition) -> DefinitionRow {
        let pin = self.reviews.pin(app, definition.kind, &definition.name);
        let (status, _) = standing(definition, pin.as_deref());
        let changed = pin.filter(|_| status == ToolStatus::Quarantined);
        DefinitionRow {
            kind: definition.kind,
            name: definition.name.clone(),
            status,
            definition: definition.digest(),
            canonical: String::from_utf8_lossy(definition.canonical()).into_owned(),
            diff: changed.map(|pin| profile::diff(&pin.canonical, definition.canonical())),
            findings: definition.findings().to_vec(),
        }
    }

    /// For each tool, what it says of the tools of other apps, as those offered them last.
    fn shadows(&self, app: &AppId, catalog: &Catalog) -> Vec<Vec<Finding>> {
        let apps = self.apps.load_full();
        let others: Vec<(&str, Option<Tools>)> =
            apps.iter().filter(|(id, _)| *id != app).map(|(id, link)| (id.as_str(), link.last_tools())).collect();
        let ids: Vec<&str> = others.iter().map(|(id, _)| *id).collect();
        let of_other = |word: &str| {
            let mut offering =
                others.iter().filter(|(_, tools)| tools.as_ref().is_some_and(|tools| tools.what.tool(word).is_some()));
            offering.next().map(|(id, _)| *id).filter(|_| catalog.tool(word).is_none())
        };
        let said = catalog.tools.iter().map(|tool| tool.definition.said());
        said.map(|said| shadowing(said.canonical(), said.name.as_str(), &ids, of_other)).collect()
    }

    /// What is in force for something that is asked for and is no tool. Where a person has reviewed it, what the app says now
    /// counts; else what it said last, whatever a client has seen of it, and an app that says nothing is no worse for it.
    pub(crate) async fn facts_of(&self, link: &AppLink, asked: Asked, name: ToolName, pair: &Pair) -> ToolFacts {
        let app = &link.spec.id;
        let Some((kind, what)) = kind_of(asked) else { return ToolFacts::of_method(asked.method(), name) };
        let reviewed = match asked {
            Asked::Resource => !self.reviews.templates(app).is_empty(),
            _ => self.reviews.pin(app, kind, &name).is_some(),
        };
        let last = link.last_listed(what, Some(pair)).filter(|_| !reviewed);
        let listed = match last {
            Some(last) => Ok(last),
            None => link.listed(what, Some(pair)).await,
        };
        match listed {
            Ok(listed) => self.facts_in(app, asked, name, Some(&listed)),
            Err(fault) => {
                tracing::warn!(%app, ?fault, "a call names an app that cannot be asked what it offers");
                let status = if reviewed { ToolStatus::Unknown } else { ToolStatus::Unreviewed };
                ToolFacts { status, ..ToolFacts::of_method(asked.method(), name) }
            }
        }
    }

    /// When the app said what it offers of this kind, as far as it has.
    pub(crate) fn listed_at(link: &AppLink, asked: Asked, pair: &Pair) -> Option<UnixMicros> {
        let (_, what) = kind_of(asked)?;
        link.last_listed(what, Some(pair)).map(|listed| listed.at())
    }

    /// The same, by this list.
    pub(crate) fn facts_in(
        &self,
        app: &AppId,
        asked: Asked,
        name: ToolName,
        listed: Option<&Said<Others>>,
    ) -> ToolFacts {
        if asked == Asked::Resource {
            return self.facts_among(&self.waiting(app, listed), name);
        }
        let Some((kind, _)) = kind_of(asked) else { return ToolFacts::of_method(asked.method(), name) };
        let now = listed.and_then(|listed| listed.what.definition(&name));
        let pin = self.reviews.pin(app, kind, &name);
        assess_other(asked.method(), name, now, pin.as_deref())
    }

    /// What is in force for the resource at this address, while these templates wait for a review.
    pub(crate) fn facts_among(&self, waiting: &[ToolFacts], address: ToolName) -> ToolFacts {
        let mut covering = waiting.iter().filter(|template| {
            waiting.len() > TEMPLATES_COMPARED_MAX || covers(template.name.as_str(), address.as_str())
        });
        match covering.next() {
            Some(template) => ToolFacts { name: address, ..template.clone() },
            None => ToolFacts::of_method(Method::ResourcesRead, address),
        }
    }

    /// The templates of an app that are not used until a person has reviewed them.
    pub(crate) fn waiting(&self, app: &AppId, listed: Option<&Said<Others>>) -> Vec<ToolFacts> {
        let pinned = self.reviews.templates(app);
        if pinned.is_empty() && !listed.is_some_and(|listed| listed.what.suspicious) {
            return Vec::new();
        }
        let listed_names = listed.into_iter().flat_map(|listed| listed.what.definitions().map(|one| one.name.clone()));
        let names: BTreeSet<ToolName> = pinned.into_iter().chain(listed_names).collect();
        let facts = names.into_iter().map(|name| {
            let now = listed.and_then(|listed| listed.what.definition(&name));
            let pin = self.reviews.pin(app, DefinitionKind::Template, &name);
            assess_other(Method::ResourcesRead, name, now, pin.as_deref())
        });
        facts.filter(|facts| facts.status == ToolStatus::Quarantined).collect()
    }

    pub(crate) fn assess(
        &self,
        app: &AppId,
        link: &AppLink,
        listed: &Listed,
        arguments: Option<json::Value<'_, '_>>,
    ) -> Assessment {
        let pin = self.reviews.pin(app, DefinitionKind::Tool, &listed.definition.name);
        let mut assessed = assess(&listed.definition, link.profile().as_deref(), pin.as_deref(), arguments);
        // Its definition is made of the mapping, which somebody wrote down and looked at.
        if pin.is_none() && matches!(link.spec.target, Target::Foreign(_)) {
            assessed.facts.status = ToolStatus::Pinned;
        }
        assessed
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
        let resting: JoinSet<()> = self.all_links().into_iter().map(|link| async move { link.rest().await }).collect();
        resting.join_all().await;
    }

    /// Ends every child, and every session that an app keeps for us.
    pub async fn stop(&self) {
        let stopping: JoinSet<()> = self.all_links().into_iter().map(|link| async move { link.stop().await }).collect();
        stopping.join_all().await;
    }
}

/// Which definitions are about what is asked and is no tool.
const fn kind_of(asked: Asked) -> Option<(DefinitionKind, ListOf)> {
    match asked {
        Asked::Prompt | Asked::CompletePrompt => Some((DefinitionKind::Prompt, ListOf::Prompts)),
        Asked::Resource | Asked::CompleteResource => Some((DefinitionKind::Template, ListOf::Templates)),
        // A tool has a profile and arguments, and is assessed with them; the others are defined nowhere.
        _ => None,
    }
}

fn digest_of(bytes: &[u8]) -> Digest {
    let hash = digest(&SHA256, bytes);
    let mut named = [0; 32];
    for (place, byte) in named.iter_mut().zip(hash.as_ref()) {
        *place = *byte;
    }
    Digest::new(named)
}

/// While more templates than these wait for a review, every address of the app does.
const TEMPLATES_COMPARED_MAX: usize = 64;
