use std::path::Path;

use super::{PACKS, Pack};
use crate::config::Config;
use crate::gateway::bundle_of;
use crate::judge::cases::read;
use crate::judge::{Judge, WEDNESDAY};

const WORLD: &str = include_str!("../../../../policies/world.yaml");

const CASES: &[(&str, &str)] = &[
    ("aws-readonly", include_str!("../../../../policies/aws-readonly.cases.yaml")),
    ("baseline", include_str!("../../../../policies/baseline.cases.yaml")),
    ("code-freeze", include_str!("../../../../policies/code-freeze.cases.yaml")),
    ("customer-data", include_str!("../../../../policies/customer-data.cases.yaml")),
    ("github", include_str!("../../../../policies/github.cases.yaml")),
    ("strict", include_str!("../../../../policies/strict.cases.yaml")),
];

/// The organisation of the cases, with these packs.
fn judge(packs: &str) -> Judge {
    let text = format!("packs: [{packs}]\n{WORLD}");
    let config = Config::parse(Path::new("world.yaml"), &text, &|_| None).unwrap_or_else(|error| panic!("{error}"));
    let bundle = bundle_of(&config).unwrap_or_else(|errors| panic!("{packs}: {errors:#?}"));
    Judge::new(config, bundle)
}

#[test]
fn every_pack_does_what_its_cases_say() {
    let mut wrong = Vec::new();
    for (pack, cases) in CASES {
        let judge = judge(if *pack == "baseline" { "" } else { pack });
        let file = format!("{pack}.cases.yaml");
        for case in read(Path::new(&file), cases, WEDNESDAY).unwrap_or_else(|problems| panic!("{problems:?}")) {
            wrong.extend(judge.run(&case).wrong.map(|said| format!("{file}:{}: {}: {said}", case.line, case.name)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_pack_has_cases_and_packs_go_together() {
    let with_cases: Vec<&str> = CASES.iter().map(|(pack, _)| *pack).filter(|pack| *pack != "baseline").collect();
    assert_eq!(with_cases, Pack::names().collect::<Vec<_>>());
    let all: Vec<&str> = Pack::names().collect();
    assert!(judge(&all.join(", ")).bundle.rules().len() > PACKS.len());
}

#[test]
fn names_are_in_order_and_found() {
    assert!(Pack::names().is_sorted());
    for name in Pack::names() {
        let rules = Pack::named(name).unwrap().rules();
        assert!(rules.name.starts_with(&format!("pack:{name}.")), "{}", rules.name);
    }
    assert!(Pack::named("baseline").is_none(), "it is a layer of its own");
}
