//! Calls: a request that asks an app for something. It is understood in `understand`, decided in the engine, and worded in
//! `answer`.

mod contracted;
mod folders;
mod turn;
mod understand;

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use decide::{Answer, AnswerKind, Upstream};
use engine::{CallRequest, Closed, Disposition, Engine, Held, HeldState, Readable, Refusal, Waiter};
use front::Known;
use http::{HeaderName, HeaderValue};
use json::Value;
use model::limits::ROUNDS_MAX;
use model::{
    Actor, AppId, Blame, CallId, ContractFacts, Fault, Method, ReadArguments, ToolFacts, ToolName, UnixMicros, in_place,
};
use tokio::task::JoinSet;

use self::turn::Turn;
pub use self::turn::nowhere_to_ask;
use crate::answer::{self, Shape};
use crate::app_link::{AppLink, Carried, Pair, pair_of};
use crate::envelope::{self, INTERNAL_ERROR, INVALID_PARAMS, Request, RpcError};
use crate::hub::Hub;
use crate::methods::{Said, Waits};
use crate::redaction;
use crate::rounds::{self, Bound, Once, Put, Sealed, Seals, Shown, TAKEN_BACK, Wanted, Wish};
use crate::tasks::{self, HeldTask, Task};
use crate::upstream::{Along, Asked, Client, Given, Onward, Sending};
use crate::waiting::{Patience, Queue, status_question};

/// A call that is understood and waits to be decided. It owns everything, so that it outlives its request.
pub struct Call {
    id: Vec<u8>,
    app: AppId,
    tool: ToolFacts,
    link: Arc<AppLink>,
    asked: Asked,
    arguments: Option<Bytes>,
    /// Who reads the arguments for rules.
    reader: Option<Arc<dyn ReadArguments>>,
    headers: Vec<(HeaderName, HeaderValue)>,
    shape: Shape,
    goes_on: Option<GoesOn>,
    /// Members of `params` that nobody here knows, each as it came.
    more: Vec<u8>,
    /// Whether the client wants a task in place of an answer (2025-11-25).
    wants_a_task: bool,
    /// The same, where the gateway itself makes the task.
    own_task: bool,
    /// The task it is about, and the client's id of it.
    task: Option<(Task, String)>,
    /// When the app said what it offers, by which this is known.
    listed_at: Option<UnixMicros>,
    /// What came of it, where it waited for people.
    disposition: Option<Disposition>,
    /// What the agent says of it, beside its arguments.
    said: Option<String>,
    /// Whether its client comes back to it, and was told that it waits.
    was_told: bool,
    /// Whether it was to wait for people and is not kept waiting, for so many of its agent wait already.
    turned_away: bool,
    /// What is known of it under the contract of the vendor whose agent asks; none where it is nobody's.
    contract: Option<Arc<ContractFacts>>,
    /// The record that it changes, where it was looked at.
    looked: Option<Looked>,
}

/// A record that was looked at before it is changed.
struct Looked {
    /// The call that looked at it.
    call: CallId,
    /// What names the state it was in, where the app says so.
    version: Option<String>,
}

/// What a call goes on with that took a round or more before.
struct GoesOn {
    /// None where it begins again.
    onward: Option<Onward>,
    cause: Option<CallId>,
    rounds: u32,
    /// What makes the client's answers good once, where it came back with them.
    once: Option<Once>,
}

/// What runs calls.
pub struct Runs<'a> {
    /// The engine.
    pub engine: &'a Engine,
    /// For what apps want back.
    pub seals: &'a Seals,
    /// Who acts.
    pub known: &'a Known,
    /// The apps.
    pub hub: &'a Arc<Hub>,
    /// How it waits where people have to approve first.
    pub patience: Patience,
}

impl Call {
    /// What this request asks of an app, if that is its method.
    pub fn asked(request: &Request<'_, '_>) -> Option<Asked> {
        Some(match request.method.as_ref() {
            "tools/call" => Asked::Tool,
            "resources/read" => Asked::Resource,
            "prompts/get" => Asked::Prompt,
            "tasks/get" => Asked::TaskGet,
            "tasks/result" => Asked::TaskResult,
            "tasks/update" => Asked::TaskUpdate,
            "tasks/cancel" => Asked::TaskCancel,
            "completion/complete" => {
                let reference = request.params.and_then(|params| params.get("ref"));
                match reference.and_then(|reference| reference.get("type")).and_then(|kind| kind.as_str()).as_deref() {
                    Some("ref/resource") => Asked::CompleteResource,
                    _ => Asked::CompletePrompt,
                }
            }
            _ => return None,
        })
    }

