//! The calls that a contract governed, as the trace has them.

use contract::Compiled;
use model::{Clause, ContractFacts, RuleId, UnixMicros};
use serde::Deserialize;
use trace::{Entry, Field, IntentView, LogReader, OutcomeView, Query, RecordKind, StoreFault, Term};

/// One call under a contract.
pub struct Asked {
    /// The record of the decision.
    pub entry: Entry,
    /// What it says.
    pub intent: IntentView,
    /// What was known of it; none once erased or let go.
    pub facts: Option<ContractFacts>,
    /// What came of it.
    pub outcome: Option<OutcomeView>,
}

/// Between when, both moments included.
#[derive(Debug, Clone, Copy, Default)]
pub struct Span {
    /// Not before.
    pub since: Option<UnixMicros>,
    /// Not after.
    pub until: Option<UnixMicros>,
    /// Only what stands behind this in the log.
    pub after: Option<u64>,
}

/// What facts say of contracts; the rest of them is passed over.
#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    contract: Option<ContractFacts>,
}

/// Tells of every call that the contract governed: those that one of its clauses answered, in the order of the log, and then
/// those that something else refused before one could. Of one of these whose text is gone its leaf says that the vendor made it, of
/// an app and at a time of this contract, and of no contract that it was another's.
pub fn each(
    log: &dyn LogReader,
    contract: &Compiled,
    span: Span,
    mut take: impl FnMut(Asked),
) -> Result<(), StoreFault> {
    let rules = rules_of(contract);
    let answered = Query::default().with_any(Field::Rule, rules.iter().cloned());
    walk(log, &answered, span, |entry| {
        if let Some(asked) = Asked::of(entry) {
            take(asked);
        }
    })?;
    let mut others = Query::default().with(Field::Agent, contract.vendor().as_str());
    others.terms.push(Term { field: Field::Rule, negated: true, values: rules });
    walk(log, &others, span, |entry| {
        if let Some(asked) = Asked::of(entry).filter(|asked| asked.may_be_of(contract)) {
            take(asked);
        }
    })
}

/// The ids of the rules that a contract is: each clause, and the contract itself where no clause answers.
pub fn rules_of(contract: &Compiled) -> Vec<String> {
    let of_clause = |number: &model::ClauseNumber| rule_of(contract, number).map(|rule| rule.to_string());
    let clauses = contract.agreement().provisions().filter_map(|(provision, _)| of_clause(&provision.clause));
    std::iter::once(format!("{}{}", model::contract::RULE_PREFIX, contract.id())).chain(clauses).collect()
}

/// The id of the rule that a clause is.
pub fn rule_of(contract: &Compiled, number: &model::ClauseNumber) -> Option<RuleId> {
    Clause { contract: contract.id().clone(), number: number.clone() }.rule().ok()
}

fn walk(log: &dyn LogReader, query: &Query, span: Span, mut take: impl FnMut(Entry)) -> Result<(), StoreFault> {
    let mut after = span.after;
    loop {
        let page = Query {
            since: span.since,
            until: span.until,
            after_sequence: after,
            limit: PAGE,
            newest_first: false,
            ..query.clone()
        };
        let page = log.find(&page.of_kind(RecordKind::Intent))?;
        let full = page.len() == PAGE;
        after = page.last().map(|last| last.sequence);
        page.into_iter().for_each(&mut take);
        if !full {
            return Ok(());
        }
    }
}

// === impl Asked ===

impl Asked {
    /// What a record of a decision says.
    pub fn of(entry: Entry) -> Option<Self> {
        let intent = entry.intent()?;
        let said = intent.facts.as_ref().and_then(|facts| serde_json::from_str::<Said>(facts.get()).ok());
        let outcome = entry.outcome();
        Some(Self { facts: said.and_then(|said| said.contract), outcome, intent, entry })
    }

    /// Whether a call that no clause of this contract answered may have been made under it.
    fn may_be_of(&self, contract: &Compiled) -> bool {
        let agreement = contract.agreement();
        match &self.facts {
            Some(facts) => facts.contract == *contract.id(),
            None => {
                self.entry.body.is_none()
                    && !self.by_any_contract()
                    && agreement.apps.contains(self.intent.app.as_str())
                    && (agreement.term.begins..agreement.term.ends).contains(&self.entry.at)
            }
        }
    }

    /// Whether nobody can say any more under which contract of the vendor it was made.
    pub fn is_of_an_unknown_contract(&self) -> bool {
        self.facts.is_none() && !self.by_any_contract()
    }

    /// Whether a clause of some contract is among those that decided it.
    fn by_any_contract(&self) -> bool {
        self.intent.rules.iter().any(|rule| rule.as_str().starts_with(model::contract::RULE_PREFIX))
    }

    /// Whether this rule is among those that decided it.
    pub fn by(&self, rule: &RuleId) -> bool {
        self.intent.rules.contains(rule)
    }
}

const PAGE: usize = 2_000;
