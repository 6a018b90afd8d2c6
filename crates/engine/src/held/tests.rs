use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, OnceLock};

use arc_swap::ArcSwap;
use bytes::Bytes;
use decide::{AnswerKind, Outgoing, Permit, Upstream, UpstreamFuture};
use model::{
    Actor, AgentId, AppId, Approver, ArgumentLevel, Class, ClassSource, Clock, Digest, Directory, DirectorySnapshot,
    Evaluation, Facts, Hit, Human, HumanId, Layer, Limits, Method, RuleId, RuleInfo, RuleOutcome, RuleSource, Rules,
    Secret, SignedInBy, TaskId, ToolName, ToolStatus,
};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use trace::Journal;

use super::*;
use crate::call::tests::{Cleans, Diary, Does, FINE, FakeApp, Leaves, Log, Noon, State as Rows, directory};
use crate::emergencies::EMERGENCY_STATE;
use crate::engine::{Engine, Parts};
use crate::for_tasks::FOR_TASK_STATE;
use crate::holds::HOLD_STATE;
use crate::over::HOLD_OVER_STATE;

mod again;
mod asking;
mod emergency;
mod ended;
mod fact;
mod for_task;
mod later;
mod silent;

/// A gateway whose disk outlives it.
#[derive(Clone)]
struct World {
    engine: Engine,
    disk: Disk,
}

/// What is left when a gateway dies.
#[derive(Clone)]
struct Disk {
    diary: Diary,
    leaves: Leaves,
    state: Rows,
    people: Arc<Live>,
    clock: Arc<Noon>,
    left: Arc<AtomicI64>,
}

struct Live(ArcSwap<DirectorySnapshot>);

impl Directory for Live {
    fn snapshot(&self) -> Arc<DirectorySnapshot> {
        self.0.load_full()
    }
}

/// Ana asks; Bo, who owns the app, may approve, and so may Cleo, of security. Ana has a second account, an owner's.
fn people() -> DirectorySnapshot {
    let mut all = directory();
    let person = |id: &str, role: Option<&str>| Human {
        id: human(id),
        name: id.to_owned(),
        department: None,
        seniority: None,
        role: role.map(str::to_owned),
        manager: None,
        active: true,
    };
    for one in [person("cleo", Some("security")), person("ana2", Some("security"))] {
        all.humans.insert(one.id.clone(), Arc::new(one));
    }
    for account in ["ana", "ana2"] {
        all.persons.insert(human(account), "Ana Diaz".into());
    }
    all
}

/// A rule that holds, with this text and these approvers, beside one that permits.
struct Holds {
    text: &'static str,
    approvals: u8,
    and: Option<RuleOutcome>,
}

const AS_ASKED: Holds = Holds { text: "hold it", approvals: 1, and: None };

impl Rules for Holds {
    fn digest(&self) -> Digest {
        Digest::new([self.text.len() as u8; 32])
    }

    fn evaluate(&self, layer: Layer, _: &Facts) -> Evaluation {
        let rule = |id: &'static str, outcome, text: &str| {
            let source = RuleSource { file: "t.cedar".into(), line: 3, column: 1, text: text.into() };
            let approvers = vec!["owner-of-app".to_owned(), "role:security".to_owned()];
            let info = RuleInfo::new(RuleId::builtin(id), outcome, layer, source, format!("as {id} says"));
            let instead = Some("wait for an owner to approve".to_owned());
            Hit::from(RuleInfo { approvers, approvals: self.approvals, instead, ..info })
        };
        let mut hits = Vec::new();
        if layer == Layer::Organisation {
            hits = vec![rule("permits", RuleOutcome::Permit, "permit"), rule("holds", RuleOutcome::Hold, self.text)];
            hits.extend(self.and.map(|outcome| rule("more", outcome, "more")));
        }
        Evaluation { hits, faults: vec![] }
    }
}

