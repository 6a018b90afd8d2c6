//! What rules need of a call beyond what Cedar can be told as it is: which tests to work out, which arguments to read for
//! them, what to count. By app, so that a call pays only for the rules that could match it.
//!
//! With many apps, what a decision waits for is memory that only calls to this one app ever touch. So little is left to be
//! an app's own, that stands in a few long rows in the order of the apps, and what several apps need alike is there once.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use model::limits::BUDGET_LOOK_BACK_MAX;
use model::{AppId, ArgumentReads, Budget, BudgetOf, Digest, Facts, Method};

use crate::known::{Known, KnownApp};
use crate::named_test::{Described, Holds, NamedTest, On};
use crate::request::Passed;
use crate::texts::Texts;
use crate::yaml::{Draft, Tests};

/// What rules need of calls, by app.
#[derive(Debug)]
pub(crate) struct Asked {
    everywhere: OfApp,
    /// Which of `of_apps` is an app's.
    apps: Texts,
    of_apps: Vec<OfApp>,
    /// The tests of one app after the other, each in the order of their names.
    tests: Vec<(Arc<str>, NamedTest)>,
    /// The budgets of one app after the other.
    budgets: Vec<Budget>,
    /// The apps of which a rule looks at how long the arguments are. No call asks this.
    measured: BTreeSet<AppId>,
}

/// What rules need of a call to one app.
#[derive(Debug)]
struct OfApp {
    tests: Range<u32>,
    budgets: Range<u32>,
    reads: Option<Arc<ArgumentReads>>,
    described: Arc<Described>,
}

/// What rules need of calls, while rules are read.
#[derive(Default)]
pub(crate) struct Asking {
    everywhere: AskingOfApp,
    by_app: BTreeMap<AppId, AskingOfApp>,
    /// Every test there is, by its name.
    names: BTreeMap<Arc<str>, NamedTest>,
    /// What rules in other languages look at, of every app.
    also: ArgumentReads,
}

#[derive(Default)]
struct AskingOfApp {
    tests: BTreeMap<Arc<str>, NamedTest>,
    budgets: Vec<Budget>,
    described: Described,
    /// Whether a rule looks at how long the arguments are.
    measured: bool,
}

/// What apps have in common, once each.
#[derive(Default)]
struct Common {
    names: BTreeSet<Arc<str>>,
    reads: BTreeMap<[BTreeSet<Arc<str>>; 2], Arc<ArgumentReads>>,
    described: BTreeSet<Arc<Described>>,
}

// === impl Asking ===

impl Asking {
    pub(crate) fn new(known: &Known) -> Self {
        let of_app = |app: &KnownApp| AskingOfApp { described: described(app), ..Default::default() };
        let by_app = known.apps.iter().map(|(id, app)| (id.clone(), of_app(app))).collect();
        Self { by_app, ..Self::default() }
    }

    /// Adds what a rule needs. `measures`: it looks at how long the arguments are. Error: the name of a test, where another rule
    /// asks something else by it.
    pub(crate) fn add(
        &mut self,
        draft: &Draft,
        tests: Tests,
        budget: Option<Budget>,
        measures: bool,
    ) -> Result<(), Arc<str>> {
        let tests: Vec<(Arc<str>, NamedTest)> =
            tests.0.into_iter().map(|(name, test)| (Arc::from(name), test)).collect();
        for (name, test) in &tests {
            if self.names.entry(Arc::clone(name)).or_insert_with(|| test.clone()) != test {
                return Err(Arc::clone(name));
            }
        }
        let add = |of_app: &mut AskingOfApp| {
            of_app.measured |= measures;
            of_app.tests.extend(tests.iter().cloned());
            of_app.budgets.extend(budget.clone());
        };
        match draft.apps.as_deref() {
            Some(apps) => {
                for app in apps.iter().collect::<BTreeSet<_>>() {
                    self.by_app.get_mut(app).into_iter().for_each(add);
                }
            }
            None => self.everywhere_and_by_app().for_each(add),
        }
        Ok(())
    }

    /// A rule that is not in these files asks for a test of theirs, of calls to this app; none: to all.
    pub(crate) fn also_test(&mut self, name: &str, app: Option<&AppId>) {
        let Some((name, test)) = self.names.get_key_value(name) else { return };
        let (name, test) = (Arc::clone(name), test.clone());
        let add = |of_app: &mut AskingOfApp| drop(of_app.tests.insert(Arc::clone(&name), test.clone()));
        match app {
            Some(app) => add(self.by_app.get_mut(app).unwrap_or(&mut self.everywhere)),
            None => self.everywhere_and_by_app().for_each(add),
        }
    }

