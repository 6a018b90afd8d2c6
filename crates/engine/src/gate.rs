//! Between a request and its verdict: facts are gathered, arguments read, budgets taken from, and it is decided. All in
//! memory, and nothing has an effect: what was taken from budgets goes back unless the call runs.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use decide::{Decision, decide};
use model::limits::BUDGET_LOOK_BACK_MAX;
use model::{
    Actor, AppId, ArgumentFacts, ArgumentReads, Blame, Budget, Clock, ContractFacts, ContractId, Digest, Directory,
    DirectorySnapshot, Facts, Fault, HumanId, Lifted, Method, ReadArguments, Release, Rules, ToolFacts, ToolStatus,
    UnixMicros, Verdict,
};

use crate::budget::{Counters, Taken};

/// Decides calls. What an [`Engine`](crate::Engine) asks before each of them.
pub struct Gate {
    directory: Arc<dyn Directory>,
    clock: Arc<dyn Clock>,
    rules: ArcSwap<Box<dyn Rules>>,
    counters: Counters,
}

/// What is asked.
pub struct Asked<'a> {
    /// Who acts.
    pub actor: &'a Actor,
    /// On which app.
    pub app: &'a AppId,
    /// What kind of thing is asked.
    pub method: Method,
    /// For which tool, resource or prompt, as far as we know it.
    pub tool: &'a ToolFacts,
    /// The argument object, exactly as it came.
    pub arguments: Option<&'a [u8]>,
    /// What rules may look at of it.
    pub readable: Option<&'a Readable>,
    /// What is known of it under the contract that governs it, but whether that is in force.
    pub contract: Option<&'a ContractFacts>,
}

/// Arguments that rules may look at.
pub struct Readable {
    /// The argument object of what is asked, without what a round adds; empty where there is none.
    pub arguments: Bytes,
    /// Who reads them, once it is known what the rules look at.
    pub reader: Arc<dyn ReadArguments>,
}

/// What was decided on what. What it took from budgets goes back when it is dropped.
pub struct Gated {
    pub(crate) facts: Facts,
    pub(crate) arguments: Digest,
    /// What the rules for the app look at of arguments.
    pub(crate) reads: Option<Arc<ArgumentReads>>,
    pub(crate) taken: Taken,
    pub(crate) decision: Decision,
    /// What is let out of the answer, where a contract says so and the call runs.
    pub(crate) release: Option<Arc<dyn Release>>,
    pub(crate) decided_at: UnixMicros,
    /// Since when the directory has said what it says.
    pub(crate) directory_as_of: Option<UnixMicros>,
    /// Whether it waited, and is taken up because people approved it.
    pub(crate) taken_up: bool,
}

// === impl Gate ===

impl Gate {
    /// A gate with rules in force.
    pub fn new(directory: Arc<dyn Directory>, clock: Arc<dyn Clock>, rules: Box<dyn Rules>) -> Self {
        Self { directory, clock, rules: ArcSwap::from_pointee(rules), counters: Counters::new() }
    }

    /// Decides what is asked. Error: it is asked by or of somebody unknown. Blame: the caller.
    pub fn decide(&self, asked: &Asked<'_>) -> Result<Gated, Fault> {
        self.decide_approved(asked, Vec::new())
    }