struct Patience {
    tool: Mutex<Option<ToolFacts>>,
    begun: Notify,
    gone: CancellationToken,
    ended: OnceLock<Disposition>,
    time: Duration,
    /// What happens between the approval and its execution.
    meanwhile: Mutex<Option<Meanwhile>>,
    said: OnceLock<String>,
    reader: OnceLock<Arc<dyn ReadArguments>>,
    /// What the call means as its app is configured by then.
    meaning: Mutex<Option<Digest>>,
    /// How many looks find its app away.
    away: AtomicI64,
    /// How long each look takes.
    slow: Mutex<Duration>,
    /// A look has begun.
    looks: Notify,
}

type Meanwhile = Box<dyn FnOnce(&Patience) + Send>;

impl Waiter for Patience {
    fn waits(&self, _: &Held) {
        self.begun.notify_one();
    }

    fn said(&self) -> Option<String> {
        self.said.get().cloned()
    }

    fn gone(&self) -> WaiterFuture<'_, ()> {
        Box::pin(self.gone.cancelled())
    }

    fn look_again(&self) -> WaiterFuture<'_, Result<Option<Looked>, Fault>> {
        if self.away.fetch_sub(1, Ordering::SeqCst) > 0 {
            let away = Fault::new(model::Blame::Upstream, "upstream.away", "it is started anew");
            return Box::pin(async { Err(away) });
        }
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile(self);
        }
        let tool = self.tool.lock().unwrap().clone();
        let meaning = *self.meaning.lock().unwrap();
        let slow = *self.slow.lock().unwrap();
        self.looks.notify_one();
        if !slow.is_zero() {
            return Box::pin(async move {
                tokio::time::sleep(slow).await;
                Ok(tool.map(|tool| Looked { tool, listed_at: None, meaning }))
            });
        }
        Box::pin(async move { Ok(tool.map(|tool| Looked { tool, listed_at: None, meaning })) })
    }

    fn reader(&self) -> Option<Arc<dyn ReadArguments>> {
        self.reader.get().cloned()
    }

    fn ended(&self, disposition: Disposition) {
        self.ended.set(disposition).unwrap();
    }

    fn time_max(&self) -> Option<Duration> {
        Some(self.time)
    }
}

fn patience(time: Duration) -> Arc<Patience> {
    let (tool, gone) = (Mutex::new(Some(tool())), CancellationToken::new());
    let (ended, said, reader) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
    let (begun, meanwhile, away) = (Notify::new(), Mutex::default(), AtomicI64::new(0));
    let (meaning, slow, looks) = (Mutex::default(), Mutex::default(), Notify::new());
    Arc::new(Patience { tool, begun, gone, ended, time, meanwhile, said, reader, meaning, away, slow, looks })
}

/// Until the test is over.
const LONG: Duration = Duration::from_secs(3_000);

fn tool() -> ToolFacts {
    let name = ToolName::parse("look").unwrap();
    let facts = ToolFacts::new(name, Class::External, ClassSource::Pin, ToolStatus::Pinned);
    ToolFacts { definition: Some(Digest::new([8; 32])), ..facts }
}

fn human(id: &str) -> HumanId {
    HumanId::parse(id).unwrap()
}

fn approver(id: &str) -> Approver {
    Approver::danger_signed_in(human(id), SignedInBy::Password, "s".into())
}

impl Disk {
    fn new() -> Self {
        Self {
            diary: Diary::default(),
            leaves: Leaves::default(),
            state: Rows::default(),
            people: Arc::new(Live(ArcSwap::from_pointee(people()))),
            clock: Arc::default(),
            left: Arc::new(AtomicI64::new(i64::MAX)),
        }
    }

    /// A gateway starts on it.
    async fn start(&self, rules: Holds) -> World {
        self.start_with(rules, |_| {}).await
    }