    /// Rules that are not in these files look at how long the arguments are, of whatever app.
    pub(crate) fn measure(&mut self) {
        self.everywhere_and_by_app().for_each(|of_app| of_app.measured = true);
    }

    /// The names of all tests.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(AsRef::as_ref)
    }

    fn everywhere_and_by_app(&mut self) -> impl Iterator<Item = &mut AskingOfApp> {
        std::iter::once(&mut self.everywhere).chain(self.by_app.values_mut())
    }

    /// Adds what rules in another language look at.
    pub(crate) fn also(&mut self, reads: &ArgumentReads) {
        self.also.roles.extend(reads.roles.iter().cloned());
        self.also.values.extend(reads.values.iter().cloned());
    }

    /// Works out once which arguments the tests look at.
    pub(crate) fn finish(self) -> Asked {
        let Self { everywhere, by_app, also, names: _ } = self;
        let (mut tests, mut budgets, mut common) = (Vec::new(), Vec::new(), Common::default());
        let mut finish = |of_app: AskingOfApp| {
            let of_app_tests = common.tests(of_app.tests);
            OfApp {
                reads: common.reads(&also, &of_app_tests, of_app.measured),
                tests: added(&mut tests, of_app_tests),
                budgets: added(&mut budgets, of_app.budgets),
                described: common.described(of_app.described),
            }
        };
        let measured = by_app.iter().filter(|(_, of_app)| of_app.measured).map(|(id, _)| id.clone()).collect();
        let everywhere = finish(everywhere);
        let mut apps = Texts::default();
        let mut of_apps = Vec::with_capacity(by_app.len());
        for (number, (id, of_app)) in (0..).zip(by_app) {
            apps.add(id.as_str(), number);
            of_apps.push(finish(of_app));
        }
        Asked { everywhere, apps, of_apps, tests, budgets, measured }
    }
}

// === impl Common ===

impl Common {
    fn tests(&mut self, tests: BTreeMap<Arc<str>, NamedTest>) -> Vec<(Arc<str>, NamedTest)> {
        let mut shared = |name: Arc<str>| match self.names.get(&name) {
            Some(known) => Arc::clone(known),
            None => {
                self.names.insert(Arc::clone(&name));
                name
            }
        };
        let tests = tests.into_iter().map(|(name, test)| {
            let on = match test.on {
                On::Role(role) => On::Role(shared(role)),
                On::Argument(name) => On::Argument(shared(name)),
                On::Time => On::Time,
            };
            (name, NamedTest { on, is: test.is })
        });
        tests.collect()
    }

    /// Of arguments of which only the length counts, nothing is read.
    fn reads(
        &mut self,
        also: &ArgumentReads,
        tests: &[(Arc<str>, NamedTest)],
        measured: bool,
    ) -> Option<Arc<ArgumentReads>> {
        let mut reads = also.clone();
        for (_, test) in tests {
            match &test.on {
                On::Role(role) => drop(reads.roles.insert(Arc::clone(role))),
                On::Argument(name) => drop(reads.values.insert(Arc::clone(name))),
                On::Time => {}
            }
        }
        let any = measured || reads != ArgumentReads::default();
        let key = [reads.roles.clone(), reads.values.clone()];
        any.then(|| Arc::clone(self.reads.entry(key).or_insert_with(|| Arc::new(reads))))
    }

    fn described(&mut self, described: Described) -> Arc<Described> {
        match self.described.get(&described) {
            Some(known) => Arc::clone(known),
            None => {
                let shared = Arc::new(described);
                self.described.insert(Arc::clone(&shared));
                shared
            }
        }
    }
}

// === impl Asked ===

impl Asked {
    /// Whether somebody described the arguments of the tool that is called.
    pub(crate) fn describes(&self, facts: &Facts) -> bool {
        self.of(&facts.app.id).described.tools.contains(&facts.tool.name)
    }

    /// The description by which the rules know this app.
    pub(crate) fn described_by(&self, app: &AppId) -> Option<Digest> {
        self.of(app).described.by
    }

