//! One governed call.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use decide::{Answer, AnswerKind, Left, Outgoing, Permit, Seen, SendFault, Trail, Upstream, unreleased};
use model::limits::QUESTION_TIME_MAX;
use model::{
    Actor, AppId, ArgumentLevel, Binding, Blame, CallId, Class, Clock, ContractFacts, DirectorySnapshot, Durable,
    Facts, Fault, HumanId, Method, Reason, Release, Released, RuleId, ToolFacts, TraceParent, UnixMicros, Verdict,
    in_place,
};
use trace::{Approved, Came, Delegation, Effect, FactsText, Intent, Outcome, OutcomeStatus, agreement};

use crate::budget::Taken;
use crate::engine::{Engine, Shared};
use crate::flow::{Flow, Flowed, Taker, used_up};
use crate::gate::{Asked, Gated, Readable, digest_of};
use crate::held::{self, Told, Waiter};
use crate::refusal::Refusal;
use crate::under_way::UnderWay;

/// A call as a wire understood it.
pub struct CallRequest {
    /// Who acts.
    pub actor: Actor,
    /// On which app.
    pub app: AppId,
    /// What kind of thing is asked.
    pub method: Method,
    /// For which tool, resource or prompt, as far as we know it.
    pub tool: ToolFacts,
    /// The call that caused it: the round before, or the call during which the app asked.
    pub cause: Option<CallId>,
    /// The argument object, exactly as it came and as it will leave.
    pub arguments: Option<Bytes>,
    /// What rules may look at of the arguments; none where nothing is given by name.
    pub readable: Option<Readable>,
    /// The protocol and revision in which it is asked: `mcp/2025-11-25`.
    pub wire: &'static str,
    /// The client's span that it is part of, where the client says so.
    pub trace_parent: Option<TraceParent>,
    /// When the app said what it offers, by which the tool is known; none where it could not be asked.
    pub listed_at: Option<UnixMicros>,
    /// How much of the arguments the record keeps.
    pub kept: ArgumentLevel,
    /// The outgoing half that reaches the app.
    pub upstream: Arc<dyn Upstream>,
    /// Who waits where people have to approve first; none: it cannot wait.
    pub waiter: Option<Arc<dyn Waiter>>,
    /// What is known of it under the contract that governs it; none where none does.
    pub contract: Option<Arc<ContractFacts>>,
    /// Who takes the answer while it comes; none: it is given back whole.
    pub taker: Option<Arc<dyn Taker>>,
}

/// How a call ended.
#[derive(Debug)]
pub enum Closed {
    /// The app answered.
    Answered {
        /// The call.
        call: CallId,
        /// Its answer, cleaned of secrets.
        answer: Answer,
        /// What rules hide of an answer that is yet to come, where this one is unfinished: paths of RFC 9535, separated by commas.
        hides: Option<Arc<str>>,
    },
    /// The decision stopped it. Nothing was executed.
    Refused(Refusal),
    /// Something broke.
    Failed {
        /// The call, where it got that far.
        call: Option<CallId>,
        /// What broke.
        fault: Fault,
        /// True where the app may have acted all the same.
        perhaps_executed: bool,
    },
}

impl Closed {
    /// The call, where it got that far.
    pub fn call(&self) -> Option<&CallId> {
        match self {
            Self::Answered { call, .. } => Some(call),
            Self::Refused(refusal) => Some(&refusal.call),
            Self::Failed { call, .. } => call.as_ref(),
        }
    }
}

impl Engine {
    /// Takes one call from request to closed record. Once the intent is written the rest happens even if the caller
    /// goes away: dropping this future does not lose the outcome.
    pub fn call(&self, request: impl Into<Box<CallRequest>>) -> impl Future<Output = Closed> + Send {
        let request = request.into();
        async move {
            let under_way = match self.decided(request) {
                Ok(under_way) => under_way,
                Err(fault) => return not_executed(None, fault),
            };
            under_way.await.unwrap_or_else(|| Closed::Failed {
                call: None,
                fault: Fault::new(Blame::Bug, "bug.call_broke", "the gateway broke while it carried this call"),
                perhaps_executed: true,
            })
        }
    }

