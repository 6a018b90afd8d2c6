//! Who listens for changes, and what each is told: a list changed, or a resource it has subscribed to.
//!
//! Several changes of one list within a moment are told once. Nobody is told of what they may not see, as of the moment
//! when it is told.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use engine::Engine;
use model::limits::{LISTENERS_MAX, SUBSCRIPTIONS_MAX, SUBSCRIPTIONS_PER_LISTENER_MAX};
use model::{Actor, AppId, Blame, Class, Fault, Method, ToolFacts, ToolName, UnixMicros};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app_link::{AppLink, Pair, Want, pair_of};
use crate::catalog::Catalog;
use crate::events::{Stream, Streams};
use crate::kept::Said;
use crate::name::joined_uri;
use crate::session::Session;
use crate::shares::{Full, Place, Places};
use crate::subscription::Subscription;
use crate::upstream::{Changed, UPDATED};

/// All who listen.
pub(crate) struct Listeners {
    engine: Engine,
    all: Mutex<Vec<Weak<Listener>>>,
    /// What changed and is about to be told.
    about_to: Mutex<HashMap<Change, Before>>,
    open: Arc<Places<Pair>>,
    subscribed: Arc<Places<Pair>>,
    tasks: TaskTracker,
    stop: CancellationToken,
    me: Weak<Self>,
}

/// One who listens.
pub struct Listener {
    actor: Actor,
    endpoint: Option<AppId>,
    /// The id of the request that listens, where it is one of 2026-07-28; what is told names it.
    tag: Option<Bytes>,
    out: Out,
    /// Whether it was said what it listens to: nothing is told before.
    acknowledged: AtomicBool,
    wants: Mutex<HashSet<Changed>>,
    watching: Mutex<Weak<Watching>>,
    subscriptions: Mutex<HashMap<(AppId, String), Subscription>>,
    /// Resources that it is about to be told of.
    about_to: Mutex<HashSet<(AppId, String)>>,
}

/// Where it is told.
pub(crate) enum Out {
    /// On one of the streams of a session, for as long as that is open.
    Session(Arc<Streams>, Weak<Session>),
    /// On the response of the request that listens.
    Response(Arc<Stream>),
}

/// A list of an app, and for whom the change is; for everybody, where there is none.
type Change = (AppId, Option<Pair>, Changed);
/// The tools before the change, as far as they are known.
type Before = Option<Arc<Said<Catalog>>>;

/// Somebody reads what a listener is told: the apps are listened to until it is dropped.
pub(crate) struct Watching {
    lists: bool,
    wants: Mutex<HashMap<AppId, [Want; 2]>>,
    _place: Place<Pair>,
}

// === impl Listeners ===

