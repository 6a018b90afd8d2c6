//! Rules in Rego: a further source of refusals and holds, never of permits.
//!
//! Each `deny contains …` and `hold contains …` of `package countersign` is a rule with an id and a place. It is asked by
//! itself, so that it is known which one spoke and which one broke.
//!
//! Rego takes a fact that is not there for a condition that does not hold. Here it is a fact that is missing: a rule that
//! reads it defers the call, unless what the rule says of other facts rules the call out anyway (its *certain part*).

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::{ArgumentReads, Evaluation, Facts, Hit, RuleFault, RuleFaultKind, RuleInfo};
use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine, Value};

use crate::compile::Compiler;
use crate::rego::input::Input;
use crate::rego::reading::{Definition, Place, Reading};
use crate::source::RuleFile;

mod reading;

mod functions;
mod input;
mod metadata;
mod said;
mod walk;

/// The rules in Rego of a bundle.
pub(crate) struct Rego {
    rules: Vec<Definition>,
    /// Never asked itself: a clone of it is ready at once.
    template: Engine,
    /// Those that nobody is asking right now.
    engines: Mutex<Vec<Engine>>,
    reads: ArgumentReads,
    texts: BTreeSet<String>,
    /// Whether a rule looks at what a tool is called.
    reads_names: bool,
}

impl Rego {
    /// Compiles files; none where there are none. What is wrong is told to the compiler, which knows the ids of all rules.
    pub(crate) fn compile(files: &[&RuleFile], compiler: &mut Compiler) -> Option<Self> {
        if files.is_empty() {
            return None;
        }
        let Reading { rules, engine, texts, reads_names } = reading::read(files, compiler)?;
        let mut reads = ArgumentReads::default();
        for rule in &rules {
            reads.roles.extend(rule.reads.roles.iter().cloned());
            reads.values.extend(rule.reads.arguments.iter().cloned());
        }
        Some(Self { rules, template: engine, engines: Mutex::new(Vec::new()), reads, texts, reads_names })
    }

    /// What is known of the rules, in the order of files and places.
    pub(crate) fn rules(&self) -> impl Iterator<Item = &Arc<RuleInfo>> {
        self.rules.iter().map(|rule| &rule.info)
    }

    /// What the rules look at of arguments.
    pub(crate) fn reads(&self) -> &ArgumentReads {
        &self.reads
    }

    /// The texts that stand in the rules: what an argument could be compared with.
    pub(crate) fn texts(&self) -> &BTreeSet<String> {
        &self.texts
    }

    /// The texts that the rules could compare the name of a tool with.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().filter(|_| self.reads_names).map(String::as_str)
    }

    /// What the rules say of these facts, added to what others said. `profiled`: somebody described the tool's arguments.
    pub(crate) fn ask(&self, facts: &Facts, profiled: bool, evaluation: &mut Evaluation) {
        let input = Input::of(facts, (!profiled).then_some(&self.reads.roles));
        let mut engine = self.engine();
        engine.set_input(input.value.clone());
        for rule in self.rules.iter().filter(|rule| !(facts.arguments.open && rule.reads.any_argument())) {
            match rule.ask(&mut engine, &input) {
                Ok(hits) => evaluation.hits.extend(hits.into_iter().map(Hit::from)),
                Err(kind) => evaluation.faults.push(RuleFault { rule: Arc::clone(&rule.info), kind }),
            }
        }
        let mut engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        if engines.len() < ENGINES_KEPT_MAX {
            engines.push(engine);
        }
    }

    fn engine(&self) -> Engine {
        let kept = self.engines.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_else(|| self.template.clone())
    }
}

impl Definition {
    fn ask(&self, engine: &mut Engine, input: &Input) -> Result<Vec<RuleInfo>, RuleFaultKind> {
        let said = run(engine, &self.place).map_err(RuleFaultKind::Broken)?;
        let hits = said::hits(&self.info, &said).map_err(RuleFaultKind::Broken)?;
        if !hits.is_empty() || self.reads.asks_what_is_unknown {
            return Ok(hits);
        }
        let Some(missing) = input.unknown.iter().find(|fact| self.reads.has(fact)) else { return Ok(hits) };
        match &self.certain_part {
            // It would not match whatever the missing fact is.
            Some(part) if run(engine, part).map_err(RuleFaultKind::Broken)? != Value::Bool(true) => Ok(hits),
            _ => Err(RuleFaultKind::MissingFact(input.missing(missing))),
        }
    }
}

/// What one rule comes to. Error: what broke, with its place.
fn run(engine: &mut Engine, place: &Place) -> Result<Value, String> {
    let module = engine.get_modules().get(place.module).cloned().ok_or("its file is not there")?;
    let rule = module.policy.get(place.rule).cloned().ok_or("it is not in its file")?;
    let data = engine.eval_rule_in_module(&module, &rule, false).map_err(|error| told(&format!("{error:#}")))?;
    let mut value = &data;
    for name in &place.path {
        match value.as_object().ok().and_then(|object| object.get(&Value::from(name.as_str()))) {
            Some(inner) => value = inner,
            None => return Ok(Value::Undefined),
        }
    }
    Ok(value.clone())
}

/// An error of the interpreter on one line: `rules/a.rego:4:5: cannot divide by zero`.
fn told(error: &str) -> String {
    if error.contains("exceeded time limit") || error.contains("time limit") {
        return format!("it took more than {STEPS_MAX} steps");
    }
    match reading::located(error) {
        Some((place, said)) => format!("{place}: {said}"),
        None => error.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

/// An engine that gives up after so many steps. The interpreter counts steps only to look at its clock now and then; with no
/// time allowed, the first look ends it, so that the same facts always end the same way.
fn bounded() -> Engine {
    let mut engine = Engine::new();
    engine.set_strict_builtin_errors(true);
    engine.set_execution_timer_config(ExecutionTimerConfig { limit: Duration::ZERO, check_interval: STEPS_MAX });
    engine
}

/// What a bundle's digest says of the language: another interpreter could say something else.
pub(crate) const LANGUAGE: &str = "rego 1, regorus 0.14.1";
/// Steps that one rule takes at most.
const STEPS_MAX: NonZeroU32 = NonZeroU32::new(100_000).unwrap();
/// Engines kept for the next call: about as many calls are decided at once.
const ENGINES_KEPT_MAX: usize = 8;

#[cfg(test)]
mod tests;
