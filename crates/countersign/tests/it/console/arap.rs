//! Requests for approval as JSON: whose session counts, and that nothing else does.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::HttpRequest;

use super::stage::{PASSWORD, Seen, Stage};
use crate::kit::{at, changes, text};

pub(super) fn post(path: &str, body: &Value) -> HttpRequest {
    let mut request = HttpRequest::get(path).with("content-type", "application/json");
    "POST".clone_into(&mut request.method);
    request.body = body.to_string().into_bytes();
    request
}

fn json_of(seen: &Seen) -> Result<Value> {
    serde_json::from_str(&seen.body).with_context(|| format!("{}: {}", seen.status, seen.body))
}

#[test]
fn a_program_of_a_person_lists_approves_and_denies_and_nobody_elses_does() -> Result<()> {
    let stage = Stage::start()?;
    stage.with_accounts(&["bo", "sam", "kim"])?;
    let mut sam = stage.world.client("sam-helper", "sam")?;
    let mut asks = |id: &str| sam.call("crm__get_customer", json!({ "id": id }));
    asks("C-1001")?;
    let hold = stage.hold()?;
    let path = |more: &str| format!("/arap/v1/requests{more}");
    let session = |who: &str, password: &str| {
        stage.send(&post("/arap/v1/session", &json!({ "name": who, "password": password })))
    };
    let bearer = |who: &str| -> Result<String> {
        let opened = session(who, PASSWORD)?;
        ensure!(opened.status == 201, "{}", opened.body);
        Ok(format!("Bearer {}", at(&json_of(&opened)?, "/token")))
    };
    let wrong = session("bo", "wrong horse battery")?;
    ensure!(wrong.status == 401 && wrong.header("content-type") == Some("application/problem+json"), "{}", wrong.body);

    // No cookie and no agent's token is a person's session here.
    let agents = format!("Bearer {}", stage.world.token("sam-helper", "sam", None)?);
    let cookie = stage.cookie_of("bo")?;
    for request in [
        HttpRequest::get(&path("")),
        HttpRequest::get(&path("")).with("authorization", &agents),
        HttpRequest::get(&path("")).with("cookie", &cookie),
        post(&path(&format!("/{hold}/approve")), &json!({})).with("cookie", &cookie),
    ] {
        let seen = stage.send(&request)?;
        ensure!(
            seen.status == 401 && seen.header("www-authenticate") == Some("Bearer"),
            "{}: {}",
            seen.status,
            seen.body
        );
    }
    let (bo, of_sam, kim) = (bearer("bo")?, bearer("sam")?, bearer("kim")?);
    let get = |more: &str, who: &str| stage.send(&HttpRequest::get(&path(more)).with("authorization", who));
    let say = |more: &str, who: &str, body: Value| stage.send(&post(&path(more), &body).with("authorization", who));

    let listed = json_of(&get("", &bo)?)?;
    let one = listed.pointer("/requests/0").context("no request")?;
    ensure!(at(one, "/id") == hold && at(one, "/status") == "pending", "{listed}");
    ensure!(at(one, "/subject/id") == "sam" && at(one, "/client/actor/id") == "sam-helper", "{listed}");
    ensure!(at(one, "/resource/id") == "crm__get_customer" && at(one, "/action/name") == "tools/call", "{listed}");
    ensure!(at(one, "/context/arguments/id") == "C-1001" && one.get("may_decide") == Some(&json!(true)), "{listed}");
    let seen = json_of(&get(&format!("/{hold}"), &kim)?)?;
    ensure!(
        !seen.to_string().contains("C-1001") && seen.pointer("/request/may_decide") == Some(&json!(false)),
        "{seen}"
    );

    let approve = format!("/{hold}/approve");
    for (who, status) in [(&of_sam, 403), (&kim, 403)] {
        let refused = say(&approve, who, json!({}))?;
        ensure!(refused.status == status, "{}: {}", refused.status, refused.body);
        ensure!(at(&json_of(&refused)?, "/type").ends_with(":not_eligible"), "{}", refused.body);
    }
    ensure!(say("/h_00000000000000000000000000/approve", &bo, json!({}))?.status == 404);
    let form = stage.form(&path(&approve), &[]).with("authorization", &bo);
    let mut form = form;
    form.body = b"say=approve".to_vec();
    ensure!(stage.send(&form)?.status == 415, "a form is none of these");
    ensure!(changes(&stage.world, "hold.approved")?.is_empty());
    let done = json_of(&say(&approve, &bo, json!({}))?)?;
    ensure!(at(&done, "/request/status") == "approved", "{done}");
    ensure!(at(&done, "/request/result/mode") == "reevaluate", "{done}");
    ensure!(say(&approve, &bo, json!({}))?.status == 409, "twice");
    ensure!(text(&asks("C-1001")?).contains("C-1001"));
    // It has left the desk, and whoever looks at it again is told what came of it; what was sent is not shown any more.
    let over = json_of(&get(&format!("/{hold}"), &bo)?)?;
    ensure!(at(&over, "/request/status") == "approved" && !over.to_string().contains("C-1001"), "{over}");
    ensure!(over.pointer("/request/may_decide") == Some(&json!(false)), "{over}");
    let approved = changes(&stage.world, "hold.approved")?.pop().context("no approval")?;
    ensure!(approved.by.as_deref() == Some("human:bo"), "{approved:?}");

    asks("C-1002")?;
    let hold = stage.hold()?;
    let done = json_of(&say(&format!("/{hold}/deny"), &bo, json!({ "reason": "ask for less" }))?)?;
    ensure!(at(&done, "/request/status") == "denied", "{done}");
    ensure!(text(&asks("C-1002")?).contains("ask for less"));
    ensure!(at(&json_of(&get(&format!("/{hold}"), &bo)?)?, "/request/status") == "denied");
    let mut out = HttpRequest::get("/arap/v1/session").with("authorization", &bo);
    "DELETE".clone_into(&mut out.method);
    ensure!(stage.send(&out)?.status == 200 && get("", &bo)?.status == 401);
    Ok(())
}

