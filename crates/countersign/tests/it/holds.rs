//! A call that waits: a different person countersigns exactly this call, and the agent sees a slow tool.

use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};
use testkit::{McpClient, Peer, Upstream, World, WorldBuilder};

use crate::kit::{at, changes, child, decision, intents, pin, records, rpc, text, until, upstream, world};
use crate::people::typed;
use crate::vendors::{self, Ats, contract};
use crate::waits::free_address;

const PASSWORD: &str = "correct horse battery";

/// Ana asks, Ben answers for the app and may approve. Whoever asks is kept waiting for a minute.
fn office(upstream: &Upstream) -> Result<World> {
    office_with(upstream, |world| world)
}

/// Ana asks, Ben or Dan approve.
pub(crate) fn office_of(upstream: &Upstream) -> WorldBuilder {
    world()
        .app_url("remote", upstream.url(), None)
        .set(&["apps", "remote", "owners"], json!(["ben", "ana2"]))
        .human("ana2", json!({"name": "Ana, too", "person": "ana diaz"}))
        .human("dan", json!({"name": "Dan Roe"}))
        .set(&["people", "ana", "person"], json!("ana diaz"))
        .set(&["holds", "wait"], json!("60s"))
}

pub(crate) fn office_with(upstream: &Upstream, more: impl FnOnce(WorldBuilder) -> WorldBuilder) -> Result<World> {
    let world = more(office_of(upstream)).start()?;
    pin(&world, "remote", "external")?;
    for who in ["ben", "ana", "ana2", "dan"] {
        let code = world.run_well(&["accounts", "invite", who])?;
        // Where there are pages, it is a link.
        let code = code.trim().rsplit('=').next().unwrap_or_default();
        typed(&world, &["login", "--password-stdin", "--code", code], PASSWORD)?;
    }
    sign_in(&world, "ben")?;
    Ok(world)
}

pub(crate) fn sign_in(world: &World, who: &str) -> Result<()> {
    typed(world, &["login", who], PASSWORD).map(drop)
}

pub(crate) fn client(world: &World, revision: &str) -> Result<McpClient> {
    let token = world.token("ana-desktop", "ana", None)?;
    if revision == "2026-07-28" {
        return Ok(McpClient::modern(world.mcp_url())?.with_token(token));
    }
    let mut client = McpClient::legacy(world.mcp_url(), revision)?.with_token(token);
    client.initialize()?;
    Ok(client)
}

/// A call that somebody makes meanwhile.
pub(crate) fn calls(mut client: McpClient, said: &'static str) -> JoinHandle<Result<Value>> {
    std::thread::spawn(move || client.call("remote__echo", json!({"text": said})))
}

pub(crate) fn ended(call: JoinHandle<Result<Value>>) -> Result<Value> {
    call.join().map_err(|_| anyhow!("the client broke"))?
}

pub(crate) fn holds(world: &World) -> Result<Vec<Value>> {
    let said: Value = serde_json::from_str(&world.run_well(&["holds", "list", "--json"])?)?;
    Ok(said.get("holds").and_then(Value::as_array).cloned().unwrap_or_default())
}

/// The one call that waits, once there is one whose client waits with it.
pub(crate) fn waiting(world: &World) -> Result<String> {
    let mut found = None;
    until("a call waits, and its client with it", || {
        let all = holds(world)?;
        let one = all.first().filter(|hold| hold.get("clients_waiting").and_then(Value::as_u64) > Some(0));
        found = one.map(|hold| at(hold, "/hold").to_owned());
        Ok(found.is_some())
    })?;
    found.context("nothing waits")
}

fn refused(world: &World, words: &[&str], why: &str) -> Result<()> {
    let done = world.run(words)?;
    ensure!(done.code != 0 && done.stderr.contains(why), "{words:?}: {}{}", done.stdout, done.stderr);
    Ok(())
}

#[test]
fn an_approver_sees_every_digit_and_no_number_takes_the_holds_down() -> Result<()> {
    let upstream = upstream()?;
    let world = office_with(&upstream, |world| world.set(&["holds", "wait"], json!("0s")))?;
    let client = client(&world, "2026-07-28")?;
    let arguments = r#"{"text":"x","n":1e999,"deep":{"whole":[1000000000000000000001]},"price":1.10}"#;
    let call = client.message("tools/call", &json!({ "name": "remote__echo", "arguments": "HERE" }));
    let mut request = client.http_request(&call);
    request.body = String::from_utf8(request.body)?.replace("\"HERE\"", arguments).into_bytes();
    client.send_http(&request)?.text()?;

    let listed = holds(&world)?;
    let hold = listed.first().context("nothing waits")?;
    ensure!(at(hold, "/arguments_text") == arguments && at(hold, "/arguments") == arguments, "{hold}");
    let id = at(hold, "/hold");
    let shown = world.run_well(&["holds", "show", id])?;
    for part in ["text = \"x\"", "n = 1e999", "        1000000000000000000001\n", "price = 1.10"] {
        ensure!(shown.contains(part), "`{part}` is not in {shown}");
    }
    let said: Value = serde_json::from_str(&world.run_well(&["holds", "approve", id, "--json"])?)?;
    ensure!(at(&said, "/arguments_text") == arguments && at(&said, "/done") == "hold.approved", "{said}");
    world.run_well(&["holds", "cancel", id])?;
    Ok(())
}

