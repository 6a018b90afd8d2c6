//! What the gateway would decide, without one: from the configuration, the rules in its files, and what people have said
//! yes to.

pub mod cases;
pub mod matrix;
pub mod probe;
pub mod replay;
pub mod simulate;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use decide::{Decision, decide};
use identity::{LiveDirectory, Standing};
use json::Document;
use model::{
    AgentId, AppId, ArgumentFacts, ArgumentReads, Blame, Class, ClassSource, Directory as _, DirectorySnapshot, Facts,
    Fault, HumanId, Layer, Method, ReadArguments, RuleId, RuleInfo, RuleOutcome, Rules as _, TaskId, ToolFacts,
    ToolName, ToolStatus, UnixMicros,
};
use openapi::Tools;
use policy::{Bundle, PolicyError};
use profile::{DefinitionKind, Pin, ToolDefinition, assess};
use spelling::did_you_mean;
use trace::LogReader as _;

use self::cases::Case;
use crate::clock::environment;
use crate::config::{Config, nearest};
use crate::gateway::{bad_file, compile, read_pin};

/// Everything a decision needs, as it stands in files.
pub struct Judge {
    /// The configuration.
    pub config: Config,
    /// The rules.
    pub bundle: Bundle,
    /// People, agents and apps.
    pub directory: DirectorySnapshot,
    /// What people have said yes to; none: it judges by the files alone.
    pins: Option<HashMap<(AppId, ToolName), Pin>>,
    /// The operations of APIs, as tools.
    operations: HashMap<AppId, Arc<Tools>>,
}

/// One question: may this be done.
#[derive(Debug, Clone)]
pub struct Question {
    /// The software that acts.
    pub agent: AgentId,
    /// The person it acts for.
    pub human: HumanId,
    /// On which app.
    pub app: AppId,
    /// With which tool.
    pub tool: ToolName,
    /// The argument object.
    pub arguments: Option<Bytes>,
    /// When.
    pub now: UnixMicros,
    /// The class, where whoever asks knows better than profile and pin.
    pub class: Option<Class>,
    /// Budgets that are used up, by the rules that set them.
    pub spent: Vec<RuleId>,
}

/// One rule that matches, or could not be evaluated.
pub struct Match {
    /// The rule.
    pub rule: Arc<RuleInfo>,
    /// Why it could not be evaluated; none where it matches.
    pub fault: Option<String>,
}

impl Judge {
    /// From the files alone, so that it judges the same on every machine: nobody has left, nothing is stopped, and of
    /// tools only profiles speak.
    pub fn of_files(file: &Path) -> Result<Self, Fault> {
        let config = Config::load(file, &environment).map_err(bad_file)?;
        let bundle = compile(&config)?;
        Ok(Self::new(config, bundle))
    }

    /// From the files and the data directory: who has left, what is stopped, which tools a person has reviewed.
    pub fn of_gateway(file: &Path) -> Result<Self, Fault> {
        let mut judge = Self::of_files(file)?;
        let pins = judge.pins.insert(HashMap::new());
        let trace = judge.config.trace()?;
        let Some(reader) = trace.reader_if_there().map_err(Fault::from)? else { return Ok(judge) };
        let standing = Standing::from_rows(reader.state("standing").map_err(Fault::from)?);
        let live = LiveDirectory::new(judge.directory.clone(), standing);
        judge.directory = live.snapshot().as_ref().clone();
        for (key, value) in reader.state(mcp::pin_state(DefinitionKind::Tool)).map_err(Fault::from)? {
            if let Some(((app, _, tool), pin)) = read_pin(DefinitionKind::Tool, &key, &value) {
                pins.insert((app, tool), pin);
            }
        }
        Ok(judge)
    }

    /// From what was read already.
    pub fn new(config: Config, bundle: Bundle) -> Self {
        let directory = config.directory.clone();
        let operations = config.apis.iter().map(|api| (api.app.clone(), Arc::new(Tools::of(&api.mapping)))).collect();
        Self { config, bundle, directory, pins: None, operations }
    }

