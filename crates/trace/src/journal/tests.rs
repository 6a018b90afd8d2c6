use std::sync::mpsc::{Receiver, Sender, channel};

use model::{Blame, CallId, Fault};

use super::*;
use crate::record::RecordKind;
use crate::samples::{Held, Memory, change, full, intent, outcome};

/// What an append does.
#[derive(Clone, Copy)]
enum Step {
    Works,
    Fails,
    FailsButPersists,
    Panics,
}

/// Does one step for each append, in the order they are sent; without an open sender every append works.
struct Faulty {
    memory: Memory,
    steps: Receiver<Step>,
    begun: Sender<()>,
}

impl LogStore for Faulty {
    fn append(&mut self, rows: &[Row], state: &[StateWrite]) -> Result<u64, StoreFault> {
        let _nobody_looks = self.begun.send(());
        match self.steps.recv().unwrap_or(Step::Works) {
            Step::Works => self.memory.append(rows, state),
            Step::Fails => Err(full()),
            Step::FailsButPersists => {
                self.memory.append(rows, state)?;
                Err(full())
            }
            Step::Panics => panic!("the store broke"),
        }
    }
}

struct World {
    journal: Journal,
    memory: Memory,
    steps: Sender<Step>,
    begun: Receiver<()>,
}

fn world() -> World {
    let memory = Memory::default();
    let (steps, their_steps) = channel();
    let (their_begun, begun) = channel();
    let log = Faulty { memory: memory.clone(), steps: their_steps, begun: their_begun };
    World { journal: Journal::start(Box::new(log)).unwrap(), memory, steps, begun }
}

impl World {
    fn held<T>(&self, look: impl FnOnce(&Held) -> T) -> T {
        look(&self.memory.held.lock().unwrap())
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

#[test]
fn no_durable_without_the_disk() {
    let world = world();
    runtime().block_on(async {
        for (number, step) in [(1, Step::Fails), (2, Step::FailsButPersists), (3, Step::Works)] {
            world.steps.send(step).unwrap();
            let written = world.journal.intent(intent(number)).await;
            match step {
                Step::Works => {
                    let durable = written.unwrap();
                    assert_eq!(durable.call(), &intent(number).call);
                    // The one before has persisted without anyone being told.
                    assert_eq!(durable.sequence(), 2);
                }
                _ => assert_eq!(written.unwrap_err().code(), "trace.not_recorded"),
            }
        }
    });
    assert_eq!(world.held(|held| held.rows.len()), 2);
}

#[test]
fn an_intent_waits_while_the_disk_does() {
    let world = world();
    runtime().block_on(async {
        let mut waiting = Box::pin(world.journal.intent(intent(1)));
        let early = std::future::poll_fn(|context| std::task::Poll::Ready(waiting.as_mut().poll(context))).await;
        assert!(early.is_pending());
        world.begun.recv().unwrap();
        let early = std::future::poll_fn(|context| std::task::Poll::Ready(waiting.as_mut().poll(context))).await;
        assert!(early.is_pending(), "the append has begun but not ended");
        world.steps.send(Step::Works).unwrap();
        assert_eq!(waiting.await.unwrap().sequence(), 1);
    });
}

#[test]
fn an_outcome_nobody_waits_for_is_written_though_nothing_follows() {
    let world = world();
    for number in 1..=3 {
        world.journal.outcome_later(outcome(number)).unwrap();
        world.begun.recv().unwrap();
        world.steps.send(Step::Works).unwrap();
    }
    world.journal.close();
    assert_eq!(world.held(|held| held.appends.clone()), [1, 1, 1]);
}

#[test]
fn records_that_come_meanwhile_share_a_commit() {
    let world = world();
    let runtime = runtime();
    let write = |number| {
        let journal = world.journal.clone();
        runtime.spawn(async move { journal.intent(intent(number)).await.unwrap() })
    };
    let first = write(0);
    world.begun.recv().unwrap();
    let others: Vec<_> = (1..=64).map(write).collect();
    while world.journal.queue().lock().jobs.len() < 64 {
        std::thread::yield_now();
    }
    world.steps.send(Step::Works).unwrap();
    world.steps.send(Step::Works).unwrap();
    let mut sequences: Vec<u64> = runtime.block_on(async {
        let mut out = vec![first.await.unwrap().sequence()];
        for other in others {
            let durable = other.await.unwrap();
            let row = world.held(|held| held.rows[usize::try_from(durable.sequence()).unwrap() - 1].call.clone());
            assert_eq!(durable.call(), &row, "the sequence is that of the caller's own record");
            out.push(durable.sequence());
        }
        out
    });
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=65).collect::<Vec<u64>>());
    assert_eq!(world.held(|held| held.appends.clone()), [1, 64]);
}

