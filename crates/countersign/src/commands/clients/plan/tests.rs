use std::path::PathBuf;

use super::super::known::{Client, ClientFile, Surroundings};
use super::{Gatewayed, Plan, numbered};

fn plan(files: &[(Client, &str)]) -> Plan {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<ClientFile> = files
        .iter()
        .enumerate()
        .map(|(number, (client, text))| {
            let path = folder.path().join(format!("{number}.json"));
            std::fs::write(&path, text).unwrap();
            ClientFile { client: *client, path, project: None }
        })
        .collect();
    let environment = |name: &str| (name == "PATH").then(|| "/bin".to_owned());
    let around = Surroundings { home: folder.path(), here: folder.path(), macos: false, environment: &environment };
    let path = PathBuf::from;
    let ours = Gatewayed {
        program: path("/opt/countersign"),
        config: path("/etc/c.yaml"),
        data: path("/etc/countersign-data"),
    };
    let plan = Plan::of(&files, &around, &ours).unwrap();
    for (file, before) in plan.files.iter().map(|file| (&file.path, &file.before)) {
        assert_eq!(&std::fs::read(file).unwrap(), before, "planning changes nothing");
    }
    plan
}

fn check(client: Client, before: &str, after: &str) {
    let plan = plan(&[(client, before)]);
    let file = plan.files.first().unwrap();
    assert_eq!(String::from_utf8(file.after.clone()).unwrap(), after);
}

#[test]
fn only_the_entry_changes_and_it_is_laid_out_like_the_one_before() {
    check(
        Client::ClaudeDesktop,
        r#"{"mcpServers":{"crm":{"command":"sh"}},"theme":"dark"}"#,
        r#"{"mcpServers":{"crm":{ "command": "/opt/countersign", "args": ["connect", "crm", "--config", "/etc/c.yaml"] }},"theme":"dark"}"#,
    );
    check(
        Client::Cursor,
        "{\n\t\"mcpServers\": {\n\t\t\"crm\": {\n\t\t\t\"command\": \"sh\"\n\t\t}\n\t}\n}",
        "{\n\t\"mcpServers\": {\n\t\t\"crm\": {\n\t\t\t\"command\": \"/opt/countersign\",\n\t\t\t\"args\": [\"connect\", \"crm\", \"--config\", \"/etc/c.yaml\"]\n\t\t}\n\t}\n}",
    );
    check(
        Client::VsCode,
        "// mine\r\n{\r\n  \"servers\": {\r\n    \"crm\": { // keep\r\n      \"command\": \"sh\", /* x */\r\n    },\r\n  },\r\n}\r\n",
        "// mine\r\n{\r\n  \"servers\": {\r\n    \"crm\": {\r\n      \"type\": \"stdio\",\r\n      \"command\": \"/opt/countersign\",\r\n      \"args\": [\"connect\", \"crm\", \"--config\", \"/etc/c.yaml\"]\r\n    },\r\n  },\r\n}\r\n",
    );
}

