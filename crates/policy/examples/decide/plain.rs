//! The same rules given to Cedar as one set, and every fact told to it.

use std::error::Error;

use cedar_policy::{
    Authorizer, Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
    RestrictedExpression as Value,
};
use model::Facts;

use crate::world::cedar;

pub(crate) struct Plain {
    set: PolicySet,
    authorizer: Authorizer,
    types: [EntityTypeName; 4],
    call: EntityUid,
}

impl Plain {
    pub(crate) fn new(rules: usize) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            set: cedar(rules)?.parse()?,
            authorizer: Authorizer::new(),
            types: ["Agent".parse()?, "Human".parse()?, "App".parse()?, "Tool".parse()?],
            call: "Action::\"call\"".parse()?,
        })
    }

    pub(crate) fn decide(&self, facts: &Facts) -> Result<bool, Box<dyn Error>> {
        let [agent, human, app, tool] = &self.types;
        let uid = |kind: &EntityTypeName, id: &str| EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id));
        let (agent, human_uid, app_uid) =
            (uid(agent, facts.agent.id.as_str()), uid(human, facts.human.id.as_str()), uid(app, facts.app.id.as_str()));
        let tool = uid(tool, &format!("{}/{}", facts.app.id, facts.tool.name));
        let text = |name: &str, value: &str| (name.to_owned(), Value::new_string(value.to_owned()));
        let context = Context::from_pairs([
            ("human".to_owned(), Value::new_entity_uid(human_uid.clone())),
            ("access".to_owned(), Value::new_bool(facts.access)),
            text("class", facts.tool.class.as_str()),
        ])?;
        let mut about = vec![text("id", facts.human.id.as_str())];
        about.extend(facts.human.department.as_ref().map(|value| text("department", value)));
        about.extend(facts.human.role.as_ref().map(|value| text("role", value)));
        about.extend(facts.human.seniority.as_ref().map(|value| text("seniority", value)));
        let owners = facts.app.owners.iter().map(|owner| Value::new_entity_uid(uid(human, owner.as_str())));
        let app_facts = [("owners".to_owned(), Value::new_set(owners)), text("risk", facts.app.risk.as_str())];
        let its_app = [("app".to_owned(), Value::new_entity_uid(app_uid.clone()))];
        let entities = Entities::from_entities(
            [
                Entity::new_with_tags(human_uid, about, [], [])?,
                Entity::new_with_tags(app_uid.clone(), app_facts, [], [])?,
                Entity::new_with_tags(tool.clone(), its_app, [app_uid], [])?,
            ],
            None,
        )?;
        let request = Request::new(agent, self.call.clone(), tool, context, None)?;
        let response = self.authorizer.is_authorized(&request, &self.set, &entities);
        Ok(response.decision() == cedar_policy::Decision::Allow)
    }
}
