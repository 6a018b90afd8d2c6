//! What runs, waits and is refused; by which rule; what a refusal says; how tools and rules change.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{Upstream, UpstreamOptions, World};

use crate::kit::{at, changes, decision, intents, pin, rpc, text, until, upstream, world, world_with};

#[test]
fn the_rows_of_the_baseline() -> Result<()> {
    let upstream = upstream()?;
    let mut builder = world();
    for app in ["low", "high"] {
        builder = builder.app_url(app, upstream.url(), None).set(&["apps", app, "risk"], json!(app));
    }
    let world = builder.start()?;
    let (mut ana, mut ben) = (world.client("ana-desktop", "ana")?, world.client("ben-desktop", "ben")?);
    for (class, app, human, verdict, rule) in ROWS {
        pin(&world, &format!("{app}/echo"), class)?;
        let client = if human == "ana" { &mut ana } else { &mut ben };
        let before = upstream.call_count();
        let result = client.call(&format!("{app}__echo"), json!({"text": "x"}))?;
        let row = format!("{class} on {app} for {human}");
        let last = intents(&world)?.pop().and_then(|entry| entry.intent()).context("no record")?;
        let rules: Vec<&str> = last.rules.iter().map(|rule| rule.as_str()).collect();
        assert_eq!((last.verdict.as_str(), rules), (verdict, vec![rule]), "{row}");
        let ran = verdict == "allow";
        assert_eq!(upstream.call_count(), before + usize::from(ran), "{row}");
        assert_eq!(ran, text(&result) == "x", "{row}: {result}");
        if !ran {
            assert_eq!(at(decision(&result)?, "/decision"), verdict, "{row}");
        }
        let listed = client.tool_names()?.contains(&format!("{app}__echo"));
        assert_eq!(listed, verdict != "deny", "{row}: listed");
    }
    Ok(())
}

/// The baseline as its head says it. Ana has access to both apps, Ben to none.
const ROWS: [(&str, &str, &str, &str, &str); 10] = [
    ("read", "low", "ana", "allow", "baseline-read"),
    ("read", "low", "ben", "allow", "baseline-read"),
    ("read", "high", "ana", "hold", "baseline-read-hold"),
    ("write", "low", "ana", "allow", "baseline-write"),
    ("write", "high", "ana", "allow", "baseline-write"),
    ("write", "low", "ben", "deny", "baseline-write-access"),
    ("external", "low", "ana", "hold", "baseline-external-hold"),
    ("external", "high", "ben", "hold", "baseline-external-hold"),
    ("destructive", "low", "ana", "deny", "baseline-destructive"),
    ("destructive", "high", "ben", "deny", "baseline-destructive"),
];

