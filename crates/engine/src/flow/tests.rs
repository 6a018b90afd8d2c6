use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use decide::{BodyFuture, LinkPermit, OpenFuture, Placed, UpstreamFuture};
use http::HeaderName;
use model::{
    Actor, AgentId, AppId, Budget, BudgetOf, BudgetPer, Class, ClassSource, ContractFacts, ContractId, Digest,
    Evaluation, Form, HumanId, Layer, Limits, Method, Operation, RuleOutcome, Rules, Secret, Shown, Standing, TaskId,
    ToolFacts, ToolName, ToolStatus, VendorId,
};
use trace::Journal;

use super::*;
use crate::call::tests::{Cleans, Diary, Leaves, Log, Noon, OneRule, State, directory};
use crate::{CallRequest, Closed, Engine, Parts};

/// Lets everything but the letter `x` through; `!` is a record that the contract does not reach.
#[derive(Debug)]
struct NoX;

struct NoXFilter(u64);

impl Release for NoX {
    fn filter(&self, _: Form) -> Result<Box<dyn Filter>, Fault> {
        Ok(Box::new(NoXFilter(0)))
    }
}

impl Filter for NoXFilter {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        if bytes.contains(&b'!') {
            return Err(Fault::new(Blame::Rule, "rule.outside", "it is outside"));
        }
        let before = out.len();
        out.extend(bytes.iter().filter(|byte| **byte != b'x'));
        self.0 += (before + bytes.len() - out.len()) as u64;
        Ok(())
    }

    fn finish(&mut self, _: &mut Vec<u8>) -> Result<Released, Fault> {
        Ok(self.so_far())
    }

    fn so_far(&self) -> Released {
        Released { rows: 1, dropped: 0, removed: self.0 }
    }
}

/// One rule, what is let out, and how much.
struct Governs(OneRule, Option<Arc<dyn Release>>, Vec<BudgetOf>);

impl Rules for Governs {
    fn digest(&self) -> Digest {
        self.0.digest()
    }

    fn evaluate(&self, layer: Layer, facts: &Facts) -> Evaluation {
        self.0.evaluate(layer, facts)
    }

    fn each_budget(&self, _: &Facts, show: &mut dyn FnMut(&Budget)) {
        let rule = || model::RuleId::parse("contract:c/5.1").unwrap();
        self.2.iter().for_each(|of| show(&Budget { rule: rule(), of: *of, per: BudgetPer::Contract }));
    }

    fn standing(&self, _: &ContractId, _: model::UnixMicros) -> (Standing, Option<Digest>) {
        (Standing::Active, Some(Digest::new([9; 32])))
    }

    fn release(&self, facts: &Facts) -> Option<Arc<dyn Release>> {
        assert_eq!(facts.contract.as_ref().unwrap().standing, Standing::Active);
        self.1.clone()
    }
}

/// An app that says these pieces, and then ends or breaks off.
struct Says {
    pieces: Vec<Vec<u8>>,
    breaks: bool,
    kind: AnswerKind,
    /// How long it pauses before each piece.
    pause: Duration,
    /// Set once the request, and with it the credential, has gone out.
    sent: Arc<AtomicBool>,
}

/// A secret that nobody knows before it was used.
struct JustRotated(Arc<AtomicBool>);

impl Credentials for JustRotated {
    fn header(&self, permit: &Permit) -> Result<Option<Placed<HeaderName>>, Fault> {
        Cleans.header(permit)
    }

    fn own_header(&self, permit: &LinkPermit) -> Result<Option<(HeaderName, Secret<String>)>, Fault> {
        Cleans.own_header(permit)
    }

    fn environment(&self, permit: &LinkPermit) -> Result<Vec<Placed<String>>, Fault> {
        Cleans.environment(permit)
    }

    fn named(&self, app: &AppId) -> Option<String> {
        Cleans.named(app)
    }

    fn scrubber(&self, app: &AppId) -> Arc<dyn Scrub> {
        if self.0.load(Ordering::SeqCst) { Cleans.scrubber(app) } else { Arc::new(Nothing) }
    }
}

struct Nothing;

impl Scrub for Nothing {
    fn scrub(&self, _: &[u8]) -> Option<(Vec<u8>, usize)> {
        None
    }
}

