//! One app: its links, made when they are needed, and what it offers.
//!
//! A child process or a legacy session remembers what was said to it, so it belongs to one pair of agent and human: nothing
//! one pair does can be seen by another. What keeps nothing between two calls is shared: HTTP of 2026-07-28, and an app the
//! operator declares `stateless`. Clients that can be asked different things get links of their own, for an app is told once
//! what its client can do. The gateway asks what an app offers over a link of its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, Weak};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use engine::Engine;
use front::share_of;
use model::limits::{CHILD_STARTS_MAX, LINK_IDLE_MAX, LINKS_PER_APP_MAX, LINKS_PER_PAIR_MAX, QUESTION_TIME_MAX};
use model::{Actor, AgentId, ArgumentLevel, Blame, Fault, HumanId, ReadArguments, ToolName, UnixMicros};
use profile::{Definition, DefinitionKind, Profile};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::catalog::{Catalog, Others};
use crate::hub::{AppSpec, Target};
use crate::kept::{Kept, Said};
use crate::listeners::Listeners;
use crate::reviews::Reviews;
use crate::upstream::{Client, Conversations, Ear, Link, ListOf, Manner};

mod carried;
mod in_force;
mod news;
mod room;
mod shelf;

pub(crate) use carried::{Carried, Looks};
use in_force::{InForce, moved};
use news::Places;
pub(crate) use news::{Subscribing, Want, Way};
use room::Room;
use shelf::Shelf;

/// One app.
pub(crate) struct AppLink {
    pub(crate) spec: AppSpec,
    /// Who reads and ranks its tools by now.
    profile: ArcSwapOption<Profile>,
    /// How much of the arguments of its calls is kept by now.
    kept: ArcSwap<ArgumentLevel>,
    engine: Engine,
    reviews: Arc<Reviews>,
    own: Slot,
    pairs: std::sync::Mutex<HashMap<(Pair, Manner), Arc<Slot>>>,
    /// What it offers over the gateway's own link.
    shelf: Arc<Shelf>,
    /// What it offers to pairs whose own link has said that it offers something else by now.
    shelves: std::sync::Mutex<HashMap<Pair, Arc<Shelf>>>,
    any_shelves: AtomicBool,
    conversations: Conversations,
    /// What it told of itself when its own link was made last.
    instructions: ArcSwapOption<Definition>,
    places: Places,
    /// For calls that are under way. One that waits for people, or for what the app has asked, has none.
    room: Room,
    /// For who waits until the app has said what it offers.
    asking: Room,
    listeners: Arc<Listeners>,
    gone: CancellationToken,
    me: Weak<Self>,
}

/// Whom a link belongs to.
pub(crate) type Pair = (AgentId, HumanId);

/// The pair of this actor.
pub(crate) fn pair_of(actor: &Actor) -> Pair {
    (actor.agent.clone(), actor.human.clone())
}

/// The place of one link.
#[derive(Default)]
struct Slot {
    /// Whom it belongs to; nobody but the gateway, where there is none.
    pair: Option<Pair>,
    link: ArcSwapOption<Link>,
    connecting: Mutex<Tries>,
    used_at: AtomicI64,
}

/// Failed tries, so that a dead app costs its callers little.
#[derive(Default)]
struct Tries {
    failed: u32,
    not_before: Option<UnixMicros>,
    said: Option<(Blame, &'static str, String, Option<String>)>,
}

impl AppLink {
    pub(crate) fn new(mut spec: AppSpec, shared: (Engine, Arc<Reviews>, Arc<Listeners>)) -> Arc<Self> {
        let (engine, reviews, listeners) = shared;
        let profile = ArcSwapOption::new(spec.profile.take());
        let share = share_of(engine.limits().calls_in_flight_max);
        Arc::new_cyclic(|me| Self {
            profile,
            room: Room::of(spec.calls_in_flight_max.unwrap_or(share)),
            asking: Room::of(share),
            kept: ArcSwap::from_pointee(spec.arguments),
            spec,
            engine,
            reviews,
            own: Slot::default(),
            pairs: std::sync::Mutex::default(),
            shelf: Arc::default(),
            shelves: std::sync::Mutex::default(),
            any_shelves: AtomicBool::new(false),
            conversations: Conversations::default(),
            instructions: ArcSwapOption::empty(),
            places: Places::default(),
            listeners,
            gone: CancellationToken::new(),
            me: me.clone(),
        })
    }

