//! What people approved is decided again before it runs: with the rules, the people and the tool as they are by then.

use super::*;

#[tokio::test]
async fn an_app_that_is_away_for_a_moment_costs_no_approval() {
    let world = World::new().await;
    world.approved().await;
    // Whoever does not wait is told where it stands.
    let passing = patience(Duration::ZERO);
    passing.away.store(100, Ordering::SeqCst);
    assert_eq!(refused(world.asks(&passing).await).held.unwrap().state, HeldState::Approved);
    let waiter = patience(LONG);
    waiter.away.store(2, Ordering::SeqCst);
    assert!(matches!(world.asks(&waiter).await, Closed::Answered { .. }));
    assert_eq!((waiter.ended.get(), world.disk.sent()), (Some(&Disposition::ApprovedExecuted), 1));
}

#[tokio::test]
async fn of_a_call_that_asks_for_more_first_nobody_says_that_it_has_run() {
    let world = World::new().await;
    world.approved().await;
    let waiter = patience(LONG);
    let does = Does::Answers(r#"{"resultType":"input_required"}"#, AnswerKind::Unfinished);
    let asks = world.engine.call(world.request(ARGUMENTS, Some(Arc::clone(&waiter)), does));
    assert!(matches!(asks.await, Closed::Answered { .. }));
    assert_eq!(waiter.ended.get(), Some(&Disposition::OutcomeUnknown));
}

/// What can change between an approval and its execution, and what is said then.
#[tokio::test]
async fn an_approval_is_worth_nothing_once_what_it_was_given_for_has_changed() {
    type Change = fn(&World, &Patience);
    let table: [(&str, Change); 10] = [
        ("the approval by `bo` does not count any more: `bo` has left", |world, _| world.disk.leaves_the_house("bo")),
        ("the approval by `bo` does not count any more: no rule that holds it lets `bo` approve", |world, _| {
            world.disk.change(|people| {
                let crm = AppId::parse("crm").unwrap();
                let owners = vec![human("ana")];
                let changed = model::App { owners, ..model::App::clone(&people.apps[&crm]) };
                people.apps.insert(crm, Arc::new(changed));
            });
        }),
        ("Ana Diaz has left and delegates nothing any more", |world, _| world.disk.leaves_the_house("ana")),
        ("Bot is suspended", |world, _| {
            world.disk.change(|people| {
                let bot = AgentId::parse("bot").unwrap();
                let changed = model::Agent { active: false, ..model::Agent::clone(&people.agents[&bot]) };
                people.agents.insert(bot, Arc::new(changed));
            });
        }),
        ("a rule that nobody has approved for it holds it now: as holds says", |world, _| {
            world.engine.replace_rules(Box::new(Holds { text: "hold it for another reason", ..AS_ASKED }));
        }),
        ("a rule that nobody has approved for it holds it now: as holds says", |world, _| {
            world.engine.replace_rules(Box::new(Holds { approvals: 2, ..AS_ASKED }));
        }),
        ("as more says", |world, _| {
            world.engine.replace_rules(Box::new(Holds { and: Some(RuleOutcome::Deny), ..AS_ASKED }));
        }),
        ("the definition of `look` changed after it was asked for", |_, waiter| {
            let changed = ToolFacts { definition: Some(Digest::new([9; 32])), ..tool() };
            *waiter.tool.lock().unwrap() = Some(changed);
        }),
        ("it was approved before this version of countersign, which did not put down where it goes", |_, waiter| {
            *waiter.meaning.lock().unwrap() = Some(Digest::new([9; 32]));
        }),
        ("`look` is not offered any more", |_, waiter| *waiter.tool.lock().unwrap() = None),
    ];
    for (said, change) in table {
        let world = World::new().await;
        world.approved().await;
        let waiter = patience(LONG);
        let then = world.clone();
        *waiter.meanwhile.lock().unwrap() = Some(Box::new(move |waiter| change(&then, waiter)));
        let (state, why) = why(world.asks(&waiter).await);
        assert_eq!((state, &*why), (HeldState::Ended(Disposition::DeniedNotExecuted), said));
        assert_eq!(waiter.ended.get(), Some(&Disposition::DeniedNotExecuted), "{said}");
        assert_eq!(world.disk.sent(), 0, "{said}");
        assert!(world.disk.holds().is_empty(), "{said}");
    }
}

/// Denies what names a command.
struct NoCommands;

impl Rules for NoCommands {
    fn digest(&self) -> Digest {
        Digest::new([7; 32])
    }

    fn evaluate(&self, layer: Layer, facts: &Facts) -> Evaluation {
        let and = facts.arguments.roles.contains_key("command").then_some(RuleOutcome::Deny);
        Holds { and, ..AS_ASKED }.evaluate(layer, facts)
    }

    fn reads(&self, _: &AppId) -> Option<Arc<ArgumentReads>> {
        Some(Arc::new(ArgumentReads { roles: ["command".into()].into(), ..ArgumentReads::default() }))
    }
}

/// Reads all arguments as this role.
struct Reads(Option<&'static str>);

impl ReadArguments for Reads {
    fn read(&self, _: &[u8], _: &ArgumentReads) -> ArgumentFacts {
        let roles = self.0.iter().map(|role| (Arc::from(*role), vec![Arc::from("rm -rf /")])).collect();
        ArgumentFacts { roles, ..ArgumentFacts::default() }
    }
}

#[tokio::test]
async fn what_is_approved_is_read_again_as_the_app_is_described_by_then() {
    let world = World::new().await;
    world.approved().await;
    let waiter = patience(LONG);
    let then = world.clone();
    *waiter.meanwhile.lock().unwrap() = Some(Box::new(move |waiter| {
        then.engine.replace_rules(Box::new(NoCommands));
        assert!(waiter.reader.set(Arc::new(Reads(Some("command")))).is_ok());
    }));
    let arguments = Bytes::from_static(ARGUMENTS.as_bytes());
    let readable = Some(crate::gate::Readable { arguments, reader: Arc::new(Reads(None)) });
    let request = CallRequest { readable, ..world.request(ARGUMENTS, Some(Arc::clone(&waiter)), FINE) };
    let (state, why) = why(world.engine.call(request).await);
    assert_eq!((state, &*why), (HeldState::Ended(Disposition::DeniedNotExecuted), "as more says"));
    assert_eq!(world.disk.sent(), 0);
}

/// Rules that know the app by this description.
struct KnowsBy(Digest);

impl Rules for KnowsBy {
    fn digest(&self) -> Digest {
        Digest::new([7; 32])
    }

    fn evaluate(&self, layer: Layer, facts: &Facts) -> Evaluation {
        AS_ASKED.evaluate(layer, facts)
    }

    fn described_by(&self, _: &AppId) -> Option<Digest> {
        Some(self.0)
    }
}

/// Reads by no description the first time it is asked, and then by this one.
struct Follows(Digest, std::sync::atomic::AtomicBool);

impl ReadArguments for Follows {
    fn read(&self, _: &[u8], _: &ArgumentReads) -> ArgumentFacts {
        ArgumentFacts::default()
    }

    fn described_by(&self) -> Option<Digest> {
        self.1.swap(true, Ordering::SeqCst).then_some(self.0)
    }
}

#[tokio::test]
async fn what_is_approved_waits_until_rules_and_reader_know_the_app_alike() {
    let world = World::new().await;
    world.approved().await;
    let waiter = patience(LONG);
    let then = world.clone();
    *waiter.meanwhile.lock().unwrap() = Some(Box::new(move |waiter| {
        let by = Digest::new([5; 32]);
        then.engine.replace_rules(Box::new(KnowsBy(by)));
        assert!(waiter.reader.set(Arc::new(Follows(by, false.into()))).is_ok());
    }));
    let arguments = Bytes::from_static(ARGUMENTS.as_bytes());
    let readable = Some(crate::gate::Readable { arguments, reader: Arc::new(Reads(None)) });
    let request = CallRequest { readable, ..world.request(ARGUMENTS, Some(Arc::clone(&waiter)), FINE) };
    let closed = world.engine.call(request).await;
    assert!(matches!(closed, Closed::Answered { .. }), "{closed:?}");
    let follows = waiter.reader.get().unwrap();
    assert!(follows.described_by().is_some(), "it was asked before");
    assert_eq!((waiter.ended.get(), world.disk.sent()), (Some(&Disposition::ApprovedExecuted), 1));
}

/// An app to which the arguments are said beside the name of the tool.
struct Beside(Arc<dyn Upstream>);

impl Upstream for Beside {
    fn send<'a>(&'a self, permit: Permit, call: Outgoing) -> UpstreamFuture<'a> {
        self.0.send(permit, call)
    }

    fn is_spread(&self) -> bool {
        true
    }
}

