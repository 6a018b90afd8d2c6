use std::collections::HashMap;

use model::{
    Access, AgentId, App, AppId, ClassSource, Digest, Evaluation, Hit, HumanId, Layer, Method, RuleInfo, RuleOutcome,
    RuleSource, TaskId, ToolFacts, ToolName,
};

use super::*;

/// One rule of the organisation, as a function of the facts.
struct One(RuleOutcome, fn(&Facts) -> bool);

impl Rules for One {
    fn digest(&self) -> Digest {
        Digest::new([7; 32])
    }

    fn evaluate(&self, layer: Layer, facts: &Facts) -> Evaluation {
        let mut evaluation = Evaluation::default();
        let mut hit = |id: &str, outcome| {
            let source = RuleSource { file: Arc::from("t"), line: 1, column: 1, text: Arc::from("") };
            let id = RuleId::parse(id).unwrap();
            let rule = RuleInfo::new(id, outcome, Layer::Organisation, source, String::new());
            evaluation.hits.push(Hit::from(rule));
        };
        if layer == Layer::Organisation {
            hit("base", RuleOutcome::Permit);
            if (self.1)(facts) {
                hit("one", self.0);
            }
        }
        evaluation
    }
}

fn human(id: &str, role: Option<&str>, department: Option<&str>) -> Arc<Human> {
    Arc::new(Human {
        id: HumanId::parse(id).unwrap(),
        name: id.to_owned(),
        department: department.map(str::to_owned),
        seniority: None,
        role: role.map(str::to_owned),
        manager: None,
        active: true,
    })
}

fn world() -> (Facts, DirectorySnapshot) {
    let ana = human("ana", Some("cfo"), Some("finance"));
    let bo = human("bo", Some("sales"), Some("sales"));
    let app = Arc::new(App {
        id: AppId::parse("crm").unwrap(),
        name: "CRM".into(),
        risk: Risk::High,
        data: DataClassification::Internal,
        category: None,
        owners: Vec::new(),
        access: Access { departments: vec!["sales".to_owned()], ..Access::default() },
        stopped: false,
        observe: false,
    });
    let facts = Facts {
        now: UnixMicros(0),
        method: Method::ToolsCall,
        agent: Arc::new(Agent {
            id: AgentId::parse("helper").unwrap(),
            name: "Helper".into(),
            owner: ana.id.clone(),
            model_tier: None,
            recommend_only: false,
            active: true,
        }),
        human: Arc::clone(&ana),
        task: TaskId::parse("t").unwrap(),
        app: Arc::clone(&app),
        tool: ToolFacts::new(ToolName::parse("look").unwrap(), Class::Write, ClassSource::Pin, ToolStatus::Pinned),
        access: false,
        all_stopped: false,
        arguments: model::ArgumentFacts::unread(),
        spent: Vec::new(),
        approved: Vec::new(),
        contract: None,
    };
    let humans: HashMap<_, _> = [ana, bo].into_iter().map(|human| (human.id.clone(), human)).collect();
    (facts, DirectorySnapshot { humans, apps: HashMap::from([(app.id.clone(), app)]), ..DirectorySnapshot::default() })
}

fn ask(rules: &One, facts: &Facts, directory: &DirectorySnapshot) -> WhatIf {
    what_if(rules, &decide(rules, facts), others(facts, directory))
}

fn alters(turns: &WhatIf) -> Vec<String> {
    turns.alters.iter().map(|one| format!("{} {}: {}", one.verdict, one.fact, one.values.join(","))).collect()
}

#[test]
fn the_one_fact_that_decides_is_named() {
    let (facts, directory) = world();
    let turns = ask(&One(RuleOutcome::Deny, |facts| facts.tool.class >= Class::Write), &facts, &directory);
    assert_eq!(turns.decided_by, ["the tool's class"]);
    assert_eq!(alters(&turns), ["allow the tool's class: read"]);
}