    /// Whether the gateway's own link stands.
    pub(crate) fn is_linked(&self) -> bool {
        matches!(self.spec.target, Target::Foreign(_)) || self.own.link.load().as_ref().is_some_and(|link| link.alive())
    }

    /// How much of the arguments of its calls is kept by now.
    pub(crate) fn kept(&self) -> ArgumentLevel {
        **self.kept.load()
    }

    /// From now on so much of the arguments of its calls is kept.
    pub(crate) fn keep(&self, arguments: ArgumentLevel) {
        self.kept.store(Arc::new(arguments));
    }

    /// From now on this profile reads and ranks its tools. Neither its links nor what is under way on them is touched.
    pub(crate) fn describe(&self, profile: Option<Arc<Profile>>) {
        self.profile.store(profile);
    }

    /// Who ranks its tools by now.
    pub(crate) fn profile(&self) -> Option<Arc<Profile>> {
        self.profile.load_full()
    }

    /// From now on so many of its calls may be under way at once; none: its share.
    pub(crate) fn admit(&self, calls_in_flight_max: Option<usize>) {
        self.room.resize(calls_in_flight_max.unwrap_or_else(|| share_of(self.engine.limits().calls_in_flight_max)));
    }

    /// Who reads the arguments of a tool for rules.
    pub(crate) fn reader(&self, tool: &ToolName) -> Arc<dyn ReadArguments> {
        match (&self.spec.target, self.profile.load().as_ref()) {
            (Target::Foreign(app), _) => app.reader(tool),
            (_, Some(profile)) => profile.reader(tool.as_str()),
            (_, None) => profile::unprofiled(),
        }
    }

    /// The tools, if they were asked for not too long ago.
    pub(crate) fn fresh_tools(&self, pair: Option<&Pair>) -> Option<Arc<Said<Catalog>>> {
        self.shelf(pair).tools.fresh(self.engine.clock().as_ref(), self.engine.limits().catalog_age_max)
    }

    /// The tools as it offered them last, however long ago.
    pub(crate) fn last_tools(&self) -> Option<Arc<Said<Catalog>>> {
        self.shelf.tools.last()
    }

    /// The tools.
    pub(crate) async fn tools(&self, pair: Option<&Pair>) -> Result<Arc<Said<Catalog>>, Fault> {
        let shelf = self.shelf(pair);
        let ask = async || {
            let catalog = Catalog::read(&self.spec.id, &self.ask_list(&shelf, ListOf::Tools).await?);
            self.look(DefinitionKind::Tool, catalog.tools.iter().map(|tool| tool.definition.said())).await;
            Ok(catalog)
        };
        self.kept_or_asked(&shelf.tools, pair, ask).await
    }

    /// The tools, asked again unless `seen` is very young: a name that is not in them may be new.
    pub(crate) async fn tools_after(
        &self,
        seen: &Arc<Said<Catalog>>,
        pair: Option<&Pair>,
    ) -> Result<Arc<Said<Catalog>>, Fault> {
        self.shelf(pair).tools.outdate(seen, self.engine.clock().as_ref(), ASK_AGAIN_AFTER);
        self.tools(pair).await
    }

    /// Resources, templates or prompts, exactly as the app sent them.
    pub(crate) async fn listed(&self, what: ListOf, pair: Option<&Pair>) -> Result<Arc<Said<Others>>, Fault> {
        let shelf = self.shelf(pair);
        let ask = async || {
            let others = Others::read(&self.spec.id, what, &self.ask_list(&shelf, what).await?);
            match what {
                ListOf::Prompts => self.look(DefinitionKind::Prompt, others.definitions()).await,
                ListOf::Templates => self.look(DefinitionKind::Template, others.definitions()).await,
                ListOf::Tools | ListOf::Resources => {}
            }
            Ok(others)
        };
        self.kept_or_asked(shelf.kept(what), pair, ask).await
    }

