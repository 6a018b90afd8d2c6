//! Pages of contracts: who sees them, what they say, and pictures of them.

use anyhow::{Result, ensure};
use serde_json::json;
use testkit::World;

use super::browser::Browser;
use super::walk::pictures_folder;
use crate::vendors::{Ats, asks, contract, invited, key, office_with, sign};

const PASSWORD: &str = "correct horse battery";

fn busy(ats: &Ats) -> Result<World> {
    let world = office_with(ats, &contract(), |world| {
        world.set(&["console"], json!({ "listen": "127.0.0.1:0" })).human("kim", json!({ "name": "Kim Sato" }))
    })?;
    invited(&world, "kim")?;
    sign(&world)?;
    let key = key(&world, "background-screening")?;
    for asked in [
        "GET /candidates/c_0",
        "GET /candidates/c_1",
        "GET /candidates?client_id=northwind&_limit=5",
        "GET /candidates?client_id=contoso&_limit=5",
        "GET /candidates?client_id=northwind&_sort=compensation",
        "GET /candidates/x_0",
    ] {
        asks(&world, &key, asked, "")?;
    }
    Ok(world)
}

fn sign_in(browser: &mut Browser, world: &World, who: &str) -> Result<()> {
    browser.go(&format!("{}/contracts", world.console_url()))?;
    browser.fill("Your id", who)?;
    browser.fill("Password", PASSWORD)?;
    browser.click("button", "Sign in")?;
    browser.is_at("/contracts")
}

#[test]
fn pictures_are_taken_of_contracts() -> Result<()> {
    let ats = Ats::start()?;
    let world = busy(&ats)?;
    let scratch = tempfile::tempdir()?;
    let folder = pictures_folder().unwrap_or_else(|| scratch.path().to_owned());
    let mut browser = Browser::start()?;
    for (device, width, height) in [("desktop", 1280, 800), ("phone", 390, 844)] {
        for scheme in ["light", "dark"] {
            browser.open(width, height, scheme)?;
            sign_in(&mut browser, &world, "ana")?;
            browser.is_in_order(&format!("the contracts on a {device} in {scheme}"))?;
            browser.press(&["j", "Enter"])?;
            browser.is_at("/contracts/acme-screening")?;
            for said in [
                "Two people signed exactly this",
                "Acme Screening Ltd may read and list",
                "of 600 requests in an hour",
                "Not looked at yet",
                "21 clauses: 10 enforced at each request",
                "This contract is about the data of northwind, and this asks for",
                "Clause 1.2",
            ] {
                browser.reads(said)?;
            }
            browser.is_in_order(&format!("a contract on a {device} in {scheme}"))?;
            let path = folder.join(format!("console-contract-{device}-{scheme}.png"));
            browser.act("screenshot", json!({ "path": path, "full": false }))?;
            ensure!(path.metadata()?.len() > 10_000, "an empty picture: {}", path.display());
            browser.press(&["u"])?;
            browser.is_at("/contracts")?;
        }
    }
    Ok(())
}

#[test]
fn a_contract_is_seen_by_those_whom_it_concerns() -> Result<()> {
    let ats = Ats::start()?;
    let world = busy(&ats)?;
    let mut browser = Browser::start()?;
    browser.open(1280, 800, "light")?;
    sign_in(&mut browser, &world, "kim")?;
    browser.reads("No contract concerns you")?;
    browser.go(&format!("{}/contracts/acme-screening", world.console_url()))?;
    browser.reads("There is no contract `acme-screening` that concerns you")?;
    browser.act("noise", json!({}))?;
    // Bob owns the app. What was checked and not kept, and that it was suspended, he reads there.
    world.run_well(&["contract", "audit"])?;
    world.run_well(&["contract", "suspend", "acme-screening"])?;
    browser.open(1280, 800, "light")?;
    sign_in(&mut browser, &world, "bob")?;
    browser.click("link", "Background Screening Agreement")?;
    browser.reads("It admits nothing until it is resumed")?;
    browser.reads("For a person to look at")?;
    browser.reads("countersign contract audit acme-screening --done")?;
    browser.press(&["g", "c"])?;
    browser.is_at("/contracts")
}
