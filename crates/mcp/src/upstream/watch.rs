//! Long streams of an HTTP app: the rest of an answer whose connection it let go, and what it tells besides calls.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, Method, StatusCode};
use http_client::{Body, Request};
use model::{Blame, Fault, Secret};
use tokio::sync::mpsc;

use super::http_link::HttpLink;
use super::reply::{Heard, apart, garbage, hear, too_large};
use super::said::{Kind, Response, settled};
use super::sse::Events;
use super::{Ask, Handshake, request};

/// A stream of an app that goes on until one side has enough.
pub struct Watch {
    source: Source,
    /// The id of the request it answers, where it answers one.
    id: Option<u64>,
    /// Whether several messages may come as one.
    batches: bool,
    questions: Vec<Question>,
}

/// What an app asks on a stream that is about no call: the id and the params, exactly as they came, and the method.
pub struct Question {
    /// The id.
    pub id: Bytes,
    /// The method.
    pub method: String,
    /// The params.
    pub params: Option<Bytes>,
}

/// Where its messages come from.
enum Source {
    /// A response.
    Http { body: Body, events: Events, bytes_max: usize },
    /// A child, which tells all on one channel.
    Child(Overheard),
}

/// What a child tells about one subscription. Dropping it tells the child that there is enough.
pub struct Overheard {
    pub(super) told: mpsc::Receiver<Bytes>,
    /// Ends the subscription when it is dropped.
    pub(super) _until: Box<dyn std::any::Any + Send>,
}

/// Why a stream ended.
#[derive(Debug)]
pub enum Ended {
    /// The app has none to offer.
    NotOffered,
    /// The session it belongs to has ended.
    SessionOver,
    /// It ended or broke: worth another try.
    Broken(Fault),
}

impl HttpLink {
    /// Opens a stream by GET: what comes after `last_id`, or what the app tells besides calls.
    pub(super) async fn open(
        &self,
        agreed: &Handshake,
        credential: Option<&(HeaderName, Secret<String>)>,
        last_id: Option<&str>,
    ) -> Result<Response, Ended> {
        let said = [("accept", Some("text/event-stream")), ("last-event-id", last_id)];
        let outgoing = self.in_session(&Method::GET, agreed, credential, &said).map_err(Ended::Broken)?;
        let response = self.client.send(&outgoing).await.map_err(|broke| Ended::Broken(self.no_answer(broke).fault))?;
        checked(response, agreed.session.is_some())
    }

    /// The app need not keep the session any longer. It may say that it decides that itself.
    pub(super) async fn end_session(
        &self,
        agreed: &Handshake,
        credential: Option<&(HeaderName, Secret<String>)>,
    ) -> Result<StatusCode, Fault> {
        let outgoing = self.in_session(&Method::DELETE, agreed, credential, &[])?;
        Ok(settled(self.client.send(&outgoing).await.map_err(|broke| self.no_answer(broke).fault)?).await)
    }

    /// A request about the session as a whole, which has no body.
    fn in_session(
        &self,
        method: &Method,
        agreed: &Handshake,
        credential: Option<&(HeaderName, Secret<String>)>,
        more: &[(&str, Option<&str>)],
    ) -> Result<Request, Fault> {
        let mut outgoing = Request::new(method, &self.url);
        let of_session =
            [("mcp-protocol-version", Some(agreed.revision.as_str())), ("mcp-session-id", agreed.session.as_deref())];
        for (name, value) in of_session.iter().chain(more) {
            let Some(value) = value else { continue };
            outgoing.header(name, value.as_bytes()).map_err(|error| {
                let said = "the id of its session, or of an event, cannot be sent back";
                Fault::new(Blame::Upstream, "upstream.garbage", said).because(error)
            })?;
        }
        if let Some(credential) = credential {
            Self::put_on(&mut outgoing, credential)?;
        }
        Ok(outgoing.without_body())
    }

    /// What the app tells besides calls of a session.
    pub(super) async fn watch(
        &self,
        agreed: &Handshake,
        credential: Option<&(HeaderName, Secret<String>)>,
        last_id: Option<&str>,
    ) -> Result<Watch, Ended> {
        let response = self.open(agreed, credential, last_id).await?;
        let watch = Watch::new(response, None, self.spoken.limits.answer_bytes_max);
        Ok(Watch { batches: agreed.revision.has_batches(), ..watch })
    }

    /// What the app tells in answer to a `subscriptions/listen` (2026-07-28). It has said that it listens.
    pub(super) async fn listen(&self, ask: &Ask<'_>, agreed: &Handshake) -> Result<Watch, Ended> {
        let id = self.spoken.next_id.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let outgoing =
            self.outgoing(Some(ask), ask.header.as_ref(), request(id, ask), Some(agreed)).map_err(Ended::Broken)?;
        let response = self.client.send(&outgoing).await.map_err(|broke| Ended::Broken(self.no_answer(broke).fault))?;
        let response = checked(response, false)?;
        Ok(Watch::new(response, Some(id), self.spoken.limits.answer_bytes_max))
    }
}

impl Watch {
    fn new(response: Response, id: Option<u64>, bytes_max: usize) -> Self {
        Self {
            source: Source::Http { body: response.body, events: Events::default(), bytes_max },
            id,
            batches: false,
            questions: Vec::new(),
        }
    }

