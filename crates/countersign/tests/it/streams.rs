//! Changes are told to whoever listens and may hear of them, and a response can be taken up again.

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use testkit::{HttpRequest, HttpResponse, McpClient, World};

use crate::kit::{Handmade, at, intents, ok, pin, rpc, send, text, until, upstream, world, world_with};

/// A program that writes a line of JSON for everything that happens to it. Killed when dropped.
struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Program {
    fn python(script: &str, words: &[&str]) -> Result<Self> {
        let root = testkit::workspace_root();
        let mut command = Command::new(root.join("target/test-venv/bin/python"));
        command.arg(root.join("tests/python").join(script)).args(words);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().context("no stdout")?);
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _nobody_waits = sender.send(line);
            }
        });
        Ok(Self { child, stdin, lines })
    }

    fn line(&self) -> Result<String> {
        self.lines.recv_timeout(Duration::from_secs(30)).context("it said nothing more")
    }

    fn write(&mut self, line: &str) -> Result<()> {
        let stdin = self.stdin.as_mut().context("no stdin")?;
        Ok(writeln!(stdin, "{line}")?)
    }

    fn said(&self) -> Result<Value> {
        let line = self.line()?;
        serde_json::from_str(&line).with_context(|| format!("not JSON: `{line}`"))
    }

    /// Ends its input, and gives what it says until it ends.
    fn rest(mut self) -> Result<Vec<Value>> {
        drop(self.stdin.take());
        let mut rest = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(30)) {
            rest.push(serde_json::from_str(&line)?);
        }
        Ok(rest)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The official Python SDK as a server whose tools change it, over HTTP, and a world around it.
fn changing_over_http() -> Result<(Program, World)> {
    let server = Program::python("changes.py", &[])?;
    let said = server.line()?;
    let url = said.strip_prefix("listening on ").context("no address")?.to_owned();
    let world = world().app_url("remote", &url, None).start()?;
    pin(&world, "remote", "read")?;
    Ok((server, world))
}

/// The same server as a child process.
fn changing_child() -> Result<World> {
    let root = testkit::workspace_root();
    let program = root.join("target/test-venv/bin/python").display().to_string();
    let command = [program, root.join("tests/python/changes.py").display().to_string(), "--stdio".to_owned()];
    let world = world().app_command("remote", &command).start()?;
    pin(&world, "remote", "read")?;
    Ok(world)
}

/// The official Python SDK as a client that listens.
fn sdk_listener(world: &World, mode: &str, human: &str, uris: &[&str]) -> Result<Program> {
    let token = world.token(&format!("{human}-desktop"), human, None)?;
    let mut words = vec!["--mode", mode, "--url", world.mcp_url(), "--token", &token];
    words.extend(uris.iter().flat_map(|uri| ["--subscribe", uri]));
    Program::python("listener.py", &words)
}

fn touch(client: &mut McpClient) -> Result<()> {
    assert_eq!(client.call_text("remote__touch", json!({"uri": "note://one"}))?, "touched");
    Ok(())
}

fn grow(client: &mut McpClient, name: &str) -> Result<()> {
    assert_eq!(client.call_text("remote__grow", json!({"name": name}))?, "grown");
    Ok(())
}

/// A client with a session whose app is spoken to with a handshake, for it can be asked something.
fn legacy_client(world: &World, human: &str) -> Result<McpClient> {
    let token = world.token(&format!("{human}-desktop"), human, None)?;
    let client = McpClient::legacy(world.mcp_url(), "2025-11-25")?.with_token(token);
    let mut client = client.with_capabilities(json!({"roots": {}}));
    client.initialize()?;
    Ok(client)
}

