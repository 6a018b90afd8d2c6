//! Legacy sessions: unguessable, bound to the actor, bounded in number and age.

mod ticket;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use decide::Answer;
use json::Document;
use model::limits::{SESSION_IDLE_MAX, SESSIONS_MAX, TOKEN_LIFE_MAX};
use model::{Actor, AgentId, AppId, Fault, HumanId, Method, Secret, UnixMicros};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, Lifecycle, UnitWeighter};
use tokio::sync::oneshot;

use crate::app_link::{Pair, pair_of};
use crate::client::Abilities;
use crate::events::{Remembered, Streams};
use crate::listeners::Listener;
use crate::revision::Revision;
use crate::upstream::{Along, LEVELS};
use ticket::{Ticket, Tickets};

/// All legacy sessions of this gateway, in memory. Their ids say enough to go on with them after a restart; but whoever
/// subscribed to something is told 404 then, and initialises and subscribes again.
pub struct Sessions {
    open: Cache<String, Arc<Open>, UnitWeighter, DefaultHashBuilder, InUse>,
    /// The ids of each pair's, of which some may have ended meanwhile.
    of_pairs: Mutex<HashMap<Pair, Vec<String>>>,
    remembered: Remembered,
    tickets: Tickets,
    levels: Arc<Levels>,
    /// Those of before that have ended here.
    over: Cache<String, ()>,
    /// Those of before that had subscribed to something ([`Sessions::mark`]).
    subscribed: HashSet<String>,
}

/// A session that is open. It ends when this is dropped, whoever still holds it: its client has ended it, has been idle, or
/// made place for others.
struct Open(Arc<Session>);

/// Who makes no place for others: whoever has a call under way.
#[derive(Clone)]
struct InUse;

/// From which levels on the clients of each pair want log messages: an app is told once for all of them.
#[derive(Default)]
struct Levels(Mutex<HashMap<Pair, Vec<Weak<Level>>>>);

