//! Every message about bad input, whole.

use super::*;

fn wrong_all(files: &[RuleFile]) -> String {
    told(&Bundle::compile_for(&known(), files).expect_err("something is wrong"))
}

fn wrong(text: &str) -> String {
    wrong_all(&[file("policy.yaml", text)])
}

#[test]
fn unknown_words_name_the_nearest_right_one() {
    insta::assert_snapshot!(wrong(
        r#"
polices: {}
policies:
  githb: {allow_merge: true}
  zzzzzzzz: {}
  github:
    allow_mrge: true
    alow_merge: true
    read_only: true
    require_human_review_for_repo: [a]
    require_human_review_for_accounts: [a]
    allow_mutations_in_region: [a]
    rules:
      - {id: a, deny: [merge_pullrequest]}
      - {id: b, deny: ["class:writ"]}
      - {id: c, deny: all, wen: {}}
      - {id: d, deny: all, when: {human: {departmnt: finance}}}
      - {id: e, deny: all, when: {human: {manager: anna}}}
      - {id: f, deny: all, when: {agent: {id: helpr}}}
      - {id: g, deny: all, when: {app: {risk: hihg}}}
      - {id: h, deny: [merge], when: {roles: {path: {under: /x}}}}
      - {id: i, deny: all, when: {roles: {repository: {like: "a*"}}}}
      - {id: j, deny: all, when: {arguments: {to: {domian: [a.com]}}}}
      - {id: k, deny: all, when: {tool: {label: customer-dat}}}
      - {id: l, hold: all, approvers: [owner-of-ap, "role:", manager-of-human]}
      - {id: m, deny: all, when: {time: {dais: mon}}}
      - {id: n, deny: ["tool:merge", "verb:merge_pull_request"]}
      - {id: o, hold: all, approvers: ["human:anna", "human:bob"]}
  notes:
    allow_write: true
    writable_paths: [/a]
    require_human_review_for_repos: [a]
freezes:
  - {id: x, from: 2026-12-20T00:00:00Z, until: 2027-01-04T00:00:00Z, apps: [depoy], classes: [writes]}
agents:
  helpre: {recommend_only: true}
  scribe: {recommends: true}
examples:
  - {as: helper/anna, tool: github/merge, expect: deny}
  - {as: helper/ana, tool: github/merge, expect: denied}
  - {as: helper, tool: github, expect: deny, rules: x}
  - {as: helper/ana, tool: githup/merge, expect: deny}
"#
    ));
}

