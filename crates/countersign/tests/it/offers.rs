//! Everything besides tools goes through the same gate: resources, prompts and completions are decided, recorded and
//! named apart; what an app says while a call is under way reaches the client that made it.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testkit::{McpClient, World, everything_command};

use crate::kit::{at, intents, last_intent, nobodys_url, rpc, until, world};

/// One app, the public everything server, of this risk.
fn office(risk: &str) -> Result<World> {
    world()
        .app_command("everything", &everything_command()?)
        .set(&["apps", "everything", "risk"], json!(risk))
        .set(&["apps", "everything", "profile"], json!("everything"))
        .start()
}

/// Clients of both eras.
fn clients(world: &World) -> Result<Vec<McpClient>> {
    let mut clients = vec![world.client("ana-desktop", "ana")?];
    for revision in ["2025-11-25", "2025-03-26"] {
        clients.push(world.legacy_client("ana-desktop", "ana", revision)?);
    }
    Ok(clients)
}

fn names(list: &Value, member: &str, key: &str) -> Vec<String> {
    let items = list.get(member).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.get(key)?.as_str().map(str::to_owned)).collect()
}

#[test]
fn what_an_app_offers_is_listed_read_and_recorded() -> Result<()> {
    let world = office("low")?;
    for mut client in clients(&world)? {
        let resources = names(&client.request("resources/list", json!({}))?, "resources", "uri");
        let uri = "everything+demo://resource/static/document/architecture.md";
        assert!(resources.contains(&uri.to_owned()), "{resources:?}");
        let read = client.request("resources/read", json!({ "uri": uri }))?;
        assert_eq!(names(&read, "contents", "uri"), [uri], "an address in an answer leads back through the gateway");

        let templates =
            names(&client.request("resources/templates/list", json!({}))?, "resourceTemplates", "uriTemplate");
        assert!(
            templates.contains(&"everything+demo://resource/dynamic/text/{resourceId}".to_owned()),
            "{templates:?}"
        );
        let read = client.request("resources/read", json!({ "uri": "everything+demo://resource/dynamic/text/7" }))?;
        assert!(read.to_string().contains("Resource 7"), "{read}");

        let prompts = names(&client.request("prompts/list", json!({}))?, "prompts", "name");
        assert!(prompts.contains(&"everything__args-prompt".to_owned()), "{prompts:?}");
        let arguments = json!({ "name": "everything__args-prompt", "arguments": { "city": "Lisbon" } });
        assert!(client.request("prompts/get", arguments)?.to_string().contains("Lisbon"));

        let reference = json!({ "type": "ref/prompt", "name": "everything__completable-prompt" });
        let argument = json!({ "name": "department", "value": "E" });
        let completed = client.request("completion/complete", json!({ "ref": reference, "argument": argument }))?;
        assert!(completed.to_string().contains("Engineering"), "{completed}");
    }
    let methods: Vec<String> = intents(&world)?
        .iter()
        .filter_map(|entry| {
            serde_json::to_value(entry.to_json()).ok()?.pointer("/body/facts/method")?.as_str().map(str::to_owned)
        })
        .collect();
    let one_round = ["resources/read", "resources/read", "prompts/get", "completion/complete"];
    assert_eq!(methods, one_round.repeat(3));
    Ok(())
}

#[test]
fn at_the_endpoint_of_one_app_names_stay_as_they_are() -> Result<()> {
    let world = office("low")?;
    let token = world.token("ana-desktop", "ana", None)?;
    let mut client = McpClient::modern(&format!("{}/everything", world.mcp_url()))?.with_token(token);
    let uri = "demo://resource/static/document/architecture.md";
    assert!(names(&client.request("resources/list", json!({}))?, "resources", "uri").contains(&uri.to_owned()));
    assert_eq!(names(&client.request("resources/read", json!({ "uri": uri }))?, "contents", "uri"), [uri]);
    assert!(client.request("prompts/get", json!({ "name": "simple-prompt" }))?.to_string().contains("messages"));
    Ok(())
}

/// What a long name stands for only its app can say.
#[test]
fn a_long_name_of_a_prompt_is_not_called_unknown_where_its_app_cannot_be_asked() -> Result<()> {
    let world = world().app_url("crm", &nobodys_url()?, None).start()?;
    let name = format!("crm__{}_0123456789ab", "x".repeat(64 - 5 - 13));
    let reference = json!({ "type": "ref/prompt", "name": name });
    let completes = json!({ "ref": reference, "argument": { "name": "department", "value": "E" } });
    for mut client in clients(&world)? {
        for (method, params) in [("prompts/get", json!({ "name": name })), ("completion/complete", completes.clone())] {
            let error = rpc(client.request(method, params))?;
            assert!(error.message.contains("Nothing was executed"), "{error}");
            let said = error.data.get("dev.countersign/decision").context("it does not say who is to blame")?;
            assert_eq!((at(said, "/blame"), at(said, "/retry")), ("upstream", "later"), "{error}");
        }
    }
    Ok(())
}