/// A stream of 2026-07-28 that listens; the filter that it acknowledges.
fn listen(client: &McpClient, filter: Value) -> Result<(HttpResponse, Value)> {
    let message = client.message("subscriptions/listen", &json!({"notifications": filter}));
    let mut stream = client.send(&message)?;
    if !stream.is_stream() {
        let said = stream.text()?;
        bail!("not a stream: {} {said}", stream.status);
    }
    let first = next(&mut stream)?.context("the stream ended")?;
    assert_eq!(at(&first, "/method"), "notifications/subscriptions/acknowledged");
    assert_eq!(first.pointer(TAG), message.get("id"));
    let honoured = first.pointer("/params/notifications").cloned().unwrap_or_default();
    Ok((stream, honoured))
}

fn next(stream: &mut HttpResponse) -> Result<Option<Value>> {
    let event = stream.next_event()?;
    event.map(|event| serde_json::from_str(&event).with_context(|| format!("not JSON: `{event}`"))).transpose()
}

/// A GET of a session, after this event.
fn get(client: &McpClient, last_event_id: Option<&str>) -> Result<HttpResponse> {
    let mut request = client.http_request(&json!({"jsonrpc": "2.0", "method": "none"}));
    "GET".clone_into(&mut request.method);
    request.body.clear();
    request.headers.retain(|(name, _)| name != "content-type" && name != "accept");
    request = request.with("accept", "text/event-stream");
    if let Some(id) = last_event_id {
        request = request.with("last-event-id", id);
    }
    client.send_http(&request)
}

const TAG: &str = "/params/_meta/io.modelcontextprotocol~1subscriptionId";

#[test]
fn an_sdk_client_of_2026_07_28_is_told_of_changes() -> Result<()> {
    let (_server, world) = changing_over_http()?;
    let listener = sdk_listener(&world, "auto", "ana", &["remote+note://one"])?;
    assert_eq!(listener.said()?, json!({"ready": "2026-07-28", "honoured": ["remote+note://one"]}));
    let mut other = world.client("ben-desktop", "ben")?;
    touch(&mut other)?;
    assert_eq!(listener.said()?, json!({"event": "ResourceUpdated", "uri": "remote+note://one"}));
    grow(&mut other, "get_note")?;
    assert_eq!(listener.said()?, json!({"event": "ToolsListChanged", "uri": null}));
    assert!(other.tool_names()?.contains(&"remote__get_note".to_owned()), "the kept list is asked for again");
    assert_eq!(listener.rest()?, Vec::<Value>::new());
    let subscribed = intents(&world)?;
    let subscribed =
        subscribed.iter().filter(|entry| entry.tool.as_ref().is_some_and(|tool| tool.as_str() == "note://one"));
    assert_eq!(subscribed.count(), 1, "a subscription is a call on record");
    Ok(())
}

#[test]
fn an_sdk_client_with_a_session_is_told_of_changes() -> Result<()> {
    let (_server, world) = changing_over_http()?;
    told_in_a_session(&world)
}

#[test]
fn an_sdk_client_with_a_session_is_told_of_changes_of_a_child() -> Result<()> {
    told_in_a_session(&changing_child()?)
}