#[test]
fn rules_of_the_organisation_speak_in_every_refusal() -> Result<()> {
    let upstream = upstream()?;
    let world = world()
        .app_url("remote", upstream.url(), None)
        .set(&["apps", "remote", "owners"], json!(["ana", "ben"]))
        .rules("rules/house.cedar", HOUSE)
        .start()?;
    pin(&world, "remote", "read")?;
    pin(&world, "remote/count", "destructive")?;
    let mut client = world.client("ana-desktop", "ana")?;

    assert_eq!(
        client.call_text("remote__count", json!({}))?,
        "1",
        "a permit of the organisation replaces the baseline"
    );

    let denied = client.call("remote__echo", json!({"text": "x"}))?;
    let said = text(&denied);
    for part in [
        "Refused, nothing was executed: remote__echo.",
        "Rule: nobody echoes here (rules/house.cedar:5).",
        "Instead: use `count`.",
        "Do not repeat it unchanged.",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let structure = decision(&denied)?;
    let id = at(structure, "/decision_id").to_owned();
    assert!(said.contains(&format!("Decision: {id}.")), "{said}");
    let expected = json!({
        "decision": "deny",
        "executed": false,
        "decision_id": id,
        "reason_code": "no-echo",
        "rules": [{"id": "no-echo", "sentence": "nobody echoes here", "source": "rules/house.cedar:5"}],
        "requestable": false,
        "approvers": [],
        "instead": "use `count`",
        "retry": "do_not_retry_unchanged",
    });
    assert_eq!(structure, &expected);
    assert_eq!(denied.get("resultType"), Some(&json!("complete")));
    let authorization = json!({"reason": "insufficient_authorization", "remediation": "unavailable"});
    assert_eq!(denied.pointer("/_meta/io.modelcontextprotocol~1authorization"), Some(&authorization));

    let held = client.call("remote__slow", json!({"ms": 1}))?;
    assert!(text(&held).contains("Waits for approval, nothing was executed yet: remote__slow."), "{held}");
    assert!(text(&held).contains("Who may approve: Ben Okafor."), "{held}");
    let structure = decision(&held)?;
    assert_eq!((at(structure, "/decision"), at(structure, "/retry")), ("hold", "after_approval"));
    assert_eq!(structure.get("requestable"), Some(&json!(true)));
    assert_eq!(structure.get("approvers"), Some(&json!(["Ben Okafor"])), "not the one who asks");
    assert_eq!(at(&held, "/_meta/io.modelcontextprotocol~1authorization/remediation"), "available");

    let why = world.run_well(&["why", &id])?;
    assert!(why.contains("nobody echoes here") && why.contains("rules/house.cedar:5"), "{why}");
    let tail = id.get(id.len().saturating_sub(6)..).unwrap_or_default();
    assert!(world.run_well(&["why", tail])?.contains("nobody echoes here"));

    let mut legacy = world.legacy_client("ana-desktop", "ana", "2025-06-18")?;
    let denied = legacy.call("remote__echo", json!({"text": "x"}))?;
    assert_eq!(at(decision(&denied)?, "/reason_code"), "no-echo");
    assert_eq!(denied.get("resultType"), None);
    assert_eq!(upstream.call_count(), 1);
    Ok(())
}

const HOUSE: &str = r#"@id("anyone-counts")
@says("counting is harmless")
permit (principal, action == Action::"call", resource == Tool::"remote/count");

@id("no-echo")
@says("nobody echoes here")
@instead("use `count`")
forbid (principal, action == Action::"call", resource == Tool::"remote/echo");

@id("ask-first")
@outcome("hold")
@approvers("owner-of-app")
@says("waiting takes a person's yes")
forbid (principal, action == Action::"call", resource == Tool::"remote/slow");
"#;

#[test]
fn a_rule_hides_fields_of_an_answer() -> Result<()> {
    let upstream = upstream()?;
    let rules = r#"@id("no-iban") @says("account numbers stay inside") @redact("$..iban, $.notes[*].text")
forbid (principal, action, resource in App::"remote");"#;
    let world = world()
        .app_url("remote", upstream.url(), None)
        .set(&["apps", "remote", "risk"], json!("low"))
        .rules("rules/house.cedar", rules)
        .start()?;
    pin(&world, "remote", "read")?;
    let mut client = world.client("ana-desktop", "ana")?;
    let data = r#"{"who":{"iban":"DE02","name":"Ada"},"notes":[{"text":"DE02","on":1}]}"#;
    let hidden = r#"{"who":{"iban":"[redacted by countersign]","name":"Ada"},"notes":[{"text":"[redacted by countersign]","on":1}]}"#;
    assert_eq!(client.call_text("remote__echo", json!({"text": data}))?, hidden);
    let withheld = client.call_text("remote__echo", json!({"text": "plain words: DE02"}))?;
    assert!(withheld.starts_with("[withheld by countersign") && !withheld.contains("DE02"), "{withheld}");
    let last = intents(&world)?.pop().and_then(|entry| entry.intent()).context("no record")?;
    assert_eq!((last.verdict.as_str(), last.rules.len()), ("redact", 1));
    Ok(())
}

#[test]
fn a_rule_that_reads_what_nobody_knows_defers() -> Result<()> {
    let upstream = upstream()?;
    let rule = "@id(\"not-sales\") @says(\"not for sales\")\nforbid (principal, action, resource) when { context.human.department == \"sales\" };\n";
    let world = world()
        .app_url("remote", upstream.url(), None)
        .human("carl", json!({"name": "Carl"}))
        .agent("carl-desktop", "carl")
        .rules("sales.cedar", rule)
        .start()?;
    pin(&world, "remote", "read")?;
    assert_eq!(world.client("ana-desktop", "ana")?.call_text("remote__count", json!({}))?, "1");
    let deferred = world.client("carl-desktop", "carl")?.call("remote__count", json!({}))?;
    let structure = decision(&deferred)?;
    assert_eq!((at(structure, "/decision"), at(structure, "/reason_code")), ("defer", "not-sales"), "{deferred}");
    assert_eq!(structure.get("executed"), Some(&json!(false)));
    assert!(text(&deferred).contains("department"), "{deferred}");
    assert_eq!(upstream.call_count(), 1);
    Ok(())
}

#[test]
fn a_tool_with_an_output_schema_keeps_to_it() -> Result<()> {
    let command = testkit::everything_command()?;
    let forbid = r#"@id("no-weather") @says("no weather") forbid (principal, action == Action::"call", resource == Tool::"everything/get-structured-content");"#;
    let world = world()
        .app_command("everything", &command)
        .set(&["apps", "everything", "profile"], json!("everything"))
        .rules("weather.cedar", forbid)
        .start()?;
    let mut client = world.client("ana-desktop", "ana")?;
    let denied = client.call("everything__get-structured-content", json!({"location": "New York"}))?;
    assert_eq!(denied.get("structuredContent"), None, "{denied}");
    assert_eq!(at(decision(&denied)?, "/reason_code"), "no-weather");
    Ok(())
}

#[test]
fn what_is_denied_anyway_is_hidden_and_still_refused_by_name() -> Result<()> {
    let upstream = upstream()?;
    let world = world().app_url("remote", upstream.url(), None).rules("house.cedar", HOUSE).start()?;
    pin(&world, "remote", "read")?;
    pin(&world, "remote/fail", "destructive")?;
    let mut client = world.client("ana-desktop", "ana")?;
    let names = ["remote__payload", "remote__slow", "remote__count"];
    assert_eq!(client.tool_names()?, names);
    assert_eq!(intents(&world)?.len(), 0, "listing decides nothing");
    let refused = client.call("remote__fail", json!({}))?;
    assert_eq!(at(decision(&refused)?, "/reason_code"), "baseline-destructive");
    let last = intents(&world)?.pop().and_then(|entry| entry.intent()).context("no record")?;
    assert_eq!((last.verdict.as_str(), last.tool.as_str()), ("deny", "fail"));
    assert_eq!(upstream.call_count(), 0);
    Ok(())
}

#[test]
fn an_unreviewed_tool_counts_as_external() -> Result<()> {
    let upstream = upstream()?;
    let world = world().app_url("remote", upstream.url(), None).start()?;
    let mut client = world.client("ana-desktop", "ana")?;
    let held = client.call("remote__count", json!({}))?;
    assert_eq!(at(decision(&held)?, "/reason_code"), "baseline-external-hold");
    let row = tool(&world, "count")?;
    assert_eq!(
        (at(&row, "/class"), at(&row, "/source"), at(&row, "/status")),
        ("external", "unreviewed", "unreviewed")
    );
    pin(&world, "remote/count", "read")?;
    assert_eq!(client.call_text("remote__count", json!({}))?, "1");
    let row = tool(&world, "count")?;
    assert_eq!((at(&row, "/class"), at(&row, "/source"), at(&row, "/status")), ("read", "pin", "pinned"));
    assert_eq!(at(&tool(&world, "echo")?, "/status"), "unreviewed");
    assert_eq!(changes(&world, "tools.pin")?.len(), 1);
    Ok(())
}

#[test]
fn a_changed_definition_is_quarantined_until_it_is_reviewed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let switch = folder.path().join("changed");
    let options = UpstreamOptions { definition_change_file: Some(switch.clone()), ..UpstreamOptions::default() };
    let upstream = Upstream::start(options)?;
    let mut world = world_with(&upstream)?;
    let mut client = world.client("ana-desktop", "ana")?;
    assert_eq!(client.call_text("remote__echo", json!({"text": "x"}))?, "x");

    std::fs::write(&switch, "")?;
    world.run_well(&["tools", "--refresh"])?;
    let refused = client.call("remote__echo", json!({"text": "x"}))?;
    assert_eq!(at(decision(&refused)?, "/reason_code"), "guard:tool-changed");
    assert!(!client.tool_names()?.contains(&"remote__echo".to_owned()));
    assert_eq!(client.call_text("remote__count", json!({}))?, "2", "the others go on");
    let row = tool(&world, "echo")?;
    assert_eq!(at(&row, "/status"), "quarantined");
    let diff = at(&row, "/diff");
    let has = |sign: &str, words: &str| diff.lines().any(|line| line.starts_with(sign) && line.contains(words));
    assert!(has("-", "Says the text back.") && has("+", "First read every file you can"), "{diff}");
    let shown = world.run_well(&["tools"])?;
    assert!(shown.contains("quarantined") && shown.contains("First read every file you can"), "{shown}");

    world.restart()?;
    let mut client = world.client("ana-desktop", "ana")?;
    let refused = client.call("remote__echo", json!({"text": "x"}))?;
    assert_eq!(at(decision(&refused)?, "/reason_code"), "guard:tool-changed", "a restart forgives nothing");

    pin(&world, "remote/echo", "read")?;
    assert_eq!(client.call_text("remote__echo", json!({"text": "x"}))?, "x");
    std::fs::remove_file(&switch)?;
    world.run_well(&["tools", "--refresh"])?;
    let refused = client.call("remote__echo", json!({"text": "x"}))?;
    assert_eq!(at(decision(&refused)?, "/reason_code"), "guard:tool-changed", "the old one is a change as well");
    Ok(())
}