struct Coming(VecDeque<Vec<u8>>, bool, Duration);

impl AnswerBody for Coming {
    fn next(&mut self) -> BodyFuture<'_> {
        let next = self.0.pop_front().map(Bytes::from);
        let (broken, pause) = (self.1 && next.is_none(), self.2);
        Box::pin(async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            if broken { Err(Fault::new(Blame::Upstream, "upstream.broke_off", "it broke off")) } else { Ok(next) }
        })
    }
}

impl Upstream for Says {
    fn send<'a>(&'a self, permit: Permit, call: Outgoing) -> UpstreamFuture<'a> {
        let _spent = permit.spend();
        assert!(call.quiet, "nothing is told before the answer to a call under a contract");
        let answer = Answer { kind: self.kind, body: Bytes::from(self.pieces.concat()) };
        Box::pin(async move { Ok(answer) })
    }

    fn release(&self, answer: Answer, release: &dyn Release) -> Result<(Answer, Released), Fault> {
        let (mut filter, mut out) = (release.filter(Form::Json)?, Vec::new());
        filter.push(&answer.body, &mut out)?;
        let released = filter.finish(&mut out)?;
        Ok((Answer { kind: answer.kind, body: Bytes::from(out) }, released))
    }

    fn open<'a>(&'a self, permit: Permit, _: Outgoing) -> OpenFuture<'a> {
        let _spent = permit.spend();
        self.sent.store(true, Ordering::SeqCst);
        let form = (self.kind == AnswerKind::Result).then_some(Form::Json);
        let body = Box::new(Coming(self.pieces.clone().into(), self.breaks, self.pause));
        Box::pin(async move { Ok(Opened { kind: self.kind, form, body }) })
    }
}

#[derive(Default)]
struct Takes {
    begun: AtomicUsize,
    whole: Mutex<Option<usize>>,
    bytes: Mutex<Vec<u8>>,
    most: AtomicUsize,
    ended: AtomicBool,
    /// After so many pieces nobody takes any more.
    patience: Option<usize>,
    pieces: AtomicUsize,
    /// How long each piece waits until it is taken.
    pause: Duration,
}

impl Taker for Takes {
    fn begins(&self, _: &CallId, whole: Option<usize>) {
        self.begun.fetch_add(1, Ordering::SeqCst);
        *self.whole.lock().unwrap() = whole;
    }

    fn takes(&self, piece: Bytes) -> TakerFuture<'_> {
        self.most.fetch_max(piece.len(), Ordering::SeqCst);
        self.bytes.lock().unwrap().extend_from_slice(&piece);
        let wanted = self.patience.is_none_or(|most| self.pieces.fetch_add(1, Ordering::SeqCst) < most);
        let pause = self.pause;
        Box::pin(async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            wanted
        })
    }

    fn ends(&self) -> TakerFuture<'_> {
        self.ended.store(true, Ordering::SeqCst);
        Box::pin(std::future::ready(true))
    }
}

struct World {
    engine: Engine,
    diary: Diary,
    leaves: Leaves,
}

fn world(release: Option<Arc<dyn Release>>) -> World {
    limited(release, Vec::new())
}

fn limited(release: Option<Arc<dyn Release>>, budgets: Vec<BudgetOf>) -> World {
    keeping(Arc::new(Cleans), release, budgets)
}

fn keeping(credentials: Arc<dyn Credentials>, release: Option<Arc<dyn Release>>, budgets: Vec<BudgetOf>) -> World {
    let (diary, leaves) = (Diary::default(), Leaves::default());
    let log = Log {
        diary: Arc::clone(&diary),
        state: State::default(),
        left: Arc::new(AtomicI64::new(i64::MAX)),
        leaves: Arc::clone(&leaves),
        broken: Arc::default(),
        rows: 0,
    };
    let parts = Parts {
        directory: Arc::new(directory()),
        journal: Journal::start(Box::new(log)).unwrap(),
        credentials,
        clock: Arc::new(Noon::default()),
        limits: Limits { answer_bytes_max: 100_000, ..Limits::default() },
        hold_key: Secret::new([7; 32]),
    };
    let engine = Engine::new(parts, Box::new(Governs(OneRule(RuleOutcome::Permit), release, budgets))).unwrap();
    World { engine, diary, leaves }
}

