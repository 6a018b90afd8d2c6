//! Clients join and leave: `init`, `connect`, `leave`, `doctor`, from outside.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use store::DataDir;
use testkit::{McpClient, program};

use crate::kit::{at, lives, pin, text, until, upstream, world, world_with};

const WAIT: Duration = Duration::from_secs(30);

/// Writes lines to a command, closes its standard input, and gives the messages on its standard output.
fn talk(mut command: Command, lines: &str) -> Result<Vec<Value>> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    child.stdin.take().context("no stdin")?.write_all(lines.as_bytes())?;
    let output = child.wait_with_output()?;
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stdout)?;
    said.lines().map(|line| serde_json::from_str(line).with_context(|| format!("not a message: {line}"))).collect()
}

fn answer<'a>(said: &'a [Value], id: &Value) -> Result<&'a Value> {
    said.iter().find(|message| message.get("id") == Some(id)).with_context(|| format!("no answer to {id} in {said:?}"))
}

/// Ends the gateway that `connect` has started.
fn end(data: &Path) -> Result<u32> {
    let id = DataDir::holder(data).context("no gateway runs")?;
    let process = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw).context("no process")?;
    rustix::process::kill_process(process, rustix::process::Signal::TERM)?;
    until("the gateway ends", || Ok(!lives(id)))?;
    Ok(id)
}

/// Ends a gateway that a client may have started when it missed another one. No client is there any more.
fn end_any(data: &Path) -> Result<()> {
    if DataDir::holder(data).is_some_and(lives) { end(data).map(drop) } else { Ok(()) }
}

fn meta() -> Value {
    json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} })
}

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":"first","method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;

#[test]
fn connect_starts_a_gateway_that_outlives_it() -> Result<()> {
    let upstream = upstream()?;
    let world = world().app_url("remote", upstream.url(), None).prepare()?;
    pin(&world, "remote", "read")?;
    let data = world.folder().join("data");
    let mut client = world.connect(Some("remote"))?;
    let greeting = client.initialize(WAIT)?;
    assert_eq!(at(&greeting, "/result/serverInfo/name"), "countersign", "{greeting}");
    let called = client.request("tools/call", json!({"name": "echo", "arguments": {"text": "hi"}}), WAIT)?;
    assert_eq!(called.pointer("/result/isError").unwrap_or(&json!(false)), &json!(false), "{called}");
    assert!(client.finish()?.success());
    let gateway = DataDir::holder(&data).context("the gateway went with its client")?;
    assert!(lives(gateway));

    let mut again = world.connect(None)?;
    again.initialize(WAIT)?;
    assert_eq!(DataDir::holder(&data), Some(gateway), "a running gateway is used");
    assert_eq!(end(&data)?, gateway);
    let listed = again.request("tools/list", json!({}), WAIT)?;
    assert_eq!(at(&listed, "/result/tools/0/name"), "remote__echo", "{listed}");
    drop(again);
    assert_ne!(end(&data)?, gateway, "another gateway was started");
    Ok(())
}

#[test]
fn without_a_gateway_every_request_is_told() -> Result<()> {
    let world = world().prepare()?;
    let lines = format!(
        "{INITIALIZE}\n{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}}\n[{{\"id\":1,\"method\":\"ping\"}},{{\"id\":2,\"method\":\"ping\"}}]\n"
    );
    let said = talk(world.command(&["connect", "--no-start"]), &lines)?;
    assert_eq!(said.len(), 3, "{said:?}");
    for id in [json!("first"), json!(1), json!(2)] {
        let answer = answer(&said, &id)?;
        assert_eq!(at(answer, "/error/message"), "no gateway runs", "{answer}");
        assert!(at(answer, "/error/data/hint").contains("countersign serve"), "{answer}");
    }

    std::fs::write(world.config(), "listen: nowhere\n")?;
    let said = talk(world.command(&["connect"]), &format!("{INITIALIZE}\n"))?;
    let told = at(answer(&said, &json!("first"))?, "/error/message").to_owned();
    assert!(told.contains("`nowhere` is not right here"), "{told}");
    Ok(())
}