#[test]
fn one_failed_commit_tells_everyone_and_the_next_works() {
    let world = world();
    let runtime = runtime();
    let write = |number| {
        let journal = world.journal.clone();
        runtime.spawn(async move { journal.intent(intent(number)).await })
    };
    let first = write(0);
    world.begun.recv().unwrap();
    let others: Vec<_> = (1..=8).map(write).collect();
    while world.journal.queue().lock().jobs.len() < 8 {
        std::thread::yield_now();
    }
    for step in [Step::Works, Step::Fails, Step::Works] {
        world.steps.send(step).unwrap();
    }
    runtime.block_on(async {
        first.await.unwrap().unwrap();
        for other in others {
            let fault = Fault::from(other.await.unwrap().unwrap_err());
            assert_eq!(
                (fault.blame(), fault.code(), fault.way_out()),
                (Blame::Operator, "trace.not_recorded", Some("free space"))
            );
            assert!(fault.may_retry());
        }
        assert_eq!(world.journal.newest(), 1, "what failed is not there");
        assert_eq!(world.journal.intent(intent(9)).await.unwrap().sequence(), 2);
        assert_eq!(world.journal.newest(), 2);
    });
}

#[test]
fn what_could_not_be_written_is_counted_and_why_is_known_until_something_is() {
    let world = world();
    assert!(world.journal.refused().is_none());
    for (written, step) in [(1, Step::Fails), (2, Step::FailsButPersists)] {
        world.steps.send(step).unwrap();
        world.journal.change_blocking(change(written)).unwrap_err();
        let why = world.journal.refused().unwrap();
        assert_eq!((world.journal.records_not_written(), why.hint()), (u64::from(written), Some("free space")));
    }
    // State alone counts no record, and says as well as any that the log takes nothing.
    let nothing = || vec![StateWrite { kind: "seen".to_owned(), key: "app".to_owned(), value: None }];
    world.steps.send(Step::Fails).unwrap();
    world.journal.state_blocking(nothing()).unwrap_err();
    assert_eq!((world.journal.records_not_written(), world.journal.refused().is_some()), (2, true));
    world.steps.send(Step::Fails).unwrap();
    let erased = world.journal.erase_blocking(|| Ok::<_, TraceError>((change(3), vec![1])));
    assert_eq!((erased.unwrap_err().code(), world.journal.records_not_written()), ("trace.not_recorded", 3));
    world.steps.send(Step::Works).unwrap();
    world.journal.state_blocking(nothing()).unwrap();
    assert_eq!((world.journal.records_not_written(), world.journal.refused().is_some()), (3, false));
}

#[test]
fn close_drains_and_then_refuses() {
    let world = world();
    drop(world.steps);
    for number in 0..300 {
        world.journal.outcome_later(outcome(number)).unwrap();
    }
    world.journal.close();
    assert_eq!((world.memory.held.lock().unwrap().rows.len(), world.journal.newest()), (300, 300));
    assert_eq!(world.journal.lost_outcomes(), 0);
    world.journal.close();
    assert_eq!(world.journal.outcome_later(outcome(1)).unwrap_err().code(), "trace.closed");
    assert_eq!(world.journal.change_blocking(change(1)).unwrap_err().code(), "trace.closed");
    let error = runtime().block_on(world.journal.intent(intent(1))).unwrap_err();
    assert_eq!(error.code(), "trace.closed");
    assert_eq!(world.journal.lost_outcomes(), 1);
}

