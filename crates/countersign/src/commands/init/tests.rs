use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use broker::{Vault, VaultKey};
use json::Document;
use model::{AgentId, HumanId};
use tempfile::TempDir;

use super::super::backup::backup_file;
use super::super::clients::{Gatewayed, Plan, Surroundings, blank, find, place_of};
use super::super::leave;
use super::super::place::Place;
use super::{Settled, move_in, not_for_git};
use crate::config::Config;
use crate::gateway::files;
use crate::terminal::Look;

/// A home and a project with the configurations of clients.
pub(crate) struct Home {
    folder: TempDir,
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Home {
    /// `~` stands for the home, anything else is in the project.
    pub(crate) fn new(written: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("project")).unwrap();
        let mut home = Self { folder, files: Vec::new() };
        for (path, text) in written {
            let path = home.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            home.files.push((path, text.as_bytes().to_vec()));
        }
        home
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        let root = fs::canonicalize(self.folder.path()).unwrap();
        match path.strip_prefix("~/") {
            Some(path) => root.join("home").join(path),
            None => root.join("project").join(path),
        }
    }

    pub(crate) fn place(&self) -> Place {
        Place::of(Path::new("countersign.yaml"), &self.path(""))
    }

    pub(crate) fn plan(&self) -> Plan {
        let (home, here) = (self.path("~/"), self.path(""));
        let environment = |name: &str| (name == "PATH").then(|| "/bin:/usr/bin".to_owned());
        let around = Surroundings { home: &home, here: &here, macos: false, environment: &environment };
        let found = find(&around, &[], false);
        let Place { config, data } = self.place();
        let ours = Gatewayed { program: PathBuf::from("/opt/countersign"), config, data };
        Plan::of(&found, &around, &ours).unwrap()
    }

    fn settled(&self) -> Settled {
        Settled {
            place: self.place(),
            human: HumanId::parse("ana").unwrap(),
            agent: AgentId::parse("ana-agents").unwrap(),
            port: 0,
        }
    }

    /// What people are shown before they say yes.
    fn told(&self) -> String {
        super::told(&self.plan(), &self.settled(), Look { colour: false, signs: true, width: None }).join("\n")
    }

    /// Everything of `init` that writes.
    pub(crate) async fn move_in(&self) -> Result<Plan, model::Fault> {
        let plan = self.plan();
        let settled = self.settled();
        let gateway = move_in(&plan, &settled).await?;
        gateway.finish().await;
        Ok(plan)
    }

    /// Everything of `leave` that writes; whether all could be put back.
    pub(crate) fn leave(&self) -> bool {
        self.leave_by(&self.place())
    }

    /// The same, by a configuration that is named in another way.
    pub(crate) fn leave_by(&self, place: &Place) -> bool {
        let backup = leave::open(place).unwrap().unwrap();
        let plan = leave::plan(&backup, place).unwrap();
        leave::restore(place, &plan).unwrap()
    }

    /// Every file is, byte for byte and mode for mode, as it was in the beginning.
    pub(crate) fn check_untouched(&self) {
        for (path, before) in &self.files {
            let now = fs::read(path).unwrap();
            assert_eq!(String::from_utf8_lossy(&now), String::from_utf8_lossy(before), "{}", path.display());
            assert_eq!(fs::metadata(path).unwrap().mode() & 0o7777, 0o640, "{}", path.display());
        }
    }
}

const DESKTOP: (&str, &str) = (
    "~/.config/Claude/claude_desktop_config.json",
    "{\n  \"globalShortcut\": \"\",\n  \"mcpServers\": {\n    \"crm\": {\n      \"command\": \"sh\",\n      \"args\": [\"-c\", \"true\"],\n      \"env\": { \"CRM_TOKEN\": \"ghp_0123456789abcdefghij\" }\n    }\n  }\n}",
);
const CODE_OWN: (&str, &str) = (
    "~/.claude.json",
    "{\"numStartups\":12,\"projects\":{\"/work/x\":{\"mcpServers\":{\"mail\":{\"command\":\"sh\"}}}},\"mcpServers\":{\"Über Wiki\":{\"type\":\"http\",\"url\":\"http://127.0.0.1:9/mcp\",\"headers\":{\"Authorization\":\"Bearer wiki\\u002dsecret\\u002d1\"}}}}\n",
);
const CODE_PROJECT: (&str, &str) =
    (".mcp.json", "{ \"mcpServers\": { \"crm\": { \"command\": \"sh\", \"args\": [] } } }\n\n");
