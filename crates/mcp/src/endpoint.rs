//! The incoming half: `/mcp` and `/mcp/{app}` over streamable HTTP, for clients of four revisions.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use decide::{Answer, AnswerKind};
use engine::Engine;
use front::{
    Access, Body, Exchange, Known, PeerCertificate, Place, TRACE_PARENT, Wire, WireFuture, empty, json_response,
    off_the_connection, read_body, status_of, trace_parent,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use json::{Document, Kind, Value};
use model::limits::BATCH_ENTRIES_MAX;
use model::{AppId, Blame, Fault, Secret, UnixMicros, in_place};
use tokio_util::task::TaskTracker;

use crate::app_link::pair_of;
use crate::calls::{Call, Runs};
use crate::client::Abilities;
use crate::envelope::{
    self, HEADER_MISMATCH, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, MISSING_CAPABILITY, Message, PARSE_ERROR,
    Request, RpcError, UNSUPPORTED_VERSION,
};
use crate::hub::Hub;
use crate::methods::{Context, Said, initialize};
use crate::param::{decoded, said_once};
use crate::revision::Revision;
use crate::rounds::Seals;
use crate::session::{Session, Sessions};
use crate::stream::Outliving;
use crate::upstream::{Along, Client, LEVELS, LOG_LEVEL_KEY, Latest};
use crate::waiting::{self, Away, Patience};
use carrying::passed_on;
use held::HeldTasks;

mod carrying;
mod held;
mod listening;

/// The MCP wire.
pub struct Endpoint {
    shared: Arc<Shared>,
}

/// What is the gateway's, whichever listener a client comes by, and who may come by this one.
#[derive(Clone)]
struct Shared {
    hub: Arc<Hub>,
    engine: Engine,
    access: Arc<Access>,
    sessions: Arc<Sessions>,
    seals: Arc<Seals>,
    /// Calls that wait as tasks.
    held: Arc<HeldTasks>,
    /// What waits without a place among the requests in flight.
    away: Arc<Away>,
    /// When what nobody came back for was forgotten last, in microseconds since 1970.
    rested: Arc<AtomicI64>,
    /// Calls whose client may be away.
    tasks: TaskTracker,
    /// Whether arguments have to stand in headers, too, where a tool says so (2026-07-28).
    params_in_headers: bool,
}

/// What was posted, on its way through.
struct Posted {
    headers: HeaderMap,
    certificate: Option<PeerCertificate>,
    body: Bytes,
    known: Known,
    endpoint: Option<AppId>,
    place: Place,
}

/// One request on its way through.
struct Arrived<'a> {
    headers: &'a HeaderMap,
    /// Of the client, where the connection has one.
    certificate: Option<PeerCertificate>,
    body: &'a Bytes,
    known: &'a Known,
    endpoint: Option<&'a AppId>,
    place: &'a Place,
}

/// What a request is part of.
enum Part {
    /// Nothing: it says everything itself (2026-07-28).
    Itself,
    /// A legacy session.
    Of(Arc<Session>),
}

impl Endpoint {
    /// The wire over these apps; what an app wants back from a client is sealed under `key`. `subscribed` are rows of
    /// [`SUBSCRIBED_STATE`]. Error: a bug.
    pub fn new(
        hub: Arc<Hub>,
        engine: Engine,
        access: Arc<Access>,
        key: &Secret<[u8; 32]>,
        subscribed: impl IntoIterator<Item = String>,
    ) -> Result<Self, Fault> {
        let sessions = Arc::new(Sessions::new(key, subscribed.into_iter().collect())?);
        let (seals, tasks) = (Arc::new(Seals::new(key)?), TaskTracker::new());
        let (held, rested) = (Arc::new(HeldTasks::new()), Arc::new(AtomicI64::new(engine.clock().now().0)));
        let (params_in_headers, away) = (true, waiting::away());
        let shared = Shared { hub, engine, access, sessions, seals, held, rested, tasks, params_in_headers, away };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// For clients over standard streams, which know no headers: only arguments say what arguments are.
    pub fn for_standard_streams(&self) -> Self {
        Self { shared: Arc::new(Shared { params_in_headers: false, ..Shared::clone(&self.shared) }) }
    }

    /// The same wire at another listener, whose access is its own: a session that has ended at one has ended at all, and what is
    /// remembered is bounded for all together.
    pub fn also_for(&self, access: Arc<Access>) -> Self {
        Self { shared: Arc::new(Shared { access, ..Shared::clone(&self.shared) }) }
    }
}

impl Part {
    fn revision(&self) -> Revision {
        match self {
            Self::Itself => Revision::V20260728,
            Self::Of(session) => session.revision,
        }
    }

