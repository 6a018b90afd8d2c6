//! Records for tests.

use bytes::Bytes;
use model::{
    AgentId, AppId, CallId, Class, ClassSource, Digest, HumanId, Method, Observed, Reason, RuleId, TaskId, ToolName,
    UnixMicros, Verdict,
};
use trace::{Change, Delegation, Effect, Intent, Kept, Outcome, OutcomeStatus, Row, StateWrite};

/// Microseconds of the first record; record `n` comes `n` milliseconds later.
pub(crate) const START: i64 = 1_763_726_400_000_000;

pub(crate) fn call(number: u16) -> CallId {
    let [high, low] = number.to_be_bytes();
    CallId::new(at(number).millis(), [0, 1, 2, 3, 4, 5, 6, 7, high, low])
}

pub(crate) fn at(number: u16) -> UnixMicros {
    UnixMicros(START + i64::from(number) * 1_000)
}

pub(crate) fn intent(number: u16, agent: &str, human: &str, tool: &str, verdict: Verdict) -> Row {
    Row::of_intent(&asked(number, agent, human, tool, verdict)).unwrap()
}

/// A call in a task, decided by a rule.
pub(crate) fn asked_in(
    number: u16,
    agent: &str,
    human: &str,
    tool: &str,
    verdict: Verdict,
    task: &str,
    rule: &str,
) -> Row {
    let mut asked = asked(number, agent, human, tool, verdict);
    asked.task = TaskId::parse(task).unwrap();
    asked.reasons.to_mut()[0].rule = RuleId::parse(rule).unwrap();
    Row::of_intent(&asked).unwrap()
}

/// A call that ran, and would have been refused.
pub(crate) fn observed(number: u16) -> Row {
    let asked = asked(number, "bot", "ada", "find", Verdict::Allow);
    let observed = Some(Observed { verdict: Verdict::Deny, reasons: asked.reasons.to_vec() });
    Row::of_intent(&Intent { observed, ..asked }).unwrap()
}

fn asked(number: u16, agent: &str, human: &str, tool: &str, verdict: Verdict) -> Intent<'static> {
    let (app, tool) = tool.split_once('/').unwrap_or(("crm", tool));
    let arguments = br#"{"id":7}"#;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, arguments);
    let reason = Reason {
        rule: RuleId::builtin("crm.reads"),
        sentence: "people of sales may read".to_owned(),
        source: None,
        text: None,
        instead: None,
        redact: None,
        approvers: Vec::new(),
        approvals: 1,
        security_relevant: false,
        clause: None,
    };
    Intent {
        call: call(number),
        cause: None,
        at: at(number),
        method: Method::ToolsCall,
        agent: AgentId::parse(agent).unwrap(),
        human: HumanId::parse(human).unwrap(),
        task: TaskId::parse("t-1").unwrap(),
        token_id: "jti-1".into(),
        approvals: Vec::new(),
        delegation_chain: vec![Delegation {
            delegator: format!("human:{human}"),
            delegatee: format!("agent:{agent}"),
            scope: None,
        }],
        wire: "mcp/2025-11-25".into(),
        trace_parent: None,
        app: AppId::parse(app).unwrap(),
        tool: ToolName::parse(tool).unwrap(),
        class: Class::Read,
        class_source: ClassSource::Profile,
        definition: None,
        verdict,
        reasons: vec![reason].into(),
        observed: None,
        bundle: Digest::new([9; 32]),
        directory_age_us: Some(86_400_000_000),
        catalog_age_us: Some(12_345_678),
        decide_us: 9,
        arguments: Some(Bytes::from_static(arguments)),
        arguments_digest: Digest::new(digest.as_ref().try_into().unwrap()),
        kept: model::ArgumentLevel::Full,
        redacted: None,
        read: None,
        facts: serde_json::value::to_raw_value(&serde_json::json!({"access": true})).unwrap().into(),
    }
}

pub(crate) fn outcome(of: u16, number: u16) -> Row {
    Row::of_outcome(&answered(of, number)).unwrap()
}

/// An outcome of one of four sorts.
pub(crate) fn ended(of: u16, number: u16, sort: u64) -> Row {
    let answered = answered(of, number);
    let (effect, status, code) = match sort {
        0 => (Effect::Unknown, OutcomeStatus::Unknown, Some("a.b")),
        1 => (Effect::NotExecuted, OutcomeStatus::Failed, Some("c.d")),
        2 => (Effect::Executed, OutcomeStatus::ToolError, None),
        _ => (Effect::Executed, OutcomeStatus::Answered, None),
    };
    Row::of_outcome(&Outcome { effect, status, code: code.map(str::to_owned), ..answered }).unwrap()
}

fn answered(of: u16, number: u16) -> Outcome {
    Outcome {
        call: call(of),
        human: Some(HumanId::parse("ada").unwrap()),
        at: at(number),
        effect: Effect::Executed,
        status: OutcomeStatus::Answered,
        code: None,
        agrees: Some(true),
        answer_digest: None,
        answer_bytes: 2,
        came: None,
        hidden: None,
        scrubbed: 0,
        wire: Some("mcp/2025-06-18".into()),
        http_status: Some(200),
        rpc_code: None,
        credential: None,
        durable_us: Some(412),
        took_us: 700,
    }
}

pub(crate) fn change(number: u16) -> Row {
    Row::of_change(&Change { at: at(number), ..bare_change(&call(number)) }).unwrap()
}

/// A change that concerns something, with a record about this person.
pub(crate) fn change_about(number: u16, what: &str, subject: &str, human: Option<&str>) -> Row {
    let human = human.map(|human| HumanId::parse(human).unwrap());
    let change = Change {
        at: at(number),
        what: what.to_owned(),
        subject: subject.to_owned(),
        human,
        ..bare_change(&call(number))
    };
    Row::of_change(&change).unwrap()
}

/// The change that says that these texts are erased, counted up to the record before it.
pub(crate) fn erased(number: u16, kept: &Kept, counted_to: u64) -> Row {
    let numbers: Vec<String> = kept.subjects.iter().map(ToString::to_string).collect();
    let (first, last) = kept.sequences;
    let detail = serde_json::json!({ "records": kept.records, "first": first, "last": last, "counted_to": counted_to });
    let (what, subject) = ("trace.erase".to_owned(), format!("subject:{}", numbers.join(",")));
    Row::of_change(&Change { at: at(number), what, subject, detail, ..bare_change(&call(number)) }).unwrap()
}

/// The change that says that texts up to this record are let go.
pub(crate) fn retained(number: u16, last: u64) -> Row {
    let detail = serde_json::json!({ "last": { "sequence": last } });
    let change = Change { at: at(number), what: "trace.retain".to_owned(), detail, ..bare_change(&call(number)) };
    Row::of_change(&change).unwrap()
}

pub(crate) fn change_of(id: &CallId) -> Row {
    Row::of_change(&bare_change(id)).unwrap()
}

fn bare_change(id: &CallId) -> Change {
    Change {
        id: id.clone(),
        at: at(0),
        by: "os-user:root".to_owned(),
        what: "people.offboard".to_owned(),
        subject: "ada".to_owned(),
        human: None,
        detail: serde_json::json!({ "why": "left" }),
        state: Vec::new(),
    }
}

pub(crate) fn put(key: &str, value: Option<&str>) -> StateWrite {
    StateWrite { kind: "person".to_owned(), key: key.to_owned(), value: value.map(str::to_owned) }
}
