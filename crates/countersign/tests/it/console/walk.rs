//! People walk through the pages, with a mouse, with keys alone, on a phone; and pictures of it.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::browser::Browser;
use super::stage::{PASSWORD, Stage};
use crate::kit::{changes, intents};

const DESKTOP: (u32, u32) = (1280, 800);
const PHONE: (u32, u32) = (390, 844);

#[test]
fn an_invited_person_walks_through_everything() -> Result<()> {
    let stage = Stage::start()?;
    let mut browser = Browser::start()?;
    browser.open(DESKTOP.0, DESKTOP.1, "light")?;
    let link = stage.invite("kim")?;
    browser.go(&link)?;
    browser.reads("Welcome, Kim Sato")?;
    browser.is_in_order("an invitation")?;
    browser.fill("New password", PASSWORD)?;
    browser.fill("The same again", PASSWORD)?;
    browser.click("button", "Choose this password")?;
    browser.is_at("/")?;
    browser.reads("It is quiet")?;
    browser.reads("New calls appear by themselves")?;
    browser.is_in_order("a quiet gateway")?;

    stage.a_morning()?;
    browser.act("waitForRows", json!({ "count": 11 }))?;
    browser.is_in_order("live")?;
    browser.click("link", "Trace")?;
    browser.is_at("/trace")?;
    browser.click("link", "Refused")?;
    browser.is_at("/trace?q=verdict%3Adeny")?;
    browser.is_in_order("a question")?;
    browser.click("link", "Deploy/delete_environment")?;
    browser.reads("Refused, nothing was executed")?;
    browser.is_in_order("a story")?;
    browser.click("link", "Verify")?;
    browser.reads("as it was written, and signed by")?;

    browser.go(&format!("{}/account", stage.world.console_url()))?;
    browser.is_in_order("an account")?;
    browser.click("button", "Sign out")?;
    browser.is_at("/sign-in")?;
    browser.is_in_order("the door")?;
    browser.fill("Your id", "kim")?;
    browser.fill("Password", "wrong horse battery")?;
    browser.click("button", "Sign in")?;
    browser.reads("The name or the password is not right.")?;
    browser.fill("Password", PASSWORD)?;
    browser.click("button", "Sign in")?;
    browser.is_at("/")
}

#[test]
fn a_second_person_approves_a_call_and_sees_what_happened() -> Result<()> {
    let stage = Stage::start()?;
    stage.with_accounts(&["bo", "sam"])?;
    let mut sam = stage.world.client("sam-helper", "sam")?;
    let asked = json!({ "query": "renewals above 50k" });
    let waits = sam.call("crm__search_customers", asked.clone())?;
    ensure!(waits.get("isError") == Some(&json!(true)), "{waits}");
    let hold = stage.hold()?;
    let mut browser = Browser::start()?;
    let sign_in = |browser: &mut Browser, who: &str| {
        browser.open(DESKTOP.0, DESKTOP.1, "light")?;
        browser.go(&format!("{}/holds", stage.world.console_url()))?;
        browser.fill("Your id", who)?;
        browser.fill("Password", PASSWORD)?;
        browser.click("button", "Sign in")?;
        browser.is_at("/holds")
    };
    // For whom it is sees it, and cannot decide it.
    sign_in(&mut browser, "sam")?;
    browser.reads("Nothing waits for you")?;
    browser.click("link", "Customers/search_customers")?;
    browser.reads("You cannot decide this: `sam` asked for it: nobody approves what is done for themselves.")?;
    browser.is_in_order("a hold of one's own")?;

    sign_in(&mut browser, "bo")?;
    browser.is_in_order("the inbox")?;
    browser.press(&["j", "Enter"])?;
    browser.is_at(&format!("/holds/{hold}"))?;
    browser.reads("renewals above 50k")?;
    browser.is_in_order("a hold to decide")?;
    browser.fill(OWN_PASSWORD, "wrong horse battery")?;
    browser.click("button", "Approve this call, once")?;
    browser.reads("The password is not right.")?;
    ensure!(stage.hold()? == hold, "it still waits");
    browser.act("noise", json!({}))?;
    // With keys alone.
    browser.act("focus", json!({ "label": OWN_PASSWORD }))?;
    browser.act("type", json!({ "text": PASSWORD }))?;
    browser.press(&["Tab", "Tab", "Enter"])?;
    browser.reads("Approved, and waits for its agent to come back")?;

    let answer = sam.call("crm__search_customers", asked)?;
    ensure!(answer.get("isError") != Some(&json!(true)), "{answer}");
    browser.go(&format!("{}/holds/{hold}", stage.world.console_url()))?;
    browser.is_at(&format!("/calls/{}", hold.replacen("h_", "c_", 1)))?;
    for said in ["Held", "Approved", "with a password", "Carried out"] {
        browser.reads(said)?;
    }
    browser.is_in_order("the story of a call that was held")?;
    browser.click("link", "how that went")?;
    browser.reads("Executed")?;
    browser.reads("Approved")?;
    browser.is_in_order("the story of a call that was approved")
}

