use super::matrix::Matrix;
use super::*;

pub(crate) const RULES: &str = r#"
@id("support-reads")
@says("support may look customers up until the freeze")
permit (principal, action == Action::"call", resource in App::"crm")
when { context.class == "read" && context.human.department == "support" && context.now < datetime("2026-12-20T00:00:00Z") };

@id("no-contractor-writes")
@says("contractors change no customer")
forbid (principal, action, resource == Tool::"crm/update_customer")
when { context.human has seniority && context.human.seniority == "contractor" };
"#;

const CONFIG: &str = r#"
people:
  ana: {name: Ana Diaz, department: finance, seniority: executive, role: cfo}
  bo: {name: Bo Lind, department: sales, seniority: senior, role: sales}
  sam: {name: Sam Reed, department: support, seniority: contractor, role: support, manager: bo}
  sue: {name: Sue Holm, department: support, seniority: senior, role: support, manager: bo}
agents:
  helper: {name: Helper, owner: sam}
apps:
  crm: {url: "http://127.0.0.1:1/mcp", profile: demo-crm, risk: high, data: restricted, owners: [bo], access: {departments: [sales, support]}}
  wiki: {url: "http://127.0.0.1:1/mcp", risk: low, data: internal, owners: [ana]}
"#;

/// A judge of a world with these rules in Cedar.
pub(crate) fn judge(rules: &str) -> Judge {
    judge_by("rules/a.cedar", rules)
}

fn judge_by(file: &str, rules: &str) -> Judge {
    let mut config = Config::parse(Path::new("countersign.yaml"), CONFIG, &|_| None).unwrap();
    config.rules = vec![policy::RuleFile { name: file.to_owned(), text: rules.to_owned() }];
    let bundle = compile(&config).unwrap();
    Judge::new(config, bundle)
}

pub(crate) fn question(who: &str, what: &str) -> Question {
    let (agent, human) = actor(who).unwrap();
    let (app, tool) = target(what).unwrap();
    Question { agent, human, app, tool, arguments: None, now: WEDNESDAY, class: None, spent: Vec::new() }
}

fn verdict(judge: &Judge, who: &str, what: &str) -> String {
    judge.decide(&judge.facts(&question(who, what)).unwrap()).verdict().to_string()
}

#[test]
fn a_profile_says_what_a_tool_is() {
    let judge = judge(RULES);
    assert_eq!(verdict(&judge, "helper/sam", "crm/search_customers"), "allow");
    assert_eq!(verdict(&judge, "helper/ana", "crm/search_customers"), "hold");
    assert_eq!(verdict(&judge, "helper/sue", "crm__update_customer"), "allow");
    assert_eq!(verdict(&judge, "helper/sam", "crm__update_customer"), "deny");
}

