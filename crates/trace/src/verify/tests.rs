use model::{CallId, Class, Observed, UnixMicros, Verdict};
use serde_json::Value;

use super::*;
use crate::record::{Effect, Outcome, OutcomeStatus};
use crate::row::Row;
use crate::samples::{change, entry, intent, outcome};

fn entries() -> [Entry; 4] {
    let mut observed = intent(3);
    observed.observed = Some(Observed { verdict: Verdict::Deny, reasons: observed.reasons.to_vec() });
    [
        entry(&Row::of_intent(&intent(1)).unwrap(), 1),
        entry(&Row::of_outcome(&outcome(1)).unwrap(), 2),
        entry(&Row::of_change(&change(2)).unwrap(), 3),
        entry(&Row::of_intent(&observed).unwrap(), 4),
    ]
}

#[test]
fn what_was_written_verifies() {
    for entry in entries() {
        assert_eq!(verify_leaf(&entry), Ok(()));
    }
}

/// Every place of a text with another character in it, a character less, and a character more.
fn edits(text: &str) -> impl Iterator<Item = String> + '_ {
    (0..text.len()).flat_map(move |place| {
        let with = |middle: &str, behind: usize| {
            format!("{}{middle}{}", text.get(..place).unwrap(), text.get(place + behind..).unwrap())
        };
        let old = text.as_bytes()[place] as char;
        let other = if old.is_ascii_uppercase() { old.to_ascii_lowercase() } else { old.to_ascii_uppercase() };
        let changed = if other == old { '~' } else { other };
        [with(&changed.to_string(), 1), with("7", 1), with(" ", 1), with("", 1), with(" ", 0), with("0", 0)]
            .into_iter()
            .filter(move |edited| edited != text)
    })
}

#[test]
fn any_change_of_a_body_is_found() {
    for entry in entries() {
        let text = entry.body.clone().unwrap();
        for edited in edits(&text) {
            let wrong = Entry { body: Some(edited.clone()), ..entry.clone() };
            assert!(verify_leaf(&wrong).is_err(), "{edited}");
        }
    }
}

#[test]
fn any_change_of_a_leaf_is_found() {
    for entry in entries() {
        for edited in edits(&entry.leaf) {
            let wrong = Entry { leaf: edited.clone(), ..entry.clone() };
            assert!(verify_leaf(&wrong).is_err(), "{edited}");
        }
    }
}

#[test]
fn a_leaf_rehashed_over_an_edited_body_is_found() {
    // Whoever forges the hash too still has to open the commitments.
    let [mut entry, ..] = entries();
    entry.leaf = entry.leaf.replace("\"app\":\"crm\"", "\"app\":\"hr\"");
    entry.leaf_hash = leaf_hash(entry.leaf.as_bytes());
    assert_eq!(
        verify_leaf(&entry).unwrap_err().to_string(),
        "record 1 is not what was written: the columns differ from the leaf or the body"
    );
}

#[test]
fn any_change_of_a_column_is_found() {
    let columns: [fn(&mut Entry); 9] = [
        |entry| entry.kind = RecordKind::Change,
        |entry| entry.call = CallId::new(1, [0; 10]),
        |entry| entry.at = UnixMicros(entry.at.0 + 1),
        |entry| entry.agent = Some("other".to_owned()),
        |entry| entry.human = Some("other".to_owned()),
        |entry| entry.app = Some("other".to_owned()),
        |entry| entry.tool = Some("other".to_owned()),
        |entry| entry.class = Some(Class::External),
        |entry| entry.verdict = Some(Verdict::Deny),
    ];
    for (place, edit) in columns.iter().enumerate() {
        for entry in entries() {
            let mut wrong = entry.clone();
            edit(&mut wrong);
            assert!(wrong == entry || verify_leaf(&wrong).is_err(), "edit {place} of {:?}", entry.kind);
        }
    }
}

#[test]
fn the_hash_is_that_of_rfc_6962() {
    // Of the empty leaf, as every RFC 6962 test suite has it.
    let empty = "sha256:6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
    assert_eq!(leaf_hash(b"").to_string(), empty);
}

#[test]
fn an_erased_body_leaves_a_record_that_verifies() {
    let [mut entry, ..] = entries();
    (entry.body, entry.human) = (None, None);
    assert_eq!(verify_leaf(&entry), Ok(()));
    entry.human = Some("canary-ada@example.com".to_owned());
    assert!(verify_leaf(&entry).is_err());
}

