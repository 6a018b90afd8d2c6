//! The authority matrix: for each app, what an agent may do for a person of each role, by class of tool.
//!
//! A cell holds every verdict that can come of it, and what it depends on where there are several: the person or agent,
//! the tool, the arguments, the time. It is worked out by asking, never by reading rules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use decide::at_other_values;
use model::{
    Agent, App, AppId, ArgumentFacts, Class, ClassSource, Facts, Fault, Human, Method, TaskId, ToolFacts, ToolName,
    ToolStatus, UnixMicros, Verdict,
};
use policy::RuleFile;

use super::{Judge, bug, probe};

/// The whole matrix.
pub struct Matrix {
    /// Apps in the order of their ids.
    pub apps: Vec<OfApp>,
}

/// The rows of one app.
pub struct OfApp {
    /// The app.
    pub app: Arc<App>,
    /// Roles in the order of their names, each with a cell for every class.
    pub rows: Vec<(Option<String>, Vec<Cell>)>,
}

/// What an agent may do with tools of one class for people of one role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    /// Every verdict that can come of it, the mildest first.
    pub verdicts: BTreeSet<Verdict>,
    /// What it depends on.
    pub depends: BTreeSet<On>,
}

/// What a cell depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum On {
    /// The values of arguments.
    Arguments,
    /// Which of the tools of the class it is.
    Tool,
    /// Which of the people of the role it is, or which agent.
    Person,
    /// When.
    Time,
}

/// When, besides at noon.
#[derive(Clone, Copy)]
struct Asking<'a> {
    moments: &'a [UnixMicros],
    noon: UnixMicros,
}

/// The agents and people that stand for everybody of a role.
struct Pairs<'j> {
    role: Option<&'j str>,
    pairs: Vec<(&'j Arc<Agent>, &'j Arc<Human>)>,
}

impl Matrix {
    /// Works it out. `noon` is when everything is asked that is not asked at all times.
    pub fn of(judge: &Judge, noon: UnixMicros) -> Result<Self, Fault> {
        let words = probe::words(&judge.config.rules);
        let moments = moments(judge, noon);
        let at = Asking { moments: &moments, noon };
        let mut ids: Vec<&AppId> = judge.directory.apps.keys().collect();
        ids.sort();
        let mut apps = Vec::new();
        for app in ids.into_iter().filter_map(|id| judge.directory.apps.get(id)) {
            let tools = tools(judge, app)?;
            let mut rows = Vec::new();
            for of_role in pairs(judge, app, &words) {
                let mut cells = Vec::new();
                for class in Class::ALL {
                    let tools = tools.get(&class).map(Vec::as_slice).unwrap_or_default();
                    cells.push(cell(judge, app, &of_role, tools, &at)?);
                }
                rows.push((of_role.role.map(str::to_owned), cells));
            }
            apps.push(OfApp { app: Arc::clone(app), rows });
        }
        Ok(Self { apps })
    }

    /// As a table, the same on every machine.
    pub fn text(&self) -> String {
        let mut text = String::from(HEAD);
        for of_app in &self.apps {
            let app = &of_app.app;
            text.push_str(&format!("\n{} ({} risk, {} data)\n", app.id, app.risk.as_str(), app.data.as_str()));
            text.push_str(&line("role", Class::ALL.into_iter().map(|class| class.as_str().to_owned())));
            for (role, cells) in &of_app.rows {
                text.push_str(&line(role.as_deref().unwrap_or("-"), cells.iter().map(ToString::to_string)));
            }
        }
        text
    }

    /// For programs.
    pub fn to_json(&self) -> serde_json::Value {
        let row = |role: &Option<String>, cells: &[Cell]| {
            let cells: serde_json::Map<String, serde_json::Value> = Class::ALL
                .into_iter()
                .zip(cells)
                .map(|(class, cell)| {
                    let depends: Vec<&str> = cell.depends.iter().map(|on| on.as_str()).collect();
                    (class.to_string(), serde_json::json!({ "verdicts": cell.verdicts, "depends_on": depends }))
                })
                .collect();
            serde_json::json!({ "role": role, "classes": cells })
        };
        let apps: Vec<serde_json::Value> = self
            .apps
            .iter()
            .map(|of| {
                let rows: Vec<serde_json::Value> = of.rows.iter().map(|(role, cells)| row(role, cells)).collect();
                serde_json::json!({ "app": of.app.id, "rows": rows })
            })
            .collect();
        serde_json::json!({ "apps": apps })
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verdicts: Vec<&str> = self.verdicts.iter().map(|verdict| verdict.as_str()).collect();
        f.write_str(&verdicts.join("|"))?;
        if !self.depends.is_empty() {
            let depends: Vec<&str> = self.depends.iter().map(|on| on.as_str()).collect();
            write!(f, " ({})", depends.join(", "))?;
        }
        Ok(())
    }
}

impl On {
    /// The word for it in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Arguments => "arguments",
            Self::Tool => "tool",
            Self::Person => "who",
            Self::Time => "when",
        }
    }
}

fn line(first: &str, cells: impl Iterator<Item = String>) -> String {
    let mut line = format!("  {first:<16}");
    for cell in cells {
        line.push_str(&format!(" {cell:<20}"));
    }
    format!("{}\n", line.trim_end())
}