#[test]
fn the_real_result_comes_once_another_person_has_approved() -> Result<()> {
    for revision in ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"] {
        let upstream = upstream()?;
        let world = office(&upstream)?;
        let call = calls(client(&world, revision)?, "hello");
        let hold = waiting(&world)?;
        ensure!(upstream.call_count() == 0);
        let shown = world.run_well(&["holds", "show", &hold])?;
        for part in
            ["Ana's desktop asks for Ana Diaz to use echo", "text = \"hello\"", "Ben Okafor", "wait for a human"]
        {
            ensure!(shown.contains(part), "`{part}` is not in {shown}");
        }
        let said = world.run_well(&["holds", "approve", &hold])?;
        ensure!(said.contains("it is decided again, and runs once"), "{said}");
        let result = ended(call)?;
        ensure!(text(&result) == "hello", "{result}");
        let disposition = "/_meta/io.modelcontextprotocol~1tool-approval-disposition";
        ensure!(at(&result, disposition) == "approved-executed", "{result}");
        ensure!(at(&result, "/content/1/text").contains("was approved, and was executed once"), "{result}");
        ensure!(upstream.call_count() == 1 && holds(&world)?.is_empty());
        for what in ["hold.opened", "hold.approved", "hold.claimed", "hold.ended"] {
            ensure!(changes(&world, what)?.len() == 1, "{what}");
        }
        let approved = changes(&world, "hold.approved")?;
        ensure!(approved[0].by.as_deref() == Some("human:ben"), "{approved:?}");
        let run = intents(&world)?.pop().and_then(|entry| entry.intent()).context("no decision")?;
        ensure!(run.approvals.len() == 1 && run.approvals[0].by.as_str() == "ben", "{:?}", run.approvals);
        let word = world.run_well(&["trace", "who-approved", run.call.as_str()])?;
        ensure!(word.contains("approved") && word.contains("by human:ben"), "{word}");
        crate::spec::conform(&crate::spec::whole_trace(&world)?)?;
        let verified = world.run_well(&["trace", "verify"])?;
        ensure!(verified.contains("record"), "{verified}");
    }
    Ok(())
}

#[test]
fn what_people_approved_runs_also_while_its_app_is_busy() -> Result<()> {
    let upstream = upstream()?;
    let ben = "@id(\"ben\") permit (principal, action, resource) when { context.human.id == \"ben\" };\n";
    let world = office_with(&upstream, |world| {
        world.rules("rules/ben.cedar", ben).set(&["apps", "remote", "calls_in_flight_max"], json!(1))
    })?;
    let mut bens = world.client("ben-desktop", "ben")?;
    let call = calls(client(&world, "2026-07-28")?, "hello");
    let hold = waiting(&world)?;
    let slow = std::thread::spawn(move || bens.call_text("remote__slow", json!({"ms": 4_000})));
    until("its app is busy", || Ok(upstream.call_count() == 1))?;
    world.run_well(&["holds", "approve", &hold])?;
    let result = ended(call)?;
    ensure!(text(&result) == "hello", "{result}");
    ensure!(slow.join().map_err(|_| anyhow!("the client broke"))?? == "waited 4000 ms");
    Ok(())
}

/// An office where one request is in flight at a time, and somebody else who asks meanwhile.
fn small_office(upstream: &Upstream, revision: &str) -> Result<(World, McpClient, McpClient)> {
    let address = free_address()?;
    let world = office_with(upstream, |world| {
        world.set(&["limits", "calls_in_flight_max"], json!(1)).set(&["listen"], json!(address))
    })?;
    let (asks, other) = (client(&world, revision)?, client(&world, revision)?);
    Ok((world, asks, other))
}

fn echo() -> Value {
    json!({"name": "remote__echo", "arguments": {"text": "hello"}})
}