impl World {
    async fn call(&self, class: Class, says: Says, taker: &Arc<Takes>) -> Closed {
        self.asks(class, says, Some(Arc::clone(taker) as Arc<dyn Taker>)).await
    }

    async fn asks(&self, class: Class, says: Says, taker: Option<Arc<dyn Taker>>) -> Closed {
        let contract = ContractFacts {
            contract: ContractId::parse("c").unwrap(),
            vendor: VendorId::parse("v").unwrap(),
            standing: Standing::Unknown,
            digest: None,
            purpose: None,
            tenant: Shown::Open,
            entity: None,
            operation: Some(Operation::Read),
            state: std::collections::BTreeMap::new(),
            asks: Vec::new(),
            sends: Vec::new(),
            records: Some(1),
            spent: Vec::new(),
        };
        let request = CallRequest {
            cause: None,
            trace_parent: None,
            actor: Actor {
                agent: AgentId::parse("bot").unwrap(),
                human: HumanId::parse("ana").unwrap(),
                task: TaskId::parse("t").unwrap(),
                only_app: None,
                token_id: Arc::from("j"),
            },
            app: AppId::parse("crm").unwrap(),
            method: Method::ToolsCall,
            tool: ToolFacts::new(ToolName::parse("look").unwrap(), class, ClassSource::Profile, ToolStatus::Pinned),
            arguments: Some(Bytes::from_static(b"{}")),
            readable: None,
            wire: "http/1.1",
            listed_at: None,
            kept: model::ArgumentLevel::Full,
            upstream: Arc::new(says),
            waiter: None,
            contract: Some(Arc::new(contract)),
            taker,
        };
        self.engine.call(request).await
    }

    /// The leaf of the last outcome.
    fn outcome(&self) -> serde_json::Value {
        self.engine.close();
        assert!(self.diary.lock().unwrap().last().unwrap().starts_with("outcome"), "{:?}", self.diary);
        self.leaves.lock().unwrap().last().unwrap().clone()
    }
}

fn says(pieces: &[&[u8]]) -> Says {
    let pieces = pieces.iter().map(|piece| piece.to_vec()).collect();
    Says { pieces, breaks: false, kind: AnswerKind::Result, pause: Duration::ZERO, sent: Arc::default() }
}

fn governed() -> World {
    world(Some(Arc::new(NoX)))
}

// INVARIANT: an answer that is wanted whole goes through the same release, and without one none of it is shown.
#[tokio::test]
async fn a_whole_answer_shows_what_the_contract_lets_out() {
    let world = governed();
    let closed = world.asks(Class::Read, says(&[b"{\"a\":\"xx1\"}"]), None).await;
    assert!(matches!(closed, Closed::Answered { ref answer, .. } if answer.body == "{\"a\":\"1\"}"), "{closed:?}");
    let outcome = world.outcome();
    assert_eq!(
        (&outcome["answer_bytes"], &outcome["came_bytes"], &outcome["hidden"]),
        (&9.into(), &11.into(), &2.into())
    );
    for (release, said, code) in
        [(None, b"{}", "rule.no_release"), (Some(Arc::new(NoX) as Arc<dyn Release>), b"!!", "rule.outside")]
    {
        let world = super::tests::world(release);
        let closed = world.asks(Class::Read, says(&[said]), None).await;
        assert!(matches!(closed, Closed::Failed { ref fault, .. } if fault.code() == code), "{closed:?}");
        let outcome = world.outcome();
        assert_eq!((&outcome["answer_bytes"], &outcome["code"]), (&0.into(), &code.into()));
        assert_eq!(outcome["effect"], "executed");
    }
}

#[tokio::test]
async fn a_whole_answer_that_is_longer_than_what_is_left_is_not_shown() {
    let bytes = BudgetOf::Bytes { most: 2_048, within: Duration::from_secs(60) };
    let world = limited(Some(Arc::new(NoX)), vec![bytes]);
    let long = vec![b'a'; 3_000];
    let closed = world.asks(Class::Read, says(&[&long]), None).await;
    assert!(matches!(closed, Closed::Failed { ref fault, .. } if fault.code() == "rule.limit"), "{closed:?}");
}

