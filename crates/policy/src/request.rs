//! Facts as Cedar sees them. A fact that is unknown is left out, so that reading it is an error we can name.

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression as Value,
};
use model::{App, Facts, Human, UnixMicros};

use crate::error::PolicyError;

/// The names of the schema, parsed once.
pub(crate) struct Names {
    agent: EntityTypeName,
    app: EntityTypeName,
    human: EntityTypeName,
    tool: EntityTypeName,
    call: EntityUid,
}

/// One question to Cedar.
pub(crate) struct Question {
    pub(crate) request: Request,
    pub(crate) entities: Entities,
}

impl Names {
    /// Error: never, for the names are constants.
    pub(crate) fn new() -> Result<Self, PolicyError> {
        Ok(Self {
            agent: type_name("Agent")?,
            app: type_name("App")?,
            human: type_name("Human")?,
            tool: type_name("Tool")?,
            call: EntityUid::from_type_name_and_id(type_name("Action")?, EntityId::new("call")),
        })
    }

    /// Builds the question whether this call may run. Error: a sentence of Cedar.
    pub(crate) fn question(&self, facts: &Facts) -> Result<Question, String> {
        let agent = self.uid(&self.agent, facts.agent.id.as_str());
        let human = self.uid(&self.human, facts.human.id.as_str());
        let app = self.uid(&self.app, facts.app.id.as_str());
        let tool = self.uid(&self.tool, &format!("{}/{}", facts.app.id, facts.tool.name));
        let context = self.context(facts, &human)?;
        let request = Request::new(agent.clone(), self.call.clone(), tool.clone(), context, None).map_err(said)?;
        let agent_attributes = [
            text("id", facts.agent.id.as_str()),
            text("name", &facts.agent.name),
            named("owner", self.human(facts.agent.owner.as_str())),
            named("active", Value::new_bool(facts.agent.active)),
        ];
        let tool_attributes = [
            text("name", facts.tool.name.as_str()),
            named("app", Value::new_entity_uid(app.clone())),
            text("class", facts.tool.class.as_str()),
            text("class_source", facts.tool.class_source.as_str()),
            text("status", facts.tool.status.as_str()),
        ];
        let entities = [
            Entity::new_with_tags(agent, agent_attributes, [], []).map_err(said)?,
            Entity::new_with_tags(human, self.human_attributes(&facts.human), [], []).map_err(said)?,
            Entity::new_with_tags(app.clone(), self.app_attributes(&facts.app), [], []).map_err(said)?,
            Entity::new_with_tags(tool, tool_attributes, [app], []).map_err(said)?,
        ];
        Ok(Question { request, entities: Entities::from_entities(entities, None).map_err(said)? })
    }

    fn context(&self, facts: &Facts, human: &EntityUid) -> Result<Context, String> {
        let known = [
            named("human", Value::new_entity_uid(human.clone())),
            named("access", Value::new_bool(facts.access)),
            text("task", facts.task.as_str()),
            text("class", facts.tool.class.as_str()),
            named("all_stopped", Value::new_bool(facts.all_stopped)),
        ];
        let now = date_and_time(facts.now).map(|now| named("now", Value::new_datetime(now)));
        Context::from_pairs(known.into_iter().chain(now)).map_err(said)
    }

    fn human_attributes(&self, human: &Human) -> impl Iterator<Item = (String, Value)> {
        let known =
            [text("id", human.id.as_str()), text("name", &human.name), named("active", Value::new_bool(human.active))];
        let unsure = [
            human.department.as_deref().map(|department| text("department", department)),
            human.seniority.as_deref().map(|seniority| text("seniority", seniority)),
            human.role.as_deref().map(|role| text("role", role)),
            human.manager.as_ref().map(|manager| named("manager", self.human(manager.as_str()))),
        ];
        known.into_iter().chain(unsure.into_iter().flatten())
    }

    fn app_attributes(&self, app: &App) -> impl Iterator<Item = (String, Value)> {
        let owners = app.owners.iter().map(|owner| self.human(owner.as_str()));
        let known = [
            text("id", app.id.as_str()),
            text("name", &app.name),
            text("risk", app.risk.as_str()),
            text("data", app.data.as_str()),
            named("owners", Value::new_set(owners)),
            named("stopped", Value::new_bool(app.stopped)),
        ];
        known.into_iter().chain(app.category.as_deref().map(|category| text("category", category)))
    }

    fn human(&self, id: &str) -> Value {
        Value::new_entity_uid(self.uid(&self.human, id))
    }

    fn uid(&self, kind: &EntityTypeName, id: &str) -> EntityUid {
        EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
    }
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

fn type_name(name: &str) -> Result<EntityTypeName, PolicyError> {
    name.parse().map_err(|error: cedar_policy::ParseErrors| {
        PolicyError::new(&"schema.cedarschema".into(), (1, 1), error.to_string(), None)
    })
}

fn text(name: &str, value: &str) -> (String, Value) {
    named(name, Value::new_string(value.to_owned()))
}

fn named(name: &str, value: Value) -> (String, Value) {
    (name.to_owned(), value)
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests;
