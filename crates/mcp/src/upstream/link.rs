//! One link to one app: which era it speaks, what it offers, and how a call reaches it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use decide::{Answer, Credentials, LinkPermit, Outgoing, Permit, Scrub, SendFault};
use http::{HeaderName, StatusCode, Uri};
use json::{Document, Kind};
use model::limits::{INSTRUCTIONS_BYTES_MAX, LIST_BYTES_MAX, LIST_PAGES_MAX, QUESTIONS_OPEN_MAX};
use model::{Binding, Blame, Fault, Limits, Secret, spelled_out};
use tokio::sync::{mpsc, watch};

use super::along::LOG_LEVEL_KEY;
use super::child::ChildLink;
use super::conversation::{Asks, Conversation, Onward, Open};
use super::http_link::HttpLink;
use super::reply::{Reply, cancelled, garbage};
use super::{Ask, AskFirst, ChildSpec, Ear, Handshake, ListOf, Sending};
use crate::client::{Abilities, OWN_CAPABILITIES};
use crate::envelope::{HEADER_MISMATCH, INVALID_PARAMS, MISSING_CAPABILITY, UNSUPPORTED_VERSION};
use crate::revision::Revision;

mod attend;
mod credential;
mod folders;

pub use attend::{Wanted, unwanted};
use folders::Folders;

/// A link that is up. It holds the permit under which it was made.
pub struct Link {
    transport: Transport,
    agreed: Handshake,
    manner: Manner,
    /// Whether what the app says apart from its answers is heard.
    heard: watch::Sender<bool>,
    told_a_level: AtomicBool,
    stale: AtomicBool,
    folders: Folders,
    ear: Ear,
    permit: LinkPermit,
    credentials: Arc<dyn Credentials>,
    /// Where the credentials are kept that a child has.
    has: Option<String>,
}

enum Transport {
    Http(Box<HttpLink>),
    Child(ChildLink),
}

/// How the gateway introduces itself to an app: for which kind of client the link is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Manner {
    /// What is proposed in a handshake.
    pub revision: Revision,
    /// Whether the handshake is tried first: for clients with a session that can be asked something, for an app that knows
    /// both ways asks in the old way only there.
    pub handshake_first: bool,
    /// What the app may ask.
    pub abilities: Abilities,
    /// From which level on log messages are wanted, for an app that is told once.
    pub level: Option<String>,
}

/// How far a send got.
pub(crate) enum Went {
    /// The app has answered.
    Answered(Answer),
    /// It has asked something, and waits.
    Asks(Conversation),
}

impl Default for Manner {
    fn default() -> Self {
        let (revision, abilities) = (Revision::NEWEST_LEGACY, Abilities::default());
        Self { revision, handshake_first: false, abilities, level: None }
    }
}

impl Manner {
    /// For a link over which is asked what an app offers, and no call goes to one with a session.
    pub fn of_the_gateway() -> Self {
        Self { abilities: Abilities::of_the_gateway(), ..Self::default() }
    }
}

impl Link {
    /// Connects over HTTP: asks in the modern way first and falls back to the handshake, or the other way round.
    pub(crate) async fn over_http(
        url: Uri,
        manner: Manner,
        permit: LinkPermit,
        credentials: Arc<dyn Credentials>,
        limits: Limits,
        ear: Ear,
    ) -> Result<Self, Fault> {
        let http = HttpLink::new(url, limits, ear.clone())?;
        if manner.abilities.has_roots() {
            http.under_way.keep_folders();
        }
        let agreed = if manner.handshake_first {
            match initialize_http(&http, &manner, credentials.as_ref(), &permit).await {
                Ok(agreed) => agreed,
                Err(fault) => discover_http(&http, credentials.as_ref(), &permit).await?.ok_or(fault)?,
            }
        } else {
            match discover_http(&http, credentials.as_ref(), &permit).await? {
                Some(agreed) => agreed,
                None => initialize_http(&http, &manner, credentials.as_ref(), &permit).await?,
            }
        };
        Ok(Self::new(Transport::Http(Box::new(http)), agreed, manner, ear, permit, credentials))
    }