    /// What follows from the decision, on its way. Error: it cannot be decided.
    fn decided(&self, request: Box<CallRequest>) -> Result<UnderWay, Fault> {
        let (shared, call) = (Arc::clone(&self.shared), self.new_call()?);
        let mut gated = self.shared.gate.decide(&asked_of(&request))?;
        let mut approvals = Vec::new();
        if let Some(lifted) = held::beforehand(&shared, &call, &request, &gated) {
            (gated, approvals) = lifted;
        }
        // Made where it stays: to hand it on by value would copy all of it each time. What may wait for an hour takes no more than
        // waiting needs: it is a future of its own.
        let under_way: Pin<Box<dyn Future<Output = Closed> + Send>> = match waits(&shared, &request, &gated) {
            Some(waiter) => {
                let told = Box::new(Told { call, gated });
                in_place(|| held::wait(shared, request, told, waiter))
            }
            None => in_place(|| run(shared, call, request, gated, approvals)),
        };
        Ok(UnderWay::new(&self.shared.running, under_way))
    }
}

/// Who waits with it, where it has to wait and somebody can.
fn waits(shared: &Shared, request: &CallRequest, gated: &Gated) -> Option<Arc<dyn Waiter>> {
    // Whoever is not kept waiting asks again, and that is all it takes where a fact is missing.
    let kept = |waiter: &Arc<dyn Waiter>| !waiter.time_max().unwrap_or(shared.parts.limits.hold_wait_max).is_zero();
    let verdict = gated.decision.verdict();
    let may = |waiter: &Arc<dyn Waiter>| verdict == Verdict::Hold || verdict == Verdict::Defer && kept(waiter);
    request.waiter.as_ref().filter(|waiter| may(waiter)).cloned()
}

async fn run(
    shared: Arc<Shared>,
    call: CallId,
    request: Box<CallRequest>,
    gated: Gated,
    approvals: Vec<Approved>,
) -> Closed {
    let durable = match record(&shared, &call, &request, &gated, approvals).await {
        Ok(durable) => durable,
        Err(fault) => return not_executed(Some(call), fault),
    };
    if let Some(left) = held::left_waiting(&shared, &call, &request, &gated) {
        Box::pin(held::decided(&shared, &left, &call)).await;
    }
    let verdict = gated.decision.verdict();
    if verdict.runs() {
        return carry_out(&shared, call, &request, gated, durable).await;
    }
    let refusal = refusal(call, &shared.parts.directory.snapshot(), &gated);
    let unheld = (verdict == Verdict::Hold).then(|| "what is asked here cannot wait for people".to_owned());
    Closed::Refused(Refusal { unheld, ..refusal })
}

/// Writes why a call may leave or may not. On disk when this returns.
pub(crate) async fn record(
    shared: &Shared,
    call: &CallId,
    request: &CallRequest,
    gated: &Gated,
    approvals: Vec<Approved>,
) -> Result<Durable, Fault> {
    let intent = Intent { approvals, ..intent(call, request, gated)? };
    let durable = shared.parts.journal.intent_among(intent, shared.running.len()).await?;
    shared.tally.decided(gated.decision.verdict());
    Ok(durable)
}

/// What is asked, for the decision.
pub(crate) fn asked_of(request: &CallRequest) -> Asked<'_> {
    Asked {
        actor: &request.actor,
        app: &request.app,
        method: request.method,
        tool: &request.tool,
        arguments: request.arguments.as_deref(),
        readable: request.readable.as_ref(),
        contract: request.contract.as_deref(),
    }
}

