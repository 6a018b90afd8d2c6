//! Legacy sessions: unguessable, bound to the actor, bounded in number and age.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use model::limits::{SESSION_IDLE_MAX, SESSIONS_MAX};
use model::{Actor, AgentId, AppId, HumanId, UnixMicros};
use quick_cache::sync::Cache;

use crate::revision::Revision;
use crate::upstream::Along;

/// All legacy sessions of this gateway, in memory: after a restart a client is told 404 and initialises again.
pub struct Sessions {
    open: Cache<String, Arc<Session>>,
}

/// One legacy session.
pub struct Session {
    /// The revision agreed on.
    pub revision: Revision,
    agent: AgentId,
    human: HumanId,
    endpoint: Option<AppId>,
    used: AtomicI64,
    in_flight: Mutex<HashMap<Vec<u8>, Along>>,
}

/// A call of a session while it is under way.
pub struct InFlight {
    session: Arc<Session>,
    id: Vec<u8>,
}

impl Session {
    /// Notes that a call is under way, until what is given is dropped.
    pub fn begins(self: &Arc<Self>, id: &[u8], along: Along) -> InFlight {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_vec(), along);
        InFlight { session: Arc::clone(self), id: id.to_vec() }
    }

    /// The client has changed its mind about a call.
    pub fn cancel(&self, id: &[u8]) {
        if let Some(along) = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
            along.cancel();
        }
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
        Self { open: Cache::new(SESSIONS_MAX) }
    }

    /// Opens a session for this actor at this endpoint and gives its id: 128 bits of chance. None when the system gives
    /// no random bytes.
    pub fn open(&self, revision: Revision, actor: &Actor, endpoint: Option<AppId>, now: UnixMicros) -> Option<String> {
        let mut chance = [0u8; 16];
        aws_lc_rs::rand::fill(&mut chance).ok()?;
        let id: String = chance.iter().map(|byte| format!("{byte:02x}")).collect();
        let session = Session {
            revision,
            agent: actor.agent.clone(),
            human: actor.human.clone(),
            endpoint,
            used: AtomicI64::new(now.0),
            in_flight: Mutex::default(),
        };
        self.open.insert(id.clone(), Arc::new(session));
        Some(id)
    }

    /// The session of this id, if it is open and belongs to this actor and endpoint. Somebody else's looks like none.
    pub fn find(&self, id: &str, actor: &Actor, endpoint: Option<&AppId>, now: UnixMicros) -> Option<Arc<Session>> {
        let session = self.open.get(id)?;
        let idle = now.since(UnixMicros(session.used.load(Ordering::Relaxed)));
        if u128::from(idle.unsigned_abs()) > SESSION_IDLE_MAX.as_micros() {
            self.open.remove(id);
            return None;
        }
        if session.agent != actor.agent || session.human != actor.human || session.endpoint.as_ref() != endpoint {
            return None;
        }
        session.used.store(now.0, Ordering::Relaxed);
        Some(session)
    }

    /// Ends a session.
    pub fn close(&self, id: &str) {
        self.open.remove(id);
    }
}
