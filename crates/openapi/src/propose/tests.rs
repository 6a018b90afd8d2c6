use std::path::Path;

use proptest::prelude::*;

use super::*;

const CASE: &str = r##"
openapi: 3.1.0
info: {title: Applicants, version: "1"}
servers: [{url: "https://{region}.example.com/v1/", variables: {region: {default: eu}}}]
paths:
  /candidates:
    get:
      operationId: listCandidates
      parameters:
        - {name: limit, in: query, schema: {type: integer, maximum: 100}}
        - {name: cursor, in: query, schema: {type: string}}
        - {name: client_id, in: query, schema: {type: string}}
        - {name: status, in: query, schema: {type: string}}
        - {name: sort, in: query, schema: {type: string}}
        - {name: fields, in: query, schema: {type: string}}
        - {name: include, in: query, schema: {type: string}}
        - {name: q, in: query, schema: {type: string}}
      responses:
        200:
          description: a page
          content: {application/json: {schema: {type: object, properties: {data: {type: array, items: {$ref: "#/components/schemas/CandidateDto"}}, total: {type: integer}, next: {type: string}}}}}
    post:
      operationId: create-candidate
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/CandidateDto"}}}}
      responses: {201: {description: made}}
  /candidates/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get:
      responses: {200: {description: one, content: {application/json; charset=utf-8: {schema: {$ref: "#/components/schemas/CandidateDto"}}}}}
    delete: {operationId: dropCandidate, responses: {204: {description: gone}}}
  /candidates/{id}/withdraw:
    post: {operationId: withdraw, responses: {200: {description: done}}}
  /a;b/{x}.{y}: {get: {responses: {}}}
components:
  schemas:
    CandidateDto:
      type: object
      properties:
        id: {type: string}
        client_id: {type: string}
        status: {enum: [active, ended]}
        name: {type: string}
        employment: {type: object, properties: {title: {type: string}, salary: {type: number}}}
        compensation: {type: object}
        referrer: {$ref: "#/components/schemas/CandidateDto"}
"##;

fn proposed(text: &str) -> Proposal {
    propose(&Document::read(text.as_bytes()).unwrap())
}

#[test]
fn what_may_only_be_read_is_not_sent_and_what_may_only_be_written_is_not_answered() {
    let both = "name: {type: string}\n        password: {type: string, writeOnly: true}\n        made: {$ref: \"#/components/schemas/Made\"}\n";
    let text = CASE.replacen("name: {type: string}\n", both, 1) + "    Made: {type: string, readOnly: true}\n";
    let proposal = proposed(&text);
    let shown = &proposal.mapping.entities["candidate"].fields;
    assert_eq!(["made", "password"].map(|one| shown.iter().any(|field| field == one)), [true, false], "{shown:?}");
    let sent = &proposal.mapping.operations["create_candidate"].body;
    assert_eq!(["made", "password"].map(|one| sent.iter().any(|field| field == one)), [false, true], "{sent:?}");
}

#[test]
fn an_operation_at_another_address_is_left_out_and_said() {
    let server = "servers: [{url: \"https://uploads.example.com\"}]";
    let of_operation = CASE.replace("{operationId: withdraw,", &format!("{{operationId: withdraw, {server},"));
    let of_path = CASE.replace("withdraw:\n", &format!("withdraw:\n    {server}\n"));
    for text in [of_operation, of_path] {
        let proposal = proposed(&text);
        assert!(!proposal.mapping.operations.contains_key("withdraw"));
        let said = "POST /candidates/{id}/withdraw (at another address than the others)".to_owned();
        assert!(proposal.left_out.contains(&said), "{:?}", proposal.left_out);
    }
    // Said again, it is the same.
    let all = "servers: [{url: \"https://{region}.example.com/v1/\", variables: {region: {default: eu}}}]";
    let same = CASE.replace("{operationId: withdraw,", &format!("{{operationId: withdraw, {all},"));
    assert_eq!(proposed(&same).to_yaml(), proposed(CASE).to_yaml());
}

#[test]
fn the_case_is_proposed_with_questions() {
    let proposal = proposed(CASE);
    insta::assert_snapshot!(proposal.to_yaml());
    assert_eq!(Mapping::read("proposed", &proposal.to_yaml()).unwrap(), proposal.mapping);
}

#[test]
fn a_document_that_says_nothing_is_proposed_as_nothing() {
    let proposal = proposed("openapi: 3.0.0");
    assert_eq!(Mapping::read("proposed", &proposal.to_yaml()).unwrap(), proposal.mapping);
    assert_eq!((proposal.mapping.operations.len(), proposal.open()), (0, 1));
}

