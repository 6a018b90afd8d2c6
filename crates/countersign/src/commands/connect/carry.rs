//! One message on its way: to the gateway, once more where it surely was not done, and its answer back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{StatusCode, header};
use http_body_util::BodyExt as _;
use json::{Document, Kind};
use model::{Blame, Fault};
use tokio_util::sync::CancellationToken;

use super::link::{Arriving, Broken, Link, broke_off, whole};
use super::message::{Message, error_answer, error_with};
use super::session::{Session, session_of};
use super::stream::Events;
use super::{Body, Out};

/// Carries messages.
pub(super) struct Carrier {
    link: Link,
    session: Session,
    out: Arc<Out>,
    running: Mutex<HashMap<Vec<u8>, CancellationToken>>,
    streams: CancellationToken,
}

/// What came of one try.
enum Tried {
    /// The client has its answer, or needs none.
    Done,
    /// It was not done, or may be done twice: once more. The fault counts if it was tried already.
    Again(Again, Fault),
    /// It failed. `true`: it may have been done all the same.
    Failed(Fault, bool),
}

/// Why once more. Each reason counts once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    Token,
    Session,
    Broken,
}

impl Carrier {
    pub(super) fn new(link: Link, out: Arc<Out>) -> Self {
        Self { link, session: Session::default(), out, running: Mutex::default(), streams: CancellationToken::new() }
    }

    /// Carries a message; every request in it gets an answer, unless it was cancelled.
    pub(super) async fn carry(&self, message: Message) {
        let stop = if message.is_stream() { self.streams.child_token() } else { CancellationToken::new() };
        let name = message.ids.first().filter(|_| message.revision.is_some()).cloned();
        if let Some(name) = &name {
            self.running().insert(name.clone(), stop.clone());
        }
        tokio::select! {
            () = self.deliver(&message) => {}
            () = stop.cancelled() => {}
            () = self.out.gone.cancelled() => {}
        }
        if let Some(name) = &name {
            self.running().remove(name);
        }
    }

    /// Ends the exchange of a request that the client no longer wants. False: there is none that can be ended so.
    pub(super) fn cancel(&self, id: &[u8]) -> bool {
        match self.running().get(id) {
            Some(stop) => {
                stop.cancel();
                true
            }
            None => false,
        }
    }

    /// Ends the streams that would never end.
    pub(super) fn close_streams(&self) {
        self.streams.cancel();
    }

    /// Tells the gateway that the session is over.
    pub(super) async fn end_session(&self) {
        let _ = tokio::time::timeout(GOODBYE_TIME_MAX, self.session.end(&self.link)).await;
    }

    async fn deliver(&self, message: &Message) {
        let mut tried = Vec::new();
        loop {
            match self.attempt(message).await {
                Tried::Done => return,
                Tried::Again(why, _) if !tried.contains(&why) => tried.push(why),
                Tried::Again(why, fault) => return self.fail(message, &fault, why == Again::Broken).await,
                Tried::Failed(fault, perhaps) => return self.fail(message, &fault, perhaps).await,
            }
        }
    }

    async fn attempt(&self, message: &Message) -> Tried {
        let mut headers = message.headers();
        if message.revision.is_none() && !message.opens_session() {
            headers = self.session.headers().await;
        }
        let arriving = match self.link.post(&headers, message.body.clone()).await {
            Ok(arriving) => arriving,
            Err(Broken::Before(fault)) => return Tried::Failed(fault, false),
            Err(Broken::After(fault)) if message.is_repeatable() => return Tried::Again(Again::Broken, fault),
            Err(Broken::After(fault)) => return Tried::Failed(fault, true),
        };
        let status = arriving.response.status();
        let kind = arriving.response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let stream = kind.is_some_and(|kind| kind.starts_with("text/event-stream"));
        if status == StatusCode::UNAUTHORIZED {
            return self.unauthorized(arriving).await;
        }
        if status.is_success() && stream {
            return self.stream(message, arriving).await;
        }
        let head = arriving.response.headers().clone();
        let body = match whole(arriving).await {
            Ok(body) => body,
            Err(fault) if message.is_repeatable() => return Tried::Again(Again::Broken, fault),
            Err(fault) => return Tried::Failed(fault, true),
        };
        if status == StatusCode::NOT_FOUND && session_of(&headers).is_some() && says_no_session(&body) {
            return match self.session.renew(&self.link, &headers).await {
                Ok(()) => {
                    let said = "the gateway does not know the session it has just opened";
                    Tried::Again(Again::Session, Fault::new(Blame::Operator, "operator.session", said))
                }
                Err(fault) => Tried::Failed(fault, false),
            };
        }
        if !status.is_success() {
            return self.refused(message, status, &body).await;
        }
        if message.opens_session() {
            self.session.opened(&message.body, &head, &body).await;
        }
        self.answered(message, &body).await
    }

    /// A token that is no longer good is changed for another, once: a person who may not act stays refused.
    async fn unauthorized(&self, arriving: Arriving) -> Tried {
        self.link.forget_token().await;
        let body = whole(arriving).await.unwrap_or_default();
        Tried::Again(Again::Token, refusal(StatusCode::UNAUTHORIZED, &body))
    }

    async fn answered(&self, message: &Message, body: &Body) -> Tried {
        if body.trim_ascii().is_empty() {
            if message.ids.is_empty() {
                return Tried::Done;
            }
            return Tried::Failed(broke_off(&"no answer to a request"), true);
        }
        if Document::parse(body).is_err() {
            return Tried::Failed(broke_off(&"the answer is not JSON"), true);
        }
        self.out.message(body).await;
        Tried::Done
    }

