//! What passes between a client and an app while a call is under way: progress and log messages to the client whose call
//! caused them and to nobody else, its `_meta` and its change of mind to the app.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use decide::Scrub;
use json::{Document, Value};
use model::{Method, TraceParent};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::link::Manner;
use crate::client::{Abilities, chooses_several};
use crate::mailbox::{self, mailbox};
use crate::revision::Revision;
use crate::session::Session;
use crate::tasks::{self, HeldTask};

/// The way along one call. Cheap to clone.
#[derive(Clone)]
pub struct Along {
    shared: Arc<Shared>,
}

/// Who is at the near end.
#[derive(Clone)]
pub enum Client {
    /// One of 2026-07-28: it says with each request what it can do, and the questions of an app come to it as results.
    Modern {
        /// What it can do.
        abilities: Abilities,
        /// From which level on it wants log messages.
        level: Option<String>,
    },
    /// One with a session, which is asked on its stream and answers with a message of its own.
    Legacy(Arc<Session>),
}

/// Whose a call is: of which session. None: of one without, and two of those may be two clients'.
#[derive(Clone)]
pub struct Whose(Option<Weak<Session>>);

/// The link of a client who is asked and told nothing.
struct OverLink {
    manner: Manner,
    level: Option<String>,
    whose: Whose,
}

struct Shared {
    client: Client,
    to_client: mailbox::Sender<Bytes>,
    /// The client's own token, exactly as it came, and the one that stands for it at the app.
    progress: Option<(Bytes, u64)>,
    /// Members of `_meta` that are passed on, each as it came.
    meta: Vec<u8>,
    /// The client's span that it is part of.
    trace_parent: OnceLock<TraceParent>,
    scrub: Arc<dyn Scrub>,
    /// Whether a rule hides fields of the answer, which might stand in what is said before it as well.
    hushed: AtomicBool,
    /// Whether nobody reads what is said before the answer.
    unread: AtomicBool,
    cancelled: CancellationToken,
    /// The task it is about: the app's id of it, and the client's.
    task: OnceLock<(String, String)>,
    /// The request that goes on with this call; from then on what is said belongs to it.
    next: ArcSwapOption<Shared>,
    streaming: Notify,
    pausing: Notify,
    /// The call waits for people.
    waiting: Notify,
    /// As what it waits.
    held: OnceLock<HeldTask>,
    /// The link it goes over, where that is another than its client's own.
    link: OnceLock<Box<OverLink>>,
    /// How often the client was told so.
    waited: AtomicU64,
}

impl Client {
    /// What it said it can do.
    pub fn abilities(&self) -> &Abilities {
        match self {
            Self::Modern { abilities, .. } => abilities,
            Self::Legacy(session) => &session.abilities,
        }
    }

    /// Whether it answers such a question, in the words of its revision.
    pub fn answers(&self, method: Method, params: Option<Value<'_, '_>>) -> bool {
        let unknown = self.revision() < Revision::V20251125 && method == Method::Elicit && chooses_several(params);
        !unknown && self.abilities().answers(method, params)
    }

    /// What it speaks.
    pub fn revision(&self) -> Revision {
        match self {
            Self::Modern { .. } => Revision::V20260728,
            Self::Legacy(session) => session.revision,
        }
    }

    /// What kind of link it wants, where an app has links that remember.
    pub fn manner(&self) -> Manner {
        match self {
            Self::Modern { abilities, level } => {
                let abilities = Some(abilities).filter(|one| one.any()).map(Abilities::kept).unwrap_or_default();
                Manner { abilities, level: level.clone(), ..Manner::default() }
            }
            Self::Legacy(session) if session.abilities.any() => {
                let (revision, abilities) = (session.revision, session.abilities.clone());
                Manner { revision, handshake_first: true, abilities, level: None }
            }
            Self::Legacy(_) => Manner::default(),
        }
    }

    /// Whether it is told that somebody has done what an address was opened for: 2025-11-25 has words for that.
    pub fn knows_of_completion(&self) -> bool {
        self.revision() == Revision::V20251125 && self.abilities().opens_urls()
    }

    /// Whether a call of it may become a task that it did not ask for (2026-07-28).
    pub fn takes_tasks(&self) -> bool {
        matches!(self, Self::Modern { abilities, .. } if abilities.knows_tasks())
    }

