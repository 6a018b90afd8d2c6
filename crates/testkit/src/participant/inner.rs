//! What all threads of a client share: what was declared, asked and heard.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::http::{self, HttpWire};
use super::stdio::StdioWire;
use crate::Revision;
use crate::upstream::{CAPABILITIES_KEY, VERSION_KEY};

pub(super) type Answering = Box<dyn Fn(&Value) -> Value + Send + Sync>;

/// How messages travel.
pub(super) enum Wire {
    Http(HttpWire),
    Stdio(StdioWire),
}

/// The client behind its handles and threads.
pub(super) struct Inner {
    pub(super) revision: Revision,
    pub(super) wire: Wire,
    next_id: AtomicU64,
    patience_ms: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    capabilities: Map<String, Value>,
    answers: BTreeMap<String, Answering>,
    heard: Vec<Value>,
    asked: Vec<Value>,
    violations: Vec<String>,
    /// Whether questions are left unanswered.
    silent: bool,
}

// === impl Inner ===

impl Inner {
    pub(super) fn new(revision: Revision, wire: Wire) -> Self {
        let next_id = AtomicU64::new(1);
        let patience_ms = AtomicU64::new(super::PATIENCE_MS);
        Self { revision, wire, next_id, patience_ms, state: Mutex::default(), changed: Condvar::new() }
    }

    pub(super) fn be_patient_for(&self, time: Duration) {
        self.patience_ms.store(u64::try_from(time.as_millis()).unwrap_or(super::PATIENCE_MS), Ordering::Relaxed);
    }

    pub(super) fn patience(&self) -> Duration {
        Duration::from_millis(self.patience_ms.load(Ordering::Relaxed))
    }

    pub(super) fn set_token(&self, token: &str) {
        if let Wire::Http(wire) = &self.wire {
            wire.set_token(token);
        }
    }

    pub(super) fn declare(&self, capabilities: Value) {
        self.state().capabilities = capabilities.as_object().cloned().unwrap_or_default();
    }

    pub(super) fn capabilities(&self) -> Value {
        Value::Object(self.state().capabilities.clone())
    }

    pub(super) fn be_silent(&self, silent: bool) {
        self.state().silent = silent;
    }

    pub(super) fn answer_with(&self, method: &str, answer: Answering) {
        self.state().answers.insert(method.to_owned(), answer);
    }

