//! Every revision before, every revision behind, and what is refused with which status and code.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testkit::{
    Era, ExactOptions, ExactUpstream, HttpRequest, McpClient, Participant, Revision, Upstream, UpstreamOptions, World,
};

use crate::kit::{
    Handmade, at, child, intents, last_intent, ok, pin, rpc, send, text, until, upstream, world, world_with,
};

#[test]
fn every_revision_reaches_every_upstream() -> Result<()> {
    let http =
        |era, stream| Upstream::start(UpstreamOptions { era, stream, record: true, ..UpstreamOptions::default() });
    let (modern, legacy) = (http(Era::Modern, false)?, http(Era::Legacy, false)?);
    let (modern_stream, legacy_stream) = (http(Era::Modern, true)?, http(Era::Legacy, true)?);
    let world = world()
        .app_url("modern", modern.url(), None)
        .app_url("legacy", legacy.url(), None)
        .app_url("modern-stream", modern_stream.url(), None)
        .app_url("legacy-stream", legacy_stream.url(), None)
        .app_command("modern-child", &child(&["--era", "modern"])?)
        .app_command("legacy-child", &child(&["--era", "legacy"])?)
        .start()?;
    let apps = ["legacy", "legacy-child", "legacy-stream", "modern", "modern-child", "modern-stream"];
    for app in apps {
        pin(&world, app, "read")?;
    }
    for revision in ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"] {
        let mut client = client_of(&world, revision)?;
        let names = client.tool_names()?;
        for app in apps {
            assert!(names.contains(&format!("{app}__echo")), "{revision} {app}: {names:?}");
            let arguments = json!({"text": "grüße", "tag": revision});
            let result =
                client.call(&format!("{app}__echo"), arguments).with_context(|| format!("{revision} {app}"))?;
            assert_eq!(text(&result), "grüße", "{revision} {app}");
            assert_eq!(result.get("isError"), Some(&json!(false)), "{revision} {app}");
            let kind = (revision == "2026-07-28").then(|| json!("complete"));
            assert!(kind.is_none() || result.get("resultType") == kind.as_ref(), "{revision} {app}: {result}");
        }
    }
    let revisions = ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"].map(|revision| json!(revision));
    for (upstream, revision) in [
        (&modern, "2026-07-28"),
        (&legacy, "2025-11-25"),
        (&modern_stream, "2026-07-28"),
        (&legacy_stream, "2025-11-25"),
    ] {
        assert_eq!(upstream.tags(), revisions);
        for request in upstream.requests().iter().filter(|request| at(request, "/body").contains("tools/call")) {
            assert_eq!(at(request, "/headers/mcp-protocol-version"), revision);
        }
    }
    assert_eq!(intents(&world)?.len(), 4 * apps.len());
    Ok(())
}

#[test]
fn an_endpoint_of_one_app_keeps_the_names_of_its_tools() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    let token = world.token("ana-desktop", "ana", Some("remote"))?;
    let mut client = McpClient::modern(&format!("{}/remote", world.mcp_url()))?.with_token(token);
    assert_eq!(client.tool_names()?, ["echo", "payload", "slow", "fail", "count"]);
    assert_eq!(client.call_text("echo", json!({"text": "x"}))?, "x");
    let error = rpc(client.call("remote__echo", json!({"text": "x"})))?;
    assert_eq!((error.status, error.code), (200, -32602), "{error}");
    let token = world.token("ana-desktop", "ana", None)?;
    let nowhere = McpClient::modern(&format!("{}/nowhere", world.mcp_url()))?.with_token(token);
    let mut nowhere = nowhere;
    assert_eq!(rpc(nowhere.request("tools/list", json!({})))?.status, 404);
    Ok(())
}

