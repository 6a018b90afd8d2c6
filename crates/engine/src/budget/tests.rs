use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use model::limits::BUDGET_COUNTERS_MAX;
use model::{
    Access, Agent, App, ArgumentFacts, Class, ClassSource, DataClassification, Human, Method, Risk, ToolFacts,
    ToolStatus,
};

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);

fn facts() -> Facts {
    let ana: HumanId = "ana".parse().unwrap();
    Facts {
        now: UnixMicros(1_790_000_000_000_000),
        method: Method::ToolsCall,
        agent: Arc::new(Agent {
            id: "bot".parse().unwrap(),
            name: "Bot".into(),
            owner: ana.clone(),
            model_tier: None,
            recommend_only: false,
            active: true,
        }),
        human: Arc::new(Human {
            id: ana,
            name: "Ana".into(),
            department: None,
            seniority: None,
            role: None,
            manager: None,
            active: true,
        }),
        task: "t".parse().unwrap(),
        app: Arc::new(App {
            id: "crm".parse().unwrap(),
            name: "CRM".into(),
            risk: Risk::Low,
            data: DataClassification::Public,
            category: None,
            owners: Vec::new(),
            access: Access::default(),
            observe: false,
            stopped: false,
        }),
        tool: ToolFacts::new("look".parse().unwrap(), Class::Read, ClassSource::Pin, ToolStatus::Pinned),
        access: true,
        all_stopped: false,
        arguments: ArgumentFacts::unread(),
        spent: Vec::new(),
        approved: Vec::new(),
        contract: None,
    }
}

fn budget(of: BudgetOf, per: BudgetPer) -> Vec<Budget> {
    vec![Budget { rule: "b".parse().unwrap(), of, per }]
}

fn calls(most: u32, within: Duration) -> Vec<Budget> {
    budget(BudgetOf::Calls { most, within }, BudgetPer::Pair)
}

fn same() -> Digest {
    Digest::new([1; 32])
}

fn take(counters: &Counters, budgets: &[Budget], facts: &Facts, arguments: Digest) -> Taken {
    let mut taken = Taken::default();
    budgets.iter().for_each(|budget| counters.take(budget, facts, arguments, &mut taken));
    taken
}

/// Takes for a call that runs.
fn runs(counters: &Counters, budgets: &[Budget], facts: &Facts) -> bool {
    let mut taken = take(counters, budgets, facts, same());
    taken.keep();
    taken.spent.is_empty()
}

fn later(facts: &Facts, by: Duration) -> Facts {
    let micros = i64::try_from(by.as_micros()).unwrap();
    Facts { now: UnixMicros(facts.now.0 + micros), ..facts.clone() }
}

// INVARIANT: never one call too many, however many come at once.
#[test]
fn two_hundred_at_once_take_no_more_than_there_is() {
    for of in [BudgetOf::Calls { most: 37, within: HOUR }, BudgetOf::Concurrency { most: 37 }] {
        let (counters, budgets, facts) = (Counters::new(), budget(of, BudgetPer::Pair), facts());
        let (start, ran) = (Barrier::new(200), AtomicUsize::new(0));
        let all: Vec<Taken> = std::thread::scope(|scope| {
            let one = || {
                start.wait();
                let mut taken = take(&counters, &budgets, &facts, same());
                if taken.spent.is_empty() {
                    taken.keep();
                    ran.fetch_add(1, SeqCst);
                }
                taken
            };
            let threads: Vec<_> = (0..200).map(|_| scope.spawn(one)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(ran.load(SeqCst), 37);
        assert_eq!(all.iter().filter(|taken| taken.spent == ["b".parse().unwrap()]).count(), 163);
        drop(all);
        // What ran stays taken of calls; nothing is under way any more.
        assert_eq!(runs(&counters, &budgets, &facts), matches!(of, BudgetOf::Concurrency { .. }));
    }
}

#[test]
fn while_some_are_given_back_never_more_run_at_once() {
    let (counters, budgets, facts) =
        (Counters::new(), budget(BudgetOf::Concurrency { most: 5 }, BudgetPer::App), facts());
    let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..500 {
                    let taken = take(&counters, &budgets, &facts, same());
                    if taken.spent.is_empty() {
                        most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                        std::thread::yield_now();
                        now.fetch_sub(1, SeqCst);
                    }
                }
            });
        }
    });
    assert!(most.load(SeqCst) <= 5);
    assert!(runs(&counters, &budgets, &facts));
}

#[test]
fn what_does_not_run_costs_nothing() {
    let (counters, budgets, facts) = (Counters::new(), calls(2, HOUR), facts());
    for _ in 0..10 {
        assert!(take(&counters, &budgets, &facts, same()).spent.is_empty());
    }
    assert!(runs(&counters, &budgets, &facts) && runs(&counters, &budgets, &facts));
    assert!(!runs(&counters, &budgets, &facts));
}

