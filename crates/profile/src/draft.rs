//! A profile to start from, for an app that has none: the class proposed for each tool and why, a verb and roles guessed
//! from names. A person reads every line of it.
//!
//! `create_issue(title, body)` becomes `{ class: write, verb: issue_create, arguments: { title: content, body: content } }`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use crate::classify::{Argument, Proposal};
use crate::definition::{ToolDefinition, classify};
use crate::words::{self, Weight, among};

/// What is proposed for one tool.
#[derive(Debug, Clone)]
pub struct DraftedTool {
    /// Its name inside the app.
    pub tool: String,
    /// Class and reason.
    pub proposal: Proposal,
    /// The verb that rules could use, where the name has one.
    pub verb: Option<String>,
    /// Argument and role, where the name of the argument says what it stands for.
    pub arguments: Vec<(String, &'static str)>,
    /// The patterns of known attacks that the definition looks like.
    pub findings: Vec<String>,
}

/// Drafts every tool once, in the order of the list. A name that stands twice counts where it stands first.
pub fn draft(definitions: &[ToolDefinition]) -> Vec<DraftedTool> {
    let names: Vec<Vec<String>> = definitions.iter().map(|definition| words::cut(definition.name.as_str())).collect();
    let shared = shared_words(&names);
    let mut seen = BTreeSet::new();
    let tools = definitions.iter().zip(&names).filter(|(definition, _)| seen.insert(definition.name.clone()));
    tools.map(|(definition, words)| drafted(definition, words.get(shared..).unwrap_or_default())).collect()
}

/// A profile that [`Profile::parse`](crate::Profile::parse) reads. What servers wrote stands in it as plain ASCII.
pub fn to_yaml(profile: &str, tools: &[DraftedTool]) -> String {
    let mut yaml = HEAD.to_owned();
    let _ = write!(yaml, "profile: {profile}\nabout: proposed from what the server says of its tools\n");
    if tools.is_empty() {
        yaml.push_str("tools: {}\n");
        return yaml;
    }
    yaml.push_str("tools:\n");
    for tool in tools {
        let _ = writeln!(yaml, "  {}:", key(&tool.tool));
        for pattern in &tool.findings {
            let _ = writeln!(yaml, "    # its definition looks like a known attack: {pattern}");
        }
        let _ = writeln!(yaml, "    class: {}", tool.proposal.class);
        let _ = writeln!(yaml, "    why: {}", quoted(&tool.proposal.why));
        if let Some(verb) = &tool.verb {
            let _ = writeln!(yaml, "    verb: {verb}");
        }
        if !tool.arguments.is_empty() {
            let roles: Vec<String> =
                tool.arguments.iter().map(|(argument, role)| format!("{}: {role}", key(argument))).collect();
            let _ = writeln!(yaml, "    arguments: {{ {} }}", roles.join(", "));
        }
    }
    yaml
}

fn drafted(definition: &ToolDefinition, words: &[String]) -> DraftedTool {
    let proposal = classify(definition);
    let properties = definition.input_schema.get("properties").and_then(Value::as_object);
    let arguments = properties
        .into_iter()
        .flatten()
        .filter_map(|(name, schema)| role(&Argument::new(name, schema)).map(|role| (name.clone(), role)));
    let patterns: BTreeSet<String> = definition.said().findings().iter().map(|found| found.pattern.clone()).collect();
    DraftedTool {
        tool: definition.name.to_string(),
        verb: verb(words),
        arguments: arguments.collect(),
        findings: patterns.into_iter().collect(),
        proposal,
    }
}

/// How many words every name begins with that say nothing of the deed: `slack_` of a server whose tools are all called so.
fn shared_words(names: &[Vec<String>]) -> usize {
    let Some((first, others)) = names.split_first().filter(|(_, others)| !others.is_empty()) else { return 0 };
    let shared = first.iter().enumerate().take_while(|(at, word)| {
        words::meaning(word).is_none() && others.iter().all(|other| other.get(*at) == Some(*word))
    });
    shared.count()
}

/// `create_pull_request` → `pull_request_create`, `list_issues` and `get_issue_by_id` → `issue_read`, `search` → `search`.
fn verb(words: &[String]) -> Option<String> {
    let words: Vec<&str> =
        words.iter().map(String::as_str).filter(|word| word.bytes().all(|byte| byte.is_ascii_lowercase())).collect();
    let weighed = |wanted: fn(Weight) -> bool| {
        words.iter().position(|word| words::meaning(word).is_some_and(|(_, weight)| wanted(weight)))
    };
    let at = weighed(|weight| weight != Weight::Either).or_else(|| weighed(|_| true))?;
    let deed = *words.get(at)?;
    let reads = words::meaning(deed).is_some_and(|(class, _)| class == model::Class::Read);
    let deed = if reads && !among(SEARCHING, deed) { "read" } else { deed };
    let before = words.get(..at).unwrap_or_default();
    let after = words.get(at + 1..).unwrap_or_default();
    let things = before.iter().chain(after).take_while(|word| !among(AFTER_THINGS, word)).take(THINGS_MAX);
    let mut things: Vec<String> = things.map(|word| (*word).to_owned()).collect();
    if let Some(last) = things.last_mut() {
        *last = singular(last);
    }
    things.push(deed.to_owned());
    Some(things.join("_"))
}

fn singular(word: &str) -> String {
    if let Some(stem) = word.strip_suffix("ies").filter(|stem| stem.len() > 1) {
        return format!("{stem}y");
    }
    let plural = word.len() > 3 && !["ss", "us", "is"].iter().any(|ending| word.ends_with(ending));
    word.strip_suffix('s').filter(|_| plural).unwrap_or(word).to_owned()
}

/// What an argument stands for, by its name alone.
fn role(argument: &Argument<'_>) -> Option<&'static str> {
    let (whole, last) = (argument.whole(), argument.last());
    let numeric = argument.is("integer") || argument.is("number");
    if whole.starts_with("timeout") {
        return Some("timeout");
    }
    if argument.is("boolean") || (numeric && !among(NUMBERED, last)) {
        return None;
    }
    if argument.carries_code() {
        return Some("command");
    }
    if argument.names_a_recipient() {
        return Some("recipient");
    }
    let by_whole = BY_WHOLE.iter().find(|(_, names)| among(names, &whole));
    let by_last = || BY_LAST.iter().find(|(_, names)| among(names, last));
    by_whole.or_else(by_last).map(|(role, _)| *role)
}

/// A key of a mapping: plain where every reader of YAML takes it for a text.
fn key(name: &str) -> String {
    let plain = name.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        && !among(NOT_TEXT, &name.to_lowercase());
    if plain { name.to_owned() } else { quoted(name) }
}

/// A text in double quotes, with nothing in it that a terminal or an editor would hide.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            ' '..='~' => quoted.push(letter),
            other => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(other));
            }
        }
    }
    quoted.push('"');
    quoted
}