#[test]
fn a_call_that_waits_takes_no_place_among_the_requests_in_flight() -> Result<()> {
    for revision in ["2026-07-28", "2025-11-25"] {
        let upstream = upstream()?;
        let (world, asks, mut other) = small_office(&upstream, revision)?;
        let mut response = asks.send(&asks.message("tools/call", &echo()))?;
        ensure!(response.status == 200 && response.is_stream(), "{revision}: {}", response.status);
        ensure!(!other.tool_names()?.is_empty(), "{revision}");
        world.run_well(&["holds", "approve", &waiting(&world)?])?;
        let mut answer = String::new();
        while let Some(event) = response.next_event()? {
            answer = event;
        }
        ensure!(answer.contains("approved-executed"), "{revision}: {answer}");
    }
    Ok(())
}

#[test]
fn who_comes_back_for_a_call_that_waits_takes_no_place_among_the_requests_in_flight() -> Result<()> {
    let upstream = upstream()?;
    let (mut world, asks, mut other) = small_office(&upstream, "2025-11-25")?;
    let message = asks.message("tools/call", &echo());
    let mut response = asks.send(&message)?;
    let first = response.next_block()?.context("no event")?;
    let id = first.iter().find_map(|line| line.strip_prefix("id: ")).context("no place to come back to")?.to_owned();
    waiting(&world)?;
    drop(response);
    for restarted in [false, true] {
        if restarted {
            world.restart()?;
        }
        let mut back = asks.http_request(&message).with("last-event-id", &id);
        "GET".clone_into(&mut back.method);
        back.body.clear();
        let response = asks.send_http(&back)?;
        ensure!(response.status == 200 && response.is_stream(), "{restarted}: {}", response.status);
        until("it waits, and somebody else has the place", || Ok(other.tool_names().is_ok_and(|all| !all.is_empty())))?;
    }
    Ok(())
}

/// However many wait for the same call, each takes memory, in whatever way it has come.
#[test]
fn so_many_requests_of_one_agent_are_kept_waiting_and_any_other_is_told_that_its_call_waits() -> Result<()> {
    let upstream = upstream()?;
    let world = office_with(&upstream, |world| world.set(&["holds", "wait"], json!("1h")))?;
    let [mut asks, again] = [client(&world, "2025-11-25")?, client(&world, "2025-11-25")?];
    let task = json!({"name": "remote__echo", "arguments": {"text": "hello"}, "task": {"ttl": 60_000}});
    let task = asks.request("tools/call", task)?;
    let mut message = asks.message("tools/call", &echo());
    let mut name = String::new();
    for id in 1_000..1_400 {
        message["id"] = json!(id);
        let mut response = asks.send(&message)?;
        ensure!(response.is_stream(), "{id} is kept waiting");
        let first = response.next_block()?.context("no event")?;
        let place = first.iter().find_map(|line| line.strip_prefix("id: ")).context("no place to come back to")?;
        place.split_once('.').context("it does not say of what")?.1.clone_into(&mut name);
    }
    let hold = waiting(&world)?;
    let told = |result: &Value| Ok::<_, anyhow::Error>(at(decision(result)?, "/hold/id") == hold);
    let result = asks.request("tools/call", echo())?;
    ensure!(told(&result)?, "{result}");
    let result = client(&world, "2026-07-28")?.request("tools/call", echo())?;
    ensure!(told(&result)?, "nobody is told to ask again at once, again and again: {result}");
    let refused = rpc(asks.request("tasks/result", json!({"taskId": at(&task, "/task/taskId")})))?;
    ensure!(refused.message.contains("ask with `tasks/get`"), "{refused}");
    let mut back = again.http_request(&message).with("last-event-id", &format!("r999-0.{name}"));
    "GET".clone_into(&mut back.method);
    back.body.clear();
    let mut response = again.send_http(&back)?;
    response.next_block()?.context("no place to come back to")?;
    let next = response.next_block()?.context("no answer")?;
    let answer = next.iter().find_map(|line| line.strip_prefix("data: ")).context("it is kept waiting, too")?;
    let answer: Value = serde_json::from_str(answer)?;
    ensure!(told(answer.get("result").context("no result")?)?, "{answer}");
    ensure!(upstream.call_count() == 0);
    Ok(())
}

#[test]
fn who_waits_for_what_comes_of_a_task_takes_no_place_among_the_requests_in_flight() -> Result<()> {
    let upstream = upstream()?;
    let (_world, mut asks, mut other) = small_office(&upstream, "2025-11-25")?;
    let arguments = json!({"text": "hello"});
    let made =
        asks.request("tools/call", json!({"name": "remote__echo", "arguments": arguments, "task": {"ttl": 60_000}}))?;
    let message = asks.message("tasks/result", &json!({"taskId": at(&made, "/task/taskId")}));
    let response = asks.send(&message)?;
    ensure!(response.status == 200 && response.is_stream(), "{}", response.status);
    ensure!(!other.tool_names()?.is_empty());
    Ok(())
}