    /// Tells an app from which level on a client wants log messages. Error: the level is no name the protocol knows.
    pub fn level(app: AppId, link: Arc<AppLink>, level: &str) -> Result<Self, RpcError> {
        let method = Asked::Level.method();
        let name =
            ToolName::parse(method.as_str()).map_err(|error| RpcError::new(INTERNAL_ERROR, error.to_string()))?;
        let arguments = Some(Bytes::from(serde_json::json!({ "level": level }).to_string()));
        let tool = ToolFacts::of_method(method, name);
        let shape = Shape::of_a_method();
        let (asked, headers, goes_on, more, wants_a_task) = (Asked::Level, Vec::new(), None, Vec::new(), false);
        Ok(Self {
            id: Vec::new(),
            app,
            tool,
            link,
            asked,
            arguments,
            reader: None,
            headers,
            shape,
            goes_on,
            more,
            wants_a_task,
            own_task: false,
            task: None,
            listed_at: None,
            disposition: None,
            said: None,
            was_told: false,
            turned_away: false,
            contract: None,
            looked: None,
        })
    }

    /// The app it goes to.
    pub fn app(&self) -> &AppId {
        &self.app
    }

    /// Takes it through the engine, as often as its app asks the client of a session for something first.
    pub async fn run(mut self: Box<Self>, runs: &Runs<'_>, along: Along) -> Said {
        if let Some((task, id)) = &self.task {
            along.about_task(&task.id, id);
        }
        if self.contract.is_some()
            && let Some(closed) = in_place(|| self.look_first(runs, &along)).await
        {
            self.give_back(runs, &closed);
            return self.said(&closed);
        }
        loop {
            let closed = self.round(runs, &along).await;
            let closed = match self.over(runs, closed) {
                Ok(said) => return said,
                Err(closed) => closed,
            };
            self = match in_place(|| self.afterwards(runs, &along, *closed)).await {
                Ok(said) => return said,
                Err(another_round) => another_round,
            };
        }
    }

    /// What is answered where the round has simply ended. Error: there is more to do.
    fn over(&self, runs: &Runs<'_>, closed: Closed) -> Result<Said, Box<Closed>> {
        self.give_back(runs, &closed);
        match &closed {
            Closed::Answered { answer, .. }
                if self.asked != Asked::TaskGet
                    && !matches!(answer.kind, AnswerKind::ProtocolError | AnswerKind::Unfinished) =>
            {
                Ok(self.said(&closed))
            }
            _ => Err(Box::new(closed)),
        }
    }

    /// What follows a round that has not simply ended. Error: another round.
    async fn afterwards(
        mut self: Box<Self>,
        runs: &Runs<'_>,
        along: &Along,
        closed: Closed,
    ) -> Result<Said, Box<Self>> {
        if !matches!(closed, Closed::Answered { .. }) {
            // A round that was not taken leaves the app waiting for what nobody will bring.
            let onward = self.goes_on.as_ref().and_then(|goes_on| goes_on.onward.as_ref());
            self.give_up(runs, onward.and_then(|onward| onward.state.as_deref())).await;
        }
        if let (Closed::Refused(_), Some(inactive)) = (&closed, &runs.known.inactive) {
            return Ok(Said::Unauthorized(inactive.clone()));
        }
        if let Closed::Failed { call: None, fault, .. } = &closed
            && fault.blame() == Blame::Bug
        {
            return Ok(Said::Error(RpcError::new(INTERNAL_ERROR, fault.to_string())));
        }
        if let Some(held) = self.waits(&closed) {
            return Ok(self.kept_waiting(runs, held, &closed));
        }
        let (call, answer, hides) = match Turn::after(closed, self.asked, self.shape.modern) {
            Turn::Progress(call, answer) => return Ok(self.progress(runs, along, call, answer).await),
            Turn::Addresses(call, answer, body) => {
                return Ok(self.addresses(runs, along, call, answer, &body).await);
            }
            Turn::Asks(call, answer, hides) => (call, answer, hides),
            Turn::Over(closed) => return Ok(self.said(&closed)),
        };
        if let Some(own) = tasks::made(&answer.body) {
            return Ok(self.made_a_task(runs, along, &call, (own, hides), answer));
        }
        match self.unfinished(runs, along, call, (&answer, hides.as_deref())).await {
            Ok(Some(result)) => Ok(Said::Response(envelope::result(&self.id, &result))),
            Ok(None) => Err(self),
            Err(closed) => {
                self.give_up(runs, rounds::state_of(&answer.body).as_deref()).await;
                Ok(self.said(&closed))
            }
        }
    }