    /// Starts a child and agrees with it: any answer but a modern one, or none for a while, means the handshake; or the
    /// other way round.
    pub(crate) async fn to_child(
        spec: &ChildSpec,
        manner: Manner,
        permit: LinkPermit,
        credentials: Arc<dyn Credentials>,
        limits: Limits,
        ear: Ear,
    ) -> Result<Self, Fault> {
        let secrets = credentials.environment(&permit)?;
        let scrub = credentials.scrubber(permit.app());
        let child = ChildLink::start(spec, &secrets, Arc::clone(&scrub), &limits, ear.clone())?;
        if manner.abilities.has_roots() {
            child.under_way().keep_folders();
        }
        let has = credential::kept_at(&secrets);
        drop(secrets);
        let agreed = if manner.handshake_first {
            match initialize_child(&child, &manner, scrub.as_ref()).await {
                Ok(agreed) => agreed,
                Err(fault) => discover_child(&child, scrub.as_ref()).await.ok_or(fault)?,
            }
        } else {
            match discover_child(&child, scrub.as_ref()).await {
                Some(agreed) => agreed,
                None => match initialize_child(&child, &manner, scrub.as_ref()).await {
                    // It was still beginning when it was asked, and knows no handshake.
                    Err(refused) if refused.code() == REFUSED => {
                        discover_child(&child, scrub.as_ref()).await.ok_or(refused)?
                    }
                    agreed => agreed?,
                },
            }
        };
        Ok(Self { has, ..Self::new(Transport::Child(child), agreed, manner, ear, permit, credentials) })
    }

    fn new(
        transport: Transport,
        agreed: Handshake,
        manner: Manner,
        ear: Ear,
        permit: LinkPermit,
        credentials: Arc<dyn Credentials>,
    ) -> Self {
        let stale = AtomicBool::new(false);
        let (heard, told_a_level) = (watch::Sender::new(false), AtomicBool::new(false));
        let folders = Folders::default();
        Self { transport, agreed, manner, heard, told_a_level, stale, folders, ear, permit, credentials, has: None }
    }

