//! The document a rule in Rego is asked with, `input`: the facts of a call.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{ArgumentFacts, ClassSource, CostClass, Facts, HumanId, Method, RuleId, Scalar, UnixMicros};
use regorus::Value;

use crate::request::date_and_time;

/// The document, and what is missing in it.
pub(super) struct Input {
    pub(super) value: Value,
    /// The names of facts that are missing: `human.department`, `arguments.to`.
    pub(super) unknown: BTreeSet<String>,
    agent: String,
    human: String,
    app: String,
    tool: String,
}

/// One fact: its name, whether it may be missing, and what it is.
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) may_be_unknown: bool,
    /// For the table in the guide.
    #[cfg_attr(not(test), expect(dead_code, reason = "the guide's table is compared with it"))]
    pub(super) about: &'static str,
}

/// Facts while they are written down.
struct Object {
    name: &'static str,
    value: Value,
}

impl Input {
    /// `undescribed`: the roles that rules read, where nobody described the arguments of this tool, so that none is known.
    pub(super) fn of(facts: &Facts, undescribed: Option<&BTreeSet<Arc<str>>>) -> Self {
        let mut unknown = BTreeSet::new();
        let Facts {
            now,
            method,
            agent,
            human,
            task,
            app,
            tool,
            access,
            all_stopped: _,
            arguments,
            spent,
            approved: _,
            contract: _,
        } = facts;
        let mut acting = Object::new("agent");
        acting.text("id", agent.id.as_str());
        acting.text("name", &agent.name);
        acting.text("owner", agent.owner.as_str());
        acting.known("model_tier", agent.model_tier.as_deref(), &mut unknown);
        let mut person = Object::new("human");
        person.text("id", human.id.as_str());
        person.text("name", &human.name);
        person.known("department", human.department.as_deref(), &mut unknown);
        person.known("seniority", human.seniority.as_deref(), &mut unknown);
        person.known("role", human.role.as_deref(), &mut unknown);
        person.known("manager", human.manager.as_ref().map(HumanId::as_str), &mut unknown);
        person.add("access", Value::from(*access));
        let mut system = Object::new("app");
        system.text("id", app.id.as_str());
        system.text("name", &app.name);
        system.text("risk", app.risk.as_str());
        system.text("data", app.data.as_str());
        system.known("category", app.category.as_deref(), &mut unknown);
        system.add("owners", texts(app.owners.iter().map(HumanId::as_str)));
        let mut used = Object::new("tool");
        used.text("name", tool.name.as_str());
        used.text("class", tool.class.as_str());
        used.text("class_source", tool.class_source.as_str());
        used.known("verb", tool.verb.as_deref(), &mut unknown);
        match tool.cost {
            // What is no call of a tool has no cost that anybody could know.
            None if tool.class_source == ClassSource::Method => {}
            cost => used.known("cost", cost.map(CostClass::as_str), &mut unknown),
        }
        used.add("labels", texts(tool.labels.iter().map(AsRef::as_ref)));
        used.text("status", tool.status.as_str());
        if let Some(roles) = undescribed.filter(|_| *method == Method::ToolsCall) {
            unknown.extend(roles.iter().map(|role| format!("roles.{role}")));
        }
        unknown.extend(arguments.unclear.iter().map(|unclear| match unclear.strip_prefix("argument ") {
            Some(name) => format!("arguments.{name}"),
            None => format!("roles.{unclear}"),
        }));
        let mut all = Object::new("");
        all.text("method", method.as_str());
        for object in [acting, person, system, used] {
            all.add(object.name, object.value);
        }
        all.text("task", task.as_str());
        all.add("time", time(*now));
        all.add("roles", roles(arguments));
        all.add("arguments", values(arguments));
        all.add("spent", texts(spent.iter().map(RuleId::as_str)));
        all.add("unknown", texts(unknown.iter().map(String::as_str)));
        Self {
            value: all.value,
            unknown,
            agent: agent.id.to_string(),
            human: human.id.to_string(),
            app: app.id.to_string(),
            tool: tool.name.to_string(),
        }
    }

    /// That this fact is missing, as a sentence says it.
    pub(super) fn missing(&self, fact: &str) -> String {
        match fact.split_once('.') {
            Some(("agent", what)) => format!("agent `{}` has no {what}", self.agent),
            Some(("human", what)) => format!("human `{}` has no {what}", self.human),
            Some(("app", what)) => format!("app `{}` has no {what}", self.app),
            Some(("tool", what)) => format!("tool `{}` has no {what}", self.tool),
            Some(("roles", role)) => format!("the {role} of this call cannot be told"),
            Some(("arguments", name)) => format!("the argument `{name}` of this call cannot be read"),
            _ => format!("`{fact}` is not known"),
        }
    }
}

impl Object {
    fn new(name: &'static str) -> Self {
        Self { name, value: Value::new_object() }
    }

