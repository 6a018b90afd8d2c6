//! A client that takes part: it answers what a server asks, hears what it says, comes back when it is asked to.
//!
//! It speaks exactly one revision, over HTTP or with a child process, and notes whatever that revision forbids its server.
//!
//! ```ignore
//! let mut client = Participant::http(url, Revision::June2025)?.answering("elicitation/create", |_| {
//!     serde_json::json!({"action": "accept", "content": {"name": "Ada"}})
//! });
//! client.start()?;
//! client.call("ask_user", serde_json::json!({}))?;
//! assert_eq!(client.asked().len(), 1);
//! ```

mod http;
mod inner;
mod stdio;

use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use self::http::HttpWire;
use self::inner::{Inner, Wire};
use self::stdio::StdioWire;
use crate::{Revision, RpcError};

/// A client.
pub struct Participant {
    inner: Arc<Inner>,
}

/// A request that is under way.
pub struct Pending {
    inner: Arc<Inner>,
    id: u64,
    answer: Receiver<Result<Value>>,
    over: bool,
}

/// Somebody who listens to changes. Ends when dropped.
pub struct Listening {
    /// What the server has agreed to tell (2026-07-28).
    pub acknowledged: Value,
    _pending: Option<Pending>,
}

// === impl Participant ===

impl Participant {
    /// A client of an HTTP endpoint.
    pub fn http(url: &str, revision: Revision) -> Result<Self> {
        Ok(Self { inner: Arc::new(Inner::new(revision, Wire::Http(HttpWire::new(url)?))) })
    }

    /// A client of a child process, which is killed when the client is dropped.
    pub fn stdio(command: Command, revision: Revision) -> Result<Self> {
        let (wire, stdout) = StdioWire::start(command)?;
        let inner = Arc::new(Inner::new(revision, Wire::Stdio(wire)));
        stdio::read(&inner, stdout);
        Ok(Self { inner })
    }

    /// With a bearer token (HTTP).
    pub fn with_token(self, token: &str) -> Self {
        self.inner.set_token(token);
        self
    }

    /// With declared capabilities, instead of none.
    pub fn declaring(self, capabilities: Value) -> Self {
        self.inner.declare(capabilities);
        self
    }

    /// Answers requests of this method so.
    pub fn answering(self, method: &str, answer: impl Fn(&Value) -> Value + Send + Sync + 'static) -> Self {
        self.inner.answer_with(method, Box::new(answer));
        self
    }

    /// Answers requests of this method so from now on.
    pub fn answers(&self, method: &str, answer: impl Fn(&Value) -> Value + Send + Sync + 'static) {
        self.inner.answer_with(method, Box::new(answer));
    }

    /// Leaves the questions of a legacy server unanswered, or answers them again.
    pub fn be_silent(&self, silent: bool) {
        self.inner.be_silent(silent);
    }

    /// Waits so long for an answer, and a third of it for what it should hear, instead of half a minute.
    pub fn be_patient_for(&self, time: Duration) {
        self.inner.be_patient_for(time);
    }

    /// Its revision.
    pub fn revision(&self) -> Revision {
        self.inner.revision
    }

    /// The handshake, or `server/discover`; what the server says of itself.
    pub fn start(&self) -> Result<Value> {
        if self.revision().modern() {
            return self.request("server/discover", json!({}));
        }
        let info = json!({"name": "testkit-participant", "version": "1"});
        let version = self.revision().as_str();
        let params = json!({"protocolVersion": version, "capabilities": self.inner.capabilities(), "clientInfo": info});
        let said = self.request("initialize", params)?;
        if said.get("protocolVersion").and_then(Value::as_str) != Some(version) {
            bail!("the server does not speak {version}: {said}");
        }
        self.notify("notifications/initialized", json!({}))?;
        Ok(said)
    }

    /// One request and its result, as it comes. Questions of a legacy server are answered meanwhile.
    pub fn request(&self, method: &str, params: Value) -> Result<Value> {
        self.begin(method, params)?.wait()
    }

    /// One request until its result is whole: what `input_required` asks for is answered and brought along.
    pub fn complete(&self, method: &str, params: Value) -> Result<Value> {
        let mut result = self.request(method, params.clone())?;
        for _round in 0..ROUNDS_MAX {
            if result.get("resultType").and_then(Value::as_str) != Some("input_required") {
                return Ok(result);
            }
            result = self.request(method, self.next_round(&params, &result)?)?;
        }
        bail!("the server asks again and again: {result}")
    }

    /// The params of the next round of a request that got this `input_required` result.
    pub fn next_round(&self, params: &Value, result: &Value) -> Result<Value> {
        if !self.revision().modern() {
            bail!("`input_required` for a client of {}: {result}", self.revision());
        }
        let (questions, state) = (result.get("inputRequests"), result.get("requestState"));
        if questions.is_none() && state.is_none() {
            bail!("`input_required` with neither questions nor state: {result}");
        }
        let mut next = params.as_object().cloned().unwrap_or_default();
        next.remove("inputResponses");
        next.remove("requestState");
        if let Some(questions) = questions.and_then(Value::as_object) {
            next.insert("inputResponses".to_owned(), self.answers_to(questions)?);
        }
        if let Some(state) = state {
            next.insert("requestState".to_owned(), state.clone());
        }
        Ok(Value::Object(next))
    }

    /// The scripted answers to a map of questions.
    pub fn answers_to(&self, questions: &Map<String, Value>) -> Result<Value> {
        let mut answers = Map::new();
        for (key, question) in questions {
            let answer = self.inner.answer(question);
            answers.insert(key.clone(), answer.map_err(|error| anyhow::anyhow!("no answer to `{key}`: {error}"))?);
        }
        Ok(Value::Object(answers))
    }

