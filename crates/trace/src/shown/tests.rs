use crate::row::Row;
use crate::samples::{change, entry, intent, outcome};

#[test]
fn what_is_shown_leads_back_to_the_body() {
    let rows = [
        Row::of_intent(&intent(1)).unwrap(),
        Row::of_outcome(&outcome(1)).unwrap(),
        Row::of_change(&change(2)).unwrap(),
    ];
    for row in rows {
        let entry = entry(&row, 1);
        let shown = entry.shown().unwrap();
        assert!(!shown.text.contains("salt") && shown.salt.len() == 64, "{shown:?}");
        let parsed: serde_json::Value = serde_json::from_str(&shown.text).unwrap();
        assert_eq!(entry.to_json().get("body"), Some(&parsed));
        assert_eq!(Some(shown.whole()), entry.body);
    }
}

#[test]
fn a_body_that_nobody_here_wrote_is_shown_as_text() {
    let mut entry = entry(&Row::of_outcome(&outcome(1)).unwrap(), 1);
    entry.body = Some("{\"human\":".to_owned());
    let shown = entry.shown().unwrap();
    assert_eq!((shown.text.as_str(), shown.salt.as_str()), ("\"{\\\"human\\\":\"", ""));
    entry.body = None;
    assert_eq!(entry.shown(), None);
}
