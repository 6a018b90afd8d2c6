//! Facts as Cedar sees them. A fact that is unknown is left out, so that reading it is an error we can name.

use std::sync::Arc;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression as Value,
};
use model::{Agent, App, ArgumentFacts, CostClass, Facts, Human, HumanId, Method, RuleId, ToolFacts, UnixMicros};

use crate::error::PolicyError;
use crate::tree::Reads;

/// The names of the schema, parsed once.
pub(crate) struct Names {
    agent: EntityTypeName,
    app: EntityTypeName,
    human: EntityTypeName,
    tool: EntityTypeName,
    resource: EntityTypeName,
    prompt: EntityTypeName,
    request: EntityTypeName,
    actions: Actions,
}

/// The actions of the schema.
struct Actions {
    call: EntityUid,
    read: EntityUid,
    get: EntityUid,
    complete: EntityUid,
    ask: EntityUid,
}

/// The tests of arguments and time that a call passes, by their names: `repo is production-infra`. Cedar cannot work
/// them out; it is told of them as members of a set. In the order of the names, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Passed {
    /// Those that every value passes.
    pub(crate) every: Vec<Arc<str>>,
    /// Those that at least one value passes.
    pub(crate) some: Vec<Arc<str>>,
}

/// One question to Cedar.
pub(crate) struct Question {
    pub(crate) request: Request,
    pub(crate) entities: Entities,
}

/// The attributes of one entity, of those that some rule reads.
struct Attributes<'a> {
    reads: &'a Reads,
    pairs: Vec<(String, Value)>,
    /// Whether a rule reads any of them, known or not.
    read: bool,
}

impl Names {
    /// Error: never, for the names are constants.
    pub(crate) fn new() -> Result<Self, PolicyError> {
        Ok(Self {
            agent: type_name("Agent")?,
            app: type_name("App")?,
            human: type_name("Human")?,
            tool: type_name("Tool")?,
            resource: type_name("Resource")?,
            prompt: type_name("Prompt")?,
            request: type_name("Request")?,
            actions: Actions {
                call: action("call")?,
                read: action("read")?,
                get: action("get")?,
                complete: action("complete")?,
                ask: action("ask")?,
            },
        })
    }

    /// The action of a method, and the type of what it is done to.
    pub(crate) fn of_method(&self, facts: &Facts) -> (&EntityUid, &EntityTypeName) {
        match facts.method {
            // A task is the call of a tool that takes longer; the level of log messages belongs to no tool.
            Method::ToolsCall
            | Method::SetLevel
            | Method::TaskGet
            | Method::TaskResult
            | Method::TaskUpdate
            | Method::TaskCancel => (&self.actions.call, &self.tool),
            Method::ResourcesRead | Method::Subscribe => (&self.actions.read, &self.resource),
            Method::PromptsGet => (&self.actions.get, &self.prompt),
            // The address of a resource has a scheme, the name of a prompt has none.
            Method::Complete if facts.tool.name.as_str().contains("://") => (&self.actions.complete, &self.resource),
            Method::Complete => (&self.actions.complete, &self.prompt),
            Method::Sample | Method::Elicit | Method::Roots => (&self.actions.ask, &self.request),
        }
    }

    /// The id of the action.
    pub(crate) fn action_of(&self, facts: &Facts) -> &str {
        self.of_method(facts).0.id().unescaped()
    }

    /// The type of what is asked for.
    pub(crate) fn kind_of(&self, facts: &Facts) -> &str {
        self.of_method(facts).1.basename()
    }

    /// The id of what is asked for.
    pub(crate) fn tool_id(facts: &Facts) -> String {
        let (app, tool) = (facts.app.id.as_str(), facts.tool.name.as_str());
        let mut id = String::with_capacity(app.len() + 1 + tool.len());
        id.push_str(app);
        id.push('/');
        id.push_str(tool);
        id
    }

