//! The schema that editors complete from, and the guide, know the same keys as the parser.

use std::collections::BTreeSet;

use super::*;
use crate::yaml::{block, custom, example, others, values, when};

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../policy.schema.json")).unwrap()
}

fn guide() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/policy.md");
    std::fs::read_to_string(path).expect("the guide is there")
}

fn keys_of(definition: &Value) -> BTreeSet<String> {
    definition["properties"].as_object().unwrap().keys().cloned().collect()
}

/// Every table of keys, under the name the schema has for what they are keys of.
fn tables() -> Vec<(&'static str, Vec<&'static str>)> {
    let both = |one: &[&'static str], other: &[&'static str]| [one, other].concat();
    vec![
        ("block", both(block::BLOCK_KEYS, block::MARKS)),
        ("rule", both(custom::RULE_KEYS, block::MARKS)),
        ("conditions", when::WHEN_KEYS.to_vec()),
        ("human", when::HUMAN_KEYS.to_vec()),
        ("agent", when::AGENT_KEYS.to_vec()),
        ("app", when::APP_KEYS.to_vec()),
        ("tool", when::TOOL_KEYS.to_vec()),
        ("size", when::SIZE_KEYS.to_vec()),
        ("time", when::TIME_KEYS.to_vec()),
        ("questions", values::VALUE_KEYS.to_vec()),
        ("freeze", others::FREEZE_KEYS.to_vec()),
        ("agent_block", others::AGENT_BLOCK_KEYS.to_vec()),
        ("example", example::EXAMPLE_KEYS.to_vec()),
    ]
}

#[test]
fn the_schema_knows_the_keys_of_the_parser() {
    let schema = schema();
    let set = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<BTreeSet<String>>();
    assert_eq!(keys_of(&schema), set(crate::yaml::FILE_KEYS));
    for (name, keys) in tables() {
        assert_eq!(keys_of(&schema["$defs"][name]), set(&keys), "{name}");
    }
    assert_eq!(keys_of(&schema["$defs"]["calls"]["oneOf"][1]), set(block::BUDGET_KEYS));
}

#[test]
fn the_guide_explains_every_key() {
    let guide = guide();
    for (name, keys) in tables() {
        for key in keys {
            assert!(guide.contains(&format!("`{key}`")) || guide.contains(&format!("`{key}:")), "{name}: {key}");
        }
    }
}

#[test]
fn every_example_of_the_guide_loads_and_keeps_its_promises() {
    let guide = guide();
    let blocks: Vec<&str> = guide.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 5, "the guide has examples");
    for text in blocks {
        let bundle = compiled(text);
        if !bundle.examples().is_empty() {
            check(text);
        }
    }
}
