//! On which folders a client works: what an app asks apart from any call is asked right before one, and spends nothing of it.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use model::Method;
use model::limits::ROUNDS_MAX;
use serde_json::{Value, json};
use testkit::{ExactOptions, ExactUpstream, McpClient, Participant, Revision, World, WorldBuilder};

use crate::holds::{office_with, waiting};
use crate::kit::{at, child, decision, intents, pin, send, text, until, upstream, world};

/// A client of this revision that works on `folder`, at this app.
fn with_folder(
    world: &World,
    (app, revision): (&str, Revision),
    roots: Value,
    folder: &'static str,
) -> Result<Participant> {
    let client = Participant::http(&format!("{}/{app}", world.mcp_url()), revision)?;
    let client = client.with_token(&world.token("ana-desktop", "ana", None)?).declaring(json!({ "roots": roots }));
    let client = client.answering("roots/list", move |_| json!({"roots": [{"uri": folder, "name": "work"}]}));
    client.start()?;
    Ok(client)
}

fn works_on(client: &Participant, folder: &'static str) -> Result<()> {
    client.answers("roots/list", move |_| json!({"roots": [{"uri": folder, "name": "work"}]}));
    client.notify("notifications/roots/list_changed", json!({}))
}

/// An app that asks as soon as it is connected, where its client says this of itself.
fn at_once() -> Value {
    json!({"dev.example/at_once": true})
}

fn asking_child(record: &Path) -> Result<Vec<String>> {
    child(&["--revision", "2025-06-18", "--record", &record.display().to_string()])
}

fn permitting(world: WorldBuilder) -> WorldBuilder {
    let world = world.rules("all.cedar", "@id(\"all\") permit (principal, action, resource);\n");
    world.set(&["apps", "child", "access"], json!({"people": ["ana"]}))
}

/// What the app was told, but for requests.
fn answers(record: &Path) -> Result<Vec<Value>> {
    let told = std::fs::read_to_string(record)?;
    let told = told.lines().map(serde_json::from_str::<Value>).collect::<Result<Vec<_>, _>>()?;
    let bodies = told.into_iter().filter_map(|one| one.get("body").cloned());
    Ok(bodies.filter(|body| body.get("method").is_none()).collect())
}

#[test]
fn a_call_never_runs_on_folders_that_its_client_has_taken_away() -> Result<()> {
    let server = ExactUpstream::start(ExactOptions { revision: Revision::June2025, record: None })?;
    for (rule, may_ask) in [("", true), (" unless { action == Action::\"ask\" }", false)] {
        let world = world()
            .rules("all.cedar", &format!("@id(\"all\") permit (principal, action, resource){rule};\n"))
            .app_url("http", server.url(), None)
            .app_command("child", &child(&["--revision", "2025-06-18"])?)
            .set(&["apps", "http", "access"], json!({"people": ["ana"]}))
            .set(&["apps", "child", "access"], json!({"people": ["ana"]}))
            .start()?;
        for (app, at_once) in [("http", false), ("child", false), ("child", true)] {
            let roots = if at_once { json!({"dev.example/at_once": true}) } else { json!({"listChanged": true}) };
            let client = with_folder(&world, (app, Revision::November2025), roots, "file:///one")?;
            let known = if at_once && may_ask { "file:///one" } else { "" };
            assert_eq!(client.call_text("folders", json!({}))?, known, "{app}");
            for next in ["file:///two", "file:///three"] {
                works_on(&client, next)?;
                assert_eq!(client.call_text("folders", json!({}))?, if may_ask { next } else { "" }, "{app}");
                assert_eq!(client.call_text("folders", json!({}))?, if may_ask { next } else { "" }, "{app}");
            }
            let asked = if may_ask { 2 + usize::from(at_once) } else { 0 };
            assert_eq!(client.asked().len(), asked, "{app}: {:?}", client.asked());
        }
        let intents = intents(&world)?;
        let asked: Vec<_> =
            intents.iter().filter_map(|entry| entry.intent()).filter(|one| one.method == Method::Roots).collect();
        assert_eq!(asked.len(), if may_ask { 7 } else { 0 });
        assert!(asked.iter().all(|one| one.cause.is_some()), "each belongs to a call");
    }
    Ok(())
}

/// The app asks when it is started, and it is started for a call that people have approved.
#[test]
fn what_people_approved_is_not_used_up_by_a_question_about_folders() -> Result<()> {
    for (revision, seen) in [(Revision::November2025, "file:///one"), (Revision::July2026, "")] {
        let record = tempfile::NamedTempFile::new()?;
        let command = asking_child(record.path())?;
        let world = office_asked(|world| world.app_command("child", &command), "child")?;
        let client = with_folder(&world, ("child", revision), at_once(), "file:///one")?;
        let call = client.begin("tools/call", json!({"name": "folders", "arguments": {}}))?;
        world.run_well(&["holds", "approve", &waiting(&world)?])?;
        executed(&call.wait()?, seen).with_context(|| revision)?;
        let intents = intents(&world)?;
        let of_tool = intents.iter().filter(|entry| entry.tool.as_ref().is_some_and(|tool| tool.as_str() == "folders"));
        assert_eq!(of_tool.count(), 2, "{revision}: it is asked for, and runs");
    }
    Ok(())
}

