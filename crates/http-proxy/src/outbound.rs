//! The outgoing half: a request to an app, made of the arguments that were decided on and nothing else.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use decide::{
    Answer, AnswerBody, AnswerKind, BodyFuture, Credentials, Left, OpenFuture, Opened, Outgoing, Permit, SendFault,
    Upstream, UpstreamFuture, unredactable,
};
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use json::Mask;
use model::{Blame, Fault, Form};

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
    /// Whether it changes a record that may have changed since it was looked at: the app gives it no version.
    pub(crate) races: bool,
    /// The answer as it comes, where it is looked at here; none where it is not.
    pub(crate) looks: Option<Looks>,
}

/// A short answer, kept as it came.
pub(crate) type Looks = Arc<Mutex<Vec<u8>>>;

/// What of the head of an answer is of use here.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) status: StatusCode,
    /// What names this state of the record (`ETag`), where it can be asked for as it is.
    pub(crate) version: Option<String>,
    pub(crate) retry_after: Option<HeaderValue>,
}

/// A body as it comes over the wire.
struct Coming {
    body: Option<Incoming>,
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
        if self.races && !call.accepts_race {
            let said = "the app gives the record no version, so it could be another's by the time it is changed";
            let fault = Fault::new(Blame::Rule, "rule.race", said);
            return Err(SendFault::before(
                fault.hint("the app has to send a strong `ETag`, or the contract to accept the race"),
            ));
        }
        let mut request = self.request(arguments).map_err(SendFault::before)?;
        if let Some(placed) = self.credentials.header(&permit).map_err(SendFault::before)? {
            let mut value = HeaderValue::from_bytes(placed.value.expose().as_bytes()).map_err(|_| {
                let said = "the app's credential holds characters that no header may hold";
                SendFault::before(Fault::new(Blame::Operator, "operator.credential", said))
            })?;
            value.set_sensitive(true);
            request.headers_mut().insert(placed.name, value);
            call.trail.note(|seen| seen.credential = Some(placed.source));
        }
        call.trail.note(|seen| seen.wire = Some(WIRE));
        let _spent = permit.spend();
        let response = match tokio::time::timeout(call.time_max, self.api.client.send(request)).await {
            Ok(response) => response?,
            Err(_) => return Err(SendFault::after(engine::too_slow(self.api.app.as_str(), call.time_max))),
        };
        let (head, body) = response.into_parts();
        call.trail.note(|seen| seen.http_status = Some(head.status.as_u16()));
        let _first = self.said.set(Said {
            status: head.status,
            version: strong_version(&head.headers),
            retry_after: head.headers.get(header::RETRY_AFTER).filter(|after| is_seconds(after)).cloned(),
        });
        self.opened(head.status, &head.headers, body).map_err(SendFault::after)
    }

    /// What the head of an answer comes to. Error: nothing of it may be passed on.
    fn opened(&self, status: StatusCode, headers: &HeaderMap, body: Incoming) -> Result<Opened, Fault> {
        let nothing =
            |kind| Opened { kind, form: None, body: Box::new(Coming { body: None, unfolding: None, looks: None }) };
        match status {
            StatusCode::NO_CONTENT => return Ok(nothing(AnswerKind::Result)),
            StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                let said = format!("it refused our credential ({})", status.as_u16());
                return Err(Fault::new(Blame::Operator, "operator.credential_refused", said)
                    .hint("set the app's `credential:`, or renew it"));
            }
            // Its words may hold anything of anybody: the status is told, and the connection let go.
            status if status.is_client_error() || status.is_server_error() => {
                return Ok(nothing(AnswerKind::ProtocolError));
            }
            status if !matches!(status, StatusCode::OK | StatusCode::CREATED | StatusCode::ACCEPTED) => {
                let said = format!("it answered {}, which is not passed on", status.as_u16());
                let code = if status.is_redirection() { "upstream.redirect" } else { "upstream.status" };
                return Err(Fault::new(Blame::Upstream, code, said).hint("correct the app's address or its mapping"));
            }
            _ => {}
        }
        let coding = Coding::of(headers)?;
        if hyper::body::Body::is_end_stream(&body) {
            return Ok(nothing(AnswerKind::Result));
        }
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !is_form(kind, self.operation.form) {
            let said =
                format!("its answer is not of the form that its mapping names ({})", self.operation.form.as_str());
            return Err(Fault::new(Blame::Upstream, "upstream.content_type", said)
                .hint("name the form in the app's mapping, where it is another"));
        }
        let unfolding = (coding == Coding::Gzip).then(Unfolding::new);
        let body = Coming { body: Some(body), unfolding, looks: self.looks.clone() };
        Ok(Opened { kind: AnswerKind::Result, form: Some(self.operation.form), body: Box::new(body) })
    }

    /// The request that these arguments are.
    fn request(&self, arguments: Arguments) -> Result<Request<Full<Bytes>>, Fault> {
        let bug = |said: &'static str| Fault::new(Blame::Bug, "bug.request", said);
        let mut address = self.api.base.to_string().trim_end_matches('/').to_owned();
        let path = self.operation.write_path(&arguments.path);
        address.push_str(&path.ok_or_else(|| bug("the arguments of a call lack a part of its path"))?);
        for (place, (name, value)) in arguments.query.iter().enumerate() {
            address.push(if place == 0 { '?' } else { '&' });
            encode(name, &mut address);
            address.push('=');
            encode(value, &mut address);
        }
        let mut request = Request::builder()
            .method(self.operation.method.clone())
            .uri(address)
            .header(header::ACCEPT, media_type(self.operation.form))
            .header(header::ACCEPT_ENCODING, "identity")
            .header(header::USER_AGENT, "countersign");
        for (name, value) in &arguments.headers {
            request = request.header(name, value);
        }
        if arguments.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let made = request.body(Full::new(arguments.body.unwrap_or_default()));
        made.map_err(|error| bug("a request to an app could not be built").because(error))
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
                match body.frame().await {
                    None => {
                        self.body = None;
                        let last = self.unfolding.take().map(|mut unfolding| unfolding.finish()).transpose()?.flatten();
                        if let Some(plain) = last {
                            self.look_at(&plain)?;
                            return Ok(Some(plain));
                        }
                    }
                    Some(Err(error)) => {
                        self.body = None;
                        let said = "its answer broke off before the end";
                        return Err(Fault::new(Blame::Upstream, "upstream.broke_off", said).because(error));
                    }
                    // What stands behind a body in trailers is of no interest.
                    Some(Ok(frame)) => {
                        let Ok(data) = frame.into_data() else { continue };
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

/// How an answer of this form is named.
pub(crate) fn media_type(form: Form) -> &'static str {
    match form {
        Form::Json => "application/json",
        Form::Lines => "application/x-ndjson",
        Form::Csv => "text/csv",
    }
}

fn is_form(kind: &str, form: Form) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match form {
        Form::Json => kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")),
        Form::Lines => ["application/x-ndjson", "application/ndjson", "application/jsonl"].contains(&kind.as_str()),
        Form::Csv => kind == "text/csv",
    }
}

/// What names this state of a record, if it is one name and a strong one: a weak one does not hold for a write.
fn strong_version(headers: &HeaderMap) -> Option<String> {
    let mut all = headers.get_all(header::ETAG).iter();
    let one = all.next()?.to_str().ok().filter(|_| all.next().is_none())?;
    (one.len() >= 2 && one.len() <= VERSION_BYTES_MAX && one.starts_with('"') && one.ends_with('"'))
        .then(|| one.to_owned())
}

fn is_seconds(value: &HeaderValue) -> bool {
    value.len() <= 6 && value.as_bytes().iter().all(u8::is_ascii_digit)
}

/// How much later somebody may ask again who was not told.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(10);
/// The protocol spoken with apps, and with vendors.
pub(crate) const WIRE: &str = "http/1.1";
const HIDDEN: &str = "[redacted]";
const LOOKED_AT_BYTES_MAX: usize = 1 << 20;
const VERSION_BYTES_MAX: usize = 256;