    /// What was said not too long ago, or is said now. Where calls of too many wait for that already, what was said last
    /// stands.
    async fn kept_or_asked<T>(
        &self,
        kept: &Kept<T>,
        pair: Option<&Pair>,
        ask: impl AsyncFnOnce() -> Result<T, Fault>,
    ) -> Result<Arc<Said<T>>, Fault> {
        let (clock, age_max) = (self.engine.clock().as_ref(), self.engine.limits().catalog_age_max);
        if let Some(fresh) = kept.fresh(clock, age_max) {
            return Ok(fresh);
        }
        // What the gateway asks for itself holds up nobody.
        let waits = pair.map(|_| self.asking.take());
        if matches!(waits, Some(None)) {
            return kept.unforgotten().ok_or_else(|| self.busy());
        }
        kept.get(clock, age_max, ask).await
    }

    /// What it listed last, without asking: whatever a client knows of the app has come through here.
    pub(crate) fn last_listed(&self, what: ListOf, pair: Option<&Pair>) -> Option<Arc<Said<Others>>> {
        self.shelf(pair).kept(what).last()
    }

    /// What it told of itself, if it was asked and told anything.
    pub(crate) fn instructions(&self) -> Option<Arc<Definition>> {
        self.instructions.load_full()
    }

    async fn look(&self, kind: DefinitionKind, definitions: impl Iterator<Item = &Definition>) {
        let definitions = definitions.map(|definition| (definition, Vec::new()));
        self.reviews.seen().look(&self.engine, &self.spec.id, kind, definitions).await;
    }

    async fn note_instructions(&self, link: &Link) {
        let heard = link.instructions().and_then(|text| Definition::of_instructions(text).ok()).map(Arc::new);
        if let Some(heard) = &heard {
            self.look(DefinitionKind::Instructions, std::iter::once(heard.as_ref())).await;
        }
        self.instructions.store(heard);
    }