    /// Where it waits for people, if it does, and can be asked again from the start.
    fn waits(&self, closed: &Closed) -> Option<Held> {
        let Closed::Refused(Refusal { held: Some(held), .. }) = closed else { return None };
        let waits = matches!(held.state, HeldState::Waits | HeldState::Approved | HeldState::Runs);
        let begins = self.goes_on.as_ref().is_none_or(|goes_on| goes_on.onward.is_none());
        (waits && begins).then(|| held.clone())
    }

    /// The answer to a client that is not kept waiting any longer.
    fn kept_waiting(self: Box<Self>, runs: &Runs<'_>, held: Held, closed: &Closed) -> Said {
        let response = answer::of_call(&self.id, closed, &self.shape, None);
        if runs.patience.task {
            return Said::Waits(Box::new(Waits { call: self, held }), response);
        }
        // Who is told to ask again at once, again and again, must be kept waiting in between.
        let waits = runs.patience.shows || runs.patience.time_max.is_none();
        let kept = waits && !self.turned_away && runs.engine.limits().hold_wait_max >= LEAST_WAIT;
        let state = runs.seals.hold_id(&runs.known.actor, &HeldTask::of(&held.id, true)).filter(|_| kept);
        match state.filter(|_| self.shape.modern) {
            Some(state) => {
                let mut result = serde_json::json!({ "resultType": "input_required", "requestState": state });
                let page = runs.engine.status_url(&held.id).filter(|_| runs.patience.shows);
                if let (Some(url), Some(result)) = (page, result.as_object_mut()) {
                    let question = serde_json::json!({
                        "method": Method::Elicit.as_str(),
                        "params": status_question(&url, None),
                    });
                    result.insert("inputRequests".to_owned(), serde_json::json!({ "status": question }));
                }
                Said::Response(envelope::result(&self.id, result.to_string().as_bytes()))
            }
            None => Said::Response(response),
        }
    }

    /// What a hold of this call needs to be known by when it is asked about, in an id that only its client has.
    pub fn held_task(&self, held: &Held) -> HeldTask {
        HeldTask::of(&held.id, self.is_plain())
    }

    /// Whether what it sends is its arguments and nothing else.
    fn is_plain(&self) -> bool {
        self.asked == Asked::Tool && self.more.is_empty() && self.goes_on.is_none()
    }

    /// Whether the gateway makes a task of it, as its client wants (2025-11-25).
    pub fn is_own_task(&self) -> bool {
        self.own_task
    }

    /// Whether its client comes back to it, and was told that it waits.
    pub fn was_told(&self) -> bool {
        self.was_told
    }

    /// As if it had come in at this endpoint.
    pub fn at(mut self: Box<Self>, endpoint: Option<&AppId>) -> Box<Self> {
        self.shape.join = endpoint.is_none().then(|| self.app.clone());
        self
    }

    /// An error that says which addresses must be opened first, for a client that knows it: each is decided before the
    /// client sees it.
    async fn addresses(&self, runs: &Runs<'_>, along: &Along, call: CallId, answer: Answer, questions: &Bytes) -> Said {
        let shown = match Wanted::read(questions, along.client()) {
            Ok(wanted) => self.put(runs, along, &call, wanted.wishes, true).await.map(drop),
            Err(fault) => Err(Closed::Failed { call: Some(call.clone()), fault, perhaps_executed: true }),
        };
        match shown {
            Ok(()) => self.said(&Closed::Answered { call, answer, hides: None }),
            Err(closed) => self.said(&closed),
        }
    }

