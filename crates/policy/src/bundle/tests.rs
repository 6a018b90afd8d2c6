use std::fmt::Write as _;

use model::{
    Access, Agent, App, AppId, ArgumentFacts, Class, ClassSource, DataClassification, Human, HumanId, Method, Risk,
    RuleFaultKind, RuleOutcome, TaskId, ToolFacts, ToolName, ToolStatus, UnixMicros,
};

use super::*;

pub(crate) fn facts(class: Class, risk: Risk, access: bool) -> Facts {
    let ana = HumanId::parse("ana").unwrap();
    Facts {
        // 2026-11-21T09:30:00Z, a Saturday.
        now: UnixMicros(1_795_253_400_000_000),
        method: Method::ToolsCall,
        agent: Arc::new(Agent {
            id: "helpdesk".parse().unwrap(),
            name: "Helpdesk".into(),
            owner: HumanId::parse("bob").unwrap(),
            model_tier: None,
            recommend_only: false,
            active: true,
        }),
        human: Arc::new(Human {
            id: ana.clone(),
            name: "Ana".into(),
            department: Some("support".into()),
            seniority: None,
            role: Some("agent-lead".into()),
            manager: Some(HumanId::parse("bob").unwrap()),
            active: true,
        }),
        task: TaskId::parse("t-1").unwrap(),
        app: Arc::new(App {
            id: AppId::parse("crm").unwrap(),
            name: "CRM".into(),
            risk,
            data: DataClassification::Confidential,
            category: None,
            owners: vec![HumanId::parse("bob").unwrap()],
            access: Access::default(),
            stopped: false,
            observe: false,
        }),
        tool: ToolFacts::new(ToolName::parse("find_contact").unwrap(), class, ClassSource::Profile, ToolStatus::Pinned),
        access,
        all_stopped: false,
        arguments: ArgumentFacts::unread(),
        spent: Vec::new(),
        approved: Vec::new(),
        contract: None,
    }
}

pub(crate) fn file(name: &str, text: &str) -> RuleFile {
    RuleFile { name: name.into(), text: text.into() }
}