fn told_in_a_session(world: &World) -> Result<()> {
    let mut listener = sdk_listener(world, "legacy", "ana", &["remote+note://one"])?;
    assert_eq!(listener.said()?, json!({"ready": "2025-11-25", "honoured": ["remote+note://one"]}));
    let stranger = sdk_listener(world, "legacy", "ben", &["remote+note://two"])?;
    assert_eq!(stranger.said()?.get("ready"), Some(&json!("2025-11-25")));
    listener.write(r#"remote__touch {"uri": "note://one"}"#)?;
    assert_eq!(listener.said()?, json!({"method": "notifications/resources/updated", "uri": "remote+note://one"}));
    assert_eq!(stranger.rest()?, Vec::<Value>::new(), "who has not subscribed hears nothing");
    Ok(())
}

#[test]
fn what_one_pairs_process_says_no_other_pair_hears() -> Result<()> {
    let world = changing_child()?;
    let mut clients = Vec::new();
    for human in ["ana", "ben"] {
        let mut client = legacy_client(&world, human)?;
        let stream = get(&client, None)?;
        assert!(stream.is_stream());
        assert_eq!(client.request("resources/subscribe", json!({"uri": "remote+note://one"}))?, json!({}));
        clients.push((client, stream));
    }
    let (ana, heard_by_ana) = &mut clients[0];
    touch(ana)?;
    let told = next(heard_by_ana)?.context("ended")?;
    assert_eq!(at(&told, "/params/uri"), "remote+note://one");
    assert_eq!(ana.request("resources/unsubscribe", json!({"uri": "remote+note://one"}))?, json!({}));
    touch(ana)?;
    grow(ana, "fresh")?;
    let (ben, heard_by_ben) = &mut clients[1];
    touch(ben)?;
    let told = next(heard_by_ben)?.context("ended")?;
    assert_eq!(at(&told, "/params/uri"), "remote+note://one");
    let (_, heard_by_ana) = &mut clients[0];
    let told = next(heard_by_ana)?.context("ended")?;
    assert_eq!(at(&told, "/method"), "notifications/tools/list_changed", "nothing of what she is not subscribed to");
    Ok(())
}

#[test]
fn a_listener_is_told_only_what_it_asked_for() -> Result<()> {
    let (_server, world) = changing_over_http()?;
    let client = world.client("ana-desktop", "ana")?;
    let (mut tools, honoured) = listen(&client, json!({"toolsListChanged": true, "promptsListChanged": false}))?;
    assert_eq!(honoured, json!({"toolsListChanged": true}));
    let filter = json!({"promptsListChanged": true, "resourceSubscriptions": ["remote+note://one", "nowhere+x://y"]});
    let (mut other, honoured) = listen(&client, filter)?;
    assert_eq!(honoured, json!({"promptsListChanged": true, "resourceSubscriptions": ["remote+note://one"]}));
    let mut caller = world.client("ben-desktop", "ben")?;
    for name in ["one", "two", "three"] {
        grow(&mut caller, name)?;
    }
    touch(&mut caller)?;
    let told = next(&mut tools)?.context("ended")?;
    assert_eq!((at(&told, "/method"), told.pointer(TAG)), ("notifications/tools/list_changed", Some(&json!(1))));
    let told = next(&mut other)?.context("ended")?;
    assert_eq!(at(&told, "/method"), "notifications/resources/updated");
    for wrong in [json!({}), json!({"notifications": 1}), json!({"notifications": {"toolsListChanged": "yes"}})] {
        let mut client = world.client("ana-desktop", "ana")?;
        assert_eq!(rpc(client.request("subscriptions/listen", wrong))?.code, -32602);
    }
    let many: Vec<String> = (0..65).map(|number| format!("remote+note://{number}")).collect();
    let mut client = world.client("ana-desktop", "ana")?;
    let error = rpc(client.request("subscriptions/listen", json!({"notifications": {"resourceSubscriptions": many}})))?;
    assert!(error.message.contains("64 resources at most"), "{error}");
    Ok(())
}

#[test]
fn whoever_listens_often_leaves_places_for_others() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    let (ana, ben) = (world.client("ana-desktop", "ana")?, world.client("ben-desktop", "ben")?);
    let wants = json!({"toolsListChanged": true});
    let mut of_ana = (0..103).map(|_| listen(&ana, wants.clone())).collect::<Result<Vec<_>>>()?;
    let (status, said) =
        send(&ana, &ana.http_request(&ana.message("subscriptions/listen", &json!({"notifications": wants}))))?;
    let said = said.to_string();
    assert_eq!(status, 429, "{said}");
    assert!(said.contains("103 clients of this agent and person listen"), "{said}");
    let _of_ben = listen(&ben, wants.clone())?;
    of_ana.pop();
    until("a place is free again", || Ok(listen(&ana, wants.clone()).is_ok()))
}

