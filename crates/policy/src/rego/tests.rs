use std::sync::Arc;
use std::time::Duration;

use decide::decide;
use model::{ArgumentFacts, Class, Facts, Layer, Method, Risk, Rules as _, Scalar, ToolFacts, Verdict};

use super::input::FACTS;
use crate::bundle::tests::{facts, file};
use crate::{Bundle, RuleFile};

fn bundle(files: &[RuleFile]) -> Bundle {
    Bundle::compile(files).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

fn rego(text: &str) -> Bundle {
    bundle(&[file("rules/a.rego", &format!("package countersign\n{text}"))])
}

fn read() -> Facts {
    facts(Class::Read, Risk::Low, true)
}

fn with_arguments(arguments: ArgumentFacts) -> Facts {
    Facts { arguments: Arc::new(arguments), ..read() }
}

/// What the rules say, a line for each.
fn said(bundle: &Bundle, facts: &Facts) -> String {
    let evaluation = bundle.evaluate(Layer::Organisation, facts);
    let hits = evaluation.hits.iter().map(|hit| {
        let who =
            if hit.rule.approvers.is_empty() { String::new() } else { format!(" [{}]", hit.rule.approvers.join(" ")) };
        format!("{:?} {}: {}{who}", hit.rule.outcome, hit.rule.id, hit.rule.sentence)
    });
    let faults = evaluation.faults.iter().map(|fault| format!("{:?} {}", fault.kind, fault.rule.id));
    hits.chain(faults).collect::<Vec<_>>().join("\n")
}

fn check(text: &str, facts: &Facts, expected: &str) {
    assert_eq!(said(&rego(text), facts), expected, "{text}");
}

fn wrong(files: &[(&str, &str)]) -> String {
    let files: Vec<RuleFile> = files.iter().map(|(name, text)| file(name, text)).collect();
    let mut shown = String::new();
    for error in Bundle::compile(&files).expect_err("something is wrong") {
        shown.push_str(&format!("{error}\n"));
        shown.extend(error.hint().map(|hint| format!("  hint: {hint}\n")));
    }
    shown
}

#[test]
fn rules_deny_and_hold() {
    check(r#"deny contains "no reads" if input.tool.class == "read""#, &read(), "Deny a#1: no reads");
    check(r#"deny contains "no writes" if input.tool.class == "write""#, &read(), "");
    check(
        r#"hold contains {"msg": "ask Bob.", "approvers": ["role:cfo", "owner-of-app"], "approvals": 2} if input.app.id == "crm""#,
        &read(),
        "Hold a#1: ask Bob [role:cfo owner-of-app]",
    );
    check(
        r#"deny contains message if {
             some day in ["friday", "saturday"]
             input.time.weekday == day
             message := sprintf("not on a %s, %s", [day, input.human.name])
           }
           hold contains "later" if input.time.hour < 6"#,
        &read(),
        "Deny a#1: not on a saturday, Ana",
    );
    let rule = rego(r#"hold contains {"msg": "two of you", "approvals": 2}"#).evaluate(Layer::Organisation, &read());
    assert_eq!(rule.hits.first().map(|hit| hit.rule.approvals), Some(2));
}

#[test]
fn it_permits_nothing_and_overrules_a_permit() {
    let open = file("a.cedar", "permit (principal, action, resource);");
    let friendly = file("b.rego", "package countersign\ndeny contains \"never\" if false");
    assert_eq!(
        decide(&bundle(std::slice::from_ref(&friendly)), &facts(Class::Destructive, Risk::High, false)).verdict(),
        Verdict::Deny
    );
    assert_eq!(decide(&bundle(&[open.clone(), friendly]), &read()).verdict(), Verdict::Allow);
    let strict = file("b.rego", "package countersign\ndeny contains \"never\"\nhold contains \"wait\"");
    let decision = decide(&bundle(&[open.clone(), strict]), &read());
    assert_eq!(decision.verdict(), Verdict::Deny);
    let reason = &decision.reasons()[0];
    assert_eq!((reason.sentence.as_str(), reason.source.as_deref()), ("never", Some("b.rego:2")));
    let waiting = file("b.rego", "package countersign\nhold contains \"wait\"");
    assert_eq!(decide(&bundle(&[open, waiting]), &read()).verdict(), Verdict::Hold);
}

#[test]
fn metadata_names_a_rule() {
    let rules = rego(
        r#"
# What is told of friday.
# METADATA
# title: nothing is deployed on a friday.
# description: |
#   There was one once.
# custom:
#   id: no-friday
#   observe: true
#   security_relevant: true
deny contains message if {
  input.time.weekday == "friday"
  message := "no"
}

deny contains "plain"
"#,
    );
    let ours: Vec<_> = rules.in_rego().collect();
    assert_eq!(ours.iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>(), ["no-friday", "a#2"]);
    assert_eq!((ours[0].sentence.as_str(), ours[1].sentence.as_str()), ("nothing is deployed on a friday", "plain"));
    assert_eq!((ours[0].observe, ours[0].security_relevant, ours[1].observe), (true, true, false));
    assert_eq!((ours[0].source.line, ours[1].source.line), (12, 17));
    assert!(ours[0].source.text.starts_with("deny contains message if {") && ours[0].source.text.ends_with('}'));
    assert_eq!(rules.rules().first().map(|rule| rule.id.as_str()), Some("no-friday"));
}

#[test]
fn a_rule_that_breaks_denies_and_the_others_still_speak() {
    check(
        "deny contains \"a\" if 1 / (input.time.hour - input.time.hour) == 1\ndeny contains \"b\"",
        &read(),
        "Deny a#2: b\nBroken(\"rules/a.rego:2:24: divide by zero\") a#1",
    );
    for (rule, why) in [
        ("deny contains 7", "what it says is neither a message nor an object with one"),
        ("deny contains \"\"", "its message is empty"),
        ("deny contains {\"message\": \"a\"}", "what it says has a field `message`, which nobody reads"),
        ("deny contains {\"instead\": \"a\"}", "what it says has no `msg`"),
        (
            "deny contains {\"msg\": \"a\", \"approvers\": [\"role:x\"]}",
            "what it says has a field `approvers`, which nobody reads",
        ),
        ("hold contains {\"msg\": \"a\", \"approvers\": [\"bob\"]}", "nobody can be the approver `bob`"),
        ("hold contains {\"msg\": \"a\", \"approvers\": []}", "it names no approvers in `approvers`"),
        ("hold contains {\"msg\": \"a\", \"approvals\": 9}", "its `approvals` is no number from 1 to 5"),
        ("deny contains to_number(\"a\")", "rules/a.rego:2:26: could not parse string as number"),
        (
            "deny contains sprintf(\"%d\", [x]) if some x in [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]",
            "it says more than 16 things, and could say one of them all",
        ),
    ] {
        check(rule, &read(), &format!("Broken({why:?}) a#1"));
        assert_eq!(decide(&rego(rule), &read()).verdict(), Verdict::Deny, "{rule}");
    }
}

#[test]
fn a_rule_is_bounded_in_steps_and_always_ends_the_same_way() {
    let numbers = (0..60).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let text = format!(
        "n := [{numbers}]\ndeny contains \"a\" if {{\n  some a in n\n  some b in n\n  some c in n\n  a + b + c == 999\n}}"
    );
    for _ in 0..3 {
        check(&text, &read(), "Broken(\"it took more than 100000 steps\") a#1");
    }
    let small = "n := [1,2,3,4,5]\ndeny contains \"a\" if {\n  some a in n\n  some b in n\n  a + b == 999\n}";
    check(small, &read(), "");
}

#[test]
fn a_missing_fact_defers_only_where_it_matters() {
    let rule = r#"deny contains "x" if {
        input.app.id == "crm"
        input.human.seniority == "contractor"
    }"#;
    check(rule, &read(), "MissingFact(\"human `ana` has no seniority\") a#1");
    check(&rule.replace("\"crm\"", "\"other\""), &read(), "");
    // A rule of its own, a function, a variable and an import hide nothing.
    for rule in [
        "contractor if input.human.seniority == \"contractor\"\ndeny contains \"x\" if contractor",
        "f(who) := who.seniority\ndeny contains \"x\" if f(input.human) == \"contractor\"",
        "deny contains \"x\" if {\n who := input.human\n who.seniority == \"contractor\"\n}",
        "import input.human as who\ndeny contains \"x\" if who.seniority == \"contractor\"",
        "deny contains \"x\" if not input.human.seniority != \"contractor\"",
    ] {
        let said = said(&rego(rule), &read());
        assert!(!said.is_empty(), "{rule}");
    }
    let asks = r#"deny contains "who are you" if "human.seniority" in input.unknown
        deny contains "x" if { not "human.seniority" in input.unknown; input.human.seniority == "contractor" }"#;
    check(asks, &read(), "Deny a#1: who are you");
    // A variable with the name of a rule is not the rule.
    for bound in ["contractor := input.human.seniority", "[contractor, _] := [input.human.seniority, 1]"] {
        let text =
            format!("contractor := \"never\"\ndeny contains \"x\" if {{\n {bound}\n contractor == \"contractor\"\n}}");
        assert!(!said(&rego(&text), &read()).is_empty(), "{text}");
    }
    // Nor is it what is imported by that name.
    for import in ["input.app.id as who", "data.a.who"] {
        let text = format!(
            "import {import}\ndeny contains \"x\" if {{\n who := input.human.seniority\n who == \"contractor\"\n}}"
        );
        assert!(!said(&rego(&text), &read()).is_empty(), "{text}");
    }
    // What a variable of a doubtful condition binds is doubtful, too.
    let bound = r#"deny contains "x" if {
        input.app.id == "other"
        some to in input.arguments.to
        not endswith(to, "@acme.com")
    }"#;
    let unclear = with_arguments(ArgumentFacts {
        unclear: [ArgumentFacts::unclear_argument("to")].into(),
        ..ArgumentFacts::default()
    });
    check(bound, &unclear, "");
    check(
        &bound.replace("other", "crm"),
        &unclear,
        "MissingFact(\"the argument `to` of this call cannot be read\") a#1",
    );
}

// INVARIANT: whatever a rule reads is known, by whichever name it reads it.
#[test]
fn a_name_that_is_imported_hides_nothing() {
    let outside = "deny contains \"outside\" if { some one in SEEN; not endswith(one, \"@example.com\") }";
    let mut arguments = ArgumentFacts::default();
    arguments.values.insert("to".into(), vec![Scalar::Text("eve@example.net".into())]);
    let mail = with_arguments(arguments);
    let unclear = with_arguments(ArgumentFacts {
        unclear: [ArgumentFacts::unclear_argument("to")].into(),
        ..ArgumentFacts::default()
    });
    for (above, seen) in [
        ("", "input.arguments.to"),
        ("import input", "input.arguments.to"),
        ("import input as i", "i.arguments.to"),
        ("import input as i", "i[\"arguments\"].to"),
        ("import input.arguments as given", "given.to"),
        ("import input.arguments.to", "to"),
        ("import data.countersign.f as g\nf(x) := input.arguments.to if x", "g(true)"),
        // A function of this package is called before one of the language.
        ("union(x) := input.arguments.to if x", "union(true)"),
        ("json.filter(x) := input.arguments.to if x", "json.filter(true)"),
    ] {
        let text = format!("{above}\n{}", outside.replace("SEEN", seen));
        let rules = rego(&text);
        let reads = rules.reads(&"crm".parse().unwrap()).unwrap_or_else(|| panic!("nothing is read: {text}"));
        assert!(reads.values.contains("to"), "{text}");
        assert_eq!(said(&rules, &mail), "Deny a#1: outside", "{text}");
        assert_eq!(
            said(&rules, &unclear),
            "MissingFact(\"the argument `to` of this call cannot be read\") a#1",
            "{text}"
        );
    }
    // What one file imports has its name in all files of the package.
    let imports = file("a.rego", "package countersign\nimport input as i\ndeny contains \"never\" if i.task == \"x\"");
    let uses = file("b.rego", &format!("package countersign\n{}", outside.replace("SEEN", "i.arguments.to")));
    for files in [[imports.clone(), uses.clone()], [uses, imports]] {
        assert_eq!(said(&bundle(&files), &mail), "Deny b#1: outside");
    }
    check(
        "import input as i\ndeny contains \"x\" if i.human.seniority == \"contractor\"",
        &read(),
        "MissingFact(\"human `ana` has no seniority\") a#1",
    );
}

#[test]
fn what_is_no_call_of_a_tool_has_no_cost() {
    let rule = r#"deny contains "x" if input.tool.cost == "high""#;
    let call = read();
    let tool = ToolFacts { cost: None, ..call.tool.clone() };
    check(rule, &Facts { tool, ..call.clone() }, "MissingFact(\"tool `find_contact` has no cost\") a#1");
    for method in [Method::ResourcesRead, Method::PromptsGet, Method::TaskGet] {
        let tool = ToolFacts::of_method(method, call.tool.name.clone());
        check(rule, &Facts { method, tool, ..call.clone() }, "");
    }
}

#[test]
fn arguments_are_read_by_name_and_by_role() {
    let rules = rego(
        r#"deny contains "to others" if {
             some to in input.arguments.to
             not endswith(to, "@acme.com")
           }
           hold contains "large" if { some n in input.arguments["options.amount"]; n > 9.5 }
           deny contains "production" if "prod" in input.roles.environment"#,
    );
    let reads = rules.reads(&"crm".parse().unwrap()).unwrap();
    assert_eq!(reads.values.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["options.amount", "to"]);
    assert_eq!(reads.roles.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["environment"]);
    let texts = |list: &[&str]| list.iter().map(|text| Scalar::Text(Arc::from(*text))).collect::<Vec<_>>();
    let mut arguments = ArgumentFacts::default();
    arguments.values.insert("to".into(), texts(&["a@acme.com", "b@evil.example"]));
    arguments.values.insert("options.amount".into(), vec![Scalar::Decimal("9.75".to_owned())]);
    let unprofiled = "MissingFact(\"the environment of this call cannot be told\") a#3";
    assert_eq!(
        said(&rules, &with_arguments(arguments.clone())),
        format!("Deny a#1: to others\nHold a#2: large\n{unprofiled}")
    );
    // Not asked yet, but listed: what a rule says of arguments makes no refusal match.
    assert_eq!(said(&rules, &Facts { arguments: ArgumentFacts::open(), ..read() }), "");
    arguments.values.insert("to".into(), texts(&["a@acme.com"]));
    arguments.values.insert("options.amount".into(), vec![Scalar::Whole(9)]);
    assert_eq!(said(&rules, &with_arguments(arguments)), unprofiled);
    assert!(rules.looks_for(&"crm".parse().unwrap()).contains("@acme.com"));
    assert!(rego("deny contains \"a\"").reads(&"crm".parse().unwrap()).is_none());
}

