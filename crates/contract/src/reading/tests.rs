use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

/// The published schema names the keys that are read, and no others.
#[test]
fn the_schema_knows_the_keys() {
    let schema: Value = serde_json::from_str(include_str!("../../../../spec/contract.schema.json")).unwrap();
    let limits = "/$defs/clause/properties/limits/oneOf/1";
    let needs = "/$defs/clause/properties/needs_human/oneOf/1";
    let cases: [(&str, &[&str], &[&str]); 14] = [
        ("", KEYS, NEEDED),
        ("/$defs/document", DOCUMENT_KEYS, &["name", "sha256", "dated", "clauses"]),
        ("/$defs/party", &["name", "people"], &["name"]),
        ("/$defs/clause", CLAUSE_KEYS, &["clause"]),
        ("/properties/parties", PARTY_KEYS, PARTY_KEYS),
        ("/properties/term", &["from", "until", "zone"], &["from", "until"]),
        ("/properties/answers", ANSWER_KEYS, &[]),
        ("/properties/amendments/items", AMENDMENT_KEYS, AMENDMENT_KEYS),
        ("/$defs/clause/properties/permits", kinds::PERMIT_KEYS, &["do", "entities"]),
        (limits, kinds::LIMIT_KEYS, &[]),
        ("/$defs/clause/properties/post_hoc", kinds::POST_HOC_KEYS, &["every"]),
        (needs, &["who", "before"], &["who"]),
        (&format!("{needs}/properties/before"), kinds::BEFORE_KEYS, &["approvers"]),
        ("/$defs/clause/properties/excludes", &["entities", "do", "fields"], &[]),
    ];
    for (place, keys, needed) in cases {
        let object = if place.is_empty() { &schema } else { schema.pointer(place).unwrap() };
        let named: BTreeSet<&str> = object["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(named, keys.iter().copied().collect(), "{place}");
        let required: BTreeSet<&str> =
            object["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(required, needed.iter().copied().collect(), "{place}");
    }
}
