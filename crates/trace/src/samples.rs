//! Records and a store for tests.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use model::{
    AgentId, AppId, CallId, Class, ClassSource, Digest, HumanId, Method, Reason, RuleId, TaskId, ToolName, UnixMicros,
    Verdict,
};
use serde_json::json;

use crate::commitment::sha256;
use crate::entry::Entry;
use crate::error::{StoreFault, StoreFaultKind};
use crate::log::{LogReader, LogStore, SETTLED_KEY, SETTLED_KIND, Use, UseOf};
use crate::question::{Field, Query};
use crate::record::{Came, Change, Delegation, Effect, Intent, Outcome, OutcomeStatus, RecordKind, StateWrite};
use crate::row::Row;

pub(crate) fn call(number: u16) -> CallId {
    let [high, low] = number.to_be_bytes();
    CallId::new(1_763_726_400_000 + u64::from(number), [0, 1, 2, 3, 4, 5, 6, 7, high, low])
}

pub(crate) fn intent(number: u16) -> Intent<'static> {
    let arguments = br#"{"to":"canary-customer@example.com","rows":[1,2.50]}"#;
    Intent {
        call: call(number),
        cause: None,
        at: UnixMicros(1_763_726_400_123_456 + i64::from(number)),
        method: Method::ToolsCall,
        agent: AgentId::parse("support-bot").unwrap(),
        human: HumanId::parse("canary-ada@example.com").unwrap(),
        task: TaskId::parse("canary-task").unwrap(),
        token_id: "canary-jti \"quoted\"".into(),
        approvals: Vec::new(),
        delegation_chain: vec![Delegation {
            delegator: "human:canary-ada@example.com".to_owned(),
            delegatee: "agent:support-bot".to_owned(),
            scope: Some(vec![AppId::parse("crm").unwrap()]),
        }],
        wire: "mcp/2025-11-25".into(),
        trace_parent: None,
        app: AppId::parse("crm").unwrap(),
        tool: ToolName::parse("customers.export").unwrap(),
        class: Class::Read,
        class_source: ClassSource::Profile,
        definition: Some(Digest::new([7; 32])),
        verdict: Verdict::Allow,
        reasons: vec![Reason {
            rule: RuleId::parse("crm.reads").unwrap(),
            sentence: "canary-sentence: people of sales may read".to_owned(),
            source: Some("rules.yaml:3".to_owned()),
            text: Some("permit(canary-text)".to_owned()),
            instead: None,
            redact: None,
            approvers: Vec::new(),
            approvals: 1,
            security_relevant: false,
            clause: None,
        }]
        .into(),
        observed: None,
        bundle: Digest::new([9; 32]),
        directory_age_us: Some(86_400_000_000),
        catalog_age_us: Some(12_345_678),
        decide_us: 17,
        arguments: Some(Bytes::from_static(arguments)),
        arguments_digest: sha256(arguments),
        kept: model::ArgumentLevel::Full,
        redacted: None,
        read: None,
        facts: serde_json::value::to_raw_value(&serde_json::json!({"human": {"name": "canary-Ada"}, "access": true}))
            .unwrap()
            .into(),
    }
}

pub(crate) fn outcome(number: u16) -> Outcome {
    Outcome {
        call: call(number),
        human: Some(HumanId::parse("canary-ada@example.com").unwrap()),
        at: UnixMicros(1_763_726_401_000_000 + i64::from(number)),
        effect: Effect::Executed,
        status: OutcomeStatus::Answered,
        code: None,
        agrees: Some(true),
        answer_digest: Some(sha256(b"canary-answer")),
        answer_bytes: 13,
        came: Some(Came { digest: sha256(b"canary-answer with more"), bytes: 23 }),
        hidden: Some(2),
        scrubbed: 1,
        wire: Some("mcp/2025-06-18".into()),
        http_status: Some(200),
        rpc_code: None,
        credential: Some("vault:canary-crm".to_owned()),
        durable_us: Some(412),
        took_us: 4_200,
    }
}

pub(crate) fn change(number: u16) -> Change {
    Change {
        id: call(number),
        at: UnixMicros(1_763_726_402_000_000),
        by: "os-user:canary-root".to_owned(),
        what: "people.offboard".to_owned(),
        subject: "canary-ada@example.com".to_owned(),
        human: Some(HumanId::parse("canary-ada@example.com").unwrap()),
        detail: json!({ "why": "canary-left", "open_calls": 0 }),
        state: vec![StateWrite {
            kind: "person".to_owned(),
            key: "canary-ada@example.com".to_owned(),
            value: Some("{\"active\":false}".to_owned()),
        }],
    }
}

