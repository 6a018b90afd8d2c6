//! Who may act: tokens, hosts and origins, people who leave, agents that are suspended, switches that are pulled.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use testkit::{HttpRequest, McpClient, Upstream, World, exchange};

use crate::kit::{at, changes, decision, intents, rpc, send, text, until, upstream, world, world_with};
use std::time::Duration;

#[test]
fn without_a_good_token_nothing_is_said() -> Result<()> {
    let upstream = upstream()?;
    let other = crate::kit::upstream()?;
    let world = world().app_url("remote", upstream.url(), None).app_url("other", other.url(), None).start()?;
    crate::kit::pin(&world, "remote", "read")?;
    let url = world.mcp_url().to_owned();
    let remote = format!("{url}/remote");
    let whole = world.token("ana-desktop", "ana", None)?;
    let of_remote = world.token("ana-desktop", "ana", Some("remote"))?;
    let of_other = world.token("ana-desktop", "ana", Some("other"))?;

    check_token(&url, Some(&whole), None)?;
    check_token(&remote, Some(&whole), None)?;
    check_token(&remote, Some(&of_remote), None)?;
    check_token(&url, None, Some(""))?;
    check_token(&url, Some(&of_remote), Some("invalid_token"))?;
    check_token(&remote, Some(&of_other), Some("invalid_token"))?;
    check_token(&url, Some("nonsense"), Some("invalid_token"))?;
    let parts: Vec<&str> = whole.split('.').collect();
    let [head, claims, signature] = parts.as_slice() else { anyhow::bail!("not a token: {whole}") };
    let unsigned = base64(r#"{"alg":"none","typ":"at+jwt"}"#);
    let turned: String = signature.chars().rev().collect();
    for spoilt in [
        format!("{head}.{claims}.{turned}"),
        format!("{head}.{}.{signature}", base64(r#"{"sub":"ana","client_id":"ana-desktop"}"#)),
        format!("{unsigned}.{claims}."),
        format!("{head}.{claims}"),
    ] {
        check_token(&url, Some(&spoilt), Some("invalid_token"))?;
    }
    let stranger = crate::kit::world().app_url("remote", upstream.url(), None).start()?;
    check_token(&url, Some(&stranger.token("ana-desktop", "ana", None)?), Some("invalid_token"))?;

    let short = world.run_well(&["token", "--agent", "ana-desktop", "--human", "ana", "--ttl", "1s"])?;
    let mut client = McpClient::modern(&url)?.with_token(short.trim());
    until("the token expires", || match client.tool_names() {
        Ok(_) => Ok(false),
        Err(error) => Ok(rpc(Err(error))?.status == 401),
    })?;
    check_token(&url, Some(short.trim()), Some("invalid_token"))
}

#[test]
fn a_client_without_a_token_learns_what_to_do() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    for path in ["/mcp", "/mcp/remote"] {
        let mut client = McpClient::modern(&format!("{}{path}", world.base_url()))?;
        let response = client.send(&client.message("tools/list", &json!({})))?;
        let challenge = response.header("www-authenticate").context("no challenge")?.to_owned();
        let document = challenge.split('"').nth(1).context("no address in the challenge")?;
        let at_path = document.strip_prefix(world.base_url()).context("another gateway")?;
        let metadata = client.send_http(&HttpRequest::get(at_path))?.json()?;
        assert_eq!(at(&metadata, "/resource"), format!("{}{path}", world.base_url()));
        let error = rpc(client.request("tools/list", json!({})))?;
        assert_eq!(error.status, 401);
    }
    assert_eq!(upstream.call_count(), 0);
    Ok(())
}

#[test]
fn strangers_in_host_and_origin() -> Result<()> {
    let upstream = upstream()?;
    let world = world()
        .app_url("remote", upstream.url(), None)
        .set(&["allowed_origins"], json!(["https://console.example"]))
        .start()?;
    let client = world.client("ana-desktop", "ana")?;
    let list = client.message("tools/list", &json!({}));
    let origin =
        |origin: &str| Ok::<_, anyhow::Error>(send(&client, &client.http_request(&list).with("origin", origin))?.0);
    assert_eq!(origin("https://evil.example")?, 403);
    assert_eq!(origin("null")?, 403);
    assert_eq!(origin(world.base_url())?, 200);
    assert_eq!(origin("https://console.example")?, 200);
    let port = world.base_url().rsplit(':').next().unwrap_or_default().to_owned();
    for (host, status) in [
        (format!("localhost:{port}"), 200),
        (format!("127.0.0.1:{port}"), 200),
        ("rebound.example".to_owned(), 421),
        (format!("rebound.example:{port}"), 421),
    ] {
        assert_eq!(with_host(&world, &client, &host)?, status, "{host}");
    }
    Ok(())
}

#[test]
fn the_agents_token_never_leaves() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    let token = world.token("ana-desktop", "ana", None)?;
    let mut client = McpClient::modern(world.mcp_url())?.with_token(&token);
    client.call("remote__echo", json!({"text": "x"}))?;
    let requests = upstream.requests();
    ensure!(requests.iter().any(|request| at(request, "/body").contains("tools/call")), "nothing arrived");
    for request in requests {
        assert!(!request.to_string().contains(&token), "{request}");
        assert_eq!(request.pointer("/headers/authorization"), None, "{request}");
    }
    assert!(!world.log().contains(&token));
    Ok(())
}

#[test]
fn a_change_of_standing_stops_the_very_next_call() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    let mut client = world.client("ana-desktop", "ana")?;
    for change in &CHANGES {
        check_runs(&mut client, &upstream)?;
        world.run_well(change.stop)?;
        check_stopped(&mut client, &upstream, change)?;
        check_recorded(&world, change)?;
        world.run_well(change.undo)?;
    }
    check_runs(&mut client, &upstream)?;
    check_all_recorded(&world)
}