    /// The facts of a question, as the gateway would gather them. Error: it names somebody or something that is not there.
    pub fn facts(&self, question: &Question) -> Result<Facts, Fault> {
        let directory = &self.directory;
        let human = directory
            .humans
            .get(&question.human)
            .ok_or_else(|| missing("person", question.human.as_str(), directory.humans.keys().map(|id| id.as_str())))?;
        let agent = directory
            .agents
            .get(&question.agent)
            .ok_or_else(|| missing("agent", question.agent.as_str(), directory.agents.keys().map(|id| id.as_str())))?;
        let app = directory
            .apps
            .get(&question.app)
            .ok_or_else(|| missing("app", question.app.as_str(), directory.apps.keys().map(|id| id.as_str())))?;
        Ok(Facts {
            now: question.now,
            method: Method::ToolsCall,
            agent: agent.clone(),
            human: human.clone(),
            task: TaskId::parse(ASKING).map_err(bug)?,
            app: app.clone(),
            tool: self.tool(question)?,
            access: app.admits(human),
            all_stopped: directory.all_stopped,
            arguments: self.read_arguments(&app.id, &question.tool, question.arguments.as_deref()),
            spent: question.spent.clone(),
            approved: Vec::new(),
            contract: None,
        })
    }

    /// What the rules look at of these arguments of a tool.
    pub fn read_arguments(&self, app: &AppId, tool: &ToolName, arguments: Option<&[u8]>) -> Arc<ArgumentFacts> {
        let (Some(arguments), Some(reads)) = (arguments, self.bundle.reads(app)) else {
            return ArgumentFacts::unread();
        };
        Arc::new(self.reader(app, tool).read(arguments, &reads))
    }

    /// What the rules look at of recorded arguments, which came over this wire, read as the gate reads what is asked so.
    pub fn read_recorded(&self, facts: &Facts, wire: Option<&str>, arguments: Option<&[u8]>) -> Arc<ArgumentFacts> {
        let (app, tool) = (&facts.app.id, &facts.tool.name);
        let (Some(arguments), Some(reads)) = (arguments, self.bundle.reads(app)) else {
            return ArgumentFacts::unread();
        };
        let requested = wire.is_some_and(|wire| !wire.starts_with("mcp/"));
        let reader = match (facts.method, self.operations.get(app)) {
            (Method::ToolsCall, Some(tools)) if requested => {
                http_proxy::reads_requests(tools, tool, profile::unprofiled())
            }
            (Method::ToolsCall, _) => self.reader(app, tool),
            (Method::PromptsGet, _) => profile::of_no_tool(),
            // What is not given by name has no arguments that a rule could be about.
            _ => return Arc::new(ArgumentFacts { bytes: arguments.len() as u64, ..ArgumentFacts::default() }),
        };
        Arc::new(reader.read(arguments, &reads))
    }

    /// What the rules look at of the arguments of this tool; nothing where it cannot have such arguments.
    pub fn looks_at(&self, app: &AppId, tool: &ToolName) -> Option<ArgumentReads> {
        let reads = self.bundle.reads(app)?;
        let profiled = self.profile(app).and_then(|profile| profile.tool(tool.as_str()));
        let mut reads = reads.as_ref().clone();
        if let Some(profiled) = profiled {
            reads.roles.retain(|role| profiled.every_role().iter().any(|of| of.as_str() == &**role));
        }
        (!reads.roles.is_empty() || !reads.values.is_empty()).then_some(reads)
    }

    /// The values that rules for this app look for in arguments.
    pub fn looks_for(&self, app: &AppId) -> Vec<String> {
        self.bundle.looks_for(app).into_iter().collect()
    }

    /// Whether the rules look at the arguments of a call with these facts.
    pub fn reads(&self, facts: &Facts) -> bool {
        self.bundle.reads(&facts.app.id).is_some()
    }

    /// The decision on these facts.
    pub fn decide(&self, facts: &Facts) -> Decision {
        decide(&self.bundle, facts)
    }

    /// Every rule that matches: the organisation's, and the baseline's where it is asked.
    pub fn matches(&self, facts: &Facts) -> Vec<Match> {
        let organisation = self.bundle.evaluate(Layer::Organisation, facts);
        let permits = organisation.hits.iter().any(|hit| hit.rule.outcome == RuleOutcome::Permit);
        let mut layers = vec![organisation];
        if !permits && facts.tool.status != ToolStatus::Unknown {
            layers.push(self.bundle.evaluate(Layer::Baseline, facts));
        }
        let mut all = Vec::new();
        for layer in layers {
            all.extend(layer.hits.into_iter().map(|hit| Match { rule: Arc::clone(&hit.rule), fault: None }));
            all.extend(layer.faults.into_iter().map(|fault| {
                let why = match fault.kind {
                    model::RuleFaultKind::MissingFact(what) => format!("it needs a fact that is missing: {what}"),
                    model::RuleFaultKind::Broken(what) => what,
                };
                Match { rule: fault.rule, fault: Some(why) }
            }));
        }
        all
    }

