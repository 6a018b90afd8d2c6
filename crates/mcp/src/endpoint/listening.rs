//! Clients that listen for changes: `subscriptions/listen` of 2026-07-28; before it GET, `resources/subscribe` and
//! `resources/unsubscribe`. And clients that come back for the rest of a response.

use std::sync::Arc;

use bytes::Bytes;
use decide::AnswerKind;
use engine::{Closed, StateWrite};
use front::{Body, Known, LongLived};
use http::{Extensions, HeaderMap, Response, StatusCode, header};
use json::{Kind, Value};
use model::limits::SUBSCRIPTIONS_PER_LISTENER_MAX;
use model::{AppId, Blame, Fault, Method, ToolFacts, ToolName};

use super::{Arrived, Part, SUBSCRIBED_STATE, Shared, not_allowed, refuse, rpc_error, text};
use crate::answer::{self, Shape};
use crate::app_link::{AppLink, Way, pair_of};
use crate::calls::nowhere_to_ask;
use crate::envelope::{self, INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, Request, RpcError};
use crate::events::{Gone, Kind as StreamKind, NAMED, Opening, Reader, Remembered, Stream};
use crate::listeners::{Listener, Out, notification};
use crate::methods::Said;
use crate::name::split_uri;
use crate::revision::Revision;
use crate::rounds;
use crate::session::{Session, Sessions};
use crate::shares::Full;
use crate::subscription::subscribe;
use crate::upstream::{Changed, Client};

/// What a client of 2026-07-28 wants to be told of.
struct Filter {
    lists: Vec<Changed>,
    uris: Vec<String>,
}

impl Shared {
    /// A legacy client listens, or comes back for the rest of a response.
    pub(super) async fn get(self: &Arc<Self>, arrived: &Arrived<'_>) -> Response<Body> {
        let modern = text(arrived.headers, "mcp-protocol-version") == Some(Revision::V20260728.as_str());
        if modern || !arrived.headers.contains_key("mcp-session-id") {
            return not_allowed();
        }
        let session = match self.session(arrived) {
            Ok(session) => session,
            Err(response) => return *response,
        };
        if !accepts_stream(arrived.headers) {
            let said = "the client must accept `text/event-stream`";
            return refuse(&Fault::new(Blame::Caller, "caller.accept", said));
        }
        if let Some(refused) = self.may_not_listen(arrived) {
            return refused;
        }
        let primes = session.revision == Revision::V20251125;
        let now = self.engine.clock().now();
        let (stream, place) = match text(arrived.headers, "last-event-id") {
            None => session.streams.listen(),
            Some(last) => match session.streams.resume(last, now) {
                Ok(found) => found,
                Err(Gone) => {
                    let name = last.split_once(NAMED).map_or("", |(_, name)| name);
                    // A request in flight until it waits.
                    if let Some(response) = Box::pin(self.come_back(arrived, &session, name)).await {
                        return response;
                    }
                    let said = "nothing is remembered of the stream this event belongs to";
                    return rpc_error(StatusCode::BAD_REQUEST, None, &RpcError::new(INVALID_REQUEST, said));
                }
            },
        };
        if stream.kind() == StreamKind::Response {
            return long_lived(Reader::new(stream, place, Opening { primes, ..Opening::default() }).response());
        }
        let listener = self.listener_of(&session, arrived);
        for changed in Changed::ALL {
            listener.want(changed);
        }
        let watching = match self.hub.listeners().watch(&listener, true, &self.hub.all_links()) {
            Ok(watching) => watching,
            Err(fault) => return refuse(&fault),
        };
        let (shared, open, still) = (Arc::clone(self), Arc::downgrade(&session), self.still(arrived));
        let may: Box<dyn Fn() -> bool + Send> = Box::new(move || {
            // Who listens uses the session.
            let open = open.upgrade().inspect(|session| session.touch(shared.engine.clock().now()));
            open.is_some() && still()
        });
        let opening = Opening { primes, may: Some(may), last_words: None, _holds: Some(Box::new(watching)) };
        long_lived(Reader::new(stream, place, opening).response())
    }