#[test]
fn messages_may_come_at_once_and_wrong_ones_are_told() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    let call = |id: u32| json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "remote__echo", "arguments": {"text": id.to_string()}}});
    let modern = json!({"jsonrpc": "2.0", "id": "m", "method": "tools/list", "params": {"_meta": meta()}});
    let foreign =
        json!({"jsonrpc": "2.0", "id": "f", "method": "resources/read", "params": {"uri": "kit://ü", "_meta": meta()}});
    let lines = format!(
        "{INITIALIZE}\n{}\n{}\n\n{}\nnot json\n{modern}\r\n{foreign}\n{}",
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        call(1),
        call(2),
        json!({"jsonrpc": "2.0", "id": 3, "method": "no/such"}),
    );
    let said = talk(world.command(&["connect"]), &lines)?;
    assert_eq!(at(answer(&said, &json!("first"))?, "/result/protocolVersion"), "2025-06-18");
    for id in [1, 2] {
        let answer = answer(&said, &json!(id))?;
        assert!(text(answer.get("result").context("no result")?).contains(&id.to_string()), "{answer}");
    }
    assert_eq!(answer(&said, &Value::Null)?.pointer("/error/code"), Some(&json!(-32700)));
    assert_eq!(at(answer(&said, &json!("m"))?, "/result/resultType"), "complete");
    let foreign = answer(&said, &json!("f"))?;
    assert_ne!(foreign.pointer("/error/code"), Some(&json!(-32020)), "the header says what the body says: {foreign}");
    assert_eq!(answer(&said, &json!(3))?.pointer("/error/code"), Some(&json!(-32601)));
    assert_eq!(said.len(), 7, "{said:?}");
    Ok(())
}

#[test]
fn a_legacy_session_survives_a_restart_of_the_gateway() -> Result<()> {
    let upstream = upstream()?;
    let mut world = world_with(&upstream)?;
    let mut client = world.connect(None)?;
    client.initialize(WAIT)?;
    let call = json!({"name": "remote__echo", "arguments": {"text": "once"}});
    client.request("tools/call", call.clone(), WAIT)?;
    let before = upstream.call_count();
    world.restart()?;
    let answer = client.request("tools/call", call, WAIT)?;
    assert!(text(answer.get("result").context("no result")?).contains("once"), "{answer}");
    assert_eq!(upstream.call_count(), before + 1, "done once");
    assert!(client.finish()?.success());
    Ok(())
}

#[test]
fn a_call_whose_outcome_is_unknown_is_told_and_not_repeated() -> Result<()> {
    let upstream = upstream()?;
    let mut world = world_with(&upstream)?;
    let mut client = world.connect(None)?;
    client.initialize(WAIT)?;
    let before = upstream.call_count();
    let call = json!({"jsonrpc": "2.0", "id": "slow", "method": "tools/call", "params": {"name": "remote__slow", "arguments": {"ms": 20_000}}});
    client.send(&call)?;
    until("the call has arrived", || Ok(upstream.call_count() > before))?;
    world.kill()?;
    let answer = client.receive(WAIT)?;
    assert_eq!(at(&answer, "/id"), "slow", "{answer}");
    assert_eq!(at(&answer, "/error/data/executed"), "unknown", "{answer}");
    assert!(at(&answer, "/error/message").contains("it was not repeated"), "{answer}");
    assert_eq!(upstream.call_count(), before + 1);
    drop(client);
    end_any(&world.folder().join("data"))
}

#[test]
fn clients_that_start_at_once_share_one_gateway() -> Result<()> {
    let upstream = upstream()?;
    let world = world().app_url("remote", upstream.url(), None).prepare()?;
    let mut clients = Vec::new();
    for _client in 0..4 {
        clients.push(world.connect(None)?);
    }
    for client in &mut clients {
        let greeting = client.initialize(WAIT)?;
        assert_eq!(at(&greeting, "/result/serverInfo/name"), "countersign", "{greeting}");
    }
    drop(clients);
    end(&world.folder().join("data")).map(drop)
}