#[test]
fn a_subscription_is_decided_like_a_read() -> Result<()> {
    let server = Program::python("changes.py", &[])?;
    let url = server.line()?.strip_prefix("listening on ").context("no address")?.to_owned();
    let rule = r#"@id("no-notes")
@says("notes are private")
forbid (principal, action == Action::"read", resource == Resource::"remote/note://one");
"#;
    let world = world().app_url("remote", &url, None).rules("notes.cedar", rule).start()?;
    let client = world.client("ana-desktop", "ana")?;
    let filter = json!({"resourceSubscriptions": ["remote+note://one", "remote+note://two"]});
    let (_stream, honoured) = listen(&client, filter)?;
    assert_eq!(honoured, json!({"resourceSubscriptions": ["remote+note://two"]}));
    let mut client = world.legacy_client("ana-desktop", "ana", "2025-06-18")?;
    let error = rpc(client.request("resources/subscribe", json!({"uri": "remote+note://one"})))?;
    assert_eq!(error.code, -31000, "{error}");
    assert!(error.message.contains("notes are private"), "{error}");
    assert_eq!(rpc(client.request("resources/subscribe", json!({"uri": "nowhere+x://y"})))?.code, -32602);
    assert_eq!(rpc(client.request("resources/subscribe", json!({})))?.code, -32602);
    Ok(())
}

#[test]
fn a_subscription_is_of_whoever_asks_for_it() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    let first = world.legacy_client("ana-desktop", "ana", "2025-06-18")?;
    let _listens = get(&first, None)?;
    let mut second = first.clone().with_token(world.token("ana-desktop", "ana", None)?);
    let _whatever_the_app_says = second.request("resources/subscribe", json!({"uri": "remote+note://one"}));
    let _ = second.call("remote__echo", json!({"text": "x"}))?;
    let decided: Vec<_> = intents(&world)?.iter().filter_map(trace::Entry::intent).collect();
    let token_of = |tool: &str| decided.iter().find(|intent| intent.tool == tool).and_then(|one| one.token_id.clone());
    let token = token_of("note://one");
    assert!(token.is_some());
    assert_eq!(token, token_of("echo"), "the token that listened first is another");
    Ok(())
}

#[test]
fn nobody_listens_longer_than_they_may() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    let modern = world.client("ana-desktop", "ana")?;
    let legacy = world.legacy_client("ana-desktop", "ana", "2025-11-25")?;
    let ends = |what: &str, words: &[&str], again: &[&str]| -> Result<()> {
        let (mut one, _) = listen(&modern, json!({"toolsListChanged": true}))?;
        let mut other = get(&legacy, None)?;
        assert!(other.is_stream(), "{what}");
        world.run_well(words)?;
        let last = next(&mut one)?.with_context(|| format!("{what}: it ends without a word"))?;
        assert_eq!(at(&last, "/result/resultType"), "complete", "{what}");
        assert_eq!(next(&mut one)?, None, "{what}");
        assert_eq!(next(&mut other)?, None, "{what}");
        let (status, said) = send(&modern, &modern.http_request(&modern.message("subscriptions/listen", &json!({}))))?;
        let mut other = get(&legacy, None)?;
        for (status, said) in [(status, said.to_string()), (other.status, other.text()?)] {
            assert!(matches!(status, 401 | 503), "{what}: {status}");
            assert!(status == 503 || said.contains("no token changes that"), "{what}: {said}");
        }
        world.run_well(again).map(drop)
    };
    ends("a person who left", &["people", "offboard", "ana"], &["people", "restore", "ana"])?;
    ends("a suspended agent", &["agents", "suspend", "ana-desktop"], &["agents", "resume", "ana-desktop"])?;
    ends("everything stopped", &["stop", "all"], &["start", "all"])?;

    let token = world.run_well(&["token", "--agent", "ana-desktop", "--human", "ana", "--ttl", "2s"])?;
    let short = McpClient::modern(world.mcp_url())?.with_token(token.trim());
    let (mut stream, _) = listen(&short, json!({"toolsListChanged": true}))?;
    assert_eq!(at(&next(&mut stream)?.context("it ends without a word")?, "/result/resultType"), "complete");
    Ok(())
}

