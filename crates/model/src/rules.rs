//! The port between a decision and the rules, whatever language they are written in.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::arguments::ArgumentReads;
use crate::budget::Budget;
use crate::contract::{Clause, Standing};
use crate::digest::Digest;
use crate::facts::Facts;
use crate::id::{AgentId, AppId, ContractId, HumanId, RuleId};
use crate::release::Release;
use crate::time::UnixMicros;

/// A compiled, checked, hashed set of rules. Pure: the same facts give the same evaluation, bit for bit.
pub trait Rules: Send + Sync {
    /// Content digest of everything that was compiled.
    fn digest(&self) -> Digest;
    /// Every rule of the layer that matches these facts, and every rule that could not be evaluated.
    fn evaluate(&self, layer: Layer, facts: &Facts) -> Evaluation;
    /// What rules for this app look at of the arguments; none: nothing, so that nothing need be read.
    fn reads(&self, _app: &AppId) -> Option<Arc<ArgumentReads>> {
        None
    }
    /// The description by which the rules know this app; none where there is none.
    fn described_by(&self, _app: &AppId) -> Option<Digest> {
        None
    }
    /// Whether nothing that this agent asks for is to run: it is told what would have happened.
    fn recommends_only(&self, _agent: &AgentId) -> bool {
        false
    }
    /// Shows each budget that a call with these facts counts against. `spent` is not filled in yet.
    fn each_budget(&self, _facts: &Facts, _show: &mut dyn FnMut(&Budget)) {}
    /// All of them.
    fn budgets(&self, facts: &Facts) -> Vec<Budget> {
        let mut budgets = Vec::new();
        self.each_budget(facts, &mut |budget| budgets.push(budget.clone()));
        budgets
    }
    /// The longest stretch of time over which budgets count; none where nothing need be known of earlier calls.
    fn look_back(&self) -> Option<Duration> {
        None
    }
    /// Whether this contract is in force, and what was signed of it.
    fn standing(&self, _contract: &ContractId, _now: UnixMicros) -> (Standing, Option<Digest>) {
        (Standing::Unknown, None)
    }
    /// The fields of a kind of record by which this contract judges at this time whether it is about a record; without one, at any
    /// time.
    fn conditions(&self, _contract: &ContractId, _entity: &str, _at: Option<UnixMicros>) -> Vec<Arc<str>> {
        Vec::new()
    }
    /// The people of the directory who are of the vendor's side of this contract: nobody of them approves what it holds.
    fn of_the_vendor(&self, _contract: &ContractId) -> Vec<HumanId> {
        Vec::new()
    }
    /// What is let out of the answer to a call that a contract governs. None: nothing is.
    fn release(&self, _facts: &Facts) -> Option<Arc<dyn Release>> {
        None
    }
}

impl<T: Rules + ?Sized> Rules for Arc<T> {
    fn digest(&self) -> Digest {
        T::digest(self)
    }

    fn evaluate(&self, layer: Layer, facts: &Facts) -> Evaluation {
        T::evaluate(self, layer, facts)
    }

    fn reads(&self, app: &AppId) -> Option<Arc<ArgumentReads>> {
        T::reads(self, app)
    }

    fn described_by(&self, app: &AppId) -> Option<Digest> {
        T::described_by(self, app)
    }

    fn recommends_only(&self, agent: &AgentId) -> bool {
        T::recommends_only(self, agent)
    }

    fn each_budget(&self, facts: &Facts, show: &mut dyn FnMut(&Budget)) {
        T::each_budget(self, facts, show);
    }

    fn look_back(&self) -> Option<Duration> {
        T::look_back(self)
    }

    fn standing(&self, contract: &ContractId, now: UnixMicros) -> (Standing, Option<Digest>) {
        T::standing(self, contract, now)
    }

    fn conditions(&self, contract: &ContractId, entity: &str, at: Option<UnixMicros>) -> Vec<Arc<str>> {
        T::conditions(self, contract, entity, at)
    }

    fn of_the_vendor(&self, contract: &ContractId) -> Vec<HumanId> {
        T::of_the_vendor(self, contract)
    }

    fn release(&self, facts: &Facts) -> Option<Arc<dyn Release>> {
        T::release(self, facts)
    }
}

/// Whose rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// What this organisation wrote. Its refusals always apply.
    Organisation,
    /// The shipped default, asked only when no rule of the organisation permits.
    Baseline,
}

/// What came of looking at one layer.
#[derive(Debug, Clone, Default)]
pub struct Evaluation {
    /// Rules that match, in the order of their ids.
    pub hits: Vec<Hit>,
    /// Rules that could not be evaluated, in the order of their ids.
    pub faults: Vec<RuleFault>,
}

/// One rule that matches.
#[derive(Debug, Clone)]
pub struct Hit {
    /// The rule.
    pub rule: RuleRef,
    /// What it does, so that nobody need wait for the rest of it.
    pub effect: Effect,
}

