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
