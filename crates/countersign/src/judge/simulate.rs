//! Recorded calls of a vendor under another version of its contract, as if that had been signed and in force.
//!
//! Facts are those of the record. Limits are counted anew, over what would have run. What only an answer shows is not judged: a
//! call that runs under both is told of where the fields of its answer would differ.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use contract::{Cells, Change, Compiled, Governed, InForce};
use decide::decide;
use model::{Budget, BudgetOf, ClauseNumber, Facts, RuleId, Rules as _, Standing, UnixMicros, Verdict};
use policy::Bundle;

use super::Judge;
use super::replay::recorded_facts;
use crate::evidence::Asked;

/// What came of it.
pub struct Simulation<'j> {
    judge: &'j Judge,
    rules: Governed<Arc<Bundle>>,
    contract: Arc<Compiled>,
    cells: Vec<Cells>,
    used: Used,
    /// Calls that could be judged.
    pub judged: u64,
    /// How many would be decided how, by clause and by what they asked.
    pub lines: BTreeMap<Line, u64>,
    /// Calls that run under both, and whose answers would show more fields, or fewer, by what they asked.
    pub fields: BTreeMap<String, (u64, u64)>,
    /// Calls that cannot be judged, by why.
    pub unjudged: BTreeMap<&'static str, u64>,
    /// Calls that would be decided in another way, oldest first.
    pub calls: Vec<Changed>,
    /// Whether there were more of them than are kept.
    pub more: bool,
}

/// Calls of which the same would come.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// The clause that would decide; none where none does.
    pub clause: Option<ClauseNumber>,
    /// What was asked: `read candidate`.
    pub asks: String,
    /// What was decided.
    pub was: Verdict,
    /// What would be.
    pub would: Verdict,
}

/// What is taken of limits, and when. One clause may have several limits.
#[derive(Default)]
struct Used {
    of: HashMap<(RuleId, BudgetOf), VecDeque<(i64, u64)>>,
}

/// One call that would be decided in another way.
pub struct Changed {
    /// Its place in the log.
    pub sequence: u64,
    /// Its id.
    pub call: String,
    /// `app/tool`.
    pub tool: String,
    /// What was decided.
    pub was: Verdict,
    /// What would be.
    pub would: Verdict,
    /// The clause that would decide.
    pub clause: Option<ClauseNumber>,
    /// Why.
    pub because: String,
}

impl<'j> Simulation<'j> {
    /// Under these rules and this version; `cells` are what it newly permits and forbids. Error: a sentence.
    pub fn new(
        judge: &'j Judge,
        rules: Arc<Bundle>,
        contract: Arc<Compiled>,
        cells: Vec<Cells>,
    ) -> Result<Self, String> {
        let in_force = InForce::new(vec![Arc::clone(&contract)], []);
        let in_force = in_force.map_err(|errors| errors.first().map(ToString::to_string).unwrap_or_default())?;
        Ok(Self {
            judge,
            rules: Governed::new(rules, Arc::new(in_force)),
            contract,
            cells,
            used: Used::default(),
            judged: 0,
            lines: BTreeMap::new(),
            fields: BTreeMap::new(),
            unjudged: BTreeMap::new(),
            calls: Vec::new(),
            more: false,
        })
    }

    /// Judges one call; they come in the order of the log.
    pub fn take(&mut self, asked: &Asked) {
        let mut facts = match recorded_facts(self.judge, &asked.intent) {
            Ok(facts) => facts,
            Err(why) => return self.pass(why),
        };
        let Some(contract) = facts.contract.as_mut().map(Arc::make_mut) else { return self.pass(NO_CONTRACT) };
        if contract.standing != Standing::Active {
            return self.pass(NOT_IN_FORCE);
        }
        contract.digest = Some(self.contract.forms().digest);
        contract.spent.clear();
        facts.spent.retain(|rule| !rule.as_str().starts_with(model::contract::RULE_PREFIX));
        let budgets = self.budgets(&facts);
        facts.spent.extend(self.used.up(&budgets, facts.now, records(&facts)));
        let was = asked.intent.observed.as_ref().map_or(asked.intent.verdict, |observed| observed.verdict);
        let decision = decide(&self.rules, &facts);
        let would = decision.observed().map_or(decision.verdict(), |observed| observed.verdict);
        let reason = decision.reasons().first();
        if would.runs() {
            let bytes = asked.outcome.as_ref().map_or(0, |outcome| outcome.answer_bytes);
            self.used.count(&budgets, facts.now, (records(&facts), bytes));
        }
        self.judged += 1;
        let clause = reason.and_then(|reason| reason.clause.as_ref()).map(|clause| clause.number.clone());
        let asks = asks(&facts);
        if was == would {
            if would.runs() {
                self.other_fields(&facts, &asks);
            }
            return;
        }
        let line = Line { clause: clause.clone(), asks, was, would };
        *self.lines.entry(line).or_default() += 1;
        if self.calls.len() >= CALLS_MAX {
            self.more = true;
            return;
        }
        self.calls.push(Changed {
            sequence: asked.entry.sequence,
            call: asked.intent.call.to_string(),
            tool: format!("{}/{}", asked.intent.app, asked.intent.tool),
            was,
            would,
            clause,
            because: reason.map(|reason| reason.sentence.clone()).unwrap_or_default(),
        });
    }

