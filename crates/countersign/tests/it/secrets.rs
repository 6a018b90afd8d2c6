//! Canaries: secrets that are looked for wherever they must not be, and found only where they must.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{Finished, UpstreamOptions, World, everything_command};

use crate::kit::{Handmade, at, changes, last_intent, ok, pin, text, upstream, world};

#[test]
fn no_secret_is_where_it_must_not_be() -> Result<()> {
    let outside = tempfile::tempdir()?;
    let file = outside.path().join("credential");
    private_file(&file, FILE)?;
    let echoing = Handmade::with_echo(|heard| {
        let line =
            heard.head.lines().find(|line| line.starts_with("authorization")).unwrap_or("no credential").to_owned();
        let coded = base64(line.rsplit(' ').next().unwrap_or_default());
        let result = json!({"content": [{"type": "text", "text": format!("you sent {line}, that is {coded}")}]});
        Some(ok(&json!({"jsonrpc": "2.0", "id": heard.body.get("id"), "result": result}).to_string()))
    })?;
    let plain = upstream()?;
    let mut world = world()
        .app_url("echoing", &echoing.url, Some("vault:crm"))
        .app_url("plain", plain.url(), Some(&format!("file:{}", file.display())))
        .set(&["apps", "plain", "credential_header"], json!("x-api-key"))
        .app_command("everything", &everything_command()?)
        .set(&["apps", "everything", "profile"], json!("everything"))
        .set(&["apps", "everything", "credential"], json!("env:EVERYTHING_TOKEN"))
        .set(&["apps", "everything", "credential_variable"], json!("API_TOKEN"))
        .rules("env.cedar", PERMIT_ENV)
        .environment("EVERYTHING_TOKEN", ENVIRONMENT)
        .environment("COUNTERSIGN_LOG", "trace")
        .prepare()?;
    let mut said = String::new();
    said.push_str(&set(&world, "crm", VAULT)?.stdout);
    world.restart()?;
    pin(&world, "echoing", "read")?;
    pin(&world, "plain", "read")?;
    let token = world.token("ana-desktop", "ana", None)?;
    let mut client = world.client("ana-desktop", "ana")?;

    let echoed = client.call("echoing__echo", json!({}))?;
    ensure!(text(&echoed).starts_with("you sent authorization: Bearer "), "it did not arrive: {echoed}");
    let outcome = last_intent(&world)?.outcome().context("no outcome")?;
    assert!(outcome.scrubbed >= 2, "{outcome:?}");
    let shown = client.call("everything__get-env", json!({}))?;
    ensure!(text(&shown).contains("API_TOKEN"), "the child got no variable: {shown}");
    ensure!(!text(&shown).contains("EVERYTHING_TOKEN") && !text(&shown).contains("COUNTERSIGN_LOG"), "{shown}");
    client.call("plain__echo", json!({"text": "x"}))?;
    let calls = plain.requests();
    let call = calls.iter().find(|request| at(request, "/body").contains("tools/call")).context("no call arrived")?;
    assert_eq!(at(call, "/headers/x-api-key"), FILE);
    assert_eq!(call.pointer("/headers/authorization"), None);

    std::fs::remove_file(&file)?;
    let failed = client.call("plain__echo", json!({"text": "x"}))?;
    assert_eq!(failed.get("isError"), Some(&json!(true)), "{failed}");
    for answer in [echoed, shown, failed] {
        said.push_str(&answer.to_string());
    }
    let id = last_intent(&world)?.call.to_string();
    for words in [
        &["vault", "list"][..],
        &["vault", "list", "--json"],
        &["trace", "--json", "--changes"],
        &["why", &id, "--json"],
        &["tools", "--json"],
        &["check", "-vv"],
    ] {
        let done = world.run(words)?;
        said.push_str(&done.stdout);
        said.push_str(&done.stderr);
    }
    check_clean("what was said", said.as_bytes())?;
    check_folder(world.folder(), &token)?;
    assert_eq!(world.terminate()?, 0);
    check_folder(world.folder(), &token)
}

