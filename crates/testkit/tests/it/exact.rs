//! The server of exactly one revision and the client that takes part, each against parts that others wrote.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testkit::{ExactOptions, ExactUpstream, HttpRequest, McpClient, Participant, Peer, Revision, RpcError, exchange};

#[test]
fn official_clients_take_part_over_http() -> Result<()> {
    for revision in Revision::ALL {
        let upstream = ExactUpstream::start(ExactOptions { revision, record: None })?;
        for peer in Peer::ALL {
            took_part(peer, revision, &["--url", upstream.url()])?;
        }
    }
    Ok(())
}

#[test]
fn official_clients_take_part_over_stdio() -> Result<()> {
    for revision in Revision::ALL {
        let command = ["--command", env!("CARGO_BIN_EXE_testkit-upstream"), "--stdio", "--revision", revision.as_str()];
        for peer in Peer::ALL {
            took_part(peer, revision, &command)?;
        }
    }
    Ok(())
}

/// Each question was understood, each answer too, and what was to be heard was heard.
fn took_part(peer: Peer, revision: Revision, server: &[&str]) -> Result<()> {
    let form = ["elicitation/create"];
    let all: [(&str, &str, &[&str], Revision); 8] = [
        ("ask_model", "indeed", &["sampling/createMessage"], Revision::March2025),
        ("ask_roots", "file:///work", &["roots/list"], Revision::March2025),
        ("log", "logged", &[], Revision::March2025),
        ("progress", "done", &[], Revision::March2025),
        ("ask_user", "accept Ada", &form, Revision::June2025),
        ("ask_twice", "accept Ada, accept Ada", &[form[0], form[0]], Revision::June2025),
        (
            "ask_all",
            "accept Ada, indeed, file:///work",
            &[form[0], "roots/list", "sampling/createMessage"],
            Revision::June2025,
        ),
        ("ask_url", "accept", &form, Revision::November2025),
    ];
    let tools: Vec<_> = all.iter().filter(|tool| revision >= tool.3).collect();
    let names = tools.iter().map(|tool| tool.0).collect::<Vec<_>>().join(",");
    let mode = if revision.modern() { revision.as_str() } else { "legacy" };
    let words = [&["--mode", mode, "--tools", &names], server].concat();
    let said = peer.participate(&words)?;
    assert_eq!(said.get("protocol"), Some(&json!(revision.as_str())), "{peer:?} {said}");
    for (tool, answer, _, _) in &tools {
        assert_eq!(said.pointer(&format!("/said/{tool}")), Some(&json!(answer)), "{peer:?} {revision} {said}");
    }
    let mut asked: Vec<&str> =
        said.get("asked").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let mut questions: Vec<&str> = tools.iter().flat_map(|tool| tool.2.iter().copied()).collect();
    asked.sort_unstable();
    questions.sort_unstable();
    assert_eq!(asked, questions, "{peer:?} {revision} {said}");
    assert_eq!(
        said.get("heard"),
        Some(&json!(["error", "critical", "alert", "emergency"])),
        "{peer:?} {revision} {said}"
    );
    assert_eq!(said.get("updated"), Some(&json!("note://one")), "{peer:?} {revision} {said}");
    assert_eq!(said.get("changed"), Some(&json!(true)), "{peer:?} {revision} {said}");
    Ok(())
}

#[test]
fn it_takes_part_in_what_the_python_sdk_serves() -> Result<()> {
    takes_part(&mut Peer::Python.everything())
}

#[test]
fn it_takes_part_in_what_the_typescript_sdk_serves() -> Result<()> {
    takes_part(&mut Peer::TypeScript.everything())
}

#[test]
fn it_takes_part_in_what_the_rust_sdk_serves() -> Result<()> {
    takes_part(&mut Command::new(env!("CARGO_BIN_EXE_testkit-everything")))
}