#[test]
fn whoever_must_not_approve_does_not() -> Result<()> {
    let upstream = upstream()?;
    let world = office(&upstream)?;
    let call = calls(client(&world, "2026-07-28")?, "hello");
    let hold = waiting(&world)?;
    let approve = ["holds", "approve", &hold];
    world.run_well(&["logout"])?;
    refused(&world, &approve, "nobody is signed in here")?;
    sign_in(&world, "ana")?;
    refused(&world, &approve, "nobody approves what is done for themselves")?;
    refused(&world, &["holds", "deny", &hold], "nobody approves what is done for themselves")?;
    sign_in(&world, "ana2")?;
    refused(&world, &approve, "`ana2` is the same person as `ana`")?;
    sign_in(&world, "dan")?;
    refused(&world, &approve, "no rule that holds it lets `dan` approve")?;
    ensure!(upstream.call_count() == 0);
    sign_in(&world, "ben")?;
    world.run_well(&["holds", "deny", &hold, "--reason", "ask for less"])?;
    let result = ended(call)?;
    let structure = decision(&result)?;
    ensure!(text(&result).starts_with("Denied by a person, nothing was executed"), "{result}");
    ensure!(text(&result).contains("ask for less"), "{result}");
    ensure!(structure.get("requestable") == Some(&json!(false)), "{result}");
    let disposition = "/_meta/io.modelcontextprotocol~1tool-approval-disposition";
    ensure!(at(&result, disposition) == "denied-not-executed", "{result}");
    refused(&world, &approve, "nothing waits as")?;
    ensure!(upstream.call_count() == 0);
    Ok(())
}

#[test]
fn a_client_that_cannot_wait_calls_again_and_a_restart_between_changes_nothing() -> Result<()> {
    let upstream = upstream()?;
    let mut world = office_with(&upstream, |world| world.set(&["holds", "wait"], json!("0s")))?;
    let ask = |world: &World, revision: &str| client(world, revision)?.call("remote__echo", json!({"text": "hello"}));
    let first = ask(&world, "2026-07-28")?;
    let structure = decision(&first)?;
    ensure!(at(structure, "/retry") == "after_approval" && at(structure, "/hold/state") == "pending", "{first}");
    ensure!(text(&first).contains("Call again with exactly the same arguments"), "{first}");
    let hold = at(structure, "/hold/id").to_owned();
    let again = ask(&world, "2025-06-18")?;
    ensure!(at(decision(&again)?, "/hold/id") == hold, "{again}");
    world.restart()?;
    let again = ask(&world, "2025-11-25")?;
    ensure!(at(decision(&again)?, "/hold/id") == hold, "{again}");
    let said = world.run_well(&["holds", "approve", &hold])?;
    ensure!(said.contains("it runs when its client asks again"), "{said}");
    ensure!(upstream.call_count() == 0, "nobody waits for it");
    world.restart()?;
    let result = ask(&world, "2026-07-28")?;
    ensure!(text(&result) == "hello" && upstream.call_count() == 1, "{result}");
    let next = ask(&world, "2026-07-28")?;
    ensure!(at(decision(&next)?, "/hold/id") != hold && upstream.call_count() == 1, "{next}");
    Ok(())
}

#[test]
fn what_changed_since_the_approval_is_refused() -> Result<()> {
    let upstream = upstream()?;
    let world = office_with(&upstream, |world| world.set(&["holds", "wait"], json!("0s")))?;
    let ask = |said: &str| client(&world, "2026-07-28")?.call("remote__echo", json!({"text": said}));
    let approved = |said: &str| -> Result<()> {
        let hold = at(decision(&ask(said)?)?, "/hold/id").to_owned();
        world.run_well(&["holds", "approve", &hold]).map(drop)
    };
    approved("one")?;
    let other = ask("two")?;
    ensure!(at(decision(&other)?, "/hold/state") == "pending", "other arguments are another call: {other}");
    world.run_well(&["people", "offboard", "ben"])?;
    let gone = ask("one")?;
    ensure!(text(&gone).contains("the approval by `ben` does not count any more: `ben` has left"), "{gone}");
    world.run_well(&["people", "restore", "ben"])?;
    sign_in(&world, "ben")?;
    approved("three")?;
    world.run_well(&["agents", "suspend", "ana-desktop"])?;
    ensure!(ask("three").is_err() || upstream.call_count() == 0);
    world.run_well(&["agents", "resume", "ana-desktop"])?;
    ensure!(upstream.call_count() == 0);
    ensure!(text(&ask("three")?) == "three", "it is back, and was approved");
    Ok(())
}

