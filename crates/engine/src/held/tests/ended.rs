//! The end of a call that was taken up, where it cannot be written down at once.

use super::*;

/// An app at which the gateway itself breaks.
struct Breaks;

impl Upstream for Breaks {
    fn send<'a>(&'a self, permit: Permit, _: Outgoing) -> UpstreamFuture<'a> {
        let _spent = permit.spend();
        panic!("as the test says")
    }
}

/// What it came to is on record once the disk takes it, and nobody waits for it any longer.
async fn ends_as(world: &World, id: &HoldId, wanted: Disposition) {
    let state = || world.engine.hold(id).unwrap().hold.state.clone();
    assert!(matches!(state(), State::Claimed { .. }), "{:?}", state());
    world.engine.sweep_holds().await;
    assert!(matches!(state(), State::Claimed { .. }), "the disk takes nothing: {:?}", state());
    world.disk.left.store(i64::MAX, Ordering::SeqCst);
    world.engine.sweep_holds().await;
    let State::Ended { disposition, .. } = world.engine.hold_over(id).unwrap().hold.state.clone() else { panic!() };
    assert_eq!(disposition, wanted);
    assert!(world.engine.holds().is_empty() && world.disk.holds().is_empty());
    world.engine.cancel_holds_of(&human("ana"), "os-user:root").await.unwrap();
}

#[tokio::test]
async fn the_end_of_a_call_is_written_once_the_disk_takes_it_and_who_waits_is_answered() {
    let world = World::new().await;
    let id = world.approved().await;
    let (reached, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let app = FakeApp {
        diary: Arc::clone(&world.disk.diary),
        does: Does::Hangs,
        reached: Arc::clone(&reached),
        release: Arc::clone(&release),
    };
    let request = CallRequest { upstream: Arc::new(app), ..world.request(ARGUMENTS, Some(patience(LONG)), FINE) };
    let disk = async {
        reached.notified().await;
        // The outcome, and no more.
        world.disk.left.store(1, Ordering::SeqCst);
        release.notify_one();
    };
    let (closed, ()) = tokio::join!(world.engine.call(request), disk);
    assert!(matches!(closed, Closed::Answered { .. }), "{closed:?}");
    world.disk.left.store(1, Ordering::SeqCst);
    let late = patience(LONG);
    let swept = async {
        late.begun.notified().await;
        world.disk.left.store(0, Ordering::SeqCst);
        ends_as(&world, &id, Disposition::ApprovedExecuted).await;
    };
    let (closed, ()) = tokio::join!(world.asks(&late), swept);
    assert!(matches!(closed, Closed::Answered { .. }), "{closed:?}");
    assert_eq!(world.disk.sent(), 1);
}

#[tokio::test]
async fn what_was_taken_up_and_not_sent_ends_as_failed_and_runs_no_other_time() {
    let world = World::new().await;
    let id = world.approved().await;
    // That it is taken up is recorded once its own record is.
    world.disk.left.store(2, Ordering::SeqCst);
    assert!(matches!(world.asks(&patience(LONG)).await, Closed::Failed { perhaps_executed: false, .. }));
    ends_as(&world, &id, Disposition::ExecutionError).await;
    assert_eq!(world.disk.sent(), 0);
}

#[tokio::test]
async fn of_a_call_under_which_the_gateway_broke_nobody_knows_the_outcome() {
    let world = World::new().await;
    let id = world.approved().await;
    let request = CallRequest { upstream: Arc::new(Breaks), ..world.request(ARGUMENTS, Some(patience(LONG)), FINE) };
    assert!(matches!(world.engine.call(request).await, Closed::Failed { perhaps_executed: true, .. }));
    world.disk.left.store(0, Ordering::SeqCst);
    ends_as(&world, &id, Disposition::OutcomeUnknown).await;
}