#[test]
fn values_of_the_wrong_kind() {
    insta::assert_snapshot!(wrong(
        r#"
policies:
  github:
    allow_merge: "no"
    allow_pr_open: no
    require_human_review_for_repos: []
    rules: {id: a}
  shell:
    max_runtime_seconds: 0
    writable_paths: [workspace, ~/x, "/a/../b", /a/*]
    deny_commands: ["rm -rf / | cat", "rm 'x", ""]
    max_calls: 200
    max_retries: many
    max_concurrency: {most: 4, within: hour}
  aws:
    require_approval_above_cost_class: middle
    read_only_by_default: 1
    max_calls: 200/week
    allow_mutations_in_accounts: {a: b}
  mail:
    approvals: 9
    rules:
      - {id: a, deny: true}
      - {id: b}
      - {deny: all}
      - {id: c, deny: all, hold: all}
      - {id: d, redact: all}
      - {id: d2, redact: all, fields: [email]}
      - {id: d3, hold: all, fields: [$.email]}
      - {id: e, deny: all, when: {}}
      - {id: f, deny: all, when: {time: {hours: "9-17"}}}
      - {id: g, deny: all, when: {time: {days: monday}}}
      - {id: h, deny: all, when: {time: {hours: "09:00-17:00", zone: Europe/Berlim}}}
      - {id: i, deny: all, when: {time: {zone: Europe/Berlin}}}
      - {id: j, deny: all, when: {arguments: {to: {domain: ["ana@example.com"]}}}}
      - {id: k, deny: all, when: {arguments: {n: {above: many}}}}
      - {id: l, deny: all, says: "one\ntwo"}
      - {id: m, deny: all, approvals: 2}
      - {id: "baseline-x", deny: all}
      - {id: "a b", deny: all}
      - {id: n, deny: all, when: {human: {department: "fin*"}}}
freezes:
  - {id: late, from: 2027-01-04T00:00:00Z, until: 2026-12-20T00:00:00Z}
  - {id: open, from: tomorrow, until: 2026-12-20T00:00:00Z}
  - {from: 2026-12-20T00:00:00Z}
agents: [helper]
examples:
  - {tool: mail/send}
"#
    ));
}

#[test]
fn rules_that_can_never_match() {
    insta::assert_snapshot!(wrong(
        r#"
policies:
  github:
    require_human_review_for_repos: ["*"]
    allow_mutations_in_repos: [sandbox]
    rules:
      - {id: a, deny: all, when: {human: {role: cfo}}, unless: {human: {role: cfo}}}
      - {id: b, deny: all, when: {roles: {repo: {above: 5, below: 5}}}}
      - {id: c, deny: all, when: {human: {not: {role: cfo}, role: cfo}}}
      - {id: d, allow: all, when: {roles: {repo: [website]}}}
  aws:
    require_approval_above_cost_class: high
    deny_commands: [rm]
"#
    ));
}

#[test]
fn what_says_nothing_is_true_of_everything() {
    insta::assert_snapshot!(wrong(
        r#"
policies:
  mail:
    rules:
      - {id: a, allow: all, when: {arguments: {amount: {}}}}
      - {id: b, allow: all, when: {arguments: {}}}
      - {id: c, allow: all, when: {human: {department: {}}}}
      - {id: d, allow: all, when: {human: {}}}
      - {id: e, allow: all, when: {roles: {}}}
      - {id: f, allow: all, when: {roles: {amount: {not: {}}}}}
      - {id: g, allow: all, when: {size: {}}}
      - {id: h, allow: all, when: {tool: {not: {}}}}
      - {id: i, deny: all, unless: {not: {any: []}}}
"#
    ));
}

#[test]
fn questions_that_no_value_answers() {
    insta::assert_snapshot!(wrong(
        r#"
policies:
  shell:
    max_retries: {most: 3, per: human}
    require_human_review_for_paths: [etc/]
    rules:
      - {id: a, allow: [run], when: {arguments: {cmd: {command: git status}}}}
      - {id: b, deny: all, when: {roles: {command: {begins: /bin/rm}}}}
      - {id: c, deny: all, when: {roles: {command: "rm x; ls"}}}
      - {id: d, deny: all, when: {roles: {path: {begins: etc}}}}
      - {id: e, deny: all, when: {arguments: {n: .5}}}
  mail:
    rules:
      - {id: f, deny: all, when: {roles: {recipient: "Ana <ana@example.com>"}}}
      - {id: g, deny: all, when: {roles: {recipient: {ends: "@example.com>"}}}}
  web:
    rules:
      - {id: h, deny: all, when: {roles: {url: {begins: "https://evil."}}}}
      - {id: i, deny: all, when: {roles: {url: "https://evil.org/"}}}
"#
    ));
}

#[test]
fn values_that_no_call_has() {
    insta::assert_snapshot!(wrong(
        r#"
policies:
  shell:
    deny_commands: ["X=1 git push"]
    rules:
      - {id: a, deny: all, when: {roles: {command: {command: "X=1 Y=2 git push"}}}}
      - {id: b, deny: all, when: {roles: {command: "X=1 git push"}}}
      - {id: c, deny: all, when: {roles: {command: {begins: "X=1 git"}}}}
      - {id: d, deny: all, when: {roles: {path: {ends: "x/"}}}}
      - {id: e, deny: all, when: {roles: {path: {like: "/etc/"}}}}
      - {id: f, deny: all, when: {roles: {path: {like: "*/../x"}}}}
      - {id: g, deny: all, when: {roles: {path: {begins: "/a/../b"}}}}
      - {id: h, deny: all, when: {roles: {path: {ends: "/.."}}}}
  web:
    rules:
      - {id: i, deny: all, when: {roles: {url: "evil.org:8443"}}}
      - {id: j, deny: all, when: {roles: {url: {like: "*:8443"}}}}
      - {id: k, deny: all, when: {roles: {url: {domain: "bücher.example"}}}}
      - {id: l, deny: all, when: {arguments: {u: {domain: ["a..b", "evil.org.", "127.1"]}}}}
"#
    ));
}

#[test]
fn values_that_calls_have_are_not_refused() {
    compiled(
        r#"
policies:
  shell:
    deny_commands: ["make X=1", "./x=1"]
    rules:
      - {id: a, deny: all, when: {roles: {path: {begins: ["/etc/", "/etc/..data"]}}}}
      - {id: b, deny: all, when: {roles: {path: {like: ["/etc/*", "/*/..x", "/", "*/"]}}}}
      - {id: c, deny: all, when: {roles: {path: {ends: ["/passwd", "..", ".d", "/"]}}}}
      - {id: d, deny: all, when: {roles: {command: {like: "* X=1*"}}}}
  web:
    rules:
      - {id: e, deny: all, when: {roles: {url: ["[::1]", "127.0.0.1", evil.org]}}}
      - {id: f, deny: all, when: {roles: {url: {like: ["[fe80:*", "*:1]", "*::*"]}}}}
      - {id: g, deny: all, when: {roles: {url: {domain: ["*.evil.org", localhost, a_b.org, xn--bcher-kva.example, 127.0.0.1]}}}}
"#,
    );
}

#[test]
fn cedar_that_asks_for_what_no_rule_makes() {
    let cedar = "permit (principal, action, resource);\n\n\
        @says(\"s\")\nforbid (principal, action, resource) when { context.some.contains(\"path under /etc\") };\n\
        @says(\"s\")\nforbid (principal, action, resource) when { context.spent.contains(\"shell.max_call\") };\n\
        @says(\"s\")\nforbid (principal, action, resource) when { context.every.containsAny([\"path under /w\", \"x\"]) };\n\
        @says(\"s\")\nforbid (principal, action, resource) when { [\"y\"].containsAny(context.some) };\n\
        @says(\"s\")\nforbid (principal, action, resource) when { context.spent.contains(\"shell.max_calls\") };\n\
        @says(\"s\")\nforbid (principal, action, resource in App::\"mail\") when { context.spent.contains(\"shell.max_calls\") };\n\
        @says(\"s\")\nforbid (principal, action, resource in App::\"shell\") when { context.spent.contains(\"shell.max_calls\") };\n\
        @says(\"s\")\nforbid (principal, action, resource == Tool::\"shell/run\") when { context.spent.contains(\"shell.max_calls\") };\n";
    let yaml = "policies: {shell: {writable_paths: [/w], max_calls: 3/hour}}";
    insta::assert_snapshot!(wrong_all(&[file("own.cedar", cedar), file("policy.yaml", yaml)]));
}

#[test]
fn cedar_may_say_in_its_conditions_where_a_budget_is_counted() {
    let cedar = "permit (principal, action, resource);\n\
        @says(\"s\")\nforbid (principal, action == Action::\"call\", resource)\n\
        when { resource.app == App::\"shell\" && context.spent.contains(\"shell.max_calls\") };\n\
        @says(\"s\")\nforbid (principal, action, resource)\n\
        when { resource in App::\"shell\" && context.spent.contains(\"shell.max_calls\") };\n";
    let yaml = "policies: {shell: {max_calls: 3/hour}}";
    let files = [file("own.cedar", cedar), file("policy.yaml", yaml)];
    let bundle = Bundle::compile_for(&known(), &files).unwrap_or_else(|errors| panic!("{}", told(&errors)));
    let notes = bundle.notes().iter().filter(|note| note.to_string().contains("is counted on `shell` only"));
    assert_eq!(notes.count(), 2);
}

#[test]
fn no_regular_expressions() {
    insta::assert_snapshot!(wrong(
        r#"
policies:
  github:
    require_human_review_for_repos: ["^prod-.*$", "prod-[ab]*"]
    rules:
      - {id: a, deny: all, when: {arguments: {q: {regex: "(a+)+$"}}}}
      - {id: b, deny: all, when: {arguments: {q: {matches: "x"}}}}
      - {id: c, deny: all, when: {arguments: {q: {like: "(a|b)*"}}}}
      - {id: d, deny: all, when: {human: {department: {like: "fin.*"}}}}
      - {id: e, deny: all, when: {human: {department: {like: "**"}}}}
"#
    ));
}

#[test]
fn what_contradicts_itself() {
    let first =
        file("a.yaml", "policies:\n  github:\n    allow_merge: true\n    require_human_review_for_repos: [a]\n");
    let second =
        file("b.yaml", "policies:\n  github:\n    require_human_review_for_repos: [b]\n    allow_merge: false\n");
    let both = [first, second];
    let said = wrong_all(&both);
    insta::assert_snapshot!(said);
    let [first, second] = both;
    assert_eq!(wrong_all(&[second, first]), said, "the order of files does not matter");
}

#[test]
fn the_same_twice() {
    insta::assert_snapshot!(wrong("policies:\n  github:\n    allow_merge: true\n    allow_merge: true\n"));
    insta::assert_snapshot!(wrong("policies:\n  github: {}\n  github: {}\n"));
    let ids = "policies:\n  mail:\n    rules:\n      - {id: x, deny: all}\n      - {id: x, hold: all}\n";
    insta::assert_snapshot!(wrong(ids));
    let cedar = file("z.cedar", "@id(\"x\") permit (principal, action, resource);");
    let yaml = file("a.yaml", "policies:\n  mail:\n    rules:\n      - {id: x, deny: all}\n");
    insta::assert_snapshot!(wrong_all(&[yaml, cedar]));
}

#[test]
fn what_is_no_document() {
    insta::assert_snapshot!(wrong("policies: ["));
    insta::assert_snapshot!(wrong("policies: {}\n---\npolicies: {}\n"));
    insta::assert_snapshot!(wrong("- a\n"));
    insta::assert_snapshot!(wrong("policies: !!python/object {}\n"));
    insta::assert_snapshot!(wrong(&format!("policies: {}", "[".repeat(1_000))));
    insta::assert_snapshot!(wrong(&format!("policies: {}", "{a: ".repeat(100))));
}

#[test]
fn a_bomb_does_not_go_off() {
    let mut bomb = String::from("a: &a [x, x, x, x, x, x, x, x, x, x]\n");
    for (letter, before) in "bcdefghi".chars().zip("abcdefgh".chars()) {
        let uses = vec![format!("*{before}"); 10].join(", ");
        writeln!(bomb, "{letter}: &{letter} [{uses}]").unwrap();
    }
    insta::assert_snapshot!(wrong(&bomb));
}

#[test]
fn more_than_the_bounds() {
    let line = "      - {id: r, deny: all}\n";
    let large = format!("policies:\n  mail:\n    rules:\n{}", line.repeat(5_000_000 / line.len()));
    insta::assert_snapshot!(wrong(&large));
    let many: String =
        (0..=crate::yaml::RULES_MAX).map(|place| format!("    - {{id: r{place}, deny: all}}\n")).collect();
    insta::assert_snapshot!(wrong(&format!("policies:\n  mail:\n   rules:\n{many}")));
}
