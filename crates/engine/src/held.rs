//! A call that is held: it waits, is decided again once people have approved it, and is taken up once.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use decide::{AnswerKind, Decision};
use hold::{Asked, Disposition, Event, Hold, State, WaitsFor};
use model::limits::HOLD_SAID_CHARS_MAX;
use model::{
    ArgumentFacts, ArgumentLevel, ArgumentReads, CallId, Digest, DirectorySnapshot, Facts, Fault, HoldId, Lifted,
    ReadArguments, ToolFacts, ToolStatus, UnixMicros, Verdict, in_place,
};
use trace::Approved;

use crate::call::{CallRequest, Closed, asked_of, carry_out, not_executed, record, refusal};
use crate::emergencies::{GIVEN_BY_CALL, gives_back};
use crate::engine::Shared;
use crate::entry::{Attached, Carried, Entry, Key};
use crate::gate::Gated;
use crate::holds::{NotOpened, StepFault};
use crate::refusal::{Held, HeldState};

/// Whoever waits for a call that is held.
pub trait Waiter: Send + Sync {
    /// The call begins to wait. Said once.
    fn waits(&self, held: &Held);
    /// Ends when nobody waits any more.
    fn gone(&self) -> WaiterFuture<'_, ()>;
    /// What the tool is by now. None: it is there no more. Error: its app cannot be asked right now.
    fn look_again(&self) -> WaiterFuture<'_, Result<Option<Looked>, Fault>>;
    /// Who reads its arguments by now, for another profile may say what they are. None: who did before. Asked once it was looked
    /// again.
    fn reader(&self) -> Option<Arc<dyn ReadArguments>> {
        None
    }
    /// How much of its arguments the record keeps by now. None: as much as before. Asked once it was looked again.
    fn kept(&self) -> Option<ArgumentLevel> {
        None
    }
    /// What came of it, before the call is closed.
    fn ended(&self, disposition: Disposition);
    /// What the agent says of the call, beside its arguments. None: nothing. Asked once.
    fn said(&self) -> Option<String> {
        None
    }
    /// How long it can wait for an answer, where that is not as long as the gateway lets its clients wait.
    fn time_max(&self) -> Option<Duration> {
        None
    }
}

/// What a waiter is asked for.
pub type WaiterFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A tool, looked at again.
pub struct Looked {
    /// What it is.
    pub tool: ToolFacts,
    /// When its app said so.
    pub listed_at: Option<UnixMicros>,
    /// Where a call of it goes and what it is about there, as the app is configured ([`decide::Upstream::meaning`]).
    pub meaning: Option<Digest>,
}

/// What came of taking a call up.
enum Taken {
    /// It has ended.
    Closed(Box<Closed>),
    /// Somebody else was quicker, or what it waits for is not there yet.
    NotNow,
    /// Its app cannot be asked right now what the tool is, or the rules know the app by another description than it has.
    NobodyKnows,
    /// Nobody waits for the answer of its app any more.
    Enough,
}

/// None: somebody else was quicker, or it has ended meanwhile.
impl From<Option<Closed>> for Taken {
    fn from(closed: Option<Closed>) -> Self {
        closed.map_or(Self::NotNow, |closed| Self::Closed(Box::new(closed)))
    }
}

impl From<Closed> for Taken {
    fn from(closed: Closed) -> Self {
        Self::Closed(Box::new(closed))
    }
}

/// How waiting ended.
enum Waited {
    /// People approved, and nobody has taken it up yet.
    Approved,
    /// It was taken up by another request of the same call, and has ended.
    Shared(Arc<Hold>),
    /// It will not run.
    Over(Arc<Hold>),
    /// It waits for a fact, which may be there by now.
    Look,
    /// Whoever waits has waited long enough.
    Enough(Arc<Hold>),
}

