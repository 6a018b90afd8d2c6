use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::Mask;

fn masked(mask: &str, document: &str) -> String {
    let (out, _) = Mask::parse(mask).unwrap().apply(document.as_bytes(), "-").unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn each_form_of_a_path_hides_what_it_names() {
    let cases = [
        ("$.a", r#"{"a": {"b":1}, "b": [2]}"#, r#"{"a": "-", "b": [2]}"#),
        ("$.a[*].b", r#"{"a":[{"b":1,"c":2},{"c":3},4]}"#, r#"{"a":[{"b":"-","c":2},{"c":3},4]}"#),
        ("$.a.*", r#"{"a":{"x":1,"y":[2]},"b":3}"#, r#"{"a":{"x":"-","y":"-"},"b":3}"#),
        ("$..iban", r#"{"iban":1,"a":[{"iban":{"iban":2}}]}"#, r#"{"iban":"-","a":[{"iban":"-"}]}"#),
        ("$..a..b", r#"{"a":{"x":{"b":1}},"b":2}"#, r#"{"a":{"x":{"b":"-"}},"b":2}"#),
        (
            "$['full name'], $[\"a.b\"]",
            r#"{"full name":1,"a.b":2,"a":{"b":3}}"#,
            r#"{"full name":"-","a.b":"-","a":{"b":3}}"#,
        ),
        ("$..[*]", r#"{"a":{"b":1},"c":2}"#, r#"{"a":"-","c":"-"}"#),
        ("$[*].x", r#"[{"x":1},{"\u0078":2}]"#, r#"[{"x":"-"},{"\u0078":"-"}]"#),
        ("$.ü", r#"{"ü":1}"#, r#"{"ü":"-"}"#),
        ("$.a", r#"[{"a":1}]"#, r#"[{"a":1}]"#),
        ("$.a", r#""text""#, r#""text""#),
    ];
    for (mask, document, wanted) in cases {
        assert_eq!(masked(mask, document), wanted, "{mask} on {document}");
    }
}

#[test]
fn what_is_no_mask_says_where_and_why() {
    let cases = [
        ("", 0, "a path begins with `$`, the whole answer"),
        ("a.b", 1, "a path begins with `$`, the whole answer"),
        ("$", 1, "`$` alone hides everything: forbid the call instead"),
        ("$.a, ", 5, "a path begins with `$`, the whole answer"),
        ("$.", 2, "here a name or `*` is wanted; a name with other characters is written `['so']`"),
        ("$.a b", 4, "`b` is not expected here"),
        ("$.a-b", 3, "`-` is not expected here"),
        ("$.a[0]", 4, "a mask knows `[*]` and `['name']`; indexes, slices and filters are not understood"),
        ("$.a[?@.b]", 4, "a mask knows `[*]` and `['name']`; indexes, slices and filters are not understood"),
        ("$['a", 2, "this quote is never closed"),
        ("$['a'", 2, "this bracket is never closed"),
        (r"$['a\n']", 2, "escapes in names are not understood"),
    ];
    for (mask, at, said) in cases {
        let error = Mask::parse(mask).unwrap_err();
        assert_eq!((error.at, error.said.as_str()), (at, said), "{mask}");
    }
}

#[test]
fn deep_paths_over_deep_documents_end_soon() {
    let mask = format!("${}", "..a".repeat(60));
    let document = format!("{}1{}", r#"{"a":"#.repeat(60), "}".repeat(60));
    assert_eq!(masked(&mask, &document).matches('-').count(), 1);
}

/// The same masks, slowly and by other means: every path of every value as a list of keys, compared by backtracking.
fn hides(path: &[(bool, Option<&str>)], keys: &[Option<String>]) -> bool {
    match (path.split_first(), keys.split_first()) {
        (None, None) => true,
        (Some(((deep, name), rest)), Some((key, keys_left))) => {
            (name.is_none_or(|name| key.as_deref() == Some(name)) && hides(rest, keys_left))
                || (*deep && hides(path, keys_left))
        }
        _ => false,
    }
}

fn expected(value: &Json, path: &[(bool, Option<&str>)], keys: &mut Vec<Option<String>>) -> Json {
    if !keys.is_empty() && hides(path, keys) {
        return json!("-");
    }
    match value {
        Json::Object(members) => {
            let mut out = serde_json::Map::new();
            for (key, member) in members {
                keys.push(Some(key.clone()));
                out.insert(key.clone(), expected(member, path, keys));
                keys.pop();
            }
            Json::Object(out)
        }
        Json::Array(items) => {
            let mut out = Vec::new();
            for item in items {
                keys.push(None);
                out.push(expected(item, path, keys));
                keys.pop();
            }
            Json::Array(out)
        }
        other => other.clone(),
    }
}

fn documents() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![Just(json!(1)), Just(json!(null)), "[a-c]{0,2}".prop_map(|text| json!(text))];
    leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::hash_map("[a-c]", inner, 0..4)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn it_hides_what_a_slow_reading_of_the_paths_hides_and_nothing_else(
        document in documents(),
        path in prop::collection::vec((any::<bool>(), prop::option::of(prop_oneof![Just("a"), Just("b"), Just("c")])), 1..4),
    ) {
        let written: String = path.iter().map(|(deep, name)| {
            format!("{}{}", if *deep { ".." } else { "." }, name.unwrap_or("*"))
        }).collect();
        let text = document.to_string();
        let once = masked(&format!("${written}"), &text);
        prop_assert_eq!(serde_json::from_str::<Json>(&once).unwrap(), expected(&document, &path, &mut Vec::new()));
        prop_assert_eq!(masked(&format!("${written}"), &once), once.clone(), "masking twice is masking once");
    }
}
