//! What is checked afterwards of a contract: when it is due, once, and told where a clause was not kept; and the end of a term.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::World;

use crate::kit::{changes, until};
use crate::people::typed;
use crate::vendors::{Ats, asks, contract, invited, key, office, office_with, sign};

const ASKED: &str = "look_at: \"candidates that were read without an order that is open\"";

/// The example, with a question to the trace where a person looks.
fn asking(what: &str) -> Result<String> {
    let text = contract();
    ensure!(text.contains(ASKED));
    Ok(text.replace(&format!("every: month, {ASKED}"), what))
}

fn found(world: &World) -> Result<Vec<Value>> {
    Ok(changes(world, "contract.audit")?.into_iter().filter_map(|change| change.detail).collect())
}

fn read(world: &World, key: &str, candidate: &str) -> Result<()> {
    let (got, _, body) = asks(world, key, &format!("GET /candidates/{candidate}"), "")?;
    ensure!(got == 200, "{got} {body}");
    Ok(())
}

#[test]
fn a_clause_is_checked_when_it_is_due_and_told_of_where_it_was_not_kept() -> Result<()> {
    let ats = Ats::start()?;
    let asked = asking("every: month, question: \"tool:get_candidate verdict:allow,redact\", at_most: 2/day")?;
    let mut world = office(&ats, &asked)?;
    world.restart()?;
    ensure!(found(&world)?.is_empty(), "nobody has signed it");
    sign(&world)?;
    let key = key(&world, "background-screening")?;
    read(&world, &key, "c_1")?;
    // Years went by unchecked: that is made good once, in one.
    for _ in 0..2 {
        world.restart()?;
        until("it is checked", || Ok(!found(&world)?.is_empty()))?;
    }
    let all = found(&world)?;
    ensure!(all.len() == 1, "{all:#?}");
    let first = all.first().context("none")?;
    ensure!(first.get("held") == Some(&json!(true)) && first.get("looked_at") == Some(&json!(1)), "{first:#}");

    // What was before counts towards how much may be.
    read(&world, &key, "c_0")?;
    let kept = world.run(&["contract", "audit"])?;
    ensure!(kept.code == 0 && kept.stdout.contains("kept, of 1 calls none speaks against it"), "{kept:?}");
    read(&world, &key, "c_2")?;
    let word = world.run(&["contract", "audit", "acme-screening", "--done", "6.3"])?;
    ensure!(word.code == 2 && word.stderr.contains("clause 6.3 is asked of the trace"), "{word:?}");
    let broken = world.run(&["contract", "audit", "acme-screening"])?;
    ensure!(broken.code == 1 && broken.stdout.contains("not kept, 1 of 1 calls"), "{broken:?}");
    let last = found(&world)?.pop().context("none")?;
    let call = last.pointer("/calls/0").and_then(Value::as_str).context("no call")?.to_owned();
    ensure!(broken.stdout.contains(&call), "{broken:?}");
    ensure!(world.run_well(&["trace", "who-approved", &call])?.contains("get_candidate"));
    let status = world.run_well(&["contract", "status"])?;
    ensure!(status.contains("clause 6.3 was not kept: 1 call"), "{status}");
    let doctor = world.run(&["doctor"])?;
    ensure!(doctor.stdout.contains("not kept when it was looked at last: clause 6.3"), "{doctor:?}");
    // Asked again, the calls stand where `doctor` says that they do.
    let again = world.run(&["contract", "audit", "acme-screening"])?;
    let said = "not kept, as it was before: 1 call spoke against it, and none of 0 since";
    ensure!(again.code == 1 && again.stdout.contains(said) && !again.stdout.contains(&call), "{again:?}");
    let doctor = world.run(&["doctor"])?.stdout;
    let command = doctor.split('`').find(|part| part.starts_with("countersign trace query")).context("no command")?;
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    ensure!(world.run_well(&words)?.contains(&call), "{command}");
    let page = world.run_well(&["contract", "evidence", "acme-screening", "--period", "2020..2098"])?;
    ensure!(page.contains("not kept</b> in this period. 1 of 3 requests speak against it"), "{page}");
    Ok(())
}

#[test]
fn hours_and_misunderstandings() -> Result<()> {
    let ats = Ats::start()?;
    // There is no such hour on every day, so whatever was asked was asked outside it.
    let world = office(&ats, &asking("every: week, question: \"verdict:allow,redact\", outside: \"00:00-00:01\"")?)?;
    sign(&world)?;
    let key = key(&world, "background-screening")?;
    read(&world, &key, "c_1")?;
    let clock = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::get("Europe/London")?);
    let audited = world.run(&["contract", "audit", "--json"])?;
    // In the first minute of a day in London it is kept.
    ensure!(audited.code == 1 || (clock.hour() == 0 || clock.hour() == 23), "{audited:?}");
    let strange = asking("every: week, question: \"who:ana\"")?;
    let file = world.folder().join("strange.yaml");
    std::fs::write(&file, strange.replace("file: acme-screening.md", "file: contracts/acme-screening.md"))?;
    let refused = world.run(&["contract", "check", &file.display().to_string()])?;
    ensure!(refused.code == 2 && refused.stderr.contains("there is no key `who`"), "{refused:?}");
    for (question, said) in [
        ("since:7d", "says when"),
        ("kind:change", "is no question about calls"),
        ("by:ana", "is no question about calls"),
    ] {
        let text = asking(&format!("every: week, question: \"{question}\""))?;
        std::fs::write(&file, text.replace("file: acme-screening.md", "file: contracts/acme-screening.md"))?;
        let refused = world.run(&["contract", "check", &file.display().to_string()])?;
        ensure!(refused.code == 2 && refused.stderr.contains(said), "{question}: {refused:?}");
    }
    Ok(())
}

