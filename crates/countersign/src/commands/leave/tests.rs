use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::super::backup::{Restoration, backup_file};
use super::super::init::tests::Home;
use super::{open, plan};

const CURSOR: (&str, &str) = (
    "~/.cursor/mcp.json",
    "{\n  \"mcpServers\": {\n    \"crm\": {\n      \"command\": \"sh\",\n      \"env\": { \"CRM_TOKEN\": \"hunter2\" }\n    },\n    \"mail\": { \"command\": \"sh\" }\n  }\n}\n",
);

/// Moves in, edits the file, leaves; the file then.
async fn edited(edit: impl Fn(&str) -> String) -> String {
    let home = Home::new(&[CURSOR]);
    home.move_in().await.unwrap();
    let path = home.path(CURSOR.0);
    let moved = fs::read_to_string(&path).unwrap();
    let changed = edit(&moved);
    assert_ne!(moved, changed);
    fs::write(&path, changed).unwrap();
    assert!(home.leave());
    fs::read_to_string(&path).unwrap()
}

#[tokio::test]
async fn edits_since_then_stay() {
    let after = edited(|text| text.replace("{\n  \"mcp", "{\n  // mine\n  \"theme\": 1,\n  \"mcp")).await;
    assert_eq!(after, CURSOR.1.replace("{\n  \"mcp", "{\n  // mine\n  \"theme\": 1,\n  \"mcp"));

    let after = edited(|text| text.replace("\"connect\", \"crm\"", "\"connect\", \"crm\", \"--verbose\"")).await;
    assert_eq!(after, CURSOR.1, "an entry of ours that was edited is still ours");

    let written_anew = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap().to_string();
    let after = edited(written_anew).await;
    assert_eq!(written_anew(&after), written_anew(CURSOR.1), "a client may write the whole file anew");

    let after = edited(|text| text.replace("\"crm\": {", "\"customers\": {")).await;
    assert_eq!(after, CURSOR.1.replace("\"crm\": {", "\"customers\": {"), "an entry may be renamed");

    let after = edited(|text| text.replace("/opt/countersign\"", "/opt/gateway-1.2\"")).await;
    assert_eq!(after, CURSOR.1, "the program may be called anything");
}

#[tokio::test]
async fn an_entry_that_is_no_longer_ours_stays() {
    let home = Home::new(&[CURSOR]);
    home.move_in().await.unwrap();
    let path = home.path(CURSOR.0);
    fs::write(&path, "{\"mcpServers\":{\"crm\":{\"command\":\"other\"}}}").unwrap();
    let backup = open(&home.place()).unwrap().unwrap();
    assert_eq!(plan(&backup, &home.place()).unwrap().first().unwrap().1, Restoration::Nothing);
    assert!(home.leave());
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"mcpServers\":{\"crm\":{\"command\":\"other\"}}}");
}

#[tokio::test]
async fn an_entry_of_another_app_or_gateway_stays() {
    let other_app = |text: &str| text.replace("\"connect\", \"crm\"", "\"connect\", \"wiki\"");
    let other_gateway = |text: &str| text.replace("/countersign.yaml\"", "/other.yaml\"");
    let other_program = |text: &str| text.replace("\"--config\"", "\"--verbose\"");
    let edits: [&dyn Fn(&str) -> String; 3] = [&other_app, &other_gateway, &other_program];
    for edit in edits {
        let after = edited(|text| {
            let (before, mail) = text.split_once("\"mail\"").unwrap();
            format!("{}\"mail\"{mail}", edit(before))
        })
        .await;
        assert!(after.contains("\"connect\"") && !after.contains("hunter2"), "{after}");
        assert!(after.contains("\"mail\": { \"command\": \"sh\" }"), "{after}");
    }
}

#[tokio::test]
async fn a_file_that_was_closed_to_others_stays_closed() {
    let home = Home::new(&[CURSOR]);
    home.move_in().await.unwrap();
    let path = home.path(CURSOR.0);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
    assert!(home.leave());
    let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "neither what was closed since nor what was before is open");
}

#[tokio::test]
async fn a_file_that_is_gone_is_made_again_and_one_that_is_broken_waits() {
    let home = Home::new(&[CURSOR]);
    home.move_in().await.unwrap();
    let path = home.path(CURSOR.0);
    let moved = fs::read(&path).unwrap();
    fs::write(&path, "{ broken").unwrap();
    assert!(!home.leave(), "it cannot be put back yet");
    assert_eq!(fs::read(&path).unwrap(), b"{ broken");
    assert!(backup_file(&home.place().data).exists(), "the backup stays");
    fs::write(&path, moved).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(home.leave());
    home.check_untouched();
}

#[tokio::test]
async fn a_backup_that_is_missing_or_was_changed_is_an_error() {
    let home = Home::new(&[CURSOR]);
    let code = || open(&home.place()).map(|_| ()).unwrap_err().code();
    assert_eq!(code(), "operator.no_backup");
    home.move_in().await.unwrap();
    let file = backup_file(&home.place().data);
    let mut sealed = fs::read(&file).unwrap();
    *sealed.last_mut().unwrap() ^= 1;
    fs::write(&file, sealed).unwrap();
    assert_eq!(code(), "seal.damaged");
    fs::remove_file(home.place().data.join("vault.key")).unwrap();
    assert_eq!(code(), "operator.no_key");
    assert!(!home.place().data.join("vault.key").exists(), "looking makes no key");
}
