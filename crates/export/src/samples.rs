//! A log for tests, in a real store.

use std::sync::Arc;

use bytes::Bytes;
use model::{
    AgentId, AppId, CallId, Class, ClassSource, Clock, Digest, HumanId, Method, Reason, RuleId, TaskId, ToolName,
    UnixMicros, Verdict,
};
use store::{Durability, SqliteLog, SqliteReader};
use tlog::{Algorithm, SigningKey};
use trace::{Change, Effect, Entry, Intent, LogReader, LogStore as _, Notary, Outcome, OutcomeStatus, Query, Row};

use crate::item::{About, Calls, Item};

pub(crate) const ORIGIN: &str = "gateway.example/trace";
const START: i64 = 1_763_726_400_000_000;

/// A log in a folder of its own.
pub(crate) struct Log {
    pub(crate) folder: tempfile::TempDir,
    store: SqliteLog,
    pub(crate) notary: Notary,
}

pub(crate) struct Noon;

impl Clock for Noon {
    fn now(&self) -> UnixMicros {
        UnixMicros(START)
    }
}

pub(crate) fn noon() -> Arc<dyn Clock> {
    Arc::new(Noon)
}

pub(crate) fn about() -> About {
    About { origin: ORIGIN.to_owned(), version: "1.2.3".to_owned() }
}

impl Log {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteLog::open(&folder.path().join("trace.db"), Durability::DangerOff).unwrap();
        let key = SigningKey::from_seed(ORIGIN.parse().unwrap(), Algorithm::Ed25519, &[7; 32]).unwrap();
        Self { folder, store, notary: Notary::new(ORIGIN.to_owned(), vec![key]) }
    }

    /// Calls of these numbers with their outcomes: every third is denied and marked.
    pub(crate) fn with_calls(numbers: std::ops::Range<u16>) -> Self {
        let mut log = Self::new();
        log.add_calls(numbers);
        log
    }

    pub(crate) fn add_calls(&mut self, numbers: std::ops::Range<u16>) {
        let mut rows = Vec::new();
        for number in numbers {
            let marked = number % 3 == 2;
            rows.push(
                Row::of_intent(&intent(number, if marked { Verdict::Deny } else { Verdict::Allow }, marked)).unwrap(),
            );
            if !marked {
                rows.push(Row::of_outcome(&outcome(number)).unwrap());
            }
        }
        self.add(&rows);
    }

    pub(crate) fn add(&mut self, rows: &[Row]) {
        self.store.append(rows, &[]).unwrap();
    }

    pub(crate) fn sign(&mut self) {
        let tree = self.reader().tree().unwrap().tree();
        let (checkpoint, state) = self.notary.sign(tree).unwrap().unwrap();
        self.store.append(&[], &state).unwrap();
        self.notary.kept(&checkpoint, UnixMicros(START));
    }

    pub(crate) fn reader(&self) -> SqliteReader {
        SqliteReader::open(&self.folder.path().join("trace.db")).unwrap()
    }

    pub(crate) fn items(&self) -> Vec<Item> {
        let reader = self.reader();
        let entries = reader.find(&Query { limit: usize::MAX, newest_first: false, ..Query::default() }).unwrap();
        Calls::default().items(&reader, entries).unwrap()
    }

    pub(crate) fn last(&self) -> Entry {
        self.items().pop().unwrap().entry
    }
}

fn at(number: u16) -> UnixMicros {
    UnixMicros(START + i64::from(number) * 1_000)
}

pub(crate) fn call(number: u16) -> CallId {
    let [high, low] = number.to_be_bytes();
    CallId::new(at(number).millis(), [0, 1, 2, 3, 4, 5, 6, 7, high, low])
}

/// A call with all that could break a format in its texts.
pub(crate) fn intent(number: u16, verdict: Verdict, marked: bool) -> Intent<'static> {
    let arguments = br#"{"query":"a|b=c\\d"}"#;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, arguments);
    let reason = Reason {
        rule: RuleId::parse("crm.reads").unwrap(),
        sentence: "people of | sales\nmay = read \\ this] \"here\"".to_owned(),
        source: Some("rules.yaml:3".to_owned()),
        text: Some("permit(…)".to_owned()),
        instead: None,
        redact: None,
        approvers: Vec::new(),
        approvals: 1,
        security_relevant: marked,
        clause: None,
    };
    Intent {
        call: call(number),
        cause: (number == 1).then(|| call(0)),
        at: at(number),
        method: Method::ToolsCall,
        agent: AgentId::parse("helper").unwrap(),
        human: HumanId::parse("ada").unwrap(),
        task: TaskId::parse("task-1").unwrap(),
        token_id: "t-1".into(),
        approvals: Vec::new(),
        delegation_chain: Vec::new(),
        wire: "mcp/2025-11-25".into(),
        trace_parent: None,
        app: AppId::parse("crm").unwrap(),
        tool: ToolName::parse("customers.find").unwrap(),
        class: Class::Read,
        class_source: ClassSource::Profile,
        definition: Some(Digest::new([7; 32])),
        verdict,
        reasons: vec![reason].into(),
        observed: None,
        bundle: Digest::new([9; 32]),
        directory_age_us: Some(86_400_000_000),
        catalog_age_us: None,
        decide_us: 12,
        arguments: Some(Bytes::from_static(arguments)),
        arguments_digest: Digest::new(digest.as_ref().try_into().unwrap()),
        kept: model::ArgumentLevel::Full,
        redacted: None,
        read: None,
        facts: serde_json::value::to_raw_value(&serde_json::json!({"human": {"name": "Ada"}, "access": true}))
            .unwrap()
            .into(),
    }
}

pub(crate) fn outcome(number: u16) -> Outcome {
    Outcome {
        call: call(number),
        at: UnixMicros(at(number).0 + 500),
        effect: Effect::Executed,
        status: if number.is_multiple_of(2) { OutcomeStatus::Answered } else { OutcomeStatus::ToolError },
        code: (number % 2 == 1).then(|| "app.tool_error".to_owned()),
        answer_digest: Some(Digest::new([3; 32])),
        agrees: Some(true),
        answer_bytes: 17,
        came: None,
        hidden: None,
        scrubbed: 0,
        wire: Some("mcp/2025-06-18".into()),
        http_status: Some(200),
        rpc_code: None,
        credential: None,
        durable_us: Some(412),
        took_us: 300,
        human: Some(HumanId::parse("ada").unwrap()),
    }
}

pub(crate) fn change(number: u16) -> Change {
    Change {
        id: call(number),
        at: at(number),
        by: "os-user:root".to_owned(),
        what: "people.offboard".to_owned(),
        subject: "human:ada".to_owned(),
        human: Some(HumanId::parse("ada").unwrap()),
        detail: serde_json::json!({"zebra": 1, "ant": [1.5, "x"]}),
        state: Vec::new(),
    }
}
