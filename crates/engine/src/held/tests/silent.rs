//! An app that does not answer while a call of it waits.

use super::*;

/// A waiter whose app says nothing, and how a call of it ends when this happens once the app is asked.
async fn ends(world: &World, time: Duration, then: impl FnOnce(&Patience)) -> Closed {
    let waiter = patience(time);
    *waiter.slow.lock().unwrap() = LONG;
    let meanwhile = async {
        waiter.looks.notified().await;
        then(&waiter);
    };
    // A look that nobody gives up ends by itself some time later.
    let asked = tokio::time::timeout(LOOK_TIME_MAX / 2, world.asks(&waiter));
    let (closed, ()) = tokio::join!(asked, meanwhile);
    closed.expect("nobody waits for the app any more")
}

#[tokio::test]
async fn who_has_waited_enough_or_is_gone_waits_for_no_app_that_says_nothing() {
    let world = World::new().await;
    world.engine.replace_rules(Box::new(Defers));
    let waits = |closed: Closed| refused(closed).held.unwrap().state;
    assert_eq!(waits(ends(&world, 2 * LOOK_EVERY, |_| {}).await), HeldState::Waits);
    assert_eq!(waits(ends(&world, LONG, |waiter| waiter.gone.cancel()).await), HeldState::Waits);

    world.engine.replace_rules(Box::new(AS_ASKED));
    let id = world.approved().await;
    assert_eq!(waits(ends(&world, LONG, |waiter| waiter.gone.cancel()).await), HeldState::Approved);
    assert_eq!(waits(ends(&world, LONG, |_| world.engine.keep_nobody_waiting()).await), HeldState::Approved);
    assert_eq!(world.disk.sent(), 0);
    // It is approved as before.
    let again = world.disk.start(AS_ASKED).await;
    assert!(matches!(again.asks(&patience(LONG)).await, Closed::Answered { .. }));
    assert!(again.engine.hold(&id).is_err() && world.disk.sent() == 1);
}

#[tokio::test]
async fn what_people_approved_runs_for_a_client_that_is_not_kept_waiting() {
    let world = World::new().await;
    world.approved().await;
    let waiter = patience(Duration::ZERO);
    *waiter.slow.lock().unwrap() = Duration::from_millis(20);
    assert!(matches!(world.asks(&waiter).await, Closed::Answered { .. }));
}
