//! What is left of budgets: counters that calls take from before they are decided, and give back where they do not run.
//!
//! A counter is found without a lock and taken from with one atomic step, so that there is never one call too many at the
//! edge. Calls of a stretch of time are counted in sixtieths of it: one that ran is given back between the whole stretch
//! and a sixtieth more after it began, never sooner.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use arc_swap::ArcSwap;
use model::limits::BUDGET_COUNTERS_MAX;
use model::{
    AgentId, AppId, Budget, BudgetOf, BudgetPer, Digest, Facts, HumanId, RuleId, TaskId, ToolName, UnixMicros,
};

/// All counters.
pub(crate) struct Counters {
    shards: Vec<ArcSwap<HashMap<Key, Arc<Counter>>>>,
    hasher: RandomState,
}

/// What one call has taken. What is not kept goes back when this is dropped.
#[derive(Default)]
pub(crate) struct Taken {
    held: Vec<Held>,
    /// Rules whose budgets had nothing left.
    pub(crate) spent: Vec<RuleId>,
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

struct Counter {
    /// Taken now; [`RETIRED`] once nobody finds it any more.
    total: AtomicU32,
    /// When, in sixtieths of the stretch: the number of the sixtieth, and how many. Empty for all but calls.
    parts: Vec<AtomicU64>,
    part_us: i64,
    swept: AtomicU32,
    /// Times this call failed since it last succeeded.
    failures: AtomicU32,
    touched: AtomicI64,
}

/// Why nothing was taken.
#[derive(Debug, PartialEq, Eq)]
enum NotTaken {
    Spent,
    /// The counter was put away meanwhile; there is another one, or room for one.
    Retired,
}

// === impl Counters ===

impl Counters {
    pub(crate) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| ArcSwap::default()).collect(), hasher: RandomState::new() }
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
            Err(()) => taken.spent.push(budget.rule.clone()),
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
        let Some(counter) = self.find(&key).filter(|_| budget.per == BudgetPer::Contract) else { return 0 };
        counter.sweep(counter.epoch(now));
        let taken = u64::from(counter.total.load(SeqCst));
        if matches!(counts, Counts::Kibibytes(_)) { taken.saturating_mul(KIBIBYTE) } else { taken }
    }

    /// How a call ended that counts as failed if it failed.
    pub(crate) fn close(&self, taken: &Taken, failed: bool, now: UnixMicros) {
        for Retried { key } in &taken.failing {
            self.ended(key, failed, now);
        }
    }

    fn ended(&self, key: &Key, failed: bool, now: UnixMicros) {
        let found = if failed { self.counter(key, now) } else { self.find(key) };
        if let Some(counter) = found {
            counter.touched.store(now.0, SeqCst);
            if failed {
                let _ = counter.failures.fetch_update(SeqCst, SeqCst, |failures| failures.checked_add(1));
            } else {
                counter.failures.store(0, SeqCst);
            }
        }
    }

    /// Counts so many of the past, whatever there is to take now.
    fn add(&self, key: &Key, amount: u32, now: UnixMicros) {
        if let Some(counter) = self.counter(key, now).filter(|_| amount > 0) {
            counter.touched.store(now.0, SeqCst);
            let _ = counter.take_in_time(Some(amount), amount, u32::MAX - 1, now);
        }
    }

    /// None where nothing need be held. Error: nothing is left.
    fn take_one(&self, key: &Key, of: BudgetOf, records: Option<u64>, now: UnixMicros) -> Result<Option<Held>, ()> {
        for _ in 0..TRIES {
            let counter = match of {
                // A call that has not failed is no retry.
                BudgetOf::Retries { .. } => match self.find(key) {
                    Some(counter) => counter,
                    None => return Ok(None),
                },
                _ => self.counter(key, now).ok_or(())?,
            };
            counter.touched.store(now.0, SeqCst);
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

    fn shard(&self, key: &Key) -> Option<&ArcSwap<HashMap<Key, Arc<Counter>>>> {
        let place = self.hasher.hash_one(key) % SHARDS as u64;
        self.shards.get(usize::try_from(place).unwrap_or_default())
    }

    fn find(&self, key: &Key) -> Option<Arc<Counter>> {
        self.shard(key)?.load().get(key).filter(|counter| !counter.retired()).cloned()
    }

    /// The counter, made where there is none. None: there is no room for one.
    fn counter(&self, key: &Key, now: UnixMicros) -> Option<Arc<Counter>> {
        if let Some(counter) = self.find(key) {
            return Some(counter);
        }
        let made = Arc::new(Counter::new(key.counts));
        self.shard(key)?.rcu(|counters| {
            if counters.get(key).is_some_and(|counter| !counter.retired()) {
                return Arc::clone(counters);
            }
            match with_room(counters, now) {
                Some(mut counters) => {
                    counters.insert(key.clone(), Arc::clone(&made));
                    Arc::new(counters)
                }
                None => Arc::clone(counters),
            }
        });
        self.find(key)
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

    /// Whether so many bytes of the answer may have been let out by now.
    pub(crate) fn lets_out(&mut self, bytes: u64) -> bool {
        let needed = kibibytes(bytes);
        self.held.iter_mut().all(|Held { counter, unit }| match unit {
            Unit::Kibibytes { epoch, reserved, most } if needed > *reserved => {
                let lacks = needed - *reserved;
                match counter.take_some(lacks, lacks.max(KIBIBYTES_AHEAD), *most) {
                    Ok(more) => {
                        *epoch = counter.count_in(*epoch, more);
                        *reserved += more;
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
}

impl Drop for Taken {
    fn drop(&mut self) {
        for Held { counter, unit } in &self.held {
            match unit {
                Unit::Call { .. } | Unit::Records { .. } | Unit::Kibibytes { .. } if self.kept => {}
                Unit::Call { epoch } => counter.give_back_in_time(*epoch, 1),
                Unit::Records { epoch, reserved } | Unit::Kibibytes { epoch, reserved, .. } => {
                    counter.give_back_in_time(*epoch, *reserved);
                }
                Unit::Retry | Unit::UnderWay => counter.give_back(1),
            }
        }
    }
}

// === impl Counter ===

impl Counter {
    fn new(counts: Counts) -> Self {
        let (parts, part_us) = match counts {
            Counts::Calls(within) | Counts::Records(within) | Counts::Kibibytes(within) => {
                let within = i64::try_from(within.as_micros()).unwrap_or(i64::MAX - PARTS);
                (PARTS + 1, ((within + PARTS - 1) / PARTS).max(1))
            }
            Counts::Failures | Counts::UnderWay => (0, 1),
        };
        Self {
            total: AtomicU32::new(0),
            parts: (0..parts).map(|_| AtomicU64::new(0)).collect(),
            part_us,
            swept: AtomicU32::new(0),
            failures: AtomicU32::new(0),
            touched: AtomicI64::new(0),
        }
    }

    /// As many as wanted, or as there are, but not fewer than `least` (none: all that is wanted); and the sixtieth in which they
    /// are counted.
    fn take_in_time(
        &self,
        least: Option<u32>,
        wanted: u32,
        most: u32,
        now: UnixMicros,
    ) -> Result<(u32, u32), NotTaken> {
        let epoch = self.epoch(now);
        self.sweep(epoch);
        let taken = self.take_some(least.unwrap_or(wanted), wanted, most)?;
        Ok((self.count_in(epoch, taken), taken))
    }

    /// Counts in a sixtieth what was taken, or in a later one, and says in which.
    fn count_in(&self, epoch: u32, taken: u32) -> u32 {
        let Some(part) = self.part(epoch) else { return epoch };
        loop {
            let was = part.load(SeqCst);
            let (at, count) = halves(was);
            // A clock that was set back, or a thread that is late: it counts with the later ones.
            let later = count > 0 && age(epoch, at) <= 0;
            let (next, gone) =
                if later { (joined(at, count.saturating_add(taken)), 0) } else { (joined(epoch, taken), count) };
            if part.compare_exchange(was, next, SeqCst, SeqCst).is_ok() {
                self.give_back(gone);
                return if later { at } else { epoch };
            }
        }
    }

    fn give_back_in_time(&self, epoch: u32, amount: u32) {
        let Some(part) = self.part(epoch).filter(|_| amount > 0) else { return };
        let given = part.fetch_update(SeqCst, SeqCst, |was| {
            let (at, count) = halves(was);
            (at == epoch).then(|| count.checked_sub(amount).map(|count| joined(at, count))).flatten()
        });
        if given.is_ok() {
            self.give_back(amount);
        }
    }

    /// Gives back what is older than the stretch.
    fn sweep(&self, epoch: u32) {
        if self.swept.load(SeqCst) == epoch {
            return;
        }
        for part in &self.parts {
            let was = part.load(SeqCst);
            let (at, count) = halves(was);
            let old = count > 0 && i64::from(age(epoch, at)) > PARTS;
            if old && part.compare_exchange(was, joined(at, 0), SeqCst, SeqCst).is_ok() {
                self.give_back(count);
            }
        }
        self.swept.store(epoch, SeqCst);
    }

    /// After a failure every further one takes, and so does one that is under way.
    fn take_retry(&self, most: u32) -> Result<(), NotTaken> {
        match self.failures.load(SeqCst) {
            RETIRED => Err(NotTaken::Retired),
            0 => self.take_some(1, 1, u32::MAX - 1).map(drop),
            failures => self.take_some(1, 1, most.saturating_add(1).saturating_sub(failures)).map(drop),
        }
    }

    /// As many as wanted, or as there are, but not fewer than `least`.
    fn take_some(&self, least: u32, wanted: u32, most: u32) -> Result<u32, NotTaken> {
        let grant = |taken: u32| {
            let left = most.min(RETIRED - 1).saturating_sub(taken);
            (taken != RETIRED && left >= least).then(|| wanted.min(left))
        };
        match self.total.fetch_update(SeqCst, SeqCst, |taken| grant(taken).map(|granted| taken + granted)) {
            Ok(before) => Ok(grant(before).unwrap_or_default()),
            Err(RETIRED) => Err(NotTaken::Retired),
            Err(_) => Err(NotTaken::Spent),
        }
    }

    fn give_back(&self, count: u32) {
        let less = |taken: u32| (taken != RETIRED).then(|| taken.saturating_sub(count));
        let _ = self.total.fetch_update(SeqCst, SeqCst, less);
    }

    /// Puts it away if nothing is taken. From then on nothing can be.
    fn retire(&self, now: UnixMicros) -> bool {
        self.sweep(self.epoch(now));
        self.failures.load(SeqCst) == 0 && self.put_away()
    }

    fn put_away(&self) -> bool {
        self.total.compare_exchange(0, RETIRED, SeqCst, SeqCst).is_ok() || self.retired()
    }

    fn retired(&self) -> bool {
        self.total.load(SeqCst) == RETIRED
    }

    fn epoch(&self, now: UnixMicros) -> u32 {
        // Only differences of neighbours matter.
        u32::try_from(now.0.div_euclid(self.part_us) & i64::from(u32::MAX)).unwrap_or_default()
    }

    fn part(&self, epoch: u32) -> Option<&AtomicU64> {
        let parts = u32::try_from(self.parts.len()).ok().filter(|parts| *parts > 0)?;
        self.parts.get(usize::try_from(epoch % parts).ok()?)
    }
}

/// Puts counters away that count nothing, and where that is not enough the failures that are longest ago. None: all of
/// them are needed.
fn with_room(counters: &HashMap<Key, Arc<Counter>>, now: UnixMicros) -> Option<HashMap<Key, Arc<Counter>>> {
    let idle = |counter: &Counter| counter.retire(now);
    if counters.len() < BUDGET_COUNTERS_MAX / SHARDS {
        return Some(counters.clone());
    }
    if counters.values().any(|counter| idle(counter)) {
        let needed = counters.iter().filter(|(_, counter)| !idle(counter));
        return Some(needed.map(|(key, counter)| (key.clone(), Arc::clone(counter))).collect());
    }
    let failures = counters.iter().filter(|(key, _)| key.counts == Counts::Failures);
    let oldest = failures.min_by_key(|(_, counter)| counter.touched.load(SeqCst)).map(|(key, _)| key.clone())?;
    let mut counters = counters.clone();
    counters.remove(&oldest);
    Some(counters)
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

fn halves(both: u64) -> (u32, u32) {
    (u32::try_from(both >> 32).unwrap_or_default(), u32::try_from(both & u64::from(u32::MAX)).unwrap_or_default())
}

fn joined(epoch: u32, count: u32) -> u64 {
    (u64::from(epoch) << 32) | u64::from(count)
}

/// How many sixtieths ago, with epochs that wrap around.
fn age(now: u32, then: u32) -> i32 {
    now.wrapping_sub(then).cast_signed()
}

/// A stretch of time is counted in so many parts.
const PARTS: i64 = 60;
const SHARDS: usize = 256;
/// A counter that is put away while somebody takes from it is looked for again; no two are put away in a row.
const TRIES: usize = 8;
const RETIRED: u32 = u32::MAX;
const KIBIBYTE: u64 = 1 << 10;
/// Bytes of answers are taken so many kibibytes ahead of what passes.
const KIBIBYTES_AHEAD: u32 = 1 << 10;

#[cfg(test)]
mod tests;