    /// A request with its id. A `_meta` member that is there already stays.
    pub(super) fn request(&self, method: &str, mut params: Value) -> (u64, Value) {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        if let (true, Some(params)) = (self.revision.modern(), params.as_object_mut()) {
            let meta = params.entry("_meta").or_insert_with(|| json!({}));
            if let Some(meta) = meta.as_object_mut() {
                meta.entry(VERSION_KEY).or_insert_with(|| json!(self.revision.as_str()));
                meta.entry(CAPABILITIES_KEY).or_insert_with(|| self.capabilities());
                let info = json!({"name": "testkit-participant", "version": "1"});
                meta.entry("io.modelcontextprotocol/clientInfo").or_insert(info);
            }
        }
        (id, json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
    }

    pub(super) fn send_request(self: &Arc<Self>, id: u64, message: Value) -> Result<Receiver<Result<Value>>> {
        match &self.wire {
            Wire::Http(wire) => http::send_request(self, wire, id, message),
            Wire::Stdio(wire) => wire.send_request(id, &message),
        }
    }

    pub(super) fn notify(&self, method: &str, params: Value) -> Result<()> {
        let message = json!({"jsonrpc": "2.0", "method": method, "params": params});
        match &self.wire {
            Wire::Http(wire) => wire.post(self.revision, &message),
            Wire::Stdio(wire) => wire.send(&message),
        }
    }

    pub(super) fn open_stream(self: &Arc<Self>) -> Result<()> {
        match &self.wire {
            Wire::Http(wire) => http::open_stream(self, wire),
            Wire::Stdio(_) => Ok(()),
        }
    }

    /// By closing the response over HTTP of 2026-07-28, by a notification everywhere else.
    pub(super) fn cancel(&self, id: u64) -> Result<()> {
        match &self.wire {
            Wire::Http(wire) if self.revision.modern() => {
                wire.close(id);
                Ok(())
            }
            _ => self.notify("notifications/cancelled", json!({"requestId": id, "reason": "changed my mind"})),
        }
    }

    /// A message of the server that is not the answer to a request. What must be sent back, if anything.
    pub(super) fn told(&self, message: Value) -> Option<Value> {
        let Some(id) = message.get("id").cloned() else {
            self.state().heard.push(message);
            self.changed.notify_all();
            return None;
        };
        if self.revision.modern() {
            self.violation(format!("a request of the server: {message}"));
            return None;
        }
        if self.state().silent {
            self.state().asked.push(message);
            return None;
        }
        Some(match message.get("method").and_then(Value::as_str) {
            Some("ping") => json!({"jsonrpc": "2.0", "id": id, "result": {}}),
            _ => match self.answer(&message) {
                Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
                Err(why) => json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": why}}),
            },
        })
    }

    /// The scripted answer to a question.
    pub(super) fn answer(&self, question: &Value) -> std::result::Result<Value, String> {
        let method = question.get("method").and_then(Value::as_str).unwrap_or_default();
        let params = question.get("params").cloned().unwrap_or_else(|| json!({}));
        if !self.is_declared(method, &params) {
            self.violation(format!("asked for what was not declared: {question}"));
        }
        let mut state = self.state();
        state.asked.push(json!({"method": method, "params": params}));
        state
            .answers
            .get(method)
            .map(|answer| answer(&params))
            .ok_or_else(|| format!("nothing scripted for `{method}`"))
    }

    fn is_declared(&self, method: &str, params: &Value) -> bool {
        let capabilities = self.capabilities();
        let url = params.get("mode").is_some_and(|mode| mode == "url");
        match method {
            "elicitation/create" if url => capabilities.pointer("/elicitation/url").is_some(),
            "elicitation/create" => capabilities.get("elicitation").is_some(),
            "sampling/createMessage" => capabilities.get("sampling").is_some(),
            "roots/list" => capabilities.get("roots").is_some(),
            _ => false,
        }
    }

    /// Notes what a result has or lacks against the revision.
    pub(super) fn check_result(&self, result: &Value) {
        let kind = result.get("resultType").and_then(Value::as_str);
        let extensions = self.capabilities().get("extensions").cloned().unwrap_or_default();
        match kind {
            None if self.revision.modern() => self.violation(format!("no `resultType`: {result}")),
            Some("task") if extensions.get("io.modelcontextprotocol/tasks").is_none() => {
                self.violation(format!("a task for a client without tasks: {result}"));
            }
            Some("input_required") if !self.revision.modern() => self.violation(format!("`input_required`: {result}")),
            Some("complete" | "task" | "input_required") | None => {}
            Some(other) => self.violation(format!("a result of type `{other}`")),
        }
    }

    pub(super) fn violation(&self, what: String) {
        self.state().violations.push(what);
    }

    /// Takes the first message that is so out of those heard; waits so long for it.
    pub(super) fn wait_for(&self, time: Duration, so: impl Fn(&Value) -> bool) -> Option<Value> {
        let state = self.state();
        let waited = self
            .changed
            .wait_timeout_while(state, time, |state| !state.heard.iter().any(&so))
            .unwrap_or_else(PoisonError::into_inner);
        let mut state = waited.0;
        let place = state.heard.iter().position(&so)?;
        Some(state.heard.remove(place))
    }

    pub(super) fn heard(&self) -> Vec<Value> {
        self.state().heard.clone()
    }

    pub(super) fn asked(&self) -> Vec<Value> {
        self.state().asked.clone()
    }

    pub(super) fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    pub(super) fn forget(&self) {
        let mut state = self.state();
        (state.heard, state.asked, state.violations) = (Vec::new(), Vec::new(), Vec::new());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
