//! Apps that are dead, slow, broken or loud: what is said, what is recorded, and that the others go on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{
    ExactOptions, ExactUpstream, HttpResponse, McpClient, Misbehaviour, Participant, Revision, Upstream,
    UpstreamOptions, World,
};

use crate::holds::reloaded;
use crate::kit::{
    Handmade, at, child, children_of, decision, intents, last_intent, lives, nobodys_url, ok, pin, text, until,
    upstream, world, world_with,
};

#[test]
fn an_app_that_died() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    let mut client = world.client("ana-desktop", "ana")?;
    assert_eq!(client.call_text("remote__echo", json!({"text": "x"}))?, "x");
    drop(upstream);
    let failed = client.call("remote__echo", json!({"text": "x"}))?;
    check_failed(&world, &failed, &json!(false), "upstream.unreachable", "nothing answers at")
}

#[test]
fn an_app_that_takes_too_long() -> Result<()> {
    let upstream = upstream()?;
    let world =
        world().app_url("remote", upstream.url(), None).set(&["limits", "call_seconds_max"], json!(1)).start()?;
    pin(&world, "remote", "read")?;
    let mut client = world.client("ana-desktop", "ana")?;
    let failed = client.call("remote__slow", json!({"ms": 60_000}))?;
    check_failed(&world, &failed, &json!("unknown"), "upstream.timeout", "did not answer within 1 s")?;
    assert!(text(&failed).contains("look before you try again"), "{failed}");
    assert_eq!(client.call_text("remote__echo", json!({"text": "x"}))?, "x");
    Ok(())
}

/// Of eight places in the gateway an app has two, or as many as its operator says.
#[test]
fn an_app_that_does_not_answer_leaves_room_for_the_others() -> Result<()> {
    for (said, places) in [(None, 2), (Some(1), 1), (Some(3), 3)] {
        let (hung, other) = (upstream()?, upstream()?);
        let mut world = world().app_url("hung", hung.url(), None).app_url("other", other.url(), None);
        world = world.set(&["limits", "calls_in_flight_max"], json!(8));
        if let Some(said) = said {
            world = world.set(&["apps", "hung", "calls_in_flight_max"], json!(said));
        }
        let world = world.start()?;
        pin(&world, "hung", "read")?;
        pin(&world, "other", "read")?;
        let mut client = world.client("ana-desktop", "ana")?;
        let slow = || {
            let mut client = client.clone();
            thread::spawn(move || client.call_text("hung__slow", json!({"ms": 4_000})))
        };
        let waiting: Vec<_> = (0..places).map(|_| slow()).collect();
        until("they are there", || Ok(hung.call_count() == places))?;
        let turned_away = client.call("hung__echo", json!({"text": "x"}))?;
        check_failed(&world, &turned_away, &json!(false), "upstream.busy", "call again in a moment")?;
        assert_eq!(client.call_text("other__echo", json!({"text": "x"}))?, "x");
        for one in waiting {
            assert_eq!(one.join().map_err(|_| anyhow::anyhow!("a client broke"))??, "waited 4000 ms");
        }
        assert_eq!((hung.call_count(), client.call_text("hung__echo", json!({"text": "x"}))?.as_str()), (places, "x"));
    }
    Ok(())
}

/// An app that asks keeps its call open until its client has answered, and others get their answers meanwhile.
#[test]
fn what_waits_for_the_client_takes_no_place_of_its_app() -> Result<()> {
    for revision in [Revision::June2025, Revision::July2026] {
        goes_on_while_its_app_is_busy(revision).with_context(|| revision)?;
    }
    Ok(())
}

