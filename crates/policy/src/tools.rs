//! The tools that rules in Cedar name, those that rules in YAML came to included.

use std::collections::BTreeSet;

use cedar_policy::Policy;
use cedar_policy::pst::{Expr, Literal, PatternElem};
use model::{AppId, ToolName};

use crate::lint::app_of_tool;
use crate::tree::{self, Reads};

/// The tools that a rule names with their apps: `Tool::"crm/find_contact"`.
pub(crate) fn named(policy: &Policy) -> BTreeSet<(AppId, ToolName)> {
    let literals = policy.entity_literals();
    let ids = literals.iter().filter(|uid| uid.type_name().basename() == "Tool").map(|uid| uid.id().unescaped());
    ids.filter_map(app_of_tool)
        .filter_map(|(app, tool)| Some((AppId::parse(app).ok()?, ToolName::parse(tool).ok()?)))
        .collect()
}

/// The names that a rule could compare the name of a tool with: `resource.name == "find_contact"`. Of a pattern, one that fits it.
pub(crate) fn compared(policy: &Policy) -> BTreeSet<ToolName> {
    let mut reads = Reads::default();
    reads.add(policy);
    let mut names = BTreeSet::new();
    if !reads.has("name") {
        return names;
    }
    let walked = tree::each(policy, &mut |expression| match expression {
        Expr::Literal(Literal::String(text)) => names.extend(as_name(text)),
        Expr::Like { pattern, .. } => {
            let letter = |one: &PatternElem| if let PatternElem::Char(letter) = one { Some(*letter) } else { None };
            names.extend(as_name(&pattern.iter().filter_map(letter).collect::<String>()));
        }
        _ => {}
    });
    // A rule that cannot be read does not load.
    walked.map_or_else(|_| BTreeSet::new(), |()| names)
}

/// A text as the name of a tool, if an app can list one that is called so.
pub(crate) fn as_name(text: &str) -> Option<ToolName> {
    ToolName::of_list(text).ok()
}
