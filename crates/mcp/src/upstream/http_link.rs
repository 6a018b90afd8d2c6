//! Streamable HTTP to an upstream. Redirects are not followed: a credential never leaves for an address nobody named.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use decide::SendFault;
use http::{HeaderName, Method, StatusCode, Uri};
use http_client::{Body, Broke, Client, Connecting, Request, Unread, Unsendable, connector};
use model::{Blame, Fault, Limits, Secret};

use super::conversation::{NO_CALL, TAKES_BACK, taken_back};
use super::reply::{Heard, Reply, apart, cancelled, cancelled_notice, garbage, hear, to_question, too_large};
use super::said::{Kind, Response, settled};
use super::sse::Events;
use super::under_way::UnderWay;
use super::{Ask, Ear, Ended, Handshake, Spoken, request};
use crate::param;
use crate::revision::Revision;

/// Pooled connections to one address.
pub(crate) struct HttpLink {
    pub(super) client: Client,
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
        let client = Client::new(connector(&url, Connecting::default())?, url.clone());
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
        let _begun = ask.call().filter(|_| in_session).map(|asks| self.under_way.begins(id, asks));
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
            exchanged = self.carry(id, &ask, as_agreed) => {
                if exchanged.is_ok() {
                    self.under_way.answered(id);
                }
                exchanged
            }
        }
    }

    async fn carry(&self, id: u64, ask: &Ask<'_>, as_agreed: Option<&Handshake>) -> Result<Exchanged, SendFault> {
        let body = request(id, ask);
        let outgoing = self.outgoing(Some(ask), ask.header.as_ref(), body, as_agreed).map_err(SendFault::before)?;
        let mut response: Response = self.client.send(&outgoing).await.map_err(|broke| self.no_answer(broke))?;
        let status = response.head.status;
        ask.trail.note(|seen| seen.http_status = Some(status.as_u16()));
        let session = response.head.said.session.take();
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
        let status = settled(self.client.send(&outgoing).await.map_err(|broke| self.no_answer(broke).fault)?).await;
        if status.is_success() {
            return Ok(());
        }
        Err(garbage(format!("it does not take the answer to its question ({})", status.as_u16())))
    }

    /// Sends a notification: nobody answers it.
    pub(crate) async fn notify(
        &self,
        body: Bytes,
        header: Option<&(HeaderName, Secret<String>)>,
        as_agreed: &Handshake,
    ) -> Result<(), Fault> {
        let outgoing = self.outgoing(None, header, body, Some(as_agreed))?;
        settled(self.client.send(&outgoing).await.map_err(|broke| self.no_answer(broke).fault)?).await;
        Ok(())
    }

    /// Puts a credential on, which is written nowhere else.
    pub(super) fn put_on(request: &mut Request, (name, secret): &(HeaderName, Secret<String>)) -> Result<(), Fault> {
        request.header(name.as_str(), secret.expose().as_bytes()).map_err(|_| {
            Fault::new(
                Blame::Operator,
                "operator.credential",
                "the app's credential holds characters that no header may hold",
            )
        })
    }

    pub(super) fn outgoing(
        &self,
        ask: Option<&Ask<'_>>,
        header: Option<&(HeaderName, Secret<String>)>,
        body: Bytes,
        as_agreed: Option<&Handshake>,
    ) -> Result<Request, Fault> {
        let mut outgoing = Request::new(&Method::POST, &self.url);
        self.say(&mut outgoing, ask, as_agreed).map_err(|error| {
            Fault::new(Blame::Bug, "bug.request", "a request to an app could not be built").because(error)
        })?;
        if let Some(credential) = header {
            Self::put_on(&mut outgoing, credential)?;
        }
        Ok(outgoing.with_body(body))
    }

    fn say(
        &self,
        outgoing: &mut Request,
        ask: Option<&Ask<'_>>,
        as_agreed: Option<&Handshake>,
    ) -> Result<(), Unsendable> {
        outgoing.header("content-type", b"application/json")?;
        outgoing.header("accept", b"application/json, text/event-stream")?;
        let Some(agreed) = as_agreed else { return Ok(()) };
        outgoing.header("mcp-protocol-version", agreed.revision.as_str().as_bytes())?;
        if let Some(session) = &agreed.session {
            outgoing.header("mcp-session-id", session.as_bytes())?;
        }
        if let Some(ask) = ask.filter(|_| agreed.revision == Revision::V20260728) {
            outgoing.header("mcp-method", ask.method.as_bytes())?;
            if let Some(name) = ask.name {
                outgoing.header("mcp-name", param::encoded(name).as_bytes())?;
            }
            for (name, value) in ask.headers {
                outgoing.header(name.as_str(), value.as_bytes())?;
            }
        }
        Ok(())
    }

    async fn read(
        &self,
        response: Response,
        id: u64,
        ask: &Ask<'_>,
        as_agreed: Option<&Handshake>,
    ) -> Result<Reply, Fault> {
        let Response { head, body } = response;
        let status = head.status;
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
        match head.said.kind {
            Kind::Json => {}
            Kind::Events => return Box::pin(self.read_stream(body, id, ask, as_agreed)).await,
            Kind::Other => {
                let said = format!("it answered {} with neither JSON nor an event stream", status.as_u16());
                return Err(garbage(said));
            }
        }
        let most = self.spoken.limits.answer_bytes_max;
        let whole = body.whole(most).await.map_err(|unread| match unread {
            Unread::TooLarge => too_large(most),
            Unread::Broke(error) => broke_off(error),
        })?;
        self.heard(&whole, id, ask, as_agreed)
            .await?
            .ok_or_else(|| garbage("it answered with a message that is no answer"))
    }

    /// Reads events until the answer. A stream that ends before it and said where it goes on is taken up again there.
    async fn read_stream(
        &self,
        mut body: Body,
        id: u64,
        ask: &Ask<'_>,
        as_agreed: Option<&Handshake>,
    ) -> Result<Reply, Fault> {
        let mut events = Events::default();
        let mut heard_bytes = 0usize;
        loop {
            let (let_go, ended) = loop {
                let data = match body.next().await {
                    Ok(Some(data)) => data,
                    Ok(None) => break (true, ended_early()),
                    Err(error) => break (false, broke_off(error)),
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
    ) -> Result<Body, Fault> {
        let mut pause = retry.unwrap_or(RETRY).max(RETRY_MIN);
        loop {
            tokio::time::sleep(pause).await;
            match self.open(agreed, ask.header.as_ref(), Some(last_id)).await {
                Ok(response) => return Ok(response.body),
                Err(Ended::Broken(fault)) => tracing::debug!(?fault, "a stream could not be taken up again yet"),
                Err(Ended::NotOffered | Ended::SessionOver) => return Err(ended),
            }
            pause = (pause * 2).clamp(RETRY, RETRY_MAX);
        }
    }

    /// A message, or a batch of them where there are batches; the reply, when it is ours.
    async fn heard(
        &self,
        message: &Bytes,
        id: u64,
        ask: &Ask<'_>,
        as_agreed: Option<&Handshake>,
    ) -> Result<Option<Reply>, Fault> {
        let batches = as_agreed.is_some_and(|agreed| agreed.revision.has_batches());
        let Some(several) = batches.then(|| apart(message)).transpose()?.flatten() else {
            return self.heard_one(message, id, ask, as_agreed).await;
        };
        let mut reply = None;
        for one in &several {
            reply = self.heard_one(one, id, ask, as_agreed).await?.or(reply);
        }
        Ok(reply)
    }

    async fn heard_one(
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
            Heard::Tells(method) if method == TAKES_BACK => {
                let taken = ask.asks.zip(taken_back(message)).is_some_and(|(asks, id)| asks.take_back(&id));
                tracing::debug!(taken, "an app takes a question back");
                Ok(None)
            }
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

    pub(super) fn no_answer(&self, broke: Broke) -> SendFault {
        let host = self.url.authority().map(ToString::to_string).unwrap_or_default();
        match broke {
            Broke::Unreachable(error) => {
                let fault = Fault::new(Blame::Upstream, "upstream.unreachable", format!("nothing answers at {host}"));
                let cause = std::io::Error::other(chain(error.as_ref()));
                SendFault::before(fault.hint("start the app, or correct its `url:`").because(cause).retryable())
            }
            Broke::Refused(error) => {
                let said = format!("{host} did not take the request, and nothing was executed");
                SendFault::before(Fault::new(Blame::Upstream, "upstream.busy", said).because(error).retryable())
            }
            Broke::Off(error) => {
                let said = format!("{host} closed the connection before it answered");
                SendFault::after(Fault::new(Blame::Upstream, "upstream.broke_off", said).because(error))
            }
        }
    }
}

fn broke_off(error: std::io::Error) -> Fault {
    Fault::new(Blame::Upstream, "upstream.broke_off", "its answer broke off before the end").because(error)
}

fn ended_early() -> Fault {
    Fault::new(Blame::Upstream, "upstream.broke_off", "its event stream ended without an answer")
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
const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(10);