impl Listeners {
    /// Nobody listens yet.
    pub(crate) fn new(engine: Engine) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            engine,
            all: Mutex::default(),
            about_to: Mutex::default(),
            open: Places::new(LISTENERS_MAX),
            subscribed: Places::new(SUBSCRIPTIONS_MAX),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            me: me.clone(),
        })
    }

    /// Where what is done for listeners goes on.
    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// The engine.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// One of the places for subscriptions.
    pub(crate) fn place(&self, pair: &Pair) -> Result<Place<Pair>, Full> {
        self.subscribed.take(pair)
    }

    /// No stream on which somebody listens goes on.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Whether streams on which somebody listens go on.
    pub(crate) fn stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Somebody more listens, or subscribes.
    pub(crate) fn add(&self, actor: &Actor, endpoint: Option<AppId>, tag: Option<Bytes>, out: Out) -> Arc<Listener> {
        let listener = Arc::new(Listener {
            actor: actor.clone(),
            endpoint,
            acknowledged: AtomicBool::new(tag.is_none()),
            tag,
            out,
            wants: Mutex::default(),
            watching: Mutex::default(),
            subscriptions: Mutex::default(),
            about_to: Mutex::default(),
        });
        let mut all = lock(&self.all);
        all.retain(|listener| listener.strong_count() > 0);
        all.push(Arc::downgrade(&listener));
        listener
    }

    /// Listens to these apps for somebody who reads, if it is about their lists. Error: too many listen.
    pub(crate) fn watch(
        &self,
        listener: &Listener,
        lists: bool,
        apps: &[Arc<AppLink>],
    ) -> Result<Arc<Watching>, Fault> {
        if let Some(watching) = lock(&listener.watching).upgrade() {
            return Ok(watching);
        }
        let place = self.open.take(&pair_of(&listener.actor)).map_err(|full| match full {
            Full::OfOne(most) => {
                let said = format!("{most} clients of this agent and person listen for changes already");
                Fault::new(Blame::Caller, "caller.too_many", said).hint("end one of them first").retryable()
            }
            Full::All(most) => {
                let said = format!("{most} clients listen for changes already");
                Fault::new(Blame::Operator, "gateway.busy", said).retryable()
            }
        })?;
        let watching = Arc::new(Watching { lists, wants: Mutex::default(), _place: place });
        listener.watch_these(&watching, apps);
        *lock(&listener.watching) = Arc::downgrade(&watching);
        Ok(watching)
    }

    /// There are other apps than before: who listens to all of them listens to these.
    pub(crate) fn replace(&self, apps: &[Arc<AppLink>]) {
        for listener in self.listening() {
            if let Some(watching) = lock(&listener.watching).upgrade() {
                listener.watch_these(&watching, apps);
            }
            for changed in Changed::ALL {
                if listener.endpoint.is_none() && lock(&listener.wants).contains(&changed) {
                    listener.tell_list(changed);
                }
            }
        }
    }

    /// A list of an app changed. What was kept of its tools says who sees something of it.
    pub(crate) fn changed(&self, app: &AppId, place: Option<&Pair>, changed: Changed, before: Before) {
        if self.listening().is_empty() {
            return;
        }
        let change = (app.clone(), place.cloned(), changed);
        let mut about_to = lock(&self.about_to);
        if let Some(known) = about_to.get_mut(&change) {
            if known.is_none() {
                *known = before;
            }
            return;
        }
        about_to.insert(change.clone(), before);
        let me = self.me.clone();
        self.tasks.spawn(async move {
            tokio::time::sleep(TOLD_AFTER).await;
            if let Some(me) = me.upgrade() {
                me.tell(&change);
            }
        });
    }

    fn tell(&self, change: &Change) {
        let before = lock(&self.about_to).remove(change).flatten();
        let (app, place, changed) = change;
        for listener in self.listening() {
            let wants = lock(&listener.wants).contains(changed);
            let concerned = listener.hears_of(app) && place.as_ref().is_none_or(|pair| listener.is(pair));
            if wants && concerned && self.sees(&listener.actor, app, *changed, before.as_deref()) {
                listener.tell_list(*changed);
            }
        }
    }

    /// A resource changed. At a pair's own place it is for that pair; else for whoever subscribed over the link that all share.
    pub(crate) fn updated(&self, app: &AppId, place: Option<&Pair>, uri: &str) {
        for listener in self.listening() {
            if place.is_none_or(|pair| listener.is(pair)) {
                self.tell_resource(&listener, app, uri);
            }
        }
    }

    /// Tells one listener of a resource, if it has subscribed to it and may be told still: once, however often it changes
    /// within a moment.
    pub(crate) fn tell_resource(&self, listener: &Arc<Listener>, app: &AppId, uri: &str) {
        let subscribed: Vec<String> = lock(&listener.subscriptions)
            .keys()
            .filter(|(of, address)| of == app && is_part_of(uri, address))
            .map(|(_, address)| address.clone())
            .collect();
        for address in subscribed {
            let resource = (app.clone(), address);
            if !lock(&listener.about_to).insert(resource.clone()) {
                continue;
            }
            let (me, listener) = (self.me.clone(), Arc::downgrade(listener));
            self.tasks.spawn(async move {
                tokio::time::sleep(TOLD_AFTER).await;
                let (Some(me), Some(listener)) = (me.upgrade(), listener.upgrade()) else { return };
                lock(&listener.about_to).remove(&resource);
                if me.may_hear(&listener.actor, &resource.0, &resource.1) {
                    listener.tell_address(&resource.0, &resource.1);
                }
            });
        }
    }

    fn may_hear(&self, actor: &Actor, app: &AppId, uri: &str) -> bool {
        let Ok(name) = ToolName::parse(uri) else { return false };
        !self.engine.hides(actor, app, Method::Subscribe, ToolFacts::of_method(Method::Subscribe, name))
    }

    /// Whether somebody sees anything of such a list.
    fn sees(&self, actor: &Actor, app: &AppId, changed: Changed, before: Option<&Said<Catalog>>) -> bool {
        let (method, name) = match changed {
            Changed::Tools => (Method::ToolsCall, "*"),
            Changed::Resources => (Method::ResourcesRead, "*"),
            Changed::Prompts => (Method::PromptsGet, "*"),
        };
        let Ok(any) = ToolName::parse(name) else { return false };
        let any = ToolFacts { class: Class::Read, ..ToolFacts::of_method(method, any) };
        if !self.engine.hides(actor, app, method, any.clone()) {
            return true;
        }
        let tools = before.map(|before| before.what.tools.as_slice()).unwrap_or_default();
        changed == Changed::Tools
            && tools.iter().any(|listed| {
                let facts = ToolFacts { name: listed.definition.name.clone(), ..any.clone() };
                !self.engine.hides(actor, app, method, facts)
            })
    }

    fn listening(&self) -> Vec<Arc<Listener>> {
        lock(&self.all).iter().filter_map(Weak::upgrade).collect()
    }

    /// Whether another listener of this pair is subscribed to the same.
    pub(crate) fn others_subscribed(&self, but: &Weak<Listener>, pair: &Pair, app: &AppId, uri: &str) -> bool {
        let key = (app.clone(), uri.to_owned());
        let others = self.listening();
        others.iter().any(|listener| {
            !std::ptr::eq(but.as_ptr(), Arc::as_ptr(listener))
                && listener.is(pair)
                && lock(&listener.subscriptions).contains_key(&key)
        })
    }
}

