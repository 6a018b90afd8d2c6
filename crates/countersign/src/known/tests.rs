use std::path::Path;

use policy::RuleFile;

use super::*;
use crate::gateway::compile;

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