#[test]
fn people_are_told_that_a_yes_does_nothing_where_somebody_has_left() -> Result<()> {
    let upstream = upstream()?;
    let world = office_with(&upstream, |world| world.set(&["holds", "wait"], json!("0s")))?;
    let asked = client(&world, "2026-07-28")?.call("remote__echo", json!({"text": "one"}))?;
    let hold = at(decision(&asked)?, "/hold/id").to_owned();
    ensure!(!world.run_well(&["holds"])?.contains("as things stand"));
    for (stop, why, on) in [
        (["agents", "suspend", "ana-desktop"], "is suspended", ["agents", "resume", "ana-desktop"]),
        (["people", "offboard", "ana"], "has left and delegates nothing any more", ["people", "restore", "ana"]),
    ] {
        world.run_well(&stop)?;
        for question in [&["holds"][..], &["holds", "show", &hold]] {
            let said = world.run_well(question)?;
            ensure!(said.contains("it does not run as things stand: ") && said.contains(why), "{said}");
        }
        world.run_well(&on)?;
    }
    world.run_well(&["people", "offboard", "ana"])?;
    let said = world.run_well(&["holds", "approve", &hold])?;
    ensure!(said.contains("your approval counts; it does not run as things stand: "), "{said}");
    ensure!(upstream.call_count() == 0);
    Ok(())
}

#[test]
fn a_profile_that_came_meanwhile_reads_what_was_approved() -> Result<()> {
    let profile = "profile: own\nabout: ours\ntools:\n  echo: {class: external, why: it runs, verb: run, arguments: {text: command}}\n";
    let upstream = upstream()?;
    let world = office_with(&upstream, |world| {
        world.file("own.yaml", profile).file("own-rules.yaml", "policies: {remote: {deny_commands: [rm -rf /]}}\n")
    })?;
    let call = calls(client(&world, "2026-07-28")?, "sudo rm -rf /");
    let hold = waiting(&world)?;
    reloaded(&world, |config| {
        config["apps"]["remote"]["profile"] = json!("./own.yaml");
        config["rules"] = json!(["own-rules.yaml"]);
    })?;
    world.run_well(&["holds", "approve", &hold])?;
    let refused = ended(call)?;
    ensure!(text(&refused).contains("`rm -rf /` is denied"), "{refused}");
    ensure!(upstream.call_count() == 0, "it ran");
    Ok(())
}

// INVARIANT: a reload that leaves an app as it was keeps what waits for people, whatever the app speaks.
#[test]
fn a_reload_keeps_what_waits_at_an_api() -> Result<()> {
    let ats = Ats::start()?;
    let world = vendors::office_with(&ats, &contract(), |world| world.set(&["holds", "wait"], json!("60s")))?;
    let mut client = client(&world, "2026-07-28")?;
    let call = std::thread::spawn(move || client.call("ats__get_candidate", json!({"id": "c_0"})));
    let hold = waiting(&world)?;
    world.run_well(&["reload"])?;
    sign_in(&world, "bob")?;
    world.run_well(&["holds", "approve", &hold])?;
    let answer = ended(call)?;
    ensure!(text(&answer).contains("\"c_0\""), "{answer}");
    Ok(())
}

/// A file with this changed, in force.
pub(crate) fn reloaded(world: &World, change: impl FnOnce(&mut Value)) -> Result<()> {
    changed(world, change)?;
    world.run_well(&["reload"]).map(drop)
}

/// A file with this changed.
pub(crate) fn changed(world: &World, change: impl FnOnce(&mut Value)) -> Result<()> {
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(world.config())?)?;
    change(&mut config);
    Ok(std::fs::write(world.config(), config.to_string())?)
}

// INVARIANT: an approval is of a call to where the app was when people saw it.
#[test]
fn an_approval_does_not_follow_an_app_to_another_address() -> Result<()> {
    let (before, after) = (upstream()?, upstream()?);
    let world = office_with(&before, |world| world.set(&["holds", "wait"], json!("0s")))?;
    let mut client = client(&world, "2026-07-28")?;
    let mut asks = || client.call("remote__echo", json!({"text": "x"}));
    let hold = at(decision(&asks()?)?, "/hold/id").to_owned();
    reloaded(&world, |config| config["apps"]["remote"]["url"] = json!(after.url()))?;
    world.run_well(&["holds", "approve", &hold])?;
    let said = asks()?;
    ensure!(text(&said).contains("`remote` is configured in another way by now"), "{said}");
    ensure!(before.call_count() + after.call_count() == 0, "it ran");
    let anew = at(decision(&asks()?)?, "/hold/id").to_owned();
    ensure!(!anew.is_empty() && anew != hold, "it is asked for anew");
    world.run_well(&["holds", "approve", &anew])?;
    ensure!(text(&asks()?) == "x" && after.call_count() == 1);
    Ok(())
}

