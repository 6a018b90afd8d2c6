//! Every key of the language, each both ways.

use super::*;

/// One rule under `github`, or under another app, and calls with what becomes of them.
fn rule(app: &str, rule: &str, calls: &[(&str, &str, &str)]) {
    let mut text =
        format!("policies:\n  {app}:\n    rules:\n      - {{id: all, allow: all}}\n      - {rule}\nexamples:\n");
    for (tool, arguments, expect) in calls {
        writeln!(text, "  - {{as: helper/ana, tool: {app}/{tool}, arguments: {arguments}, expect: {expect}}}").unwrap();
    }
    check(&text);
}

#[test]
fn targets() {
    let calls = |expect: [&'static str; 3]| {
        [("send", "{}", expect[0]), ("search", "{}", expect[1]), ("other", "{}", expect[2])]
    };
    rule("mail", "{id: r, deny: all}", &calls(["deny", "deny", "deny"]));
    rule("mail", "{id: r, deny: send}", &calls(["deny", "allow", "allow"]));
    rule("mail", "{id: r, deny: [search, send]}", &calls(["deny", "deny", "allow"]));
    rule("mail", "{id: r, deny: ['class:read']}", &calls(["allow", "deny", "allow"]));
    rule("mail", "{id: r, hold: ['class:external', search]}", &calls(["hold", "hold", "allow"]));
    rule("mail", "{id: r, defer: ['tool:send', 'verb:search']}", &calls(["defer", "defer", "allow"]));
    rule("mail", "{id: r, redact: search, fields: [$..email, $.iban]}", &calls(["allow", "redact", "allow"]));
}

#[test]
fn people_agents_apps_tools() {
    let held = |condition: &str, expect: &'static str| {
        rule("mail", &format!("{{id: r, hold: all, when: {condition}}}"), &[("search", "{}", expect)]);
    };
    held("{human: {department: finance}}", "hold");
    held("{human: {department: [it, finance]}}", "hold");
    held("{human: {department: it}}", "allow");
    held("{human: {department: {like: 'fin*'}}}", "hold");
    held("{human: {department: finance, not: {role: analyst}}}", "allow");
    held("{human: {not: {role: cfo}}}", "hold");
    held("{human: {seniority: executive}}", "defer");
    held("{human: {manager: bob}}", "hold");
    held("{human: {manager: [eve]}}", "allow");
    held("{human: {id: [ana, eve]}}", "hold");
    held("{agent: {id: helper}}", "hold");
    held("{agent: {id: scribe}}", "allow");
    held("{agent: {owner: bob, model_tier: small}}", "hold");
    held("{agent: {model_tier: frontier}}", "allow");
    held("{app: {risk: high}}", "hold");
    held("{app: {risk: [low, medium]}}", "allow");
    held("{app: {data: restricted, owner: bob}}", "hold");
    held("{app: {category: crm}}", "defer");
    held("{tool: {class: read}}", "hold");
    held("{tool: {cost: [medium, high]}}", "allow");
    held("{tool: {cost: low}}", "hold");
    held("{tool: {not: {cost: low}}}", "allow");
    held("{tool: {label: customer-data}}", "hold");
    held("{tool: {not: {label: customer-data}}}", "allow");
    held("{access: false}", "hold");
    held("{access: true}", "allow");
    held("{any: [{human: {role: cfo}}, {agent: {id: helper}}]}", "hold");
    held("{any: [{human: {role: cfo}}, {agent: {id: scribe}}]}", "allow");
    held("{not: {human: {role: cfo}}}", "hold");
}

