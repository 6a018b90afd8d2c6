//! What waits for a fact, beside what waits for people.

use model::limits::{HOLDS_PER_AGENT_MAX, HOLDS_RATE_MAX};

use super::*;
use crate::call::tests::OneRule;

/// Asks so many different calls, one after the other, and waits for none of them for long.
async fn ask_many(world: &World, many: usize) {
    for number in 0..many {
        let arguments: &'static str = format!(r#"{{"n":{number}}}"#).leak();
        let closed = world.engine.call(world.request(arguments, Some(patience(SHORT)), FINE)).await;
        assert!(refused(closed).may_go_on(), "{number}");
    }
}

#[tokio::test]
async fn what_waits_for_facts_takes_no_place_and_no_turn_of_what_waits_for_people() {
    let world = World::new().await;
    world.engine.replace_rules(Box::new(Defers));
    ask_many(&world, HOLDS_PER_AGENT_MAX).await;
    let said = refused(world.asks(&patience(SHORT)).await).unheld.unwrap();
    assert_eq!(said, "100 calls of this agent wait for facts already");
    world.engine.replace_rules(Box::new(AS_ASKED));
    world.asks_in_passing().await;

    // Nor after a restart.
    let again = world.disk.start(Holds { text: "hold", ..AS_ASKED }).await;
    again.engine.replace_rules(Box::new(Defers));
    assert!(refused(again.asks(&patience(SHORT)).await).unheld.is_some());

    world.engine.cancel_holds_of(&human("ana"), "os-user:root").await.unwrap();
    world.engine.replace_rules(Box::new(Defers));
    ask_many(&world, HOLDS_RATE_MAX - HOLDS_PER_AGENT_MAX).await;
    world.engine.cancel_holds_of(&human("ana"), "os-user:root").await.unwrap();
    let said = refused(world.asks(&patience(SHORT)).await).unheld.unwrap();
    assert_eq!(said, "200 calls of this agent began to wait for facts within 10 minutes");
    world.engine.replace_rules(Box::new(AS_ASKED));
    world.asks_in_passing().await;
}

#[tokio::test]
async fn what_waited_for_a_fact_is_over_once_it_is_asked_again_and_decided() {
    let permits = || Box::new(OneRule(RuleOutcome::Permit)) as Box<dyn Rules>;
    let denies = || Box::new(OneRule(RuleOutcome::Deny)) as Box<dyn Rules>;
    let holds = || Box::new(AS_ASKED) as Box<dyn Rules>;
    for then in [permits, denies, holds] {
        for restarted in [false, true] {
            let mut world = World::new().await;
            world.engine.replace_rules(Box::new(Defers));
            let id = refused(world.asks(&patience(SHORT)).await).held.unwrap().id;
            if restarted {
                world = world.disk.start(AS_ASKED).await;
            }
            // Not decided yet: it goes on waiting, and so does another call whatever is decided of this one.
            world.engine.replace_rules(Box::new(Defers));
            world.asks(&patience(SHORT)).await;
            let other = world.request("{}", Some(patience(SHORT)), FINE);
            let other = refused(world.engine.call(other).await).held.unwrap().id;
            assert_eq!(world.engine.holds().len(), 2);
            world.engine.replace_rules(then());
            let closed = world.asks(&patience(Duration::ZERO)).await;
            let waiting = world.engine.holds();
            let for_facts = waiting.iter().filter(|one| one.hold.waits_for == WaitsFor::Fact);
            assert_eq!(for_facts.map(|one| one.hold.id.clone()).collect::<Vec<_>>(), [other]);
            let over = world.engine.hold_over(&id).unwrap().hold;
            let State::Cancelled { by, .. } = over.state.clone() else { panic!("it waits still") };
            assert_eq!(by, format!("call:{}", closed.call().unwrap()), "it says which call was decided");
            assert_eq!(came_of(&over), Some(Disposition::OutcomeUnknown), "that call may have been carried out");
            let said = |world: &World| world.disk.steps().iter().filter(|step| *step == "hold.cancelled").count();
            assert_eq!(said(&world), 1);
            world.asks(&patience(Duration::ZERO)).await;
            assert_eq!(said(&world), 1, "and says it once");
        }
    }
}

#[tokio::test]
async fn who_is_kept_waiting_for_a_fact_is_answered_though_another_asks_the_same_meanwhile() {
    let world = World::new().await;
    world.engine.replace_rules(Box::new(Defers));
    let waiter = patience(LONG);
    let other = async {
        waiter.begun.notified().await;
        world.engine.replace_rules(Box::new(OneRule(RuleOutcome::Permit)));
        world.asks(&patience(SHORT)).await
    };
    let (first, second) = tokio::join!(world.asks(&waiter), other);
    assert!(matches!((first, second), (Closed::Answered { .. }, Closed::Answered { .. })));
    assert!(world.engine.holds().is_empty() && world.disk.holds().is_empty());
}

const SHORT: Duration = Duration::from_millis(1);
