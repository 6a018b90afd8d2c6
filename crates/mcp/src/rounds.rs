//! Calls that take more than one round: an app wants something of the client before it answers.
//!
//! In 2026-07-28 the call ends for now with `input_required`, and the client repeats it with the answers. A client with a
//! session is asked on the stream of its call, and the gateway repeats the call. Whatever an app asks is a call of its own,
//! decided and recorded before the client sees it, and so is each round.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use decide::{Answer, AnswerKind, Outgoing, Permit, SendFault, Upstream, UpstreamFuture};
use json::{Document, Kind, Value};
use model::limits::{QUESTION_TIME_MAX, QUESTIONS_OPEN_MAX, ROUNDS_OPEN_MAX};
use model::{Actor, AppId, Blame, CallId, Fault, Method, Secret, UnixMicros};
use tokio_util::sync::CancellationToken;

use crate::app_link::pair_of;
use crate::client::question;
use crate::session::Session;
use crate::shares::FairCache;
use crate::tasks;
use crate::upstream::{Along, Client, Given, garbage};

/// What an app wants before it answers.
pub struct Wanted {
    /// What it wants back, exactly as it said it.
    pub state: Option<String>,
    /// What it asks.
    pub wishes: Vec<Wish>,
}

/// One question of an app.
pub struct Wish {
    /// Its key.
    pub key: String,
    /// What is asked.
    pub method: Method,
    /// The params object, exactly as it came.
    pub params: Option<Bytes>,
    /// Ends when the app wants no answer any more, where it can say so.
    pub over: Option<CancellationToken>,
}

impl Wanted {
    /// Reads a result that is not finished. Error: it is not what the protocol allows, or the client does not answer such
    /// questions (blame `Upstream`).
    pub fn read(body: &Bytes, client: &Client) -> Result<Self, Fault> {
        let document = Document::parse(body).map_err(|error| garbage("its result is not JSON").because(error))?;
        let root = document.root();
        let state = match root.get("requestState") {
            None => None,
            Some(state) => {
                Some(state.as_str().ok_or_else(|| garbage("its `requestState` is not a string"))?.into_owned())
            }
        };
        let mut wishes = Vec::new();
        if root.get("inputRequests").is_some_and(|requests| requests.len() > QUESTIONS_OPEN_MAX) {
            let said = format!("it asks more than {QUESTIONS_OPEN_MAX} things at once");
            return Err(Fault::new(Blame::Upstream, "upstream.asks_too_much", said));
        }
        for (key, wish) in root.get("inputRequests").into_iter().flat_map(|requests| requests.entries()) {
            let method = wish.get("method").and_then(|method| method.as_str()).unwrap_or_default();
            let params = wish.get("params");
            let asked = question(&method).filter(|asked| client.answers(*asked, params));
            let method = asked.ok_or_else(|| {
                let method: String = method.chars().take(64).collect();
                let said = format!("it asks for `{method}`, which this client does not offer");
                Fault::new(Blame::Upstream, "upstream.asks_too_much", said)
            })?;
            let params = params.map(|params| body.slice(params.span()));
            wishes.push(Wish { key: key.into_owned(), method, params, over: None });
        }
        if wishes.is_empty() && state.is_none() {
            return Err(garbage("it wants input and says neither which nor what to come back with"));
        }
        Ok(Self { state, wishes })
    }
}

/// The question as a client with a session knows it: one to open an address has an id there, and a task (the app's id of it, and
/// the client's) its own.
pub fn for_session(wish: Wish, task: Option<(&str, &str)>) -> Wish {
    let wish = Wish { params: wish.params.map(|params| tasks::of_question(&params, task)), ..wish };
    let Some(params) = wish.params.as_ref().filter(|_| wish.method == Method::Elicit) else { return wish };
    let Ok(document) = Document::parse(params) else { return wish };
    let (mode, id) = (document.root().get("mode"), document.root().get("elicitationId"));
    if mode.and_then(|mode| mode.as_str()).as_deref() != Some("url") || id.is_some() {
        return wish;
    }
    let mut named = b"{\"elicitationId\":".to_vec();
    json::write_string(&mut named, &wish.key);
    named.push(b',');
    named.extend_from_slice(params.strip_prefix(b"{").unwrap_or_default());
    Wish { params: Some(Bytes::from(named)), ..wish }
}