    /// Who is at the near end. Error: what is wrong with what it says of itself.
    fn client(&self, meta: Option<Value<'_, '_>>, body: &Bytes, known: &Known) -> Result<Client, RpcError> {
        match self {
            Self::Of(session) => Ok(Client::Legacy(Arc::clone(session))),
            // A vendor's agent is asked nothing, and told nothing but answers.
            Self::Itself if known.vendor.is_some() => {
                Ok(Client::Modern { abilities: Abilities::default(), level: None })
            }
            Self::Itself => {
                let abilities = Abilities::read(meta.and_then(|meta| meta.get(CAPABILITIES_KEY)), body)
                    .ok_or_else(|| RpcError::new(INVALID_PARAMS, CAPABILITIES_TOO_LONG))?;
                let level = match meta.and_then(|meta| meta.get(LOG_LEVEL_KEY)) {
                    None => None,
                    Some(level) => Some(level_of(Some(level), LOG_LEVEL_KEY)?),
                };
                Ok(Client::Modern { abilities, level })
            }
        }
    }
}

impl Shared {
    /// Forgets now and then what nobody came back for. Whoever asks for something does not wait for it.
    fn rest_at_times(self: &Arc<Self>) {
        let (now, last) = (self.engine.clock().now(), self.rested.load(Ordering::Relaxed));
        let due = u128::from(now.since(UnixMicros(last)).unsigned_abs()) >= REST_EVERY.as_micros();
        if due && self.rested.compare_exchange(last, now.0, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let shared = Arc::clone(self);
            self.tasks.spawn(async move {
                shared.sessions.rest(now);
                shared.held.rest(now);
            });
        }
    }

    async fn respond(self: &Arc<Self>, exchange: Exchange) -> Response<Body> {
        self.rest_at_times();
        let Exchange { request, place } = exchange;
        let (parts, body) = request.into_parts();
        let endpoint = match endpoint_of(parts.uri.path()) {
            Ok(endpoint) => endpoint,
            Err(fault) => return refuse(&fault),
        };
        let known = match self.access.authenticate(&parts.headers, &parts.extensions, endpoint.as_ref()) {
            Ok(known) => known,
            Err(response) => return *response,
        };
        if let Some(vendor) = &known.vendor
            && let Err(fault) = place.of_vendor(&vendor.vendor)
        {
            return refuse(&fault);
        }
        if let Some(app) = endpoint.as_ref().filter(|app| !self.hub.has(app)) {
            let said = format!("there is no app `{app}`");
            return refuse(
                &Fault::new(Blame::Caller, "caller.unknown_path", said).hint("`/mcp` lists the tools of all apps"),
            );
        }
        match parts.method {
            Method::POST => {}
            Method::GET => {
                let (headers, certificate, body) = (&parts.headers, certificate_of(&parts), &Bytes::new());
                let endpoint = endpoint.as_ref();
                let arrived = Arrived { headers, certificate, body, known: &known, endpoint, place: &place };
                return Box::pin(self.get(&arrived)).await;
            }
            Method::DELETE => return self.end_session(&parts.headers, &known, endpoint.as_ref()),
            _ => return not_allowed(),
        }
        if let Err(fault) = check_types(&parts.headers) {
            return refuse(&fault);
        }
        let body = match read_body(body, self.engine.limits().body_bytes_max).await {
            Ok(body) => body,
            Err(fault) => return refuse(&fault),
        };
        let in_session = !says_modern_version(&parts.headers);
        let (headers, certificate) = (off_the_connection(&parts.headers, is_looked_at), certificate_of(&parts));
        drop(parts);
        let posted = Posted { headers, certificate, body, known, endpoint, place };
        let shared = Arc::clone(self);
        // A client with a session that goes away has not changed its mind, whatever it asked for.
        if in_session {
            Outliving::new(in_place(|| shared.posted(posted)), &self.tasks, None).await
        } else {
            shared.posted(posted).await
        }
    }