    /// Whether anybody has said what this tool is.
    pub fn knows(&self, app: &AppId, tool: &ToolName) -> bool {
        self.profiled(app, tool) || self.pin(app, tool).is_some()
    }

    /// The names of the tools that are known of an app, in order.
    pub fn tools(&self, app: &AppId) -> Vec<ToolName> {
        let of_profile =
            self.profile(app).into_iter().flat_map(|profile| profile.tools().map(|(name, _)| name.clone()));
        let of_pins =
            self.pins.iter().flat_map(HashMap::keys).filter(|(of, _)| of == app).map(|(_, tool)| tool.clone());
        let mut tools: Vec<ToolName> = of_profile.chain(of_pins).collect();
        tools.sort();
        tools.dedup();
        tools
    }

    fn tool(&self, question: &Question) -> Result<ToolFacts, Fault> {
        if question.class.is_none() && !self.knows(&question.app, &question.tool) {
            return Err(self.unknown_tool(question));
        }
        let mut facts = self.known_tool(&question.app, &question.tool, question.arguments.as_deref())?;
        if let Some(class) = question.class {
            facts.class = class;
            facts.class_source = ClassSource::Pin;
            facts.status = ToolStatus::Pinned;
        }
        Ok(facts)
    }

    /// What is in force for a tool with these arguments (none: the worst they could be).
    fn known_tool(&self, app: &AppId, tool: &ToolName, arguments: Option<&[u8]>) -> Result<ToolFacts, Fault> {
        let pin = self.pin(app, tool);
        let definition = match pin {
            Some(pin) => ToolDefinition::parse(pin.canonical.as_bytes()),
            None => ToolDefinition::parse(plain_definition(tool).as_bytes()),
        };
        let definition = definition.map_err(|error| {
            Fault::new(Blame::Operator, "operator.definition", format!("`{tool}` cannot be read: {error}"))
        })?;
        let document = arguments.map(Document::parse).transpose().map_err(|error| {
            Fault::new(Blame::Operator, "operator.arguments", format!("the arguments are not JSON we read: {error}"))
        })?;
        let profile = self.profile(app);
        let arguments = document.as_ref().map(Document::root);
        let mut facts = assess(&definition, profile, pin, arguments).facts;
        if pin.is_none() {
            facts.definition = None;
        }
        Ok(facts)
    }

    fn unknown_tool(&self, question: &Question) -> Fault {
        let (app, tool) = (&question.app, &question.tool);
        let tools = self.tools(app);
        let fault = |said: String| Fault::new(Blame::Operator, "operator.no_tool", said);
        if self.pins.is_none() {
            let near = did_you_mean(tool.as_str(), tools.iter().map(ToolName::as_str));
            let near = near.map(|near| format!("{near} if not, ")).unwrap_or_default();
            return fault(format!("nothing in the files says what `{tool}` of app `{app}` is")).hint(format!(
                "{near}write its class beside it, as in `class: write`, or give the app a profile that knows it; what is pinned \
                 stands in the data directory and does not count here"
            ));
        }
        let hint = match tools.is_empty() {
            true => "suppose its class with `--class`, give the app a profile, or say yes with `countersign tools pin`"
                .to_owned(),
            false => nearest(tool.as_str(), tools.iter().map(ToolName::as_str)),
        };
        fault(format!("nobody has said yet what `{tool}` of app `{app}` is")).hint(hint)
    }

    fn pin(&self, app: &AppId, tool: &ToolName) -> Option<&Pin> {
        self.pins.as_ref()?.get(&(app.clone(), tool.clone()))
    }

    fn reader(&self, app: &AppId, tool: &ToolName) -> Arc<dyn ReadArguments> {
        match (self.operations.get(app), self.profile(app)) {
            (Some(tools), _) => http_proxy::reads_tools(tools, tool, profile::unprofiled()),
            (None, Some(profile)) => profile.reader(tool.as_str()),
            (None, None) => profile::unprofiled(),
        }
    }

