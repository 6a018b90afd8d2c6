//! What the server remembers, whom it tells of changes, and what it writes down.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

use super::ExactOptions;
use super::answers::at;
use super::session::Session;
use super::tasks::Task;
use crate::Revision;

/// One server, shared by all its connections.
pub struct ExactServer {
    options: ExactOptions,
    state: Mutex<State>,
    /// What must go on when the connection that started it is gone.
    work: Mutex<JoinSet<()>>,
    /// Seals what it gives a client to bring back.
    seal: RandomState,
}

#[derive(Default)]
struct State {
    sessions: BTreeMap<String, Arc<Session>>,
    listeners: Vec<Listener>,
    tasks: BTreeMap<String, Arc<Task>>,
    /// States that were brought back once, and words that were said once.
    spent: BTreeSet<String>,
    added: BTreeMap<Kind, u64>,
    touched: BTreeMap<String, u64>,
    numbers: u64,
}

/// Somebody who listens to changes with `subscriptions/listen`.
pub(super) struct Listener {
    pub(super) id: Value,
    pub(super) filter: Value,
    pub(super) out: UnboundedSender<Value>,
}

/// What can grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Tools,
    Prompts,
    Resources,
}

// === impl ExactServer ===

impl ExactServer {
    /// A server that was told nothing yet.
    pub fn new(options: ExactOptions) -> Self {
        let (state, work) = (Mutex::default(), Mutex::default());
        Self { options, state, work, seal: RandomState::new() }
    }

    pub(super) fn revision(&self) -> Revision {
        self.options.revision
    }

    /// Writes a line of the record before anything is answered.
    pub(super) fn record(&self, line: &Value) {
        let Some(file) = &self.options.record else { return };
        let written = OpenOptions::new().create(true).append(true).open(file);
        let written = written.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
        if let Err(error) = written {
            eprintln!("testkit-upstream: could not write {}: {error}", file.display());
        }
    }

    /// Writes down what became of something.
    pub(super) fn note(&self, what: &str, about: &Value) {
        self.record(&json!({"noted": what, "about": about}));
    }

    /// A number that was not given before.
    pub(super) fn number(&self) -> u64 {
        let mut state = self.state();
        state.numbers += 1;
        state.numbers
    }

    /// Work that ends with the server and not with a connection.
    pub(super) fn work(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.work.lock().unwrap_or_else(PoisonError::into_inner).spawn(work);
    }

    pub(super) fn open_session(&self, session: Arc<Session>) {
        self.state().sessions.insert(session.id().to_owned(), session);
    }

    pub(super) fn session(&self, id: &str) -> Option<Arc<Session>> {
        self.state().sessions.get(id).cloned()
    }

    pub(super) fn close_session(&self, id: &str) -> bool {
        self.state().sessions.remove(id).is_some()
    }

    pub(super) fn listen(&self, listener: Listener) {
        self.state().listeners.push(listener);
    }

    /// Ends what was opened by this request, and says so where it was heard.
    pub(super) fn stop_listening(&self, out: &UnboundedSender<Value>, id: &Value) {
        let mut state = self.state();
        state.listeners.retain(|listener| !(listener.id == *id && listener.out.same_channel(out)));
    }

    /// Whether it was called with this word before.
    pub(super) fn was_here(&self, word: &str) -> bool {
        !self.state().spent.insert(format!("visit {word}"))
    }

    /// One more of a kind; everybody who wants to know is told.
    pub(super) fn add(&self, kind: Kind) -> u64 {
        let count = {
            let mut state = self.state();
            let count = state.added.entry(kind).or_default();
            *count += 1;
            *count
        };
        let (method, key) = match kind {
            Kind::Tools => ("notifications/tools/list_changed", "toolsListChanged"),
            Kind::Prompts => ("notifications/prompts/list_changed", "promptsListChanged"),
            Kind::Resources => ("notifications/resources/list_changed", "resourcesListChanged"),
        };
        self.tell(method, json!({}), |_| true, |filter| filter.get(key) == Some(&json!(true)));
        count
    }

