//! One subscription to a resource of an app: made by a governed call, and by another one each time the app was lost.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use decide::AnswerKind;
use engine::{CallRequest, Closed};
use front::Known;
use model::{Actor, Blame, CallId, ContractFacts, Method, ToolFacts, ToolName};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::app_link::{AppLink, Pair, Subscribing, Want, Way, pair_of};
use crate::hub::Hub;
use crate::listeners::Listener;
use crate::shares::Place;
use crate::upstream::{Asked, Link, News, Watch};

/// A subscription; over when it is dropped.
pub(crate) struct Subscription {
    _until: DropGuard,
    _place: Place<Pair>,
}

/// What keeps a subscription.
struct Keeper {
    hub: Arc<Hub>,
    listener: Weak<Listener>,
    app: Arc<AppLink>,
    /// Who subscribed; somebody of the same pair may have begun to listen.
    actor: Actor,
    /// The contract it is under, where a vendor's agent subscribed.
    contract: Option<Arc<ContractFacts>>,
    pair: Pair,
    way: Way,
    uri: ToolName,
    /// What is told over the pair's link is heard.
    _want: Want,
}

/// What an app took a subscription with.
struct Taken {
    link: Arc<Link>,
    /// The stream on which it tells of it, where it has one of its own.
    watch: Option<Watch>,
    call: Option<CallId>,
}

/// Subscribes this actor to a resource, which is told to the listener of its pair and has this place, if the decision runs and the app agrees.
pub(crate) async fn subscribe(
    hub: &Arc<Hub>,
    (listener, known): (&Arc<Listener>, &Known),
    (app, uri): (Arc<AppLink>, ToolName),
    way: Way,
    place: Place<Pair>,
) -> Closed {
    let actor = &known.actor;
    let pair = pair_of(actor);
    let want = app.want_of(&pair);
    let keeper = Keeper {
        hub: Arc::clone(hub),
        listener: Arc::downgrade(listener),
        app: Arc::clone(&app),
        actor: actor.clone(),
        contract: known.vendor.as_ref().map(|vendor| Arc::new(vendor.unknown_call())),
        pair,
        way,
        uri,
        _want: want,
    };
    let (closed, taken) = keeper.call(None).await;
    if let Some(taken) = taken {
        let until = CancellationToken::new();
        let (over, uri) = (until.clone(), keeper.uri.clone());
        let subscription = Subscription { _until: until.drop_guard(), _place: place };
        listener.subscribe(&app.spec.id, uri.as_str(), subscription);
        hub.listeners().tasks().spawn(keeper.keep(taken, over));
    }
    closed
}

impl Keeper {
    /// One governed call. What the app took it with, if it agreed.
    async fn call(&self, cause: Option<CallId>) -> (Closed, Option<Taken>) {
        let to = Arc::clone(&self.app);
        // What may not be read now is not heard of either.
        let resource = self.hub.facts_of(&to, Asked::Resource, self.uri.clone(), &self.pair).await;
        let subscribing =
            Arc::new(Subscribing { to, pair: self.pair.clone(), way: self.way.clone(), opened: Mutex::default() });
        let request = CallRequest {
            actor: self.actor.clone(),
            app: self.app.spec.id.clone(),
            method: Method::Subscribe,
            tool: ToolFacts {
                status: resource.status,
                finding: resource.finding,
                ..ToolFacts::of_method(Method::Subscribe, self.uri.clone())
            },
            cause,
            arguments: None,
            readable: None,
            wire: self.way.revision.wire(),
            trace_parent: None,
            listed_at: Hub::listed_at(&self.app, Asked::Resource, &self.pair),
            kept: self.app.kept(),
            upstream: Arc::clone(&subscribing) as Arc<dyn decide::Upstream>,
            waiter: None,
            contract: self.contract.clone(),
            taker: None,
        };
        let closed = self.hub.listeners().engine().call(request).await;
        let call = match &closed {
            Closed::Answered { call, answer, .. } if answer.kind == AnswerKind::Result => Some(call.clone()),
            _ => return (closed, None),
        };
        let opened = subscribing.opened.lock().unwrap_or_else(PoisonError::into_inner).take();
        (closed, opened.map(|(link, watch)| Taken { link, watch, call }))
    }

