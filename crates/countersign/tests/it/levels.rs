//! How much of a call's arguments the trace keeps and shows, as each app has it.

use anyhow::{Context, Result, ensure};
use model::Verdict;
use serde_json::{Value, json};
use testkit::World;

use crate::kit::{last_intent, pin, upstream, world};

const SAID: &str = "canary-said";

/// A world in which one call was made, its app at this level.
fn at(level: Option<&str>, rules: Option<&str>) -> Result<World> {
    let app = upstream()?;
    let world = world().app_url("remote", app.url(), None);
    let world = match level {
        Some(level) => world.set(&["apps", "remote", "trace", "arguments"], json!(level)),
        None => world,
    };
    let world = match rules {
        Some(rules) => world.rules("rules.yaml", rules),
        None => world,
    };
    let world = world.start()?;
    pin(&world, "remote", "read")?;
    world.client("ana-desktop", "ana")?.call("remote__echo", json!({ "text": SAID, "tag": "t" }))?;
    last_intent(&world)?;
    Ok(world)
}

fn shown(world: &World) -> Result<(String, Value, String)> {
    let call = last_intent(world)?;
    let why = world.run_well(&["why", &call.sequence.to_string()])?;
    let listed = world.run_well(&["trace", "query", "app:remote", "--json"])?;
    let record = listed.lines().last().context("no record")?;
    Ok((why, serde_json::from_str(record)?, listed))
}

#[test]
fn by_default_shapes_are_shown_and_values_are_not() -> Result<()> {
    let world = at(None, None)?;
    let (why, record, listed) = shown(&world)?;
    assert!(why.contains("text: \"(text, 11)\""), "{why}");
    assert!(!why.contains(SAID) && !listed.contains(SAID), "{listed}");
    assert_eq!(record.pointer("/body/kept"), Some(&json!("redacted")));
    assert!(!last_intent(&world)?.body.context("no body")?.contains(SAID), "it is not kept either");
    world.run_well(&["trace", "verify"]).map(drop)
}

#[test]
fn each_level_shows_what_it_says() -> Result<()> {
    for (level, words, digest) in [
        ("none", "with arguments that are not shown", false),
        ("digest", "with arguments that are not kept (sha256:", true),
        ("full", SAID, true),
    ] {
        let world = at(Some(level), None)?;
        let (why, record, listed) = shown(&world)?;
        assert!(why.contains(words), "{level}: {why}");
        assert_eq!(listed.contains(SAID), level == "full", "{listed}");
        assert_eq!(record.pointer("/body/arguments_digest").is_some(), digest, "{level}");
    }
    Ok(())
}

#[test]
fn another_level_is_in_force_from_the_reload_on() -> Result<()> {
    let app = upstream()?;
    let full = &["apps", "remote", "trace", "arguments"];
    let world = world().app_url("remote", app.url(), None).set(full, json!("full")).start()?;
    pin(&world, "remote", "read")?;
    let mut client = world.client("ana-desktop", "ana")?;
    client.call("remote__echo", json!({ "text": SAID, "tag": "t" }))?;
    ensure!(shown(&world)?.0.contains(SAID));
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(world.config())?)?;
    config["apps"]["remote"]["trace"]["arguments"] = json!("none");
    std::fs::write(world.config(), config.to_string())?;
    world.run_well(&["reload"])?;
    client.call("remote__echo", json!({ "text": SAID, "tag": "t" }))?;
    let (why, ..) = shown(&world)?;
    ensure!(why.contains("with arguments that are not shown") && !why.contains(SAID), "{why}");
    Ok(())
}

#[test]
fn replay_judges_by_what_was_read_and_says_where_nothing_was() -> Result<()> {
    let rule = |argument: &str| {
        format!(
            "policies:\n  remote:\n    rules:\n      - id: loud\n        deny: all\n        when: {{arguments: {{{argument}: {{like: \"LOUD*\"}}}}}}\n        says: not so loud\n"
        )
    };
    let reading = rule("tag");
    let world = at(None, Some(&reading))?;
    let said: Value = serde_json::from_str(&world.run_well(&["replay", "--json"])?)?;
    assert_eq!(said.pointer("/unjudged"), Some(&json!([])), "{said}");
    let other = rule("text");
    std::fs::write(world.folder().join("other.yaml"), other)?;
    let replayed = world.run(&["replay", "--rules", "other.yaml", "--json"])?;
    ensure!(replayed.code == 0, "{}", replayed.stderr);
    let said: Value = serde_json::from_str(&replayed.stdout)?;
    let why = said.pointer("/unjudged/0/why").and_then(Value::as_str).context("all was judged")?;
    assert!(why.contains("arguments: full"), "{said}");
    assert_eq!(said.pointer("/unjudged/0/count"), Some(&json!(1)));
    Ok(())
}

#[test]
fn replay_judges_by_the_size_that_was_seen_and_says_where_none_was() -> Result<()> {
    let above = |bytes: u64| {
        format!(
            "policies:\n  remote:\n    rules:\n      - {{id: short, deny: all, when: {{size: {{above: {bytes}}}}}, says: keep it short}}\n"
        )
    };
    let replayed = |world: &World, rules: Option<&str>| -> Result<Value> {
        let mut words = vec!["replay", "--json"];
        if let Some(rules) = rules {
            std::fs::write(world.folder().join("other.yaml"), rules)?;
            words.extend(["--rules", "other.yaml"]);
        }
        Ok(serde_json::from_str(&world.run(&words)?.stdout)?)
    };
    let world = at(None, Some(&above(65_536)))?;
    world.client("ana-desktop", "ana")?.call("remote__echo", json!({ "text": "x".repeat(100_000) }))?;
    ensure!(last_intent(&world)?.verdict == Some(Verdict::Deny), "it was not too long");
    let said = replayed(&world, None)?;
    assert_eq!((said.pointer("/judged"), said.pointer("/changed")), (Some(&json!(2)), Some(&json!([]))), "{said}");
    let said = replayed(&world, Some(&above(200_000)))?;
    assert_eq!(said.pointer("/changed"), Some(&json!([{"was": "deny", "would": "allow", "count": 1}])), "{said}");
    let said = replayed(&world, Some(&above(9)))?;
    assert_eq!(said.pointer("/changed"), Some(&json!([{"was": "allow", "would": "deny", "count": 1}])), "{said}");

    let world = at(None, None)?;
    let said = replayed(&world, Some(&above(9)))?;
    assert_eq!(
        (said.pointer("/judged"), said.pointer("/unjudged/0/count")),
        (Some(&json!(0)), Some(&json!(1))),
        "{said}"
    );
    Ok(())
}