#[test]
fn many_requests_are_listed_page_by_page_each_once() -> Result<()> {
    let stage = Stage::start()?;
    stage.with_accounts(&["bo"])?;
    let mut sam = stage.world.client("sam-helper", "sam")?;
    for number in 0..MANY {
        sam.call("crm__get_customer", json!({ "id": format!("C-{number}") }))?;
    }
    let opened = stage.send(&post("/arap/v1/session", &json!({ "name": "bo", "password": PASSWORD })))?;
    let bearer = format!("Bearer {}", at(&json_of(&opened)?, "/token"));
    let get = |query: &str| {
        stage.send(&HttpRequest::get(&format!("/arap/v1/requests?{query}")).with("authorization", &bearer))
    };
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = json_of(&get(&format!("limit=20{cursor}"))?)?;
        let some = page.get("requests").and_then(Value::as_array).context("no list")?;
        ensure!(!some.is_empty() && some.len() <= 20, "{page}");
        seen.extend(some.iter().map(|one| at(one, "/id").to_owned()));
        match page.get("next").and_then(Value::as_str) {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let unique: BTreeSet<&String> = seen.iter().collect();
    ensure!(seen.len() == MANY && unique.len() == MANY, "{} of {MANY}: {seen:?}", unique.len());
    for wrong in ["limit=0", "limit=101", "cursor=yesterday", "page=2"] {
        let refused = get(wrong)?;
        ensure!(refused.status == 400 && at(&json_of(&refused)?, "/code") == "caller.parameter", "{}", refused.body);
    }

    // On the page of a browser, too.
    let cookie = stage.cookie_of("bo")?;
    let page = |path: &str| Ok::<_, anyhow::Error>(stage.send(&HttpRequest::get(path).with("cookie", &cookie))?.body);
    let first = page("/holds")?;
    let next =
        first.split("href=\"/holds?cursor=").nth(1).and_then(|rest| rest.split('"').next()).context("no more")?;
    let second = page(&format!("/holds?cursor={next}"))?;
    let on = |page: &str| seen.iter().filter(|id| page.contains(&format!("/holds/{id}"))).count();
    ensure!(on(&first) + on(&second) == MANY && on(&second) > 0, "{} and {}", on(&first), on(&second));
    ensure!(!second.contains("/holds?cursor=") && !second.contains("Nothing waits for you"), "{second}");
    Ok(())
}

#[test]
fn as_many_approvals_are_needed_as_all_rules_together_want() -> Result<()> {
    let rules = r#"
@id("ask-sales") @outcome("hold") @approvers("role:head-of-sales") @says("sales knows its customers")
forbid (principal, action == Action::"call", resource == Tool::"crm/get_customer");

@id("ask-finance") @outcome("hold") @approvers("role:cfo") @says("finance knows what it costs")
forbid (principal, action == Action::"call", resource == Tool::"crm/get_customer");
"#;
    let stage = Stage::start_with(|world| world.rules("rules/two.cedar", rules))?;
    stage.with_accounts(&["bo", "ana"])?;
    stage.world.client("sam-helper", "sam")?.call("crm__get_customer", json!({ "id": "C-1001" }))?;
    let hold = stage.hold()?;
    let approve = |who: &str| -> Result<Value> {
        let opened = stage.send(&post("/arap/v1/session", &json!({ "name": who, "password": PASSWORD })))?;
        let bearer = format!("Bearer {}", at(&json_of(&opened)?, "/token"));
        let path = format!("/arap/v1/requests/{hold}/approve");
        json_of(&stage.send(&post(&path, &json!({})).with("authorization", &bearer))?)
    };
    let stands = |said: &Value| {
        let given = said.pointer("/request/approvals").and_then(Value::as_array).map(Vec::len);
        (at(said, "/request/status").to_owned(), given, said.pointer("/request/approvals_needed").cloned())
    };
    let once = approve("bo")?;
    ensure!(stands(&once) == ("partial".to_owned(), Some(1), Some(json!(2))), "{once}");
    let page = stage.send(&HttpRequest::get(&format!("/holds/{hold}")).with("cookie", &stage.cookie_of("ana")?))?;
    ensure!(page.body.contains("1 of 2 approvals."), "{}", page.body);
    let shown = stage.world.run_well(&["holds", "show", &hold])?;
    ensure!(shown.contains("by Bo Lind, 1 of 2"), "{shown}");
    let twice = approve("ana")?;
    ensure!(stands(&twice) == ("approved".to_owned(), Some(2), Some(json!(2))), "{twice}");
    Ok(())
}

#[test]
fn what_is_sent_to_its_end_after_the_session_has_ended_does_nothing() -> Result<()> {
    let stage = Stage::start()?;
    stage.with_accounts(&["bo"])?;
    stage.world.client("sam-helper", "sam")?.call("crm__get_customer", json!({ "id": "C-1001" }))?;
    let hold = stage.hold()?;
    let opened = stage.send(&post("/arap/v1/session", &json!({ "name": "bo", "password": PASSWORD })))?;
    let bearer = format!("authorization: Bearer {}", at(&json_of(&opened)?, "/token"));
    let url = stage.world.console_url().to_owned();
    let address = url.trim_start_matches("http://");
    let begin = |path: &str, kind: &str, who: &str| -> Result<TcpStream> {
        let mut stream = TcpStream::connect(address)?;
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nhost: {address}\r\norigin: {url}\r\nsec-fetch-site: same-origin\r\n{who}\r\n\
             content-type: {kind}\r\ncontent-length: 2\r\n\r\n"
        )?;
        Ok(stream)
    };
    let cookie = format!("cookie: {}", stage.cookie_of("bo")?);
    let (approve, deny) = (format!("/arap/v1/requests/{hold}/approve"), format!("/arap/v1/requests/{hold}/deny"));
    let begun = [
        (begin(&approve, "application/json", &bearer)?, "401"),
        (begin(&deny, "application/json", &bearer)?, "401"),
        (begin(&format!("/holds/{hold}"), "application/x-www-form-urlencoded", &cookie)?, "303"),
    ];
    // Whoever they are has been looked at: what comes next on the same listener is answered after that.
    ensure!(stage.send(&HttpRequest::get("/account").with("cookie", &stage.cookie_of("bo")?))?.status == 200);
    stage.world.run_well(&["accounts", "close", "bo"])?;
    for (mut stream, status) in begun {
        stream.write_all(b"{}")?;
        let mut said = [0; 12];
        stream.read_exact(&mut said)?;
        let said = String::from_utf8_lossy(&said).into_owned();
        ensure!(said == format!("HTTP/1.1 {status}"), "{said}");
    }
    ensure!(stage.hold()? == hold, "it waits");
    ensure!(changes(&stage.world, "hold.approved")?.is_empty() && changes(&stage.world, "hold.denied")?.is_empty());
    Ok(())
}

