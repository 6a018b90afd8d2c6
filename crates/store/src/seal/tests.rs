use model::Verdict;

use super::*;
use crate::samples::{call, change, intent, outcome};

fn wrapping(byte: u8) -> Arc<Wrapping> {
    Arc::new(Wrapping::new(&Secret::new([byte; KEY_BYTES])).unwrap())
}

fn sealer() -> Sealer {
    Sealer::new(wrapping(1), &[], 0).unwrap()
}

fn asked(number: u16, human: &str) -> Row {
    intent(number, "bot", human, "crm/read", Verdict::Allow)
}

fn opened(opener: &Opener, key: &SubjectKey, sealed: &SealedBody, row: &Row) -> Result<String, StoreFault> {
    let (template, values) = opener.open(key, (&sealed.template, &sealed.values), row.leaf_hash.as_bytes())?;
    Ok(trace::text_of(&template, &values, &row.call, row.at).unwrap())
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn what_is_sealed_opens_under_its_key_and_shows_nothing() {
    let mut sealer = sealer();
    let row = asked(1, "ada");
    let sealed = sealer.seal(&row).unwrap();
    let key = sealer.fresh()[0].clone();
    assert_eq!((key.number, key.subject.as_str(), sealed.key), (1, "human:ada", 1));
    assert_eq!(opened(&Opener::new(wrapping(1)), &key, &sealed, &row).unwrap(), row.body_text().unwrap());
    for text in ["ada", "salt", "people of sales", "id"] {
        assert!(!holds(&sealed.template, text) && !holds(&sealed.values, text), "{text}");
    }
}

#[test]
fn nothing_opens_under_another_key_for_another_leaf_or_with_a_bit_changed() {
    let mut sealer = sealer();
    let (row, other) = (asked(1, "ada"), asked(2, "ada"));
    let (sealed, others) = (sealer.seal(&row).unwrap(), sealer.seal(&asked(1, "bo")).unwrap());
    let [ada, bo] = [0, 1].map(|place| sealer.fresh()[place].clone());
    let fresh = || Opener::new(wrapping(1));
    assert!(opened(&fresh(), &ada, &sealed, &row).is_ok());
    assert!(opened(&fresh(), &bo, &sealed, &row).is_err(), "another subject's key");
    assert!(opened(&fresh(), &ada, &sealed, &other).is_err(), "another leaf");
    assert!(opened(&fresh(), &ada, &others, &row).is_err(), "another subject's body");
    assert!(opened(&Opener::new(wrapping(2)), &ada, &sealed, &row).is_err(), "another key around the keys");
    let renamed = SubjectKey { subject: "human:bo".to_owned(), ..ada.clone() };
    assert!(opened(&fresh(), &renamed, &sealed, &row).is_err(), "a key under another name");
    for place in 0..sealed.values.len() {
        let mut bent = sealed.clone();
        bent.values[place] ^= 1;
        assert!(opened(&fresh(), &ada, &bent, &row).is_err(), "{place}");
    }
}

#[test]
fn templates_of_one_subject_stay_equal_and_those_of_two_do_not() {
    let mut sealer = sealer();
    let [one, two, other] = [asked(1, "ada"), asked(2, "ada"), asked(3, "bo")].map(|row| sealer.seal(&row).unwrap());
    assert_eq!(one.template, two.template);
    assert_ne!(one.values, two.values);
    assert_ne!(one.template, other.template);
    // Without what is remembered, too: tables keep each once, over restarts.
    sealer.templates.retain(|_| false);
    assert_eq!(sealer.seal(&asked(4, "ada")).unwrap().template, one.template);
    let (one, two) = (sealer.seal(&outcome(1, 2)).unwrap(), sealer.seal(&outcome(2, 3)).unwrap());
    assert_eq!((one.template, one.key), (two.template, two.key));
}

#[test]
fn a_key_is_to_be_kept_until_it_is() {
    let mut sealer = sealer();
    sealer.seal(&asked(1, "ada")).unwrap();
    sealer.seal(&change(2)).unwrap();
    assert_eq!(sealer.fresh().len(), 2);
    assert_eq!(sealer.fresh()[1].subject, "gateway");
    let kept = sealer.fresh().to_vec();
    sealer.confirmed();
    assert!(sealer.fresh().is_empty());
    let mut again = Sealer::new(wrapping(1), &kept, 2).unwrap();
    assert_eq!(again.seal(&asked(3, "ada")).unwrap().key, 1);
    assert!(again.fresh().is_empty());
    assert_eq!(again.seal(&asked(3, "bo")).unwrap().key, 3);
    assert!(Sealer::new(wrapping(2), &kept, 2).is_err());
}

#[test]
fn who_was_forgotten_gets_another_key() {
    let mut sealer = sealer();
    let (row, before) = (asked(1, "ada"), sealer.seal(&asked(1, "ada")).unwrap());
    sealer.forget(before.key);
    let after = sealer.seal(&row).unwrap();
    assert_eq!(after.key, 2);
    let [old, new] = [0, 1].map(|place| sealer.fresh()[place].clone());
    assert_ne!(old.wrapped, new.wrapped);
    assert!(opened(&Opener::new(wrapping(1)), &old, &after, &row).is_err());
    assert_eq!(call(1), row.call);
}