/// Over HTTP it asks whenever it likes, also while the call is under way that people have approved.
#[test]
fn what_people_approved_is_not_used_up_by_a_question_that_comes_late() -> Result<()> {
    let server = ExactUpstream::start(ExactOptions { revision: Revision::June2025, record: None })?;
    for revision in [Revision::November2025, Revision::July2026] {
        let world = office_asked(|world| world.app_url("late", server.url(), None), "late")?;
        let client = with_folder(&world, ("late", revision), json!({"dev.example/after_ms": 1_000}), "file:///one")?;
        let call = client.begin("tools/call", json!({"name": "slow", "arguments": {"ms": 3_000}}))?;
        world.run_well(&["holds", "approve", &waiting(&world)?])?;
        executed(&call.wait()?, "done").with_context(|| revision)?;
        let intents = intents(&world)?;
        let of_tool = intents.iter().filter(|entry| entry.tool.as_ref().is_some_and(|tool| tool.as_str() == "slow"));
        assert_eq!(of_tool.count(), 2, "{revision}: it is asked for, and runs");
    }
    Ok(())
}

/// A client that is away for a moment, or says nothing, has not taken back what people approved.
#[test]
fn what_people_approved_runs_though_its_client_does_not_say_on_which_folders_it_works() -> Result<()> {
    let record = tempfile::NamedTempFile::new()?;
    let command = asking_child(record.path())?;
    let child =
        |world: WorldBuilder| world.app_command("child", &command).set(&["limits", "call_seconds_max"], json!(4));
    let world = office_asked(child, "child")?;
    let client = with_folder(&world, ("child", Revision::November2025), at_once(), "file:///one")?;
    client.be_silent(true);
    let call = client.begin("tools/call", json!({"name": "folders", "arguments": {}}))?;
    world.run_well(&["holds", "approve", &waiting(&world)?])?;
    executed(&call.wait()?, "")?;
    client.be_silent(false);
    let call = client.begin("tools/call", json!({"name": "folders", "arguments": {}}))?;
    world.run_well(&["holds", "approve", &waiting(&world)?])?;
    executed(&call.wait()?, "file:///one")
}

/// An office where an app may ask, and people approve its calls.
fn office_asked(app: impl FnOnce(WorldBuilder) -> WorldBuilder, name: &str) -> Result<World> {
    let other = upstream()?;
    let asks = "@id(\"asks\") permit (principal, action == Action::\"ask\", resource);\n";
    let world = office_with(&other, |world| {
        app(world.rules("asks.cedar", asks)).set(&["apps", name, "owners"], json!(["ben"]))
    })?;
    pin(&world, name, "external")?;
    Ok(world)
}

/// It ran as people approved it, and said so.
fn executed(result: &Value, said: &str) -> Result<()> {
    ensure!(text(result) == said, "{result}");
    let disposition = at(result, "/_meta/io.modelcontextprotocol~1tool-approval-disposition");
    ensure!(disposition == "approved-executed", "{result}");
    Ok(())
}

#[test]
fn an_app_asks_only_so_often_before_a_call() -> Result<()> {
    let record = tempfile::NamedTempFile::new()?;
    let world = permitting(world().app_command("child", &asking_child(record.path())?)).start()?;
    let roots = json!({"listChanged": true, "dev.example/times": 2 * ROUNDS_MAX});
    let client = with_folder(&world, ("child", Revision::November2025), roots, "file:///one")?;
    client.call_text("folders", json!({}))?;
    works_on(&client, "file:///two")?;
    let failed = client.call("folders", json!({}))?;
    let said = decision(&failed)?;
    ensure!(at(said, "/reason_code") == "upstream.asks_too_often", "{failed}");
    ensure!(said.get("executed") == Some(&json!(false)), "{failed}");
    assert_eq!(client.asked().len(), usize::try_from(ROUNDS_MAX)?);
    Ok(())
}

/// The app is waited for so long that the time of the call is over before it was sent.
#[test]
fn a_call_whose_time_is_over_before_it_is_sent_is_not_executed() -> Result<()> {
    let server = ExactUpstream::start(ExactOptions { revision: Revision::June2025, record: None })?;
    let world = world().app_url("http", server.url(), None).set(&["limits", "call_seconds_max"], json!(1));
    let world = world.rules("all.cedar", "@id(\"all\") permit (principal, action, resource);\n");
    let world = world.set(&["apps", "http", "access"], json!({"people": ["ana"]})).start()?;
    let roots = json!({"listChanged": true, "dev.example/again_after_ms": 60_000});
    let client = with_folder(&world, ("http", Revision::November2025), roots, "file:///one")?;
    client.call_text("folders", json!({}))?;
    works_on(&client, "file:///two")?;
    assert_eq!(client.call_text("folders", json!({}))?, "file:///two");
    works_on(&client, "file:///three")?;
    let failed = client.call("folders", json!({}))?;
    let said = decision(&failed)?;
    ensure!(at(said, "/reason_code") == "upstream.timeout" && said.get("executed") == Some(&json!(false)), "{failed}");
    Ok(())
}

