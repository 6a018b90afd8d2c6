use serde_json::json;

use super::*;
use crate::commitment::sha256;
use crate::row::Row;
use crate::samples::{change, entry, intent, outcome};

#[test]
fn an_intent_reads_back() {
    let written = intent(1);
    let view = entry(&Row::of_intent(&written).unwrap(), 1).intent().unwrap();
    assert_eq!(view.human.as_deref(), Some(written.human.as_str()));
    assert_eq!(view.task.as_deref(), Some(written.task.as_str()));
    assert_eq!(view.token_id.as_deref(), Some(&*written.token_id));
    assert_eq!(view.delegation_chain, written.delegation_chain);
    assert_eq!(view.wire.as_deref(), Some(&*written.wire));
    assert_eq!((view.directory_age_us, view.catalog_age_us), (written.directory_age_us, written.catalog_age_us));
    assert_eq!(view.decide_us, Some(written.decide_us));
    assert_eq!(view.reasons, written.reasons.to_vec());
    assert_eq!(view.because(), written.reasons[0].sentence);
    assert_eq!(view.facts.unwrap().get(), written.facts.as_str());
    assert_eq!(view.arguments.unwrap().get().as_bytes(), written.arguments.unwrap().as_ref());
    assert_eq!((view.bundle, view.definition), (written.bundle, written.definition));
    assert_eq!((view.class, view.class_source, view.verdict), (written.class, written.class_source, written.verdict));
}

#[test]
fn a_number_that_programs_cannot_read_hides_nothing_else_of_a_record() {
    let mut intent = intent(1);
    let arguments = r#"{"n":1e999,"whole":1000000000000000000001}"#;
    intent.arguments = Some(arguments.as_bytes().into());
    intent.arguments_digest = sha256(arguments.as_bytes());
    let shown = entry(&Row::of_intent(&intent).unwrap(), 1).to_json();
    assert_eq!(shown.pointer("/body/arguments"), Some(&json!(arguments)), "{shown}");
    assert!(shown.pointer("/body/facts").is_some_and(Value::is_object), "the rest stays what it is");
}

#[test]
fn an_outcome_reads_back_from_its_own_entry_and_from_the_intent() {
    let ended = Row::of_outcome(&outcome(1)).unwrap();
    let own = entry(&ended, 2);
    let view = own.outcome().unwrap();
    assert_eq!((view.effect, view.status, view.took_us), (Effect::Executed, OutcomeStatus::Answered, 4_200));
    assert_eq!(view.answer_digest, outcome(1).answer_digest);
    let written = outcome(1);
    assert_eq!((view.came, view.came_bytes), (written.came, written.came.map(|came| came.bytes)));
    assert_eq!((view.hidden, view.http_status, view.rpc_code), (Some(2), Some(200), None));
    assert_eq!((view.credential, view.durable_us), (written.credential, written.durable_us));
    assert_eq!(view.wire.as_deref(), written.wire.as_deref());
    assert!(own.intent().is_none() && own.change().is_none());

    let mut begun = entry(&Row::of_intent(&intent(1)).unwrap(), 1);
    assert!(begun.outcome().is_none());
    begun.outcome_leaf = ended.leaf_text();
    assert_eq!(begun.outcome().unwrap().took_us, 4_200);
    assert_eq!((begun.agrees(), own.agrees()), (Some(true), None));
    begun.verdict = Some(Verdict::Deny);
    assert_eq!(begun.agrees(), Some(false), "computed from both, whatever is said");
}

#[test]
fn a_change_reads_back() {
    let written = change(1);
    let view = entry(&Row::of_change(&written).unwrap(), 1).change().unwrap();
    assert_eq!((view.what, view.by, view.subject), (written.what, Some(written.by), Some(written.subject)));
    assert_eq!(view.detail, Some(written.detail));
}

#[test]
fn an_erased_body_leaves_the_rest() {
    let mut erased = entry(&Row::of_intent(&intent(1)).unwrap(), 1);
    erased.body = None;
    let view = erased.intent().unwrap();
    assert_eq!((view.agent.as_str(), view.human.as_deref(), view.because()), ("support-bot", None, "crm.reads"));
}

#[test]
fn json_for_programs_has_everything_but_the_salt() {
    let value = entry(&Row::of_intent(&intent(1)).unwrap(), 7).to_json();
    assert_eq!(value["sequence"], json!(7));
    assert_eq!(value["time"], json!("2025-11-21T12:00:00.123457Z"));
    assert_eq!(value["body"]["arguments"]["to"], json!("canary-customer@example.com"));
    assert_eq!(value["body"].get("salt"), None);
    assert_eq!(value["leaf"]["verdict"], json!("allow"));
}

#[test]
fn a_time_past_the_calendar_is_a_number() {
    assert_eq!(rfc3339(UnixMicros(0)), "1970-01-01T00:00:00.000000Z");
    assert_eq!(rfc3339(UnixMicros(i64::MAX)), i64::MAX.to_string());
}

#[test]
fn a_leaf_of_a_later_version_gives_no_view() {
    let mut odd = entry(&Row::of_intent(&intent(1)).unwrap(), 1);
    odd.leaf = odd.leaf.replace("\"agent\"", "\"actor\"");
    assert!(odd.intent().is_none());
    assert!(odd.to_json()["leaf"].is_object());
}
