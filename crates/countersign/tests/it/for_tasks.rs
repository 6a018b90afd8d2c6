//! What a person approves for a task: the value that the rules looked at, and not each call that has it.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{McpClient, World};

use crate::holds::{office_with, sign_in};
use crate::kit::{at, changes, decision, intents, text, upstream};

const TO_BANKS: &str = r#"
policies:
  remote:
    rules:
      - {id: letters, allow: all}
      - {id: to-banks, hold: [echo], when: {arguments: {to: {like: "*bank*"}}}, says: letters to banks are looked at}
"#;

/// The profile of the app knows another tool: who receives what this one sends, nobody can tell.
const TO_OTHERS: &str = r#"
policies:
  remote:
    rules:
      - {id: letters, allow: all}
      - {id: outside, hold: all, unless: {roles: {recipient: {domain: ours.example}}}}
      - {id: no-secret, deny: all, when: {arguments: {text: secret}}}
"#;

fn writes(world: &World, task: &str, to: &str, said: &str) -> Result<Value> {
    let token = world.run_well(&["token", "--agent", "ana-desktop", "--human", "ana", "--task", task])?;
    let mut client = McpClient::modern(world.mcp_url())?.with_token(token.trim());
    client.call("remote__echo", json!({"text": said, "to": to}))
}

#[test]
fn the_same_value_in_the_same_task_is_not_asked_for_again_and_another_one_is() -> Result<()> {
    let upstream = upstream()?;
    let mut world = office_with(&upstream, |world| {
        world.set(&["holds", "wait"], json!("0s")).rules("rules/letters.yaml", TO_BANKS)
    })?;
    let hold = at(decision(&writes(&world, "t1", "my-bank", "one")?)?, "/hold/id").to_owned();
    let other = writes(&world, "t1", "my-bank", "two")?;
    ensure!(at(decision(&other)?, "/hold/state") == "pending", "{other}");
    let shown = world.run_well(&["holds", "show", &hold])?;
    ensure!(shown.contains("to = my-bank: what `--for-task` approves"), "{shown}");
    sign_in(&world, "dan")?;
    ensure!(world.run(&["holds", "approve", "--for-task", &hold])?.code != 0, "Dan may not");
    sign_in(&world, "ben")?;
    let said = world.run_well(&["holds", "approve", "--for-task", &hold])?;
    ensure!(said.contains("remote/echo with to = my-bank"), "{said}");
    ensure!(text(&writes(&world, "t1", "my-bank", "one")?) == "one");
    ensure!(text(&writes(&world, "t1", "my-bank", "two")?) == "two", "it waited, and need not any more");
    world.restart()?;
    ensure!(text(&writes(&world, "t1", "my-bank", "three")?) == "three", "it outlives a restart");
    let run = intents(&world)?.pop().and_then(|entry| entry.intent()).context("no decision")?;
    let by = run.approvals.first().context("no approval")?;
    ensure!(by.by.as_str() == "ben" && by.for_task && by.hold.as_ref().is_some_and(|known| known.as_str() == hold));
    let word = world.run_well(&["trace", "who-approved", run.call.as_str()])?;
    ensure!(word.contains("approved") && word.contains("by human:ben"), "{word}");
    for (task, to) in [("t1", "your-bank"), ("t2", "my-bank")] {
        let waits = writes(&world, task, to, "one")?;
        ensure!(at(decision(&waits)?, "/hold/state") == "pending", "{task} {to}: {waits}");
    }
    ensure!(upstream.call_count() == 3);
    crate::spec::conform(&crate::spec::whole_trace(&world)?)?;

    let listed = world.run_well(&["holds"])?;
    ensure!(listed.contains("approved for its task") && listed.contains("to = my-bank"), "{listed}");
    let said = world.run_well(&["holds", "revoke", &hold])?;
    ensure!(said.contains("such calls are held again"), "{said}");
    ensure!(at(decision(&writes(&world, "t1", "my-bank", "four")?)?, "/hold/state") == "pending");
    ensure!(upstream.call_count() == 3 && changes(&world, "hold.task_revoked")?.len() == 1);
    Ok(())
}