/// Documents by others, as they come in pinned packages.
#[test]
fn documents_by_others_are_imported_as_they_are() {
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/openapi/node_modules");
    if !packages.exists() {
        #[expect(clippy::disallowed_methods, reason = "CI has been set up, or is broken")]
        let in_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!in_ci, "`cargo xtask setup` brings what is missing here");
        eprintln!("skipped: `cargo xtask setup` has not run");
        return;
    }
    let mut found = Vec::new();
    for (file, bytes, operations, entities) in OTHERS {
        let text = std::fs::read(packages.join(file)).unwrap();
        assert!(text.len() >= bytes, "{file}");
        let proposal = propose(&Document::read(&text).unwrap());
        let written = proposal.to_yaml();
        let read = Mapping::read(file, &written).unwrap_or_else(|errors| panic!("{file}: {errors:?}"));
        assert_eq!(read, proposal.mapping, "{file}");
        let (some, kinds) = (proposal.mapping.operations.len(), proposal.mapping.entities.len());
        assert!(some >= operations && kinds >= entities, "{file}: {some} operations, {kinds} entities");
        found.push(format!(
            "{file}: {some} operations, {kinds} entities, {} questions, {} left out",
            proposal.open(),
            proposal.left_out.len()
        ));
    }
    eprintln!("{}", found.join("\n"));
}

/// File, bytes at least, operations at least, entities at least.
const OTHERS: [(&str, usize, usize, usize); 6] = [
    ("@octokit/openapi/generated/api.github.com.json", 10_000_000, 900, 150),
    ("@readme/oas-examples/3.0/json/star-trek.json", 400_000, 50, 20),
    ("@readme/oas-examples/3.1/yaml/readme.yaml", 400_000, 30, 5),
    ("@readme/oas-examples/3.1/json/readme.json", 400_000, 30, 5),
    ("@readme/oas-examples/3.0/yaml/petstore.yaml", 10_000, 10, 3),
    ("@readme/oas-examples/3.0/json/schema-circular.json", 10_000, 1, 0),
];

/// 3 MB in which everything leads to everything.
#[test]
fn a_large_document_of_circles_ends() {
    let mut schemas = serde_json::Map::new();
    let mut paths = serde_json::Map::new();
    for number in 0..2_000 {
        let reference = |other: usize| serde_json::json!({"$ref": format!("#/components/schemas/K{}", other % 2_000)});
        let properties: serde_json::Map<String, Value> =
            (1..30).map(|step| (format!("to_{step}"), reference(number * step + 1))).collect();
        let properties = serde_json::json!({"id": {"type": "string"}, "description": "x".repeat(100), "next": {"allOf": [reference(number + 1), {"properties": properties}]}});
        schemas.insert(format!("K{number}"), serde_json::json!({"type": "object", "properties": properties}));
        if number.is_multiple_of(400) {
            let answer = serde_json::json!({"get": {"responses": {"200": {"content": {"application/json": {"schema": reference(number)}}}}}});
            paths.insert(format!("/k{number}/{{id}}"), answer);
        }
    }
    let document =
        serde_json::json!({"openapi": "3.0.0", "paths": paths, "components": {"schemas": schemas}}).to_string();
    assert!(document.len() > 3_000_000);
    let proposal = proposed(&document);
    assert_eq!(proposal.mapping.operations.len(), 5);
    Mapping::read("proposed", &proposal.to_yaml()).unwrap();
}