/// Sends a call that runs, and closes it. Its intent is on disk.
pub(crate) async fn carry_out(
    shared: &Shared,
    call: CallId,
    request: &CallRequest,
    gated: Gated,
    durable: Durable,
) -> Closed {
    let Gated { facts, arguments: digest, mut taken, decision, release, decided_at, taken_up, .. } = gated;
    let binding =
        Binding { call: call.clone(), app: request.app.clone(), tool: request.tool.name.clone(), arguments: digest };
    let permit = match Permit::issue(&decision, binding, durable) {
        Ok(permit) => permit,
        Err(error) => {
            let fault = Fault::new(Blame::Bug, "bug.permit", "the gateway refused itself a permit").because(error);
            return not_executed(Some(call), fault);
        }
    };
    let sent_at = shared.parts.clock.now();
    let time_max = time_max(shared, facts.method);
    let by_rule = decision.runtime_max().filter(|(runtime, _)| *runtime < time_max);
    let time_max = by_rule.map_or(time_max, |(runtime, _)| runtime);
    // Where a contract's release is applied, what its clauses keep back is out already.
    let redaction = if release.is_some() { decision.redaction_beside_clauses() } else { decision.redaction() };
    let redaction = redaction.filter(|paths| facts.contract.is_none() || !paths.is_empty());
    let trail = Trail::default();
    let outgoing = Outgoing {
        arguments: request.arguments.clone(),
        digest,
        time_max,
        quiet: redaction.is_some() || facts.contract.is_some(),
        accepts_race: release.as_ref().is_some_and(|release| release.accepts_race()),
        approved: taken_up,
        trail: trail.clone(),
    };
    taken.keep();
    let sent = match &request.taker {
        None => {
            let clock = shared.parts.clock.as_ref();
            let whole = Whole { facts: &facts, release: release.as_deref(), clock, taken: &mut taken };
            let sent = whole.send(request.upstream.as_ref(), permit, outgoing, redaction.as_deref()).await;
            Sent { answer: sent.answer.map_err(|fault| by_the_rule(fault, &facts, by_rule)), ..sent }
        }
        Some(taker) => {
            let flow = Flow {
                call: &call,
                facts: &facts,
                release: release.as_deref(),
                credentials: shared.parts.credentials.as_ref(),
                // What is no read is on record before anybody hears of it; what waited may be wanted by several.
                taker: Some(taker.as_ref())
                    .filter(|_| facts.tool.class == Class::Read && redaction.is_none() && facts.approved.is_empty()),
                bytes_max: shared.parts.limits.answer_bytes_max,
                clock: shared.parts.clock.as_ref(),
                taken: &mut taken,
                runtime: decision.runtime_max(),
            };
            Box::pin(flow.carry(request.upstream.as_ref(), permit, outgoing, redaction.as_deref())).await
        }
    };
    let Sent { answer, came, hidden, flowed, let_out } = sent;
    taken.settle(let_out.0, let_out.1);
    let ended = Ended {
        call,
        human: facts.human.id.clone(),
        verdict: decision.verdict(),
        class: facts.tool.class,
        durable_us: sent_at.since(decided_at),
        sent_at,
        seen: trail.seen(),
        came,
        hidden,
        flowed,
    };
    let closed = close(shared, ended, &request.app, answer, redaction.as_deref()).await;
    shared.gate.close(&taken, failed(&closed), shared.parts.clock.now());
    closed
}

/// What came of sending, before it is closed.
pub(crate) struct Sent {
    pub(crate) answer: Result<Answer, SendFault>,
    /// The answer as it came; of one that was passed on while it came its kind only.
    pub(crate) came: Option<Answer>,
    /// How many places of it were hidden.
    pub(crate) hidden: Option<u32>,
    /// What went past, where it was looked at while it came.
    pub(crate) flowed: Option<Flowed>,
    /// How many records and bytes of it were let out under a contract.
    pub(crate) let_out: (u64, u64),
}

/// A call whose answer is wanted whole.
struct Whole<'a> {
    facts: &'a Facts,
    release: Option<&'a dyn Release>,
    clock: &'a dyn Clock,
    /// What it may take of records and bytes.
    taken: &'a mut Taken,
}

impl Whole<'_> {
    async fn send(self, upstream: &dyn Upstream, permit: Permit, outgoing: Outgoing, redaction: Option<&str>) -> Sent {
        let time_max = outgoing.time_max;
        let sent = upstream.send(permit, outgoing);
        // Whoever sends ends in time by itself, and says goodbye; this is for one that does not.
        let answer = match tokio::time::timeout(time_max.saturating_add(GRACE), sent).await {
            Ok(answer) => answer,
            Err(_) => Err(SendFault::after(too_slow(&self.facts.app.name, time_max))),
        };
        let came = answer.as_ref().ok().cloned();
        if self.facts.contract.is_none() {
            let (answer, hidden) = redacted(upstream, answer, redaction);
            return Sent { answer, came, hidden, flowed: None, let_out: (0, 0) };
        }
        let released = answer.and_then(|answer| self.release(upstream, answer).map_err(SendFault::after));
        let (answer, by_contract) = match released {
            Ok((answer, released)) => (Ok(answer), Some(released)),
            Err(fault) => (Err(fault), None),
        };
        let (answer, by_rule) = redacted(upstream, answer, redaction);
        let places = by_contract.map(|released| released.dropped + released.removed + u64::from(by_rule.unwrap_or(0)));
        let bytes = answer.as_ref().map_or(0, |answer| answer.body.len() as u64);
        Sent {
            answer,
            came,
            hidden: places.map(|places| u32::try_from(places).unwrap_or(u32::MAX)),
            flowed: None,
            let_out: (by_contract.map_or(0, |released| released.rows), bytes),
        }
    }

    /// What the contract lets out of it. Error: nothing of it may be seen.
    fn release(self, upstream: &dyn Upstream, answer: Answer) -> Result<(Answer, Released), Fault> {
        let (answer, released) = upstream.release(answer, self.release.ok_or_else(unreleased)?)?;
        if self.taken.records_max().is_some_and(|most| released.rows > most) {
            return Err(used_up("more records came than were asked for and are left to be let out"));
        }
        if !self.taken.lets_out(answer.body.len() as u64, self.clock.now()) {
            return Err(used_up("no more bytes are left to be let out"));
        }
        Ok((answer, released))
    }
}

