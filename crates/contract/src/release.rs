//! What is let out of an answer under a contract: the clauses as a plan for the filter that the answer runs through.

use std::collections::HashMap;
use std::sync::Arc;

use json::release::{Beyond, Condition, Fields, How, Outside, Removal, Tell, Total};
use json::{Release, ReleasePlan};
use model::{AppId, Facts, Fault, Filter, Form, Operation, Scalar, Shown, ToolName};

use crate::agreement::{self, Head, Hidden, Totals};
use crate::compiled::{Phase, Ruled};
use crate::in_force::{Compiled, InForce};

/// Where things stand in the answers to one operation, as the app's mapping says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// The kind of record.
    pub entity: String,
    /// What is done.
    pub operation: Option<Operation>,
    /// Where the records are: `$`, `$.data[*]`.
    pub rows: String,
    /// The field of a record that says whose it is.
    pub tenant: Option<String>,
    /// The fields that a record has; none: nobody knows them.
    pub fields: Vec<String>,
    /// Where their number stands.
    pub totals: Vec<String>,
    /// Where the next page is named.
    pub cursors: Vec<String>,
}

/// The shapes of the operations of each app.
pub type Shapes = HashMap<AppId, HashMap<ToolName, Shape>>;

/// Filters made ready, for each contract, stretch of time and operation.
#[derive(Debug, Default)]
pub(crate) struct Releases {
    ready: HashMap<Arc<str>, HashMap<AppId, HashMap<ToolName, Ready>>>,
}

#[derive(Debug)]
struct Ready {
    /// One for each phase; none where nothing is permitted then, or nothing can be let out.
    phases: Vec<Option<Arc<Let>>>,
    /// Whether the answer shows whose its records are.
    shows_tenant: bool,
}

/// What is let out of one answer.
#[derive(Debug)]
struct Let {
    release: Release,
    accepts_race: bool,
}

impl Releases {
    pub(crate) fn new(contracts: &InForce, shapes: &Shapes) -> Self {
        let of_contract = |contract: &Arc<Compiled>| {
            let apps = contract.agreement().apps.iter().filter_map(|app| Some((app, shapes.get(app)?)));
            let ready = apps.map(|(app, tools)| {
                let tools = tools.iter().map(|(tool, shape)| (tool.clone(), Ready::new(contract, app, shape)));
                (app.clone(), tools.collect())
            });
            (Arc::from(contract.id().as_str()), ready.collect())
        };
        Self { ready: contracts.all().map(of_contract).collect() }
    }

    /// What is let out of the answer to a call that runs. None: nothing.
    pub(crate) fn of(&self, contracts: &InForce, facts: &Facts) -> Option<Arc<dyn model::Release>> {
        let asked = facts.contract.as_ref()?;
        let contract = contracts.get(&asked.contract)?;
        let phase = contract.phase(facts.now)?;
        let place = contract.phases().iter().position(|one| one.from == phase.from)?;
        let ready = self.ready.get(asked.contract.as_str())?.get(&facts.app.id)?.get(&facts.tool.name)?;
        // Whose it is must be known before or be seen in the answer.
        if asked.tenant == Shown::Open && !ready.shows_tenant {
            return None;
        }
        let release = Arc::clone(ready.phases.get(place)?.as_ref()?);
        Some(release)
    }
}

impl Ready {
    fn new(contract: &Compiled, app: &AppId, shape: &Shape) -> Self {
        let phases = contract.phases().iter().map(|phase| {
            let plan = plan(contract, phase, app, shape)?;
            let compiled = Release::compile(&plan);
            // Paths that cannot be laid out let nothing out.
            let release = compiled.ok()?;
            Some(Arc::new(Let { release, accepts_race: contract.agreement().answers.accept_race }))
        });
        Self { phases: phases.collect(), shows_tenant: shape.tenant.is_some() }
    }
}

impl model::Release for Let {
    fn filter(&self, form: Form) -> Result<Box<dyn Filter>, Fault> {
        model::Release::filter(&self.release, form)
    }

    fn records_max(&self) -> Option<u64> {
        model::Release::records_max(&self.release)
    }

    fn accepts_race(&self) -> bool {
        self.accepts_race
    }
}