/// A small document must not make a large mapping.
#[test]
fn names_that_many_operations_share_are_bounded() {
    let long = "a".repeat(100_000);
    let text = serde_json::json!({"type": "string"});
    let fields: serde_json::Map<String, Value> =
        (0..900).map(|number| (format!("{number:0>400}"), text.clone())).collect();
    let below = serde_json::json!({"properties": (0..900).map(|number| (format!("f{number}"), text.clone())).collect::<serde_json::Map<_, _>>()});
    let answer = serde_json::json!({"content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}});
    let operation = serde_json::json!({
        "parameters": [{"$ref": "#/components/parameters/P"}],
        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Body"}}}},
        "responses": {"200": answer},
    });
    let paths: serde_json::Map<String, Value> =
        (0..200).map(|number| (format!("/p{number}"), serde_json::json!({"post": operation}))).collect();
    let document = serde_json::json!({
        "openapi": "3.0.0", "paths": paths,
        "servers": [{"url": "https://{a}.example/", "variables": {"a": {"default": "{b}{b}".repeat(300)}, "b": {"default": "c".repeat(100)}}}],
        "components": {
            "schemas": {"A": {"properties": {"id": text, long.clone(): below}}, "Body": {"properties": fields}},
            "parameters": {"P": {"name": long, "in": "query"}},
        },
    });
    let proposal = proposed(&document.to_string());
    let written = proposal.to_yaml();
    assert_eq!(proposal.mapping.operations.len(), 200);
    assert!(written.len() < 10 << 20, "{}", written.len());
    assert_eq!(proposal.mapping.entities["a"].fields, ["id"]);
    assert!(written.contains("there are more fields than are laid out here"), "what is left is said");
    assert!(written.contains("the body has more fields than are laid out here"), "what is left is said");
    assert_eq!(proposal.mapping.base, NO_BASE);
    Mapping::read("proposed", &written).unwrap();
}

#[test]
fn what_stands_behind_long_references_is_left_out_and_said() {
    let long = "a".repeat(2_000);
    let document = serde_json::json!({
        "openapi": "3.0.0",
        "paths": {"/as": {"get": {"responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/B"}}}}}}}},
        "components": {"schemas": {"B": {"$ref": format!("#/components/schemas/{long}")}, long: {"properties": {"id": {"type": "string"}}}}},
    });
    let proposal = proposed(&document.to_string());
    assert!(proposal.mapping.entities.is_empty());
    assert_eq!(proposal.left_out, ["what references of more than 1024 bytes lead to (1)"]);
}

/// Each operation shows the same lists, each of one of a thousand things.
#[test]
fn many_lists_of_many_things_end() {
    let things: Vec<Value> = (0..1_000).map(|number| serde_json::json!({"const": number})).collect();
    let lists: serde_json::Map<String, Value> = (0..2_000)
        .map(|number| {
            (format!("l{number}"), serde_json::json!({"type": "array", "items": {"$ref": "#/components/schemas/K"}}))
        })
        .collect();
    let answer = serde_json::json!({"content": {"application/json": {"schema": {"$ref": "#/components/schemas/L"}}}});
    let paths: serde_json::Map<String, Value> = (0..20)
        .map(|number| (format!("/k{number}/{{id}}"), serde_json::json!({"get": {"responses": {"200": answer}}})))
        .collect();
    let schemas = serde_json::json!({"K": {"anyOf": things}, "L": {"type": "object", "properties": lists}});
    let document = serde_json::json!({"openapi": "3.0.0", "paths": paths, "components": {"schemas": schemas}});
    let proposal = proposed(&document.to_string());
    assert_eq!(proposal.mapping.operations.len(), 20);
    Mapping::read("proposed", &proposal.to_yaml()).unwrap();
}

proptest! {
    /// Whatever the words of a document, what is proposed can be read as it is, and a person sees all of it.
    #[test]
    fn what_is_proposed_can_be_read(words in prop::collection::vec("[ -~é\\n\u{85}\u{2028}\u{202e}\u{e0041}]{0,12}", 12)) {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = <[String; 12]>::try_from(words).unwrap();
        let schema = serde_json::json!({"type": "object", "properties": {a.clone(): {"type": "string"}, b: {"type": "array", "items": {"properties": {c: {"type": "number"}}}}, d.clone(): {}}});
        let document = serde_json::json!({"openapi": "3.0.0", "servers": [{"url": format!("https://{e}")}], "paths": {
            format!("/{f}"): {"get": {"operationId": g, "parameters": [{"name": h, "in": "query"}, {"name": a, "in": "query"}],
                "responses": {"200": {"content": {"application/json": {"schema": {"$ref": format!("#/components/schemas/{i}")}}}}}}},
            format!("/{j}/{{{k}}}"): {"put": {"requestBody": {"content": {"application/json": {"schema": schema}}}, "responses": {}}},
            l: {"get": {"responses": {}}},
        }, "components": {"schemas": {i: schema}}});
        let proposal = proposed(&document.to_string());
        let read = Mapping::read("proposed", &proposal.to_yaml());
        prop_assert!(!proposal.to_yaml().contains(|letter| letter != '\n' && model::is_hidden(letter)));
        prop_assert_eq!(read.map_err(|errors| format!("{errors:?}\n{}", proposal.to_yaml())), Ok(proposal.mapping));
    }
}