#[test]
fn files_share_what_stands_in_other_packages() {
    let library = file("lib.rego", "package lib.days\nweekend(day) if day in {\"saturday\", \"sunday\"}");
    let rules = file(
        "pay.rego",
        "package countersign.pay\nimport data.lib.days\ndeny contains \"rest\" if days.weekend(input.time.weekday)",
    );
    let both = bundle(&[library.clone(), rules.clone()]);
    assert_eq!(said(&both, &read()), "Deny pay#1: rest");
    assert_eq!(both.digest(), bundle(&[rules.clone(), library.clone()]).digest());
    let other = RuleFile { text: library.text.replace("sunday", "monday"), ..library };
    assert_ne!(both.digest(), bundle(&[rules, other]).digest());
}

#[test]
fn a_name_may_be_imported_by_several_files() {
    let days = "package lib.days\nweekend(day) if day in {\"saturday\", \"sunday\"}";
    let rule =
        "import data.lib.days\nimport input.human as who\ndeny contains who.name if days.weekend(input.time.weekday)";
    let one = format!("package countersign\n{rule}");
    let below = "package countersign.pay\nimport input.agent as who\nlimit := 1\ndeny contains who.id if limit > 2";
    let uses = "package countersign\nimport data.countersign.pay\nhold contains \"a\" if pay.limit == 1";
    let files = [
        file("a.rego", &one),
        file("b.rego", &one),
        file("c.rego", below),
        file("d.rego", uses),
        file("days.rego", days),
    ];
    assert_eq!(said(&bundle(&files), &read()), "Deny a#1: Ana\nDeny b#1: Ana\nHold d#1: a");
}