    /// What the gateway refuses keeps its own error, under the id of the request.
    async fn refused(&self, message: &Message, status: StatusCode, body: &Body) -> Tried {
        let document = Document::parse(body).ok();
        let root = document.as_ref().map(Document::root);
        let error = root.and_then(|root| root.get("error"));
        if let Some(error) = error.filter(|error| error.kind() == Kind::Object) {
            for id in &message.ids {
                self.out.message(&error_with(id, error.raw())).await;
            }
            if message.ids.is_empty() {
                tracing::warn!(%status, method = message.method, "the gateway refused a notification");
            }
            return Tried::Done;
        }
        Tried::Failed(refusal(status, body), status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE)
    }

    async fn stream(&self, message: &Message, arriving: Arriving) -> Tried {
        let (mut arriving, mut events) = (Some(arriving), Events::default());
        while let Some(now) = arriving.take() {
            match self.read(now, &mut events, &message.ids).await {
                Ok(answered) if answered || message.ids.is_empty() => return Tried::Done,
                Ok(_) => {}
                Err(fault) => return Tried::Failed(fault, true),
            }
            // A session's stream that was let go before the answer goes on where it ended.
            if let Some(last) = events.last_id() {
                tokio::time::sleep(events.retry()).await;
                arriving = self.get(Some(last)).await;
                events.broken();
            }
        }
        Tried::Failed(broke_off(&"the stream ended before the answer"), !message.is_repeatable())
    }

    /// Passes on what a stream says; whether one of these was answered.
    async fn read(&self, mut arriving: Arriving, events: &mut Events, ids: &[Vec<u8>]) -> Result<bool, Fault> {
        let mut answered = false;
        while let Some(frame) = arriving.response.body_mut().frame().await {
            let Ok(frame) = frame else { break };
            let Some(data) = frame.data_ref() else { continue };
            for event in events.take(data) {
                answered |= answers(&event, ids);
                self.out.message(&event).await;
            }
            if events.waiting() > EVENT_BYTES_MAX {
                return Err(broke_off(&"an event is too large"));
            }
        }
        Ok(answered)
    }

    /// A stream of the session, if the gateway gives one.
    async fn get(&self, last_event_id: Option<&str>) -> Option<Arriving> {
        let headers = self.session.headers().await;
        session_of(&headers)?;
        let arriving = self.link.get(&headers, last_event_id).await.ok()?;
        if arriving.response.status() == StatusCode::UNAUTHORIZED {
            self.link.forget_token().await;
        }
        let kind = arriving.response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let stream = kind.is_some_and(|kind| kind.starts_with("text/event-stream"));
        Some(arriving).filter(|arriving| arriving.response.status() == StatusCode::OK && stream)
    }

    /// Passes on what the gateway tells besides calls, for as long as the session is used.
    pub(super) async fn listen(&self) {
        let listening = async {
            let mut events = Events::default();
            let mut of: Option<String> = None;
            loop {
                let headers = self.session.headers().await;
                let session = session_of(&headers).map(str::to_owned);
                if std::mem::replace(&mut of, session.clone()) != session {
                    events = Events::default();
                }
                let last = events.last_id().map(str::to_owned);
                if let Some(arriving) = self.get(last.as_deref()).await {
                    let _ = self.read(arriving, &mut events, &[]).await;
                }
                events.broken();
                tokio::time::sleep(events.retry()).await;
            }
        };
        tokio::select! {
            () = listening => {}
            () = self.streams.cancelled() => {}
            () = self.out.gone.cancelled() => {}
        }
    }

    /// Never silent: whoever asked is told.
    async fn fail(&self, message: &Message, fault: &Fault, perhaps: bool) {
        tracing::warn!(method = message.method, ?fault, "a message could not be carried");
        let executed = if perhaps { serde_json::json!("unknown") } else { serde_json::json!(false) };
        let data = serde_json::json!({ "code": fault.code(), "hint": fault.way_out(), "executed": executed });
        let end = match (perhaps, message.is_repeatable()) {
            (true, false) => ": it is unknown whether the request was executed, and it was not repeated",
            _ => "",
        };
        for id in &message.ids {
            let said = format!("{fault}{end}");
            self.out.message(&error_answer(id, INTERNAL_ERROR, &said, Some(data.clone()))).await;
        }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<Vec<u8>, CancellationToken>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the gateway says where it does not speak JSON-RPC.
fn refusal(status: StatusCode, body: &[u8]) -> Fault {
    let said: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |key: &str| said.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
    let fault = Fault::new(
        Blame::Operator,
        "operator.refused",
        text("error_description").unwrap_or_else(|| format!("the gateway answered {status}")),
    );
    match text("hint") {
        Some(hint) => fault.hint(hint),
        None => fault,
    }
}

/// Whether a 404 means that the session is not open: nothing was done then.
fn says_no_session(body: &[u8]) -> bool {
    let said: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let code = said.get("error").and_then(|error| error.get("data")).and_then(|data| data.get("code"));
    code.is_none_or(|code| code != "caller.unknown_path")
}

/// Whether an event is the answer to one of these requests.
fn answers(event: &[u8], ids: &[Vec<u8>]) -> bool {
    let Ok(document) = Document::parse(event) else { return false };
    let root = document.root();
    let to = |value: json::Value<'_, '_>| {
        value.get("method").is_none() && value.get("id").is_some_and(|id| ids.iter().any(|wanted| wanted == id.raw()))
    };
    to(root) || root.items().any(to)
}

const INTERNAL_ERROR: i64 = -32603;
const GOODBYE_TIME_MAX: Duration = Duration::from_secs(2);
const EVENT_BYTES_MAX: usize = 256 << 20;