const VS_CODE: (&str, &str) = (
    ".vscode/mcp.json",
    "\u{feff}// ours\r\n{\r\n\t\"inputs\": [],\r\n\t\"servers\": {\r\n\t\t/* the files */\r\n\t\t\"files\": {\r\n\t\t\t\"type\": \"stdio\",\r\n\t\t\t\"command\": \"sh\", // the shell\r\n\t\t\t\"args\": [\"-c\", \"true\",],\r\n\t\t},\r\n\t\t\"asks\": { \"url\": \"http://x/mcp\", \"headers\": { \"Authorization\": \"Bearer ${input:t}\" } },\r\n\t},\r\n}\r\n",
);
const CURSOR: (&str, &str) = (
    "~/.cursor/mcp.json",
    "{\n    \"mcpServers\": {\n        \"crm\": {\n            \"command\": \"sh\",\n            \"args\": [\"-c\", \"true\"],\n            \"env\": { \"CRM_TOKEN\": \"ghp_0123456789abcdefghij\" }\n        }\n    }\n}\n",
);
const ALL: [(&str, &str); 5] = [DESKTOP, CODE_OWN, CODE_PROJECT, VS_CODE, CURSOR];

#[tokio::test]
async fn every_format_moves_in_and_comes_back_byte_for_byte() {
    let home = Home::new(&ALL);
    let plan = home.move_in().await.unwrap();
    let apps: Vec<_> = plan.apps.iter().map(|app| app.id.as_str()).collect();
    assert_eq!(apps, ["crm", "ber-wiki", "mail", "crm-2", "files"]);
    assert_eq!(plan.left.len(), 1, "the one that asks for an input");
    for file in &plan.files {
        let now = fs::read(&file.path).unwrap();
        let strict = blank(&now);
        let document = Document::parse(&strict).unwrap();
        for entry in &file.entries {
            let ours = place_of(&document, &entry.place).unwrap();
            let text = |key: &str| ours.get(key).and_then(|value| value.as_str()).unwrap_or_default().into_owned();
            assert_eq!(text("command"), "/opt/countersign");
            let arguments: Vec<_> = ours.get("args").unwrap().items().map(|value| value.as_str().unwrap()).collect();
            assert_eq!(arguments[..3], ["connect", entry.app.as_str(), "--config"]);
            assert_eq!(Path::new(arguments[3].as_ref()), home.place().config);
        }
        assert_eq!(fs::metadata(&file.path).unwrap().mode() & 0o7777, 0o640);
    }
    let config = Config::load(&home.place().config, &|_| None).unwrap();
    assert_eq!(config.directory.apps.len(), 5);
    assert_eq!(config.connect.unwrap().agent.as_str(), "ana-agents");
    assert!(home.leave());
    home.check_untouched();
    assert!(leave::open(&home.place()).unwrap().is_none(), "leaving twice does nothing");
}

#[tokio::test]
async fn secrets_are_in_the_vault_and_nowhere_else() {
    let home = Home::new(&ALL);
    home.move_in().await.unwrap();
    let data = home.place().data;
    let key = VaultKey::load_or_create(&data.join(files::VAULT_KEY)).unwrap();
    let vault = Vault::open(&data.join(files::VAULT), key).unwrap();
    assert_eq!(vault.get("crm").unwrap().expose(), "ghp_0123456789abcdefghij");
    assert_eq!(vault.get("ber-wiki").unwrap().expose(), "wiki-secret-1");
    let mut looked = 0;
    let mut folders = vec![home.path(""), home.path("~/")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            for secret in ["ghp_0123456789abcdefghij", "wiki-secret-1", "wiki\\u002dsecret"] {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "`{secret}` stands in {}", path.display());
            }
            looked += 1;
        }
    }
    assert!(looked >= 10, "configuration, clients, backup, vault, keys and trace were looked at");
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(&home.place().config), mode(&backup_file(&data)), mode(&data)), (0o600, 0o600, 0o700));
}