/// The call decided once more, where people approved beforehand what holds it, with who did. None: nobody, or it does not run all
/// the same, or there is an identical call already, which is the one to go on with: it waits, or whoever asks has to be told of a no.
pub(crate) fn beforehand(
    shared: &Shared,
    call: &CallId,
    request: &CallRequest,
    gated: &Gated,
) -> Option<(Gated, Vec<Approved>)> {
    let held = gated.decision.verdict() == Verdict::Hold;
    if !held || (shared.emergencies.are_none() && shared.for_tasks.are_none()) {
        return None;
    }
    let asked = asked(call, request, gated);
    let approved = shared.approved_for_task(&asked).or_else(|| shared.emergency_for(&asked))?;
    if shared.desk.keeps(&Key::of(&asked, WaitsFor::People)) {
        return None;
    }
    let lifted = asked.reasons.iter().map(Lifted::from).collect();
    let again = shared.gate.decide_approved(&asked_of(request), lifted).ok()?;
    (again.decision.verdict().runs() && again.arguments == gated.arguments).then_some((again, approved))
}

/// What waits for a fact and is the same call as this one, which is decided. None: this one is not decided either, or somebody is
/// kept waiting for the other, who finds that out without this.
pub(crate) fn left_waiting(shared: &Shared, call: &CallId, request: &CallRequest, gated: &Gated) -> Option<Arc<Entry>> {
    if !shared.desk.waits_for_facts() || gated.decision.verdict() == Verdict::Defer {
        return None;
    }
    shared.desk.left_alone(&Key::of(&asked(call, request, gated), WaitsFor::Fact))
}

/// Takes back what waited for a fact: it was asked again, and this call is what was decided. That is on record.
pub(crate) async fn decided(shared: &Shared, left: &Arc<Entry>, call: &CallId) {
    let by = format!("{GIVEN_BY_CALL}{call}");
    if let Err(StepFault::Fault(fault)) = shared.step(left, Event::Cancel { by: by.clone() }, &by).await {
        tracing::warn!(?fault, hold = %left.now().id, "a call that is decided by now goes on waiting for a fact");
    }
}

/// Takes a call that is held from there to its end.
pub(crate) async fn wait(
    shared: Arc<Shared>,
    mut request: Box<CallRequest>,
    told: Box<Told>,
    waiter: Arc<dyn Waiter>,
) -> Closed {
    // Thousands wait for hours: what only the beginning needs is gone by then, and what is kept has a room of its own size.
    let attached = match in_place(|| begin(&shared, &mut request, &told)).await {
        Ok(attached) => attached,
        Err(closed) => return *closed,
    };
    let entry = attached.entry();
    waiter.waits(&held(&entry.now()));
    let most = waiter.time_max().unwrap_or(shared.parts.limits.hold_wait_max);
    let mut enough = Box::pin(tokio::time::sleep(most));
    loop {
        match waited(&shared, entry, waiter.as_ref(), enough.as_mut()).await {
            Waited::Approved | Waited::Look => {
                let taken = take_up(&shared, entry, &mut request, (waiter.as_ref(), &told), enough.as_mut());
                match Box::pin(taken).await {
                    Taken::Closed(closed) => return *closed,
                    Taken::NotNow => {}
                    Taken::Enough => return told.of(&shared, &entry.now()),
                    // An app that is started anew takes a while, and what people approved is worth as much then.
                    Taken::NobodyKnows => tokio::select! {
                        () = tokio::time::sleep(LOOK_EVERY) => {}
                        () = shared.desk.closing.cancelled() => return told.of(&shared, &entry.now()),
                        () = waiter.gone() => return told.of(&shared, &entry.now()),
                        () = enough.as_mut() => return told.of(&shared, &entry.now()),
                    },
                }
            }
            Waited::Shared(hold) => return shared_end(&shared, entry, &hold, waiter.as_ref(), &told),
            Waited::Over(hold) => {
                waiter.ended(came_of(&hold).unwrap_or(Disposition::DeniedNotExecuted));
                if let Err(fault) = Box::pin(shared.told(entry)).await {
                    tracing::warn!(?fault, hold = %hold.id, "that somebody was told could not be recorded");
                }
                return told.of(&shared, &hold);
            }
            Waited::Enough(hold) => return told.of(&shared, &hold),
        }
    }
}

