//! Our client and our server agree on both eras, and the server refuses what the revisions forbid.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testkit::{Era, HttpRequest, McpClient, RpcError, Upstream, UpstreamOptions, exchange};

#[test]
fn modern_tools() -> Result<()> {
    let upstream = Upstream::start(UpstreamOptions::default())?;
    check_tools(&upstream, McpClient::modern(upstream.url())?)
}

#[test]
fn legacy_tools_in_each_revision() -> Result<()> {
    for revision in ["2025-11-25", "2025-06-18", "2025-03-26"] {
        let upstream = Upstream::start(UpstreamOptions::default())?;
        let mut client = McpClient::legacy(upstream.url(), revision)?;
        assert_eq!(client.initialize()?.get("protocolVersion"), Some(&json!(revision)));
        assert!(client.session().is_some());
        check_tools(&upstream, client)?;
    }
    Ok(())
}

fn check_tools(upstream: &Upstream, mut client: McpClient) -> Result<()> {
    assert_eq!(client.tool_names()?, ["echo", "payload", "slow", "fail", "count"]);
    assert_eq!(client.call_text("echo", json!({"text": "hällo", "tag": "a"}))?, "hällo");
    assert_eq!(client.call_text("payload", json!({"bytes": 1_000_000, "tag": "b"}))?.len(), 1_000_000);
    assert_eq!(client.call_text("slow", json!({"ms": 5}))?, "waited 5 ms");
    assert_eq!(client.call("fail", json!({"tag": "d"}))?.get("isError"), Some(&json!(true)));
    assert_eq!(client.call_text("count", json!({}))?, "5");
    assert_eq!(code(client.call("nothing", json!({}))), (200, -32602));
    assert_eq!(upstream.tags(), [json!("a"), json!("b"), Value::Null, json!("d"), Value::Null]);
    let calls = exchange(upstream.address(), &HttpRequest::get("/calls"), WAIT)?.json()?;
    let names = json!(["echo", "payload", "slow", "fail", "count"]);
    assert_eq!(calls, json!({"count": 5, "tags": ["a", "b", null, "d", null], "tools": names}));
    Ok(())
}

#[test]
fn modern_requests_that_are_refused() -> Result<()> {
    let upstream = Upstream::start(UpstreamOptions { era: Era::Modern, ..UpstreamOptions::default() })?;
    let mut client = McpClient::modern(upstream.url())?;
    let call = client.message("tools/call", &json!({"name": "echo", "arguments": {"text": "x"}}));
    for header in ["mcp-protocol-version", "mcp-method", "mcp-name"] {
        let mut request = client.http_request(&call);
        request.headers.retain(|(name, _)| name != header);
        assert_eq!(refusal(&client, &request)?, (400, -32020), "{header} missing");
        assert_eq!(refusal(&client, &request.with(header, "other"))?, (400, -32020), "{header} differs");
    }
    let mut bare = call.clone();
    bare.get_mut("params").and_then(Value::as_object_mut).and_then(|params| params.remove("_meta"));
    assert_eq!(refusal(&client, &client.http_request(&bare))?, (400, -32602));
    assert_eq!(code(client.request("no/such", json!({}))), (404, -32601));
    assert_eq!(code(McpClient::legacy(upstream.url(), "2025-11-25")?.initialize()), (400, -32022));
    let get = client.send_http(&HttpRequest::get("/mcp"))?;
    assert_eq!(get.status, 405);
    let garbage = HttpRequest { body: b"{".to_vec(), ..HttpRequest::post("/mcp", &Value::Null) };
    assert_eq!(refusal(&client, &garbage)?, (400, -32700));
    assert_eq!(upstream.call_count(), 0);
    let wrapped = client.http_request(&call);
    let headers = wrapped.headers.iter().filter(|(name, _)| name != "mcp-name").cloned().collect();
    let wrapped = HttpRequest { headers, ..wrapped }.with("mcp-name", "=?base64?ZWNobw==?=");
    assert_eq!(client.send_http(&wrapped)?.status, 200);
    Ok(())
}

