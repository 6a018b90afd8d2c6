//! Tasks in both forms: asked for by the client (2025-11-25), or decided by the server (the extension of 2026-07-28).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};
use tokio::sync::{oneshot, watch};

use super::answers::{Ending, INVALID_PARAMS, Question, Refusal};
use super::server::ExactServer;
use super::tools;
use super::turn::Turn;
use crate::Revision;

/// One task.
pub(super) struct Task {
    id: String,
    owner: String,
    state: Mutex<State>,
    /// Counts its changes.
    changed: watch::Sender<u64>,
    cancelled: watch::Sender<bool>,
}

struct State {
    status: &'static str,
    questions: Vec<Open>,
    /// The response's `result` or `error`, under that name.
    outcome: Map<String, Value>,
}

struct Open {
    key: String,
    request: Value,
    sent: bool,
    answer: Option<oneshot::Sender<Value>>,
}

/// Starts the work of a tool as a task; what its creation is answered with.
pub(super) fn start(turn: &Turn) -> Value {
    let (server, revision) = (Arc::clone(&turn.server), turn.revision());
    let owner = turn.session.as_ref().map(|session| session.id().to_owned()).unwrap_or_default();
    let task = Arc::new(Task {
        id: format!("task-{}-{}", std::process::id(), server.number()),
        owner,
        state: Mutex::new(State { status: "working", questions: Vec::new(), outcome: Map::new() }),
        changed: watch::channel(0).0,
        cancelled: watch::channel(false).0,
    });
    server.keep_task(Arc::clone(&task));
    let params = &turn.params;
    let message = json!({"id": format!("work of {}", task.id), "method": "tools/call", "params": params});
    let silent = tokio::sync::mpsc::unbounded_channel().0;
    let mut work = Turn::new(Arc::clone(&server), turn.session.clone(), &message, silent);
    work.task = Some(Arc::clone(&task));
    let described = task.described(revision);
    let running = Arc::clone(&task);
    turn.server.work(async move {
        let mut cancelled = running.cancelled.subscribe();
        let ended = tokio::select! {
            ended = tools::run(&mut work) => ended,
            _ = cancelled.wait_for(|cancelled| *cancelled) => Err(Ending::Cancelled),
        };
        running.end(&server, ended);
    });
    if revision.modern() { typed(described, "task") } else { json!({ "task": described }) }
}

// === impl Task ===

impl Task {
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn owner(&self) -> &str {
        &self.owner
    }

    /// As it is told to a client.
    pub(super) fn described(&self, revision: Revision) -> Value {
        let state = self.state();
        let mut described = json!({
            "taskId": self.id, "status": state.status, "createdAt": CREATED, "lastUpdatedAt": CREATED,
        });
        let Some(members) = described.as_object_mut() else { return described };
        if !revision.modern() {
            members.insert("ttl".to_owned(), json!(60_000));
            members.insert("pollInterval".to_owned(), json!(20));
            return described;
        }
        members.insert("ttlMs".to_owned(), json!(60_000));
        members.insert("pollIntervalMs".to_owned(), json!(20));
        if state.status == "input_required" {
            let open = state.questions.iter().filter(|open| open.answer.is_some());
            let open: Map<String, Value> = open.map(|open| (open.key.clone(), open.request.clone())).collect();
            members.insert("inputRequests".to_owned(), Value::Object(open));
        }
        members.extend(state.outcome.clone());
        described
    }

    /// Asks its client, however that hears of it.
    pub(super) async fn ask_all(
        &self,
        server: &ExactServer,
        questions: &[(&str, Question)],
    ) -> Result<Vec<Value>, Ending> {
        let mut waiting = Vec::new();
        {
            let mut state = self.state();
            state.status = "input_required";
            for (key, question) in questions {
                let (sender, receiver) = oneshot::channel();
                let request = question.request(server.revision());
                let open = Open { key: (*key).to_owned(), request, sent: false, answer: Some(sender) };
                state.questions.push(open);
                waiting.push(receiver);
            }
        }
        self.tell(server);
        let mut answers = Vec::new();
        for answer in waiting {
            answers.push(answer.await.map_err(|_| Ending::Cancelled)?);
        }
        self.state().status = "working";
        self.tell(server);
        Ok(answers)
    }

