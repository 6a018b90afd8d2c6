use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::super::backup::{Restoration, backup_file};
use super::super::init::tests::Home;
use super::super::place::Place;
use super::{open, plan, staying};

const CURSOR: (&str, &str) = (
    "~/.cursor/mcp.json",
    "{\n  \"mcpServers\": {\n    \"crm\": {\n      \"command\": \"sh\",\n      \"env\": { \"CRM_TOKEN\": \"hunter2\" }\n    },\n    \"mail\": { \"command\": \"sh\" }\n  }\n}\n",
);

type Edit<'e> = &'e dyn Fn(&str) -> String;

/// Moves in, edits the file, leaves; the file then.
async fn edited(edit: impl Fn(&str) -> String) -> String {
    let (after, whole) = edited_to(edit).await;
    assert!(whole, "{after}");
    after
}

/// The same, with whether everything of ours is gone. Another configuration stands beside ours.
async fn edited_to(edit: impl Fn(&str) -> String) -> (String, bool) {
    let home = Home::new(&[CURSOR, ("other.yaml", "data: other"), ("second.yaml", "# the same data directory\n")]);
    home.move_in().await.unwrap();
    let path = home.path(CURSOR.0);
    let moved = fs::read_to_string(&path).unwrap();
    let changed = edit(&moved);
    assert_ne!(moved, changed);
    fs::write(&path, changed).unwrap();
    let whole = home.leave();
    assert_eq!(backup_file(&home.place().data).exists(), !whole, "the backup stays for what is left of ours");
    (fs::read_to_string(&path).unwrap(), whole)
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

    let after = edited(|text| text.replace("/countersign.yaml\"", "/second.yaml\"")).await;
    assert_eq!(after, CURSOR.1, "another configuration of this gateway may be named");

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
    // It leads through this gateway, whoever wrote it.
    let other_app = |text: &str| text.replace("\"connect\", \"crm\"", "\"connect\", \"wiki\"");
    let other_gateway = |text: &str| text.replace("/countersign.yaml\"", "/other.yaml\"");
    // Whose they are cannot be told: no configuration is named, or none that is there.
    let no_gateway = |text: &str| text.replace("\"--config\"", "\"--verbose\"");
    let lost_gateway = |text: &str| text.replace("/countersign.yaml\"", "/lost.yaml\"");
    let edits: [(Edit<'_>, bool); 4] =
        [(&other_app, false), (&other_gateway, true), (&no_gateway, false), (&lost_gateway, false)];
    for (edit, all_gone) in edits {
        let (after, whole) = edited_to(|text| {
            let (before, mail) = text.split_once("\"mail\"").unwrap();
            format!("{}\"mail\"{mail}", edit(before))
        })
        .await;
        assert_eq!(whole, all_gone, "{after}");
        assert!(after.contains("\"connect\"") && !after.contains("hunter2"), "{after}");
        assert!(after.contains("\"mail\": { \"command\": \"sh\" }"), "{after}");
    }
}

#[tokio::test]
async fn an_entry_through_this_gateway_that_is_none_of_init_keeps_the_backup() {
    let home = Home::new(&[CURSOR]);
    home.move_in().await.unwrap();
    let path = home.path(CURSOR.0);
    let moved = fs::read_to_string(&path).unwrap();
    let copied = moved.replace("\"mcpServers\": {", "\"mcpServers\": {\n    \"more\": OURS,");
    let entry = moved.split_once("\"crm\": ").unwrap().1.split_once('}').unwrap().0;
    fs::write(&path, copied.replace("OURS", &format!("{entry}}}"))).unwrap();
    let (backup, place) = (open(&home.place()).unwrap().unwrap(), home.place());
    let said = staying(&plan(&backup, &place).unwrap().first().unwrap().1, &place.config);
    let expected = "  `mcpServers.more` starts `countersign connect` through this gateway and is none of `init`, and stays as it is: take it out";
    assert_eq!(said, [expected]);
    assert!(!home.leave() && backup_file(&place.data).exists());
    let now = fs::read_to_string(&path).unwrap();
    assert!(now.contains("hunter2") && now.matches("\"connect\"").count() == 1, "what is ours is put back: {now}");
    fs::write(&path, CURSOR.1).unwrap();
    assert!(home.leave() && !backup_file(&place.data).exists());
}

#[tokio::test]
async fn an_entry_that_was_there_before_init_is_the_clients_own() {
    let own = "{\"mcpServers\":{\"own\":{\"command\":\"/opt/countersign\",\"args\":[\"connect\",\"crm\",\"--config\",\"CONFIG\"]},\"crm\":{\"command\":\"sh\"}}}";
    let home = Home::new(&[("~/.cursor/mcp.json", "")]);
    let path = home.path(CURSOR.0);
    let own = own.replace("CONFIG", &home.place().config.display().to_string());
    fs::write(&path, &own).unwrap();
    home.move_in().await.unwrap();
    fs::write(&path, format!("{}\n", fs::read_to_string(&path).unwrap())).unwrap();
    assert!(home.leave());
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{own}\n"));
}

#[tokio::test]
async fn a_project_that_was_renamed_is_put_back_where_it_is() {
    let project = (".mcp.json", CURSOR.1);
    let home = Home::new(&[project]);
    home.move_in().await.unwrap();
    let old = home.place().config.parent().unwrap().to_owned();
    let new = old.with_file_name("renamed");
    fs::rename(&old, &new).unwrap();
    let moved = Place::of(Path::new("countersign.yaml"), &new);
    assert!(home.leave_by(&moved));
    assert_eq!(fs::read_to_string(new.join(".mcp.json")).unwrap(), CURSOR.1);
    assert!(!old.exists(), "the folder of before is not made again");
}

#[tokio::test]
async fn a_folder_that_is_gone_is_not_made_again() {
    let home = Home::new(&[(".mcp.json", CURSOR.1)]);
    home.move_in().await.unwrap();
    let old = home.place().config.parent().unwrap().to_owned();
    let new = old.with_file_name("renamed");
    let edited = format!("{}\n", fs::read_to_string(home.path(".mcp.json")).unwrap());
    fs::write(home.path(".mcp.json"), edited).unwrap();
    fs::rename(&old, &new).unwrap();
    let moved = Place::of(Path::new("countersign.yaml"), &new);
    let backup = open(&moved).unwrap().unwrap();
    assert_eq!(plan(&backup, &moved).unwrap().first().unwrap().1, Restoration::NoFolder);
    assert!(!home.leave_by(&moved) && !old.exists() && backup_file(&moved.data).exists());
    std::os::unix::fs::symlink(&new, &old).unwrap();
    assert!(home.leave_by(&moved), "as it is told");
    assert_eq!(fs::read_to_string(new.join(".mcp.json")).unwrap(), format!("{}\n", CURSOR.1));
}

#[tokio::test]
async fn what_nobody_can_tell_says_what_is_missing_in_it() {
    let relative = |text: &str| text.replace("\"--config\", \"", "\"--config\", \"../..");
    let without = |text: &str| text.replace("\"--config\"", "\"--verbose\"");
    let lost = |text: &str| text.replace("/countersign.yaml\"", "/lost.yaml\"");
    let unnamed = Some("and names no configuration by its whole path, and stays as it is");
    let not_there = Some("by a configuration that is not there, and stays as it is");
    let other = |edit: Edit<'_>, text: &str| edit(text).replace("/opt/countersign\"", "/opt/other\"");
    let (other_without, other_lost) = (|text: &str| other(&without, text), |text: &str| other(&lost, text));
    let edits: [(Edit<'_>, Option<&str>); 5] = [
        (&relative, unnamed),
        (&without, unnamed),
        (&lost, not_there),
        // Another program may take the same words.
        (&other_without, None),
        (&other_lost, None),
    ];
    for (edit, said) in edits {
        let home = Home::new(&[CURSOR]);
        home.move_in().await.unwrap();
        let path = home.path(CURSOR.0);
        let moved = fs::read_to_string(&path).unwrap();
        let (before, mail) = moved.split_once("\"mail\"").unwrap();
        fs::write(&path, format!("{}\"mail\"{mail}", edit(before))).unwrap();
        let (backup, place) = (open(&home.place()).unwrap().unwrap(), home.place());
        let lines: Vec<String> =
            plan(&backup, &place).unwrap().iter().flat_map(|(_, what)| staying(what, &place.config)).collect();
        let here = format!("name `{}` in it, or take it out", place.config.display());
        let astray: Vec<bool> =
            lines.iter().map(|line| said.is_some_and(|said| line.contains(said) && line.ends_with(&here))).collect();
        assert_eq!(astray.contains(&true), said.is_some(), "{lines:?}");
        assert_eq!(home.leave(), said.is_none(), "{lines:?}");
    }
}

#[tokio::test]
async fn the_configuration_may_be_named_in_any_way() {
    for (name, folder) in [("../countersign.yaml", "sub"), ("linked.yaml", "")] {
        let home = Home::new(&[CURSOR]);
        home.move_in().await.unwrap();
        fs::create_dir(home.path("sub")).unwrap();
        std::os::unix::fs::symlink(home.path("countersign.yaml"), home.path("linked.yaml")).unwrap();
        let path = home.path(CURSOR.0);
        fs::write(&path, format!("{}\n", fs::read_to_string(&path).unwrap())).unwrap();
        assert!(home.leave_by(&Place::of(Path::new(name), &home.path(folder))), "{name}");
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", CURSOR.1), "{name}");
    }
}

#[tokio::test]
async fn the_backup_stays_where_a_project_was_moved() {
    let home = Home::new(&[CURSOR]);
    home.move_in().await.unwrap();
    let path = home.path(CURSOR.0);
    let edited = format!("{}\n", fs::read_to_string(&path).unwrap());
    fs::write(&path, &edited).unwrap();
    let elsewhere = home.path("").with_file_name("elsewhere");
    fs::rename(home.path(""), &elsewhere).unwrap();
    let moved = Place::of(Path::new("countersign.yaml"), &elsewhere);
    assert!(!home.leave_by(&moved));
    assert_eq!(fs::read_to_string(&path).unwrap(), edited, "whose the entry is cannot be told");
    assert!(backup_file(&moved.data).exists());
    // Its path corrected, it is ours.
    let ours = |path: &Path| path.display().to_string();
    fs::write(&path, edited.replace(&ours(&home.place().config), &ours(&moved.config))).unwrap();
    assert!(home.leave_by(&moved));
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", CURSOR.1));
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
