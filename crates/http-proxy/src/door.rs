//! The incoming half: `/api/{app}/…`.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use decide::{AnswerKind, OpenFuture, Outgoing, Permit, SendFault, Upstream, UpstreamFuture};
use engine::{
    CallRequest, Closed, Disposition, Engine, Held, Hold, HoldState, Looked, Readable, Waiter, WaiterFuture, came_of,
    rfc3339,
};
use front::{
    Body, Exchange, KnownVendor, Place, VendorAccess, Wire, WireFuture, json_response, read_body, share_of,
    trace_parent,
};
use http::request::Parts;
use http::{Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use model::{
    AppId, Blame, CallId, Class, ClassSource, ContractFacts, Fault, HoldId, Method, ReadArguments, Shown, ToolFacts,
    ToolName, ToolStatus, TraceParent, Verdict,
};
use openapi::{SaysOfItself, UNRESOLVED};

use crate::answer;
use crate::api::{Api, Apis, Asked};
use crate::arguments::IF_MATCH;
use crate::ask::Ask;
use crate::by_tool::reads_requests;
use crate::operation::Operation;
use crate::outbound::{Looks, Outbound, Said, State, holds_for, other_state, wire_of};
use crate::passing::{Begun, passing};
use crate::target::Target;

/// Where vendors come in.
pub struct Door {
    apis: Arc<Apis>,
    engine: Engine,
    access: VendorAccess,
    /// Reads arguments by their names.
    by_name: Arc<dyn ReadArguments>,
    public_url: String,
}

/// A vendor that asks, and over what.
struct Asker {
    who: KnownVendor,
    /// The place of its request among those in flight.
    place: Place,
    wire: &'static str,
    trace_parent: Option<TraceParent>,
}

/// One call of a vendor, ready to be decided.
struct Ready<'a> {
    asker: &'a Asker,
    api: &'a Arc<Api>,
    operation: Arc<Operation>,
    arguments: Bytes,
    facts: ContractFacts,
    cause: Option<CallId>,
    state: State,
    /// Where the answer is kept as it comes, where it is looked at here.
    looks: Option<Looks>,
}

/// A record was looked at.
struct Seen {
    /// The call that looked at it.
    call: CallId,
    /// Which version of it was there; none where it says none, and nothing keeps it as it was.
    version: Option<String>,
}

/// A record that could not be looked at, or may not be.
struct Unseen {
    /// The call that tried to, where there is one.
    call: Option<CallId>,
    response: Response<Body>,
}

/// How a call ended, as far as its vendor's response goes.
enum Ended {
    /// It goes on, or is whole, in this body.
    Begun(Begun, crate::passing::Passed),
    /// It is over.
    Closed(Closed),
}

/// Whoever asked is told at once that a call waits, and asks again.
struct AsksAgain {
    tool: ToolFacts,
}

/// Where nothing that the mapping names is asked for. Nothing ever leaves.
struct Nowhere;

// === impl Door ===

impl Door {
    /// The door to these APIs. `by_name` reads arguments of which nothing but their names is known. `public_url` is the base of every
    /// address clients use.
    pub fn new(
        apis: Arc<Apis>,
        engine: Engine,
        access: VendorAccess,
        by_name: Arc<dyn ReadArguments>,
        public_url: &str,
    ) -> Self {
        Self { apis, engine, access, by_name, public_url: public_url.trim_end_matches('/').to_owned() }
    }

    async fn respond(&self, exchange: Exchange) -> Response<Body> {
        let Exchange { request, place } = exchange;
        let (head, body) = request.into_parts();
        let who = match self.access.authenticate(&head) {
            Ok(who) => who,
            Err(response) => return *response,
        };
        let asker = Asker { who, place, wire: wire_of(head.version), trace_parent: trace_parent(&head.headers) };
        let understood = match asker.place.of_vendor(&asker.who.vendor) {
            Ok(()) => self.understand(&asker, &head, body).await,
            Err(fault) => Err(fault),
        };
        match understood {
            Ok(response) => response,
            Err(fault) => {
                tracing::info!(?fault, vendor = %asker.who.vendor, "a vendor's request was not understood");
                self.access.not_understood(&asker.who, &fault);
                answer::failed(None, &fault, false)
            }
        }
    }