#[test]
fn a_batch_is_split_and_answered_together() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    let client = world.legacy_client("ana-desktop", "ana", "2025-03-26")?;
    let call = |id: u64, tag: &str| {
        let params = json!({"name": "remote__echo", "arguments": {"text": tag, "tag": tag}});
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
    };
    let batch = json!([
        call(1, "a"),
        {"jsonrpc": "2.0", "method": "notifications/progress"},
        {"jsonrpc": "2.0", "id": "two", "method": "no/such"},
        {"jsonrpc": "2.0", "id": 3, "method": "initialize", "params": {}},
        call(4, "b"),
        {"jsonrpc": "2.0", "id": 5, "method": "logging/setLevel", "params": {"level": "info"}},
    ]);
    let (status, answers) = send(&client, &client.http_request(&batch))?;
    assert_eq!(status, 200, "{answers}");
    let by_id = |id: Value| answers.as_array().into_iter().flatten().find(|answer| answer.get("id") == Some(&id));
    assert_eq!(answers.as_array().map(Vec::len), Some(5), "{answers}");
    assert_eq!(by_id(json!(5)).and_then(|answer| answer.get("result")), Some(&json!({})));
    assert_eq!(by_id(json!(1)).map(|answer| at(answer, "/result/content/0/text")), Some("a"));
    assert_eq!(by_id(json!(4)).map(|answer| at(answer, "/result/content/0/text")), Some("b"));
    assert_eq!(by_id(json!("two")).and_then(|answer| answer.pointer("/error/code")), Some(&json!(-32601)));
    assert_eq!(by_id(json!(3)).and_then(|answer| answer.pointer("/error/code")), Some(&json!(-32600)));
    assert_eq!(intents(&world)?.len(), 2);

    let (status, _) = send(&client, &client.http_request(&json!([])))?;
    assert_eq!(status, 400);
    let only_notifications = json!([{"jsonrpc": "2.0", "method": "notifications/progress"}]);
    assert_eq!(client.send(&only_notifications)?.status, 202);
    let mut stray = client.http_request(&json!({"jsonrpc": "2.0", "method": "notifications/progress"}));
    stray.headers.retain(|(name, _)| name != "mcp-session-id");
    assert_eq!(send(&client, &stray.with("mcp-session-id", "no-such-session"))?.0, 404);
    let newer = world.legacy_client("ana-desktop", "ana", "2025-06-18")?;
    let (status, said) = send(&newer, &newer.http_request(&json!([call(1, "c")])))?;
    assert_eq!((status, said.pointer("/error/code")), (400, Some(&json!(-32600))), "{said}");
    assert_eq!(upstream.tags(), ["a", "b"]);
    Ok(())
}

#[test]
fn an_app_may_answer_in_a_batch() -> Result<()> {
    let server = ExactUpstream::start(ExactOptions { revision: Revision::March2025, record: None })?;
    let world = world()
        .rules("rules/all.cedar", "@id(\"all\") permit (principal, action, resource);\n")
        .app_url("http", server.url(), None)
        .app_command("child", &child(&["--revision", "2025-03-26"])?)
        .set(&["apps", "http", "access"], json!({"people": ["ana"]}))
        .set(&["apps", "child", "access"], json!({"people": ["ana"]}))
        .start()?;
    for app in ["http", "child"] {
        let client = Participant::http(&format!("{}/{app}", world.mcp_url()), Revision::June2025)?;
        let client = client.with_token(&world.token("ana-desktop", "ana", None)?);
        client.start()?;
        assert_eq!(client.call_text("in_a_batch", json!({}))?, "together", "{app}");
        client.hear("notifications/message")?;
    }
    Ok(())
}

