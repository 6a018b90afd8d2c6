use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

fn of<'t>(texts: impl Iterator<Item = &'t str>) -> Texts {
    let mut table = Texts::default();
    for (number, text) in (0..).zip(texts) {
        table.add(text, number);
    }
    table
}

#[test]
fn an_empty_table_has_nothing() {
    assert_eq!(Texts::default().get(""), None);
    assert_eq!(Texts::default().get("crm"), None);
}

#[test]
fn nobody_walks_far_among_names_that_count() {
    for form in
        [|at: usize| format!("app-{at}"), |at| format!("app-{}/tool-{}", at / 30, at % 30), |at: usize| at.to_string()]
    {
        let names: Vec<String> = (0..10_000).map(form).collect();
        let table = of(names.iter().map(String::as_str));
        let row = table.marks.split(|mark| *mark == FREE).map(<[u32]>::len).max();
        assert!(row.is_some_and(|row| row < 64), "{row:?} in a row: {}", names[1]);
    }
}

proptest! {
    #[test]
    fn finds_what_was_added_and_nothing_else(
        texts in proptest::collection::hash_set("[ab/]{0,3}|a{0,20}[ab]{4,9}", 0..80),
        others in proptest::collection::vec("[ab/]{0,3}|a{0,20}[ab]{4,9}", 0..80),
    ) {
        let table = of(texts.iter().map(String::as_str));
        let plain: HashMap<&str, u32> = texts.iter().map(String::as_str).zip(0..).collect();
        for text in texts.iter().chain(&others) {
            prop_assert_eq!(table.get(text), plain.get(text.as_str()).copied());
        }
    }
}