/// What whoever waits is told of the call where it does not run.
pub(crate) struct Told {
    pub(crate) call: CallId,
    pub(crate) gated: Gated,
}

/// Writes the intent, and the hold or that it belongs to one. On disk when this returns.
async fn begin(shared: &Shared, request: &mut CallRequest, told: &Told) -> Result<Attached, Box<Closed>> {
    let Told { call, gated } = told;
    let waits_for = if gated.decision.verdict() == Verdict::Hold { WaitsFor::People } else { WaitsFor::Fact };
    let contract = gated.facts.contract.as_ref().map(|contract| &contract.contract);
    let of_the_vendor = contract.map(|contract| shared.gate.of_the_vendor(contract)).unwrap_or_default();
    let asked = Asked { said: said(request), of_the_vendor, ..asked(call, request, gated) };
    if waits_for == WaitsFor::People
        && let Some(first) = shared.desk.first_call(&Key::of(&asked, waits_for))
    {
        request.cause = Some(first);
    }
    if let Err(fault) = record(shared, call, request, gated, Vec::new()).await {
        return Err(Box::new(not_executed(Some(call.clone()), fault)));
    }
    if let Some(left) = left_waiting(shared, call, request, gated) {
        decided(shared, &left, call).await;
    }
    match shared.open_hold(asked, waits_for, request.arguments.clone()).await {
        Ok(attached) => Ok(attached),
        Err(NotOpened::Unheld(why)) => {
            let refusal = told.refusal(shared);
            Err(Box::new(Closed::Refused(crate::Refusal { unheld: Some(why), ..refusal })))
        }
        Err(NotOpened::Fault(fault)) => Err(Box::new(not_executed(Some(call.clone()), fault))),
    }
}

async fn waited(
    shared: &Shared,
    entry: &Arc<Entry>,
    waiter: &dyn Waiter,
    mut enough: Pin<&mut tokio::time::Sleep>,
) -> Waited {
    let mut steps = entry.steps();
    loop {
        let hold = Arc::clone(&steps.borrow_and_update());
        match hold.state {
            State::Approved { .. } if shared.parts.clock.now() < hold.expires_at => {
                // What people approved runs while somebody waits for it, and not behind their back.
                tokio::select! {
                    biased;
                    () = waiter.gone() => return Waited::Enough(hold),
                    () = std::future::ready(()) => return Waited::Approved,
                }
            }
            State::Pending | State::Approved { .. } if shared.parts.clock.now() >= hold.expires_at => {
                // Whoever else expires it meanwhile does the same.
                if let Err(StepFault::Fault(fault)) = Box::pin(shared.step(entry, Event::Expire, "gateway")).await {
                    tracing::warn!(?fault, hold = %hold.id, "a hold that is too old could not be ended");
                    return Waited::Enough(hold);
                }
                continue;
            }
            State::Pending | State::Approved { .. } | State::Claimed { .. } => {}
            State::Ended { disposition: Disposition::DeniedNotExecuted, .. } => return Waited::Over(hold),
            State::Ended { .. } => return Waited::Shared(hold),
            State::Denied { .. } | State::Expired { .. } | State::Cancelled { .. } => return Waited::Over(hold),
        }
        tokio::select! {
            biased;
            step = steps.changed() => if step.is_err() { return Waited::Enough(hold) },
            () = shared.desk.closing.cancelled() => return Waited::Enough(hold),
            () = waiter.gone() => return Waited::Enough(hold),
            () = enough.as_mut() => return Waited::Enough(hold),
            () = tokio::time::sleep(LOOK_EVERY), if looks(&hold) => return Waited::Look,
        }
    }
}

