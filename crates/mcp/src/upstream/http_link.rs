//! Streamable HTTP to an upstream. Redirects are not followed: a credential never leaves for an address nobody named.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use decide::SendFault;
use front::Pieces;
use http::uri::Scheme;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use model::{Blame, Fault, Limits, Secret};
use rustls::{ClientConfig, RootCertStore};

use super::conversation::NO_CALL;
use super::reply::{Heard, Reply, cancelled, cancelled_notice, garbage, hear, to_question, too_large};
use super::sse::Events;
use super::under_way::UnderWay;
use super::{Ask, Ear, Ended, Handshake, Spoken, request};
use crate::param;
use crate::revision::Revision;

/// A pooled connection to one address.
pub(crate) struct HttpLink {
    pub(super) client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    pub(super) url: Uri,
    pub(super) spoken: Spoken,
    ear: Ear,
    pub(super) under_way: Arc<UnderWay>,
}

/// What came back of one exchange: the reply and the session the upstream opened with it.
pub(crate) struct Exchanged {
    pub(crate) reply: Reply,
    pub(crate) session: Option<Arc<str>>,
    pub(crate) status: StatusCode,
}

impl HttpLink {
    pub(crate) fn new(url: Uri, limits: Limits, ear: Ear) -> Result<Self, Fault> {
        // A stream on which nothing is said for hours must notice that the other side is gone.
        let tls = connector(&url)?;
        let client =
            Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).pool_max_idle_per_host(256).build(tls);
        let spoken = Spoken { next_id: 1.into(), limits };
        let under_way = UnderWay::of(&ear);
        Ok(Self { client, url, spoken, ear, under_way })
    }

    /// Sends one request and waits for its answer. After a fault `before`, nothing has left.
    pub(crate) async fn exchange(&self, ask: Ask<'_>, as_agreed: Option<&Handshake>) -> Result<Exchanged, SendFault> {
        let id = self.spoken.next_id.fetch_add(1, Ordering::Relaxed);
        let Some(along) = ask.along else { return self.carry(id, &ask, as_agreed).await };
        // What an app with a session says need not come on the stream of the call it is about.
        let in_session = as_agreed.is_some_and(|agreed| !agreed.revision.modern());
        let _begun = ask.call().filter(|_| in_session).map(|asks| self.under_way.begins(asks));
        tokio::select! {
            biased;
            () = along.cancelled() => {
                // In 2026-07-28 closing the stream says it, which dropping the request has just done.
                if let Some(agreed) = as_agreed.filter(|agreed| !agreed.revision.modern()) {
                    let told = self.notify(Bytes::from(cancelled_notice(id)), ask.header.as_ref(), agreed).await;
                    tracing::debug!(?told, "an app is told that a call is cancelled");
                }
                Err(SendFault::after(cancelled()))
            }
            exchanged = self.carry(id, &ask, as_agreed) => exchanged,
        }
    }

    async fn carry(&self, id: u64, ask: &Ask<'_>, as_agreed: Option<&Handshake>) -> Result<Exchanged, SendFault> {
        let body = request(id, ask);
        let outgoing = self.outgoing(Some(ask), ask.header.as_ref(), body, as_agreed).map_err(SendFault::before)?;
        let response = self.client.request(outgoing).await.map_err(|error| self.no_answer(&error))?;
        let status = response.status();
        let session = response.headers().get("mcp-session-id").and_then(|id| id.to_str().ok()).map(Arc::from);
        if status == StatusCode::NOT_FOUND && as_agreed.is_some_and(|agreed| agreed.session.is_some()) {
            let fault = Fault::new(
                Blame::Upstream,
                "upstream.session_ended",
                "its session had ended, and nothing was executed",
            );
            return Err(SendFault::before(fault.hint("call again: a new session is opened").retryable()));
        }
        let reply = self.read(response, id, ask, as_agreed).await.map_err(SendFault::after)?;
        Ok(Exchanged { reply, session, status })
    }

    /// Sends an answer to a question. Error: the app does not take it.
    pub(crate) async fn respond(
        &self,
        body: Bytes,
        header: Option<&(HeaderName, Secret<String>)>,
        as_agreed: &Handshake,
    ) -> Result<(), Fault> {
        let outgoing = self.outgoing(None, header, body, Some(as_agreed))?;
        let response = self.client.request(outgoing).await.map_err(|error| self.no_answer(&error).fault)?;
        if response.status().is_success() {
            return Ok(());
        }
        Err(garbage(format!("it does not take the answer to its question ({})", response.status().as_u16())))
    }

    /// Sends a notification: nobody answers it.
    pub(crate) async fn notify(
        &self,
        body: Bytes,
        header: Option<&(HeaderName, Secret<String>)>,
        as_agreed: &Handshake,
    ) -> Result<(), Fault> {
        let outgoing = self.outgoing(None, header, body, Some(as_agreed))?;
        self.client.request(outgoing).await.map(|_| ()).map_err(|error| self.no_answer(&error).fault)
    }

    /// A credential as a header that is written nowhere.
    pub(super) fn sensitive((name, secret): &(HeaderName, Secret<String>)) -> Result<(HeaderName, HeaderValue), Fault> {
        let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| {
            Fault::new(
                Blame::Operator,
                "operator.credential",
                "the app's credential holds characters that no header may hold",
            )
        })?;
        value.set_sensitive(true);
        Ok((name.clone(), value))
    }

    pub(super) fn outgoing(
        &self,
        ask: Option<&Ask<'_>>,
        header: Option<&(HeaderName, Secret<String>)>,
        body: Bytes,
        as_agreed: Option<&Handshake>,
    ) -> Result<Request<Full<Bytes>>, Fault> {
        let mut outgoing = Request::builder()
            .method(Method::POST)
            .uri(self.url.clone())
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        if let Some(agreed) = as_agreed {
            outgoing = outgoing.header("mcp-protocol-version", HeaderValue::from_static(agreed.revision.as_str()));
            if let Some(session) = &agreed.session {
                outgoing = outgoing.header("mcp-session-id", session.as_ref());
            }
            if let Some(ask) = ask.filter(|_| agreed.revision == Revision::V20260728) {
                outgoing = outgoing.header("mcp-method", ask.method);
                if let Some(name) = ask.name {
                    outgoing = outgoing.header("mcp-name", param::encoded(name));
                }
                for (name, value) in ask.headers {
                    outgoing = outgoing.header(name, value);
                }
            }
        }
        if let Some(credential) = header {
            let (name, value) = Self::sensitive(credential)?;
            outgoing = outgoing.header(name, value);
        }
        outgoing.body(Full::new(body)).map_err(|error| {
            Fault::new(Blame::Bug, "bug.request", "a request to an app could not be built").because(error)
        })
    }

    async fn read(
        &self,
        response: Response<Incoming>,
        id: u64,
        ask: &Ask<'_>,
        as_agreed: Option<&Handshake>,
    ) -> Result<Reply, Fault> {
        let status = response.status();
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let streamed = kind.trim_start().to_ascii_lowercase().starts_with("text/event-stream");
        let typed_json = kind.trim_start().to_ascii_lowercase().starts_with("application/json");
        if status.is_redirection() {
            return Err(Fault::new(
                Blame::Upstream,
                "upstream.redirect",
                format!("it answered {status} and redirects are not followed"),
            ));
        }
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let fault = Fault::new(
                Blame::Operator,
                "operator.credential_refused",
                format!("it refused our credential ({})", status.as_u16()),
            );
            return Err(fault.hint("set the app's `credential:`, or renew it"));
        }
        if !streamed && !typed_json {
            return Err(garbage(format!("it answered {} with neither JSON nor an event stream", status.as_u16())));
        }
        if streamed {
            return Box::pin(self.read_stream(response.into_body(), id, ask, as_agreed)).await;
        }
        let mut body = response.into_body();
        let most = self.spoken.limits.answer_bytes_max;
        let mut pieces = Pieces::default();
        while let Some(data) = next(&mut body).await? {
            if pieces.bytes().saturating_add(data.len()) > most {
                return Err(too_large(most));
            }
            let more = usize::try_from(hyper::body::Body::size_hint(&body).lower()).unwrap_or_default();
            pieces.push(data, more.min(most));
        }
        self.heard(&pieces.whole(), id, ask, as_agreed)
            .await?
            .ok_or_else(|| garbage("it answered with a message that is no answer"))
    }

    /// Reads events until the answer. A stream that ends before it and said where it goes on is taken up again there.
    async fn read_stream(
        &self,
        mut body: Incoming,
        id: u64,
        ask: &Ask<'_>,
        as_agreed: Option<&Handshake>,
    ) -> Result<Reply, Fault> {
        let mut events = Events::default();
        let mut heard_bytes = 0usize;
        loop {
            let (let_go, ended) = loop {
                let data = match next(&mut body).await {
                    Ok(Some(data)) => data,
                    Ok(None) => break (true, ended_early()),
                    Err(fault) => break (false, fault),
                };
                heard_bytes = heard_bytes.saturating_add(data.len());
                if heard_bytes > self.spoken.limits.answer_bytes_max {
                    return Err(too_large(self.spoken.limits.answer_bytes_max));
                }
                for event in events.push(&data) {
                    if let Some(reply) = self.heard(&event, id, ask, as_agreed).await? {
                        return Ok(reply);
                    }
                }
                if let (Some(_), Some(along)) = (events.last_id(), ask.along) {
                    along.stream();
                }
            };
            let session = as_agreed.filter(|agreed| agreed.session.is_some() && !agreed.revision.modern());
            let (Some(agreed), Some(last_id)) = (session, events.last_id().map(str::to_owned)) else {
                return Err(ended);
            };
            // One that broke says nothing about the client's connection.
            if let Some(along) = ask.along.filter(|_| let_go) {
                along.pause();
            }
            body = self.resume(agreed, ask, &last_id, events.retry(), ended).await?;
            events.broken();
        }
    }

    /// Goes on with a stream after the event of this id. The time that the call has bounds the tries.
    async fn resume(
        &self,
        agreed: &Handshake,
        ask: &Ask<'_>,
        last_id: &str,
        retry: Option<Duration>,
        ended: Fault,
    ) -> Result<Incoming, Fault> {
        let mut pause = retry.unwrap_or(RETRY).max(RETRY_MIN);
        loop {
            tokio::time::sleep(pause).await;
            match self.open(agreed, ask.header.as_ref(), Some(last_id)).await {
                Ok(response) => return Ok(response.into_body()),
                Err(Ended::Broken(fault)) => tracing::debug!(?fault, "a stream could not be taken up again yet"),
                Err(Ended::NotOffered | Ended::SessionOver) => return Err(ended),
            }
            pause = (pause * 2).clamp(RETRY, RETRY_MAX);
        }
    }

    /// One message of the stream; the reply, when it is ours.
    async fn heard(
        &self,
        message: &Bytes,
        id: u64,
        ask: &Ask<'_>,
        as_agreed: Option<&Handshake>,
    ) -> Result<Option<Reply>, Fault> {
        if message.is_empty() {
            return Ok(None);
        }
        match hear(message)? {
            Heard::Reply(number, reply) if number == id || (number == 0 && reply.error) => Ok(Some(reply)),
            Heard::Reply(..) => Err(garbage("it answered another request than the one that was sent")),
            Heard::Tells(method) => {
                if let (false, Some(along)) = (self.ear.hear(&method, message), ask.along) {
                    along.tell(message, &method);
                }
                Ok(None)
            }
            Heard::Asks { id, method, params } => {
                let taken = ask.asks.map_or(Err(NO_CALL), |asks| asks.take(id.clone(), &method, params));
                if let (Err(why_not), Some(agreed)) = (taken, as_agreed) {
                    let refused = to_question(&id, &method, why_not);
                    self.notify(Bytes::from(refused), ask.header.as_ref(), agreed).await?;
                }
                Ok(None)
            }
        }
    }

    pub(super) fn no_answer(&self, error: &hyper_util::client::legacy::Error) -> SendFault {
        let host = self.url.authority().map(ToString::to_string).unwrap_or_default();
        let cause = std::io::Error::other(chain(error));
        if error.is_connect() {
            let fault = Fault::new(Blame::Upstream, "upstream.unreachable", format!("nothing answers at {host}"));
            return SendFault::before(fault.hint("start the app, or correct its `url:`").because(cause).retryable());
        }
        SendFault::after(
            Fault::new(
                Blame::Upstream,
                "upstream.broke_off",
                format!("{host} closed the connection before it answered"),
            )
            .because(cause),
        )
    }
}

