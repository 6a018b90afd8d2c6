//! The rules of one layer, found by what a call is. Cedar looks at every rule of a set (about a microsecond each), so it is
//! asked only those rules that this call can concern, and told only the facts that they read.

mod calls;
mod pins;
mod shelves;

use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy::{AuthorizationError, Authorizer, EvaluationError, Policy, PolicyId, PolicySetError};
use model::{Evaluation, Facts, Hit, RuleFault, RuleFaultKind, RuleInfo};

use crate::compile::Rule;
use crate::index::calls::{Asked, Calls};
use crate::index::shelves::{Answer, Shelf, Shelves};
use crate::request::{Names, Passed};
use crate::tree::Reads;

/// The rules of one layer.
pub(crate) struct Index {
    rules: HashMap<PolicyId, Arc<RuleInfo>>,
    policies: Vec<(Arc<RuleInfo>, Policy)>,
    shelves: Shelves<Calls>,
    reads: Reads,
}

impl Index {
    /// Error: Cedar refuses a set, which two rules with one id would make it do.
    pub(crate) fn new<'a>(rules: impl Iterator<Item = &'a Rule> + Clone) -> Result<Self, Box<PolicySetError>> {
        let mut reads = Reads::default();
        for rule in rules.clone() {
            reads.add(&rule.policy);
        }
        Ok(Self {
            rules: rules.clone().map(|rule| (rule.policy.id().clone(), Arc::clone(&rule.info))).collect(),
            policies: rules.clone().map(|rule| (Arc::clone(&rule.info), rule.policy.clone())).collect(),
            shelves: Shelves::new(Calls, rules.map(|rule| &rule.policy))?,
            reads,
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.shelves.is_empty()
    }

    /// Every rule, in the order it came.
    pub(crate) fn policies(&self) -> impl Iterator<Item = (&RuleInfo, &Policy)> {
        self.policies.iter().map(|(info, policy)| (info.as_ref(), policy))
    }

    /// What any rule reads.
    pub(crate) fn reads(&self) -> &Reads {
        &self.reads
    }

    /// Asks every rule that can match a call with these facts, or err on it.
    pub(crate) fn ask(&self, authorizer: &Authorizer, names: &Names, facts: &Facts, passed: &Passed) -> Evaluation {
        let shelves = self.shelves.concerning(&Asked { facts, passed, names });
        if shelves.is_empty() {
            return Evaluation::default();
        }
        let mut reads = Reads::default();
        for shelf in &shelves {
            reads.merge(shelf.reads());
        }
        in_order(match names.question(facts, passed, &reads) {
            Ok(question) => self.evaluation(Answer::of(authorizer, &shelves, &question.request, &question.entities)),
            Err(why) => self.all_broken(&shelves, &why),
        })
    }

    fn evaluation(&self, answer: Answer) -> Evaluation {
        let satisfied = answer.permits.iter().chain(&answer.forbids).filter_map(|id| self.rules.get(id));
        let fault = |AuthorizationError::PolicyEvaluationError(error): &AuthorizationError| {
            let rule = Arc::clone(self.rules.get(error.policy_id())?);
            Some(RuleFault { rule, kind: fault(error.inner()) })
        };
        Evaluation {
            hits: satisfied.map(|rule| Hit { rule: Arc::clone(rule) }).collect(),
            faults: answer.errors.iter().filter_map(fault).collect(),
        }
    }

    /// No rule could be asked.
    fn all_broken(&self, shelves: &[&Shelf], why: &str) -> Evaluation {
        let rules = shelves.iter().flat_map(|shelf| shelf.policies()).filter_map(|id| self.rules.get(id));
        let broken =
            |rule: &Arc<RuleInfo>| RuleFault { rule: Arc::clone(rule), kind: RuleFaultKind::Broken(why.to_owned()) };
        let mut faults: Vec<RuleFault> = rules.map(broken).collect();
        faults.sort_by(|one, other| one.rule.id.cmp(&other.rule.id));
        faults.dedup_by(|one, other| one.rule.id == other.rule.id);
        Evaluation { hits: Vec::new(), faults }
    }
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

fn in_order(mut evaluation: Evaluation) -> Evaluation {
    evaluation.hits.sort_by(|one, other| one.rule.id.cmp(&other.rule.id));
    evaluation.faults.sort_by(|one, other| one.rule.id.cmp(&other.rule.id));
    evaluation
}

#[cfg(test)]
mod tests;