#[test]
fn no_commit_is_larger_than_the_limit() {
    let world = world();
    for number in 0..600 {
        world.journal.outcome_later(outcome(number)).unwrap();
    }
    drop(world.steps);
    world.journal.close();
    let appends = world.memory.held.lock().unwrap().appends.clone();
    assert!(appends.iter().all(|rows| *rows <= RECORDS_PER_COMMIT_MAX), "{appends:?}");
    assert_eq!(appends.iter().sum::<usize>(), 600);
}

#[test]
fn a_lost_outcome_is_counted_whichever_way_it_gets_lost() {
    let world = world();
    world.steps.send(Step::Fails).unwrap();
    let waited = runtime().block_on(world.journal.outcome(outcome(1)));
    assert_eq!(waited.unwrap_err().code(), "trace.not_recorded");
    assert_eq!(world.journal.lost_outcomes(), 1);

    world.steps.send(Step::Works).unwrap();
    assert_eq!(runtime().block_on(world.journal.outcome(outcome(2))).unwrap(), 1);
    assert_eq!(world.journal.lost_outcomes(), 1);

    world.journal.outcome_later(outcome(3)).unwrap();
    world.steps.send(Step::Fails).unwrap();
    drop(world.steps);
    world.journal.close();
    assert_eq!(world.journal.lost_outcomes(), 2);
}

#[test]
fn a_full_queue_says_so_and_callers_who_can_wait_do() {
    let world = world();
    world.journal.outcome_later(outcome(0)).unwrap();
    world.begun.recv().unwrap();
    for number in 0..RECORDS_WAITING_MAX {
        world.journal.outcome_later(outcome(u16::try_from(number).unwrap())).unwrap();
    }
    assert_eq!(world.journal.outcome_later(outcome(1)).unwrap_err().code(), "trace.full");
    assert_eq!(world.journal.lost_outcomes(), 1);

    let blocking = {
        let journal = world.journal.clone();
        std::thread::spawn(move || journal.change_blocking(change(2)))
    };
    let runtime = runtime();
    let task = {
        let journal = world.journal.clone();
        runtime.spawn(async move { journal.intent(intent(1)).await })
    };
    drop(world.steps);
    assert!(runtime.block_on(task).unwrap().is_ok());
    assert!(blocking.join().unwrap().is_ok());
    world.journal.close();
    assert_eq!(world.memory.held.lock().unwrap().rows.len(), RECORDS_WAITING_MAX + 3);
}

#[test]
fn closing_does_not_wait_for_callers_who_wait_for_room() {
    let world = world();
    world.journal.outcome_later(outcome(0)).unwrap();
    world.begun.recv().unwrap();
    for _ in 0..RECORDS_WAITING_MAX {
        world.journal.outcome_later(outcome(1)).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut waiting = Box::pin(world.journal.intent(intent(1)));
        let early = std::future::poll_fn(|context| std::task::Poll::Ready(waiting.as_mut().poll(context))).await;
        assert!(early.is_pending());
        drop(world.steps);
        world.journal.close();
        assert_eq!(waiting.await.unwrap_err().code(), "trace.closed");
    });
}

#[test]
fn a_caller_who_goes_away_leaves_its_record() {
    let world = world();
    runtime().block_on(async {
        let mut waiting = Box::pin(world.journal.intent(intent(1)));
        let early = std::future::poll_fn(|context| std::task::Poll::Ready(waiting.as_mut().poll(context))).await;
        assert!(early.is_pending());
    });
    drop(world.steps);
    world.journal.close();
    assert_eq!(world.memory.held.lock().unwrap().rows.len(), 1);
}

