//! The words a rule may use, and the nearest right one for a wrong one.

use model::{Class, ClassSource, CostClass, DataClassification, Risk, ToolStatus};
use spelling::{did_you_mean, listed};

/// The Cedar schema in force.
pub fn schema() -> &'static str {
    SCHEMA
}

/// The schema as the check of unguarded reads sees it: a fact that may be unknown is taken for known, because reading it
/// unguarded is a question to the facts (answered by a deferral), not a mistake of the rule.
pub(crate) fn schema_with_everything_known() -> String {
    SCHEMA.replace("?:", ":")
}

/// The values of an attribute that takes one of a few words.
pub(crate) fn values_of(attribute: &str) -> Option<Vec<&'static str>> {
    Some(match attribute {
        "class" => Class::ALL.iter().map(|class| class.as_str()).collect(),
        "class_source" => [ClassSource::Profile, ClassSource::Pin, ClassSource::Unreviewed, ClassSource::Method]
            .iter()
            .map(|s| s.as_str())
            .collect(),
        "cost" => CostClass::ALL.iter().map(|cost| cost.as_str()).collect(),
        "risk" => [Risk::Low, Risk::Medium, Risk::High].iter().map(|risk| risk.as_str()).collect(),
        "data" => [
            DataClassification::Public,
            DataClassification::Internal,
            DataClassification::Confidential,
            DataClassification::Restricted,
        ]
        .iter()
        .map(|data| data.as_str())
        .collect(),
        "status" => [ToolStatus::Unreviewed, ToolStatus::Pinned, ToolStatus::Quarantined, ToolStatus::Unknown]
            .iter()
            .map(|status| status.as_str())
            .collect(),
        _ => return None,
    })
}

/// Whether any entity or the context has an attribute of this name.
pub(crate) fn is_attribute(name: &str) -> bool {
    PATHS.iter().any(|path| last(path) == name)
}

/// The names of all attributes, in order, each once.
pub(crate) fn attribute_names() -> Vec<&'static str> {
    let mut names: Vec<&str> = PATHS.iter().map(|path| last(path)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Where an attribute of this name is, or the nearest name.
pub(crate) fn attribute_hint(name: &str) -> Option<String> {
    let places: Vec<&str> = PATHS.iter().copied().filter(|path| last(path) == name).collect();
    if !places.is_empty() {
        return Some(format!("did you mean {}?", listed(&places)));
    }
    did_you_mean(name, PATHS.iter().map(|path| last(path)))
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// Every attribute of the schema, as a rule reaches it.
pub(crate) const PATHS: &[&str] = &[
    "context.access",
    "context.all_stopped",
    "context.argument_bytes",
    "context.class",
    "context.every",
    "context.human",
    "context.human.active",
    "context.human.department",
    "context.human.id",
    "context.human.manager",
    "context.human.name",
    "context.human.role",
    "context.human.seniority",
    "context.now",
    "context.some",
    "context.spent",
    "context.task",
    "principal.active",
    "principal.id",
    "principal.model_tier",
    "principal.name",
    "principal.owner",
    "principal.recommend_only",
    "resource.app",
    "resource.app.category",
    "resource.app.data",
    "resource.app.id",
    "resource.app.name",
    "resource.app.owners",
    "resource.app.risk",
    "resource.app.stopped",
    "resource.class",
    "resource.class_source",
    "resource.cost",
    "resource.labels",
    "resource.name",
    "resource.status",
    "resource.verb",
];

/// The entity types of the schema.
pub(crate) const TYPES: &[&str] = &["Agent", "App", "Human", "Prompt", "Request", "Resource", "Tool"];

/// The actions of the schema.
pub(crate) const ACTIONS: &[&str] =
    &["Action::\"call\"", "Action::\"read\"", "Action::\"get\"", "Action::\"complete\"", "Action::\"ask\""];

const SCHEMA: &str = include_str!("../schema.cedarschema");

#[cfg(test)]
mod tests;