/// A call that its app keeps open goes on in any case. One that the app begins anew is turned away as any other, and the client may
/// come back with the same answers.
fn goes_on_while_its_app_is_busy(revision: Revision) -> Result<()> {
    let record = tempfile::NamedTempFile::new()?;
    let server = ExactUpstream::start(ExactOptions { revision, record: Some(record.path().to_owned()) })?;
    let world = world().rules("rules/all.cedar", "@id(\"all\") permit (principal, action, resource);\n");
    let world = world.app_url("exact", server.url(), None).set(&["apps", "exact", "calls_in_flight_max"], json!(1));
    let world = world.set(&["apps", "exact", "access"], json!({"people": ["ana"]})).start()?;
    let client = Participant::http(&format!("{}/exact", world.mcp_url()), Revision::July2026)?;
    let client = client.with_token(&world.token("ana-desktop", "ana", None)?);
    let client = client
        .declaring(json!({"elicitation": {"form": {}}}))
        .answering("elicitation/create", |_| json!({"action": "accept", "content": {"name": "Ada"}}));
    client.start()?;
    let params = json!({"name": "ask_user", "arguments": {}});
    let asked = client.request("tools/call", params.clone())?;
    assert_eq!(at(&asked, "/resultType"), "input_required", "{asked}");
    assert_eq!(client.call_text("echo", json!({"text": "x"}))?, "x");
    let slow = client.begin("tools/call", json!({"name": "slow", "arguments": {"ms": 4_000}}))?;
    until("the app is busy", || Ok(std::fs::read_to_string(record.path())?.contains("\"slow\"")))?;
    let next = client.next_round(&params, &asked)?;
    let mut said = client.request("tools/call", next.clone())?;
    if revision == Revision::July2026 {
        let structure = decision(&said)?;
        ensure!(at(structure, "/reason_code") == "upstream.busy", "{said}");
        ensure!(structure.get("executed") == Some(&json!(false)), "{said}");
        assert_eq!(text(&slow.wait()?), "done");
        said = client.request("tools/call", next)?;
    } else {
        assert_eq!(text(&slow.wait()?), "done");
    }
    assert_eq!(text(&said), "accept Ada", "{said}");
    Ok(())
}

#[test]
fn a_child_that_crashes_is_started_again() -> Result<()> {
    let world = world().app_command("child", &child(&["--crash-after", "1"])?).start()?;
    pin(&world, "child", "read")?;
    let mut client = world.client("ana-desktop", "ana")?;
    for _life in 0..2 {
        assert_eq!(client.call_text("child__echo", json!({"text": "x"}))?, "x");
        let failed = client.call("child__echo", json!({"text": "x"}))?;
        check_failed(&world, &failed, &json!("unknown"), "upstream.child_ended", "its process has ended")?;
    }
    Ok(())
}

/// Line ends between the tokens of a request are no line ends for a child: what stands between them is no message.
#[test]
fn no_message_can_be_hidden_in_another_for_a_child() -> Result<()> {
    let world = world();
    let calls = tempfile::NamedTempFile::new()?;
    let log = calls.path().display().to_string();
    let world = world.app_command("child", &child(&["--log", &log])?).start()?;
    pin(&world, "child", "read")?;
    let mut client = world.client("ana-desktop", "ana")?;
    let arguments = json!({"text": "x", "tag": "first", "more": ["HERE"]});
    let mut request =
        client.http_request(&client.message("tools/call", &json!({"name": "child__echo", "arguments": arguments})));
    let hidden =
        r#"{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{"name":"echo","arguments":{"tag":"hidden"}}}"#;
    let body = String::from_utf8(request.body)?.replace("\"HERE\"", &format!("\r\n{hidden}\n"));
    request.body = body.into_bytes();
    let said = client.send_http(&request)?.text()?;
    ensure!(said.contains("\"x\""), "{said}");
    client.call_text("child__echo", json!({"text": "y", "tag": "second"}))?;
    let seen: Vec<String> = std::fs::read_to_string(calls.path())?.lines().map(str::to_owned).collect();
    assert_eq!(seen, ["first", "second"]);
    Ok(())
}

#[test]
fn a_child_that_is_killed_from_outside_is_started_again() -> Result<()> {
    let world = world().app_command("child", &child(&[])?).start()?;
    pin(&world, "child", "read")?;
    let mut client = world.client("ana-desktop", "ana")?;
    assert_eq!(client.call_text("child__echo", json!({"text": "x"}))?, "x");
    let children = children_of(world.process_id())?;
    anyhow::ensure!(children.len() == 2, "one to ask what it offers and one for ana's agent: {children:?}");
    for process in children {
        let id = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw).context("no process")?;
        rustix::process::kill_process(id, rustix::process::Signal::KILL)?;
    }
    until("the child runs again", || {
        let result = client.call("child__echo", json!({"text": "x"}))?;
        Ok(result.get("isError") != Some(&json!(true)) && text(&result) == "x")
    })
}