    /// Lets everything be asked for again.
    pub(crate) fn forget(&self) {
        self.shelf.forget();
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    async fn ask_list(&self, shelf: &Shelf, what: ListOf) -> Result<Vec<Bytes>, Fault> {
        if let Target::Foreign(app) = &self.spec.target {
            return Ok(if what == ListOf::Tools { app.tools() } else { Vec::new() });
        }
        let link = self.link_of(shelf).await?;
        let listed = self.list_over(&link, what).await;
        // An app says only when it is asked that it has forgotten its session.
        if listed.is_err() && !link.alive() && matches!(self.spec.target, Target::Http(_)) {
            let anew = self.link_of(shelf).await?;
            return self.list_over(&anew, what).await;
        }
        listed
    }

    /// The link over which is asked what stands on this shelf.
    async fn link_of(&self, shelf: &Shelf) -> Result<Arc<Link>, Fault> {
        if let Some(link) = shelf.of.upgrade().filter(|link| link.alive()) {
            return Ok(link);
        }
        let own = self.up_own().await?;
        self.note_instructions(&own).await;
        Ok(own)
    }

    async fn list_over(&self, link: &Link, what: ListOf) -> Result<Vec<Bytes>, Fault> {
        let listing = tokio::time::timeout(self.engine.limits().connect_time_max, link.list(what));
        listing.await.map_err(|_| self.too_slow())?
    }

    /// The link of this pair that carries such calls.
    async fn link_of_calls(
        &self,
        pair: &Pair,
        mut manner: Manner,
        in_session: bool,
        level: Option<&str>,
    ) -> Result<Arc<Link>, Fault> {
        manner.handshake_first |= in_session;
        self.link_in(pair, &manner, level).await
    }

    /// The link of this pair that is made in this manner.
    async fn link_in(&self, pair: &Pair, manner: &Manner, level: Option<&str>) -> Result<Arc<Link>, Fault> {
        if self.spec.stateless {
            return self.up_own().await;
        }
        // An app that knows both ways asks a client with a session only in the old way.
        if matches!(self.spec.target, Target::Http(_)) && !manner.handshake_first {
            let own = self.up_own().await?;
            if own.keeps_nothing() {
                return Ok(own);
            }
        }
        let slot = self.slot(pair, manner)?;
        self.up(&slot, manner, level).await
    }

    /// Whether a link of this pair and client is up that was told a level of log messages once, and keeps to it.
    pub(crate) fn keeps_a_level(&self, pair: &Pair, client: &Client) -> bool {
        let key = (pair.clone(), client.manner());
        let slot = self.pairs.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let link = slot.and_then(|slot| slot.link.load_full());
        link.is_some_and(|link| link.alive() && !link.modern())
    }

    /// When the app wants no answer any more to a question of the call that waits under this state.
    pub(crate) fn over(&self, state: Option<&str>, key: &str) -> Option<CancellationToken> {
        self.conversations.over(state?, key)
    }

    /// Ends a call that waits for something nobody will bring.
    pub(crate) async fn give_up(&self, state: &str) {
        if let Some((conversation, _link)) = self.conversations.take(state) {
            conversation.end().await;
        }
    }

    fn slot(&self, pair: &Pair, manner: &Manner) -> Result<Arc<Slot>, Fault> {
        let mut pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (pair.clone(), manner.clone());
        if let Some(slot) = pairs.get(&key) {
            return Ok(Arc::clone(slot));
        }
        if pairs.len() >= LINKS_PER_APP_MAX {
            let said =
                format!("{LINKS_PER_APP_MAX} pairs of agent and human use it already, each over a link of its own");
            return Err(Fault::new(Blame::Operator, "operator.too_many_links", said)
                .hint("declare the app `stateless: true` if it keeps nothing between two calls")
                .retryable());
        }
        let of_pair = pairs.iter().filter(|((of, _), slot)| of == pair && !slot.in_use());
        let oldest = of_pair.min_by_key(|(_, slot)| slot.used_at.load(Ordering::Relaxed)).map(|(key, _)| key.clone());
        if pairs.keys().filter(|(of, _)| of == pair).count() >= LINKS_PER_PAIR_MAX {
            // Its own links make room for it, never those of others.
            let oldest = oldest.and_then(|key| pairs.remove(&key)).ok_or_else(|| {
                let said =
                    format!("{LINKS_PER_PAIR_MAX} clients of this agent and human use it already, each another way");
                Fault::new(Blame::Caller, "caller.too_many_links", said).retryable()
            })?;
            self.listeners.tasks().spawn(async move { oldest.stop().await });
        }
        let slot = Arc::new(Slot::of(pair));
        pairs.insert(key, Arc::clone(&slot));
        Ok(slot)
    }

    /// Ends links that nobody has used for a while; the next call makes them again.
    pub(crate) async fn rest(&self) {
        if let Target::Foreign(app) = &self.spec.target {
            app.rest();
        }
        let now = self.engine.clock().now();
        // A call that is still under way began less than its own bound ago.
        let idle_max = LINK_IDLE_MAX.max(QUESTION_TIME_MAX) + self.engine.limits().call_time_max;
        let idle = |slot: &Slot| {
            let since = now.since(UnixMicros(slot.used_at.load(Ordering::Relaxed)));
            u128::from(since.unsigned_abs()) > idle_max.as_micros()
        };
        let resting: Vec<Arc<Slot>> = {
            let mut pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
            pairs.extract_if(|_, slot| idle(slot) && !slot.in_use()).map(|(_, slot)| slot).collect()
        };
        stop_all(resting).await;
        self.conversations.end(Some(now)).await;
        let seen = |shelf: &Arc<Shelf>| shelf.of.upgrade().is_some_and(|link| link.alive());
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, shelf| seen(shelf));
        self.places.rest();
        {
            let pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
            for slot in pairs.values().map(Arc::as_ref).chain([&self.own]) {
                if let Some(link) = slot.link.load().as_ref() {
                    link.rest();
                }
            }
        }
        if idle(&self.own) {
            self.own.stop().await;
        }
    }

    /// The gateway's own link.
    async fn up_own(&self) -> Result<Arc<Link>, Fault> {
        // Where it carries the calls of all, nobody can be asked anything, and the app is told so.
        let manner = if self.spec.stateless { Manner::default() } else { Manner::of_the_gateway() };
        self.up(&self.own, &manner, None).await
    }

    /// The link of this place, made anew if there is none. A try that just failed is not repeated at once.
    async fn up(&self, slot: &Slot, manner: &Manner, level: Option<&str>) -> Result<Arc<Link>, Fault> {
        slot.used_at.store(self.engine.clock().now().0, Ordering::Relaxed);
        if let Some(link) = slot.link.load_full().filter(|link| link.alive()) {
            return Ok(link);
        }
        // Rare, and large: every call would carry the room for it.
        Box::pin(self.make(slot, manner, level)).await
    }