// INVARIANT: what was approved is what leaves.
#[tokio::test]
async fn the_same_bytes_beside_the_name_are_another_call() {
    let world = World::new().await;
    let id = world.approved().await;
    let request = world.request(ARGUMENTS, Some(patience(Duration::ZERO)), FINE);
    let upstream = Arc::new(Beside(Arc::clone(&request.upstream)));
    let held = refused(world.engine.call(CallRequest { upstream, ..request }).await).held.unwrap();
    assert!(held.id != id && held.state == HeldState::Waits, "{held:?}");
    assert_eq!(world.disk.sent(), 0);
    let closed = world.asks(&patience(LONG)).await;
    assert!(matches!(closed, Closed::Answered { .. }), "what was approved runs: {closed:?}");
}

/// An app as it is configured: calls of it mean this.
struct Means(Digest, Arc<dyn Upstream>);

impl Upstream for Means {
    fn send<'a>(&'a self, permit: Permit, call: Outgoing) -> UpstreamFuture<'a> {
        self.1.send(permit, call)
    }

    fn meaning(&self, _: &ToolName) -> Option<Digest> {
        Some(self.0)
    }
}

impl World {
    async fn asks_of(&self, meaning: Digest, time: Duration) -> Closed {
        let waiter = patience(time);
        *waiter.meaning.lock().unwrap() = Some(meaning);
        let request = self.request(ARGUMENTS, Some(waiter), FINE);
        let upstream = Arc::new(Means(meaning, Arc::clone(&request.upstream)));
        self.engine.call(CallRequest { upstream, ..request }).await
    }
}

