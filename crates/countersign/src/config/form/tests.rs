use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::{UNKNOWN_KEYS_MAX, read};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct World {
    #[serde(default)]
    people: BTreeMap<String, Person>,
    #[serde(default)]
    apps: Vec<App>,
    data: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    name: String,
    #[serde(default)]
    role: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct App {
    url: String,
}

/// The places and the keys that are told, and the way out.
fn told(text: &str) -> Vec<String> {
    let problems = read::<World>(Path::new("c.yaml"), text).unwrap_err();
    let line = |problem: &super::Problem| {
        let hint = problem.hint.as_deref().unwrap_or_default();
        format!("{}:{} {} ({hint})", problem.line, problem.column, problem.said)
    };
    problems.0.iter().map(line).collect()
}

#[test]
fn every_unknown_key_is_told_with_its_place_and_the_nearest_right_one() {
    let text = "peple:\n  ana: {nme: Ana's own, rol: cfo, wherever: x}\n  bo:\n    nam: Bo\nlisten: y\napps:\n- urll: u\n- {\"uri\": v}\n";
    let expect = [
        "1:1 unknown key `peple` (did you mean `people`?)",
        "2:9 unknown key `nme` (did you mean `name`?)",
        "2:25 unknown key `rol` (did you mean `role`?)",
        "2:35 unknown key `wherever` (there is name, role)",
        "4:5 unknown key `nam` (did you mean `name`?)",
        "5:1 unknown key `listen` (there is apps, data, people)",
        "7:3 unknown key `urll` (did you mean `url`?)",
        "8:4 unknown key `uri` (did you mean `url`?)",
    ];
    assert_eq!(told(text), expect);
}

#[test]
fn a_right_key_that_stands_there_too_is_not_told() {
    let text = "people:\n  ana: {nam: Anna, name: Ana, rle: x, role: cfo}\ndato: |\n  a: b\n\n  c\ndata: x\n";
    let expect = [
        "2:9 unknown key `nam` (did you mean `name`?)",
        "2:31 unknown key `rle` (did you mean `role`?)",
        "3:1 unknown key `dato` (did you mean `data`?)",
    ];
    assert_eq!(told(text), expect);
}

#[test]
fn what_else_is_wrong_is_told_by_itself() {
    assert_eq!(told("people: []\n"), ["1:9 expected keys and values, as in `key: value` ()"]);
    assert_eq!(told("people: {ana: {}}\n"), ["1:15 the key `name` is missing ()"]);
    // It may be wrong because of what was mended.
    assert_eq!(told("people: {ana: {wherever: x}}\n"), ["1:16 unknown key `wherever` (there is name, role)"]);
    let read = read::<World>(Path::new("c.yaml"), "people: {ana: {name: Ana}}\napps: [{url: u}]\ndata: d\n").unwrap();
    assert!(read.people["ana"].name == "Ana" && read.people["ana"].role.is_empty());
    assert!(read.apps[0].url == "u" && read.data.is_some());
}

#[test]
fn no_more_keys_are_told_than_anybody_reads() {
    let text: String = (0..UNKNOWN_KEYS_MAX + 1).map(|number| format!("unheard_of_{number}: x\n")).collect();
    assert_eq!(told(&text).len(), UNKNOWN_KEYS_MAX);
}
