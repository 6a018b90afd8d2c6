//! Contracts with vendors: checked, signed by two people, in force, suspended, changed and ended.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{Upstream, World, WorldBuilder};

use crate::kit::{changes, child, children_of, until, upstream, world};
use crate::people::typed;

const PASSWORD: &str = "correct horse battery";
const DOCUMENT: &str = include_str!("../../../../examples/contracts/acme-screening.md");

/// The example, in a term that no clock leaves.
fn contract() -> String {
    let text = include_str!("../../../../examples/contracts/acme-screening.yaml");
    let text = text.replace("dated: 2026-06-15", "dated: 2019-06-15").replace("from: 2026-07-01", "from: 2020-01-01");
    text.replace("until: 2027-06-30", "until: 2099-06-30")
}

fn world_of_the_office(upstream: &Upstream) -> WorldBuilder {
    world()
        .app_url("ats", upstream.url(), None)
        .human("bob", json!({"name": "Bob"}))
        .human("jo", json!({"name": "Jo"}))
        .set(&["contracts"], json!(["contracts/*.yaml"]))
        .file("contracts/acme-screening.yaml", &contract().replace("Jo Berg", "\"human:jo\""))
        .file("contracts/acme-screening.md", DOCUMENT)
}

fn office(upstream: &Upstream) -> Result<World> {
    opened(world_of_the_office(upstream))
}

fn opened(office: WorldBuilder) -> Result<World> {
    let world = office.start()?;
    for who in ["ana", "bob", "jo"] {
        let code = world.run_well(&["accounts", "invite", who])?;
        typed(&world, &["login", "--password-stdin", "--code", code.trim()], PASSWORD)?;
    }
    Ok(world)
}

fn shown(world: &World) -> Result<Value> {
    Ok(serde_json::from_str(&world.run_well(&["contract", "show", "acme-screening", "--json"])?)?)
}

fn standing(world: &World) -> Result<String> {
    shown(world)?.get("standing").and_then(Value::as_str).map(str::to_owned).context("no standing")
}

fn sign(world: &World, who: &str) -> Result<String> {
    typed(world, &["login", who], PASSWORD)?;
    let digest = shown(world)?.get("digest").and_then(Value::as_str).map(str::to_owned).context("no digest")?;
    let done = world.run(&["contract", "sign", "acme-screening", "--digest", &digest])?;
    Ok(format!("{}{}", done.stdout, done.stderr))
}

fn bundle(world: &World) -> Result<String> {
    let said: Value = serde_json::from_str(&world.run_well(&["reload", "--json"])?)?;
    said.get("bundle").and_then(Value::as_str).map(str::to_owned).context("no bundle")
}

#[test]
fn it_is_in_force_once_two_people_of_ours_have_signed_it_as_it_is() -> Result<()> {
    let upstream = upstream()?;
    let mut world = office(&upstream)?;
    ensure!(standing(&world)? == "unsigned");
    typed(&world, &["login", "ana"], PASSWORD)?;
    let looked = world.run(&["contract", "sign", "acme-screening"])?;
    ensure!(
        looked.code == 1 && looked.stdout.contains("Acme Screening Ltd could read and list `candidate`"),
        "{looked:?}"
    );
    let unsigned = bundle(&world)?;
    let other = format!("sha256:{}", "0".repeat(64));
    let refused = world.run(&["contract", "sign", "acme-screening", "--digest", &other])?;
    ensure!(refused.stderr.contains("what you looked at is not what is in force here"), "{refused:?}");

    ensure!(sign(&world, "jo")?.contains("jo is of the vendor's side"));
    ensure!(sign(&world, "ana")?.contains("a different person has to sign it as well"));
    ensure!(sign(&world, "ana")?.contains("ana has signed it already"));
    ensure!(standing(&world)? == "unsigned");
    ensure!(sign(&world, "bob")?.contains("it is in force"));
    ensure!(standing(&world)? == "active" && bundle(&world)? != unsigned);
    world.restart()?;
    ensure!(standing(&world)? == "active", "a restart signs nothing away");
    let signed = changes(&world, "contract.sign")?;
    ensure!(
        signed.len() == 2 && signed.iter().all(|change| change.subject.as_deref() == Some("contract:acme-screening"))
    );
    ensure!(signed.iter().any(|change| change.by.as_deref() == Some("human:bob")));
    let last =
        signed.iter().find(|change| change.by.as_deref() == Some("human:bob")).and_then(|one| one.detail.as_ref());
    let put_in_force = last.and_then(|detail| detail.get("bundle")).and_then(Value::as_str);
    ensure!(put_in_force == Some(&bundle(&world)?), "{signed:?}");
    Ok(())
}

