//! One call that waits, as the desk has it in memory.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use decide::Answer;
use hold::{Asked, Disposition, Hold, WaitsFor};
use model::{AgentId, AppId, CallId, Digest, HumanId, Method, TaskId, ToolName};
use tokio::sync::watch;

use crate::holds::Waiting;

/// What identical calls have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) agent: AgentId,
    pub(crate) human: HumanId,
    task: Option<TaskId>,
    app: AppId,
    method: Method,
    tool: ToolName,
    arguments: Digest,
    spread: bool,
    pub(crate) waits_for: WaitsFor,
}

/// One hold.
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) arguments: Option<Bytes>,
    /// One step at a time, with its record.
    pub(crate) turn: tokio::sync::Mutex<()>,
    pub(crate) hold: watch::Sender<Arc<Hold>>,
    /// What came of it, for all who wait for it, and what is hidden of an answer that is yet to come.
    pub(crate) answer: OnceLock<(CallId, Answer, Option<Arc<str>>)>,
    /// What it came to, once nobody carries it out any more. Its end may not be on disk yet.
    pub(crate) came_to: OnceLock<Disposition>,
    attached: AtomicUsize,
    /// Whether it could be written down; else it is none. Nobody is shown it before that is known.
    pub(crate) kept: OnceLock<bool>,
}

/// Somebody is kept waiting for it, as long as this lives.
pub(crate) struct Attached(Arc<Entry>);

/// Somebody carries it out, as long as this lives.
pub(crate) struct Carried<'a> {
    entry: &'a Entry,
    /// What it has come to so far.
    pub(crate) so_far: Disposition,
}

// === impl Key, Entry, Attached, Carried ===

impl Key {
    /// Of what was asked.
    pub(crate) fn of(asked: &Asked, waits_for: WaitsFor) -> Self {
        Self {
            agent: asked.agent.clone(),
            human: asked.human.clone(),
            task: asked.task_named.then(|| asked.task.clone()),
            app: asked.app.clone(),
            method: asked.method,
            tool: asked.tool.clone(),
            arguments: asked.arguments,
            spread: asked.spread,
            waits_for,
        }
    }

    /// Which calls it takes its place among.
    pub(crate) fn line(&self) -> (AgentId, WaitsFor) {
        (self.agent.clone(), self.waits_for)
    }
}

impl Entry {
    pub(crate) fn new(key: Key, hold: Hold, arguments: Option<Bytes>) -> Self {
        Self {
            key,
            arguments,
            turn: tokio::sync::Mutex::new(()),
            hold: watch::Sender::new(Arc::new(hold)),
            answer: OnceLock::new(),
            came_to: OnceLock::new(),
            attached: AtomicUsize::new(0),
            kept: OnceLock::new(),
        }
    }

    /// Where it stands.
    pub(crate) fn now(&self) -> Arc<Hold> {
        Arc::clone(&self.hold.borrow())
    }

    /// Every step from now on.
    pub(crate) fn steps(&self) -> watch::Receiver<Arc<Hold>> {
        self.hold.subscribe()
    }

    pub(crate) fn view(&self) -> Waiting {
        Waiting { hold: self.now(), arguments: self.arguments.clone(), attached: self.attached() }
    }

    pub(crate) fn attached(&self) -> usize {
        self.attached.load(Ordering::Acquire)
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.kept.get() == Some(&true)
    }

    pub(crate) fn is_void(&self) -> bool {
        self.kept.get() == Some(&false)
    }

    pub(crate) fn bytes(&self) -> usize {
        ENTRY_BYTES.saturating_add(self.arguments.as_ref().map_or(0, Bytes::len))
    }
}

impl Attached {
    pub(crate) fn to(entry: &Arc<Entry>) -> Self {
        entry.attached.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(entry))
    }

    pub(crate) fn entry(&self) -> &Arc<Entry> {
        &self.0
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.0.attached.fetch_sub(1, Ordering::AcqRel);
    }
}

impl<'a> Carried<'a> {
    /// From now on. Nobody knows yet what comes of it.
    pub(crate) fn out(entry: &'a Entry) -> Self {
        Self { entry, so_far: Disposition::OutcomeUnknown }
    }
}

impl Drop for Carried<'_> {
    fn drop(&mut self) {
        let _first = self.entry.came_to.set(self.so_far);
    }
}

/// What a hold takes beside its arguments, about.
const ENTRY_BYTES: usize = 4 * 1024;