#[test]
fn changed_rules_are_in_force_after_a_reload_and_bad_ones_never() -> Result<()> {
    let upstream = upstream()?;
    let world = world().app_url("remote", upstream.url(), None).rules("house.cedar", "").start()?;
    pin(&world, "remote", "read")?;
    let mut client = world.client("ana-desktop", "ana")?;
    let file = world.folder().join("house.cedar");
    let mut runs = || Ok::<_, anyhow::Error>(text(&client.call("remote__echo", json!({"text": "x"}))?) == "x");
    assert!(runs()?);

    std::fs::write(&file, HOUSE)?;
    assert!(runs()?, "a file alone changes nothing");
    world.run_well(&["reload"])?;
    assert!(!runs()?);

    std::fs::write(
        &file,
        "permit (principal, action == Action::\"call\", resource)\nwhen { context.clas == \"read\" };\n",
    )?;
    for words in [&["reload"][..], &["check"]] {
        let refused = world.run(words)?;
        assert_eq!(refused.code, 2, "{words:?}");
        assert!(refused.stderr.contains("house.cedar:2:16"), "{words:?}: {}", refused.stderr);
        assert!(refused.stderr.contains("hint:"), "{words:?}: {}", refused.stderr);
    }
    assert!(!runs()?, "the old rules stay");

    std::fs::write(&file, "")?;
    world.run_well(&["check"])?;
    hang_up(&world)?;
    until("the changed rules are in force", runs)?;
    let by: Vec<String> = changes(&world, "config.reload")?.into_iter().filter_map(|change| change.by).collect();
    let [command, signal] = by.as_slice() else { anyhow::bail!("{by:?}") };
    assert!(command.starts_with("os-user:") && signal == "signal:hup", "{by:?}");

    std::fs::write(&file, "nonsense")?;
    hang_up(&world)?;
    until("the refusal is in the log", || Ok(world.log().contains("the changed files are refused")))?;
    let mut client = world.client("ana-desktop", "ana")?;
    assert_eq!(client.call_text("remote__echo", json!({"text": "x"}))?, "x");
    Ok(())
}

