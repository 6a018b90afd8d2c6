//! Calls that take more than one round, where one side knows less than the other.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{ExactOptions, ExactUpstream, Participant, Revision, World};

use crate::kit::{at, text, until, world};

#[test]
#[expect(clippy::disallowed_methods, reason = "a test measures how long an app is left alone")]
fn an_app_that_wants_only_to_be_asked_again_is_given_time() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let record = folder.path().join("record.jsonl");
    let options = ExactOptions { revision: Revision::July2026, record: Some(record.clone()) };
    let server = ExactUpstream::start(options)?;
    let world = permits_all(&server)?;
    let client = client(&world, Revision::June2025)?;
    let began = Instant::now();
    let call = client.begin("tools/call", json!({"name": "exact__come_again", "arguments": {"always": true}}))?;
    until("it was asked four times", || {
        let heard = std::fs::read_to_string(&record).unwrap_or_default();
        let heard = heard.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        Ok(heard.filter(|line| at(line, "/body/method") == "tools/call").count() >= 4)
    })?;
    ensure!(began.elapsed() >= Duration::from_millis(700), "no time between: {:?}", began.elapsed());
    call.cancel()
}

#[test]
fn no_answers_ahead_of_any_question_are_no_answers() -> Result<()> {
    for revision in [Revision::June2025, Revision::July2026] {
        let server = ExactUpstream::start(ExactOptions { revision, record: None })?;
        let world = permits_all(&server)?;
        let client = client(&world, Revision::July2026)?;
        let call = json!({"name": "exact__echo", "arguments": {"text": "x"}, "inputResponses": {}});
        let said = client.request("tools/call", call)?;
        ensure!(text(&said) == "x", "{revision:?}: {said}");
    }
    Ok(())
}

#[test]
fn a_link_is_words_for_a_client_that_knows_none() -> Result<()> {
    let server = ExactUpstream::start(ExactOptions { revision: Revision::June2025, record: None })?;
    let world = permits_all(&server)?;
    for (revision, kind) in [(Revision::March2025, "text"), (Revision::June2025, "resource_link")] {
        let said = client(&world, revision)?.call("exact__work", json!({"ms": 1, "link": "note://one"}))?;
        ensure!(at(&said, "/content/0/type") == kind, "{said}");
        let whole = said.pointer("/content/0").context("no content")?.to_string();
        ensure!(whole.contains("exact+note://one"), "{said}");
    }
    Ok(())
}

fn permits_all(server: &ExactUpstream) -> Result<World> {
    let world = world().app_url("exact", server.url(), None);
    world.rules("all.cedar", "@id(\"all\") permit (principal, action, resource);\n").start()
}

fn client(world: &World, revision: Revision) -> Result<Participant> {
    let token = world.token("ana-desktop", "ana", None)?;
    let client = Participant::http(world.mcp_url(), revision)?.with_token(&token);
    client.start()?;
    Ok(client)
}