    /// As [`Gate::decide`], of what people approved.
    pub(crate) fn decide_approved(&self, asked: &Asked<'_>, approved: Vec<Lifted>) -> Result<Gated, Fault> {
        // One bundle says what is read and decides on it, whatever is loaded meanwhile. It is asked first, so that what it
        // knows of the app is on its way while the directory is looked into.
        let rules = self.rules.load();
        let reads = rules.reads(asked.app);
        let directory = self.directory();
        let alike = described_alike(rules.as_ref().as_ref(), asked);
        let tool = if alike { asked.tool.clone() } else { unknown_for_now(asked.tool) };
        let mut facts = self.facts_in(&directory, asked.actor, asked.app, asked.method, tool)?;
        if let Some(reads) = &reads {
            facts.arguments = match (asked.readable, asked.arguments) {
                (Some(Readable { arguments, reader }), _) if !arguments.is_empty() => {
                    let read = reader.read(arguments, reads);
                    Arc::new(if alike { read } else { by_name(read, reads) })
                }
                // Nobody can say what they are, but how long they are.
                (None, Some(arguments)) => Arc::new(unread(asked.method, arguments, reads)),
                _ => facts.arguments,
            };
        }
        facts.contract = asked.contract.map(|contract| {
            let (standing, digest) = rules.standing(&contract.contract, facts.now);
            Arc::new(ContractFacts { standing, digest, ..contract.clone() })
        });
        let arguments = digest_of(asked.arguments.unwrap_or_default());
        let mut taken = Taken::default();
        rules.each_budget(&facts, &mut |budget| self.counters.take(budget, &facts, arguments, &mut taken));
        facts.spent = std::mem::take(&mut taken.spent);
        facts.spent.sort();
        facts.approved = approved;
        let decision = decide(rules.as_ref().as_ref(), &facts);
        // What does not run keeps nobody out while its record is written.
        if !decision.verdict().runs() {
            taken.give_back();
        }
        let governed = facts.contract.is_some() && decision.verdict().runs();
        let release = if governed { rules.release(&facts) } else { None };
        let (decided_at, directory_as_of) = (self.clock.now(), directory.as_of);
        Ok(Gated { facts, arguments, reads, taken, decision, release, decided_at, directory_as_of, taken_up: false })
    }

    /// See [`Engine::conditions`](crate::Engine::conditions).
    pub(crate) fn conditions(&self, of: &ContractFacts, at: Option<UnixMicros>) -> Vec<Arc<str>> {
        let entity = of.entity.as_deref();
        entity.map(|entity| self.rules.load().conditions(&of.contract, entity, at)).unwrap_or_default()
    }

    /// The people of the vendor's side of a contract.
    pub(crate) fn of_the_vendor(&self, contract: &ContractId) -> Vec<HumanId> {
        self.rules.load().of_the_vendor(contract)
    }