#[test]
fn a_store_that_panics_leaves_nobody_waiting() {
    let world = world();
    world.steps.send(Step::Panics).unwrap();
    let error = runtime().block_on(world.journal.intent(intent(1))).unwrap_err();
    assert_eq!(error.code(), "trace.closed");
    world.journal.close();
    assert_eq!(world.journal.outcome_later(outcome(1)).unwrap_err().code(), "trace.closed");
    assert_eq!(world.journal.lost_outcomes(), 1);
}

#[test]
fn a_change_and_its_state_go_together() {
    let world = world();
    world.steps.send(Step::Works).unwrap();
    let durable = world.journal.change_blocking(change(1)).unwrap();
    assert_eq!((durable.call(), durable.sequence()), (&change(1).id, 1));
    world.steps.send(Step::Works).unwrap();
    runtime().block_on(world.journal.change(change(2))).unwrap();
    assert_eq!(world.held(|held| held.state.clone()), change(1).state);
    let written: Vec<(RecordKind, CallId)> =
        world.held(|held| held.rows.iter().map(|row| (row.kind, row.call.clone())).collect());
    assert_eq!(written, [(RecordKind::Change, change(1).id), (RecordKind::Change, change(2).id)]);

    world.steps.send(Step::Fails).unwrap();
    let mut third = change(3);
    third.state.clear();
    assert_eq!(world.journal.change_blocking(third).unwrap_err().code(), "trace.not_recorded");
}

#[test]
fn the_last_journal_ends_the_thread() {
    let world = world();
    let World { journal, memory, steps, begun } = world;
    journal.outcome_later(outcome(1)).unwrap();
    drop(steps);
    drop(journal);
    // The sender of `begun` goes with the store, which goes with the thread.
    while begun.recv().is_ok() {}
    assert_eq!(memory.held.lock().unwrap().rows.len(), 1);
}

#[test]
fn a_commit_waits_for_more_only_where_they_come_in_time() {
    let pace = |each| Pace { last: stopwatch(), each: Duration::from_micros(each) };
    assert_eq!(pace(40).time_for(16), Duration::from_micros(1_280));
    assert_eq!(pace(100).time_for(16), GATHERING_TIME_MAX);
    assert_eq!(pace(501).time_for(16), Duration::ZERO);
    let mut slow = pace(40);
    slow.last = stopwatch().checked_sub(Duration::from_secs(60)).unwrap();
    slow.took(1);
    assert_eq!(slow.each, Duration::from_micros(530), "one that comes after a minute says little");
}

/// Finds no room for its first erasure.
struct Erases {
    memory: Memory,
    asked: Sender<Vec<u32>>,
    fails: bool,
}

impl LogStore for Erases {
    fn append(&mut self, rows: &[Row], state: &[StateWrite]) -> Result<u64, StoreFault> {
        self.memory.append(rows, state)
    }

    fn erase(&mut self, subjects: &[u32]) -> Result<(), StoreFault> {
        self.asked.send(subjects.to_vec()).unwrap();
        if std::mem::take(&mut self.fails) { Err(full()) } else { Ok(()) }
    }
}

// INVARIANT: an erasure that is on record comes to its end, whatever else is erased meanwhile.
#[test]
fn an_erasure_that_failed_is_finished_with_the_next() {
    let (asked, erased) = channel();
    let log = Erases { memory: Memory::default(), asked, fails: true };
    let journal = Journal::start(Box::new(log)).unwrap();
    let erase = |number, subjects: &[u32]| journal.erase_blocking(|| Ok((change(number), subjects.to_vec())));
    assert!(matches!(erase(1, &[7, 8]), Err(TraceError::NotErased(_))));
    erase(2, &[8, 9]).unwrap();
    erase(3, &[10]).unwrap();
    assert_eq!(erased.try_iter().collect::<Vec<_>>(), [vec![7, 8], vec![7, 8, 9], vec![10]]);
}
