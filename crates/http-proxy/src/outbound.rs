//! The outgoing half: a request to an app, made of the arguments that were decided on and nothing else.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use decide::{
    Answer, AnswerBody, AnswerKind, BodyFuture, Credentials, Left, OpenFuture, Opened, Outgoing, Permit, SendFault,
    Upstream, UpstreamFuture, unredactable,
};
use front::Place;
use http::{HeaderName, HeaderValue, Method, StatusCode, Version};
use http_client::{Body, Hears, Request, Response};
use json::Mask;
use model::{Blame, Fault, Form};
use tokio::sync::Semaphore;

use crate::api::Api;
use crate::arguments::Arguments;
use crate::coding::{Coding, Unfolding};
use crate::operation::Operation;
use crate::target::encode;

/// One call's way out.
pub(crate) struct Outbound {
    pub(crate) api: Arc<Api>,
    pub(crate) operation: Arc<Operation>,
    pub(crate) credentials: Arc<dyn Credentials>,
    /// What the app's answer says in its head, once there is one.
    pub(crate) said: OnceLock<Said>,
    /// Which state of its record it would change.
    pub(crate) state: State,
    /// The answer as it comes, where it is looked at here; none where it is not.
    pub(crate) looks: Option<Looks>,
    /// Where it takes a place until the app begins to answer; none where somebody else bounds how many calls wait for it.
    pub(crate) room: Option<Arc<Semaphore>>,
    /// Its place among the requests in flight, which is taken until the call is over: a client that begins calls and goes away frees
    /// none. None where somebody else holds it.
    pub(crate) _place: Option<Place>,
}

/// A short answer, kept as it came.
pub(crate) type Looks = Arc<Mutex<Vec<u8>>>;

/// Which state of a record a change is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// That which was looked at; or nothing had to be looked at.
    Seen,
    /// Any: the app gives the record no version, so it may have changed since it was looked at.
    Unversioned,
    /// Another one than that which was looked at.
    Other,
}

/// What of the head of an answer is of use here.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) status: StatusCode,
    /// What names this state of the record (`ETag`), where it can be asked for as it is.
    pub(crate) version: Option<String>,
    pub(crate) retry_after: Option<HeaderValue>,
}

/// What the headers of an answer say, before anybody made anything of it.
#[derive(Debug, Default)]
struct Told {
    kind: Option<Vec<u8>>,
    coding: Coding,
    versions: usize,
    version: Option<String>,
    retry_after: Option<HeaderValue>,
}

/// A body as it comes over the wire.
struct Coming {
    /// What of it is there already.
    first: Option<Bytes>,
    body: Option<Body>,
    /// Where it is compressed.
    unfolding: Option<Unfolding>,
    looks: Option<Looks>,
}

// === impl Outbound ===

impl Outbound {
    async fn go(&self, permit: Permit, call: Outgoing) -> Result<Opened, SendFault> {
        let bug = || Fault::new(Blame::Bug, "bug.request", "the arguments of a call cannot be read back");
        let arguments = Arguments::read(call.arguments.as_deref().unwrap_or_default());
        let arguments = arguments.ok_or_else(|| SendFault::before(bug()))?;
        self.go_with(permit, call, arguments).await
    }

