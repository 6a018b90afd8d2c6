use std::fmt::Write as _;
use std::sync::Arc;

use model::{
    Access, Agent, AgentId, App, AppId, ArgumentFacts, Class, ClassSource, CostClass, DataClassification, Facts, Human,
    HumanId, Layer, Method, OfCall, Risk, Rules, Scalar, TaskId, ToolFacts, ToolName, ToolStatus, UnixMicros, Verdict,
};
use serde_json::Value;

use crate::{Bundle, Example, Known, KnownApp, KnownRole, KnownTool, RuleFile};

mod design;
mod gated;
mod language;
mod laws;
mod schema;
mod wrong;

/// A tool, as a profile would describe it.
struct Described {
    app: &'static str,
    tool: &'static str,
    class: Class,
    verb: &'static str,
    cost: Option<CostClass>,
    roles: &'static [&'static str],
}

const fn tool(app: &'static str, tool: &'static str, class: Class, verb: &'static str) -> Described {
    Described { app, tool, class, verb, cost: Some(CostClass::Low), roles: &[] }
}

const TOOLS: &[Described] = &[
    Described { roles: &["repo"], ..tool("github", "create_pull_request", Class::Write, "pr_open") },
    Described { roles: &["repo"], ..tool("github", "merge_pull_request", Class::Destructive, "merge") },
    Described { roles: &["repo", "path"], ..tool("github", "get_file_contents", Class::Read, "file_read") },
    Described { roles: &["repo", "path"], ..tool("github", "delete_file", Class::Destructive, "file_delete") },
    Described { roles: &["command", "path"], ..tool("shell", "run", Class::Destructive, "run") },
    Described { roles: &["url"], ..tool("web", "fetch", Class::Read, "fetch") },
    Described { roles: &["account"], ..tool("aws", "describe_instances", Class::Read, "instances_list") },
    Described { roles: &["account"], ..tool("aws", "stop_instances", Class::Destructive, "instances_stop") },
    Described {
        roles: &["account"],
        cost: Some(CostClass::High),
        ..tool("aws", "run_instances", Class::Write, "instances_start")
    },
    Described { cost: None, ..tool("aws", "get_cost_report", Class::Read, "costs_read") },
    Described { roles: &["recipient", "amount", "command"], ..tool("mail", "send", Class::External, "send") },
    Described { roles: &["recipient", "amount", "command"], ..tool("mail", "search", Class::Read, "search") },
];

fn known() -> Known {
    let mut known = Known {
        people: ["ana", "bob", "eve"].map(|id| HumanId::parse(id).unwrap()).into(),
        agents: ["helper", "scribe"].map(|id| AgentId::parse(id).unwrap()).into(),
        ..Known::default()
    };
    for Described { app, tool, class, verb, cost, roles } in TOOLS {
        let app = known
            .apps
            .entry(AppId::parse(app).unwrap())
            .or_insert_with(|| KnownApp { profile: Some((*app).to_owned()), ..KnownApp::default() });
        let tool = ToolName::parse(tool).unwrap();
        let role =
            |role: &str| KnownRole { join: (role == "repo").then(|| "/".to_owned()), ignore_case: role == "repo" };
        let roles = roles.iter().map(|name| ((*name).to_owned(), role(name))).collect();
        let labels = if *verb == "search" { ["customer-data".to_owned()].into() } else { Default::default() };
        let entry = KnownTool { class: *class, verb: Some((*verb).to_owned()), roles, cost: *cost, labels };
        app.tools.insert(tool, entry);
    }
    known.apps.insert(AppId::parse("notes").unwrap(), KnownApp::default());
    known
}

fn file(name: &str, text: &str) -> RuleFile {
    RuleFile { name: name.into(), text: text.into() }
}

fn compiled(text: &str) -> Bundle {
    compiled_all(&[file("policy.yaml", text)])
}

fn compiled_all(files: &[RuleFile]) -> Bundle {
    Bundle::compile_for(&known(), files).unwrap_or_else(|errors| panic!("{}", told(&errors)))
}

fn told(errors: &[crate::PolicyError]) -> String {
    let mut shown = String::new();
    for error in errors {
        writeln!(shown, "{error}").unwrap();
        shown.extend(error.hint().map(|hint| format!("  hint: {hint}\n")));
    }
    shown
}