    /// The tests that hold of a call.
    pub(crate) fn passed(&self, facts: &Facts) -> Passed {
        let of_app = self.of(&facts.app.id);
        let mut passed = Passed::default();
        for (name, test) in self.tests(of_app) {
            let Holds { every, some } = test.ask(facts, &of_app.described);
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
            for (name, test) in self.tests(of_app) {
                let holds = match test.on {
                    On::Time => test.ask(facts, &of_app.described),
                    On::Role(_) | On::Argument(_) => Holds { every, some },
                };
                passed.every.extend(holds.every.then(|| Arc::clone(name)));
                passed.some.extend(holds.some.then(|| Arc::clone(name)));
            }
            passed
        };
        vec![corner(true, true), corner(true, false), corner(false, true), corner(false, false)]
    }

    /// Whether a rule looks at how long the arguments of calls to this app are.
    pub(crate) fn measures(&self, app: &AppId) -> bool {
        self.measured.contains(app)
    }

    /// The values that tests for this app look for in arguments.
    pub(crate) fn looks_for(&self, app: &AppId) -> BTreeSet<String> {
        self.tests(self.of(app)).iter().flat_map(|(_, test)| test.looks_for()).collect()
    }

    /// The longest stretch of time in which calls are counted; none where nothing is counted over time.
    pub(crate) fn look_back(&self) -> Option<Duration> {
        let stretch = |budget: &Budget| match budget.of {
            BudgetOf::Calls { within, .. } | BudgetOf::Records { within, .. } | BudgetOf::Bytes { within, .. } => {
                Some(within)
            }
            BudgetOf::Retries { .. } => Some(BUDGET_LOOK_BACK_MAX),
            BudgetOf::Concurrency { .. } => None,
        };
        self.budgets.iter().filter_map(stretch).max()
    }

    /// The first that is asked of each call.
    pub(crate) fn reads(&self, app: &AppId) -> Option<Arc<ArgumentReads>> {
        let of_app = self.of(app);
        // What is looked at once the arguments are read is asked for now, so that memory brings it meanwhile.
        black_box((
            self.tests(of_app).first().map(|(_, test)| test.is.first()),
            self.budgets_of(of_app).first().map(|budget| budget.per),
        ));
        of_app.reads.clone()
    }

    pub(crate) fn budgets(&self, facts: &Facts) -> &[Budget] {
        match facts.method {
            Method::ToolsCall => self.budgets_of(self.of(&facts.app.id)),
            _ => &[],
        }
    }

    fn budgets_of(&self, of_app: &OfApp) -> &[Budget] {
        slice(&self.budgets, &of_app.budgets)
    }

    fn tests(&self, of_app: &OfApp) -> &[(Arc<str>, NamedTest)] {
        slice(&self.tests, &of_app.tests)
    }

    fn of(&self, app: &AppId) -> &OfApp {
        let number = self.apps.get(app.as_str()).and_then(|number| usize::try_from(number).ok());
        number.and_then(|number| self.of_apps.get(number)).unwrap_or(&self.everywhere)
    }
}

fn described(app: &KnownApp) -> Described {
    let shared = |(role, join): (&str, &str)| (Arc::from(role), Arc::from(join));
    Described {
        by: app.described_by,
        tools: app.tools.keys().cloned().collect(),
        joins: joins(app).into_iter().map(shared).collect(),
    }
}

/// What joins the parts of a role's values, where that is no slash.
pub(crate) fn joins(app: &KnownApp) -> BTreeMap<&str, &str> {
    let roles = app.tools.values().flat_map(|tool| &tool.roles);
    let joins =
        roles.filter_map(|(role, form)| Some((role.as_str(), form.join.as_deref().filter(|join| *join != "/")?)));
    joins.collect()
}

/// Where these stand once they are added to a row.
fn added<T>(row: &mut Vec<T>, more: Vec<T>) -> Range<u32> {
    let end = |row: &Vec<T>| u32::try_from(row.len()).unwrap_or(u32::MAX);
    let start = end(row);
    row.extend(more);
    start..end(row)
}

fn slice<'r, T>(row: &'r [T], range: &Range<u32>) -> &'r [T] {
    let (Ok(start), Ok(end)) = (usize::try_from(range.start), usize::try_from(range.end)) else { return &[] };
    row.get(start..end).unwrap_or_default()
}
