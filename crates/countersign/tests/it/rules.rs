//! Working with rules, from outside: `check`, `explain`, `test`, `matrix`, `replay`, and rules that are only observed.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{Upstream, World, WorldBuilder};

use crate::kit::{at, decision, last_intent, pin, text, until, upstream, world};

/// Ben's desktop may use nothing of `remote`.
const NOT_BEN: &str = r#"
@id("not-ben")
@says("Ben's desktop has no business there")
forbid (principal == Agent::"ben-desktop", action, resource in App::"remote");
"#;

fn of(upstream: &Upstream) -> WorldBuilder {
    world().app_url("remote", upstream.url(), None)
}

fn json_of(world: &World, words: &[&str]) -> Result<Value> {
    let done = world.run(&[words, &["--json"]].concat())?;
    serde_json::from_str(&done.stdout).with_context(|| format!("{words:?}: {done:?}"))
}

#[test]
fn check_speaks_sarif_and_junit() -> Result<()> {
    let wrong = "permit (principal == Agent::\"ben-desktp\", action, resource)\nwhen { context.clas == \"read\" };\n";
    let world = world().rules("rules/a.cedar", wrong).prepare()?;
    let done = world.run(&["check", "--format", "sarif"])?;
    ensure!(done.code == 2 && done.stderr.is_empty(), "{done:?}");
    let log: Value = serde_json::from_str(&done.stdout)?;
    ensure!(at(&log, "/version") == "2.1.0" && at(&log, "/runs/0/tool/driver/name") == "countersign", "{log}");
    ensure!(at(&log, "/runs/0/results/0/ruleId") == "rule-refused", "{log}");
    let place = log.pointer("/runs/0/results/0/locations/0/physicalLocation").context("no place")?;
    ensure!(at(place, "/artifactLocation/uri").ends_with("rules/a.cedar"), "{place}");
    ensure!(place.pointer("/region") == Some(&json!({"startLine": 2, "startColumn": 16})), "{place}");

    let done = world.run(&["check", "--format", "junit"])?;
    ensure!(done.code == 2 && done.stdout.contains("failures=\"1\""), "{done:?}");
    ensure!(done.stdout.contains("unknown attribute `clas`"), "{done:?}");

    let said = json_of(&world, &["check"])?;
    ensure!(said.pointer("/ok") == Some(&json!(false)) && at(&said, "/findings/0/hint").contains("class"), "{said}");

    std::fs::write(world.folder().join("rules/a.cedar"), wrong.replace("clas ", "class "))?;
    let done = world.run(&["check"])?;
    ensure!(done.code == 0 && done.stderr.contains("rules/a.cedar:1:22: there is no agent `ben-desktp`"), "{done:?}");
    ensure!(world.run(&["check", "--strict"])?.code == 1, "a note does not count");
    let said = json_of(&world, &["check"])?;
    ensure!(at(&said, "/findings/0/kind") == "unknown-name", "{said}");
    let held = "@outcome(\"hold\") @approvers(\"owner-of-app, human:anna\") @says(\"x\")\nforbid (principal, action, resource);\n";
    std::fs::write(world.folder().join("rules/a.cedar"), held)?;
    let done = world.run(&["check"])?;
    ensure!(done.code == 0 && done.stderr.contains("rules/a.cedar:1:44: there is no person `anna`"), "{done:?}");
    std::fs::write(world.folder().join("rules/a.cedar"), held.replace("human:anna", "role:cheif"))?;
    let done = world.run(&["check"])?;
    ensure!(done.stderr.contains("rules/a.cedar:1:44: there is no person with the role `cheif`"), "{done:?}");
    Ok(())
}

#[test]
fn explain_says_whether_anybody_could_approve() -> Result<()> {
    let held = "@id(\"asked\") @outcome(\"hold\") @approvers(\"role:chief\") @says(\"x\")\nforbid (principal, action, resource);\n";
    for (chief, could) in [("bo", true), ("ana", false)] {
        let role = |who: &str| if who == chief { json!({ "role": "chief" }) } else { json!({}) };
        let config = json!({
            "people": { "ana": role("ana"), "bo": role("bo") },
            "agents": { "ana-desktop": { "owner": "ana" } },
            "apps": { "files": { "url": "http://127.0.0.1:9/mcp", "owners": ["bo"] } },
            "rules": ["a.cedar"],
        });
        let world = world().config_text(&config.to_string()).rules("a.cedar", held).prepare()?;
        let words = ["explain", "--as", "ana-desktop/ana", "--tool", "files/list", "--class", "read"];
        let said = json_of(&world, &words)?;
        ensure!(at(&said, "/verdict") == "hold" && said.get("could_be_approved") == Some(&json!(could)), "{said}");
        let said = world.run(&words)?.stdout;
        ensure!(said.contains("nobody could approve it as things stand") != could, "{said}");
    }
    Ok(())
}