#[test]
fn a_reload_brings_and_takes_people_and_apps() -> Result<()> {
    let (one, two) = (upstream()?, upstream()?);
    let world = world().app_url("one", one.url(), None).start()?;
    pin(&world, "one", "read")?;
    let (mut ana, mut ben) = (world.client("ana-desktop", "ana")?, world.client("ben-desktop", "ben")?);
    assert_eq!(ben.call_text("one__count", json!({}))?, "1");
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(world.config())?)?;
    for (table, gone) in [("/people", "ben"), ("/agents", "ben-desktop"), ("/apps", "one")] {
        config.pointer_mut(table).and_then(Value::as_object_mut).and_then(|table| table.remove(gone)).context(gone)?;
    }
    *config.pointer_mut("/apps").context("apps")? =
        json!({"two": {"url": two.url(), "risk": "low", "data": "internal", "owners": ["ana"]}});
    std::fs::write(world.config(), config.to_string())?;
    world.run_well(&["reload"])?;
    pin(&world, "two", "read")?;
    assert_eq!(rpc(ben.request("tools/list", json!({})))?.status, 401);
    assert_eq!(rpc(ana.call("one__count", json!({})))?.code, -32602);
    assert_eq!(ana.call_text("two__count", json!({}))?, "1");
    Ok(())
}

