use proptest::prelude::*;

use super::has_member;
use crate::Document;

#[test]
fn members_of_the_object_itself_are_found() {
    let check = |object: &str, expect: bool| assert_eq!(has_member(object.as_bytes(), "want"), expect, "{object}");
    check(r#"{"want":1}"#, true);
    check(r#" { "a" : [ {"want":1}, "want" ] , "want" : null } "#, true);
    check(r#"{"a":"want","b":{"want":1},"c":["want"]}"#, false);
    check(r#"{"a":"\"want\":1,\\","w\u0061nt":1}"#, true);
    check(r#"{"a":"\",\"want\":1"}"#, false);
    check(r#"{"wants":1,"wan":2,"":3}"#, false);
    check("{}", false);
    check(r#"{"a":"\"#, false);
}

proptest! {
    #[test]
    fn it_agrees_with_the_tape(keys in proptest::collection::btree_map("[ab\\\\\"\u{1}]{0,2}", "[ab,{}\"\\\\:]{0,80}", 0..6), key in "[ab\\\\\"\u{1}]{0,2}") {
        let nested: serde_json::Value = keys.iter().map(|(key, text)| (key.clone(), serde_json::json!([{ key: text }, text]))).collect();
        let text = nested.to_string();
        let document = Document::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(has_member(text.as_bytes(), &key), document.root().get(&key).is_some());
    }
}