#[test]
fn the_same_facts_get_the_same_answer_from_many_threads() {
    let rules = rego(
        "deny contains sprintf(\"%s %v\", [input.human.name, input.app.owners]) if input.tool.class in {\"read\", \"write\"}\nhold contains \"b\"",
    );
    let expected = said(&rules, &read());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|_| assert_eq!(said(&rules, &read()), expected)));
        }
    });
}

#[test]
fn hostile_texts_end_quickly() {
    let rules = rego("deny contains \"a\" if to_number(input.arguments.n[0]) > units.parse(input.arguments.n[0])");
    for text in [
        "1e999999999",
        "-1e-999999999",
        &"9".repeat(4_000),
        &format!("1{}", "0".repeat(4_000)),
        "1e9999999999999999999",
    ] {
        let mut arguments = ArgumentFacts::default();
        arguments.values.insert("n".into(), vec![Scalar::Text(Arc::from(text))]);
        let facts = with_arguments(arguments);
        #[expect(clippy::disallowed_methods, reason = "the test is about time")]
        let started = std::time::Instant::now();
        drop(said(&rules, &facts));
        assert!(started.elapsed() < Duration::from_secs(2), "{} {text:.20}", started.elapsed().as_millis());
    }
}

#[test]
fn bad_files_are_told_with_their_place() {
    let one = |text: &str| wrong(&[("rules/a.rego", text)]);
    insta::assert_snapshot!(
        [
            one("package countersign\n\ndeny contains \"a\" if {\n  input.tool.class = = \"read\"\n}\n"),
            one("package countersign\ndeny contains \"a\" if x == 1\n"),
            one("package countersign\ndeny := true\nhold[\"a\"] if true\n"),
            one("package countersign\ndeny if true\n"),
            one("package countersign\nallow if true\ndeny contains \"a\"\n"),
            one("package countersign\ndefault deny := false\n"),
            one("package countersign\ndenied contains \"a\"\n"),
            one("package policies\ndeny contains \"a\"\n"),
            one("deny contains \"a\"\n"),
            one("package countersign\ndeny[msg] { msg := \"a\" }\n"),
            one("package countersign\ndeny contains \"a\" if input.humn.department == \"x\"\nhold contains \"b\" if input.human.departmnt == \"x\"\n"),
            one("package countersign\ndeny contains \"a\" if input[\"x\"]\nhold contains \"b\" if count(input) > 1\n"),
            one("package countersign\ndeny contains \"a\" if { some k; input.arguments[k] == 1 }\nhold contains \"b\" if input.arguments.options.force\n"),
            one("package countersign\ndeny contains \"a\" if http.send({\"method\": \"get\", \"url\": \"https://example.org\"})\n"),
            one("package countersign\ndeny contains \"a\" if time.now_ns() > 1\nhold contains \"b\" if rand.intn(\"x\", 2) == 1\n"),
            one("package countersign\ndeny contains \"a\" if cont([1]) == 1\nhold contains \"b\" if data.lib.f(1)\n"),
            one("package countersign\nf(x) := f(x - 1)\ndeny contains \"a\" if f(1) == 1\n"),
            one("package countersign\n# METADATA\n# custom: {id: [}\ndeny contains \"a\"\n"),
            one("package countersign\n# METADATA\n# custom: {id: guard:x}\ndeny contains \"a\"\n"),
            one("package countersign\nimport input as i\ndeny contains \"a\" if count(i) > 1\nhold contains \"b\" if i.humn.id == \"x\"\ndeny contains \"c\" if i.arguments[_] == 1\n"),
            one("package countersign\nimport data\nimport data as d\nimport input.human as input\nimport input.agent as data\ndeny contains \"a\" if d.lib.flag\n"),
            one("package countersign\nimport data.lib.days\nimport data.other.days\ndeny contains \"a\" if days.flag\n"),
            one("package countersign\nimport input.human as who\nwho := \"x\"\ndeny contains \"a\" if who.id == \"eve\"\n"),
            wrong(&[
                ("a.rego", "package countersign\nimport input.human as who\ndeny contains \"a\" if who.id == \"eve\"\n"),
                ("b.rego", "package countersign\nimport input.agent as who\ndeny contains \"a\" if who.id == \"bot\"\n"),
            ]),
            wrong(&[
                ("a.rego", "package countersign\nimport data.lib.pay\ndeny contains \"a\" if pay.limit\n"),
                ("b.rego", "package countersign.pay\nlimit := false\ndeny contains \"a\" if limit\n"),
                ("c.rego", "package lib.pay\nlimit := true\n"),
            ]),
            wrong(&[
                ("a.cedar", "@id(\"one\") permit (principal, action, resource);"),
                ("b.rego", "package countersign\n# METADATA\n# custom: {id: one}\ndeny contains \"a\"\n"),
            ]),
        ]
        .join("---\n")
    );
}