#[test]
fn whoever_works_alone_is_told_and_checks_strictly_all_the_same() -> Result<()> {
    let alone = |owners: Value| {
        let app = json!({ "url": "http://127.0.0.1:9/mcp", "risk": "low", "owners": owners });
        let config = json!({
            "people": { "ana": { "name": "Ana Silva" } },
            "agents": { "ana-desktop": { "name": "Ana's desktop", "owner": "ana" } },
            "apps": { "files": app },
        });
        world().config_text(&config.to_string()).prepare()
    };
    let world = alone(json!(["ana"]))?;
    let done = world.run(&["check", "--strict"])?;
    ensure!(done.code == 0 && done.stderr.contains("note: `ana` is the only person"), "{done:?}");
    let said = json_of(&world, &["check"])?;
    ensure!(at(&said, "/findings/0/kind") == "one-person" && at(&said, "/findings/0/level") == "note", "{said}");
    let sarif: Value = serde_json::from_str(&world.run_well(&["check", "--format", "sarif"])?)?;
    ensure!(at(&sarif, "/runs/0/results/0/ruleId") == "one-person", "{sarif}");
    ensure!(alone(json!([]))?.run(&["check", "--strict"])?.code == 1, "an app that nobody owns counts");
    Ok(())
}

/// Everything that looks at rules, and what the gateway says while it runs.
#[test]
fn a_mistyped_tool_is_told_wherever_rules_are_looked_at() -> Result<()> {
    let upstream = upstream()?;
    let yaml =
        "policies:\n  remote:\n    rules:\n      - {id: may, allow: [count]}\n      - {id: never, deny: [ecoh]}\n";
    let cedar = "@says(\"x\")\nforbid (principal, action, resource == Tool::\"remote/cuont\");\n";
    let mut world = of(&upstream).rules("rules/a.yaml", yaml).rules("rules/b.cedar", cedar).prepare()?;
    let done = world.run(&["check", "--strict"])?;
    ensure!(done.code == 0 && !done.stderr.contains("ecoh"), "nobody has seen any tool yet: {done:?}");
    pin(&world, "remote", "read")?;
    let told = [
        "rules/a.yaml:5:10: nobody has seen a tool `ecoh` of `remote`, so no call fits it",
        "rules/b.cedar:1:1: nobody has seen a tool `cuont` of `remote`, so no call fits it",
    ];
    let tells = |said: &str| told.iter().all(|one| said.contains(one)) && said.contains("did you mean `echo`?");
    let done = world.run(&["check", "--strict"])?;
    ensure!(done.code == 1 && tells(&done.stderr), "{done:?}");
    let said = json_of(&world, &["check"])?;
    ensure!(at(&said, "/findings/0/kind") == "unknown-tool" && at(&said, "/findings/0/level") == "note", "{said}");
    let doctor = world.run(&["doctor"])?;
    ensure!(tells(&doctor.stdout), "{doctor:?}");
    world.restart()?;
    until("word of it at the start", || Ok(tells(&world.log())))?;
    let done = world.run(&["reload"])?;
    ensure!(done.code == 0 && tells(&done.stderr), "{done:?}");
    let said = json_of(&world, &["reload"])?;
    ensure!(said.pointer("/notes").and_then(Value::as_array).is_some_and(|notes| notes.len() == 2), "{said}");
    let doctor = world.run(&["doctor"])?;
    ensure!(tells(&doctor.stdout), "{doctor:?}");

    std::fs::write(world.folder().join("rules/a.yaml"), yaml.replace("ecoh", "echo"))?;
    std::fs::write(world.folder().join("rules/b.cedar"), cedar.replace("cuont", "count"))?;
    let done = world.run(&["reload"])?;
    ensure!(done.code == 0 && done.stderr.is_empty(), "{done:?}");
    ensure!(world.run(&["check", "--strict"])?.code == 0, "the names are right");
    Ok(())
}

