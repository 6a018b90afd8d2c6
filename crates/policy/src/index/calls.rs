//! What a call has in each slot, looked up in the facts themselves: Cedar's question is built only for calls that some rule
//! concerns.

use std::sync::Arc;

use model::{CostClass, Facts, Human, HumanId, RuleId};

use crate::index::pins::{Language, Path, Root, Slot};
use crate::index::words::{Finding, Lookup};
use crate::request::{Names, Passed, known_bytes, known_millis};

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
    ArgumentBytes,
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
    Now,
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
        let Some(value) = asked.value(*fact) else { return false };
        match value {
            Value::Text(text) => found.text(text),
            Value::Truth(truth) => found.truth(truth),
            Value::Whole(whole) => found.whole(whole),
            Value::Entity(kind, id) => found.entity(kind, id),
            Value::Kind(kind) => found.kind(kind),
            Value::Tool => asked.tool(found),
            Value::ToolAndApp => {
                asked.tool(found);
                found.entity("App", asked.facts.app.id.as_str());
            }
            Value::People(people) => people.iter().for_each(|person| found.entity("Human", person.as_str())),
            Value::Texts(texts) => texts.iter().for_each(|text| found.text(text)),
            Value::Rules(rules) => rules.iter().for_each(|rule| found.text(rule.as_str())),
        }
        true
    }

    fn same(&self, one: &Fact, other: &Fact, asked: &Asked<'_>) -> Option<bool> {
        Some(match (asked.value(*one)?, asked.value(*other)?) {
            (Value::Text(one), Value::Text(other)) => one == other,
            (Value::Truth(one), Value::Truth(other)) => one == other,
            (Value::Entity(kind, id), Value::Entity(other_kind, other)) => (kind, id) == (other_kind, other),
            (Value::People(people), Value::Entity("Human", id)) => people.iter().any(|person| person.as_str() == id),
            (Value::Texts(texts), Value::Text(text)) => texts.iter().any(|member| member.as_ref() == text),
            _ => return None,
        })
    }

    fn whole(&self, fact: &Fact, asked: &Asked<'_>) -> Option<i64> {
        match asked.value(*fact)? {
            Value::Whole(whole) => Some(whole),
            _ => None,
        }
    }
}

/// What a fact is, as `request` tells Cedar of it.
#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    Text(&'a str),
    Truth(bool),
    Whole(i64),
    /// Type and id.
    Entity(&'static str, &'a str),
    Kind(&'a str),
    Tool,
    ToolAndApp,
    People(&'a [HumanId]),
    Texts(&'a [Arc<str>]),
    Rules(&'a [RuleId]),
}

impl<'a> Asked<'a> {
    fn value(&self, fact: Fact) -> Option<Value<'a>> {
        let Asked { facts, passed, names } = *self;
        let Facts { agent, app, tool, .. } = facts;
        Some(match fact {
            Fact::Action => Value::Entity("Action", names.action_of(facts)),
            Fact::Agent => Value::Entity("Agent", agent.id.as_str()),
            Fact::AgentActive => Value::Truth(agent.active),
            Fact::AgentId => Value::Text(agent.id.as_str()),
            Fact::AgentKind => Value::Kind("Agent"),
            Fact::AgentModelTier => Value::Text(agent.model_tier.as_deref()?),
            Fact::AgentName => Value::Text(&agent.name),
            Fact::AgentOwner => Value::Entity("Human", agent.owner.as_str()),
            Fact::AgentRecommendOnly => Value::Truth(agent.recommend_only),
            Fact::Access => Value::Truth(facts.access),
            Fact::AllStopped => Value::Truth(facts.all_stopped),
            Fact::App => Value::Entity("App", app.id.as_str()),
            Fact::AppCategory => Value::Text(app.category.as_deref()?),
            Fact::AppData => Value::Text(app.data.as_str()),
            Fact::AppId => Value::Text(app.id.as_str()),
            Fact::AppName => Value::Text(&app.name),
            Fact::AppOwners => Value::People(&app.owners),
            Fact::AppRisk => Value::Text(app.risk.as_str()),
            Fact::AppStopped => Value::Truth(app.stopped),
            Fact::ArgumentBytes => Value::Whole(known_bytes(&facts.arguments)?),
            Fact::Class => Value::Text(tool.class.as_str()),
            Fact::ClassSource => Value::Text(tool.class_source.as_str()),
            Fact::Cost => Value::Text(tool.cost.map(CostClass::as_str)?),
            Fact::EveryPasses => Value::Texts(&passed.every),
            Fact::Human
            | Fact::HumanActive
            | Fact::HumanDepartment
            | Fact::HumanId
            | Fact::HumanManager
            | Fact::HumanName
            | Fact::HumanRole
            | Fact::HumanSeniority => return of_human(fact, &facts.human),
            Fact::Labels => Value::Texts(&tool.labels),
            Fact::Now => Value::Whole(known_millis(facts.now)?),
            Fact::SomePasses => Value::Texts(&passed.some),
            Fact::Spent => Value::Rules(&facts.spent),
            Fact::Status => Value::Text(tool.status.as_str()),
            Fact::Task => Value::Text(facts.task.as_str()),
            Fact::Tool => Value::Tool,
            Fact::ToolAndApp => Value::ToolAndApp,
            Fact::ToolKind => Value::Kind(names.kind_of(facts)),
            Fact::ToolName => Value::Text(tool.name.as_str()),
            Fact::Verb => Value::Text(tool.verb.as_deref()?),
        })
    }

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
            Slot::Moment(path) => match (path.root, words(path).as_slice()) {
                (Root::Context, ["now"]) => Some(Self::Now),
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
            (Root::Context, ["argument_bytes"]) => Self::ArgumentBytes,
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

fn of_human(fact: Fact, human: &Human) -> Option<Value<'_>> {
    Some(match fact {
        Fact::HumanActive => Value::Truth(human.active),
        Fact::HumanDepartment => Value::Text(human.department.as_deref()?),
        Fact::HumanId => Value::Text(human.id.as_str()),
        Fact::HumanManager => Value::Entity("Human", human.manager.as_ref()?.as_str()),
        Fact::HumanName => Value::Text(&human.name),
        Fact::HumanRole => Value::Text(human.role.as_deref()?),
        Fact::HumanSeniority => Value::Text(human.seniority.as_deref()?),
        _ => Value::Entity("Human", human.id.as_str()),
    })
}

fn words(path: &Path) -> Vec<&str> {
    path.attributes.iter().map(String::as_str).collect()
}
