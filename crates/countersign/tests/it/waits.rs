//! Clients that wait while the gateway is started anew: each gets the tool's real result once a second person has approved.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{HttpRequest, McpClient, Peer, PostgresServer, Upstream, World, WorldBuilder, exchange};

use crate::holds::{changed, client, holds, office_of, office_with, waiting};
use crate::kit::{Handmade, at, nobodys_url, ok, text, until, upstream};

/// As [`office_with`], at addresses that stay the same over a restart.
fn office(upstream: &Upstream) -> Result<World> {
    let (gateway, console) = (free_address()?, free_address()?);
    office_with(upstream, |world| {
        world.set(&["listen"], json!(gateway)).set(&["console"], json!({ "listen": console }))
    })
}

pub(crate) fn free_address() -> Result<String> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.to_string())
}

/// An official client that calls once, with more words.
fn asks(world: &World, peer: Peer, mode: &'static str, more: Vec<String>) -> Result<JoinHandle<Result<Value>>> {
    let (url, token) = (world.mcp_url().to_owned(), world.token("ana-desktop", "ana", None)?);
    Ok(std::thread::spawn(move || {
        let arguments = json!({"text": "hello"}).to_string();
        let call =
            ["--mode", mode, "--call", "remote__echo", "--arguments", &arguments, "--url", &url, "--token", &token];
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        peer.talk(&[&call[..], &more].concat())
    }))
}

fn said(call: JoinHandle<Result<Value>>) -> Result<Value> {
    call.join().map_err(|_| anyhow!("the client broke"))?
}

/// Somebody signed in before the restart is still signed in.
fn approve(world: &World, hold: &str) -> Result<()> {
    world.run_well(&["holds", "approve", hold]).map(drop)
}

#[test]
fn official_clients_come_back_for_their_stream_after_the_gateway_was_killed() -> Result<()> {
    for peer in Peer::ALL {
        for gently in [false, true] {
            let upstream = upstream()?;
            let mut world = office(&upstream)?;
            let call = asks(&world, peer, "legacy", Vec::new())?;
            let hold = waiting(&world)?;
            if gently {
                world.terminate()?;
            }
            world.restart()?;
            ensure!(waiting(&world)? == hold, "its client waits with it again");
            approve(&world, &hold)?;
            let said = said(call)?;
            ensure!(at(&said, "/result/content/0/text") == "hello", "{peer:?}: {said}");
            let disposition = "/result/_meta/io.modelcontextprotocol~1tool-approval-disposition";
            ensure!(at(&said, disposition) == "approved-executed", "{peer:?}: {said}");
            ensure!(upstream.call_count() == 1);
        }
    }
    Ok(())
}

#[test]
fn a_client_whose_answer_came_while_it_was_away_gets_it_after_a_restart() -> Result<()> {
    let upstream = upstream()?;
    let mut world = office(&upstream)?;
    let client = client(&world, "2025-11-25")?;
    let message = client.message("tools/call", &json!({"name": "remote__echo", "arguments": {"text": "hello"}}));
    let mut response = client.send(&message)?;
    let first = response.next_block()?.context("no event")?;
    let id = first.iter().find_map(|line| line.strip_prefix("id: ")).context("no place to come back to")?.to_owned();
    ensure!(first.iter().any(|line| line == "retry: 4000"), "{first:?}");
    let hold = waiting(&world)?;
    drop(response);
    approve(&world, &hold)?;
    until("it has run", || Ok(upstream.call_count() == 1 && holds(&world)?.is_empty()))?;
    world.restart()?;
    let comes_back = |client: &McpClient| {
        let mut request = client.http_request(&message).with("last-event-id", &id);
        "GET".clone_into(&mut request.method);
        request.body.clear();
        client.send_http(&request)
    };
    let mut response = comes_back(&client)?;
    let answer: Value = serde_json::from_str(&response.next_event()?.context("no answer")?)?;
    ensure!(text(answer.get("result").context("no result")?) == "hello" && upstream.call_count() == 1, "{answer}");
    ensure!(answer.get("id") == message.get("id"), "{answer}");
    let other = world.legacy_client("ben-desktop", "ben", "2025-11-25")?;
    ensure!(comes_back(&other)?.status == 400, "it is none of theirs");
    Ok(())
}