    /// The revision spoken with the app.
    pub fn revision(&self) -> &'static str {
        self.agreed.revision.as_str()
    }

    /// Whether it speaks 2026-07-28.
    pub fn modern(&self) -> bool {
        self.agreed.revision.modern()
    }

    /// What the app told of itself when the link was made.
    pub(crate) fn instructions(&self) -> Option<&str> {
        self.agreed.instructions.as_deref()
    }

    /// Tells an app with a session once from which level on log messages are wanted. One that has none to send refuses,
    /// and that is well.
    pub(crate) async fn set_level(&self, level: &str) -> Result<(), Fault> {
        let mut params = b"{\"level\":".to_vec();
        json::write_string(&mut params, level);
        params.push(b'}');
        let header = self.own_header()?;
        self.told_a_level.store(true, Ordering::Release);
        let ask = Ask::own("logging/setLevel", params, header);
        self.exchange(ask).await.map(drop).map_err(|sent| sent.fault)
    }

    /// Whether the app keeps nothing between two calls, by its protocol: HTTP of 2026-07-28.
    pub fn keeps_nothing(&self) -> bool {
        matches!(self.transport, Transport::Http(_)) && self.agreed.revision.modern()
    }

    /// Whether it can carry another call.
    pub fn alive(&self) -> bool {
        !self.stale.load(Ordering::Acquire)
            && match &self.transport {
                Transport::Http(_) => true,
                Transport::Child(child) => child.alive(),
            }
    }

    /// The session is over: the next call makes another link.
    fn is_stale(&self) {
        self.stale.store(true, Ordering::Release);
        self.ear.lose();
    }

    /// Lets go of connections that nobody uses.
    pub(crate) fn rest(&self) {
        if let Transport::Http(http) = &self.transport {
            http.client.rest();
        }
    }

    /// Ends a child, or the session that an app keeps for this link.
    pub async fn stop(&self) {
        let stands = self.alive();
        self.ear.lose();
        match &self.transport {
            Transport::Child(child) => child.stop(CHILD_GRACE).await,
            Transport::Http(http) if stands && self.agreed.session.is_some() => {
                // After a reload its credential is nobody's any more: the app forgets the session by itself.
                let Ok(header) = self.own_header() else { return };
                let ended = tokio::time::timeout(SESSION_GRACE, http.end_session(&self.agreed, header.as_ref())).await;
                tracing::debug!(?ended, app = %self.permit.app(), "an app is told that a session is over");
            }
            Transport::Http(_) => {}
        }
    }

    /// Everything the app offers of a kind, as it sent it but for secrets.
    pub(crate) async fn list(&self, what: ListOf) -> Result<Vec<Bytes>, Fault> {
        let mut listed = Vec::new();
        let mut bytes = 0usize;
        let mut cursor: Option<String> = None;
        for _ in 0..LIST_PAGES_MAX {
            let header = self.own_header()?;
            let ask = Ask::own(what.method(), self.page(cursor.as_deref()), header);
            let reply = self.exchange(ask).await.map_err(|sent| sent.fault)?;
            let reply = reply.cleaned(self.credentials.scrubber(self.permit.app()).as_ref());
            if let Some((code, message)) = reply.rpc_error() {
                // An app without them has none to offer.
                if code == crate::envelope::METHOD_NOT_FOUND {
                    return Ok(listed);
                }
                let said = format!("it refused `{}` ({code})", what.method());
                return Err(Fault::new(Blame::Upstream, "upstream.list", said).because(std::io::Error::other(message)));
            }
            bytes = bytes.saturating_add(reply.body.len());
            if bytes > LIST_BYTES_MAX {
                let said =
                    format!("its answers to `{}` are larger than {LIST_BYTES_MAX} bytes together", what.method());
                return Err(Fault::new(Blame::Upstream, "upstream.list_too_large", said));
            }
            let document =
                Document::parse(&reply.body).map_err(|error| garbage("its list is not JSON").because(error))?;
            let page = document.root().get(what.member()).filter(|page| page.kind() == Kind::Array);
            let page = page.ok_or_else(|| garbage(format!("its answer to `{}` has no list", what.method())))?;
            listed.extend(page.items().map(|one| reply.body.slice(one.span())));
            cursor = document.root().get("nextCursor").and_then(|next| next.as_str()).map(std::borrow::Cow::into_owned);
            if cursor.is_none() {
                return Ok(listed);
            }
        }
        Err(garbage(format!("its answer to `{}` has more than {LIST_PAGES_MAX} pages", what.method())))
    }

    /// Sends one call, or goes on with the one that waits. The credential is put on here, at the last hop, against the
    /// permit; then the permit is spent.
    pub(crate) async fn call(
        self: &Arc<Self>,
        permit: Permit,
        call: Outgoing,
        sending: &Sending,
        waits: Option<Conversation>,
    ) -> Result<Went, SendFault> {
        if call.digest != permit.binding().arguments {
            let fault =
                Fault::new(Blame::Bug, "bug.other_arguments", "the arguments are not those that were decided on");
            return Err(SendFault::before(fault));
        }
        let header = self.put_on(&permit, &call.trail)?;
        if sending.along.is_cancelled() {
            return Err(SendFault::before(cancelled()));
        }
        let spent = permit.spend();
        if self.agreed.revision.modern() && sending.in_session {
            let said = "the app speaks 2026-07-28, whose tasks have another form than those of 2025-11-25";
            let fault = Fault::new(Blame::Caller, "caller.task_form", said);
            return Err(SendFault::before(fault.hint("call the tool without `task`")));
        }
        if self.agreed.revision.modern() {
            let ask = self.in_words(spent.tool.as_str(), &call, sending, header)?;
            return self.answer(ask).await.map(Went::Answered);
        }
        let trail = call.trail.clone();
        let mut conversation = match (waits, &sending.onward) {
            (Some(waits), Some(onward)) => {
                waits.allow_folders(folders::may_ask(&call, sending));
                Box::pin(self.resume(waits, onward, header.as_ref())).await?
            }
            (_, Some(_)) => {
                let said = "the app does not wait for this answer any more: it has ended, or too much time has passed";
                let fault = Fault::new(Blame::Caller, "caller.too_late", said).hint("call again from the start");
                return Err(SendFault::before(fault));
            }
            (_, None) if self.manner.abilities.any() => self.converse(&spent, call, sending, header),
            (_, None) => {
                let ask = self.in_words(spent.tool.as_str(), &call, sending, header)?;
                return self.answer(ask).await.map(Went::Answered);
            }
        };
        match conversation.advance(&sending.along).await {
            Some(answer) => {
                // The response is to the request of an earlier round.
                let seen = conversation.trail.seen();
                trail.note(|own| (own.http_status, own.rpc_code) = (seen.http_status, seen.rpc_code));
                answer.map(Went::Answered)
            }
            None => Ok(Went::Asks(conversation)),
        }
    }

    /// The request of a call.
    fn in_words<'a>(
        &self,
        name: &'a str,
        call: &'a Outgoing,
        sending: &'a Sending,
        header: Option<(HeaderName, Secret<String>)>,
    ) -> Result<Ask<'a>, SendFault> {
        let Sending { asked, headers, along, onward, members, named, .. } = sending;
        if onward.iter().flat_map(|onward| &onward.given).any(|given| given.error) {
            let said =
                "the client answered a question of the app with an error, which this app's revision has no words for";
            return Err(SendFault::before(Fault::new(Blame::Caller, "caller.no_answer", said)));
        }
        let mut params = Vec::with_capacity(256 + call.arguments.as_ref().map_or(0, Bytes::len));
        params.push(b'{');
        asked.write(&mut params, name, call.arguments.as_ref(), *members);
        if let Some(state) = onward.as_ref().and_then(|onward| onward.state.as_ref()) {
            params.extend_from_slice(b",\"requestState\":");
            json::write_string(&mut params, state);
        }
        let mut meta = along.meta(self.agreed.revision.modern());
        if self.agreed.revision.modern() {
            if let Some(level) = along.client().session_level() {
                write_member(&mut meta, LOG_LEVEL_KEY, &level);
            }
            params.push(b',');
            write_meta(&mut params, Some(along.client().abilities().declared()), &meta);
        } else if !meta.is_empty() {
            params.push(b',');
            write_meta(&mut params, None, &meta);
        }
        params.push(b'}');
        let name = named.as_deref().or_else(|| asked.names_itself().then_some(name));
        let (method, along, trail) = (asked.method().as_str(), Some(along), call.trail.clone());
        Ok(Ask { method, name, params, headers, along, asks: None, header, trail })
    }

    async fn answer(&self, ask: Ask<'_>) -> Result<Answer, SendFault> {
        let trail = ask.trail.clone();
        let reply = self.exchange(ask).await?;
        let code = reply.rpc_error().map(|(code, _)| code);
        if let Some(code) = code {
            trail.note(|seen| seen.rpc_code = Some(code));
        }
        if code == Some(UNSUPPORTED_VERSION) && self.modern() {
            // The revision has a request refused so before anything is looked at. Said in another way it may be of whatever stands
            // behind the app.
            let refused = trail.seen().http_status == Some(StatusCode::BAD_REQUEST.as_u16());
            return Err(speaks_something_else(refused));
        }
        reply.into_answer().map_err(SendFault::after)
    }

    /// Starts a call during which the app may ask the client something.
    fn converse(
        self: &Arc<Self>,
        spent: &Binding,
        call: Outgoing,
        sending: &Sending,
        header: Option<(HeaderName, Secret<String>)>,
    ) -> Conversation {
        let (to, asked) = mpsc::channel(QUESTIONS_OPEN_MAX);
        let along = sending.along.clone();
        let open = Arc::new(Open::default());
        open.allow_folders(folders::may_ask(&call, sending));
        let (questions, trail) = (Arc::clone(&open), call.trail.clone());
        let asks = Asks { along: along.clone(), to: Some(to), open };
        let link = Arc::clone(self);
        // A question in the result would use up what people have approved, and nothing has been sent.
        let folders = match &sending.folders {
            AskFirst::InResult if call.approved => AskFirst::NotNow,
            folders => folders.clone(),
        };
        let (tool, cause, about) = (
            spent.tool.clone(),
            spent.call.clone(),
            Sending {
                folders,
                headers: sending.headers.clone(),
                along: along.clone(),
                onward: None,
                named: sending.named.clone(),
                level: None,
                ..*sending
            },
        );
        let exchange = Box::pin(async move {
            let _over = asks.open.until();
            link.folders_first(&asks, (&cause, &call), &about).await?;
            let mut ask = link.in_words(tool.as_str(), &call, &about, header)?;
            ask.asks = Some(&asks);
            link.answer(ask).await
        });
        Conversation::new((exchange, questions), asked, along, trail)
    }

    /// Gives the app what it asked for. Error: it could not be given, and the app is told that nobody waits.
    async fn resume(
        &self,
        mut conversation: Conversation,
        onward: &Onward,
        header: Option<&(HeaderName, Secret<String>)>,
    ) -> Result<Conversation, SendFault> {
        for (response, over) in conversation.responses(&onward.given) {
            if let Err(fault) = self.respond(response, header).await {
                conversation.end().await;
                return Err(SendFault::after(fault));
            }
            over.cancel();
        }
        Ok(conversation)
    }

    /// Answers a question of the app.
    async fn respond(&self, response: Vec<u8>, header: Option<&(HeaderName, Secret<String>)>) -> Result<(), Fault> {
        match &self.transport {
            Transport::Http(http) => http.respond(Bytes::from(response), header, &self.agreed).await,
            Transport::Child(child) => child.notify(&response).await,
        }
    }

    async fn exchange(&self, ask: Ask<'_>) -> Result<Reply, SendFault> {
        match &self.transport {
            Transport::Http(http) => {
                let trail = ask.trail.clone();
                let exchanged = http.exchange(ask, Some(&self.agreed)).await;
                let code = exchanged.as_ref().ok().and_then(|one| one.reply.rpc_error()).map(|(code, _)| code);
                // INVARIANT: whoever asked, a call or the gateway itself (`a_list_is_asked_for_in_a_new_session_where_the_app_forgot_its_own`).
                if self.is_of_before(trail.seen().http_status, code) {
                    self.is_stale();
                }
                Ok(exchanged?.reply)
            }
            Transport::Child(child) => child.exchange(&ask).await,
        }
    }

    /// Whether an app answers like one that does not know what was agreed: its session has ended, or another release of it
    /// stands there that speaks something else. The next call agrees anew.
    fn is_of_before(&self, status: Option<u16>, code: Option<i64>) -> bool {
        let refused = status == Some(StatusCode::BAD_REQUEST.as_u16());
        match code {
            _ if status == Some(StatusCode::NOT_FOUND.as_u16()) && self.agreed.session.is_some() => true,
            Some(UNSUPPORTED_VERSION) => true,
            Some(HEADER_MISMATCH | MISSING_CAPABILITY | INVALID_PARAMS) if self.modern() => false,
            Some(HEADER_MISMATCH | MISSING_CAPABILITY) => refused,
            // Some servers say 400 where they mean that the session has ended.
            _ => refused && (self.modern() || self.agreed.session.is_some()),
        }
    }

    /// The params of a list: where to go on, and what the revision wants.
    fn page(&self, cursor: Option<&str>) -> Vec<u8> {
        let mut out = vec![b'{'];
        if let Some(cursor) = cursor {
            out.extend_from_slice(b"\"cursor\":");
            json::write_string(&mut out, cursor);
        }
        if self.agreed.revision.modern() {
            if cursor.is_some() {
                out.push(b',');
            }
            write_meta(&mut out, Some(OWN_CAPABILITIES), b"");
        }
        out.push(b'}');
        out
    }
}