    async fn posted(self: Arc<Self>, posted: Posted) -> Response<Body> {
        let Posted { headers, certificate, body, known, endpoint, place } = &posted;
        let (certificate, endpoint) = (*certificate, endpoint.as_ref());
        self.message(&Arrived { headers, certificate, body, known, endpoint, place }).await
    }

    async fn message(self: &Arc<Self>, arrived: &Arrived<'_>) -> Response<Body> {
        let document = match Document::parse(arrived.body) {
            Ok(document) => document,
            Err(error) => {
                return rpc_error(StatusCode::BAD_REQUEST, None, &RpcError::new(PARSE_ERROR, error.to_string()));
            }
        };
        if document.root().kind() == Kind::Array {
            return Box::pin(self.batch(arrived, document.root())).await;
        }
        let request = match envelope::read(document.root()) {
            Ok(Message::Request(request)) => request,
            Ok(Message::Notification(method, params)) => return self.notice(arrived, &method, params),
            Ok(Message::Response(id, error, value)) => return self.response(arrived, id, error, value),
            Err((id, error)) => return rpc_error(StatusCode::BAD_REQUEST, id, &error),
        };
        if request.method == "initialize" && !says_modern(&request) {
            return self.open_session(arrived, &request);
        }
        let part = match self.part(arrived, &request) {
            Ok(part) => part,
            Err(response) => return *response,
        };
        if matches!(part, Part::Itself) && request.method == "subscriptions/listen" {
            return Box::pin(self.listen(arrived, &request)).await;
        }
        if let Part::Of(session) = &part
            && let Some(said) = self.subscription(arrived, session, &request).await
        {
            return self.worded(arrived.endpoint, part.revision(), request.id, said);
        }
        if let ("logging/setLevel", Part::Of(session)) = (request.method.as_ref(), &part) {
            let said = Box::pin(self.set_level(arrived, session, &request)).await;
            return self.worded(arrived.endpoint, part.revision(), request.id, said);
        }
        if request.method == "tasks/result"
            && let Some(response) = Box::pin(self.result_of_task(arrived, &part, &request)).await
        {
            return response;
        }
        if let Some(said) = self.about_held(arrived, &part, &request).await {
            return self.worded(arrived.endpoint, part.revision(), request.id, said);
        }
        let context = self.context(arrived, part.revision());
        let Some(asked) = Call::asked(&request) else {
            let said = Box::pin(context.answer(&request)).await;
            return self.worded(arrived.endpoint, part.revision(), request.id, said);
        };
        match context.understand(&request, asked, arrived.body).await {
            Ok(call) => self.carry(arrived, part, &request, call).await,
            Err(error) => self.worded(arrived.endpoint, part.revision(), request.id, Said::Error(error)),
        }
    }

    /// A notification: a legacy client's change of mind, or of its folders.
    fn notice(&self, arrived: &Arrived<'_>, method: &str, params: Option<Value<'_, '_>>) -> Response<Body> {
        if text(arrived.headers, "mcp-session-id").is_some()
            && let Err(response) = self.session(arrived)
        {
            return *response;
        }
        if method == "notifications/cancelled"
            && let Some(id) = params.and_then(|params| params.get("requestId"))
            && let Ok(session) = self.session(arrived)
        {
            session.cancel(id.raw());
        }
        if method == ROOTS_CHANGED
            && let Ok(session) = self.session(arrived)
        {
            self.pass_on_roots_changed(arrived, session);
        }
        accepted()
    }

    /// From which level on a session wants log messages: apps that were told another are told, others are when they are
    /// connected.
    async fn set_level(&self, arrived: &Arrived<'_>, session: &Arc<Session>, request: &Request<'_, '_>) -> Said {
        if let Some(inactive) = &arrived.known.inactive {
            return Said::Unauthorized(inactive.clone());
        }
        let level = match level_of(request.params.and_then(|params| params.get("level")), "params.level") {
            Ok(level) => level,
            Err(error) => return Said::Error(error),
        };
        session.set_level(level);
        // Another session of theirs may share a link, and want more: this one is passed only what it wants.
        let Some(level) = session.least_level() else { return Said::Response(envelope::result(request.id, b"{}")) };
        let client = Client::Legacy(Arc::clone(session));
        let pair = pair_of(&arrived.known.actor);
        let (engine, seals, known, hub) = (&self.engine, &self.seals, arrived.known, &self.hub);
        let runs = Runs { engine, seals, known, hub, patience: Patience::none() };
        for (app, link) in self.hub.links(arrived.endpoint) {
            if !link.keeps_a_level(&pair, &client) {
                continue;
            }
            let scrub = Latest::of(self.engine.credentials(), &app);
            let call = match Call::level(app, link, &level) {
                Ok(call) => call,
                Err(error) => return Said::Error(error),
            };
            let along = Along::unread(None, client.clone(), scrub);
            Box::new(call).run(&runs, along).await;
        }
        Said::Response(envelope::result(request.id, b"{}"))
    }