#[test]
fn what_an_app_shouts_is_not_repeated() -> Result<()> {
    let shouts = |then: &str| ["sh".to_owned(), "-c".to_owned(), format!("echo \"my key is $API_TOKEN\" >&2; {then}")];
    let upstream = testkit::program("testkit-upstream")?.display().to_string();
    let refuses = Handmade::start(|heard| {
        let sent = heard.head.lines().find(|line| line.starts_with("authorization")).unwrap_or_default();
        let error = json!({"code": -32000, "message": format!("bad key: {sent}"), "data": sent});
        Some(ok(&json!({"jsonrpc": "2.0", "id": heard.body.get("id"), "error": error}).to_string()))
    })?;
    let boasts = Handmade::start(|heard| {
        let sent = heard.head.lines().find(|line| line.starts_with("authorization")).unwrap_or_default();
        let tool =
            json!({"name": "echo", "description": format!("called with {sent}"), "inputSchema": {"type": "object"}});
        let result = json!({"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "tools": [tool]});
        Some(ok(&json!({"jsonrpc": "2.0", "id": heard.body.get("id"), "result": result}).to_string()))
    })?;
    let mut builder = world().app_url("refuses", &refuses.url, Some("env:APP_TOKEN")).app_url(
        "boasts",
        &boasts.url,
        Some("env:APP_TOKEN"),
    );
    for (app, command) in
        [("dies", shouts("exit 1")), ("lives", shouts(&format!("exec {upstream} --stdio --crash-after 1")))]
    {
        builder = builder
            .app_command(app, &command)
            .set(&["apps", app, "credential"], json!("env:APP_TOKEN"))
            .set(&["apps", app, "credential_variable"], json!("API_TOKEN"));
    }
    let mut world = builder.environment("APP_TOKEN", ENVIRONMENT).environment("COUNTERSIGN_LOG", "trace").start()?;
    pin(&world, "lives", "read")?;
    let mut client = world.client("ana-desktop", "ana")?;
    let mut said = client.request("tools/list", json!({}))?.to_string();
    ensure!(said.contains("called with authorization"), "{said}");
    for tool in ["lives__echo", "lives__echo", "dies__echo", "refuses__echo"] {
        said.push_str(&client.call(tool, json!({"text": "x"}))?.to_string());
    }
    let token = world.token("ana-desktop", "ana", None)?;
    let mut ask = |world: &World, words: &[&str]| -> Result<()> {
        let done = world.run(words)?;
        said.push_str(&done.stdout);
        said.push_str(&done.stderr);
        Ok(())
    };
    ask(&world, &["tools", "--json", "--refresh"])?;
    ask(&world, &["doctor"])?;
    world.terminate()?;
    ask(&world, &["doctor"])?;
    ask(&world, &["doctor", "--json"])?;
    ensure!(said.contains("my key is"), "doctor does not show what the child said: {said}");
    check_clean("what was said", said.as_bytes())?;
    check_folder(world.folder(), &token)
}

#[test]
fn the_vault_takes_and_never_gives() -> Result<()> {
    let upstream = testkit::Upstream::start(UpstreamOptions {
        record: true,
        token: Some(VAULT.to_owned()),
        ..UpstreamOptions::default()
    })?;
    let mut world = world().app_url("remote", upstream.url(), Some("vault:crm")).start()?;
    let said = world.run_well(&["tools", "--json"])?;
    let said: Value = serde_json::from_str(&said)?;
    ensure!(at(&said, "/apps/0/error").contains("crm"), "nothing says which secret is missing: {said}");
    assert!(world.run_well(&["vault", "list"])?.contains("the vault is empty"));

    set(&world, "crm", "not-the-right-one")?;
    let set_again = set(&world, "crm", VAULT)?;
    assert!(set_again.stdout.contains("stored `crm`"), "{}", set_again.stdout);
    let listed = world.run_well(&["vault", "list"])?;
    assert!(listed.starts_with("crm ") && listed.contains("version 2"), "{listed}");
    crate::kit::until("the app is reached with the new secret", || {
        Ok(world.run(&["tools", "pin", "remote", "--class", "read", "--yes"])?.code == 0)
    })?;
    let mut client = world.client("ana-desktop", "ana")?;
    assert_eq!(client.call_text("remote__count", json!({}))?, "1");

    for (name, value) in [("", "x"), ("crm", ""), ("a b", "x"), ("a|b", "x")] {
        let refused = set(&world, name, value);
        ensure!(refused.as_ref().is_ok_and(|done| done.code != 0), "`{name}` was taken with `{value}`: {refused:?}");
    }
    let refused = world.run(&["vault", "rm", "crn"])?;
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("did you mean `crm`?"), "{}", refused.stderr);
    world.run_well(&["vault", "rm", "crm"])?;
    let failed = client.call("remote__count", json!({}))?;
    assert_eq!(failed.get("isError"), Some(&json!(true)), "{failed}");
    assert_eq!(upstream.call_count(), 1, "the secret is gone for the very next call");
    assert_eq!((changes(&world, "vault.set")?.len(), changes(&world, "vault.remove")?.len()), (2, 1));

    world.terminate()?;
    set(&world, "crm", VAULT)?;
    world.restart()?;
    assert_eq!(world.client("ana-desktop", "ana")?.call_text("remote__count", json!({}))?, "2");
    Ok(())
}

#[test]
fn a_child_does_not_outlive_its_credential() -> Result<()> {
    let outside = tempfile::tempdir()?;
    let seen = outside.path().join("seen");
    let upstream = testkit::program("testkit-upstream")?.display().to_string();
    let script = format!("echo \"$API_TOKEN\" >> '{}'; exec {upstream} --stdio", seen.display());
    let world = world()
        .app_command("child", &["sh".to_owned(), "-c".to_owned(), script])
        .set(&["apps", "child", "credential"], json!("vault:crm"))
        .set(&["apps", "child", "credential_variable"], json!("API_TOKEN"))
        .environment("OTHER_TOKEN", ENVIRONMENT)
        .prepare()?;
    set(&world, "crm", VAULT)?;
    let mut world = world;
    world.restart()?;
    pin(&world, "child", "read")?;
    let mut client = world.client("ana-desktop", "ana")?;
    let mut check = |wanted: &str| -> Result<()> {
        let result = client.call("child__echo", json!({"text": "x"}))?;
        ensure!(text(&result) == "x", "{result}");
        let started = std::fs::read_to_string(&seen)?;
        ensure!(started.lines().last() == Some(wanted), "started with `{started}`, not with `{wanted}`");
        Ok(())
    };
    let switch = |from: &str, to: &str| -> Result<()> {
        let config = std::fs::read_to_string(world.config())?;
        ensure!(config.contains(from), "{config}");
        std::fs::write(world.config(), config.replace(from, to))?;
        world.run_well(&["reload"]).map(drop)
    };
    check(VAULT)?;
    set(&world, "crm", FILE)?;
    check(FILE)?;
    switch("vault:crm", "env:OTHER_TOKEN")?;
    check(ENVIRONMENT)?;
    switch("env:OTHER_TOKEN", "vault:crm")?;
    check(FILE)?;
    let starts = std::fs::read_to_string(&seen)?.lines().count();
    world.run_well(&["reload"])?;
    check(FILE)?;
    assert_eq!(std::fs::read_to_string(&seen)?.lines().count(), starts, "a reload without a change ends nothing");
    world.run_well(&["vault", "rm", "crm"])?;
    crate::kit::until("the child has ended", || Ok(crate::kit::children_of(world.process_id())?.is_empty()))?;
    let failed = client.call("child__echo", json!({"text": "x"}))?;
    assert_eq!(failed.get("isError"), Some(&json!(true)), "{failed}");
    Ok(())
}

#[test]
fn the_data_directory_is_for_one_user() -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut world = world().start()?;
    set(&world, "crm", VAULT)?;
    let data = world.folder().join("data");
    assert_eq!(std::fs::metadata(&data)?.permissions().mode() & 0o777, 0o700);
    for entry in std::fs::read_dir(&data)? {
        let path = entry?.path();
        let mode = std::fs::symlink_metadata(&path)?.permissions().mode() & 0o077;
        assert_eq!(mode, 0, "{}", path.display());
    }
    world.terminate()?;
    let key = data.join("token.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644))?;
    ensure!(world.restart().is_err(), "a key that others may read is used");
    Ok(())
}

const VAULT: &str = "canary-vault-J7x9qLw2Zt5v";
const FILE: &str = "canary-file-Pq3mV8sK1yRd";
const ENVIRONMENT: &str = "canary-env-T4nB6hXc0WgE";
const PERMIT_ENV: &str =
    r#"@id("show-env") @says("for once") permit (principal, action, resource == Tool::"everything/get-env");"#;

pub(crate) fn set(world: &World, name: &str, value: &str) -> Result<Finished> {
    let mut command = world.command(&["vault", "set", name]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let written = child.stdin.take().context("no stdin")?.write_all(value.as_bytes());
    let output = child.wait_with_output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let done = Finished {
        code: output.status.code().unwrap_or(-1),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    };
    ensure!(written.is_ok() || done.code != 0, "it did not read its input");
    Ok(done)
}

fn private_file(path: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::File::options().write(true).create_new(true).mode(0o600).open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}

/// Every file of the world: configuration, log, database and its write-ahead log, vault, keys.
fn check_folder(folder: &Path, token: &str) -> Result<()> {
    let (mut looked_at, mut left) = (0, vec![folder.to_owned()]);
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let kind = std::fs::symlink_metadata(&path)?.file_type();
            if kind.is_dir() {
                left.push(path);
            } else if kind.is_file() {
                let bytes = std::fs::read(&path)?;
                check_clean(&path.display().to_string(), &bytes)?;
                ensure!(!holds(&bytes, token.as_bytes()), "the agent's token is in {}", path.display());
                looked_at += 1;
            }
        }
    }
    ensure!(looked_at >= 5, "only {looked_at} files were looked at");
    Ok(())
}

fn check_clean(place: &str, bytes: &[u8]) -> Result<()> {
    for canary in [VAULT, FILE, ENVIRONMENT] {
        let lower = canary.to_ascii_lowercase();
        for form in [canary.to_owned(), lower, base64(canary)] {
            ensure!(!holds(bytes, form.as_bytes()), "`{form}` is in {place}");
        }
    }
    Ok(())
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