    fn said(&self, closed: &Closed) -> Said {
        if let Some(nothing) = self.nothing_there(closed) {
            return Said::Response(envelope::result(&self.id, &nothing));
        }
        let response = answer::of_call(&self.id, closed, &self.shape, self.disposition);
        match (closed, &self.task) {
            (Closed::Answered { answer, .. }, Some((task, id))) if answer.kind != AnswerKind::ProtocolError => {
                let renamed = Bytes::from(tasks::renamed(&answer.body, &task.id, id));
                return Said::Response(answer::of_result(&self.id, renamed, &self.shape));
            }
            _ => {}
        }
        match closed {
            Closed::Answered { answer, .. } if answer.kind == AnswerKind::ProtocolError => {
                Said::Passed(envelope::code(&answer.body), response)
            }
            _ => Said::Response(response),
        }
    }

    /// One round: its own decision, intent and permit.
    async fn round(&mut self, runs: &Runs<'_>, along: &Along) -> Closed {
        let (request, queue) = self.next_request(runs, along);
        let closed = runs.engine.call(request).await;
        if let Some(queue) = queue {
            self.disposition = queue.disposition.get().copied();
            self.turned_away = queue.is_turned_away();
        }
        closed
    }

    /// What the next round asks of the engine, and how it waits where people have to approve first. None: nobody waits.
    fn next_request(&self, runs: &Runs<'_>, along: &Along) -> (Box<CallRequest>, Option<Arc<Queue>>) {
        let actor = &runs.known.actor;
        let goes_on = self.goes_on.as_ref();
        let onward = goes_on.and_then(|goes_on| goes_on.onward.clone());
        let members = onward.is_some() || !self.more.is_empty();
        let arguments = if members {
            let given = onward.as_ref().map(|onward| onward.given.as_slice()).unwrap_or_default();
            Some(rounds::arguments_with(self.arguments.as_ref(), given, &self.more))
        } else {
            self.arguments.clone()
        };
        let sending = Sending {
            asked: self.asked,
            headers: self.headers.clone(),
            along: along.clone(),
            onward,
            members,
            named: self.task.as_ref().map(|(task, _)| task.id.clone()),
            level: self.level_for(runs, along),
            folders: self.ask_first(runs, along),
            in_session: !self.shape.modern && (self.asked.task() || self.wants_a_task),
        };
        let pair = pair_of(actor);
        let mut request = Box::new(self.request(runs, along));
        request.cause = match &self.looked {
            Some(looked) => Some(looked.call.clone()),
            None => goes_on.map_or_else(|| self.made_by(), |goes_on| goes_on.cause.clone()),
        };
        request.arguments = arguments;
        request.upstream = Arc::new(Carried {
            to: Arc::clone(&self.link),
            hub: Arc::clone(runs.hub),
            pair: pair.clone(),
            sending,
            looks: None,
            unchanged: self.looked.as_ref().and_then(|looked| looked.version.clone()),
            races: self.looked.as_ref().is_some_and(|looked| looked.version.is_none()),
            answers: self.answers(),
        });
        let queue = self.queue(runs, along, pair);
        request.waiter = queue.clone().map(|queue| queue as Arc<dyn Waiter>);
        (request, queue)
    }

    /// It as it came, going nowhere and waiting for nobody.
    fn request(&self, runs: &Runs<'_>, along: &Along) -> CallRequest {
        CallRequest {
            actor: runs.known.actor.clone(),
            app: self.app.clone(),
            method: self.asked.method(),
            tool: self.tool.clone(),
            cause: None,
            arguments: self.arguments.clone(),
            readable: self.readable(),
            wire: along.client().revision().wire(),
            trace_parent: along.trace_parent(),
            listed_at: self.listed_at,
            kept: self.link.kept(),
            upstream: Arc::new(contracted::Nowhere),
            waiter: None,
            contract: contracted::facts(self.contract.as_ref(), runs.known),
            taker: None,
        }
    }

    /// How it waits where people have to approve first. None: it is nothing that a client asks for again.
    fn queue(&self, runs: &Runs<'_>, along: &Along, pair: Pair) -> Option<Arc<Queue>> {
        matches!(self.asked, Asked::Tool | Asked::Resource | Asked::Prompt).then(|| {
            Arc::new(Queue {
                patience: runs.patience.clone(),
                yielded: OnceLock::new(),
                along: along.clone(),
                hub: Arc::clone(runs.hub),
                link: Arc::clone(&self.link),
                pair,
                asked: self.asked,
                name: self.tool.name.clone(),
                arguments: self.arguments.clone(),
                disposition: OnceLock::new(),
                waits_for: OnceLock::new(),
                plain: self.is_plain(),
                said: Mutex::new(self.said.clone()),
                page: {
                    let engine = runs.engine.clone();
                    Box::new(move |hold| engine.status_url(hold))
                },
                question: OnceLock::new(),
                says: OnceLock::new(),
            })
        })
    }