#[test]
fn what_is_suspended_changed_or_ended_admits_nothing() -> Result<()> {
    let upstream = upstream()?;
    let world = office(&upstream)?;
    for who in ["ana", "bob"] {
        sign(&world, who)?;
    }
    world.run_well(&["contract", "suspend", "acme-screening", "--reason", "a leak"])?;
    ensure!(standing(&world)? == "suspended");
    ensure!(world.run_well(&["contract", "show", "acme-screening"])?.contains(": a leak"));
    world.run_well(&["contract", "resume", "acme-screening"])?;
    ensure!(standing(&world)? == "active");

    let file = world.folder().join("contracts/acme-screening.yaml");
    let before = std::fs::read_to_string(&file)?;
    std::fs::write(&file, before.replace("600/hour", "6000/hour"))?;
    ensure!(standing(&world)? == "active", "nothing changes before somebody puts it in force");
    world.run_well(&["reload"])?;
    ensure!(standing(&world)? == "changed");
    let anew = world.run(&["contract", "sign", "acme-screening"])?;
    ensure!(
        anew.stdout.contains("-           \"most\": 600,") && anew.stdout.contains("+           \"most\": 6000,"),
        "{}",
        anew.stdout
    );
    std::fs::write(&file, before)?;
    world.run_well(&["reload"])?;
    ensure!(standing(&world)? == "active", "what they signed is in force again");

    // A document that is not the one it names keeps everything as it was.
    let document = world.folder().join("contracts/acme-screening.md");
    std::fs::write(&document, DOCUMENT.replace("600 requests", "6,000 requests"))?;
    let refused = world.run(&["reload"])?;
    ensure!(
        refused.code == 2 && refused.stderr.contains("is not the document that this contract stands for"),
        "{refused:?}"
    );
    std::fs::write(&document, DOCUMENT)?;

    let unasked = world.run(&["contract", "terminate", "acme-screening"])?;
    ensure!(unasked.code == 2 && unasked.stderr.contains("--yes") && standing(&world)? == "active", "{unasked:?}");
    world.run_well(&["contract", "terminate", "acme-screening", "--yes"])?;
    ensure!(standing(&world)? == "terminated");
    ensure!(world.run(&["contract", "resume", "acme-screening"])?.code == 2);
    ensure!(sign(&world, "jo")?.contains("of the vendor's side") && sign(&world, "ana")?.contains("begins no more"));
    for what in ["contract.suspend", "contract.resume", "contract.terminate"] {
        ensure!(changes(&world, what)?.len() == 1, "{what}");
    }
    Ok(())
}

/// Children that do not end when they are asked to cost a reload two seconds each.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test measures how long an operator waits")]
fn a_reload_keeps_nobody_from_suspending_a_contract() -> Result<()> {
    let upstream = upstream()?;
    let stubborn = format!("trap '' TERM; exec {}", child(&[])?.join(" "));
    let stubborn = ["sh".to_owned(), "-c".to_owned(), stubborn];
    let apps = ["one", "two", "three", "four"];
    let office = apps.iter().fold(world_of_the_office(&upstream), |office, app| office.app_command(app, &stubborn));
    let world = opened(office)?;
    for who in ["ana", "bob"] {
        sign(&world, who)?;
    }
    until("all children run", || Ok(children_of(world.process_id())?.len() == apps.len()))?;
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(world.config())?)?;
    for app in apps {
        config.pointer_mut("/apps").and_then(Value::as_object_mut).and_then(|table| table.remove(app)).context(app)?;
    }
    std::fs::write(world.config(), config.to_string())?;
    let mut reload = world.command(&["reload"]).stdout(Stdio::null()).spawn()?;
    until("it is under way", || Ok(!changes(&world, "config.reload")?.is_empty()))?;
    let begun = Instant::now();
    let suspended = world.run_well(&["contract", "suspend", "acme-screening", "--reason", "a leak"]);
    let took = begun.elapsed();
    ensure!(reload.wait()?.success(), "{}", world.log());
    suspended?;
    ensure!(took < Duration::from_secs(4), "it waited for a reload: {took:?}");
    ensure!(standing(&world)? == "suspended", "a reload takes nothing back");
    Ok(())
}

#[test]
fn files_and_documents_are_told_of_without_a_gateway() -> Result<()> {
    let world = world()
        .file("new.yaml", &contract().replace("600/hour", "60/hour").replace("file: acme-screening.md", "file: old.md"))
        .file("old.yaml", &contract().replace("file: acme-screening.md", "file: old.md"))
        .file("wrong.yaml", &contract().replace("limits: term", "limit: term"))
        .file("old.md", DOCUMENT)
        .file("acme-screening.md", DOCUMENT)
        .prepare()?;
    let path = |name: &str| world.folder().join(name).display().to_string();
    let checked = world.run_well(&["contract", "check", &path("old.yaml")])?;
    ensure!(checked.starts_with("in order: acme-screening, 21 clauses: 10 enforced at each request"), "{checked}");
    let wrong = world.run(&["contract", "check", &path("wrong.yaml")])?;
    ensure!(wrong.code == 2 && wrong.stderr.contains("did you mean `limits`?"), "{wrong:?}");
    let same = world.run(&["contract", "diff", &path("old.yaml"), &path("old.yaml")])?;
    ensure!(same.code == 0 && same.stdout == "nothing that the gateway does differs\n", "{same:?}");
    let differs = world.run(&["contract", "diff", &path("old.yaml"), &path("new.yaml")])?;
    ensure!(differs.code == 1 && differs.stdout.contains("limits now: At most 60 requests in an hour"), "{differs:?}");
    let told = world.run_well(&["contract", "explain", &path("old.yaml")])?;
    ensure!(told.contains("is not signed by two people: it admits nothing."), "{told}");
    let register = world.run_well(&["contract", "register", &path("old.yaml")])?;
    ensure!(register.lines().count() == 22 && register.contains("person: compliance"), "{register}");
    let of_nobody = "8 looked after by a person, 2 ask nothing of anybody";
    ensure!(register.contains(of_nobody) && !register.contains("person: nobody"), "{register}");
    let drafted = world.run_well(&["contract", "draft", &path("old.md")])?;
    ensure!(drafted.contains("file: \"old.md\"") && drafted.contains("- clause: \"3.2\""), "{drafted}");
    Ok(())
}
