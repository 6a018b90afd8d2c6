//! Environments and what runs in them.

use std::sync::Mutex;

use rmcp::model::{JsonObject, Tool};
use serde_json::{Value, json};

use super::toolbox::{Answer, Argument, Hint, Mistake, Toolbox, count, lock, text, tool};

/// The environments.
pub(super) struct Deploy {
    state: Mutex<State>,
}

struct State {
    environments: Vec<Environment>,
    changes: u32,
}

struct Environment {
    name: &'static str,
    release: String,
    services: u32,
    databases: u32,
}

// === impl Deploy ===

impl Deploy {
    pub(super) fn new() -> Self {
        let environment = |name, release, services, databases| Environment {
            name,
            release: String::from(release),
            services,
            databases,
        };
        let environments = vec![
            environment("sandbox", "2.15.0-dev", 4, 1),
            environment("staging", "2.14.0", 11, 2),
            environment("production", "2.13.4", 12, 3),
        ];
        Self { state: Mutex::new(State { environments, changes: 0 }) }
    }

    fn list(&self) -> Answer {
        let state = lock(&self.state);
        let lines: String = state
            .environments
            .iter()
            .map(|environment| format!("\n{} runs {}", environment.name, environment.release))
            .collect();
        let environments: Vec<Value> = state.environments.iter().map(Environment::about).collect();
        Answer::new(
            format!("{}{lines}", count(environments.len(), "environment")),
            json!({ "environments": environments }),
        )
    }

    fn propose(&self, name: &str, change: &str) -> Result<Answer, Mistake> {
        let mut state = lock(&self.state);
        state.environment(name)?;
        state.changes = state.changes.saturating_add(1);
        let id = format!("CH-{}", 310 + state.changes);
        Ok(Answer::new(
            format!("{id} is proposed for {name}: {change}; nothing has run"),
            json!({ "id": id, "environment": name, "change": change, "status": "proposed" }),
        ))
    }

    fn release(&self, name: &str, release: &str) -> Result<Answer, Mistake> {
        let mut state = lock(&self.state);
        let environment = state.environment(name)?;
        let before = std::mem::replace(&mut environment.release, release.to_owned());
        Ok(Answer::new(
            format!("{name} runs {release} now (was {before})"),
            json!({ "environment": name, "before": before, "after": release }),
        ))
    }

    fn delete(&self, name: &str) -> Result<Answer, Mistake> {
        let mut state = lock(&self.state);
        let lost = state.environment(name)?.about();
        state.environments.retain(|environment| environment.name != name);
        Ok(Answer::new(format!("{name} is gone, its databases too"), json!({ "deleted": lost })))
    }
}

impl Toolbox for Deploy {
    fn tools(&self) -> Vec<Tool> {
        let environment = || Argument::text("environment", "sandbox, staging or production");
        vec![
            tool("list_environments", "Lists environments and the release each one runs.", Hint::Reads, &[]),
            tool(
                "propose_change",
                "Writes down a change for people to discuss; runs nothing.",
                Hint::Writes,
                &[environment(), Argument::text("change", "What should change")],
            ),
            tool(
                "deploy_release",
                "Replaces what an environment runs.",
                Hint::Destroys,
                &[environment(), Argument::text("release", "Release number, such as 2.14.0")],
            ),
            tool(
                "delete_environment",
                "Deletes an environment with everything in it.",
                Hint::Destroys,
                &[environment()],
            ),
        ]
    }

    fn use_tool(&self, tool: &str, arguments: &JsonObject) -> Result<Answer, Mistake> {
        let environment = || text(arguments, "environment");
        match tool {
            "list_environments" => Ok(self.list()),
            "propose_change" => self.propose(environment()?, text(arguments, "change")?),
            "deploy_release" => self.release(environment()?, text(arguments, "release")?),
            "delete_environment" => self.delete(environment()?),
            _ => Err(Mistake::UnknownTool),
        }
    }
}

// === impl State ===

impl State {
    fn environment(&mut self, name: &str) -> Result<&mut Environment, Mistake> {
        self.environments
            .iter_mut()
            .find(|environment| environment.name == name)
            .ok_or_else(|| Mistake::Said(format!("there is no environment `{name}`")))
    }
}

// === impl Environment ===

impl Environment {
    fn about(&self) -> Value {
        json!({ "name": self.name, "release": self.release, "services": self.services, "databases": self.databases })
    }
}
