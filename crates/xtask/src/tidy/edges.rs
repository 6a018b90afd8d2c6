//! Arrows between crates: those drawn in ARCHITECTURE.md are the ones in the manifests, and two rooms never meet.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Report;
use super::tree::{Package, Tree};

pub(super) fn check(tree: &Tree, report: &mut Report) {
    match std::fs::read_to_string(tree.root.join(MAP)) {
        Ok(text) => match Map::parse(&text) {
            Ok(map) => compare(tree, &map, report),
            Err(sentence) => report.fault(CHECK, MAP, sentence, TABLE_HINT),
        },
        Err(error) => report.fault(CHECK, MAP, format!("could not be read: {error}"), TABLE_HINT),
    }
    strangers(tree, report);
    single_homes(tree, report);
}

/// The crate table: who may use whom.
struct Map {
    rows: BTreeMap<String, MayUse>,
}

#[derive(Clone)]
enum MayUse {
    All,
    These(BTreeSet<String>),
}

// === impl Map ===

impl Map {
    fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().skip_while(|line| cells(line) != ["crate", "promise", "may use"]);
        if lines.next().is_none() {
            return Err("there is no table `| crate | promise | may use |`".to_owned());
        }
        let mut rows = BTreeMap::new();
        for line in lines.skip(1).take_while(|line| line.trim_start().starts_with('|')) {
            let row = cells(line);
            let [names, _, uses] = row.as_slice() else {
                return Err(format!("a row has not three cells: `{line}`"));
            };
            let uses = MayUse::parse(uses);
            for name in list(names) {
                if rows.insert(name.clone(), uses.clone()).is_some() {
                    return Err(format!("`{name}` stands in the table twice"));
                }
            }
        }
        Ok(Self { rows })
    }
}

// === impl MayUse ===

impl MayUse {
    fn parse(cell: &str) -> Self {
        let names = list(cell);
        if names.iter().any(|name| name == "all") { Self::All } else { Self::These(names.into_iter().collect()) }
    }

    fn allows(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(names) => names.contains(name),
        }
    }
}

fn compare(tree: &Tree, map: &Map, report: &mut Report) {
    for name in map.rows.keys().filter(|name| tree.package(name).is_none()) {
        report.fault(CHECK, MAP, format!("the table names `{name}`, which is no crate"), "remove the row");
    }
    for package in &tree.packages {
        let place = tree.shown(&package.manifest);
        let Some(may_use) = map.rows.get(&package.name) else {
            report.fault(CHECK, place, format!("`{}` is missing from the table in {MAP}", package.name), TABLE_HINT);
            continue;
        };
        for used in package.uses.iter().filter(|used| used.own && !may_use.allows(&used.name)) {
            let edge = format!("`{}` uses `{}`", package.name, used.name);
            if !used.dev {
                report.fault(CHECK, &place, format!("{edge}, which {MAP} does not allow"), EDGE_HINT);
            } else if !DEV_CRATES.contains(&used.name.as_str()) {
                report.note(format!("edge for tests only: {edge}"));
            }
        }
        if let MayUse::These(names) = may_use {
            for name in names.iter().filter(|name| !package.uses.iter().any(|used| used.name == **name)) {
                report.note(format!("allowed but unused edge: `{}` may use `{name}`", package.name));
            }
        }
    }
}

/// Crates that must not reach each other, however long the way.
fn strangers(tree: &Tree, report: &mut Report) {
    for (from, to) in STRANGERS {
        if let Some(way) = way(tree, from, to) {
            let sentence = format!("`{from}` reaches `{to}`: {}", way.join(" → "));
            report.fault(
                CHECK,
                "Cargo.toml",
                sentence,
                "credentials and policy are kept apart; move what both need down",
            );
        }
    }
}

/// The shortest way along edges that are part of a build, if there is one.
fn way(tree: &Tree, from: &str, to: &str) -> Option<Vec<String>> {
    let mut ways = VecDeque::from([vec![from.to_owned()]]);
    let mut seen = BTreeSet::from([from.to_owned()]);
    while let Some(way) = ways.pop_front() {
        let Some(package) = way.last().and_then(|last| tree.package(last)) else { continue };
        for used in package.uses.iter().filter(|used| used.own && !used.dev) {
            let longer = [way.clone(), vec![used.name.clone()]].concat();
            if used.name == to {
                return Some(longer);
            }
            if seen.insert(used.name.clone()) {
                ways.push_back(longer);
            }
        }
    }
    None
}

/// Heavy or dangerous libraries that one crate hides from the others.
fn single_homes(tree: &Tree, report: &mut Report) {
    let outside = |package: &Package, homes: &[&str]| !homes.contains(&package.name.as_str());
    for (library, homes) in HOMES {
        for package in tree.packages.iter().filter(|package| outside(package, homes)) {
            if package.uses.iter().any(|used| !used.own && used.name == *library) {
                let sentence = format!("`{}` names `{library}`, whose home is {}", package.name, homes.join(", "));
                report.fault(CHECK, tree.shown(&package.manifest), sentence, "go through the crate that hides it");
            }
        }
    }
}

/// The cells of a table row, trimmed.
fn cells(line: &str) -> Vec<&str> {
    let inner = line.trim().strip_prefix('|').and_then(|line| line.strip_suffix('|'));
    inner.map(|inner| inner.split('|').map(str::trim).collect()).unwrap_or_default()
}

/// Names in a cell, separated by commas, without marks and without what stands in parentheses. A dash is no name.
fn list(cell: &str) -> Vec<String> {
    let mut depth = 0_usize;
    let outside = cell.chars().filter(|character| match character {
        '(' => {
            depth += 1;
            false
        }
        ')' => {
            depth = depth.saturating_sub(1);
            false
        }
        '`' | '*' => false,
        _ => depth == 0,
    });
    let outside: String = outside.collect();
    let names = outside.split(',').map(str::trim).filter(|name| !["", "–", "-", "—"].contains(name));
    names.map(str::to_owned).collect()
}

const CHECK: &str = "edges";
const MAP: &str = "ARCHITECTURE.md";
const TABLE_HINT: &str = "the code map is a table `| crate | promise | may use |` with one row per crate";
const EDGE_HINT: &str = "draw the arrow in the table in a commit of its own, with the reason, or remove the dependency";
const DEV_CRATES: &[&str] = &["testkit", "xtask"];
const STRANGERS: &[(&str, &str)] =
    &[("policy", "broker"), ("broker", "policy"), ("decide", "broker"), ("model", "broker")];
const HOMES: &[(&str, &[&str])] = &[
    ("cedar-policy", &["policy"]),
    ("libc", &["resident"]),
    ("rmcp", &["mcp", "demo", "testkit"]),
    ("rusqlite", &["store"]),
];