#[test]
fn the_guide_lists_every_fact_and_function() {
    let guide = include_str!("../../../../docs/guide/policy-rego.md");
    let rows: Vec<String> = FACTS
        .iter()
        .map(|fact| {
            format!("| `input.{}` | {} | {} |", fact.name, if fact.may_be_unknown { "yes" } else { "" }, fact.about)
        })
        .collect();
    for row in &rows {
        assert!(guide.contains(row), "the guide lacks this row; all of them:\n{}", rows.join("\n"));
    }
    let functions: Vec<String> = super::functions::BUILT_IN.iter().map(|name| format!("`{name}`")).collect();
    let functions = functions.join(", ");
    let flat = guide.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains(&functions), "the guide lacks the functions:\n{functions}");
}

#[test]
fn the_example_of_the_guide_does_what_it_says() {
    let guide = include_str!("../../../../docs/guide/policy-rego.md");
    let (_, rest) = guide.split_once("```rego rules/deploys.rego\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    let rules = bundle(&[file("rules/deploys.rego", text)]);
    assert_eq!(
        said(
            &rules,
            &Facts {
                now: model::UnixMicros(read().now.0 - 86_400_000_000),
                ..facts(Class::Destructive, Risk::High, true)
            }
        ),
        "Deny no-friday: nothing is destroyed on a friday"
    );
    let mut arguments = ArgumentFacts::default();
    arguments.values.insert("to".into(), vec![Scalar::Text("eve@example.net".into())]);
    let mail = Facts { arguments: Arc::new(arguments), ..facts(Class::External, Risk::Low, true) };
    assert_eq!(
        said(&rules, &mail),
        "Hold mail-outside: mail to eve@example.net leaves the company [role:agent-lead owner-of-app]"
    );
    let mail = |to: Vec<String>| {
        let mut arguments = ArgumentFacts::default();
        arguments.values.insert("to".into(), to.iter().map(|to| Scalar::Text(Arc::from(to.as_str()))).collect());
        said(&rules, &Facts { arguments: Arc::new(arguments), ..facts(Class::External, Risk::Low, true) })
    };
    let many = mail((0..20).map(|number| format!("eve-{number}@example.net")).collect());
    assert!(
        many.starts_with("Hold mail-outside: mail to eve-0@example.net, eve-1@example.net")
            && many.lines().count() == 1
    );
    assert_eq!(mail(vec!["ana@example.com".to_owned()]), "");
    assert_eq!(said(&rules, &read()), "");
}
