use std::io::Write as _;
use std::process::{Command, Stdio};

use cedar_policy::{PolicySet, Schema, ValidationMode, Validator};
use model::{Class, Layer, Risk, RuleOutcome, Rules};
use serde_json::{Value, json};

use crate::bundle::tests::{facts, file};
use crate::{Bundle, Known, KnownApp, RuleFile, baseline, schema};

const OURS: &str = r#"
// Not for finance.
forbid (principal, action, resource in App::"crm")
when { context.human has department && context.human.department == "finance" };

@id("hold-writes")
@outcome("hold")
@approvers("owner-of-app")
@says("writes wait \"here\"")
forbid (principal, action, resource)
when { context.class == "write" };

permit (principal == Agent::"helpdesk", action == Action::"call", resource) unless { context.access };
"#;

fn compile(files: &[RuleFile]) -> Bundle {
    Bundle::compile(files).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

fn ids(bundle: &Bundle, class: Class, access: bool) -> Vec<String> {
    let evaluation = bundle.evaluate(Layer::Organisation, &facts(class, Risk::Low, access));
    evaluation.hits.iter().map(|hit| hit.rule.id.to_string()).collect()
}

#[test]
fn what_is_exported_is_valid_cedar() {
    let schema = Schema::from_cedarschema_str(schema()).unwrap().0;
    for (bundle, layer) in
        [(compile(&[file("rules/ours.cedar", OURS)]), Layer::Organisation), (compile(&[]), Layer::Baseline)]
    {
        let exported: PolicySet = bundle.cedar(layer).parse().unwrap();
        assert!(exported.num_of_policies() >= 3);
        let found = Validator::new(schema.clone()).validate(&exported, ValidationMode::Strict);
        let errors: Vec<_> = found.validation_errors().map(ToString::to_string).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}

#[test]
fn what_is_exported_loads_and_says_the_same() {
    let one = compile(&[file("rules/ours.cedar", OURS)]);
    let other = compile(&[file("imported.cedar", &one.cedar(Layer::Organisation))]);
    for class in Class::ALL {
        for access in [true, false] {
            assert_eq!(ids(&one, class, access), ids(&other, class, access));
        }
    }
}

#[test]
fn rules_for_another_schema_are_refused_with_what_is_wrong() {
    let theirs = "permit (principal == User::\"alice\", action == Action::\"view\", resource in Album::\"trip\");";
    let errors = Bundle::compile(&[file("theirs.cedar", theirs)]).unwrap_err();
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn the_baseline_is_exported_as_it_is_asked() {
    let exported = compile(&[]).cedar(Layer::Baseline);
    assert_eq!(exported.matches("@id(\"baseline-").count(), baseline().text.matches("@id(").count());
}

/// Rules in both languages, with every way of saying no.
const IN_YAML: &str = "
policies:
  crm:
    rules:
      - {id: no-exports, deny: [\"class:external\"], says: nothing leaves}
      - {id: weekend, hold: [\"class:destructive\"], when: {time: {days: [sat, sun]}}, approvers: [owner-of-app]}
      - {id: support-reads, allow: [\"class:read\"], when: {human: {department: support}}}
";

/// The test of the time that those facts pass, by the name that the rules above ask it by.
const WEEKEND: &str = "time in sat,sun UTC";

/// The facts of [`facts`], as anybody would write them down for Cedar.
fn request(class: Class, risk: Risk, access: bool) -> Value {
    let human = json!({"type": "Human", "id": "ana"});
    let bob = json!({"__entity": {"type": "Human", "id": "bob"}});
    let app = json!({"type": "App", "id": "crm"});
    let entity = |uid: &Value, attrs: Value, parents: Value| json!({"uid": uid, "attrs": attrs, "parents": parents});
    let agent = json!({"type": "Agent", "id": "helpdesk"});
    let tool = json!({"type": "Tool", "id": "crm/find_contact"});
    let class = class.as_str();
    json!({
        "principal": agent,
        "action": {"type": "Action", "id": "call"},
        "resource": tool,
        "context": {
            "human": {"__entity": human}, "access": access, "task": "t-1", "class": class, "all_stopped": false,
            "now": {"__extn": {"fn": "datetime", "arg": "2026-11-21T09:30:00.000Z"}},
            "every": [WEEKEND], "some": [WEEKEND], "spent": [], "argument_bytes": 0,
        },
        "entities": [
            entity(&agent, json!({
                "id": "helpdesk", "name": "Helpdesk", "owner": bob, "recommend_only": false, "active": true,
            }), json!([])),
            entity(&human, json!({
                "id": "ana", "name": "Ana", "department": "support", "role": "agent-lead", "manager": bob, "active": true,
            }), json!([])),
            entity(&app, json!({
                "id": "crm", "name": "CRM", "risk": risk.as_str(), "data": "confidential", "owners": [bob],
                "stopped": false,
            }), json!([])),
            entity(&tool, json!({
                "name": "find_contact", "app": {"__entity": app}, "class": class, "class_source": "profile",
                "labels": [], "status": "pinned",
            }), json!([app])),
        ],
    })
}

/// Asks the Cedar that npm has, which nobody here built.
fn stock_cedar(policies: &str, requests: &[Value]) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/node/cedar.mjs");
    let mut node = Command::new("node");
    let mut node =
        node.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let question = json!({"schema": schema(), "policies": policies, "requests": requests});
    node.stdin.take().unwrap().write_all(question.to_string().as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{told}\nhint: cargo xtask setup"))
}

#[test]
fn stock_cedar_agrees_with_what_is_exported() {
    let mut known = Known::default();
    known.apps.insert("crm".parse().unwrap(), KnownApp::default());
    let files = [file("rules/ours.cedar", OURS), file("rules/policy.yaml", IN_YAML)];
    let both = Bundle::compile_for(&known, &files).unwrap_or_else(|errors| panic!("{errors:#?}"));
    let (mut cases, mut requests) = (Vec::new(), Vec::new());
    for class in Class::ALL {
        for risk in [Risk::Low, Risk::Medium, Risk::High] {
            for access in [true, false] {
                cases.push(facts(class, risk, access));
                requests.push(request(class, risk, access));
            }
        }
    }
    for layer in [Layer::Organisation, Layer::Baseline] {
        let answer = stock_cedar(&both.cedar(layer), &requests);
        assert_eq!(answer["warnings"], json!([]), "{answer}");
        // The guide says so: to read a fact that may be unknown is a question here, and not strictly valid there.
        let unguarded = "unable to guarantee safety of access to optional attribute";
        let errors = answer["errors"].as_array().unwrap();
        assert!(errors.iter().all(|error| error.as_str().unwrap().contains(unguarded)), "{answer}");
        assert_eq!(errors.len(), if layer == Layer::Organisation { 1 } else { 0 }, "{answer}");
        assert!(answer["broken"].as_array().unwrap().iter().all(|broken| *broken == json!([])), "{answer}");
        let ours: Vec<&str> = cases
            .iter()
            .map(|facts| {
                let said = both.evaluate(layer, facts);
                assert!(said.faults.is_empty());
                // What waits for a person is refused by whoever does not read `@outcome`.
                let strictest = said.hits.iter().map(|hit| hit.rule.outcome).max();
                if strictest == Some(RuleOutcome::Permit) { "allow" } else { "deny" }
            })
            .collect();
        assert!(ours.contains(&"allow") && ours.contains(&"deny"));
        assert_eq!(answer["decisions"], json!(ours), "{layer:?}");
    }
}

#[test]
fn rules_in_rego_are_named_and_not_translated() {
    let rego = file("rules/a.rego", "package countersign\ndeny contains \"no\" if input.tool.class == \"read\"");
    let exported = compile(&[file("rules/ours.cedar", OURS), rego]).cedar(Layer::Organisation);
    assert!(exported.starts_with("// not here, for it is written in Rego: rules/a.rego:2 (a#1)\n"), "{exported}");
    assert_eq!(exported.parse::<PolicySet>().unwrap().num_of_policies(), 3);
}