#[test]
fn calls_come_back_once_the_stretch_has_passed_and_not_before() {
    let (counters, budgets, start) = (Counters::new(), calls(2, HOUR), facts());
    let at = |by: Duration| runs(&counters, &budgets, &later(&start, by));
    assert!(at(Duration::ZERO));
    assert!(at(HOUR / 2));
    assert!(!at(HOUR));
    assert!(at(HOUR + HOUR / 30));
    assert!(!at(HOUR + HOUR / 29));
    assert!(at(HOUR + HOUR / 2 + HOUR / 30));
    // A clock that is set back frees nothing.
    assert!(!at(HOUR));
}

#[test]
fn what_was_counted_while_the_clock_was_ahead_counts_from_when_it_is_put_right() {
    let (counters, budgets, start) = (Counters::new(), calls(2, HOUR), facts());
    let at = |by: Duration| runs(&counters, &budgets, &later(&start, by));
    let year = HOUR * 24 * 365;
    assert!(at(year) && at(year) && !at(year));
    assert!(!at(Duration::ZERO), "nobody knows how long ago that was");
    assert!(!at(HOUR));
    assert!(at(HOUR + HOUR / 30) && at(HOUR + HOUR / 30));
    assert!(!at(HOUR + HOUR / 30));
}

#[test]
fn any_times_never_let_more_through_in_a_stretch() {
    let mut seed = 7u64;
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for within in [Duration::from_secs(1), Duration::from_micros(7), Duration::from_secs(86_400)] {
        let (counters, budgets, start) = (Counters::new(), calls(5, within), facts());
        let (mut at, mut ran) = (0u64, Vec::new());
        for _ in 0..2_000 {
            at += next(u64::try_from(within.as_micros()).unwrap() / 3 + 1);
            if runs(&counters, &budgets, &later(&start, Duration::from_micros(at))) {
                ran.push(at);
            }
        }
        assert!(ran.len() > 100);
        for stretch in ran.windows(6) {
            assert!(u128::from(stretch[5] - stretch[0]) >= within.as_micros(), "{within:?} {stretch:?}");
        }
    }
}

#[test]
fn who_shares_a_budget() {
    let base = facts();
    let other_app =
        Facts { app: Arc::new(App { id: "mail".parse().unwrap(), ..App::clone(&base.app) }), ..base.clone() };
    let other_agent =
        Facts { agent: Arc::new(Agent { id: "b2".parse().unwrap(), ..Agent::clone(&base.agent) }), ..base.clone() };
    let other_human =
        Facts { human: Arc::new(Human { id: "bo".parse().unwrap(), ..Human::clone(&base.human) }), ..base.clone() };
    let other_task = Facts { task: "t2".parse().unwrap(), ..base.clone() };
    let others = [other_app, other_agent, other_human, other_task];
    for (per, shared) in [
        (BudgetPer::Pair, [false, false, true, true]),
        (BudgetPer::App, [false, true, true, true]),
        (BudgetPer::Agent, [true, false, true, true]),
        (BudgetPer::Human, [true, true, false, true]),
        (BudgetPer::Task, [true, true, true, false]),
    ] {
        for (other, shared) in others.iter().zip(shared) {
            let (counters, budgets) = (Counters::new(), budget(BudgetOf::Calls { most: 1, within: HOUR }, per));
            assert!(runs(&counters, &budgets, &base));
            assert_eq!(runs(&counters, &budgets, other), !shared, "{per:?} {}", other.app.id);
        }
    }
}

#[test]
fn the_same_call_again_after_a_failure_is_a_retry() {
    let (counters, budgets, facts) = (Counters::new(), budget(BudgetOf::Retries { most: 2 }, BudgetPer::Pair), facts());
    let call = |facts: &Facts, arguments: Digest, failed: bool| {
        let mut taken = take(&counters, &budgets, facts, arguments);
        let runs = taken.spent.is_empty();
        if runs {
            taken.keep();
            counters.close(&taken, failed, facts.now);
        }
        runs
    };
    let fails = |facts: &Facts| call(facts, same(), true);
    assert!((0..5).all(|_| call(&facts, same(), false)), "what succeeds is no retry");
    assert_eq!([fails(&facts), fails(&facts), fails(&facts), fails(&facts)], [true, true, true, false]);
    assert!(call(&facts, Digest::new([2; 32]), true), "other arguments are another call");
    assert!(fails(&Facts { task: "t2".parse().unwrap(), ..facts.clone() }), "and so is another task");
    assert!(!fails(&facts));
    let again = Facts { task: "t3".parse().unwrap(), ..facts };
    assert!(fails(&again) && call(&again, same(), false) && fails(&again) && fails(&again) && fails(&again));
}