    /// A client of 2026-07-28 listens.
    pub(super) async fn listen(self: &Arc<Self>, arrived: &Arrived<'_>, request: &Request<'_, '_>) -> Response<Body> {
        if let Some(refused) = self.may_not_listen(arrived) {
            return refused;
        }
        let wrong = |error: &RpcError| rpc_error(StatusCode::OK, Some(request.id), error);
        let filter = match Filter::read(request.params) {
            Ok(filter) => filter,
            Err(error) => return wrong(&error),
        };
        let meta = request.params.and_then(|params| params.get("_meta"));
        let client = match Part::Itself.client(meta, arrived.body, arrived.known) {
            Ok(client) => client,
            Err(error) => return wrong(&error),
        };
        let way = Way::of(&client);
        let listeners = self.hub.listeners();
        let stream = Stream::new(StreamKind::Listen, 0, Remembered::default());
        let tag = Bytes::copy_from_slice(request.id);
        let out = Out::Response(Arc::clone(&stream));
        let listener = listeners.add(&arrived.known.actor, arrived.endpoint.cloned(), Some(tag.clone()), out);
        for changed in &filter.lists {
            listener.want(*changed);
        }
        let watching = match listeners.watch(&listener, !filter.lists.is_empty(), &self.hub.all_links()) {
            Ok(watching) => watching,
            Err(fault) => return refuse(&fault),
        };
        watching.ready().await;
        let mut honoured = Vec::new();
        for uri in &filter.uris {
            if let Ok(closed) = self.subscribe(arrived, (&listener, &way), uri).await
                && agreed(&closed)
            {
                honoured.push(uri.as_str());
            }
        }
        stream.say(notification(ACKNOWLEDGED, &filter.acknowledged(&honoured), Some(&tag)));
        listener.acknowledge();
        let holds: Option<Box<dyn std::any::Any + Send>> = Some(Box::new((listener, watching)));
        let mut end = b"{\"resultType\":\"complete\",\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":".to_vec();
        end.extend_from_slice(&tag);
        end.extend_from_slice(b"}}");
        let last_words = Some(Bytes::from(envelope::result(request.id, &end)));
        let opening = Opening { primes: false, may: Some(self.still(arrived)), last_words, _holds: holds };
        long_lived(Reader::new(stream, 0, opening).response())
    }

    /// `resources/subscribe` and `resources/unsubscribe` of a legacy session; none for any other method.
    pub(super) async fn subscription(
        self: &Arc<Self>,
        arrived: &Arrived<'_>,
        session: &Arc<Session>,
        request: &Request<'_, '_>,
    ) -> Option<Said> {
        let subscribes = match request.method.as_ref() {
            "resources/subscribe" => true,
            "resources/unsubscribe" => false,
            _ => return None,
        };
        let uri = request.params.and_then(|params| params.get("uri")).and_then(|uri| uri.as_str());
        let Some(uri) = uri else {
            let said = "`params.uri` must be the address of a resource";
            return Some(Said::Error(RpcError::new(INVALID_PARAMS, said)));
        };
        if subscribes {
            self.note_subscribed(arrived, session).await;
            let listener = self.listener_of(session, arrived);
            let way = Way::of(&Client::Legacy(Arc::clone(session)));
            return Some(match Box::pin(self.subscribe(arrived, (&listener, &way), &uri)).await {
                Ok(closed) => worded(request.id, closed, arrived.known.inactive.as_deref()),
                Err(error) => Said::Error(error),
            });
        }
        if let (Some(listener), Some((app, uri))) = (session.listener.get(), place(arrived.endpoint, &uri)) {
            listener.unsubscribe(&app, uri);
        }
        Some(Said::Response(envelope::result(request.id, b"{}")))
    }

    /// Notes that the session's client wants to be told of something: after a restart it would wait in vain.
    async fn note_subscribed(&self, arrived: &Arrived<'_>, session: &Session) {
        let Some(id) = text(arrived.headers, "mcp-session-id").filter(|_| session.subscribes()) else { return };
        let (engine, value) = (self.engine.clone(), Some(self.engine.clock().now().0.to_string()));
        let row = StateWrite { kind: SUBSCRIBED_STATE.to_owned(), key: Sessions::mark(id), value };
        let kept = tokio::task::spawn_blocking(move || engine.keep_blocking(vec![row])).await;
        if !matches!(kept, Ok(Ok(()))) {
            tracing::warn!("that a session has subscribed could not be written down");
        }
    }

