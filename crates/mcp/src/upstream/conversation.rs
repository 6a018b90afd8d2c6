//! A call of a server with a session that asks its client something before it answers.
//!
//! Inside the gateway a question always is what it is in 2026-07-28: the call ends for now with `input_required`, and goes
//! on with a call of its own that carries the answers. So every way between two revisions is one and the same. Here a call
//! that a server keeps open meanwhile is taken apart into such rounds.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use decide::{Answer, AnswerKind, SendFault, Trail};
use json::Document;
use model::limits::{CONVERSATIONS_PER_APP_MAX, CONVERSATIONS_PER_PAIR_MAX};
use model::{Blame, Fault, Method, UnixMicros};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::{Along, Link, garbage};
use crate::app_link::Pair;
use crate::{client, envelope};

/// Something a server asks of the client while it works on a call.
#[derive(Debug)]
pub struct Question {
    /// The id, exactly as it came.
    pub id: Bytes,
    /// What is asked.
    pub method: Method,
    /// The params object, exactly as it came; none where there is none.
    pub params: Option<Bytes>,
    /// Ends when the app wants no answer any more: it was given, the app took the question back, or the call is over.
    pub over: CancellationToken,
}

/// The questions of one call that wait for answers.
#[derive(Default)]
pub(crate) struct Open {
    ids: Mutex<Vec<(Bytes, CancellationToken)>>,
    /// The call is over, and so are all of them.
    call: CancellationToken,
    asked: Notify,
    /// Whether nobody is asked about folders during the call: what people have approved would be used up, or nobody reads it.
    no_folders: AtomicBool,
    /// Whether its client is asked, and it is decided again before the call goes on.
    away: watch::Sender<bool>,
}

/// What a client gives to go on with a call.
#[derive(Debug, Clone, Default)]
pub struct Onward {
    /// What the server wants back, exactly as it said it.
    pub state: Option<String>,
    /// The answers to its questions.
    pub given: Vec<Given>,
}

/// One answer of a client.
#[derive(Debug, Clone)]
pub struct Given {
    /// Under which key it was asked.
    pub key: String,
    /// True for a JSON-RPC error.
    pub error: bool,
    /// The value of `result` or `error`, exactly as it came.
    pub body: Bytes,
}

/// Whom a server's questions may reach: the client whose call it works on.
#[derive(Clone)]
pub(crate) struct Asks {
    pub(crate) along: Along,
    /// None where nothing may be asked.
    pub(crate) to: Option<mpsc::Sender<Question>>,
    pub(crate) open: Arc<Open>,
}

impl Asks {
    /// Takes a question. Error: why nobody is asked.
    pub(crate) fn take(&self, id: Bytes, method: &str, params: Option<Bytes>) -> Result<(), &'static str> {
        let method = client::question(method).ok_or(NOT_OFFERED)?;
        let document = params.as_ref().and_then(|params| Document::parse(params).ok());
        if !self.along.client().answers(method, document.as_ref().map(Document::root)) {
            return Err("the client whose call this is does not offer it");
        }
        let to = self.to.as_ref().ok_or("nothing may be asked during this call")?;
        let question = Question { over: self.open.opens(&id), id, method, params };
        to.try_send(question).map_err(|unsent| {
            unsent.into_inner().over.cancel();
            "too many questions are open for this call, or nobody waits for it"
        })
    }

    /// The app takes the question of this id back, if it is one of this call.
    pub(crate) fn take_back(&self, id: &[u8]) -> bool {
        self.open.close(id)
    }
}

impl Open {
    fn opens(&self, id: &Bytes) -> CancellationToken {
        let over = self.call.child_token();
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        ids.retain(|(_, over)| !over.is_cancelled());
        ids.push((id.clone(), over.clone()));
        self.asked.notify_one();
        over
    }

    /// Says whether somebody may be asked about folders during the call.
    pub(crate) fn allow_folders(&self, may: bool) {
        self.no_folders.store(!may, Ordering::Release);
    }

    /// Whether somebody may be asked about folders during the call.
    pub(crate) fn allows_folders(&self) -> bool {
        !self.no_folders.load(Ordering::Acquire)
    }

    /// It has asked, and nobody could be asked.
    pub(crate) fn refused(&self) {
        self.asked.notify_one();
    }

    /// Ends with the next question, whether somebody could be asked or not.
    pub(crate) async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Ends once none is open, and the call may go on.
    pub(crate) async fn settled(&self) {
        let mut away = self.away.subscribe();
        loop {
            let open = {
                let ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
                ids.iter().find(|(_, over)| !over.is_cancelled()).map(|(_, over)| over.clone())
            };
            let Some(open) = open else { break };
            open.cancelled().await;
        }
        let _gone = away.wait_for(|away| !*away).await;
    }