    async fn start_with(&self, rules: Holds, more: impl FnOnce(&mut Limits)) -> World {
        let log = Log {
            diary: Arc::clone(&self.diary),
            state: Arc::clone(&self.state),
            left: Arc::clone(&self.left),
            leaves: Arc::clone(&self.leaves),
            broken: Arc::new(AtomicBool::new(false)),
            rows: 0,
        };
        let mut limits = Limits {
            hold_wait_max: LONG,
            hold_escalation: later::steps(),
            emergency_approvers: vec!["role:security".to_owned()],
            ..Limits::default()
        };
        more(&mut limits);
        let parts = Parts {
            directory: Arc::clone(&self.people) as Arc<dyn Directory>,
            journal: Journal::start(Box::new(log)).unwrap(),
            credentials: Arc::new(Cleans),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            limits,
            hold_key: Secret::new([7; 32]),
        };
        let engine = Engine::new(parts, Box::new(rules)).unwrap();
        engine.restore_over(self.rows(HOLD_OVER_STATE));
        engine.restore_for_tasks(self.rows(FOR_TASK_STATE));
        engine.restore_emergencies(self.rows(EMERGENCY_STATE));
        engine.restore_holds(self.holds()).await.unwrap();
        World { engine, disk: self.clone() }
    }

    fn holds(&self) -> Vec<(String, String)> {
        self.rows(HOLD_STATE)
    }

    fn rows(&self, of: &str) -> Vec<(String, String)> {
        let state: BTreeMap<(String, String), String> = self.state.lock().unwrap().clone();
        state.into_iter().filter(|((kind, _), _)| kind == of).map(|((_, key), value)| (key, value)).collect()
    }

    fn sent(&self) -> usize {
        self.diary.lock().unwrap().iter().filter(|line| line.starts_with("sent")).count()
    }

    fn steps(&self) -> Vec<String> {
        self.diary.lock().unwrap().clone()
    }

    fn later(&self, by: Duration) {
        self.clock.0.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }

    fn change(&self, change: impl Fn(&mut DirectorySnapshot)) {
        let mut people = DirectorySnapshot::clone(&self.people.0.load());
        change(&mut people);
        self.people.0.store(Arc::new(people));
    }

    fn leaves_the_house(&self, id: &str) {
        self.change(|people| {
            let gone = Human { active: false, ..Human::clone(&people.humans[&human(id)]) };
            people.humans.insert(gone.id.clone(), Arc::new(gone));
        });
    }
}

impl World {
    async fn new() -> Self {
        Disk::new().start(AS_ASKED).await
    }

    fn request(&self, arguments: &'static str, waiter: Option<Arc<Patience>>, does: Does) -> CallRequest {
        let diary = Arc::clone(&self.disk.diary);
        let app = FakeApp { diary, does, reached: Arc::default(), release: Arc::default() };
        CallRequest {
            actor: Actor {
                agent: AgentId::parse("bot").unwrap(),
                human: human("ana"),
                task: TaskId::parse("j").unwrap(),
                only_app: None,
                token_id: Arc::from("j"),
            },
            app: AppId::parse("crm").unwrap(),
            method: Method::ToolsCall,
            tool: tool(),
            cause: None,
            arguments: Some(Bytes::from_static(arguments.as_bytes())),
            readable: None,
            wire: "mcp/2025-11-25",
            trace_parent: None,
            listed_at: None,
            kept: ArgumentLevel::Digest,
            upstream: Arc::new(app),
            waiter: waiter.map(|waiter| waiter as Arc<dyn Waiter>),
            contract: None,
            taker: None,
        }
    }

    /// Somebody asks, and waits.
    async fn asks(&self, waiter: &Arc<Patience>) -> Closed {
        self.engine.call(self.request(ARGUMENTS, Some(Arc::clone(waiter)), FINE)).await
    }

    /// Somebody asks who does not wait: the hold that there is then.
    async fn asks_in_passing(&self) -> HoldId {
        let held = refused(self.asks(&patience(Duration::ZERO)).await).held.unwrap();
        assert_eq!(held.state, HeldState::Waits);
        held.id
    }

    /// A hold that people have approved, and that nobody waits for any more.
    async fn approved(&self) -> HoldId {
        let id = self.asks_in_passing().await;
        self.approve(&id, "bo").await.unwrap();
        id
    }

    async fn approve(&self, id: &HoldId, by: &str) -> Result<(), &'static str> {
        self.engine.approve(id, &approver(by)).await.map(drop).map_err(|fault| fault.code())
    }

    fn only_hold(&self) -> HoldId {
        let all = self.engine.holds();
        assert_eq!(all.len(), 1);
        all[0].hold.id.clone()
    }
}

const ARGUMENTS: &str = r#"{"to":"a bank"}"#;

