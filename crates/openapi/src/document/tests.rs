use serde_json::json;

use super::*;

fn error(text: &str) -> String {
    Document::read(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn both_versions_are_read_in_both_forms() {
    for text in [
        "{\"openapi\":\"3.0.3\"}",
        "\u{FEFF} {\"openapi\":\"3.1.0\"}",
        "openapi: 3.0.3\npaths: {}",
        "openapi: '3.1.1'\npaths:\n  /a:\n    get:\n      responses:\n        200: {description: ok}\n",
    ] {
        Document::read(text.as_bytes()).unwrap();
    }
    Document::read(format!("openapi: 3.0.3\npaths:\n{}  /a: {{}}\n", "  # a\n".repeat(500)).as_bytes()).unwrap();
    let document =
        Document::read(b"openapi: 3.0.0\npaths: {/a: {get: {responses: {200: {description: x}}}}}\n").unwrap();
    assert_eq!(document.root().pointer("/paths/~1a/get/responses/200/description"), Some(&json!("x")));
}

#[test]
fn what_is_no_document_says_where_and_why() {
    assert_eq!(error("{\"swagger\":\"2.0\"}"), "1:1: the document is Swagger 2.0");
    assert_eq!(error("a: 1"), "1:1: the document is no OpenAPI 3.0 or 3.1");
    assert_eq!(error("{\"openapi\":\"3.0.0\",\n\"a\":1,\"a\":2}"), "2:7: the key `a` occurs twice");
    assert!(error("openapi: 3.0.0\na: 1\na: 2\n").starts_with("3:1: "));
    assert!(error("openapi: [").contains(':'));
    let bomb = "openapi: 3.0.0\na: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned()
        + &(0..9)
            .map(|n| {
                format!("{0}: &{0} [{1}]\n", (b'b' + n) as char, vec![format!("*{}", (b'a' + n) as char); 10].join(","))
            })
            .collect::<String>();
    let said = error(&bomb);
    assert!(said.contains("alias") || said.contains("budget"), "{said}");
    assert!(error(&"[".repeat(100_000)).contains(':'));
}

#[test]
fn references_stay_in_the_document_and_end() {
    let document = Document::read(
        json!({"openapi": "3.1.0", "a/b": {"x y": {"$ref": "#/c"}}, "c": {"type": "string"}, "d": {"$ref": "#/e"}, "e": {"$ref": "#/d"},
               "f": {"$ref": "other.yaml#/c"}, "g": {"$ref": "#/nowhere"}, "h": {"$ref": "https://example.com/c"}})
            .to_string()
            .as_bytes(),
    )
    .unwrap();
    let resolved = |reference: &str| {
        let from = json!({ "$ref": reference });
        document.resolve(&from).map(|resolved| resolved.value.clone())
    };
    assert_eq!(resolved("#/a~1b/x%20y"), Some(json!({"type": "string"})));
    for nothing in ["#/d", "#/f", "#/g", "#/h", "other.yaml", "#%zz"] {
        assert_eq!(resolved(nothing), None, "{nothing}");
    }
}

#[test]
fn a_long_reference_leads_nowhere_however_it_is_reached() {
    for (bytes, leads) in [(1_024, true), (1_025, false)] {
        let long = "a".repeat(bytes - "#/".len());
        let text =
            json!({"openapi": "3.1.0", long.clone(): {"type": "string"}, "short": {"$ref": format!("#/{long}")}});
        let document = Document::read(text.to_string().as_bytes()).unwrap();
        assert_eq!(document.resolve(&json!({"$ref": "#/short"})).is_some(), leads, "{bytes}");
        assert_eq!(document.long_references(), usize::from(!leads), "{bytes}");
    }
}