#[test]
fn noise_is_not_heard() -> Result<()> {
    let mut world = world()
        .app_command("garbage", &child(&["--garbage"])?)
        .app_command("flood", &child(&["--flood-stderr"])?)
        .start()?;
    let mut client = world.client("ana-desktop", "ana")?;
    for app in ["garbage", "flood"] {
        pin(&world, app, "read")?;
        for _call in 0..20 {
            assert_eq!(client.call_text(&format!("{app}__payload"), json!({"bytes": 10_000}))?.len(), 10_000);
        }
    }
    assert_eq!(world.terminate()?, 0);
    Ok(())
}

#[test]
fn an_answer_past_the_bound() -> Result<()> {
    let huge = Misbehaviour { huge: Some(300_000), ..Misbehaviour::default() };
    let upstream = Upstream::start(UpstreamOptions { misbehaviour: huge, ..UpstreamOptions::default() })?;
    let world = world()
        .app_url("http", upstream.url(), None)
        .app_command("child", &child(&["--huge", "300000"])?)
        .set(&["limits", "answer_bytes_max"], json!(100_000))
        .start()?;
    let mut client = world.client("ana-desktop", "ana")?;
    pin(&world, "http", "read")?;
    let failed = client.call("http__echo", json!({"text": "x"}))?;
    check_failed(&world, &failed, &json!("unknown"), "upstream.too_large", "larger than 100000 bytes")?;
    pin(&world, "child", "read")?;
    let failed = client.call("child__echo", json!({"text": "x"}))?;
    let code = at(decision(&failed)?, "/reason_code").to_owned();
    ensure!(["upstream.too_large", "upstream.child_ended"].contains(&code.as_str()), "{failed}");
    assert_eq!(decision(&failed)?.get("executed"), Some(&json!("unknown")), "{failed}");
    Ok(())
}