// INVARIANT: a profile is what its file says, not what it is called.
#[test]
fn a_profile_of_the_same_name_is_read_anew() -> Result<()> {
    let profile = |echo: &str| format!("profile: own\nabout: ours\ntools:\n  echo: {{why: it runs, {echo}}}\n");
    let upstream = upstream()?;
    let world = office_with(&upstream, |world| {
        world
            .set(&["apps", "remote", "profile"], json!("./own.yaml"))
            .set(&["apps", "remote", "risk"], json!("low"))
            .file("own.yaml", &profile("class: read"))
            .file("own-rules.yaml", "policies: {remote: {deny_commands: [rm -rf /]}}\n")
    })?;
    let ask = |said: &str| client(&world, "2026-07-28")?.call("remote__echo", json!({"text": said}));
    ensure!(text(&ask("rm -rf /")?) == "rm -rf /", "it only reads");
    std::fs::write(world.folder().join("own.yaml"), profile("class: destructive"))?;
    reloaded(&world, |_| ())?;
    let refused = ask("rm -rf /")?;
    ensure!(text(&refused).contains("destructive actions are refused") && upstream.call_count() == 1, "{refused}");
    std::fs::write(world.folder().join("own.yaml"), profile("class: read, verb: run, arguments: {text: command}"))?;
    reloaded(&world, |config| config["rules"] = json!(["own-rules.yaml"]))?;
    let refused = ask("sudo rm -rf /")?;
    ensure!(text(&refused).contains("`rm -rf /` is denied") && upstream.call_count() == 1, "{refused}");
    ensure!(text(&ask("ls")?) == "ls");
    Ok(())
}

#[test]
fn nobody_said_anything_in_time() -> Result<()> {
    let upstream = upstream()?;
    let world = office_with(&upstream, |world| world.set(&["holds", "expire_after"], json!("1s")))?;
    let result = client(&world, "2026-07-28")?.call("remote__echo", json!({"text": "hello"}))?;
    ensure!(text(&result).starts_with("Not approved in time, nothing was executed"), "{result}");
    until("it is on record", || Ok(changes(&world, "hold.expired")?.len() == 1))?;
    ensure!(upstream.call_count() == 0 && holds(&world)?.is_empty());
    Ok(())
}

#[test]
fn a_connection_on_which_somebody_waits_shows_signs_of_life() -> Result<()> {
    let upstream = upstream()?;
    let world = office(&upstream)?;
    let client = client(&world, "2026-07-28")?;
    let meta = json!({"progressToken": "mine"});
    let params = json!({"name": "remote__echo", "arguments": {"text": "hello"}, "_meta": meta});
    let mut response = client.send(&client.message("tools/call", &params))?;
    ensure!(response.is_stream());
    let first: Value = serde_json::from_str(&response.next_event()?.context("no event")?)?;
    ensure!(at(&first, "/params/progressToken") == "mine", "{first}");
    ensure!(at(&first, "/params/message") == "waits for approval by a person", "{first}");
    let hold = waiting(&world)?;
    drop(response);
    until("whoever is gone waits no more", || {
        Ok(holds(&world)?.iter().all(|hold| hold.get("clients_waiting").and_then(Value::as_u64) == Some(0)))
    })?;
    let said = world.run_well(&["holds", "approve", &hold])?;
    ensure!(said.contains("it runs when its client asks again") && upstream.call_count() == 0, "{said}");
    Ok(())
}

#[test]
fn nothing_that_waits_is_on_disk_in_plain_text() -> Result<()> {
    let upstream = upstream()?;
    let mut world = office_with(&upstream, |world| world.set(&["holds", "wait"], json!("0s")))?;
    let canary = "canary-of-an-argument";
    client(&world, "2026-07-28")?.call("remote__echo", json!({"text": canary}))?;
    let shown = world.run_well(&["holds", "list", "--json"])?;
    ensure!(shown.contains(canary));
    world.restart()?;
    for entry in std::fs::read_dir(world.folder().join("data"))? {
        let path = entry?.path();
        if path.is_file() {
            let bytes = std::fs::read(&path)?;
            ensure!(!bytes.windows(canary.len()).any(|part| part == canary.as_bytes()), "{}", path.display());
        }
    }
    world.run_well(&["trace", "erase", "--subject", "ana", "--yes"])?;
    ensure!(holds(&world)?.is_empty(), "what waits for a person goes with what is kept of that person");
    let verified: Value = serde_json::from_str(&world.run_well(&["trace", "verify", "--json"])?)?;
    let record = changes(&world, "trace.erase")?.pop().context("no record of it")?;
    let counted = record.detail.as_ref().and_then(|detail| detail.get("records"));
    ensure!(counted.is_some() && counted == verified.get("erased"), "{counted:?}, and {verified}");
    ensure!(!records(&world)?.is_empty());
    Ok(())
}

