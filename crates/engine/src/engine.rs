//! What the engine is made of, and what it answers without a call.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use decide::{Credentials, LinkPermit};
use model::{
    Actor, AppId, Blame, Budget, CallId, Clock, ContractFacts, Digest, Directory, DirectorySnapshot, Durable, Facts,
    Fault, HumanId, Limits, Method, Rules, Secret, ToolFacts,
};
use tokio_util::task::TaskTracker;
use trace::{Journal, StateWrite};

use crate::asking::Askings;
use crate::emergencies::Emergencies;
use crate::for_tasks::ForTasks;
use crate::gate::Gate;
use crate::holds::Desk;
use crate::tally::{Figures, Tally};

/// Takes calls from any wire through one decision. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) parts: Parts,
    pub(crate) gate: Gate,
    pub(crate) running: TaskTracker,
    pub(crate) tally: Tally,
    pub(crate) desk: Desk,
    pub(crate) emergencies: Emergencies,
    pub(crate) for_tasks: ForTasks,
    pub(crate) askings: Askings,
    /// Where everybody may see how a call stands that waits.
    pub(crate) status_pages: OnceLock<String>,
}

/// What an engine is built from.
pub struct Parts {
    /// Who there is.
    pub directory: Arc<dyn Directory>,
    /// Where records go.
    pub journal: Journal,
    /// Where real credentials come from.
    pub credentials: Arc<dyn Credentials>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The bounds.
    pub limits: Limits,
    /// What seals calls that wait.
    pub hold_key: Secret<[u8; 32]>,
}

/// A change somebody makes to what is in force: it is a record, and its state is written with the record or not at all.
#[derive(Debug, Clone)]
pub struct Change {
    /// Who: `os-user:ana`, `signal:hup`, `gateway`.
    pub by: String,
    /// What, dotted: `people.offboard`, `rules.load`, `child.start`.
    pub what: String,
    /// To whom or what.
    pub subject: String,
    /// The person it is about, with whose records this one is erased.
    pub human: Option<HumanId>,
    /// Anything worth keeping; never a secret.
    pub detail: serde_json::Value,
    /// State written in the same transaction.
    pub state: Vec<StateWrite>,
}

impl Engine {
    /// An engine with rules in force. Error: a bug.
    pub fn new(parts: Parts, rules: Box<dyn Rules>) -> Result<Self, Fault> {
        let gate = Gate::new(Arc::clone(&parts.directory), Arc::clone(&parts.clock), rules);
        let desk = Desk::new(&parts.hold_key)?;
        let (running, tally, status_pages) = (TaskTracker::new(), Tally::default(), OnceLock::new());
        let (emergencies, for_tasks) = (Emergencies::default(), ForTasks::default());
        let askings = Askings::default();
        let shared = Shared { parts, gate, running, tally, desk, emergencies, for_tasks, askings, status_pages };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Puts other rules in force, from the next decision on.
    pub fn replace_rules(&self, rules: Box<dyn Rules>) {
        self.shared.gate.replace_rules(rules);
    }

    /// The bounds in force.
    pub fn limits(&self) -> &Limits {
        &self.shared.parts.limits
    }

    /// The time, as the engine sees it.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        self.shared.gate.clock()
    }

    /// Who there is, as the engine sees it.
    pub fn directory(&self) -> Arc<DirectorySnapshot> {
        self.shared.gate.directory()
    }

    /// Where credentials come from, for the outgoing half of a wire.
    pub fn credentials(&self) -> &Arc<dyn Credentials> {
        &self.shared.parts.credentials
    }

    /// Whether this actor would be denied this whatever the arguments: then it is not listed.
    pub fn hides(&self, actor: &Actor, app: &AppId, method: Method, tool: ToolFacts) -> bool {
        self.shared.gate.hides(actor, app, method, tool, None)
    }

    /// The same under the contract of a vendor, as far as is known of the call before it is made.
    pub fn hides_under(&self, actor: &Actor, app: &AppId, tool: ToolFacts, contract: &ContractFacts) -> bool {
        self.shared.gate.hides(actor, app, Method::ToolsCall, tool, Some(contract))
    }

    /// The fields of a record that have to be known before this call is decided on, which may be later: its contract judges by them.
    pub fn conditions(&self, of: &ContractFacts) -> Vec<Arc<str>> {
        self.shared.gate.conditions(of, None)
    }

    /// Those of them by which its contract judges now.
    pub fn conditions_now(&self, of: &ContractFacts) -> Vec<Arc<str>> {
        self.shared.gate.conditions(of, Some(self.clock().now()))
    }

    /// Whether this actor may do this now. For what goes along with something that is decided and recorded by itself.
    pub fn permits(&self, actor: &Actor, app: &AppId, method: Method, tool: ToolFacts) -> bool {
        self.shared.gate.permits(actor, app, method, tool)
    }

    /// Whether this has to wait for people as far as can be told without its arguments.
    pub fn holds_any(&self, actor: &Actor, app: &AppId, method: Method, tool: ToolFacts) -> bool {
        self.shared.gate.holds_any(actor, app, method, tool)
    }