#[test]
fn a_modern_request_says_everything_or_is_refused() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    let mut client = world.client("ana-desktop", "ana")?;
    let call = client.message("tools/call", &json!({"name": "remote__echo", "arguments": {"text": "x"}}));
    for header in ["mcp-protocol-version", "mcp-method", "mcp-name"] {
        let mut request = client.http_request(&call);
        request.headers.retain(|(name, _)| name != header);
        check(&client, &request, 400, -32020).with_context(|| format!("{header} is missing"))?;
        check(&client, &request.with(header, "other"), 400, -32020).with_context(|| format!("{header} differs"))?;
        let twice = client.http_request(&call).with(header, "other");
        check(&client, &twice, 400, -32020).with_context(|| format!("{header} says two things"))?;
    }
    let mut request = client.http_request(&call);
    request.headers.retain(|(name, _)| name != "mcp-name");
    let coded = format!("=?base64?{}?=", base64("remote__echo"));
    assert_eq!(send(&client, &request.with("mcp-name", &coded))?.0, 200);

    for key in ["protocolVersion", "clientCapabilities"] {
        let mut bare = call.clone();
        let meta = bare.pointer_mut("/params/_meta").and_then(Value::as_object_mut).context("no _meta")?;
        meta.remove(&format!("io.modelcontextprotocol/{key}"));
        check(&client, &client.http_request(&bare), 400, -32602).with_context(|| format!("{key} is missing"))?;
    }
    let mut other = call.clone();
    let key = "/params/_meta/io.modelcontextprotocol~1protocolVersion";
    *other.pointer_mut(key).context("no version")? = json!("2099-01-01");
    let mut request = client.http_request(&other);
    for (name, value) in &mut request.headers {
        if name == "mcp-protocol-version" {
            "2099-01-01".clone_into(value);
        }
    }
    let said = check(&client, &request, 400, -32022)?;
    assert_eq!(said.pointer("/error/data/supported"), Some(&json!(["2026-07-28"])), "{said}");
    assert_eq!(said.pointer("/error/data/requested"), Some(&json!("2099-01-01")), "{said}");

    let error = rpc(client.request("no/such", json!({})))?;
    assert_eq!((error.status, error.code), (404, -32601), "{error}");
    let error = rpc(client.call("remote__nothing", json!({})))?;
    assert_eq!((error.status, error.code), (200, -32602), "{error}");
    assert_eq!(rpc(client.call("nowhere__echo", json!({})))?.code, -32602);
    assert_eq!(rpc(client.call("echo", json!({})))?.code, -32602);
    assert_eq!(rpc(client.request("tools/list", json!({"cursor": "x"})))?.code, -32602);
    let discovered = client.request("server/discover", json!({}))?;
    let spoken = json!(["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"]);
    assert_eq!(discovered.get("supportedVersions"), Some(&spoken), "{discovered}");
    assert_eq!(upstream.call_count(), 1);
    Ok(())
}

/// What a client says of its own span stands in the record: in `_meta`, or else in the header that HTTP libraries send.
#[test]
fn what_a_call_is_part_of_is_on_record() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    let (one, other) = (
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
    );
    for revision in ["2025-06-18", "2026-07-28"] {
        let client = match revision {
            "2026-07-28" => world.client("ana-desktop", "ana")?,
            _ => world.legacy_client("ana-desktop", "ana", revision)?,
        };
        let said_of = |meta: Option<&str>, header: Option<&str>| -> Result<Option<String>> {
            let mut params = json!({"name": "remote__echo", "arguments": {"text": "x"}});
            if let Some(meta) = meta {
                params["_meta"] = json!({"traceparent": meta});
            }
            let mut request = client.http_request(&client.message("tools/call", &params));
            if let Some(header) = header {
                request = request.with("traceparent", header);
            }
            assert_eq!(send(&client, &request)?.0, 200);
            Ok(last_intent(&world)?.intent().context("no intent")?.trace_parent.map(|parent| parent.to_string()))
        };
        assert_eq!(said_of(None, None)?, None, "{revision}");
        assert_eq!(said_of(Some(one), None)?.as_deref(), Some(one), "{revision}");
        assert_eq!(said_of(None, Some(other))?.as_deref(), Some(other), "{revision}");
        assert_eq!(said_of(Some(one), Some(other))?.as_deref(), Some(one), "{revision}");
        assert_eq!(said_of(Some("of mine"), None)?, None, "{revision}");
    }
    Ok(())
}

