use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use decide::{Credentials, LinkPermit, Placed, Scrub, UpstreamFuture};
use http::HeaderName;
use model::{
    Access, Agent, AgentId, App, ArgumentFacts, ClassSource, Clock, DataClassification, Digest, DirectorySnapshot,
    Evaluation, Hit, Human, HumanId, Layer, Limits, ReadArguments, Risk, RuleId, RuleInfo, RuleOutcome, RuleSource,
    Rules, Secret, TaskId, ToolName, ToolStatus, Verdict,
};
use trace::{Journal, LogStore, RecordKind, Row, StateWrite, StoreFault, StoreFaultKind};

use super::*;
use crate::Parts;

/// Everything that happened, in order: `intent`, `sent`, `outcome …`.
pub(crate) type Diary = Arc<Mutex<Vec<String>>>;

pub(crate) struct Log {
    pub(crate) diary: Diary,
    pub(crate) state: State,
    /// How many more commits there are before the disk dies.
    pub(crate) left: Arc<AtomicI64>,
    /// Their leaves.
    pub(crate) leaves: Leaves,
    pub(crate) broken: Arc<AtomicBool>,
    pub(crate) rows: u64,
}

/// What is true, by kind and key.
pub(crate) type State = Arc<Mutex<BTreeMap<(String, String), String>>>;

pub(crate) type Leaves = Arc<Mutex<Vec<serde_json::Value>>>;

impl LogStore for Log {
    fn append(&mut self, rows: &[Row], state: &[StateWrite]) -> Result<u64, StoreFault> {
        if self.broken.load(Ordering::SeqCst) || self.left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            return Err(StoreFault::new(StoreFaultKind::Full, "the disk is full"));
        }
        for row in rows {
            let leaf: serde_json::Value = serde_json::from_str(&row.leaf_text().unwrap()).unwrap();
            self.leaves.lock().unwrap().push(leaf.clone());
            let what = match row.kind {
                RecordKind::Intent => "intent".to_owned(),
                RecordKind::Outcome => {
                    format!("outcome {} {}", leaf["effect"].as_str().unwrap(), leaf["status"].as_str().unwrap())
                }
                RecordKind::Change => leaf["what"].as_str().unwrap().to_owned(),
            };
            self.diary.lock().unwrap().push(what);
        }
        for write in state {
            let key = (write.kind.clone(), write.key.clone());
            let mut state = self.state.lock().unwrap();
            match &write.value {
                Some(value) => drop(state.insert(key, value.clone())),
                None => drop(state.remove(&key)),
            }
        }
        self.rows += rows.len() as u64;
        Ok(self.rows + 1 - rows.len() as u64)
    }
}

/// What the app does.
#[derive(Clone, Copy)]
pub(crate) enum Does {
    Answers(&'static str, AnswerKind),
    Breaks(Left),
    Hangs,
}

pub(crate) struct FakeApp {
    pub(crate) diary: Diary,
    pub(crate) does: Does,
    pub(crate) reached: Arc<tokio::sync::Notify>,
    pub(crate) release: Arc<tokio::sync::Notify>,
}

impl Upstream for FakeApp {
    fn send<'a>(&'a self, permit: Permit, call: Outgoing) -> UpstreamFuture<'a> {
        Box::pin(async move {
            call.trail.note(|seen| (seen.http_status, seen.wire) = (Some(207), Some("mcp/2026-07-28")));
            self.diary.lock().unwrap().push(format!("sent {}", permit.spend().tool));
            self.reached.notify_one();
            match self.does {
                Does::Answers(body, kind) => Ok(Answer { kind, body: Bytes::from_static(body.as_bytes()) }),
                Does::Breaks(left) => {
                    Err(SendFault { fault: Fault::new(Blame::Upstream, "upstream.test", "it broke"), left })
                }
                Does::Hangs => {
                    self.release.notified().await;
                    Ok(Answer { kind: AnswerKind::Result, body: Bytes::from_static(b"{}") })
                }
            }
        })
    }

    /// Hides what is between `hide` and `}`, if it is there.
    fn redact(&self, answer: Answer, _: &str) -> Result<(Answer, usize), Fault> {
        let text = std::str::from_utf8(&answer.body).unwrap();
        let (before, _) = text.split_once("hide").ok_or_else(|| decide::unredactable("it is not there"))?;
        Ok((Answer { kind: answer.kind, body: Bytes::from(format!("{before}}}")) }, 2))
    }
}