/// What a page shows to whoever is not signed in.
fn page(url: &str) -> Result<(u16, String)> {
    let rest = url.strip_prefix("http://").context("not a plain address")?;
    let (address, path) = rest.split_once('/').context("no path")?;
    let mut response = exchange(address.parse()?, &HttpRequest::get(&format!("/{path}")), Duration::from_secs(20))?;
    Ok((response.status, response.text()?))
}

/// The address that a client was asked to open.
fn opened(folder: &Path) -> Result<String> {
    let mut url = String::new();
    until("the client is shown where its call stands", || {
        url = std::fs::read_to_string(folder.join("url")).unwrap_or_default();
        Ok(!url.is_empty())
    })?;
    Ok(url)
}

#[test]
fn official_clients_are_shown_where_their_call_stands_and_get_its_result_over_a_restart() -> Result<()> {
    for peer in Peer::ALL {
        for mode in ["auto", "legacy"] {
            let (upstream, folder) = (upstream()?, TempDir::new()?);
            let mut world = office(&upstream)?;
            let more = vec!["--opens".to_owned(), folder.path().display().to_string()];
            let call = asks(&world, peer, mode, more)?;
            let url = opened(folder.path())?;
            let (status, shown) = page(&url)?;
            ensure!(status == 200 && shown.contains("Waits for approval"), "{peer:?} {mode}: {status} {shown}");
            ensure!(
                !shown.contains("hello") && !shown.contains("<form"),
                "it shows what is asked, or does something: {shown}"
            );
            ensure!(page(&format!("{url}x"))?.0 != 200 && page(&url.replace("/status/", "/holds/"))?.0 != 200);
            world.restart()?;
            ensure!(page(&url)?.1.contains("Waits for approval"), "the address is good over a restart");
            std::fs::write(folder.path().join("go"), "")?;
            let hold = waiting(&world)?;
            approve(&world, &hold)?;
            let said = said(call)?;
            ensure!(at(&said, "/result/content/0/text") == "hello", "{peer:?} {mode}: {said}");
            ensure!(upstream.call_count() == 1);
            ensure!(page(&url)?.1.contains("executed once"), "{peer:?} {mode}");
        }
    }
    Ok(())
}

/// Without anything to come back with, a client repeats the identical call, and goes on waiting.
#[test]
fn an_official_client_that_repeats_its_call_after_a_restart_goes_on_waiting() -> Result<()> {
    for peer in Peer::ALL {
        let upstream = upstream()?;
        let mut world = office(&upstream)?;
        // Nothing tells one of them that its connection is gone.
        let first = asks(&world, peer, "auto", vec!["--timeout".to_owned(), "15".to_owned()])?;
        let hold = waiting(&world)?;
        world.restart()?;
        let broken = said(first)?;
        ensure!(broken.get("error").is_some(), "{broken}");
        let again = asks(&world, peer, "auto", Vec::new())?;
        ensure!(waiting(&world)? == hold, "it is the same call");
        approve(&world, &hold)?;
        let said = said(again)?;
        ensure!(at(&said, "/result/content/0/text") == "hello", "{peer:?}: {said}");
        ensure!(upstream.call_count() == 1);
    }
    Ok(())
}