#[test]
fn what_was_counted_before_counts() {
    let (counters, facts) = (Counters::new(), facts());
    let budgets = calls(3, HOUR);
    for minutes in [90, 40, 20] {
        let then = Facts { now: UnixMicros(facts.now.0 - minutes * 60_000_000), ..facts.clone() };
        counters.remember(&budgets[0], &then, same(), false, 0);
    }
    assert!(runs(&counters, &budgets, &facts));
    assert!(!runs(&counters, &budgets, &facts));
    let retries = budget(BudgetOf::Retries { most: 1 }, BudgetPer::Pair);
    counters.remember(&retries[0], &facts, same(), true, 0);
    counters.remember(&retries[0], &facts, same(), true, 0);
    assert!(!runs(&counters, &retries, &facts));
}

#[test]
fn without_room_a_budget_counts_as_used_up_and_idle_counters_make_room() {
    let (counters, start) = (Counters::new(), facts());
    let budgets = budget(BudgetOf::Calls { most: 1, within: HOUR }, BudgetPer::Task);
    let in_task = |task: usize, by: Duration| {
        let facts = Facts { task: format!("t{task}").parse().unwrap(), ..later(&start, by) };
        runs(&counters, &budgets, &facts)
    };
    let many = BUDGET_COUNTERS_MAX * 5 / 4;
    let taken = (0..many).filter(|task| in_task(*task, Duration::ZERO)).count();
    assert_eq!(taken, BUDGET_COUNTERS_MAX);
    // When the hour has passed, each that comes puts some away of those that count nothing.
    let taken = (many..many * 2).filter(|task| in_task(*task, HOUR * 2)).count();
    assert_eq!(taken, BUDGET_COUNTERS_MAX);
}

#[test]
fn without_room_the_failures_of_longest_ago_give_way() {
    let (counters, facts) = (Counters::new(), facts());
    let retries = budget(BudgetOf::Retries { most: 0 }, BudgetPer::Pair);
    let call = |number: usize| {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&number.to_le_bytes());
        Digest::new(digest)
    };
    let at = |number: usize| later(&facts, Duration::from_millis(number as u64));
    let is_retry = |number: usize, at: &Facts| !take(&counters, &retries, at, call(number)).spent.is_empty();
    let many = BUDGET_COUNTERS_MAX + 100;
    for number in 0..many {
        let facts = at(number);
        let taken = take(&counters, &retries, &facts, call(number));
        counters.close(&taken, true, facts.now);
    }
    let known: Vec<usize> = (0..many).filter(|number| is_retry(*number, &at(*number))).collect();
    assert_eq!(known.len(), BUDGET_COUNTERS_MAX);
    // All of the last ones, and of the others those that stood beside none of the new ones.
    assert!((BUDGET_COUNTERS_MAX..many).all(|number| known.contains(&number)));
    let forgotten = (0..many).filter(|number| !known.contains(number));
    assert!(forgotten.max().is_some_and(|latest| latest < many / 2), "{known:?}");
}

/// Of a call under a contract that can bring back so many records.
fn bringing(records: Option<u64>) -> Facts {
    let contract = model::ContractFacts {
        contract: "c".parse().unwrap(),
        vendor: "v".parse().unwrap(),
        standing: model::Standing::Active,
        digest: None,
        purpose: None,
        tenant: model::Shown::Open,
        entity: None,
        operation: None,
        state: std::collections::BTreeMap::new(),
        asks: Vec::new(),
        sends: Vec::new(),
        records,
        spent: Vec::new(),
    };
    Facts { contract: Some(Arc::new(contract)), ..facts() }
}

#[test]
fn a_call_takes_as_many_records_as_can_come_and_gives_back_those_that_did_not() {
    let (counters, facts) = (Counters::new(), bringing(Some(40)));
    let budgets = budget(BudgetOf::Records { most: 100, within: HOUR }, BudgetPer::Contract);
    let take = || {
        let mut taken = take(&counters, &budgets, &facts, same());
        taken.keep();
        taken
    };
    let (mut one, two, three) = (take(), take(), take());
    assert_eq!((one.records_max(), two.spent.len(), three.spent.len()), (Some(40), 0, 1));
    drop(three);
    one.settle(3, 0);
    drop(one);
    // 3 and 40 of 100 are taken.
    assert!(take().spent.is_empty());
    assert!(!take().spent.is_empty());
    assert!(!runs(&counters, &budgets, &bringing(None)), "nobody knows how many would come");
    let unknown = |facts: &Facts| self::take(&counters, &budgets, facts, same()).unknown;
    assert!(unknown(&bringing(None)) && !unknown(&bringing(Some(99))), "which is not that they are used up");
    assert!(runs(&counters, &budgets, &bringing(Some(17))));
    assert!(!runs(&counters, &budgets, &bringing(Some(1))));
}

