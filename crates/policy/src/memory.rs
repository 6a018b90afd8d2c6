//! What Cedar said before, for the same facts. Asking it costs more than all the rest of a decision, and agents do the same
//! few things over and over.
//!
//! Nothing here can be out of date: a bundle never changes, and the people, agents and apps in the facts never do either;
//! one of whom something else is true is another value, at another place in memory, and is asked about anew.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use model::{Agent, App, Evaluation, Facts, Human, Method, RuleId, TaskId, ToolFacts};
use quick_cache::sync::Cache;

use crate::request::Passed;
use crate::tree::Reads;

/// Evaluations of some rules of one layer, by everything these can have read.
pub(crate) struct Memory {
    said: Cache<Key, Arc<Evaluation>>,
}

/// The facts of an evaluation, but the time and, where no rule reads it, the task. It holds what it points at, so that
/// no other value can come to lie at the same place.
#[derive(Clone)]
pub(crate) struct Key {
    asked: Vec<u32>,
    method: Method,
    agent: Arc<Agent>,
    human: Arc<Human>,
    app: Arc<App>,
    tool: ToolFacts,
    access: bool,
    all_stopped: bool,
    task: Option<TaskId>,
    spent: Vec<RuleId>,
    passed: Passed,
    argument_bytes: Option<u64>,
    open: bool,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self { said: Cache::new(EVALUATIONS_REMEMBERED_MAX) }
    }

    /// What was said of these facts before.
    pub(crate) fn get(&self, key: &Key) -> Option<Evaluation> {
        self.said.get(key).map(|said| said.as_ref().clone())
    }

    pub(crate) fn keep(&self, key: Key, evaluation: &Evaluation) {
        self.said.insert(key, Arc::new(evaluation.clone()));
    }
}

impl Key {
    /// For the rules of these numbers, which read no more than this. None: one reads the time, so that no two calls are
    /// alike.
    pub(crate) fn of(facts: &Facts, passed: &Passed, reads: &Reads, asked: &[u32]) -> Option<Self> {
        // INVARIANT: a fact that is added must be taken in here (this pattern names all of them). Of the arguments rules
        // see no more than their size and the tests they pass. What was approved and
        // which contract governs the call is no business of theirs.
        let Facts {
            now: _,
            method,
            agent,
            human,
            task,
            app,
            tool,
            access,
            all_stopped,
            arguments,
            spent,
            approved: _,
            contract: _,
        } = facts;
        (!reads.has("now")).then(|| Self {
            asked: asked.to_vec(),
            method: *method,
            agent: Arc::clone(agent),
            human: Arc::clone(human),
            app: Arc::clone(app),
            tool: tool.clone(),
            access: *access,
            all_stopped: *all_stopped,
            task: reads.has("task").then(|| task.clone()),
            spent: if reads.has("spent") { spent.clone() } else { Vec::new() },
            passed: passed.clone(),
            argument_bytes: reads.has("argument_bytes").then_some(arguments.bytes),
            open: arguments.open,
        })
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.agent, &other.agent)
            && Arc::ptr_eq(&self.human, &other.human)
            && Arc::ptr_eq(&self.app, &other.app)
            && self.tool == other.tool
            && self.asked == other.asked
            && (self.method, self.access, self.all_stopped, self.open)
                == (other.method, other.access, other.all_stopped, other.open)
            && self.task == other.task
            && self.spent == other.spent
            && self.passed == other.passed
            && self.argument_bytes == other.argument_bytes
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.asked.hash(state);
        Arc::as_ptr(&self.agent).hash(state);
        Arc::as_ptr(&self.human).hash(state);
        Arc::as_ptr(&self.app).hash(state);
        self.tool.name.hash(state);
        (self.tool.class.as_str(), self.access, self.all_stopped).hash(state);
        self.task.hash(state);
        self.spent.hash(state);
        self.passed.hash(state);
        self.argument_bytes.hash(state);
    }
}

/// Evaluations remembered of one layer.
const EVALUATIONS_REMEMBERED_MAX: usize = 1_024;