/// Somebody who can decide hears of it, with a link to where that is done; whoever cannot be told holds nobody up.
#[test]
fn people_are_told_that_a_call_waits_for_them() -> Result<()> {
    let (tell, told) = std::sync::mpsc::channel();
    let tell = std::sync::Mutex::new(tell);
    let chat = Handmade::start(move |heard| {
        let _gone = tell.lock().ok()?.send(heard.body.clone());
        Some(ok("{}"))
    })?;
    let upstream = upstream()?;
    let console = free_address()?;
    let world = office_with(&upstream, |world| {
        let dead = nobodys_url().unwrap_or_default();
        world
            .set(&["console"], json!({ "listen": console }))
            .set(&["holds", "wait"], json!("0s"))
            .set(&["holds", "escalate"], json!([{ "after": "1s", "to": ["human:dan"] }]))
            .set(&["notify", "chat"], json!({ "kind": "slack", "url": chat.url }))
            .set(&["notify", "dead"], json!({ "kind": "webhook", "url": dead }))
    })?;
    let call = client(&world, "2026-07-28")?.call("remote__echo", json!({"text": "a secret of ours"}))?;
    let hold = at(crate::kit::decision(&call)?, "/hold/id").to_owned();
    let heard = || told.recv_timeout(Duration::from_secs(20)).context("nobody was told");
    let first = heard()?;
    ensure!(at(&first, "/text") == "Waits for approval: ana-desktop asks to use echo of remote", "{first}");
    let link = at(&first, "/blocks/1/elements/0/url").to_owned();
    ensure!(link == format!("{}/holds/{hold}", world.console_url()), "{first}");
    ensure!(!first.to_string().contains("a secret of ours"), "{first}");
    let (status, shown) = page(&link)?;
    ensure!(status == 303 && !shown.contains("secret"), "whoever follows the link signs in: {status} {shown}");
    let second = heard()?;
    ensure!(at(&second, "/text").starts_with("Still waits for approval"), "{second}");
    crate::holds::sign_in(&world, "dan")?;
    approve(&world, &hold)?;
    ensure!(upstream.call_count() == 0, "nobody waits for it");
    let failing = world.run(&["trace", "exports"])?;
    ensure!(failing.code == 1 && failing.stdout.contains("notify-dead"), "{}{}", failing.stdout, failing.stderr);
    Ok(())
}

#[test]
fn an_official_client_of_2025_11_25_follows_a_call_that_waits_as_a_task() -> Result<()> {
    let upstream = upstream()?;
    let world = office(&upstream)?;
    let (url, token) = (world.mcp_url().to_owned(), world.token("ana-desktop", "ana", None)?);
    let call = std::thread::spawn(move || {
        let arguments = json!({"text": "hello"}).to_string();
        Peer::talk_of_tasks(&["--url", &url, "--token", &token, "--call", "remote__echo", "--arguments", &arguments])
    });
    let hold = waiting(&world)?;
    approve(&world, &hold)?;
    let said = said(call)?;
    ensure!(at(&said, "/result/content/0/text") == "hello" && at(&said, "/statuses/0") == "working", "{said}");
    ensure!(upstream.call_count() == 1);
    Ok(())
}

/// It looks every few seconds how its task stands, and does not see that the gateway was another one in between.
#[test]
fn an_official_client_follows_its_task_over_a_restart() -> Result<()> {
    for _ in 0..LOOKS_THAT_MAY_MISS {
        let upstream = upstream()?;
        let mut world = office(&upstream)?;
        let (url, token) = (world.mcp_url().to_owned(), world.token("ana-desktop", "ana", None)?);
        let call = std::thread::spawn(move || {
            let arguments = json!({"text": "hello"}).to_string();
            Peer::talk_of_tasks(&[
                "--url",
                &url,
                "--token",
                &token,
                "--call",
                "remote__echo",
                "--arguments",
                &arguments,
            ])
        });
        let hold = waiting(&world)?;
        world.restart()?;
        approve(&world, &hold)?;
        let said = said(call)?;
        // On a busy machine the restart takes longer than there is between two looks, and this SDK asks only once.
        if said.pointer("/error/message").is_some_and(|why| why.to_string().contains("fetch failed")) {
            continue;
        }
        ensure!(at(&said, "/result/content/0/text") == "hello" && at(&said, "/statuses/0") == "working", "{said}");
        ensure!(upstream.call_count() == 1);
        return Ok(());
    }
    anyhow::bail!("each time the client looked while nobody listened")
}

