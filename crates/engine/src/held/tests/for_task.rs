//! What people approved for a task.

use std::time::Duration;

use model::limits::HOLD_SAID_CHARS_MAX;
use model::{ArgumentFacts, ArgumentReads, ReadArguments};

use super::*;
use crate::gate::Readable;

const OTHER: &str = r#"{"to":"a casino"}"#;

/// Bo approves the call that waits, for its task.
async fn approved() -> (World, HoldId) {
    let world = World::new().await;
    let id = world.asks_in_passing().await;
    world.engine.approve_for_task(&id, &approver("bo")).await.unwrap();
    (world, id)
}

async fn asks_for(world: &World, arguments: &'static str, task: &str) -> Closed {
    let mut request = world.request(arguments, Some(patience(Duration::ZERO)), FINE);
    request.actor.task = TaskId::parse(task).unwrap();
    world.engine.call(request).await
}

async fn runs(world: &World) -> bool {
    matches!(asks_for(world, ARGUMENTS, "j").await, Closed::Answered { .. })
}

fn said(world: &World, what: &str) -> usize {
    world.disk.steps().iter().filter(|step| *step == what).count()
}

#[tokio::test]
async fn such_calls_run_without_asking_again_and_others_wait() {
    let (world, id) = approved().await;
    assert!(world.engine.holds().len() == 1 && world.engine.for_tasks().len() == 1);
    assert!(matches!(world.asks(&patience(LONG)).await, Closed::Answered { .. }), "the call itself");
    assert_eq!(said(&world, "hold.claimed"), 1);
    assert!(runs(&world).await, "another of the same value");
    assert_eq!((world.disk.sent(), said(&world, "hold.opened")), (2, 1));
    assert!(!world.disk.rows(FOR_TASK_STATE)[0].1.contains("bank"), "it is kept sealed");
    let again = world.disk.start(AS_ASKED).await;
    assert!(runs(&again).await, "a restart forgets nothing of it");
    for (arguments, task) in [(OTHER, "j"), (ARGUMENTS, "another")] {
        assert_eq!(refused(asks_for(&again, arguments, task).await).verdict, Verdict::Hold);
    }
    let fault = again.engine.revoke_for_task_as(&id, &approver("ana2")).await.unwrap_err();
    assert_eq!(fault.code(), "hold.same_person");
    again.engine.revoke_for_task_as(&id, &approver("cleo")).await.unwrap();
    assert!(!runs(&again).await && again.disk.rows(FOR_TASK_STATE).is_empty());
    assert_eq!(again.engine.revoke_for_task(&id, "ops").await.unwrap_err().code(), "caller.unknown_hold");
    assert_eq!((again.disk.sent(), said(&again, "hold.task_revoked")), (3, 1));
}

#[tokio::test]
async fn it_ends_by_itself_with_who_approved_and_with_the_rule_they_saw() {
    let (world, _) = approved().await;
    world.asks(&patience(LONG)).await;
    let changed = world.disk.start(Holds { text: "hold it for something else", ..AS_ASKED }).await;
    assert!(!runs(&changed).await, "another rule than Bo saw");
    let denied = world.disk.start(Holds { and: Some(RuleOutcome::Deny), ..AS_ASKED }).await;
    assert_eq!(refused(asks_for(&denied, ARGUMENTS, "j").await).verdict, Verdict::Deny);
    let (left, _) = approved().await;
    left.asks(&patience(LONG)).await;
    left.disk.leaves_the_house("bo");
    assert!(!runs(&left).await);
    let (late, _) = approved().await;
    late.asks(&patience(LONG)).await;
    late.disk.later(Duration::from_secs(8 * 60 * 60));
    assert!(!runs(&late).await, "its time is over, whoever has noticed");
    for _twice in 0..2 {
        late.engine.sweep_holds().await;
    }
    assert!(said(&late, "hold.task_over") == 1 && late.disk.rows(FOR_TASK_STATE).is_empty());
    let (gone, _) = approved().await;
    gone.asks(&patience(LONG)).await;
    gone.engine.cancel_holds_of(&human("ana"), "ops").await.unwrap();
    assert!(gone.disk.rows(FOR_TASK_STATE).is_empty() && !runs(&gone).await, "what is kept of Ana is erased");
}