    /// A client's answer to what an app asked.
    fn response(&self, arrived: &Arrived<'_>, id: &[u8], error: bool, value: Value<'_, '_>) -> Response<Body> {
        let session = match self.session(arrived) {
            Ok(session) => session,
            Err(response) => return *response,
        };
        let kind = if error { AnswerKind::ProtocolError } else { AnswerKind::Result };
        if session.answered(id, Answer { kind, body: arrived.body.slice(value.span()) }) {
            return accepted();
        }
        let error = RpcError::new(INVALID_REQUEST, "nothing with this id was asked, or nobody waits for it any more");
        rpc_error(StatusCode::BAD_REQUEST, None, &error)
    }

    /// What this request is part of; its headers agree with its body. Error: the response to send.
    fn part(&self, arrived: &Arrived<'_>, request: &Request<'_, '_>) -> Result<Part, Box<Response<Body>>> {
        let meta = request.params.and_then(|params| params.get("_meta"));
        let in_body = meta.and_then(|meta| meta.get(VERSION_KEY)).map(|version| version.as_str().unwrap_or_default());
        let in_header = text(arrived.headers, "mcp-protocol-version");
        if in_body.is_none() && in_header != Some(Revision::V20260728.as_str()) {
            return self.session(arrived).map(Part::Of);
        }
        let wrong = |error: RpcError| Box::new(rpc_error(StatusCode::BAD_REQUEST, Some(request.id), &error));
        let Some(in_body) = in_body else {
            return Err(wrong(RpcError::new(INVALID_PARAMS, format!("`params._meta` needs `{VERSION_KEY}`"))));
        };
        if in_header != Some(in_body.as_ref()) {
            return Err(wrong(mismatch("MCP-Protocol-Version", in_header, &in_body)));
        }
        if Revision::parse(&in_body).is_none_or(|revision| !revision.modern()) {
            let mut error =
                RpcError::new(UNSUPPORTED_VERSION, format!("revision `{in_body}` is not spoken without a handshake"));
            error.data = Some(serde_json::json!({ "supported": [Revision::V20260728.as_str()], "requested": in_body }));
            return Err(wrong(error));
        }
        if !meta.and_then(|meta| meta.get(CAPABILITIES_KEY)).is_some_and(|value| value.kind() == Kind::Object) {
            return Err(wrong(RpcError::new(INVALID_PARAMS, format!("`params._meta` needs `{CAPABILITIES_KEY}`"))));
        }
        check_headers(arrived.headers, request).map_err(wrong)?;
        Ok(Part::Itself)
    }

    /// The legacy session a request belongs to. Error: 400 without one, 404 for one that is not open.
    fn session(&self, arrived: &Arrived<'_>) -> Result<Arc<Session>, Box<Response<Body>>> {
        let Some(id) = text(arrived.headers, "mcp-session-id") else {
            let error = RpcError::new(
                INVALID_REQUEST,
                "a request needs `Mcp-Session-Id` (from `initialize`), or the `_meta` of revision 2026-07-28",
            );
            return Err(Box::new(rpc_error(StatusCode::BAD_REQUEST, None, &error)));
        };
        let now = self.engine.clock().now();
        let Some(session) = self.sessions.find(id, &arrived.known.actor, arrived.endpoint, now) else {
            let error = RpcError::new(INVALID_REQUEST, "this session is not open: send `initialize` again");
            return Err(Box::new(rpc_error(StatusCode::NOT_FOUND, None, &error)));
        };
        let agreed = session.revision;
        match text(arrived.headers, "mcp-protocol-version") {
            None => Ok(session),
            Some(version) if version == agreed.as_str() => Ok(session),
            Some(version) => {
                let said = format!("the session agreed on revision `{}`, not `{version}`", agreed.as_str());
                Err(Box::new(rpc_error(StatusCode::BAD_REQUEST, None, &RpcError::new(INVALID_REQUEST, said))))
            }
        }
    }

