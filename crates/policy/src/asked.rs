//! What rules need of a call beyond what Cedar can be told as it is: which tests to work out, which arguments to read for
//! them, what to count. By app, so that a call pays only for the rules that could match it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use model::limits::BUDGET_LOOK_BACK_MAX;
use model::{AppId, ArgumentReads, Budget, BudgetOf, Facts, Method, ToolName};

use crate::known::Known;
use crate::named_test::{Holds, NamedTest, On};
use crate::request::Passed;
use crate::yaml::{Draft, Tests};

/// What rules need of calls, by app.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    everywhere: OfApp,
    // Looked into for every call: in order, it would cost a comparison, and a wait for memory, for each doubling of the apps.
    by_app: HashMap<AppId, OfApp>,
    /// What rules in other languages look at, of every app.
    also: ArgumentReads,
}

/// What rules need of a call to one app.
#[derive(Debug, Default, Clone)]
struct OfApp {
    /// In the order of their names.
    tests: BTreeMap<Arc<str>, NamedTest>,
    budgets: Vec<Arc<Budget>>,
    reads: Option<Arc<ArgumentReads>>,
    /// Tools whose arguments a profile describes.
    profiled: HashSet<ToolName>,
}

impl Asked {
    pub(crate) fn new(known: &Known) -> Self {
        let of_app =
            |app: &crate::known::KnownApp| OfApp { profiled: app.tools.keys().cloned().collect(), ..OfApp::default() };
        Self {
            everywhere: OfApp::default(),
            by_app: known.apps.iter().map(|(id, app)| (id.clone(), of_app(app))).collect(),
            also: ArgumentReads::default(),
        }
    }

    /// Adds what a rule needs.
    pub(crate) fn add(&mut self, draft: &Draft, tests: Tests, budget: Option<Budget>) {
        let tests: Vec<(Arc<str>, NamedTest)> =
            tests.0.into_iter().map(|(name, test)| (Arc::from(name), test)).collect();
        let budget = budget.map(Arc::new);
        let of_apps: Vec<&mut OfApp> = match draft.apps.as_deref() {
            Some(apps) => self.by_app.iter_mut().filter(|(id, _)| apps.contains(id)).map(|(_, of)| of).collect(),
            None => std::iter::once(&mut self.everywhere).chain(self.by_app.values_mut()).collect(),
        };
        for of_app in of_apps {
            of_app.tests.extend(tests.iter().cloned());
            of_app.budgets.extend(budget.clone());
        }
    }

    /// Adds what rules in another language look at.
    pub(crate) fn also(&mut self, reads: &ArgumentReads) {
        self.also.roles.extend(reads.roles.iter().cloned());
        self.also.values.extend(reads.values.iter().cloned());
    }

    /// Whether somebody described the arguments of the tool that is called.
    pub(crate) fn describes(&self, facts: &Facts) -> bool {
        self.of(&facts.app.id).profiled.contains(&facts.tool.name)
    }

    /// Works out once which arguments the tests look at.
    pub(crate) fn finish(mut self) -> Self {
        for of_app in std::iter::once(&mut self.everywhere).chain(self.by_app.values_mut()) {
            let mut reads = self.also.clone();
            for test in of_app.tests.values() {
                match &test.on {
                    On::Role(role) => drop(reads.roles.insert(Arc::clone(role))),
                    On::Argument(name) => drop(reads.values.insert(Arc::clone(name))),
                    On::Time => {}
                }
            }
            of_app.reads = (reads != ArgumentReads::default()).then(|| Arc::new(reads));
        }
        self
    }

    /// The tests that hold of a call.
    pub(crate) fn passed(&self, facts: &Facts) -> Passed {
        let of_app = self.of(&facts.app.id);
        let mut passed = Passed::default();
        for (name, test) in &of_app.tests {
            let Holds { every, some } = test.ask(facts, &of_app.profiled);
            if every {
                passed.every.push(Arc::clone(name));
            }
            if some {
                passed.some.push(Arc::clone(name));
            }
        }
        passed
    }

    /// The tests that would hold of the most different arguments, for what is listed and not asked yet. Tests of the time
    /// hold or do not.
    pub(crate) fn corners(&self, facts: &Facts) -> Vec<Passed> {
        let of_app = self.of(&facts.app.id);
        if of_app.reads.is_none() {
            return vec![self.passed(facts)];
        }
        let corner = |every: bool, some: bool| {
            let mut passed = Passed::default();
            for (name, test) in &of_app.tests {
                let holds = match test.on {
                    On::Time => test.ask(facts, &of_app.profiled),
                    On::Role(_) | On::Argument(_) => Holds { every, some },
                };
                passed.every.extend(holds.every.then(|| Arc::clone(name)));
                passed.some.extend(holds.some.then(|| Arc::clone(name)));
            }
            passed
        };
        vec![corner(true, true), corner(true, false), corner(false, true), corner(false, false)]
    }

    /// The values that tests for this app look for in arguments.
    pub(crate) fn looks_for(&self, app: &AppId) -> BTreeSet<String> {
        self.of(app).tests.values().flat_map(NamedTest::looks_for).collect()
    }

    /// The longest stretch of time in which calls are counted; none where nothing is counted over time.
    pub(crate) fn look_back(&self) -> Option<Duration> {
        let budgets = std::iter::once(&self.everywhere).chain(self.by_app.values()).flat_map(|of_app| &of_app.budgets);
        let stretch = |budget: &Arc<Budget>| match budget.of {
            BudgetOf::Calls { within, .. } => Some(within),
            BudgetOf::Retries { .. } => Some(BUDGET_LOOK_BACK_MAX),
            BudgetOf::Concurrency { .. } => None,
        };
        budgets.filter_map(stretch).max()
    }

    pub(crate) fn reads(&self, app: &AppId) -> Option<Arc<ArgumentReads>> {
        self.of(app).reads.clone()
    }

    pub(crate) fn budgets(&self, facts: &Facts) -> Vec<Arc<Budget>> {
        if facts.method == Method::ToolsCall { self.of(&facts.app.id).budgets.clone() } else { Vec::new() }
    }

    fn of(&self, app: &AppId) -> &OfApp {
        self.by_app.get(app).unwrap_or(&self.everywhere)
    }
}
