//! What holds of all policies.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// One rule of a made-up policy: what it does, what it is about, its condition.
#[derive(Debug, Clone)]
struct Made {
    does: &'static str,
    about: &'static str,
    when: &'static str,
    approvals: u8,
}

const CONDITIONS: &[&str] = &[
    "",
    "when: {roles: {recipient: {domain: [example.com]}}}",
    "unless: {roles: {recipient: {domain: [example.com]}}}",
    "when: {roles: {recipient: {not: {like: '*@example.com'}}}}",
    "when: {roles: {amount: {above: 10}}}",
    "unless: {roles: {amount: {at_most: 10}}}",
    "when: {human: {department: finance}}",
    "when: {human: {seniority: executive}}",
    "when: {arguments: {draft: true}}",
    "when: {arguments: {draft: {under: /w}}}",
    "unless: {arguments: {draft: {like: 'a*'}}}",
    "when: {size: {above: 60}}",
    "when: {roles: {command: {command: git push}}}",
    "unless: {roles: {command: {is: git push}}}",
    "when: {time: {hours: '09:00-17:00'}}",
];

fn made() -> impl Strategy<Value = Made> {
    let does = prop::sample::select(vec!["allow", "hold", "defer", "deny"]);
    let about = prop::sample::select(vec!["all", "send", "search", "'class:external'"]);
    (does, about, prop::sample::select(CONDITIONS), 1..=3_u8).prop_map(|(does, about, when, approvals)| Made {
        does,
        about,
        when,
        approvals,
    })
}

fn text(rules: &[Made], start: usize) -> String {
    let mut text = String::from("policies:\n  mail:\n    rules:\n");
    for (place, rule) in rules.iter().enumerate() {
        let approvals = if rule.does == "hold" { format!(", approvals: {}", rule.approvals) } else { String::new() };
        let when = if rule.when.is_empty() { String::new() } else { format!(", {}", rule.when) };
        let id = start + place;
        writeln!(text, "      - {{id: r{id}, {}: {}{approvals}{when}}}", rule.does, rule.about).unwrap();
    }
    if rules.is_empty() { String::new() } else { text }
}

fn calls() -> Vec<Facts> {
    let arguments = [
        json!({}),
        json!({"recipient": "ana@example.com", "amount": 5}),
        json!({"recipient": ["ana@example.com", "eve@evil.org"], "amount": "lots"}),
        json!({"recipient": "EVE@EXAMPLE.COM", "amount": 50, "draft": true}),
        json!({"recipient": "ana@example.com", "draft": "/w/a", "command": "git push"}),
    ];
    let mut calls: Vec<Facts> = arguments.iter().map(|arguments| facts("mail", "send", arguments)).collect();
    let mut unclear = facts("mail", "send", &json!({}));
    unclear.arguments = Arc::new(ArgumentFacts {
        unclear: ["recipient", "amount", "command", "argument draft"].map(Arc::from).into(),
        ..ArgumentFacts::default()
    });
    calls.push(unclear);
    calls.push(facts("mail", "search", &json!({})));
    calls.push(facts("mail", "unheard_of", &json!({"recipient": "ana@example.com"})));
    calls
}

fn verdicts(bundle: &Bundle) -> Vec<Verdict> {
    calls().iter().map(|facts| decide::decide(bundle, facts).verdict()).collect()
}