/// Looks at the tool again, and takes the call up where it can.
async fn take_up(
    shared: &Arc<Shared>,
    entry: &Arc<Entry>,
    request: &mut CallRequest,
    (waiter, told): (&dyn Waiter, &Told),
    enough: Pin<&mut tokio::time::Sleep>,
) -> Taken {
    let approved = entry.now().waits_for == WaitsFor::People;
    let enough = async {
        enough.await;
        if approved {
            tokio::time::sleep(LOOK_TIME_MIN).await;
        }
    };
    // Only the look is given up: what is taken up goes to its end.
    let looked = tokio::select! {
        biased;
        looked = tokio::time::timeout(LOOK_TIME_MAX, waiter.look_again()) => looked,
        () = shared.desk.closing.cancelled() => return Taken::Enough,
        () = waiter.gone() => return Taken::Enough,
        () = enough => return Taken::Enough,
    };
    let looked = match looked {
        Ok(Ok(looked)) => looked,
        Ok(Err(fault)) => {
            tracing::debug!(?fault, "what was approved waits for its app");
            return Taken::NobodyKnows;
        }
        Err(_) => return Taken::NobodyKnows,
    };
    decided_again(shared, entry, request, looked, (waiter, told)).await
}

/// Decides again on what is true now, and, where it runs, takes it up and carries it out.
async fn decided_again(
    shared: &Arc<Shared>,
    entry: &Arc<Entry>,
    request: &mut CallRequest,
    looked: Option<Looked>,
    (waiter, told): (&dyn Waiter, &Told),
) -> Taken {
    let waits_for_a_fact = entry.now().waits_for == WaitsFor::Fact;
    let turn = entry.turn.lock().await;
    let hold = entry.now();
    if !matches!(hold.state, State::Approved { .. }) && !looks(&hold) {
        return Taken::NotNow;
    }
    let call = match shared.new_call() {
        Ok(call) => call,
        Err(fault) => return not_executed(None, fault).into(),
    };
    let refused = |why: String| Refused { why, gated: None };
    let decided = match looked {
        None if waits_for_a_fact => return Taken::NotNow,
        // Its facts are of what it meant when it was asked.
        Some(looked) if waits_for_a_fact && looked.meaning != meaning(request) => return Taken::NotNow,
        None => Err(refused(format!("`{}` is not offered any more", hold.asked.tool))),
        Some(looked) => {
            if let (Some(readable), Some(reader)) = (&mut request.readable, waiter.reader()) {
                readable.reader = reader;
            }
            request.kept = waiter.kept().unwrap_or(request.kept);
            again(shared, request, looked, &hold)
        }
    };
    request.cause = Some(hold.asked.call.clone());
    let approvals = approvals(&hold);
    let gated = match decided {
        Ok(gated) => gated,
        Err(refused) if waits_for_a_fact && refused.verdict() == Some(Verdict::Defer) => return Taken::NotNow,
        // What people approved is worth as much in a moment.
        Err(refused) if refused.nobody_knows() => return Taken::NobodyKnows,
        Err(refused) => {
            return turned_down(shared, entry, call, request, refused, (waiter, told)).await.into();
        }
    };
    let now = shared.parts.directory.snapshot();
    let claim = Event::Claim { call: call.clone(), directory: &now };
    match shared.step_in_turn(entry, claim, "gateway").await {
        Ok(_) => {}
        Err(StepFault::Refused(why)) => {
            // Expiry is a step of its own; anything else is an approval that does not count any more.
            if !matches!(why, hold::Refused::Expired) {
                let event = Event::Refuse { why: why.to_string() };
                if let Err(StepFault::Fault(fault)) = shared.step_in_turn(entry, event, "gateway").await {
                    return not_executed(Some(call), fault).into();
                }
            }
            return Taken::NotNow;
        }
        Err(StepFault::Fault(fault)) => return not_executed(Some(call), fault).into(),
    }
    let mut carried = Carried::out(entry);
    let durable = match record(shared, &call, request, &gated, approvals).await {
        Ok(durable) => durable,
        Err(fault) => {
            // Nothing has left. Where this cannot be written either, it is tried again.
            carried.so_far = Disposition::ExecutionError;
            let event = Event::End { disposition: Disposition::ExecutionError };
            let _noted = shared.step_in_turn(entry, event, "gateway").await;
            return not_executed(Some(call), fault).into();
        }
    };
    drop(turn);
    let gated = Gated { taken_up: !waits_for_a_fact, ..gated };
    let closed = carry_out(shared, call, request, gated, durable).await;
    let disposition = disposition(&closed);
    carried.so_far = disposition;
    if let Closed::Answered { call, answer, hides } = &closed {
        let _first = entry.answer.set((call.clone(), answer.clone(), hides.clone()));
    }
    if let Err(fault) = shared.step(entry, Event::End { disposition }, "gateway").await.map_err(Fault::from) {
        tracing::error!(?fault, hold = %hold.id, "the end of a hold could not be recorded; it is tried again");
    }
    waiter.ended(disposition);
    closed.into()
}