/// What is asked about a task.
fn about(client: &McpClient, method: &str, task: &str) -> Result<Value> {
    let message = client.message(method, &json!({"taskId": task}));
    let request = client.http_request(&message).with("mcp-name", task);
    let (_, said) = crate::kit::send(client, &request)?;
    Ok(said)
}

fn with_tasks(world: &World, who: &str) -> Result<McpClient> {
    let token = world.token(&format!("{who}-desktop"), who, None)?;
    let capabilities = json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
    Ok(McpClient::modern(world.mcp_url())?.with_token(token).with_capabilities(capabilities))
}

fn over(world: &World, task: &str) -> Result<Value> {
    let mut last = Value::Null;
    until("the task is over", || {
        last = about(&with_tasks(world, "ana")?, "tasks/get", task)?;
        Ok(at(&last, "/result/status") != "working")
    })?;
    Ok(last)
}

/// A child remembers: what was approved happens where the calls before it have happened.
#[test]
fn a_call_that_waited_as_a_task_runs_in_the_process_of_its_clients_calls() -> Result<()> {
    let (upstream, command) = (upstream()?, child(&["--era", "legacy"])?);
    let world = office_with(&upstream, |world| {
        world.app_command("child", &command).set(&["apps", "child", "owners"], json!(["ben"]))
    })?;
    pin(&world, "child", "read")?;
    pin(&world, "child/echo", "external")?;
    let token = world.token("ana-desktop", "ana", None)?;
    let modern = json!({"elicitation": {}, "extensions": {"io.modelcontextprotocol/tasks": {}}});
    let modern = McpClient::modern(world.mcp_url())?.with_token(&token).with_capabilities(modern);
    let legacy = McpClient::legacy(world.mcp_url(), "2025-11-25")?.with_token(&token);
    let mut legacy = legacy.with_capabilities(json!({"elicitation": {}}));
    legacy.initialize()?;
    for (mut client, task) in [(modern, Value::Null), (legacy, json!({"ttl": 60_000}))] {
        client.call("child__count", json!({}))?;
        let mut params = json!({"name": "child__echo", "arguments": {"text": "hello"}});
        if let (Some(params), Value::Object(_)) = (params.as_object_mut(), &task) {
            params.insert("task".to_owned(), task);
        }
        let made = client.request("tools/call", params)?;
        ensure!(made.to_string().contains("\"working\""), "{made}");
        world.run_well(&["holds", "approve", &waiting(&world)?])?;
        until("it is over", || Ok(holds(&world)?.is_empty()))?;
        let count = client.call_text("child__count", json!({}))?;
        ensure!(count.contains('3'), "one before it, itself, and this: {count}");
    }
    Ok(())
}

#[test]
fn a_client_that_knows_tasks_gets_a_handle_and_the_call_runs_without_it() -> Result<()> {
    let upstream = upstream()?;
    let mut world = office(&upstream)?;
    let ask = |world: &World, said: &str| -> Result<String> {
        let made = with_tasks(world, "ana")?.call("remote__echo", json!({"text": said}))?;
        ensure!(at(&made, "/resultType") == "task" && at(&made, "/status") == "working", "{made}");
        ensure!(at(&made, "/statusMessage").contains("waits for approval"), "{made}");
        Ok(at(&made, "/taskId").to_owned())
    };
    let task = ask(&world, "hello")?;
    let working = about(&with_tasks(&world, "ana")?, "tasks/get", &task)?;
    ensure!(at(&working, "/result/status") == "working", "{working}");
    let foreign = about(&with_tasks(&world, "ben")?, "tasks/get", &task)?;
    ensure!(at(&foreign, "/error/message").contains("unknown task"), "{foreign}");
    let hold = waiting(&world)?;
    world.run_well(&["holds", "approve", &hold])?;
    until("it runs, and nobody asked for it", || Ok(upstream.call_count() == 1))?;
    for _twice in 0..2 {
        let done = over(&world, &task)?;
        ensure!(at(&done, "/result/status") == "completed", "{done}");
        ensure!(at(&done, "/result/result/content/0/text") == "hello", "{done}");
        let disposition = "/result/result/_meta/io.modelcontextprotocol~1tool-approval-disposition";
        ensure!(at(&done, disposition) == "approved-executed", "{done}");
    }

    let task = ask(&world, "after a restart")?;
    world.restart()?;
    let working = about(&with_tasks(&world, "ana")?, "tasks/get", &task)?;
    ensure!(at(&working, "/result/status") == "working", "{working}");
    let hold = waiting(&world)?;
    world.run_well(&["holds", "approve", &hold])?;
    let done = over(&world, &task)?;
    ensure!(at(&done, "/result/result/content/0/text") == "after a restart", "{done}");
    ensure!(upstream.call_count() == 2);
    world.restart()?;
    let kept = over(&world, &task)?;
    ensure!(kept == done, "what came of it is kept over a restart: {kept}");

    let task = ask(&world, "never mind")?;
    about(&with_tasks(&world, "ana")?, "tasks/cancel", &task)?;
    let done = over(&world, &task)?;
    ensure!(done.to_string().contains("denied-not-executed"), "{done}");
    ensure!(upstream.call_count() == 2);
    Ok(())
}