#[test]
fn answers_that_are_no_answers() -> Result<()> {
    let html = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>";
    let page = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>";
    let moved = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let no_json = ok("{\"jsonrpc\": \"2.0\", ");
    let twice = ok(r#"{"jsonrpc":"2.0","id":0,"result":{"content":[]},"result":{"content":[],"isError":true}}"#);
    let other_id = ok(r#"{"jsonrpc":"2.0","id":999999,"result":{"content":[]}}"#);
    let cases = [
        ("upstream.garbage", html.to_owned()),
        ("upstream.garbage", page.to_owned()),
        ("upstream.redirect", moved.to_owned()),
        ("upstream.garbage", no_json),
        ("upstream.garbage", twice),
        ("upstream.garbage", other_id),
        (
            "upstream.broke_off",
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{".into(),
        ),
        ("upstream.broke_off", "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: nothing\n\n".into()),
        ("upstream.broke_off", String::new()),
    ];
    let servers: Vec<Handmade> = cases
        .iter()
        .map(|(_, said)| {
            let said = said.clone();
            Handmade::with_echo(move |_| (!said.is_empty()).then(|| said.clone()))
        })
        .collect::<Result<_>>()?;
    let apps: Vec<String> = (0..cases.len()).map(|number| format!("liar-{number}")).collect();
    let builder = apps.iter().zip(&servers).fold(world(), |world, (app, server)| world.app_url(app, &server.url, None));
    let world = builder.start()?;
    let mut client = world.client("ana-desktop", "ana")?;
    for (app, (code, said)) in apps.iter().zip(&cases) {
        pin(&world, app, "read")?;
        let failed = client.call(&format!("{app}__echo"), json!({"text": "x"}))?;
        check_failed(&world, &failed, &json!("unknown"), code, "").with_context(|| format!("after `{said}`"))?;
        assert!(!failed.to_string().contains("<html>"), "{failed}");
    }
    Ok(())
}

#[test]
fn apps_that_cannot_be_asked_do_not_break_the_list_of_the_others() -> Result<()> {
    let upstream = upstream()?;
    let liar = Handmade::start(|_| Some("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<html>".to_owned()))?;
    let sleeper = ["sleep".to_owned(), "1000".to_owned()];
    let world = world()
        .app_url("remote", upstream.url(), None)
        .app_url("dead", &nobodys_url()?, None)
        .app_url("liar", &liar.url, None)
        .app_command("hangs", &sleeper)
        .app_command("ends", &["true".to_owned()])
        .set(&["limits", "connect_seconds_max"], json!(1))
        .start()?;
    pin(&world, "remote", "read")?;
    let mut client = world.client("ana-desktop", "ana")?;
    let names: Vec<String> = ["echo", "payload", "slow", "fail", "count"].map(|tool| format!("remote__{tool}")).into();
    assert_eq!(client.tool_names()?, names);
    assert_eq!(client.call_text("remote__echo", json!({"text": "x"}))?, "x");
    let said: Value = serde_json::from_str(&world.run_well(&["tools", "--json"])?)?;
    let apps = said.get("apps").and_then(Value::as_array).context("no apps")?;
    let error_of = |name: &str| apps.iter().find(|app| at(app, "/app") == name).map(|app| at(app, "/error").to_owned());
    assert_eq!(error_of("remote").as_deref(), Some(""));
    for (app, part) in [("dead", "nothing answers at"), ("liar", "neither JSON"), ("hangs", "within 1 s"), ("ends", "")]
    {
        let error = error_of(app).unwrap_or_default();
        assert!(!error.is_empty() && error.contains(part), "{app}: {error}");
    }
    for app in ["dead", "liar", "hangs", "ends"] {
        let refused = client.call(&format!("{app}__echo"), json!({}))?;
        let decision = decision(&refused)?;
        assert_eq!(decision.get("executed"), Some(&json!(false)), "{refused}");
        assert_eq!(
            (at(decision, "/decision"), at(decision, "/reason_code")),
            ("defer", "guard:tool-unknown"),
            "{refused}"
        );
        assert!(text(&refused).contains("could not be asked what it offers"), "{refused}");
    }
    Ok(())
}

#[test]
fn a_stop_lets_calls_finish_and_leaves_no_process() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("calls").display().to_string();
    let mut world = world()
        .app_command("child", &child(&["--log", &log])?)
        .app_command("stubborn", &["sh".to_owned(), "-c".to_owned(), STUBBORN.to_owned()])
        .start()?;
    pin(&world, "child", "write")?;
    let children = || children_of(world.process_id());
    until("both children run", || Ok(children()?.len() == 2))?;
    let children = children()?;
    let mut client = world.client("ana-desktop", "ana")?;
    let call = thread::spawn(move || client.call("child__slow", json!({"ms": 700, "tag": "slow"})));
    until("the call has arrived", || Ok(std::fs::read_to_string(&log).is_ok_and(|log| log.contains("slow"))))?;
    assert_eq!(world.terminate()?, 0);
    let answer = call.join().map_err(|_| anyhow::anyhow!("the client broke"))??;
    assert_eq!(text(&answer), "waited 700 ms");
    let last = last_intent(&world)?;
    assert_eq!(last.outcome().map(|outcome| outcome.effect.as_str()), Some("executed"));
    until("no child is left", || Ok(!children.iter().any(|child| lives(*child))))
}

/// A program that does not end when it is asked to.
const STUBBORN: &str = "trap '' TERM; while :; do read -r line || sleep 1; done";

#[test]
fn a_killed_gateway_leaves_no_child() -> Result<()> {
    let mut world = world().app_command("child", &child(&[])?).start()?;
    pin(&world, "child", "read")?;
    let children = children_of(world.process_id())?;
    assert_eq!(children.len(), 1);
    world.kill()?;
    until("no child is left", || Ok(!children.iter().any(|child| lives(*child))))
}

#[test]
fn a_session_that_the_app_forgot_is_opened_anew() -> Result<()> {
    let options = || UpstreamOptions { era: testkit::Era::Legacy, ..UpstreamOptions::default() };
    let first = Upstream::start(options())?;
    let address = first.address();
    let world = world_with(&first)?;
    let mut client = world.client("ana-desktop", "ana")?;
    assert_eq!(client.call_text("remote__echo", json!({"text": "x"}))?, "x");
    drop(first);
    let again = program_at(&address.to_string())?;
    until("the app is called again", || {
        let result = client.call("remote__echo", json!({"text": "x"}))?;
        Ok(result.get("isError") != Some(&json!(true)))
    })?;
    drop(again);
    Ok(())
}

/// A server with sessions that answers GET with 405, and 404 to a session of before it was last started. What it offers is named
/// after how often that was. It keeps the heads it hears.
fn forgetful(starts: &Arc<AtomicUsize>, heads: &Arc<Mutex<Vec<String>>>) -> Result<Handmade> {
    let (starts, heads) = (Arc::clone(starts), Arc::clone(heads));
    Handmade::start(move |heard| {
        heads.lock().unwrap_or_else(PoisonError::into_inner).push(heard.head.clone());
        let empty = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let (start, method) = (starts.load(Ordering::SeqCst), at(&heard.body, "/method"));
        let session = format!("mcp-session-id: of-start-{start}\r\n");
        let result = match method {
            _ if heard.head.starts_with("GET") => return Some(empty("405 Method Not Allowed")),
            "server/discover" => return Some(empty("400 Bad Request")),
            "initialize" => json!({
                "protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "x", "version": "1"},
            }),
            _ if !heard.head.to_lowercase().contains(&session) => return Some(empty("404 Not Found")),
            method if method.starts_with("notifications/") => return Some(empty("202 Accepted")),
            "tools/list" => json!({"tools": [
                {"name": "echo", "inputSchema": {"type": "object"}},
                {"name": format!("tool-of-start-{start}"), "inputSchema": {"type": "object"}},
            ]}),
            "tools/call" => json!({"content": [{"type": "text", "text": "done"}]}),
            _ => json!({}),
        };
        let said = ok(&json!({"jsonrpc": "2.0", "id": heard.body.get("id"), "result": result}).to_string());
        Some(said.replacen("\r\n", &format!("\r\n{session}"), 1))
    })
}

#[test]
fn a_list_is_asked_for_in_a_new_session_where_the_app_forgot_its_own() -> Result<()> {
    let starts = Arc::new(AtomicUsize::new(1));
    let server = forgetful(&starts, &Arc::default())?;
    let world =
        world().app_url("remote", &server.url, None).set(&["limits", "catalog_seconds_max"], json!(1)).start()?;
    pin(&world, "remote", "read")?;
    let mut client = world.client("ana-desktop", "ana")?;
    assert_eq!(client.call_text("remote__echo", json!({}))?, "done");
    for start in 2..4 {
        starts.store(start, Ordering::SeqCst);
        let now = format!("remote__tool-of-start-{start}");
        // Calls go over a link of their own, which finds it out by itself.
        let _forgotten = client.call("remote__echo", json!({}));
        until("what it offers now is seen", || Ok(client.tool_names()?.contains(&now)))?;
        let _unknown = client.call("remote__nothing", json!({}));
        assert_eq!(client.call_text("remote__echo", json!({}))?, "done");
    }
    Ok(())
}

#[test]
fn an_app_is_told_that_a_session_is_over() -> Result<()> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let server = forgetful(&Arc::new(AtomicUsize::new(1)), &heard)?;
    let mut world =
        world().app_url("remote", &server.url, Some("env:KEY")).environment("KEY", "key-0123456789").start()?;
    pin(&world, "remote", "read")?;
    assert_eq!(world.client("ana-desktop", "ana")?.call_text("remote__echo", json!({}))?, "done");
    let ended = || {
        let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().filter(|head| head.starts_with("DELETE")).cloned().collect::<Vec<String>>()
    };
    assert_eq!(ended(), [""; 0], "it is in use");
    assert_eq!(world.terminate()?, 0);
    // The gateway's own, and that of the pair.
    let ended = ended();
    assert_eq!(ended.len(), 2, "{ended:?}");
    for head in ended {
        let head = head.to_lowercase();
        ensure!(head.contains("mcp-session-id: of-start-1\r\n") && head.contains("key-0123456789"), "{head}");
    }
    Ok(())
}

/// The upstream as a process at a given address; killed when dropped.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn program_at(address: &str) -> Result<Running> {
    let program = testkit::program("testkit-upstream")?;
    let mut command = std::process::Command::new(program);
    let command = command.args(["--era", "legacy", "--listen", address]).stdout(std::process::Stdio::null());
    Ok(Running(command.spawn()?))
}