    /// Takes answers of a client; those to nothing are ignored.
    pub(super) fn update(&self, answers: &Map<String, Value>) {
        let mut state = self.state();
        for open in &mut state.questions {
            if let (Some(answer), true) = (answers.get(&open.key), open.answer.is_some()) {
                let _gone = open.answer.take().map(|waiting| waiting.send(answer.clone()));
            }
        }
    }

    pub(super) fn is_over(&self) -> bool {
        !matches!(self.state().status, "working" | "input_required")
    }

    /// Cancels it.
    pub(super) fn cancel(&self, server: &ExactServer) {
        server.note("task cancelled", &json!({"taskId": self.id}));
        self.state().status = "cancelled";
        self.cancelled.send_replace(true);
        self.tell(server);
    }

    /// Waits for its end and asks the session's client what the task wants to know meanwhile (2025-11-25).
    pub(super) async fn result(&self, turn: &Turn) -> Result<Value, Ending> {
        let mut changed = self.changed.subscribe();
        while !self.is_over() {
            let next = {
                let mut state = self.state();
                let open = state.questions.iter_mut().find(|open| !open.sent);
                open.map(|open| {
                    open.sent = true;
                    (open.key.clone(), open.request.clone())
                })
            };
            let Some((key, mut request)) = next else {
                let _ended = changed.changed().await;
                continue;
            };
            if let Some(params) = request.get_mut("params").and_then(Value::as_object_mut) {
                params.insert("_meta".to_owned(), self.related());
            }
            let answer = turn.send_request(request).await?;
            self.update(&Map::from_iter([(key, answer)]));
        }
        let mut outcome = self.state().outcome.clone();
        if let Some(error) = outcome.get("error") {
            let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
            return Err(Refusal::new(code, super::answers::at(error, "/message")).into());
        }
        let Some(mut result) = outcome.remove("result") else {
            return Err(Refusal::new(INVALID_PARAMS, "the task was cancelled").into());
        };
        if let Some(result) = result.as_object_mut() {
            result.insert("_meta".to_owned(), self.related());
        }
        Ok(result)
    }

    fn related(&self) -> Value {
        json!({"io.modelcontextprotocol/related-task": {"taskId": self.id}})
    }

    fn end(&self, server: &ExactServer, ended: Result<Value, Ending>) {
        {
            let mut state = self.state();
            if state.status == "cancelled" {
                return;
            }
            let (status, outcome) = match ended {
                Ok(result) => ("completed", ("result", result)),
                Err(Ending::Failed(why)) => ("completed", ("result", super::answers::failure(&why))),
                Err(Ending::Error(refusal)) => {
                    let mut message = refusal.message(&Value::Null);
                    let error = message.get_mut("error").map(Value::take).unwrap_or_default();
                    ("failed", ("error", error))
                }
                Err(Ending::NeedsInput(_) | Ending::Cancelled) => ("cancelled", ("result", Value::Null)),
            };
            state.status = status;
            state.outcome.insert(outcome.0.to_owned(), outcome.1);
        }
        self.tell(server);
    }

    fn tell(&self, server: &ExactServer) {
        self.changed.send_modify(|count| *count += 1);
        server.task_changed(self);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// With a result type.
pub(super) fn typed(mut result: Value, kind: &str) -> Value {
    if let Some(result) = result.as_object_mut() {
        result.entry("resultType").or_insert_with(|| json!(kind));
    }
    result
}

pub(super) const EXTENSION: &str = "io.modelcontextprotocol/tasks";
const CREATED: &str = "2026-01-01T00:00:00Z";