fn reasons(bundle: &Bundle) -> Vec<String> {
    calls().iter().map(|facts| format!("{:?}", decide::decide(bundle, facts).reasons())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_deny_more_never_allows_more(rules in prop::collection::vec(made(), 1..5), one in made()) {
        let before = verdicts(&compiled(&text(&rules, 0)));
        let mut more = rules;
        more.push(Made { does: "deny", ..one });
        for (before, after) in before.into_iter().zip(verdicts(&compiled(&text(&more, 0)))) {
            prop_assert!(after >= before, "{before} became {after}");
        }
    }

    #[test]
    fn a_hold_more_and_more_approvals_never_allow_more(rules in prop::collection::vec(made(), 1..5), one in made()) {
        let before = verdicts(&compiled(&text(&rules, 0)));
        let mut more: Vec<Made> =
            rules.into_iter().map(|rule| Made { approvals: (rule.approvals + 1).min(5), ..rule }).collect();
        let same = verdicts(&compiled(&text(&more, 0)));
        prop_assert_eq!(&before, &same);
        more.push(Made { does: "hold", ..one });
        for (before, after) in before.into_iter().zip(verdicts(&compiled(&text(&more, 0)))) {
            prop_assert!(after >= before, "{before} became {after}");
        }
    }

    #[test]
    fn order_means_nothing(rules in prop::collection::vec(made(), 2..6), at in 0..5_usize) {
        let (one, other) = rules.split_at(at.min(rules.len()));
        let files = [file("a.yaml", &text(one, 0)), file("b.yaml", &text(other, one.len()))];
        let backwards = [files[1].clone(), files[0].clone()];
        let (forwards, backwards) = (compiled_all(&files), compiled_all(&backwards));
        prop_assert_eq!(forwards.digest(), backwards.digest());
        prop_assert_eq!(reasons(&forwards), reasons(&backwards));
        // Again, and the same to the letter.
        prop_assert_eq!(reasons(&forwards), reasons(&compiled_all(&files)));
    }

    #[test]
    fn doubt_never_permits(rules in prop::collection::vec(made(), 1..5)) {
        let bundle = compiled(&text(&rules, 0));
        for arguments in [json!({"recipient": "ana@example.com", "amount": 5}), json!({"recipient": "x@evil.org"}), json!({})] {
            let clear = facts("mail", "send", &arguments);
            let mut doubtful = clear.clone();
            let mut read = clear.arguments.as_ref().clone();
            read.unclear = ["recipient", "amount", "command", "argument draft"].map(Arc::from).into();
            doubtful.arguments = Arc::new(read);
            let (clear, doubtful) = (hits(&bundle, &clear), hits(&bundle, &doubtful));
            // A rule that permits applies less, a rule that restricts applies more.
            prop_assert!(doubtful.0.iter().all(|rule| clear.0.contains(rule)));
            prop_assert!(clear.1.iter().all(|rule| doubtful.1.contains(rule)));
        }
    }

    #[test]
    fn whatever_is_written_is_understood_or_refused(text in "(?s)[a-z:{}\\[\\], \n*&'\"/-]{0,200}") {
        drop(Bundle::compile_for(&known(), &[file("a.yaml", &text)]));
    }
}

/// The rules that permit, and those that restrict.
fn hits(bundle: &Bundle, facts: &Facts) -> (Vec<String>, Vec<String>) {
    let evaluation = bundle.evaluate(Layer::Organisation, facts);
    let (permits, others): (Vec<_>, Vec<_>) =
        evaluation.hits.iter().partition(|hit| hit.rule.outcome == model::RuleOutcome::Permit);
    let ids = |hits: Vec<&model::Hit>| hits.into_iter().map(|hit| hit.rule.id.to_string()).collect();
    (ids(permits), ids(others))
}

#[test]
fn an_error_never_allows() {
    let bundle = compiled(
        "policies: {mail: {rules: [{id: a, allow: all}, {id: m, hold: send, when: {human: {seniority: junior}}}]}}",
    );
    let decision = decide::decide(&bundle, &facts("mail", "send", &json!({})));
    assert_eq!(decision.verdict(), Verdict::Defer);
    let read_only = compiled(
        "policies: {mail: {read_only_by_default: true, rules: [{id: a, allow: send, when: {human: {seniority: junior}}}]}}",
    );
    assert_eq!(decide::decide(&read_only, &facts("mail", "send", &json!({}))).verdict(), Verdict::Defer);
}