#[test]
fn sessions_belong_to_one_actor_at_one_endpoint() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    let mut mine = world.legacy_client("ana-desktop", "ana", "2025-11-25")?;
    assert_eq!(mine.call_text("remote__echo", json!({"text": "x"}))?, "x");
    assert_eq!(mine.request("ping", json!({}))?, json!({}));
    let error = rpc(mine.request("no/such", json!({})))?;
    assert_eq!((error.status, error.code), (200, -32601), "{error}");
    let session = mine.session().context("no session")?.to_owned();

    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
    let ask = |token: &str, session: Option<&str>, version: &str| -> Result<u16> {
        let client = McpClient::legacy(world.mcp_url(), "2025-11-25")?.with_token(token);
        let mut request = client.http_request(&list);
        request.headers.retain(|(name, _)| name != "mcp-protocol-version");
        request = request.with("mcp-protocol-version", version);
        if let Some(session) = session {
            request = request.with("mcp-session-id", session);
        }
        Ok(send(&client, &request)?.0)
    };
    let (ana, ben) = (world.token("ana-desktop", "ana", None)?, world.token("ben-desktop", "ben", None)?);
    assert_eq!(ask(&ana, Some(&session), "2025-11-25")?, 200);
    assert_eq!(ask(&ana, None, "2025-11-25")?, 400, "no session");
    assert_eq!(ask(&ben, Some(&session), "2025-11-25")?, 404, "somebody else's session");
    assert_eq!(ask(&ana, Some("0123456789abcdef0123456789abcdef"), "2025-11-25")?, 404, "no such session");
    assert_eq!(ask(&ana, Some(&session), "2025-06-18")?, 400, "another revision than agreed");

    let end = |token: &str| -> Result<u16> {
        let client = McpClient::legacy(world.mcp_url(), "2025-11-25")?.with_token(token);
        let mut request = client.http_request(&list).with("mcp-session-id", &session);
        "DELETE".clone_into(&mut request.method);
        request.body.clear();
        Ok(send(&client, &request)?.0)
    };
    assert_eq!(end(&ben)?, 404);
    assert_eq!(ask(&ana, Some(&session), "2025-11-25")?, 200, "ended by somebody else");
    assert_eq!(end(&ana)?, 204);
    assert_eq!(ask(&ana, Some(&session), "2025-11-25")?, 404, "ended");
    Ok(())
}

#[test]
fn bytes_that_are_no_request() -> Result<()> {
    let upstream = upstream()?;
    let world =
        world().app_url("remote", upstream.url(), None).set(&["limits", "body_bytes_max"], json!(10_000)).start()?;
    pin(&world, "remote", "read")?;
    let client = world.client("ana-desktop", "ana")?;
    let call = client.message("tools/call", &json!({"name": "remote__echo", "arguments": {"text": "x"}}));
    let raw = |body: &str| HttpRequest { body: body.as_bytes().to_vec(), ..client.http_request(&call) };
    let whole = call.to_string();
    assert_eq!(send(&client, &raw(&whole))?.0, 200);

    check(&client, &raw("{"), 400, -32700)?;
    check(&client, &raw(""), 400, -32700)?;
    check(&client, &raw(&format!("{whole} x")), 400, -32700)?;
    let mut broken_text = client.http_request(&call);
    broken_text.body = whole.replace("\"x\"", "\"\u{1}\"").into_bytes();
    check(&client, &broken_text, 400, -32700)?;
    let mut not_utf8 = client.http_request(&call);
    not_utf8.body.iter_mut().filter(|byte| **byte == b'x').for_each(|byte| *byte = 0xff);
    check(&client, &not_utf8, 400, -32700)?;
    let twice = whole.replace("\"text\":\"x\"", "\"text\":\"x\",\"te\\u0078t\":\"y\"");
    assert_ne!(twice, whole);
    check(&client, &raw(&twice), 400, -32700)?;
    let deep = whole.replace("\"x\"", &format!("{}{}", "[".repeat(200), "]".repeat(200)));
    check(&client, &raw(&deep), 400, -32700)?;
    check(&client, &raw("42"), 400, -32600)?;
    check(&client, &raw(&whole.replace("2.0", "1.0")), 400, -32600)?;
    check(&client, &raw(&whole.replace("\"id\":1", "\"id\":null")), 400, -32600)?;
    check(&client, &raw(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), 400, -32600)?;

    let large = whole.replace("\"x\"", &format!("\"{}\"", "x".repeat(10_000)));
    let (status, said) = send(&client, &raw(&large))?;
    assert_eq!(status, 413, "{said}");
    assert!(at(&said, "/error/message").contains("larger than 10000 bytes"), "{said}");
    assert!(at(&said, "/error/data/hint").contains("limits.body_bytes_max"), "{said}");

    let header = |name: &str, value: &str| {
        let mut request = client.http_request(&call);
        request.headers.retain(|(known, _)| known != name);
        if value.is_empty() { request } else { request.with(name, value) }
    };
    assert_eq!(send(&client, &header("content-type", "text/plain"))?.0, 415);
    assert_eq!(send(&client, &header("content-type", ""))?.0, 415);
    assert_eq!(send(&client, &header("content-type", "application/json; charset=utf-8"))?.0, 200);
    assert_eq!(send(&client, &header("accept", "text/html"))?.0, 406);
    for method in ["GET", "PUT", "DELETE"] {
        let request = HttpRequest { method: method.to_owned(), body: Vec::new(), ..client.http_request(&call) };
        let response = client.send_http(&request)?;
        assert_eq!((response.status, response.header("allow")), (405, Some("POST, DELETE")), "{method}");
    }
    assert_eq!(upstream.call_count(), 2);
    assert_eq!(intents(&world)?.len(), 2);
    Ok(())
}

