//! A rule that was understood, before it is Cedar.

use std::sync::Arc;

use model::{AppId, BudgetOf, BudgetPer};
use yaml_tree::At;

use super::condition::{Condition, Tests, Towards, escaped, quoted};

/// A rule that was understood.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) id: String,
    pub(crate) written: Written,
    pub(crate) does: Does,
    /// The apps it is about; none: all.
    pub(crate) apps: Option<Vec<AppId>>,
    /// Whether it is about tools only, not about resources, prompts and what apps ask of clients.
    pub(crate) tools_only: bool,
    pub(crate) when: Condition,
    pub(crate) unless: Option<Condition>,
    /// Yields to every rule of these files that permits.
    pub(crate) unless_permitted: bool,
    pub(crate) says: String,
    pub(crate) instead: Option<String>,
    pub(crate) marks: Marks,
    pub(crate) runtime_seconds: Option<u64>,
    /// The fields of the answer that it hides.
    pub(crate) redact: Option<String>,
    pub(crate) budget: Option<(BudgetOf, BudgetPer)>,
}

/// Where a rule stands.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) file: Arc<str>,
    pub(crate) at: At,
    pub(crate) text: Arc<str>,
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    Permit,
    Redact,
    Hold,
    Defer,
    Deny,
    /// Holds a call to its limits and decides nothing.
    Limit,
}

/// What a rule says of itself, or a block of all its rules.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks {
    pub(crate) approvers: Vec<String>,
    pub(crate) approvals: Option<u8>,
    pub(crate) observe: bool,
    pub(crate) security_relevant: bool,
}

// === impl Draft ===

impl Draft {
    /// A rule about tools that always applies and says nothing more of itself.
    pub(crate) fn new(id: String, written: Written, does: Does, apps: Option<Vec<AppId>>, says: String) -> Self {
        Self {
            id,
            written,
            does,
            apps,
            tools_only: true,
            when: Condition::Always,
            unless: None,
            unless_permitted: false,
            says,
            instead: None,
            marks: Marks::default(),
            runtime_seconds: None,
            redact: None,
            budget: None,
        }
    }

    /// Whether it lets calls run, and another rule yields to it. One that is only observed yields as it would if all that is
    /// observed were enforced.
    pub(crate) fn lifts(&self, other: &Self) -> bool {
        other.unless_permitted && self.permits_for(other) && (!self.marks.observe || other.marks.observe)
    }

    /// Whether it would let calls run that another rule is about.
    pub(crate) fn permits_for(&self, other: &Self) -> bool {
        self.does == Does::Permit && self.meets(other.apps.as_deref())
    }

    /// Whether there is an app that both are about.
    pub(crate) fn meets(&self, apps: Option<&[AppId]>) -> bool {
        match (self.apps.as_deref(), apps) {
            (Some(ours), Some(theirs)) => ours.iter().any(|app| theirs.contains(app)),
            _ => true,
        }
    }

    /// As Cedar, with everything it says of itself. `all`: every rule, for one that yields to those that permit.
    pub(crate) fn cedar(&self, all: &[Self], tests: &mut Tests) -> String {
        let mut text = self.annotations();
        let towards = self.towards();
        let effect = if self.does == Does::Permit { "permit" } else { "forbid" };
        let action = if self.tools_only { "action == Action::\"call\"" } else { "action" };
        let (resource, among) = match self.apps.as_deref() {
            Some([app]) => (format!("resource in {}", app_literal(app)), None),
            Some(several) => ("resource".to_owned(), Some(among(several))),
            None => ("resource".to_owned(), None),
        };
        text.push_str(&format!("{effect} (principal, {action}, {resource})"));
        let condition = Condition::All(among.into_iter().chain([self.when.clone()]).collect());
        if !condition.is_always() {
            text.push_str(&format!("\nwhen {{ {} }}", condition.cedar(towards, tests)));
        }
        let mut exceptions: Vec<Condition> = self.unless.clone().into_iter().collect();
        exceptions.extend(all.iter().filter(|other| other.lifts(self)).map(|other| other.whole(self)));
        if !exceptions.is_empty() {
            text.push_str(&format!("\nunless {{ {} }}", Condition::Any(exceptions).cedar(towards.turned(), tests)));
        }
        text.push(';');
        text
    }

    /// All of its condition, scope included, as an exception of another rule.
    fn whole(&self, of: &Self) -> Condition {
        let mut all = Vec::new();
        if self.apps != of.apps {
            all.extend(self.apps.as_deref().map(among));
        }
        if self.tools_only && !of.tools_only {
            all.push(Condition::Fact("resource is Tool".to_owned()));
        }
        all.push(self.when.clone());
        all.extend(self.unless.clone().map(Condition::not));
        Condition::All(all)
    }

    fn towards(&self) -> Towards {
        if self.does == Does::Permit { Towards::Permit } else { Towards::Restrict }
    }

    fn annotations(&self) -> String {
        let mut text = String::new();
        let mut add = |key: &str, value: &str| text.push_str(&format!("@{key}(\"{}\")\n", escaped(value)));
        add("id", &self.id);
        match self.does {
            Does::Permit | Does::Redact | Does::Deny => {}
            Does::Hold => add("outcome", "hold"),
            Does::Defer => add("outcome", "defer"),
            Does::Limit => add("outcome", "limit"),
        }
        if self.does == Does::Hold {
            let approvers = match self.marks.approvers.as_slice() {
                [] => "owner-of-app".to_owned(),
                some => some.join(", "),
            };
            add("approvers", &approvers);
            if let Some(approvals) = self.marks.approvals {
                add("approvals", &approvals.to_string());
            }
        }
        if let Some(paths) = &self.redact {
            add("redact", paths);
        }
        if let Some(seconds) = self.runtime_seconds {
            add("max_runtime", &seconds.to_string());
        }
        if self.marks.observe {
            add("observe", "true");
        }
        if self.marks.security_relevant {
            add("security_relevant", "true");
        }
        add("says", &self.says);
        if let Some(instead) = &self.instead {
            add("instead", instead);
        }
        text
    }
}

fn among(apps: &[AppId]) -> Condition {
    let apps: Vec<String> = apps.iter().map(app_literal).collect();
    Condition::Fact(format!("resource in [{}]", apps.join(", ")))
}

fn app_literal(app: &AppId) -> String {
    format!("App::{}", quoted(app.as_str()))
}