/// `"_meta":{…}` of a request; of one of 2026-07-28 with what the client can do.
fn write_meta(out: &mut Vec<u8>, capabilities: Option<&[u8]>, members: &[u8]) {
    out.extend_from_slice(b"\"_meta\":{");
    if let Some(capabilities) = capabilities {
        out.extend_from_slice(MODERN_META.as_bytes());
        out.extend_from_slice(capabilities);
        if !members.is_empty() {
            out.push(b',');
        }
    }
    out.extend_from_slice(members);
    out.push(b'}');
}

fn write_member(members: &mut Vec<u8>, key: &str, text: &str) {
    if !members.is_empty() {
        members.push(b',');
    }
    json::write_string(members, key);
    members.push(b':');
    json::write_string(members, text);
}

fn modern(instructions: Option<Arc<str>>) -> Handshake {
    Handshake { revision: Revision::V20260728, session: None, instructions }
}

fn discover(header: Option<(HeaderName, Secret<String>)>) -> Ask<'static> {
    let mut params = vec![b'{'];
    write_meta(&mut params, Some(OWN_CAPABILITIES), b"");
    params.push(b'}');
    Ask::own("server/discover", params, header)
}

/// Asks in the modern way what the app is, and again where it refuses and names our revision. None: it does not speak it.
async fn discover_http(
    http: &HttpLink,
    credentials: &dyn Credentials,
    permit: &LinkPermit,
) -> Result<Option<Handshake>, Fault> {
    for _ in 0..DISCOVERIES_MAX {
        match http.exchange(discover(credentials.own_header(permit)?), Some(&modern(None))).await {
            Ok(exchanged) if named_instead(&exchanged.reply) => {}
            Ok(exchanged) => {
                let speaks = exchanged.status == StatusCode::OK && offers_modern(&exchanged.reply);
                let scrub = credentials.scrubber(permit.app());
                return Ok(speaks.then(|| modern(instructions(&exchanged.reply.cleaned(scrub.as_ref())))));
            }
            Err(SendFault { fault, .. }) if fault.code() == "upstream.garbage" => return Ok(None),
            Err(SendFault { fault, .. }) => return Err(fault),
        }
    }
    Ok(None)
}

