//! A year of an organisation, made up: few agents work at any moment, each with two apps, for one person and in one task at a
//! time.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use model::{
    Access, Agent, AgentId, App, AppId, ArgumentFacts, CallId, Class, ClassSource, DataClassification, Digest, Facts,
    Human, HumanId, Method, Reason, Risk, RuleId, TaskId, ToolFacts, ToolName, ToolStatus, UnixMicros, Verdict,
};
use trace::{Change, Delegation, Effect, FactsText, Intent, Outcome, OutcomeStatus, StateWrite};

use crate::Failure;

/// Who there is, which apps, and why a call may run: what a gateway has in memory when a call comes.
struct World {
    agents: Vec<Arc<Agent>>,
    humans: Vec<Arc<Human>>,
    apps: Vec<Arc<App>>,
    /// One for each rule.
    reasons: Vec<[Reason; 1]>,
    unread: Arc<ArgumentFacts>,
    token: Arc<str>,
}

impl World {
    fn new() -> Result<Self, Failure> {
        let owner = HumanId::parse("grace@example.com")?;
        let agent = |number| {
            let id = AgentId::parse(&agent(number))?;
            let name = format!("Support bot {number}");
            let agent = Agent { id, name, owner: owner.clone(), model_tier: None, recommend_only: false, active: true };
            Ok::<_, Failure>(Arc::new(agent))
        };
        let human = |number| {
            let human = Human {
                id: HumanId::parse(&human(number))?,
                name: format!("Ada {number}"),
                department: Some("support".to_owned()),
                seniority: None,
                role: Some("support".to_owned()),
                manager: Some(owner.clone()),
                active: true,
            };
            Ok::<_, Failure>(Arc::new(human))
        };
        let app = |number| {
            let access = Access { roles: vec!["support".to_owned()], ..Access::default() };
            let app = App {
                id: AppId::parse(&format!("app-{number}"))?,
                name: format!("CRM {number}"),
                risk: Risk::High,
                data: DataClassification::Confidential,
                category: Some("crm".to_owned()),
                owners: vec![owner.clone()],
                access,
                stopped: false,
                observe: false,
            };
            Ok::<_, Failure>(Arc::new(app))
        };
        let reason = |number| {
            Ok::<_, Failure>([Reason {
                rule: RuleId::parse(&rule(number)).map_err(|error| error.to_string())?,
                sentence: "people of support may read customers".into(),
                source: Some("rules/crm.yaml:12".into()),
                text: Some("crm:\n  allow_customers_search: true".into()),
                instead: None,
                redact: None,
                approvers: Vec::new(),
                approvals: 1,
                security_relevant: false,
                clause: None,
            }])
        };
        Ok(Self {
            agents: (0..AGENTS).map(agent).collect::<Result<_, _>>()?,
            humans: (0..PEOPLE).map(human).collect::<Result<_, _>>()?,
            apps: (0..APPS).map(app).collect::<Result<_, _>>()?,
            reasons: (0..RULES).map(reason).collect::<Result<_, _>>()?,
            unread: Arc::default(),
            token: "1c1b0a9e".into(),
        })
    }
}

/// They are met again and again.
fn one_of<T>(all: &[T], number: u64) -> Result<&T, Failure> {
    let place = usize::try_from(number)? % all.len().max(1);
    all.get(place).ok_or_else(|| "there is none".into())
}

/// What somebody changed, and what is true from then on.
pub fn change(number: u64) -> Result<(Change, StateWrite), Failure> {
    let turn = number / 2_003;
    let (what, person) = match turn % 4 {
        0 => ("people.offboard", Some(human(turn * 7))),
        1 => ("people.restore", Some(human(turn.saturating_sub(1) * 7))),
        2 => ("config.reload", None),
        _ => ("agents.suspend", None),
    };
    let subject = match &person {
        Some(person) => format!("human:{person}"),
        None if what == "config.reload" => "countersign.yaml".to_owned(),
        None => format!("agent:{}", agent(turn * 3)),
    };
    let change = Change {
        id: id(number, 1)?,
        at: at(number),
        by: "os-user:ops".to_owned(),
        what: what.to_owned(),
        subject,
        human: person.map(|person| HumanId::parse(&person)).transpose()?,
        detail: serde_json::json!({ "bundle": Digest::new([9; 32]) }),
        state: Vec::new(),
    };
    Ok((change, StateWrite { kind: "standing".to_owned(), key: turn.to_string(), value: Some("1".to_owned()) }))
}