#[test]
fn calls_past_the_bound_are_turned_away_and_come_back() -> Result<()> {
    let upstream = upstream()?;
    let world =
        world().app_url("remote", upstream.url(), None).set(&["limits", "calls_in_flight_max"], json!(1)).start()?;
    pin(&world, "remote", "read")?;
    let mut first = world.client("ana-desktop", "ana")?;
    let second = first.clone();
    let waiting = std::thread::spawn(move || first.call("remote__slow", json!({"ms": 1_000})));
    until("the first call has arrived", || Ok(upstream.call_count() == 1))?;
    let response = second.send(&second.message("tools/list", &json!({})))?;
    assert_eq!((response.status, response.header("retry-after")), (503, Some("1")));
    let answer = waiting.join().map_err(|_| anyhow::anyhow!("the client broke"))??;
    assert_eq!(text(&answer), "waited 1000 ms");
    until("there is room again", || Ok(second.send(&second.message("tools/list", &json!({})))?.status == 200))
}

/// The status of this request over the socket of `countersign connect`.
fn over_the_socket(world: &World, request: &HttpRequest) -> Result<u16> {
    let mut stream = UnixStream::connect(world.folder().join("data/connect.sock"))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut head =
        format!("{} {} HTTP/1.1\r\nhost: countersign\r\nconnection: close\r\n", request.method, request.path);
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let head = format!("{head}content-length: {}\r\n\r\n", request.body.len());
    stream.write_all(&[head.as_bytes(), &request.body].concat()).with_context(|| head.clone())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    answer.split(' ').nth(1).context("no status")?.parse().context("no status")
}

#[test]
fn calls_at_all_listeners_together_are_bounded() -> Result<()> {
    let upstream = upstream()?;
    let world =
        world().app_url("remote", upstream.url(), None).set(&["limits", "calls_in_flight_max"], json!(1)).start()?;
    pin(&world, "remote", "read")?;
    let mut first = world.client("ana-desktop", "ana")?;
    let list = first.http_request(&first.message("tools/list", &json!({})));
    assert_eq!(over_the_socket(&world, &list)?, 200);
    let waiting = std::thread::spawn(move || first.call("remote__slow", json!({"ms": 2_000})));
    until("the first call has arrived", || Ok(upstream.call_count() == 1))?;
    assert_eq!(over_the_socket(&world, &list)?, 503, "the one place is taken, at whichever listener");
    waiting.join().map_err(|_| anyhow::anyhow!("the client broke"))??;
    until("there is room again", || Ok(over_the_socket(&world, &list)? == 200))
}

#[test]
fn a_session_that_was_ended_is_ended_at_every_listener() -> Result<()> {
    let upstream = upstream()?;
    let mut world = world_with(&upstream)?;
    let client = world.legacy_client("ana-desktop", "ana", "2025-11-25")?;
    let ping = client.http_request(&client.message("ping", &json!({})));
    assert_eq!((client.send_http(&ping)?.status, over_the_socket(&world, &ping)?), (200, 200), "it is one session");
    let end = HttpRequest { method: "DELETE".to_owned(), body: Vec::new(), ..ping.clone() };
    assert_eq!(over_the_socket(&world, &end)?, 204);
    assert_eq!((client.send_http(&ping)?.status, over_the_socket(&world, &ping)?), (404, 404));

    let before = world.legacy_client("ana-desktop", "ana", "2025-11-25")?.session().context("no session")?.to_owned();
    world.restart()?;
    let client = world.legacy_client("ana-desktop", "ana", "2025-11-25")?;
    let mut ping = client.http_request(&client.message("ping", &json!({})));
    ping.headers.retain(|(name, _)| name != "mcp-session-id");
    let ping = ping.with("mcp-session-id", &before);
    assert_eq!(over_the_socket(&world, &ping)?, 200, "one of before goes on");
    let end = HttpRequest { method: "DELETE".to_owned(), body: Vec::new(), ..ping.clone() };
    assert_eq!(over_the_socket(&world, &end)?, 204);
    assert_eq!((client.send_http(&ping)?.status, over_the_socket(&world, &ping)?), (404, 404));
    Ok(())
}