#[test]
fn arguments_of_rules_that_restrict() {
    let denied = |condition: &str, arguments: &str, expect: &'static str| {
        rule(
            "mail",
            &format!("{{id: r, deny: send, when: {{arguments: {condition}}}}}"),
            &[("send", arguments, expect)],
        );
    };
    denied("{to: ana@example.com}", "{to: Ana@Example.com}", "deny");
    denied("{to: [a, b]}", "{to: [c, b]}", "deny");
    denied("{to: [a, b]}", "{to: c}", "allow");
    denied("{to: a}", "{}", "allow");
    denied("{to: {domain: [example.com]}}", "{to: [x@ok.org, ana@example.com]}", "deny");
    denied("{to: {domain: ['*.example.com']}}", "{to: ana@mail.example.com}", "deny");
    denied("{to: {domain: ['*.example.com']}}", "{to: ana@notexample.com}", "allow");
    denied("{to: {not: {domain: [example.com]}}}", "{to: ana@example.com}", "allow");
    denied("{to: {not: {domain: [example.com]}}}", "{to: [ana@example.com, eve@evil.org]}", "deny");
    denied("{amount: {above: 1000}}", "{amount: 1000}", "allow");
    denied("{amount: {above: 1000}}", "{amount: 1000.5}", "deny");
    denied("{amount: {above: 1000}}", "{amount: many}", "deny");
    denied("{amount: {at_least: 10, below: 20}}", "{amount: 10}", "deny");
    denied("{amount: {at_least: 10, below: 20}}", "{amount: 20}", "allow");
    denied("{subject: {begins: 'URGENT'}}", "{subject: urgent please}", "deny");
    denied("{subject: {ends: ['!']}}", "{subject: hello}", "allow");
    denied("{subject: {like: '*invoice*'}}", "{subject: Your Invoice 7}", "deny");
    denied("{subject: {longer_than: 3}}", "{subject: äöü}", "allow");
    denied("{draft: false}", "{draft: false}", "deny");
    denied("{draft: false}", "{draft: true}", "allow");
    denied("{bcc: {given: true}}", "{bcc: x}", "deny");
    denied("{bcc: {given: true}}", "{}", "allow");
    denied("{approved_by: {given: false}}", "{}", "deny");
    denied("{account: 007}", "{account: '007'}", "deny");
    denied("{account: 007}", "{account: 7}", "allow");
    denied("{url: {domain: evil.org}}", "{url: 'https://ana@EVIL.org:8080/x?y'}", "deny");
    for address in [
        "eve@evil.org, ana@example.com",
        "ana@example.com; Eve <eve@evil.org>,",
        r#"\"x://example.com/\" <eve@evil.org>"#,
        r#"\"ana@example.com\" <eve@evil.org>"#,
        r#"\"eve\"@evil.org"#,
        "//evil.org",
        "https:/evil.org",
        "evil.org/x",
        "ana@example.com <eve@evil.org>",
        "EVIL.org.",
        "https://ｅvil.org/",
        "eve@ｅvil.org",
        "x://ok.org#<e@evil.org>",
        "x://ok.org/,e@evil.org",
        "https://ok.org/;e@evil.org",
        "https://ok.org/@evil.org",
        "https://ok.org/,https://evil.org/",
    ] {
        denied("{to: {domain: evil.org}}", &format!("{{to: '{}'}}", address.replace('\\', "")), "deny");
    }
    for address in ["ana@example.com, bob@example.org", "#general", "@eve", "ana", "https://example.com/evil.org"] {
        denied("{to: {domain: evil.org}}", &format!("{{to: '{address}'}}"), "allow");
    }
    for path in ["/etc/passwd", "../../etc/passwd", "~root/../etc/x", "$HOME/x", "/x/$Y", "etc"] {
        denied("{file: {under: /etc}}", &format!("{{file: '{path}'}}"), "deny");
    }
    denied("{file: {under: /etc}}", "{file: /workspace/etc}", "allow");
    for path in ["/ETC/passwd", "/Etc"] {
        denied("{file: {under: /etc}}", &format!("{{file: '{path}'}}"), "deny");
        denied("{file: {not: {under: /etc}}}", &format!("{{file: '{path}'}}"), "deny");
    }
}

