//! Recorded calls through other rules: what would have been decided, as far as the records can tell.
//!
//! The facts are those of the record (who people were then, what was known of the tool, whether a contract was in force); the
//! arguments are read anew, for other rules may look at others of them. What was used up of budgets is as it was recorded.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::{Governed, InForce};
use decide::decide;
use model::{App, ArgumentFacts, ArgumentLevel, ContractFacts, Facts, Verdict};
use policy::Bundle;
use trace::{Entry, IntentView};

use super::Judge;

/// What came of it.
#[derive(Default)]
pub struct Replay {
    /// Calls that could be judged.
    pub judged: u64,
    /// Of these, how many would be decided in another way, by what it was and what it would be.
    pub changed: Changes,
    /// The same, by agent.
    pub by_agent: BTreeMap<String, Of>,
    /// The same, by person.
    pub by_human: BTreeMap<String, Of>,
    /// Calls that cannot be judged, by why.
    pub unjudged: BTreeMap<&'static str, u64>,
    /// Each call that would be decided in another way, oldest first.
    pub calls: Vec<Changed>,
    /// Whether there were more of them than are kept.
    pub more: bool,
}

/// How many, by what was decided and what would be.
pub type Changes = BTreeMap<(Verdict, Verdict), u64>;

/// The calls of one agent or person.
#[derive(Default)]
pub struct Of {
    /// Those that could be judged.
    pub judged: u64,
    /// Of these, those that would be decided in another way.
    pub changed: Changes,
}

/// One call that would be decided in another way.
pub struct Changed {
    /// Where it stands in the log.
    pub sequence: u64,
    /// The call.
    pub call: String,
    /// Who asked.
    pub agent: String,
    /// For whom; none once erased.
    pub human: Option<String>,
    /// What was asked for, `app/tool`.
    pub tool: String,
    /// What was decided.
    pub was: Verdict,
    /// What would be.
    pub would: Verdict,
    /// The rules that would decide.
    pub rules: Vec<String>,
    /// The sentence of the first.
    pub because: String,
}

impl Replay {
    /// Judges one record of a decision under these rules, which are those of the judge, and contracts.
    pub fn take(&mut self, judge: &Judge, rules: &Governed<Arc<Bundle>>, entry: &Entry) {
        let Some(intent) = entry.intent() else {
            return self.pass(UNREADABLE);
        };
        let facts = match recorded_facts(judge, &intent) {
            Ok(facts) => facts,
            Err(why) => return self.pass(why),
        };
        if facts.contract.as_ref().is_some_and(|asked| !stands_as_then(rules.contracts(), asked)) {
            return self.pass(OTHER_CONTRACT);
        }
        // Both as if everything were enforced: what an observed app or rule would have done is the question.
        let was = intent.observed.as_ref().map_or(intent.verdict, |observed| observed.verdict);
        let decision = decide(rules, &facts);
        let (would, reasons) = match decision.observed() {
            Some(observed) => (observed.verdict, observed.reasons.as_slice()),
            None => (decision.verdict(), decision.reasons()),
        };
        let human = intent.human.clone();
        let name = human.clone().unwrap_or_else(|| "(erased)".to_owned());
        let (agents, humans) = (&mut self.by_agent, &mut self.by_human);
        let of = [agents.entry(intent.agent.clone()).or_default(), humans.entry(name).or_default()];
        self.judged += 1;
        for of in of {
            of.judged += 1;
            if was != would {
                *of.changed.entry((was, would)).or_default() += 1;
            }
        }
        if was == would {
            return;
        }
        *self.changed.entry((was, would)).or_default() += 1;
        if self.calls.len() >= CALLS_MAX {
            self.more = true;
            return;
        }
        self.calls.push(Changed {
            sequence: entry.sequence,
            call: entry.call.to_string(),
            agent: intent.agent,
            human,
            tool: format!("{}/{}", intent.app, intent.tool),
            was,
            would,
            rules: reasons.iter().map(|reason| reason.rule.to_string()).collect(),
            because: reasons.first().map(|reason| reason.sentence.clone()).unwrap_or_default(),
        });
    }

    /// How many would be decided in another way.
    pub fn changes(&self) -> u64 {
        self.changed.values().sum()
    }

    fn pass(&mut self, why: &'static str) {
        *self.unjudged.entry(why).or_default() += 1;
    }
}

/// The facts as they were, with the arguments as these rules read them. Error: why they cannot be told.
pub fn recorded_facts(judge: &Judge, intent: &IntentView) -> Result<Facts, &'static str> {
    let written = intent.facts.as_ref().ok_or(ERASED)?;
    let mut facts: Facts = serde_json::from_str(written.get()).map_err(|_| UNREADABLE)?;
    if intent.kept != ArgumentLevel::Full {
        let wanted = judge.looks_at(&facts.app.id, &facts.tool.name);
        match (&wanted, &intent.read) {
            // As they were read then.
            (Some(wanted), Some(read)) if read.covers(wanted) => {}
            (Some(_), _) => return Err(NOT_KEPT),
            // Whatever was looked at then, how long they were was seen.
            (None, Some(_)) => {
                let bytes = facts.arguments.bytes;
                facts.arguments = Arc::new(ArgumentFacts { bytes, ..ArgumentFacts::default() });
            }
            (None, None) if judge.bundle.measures(&facts.app.id) => return Err(NOT_KEPT),
            (None, None) => facts.arguments = ArgumentFacts::unread(),
        }
        return Ok(enforced(facts));
    }
    let arguments = match (&intent.arguments, intent.truncated) {
        (Some(arguments), _) => Some(arguments.get().as_bytes()),
        (None, false) => None,
        (None, true) if judge.reads(&facts) => return Err(TOO_LONG),
        (None, true) => None,
    };
    facts.arguments = judge.read_recorded(&facts, intent.wire.as_deref(), arguments);
    Ok(enforced(facts))
}

/// Whether the contract that governed a call is here, as it was signed then.
fn stands_as_then(contracts: &InForce, asked: &ContractFacts) -> bool {
    let here = contracts.get(&asked.contract).map(|contract| contract.forms().digest);
    here.is_some_and(|here| asked.digest.is_none_or(|then| then == here))
}

/// As if nothing were only observed.
fn enforced(mut facts: Facts) -> Facts {
    if facts.app.observe {
        facts.app = Arc::new(App { observe: false, ..facts.app.as_ref().clone() });
    }
    facts
}

const ERASED: &str = "what was known is erased or was let go";
const UNREADABLE: &str = "the record cannot be read";
const NOT_KEPT: &str =
    "rules look at arguments that were not kept: `trace: {arguments: full}` of the app keeps those to come";
const TOO_LONG: &str = "rules look at arguments that were too long to keep";
const OTHER_CONTRACT: &str =
    "its contract is not here, or not as it was: `contract simulate` judges by another version";
/// So many calls are listed one by one.
const CALLS_MAX: usize = 10_000;