    fn profile(&self, app: &AppId) -> Option<&profile::Profile> {
        self.config.apps.iter().find(|spec| spec.id == *app)?.profile.as_deref()
    }

    fn profiled(&self, app: &AppId, tool: &ToolName) -> bool {
        self.profile(app).is_some_and(|profile| profile.tool(tool.as_str()).is_some())
    }
}

/// The rules, if they come to what the examples in their files promise.
pub fn as_promised(config: &Config, bundle: Bundle) -> Result<Bundle, Vec<PolicyError>> {
    if bundle.examples().is_empty() {
        return Ok(bundle);
    }
    let judge = Judge::new(config.clone(), bundle);
    let examples = judge.bundle.examples().iter();
    let broken: Vec<PolicyError> = examples
        .filter_map(|example| {
            let case = Case::of(example);
            if let Err(fault) = judge.facts(&case.question) {
                let hint = fault.way_out().map(str::to_owned);
                return Some(example.refused(format!("this example cannot be tried: {fault}"), hint));
            }
            let wrong = judge.run(&case).wrong?;
            let hint = "change the rule, or what the example expects".to_owned();
            Some(example.refused(format!("this example does not come true: {wrong}"), Some(hint)))
        })
        .collect();
    if broken.is_empty() { Ok(judge.bundle) } else { Err(broken) }
}

/// `AGENT/HUMAN`, as `--as` and cases write it.
pub fn actor(text: &str) -> Result<(AgentId, HumanId), Fault> {
    let wrong = |said: String| {
        Fault::new(Blame::Operator, "operator.actor", said)
            .hint("write the agent and the person it acts for, as in `ana-assistant/ana`")
    };
    let (agent, human) = text.split_once('/').ok_or_else(|| wrong(format!("`{text}` names no agent and person")))?;
    let agent = AgentId::parse(agent).map_err(|error| wrong(error.to_string()))?;
    Ok((agent, HumanId::parse(human).map_err(|error| wrong(error.to_string()))?))
}

/// `APP/TOOL`, or `APP__TOOL` as agents call it.
pub fn target(text: &str) -> Result<(AppId, ToolName), Fault> {
    let wrong = |said: String| {
        Fault::new(Blame::Operator, "operator.no_tool", said)
            .hint("write the app and the tool, as in `crm/find_contact`")
    };
    let pair = text.split_once('/').or_else(|| text.split_once("__"));
    let (app, tool) = pair.ok_or_else(|| wrong(format!("`{text}` names no app and tool")))?;
    let app = AppId::parse(app).map_err(|error| wrong(error.to_string()))?;
    Ok((app, ToolName::parse(tool).map_err(|error| wrong(error.to_string()))?))
}

/// A moment with its zone.
pub fn moment(text: &str) -> Result<UnixMicros, Fault> {
    text.parse::<jiff::Timestamp>().map(|at| UnixMicros(at.as_microsecond())).map_err(|_| {
        Fault::new(Blame::Operator, "operator.moment", format!("`{text}` is not a moment"))
            .hint("a date and time needs its zone, as in `2026-11-21T10:00:00Z`")
    })
}

/// A moment as it is shown.
pub fn said(moment: UnixMicros) -> String {
    match jiff::Timestamp::from_microsecond(moment.0) {
        Ok(time) => format!("{time:.0}"),
        Err(_) => moment.0.to_string(),
    }
}

fn missing<'k>(what: &str, id: &str, known: impl Iterator<Item = &'k str>) -> Fault {
    Fault::new(Blame::Operator, "operator.nobody", format!("there is no {what} `{id}`")).hint(nearest(id, known))
}

/// What a tool's definition is where only a profile speaks of it.
fn plain_definition(tool: &ToolName) -> String {
    serde_json::json!({ "name": tool.as_str(), "inputSchema": { "type": "object" } }).to_string()
}

fn bug(error: model::IdError) -> Fault {
    Fault::new(Blame::Bug, "bug.task", error.to_string())
}

/// When a question is asked that does not say when: 2026-01-07T12:00:00Z, a Wednesday, so that it goes the same way on
/// every day.
pub const WEDNESDAY: UnixMicros = UnixMicros(1_767_787_200_000_000);

/// The task of a question that nobody asks in earnest.
const ASKING: &str = "explain";

#[cfg(test)]
pub(crate) mod tests;