// === impl Listener ===

impl Listener {
    /// Wants to be told of this list from now on.
    pub(crate) fn want(&self, changed: Changed) {
        lock(&self.wants).insert(changed);
    }

    /// Whether the session it belongs to is still in use.
    pub(crate) fn in_use(&self, now: UnixMicros) -> bool {
        match &self.out {
            Out::Session(_, session) => session.upgrade().is_some_and(|session| !session.idle(now)),
            Out::Response(_) => true,
        }
    }

    /// It was said what it listens to.
    pub(crate) fn acknowledge(&self) {
        self.acknowledged.store(true, Ordering::Release);
    }

    /// Whether there is place for another subscription.
    pub(crate) fn has_place(&self, app: &AppId, uri: &str) -> bool {
        let subscriptions = lock(&self.subscriptions);
        subscriptions.len() < SUBSCRIPTIONS_PER_LISTENER_MAX
            || subscriptions.contains_key(&(app.clone(), uri.to_owned()))
    }

    /// Is subscribed from now on.
    pub(crate) fn subscribe(&self, app: &AppId, uri: &str, subscription: Subscription) {
        let replaced = lock(&self.subscriptions).insert((app.clone(), uri.to_owned()), subscription);
        drop(replaced);
    }

    /// Is not subscribed any more.
    pub(crate) fn unsubscribe(&self, app: &AppId, uri: &str) {
        let over = lock(&self.subscriptions).remove(&(app.clone(), uri.to_owned()));
        drop(over);
    }

    fn watch_these(&self, watching: &Watching, apps: &[Arc<AppLink>]) {
        let pair = pair_of(&self.actor);
        let heard = apps.iter().filter(|app| watching.lists && self.hears_of(&app.spec.id));
        let wants = heard.map(|app| (app.spec.id.clone(), [app.want_own(), app.want_of(&pair)])).collect();
        let before = std::mem::replace(&mut *lock(&watching.wants), wants);
        drop(before);
    }

    fn hears_of(&self, app: &AppId) -> bool {
        self.endpoint.as_ref().is_none_or(|only| only == app)
    }

    fn is(&self, (agent, human): &Pair) -> bool {
        self.actor.agent == *agent && self.actor.human == *human
    }

    fn tell_list(&self, changed: Changed) {
        self.say(&notification(changed.method(), &[], self.tag.as_deref()));
    }

    fn tell_address(&self, app: &AppId, uri: &str) {
        let joined = if self.endpoint.is_some() { uri.to_owned() } else { joined_uri(app, uri) };
        let mut member = b"\"uri\":".to_vec();
        json::write_string(&mut member, &joined);
        self.say(&notification(UPDATED, &member, self.tag.as_deref()));
    }

    fn say(&self, message: &Bytes) {
        if !self.acknowledged.load(Ordering::Acquire) {
            return;
        }
        match &self.out {
            Out::Session(streams, _) => streams.tell(message),
            Out::Response(stream) => stream.say_once(message),
        }
    }
}

// === impl Watching ===

impl Watching {
    /// Waits until the apps are heard, but not for long.
    pub(crate) async fn ready(self: &Arc<Self>) {
        let waiting: Vec<_> = lock(&self.wants).values().map(|[own, _]| own.heard()).collect();
        let heard = async {
            for heard in waiting {
                heard.wait().await;
            }
        };
        let _late = tokio::time::timeout(READY_TIME_MAX, heard).await;
    }
}

/// A notification with these members of `params`, and the subscription it belongs to.
pub(crate) fn notification(method: &str, members: &[u8], tag: Option<&[u8]>) -> Bytes {
    let mut out = b"{\"jsonrpc\":\"2.0\",\"method\":".to_vec();
    json::write_string(&mut out, method);
    if !members.is_empty() || tag.is_some() {
        out.extend_from_slice(b",\"params\":{");
        out.extend_from_slice(members);
        if let Some(tag) = tag {
            if !members.is_empty() {
                out.push(b',');
            }
            out.extend_from_slice(b"\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":");
            out.extend_from_slice(tag);
            out.push(b'}');
        }
        out.push(b'}');
    }
    out.push(b'}');
    Bytes::from(out)
}

/// Whether an address is that of the subscription, or of something inside it.
fn is_part_of(uri: &str, subscribed: &str) -> bool {
    uri.strip_prefix(subscribed)
        .is_some_and(|rest| rest.is_empty() || subscribed.ends_with('/') || rest.starts_with(['/', '?', '#']))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const READY_TIME_MAX: Duration = Duration::from_secs(1);
const TOLD_AFTER: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