    /// Error: it means nothing, or several things.
    async fn understand(&self, asker: &Asker, head: &Parts, body: Incoming) -> Result<Response<Body>, Fault> {
        let path = head.uri.path().strip_prefix(PREFIX).unwrap_or_default();
        let (app, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
        let unknown = || Fault::new(Blame::Caller, "caller.unknown_path", "there is no such API here");
        let api = self.apis.of(app).ok_or_else(unknown)?;
        if let Some(hold) = rest.strip_prefix(HOLDS) {
            return Ok(self.status_of_hold(&asker.who, &api.app, hold));
        }
        if head.headers.contains_key(header::UPGRADE) {
            return Err(Fault::new(Blame::Caller, "caller.request", "no other protocol is gone over to here"));
        }
        let target = Target::parse(rest, head.uri.query())?;
        let (operation, in_path) = match api.asked(&head.method, &target) {
            Asked::Operation(operation, in_path) => (operation, in_path),
            Asked::OtherMethod | Asked::Nothing => {
                return Ok(self.nothing_known(asker, &api, head, &target).await);
            }
        };
        let body = read_body(body, self.engine.limits().body_bytes_max).await?;
        let ask = Ask::read(&operation, in_path, target, &head.headers, body, &asker.who)?;
        Ok(self.decided(asker, &api, operation, ask).await)
    }

    /// Takes what is understood to its response.
    async fn decided(&self, asker: &Asker, api: &Arc<Api>, operation: Arc<Operation>, mut ask: Ask) -> Response<Body> {
        let mut seen = None;
        // Of what is made under no record, nothing but what is sent says how it stands.
        if operation.does == model::Operation::Create {
            let unclear = ask.takes_sent_state(&operation, &self.engine.conditions(&ask.facts));
            if let Some(fault) = unclear.any_of(&self.engine.conditions_now(&ask.facts)) {
                // How it would stand stays open, so that it cannot be permitted, and what was wanted is on record as that.
                let request = self.request(asker, api, &operation, (ask.arguments.write(), ask.facts));
                return match self.engine.call(request).await {
                    Closed::Refused(refusal) if refusal.verdict == Verdict::Defer => {
                        answer::failed(Some(&refusal.call), &fault, false)
                    }
                    closed => turned_away(closed),
                };
            }
        }
        // A list or a read shows itself whose it is. Of what is changed the vendor's word is not enough where the path names it.
        if !operation.does.only_reads() && (ask.facts.tenant == Shown::Open || operation.names_a_record()) {
            if self.is_refused_anyway(asker, api, &operation, &ask) {
                return turned_away(self.wanted(asker, api, &operation, &ask, None).await);
            }
            match self.look(asker, api, &operation, &mut ask).await {
                Ok(looked) => seen = Some(looked),
                Err(Unseen { call, response }) => {
                    return match self.wanted(asker, api, &operation, &ask, call).await {
                        Closed::Refused(_) => response,
                        closed => turned_away(closed),
                    };
                }
            }
        }
        let state = seen.as_ref().map_or(State::Seen, |seen| good_for_this_state(&mut ask, seen));
        let form = operation.form;
        let arguments = ask.arguments.write();
        let cause = seen.map(|seen| seen.call);
        let ready = Ready { asker, api, operation, arguments, facts: ask.facts, cause, state, looks: None };
        let (outbound, ended) = self.run(ready).await;
        if state == State::Other
            && let Ended::Closed(Closed::Refused(refusal)) = &ended
            && refusal.verdict == Verdict::Hold
        {
            return answer::failed(Some(&refusal.call), &other_state(), false);
        }
        self.response(api, &outbound, ended, form)
    }

    /// Whether this change is refused whatever its record says of itself: then nobody asks the app for it.
    fn is_refused_anyway(&self, asker: &Asker, api: &Api, operation: &Operation, ask: &Ask) -> bool {
        self.engine.hides_under(&asker.who.actor, &api.app, tool_facts(api, operation), &unseen(ask))
    }

    /// Puts on record that a change was wanted of which nobody knows whose data it is about: it is decided as such, and never leaves.
    async fn wanted(
        &self,
        asker: &Asker,
        api: &Arc<Api>,
        operation: &Operation,
        ask: &Ask,
        cause: Option<CallId>,
    ) -> Closed {
        let request = self.request(asker, api, operation, (ask.arguments.write(), unseen(ask)));
        self.engine.call(CallRequest { cause, ..request }).await
    }

    fn response(&self, api: &Api, outbound: &Outbound, ended: Ended, form: model::Form) -> Response<Body> {
        let said = outbound.said.get();
        // INVARIANT: however an app says that it has no such record, it does not look otherwise than one that is somebody else's
        // (test `a_read_that_shows_no_record_is_of_none_that_is_there`).
        let shows_none = outbound.operation.does == model::Operation::Read && said.is_some_and(Said::may_say_none);
        match ended {
            Ended::Begun(begun, _) if said.is_some_and(|said| !said.status.is_success()) => match shows_none {
                true => answer::nothing_there(Some(&begun.call)),
                false => answer::failed_there(&begun.call, said),
            },
            Ended::Begun(begun, body) => answer::answered(&begun.call, said, form, body.boxed_unsync(), begun.whole),
            Ended::Closed(Closed::Answered { call, answer, .. }) if answer.kind == AnswerKind::Result => {
                answer::whole(&call, said, form, answer.body)
            }
            Ended::Closed(Closed::Answered { call, .. }) if shows_none => answer::nothing_there(Some(&call)),
            Ended::Closed(Closed::Answered { call, .. }) => answer::failed_there(&call, said),
            Ended::Closed(Closed::Refused(refusal)) => {
                let url = |hold: &str| format!("{}{PREFIX}{}{HOLDS}{hold}", self.public_url, api.app);
                answer::refused(&refusal, url)
            }
            Ended::Closed(Closed::Failed { call, fault, perhaps_executed }) => {
                tracing::info!(?fault, "a vendor's call failed");
                if shows_none && engine::shows_no_record(&fault) {
                    return answer::nothing_there(call.as_ref());
                }
                let carried_out = perhaps_executed && said.is_some_and(|said| said.status.is_success());
                match call {
                    // INVARIANT: a change that was carried out is never said to have found nothing (test
                    // `a_change_that_was_carried_out_is_said_to_be_though_its_answer_may_not_be_shown`).
                    Some(call)
                        if carried_out && !outbound.operation.does.only_reads() && fault.blame() == Blame::Rule =>
                    {
                        answer::not_shown(&call, &fault)
                    }
                    call => answer::failed(call.as_ref(), &fault, perhaps_executed),
                }
            }
        }
    }

    /// Carries one call until its answer begins or it is over.
    async fn run(&self, ready: Ready<'_>) -> (Arc<Outbound>, Ended) {
        let Ready { asker, api, operation, arguments, facts, cause, state, looks } = ready;
        let request = self.request(asker, api, &operation, (arguments, facts));
        let outbound = Arc::new(Outbound {
            api: Arc::clone(api),
            operation,
            credentials: Arc::clone(self.engine.credentials()),
            said: OnceLock::new(),
            state,
            looks,
            room: Some(self.apis.room(&api.app, share_of(self.engine.limits().calls_in_flight_max))),
            _place: Some(asker.place.clone()),
        });
        let (taker, mut begins, passed) = passing();
        // Nobody is asked to approve what cannot leave: the record is in another state than the one that it is asked for.
        let waits = state != State::Other;
        let waiter = waits.then(|| Arc::new(AsksAgain { tool: request.tool.clone() }) as Arc<dyn Waiter>);
        let request = CallRequest {
            cause,
            upstream: Arc::clone(&outbound) as Arc<dyn Upstream>,
            waiter,
            taker: Some(Arc::new(taker)),
            ..request
        };
        let mut call = Box::pin(self.engine.call(request));
        let closed = tokio::select! {
            biased;
            // What goes on without us goes on by itself.
            Ok(begun) = &mut begins => return (outbound, Ended::Begun(begun, passed)),
            closed = &mut call => closed,
        };
        match begins.try_recv() {
            Ok(begun) => (outbound, Ended::Begun(begun, passed)),
            Err(_) => (outbound, Ended::Closed(closed)),
        }
    }

    /// A call of this operation that goes nowhere, and waits for nobody.
    fn request(
        &self,
        asker: &Asker,
        api: &Arc<Api>,
        operation: &Operation,
        (arguments, facts): (Bytes, ContractFacts),
    ) -> CallRequest {
        let reader = reads_requests(&api.tools, &operation.name, Arc::clone(&self.by_name));
        let readable = Some(Readable { arguments: arguments.clone(), reader });
        CallRequest { readable, ..unread(asker, api, tool_facts(api, operation), arguments, facts) }
    }

    /// Looks at the record that is to be changed, in a call of its own, and takes what it says of itself among the facts.
    async fn look(&self, asker: &Asker, api: &Arc<Api>, operation: &Operation, ask: &mut Ask) -> Result<Seen, Unseen> {
        let refused = |call: Option<CallId>, fault: Fault| {
            let response = answer::failed(call.as_ref(), &fault, false);
            Unseen { call, response }
        };
        let entity = operation.entity.as_deref().unwrap_or_default();
        let found = api.resolver(operation).zip(operation.id_in_path());
        let named = found.and_then(|(resolver, name)| Some((resolver, ask.arguments.path.get(name)?.clone())));
        let (Some((resolver, id)), Some(known)) = (named, api.mapping.entities.get(entity)) else {
            let said = "nothing tells whose record this would change, and no operation looks it up";
            return Err(refused(
                None,
                Fault::new(Blame::Rule, UNRESOLVED, said)
                    .hint("have the app's mapping name an operation that reads one record at the same path"),
            ));
        };
        let in_path = resolver.id_in_path().map(|name| BTreeMap::from([(name.to_owned(), id.clone())]));
        let looked = Ask::read(
            resolver,
            in_path.unwrap_or_default(),
            Target::default(),
            &http::HeaderMap::new(),
            Bytes::new(),
            &asker.who,
        )
        .map_err(|fault| refused(None, fault))?;
        let looks = Looks::default();
        let ready = Ready {
            asker,
            api,
            operation: Arc::clone(resolver),
            arguments: looked.arguments.write(),
            facts: looked.facts,
            cause: None,
            state: State::Seen,
            looks: Some(Arc::clone(&looks)),
        };
        let (outbound, ended) = self.run(ready).await;
        let (call, body) = match ended {
            Ended::Begun(begun, body) if outbound.said.get().is_some_and(|said| said.status.is_success()) => {
                (begun.call, Some(body))
            }
            // Kept until it was whole, because a rule keeps something of it back.
            Ended::Closed(Closed::Answered { call, answer, .. }) if answer.kind == AnswerKind::Result => (call, None),
            ended => {
                let call = ended.call().cloned();
                return Err(Unseen { call, response: self.response(api, &outbound, ended, resolver.form) });
            }
        };
        // It is let out to nobody, but it must have passed the contract as a whole.
        if let Some(body) = body
            && body.collect().await.is_err()
        {
            let said = "the record that this would change could not be looked at whole";
            return Err(refused(Some(call), Fault::new(Blame::Upstream, "upstream.broke_off", said)));
        }
        let rows = api.mapping.operations.get(resolver.name.as_str()).and_then(|mapped| mapped.rows.clone());
        let record = std::mem::take(&mut *looks.lock().unwrap_or_else(PoisonError::into_inner));
        let fields = self.engine.conditions(&ask.facts);
        let Some(says) = SaysOfItself::read(&record, rows.as_deref(), known, &fields) else {
            let said = "the record that this would change does not say whose it is";
            return Err(refused(Some(call), Fault::new(Blame::Rule, answer::OUTSIDE, said)));
        };
        // INVARIANT: a change is let out on the word of the record that it is of (test
        // `a_change_is_of_the_record_that_was_looked_at`).
        if let Err(fault) = says.is_named(&id) {
            return Err(refused(Some(call), fault));
        }
        says.into_facts(&mut ask.facts);
        Ok(Seen { call, version: outbound.said.get().and_then(|said| said.version.clone()) })
    }

    /// What the mapping does not name is a call, too: it is refused by the contract, and that is on record.
    async fn nothing_known(&self, asker: &Asker, api: &Api, head: &Parts, target: &Target) -> Response<Body> {
        let Ok(name) = ToolName::parse(UNKNOWN) else {
            return answer::failed(None, &Fault::new(Blame::Bug, "bug.name", "a name of ours is none"), false);
        };
        let arguments = serde_json::json!({ "method": head.method.as_str(), "path": target.segments });
        let tool = ToolFacts::new(name, Class::Destructive, ClassSource::Unreviewed, ToolStatus::Unreviewed);
        let request = unread(asker, api, tool, Bytes::from(arguments.to_string()), asker.who.unknown_call());
        turned_away(self.engine.call(request).await)
    }

    /// Where a call stands that waits for people, or what came of it. Others' calls are not there.
    fn status_of_hold(&self, who: &KnownVendor, app: &AppId, hold: &str) -> Response<Body> {
        let theirs = |hold: &Arc<Hold>| {
            let asked = &hold.asked;
            asked.agent == who.actor.agent && asked.task == who.actor.task && asked.app == *app
        };
        let now = |id: &HoldId| self.engine.hold(id).ok().map(|waiting| waiting.hold);
        let known = |id: HoldId| now(&id).or_else(|| self.engine.hold_over(&id).map(|over| over.hold));
        let Some(hold) = HoldId::parse(hold).ok().and_then(known).filter(theirs) else {
            let said = "there is no such call that waits, or it has been over for a while";
            return answer::failed(None, &Fault::new(Blame::Caller, "caller.unknown_path", said), false);
        };
        let (state, next) = match &hold.state {
            HoldState::Pending => ("pending", "ask again later"),
            HoldState::Approved { .. } => ("approved", "send the same request again: it runs then"),
            HoldState::Claimed { .. } => ("running", "ask again later"),
            HoldState::Denied { .. } => ("denied", "do not repeat it unchanged"),
            HoldState::Expired { .. } => ("expired", "send it again if it is still wanted"),
            HoldState::Cancelled { .. } if came_of(&hold) == Some(Disposition::OutcomeUnknown) => {
                ("cancelled", "it was decided in another request: look for what came of it before you send it again")
            }
            HoldState::Cancelled { .. } => ("cancelled", "send it again if it is still wanted"),
            HoldState::Ended { .. } => ("ended", "it was carried out, or found not to be allowed any more"),
        };
        let said = serde_json::json!({
            "hold": hold.id,
            "call": hold.asked.call,
            "state": state,
            "next": next,
            "expires_at": rfc3339(hold.expires_at),
        });
        json_response(StatusCode::OK, said.to_string())
    }
}

// === impl Ended ===

impl Ended {
    fn call(&self) -> Option<&CallId> {
        match self {
            Self::Begun(begun, _) => Some(&begun.call),
            Self::Closed(Closed::Answered { call, .. }) => Some(call),
            Self::Closed(Closed::Refused(refusal)) => Some(&refusal.call),
            Self::Closed(Closed::Failed { call, .. }) => call.as_ref(),
        }
    }
}

impl Wire for Door {
    fn owns(&self, path: &str) -> bool {
        path.starts_with(PREFIX)
    }