/// From which level on one client wants log messages, if it said.
type Level = Mutex<Option<String>>;

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
    level: Arc<Level>,
    levels: Arc<Levels>,
    questions: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
    next_question: AtomicU64,
    subscribed: AtomicBool,
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
    /// Whether nobody has used it for so long that it has ended. A call that is under way uses it: one may wait for a person for
    /// long.
    pub fn idle(&self, now: UnixMicros) -> bool {
        let unused = now.since(UnixMicros(self.used.load(Ordering::Relaxed)));
        u128::from(unused.unsigned_abs()) > SESSION_IDLE_MAX.as_micros() && !self.is_busy()
    }

    /// Whether a call of it is under way.
    fn is_busy(&self) -> bool {
        !self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Somebody listens: it is in use.
    pub fn touch(&self, now: UnixMicros) {
        self.used.store(now.0, Ordering::Relaxed);
    }

    /// Its client subscribes to something. Says whether this is the first time.
    pub fn subscribes(&self) -> bool {
        !self.subscribed.swap(true, Ordering::AcqRel)
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
        self.levels.take_in((self.agent.clone(), self.human.clone()), &self.level);
    }

    /// From which level on some client of the same agent and person wants log messages, if any said: their sessions may share a link.
    pub fn least_level(&self) -> Option<String> {
        self.levels.least(&(self.agent.clone(), self.human.clone()))
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

impl Levels {
    /// Looks at this one, too, as long as its session is there.
    fn take_in(&self, pair: Pair, level: &Arc<Level>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, levels| {
            levels.retain(|level| level.strong_count() > 0);
            !levels.is_empty()
        });
        let levels = all.entry(pair).or_default();
        if !levels.iter().any(|known| std::ptr::eq(known.as_ptr(), Arc::as_ptr(level))) {
            levels.push(Arc::downgrade(level));
        }
    }

    fn least(&self, pair: &Pair) -> Option<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let levels = all.get(pair)?.iter().filter_map(Weak::upgrade);
        let said = levels.filter_map(|level| level.lock().unwrap_or_else(PoisonError::into_inner).clone());
        said.min_by_key(|level| LEVELS.iter().position(|one| one == level))
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

impl Lifecycle<String, Arc<Open>> for InUse {
    type RequestState = <DefaultLifecycle<String, Arc<Open>> as Lifecycle<String, Arc<Open>>>::RequestState;

    fn is_pinned(&self, _id: &String, open: &Arc<Open>) -> bool {
        open.0.is_busy()
    }

    /// What goes ends once nobody has a part of the table locked any more.
    fn on_evict(&self, evicted: &mut Self::RequestState, id: String, open: Arc<Open>) {
        DefaultLifecycle::default().on_evict(evicted, id, open);
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
    /// No session yet. Ids are sealed under this key; `subscribed` are the marks of sessions of before that had subscribed to
    /// something. Error: the system gives no random bytes.
    pub fn new(key: &Secret<[u8; 32]>, subscribed: HashSet<String>) -> Result<Self, Fault> {
        let (hashes, most) = (DefaultHashBuilder::default(), SESSIONS_MAX as u64);
        let open = Cache::with(SESSIONS_MAX, most, UnitWeighter, hashes, InUse);
        let (over, of_pairs) = (Cache::new(SESSIONS_MAX), Mutex::default());
        let (remembered, levels) = (Remembered::default(), Arc::default());
        Ok(Self { open, of_pairs, remembered, tickets: Tickets::new(key)?, levels, over, subscribed })
    }

    /// Opens a session for this actor at this endpoint and gives its id, which nobody can guess. None when the system gives
    /// no random bytes.
    pub fn open(
        &self,
        revision: Revision,
        abilities: Abilities,
        actor: &Actor,
        endpoint: Option<AppId>,
        now: UnixMicros,
    ) -> Option<String> {
        let (agent, human) = (actor.agent.clone(), actor.human.clone());
        let declared = Bytes::copy_from_slice(abilities.declared());
        let ticket = Ticket { revision, agent, human, endpoint, declared, opened: now };
        let id = self.tickets.seal(&ticket)?;
        let session = self.made(ticket, abilities, 0, now);
        self.open.insert(id.clone(), session);
        self.take_place(pair_of(actor), &id, now);
        Some(id)
    }

    /// A pair that has as many as it may loses one of its own: one that has ended, one that has no call under way, and of these the one that
    /// was used longest ago.
    fn take_place(&self, pair: Pair, id: &str, now: UnixMicros) {
        let mut of_pairs = self.of_pairs.lock().unwrap_or_else(PoisonError::into_inner);
        let ids = of_pairs.entry(pair).or_default();
        let mut goes = None;
        if ids.len() >= SESSIONS_PER_PAIR_MAX {
            let used =
                |id: &String| self.open.peek(id).map(|open| (open.0.is_busy(), open.0.used.load(Ordering::Relaxed)));
            let at = ids.iter().enumerate().min_by_key(|(_, id)| used(id)).map(|(at, _)| at);
            goes = at.map(|at| ids.remove(at));
        }
        ids.push(id.to_owned());
        drop(of_pairs);
        if let Some(goes) = goes {
            self.close(&goes, now);
        }
    }

    /// The session of this id, if it is open and belongs to this actor and endpoint. Somebody else's looks like none.
    pub fn find(&self, id: &str, actor: &Actor, endpoint: Option<&AppId>, now: UnixMicros) -> Option<Arc<Session>> {
        let of_them = |agent: &AgentId, human: &HumanId, of: Option<&AppId>| {
            *agent == actor.agent && *human == actor.human && of == endpoint
        };
        let open = match self.open.get(id) {
            Some(open) => open,
            None => {
                let ticket = self.of_before(id, now)?;
                if !of_them(&ticket.agent, &ticket.human, ticket.endpoint.as_ref()) {
                    return None;
                }
                let document = Document::parse(&ticket.declared).ok()?;
                let abilities = Abilities::read(Some(document.root()), &ticket.declared)?.kept();
                // Of two that come at once, both get the same one.
                let mut first = false;
                let made = || {
                    first = true;
                    Ok::<_, ()>(self.made(ticket.clone(), abilities, u64::try_from(now.0).unwrap_or(1), now))
                };
                let open = self.open.get_or_insert_with(id, made).ok()?;
                if first {
                    self.take_place((ticket.agent.clone(), ticket.human.clone()), id, now);
                }
                open
            }
        };
        let session = &open.0;
        if session.idle(now) {
            self.end(id);
            return None;
        }
        if !of_them(&session.agent, &session.human, session.endpoint.as_ref()) {
            return None;
        }
        session.touch(now);
        Some(Arc::clone(session))
    }

    /// By what it is known after a restart that this session had subscribed to something.
    pub fn mark(id: &str) -> String {
        let digest = digest(&SHA256, id.as_bytes());
        digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What an id of an earlier run of the gateway says, if one may still go on with it.
    fn of_before(&self, id: &str, now: UnixMicros) -> Option<Ticket> {
        let ticket = self.tickets.of_before(id)?;
        let young = u128::from(now.since(ticket.opened).unsigned_abs()) <= TOKEN_LIFE_MAX.as_micros();
        let ended = self.over.get(id).is_some() || self.subscribed.contains(&Self::mark(id));
        (young && !ended).then_some(ticket)
    }

    /// `first` is where streams and questions are counted from: what a client still has of an earlier run means none of these.
    fn made(&self, ticket: Ticket, abilities: Abilities, first: u64, now: UnixMicros) -> Arc<Open> {
        let session = Session {
            revision: ticket.revision,
            streams: Arc::new(Streams::new(self.remembered.clone(), first)),
            listener: OnceLock::new(),
            agent: ticket.agent,
            human: ticket.human,
            endpoint: ticket.endpoint,
            used: AtomicI64::new(now.0),
            ended: AtomicBool::new(false),
            in_flight: Mutex::default(),
            abilities,
            level: Arc::default(),
            levels: Arc::clone(&self.levels),
            questions: Mutex::default(),
            next_question: AtomicU64::new(first.saturating_add(1)),
            subscribed: AtomicBool::new(false),
        };
        Arc::new(Open(Arc::new(session)))
    }

    fn end(&self, id: &str) -> Option<Arc<Open>> {
        if self.tickets.of_before(id).is_some() {
            self.over.insert(id.to_owned(), ());
        }
        self.open.remove(id).map(|(_, open)| open)
    }

    /// Ends the sessions that nobody has used for too long, and forgets what nobody came back for in time.
    pub fn rest(&self, now: UnixMicros) {
        self.of_pairs.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, ids| {
            ids.retain(|id| self.open.peek(id).is_some());
            !ids.is_empty()
        });
        let open: Vec<(String, Arc<Open>)> = self.open.iter().collect();
        for (id, open) in open {
            let (idle, streams) = (open.0.idle(now), Arc::clone(&open.0.streams));
            drop(open);
            if idle {
                self.close(&id, now);
            } else {
                streams.rest(now);
            }
        }
    }

    /// Ends a session.
    pub fn close(&self, id: &str, now: UnixMicros) {
        if let Some(open) = self.end(id) {
            open.0.streams.end(now);
        }
    }
}

/// Sessions of one agent and person: a tenth of all.
const SESSIONS_PER_PAIR_MAX: usize = SESSIONS_MAX / 10;

#[cfg(test)]
mod tests;