/// Whether doing the same again is a retry.
fn failed(closed: &Closed) -> bool {
    match closed {
        Closed::Answered { answer, .. } => matches!(answer.kind, AnswerKind::ToolError | AnswerKind::ProtocolError),
        Closed::Refused(_) | Closed::Failed { .. } => true,
    }
}

/// The answer as rules let it be seen, and how many places they hide. What is no result yet shows nothing: whatever comes
/// of it is a call of its own.
pub(crate) fn redacted(
    upstream: &dyn Upstream,
    answer: Result<Answer, SendFault>,
    paths: Option<&str>,
) -> (Result<Answer, SendFault>, Option<u32>) {
    match (answer, paths) {
        (Ok(answer), Some(paths)) if answer.kind != AnswerKind::Unfinished => match upstream.redact(answer, paths) {
            Ok((answer, places)) => (Ok(answer), Some(u32::try_from(places).unwrap_or(u32::MAX))),
            Err(fault) => (Err(SendFault::after(fault)), None),
        },
        (answer, _) => (answer, None),
    }
}

/// What is known of a call that was sent when its answer, or none, is there.
struct Ended {
    call: CallId,
    human: HumanId,
    verdict: Verdict,
    class: Class,
    durable_us: i64,
    sent_at: UnixMicros,
    seen: Seen,
    /// The answer as it came.
    came: Option<Answer>,
    hidden: Option<u32>,
    flowed: Option<Flowed>,
}

/// Cleans the answer, writes the outcome, and gives the call back.
async fn close(
    shared: &Shared,
    ended: Ended,
    app: &AppId,
    answer: Result<Answer, SendFault>,
    redaction: Option<&str>,
) -> Closed {
    let (mut answer, fault) = match answer {
        Ok(answer) => (Some(answer), None),
        Err(fault) => (None, Some(fault)),
    };
    let mut scrubbed = ended.flowed.as_ref().map_or(0, |flowed| flowed.scrubbed);
    if let Some(answer) = &mut answer
        && ended.flowed.is_none()
        && let Some((clean, places)) = shared.parts.credentials.scrubber(app).scrub(&answer.body)
    {
        answer.body = Bytes::from(clean);
        scrubbed = u32::try_from(places).unwrap_or(u32::MAX);
    }
    let (call, class) = (ended.call.clone(), ended.class);
    let outcome = outcome(ended, answer.as_ref(), fault.as_ref(), scrubbed, shared.parts.clock.now());
    shared.tally.ended(outcome.status, outcome.took_us);
    // The effect of anything but a read is on disk before the agent may build on it.
    let written = if class == Class::Read {
        shared.parts.journal.outcome_later(outcome)
    } else {
        Box::pin(shared.parts.journal.outcome_among(outcome, shared.running.len())).await.map(|_| ())
    };
    if let Err(error) = written {
        tracing::error!(call = %call, %error, "the outcome of a call could not be recorded; the next start marks it unknown");
    }
    match (answer, fault) {
        (Some(answer), _) => {
            let hides = redaction.filter(|_| answer.kind == AnswerKind::Unfinished).map(Arc::from);
            Closed::Answered { call, answer, hides }
        }
        (None, Some(SendFault { fault, left })) => {
            Closed::Failed { call: Some(call), fault, perhaps_executed: left == Left::Perhaps }
        }
        (None, None) => {
            not_executed(Some(call), Fault::new(Blame::Bug, "bug.no_answer", "a call ended without an end"))
        }
    }
}