    /// Keeps it until somebody has enough, or it ends by itself.
    async fn keep(self, mut taken: Taken, over: CancellationToken) {
        tokio::select! {
            () = over.cancelled() => {}
            () = self.app.retired() => {}
            () = self.forbidden() => {}
            () = self.hold(&mut taken) => {}
        }
        if let Some(listener) = self.listener.upgrade().filter(|_| !over.is_cancelled()) {
            listener.unsubscribe(&self.app.spec.id, self.uri.as_str());
        }
        let others =
            self.hub.listeners().others_subscribed(&self.listener, &self.pair, &self.app.spec.id, self.uri.as_str());
        if taken.watch.is_none() && !others {
            let _ = tokio::time::timeout(LAST_WORD_TIME_MAX, taken.link.unsubscribe(self.uri.as_str())).await;
        }
    }

    /// Ends when the subscription may not or cannot go on.
    async fn hold(&self, taken: &mut Taken) {
        loop {
            let pause = match &mut taken.watch {
                Some(watch) => {
                    self.hear(watch).await;
                    watch.retry()
                }
                None => {
                    self.lost(&taken.link).await;
                    None
                }
            };
            match self.again(taken.call.take(), pause.unwrap_or(AGAIN_AFTER)).await {
                Some(again) => *taken = again,
                None => return,
            }
            // What happened meanwhile nobody has heard.
            if let Some(listener) = self.listener.upgrade() {
                self.hub.listeners().tell_resource(&listener, &self.app.spec.id, self.uri.as_str());
            }
        }
    }

    /// Ends when nobody uses the session any more, or its person or agent may not act.
    async fn forbidden(&self) {
        while self.may_go_on() {
            tokio::time::sleep(USED_EVERY).await;
        }
    }

    async fn hear(&self, watch: &mut Watch) {
        loop {
            let told = match watch.next().await {
                Ok(told) => told,
                Err(ended) => {
                    tracing::debug!(?ended, app = %self.app.spec.id, "an app tells no more of a resource; it is asked again");
                    return;
                }
            };
            for (method, message) in told {
                if let (Some(News::Resource(uri)), Some(listener)) =
                    (News::read(&method, &message), self.listener.upgrade())
                {
                    self.hub.listeners().tell_resource(&listener, &self.app.spec.id, &uri);
                }
            }
        }
    }

    /// Ends when the link is another one. It is used again before it would rest.
    async fn lost(&self, link: &Arc<Link>) {
        while tokio::time::timeout(USED_EVERY, link.lost()).await.is_err() {
            let now = self.app.link_for(&self.pair, &self.way).await;
            if !now.is_ok_and(|now| Arc::ptr_eq(&now, link)) {
                return;
            }
        }
    }

    /// Subscribes again, which is decided again. None: it was refused, or nobody listens any more.
    async fn again(&self, cause: Option<CallId>, mut pause: Duration) -> Option<Taken> {
        loop {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).clamp(AGAIN_AFTER, AGAIN_AFTER_MAX);
            self.listener.upgrade()?;
            if self.app.link_for(&self.pair, &self.way).await.is_err() {
                continue;
            }
            match self.call(cause.clone()).await {
                (_, Some(taken)) => return Some(taken),
                (Closed::Failed { fault, .. }, None) if fault.blame() != Blame::Caller => {}
                _ => return None,
            }
        }
    }

    fn may_go_on(&self) -> bool {
        let engine = self.hub.listeners().engine();
        if !self.listener.upgrade().is_some_and(|listener| listener.in_use(engine.clock().now())) {
            return false;
        }
        let directory = engine.directory();
        let (agent, human) = &self.pair;
        directory.agents.get(agent).is_some_and(|agent| agent.active)
            && directory.humans.get(human).is_some_and(|human| human.active)
    }
}

const USED_EVERY: Duration = Duration::from_secs(10);
const AGAIN_AFTER: Duration = Duration::from_secs(1);
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(60);
const LAST_WORD_TIME_MAX: Duration = Duration::from_secs(5);