fn refused(closed: Closed) -> crate::Refusal {
    match closed {
        Closed::Refused(refusal) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

fn why(closed: Closed) -> (HeldState, String) {
    let held = refused(closed).held.unwrap();
    (held.state, held.why.unwrap_or_default())
}

#[tokio::test]
async fn it_waits_is_approved_and_runs_once_with_every_step_on_disk_before_the_next() {
    let world = World::new().await;
    let waiter = patience(LONG);
    let person = async {
        waiter.begun.notified().await;
        assert_eq!(world.disk.steps(), ["intent", "hold.opened"], "on disk before anybody learns of it");
        assert_eq!(world.disk.sent(), 0);
        let kept = world.disk.holds();
        assert!(!kept[0].1.contains("bank") && kept.len() == 1, "the arguments are kept, and sealed");
        assert_eq!(world.engine.holds()[0].arguments.as_deref(), Some(ARGUMENTS.as_bytes()));
        world.approve(&world.only_hold(), "bo").await.unwrap();
    };
    let (closed, ()) = tokio::join!(world.asks(&waiter), person);
    assert!(matches!(closed, Closed::Answered { .. }), "{closed:?}");
    assert_eq!(waiter.ended.get(), Some(&Disposition::ApprovedExecuted));
    let steps = [
        "intent",
        "hold.opened",
        "hold.approved",
        "hold.claimed",
        "intent",
        "sent look",
        "outcome executed answered",
        "hold.ended",
    ];
    assert_eq!(world.disk.steps(), steps);
    assert!(world.disk.holds().is_empty() && world.engine.holds().is_empty(), "nothing of it is kept");
    let leaves = world.disk.leaves.lock().unwrap().clone();
    let intents: Vec<_> = leaves.iter().filter(|leaf| leaf["kind"] == "intent").collect();
    assert_eq!((intents[0]["verdict"].as_str(), intents[1]["verdict"].as_str()), (Some("hold"), Some("allow")));
    assert!(intents[0].get("approvals").is_none() && intents[1].get("approvals").is_some());
    assert_eq!(intents[1]["cause"], intents[0]["call"], "the call that runs says which one was asked");
}

// INVARIANT: what people are shown is on disk, so that a gateway that dies takes no hold with it that somebody has seen.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_shown_a_hold_that_is_not_on_disk_yet() {
    let world = World::new().await;
    let disk_is_busy = world.disk.state.lock().unwrap();
    let mut asking = JoinSet::new();
    let asks = world.clone();
    asking.spawn(async move { asks.asks_in_passing().await });
    let desk = &world.engine.shared.desk;
    let entry = std::iter::repeat_with(|| std::thread::sleep(Duration::from_millis(1)));
    let entry = entry.take(10_000).find_map(|()| desk.all().pop()).expect("it is being written");
    let id = entry.now().id.clone();
    assert!(world.engine.holds().is_empty() && world.engine.hold(&id).is_err());
    drop(disk_is_busy);
    assert_eq!(asking.join_next().await.unwrap().unwrap(), id);
    assert_eq!(world.only_hold(), id);
}

#[tokio::test]
async fn who_went_away_and_asks_the_same_again_goes_on_waiting() {
    let world = World::new().await;
    let first = world.asks_in_passing().await;
    assert_eq!(world.asks_in_passing().await, first);
    // A new token has another task of its own.
    let mut request = world.request(ARGUMENTS, Some(patience(Duration::ZERO)), FINE);
    (request.actor.task, request.actor.token_id) = (TaskId::parse("k").unwrap(), Arc::from("k"));
    assert_eq!(refused(world.engine.call(request).await).held.unwrap().id, first);
    let other = world.request(r#"{"to":"a thief"}"#, Some(patience(Duration::ZERO)), FINE);
    let other = refused(world.engine.call(other).await).held.unwrap().id;
    assert_ne!(other, first, "other arguments are another call");
    let mut named = world.request(ARGUMENTS, Some(patience(Duration::ZERO)), FINE);
    named.actor.task = TaskId::parse("payday").unwrap();
    assert_ne!(refused(world.engine.call(named).await).held.unwrap().id, first, "and so is another task");
    world.approve(&first, "bo").await.unwrap();
    assert_eq!(world.disk.sent(), 0, "nobody waits for it");
    assert!(matches!(world.asks(&patience(LONG)).await, Closed::Answered { .. }));
    assert_eq!(world.disk.sent(), 1);
    assert_ne!(world.asks_in_passing().await, first, "the next one is another call, which nobody approved");
}

#[tokio::test]
async fn two_who_wait_for_the_same_call_get_the_same_answer_of_one_sending() {
    let world = World::new().await;
    let (one, two) = (patience(LONG), patience(LONG));
    let person = async {
        one.begun.notified().await;
        two.begun.notified().await;
        world.approve(&world.only_hold(), "bo").await.unwrap();
    };
    let (first, second, ()) = tokio::join!(world.asks(&one), world.asks(&two), person);
    match (first, second) {
        (Closed::Answered { answer: one, .. }, Closed::Answered { answer: two, .. }) => assert_eq!(one.body, two.body),
        other => panic!("{other:?}"),
    }
    assert_eq!(world.disk.sent(), 1);
    assert_eq!((one.ended.get(), two.ended.get()), (two.ended.get(), Some(&Disposition::ApprovedExecuted)));
}

#[tokio::test]
async fn who_is_gone_runs_nothing() {
    let world = World::new().await;
    let waiter = patience(LONG);
    let goes = async {
        waiter.begun.notified().await;
        waiter.gone.cancel();
    };
    let (closed, ()) = tokio::join!(world.asks(&waiter), goes);
    let held = refused(closed).held.unwrap();
    assert_eq!(held.state, HeldState::Waits);
    world.approve(&held.id, "bo").await.unwrap();
    let closed = world.asks(&waiter).await;
    assert_eq!(refused(closed).held.unwrap().state, HeldState::Approved, "approved, and still nobody there");
    assert_eq!(world.disk.sent(), 0);
}

#[tokio::test]
async fn who_may_not_approve_does_not() {
    let world = World::new().await;
    let id = world.asks_in_passing().await;
    assert_eq!(world.approve(&id, "ana").await, Err("hold.requester"));
    assert_eq!(world.approve(&id, "ana2").await, Err("hold.same_person"));
    assert_eq!(world.approve(&id, "nobody").await, Err("hold.unknown_person"));
    world.disk.leaves_the_house("bo");
    assert_eq!(world.approve(&id, "bo").await, Err("hold.left"));
    world.approve(&id, "cleo").await.unwrap();
    assert_eq!(world.approve(&id, "cleo").await, Err("hold.approved"), "twice");
    let gone = HoldId::parse("h_00000000000000000000000000").unwrap();
    assert_eq!(world.approve(&gone, "cleo").await, Err("caller.unknown_hold"));
}

#[tokio::test]
async fn what_is_too_old_is_neither_approved_nor_run() {
    let world = World::new().await;
    let id = world.asks_in_passing().await;
    let day = Duration::from_secs(24 * 60 * 60);
    world.disk.later(day);
    assert_eq!(world.approve(&id, "bo").await, Err("hold.expired"));
    assert_eq!(world.disk.steps().last().unwrap(), "hold.expired");
    assert!(world.disk.holds().is_empty());
    world.approved().await;
    world.disk.later(day);
    let closed = world.asks(&patience(LONG)).await;
    assert_eq!(why(closed).0, HeldState::NotTakenUp, "approved in time, and asked for too late");
    world.asks_in_passing().await;
    world.disk.later(day);
    world.engine.sweep_holds().await;
    assert!(world.engine.holds().is_empty(), "nobody asks any more");
    assert_eq!(world.disk.sent(), 0);
}

#[tokio::test]
async fn a_no_reaches_the_agent_with_its_reason_once() {
    let world = World::new().await;
    let waiter = patience(LONG);
    let person = async {
        waiter.begun.notified().await;
        let id = world.only_hold();
        let by = |id: &str| approver(id);
        let own = world.engine.deny(&id, &by("ana"), None).await.unwrap_err();
        assert_eq!(own.code(), "hold.requester");
        world.engine.deny(&id, &by("bo"), Some("not to\n this bank")).await.unwrap();
    };
    let (closed, ()) = tokio::join!(world.asks(&waiter), person);
    let refusal = refused(closed);
    assert!(refusal.sentence().starts_with("Denied by a person, nothing was executed"), "{}", refusal.sentence());
    assert!(refusal.sentence().contains("not to this bank") && !refusal.requestable());
    assert!(!refusal.sentence().contains("Instead:"), "nobody waits for a yes after a no: {}", refusal.sentence());
    assert!(world.disk.holds().is_empty(), "whoever was there knows");
    // Nobody is there.
    let id = world.asks_in_passing().await;
    world.engine.deny(&id, &approver("cleo"), Some("no")).await.unwrap();
    let again = world.disk.start(AS_ASKED).await;
    assert_eq!(why(again.asks(&patience(LONG)).await), (HeldState::Denied, "no".to_owned()), "and it is told later");
    assert!(again.disk.holds().is_empty());
    let id = again.asks_in_passing().await;
    again.engine.cancel_hold(&id, "os-user:root").await.unwrap();
    assert_eq!(again.approve(&id, "bo").await, Err("hold.cancelled"));
    assert_eq!(why(again.asks(&patience(LONG)).await).0, HeldState::Cancelled);
    assert_eq!(again.disk.sent(), 0);
}

#[tokio::test]
async fn two_approvers_are_two_and_both_must_still_be_there() {
    let world = Disk::new().start(Holds { approvals: 2, ..AS_ASKED }).await;
    let id = world.approved().await;
    assert_eq!(world.approve(&id, "bo").await, Err("hold.approved_before"));
    assert_eq!(why(world.asks(&patience(Duration::ZERO)).await).0, HeldState::Waits);
    world.approve(&id, "cleo").await.unwrap();
    let again = world.disk.start(Holds { approvals: 2, ..AS_ASKED }).await;
    assert!(matches!(again.asks(&patience(LONG)).await, Closed::Answered { .. }));
    assert_eq!(world.disk.sent(), 1);
}

#[tokio::test]
async fn what_nobody_could_approve_does_not_wait() {
    let disk = Disk::new();
    let world = disk.start(Holds { approvals: 3, ..AS_ASKED }).await;
    let refusal = refused(world.asks(&patience(LONG)).await);
    assert!(!refusal.requestable() && refusal.held.is_none());
    assert!(refusal.sentence().contains("nobody could approve it as things stand"), "{}", refusal.sentence());
    let refusal = refused(world.engine.call(world.request(ARGUMENTS, None, FINE)).await);
    assert!(!refusal.requestable(), "and neither does what cannot wait");
    assert_eq!(disk.steps(), ["intent", "intent"]);
}

#[tokio::test]
async fn an_agent_that_asks_too_much_is_refused_and_people_see_no_more_of_it() {
    use model::limits::HOLDS_PER_AGENT_MAX;
    let world = World::new().await;
    for number in 0..HOLDS_PER_AGENT_MAX {
        let arguments: &'static str = format!(r#"{{"n":{number}}}"#).leak();
        let closed = world.engine.call(world.request(arguments, Some(patience(Duration::ZERO)), FINE)).await;
        assert!(refused(closed).requestable(), "{number}");
    }
    let refusal = refused(world.asks(&patience(LONG)).await);
    assert!(!refusal.requestable() && refusal.held.is_none());
    assert_eq!(world.engine.holds().len(), HOLDS_PER_AGENT_MAX);
    let oldest = world.engine.holds()[0].hold.id.clone();
    world.engine.cancel_hold(&oldest, "os-user:root").await.unwrap();
    world.disk.later(Duration::from_secs(24 * 60 * 60));
    world.engine.sweep_holds().await;
    assert!(world.engine.holds().is_empty() && world.disk.holds().is_empty());
    world.asks_in_passing().await;
}

#[tokio::test]
async fn a_person_who_is_erased_leaves_nothing_waiting() {
    let world = World::new().await;
    world.asks_in_passing().await;
    assert_eq!(world.engine.cancel_holds_of(&human("ana"), "os-user:root").await.unwrap(), 1);
    assert!(world.disk.holds().is_empty() && world.engine.holds().is_empty());
}

#[tokio::test]
async fn a_person_is_not_erased_while_a_call_runs_that_was_approved_for_them() {
    let world = World::new().await;
    let hold = world.asks_in_passing().await;
    let waiter = patience(LONG);
    let (reached, release) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
    let app = FakeApp {
        diary: Arc::clone(&world.disk.diary),
        does: Does::Hangs,
        reached: Arc::clone(&reached),
        release: Arc::clone(&release),
    };
    let request = CallRequest { upstream: Arc::new(app), ..world.request(ARGUMENTS, Some(Arc::clone(&waiter)), FINE) };
    let person = async {
        waiter.begun.notified().await;
        world.approve(&hold, "bo").await.unwrap();
        reached.notified().await;
        let refused = world.engine.cancel_holds_of(&human("ana"), "os-user:root").await.unwrap_err();
        assert_eq!(refused.code(), "caller.runs_now");
        release.notify_one();
    };
    let (closed, ()) = tokio::join!(world.engine.call(request), person);
    drop(closed);
    world.engine.cancel_holds_of(&human("ana"), "os-user:root").await.unwrap();
    assert!(world.disk.holds().is_empty() && world.disk.rows(HOLD_OVER_STATE).is_empty());
}

/// The disk dies after each number of commits; a gateway that starts anew goes on from what is there.
#[tokio::test]
async fn killed_at_every_step_it_never_runs_twice_and_never_unapproved() {
    let mut went_through = false;
    for commits in 0..12 {
        for does in [FINE, Does::Breaks(decide::Left::Perhaps), Does::Answers("{}", AnswerKind::ToolError)] {
            let disk = Disk::new();
            disk.left.store(commits, Ordering::SeqCst);
            let world = disk.start(AS_ASKED).await;
            let waiter = patience(Duration::from_millis(200));
            let person = async {
                tokio::select! {
                    () = waiter.begun.notified() => {
                        let _dies = world.approve(&world.only_hold(), "bo").await;
                    }
                    () = tokio::time::sleep(Duration::from_millis(200)) => {}
                }
            };
            let call = world.engine.call(world.request(ARGUMENTS, Some(Arc::clone(&waiter)), does));
            let (_, ()) = tokio::join!(call, person);
            let sent = disk.sent();
            let approved = disk.steps().iter().any(|step| step == "hold.approved");
            assert!(sent <= 1 && (sent == 0 || approved), "after {commits}: {:?}", disk.steps());
            drop(world);
            // The next start has a disk that works.
            disk.left.store(i64::MAX, Ordering::SeqCst);
            let claimed_before = disk.steps().iter().any(|step| step == "hold.claimed");
            let ended_before = disk.steps().iter().any(|step| step == "hold.ended");
            let world = disk.start(AS_ASKED).await;
            if claimed_before && !ended_before {
                assert_eq!(disk.steps().last().unwrap(), "hold.ended", "after {commits}");
                assert!(disk.holds().is_empty());
            }
            let closed = world.engine.call(world.request(ARGUMENTS, Some(patience(Duration::ZERO)), does)).await;
            if approved && !claimed_before {
                assert_eq!(disk.sent(), 1, "it was approved, and nobody had taken it up: {commits}");
            } else {
                assert_eq!(disk.sent(), sent, "what was taken up, or never approved, does not run: {commits}");
                assert_eq!(refused(closed).held.unwrap().state, HeldState::Waits);
            }
            went_through |= ended_before;
        }
    }
    assert!(went_through, "the longest of these runs dies after the end");
}

#[tokio::test]
async fn a_gateway_that_stops_keeps_nobody_waiting_and_the_next_one_goes_on() {
    let world = World::new().await;
    let waiter = patience(LONG);
    let stops = async {
        waiter.begun.notified().await;
        world.engine.settle().await;
    };
    let (closed, ()) = tokio::join!(world.asks(&waiter), stops);
    let held = refused(closed).held.unwrap();
    let again = world.disk.start(AS_ASKED).await;
    assert_eq!(again.asks_in_passing().await, held.id);
    let spoilt = ("hold".to_owned(), "h_spoilt".to_owned());
    again.disk.state.lock().unwrap().insert(spoilt, "not sealed here".to_owned());
    let again = again.disk.start(AS_ASKED).await;
    assert_eq!(again.only_hold(), held.id, "what cannot be read is not taken for anything");
    again.approve(&held.id, "bo").await.unwrap();
    assert!(matches!(again.asks(&patience(LONG)).await, Closed::Answered { .. }));
}

/// Rules that defer, until they are replaced.
struct Defers;

impl Rules for Defers {
    fn digest(&self) -> Digest {
        Digest::new([2; 32])
    }

    fn evaluate(&self, layer: Layer, facts: &Facts) -> Evaluation {
        let mut evaluation = AS_ASKED.evaluate(layer, facts);
        evaluation.hits.truncate(1);
        let defers =
            evaluation.hits.iter().map(|hit| RuleInfo { outcome: RuleOutcome::Defer, ..RuleInfo::clone(&hit.rule) });
        evaluation.hits = defers.map(Hit::from).collect();
        evaluation
    }
}

#[tokio::test]
async fn what_waits_for_a_fact_is_decided_when_it_is_there() {
    let permits = || Box::new(crate::call::tests::OneRule(RuleOutcome::Permit)) as Box<dyn Rules>;
    let denies = || Box::new(crate::call::tests::OneRule(RuleOutcome::Deny)) as Box<dyn Rules>;
    let holds = || Box::new(AS_ASKED) as Box<dyn Rules>;
    for (then, sent) in [(permits(), 1), (denies(), 0), (holds(), 0)] {
        let world = World::new().await;
        world.engine.replace_rules(Box::new(Defers));
        let waiter = patience(LONG);
        let fact = async {
            waiter.begun.notified().await;
            let id = world.only_hold();
            assert_eq!(world.approve(&id, "bo").await, Err("hold.waits_for_fact"));
            world.engine.replace_rules(then);
        };
        let (closed, ()) = tokio::join!(world.asks(&waiter), fact);
        assert_eq!(world.disk.sent(), sent, "{closed:?}");
        match closed {
            Closed::Answered { .. } => assert_eq!(sent, 1),
            Closed::Refused(refusal) => assert!(refusal.held.is_none() && !refusal.requestable(), "{refusal:?}"),
            Closed::Failed { .. } => panic!("{closed:?}"),
        }
        assert!(world.disk.holds().is_empty());
    }
}

#[tokio::test]
async fn what_waits_for_a_fact_in_vain_is_refused_and_who_does_not_wait_opens_nothing() {
    let world = World::new().await;
    world.engine.replace_rules(Box::new(Defers));
    let refusal = refused(world.asks(&patience(Duration::ZERO)).await);
    assert!(refusal.held.is_none() && world.engine.holds().is_empty());
    let refusal = refused(world.asks(&patience(Duration::from_millis(20))).await);
    assert!(refusal.sentence().starts_with("Not decided yet, nothing was executed"), "{}", refusal.sentence());
    assert!(refusal.may_go_on() && !refusal.requestable());
    world.disk.later(Duration::from_secs(24 * 60 * 60));
    let refusal = refused(world.asks(&patience(LONG)).await);
    assert!(refusal.sentence().starts_with("Not decided in time, nothing was executed"), "{}", refusal.sentence());
    // What then needs a person waits for a person, and not for the fact of before.
    refused(world.asks(&patience(Duration::from_millis(20))).await);
    world.engine.replace_rules(Box::new(AS_ASKED));
    world.approved().await;
    assert!(matches!(world.asks(&patience(LONG)).await, Closed::Answered { .. }));
    assert_eq!(world.disk.sent(), 1);
}

/// Ten thousand calls may wait for hours.
#[test]
fn a_call_that_waits_takes_no_more_room_than_waiting_needs() {
    fn size<F, A, B, C, D, Fut: Future>(_: F) -> usize
    where
        F: Fn(A, B, C, D) -> Fut,
    {
        size_of::<Fut>()
    }
    let size = size(super::wait) + size_of::<super::Told>() + size_of::<CallRequest>();
    assert!(size <= 1_792, "{size}");
}
