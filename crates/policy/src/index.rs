//! The rules of one layer, found by app. Cedar looks at every rule of a set (about a microsecond each), so rules whose
//! scope names an app stand apart and are looked at for calls to that app only.

use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy::{
    AuthorizationError, Authorizer, Effect, EntityUid, EvaluationError, PolicyId, PolicySet, PolicySetError,
    ResourceConstraint,
};
use model::{AppId, Evaluation, Hit, RuleFault, RuleFaultKind, RuleInfo};

use crate::compile::Rule;
use crate::lint::app_of_tool;
use crate::request::Question;
use crate::tree::Reads;

/// The rules of one layer.
#[derive(Default)]
pub(crate) struct Index {
    rules: HashMap<PolicyId, Arc<RuleInfo>>,
    everywhere: Shelf,
    by_app: HashMap<String, Shelf>,
    reads: Reads,
}

/// Permits apart from forbids: Cedar names the satisfied forbids only, once there is one.
#[derive(Default)]
struct Shelf {
    permits: PolicySet,
    forbids: PolicySet,
}

impl Index {
    /// Error: Cedar refuses a set, which two rules with one id would make it do.
    pub(crate) fn new<'a>(rules: impl Iterator<Item = &'a Rule>) -> Result<Self, Box<PolicySetError>> {
        let mut index = Self::default();
        for rule in rules {
            let shelf = match app_in_scope(&rule.policy.resource_constraint()) {
                Some(app) => index.by_app.entry(app).or_default(),
                None => &mut index.everywhere,
            };
            match rule.policy.effect() {
                Effect::Permit => shelf.permits.add(rule.policy.clone()).map_err(Box::new)?,
                Effect::Forbid => shelf.forbids.add(rule.policy.clone()).map_err(Box::new)?,
            }
            index.reads.add(&rule.policy);
            index.rules.insert(rule.policy.id().clone(), Arc::clone(&rule.info));
        }
        Ok(index)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What the question must hold.
    pub(crate) fn reads(&self) -> &Reads {
        &self.reads
    }

    /// Asks every rule that can match a call to this app.
    pub(crate) fn ask(&self, authorizer: &Authorizer, app: &AppId, question: &Question) -> Evaluation {
        let mut evaluation = Evaluation::default();
        for shelf in [Some(&self.everywhere), self.by_app.get(app.as_str())].into_iter().flatten() {
            for set in [&shelf.permits, &shelf.forbids] {
                if !set.is_empty() {
                    self.ask_set(authorizer, set, question, &mut evaluation);
                }
            }
        }
        in_order(evaluation)
    }

    /// No rule could be asked.
    pub(crate) fn all_broken(&self, why: &str) -> Evaluation {
        let broken =
            |rule: &Arc<RuleInfo>| RuleFault { rule: Arc::clone(rule), kind: RuleFaultKind::Broken(why.to_owned()) };
        in_order(Evaluation { hits: Vec::new(), faults: self.rules.values().map(broken).collect() })
    }

    fn ask_set(&self, authorizer: &Authorizer, set: &PolicySet, question: &Question, evaluation: &mut Evaluation) {
        let response = authorizer.is_authorized(&question.request, set, &question.entities);
        for id in response.diagnostics().reason() {
            evaluation.hits.extend(self.rules.get(id).map(|rule| Hit { rule: Arc::clone(rule) }));
        }
        for AuthorizationError::PolicyEvaluationError(error) in response.diagnostics().errors() {
            let kind = fault(error.inner());
            evaluation
                .faults
                .extend(self.rules.get(error.policy_id()).map(|rule| RuleFault { rule: Arc::clone(rule), kind }));
        }
    }
}

/// The one app whose tools this scope can match, if it names one.
fn app_in_scope(scope: &ResourceConstraint) -> Option<String> {
    let uid: &EntityUid = match scope {
        ResourceConstraint::In(uid) | ResourceConstraint::Eq(uid) | ResourceConstraint::IsIn(_, uid) => uid,
        ResourceConstraint::Any | ResourceConstraint::Is(_) => return None,
    };
    let id = uid.id().unescaped();
    match uid.type_name().to_string().as_str() {
        "App" => Some(id.to_owned()),
        "Tool" | "Resource" | "Prompt" | "Request" => app_of_tool(id).map(|(app, _)| app.to_owned()),
        _ => None,
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
