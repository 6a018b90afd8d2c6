//! What happens while a call of a row waits.

use anyhow::{Result, anyhow, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::{McpClient, World};

use super::Call;
use crate::kit::{records, text, until};
use crate::people::typed;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Meanwhile {
    /// Ben approves it.
    Approved,
    /// Ben denies it.
    Denied,
    /// It becomes known where Carl works.
    Known,
    /// Nothing.
    Nothing,
}

/// Ben may approve, and is signed in.
pub(super) fn sign_in(world: &World) -> Result<()> {
    let code = world.run_well(&["accounts", "invite", "ben"])?;
    typed(world, &["login", "--password-stdin", "--code", code.trim()], "correct horse battery").map(drop)
}

/// Makes the call, and does meanwhile what the row says. What its client is told.
pub(super) fn call(world: &World, mut client: McpClient, name: &str, call: &Call) -> Result<Value> {
    let Some(meanwhile) = call.meanwhile else { return client.call(name, call.arguments.clone()) };
    let before = steps(world)?.len();
    let (tool, arguments) = (name.to_owned(), call.arguments.clone());
    let asking = std::thread::spawn(move || client.call(&tool, arguments));
    if meanwhile != Meanwhile::Nothing {
        let mut hold = String::new();
        until("it waits, and its client with it", || {
            let said: Value = serde_json::from_str(&world.run_well(&["holds", "list", "--json"])?)?;
            let waits = said.pointer("/holds/0/clients_waiting").and_then(Value::as_u64) > Some(0);
            hold = said.pointer("/holds/0/hold").and_then(Value::as_str).unwrap_or_default().to_owned();
            Ok(waits)
        })?;
        match meanwhile {
            Meanwhile::Approved => drop(world.run_well(&["holds", "approve", &hold])?),
            Meanwhile::Denied => drop(world.run_well(&["holds", "deny", &hold])?),
            Meanwhile::Known | Meanwhile::Nothing => know(world)?,
        }
    }
    let said = asking.join().map_err(|_| anyhow!("the client broke"))??;
    if let Some(begins) = &call.says {
        ensure!(text(&said).starts_with(begins.as_str()), "{said}");
    }
    let mut taken = Vec::new();
    until("every step is on record", || {
        taken = steps(world)?.split_off(before);
        Ok(taken.len() >= call.steps.len())
    })?;
    ensure!(taken == call.steps, "{taken:?}");
    Ok(said)
}

/// The steps of all holds, in their order.
fn steps(world: &World) -> Result<Vec<String>> {
    let changes = records(world)?;
    let what = changes.iter().filter_map(|entry| entry.change()).map(|change| change.what);
    Ok(what.filter(|what| what.starts_with("hold.")).collect())
}

/// Somebody writes down where Carl works.
fn know(world: &World) -> Result<()> {
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(world.config())?)?;
    if let Some(carl) = config.pointer_mut("/people/carl").and_then(Value::as_object_mut) {
        carl.insert("department".to_owned(), json!("engineering"));
    }
    std::fs::write(world.config(), config.to_string())?;
    world.run_well(&["reload"]).map(drop)
}
