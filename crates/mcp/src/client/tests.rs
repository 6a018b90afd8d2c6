use json::Document;

use super::*;

fn of(capabilities: &str) -> Abilities {
    let body = Bytes::copy_from_slice(capabilities.as_bytes());
    let document = Document::parse(&body).unwrap();
    Abilities::read(Some(document.root()), &body).unwrap()
}

fn answers(abilities: &Abilities, method: Method, params: &str) -> bool {
    let document = Document::parse(params.as_bytes()).unwrap();
    abilities.answers(method, Some(document.root()))
}

#[test]
fn an_empty_elicitation_means_forms() {
    let abilities = of(r#"{"elicitation":{}}"#);
    assert!(answers(&abilities, Method::Elicit, "{}"));
    assert!(answers(&abilities, Method::Elicit, r#"{"mode":"form"}"#));
    assert!(!answers(&abilities, Method::Elicit, r#"{"mode":"url"}"#));
    assert!(!answers(&abilities, Method::Sample, "{}"));
    assert!(!answers(&of(r#"{"elicitation":{"url":{}}}"#), Method::Elicit, "{}"));
}

#[test]
fn a_model_is_asked_to_use_tools_where_its_client_says_it_can() {
    let with_tools = r#"{"messages":[],"tools":[]}"#;
    assert!(!answers(&of(r#"{"sampling":{}}"#), Method::Sample, with_tools));
    assert!(answers(&of(r#"{"sampling":{}}"#), Method::Sample, r#"{"messages":[]}"#));
    assert!(answers(&of(r#"{"sampling":{"tools":{}}}"#), Method::Sample, with_tools));
}

#[test]
fn nothing_is_assumed_of_a_client_that_says_nothing() {
    assert!(!Abilities::read(None, &Bytes::new()).unwrap().any());
    assert!(!of(r#"{"extensions":{"com.example/x":{}}}"#).any());
    assert!(!answers(&of(r#"{"sampling":{},"roots":{},"elicitation":{}}"#), Method::ToolsCall, "{}"));
}

#[test]
fn an_app_is_told_all_but_the_tasks_of_the_client() {
    let abilities = of(r#"{"roots":{"listChanged":true},"tasks":{"list":{}},"experimental":{"a b":1e2}}"#);
    let told = br#"{"roots":{"listChanged":true},"experimental":{"a b":1e2}}"#;
    assert_eq!(abilities.declared(), told, "every other byte stays");
}

#[test]
fn too_much_is_not_passed_on() {
    let long = format!(r#"{{"experimental":{{"a":"{}"}}}}"#, "x".repeat(CAPABILITIES_BYTES_MAX));
    let body = Bytes::from(long);
    let document = Document::parse(&body).unwrap();
    assert!(Abilities::read(Some(document.root()), &body).is_none());
}