#[test]
fn a_question_about_folders_that_nobody_answers_is_refused_and_asked_anew() -> Result<()> {
    let record = tempfile::NamedTempFile::new()?;
    let world = permitting(world().app_command("child", &asking_child(record.path())?)).start()?;
    let client = with_folder(&world, ("child", Revision::November2025), at_once(), "file:///one")?;
    client.be_silent(true);
    let call = client.begin("tools/call", json!({"name": "folders", "arguments": {}}))?;
    until("it is asked", || Ok(client.asked().len() == 1))?;
    call.cancel()?;
    until("the app hears that nobody answers", || {
        let answers = answers(record.path())?;
        Ok(answers.iter().any(|answer| at(answer, "/id") == "asked-1" && answer.get("error").is_some()))
    })?;
    let outcome = || -> Result<Option<String>> {
        let intents = intents(&world)?;
        let call = intents.iter().find(|entry| entry.tool.as_ref().is_some_and(|tool| tool.as_str() == "folders"));
        Ok(call.and_then(|call| Some(call.outcome()?.effect.as_str().to_owned())))
    };
    until("it is on record that nothing was executed", || Ok(outcome()?.as_deref() == Some("not_executed")))?;
    client.be_silent(false);
    assert_eq!(client.call_text("folders", json!({}))?, "file:///one");
    assert_eq!(client.asked().len(), 2);
    Ok(())
}

#[test]
fn a_call_of_a_client_that_does_not_say_on_which_folders_it_works_is_not_executed() -> Result<()> {
    let record = tempfile::NamedTempFile::new()?;
    let world = permitting(world().app_command("child", &asking_child(record.path())?));
    let world = world.set(&["limits", "call_seconds_max"], json!(1)).start()?;
    let client = with_folder(&world, ("child", Revision::November2025), at_once(), "file:///one")?;
    client.be_silent(true);
    let failed = client.call("folders", json!({}))?;
    let said = decision(&failed)?;
    ensure!(at(said, "/reason_code") == "caller.no_answer" && said.get("executed") == Some(&json!(false)), "{failed}");
    client.be_silent(false);
    assert_eq!(client.call_text("folders", json!({}))?, "file:///one");
    Ok(())
}

/// Nobody reads what is said in a batch before all of it is answered.
#[test]
fn in_a_batch_calls_run_without_a_question_about_folders() -> Result<()> {
    let record = tempfile::NamedTempFile::new()?;
    let world = permitting(world().app_command("child", &asking_child(record.path())?)).start()?;
    let token = world.token("ana-desktop", "ana", None)?;
    let url = format!("{}/child", world.mcp_url());
    let client = McpClient::legacy(&url, "2025-03-26")?.with_token(token);
    let mut client = client.with_capabilities(json!({ "roots": at_once() }));
    client.initialize()?;
    let params = json!({"name": "folders", "arguments": {}});
    let batch = json!([{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}]);
    for _batch in 0..2 {
        let (status, answers) = send(&client, &client.http_request(&batch))?;
        let result = answers.pointer("/0/result").with_context(|| answers.to_string())?;
        ensure!(status == 200 && result.get("isError") != Some(&json!(true)) && text(result).is_empty(), "{answers}");
    }
    // What the app asked waits for a call that can be asked, over the same link.
    let other = with_folder(&world, ("child", Revision::March2025), at_once(), "file:///one")?;
    assert_eq!(other.call_text("folders", json!({}))?, "file:///one");
    Ok(())
}

/// Over HTTP it asks on another stream, by and by.
#[test]
fn an_app_that_has_asked_before_is_given_time_to_ask_again() -> Result<()> {
    let server = ExactUpstream::start(ExactOptions { revision: Revision::June2025, record: None })?;
    let world = world().app_url("http", server.url(), None);
    let world = world.rules("all.cedar", "@id(\"all\") permit (principal, action, resource);\n");
    let world = world.set(&["apps", "http", "access"], json!({"people": ["ana"]})).start()?;
    let roots = json!({"listChanged": true, "dev.example/again_after_ms": 600});
    let client = with_folder(&world, ("http", Revision::November2025), roots, "file:///one")?;
    client.call_text("folders", json!({}))?;
    for folder in ["file:///two", "file:///three"] {
        works_on(&client, folder)?;
        assert_eq!(client.call_text("folders", json!({}))?, folder);
    }
    Ok(())
}
