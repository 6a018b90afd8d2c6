//! Emergencies: two people let an agent's calls run without approvals, for a while, and everybody sees it.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::World;

use crate::holds::{client, office_with, sign_in};
use crate::kit::{at, changes, decision, intents, text, upstream};

const OPEN: [&str; 8] =
    ["holds", "emergency", "open", "--agent", "ana-desktop", "--reason", "the shop is down", "--app=remote"];

fn office(upstream: &testkit::Upstream) -> Result<World> {
    office_with(upstream, |world| {
        world
            .set(&["holds", "wait"], json!("0s"))
            .set(&["holds", "emergency", "approvers"], json!(["human:ben", "human:dan", "human:ana"]))
    })
}

fn only(world: &World) -> Result<String> {
    let said: Value = serde_json::from_str(&world.run_well(&["holds", "emergency", "--json"])?)?;
    let id = said.pointer("/emergencies/0/emergency").and_then(Value::as_str);
    Ok(id.context("there is none")?.to_owned())
}

#[test]
fn two_people_let_calls_run_and_each_of_those_says_so() -> Result<()> {
    let upstream = upstream()?;
    let mut world = office(&upstream)?;
    let ask = |world: &World, said: &str| client(world, "2026-07-28")?.call("remote__echo", json!({"text": said}));
    sign_in(&world, "ana")?;
    let own = world.run(&OPEN)?;
    ensure!(own.code != 0 && own.stderr.contains("nobody opens an emergency for their own agent"), "{}", own.stderr);
    sign_in(&world, "ben")?;
    world.run_well(&OPEN)?;
    let id = only(&world)?;
    let alone = world.run(&["holds", "emergency", "countersign", &id])?;
    ensure!(alone.code != 0 && alone.stderr.contains("another person has to countersign it"), "{}", alone.stderr);
    ensure!(at(decision(&ask(&world, "one")?)?, "/hold/state") == "pending");
    sign_in(&world, "dan")?;
    let said = world.run_well(&["holds", "emergency", "countersign", &id])?;
    ensure!(said.contains("need no approval"), "{said}");
    ensure!(text(&ask(&world, "one")?) == "one" && upstream.call_count() == 1);
    world.restart()?;
    ensure!(text(&ask(&world, "two")?) == "two" && upstream.call_count() == 2, "it outlives a restart");

    let run = intents(&world)?.pop().and_then(|entry| entry.intent()).context("no decision")?;
    let by: Vec<&str> = run.approvals.iter().map(|approval| approval.by.as_str()).collect();
    ensure!(by == ["ben", "dan"], "{:?}", run.approvals);
    ensure!(run.approvals.iter().all(|approval| {
        approval.hold.is_none() && approval.emergency.as_ref().is_some_and(|known| known.as_str() == id)
    }));
    let word = world.run_well(&["trace", "who-approved", run.call.as_str()])?;
    ensure!(word.contains("emergency") && word.contains("human:ben") && word.contains("human:dan"), "{word}");
    let listed = world.run_well(&["holds"])?;
    ensure!(listed.contains("Ben Okafor and Dan Roe") && listed.contains("the shop is down"), "{listed}");
    let doctor = world.run(&["doctor"])?;
    ensure!(doctor.stdout.contains("need no approval"), "{}", doctor.stdout);
    crate::spec::conform(&crate::spec::whole_trace(&world)?)?;

    let closed = world.run_well(&["holds", "emergency", "close", &id])?;
    ensure!(closed.contains("calls are held again"), "{closed}");
    ensure!(at(decision(&ask(&world, "three")?)?, "/hold/state") == "pending" && upstream.call_count() == 2);
    for what in ["emergency.asked", "emergency.opened", "emergency.closed"] {
        ensure!(changes(&world, what)?.len() == 1, "{what}");
    }
    world.run_well(&["trace", "erase", "--subject", "ana", "--yes"])?;
    let word = world.run_well(&["trace", "who-approved", run.call.as_str()])?;
    ensure!(word.contains("by people; who is (erased)"), "{word}");
    Ok(())
}

#[test]
fn nobody_is_named_so_there_are_none() -> Result<()> {
    let upstream = upstream()?;
    let world = office_with(&upstream, |world| world)?;
    let refused = world.run(&OPEN)?;
    ensure!(refused.code != 0 && refused.stderr.contains("nobody is named who may open an emergency"));
    ensure!(refused.stderr.contains("holds: {emergency:"), "{}", refused.stderr);
    Ok(())
}
