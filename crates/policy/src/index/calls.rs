//! What a call has in each slot, looked up in the facts themselves: Cedar's question is built only for calls that some rule
//! concerns.

use model::{CostClass, Facts, Human};

use crate::index::pins::{Language, Path, Root, Slot};
use crate::index::shelves::{Finding, Lookup};
use crate::request::{Names, Passed};

/// The language of calls: that of the schema, against which every rule was checked.
pub(crate) struct Calls;

/// A call to be asked about.
pub(crate) struct Asked<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) passed: &'a Passed,
    pub(crate) names: &'a Names,
}

/// A fact that rules can be found by. It must be what `request` makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact {
    Action,
    Agent,
    AgentActive,
    AgentId,
    AgentKind,
    AgentModelTier,
    AgentName,
    AgentOwner,
    AgentRecommendOnly,
    Access,
    AllStopped,
    App,
    AppCategory,
    AppData,
    AppId,
    AppName,
    AppOwners,
    AppRisk,
    AppStopped,
    Class,
    ClassSource,
    Cost,
    EveryPasses,
    Human,
    HumanActive,
    HumanDepartment,
    HumanId,
    HumanManager,
    HumanName,
    HumanRole,
    HumanSeniority,
    Labels,
    SomePasses,
    Spent,
    Status,
    Task,
    Tool,
    ToolAndApp,
    ToolKind,
    ToolName,
    Verb,
}

impl Language for Calls {
    fn knows(&self, slot: &Slot) -> bool {
        Fact::of(slot).is_some()
    }

    fn always(&self, path: &Path) -> bool {
        match (path.root, words(path).as_slice()) {
            (Root::Context, ["human", attribute]) => matches!(*attribute, "id" | "name" | "active"),
            (Root::Context, [_]) => true,
            (Root::Principal, ["id" | "name" | "owner" | "active" | "recommend_only"]) => true,
            (Root::Resource, ["app", attribute]) => *attribute != "category",
            (Root::Resource, ["name" | "app" | "class" | "class_source" | "labels" | "status"]) => true,
            _ => false,
        }
    }

    fn checked(&self) -> bool {
        true
    }
}

impl Lookup for Calls {
    type Place = Fact;
    type Question<'q> = Asked<'q>;

    fn place(&self, slot: &Slot) -> Option<Fact> {
        Fact::of(slot)
    }

    fn look(&self, fact: &Fact, asked: &Asked<'_>, found: &mut Finding<'_>) -> bool {
        let Asked { facts, passed, names } = asked;
        let Facts { agent, human, app, tool, .. } = facts;
        match fact {
            Fact::Action => {
                let (action, _) = names.of_method(facts);
                found.entity("Action", action.id().unescaped());
            }
            Fact::Agent => found.entity("Agent", agent.id.as_str()),
            Fact::AgentActive => found.truth(agent.active),
            Fact::AgentId => found.text(agent.id.as_str()),
            Fact::AgentKind => found.kind("Agent"),
            Fact::AgentModelTier => return text(agent.model_tier.as_deref(), found),
            Fact::AgentName => found.text(&agent.name),
            Fact::AgentOwner => found.entity("Human", agent.owner.as_str()),
            Fact::AgentRecommendOnly => found.truth(agent.recommend_only),
            Fact::Access => found.truth(facts.access),
            Fact::AllStopped => found.truth(facts.all_stopped),
            Fact::App => found.entity("App", app.id.as_str()),
            Fact::AppCategory => return text(app.category.as_deref(), found),
            Fact::AppData => found.text(app.data.as_str()),
            Fact::AppId => found.text(app.id.as_str()),
            Fact::AppName => found.text(&app.name),
            Fact::AppOwners => app.owners.iter().for_each(|owner| found.entity("Human", owner.as_str())),
            Fact::AppRisk => found.text(app.risk.as_str()),
            Fact::AppStopped => found.truth(app.stopped),
            Fact::Class => found.text(tool.class.as_str()),
            Fact::ClassSource => found.text(tool.class_source.as_str()),
            Fact::Cost => return text(tool.cost.map(CostClass::as_str), found),
            Fact::EveryPasses => passed.every.iter().for_each(|test| found.text(test)),
            Fact::Human => found.entity("Human", human.id.as_str()),
            Fact::HumanActive
            | Fact::HumanDepartment
            | Fact::HumanId
            | Fact::HumanManager
            | Fact::HumanName
            | Fact::HumanRole
            | Fact::HumanSeniority => return of_human(*fact, human, found),
            Fact::Labels => tool.labels.iter().for_each(|label| found.text(label)),
            Fact::SomePasses => passed.some.iter().for_each(|test| found.text(test)),
            Fact::Spent => facts.spent.iter().for_each(|rule| found.text(rule.as_str())),
            Fact::Status => found.text(tool.status.as_str()),
            Fact::Task => found.text(facts.task.as_str()),
            Fact::Tool => asked.tool(found),
            Fact::ToolAndApp => {
                asked.tool(found);
                found.entity("App", app.id.as_str());
            }
            Fact::ToolKind => found.kind(names.kind_of(facts)),
            Fact::ToolName => found.text(tool.name.as_str()),
            Fact::Verb => return text(tool.verb.as_deref(), found),
        }
        true
    }
}