    async fn make(&self, slot: &Slot, manner: &Manner, level: Option<&str>) -> Result<Arc<Link>, Fault> {
        let mut tries = slot.connecting.lock().await;
        if let Some(link) = slot.link.load_full().filter(|link| link.alive()) {
            return Ok(link);
        }
        if self.gone.is_cancelled() {
            return Err(moved());
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
        let made = Arc::new(OnceLock::new());
        let ear = self.ear(slot.pair.clone(), Arc::clone(&made));
        let connecting = self.connect(manner.clone(), level, ear.clone());
        let connecting = tokio::time::timeout(self.engine.limits().connect_time_max, connecting);
        match connecting.await.unwrap_or_else(|_| Err(self.too_slow())) {
            Ok(link) => {
                *tries = Tries::default();
                let link = Arc::new(link);
                let _first = made.set(Arc::downgrade(&link));
                slot.link.store(Some(Arc::clone(&link)));
                // It may have gone meanwhile, and stopped what it had by then.
                if self.gone.is_cancelled() {
                    slot.stop().await;
                    return Err(moved());
                }
                self.attend(&link, ear, slot.pair.clone());
                if link.always_heard() {
                    link.heard().await;
                }
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

    async fn connect(&self, manner: Manner, level: Option<&str>, ear: Ear) -> Result<Link, Fault> {
        let (all, gone) = (Arc::clone(self.engine.credentials()), self.gone.clone());
        let credentials = Arc::new(InForce { all, gone });
        let limits = self.engine.limits().clone();
        let link = match &self.spec.target {
            Target::Http(url) => {
                let permit = self.engine.permit_link(&self.spec.id, &url.to_string()).await?;
                Link::over_http(url.clone(), manner, permit, credentials, limits, ear).await?
            }
            Target::Child(child) => {
                let permit = self.engine.permit_link(&self.spec.id, &child.program.display().to_string()).await?;
                Link::to_child(child, manner, permit, credentials, limits, ear).await?
            }
            Target::Foreign(_) => {
                let said = "it has operations and nothing else: no resources, prompts or tasks";
                return Err(Fault::new(Blame::Caller, "caller.not_offered", said));
            }
        };
        if let Some(level) = level.filter(|_| !link.modern()) {
            link.set_level(level).await?;
        }
        Ok(link)
    }

    fn too_slow(&self) -> Fault {
        let seconds = self.engine.limits().connect_time_max.as_secs();
        Fault::new(Blame::Upstream, "upstream.connect_timeout", format!("it did not say what it offers within {seconds} s"))
            .hint("`countersign doctor` tries it and shows what it says; raise `limits.connect_seconds_max` if it needs longer")
            .retryable()
    }

    /// Ends every link.
    pub(crate) async fn stop(&self) {
        self.conversations.end(None).await;
        let pairs = std::mem::take(&mut *self.pairs.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::join!(self.own.stop(), stop_all(pairs.into_values()));
    }
}

impl Slot {
    /// Whether a call, a subscription or an open question is on its link, or somebody makes one. Nobody is given it meanwhile: who looks
    /// has locked the pairs.
    fn in_use(self: &Arc<Self>) -> bool {
        let linked = |link: &Arc<Link>| Arc::strong_count(link) > 1;
        Arc::strong_count(self) > 1 || self.link.load().as_ref().is_some_and(linked)
    }

    async fn stop(&self) {
        if let Some(link) = self.link.swap(None) {
            link.stop().await;
        }
    }
}

/// One that takes its time keeps the others from nothing.
async fn stop_all(slots: impl IntoIterator<Item = Arc<Slot>>) {
    let stopping: JoinSet<()> = slots.into_iter().map(|slot| async move { slot.stop().await }).collect();
    stopping.join_all().await;
}

const ASK_AGAIN_AFTER: Duration = Duration::from_secs(2);
const PAUSE_SHORT: Duration = Duration::from_secs(1);
const PAUSE_LONG: Duration = Duration::from_secs(30);
