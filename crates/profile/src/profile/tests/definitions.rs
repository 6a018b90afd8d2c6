//! Shipped profiles beside the definitions that real servers give. The definitions are other people's words and not here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use super::super::{FILES, Profile};

/// A profile, and the servers it was written for.
const WRITTEN_FOR: &[(&str, &[&str])] = &[
    ("aws", &["awslabs.aws-api-mcp-server"]),
    ("calendar", &["mcp-google-calendar"]),
    ("email", &["mcp-server-email", "@shinzolabs/gmail-mcp"]),
    ("everything", &["@modelcontextprotocol/server-everything"]),
    ("fetch", &["mcp-server-fetch"]),
    ("filesystem", &["@modelcontextprotocol/server-filesystem"]),
    ("git", &["mcp-server-git"]),
    ("github", &["github/github-mcp-server"]),
    ("kubernetes", &["kubernetes-mcp-server"]),
    ("memory", &["@modelcontextprotocol/server-memory"]),
    ("postgres", &["@modelcontextprotocol/server-postgres"]),
    ("shell", &["mcp-server-shell", "cli-mcp-server", "@wonderwhy-er/desktop-commander"]),
    ("slack", &["@modelcontextprotocol/server-slack"]),
    ("sqlite", &["mcp-server-sqlite"]),
    ("time", &["mcp-server-time"]),
    (
        "web",
        &[
            "mcp-server-fetch",
            "duckduckgo-mcp-server",
            "@modelcontextprotocol/server-brave-search",
            "@brave/brave-search-mcp-server",
            "exa-mcp-server",
        ],
    ),
];

/// Tools that a profile gives a lower class than a label does, which goes by the definition alone: these servers look at
/// the statement themselves and carry out one only.
const LOWER_THAN_LABELLED: &[(&str, &str)] = &[("sqlite", "read_query"), ("sqlite", "create_table")];

#[test]
fn every_tool_of_the_servers_is_in_the_profile_with_arguments_it_has() {
    let Some(defined) = definitions() else { return };
    for (name, servers) in WRITTEN_FOR {
        let profile = Profile::shipped(name).unwrap();
        for server in *servers {
            let tools = &defined[*server];
            assert!(!tools.is_empty());
            for (tool, definition) in tools {
                let profiled = profile.tool(tool).unwrap_or_else(|| panic!("{name} does not name {server}: {tool}"));
                let has = |argument: &str| argument_exists(&definition["inputSchema"], argument);
                let named = profiled.roles().map(|(argument, _)| argument);
                for argument in named.chain(profiled.when.iter().map(|when| when.argument.as_str())) {
                    assert!(has(argument), "{name}: {tool} of {server} has no argument {argument}");
                }
                for (role, composed) in profiled.composed() {
                    let (there, missing): (Vec<_>, Vec<_>) = composed.from.iter().partition(|argument| has(argument));
                    let whole = there.is_empty() || missing.is_empty();
                    assert!(whole, "{name}: {role} of {tool} lacks {missing:?}");
                }
            }
        }
    }
}

#[test]
fn every_shipped_profile_is_held_against_a_server() {
    let held: BTreeSet<&str> = WRITTEN_FOR.iter().map(|(name, _)| *name).collect();
    let shipped: BTreeSet<&str> = Profile::names().into_iter().filter(|name| !name.starts_with("demo-")).collect();
    assert_eq!(held, shipped);
}

#[test]
fn no_profile_says_less_than_the_labels_do() {
    let labels = ["tuning.tsv", "held-out.tsv"]
        .map(|half| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("labels").join(half)).unwrap());
    let mut compared = 0;
    for line in labels.iter().flat_map(|half| half.lines()).filter(|line| !line.starts_with('#')) {
        let [server, _, tool, label, _] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        for (name, _) in WRITTEN_FOR.iter().filter(|(_, servers)| servers.contains(&server)) {
            let class = Profile::shipped(name).unwrap().tool(tool).unwrap().class();
            let label = model::Class::ALL.into_iter().find(|class| class.as_str() == label).unwrap();
            let lower = LOWER_THAN_LABELLED.contains(&(*name, tool));
            assert!(class >= label || lower, "{name}: {tool} is {class}, and labelled {label}");
            compared += 1;
        }
    }
    assert!(compared > 180, "{compared}");
}

#[test]
fn the_guide_lists_what_is_shipped() {
    #[derive(serde::Deserialize)]
    struct About {
        about: String,
    }
    let mut table = String::new();
    for (name, yaml) in FILES {
        let About { about } = serde_saphyr::from_str(yaml).unwrap();
        let profile = Profile::shipped(name).unwrap();
        let count = |class| profile.tools().filter(|(_, tool)| tool.class() == class).count();
        let counts = model::Class::ALL.map(|class| count(class).to_string()).join(" | ");
        writeln!(table, "| `{name}` | {} | {counts} | {about} |", profile.tools().count()).unwrap();
    }
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/profiles.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    assert!(guide.contains(&format!("|---|---:|---:|---:|---:|---:|---|\n{table}\n")), "the table is to be:\n{table}");
}

/// Every definition by server and tool; none where they are not here.
fn definitions() -> Option<BTreeMap<String, BTreeMap<String, Value>>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let mut places = here.map(|folder| folder.join("shared/data/tool-definitions/tools.jsonl"));
    let Some(text) = places.find_map(|file| std::fs::read_to_string(file).ok()) else {
        #[expect(clippy::disallowed_methods, reason = "a test that has to know whether it may be skipped")]
        let must = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        assert!(!must, "the definitions are not here");
        eprintln!("skipped: third-party data not here");
        return None;
    };
    let mut defined: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    for line in text.lines() {
        let definition: Value = serde_json::from_str(line).unwrap();
        let [server, tool] = ["server", "tool"].map(|key| definition[key].as_str().unwrap().to_owned());
        defined.entry(server).or_default().insert(tool, definition);
    }
    Some(defined)
}

/// `files.path`, through lists and alternatives.
fn argument_exists(schema: &Value, dotted: &str) -> bool {
    let (first, rest) = dotted.split_once('.').map_or((dotted, None), |(first, rest)| (first, Some(rest)));
    let property = &schema["properties"][first];
    match rest {
        _ if property.is_null() => {
            let inside = ["anyOf", "oneOf"].iter().filter_map(|key| schema[*key].as_array()).flatten();
            inside.chain(schema.get("items")).any(|schema| argument_exists(schema, dotted))
        }
        None => true,
        Some(rest) => argument_exists(property, rest),
    }
}
