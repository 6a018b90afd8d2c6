//! The document of the design, as it stands there.

use super::*;

fn files() -> Vec<RuleFile> {
    let read = |name: &str| {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/design").join(name);
        file(name, &std::fs::read_to_string(path).expect("it is there"))
    };
    vec![read("policy.yaml"), read("run.yaml")]
}

#[test]
fn every_line_both_ways() {
    check_all(&files());
}

#[test]
fn it_loads_alone_and_says_what_permits_nothing() {
    let bundle = compiled_all(&files()[..1]);
    insta::assert_snapshot!(told(bundle.notes()), @r"
    policy.yaml:6:3: the block `shell` permits nothing by itself
      hint: limits only take away: what they leave is decided by your other rules and the baseline
    ");
    let run = facts("shell", "run", &serde_json::json!({"command": "make test"}));
    assert_eq!(decide::decide(&bundle, &run).verdict(), Verdict::Deny);
    assert!(compiled_all(&files()).notes().is_empty());
}

#[test]
fn every_rule_knows_its_place_and_says_what_it_means() {
    let bundle = compiled_all(&files());
    let mut shown = String::new();
    for rule in bundle.rules().iter().filter(|rule| rule.layer == Layer::Organisation) {
        let source = &rule.source;
        writeln!(shown, "{}:{} {:?} {}", source, source.column, rule.outcome, rule.id).unwrap();
        writeln!(shown, "  {}\n  {}", rule.sentence, source.text.replace('\n', " / ")).unwrap();
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn what_it_comes_to_in_cedar() {
    let all =
        files().iter().map(|file| crate::platform_as_cedar(&known(), file).unwrap().join("\n\n")).collect::<Vec<_>>();
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn a_limit_holds_a_call_and_decides_nothing() {
    let bundle = compiled_all(&files());
    let call = facts("shell", "run", &serde_json::json!({"command": "make test"}));
    let hits = bundle.evaluate(Layer::Organisation, &call).hits;
    let limits: Vec<_> = hits.iter().filter_map(|hit| hit.rule.limits.runtime).collect();
    assert_eq!(limits, [std::time::Duration::from_secs(120)]);
    let elsewhere = facts("aws", "describe_instances", &serde_json::json!({}));
    let hits = bundle.evaluate(Layer::Organisation, &elsewhere).hits;
    assert!(hits.iter().all(|hit| hit.rule.limits.runtime.is_none()));
}

#[test]
fn what_could_run_with_some_arguments_is_not_hidden() {
    let bundle = compiled_all(&files());
    let verdict = |app: &str, tool: &str, listed: bool| {
        let mut facts = facts(app, tool, &serde_json::json!({}));
        if listed {
            facts.arguments = model::ArgumentFacts::open();
        }
        decide::decide(&bundle, &facts).verdict()
    };
    for (app, tool, called, listed) in [
        ("aws", "stop_instances", Verdict::Deny, false),
        ("shell", "run", Verdict::Allow, false),
        ("github", "merge_pull_request", Verdict::Deny, true),
    ] {
        assert_eq!(verdict(app, tool, false), called, "{app} {tool}");
        assert_eq!(verdict(app, tool, true) == Verdict::Deny, listed, "{app} {tool}");
    }
}
