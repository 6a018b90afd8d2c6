//! A directory of 10,000 people, rules, calls, and the gate that decides them.

use std::error::Error;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use engine::{Asked, Gate, Gated, Readable};
use model::{
    Access, Actor, Agent, AgentId, App, AppId, ArgumentFacts, Class, ClassSource, Clock, DataClassification, Directory,
    DirectorySnapshot, Facts, Human, HumanId, Method, Risk, Rules, ToolFacts, ToolName, ToolStatus, UnixMicros,
};
use policy::{Bundle, Known, KnownApp, KnownRole, KnownTool, RuleFile};
use profile::Profile;

pub(crate) struct World {
    directory: Arc<DirectorySnapshot>,
    apps: usize,
}

/// A call as a wire understands it.
pub(crate) struct Call {
    actor: Actor,
    app: AppId,
    tool: ToolFacts,
    readable: Readable,
}

struct Here(Arc<DirectorySnapshot>);

struct Now;

impl Directory for Here {
    fn snapshot(&self) -> Arc<DirectorySnapshot> {
        Arc::clone(&self.0)
    }
}

impl Clock for Now {
    fn now(&self) -> UnixMicros {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        UnixMicros(i64::try_from(since.as_micros()).unwrap_or_default())
    }
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

    /// The gate of an engine, with rules in force.
    pub(crate) fn gate(&self, rules: Box<dyn Rules>) -> Gate {
        Gate::new(Arc::new(Here(Arc::clone(&self.directory))), Arc::new(Now), rules)
    }

    /// The rules in Cedar; beside them, for each app, one in YAML that looks at an argument, and a budget.
    pub(crate) fn bundle(&self, rules: usize) -> Result<Bundle, Box<dyn Error>> {
        let mut known = Known::default();
        for at in 0..self.apps {
            known.apps.insert(format!("app-{at}").parse()?, known_app()?);
        }
        let mut files = vec![RuleFile { name: "bench.cedar".into(), text: cedar(rules)? }];
        for (number, from) in (0..self.apps).step_by(APPS_IN_A_FILE).enumerate() {
            let text = yaml(from..self.apps.min(from + APPS_IN_A_FILE))?;
            files.push(RuleFile { name: format!("bench-{number}.yaml"), text });
        }
        let compiled = Bundle::compile_for(&known, &files);
        Ok(compiled.map_err(|errors| errors.iter().map(|error| format!("{error}\n")).collect::<String>())?)
    }

    /// As many calls, spread over people, agents, apps, tools and classes without a pattern.
    pub(crate) fn calls(&self, count: usize) -> Result<Vec<Call>, Box<dyn Error>> {
        let profile = profile()?;
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut below = |limit: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % limit as u64).unwrap_or_default()
        };
        (0..count).map(|at| self.call(at, &profile, &mut below)).collect()
    }

    fn call(
        &self,
        at: usize,
        profile: &Profile,
        below: &mut impl FnMut(usize) -> usize,
    ) -> Result<Call, Box<dyn Error>> {
        let class = [Class::Read, Class::Read, Class::Write, Class::External][below(4)];
        let tool: ToolName = format!("tool-{}", below(TOOLS)).parse()?;
        let reader = Arc::clone(profile.tool(tool.as_str()).ok_or("a tool without a profile")?);
        let (folder, file) = (below(1_000), below(1_000));
        let arguments =
            format!("{{\"path\":\"/folder-{folder}/file-{file}.txt\",\"note\":\"as agreed\",\"times\":{at}}}");
        Ok(Call {
            actor: Actor {
                human: format!("human-{}", below(PEOPLE)).parse()?,
                agent: format!("agent-{}", below(AGENTS)).parse()?,
                task: format!("task-{at}").parse()?,
                only_app: None,
                token_id: "token".into(),
            },
            app: format!("app-{}", below(self.apps)).parse()?,
            tool: ToolFacts::new(tool, class, ClassSource::Profile, ToolStatus::Pinned),
            readable: Readable { arguments: Bytes::from(arguments), reader },
        })
    }

    /// The facts of a call, for those who cannot gather them themselves.
    pub(crate) fn gather(&self, call: &Call) -> Option<Facts> {
        let directory = Arc::clone(&self.directory);
        let human = directory.humans.get(&call.actor.human)?;
        let app = directory.apps.get(&call.app)?;
        Some(Facts {
            now: UnixMicros(1_795_253_400_000_000),
            method: Method::ToolsCall,
            agent: Arc::clone(directory.agents.get(&call.actor.agent)?),
            human: Arc::clone(human),
            task: call.actor.task.clone(),
            app: Arc::clone(app),
            tool: call.tool.clone(),
            access: app.admits(human),
            all_stopped: directory.all_stopped,
            arguments: ArgumentFacts::unread(),
            spent: Vec::new(),
            approved: Vec::new(),
            contract: None,
        })
    }
}

impl Call {
    /// What comes of it. It runs nowhere, so what it takes from budgets goes back.
    // A name of its own in the program, for those who count what happens in it.
    #[inline(never)]
    pub(crate) fn decided(&self, gate: &Gate) -> Gated {
        let asked = Asked {
            actor: &self.actor,
            app: &self.app,
            method: Method::ToolsCall,
            tool: &self.tool,
            arguments: Some(&self.readable.arguments),
            readable: Some(&self.readable),
            contract: None,
        };
        gate.decide(&asked).expect("a call of somebody known")
    }
}

fn profile() -> Result<Profile, Box<dyn Error>> {
    let mut text = "profile: bench\ntools:\n".to_owned();
    for tool in 0..TOOLS {
        writeln!(text, "  tool-{tool}: {{class: external, why: for the bench, arguments: {{path: path}}}}")?;
    }
    Ok(Profile::parse("bench.yaml", &text)?)
}

fn known_app() -> Result<KnownApp, Box<dyn Error>> {
    let described_by = Some(profile()?.digest());
    let mut app = KnownApp { profile: Some("bench".to_owned()), described_by, ..KnownApp::default() };
    for tool in 0..TOOLS {
        let roles = [("path".to_owned(), KnownRole::default())].into();
        let known = KnownTool { class: Class::External, verb: None, roles, cost: None, labels: Default::default() };
        app.tools.insert(format!("tool-{tool}").parse()?, known);
    }
    Ok(app)
}

fn yaml(apps: Range<usize>) -> Result<String, std::fmt::Error> {
    let mut text = "policies:\n".to_owned();
    for app in apps {
        let folder = app % 1_000;
        writeln!(
            text,
            "  app-{app}:\n    max_calls: 1000000/hour\n    rules:\n      - {{id: path-{app}, deny: all, when: {{roles: {{path: {{under: /folder-{folder}}}}}}}}}"
        )?;
    }
    Ok(text)
}

/// The rules in Cedar.
pub(crate) fn cedar(rules: usize) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for at in 0..rules {
        let (app, n) = (at / 10, at);
        // Agents take turns app by app, so that none has more rules of its own because there are more in all.
        let (department, role, tool, agent) = (n % DEPARTMENTS, n % ROLES, n % TOOLS, app % AGENTS);
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

/// Files in YAML are small.
const APPS_IN_A_FILE: usize = 100;
const PEOPLE: usize = 10_000;
pub(crate) const AGENTS: usize = 1_000;
pub(crate) const DEPARTMENTS: usize = 100;
pub(crate) const ROLES: usize = 50;
pub(crate) const TOOLS: usize = 30;
