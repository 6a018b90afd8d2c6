//! Who wants to know what an app tells, and what becomes of it.
//!
//! A place is one link: the gateway's own, or that of one pair of agent and human. What is told over a pair's link is for
//! that pair alone.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use decide::{Answer, Outgoing, Permit, SendFault, Upstream, UpstreamFuture};
use model::Fault;
use tokio::sync::watch;

use super::{AppLink, Pair, Slot};
use crate::hub::Target;
use crate::redaction;
use crate::revision::Revision;
use crate::upstream::{Client, Ear, Link, Manner, News, Wanted, Watch, unwanted};

/// Who wants to know what is told at which place.
#[derive(Default)]
pub(super) struct Places {
    all: Mutex<HashMap<Option<Pair>, Arc<Place>>>,
}

struct Place {
    by: watch::Sender<usize>,
    ready: Arc<watch::Sender<bool>>,
    kept_up: AtomicBool,
}

/// Somebody wants to know, until it is dropped.
pub(crate) struct Want {
    place: Arc<Place>,
}

/// How a client's link is made.
#[derive(Clone)]
pub(crate) struct Way {
    manner: Manner,
    level: Option<String>,
    /// What the client speaks.
    pub(crate) revision: Revision,
}

/// Whether what an app tells is heard.
pub(crate) struct Heard {
    ready: watch::Receiver<bool>,
}

/// The outgoing half of one subscription: spends its permit on the link of its pair.
pub(crate) struct Subscribing {
    /// The app.
    pub(crate) to: Arc<AppLink>,
    /// Who acts.
    pub(crate) pair: Pair,
    /// How the pair's link is made.
    pub(crate) way: Way,
    /// The link that took it, and the stream on which the app tells of it, where it has one of its own.
    pub(crate) opened: Mutex<Option<(Arc<Link>, Option<Watch>)>>,
}

impl AppLink {
    /// An ear for the link of this place.
    pub(super) fn ear(&self, place: Option<Pair>, link: Arc<OnceLock<Weak<Link>>>) -> Ear {
        let (me, shared) = (self.me.clone(), place.is_none());
        let ear = Ear::new(move |news| {
            if let Some(app) = me.upgrade() {
                app.hear(place.as_ref(), link.get(), news);
            }
        });
        if shared { ear.shared() } else { ear }
    }

    fn hear(&self, place: Option<&Pair>, link: Option<&Weak<Link>>, news: News) {
        match news {
            News::List(changed) => {
                let before = self.shelf.outdated(changed);
                let of_pair = place.zip(link).map(|(pair, link)| self.shelf_of_its_own(pair, link));
                let before = of_pair.and_then(|shelf| shelf.outdated(changed)).or(before);
                self.listeners.changed(&self.spec.id, place, changed, before);
            }
            News::Resource(uri) => self.listeners.updated(&self.spec.id, place, &uri),
        }
    }

    /// Attends a link that was just made.
    pub(super) fn attend(&self, link: &Arc<Link>, ear: Ear, place: Option<Pair>) {
        let place = self.places.at(place);
        let wanted = Wanted { by: place.by.subscribe(), ready: Arc::clone(&place.ready) };
        self.listeners.tasks().spawn(Link::attend(Arc::downgrade(link), ear, wanted));
    }

    /// Wants to know what is told over the gateway's own link, which is kept up for it.
    pub(crate) fn want_own(self: &Arc<Self>) -> Want {
        let want = self.places.want(None);
        if !want.place.kept_up.swap(true, Ordering::AcqRel) {
            let (app, place, gone) = (Arc::downgrade(self), Arc::clone(&want.place), self.gone.clone());
            self.listeners.tasks().spawn(async move {
                tokio::select! {
                    () = gone.cancelled() => {}
                    () = keep_up(app, &place) => {}
                }
            });
        }
        want
    }

    /// Wants to know what is told over the link of this pair, while there is one.
    pub(crate) fn want_of(&self, pair: &Pair) -> Want {
        self.places.want(Some(pair.clone()))
    }

    /// The link that this client's subscriptions go over: that of its calls. It rests once nobody asks for it.
    pub(crate) async fn link_for(&self, pair: &Pair, way: &Way) -> Result<Arc<Link>, Fault> {
        self.link_in(pair, &way.manner, way.level.as_deref()).await
    }