    /// Sends what these arguments are, which are made of those that were decided on and of nothing else.
    pub(crate) async fn go_with(
        &self,
        permit: Permit,
        call: Outgoing,
        arguments: Arguments,
    ) -> Result<Opened, SendFault> {
        if call.digest != permit.binding().arguments || self.operation.name != permit.binding().tool {
            let said = "the arguments are not those that were decided on";
            return Err(SendFault::before(Fault::new(Blame::Bug, "bug.other_arguments", said)));
        }
        self.api.means_only(&self.operation, &arguments.path).map_err(SendFault::before)?;
        if self.state == State::Other {
            return Err(SendFault::before(other_state()));
        }
        if self.state == State::Unversioned && !call.accepts_race {
            let said = "the app gives the record no version, so it could be another's by the time it is changed";
            let fault = Fault::new(Blame::Rule, "rule.race", said);
            return Err(SendFault::before(
                fault.hint("the app has to send a strong `ETag`, or the contract to accept the race"),
            ));
        }
        // What people have approved is not thrown away: how many there are of these is bounded.
        let room = self.room.as_ref().filter(|_| !call.approved);
        let _place = room.map(|room| room.try_acquire()).transpose().map_err(|_| SendFault::before(busy()))?;
        let placed = self.credentials.header(&permit).map_err(SendFault::before)?;
        // INVARIANT: it is looked at behind the credential: an API goes before those credentials come that are not for it
        // (`after_a_reload_nothing_goes_where_an_app_was`).
        self.api.stands().map_err(SendFault::before)?;
        let credential = placed.as_ref().map(|placed| &placed.name);
        let (mut request, body) = self.request(arguments, credential).map_err(SendFault::before)?;
        if let Some(placed) = placed {
            request.header(placed.name.as_str(), placed.value.expose().as_bytes()).map_err(|_| {
                let said = "the app's credential holds characters that no header may hold";
                SendFault::before(Fault::new(Blame::Operator, "operator.credential", said))
            })?;
            call.trail.note(|seen| seen.credential = Some(placed.source));
        }
        let request = match body {
            Some(body) => request.with_body(body),
            None => request.without_body(),
        };
        call.trail.note(|seen| seen.wire = Some(WIRE));
        let _spent = permit.spend();
        match tokio::time::timeout(call.time_max, self.ask(&request, &call)).await {
            Ok(opened) => opened,
            Err(_) => Err(SendFault::after(engine::too_slow(self.api.app.as_str(), call.time_max))),
        }
    }

    /// Sends it, and waits until it is answered, and something of the answer's body is there or there is none.
    async fn ask(&self, request: &Request, call: &Outgoing) -> Result<Opened, SendFault> {
        let Response { head, body } = self.api.client.send(request).await?;
        let (status, mut told): (StatusCode, Told) = (head.status, head.said);
        call.trail.note(|seen| {
            seen.http_status = Some(status.as_u16());
            seen.wire = Some(wire_of(head.version));
        });
        let _first =
            self.said.set(Said { status, version: told.strong_version(), retry_after: told.retry_after.take() });
        self.opened(status, &told, body).await.map_err(SendFault::after)
    }

    /// What the head of an answer comes to. Error: nothing of it may be passed on.
    async fn opened(&self, status: StatusCode, told: &Told, mut body: Body) -> Result<Opened, Fault> {
        let nothing = |kind, body: Body| {
            body.unwanted();
            let over = Coming { first: None, body: None, unfolding: None, looks: None };
            Ok(Opened { kind, form: None, body: Box::new(over) })
        };
        match status {
            StatusCode::NO_CONTENT => return nothing(AnswerKind::Result, body),
            StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                let said = format!("it refused our credential ({})", status.as_u16());
                return Err(Fault::new(Blame::Operator, "operator.credential_refused", said)
                    .hint("set the app's `credential:`, or renew it"));
            }
            // Its words may hold anything of anybody: the status is told, and the connection let go.
            status if status.is_client_error() || status.is_server_error() => {
                return nothing(AnswerKind::ProtocolError, body);
            }
            status if !matches!(status, StatusCode::OK | StatusCode::CREATED | StatusCode::ACCEPTED) => {
                let said = format!("it answered {}, which is not passed on", status.as_u16());
                let code = if status.is_redirection() { "upstream.redirect" } else { "upstream.status" };
                return Err(Fault::new(Blame::Upstream, code, said).hint("correct the app's address or its mapping"));
            }
            _ => {}
        }
        let unfolding = Unfolding::of(&told.coding)?;
        // How a body is framed does not always say that nothing comes. What has none is of no form.
        let first = loop {
            match body.next().await.map_err(broke_off)? {
                Some(piece) if piece.is_empty() => {}
                Some(piece) => break piece,
                None => return nothing(AnswerKind::Result, body),
            }
        };
        if !is_form(told.kind.as_deref().unwrap_or_default(), self.operation.form) {
            let said =
                format!("its answer is not of the form that its mapping names ({})", self.operation.form.as_str());
            return Err(Fault::new(Blame::Upstream, "upstream.content_type", said)
                .hint("name the form in the app's mapping, where it is another"));
        }
        let body = Coming { first: Some(first), body: Some(body), unfolding, looks: self.looks.clone() };
        Ok(Opened { kind: AnswerKind::Result, form: Some(self.operation.form), body: Box::new(body) })
    }

    /// The request that these arguments are, and its body, which ends its head. A header of this name is left to the caller.
    fn request(
        &self,
        arguments: Arguments,
        credential: Option<&HeaderName>,
    ) -> Result<(Request, Option<Bytes>), Fault> {
        let bug = |said: &'static str| Fault::new(Blame::Bug, "bug.request", said);
        let base = &self.api.base;
        let mut path = base.path().trim_end_matches('/').to_owned();
        let below = self.operation.write_path(&arguments.path);
        path.push_str(&below.ok_or_else(|| bug("the arguments of a call lack a part of its path"))?);
        // A request line names a path, of the root of a host, too.
        if path.is_empty() {
            path.push('/');
        }
        for (place, (name, value)) in arguments.query.iter().enumerate() {
            path.push(if place == 0 { '?' } else { '&' });
            encode(name, &mut path);
            path.push('=');
            encode(value, &mut path);
        }
        let mut request = Request::to(&self.operation.method, base, &path);
        let own = [("accept", media_type(self.operation.form)), ("accept-encoding", "identity"), ("user-agent", AGENT)];
        let kind = arguments.body.is_some().then_some(("content-type", "application/json"));
        let asked = arguments.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in own.into_iter().chain(asked).chain(kind) {
            // What the credential says nobody else says.
            if credential.is_some_and(|credential| credential == name) {
                continue;
            }
            request
                .header(name, value.as_bytes())
                .map_err(|error| bug("a request to an app could not be built").because(error))?;
        }
        // Without a length, some take such a request for one whose body is still to come.
        let sends = [Method::POST, Method::PUT, Method::PATCH].contains(&self.operation.method);
        Ok((request, arguments.body.or_else(|| sends.then(Bytes::new))))
    }
}