    fn open_session(&self, arrived: &Arrived<'_>, request: &Request<'_, '_>) -> Response<Body> {
        if let Some(inactive) = &arrived.known.inactive {
            return self.access.inactive(arrived.endpoint, inactive);
        }
        let (revision, result) = match initialize(request.params) {
            Ok(agreed) => agreed,
            Err(error) => return rpc_error(StatusCode::OK, Some(request.id), &error),
        };
        let capabilities = request.params.and_then(|params| params.get("capabilities"));
        let Some(abilities) = Abilities::read(capabilities, arrived.body) else {
            let error = RpcError::new(INVALID_PARAMS, CAPABILITIES_TOO_LONG);
            return rpc_error(StatusCode::OK, Some(request.id), &error);
        };
        let abilities = if arrived.known.vendor.is_some() { Abilities::default() } else { abilities };
        let now = self.engine.clock().now();
        let opened =
            self.sessions.open(revision, abilities.kept(), &arrived.known.actor, arrived.endpoint.cloned(), now);
        let mut response = json_response(StatusCode::OK, envelope::result(request.id, result.as_bytes()));
        match opened.and_then(|id| HeaderValue::from_str(&id).ok()) {
            Some(id) => {
                response.headers_mut().insert("mcp-session-id", id);
                response
            }
            None => refuse(&Fault::new(Blame::Operator, "operator.no_randomness", "the system gives no random bytes")),
        }
    }

    fn end_session(&self, headers: &HeaderMap, known: &Known, endpoint: Option<&AppId>) -> Response<Body> {
        let now = self.engine.clock().now();
        match text(headers, "mcp-session-id") {
            Some(id) if self.sessions.find(id, &known.actor, endpoint, now).is_some() => {
                self.sessions.close(id, now);
                let mut response = Response::new(empty());
                *response.status_mut() = StatusCode::NO_CONTENT;
                response
            }
            Some(_) => refuse(&Fault::new(Blame::Caller, "caller.unknown_session", "this session is not open")),
            None => not_allowed(),
        }
    }

    /// A batch of 2025-03-26: split, each entry decided on its own, answered together.
    async fn batch(self: &Arc<Self>, arrived: &Arrived<'_>, entries: Value<'_, '_>) -> Response<Body> {
        let invalid = |said: String| rpc_error(StatusCode::BAD_REQUEST, None, &RpcError::new(INVALID_REQUEST, said));
        let session = match self.session(arrived) {
            Ok(session) => session,
            Err(response) => return *response,
        };
        let revision = session.revision;
        if revision != Revision::V20250326 {
            return invalid(format!(
                "batches are of revision 2025-03-26 only, and this session speaks {}",
                revision.as_str()
            ));
        }
        if entries.is_empty() || entries.len() > BATCH_ENTRIES_MAX {
            return invalid(format!("a batch holds 1 to {BATCH_ENTRIES_MAX} messages"));
        }
        let mut answers: Vec<Vec<u8>> = Vec::new();
        for entry in entries.items() {
            match envelope::read(entry) {
                Ok(Message::Notification(method, params)) => drop(self.notice(arrived, &method, params)),
                Ok(Message::Response(id, error, value)) => drop(self.response(arrived, id, error, value)),
                Err((id, error)) => answers.push(error.response(id)),
                Ok(Message::Request(request)) if request.method == "initialize" => {
                    answers.push(
                        RpcError::new(INVALID_REQUEST, "`initialize` must not be part of a batch")
                            .response(Some(request.id)),
                    );
                }
                Ok(Message::Request(request)) => match self.one_of_many(arrived, &session, &request).await {
                    Said::Response(response) | Said::Passed(_, response) | Said::Waits(_, response) => {
                        answers.push(response);
                    }
                    Said::Error(error) => answers.push(error.response(Some(request.id))),
                    Said::Unauthorized(said) => {
                        return self.access.inactive(arrived.endpoint, &said);
                    }
                },
            }
        }
        if answers.is_empty() {
            return accepted();
        }
        let mut whole = vec![b'['];
        whole.extend_from_slice(&answers.join(&b","[..]));
        whole.push(b']');
        json_response(StatusCode::OK, whole)
    }

