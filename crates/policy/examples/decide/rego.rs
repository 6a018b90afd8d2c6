//! The same rules in Rego, one `deny`, `hold` or `permit` each.

use std::error::Error;
use std::fmt::Write as _;

use model::Facts;
use regorus::{Engine, Value};

use crate::world::{AGENTS, DEPARTMENTS, ROLES, TOOLS};

pub(crate) struct Rego {
    engine: Engine,
}

impl Rego {
    pub(crate) fn new(rules: usize) -> Result<Self, Box<dyn Error>> {
        let mut engine = Engine::new();
        let length = regorus::PolicyLengthConfig {
            max_lines: std::num::NonZeroUsize::MAX,
            max_file_bytes: std::num::NonZeroUsize::MAX,
            ..regorus::PolicyLengthConfig::default()
        };
        engine.set_policy_length_config(length);
        engine.add_policy("bench.rego".to_owned(), text(rules)?)?;
        Ok(Self { engine })
    }

    pub(crate) fn decide(&mut self, facts: &Facts) -> Result<bool, Box<dyn Error>> {
        let human = &facts.human;
        let input = serde_json::json!({
            "agent": facts.agent.id.as_str(), "app": facts.app.id.as_str(), "tool": facts.tool.name.as_str(),
            "class": facts.tool.class.as_str(), "access": facts.access,
            "owners": facts.app.owners.iter().map(|owner| owner.as_str()).collect::<Vec<_>>(),
            "human": {"id": human.id.as_str(), "department": human.department, "role": human.role, "seniority": human.seniority},
        });
        self.engine.set_input(Value::from(input));
        let denied = self.engine.eval_rule("data.bench.deny".to_owned())?;
        let held = self.engine.eval_rule("data.bench.hold".to_owned())?;
        let permitted = self.engine.eval_rule("data.bench.permit".to_owned())?;
        let any = |set: &Value| set.as_set().is_ok_and(|set| !set.is_empty());
        Ok(any(&permitted) && !any(&denied) && !any(&held))
    }
}

fn text(rules: usize) -> Result<String, std::fmt::Error> {
    let mut text = "package bench\nimport rego.v1\n".to_owned();
    for at in 0..rules {
        let app = at / 10;
        let (department, role, tool, agent) = (at % DEPARTMENTS, at % ROLES, at % TOOLS, at / 10 % AGENTS);
        match at % 10 {
            0 => writeln!(text, "permit contains {at} if {{ input.app == \"app-{app}\"; input.class == \"read\" }}"),
            1 => writeln!(
                text,
                "permit contains {at} if {{ input.app == \"app-{app}\"; input.tool == \"tool-{tool}\"; input.access }}"
            ),
            2 => writeln!(
                text,
                "deny contains {at} if {{ input.app == \"app-{app}\"; input.human.department == \"department-{department}\" }}"
            ),
            3 => writeln!(
                text,
                "hold contains {at} if {{ input.app == \"app-{app}\"; input.class == \"external\"; input.human.seniority != \"executive\" }}"
            ),
            4 => {
                writeln!(text, "deny contains {at} if {{ input.agent == \"agent-{agent}\"; input.class == \"write\" }}")
            }
            5 => writeln!(
                text,
                "permit contains {at} if {{ input.app == \"app-{app}\"; input.human.role in [\"role-{role}\", \"role-0\"] }}"
            ),
            6 => writeln!(
                text,
                "deny contains {at} if {{ input.human.id == \"human-{at}\"; input.class == \"external\" }}"
            ),
            7 => writeln!(
                text,
                "hold contains {at} if {{ input.app == \"app-{app}\"; input.tool == \"tool-{tool}\"; not input.human.id in input.owners }}"
            ),
            8 => writeln!(
                text,
                "deny contains {at} if {{ input.agent == \"agent-{agent}\"; input.app == \"app-{app}\"; not input.access }}"
            ),
            _ => writeln!(
                text,
                "permit contains {at} if {{ input.app == \"app-{app}\"; input.tool == \"tool-{tool}\"; input.human.department == \"department-{department}\" }}"
            ),
        }?;
    }
    Ok(text)
}