    /// What a child tells in answer to the request of this id.
    pub(super) fn of_child(overheard: Overheard, id: u64) -> Self {
        Self { source: Source::Child(overheard), id: Some(id), batches: false, questions: Vec::new() }
    }

    /// Where it can be taken up again.
    pub fn last_id(&self) -> Option<&str> {
        match &self.source {
            Source::Http { events, .. } => events.last_id(),
            Source::Child(_) => None,
        }
    }

    /// How long the app wants to be left alone before it is asked again.
    pub fn retry(&self) -> Option<Duration> {
        match &self.source {
            Source::Http { events, .. } => events.retry(),
            Source::Child(_) => None,
        }
    }

    /// The next notifications: method and message. Error: why there will be no more.
    pub async fn next(&mut self) -> Result<Vec<(String, Bytes)>, Ended> {
        let mut told = Vec::new();
        let mut messages = Vec::new();
        for message in self.messages().await? {
            match self.batches.then(|| apart(&message)).transpose().map_err(Ended::Broken)?.flatten() {
                Some(several) => messages.extend(several),
                None => messages.push(message),
            }
        }
        for message in messages {
            if message.is_empty() {
                continue;
            }
            match hear(&message) {
                Ok(Heard::Tells(method)) => told.push((method, message)),
                Ok(Heard::Reply(id, reply)) if Some(id) == self.id && reply.error => return Err(Ended::NotOffered),
                Ok(Heard::Reply(id, _)) if Some(id) == self.id => return Err(broken("it ended its stream of changes")),
                // From 2026-07-28 on an app asks nothing on such a stream, and nobody would take what it asks.
                Ok(Heard::Asks { method, .. }) if self.id.is_some() => {
                    tracing::debug!(method, "an app asked on a stream of changes, and nobody was asked");
                }
                Ok(Heard::Asks { id, method, params }) => self.questions.push(Question { id, method, params }),
                Ok(Heard::Reply(..)) => {}
                Err(fault) => return Err(Ended::Broken(fault)),
            }
        }
        Ok(told)
    }

    /// What the app has asked since the last time.
    pub fn questions(&mut self) -> Vec<Question> {
        std::mem::take(&mut self.questions)
    }

    async fn messages(&mut self) -> Result<Vec<Bytes>, Ended> {
        match &mut self.source {
            Source::Http { body, events, bytes_max } => {
                let data = match body.next().await {
                    Ok(Some(data)) => data,
                    Ok(None) => return Err(broken("it ended its stream of changes")),
                    Err(_) => return Err(broken("its stream of changes broke off")),
                };
                let messages = events.push(&data);
                if events.held() > *bytes_max {
                    return Err(Ended::Broken(too_large(*bytes_max)));
                }
                Ok(messages)
            }
            Source::Child(overheard) => {
                let message = overheard.told.recv().await;
                message.map(|message| vec![message]).ok_or_else(|| broken("its process has ended"))
            }
        }
    }

    /// Waits until the app has said that it listens; whether it does to these resources.
    pub async fn acknowledged(&mut self, uri: Option<&str>) -> Result<bool, Ended> {
        loop {
            for (method, message) in self.next().await? {
                if method != ACKNOWLEDGED {
                    continue;
                }
                let Some(uri) = uri else { return Ok(true) };
                let document = json::Document::parse(&message).map_err(|_| Ended::Broken(garbage("it is not JSON")))?;
                let honoured = document.root().get("params").and_then(|params| params.get("notifications"));
                let uris = honoured.and_then(|honoured| honoured.get("resourceSubscriptions"));
                return Ok(uris
                    .into_iter()
                    .flat_map(|uris| uris.items())
                    .any(|one| one.as_str().as_deref() == Some(uri)));
            }
        }
    }
}

impl Ended {
    /// As a fault, for whoever has asked.
    pub fn into_fault(self) -> Fault {
        match self {
            Self::NotOffered => Fault::new(Blame::Upstream, "upstream.not_offered", "it does not tell of changes"),
            Self::SessionOver => {
                Fault::new(Blame::Upstream, "upstream.session_ended", "its session had ended").retryable()
            }
            Self::Broken(fault) => fault,
        }
    }
}

fn broken(said: &'static str) -> Ended {
    Ended::Broken(Fault::new(Blame::Upstream, "upstream.broke_off", said))
}

fn checked(response: Response, in_session: bool) -> Result<Response, Ended> {
    match response.head.status {
        StatusCode::OK if response.head.said.kind == Kind::Events => Ok(response),
        // A JSON answer to a listening request is an error of JSON-RPC; to a GET it is something else than MCP.
        StatusCode::OK => Err(Ended::NotOffered),
        StatusCode::NOT_FOUND if in_session => Err(Ended::SessionOver),
        status
            if status.is_client_error()
                && status != StatusCode::TOO_MANY_REQUESTS
                && status != StatusCode::REQUEST_TIMEOUT =>
        {
            Err(Ended::NotOffered)
        }
        status => Err(Ended::Broken(Fault::new(
            Blame::Upstream,
            "upstream.broke_off",
            format!("it answered {} instead of a stream", status.as_u16()),
        ))),
    }
}

const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";

#[cfg(test)]
mod tests;
