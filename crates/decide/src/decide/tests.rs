use std::sync::Arc;

use model::{
    Access, Agent, AgentId, App, AppId, ArgumentFacts, Binding, CallId, Class, ClassSource, DataClassification,
    Durable, Hit, Human, HumanId, Method, OfCall, Risk, RuleFault, RuleSource, TaskId, ToolFacts, ToolName, UnixMicros,
};

use super::*;
use crate::{Permit, PermitRefused};

/// Rules written as words: `org:permit`, `base:deny`, `org:missing`, `org:broken`; a `~` before the outcome, as in
/// `org:~deny`: only observed. `org:hold-by-two`, `org:redact-names`: it wants more than others of its kind.
struct Words(Vec<&'static str>);

impl Rules for Words {
    fn digest(&self) -> Digest {
        Digest::new([7; 32])
    }

    fn evaluate(&self, layer: Layer, _: &Facts) -> Evaluation {
        let mut evaluation = Evaluation::default();
        for word in &self.0 {
            let (of, what) = word.split_once(':').unwrap();
            if (of == "org") != (layer == Layer::Organisation) {
                continue;
            }
            let (observe, what) = (what.starts_with('~'), what.trim_start_matches('~'));
            let (what, more) = what.split_once('-').unwrap_or((what, ""));
            let outcome = match what {
                "permit" => RuleOutcome::Permit,
                "redact" => RuleOutcome::Redact,
                "hold" => RuleOutcome::Hold,
                "defer" => RuleOutcome::Defer,
                _ => RuleOutcome::Deny,
            };
            let source = RuleSource { file: Arc::from("t.cedar"), line: 1, column: 1, text: Arc::from(*word) };
            let info = RuleInfo::new(RuleId::parse(word).unwrap(), outcome, layer, source, (*word).to_owned());
            let approvals = if more == "by-two" { 2 } else { info.approvals };
            let redact = (more == "names").then(|| Arc::from("$..name"));
            let rule = Arc::new(RuleInfo { observe, approvals, redact, ..info });
            match what {
                "missing" => evaluation.faults.push(RuleFault { rule, kind: RuleFaultKind::MissingFact("x".into()) }),
                "broken" => evaluation.faults.push(RuleFault { rule, kind: RuleFaultKind::Broken("x".into()) }),
                _ => evaluation.hits.push(Hit::from(rule)),
            }
        }
        evaluation
    }
}

fn facts() -> Facts {
    let ana = HumanId::parse("ana").unwrap();
    Facts {
        now: UnixMicros(0),
        method: Method::ToolsCall,
        agent: Arc::new(Agent {
            id: AgentId::parse("helper").unwrap(),
            name: "Helper".into(),
            owner: ana.clone(),
            model_tier: None,
            recommend_only: false,
            active: true,
        }),
        human: Arc::new(Human {
            id: ana,
            name: "Ana".into(),
            department: None,
            seniority: None,
            role: None,
            manager: None,
            active: true,
        }),
        task: TaskId::parse("t").unwrap(),
        app: Arc::new(App {
            id: AppId::parse("crm").unwrap(),
            name: "CRM".into(),
            risk: Risk::Low,
            data: DataClassification::Internal,
            category: None,
            owners: Vec::new(),
            access: Access::default(),
            stopped: false,
            observe: false,
        }),
        tool: ToolFacts::new(ToolName::parse("look").unwrap(), Class::Read, ClassSource::Pin, ToolStatus::Pinned),
        access: false,
        all_stopped: false,
        arguments: ArgumentFacts::unread(),
        spent: Vec::new(),
        approved: Vec::new(),
        contract: None,
    }
}

fn check(rules: &[&'static str], verdict: Verdict, rule: &str) {
    let decision = decide(&Words(rules.to_vec()), &facts());
    assert_eq!(decision.verdict(), verdict, "{rules:?}");
    assert_eq!(decision.reasons().first().unwrap().rule.as_str(), rule, "{rules:?}");
}

#[test]
fn the_strictest_outcome_wins() {
    check(&[], Verdict::Deny, "guard:nothing-permits");
    check(&["org:permit"], Verdict::Allow, "org:permit");
    check(&["org:permit", "org:redact"], Verdict::Redact, "org:redact");
    check(&["org:permit", "org:redact", "org:hold"], Verdict::Hold, "org:hold");
    check(&["org:permit", "org:hold", "org:defer"], Verdict::Defer, "org:defer");
    check(&["org:permit", "org:defer", "org:deny"], Verdict::Deny, "org:deny");
}

#[test]
fn a_hold_permits_nothing_by_itself() {
    check(&["org:hold"], Verdict::Deny, "guard:nothing-permits");
}

#[test]
fn an_error_never_allows() {
    check(&["org:permit", "org:missing"], Verdict::Defer, "org:missing");
    check(&["org:permit", "org:broken"], Verdict::Deny, "org:broken");
    check(&["base:permit", "base:broken"], Verdict::Deny, "base:broken");
    check(&["org:missing", "base:permit"], Verdict::Defer, "org:missing");
}

#[test]
fn the_baseline_is_a_default_and_not_a_guard() {
    check(&["base:permit"], Verdict::Allow, "base:permit");
    check(&["base:permit", "base:hold"], Verdict::Hold, "base:hold");
    check(&["org:permit", "base:deny"], Verdict::Allow, "org:permit");
    check(&["org:deny", "base:permit"], Verdict::Deny, "org:deny");
    check(&["org:hold", "base:permit"], Verdict::Hold, "org:hold");
}

#[test]
fn guards_yield_to_nothing() {
    type Break = fn(&mut Facts);
    let cases: [(&str, Break); 6] = [
        ("guard:all-stopped", |f| f.all_stopped = true),
        ("guard:human-inactive", |f| Arc::make_mut(&mut f.human).active = false),
        ("guard:agent-suspended", |f| Arc::make_mut(&mut f.agent).active = false),
        ("guard:app-stopped", |f| Arc::make_mut(&mut f.app).stopped = true),
        ("guard:tool-changed", |f| f.tool.status = ToolStatus::Quarantined),
        ("guard:tool-suspicious", |f| {
            f.tool.status = ToolStatus::Quarantined;
            f.tool.finding = Some(Arc::from("hidden-tags in its `description`"));
        }),
    ];
    for (rule, change) in cases {
        let mut facts = facts();
        change(&mut facts);
        let decision = decide(&Words(vec!["org:permit"]), &facts);
        assert_eq!(decision.verdict(), Verdict::Deny, "{rule}");
        assert_eq!(decision.reasons().first().unwrap().rule.as_str(), rule);
    }
}

#[test]
fn a_tool_nobody_could_ask_about_is_deferred() {
    let mut facts = facts();
    facts.tool.status = ToolStatus::Unknown;
    assert_eq!(decide(&Words(vec!["org:permit"]), &facts).verdict(), Verdict::Defer);
    assert_eq!(decide(&Words(vec!["org:deny"]), &facts).verdict(), Verdict::Deny);
    for baseline in ["base:permit", "base:hold", "base:deny"] {
        let decision = decide(&Words(vec![baseline]), &facts);
        assert_eq!(decision.verdict(), Verdict::Defer);
        assert_eq!(
            decision.reasons().iter().map(|reason| reason.rule.as_str()).collect::<Vec<_>>(),
            ["guard:tool-unknown"]
        );
    }
}

#[test]
fn whoever_looks_at_a_task_of_which_nobody_knows_the_tool_is_told_where_to_look() {
    let mut facts = facts();
    facts.tool.status = ToolStatus::Unknown;
    facts.tool.finding = Some(Arc::from("`crm` does not offer it any more"));
    let ways_out = [None, Some(Arc::new(OfCall { tool: None, argument_bytes: 0, hides: None }))].map(|of_call| {
        facts.tool.of_call = of_call;
        let decision = decide(&Words(vec!["org:permit"]), &facts);
        let reason = decision.reasons().first().unwrap();
        assert!(reason.sentence.ends_with("`crm` does not offer it any more"), "{}", reason.sentence);
        reason.instead.clone().unwrap()
    });
    assert_eq!(
        ways_out,
        ["try again in a moment", "look in the app for what came of it, or try again when it is offered again"]
    );
}

/// What is decided, and what would be if everything were enforced.
/// Rules of tools: one that hides something where `class`, one that holds, one that reads what nobody knows.
struct OfTools(&'static str);

impl Rules for OfTools {
    fn digest(&self) -> Digest {
        Digest::new([7; 32])
    }

    fn evaluate(&self, layer: Layer, facts: &Facts) -> Evaluation {
        let is_call = facts.tool.verb.is_some();
        assert!(!is_call || facts.method == Method::ToolsCall && facts.arguments.open && facts.arguments.bytes == 3);
        let words = if is_call { vec!["org:permit", "org:hold", "org:deny", self.0] } else { vec!["org:permit"] };
        Words(words).evaluate(layer, facts)
    }
}

#[test]
fn a_look_at_a_task_shows_no_more_than_the_call_and_needs_no_more() {
    let looks = |rules: &'static str, known: bool, hides: Option<&str>| {
        let facts = facts();
        let tool = ToolFacts { verb: Some(Arc::from("find")), ..facts.tool.clone() };
        let of_call = OfCall { tool: known.then_some(tool), argument_bytes: 3, hides: hides.map(Arc::from) };
        let look = ToolFacts { of_call: Some(Arc::new(of_call)), ..facts.tool.clone() };
        let decision = decide(&OfTools(rules), &Facts { method: Method::TaskGet, tool: look, ..facts });
        (decision.verdict(), decision.reasons()[0].rule.to_string(), decision.redaction())
    };
    let allowed = (Verdict::Allow, "org:permit".to_owned(), None);
    assert_eq!(looks("org:permit", true, None), allowed, "what holds or denies the call is asked of the call");
    assert_eq!(looks("org:redact", false, None), allowed);
    assert_eq!(looks("org:redact", true, None), (Verdict::Redact, "org:redact".to_owned(), Some(String::new())));
    let before = (Verdict::Redact, "guard:hidden-at-first".to_owned(), Some("$..iban".to_owned()));
    assert_eq!(looks("org:permit", true, Some("$..iban")), before);
}

fn check_observed(rules: &[&'static str], observe: bool, verdict: Verdict, rule: &str, would: Option<(Verdict, &str)>) {
    let mut facts = facts();
    Arc::make_mut(&mut facts.app).observe = observe;
    let decision = decide(&Words(rules.to_vec()), &facts);
    let first = |reasons: &[Reason]| reasons.first().unwrap().rule.to_string();
    assert_eq!((decision.verdict(), first(decision.reasons()).as_str()), (verdict, rule), "{rules:?}");
    let found = decision.observed().map(|observed| (observed.verdict, first(&observed.reasons)));
    assert_eq!(found, would.map(|(verdict, rule)| (verdict, rule.to_owned())), "{rules:?}");
}

#[test]
fn a_rule_that_is_observed_decides_nothing() {
    use Verdict::{Allow, Deny, Hold, Redact};
    check_observed(&["org:permit", "org:~deny"], false, Allow, "org:permit", Some((Deny, "org:~deny")));
    check_observed(&["base:permit", "org:~hold"], false, Allow, "base:permit", Some((Hold, "org:~hold")));
    check_observed(&["org:permit", "org:~broken"], false, Allow, "org:permit", Some((Deny, "org:~broken")));
    check_observed(&["org:~permit"], false, Deny, "guard:nothing-permits", Some((Allow, "org:~permit")));
    // A permit that is only observed does not keep the baseline from being asked.
    check_observed(
        &["org:~permit", "base:hold", "base:permit"],
        false,
        Hold,
        "base:hold",
        Some((Allow, "org:~permit")),
    );
    check_observed(&["org:deny", "org:~deny"], false, Deny, "org:deny", None);
    // The same word for the verdict, and not the same verdict.
    let wants = |rules: &[&'static str], verdict| {
        let would = (verdict, rules[1]);
        check_observed(rules, false, verdict, rules[1], Some(would));
        let decision = decide(&Words(rules.to_vec()), &facts());
        let of = |reasons: &[Reason]| reasons.iter().map(|reason| reason.rule.to_string()).collect::<Vec<_>>();
        assert_eq!(of(decision.reasons()), rules[1..2]);
        assert_eq!(of(&decision.observed().unwrap().reasons), rules[1..3]);
    };
    wants(&["org:permit", "org:hold", "org:~hold-by-two"], Hold);
    wants(&["org:permit", "org:redact", "org:~redact-names"], Redact);
    check_observed(&["org:permit", "org:hold", "org:~hold"], false, Hold, "org:hold", None);
    check_observed(&["org:permit", "org:redact-names", "org:~redact-names"], false, Redact, "org:redact-names", None);
    check_observed(&["org:deny", "org:~hold-by-two"], false, Deny, "org:deny", None);
    check_observed(&["org:permit", "org:~permit"], false, Allow, "org:permit", None);
}

#[test]
fn on_an_app_that_is_observed_rules_decide_nothing() {
    use Verdict::{Allow, Deny, Hold};
    check_observed(&["org:deny"], true, Allow, "guard:observe", Some((Deny, "org:deny")));
    check_observed(&["base:permit", "base:hold"], true, Allow, "guard:observe", Some((Hold, "base:hold")));
    check_observed(&[], true, Allow, "guard:observe", Some((Deny, "guard:nothing-permits")));
    check_observed(&["org:permit"], true, Allow, "org:permit", None);
}

// INVARIANT: what two parties signed holds where rules are only observed.
#[test]
fn a_contract_is_enforced_where_rules_are_observed() {
    let mut facts = facts();
    Arc::make_mut(&mut facts.app).observe = true;
    facts.contract = Some(Arc::new(model::ContractFacts {
        contract: "acme".parse().unwrap(),
        vendor: "acme".parse().unwrap(),
        standing: model::Standing::Active,
        digest: None,
        purpose: None,
        tenant: model::Shown::Open,
        entity: None,
        operation: None,
        state: std::collections::BTreeMap::new(),
        asks: Vec::new(),
        sends: Vec::new(),
        records: None,
        spent: Vec::new(),
    }));
    for rules in [vec!["org:deny"], vec![], vec!["org:permit", "org:deny"]] {
        let decision = decide(&Words(rules), &facts);
        assert_eq!((decision.verdict(), decision.observed()), (Verdict::Deny, None));
    }
}

#[test]
fn an_app_that_is_observed_is_not_enforced_for_want_of_a_permit_that_is_observed() {
    use Verdict::{Allow, Hold};
    check_observed(&["org:~permit"], true, Allow, "guard:observe", None);
    check_observed(&["org:~permit", "base:deny"], true, Allow, "guard:observe", None);
    check_observed(&["org:~permit", "org:hold"], true, Allow, "guard:observe", Some((Hold, "org:hold")));
}

#[test]
fn guards_are_enforced_where_rules_are_observed() {
    type Break = fn(&mut Facts);
    let cases: [Break; 5] = [
        |f| f.all_stopped = true,
        |f| Arc::make_mut(&mut f.human).active = false,
        |f| Arc::make_mut(&mut f.agent).active = false,
        |f| Arc::make_mut(&mut f.app).stopped = true,
        |f| f.tool.status = ToolStatus::Quarantined,
    ];
    for change in cases {
        let mut facts = facts();
        Arc::make_mut(&mut facts.app).observe = true;
        change(&mut facts);
        let decision = decide(&Words(vec!["org:permit"]), &facts);
        assert_eq!((decision.verdict(), decision.observed()), (Verdict::Deny, None));
    }
    let mut facts = facts();
    Arc::make_mut(&mut facts.app).observe = true;
    facts.tool.status = ToolStatus::Unknown;
    assert_eq!(decide(&Words(vec!["org:permit"]), &facts).verdict(), Verdict::Defer);
}

/// Every subset of outcomes: adding a deny never allows more, and the same facts give the same decision.
#[test]
fn laws_hold_for_every_subset() {
    const WORDS: [&str; 10] = [
        "org:permit",
        "org:redact",
        "org:hold",
        "org:defer",
        "org:missing",
        "org:broken",
        "base:permit",
        "base:hold",
        "base:deny",
        "base:defer",
    ];
    for bits in 0u32..1 << WORDS.len() {
        let mut rules: Vec<_> =
            WORDS.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0).map(|(_, w)| *w).collect();
        let before = decide(&Words(rules.clone()), &facts());
        assert_eq!(before, decide(&Words(rules.clone()), &facts()));
        if before.verdict().runs() {
            assert!(rules.iter().any(|r| r.ends_with("permit") || r.ends_with("redact")), "{rules:?}");
            assert!(!rules.contains(&"org:broken"), "{rules:?}");
        }
        rules.push("org:deny");
        assert_eq!(decide(&Words(rules.clone()), &facts()).verdict(), Verdict::Deny, "{rules:?}");
    }
}

// INVARIANT: a permit needs a decision that runs and the durable intent of the same call.
#[test]
fn a_permit_needs_a_running_decision_and_its_own_record() {
    let call = CallId::new(1, [1; 10]);
    let other = CallId::new(1, [2; 10]);
    let binding = |call: &CallId| Binding {
        call: call.clone(),
        app: AppId::parse("crm").unwrap(),
        tool: ToolName::parse("look").unwrap(),
        arguments: Digest::new([0; 32]),
    };
    let durable = |call: &CallId| Durable::danger_confirmed_by_disk(call.clone(), 1);
    let allow = decide(&Words(vec!["org:permit"]), &facts());
    let deny = decide(&Words(vec![]), &facts());
    assert!(Permit::issue(&allow, binding(&call), durable(&call)).is_ok());
    let refused = |decision, made_for| Permit::issue(decision, binding(&call), durable(made_for)).err();
    assert_eq!(refused(&allow, &other), Some(PermitRefused::OtherCall));
    assert_eq!(refused(&deny, &call), Some(PermitRefused::Verdict(Verdict::Deny)));
}