#[test]
fn a_task_of_2025_11_25_is_gone_on_with_over_restarts() -> Result<()> {
    let upstream = upstream()?;
    let mut world = office(&upstream)?;
    let mut client = client(&world, "2025-11-25")?;
    let mut ask = |method: &str, params: Value| client.request(method, params);
    let task = json!({"ttl": 60_000});
    let made = ask("tools/call", json!({"name": "remote__echo", "arguments": {"text": "hello"}, "task": task}))?;
    ensure!(at(&made, "/task/status") == "working", "{made}");
    let id = json!({"taskId": at(&made, "/task/taskId")});
    world.restart()?;
    let got = ask("tasks/get", id.clone())?;
    ensure!(at(&got, "/status") == "working" && got.get("ttl").is_some_and(Value::is_number), "{got}");
    let hold = waiting(&world)?;
    approve(&world, &hold)?;
    let result = ask("tasks/result", id.clone())?;
    let related = "/_meta/io.modelcontextprotocol~1related-task/taskId";
    ensure!(text(&result) == "hello" && result.pointer(related) == id.get("taskId"), "{result}");
    world.restart()?;
    ensure!(ask("tasks/result", id.clone())? == result, "it is kept");
    ensure!(at(&ask("tasks/get", id)?, "/status") == "completed" && upstream.call_count() == 1);

    let made = ask("tools/call", json!({"name": "remote__echo", "arguments": {"text": "no"}, "task": task}))?;
    let id = json!({"taskId": at(&made, "/task/taskId")});
    ensure!(at(&ask("tasks/cancel", id.clone())?, "/status") == "cancelled");
    ensure!(ask("tasks/cancel", id).is_err() && upstream.call_count() == 1);
    Ok(())
}

#[test]
fn a_task_is_asked_about_only_where_its_app_is() -> Result<()> {
    let upstream = upstream()?;
    let world = office_with(&upstream, |world| world.app_url("mail", upstream.url(), None))?;
    let revision = "2025-11-25";
    let mut whole = client(&world, revision)?;
    let made = whole.request(
        "tools/call",
        json!({"name": "remote__echo", "arguments": {"text": "hello"}, "task": {"ttl": 60_000}}),
    )?;
    let id = json!({"taskId": at(&made, "/task/taskId")});
    for (app, knows) in [("remote", true), ("mail", false)] {
        let token = world.token("ana-desktop", "ana", Some(app))?;
        let mut at_app = McpClient::legacy(&format!("{}/{app}", world.mcp_url()), revision)?.with_token(token);
        at_app.initialize()?;
        ensure!(at_app.request("tasks/get", id.clone()).is_ok() == knows, "asked about at {app}");
        ensure!(at_app.request("tasks/cancel", id.clone()).is_ok() == knows, "cancelled at {app}");
    }
    Ok(())
}

/// What ended before its client learnt of it is kept under an id that nothing but the gateway's memory leads from.
#[test]
fn a_task_that_is_over_is_told_only_where_its_app_is() -> Result<()> {
    let rule = "policies: {remote: {rules: [{id: quiet, deny: all, when: {arguments: {text: loud}}}]}}\n";
    let upstream = upstream()?;
    let world = office_with(&upstream, |world| world.app_url("mail", upstream.url(), None).rules("quiet.yaml", rule))?;
    let revision = "2025-11-25";
    let mut whole = client(&world, revision)?;
    let made = whole.request(
        "tools/call",
        json!({"name": "remote__echo", "arguments": {"text": "loud"}, "task": {"ttl": 60_000}}),
    )?;
    let id = json!({"taskId": at(&made, "/task/taskId")});
    let of_whole = whole.request("tasks/result", id.clone())?;
    ensure!(of_whole.to_string().contains("quiet"), "{of_whole}");
    for (app, knows) in [("remote", true), ("mail", false)] {
        let token = world.token("ana-desktop", "ana", Some(app))?;
        let mut at_app = McpClient::legacy(&format!("{}/{app}", world.mcp_url()), revision)?.with_token(token);
        at_app.initialize()?;
        ensure!(at_app.request("tasks/get", id.clone()).is_ok() == knows, "asked about at {app}");
        ensure!(at_app.request("tasks/result", id.clone()).is_ok() == knows, "told at {app}");
    }
    Ok(())
}