    /// Subscribes to a resource by the name that the client has for it.
    async fn subscribe(
        self: &Arc<Self>,
        arrived: &Arrived<'_>,
        (listener, way): (&Arc<Listener>, &Way),
        uri: &str,
    ) -> Result<Closed, RpcError> {
        let unknown = || RpcError::new(INVALID_PARAMS, format!("unknown resource: {uri}"));
        let (app, in_app) = place(arrived.endpoint, uri).ok_or_else(unknown)?;
        let link: Arc<AppLink> = self.hub.app(&app).ok_or_else(unknown)?;
        let name = ToolName::parse(in_app).map_err(|_| unknown())?;
        if !listener.has_place(&app, in_app) {
            let said = format!(
                "{SUBSCRIPTIONS_PER_LISTENER_MAX} resources are subscribed to already: send `resources/unsubscribe` first"
            );
            return Err(RpcError::new(INVALID_PARAMS, said));
        }
        let place = self.hub.listeners().place(&pair_of(&arrived.known.actor)).map_err(|full| match full {
            Full::OfOne(most) => {
                let said = format!(
                    "this agent is subscribed to {most} resources for this person already: end some of these subscriptions first"
                );
                RpcError::new(INVALID_PARAMS, said)
            }
            Full::All(most) => {
                let said = format!("all clients together are subscribed to {most} resources already: try later");
                RpcError::new(INTERNAL_ERROR, said)
            }
        })?;
        let by = (listener, arrived.known);
        Ok(subscribe(&self.hub, by, (link, name), way.clone(), place).await)
    }

    /// A client works on other folders now: apps that were told it has some are told so, each with the client's next call.
    pub(super) fn pass_on_roots_changed(&self, arrived: &Arrived<'_>, session: Arc<Session>) {
        let actor = &arrived.known.actor;
        let pair = pair_of(actor);
        let links = self.hub.links(arrived.endpoint);
        if arrived.known.inactive.is_some() || arrived.known.vendor.is_some() || !session.abilities.has_roots() {
            return;
        }
        // An app may be told what it could ask for.
        let may = |app: &AppId| {
            let facts = ToolName::parse(Method::Roots.as_str()).map(|name| ToolFacts::of_method(Method::Roots, name));
            facts.is_ok_and(|facts| self.engine.permits(actor, app, Method::Roots, facts))
        };
        let client = Client::Legacy(session);
        for (_, link) in links.into_iter().filter(|(app, _)| may(app)) {
            link.roots_changed(&pair, &client);
        }
    }

    fn listener_of(&self, session: &Arc<Session>, arrived: &Arrived<'_>) -> Arc<Listener> {
        let made = || {
            let out = Out::Session(Arc::clone(&session.streams), Arc::downgrade(session));
            self.hub.listeners().add(&arrived.known.actor, arrived.endpoint.cloned(), None, out)
        };
        Arc::clone(session.listener.get_or_init(made))
    }

    /// Whoever may not act may not listen, and where everything is stopped nobody does.
    fn may_not_listen(&self, arrived: &Arrived<'_>) -> Option<Response<Body>> {
        if let Some(inactive) = &arrived.known.inactive {
            return Some(self.access.inactive(arrived.endpoint, inactive));
        }
        if self.is_stopped(arrived.endpoint) {
            let fault = Fault::new(Blame::Operator, "gateway.stopped", "it is stopped, and nothing is told");
            return Some(refuse(&fault.hint("an operator lifts it with `countersign start`").retryable()));
        }
        None
    }

    fn is_stopped(&self, endpoint: Option<&AppId>) -> bool {
        let directory = self.engine.directory();
        directory.all_stopped || endpoint.and_then(|app| directory.apps.get(app)).is_some_and(|app| app.stopped)
    }