#[test]
fn a_client_of_2026_07_28_is_told_to_ask_again_and_goes_on_waiting_over_a_restart() -> Result<()> {
    let upstream = upstream()?;
    let mut world = office_with(&upstream, |world| world.set(&["holds", "wait"], json!("1s")))?;
    let arguments = json!({"text": "hello"});
    let ask = |world: &World, params: Value| client(world, "2026-07-28")?.request("tools/call", params);
    let first = ask(&world, json!({"name": "remote__echo", "arguments": arguments}))?;
    ensure!(at(&first, "/resultType") == "input_required", "{first}");
    let state = at(&first, "/requestState").to_owned();
    let again = json!({"name": "remote__echo", "arguments": arguments, "requestState": state});
    let second = ask(&world, again.clone())?;
    ensure!(at(&second, "/resultType") == "input_required" && holds(&world)?.len() == 1, "{second}");
    world.restart()?;
    let hold = at(&holds(&world)?[0], "/hold").to_owned();
    world.run_well(&["holds", "approve", &hold])?;
    let altered = json!({"name": "remote__echo", "arguments": {"text": "bye"}, "requestState": state});
    let other = ask(&world, altered)?;
    ensure!(at(&other, "/resultType") == "input_required" && upstream.call_count() == 0, "{other}");
    let result = ask(&world, again)?;
    ensure!(text(&result) == "hello" && upstream.call_count() == 1, "{result}");
    Ok(())
}

/// Official clients of 2026-07-28 ask again by themselves, also while the gateway is started anew.
#[test]
fn official_clients_ask_again_without_their_code_doing_anything() -> Result<()> {
    for peer in Peer::ALL {
        let upstream = upstream()?;
        let world = office_with(&upstream, |world| world.set(&["holds", "wait"], json!("1s")))?;
        let (url, token) = (world.mcp_url().to_owned(), world.token("ana-desktop", "ana", None)?);
        let call = std::thread::spawn(move || {
            let arguments = json!({"text": "hello"}).to_string();
            let call = ["--mode", "auto", "--call", "remote__echo", "--arguments", &arguments];
            peer.talk(&[&call[..], &["--url", &url, "--token", &token]].concat())
        });
        let asked = || Ok(intents(&world)?.len() >= 3);
        until("it asked again and again", asked)?;
        let hold = at(&holds(&world)?[0], "/hold").to_owned();
        world.run_well(&["holds", "approve", &hold])?;
        let said = call.join().map_err(|_| anyhow!("the client broke"))??;
        ensure!(at(&said, "/result/content/0/text") == "hello", "{peer:?}: {said}");
        ensure!(upstream.call_count() == 1);
    }
    Ok(())
}

/// Official clients, unmodified: to them the tool is slow.
#[test]
fn official_clients_get_the_result_of_a_call_that_waited() -> Result<()> {
    for peer in Peer::ALL {
        for mode in ["auto", "legacy"] {
            let upstream = upstream()?;
            let world = office(&upstream)?;
            let (url, token) = (world.mcp_url().to_owned(), world.token("ana-desktop", "ana", None)?);
            let call = std::thread::spawn(move || {
                let arguments = json!({"text": "hello"}).to_string();
                let call = ["--mode", mode, "--call", "remote__echo", "--arguments", &arguments];
                peer.talk(&[&call[..], &["--url", &url, "--token", &token]].concat())
            });
            let hold = waiting(&world)?;
            // Some time passes.
            std::thread::sleep(Duration::from_millis(300));
            world.run_well(&["holds", "approve", &hold])?;
            let said = call.join().map_err(|_| anyhow!("the client broke"))??;
            ensure!(at(&said, "/result/content/0/text") == "hello", "{peer:?} {mode}: {said}");
            ensure!(upstream.call_count() == 1);
        }
    }
    Ok(())
}