    fn readable(&self) -> Option<Readable> {
        let arguments = self.arguments.clone().unwrap_or_default();
        self.reader.clone().map(|reader| Readable { arguments, reader })
    }

    /// Whether a rule lets this pass between client and app now, beside the call that is decided by itself.
    fn permitted(&self, runs: &Runs<'_>, asked: Method) -> bool {
        let facts = ToolName::parse(asked.as_str()).map(|name| ToolFacts::of_method(asked, name));
        // A vendor's agent is asked nothing.
        runs.known.vendor.is_none()
            && facts.is_ok_and(|facts| runs.engine.permits(&runs.known.actor, &self.app, asked, facts))
    }

    /// The level of log messages an app may be told where it is connected for this call.
    fn level_for(&self, runs: &Runs<'_>, along: &Along) -> Option<String> {
        along.level().filter(|_| self.permitted(runs, Method::SetLevel))
    }

    /// The call that made the task it is about.
    fn made_by(&self) -> Option<CallId> {
        self.task.as_ref().map(|(task, _)| task.cause.clone())
    }

    /// What a client is told of a call that the app finishes later, under this id of its own.
    fn made_a_task(
        &self,
        runs: &Runs<'_>,
        along: &Along,
        call: &CallId,
        (id, hides): (String, Option<Arc<str>>),
        answer: Answer,
    ) -> Said {
        let task = Task {
            app: self.app.clone(),
            tool: self.tool.name.clone(),
            id,
            cause: call.clone(),
            class: self.tool.class,
            argument_bytes: self.arguments.as_ref().map_or(0, |arguments| arguments.len() as u64),
            hides,
        };
        match self.task_made(runs, along, &task, answer) {
            Ok(result) => Said::Response(envelope::result(&self.id, &result)),
            Err(fault) => self.said(&Closed::Failed { call: Some(call.clone()), fault, perhaps_executed: true }),
        }
    }

    /// The result of a call that the app finishes later. Error: nobody has said that it may, or it may not be shown.
    fn task_made(&self, runs: &Runs<'_>, along: &Along, task: &Task, answer: Answer) -> Result<Vec<u8>, Fault> {
        let may = match along.client() {
            Client::Modern { abilities, .. } => abilities.knows_tasks(),
            Client::Legacy(_) => self.wants_a_task,
        };
        if !may || self.asked != Asked::Tool {
            let said = "it made a task of the call, which this client does not know";
            return Err(Fault::new(Blame::Upstream, "upstream.result_type", said));
        }
        let id = runs.seals.task_id(&runs.known.actor, task);
        let id = id.ok_or_else(|| Fault::new(Blame::Bug, "bug.seal", "the id of a task could not be sealed"))?;
        let body = match &task.hides {
            Some(paths) => redaction::redact(answer, paths)?.0.body,
            None => answer.body,
        };
        Ok(tasks::renamed(&body, &task.id, &id))
    }

    /// How far a task is. What it asks for comes before the client as any question does.
    async fn progress(&self, runs: &Runs<'_>, along: &Along, call: CallId, answer: Answer) -> Said {
        if self.shape.modern && asks(&answer.body) {
            let wanted = Wanted::read(&answer.body, along.client());
            let put = match wanted {
                Ok(wanted) => {
                    for (wish, (_, id)) in wanted.wishes.iter().zip(self.task.iter().cycle()) {
                        runs.seals.task_asked(&runs.known.actor, id, &wish.key);
                    }
                    self.put(runs, along, &call, wanted.wishes, true).await
                }
                Err(fault) => Err(Closed::Failed { call: Some(call.clone()), fault, perhaps_executed: true }),
            };
            if let Err(closed) = put {
                return self.said(&closed);
            }
        }
        self.said(&Closed::Answered { call, answer, hides: None })
    }