#[test]
fn a_passkey_signs_in_and_approves() -> Result<()> {
    let stage = Stage::start()?;
    stage.with_accounts(&["bo"])?;
    let mut sam = stage.world.client("sam-helper", "sam")?;
    sam.call("crm__get_customer", json!({ "id": "C-1001" }))?;
    let hold = stage.hold()?;
    // Keys belong to names, not to numbers.
    let base = stage.world.console_url().replace("127.0.0.1", "localhost");
    let mut browser = Browser::start()?;
    browser.open(DESKTOP.0, DESKTOP.1, "light")?;
    browser.go(&format!("{base}/account"))?;
    browser.act("device", json!({}))?;
    browser.fill("Your id", "bo")?;
    browser.fill("Password", PASSWORD)?;
    browser.click("button", "Sign in")?;
    browser.is_at("/account")?;
    browser.is_in_order("an account without a passkey")?;
    browser.fill("What to call it", "Bo's laptop")?;
    browser.fill("Your password", PASSWORD)?;
    browser.click("button", "Add a passkey of this device")?;
    browser.reads("Bo's laptop")?;
    browser.is_in_order("an account with a passkey")?;
    browser.click("button", "Sign out")?;
    browser.is_at("/sign-in")?;
    browser.is_in_order("the door, with a passkey")?;
    browser.click("button", "Sign in with a passkey")?;
    browser.is_at("/")?;

    browser.go(&format!("{base}/holds/{hold}"))?;
    browser.is_in_order("a hold, with a passkey")?;
    browser.click("button", "Approve with a passkey")?;
    browser.reads("Approved, and waits for its agent to come back")?;
    let approved = changes(&stage.world, "hold.approved")?.pop().context("no approval")?;
    let how =
        approved.detail.as_ref().and_then(|detail| detail.pointer("/approvals/0/how")?.as_str().map(str::to_owned));
    ensure!(how.as_deref() == Some("passkey"), "{approved:?}");

    browser.go(&format!("{base}/account"))?;
    browser.click("button", "Remove Bo's laptop")?;
    browser.go(&format!("{base}/account"))?;
    browser.click("button", "Sign out")?;
    browser.click("button", "Sign in with a passkey")?;
    browser.reads("The passkey is not right here.")
}