    /// One request of a batch. What an app says before its answer has no place there.
    async fn one_of_many(
        self: &Arc<Self>,
        arrived: &Arrived<'_>,
        session: &Arc<Session>,
        request: &Request<'_, '_>,
    ) -> Said {
        if let Some(said) = self.subscription(arrived, session, request).await {
            return said;
        }
        if request.method == "logging/setLevel" {
            return Box::pin(self.set_level(arrived, session, request)).await;
        }
        let context = self.context(arrived, session.revision);
        let Some(asked) = Call::asked(request) else { return context.answer(request).await };
        match context.understand(request, asked, arrived.body).await {
            Ok(call) => {
                let meta = passed_on(request, arrived.known);
                let client = Client::Legacy(Arc::clone(session));
                let along = Along::unread(meta, client, Latest::of(self.engine.credentials(), call.app()));
                let along = along.in_trace(trace_parent(arrived.headers));
                let Some(_in_flight) = session.begins(request.id, along.clone()) else {
                    return Said::Error(id_in_use());
                };
                // All entries are answered together, so that one that waits would hold up the others.
                let (engine, seals, known, hub) = (&self.engine, &self.seals, arrived.known, &self.hub);
                let runs = Runs { engine, seals, known, hub, patience: Patience::none() };
                call.run(&runs, along).await
            }
            Err(error) => Said::Error(error),
        }
    }

    fn context<'a>(&'a self, arrived: &Arrived<'a>, revision: Revision) -> Context<'a> {
        Context {
            hub: &self.hub,
            engine: &self.engine,
            seals: &self.seals,
            known: arrived.known,
            endpoint: arrived.endpoint,
            revision,
            headers: Some(arrived.headers).filter(|_| revision.modern() && self.params_in_headers),
        }
    }

