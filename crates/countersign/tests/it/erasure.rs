//! What the trace holds about a person goes for good, and the log still adds up.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::World;

use crate::kit::{changes, intents, pin, records, until, upstream, world};

const PERSON: &str = "canary-cy";
const NAME: &str = "Canary Cyrus";
const VALUE: &str = "canary-argument";

/// A world in which calls were made for two people, one of whom has a name that stands nowhere else.
fn with_calls(app: &testkit::Upstream) -> Result<World> {
    let world = world()
        .app_url("remote", app.url(), None)
        .human(PERSON, json!({ "name": NAME, "role": "support", "department": "support" }))
        .agent("helper", "ana")
        .start()?;
    pin(&world, "remote", "read")?;
    world.client("ana-desktop", "ana")?.call("remote__count", json!({ "for": "ana" }))?;
    for _ in 0..3 {
        world.client("helper", PERSON)?.call("remote__count", json!({ "for": VALUE }))?;
    }
    // In the tables, and not in what follows them only.
    until("the calls have their outcomes", || Ok(intents(&world)?.iter().all(|entry| entry.outcome_leaf.is_some())))?;
    Ok(world)
}

/// Where one of these texts stands, in the data directory and in the checkpoint kept beside it.
fn found(world: &World, texts: &[&str]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![world.folder().join("data")];
    let mut look = |path: &Path| -> Result<()> {
        // Drafts come and go while a gateway runs.
        let bytes = match fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            read => read?,
        };
        for text in texts {
            if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
                found.push(format!("{text} in {}", path.display()));
            }
        }
        Ok(())
    };
    look(&world.folder().join("data.checkpoint"))?;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            match entry.file_type()? {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() => look(&entry.path())?,
                _ => {}
            }
        }
    }
    Ok(found)
}

fn verified(world: &World) -> Result<Value> {
    let said = world.run(&["trace", "verify", "--json"])?;
    ensure!(said.code == 0, "{}{}", said.stdout, said.stderr);
    Ok(serde_json::from_str(&said.stdout)?)
}

fn after(world: &World) -> Result<()> {
    assert_eq!(found(world, &[PERSON, NAME, VALUE])?, Vec::<String>::new());
    let said = verified(world)?;
    // Three calls with their outcomes, and the records that tokens for that person were made.
    let erased = said.pointer("/erased").and_then(Value::as_u64).unwrap_or_default();
    ensure!(erased >= 9, "{said}");
    let listed = world.run_well(&["trace", "query", "agent:helper"])?;
    assert!(listed.contains("(erased)"), "{listed}");
    assert_eq!(world.run_well(&["trace", "query", &format!("human:{PERSON}")])?, "");
    let gone = intents(world)?.into_iter().find(|entry| entry.agent.as_deref() == Some("helper")).context("no call")?;
    let why = world.run_well(&["why", &gone.sequence.to_string()])?;
    assert!(why.contains("(erased)") && why.contains("its body is erased"), "{why}");
    Ok(())
}

#[test]
fn a_person_is_erased_from_a_running_gateway() -> Result<()> {
    let app = upstream()?;
    let mut world = with_calls(&app)?;
    let call = intents(&world)?.pop().context("no call")?.call;
    // The signature follows within half a second.
    until("it is signed", || Ok(world.run(&["trace", "prove", call.as_str(), "--out", "before.receipt"])?.code == 0))?;
    assert!(!found(&world, &[PERSON])?.is_empty());
    let refused = world.run(&["trace", "erase", "--subject", PERSON])?;
    assert!(refused.code == 2 && refused.stderr.contains("--yes"), "{}", refused.stderr);
    assert!(refused.stdout.contains("lose their text"), "{}", refused.stdout);
    let nobody = world.run(&["trace", "erase", "--subject", "nobody", "--yes"])?;
    assert!(nobody.code == 2 && nobody.stderr.contains("holds nothing about"), "{}", nobody.stderr);
    let named = world.run(&["trace", "erase", "--subject", PERSON, "--yes", "--reason", "canary-cy asked"])?;
    assert!(named.code == 2 && named.stderr.contains("without the name"), "{}", named.stderr);

    let said = world.run_well(&["trace", "erase", "--subject", PERSON, "--yes", "--reason", "request 17", "--json"])?;
    let said: Value = serde_json::from_str(&said)?;
    after(&world)?;
    let record = changes(&world, "trace.erase")?.pop().context("no record of it")?;
    assert_eq!(said.pointer("/record"), Some(&json!(record.id.as_str())));
    assert_eq!(record.detail.as_ref().and_then(|detail| detail.get("reason")), Some(&json!("request 17")));
    assert!(!record.subject.context("no subject")?.contains(PERSON));
    let counted = record.detail.as_ref().and_then(|detail| detail.get("counted_to")).and_then(Value::as_u64);
    let place = records(&world)?.into_iter().find(|entry| entry.call == record.id).map(|entry| entry.sequence);
    ensure!(place.is_some() && counted.map(|counted| counted + 1) == place, "{counted:?} {place:?}");
    world.run_well(&["trace", "verify", "before.receipt"])?;

    // Others are as they were, and whoever comes back is somebody new.
    let ana = world.run_well(&["trace", "query", "human:ana"])?;
    assert!(!ana.contains("(erased)") && ana.lines().count() == 1, "{ana}");
    world.client("helper", PERSON)?.call("remote__count", json!({}))?;
    assert_eq!(world.run_well(&["trace", "query", &format!("human:{PERSON}")])?.lines().count(), 1);
    ensure!(world.terminate()? == 0, "{}", world.log());
    verified(&world).map(drop)
}

