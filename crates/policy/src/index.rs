//! The rules of one layer, found by what a call is. Cedar looks at every rule of a set (about a microsecond each), so it is
//! asked only those rules that this call can concern, and told only the facts that they read.

mod calls;
mod condition;
mod pins;
mod shelves;
mod table;
mod words;

use std::sync::Arc;

use cedar_policy::{AuthorizationError, Authorizer, EvaluationError, Policy};
use model::{Effect, Evaluation, Facts, Hit, RuleFault, RuleFaultKind, RuleInfo, RuleRef};

use crate::compile::Rule;
use crate::index::calls::{Asked, Calls};
use crate::index::shelves::{Said, Shelves};
use crate::memory::{Key, Memory};
use crate::request::{Names, Passed, Question};

/// The rules of one layer, and what Cedar said of them.
pub(crate) struct Index {
    policies: Vec<(Arc<RuleInfo>, Policy)>,
    /// By the numbers of the shelves.
    rules: Arc<[Arc<RuleInfo>]>,
    /// What a decision looks at of each, in a row that is short enough to stay near.
    effects: Vec<Effect>,
    shelves: Shelves<Calls>,
    memory: Memory,
}

impl Index {
    pub(crate) fn new<'a>(rules: impl Iterator<Item = &'a Rule> + Clone) -> Self {
        // Shelves number policies in the order of their ids, which are those of their rules.
        let mut in_order: Vec<Arc<RuleInfo>> = rules.clone().map(|rule| Arc::clone(&rule.info)).collect();
        in_order.sort_by(|one, other| one.id.cmp(&other.id));
        Self {
            effects: in_order.iter().map(|rule| rule.effect()).collect(),
            policies: rules.clone().map(|rule| (Arc::clone(&rule.info), rule.policy.clone())).collect(),
            rules: in_order.into(),
            shelves: Shelves::new(Calls, rules.map(|rule| &rule.policy)),
            memory: Memory::new(),
        }
    }

    /// Every rule, in the order it came.
    pub(crate) fn policies(&self) -> impl Iterator<Item = (&RuleInfo, &Policy)> {
        self.policies.iter().map(|(info, policy)| (info.as_ref(), policy))
    }

    /// Every rule that matches a call with these facts, or errs on it.
    pub(crate) fn evaluate(
        &self,
        authorizer: &Authorizer,
        names: &Names,
        facts: &Facts,
        passed: &Passed,
    ) -> Evaluation {
        if self.shelves.is_empty() {
            return Evaluation::default();
        }
        let told = self.shelves.tell(&Asked { facts, passed, names });
        let hits = told.satisfied.iter().filter_map(|number| self.hit(*number)).collect();
        let told_here = Evaluation { hits, faults: Vec::new() };
        if told.unclear.is_empty() {
            return told_here;
        }
        let reads = self.shelves.reads(&told.unclear);
        let key = Key::of(facts, passed, &reads, &told.unclear);
        let by_cedar = key.as_ref().and_then(|key| self.memory.get(key)).unwrap_or_else(|| {
            let said = match names.question(facts, passed, &reads) {
                Ok(question) => self.ask(&told.unclear, authorizer, &question),
                Err(why) => self.all_broken(&told.unclear, &why),
            };
            if let Some(key) = key {
                self.memory.keep(key, &said);
            }
            said
        });
        both(told_here, by_cedar)
    }

    /// Asks Cedar about these rules.
    fn ask(&self, numbers: &[u32], authorizer: &Authorizer, question: &Question) -> Evaluation {
        let mut evaluation = Evaluation::default();
        for number in numbers {
            match self.shelves.ask(*number, authorizer, &question.request, &question.entities) {
                Ok(Said::Satisfied) => evaluation.hits.extend(self.hit(*number)),
                Ok(Said::Not) => {}
                Ok(Said::Error(error)) => {
                    let AuthorizationError::PolicyEvaluationError(error) = *error;
                    evaluation.faults.extend(self.fault(*number, fault(error.inner())));
                }
                Err(error) => {
                    evaluation.faults.extend(self.fault(*number, RuleFaultKind::Broken(error.to_string())));
                }
            }
        }
        evaluation
    }

    /// No rule could be asked.
    fn all_broken(&self, numbers: &[u32], why: &str) -> Evaluation {
        let broken = |number: &u32| self.fault(*number, RuleFaultKind::Broken(why.to_owned()));
        let faults = numbers.iter().filter_map(broken).collect();
        Evaluation { hits: Vec::new(), faults }
    }

    fn hit(&self, number: u32) -> Option<Hit> {
        let at = usize::try_from(number).ok()?;
        Some(Hit { rule: RuleRef::among(&self.rules, at)?, effect: *self.effects.get(at)? })
    }

    fn fault(&self, number: u32, kind: RuleFaultKind) -> Option<RuleFault> {
        let rule = self.rules.get(usize::try_from(number).ok()?)?;
        Some(RuleFault { rule: Arc::clone(rule), kind })
    }
}

/// What two said of different rules, in the order of their ids.
fn both(mut one: Evaluation, other: Evaluation) -> Evaluation {
    one.hits.extend(other.hits);
    one.faults.extend(other.faults);
    one.hits.sort_by(|one, other| one.rule.id.cmp(&other.rule.id));
    one.faults.sort_by(|one, other| one.rule.id.cmp(&other.rule.id));
    one
}

fn fault(error: &EvaluationError) -> RuleFaultKind {
    let said = error.to_string();
    match error {
        EvaluationError::EntityAttrDoesNotExist(_)
        | EvaluationError::RecordAttrDoesNotExist(_)
        | EvaluationError::EntityDoesNotExist(_) => RuleFaultKind::MissingFact(missing(&said).unwrap_or(said)),
        _ => RuleFaultKind::Broken(said),
    }
}

/// Cedar's words (`` `Human::"ana"` does not have the attribute `department` ``) as ours. The errors have no accessors.
fn missing(said: &str) -> Option<String> {
    let mut quoted = said.split('`').skip(1).step_by(2);
    let (first, attribute) = (quoted.next()?, quoted.next());
    let Some((kind, id)) = first.split_once("::") else {
        return Some(format!("the call has no `{first}`"));
    };
    let (kind, id) = (kind.to_lowercase(), id.trim_matches('"'));
    Some(match attribute {
        Some(attribute) => format!("{kind} `{id}` has no {attribute}"),
        None => format!("nothing is known of {kind} `{id}`"),
    })
}

#[cfg(test)]
mod tests;