/// What cannot be laid out of the answers that contracts are about, in words: nothing of those answers would be let out.
pub fn check_shapes(contracts: &InForce, shapes: &Shapes) -> Vec<String> {
    let mut said = Vec::new();
    for contract in contracts.all() {
        for app in &contract.agreement().apps {
            for (tool, shape) in shapes.get(app).into_iter().flatten() {
                let plans = contract.phases().iter().filter_map(|phase| plan(contract, phase, app, shape));
                let wrong = plans.filter_map(|plan| Release::compile(&plan).err()).next();
                said.extend(
                    wrong
                        .map(|error| format!("`{}` cannot let anything out of `{app}/{tool}`: {error}", contract.id())),
                );
            }
        }
    }
    said.sort();
    said
}

/// What the clauses of a stretch of time let out. None: no clause permits this.
pub(crate) fn plan(contract: &Compiled, phase: &Phase, app: &AppId, shape: &Shape) -> Option<ReleasePlan> {
    let (agreement, operation) = (contract.agreement(), shape.operation?);
    let permitted = phase.permitting(app, &shape.entity, operation)?;
    let rows = if shape.rows.is_empty() { "$" } else { &shape.rows };
    let listed = permitted.clause.fields.get(shape.entity.as_str());
    let mut plan = ReleasePlan::every(rows);
    plan.fields = match listed {
        Some(fields) => Fields::Only(fields.iter().map(ToString::to_string).collect()),
        None if shape.fields.is_empty() => Fields::Every,
        None => Fields::Only(shape.fields.clone()),
    };
    let clause = |ruled: Option<&Ruled>| -> Arc<str> {
        let of_rule = ruled.and_then(|ruled| ruled.rule.clause.as_ref()).map(ToString::to_string);
        Arc::from(of_rule.unwrap_or_else(|| contract.id().to_string()))
    };
    if let Some(path) = &shape.tenant {
        let one_of = agreement.tenants.iter().map(|tenant| Scalar::Text(Arc::clone(tenant))).collect();
        plan.each.push(Condition { path: path.clone(), one_of, clause: clause(phase.heads.get(&Head::Tenants)) });
    }
    for condition in phase.conditions_on(&shape.entity) {
        let (path, one_of) = (condition.path.to_string(), condition.one_of.iter().cloned().collect());
        plan.each.push(Condition { path, one_of, clause: clause(Some(&condition.said)) });
    }
    plan.removed = removals(agreement, phase, shape, &clause);
    plan.outside = match agreement.answers.outside {
        agreement::Outside::Drop => Outside::Drop,
        agreement::Outside::Refuse => Outside::Refuse,
    };
    // INVARIANT: what an app counts is told to nobody: it counts other pages as well, and whose records are there nobody has seen
    // (test `what_an_app_counts_is_told_to_nobody`).
    let tell = match agreement.answers.totals {
        Totals::Remove => None,
        Totals::Recount => Some(Tell::Count),
        Totals::Refuse => Some(Tell::Refuse),
    };
    plan.beyond = Beyond::Remove;
    // Where the records are the whole answer, nothing is around them.
    if rows != "$" && !rows.starts_with("$[") {
        let totals = shape.totals.iter().filter_map(|path| Some(Total { path: path.clone(), tell: tell? }));
        let cursors = shape.cursors.iter().map(|path| Total { path: path.clone(), tell: Tell::AsIs });
        plan.totals = totals.chain(cursors).collect();
    }
    plan.records_max = phase.at_once.as_ref().map(|(most, _)| *most);
    Some(plan)
}

/// What is kept back. A name by itself is kept back at any depth: an answer that wraps a record tells no more than the record.
fn removals(
    agreement: &agreement::Agreement,
    phase: &Phase,
    shape: &Shape,
    clause: &dyn Fn(Option<&Ruled>) -> Arc<str>,
) -> Vec<Removal> {
    let hidden = phase.hidden_of(&shape.entity).flat_map(|hidden| {
        let number = hidden.said.rule.clause.as_ref().map(|clause| clause.number.to_string()).unwrap_or_default();
        let how = match agreement.answers.hidden {
            Hidden::Remove => How::Remove,
            Hidden::Replace => How::Replace(format!("[redacted: §{number}]")),
        };
        let path = hidden.path.to_string();
        let deep = hidden.path.single_name().map(|_| format!("..{path}"));
        let paths = std::iter::once(path).chain(deep);
        let clause = clause(Some(&hidden.said));
        paths.map(move |path| Removal { path, how: how.clone(), clause: Arc::clone(&clause) })
    });
    hidden.collect()
}

#[cfg(test)]
mod tests;