fn check_failed(world: &World, failed: &Value, executed: &Value, code: &str, said: &str) -> Result<()> {
    let structure = decision(failed)?;
    ensure!(structure.get("executed") == Some(executed), "{failed}");
    ensure!(at(structure, "/reason_code") == code, "{failed}");
    ensure!(at(structure, "/blame") == "upstream" && at(structure, "/decision") == "failed", "{failed}");
    ensure!(text(failed).contains(said), "{failed}");
    let last = last_intent(world)?;
    ensure!(text(failed).contains(last.call.as_str()), "{failed}");
    let outcome = last.outcome().context("no outcome")?;
    let effect = if executed == &json!(false) { "not_executed" } else { "unknown" };
    ensure!((outcome.effect.as_str(), outcome.status.as_str()) == (effect, "failed"), "{outcome:?}");
    ensure!(outcome.code.as_deref() == Some(code), "{outcome:?}");
    Ok(())
}

#[test]
fn another_revision_counts_as_not_executed_only_where_the_request_was_refused() -> Result<()> {
    let cases = [
        ("400 Bad Request", false, json!(false), "call again: the revision is agreed anew"),
        ("200 OK", false, json!("unknown"), "look up what it did"),
        ("200 OK", true, json!("unknown"), "look up what it did"),
    ];
    for (status, streams, executed, said) in cases {
        let server = Handmade::with_echo(move |heard| {
            let error = json!({"code": -32022, "message": "no such revision", "data": {"supported": ["2025-06-18"]}});
            let error = json!({"jsonrpc": "2.0", "id": heard.body.get("id"), "error": error}).to_string();
            if streams {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
                return Some(format!("{head}data: {error}\n\n"));
            }
            Some(ok(&error).replacen("200 OK", status, 1))
        })?;
        let world = world().app_url("remote", &server.url, None).start()?;
        pin(&world, "remote", "write")?;
        let failed = world.client("ana-desktop", "ana")?.call("remote__echo", json!({}))?;
        check_failed(&world, &failed, &executed, "upstream.revision", said).with_context(|| status)?;
    }
    Ok(())
}

