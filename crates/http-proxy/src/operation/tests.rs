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