#[test]
fn a_person_is_erased_while_nothing_runs() -> Result<()> {
    let app = upstream()?;
    let mut world = with_calls(&app)?;
    ensure!(world.terminate()? == 0, "{}", world.log());
    world.run_well(&["trace", "erase", "--subject", PERSON, "--yes"])?;
    after(&world)?;
    world.restart()?;
    after(&world)
}

#[test]
fn whoever_has_left_and_is_erased_is_not_forgotten_while_the_configuration_knows_them() -> Result<()> {
    let app = upstream()?;
    let world = with_calls(&app)?;
    world.run_well(&["people", "offboard", PERSON])?;
    world.run_well(&["trace", "erase", "--subject", PERSON, "--yes"])?;
    let people = world.run_well(&["people", "--json"])?;
    assert!(people.contains("\"active\":false"), "{people}");
    assert_ne!(found(&world, &[PERSON])?, Vec::<String>::new(), "the standing stays");
    assert_eq!(found(&world, &[NAME, VALUE])?, Vec::<String>::new());

    with_people(&world, |people| drop(people.remove(PERSON)))?;
    world.run_well(&["trace", "erase", "--subject", PERSON, "--yes"])?;
    assert_eq!(found(&world, &[PERSON])?, Vec::<String>::new());
    assert!(records(&world)?.len() > 8);
    Ok(())
}

/// Changes who stands in the configuration, and puts that in force.
fn with_people(world: &World, change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> Result<()> {
    let mut parsed: Value = serde_json::from_slice(&fs::read(world.config())?)?;
    change(parsed.get_mut("people").and_then(Value::as_object_mut).context("no people")?);
    fs::write(world.config(), parsed.to_string())?;
    world.run_well(&["reload"]).map(drop)
}

/// Whether this person may act.
fn is_active(world: &World, id: &str) -> Result<bool> {
    let said: Value = serde_json::from_str(&world.run_well(&["people", "--json"])?)?;
    let people = said.get("people").and_then(Value::as_array).context("no people")?;
    let one = people.iter().find(|one| one.get("id") == Some(&json!(id))).context("nobody of that id")?;
    one.get("active").and_then(Value::as_bool).context("no word on it")
}

#[test]
fn whoever_has_left_and_is_erased_does_not_come_back_under_another_spelling() -> Result<()> {
    const SPELT: &str = "Canary-Cy";
    let app = upstream()?;
    let mut world = with_calls(&app)?;
    world.run_well(&["people", "offboard", PERSON])?;
    with_people(&world, |people| {
        let person = people.remove(PERSON).unwrap_or_default();
        people.insert(SPELT.to_owned(), person);
    })?;
    assert!(!is_active(&world, SPELT)?, "before");
    let said = world.run_well(&["trace", "erase", "--subject", PERSON, "--yes"])?;
    assert!(said.contains("another spelling"), "{said}");
    assert!(!is_active(&world, SPELT)?, "after");
    ensure!(world.terminate()? == 0, "{}", world.log());
    world.restart()?;
    assert!(!is_active(&world, SPELT)?, "after a restart");
    Ok(())
}

#[test]
fn erasing_one_spelling_of_two_brings_the_other_not_back() -> Result<()> {
    const SPELT: &str = "Canary-Cy";
    let app = upstream()?;
    let mut world = with_calls(&app)?;
    with_people(&world, |people| {
        let person = people.get(PERSON).cloned().unwrap_or_default();
        people.insert(SPELT.to_owned(), person);
    })?;
    world.run_well(&["people", "offboard", PERSON])?;
    with_people(&world, |people| drop(people.remove(PERSON)))?;
    world.run_well(&["trace", "erase", "--subject", PERSON, "--yes"])?;
    assert!(!is_active(&world, SPELT)?, "after");
    ensure!(world.terminate()? == 0, "{}", world.log());
    world.restart()?;
    assert!(!is_active(&world, SPELT)?, "after a restart");
    Ok(())
}