// INVARIANT: nothing runs on a call to which somebody said no.
#[tokio::test]
async fn a_no_takes_back_what_was_approved_for_the_task_on_the_same_call() {
    for denied in [true, false] {
        let (world, id) = approved().await;
        match denied {
            true => world.engine.deny(&id, &approver("cleo"), Some("no")).await.map(drop).unwrap(),
            false => world.engine.cancel_hold(&id, "ops").await.map(drop).unwrap(),
        }
        assert!(world.engine.for_tasks().is_empty() && world.disk.rows(FOR_TASK_STATE).is_empty());
        let told = refused(asks_for(&world, ARGUMENTS, "j").await).held.unwrap();
        let state = if denied { HeldState::Denied } else { HeldState::Cancelled };
        assert_eq!((told.id, told.state), (id, state), "whoever asks again is told");
        let anew = refused(asks_for(&world, ARGUMENTS, "j").await).held.unwrap();
        assert_eq!((anew.state, world.disk.sent()), (HeldState::Waits, 0), "and then it waits as any other");
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_is_approved_neither_once_nor_for_the_task() {
    let world = World::new().await;
    let id = world.asks_in_passing().await;
    world.disk.left.store(0, Ordering::SeqCst);
    assert!(world.engine.approve_for_task(&id, &approver("bo")).await.is_err());
    assert!(world.engine.for_tasks().is_empty() && matches!(world.engine.holds()[0].hold.state, State::Pending));
}

#[tokio::test]
async fn once_is_once() {
    let world = World::new().await;
    let id = world.asks_in_passing().await;
    world.approve(&id, "bo").await.unwrap();
    world.asks(&patience(LONG)).await;
    assert!(!runs(&world).await && world.engine.for_tasks().is_empty());
    assert_eq!(world.disk.sent(), 1);
}

/// Reads the argument `why` as what the agent says of it.
struct Explains;

impl ReadArguments for Explains {
    fn read(&self, arguments: &[u8], reads: &ArgumentReads) -> ArgumentFacts {
        let mut facts = ArgumentFacts { bytes: arguments.len() as u64, ..ArgumentFacts::default() };
        if reads.roles.contains("explanation") {
            facts.roles.insert("explanation".into(), vec!["to pay the rent".into()]);
        }
        facts
    }
}

#[tokio::test]
async fn what_the_agent_says_is_bounded_and_decides_nothing() {
    let world = World::new().await;
    let asks = |said: &str| {
        let waiter = patience(Duration::ZERO);
        waiter.said.set(said.to_owned()).unwrap();
        let readable = Readable { arguments: Bytes::from_static(ARGUMENTS.as_bytes()), reader: Arc::new(Explains) };
        world.engine.call(CallRequest { readable: Some(readable), ..world.request(ARGUMENTS, Some(waiter), FINE) })
    };
    let first = refused(asks(&"please ".repeat(1_000)).await).held.unwrap();
    let said = world.engine.holds()[0].hold.asked.said.clone().unwrap();
    assert!(said.starts_with("please please") && said.ends_with(" … (it goes on)"), "{said}");
    assert_eq!(said.chars().count(), HOLD_SAID_CHARS_MAX + " … (it goes on)".chars().count());
    let again = refused(asks("it is approved already").await).held.unwrap();
    assert_eq!((again.id, again.state), (first.id.clone(), HeldState::Waits), "the same call, whatever is said of it");
    world.engine.cancel_hold(&first.id, "ops").await.unwrap();
    world.engine.sweep_holds().await;
    let other = Disk::new().start(AS_ASKED).await;
    let readable = Readable { arguments: Bytes::from_static(ARGUMENTS.as_bytes()), reader: Arc::new(Explains) };
    let request = other.request(ARGUMENTS, Some(patience(Duration::ZERO)), FINE);
    other.engine.call(CallRequest { readable: Some(readable), ..request }).await;
    assert_eq!(other.engine.holds()[0].hold.asked.said.as_deref(), Some("to pay the rent"));
}
