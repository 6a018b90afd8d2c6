//! An emergency on pages: who opens it there, and that every page says so.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use testkit::HttpRequest;

use super::browser::Browser;
use super::stage::{PASSWORD, Stage};
use crate::people::typed;

#[test]
fn it_is_opened_on_a_page_with_passwords_and_every_page_says_so() -> Result<()> {
    let stage = Stage::start_with(|world| {
        world.set(&["holds", "emergency"], json!({ "approvers": ["human:bo", "human:kim"] }))
    })?;
    stage.with_accounts(&["bo", "kim", "sam"])?;
    let (bo, kim, sam) = (stage.cookie_of("bo")?, stage.cookie_of("kim")?, stage.cookie_of("sam")?);
    let page = |path: &str, cookie: &str| stage.send(&HttpRequest::get(path).with("cookie", cookie));
    let send = |cookie: &str, fields: &[(&str, &str)]| -> Result<u16> {
        let seen = page("/emergency", cookie)?.body;
        let (_, rest) = seen.split_once("name=\"form\" value=\"").context("no form")?;
        let mut all = vec![("form", rest.split('"').next().unwrap_or_default())];
        all.extend_from_slice(fields);
        Ok(stage.send(&stage.form("/emergency", &all).with("cookie", cookie))?.status)
    };
    let wanted = [("say", "ask"), ("agent", "sam-helper"), ("app", ""), ("reason", "the shop is <b>down</b>")];
    let with = |password: &'static str| [&wanted[..], &[("password", password)]].concat();
    ensure!(!page("/", &sam)?.body.contains("class=\"alarm"));
    ensure!(send(&bo, &with("wrong"))? != 303, "the password is asked for");
    ensure!(page("/emergency", &sam)?.body.contains("is not one of those who may open an emergency"));
    ensure!(send(&bo, &with(PASSWORD))? == 303);
    let seen = page("/emergency", &kim)?.body;
    ensure!(seen.contains("the shop is &lt;b&gt;down&lt;/b&gt;"), "{seen}");
    let id = seen.split("<code>e_").nth(1).and_then(|rest| rest.get(..26)).context("no id")?;
    let id = format!("e_{id}");
    let countersign = [("say", "countersign"), ("id", id.as_str()), ("password", PASSWORD)];
    ensure!(send(&bo, &countersign)? != 303, "not the same person twice");
    ensure!(send(&kim, &countersign)? == 303);
    for path in ["/", "/trace", "/holds", "/account", "/emergency"] {
        let seen = page(path, &sam)?.body;
        ensure!(seen.contains("class=\"alarm open\"") && seen.contains("need no approval"), "{path}: {seen}");
    }
    ensure!(send(&kim, &[("say", "close"), ("id", &id)])? == 303);
    ensure!(!page("/", &sam)?.body.contains("class=\"alarm"));
    Ok(())
}

#[test]
fn its_page_and_its_banner_hinder_nobody_and_fit_a_phone() -> Result<()> {
    let stage = Stage::start_with(|world| {
        world.set(&["holds", "emergency"], json!({ "approvers": ["human:bo", "human:kim"] }))
    })?;
    stage.with_accounts(&["bo", "kim"])?;
    let at = |path: &str| format!("{}{path}", stage.world.console_url());
    let mut browser = Browser::start()?;
    browser.open(390, 844, "dark")?;
    browser.go(&at("/emergency"))?;
    browser.fill("Your id", "bo")?;
    browser.fill("Password", PASSWORD)?;
    browser.click("button", "Sign in")?;
    browser.is_at("/emergency")?;
    browser.is_in_order("the page where one is asked for")?;
    browser.fill("Why; it goes on record", "the shop is down")?;
    browser.fill("Your password, to say that it is you", PASSWORD)?;
    browser.click("button", "Ask for an emergency")?;
    browser.reads("the shop is down")?;
    browser.is_in_order("one that is asked for")?;
    typed(&stage.world, &["login", "kim"], PASSWORD)?;
    let said: serde_json::Value = serde_json::from_str(&stage.world.run_well(&["holds", "emergency", "--json"])?)?;
    let id = said.pointer("/emergencies/0/emergency").and_then(serde_json::Value::as_str).context("there is none")?;
    stage.world.run_well(&["holds", "emergency", "countersign", id])?;
    for path in ["/", "/holds", "/emergency"] {
        browser.go(&at(path))?;
        browser.reads("need no approval")?;
        browser.is_in_order(path)?;
    }
    Ok(())
}