#[test]
fn a_device_that_makes_no_key_is_told_of_and_a_person_who_changed_their_mind_is_not() -> Result<()> {
    let stage = Stage::start()?;
    stage.with_accounts(&["bo"])?;
    let mut browser = Browser::start()?;
    browser.open(DESKTOP.0, DESKTOP.1, "light")?;
    browser.go(&format!("{}/account", stage.world.console_url().replace("127.0.0.1", "localhost")))?;
    browser.fill("Your id", "bo")?;
    browser.fill("Password", PASSWORD)?;
    browser.click("button", "Sign in")?;
    browser.is_at("/account")?;
    browser.fill("What to call it", "Bo's laptop")?;
    browser.fill("Your password", PASSWORD)?;
    let says = |browser: &mut Browser, name: &str| -> Result<String> {
        let fails =
            format!("navigator.credentials.create = async () => {{ throw new DOMException('', '{name}'); }}; 0");
        browser.act("evaluate", json!({ "code": fails }))?;
        browser.click("button", "Add a passkey of this device")?;
        Ok(browser.act("text", json!({}))?.as_str().unwrap_or_default().to_owned())
    };
    let said = says(&mut browser, "NotAllowedError")?;
    ensure!(!said.contains("did not do it"), "{said}");
    says(&mut browser, "NotSupportedError")?;
    browser.reads("Your browser or device did not do it (NotSupportedError).")?;
    says(&mut browser, "SecurityError")?;
    browser.reads("Your browser or device did not do it (SecurityError).")?;
    browser.is_in_order("an account of a device that makes no key")
}

#[test]
fn where_passkeys_are_not_good_the_page_leads_to_where_they_are() -> Result<()> {
    let listen = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.to_string();
    let url = "https://countersign.example";
    let _stage = Stage::start_with(|world| world.set(&["console"], json!({ "listen": listen, "url": url })))?;
    let mut browser = Browser::start()?;
    browser.open(DESKTOP.0, DESKTOP.1, "light")?;
    browser.go(&format!("http://{listen}/sign-in?next=%2Fholds"))?;
    browser.reads("Passkeys are good at countersign.example only")?;
    let link = browser.act("evaluate", json!({ "code": "document.querySelector('.keys a').href" }))?;
    ensure!(link == json!(format!("{url}/sign-in?next=%2Fholds")), "{link}");
    Ok(())
}

#[test]
fn everything_can_be_reached_with_keys_alone() -> Result<()> {
    let stage = Stage::start()?;
    stage.a_morning()?;
    stage.with_accounts(&["kim"])?;
    let mut browser = Browser::start()?;
    browser.open(DESKTOP.0, DESKTOP.1, "dark")?;
    browser.go(&format!("{}/trace?q=verdict%3Ahold", stage.world.console_url()))?;
    // The cursor stands where one types first.
    browser.act("waitForFocus", json!({ "label": "Your id" }))?;
    browser.act("type", json!({ "text": "kim" }))?;
    browser.press(&["Tab"])?;
    browser.act("type", json!({ "text": PASSWORD }))?;
    browser.press(&["Enter"])?;
    browser.is_at("/trace?q=verdict%3Ahold")?;
    browser.press(&["j", "j"])?;
    let second = browser.act("focused", json!({}))?;
    let href = second.get("href").and_then(|href| href.as_str()).context("no row")?.to_owned();
    browser.press(&["k", "j", "Enter"])?;
    browser.is_at(&href)?;
    browser.press(&["u"])?;
    browser.is_at("/trace")?;
    browser.press(&["g", "h"])?;
    browser.is_at("/holds")?;
    browser.press(&["g", "l"])?;
    browser.is_at("/")?;
    browser.press(&["?"])?;
    browser.reads("next and previous row")?;
    browser.is_in_order("the list of keys")?;
    browser.press(&["Escape", "/"])?;
    browser.is_at("/trace")?;
    browser.act("type", json!({ "text": "agent:sam-helper" }))?;
    browser.press(&["Enter"])?;
    browser.is_at("/trace?q=agent%3Asam-helper")?;
    // Tab alone gets to the content, too.
    browser.go(&format!("{}/holds", stage.world.console_url()))?;
    browser.press(&["Tab", "Enter"])?;
    let at = browser.act("focused", json!({}))?;
    ensure!(at.get("tag") == Some(&"MAIN".into()), "{at}");
    Ok(())
}