#[test]
fn a_cancelled_request_gets_no_answer() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    let mut client = world.connect(None)?;
    let before = upstream.call_count();
    let params = json!({"name": "remote__slow", "arguments": {"ms": 20_000}, "_meta": meta()});
    client.send(&json!({"jsonrpc": "2.0", "id": "slow", "method": "tools/call", "params": params}))?;
    until("the call has arrived", || Ok(upstream.call_count() > before))?;
    client.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "slow"}}))?;
    client.send(&json!({"jsonrpc": "2.0", "id": "next", "method": "tools/list", "params": {"_meta": meta()}}))?;
    assert_eq!(at(&client.receive(WAIT)?, "/id"), "next");
    assert!(client.finish()?.success(), "nothing is waited for any more");
    Ok(())
}

#[test]
fn the_socket_gives_nothing_but_its_own_agents_token() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    let socket = world.folder().join("data/connect.sock");
    let exchange = |request: &str| -> Result<String> {
        use std::io::Read as _;
        let mut stream = std::os::unix::net::UnixStream::connect(&socket)?;
        stream.write_all(request.as_bytes())?;
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        Ok(said)
    };
    let post = |path: &str, body: &str| {
        exchange(&format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ))
    };
    for (path, body) in [
        ("/control", r#"{"do":"people"}"#),
        ("/control", r#"{"do":"token","agent":"ben-desktop","human":"ben","seconds":60}"#),
    ] {
        assert!(post(path, body)?.starts_with("HTTP/1.1 404"), "{path} {body}");
    }
    let minted = post("/token", r#"{"agent":"ben-desktop","human":"ben"}"#)?;
    let body: Value = serde_json::from_str(minted.split("\r\n\r\n").nth(1).context("no body")?)?;
    assert_eq!(body.get("expires_in"), Some(&json!(300)));
    let token = at(&body, "/token").to_owned();
    let mut client = McpClient::modern(world.mcp_url())?.with_token(token);
    client.call("remote__echo", json!({"text": "who"}))?;
    let record = crate::kit::last_intent(&world)?;
    assert_eq!((record.agent.as_deref(), record.human.as_deref()), (Some("ana-desktop"), Some("ana")));
    Ok(())
}

/// A project and a home with one client, and the binary in it.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new(config: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::create_dir_all(folder.path().join("home/.cursor"))?;
        std::fs::write(folder.path().join("home/.cursor/mcp.json"), config)?;
        Ok(Self { folder })
    }

    fn client(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.folder.path().join("home/.cursor/mcp.json"))?)
    }

    fn run(&self, words: &[&str]) -> Result<(i32, String, String)> {
        let output = self.command(Path::new(env!("CARGO_BIN_EXE_countersign"))).args(words).output()?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok((output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr)))
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", self.folder.path().join("home"))
            .env("USER", "ana")
            .env("PATH", "/usr/bin:/bin");
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }
}

