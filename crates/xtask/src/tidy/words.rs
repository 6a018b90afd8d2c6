//! Words that must not stand in the tree: registries' hosts, notes to self, tests that are switched off.

use std::path::Path;

use super::Report;
use super::tree::Tree;

pub(super) fn check(tree: &Tree, report: &mut Report) {
    for path in &tree.files {
        let Ok(bytes) = std::fs::read(tree.root.join(path)) else {
            report.fault(CHECK, path.display().to_string(), "could not be read", "");
            continue;
        };
        let Ok(text) = std::str::from_utf8(&bytes) else { continue };
        for (index, line) in text.lines().enumerate() {
            let place = || format!("{}:{}", path.display(), index + 1);
            if let Some(host) = HOSTS.iter().map(|parts| parts.concat()).find(|host| line.contains(host)) {
                report.fault(CHECK, place(), format!("names the registry host `{host}`"), HOST_HINT);
            }
            if is_source(path) {
                notes_to_self(line, &place, report);
            }
        }
        if path.file_name().is_some_and(|name| name == "package-lock.json") && text.contains("\"resolved\"") {
            report.fault(CHECK, path.display().to_string(), "records download addresses", HOST_HINT);
        }
    }
}

fn notes_to_self(line: &str, place: &dyn Fn() -> String, report: &mut Report) {
    for parts in NOTES {
        let note = parts.concat();
        if line.split(|character: char| !character.is_alphanumeric()).any(|word| word == note) {
            report.fault(CHECK, place(), format!("a note to self, `{note}`"), "do it, or open an issue");
        }
    }
    if line.trim_start().starts_with(&IGNORED.concat()) {
        report.fault(CHECK, place(), "a test is switched off", "mend it or remove it");
    }
}

fn is_source(path: &Path) -> bool {
    let end = path.extension().map(|end| end.to_string_lossy().into_owned()).unwrap_or_default();
    SOURCE_ENDINGS.contains(&end.as_str()) || path.starts_with(".ci")
}

const CHECK: &str = "words";
const HOST_HINT: &str = "registries are reached by their ordinary clients; npm: `omit-lockfile-registry-resolved=true`";
// In parts, so that this file does not contain them.
const HOSTS: &[&[&str]] = &[
    &["registry.", "npmjs"],
    &["registry.", "yarnpkg"],
    &["python", "hosted"],
    &["pypi", ".org"],
    &["index.", "crates.io"],
    &["static.", "crates.io"],
    &["deb.", "debian.org"],
    &["arti", "factory"],
];
const NOTES: &[&[&str]] = &[&["TO", "DO"], &["FIX", "ME"]];
const IGNORED: &[&str] = &["#[", "ignore"];
const SOURCE_ENDINGS: &[&str] =
    &["rs", "py", "mjs", "js", "ts", "sh", "toml", "yaml", "yml", "html", "css", "sql", "cedar", "cedarschema"];
