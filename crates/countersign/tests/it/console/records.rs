//! The trace and the counts for programs of people: who reads what, and that nobody else reads anything.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::HttpRequest;

use super::arap::post;
use super::stage::{PASSWORD, Stage};
use crate::kit::at;

/// A person's session, as a program shows it.
fn bearer(stage: &Stage, sent: &Value) -> Result<String> {
    let opened = stage.send(&post("/arap/v1/session", sent))?;
    ensure!(opened.status == 201, "{}: {}", opened.status, opened.body);
    let opened: Value = serde_json::from_str(&opened.body)?;
    Ok(format!("Bearer {}", at(&opened, "/token")))
}

fn with_password(stage: &Stage, human: &str) -> Result<String> {
    bearer(stage, &json!({ "name": human, "password": PASSWORD }))
}

/// The records of one page, and what begins the next.
fn page(stage: &Stage, who: &str, asked: &str) -> Result<(Vec<Value>, Option<String>)> {
    let seen = stage.send(&HttpRequest::get(&format!("/v1/trace?{asked}")).with("authorization", who))?;
    ensure!(seen.status == 200 && seen.header("content-type") == Some("application/json"), "{}", seen.body);
    let page: Value = serde_json::from_str(&seen.body)?;
    let records = page.get("records").and_then(Value::as_array).context("no records")?.clone();
    Ok((records, page.get("next").and_then(Value::as_str).map(str::to_owned)))
}

#[test]
fn people_read_by_role_what_concerns_them() -> Result<()> {
    let stage = Stage::start()?;
    stage.with_accounts(&["kim", "sam", "ana"])?;
    stage.a_morning()?;
    let (kim, sam, ana) = (with_password(&stage, "kim")?, with_password(&stage, "sam")?, with_password(&stage, "ana")?);
    let of = |records: &[Value], column: &str| -> Vec<String> {
        records.iter().map(|record| at(record, &format!("/{column}")).to_owned()).collect()
    };
    // Who audits sees everything, changes too; everybody else what was done for them, by their agents and on their apps.
    let (all, next) = page(&stage, &kim, "limit=1000")?;
    ensure!(all.len() == 11 && next.is_none(), "{} {next:?}", all.len());
    let asked = ["accounts.invite", "accounts.password_chosen"];
    let (first, next) = page(&stage, &kim, &format!("q=what:{}+kind:change&limit=1", asked.join(",")))?;
    ensure!(
        matches!(&first[..], [one] if asked.contains(&at(one, "/leaf/what"))) && next.is_some(),
        "{first:?} {next:?}"
    );
    ensure!(!page(&stage, &kim, "q=kind:change")?.0.is_empty() && page(&stage, &sam, "q=kind:change")?.0.is_empty());
    let (sams, _) = page(&stage, &sam, "")?;
    ensure!(!sams.is_empty() && of(&sams, "human").iter().all(|human| human == "sam"), "{sams:?}");
    let (anas, _) = page(&stage, &ana, "order=oldest")?;
    ensure!(
        of(&anas, "app").contains(&"repo".to_owned()) && of(&anas, "human").contains(&"sam".to_owned()),
        "{anas:?}"
    );
    ensure!(
        of(&anas, "app").iter().zip(of(&anas, "human")).all(|(app, human)| human == "ana" || app != "crm"),
        "{anas:?}"
    );
    // Page by page it is the same, in either order, each record once.
    for order in ["oldest", "newest"] {
        let (mut walked, mut cursor) = (Vec::new(), String::new());
        loop {
            let (some, next) = page(&stage, &ana, &format!("order={order}&limit=2{cursor}"))?;
            walked.extend(of(&some, "call"));
            let Some(next) = next else { break };
            cursor = format!("&cursor={next}");
        }
        let mut whole = of(&page(&stage, &ana, "order=oldest")?.0, "call");
        if order == "newest" {
            whole.reverse();
        }
        ensure!(walked == whole && !whole.is_empty(), "{order}: {walked:?} {whole:?}");
    }
    let counts = |who: &str| stage.send(&HttpRequest::get("/metrics").with("authorization", who));
    let seen = counts(&kim)?;
    ensure!(seen.status == 200 && seen.body.contains("countersign_calls_total{verdict=\"allow\"}"), "{}", seen.body);
    ensure!(seen.header("content-type") == Some("text/plain; version=0.0.4; charset=utf-8"), "{:?}", seen.headers);
    let seen = counts(&sam)?;
    ensure!(seen.status == 403 && seen.body.contains("caller.no_reader"), "{}: {}", seen.status, seen.body);
    let wrong = stage.send(&HttpRequest::get("/v1/trace?q=verdit:deny").with("authorization", &kim))?;
    ensure!(wrong.status == 400 && wrong.body.contains("did you mean `verdict`?"), "{}: {}", wrong.status, wrong.body);
    Ok(())
}

#[test]
fn nobody_reads_without_a_persons_open_session() -> Result<()> {
    let stage = Stage::start()?;
    stage.with_accounts(&["kim"])?;
    let (kim, cookie) = (with_password(&stage, "kim")?, stage.cookie_of("kim")?);
    let agents = format!("Bearer {}", stage.world.token("sam-helper", "sam", None)?);
    // The account page lends a code to whoever has no password here.
    let open = |asked: &HttpRequest| -> Result<u16> {
        let seen = stage.send(asked)?;
        let challenged = seen.status != 401 || seen.header("www-authenticate") == Some("Bearer");
        ensure!(challenged && !seen.body.contains("countersign_"), "{}: {}", seen.status, seen.body);
        Ok(seen.status)
    };
    for path in ["/v1/trace", "/metrics"] {
        let bare = HttpRequest::get(path);
        ensure!(open(&bare)? == 401 && open(&bare.clone().with("cookie", &cookie))? == 401);
        ensure!(open(&bare.clone().with("authorization", &agents))? == 401);
        let mut put = bare.clone().with("authorization", &kim);
        "POST".clone_into(&mut put.method);
        ensure!(open(&put)? == 405);
    }
    ensure!(open(&HttpRequest::get("/v1/trace").with("authorization", &kim))? == 200);
    stage.world.run_well(&["people", "offboard", "kim"])?;
    ensure!(open(&HttpRequest::get("/v1/trace").with("authorization", &kim))? == 401);
    Ok(())
}