/// Questions of either era, progress, log messages and changes of a server with the suite's tools.
fn takes_part(command: &mut Command) -> Result<()> {
    let server = Listening::start(command)?;
    let elicitation = json!({"form": {}, "url": {}});
    let capabilities = json!({"sampling": {}, "roots": {}, "elicitation": elicitation});
    let client = |revision| -> Result<Participant> {
        let client = Participant::http(&server.url, revision)?
            .declaring(capabilities.clone())
            .answering("elicitation/create", |params| {
                let fields = params.pointer("/requestedSchema/properties").and_then(Value::as_object);
                let filled = |(name, field): (&String, &Value)| {
                    let value = if field.get("type") == Some(&json!("boolean")) { json!(true) } else { json!("Ada") };
                    (name.clone(), value)
                };
                let content: serde_json::Map<String, Value> = fields.into_iter().flatten().map(filled).collect();
                json!({"action": "accept", "content": content})
            })
            .answering("sampling/createMessage", |_| {
                let content = json!({"type": "text", "text": "indeed"});
                json!({"role": "assistant", "model": "small-1", "stopReason": "endTurn", "content": content})
            })
            .answering("roots/list", |_| json!({"roots": [{"uri": "file:///work", "name": "work"}]}));
        client.start()?;
        Ok(client)
    };

    for revision in [Revision::June2025, Revision::November2025] {
        let legacy = client(revision)?;
        legacy.listen(json!({"resourceSubscriptions": ["test://watched-resource"]}))?;
        legacy.request("resources/unsubscribe", json!({"uri": "test://watched-resource"}))?;
        assert_eq!(legacy.call_text("test_sampling", json!({"prompt": "Well?"}))?, "LLM response: indeed");
        let said = legacy.call_text("test_elicitation", json!({"message": "Who?"}))?;
        assert!(said.contains("accept") && said.contains("Ada"), "{said}");
        let methods: Vec<Value> = legacy.asked().iter().filter_map(|one| one.get("method").cloned()).collect();
        assert_eq!(methods, ["sampling/createMessage", "elicitation/create"]);
        legacy.request("logging/setLevel", json!({"level": "debug"}))?;
        legacy.call_text("test_tool_with_logging", json!({}))?;
        assert_eq!(legacy.heard().len(), 3, "{:?}", legacy.heard());
        assert_eq!(legacy.violations(), Vec::<String>::new());
    }

    let modern = client(Revision::July2026)?;
    for (tool, asked) in [
        ("test_input_required_result_elicitation", 1),
        ("test_input_required_result_sampling", 1),
        ("test_input_required_result_list_roots", 1),
        ("test_input_required_result_request_state", 1),
        ("test_input_required_result_multiple_inputs", 3),
        ("test_input_required_result_multi_round", 2),
    ] {
        modern.forget();
        modern.call_text(tool, json!({})).with_context(|| tool.to_owned())?;
        assert_eq!(modern.asked().len(), asked, "{tool}: {:?}", modern.asked());
        assert_eq!(modern.violations(), Vec::<String>::new(), "{tool}");
    }
    let listening = modern.listen(json!({"toolsListChanged": true}))?;
    assert_eq!(listening.acknowledged.get("toolsListChanged"), Some(&json!(true)));
    modern.call_text("test_trigger_tool_change", json!({}))?;
    modern.hear("notifications/tools/list_changed")?;
    modern.forget();
    let params = json!({"name": "test_tool_with_progress", "arguments": {}, "_meta": {"progressToken": "p"}});
    modern.complete("tools/call", params)?;
    assert!(modern.heard().iter().all(|one| one.pointer("/params/progressToken") == Some(&json!("p"))));
    assert_eq!(modern.violations(), Vec::<String>::new());
    Ok(())
}

/// Each line: what a client of the revision does wrong, and what it is told.
#[test]
fn what_is_of_another_revision_is_refused() -> Result<()> {
    for revision in Revision::ALL {
        let upstream = ExactUpstream::start(ExactOptions { revision, record: None })?;
        let client = Participant::http(upstream.url(), revision)?;
        client.start()?;
        let code = |method: &str, params: Value| -> i64 {
            let refused = client.request(method, params).err().and_then(|error| error.downcast::<RpcError>().ok());
            refused.map_or(0, |error| error.code)
        };
        let echo = |key: &str, value: Value| json!({"name": "echo", "arguments": {"text": "x"}, key: value});
        let (modern, tasks) = (revision.modern(), revision == Revision::November2025);
        let unknown = |known: bool| if known { -32602 } else { -32601 };
        assert_eq!(code("tools/call", echo("requestState", json!("x"))), if modern { 0 } else { -32602 }, "{revision}");
        assert_eq!(code("tools/call", echo("task", json!({}))), if tasks { -32601 } else { -32602 }, "{revision}");
        assert_eq!(code("tasks/result", json!({"taskId": "x"})), unknown(tasks), "{revision}");
        assert_eq!(code("logging/setLevel", json!({"level": "loud"})), unknown(!modern), "{revision}");
        assert_eq!(
            code("resources/subscribe", json!({"uri": "x"})),
            if modern { -32601 } else { -32002 },
            "{revision}"
        );
        assert_eq!(code("ping", json!({})), if modern { -32601 } else { 0 }, "{revision}");
        assert_eq!(code("no/such", json!({})), -32601, "{revision}");
        let told = client.notify("notifications/roots/list_changed", json!({}));
        assert!(told.is_ok(), "{revision}");
        headers(&upstream, revision)?;
    }
    Ok(())
}

/// Headers that are missing or of another revision, and answers to nothing.
fn headers(upstream: &ExactUpstream, revision: Revision) -> Result<()> {
    let address = upstream.url().trim_start_matches("http://").trim_end_matches("/mcp").parse()?;
    let status = |request: &HttpRequest| exchange(address, request, std::time::Duration::from_secs(10));
    let get = HttpRequest::get("/mcp").with("accept", "text/event-stream");
    assert_eq!(status(&get)?.status, if revision.modern() { 405 } else { 400 }, "{revision}");
    let mut client = if revision.modern() {
        McpClient::modern(upstream.url())?
    } else {
        McpClient::legacy(upstream.url(), revision.as_str())?
    };
    if !revision.modern() {
        client.initialize()?;
    }
    let list = client.http_request(&client.message("tools/list", &json!({})));
    for (header, needed) in [
        ("accept", true),
        ("mcp-protocol-version", revision != Revision::March2025),
        ("mcp-session-id", !revision.modern()),
        ("mcp-method", revision.modern()),
    ] {
        let mut request = list.clone();
        request.headers.retain(|(name, _)| name != header);
        assert_eq!(status(&request)?.status, if needed { 400 } else { 200 }, "{revision} without {header}");
    }
    let answer = json!({"jsonrpc": "2.0", "id": "made up", "result": {}});
    assert_eq!(client.send(&answer)?.status, 400, "{revision}");
    Ok(())
}

/// A program that listens; killed when dropped.
struct Listening {
    child: Child,
    url: String,
}

impl Listening {
    fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let stdout = child.stdout.take().context("no stdout")?;
        let mut listening = Self { child, url: String::new() };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        listening.url = line.trim().strip_prefix("listening on ").context("it does not listen")?.to_owned();
        Ok(listening)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
