//! Prints how long one evaluation takes: `cargo run --release -p policy --example timing`.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a stopwatch for people")]

use std::error::Error;
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use model::{
    Access, Agent, App, ArgumentFacts, Class, ClassSource, DataClassification, Facts, Human, Layer, Method, Risk,
    Rules, ToolFacts, ToolStatus, UnixMicros,
};
use policy::{Bundle, RuleFile};

fn main() -> Result<(), Box<dyn Error>> {
    let facts = facts()?;
    for (apps, everywhere) in [(0, 5), (100, 5), (1_000, 5), (0, 100)] {
        let mut text = String::new();
        for app in 0..apps {
            writeln!(text, "forbid (principal, action, resource in App::\"app-{app}\") when {{ !context.access }};")?;
        }
        for rule in 0..everywhere {
            writeln!(text, "forbid (principal, action, resource) when {{ context.human.role == \"role-{rule}\" }};")?;
        }
        let start = Instant::now();
        let bundle = Bundle::compile(&[RuleFile { name: "timing.cedar".into(), text }])
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<String>())?;
        let compiled = start.elapsed();
        for layer in [Layer::Organisation, Layer::Baseline] {
            let start = Instant::now();
            for _ in 0..ROUNDS {
                black_box(bundle.evaluate(layer, black_box(&facts)));
            }
            let each = start.elapsed() / ROUNDS;
            println!("{apps:5} rules for apps, {everywhere:3} for all, compiled in {compiled:?}: {layer:?} {each:?}");
        }
    }
    Ok(())
}

fn facts() -> Result<Facts, Box<dyn Error>> {
    Ok(Facts {
        now: UnixMicros(1_795_253_400_000_000),
        method: Method::ToolsCall,
        agent: Arc::new(Agent {
            id: "helpdesk".parse()?,
            name: "Helpdesk".into(),
            owner: "bob".parse()?,
            model_tier: None,
            recommend_only: false,
            active: true,
        }),
        human: Arc::new(Human {
            id: "ana".parse()?,
            name: "Ana".into(),
            department: Some("support".into()),
            seniority: Some("senior".into()),
            role: Some("lead".into()),
            manager: Some("bob".parse()?),
            active: true,
        }),
        task: "t-1".parse()?,
        app: Arc::new(App {
            id: "app-7".parse()?,
            name: "CRM".into(),
            risk: Risk::Medium,
            data: DataClassification::Confidential,
            category: Some("crm".into()),
            owners: vec!["bob".parse()?],
            access: Access::default(),
            stopped: false,
            observe: false,
        }),
        tool: ToolFacts::new("find_contact".parse()?, Class::Read, ClassSource::Profile, ToolStatus::Pinned),
        access: true,
        all_stopped: false,
        arguments: ArgumentFacts::unread(),
        spent: Vec::new(),
        approved: Vec::new(),
        contract: None,
    })
}

const ROUNDS: u32 = 20_000;
