//! What an app remembers of one pair of agent and human, no other pair can see.

use anyhow::{Result, anyhow};
use model::limits::LINKS_PER_PAIR_MAX;
use serde_json::json;
use testkit::{Era, McpClient, Upstream, UpstreamOptions, World};

use crate::kit::{child, intents, pin, until, world};

/// How many calls the process or session behind `remote` says it has had from this pair, after one more.
fn calls_seen(world: &World, agent: &str, human: &str) -> Result<String> {
    let mut client = world.client(agent, human)?;
    client.call_text("remote__echo", json!({ "text": "x" }))?;
    client.call_text("remote__count", json!({}))
}

fn office(stateless: bool) -> Result<World> {
    let world =
        world().app_command("remote", &child(&[])?).set(&["apps", "remote", "stateless"], json!(stateless)).start()?;
    pin(&world, "remote", "read")?;
    Ok(world)
}

#[test]
fn a_child_belongs_to_one_pair() -> Result<()> {
    let world = office(false)?;
    let first = calls_seen(&world, "ana-desktop", "ana")?;
    let other = calls_seen(&world, "ben-desktop", "ben")?;
    assert_eq!(first, other, "another pair begins with a child of its own");
    assert_ne!(first, calls_seen(&world, "ana-desktop", "ana")?, "the same pair goes on with its child");
    assert_eq!(other, calls_seen(&world, "ana-desktop", "ben")?, "the same agent for another human is another pair");
    Ok(())
}

/// Clients of one pair that can be asked different things have links of their own, of which some make place for others.
#[test]
fn no_link_is_ended_for_another_while_a_call_is_under_way_on_it() -> Result<()> {
    let world = world().app_command("remote", &child(&["--era", "legacy"])?).start()?;
    pin(&world, "remote", "read")?;
    let token = world.token("ana-desktop", "ana", None)?;
    let client = |number: usize| -> Result<McpClient> {
        let extension = format!("dev.example/{number}");
        let capabilities = json!({"elicitation": {}, "extensions": {extension: {}}});
        Ok(McpClient::modern(world.mcp_url())?.with_token(&token).with_capabilities(capabilities))
    };
    let mut first = client(0)?;
    let slow = std::thread::spawn(move || first.call_text("remote__slow", json!({"ms": 5_000})));
    until("it is under way", || Ok(!intents(&world)?.is_empty()))?;
    for number in 1..=LINKS_PER_PAIR_MAX {
        client(number)?.call_text("remote__echo", json!({"text": "x"}))?;
    }
    assert_eq!(slow.join().map_err(|_| anyhow!("the client broke"))??, "waited 5000 ms");
    Ok(())
}

#[test]
fn a_stateless_child_is_shared() -> Result<()> {
    let world = office(true)?;
    let first = calls_seen(&world, "ana-desktop", "ana")?;
    assert_ne!(first, calls_seen(&world, "ben-desktop", "ben")?);
    Ok(())
}

#[test]
fn a_legacy_session_belongs_to_one_pair_and_modern_http_is_shared() -> Result<()> {
    for (era, sessions) in [(Era::Legacy, 3), (Era::Modern, 0)] {
        let upstream = Upstream::start(UpstreamOptions { era, record: true, ..UpstreamOptions::default() })?;
        let world = world().app_url("remote", upstream.url(), None).start()?;
        pin(&world, "remote", "read")?;
        for (agent, human) in [("ana-desktop", "ana"), ("ben-desktop", "ben"), ("ana-desktop", "ana")] {
            calls_seen(&world, agent, human)?;
        }
        let opened = upstream
            .requests()
            .iter()
            .filter(|request| {
                request.to_string().contains("initialize") && !request.to_string().contains("notifications/initialized")
            })
            .count();
        assert_eq!(opened, sessions, "one for the list and one for each pair, or none");
    }
    Ok(())
}
