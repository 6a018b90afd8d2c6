use std::path::Path;

use policy::RuleFile;

use super::*;
use crate::gateway::compile;
use crate::judge::{Judge, Question, WEDNESDAY};

const CONFIG: &str = "
people: {ana: {}, bob: {}}
agents: {helper: {owner: ana}}
apps:
  files: {command: [/bin/true], profile: filesystem}
  other: {command: [/bin/true]}
";

fn config(rules: &str) -> Config {
    let mut config = Config::parse(Path::new("countersign.yaml"), CONFIG, &|_| None).expect("a configuration");
    config.rules = vec![RuleFile { name: "policy.yaml".to_owned(), text: rules.to_owned() }];
    config
}

#[test]
fn rules_speak_the_words_of_profiles() {
    let known = known(&config(""));
    let files = &known.apps["files"];
    assert_eq!(files.profile.as_deref(), Some("filesystem"));
    assert!(files.tools["write_file"].roles.contains_key("path"));
    assert!(known.apps["other"].profile.is_none() && known.people.len() == 2 && known.agents.contains("helper"));
    let loads = "policies: {files: {writable_paths: [/workspace], rules: [{id: a, allow: ['class:write']}]}}";
    assert!(compile(&config(loads)).is_ok());
    let refused = "policies: {files: {writable_path: [/workspace]}, othr: {}}";
    let fault = compile(&config(refused)).expect_err("two slips");
    assert_eq!(
        fault.to_string(),
        "policy.yaml:1:20: unknown key `writable_path`\n  hint: did you mean `writable_paths`?\n\
         policy.yaml:1:50: there is no app and no app with the profile `othr`\n  hint: did you mean `other`?"
    );
}

#[test]
fn the_document_of_the_design_with_shipped_profiles() {
    let text = "
people: {ana: {}}
agents: {helper: {owner: ana}}
apps:
  github: {command: [/bin/true], profile: github}
  shell: {command: [/bin/true], profile: shell}
  aws: {command: [/bin/true], profile: aws}
";
    let mut config = Config::parse(Path::new("countersign.yaml"), text, &|_| None).expect("a configuration");
    let file = |name: &str, text: &str| RuleFile { name: name.to_owned(), text: text.to_owned() };
    config.rules = vec![
        file("policy.yaml", include_str!("../../../policy/cases/design/policy.yaml")),
        file("shipped.yaml", include_str!("../../../policy/cases/design/shipped.yaml")),
    ];
    let bundle = compile(&config).unwrap_or_else(|fault| panic!("{fault}"));
    let judge = Judge::new(config, bundle);
    assert!(judge.bundle.examples().len() > 15);
    for example in judge.bundle.examples() {
        let question = Question {
            agent: example.agent.clone(),
            human: example.human.clone(),
            app: example.app.clone(),
            tool: example.tool.clone(),
            arguments: Some(example.arguments.to_string().into()),
            now: WEDNESDAY,
            class: None,
            spent: Vec::new(),
        };
        let decision = judge.decide(&judge.facts(&question).unwrap_or_else(|fault| panic!("{fault}")));
        let rules: Vec<&str> = decision.reasons().iter().map(|reason| reason.rule.as_str()).collect();
        assert_eq!(decision.verdict(), example.expect, "{}:{} {rules:?}", example.file, example.line);
        assert!(example.rule.as_deref().is_none_or(|rule| rules.contains(&rule)), "{} {rules:?}", example.line);
    }
}
