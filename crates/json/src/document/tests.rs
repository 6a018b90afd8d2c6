use crate::{Document, Kind, Value};
use proptest::prelude::*;

fn parse(text: &str) -> Document<'_> {
    Document::parse(text.as_bytes()).unwrap()
}

#[test]
fn spans_are_exact() {
    let text =
        r#" { "jsonrpc" : "2.0", "params":{"name":"get","arguments": { "a" : [1 ,2.50], "b":"\u0061" } }, "id": -7 } "#;
    let document = parse(text);
    let root = document.root();
    assert_eq!(root.raw(), text.trim().as_bytes());
    let params = root.get("params").unwrap();
    let arguments = params.get("arguments").unwrap();
    assert_eq!(arguments.raw(), br#"{ "a" : [1 ,2.50], "b":"\u0061" }"#);
    assert_eq!(text.get(arguments.span()).unwrap().as_bytes(), arguments.raw());
    assert_eq!(arguments.get("a").unwrap().raw(), b"[1 ,2.50]");
    assert_eq!(arguments.get("a").unwrap().items().map(|item| item.raw()).collect::<Vec<_>>(), [&b"1"[..], b"2.50"]);
    assert_eq!(arguments.get("b").unwrap().raw(), br#""\u0061""#);
    assert_eq!(arguments.get("b").unwrap().as_str().unwrap(), "a");
    assert_eq!(root.get("id").unwrap().as_i64(), Some(-7));
    assert_eq!(document.bytes(), text.as_bytes());
}

#[test]
fn members_are_found_past_nested_ones_and_by_their_meaning() {
    let document = parse(r#"{"x":{"want":1,"y":[{"want":2}]},"z":[],"w\u0061nt":3,"é":4}"#);
    let root = document.root();
    assert_eq!(root.get("want").unwrap().as_i64(), Some(3));
    assert_eq!(root.get("é").unwrap().as_i64(), Some(4));
    assert!(root.get("y").is_none());
    assert!(root.get("w\\u0061nt").is_none());
    assert_eq!(root.len(), 4);
    assert_eq!(root.entries().map(|(key, _)| key.into_owned()).collect::<Vec<_>>(), ["x", "z", "want", "é"]);
    assert!(root.get("z").unwrap().is_empty());
}

#[test]
fn a_value_is_only_what_it_is() {
    let document = parse(r#"[null,true,false,1,1.0,1e3,9223372036854775807,9223372036854775808,"1",[],{}]"#);
    let kinds: Vec<_> = document.root().items().map(|item| item.kind()).collect();
    use Kind::{Array, Bool, Null, Number, Object};
    assert_eq!(kinds, [Null, Bool, Bool, Number, Number, Number, Number, Number, Kind::String, Array, Object]);
    let whole: Vec<_> = document.root().items().map(|item| item.as_i64()).collect();
    assert_eq!(whole, [None, None, None, Some(1), None, None, Some(i64::MAX), None, None, None, None]);
    let truth: Vec<_> = document.root().items().filter_map(|item| item.as_bool()).collect();
    assert_eq!(truth, [true, false]);
    assert_eq!(document.root().items().filter(Value::is_null).count(), 1);
    for item in document.root().items() {
        assert!(item.get("a").is_none());
        assert_eq!(item.entries().count() + item.items().count(), 0);
        assert_eq!(item.as_str().is_some(), item.kind() == Kind::String);
    }
    assert_eq!(document.root().entries().count(), 0);
}

/// Reads our tape into serde_json's tree. Numbers go through their text.
fn tree(value: Value<'_, '_>) -> serde_json::Value {
    match value.kind() {
        Kind::Null => serde_json::Value::Null,
        Kind::Bool => value.as_bool().unwrap().into(),
        Kind::Number => serde_json::from_slice(value.raw()).unwrap(),
        Kind::String => value.as_str().unwrap().into_owned().into(),
        Kind::Array => value.items().map(tree).collect(),
        Kind::Object => value.entries().map(|(key, member)| (key.into_owned(), tree(member))).collect(),
    }
}

/// Whether serde_json, which keeps the last of two equal keys, saw as many keys as were written.
fn members(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::Array(items) => items.iter().map(members).sum(),
        serde_json::Value::Object(entries) => entries.len() + entries.values().map(members).sum::<usize>(),
        _ => 0,
    }
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]{0,2}", "\\PC{0,12}", any::<String>()]
}

fn any_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any_text().prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 64, 24, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..24).prop_map(Into::into),
            prop::collection::vec((any_text(), inner), 0..24).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn values_are_equal_to_serde_json(value in any_value(), pretty: bool) {
        let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
        let document = Document::parse(&text).unwrap();
        let reread: serde_json::Value = serde_json::from_slice(&text).unwrap();
        prop_assert_eq!(tree(document.root()), reread);
        for (key, member) in document.root().entries() {
            prop_assert_eq!(document.root().get(&key).unwrap().span(), member.span());
        }
    }

    #[test]
    fn we_accept_what_serde_json_accepts_and_nothing_more(
        text in "([\\[\\]{},:\" \\n\\\\]|\"[ab]\":|\"\\\\\\\\u00(61|62|e9)\"|\"\\\\\\\\ud83d(\\\\\\\\ude00)?\"|true|null|-?[01][0-9]?|[.eE+]|1\\.5e-3|é|\u{1}){0,14}",
    ) {
        agree(text.as_bytes())?;
    }

    #[test]
    fn damaged_documents_are_judged_as_serde_json_judges_them(
        value in any_value(), place: prop::sample::Index, byte in prop_oneof![any::<u8>(), prop::sample::select(b"[]{},:\"\\ \n01eE.-u".to_vec())], how in 0..3,
    ) {
        let mut text = serde_json::to_vec(&value).unwrap();
        let place = place.index(text.len());
        match how {
            0 => *text.get_mut(place).unwrap() = byte,
            1 => text.insert(place, byte),
            _ => { text.remove(place); }
        }
        agree(&text)?;
    }

    #[test]
    fn any_bytes_are_judged_without_a_stop(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        agree(&bytes)?;
    }
}

/// We and serde_json differ only where we mean to: duplicate keys (ours to refuse), and numbers too large for a double
/// (ours to pass on as they are).
fn agree(text: &[u8]) -> Result<(), TestCaseError> {
    let ours = Document::parse(text);
    let theirs = serde_json::from_slice::<serde_json::Value>(text);
    match (ours, theirs) {
        (Ok(document), Ok(value)) => {
            prop_assert_eq!(tree(document.root()), value);
        }
        (Ok(_), Err(error)) => {
            prop_assert!(error.to_string().contains("number out of range"), "they refuse: {}", error)
        }
        (Err(error), Ok(value)) => {
            prop_assert!(matches!(error.problem(), crate::Problem::DuplicateKey(_)), "we refuse: {}", error);
            let colons = text.iter().filter(|byte| **byte == b':').count();
            prop_assert!(members(&value) < colons);
        }
        (Err(error), Err(_)) => prop_assert!(error.offset() <= text.len()),
    }
    Ok(())
}