fn bundle(text: &str) -> Bundle {
    Bundle::compile(&[file("rules/a.cedar", text)]).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

fn shown(evaluation: &Evaluation) -> String {
    let mut shown = String::new();
    for hit in &evaluation.hits {
        assert_eq!(hit.effect, hit.rule.effect(), "what is said of {} beside it", hit.rule.id);
        writeln!(shown, "{:?} {}", hit.rule.outcome, hit.rule.id).unwrap();
    }
    for fault in &evaluation.faults {
        writeln!(shown, "{:?} {}", fault.kind, fault.rule.id).unwrap();
    }
    shown
}

/// What the organisation's rules say of a read on a medium-risk app by somebody without access.
fn check(text: &str, expected: &str) {
    let read = facts(Class::Read, Risk::Medium, false);
    assert_eq!(shown(&bundle(text).evaluate(Layer::Organisation, &read)).trim(), expected, "{text}");
}

#[test]
fn baseline_rows() {
    let bundle = Bundle::compile(&[]).unwrap();
    let mut table = String::new();
    for class in Class::ALL {
        for risk in [Risk::Low, Risk::Medium, Risk::High] {
            for access in [true, false] {
                let evaluation = bundle.evaluate(Layer::Baseline, &facts(class, risk, access));
                let ids: Vec<_> = evaluation.hits.iter().map(|hit| hit.rule.id.as_str()).collect();
                let strictest = evaluation.hits.iter().map(|hit| hit.rule.outcome).max().unwrap();
                assert!(evaluation.faults.is_empty());
                let access = if access { "access" } else { "no access" };
                writeln!(table, "{class:11} {:6} {access:9} {strictest:?} {}", risk.as_str(), ids.join(" ")).unwrap();
            }
        }
    }
    insta::assert_snapshot!(table, @r"
    read        low    access    Permit baseline-read
    read        low    no access Permit baseline-read
    read        medium access    Hold baseline-read baseline-read-hold
    read        medium no access Hold baseline-read baseline-read-hold
    read        high   access    Hold baseline-read baseline-read-hold
    read        high   no access Hold baseline-read baseline-read-hold
    write       low    access    Permit baseline-write
    write       low    no access Deny baseline-write-access
    write       medium access    Permit baseline-write
    write       medium no access Deny baseline-write-access
    write       high   access    Permit baseline-write
    write       high   no access Deny baseline-write-access
    external    low    access    Hold baseline-external baseline-external-hold
    external    low    no access Hold baseline-external baseline-external-hold
    external    medium access    Hold baseline-external baseline-external-hold
    external    medium no access Hold baseline-external baseline-external-hold
    external    high   access    Hold baseline-external baseline-external-hold
    external    high   no access Hold baseline-external baseline-external-hold
    destructive low    access    Deny baseline-destructive
    destructive low    no access Deny baseline-destructive
    destructive medium access    Deny baseline-destructive
    destructive medium no access Deny baseline-destructive
    destructive high   access    Deny baseline-destructive
    destructive high   no access Deny baseline-destructive
    ");
}

#[test]
fn every_baseline_rule_explains_itself() {
    let bundle = Bundle::compile(&[]).unwrap();
    for rule in bundle.rules() {
        assert!(rule.id.as_str().starts_with("baseline-"), "{rule:?}");
        assert!(!rule.sentence.contains("of this organisation forbids"), "{rule:?}");
        assert_eq!(rule.source.file.as_ref(), "baseline.cedar");
        assert_eq!(rule.outcome == RuleOutcome::Permit, rule.instead.is_none(), "{rule:?}");
        assert_eq!(rule.outcome == RuleOutcome::Hold, !rule.approvers.is_empty(), "{rule:?}");
    }
    assert!(bundle.evaluate(Layer::Organisation, &facts(Class::Read, Risk::Low, true)).hits.is_empty());
}

#[test]
fn every_match_of_every_outcome_is_seen() {
    check(
        r#"
        @id("z") permit (principal, action, resource);
        @id("a") forbid (principal, action, resource);
        @id("b") @outcome("hold") forbid (principal, action, resource);
        @id("c") @defer forbid (principal, action, resource in App::"crm");
        @id("d") @outcome("defer") forbid (principal, action, resource == Tool::"crm/find_contact");
        @id("e") permit (principal, action, resource is Tool in App::"crm");
        @id("f") forbid (principal, action, resource in App::"mail");
        @id("g") forbid (principal == Agent::"other", action, resource);
        "#,
        "Deny a
Hold b
Defer c
Defer d
Permit e
Permit z",
    );
}

#[test]
fn a_missing_fact_is_named_and_never_silence() {
    check(
        r#"@id("r") forbid (principal, action, resource) when { context.human.seniority == "contractor" };"#,
        r#"MissingFact("human `ana` has no seniority") r"#,
    );
    check(
        r#"@id("r") permit (principal, action, resource) when { resource.app.category == "crm" };"#,
        r#"MissingFact("app `crm` has no category") r"#,
    );
    check(
        r#"@id("r") forbid (principal, action, resource in App::"crm") unless { Human::"eve".active };"#,
        r#"MissingFact("nothing is known of human `eve`") r"#,
    );
    let mut late = facts(Class::Read, Risk::Low, true);
    late.now = UnixMicros(i64::MAX);
    let rules =
        bundle(r#"@id("r") forbid (principal, action, resource) when { context.now < datetime("2026-01-01") };"#);
    let evaluation = rules.evaluate(Layer::Organisation, &late);
    assert_eq!(evaluation.faults[0].kind, RuleFaultKind::MissingFact("the call has no `now`".into()));
}

#[test]
fn a_missing_fact_that_is_not_read_does_no_harm() {
    check(
        r#"
        @id("a") forbid (principal, action, resource) when { context.class == "write" && context.human.seniority == "x" };
        @id("b") forbid (principal, action, resource) when { context.human has seniority && context.human.seniority == "x" };
        @id("c") forbid (principal, action, resource) unless { context.human has seniority };
        @id("d") forbid (principal, action, resource) when { context.human has department };
        "#,
        "Deny c\nDeny d",
    );
}

#[test]
fn a_rule_that_breaks_is_a_fault_and_the_others_still_speak() {
    check(
        r#"
        @id("a") permit (principal, action, resource);
        @id("b") forbid (principal, action, resource) when { 9223372036854775807 + 1 > 0 };
        @id("c") forbid (principal, action, resource) when { context.human.seniority == "x" };
        "#,
        "Permit a\nBroken(\"integer overflow while attempting to add the values `9223372036854775807` and `1`\") b\n\
         MissingFact(\"human `ana` has no seniority\") c",
    );
}

#[test]
fn every_fact_can_be_read() {
    let text = r#"
        @id("all") permit (principal == Agent::"helpdesk", action == Action::"call", resource)
        when {
            principal.id == "helpdesk" && principal.name == "Helpdesk" && principal.active &&
            principal.owner == Human::"bob" && resource.app.owners.contains(principal.owner) &&
            context.human == Human::"ana" && context.human.id == "ana" && context.human.name == "Ana" &&
            context.human.active && context.human.department == "support" && context.human.role == "agent-lead" &&
            context.human.manager == Human::"bob" && context.task == "t-1" && context.class == "read" &&
            context.now > datetime("2026-11-21T09:29:59Z") && context.now.toTime() == duration("9h30m") &&
            resource.name == "find_contact" && resource.class == "read" && resource.class_source == "profile" &&
            resource.status == "pinned" && resource.app == App::"crm" && resource.app.id == "crm" &&
            resource.app.name == "CRM" && resource.app.risk == "medium" && resource.app.data == "confidential"
        }
        unless { context.access || context.all_stopped || resource.app.stopped };"#;
    check(text, "Permit all");
}

#[test]
fn each_fact_can_be_read_alone() {
    let conditions = [
        "principal.owner == Human::\"bob\"",
        "context == context && context.task == \"t-1\"",
        "[context].contains(context) && !context.access",
        "(if context.access then resource.app else resource.app).risk == \"medium\"",
        "context[\"class\"] == \"read\"",
        "resource has app.owners && resource.app.owners.contains(Human::\"bob\")",
        "{class: context.class}.class == \"read\"",
        "context.now > datetime(\"2026-11-21\")",
        "context.human.department like \"sup*\"",
    ];
    for condition in conditions {
        check(&format!("@id(\"r\") permit (principal, action, resource) when {{ {condition} }};"), "Permit r");
    }
}

#[test]
fn rules_know_their_place_and_say_what_they_mean() {
    let text = "// first\npermit (principal, action, resource);\n\n  @id(\"held\") @outcome(\"hold\")\n  \
        @approvers(\"role:security, owner-of-app\") @says(\"wait.\") @instead(\"ask\")\n  \
        forbid (principal, action, resource); // last";
    let bundle = bundle(text);
    let [first, held, ..] = bundle.rules() else { panic!("two rules") };
    assert_eq!((first.id.as_str(), first.outcome, first.layer), ("a#1", RuleOutcome::Permit, Layer::Organisation));
    assert_eq!(first.sentence, "a rule of this organisation permits this");
    assert_eq!(first.source.to_string(), "rules/a.cedar:2");
    assert_eq!((held.id.as_str(), held.outcome), ("held", RuleOutcome::Hold));
    assert_eq!((held.sentence.as_str(), held.instead.as_deref()), ("wait", Some("ask")));
    assert_eq!(held.approvers, ["role:security", "owner-of-app"]);
    assert_eq!((held.source.line, held.source.column), (4, 3));
    assert!(held.source.text.starts_with("@id") && held.source.text.ends_with("resource);"));
    let layers: Vec<_> = bundle.rules().iter().map(|rule| rule.layer == Layer::Baseline).collect();
    assert!(layers.is_sorted() && layers.len() == 9);
}

#[test]
fn the_digest_sees_content_and_nothing_else() {
    let a = file("rules/a.cedar", "permit (principal, action, resource);");
    let b = file("rules/b.cedar", "forbid (principal, action, resource);");
    let moved = file("/etc/rules/a.cedar", &a.text);
    let renamed = file("rules/c.cedar", &a.text);
    let edited = file("rules/a.cedar", "permit (principal, action, resource) ;");
    let digest = |files: &[&RuleFile]| {
        let files: Vec<RuleFile> = files.iter().map(|file| (*file).clone()).collect();
        Bundle::compile(&files).unwrap().digest()
    };
    let ours = digest(&[&a, &b]);
    assert_eq!(ours, digest(&[&b, &a]));
    assert_eq!(ours, digest(&[&moved, &b]));
    for other in [digest(&[]), digest(&[&a]), digest(&[&renamed, &b]), digest(&[&edited, &b])] {
        assert_ne!(ours, other);
    }
}

#[test]
fn evaluation_does_not_depend_on_the_order_of_files_or_the_run() {
    let names = ["q", "w", "e", "r", "t", "z"];
    let files: Vec<RuleFile> = names
        .iter()
        .map(|name| {
            let text = "permit (principal, action, resource); forbid (principal, action, resource in App::\"crm\");
                forbid (principal, action, resource) when { context.human.seniority == \"x\" };";
            file(&format!("{name}.cedar"), text)
        })
        .collect();
    let backwards: Vec<RuleFile> = files.iter().rev().cloned().collect();
    let facts = facts(Class::Read, Risk::Low, true);
    let first = shown(&Bundle::compile(&files).unwrap().evaluate(Layer::Organisation, &facts));
    assert_eq!(first.lines().count(), 18);
    for files in [&files, &backwards] {
        let bundle = Bundle::compile(files).unwrap();
        for _ in 0..20 {
            assert_eq!(shown(&bundle.evaluate(Layer::Organisation, &facts)), first);
        }
    }
}

#[test]
fn a_rule_found_by_its_app_matches_like_one_that_is_always_asked() {
    let scopes = [
        r#"in App::"crm""#,
        r#"in App::"mail""#,
        r#"is Tool in App::"crm""#,
        r#"== Tool::"crm/find_contact""#,
        r#"== Tool::"crm/find""#,
        r#"in Tool::"crm/find_contact""#,
        r#"== Tool::"mail/find_contact""#,
    ];
    for app in ["crm", "mail", "cr", "crm-2"] {
        let mut facts = facts(Class::Read, Risk::Low, true);
        facts.app = Arc::new(App { id: AppId::parse(app).unwrap(), ..(*facts.app).clone() });
        for effect in ["permit", "forbid"] {
            for scope in scopes {
                let found = format!("@id(\"r\") {effect} (principal, action, resource {scope});");
                let asked = format!("@id(\"r\") {effect} (principal, action, resource) when {{ resource {scope} }};");
                let [found, asked] =
                    [found, asked].map(|text| shown(&bundle(&text).evaluate(Layer::Organisation, &facts)));
                assert_eq!(found, asked, "{app} {scope}");
            }
        }
    }
}

/// Every set of facts that differs from these in one or more of the things a rule may read.
fn all_facts() -> Vec<Facts> {
    let base = facts(Class::Read, Risk::Low, true);
    let gone = Arc::new(Human { active: false, department: None, ..base.human.as_ref().clone() });
    let risky = Arc::new(App { risk: Risk::High, ..base.app.as_ref().clone() });
    let suspended = Arc::new(Agent { active: false, ..base.agent.as_ref().clone() });
    let mut all = vec![base];
    let changes: [&dyn Fn(&mut Facts); 11] = [
        &|facts| facts.human = Arc::clone(&gone),
        &|facts| facts.app = Arc::clone(&risky),
        &|facts| facts.agent = Arc::clone(&suspended),
        &|facts| facts.tool.class = Class::Write,
        &|facts| facts.tool.status = ToolStatus::Unreviewed,
        &|facts| facts.tool.name = ToolName::parse("other").unwrap(),
        &|facts| facts.access = false,
        &|facts| facts.task = TaskId::parse("t-2").unwrap(),
        &|facts| facts.now = UnixMicros(facts.now.0 + 86_400_000_000),
        &|facts| facts.spent = vec!["busy".parse().unwrap()],
        &|facts| facts.arguments = Arc::new(ArgumentFacts { bytes: 99, ..ArgumentFacts::default() }),
    ];
    for change in changes {
        for mut facts in all.clone() {
            change(&mut facts);
            all.push(facts);
        }
    }
    let base = facts(Class::Read, Risk::Low, true);
    all.push(Facts { spent: vec!["busy".parse().unwrap()], ..base.clone() });
    all.push(Facts { arguments: Arc::new(ArgumentFacts { bytes: 99, ..ArgumentFacts::default() }), ..base });
    all
}

#[test]
fn what_is_remembered_is_what_would_be_said_anew() {
    let rule = |condition: &str| {
        format!(
            "@id(\"r\") @says(\"s\") forbid (principal, action == Action::\"call\", resource) when {{ {condition} }};"
        )
    };
    let conditions = [
        "context.access && resource.app.risk == \"low\"",
        "context.human.department == \"support\"",
        "context.task == \"t-2\"",
        "context.now > datetime(\"2026-11-22T00:00:00Z\")",
        "context.spent == [\"busy\"] || context.argument_bytes > 98",
        "resource.status == \"unreviewed\" || !principal.active || resource.name == \"other\"",
    ];
    for condition in conditions {
        let text = rule(condition);
        let remembering = bundle(&text);
        for facts in &all_facts() {
            // At a place in memory of its own, so that nothing can be known of it.
            let unknown = Facts { app: Arc::new(facts.app.as_ref().clone()), ..facts.clone() };
            for layer in [Layer::Organisation, Layer::Baseline] {
                let (first, again) = (remembering.evaluate(layer, facts), remembering.evaluate(layer, facts));
                let anew = shown(&remembering.evaluate(layer, &unknown));
                assert_eq!((shown(&first), shown(&again)), (anew.clone(), anew), "{condition}");
            }
        }
    }
}

fn known_tools(tools: &[&str]) -> BTreeMap<AppId, BTreeSet<ToolName>> {
    let tools = tools.iter().map(|tool| ToolName::parse(tool).unwrap()).collect();
    BTreeMap::from([(AppId::parse("notes").unwrap(), tools)])
}

#[test]
fn a_tool_that_nobody_has_seen_is_named_wherever_a_rule_names_it() {
    let yaml = "policies:
  notes:
    read_only_by_default: true
    rules:
      - {id: may, allow: [save_note, svae_note]}
      - {id: never, deny: [delet_note]}
";
    let cedar = "forbid (principal, action, resource == Tool::\"notes/list_nots\");
forbid (principal, action, resource) when { resource in [Tool::\"notes/list_notes\", Tool::\"notes/x\"] };
forbid (principal, action, resource == Tool::\"mail/snd\");
forbid (principal, action, resource == Prompt::\"notes/summry\");
";
    let mut known = Known::default();
    known.apps.insert(AppId::parse("notes").unwrap(), crate::KnownApp::default());
    let files = [file("rules/a.yaml", yaml), file("rules/b.cedar", cedar)];
    let bundle = Bundle::compile_for(&known, &files).unwrap_or_else(|errors| panic!("{errors:#?}"));
    let told = bundle.tools_not_among(&known_tools(&["list_notes", "save_note", "delete_note"]));
    let told: String = told.iter().map(|note| format!("{note} ({})\n", note.hint().unwrap())).collect();
    insta::assert_snapshot!(told, @"
    rules/a.yaml:5:10: nobody has seen a tool `svae_note` of `notes`, so no call fits it (did you mean `save_note`?)
    rules/a.yaml:6:10: nobody has seen a tool `delet_note` of `notes`, so no call fits it (did you mean `delete_note`?)
    rules/b.cedar:1:1: nobody has seen a tool `list_nots` of `notes`, so no call fits it (did you mean `list_notes`?)
    rules/b.cedar:2:1: nobody has seen a tool `x` of `notes`, so no call fits it (`countersign tools notes` lists those that it has)
    ");
    assert!(
        bundle.tools_not_among(&BTreeMap::new()).is_empty(),
        "of an app of which nothing was seen, nothing is told"
    );
}

#[test]
fn the_names_of_tools_are_found_in_every_language() {
    let yaml = "policies:\n  notes:\n    rules:\n      - {id: never, deny: [in_yaml]}\n";
    let cedar = "forbid (principal, action, resource == Tool::\"notes/in_scope\");
forbid (principal, action, resource) when { resource == Tool::\"notes/in_condition\" };
forbid (principal, action, resource) when { resource.name == \"as_text\" || resource.name like \"pattern_*\" };
forbid (principal, action, resource) when { context.task == \"of_something_else\" };
forbid (principal, action, resource == Tool::\"mail/of_another\");
";
    let rego =
        "package countersign\nimport input.tool as used\ndeny contains \"not a name\" if used.name == \"in_rego\"\n";
    let unread = "package countersign\ndeny contains \"no\" if input.tool.class == \"external\"\n";
    let mut known = Known::default();
    known.apps.insert(AppId::parse("notes").unwrap(), crate::KnownApp::default());
    let named = |files: &[RuleFile]| {
        let bundle = Bundle::compile_for(&known, files).unwrap_or_else(|errors| panic!("{errors:#?}"));
        let names = bundle.tools_named(&AppId::parse("notes").unwrap());
        names.iter().map(ToolName::as_str).collect::<Vec<_>>().join(" ")
    };
    let (yaml, cedar) = (file("rules/a.yaml", yaml), file("rules/b.cedar", cedar));
    assert_eq!(named(&[yaml, cedar]), "as_text in_condition in_scope in_yaml pattern_");
    assert_eq!(named(&[file("rules/c.rego", rego)]), "in_rego");
    assert_eq!(named(&[file("rules/d.rego", unread)]), "");
}