#[test]
fn what_an_app_is_started_with_and_is_not_there_is_told() -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let sh = ["/bin/sh".to_owned()];
    let world = world().app_command("homeless", &sh).set(&["apps", "homeless", "directory"], json!("./missing"));
    let world = world.app_command("script", &["./serve".to_owned()]).prepare()?;
    let folder = world.folder().canonicalize()?;
    let findings = || -> Result<Vec<String>> {
        let said = json_of(&world, &["check"])?;
        let findings = said.get("findings").and_then(Value::as_array).cloned().unwrap_or_default();
        let of_kind = findings.iter().filter(|found| at(found, "/kind") == "not-there");
        Ok(of_kind.map(|found| at(found, "/message").to_owned()).collect())
    };
    let said = findings()?;
    ensure!(said.len() == 2 && said[0].contains("missing` on this machine: app `homeless` cannot"), "{said:?}");
    ensure!(said[1].contains("there is no program `") && said[1].contains("app `script`"), "{said:?}");
    ensure!(world.run(&["check", "--strict"])?.code == 0, "the gateway may run elsewhere");

    std::fs::write(folder.join("serve"), "#!/no/such/interpreter\n")?;
    std::fs::set_permissions(folder.join("serve"), std::fs::Permissions::from_mode(0o700))?;
    let said = world.run(&["doctor"])?;
    ensure!(said.stdout.contains("missing`: there is no such folder"), "{said:?}");
    ensure!(said.stdout.contains("mend: make it, or correct the app's `directory:`"), "{said:?}");
    ensure!(said.stdout.contains("the program that its first line names is not there"), "{said:?}");
    std::fs::create_dir(folder.join("missing"))?;
    ensure!(findings()?.is_empty());
    Ok(())
}

#[test]
fn explain_says_what_the_gateway_does() -> Result<()> {
    let upstream = upstream()?;
    let world = of(&upstream).rules("rules/a.cedar", NOT_BEN).start()?;
    pin(&world, "remote", "read")?;
    for (agent, human) in [("ana-desktop", "ana"), ("ben-desktop", "ben")] {
        let mut client = world.client(agent, human)?;
        client.call("remote__echo", json!({"text": "x"}))?;
        let happened = last_intent(&world)?.intent().context("not an intent")?;
        let pair = format!("{agent}/{human}");
        let words = ["explain", "--as", &pair, "--tool", "remote__echo", "--arg", "text=x"];
        let said = json_of(&world, &words)?;
        ensure!(at(&said, "/verdict") == happened.verdict.as_str(), "{said}");
        ensure!(said.pointer("/reasons") == Some(&serde_json::to_value(&happened.reasons)?), "{said}");
        let recorded: Value = serde_json::from_str(happened.facts.context("no facts")?.get())?;
        for fact in ["agent", "human", "app", "access", "all_stopped"] {
            ensure!(said.pointer(&format!("/facts/{fact}")) == recorded.get(fact), "{fact}: {said} {recorded}");
        }
        for fact in ["class", "class_source", "status"] {
            ensure!(
                said.pointer(&format!("/facts/tool/{fact}")) == recorded.pointer(&format!("/tool/{fact}")),
                "{fact}"
            );
        }
        let done = world.run(&words)?;
        ensure!(done.code == i32::from(!happened.verdict.runs()), "{done:?}");
    }
    // Who has left has left, whether or not a gateway runs.
    world.run_well(&["people", "offboard", "ana"])?;
    let said = json_of(&world, &["explain", "--as", "ana-desktop/ana", "--tool", "remote/echo"])?;
    ensure!(at(&said, "/reasons/0/rule") == "guard:human-inactive", "{said}");
    ensure!(at(&said, "/alters/0/fact") == "the person's standing", "{said}");
    Ok(())
}

#[test]
fn rules_in_rego_refuse_what_others_permit() -> Result<()> {
    let rego = "package countersign\n\n# METADATA\n# custom: {id: nobody-shouts}\n\
                deny contains \"nobody shouts here\" if {\n\tsome text in input.arguments.text\n\tupper(text) == text\n}\n";
    let upstream = upstream()?;
    let world = of(&upstream).rules("rules/quiet.rego", rego).start()?;
    pin(&world, "remote", "read")?;
    let mut client = world.client("ana-desktop", "ana")?;
    ensure!(client.call_text("remote__echo", json!({"text": "good morning"}))?.contains("good morning"));
    let refused = client.call("remote__echo", json!({"text": "GOOD MORNING"}))?;
    ensure!(at(decision(&refused)?, "/reason_code") == "nobody-shouts", "{refused}");
    let recorded = last_intent(&world)?.intent().context("not an intent")?;
    ensure!(recorded.reasons.first().is_some_and(|reason| reason.sentence == "nobody shouts here"), "{recorded:?}");
    Ok(())
}

