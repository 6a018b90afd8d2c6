//! What is kept of a call that waited, and who is asked when nobody answers.

use std::time::Duration;

use bytes::Bytes;
use model::limits::{Escalation, HOLD_ANSWER_BYTES_MAX, HOLD_OVER_AGE_MIN};

use super::*;

/// After ten minutes Dan may approve, too, and after twenty whoever is Ana's manager.
pub(super) fn steps() -> Vec<Escalation> {
    let step =
        |minutes: u64, to: &str| Escalation { after: Duration::from_secs(60 * minutes), to: vec![to.to_owned()] };
    vec![step(10, "human:dan"), step(20, "manager-of")]
}

fn with_dan(world: &World) {
    world.disk.change(|people| {
        let dan = Human { id: human("dan"), name: "Dan".into(), ..Human::clone(&people.humans[&human("cleo")]) };
        let dan = Human { role: None, ..dan };
        people.humans.insert(dan.id.clone(), Arc::new(dan));
    });
}

#[tokio::test]
async fn what_nobody_decides_is_given_to_others_one_step_after_the_other() {
    let world = World::new().await;
    with_dan(&world);
    let id = world.asks_in_passing().await;
    world.engine.sweep_holds().await;
    assert_eq!(world.approve(&id, "dan").await, Err("hold.not_eligible"));
    world.disk.later(Duration::from_secs(9 * 60));
    world.engine.sweep_holds().await;
    assert_eq!(world.approve(&id, "dan").await, Err("hold.not_eligible"));
    world.disk.later(Duration::from_secs(2 * 60));
    for _twice in 0..2 {
        world.engine.sweep_holds().await;
    }
    let said = |what: &str| world.disk.steps().iter().filter(|step| *step == what).count();
    assert_eq!(said("hold.escalated"), 1, "it is said once");
    let again = world.disk.start(AS_ASKED).await;
    assert_eq!(again.engine.holds()[0].hold.also, ["human:dan"], "a restart forgets nothing of it");
    assert_eq!(again.approve(&id, "ana").await, Err("hold.requester"));
    again.approve(&id, "dan").await.unwrap();
    assert!(matches!(again.asks(&patience(LONG)).await, Closed::Answered { .. }), "and his word counts when it runs");
    assert_eq!(again.disk.sent(), 1);
}

#[tokio::test]
async fn what_came_of_a_call_is_kept_sealed_over_a_restart_and_not_for_ever() {
    let world = World::new().await;
    let id = world.asks_in_passing().await;
    world.approve(&id, "bo").await.unwrap();
    assert!(world.engine.hold_over(&id).is_none(), "it is not over");
    world.asks(&patience(LONG)).await;
    let answer = Bytes::from_static(b"{\"secret\":\"of the bank\"}");
    world.engine.keep_answer(&id, answer.clone()).await.unwrap();
    let again = world.disk.start(AS_ASKED).await;
    let over = again.engine.hold_over(&id).unwrap();
    assert_eq!(over.answer, Some(answer));
    assert!(matches!(over.hold.state, State::Ended { disposition: Disposition::ApprovedExecuted, .. }));
    let rows = world.disk.rows(HOLD_OVER_STATE);
    assert!(rows.len() == 1 && !rows[0].1.contains("bank"), "sealed");
    let code = again.engine.status_code(&id);
    assert_eq!(again.engine.status(&id, &code).map(|hold| hold.id.clone()), Some(id.clone()));
    let shorter: String = code.chars().skip(1).collect();
    for other in ["", "x", shorter.as_str()] {
        assert!(again.engine.status(&id, other).is_none(), "{other}");
    }
    again.engine.keep_answer(&id, Bytes::from(vec![b'x'; HOLD_ANSWER_BYTES_MAX + 1])).await.unwrap();
    assert!(again.engine.hold_over(&id).unwrap().answer.is_some(), "what is too long takes nothing's place");
    again.disk.later(Duration::from_secs(60 * 60) + HOLD_OVER_AGE_MIN);
    again.engine.sweep_holds().await;
    assert!(again.engine.hold_over(&id).is_none() && world.disk.rows(HOLD_OVER_STATE).is_empty());
}

#[tokio::test]
async fn an_answer_that_comes_while_it_is_forgotten_is_not_kept() {
    let world = World::new().await;
    for _race in 0..20 {
        let id = world.asks_in_passing().await;
        world.engine.deny(&id, &approver("bo"), None).await.unwrap();
        world.asks(&patience(LONG)).await;
        let mut keeps = std::pin::pin!(world.engine.keep_answer(&id, Bytes::from_static(b"{}")));
        let at_once = tokio::select! {
            biased;
            kept = &mut keeps => Some(kept),
            () = std::future::ready(()) => None,
        };
        world.engine.cancel_holds_of(&human("ana"), "ops").await.unwrap();
        match at_once {
            Some(kept) => kept.unwrap(),
            None => keeps.await.unwrap(),
        }
        assert!(world.engine.hold_over(&id).is_none() && world.disk.rows(HOLD_OVER_STATE).is_empty());
    }
}

#[tokio::test]
async fn what_is_kept_of_a_person_goes_with_the_person() {
    let world = World::new().await;
    let id = world.asks_in_passing().await;
    world.engine.deny(&id, &approver("bo"), None).await.unwrap();
    world.asks(&patience(LONG)).await;
    assert!(world.engine.hold_over(&id).is_some() && world.disk.rows(HOLD_OVER_STATE).len() == 1);
    world.engine.cancel_holds_of(&human("ana"), "ops").await.unwrap();
    assert!(world.engine.hold_over(&id).is_none() && world.disk.rows(HOLD_OVER_STATE).is_empty());
}