#[test]
fn the_same_server_is_one_app_and_another_of_its_name_is_numbered() {
    let entry = |arguments: &str| format!(r#"{{"mcpServers":{{"crm":{{"command":"sh","args":["{arguments}"]}}}}}}"#);
    let plan = plan(&[
        (Client::ClaudeDesktop, &entry("one")),
        (Client::Cursor, &entry("one")),
        (Client::ClaudeCode, &entry("two")),
        (
            Client::Cursor,
            r#"{"mcpServers":{"CRM":{"command":"sh","args":["two"]},"crm":{"command":"sh","args":["three"]}}}"#,
        ),
    ]);
    let apps: Vec<_> = plan.apps.iter().map(|app| (app.id.as_str(), app.from.len())).collect();
    assert_eq!(apps, [("crm", 2), ("crm-2", 2), ("crm-3", 1)]);
}

#[test]
fn what_cannot_be_moved_is_left_alone_with_a_reason() {
    let plan = plan(&[
        (Client::ClaudeDesktop, "not json"),
        (Client::ClaudeDesktop, ""),
        (Client::ClaudeDesktop, r#"{"other":1}"#),
        (
            Client::Cursor,
            r#"{"mcpServers":{"a":{"command":"/x/countersign","args":["connect","crm"]},"b":{"url":"https://x/sse"}}}"#,
        ),
    ]);
    assert!(plan.files.is_empty() && plan.apps.is_empty());
    let left: Vec<_> = plan.left.iter().map(|left| (left.server.as_deref(), left.why.as_str())).collect();
    assert_eq!(
        left,
        [
            (None, "it cannot be read: line 1, column 1: `n` stands where a value belongs"),
            (Some("a"), "it is behind a gateway already"),
            (Some("b"), "it speaks the HTTP+SSE transport of 2024, which the gateway does not"),
        ]
    );
}

#[test]
fn servers_of_projects_in_the_persons_own_file_move_too() {
    let text = r#"{"projects":{"/work/x":{"mcpServers":{"crm":{"command":"sh"}},"history":[1]}},"mcpServers":{"a":{"command":"sh"}}}"#;
    let plan = plan(&[(Client::ClaudeCode, text)]);
    let places: Vec<_> = plan.files.first().unwrap().entries.iter().map(|entry| entry.place.join("/")).collect();
    assert_eq!(places, ["mcpServers/a", "projects//work/x/mcpServers/crm"]);
}

#[test]
fn numbered_ids_keep_their_length() {
    assert_eq!(numbered("crm", 1), "crm");
    assert_eq!(numbered(&"a".repeat(32), 12), format!("{}-12", "a".repeat(29)));
}

#[test]
fn servers_with_several_secrets_are_the_same_in_any_order() {
    let plan = plan(&[
        (Client::ClaudeDesktop, r#"{"mcpServers":{"c":{"command":"sh","env":{"A_KEY":"abc","B_KEY":"def"}}}}"#),
        (Client::Cursor, r#"{"mcpServers":{"c":{"command":"sh","env":{"B_KEY":"def","A_KEY":"abc"}}}}"#),
        (Client::Cursor, r#"{"mcpServers":{"c":{"command":"sh","env":{"A_KEY":"abc","B_KEY":"other"}}}}"#),
        (Client::Cursor, r#"{"mcpServers":{"c":{"command":"sh","env":{"A_KEY":"abc"}}}}"#),
    ]);
    let apps: Vec<_> = plan.apps.iter().map(|app| (app.id.as_str(), app.from.len())).collect();
    assert_eq!(apps, [("c", 2), ("c-2", 1), ("c-3", 1)]);
}

#[test]
fn no_two_secrets_have_the_same_name() {
    let long = "A".repeat(40);
    let text = format!(
        r#"{{"mcpServers":{{
            "c":{{"command":"sh","env":{{"A_TOKEN":"1a","a-token":"2a","X_KEY":"${{X}}","{long}_KEY":"3a","{long}_PASS":"4a"}}}},
            "c-a-token":{{"command":"sh","env":{{"A_TOKEN":"5a"}}}},
            "c-a":{{"command":"sh","env":{{"TOKEN_2":"6a","TOKEN":"7a"}}}},
            "d":{{"command":"sh","env":{{"E_KEY":"${{X}}"}}}}
        }}}}"#
    );
    let plan = plan(&[(Client::ClaudeCode, &text)]);
    let moved: Vec<_> = plan.secrets().map(|moved| (moved.name.to_owned(), moved.secret.expose().clone())).collect();
    let tail = "a".repeat(32);
    let expected = [
        (format!("c-{tail}"), "3a"),
        (format!("c-{tail}-2"), "4a"),
        ("c-a-token-2".to_owned(), "1a"),
        ("c-a-token-3".to_owned(), "2a"),
        ("c-a-token".to_owned(), "5a"),
        ("c-a-token-4".to_owned(), "7a"),
        ("c-a-token-2-2".to_owned(), "6a"),
    ];
    assert_eq!(moved, expected.map(|(name, secret)| (name, secret.to_owned())));
}