    /// Builds the question whether this call may run, with the facts that the rules read. Error: a sentence of Cedar.
    pub(crate) fn question(&self, facts: &Facts, passed: &Passed, reads: &Reads) -> Result<Question, String> {
        let agent = self.uid(&self.agent, facts.agent.id.as_str());
        let human = self.uid(&self.human, facts.human.id.as_str());
        let app = self.uid(&self.app, facts.app.id.as_str());
        let (action, kind) = self.of_method(facts);
        let tool = self.uid(kind, &Self::tool_id(facts));
        let context = Context::from_pairs(Self::context(facts, passed, &human, reads)).map_err(said)?;
        let request = Request::new(agent.clone(), action.clone(), tool.clone(), context, None).map_err(said)?;
        // Somebody of whom no rule reads anything need not be there: to be compared, a name is enough.
        let people_and_apps = [
            (agent, self.agent_attributes(&facts.agent, reads)),
            (human, self.human_attributes(&facts.human, reads)),
            (app.clone(), self.app_attributes(&facts.app, reads)),
        ];
        let tool_attributes = Self::tool_attributes(&facts.tool, &app, reads);
        let entities = people_and_apps
            .into_iter()
            .filter_map(|(uid, attributes)| attributes.map(|attributes| (uid, attributes)))
            .map(|(uid, attributes)| Entity::new_with_tags(uid, attributes, [], []).map_err(said))
            .chain([Entity::new_with_tags(tool, tool_attributes, [app], []).map_err(said)])
            .collect::<Result<Vec<Entity>, String>>()?;
        Ok(Question { request, entities: Entities::from_entities(entities, None).map_err(said)? })
    }

    fn context(facts: &Facts, passed: &Passed, human: &EntityUid, reads: &Reads) -> Vec<(String, Value)> {
        let mut attributes = Attributes::new(reads);
        attributes.add("human", || Value::new_entity_uid(human.clone()));
        attributes.flag("access", facts.access);
        attributes.text("task", facts.task.as_str());
        attributes.text("class", facts.tool.class.as_str());
        attributes.flag("all_stopped", facts.all_stopped);
        attributes.add_known("now", || date_and_time(facts.now).map(Value::new_datetime));
        attributes.texts("every", passed.every.iter().map(AsRef::as_ref));
        attributes.texts("some", passed.some.iter().map(AsRef::as_ref));
        attributes.texts("spent", facts.spent.iter().map(RuleId::as_str));
        attributes.add_known("argument_bytes", || known_bytes(&facts.arguments).map(Value::new_long));
        attributes.pairs
    }

    fn agent_attributes(&self, agent: &Agent, reads: &Reads) -> Option<Vec<(String, Value)>> {
        let mut attributes = Attributes::new(reads);
        attributes.text("id", agent.id.as_str());
        attributes.text("name", &agent.name);
        attributes.add("owner", || self.human(&agent.owner));
        attributes.known_text("model_tier", agent.model_tier.as_deref());
        attributes.flag("recommend_only", agent.recommend_only);
        attributes.flag("active", agent.active);
        attributes.if_read()
    }

    fn human_attributes(&self, human: &Human, reads: &Reads) -> Option<Vec<(String, Value)>> {
        let mut attributes = Attributes::new(reads);
        attributes.text("id", human.id.as_str());
        attributes.text("name", &human.name);
        attributes.known_text("department", human.department.as_deref());
        attributes.known_text("seniority", human.seniority.as_deref());
        attributes.known_text("role", human.role.as_deref());
        attributes.add_known("manager", || human.manager.as_ref().map(|manager| self.human(manager)));
        attributes.flag("active", human.active);
        attributes.if_read()
    }

    fn app_attributes(&self, app: &App, reads: &Reads) -> Option<Vec<(String, Value)>> {
        let mut attributes = Attributes::new(reads);
        attributes.text("id", app.id.as_str());
        attributes.text("name", &app.name);
        attributes.text("risk", app.risk.as_str());
        attributes.text("data", app.data.as_str());
        attributes.known_text("category", app.category.as_deref());
        attributes.add("owners", || Value::new_set(app.owners.iter().map(|owner| self.human(owner))));
        attributes.flag("stopped", app.stopped);
        attributes.if_read()
    }