impl Asked<'_> {
    fn tool(&self, found: &mut Finding<'_>) {
        let id = Names::tool_id(self.facts);
        found.entity(self.names.kind_of(self.facts), &id);
    }
}

impl Fact {
    fn of(slot: &Slot) -> Option<Self> {
        match slot {
            Slot::Kind(Root::Principal) => Some(Self::AgentKind),
            Slot::Kind(Root::Resource) => Some(Self::ToolKind),
            Slot::Within(Root::Principal) => Some(Self::Agent),
            Slot::Within(Root::Action) => Some(Self::Action),
            Slot::Within(Root::Resource) => Some(Self::ToolAndApp),
            Slot::Is(path) | Slot::Truth(path) => Self::at(path),
            Slot::Holds(path) => match (path.root, words(path).as_slice()) {
                (Root::Context, ["every"]) => Some(Self::EveryPasses),
                (Root::Context, ["some"]) => Some(Self::SomePasses),
                (Root::Context, ["spent"]) => Some(Self::Spent),
                (Root::Resource, ["app", "owners"]) => Some(Self::AppOwners),
                (Root::Resource, ["labels"]) => Some(Self::Labels),
                _ => None,
            },
            Slot::Kind(_) | Slot::Within(Root::Context) => None,
        }
    }

    /// A value that is no set.
    fn at(path: &Path) -> Option<Self> {
        Some(match (path.root, words(path).as_slice()) {
            (Root::Action, []) => Self::Action,
            (Root::Principal, []) => Self::Agent,
            (Root::Principal, ["active"]) => Self::AgentActive,
            (Root::Principal, ["id"]) => Self::AgentId,
            (Root::Principal, ["model_tier"]) => Self::AgentModelTier,
            (Root::Principal, ["recommend_only"]) => Self::AgentRecommendOnly,
            (Root::Principal, ["name"]) => Self::AgentName,
            (Root::Principal, ["owner"]) => Self::AgentOwner,
            (Root::Context, ["access"]) => Self::Access,
            (Root::Context, ["all_stopped"]) => Self::AllStopped,
            (Root::Context, ["class"]) | (Root::Resource, ["class"]) => Self::Class,
            (Root::Context, ["human"]) => Self::Human,
            (Root::Context, ["human", "active"]) => Self::HumanActive,
            (Root::Context, ["human", "department"]) => Self::HumanDepartment,
            (Root::Context, ["human", "id"]) => Self::HumanId,
            (Root::Context, ["human", "manager"]) => Self::HumanManager,
            (Root::Context, ["human", "name"]) => Self::HumanName,
            (Root::Context, ["human", "role"]) => Self::HumanRole,
            (Root::Context, ["human", "seniority"]) => Self::HumanSeniority,
            (Root::Context, ["task"]) => Self::Task,
            (Root::Resource, []) => Self::Tool,
            (Root::Resource, ["app"]) => Self::App,
            (Root::Resource, ["app", "category"]) => Self::AppCategory,
            (Root::Resource, ["app", "data"]) => Self::AppData,
            (Root::Resource, ["app", "id"]) => Self::AppId,
            (Root::Resource, ["app", "name"]) => Self::AppName,
            (Root::Resource, ["app", "risk"]) => Self::AppRisk,
            (Root::Resource, ["app", "stopped"]) => Self::AppStopped,
            (Root::Resource, ["cost"]) => Self::Cost,
            (Root::Resource, ["verb"]) => Self::Verb,
            (Root::Resource, ["class_source"]) => Self::ClassSource,
            (Root::Resource, ["name"]) => Self::ToolName,
            (Root::Resource, ["status"]) => Self::Status,
            _ => return None,
        })
    }
}

fn of_human(fact: Fact, human: &Human, found: &mut Finding<'_>) -> bool {
    match fact {
        Fact::HumanActive => found.truth(human.active),
        Fact::HumanDepartment => return text(human.department.as_deref(), found),
        Fact::HumanManager => match &human.manager {
            Some(manager) => found.entity("Human", manager.as_str()),
            None => return false,
        },
        Fact::HumanName => found.text(&human.name),
        Fact::HumanRole => return text(human.role.as_deref(), found),
        Fact::HumanSeniority => return text(human.seniority.as_deref(), found),
        _ => found.text(human.id.as_str()),
    }
    true
}

fn text(value: Option<&str>, found: &mut Finding<'_>) -> bool {
    value.is_some_and(|value| {
        found.text(value);
        true
    })
}

fn words(path: &Path) -> Vec<&str> {
    path.attributes.iter().map(String::as_str).collect()
}