    /// Calls that would come to something else.
    pub fn changes(&self) -> u64 {
        let decided: u64 = self.lines.values().sum();
        decided + self.fields.values().map(|(more, fewer)| more + fewer).sum::<u64>()
    }

    /// The contract's limits.
    fn budgets(&self, facts: &Facts) -> Vec<Budget> {
        let mut budgets = self.rules.budgets(facts);
        budgets.retain(|budget| budget.rule.as_str().starts_with(model::contract::RULE_PREFIX));
        budgets
    }

    fn other_fields(&mut self, facts: &Facts, asks: &str) {
        let Some(contract) = &facts.contract else { return };
        let (Some(entity), Some(operation)) = (&contract.entity, contract.operation) else { return };
        let of_it =
            |cells: &&Cells| cells.app == facts.app.id && cells.entity == *entity && cells.operation == operation;
        let changed = |change: Change| self.cells.iter().filter(of_it).any(|cells| cells.change == change);
        let (more, fewer) = (changed(Change::Permits), changed(Change::Forbids));
        if more || fewer {
            let counts = self.fields.entry(asks.to_owned()).or_default();
            counts.0 += u64::from(more);
            counts.1 += u64::from(fewer);
        }
    }

    fn pass(&mut self, why: &'static str) {
        *self.unjudged.entry(why).or_default() += 1;
    }
}

// === impl Used ===

impl Used {
    /// The limits that would be used up.
    fn up(&mut self, budgets: &[Budget], now: UnixMicros, records: u64) -> Vec<RuleId> {
        let mut up = Vec::new();
        for budget in budgets {
            let Some((most, within)) = bound(budget.of) else { continue };
            let used = self.of.entry((budget.rule.clone(), budget.of)).or_default();
            while used.front().is_some_and(|(at, _)| *at <= now.0.saturating_sub(within)) {
                used.pop_front();
            }
            let so_far: u64 = used.iter().map(|(_, amount)| amount).sum();
            let wanted = if matches!(budget.of, BudgetOf::Records { .. }) { records } else { 1 };
            if so_far.saturating_add(wanted) > most {
                up.push(budget.rule.clone());
            }
        }
        up
    }

    /// A call ran, and brought back so many records and bytes.
    fn count(&mut self, budgets: &[Budget], now: UnixMicros, (records, bytes): (u64, u64)) {
        for budget in budgets {
            let amount = match budget.of {
                BudgetOf::Calls { .. } => 1,
                BudgetOf::Records { .. } => records,
                BudgetOf::Bytes { .. } => bytes,
                _ => continue,
            };
            self.of.entry((budget.rule.clone(), budget.of)).or_default().push_back((now.0, amount));
        }
    }
}

/// How many records a call can bring back.
fn records(facts: &Facts) -> u64 {
    facts.contract.as_ref().and_then(|contract| contract.records).unwrap_or(0)
}

fn bound(of: BudgetOf) -> Option<(u64, i64)> {
    let micros = |within: std::time::Duration| i64::try_from(within.as_micros()).unwrap_or(i64::MAX);
    match of {
        BudgetOf::Calls { most, within } | BudgetOf::Records { most, within } => Some((most.into(), micros(within))),
        BudgetOf::Bytes { most, within } => Some((most, micros(within))),
        _ => None,
    }
}

fn asks(facts: &Facts) -> String {
    let contract = facts.contract.as_ref();
    let named = contract.and_then(|contract| Some(format!("{} {}", contract.operation?, contract.entity.as_ref()?)));
    named.unwrap_or_else(|| format!("use {}", facts.tool.name))
}

const NO_CONTRACT: &str = "no contract governed it";
const NOT_IN_FORCE: &str = "the contract was not in force then";
/// So many calls are listed one by one.
const CALLS_MAX: usize = 10_000;

#[cfg(test)]
mod tests;