#[test]
fn what_holds_a_tool_without_a_profile_is_approved_with_its_arguments_alone() -> Result<()> {
    let upstream = upstream()?;
    let world = office_with(&upstream, |world| {
        let letters =
            "profile: own\nabout: ours\ntools:\n  send: {class: external, why: it sends, arguments: {to: recipient}}\n";
        let world = world.set(&["holds", "wait"], json!("0s")).rules("rules/letters.yaml", TO_OTHERS);
        world.file("own.yaml", letters).set(&["apps", "remote", "profile"], json!("./own.yaml"))
    })?;
    let hold = at(decision(&writes(&world, "t1", "lisa@partner.example", "hello")?)?, "/hold/id").to_owned();
    let shown = world.run_well(&["holds", "show", &hold])?;
    ensure!(!shown.contains("text = hello"), "{shown}");
    world.run_well(&["holds", "approve", "--for-task", &hold])?;
    ensure!(text(&writes(&world, "t1", "lisa@partner.example", "hello")?) == "hello");
    let other = writes(&world, "t1", "eve@elsewhere.example", "hello")?;
    ensure!(at(decision(&other)?, "/hold/state") == "pending", "{other}");
    ensure!(text(&writes(&world, "t1", "lisa@partner.example", "hello")?) == "hello", "as often as it is asked for");
    ensure!(upstream.call_count() == 2);
    Ok(())
}

#[test]
fn that_people_approved_is_known_when_who_it_was_is_not_any_more() -> Result<()> {
    let upstream = upstream()?;
    let world = office_with(&upstream, |world| {
        world.set(&["holds", "wait"], json!("0s")).rules("rules/letters.yaml", TO_BANKS)
    })?;
    let hold = at(decision(&writes(&world, "t1", "my-bank", "one")?)?, "/hold/id").to_owned();
    world.run_well(&["holds", "approve", "--for-task", &hold])?;
    ensure!(text(&writes(&world, "t1", "my-bank", "one")?) == "one");
    ensure!(text(&writes(&world, "t1", "my-bank", "two")?) == "two");
    let [approved, for_task] = [1, 0].map(|from_last| -> Result<String> {
        let mut run: Vec<_> =
            intents(&world)?.into_iter().filter(|entry| entry.verdict.is_some_and(|v| v.runs())).collect();
        run.reverse();
        Ok(run.get(from_last).context("no call")?.call.as_str().to_owned())
    });
    let (approved, for_task) = (approved?, for_task?);
    let word = |call: &str, word: &str| -> Result<()> {
        let said = world.run_well(&["trace", "who-approved", call])?;
        let json: Value = serde_json::from_str(&world.run_well(&["trace", "who-approved", call, "--json"])?)?;
        ensure!(said.contains(word) && json.get("approved") == Some(&json!(true)), "{said} {json}");
        Ok(())
    };
    word(&for_task, "by human:ben")?;
    crate::retaining::let_go(&world)?;
    word(&for_task, "by people; who is (let go)")?;
    world.run_well(&["trace", "erase", "--subject", "ana", "--yes"])?;
    word(&approved, "by people; who is")
}

#[test]
fn where_nothing_is_approved_for_tasks_each_call_is_approved_by_itself() -> Result<()> {
    let upstream = upstream()?;
    let world = office_with(&upstream, |world| {
        world.set(&["holds", "wait"], json!("0s")).set(&["holds", "for_task"], json!("0s"))
    })?;
    let hold = at(decision(&writes(&world, "t1", "my-bank", "one")?)?, "/hold/id").to_owned();
    let refused = world.run(&["holds", "approve", "--for-task", &hold])?;
    ensure!(refused.code != 0 && refused.stderr.contains("nothing is approved for whole tasks here"), "{refused:?}");
    world.run_well(&["holds", "approve", &hold])?;
    ensure!(text(&writes(&world, "t1", "my-bank", "one")?) == "one");
    Ok(())
}
