//! Each crate's own house: lints, headings, sizes.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::Report;
use super::tree::{Package, RustFile, Tree};

pub(super) fn check(tree: &Tree, report: &mut Report) -> Result<()> {
    for package in &tree.packages {
        lints(tree, package, report)?;
        headings(tree, package, report)?;
    }
    sizes(tree, report);
    Ok(())
}

fn lints(tree: &Tree, package: &Package, report: &mut Report) -> Result<()> {
    let text = std::fs::read_to_string(&package.manifest)
        .with_context(|| format!("could not read {}", package.manifest.display()))?;
    let manifest: toml::Table =
        toml::from_str(&text).with_context(|| format!("{} is not TOML", package.manifest.display()))?;
    if package.name == UNSAFE_HOME {
        return own_lints(tree, package, &manifest, report);
    }
    let inherited = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
    if inherited != Some(true) {
        let sentence = "the workspace's lints do not apply here";
        report.fault("lints", tree.shown(&package.manifest), sentence, "add `[lints]` with `workspace = true`");
    }
    Ok(())
}

/// The one crate with unsafe code has the workspace's lints, too, but that it may expect `unsafe_code` at single places.
fn own_lints(tree: &Tree, package: &Package, manifest: &toml::Table, report: &mut Report) -> Result<()> {
    let root = tree.root.join("Cargo.toml");
    let text = std::fs::read_to_string(&root).with_context(|| format!("could not read {}", root.display()))?;
    let workspace: toml::Table = toml::from_str(&text).with_context(|| format!("{} is not TOML", root.display()))?;
    let lint = |lints: Option<&toml::Value>, group: &str, name: &str| Some(lints?.get(group)?.get(name)?.clone());
    let (all, own) = (workspace.get("workspace").and_then(|all| all.get("lints")), manifest.get("lints"));
    for group in ["rust", "clippy"] {
        let of_all = all.and_then(|all| all.get(group)).and_then(toml::Value::as_table);
        for (name, level) in of_all.into_iter().flatten() {
            let level = if name == "unsafe_code" { &toml::Value::from("deny") } else { level };
            if lint(own, group, name).as_ref() != Some(level) {
                let sentence = format!("the lint `{name}` is not as it is everywhere");
                report.fault("lints", tree.shown(&package.manifest), sentence, "say it as the workspace does");
            }
        }
    }
    Ok(())
}

fn headings(tree: &Tree, package: &Package, report: &mut Report) -> Result<()> {
    let Some(library) = &package.library else { return Ok(()) };
    let text = std::fs::read_to_string(library).with_context(|| format!("could not read {}", library.display()))?;
    let docs: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("//!")).map(str::trim).collect();
    for heading in HEADINGS {
        if !docs.contains(heading) {
            let sentence = format!("the crate's documentation lacks `{heading}`");
            report.fault(
                "headings",
                tree.shown(library),
                sentence,
                "say what the crate is for, what not, and what always holds",
            );
        }
    }
    Ok(())
}

fn sizes(tree: &Tree, report: &mut Report) {
    let mut crates: BTreeMap<String, usize> = BTreeMap::new();
    for file in &tree.rust {
        let lines = file.lines.iter().filter(|line| !line.test).count();
        if let Some(name) = crate_of(file) {
            *crates.entry(name).or_default() += file.lines.len();
        }
        if lines > FILE_LINES_MAX {
            report.note(format!("long file: {} has {lines} lines without tests", file.path.display()));
        }
        functions(file, report);
    }
    for (name, lines) in crates.iter().filter(|(_, lines)| **lines > CRATE_LINES_MAX) {
        report.note(format!("large crate: {name} has {lines} lines"));
    }
}

pub(super) fn crate_of(file: &RustFile) -> Option<String> {
    let mut parts = file.path.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
    (parts.next().as_deref() == Some("crates")).then(|| parts.next()).flatten()
}

/// Leans on rustfmt: a function ends with a brace at its own indentation.
fn functions(file: &RustFile, report: &mut Report) {
    for (index, line) in file.lines.iter().enumerate() {
        let Some(name) = function_name(&line.code) else { continue };
        let indentation = indentation(&line.code);
        let ends = |code: &str| {
            indentation == self::indentation(code) && (code.trim_start().starts_with('}') || code.ends_with(';'))
        };
        let rest = file.lines.iter().skip(index + 1);
        let length =
            if line.code.ends_with(['}', ';']) { 1 } else { 2 + rest.take_while(|line| !ends(&line.code)).count() };
        if length > FUNCTION_LINES_MAX {
            let place = format!("{}:{}", file.path.display(), index + 1);
            report.note(format!("long function: {place} `{name}` has {length} lines"));
        }
    }
}

fn indentation(code: &str) -> usize {
    code.len() - code.trim_start().len()
}

fn function_name(code: &str) -> Option<&str> {
    let mut words = code.split_whitespace().skip_while(|word| QUALIFIERS.contains(word) || word.starts_with("pub("));
    let name = (words.next() == Some("fn")).then(|| words.next()).flatten()?;
    name.split(['(', '<']).next()
}

const HEADINGS: &[&str] = &["# In scope", "# Out of scope", "# Invariants"];
const QUALIFIERS: &[&str] = &["pub", "const", "async", "unsafe", "extern"];
const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const CRATE_LINES_MAX: usize = 15_000;
/// Calls the C library where nobody offers a safe way.
const UNSAFE_HOME: &str = "resident";