/// For each role, the people and agents that rules could tell apart: of those who are the same in everything that rules
/// look at, one stands for all.
fn pairs<'j>(judge: &'j Judge, app: &App, words: &BTreeSet<String>) -> Vec<Pairs<'j>> {
    let mut people: Vec<&Arc<Human>> = judge.directory.humans.values().filter(|human| human.active).collect();
    people.sort_by(|one, other| one.id.cmp(&other.id));
    let mut agents: Vec<&Arc<Agent>> = judge.directory.agents.values().filter(|agent| agent.active).collect();
    agents.sort_by(|one, other| one.id.cmp(&other.id));
    let named = |id: &str, name: &str| [id, name].map(|one| words.contains(one).then(|| one.to_owned()));
    let mut by_role: BTreeMap<Option<&str>, Vec<&Arc<Human>>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for human in people {
        let manager = human.manager.as_ref().map(|manager| manager.as_str());
        let role = human.role.as_deref();
        let like = (role, human.department.as_deref(), human.seniority.as_deref(), manager);
        if seen.insert((like, app.admits(human), app.owners.contains(&human.id), named(human.id.as_str(), &human.name)))
        {
            by_role.entry(role).or_default().push(human);
        }
    }
    by_role
        .into_iter()
        .map(|(role, people)| {
            let mut pairs = Vec::new();
            for human in people {
                let mut seen = BTreeSet::new();
                for agent in &agents {
                    let is = (agent.model_tier.as_deref(), agent.recommend_only, agent.owner == human.id);
                    let owner = words.get(agent.owner.as_str());
                    let like = (named(agent.id.as_str(), &agent.name), owner, is);
                    if seen.insert(like) {
                        pairs.push((*agent, human));
                    }
                }
            }
            Pairs { role, pairs }
        })
        .collect()
}

/// The tools of each class: those that a profile or a pin knows, and one that nothing names. A tool that only rules name is one of
/// every class: nobody says what it is.
fn tools(judge: &Judge, app: &App) -> Result<BTreeMap<Class, Vec<ToolFacts>>, Fault> {
    let mut tools: BTreeMap<Class, Vec<ToolFacts>> = BTreeMap::new();
    let known = judge.tools(&app.id);
    let mut unknown = judge.bundle.tools_named(&app.id);
    unknown.insert(ToolName::parse("any-other-tool").map_err(bug)?);
    for name in unknown.into_iter().filter(|name| !known.contains(name)) {
        for class in Class::ALL {
            let mut any = ToolFacts::of_method(Method::ToolsCall, name.clone());
            any.class = class;
            any.class_source = ClassSource::Pin;
            any.status = ToolStatus::Pinned;
            tools.entry(class).or_default().push(any);
        }
    }
    for name in known {
        let mut known = judge.known_tool(&app.id, &name, None)?;
        known.status = ToolStatus::Pinned;
        tools.entry(known.class).or_default().push(known);
    }
    Ok(tools)
}

fn cell(
    judge: &Judge,
    app: &Arc<App>,
    of_role: &Pairs<'_>,
    tools: &[ToolFacts],
    at: &Asking<'_>,
) -> Result<Cell, Fault> {
    let Asking { moments, noon } = *at;
    let mut cell = Cell::default();
    let mut by_pair: Vec<BTreeMap<&str, Verdict>> = Vec::new();
    for (agent, human) in &of_role.pairs {
        let mut of_pair = BTreeMap::new();
        for tool in tools {
            let facts = Facts {
                now: noon,
                method: Method::ToolsCall,
                agent: Arc::clone(agent),
                human: Arc::clone(human),
                task: TaskId::parse("matrix").map_err(bug)?,
                app: Arc::clone(app),
                tool: tool.clone(),
                access: app.admits(human),
                all_stopped: false,
                arguments: ArgumentFacts::unread(),
                spent: Vec::new(),
                approved: Vec::new(),
                contract: None,
            };
            let verdict = judge.decide(&facts).verdict();
            of_pair.insert(tool.name.as_str(), verdict);
            cell.verdicts.insert(verdict);
            if let Some(reads) = judge.looks_at(&app.id, &tool.name) {
                for other in at_other_values(&facts, &reads, &judge.looks_for(&app.id)) {
                    let then = judge.decide(&other.facts).verdict();
                    if then != verdict {
                        cell.depends.insert(On::Arguments);
                        cell.verdicts.insert(then);
                    }
                }
            }
            for now in moments {
                let then = judge.decide(&Facts { now: *now, ..facts.clone() }).verdict();
                if then != verdict {
                    cell.depends.insert(On::Time);
                    cell.verdicts.insert(then);
                }
            }
        }
        by_pair.push(of_pair);
    }
    if by_pair.iter().skip(1).any(|of_pair| Some(of_pair) != by_pair.first()) {
        cell.depends.insert(On::Person);
    }
    if by_pair.iter().any(|of_pair| of_pair.values().collect::<BTreeSet<_>>().len() > 1) {
        cell.depends.insert(On::Tool);
    }
    Ok(cell)
}

/// When to ask besides: at all moments that rules name, and every half hour of a week where they speak of the hours of a
/// day or the days of a week.
fn moments(judge: &Judge, noon: UnixMicros) -> Vec<UnixMicros> {
    let mut moments = probe::moments(&judge.config.rules);
    let weekly = |file: &RuleFile| match file.name.to_ascii_lowercase().ends_with(".rego") {
        true => file.text.contains(WEEKLY_IN_REGO),
        false => WEEKLY.iter().any(|word| file.text.contains(word)),
    };
    if judge.config.rules.iter().any(weekly) {
        moments.extend(probe::week_from(noon));
    }
    moments
}

/// One of these stands in every rule that looks at the hour or the day. In Rego the fact has any name, but it is `time` once.
const WEEKLY: [&str; 6] = ["hours", "days", "time:", "time in ", "toTime", "offset"];
const WEEKLY_IN_REGO: &str = "time";

const HEAD: &str = "\
# The authority matrix: what an agent may do for a person of this role, by app and class of tool.
# Where several verdicts stand in a cell, a word says what decides: the arguments, the tool (which one of its class), who
# (which person of the role, or which agent), when (the time).
# Written by `countersign matrix`, checked by `countersign matrix --check FILE`.
";
