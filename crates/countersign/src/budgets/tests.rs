use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use decide::{
    Answer, AnswerKind, Credentials, LinkPermit, Outgoing, Permit, Placed, Scrub, SendFault, Upstream, UpstreamFuture,
};
use engine::{CallRequest, Closed, Parts};
use http::HeaderName;
use model::{
    Access, Actor, Agent, App, AppId, Budget, BudgetOf, BudgetPer, Class, ClassSource, Clock, DataClassification,
    Digest, DirectorySnapshot, Evaluation, Fault, Hit, Human, HumanId, Layer, Limits, Method, Risk, RuleId, RuleInfo,
    RuleOutcome, RuleSource, Rules, Secret, ToolFacts, ToolStatus,
};
use store::{AheadLog, SqliteReader};
use trace::Journal;

use super::*;

/// Three calls an hour and one retry; what is used up is denied.
struct Few;

impl Rules for Few {
    fn digest(&self) -> Digest {
        Digest::new([1; 32])
    }

    fn evaluate(&self, layer: Layer, facts: &Facts) -> Evaluation {
        let rule = |id: &RuleId, outcome| {
            let source = RuleSource { file: "f".into(), line: 1, column: 1, text: "t".into() };
            Hit::from(RuleInfo::new(id.clone(), outcome, layer, source, "as it says".to_owned()))
        };
        let permit = rule(&RuleId::builtin("yes"), RuleOutcome::Permit);
        let spent = facts.spent.iter().map(|id| rule(id, RuleOutcome::Deny));
        let hits = if layer == Layer::Baseline { Vec::new() } else { spent.chain([permit]).collect() };
        Evaluation { hits, faults: Vec::new() }
    }

    fn each_budget(&self, _: &Facts, show: &mut dyn FnMut(&Budget)) {
        let mut budget = |rule, of| show(&Budget { rule: RuleId::builtin(rule), of, per: BudgetPer::Pair });
        budget("calls", BudgetOf::Calls { most: 3, within: Duration::from_secs(3_600) });
        budget("retries", BudgetOf::Retries { most: 1 });
    }

    fn look_back(&self) -> Option<Duration> {
        Some(Duration::from_secs(3_600))
    }
}

struct Nothing;

impl Credentials for Nothing {
    fn header(&self, _: &Permit) -> Result<Option<Placed<HeaderName>>, Fault> {
        Ok(None)
    }

    fn own_header(&self, _: &LinkPermit) -> Result<Option<(HeaderName, Secret<String>)>, Fault> {
        Ok(None)
    }

    fn environment(&self, _: &LinkPermit) -> Result<Vec<Placed<String>>, Fault> {
        Ok(Vec::new())
    }

    fn named(&self, _: &AppId) -> Option<String> {
        None
    }

    fn scrubber(&self, _: &AppId) -> Arc<dyn Scrub> {
        Arc::new(Self)
    }
}

impl Scrub for Nothing {
    fn scrub(&self, _: &[u8]) -> Option<(Vec<u8>, usize)> {
        None
    }
}

struct Answers(AnswerKind);

impl Upstream for Answers {
    fn send<'a>(&'a self, permit: Permit, _: Outgoing) -> UpstreamFuture<'a> {
        let _ = permit.spend();
        Box::pin(async { Ok::<_, SendFault>(Answer { kind: self.0, body: Bytes::from_static(b"{}") }) })
    }

    fn redact(&self, answer: Answer, _: &str) -> Result<(Answer, usize), Fault> {
        Ok((answer, 0))
    }
}

/// Minutes after an hour that does not matter.
struct At(i64);

impl Clock for At {
    fn now(&self) -> UnixMicros {
        UnixMicros(1_790_000_000_000_000 + self.0 * 60_000_000)
    }
}

