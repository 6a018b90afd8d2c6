//! A directory of 10,000 people, rules, and calls.

use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;

use model::{
    Access, Agent, AgentId, App, AppId, ArgumentFacts, Class, ClassSource, DataClassification, DirectorySnapshot,
    Facts, Human, HumanId, Method, Risk, TaskId, ToolFacts, ToolName, ToolStatus, UnixMicros,
};

pub(crate) struct World {
    directory: Arc<DirectorySnapshot>,
    apps: usize,
}

/// A call as a wire understands it.
#[derive(Clone)]
pub(crate) struct Call {
    human: HumanId,
    agent: AgentId,
    app: AppId,
    task: TaskId,
    tool: ToolFacts,
}

impl World {
    pub(crate) fn new(rules: usize) -> Result<Self, Box<dyn Error>> {
        let mut directory = DirectorySnapshot::default();
        let apps = apps(rules);
        for at in 0..PEOPLE {
            let id: HumanId = format!("human-{at}").parse()?;
            let human = Human {
                id: id.clone(),
                name: format!("Human {at}"),
                department: Some(format!("department-{}", at % DEPARTMENTS)),
                seniority: (!at.is_multiple_of(10)).then(|| "senior".to_owned()),
                role: Some(format!("role-{}", at % ROLES)),
                manager: Some(format!("human-{}", at / 10).parse()?),
                active: true,
            };
            directory.humans.insert(id, Arc::new(human));
        }
        for at in 0..AGENTS {
            let id: AgentId = format!("agent-{at}").parse()?;
            let agent = Agent {
                id: id.clone(),
                name: format!("Agent {at}"),
                owner: format!("human-{at}").parse()?,
                model_tier: None,
                recommend_only: false,
                active: true,
            };
            directory.agents.insert(id, Arc::new(agent));
        }
        for at in 0..apps {
            let id: AppId = format!("app-{at}").parse()?;
            let app = App {
                id: id.clone(),
                name: format!("App {at}"),
                risk: Risk::Low,
                data: DataClassification::Internal,
                category: Some("crm".to_owned()),
                owners: vec![format!("human-{at}").parse()?],
                access: Access { departments: vec![format!("department-{}", at % DEPARTMENTS)], ..Access::default() },
                stopped: false,
                observe: false,
            };
            directory.apps.insert(id, Arc::new(app));
        }
        Ok(Self { directory: Arc::new(directory), apps })
    }

    /// As many calls, spread over people, agents, apps, tools and classes without a pattern.
    pub(crate) fn calls(&self, count: usize) -> Vec<Call> {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut below = |limit: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % limit as u64).unwrap_or_default()
        };
        (0..count).filter_map(|at| self.call(at, &mut below).ok()).collect()
    }

    fn call(&self, at: usize, below: &mut impl FnMut(usize) -> usize) -> Result<Call, Box<dyn Error>> {
        let class = [Class::Read, Class::Read, Class::Write, Class::External][below(4)];
        let tool: ToolName = format!("tool-{}", below(TOOLS)).parse()?;
        Ok(Call {
            human: format!("human-{}", below(PEOPLE)).parse()?,
            agent: format!("agent-{}", below(AGENTS)).parse()?,
            app: format!("app-{}", below(self.apps)).parse()?,
            task: format!("task-{at}").parse()?,
            tool: ToolFacts::new(tool, class, ClassSource::Profile, ToolStatus::Pinned),
        })
    }

    /// The facts of a call, as the engine gathers them.
    pub(crate) fn gather(&self, call: &Call) -> Option<Facts> {
        let directory = Arc::clone(&self.directory);
        let human = directory.humans.get(&call.human)?;
        let app = directory.apps.get(&call.app)?;
        Some(Facts {
            now: UnixMicros(1_795_253_400_000_000),
            method: Method::ToolsCall,
            agent: Arc::clone(directory.agents.get(&call.agent)?),
            human: Arc::clone(human),
            task: call.task.clone(),
            app: Arc::clone(app),
            tool: call.tool.clone(),
            access: app.admits(human),
            all_stopped: directory.all_stopped,
            arguments: ArgumentFacts::unread(),
            spent: Vec::new(),
        })
    }
}

/// The rules in Cedar.
pub(crate) fn cedar(rules: usize) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for at in 0..rules {
        let (app, n) = (at / 10, at);
        let (department, role, tool, agent) = (n % DEPARTMENTS, n % ROLES, n % TOOLS, n % AGENTS);
        match at % 10 {
            0 => writeln!(
                text,
                "permit (principal, action, resource in App::\"app-{app}\") when {{ context.class == \"read\" }};"
            ),
            1 => writeln!(
                text,
                "permit (principal, action, resource == Tool::\"app-{app}/tool-{tool}\") when {{ context.access }};"
            ),
            2 => writeln!(
                text,
                "forbid (principal, action, resource in App::\"app-{app}\") when {{ context.human has department && context.human.department == \"department-{department}\" }};"
            ),
            3 => writeln!(
                text,
                "@outcome(\"hold\") forbid (principal, action, resource in App::\"app-{app}\") when {{ context.class == \"external\" && context.human has seniority && context.human.seniority != \"executive\" }};"
            ),
            4 => writeln!(
                text,
                "forbid (principal == Agent::\"agent-{agent}\", action, resource) when {{ context.class == \"write\" }};"
            ),
            5 => writeln!(
                text,
                "permit (principal, action, resource in App::\"app-{app}\") when {{ context.human has role && [\"role-{role}\", \"role-0\"].contains(context.human.role) }};"
            ),
            6 => writeln!(
                text,
                "forbid (principal, action, resource) when {{ context.human == Human::\"human-{n}\" && context.class == \"external\" }};"
            ),
            7 => writeln!(
                text,
                "@outcome(\"hold\") forbid (principal, action, resource == Tool::\"app-{app}/tool-{tool}\") unless {{ resource.app.owners.contains(context.human) }};"
            ),
            8 => writeln!(
                text,
                "forbid (principal == Agent::\"agent-{agent}\", action, resource in App::\"app-{app}\") unless {{ context.access }};"
            ),
            _ => writeln!(
                text,
                "permit (principal, action, resource == Tool::\"app-{app}/tool-{tool}\") when {{ context.human has department && context.human.department == \"department-{department}\" }};"
            ),
        }?;
    }
    Ok(text)
}

fn apps(rules: usize) -> usize {
    (rules / 10).max(1)
}

const PEOPLE: usize = 10_000;
const AGENTS: usize = 1_000;
pub(crate) const DEPARTMENTS: usize = 100;
pub(crate) const ROLES: usize = 50;
pub(crate) const TOOLS: usize = 30;
