use model::{CallId, Class, Observed, UnixMicros, Verdict};

use super::*;
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