#[test]
fn a_held_read_says_so_and_nothing_is_read() -> Result<()> {
    let world = office("high")?;
    let mut client = world.client("ana-desktop", "ana")?;
    let uri = "everything+demo://resource/static/document/architecture.md";
    let error = client.request("resources/read", json!({ "uri": uri })).err().context("it is held")?.to_string();
    assert!(error.contains("Needs approval, nothing was executed"), "{error}");
    assert_eq!(last_intent(&world)?.verdict.map(|verdict| verdict.to_string()).as_deref(), Some("hold"));
    let unknown = client.request("resources/read", json!({ "uri": "nobody+demo://x" })).err().context("unknown")?;
    assert!(unknown.to_string().contains("unknown resource"), "{unknown}");
    Ok(())
}

#[test]
fn a_rule_may_name_a_resource() -> Result<()> {
    let rule = r#"@id("no-architecture") @says("the architecture is not for agents")
forbid (principal, action == Action::"read", resource == Resource::"everything/demo://resource/static/document/architecture.md");"#;
    let world = world()
        .app_command("everything", &everything_command()?)
        .set(&["apps", "everything", "risk"], json!("low"))
        .rules("rules.cedar", rule)
        .start()?;
    let mut client = world.client("ana-desktop", "ana")?;
    let listed = names(&client.request("resources/list", json!({}))?, "resources", "uri");
    let uri = |file: &str| format!("everything+demo://resource/static/document/{file}.md");
    assert!(listed.contains(&uri("features")) && !listed.contains(&uri("architecture")), "{listed:?}");
    let error = client.request("resources/read", json!({ "uri": uri("architecture") })).err().context("refused")?;
    assert!(error.to_string().contains("the architecture is not for agents"), "{error}");
    client.request("resources/read", json!({ "uri": uri("features") })).map(drop)
}

#[test]
fn progress_reaches_the_client_whose_call_it_is() -> Result<()> {
    let world = office("low")?;
    for client in clients(&world)? {
        let params = json!({
            "name": "everything__trigger-long-running-operation",
            "arguments": { "duration": 1, "steps": 3 },
            "_meta": { "progressToken": "mine" },
        });
        let mut response = client.send(&client.message("tools/call", &params))?;
        assert!(response.is_stream());
        let mut events = Vec::new();
        while let Some(event) = response.next_event()? {
            events.push(serde_json::from_str::<Value>(&event)?);
        }
        let (answer, progress) = events.split_last().context("events")?;
        assert!(answer.pointer("/result/content").is_some(), "{answer}");
        let said: Vec<_> = progress
            .iter()
            .map(|event| (event["params"]["progressToken"].clone(), event["params"]["progress"].clone()))
            .collect();
        assert_eq!(said, [(json!("mine"), json!(1)), (json!("mine"), json!(2)), (json!("mine"), json!(3))]);
    }
    Ok(())
}

#[test]
fn a_client_may_change_its_mind() -> Result<()> {
    let world = office("low")?;
    let call = |client: &McpClient| {
        let arguments = json!({ "duration": 20, "steps": 20 });
        let name = "everything__trigger-long-running-operation";
        let meta = json!({ "progressToken": 1 });
        client.message("tools/call", &json!({ "name": name, "arguments": arguments, "_meta": meta }))
    };
    // A modern client closes the stream.
    let client = world.client("ana-desktop", "ana")?;
    let mut response = client.send(&call(&client))?;
    response.next_event()?.context("it is under way")?;
    drop(response);
    ended_as_cancelled(&world, 1)?;
    // A legacy client says so.
    let client = world.legacy_client("ana-desktop", "ana", "2025-11-25")?;
    let message = call(&client);
    let mut response = client.send(&message)?;
    response.next_event()?.context("it is under way")?;
    let cancel =
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": message["id"] } });
    client.send(&cancel)?;
    ended_as_cancelled(&world, 2)
}

fn ended_as_cancelled(world: &World, calls: usize) -> Result<()> {
    until("the call has ended", || {
        let ended = intents(world)?
            .iter()
            .filter(|entry| entry.outcome().is_some_and(|outcome| outcome.code.as_deref() == Some("caller.cancelled")))
            .count();
        Ok(ended == calls)
    })
}