/// The questions in an error of 2025-11-25 that says which addresses must be opened first; 2026-07-28 has no such error.
pub fn as_questions(error: &[u8]) -> Option<Bytes> {
    let document = Document::parse(error).ok()?;
    document.root().get("code").and_then(|code| code.as_i64()).filter(|code| *code == URL_FIRST)?;
    let addresses = document.root().get("data")?.get("elicitations")?;
    let mut out = b"{\"resultType\":\"input_required\",\"inputRequests\":{".to_vec();
    for (at, params) in addresses.items().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        out.extend_from_slice(
            format!("{comma}\"address-{at}\":{{\"method\":\"elicitation/create\",\"params\":").as_bytes(),
        );
        out.extend_from_slice(params.raw());
        out.push(b'}');
    }
    out.extend_from_slice(b"}}");
    Some(Bytes::from(out))
}

/// A result that is not finished, with what it asks and nothing else.
pub fn only_questions(wishes: &[Wish]) -> Bytes {
    let mut out = b"{\"resultType\":\"input_required\"".to_vec();
    for (at, wish) in wishes.iter().enumerate() {
        out.extend_from_slice(if at > 0 { b"," } else { b",\"inputRequests\":{" });
        json::write_string(&mut out, &wish.key);
        out.extend_from_slice(b":{\"method\":");
        json::write_string(&mut out, wish.method.as_str());
        if let Some(params) = &wish.params {
            out.extend_from_slice(b",\"params\":");
            out.extend_from_slice(params);
        }
        out.push(b'}');
    }
    out.extend_from_slice(if wishes.is_empty() { b"}" } else { b"}}" });
    Bytes::from(out)
}

/// What an app wants back, whatever else is wrong with its result.
pub fn state_of(body: &[u8]) -> Option<String> {
    let document = Document::parse(body).ok()?;
    Some(document.root().get("requestState")?.as_str()?.into_owned())
}

/// The result with our own state in place of the app's. Every other byte stays.
pub fn with_state(body: &[u8], sealed: &str) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(sealed.len() + 2);
    json::write_string(&mut quoted, sealed);
    if let Ok(document) = Document::parse(body)
        && let Some(state) = document.root().get("requestState")
    {
        return json::splice(body, &[(state.span(), quoted.as_slice())]);
    }
    let Some(rest) = body.strip_prefix(b"{") else { return body.to_vec() };
    let mut out = b"{\"requestState\":".to_vec();
    out.extend_from_slice(&quoted);
    out.push(b',');
    out.extend_from_slice(rest);
    out
}

/// The answers of a client that repeats its call, each as it came. Error: what is wrong with them.
pub fn given(responses: Value<'_, '_>, body: &Bytes) -> Result<Vec<Given>, &'static str> {
    if responses.kind() != Kind::Object {
        return Err("`params.inputResponses` must be an object");
    }
    let given = responses.entries().map(|(key, answer)| Given {
        key: key.into_owned(),
        error: false,
        body: body.slice(answer.span()),
    });
    Ok(given.collect())
}

/// The question that something answers, by its form.
pub fn answers(body: &[u8]) -> Option<Method> {
    let document = Document::parse(body).ok()?;
    let has = |member: &str| document.root().get(member).is_some();
    let forms = [("action", Method::Elicit), ("roots", Method::Roots), ("role", Method::Sample)];
    forms.into_iter().find(|(member, _)| has(member)).map(|(_, asked)| asked)
}

/// What a call is decided on that says more than its arguments: these, the client's answers, and members of `params` that
/// nobody here knows, in one object.
pub fn arguments_with(arguments: Option<&Bytes>, given: &[Given], more: &[u8]) -> Bytes {
    let mut out = vec![b'{'];
    if let Some(arguments) = arguments {
        out.extend_from_slice(b"\"arguments\":");
        out.extend_from_slice(arguments);
    }
    if !more.is_empty() {
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(more);
    }
    if !given.is_empty() {
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(b"\"inputResponses\":{");
        for (at, one) in given.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            json::write_string(&mut out, &one.key);
            out.push(b':');
            out.extend_from_slice(&one.body);
        }
        out.push(b'}');
    }
    out.push(b'}');
    Bytes::from(out)
}