#[tokio::test]
async fn git_takes_nothing_of_the_data_directory() {
    let home = Home::new(&[CODE_PROJECT]);
    let git = |words: &[&str]| {
        let output = Command::new("git").args(words).current_dir(home.path("")).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    git(&["init", "--quiet"]);
    home.move_in().await.unwrap();
    fs::write(home.path("countersign-data.checkpoint"), "as every minute").unwrap();
    git(&["add", "--all"]);
    assert_eq!(git(&["ls-files"]), ".mcp.json\ncountersign-data.checkpoint\ncountersign.yaml\n");
    let told = not_for_git(&home.place().data).unwrap();
    assert!(told.contains(" has `") && told.contains("git rm --cached"), "{told}");
    git(&["rm", "--quiet", "--cached", "countersign-data.checkpoint"]);
    let told = not_for_git(&home.place().data).unwrap();
    assert!(told.contains("/countersign-data.checkpoint`: name it in a `.gitignore`, for"), "{told}");
    fs::write(home.path(".gitignore"), "*.log\n/countersign-data.checkpoint\n").unwrap();
    assert_eq!(not_for_git(&home.place().data), None);
}

#[tokio::test]
async fn nothing_stays_half_done() {
    let home = Home::new(&ALL);
    let place = home.place();
    fs::create_dir_all(&place.data).unwrap();
    fs::write(backup_file(&place.data), "another backup").unwrap();
    let fault = home.move_in().await.map(|_| ()).unwrap_err();
    assert_eq!(fault.code(), "operator.file");
    home.check_untouched();
    assert!(!place.config.exists());
    let key = VaultKey::load_or_create(&place.data.join(files::VAULT_KEY)).unwrap();
    assert!(Vault::open(&place.data.join(files::VAULT), key).unwrap().list().unwrap().is_empty());
    assert_eq!(fs::read(backup_file(&place.data)).unwrap(), b"another backup");

    fs::remove_file(backup_file(&place.data)).unwrap();
    let plan = home.plan();
    let cursor = home.path(CURSOR.0);
    fs::write(&cursor, "{\"mcpServers\":{}}").unwrap();
    let settled = Settled {
        place: place.clone(),
        human: HumanId::parse("ana").unwrap(),
        agent: AgentId::parse("ana-agents").unwrap(),
        port: 0,
    };
    let fault = move_in(&plan, &settled).await.map(|_| ()).unwrap_err();
    assert_eq!(fault.code(), "operator.file_changed");
    assert_eq!(fs::read(&cursor).unwrap(), b"{\"mcpServers\":{}}", "what somebody else wrote stays");
    fs::write(&cursor, CURSOR.1).unwrap();
    home.check_untouched();
    assert!(!place.config.exists() && !backup_file(&place.data).exists());
}

#[tokio::test]
async fn a_server_with_several_secrets_moves_whole_and_comes_back() {
    let home = Home::new(&[(
        "~/.cursor/mcp.json",
        r#"{"mcpServers":{"Chat":{"command":"sh","args":["-c","true"],"env":{"SLACK_BOT_TOKEN":"xoxb-1","TEAM":"T1","SLACK_APP_TOKEN":"xapp-2"}}}}"#,
    )]);
    home.move_in().await.unwrap();
    let place = home.place();
    let written = fs::read_to_string(&place.config).unwrap();
    let listed: Vec<&str> =
        written.lines().skip_while(|line| !line.contains("credentials:")).take(3).map(str::trim).collect();
    assert_eq!(
        listed,
        [
            "credentials:",
            r#"- { from: "vault:chat-slack-app-token", variable: "SLACK_APP_TOKEN" }"#,
            r#"- { from: "vault:chat-slack-bot-token", variable: "SLACK_BOT_TOKEN" }"#,
        ]
    );
    assert!(written.contains(r#""TEAM": "T1""#) && !written.contains("xoxb-1") && !written.contains("xapp-2"));
    let config = Config::load(&place.config, &|_| None).unwrap();
    let told = |one: &broker::AppCredential| (one.source.to_string(), one.placement.clone());
    let variable = |name: &str| broker::Placement::Variable(name.to_owned());
    assert_eq!(
        config.credentials.iter().map(told).collect::<Vec<_>>(),
        [
            ("vault:chat-slack-app-token".to_owned(), variable("SLACK_APP_TOKEN")),
            ("vault:chat-slack-bot-token".to_owned(), variable("SLACK_BOT_TOKEN")),
        ]
    );
    let key = VaultKey::load_or_create(&place.data.join(files::VAULT_KEY)).unwrap();
    let vault = Vault::open(&place.data.join(files::VAULT), key).unwrap();
    assert_eq!(vault.get("chat-slack-app-token").unwrap().expose(), "xapp-2");
    assert_eq!(vault.get("chat-slack-bot-token").unwrap().expose(), "xoxb-1");
    drop(vault);
    assert!(home.leave());
    home.check_untouched();
}

#[test]
fn nothing_of_a_projects_files_moves_the_cursor_or_hides() {
    let server = |rest: &str| format!("\"a\\u001b[2Jb\u{202e}c\": {rest}");
    let text = format!(
        "{{\n  \"mcpServers\": {{\n    {},\n    \"x\u{1b}]0;\u{200b}\": {{ \"url\": \"http://x/mcp\", \"\u{202e}only\": 1 }}\n  }}\n}}\n",
        server("{ \"command\": \"sh\", \"args\": [\"\u{202e}\u{2066}\"] }")
    );
    for text in [text.clone(), text.replace("\"sh\"", "\"no\u{202e}such\"")] {
        // Control characters are written as escapes in JSON; others stand there as they are.
        let text = text.replace('\u{1b}', "\\u001b");
        let home = Home::new(&[(".mcp.json", &text), CURSOR]);
        let told = home.told();
        let hidden = |letter: char| model::is_hidden(letter) && letter != '\n';
        assert!(!told.contains(hidden), "{told:?}");
        assert!(told.contains("\\u{202e}") && told.contains("left alone: `x\\u{1b}]0;\\u{200b}`"), "{told}");
    }
}

#[test]
fn secrets_of_what_is_left_alone_are_covered_too() {
    let secrets = ["ghp_0123456789abcdefghij", "hunter2-of-docker", "hunter2-switched-off", "hunter2-of-a-flag"];
    let server = r#""crm": { "command": "sh" }"#;
    let left = [
        r#""docker": { "command": "sh", "args": ["run", "-e", "A_TOKEN=hunter2-of-docker", "--env=B_TOKEN=ghp_0123456789abcdefghij"] }"#,
        r#""off": { "disabled": true, "command": "sh", "env": { "OFF_TOKEN": "hunter2-switched-off" } }"#,
        r#""flag": { "command": "sh", "args": ["--api-key", "hunter2-of-a-flag"] }"#,
    ];
    for part in [",\n", ", "] {
        let text = format!("{{ \"mcpServers\": {{ {server}{part}{} }} }}", left.join(part));
        let home = Home::new(&[(".mcp.json", &text)]);
        let told = home.told();
        assert_eq!(home.plan().left.len(), 3, "{told}");
        assert!(told.contains("A_TOKEN=•") && told.contains("\"OFF_TOKEN\": \"•"), "{told}");
        for secret in secrets {
            assert!(!told.contains(secret), "{told}");
        }
    }
}

#[tokio::test]
async fn a_secret_in_the_vault_is_not_replaced() {
    let home = Home::new(&[CURSOR]);
    let place = home.place();
    fs::create_dir_all(&place.data).unwrap();
    let vault = || {
        let key = VaultKey::load_or_create(&place.data.join(files::VAULT_KEY)).unwrap();
        Vault::open(&place.data.join(files::VAULT), key).unwrap()
    };
    vault().set("crm", model::Secret::new("old".to_owned())).unwrap();
    let fault = home.move_in().await.map(|_| ()).unwrap_err();
    assert_eq!(fault.code(), "operator.vault_name");
    assert_eq!(vault().get("crm").unwrap().expose(), "old");
    home.check_untouched();
    assert!(!place.config.exists() && !backup_file(&place.data).exists());
    // The same one may stay.
    vault().set("crm", model::Secret::new("ghp_0123456789abcdefghij".to_owned())).unwrap();
    home.move_in().await.unwrap();
    assert!(home.leave());
    home.check_untouched();
}