const HEAD: &str = "\
# Proposed by `countersign tools classify`: a start, not a review. Read every line against what the tool does.
# A class is the tool's worst use with the arguments it accepts: read < write < external < destructive.
# Lower one only where you know the tool; `destructive` stands also where nothing says what it does.
";
/// Deeds that keep their name among those that read.
const SEARCHING: &str = "search find query lookup";
/// What follows tells things apart and is no thing itself.
const AFTER_THINGS: &str = "by for from in into of on to with and or then";
const THINGS_MAX: usize = 4;
/// Words that YAML, in one version or another, does not take for text.
const NOT_TEXT: &str = "y n yes no on off true false null";
/// The last words of arguments whose numbers mean something to a rule.
const NUMBERED: &str = "id amount amounts price cents";
/// Role, and names of arguments as a whole.
const BY_WHOLE: &[(&str, &str)] = &[
    (
        "query",
        "query q search search_query search_term search_text search_phrase keyword keywords pattern term terms phrase jql cql",
    ),
    ("repo", "repo repository repo_name repository_name repo_path repository_path"),
    (
        "revision",
        "branch branch_name base_branch target_branch source_branch from_branch ref revision sha commit commit_sha commit_id tag",
    ),
    (
        "account",
        "account account_id account_sid customer customer_id customer_name client client_id tenant tenant_id subscription",
    ),
    ("environment", "environment env stage cluster cluster_name namespace region region_name"),
    (
        "content",
        "content contents body text message html markdown description subject title comment value summary \
         new_content new_text prompt instructions caption note reply",
    ),
];
/// Role, and the last word of arguments' names.
const BY_LAST: &[(&str, &str)] = &[
    ("amount", "amount amounts price cents"),
    ("channel", "channel channels"),
    ("path", "path paths file files filename filepath dir directory folder"),
    ("url", "url urls uri uris href website webhook link"),
    ("query", "query"),
    ("record", "id ids"),
];

#[cfg(test)]
mod tests;
