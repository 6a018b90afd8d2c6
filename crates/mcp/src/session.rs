//! Legacy sessions: unguessable, bound to the actor, bounded in number and age.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use decide::Answer;
use model::limits::{SESSION_IDLE_MAX, SESSIONS_MAX};
use model::{Actor, AgentId, AppId, HumanId, Method, UnixMicros};
use quick_cache::sync::Cache;
use tokio::sync::oneshot;

use crate::client::Abilities;
use crate::events::{Remembered, Streams};
use crate::listeners::Listener;
use crate::revision::Revision;
use crate::upstream::Along;

/// All legacy sessions of this gateway, in memory: after a restart a client is told 404 and initialises again.
pub struct Sessions {
    open: Cache<String, Arc<Open>>,
    remembered: Remembered,
}

/// A session that is open. It ends when this is dropped, whoever still holds it: its client has ended it, has been idle, or
/// made place for others.
struct Open(Arc<Session>);

/// One legacy session.
pub struct Session {
    /// The revision agreed on.
    pub revision: Revision,
    /// What its client may come back for.
    pub streams: Arc<Streams>,
    /// What it is told besides calls, once it listens or has subscribed to something.
    pub listener: OnceLock<Arc<Listener>>,
    agent: AgentId,
    human: HumanId,
    endpoint: Option<AppId>,
    used: AtomicI64,
    ended: AtomicBool,
    in_flight: Mutex<HashMap<Vec<u8>, Along>>,
    /// What the client said it can do.
    pub abilities: Abilities,
    level: Mutex<Option<String>>,
    questions: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
    next_question: AtomicU64,
    /// Whether apps are about to be told that the client works on other folders.
    pub roots_pending: AtomicBool,
}

/// A question to the client of a session. Once dropped, its answer is no longer waited for.
pub struct Question {
    session: Arc<Session>,
    id: u64,
    message: Bytes,
    answer: oneshot::Receiver<Answer>,
}

/// A call of a session while it is under way.
pub struct InFlight {
    session: Arc<Session>,
    id: Vec<u8>,
}

impl Session {
    /// Whether nobody has used it for so long that it has ended.
    pub fn idle(&self, now: UnixMicros) -> bool {
        let idle = now.since(UnixMicros(self.used.load(Ordering::Relaxed)));
        u128::from(idle.unsigned_abs()) > SESSION_IDLE_MAX.as_micros()
    }

    /// Somebody listens: it is in use.
    pub fn touch(&self, now: UnixMicros) {
        self.used.store(now.0, Ordering::Relaxed);
    }

    /// Notes that a call is under way, until what is given is dropped. None: one with this id is under way already.
    pub fn begins(self: &Arc<Self>, id: &[u8], along: Along) -> Option<InFlight> {
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        let Entry::Vacant(place) = in_flight.entry(id.to_vec()) else { return None };
        if self.ended.load(Ordering::Acquire) {
            along.cancel();
        }
        place.insert(along);
        Some(InFlight { session: Arc::clone(self), id: id.to_vec() })
    }

    /// The client has changed its mind about a call.
    pub fn cancel(&self, id: &[u8]) {
        if let Some(along) = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
            along.cancel();
        }
    }

    /// It is over: nobody will answer what was asked, and nobody comes back for a call.
    fn end(&self) {
        self.ended.store(true, Ordering::Release);
        let questions = std::mem::take(&mut *self.questions.lock().unwrap_or_else(PoisonError::into_inner));
        drop(questions);
        for along in self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).values() {
            along.cancel();
        }
    }
}

impl Session {
    /// From which level on the client wants log messages, if it said.
    pub fn level(&self) -> Option<String> {
        self.level.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The client wants log messages from this level on.
    pub fn set_level(&self, level: String) {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner) = Some(level);
    }

    /// A question to the client, under an id of its own.
    pub fn question(self: &Arc<Self>, method: Method, params: Option<&Bytes>) -> Question {
        let id = self.next_question.fetch_add(1, Ordering::Relaxed);
        let (tell, answer) = oneshot::channel();
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.ended.load(Ordering::Acquire) {
            questions.insert(id, tell);
        }
        drop(questions);
        let mut message = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{}""#, method.as_str()).into_bytes();
        if let Some(params) = params {
            message.extend_from_slice(b",\"params\":");
            message.extend_from_slice(params);
        }
        message.push(b'}');
        Question { session: Arc::clone(self), id, message: Bytes::from(message), answer }
    }

    /// The client answers a question. Says whether it was asked.
    pub fn answered(&self, id: &[u8], answer: Answer) -> bool {
        let id = std::str::from_utf8(id).ok().and_then(|id| id.parse::<u64>().ok());
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        id.and_then(|id| questions.remove(&id)).is_some_and(|tell| tell.send(answer).is_ok())
    }
}

impl Question {
    /// The request to the client.
    pub fn message(&self) -> Bytes {
        self.message.clone()
    }

    /// Tells the client that nobody waits for its answer any more.
    pub fn taken_back(&self) -> Bytes {
        let id = self.id;
        Bytes::from(format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id},"reason":"the call was cancelled"}}}}"#
        ))
    }

    /// The client's answer. None: its session has ended.
    pub async fn answered(&mut self) -> Option<Answer> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.session.questions.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.session.in_flight.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

impl Sessions {
    /// No session yet.
    pub fn new() -> Self {
        Self { open: Cache::new(SESSIONS_MAX), remembered: Remembered::default() }
    }

    /// Opens a session for this actor at this endpoint and gives its id: 128 bits of chance. None when the system gives
    /// no random bytes.
    pub fn open(
        &self,
        revision: Revision,
        abilities: Abilities,
        actor: &Actor,
        endpoint: Option<AppId>,
        now: UnixMicros,
    ) -> Option<String> {
        let mut chance = [0u8; 16];
        aws_lc_rs::rand::fill(&mut chance).ok()?;
        let id: String = chance.iter().map(|byte| format!("{byte:02x}")).collect();
        let session = Session {
            revision,
            streams: Arc::new(Streams::new(self.remembered.clone())),
            listener: OnceLock::new(),
            agent: actor.agent.clone(),
            human: actor.human.clone(),
            endpoint,
            used: AtomicI64::new(now.0),
            ended: AtomicBool::new(false),
            in_flight: Mutex::default(),
            abilities,
            level: Mutex::default(),
            questions: Mutex::default(),
            next_question: AtomicU64::new(1),
            roots_pending: AtomicBool::new(false),
        };
        self.open.insert(id.clone(), Arc::new(Open(Arc::new(session))));
        Some(id)
    }

    /// The session of this id, if it is open and belongs to this actor and endpoint. Somebody else's looks like none.
    pub fn find(&self, id: &str, actor: &Actor, endpoint: Option<&AppId>, now: UnixMicros) -> Option<Arc<Session>> {
        let open = self.open.get(id)?;
        let session = &open.0;
        if session.idle(now) {
            self.open.remove(id);
            return None;
        }
        if session.agent != actor.agent || session.human != actor.human || session.endpoint.as_ref() != endpoint {
            return None;
        }
        session.touch(now);
        Some(Arc::clone(session))
    }

    /// Ends a session.
    pub fn close(&self, id: &str, now: UnixMicros) {
        if let Some((_, open)) = self.open.remove(id) {
            open.0.streams.end(now);
        }
    }
}

#[cfg(test)]
mod tests;
