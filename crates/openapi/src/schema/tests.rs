use serde_json::json;

use super::*;

fn laid_out(schemas: serde_json::Value) -> Fields {
    let document = json!({"openapi": "3.1.0", "components": {"schemas": schemas}}).to_string();
    let document = Document::read(document.as_bytes()).unwrap();
    fields(&document, &json!({"$ref": "#/components/schemas/A"}), Way::Answered)
}

fn names(schemas: serde_json::Value) -> String {
    laid_out(schemas).names.join(" ")
}

#[test]
fn fields_are_named_as_masks_name_them() {
    let text = json!({"type": "string"});
    let schema = json!({"A": {"type": "object", "properties": {
        "id": {"type": ["integer", "null"]},
        "tags": {"type": "array", "items": text},
        "jobs": {"type": "array", "items": {"type": "object", "properties": {"title": text, "at": {"properties": {"city": text}}}}},
        "scores": {"type": "object", "additionalProperties": {"type": "object", "properties": {"value": {"type": "number"}}}},
        "labels": {"additionalProperties": text},
        "kind": {"enum": ["a"]},
        "secret": {"type": "string", "writeOnly": true},
        "odd name": text,
    }}});
    assert_eq!(names(schema), "id tags jobs[].title jobs[].at.city scores.*.value labels.* kind ['odd name']");
}

#[test]
fn parts_are_put_together() {
    let text = json!({"type": "string"});
    let part = |name: &str| json!({"type": "object", "properties": {name: text}});
    let schema = json!({
        "A": {"allOf": [{"$ref": "#/components/schemas/B"}, part("two")], "properties": {"x": {"oneOf": [{"type": "null"}, part("three"), part("four")]}}},
        "B": part("one"),
    });
    assert_eq!(names(schema), "one two x.three x.four");
}

#[test]
fn what_leads_to_a_field_is_short() {
    let text = json!({"type": "string"});
    for (bytes, named) in [(509, true), (510, false)] {
        let long = "a".repeat(bytes);
        let found =
            laid_out(json!({"A": {"properties": {"id": text, long.clone(): {"properties": {"b": text, "cc": text}}}}}));
        assert_eq!(found.names.contains(&format!("{long}.cc")), named, "{bytes}");
        assert_eq!(found.cut, !named, "{bytes}");
        assert!(found.names.contains(&"id".to_owned()) && found.names.iter().all(|name| name.len() <= 512));
    }
}

#[test]
fn what_is_not_laid_out_is_not_named() {
    let schema = json!({
        "A": {"properties": {"id": {"type": "string"}, "manager": {"$ref": "#/components/schemas/A"}, "any": {}, "free": {"type": "object"},
              "open": {"type": "object", "additionalProperties": true}, "gone": {"$ref": "#/nowhere"}, "list": {"type": "array", "items": {"$ref": "#/components/schemas/A"}}}},
    });
    let found = laid_out(schema);
    assert_eq!(found.names, ["id"]);
    assert_eq!(
        found.open.into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" "),
        "any free gone list[] manager open"
    );
}

#[test]
fn a_schema_without_end_ends() {
    // Each of forty kinds has all forty: as many paths as there are orders of them.
    let all: serde_json::Map<String, serde_json::Value> = (0..40)
        .map(|number| (format!("k{number}"), json!({"$ref": format!("#/components/schemas/K{number}")})))
        .collect();
    let mut schemas = json!({"A": {"properties": all}});
    for number in 0..40 {
        schemas[format!("K{number}")] =
            json!({"properties": all, "oneOf": [{"$ref": format!("#/components/schemas/K{}", (number + 1) % 40)}]});
    }
    assert!(laid_out(schemas).cut);
    let mut deep = json!({"type": "string"});
    for _ in 0..50 {
        deep = json!({"properties": {"a": deep}});
    }
    let found = laid_out(json!({"A": deep}));
    assert_eq!((found.names.len(), found.open.len()), (0, 1));
}

#[test]
fn a_circle_of_many_parts_ends_and_hides_no_object() {
    let all = |number: usize| json!({"$ref": format!("#/components/schemas/K{}", number % 40)});
    let circle: Vec<serde_json::Value> = (0..40).map(all).collect();
    let mut schemas = json!({
        "A": {"properties": {"all": {"type": "array", "items": {"anyOf": circle}}, "own": {"type": "array", "items": {"$ref": "#/components/schemas/Own"}}}},
        "Own": {"anyOf": [{"$ref": "#/components/schemas/Own"}, {"$ref": "#/components/schemas/Own"}, {"properties": {"id": {"type": "string"}}}]},
    });
    for number in 0..40 {
        schemas[format!("K{number}")] = json!({"anyOf": circle});
    }
    let document = json!({"openapi": "3.1.0", "components": {"schemas": schemas}}).to_string();
    let document = Document::read(document.as_bytes()).unwrap();
    let of = |name: &str| {
        let schema = json!({"$ref": format!("#/components/schemas/{name}")});
        Objects::new(&document).is(&schema)
    };
    assert_eq!([of("K0"), of("Own"), of("A")], [false, true, true]);
}

#[test]
fn so_much_is_looked_at_for_all_questions_together() {
    let document = Document::read(b"openapi: 3.0.0").unwrap();
    let many = json!({"anyOf": vec![json!({"type": "string"}); PARTS_MAX]});
    let object = json!({"properties": {}});
    let objects = Objects::new(&document);
    assert!(objects.is(&object) && !objects.is(&many));
    for _ in 0..OBJECTS_STEPS_MAX / PARTS_MAX {
        objects.is(&many);
    }
    assert_eq!((objects.left.get(), objects.is(&object)), (0, false));
}
