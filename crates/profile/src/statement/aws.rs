//! Does this AWS command only ask? Does it only end something?
//!
//! Operations say by their first word what they do: `describe-instances`, `delete-bucket`. A command is recognised where it
//! is plain words, its operation begins so, and nothing in it makes it more than that: no file of the server's, no endpoint
//! of the caller's choice, no answer that is a credential.

use crate::command::split;
use crate::words::among;

/// Whether it surely only asks, for nothing that opens a door.
pub(super) fn only_asks(command: &str) -> bool {
    plain(command).is_some_and(|words| {
        let Some((service, operation)) = named(&words) else { return false };
        let reads = match service {
            "s3" => operation == "ls",
            "dynamodb" if ["scan", "query"].contains(&operation) => true,
            "sts" => operation == "get-caller-identity",
            _ => begins(operation, ASKING),
        };
        reads && !gives_credentials(service, operation) && !does_more(service, operation)
    })
}

/// Whether it surely starts nothing that costs: it ends, removes or labels.
pub(super) fn only_ends(command: &str) -> bool {
    plain(command).is_some_and(|words| {
        named(&words).is_some_and(|(service, operation)| service != "s3" && begins(operation, ENDING))
    })
}

/// The words of a command that has no options that lead elsewhere.
fn plain(command: &str) -> Option<Vec<String>> {
    let words = words(command)?;
    let leads_elsewhere = words.iter().any(|word| {
        let option = word.split_once('=').map_or(word.as_str(), |(name, _)| name);
        // Options may be shortened as long as they stay unique.
        let shortened = option.len() > "--".len() && ELSEWHERE.iter().any(|whole| whole.starts_with(option));
        shortened || (word.contains("://") && !word.starts_with("s3://"))
    });
    (!leads_elsewhere).then_some(words)
}

/// Service and operation: the first two words after `aws`. Options before them are not read.
fn named(words: &[String]) -> Option<(&str, &str)> {
    let [aws, service, operation, rest @ ..] = words else { return None };
    let named = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let options_follow = rest.first().is_none_or(|word| word.starts_with("--") || service == "s3");
    (aws == "aws" && named(service) && named(operation) && options_follow).then_some((service, operation))
}

fn begins(operation: &str, with: &[&str]) -> bool {
    with.iter().any(|verb| operation.strip_prefix(verb).is_some_and(|rest| rest.starts_with('-')))
}

fn gives_credentials(service: &str, operation: &str) -> bool {
    let says_so = operation.split('-').any(|part| among(CREDENTIAL_WORDS, part)) && operation != "get-queue-url";
    let access = operation.ends_with("-access") || operation.contains("-access-details");
    says_so || access || CREDENTIAL_SERVICES.contains(&service)
}

fn does_more(service: &str, operation: &str) -> bool {
    let streams = service.ends_with("-data") || service.ends_with("-runtime") || service.contains("-media");
    streams || among(DOING_MORE, operation)
}

/// The words of one command, without files and variables.
fn words(line: &str) -> Option<Vec<String>> {
    let mut commands = split(line)?;
    let command = commands.pop().filter(|_| commands.is_empty())?;
    let plain = command.assigned.is_empty() && command.files.is_empty();
    let odd = |word: &String| word.contains(char::is_control);
    (plain && !command.words.iter().any(odd)).then_some(command.words)
}

/// First words of operations that only ask.
const ASKING: &[&str] = &["batch-get", "describe", "filter", "get", "head", "list", "lookup", "search"];

/// First words of operations that end or label what is there.
const ENDING: &[&str] = &[
    "cancel",
    "delete",
    "deregister",
    "detach",
    "disable",
    "disassociate",
    "remove",
    "stop",
    "tag",
    "terminate",
    "untag",
];

/// Parts of operations whose answers open doors, or may.
const CREDENTIAL_WORDS: &str = "\
    auth authorization credential credentials federation login password presigned secret session signed token tokens \
    url";

/// Services whose answers are credentials for the most part.
const CREDENTIAL_SERVICES: &[&str] = &["cognito-identity", "secretsmanager", "sso", "sso-oidc"];

/// Operations that write their answer to a file of the server's, hand out an address with its own key, or take work off a list.
const DOING_MORE: &str = "\
    get-activity-task get-chunk get-clip get-configuration get-export get-function get-job-output \
    get-latest-configuration get-media get-object get-object-torrent get-package-version-asset \
    get-raw-message-content get-read-set get-reference get-sdk get-snapshot-block get-work-unit-results \
    describe-input-device-thumbnail";

/// Options that make a command do more than its operation says: talk to an address, read a file, skip a check, show a secret.
const ELSEWHERE: &[&str] = &[
    "--ca-bundle",
    "--cli-input-json",
    "--cli-input-yaml",
    "--endpoint-url",
    "--include-values",
    "--no-verify-ssl",
    "--with-decryption",
];
