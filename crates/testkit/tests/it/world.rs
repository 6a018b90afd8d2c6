//! The world around a stand-in for the binary: starting, killing, commands, what is written where.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Value, json};
use testkit::World;

#[test]
fn a_world_starts_dies_and_starts_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let builder = World::builder(stand_in(folder.path())?).app_url("remote", "http://127.0.0.1:9/mcp", Some("env:T"));
    let mut world = builder.environment("T", "secret").rules("rules/a.cedar", "// none\n").start()?;
    assert_eq!(world.mcp_url(), "http://127.0.0.1:1/mcp");
    let (first, file) = (world.process_id(), world.folder().join("rules/a.cedar"));
    assert!(first > 0 && file.exists());
    world.kill()?;
    assert_eq!((world.mcp_url(), world.process_id()), ("", 0));
    world.restart()?;
    assert_ne!(world.process_id(), first);
    assert_eq!(world.terminate()?, 7);
    assert_eq!(world.log(), "started with secret\nstarted with secret\n");
    let kept = world.folder().to_owned();
    drop(world);
    assert!(!kept.exists());
    Ok(())
}

#[test]
fn commands_get_the_configuration() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let world = World::builder(stand_in(folder.path())?)
        .app_command("tool", &["true".to_owned()])
        .set(&["limits", "holds_max"], json!(3))
        .set(&["people", "ben"], Value::Null)
        .prepare()?;
    assert_eq!(world.token("ana-desktop", "ana", None)?, "token --agent ana-desktop --human ana");
    assert_eq!(world.token("a", "h", Some("app"))?, "token --agent a --human h --app app");
    assert_eq!(world.trace()?, [json!({"a": 1}), json!({"b": 2})]);
    assert_eq!(world.run(&["nonsense"])?.code, 64);
    assert!(world.run_well(&["nonsense"]).is_err());
    let config: Value = serde_json::from_str(&std::fs::read_to_string(world.config())?)?;
    assert_eq!(config.pointer("/limits/holds_max"), Some(&json!(3)));
    assert_eq!(config.pointer("/people/ben"), None);
    assert_eq!(config.pointer("/apps/tool/command"), Some(&json!(["true"])));
    Ok(())
}

#[test]
fn a_gateway_that_does_not_start_says_why() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let started = World::builder(stand_in(folder.path())?).environment("REFUSE", "yes").start();
    let said = started.err().map(|error| format!("{error:#}")).unwrap_or_default();
    assert!(said.contains("did not say where it listens") && said.contains("the configuration is wrong"), "{said}");
    Ok(())
}

fn stand_in(folder: &std::path::Path) -> Result<PathBuf> {
    let file = folder.join("countersign");
    std::fs::write(&file, STAND_IN)?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))?;
    Ok(file)
}

const STAND_IN: &str = r#"#!/bin/sh
case "$1" in
serve)
  if [ -n "$REFUSE" ]; then echo "the configuration is wrong" >&2; exit 2; fi
  echo "started with $T" >&2
  trap 'exit 7' TERM
  echo '{"listening":"http://127.0.0.1:1","mcp":"http://127.0.0.1:1/mcp"}'
  while :; do sleep 0.05; done ;;
token) echo "${*%% --config *}" ;;
trace) printf '{"a":1}\n{"b":2}\n' ;;
*) exit 64 ;;
esac
"#;