#[test]
fn a_budget_is_used_up_and_a_crash_gives_nothing_back() -> Result<()> {
    let upstream = upstream()?;
    let rules = "policies:\n  remote:\n    max_calls: 2/hour\n";
    let mut world = of(&upstream).rules("rules/budget.yaml", rules).start()?;
    pin(&world, "remote", "read")?;
    let call = |world: &World| world.client("ana-desktop", "ana")?.call("remote__count", json!({}));
    for _ in 0..2 {
        let ran = call(&world)?;
        ensure!(ran.get("isError") != Some(&json!(true)), "{ran}");
    }
    let refused = call(&world)?;
    ensure!(at(decision(&refused)?, "/reason_code") == "remote.max_calls", "{refused}");
    world.kill()?;
    world.restart()?;
    let refused = call(&world)?;
    ensure!(at(decision(&refused)?, "/reason_code") == "remote.max_calls", "{refused}");
    Ok(())
}

#[test]
fn questions_that_cannot_be_asked() -> Result<()> {
    let upstream = upstream()?;
    let world = of(&upstream).prepare()?;
    let ask = |words: &[&str]| -> Result<String> {
        let done = world.run(&[&["explain"], words].concat())?;
        ensure!(done.code == 2 && done.stdout.is_empty(), "{words:?}: {done:?}");
        Ok(done.stderr)
    };
    let who = ["--as", "ana-desktop/ana"];
    let said = [
        ask(&["--as", "ana-desktop", "--tool", "remote/echo"])?,
        ask(&["--as", "ana-desktop/anna", "--tool", "remote/echo"])?,
        ask(&[&who[..], &["--tool", "remote"]].concat())?,
        ask(&[&who[..], &["--tool", "remte/echo"]].concat())?,
        ask(&[&who[..], &["--tool", "remote/echo"]].concat())?,
        ask(&[&who[..], &["--tool", "remote/echo", "--class", "read", "--arg", "text"]].concat())?,
        ask(&[&who[..], &["--tool", "remote/echo", "--class", "read", "--arg", "a=1", "--arg", "a.b=1"]].concat())?,
        ask(&[&who[..], &["--tool", "remote/echo", "--class", "read", "--now", "tomorrow"]].concat())?,
    ];
    insta::assert_snapshot!(said.concat(), @r#"
    error: `ana-desktop` names no agent and person
    hint: write the agent and the person it acts for, as in `ana-assistant/ana`
    error: there is no person `anna`
    hint: did you mean `ana`?
    error: `remote` names no app and tool
    hint: write the app and the tool, as in `crm/find_contact`
    error: there is no app `remte`
    hint: did you mean `remote`?
    error: nobody has said yet what `echo` of app `remote` is
    hint: suppose its class with `--class`, give the app a profile, or say yes with `countersign tools pin`
    error: `text` has no `=`
    hint: write it as in `--arg path=/workspace/plan.txt`
    error: `a.b` is given twice, or lies inside what is no object
    hint: write it as in `--arg path=/workspace/plan.txt`
    error: `tomorrow` is not a moment
    hint: a date and time needs its zone, as in `2026-11-21T10:00:00Z`
    "#);
    Ok(())
}

#[test]
fn cases_and_the_rules_they_exercise() -> Result<()> {
    let upstream = upstream()?;
    let cases = "cases:\n  - {as: ben-desktop/ben, tool: remote/echo, class: read, expect: deny, rule: not-ben}\n  \
                 - {as: ana-desktop/ana, tool: remote/echo, class: read, expect: allow}\n";
    let unused = "@id(\"never\")\n@says(\"nobody asks for this\")\n\
                  forbid (principal, action, resource == Tool::\"remote/other\");\n";
    let world = of(&upstream)
        .rules("rules/a.cedar", NOT_BEN)
        .rules("rules/b.cedar", unused)
        .file("cases/ben.yaml", cases)
        .prepare()?;
    let done = world.run(&["test", "--coverage"])?;
    ensure!(
        done.code == 0 && done.stdout.contains("2 of 2 cases as expected; 1 of 2 rules exercised (50 %)"),
        "{done:?}"
    );
    ensure!(done.stdout.contains("no case exercises never (rules/b.cedar:1)"), "{done:?}");
    ensure!(world.run(&["test", "--min", "50"])?.code == 0, "half are exercised");
    let short = world.run(&["test", "--min", "51", "--format", "junit"])?;
    ensure!(
        short.code == 1 && short.stdout.contains("<testsuite name=\"coverage\" tests=\"1\" failures=\"1\""),
        "{short:?}"
    );
    let said = json_of(&world, &["test"])?;
    ensure!(said.pointer("/never/0/rule") == Some(&json!("never")), "{said}");

    std::fs::write(world.folder().join("cases/ben.yaml"), cases.replace("expect: deny", "expect: allow"))?;
    let done = world.run(&["test"])?;
    ensure!(done.code == 1 && done.stdout.contains("expected allow, got deny by `not-ben`"), "{done:?}");
    std::fs::write(world.folder().join("cases/ben.yaml"), cases.replace("expect: deny", "expct: deny"))?;
    let done = world.run(&["test"])?;
    ensure!(done.code == 2 && done.stderr.contains("did you mean `expect`?"), "{done:?}");
    let done = world.run(&["test", "nowhere"])?;
    ensure!(done.code == 2 && done.stderr.contains("nowhere"), "{done:?}");
    Ok(())
}

#[test]
fn a_matrix_that_changed_is_shown() -> Result<()> {
    let upstream = upstream()?;
    let world = of(&upstream).prepare()?;
    let printed = world.run_well(&["matrix"])?;
    std::fs::write(world.folder().join("matrix.txt"), &printed)?;
    ensure!(world.run(&["matrix", "--check", "matrix.txt"])?.code == 0, "{printed}");
    let everyone = "@id(\"all\")\n@says(\"everybody may write\")\npermit (principal, action, resource)\n\
                    when { context.class == \"write\" };\n";
    let text = std::fs::read_to_string(world.config())?.replacen('{', "{\"rules\": [\"all.cedar\"],", 1);
    std::fs::write(world.config(), text)?;
    std::fs::write(world.folder().join("all.cedar"), everyone)?;
    let done = world.run(&["matrix", "--check", "matrix.txt"])?;
    ensure!(done.code == 1 && done.stderr.contains("to accept it: countersign matrix"), "{done:?}");
    let changed = |sign: &str| done.stdout.lines().filter(|line| line.starts_with(sign)).count();
    ensure!(changed("-") == 1 && changed("+") == 1, "{done:?}");
    ensure!(world.run(&["matrix", "--check", "nowhere.txt"])?.code == 2, "nothing to compare with");
    Ok(())
}

#[test]
fn what_is_observed_runs_and_says_what_would_have_been() -> Result<()> {
    let upstream = upstream()?;
    let world =
        of(&upstream).rules("rules/a.cedar", NOT_BEN).set(&["apps", "remote", "observe"], json!(true)).start()?;
    pin(&world, "remote", "read")?;
    let mut ben = world.client("ben-desktop", "ben")?;
    assert_eq!(ben.call_text("remote__echo", json!({"text": "x"}))?, "x");
    assert_eq!(upstream.call_count(), 1);
    let entry = last_intent(&world)?;
    let intent = entry.intent().context("not an intent")?;
    let observed = intent.observed.context("nothing was observed")?;
    ensure!(intent.verdict == model::Verdict::Allow && observed.verdict == model::Verdict::Deny, "{observed:?}");
    ensure!(trace::verify_leaf(&entry).is_ok(), "it does not verify");
    let shown = world.run_well(&["trace", "--observed", "--wide"])?;
    ensure!(shown.contains("observed, would be deny: Ben's desktop has no business there"), "{shown}");
    let story = world.run_well(&["why", entry.call.as_str()])?;
    ensure!(story.contains("it would be deny if everything were enforced") && story.contains("not-ben"), "{story}");

    // A guard is enforced all the same.
    world.run_well(&["stop", "remote"])?;
    let refused = ben.call("remote__echo", json!({"text": "x"}))?;
    ensure!(at(decision(&refused)?, "/reason_code") == "guard:app-stopped", "{refused}");
    world.run_well(&["start", "remote"])?;

    // Enforced, it is refused.
    let text = std::fs::read_to_string(world.config())?.replace("\"observe\": true", "\"observe\": false");
    std::fs::write(world.config(), text)?;
    world.run_well(&["reload"])?;
    let refused = ben.call("remote__echo", json!({"text": "x"}))?;
    ensure!(at(decision(&refused)?, "/reason_code") == "not-ben", "{refused}");
    ensure!(self::text(&refused).contains("nothing was executed"), "{refused}");
    Ok(())
}

#[test]
fn everything_can_be_observed_but_one_app() -> Result<()> {
    let (one, other) = (upstream()?, upstream()?);
    let world = world()
        .app_url("one", one.url(), None)
        .app_url("other", other.url(), None)
        .set(&["observe"], json!(true))
        .set(&["apps", "other", "observe"], json!(false))
        .start()?;
    pin(&world, "one", "destructive")?;
    pin(&world, "other", "destructive")?;
    let mut ana = world.client("ana-desktop", "ana")?;
    assert_eq!(ana.call_text("one__echo", json!({"text": "x"}))?, "x");
    let refused = ana.call("other__echo", json!({"text": "x"}))?;
    ensure!(at(decision(&refused)?, "/reason_code") == "baseline-destructive", "{refused}");
    Ok(())
}

#[test]
fn recorded_calls_go_through_other_rules() -> Result<()> {
    let upstream = upstream()?;
    let world = of(&upstream).file("rules/new.cedar", NOT_BEN).start()?;
    pin(&world, "remote", "read")?;
    for (agent, human) in [("ana-desktop", "ana"), ("ben-desktop", "ben"), ("ben-desktop", "ben")] {
        world.client(agent, human)?.call("remote__echo", json!({"text": "x"}))?;
    }
    last_intent(&world)?;
    let done = world.run(&["replay"])?;
    ensure!(done.code == 0 && done.stdout.contains("3 recorded calls: none"), "{done:?}");
    let words = ["replay", "--rules", "rules/new.cedar", "--since", "1h"];
    let said = json_of(&world, &words)?;
    assert_eq!(said.pointer("/judged"), Some(&json!(3)));
    assert_eq!(said.pointer("/changed"), Some(&json!([{"was": "allow", "would": "deny", "count": 2}])));
    ensure!(at(&said, "/calls/0/rules/0") == "not-ben" && at(&said, "/calls/0/human") == "ben", "{said}");
    let done = world.run(&words)?;
    ensure!(done.code == 1 && done.stdout.contains("ben-desktop              2 of 2: allow to deny 2"), "{done:?}");
    ensure!(!done.stdout.contains("ana-desktop "), "{done:?}");
    let broken = world.run(&["replay", "--rules", "nowhere.cedar"])?;
    ensure!(broken.code == 2 && broken.stderr.contains("nowhere.cedar"), "{broken:?}");
    Ok(())
}

/// What only arguments and the time decide.
const PLATFORM: &str = "policies:
  mail:
    rules:
      - id: mail-inside
        allow: [send_message]
        when: {arguments: {to: {domain: [example.com]}}}
        says: mail to our own people is sent
      - id: mail-quiet
        deny: [send_message]
        when: {time: {days: sat-sun}}
        says: no mail at the weekend
examples:
  - {as: ana-desktop/ana, tool: mail/send_message, arguments: {to: bo@example.com}, expect: EXPECTED, rule: mail-inside}
";

fn mail(expected: &str) -> Result<World> {
    let upstream = upstream()?;
    let mail =
        json!({"url": upstream.url(), "profile": "demo-mail", "risk": "low", "data": "internal", "owners": ["ana"]});
    world().set(&["apps", "mail"], mail).rules("rules/mail.yaml", &PLATFORM.replace("EXPECTED", expected)).prepare()
}

#[test]
fn an_example_that_does_not_come_true_is_refused() -> Result<()> {
    ensure!(mail("allow")?.run(&["check"])?.code == 0, "it comes true");
    let world = mail("hold")?;
    let done = world.run(&["check"])?;
    let said = "rules/mail.yaml:13:6: this example does not come true: expected hold, got allow by `mail-inside`";
    ensure!(done.code == 2 && done.stderr.contains(said), "{done:?}");
    let done = world.run(&["check", "--format", "sarif"])?;
    let log: Value = serde_json::from_str(&done.stdout)?;
    let place = log.pointer("/runs/0/results/0/locations/0/physicalLocation/region/startLine");
    ensure!(done.code == 2 && place == Some(&json!(13)), "{log}");
    ensure!(world.run(&["serve"])?.code == 2, "it was put in force");
    Ok(())
}

/// What was pinned stands in the data directory, and examples and cases are tried on the files alone.
#[test]
fn an_example_of_a_tool_that_is_only_pinned_says_what_to_write() -> Result<()> {
    let upstream = upstream()?;
    let without = "policies:\n  remote:\n    rules:\n      - {id: no-echo, deny: [echo]}\n";
    let example = "examples:\n  - {as: ana-desktop/ana, tool: remote/echo, expect: deny, rule: no-echo}\n";
    let world = of(&upstream).rules("rules/a.yaml", without).prepare()?;
    pin(&world, "remote", "read")?;
    let write = |text: &str| std::fs::write(world.folder().join("rules/a.yaml"), text);
    write(&format!("{without}{example}"))?;
    let wanted = "rules/a.yaml:6:6: this example cannot be tried: nothing in the files says what `echo` of app `remote` is\n  \
                  hint: write its class beside it, as in `class: write`";
    for words in [&["check"][..], &["test"], &["tools", "pin", "--yes"]] {
        let done = world.run(words)?;
        ensure!(done.code == 2 && done.stderr.matches(wanted).count() == 1, "{words:?}: {done:?}");
        ensure!(!done.stderr.contains("nobody has said") && !done.stderr.contains("change the rule"), "{done:?}");
    }
    // What it says is the way out.
    write(&format!("{without}{}", example.replace("expect", "class: read, expect")))?;
    for words in [&["check"][..], &["test"], &["tools", "pin", "--yes"]] {
        ensure!(world.run(words)?.code == 0, "{words:?}");
    }
    Ok(())
}

#[test]
fn examples_are_cases() -> Result<()> {
    let world = mail("allow")?;
    let done = world.run(&["test", "--coverage"])?;
    ensure!(done.code == 0 && done.stdout.contains("1 of 1 case as expected; 1 of 2 rules exercised"), "{done:?}");
    Ok(())
}

#[test]
fn explain_and_the_matrix_know_what_arguments_and_the_time_decide() -> Result<()> {
    let world = mail("allow")?;
    let ask = |to: &str| {
        let to = format!("to={to}");
        let words = ["explain", "--as", "ana-desktop/ana", "--tool", "mail/send_message", "--arg", &to];
        json_of(&world, &[&words[..], &["--now", "2026-11-18T12:00:00Z"]].concat())
    };
    let inside = ask("bo@example.com")?;
    ensure!(at(&inside, "/verdict") == "allow" && at(&inside, "/reasons/0/rule") == "mail-inside", "{inside}");
    let turns = inside.pointer("/alters").and_then(Value::as_array).context("nothing alters it")?;
    let by =
        |fact: &str, verdict: &str| turns.iter().any(|one| at(one, "/fact") == fact && at(one, "/verdict") == verdict);
    ensure!(by("the time", "deny") && by("the argument `to`", "hold"), "{inside}");
    let outside = ask("eve@example.net")?;
    ensure!(at(&outside, "/verdict") == "hold", "{outside}");
    let turns = outside.pointer("/alters").context("nothing alters it")?.to_string();
    ensure!(turns.contains("somebody@example.com"), "{turns}");
    let matrix = world.run_well(&["matrix"])?;
    ensure!(
        matrix.contains("allow|hold|deny (arguments, tool, when)")
            || matrix.contains("allow|hold|deny (arguments, when)"),
        "{matrix}"
    );
    Ok(())
}

#[test]
fn notes_of_rules_have_their_place() -> Result<()> {
    let upstream = upstream()?;
    let limits = "policies:\n  remote:\n    max_calls: 200/hour\n";
    let world = of(&upstream).rules("rules/a.yaml", limits).prepare()?;
    let done = world.run(&["check"])?;
    ensure!(done.code == 0 && done.stderr.contains("note: rules/a.yaml:"), "{done:?}");
    let said = json_of(&world, &["check", "--strict"])?;
    ensure!(at(&said, "/findings/0/kind") == "rule-note", "{said}");
    Ok(())
}