/// What a decision looks at of every rule that matches. With many rules the rest of each lies elsewhere in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effect {
    /// What it does.
    pub outcome: RuleOutcome,
    /// True: what it would have done is recorded, and not done.
    pub observe: bool,
    /// Whether it has [`limits`](RuleInfo::limits).
    pub limits: bool,
}

/// A rule, held together with those it was loaded with: to hold one by itself would wait for the memory it lies in.
#[derive(Clone)]
pub struct RuleRef {
    all: Arc<[Arc<RuleInfo>]>,
    // INVARIANT: there is a rule at this place (`a_rule_that_is_not_there_cannot_be_held`).
    at: usize,
}

/// One rule that could not be evaluated.
#[derive(Debug, Clone)]
pub struct RuleFault {
    /// The rule.
    pub rule: Arc<RuleInfo>,
    /// Why not.
    pub kind: RuleFaultKind,
}

/// Why a rule could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleFaultKind {
    /// It reads a fact that is not there. The text names the fact.
    MissingFact(String),
    /// Anything else. The text says what.
    Broken(String),
}

/// What a person needs to know of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleInfo {
    /// What it does when it matches.
    pub outcome: RuleOutcome,
    /// True: what it would have done is recorded, and not done.
    pub observe: bool,
    /// Whose it is.
    pub layer: Layer,
    /// True: its records carry the mark into every export.
    pub security_relevant: bool,
    /// How many different people have to approve; at least one.
    pub approvals: u8,
    /// What a call that it matches is held to.
    pub limits: CallLimits,
    /// Stable id.
    pub id: RuleId,
    /// Where it is written.
    pub source: RuleSource,
    /// A sentence a person can read, lower case, no full stop.
    pub sentence: String,
    /// What an agent may do instead, if the rule says.
    pub instead: Option<String>,
    /// Who may lift a hold, as the rule writes it (`role:app-owner`, …).
    pub approvers: Vec<String>,
    /// What the answer must not show (paths of RFC 9535, separated by commas), where the outcome is to redact.
    pub redact: Option<Arc<str>>,
    /// The clause of a contract that it is; none for a rule of a rule file.
    pub clause: Option<Clause>,
}

/// What a call is held to while it runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallLimits {
    /// How long the app may take to answer.
    pub runtime: Option<Duration>,
}

// === impl Hit, RuleRef, RuleInfo ===

impl<R: Into<RuleRef>> From<R> for Hit {
    fn from(rule: R) -> Self {
        let rule = rule.into();
        Self { effect: rule.effect(), rule }
    }
}

impl RuleRef {
    /// The rule at this place; none: there is no such place.
    pub fn among(all: &Arc<[Arc<RuleInfo>]>, at: usize) -> Option<Self> {
        (at < all.len()).then(|| Self { all: Arc::clone(all), at })
    }
}

impl From<RuleInfo> for RuleRef {
    fn from(rule: RuleInfo) -> Self {
        Arc::new(rule).into()
    }
}

impl From<Arc<RuleInfo>> for RuleRef {
    fn from(rule: Arc<RuleInfo>) -> Self {
        Self { all: Arc::new([rule]), at: 0 }
    }
}

impl Deref for RuleRef {
    type Target = Arc<RuleInfo>;

    #[expect(clippy::indexing_slicing, reason = "nobody makes one of a place where there is no rule")]
    fn deref(&self) -> &Arc<RuleInfo> {
        &self.all[self.at]
    }
}

impl fmt::Debug for RuleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        RuleInfo::fmt(self, f)
    }
}

impl RuleInfo {
    /// What a decision looks at.
    pub fn effect(&self) -> Effect {
        Effect { outcome: self.outcome, observe: self.observe, limits: self.limits != CallLimits::default() }
    }

    /// A rule that does this, with nothing else said of it than where it is written.
    pub fn new(id: RuleId, outcome: RuleOutcome, layer: Layer, source: RuleSource, sentence: String) -> Self {
        Self {
            id,
            outcome,
            layer,
            source,
            sentence,
            instead: None,
            approvers: Vec::new(),
            approvals: 1,
            observe: false,
            security_relevant: false,
            limits: CallLimits::default(),
            redact: None,
            clause: None,
        }
    }
}

/// What a rule does when it matches, from mild to strict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleOutcome {
    /// Decides nothing; its [`limits`](RuleInfo::limits) hold the call that it matches.
    Limit,
    /// Permits the call.
    Permit,
    /// Permits it with something removed.
    Redact,
    /// Refuses until a person approves.
    Hold,
    /// Refuses until a fact is known.
    Defer,
    /// Refuses.
    Deny,
}

/// Where a rule is written. Lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSource {
    /// File as the operator named it, or `baseline.cedar`.
    pub file: Arc<str>,
    /// First line.
    pub line: u32,
    /// Column of the first character.
    pub column: u32,
    /// The text of the rule.
    pub text: Arc<str>,
}

impl fmt::Display for RuleSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

#[cfg(test)]
mod tests;