#[test]
fn access_follows_the_department() {
    let (facts, directory) = world();
    let turns = ask(&One(RuleOutcome::Hold, |facts| !facts.access), &facts, &directory);
    assert_eq!(
        alters(&turns),
        ["allow the person's access to the app: yes", "allow the person's department: sales"]
            .iter()
            .rev()
            .map(|line| (*line).to_owned())
            .collect::<Vec<_>>()
    );
}

#[test]
fn what_takes_two_changes_is_not_promised() {
    let (facts, directory) = world();
    let rule = |facts: &Facts| facts.tool.class >= Class::Write || facts.app.risk == Risk::High;
    let turns = ask(&One(RuleOutcome::Deny, rule), &facts, &directory);
    assert!(turns.alters.is_empty(), "{turns:?}");
}

#[test]
fn a_guard_is_one_change_away() {
    let (mut facts, directory) = world();
    facts.human = Arc::new(Human { active: false, ..facts.human.as_ref().clone() });
    let turns = ask(&One(RuleOutcome::Deny, |_| false), &facts, &directory);
    assert_eq!(alters(&turns), ["allow the person's standing: active"]);
}

#[test]
fn the_first_moment_comes_first() {
    let (facts, _) = world();
    let rules = One(RuleOutcome::Deny, |facts| facts.now.0 >= 30);
    let moments = at_other_times(&facts, (0..100).map(UnixMicros), |at| at.0.to_string());
    let turns = what_if(&rules, &decide(&rules, &facts), moments);
    assert_eq!(turns.alters.first().unwrap().values.first().unwrap(), "30");
}

#[test]
fn so_much_is_tried_and_no_more() {
    let (facts, _) = world();
    let rules = One(RuleOutcome::Deny, |facts| facts.now.0 > 50_000);
    let moments = at_other_times(&facts, (0..100_000).map(UnixMicros), |at| at.0.to_string());
    assert!(what_if(&rules, &decide(&rules, &facts), moments).alters.is_empty());
}

#[test]
fn words_of_rules_are_tried_as_values() {
    let (facts, _) = world();
    let reads = ArgumentReads {
        roles: [Arc::from("repo"), Arc::from("path")].into(),
        values: [Arc::from("amount"), Arc::from("to")].into(),
    };
    let words: Vec<String> = ["production-*", "/workspace", "1000", "example.com"].map(str::to_owned).into();
    let alters_with = |rule: fn(&Facts) -> bool| {
        let rules = One(RuleOutcome::Deny, rule);
        alters(&what_if(&rules, &decide(&rules, &facts), at_other_values(&facts, &reads, &words)))
    };
    let repo: fn(&Facts) -> bool = |facts| has_role(facts, "repo", "production-");
    assert_eq!(alters_with(repo), ["deny the repo: production-x"]);
    let path: fn(&Facts) -> bool = |facts| has_role(facts, "path", "/workspace/");
    assert_eq!(alters_with(path), ["deny the path: /workspace/x"]);
    let amount: fn(&Facts) -> bool = |facts| {
        let values = facts.arguments.values.get("amount").map(Vec::as_slice).unwrap_or_default();
        values.iter().any(|one| matches!(one, Scalar::Whole(number) if *number > 1000))
    };
    assert_eq!(alters_with(amount), ["deny the argument `amount`: 1001"]);
    let to: fn(&Facts) -> bool = |facts| {
        let values = facts.arguments.values.get("to").map(Vec::as_slice).unwrap_or_default();
        values.iter().any(|one| matches!(one, Scalar::Text(text) if text.ends_with("@example.com")))
    };
    assert_eq!(alters_with(to), ["deny the argument `to`: somebody@example.com"]);
}

fn has_role(facts: &Facts, role: &str, value: &str) -> bool {
    facts.arguments.roles.get(role).is_some_and(|values| values.iter().any(|one| one.starts_with(value)))
}