/// What people approved does not run: that is on record, and ends the hold. None: it has ended meanwhile.
async fn turned_down(
    shared: &Shared,
    entry: &Arc<Entry>,
    call: CallId,
    request: &CallRequest,
    refused: Refused,
    (waiter, told): (&dyn Waiter, &Told),
) -> Option<Closed> {
    let (hold, Refused { why, gated }) = (entry.now(), refused);
    if let Some(gated) = &gated
        && let Err(fault) = record(shared, &call, request, gated, approvals(&hold)).await
    {
        return Some(not_executed(Some(call), fault));
    }
    let ended = match shared.step_in_turn(entry, Event::Refuse { why }, "gateway").await {
        Ok(ended) => ended,
        Err(StepFault::Refused(_)) => return None,
        Err(StepFault::Fault(fault)) => return Some(not_executed(Some(call), fault)),
    };
    waiter.ended(Disposition::DeniedNotExecuted);
    let mut refusal = match &gated {
        Some(gated) => refusal(call, &shared.parts.directory.snapshot(), gated),
        None => {
            let directory = shared.parts.directory.snapshot();
            crate::call::refusal_for(call, &directory, &told.gated.facts, Verdict::Hold, &hold.asked.reasons)
        }
    };
    if ended.waits_for == WaitsFor::People {
        refusal.held = Some(held(&ended));
    } else if refusal.verdict == Verdict::Hold {
        refusal.unheld = Some("it waited for a fact, and now a person has to approve it: call again".to_owned());
    }
    Some(Closed::Refused(refusal))
}

impl Told {
    /// How the hold stands that it belongs to.
    fn of(&self, shared: &Shared, hold: &Hold) -> Closed {
        Closed::Refused(crate::Refusal { held: Some(held(hold)), ..self.refusal(shared) })
    }

    fn refusal(&self, shared: &Shared) -> crate::Refusal {
        refusal(self.call.clone(), &shared.parts.directory.snapshot(), &self.gated)
    }
}

struct Refused {
    why: String,
    gated: Option<Box<Gated>>,
}

impl Refused {
    fn verdict(&self) -> Option<Verdict> {
        self.gated.as_ref().map(|gated| gated.decision.verdict())
    }

    /// Whether nothing keeps it from running but that nobody knows right now what it is.
    fn nobody_knows(&self) -> bool {
        let unknown = self.gated.as_ref().is_some_and(|gated| gated.facts.tool.status == ToolStatus::Unknown);
        unknown && self.verdict() == Some(Verdict::Defer)
    }
}

/// Whether it waits for a fact, which may be there by now.
fn looks(hold: &Hold) -> bool {
    hold.waits_for == WaitsFor::Fact && matches!(hold.state, State::Pending)
}

