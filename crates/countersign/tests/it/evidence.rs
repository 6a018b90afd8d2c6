//! What an auditor is given of a contract: counts that add up, receipts that verify, a page that everybody can read.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::World;

use crate::console::browser::Browser;
use crate::vendors::{Ats, asks, contract, key, office, sign};

const CONTRACT: &str = "acme-screening";
const EVER: &str = "2020..2098";

/// A vendor that asks for what it may have and for what it may not.
fn busy(ats: &Ats) -> Result<World> {
    let world = office(ats, &contract())?;
    let key = key(&world, "background-screening")?;
    asks(&world, &key, "GET /candidates/c_0", "")?;
    sign(&world)?;
    for (asked, status) in [
        ("GET /candidates/c_1", 200),
        ("GET /candidates/c_2", 200),
        ("GET /candidates/x_0", 404),
        ("GET /candidates?client_id=northwind&_limit=5", 200),
        ("GET /candidates?client_id=contoso&_limit=5", 403),
        ("GET /candidates?client_id=northwind&_sort=compensation", 403),
        ("GET /invoices/i_1", 403),
    ] {
        let (got, _, body) = asks(&world, &key, asked, "")?;
        ensure!(got == status, "{asked}: {got} {body}");
    }
    let (got, _, body) = asks(&world, &key, "PATCH /orders/o_1", r#"{"status":"done"}"#)?;
    ensure!(got == 202, "{got} {body}");
    Ok(world)
}

fn evidence(world: &World, more: &[&str]) -> Result<String> {
    world.run_well(&[&["contract", "evidence", CONTRACT, "--period", EVER], more].concat())
}

fn count(said: &Value, pointer: &str) -> Result<u64> {
    said.pointer(pointer).and_then(Value::as_u64).with_context(|| format!("no {pointer} in {said:#}"))
}

/// Once everything is signed and every outcome is there.
fn told(world: &World) -> Result<Value> {
    let mut said = Value::Null;
    crate::kit::until("every record is signed", || {
        said = serde_json::from_str(&evidence(world, &["--json"])?)?;
        let unknown = said.pointer("/unjudged").and_then(Value::as_array).is_some_and(|all| {
            all.iter().any(|one| one.get("why").and_then(Value::as_str).is_some_and(|why| why.starts_with("it ran")))
        });
        Ok(said.pointer("/unproved") == Some(&json!([])) && !unknown)
    })?;
    Ok(said)
}

#[test]
fn every_clause_is_counted_and_every_receipt_verifies() -> Result<()> {
    let ats = Ats::start()?;
    let world = busy(&ats)?;
    let said = told(&world)?;
    // A write looks at its record first, which is a call of its own.
    ensure!(count(&said, "/calls")? == 10, "{said:#}");
    let all = count(&said, "/counts/let_through")? + count(&said, "/counts/refused")? + count(&said, "/counts/held")?;
    ensure!(all == 10 && count(&said, "/counts/refused")? == 4 && count(&said, "/counts/held")? == 1, "{said:#}");
    ensure!(count(&said, "/counts/kept_back")? == 1 && count(&said, "/counts/taken_out")? == 3, "{said:#}");
    let clauses = said.pointer("/clauses").and_then(Value::as_array).context("no clauses")?;
    ensure!(clauses.len() == 21);
    let of = |number: &str| clauses.iter().find(|one| one.get("clause") == Some(&json!(number))).context("no clause");
    ensure!(count(of("1.2")?, "/counts/refused")? == 1 && count(of("3.2")?, "/counts/refused")? == 1);
    ensure!(count(of("3.2")?, "/counts/let_through")? == 4, "{:#}", of("3.2")?);
    ensure!(count(of("4.2")?, "/counts/held")? == 1);
    let examples = of("1.2")?.pointer("/examples").and_then(Value::as_array).context("no examples")?;
    let says = |one: &Value| one.get("because").and_then(Value::as_str).is_some_and(|said| said.contains("contoso"));
    ensure!(examples.iter().any(says), "{examples:#?}");
    let limits = said.pointer("/limits").and_then(Value::as_array).context("no limits")?;
    let limit = |of: &str| limits.iter().find(|one| one.get("of") == Some(&json!(of))).context("no limit");
    ensure!(count(limit("requests")?, "/used")? == 5 && count(limit("records_at_once")?, "/used")? == 5, "{limits:#?}");
    ensure!(said.pointer("/agreement/signatures").and_then(Value::as_array).is_some_and(|all| all.len() == 2));
    let signed = said.pointer("/changes").and_then(Value::as_array).context("no changes")?;
    ensure!(signed.iter().filter(|one| one.get("what") == Some(&json!("contract.sign"))).count() == 2);

    // All that is told of another period is that there was nothing.
    let before = world.run_well(&["contract", "evidence", CONTRACT, "--period", "2021-02", "--json"])?;
    ensure!(count(&serde_json::from_str(&before)?, "/calls")? == 0);
    let wrong = world.run(&["contract", "evidence", CONTRACT, "--period", "soon"])?;
    ensure!(wrong.code != 0 && wrong.stderr.contains("it takes a month as in `2026-10`"), "{wrong:?}");

    let (page, folder) = (world.folder().join("evidence.html"), world.folder().join("receipts"));
    let (file, to) = (page.display().to_string(), folder.display().to_string());
    evidence(&world, &["--out", &file, "--receipts", &to])?;
    let key = said.pointer("/checkpoint/keys/0").and_then(Value::as_str).context("no key")?.to_owned();
    let verified = world.run_well(&["trace", "verify", &file, "--key", &key, "--json"])?;
    let verified: Value = serde_json::from_str(&verified)?;
    let receipts = verified.pointer("/records").and_then(Value::as_array).context("no records")?;
    ensure!(receipts.len() >= 8, "{verified}");
    for sequence in receipts {
        let receipt = folder.join(format!("record-{sequence}.receipt")).display().to_string();
        let one: Value =
            serde_json::from_str(&world.run_well(&["trace", "verify", &receipt, "--key", &key, "--json"])?)?;
        ensure!(one.get("sequence") == Some(sequence), "{one}");
    }
    ensure!(std::fs::read_dir(&folder)?.count() == receipts.len());

    // Whoever changes a receipt, or passes one off as another's, is found out.
    let text = std::fs::read_to_string(&page)?;
    ensure!(text.contains("asks nothing of anybody</span>") && !text.contains("a person: nobody"), "of clause 1.1");
    let first = receipts.first().and_then(Value::as_u64).context("no receipt")?;
    for (code, tampered) in [
        (2, text.replacen("<pre class=\"receipt\">c2sp", "<pre class=\"receipt\">c3sp", 1)),
        (1, text.replace(&format!("id=\"record-{first}\">Record"), "id=\"record-999\">Record")),
    ] {
        ensure!(tampered != text);
        std::fs::write(&page, tampered)?;
        ensure!(world.run(&["trace", "verify", &file, "--key", &key])?.code == code);
    }
    Ok(())
}

#[test]
fn the_page_needs_nothing_else_and_hinders_nobody() -> Result<()> {
    let ats = Ats::start()?;
    let world = busy(&ats)?;
    told(&world)?;
    let page = world.folder().join("evidence.html");
    evidence(&world, &["--out", &page.display().to_string()])?;
    let text = std::fs::read_to_string(&page)?;
    ensure!(!text.contains("<script") && !text.contains("src=") && !text.contains("http://"), "it loads something");
    let url = format!("file://{}", page.display());
    let mut browser = Browser::start()?;
    for (width, height, scheme) in [(1280, 800, "light"), (1280, 800, "dark"), (390, 844, "light"), (390, 844, "dark")]
    {
        browser.open(width, height, scheme)?;
        browser.go(&url)?;
        browser.reads("Background Screening Agreement")?;
        browser.is_in_order(&format!("evidence on {width} in {scheme}"))?;
    }
    let paper = world.folder().join("evidence.pdf");
    let printed = browser.act("print", json!({ "path": paper }))?;
    ensure!(printed.as_u64().is_some_and(|bytes| bytes > 10_000) && Path::new(&paper).exists(), "{printed}");
    Ok(())
}

#[test]
fn the_page_of_a_quiet_month_says_that_nothing_is_in_it() -> Result<()> {
    let ats = Ats::start()?;
    let world = busy(&ats)?;
    let quiet = world.run(&["contract", "evidence", CONTRACT, "--period", "2020-01", "--out", "quiet.html"])?;
    ensure!(quiet.code == 0 && !quiet.stderr.contains("trace verify"), "{quiet:?}");
    let checked = world.run(&["trace", "verify", "quiet.html"])?;
    ensure!(checked.code == 2 && checked.stderr.contains("proves nothing"), "{checked:?}");
    ensure!(!checked.stderr.contains("another gateway"), "nobody is accused: {checked:?}");
    Ok(())
}

#[test]
fn a_new_version_is_played_over_what_was_asked() -> Result<()> {
    let ats = Ats::start()?;
    let world = busy(&ats)?;
    let file = |name: &str, text: &str| -> Result<String> {
        let path = world.folder().join(name);
        std::fs::write(&path, text.replace("file: acme-screening.md", "file: contracts/acme-screening.md"))?;
        Ok(path.display().to_string())
    };
    let simulated = |path: &str| -> Result<(i32, Value)> {
        let done = world.run(&["contract", "simulate", path, "--json"])?;
        Ok((done.code, serde_json::from_str(&done.stdout).with_context(|| format!("{done:?}"))?))
    };
    let (code, same) = simulated(&file("same.yaml", &contract())?)?;
    ensure!(code == 0 && count(&same, "/judged")? == 9, "{same:#}");
    // Asked before anybody had signed.
    ensure!(same.pointer("/unjudged/0/why") == Some(&json!("the contract was not in force then")), "{same:#}");

    // Two requests an hour, no candidate one by one, and what is paid to candidates may be seen.
    let narrower = contract()
        .replace("limits: {requests: 600/hour}", "limits: {requests: 2/hour}")
        .replace(
            "excludes: {fields: {candidate: [medical_notes]}}",
            "excludes: {fields: {candidate: [medical_notes, employment]}}",
        )
        .replace("excludes: {fields: {candidate: [compensation]}}", "needs_human: nobody");
    let path = file("narrower.yaml", &narrower)?;
    let (code, said) = simulated(&path)?;
    ensure!(code == 1, "{said:#}");
    let changed = said.pointer("/changed").and_then(Value::as_array).context("no changes")?;
    let of = |clause: Value, was: &str, would: &str| {
        let fits = |one: &&Value| {
            let is = |key: &str, value: &Value| one.get(key) == Some(value);
            is("clause", &clause) && is("was", &json!(was)) && is("would", &json!(would))
        };
        changed.iter().filter(fits).filter_map(|one| one.get("count")?.as_u64()).sum::<u64>()
    };
    ensure!(of(json!("5.1"), "redact", "deny") == 3, "{said:#}");
    // It may sort by it now, but not so often.
    ensure!(of(json!("3.2"), "deny", "redact") == 0, "{said:#}");
    let answers = said.pointer("/answers").and_then(Value::as_array).context("no answers")?;
    let read = answers.iter().find(|one| one.get("asks") == Some(&json!("read candidate"))).context("no reads")?;
    ensure!(count(read, "/more_fields")? == 2 && count(read, "/fewer_fields")? == 2, "{said:#}");
    // It is not the contract in force, also where it lies beside that.
    let beside = world.folder().join("contracts/newer.yaml");
    std::fs::write(&beside, &narrower)?;
    ensure!(simulated(&beside.display().to_string())? == (1, said), "the same from there");
    ensure!(world.run(&["check"])?.code == 2, "a gateway would not know which of them it is");
    std::fs::remove_file(&beside)?;
    let words = world.run(&["contract", "simulate", &path])?;
    ensure!(words.code == 1 && words.stdout.contains("redact to deny"), "{words:?}");
    ensure!(words.stdout.contains("would be answered with fields that were kept back"), "{words:?}");
    Ok(())
}