/// Seals what an app wants back, so that it is good for the same call of the same people, once and not for long.
pub struct Seals {
    key: LessSafeKey,
    nonces: hmac::Key,
    open: Mutex<FairCache<Once, ()>>,
    /// What tasks have asked, by the client's id of the task and the key.
    asked: Mutex<FairCache<(String, String), ()>>,
}

/// What makes a seal good once.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Once([u8; 16]);

/// What a seal is bound to.
pub struct Bound<'a> {
    /// Who acts.
    pub actor: &'a Actor,
    /// On which app.
    pub app: &'a AppId,
    /// What kind of thing is asked.
    pub method: Method,
    /// Of which tool, prompt or resource.
    pub name: &'a str,
    /// With which arguments.
    pub arguments: Option<&'a Bytes>,
}

/// What was sealed.
#[derive(Debug, PartialEq, Eq)]
pub struct Sealed {
    /// What the app wants back.
    pub state: Option<String>,
    /// The round before.
    pub cause: CallId,
    /// How many rounds there were.
    pub rounds: u32,
    /// Whether the call begins again, for its app keeps nothing of it.
    pub again: bool,
    /// The keys of what was asked: nothing else is answered.
    pub keys: Vec<String>,
}

impl Seals {
    /// Seals under this key. Error: a bug, the key has the right length.
    pub fn new(key: &Secret<[u8; 32]>) -> Result<Self, Fault> {
        let of_key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
        let nonces = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&of_key, b"nonces of task ids").as_ref());
        let key = UnboundKey::new(&AES_256_GCM, key.expose()).map_err(|_| broken())?;
        let open = Mutex::new(FairCache::new(ROUNDS_OPEN_MAX, usize::MAX));
        let asked = Mutex::new(FairCache::new(ROUNDS_OPEN_MAX, usize::MAX));
        Ok(Self { key: LessSafeKey::new(key), nonces, open, asked })
    }

    pub(crate) fn key(&self) -> &LessSafeKey {
        &self.key
    }

    pub(crate) fn nonces(&self) -> &hmac::Key {
        &self.nonces
    }

    /// A task of this actor has asked something under this key.
    pub fn task_asked(&self, actor: &Actor, task: &str, key: &str) {
        lock(&self.asked).keep(&pair_of(actor), (task.to_owned(), key.to_owned()), (), 0);
    }

    /// Whether a task has asked something under this key.
    pub fn has_asked(&self, task: &str, key: &str) -> bool {
        lock(&self.asked).get(&(task.to_owned(), key.to_owned())).is_some()
    }

    /// Seals. Error: the system gives no random bytes.
    pub fn seal(&self, bound: &Bound<'_>, sealed: &Sealed, now: UnixMicros) -> Result<String, Fault> {
        let (mut once, mut nonce) = ([0u8; 16], [0u8; NONCE_LEN]);
        aws_lc_rs::rand::fill(&mut once)
            .and_then(|()| aws_lc_rs::rand::fill(&mut nonce))
            .map_err(|_| Fault::new(Blame::Operator, "operator.no_randomness", "the system gives no random bytes"))?;
        let mut text = serde_json::json!({
            "once": URL_SAFE_NO_PAD.encode(once),
            "at": now.0,
            "state": sealed.state,
            "cause": sealed.cause.as_str(),
            "rounds": sealed.rounds,
            "again": sealed.again,
            "keys": sealed.keys,
        })
        .to_string()
        .into_bytes();
        let about = bound.bytes();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&about), &mut text)
            .map_err(|_| broken())?;
        lock(&self.open).keep(&pair_of(bound.actor), Once(once), (), 0);
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &text].concat()))
    }

    /// Opens, once, unless that is given back. None: not sealed here for this, opened before, or too old.
    pub fn open(&self, bound: &Bound<'_>, text: &str, now: UnixMicros) -> Option<(Sealed, Once)> {
        let mut bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, text) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = self.key.open_in_place(nonce, Aad::from(bound.bytes()), text).ok()?;
        let plain: serde_json::Value = serde_json::from_slice(plain).ok()?;
        let once = URL_SAFE_NO_PAD.decode(plain.get("once")?.as_str()?).ok()?;
        let once = Once(once.try_into().ok()?);
        lock(&self.open).take(&once)?;
        let age = now.since(UnixMicros(plain.get("at")?.as_i64()?));
        if u128::from(age.unsigned_abs()) > QUESTION_TIME_MAX.as_micros() {
            return None;
        }
        let sealed = Sealed {
            state: plain.get("state")?.as_str().map(str::to_owned),
            cause: CallId::parse(plain.get("cause")?.as_str()?).ok()?,
            rounds: u32::try_from(plain.get("rounds")?.as_u64()?).ok()?,
            again: plain.get("again")?.as_bool()?,
            keys: plain.get("keys")?.as_array()?.iter().filter_map(|key| Some(key.as_str()?.to_owned())).collect(),
        };
        Some((sealed, once))
    }

    /// What this actor opened is good once more.
    pub fn give_back(&self, actor: &Actor, once: &Once) {
        lock(&self.open).keep(&pair_of(actor), once.clone(), (), 0);
    }
}

