use proptest::prelude::*;

use super::*;
use crate::samples::call;

const AT: UnixMicros = UnixMicros(1_763_726_400_123_456);

fn written(write: impl FnOnce(&mut FormWriter)) -> (String, Form) {
    let mut to = FormWriter::with_capacity(64);
    write(&mut to);
    let form = to.finish().unwrap();
    (form.text(&call(1), AT).unwrap(), form)
}

#[test]
fn values_stand_in_no_template() {
    let (text, form) = written(|to| {
        to.own_digest("salt", "", &[0xAB; 32]);
        to.text("human", "ada\u{1}");
        to.own_text("task", "t \"1\"");
        to.own_text("token", "t \"1\"");
        to.own_text("other", "");
        to.own_number("low", i64::MIN);
        to.own_number("high", i64::MAX);
        to.call("call");
        to.time("at");
        to.own_raw("raw", "[1,2]");
    });
    let salt = "ab".repeat(32);
    let (low, high, id) = (i64::MIN, i64::MAX, call(1));
    assert_eq!(
        text,
        format!(
            "{{\"salt\":\"{salt}\",\"human\":\"ada\\u0001\",\"task\":\"t \\\"1\\\"\",\"token\":\"t \\\"1\\\"\",\
             \"other\":\"\",\"low\":{low},\"high\":{high},\"call\":\"{id}\",\"at\":1763726400123456,\"raw\":[1,2]}}"
        )
    );
    assert!(!form.template().contains("t \\\"1"), "{}", form.template());
    assert_eq!(form.values().len(), 32 + 10 + 3 + 10 + 10 + 6, "the same text stands there once");
}

#[test]
fn the_facts_of_two_calls_share_a_template() {
    let facts = |now: i64, task: &str, more: &str| {
        format!(r#"{{"now":{now},"agent":"bot","task":"{task}","app":"crm","all_stopped":false{more}}}"#)
    };
    let form = |facts: &str, task: &str| {
        let (text, form) = written(|to| {
            to.own_text("task", task);
            to.facts("facts", facts, None);
        });
        assert_eq!(text, format!("{{\"task\":\"{task}\",\"facts\":{facts}}}"));
        form
    };
    let one = form(&facts(1, "t-1", ""), "t-1");
    assert_eq!(one.template(), form(&facts(23_456, "t-2", ""), "t-2").template());
    let arguments = form(&facts(1, "t-1", r#","arguments":{"to":"ada"}"#), "t-1");
    assert_eq!(
        arguments.template(),
        form(&facts(9, "t-1", r#","arguments":{"to":"bob"},"spent":[]"#), "t-1").template()
    );
    for odd in
        ["{}", r#"{"now":007}"#, r#"{"now":-1,"task":"t-1"}"#, r#"{"now":99999999999999999999}"#, r#"[{"now":1}]"#]
    {
        form(odd, "t-1");
    }
}

#[test]
fn what_does_not_belong_together_is_no_text() {
    let (_, form) = written(|to| to.own_text("task", "abc"));
    for values in
        [&b""[..], b"\x09\"abc\"", b"\x05\"abc\"x", b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", b"\x01\xFF"]
    {
        assert_eq!(text_of(form.template(), values, &call(1), AT), None, "{values:?}");
    }
    for template in ["{\u{1}f}", "{\u{1}x}", "{\u{1}"] {
        assert_eq!(text_of(template, b"", &call(1), AT), None);
    }
}

proptest! {
    #[test]
    fn numbers_come_back(number: i64) {
        let (text, _) = written(|to| to.own_number("n", number));
        prop_assert_eq!(text, format!("{{\"n\":{number}}}"));
    }

    #[test]
    fn anything_may_stand_there(template in ".{0,40}", values in prop::collection::vec(any::<u8>(), 0..80)) {
        let _read = text_of(&template, &values, &call(1), AT);
    }
}

#[test]
fn a_long_text_comes_back() {
    for length in [0, 125, 126, 127, 20_000] {
        let long = "x".repeat(length);
        let (text, form) = written(|to| {
            to.own_text("one", &long);
            to.own_text("other", &long);
            to.own_raw("last", "1");
        });
        assert_eq!(text, format!("{{\"one\":\"{long}\",\"other\":\"{long}\",\"last\":1}}"));
        assert!(form.values().len() < length + 10);
    }
}