/// A call that an example describes, with its arguments read as the profiles above say.
fn facts(app: &str, tool: &str, arguments: &Value) -> Facts {
    let described = TOOLS.iter().find(|one| (one.app, one.tool) == (app, tool));
    let class = described.map_or(Class::Destructive, |one| one.class);
    let source = if described.is_some() { ClassSource::Profile } else { ClassSource::Unreviewed };
    let mut tool = ToolFacts::new(ToolName::parse(tool).unwrap(), class, source, ToolStatus::Pinned);
    tool.verb = described.map(|one| Arc::from(one.verb));
    tool.cost = described.and_then(|one| one.cost);
    if tool.name.as_str() == "search" {
        tool.labels = Arc::from([Arc::from("customer-data")]);
    }
    let ana = HumanId::parse("ana").unwrap();
    Facts {
        // 2026-11-20T09:30:00Z, a Friday.
        now: UnixMicros(1_795_167_000_000_000),
        method: Method::ToolsCall,
        agent: Arc::new(Agent {
            id: AgentId::parse("helper").unwrap(),
            name: "Helper".into(),
            owner: HumanId::parse("bob").unwrap(),
            model_tier: Some("small".into()),
            recommend_only: false,
            active: true,
        }),
        human: Arc::new(Human {
            id: ana,
            name: "Ana".into(),
            department: Some("finance".into()),
            seniority: None,
            role: Some("analyst".into()),
            manager: Some(HumanId::parse("bob").unwrap()),
            active: true,
        }),
        task: TaskId::parse("t-1").unwrap(),
        app: Arc::new(App {
            id: AppId::parse(app).unwrap(),
            name: app.into(),
            risk: Risk::High,
            data: DataClassification::Restricted,
            category: None,
            owners: vec![HumanId::parse("bob").unwrap()],
            access: Access::default(),
            observe: false,
            stopped: false,
        }),
        tool,
        access: false,
        all_stopped: false,
        arguments: Arc::new(read(arguments, described.map_or(&[], |one| one.roles))),
        spent: Vec::new(),
        approved: Vec::new(),
        contract: None,
    }
}

/// What a profile's reading comes to, in small: an argument of a role's name has that role.
fn read(arguments: &Value, roles: &[&str]) -> ArgumentFacts {
    let mut facts = ArgumentFacts { bytes: arguments.to_string().len() as u64, ..ArgumentFacts::default() };
    let texts = |value: &Value| -> Vec<Value> { value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]) };
    for (name, value) in arguments.as_object().into_iter().flatten() {
        let scalars = texts(value).iter().map(scalar).collect();
        facts.values.insert(Arc::from(name.as_str()), scalars);
        if !roles.contains(&name.as_str()) {
            continue;
        }
        let mut words: Vec<String> =
            texts(value).iter().map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned)).collect();
        if let (Some(owner), "repo") = (arguments.get("owner").and_then(Value::as_str), name.as_str()) {
            words = words.iter().map(|word| format!("{owner}/{word}").to_lowercase()).collect();
        }
        if name == "command" {
            if words[0].contains(['$', ';', '~', '|', '&']) {
                facts.unclear.extend(["command", "path"].map(Arc::from));
                continue;
            }
            let paths = words[0].split(' ').filter(|word| word.contains('/') && !word.contains("bin")).map(Arc::from);
            facts.roles.insert(Arc::from("path"), paths.collect());
        }
        facts.roles.insert(Arc::from(name.as_str()), words.iter().map(|word| Arc::from(word.as_str())).collect());
    }
    facts
}

fn scalar(value: &Value) -> Scalar {
    match value {
        Value::Bool(truth) => Scalar::Bool(*truth),
        Value::Number(number) => number.as_i64().map_or_else(|| Scalar::Decimal(number.to_string()), Scalar::Whole),
        Value::String(text) => Scalar::Text(Arc::from(text.as_str())),
        other => Scalar::Text(Arc::from(other.to_string())),
    }
}

fn run(bundle: &Bundle, example: &Example) -> decide::Decision {
    let mut facts = facts(example.app.as_str(), example.tool.as_str(), &example.arguments);
    facts.agent = Arc::new(Agent { id: example.agent.clone(), ..facts.agent.as_ref().clone() });
    facts.human = Arc::new(Human { id: example.human.clone(), ..facts.human.as_ref().clone() });
    facts.now = example.now.unwrap_or(facts.now);
    decide::decide(bundle, &facts)
}

/// Loads the text and runs its examples. Each must come out as it says.
fn check(text: &str) {
    check_all(&[file("policy.yaml", text)]);
}

fn check_all(files: &[RuleFile]) {
    let bundle = compiled_all(files);
    assert!(!bundle.examples().is_empty(), "nothing is checked");
    let mut wrong = String::new();
    for example in bundle.examples() {
        let decision = run(&bundle, example);
        let rules: Vec<&str> = decision.reasons().iter().map(|reason| reason.rule.as_str()).collect();
        let named = example.rule.as_deref().is_none_or(|rule| rules.contains(&rule));
        if decision.verdict() != example.expect || !named {
            writeln!(
                wrong,
                "{}:{}: expected {} {:?}, got {} by {rules:?}",
                example.file,
                example.line,
                example.expect,
                example.rule,
                decision.verdict()
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
