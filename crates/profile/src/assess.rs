//! What is in force for one tool and one set of arguments. On the path of every call: nothing is worked out that could
//! have been worked out before.

use std::sync::{Arc, LazyLock};

use model::{Class, ClassSource, Method, ToolFacts, ToolName, ToolStatus};

use crate::classify::Proposal;
use crate::definition::{Definition, ToolDefinition};
use crate::pin::Pin;
use crate::profile::Profile;
use crate::scan::worst;

/// What is in force for a tool.
#[derive(Debug, Clone)]
pub struct Assessment {
    /// What a decision may look at.
    pub facts: ToolFacts,
    /// Why this class, for people.
    pub why: Arc<str>,
    /// What we would propose to a reviewer.
    pub proposal: Proposal,
    /// The lowest class any arguments could have: what listing tools goes by.
    pub lowest: Class,
}

/// What is in force for a tool with these arguments (none: the worst they could be).
pub fn assess(
    definition: &ToolDefinition,
    profile: Option<&Profile>,
    pin: Option<&Pin>,
    arguments: Option<json::Value<'_, '_>>,
) -> Assessment {
    let proposal = definition.proposal();
    let known = profile.and_then(|profile| profile.tool(definition.name.as_str()));
    let (status, finding) = standing(definition.said(), pin);
    let mut cost = None;
    let (class, lowest, class_source, why) = match (known, pin) {
        // A changed definition has nobody's word for anything: the worst that anyone says of it.
        (known, Some(pin)) if status == ToolStatus::Quarantined => {
            let class = pin.class.max(proposal.class).max(known.map_or(Class::Read, |known| known.highest()));
            cost = known.and_then(|known| known.said_of(None).1);
            (class, class, ClassSource::Pin, Arc::clone(&CHANGED))
        }
        (Some(known), _) => {
            let (class, costs, why) = known.said_of(arguments);
            cost = costs;
            (class, known.lowest(), ClassSource::Profile, Arc::clone(why))
        }
        (None, Some(pin)) => (pin.class, pin.class, ClassSource::Pin, Arc::clone(&REVIEWED)),
        (None, None) => {
            let class = proposal.class.max(Class::External);
            (class, class, ClassSource::Unreviewed, Arc::clone(&proposal.why))
        }
    };
    let why = if finding.is_some() { Arc::clone(&FOUND) } else { why };
    let (name, definition) = (definition.name.clone(), Some(definition.digest()));
    let mut facts = ToolFacts { definition, finding, ..ToolFacts::new(name, class, class_source, status) };
    if let Some(known) = known {
        facts.verb = known.verb().cloned();
        facts.cost = cost;
        facts.labels = Arc::clone(known.labels());
    }
    Assessment { facts, why, proposal: proposal.clone(), lowest }
}

/// Whether a definition is the one a person saw; for one that nobody saw, what is found in it that keeps it from use.
pub fn standing(definition: &Definition, pin: Option<&Pin>) -> (ToolStatus, Option<Arc<str>>) {
    match pin {
        Some(pin) if pin.definition == definition.digest() => (ToolStatus::Pinned, None),
        Some(_) => (ToolStatus::Quarantined, None),
        None => match worst(definition.findings()) {
            Some(finding) => (ToolStatus::Quarantined, Some(Arc::from(finding.in_our_words()))),
            None => (ToolStatus::Unreviewed, None),
        },
    }
}

/// What is in force for something that is no tool. `now`: its definition, if the app lists it. One that was reviewed and is
/// not listed any more is not what was reviewed.
pub fn assess_other(method: Method, name: ToolName, now: Option<&Definition>, pin: Option<&Pin>) -> ToolFacts {
    let facts = ToolFacts::of_method(method, name);
    match (now, pin) {
        (Some(now), pin) => {
            let (status, finding) = standing(now, pin);
            ToolFacts { status, finding, definition: Some(now.digest()), ..facts }
        }
        (None, Some(_)) => ToolFacts { status: ToolStatus::Quarantined, ..facts },
        (None, None) => facts,
    }
}

/// A tool the app could not be asked about: the most dangerous there is.
pub fn unknown_tool(name: ToolName) -> ToolFacts {
    ToolFacts::new(name, Class::Destructive, ClassSource::Unreviewed, ToolStatus::Unknown)
}

static REVIEWED: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from("a person reviewed this definition and said so"));
static CHANGED: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from("the definition changed since a person reviewed it"));

static FOUND: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from("what its definition says looks like a known attack"));

#[cfg(test)]
mod tests;
