use super::*;

#[test]
fn a_number_that_some_reader_would_change_is_shown_as_text() {
    let kept = [
        "{}",
        r#"{"n":1}"#,
        "-0.5",
        "0",
        "1e3",
        "[1.10,1000000000000000]",
        "1769000000000000",
        "-9007199254740992",
        "1e300",
        "0.0e0",
    ];
    for text in kept {
        assert_eq!(value_or_text(text), serde_json::from_str::<Value>(text).unwrap(), "{text}");
    }
    let changed = [
        "1e999",
        "-1e999",
        r#"{"n":1e999}"#,
        "[1000000000000000000001]",
        "9007199254740993",
        "0.1234567890123456",
        "1e-999",
    ];
    for text in changed {
        assert_eq!(value_or_text(text), Value::String(text.to_owned()), "{text}");
    }
    assert_eq!(value_or_text("{"), Value::String("{".to_owned()));
}

#[test]
fn members_are_spelt_with_the_digits_that_are_written() {
    let text = r#"{"to":"an\u0061\n", "n":1000000000000000000001,"deep":{"a":[1e999, "x\"", {}],"b":-0.10},"none":[]}"#;
    let nested = "{\n  \"a\": [\n    1e999,\n    \"x\\\"\",\n    {}\n  ],\n  \"b\": -0.10\n}";
    let expected = [
        ("to", Spelled::Text("ana\n".to_owned())),
        ("n", Spelled::Plain("1000000000000000000001".to_owned())),
        ("deep", Spelled::Nested(nested.to_owned())),
        ("none", Spelled::Nested("[]".to_owned())),
    ];
    assert_eq!(members(text).unwrap(), expected.map(|(name, value)| (name.to_owned(), value)));
    assert_eq!(members("[1]"), None);
}