    /// The client works on other folders now: the app of this pair and client, if it is connected, is told with the next call.
    pub(crate) fn roots_changed(&self, pair: &Pair, client: &Client) {
        let key = (pair.clone(), client.manner());
        let slot = self.pairs.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(link) = slot.and_then(|slot| slot.link.load_full()) {
            link.roots_changed();
        }
    }

    /// The app is not in the configuration any more, or is another one there: from now on it hears of no credential.
    pub(crate) fn leave(&self) {
        self.gone.cancel();
        if let Target::Foreign(app) = &self.spec.target {
            app.leave();
        }
    }

    /// Ends when the app is not in the configuration any more.
    pub(crate) async fn retired(&self) {
        self.gone.cancelled().await;
    }
}

/// Keeps the gateway's own link up, for as long as somebody wants to know what it tells.
async fn keep_up(app: Weak<AppLink>, place: &Place) {
    let mut by = place.by.subscribe();
    loop {
        let keeping = async {
            while let Some(strong) = app.upgrade() {
                let up = strong.up_own().await;
                drop(strong);
                match up {
                    // Used again before it would rest.
                    Ok(link) => drop(tokio::time::timeout(USED_EVERY, link.lost()).await),
                    Err(_) => tokio::time::sleep(AGAIN_AFTER).await,
                }
            }
        };
        tokio::select! {
            () = keeping => return,
            () = unwanted(&mut by) => {}
        }
        place.kept_up.store(false, Ordering::Release);
        if *by.borrow() == 0 || place.kept_up.swap(true, Ordering::AcqRel) {
            return;
        }
    }
}

impl Places {
    fn at(&self, place: Option<Pair>) -> Arc<Place> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let made = || {
            Arc::new(Place {
                by: watch::channel(0).0,
                ready: Arc::new(watch::channel(false).0),
                kept_up: AtomicBool::new(false),
            })
        };
        Arc::clone(all.entry(place).or_insert_with(made))
    }

    fn want(&self, place: Option<Pair>) -> Want {
        let place = self.at(place);
        place.by.send_modify(|by| *by += 1);
        Want { place }
    }

    /// Forgets places that nobody asks about.
    pub(super) fn rest(&self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, place| Arc::strong_count(place) > 1 || place.by.receiver_count() > 0);
    }
}

impl Way {
    /// That of this client.
    pub(crate) fn of(client: &Client) -> Self {
        let manner = client.manner();
        let level = client.level();
        Self { manner, level, revision: client.revision() }
    }
}

impl Want {
    /// Whether the app is heard.
    pub(crate) fn heard(&self) -> Heard {
        Heard { ready: self.place.ready.subscribe() }
    }
}

impl Heard {
    /// Waits until what the app tells is heard; what it tells before is missed.
    pub(crate) async fn wait(mut self) {
        let _gone = self.ready.wait_for(|ready| *ready).await;
    }
}

impl Drop for Want {
    fn drop(&mut self) {
        self.place.by.send_modify(|by| *by -= 1);
    }
}

impl Slot {
    /// The place of a pair.
    pub(super) fn of(pair: &Pair) -> Self {
        Self { pair: Some(pair.clone()), ..Self::default() }
    }
}

impl Upstream for Subscribing {
    fn send<'a>(&'a self, permit: Permit, call: Outgoing) -> UpstreamFuture<'a> {
        Box::pin(self.subscribe(permit, call))
    }

    fn redact(&self, answer: Answer, paths: &str) -> Result<(Answer, usize), Fault> {
        redaction::redact(answer, paths)
    }
}

impl Subscribing {
    async fn subscribe(&self, permit: Permit, call: Outgoing) -> Result<Answer, SendFault> {
        let _place = self.to.room.take().ok_or_else(|| SendFault::before(self.to.busy()))?;
        let link = self.to.link_for(&self.pair, &self.way).await.map_err(SendFault::before)?;
        let (answer, watch) = link.subscribe(permit, &call).await?;
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some((link, watch));
        Ok(answer)
    }
}

const USED_EVERY: Duration = Duration::from_secs(60);
const AGAIN_AFTER: Duration = Duration::from_secs(10);
