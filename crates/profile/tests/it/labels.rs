//! The labels are whole, and what `docs/classifier.md` says of them is true.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::measure::{Half, definitions, judge, matrix, read_definitions};

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// The definitions; elsewhere than in CI their absence only skips, and says so.
#[expect(clippy::disallowed_methods, reason = "CI says of itself that it is CI")]
fn data() -> Option<PathBuf> {
    let found = definitions();
    if found.is_none() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "third-party data is not here");
        eprintln!("skipped: third-party data not here");
    }
    found
}

fn labelled(half: Half) -> Vec<[String; 3]> {
    let file = Path::new(HERE).join("labels").join(half.file());
    let text = fs::read_to_string(file).expect("labels");
    let fields = text.lines().map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>());
    fields.map(|fields| [0, 1, 2].map(|at| fields[at].clone())).collect()
}

#[test]
fn the_labels_are_sorted_and_no_server_stands_in_both_halves() {
    let halves = [Half::Tuning, Half::HeldOut].map(labelled);
    for half in &halves {
        assert!(half.windows(2).all(|pair| pair[0] < pair[1]), "sorted by server, then tool, each once");
    }
    let [tuning, held_out] = halves.map(|half| half.into_iter().map(|[server, ..]| server).collect::<BTreeSet<_>>());
    assert!(tuning.is_disjoint(&held_out));
}

#[test]
fn every_definition_is_labelled_in_the_half_that_the_rule_gives() {
    let Some(data) = data() else { return };
    let defined = read_definitions(&data).expect("definitions");
    let mut tools: BTreeMap<&str, Vec<[String; 3]>> = BTreeMap::new();
    for key in defined.keys() {
        tools.entry(&key[0]).or_default().push(key.clone());
    }
    let mut servers: Vec<_> = tools.keys().copied().collect();
    servers.sort_by_key(|server| {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, server.as_bytes());
        hash.as_ref().to_vec()
    });
    let mut halves = [Vec::new(), Vec::new()];
    for server in servers {
        let smaller = usize::from(halves[0].len() > halves[1].len());
        halves[smaller].extend(tools[server].iter().cloned());
    }
    for (mut by_rule, half) in halves.into_iter().zip([Half::Tuning, Half::HeldOut]) {
        by_rule.sort();
        assert_eq!(by_rule, labelled(half), "{half:?}");
    }
}

#[test]
fn nothing_of_the_tuning_half_is_proposed_as_less_dangerous_than_it_is() {
    let Some(data) = data() else { return };
    let judged = judge(Half::Tuning, &data).expect("labels and definitions");
    let low: Vec<_> = judged.iter().filter(|one| one.too_low()).collect();
    let named: Vec<_> = low
        .iter()
        .map(|one| format!("{}/{}: {} as {}: {}", one.server, one.tool, one.label, one.proposed, one.why))
        .collect();
    assert!(named.is_empty(), "{}", named.join("\n"));
}

#[test]
fn the_documented_matrices_and_names_are_true() {
    let Some(data) = data() else { return };
    let document = fs::read_to_string(Path::new(HERE).join("../../docs/classifier.md")).expect("docs/classifier.md");
    for half in [Half::Tuning, Half::HeldOut] {
        let judged = judge(half, &data).expect("labels and definitions");
        let matrix = matrix(&judged);
        assert!(document.contains(&matrix), "docs/classifier.md should say of {half:?}:\n{matrix}");
        for one in judged.iter().filter(|one| one.too_low()) {
            let row = format!("| `{}` `{}` | {} | {} |", one.server, one.tool, one.label, one.proposed);
            assert!(document.contains(&row), "docs/classifier.md should have a row that begins with\n{row}");
        }
    }
}