    fn answer(&self, exchange: Exchange) -> WireFuture<'_> {
        Box::pin(self.respond(exchange))
    }
}

impl Waiter for AsksAgain {
    fn waits(&self, _: &Held) {}

    fn gone(&self) -> WaiterFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn look_again(&self) -> WaiterFuture<'_, Result<Option<Looked>, Fault>> {
        Box::pin(std::future::ready(Ok(Some(Looked { tool: self.tool.clone(), listed_at: None, meaning: None }))))
    }

    fn ended(&self, _: Disposition) {}

    fn time_max(&self) -> Option<Duration> {
        Some(Duration::ZERO)
    }
}

impl Upstream for Nowhere {
    fn send<'a>(&'a self, permit: Permit, _: Outgoing) -> UpstreamFuture<'a> {
        drop(permit);
        Box::pin(std::future::ready(Err(SendFault::before(nowhere()))))
    }

    fn open<'a>(&'a self, permit: Permit, _: Outgoing) -> OpenFuture<'a> {
        drop(permit);
        Box::pin(std::future::ready(Err(SendFault::before(nowhere()))))
    }
}

fn nowhere() -> Fault {
    Fault::new(Blame::Caller, "caller.unknown_path", "there is no such operation, or not with this method")
}

/// A call that goes nowhere, waits for nobody, and of which rules read no arguments.
fn unread(asker: &Asker, api: &Api, tool: ToolFacts, arguments: Bytes, facts: ContractFacts) -> CallRequest {
    CallRequest {
        actor: asker.who.actor.clone(),
        app: api.app.clone(),
        method: Method::ToolsCall,
        tool,
        cause: None,
        arguments: Some(arguments),
        readable: None,
        wire: asker.wire,
        trace_parent: asker.trace_parent,
        listed_at: None,
        kept: api.kept,
        upstream: Arc::new(Nowhere),
        waiter: None,
        contract: Some(Arc::new(facts)),
        taker: None,
    }
}