    /// How far back calls count against budgets of the rules in force; none where no earlier call does.
    pub fn look_back(&self) -> Option<Duration> {
        self.shared.gate.look_back()
    }

    /// How much of a contract's budget is taken right now, bytes in whole kibibytes; zero for budgets that others share.
    pub fn used_of_contract(&self, budget: &Budget) -> u64 {
        self.shared.gate.used_of_contract(budget, self.clock().now())
    }

    /// Counts a call of the past against the budgets of the rules in force. It ran at `facts.now`, and so many bytes of its
    /// answer were passed on.
    pub fn remember(&self, facts: &Facts, arguments: Digest, failed: bool, bytes: u64) {
        self.shared.gate.remember(facts, arguments, failed, bytes);
    }

    /// Records a change. Error: nothing was written.
    pub async fn change(&self, change: Change) -> Result<Durable, Fault> {
        self.shared.change(change).await
    }

    /// Writes state that no record speaks of. Blocks the thread until it is on disk.
    pub fn keep_blocking(&self, state: Vec<StateWrite>) -> Result<(), Fault> {
        self.shared.parts.journal.state_blocking(state).map_err(Fault::from)
    }

    /// Records that what is kept of some subjects is erased, and destroys it ([`trace::Kept`]). `what` says which, and what is written
    /// of it; nothing else is written from then on. Blocks the thread.
    pub fn erase_blocking(&self, what: impl FnOnce() -> Result<(Change, Vec<u32>), Fault>) -> Result<Durable, Fault> {
        let as_record = |(change, subjects)| Ok((self.shared.as_record(change)?, subjects));
        self.shared.parts.journal.erase_blocking(|| what().and_then(as_record))
    }

    /// Lets texts go as far as the trace says ([`trace::Retention`]). Blocks the thread until that is done, as far as it is not the
    /// store's own work, or `wanted` says no.
    pub fn let_go_blocking(&self, wanted: impl Fn() -> bool) -> Result<(), Fault> {
        self.shared.parts.journal.let_go_blocking(wanted).map_err(Fault::from)
    }

    /// Records that a link to this app is made (its child starts, or it is asked what it offers), and with that permits the link to hold the app's credential.
    pub async fn permit_link(&self, app: &AppId, target: &str) -> Result<LinkPermit, Fault> {
        let started = self
            .change(Change {
                by: "gateway".to_owned(),
                what: "app.link".to_owned(),
                subject: app.to_string(),
                human: None,
                detail: serde_json::json!({ "target": target, "credential": self.shared.parts.credentials.named(app) }),
                state: Vec::new(),
            })
            .await?;
        Ok(LinkPermit::issue(app.clone(), &started))
    }

    /// Sequence number of the newest record on disk; 0 before the first since the gateway started.
    pub fn newest_record(&self) -> u64 {
        self.shared.parts.journal.newest()
    }

    /// How many records could not be written since the gateway started.
    pub fn records_not_written(&self) -> u64 {
        self.shared.parts.journal.records_not_written()
    }

    /// What happened since the gateway started.
    pub fn figures(&self) -> Figures {
        self.shared.tally.figures(self.shared.running.len(), self.shared.parts.journal.lost_outcomes())
    }

    /// Whoever is kept waiting for people is told to call again, and so is who comes from now on.
    pub fn keep_nobody_waiting(&self) {
        self.shared.desk.closing.cancel();
    }

    /// Whether whoever waits for people is told to call again.
    pub fn keeps_nobody_waiting(&self) -> bool {
        self.shared.desk.closing.is_cancelled()
    }

    /// Waits until every call that was sent has its outcome. Whoever is kept waiting for people is told to call again.
    pub async fn settle(&self) {
        self.keep_nobody_waiting();
        self.shared.running.close();
        self.shared.running.wait().await;
    }

    /// Waits until everything is on disk and closes the trace. No call may follow.
    pub fn close(&self) {
        self.shared.parts.journal.close();
    }

    pub(crate) fn new_call(&self) -> Result<CallId, Fault> {
        self.shared.new_call()
    }
}

impl Shared {
    pub(crate) async fn change(&self, change: Change) -> Result<Durable, Fault> {
        let record = self.as_record(change)?;
        self.parts.journal.change(record).await.map_err(Fault::from)
    }

    pub(crate) fn new_call(&self) -> Result<CallId, Fault> {
        let mut chance = [0u8; 10];
        aws_lc_rs::rand::fill(&mut chance)
            .map_err(|_| Fault::new(Blame::Operator, "operator.no_randomness", "the system gives no random bytes"))?;
        Ok(CallId::new(self.parts.clock.now().millis(), chance))
    }

    fn as_record(&self, change: Change) -> Result<trace::Change, Fault> {
        Ok(trace::Change {
            id: self.new_call()?,
            at: self.parts.clock.now(),
            by: change.by,
            what: change.what,
            subject: change.subject,
            human: change.human,
            detail: change.detail,
            state: change.state,
        })
    }
}
