use json::Document;
use serde_json::json;

use super::*;

fn schema() -> serde_json::Value {
    json!({ "type": "object", "properties": {
        "region": { "type": "string", "x-mcp-header": "Region" },
        "dry": { "type": "boolean", "x-mcp-header": "Dry-Run" },
        "to": { "type": "object", "properties": { "tier": { "type": "integer", "x-mcp-header": "Tier" } } },
        "free": { "type": "string" },
    }})
}

#[test]
fn arguments_become_the_headers_that_are_declared() {
    let params = declared(&schema()).unwrap();
    let check_headers = |arguments: &str, expect: &[(&str, &str)]| {
        let document = Document::parse(arguments.as_bytes()).unwrap();
        let made = headers(&params, Some(document.root()));
        let mut made: Vec<_> = made.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        made.sort_unstable();
        assert_eq!(made, expect, "{arguments}");
        let map: HeaderMap = headers(&params, Some(document.root())).into_iter().collect();
        assert_eq!(check(&params, &map, Some(document.root())), Ok(()), "what we make passes what we check");
    };
    check_headers(
        r#"{"region":"eu","dry":true,"to":{"tier":3},"free":"x"}"#,
        &[("mcp-param-dry-run", "true"), ("mcp-param-region", "eu"), ("mcp-param-tier", "3")],
    );
    check_headers(r#"{"region":"zürich"}"#, &[("mcp-param-region", "=?base64?esO8cmljaA==?=")]);
    check_headers(r#"{"region":" eu"}"#, &[("mcp-param-region", "=?base64?IGV1?=")]);
    check_headers(r#"{"region":null,"to":{}}"#, &[]);
}

#[test]
fn a_header_that_says_something_else_is_refused() {
    let params = declared(&schema()).unwrap();
    let refused = |arguments: &str, header: Option<&'static str>| {
        let document = Document::parse(arguments.as_bytes()).unwrap();
        let map = header.map(|value| (HeaderName::from_static("mcp-param-region"), HeaderValue::from_static(value)));
        check(&params, &map.into_iter().collect(), Some(document.root())).is_err()
    };
    assert!(refused(r#"{"region":"eu"}"#, None));
    assert!(refused(r#"{"region":"eu"}"#, Some("us")));
    assert!(refused("{}", Some("eu")));
    assert!(!refused(r#"{"region":"eu"}"#, Some("eu")));
    assert!(!refused(r#"{"region":"eu"}"#, Some("=?base64?ZXU=?=")));
}

#[test]
fn a_whole_number_is_the_same_however_it_is_written() {
    let params = declared(&schema()).unwrap();
    let same = |body: &str, header: &str| {
        let document = Document::parse(body.as_bytes()).unwrap();
        let map = [(HeaderName::from_static("mcp-param-tier"), HeaderValue::from_str(header).unwrap())];
        check(&params, &map.into_iter().collect(), Some(document.root())).is_ok()
    };
    let long = format!("1{}", "0".repeat(INTEGER_DIGITS_MAX));
    for (number, others) in [
        ("42", &["42.0", "4.2e1", "420E-1", "42e+0", "=?base64?NDI=?="][..]),
        ("-100", &["-1e2", "-100.000"]),
        ("0", &["0.0", "-0", "0e9"]),
        ("1.5", &["1.5"]),
        ("9007199254740993", &["9007199254740993.0"]),
        (&long, &[&long]),
    ] {
        for other in others {
            assert!(same(&format!(r#"{{"to":{{"tier":{number}}}}}"#), other), "{number} {other}");
        }
    }
    for (number, other) in
        [("42", "43"), ("42", "-42"), ("42", "042.5"), ("1.5", "15e-1"), ("42", "x"), ("42", ""), ("42", "4.2e999999")]
    {
        assert!(!same(&format!(r#"{{"to":{{"tier":{number}}}}}"#), other), "{number} {other}");
    }
    let document = Document::parse(br#"{"to":{"tier":1e2}}"#).unwrap();
    assert_eq!(headers(&params, Some(document.root()))[0].1, "100");
}

#[test]
fn a_header_that_is_wrapped_and_holds_no_text_is_refused() {
    assert_eq!(decoded("=?base64?ZXU=?="), Some("eu".to_owned()));
    assert_eq!(decoded("=?base64?"), Some("=?base64?".to_owned()));
    for broken in ["=?base64?!?=", "=?base64?/w==?="] {
        assert_eq!(decoded(broken), None);
        let arguments = format!(r#"{{"region":"{broken}"}}"#);
        let document = Document::parse(arguments.as_bytes()).unwrap();
        let map = [(HeaderName::from_static("mcp-param-region"), HeaderValue::from_static(broken))];
        assert!(check(&declared(&schema()).unwrap(), &map.into_iter().collect(), Some(document.root())).is_err());
    }
}

#[test]
fn a_header_that_says_two_things_says_nothing() {
    let headers = |values: &[&'static str]| -> HeaderMap {
        values.iter().map(|value| (HeaderName::from_static("mcp-method"), HeaderValue::from_static(value))).collect()
    };
    let said = |values: &[&'static str]| said_once(&headers(values), "mcp-method").map(|said| said.cloned());
    assert_eq!(said(&[]), Ok(None));
    assert_eq!(said(&["ping", "ping"]), Ok(Some(HeaderValue::from_static("ping"))));
    for two in [["ping", "tools/call"], ["tools/call", "ping"]] {
        assert_eq!(said(&two).unwrap_err().code, HEADER_MISMATCH);
    }
}

#[test]
fn wrong_declarations_are_refused() {
    let of = |property: serde_json::Value| json!({ "type": "object", "properties": { "a": property } });
    for wrong in [
        of(json!({ "type": "number", "x-mcp-header": "A" })),
        of(json!({ "type": "object", "x-mcp-header": "A" })),
        of(json!({ "type": "string", "x-mcp-header": "" })),
        of(json!({ "type": "string", "x-mcp-header": "two words" })),
        of(json!({ "type": "string", "x-mcp-header": 7 })),
        of(json!({ "type": "array", "items": { "type": "string", "x-mcp-header": "A" } })),
        of(json!({ "anyOf": [{ "type": "string", "x-mcp-header": "A" }] })),
        json!({ "type": "object", "properties": {
            "a": { "type": "string", "x-mcp-header": "Same" }, "b": { "type": "string", "x-mcp-header": "same" },
        }}),
    ] {
        assert!(declared(&wrong).is_err(), "{wrong}");
    }
    assert_eq!(declared(&json!({})), Ok(vec![]));
}

#[test]
fn so_many_arguments_travel_in_headers_and_no_more() {
    let of = |count: usize| {
        let property =
            |number: usize| (format!("a{number}"), json!({ "type": "string", "x-mcp-header": format!("A{number}") }));
        let properties = (0..count).map(property).collect::<serde_json::Map<_, _>>();
        declared(&json!({ "type": "object", "properties": properties })).map(|params| params.len())
    };
    assert_eq!(of(PARAMS_MAX), Ok(PARAMS_MAX));
    assert!(of(PARAMS_MAX + 1).unwrap_err().starts_with("more than 64"));
}