#[tokio::test]
async fn a_short_answer_begins_when_it_is_whole() {
    let (world, taker) = (governed(), Arc::new(Takes::default()));
    let closed = world.call(Class::Read, says(&[b"{\"a\":", b"\"xx1\"}"]), &taker).await;
    assert!(matches!(closed, Closed::Answered { .. }), "{closed:?}");
    assert_eq!(*taker.bytes.lock().unwrap(), b"{\"a\":\"1\"}");
    assert_eq!(*taker.whole.lock().unwrap(), Some(9));
    assert!(taker.ended.load(Ordering::SeqCst));
    let outcome = world.outcome();
    assert_eq!(
        (&outcome["answer_bytes"], &outcome["came_bytes"], &outcome["hidden"]),
        (&9.into(), &11.into(), &2.into())
    );
    assert_eq!(outcome["effect"], "executed");
}

// INVARIANT: of an answer that may not be seen nobody sees a byte.
#[tokio::test]
async fn what_is_refused_at_its_end_has_not_begun() {
    let (world, taker) = (governed(), Arc::new(Takes::default()));
    let closed = world.call(Class::Read, says(&[b"{\"salary\":1,", b"\"tenant\":\"!\"}"]), &taker).await;
    assert!(matches!(closed, Closed::Failed { ref fault, .. } if fault.code() == "rule.outside"), "{closed:?}");
    assert_eq!(taker.begun.load(Ordering::SeqCst), 0);
    assert!(taker.bytes.lock().unwrap().is_empty());
    let outcome = world.outcome();
    assert_eq!(
        (&outcome["answer_bytes"], &outcome["code"], &outcome["status"]),
        (&0.into(), &"rule.outside".into(), &"failed".into())
    );
    assert_eq!(outcome["effect"], "executed");
}