    fn add(&mut self, name: &str, value: Value) {
        if let Ok(object) = self.value.as_object_mut() {
            object.insert(Value::from(name), value);
        }
    }

    fn text(&mut self, name: &str, text: &str) {
        self.add(name, Value::from(text));
    }

    fn known(&mut self, name: &str, text: Option<&str>, unknown: &mut BTreeSet<String>) {
        match text {
            Some(text) => self.text(name, text),
            None => drop(unknown.insert(format!("{}.{name}", self.name))),
        }
    }
}

/// The moment in UTC. No built-in function of Rego tells the time here, so that the same facts always say the same.
fn time(now: UnixMicros) -> Value {
    let mut time = Object::new("time");
    let seconds = now.seconds();
    if let Some(text) = date_and_time(now) {
        time.text("utc", &text);
    }
    time.add("unix", Value::from(seconds));
    let days = seconds.div_euclid(86_400);
    // 1970-01-01 was a Thursday.
    let weekday = usize::try_from((days + 3).rem_euclid(7)).ok().and_then(|day| WEEKDAYS.get(day).copied());
    time.text("weekday", weekday.unwrap_or_default());
    time.add("hour", Value::from(seconds.rem_euclid(86_400) / 3_600));
    time.add("minute", Value::from(seconds.rem_euclid(3_600) / 60));
    time.value
}

fn roles(arguments: &ArgumentFacts) -> Value {
    let mut all = Object::new("roles");
    for (role, values) in &arguments.roles {
        all.add(role, texts(values.iter().map(AsRef::as_ref)));
    }
    all.value
}

fn values(arguments: &ArgumentFacts) -> Value {
    let mut all = Object::new("arguments");
    for (name, values) in &arguments.values {
        all.add(name, Value::from(values.iter().map(scalar).collect::<Vec<Value>>()));
    }
    all.value
}

fn scalar(scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Bool(value) => Value::from(*value),
        Scalar::Whole(value) => Value::from(*value),
        Scalar::Decimal(text) => Value::from_numeric_string(text).unwrap_or_else(|_| Value::from(text.as_str())),
        Scalar::Text(text) => Value::from(text.as_ref()),
    }
}

fn texts<'t>(texts: impl Iterator<Item = &'t str>) -> Value {
    Value::from(texts.map(Value::from).collect::<Vec<Value>>())
}

const fn fact(name: &'static str, may_be_unknown: bool, about: &'static str) -> Fact {
    Fact { name, may_be_unknown, about }
}

/// Every fact by its name under `input`.
pub(super) const FACTS: &[Fact] = &[
    fact("method", false, "what is asked: `tools/call`, `resources/read`, `prompts/get`, …"),
    fact("agent.id", false, "the software that acts"),
    fact("agent.name", false, "the name people read"),
    fact("agent.owner", false, "the id of the person who answers for it"),
    fact("agent.model_tier", true, "the organisation's word for how capable its model is"),
    fact("human.id", false, "the person it acts for"),
    fact("human.name", false, "the name people read"),
    fact("human.department", true, "organisational unit"),
    fact("human.seniority", true, "for example `contractor`"),
    fact("human.role", true, "for example `cfo`"),
    fact("human.manager", true, "the id of the person this one reports to"),
    fact("human.access", false, "whether the person has access to the app: true or false"),
    fact("app.id", false, "the app"),
    fact("app.name", false, "the name people read"),
    fact("app.risk", false, "`low`, `medium` or `high`"),
    fact("app.data", false, "`public`, `internal`, `confidential` or `restricted`"),
    fact("app.category", true, "what it is, for example `crm`"),
    fact("app.owners", false, "the ids of its owners, a list"),
    fact("tool.name", false, "the tool; for other methods the resource's address or the prompt's name"),
    fact("tool.class", false, "`read`, `write`, `external` or `destructive`, with these arguments"),
    fact("tool.class_source", false, "who says so: `profile`, `pin`, `unreviewed` or `method`"),
    fact("tool.verb", true, "the word of the app's profile, for example `pr_open`"),
    fact("tool.cost", true, "`low`, `medium` or `high`, where the profile says"),
    fact("tool.labels", false, "what the profile says of its data, a list"),
    fact("tool.status", false, "`unreviewed`, `pinned`, `quarantined` or `unknown`"),
    fact("task", false, "the task"),
    fact("time.utc", false, "the moment, for example `2026-11-21T09:30:00.000Z`"),
    fact("time.unix", false, "the moment in seconds since 1970"),
    fact("time.weekday", false, "`monday` to `sunday`, in UTC"),
    fact("time.hour", false, "0 to 23, in UTC"),
    fact("time.minute", false, "0 to 59"),
    fact("spent", false, "the ids of rules whose budgets are used up, a list"),
    fact("unknown", false, "the names of the facts in this table that are not known of this call, a list"),
];

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