#[test]
fn a_client_joins_works_and_leaves() -> Result<()> {
    let server = program("testkit-upstream")?.display().to_string();
    let (secret, other) = ("ghp_0123456789abcdefghijklmnop", "second-secret-of-the-kit");
    // It starts with both of its secrets only.
    let start = format!("test -n \"$KIT_TOKEN\" && test -n \"$KIT_KEY\" && exec {server} --stdio");
    let kit = json!({"command": "sh", "args": ["-c", start], "env": {"KIT_TOKEN": secret, "KIT_KEY": other}});
    let before = format!("{{\n  // kit\n  \"mcpServers\": {{\n    \"Kit\": {kit},\n  }}\n}}\n");
    let clean = |said: &str| !said.contains(secret) && !said.contains(other);
    let desk = Desk::new(&before)?;
    let (code, said, _) = desk.run(&["init", "--dry-run"])?;
    assert_eq!((code, desk.client()?), (0, before.clone()), "a dry run changes nothing");
    assert!(said.contains("+ ") && said.contains("its 2 secrets move into the vault") && clean(&said), "{said}");
    assert_eq!(std::fs::read_dir(desk.folder.path())?.count(), 1, "not even a data directory");
    let (code, _, hint) = desk.run(&["init"])?;
    assert!(code == 2 && hint.contains("--yes"), "without a terminal nobody says yes: {hint}");

    let (code, said, told) = desk.run(&["init", "--yes"])?;
    assert_eq!(code, 0, "{said}{told}");
    assert!(clean(&said) && clean(&told), "{said}{told}");
    let written = std::fs::read_to_string(desk.folder.path().join("countersign.yaml"))?;
    assert!(written.contains(r#"{ from: "vault:kit-kit-key", variable: "KIT_KEY" }"#) && clean(&written), "{written}");
    assert!(told.contains("pinned 5 tools"), "{told}");
    let (code, _, told) = desk.run(&["init", "--yes"])?;
    assert!(code == 2 && told.contains("is there already") && told.contains("`countersign leave` first"), "{told}");
    let (code, said, told) = desk.run(&["leave", "--yes", "--config", "second.yaml"])?;
    assert!(code == 2 && said.is_empty() && told.contains("there is no configuration at"), "{said}{told}");
    let (code, said, told) = desk.run(&["doctor", "--json"])?;
    assert_eq!(code, 0, "{said}{told}");

    // The client starts what its file says now.
    let entry: Value = serde_json::from_str(&desk.client()?.replace("// kit", "").replace("},\n  }", "}\n  }"))?;
    let entry = entry.pointer("/mcpServers/Kit").context("no entry")?;
    let mut command = desk.command(Path::new(at(entry, "/command")));
    command.args(entry.get("args").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str));
    let lines = format!("{INITIALIZE}\n{}\n", json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}));
    let said = talk(command, &lines)?;
    let data = desk.folder.path().join("countersign-data");
    let (code, doctor, _) = desk.run(&["doctor"])?;
    end(&data)?;
    assert_eq!(code, 0, "{doctor}");
    assert!(answer(&said, &json!(2))?.pointer("/result/tools").is_some(), "{said:?}");

    let (code, said, told) = desk.run(&["leave", "--yes"])?;
    assert_eq!((code, desk.client()?), (0, before), "{said}{told}");
    assert!(clean(&said), "{said}");
    assert_eq!(desk.run(&["leave", "--yes"])?.0, 0, "leaving twice is well");
    Ok(())
}