/// Decides again: with the tool as it is now, under the rules in force, with what people approved and nothing more.
fn again(shared: &Shared, request: &mut CallRequest, looked: Looked, hold: &Hold) -> Result<Gated, Refused> {
    let refused = |why: String| Refused { why, gated: None };
    let by_people = hold.waits_for == WaitsFor::People;
    if by_people && looked.tool.definition != hold.asked.definition {
        return Err(refused(format!("the definition of `{}` changed after it was asked for", hold.asked.tool)));
    }
    if by_people && [looked.meaning, meaning(request)].iter().any(|now| *now != hold.asked.meaning) {
        let Asked { app, tool, meaning, .. } = &hold.asked;
        if meaning.is_none() {
            let said = "it was approved before this version of countersign, which did not put down where it goes";
            return Err(refused(said.to_owned()));
        }
        return Err(refused(format!("`{app}` is configured in another way by now than when `{tool}` was asked for")));
    }
    if by_people && looked.tool.class > hold.asked.class {
        let said = format!("`{}` counts as {} by now, which nobody approved", hold.asked.tool, looked.tool.class);
        return Err(refused(said));
    }
    (request.tool, request.listed_at) = (looked.tool, looked.listed_at);
    let lifted: Vec<Lifted> = hold.asked.reasons.iter().filter(|_| by_people).map(Lifted::from).collect();
    let gated = shared.gate.decide_approved(&asked_of(request), lifted).map_err(|fault| refused(fault.to_string()))?;
    if (gated.arguments, request.upstream.is_spread()) != (hold.asked.arguments, hold.asked.spread) {
        return Err(refused("its arguments are others than those that were approved".to_owned()));
    }
    if gated.decision.verdict().runs() {
        return Ok(gated);
    }
    let why = gated.decision.reasons().first().map_or_else(String::new, |reason| reason.sentence.clone());
    let why = match gated.decision.verdict() {
        Verdict::Hold => format!("a rule that nobody has approved for it holds it now: {why}"),
        _ => why,
    };
    Err(Refused { why, gated: Some(Box::new(gated)) })
}

/// What another request of the same call came to is the answer of this one, too.
fn shared_end(shared: &Shared, entry: &Entry, hold: &Hold, waiter: &dyn Waiter, told: &Told) -> Closed {
    if let State::Ended { disposition, .. } = hold.state {
        waiter.ended(disposition);
    }
    match entry.answer.get() {
        Some((call, answer, hides)) => {
            Closed::Answered { call: call.clone(), answer: answer.clone(), hides: hides.clone() }
        }
        None => told.of(shared, hold),
    }
}

fn disposition(closed: &Closed) -> Disposition {
    match closed {
        Closed::Answered { answer, .. } => match answer.kind {
            AnswerKind::Result => Disposition::ApprovedExecuted,
            // It asks for something first: whether it has acted nobody knows.
            AnswerKind::Unfinished => Disposition::OutcomeUnknown,
            AnswerKind::ToolError | AnswerKind::ProtocolError => Disposition::ExecutionError,
        },
        Closed::Failed { perhaps_executed: true, .. } => Disposition::OutcomeUnknown,
        Closed::Failed { .. } | Closed::Refused(_) => Disposition::ExecutionError,
    }
}

fn meaning(request: &CallRequest) -> Option<Digest> {
    request.upstream.meaning(&request.tool.name)
}

/// Exactly what is asked, for people to approve.
fn asked(call: &CallId, request: &CallRequest, gated: &Gated) -> Asked {
    Asked {
        task_named: gated.facts.task.as_str() != &*request.actor.token_id,
        meaning: meaning(request),
        arguments: gated.arguments,
        spread: request.upstream.is_spread(),
        ..judged(call.clone(), &gated.facts, &gated.decision)
    }
}

/// Whether there are people who could approve what these facts are of, if this decision holds it: where there are not, it does not
/// wait, and is refused.
pub fn could_be_approved(facts: &Facts, decision: &Decision, directory: &DirectorySnapshot) -> bool {
    let asked = judged(CallId::from_bits(0), facts, decision);
    hold::possible(&Hold::open(asked, WaitsFor::People, facts.now, facts.now), directory)
}

