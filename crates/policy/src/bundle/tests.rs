#![expect(clippy::unwrap_used, reason = "tests may stop at once")]

use std::fmt::Write as _;

use model::{
    Access, Agent, App, AppId, Class, ClassSource, DataClassification, Human, HumanId, Method, Risk, RuleFaultKind,
    RuleOutcome, TaskId, ToolFacts, ToolName, ToolStatus, UnixMicros,
};

use super::*;

fn facts(class: Class, risk: Risk, access: bool) -> Facts {
    let ana = HumanId::parse("ana").unwrap();
    Facts {
        // 2026-11-21T09:30:00Z, a Saturday.
        now: UnixMicros(1_795_253_400_000_000),
        method: Method::ToolsCall,
        agent: Arc::new(Agent {
            id: "helpdesk".parse().unwrap(),
            name: "Helpdesk".into(),
            owner: HumanId::parse("bob").unwrap(),
            active: true,
        }),
        human: Arc::new(Human {
            id: ana.clone(),
            name: "Ana".into(),
            department: Some("support".into()),
            seniority: None,
            role: Some("agent-lead".into()),
            manager: Some(HumanId::parse("bob").unwrap()),
            active: true,
        }),
        task: TaskId::parse("t-1").unwrap(),
        app: Arc::new(App {
            id: AppId::parse("crm").unwrap(),
            name: "CRM".into(),
            risk,
            data: DataClassification::Confidential,
            category: None,
            owners: vec![HumanId::parse("bob").unwrap()],
            access: Access::default(),
            stopped: false,
        }),
        tool: ToolFacts {
            name: ToolName::parse("find_contact").unwrap(),
            class,
            class_source: ClassSource::Profile,
            status: ToolStatus::Pinned,
            definition: None,
        },
        access,
        all_stopped: false,
    }
}

fn file(name: &str, text: &str) -> RuleFile {
    RuleFile { name: name.into(), text: text.into() }
}

fn bundle(text: &str) -> Bundle {
    Bundle::compile(&[file("rules/a.cedar", text)]).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

fn shown(evaluation: &Evaluation) -> String {
    let mut shown = String::new();
    for hit in &evaluation.hits {
        writeln!(shown, "{:?} {}", hit.rule.outcome, hit.rule.id).unwrap();
    }
    for fault in &evaluation.faults {
        writeln!(shown, "{:?} {}", fault.kind, fault.rule.id).unwrap();
    }
    shown
}

/// What the organisation's rules say of a read on a medium-risk app by somebody without access.
fn check(text: &str, expected: &str) {
    let read = facts(Class::Read, Risk::Medium, false);
    assert_eq!(shown(&bundle(text).evaluate(Layer::Organisation, &read)).trim(), expected, "{text}");
}

#[test]
fn baseline_rows() {
    let bundle = Bundle::compile(&[]).unwrap();
    let mut table = String::new();
    for class in Class::ALL {
        for risk in [Risk::Low, Risk::Medium, Risk::High] {
            for access in [true, false] {
                let evaluation = bundle.evaluate(Layer::Baseline, &facts(class, risk, access));
                let ids: Vec<_> = evaluation.hits.iter().map(|hit| hit.rule.id.as_str()).collect();
                let strictest = evaluation.hits.iter().map(|hit| hit.rule.outcome).max();
                assert!(evaluation.faults.is_empty());
                let access = if access { "access" } else { "no access" };
                writeln!(table, "{class:11} {:6} {access:9} {strictest:?} {}", risk.as_str(), ids.join(" ")).unwrap();
            }
        }
    }
    insta::assert_snapshot!(table, @"");
}
