use super::*;
use crate::judge::tests::{RULES, judge};

const PIPE: Look = Look { colour: false, signs: true, width: None };

fn explained(who: &str, what: &str) -> String {
    let judge = judge(RULES);
    let question = crate::judge::tests::question(who, what);
    let facts = judge.facts(&question).unwrap();
    let decision = judge.decide(&facts);
    let turns = what_if(&judge.bundle, &decision, everything_else(&judge, &facts));
    let text = told(PIPE, &facts, &decision, &judge.matches(&facts), &turns, true);
    text.replace(&decision.bundle().to_string(), "sha256:…")
}

#[test]
fn an_allowed_call_says_what_would_stop_it() {
    insta::assert_snapshot!(explained("helper/sue", "crm/search_customers"), @r#"
    ✓ allow  crm/search_customers: would run

    asked    Helper for Sue Holm, 2026-01-07T12:00:00Z

    facts    tool    search_customers: read (says the app's profile)
             app     crm: high risk, restricted data, owned by bo
             person  Sue Holm (sue): support, support, senior, reports to bo, active, has access to the app
             agent   Helper (helper): answered for by sam, active

    decided  allow under the rules sha256:…
             support may look customers up until the freeze
               support-reads (rules/a.cedar:2)
               | @id("support-reads")
               | @says("support may look customers up until the freeze")
               | permit (principal, action == Action::"call", resource in App::"crm")
               | when { context.class == "read" && context.human.department == "support" && context.now < datetime("2026-12-20T00:00:00Z") };
             it turns on the person's department, the tool's class, the time

    change   ⏸ hold   if the person's department were `finance` or `sales`
             ⏸ hold   if the tool's class were `external`
             ⏸ hold   if the time were `2026-12-20T00:00:00Z`
             … defer  if the person's department were `unknown`
             ✗ deny   if the tool's class were `destructive`
    "#);
}

#[test]
fn a_refused_call_says_what_would_let_it_through() {
    insta::assert_snapshot!(explained("helper/ana", "crm/update_customer"), @r#"
    ✗ deny   crm/update_customer: would be refused; nothing would be executed

    asked    Helper for Ana Diaz, 2026-01-07T12:00:00Z

    facts    tool    update_customer: write (says the app's profile)
             app     crm: high risk, restricted data, owned by bo
             person  Ana Diaz (ana): cfo, finance, executive, active, has no access to the app
             agent   Helper (helper): answered for by sam, active

    decided  deny under the rules sha256:…
             writes need access to the app, and the human this agent acts for has none
               baseline-write-access (baseline.cedar:33)
               | @id("baseline-write-access")
               | @says("writes need access to the app, and the human this agent acts for has none")
               | @instead("read instead, or ask an owner of the app for access")
               | forbid (principal, action, resource)
               | when { context.class == "write" && !context.access };
               instead: read instead, or ask an owner of the app for access
             it turns on the person's department, the person's seniority, the person's access to the app, the tool's class

    change   ✓ allow  if the person's department were `sales` or `support`
             ✓ allow  if the person's access to the app were `yes`
             ⏸ hold   if the tool's class were `read` or `external`
    "#);
}

#[test]
fn arguments_make_one_object() {
    let said = |pairs: &[&str]| {
        let pairs: Vec<String> = pairs.iter().map(|pair| (*pair).to_owned()).collect();
        arguments(&pairs).map(|bytes| bytes.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap()))
    };
    assert_eq!(said(&[]).unwrap(), None);
    assert_eq!(
        said(&["a=x", "b=7", "c=[1,2]", "d.e=true", "d.f=a=b"]).unwrap().unwrap(),
        r#"{"a":"x","b":7,"c":[1,2],"d":{"e":true,"f":"a=b"}}"#
    );
    for wrong in [&["a"][..], &["a=1", "a=2"], &["a=1", "a.b=2"]] {
        assert!(said(wrong).is_err(), "{wrong:?}");
    }
}