async fn discover_child(child: &ChildLink, scrub: &dyn Scrub) -> Option<Handshake> {
    for _ in 0..DISCOVERIES_MAX {
        match tokio::time::timeout(PROBE_TIME_MAX, child.exchange(&discover(None))).await {
            Ok(Ok(reply)) if named_instead(&reply) => {}
            Ok(Ok(reply)) => return offers_modern(&reply).then(|| modern(instructions(&reply.cleaned(scrub)))),
            _ => return None,
        }
    }
    None
}

/// Whether it refuses the revision, and says that it speaks the one we asked in.
fn named_instead(reply: &Reply) -> bool {
    let Some((UNSUPPORTED_VERSION, _)) = reply.rpc_error() else { return false };
    let Ok(document) = Document::parse(&reply.body) else { return false };
    let supported = document.root().get("data").and_then(|data| data.get("supported"));
    supported.is_some_and(|supported| {
        supported.items().any(|version| version.as_str().as_deref() == Some(Revision::V20260728.as_str()))
    })
}

/// An app that spoke 2026-07-28 when the link was made does so no more.
fn speaks_something_else(refused: bool) -> SendFault {
    let fault = |said: &'static str| Fault::new(Blame::Upstream, "upstream.revision", said);
    if refused {
        let fault = fault("it speaks another revision than before, and nothing was executed");
        return SendFault::before(fault.hint("call again: the revision is agreed anew").retryable());
    }
    let fault =
        fault("it says that it speaks another revision than before; whether anything was executed is not known");
    SendFault::after(fault.hint("look up what it did before you try again"))
}