#[test]
fn nobody_can_claim_that_arguments_were_too_long() {
    let [mut entry, ..] = entries();
    let body = entry.body.take().unwrap();
    let from = body.find("\"arguments\":").unwrap();
    let to = body.find("\"facts\":").unwrap();
    let without = format!("{}{}", body.get(..from).unwrap(), body.get(to..).unwrap());
    entry.body = Some(without.replace("\"truncated\":false", "\"truncated\":true"));
    assert_eq!(verify_leaf(&entry).unwrap_err().to_string(), "record 1 is not what was written: the arguments differ");
}

/// Entries as they were stored by earlier versions: one JSON object a line.
fn stored(text: &str) -> Vec<Entry> {
    let text_of = |value: &Value| value.as_str().map(str::to_owned);
    let one = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap();
        Entry {
            sequence: value["sequence"].as_u64().unwrap(),
            kind: value["kind"].as_str().unwrap().parse().unwrap(),
            call: CallId::parse(value["call"].as_str().unwrap()).unwrap(),
            at: UnixMicros(value["at_us"].as_i64().unwrap()),
            agent: text_of(&value["agent"]),
            human: text_of(&value["human"]),
            app: text_of(&value["app"]),
            tool: text_of(&value["tool"]),
            class: serde_json::from_value(value["class"].clone()).unwrap(),
            verdict: serde_json::from_value(value["verdict"].clone()).unwrap(),
            leaf: text_of(&value["leaf"]).unwrap(),
            leaf_hash: serde_json::from_value(value["leaf_hash"].clone()).unwrap(),
            body: text_of(&value["body"]),
            lost_key: None,
            outcome_leaf: None,
        }
    };
    text.lines().map(one).collect()
}

#[test]
fn records_of_every_version_verify_and_are_read() {
    for (version, text) in [(1, include_str!("stored/version-1.jsonl")), (2, include_str!("stored/version-2.jsonl"))] {
        let entries = stored(text);
        let kinds: Vec<RecordKind> = entries.iter().map(|entry| entry.kind).collect();
        assert_eq!(kinds, [RecordKind::Intent, RecordKind::Outcome, RecordKind::Change, RecordKind::Intent]);
        for entry in &entries {
            assert_eq!(verify_leaf(entry), Ok(()), "version {version}");
            assert!(entry.leaf.contains(&format!("\"v\":{version}")), "{}", entry.leaf);
        }
        let (intent, outcome) = (entries[0].intent().unwrap(), entries[1].outcome().unwrap());
        assert_eq!((intent.version, outcome.version), (version, version));
        assert_eq!(intent.delegation_chain.len(), usize::from(version > 1));
        assert_eq!((intent.wire.is_some(), outcome.wire.is_some()), (version > 1, version > 1));
        let mut whole = entries[0].clone();
        whole.outcome_leaf = Some(entries[1].leaf.clone());
        assert_eq!((verify_leaf(&whole), whole.agrees()), (Ok(()), Some(true)), "version {version}");
    }
}

#[test]
fn what_an_outcome_says_of_itself_and_its_intent_is_computed_again() {
    use Effect::{Executed, NotExecuted, Unknown};
    use OutcomeStatus::{Answered, Failed};
    let cases = [
        (Verdict::Allow, Executed, Answered, None, Some(true)),
        (Verdict::Allow, NotExecuted, Failed, None, Some(true)),
        (Verdict::Allow, Unknown, Failed, None, None),
        (Verdict::Deny, Executed, Answered, None, Some(false)),
        (Verdict::Hold, Executed, Answered, None, Some(false)),
        (Verdict::Defer, Executed, Answered, None, Some(false)),
        (Verdict::Deny, NotExecuted, Failed, None, Some(true)),
        (Verdict::Redact, Executed, Answered, Some(0), Some(true)),
        (Verdict::Redact, Executed, Answered, None, Some(false)),
        (Verdict::Redact, Executed, Failed, None, Some(true)),
    ];
    for (verdict, effect, status, hidden, expect) in cases {
        for said in [None, Some(true), Some(false)] {
            let mut asked = intent(1);
            asked.verdict = verdict;
            let ended = Outcome { effect, status, hidden, agrees: said, ..outcome(1) };
            let mut whole = entry(&Row::of_intent(&asked).unwrap(), 1);
            whole.outcome_leaf = Row::of_outcome(&ended).unwrap().leaf_text();
            assert_eq!(whole.agrees(), expect, "{verdict} {effect:?} {status:?} {hidden:?}");
            assert_eq!(verify_leaf(&whole).is_ok(), said == expect, "{verdict} {effect:?} {status:?} {said:?}");
        }
    }
    let [mut other, ..] = entries();
    other.outcome_leaf = Row::of_outcome(&outcome(2)).unwrap().leaf_text();
    let said = "record 1 is not what was written: its outcome is that of another call";
    assert_eq!(verify_leaf(&other).unwrap_err().to_string(), said);
}