#[test]
fn a_change_of_standing_while_nothing_runs_is_in_force_at_the_start() -> Result<()> {
    let upstream = upstream()?;
    let mut world = world_with(&upstream)?;
    for change in &CHANGES {
        world.terminate()?;
        world.run_well(change.stop)?;
        world.restart()?;
        check_stopped(&mut world.client("ana-desktop", "ana")?, &upstream, change)?;
        world.kill()?;
        world.run_well(change.undo)?;
        world.restart()?;
        check_runs(&mut world.client("ana-desktop", "ana")?, &upstream)?;
    }
    check_all_recorded(&world)
}

#[test]
fn the_kill_switch_works_while_the_configuration_is_broken() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    let good = std::fs::read_to_string(world.config())?;
    std::fs::write(world.config(), good.replacen('{', "{\"peeple\": {}, ", 1))?;
    world.run_well(&["stop", "all"])?;
    let mut ana = world.client("ana-desktop", "ana")?;
    let said = ana.call_text("remote__echo", json!({"text": "x"}))?;
    ensure!(said.contains("guard:all-stopped"), "it ran: {said}");
    let refused = world.run(&["reload"])?;
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("did you mean `people`?"), "{}", refused.stderr);
    Ok(())
}

#[test]
fn others_go_on() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    let (mut ana, mut ben) = (world.client("ana-desktop", "ana")?, world.client("ben-desktop", "ben")?);
    world.run_well(&["people", "offboard", "ana"])?;
    assert_eq!(rpc(ana.call("remote__echo", json!({"text": "x"})))?.status, 401);
    assert_eq!(ben.call_text("remote__echo", json!({"text": "x"}))?, "x");
    world.run_well(&["agents", "suspend", "ben-desktop"])?;
    assert_eq!(rpc(ben.call("remote__echo", json!({"text": "x"})))?.status, 401);
    let unknown = world.run(&["people", "offboard", "anna"])?;
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("did you mean `ana`?"), "{}", unknown.stderr);
    Ok(())
}

struct Standing {
    stop: &'static [&'static str],
    undo: &'static [&'static str],
    what: [&'static str; 2],
    subject: &'static str,
    rule: &'static str,
    unauthorized: bool,
}

const CHANGES: [Standing; 4] = [
    Standing {
        stop: &["people", "offboard", "ana"],
        undo: &["people", "restore", "ana"],
        what: ["people.offboard", "people.restore"],
        subject: "human:ana",
        rule: "guard:human-inactive",
        unauthorized: true,
    },
    Standing {
        stop: &["agents", "suspend", "ana-desktop"],
        undo: &["agents", "resume", "ana-desktop"],
        what: ["agents.suspend", "agents.resume"],
        subject: "agent:ana-desktop",
        rule: "guard:agent-suspended",
        unauthorized: true,
    },
    Standing {
        stop: &["stop", "remote"],
        undo: &["start", "remote"],
        what: ["apps.stop", "apps.start"],
        subject: "app:remote",
        rule: "guard:app-stopped",
        unauthorized: false,
    },
    Standing {
        stop: &["stop", "all"],
        undo: &["start", "all"],
        what: ["apps.stop", "apps.start"],
        subject: "all",
        rule: "guard:all-stopped",
        unauthorized: false,
    },
];

fn check_runs(client: &mut McpClient, upstream: &Upstream) -> Result<()> {
    let before = upstream.call_count();
    let said = client.call_text("remote__echo", json!({"text": "x"}))?;
    ensure!(said == "x" && upstream.call_count() == before + 1, "it did not run: {said}");
    Ok(())
}