#[test]
fn programs_get_nothing_but_what_they_can_read() -> Result<()> {
    let desk = Desk::new(r#"{"mcpServers":{"off":{"command":"sh","disabled":true}}}"#)?;
    let (code, said, told) = desk.run(&["init", "--yes", "--json"])?;
    assert!(code == 2 && said.is_empty() && told.contains("left alone: `off`"), "{said}{told}");
    Ok(())
}

#[test]
fn a_secret_of_an_earlier_init_is_taken_away_as_the_hint_says() -> Result<()> {
    let server = program("testkit-upstream")?.display().to_string();
    let client = |token: &str| {
        let kit = json!({"command": server, "args": ["--stdio"], "env": {"KIT_TOKEN": token}});
        json!({"mcpServers": {"kit": kit}}).to_string()
    };
    let desk = Desk::new(&client("ghp_0123456789abcdefghijklmnop"))?;
    for words in [["init", "--yes"], ["leave", "--yes"]] {
        let (code, said, told) = desk.run(&words)?;
        assert_eq!(code, 0, "{said}{told}");
    }
    std::fs::rename(desk.folder.path().join("countersign.yaml"), desk.folder.path().join("old.yaml"))?;
    std::fs::write(desk.folder.path().join("home/.cursor/mcp.json"), client("ghp_another0123456789abcdefghij"))?;
    let (code, _, told) = desk.run(&["init", "--yes"])?;
    assert!(code == 2 && told.contains("the vault holds another secret"), "{told}");
    let hint = told.split('`').find_map(|part| part.strip_prefix("countersign ")).context("no command in the hint")?;
    let words: Vec<&str> = hint.split_whitespace().map(|word| if word == "FILE" { "old.yaml" } else { word }).collect();
    let (code, said, told) = desk.run(&words)?;
    assert_eq!(code, 0, "{words:?}: {said}{told}");
    let (code, said, told) = desk.run(&["init", "--yes"])?;
    assert_eq!(code, 0, "{said}{told}");
    Ok(())
}

#[test]
fn what_commands_record_without_a_gateway_is_signed() -> Result<()> {
    let server = program("testkit-upstream")?.display().to_string();
    let kit = json!({"command": server, "args": ["--stdio"]});
    let desk = Desk::new(&json!({"mcpServers": {"kit": kit}}).to_string())?;
    for words in [&["init", "--yes"][..], &["doctor"], &["agents", "suspend", "ana-cursor"]] {
        let (code, said, told) = desk.run(words)?;
        assert_eq!(code, 0, "{words:?}: {said}{told}");
        assert!(!told.contains("ERROR"), "{words:?}: {told}");
        let (_, keys, _) = desk.run(&["trace", "keys"])?;
        let (code, said, told) = desk.run(&["trace", "verify", "--json", "--key", keys.trim()])?;
        assert_eq!(code, 0, "{words:?}: {said}{told}");
        let said: Value = serde_json::from_str(&said)?;
        assert_eq!(said.pointer("/unsigned"), Some(&json!(0)), "{words:?}: {said}");
    }
    Ok(())
}

#[test]
fn doctor_says_what_is_wrong_and_how_to_mend_it() -> Result<()> {
    let world =
        world().app_command("dead", &["sh".to_owned(), "-c".to_owned(), "echo last words >&2; exit 3".to_owned()]);
    let world = world.set(&["apps", "nobody", "url"], json!("http://127.0.0.1:9/mcp"));
    let world = world.set(&["apps", "nobody", "credential"], json!("env:NOT_THERE")).prepare()?;
    let finished = world.run(&["doctor", "--json"])?;
    assert_eq!(finished.code, 1, "{finished:?}");
    let said: Value = serde_json::from_str(&finished.stdout)?;
    for (what, word) in [("app dead", "last words"), ("app nobody", ""), ("credential of nobody", "")] {
        let check = of(&said, what)?;
        assert_eq!(at(check, "/state"), "bad", "{check}");
        assert!(at(check, "/said").contains(word) && !at(check, "/mend").is_empty(), "{check}");
    }
    for what in ["configuration", "rules", "data directory", "clock", "port", "connect"] {
        assert_eq!(at(of(&said, what)?, "/state"), "good", "{said}");
    }
    std::fs::write(world.config(), "listn: 1\n")?;
    let finished = world.run(&["doctor"])?;
    assert_eq!(finished.code, 1);
    assert!(finished.stdout.contains("did you mean `listen`?"), "{}", finished.stdout);
    Ok(())
}

#[test]
fn doctor_says_why_a_gateway_would_not_start() -> Result<()> {
    let world = world().app_url("files", "http://127.0.0.1:9/mcp", Some("vault:token")).prepare()?;
    let data = world.folder().join("data");
    crate::secrets::set(&world, "token", "a value")?;
    let doctor = || -> Result<Value> {
        let finished = world.run(&["doctor", "--json"])?;
        serde_json::from_str(&finished.stdout).with_context(|| format!("{finished:?}"))
    };
    for what in ["trace", "data directory"] {
        assert_eq!(at(of(&doctor()?, what)?, "/state"), "good", "{what}");
    }
    let away = |name: &str| Ok::<_, anyhow::Error>(std::fs::rename(data.join(name), data.join("away"))?);
    let back = |name: &str| Ok::<_, anyhow::Error>(std::fs::rename(data.join("away"), data.join(name))?);
    for (name, what, word) in [("trace.db", "trace", "trace.db` is gone"), ("vault.key", "vault", "vault.key` is gone")]
    {
        away(name)?;
        let said = doctor()?;
        let check = of(&said, what)?;
        assert!(at(check, "/state") == "bad" && at(check, "/said").contains(word), "{check}");
        let refused = world.run(&["serve"])?;
        assert!(refused.code == 2 && refused.stderr.contains(word), "{refused:?}");
        assert!(!data.join(name).exists(), "no other {name} is made in its place");
        back(name)?;
    }
    let key = data.join("trace-keys/1.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644))?;
    let said = doctor()?;
    let check = of(&said, "trace-keys/1.key")?;
    assert!(at(check, "/mend").starts_with("chmod 600 "), "{check}");
    Ok(())
}

fn of<'v>(said: &'v Value, what: &str) -> Result<&'v Value> {
    let checks = said.get("checks").and_then(Value::as_array).into_iter().flatten();
    checks.into_iter().find(|check| at(check, "/what") == what).with_context(|| format!("no `{what}` in {said}"))
}