#[test]
fn a_call_that_streams_keeps_its_place_until_its_end() -> Result<()> {
    let upstream = Upstream::start(UpstreamOptions { stream: true, ..UpstreamOptions::default() })?;
    let world =
        world().app_url("remote", upstream.url(), None).set(&["limits", "calls_in_flight_max"], json!(1)).start()?;
    pin(&world, "remote", "read")?;
    let client = world.client("ana-desktop", "ana")?;
    let params = json!({"name": "remote__slow", "arguments": {"ms": 1_000}, "_meta": {"progressToken": "p"}});
    let mut streaming = client.send(&client.message("tools/call", &params))?;
    assert!(streaming.is_stream(), "its head is here, its answer is not");
    let status = || Ok::<_, anyhow::Error>(client.send(&client.message("tools/list", &json!({})))?.status);
    assert_eq!(status()?, 503);
    while streaming.next_event()?.is_some() {}
    until("there is room again", || Ok(status()? == 200))
}

/// Sends a message and closes the connection before there is a word of an answer.
fn leave(client: &McpClient, message: &Value) -> Result<()> {
    let hasty = client.clone().with_timeout(Duration::from_millis(300));
    anyhow::ensure!(hasty.send(message).is_err(), "it was answered at once");
    Ok(())
}

fn slow(client: &McpClient, ms: u64) -> Value {
    client.message("tools/call", &json!({"name": "remote__slow", "arguments": {"ms": ms}}))
}

#[test]
fn a_call_keeps_its_place_when_its_client_goes_away() -> Result<()> {
    for revision in ["2025-06-18", "2025-11-25"] {
        let upstream = upstream()?;
        let world = world()
            .app_url("remote", upstream.url(), None)
            .set(&["limits", "calls_in_flight_max"], json!(1))
            .start()?;
        pin(&world, "remote", "read")?;
        let client = world.legacy_client("ana-desktop", "ana", revision)?;
        let other = world.client("ben-desktop", "ben")?;
        let status = || Ok::<_, anyhow::Error>(other.send(&other.message("tools/list", &json!({})))?.status);
        leave(&client, &slow(&client, 1_500))?;
        assert_eq!((status()?, upstream.call_count()), (503, 1), "{revision}");
        until("there is room again", || Ok(status()? == 200))?;
        let outcome = last_intent(&world)?.outcome().context("no outcome")?;
        assert_eq!(outcome.effect.as_str(), "executed", "{revision}");
    }
    Ok(())
}

#[test]
fn a_stream_that_nobody_reads_keeps_its_place() -> Result<()> {
    let upstream = upstream()?;
    let world =
        world().app_url("remote", upstream.url(), None).set(&["limits", "calls_in_flight_max"], json!(1)).start()?;
    pin(&world, "remote", "read")?;
    let client = world.legacy_client("ana-desktop", "ana", "2025-11-25")?;
    let streaming = client.send(&slow(&client, 3_000))?;
    assert!(streaming.is_stream(), "its head is here, its answer is not");
    drop(streaming);
    std::thread::sleep(Duration::from_millis(300));
    let status = || Ok::<_, anyhow::Error>(client.send(&client.message("tools/list", &json!({})))?.status);
    assert_eq!(status()?, 503);
    until("there is room again", || Ok(status()? == 200))
}

#[test]
fn a_call_whose_client_went_away_can_be_cancelled() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    for batch in [false, true] {
        let client = world.legacy_client("ana-desktop", "ana", "2025-03-26")?;
        let call = slow(&client, 20_000);
        leave(&client, &call)?;
        let cancelled =
            json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": call.get("id")}});
        let message = if batch { json!([cancelled]) } else { cancelled };
        assert_eq!(client.send(&message)?.status, 202);
        let outcome = last_intent(&world)?.outcome().context("no outcome")?;
        assert_eq!((outcome.effect.as_str(), outcome.status.as_str()), ("unknown", "failed"), "batch: {batch}");
    }
    Ok(())
}