    fn worded(&self, endpoint: Option<&AppId>, revision: Revision, id: &[u8], said: Said) -> Response<Body> {
        match said {
            Said::Response(response) | Said::Waits(_, response) => json_response(StatusCode::OK, response),
            Said::Passed(code, response) => json_response(status_of_code(code, revision), response),
            Said::Error(error) => rpc_error(status_of_code(error.code, revision), Some(id), &error),
            Said::Unauthorized(said) => self.access.inactive(endpoint, &said),
        }
    }
}

/// The HTTP status of a JSON-RPC error: only 2026-07-28 names some.
fn status_of_code(code: i64, revision: Revision) -> StatusCode {
    match code {
        METHOD_NOT_FOUND if revision.modern() => StatusCode::NOT_FOUND,
        HEADER_MISMATCH | MISSING_CAPABILITY | UNSUPPORTED_VERSION if revision.modern() => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}

impl Wire for Endpoint {
    fn owns(&self, path: &str) -> bool {
        path == "/mcp" || path.starts_with("/mcp/")
    }

    fn answer(&self, exchange: Exchange) -> WireFuture<'_> {
        in_place(|| self.shared.respond(exchange))
    }
}

/// How often what nobody came back for is forgotten, at most.
const REST_EVERY: Duration = Duration::from_secs(30);

/// A level of log messages. Error: it is none.
fn level_of(level: Option<Value<'_, '_>>, at: &str) -> Result<String, RpcError> {
    let level = level.and_then(|level| level.as_str()).filter(|level| LEVELS.contains(&level.as_ref()));
    let wrong = || RpcError::new(INVALID_PARAMS, format!("`{at}` must be one of {}", LEVELS.join(", ")));
    level.map(std::borrow::Cow::into_owned).ok_or_else(wrong)
}

/// Whether a request says itself which revision it is of (2026-07-28).
fn says_modern(request: &Request<'_, '_>) -> bool {
    request.params.and_then(|params| params.get("_meta")).is_some_and(|meta| meta.get(VERSION_KEY).is_some())
}

/// Whether the headers of a request say that it is of 2026-07-28; one whose body says something else is refused.
fn certificate_of(parts: &Parts) -> Option<PeerCertificate> {
    parts.extensions.get().copied()
}

/// Whether a header means anything once a call has begun.
fn is_looked_at(name: &HeaderName) -> bool {
    let of_ours = name.as_str().starts_with("mcp-") || name == "last-event-id";
    of_ours || [header::ACCEPT, header::AUTHORIZATION].contains(name) || name.as_str() == TRACE_PARENT
}

fn says_modern_version(headers: &HeaderMap) -> bool {
    text(headers, "mcp-protocol-version") == Some(Revision::V20260728.as_str())
}

fn id_in_use() -> RpcError {
    RpcError::new(INVALID_REQUEST, "a request with this id is under way in this session: give each an id of its own")
}

fn endpoint_of(path: &str) -> Result<Option<AppId>, Fault> {
    match path.strip_prefix("/mcp/") {
        None | Some("") => Ok(None),
        Some(app) => AppId::parse(app)
            .map(Some)
            .map_err(|error| Fault::new(Blame::Caller, "caller.unknown_path", error.to_string())),
    }
}

/// `Mcp-Method` and `Mcp-Name` must say what the body says (2026-07-28).
fn check_headers(headers: &HeaderMap, request: &Request<'_, '_>) -> Result<(), RpcError> {
    said_once(headers, "mcp-protocol-version")?;
    let method = plain(said_once(headers, "mcp-method")?);
    if method != Some(request.method.as_ref()) {
        return Err(mismatch("Mcp-Method", method, &request.method));
    }
    let key = match request.method.as_ref() {
        "tools/call" | "prompts/get" => "name",
        "resources/read" => "uri",
        "tasks/get" | "tasks/update" | "tasks/cancel" => "taskId",
        _ => return Ok(()),
    };
    let in_body = request.params.and_then(|params| params.get(key)).and_then(|name| name.as_str()).unwrap_or_default();
    let said = plain(said_once(headers, "mcp-name")?);
    let in_header = said.and_then(decoded);
    if in_header.as_deref() != Some(in_body.as_ref()) {
        return Err(mismatch("Mcp-Name", in_header.as_deref().or(said), &in_body));
    }
    Ok(())
}

fn mismatch(header: &str, said: Option<&str>, in_body: &str) -> RpcError {
    let said = said.map_or_else(
        || format!("the header `{header}` is missing"),
        |said| format!("the header `{header}` says `{said}`"),
    );
    RpcError::new(HEADER_MISMATCH, format!("{said}, the body says `{in_body}`"))
}

fn check_types(headers: &HeaderMap) -> Result<(), Fault> {
    let content = text(headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    if !content.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) {
        return Err(Fault::new(Blame::Caller, "caller.content_type", "the body must be `application/json`"));
    }
    let mut accepted = headers.get_all(header::ACCEPT).iter().peekable();
    let any = accepted.peek().is_none();
    let json = accepted.filter_map(|value| value.to_str().ok()).any(|value| {
        let names =
            |kind: &str| value.as_bytes().windows(kind.len()).any(|part| part.eq_ignore_ascii_case(kind.as_bytes()));
        ["application/json", "application/*", "*/*"].into_iter().any(names)
    });
    if any || json {
        Ok(())
    } else {
        Err(Fault::new(Blame::Caller, "caller.accept", "the client must accept `application/json`"))
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    plain(headers.get(name))
}

fn plain(value: Option<&HeaderValue>) -> Option<&str> {
    value.and_then(|value| value.to_str().ok())
}

fn rpc_error(status: StatusCode, id: Option<&[u8]>, error: &RpcError) -> Response<Body> {
    json_response(status, error.response(id))
}

fn refuse(fault: &Fault) -> Response<Body> {
    let mut error = RpcError::new(INVALID_REQUEST, fault.to_string());
    error.data = Some(serde_json::json!({ "code": fault.code(), "hint": fault.way_out() }));
    rpc_error(status_of(fault), None, &error)
}

fn accepted() -> Response<Body> {
    let mut response = Response::new(empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn not_allowed() -> Response<Body> {
    let fault = Fault::new(Blame::Caller, "caller.method", "this endpoint takes POST, and DELETE to end a session");
    let mut response = refuse(&fault);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST, DELETE"));
    response
}

/// The kind of state under which is kept which sessions had subscribed to something: they are not gone on with after a restart.
pub const SUBSCRIBED_STATE: &str = "session_subscribed";
const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES_TOO_LONG: &str = "the client's capabilities are longer than 16 KB";
const ROOTS_CHANGED: &str = "notifications/roots/list_changed";
const CAPABILITIES_KEY: &str = "io.modelcontextprotocol/clientCapabilities";
