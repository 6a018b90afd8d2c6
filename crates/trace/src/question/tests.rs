use model::Observed;

use super::*;
use crate::record::{Change, Intent, Outcome};
use crate::row::Row;
use crate::samples::{change, entry, intent, outcome};

/// 2026-11-21T10:00:03Z.
const NOW: UnixMicros = UnixMicros(1_795_255_203_000_000);

fn check(entry: &Entry, fits: &[&str], fits_not: &[&str]) {
    for (questions, expected) in [(fits, true), (fits_not, false)] {
        for question in questions {
            assert_eq!(Query::parse(question, NOW).unwrap().fits(entry), expected, "{question}");
        }
    }
}

#[test]
fn every_field_has_a_word_of_its_own() {
    let mut words = Field::ALL.map(Field::as_str).to_vec();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), Field::ALL.len());
}

#[test]
fn calls_are_asked_for() {
    let mut call = entry(&Row::of_intent(&intent(7)).unwrap(), 3);
    let id = call.call.as_str().to_owned();
    let tail: String = id.chars().skip(20).collect();
    let bundle = "09".repeat(32);
    check(
        &call,
        &[
            "",
            "kind:intent",
            "agent:support-bot",
            "human:canary-ada@example.com",
            "app:crm,mail",
            "-app:mail",
            "class:read",
            "tool:customers.export",
            "rule:crm.reads",
            "verdict:allow,deny",
            "task:canary-task",
            "method:tools/call",
            "observed:no",
            "-would:deny",
            "-status:failed",
            "since:2025-11-21",
            "until:2025-11-21",
            "-what:people.offboard",
            &format!("call:{id}"),
            &format!("call:{tail}"),
            &format!("call:{}", tail.to_uppercase()),
            &format!("bundle:{bundle}"),
        ],
        &[
            "kind:change",
            "agent:canary-ada@example.com",
            "app:mail",
            "-app:crm,mail",
            "app:crm -tool:customers.export",
            "rule:other",
            "task:other",
            "observed:yes",
            "would:deny",
            "status:answered",
            "effect:executed",
            "since:2025-11-22",
            "until:2025-11-20",
            "call:abc",
            "by:os-user:canary-root",
        ],
    );
    call.outcome_leaf = Row::of_outcome(&outcome(7)).unwrap().leaf_text();
    check(&call, &["status:answered", "effect:executed,unknown"], &["status:failed", "-effect:executed", "code:a.b"]);
    call.body = None;
    check(&call, &["-task:canary-task"], &["task:canary-task"]);
    let observed = Some(Observed { verdict: Verdict::Deny, reasons: Vec::new() });
    let call = entry(&Row::of_intent(&Intent { observed, ..intent(7) }).unwrap(), 3);
    check(&call, &["observed:yes", "would:deny,hold"], &["observed:no", "would:hold"]);
    let bounds = |after, before| Query { after_sequence: after, before_sequence: before, ..Query::default() };
    assert!(bounds(Some(2), Some(4)).fits(&call));
    assert!(!bounds(Some(3), None).fits(&call) && !bounds(None, Some(3)).fits(&call));
}

#[test]
fn outcomes_and_changes_are_asked_for() {
    let failed = Outcome { status: OutcomeStatus::Failed, code: Some("upstream.gone".to_owned()), ..outcome(7) };
    let failed = entry(&Row::of_outcome(&failed).unwrap(), 4);
    check(
        &failed,
        &["kind:outcome", "status:failed", "code:upstream.gone", "-agent:x"],
        &["status:answered", "agent:x", "observed:no"],
    );
    let change = Change { what: "people.restore".to_owned(), ..change(8) };
    let change = entry(&Row::of_change(&change).unwrap(), 5);
    check(
        &change,
        &["what:people.restore", "by:os-user:canary-root", "subject:canary-ada@example.com", "kind:change,outcome"],
        &["what:people.offboard", "by:ada", "verdict:allow", "task:x"],
    );
}
