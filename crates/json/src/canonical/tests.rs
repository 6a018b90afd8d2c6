use super::{canonical, write_string};
use proptest::prelude::*;

#[track_caller]
fn check(input: &str, expect: &str) {
    assert_eq!(String::from_utf8(canonical(input.as_bytes()).unwrap()).unwrap(), expect);
}

#[test]
fn members_stand_in_utf16_order_without_white_space() {
    check(r#" { "b" : 1.0 , "a" : [ true , null ] } "#, r#"{"a":[true,null],"b":1}"#);
    check(
        r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#,
        "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"\u{1F600}\":5,\"\u{fb33}\":3}",
    );
    check(r#"{"a":{},"B":[],"":{"z":0,"y":0}}"#, r#"{"":{"y":0,"z":0},"B":[],"a":{}}"#);
}

#[test]
fn numbers_are_written_as_ecmascript_writes_them() {
    for (input, expect) in [
        ("0", "0"),
        ("-0", "0"),
        ("-0.0e5", "0"),
        ("1e0", "1"),
        ("-1.50", "-1.5"),
        ("1e21", "1e+21"),
        ("1e20", "100000000000000000000"),
        ("123456789012345678901", "123456789012345680000"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1e-7"),
        ("1.25e-7", "1.25e-7"),
        ("9007199254740993", "9007199254740992"),
        ("333333333.33333329", "333333333.3333333"),
        ("1E30", "1e+30"),
        ("4.50", "4.5"),
        ("2e-3", "0.002"),
        ("0.000000000000000000000000001", "1e-27"),
        ("5e-324", "5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("761.45489501953125", "761.4548950195312"),
        ("1e-400", "0"),
        ("295147905179352830000", "295147905179352830000"),
        ("9.999999999999997e22", "9.999999999999997e+22"),
    ] {
        check(input, expect);
    }
    let error = canonical(b"[1,\n 1e999]").unwrap_err();
    assert_eq!(error.to_string(), "line 2, column 2: a number is too large for a double");
}

#[test]
fn strings_keep_all_but_what_must_be_escaped() {
    let mut out = Vec::new();
    write_string(&mut out, "\u{0}\u{8}\t\n\u{b}\u{c}\r\u{1f}\"\\/\u{7f}é€\u{2028}\u{1F600}");
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "\"\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f\\\"\\\\/\u{7f}é€\u{2028}\u{1F600}\""
    );
    check(r#""\/\u0041\u000a""#, r#""/A\n""#);
}

#[test]
fn what_does_not_parse_has_no_canonical_form() {
    assert!(canonical(br#"{"a":1,"\u0061":1}"#).is_err());
    assert!(canonical(b"[1] ]").is_err());
}

#[test]
fn the_deepest_document_has_a_canonical_form() {
    let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
    check(&deep, &deep);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn doubles_agree_with_the_reference(bits: u64) {
        let number = f64::from_bits(bits);
        prop_assume!(number.is_finite());
        let ours = canonical(format!("{number:e}").as_bytes()).unwrap();
        prop_assert_eq!(&ours, &serde_json_canonicalizer::to_vec(&number).unwrap());
        let reread: f64 = std::str::from_utf8(&ours).unwrap().parse().unwrap();
        prop_assert_eq!(reread, number);
    }

    #[test]
    fn documents_agree_with_the_reference(
        members in prop::collection::btree_map(any::<String>(), (any::<String>(), any::<f32>(), any::<i64>(), prop::collection::vec("\\PC{0,4}", 0..3)), 0..20),
    ) {
        let value: serde_json::Value = members.into_iter().rev().map(|(key, (text, float, whole, list))| {
            (key, serde_json::json!({"text": text, "float": float, "whole": whole, "list": list}))
        }).collect();
        let ours = canonical(&serde_json::to_vec_pretty(&value).unwrap()).unwrap();
        prop_assert_eq!(&ours, &serde_json_canonicalizer::to_vec(&value).unwrap());
        prop_assert_eq!(&canonical(&ours).unwrap(), &ours);
    }

    #[test]
    fn a_written_string_reads_back(text: String) {
        let mut out = Vec::new();
        write_string(&mut out, &text);
        prop_assert_eq!(&serde_json::from_slice::<String>(&out).unwrap(), &text);
        let document = crate::Document::parse(&out).unwrap();
        prop_assert_eq!(document.root().as_str().unwrap(), text);
    }
}