fn offers_modern(reply: &Reply) -> bool {
    if reply.error {
        return false;
    }
    let Ok(document) = Document::parse(&reply.body) else { return false };
    let Some(versions) = document.root().get("supportedVersions").filter(|versions| versions.kind() == Kind::Array)
    else {
        return false;
    };
    versions.items().any(|version| version.as_str().as_deref() == Some(Revision::V20260728.as_str()))
}

fn initialize(manner: &Manner, header: Option<(HeaderName, Secret<String>)>) -> Ask<'static> {
    let mut params = format!(
        r#"{{"protocolVersion":"{}","clientInfo":{{"name":"countersign","version":"{}"}},"capabilities":"#,
        manner.revision.as_str(),
        env!("CARGO_PKG_VERSION")
    )
    .into_bytes();
    params.extend_from_slice(manner.abilities.declared());
    params.push(b'}');
    Ask::own("initialize", params, header)
}

/// The revision the upstream chose. Error: one we do not speak, or no answer to the handshake.
fn chosen(reply: &Reply) -> Result<Revision, Fault> {
    if let Some((code, message)) = reply.rpc_error() {
        let said = format!("it refused the handshake ({code})");
        return Err(Fault::new(Blame::Upstream, REFUSED, said).because(std::io::Error::other(message)));
    }
    let document = Document::parse(&reply.body).map_err(|error| garbage("its handshake is not JSON").because(error))?;
    let version = document.root().get("protocolVersion").and_then(|version| version.as_str()).unwrap_or_default();
    Revision::parse(&version).filter(|revision| !revision.modern()).ok_or_else(|| {
        let version: String = version.chars().take(32).collect();
        let said = format!("it speaks revision `{}`, which we do not", spelled_out(&version));
        Fault::new(Blame::Upstream, "upstream.revision", said)
    })
}