impl Bound<'_> {
    /// One text for each call: every part with its length before it.
    fn bytes(&self) -> Vec<u8> {
        let canonical = |arguments: &Bytes| json::canonical(arguments).unwrap_or_else(|_| arguments.to_vec());
        let arguments = self.arguments.map(canonical).unwrap_or_default();
        let arguments = digest(&SHA256, &arguments);
        let parts = [
            self.actor.agent.as_str().as_bytes(),
            self.actor.human.as_str().as_bytes(),
            self.actor.task.as_str().as_bytes(),
            self.app.as_str().as_bytes(),
            self.method.as_str().as_bytes(),
            self.name.as_bytes(),
            arguments.as_ref(),
        ];
        let mut out = Vec::new();
        for part in parts {
            out.extend_from_slice(&(part.len() as u64).to_be_bytes());
            out.extend_from_slice(part);
        }
        out
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn broken() -> Fault {
    Fault::new(Blame::Bug, "bug.seal", "what an app wants back could not be sealed")
}

/// Shows a question to the client in the result of its call.
pub struct Shown;

impl Upstream for Shown {
    fn send<'a>(&'a self, permit: Permit, call: Outgoing) -> UpstreamFuture<'a> {
        Box::pin(async move {
            permit.spend();
            Ok(Answer { kind: AnswerKind::Unfinished, body: call.arguments.unwrap_or_default() })
        })
    }
}

/// Puts a question to a client with a session, on the stream of its call, and waits for its answer.
pub struct Put {
    /// The client.
    pub session: Arc<Session>,
    /// The way along the call that caused it.
    pub along: Along,
    /// What is asked.
    pub method: Method,
    /// Ends when the app wants no answer any more.
    pub over: Option<CancellationToken>,
}

impl Upstream for Put {
    fn send<'a>(&'a self, permit: Permit, call: Outgoing) -> UpstreamFuture<'a> {
        Box::pin(async move {
            permit.spend();
            call.trail.note(|seen| seen.wire = Some(self.session.revision.wire()));
            let mut question = self.session.question(self.method, call.arguments.as_ref());
            let gone = || {
                let said = "the client did not answer what the app asked: it went away, or took too long";
                SendFault::after(Fault::new(Blame::Caller, "caller.no_answer", said))
            };
            if !self.along.put(question.message()).await {
                return Err(gone());
            }
            let over = async {
                match &self.over {
                    Some(over) => over.cancelled().await,
                    None => std::future::pending().await,
                }
            };
            let ended = tokio::select! {
                answer = question.answered() => return answer.ok_or_else(gone),
                () = over => taken_back(),
                () = self.along.cancelled() => gone(),
                () = tokio::time::sleep(call.time_max) => gone(),
            };
            self.along.put(question.taken_back()).await;
            Err(ended)
        })
    }
}

fn taken_back() -> SendFault {
    let said = "the app wants no answer any more: it took its question back, or has answered the call";
    SendFault::after(Fault::new(Blame::Upstream, TAKEN_BACK, said))
}

/// How a question ends that the app took back.
pub const TAKEN_BACK: &str = "upstream.taken_back";
/// Addresses must be opened first (2025-11-25).
const URL_FIRST: i64 = -32042;

#[cfg(test)]
mod tests;