fn outcome(
    ended: Ended,
    answer: Option<&Answer>,
    fault: Option<&SendFault>,
    scrubbed: u32,
    now: UnixMicros,
) -> Outcome {
    let Ended { call, human, verdict, durable_us, sent_at, seen, came, hidden, flowed, .. } = ended;
    let (effect, status) = (effect(came.as_ref(), fault), status(answer));
    let answer_digest = match &flowed {
        Some(flowed) => flowed.passed_on(),
        None => answer.map(|answer| digest_of(&answer.body)),
    };
    // What nobody took anything out of went on as it came.
    let altered = answer.is_none() || hidden.is_some() || scrubbed > 0;
    let came = came.filter(|_| altered).map(|came| match &flowed {
        Some(flowed) => flowed.came,
        None => Came { digest: digest_of(&came.body), bytes: came.body.len() as u64 },
    });
    Outcome {
        call,
        human: Some(human),
        at: now,
        effect,
        status,
        code: fault.map(|fault| fault.fault.code().to_owned()),
        agrees: agreement(verdict, effect, status, hidden),
        answer_digest,
        answer_bytes: match &flowed {
            Some(flowed) => flowed.passed.bytes,
            None => answer.map_or(0, |answer| answer.body.len() as u64),
        },
        came: came.filter(|came| Some(came.digest) != answer_digest),
        hidden,
        scrubbed,
        wire: seen.wire.map(Cow::Borrowed),
        http_status: seen.http_status,
        rpc_code: seen.rpc_code,
        credential: seen.credential,
        durable_us: Some(durable_us),
        took_us: now.since(sent_at),
    }
}

fn intent<'d>(call: &CallId, request: &CallRequest, gated: &'d Gated) -> Result<Intent<'d>, Fault> {
    let Gated { facts, decision, .. } = gated;
    let written = FactsText::of(facts).map_err(|error| {
        Fault::new(Blame::Bug, "bug.facts", "the facts of a call could not be written").because(error)
    })?;
    Ok(Intent {
        call: call.clone(),
        cause: request.cause.clone(),
        at: facts.now,
        method: facts.method,
        agent: facts.agent.id.clone(),
        human: facts.human.id.clone(),
        task: facts.task.clone(),
        token_id: Arc::clone(&request.actor.token_id),
        approvals: Vec::new(),
        delegation_chain: vec![Delegation {
            delegator: format!("human:{}", facts.human.id),
            delegatee: format!("agent:{}", facts.agent.id),
            scope: request.actor.only_app.clone().map(|app| vec![app]),
        }],
        wire: Cow::Borrowed(request.wire),
        trace_parent: request.trace_parent,
        app: facts.app.id.clone(),
        tool: facts.tool.name.clone(),
        class: facts.tool.class,
        class_source: facts.tool.class_source,
        definition: facts.tool.definition,
        verdict: decision.verdict(),
        reasons: Cow::Borrowed(decision.reasons()),
        observed: decision.observed().cloned(),
        bundle: decision.bundle(),
        directory_age_us: gated.directory_as_of.map(|as_of| facts.now.since(as_of)),
        catalog_age_us: request.listed_at.map(|listed| facts.now.since(listed)),
        decide_us: gated.decided_at.since(facts.now),
        arguments: request.arguments.clone(),
        arguments_digest: gated.arguments,
        kept: request.kept,
        redacted: redacted_arguments(request),
        read: gated.reads.clone(),
        facts: written,
    })
}

/// What people may see of the arguments where not all of it. None: what is not given by name is kept as its digest.
fn redacted_arguments(request: &CallRequest) -> Option<String> {
    let arguments = request.arguments.as_ref().filter(|_| request.kept == ArgumentLevel::Redacted)?;
    request.readable.as_ref()?.reader.redacted(arguments)
}

/// A call that does not run for what was decided.
pub(crate) fn refusal(call: CallId, directory: &DirectorySnapshot, gated: &Gated) -> Refusal {
    let Gated { facts, decision, taken, .. } = gated;
    let would = decision.recommended();
    let reasons = would.map_or(decision.reasons(), |would| &would.reasons);
    let recommended = would.map(|would| would.verdict);
    let refusal = refusal_for(call, directory, facts, decision.verdict(), reasons);
    // No waiting makes known how much it brings back.
    let spent = refusal.spent && !taken.unknown;
    Refusal { recommended, spent, ..refusal }
}

