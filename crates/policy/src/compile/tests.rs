use crate::{Bundle, RuleFile};

fn wrong(text: &str) -> String {
    let file = RuleFile { name: "rules/a.cedar".into(), text: text.into() };
    let mut shown = String::new();
    for error in Bundle::compile(&[file]).expect_err("something is wrong") {
        shown.push_str(&format!("{error}\n"));
        shown.extend(error.hint().map(|hint| format!("  hint: {hint}\n")));
    }
    shown
}

#[test]
fn unknown_words_name_the_nearest_right_one() {
    let rules = r##"permit (principal, action, resource)
when { resource.app.riks == "low" };
permit (principal, action, resource) when { resource.risk == "low" };
permit (principal, action, resource) when { principal.department == "it" };
permit (principal, action, resource) when { context.name == "it" };
permit (principal, action, resource) when { context.zzzzzz == "it" };
permit (principal, action, resource) when { !(resource.app has riks) };
permit (principal, action, resource in Ap::"crm");
permit (principal, action == Action::"cal", resource);
permit (principal, action, resource) when { context.human in Role::"cfo" };"##;
    insta::assert_snapshot!(wrong(rules), @r##"
    rules/a.cedar:2:21: unknown attribute `riks`
      hint: did you mean `risk`?
    rules/a.cedar:3:54: unknown attribute `risk`
      hint: did you mean `resource.app.risk`?
    rules/a.cedar:4:55: unknown attribute `department`
      hint: did you mean `context.human.department`?
    rules/a.cedar:5:53: unknown attribute `name`
      hint: did you mean `context.human.name`, `principal.name`, `resource.app.name` or `resource.name`?
    rules/a.cedar:6:53: unknown attribute `zzzzzz`
    rules/a.cedar:7:64: unknown attribute `riks`
      hint: did you mean `risk`?
    rules/a.cedar:8:40: unknown entity type `Ap`
      hint: did you mean `App`?
    rules/a.cedar:9:30: unknown action `Action::"cal"`
      hint: it is one of `Action::"call"`, `Action::"read"`, `Action::"get"`, `Action::"complete"` or `Action::"ask"`
    rules/a.cedar:10:62: unknown entity type `Role`
      hint: compare the attribute: `context.human.role == "…"`
    "##);
}

#[test]
fn values_that_never_occur() {
    let rules = r##"permit (principal, action, resource) when { context.class == "destructve" };
permit (principal, action, resource) when { "foo" != resource.class };
permit (principal, action, resource) when { ["read", "writ"].contains(resource.class) };
permit (principal, action, resource) when { if context.access then resource.app.data == "secret" else false };
permit (principal, action, resource) when { resource.app.risk like "*" && resource.status == "pined" };"##;
    insta::assert_snapshot!(wrong(rules), @r##"
    rules/a.cedar:1:62: `class` is never `destructve`
      hint: did you mean `destructive`?
    rules/a.cedar:2:45: `class` is never `foo`
      hint: it is `read`, `write`, `external` or `destructive`
    rules/a.cedar:3:54: `class` is never `writ`
      hint: did you mean `write`?
    rules/a.cedar:4:89: `data` is never `secret`
      hint: it is `public`, `internal`, `confidential` or `restricted`
    rules/a.cedar:5:94: `status` is never `pined`
      hint: did you mean `pinned`?
    "##);
}

#[test]
fn rules_that_can_never_match() {
    let rules = r##"permit (principal, action, resource == App::"crm");
permit (principal, action, resource is App);
permit (principal, action, resource) when { false };
forbid (principal, action, resource) when { "a" == "b" };
permit (principal is Human, action, resource);"##;
    insta::assert_snapshot!(wrong(rules), @r##"
    rules/a.cedar:1:1: this rule can never match
      hint: the resource is a tool: write `resource in App::"…"` for all tools of an app
    rules/a.cedar:2:1: this rule can never match
      hint: the resource is a tool: write `resource in App::"…"` for all tools of an app
    rules/a.cedar:3:1: this rule can never match
    rules/a.cedar:4:1: this rule can never match
    rules/a.cedar:5:1: this rule can never match
    "##);
}

#[test]
fn ids_that_nothing_can_have() {
    let rules = r##"permit (principal, action, resource in App::"CRM System");
permit (principal, action, resource == Tool::"find");
permit (principal == Agent::"a b", action, resource) unless { context.human == Human::"" };"##;
    insta::assert_snapshot!(wrong(rules), @r##"
    rules/a.cedar:1:45: `CRM System` is not an app's id: it takes 1 to 32 characters of a-z 0-9 -
    rules/a.cedar:2:46: `Tool::"find"` names no app
      hint: write `Tool::"app/find"` with the id of its app
    rules/a.cedar:3:29: `a b` is not an agent's id: it takes 1 to 128 characters of A-Z a-z 0-9 . _ @ + -
    rules/a.cedar:3:87: `` is not a person's id: it takes 1 to 128 characters of A-Z a-z 0-9 . _ @ + -
    "##);
}

#[test]
fn people_of_whom_only_the_identity_is_known() {
    let rules = r##"permit (principal, action, resource) when { principal.owner.department == "it" };
permit (principal, action, resource) when { context.human.manager has role };"##;
    insta::assert_snapshot!(wrong(rules), @r##"
    rules/a.cedar:1:61: of `owner` only the identity is known here, not `department`
      hint: compare it with a human: `….owner == Human::"…"`
    rules/a.cedar:2:71: of `manager` only the identity is known here, not `role`
      hint: compare it with a human: `….manager == Human::"…"`
    "##);
}

#[test]
fn types() {
    let rules = r##"permit (principal, action, resource) when { context.task == 3 };
permit (principal, action, resource) when { context.task };
forbid (principal, action, resource) when { context.now > datetime("2026") };
forbid (principal, action, resource) when { resource.app.owners.contains("ana") };
forbid (principal, action, resource) when { context.human.name like "a\u{202E}b" };
forbid (principal, action, resource) when { !(context.human has department) && context.human.riks == 1 };"##;
    insta::assert_snapshot!(wrong(rules), @r##"
    rules/a.cedar:1:45: the types Long and String are not compatible
      hint: both operands to a `==` expression must have compatible types. Types must be exactly equal to be compatible
    rules/a.cedar:2:45: unexpected type: expected Bool but saw String
    rules/a.cedar:3:59: error during extension function argument validation: failed to parse as a datetime value: `"2026"`
      hint: valid datetime strings start with `YYYY-MM-DD` and may optionally include `THH:MM:SS` plus `Z`, `.SSSZ`, or an offset like `+0700`
    rules/a.cedar:4:45: the types String and Human are not compatible
      hint: elements of the first operand and the second operand to a `contains` expression must have compatible types. Types must be exactly equal to be compatible
    rules/a.cedar:6:94: unknown attribute `riks`
      hint: did you mean `risk`?
    "##);
}

#[test]
fn syntax_of_every_rule() {
    let rules = r##"permit (principal, action, resource) when { context.access == true && };
permit (principal, action);
permt (principal, action, resource);
permit (principal, action, resource) // a missing end
permit (principal, action, resource);
permit (principal, action, resource) when { foo(1) };
;
@id("a") @id("b") permit (principal, action, resource);
permit (principal, action, resource)"##;
    insta::assert_snapshot!(wrong(rules), @r##"
    rules/a.cedar:1:71: unexpected token `}`
    rules/a.cedar:2:26: this policy is missing the `resource` variable in the scope
      hint: policy scopes must contain a `principal`, `action`, and `resource` element in that order
    rules/a.cedar:3:1: invalid policy effect: permt
      hint: effect must be either `permit` or `forbid`
    rules/a.cedar:5:8: unexpected token `(`
    rules/a.cedar:6:45: `foo` is not a valid function
      hint: did you mean `ip`?
    rules/a.cedar:7:1: unexpected token `;`
    rules/a.cedar:8:10: duplicate annotation: @id
    rules/a.cedar:9:37: unexpected end of input
      hint: a rule ends with `;`
    "##);
}

#[test]
fn a_string_without_end() {
    let rules = r##"permit (principal, action, resource);
@says("no end) permit (principal, action, resource);"##;
    insta::assert_snapshot!(wrong(rules), @r##"
    rules/a.cedar:2:7: invalid token
      hint: try checking that all strings are closed properly
    "##);
}

#[test]
fn templates() {
    let rules = r##"permit (principal == ?principal, action, resource in ?resource);"##;
    insta::assert_snapshot!(wrong(rules), @r##"
    rules/a.cedar:1:22: a rule with a slot is a template, and nothing fills it
      hint: write the agent, tool or app itself, or leave the condition open: `principal`, `resource`
    "##);
}

#[test]
fn ids() {
    let rules = r##"@id("x") permit (principal, action, resource);
@id("x") forbid (principal, action, resource);
@id("a#4") permit (principal, action, resource);
permit (principal, action, resource);
@id("baseline-read") permit (principal, action, resource);
@id("guard:x") permit (principal, action, resource);
@id("a b") permit (principal, action, resource);"##;
    insta::assert_snapshot!(wrong(rules), @r##"
    rules/a.cedar:2:1: the id `x` is taken by the rule at rules/a.cedar:1
      hint: give each rule its own `@id`
    rules/a.cedar:4:1: the id `a#4` is taken by the rule at rules/a.cedar:3
      hint: give each rule its own `@id`
    rules/a.cedar:5:1: ids that begin with `baseline-` are built in
      hint: choose another id
    rules/a.cedar:6:1: ids that begin with `guard:` are built in
      hint: choose another id
    rules/a.cedar:7:1: `a b` is not a rule's id: it takes 1 to 128 visible ASCII characters
    "##);
}

#[test]
fn annotations() {
    let rules = r##"@outcom("hold") forbid (principal, action, resource);
@colour("red") forbid (principal, action, resource);
@outcome("holt") forbid (principal, action, resource);
@outcome("hold") permit (principal, action, resource);
@redact("mail") permit (principal, action, resource);
@outcome("redact") forbid (principal, action, resource);
@approvers("owner-of-app") forbid (principal, action, resource);
@outcome("hold") @approvers("owner-of-ap, role:") forbid (principal, action, resource);
@says("") forbid (principal, action, resource);
@instead("one\ntwo") forbid (principal, action, resource);
@defer @outcome("hold") forbid (principal, action, resource);"##;
    insta::assert_snapshot!(wrong(rules), @r##"
    rules/a.cedar:1:1: unknown annotation `@outcom`
      hint: did you mean `outcome`?
    rules/a.cedar:2:1: unknown annotation `@colour`
      hint: a rule takes `id`, `outcome`, `defer`, `redact`, `approvers`, `approvals`, `says`, `instead`, `observe`, `security_relevant` or `max_runtime`
    rules/a.cedar:3:1: unknown outcome `holt`
      hint: did you mean `hold`?
    rules/a.cedar:4:1: a `permit` cannot have the outcome `hold`
      hint: write a `permit` and beside it `@outcome("hold") forbid (…)`
    rules/a.cedar:5:1: `@redact` takes paths of JSONPath (RFC 9535): a path begins with `$`, the whole answer
      hint: for example `$.customers[*].email, $..iban`
    rules/a.cedar:5:1: a `permit` cannot have the outcome `redact`
      hint: write a `permit` and beside it `@outcome("redact") forbid (…)`
    rules/a.cedar:6:1: a rule that redacts says what it hides
      hint: add the paths of the fields: `@redact("$.customers[*].email")`
    rules/a.cedar:7:1: only a hold has approvers
      hint: add `@outcome("hold")`, or leave them out
    rules/a.cedar:8:18: unknown approver `owner-of-ap`
      hint: did you mean `owner-of-app`?
    rules/a.cedar:8:18: unknown approver `role:`
      hint: it takes `role:` and a role, `human:` and a person, `owner-of-app` or `manager-of`
    rules/a.cedar:9:1: `@says` takes one sentence on one line
    rules/a.cedar:10:1: `@instead` takes one sentence on one line
    rules/a.cedar:11:8: `@defer` and `@outcome` contradict each other
      hint: keep one of them
    "##);
}

#[test]
fn guarded_questions_and_two_scripts_are_fine() {
    let rules = [
        "permit (principal, action, resource) when { context.human has department };",
        "forbid (principal, action, resource) unless { context.human has department };",
        "forbid (principal, action, resource) when { !(resource.app has category) };",
        "forbid (principal, action, resource) when { context.human has manager && context.human.manager == Human::\"bob\" };",
        "forbid (principal, action, resource) when { context.human.department == \"IT部門\" };",
        "permit (principal, action, resource) when { principal.owner == context.human };",
        "permit (principal, action, resource) when { resource.app.owners.contains(context.human) };",
        "permit (principal, action, resource) when { context.now.toTime() < duration(\"18h\") };",
        "// nothing but a comment; really\n",
        "",
    ];
    for text in rules {
        let file = RuleFile { name: "a.cedar".into(), text: text.into() };
        assert!(Bundle::compile(&[file]).is_ok(), "{text}");
    }
}

#[test]
fn errors_of_all_files_come_at_once() {
    let file =
        |name: &str| RuleFile { name: name.into(), text: "permit (principal, action, resource) when { 1 };".into() };
    let errors = Bundle::compile(&[file("b.cedar"), file("a.cedar")]).expect_err("both are wrong");
    let files: Vec<_> = errors.iter().map(|error| (error.file(), error.line(), error.column())).collect();
    assert_eq!(files, [("a.cedar", 1, 45), ("b.cedar", 1, 45)]);
}

#[test]
fn a_file_past_the_limit_is_refused() {
    let text = " ".repeat(usize::try_from(model::limits::FILE_BYTES_MAX).expect("fits") + 1);
    let errors = Bundle::compile(&[RuleFile { name: "a.cedar".into(), text }]).expect_err("too large");
    assert_eq!(errors[0].to_string(), "a.cedar:1:1: this file is larger than 8388608 bytes");
}
