use super::*;

fn cut(text: &str) -> (Vec<&str>, Option<&str>) {
    let pieces = split(text);
    (
        pieces.rules.iter().map(|range| text.get(range.clone()).unwrap()).collect(),
        pieces.rest.map(|range| text.get(range).unwrap()),
    )
}

#[test]
fn rules_end_outside_strings_and_comments() {
    assert_eq!(cut(""), (vec![], None));
    assert_eq!(cut(" // a; b\n"), (vec![], None));
    assert_eq!(cut("a; b;"), (vec!["a;", "b;"], None));
    assert_eq!(cut("// x;\r a \";\\\";\" // y;\n b; // z\n c"), (vec!["a \";\\\";\" // y;\n b;"], Some("c")));
    assert_eq!(cut("a / b; ü;"), (vec!["a / b;", "ü;"], None));
    assert_eq!(cut("\"a;"), (vec![], Some("\"a;")));
    assert_eq!(cut("\"a\\"), (vec![], Some("\"a\\")));
}

#[test]
fn positions_count_characters_from_one() {
    assert_eq!(position("ab", 0), (1, 1));
    assert_eq!(position("ü\nöx", 5), (2, 2));
    assert_eq!(position("a\n", 2), (2, 1));
    assert_eq!(position("ab", 99), (1, 3));
}

#[test]
fn stems_are_visible_ascii_without_folders() {
    let stem = |name: &str| RuleFile { name: name.into(), text: String::new() }.stem();
    assert_eq!(stem("rules/crm team.cedar"), "crm-team");
    assert_eq!(stem("ü.cedar"), "-");
    assert_eq!(stem("notes.txt"), "notes.txt");
}
