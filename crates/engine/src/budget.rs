//! What is left of budgets: counters that calls take from before they are decided, and give back where they do not run.
//!
//! A counter is found without a lock and taken from with one atomic step, so that there is never one call too many at the
//! edge. Calls of a stretch of time are counted in sixtieths of it: one that ran is given back between the whole stretch
//! and a sixtieth more after it began, never sooner.

mod counter;
mod places;

use std::sync::Arc;
use std::time::Duration;

use model::{
    AgentId, AppId, Budget, BudgetOf, BudgetPer, Digest, Facts, HumanId, RuleId, TaskId, ToolName, UnixMicros,
};

use counter::{Counter, NotTaken};
use places::Places;

/// All counters.
pub(crate) struct Counters {
    places: Places,
}

/// What one call has taken. What is not kept goes back when this is dropped.
#[derive(Default)]
pub(crate) struct Taken {
    held: Vec<Held>,
    /// Rules whose budgets had nothing left.
    pub(crate) spent: Vec<RuleId>,
    /// Whether one of those has nothing left because nobody knows how much to take of it.
    pub(crate) unknown: bool,
    kept: bool,
    failing: Vec<Retried>,
}

/// What a counter counts for. How many there may be is not part of it, so that a rule that is changed goes on with what
/// was counted.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    rule: RuleId,
    counts: Counts,
    who: Who,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Counts {
    Calls(Duration),
    Failures,
    UnderWay,
    Records(Duration),
    Kibibytes(Duration),
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Who {
    Pair(AgentId, AppId),
    Human(HumanId),
    Agent(AgentId),
    Task(TaskId),
    App(AppId),
    All,
    Same { agent: AgentId, task: TaskId, app: AppId, tool: ToolName, arguments: Digest },
}

/// One unit that was taken.
struct Held {
    counter: Arc<Counter>,
    unit: Unit,
}

enum Unit {
    Call {
        epoch: u32,
    },
    Retry,
    UnderWay,
    /// As many records as can come at most, until it is known how many did.
    Records {
        epoch: u32,
        reserved: u32,
    },
    /// Kibibytes, taken a stretch ahead of what passes.
    Kibibytes {
        epoch: u32,
        reserved: u32,
        most: u32,
    },
}

/// A call that counts as failed if it fails.
struct Retried {
    key: Key,
}

// === impl Counters ===

impl Counters {
    pub(crate) fn new() -> Self {
        Self { places: Places::new() }
    }

    /// Takes one of this budget, where there is one left.
    pub(crate) fn take(&self, budget: &Budget, facts: &Facts, arguments: Digest, taken: &mut Taken) {
        let key = key(budget, facts, arguments);
        if key.counts == Counts::Failures {
            taken.failing.push(Retried { key: key.clone() });
        }
        let records = facts.contract.as_ref().and_then(|contract| contract.records);
        match self.take_one(&key, budget.of, records, facts.now) {
            Ok(held) => taken.held.extend(held),
            Err(()) => {
                taken.unknown |= matches!(budget.of, BudgetOf::Records { .. }) && records.is_none();
                taken.spent.push(budget.rule.clone());
            }
        }
    }

    /// Counts a call of the past. Of records those count that could have come; of bytes those that were let out.
    pub(crate) fn remember(&self, budget: &Budget, facts: &Facts, arguments: Digest, failed: bool, bytes: u64) {
        let key = key(budget, facts, arguments);
        match budget.of {
            // More than there is now to take was there to take then.
            BudgetOf::Calls { within, .. } => {
                let all = BudgetOf::Calls { most: u32::MAX - 1, within };
                // What is held by nobody is given back by nobody.
                let _ = self.take_one(&key, all, None, facts.now);
            }
            BudgetOf::Records { .. } => {
                let records = facts.contract.as_ref().and_then(|contract| contract.records).unwrap_or_default();
                self.add(&key, u32::try_from(records).unwrap_or(u32::MAX), facts.now);
            }
            BudgetOf::Bytes { .. } => self.add(&key, kibibytes(bytes), facts.now),
            BudgetOf::Retries { .. } => self.ended(&key, failed, facts.now),
            BudgetOf::Concurrency { .. } => {}
        }
    }

    /// How much of a contract's budget is taken right now; zero for budgets that others share.
    pub(crate) fn used_of_contract(&self, budget: &Budget, now: UnixMicros) -> u64 {
        let counts = counts(budget.of);
        let key = Key { rule: budget.rule.clone(), counts, who: Who::All };
        let Some(counter) = self.places.find(&key).filter(|_| budget.per == BudgetPer::Contract) else { return 0 };
        let taken = u64::from(counter.taken(now));
        if matches!(counts, Counts::Kibibytes(_)) { taken.saturating_mul(KIBIBYTE) } else { taken }
    }

    /// How a call ended that counts as failed if it failed.
    pub(crate) fn close(&self, taken: &Taken, failed: bool, now: UnixMicros) {
        for Retried { key } in &taken.failing {
            self.ended(key, failed, now);
        }
    }

    fn ended(&self, key: &Key, failed: bool, now: UnixMicros) {
        for _ in 0..TRIES {
            let found = if failed { self.places.find_or_make(key, now) } else { self.places.find(key) };
            let Some(counter) = found else { return };
            counter.touch(now);
            if counter.ended(failed).is_ok() {
                return;
            }
        }
    }

    /// Counts so many of the past, whatever there is to take now.
    fn add(&self, key: &Key, amount: u32, now: UnixMicros) {
        if let Some(counter) = self.places.find_or_make(key, now).filter(|_| amount > 0) {
            counter.touch(now);
            let _ = counter.take_in_time(Some(amount), amount, u32::MAX - 1, now);
        }
    }

    /// None where nothing need be held. Error: nothing is left.
    fn take_one(&self, key: &Key, of: BudgetOf, records: Option<u64>, now: UnixMicros) -> Result<Option<Held>, ()> {
        for _ in 0..TRIES {
            let counter = match of {
                // A call that has not failed is no retry.
                BudgetOf::Retries { .. } => match self.places.find(key) {
                    Some(counter) => counter,
                    None => return Ok(None),
                },
                _ => self.places.find_or_make(key, now).ok_or(())?,
            };
            counter.touch(now);
            let taken = match of {
                BudgetOf::Calls { most, .. } => {
                    counter.take_in_time(None, 1, most, now).map(|(epoch, _)| Unit::Call { epoch })
                }
                BudgetOf::Retries { most } => counter.take_retry(most).map(|()| Unit::Retry),
                BudgetOf::Concurrency { most } => counter.take_some(1, 1, most).map(|_| Unit::UnderWay),
                BudgetOf::Records { most, .. } => {
                    let wanted = records.and_then(|records| u32::try_from(records).ok()).ok_or(())?;
                    let taken = counter.take_in_time(None, wanted, most, now);
                    taken.map(|(epoch, reserved)| Unit::Records { epoch, reserved })
                }
                BudgetOf::Bytes { most, .. } => {
                    let most = u32::try_from(most / KIBIBYTE).unwrap_or(u32::MAX - 1);
                    let taken = counter.take_in_time(Some(1), KIBIBYTES_AHEAD, most, now);
                    taken.map(|(epoch, reserved)| Unit::Kibibytes { epoch, reserved, most })
                }
            };
            match taken {
                Ok(unit) => return Ok(Some(Held { counter, unit })),
                Err(NotTaken::Spent) => return Err(()),
                Err(NotTaken::Retired) => {}
            }
        }
        Err(())
    }
}

// === impl Taken ===

impl Taken {
    /// The call runs: what it took of calls stays taken.
    pub(crate) fn keep(&mut self) {
        self.kept = true;
    }

    /// How many records may be let out at most; none where nobody counts them.
    pub(crate) fn records_max(&self) -> Option<u64> {
        let reserved = self.held.iter().filter_map(|held| match held.unit {
            Unit::Records { reserved, .. } => Some(u64::from(reserved)),
            _ => None,
        });
        reserved.min()
    }

    /// Whether so many bytes of the answer may have been let out by now. What is taken for it counts from now on, however long ago
    /// the answer began.
    pub(crate) fn lets_out(&mut self, bytes: u64, now: UnixMicros) -> bool {
        let needed = kibibytes(bytes);
        self.held.iter_mut().all(|Held { counter, unit }| match unit {
            Unit::Kibibytes { epoch, reserved, most } if needed > *reserved => {
                let lacks = needed - *reserved;
                match counter.take_in_time(Some(lacks), lacks.max(KIBIBYTES_AHEAD), *most, now) {
                    Ok((at, more)) => {
                        (*epoch, *reserved) = (at, *reserved + more);
                        true
                    }
                    Err(_) => false,
                }
            }
            _ => true,
        })
    }

    /// So much was let out of the answer: the rest goes back.
    pub(crate) fn settle(&mut self, records: u64, bytes: u64) {
        for Held { counter, unit } in &mut self.held {
            let (epoch, reserved, used) = match unit {
                Unit::Records { epoch, reserved } => (*epoch, reserved, u32::try_from(records).unwrap_or(u32::MAX)),
                Unit::Kibibytes { epoch, reserved, .. } => (*epoch, reserved, kibibytes(bytes)),
                Unit::Call { .. } | Unit::Retry | Unit::UnderWay => continue,
            };
            let rest = reserved.saturating_sub(used);
            counter.give_back_in_time(epoch, rest);
            *reserved -= rest;
        }
    }

    /// What is not kept goes back. What is known of budgets stays known.
    pub(crate) fn give_back(&mut self) {
        for Held { counter, unit } in self.held.drain(..) {
            match unit {
                Unit::Call { .. } | Unit::Records { .. } | Unit::Kibibytes { .. } if self.kept => {}
                Unit::Call { epoch } => counter.give_back_in_time(epoch, 1),
                Unit::Records { epoch, reserved } | Unit::Kibibytes { epoch, reserved, .. } => {
                    counter.give_back_in_time(epoch, reserved);
                }
                Unit::Retry | Unit::UnderWay => counter.give_back(1),
            }
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.give_back();
    }
}

fn key(budget: &Budget, facts: &Facts, arguments: Digest) -> Key {
    let (agent, app, task) = (facts.agent.id.clone(), facts.app.id.clone(), facts.task.clone());
    let who = match (budget.of, budget.per) {
        (BudgetOf::Retries { .. }, _) => Who::Same { agent, task, app, tool: facts.tool.name.clone(), arguments },
        (_, BudgetPer::Pair) => Who::Pair(agent, app),
        (_, BudgetPer::Human) => Who::Human(facts.human.id.clone()),
        (_, BudgetPer::Agent) => Who::Agent(agent),
        (_, BudgetPer::Task) => Who::Task(task),
        (_, BudgetPer::App) => Who::App(app),
        // The rule is the contract's own.
        (_, BudgetPer::Contract) => Who::All,
    };
    Key { rule: budget.rule.clone(), counts: counts(budget.of), who }
}

const fn counts(of: BudgetOf) -> Counts {
    match of {
        BudgetOf::Calls { within, .. } => Counts::Calls(within),
        BudgetOf::Retries { .. } => Counts::Failures,
        BudgetOf::Concurrency { .. } => Counts::UnderWay,
        BudgetOf::Records { within, .. } => Counts::Records(within),
        BudgetOf::Bytes { within, .. } => Counts::Kibibytes(within),
    }
}

fn kibibytes(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(KIBIBYTE)).unwrap_or(u32::MAX)
}

/// A counter that is put away while somebody takes from it is looked for again.
const TRIES: usize = 8;
const KIBIBYTE: u64 = 1 << 10;
/// Bytes of answers are taken so many kibibytes ahead of what passes.
const KIBIBYTES_AHEAD: u32 = 1 << 10;

#[cfg(test)]
mod tests;