    fn tool_attributes(tool: &ToolFacts, app: &EntityUid, reads: &Reads) -> Vec<(String, Value)> {
        let mut attributes = Attributes::new(reads);
        attributes.text("name", tool.name.as_str());
        attributes.add("app", || Value::new_entity_uid(app.clone()));
        attributes.text("class", tool.class.as_str());
        attributes.text("class_source", tool.class_source.as_str());
        attributes.known_text("verb", tool.verb.as_deref());
        attributes.known_text("cost", tool.cost.map(CostClass::as_str));
        attributes.texts("labels", tool.labels.iter().map(AsRef::as_ref));
        attributes.text("status", tool.status.as_str());
        attributes.pairs
    }

    fn human(&self, id: &HumanId) -> Value {
        Value::new_entity_uid(self.uid(&self.human, id.as_str()))
    }

    fn uid(&self, kind: &EntityTypeName, id: &str) -> EntityUid {
        EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
    }
}

impl<'a> Attributes<'a> {
    fn new(reads: &'a Reads) -> Self {
        Self { reads, pairs: Vec::new(), read: false }
    }

    /// None: no rule reads any of them.
    fn if_read(self) -> Option<Vec<(String, Value)>> {
        self.read.then_some(self.pairs)
    }

    fn add(&mut self, name: &str, value: impl FnOnce() -> Value) {
        self.add_known(name, || Some(value()));
    }

    fn add_known(&mut self, name: &str, value: impl FnOnce() -> Option<Value>) {
        if self.reads.has(name) {
            self.read = true;
            self.pairs.extend(value().map(|value| (name.to_owned(), value)));
        }
    }

    fn flag(&mut self, name: &str, value: bool) {
        self.add(name, || Value::new_bool(value));
    }

    fn texts<'t>(&mut self, name: &str, values: impl Iterator<Item = &'t str>) {
        self.add(name, || Value::new_set(values.map(|value| Value::new_string(value.to_owned()))));
    }

    fn text(&mut self, name: &str, value: &str) {
        self.known_text(name, Some(value));
    }

    fn known_text(&mut self, name: &str, value: Option<&str>) {
        self.add_known(name, || value.map(|value| Value::new_string(value.to_owned())));
    }
}

/// How long arguments are, as Cedar counts; none where nothing is asked yet and they could be of any length.
pub(crate) fn known_bytes(arguments: &ArgumentFacts) -> Option<i64> {
    (!arguments.open || arguments.bytes > 0).then(|| i64::try_from(arguments.bytes).unwrap_or(i64::MAX))
}

/// The milliseconds since 1970 that Cedar knows this time by; none where it cannot read it.
pub(crate) fn known_millis(time: UnixMicros) -> Option<i64> {
    let (year, ..) = civil(time.seconds().div_euclid(86_400));
    (0..=9_999).contains(&year).then(|| time.0.div_euclid(1_000))
}

/// `2026-11-21T09:30:00.000Z`, as Cedar reads it; none outside the years 0 to 9999, which Cedar cannot read.
pub(crate) fn date_and_time(time: UnixMicros) -> Option<String> {
    let seconds = time.seconds();
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let millis = time.0.rem_euclid(1_000_000) / 1_000;
    let (year, month, day) = civil(days);
    (0..=9_999).contains(&year).then(|| {
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    })
}

/// The Gregorian date of a day counted from 1970-01-01. Years run from March here, so that the leap day comes last.
fn civil(days: i64) -> (i64, i64, i64) {
    let from_march_of_year_0 = days + 719_468;
    let era = from_march_of_year_0.div_euclid(146_097);
    let day_of_era = from_march_of_year_0.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn action(name: &str) -> Result<EntityUid, PolicyError> {
    Ok(EntityUid::from_type_name_and_id(type_name("Action")?, EntityId::new(name)))
}

fn type_name(name: &str) -> Result<EntityTypeName, PolicyError> {
    name.parse().map_err(|error: cedar_policy::ParseErrors| {
        PolicyError::new(&"schema.cedarschema".into(), (1, 1), error.to_string(), None)
    })
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests;