/// The next bytes of a body; none at its end.
async fn next(body: &mut Incoming) -> Result<Option<Bytes>, Fault> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Fault::new(Blame::Upstream, "upstream.broke_off", "its answer broke off before the end").because(error)
        })?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

fn ended_early() -> Fault {
    Fault::new(Blame::Upstream, "upstream.broke_off", "its event stream ended without an answer")
}

/// What connects links to such addresses. The system's certificate authorities are read once, when the first link that needs
/// them is made. Error: they cannot be read (blame `Operator`).
fn connector(url: &Uri) -> Result<HttpsConnector<HttpConnector>, Fault> {
    static TRUSTING: OnceLock<ClientConfig> = OnceLock::new();
    static PLAIN: OnceLock<ClientConfig> = OnceLock::new();
    // One that never speaks TLS trusts nobody: the authorities take time and memory to read.
    let config = match (url.scheme() == Some(&Scheme::HTTP), TRUSTING.get()) {
        (true, _) => PLAIN.get_or_init(|| trusting(RootCertStore::empty())).clone(),
        (false, Some(config)) => config.clone(),
        (false, None) => {
            let native = ClientConfig::builder().with_native_roots().map_err(|error| {
                let said = "the system's certificate authorities could not be read";
                Fault::new(Blame::Operator, "operator.no_roots", said)
                    .hint("install the package `ca-certificates`")
                    .because(error)
            })?;
            TRUSTING.get_or_init(|| native.with_no_client_auth()).clone()
        }
    };
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_keepalive(Some(KEEP_ALIVE));
    let connectors = HttpsConnectorBuilder::new().with_tls_config(config);
    Ok(connectors.https_or_http().enable_http1().wrap_connector(connector))
}

fn trusting(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

/// When a stream that broke is taken up again, where the app does not say.
const RETRY: Duration = Duration::from_secs(1);
const KEEP_ALIVE: Duration = Duration::from_secs(60);
const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(10);