    /// Brings before the client what the app asks. Gives the result of a client without a session, which comes back with
    /// the answers, and sees what is asked alone where rules hide something of its answer; none once a client with one has answered.
    /// Error: how the call ends instead.
    async fn unfinished(
        &mut self,
        runs: &Runs<'_>,
        along: &Along,
        call: CallId,
        (answer, hides): (&Answer, Option<&str>),
    ) -> Result<Option<Vec<u8>>, Closed> {
        let failed = |fault| Closed::Failed { call: Some(call.clone()), fault, perhaps_executed: true };
        let mut wanted = Wanted::read(&answer.body, along.client()).map_err(failed)?;
        for wish in &mut wanted.wishes {
            wish.over = self.link.over(wanted.state.as_deref(), &wish.key);
        }
        // Who is refused until somebody has opened an address begins again.
        let again = answer.kind == AnswerKind::ProtocolError;
        let rounds = self.goes_on.as_ref().map_or(0, |goes_on| goes_on.rounds).saturating_add(1);
        if rounds >= ROUNDS_MAX {
            let said = format!("it asked {ROUNDS_MAX} times and has not answered");
            return Err(failed(Fault::new(Blame::Upstream, "upstream.asks_too_often", said)));
        }
        if wanted.wishes.is_empty() && matches!(along.client(), Client::Legacy(_)) {
            // It wants nothing but to be asked again: another client would take its time, too.
            tokio::select! {
                () = tokio::time::sleep(pause_before(rounds)) => {}
                () = along.cancelled() => {}
            }
        }
        let keys = wanted.wishes.iter().map(|wish| wish.key.clone()).collect();
        let shown = hides.map_or_else(|| answer.body.clone(), |_| rounds::only_questions(&wanted.wishes));
        let given = self.put(runs, along, &call, wanted.wishes, false).await?;
        if let Client::Legacy(_) = along.client() {
            let onward = Onward { state: wanted.state, given };
            self.goes_on = Some(GoesOn { onward: Some(onward), cause: Some(call), rounds, once: None });
            return Ok(None);
        }
        let sealed = Sealed { state: wanted.state, cause: call.clone(), rounds, again, keys };
        let now = runs.engine.clock().now();
        let text = runs.seals.seal(&self.bound(&runs.known.actor), &sealed, now).map_err(failed)?;
        Ok(Some(rounds::with_state(&shown, &text)))
    }

    /// Each question is a call of its own. Gives what a client with a session answered; the other sees them in the result.
    async fn put(
        &self,
        runs: &Runs<'_>,
        along: &Along,
        cause: &CallId,
        wishes: Vec<Wish>,
        only_shown: bool,
    ) -> Result<Vec<Given>, Closed> {
        let mut asked = JoinSet::new();
        for (at, wish) in wishes.into_iter().enumerate() {
            let (wish, upstream): (Wish, Arc<dyn Upstream>) = match along.client() {
                _ if only_shown => (wish, Arc::new(Shown)),
                Client::Modern { .. } => (wish, Arc::new(Shown)),
                Client::Legacy(session) => {
                    let (session, along, method) = (Arc::clone(session), along.clone(), wish.method);
                    let task = self.task.as_ref().map(|(task, id)| (task.id.as_str(), id.as_str()));
                    let over = wish.over.clone();
                    (rounds::for_session(wish, task), Arc::new(Put { session, along, method, over }))
                }
            };
            let name = ToolName::parse(wish.method.as_str()).map_err(|error| {
                let fault = Fault::new(Blame::Bug, "bug.question", error.to_string());
                Closed::Failed { call: None, fault, perhaps_executed: true }
            })?;
            let request = CallRequest {
                actor: runs.known.actor.clone(),
                cause: Some(cause.clone()),
                app: self.app.clone(),
                method: wish.method,
                tool: ToolFacts::of_method(wish.method, name),
                arguments: wish.params,
                readable: None,
                wire: along.client().revision().wire(),
                trace_parent: along.trace_parent(),
                listed_at: None,
                kept: self.link.kept(),
                upstream,
                waiter: None,
                contract: contracted::facts(None, runs.known),
                taker: None,
            };
            let engine = runs.engine.clone();
            asked.spawn(async move { (at, wish.key, engine.call(request).await) });
        }
        let mut closed = asked.join_all().await;
        closed.sort_by_key(|(at, ..)| *at);
        let mut given = Vec::new();
        for (_, key, closed) in closed {
            match closed {
                Closed::Answered { answer, .. } => {
                    let error = answer.kind == AnswerKind::ProtocolError;
                    given.push(Given { key, error, body: answer.body });
                }
                // The call goes on without it.
                Closed::Failed { fault, .. } if fault.code() == TAKEN_BACK => {}
                Closed::Failed { call, fault, .. } => {
                    return Err(Closed::Failed { call, fault, perhaps_executed: true });
                }
                refused @ Closed::Refused(_) => return Err(refused),
            }
        }
        Ok(given)
    }