#[test]
fn a_call_is_sent_once_whatever_becomes_of_the_connection() -> Result<()> {
    let received: Arc<Mutex<Vec<String>>> = Arc::default();
    let noted = Arc::clone(&received);
    let server = Handmade::with_echo(move |heard| {
        let tag = at(&heard.body, "/params/arguments/tag").to_owned();
        noted.lock().unwrap_or_else(PoisonError::into_inner).push(tag);
        None
    })?;
    let world = world().app_url("remote", &server.url, None).start()?;
    pin(&world, "remote", "write")?;
    let mut client = world.client("ana-desktop", "ana")?;
    let tags: Vec<String> = (0..10).map(|number| format!("call-{number}")).collect();
    for tag in &tags {
        let failed = client.call("remote__echo", json!({"tag": tag}))?;
        check_failed(&world, &failed, &json!("unknown"), "upstream.broke_off", "")?;
        world.run_well(&["tools", "--refresh"])?;
    }
    assert_eq!(*received.lock().unwrap_or_else(PoisonError::into_inner), tags);
    Ok(())
}

#[test]
fn an_app_that_is_taken_out_of_the_configuration_is_ended() -> Result<()> {
    let world = world().app_command("child", &child(&[])?).app_command("kept", &child(&[])?).start()?;
    let children = || children_of(world.process_id());
    until("both run", || Ok(children()?.len() == 2))?;
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(world.config())?)?;
    config.pointer_mut("/apps").and_then(Value::as_object_mut).and_then(|apps| apps.remove("child")).context("apps")?;
    let before = children()?;
    std::fs::write(world.config(), config.to_string())?;
    world.run_well(&["reload"])?;
    until("one is left", || Ok(children()?.len() == 1))?;
    let left = children()?;
    ensure!(before.iter().filter(|process| lives(**process)).collect::<Vec<_>>() == left.iter().collect::<Vec<_>>());
    pin(&world, "kept", "read")?;
    assert_eq!(world.client("ana-desktop", "ana")?.call_text("kept__count", json!({}))?, "1");
    Ok(())
}