#[test]
fn legacy_sessions() -> Result<()> {
    let upstream = Upstream::start(UpstreamOptions { era: Era::Legacy, ..UpstreamOptions::default() })?;
    let mut client = McpClient::legacy(upstream.url(), "2025-03-26")?;
    assert_eq!(code(client.request("tools/list", json!({}))), (400, -32000));
    assert_eq!(code(McpClient::modern(upstream.url())?.request("server/discover", json!({}))), (400, -32000));
    client.initialize()?;

    let first = client.message("tools/call", &json!({"name": "echo", "arguments": {"text": "1"}}));
    let batch = json!([first, {"jsonrpc": "2.0", "method": "notifications/x"}, {"jsonrpc": "2.0", "id": "b", "method": "ping"}]);
    let answers = client.send(&batch)?.json()?;
    assert_eq!(answers.pointer("/0/result/content/0/text"), Some(&json!("1")));
    assert_eq!(answers.pointer("/1/id"), Some(&json!("b")));
    assert_eq!(answers.as_array().map(Vec::len), Some(2));

    let session = client.session().context("no session")?.to_owned();
    let delete =
        HttpRequest { method: "DELETE".to_owned(), ..HttpRequest::get("/mcp") }.with("mcp-session-id", &session);
    assert_eq!(client.send_http(&delete)?.status, 204);
    assert_eq!(code(client.request("tools/list", json!({}))), (404, -32001));
    Ok(())
}

#[test]
fn a_token_is_asked_for_and_requests_are_recorded() -> Result<()> {
    let options = UpstreamOptions { token: Some("s3cret".to_owned()), record: true, ..UpstreamOptions::default() };
    let upstream = Upstream::start(options)?;
    let client = McpClient::modern(upstream.url())?;
    let list = client.message("tools/list", &json!({}));
    assert_eq!(client.send(&list)?.status, 401);
    assert_eq!(client.clone().with_token("other").send(&list)?.status, 401);
    assert_eq!(client.with_token("s3cret").tool_names()?.len(), 5);
    let requests = upstream.requests();
    let authorization =
        |index: usize| requests.get(index).and_then(|request| request.pointer("/headers/authorization"));
    assert_eq!((requests.len(), authorization(0), authorization(2)), (3, None, Some(&json!("Bearer s3cret"))));
    Ok(())
}

#[test]
fn a_streamed_call_reports_progress_before_its_answer() -> Result<()> {
    let upstream = Upstream::start(UpstreamOptions { stream: true, ..UpstreamOptions::default() })?;
    let mut client = McpClient::modern(upstream.url())?;
    assert_eq!(client.call_text("echo", json!({"text": "streamed"}))?, "streamed");
    let params = json!({"name": "slow", "arguments": {"ms": 250}, "_meta": {"progressToken": "p"}});
    let mut response = client.send(&client.message("tools/call", &params))?;
    assert!(response.is_stream());
    let mut methods = Vec::new();
    while let Some(data) = response.next_event()? {
        let message: Value = serde_json::from_str(&data)?;
        methods.push(message.get("method").cloned().unwrap_or_default());
    }
    let progress = json!("notifications/progress");
    assert_eq!(methods, [progress.clone(), progress.clone(), progress, Value::Null]);
    Ok(())
}

#[test]
fn a_definition_changes_while_a_file_exists_and_tags_reach_the_log() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (change, log) = (folder.path().join("change"), folder.path().join("log"));
    let files = UpstreamOptions {
        definition_change_file: Some(change.clone()),
        log: Some(log.clone()),
        ..UpstreamOptions::default()
    };
    let upstream = Upstream::start(files)?;
    let mut client = McpClient::modern(upstream.url())?;
    let before = client.tools()?;
    std::fs::write(&change, "")?;
    let after = client.tools()?;
    assert_ne!(before.first(), after.first());
    assert_eq!(before.get(1..), after.get(1..));
    client.call("echo", json!({"text": "x", "tag": "one"}))?;
    client.call("echo", json!({"text": "x"}))?;
    assert_eq!(std::fs::read_to_string(&log)?, "one\n-\n");
    Ok(())
}

/// Status and code of a refusal.
fn code<T>(result: Result<T>) -> (u16, i64) {
    let error = result.err().and_then(|error| error.downcast::<RpcError>().ok());
    error.map_or((0, 0), |error| (error.status, error.code))
}

fn refusal(client: &McpClient, request: &HttpRequest) -> Result<(u16, i64)> {
    let mut response = client.send_http(request)?;
    let code = response.json()?.pointer("/error/code").and_then(Value::as_i64);
    Ok((response.status, code.context("no error")?))
}

const WAIT: Duration = Duration::from_secs(10);