/// A call and, where it ran, what came of it.
pub fn call(number: u64) -> Result<(Intent<'static>, Option<Outcome>), Failure> {
    let chance = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let place = number / 5_000 * 17 + chance % AGENTS_AT_ONCE;
    let person = place % PEOPLE;
    let arguments = Bytes::from(format!(r#"{{"customer":"c-{number}","fields":["name","plan","mail"],"limit":50}}"#));
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &arguments);
    let digest = Digest::new(digest.as_ref().try_into()?);
    let verdict = match chance % 101 {
        0 => Verdict::Deny,
        1 if chance.is_multiple_of(7) => Verdict::Hold,
        _ => Verdict::Allow,
    };
    let app = (person + chance / 64 % 2) % APPS;
    let observed = chance % 1_009 == 5;
    let world = WORLD.as_ref().map_err(Clone::clone)?;
    let reason = one_of(&world.reasons, app * 10 + chance % 10)?;
    let task = task(number / 5_000 * AGENTS_AT_ONCE * 4 + (chance % AGENTS_AT_ONCE) * 4 + number % 5_000 / 1_250);
    let (agent, human) = (one_of(&world.agents, person)?, one_of(&world.humans, person)?);
    let app = one_of(&world.apps, app)?;
    let tool = ToolName::parse(&format!("tool_{}", chance % 8))?;
    let (task, definition) = (TaskId::parse(&task)?, Some(Digest::new([7; 32])));
    let facts = Facts {
        now: at(number),
        method: Method::ToolsCall,
        agent: Arc::clone(agent),
        human: Arc::clone(human),
        task: task.clone(),
        app: Arc::clone(app),
        tool: ToolFacts {
            definition,
            ..ToolFacts::new(tool.clone(), Class::Read, ClassSource::Profile, ToolStatus::Pinned)
        },
        access: true,
        all_stopped: false,
        arguments: Arc::clone(&world.unread),
        spent: Vec::new(),
        approved: Vec::new(),
        contract: None,
    };
    let intent = Intent {
        cause: None,
        call: id(number, 0)?,
        at: at(number),
        method: Method::ToolsCall,
        agent: agent.id.clone(),
        human: human.id.clone(),
        task,
        token_id: Arc::clone(&world.token),
        delegation_chain: vec![Delegation {
            delegator: format!("human:{}", human.id),
            delegatee: format!("agent:{}", agent.id),
            scope: None,
        }],
        wire: "mcp/2025-11-25".into(),
        trace_parent: None,
        app: app.id.clone(),
        tool,
        class: Class::Read,
        class_source: ClassSource::Profile,
        definition,
        verdict,
        observed: observed.then(|| model::Observed { verdict: Verdict::Deny, reasons: reason.to_vec() }),
        reasons: reason.into(),
        bundle: Digest::new([9; 32]),
        directory_age_us: Some(at(number).0 % 86_400_000_000),
        catalog_age_us: Some(at(number).0 % 60_000_000),
        decide_us: 9,
        arguments: Some(arguments),
        arguments_digest: digest,
        kept: model::ArgumentLevel::Full,
        redacted: None,
        read: None,
        facts: FactsText::of(&facts)?,
        approvals: Vec::new(),
    };
    let failed = chance % 211 == 9;
    let outcome = verdict.runs().then(|| Outcome {
        call: intent.call.clone(),
        human: Some(intent.human.clone()),
        at: UnixMicros(intent.at.0 + 900),
        effect: if failed { Effect::Unknown } else { Effect::Executed },
        status: if failed { OutcomeStatus::Failed } else { OutcomeStatus::Answered },
        code: failed.then(|| "upstream.timeout".to_owned()),
        agrees: if failed { None } else { Some(true) },
        answer_digest: Some(digest),
        answer_bytes: 1_000,
        came: None,
        hidden: None,
        scrubbed: 0,
        wire: Some("mcp/2025-06-18".into()),
        http_status: (!failed).then_some(200),
        rpc_code: None,
        credential: Some("vault:crm".to_owned()),
        durable_us: Some(400 + i64::try_from(chance % 1_000).unwrap_or_default()),
        took_us: 900,
    });
    Ok((intent, outcome))
}

pub fn agent(number: u64) -> String {
    format!("agent-{}", number % AGENTS)
}

pub fn human(number: u64) -> String {
    format!("human-{}@example.com", number % PEOPLE)
}

pub fn rule(number: u64) -> String {
    format!("rule-{}", number % RULES)
}

pub fn task(number: u64) -> String {
    format!("ticket-{number}")
}

pub fn at(number: u64) -> UnixMicros {
    UnixMicros(START_MICROS + i64::try_from(number).unwrap_or_default() * CALL_MICROS)
}

fn id(number: u64, kind: u8) -> Result<CallId, Failure> {
    let mut chance = [kind; 10];
    aws_lc_rs::rand::fill(&mut chance).map_err(|_| "no randomness")?;
    Ok(CallId::new(u64::try_from(at(number).0 / 1_000)?, chance))
}

const AGENTS: u64 = 1_000;
const PEOPLE: u64 = 5_000;
pub const APPS: u64 = 20;
const RULES: u64 = 200;
const AGENTS_AT_ONCE: u64 = 64;
const START_MICROS: i64 = 1_763_726_400_000_000;
/// Five million calls are about two months.
pub const CALL_MICROS: i64 = 1_000_000;
pub const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;
static WORLD: LazyLock<Result<World, String>> = LazyLock::new(|| World::new().map_err(|error| error.to_string()));