#[test]
fn the_end_of_a_term_is_told_once_for_each_of_its_days() -> Result<()> {
    let ats = Ats::start()?;
    let end = jiff::Zoned::now().checked_add(jiff::Span::new().days(5))?.date();
    let text = contract().replace("until: 2099-06-30", &format!("until: {end}"));
    let mut world = office(&ats, &text)?;
    sign(&world)?;
    let notices = |world: &World| changes(world, "contract.notice");
    for _ in 0..2 {
        world.restart()?;
        until("it is told", || Ok(!notices(&world)?.is_empty()))?;
    }
    // The one of sixty days and that of thirty were missed, and are not given any more.
    let all = notices(&world)?;
    ensure!(all.len() == 1, "{}", all.len());
    let left = all.first().and_then(|one| one.detail.as_ref()?.get("days_left")?.as_i64());
    ensure!(left.is_some_and(|left| (5..=7).contains(&left)), "{left:?}");
    let status = world.run_well(&["contract", "status"])?;
    ensure!(status.contains("ends in "), "{status}");
    typed(&world, &["login", "ana"], "correct horse battery")?;
    let doctor = world.run(&["doctor"])?;
    ensure!(doctor.stdout.contains("in force, and ends in "), "{doctor:?}");
    Ok(())
}

#[test]
fn a_person_says_that_a_clause_was_looked_at_and_the_reminder_is_done_with() -> Result<()> {
    let ats = Ats::start()?;
    let theirs = contract().replace("Jo Berg", "\"human:jo\"");
    let mut world = office_with(&ats, &theirs, |world| world.human("jo", json!({"name": "Jo"})))?;
    invited(&world, "jo")?;
    let said = |world: &World, more: &[&str]| {
        world.run(&[&["contract", "audit", "acme-screening", "--done", "6.3"], more].concat())
    };
    typed(&world, &["login", "ana"], "correct horse battery")?;
    let early = said(&world, &[])?;
    ensure!(early.code == 2 && early.stderr.contains("nobody has signed `acme-screening`"), "{early:?}");
    sign(&world)?;
    world.restart()?;
    until("people are reminded", || Ok(!found(&world)?.is_empty()))?;
    let status = || world.run_well(&["contract", "status"]);
    ensure!(
        status()?.contains("clause 6.3 waits for a person to look at it: candidates that were read"),
        "{}",
        status()?
    );

    typed(&world, &["login", "jo"], "correct horse battery")?;
    let vendor = said(&world, &[])?;
    ensure!(vendor.code == 2 && vendor.stderr.contains("jo is of the vendor's side"), "{vendor:?}");
    typed(&world, &["login", "ana"], "correct horse battery")?;
    let long = format!("Two orders{}", "!".repeat(2_000));
    let done = said(&world, &["--note", &long])?;
    ensure!(done.code == 0 && done.stdout.contains("acme-screening clause 6.3: kept from 2020-01-01"), "{done:?}");
    ensure!(!status()?.contains("6.3"), "{}", status()?);
    let all = changes(&world, "contract.audit")?;
    let last = all.last().context("none")?;
    let detail = last.detail.clone().context("no detail")?;
    ensure!(detail.get("person") == Some(&json!("ana")) && detail.get("held") == Some(&json!(true)), "{detail:#}");
    ensure!(detail.get("note").and_then(Value::as_str).is_some_and(|note| note.len() == 1_000), "{detail:#}");

    // What was found wrong is told as any clause that was not kept; from the day before on, for the rest was looked at.
    let broken = said(&world, &["--not-kept", "--note", "one without an order"])?;
    ensure!(
        broken.code == 1 && broken.stdout.contains("6.3: not kept from ") && !broken.stdout.contains("from 2020"),
        "{broken:?}"
    );
    ensure!(status()?.contains("clause 6.3 was not kept: a person said so"), "{}", status()?);
    let page = world.run_well(&["contract", "evidence", "acme-screening", "--period", "2020..2098"])?;
    ensure!(page.contains("not kept, says ana: one without an order"), "{page}");

    let other = world.run(&["contract", "audit", "acme-screening", "--done", "3.1"])?;
    ensure!(other.code == 2 && other.stderr.contains("clause 3.1 is not one that is checked afterwards"), "{other:?}");
    let none = world.run(&["contract", "audit", "acme-screening", "--done", "9.9"])?;
    ensure!(none.code == 2 && none.stderr.contains("has no clause 9.9"), "{none:?}");
    typed(&world, &["logout"], "")?;
    let stranger = said(&world, &[])?;
    ensure!(stranger.code == 2 && stranger.stdout.is_empty(), "{stranger:?}");
    Ok(())
}