/// A server that asks who it is before it answers, and keeps the heads it hears.
fn asks_first(heard: &Arc<Mutex<Vec<String>>>) -> Result<Handmade> {
    let keeps = Arc::clone(heard);
    let answer = Handmade::start(move |heard| {
        keeps.lock().unwrap_or_else(PoisonError::into_inner).push(heard.head.clone());
        let form = json!({"mode": "form", "message": "Who?", "requestedSchema": {"type": "object", "properties": {}}});
        let result = match at(&heard.body, "/method") {
            "server/discover" => json!({"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}),
            "tools/list" => json!({"tools": [{"name": "echo", "inputSchema": {"type": "object"}}]}),
            "tools/call" => json!({
                "resultType": "input_required", "requestState": "x",
                "inputRequests": {"who": {"method": "elicitation/create", "params": form}},
            }),
            _ => json!({}),
        };
        Some(ok(&json!({"jsonrpc": "2.0", "id": heard.body.get("id"), "result": result}).to_string()))
    })?;
    Ok(answer)
}

/// The next message of a stream.
fn message(stream: &mut HttpResponse) -> Result<Value> {
    loop {
        let event = stream.next_event()?.context("the stream ended")?;
        if !event.is_empty() {
            return Ok(serde_json::from_str(&event)?);
        }
    }
}

// INVARIANT: what the configuration names for one address goes to no other.
#[test]
fn after_a_reload_nothing_goes_where_an_app_was() -> Result<()> {
    let heard = Arc::default();
    let (before, after) = (asks_first(&heard)?, upstream()?);
    let all = "@id(\"all\") permit (principal, action, resource);\n";
    let keys = [("OLD_KEY", "old-secret-0123456789"), ("NEW_KEY", "new-secret-0123456789")];
    let world = world().app_url("remote", &before.url, Some("env:OLD_KEY")).rules("rules/all.cedar", all);
    let world = keys.into_iter().fold(world, |world, (name, key)| world.environment(name, key)).start()?;
    pin(&world, "remote", "read")?;
    let client =
        McpClient::legacy(world.mcp_url(), "2025-06-18")?.with_token(world.token("ana-desktop", "ana", None)?);
    let mut client = client.with_capabilities(json!({"elicitation": {}}));
    client.initialize()?;
    let call = client.message("tools/call", &json!({"name": "remote__echo", "arguments": {}}));
    let mut stream = client.send(&call)?;
    let question = message(&mut stream)?;
    assert_eq!(at(&question, "/method"), "elicitation/create");
    reloaded(&world, |config| {
        config["apps"]["remote"]["url"] = json!(after.url());
        config["apps"]["remote"]["credential"] = json!("env:NEW_KEY");
    })?;
    let told = std::mem::take(&mut *heard.lock().unwrap_or_else(PoisonError::into_inner));
    ensure!(
        told.iter().any(|head| head.contains("old-secret")) && !told.iter().any(|head| head.contains("new-secret"))
    );
    let answer = json!({
        "jsonrpc": "2.0", "id": question.get("id"), "result": {"action": "accept", "content": {}},
    });
    assert_eq!(client.send(&answer)?.status, 202);
    let refused = message(&mut stream)?;
    let refused = refused.get("result").with_context(|| refused.to_string())?;
    ensure!(at(decision(refused)?, "/reason_code") == "operator.app_replaced", "{refused}");
    ensure!(decision(refused)?.get("executed") == Some(&json!(false)), "{refused}");
    let told = heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
    ensure!(told.is_empty() && after.call_count() == 0, "{told:?}");
    pin(&world, "remote", "read")?;
    assert_eq!(client.call_text("remote__echo", json!({"text": "x"}))?, "x");
    Ok(())
}

#[test]
fn a_profile_is_read_anew_while_calls_of_its_app_go_on() -> Result<()> {
    let profile = |class: &str| {
        let tools = ["slow", "echo"].map(|tool| format!("  {tool}: {{why: it is so, class: {class}}}\n")).concat();
        format!("profile: own\nabout: ours\ntools:\n{tools}")
    };
    let world = world().app_command("child", &child(&[])?).set(&["apps", "child", "profile"], json!("./own.yaml"));
    let world = world.set(&["apps", "child", "risk"], json!("low")).file("own.yaml", &profile("read")).start()?;
    let mut client = world.client("ana-desktop", "ana")?;
    let token = world.token("ana-desktop", "ana", None)?;
    assert_eq!(client.call_text("child__echo", json!({"text": "x"}))?, "x");
    let mut slow = McpClient::modern(world.mcp_url())?.with_token(token);
    let call = thread::spawn(move || slow.call_text("child__slow", json!({"ms": 3_000})));
    until("it is under way", || {
        Ok(intents(&world)?.last().is_some_and(|entry| entry.tool.as_deref() == Some("slow")))
    })?;
    let children = children_of(world.process_id())?;
    for text in [format!("# of ours\n{}", profile("read")), profile("destructive")] {
        std::fs::write(world.folder().join("own.yaml"), text)?;
        reloaded(&world, |_| ())?;
    }
    let refused = client.call("child__echo", json!({"text": "x"}))?;
    ensure!(text(&refused).contains("destructive actions are refused"), "{refused}");
    let answer = call.join().map_err(|_| anyhow::anyhow!("the client broke"))??;
    assert_eq!(answer, "waited 3000 ms");
    assert_eq!(children_of(world.process_id())?, children, "nothing is started a second time");
    Ok(())
}

#[test]
fn what_a_tool_says_of_itself_is_passed_on() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    let mut client: McpClient = world.client("ana-desktop", "ana")?;
    let failed = client.call("remote__fail", json!({}))?;
    assert_eq!((text(&failed), failed.get("isError")), ("this tool always fails", Some(&json!(true))));
    let outcome = last_intent(&world)?.outcome().context("no outcome")?;
    assert_eq!((outcome.effect.as_str(), outcome.status.as_str()), ("executed", "tool_error"));
    Ok(())
}

#[test]
fn a_child_that_begins_slowly_and_knows_no_handshake_is_agreed_with() -> Result<()> {
    let command = ["sh", "-c", BEGINS_SLOWLY].map(str::to_owned);
    let world = world().app_command("slow", &command).set(&["apps", "slow", "env"], json!({"PATH": "/usr/bin:/bin"}));
    let world = world.start()?;
    let tools = world.run_well(&["tools", "slow"])?;
    ensure!(tools.contains("look_up"), "{tools}");
    Ok(())
}

/// Speaks 2026-07-28 alone, and says nothing for as long as a look at it may take.
const BEGINS_SLOWLY: &str = r#"
sleep 5
while IFS= read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\([^,}]*\).*/\1/p')
  case "$line" in
    *'"initialize"'*) said='"error":{"code":-32022,"message":"no such revision","data":{"supported":["2026-07-28"]}}' ;;
    *'"server/discover"'*) said='"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"serverInfo":{"name":"slow","version":"1"}}' ;;
    *'"tools/list"'*) said='"result":{"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":[{"name":"look_up","inputSchema":{"type":"object"}}]}' ;;
    *) continue ;;
  esac
  printf '{"jsonrpc":"2.0","id":%s,%s}\n' "$id" "$said"
done
"#;