#[test]
fn pages_fit_a_phone_and_need_no_script() -> Result<()> {
    let stage = Stage::start()?;
    stage.a_morning()?;
    stage.with_accounts(&["sam"])?;
    let story = intents(&stage.world)?.into_iter().rev().find(|entry| entry.human.as_deref() == Some("sam"));
    let story = format!("/calls/{}", story.context("a call for sam")?.call);
    let mut browser = Browser::start()?;
    for script in [true, false] {
        let (width, height) = PHONE;
        browser.act("open", json!({ "width": width, "height": height, "scheme": "dark", "script": script }))?;
        browser.go(stage.world.console_url())?;
        browser.fill("Your id", "sam")?;
        browser.fill("Password", PASSWORD)?;
        browser.click("button", "Sign in")?;
        browser.is_at("/")?;
        for path in ["/", "/trace", "/holds", "/account", &story, "/trace?q=verdict:"] {
            browser.go(&format!("{}{path}", stage.world.console_url()))?;
            if script {
                // A refused question has a status that Chromium mentions.
                let _mentioned = if path.ends_with(':') { browser.act("noise", json!({}))? } else { json!([]) };
                browser.is_in_order(path)?;
            }
        }
        browser.click("link", "Trace")?;
        browser.is_at("/trace")?;
    }
    Ok(())
}

const OWN_PASSWORD: &str = "Your password, to say that it is you";

/// What `docs/images` shows. Without a folder, that the pictures can be made.
#[test]
fn pictures_are_taken_of_the_pages() -> Result<()> {
    let stage = Stage::start()?;
    stage.with_accounts(&["kim", "bo"])?;
    stage.a_morning()?;
    let hold = stage.hold()?;
    let scratch = tempfile::tempdir()?;
    let folder = pictures_folder().unwrap_or_else(|| scratch.path().to_owned());
    let of = |tool: &str| -> Result<String> {
        let found = intents(&stage.world)?.into_iter().rev().find(|entry| entry.tool.as_deref() == Some(tool));
        Ok(format!("/calls/{}", found.context("such a call")?.call))
    };
    let (story, ran) = (of("search_customers")?, of("propose_change")?);
    let mut browser = Browser::start()?;
    for (device, (width, height)) in [("desktop", DESKTOP), ("phone", PHONE)] {
        for scheme in ["light", "dark"] {
            let picture = |browser: &mut Browser, name: &str, full: bool| {
                let path = folder.join(format!("console-{name}-{device}-{scheme}.png"));
                browser.act("screenshot", json!({ "path": path, "full": full }))?;
                ensure!(path.metadata()?.len() > 10_000, "an empty picture: {}", path.display());
                Ok(())
            };
            browser.open(width, height, scheme)?;
            browser.go(stage.world.console_url())?;
            browser.fill("Your id", "kim")?;
            browser.fill("Password", PASSWORD)?;
            browser.click("button", "Sign in")?;
            browser.reads("New calls appear by themselves")?;
            picture(&mut browser, "live", false)?;
            browser.go(&format!("{}{story}", stage.world.console_url()))?;
            picture(&mut browser, "story", false)?;
            if device == "desktop" {
                browser.go(&format!("{}{ran}?verify=1", stage.world.console_url()))?;
                picture(&mut browser, "proof", true)?;
            }
            browser.open(width, height, scheme)?;
            browser.go(&format!("{}/holds", stage.world.console_url()))?;
            browser.fill("Your id", "bo")?;
            browser.fill("Password", PASSWORD)?;
            browser.click("button", "Sign in")?;
            browser.is_at("/holds")?;
            picture(&mut browser, "holds", false)?;
            browser.go(&format!("{}/holds/{hold}", stage.world.console_url()))?;
            picture(&mut browser, "hold", false)?;
        }
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "where `cargo xtask screenshots` wants the pictures")]
pub(super) fn pictures_folder() -> Option<PathBuf> {
    std::env::var_os("COUNTERSIGN_PICTURES").map(PathBuf::from)
}