/// A gateway of the same log at the same address, with a copy of the first one's keys, that waits for its turn.
struct StandBy {
    world: World,
    process: Child,
}

impl StandBy {
    fn of(world: &World, office: impl FnOnce() -> WorldBuilder) -> Result<Self> {
        let other = office().prepare()?;
        let data = other.folder().join("data");
        copy_files(&world.folder().join("data"), &data)?;
        let log = std::fs::File::create(other.folder().join("gateway.log"))?;
        let mut serve = other.command(&["serve", "--standby"]);
        let process = serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?;
        until("it stands by", || Ok(other.log().contains("standing by: log main in postgres://")))?;
        ensure!(!data.join("control.sock").exists() && !other.log().contains("listening"), "{}", other.log());
        Ok(Self { world: other, process })
    }
}

impl Drop for StandBy {
    fn drop(&mut self) {
        let _already_gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// Keys and whatever else is a plain file; sockets and locks are nobody's but the one who made them.
fn copy_files(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    std::fs::set_permissions(to, std::fs::metadata(from)?.permissions())?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy_files(&entry.path(), &target)?;
        } else if kind.is_file() {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[test]
fn a_call_that_waits_moves_to_the_gateway_that_takes_over_its_log() -> Result<()> {
    let server = PostgresServer::start()?;
    let upstream = upstream()?;
    let store = server.database("moves")?;
    let (gateway, console) = (free_address()?, free_address()?);
    let at_the_same_place = |world: WorldBuilder| {
        let world = world.set(&["listen"], json!(gateway)).set(&["console"], json!({ "listen": console }));
        world.set(&["trace", "store"], json!(store))
    };
    let mut world = office_with(&upstream, at_the_same_place)?;
    let other = StandBy::of(&world, || at_the_same_place(office_of(&upstream)))?;
    let (url, token) = (world.mcp_url().to_owned(), world.token("ana-desktop", "ana", None)?);
    let asks = || -> Result<JoinHandle<Result<Value>>> {
        let mut client = McpClient::modern(&url)?.with_token(token.clone());
        Ok(std::thread::spawn(move || client.call("remote__echo", json!({"text": "hello"}))))
    };
    let call = asks()?;
    let hold = waiting(&world)?;
    world.kill()?;
    ensure!(said(call).is_err(), "its gateway is gone");
    until("the other one took over", || Ok(other.world.log().contains("listening on")))?;
    let call = asks()?;
    ensure!(waiting(&other.world)? == hold, "the identical call waits for the same approval");
    approve(&other.world, &hold)?;
    let said = said(call)?;
    ensure!(text(&said) == "hello" && upstream.call_count() == 1, "{said}");
    // Whoever had the log stays out of it, and says by whom it is held.
    let late = world.run(&["serve", "--listen", "127.0.0.1:0"])?;
    ensure!(late.code != 0 && late.stderr.contains("the log `main` is in use by `countersign"), "{late:?}");
    Ok(())
}

// INVARIANT: whoever takes over goes by what its files say then, not by what they said when it began to wait.
#[test]
fn a_stand_by_reads_its_files_when_it_takes_over() -> Result<()> {
    let server = PostgresServer::start()?;
    let upstream = upstream()?;
    let store = server.database("reads")?;
    let of_log = |world: WorldBuilder| world.set(&["trace", "store"], json!(store));
    let mut world = office_with(&upstream, of_log)?;
    let address = free_address()?;
    let stands_by = || StandBy::of(&world, || of_log(office_of(&upstream)).set(&["listen"], json!(address)));
    let (mut good, mut bad) = (stands_by()?, stands_by()?);
    std::fs::write(bad.world.config(), "people: [")?;
    std::fs::write(good.world.folder().join("late.cedar"), "@id(\"late\") forbid (principal, action, resource);\n")?;
    changed(&good.world, |config| {
        config.pointer_mut("/people").and_then(Value::as_object_mut).map(|people| people.remove("dan"));
        config["rules"] = json!(["late.cedar"]);
    })?;
    world.kill()?;
    until("the other one took over", || Ok(good.world.log().contains("listening on")))?;
    let log = good.world.log();
    ensure!(log.contains("3 people"), "{log}");
    let token = good.world.token("ana-desktop", "ana", None)?;
    let mut client = McpClient::modern(&format!("http://{address}/mcp"))?.with_token(token);
    let refused = client.call("remote__echo", json!({"text": "hello"}))?;
    ensure!(text(&refused).contains("late") && upstream.call_count() == 0, "{refused}");
    // Where the good one was quicker, the other one comes to its turn only now.
    good.process.kill()?;
    good.process.wait()?;
    until("who cannot read its files does not take over", || Ok(bad.process.try_wait()?.is_some()))?;
    let log = bad.world.log();
    ensure!(log.contains("countersign.yaml") && !log.contains("listening on"), "{log}");
    Ok(())
}

/// The address leads to a replica before that is promoted, and then to a server that nobody should write to.
#[test]
fn a_stand_by_waits_for_a_server_that_takes_records() -> Result<()> {
    let mut server = PostgresServer::start()?;
    let upstream = upstream()?;
    let store = server.database("promoted")?;
    let address = free_address()?;
    let of_log = |world: WorldBuilder| world.set(&["trace", "store"], json!(store));
    let mut world = office_with(&upstream, of_log)?;
    let mut other = StandBy::of(&world, || of_log(office_of(&upstream)).set(&["listen"], json!(address)))?;
    server.sql("promoted", "ALTER SYSTEM SET fsync = off")?;
    world.kill()?;
    server.kill();
    std::fs::write(server.socket().join("data/standby.signal"), "")?;
    server.start_again()?;
    until("it waits for a promotion", || Ok(other.world.log().contains("takes no writes")))?;
    server.sql("promoted", "SELECT pg_promote()")?;
    until("it waits for the disk", || Ok(other.world.log().contains("loses records when the power fails")))?;
    ensure!(std::net::TcpStream::connect(&address).is_err(), "nothing listens before it serves");
    until("it says what to do", || Ok(other.world.log().contains("hint: set `fsync = on`")))?;
    server.sql("promoted", "ALTER SYSTEM RESET fsync")?;
    server.sql("promoted", "SELECT pg_reload_conf()")?;
    until("it took over", || Ok(other.world.log().contains("listening on")))?;
    ensure!(other.process.try_wait()?.is_none(), "{}", other.world.log());
    Ok(())
}

#[test]
fn a_stand_by_ends_where_it_may_not_use_its_key() -> Result<()> {
    let server = PostgresServer::start()?;
    let upstream = upstream()?;
    let store = server.database("keyless")?;
    let of_log = |world: WorldBuilder| world.set(&["trace", "store"], json!(store));
    let mut world = office_with(&upstream, of_log)?;
    let mut other = StandBy::of(&world, || of_log(office_of(&upstream)))?;
    let key = other.world.folder().join("data/trace-keys/bodies.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644))?;
    world.kill()?;
    until("it ended", || Ok(other.process.try_wait()?.is_some()))?;
    let log = other.world.log();
    ensure!(log.contains("error:") && log.contains("hint: `chmod 600") && log.contains("bodies.key"), "{log}");
    Ok(())
}

#[test]
fn nobody_stands_by_for_a_file() -> Result<()> {
    let world = crate::kit::world().prepare()?;
    let refused = world.run(&["serve", "--standby"])?;
    ensure!(refused.code != 0 && refused.stderr.contains("a stand-by needs a trace in a database"), "{refused:?}");
    ensure!(!world.folder().join("data").exists(), "nothing is made");
    Ok(())
}

const LOOKS_THAT_MAY_MISS: usize = 5;
