//! Questions to the trace, from outside: the language, ready-made questions, following, pages over the operator's socket.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{HttpRequest, World, exchange};

use crate::kit::{at, intents, until, upstream, world_with};

/// One request over a socket of the data directory: the status and the body.
pub(crate) fn over(world: &World, socket: &str, path: &str, headers: &str) -> Result<(u16, String)> {
    let mut stream = UnixStream::connect(world.folder().join("data").join(socket))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: countersign\r\nConnection: close\r\n{headers}\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).context("no status")?.parse()?;
    Ok((status, answer.split_once("\r\n\r\n").context("no body")?.1.to_owned()))
}

fn called(world: &World, times: usize) -> Result<()> {
    let mut client = world.client("ana-desktop", "ana")?;
    for number in 0..times {
        client.call("remote__echo", json!({ "text": format!("{number}") }))?;
    }
    until("every call has its outcome", || {
        let intents = intents(world)?;
        Ok(intents.len() >= times && intents.iter().all(|entry| entry.outcome_leaf.is_some()))
    })
}

#[test]
fn pages_and_metrics_are_for_the_operators_socket_only() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    called(&world, 3)?;
    let page = |query: &str| -> Result<Value> {
        let (status, body) = over(&world, "control.sock", &format!("/v1/trace?{query}"), "")?;
        ensure!(status == 200, "{status}: {body}");
        Ok(serde_json::from_str(&body)?)
    };
    let first = page("q=app:remote+verdict:allow&limit=2")?;
    let records = first.get("records").and_then(Value::as_array).context("no records")?;
    ensure!(records.len() == 2 && at(&first, "/records/0/app") == "remote", "{first}");
    let next = first.get("next").and_then(Value::as_str).context("no next page")?;
    let second = page(&format!("q=app:remote+verdict:allow&limit=2&cursor={next}"))?;
    ensure!(second.get("records").and_then(Value::as_array).map(Vec::len) == Some(1), "{second}");
    ensure!(second.get("next") == Some(&Value::Null), "{second}");
    let whole = page("q=app:remote+verdict:allow&limit=3")?;
    ensure!(whole.get("next") == Some(&Value::Null), "a last page that is full is the last: {whole}");
    let (status, body) = over(&world, "control.sock", "/v1/trace?q=verdit:deny", "")?;
    ensure!(status == 400 && body.contains("did you mean `verdict`?"), "{status}: {body}");

    let (status, metrics) = over(&world, "control.sock", "/metrics", "")?;
    ensure!(status == 200, "{metrics}");
    for line in [
        "countersign_calls_total{verdict=\"allow\"} 3",
        "countersign_outcomes_total{status=\"answered\"} 3",
        "countersign_call_duration_seconds_count 3",
        "countersign_call_duration_seconds_bucket{le=\"+Inf\"} 3",
        "countersign_outcomes_lost_total 0",
        "countersign_records_not_written_total 0",
        "# TYPE countersign_trace_signature_age_seconds gauge",
        "countersign_calls_in_flight 0",
        "countersign_app_linked{app=\"remote\"} 1",
        "# TYPE countersign_trace_bytes gauge",
    ] {
        ensure!(metrics.lines().any(|found| found == line), "`{line}` is not in\n{metrics}");
    }

    let token = world.token("ana-desktop", "ana", None)?;
    let bearer = format!("Authorization: Bearer {token}\r\n");
    for path in ["/v1/trace", "/metrics"] {
        for (socket, headers) in [("control.sock", bearer.as_str()), ("connect.sock", ""), ("connect.sock", &bearer)] {
            let (status, body) = over(&world, socket, path, headers)?;
            ensure!(status == 403 && body.contains("caller.operators_only"), "{socket} {path}: {status}: {body}");
        }
        let address = world.base_url().strip_prefix("http://").context("an address")?.parse()?;
        let bare = HttpRequest::get(path);
        for request in [bare.clone().with("authorization", &format!("Bearer {token}")), bare] {
            let mut answer = exchange(address, &request, Duration::from_secs(5))?;
            ensure!(answer.status == 403 && !answer.text()?.contains("remote"), "{path}: {}", answer.status);
        }
    }
    Ok(())
}

#[test]
fn whoever_follows_gets_records_as_they_come() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    called(&world, 2)?;
    let mut command = world.command(&["trace", "follow", "--json", "--after", "0", "app:remote", "status:answered"]);
    let mut following = command.stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(following.stdout.take().context("no output")?).lines();
    let mut next = || -> Result<Value> { Ok(serde_json::from_str(&lines.next().context("it ended")??)?) };
    let (first, second) = (next()?, next()?);
    ensure!(at(&first, "/app") == "remote" && first.get("sequence") != second.get("sequence"), "{first}");
    called(&world, 3)?;
    let third = next()?;
    ensure!(third.get("outcome").is_some_and(|outcome| !outcome.is_null()), "{third}");
    drop(lines);
    let ended = following.wait()?;
    ensure!(ended.success(), "whoever goes away ends it: {ended}");
    Ok(())
}

#[test]
fn a_mistyped_name_is_not_one_that_did_nothing() -> Result<()> {
    let upstream = upstream()?;
    let world = world_with(&upstream)?;
    for (question, mistyped, meant) in [
        ("touched", "ana-desktp", "ana-desktop"),
        ("on-behalf-of", "anna", "ana"),
        ("rule-fired", "baseline-destructve", "baseline-destructive"),
    ] {
        let told = world.run(&["trace", question, mistyped])?;
        let named = told.stderr.contains(&format!("did you mean `{meant}`?"));
        ensure!(told.code == 2 && told.stdout.is_empty() && named, "{told:?}");
        let none = world.run(&["trace", question, meant])?;
        ensure!(none.code == 0 && none.stderr.contains("none of the"), "{none:?}");
    }
    Ok(())
}