#[test]
fn arguments_of_rules_that_permit() {
    let allowed = |condition: &str, arguments: &str, expect: &'static str| {
        check(&format!(
            "policies: {{mail: {{rules: [{{id: r, allow: send, when: {condition}}}, {{id: d, deny: send, when: {{human: {{id: eve}}}}}}]}}}}\n\
             examples: [{{as: helper/ana, tool: mail/send, arguments: {arguments}, expect: {expect}}}]"
        ));
    };
    // What no rule permits is asked of the baseline: actions that reach out wait for a human.
    allowed("{arguments: {to: {domain: [example.com]}}}", "{to: ana@example.com}", "allow");
    allowed("{arguments: {to: {domain: [example.com]}}}", "{to: [ana@example.com, x@evil.org]}", "hold");
    allowed("{arguments: {to: {domain: [example.com]}}}", "{}", "hold");
    for (address, expect) in [
        ("ana@example.com, Bob <bob@example.com>", "allow"),
        ("eve@evil.org, ana@example.com", "hold"),
        ("ana@example.com, eve@evil.org", "hold"),
        ("\"Ana\" <ana@example.com>", "allow"),
        ("\"ana\"@example.com", "hold"),
        ("https://example.com/x", "allow"),
        ("https://ana@example.com/x", "hold"),
        ("example.com/x", "hold"),
        ("https://ｅxample.com/x", "hold"),
        ("#general", "hold"),
        ("https://example.com/x?at=52.5,13.4", "allow"),
        ("x://example.com#<e@evil.org>", "hold"),
        ("x://example.com/,e@evil.org", "hold"),
        ("https://example.com/;e@evil.org", "hold"),
        ("https://example.com/@evil.org", "hold"),
        ("https://example.com/,https://evil.org/", "hold"),
    ] {
        allowed("{arguments: {to: {domain: [example.com]}}}", &format!("{{to: '{address}'}}"), expect);
    }
    allowed("{arguments: {file: {under: /w}}}", "{file: /w/a}", "allow");
    allowed("{arguments: {file: {under: /w}}}", "{file: /w/$X}", "hold");
    allowed("{arguments: {file: {not: {under: /etc}}}}", "{file: ../etc/x}", "hold");
    allowed("{arguments: {file: {under: /w}}}", "{file: /W/a}", "hold");
    allowed("{arguments: {file: {not: {under: /etc}}}}", "{file: /ETC/x}", "hold");
    allowed("{roles: {amount: {at_most: 100}}}", "{amount: 99}", "allow");
    allowed("{roles: {amount: {at_most: 100}}}", "{amount: lots}", "hold");
    allowed("{roles: {amount: {at_most: 100}}}", "{amount: [1, 101]}", "hold");
    allowed("{roles: {recipient: [Ana@example.com]}}", "{recipient: ana@example.com}", "allow");
    allowed("{roles: {recipient: {not: [ana@example.com]}}}", "{recipient: bob@example.com}", "allow");
    allowed("{roles: {recipient: {not: [ana@example.com]}}}", "{recipient: [bob@x.org, ANA@example.com]}", "hold");
    allowed("{size: {below: 10}}", "{}", "allow");
    allowed("{size: {below: 10}}", "{body: long enough}", "hold");
}

#[test]
fn a_cost_that_nobody_knows_may_be_any() {
    let aws = |rule: &str, tool: &str, expect: &str| {
        check(&format!(
            "policies: {{aws: {{rules: [{rule}]}}}}\n\
             examples: [{{as: helper/ana, tool: aws/{tool}, arguments: {{}}, expect: {expect}}}]"
        ));
    };
    let held = "{id: all, allow: all}, {id: r, hold: all, when: {tool: {cost: high}}}";
    aws(held, "get_cost_report", "hold");
    aws(held, "unheard_of", "hold");
    aws(held, "run_instances", "hold");
    aws(held, "describe_instances", "allow");
    let cheap = "{id: d, deny: all, when: {human: {id: eve}}}, {id: r, allow: all, when: {tool: {not: {cost: high}}}}";
    aws(cheap, "describe_instances", "allow");
    aws(cheap, "unheard_of", "deny");
}

#[test]
fn what_is_no_call_of_a_tool_has_no_cost() {
    let everything = "policies: {'*': {rules: [{id: r, hold: all, when: {tool: {cost: high}}}]}}";
    let tools = "policies: {aws: {rules: [{id: r, deny: [run_instances, 'class:read'], when: {tool: {cost: high}}}]}}";
    let above = "policies: {aws: {require_approval_above_cost_class: low, rules: []}}";
    for (text, call) in [(everything, "unheard_of"), (tools, "get_cost_report"), (above, "unheard_of")] {
        let bundle = compiled(text);
        let hits = |facts: &Facts| bundle.evaluate(Layer::Organisation, facts).hits.len();
        let tool = facts("aws", call, &Value::Null);
        assert_eq!(hits(&tool), 1, "{call}");
        for method in [Method::ResourcesRead, Method::PromptsGet, Method::Sample, Method::TaskGet, Method::SetLevel] {
            let other = ToolFacts::of_method(method, ToolName::parse("aws://costs").unwrap());
            assert_eq!(hits(&Facts { method, tool: other, ..tool.clone() }), 0, "{method:?}");
        }
    }
}

