//! One request while it is under way: what it may say before its answer, what it may ask, how it ends.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use super::answers::{Ending, INVALID_PARAMS, INVALID_REQUEST, Question, Refusal, Wanted, at, failure};
use super::server::ExactServer;
use super::session::{Session, notification};
use super::tasks::Task;
use super::{legacy, modern};
use crate::Revision;

/// One request.
pub(super) struct Turn {
    pub(super) server: Arc<ExactServer>,
    /// Legacy, or a child process.
    pub(super) session: Option<Arc<Session>>,
    pub(super) id: Value,
    pub(super) method: String,
    pub(super) params: Value,
    pub(super) out: UnboundedSender<Value>,
    cancelled: Option<watch::Receiver<bool>>,
    /// What the client has brought: a state is opened once.
    brought: Option<Map<String, Value>>,
    /// The task it is the work of, once it is one.
    pub(super) task: Option<Arc<Task>>,
}

/// Notes that a request was not finished, unless it was.
struct Unfinished {
    server: Arc<ExactServer>,
    about: Option<Value>,
}

// === impl Turn ===

impl Turn {
    pub(super) fn new(
        server: Arc<ExactServer>,
        session: Option<Arc<Session>>,
        message: &Value,
        out: UnboundedSender<Value>,
    ) -> Self {
        let id = message.get("id").cloned().unwrap_or_default();
        let params = message.get("params").cloned().unwrap_or_else(|| json!({}));
        let cancelled = session.as_ref().map(|session| session.begin(&id));
        Self {
            server,
            session,
            id,
            method: at(message, "/method").to_owned(),
            params,
            out,
            cancelled,
            brought: None,
            task: None,
        }
    }

    pub(super) fn revision(&self) -> Revision {
        self.server.revision()
    }

    /// What the client has said it can do.
    pub(super) fn capabilities(&self) -> Value {
        if self.revision().modern() {
            return self.meta(crate::upstream::CAPABILITIES_KEY).cloned().unwrap_or_default();
        }
        self.session.as_ref().map(|session| session.capabilities()).unwrap_or_default()
    }

    pub(super) fn meta(&self, key: &str) -> Option<&Value> {
        self.params.get("_meta").and_then(|meta| meta.get(key))
    }

    /// The argument of a tool.
    pub(super) fn argument(&self, key: &str) -> Option<&Value> {
        self.params.get("arguments").and_then(|arguments| arguments.get(key))
    }

    /// Says something that belongs to this request.
    pub(super) fn tell(&self, method: &str, params: &Value) {
        let _gone = self.out.send(notification(method, params));
    }

    /// Answers, or does not if the request was cancelled.
    pub(super) async fn respond(mut self) {
        let about = json!({"method": self.method, "id": self.id, "arguments": self.params.get("arguments")});
        let mut unfinished = Unfinished { server: Arc::clone(&self.server), about: Some(about) };
        let cancelled = self.cancelled.clone();
        let ended = tokio::select! {
            ended = self.serve() => ended,
            () = until_set(cancelled) => Err(Ending::Cancelled),
        };
        if let Some(session) = &self.session {
            session.end(&self.id);
        }
        let message = match ended {
            Ok(result) => json!({"jsonrpc": "2.0", "id": self.id, "result": result}),
            Err(Ending::Error(refusal)) => refusal.message(&self.id),
            Err(Ending::NeedsInput(wanted)) => self.needs_input(*wanted),
            Err(Ending::Failed(why)) => Refusal::new(INVALID_REQUEST, why).message(&self.id),
            Err(Ending::Cancelled) => {
                self.server.stop_listening(&self.out, &self.id);
                return;
            }
        };
        unfinished.about = None;
        let message = match at(&self.params, "/name") {
            "in_a_batch" => {
                json!([notification("notifications/message", &json!({"level": "error", "data": 1})), message])
            }
            _ => message,
        };
        let _gone = self.out.send(message);
    }

    async fn serve(&mut self) -> Result<Value, Ending> {
        let served = if self.revision().modern() { modern::serve(self).await } else { legacy::serve(self).await };
        match served {
            Err(Ending::Failed(why)) if self.method == "tools/call" && self.revision().modern() => {
                Ok(modern::complete(failure(&why)))
            }
            Err(Ending::Failed(why)) if self.method == "tools/call" => Ok(failure(&why)),
            served => served,
        }
    }

    /// Asks one question and waits for the answer, in a few words.
    pub(super) async fn ask(&mut self, key: &str, question: Question) -> Result<String, Ending> {
        Ok(self.ask_all(&[(key, question)]).await?.concat())
    }

    /// Asks several questions at once.
    pub(super) async fn ask_all(&mut self, questions: &[(&str, Question)]) -> Result<Vec<String>, Ending> {
        let capabilities = self.capabilities();
        for (_, question) in questions {
            if question.is_declared(&capabilities) {
                continue;
            }
            if self.revision().modern() {
                return Err(Refusal::lacks(&question.required()).into());
            }
            return Err(Ending::Failed(format!("the client has not declared what {} needs", question.required())));
        }
        let answers = match &self.task {
            Some(task) => task.ask_all(&self.server, questions).await?,
            None if self.revision().modern() => self.brought(questions)?,
            None => self.ask_session(questions).await?,
        };
        let understood = questions.iter().zip(answers).map(|((key, question), answer)| {
            let wrong = || Refusal::new(INVALID_PARAMS, format!("the answer to `{key}` is not one: {answer}"));
            question.understood(&answer).ok_or_else(|| wrong().into())
        });
        understood.collect()
    }