    /// Whether this client may still listen, asked as if its request came now.
    fn still(self: &Arc<Self>, arrived: &Arrived<'_>) -> Box<dyn Fn() -> bool + Send> {
        let shared = Arc::clone(self);
        let endpoint = arrived.endpoint.cloned();
        let tokens: Vec<_> = arrived.headers.get_all(header::AUTHORIZATION).iter().cloned().collect();
        let mut headers = HeaderMap::new();
        for token in tokens {
            headers.append(header::AUTHORIZATION, token);
        }
        let mut link = Extensions::new();
        if let Some(certificate) = arrived.certificate {
            link.insert(certificate);
        }
        Box::new(move || {
            let known = shared.access.authenticate(&headers, &link, endpoint.as_ref());
            known.is_ok_and(|known: Known| known.inactive.is_none())
                && !shared.is_stopped(endpoint.as_ref())
                && !shared.hub.listeners().stopping()
        })
    }
}

impl Filter {
    fn read(params: Option<Value<'_, '_>>) -> Result<Self, RpcError> {
        let wrong = |said: &str| Err(RpcError::new(INVALID_PARAMS, said));
        let filter = params.and_then(|params| params.get("notifications"));
        let Some(filter) = filter.filter(|filter| filter.kind() == Kind::Object) else {
            return wrong("`params.notifications` must say what to tell of");
        };
        let mut lists = Vec::new();
        for changed in Changed::ALL {
            match filter.get(changed.filter()).map(|wanted| wanted.as_bool()) {
                None | Some(Some(false)) => {}
                Some(Some(true)) => lists.push(changed),
                Some(None) => {
                    return wrong(&format!("`params.notifications.{}` must be true or false", changed.filter()));
                }
            }
        }
        let mut uris: Vec<String> = Vec::new();
        if let Some(wanted) = filter.get("resourceSubscriptions") {
            if wanted.kind() != Kind::Array {
                return wrong("`params.notifications.resourceSubscriptions` must be a list of addresses");
            }
            for uri in wanted.items() {
                let Some(uri) = uri.as_str() else { return wrong("the address of a resource must be a string") };
                if uris.iter().any(|known| *known == uri) {
                    continue;
                }
                // Not looked for behind the list: each is compared with all before it.
                if uris.len() == SUBSCRIPTIONS_PER_LISTENER_MAX {
                    return wrong(&format!(
                        "one request listens to {SUBSCRIPTIONS_PER_LISTENER_MAX} resources at most"
                    ));
                }
                uris.push(uri.into_owned());
            }
        }
        Ok(Self { lists, uris })
    }

    /// What is honoured, as a member of `params`.
    fn acknowledged(&self, uris: &[&str]) -> Vec<u8> {
        let mut honoured = serde_json::Map::new();
        for changed in &self.lists {
            honoured.insert(changed.filter().to_owned(), true.into());
        }
        if !uris.is_empty() {
            honoured.insert("resourceSubscriptions".to_owned(), uris.into());
        }
        format!("\"notifications\":{}", serde_json::Value::Object(honoured)).into_bytes()
    }
}

/// The app an address leads to, and the address inside it.
fn place<'u>(endpoint: Option<&AppId>, uri: &'u str) -> Option<(AppId, &'u str)> {
    match endpoint {
        Some(app) => Some((app.clone(), uri)),
        None => split_uri(uri),
    }
}

fn agreed(closed: &Closed) -> bool {
    matches!(closed, Closed::Answered { answer, .. } if answer.kind == AnswerKind::Result)
}

fn worded(id: &[u8], closed: Closed, inactive: Option<&str>) -> Said {
    if let (Closed::Refused(_), Some(inactive)) = (&closed, inactive) {
        return Said::Unauthorized(inactive.to_owned());
    }
    if agreed(&closed) {
        return Said::Response(envelope::result(id, b"{}"));
    }
    let closed = match closed {
        // Addresses are decided on in rounds, and a subscription has none.
        Closed::Answered { call, answer, .. } if rounds::as_questions(&answer.body).is_some() => nowhere_to_ask(call),
        closed => closed,
    };
    Said::Response(answer::of_call(id, &closed, &Shape::of_a_method(), None))
}

fn accepts_stream(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        let value = value.to_ascii_lowercase();
        ["text/event-stream", "text/*", "*/*"].iter().any(|kind| value.contains(kind))
    })
}

/// It goes on for as long as its client likes, and is no request in flight.
fn long_lived(mut response: Response<Body>) -> Response<Body> {
    response.extensions_mut().insert(LongLived);
    response
}

const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";

#[cfg(test)]
mod tests;