impl Upstream for Outbound {
    fn send<'a>(&'a self, permit: Permit, call: Outgoing) -> UpstreamFuture<'a> {
        Box::pin(async move {
            drop((permit, call));
            let said = "this wire passes answers on while they come, and none of them whole";
            Err(SendFault { fault: Fault::new(Blame::Bug, "bug.no_whole", said), left: Left::Nothing })
        })
    }

    fn open<'a>(&'a self, permit: Permit, call: Outgoing) -> OpenFuture<'a> {
        Box::pin(self.go(permit, call))
    }

    fn redact(&self, answer: Answer, paths: &str) -> Result<(Answer, usize), Fault> {
        if answer.kind != AnswerKind::Result || answer.body.is_empty() {
            return Ok((answer, 0));
        }
        let mask = Mask::parse(paths).map_err(|error| unredactable("its paths cannot be read").because(error))?;
        let masked = mask.apply(&answer.body, HIDDEN).map_err(|error| unredactable("it is not JSON").because(error))?;
        Ok((Answer { kind: answer.kind, body: Bytes::from(masked.0) }, masked.1))
    }
}

// === impl Said ===

impl Said {
    /// Whether an app that is asked for one record may mean by it that it has none: with a status of its own failing it does not,
    /// nor with one that is about when somebody asks.
    pub(crate) fn may_say_none(&self) -> bool {
        let later = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
        !self.status.is_server_error() && !later.contains(&self.status)
    }
}

// === impl Told ===

impl Told {
    /// What names this state of a record, if it is one name and a strong one: a weak one does not hold for a write.
    fn strong_version(&mut self) -> Option<String> {
        let one = self.version.take().filter(|_| self.versions == 1)?;
        (one.len() >= 2 && one.len() <= VERSION_BYTES_MAX && one.starts_with('"') && one.ends_with('"')).then_some(one)
    }
}

impl Hears for Told {
    fn hear(&mut self, name: &str, value: &[u8]) {
        match name.len() {
            4 if name.eq_ignore_ascii_case("etag") => {
                self.versions += 1;
                let visible = value.iter().all(|byte| (b' '..=b'~').contains(byte));
                self.version = std::str::from_utf8(value).ok().filter(|_| visible).map(str::to_owned);
            }
            11 if name.eq_ignore_ascii_case("retry-after") && self.retry_after.is_none() => {
                let seconds = (1..=6).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
                self.retry_after = HeaderValue::from_bytes(value).ok().filter(|_| seconds);
            }
            12 if name.eq_ignore_ascii_case("content-type") && self.kind.is_none() => self.kind = Some(value.to_vec()),
            16 if name.eq_ignore_ascii_case("content-encoding") => self.coding.hear(value),
            _ => {}
        }
    }
}

