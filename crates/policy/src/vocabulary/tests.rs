use super::*;

/// The words that stand before a `:` in the schema, comments left out.
fn declared() -> Vec<&'static str> {
    let lines = SCHEMA.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim().trim_end_matches('?')).collect()
}

#[test]
fn paths_and_schema_name_the_same_attributes() {
    for name in declared() {
        let is_shape = matches!(name, "principal" | "resource" | "context");
        assert!(is_shape || is_attribute(name), "{name} has no path");
    }
    for path in PATHS {
        assert!(declared().contains(&last(path)), "{path} is not in the schema");
    }
}

#[test]
fn types_and_schema_name_the_same_entities() {
    let lines = SCHEMA.lines().filter_map(|line| line.strip_prefix("entity "));
    let mut declared: Vec<&str> = lines
        .flat_map(|line| line.split(" in ").next().unwrap_or(line).split(" = ").next().unwrap_or(line).split(", "))
        .collect();
    declared.sort_unstable();
    assert_eq!(declared, TYPES);
}

#[test]
fn every_value_of_the_schema_comment_is_a_value() {
    for attribute in ["class", "class_source", "cost", "risk", "data", "status"] {
        let listed: Vec<String> = values_of(attribute).into_iter().flatten().map(|v| format!("\"{v}\"")).collect();
        assert!(SCHEMA.contains(&listed.join(", ")), "{attribute}");
    }
}

#[test]
fn the_actions_are_those_of_the_schema() {
    let (schema, _) = cedar_policy::Schema::from_cedarschema_str(schema()).unwrap();
    let mut actions: Vec<String> = schema.actions().map(ToString::to_string).collect();
    let mut ours = ACTIONS.to_vec();
    actions.sort();
    ours.sort_unstable();
    assert_eq!(actions, ours);
}
