//! Calls that take more than one round, where one side knows less than the other.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{ExactOptions, ExactUpstream, Participant, Revision, World};

use crate::kit::{Handmade, at, ok, pin, text, until, world};

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

// INVARIANT: of an answer of which a rule hides something its questions are shown and nothing else, until it is whole.
#[test]
fn what_is_hidden_of_an_answer_is_hidden_beside_its_questions() -> Result<()> {
    let server = Handmade::with_echo(|heard| {
        let form = json!({"mode": "form", "message": "Who?", "requestedSchema": {"type": "object", "properties": {}}});
        let asks = json!({"who": {"method": "elicitation/create", "params": form, "iban": "DE02"}});
        let mut result = json!({
            "structuredContent": {"iban": "DE02", "name": "Ada"},
            "content": [{"type": "text", "text": r#"{"iban":"DE02","name":"Ada"}"#}],
            "_meta": {"dev.example/so-far": "DE02"},
            "iban": "DE02",
        });
        if heard.body.pointer("/params/requestState").is_none() {
            result["resultType"] = json!("input_required");
            result["inputRequests"] = asks;
            result["requestState"] = json!("x");
        }
        Some(ok(&json!({"jsonrpc": "2.0", "id": heard.body.get("id"), "result": result}).to_string()))
    })?;
    let rules = r#"@id("all") permit (principal, action, resource);
@id("no-iban") @redact("$..iban") forbid (principal, action == Action::"call", resource);"#;
    let world = world().app_url("exact", &server.url, None).rules("house.cedar", rules).start()?;
    pin(&world, "exact", "read")?;
    let client = client(&world, Revision::July2026)?.declaring(json!({"elicitation": {}}));
    let client = client.answering("elicitation/create", |_| json!({"action": "accept", "content": {}}));
    let call = json!({"name": "exact__echo", "arguments": {}});
    let asked = client.request("tools/call", call.clone())?;
    ensure!(at(&asked, "/inputRequests/who/params/message") == "Who?", "{asked}");
    ensure!(!asked.to_string().contains("DE02") && !asked.to_string().contains("Ada"), "{asked}");
    let whole = client.request("tools/call", client.next_round(&call, &asked)?)?;
    ensure!(!whole.to_string().contains("DE02") && text(&whole).contains("Ada"), "{whole}");
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