    /// From which level on an app that keeps to a level is told to send log messages: clients of one agent and person may share its
    /// link.
    pub fn level(&self) -> Option<String> {
        match self {
            Self::Modern { level, .. } => level.clone(),
            Self::Legacy(session) => session.least_level(),
        }
    }

    /// From which level on it wants log messages, where it said so once for its session.
    pub fn session_level(&self) -> Option<String> {
        match self {
            Self::Modern { .. } => None,
            Self::Legacy(session) => session.level(),
        }
    }

    fn whose(&self) -> Whose {
        match self {
            Self::Modern { .. } => Whose(None),
            Self::Legacy(session) => Whose(Some(Arc::downgrade(session))),
        }
    }
}

impl Whose {
    /// Whether the other is surely the same client's.
    pub fn same(&self, other: &Self) -> bool {
        matches!((&self.0, &other.0), (Some(one), Some(other)) if one.ptr_eq(other))
    }
}

impl Along {
    /// The way along one call of several that are answered together: what the app says meanwhile reaches nobody.
    pub fn unread(meta: Option<Value<'_, '_>>, client: Client, scrub: Arc<dyn Scrub>) -> Self {
        let (along, _told) = Self::of(meta, client, scrub);
        along.shared.unread.store(true, Ordering::Release);
        along
    }

    /// Whether the client reads what is said to it before the answer.
    pub fn is_read(&self) -> bool {
        !self.shared.unread.load(Ordering::Acquire)
    }

    /// The way along a call with this `_meta`. What the app says arrives at the receiver.
    pub fn of(meta: Option<Value<'_, '_>>, client: Client, scrub: Arc<dyn Scrub>) -> (Self, mailbox::Receiver<Bytes>) {
        let (to_client, told) = mailbox(MESSAGES_WAITING_MAX);
        let token = meta.and_then(|meta| meta.get("progressToken"));
        let token = token.filter(|token| token.as_str().is_some() || token.as_i64().is_some());
        let progress =
            token.map(|token| (Bytes::copy_from_slice(token.raw()), NEXT_TOKEN.fetch_add(1, Ordering::Relaxed)));
        let said = meta.and_then(|meta| meta.get("traceparent")?.as_str());
        let trace_parent = said.and_then(|text| TraceParent::parse(&text)).map_or_else(OnceLock::new, OnceLock::from);
        let meta = passed_on(meta);
        let cancelled = CancellationToken::new();
        let next = ArcSwapOption::empty();
        let (streaming, pausing, waiting) = (Notify::new(), Notify::new(), Notify::new());
        let waited = AtomicU64::new(0);
        let (hushed, unread) = (AtomicBool::new(false), AtomicBool::new(false));
        let shared = Shared {
            client,
            to_client,
            progress,
            meta,
            trace_parent,
            scrub,
            hushed,
            unread,
            cancelled,
            task: OnceLock::new(),
            next,
            streaming,
            pausing,
            waiting,
            held: OnceLock::new(),
            link: OnceLock::new(),
            waited,
        };
        (Self { shared: Arc::new(shared) }, told)
    }

    /// Over the link that this client's calls use, though nobody is asked or told anything: a call that waited as a task goes on where
    /// its client's calls went before.
    pub fn over_link_of(self, client: &Client) -> Self {
        let _first = self.shared.link.set(Box::new(OverLink {
            manner: client.manner(),
            level: client.level(),
            whose: client.whose(),
        }));
        self
    }

    /// Who is at the near end.
    pub fn client(&self) -> &Client {
        &self.shared.client
    }

    /// Whose it is.
    pub fn whose(&self) -> Whose {
        self.shared.link.get().map_or_else(|| self.client().whose(), |link| link.whose.clone())
    }

    /// Whether its client is asked and told something meanwhile.
    pub fn reaches_its_client(&self) -> bool {
        self.shared.link.get().is_none()
    }

    /// What kind of link it goes over.
    pub fn manner(&self) -> Manner {
        self.shared.link.get().map_or_else(|| self.shared.client.manner(), |link| link.manner.clone())
    }

    /// From which level on an app that keeps to a level is told to send log messages, where that link is made for this call.
    pub fn level(&self) -> Option<String> {
        self.shared.link.get().map_or_else(|| self.shared.client.level(), |link| link.level.clone())
    }