    /// What its client came back with is good once more, where nothing of it has left and the same may go well later.
    fn give_back(&self, runs: &Runs<'_>, closed: &Closed) {
        let Closed::Failed { fault, perhaps_executed: false, .. } = closed else { return };
        if let Some(once) = self.goes_on.as_ref().and_then(|goes_on| goes_on.once.as_ref())
            && fault.may_retry()
        {
            runs.seals.give_back(&runs.known.actor, once);
        }
    }

    /// Nobody will come back to what the app waits for.
    async fn give_up(&self, runs: &Runs<'_>, state: Option<&str>) {
        // What waited at an app that is replaced has ended with it.
        if let (Some(state), Some(link)) = (state, runs.hub.app(&self.app)) {
            link.give_up(state).await;
        }
    }

    fn bound<'a>(&'a self, actor: &'a Actor) -> Bound<'a> {
        let (method, name) = (self.asked.method(), self.tool.name.as_str());
        Bound { actor, app: &self.app, method, name, arguments: self.arguments.as_ref() }
    }

    /// Reads what a client without a session comes back with. Error: what to answer it.
    fn come_back(&mut self, params: Value<'_, '_>, body: &Bytes, runs: &Runs<'_>) -> Result<(), RpcError> {
        let wrong = |said: &str| RpcError::new(INVALID_PARAMS, said);
        let (responses, state) = (params.get("inputResponses"), params.get("requestState"));
        if !self.asked.comes_back() || (responses.is_none() && state.is_none()) {
            return Ok(());
        }
        let mut given = match responses {
            Some(responses) => rounds::given(responses, body).map_err(wrong)?,
            None => Vec::new(),
        };
        let Some(state) = state else {
            // What the app would ask, answered before it asks: good where it may ask that.
            given.retain(|one| rounds::answers(&one.body).is_some_and(|asked| self.permitted(runs, asked)));
            if given.is_empty() {
                return Ok(());
            }
            let onward = Some(Onward { state: None, given });
            self.goes_on = Some(GoesOn { onward, cause: None, rounds: 0, once: None });
            return Ok(());
        };
        let text = state.as_str().ok_or_else(|| wrong("`params.requestState` must be a string"))?;
        if runs.seals.hold(&runs.known.actor, &text).is_some() {
            // It waits for people, and begins again: it is the same call by what it asks, not by what it says of itself.
            self.was_told = true;
            return Ok(());
        }
        let now = runs.engine.clock().now();
        let opened = runs.seals.open(&self.bound(&runs.known.actor), &text, now);
        let (sealed, once) = opened.ok_or_else(|| wrong(STATE_REFUSED))?;
        // What nobody asked is no answer.
        given.retain(|one| sealed.keys.contains(&one.key));
        let Sealed { state, cause, rounds, again, .. } = sealed;
        let onward = (!again).then_some(Onward { state, given });
        self.goes_on = Some(GoesOn { onward, cause: Some(cause), rounds, once: Some(once) });
        Ok(())
    }
}

/// How long an app is left alone that wants only to be asked again: longer each time.
fn pause_before(round: u32) -> Duration {
    PAUSE.saturating_mul(2u32.saturating_pow(round.saturating_sub(1))).min(PAUSE_MAX)
}

/// Whether a task says that it waits for something.
fn asks(body: &[u8]) -> bool {
    json::Document::parse(body).is_ok_and(|document| document.root().get("inputRequests").is_some())
}

const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Shorter than this nobody is kept waiting to be told to ask again.
const LEAST_WAIT: Duration = Duration::from_secs(1);
const STATE_REFUSED: &str = "`params.requestState` is not one this gateway gave for this very call, or it was used before, or is too old: call again without it and without `inputResponses`";