/// A call that does not run for these reasons.
pub(crate) fn refusal_for(
    call: CallId,
    directory: &DirectorySnapshot,
    facts: &Facts,
    verdict: Verdict,
    reasons: &[Reason],
) -> Refusal {
    let mut approvers: Vec<String> = Vec::new();
    for written in reasons.iter().flat_map(|reason| &reason.approvers) {
        let said = if written == "owner-of-app" { owners(directory, facts) } else { written.clone() };
        if !approvers.contains(&said) {
            approvers.push(said);
        }
    }
    Refusal {
        call,
        verdict,
        recommended: None,
        app: facts.app.name.clone(),
        tool: match facts.method {
            Method::ToolsCall | Method::PromptsGet => format!("{}__{}", facts.app.id, facts.tool.name),
            _ => format!("{} of {}", facts.tool.name, facts.app.name),
        },
        reasons: reasons.to_vec(),
        approvers,
        held: None,
        unheld: None,
        spent: reasons.iter().any(|reason| facts.spent.contains(&reason.rule)),
    }
}

/// The owners of the app by name. Nobody approves what is done for themselves.
fn owners(directory: &DirectorySnapshot, facts: &Facts) -> String {
    let others: Vec<String> = facts
        .app
        .owners
        .iter()
        .filter(|owner| **owner != facts.human.id)
        .map(|owner| directory.humans.get(owner).map_or_else(|| owner.to_string(), |human| human.name.clone()))
        .collect();
    if others.is_empty() {
        return format!("an owner of {} other than {} (none is named)", facts.app.name, facts.human.name);
    }
    others.join(" or ")
}

/// What was observed: the answer as it came says so, whatever is passed on of it.
fn effect(answer: Option<&Answer>, fault: Option<&SendFault>) -> Effect {
    match (answer.map(|answer| answer.kind), fault.map(|fault| fault.left)) {
        (Some(AnswerKind::Result | AnswerKind::ToolError), _) => Effect::Executed,
        (None, Some(Left::Nothing)) => Effect::NotExecuted,
        (Some(AnswerKind::ProtocolError | AnswerKind::Unfinished), _) | (None, _) => Effect::Unknown,
    }
}

fn status(answer: Option<&Answer>) -> OutcomeStatus {
    match answer.map(|answer| answer.kind) {
        Some(AnswerKind::Result) => OutcomeStatus::Answered,
        Some(AnswerKind::ToolError) => OutcomeStatus::ToolError,
        Some(AnswerKind::ProtocolError) => OutcomeStatus::ProtocolError,
        Some(AnswerKind::Unfinished) => OutcomeStatus::Unfinished,
        None => OutcomeStatus::Failed,
    }
}

/// How long an answer may take: what a client is asked may have to wait for a person.
fn time_max(shared: &Shared, method: Method) -> Duration {
    match method {
        // A task may wait for a person before it comes to something.
        Method::Sample | Method::Elicit | Method::Roots | Method::TaskResult => QUESTION_TIME_MAX,
        _ => shared.parts.limits.call_time_max,
    }
}

/// The fault of an answer that takes too long. Blame: upstream.
pub fn too_slow(who: &str, time_max: Duration) -> Fault {
    let said = format!("{who} did not answer within {} s", time_max.as_secs());
    Fault::new(Blame::Upstream, TOO_SLOW, said)
        .hint("look up what it did before you try again; raise `limits.call_seconds_max` if it needs longer")
}

/// A fault, named for the rule that said how long an answer may take, where that is why there is none.
pub(crate) fn by_the_rule(fault: SendFault, facts: &Facts, by_rule: Option<(Duration, &RuleId)>) -> SendFault {
    match by_rule {
        Some((time_max, rule)) if fault.fault.code() == TOO_SLOW => {
            SendFault { fault: past_runtime(facts, time_max, rule), ..fault }
        }
        _ => fault,
    }
}

/// The fault of an answer that takes longer than a rule gives it.
pub(crate) fn past_runtime(facts: &Facts, time_max: Duration, rule: &RuleId) -> Fault {
    let (who, seconds) = (&facts.app.name, time_max.as_secs());
    let said = format!("{who} did not answer within the {seconds} s that the rule {rule} gives it");
    Fault::new(Blame::Upstream, "upstream.past_runtime", said)
        .hint("look up what it did before you try again, and ask for less at a time")
}

pub(crate) fn not_executed(call: Option<CallId>, fault: Fault) -> Closed {
    Closed::Failed { call, fault, perhaps_executed: false }
}

const TOO_SLOW: &str = "upstream.timeout";
/// How long a send that is too slow may take to say goodbye.
pub(crate) const GRACE: Duration = Duration::from_secs(3);

#[cfg(test)]
pub(crate) mod tests;