#[test]
fn of_a_call_whose_answer_is_asked_for_only_the_length_is_known() {
    let bundle = compiled(
        "policies: {mail: {rules: [{id: long, redact: all, when: {size: {above: 100}}, fields: [$.a]}, \
         {id: there, redact: all, when: {arguments: {to: x}}, fields: [$.b]}]}}",
    );
    let found = |argument_bytes: u64| {
        let of_call = OfCall { tool: None, argument_bytes, hides: None };
        let call = Facts { arguments: of_call.arguments(), ..facts("mail", "send", &Value::Null) };
        let found = bundle.evaluate(Layer::Organisation, &call);
        assert!(found.faults.is_empty(), "{:?}", found.faults);
        found.hits.iter().map(|hit| hit.rule.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(found(101), ["long"]);
    assert_eq!(found(0), Vec::<String>::new());
}

#[test]
fn one_name_for_two_tests_is_refused() {
    let mut known = known();
    let tools = &mut known.apps.get_mut("mail").unwrap().tools;
    // No profile has such a role.
    tools.values_mut().for_each(|tool| drop(tool.roles.insert("argument to".to_owned(), KnownRole::default())));
    let text = "policies: {mail: {rules: [{id: a, deny: all, when: {roles: {argument to: x}}},\n  {id: b, deny: all, when: {arguments: {to: x}}}]}}";
    let errors = Bundle::compile_for(&known, &[file("policy.yaml", text)]).unwrap_err();
    insta::assert_snapshot!(told(&errors));
}

#[test]
fn a_test_that_cedar_asks_for_is_worked_out_on_its_apps() {
    let yaml = "policies: {github: {rules: [{id: all, deny: all, when: {roles: {path: {under: /etc}}}}]}}\nexamples:\n";
    let examples = |expect: &str| {
        format!(
            "- {{as: helper/ana, tool: shell/run, arguments: {{command: ls, path: /etc/x}}, expect: {expect}}}\n\
             - {{as: helper/ana, tool: shell/run, arguments: {{command: ls, path: /w/x}}, expect: allow}}\n"
        )
    };
    let some = "context.some.contains(\"path under /etc\")";
    for (cedar, expect) in [
        (format!("@says(\"s\") forbid (principal, action, resource in App::\"shell\") when {{ {some} }};"), "deny"),
        (format!("@says(\"s\") forbid (principal, action, resource == Tool::\"shell/run\") when {{ {some} }};"), "deny"),
        (format!("@says(\"s\") forbid (principal, action, resource) when {{ {some} }};"), "deny"),
        ("@says(\"s\") forbid (principal, action, resource) when { [\"path under /etc\"].containsAny(context.some) };".to_owned(), "deny"),
        (format!("@says(\"s\") forbid (principal, action, resource in App::\"mail\") when {{ {some} }};"), "allow"),
    ] {
        let cedar = format!("permit (principal, action, resource in App::\"shell\");\n{cedar}");
        check_all(&[file("own.cedar", &cedar), file("policy.yaml", &format!("{yaml}{}", examples(expect)))]);
    }
}

#[test]
fn a_command_and_a_text_of_the_same_words_are_two_questions() {
    rule(
        "shell",
        "{id: r, deny: run, when: {any: [{roles: {command: {command: git push}}}, {roles: {command: {is: git push}}}]}}",
        &[("run", "{command: git -C /x push}", "deny"), ("run", "{command: git pull}", "allow")],
    );
}

#[test]
fn exceptions() {
    let text = |arguments: &str, expect: &str| {
        format!(
            "policies: {{mail: {{rules: [{{id: all, allow: all}},\n\
             {{id: r, deny: send, unless: {{arguments: {{to: {{domain: [example.com]}}}}}}}}]}}}}\n\
             examples: [{{as: helper/ana, tool: mail/send, arguments: {arguments}, expect: {expect}}}]"
        )
    };
    check(&text("{to: ana@example.com}", "allow"));
    check(&text("{to: [ana@example.com, x@evil.org]}", "deny"));
    check(&text("{}", "deny"));
}

#[test]
fn what_a_profile_does_not_know_is_in_doubt() {
    let text = "policies: {shell: {allow_run: true, writable_paths: [/w], deny_commands: [rm], rules: [{id: x, allow: [run]}]},\n\
        github: {require_human_review_for_repos: [a], rules: [{id: y, allow: all}]}}\n\
        examples:\n\
        - {as: helper/ana, tool: shell/exec2, arguments: {}, expect: deny}\n\
        - {as: helper/ana, tool: github/unknown, arguments: {}, expect: hold}\n";
    check(text);
}

#[test]
fn time() {
    let at = |condition: &str, now: &str, expect: &str| {
        check(&format!(
            "policies: {{mail: {{rules: [{{id: all, allow: all}}, {{id: r, deny: all, when: {{time: {condition}}}}}]}}}}\n\
             examples: [{{as: helper/ana, tool: mail/send, now: {now}, expect: {expect}}}]"
        ));
    };
    let office = "{days: mon-fri, hours: '09:00-17:00', zone: Europe/Berlin}";
    at(office, "2026-11-20T07:59:59Z", "allow");
    at(office, "2026-11-20T08:00:00Z", "deny");
    at(office, "2026-11-20T15:59:59Z", "deny");
    at(office, "2026-11-20T16:00:00Z", "allow");
    at(office, "2026-07-20T07:00:00Z", "deny");
    at(office, "2026-11-21T10:00:00Z", "allow");
    let night = "{days: fri, hours: '22:00-06:00'}";
    at(night, "2026-11-20T23:00:00Z", "deny");
    at(night, "2026-11-21T05:59:00Z", "deny");
    at(night, "2026-11-20T05:59:00Z", "allow");
    at("{days: [sat, sun]}", "2026-11-22T12:00:00Z", "deny");
    at("{from: 2026-12-01T00:00:00+01:00}", "2026-11-30T23:00:00Z", "deny");
    at("{from: 2026-12-01T00:00:00+01:00}", "2026-11-30T22:59:59Z", "allow");
}

#[test]
fn freezes() {
    check(
        "policies: {'*': {rules: [{id: all, allow: all}]}}\n\
         freezes: [{id: code-freeze, from: 2026-12-20T00:00:00Z, until: 2027-01-04T00:00:00Z, apps: [aws, github], says: no changes over the holidays}]\n\
         examples:\n\
         - {as: helper/ana, tool: aws/stop_instances, now: 2026-12-20T00:00:00Z, expect: deny, rule: code-freeze}\n\
         - {as: helper/ana, tool: aws/stop_instances, now: 2026-12-19T23:59:59Z, expect: allow}\n\
         - {as: helper/ana, tool: aws/stop_instances, now: 2027-01-04T00:00:00Z, expect: allow}\n\
         - {as: helper/ana, tool: aws/describe_instances, now: 2026-12-24T00:00:00Z, expect: allow}\n\
         - {as: helper/ana, tool: mail/send, now: 2026-12-24T00:00:00Z, expect: allow}\n",
    );
}

#[test]
fn agents_that_only_recommend() {
    check(
        "policies: {'*': {rules: [{id: all, allow: all}]}}\n\
         agents: {scribe: {recommend_only: true}, helper: {recommend_only: false}}\n\
         examples:\n\
         - {as: scribe/ana, tool: mail/search, expect: deny, rule: guard:recommend-only}\n\
         - {as: helper/ana, tool: mail/search, expect: allow}\n",
    );
}

#[test]
fn budgets_are_counted_and_bite_when_used_up() {
    let bundle = compiled(
        "policies:\n  mail:\n    rules: [{id: all, allow: all}]\n    max_calls: 200/hour\n    max_retries: 3\n    \
         max_concurrency: {most: 4, per: human}\n",
    );
    let mut call = facts("mail", "send", &serde_json::json!({}));
    let budgets: Vec<String> = bundle.budgets(&call).iter().map(|budget| format!("{budget:?}")).collect();
    insta::assert_snapshot!(budgets.join("\n"));
    assert!(bundle.budgets(&facts("aws", "stop_instances", &serde_json::json!({}))).is_empty());
    assert_eq!(decide::decide(&bundle, &call).verdict(), Verdict::Allow);
    call.spent = vec!["mail.max_calls".parse().unwrap()];
    let decision = decide::decide(&bundle, &call);
    assert_eq!((decision.verdict(), decision.reasons()[0].rule.as_str()), (Verdict::Deny, "mail.max_calls"));
    insta::assert_snapshot!(decision.reasons()[0].sentence);
}

#[test]
fn marks_of_a_rule_and_of_a_block() {
    let bundle = compiled(
        "policies:\n  mail:\n    approvers: [role:security]\n    approvals: 2\n    security_relevant: true\n    \
         require_approval_above_cost_class: low\n    rules:\n      - {id: a, hold: send, approvers: owner-of-app, instead: write a draft}\n      \
         - {id: b, deny: send, observe: true, says: no mail.}\n",
    );
    let rules = bundle.rules();
    let find = |id: &str| rules.iter().find(|rule| rule.id.as_str() == id).unwrap();
    let cost = find("mail.require_approval_above_cost_class");
    assert_eq!(
        (cost.approvers.as_slice(), cost.approvals, cost.security_relevant),
        (&["role:security".to_owned()][..], 2, true)
    );
    let (a, b) = (find("a"), find("b"));
    assert_eq!((a.approvers.as_slice(), a.approvals, a.observe), (&["owner-of-app".to_owned()][..], 2, false));
    assert_eq!(
        (a.instead.as_deref(), a.sentence.as_str()),
        (Some("write a draft"), "the rule `a` for mail wants a human to approve this")
    );
    assert_eq!((b.observe, b.security_relevant, b.sentence.as_str()), (true, true, "no mail"));
    assert_eq!((b.source.line, b.source.column), (9, 10));
}

#[test]
fn what_is_observed_would_do_what_it_does_once_it_is_enforced() {
    let text =
        |observe: &str| format!("policies: {{github: {{{observe} read_only_by_default: true, allow_pr_open: true}}}}");
    let call = |tool: &str| facts("github", tool, &serde_json::json!({}));
    let (observed, enforced) = (compiled(&text("observe: true,")), compiled(&text("")));
    for tool in ["create_pull_request", "merge_pull_request", "get_file_contents"] {
        let (tried, decided) = (decide::decide(&observed, &call(tool)), decide::decide(&enforced, &call(tool)));
        let would = tried.observed().map_or(tried.verdict(), |observed| observed.verdict);
        assert_eq!(would, decided.verdict(), "{tool}");
    }
    let opened = decide::decide(&enforced, &call("create_pull_request"));
    assert_eq!(opened.verdict(), Verdict::Allow);
    assert!(observed.notes().is_empty() && enforced.notes().is_empty());
}

#[test]
fn a_rule_in_force_does_not_yield_to_one_that_is_observed() {
    let text = "policies:\n  github:\n    read_only_by_default: true\n    rules:\n      - {id: x, allow: merge, observe: true}\n      \
        - {id: y, allow: all, when: {human: {id: bob}}, observe: true}\n";
    let bundle = compiled(text);
    let merge = facts("github", "merge_pull_request", &serde_json::json!({}));
    assert_eq!(decide::decide(&bundle, &merge).verdict(), Verdict::Deny);
    insta::assert_snapshot!(told(bundle.notes()));
    assert!(compiled(&text.replace(", observe: true", "")).notes().is_empty());
    let whole = "policies: {'*': {observe: true, read_only_by_default: true}, github: {read_only_by_default: true}}";
    assert!(compiled(whole).notes().is_empty());
}

#[test]
fn a_profile_stands_for_all_its_apps_and_an_app_for_itself() {
    let mut known = known();
    let github = known.apps["github"].clone();
    for id in ["gh-one", "gh-two"] {
        known.apps.insert(AppId::parse(id).unwrap(), github.clone());
    }
    known.apps.remove("github");
    let text = "policies: {github: {allow_merge: false}, gh-one: {allow_pr_open: true}}";
    let bundle = Bundle::compile_for(&known, &[file("a.yaml", text)]).unwrap();
    for (app, tool, hits) in [
        ("gh-one", "merge_pull_request", 1),
        ("gh-two", "merge_pull_request", 1),
        ("gh-one", "create_pull_request", 1),
        ("gh-two", "create_pull_request", 0),
    ] {
        let call = Facts { app: facts(app, tool, &Value::Null).app, ..facts("github", tool, &Value::Null) };
        assert_eq!(bundle.evaluate(Layer::Organisation, &call).hits.len(), hits, "{app} {tool}");
    }
    let against = "policies: {github: {allow_merge: false}, gh-one: {allow_merge: true}}";
    let errors = Bundle::compile_for(&known, &[file("a.yaml", against)]).unwrap_err();
    insta::assert_snapshot!(told(&errors));
}

#[test]
fn a_tool_is_listed_if_some_arguments_would_do() {
    let bundle = compiled(
        "policies: {aws: {read_only_by_default: true, allow_mutations_in_accounts: [sandbox]}, shell: {allow_run: true,\n\
         writable_paths: [/w], deny_commands: [rm]}, github: {allow_merge: false}}",
    );
    for (app, tool, verdict) in [
        ("aws", "stop_instances", Verdict::Allow),
        ("shell", "run", Verdict::Allow),
        ("github", "merge_pull_request", Verdict::Deny),
    ] {
        let mut listed = facts(app, tool, &Value::Null);
        listed.arguments = ArgumentFacts::open();
        assert_eq!(decide::decide(&bundle, &listed).verdict(), verdict, "{app} {tool}");
    }
}

#[test]
fn a_tool_is_listed_whatever_the_size_that_rules_ask_for() {
    let all = "{id: all, allow: all}";
    for (rules, verdict) in [
        (format!("{all}, {{id: r, deny: all, when: {{size: {{below: 100}}}}}}"), Verdict::Defer),
        (format!("{all}, {{id: r, deny: all, when: {{size: {{above: 100}}}}}}"), Verdict::Defer),
        ("{id: d, deny: [search]}, {id: r, allow: all, when: {size: {above: 100}}}".to_owned(), Verdict::Defer),
        ("{id: d, deny: all}, {id: r, allow: all, when: {size: {above: 100}}}".to_owned(), Verdict::Deny),
        (format!("{all}, {{id: r, deny: [search], when: {{size: {{below: 100}}}}}}"), Verdict::Allow),
    ] {
        let mut listed = facts("mail", "send", &Value::Null);
        listed.arguments = ArgumentFacts::open();
        let bundle = compiled(&format!("policies: {{mail: {{rules: [{rules}]}}}}"));
        assert_eq!(decide::decide(&bundle, &listed).verdict(), verdict, "{rules}");
    }
}

#[test]
fn it_is_known_of_which_apps_the_size_is_asked() {
    let measured = |files: &[RuleFile]| {
        let bundle = compiled_all(files);
        ["mail", "aws"].map(|app| bundle.measures(&AppId::parse(app).unwrap()))
    };
    let asks = "policies: {mail: {rules: [{id: a, deny: all, when: {size: {above: 9}}}]}}";
    assert_eq!(measured(&[file("a.yaml", asks)]), [true, false]);
    assert_eq!(measured(&[file("a.yaml", &asks.replace("mail", "'*'"))]), [true, true]);
    assert_eq!(measured(&[file("a.yaml", &asks.replace("size: {above: 9}", "arguments: {to: x}"))]), [false, false]);
    let cedar =
        "@says(\"s\") forbid (principal, action, resource in App::\"mail\") when { context.argument_bytes > 9 };";
    assert_eq!(measured(&[file("a.cedar", cedar)]), [true, true], "whatever app it is about");
}

#[test]
fn what_profiles_say_of_values_is_in_the_digest() {
    let yaml = file("a.yaml", "policies: {github: {require_human_review_for_repos: [infra]}}");
    let rego = file("a.rego", "package countersign\ndeny contains \"x\" if input.arguments.to == \"x\"");
    let mut other_join = known();
    let tools = &mut other_join.apps.get_mut("github").unwrap().tools;
    for role in tools.values_mut().filter_map(|tool| tool.roles.get_mut("repo")) {
        role.join = Some(":".to_owned());
    }
    let mut other_tools = known();
    other_tools.apps.get_mut("github").unwrap().tools.clear();
    for (other, rules) in [(other_join, yaml), (other_tools, rego)] {
        let digest = |known: &Known| Bundle::compile_for(known, std::slice::from_ref(&rules)).unwrap().digest();
        assert_ne!(digest(&known()), digest(&other), "{}", rules.name);
        assert_eq!(digest(&known()), digest(&known()), "{}", rules.name);
    }
}

#[test]
fn only_what_rules_of_the_app_read_is_read() {
    let bundle = compiled(
        "policies: {mail: {rules: [{id: a, deny: send, when: {arguments: {options.force: true}, roles: {recipient: {given: true}}}}]}}",
    );
    let reads = bundle.reads(&AppId::parse("mail").unwrap()).unwrap();
    let names = |set: &std::collections::BTreeSet<Arc<str>>| set.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        (names(&reads.roles), names(&reads.values)),
        (vec!["recipient".to_owned()], vec!["options.force".to_owned()])
    );
    assert!(bundle.reads(&AppId::parse("aws").unwrap()).is_none());
    assert!(bundle.reads(&AppId::parse("elsewhere").unwrap()).is_none());
}
