use cedar_policy::{PolicySet, Schema, ValidationMode, Validator};
use model::{Class, Layer, Risk, Rules};

use crate::bundle::tests::{facts, file};
use crate::{Bundle, RuleFile, baseline, schema};

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
