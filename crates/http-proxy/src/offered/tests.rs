use openapi::Mapping;

use super::*;

const API: &str = r#"
api: 1
base: https://api.example.com/v1
entities: {candidate: {id: id, tenant: client_id, fields: [id, client_id, name]}}
operations:
  list: {method: GET, path: "/clients/{client}/candidates", class: read, does: list, entity: candidate, rows: "$[*]", tenant: path.client, page: query.limit,
         page_max: 100, selects: [query.fields], passes: [header.accept-language]}
  change: {method: PATCH, path: "/candidates/{id}", class: write, does: update, entity: candidate, id: path.id, body: [id, name, employment.title]}
"#;

fn asked(tool: &str, given: &str) -> Result<Arguments, String> {
    let tools = Tools::of(&Mapping::read("x.yaml", API).unwrap());
    arguments(tools.get(tool).unwrap(), given.as_bytes()).map_err(|fault| fault.to_string())
}

fn written(tool: &str, given: &str) -> String {
    String::from_utf8(asked(tool, given).unwrap().write().to_vec()).unwrap()
}

#[test]
fn arguments_of_a_tool_are_those_of_its_operation() {
    assert_eq!(
        written("list", r#"{"client":"northwind","limit":5,"fields":["id","name"],"accept-language":"de"}"#),
        r#"{"path":{"client":"northwind"},"query":{"fields":"id,name","limit":"5"},"headers":{"accept-language":"de"}}"#
    );
    assert_eq!(
        written("change", r#"{"id":"c_1","body.id":"c_2","name":null,"employment":{"title":"x"}}"#),
        r#"{"path":{"id":"c_1"},"body":{"id":"c_2","name":null,"employment":{"title":"x"}}}"#
    );
}

// INVARIANT: no argument makes another request than the one that was decided on.
#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    for id in ["..", ".", "", "a/b", "a%2fb", "a;b", "a?b", "a#b", "a\\b", "a.", "ä", "a b"] {
        let given = serde_json::json!({ "id": id, "name": "x" }).to_string();
        assert!(asked("change", &given).is_err(), "{id}");
    }
    for given in [
        r#"{"name":"x"}"#,
        r#"{"id":null}"#,
        r#"{"id":{"a":1}}"#,
        r#"{"id":"c_1","other":1}"#,
        r#"{"id":"c_1","id":"c_2"}"#,
        "[]",
        "{",
    ] {
        assert!(asked("change", given).is_err(), "{given}");
    }
    let text = serde_json::json!({ "client": "a", "fields": "a\r\nb" }).to_string();
    assert!(asked("list", &text).is_err());
}

#[test]
fn a_body_is_a_text_and_structure() {
    let body = result(Some(Form::Json), br#"{"a":[1]}"#).unwrap();
    assert_eq!(body, r#"{"content":[{"type":"text","text":"{\"a\":[1]}"}],"structuredContent":{"a":[1]}}"#);
    assert_eq!(result(Some(Form::Csv), b"a,b\n").unwrap(), r#"{"content":[{"type":"text","text":"a,b\n"}]}"#);
    assert_eq!(result(None, b"").unwrap(), r#"{"content":[]}"#);
    assert!(result(Some(Form::Json), b"{").is_err() && result(Some(Form::Csv), b"\xff").is_err());
}