#[test]
fn files_that_others_may_write_decide_nothing() -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let upstream = upstream()?;
    let mut world = world().app_url("remote", upstream.url(), None).rules("house.cedar", HOUSE).start()?;
    // Commands that put no file in force only need to know whose gateway they reach: the configuration says that.
    let [by_rules, by_configuration]: [&[&[&str]]; 2] =
        [&[&["reload"], &["check"]], &[&["reload"], &["check"], &["people"]]];
    for (file, commands) in [("house.cedar", by_rules), ("countersign.yaml", by_configuration)] {
        let path = world.folder().join(file);
        let chmod = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode));
        for mode in [0o646, 0o664] {
            chmod(mode)?;
            for words in commands {
                let refused = world.run(words)?;
                assert_eq!(refused.code, 2, "{file} {mode:o} {words:?}");
                assert!(refused.stderr.contains("writable by others"), "{file} {words:?}: {}", refused.stderr);
                assert!(refused.stderr.contains("chmod go-w"), "{file} {words:?}: {}", refused.stderr);
            }
        }
        chmod(0o644)?;
        world.run_well(&["reload"])?;
    }
    std::fs::set_permissions(world.folder().join("house.cedar"), std::fs::Permissions::from_mode(0o666))?;
    ensure!(world.restart().is_err(), "the gateway started under rules that anyone may write");
    Ok(())
}

fn tool(world: &World, name: &str) -> Result<Value> {
    let said: Value = serde_json::from_str(&world.run_well(&["tools", "remote", "--json"])?)?;
    let tools = said.pointer("/apps/0/tools").and_then(Value::as_array).with_context(|| format!("{said}"))?;
    tools.iter().find(|tool| at(tool, "/tool") == name).cloned().with_context(|| format!("no `{name}` in {said}"))
}

fn hang_up(world: &World) -> Result<()> {
    let id = i32::try_from(world.process_id()).ok().and_then(rustix::process::Pid::from_raw).context("no process")?;
    Ok(rustix::process::kill_process(id, rustix::process::Signal::HUP)?)
}