    pub(crate) fn replace_rules(&self, rules: Box<dyn Rules>) {
        self.rules.store(Arc::new(rules));
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub(crate) fn directory(&self) -> Arc<DirectorySnapshot> {
        self.directory.snapshot()
    }

    /// See [`Engine::hides`](crate::Engine::hides).
    pub(crate) fn hides(
        &self,
        actor: &Actor,
        app: &AppId,
        method: Method,
        tool: ToolFacts,
        contract: Option<&ContractFacts>,
    ) -> bool {
        let Ok(mut facts) = self.facts(actor, app, method, tool) else { return true };
        facts.arguments = ArgumentFacts::open();
        let rules = self.rules.load();
        facts.contract = contract.map(|contract| {
            let (standing, digest) = rules.standing(&contract.contract, facts.now);
            Arc::new(ContractFacts { standing, digest, ..contract.clone() })
        });
        let decision = decide(rules.as_ref().as_ref(), &facts);
        decision.recommended().map_or(decision.verdict(), |would| would.verdict) == Verdict::Deny
    }

    /// See [`Engine::permits`](crate::Engine::permits).
    pub(crate) fn permits(&self, actor: &Actor, app: &AppId, method: Method, tool: ToolFacts) -> bool {
        self.facts(actor, app, method, tool)
            .is_ok_and(|facts| decide(self.rules.load().as_ref().as_ref(), &facts).verdict().runs())
    }

    /// See [`Engine::holds_any`](crate::Engine::holds_any).
    pub(crate) fn holds_any(&self, actor: &Actor, app: &AppId, method: Method, tool: ToolFacts) -> bool {
        self.facts(actor, app, method, tool)
            .is_ok_and(|facts| decide(self.rules.load().as_ref().as_ref(), &facts).verdict() == Verdict::Hold)
    }

    /// See [`Engine::look_back`](crate::Engine::look_back).
    pub(crate) fn look_back(&self) -> Option<Duration> {
        self.rules.load().look_back().map(|stretch| stretch.min(BUDGET_LOOK_BACK_MAX))
    }

    /// How much of a contract's budget is taken right now.
    pub(crate) fn used_of_contract(&self, budget: &Budget, now: UnixMicros) -> u64 {
        self.counters.used_of_contract(budget, now)
    }

    /// See [`Engine::remember`](crate::Engine::remember).
    pub(crate) fn remember(&self, facts: &Facts, arguments: Digest, failed: bool, bytes: u64) {
        let remember = &mut |budget: &Budget| self.counters.remember(budget, facts, arguments, failed, bytes);
        self.rules.load().each_budget(facts, remember);
    }

    /// How a call ended that counts as failed if it failed.
    pub(crate) fn close(&self, taken: &Taken, failed: bool, now: UnixMicros) {
        self.counters.close(taken, failed, now);
    }

    pub(crate) fn facts(&self, actor: &Actor, app: &AppId, method: Method, tool: ToolFacts) -> Result<Facts, Fault> {
        self.facts_in(&self.directory(), actor, app, method, tool)
    }

    fn facts_in(
        &self,
        directory: &DirectorySnapshot,
        actor: &Actor,
        app: &AppId,
        method: Method,
        tool: ToolFacts,
    ) -> Result<Facts, Fault> {
        let unknown = |what: &str, id: &str| {
            Fault::new(Blame::Caller, "caller.unknown_actor", format!("{what} `{id}` is not in the directory"))
        };
        let human = directory.humans.get(&actor.human).ok_or_else(|| unknown("the person", actor.human.as_str()))?;
        let agent = directory.agents.get(&actor.agent).ok_or_else(|| unknown("the agent", actor.agent.as_str()))?;
        let app = directory.apps.get(app).ok_or_else(|| unknown("the app", app.as_str()))?;
        // They are looked at before they are held: to count who holds one waits until it is here, and everything after it
        // waits too, but for what is only read memory brings several together.
        let access = app.admits(human);
        black_box((human.active, agent.active, app.stopped));
        Ok(Facts {
            now: self.clock.now(),
            method,
            agent: Arc::clone(agent),
            human: Arc::clone(human),
            task: actor.task.clone(),
            app: Arc::clone(app),
            tool,
            access,
            all_stopped: directory.all_stopped,
            arguments: ArgumentFacts::unread(),
            spent: Vec::new(),
            approved: Vec::new(),
            contract: None,
        })
    }
}

// === impl Gated ===

impl Gated {
    /// What was decided.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }
}

/// Whether rules and whoever reads the arguments go by one description of the app. While a gateway takes up another configuration
/// they may not: what the tool does, and what its arguments stand for, nobody knows then.
fn described_alike(rules: &dyn Rules, asked: &Asked<'_>) -> bool {
    let of_tool = asked.readable.filter(|_| asked.method == Method::ToolsCall);
    of_tool.is_none_or(|readable| readable.reader.described_by() == rules.described_by(asked.app))
}

fn unknown_for_now(tool: &ToolFacts) -> ToolFacts {
    if tool.status == ToolStatus::Quarantined {
        return tool.clone();
    }
    ToolFacts { status: ToolStatus::Unknown, finding: Some(Arc::clone(&OTHERWISE_DESCRIBED)), ..tool.clone() }
}

/// Without what another description says or doubts of roles: the call waits for the right one, and is not refused for a wrong one.
fn by_name(read: ArgumentFacts, reads: &ArgumentReads) -> ArgumentFacts {
    let unclear = read.unclear.into_iter().filter(|what| !reads.roles.contains(what)).collect();
    ArgumentFacts { roles: BTreeMap::new(), unclear, ..read }
}

/// What is not given by name but to a tool has no arguments that a rule could be about.
fn unread(method: Method, arguments: &[u8], reads: &ArgumentReads) -> ArgumentFacts {
    let bytes = arguments.len() as u64;
    match method {
        Method::ToolsCall => ArgumentFacts::all_unclear(bytes, reads),
        _ => ArgumentFacts { bytes, ..ArgumentFacts::default() },
    }
}

static OTHERWISE_DESCRIBED: LazyLock<Arc<str>> =
    LazyLock::new(|| Arc::from("its profile is not the one that the rules in force know it by"));

pub(crate) fn digest_of(bytes: &[u8]) -> Digest {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let mut out = [0u8; 32];
    for (to, from) in out.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    Digest::new(out)
}
