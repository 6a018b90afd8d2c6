//! What an engine is built from: a trace in memory, a clock that stands still, rules that permit.

use std::sync::Arc;
use std::time::Duration;

use decide::{Credentials, LinkPermit, Permit, Placed, Scrub};
use engine::{Engine, Parts};
use http::HeaderName;
use model::{
    Access, Agent, AgentId, App, AppId, Clock, DataClassification, Digest, DirectorySnapshot, Evaluation, Facts, Fault,
    Hit, Human, HumanId, Layer, Limits, Risk, RuleId, RuleInfo, RuleOutcome, RuleSource, Rules, Secret, UnixMicros,
};
use trace::{Journal, LogStore, Row, StateWrite, StoreFault};

/// An engine that permits everything to `ana` with `bot`.
pub fn engine() -> Engine {
    let limits = Limits {
        call_time_max: Duration::from_millis(100),
        connect_time_max: Duration::from_millis(80),
        answer_bytes_max: 1 << 20,
        // What cannot be decided is answered, and not waited for.
        hold_wait_max: Duration::ZERO,
        ..Limits::default()
    };
    let parts = Parts {
        directory: Arc::new(directory()),
        journal: Journal::start(Box::new(Memory::default())).expect("a thread"),
        credentials: Arc::new(NoCredentials),
        clock: Arc::new(Noon),
        limits,
        hold_key: Secret::new([7; 32]),
    };
    Engine::new(parts, Box::new(Yes)).expect("a key")
}

/// Always the same moment.
pub struct Noon;

impl Clock for Noon {
    fn now(&self) -> UnixMicros {
        UnixMicros(1_790_000_000_000_000)
    }
}

#[derive(Default)]
struct Memory {
    rows: u64,
}

impl LogStore for Memory {
    fn append(&mut self, rows: &[Row], _: &[StateWrite]) -> Result<u64, StoreFault> {
        self.rows += rows.len() as u64;
        Ok(self.rows + 1 - rows.len() as u64)
    }
}

struct Yes;

impl Rules for Yes {
    fn digest(&self) -> Digest {
        Digest::new([1; 32])
    }

    fn evaluate(&self, layer: Layer, _: &Facts) -> Evaluation {
        let source = RuleSource { file: Arc::from("yes.cedar"), line: 1, column: 1, text: Arc::from("permit") };
        let rule = RuleInfo::new(
            RuleId::builtin("yes"),
            RuleOutcome::Permit,
            layer,
            source,
            "everything is permitted".to_owned(),
        );
        let hits = if layer == Layer::Baseline { Vec::new() } else { vec![Hit::from(rule)] };
        Evaluation { hits, faults: Vec::new() }
    }
}

struct NoCredentials;

impl Credentials for NoCredentials {
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
        Arc::new(NoCredentials)
    }
}

impl Scrub for NoCredentials {
    fn scrub(&self, _: &[u8]) -> Option<(Vec<u8>, usize)> {
        None
    }
}

/// One person, one agent, one app.
pub fn directory() -> DirectorySnapshot {
    let ana = HumanId::parse("ana").expect("a name");
    let human = Human {
        id: ana.clone(),
        name: "Ana Diaz".to_owned(),
        department: None,
        seniority: None,
        role: None,
        manager: None,
        active: true,
    };
    let agent = Agent {
        id: AgentId::parse("bot").expect("a name"),
        name: "Bot".to_owned(),
        owner: ana.clone(),
        model_tier: None,
        recommend_only: false,
        active: true,
    };
    let app = App {
        id: AppId::parse(APP).expect("a name"),
        name: APP.to_owned(),
        risk: Risk::Low,
        data: DataClassification::Internal,
        category: None,
        owners: vec![ana.clone()],
        access: Access::default(),
        stopped: false,
        observe: false,
    };
    DirectorySnapshot {
        humans: [(ana.clone(), Arc::new(human))].into(),
        agents: [(agent.id.clone(), Arc::new(agent))].into(),
        apps: [(app.id.clone(), Arc::new(app))].into(),
        ..DirectorySnapshot::default()
    }
}

/// The app.
pub const APP: &str = "far";
