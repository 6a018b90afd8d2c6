//! A legacy session, or the one connection of a child process: what was agreed, what runs, what waits for an answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{oneshot, watch};

use super::answers::at;

/// One session.
pub(super) struct Session {
    id: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    capabilities: Value,
    ready: bool,
    level: Option<String>,
    subscribed: BTreeSet<String>,
    /// Where messages go that belong to no request: a GET stream, or standard output.
    standing: Option<UnboundedSender<Value>>,
    waiting: BTreeMap<String, oneshot::Sender<Value>>,
    running: BTreeMap<String, watch::Sender<bool>>,
    asked: u64,
    /// The question about folders that is open, and what was answered last.
    asked_for_folders: Option<String>,
    has_asked_for_folders: bool,
    folders: String,
}

// === impl Session ===

impl Session {
    pub(super) fn new(id: String, standing: Option<UnboundedSender<Value>>) -> Self {
        Self { id, state: Mutex::new(State { standing, ..State::default() }) }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn agree(&self, capabilities: Value) {
        self.state().capabilities = capabilities;
    }

    pub(super) fn capabilities(&self) -> Value {
        self.state().capabilities.clone()
    }

    pub(super) fn set_ready(&self) {
        self.state().ready = true;
    }

    pub(super) fn is_ready(&self) -> bool {
        self.state().ready
    }

    pub(super) fn set_level(&self, level: &str) {
        self.state().level = Some(level.to_owned());
    }

    pub(super) fn level(&self) -> Option<String> {
        self.state().level.clone()
    }

    pub(super) fn subscribe(&self, uri: &str) {
        self.state().subscribed.insert(uri.to_owned());
    }

    pub(super) fn unsubscribe(&self, uri: &str) {
        self.state().subscribed.remove(uri);
    }

    pub(super) fn is_subscribed(&self, uri: &str) -> bool {
        self.state().subscribed.contains(uri)
    }

    pub(super) fn stand(&self, out: UnboundedSender<Value>) {
        self.state().standing = Some(out);
    }

    /// A message that belongs to no request; lost if nobody listens.
    pub(super) fn tell(&self, message: &Value) {
        if let Some(standing) = &self.state().standing {
            let _nobody = standing.send(message.clone());
        }
    }

    /// A request of the server: its id, and where the answer will arrive.
    pub(super) fn asking(&self) -> (String, oneshot::Receiver<Value>) {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.state();
        state.asked += 1;
        let id = format!("asked-{}", state.asked);
        state.waiting.insert(id.clone(), sender);
        (id, receiver)
    }

    /// Asks on which folders the client works, apart from any request.
    pub(super) fn ask_for_folders(&self) {
        let (id, _) = self.asking();
        {
            let mut state = self.state();
            (state.asked_for_folders, state.has_asked_for_folders) = (Some(id.clone()), true);
        }
        self.tell(&json!({"jsonrpc": "2.0", "id": id, "method": "roots/list", "params": {}}));
    }

    /// Whether it has ever asked that.
    pub(super) fn has_asked_for_folders(&self) -> bool {
        self.state().has_asked_for_folders
    }

    /// On which folder the client works, as far as it was said.
    pub(super) fn folders(&self) -> String {
        self.state().folders.clone()
    }

    /// Whether somebody has waited for this answer.
    pub(super) fn answered(&self, response: &Value) -> bool {
        let id = response.get("id").and_then(Value::as_str).unwrap_or_default();
        let mut state = self.state();
        if state.asked_for_folders.take_if(|asked| asked == id).is_some() {
            state.folders = at(response, "/result/roots/0/uri").to_owned();
            return true;
        }
        let waiting = state.waiting.remove(id);
        waiting.is_some_and(|waiting| waiting.send(response.clone()).is_ok())
    }

    /// A request begins; it is told here when it is cancelled.
    pub(super) fn begin(&self, id: &Value) -> watch::Receiver<bool> {
        let (sender, receiver) = watch::channel(false);
        self.state().running.insert(id.to_string(), sender);
        receiver
    }

    pub(super) fn end(&self, id: &Value) {
        self.state().running.remove(&id.to_string());
    }

    /// Whether a request ran that is cancelled now.
    pub(super) fn cancel(&self, params: &Value) -> bool {
        let id = params.get("requestId").unwrap_or(&Value::Null).to_string();
        self.state().running.get(&id).is_some_and(|running| running.send(true).is_ok())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A notification that belongs to a request.
pub(super) fn notification(method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}
