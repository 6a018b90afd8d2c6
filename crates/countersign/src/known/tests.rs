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

#[test]
fn a_tool_is_unknown_only_where_its_app_is_known() {
    let rules = "policies: {other: {rules: [{id: a, deny: [wrong]}]}}";
    let cedar = "forbid (principal, action, resource == Tool::\"files/wrong\");
forbid (principal, action, resource == Tool::\"files/write_file\");";
    let mut config = config(rules);
    config.rules.push(RuleFile { name: "a.cedar".to_owned(), text: cedar.to_owned() });
    let bundle = compile(&config).expect("rules");
    let told = |reviews: &Reviews| -> Vec<String> {
        unseen_tools(&config, &bundle, reviews)
            .iter()
            .map(|note| format!("{note} {}", note.hint().expect("a hint")))
            .collect()
    };
    assert_eq!(told(&Reviews::default()), [""; 0]);
    let seen = |names: &[&str]| {
        let sight = serde_json::json!({"definition": model::Digest::new([0; 32]), "findings": []}).to_string();
        Reviews::new([], names.iter().map(|name| mcp::sight_of_row(name, &sight).expect("a row")))
    };
    // What an app says of itself beside its tools is no list of them.
    assert_eq!(told(&seen(&["other/instructions:server", "other/prompt:x"])), [""; 0]);
    assert_eq!(told(&seen(&["other/wrong", "other/right"])), [""; 0]);
    assert_eq!(
        told(&seen(&["other/wrung", "files/read_file"])),
        [
            "a.cedar:1:1: nobody has seen a tool `wrong` of `files`, so no call fits it `countersign tools files` lists those that it has",
            "policy.yaml:1:29: nobody has seen a tool `wrong` of `other`, so no call fits it did you mean `wrung`?",
        ]
    );
}

#[test]
fn the_operations_of_an_api_are_known_from_its_mapping() {
    let home = tempfile::tempdir().expect("a folder");
    let mapping = include_str!("../commands/demo/ats.api.yaml").replace("${ATS}", "http://127.0.0.1:1/v1");
    std::fs::write(home.path().join("ats.api.yaml"), mapping).expect("a file");
    let text = "people: {ana: {}}\nagents: {helper: {owner: ana}}\napps: {ats: {api: ats.api.yaml}}\n";
    let mut config = Config::parse(&home.path().join("a.yaml"), text, &|_| None).expect("a configuration");
    let rules = "policies: {ats: {rules: [{id: a, deny: [list_candidates, list_candidate]}]}}";
    config.rules = vec![RuleFile { name: "policy.yaml".to_owned(), text: rules.to_owned() }];
    let bundle = compile(&config).expect("rules");
    let told = unseen_tools(&config, &bundle, &Reviews::default());
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].said(), "nobody has seen a tool `list_candidate` of `ats`, so no call fits it");
    assert_eq!(told[0].hint(), Some("did you mean `list_candidates`?"));
}