fn check_stopped(client: &mut McpClient, upstream: &Upstream, change: &Standing) -> Result<()> {
    let before = upstream.call_count();
    let answer = client.call("remote__echo", json!({"text": "x"}));
    if change.unauthorized {
        ensure!(rpc(answer)?.status == 401, "not 401 after {:?}", change.stop);
        ensure!(rpc(client.request("tools/list", json!({})))?.status == 401, "a list after {:?}", change.stop);
    } else {
        let result = answer?;
        ensure!(at(decision(&result)?, "/reason_code") == change.rule, "{:?}: {result}", change.stop);
        ensure!(text(&result).contains("nothing was executed"), "{result}");
        ensure!(client.tool_names()?.is_empty(), "tools are listed after {:?}", change.stop);
    }
    ensure!(upstream.call_count() == before, "a call left after {:?}", change.stop);
    Ok(())
}

fn check_recorded(world: &World, change: &Standing) -> Result<()> {
    let last = intents(world)?.pop().and_then(|entry| entry.intent()).context("no record")?;
    let rules: Vec<&str> = last.rules.iter().map(|rule| rule.as_str()).collect();
    ensure!(rules == [change.rule], "{:?}: {rules:?}", change.stop);
    ensure!(last.human.as_deref() == Some("ana") && last.agent == "ana-desktop", "{last:?}");
    let shown = world.trace()?.pop().context("`trace` shows nothing")?;
    ensure!(at(&shown, "/call") == last.call.as_str() && at(&shown, "/verdict") == "deny", "{shown}");
    ensure!(at(&shown, "/human") == "ana" && shown.pointer("/outcome").is_none(), "{shown}");
    Ok(())
}

fn check_all_recorded(world: &World) -> Result<()> {
    for change in &CHANGES {
        for what in change.what {
            let found = changes(world, what)?;
            let found =
                found.iter().filter(|found| found.subject.as_deref() == Some(change.subject)).collect::<Vec<_>>();
            ensure!(found.len() == 1, "{what} {}: {found:?}", change.subject);
            let by = found.first().and_then(|found| found.by.as_deref()).unwrap_or_default();
            ensure!(by.starts_with("os-user:") && by.len() > "os-user:".len(), "who did {what}: `{by}`");
        }
    }
    Ok(())
}

/// `error` is what the challenge says: none where the token is good, empty where there was none.
fn check_token(url: &str, token: Option<&str>, error: Option<&str>) -> Result<()> {
    let mut client = McpClient::modern(url)?;
    if let Some(token) = token {
        client = client.with_token(token);
    }
    let mut response = client.send(&client.message("tools/list", &json!({})))?;
    let challenge = response.header("www-authenticate").unwrap_or_default().to_owned();
    let body = response.text()?;
    let Some(error) = error else {
        ensure!(response.status == 200 && challenge.is_empty(), "{url}: {} {body}", response.status);
        return Ok(());
    };
    ensure!(response.status == 401, "{url}: {} {body}", response.status);
    ensure!(challenge.starts_with("Bearer resource_metadata=\""), "{challenge}");
    ensure!(error.is_empty() != challenge.contains("error="), "{challenge}");
    ensure!(challenge.contains(error) && !body.contains("tools"), "{challenge} {body}");
    ensure!(token.is_none_or(|token| !body.contains(token) && !challenge.contains(token)), "the token is echoed");
    Ok(())
}

fn with_host(world: &World, client: &McpClient, host: &str) -> Result<u16> {
    use std::io::{Read as _, Write as _};
    let address = world.base_url().trim_start_matches("http://").to_owned();
    let request = client.http_request(&client.message("tools/list", &json!({})));
    let mut head = format!("POST {} HTTP/1.1\r\nhost: {host}\r\n", request.path);
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\nconnection: close\r\n\r\n", request.body.len()));
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.write_all(head.as_bytes())?;
    stream.write_all(&request.body)?;
    let mut said = String::new();
    stream.read_to_string(&mut said)?;
    let status = said.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.with_context(|| format!("not HTTP: {said}"))
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}

#[test]
fn health_needs_no_token() -> Result<()> {
    let world = world().start()?;
    let address = world.base_url().trim_start_matches("http://").parse()?;
    let mut response = exchange(address, &HttpRequest::get("/healthz"), Duration::from_secs(5))?;
    assert_eq!((response.status, response.text()?.as_str()), (200, r#"{"status":"ok"}"#));
    assert_eq!(exchange(address, &HttpRequest::get("/"), Duration::from_secs(5))?.status, 404);
    Ok(())
}
