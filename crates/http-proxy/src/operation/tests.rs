use openapi::{Document, Mapping, propose};

use super::*;

/// What a document of these paths is proposed as, and what of it is left out.
fn proposed(paths: &serde_json::Value) -> (Vec<String>, Vec<String>) {
    let document = serde_json::json!({ "openapi": "3.0.0", "servers": [{ "url": "https://a.b" }], "paths": paths });
    let proposal = propose(&Document::read(document.to_string().as_bytes()).unwrap());
    let mapping = Mapping::read("proposed", &proposal.to_yaml()).unwrap();
    let compiled = mapping.operations.iter().map(|(name, mapped)| {
        let operation = Operation::compile(name, mapped, &mapping.entities).unwrap_or_else(|error| panic!("{error}"));
        format!("{} {}", operation.method, mapped.path)
    });
    (compiled.collect(), proposal.left_out)
}

#[test]
fn what_is_proposed_is_an_operation_here() {
    let any = serde_json::json!({ "responses": {} });
    let paths = serde_json::json!({
        "/": { "get": any },
        "/orders": { "get": any, "head": any, "options": any },
        "/orders/{id}": { "delete": any },
        "/orders/{other}": { "delete": any, "put": any },
        "/clients/": { "get": any },
        "/clients/{client_id}/close": { "post": { "responses": {}, "parameters": [{ "name": "q", "in": "query" }] } },
        "/close": { "post": { "responses": {}, "parameters": [{ "name": "client_id", "in": "query" }, { "name": "page", "in": "query" }] } },
    });
    let (compiled, left_out) = proposed(&paths);
    assert_eq!(
        compiled,
        [
            "DELETE /orders/{id}",
            "GET /",
            "GET /orders",
            "POST /clients/{client_id}/close",
            "POST /close",
            "PUT /orders/{other}",
        ]
    );
    assert_eq!(left_out, ["HEAD /orders", "/clients/", "DELETE /orders/{other}"]);
}

#[test]
fn what_a_mapping_writes_in_a_path_leaves_as_it_stands() {
    let written = |path: &str| {
        let text = format!(
            "api: 1\nbase: https://a.b\noperations:\n  one: {{method: GET, path: \"{path}\", class: read, does: read}}\n"
        );
        let mapping = Mapping::read("x.yaml", &text).unwrap();
        let operation = Operation::compile("one", &mapping.operations["one"], &mapping.entities).unwrap();
        operation.write_path(&BTreeMap::from([("id".to_owned(), "@me:$1".to_owned())])).unwrap()
    };
    for (path, expected) in [
        ("/candidates:search", "/candidates:search"),
        ("/users/@me/$count", "/users/@me/$count"),
        ("/a!b'(c)*+,=&~", "/a!b'(c)*+,=&~"),
        ("/a[b]|^", "/a%5Bb%5D%7C%5E"),
        // What a caller names is text.
        ("/users/{id}", "/users/%40me%3A%241"),
    ] {
        assert_eq!(written(path), expected);
    }
}