#[test]
fn what_does_not_run_takes_no_records() {
    let (counters, facts) = (Counters::new(), bringing(Some(100)));
    let budgets = budget(BudgetOf::Records { most: 100, within: HOUR }, BudgetPer::Contract);
    assert!(take(&counters, &budgets, &facts, same()).spent.is_empty());
    assert!(runs(&counters, &budgets, &facts));
    assert!(!runs(&counters, &budgets, &bringing(Some(1))));
    assert!(runs(&counters, &budgets, &later(&facts, HOUR * 2)));
}

// INVARIANT: never one byte too many, however many answers come at once.
#[test]
fn answers_that_come_at_once_let_out_no_more_bytes_than_there_are() {
    let (counters, facts) = (Counters::new(), bringing(Some(1)));
    let budgets = budget(BudgetOf::Bytes { most: 20 << 20, within: HOUR }, BudgetPer::Contract);
    let (start, let_out) = (Barrier::new(16), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let mut taken = take(&counters, &budgets, &facts, same());
                start.wait();
                if !taken.spent.is_empty() {
                    return;
                }
                taken.keep();
                let mut passed = 0;
                while taken.lets_out(passed + 100_000, facts.now) {
                    passed += 100_000;
                }
                taken.settle(1, passed);
                let_out.fetch_add(usize::try_from(passed).unwrap(), SeqCst);
            });
        }
    });
    let all = let_out.load(SeqCst);
    assert!((15 << 20..=20 << 20).contains(&all), "{all}");
    // What was taken ahead and not let out is there again.
    let mut rest = take(&counters, &budgets, &facts, same());
    assert!(rest.spent.is_empty() && rest.lets_out(1024, facts.now));
    rest.keep();
    assert!(!rest.lets_out(20 << 20, facts.now));
}

#[test]
fn what_a_long_answer_lets_out_counts_when_it_does() {
    let (counters, start) = (Counters::new(), bringing(Some(1)));
    let budgets = budget(BudgetOf::Bytes { most: 3 << 20, within: HOUR }, BudgetPer::Contract);
    let (soon, then) = (later(&start, HOUR * 2), later(&start, HOUR * 2 + HOUR / 30));
    let mut long = take(&counters, &budgets, &start, same());
    long.keep();
    assert!(long.lets_out(2 << 20, soon.now));
    let mut other = take(&counters, &budgets, &then, same());
    other.keep();
    assert!(other.spent.is_empty() && other.lets_out(2 << 20, then.now));
    assert!(!other.lets_out(3 << 20, then.now));
}

#[test]
fn records_and_bytes_of_before_count() {
    let (counters, facts) = (Counters::new(), bringing(Some(40)));
    let records = budget(BudgetOf::Records { most: 100, within: HOUR }, BudgetPer::Contract);
    let bytes = budget(BudgetOf::Bytes { most: 4 << 20, within: HOUR }, BudgetPer::Pair);
    for _ in 0..2 {
        counters.remember(&records[0], &facts, same(), false, 2 << 20);
        counters.remember(&bytes[0], &facts, same(), false, 2 << 20);
    }
    assert!(!runs(&counters, &records, &facts) && runs(&counters, &records, &bringing(Some(20))));
    assert!(!runs(&counters, &bytes, &facts));
}

#[test]
fn what_is_taken_of_a_contract_is_told_and_goes_back_with_time() {
    let (counters, facts) = (Counters::new(), bringing(Some(40)));
    let records = budget(BudgetOf::Records { most: 100, within: HOUR }, BudgetPer::Contract);
    let requests = budget(BudgetOf::Calls { most: 9, within: HOUR }, BudgetPer::Contract);
    let used = |budgets: &[Budget], now: UnixMicros| counters.used_of_contract(&budgets[0], now);
    assert_eq!(used(&records, facts.now), 0);
    for _ in 0..2 {
        assert!(runs(&counters, &records, &facts) && runs(&counters, &requests, &facts));
    }
    assert_eq!((used(&records, facts.now), used(&requests, facts.now)), (80, 2));
    let later = UnixMicros(facts.now.0 + 2 * i64::try_from(HOUR.as_micros()).unwrap());
    assert_eq!((used(&records, later), used(&requests, later)), (0, 0));
    // What others share is told to nobody as a contract's.
    let shared = calls(9, HOUR);
    assert!(runs(&counters, &shared, &facts));
    assert_eq!(used(&shared, facts.now), 0);
}