pub(crate) fn entry(row: &Row, sequence: u64) -> Entry {
    Entry {
        sequence,
        kind: row.kind,
        call: row.call.clone(),
        at: row.at,
        agent: row.agent.as_ref().map(ToString::to_string),
        human: row.human.as_ref().map(ToString::to_string),
        app: row.app.as_ref().map(ToString::to_string),
        tool: row.tool.as_ref().map(ToString::to_string),
        class: row.class,
        verdict: row.verdict,
        leaf: row.leaf_text().unwrap(),
        leaf_hash: row.leaf_hash,
        body: row.body_text(),
        lost_key: None,
        outcome_leaf: None,
    }
}

pub(crate) fn full() -> StoreFault {
    StoreFault::new(StoreFaultKind::Full, "there is no room left for the trace").with_hint("free space")
}

/// Records and state in memory; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Memory {
    pub(crate) held: Arc<Mutex<Held>>,
}

#[derive(Default)]
pub(crate) struct Held {
    pub(crate) rows: Vec<Row>,
    pub(crate) state: Vec<StateWrite>,
    pub(crate) appends: Vec<usize>,
}

impl LogStore for Memory {
    fn append(&mut self, rows: &[Row], state: &[StateWrite]) -> Result<u64, StoreFault> {
        let mut held = self.held.lock().unwrap();
        let first = held.rows.len() as u64 + 1;
        held.rows.extend_from_slice(rows);
        for write in state {
            held.state.retain(|old| (&old.kind, &old.key) != (&write.kind, &write.key));
            held.state.extend(write.value.is_some().then(|| write.clone()));
        }
        held.appends.push(rows.len());
        Ok(first)
    }
}

impl LogReader for Memory {
    fn find(&self, query: &Query) -> Result<Vec<Entry>, StoreFault> {
        let held = self.held.lock().unwrap();
        let mut all: Vec<Entry> = held.rows.iter().zip(1..).map(|(row, sequence)| entry(row, sequence)).collect();
        let outcomes: Vec<Entry> = all.iter().filter(|entry| entry.kind == RecordKind::Outcome).cloned().collect();
        for entry in all.iter_mut().filter(|entry| entry.kind == RecordKind::Intent) {
            entry.outcome_leaf =
                outcomes.iter().find(|outcome| outcome.call == entry.call).map(|outcome| outcome.leaf.clone());
        }
        if query.newest_first {
            all.reverse();
        }
        Ok(all.into_iter().filter(|entry| query.fits(entry)).take(query.limit).collect())
    }

    fn by_id(&self, id: &str) -> Result<Vec<Entry>, StoreFault> {
        let whole = Query { limit: usize::MAX, newest_first: false, ..Query::default() };
        Ok(self.find(&whole)?.into_iter().filter(|entry| entry.call.as_str() == id).collect())
    }

    fn uses(&self, of: UseOf<'_>) -> Result<Vec<Use>, StoreFault> {
        let query = match of {
            UseOf::Agent(agent) => Query::default().with(Field::Agent, agent),
            UseOf::Human(human) => Query::default().with(Field::Human, human),
        };
        Ok(Use::of_calls(self.find(&Query { limit: usize::MAX, ..query })?))
    }

    fn counted(&self, query: &Query) -> Result<Vec<Use>, StoreFault> {
        Ok(Use::of_calls(self.find(&query.clone().of_kind(RecordKind::Intent))?))
    }

    fn unfinished(&self) -> Result<Vec<CallId>, StoreFault> {
        let settled: usize = self
            .state(SETTLED_KIND)?
            .into_iter()
            .find(|(key, _)| key == SETTLED_KEY)
            .map_or(0, |(_, value)| value.parse().unwrap());
        let held = self.held.lock().unwrap();
        let open = |row: &&Row| {
            row.verdict.is_some_and(Verdict::runs)
                && !held.rows.iter().any(|other| other.kind == RecordKind::Outcome && other.call == row.call)
        };
        Ok(held.rows.iter().skip(settled).filter(open).map(|row| row.call.clone()).collect())
    }

    fn last_sequence(&self) -> Result<u64, StoreFault> {
        Ok(self.held.lock().unwrap().rows.len() as u64)
    }

    fn state(&self, kind: &str) -> Result<Vec<(String, String)>, StoreFault> {
        let held = self.held.lock().unwrap();
        let of_kind = held.state.iter().filter(|write| write.kind == kind);
        Ok(of_kind.filter_map(|write| Some((write.key.clone(), write.value.clone()?))).collect())
    }

    fn tree(&self) -> Result<tlog::Frontier, StoreFault> {
        let leaves: Vec<tlog::Hash> =
            self.held.lock().unwrap().rows.iter().map(|row| tlog::Hash::new(*row.leaf_hash.as_bytes())).collect();
        let mut tree = tlog::Frontier::new();
        tree.append(&leaves, |_, _| {}).unwrap();
        Ok(tree)
    }

    fn tile(&self, _: tlog::Tile) -> Result<Option<Vec<u8>>, StoreFault> {
        Ok(None)
    }
}