#[tokio::test]
async fn without_a_release_nothing_is_seen() {
    let (world, taker) = (world(None), Arc::new(Takes::default()));
    let closed = world.call(Class::Read, says(&[b"{}"]), &taker).await;
    assert!(matches!(closed, Closed::Failed { ref fault, .. } if fault.code() == "rule.no_release"), "{closed:?}");
    assert_eq!(taker.begun.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_long_answer_goes_past_in_pieces_and_what_left_is_on_record_when_it_breaks_off() {
    let (world, taker) = (governed(), Arc::new(Takes::default()));
    let piece = vec![b'a'; 20_000];
    let pieces: Vec<&[u8]> = (0..50).map(|_| piece.as_slice()).collect();
    let closed = world.call(Class::Read, Says { breaks: true, ..says(&pieces) }, &taker).await;
    assert!(matches!(closed, Closed::Failed { ref fault, .. } if fault.code() == "upstream.broke_off"), "{closed:?}");
    assert_eq!(taker.begun.load(Ordering::SeqCst), 1);
    assert!(!taker.ended.load(Ordering::SeqCst));
    let left = taker.bytes.lock().unwrap().len();
    assert!(left > 800_000, "{left}");
    assert!(taker.most.load(Ordering::SeqCst) < 200_000);
    let outcome = world.outcome();
    assert_eq!((&outcome["answer_bytes"], &outcome["came_bytes"]), (&left.into(), &1_000_000.into()));
}

/// A rule that permits, and says how long a call may take.
struct Hurries(Duration);

impl Rules for Hurries {
    fn digest(&self) -> Digest {
        Digest::new([4; 32])
    }

    fn evaluate(&self, layer: Layer, facts: &Facts) -> Evaluation {
        let mut evaluation = OneRule(RuleOutcome::Permit).evaluate(layer, facts);
        for hit in &mut evaluation.hits {
            let mut rule = model::RuleInfo::clone(&hit.rule);
            rule.limits.runtime = Some(self.0);
            *hit = model::Hit::from(rule);
        }
        evaluation
    }

    fn standing(&self, _: &ContractId, _: model::UnixMicros) -> (Standing, Option<Digest>) {
        (Standing::Active, Some(Digest::new([9; 32])))
    }

    fn release(&self, _: &Facts) -> Option<Arc<dyn Release>> {
        Some(Arc::new(NoX))
    }
}

#[tokio::test]
async fn how_long_a_rule_gives_a_call_counts_to_the_end_of_its_answer() {
    let (world, taker) = (governed(), Arc::new(Takes::default()));
    world.engine.replace_rules(Box::new(Hurries(Duration::from_millis(40))));
    let pieces: Vec<&[u8]> = (0..400).map(|_| b"a".as_slice()).collect();
    let slow = Says { pause: Duration::from_millis(1), ..says(&pieces) };
    let closed = world.call(Class::Read, slow, &taker).await;
    let Closed::Failed { fault, perhaps_executed, .. } = closed else { panic!("{closed:?}") };
    assert_eq!((fault.code(), perhaps_executed), ("upstream.past_runtime", true));
    assert_eq!(fault.to_string(), "CRM did not answer within the 0 s that the rule r gives it");
    assert_eq!(world.outcome()["code"], "upstream.past_runtime");
}

// INVARIANT: an app is not to blame for whoever takes its answer too slowly.
#[tokio::test]
async fn an_answer_that_is_not_taken_in_time_is_no_fault_of_its_app() {
    let world = governed();
    let taker = Arc::new(Takes { pause: Duration::from_secs(600), ..Takes::default() });
    world.engine.replace_rules(Box::new(Hurries(Duration::from_secs(1))));
    let closed = world.call(Class::Read, says(&[b"{}"]), &taker).await;
    let Closed::Failed { fault, perhaps_executed, .. } = closed else { panic!("{closed:?}") };
    assert_eq!((fault.code(), fault.blame(), perhaps_executed), ("caller.not_taken", Blame::Caller, true));
    assert_eq!(fault.to_string(), "the answer was not taken within the 1 s that the rule r gives the call");
    let outcome = world.outcome();
    assert_eq!((&outcome["code"], &outcome["effect"]), (&"caller.not_taken".into(), &"executed".into()));
}

#[tokio::test]
async fn whoever_goes_away_ends_it_and_the_record_says_how_much_had_left() {
    let world = governed();
    let taker = Arc::new(Takes { patience: Some(2), ..Takes::default() });
    let piece = vec![b'a'; 200_000];
    let pieces: Vec<&[u8]> = (0..50).map(|_| piece.as_slice()).collect();
    let closed = world.call(Class::Read, says(&pieces), &taker).await;
    assert!(matches!(closed, Closed::Failed { ref fault, .. } if fault.code() == "caller.gone"), "{closed:?}");
    let outcome = world.outcome();
    let (passed, came) = (outcome["answer_bytes"].as_u64().unwrap(), outcome["came_bytes"].as_u64().unwrap());
    assert!(passed > 0 && came < 1_500_000, "{passed} of {came}");
}

// INVARIANT: no secret in an answer, however its pieces are cut.
#[tokio::test]
async fn a_secret_is_taken_out_wherever_the_pieces_are_cut() {
    let mut long = vec![b'a'; 150_000];
    for at in [0, 32_760, 98_300, 100_000, 149_994] {
        long.splice(at..at + 6, *b"s3cret");
    }
    for cut in [1, 7, 1_000, 32_767, 65_536, 150_000] {
        let (world, taker) = (governed(), Arc::new(Takes::default()));
        let pieces: Vec<&[u8]> = long.chunks(cut.max(50)).collect();
        let closed = world.call(Class::Read, says(&pieces), &taker).await;
        assert!(matches!(closed, Closed::Answered { .. }), "{closed:?}");
        let text = String::from_utf8(taker.bytes.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("s3cret"), "{cut}");
        assert_eq!(text.matches("[redacted]").count(), 5, "{cut}");
    }
}

#[tokio::test]
async fn what_is_no_read_is_on_record_before_anybody_hears_of_it() {
    let (world, taker) = (governed(), Arc::new(Takes::default()));
    let closed = world.call(Class::Write, says(&[b"{\"a\":\"x\"}"]), &taker).await;
    let Closed::Answered { answer, .. } = closed else { panic!("{closed:?}") };
    assert_eq!(&answer.body[..], b"{\"a\":\"\"}");
    assert_eq!(taker.begun.load(Ordering::SeqCst), 0);
    assert_eq!(world.diary.lock().unwrap().last().unwrap(), "outcome executed answered");
    assert_eq!(world.outcome()["answer_bytes"], 8);

    let (world, taker) = (governed(), Arc::new(Takes::default()));
    let piece = vec![b'a'; 60_000];
    let closed = world.call(Class::Write, says(&[&piece, &piece]), &taker).await;
    assert!(matches!(closed, Closed::Failed { ref fault, .. } if fault.code() == "upstream.too_large"), "{closed:?}");
}

#[tokio::test]
async fn what_says_that_it_failed_says_nothing_else() {
    let (world, taker) = (governed(), Arc::new(Takes::default()));
    let failing = Says { kind: AnswerKind::ProtocolError, ..says(&[b"{\"secret of another tenant\":1}"]) };
    let closed = world.call(Class::Read, failing, &taker).await;
    assert!(matches!(closed, Closed::Failed { ref fault, .. } if fault.code() == "upstream.garbage"), "{closed:?}");
    assert!(taker.bytes.lock().unwrap().is_empty());
}

// INVARIANT: no byte past a limit of the contract.
#[tokio::test]
async fn an_answer_breaks_off_where_no_more_bytes_are_left_and_the_rest_goes_back() {
    let budget = BudgetOf::Bytes { most: 3 << 20, within: Duration::from_secs(3_600) };
    let world = limited(Some(Arc::new(NoX)), vec![budget]);
    let piece = vec![b'a'; 100_000];
    let pieces: Vec<&[u8]> = (0..50).map(|_| piece.as_slice()).collect();
    let short = Arc::new(Takes::default());
    assert!(matches!(world.call(Class::Read, says(&pieces[..10]), &short).await, Closed::Answered { .. }));
    let taker = Arc::new(Takes::default());
    let closed = world.call(Class::Read, says(&pieces), &taker).await;
    assert!(matches!(closed, Closed::Failed { ref fault, .. } if fault.code() == "rule.limit"), "{closed:?}");
    let passed = taker.bytes.lock().unwrap().len() + short.bytes.lock().unwrap().len();
    assert!((2 << 20..=3 << 20).contains(&passed), "{passed}");
    assert!(!taker.ended.load(Ordering::SeqCst));
    assert_eq!(world.outcome()["code"], "rule.limit");
}

#[tokio::test]
async fn more_records_than_were_asked_for_are_not_let_out() {
    #[derive(Debug)]
    struct Two;
    impl Release for Two {
        fn filter(&self, _: Form) -> Result<Box<dyn Filter>, Fault> {
            Ok(Box::new(Two))
        }
    }
    impl Filter for Two {
        fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
            out.extend_from_slice(bytes);
            Ok(())
        }
        fn finish(&mut self, _: &mut Vec<u8>) -> Result<Released, Fault> {
            Ok(Released { rows: 2, ..Released::default() })
        }
    }
    let budget = BudgetOf::Records { most: 100, within: Duration::from_secs(3_600) };
    let (world, taker) = (limited(Some(Arc::new(Two)), vec![budget]), Arc::new(Takes::default()));
    let closed = world.call(Class::Read, says(&[b"[1,2]"]), &taker).await;
    assert!(matches!(closed, Closed::Failed { ref fault, .. } if fault.code() == "rule.limit"), "{closed:?}");
    assert!(taker.bytes.lock().unwrap().is_empty());
}

// INVARIANT: no answer shows the credential that the call went out with, however new that is.
#[tokio::test]
async fn a_secret_that_came_along_just_now_is_taken_out() {
    let sent = Arc::new(AtomicBool::new(false));
    let world = keeping(Arc::new(JustRotated(Arc::clone(&sent))), Some(Arc::new(NoX)), Vec::new());
    let taker = Arc::new(Takes::default());
    let closed = world.call(Class::Read, Says { sent, ..says(&[b"it was s3cret"]) }, &taker).await;
    assert!(matches!(closed, Closed::Answered { .. }), "{closed:?}");
    assert_eq!(taker.bytes.lock().unwrap().as_slice(), b"it was [redacted]");
}