pub(crate) struct OneRule(pub(crate) RuleOutcome);

impl Rules for OneRule {
    fn digest(&self) -> Digest {
        Digest::new([1; 32])
    }

    fn evaluate(&self, layer: Layer, _: &Facts) -> Evaluation {
        let source = RuleSource { file: Arc::from("t.cedar"), line: 3, column: 1, text: Arc::from("permit") };
        let rule = |outcome| {
            let id = RuleId::builtin("r");
            let sentence = "as the test says".to_owned();
            let approvers = vec!["owner-of-app".to_owned()];
            Hit::from(RuleInfo { approvers, ..RuleInfo::new(id, outcome, layer, source.clone(), sentence) })
        };
        let hits = match (layer, self.0) {
            (Layer::Baseline, _) => vec![],
            (_, RuleOutcome::Hold | RuleOutcome::Redact) => vec![rule(RuleOutcome::Permit), rule(self.0)],
            (_, outcome) => vec![rule(outcome)],
        };
        Evaluation { hits, faults: vec![] }
    }
}

pub(crate) struct Cleans;

impl Scrub for Cleans {
    fn scrub(&self, bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
        let text = std::str::from_utf8(bytes).ok()?;
        text.contains("s3cret").then(|| (text.replace("s3cret", "[redacted]").into_bytes(), 1))
    }
}

impl Credentials for Cleans {
    fn header(&self, _: &Permit) -> Result<Option<Placed<HeaderName>>, Fault> {
        Ok(None)
    }

    fn own_header(&self, _: &LinkPermit) -> Result<Option<(HeaderName, Secret<String>)>, Fault> {
        Ok(None)
    }

    fn environment(&self, _: &LinkPermit) -> Result<Vec<Placed<String>>, Fault> {
        Ok(vec![])
    }

    fn named(&self, _: &AppId) -> Option<String> {
        None
    }

    fn scrubber(&self, _: &AppId) -> Arc<dyn Scrub> {
        Arc::new(Cleans)
    }
}

/// Noon, and a microsecond later each time it is asked.
#[derive(Default)]
pub(crate) struct Noon(pub(crate) AtomicI64);

impl Clock for Noon {
    fn now(&self) -> UnixMicros {
        UnixMicros(NOON + self.0.fetch_add(1, Ordering::Relaxed))
    }
}

pub(crate) const NOON: i64 = 1_790_000_000_000_000;

struct World {
    engine: Engine,
    diary: Diary,
    leaves: Leaves,
    broken: Arc<AtomicBool>,
    reached: Arc<tokio::sync::Notify>,
    release: Arc<tokio::sync::Notify>,
}

impl World {
    fn new(outcome: RuleOutcome) -> Self {
        Self::with(outcome, directory())
    }

    fn with(outcome: RuleOutcome, directory: DirectorySnapshot) -> Self {
        Self::within(Duration::from_millis(50), outcome, directory)
    }

    /// Where calls may take so long.
    fn within(call_time_max: Duration, outcome: RuleOutcome, directory: DirectorySnapshot) -> Self {
        let diary = Diary::default();
        let broken = Arc::new(AtomicBool::new(false));
        let leaves = Leaves::default();
        let (state, left) = (State::default(), Arc::new(AtomicI64::new(i64::MAX)));
        let (of_diary, of_leaves, of_broken) = (Arc::clone(&diary), Arc::clone(&leaves), Arc::clone(&broken));
        let log = Log { diary: of_diary, state, left, leaves: of_leaves, broken: of_broken, rows: 0 };
        let limits = Limits { call_time_max, ..Limits::default() };
        let parts = Parts {
            directory: Arc::new(directory),
            journal: Journal::start(Box::new(log)).unwrap(),
            credentials: Arc::new(Cleans),
            clock: Arc::new(Noon::default()),
            limits,
            hold_key: Secret::new([7; 32]),
        };
        let engine = Engine::new(parts, Box::new(OneRule(outcome))).unwrap();
        Self { engine, diary, leaves, broken, reached: Arc::default(), release: Arc::default() }
    }