    /// What a client of 2026-07-28 has brought, or the end of this round.
    fn brought(&mut self, questions: &[(&str, Question)]) -> Result<Vec<Value>, Ending> {
        let answers = self.answers_so_far()?;
        let open: Map<String, Value> = questions
            .iter()
            .filter(|(key, _)| !answers.contains_key(*key))
            .map(|(key, question)| ((*key).to_owned(), question.request(self.revision())))
            .collect();
        if !open.is_empty() {
            return Err(Ending::NeedsInput(Box::new(Wanted { questions: open, answers })));
        }
        Ok(questions.iter().filter_map(|(key, _)| answers.get(*key).cloned()).collect())
    }

    /// The answers of this round and, sealed in the state, of those before.
    pub(super) fn answers_so_far(&mut self) -> Result<Map<String, Value>, Ending> {
        if let Some(brought) = &self.brought {
            return Ok(brought.clone());
        }
        let brought = self.open()?;
        self.brought = Some(brought.clone());
        Ok(brought)
    }

    fn open(&self) -> Result<Map<String, Value>, Ending> {
        let refused = |text: &str| Ending::from(Refusal::new(INVALID_PARAMS, text));
        let given = self.params.get("inputResponses").map(|given| given.as_object().cloned());
        let mut answers = match self.params.get("requestState") {
            None if given.is_some() && !self.is_bare() => return Err(refused("`requestState` was not brought back")),
            None => Map::new(),
            Some(state) => {
                let state = state.as_str().unwrap_or_default();
                let opened = self.server.opened(state, &self.method, &self.params);
                let opened = opened.ok_or_else(|| refused("`requestState` is not of this request, or was used"))?;
                opened.as_object().cloned().unwrap_or_default()
            }
        };
        match given {
            Some(None) => return Err(refused("`inputResponses` is not an object")),
            Some(Some(given)) => answers.extend(given),
            None => {}
        }
        Ok(answers)
    }

    fn needs_input(&self, wanted: Wanted) -> Value {
        let Wanted { questions, answers } = wanted;
        let mut result = json!({"resultType": "input_required"});
        if let Some(result) = result.as_object_mut() {
            if !questions.is_empty() {
                result.insert("inputRequests".to_owned(), Value::Object(questions));
            }
            if !self.is_bare() {
                let state = self.server.sealed(&self.method, &self.params, &Value::Object(answers));
                result.insert("requestState".to_owned(), json!(state));
            }
        }
        json!({"jsonrpc": "2.0", "id": self.id, "result": result})
    }

    /// Whether this is the tool that gives no state along.
    fn is_bare(&self) -> bool {
        at(&self.params, "/name") == "ask_bare"
    }

    /// Asks a legacy client: requests of the server, all sent before the first answer is awaited.
    async fn ask_session(&self, questions: &[(&str, Question)]) -> Result<Vec<Value>, Ending> {
        let asked = questions.iter().map(|(_, question)| question.request(self.revision()));
        let waiting: Vec<_> = asked.map(|request| self.send_request(request)).collect();
        let mut answers = Vec::new();
        for answer in waiting {
            answers.push(answer.await?);
        }
        Ok(answers)
    }

    /// Asks a legacy client something, and then does without an answer.
    pub(super) async fn ask_in_vain(&self, question: Question) -> String {
        let Some(session) = &self.session else { return String::new() };
        let (id, _) = session.asking();
        let mut request = question.request(self.revision());
        if let Some(request) = request.as_object_mut() {
            request.insert("jsonrpc".to_owned(), json!("2.0"));
            request.insert("id".to_owned(), json!(id));
        }
        let _gone = self.out.send(request);
        tokio::time::sleep(IN_VAIN).await;
        self.tell("notifications/cancelled", &json!({"requestId": id, "reason": "it is known by now"}));
        self.server.note("taken back", &json!(id));
        "never mind".to_owned()
    }

    /// Sends one request of the server. The future is its result.
    pub(super) fn send_request(&self, mut request: Value) -> impl Future<Output = Result<Value, Ending>> + use<> {
        let asking = self.session.as_ref().map(|session| session.asking());
        let waiting = asking.map(|(id, waiting)| {
            if let Some(request) = request.as_object_mut() {
                request.insert("jsonrpc".to_owned(), json!("2.0"));
                request.insert("id".to_owned(), json!(id));
            }
            let _gone = self.out.send(request);
            waiting
        });
        async move {
            let none = || Ending::Failed("the client cannot be asked".to_owned());
            let response = waiting.ok_or_else(none)?.await.map_err(|_| none())?;
            match response.get("result") {
                Some(result) => Ok(result.clone()),
                None => Err(Ending::Failed(format!("the client did not answer: {}", at(&response, "/error/message")))),
            }
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(about) = self.about.take() {
            self.server.note("cancelled", &about);
        }
    }
}

async fn until_set(cancelled: Option<watch::Receiver<bool>>) {
    if let Some(mut cancelled) = cancelled
        && cancelled.wait_for(|cancelled| *cancelled).await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

/// How long a question stands that is taken back.
const IN_VAIN: Duration = Duration::from_millis(700);