#[test]
fn what_is_not_there_is_named_with_the_nearest_word() {
    let judge = judge(RULES);
    let mut said = String::new();
    for (who, what) in [
        ("helper/san", "crm/search_customers"),
        ("helpr/sam", "crm/search_customers"),
        ("helper/sam", "crn/search_customers"),
        ("helper/sam", "crm/serch_customers"),
        ("helper/sam", "wiki/find"),
    ] {
        let fault = judge.facts(&question(who, what)).unwrap_err();
        said.push_str(&format!("{fault}\n  hint: {}\n", fault.way_out().unwrap()));
    }
    for fault in [actor("helper").unwrap_err(), target("crm").unwrap_err(), moment("soon").unwrap_err()] {
        said.push_str(&format!("{fault}\n  hint: {}\n", fault.way_out().unwrap()));
    }
    insta::assert_snapshot!(said, @r#"
    there is no person `san`
      hint: did you mean `sam`?
    there is no agent `helpr`
      hint: did you mean `helper`?
    there is no app `crn`
      hint: did you mean `crm`?
    nothing in the files says what `serch_customers` of app `crm` is
      hint: did you mean `search_customers`? if not, write its class beside it, as in `class: write`, or give the app a profile that knows it; what is pinned stands in the data directory and does not count here
    nothing in the files says what `find` of app `wiki` is
      hint: write its class beside it, as in `class: write`, or give the app a profile that knows it; what is pinned stands in the data directory and does not count here
    `helper` names no agent and person
      hint: write the agent and the person it acts for, as in `ana-assistant/ana`
    `crm` names no app and tool
      hint: write the app and the tool, as in `crm/find_contact`
    `soon` is not a moment
      hint: a date and time needs its zone, as in `2026-11-21T10:00:00Z`
    "#);
}

#[test]
fn a_class_that_is_given_stands_in_for_a_profile() {
    let judge = judge(RULES);
    let asked = Question { class: Some(Class::Read), ..question("helper/sam", "wiki/find") };
    assert_eq!(judge.decide(&judge.facts(&asked).unwrap()).verdict(), model::Verdict::Allow);
}

#[test]
fn moments_and_words_of_rules_are_found() {
    let file = |text: &str| vec![policy::RuleFile { name: "a".to_owned(), text: text.to_owned() }];
    let rules =
        file("from: 2026-12-20T00:00:00Z # the freeze\nuntil: 2027-01-04\nrepos: [production-infra, \"a b\"]\n");
    let moments: Vec<String> = probe::moments(&rules).into_iter().map(said).collect();
    assert_eq!(
        moments,
        ["2026-12-19T23:59:59Z", "2026-12-20T00:00:00Z", "2027-01-03T23:59:59Z", "2027-01-04T00:00:00Z"]
    );
    let words = probe::words(&rules);
    for word in ["production-infra", "a b"] {
        assert!(words.contains(word), "{words:?}");
    }
    assert!(!words.contains("freeze"), "{words:?}");
    let seconds = file("input.time.unix > 1800000000; 1 < 12");
    assert_eq!(
        probe::moments(&seconds).into_iter().map(said).collect::<Vec<_>>(),
        ["2027-01-15T07:59:59Z", "2027-01-15T08:00:00Z"]
    );
    // However many there are.
    let many: String = (0..3_000).map(|number| format!("2{number:03}-01-01 w{number}\n")).collect();
    assert!(probe::words(&file(&many)).contains("w2999"));
    let many: String = (2_000..4_000).map(|year| format!("{year}-01-01\n")).collect();
    assert_eq!(probe::moments(&file(&many)).len(), 4_000);
    assert_eq!(probe::week_from(WEDNESDAY).count(), 7 * 48);
}

#[test]
fn a_matrix_says_what_each_cell_depends_on() {
    let judge = judge(RULES);
    insta::assert_snapshot!(Matrix::of(&judge, WEDNESDAY).unwrap().text(), @r#"
    # The authority matrix: what an agent may do for a person of this role, by app and class of tool.
    # Where several verdicts stand in a cell, a word says what decides: the arguments, the tool (which one of its class), who
    # (which person of the role, or which agent), when (the time).
    # Written by `countersign matrix`, checked by `countersign matrix --check FILE`.

    crm (high risk, restricted data)
      role             read                 write                external             destructive
      cfo              hold                 deny                 hold                 deny
      sales            hold                 allow                hold                 deny
      support          allow|hold (when)    allow|deny (tool, who) hold                 deny

    wiki (low risk, internal data)
      role             read                 write                external             destructive
      cfo              allow                allow                hold                 deny
      sales            allow                deny                 hold                 deny
      support          allow                deny                 hold                 deny
    "#);
}

#[test]
fn a_matrix_shows_what_a_rule_in_rego_says_of_days_and_of_one_person() {
    let row = |condition: &str| {
        let rules = "package countersign\nIMPORT\ndeny contains \"no\" if { CONDITION }\n";
        let (import, condition) = condition.split_once('|').unwrap();
        let judge = judge_by("rules/a.rego", &rules.replace("IMPORT", import).replace("CONDITION", condition));
        let text = Matrix::of(&judge, WEDNESDAY).unwrap().text();
        let (_, wiki) = text.split_once("wiki").unwrap();
        wiki.lines()
            .find(|line| line.contains("support"))
            .unwrap()
            .split_whitespace()
            .skip(1)
            .take(3)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(row("|false"), "allow deny hold");
    assert_eq!(row("|input.tool.class == \"read\"; input.time.weekday == \"friday\""), "allow|deny (when) deny");
    assert_eq!(row("import input.time|input.tool.class == \"read\"; time.hour < 6"), "allow|deny (when) deny");
    for one in ["input.human.id == \"sam\"", "input.human.id == `sam`", "input.human.name == \"Sam Reed\""] {
        assert_eq!(row(&format!("|input.tool.class == \"read\"; {one}")), "allow|deny (who) deny", "{one}");
    }
}

/// Nobody says on files alone what such a tool is: it could be of any class.
#[test]
fn a_matrix_shows_what_rules_say_of_a_tool_that_no_profile_knows() {
    let row = |file: &str, rules: &str| {
        let text = Matrix::of(&judge_by(file, rules), WEDNESDAY).unwrap().text();
        let (_, wiki) = text.split_once("wiki").unwrap();
        let cells = wiki.lines().find(|line| line.contains("sales")).unwrap();
        cells.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("rules/a.yaml", "policies: {}"), "allow deny hold deny");
    let all = "allow allow|deny (tool) allow|hold (tool) allow|deny (tool)";
    let yaml = |rules: &str| row("rules/a.yaml", &format!("policies: {{wiki: {{rules: [{rules}]}}}}"));
    assert_eq!(yaml("{id: del, allow: [delete_page]}"), all);
    assert_eq!(
        yaml("{id: a, allow: [pay]}, {id: d, deny: [pay], when: {arguments: {amount: {above: 1000}}}}"),
        "allow|deny (arguments) allow|deny (arguments, tool) allow|hold|deny (arguments, tool) allow|deny (arguments, tool)"
    );
    let permits =
        |which: &str| row("rules/a.cedar", &format!("permit (principal, action, resource) when {{ {which} }};"));
    for which in [
        "resource == Tool::\"wiki/delete_page\"",
        "resource.name == \"delete_page\"",
        "resource.name like \"delete_*\"",
        "resource in [Tool::\"wiki/a\", Tool::\"wiki/b\"]",
    ] {
        assert_eq!(permits(which), all, "{which}");
    }
    let rego = "package countersign\ndeny contains \"no\" if input.tool.name == \"delete_page\"\n";
    assert_eq!(row("rules/a.rego", rego), "allow|deny (tool) deny hold|deny (tool) deny");
}

#[test]
fn a_matrix_does_not_depend_on_the_order_of_anything() {
    let turned: String = RULES.trim().rsplit("\n\n").collect::<Vec<_>>().join("\n\n");
    let text = |rules: &str| Matrix::of(&judge(rules), WEDNESDAY).unwrap().text();
    assert_eq!(text(RULES), text(&turned));
}

#[test]
fn cases_are_read_and_compared() {
    let judge = judge(RULES);
    let text = r#"
cases:
  - as: helper/sam
    tool: crm/search_customers
    expect: allow
    rule: support-reads
  - {name: after the freeze begins, as: helper/sam, tool: crm/search_customers, now: "2026-12-24T00:00:00Z", expect: hold}
  - {as: helper/sam, tool: crm/search_customers, expect: allow, rule: suport-reads}
  - {as: helper/sam, tool: crm/search_customers, expect: allow, rule: baseline-read}
  - {as: helper/sam, tool: crm/search_customers, expect: deny}
  - {as: helper/sam, tool: wiki/find, expect: allow}
  - {as: helper/nobody, tool: crm/search_customers, expect: deny}
"#;
    let cases = cases::read(Path::new("cases/a.yaml"), text, WEDNESDAY).unwrap();
    let mut said = String::new();
    for case in &cases {
        let ran = judge.run(case);
        let matched: Vec<&str> = ran.matched.iter().map(|rule| rule.as_str()).collect();
        let wrong = ran.wrong.as_deref().unwrap_or("ok");
        said.push_str(&format!("{} {}: {wrong} [{}]\n", case.line, case.name, matched.join(",")));
    }
    insta::assert_snapshot!(said, @r#"
    3 helper/sam crm/search_customers: ok [support-reads]
    7 after the freeze begins: ok []
    8 helper/sam crm/search_customers: there is no rule `suport-reads` (did you mean `support-reads`?) [support-reads]
    9 helper/sam crm/search_customers: expected allow by `baseline-read`, got it by `support-reads` [support-reads]
    10 helper/sam crm/search_customers: expected deny, got allow by `support-reads` [support-reads]
    11 helper/sam wiki/find: nothing in the files says what `find` of app `wiki` is (write its class beside it, as in `class: write`, or give the app a profile that knows it; what is pinned stands in the data directory and does not count here) []
    12 helper/nobody crm/search_customers: there is no person `nobody` (there is ana, bo, sam, sue) []
    "#);
}

#[test]
fn cases_that_cannot_be_read_say_where() {
    let mut said = String::new();
    for text in [
        "cases:\n  - {as: helper, tool: crm/x, expect: allow}\n",
        "cases:\n  - {as: helper/sam, tool: crm, expect: allow}\n",
        "cases:\n  - {as: helper/sam, tool: crm/x, expect: maybe}\n",
        "cases:\n  - {as: helper/sam, tool: crm/x, expect: deny, now: soon}\n",
        "cases:\n  - {as: helper/sam, tool: crm/x, expects: deny}\n",
        "cases:\n  - {as: helper/sam, tool: crm/x}\n",
        "case: []\n",
    ] {
        let problems = cases::read(Path::new("cases/a.yaml"), text, WEDNESDAY).unwrap_err();
        said.push_str(&format!("{}\n", crate::config::Problems(problems)));
    }
    insta::assert_snapshot!(said, @r#"
    cases/a.yaml:2:10: `helper` names no agent and person
      |   - {as: helper, tool: crm/x, expect: allow}
      |          ^
      hint: write the agent and the person it acts for, as in `ana-assistant/ana`
    cases/a.yaml:2:28: `crm` names no app and tool
      |   - {as: helper/sam, tool: crm, expect: allow}
      |                            ^
      hint: write the app and the tool, as in `crm/find_contact`
    cases/a.yaml:2:43: `maybe` is not a verdict: it takes allow, redact, hold, defer or deny
      |   - {as: helper/sam, tool: crm/x, expect: maybe}
      |                                           ^
    cases/a.yaml:2:54: `soon` is not a moment
      |   - {as: helper/sam, tool: crm/x, expect: deny, now: soon}
      |                                                      ^
      hint: a date and time needs its zone, as in `2026-11-21T10:00:00Z`
    cases/a.yaml:2:35: unknown key `expects`
      |   - {as: helper/sam, tool: crm/x, expects: deny}
      |                                   ^
      hint: did you mean `expect`?
    cases/a.yaml:2:22: the key `expect` is missing
      |   - {as: helper/sam, tool: crm/x}
      |                      ^
    cases/a.yaml:1:1: unknown key `case`
      | case: []
      | ^
      hint: did you mean `cases`?
    "#);
}

/// What the shipped example lets whom do is reviewed as any rule is. To accept another table: put what this test prints
/// in the place of the file.
#[test]
fn the_matrix_of_the_demo_is_the_one_that_was_reviewed() {
    let demo = include_str!("../commands/demo/demo.yaml");
    let home = tempfile::tempdir().unwrap();
    let mapping = include_str!("../commands/demo/ats.api.yaml").replace("${ATS}", "http://127.0.0.1:1/v1");
    std::fs::write(home.path().join("ats.api.yaml"), mapping).unwrap();
    std::fs::write(home.path().join("acme-screening.yaml"), include_str!("../commands/demo/acme-screening.yaml"))
        .unwrap();
    let environment = |name: &str| {
        Some(if name == "LISTEN" { "127.0.0.1:0".to_owned() } else { "http://127.0.0.1:1/mcp".to_owned() })
    };
    let config = Config::parse(&home.path().join("demo.yaml"), demo, &environment).unwrap();
    let bundle = compile(&config).unwrap();
    let now = Matrix::of(&Judge::new(config, bundle), WEDNESDAY).unwrap().text();
    let reviewed = include_str!("../../../../policies/matrix.txt");
    assert!(now == reviewed, "policies/matrix.txt is not what the demo's rules say now:\n{now}");
}