    pub(super) fn added(&self, kind: Kind) -> u64 {
        self.state().added.get(&kind).copied().unwrap_or_default()
    }

    /// A resource changes; its subscribers are told.
    pub(super) fn touch(&self, uri: &str) -> u64 {
        let version = {
            let mut state = self.state();
            let version = state.touched.entry(uri.to_owned()).or_insert(1);
            *version += 1;
            *version
        };
        let wanted = |filter: &Value| {
            let uris = filter.get("resourceSubscriptions").and_then(Value::as_array);
            uris.into_iter().flatten().any(|wanted| wanted == uri)
        };
        let subscribed = |session: &Session| session.is_subscribed(uri);
        self.tell("notifications/resources/updated", json!({ "uri": uri }), subscribed, wanted);
        version
    }

    pub(super) fn version(&self, uri: &str) -> u64 {
        self.state().touched.get(uri).copied().unwrap_or(1)
    }

    /// A task has another status; who listens to it is told.
    pub(super) fn task_changed(&self, task: &Task) {
        let described = task.described(self.revision());
        if self.revision().modern() {
            let id = task.id().to_owned();
            let wanted = move |filter: &Value| {
                let ids = filter.get("taskIds").and_then(Value::as_array);
                ids.into_iter().flatten().any(|wanted| *wanted == id)
            };
            self.tell("notifications/tasks", described, |_| false, wanted);
        } else {
            let owner = task.owner().to_owned();
            let owns = move |session: &Session| session.id() == owner;
            self.tell("notifications/tasks/status", described, owns, |_| false);
        }
    }

    /// Legacy sessions on their standing stream, listeners of 2026-07-28 on theirs.
    fn tell(
        &self,
        method: &str,
        params: Value,
        of_session: impl Fn(&Session) -> bool,
        of_filter: impl Fn(&Value) -> bool,
    ) {
        let mut state = self.state();
        for session in state.sessions.values().filter(|session| of_session(session)) {
            session.tell(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
        }
        state.listeners.retain(|listener| !listener.out.is_closed());
        for listener in state.listeners.iter().filter(|listener| of_filter(&listener.filter)) {
            let mut params = params.clone();
            if let Some(params) = params.as_object_mut() {
                params.insert("_meta".to_owned(), json!({ SUBSCRIPTION_KEY: listener.id }));
            }
            let _gone = listener.out.send(json!({"jsonrpc": "2.0", "method": method, "params": params}));
        }
    }

    pub(super) fn keep_task(&self, task: Arc<Task>) {
        self.state().tasks.insert(task.id().to_owned(), task);
    }

    pub(super) fn task(&self, id: &str) -> Option<Arc<Task>> {
        self.state().tasks.get(id).cloned()
    }

    pub(super) fn tasks(&self) -> Vec<Arc<Task>> {
        self.state().tasks.values().cloned().collect()
    }

    /// What a client brings back with its next try: the answers so far, for this request and no other, once.
    pub(super) fn sealed(&self, method: &str, params: &Value, answers: &Value) -> String {
        let about = about(method, params);
        let number = self.number();
        let mark = self.seal.hash_one((number, about.to_string(), answers.to_string()));
        json!({"number": number, "answers": answers, "mark": format!("{mark:016x}")}).to_string()
    }

    /// The answers in what a client brought back, if it is ours, of this request, and was not brought back before.
    pub(super) fn opened(&self, state: &str, method: &str, params: &Value) -> Option<Value> {
        let brought: Value = serde_json::from_str(state).ok()?;
        let number = brought.get("number").and_then(Value::as_u64)?;
        let answers = brought.get("answers")?.clone();
        let mark = self.seal.hash_one((number, about(method, params).to_string(), answers.to_string()));
        let ours = at(&brought, "/mark") == format!("{mark:016x}");
        (ours && self.state().spent.insert(state.to_owned())).then_some(answers)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn about(method: &str, params: &Value) -> Value {
    json!([method, params.get("name"), params.get("uri"), params.get("arguments")])
}

pub(super) const SUBSCRIPTION_KEY: &str = "io.modelcontextprotocol/subscriptionId";