#[test]
fn a_batch_goes_on_without_its_client() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    let client = world.legacy_client("ana-desktop", "ana", "2025-03-26")?;
    let echo = json!({"name": "remote__echo", "arguments": {"text": "x", "tag": "last"}});
    let echo = json!({"jsonrpc": "2.0", "id": "another", "method": "tools/call", "params": echo});
    leave(&client, &json!([slow(&client, 1_000), echo]))?;
    until("the second call is made, too", || Ok(upstream.call_count() == 2))
}

#[test]
fn two_requests_of_one_id_are_not_under_way_at_once() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    let client = world.legacy_client("ana-desktop", "ana", "2025-06-18")?;
    let call = slow(&client, 1_500);
    leave(&client, &call)?;
    check(&client, &client.http_request(&call), 400, -32600)?;
    assert_eq!(upstream.call_count(), 1);
    last_intent(&world)?;
    let (status, said) = send(&client, &client.http_request(&call))?;
    assert_eq!((status, at(&said, "/result/content/0/text")), (200, "waited 1500 ms"), "it is free again");
    Ok(())
}

/// A server of 2026-07-28 that asks who it is after half a second.
fn asking() -> Result<(Handmade, World)> {
    let server = Handmade::with_echo(|heard| {
        let id = heard.body.get("id");
        if at(&heard.body, "/method") != "tools/call" {
            let error = json!({"code": -32601, "message": "no"});
            return Some(ok(&json!({"jsonrpc": "2.0", "id": id, "error": error}).to_string()));
        }
        std::thread::sleep(Duration::from_millis(500));
        let form = json!({"mode": "form", "message": "Who?", "requestedSchema": {"type": "object", "properties": {}}});
        let asks = json!({"who": {"method": "elicitation/create", "params": form}});
        let result = json!({"resultType": "input_required", "inputRequests": asks, "requestState": "x"});
        Some(ok(&json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string()))
    })?;
    let all = "@id(\"all\") permit (principal, action, resource);\n";
    let world = world().app_url("remote", &server.url, None).rules("rules/all.cedar", all).start()?;
    pin(&world, "remote", "read")?;
    Ok((server, world))
}

fn form_client(world: &World) -> Result<McpClient> {
    let token = world.token("ana-desktop", "ana", None)?;
    let client = McpClient::legacy(world.mcp_url(), "2025-06-18")?.with_token(token);
    let mut client = client.with_capabilities(json!({"elicitation": {}}));
    client.initialize()?;
    Ok(client)
}

fn asked_of_clients(world: &World) -> Result<Vec<trace::Entry>> {
    let asked = |entry: &trace::Entry| entry.tool.as_deref() == Some("elicitation/create");
    Ok(intents(world)?.into_iter().filter(asked).collect())
}

fn end_session(client: &McpClient) -> Result<u16> {
    let none = json!({"jsonrpc": "2.0", "method": "none"});
    let request = HttpRequest { method: "DELETE".to_owned(), body: Vec::new(), ..client.http_request(&none) };
    Ok(client.send_http(&request)?.status)
}

#[test]
fn a_call_takes_its_rounds_when_its_client_goes_away() -> Result<()> {
    let (_server, world) = asking()?;
    let client = form_client(&world)?;
    leave(&client, &client.message("tools/call", &json!({"name": "remote__echo", "arguments": {}})))?;
    until("the client is asked", || Ok(asked_of_clients(&world)?.len() == 1))
}