// === impl Coming ===

impl Coming {
    fn look_at(&self, data: &[u8]) -> Result<(), Fault> {
        let Some(looks) = &self.looks else { return Ok(()) };
        let mut kept = looks.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() + data.len() > LOOKED_AT_BYTES_MAX {
            let said = "the record is longer than one that is looked at before it is changed may be";
            return Err(Fault::new(Blame::Upstream, "upstream.too_large", said));
        }
        kept.extend_from_slice(data);
        Ok(())
    }
}

impl AnswerBody for Coming {
    fn next(&mut self) -> BodyFuture<'_> {
        Box::pin(async move {
            loop {
                if let Some(plain) = self.unfolding.as_mut().map(Unfolding::take).transpose()?.flatten() {
                    self.look_at(&plain)?;
                    return Ok(Some(plain));
                }
                let Some(body) = &mut self.body else { return Ok(None) };
                let came = match self.first.take() {
                    Some(first) => Ok(Some(first)),
                    None => body.next().await,
                };
                match came {
                    Ok(None) => {
                        self.body = None;
                        let last = self.unfolding.take().map(|mut unfolding| unfolding.finish()).transpose()?.flatten();
                        if let Some(plain) = last {
                            self.look_at(&plain)?;
                            return Ok(Some(plain));
                        }
                    }
                    Err(error) => {
                        self.body = None;
                        return Err(broke_off(error));
                    }
                    Ok(Some(data)) => {
                        if let Some(unfolding) = &mut self.unfolding {
                            unfolding.push(data);
                            continue;
                        }
                        self.look_at(&data)?;
                        return Ok(Some(data));
                    }
                }
            }
        })
    }
}

fn broke_off(error: std::io::Error) -> Fault {
    Fault::new(Blame::Upstream, "upstream.broke_off", "its answer broke off before the end").because(error)
}

/// Why another call is turned away.
fn busy() -> Fault {
    let said = "so many calls to it are under way that no other is begun, and nothing was executed";
    Fault::new(Blame::Upstream, "upstream.busy", said).hint("ask again in a moment").retryable()
}

/// A change names another state of its record than that which was looked at.
pub(crate) fn other_state() -> Fault {
    let said = "the record is not in the state that `if-match` names";
    Fault::new(Blame::Caller, OTHER_STATE, said)
        .hint("leave `if-match` away: a change is good for the state that is looked at and for no other")
}

/// Whether `If-Match` (RFC 9110, 13.1.1) holds for the state of a record that has this strong name.
pub(crate) fn holds_for(condition: &str, version: &str) -> bool {
    let mut rest = condition.trim();
    if rest == "*" {
        return true;
    }
    // Names stand in quotes, and may hold commas.
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let strong = rest.strip_prefix('"');
        let quoted = strong.or_else(|| rest.strip_prefix("W/\""));
        let Some((name, behind)) = quoted.and_then(|quoted| quoted.split_once('"')) else { return false };
        if strong.is_some() && version.strip_prefix('"').and_then(|version| version.strip_suffix('"')) == Some(name) {
            return true;
        }
        rest = behind;
    }
}

/// How an answer of this form is named.
pub(crate) fn media_type(form: Form) -> &'static str {
    match form {
        Form::Json => "application/json",
        Form::Lines => "application/x-ndjson",
        Form::Csv => "text/csv",
    }
}

fn is_form(kind: &[u8], form: Form) -> bool {
    std::str::from_utf8(kind).is_ok_and(|kind| openapi::form_of(kind) == Some(form))
}

/// What is spoken, as records have it.
pub(crate) fn wire_of(version: Version) -> &'static str {
    if version == Version::HTTP_2 { WIRE_2 } else { WIRE }
}

/// How much later somebody may ask again who was not told.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(10);
/// The protocols spoken with apps, and with vendors.
pub(crate) const WIRE: &str = "http/1.1";
const WIRE_2: &str = "http/2";
/// The code of a change that is about another state of its record.
pub(crate) const OTHER_STATE: &str = "caller.other_state";
const AGENT: &str = "countersign";
const HIDDEN: &str = "[redacted]";
const LOOKED_AT_BYTES_MAX: usize = 1 << 20;
const VERSION_BYTES_MAX: usize = 256;