#[test]
fn a_gateway_that_stops_ends_what_is_listened_to() -> Result<()> {
    let upstream = upstream()?;
    let mut world = world_with(&upstream)?;
    let client = world.client("ana-desktop", "ana")?;
    let (mut stream, _) = listen(&client, json!({"toolsListChanged": true}))?;
    assert_eq!(world.terminate()?, 0);
    assert_eq!(at(&next(&mut stream)?.context("it ends without a word")?, "/result/resultType"), "complete");
    Ok(())
}

#[test]
fn a_client_that_went_away_gets_the_rest() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    let client = world.legacy_client("ana-desktop", "ana", "2025-11-25")?;
    let arguments = json!({"ms": 2_500, "tag": "once"});
    let call = client.message("tools/call", &json!({"name": "remote__slow", "arguments": arguments}));
    let mut response = client.send(&call)?;
    assert!(response.is_stream(), "an answer that takes its time comes on a stream");
    let first = response.next_block()?.context("ended")?;
    let id = first.iter().find_map(|line| line.strip_prefix("id: ")).context("no id")?.to_owned();
    assert!(first.iter().any(|line| line.starts_with("retry: ")), "{first:?}");
    assert!(first.iter().any(|line| line.trim_end() == "data:"), "{first:?}");
    drop(response);
    let mut again = get(&client, Some(&id))?;
    let answer = next(&mut again)?.context("no answer")?;
    assert_eq!(answer.get("id"), call.get("id"));
    assert!(text(answer.get("result").context("no result")?).contains("waited"), "{answer}");
    assert_eq!(next(&mut again)?, None);
    let answer_again = next(&mut get(&client, Some(&id))?)?;
    assert_eq!(answer_again.as_ref(), Some(&answer), "it is remembered for a while");
    assert_eq!(upstream.tags(), ["once"], "the call went on and was made once");

    let stranger = world.legacy_client("ana-desktop", "ana", "2025-11-25")?;
    assert_eq!(get(&stranger, Some(&id))?.status, 400, "an event id is good in its own session");
    let older = world.legacy_client("ana-desktop", "ana", "2025-06-18")?;
    let mut response = older.send(&call)?;
    assert!(!response.is_stream(), "a client that would not know what to do with an empty event gets none");
    assert_eq!(response.json()?.get("id"), call.get("id"));
    Ok(())
}

#[test]
fn who_may_get_a_stream() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    let client = world.legacy_client("ana-desktop", "ana", "2025-11-25")?;
    assert_eq!(get(&client, None)?.status, 200);
    assert_eq!(get(&client, Some("s1-0"))?.status, 200);
    assert_eq!(get(&client, Some("r99-1"))?.status, 400);
    let request = |name: &str, value: &str| -> Result<u16> {
        let mut request = HttpRequest::get("/mcp").with("mcp-session-id", client.session().context("no session")?);
        let token = world.token("ana-desktop", "ana", None)?;
        request = request.with("authorization", &format!("Bearer {token}")).with("accept", "text/event-stream");
        request.headers.retain(|(known, _)| known != name);
        if !value.is_empty() {
            request = request.with(name, value);
        }
        Ok(client.send_http(&request)?.status)
    };
    assert_eq!(request("x", "")?, 200);
    assert_eq!(request("mcp-session-id", "")?, 405);
    assert_eq!(request("mcp-session-id", "0123")?, 404);
    assert_eq!(request("mcp-protocol-version", "2026-07-28")?, 405);
    assert_eq!(request("accept", "application/json")?, 406);
    assert_eq!(request("authorization", "")?, 401);
    Ok(())
}

/// A server with a handshake that answers GET with events and then lets the connection go.
struct LettingGo {
    server: Handmade,
    /// The heads of all GETs, in lower case.
    gets: Arc<Mutex<Vec<String>>>,
    /// The methods of all messages.
    methods: Arc<Mutex<Vec<String>>>,
}