    /// The app takes this question back. Says whether it was open.
    fn close(&self, question: &[u8]) -> bool {
        let ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        let open = ids.iter().find(|(id, over)| !over.is_cancelled() && id == question);
        open.map(|(_, over)| over.cancel()).is_some()
    }

    /// Takes all that are open out, for another answer than the client's: their ids.
    pub(crate) fn give_up(&self) -> Vec<Bytes> {
        let ids = std::mem::take(&mut *self.ids.lock().unwrap_or_else(PoisonError::into_inner));
        let open = ids.into_iter().filter(|(_, over)| !over.is_cancelled());
        open.map(|(id, over)| (over.cancel(), id).1).collect()
    }

    /// Once what is given is dropped, the call is over.
    pub(crate) fn until(&self) -> DropGuard {
        self.call.clone().drop_guard()
    }
}

/// A call that waits for the client.
pub(crate) struct Conversation {
    pub(crate) exchange: Exchange,
    pub(crate) asks: mpsc::Receiver<Question>,
    pub(crate) along: Along,
    /// How the request went that it began with.
    pub(crate) trail: Trail,
    open: Vec<(String, Question)>,
    asked: u32,
    questions: Arc<Open>,
    /// Whether it goes on by itself.
    driven: bool,
}

/// An exchange in a task of its own, which ends with this.
struct Driven(JoinHandle<Result<Answer, SendFault>>);

/// A call that a server keeps open.
pub(crate) type Exchange = Pin<Box<dyn Future<Output = Result<Answer, SendFault>> + Send>>;

/// The calls of one app that wait for their clients, each with the link it is on: a link that is replaced meanwhile still
/// serves them.
#[derive(Default)]
pub(crate) struct Conversations {
    waiting: Mutex<HashMap<String, Waiting>>,
}

struct Waiting {
    pair: Pair,
    until: UnixMicros,
    link: Arc<Link>,
    conversation: Conversation,
}

impl Conversation {
    pub(crate) fn new(
        (exchange, questions): (Exchange, Arc<Open>),
        asks: mpsc::Receiver<Question>,
        along: Along,
        trail: Trail,
    ) -> Self {
        Self { exchange, asks, along, trail, open: Vec::new(), asked: 0, questions, driven: false }
    }

    /// Says whether somebody may be asked about folders from now on.
    pub(crate) fn allow_folders(&self, may: bool) {
        self.questions.allow_folders(may);
    }

    /// The responses to send, for those questions that are answered. What nobody asked, or wants answered any more, is passed
    /// over.
    pub(crate) fn responses(&mut self, given: &[Given]) -> Vec<(Vec<u8>, CancellationToken)> {
        let mut responses = Vec::new();
        self.open.retain(|(_, question)| !question.over.is_cancelled());
        for one in given {
            let Some(at) = self.open.iter().position(|(key, _)| *key == one.key) else { continue };
            let (_, question) = self.open.swap_remove(at);
            let write = if one.error { envelope::error } else { envelope::result };
            responses.push((write(&question.id, &one.body), question.over));
        }
        responses
    }

    /// Waits until the server answers or asks. None: it has asked, and waits.
    pub(crate) async fn advance(&mut self, along: &Along) -> Option<Result<Answer, SendFault>> {
        self.along.goes_on_in(along);
        self.questions.away.send_replace(false);
        while self.open.is_empty() {
            tokio::select! {
                biased;
                answer = &mut self.exchange => return Some(answer),
                Some(question) = self.asks.recv() => self.opens(question),
                () = along.cancelled() => {
                    self.along.cancel();
                    return Some((&mut self.exchange).await);
                }
            }
            while let Ok(question) = self.asks.try_recv() {
                self.opens(question);
            }
            self.open.retain(|(_, question)| !question.over.is_cancelled());
        }
        while let Ok(question) = self.asks.try_recv() {
            self.opens(question);
        }
        self.questions.away.send_replace(true);
        None
    }

    /// Has the call go on while its client is asked: the app may take its question back, and answer.
    fn drive(&mut self, tasks: &TaskTracker) {
        if !std::mem::replace(&mut self.driven, true) {
            let exchange = std::mem::replace(&mut self.exchange, Box::pin(std::future::pending()));
            self.exchange = Box::pin(Driven(tasks.spawn(exchange)));
        }
    }

    fn opens(&mut self, question: Question) {
        self.asked = self.asked.saturating_add(1);
        self.open.push((format!("question-{}", self.asked), question));
    }