    fn request(&self, class: Class, does: Does) -> CallRequest {
        let upstream = FakeApp {
            diary: Arc::clone(&self.diary),
            does,
            reached: Arc::clone(&self.reached),
            release: Arc::clone(&self.release),
        };
        CallRequest {
            cause: None,
            actor: Actor {
                agent: AgentId::parse("bot").unwrap(),
                human: HumanId::parse("ana").unwrap(),
                task: TaskId::parse("t").unwrap(),
                only_app: None,
                token_id: Arc::from("j"),
            },
            app: AppId::parse("crm").unwrap(),
            method: Method::ToolsCall,
            tool: ToolFacts::new(ToolName::parse("look").unwrap(), class, ClassSource::Pin, ToolStatus::Pinned),
            arguments: Some(Bytes::from_static(br#"{"q":"acme"}"#)),
            readable: None,
            wire: "mcp/2025-11-25",
            trace_parent: None,
            listed_at: None,
            kept: model::ArgumentLevel::Full,
            upstream: Arc::new(upstream),
            waiter: None,
            contract: None,
            taker: None,
        }
    }

    /// What happened, once everything is on disk.
    fn diary(&self) -> Vec<String> {
        self.engine.close();
        self.diary.lock().unwrap().clone()
    }
}

pub(crate) fn directory() -> DirectorySnapshot {
    let (ana, bo) = (HumanId::parse("ana").unwrap(), HumanId::parse("bo").unwrap());
    let human = |id: &HumanId, name: &str| {
        let name = name.to_owned();
        Arc::new(Human {
            id: id.clone(),
            name,
            department: None,
            seniority: None,
            role: None,
            manager: None,
            active: true,
        })
    };
    let agent = Agent {
        id: AgentId::parse("bot").unwrap(),
        name: "Bot".into(),
        owner: ana.clone(),
        model_tier: None,
        recommend_only: false,
        active: true,
    };
    let app = App {
        id: AppId::parse("crm").unwrap(),
        name: "CRM".into(),
        risk: Risk::High,
        data: DataClassification::Restricted,
        category: None,
        owners: vec![ana.clone(), bo.clone()],
        access: Access::default(),
        stopped: false,
        observe: false,
    };
    DirectorySnapshot {
        humans: [(ana.clone(), human(&ana, "Ana Diaz")), (bo.clone(), human(&bo, "Bo Lind"))].into(),
        agents: [(agent.id.clone(), Arc::new(agent))].into(),
        apps: [(app.id.clone(), Arc::new(app))].into(),
        ..DirectorySnapshot::default()
    }
}

pub(crate) const FINE: Does = Does::Answers(r#"{"content":[]}"#, AnswerKind::Result);

// INVARIANT: no call leaves without a durable record of why.
#[tokio::test]
async fn the_intent_is_on_disk_before_anything_leaves() {
    for class in Class::ALL {
        let world = World::new(RuleOutcome::Permit);
        assert!(matches!(world.engine.call(world.request(class, FINE)).await, Closed::Answered { .. }));
        assert_eq!(world.diary(), ["intent", "sent look", "outcome executed answered"], "{class}");
    }
}

#[tokio::test]
async fn no_record_no_effect() {
    let world = World::new(RuleOutcome::Permit);
    world.broken.store(true, Ordering::SeqCst);
    let closed = world.engine.call(world.request(Class::Read, FINE)).await;
    let Closed::Failed { fault, perhaps_executed: false, .. } = closed else { panic!("{closed:?}") };
    assert_eq!(fault.blame(), Blame::Operator);
    assert!(world.diary().is_empty());
}

#[tokio::test]
async fn what_may_not_run_is_recorded_and_not_sent() {
    for (rule, verdict) in
        [(RuleOutcome::Deny, Verdict::Deny), (RuleOutcome::Hold, Verdict::Hold), (RuleOutcome::Defer, Verdict::Defer)]
    {
        let world = World::new(rule);
        let Closed::Refused(refusal) = world.engine.call(world.request(Class::Read, FINE)).await else {
            panic!("{rule:?}")
        };
        assert_eq!(refusal.verdict, verdict);
        assert!(refusal.sentence().contains("othing was executed"), "{}", refusal.sentence());
        assert_eq!(refusal.approvers, ["Bo Lind"], "nobody approves what is done for themselves");
        assert_eq!(world.diary(), ["intent"]);
    }
}

#[tokio::test]
async fn an_answer_in_which_nothing_can_be_hidden_is_not_shown() {
    let world = World::new(RuleOutcome::Redact);
    let closed = world.engine.call(world.request(Class::Read, FINE)).await;
    assert!(matches!(closed, Closed::Failed { perhaps_executed: true, .. }), "{closed:?}");
    assert_eq!(
        world.diary(),
        ["intent", "sent look", "outcome executed failed"],
        "it ran, and nobody saw what it said"
    );
    let outcome = world.leaves.lock().unwrap()[1].clone();
    assert_eq!((&outcome["agrees"], &outcome["answer"]), (&true.into(), &serde_json::Value::Null));
    assert_eq!((&outcome["answer_bytes"], &outcome["came_bytes"]), (&0.into(), &14.into()));
}

#[tokio::test]
async fn a_record_says_how_a_call_went() {
    let said = |world: &World, at: usize, keys: &[&str]| {
        let leaf = world.leaves.lock().unwrap()[at].clone();
        serde_json::to_string(&keys.iter().map(|key| leaf.get(*key)).collect::<Vec<_>>()).unwrap()
    };
    let of_intent = ["wire", "directory_age_us", "catalog_age_us", "decide_us"];
    let of_outcome =
        ["agrees", "answer_bytes", "came_bytes", "hidden", "scrubbed", "http_status", "wire", "durable_us"];

    let world =
        World::with(RuleOutcome::Permit, DirectorySnapshot { as_of: Some(UnixMicros(NOON - 5)), ..directory() });
    let request = CallRequest { listed_at: Some(UnixMicros(NOON - 70)), ..world.request(Class::Write, FINE) };
    world.engine.call(request).await;
    world.engine.close();
    // The clock was asked for the call's id before it was asked for the time of the decision.
    assert_eq!(said(&world, 0, &of_intent), r#"["mcp/2025-11-25",6,71,1]"#);
    assert_eq!(said(&world, 1, &of_outcome), r#"[true,14,null,null,0,207,"mcp/2026-07-28",1]"#);

    let world = World::new(RuleOutcome::Redact);
    let does = Does::Answers(r#"{"it is":"s3cret","hide":"all"}"#, AnswerKind::Result);
    world.engine.call(world.request(Class::Write, does)).await;
    world.engine.close();
    assert_eq!(said(&world, 0, &of_intent), r#"["mcp/2025-11-25",null,null,1]"#);
    assert_eq!(said(&world, 1, &of_outcome), r#"[true,24,31,2,1,207,"mcp/2026-07-28",1]"#);
}

// INVARIANT: no record claims an effect that was not observed.
#[tokio::test]
async fn an_outcome_claims_only_what_was_seen() {
    let cases = [
        (Does::Answers(r#"{"isError":true}"#, AnswerKind::ToolError), "outcome executed tool_error"),
        (Does::Answers(r#"{"code":-1}"#, AnswerKind::ProtocolError), "outcome unknown protocol_error"),
        (Does::Breaks(Left::Nothing), "outcome not_executed failed"),
        (Does::Breaks(Left::Perhaps), "outcome unknown failed"),
        (Does::Hangs, "outcome unknown failed"),
    ];
    for (does, expect) in cases {
        let world = World::new(RuleOutcome::Permit);
        world.engine.call(world.request(Class::Write, does)).await;
        assert_eq!(world.diary(), ["intent", "sent look", expect]);
    }
}

#[tokio::test]
async fn a_call_that_may_take_for_ever_is_made() {
    let world = World::within(Duration::MAX, RuleOutcome::Permit, directory());
    let closed = world.engine.call(world.request(Class::Read, FINE)).await;
    assert!(matches!(closed, Closed::Answered { .. }), "{closed:?}");
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_take_the_outcome_along() {
    let world = World::new(RuleOutcome::Permit);
    let call = world.engine.call(world.request(Class::Write, Does::Hangs));
    tokio::select! {
        _ = call => panic!("it hangs"),
        () = world.reached.notified() => {}
    }
    world.release.notify_one();
    world.engine.settle().await;
    assert_eq!(world.diary(), ["intent", "sent look", "outcome executed answered"]);
}

#[tokio::test]
async fn a_secret_that_comes_back_stays_here() {
    let world = World::new(RuleOutcome::Permit);
    let does = Does::Answers(r#"{"text":"it is s3cret"}"#, AnswerKind::Result);
    let Closed::Answered { answer, .. } = world.engine.call(world.request(Class::Read, does)).await else { panic!() };
    assert_eq!(answer.body, r#"{"text":"it is [redacted]"}"#);
}

#[tokio::test]
async fn an_actor_nobody_knows_goes_nowhere() {
    let world = World::new(RuleOutcome::Permit);
    let mut request = world.request(Class::Read, FINE);
    request.actor.human = HumanId::parse("eve").unwrap();
    assert!(matches!(world.engine.call(request).await, Closed::Failed { call: None, perhaps_executed: false, .. }));
    assert!(world.diary().is_empty());
}

/// Rules that are told what to say.
struct Told {
    rule: RuleInfo,
    budgets: Vec<Arc<model::Budget>>,
    reads: Option<Arc<model::ArgumentReads>>,
    seen: Arc<std::sync::Mutex<Vec<Arc<ArgumentFacts>>>>,
}

impl Rules for Told {
    fn digest(&self) -> Digest {
        Digest::new([3; 32])
    }

    fn evaluate(&self, layer: Layer, facts: &Facts) -> Evaluation {
        if layer == Layer::Baseline {
            return Evaluation::default();
        }
        self.seen.lock().unwrap().push(Arc::clone(&facts.arguments));
        let source = RuleSource { file: Arc::from("t.cedar"), line: 3, column: 1, text: Arc::from("forbid") };
        let spent = |id: &RuleId| {
            let deny = RuleInfo::new(id.clone(), RuleOutcome::Deny, layer, source.clone(), "used up".to_owned());
            Hit::from(deny)
        };
        let hits = facts.spent.iter().map(spent).chain([Hit::from(self.rule.clone())]).collect();
        Evaluation { hits, faults: vec![] }
    }

    fn reads(&self, _: &AppId) -> Option<Arc<model::ArgumentReads>> {
        self.reads.clone()
    }

    fn each_budget(&self, _: &Facts, show: &mut dyn FnMut(&model::Budget)) {
        self.budgets.iter().for_each(|budget| show(budget));
    }
}

fn told() -> Told {
    let source = RuleSource { file: Arc::from("t.cedar"), line: 1, column: 1, text: Arc::from("permit") };
    let rule = RuleInfo::new(RuleId::builtin("r"), RuleOutcome::Permit, Layer::Organisation, source, "fine".to_owned());
    Told { rule, budgets: Vec::new(), reads: None, seen: Arc::default() }
}

fn calls_budget(most: u32) -> Vec<Arc<model::Budget>> {
    let of = model::BudgetOf::Calls { most, within: Duration::from_secs(3_600) };
    vec![Arc::new(model::Budget { rule: RuleId::builtin("few"), of, per: model::BudgetPer::Pair })]
}

#[tokio::test]
async fn two_hundred_calls_at_once_run_no_more_than_the_budget() {
    let world = World::new(RuleOutcome::Permit);
    world.engine.replace_rules(Box::new(Told { budgets: calls_budget(20), ..told() }));
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let (engine, request) = (world.engine.clone(), world.request(Class::Write, FINE));
        all.spawn(async move { engine.call(request).await });
    }
    let closed = all.join_all().await;
    assert_eq!(closed.iter().filter(|closed| matches!(closed, Closed::Answered { .. })).count(), 20);
    let refused = closed.iter().filter(|closed| matches!(closed, Closed::Refused(why) if why.reason_code() == "few"));
    assert_eq!(refused.count(), 180);
    assert_eq!(world.diary().iter().filter(|line| *line == "sent look").count(), 20);
}

#[tokio::test]
async fn a_call_that_is_refused_costs_nothing() {
    let world = World::new(RuleOutcome::Permit);
    let mut rules = Told { budgets: calls_budget(1), ..told() };
    rules.rule.outcome = RuleOutcome::Deny;
    world.engine.replace_rules(Box::new(rules));
    for _ in 0..3 {
        assert!(matches!(world.engine.call(world.request(Class::Read, FINE)).await, Closed::Refused(_)));
    }
    world.engine.replace_rules(Box::new(Told { budgets: calls_budget(1), ..told() }));
    assert!(matches!(world.engine.call(world.request(Class::Read, FINE)).await, Closed::Answered { .. }));
    assert!(matches!(world.engine.call(world.request(Class::Read, FINE)).await, Closed::Refused(_)));
}

#[tokio::test]
async fn what_does_not_run_keeps_nobody_out_while_it_is_recorded() {
    use RuleOutcome::{Defer, Deny, Hold, Permit};
    let world = World::new(Permit);
    let budget = |of| Arc::new(model::Budget { rule: RuleId::builtin("few"), of, per: model::BudgetPer::App });
    let within = Duration::from_secs(3_600);
    for of in [model::BudgetOf::Concurrency { most: 1 }, model::BudgetOf::Calls { most: 1, within }] {
        let decided = |outcome| {
            let mut rules = Told { budgets: vec![budget(of)], ..told() };
            rules.rule.outcome = outcome;
            world.engine.replace_rules(Box::new(rules));
            world.engine.shared.gate.decide(&asked_of(&world.request(Class::Read, FINE))).unwrap()
        };
        let under_way = [Deny, Hold, Defer].map(decided);
        assert!(under_way.iter().all(|gated| gated.facts.spent.is_empty()), "{of:?}");
        let runs = decided(Permit);
        assert_eq!(runs.decision.verdict(), Verdict::Allow, "{of:?}");
        assert_eq!(decided(Permit).decision.verdict(), Verdict::Deny, "{of:?}");
    }
}

#[tokio::test]
async fn what_nobody_can_count_is_refused_and_nothing_is_said_to_be_used_up() {
    let world = World::new(RuleOutcome::Permit);
    let of = model::BudgetOf::Records { most: 5, within: Duration::from_secs(3_600) };
    let budget = model::Budget { rule: RuleId::builtin("few"), of, per: model::BudgetPer::Contract };
    world.engine.replace_rules(Box::new(Told { budgets: vec![Arc::new(budget)], ..told() }));
    for (records, used_up) in [(None, false), (Some(6), true)] {
        let contract = Some(Arc::new(model::ContractFacts {
            contract: model::ContractId::parse("acme").unwrap(),
            vendor: model::VendorId::parse("acme").unwrap(),
            standing: model::Standing::Active,
            digest: None,
            purpose: None,
            tenant: model::Shown::Open,
            entity: None,
            operation: None,
            state: BTreeMap::new(),
            asks: Vec::new(),
            sends: Vec::new(),
            records,
            spent: Vec::new(),
        }));
        let request = CallRequest { contract, ..world.request(Class::Read, FINE) };
        let Closed::Refused(refusal) = world.engine.call(request).await else { panic!("{records:?} ran") };
        assert_eq!((refusal.reason_code(), refusal.spent), ("few", used_up), "{records:?}");
    }
}

#[tokio::test]
async fn what_ran_before_a_restart_counts() {
    let world = World::new(RuleOutcome::Permit);
    world.engine.replace_rules(Box::new(Told { budgets: calls_budget(1), ..told() }));
    let request = world.request(Class::Read, FINE);
    let facts =
        world.engine.shared.gate.facts(&request.actor, &request.app, request.method, request.tool.clone()).unwrap();
    world.engine.remember(&facts, Digest::new([9; 32]), false, 0);
    assert!(matches!(world.engine.call(request).await, Closed::Refused(_)));
}

#[tokio::test]
async fn a_rule_shortens_how_long_the_app_may_take() {
    let world = World::new(RuleOutcome::Permit);
    let mut rules = told();
    rules.rule.limits.runtime = Some(Duration::from_millis(10));
    world.engine.replace_rules(Box::new(rules));
    let request = world.request(Class::Write, Does::Breaks(Left::Perhaps));
    let Closed::Failed { fault, .. } = world.engine.call(request).await else { panic!() };
    assert_eq!(fault.code(), "upstream.test", "what else went wrong keeps its name");
    let request = world.request(Class::Write, Does::Hangs);
    let Closed::Failed { fault, perhaps_executed, .. } = world.engine.call(request).await else { panic!() };
    assert_eq!((fault.code(), perhaps_executed), ("upstream.past_runtime", true));
    assert_eq!(fault.to_string(), "CRM did not answer within the 0 s that the rule r gives it");
    assert!(world.diary().iter().any(|line| line.contains("unknown failed")));
}

#[derive(Default)]
struct Reads;

impl ReadArguments for Reads {
    fn read(&self, arguments: &[u8], reads: &model::ArgumentReads) -> ArgumentFacts {
        assert!(reads.values.contains("q"));
        ArgumentFacts { bytes: arguments.len() as u64, ..ArgumentFacts::default() }
    }
}

#[tokio::test]
async fn arguments_are_read_where_a_rule_looks_at_them_and_nowhere_else() {
    let world = World::new(RuleOutcome::Permit);
    for reads in [None, Some(Arc::new(model::ArgumentReads { values: ["q".into()].into(), ..Default::default() }))] {
        let rules = Told { reads: reads.clone(), ..told() };
        let seen = Arc::clone(&rules.seen);
        world.engine.replace_rules(Box::new(rules));
        let readable = Readable { arguments: Bytes::from_static(b"{\"q\":1}"), reader: Arc::new(Reads) };
        let request = CallRequest { readable: Some(readable), ..world.request(Class::Read, FINE) };
        let _ = world.engine.call(request).await;
        let seen = seen.lock().unwrap();
        assert_eq!(seen[0].bytes, if reads.is_some() { 7 } else { 0 });
        assert_eq!(Arc::ptr_eq(&seen[0], &ArgumentFacts::unread()), reads.is_none());
    }
}

#[tokio::test]
async fn what_nobody_reads_of_a_tools_arguments_is_in_doubt() {
    let world = World::new(RuleOutcome::Permit);
    let reads = model::ArgumentReads { roles: ["repo".into()].into(), values: ["q".into()].into() };
    for (method, expect) in [
        (Method::ToolsCall, [Arc::from("argument q"), Arc::from("repo")].into()),
        (Method::Sample, std::collections::BTreeSet::new()),
    ] {
        let rules = Told { reads: Some(Arc::new(reads.clone())), ..told() };
        let seen = Arc::clone(&rules.seen);
        world.engine.replace_rules(Box::new(rules));
        let arguments = Some(Bytes::from_static(b"{\"q\":1}"));
        let request = CallRequest { method, arguments, readable: None, ..world.request(Class::Read, FINE) };
        let _ = world.engine.call(request).await;
        let seen = seen.lock().unwrap();
        assert_eq!((seen[0].bytes, &seen[0].unclear), (7, &expect), "{method:?}");
    }
}

#[tokio::test]
async fn an_agent_that_only_recommends_is_told_what_would_have_been() {
    for (outcome, would, said) in [
        (RuleOutcome::Permit, Verdict::Allow, "It would have been allowed."),
        (RuleOutcome::Hold, Verdict::Hold, "It would have waited for an approval."),
        (RuleOutcome::Deny, Verdict::Deny, "It would have been refused."),
    ] {
        let mut directory = directory();
        for agent in directory.agents.values_mut() {
            *agent = Arc::new(Agent { recommend_only: true, ..Agent::clone(agent) });
        }
        let world = World::with(outcome, directory);
        let actor = world.request(Class::Read, FINE).actor;
        let tool = world.request(Class::Read, FINE).tool;
        let hidden = world.engine.hides(&actor, &AppId::parse("crm").unwrap(), Method::ToolsCall, tool);
        assert_eq!(hidden, would == Verdict::Deny, "what it could recommend is listed");
        let Closed::Refused(refusal) = world.engine.call(world.request(Class::Write, FINE)).await else { panic!() };
        assert_eq!((refusal.verdict, refusal.recommended), (Verdict::Deny, Some(would)));
        assert_eq!((refusal.reason_code(), refusal.requestable()), ("guard:recommend-only", false));
        let sentence = refusal.sentence();
        assert!(sentence.starts_with("Only a recommendation, nothing was executed: crm__look. "), "{sentence}");
        assert!(sentence.contains(said) && sentence.contains("as the test says"), "{sentence}");
        assert_eq!(world.diary(), ["intent"]);
    }
}
