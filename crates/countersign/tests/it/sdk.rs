//! The official SDKs, unmodified, through the gateway to public servers: they list, call, and understand a refusal.

use anyhow::Result;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Peer, World, everything_command, filesystem_command, program};

use crate::kit::{at, decision, intents, text, world};

#[test]
fn python_over_http() -> Result<()> {
    over_http(Peer::Python)
}

#[test]
fn typescript_over_http() -> Result<()> {
    over_http(Peer::TypeScript)
}

#[test]
fn python_over_stdio() -> Result<()> {
    over_stdio(Peer::Python)
}

#[test]
fn typescript_over_stdio() -> Result<()> {
    over_stdio(Peer::TypeScript)
}

fn over_http(peer: Peer) -> Result<()> {
    let (folder, world) = office()?;
    let (all, of_app) = (world.mcp_url().to_owned(), |app: &str| format!("{}/{app}", world.mcp_url()));
    let token = world.token("ana-desktop", "ana", None)?;
    let talk = |mode: &str, url: &str, tool: &str, arguments: Value| {
        let arguments = arguments.to_string();
        peer.talk(&["--mode", mode, "--call", tool, "--arguments", &arguments, "--url", url, "--token", &token])
    };
    let file = folder.path().join("note.txt").display().to_string();

    let said = talk("auto", &all, "everything__echo", json!({"message": "hello"}))?;
    check_greeting(&said, "2026-07-28");
    assert_eq!(said_text(&said), "Echo: hello", "{said}");
    check_listed(&said, &["everything__echo", "filesystem__read_text_file"], "filesystem__write_file");

    let said = talk("legacy", &all, "filesystem__read_text_file", json!({"path": file}))?;
    check_greeting(&said, "2025-11-25");
    assert_eq!(said_text(&said), "written by a test", "{said}");

    let said = talk("auto", &of_app("filesystem"), "write_file", json!({"path": file, "content": "x"}))?;
    check_listed(&said, &["read_text_file", "list_directory"], "write_file");
    check_refused(&said, "deny", "baseline-destructive")?;

    let said = talk("legacy", &of_app("everything"), "get-env", json!({}))?;
    check_listed(&said, &["echo", "get-env"], "everything__echo");
    check_refused(&said, "hold", "baseline-external-hold")?;

    check_records(&world, ["allow", "allow", "deny", "hold"])?;
    assert_eq!(std::fs::read_to_string(&file)?, "written by a test");
    Ok(())
}

fn over_stdio(peer: Peer) -> Result<()> {
    let (folder, world) = office()?;
    let (binary, config) = (program("countersign")?.display().to_string(), world.config().display().to_string());
    let talk = |mode: &str, app: &[&str], tool: &str, arguments: Value| {
        let arguments = arguments.to_string();
        let words = ["--mode", mode, "--call", tool, "--arguments", &arguments, "--command", &binary, "connect"];
        peer.talk(&[&words[..], app, &["--config", &config]].concat())
    };
    let file = folder.path().join("note.txt").display().to_string();

    let said = talk("auto", &[], "filesystem__read_text_file", json!({"path": file}))?;
    check_greeting(&said, "2026-07-28");
    assert_eq!(said_text(&said), "written by a test", "{said}");

    let said = talk("legacy", &["everything"], "echo", json!({"message": "hello"}))?;
    check_greeting(&said, "2025-11-25");
    assert_eq!(said_text(&said), "Echo: hello", "{said}");
    check_listed(&said, &["echo", "get-env"], "everything__echo");

    let said = talk("auto", &["filesystem"], "write_file", json!({"path": file, "content": "x"}))?;
    check_refused(&said, "deny", "baseline-destructive")?;

    let said = talk("legacy", &[], "everything__get-env", json!({}))?;
    check_refused(&said, "hold", "baseline-external-hold")?;

    check_records(&world, ["allow", "allow", "deny", "hold"])
}

/// The public reference server and file server, as their profiles know them.
fn office() -> Result<(TempDir, World)> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("note.txt"), "written by a test")?;
    let world = world()
        .app_command("everything", &everything_command()?)
        .app_command("filesystem", &filesystem_command(folder.path())?)
        .set(&["apps", "everything", "profile"], json!("everything"))
        .set(&["apps", "filesystem", "profile"], json!("filesystem"))
        .start()?;
    Ok((folder, world))
}

fn check_greeting(said: &Value, protocol: &str) {
    assert_eq!(said.get("protocol"), Some(&json!(protocol)), "{said}");
    assert_eq!(said.get("server"), Some(&json!("countersign")), "{said}");
}

fn check_listed(said: &Value, there: &[&str], not_there: &str) {
    let listed: Vec<&str> =
        said.get("tools").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    assert!(there.iter().all(|tool| listed.contains(tool)), "{said}");
    assert!(!listed.contains(&not_there), "{said}");
}

fn check_refused(said: &Value, verdict: &str, rule: &str) -> Result<()> {
    let result = said.get("result").unwrap_or(said);
    let decision = decision(result)?;
    assert_eq!(decision.get("decision"), Some(&json!(verdict)), "{said}");
    assert_eq!(decision.get("executed"), Some(&json!(false)), "{said}");
    assert_eq!(decision.get("reason_code"), Some(&json!(rule)), "{said}");
    assert!(text(result).contains("nothing was executed"), "{said}");
    Ok(())
}

fn check_records(world: &World, verdicts: [&str; 4]) -> Result<()> {
    let found = intents(world)?;
    let found: Vec<&str> = found.iter().filter_map(|entry| entry.verdict).map(|verdict| verdict.as_str()).collect();
    assert_eq!(found, verdicts);
    Ok(())
}

fn said_text(said: &Value) -> &str {
    at(said, "/result/content/0/text")
}