    /// What stands in the `_meta` of the request to the app, besides what its revision wants: members, without braces.
    pub fn meta(&self, modern: bool) -> Vec<u8> {
        let mut meta = self.shared.meta.clone();
        if let (true, Client::Modern { level: Some(level), .. }) = (modern, &self.shared.client) {
            if !meta.is_empty() {
                meta.push(b',');
            }
            json::write_string(&mut meta, LOG_LEVEL_KEY);
            meta.push(b':');
            json::write_string(&mut meta, level);
        }
        if let Some((_, token)) = &self.shared.progress {
            if !meta.is_empty() {
                meta.push(b',');
            }
            meta.extend_from_slice(format!("\"progressToken\":{token}").as_bytes());
        }
        meta
    }

    /// The client's span that it is part of.
    pub fn trace_parent(&self) -> Option<TraceParent> {
        self.shared.trace_parent.get().copied()
    }

    /// With what the headers of the request say of that span, where its `_meta` says nothing.
    pub fn in_trace(self, said: Option<TraceParent>) -> Self {
        if let Some(said) = said {
            self.shared.trace_parent.get_or_init(|| said);
        }
        self
    }

    /// Ends when the client has changed its mind.
    pub async fn cancelled(&self) {
        self.shared.cancelled.cancelled().await;
    }

    /// Whether the client has changed its mind.
    pub fn is_cancelled(&self) -> bool {
        self.shared.cancelled.is_cancelled()
    }

    /// From now on nothing is passed on of what the app says along the way.
    pub fn hush(&self) {
        self.shared.hushed.store(true, Ordering::Release);
    }

    /// It is about a task: the app's id of it, and the client's.
    pub fn about_task(&self, own: &str, known_as: &str) {
        let _first = self.shared.task.set((own.to_owned(), known_as.to_owned()));
    }

    /// The client has changed its mind.
    pub fn cancel(&self) {
        self.shared.cancelled.cancel();
    }

    /// From now on `next` is the request that goes on with this call: what the app says is told there.
    pub fn goes_on_in(&self, next: &Self) {
        if !Arc::ptr_eq(&self.shared, &next.shared) {
            self.shared.next.store(Some(Arc::clone(&next.shared)));
        }
    }

    /// The app's answer comes on a stream that can be taken up again.
    pub fn stream(&self) {
        self.now().streaming.notify_one();
    }

    /// Ends when the app's answer comes on a stream that can be taken up again.
    pub async fn streaming(&self) {
        self.shared.streaming.notified().await;
    }

    /// The app has let the connection go and answers later.
    pub fn pause(&self) {
        self.stream();
        self.now().pausing.notify_one();
    }

    /// Ends when the app has let the connection go and answers later.
    pub async fn pausing(&self) {
        self.shared.pausing.notified().await;
    }

    /// The call waits for people.
    pub fn held(&self, held: HeldTask) {
        let _first = self.shared.held.set(held);
    }

    /// As what it waits, or has waited, for people.
    pub fn held_as(&self) -> Option<&HeldTask> {
        self.shared.held.get()
    }

    /// Its client is kept waiting meanwhile: whoever carries its response makes a stream of it.
    pub fn waits(&self) {
        self.shared.waiting.notify_one();
    }

    /// Tells the client something of the gateway's own. One that does not read for a long time misses it.
    pub fn say(&self, message: Bytes) {
        let _slow_reader = self.shared.to_client.try_send(message);
    }

    /// Ends when the call waits for people.
    pub async fn waiting(&self) {
        self.shared.waiting.notified().await;
    }

    /// Tells a client that asked for progress that its call still waits. The app's own progress is more, whatever it is.
    pub fn still_waits(&self, message: &str) {
        let Some((token, _)) = &self.shared.progress else { return };
        let millionths = self.shared.waited.fetch_add(1, Ordering::Relaxed).min(999_998) + 1;
        let mut out = br#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"#.to_vec();
        out.extend_from_slice(token);
        out.extend_from_slice(format!(",\"progress\":0.{millionths:06},\"message\":").as_bytes());
        json::write_string(&mut out, message);
        out.extend_from_slice(b"}}");
        self.say(Bytes::from(out));
    }

    /// The request that what is said belongs to now.
    fn now(&self) -> Arc<Shared> {
        self.shared.next.load_full().unwrap_or_else(|| Arc::clone(&self.shared))
    }

    /// Whether progress under this token is of this call.
    pub fn is_progress(&self, token: u64) -> bool {
        self.shared.progress.as_ref().is_some_and(|(_, own)| *own == token)
    }

