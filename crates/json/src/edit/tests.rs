use super::splice;
use crate::Document;

#[test]
fn only_the_spans_change() {
    let text = br#"{ "name" : "crm__get", "n": 1.0, "arguments":{"a":[1, 2]} }"#;
    let document = Document::parse(text).unwrap();
    let name = document.root().get("name").unwrap().span();
    let items = document.root().get("arguments").unwrap().get("a").unwrap().span();
    let spliced = splice(text, &[(name, b"\"get\""), (items, b"null")]);
    assert_eq!(spliced, br#"{ "name" : "get", "n": 1.0, "arguments":{"a":null} }"#);
    assert_eq!(splice(text, &[]), text);
}

#[test]
fn empty_spans_insert_and_ends_are_in_reach() {
    assert_eq!(splice(b"abc", &[(0..0, b"<"), (3..3, b">")]), b"<abc>");
    assert_eq!(splice(b"abc", &[(0..3, b"")]), b"");
    assert_eq!(splice(b"abc", &[(1..1, b"1"), (1..2, b"2")]), b"a12c");
}

#[test]
fn wrong_edits_never_bring_masked_bytes_back() {
    assert_eq!(splice(b"abcdef", &[(1..4, b"X"), (2..5, b"Y")]), b"aXYf");
    assert_eq!(splice(b"abcdef", &[(4..5, b"Y"), (0..2, b"X")]), b"XcdYf");
    assert_eq!(splice(b"abcdef", &[(1..5, b"X"), (2..3, b"Y")]), b"aXYf");
    assert_eq!(splice(b"abc", &[(2..9, b"X"), (7..8, b"Y")]), b"abXY");
}
