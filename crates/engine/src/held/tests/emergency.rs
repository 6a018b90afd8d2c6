//! A time in which calls need no approval.

use std::time::Duration;

use hold::EmergencyWanted;
use model::EmergencyId;

use super::*;

/// Cleo and Dan are of security, and so is Ana by her second account.
fn with_dan(world: &World) {
    world.disk.change(|people| {
        let cleo = Human::clone(&people.humans[&human("cleo")]);
        let dan = Human { id: human("dan"), name: "Dan".into(), ..cleo };
        people.humans.insert(dan.id.clone(), Arc::new(dan));
    });
}

fn wanted() -> EmergencyWanted {
    let (agent, app) = (AgentId::parse("bot").unwrap(), Some(AppId::parse("crm").unwrap()));
    EmergencyWanted { agent, app, reason: "the bank is closing".to_owned(), lasts: Duration::from_secs(60 * 20) }
}

async fn asked(world: &World) -> EmergencyId {
    world.engine.ask_emergency(wanted(), &approver("cleo")).await.unwrap().id.clone()
}

async fn open(world: &World) -> EmergencyId {
    let id = asked(world).await;
    world.engine.countersign_emergency(&id, &approver("dan")).await.unwrap();
    id
}

async fn world() -> World {
    let world = World::new().await;
    with_dan(&world);
    world
}

fn said(world: &World, what: &str) -> usize {
    world.disk.steps().iter().filter(|step| *step == what).count()
}

#[tokio::test]
async fn calls_run_without_an_approval_once_two_people_said_so_and_until_it_ends() {
    let world = world().await;
    let id = asked(&world).await;
    world.asks_in_passing().await;
    assert_eq!(world.disk.sent(), 0, "one person opens nothing");
    for (by, why) in
        [("cleo", "emergency.same_person"), ("bo", "emergency.not_named"), ("ana2", "emergency.agents_owner")]
    {
        let fault = world.engine.countersign_emergency(&id, &approver(by)).await.unwrap_err();
        assert_eq!(fault.code(), why);
    }
    world.engine.countersign_emergency(&id, &approver("dan")).await.unwrap();
    let closed = world.asks(&patience(LONG)).await;
    assert!(matches!(closed, Closed::Answered { .. }), "{closed:?}");
    let again = world.disk.start(AS_ASKED).await;
    assert!(matches!(again.asks(&patience(LONG)).await, Closed::Answered { .. }), "a restart forgets nothing of it");
    again.disk.later(Duration::from_secs(20 * 60));
    again.asks_in_passing().await;
    assert_eq!(again.disk.sent(), 2, "its time is over, whoever has noticed");
    for _twice in 0..2 {
        again.engine.sweep_holds().await;
    }
    assert_eq!(
        (said(&again, "emergency.asked"), said(&again, "emergency.opened"), said(&again, "emergency.over")),
        (1, 1, 1)
    );
    assert!(again.disk.rows(EMERGENCY_STATE).is_empty() && again.engine.emergencies().is_empty());
}

#[tokio::test]
async fn a_no_that_nobody_was_told_is_told_first() {
    let world = world().await;
    let id = world.asks_in_passing().await;
    world.engine.deny(&id, &approver("bo"), None).await.unwrap();
    open(&world).await;
    let told = refused(world.asks(&patience(LONG)).await).held.unwrap();
    assert_eq!((told.id, told.state), (id, HeldState::Denied));
    assert!(matches!(world.asks(&patience(LONG)).await, Closed::Answered { .. }), "the next one asks nobody");
}

#[tokio::test]
async fn it_is_closed_by_whoever_may_open_one_and_calls_are_held_again() {
    let world = world().await;
    let id = open(&world).await;
    assert!(!world.disk.rows(EMERGENCY_STATE)[0].1.contains("bank"), "its reason is kept sealed");
    let twice = world.engine.ask_emergency(wanted(), &approver("dan")).await.unwrap_err();
    assert_eq!(twice.code(), "emergency.there");
    let fault = world.engine.close_emergency_as(&id, &approver("bo")).await.unwrap_err();
    assert_eq!(fault.code(), "emergency.not_named");
    world.engine.close_emergency_as(&id, &approver("cleo")).await.unwrap();
    world.asks_in_passing().await;
    assert_eq!(world.disk.sent(), 0);
    assert!(world.disk.rows(EMERGENCY_STATE).is_empty());
    assert_eq!(world.engine.close_emergency(&id, "ops").await.unwrap_err().code(), "caller.unknown_emergency");
}

