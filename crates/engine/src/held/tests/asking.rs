//! Who is asked when those whom a rule names are asked too often.

use std::time::Duration;

use model::limits::Pace;

use super::*;

async fn world() -> World {
    let pace = Pace { most: 2, within: Duration::from_secs(3_600) };
    let world = Disk::new().start_with(AS_ASKED, |limits| limits.hold_per_approver = Some(pace)).await;
    world.disk.change(|people| {
        let cleo = Human::clone(&people.humans[&human("cleo")]);
        let dan = Human { id: human("dan"), name: "Dan".into(), role: None, ..cleo };
        people.humans.insert(dan.id.clone(), Arc::new(dan));
    });
    world
}

async fn asks(world: &World, arguments: &'static str) -> HoldId {
    let closed = world.engine.call(world.request(arguments, Some(patience(Duration::ZERO)), FINE)).await;
    let held = refused(closed).held.unwrap();
    assert_eq!(held.state, HeldState::Waits, "nothing is approved by it");
    held.id
}

#[tokio::test]
async fn whoever_is_asked_too_often_is_spared_where_there_are_others() {
    let world = world().await;
    let also = |id: &HoldId| world.engine.hold(id).unwrap().hold.also.clone();
    let (one, two) = (asks(&world, r#"{"n":1}"#).await, asks(&world, r#"{"n":2}"#).await);
    assert!(also(&one).is_empty() && also(&two).is_empty());
    let three = asks(&world, r#"{"n":3}"#).await;
    assert_eq!(also(&three), ["human:dan"], "Bo and Cleo were asked twice within the hour");
    assert_eq!(world.engine.overloaded(&world.engine.hold(&three).unwrap().hold), [human("bo"), human("cleo")]);
    asks(&world, r#"{"n":4}"#).await;
    let five = asks(&world, r#"{"n":5}"#).await;
    assert_eq!(also(&five), ["human:dan", "manager-of"], "as many steps as there are, and it waits");
    world.approve(&three, "bo").await.unwrap();
    assert_eq!(world.approve(&five, "ana").await, Err("hold.requester"));
    world.approve(&five, "dan").await.unwrap();
    world.disk.later(Duration::from_secs(3_600));
    assert!(also(&asks(&world, r#"{"n":6}"#).await).is_empty(), "an hour later they are asked again");
    assert!(world.engine.overloaded(&world.engine.hold(&two).unwrap().hold).is_empty());
}

#[tokio::test]
async fn where_no_pace_is_set_everybody_is_asked() {
    let world = World::new().await;
    for arguments in [r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#] {
        let id = asks(&world, arguments).await;
        assert!(world.engine.hold(&id).unwrap().hold.also.is_empty());
    }
}
