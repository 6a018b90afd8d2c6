//! A disk that takes no more: what cannot be recorded does not happen.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use testkit::World;

use super::stand_in;
use crate::kit::{decision, pin, text, upstream};

#[test]
fn what_cannot_be_recorded_does_not_happen() -> Result<()> {
    // The bound is on every file the gateway writes; past it a write fails as on a full disk (EFBIG).
    let (_folder, binary) =
        stand_in("trap '' XFSZ\n[ -f bound ] && ulimit -f \"$(cat bound)\"\nexec \"$REAL\" \"$@\"")?;
    let upstream = upstream()?;
    let mut world = World::builder(binary).app_url("remote", upstream.url(), None).start()?;
    pin(&world, "remote", "write")?;
    world.terminate()?;
    std::fs::write(world.folder().join("bound"), (KIB_MAX).to_string())?;
    world.restart()?;
    let mut client = world.client("ana-desktop", "ana")?;
    let mut call =
        |tag: String| client.call("remote__echo", json!({"text": "x", "tag": tag, "weight": "w".repeat(8_000)}));

    let mut ran = Vec::new();
    let refused = loop {
        let tag = format!("call-{}", ran.len());
        let result = call(tag.clone())?;
        if result.get("isError") != Some(&json!(false)) {
            break result;
        }
        ran.push(tag);
        ensure!(ran.len() < 400, "the disk is never full");
    };
    ensure!(!ran.is_empty(), "the disk was full from the start: {refused}");
    check_refused(&refused)?;
    for number in 0..20 {
        check_refused(&call(format!("later-{number}"))?)?;
    }
    let arrived: Vec<Value> = ran.iter().map(|tag| json!(tag)).collect();
    assert_eq!(upstream.tags(), arrived, "a call left without its record");
    let offboard = world.run(&["people", "offboard", "ben"])?;
    // A short record may find room where the long ones of the calls do not.
    ensure!(matches!(offboard.code, 0 | 2), "{}", offboard.stdout);

    let read = world.run_well(&["trace", "--json", "--limit", "1000"])?;
    assert_eq!(read.lines().filter(|line| !line.is_empty()).count(), ran.len());

    world.kill()?;
    std::fs::remove_file(world.folder().join("bound"))?;
    world.restart()?;
    let mut client = world.client("ana-desktop", "ana")?;
    assert_eq!(client.call_text("remote__echo", json!({"text": "x", "tag": "after"}))?, "x");
    assert_eq!(client.call_text("remote__echo", json!({"text": "y", "tag": "after"}))?, "y");
    let people = world.run_well(&["people", "--json"])?;
    let people: Value = serde_json::from_str(&people)?;
    let has_left = people.to_string().contains("\"active\":false");
    ensure!(
        has_left == (offboard.code == 0),
        "what was confirmed is not what is on disk: {} {people}",
        offboard.stdout
    );
    Ok(())
}

fn check_refused(result: &Value) -> Result<()> {
    let structure = decision(result)?;
    ensure!(structure.get("executed") == Some(&json!(false)), "{result}");
    ensure!(text(result).contains("Nothing was executed"), "{result}");
    ensure!(structure.get("blame") == Some(&json!("operator")), "{result}");
    Ok(())
}

const KIB_MAX: u32 = 400;