#[test]
fn a_session_that_ends_ends_its_questions_and_calls() -> Result<()> {
    let (_server, world) = asking()?;
    let client = form_client(&world)?;
    let call = client.message("tools/call", &json!({"name": "remote__echo", "arguments": {}}));
    let mut stream = client.send(&call)?;
    let question: Value = serde_json::from_str(&stream.next_event()?.context("ended")?)?;
    assert_eq!(at(&question, "/method"), "elicitation/create");
    assert_eq!(end_session(&client)?, 204);
    until("nobody waits for an answer", || {
        Ok(asked_of_clients(&world)?.iter().all(|entry| entry.outcome_leaf.is_some()))
    })?;

    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    let client = world.legacy_client("ana-desktop", "ana", "2025-06-18")?;
    leave(&client, &slow(&client, 20_000))?;
    assert_eq!(end_session(&client)?, 204);
    let outcome = last_intent(&world)?.outcome().context("no outcome")?;
    assert_eq!((outcome.effect.as_str(), outcome.status.as_str()), ("unknown", "failed"));
    Ok(())
}

#[test]
fn what_is_decided_on_is_what_is_forwarded() -> Result<()> {
    let upstream = upstream()?;
    let whole =
        world().app_url("remote", upstream.url(), None).set(&["apps", "remote", "trace", "arguments"], json!("full"));
    let world = whole.start()?;
    pin(&world, "remote", "read")?;
    let client = world.client("ana-desktop", "ana")?;
    let call = client.message("tools/call", &json!({"name": "remote__echo", "arguments": {"text": "x"}}));
    let arguments = r#"{ "text":"\u00fc\/" , "n":1.0e+2,"big":123456789012345678901234567890, "z":{"b":1,"a":[ ]} }"#;
    let body = call.to_string().replace(r#"{"text":"x"}"#, arguments);
    let request = HttpRequest { body: body.into_bytes(), ..client.http_request(&call) };
    let (status, said) = send(&client, &request)?;
    assert_eq!((status, at(&said, "/result/content/0/text")), (200, "ü/"), "{said}");
    let forwarded = upstream.requests().pop().context("nothing arrived")?;
    assert!(at(&forwarded, "/body").contains(arguments), "{forwarded}");
    let recorded = intents(&world)?.pop().and_then(|entry| entry.intent()?.arguments).context("no arguments")?;
    assert_eq!(recorded.get(), arguments);
    Ok(())
}

fn client_of(world: &World, revision: &str) -> Result<McpClient> {
    match revision {
        "2026-07-28" => world.client("ana-desktop", "ana"),
        older => world.legacy_client("ana-desktop", "ana", older),
    }
}

fn check(client: &McpClient, request: &HttpRequest, status: u16, code: i64) -> Result<Value> {
    let (found, said) = send(client, request)?;
    let found = (found, said.pointer("/error/code").and_then(Value::as_i64));
    anyhow::ensure!(found == (status, Some(code)), "expected {status} and {code}: {found:?} {said}");
    Ok(said)
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// Another release of an app stands at its address, and speaks another revision than the one before: from the second call on
/// it is spoken to in that one.
#[test]
fn an_app_whose_next_release_speaks_another_revision_is_agreed_with_anew() -> Result<()> {
    let options = |revision| ExactOptions { revision, record: None };
    let mut server = ExactUpstream::start(options(Revision::July2026))?;
    let url = server.url().to_owned();
    let world = world().rules("rules/all.cedar", "@id(\"all\") permit (principal, action, resource);\n");
    let world =
        world.app_url("exact", &url, None).set(&["apps", "exact", "access"], json!({"people": ["ana"]})).start()?;
    let client = |revision| -> Result<Participant> {
        let client = Participant::http(&format!("{}/exact", world.mcp_url()), revision)?;
        let client = client.with_token(&world.token("ana-desktop", "ana", None)?);
        client.start()?;
        Ok(client)
    };
    let clients = [client(Revision::June2025)?, client(Revision::July2026)?];
    let both_ways =
        Revision::ALL.into_iter().flat_map(|one| Revision::ALL.into_iter().flat_map(move |other| [one, other]));
    let mut before = Revision::July2026;
    for after in both_ways {
        server = server.replaced(options(after))?;
        for client in &clients {
            let first = client.call_text("echo", json!({"text": "x"}));
            if let Err(error) = &first {
                assert!(!format!("{error:#}").contains("-32022"), "{before} to {after}: {error:#}");
            }
            let second = client.call_text("echo", json!({"text": "x"}));
            let said = second.with_context(|| format!("{} before {after} after {before}", client.revision()))?;
            assert_eq!(said, "x");
        }
        before = after;
    }
    Ok(())
}