    /// Calls a tool until its result is whole.
    pub fn call(&self, name: &str, arguments: Value) -> Result<Value> {
        self.complete("tools/call", json!({"name": name, "arguments": arguments}))
    }

    /// Calls a tool; the first text of its result. A tool's own error is an error here.
    pub fn call_text(&self, name: &str, arguments: Value) -> Result<String> {
        let result = self.call(name, arguments)?;
        let text = result.pointer("/content/0/text").and_then(Value::as_str);
        let text = text.with_context(|| format!("no text in `{result}`"))?;
        if result.get("isError") == Some(&json!(true)) {
            bail!("the tool failed: {text}");
        }
        Ok(text.to_owned())
    }

    /// Everything of a list, page by page.
    pub fn list(&self, method: &str, member: &str) -> Result<Vec<Value>> {
        let (mut all, mut params) = (Vec::new(), json!({}));
        for _page in 0..PAGES_MAX {
            let mut page = self.request(method, params)?;
            let listed = page.get_mut(member).and_then(Value::as_array_mut);
            all.append(listed.with_context(|| format!("no `{member}` in the answer"))?);
            match page.get("nextCursor") {
                Some(cursor) if !cursor.is_null() => params = json!({"cursor": cursor}),
                _ => return Ok(all),
            }
        }
        bail!("the list does not end")
    }

    /// Sends a request and does not wait.
    pub fn begin(&self, method: &str, params: Value) -> Result<Pending> {
        let (id, message) = self.inner.request(method, params);
        let answer = self.inner.send_request(id, message)?;
        Ok(Pending { inner: Arc::clone(&self.inner), id, answer, over: false })
    }

    /// Sends a notification.
    pub fn notify(&self, method: &str, params: Value) -> Result<()> {
        self.inner.notify(method, params)
    }

    /// Listens to changes as its revision does: `filter` is that of `subscriptions/listen`. A legacy client opens the
    /// standing stream and subscribes to each resource.
    pub fn listen(&self, filter: Value) -> Result<Listening> {
        if self.revision().modern() {
            let pending = self.begin("subscriptions/listen", json!({"notifications": filter}))?;
            let acknowledged = self.acknowledgement(&pending)?;
            return Ok(Listening { acknowledged, _pending: Some(pending) });
        }
        Inner::open_stream(&self.inner)?;
        for uri in filter.get("resourceSubscriptions").and_then(Value::as_array).into_iter().flatten() {
            self.request("resources/subscribe", json!({ "uri": uri }))?;
        }
        Ok(Listening { acknowledged: filter, _pending: None })
    }

    fn acknowledgement(&self, pending: &Pending) -> Result<Value> {
        let id = json!(pending.id);
        for _look in 0..LOOKS_MAX {
            let heard = self.inner.wait_for(LOOK, |message| {
                message.get("method").is_some_and(|method| method == "notifications/subscriptions/acknowledged")
                    && message.pointer(SUBSCRIPTION) == Some(&id)
            });
            if let Some(heard) = heard {
                return Ok(heard.pointer("/params/notifications").cloned().unwrap_or_default());
            }
            if let Ok(answer) = pending.answer.try_recv() {
                bail!("the subscription has ended before it began: {}", answer?);
            }
        }
        bail!("the subscription is not acknowledged")
    }

    /// Waits for a notification of this method and takes it out of those heard.
    pub fn hear(&self, method: &str) -> Result<Value> {
        let heard = self
            .inner
            .wait_for(self.inner.patience() / 3, |message| message.get("method").is_some_and(|heard| heard == method));
        heard.with_context(|| format!("no `{method}` was heard, but {:?}", self.inner.heard()))
    }

    /// The notifications that were heard and not yet taken out.
    pub fn heard(&self) -> Vec<Value> {
        self.inner.heard()
    }

    /// Forgets what was heard and asked.
    pub fn forget(&self) {
        self.inner.forget();
    }

    /// The questions it was asked: `{method, params}`.
    pub fn asked(&self) -> Vec<Value> {
        self.inner.asked()
    }

    /// What its server did that the revision forbids.
    pub fn violations(&self) -> Vec<String> {
        self.inner.violations()
    }
}

// === impl Pending ===

impl Pending {
    /// Its id.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Waits for the result as long as the client is patient.
    pub fn wait(self) -> Result<Value> {
        let time = self.inner.patience();
        self.wait_at_most(time)
    }

    /// Waits for the result so long.
    pub fn wait_at_most(mut self, time: Duration) -> Result<Value> {
        let answer = self.answer.recv_timeout(time).context("there was no answer")?;
        self.over = true;
        let answer = answer?;
        self.inner.check_result(&answer);
        Ok(answer)
    }

    /// Changes its mind, as its revision and transport do.
    pub fn cancel(mut self) -> Result<()> {
        self.over = true;
        self.inner.cancel(self.id)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.over {
            let _gone = self.inner.cancel(self.id);
        }
    }
}

/// The result in a response, or the error.
pub(crate) fn result_of(status: u16, mut message: Value) -> Result<Value> {
    if let Some(error) = message.get("error") {
        let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
        let text = error.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
        let data = error.get("data").cloned().unwrap_or_default();
        return Err(RpcError { status, code, message: text, data }.into());
    }
    let result = message.get_mut("result").map(Value::take);
    result.with_context(|| format!("HTTP {status}, neither result nor error: `{message}`"))
}

const SUBSCRIPTION: &str = "/params/_meta/io.modelcontextprotocol~1subscriptionId";
pub(crate) const PATIENCE_MS: u64 = 30_000;
const LOOK: Duration = Duration::from_millis(50);
const LOOKS_MAX: usize = 200;
const PAGES_MAX: usize = 100;
const ROUNDS_MAX: usize = 8;