/// What a call is answered that goes nowhere.
fn turned_away(closed: Closed) -> Response<Body> {
    match closed {
        Closed::Refused(refusal) => answer::refused(&refusal, |_| String::new()),
        Closed::Failed { call, fault, .. } => answer::failed(call.as_ref(), &fault, false),
        Closed::Answered { call, .. } => answer::failed(Some(&call), &nowhere(), false),
    }
}

/// What is known of a change while nobody has looked at its record: the vendor's word for whose it is does not count.
fn unseen(ask: &Ask) -> ContractFacts {
    ContractFacts { tenant: Shown::Open, ..ask.facts.clone() }
}

/// Has the change be good for that state of its record only which was looked at, unless it asks for another one itself.
fn good_for_this_state(ask: &mut Ask, seen: &Seen) -> State {
    let condition = ask.arguments.headers.get(IF_MATCH);
    // Without a version, none is known to be there but any.
    if condition.is_some_and(|condition| !holds_for(condition, seen.version.as_deref().unwrap_or_default())) {
        return State::Other;
    }
    let Some(version) = &seen.version else { return State::Unversioned };
    ask.arguments.headers.insert(IF_MATCH.to_owned(), version.clone());
    State::Seen
}

/// Somebody wrote the mapping down and looked at it: its word counts.
fn tool_facts(api: &Api, operation: &Operation) -> ToolFacts {
    let definition = api.definition(&operation.name);
    let facts = ToolFacts::new(operation.name.clone(), operation.class, ClassSource::Profile, ToolStatus::Pinned);
    ToolFacts { definition, ..facts }
}

const PREFIX: &str = "/api/";
const HOLDS: &str = "/-/holds/";
/// What is asked for where the mapping names nothing.
const UNKNOWN: &str = "unknown-operation";

#[cfg(test)]
mod tests;