async fn initialize_http(
    http: &HttpLink,
    manner: &Manner,
    credentials: &dyn Credentials,
    permit: &LinkPermit,
) -> Result<Handshake, Fault> {
    let exchanged =
        http.exchange(initialize(manner, credentials.own_header(permit)?), None).await.map_err(|sent| sent.fault)?;
    let reply = exchanged.reply.cleaned(credentials.scrubber(permit.app()).as_ref());
    let agreed =
        Handshake { revision: chosen(&reply)?, session: exchanged.session, instructions: instructions(&reply) };
    http.notify(Bytes::from_static(INITIALIZED), credentials.own_header(permit)?.as_ref(), &agreed).await?;
    Ok(agreed)
}

async fn initialize_child(child: &ChildLink, manner: &Manner, scrub: &dyn Scrub) -> Result<Handshake, Fault> {
    let reply = child.exchange(&initialize(manner, None)).await.map_err(|sent| sent.fault)?.cleaned(scrub);
    let agreed = Handshake { revision: chosen(&reply)?, session: None, instructions: instructions(&reply) };
    child.speaks(agreed.revision);
    child.notify(INITIALIZED).await?;
    Ok(agreed)
}

/// What the app tells a model of itself, as far as it is kept.
fn instructions(reply: &Reply) -> Option<Arc<str>> {
    let document = Document::parse(&reply.body).ok()?;
    let text = document.root().get("instructions")?.as_str()?;
    let end = text.floor_char_boundary(INSTRUCTIONS_BYTES_MAX);
    text.get(..end).filter(|text| !text.is_empty()).map(Arc::from)
}

const INITIALIZED: &[u8] = br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
const MODERN_META: &str = concat!(
    r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
    r#""io.modelcontextprotocol/clientInfo":{"name":"countersign","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""},"io.modelcontextprotocol/clientCapabilities":"#
);
/// How often an app is asked in the modern way that refuses it and then says it speaks it.
const DISCOVERIES_MAX: u32 = 2;
/// The code of a handshake that the app refused.
const REFUSED: &str = "upstream.handshake";
const PROBE_TIME_MAX: Duration = Duration::from_secs(4);
const CHILD_GRACE: Duration = Duration::from_secs(2);
/// How long an app may take to let a session go.
const SESSION_GRACE: Duration = Duration::from_secs(1);