/// What the facts of a call and the decision on it say of what is asked.
fn judged(call: CallId, facts: &Facts, decision: &Decision) -> Asked {
    Asked {
        call,
        agent: facts.agent.id.clone(),
        human: facts.human.id.clone(),
        delegators: vec![facts.human.id.clone()],
        task: facts.task.clone(),
        task_named: false,
        app: facts.app.id.clone(),
        method: facts.method,
        tool: facts.tool.name.clone(),
        definition: facts.tool.definition,
        meaning: None,
        class: facts.tool.class,
        arguments: Digest::new([0; 32]),
        spread: false,
        bundle: decision.bundle(),
        reasons: decision.reasons().to_vec(),
        looked_at: (!facts.arguments.is_unread()).then(|| ArgumentFacts::clone(&facts.arguments)),
        governed: facts.contract.is_some(),
        of_the_vendor: Vec::new(),
        said: None,
    }
}

pub(crate) fn approvals(hold: &Hold) -> Vec<Approved> {
    let one = |approval: &hold::Approval| Approved {
        by: approval.by.clone(),
        how: approval.how,
        at_us: approval.at.0,
        hold: Some(hold.id.clone()),
        emergency: None,
        for_task: approval.for_task,
    };
    hold.approvals.iter().map(one).collect()
}

/// What the agent says of it: in the argument that its profile calls an explanation, and beside the arguments.
fn said(request: &CallRequest) -> Option<String> {
    let reads = ArgumentReads { roles: [Arc::from(EXPLANATION)].into(), ..ArgumentReads::default() };
    let read = request.readable.as_ref().map(|readable| readable.reader.read(&readable.arguments, &reads));
    let in_arguments = read.and_then(|facts| Some(facts.roles.get(EXPLANATION)?.join("\n")));
    let beside = request.waiter.as_ref().and_then(|waiter| waiter.said());
    let both: Vec<String> = beside.into_iter().chain(in_arguments).filter(|text| !text.trim().is_empty()).collect();
    let mut said: String = both.join("\n");
    if let Some((cut, _)) = said.char_indices().nth(HOLD_SAID_CHARS_MAX) {
        said.truncate(cut);
        said.push_str(" … (it goes on)");
    }
    (!said.is_empty()).then_some(said)
}

/// Where a hold stands, for whoever asked.
pub(crate) fn held(hold: &Hold) -> Held {
    let (state, why) = match &hold.state {
        State::Pending => (HeldState::Waits, None),
        State::Approved { .. } => (HeldState::Approved, None),
        State::Claimed { .. } => (HeldState::Runs, None),
        State::Denied { reason, .. } => (HeldState::Denied, reason.clone()),
        State::Expired { approved: true, .. } => (HeldState::NotTakenUp, None),
        State::Expired { .. } => (HeldState::Expired, None),
        State::Cancelled { by, .. } if gives_back(by) => (HeldState::GivenBack, None),
        State::Cancelled { .. } => (HeldState::Cancelled, None),
        State::Ended { disposition, why, .. } => (HeldState::Ended(*disposition), why.clone()),
    };
    let id: HoldId = hold.id.clone();
    Held { id, state, why, waits_for: hold.waits_for, expires_at: hold.expires_at }
}

/// What came of a call that waited; none where nothing has come of it yet.
pub fn came_of(hold: &Hold) -> Option<Disposition> {
    held(hold).disposition()
}

/// The role of an argument in which an agent explains itself.
const EXPLANATION: &str = "explanation";
/// How often is looked whether a fact is there by now.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long an app may take to say what it offers by now.
const LOOK_TIME_MAX: Duration = Duration::from_secs(25);
/// How long it may take at least where people approved: whoever is not kept waiting at all comes back to have it run.
const LOOK_TIME_MIN: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