// INVARIANT: an approval is of a call to where it went when people saw it, also where whoever asked comes back later.
#[tokio::test]
async fn an_approval_follows_no_app_to_where_it_is_by_now() {
    let world = World::new().await;
    let [before, after] = [1, 2].map(|byte| Digest::new([byte; 32]));
    let held = refused(world.asks_of(before, Duration::ZERO).await).held.unwrap();
    world.engine.approve(&held.id, &approver("bo")).await.unwrap();
    let (state, why) = why(world.asks_of(after, LONG).await);
    let said = "`crm` is configured in another way by now than when `look` was asked for";
    assert_eq!((state, &*why), (HeldState::Ended(Disposition::DeniedNotExecuted), said));
    assert_eq!(world.disk.sent(), 0);
    let anew = refused(world.asks_of(after, Duration::ZERO).await).held.unwrap();
    assert!(anew.id != held.id && anew.state == HeldState::Waits, "{anew:?}");
    world.engine.approve(&anew.id, &approver("bo")).await.unwrap();
    let closed = world.asks_of(after, LONG).await;
    assert!(matches!(closed, Closed::Answered { .. }), "{closed:?}");
    assert_eq!(world.disk.sent(), 1);
}

#[tokio::test]
async fn what_became_more_dangerous_is_not_what_was_approved() {
    let world = World::new().await;
    world.approved().await;
    let waiter = patience(LONG);
    *waiter.tool.lock().unwrap() = Some(ToolFacts { class: Class::Destructive, ..tool() });
    let (_, why) = why(world.asks(&waiter).await);
    assert_eq!(why, "`look` counts as destructive by now, which nobody approved");
    assert_eq!(world.disk.sent(), 0);
}