#[tokio::test]
async fn what_is_refused_or_of_nobody_who_may_stays_as_it_is() {
    let rules = Holds { and: Some(RuleOutcome::Deny), ..AS_ASKED };
    let denied = Disk::new().start(rules).await;
    with_dan(&denied);
    open(&denied).await;
    assert_eq!(refused(denied.asks(&patience(LONG)).await).verdict, Verdict::Deny);
    let deferred = Disk::new().start(Holds { and: Some(RuleOutcome::Defer), ..AS_ASKED }).await;
    with_dan(&deferred);
    open(&deferred).await;
    assert_eq!(refused(deferred.asks(&patience(Duration::ZERO)).await).verdict, Verdict::Defer);
    let three = Disk::new().start(Holds { approvals: 3, ..AS_ASKED }).await;
    with_dan(&three);
    open(&three).await;
    assert_eq!(refused(three.asks(&patience(Duration::ZERO)).await).verdict, Verdict::Hold);
    let left = world().await;
    open(&left).await;
    left.disk.leaves_the_house("dan");
    left.asks_in_passing().await;
    for world in [denied, deferred, three, left] {
        assert_eq!(world.disk.sent(), 0);
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_lets_nothing_through() {
    let world = world().await;
    let id = asked(&world).await;
    world.disk.left.store(0, Ordering::SeqCst);
    assert!(world.engine.countersign_emergency(&id, &approver("dan")).await.is_err());
    assert!(!world.engine.emergencies()[0].is_open(world.engine.clock().now()));
}

#[tokio::test]
async fn whoever_waits_is_told_to_call_again_and_it_runs_once() {
    let world = world().await;
    let waiter = patience(LONG);
    let people = async {
        waiter.begun.notified().await;
        let hold = world.only_hold();
        open(&world).await;
        assert!(world.approve(&hold, "bo").await.is_err(), "nobody approves it besides");
    };
    let (closed, ()) = tokio::join!(world.asks(&waiter), people);
    let refusal = refused(closed);
    assert_eq!(refusal.held.as_ref().map(|held| held.state), Some(HeldState::GivenBack));
    assert!(refusal.sentence().contains("Call again: it runs without another approval"), "{}", refusal.sentence());
    assert!(!refusal.sentence().contains("Do not repeat"), "{}", refusal.sentence());
    assert!(matches!(world.asks(&patience(LONG)).await, Closed::Answered { .. }));
    assert_eq!(world.disk.sent(), 1);
}

#[tokio::test]
async fn what_is_approved_already_is_what_runs() {
    let world = world().await;
    let hold = world.asks_in_passing().await;
    world.approve(&hold, "bo").await.unwrap();
    open(&world).await;
    assert!(matches!(world.asks(&patience(LONG)).await, Closed::Answered { .. }));
    assert_eq!((world.disk.sent(), said(&world, "hold.claimed")), (1, 1), "by the approval, and not besides it");
}

#[tokio::test]
async fn what_was_signed_with_others_is_asked_for_each_time() {
    let world = world().await;
    open(&world).await;
    let governed = |waiter: Arc<Patience>| {
        let contract = model::ContractFacts {
            contract: "acme".parse().unwrap(),
            vendor: "acme".parse().unwrap(),
            standing: model::Standing::Active,
            digest: None,
            purpose: None,
            tenant: model::Shown::Open,
            entity: None,
            operation: None,
            state: BTreeMap::new(),
            asks: Vec::new(),
            sends: Vec::new(),
            records: None,
            spent: Vec::new(),
        };
        CallRequest { contract: Some(Arc::new(contract)), ..world.request(ARGUMENTS, Some(waiter), FINE) }
    };
    let held = refused(world.engine.call(governed(patience(Duration::ZERO))).await).held.unwrap();
    assert_eq!(held.state, HeldState::Waits);
    let fault = world.engine.approve_for_task(&held.id, &approver("bo")).await.unwrap_err();
    assert_eq!(fault.code(), "hold.each_by_itself");
    assert_eq!(world.disk.sent(), 0);
}