    /// Passes a notification of the app on: progress under the client's own token, log messages as they are. Anything
    /// else is not about this call. A client that does not read for a long time misses some.
    pub fn tell(&self, notification: &Bytes, method: &str) {
        if self.shared.hushed.load(Ordering::Acquire) {
            return;
        }
        let message = match method {
            "notifications/progress" => match self.under_own_token(notification) {
                Some(message) => message,
                None => return,
            },
            "notifications/message" if self.wants(notification) => notification.clone(),
            // What was asked of this client has been done where it was sent to.
            "notifications/elicitation/complete" if self.client().knows_of_completion() => notification.clone(),
            other => {
                tracing::debug!(method = other, "a notification of an app is not about a call");
                return;
            }
        };
        let task = self.shared.task.get().map(|(own, known_as)| (own.as_str(), known_as.as_str()));
        let message = tasks::of_notification(&message, task);
        let message = self.shared.scrub.scrub(&message).map_or(message, |(clean, _)| Bytes::from(clean));
        let next = self.shared.next.load();
        if next.as_ref().unwrap_or(&self.shared).to_client.try_send(message).is_err() {
            tracing::debug!(method, "a client reads too slowly, or not any more, and misses a notification");
        }
    }

    /// Whether the client wants to see a log message: one of 2026-07-28 says so with each request, one with a session for all of it,
    /// and where it says nothing, the app chooses.
    fn wants(&self, message: &[u8]) -> bool {
        let least = match self.client() {
            Client::Modern { level, .. } => level.clone(),
            Client::Legacy(session) => match session.level() {
                Some(level) => Some(level),
                None => return true,
            },
        };
        let Some(least) = least.and_then(|level| place(&level)) else { return false };
        let document = Document::parse(message).ok();
        let said = document.as_ref().and_then(|document| document.root().get("params")?.get("level")?.as_str());
        said.and_then(|said| place(&said)).is_none_or(|said| said >= least)
    }

    /// Puts a question to the client, on the stream of the call that caused it. Says whether it could be put.
    pub async fn put(&self, question: Bytes) -> bool {
        self.shared.to_client.send(question).await.is_ok()
    }

    fn under_own_token(&self, notification: &Bytes) -> Option<Bytes> {
        self.shared.progress.as_ref()?;
        let document = Document::parse(notification).ok()?;
        let token = document.root().get("params")?.get("progressToken")?;
        if !number(token).is_some_and(|token| self.is_progress(token)) {
            return None;
        }
        let next = self.shared.next.load();
        let (own, _) = next.as_ref().unwrap_or(&self.shared).progress.as_ref()?;
        Some(Bytes::from(json::splice(notification, &[(token.span(), own)])))
    }
}

/// The token under which a notification tells of progress.
pub fn progress_token(notification: &[u8]) -> Option<u64> {
    let document = Document::parse(notification).ok()?;
    number(document.root().get("params")?.get("progressToken")?)
}

fn number(token: Value<'_, '_>) -> Option<u64> {
    u64::try_from(token.as_i64()?).ok()
}

/// Members of a client's `_meta` that are for the app: all but those of the protocol between client and gateway.
fn passed_on(meta: Option<Value<'_, '_>>) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, value) in meta.into_iter().flat_map(|meta| meta.entries()) {
        if key == "progressToken" || OF_THE_CLIENT.contains(&key.as_ref()) {
            continue;
        }
        if !out.is_empty() {
            out.push(b',');
        }
        json::write_string(&mut out, &key);
        out.push(b':');
        out.extend_from_slice(value.raw());
    }
    out
}

/// Levels of log messages (RFC 5424), least first.
pub const LEVELS: [&str; 8] = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

fn place(level: &str) -> Option<usize> {
    LEVELS.iter().position(|one| *one == level)
}

/// What a client says of itself and for an app of its own revision only (2026-07-28): an app is told what the gateway is.
const OF_THE_CLIENT: [&str; 4] = [
    LOG_LEVEL_KEY,
    "io.modelcontextprotocol/protocolVersion",
    "io.modelcontextprotocol/clientCapabilities",
    "io.modelcontextprotocol/clientInfo",
];
/// From which level on a server sends log messages during this request (2026-07-28).
pub const LOG_LEVEL_KEY: &str = "io.modelcontextprotocol/logLevel";
/// Messages of an app that a client has not read yet.
const MESSAGES_WAITING_MAX: usize = 256;
static NEXT_TOKEN: AtomicU64 = AtomicU64::new(1);