    /// What is open, as a result of 2026-07-28.
    fn as_result(&self, state: &str) -> Answer {
        let mut out = b"{\"resultType\":\"input_required\",\"inputRequests\":{".to_vec();
        for (at, (key, question)) in self.open.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            json::write_string(&mut out, key);
            out.extend_from_slice(b":{\"method\":");
            json::write_string(&mut out, question.method.as_str());
            if let Some(params) = &question.params {
                out.extend_from_slice(b",\"params\":");
                out.extend_from_slice(params);
            }
            out.push(b'}');
        }
        out.extend_from_slice(b"},\"requestState\":");
        json::write_string(&mut out, state);
        out.push(b'}');
        Answer { kind: AnswerKind::Unfinished, body: Bytes::from(out) }
    }

    /// Ends a call nobody will go on with: the server is told, where its revision has words for it.
    pub(crate) async fn end(mut self) {
        self.along.cancel();
        let _ = tokio::time::timeout(super::GOODBYE_TIME_MAX, &mut self.exchange).await;
    }
}

impl Future for Driven {
    type Output = Result<Answer, SendFault>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|ended| {
            let broken = |_| SendFault::after(Fault::new(Blame::Bug, "bug.exchange", "a call that went on broke off"));
            ended.map_err(broken)?
        })
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Conversations {
    /// Keeps a call until its client has answered, and has it go on meanwhile in one of these tasks. Error: this pair, or the
    /// app, has too many of them.
    pub(crate) async fn keep(
        &self,
        mut conversation: Conversation,
        (link, tasks): (Arc<Link>, &TaskTracker),
        pair: &Pair,
        until: UnixMicros,
    ) -> Result<Answer, SendFault> {
        let mut chance = [0u8; 16];
        let broken = aws_lc_rs::rand::fill(&mut chance).is_err();
        let state: String = chance.iter().map(|byte| format!("{byte:02x}")).collect();
        let answer = conversation.as_result(&state);
        let refused = {
            let mut waiting = self.lock();
            let of_pair = waiting.values().filter(|one| one.pair == *pair).count();
            if broken {
                Some(Fault::new(Blame::Operator, "operator.no_randomness", "the system gives no random bytes"))
            } else if of_pair >= CONVERSATIONS_PER_PAIR_MAX || waiting.len() >= CONVERSATIONS_PER_APP_MAX {
                let said = "too many calls of this app wait for answers to its questions already";
                Some(Fault::new(Blame::Caller, "caller.too_many_open", said).hint("answer some of them first"))
            } else {
                conversation.drive(tasks);
                waiting.insert(state, Waiting { pair: pair.clone(), until, link, conversation });
                return Ok(answer);
            }
        };
        conversation.end().await;
        Err(SendFault::after(refused.unwrap_or_else(|| garbage("it asked, and nobody could be asked"))))
    }

    /// The call that waits under this state, and its link.
    pub(crate) fn take(&self, state: &str) -> Option<(Conversation, Arc<Link>)> {
        self.lock().remove(state).map(|waiting| (waiting.conversation, waiting.link))
    }

    /// When the app wants no answer any more to the question of this key, in the call that waits under this state.
    pub(crate) fn over(&self, state: &str, key: &str) -> Option<CancellationToken> {
        let waiting = self.lock();
        let open = &waiting.get(state)?.conversation.open;
        open.iter().find(|(open, _)| open == key).map(|(_, question)| question.over.clone())
    }

    /// Ends those whose clients have not come back by now, or all.
    pub(crate) async fn end(&self, now: Option<UnixMicros>) {
        let late: Vec<_> = self.lock().extract_if(|_, one| now.is_none_or(|now| one.until < now)).collect();
        let mut ending: JoinSet<()> = JoinSet::new();
        for (_, waiting) in late {
            ending.spawn(waiting.conversation.end());
        }
        ending.join_all().await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a server that asks something else is refused.
pub(crate) const NOT_OFFERED: &str = "not offered by this gateway";
/// The id of the question that a notification takes back, exactly as it came. It may be long: it is read once, whatever it is
/// compared with.
pub(crate) fn taken_back(notification: &Bytes) -> Option<Bytes> {
    let document = Document::parse(notification).ok()?;
    let named = document.root().get("params")?.get("requestId")?;
    Some(notification.slice(named.span()))
}

/// The notification with which a server takes a question back.
pub(crate) const TAKES_BACK: &str = "notifications/cancelled";
/// Why a server that asks at the wrong time is refused.
pub(crate) const NO_CALL: &str = "no call of a client that could be asked is under way";