#[test]
fn a_program_of_a_person_sees_the_digits_that_are_sent() -> Result<()> {
    let stage = Stage::start()?;
    stage.with_accounts(&["bo"])?;
    let sam = stage.world.client("sam-helper", "sam")?;
    let arguments = r#"{"id":"C-1001","deep":{"n":1e999},"whole":1000000000000000000001}"#;
    let call = sam.message("tools/call", &json!({ "name": "crm__get_customer", "arguments": "HERE" }));
    let mut request = sam.http_request(&call);
    request.body = String::from_utf8(request.body)?.replace("\"HERE\"", arguments).into_bytes();
    sam.send_http(&request)?.text()?;
    let hold = stage.hold()?;

    let opened = stage.send(&post("/arap/v1/session", &json!({ "name": "bo", "password": PASSWORD })))?;
    let bearer = format!("Bearer {}", at(&json_of(&opened)?, "/token"));
    for (path, one) in [(String::new(), "/requests/0"), (format!("/{hold}"), "/request")] {
        let seen = HttpRequest::get(&format!("/arap/v1/requests{path}")).with("authorization", &bearer);
        let seen = json_of(&stage.send(&seen)?)?;
        let context = seen.pointer(&format!("{one}/context")).context("no request")?;
        ensure!(at(context, "/arguments") == arguments && at(context, "/arguments_text") == arguments, "{seen}");
    }
    let page = stage.send(&HttpRequest::get(&format!("/holds/{hold}")).with("cookie", &stage.cookie_of("bo")?))?;
    for part in ["<code>1000000000000000000001</code>", "&quot;n&quot;: 1e999"] {
        ensure!(page.body.contains(part), "`{part}` is not in {}", page.body);
    }
    Ok(())
}

/// More than a page of the console shows.
const MANY: usize = 53;