fn directory() -> DirectorySnapshot {
    let ana: HumanId = "ana".parse().unwrap();
    let human = Human {
        id: ana.clone(),
        name: "Ana".into(),
        department: None,
        seniority: None,
        role: None,
        manager: None,
        active: true,
    };
    let agent = Agent {
        id: "bot".parse().unwrap(),
        name: "Bot".into(),
        owner: ana.clone(),
        model_tier: None,
        recommend_only: false,
        active: true,
    };
    let app = App {
        id: "crm".parse().unwrap(),
        name: "CRM".into(),
        risk: Risk::Low,
        data: DataClassification::Public,
        category: None,
        owners: Vec::new(),
        access: Access::default(),
        observe: false,
        stopped: false,
    };
    DirectorySnapshot {
        humans: HashMap::from([(ana, Arc::new(human))]),
        agents: HashMap::from([(agent.id.clone(), Arc::new(agent))]),
        apps: HashMap::from([(app.id.clone(), Arc::new(app))]),
        ..DirectorySnapshot::default()
    }
}

/// A gateway on this trace that has just started, and how many calls of before it counted.
fn started(trace: &Path, minutes: i64) -> (Engine, usize) {
    let log = AheadLog::open(trace, store::Durability::DangerOff).unwrap();
    let parts = Parts {
        directory: Arc::new(directory()),
        journal: Journal::start(Box::new(log)).unwrap(),
        credentials: Arc::new(Nothing),
        clock: Arc::new(At(minutes)),
        limits: Limits::default(),
        hold_key: model::Secret::new([7; 32]),
    };
    let engine = Engine::new(parts, Box::new(Few)).unwrap();
    let counted = count_from(&SqliteReader::open(trace).unwrap(), &engine).unwrap();
    (engine, counted)
}

async fn runs(engine: &Engine, arguments: &'static str, kind: AnswerKind) -> bool {
    let request = CallRequest {
        actor: Actor {
            agent: "bot".parse().unwrap(),
            human: "ana".parse().unwrap(),
            task: "t".parse().unwrap(),
            only_app: None,
            token_id: "j".into(),
        },
        app: "crm".parse().unwrap(),
        method: Method::ToolsCall,
        tool: ToolFacts::new("look".parse().unwrap(), Class::Write, ClassSource::Pin, ToolStatus::Pinned),
        cause: None,
        arguments: Some(Bytes::from_static(arguments.as_bytes())),
        readable: None,
        wire: "mcp/2025-11-25",
        trace_parent: None,
        listed_at: None,
        kept: model::ArgumentLevel::Redacted,
        upstream: Arc::new(Answers(kind)),
        waiter: None,
        contract: None,
        taker: None,
    };
    matches!(engine.call(request).await, Closed::Answered { .. })
}

async fn stop(engine: Engine) {
    engine.settle().await;
    engine.close();
}

#[tokio::test]
async fn a_restart_forgets_no_call() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace.db");
    let (engine, counted) = started(&trace, 0);
    assert_eq!(counted, 0);
    assert!(runs(&engine, "{\"a\":1}", AnswerKind::Result).await);
    stop(engine).await;
    let (engine, counted) = started(&trace, 30);
    assert_eq!(counted, 1);
    assert!(runs(&engine, "{\"a\":2}", AnswerKind::Result).await);
    assert!(runs(&engine, "{\"a\":3}", AnswerKind::Result).await);
    assert!(!runs(&engine, "{\"a\":4}", AnswerKind::Result).await);
    stop(engine).await;
    let (engine, counted) = started(&trace, 40);
    assert_eq!(counted, 3, "what was refused is not counted");
    assert!(!runs(&engine, "{\"a\":5}", AnswerKind::Result).await);
    stop(engine).await;
    let (engine, counted) = started(&trace, 62);
    assert_eq!(counted, 2, "what is older than the stretch is not counted");
    assert!(runs(&engine, "{\"a\":6}", AnswerKind::Result).await);
    assert!(!runs(&engine, "{\"a\":7}", AnswerKind::Result).await);
    stop(engine).await;
}

#[tokio::test]
async fn a_restart_forgets_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace.db");
    let (engine, _) = started(&trace, 0);
    assert!(runs(&engine, "{\"a\":1}", AnswerKind::ToolError).await);
    assert!(runs(&engine, "{\"a\":1}", AnswerKind::ToolError).await);
    stop(engine).await;
    let (engine, _) = started(&trace, 1);
    assert!(!runs(&engine, "{\"a\":1}", AnswerKind::Result).await, "both tries failed before");
    assert!(runs(&engine, "{\"a\":2}", AnswerKind::Result).await, "another call is no retry");
    stop(engine).await;
}