impl LettingGo {
    /// `answer` gives what a GET with this head is answered with; it is told the id of the last call.
    fn start(answer: impl Fn(&str, &Value) -> String + Send + Sync + 'static) -> Result<Self> {
        let gets: Arc<Mutex<Vec<String>>> = Arc::default();
        let methods: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard_methods = Arc::clone(&methods);
        let (kept, call) = (Arc::clone(&gets), Mutex::new(Value::Null));
        let server = Handmade::start(move |heard| {
            let mut call = call.lock().unwrap_or_else(PoisonError::into_inner);
            if heard.head.starts_with("GET") {
                let head = heard.head.to_lowercase();
                let said = answer(&head, &call);
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(head);
                return Some(said);
            }
            let id = heard.body.get("id").cloned().unwrap_or_default();
            let method = at(&heard.body, "/method").to_owned();
            heard_methods.lock().unwrap_or_else(PoisonError::into_inner).push(method);
            let result = match at(&heard.body, "/method") {
                "initialize" => json!({
                    "protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "x", "version": "1"},
                }),
                "tools/list" => json!({"tools": [{"name": "later", "inputSchema": {"type": "object"}}]}),
                "tools/call" => {
                    *call = id;
                    return Some(stream("id: call-1\nretry: 300\ndata: \n\n"));
                }
                "resources/subscribe" | "resources/unsubscribe" => json!({}),
                "notifications/initialized" | "notifications/roots/list_changed" => {
                    return Some("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned());
                }
                _ => {
                    let error = json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "no"}});
                    return Some(ok(&error.to_string()));
                }
            };
            let said = ok(&json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string());
            Some(said.replacen("\r\n", "\r\nmcp-session-id: letting\r\n", 1))
        })?;
        Ok(Self { server, gets, methods })
    }

    fn count(&self, method: &str) -> usize {
        let methods = self.methods.lock().unwrap_or_else(PoisonError::into_inner);
        methods.iter().filter(|known| *known == method).count()
    }

    fn gets(&self) -> Vec<String> {
        self.gets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn stream(events: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{events}")
}

#[test]
fn an_answer_whose_connection_an_app_let_go_is_fetched() -> Result<()> {
    let app = LettingGo::start(|head, call| match () {
        () if head.contains("last-event-id: call-1") => stream("id: call-2\ndata:\n\n"),
        () if head.contains("last-event-id: call-2") => {
            let result = json!({"content": [{"type": "text", "text": "at last"}]});
            stream(&format!("id: call-3\ndata: {}\n\n", json!({"jsonrpc": "2.0", "id": call, "result": result})))
        }
        () => stream("retry: 60000\n\n"),
    })?;
    let world = world().app_url("remote", &app.server.url, None).start()?;
    pin(&world, "remote", "read")?;
    let mut modern = world.client("ana-desktop", "ana")?;
    let result = modern.call("remote__later", json!({}))?;
    assert_eq!(text(&result), "at last", "{result}");
    let asked = |gets: Vec<String>| -> Vec<String> {
        let id = |get: &String| Some(get.split("last-event-id: ").nth(1)?.lines().next()?.to_owned());
        gets.iter().filter_map(id).collect()
    };
    assert_eq!(asked(app.gets()), ["call-1", "call-2"]);

    // A client that can do the same is let go, too, and comes back.
    let legacy = world.legacy_client("ana-desktop", "ana", "2025-11-25")?;
    let call = legacy.message("tools/call", &json!({"name": "remote__later", "arguments": {}}));
    let mut response = legacy.send(&call)?;
    let first = response.next_block()?.context("ended")?;
    let id = first.iter().find_map(|line| line.strip_prefix("id: ")).context("no id")?.to_owned();
    assert_eq!(response.next_block()?, None, "the connection is let go before the answer");
    let mut answer = None;
    for _time_it_is_let_go in 0..5 {
        answer = answer.or(next(&mut get(&legacy, Some(&id))?)?);
    }
    let answer = answer.context("no answer")?;
    assert_eq!(answer.pointer("/result/content/0/text"), Some(&json!("at last")), "{answer}");
    Ok(())
}

#[test]
fn apps_are_listened_to_while_somebody_listens() -> Result<()> {
    let app = LettingGo::start(|_, _| {
        let changed = json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"});
        stream(&format!("retry: 50\nid: g-1\ndata: {changed}\n\n"))
    })?;
    let world = world().app_url("remote", &app.server.url, None).start()?;
    pin(&world, "remote", "read")?;
    let client = world.client("ana-desktop", "ana")?;
    assert_eq!(app.gets().len(), 0, "nobody listens");
    let (mut stream, _) = listen(&client, json!({"toolsListChanged": true}))?;
    let told = next(&mut stream)?.context("ended")?;
    assert_eq!(at(&told, "/method"), "notifications/tools/list_changed");
    until("the stream is taken up where it ended", || {
        Ok(app.gets().iter().any(|get| get.contains("last-event-id: g-1")))
    })?;
    drop(stream);
    let mut last = 0;
    until("nobody listens any more", || {
        std::thread::sleep(Duration::from_millis(700));
        let before = std::mem::replace(&mut last, app.gets().len());
        Ok(before == last)
    })
}

#[test]
fn a_subscription_outlives_the_session_of_its_app() -> Result<()> {
    let forgets = Arc::new(AtomicBool::new(false));
    let forgot = Arc::clone(&forgets);
    let app = LettingGo::start(move |_, _| {
        if forgot.swap(false, Ordering::SeqCst) {
            return "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned();
        }
        stream("retry: 50\nid: g-1\ndata:\n\n")
    })?;
    let world = world().app_url("remote", &app.server.url, None).start()?;
    pin(&world, "remote", "read")?;
    let mut client = world.legacy_client("ana-desktop", "ana", "2025-11-25")?;
    let mut heard = get(&client, None)?;
    assert_eq!(client.request("resources/subscribe", json!({"uri": "remote+note://one"}))?, json!({}));
    assert_eq!(app.count("resources/subscribe"), 1);
    forgets.store(true, Ordering::SeqCst);
    until("the app is asked for it again, in a new session", || {
        forgets.store(app.count("resources/subscribe") == 1, Ordering::SeqCst);
        Ok(app.count("resources/subscribe") > 1)
    })?;
    let told = next(&mut heard)?.context("ended")?;
    assert_eq!(at(&told, "/params/uri"), "remote+note://one", "nobody knows what changed meanwhile");
    let decided = intents(&world)?;
    assert!(
        decided.iter().filter(|entry| entry.tool.as_ref().is_some_and(|tool| tool.as_str() == "note://one")).count()
            > 1
    );
    assert_eq!(client.request("resources/unsubscribe", json!({"uri": "remote+note://one"}))?, json!({}));
    until("the app is told that it is over", || Ok(app.count("resources/unsubscribe") == 1))
}

#[test]
fn an_app_hears_that_its_client_works_on_other_folders() -> Result<()> {
    let app = LettingGo::start(|_, call| {
        let result = json!({"content": [{"type": "text", "text": "done"}]});
        stream(&format!("id: call-2\ndata: {}\n\n", json!({"jsonrpc": "2.0", "id": call, "result": result})))
    })?;
    // It may be told what it may ask for.
    let asks =
        "@id(\"asks\") permit (principal, action == Action::\"ask\", resource) when { context.human.id == \"ana\" };\n";
    let world = world().app_url("remote", &app.server.url, None).rules("asks.cedar", asks).start()?;
    pin(&world, "remote", "read")?;
    let mut client = legacy_client(&world, "ana")?;
    let _let_go = client.call("remote__later", json!({}));
    let changed = json!({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"});
    let without = world.legacy_client("ben-desktop", "ben", "2025-11-25")?;
    assert_eq!(without.send(&changed)?.status, 202);
    assert_eq!(client.send(&changed)?.status, 202);
    // It can ask for them while a call is under way, and so it hears it right before one.
    let _let_go = client.call("remote__later", json!({}));
    assert_eq!(app.count("notifications/roots/list_changed"), 1);
    Ok(())
}
