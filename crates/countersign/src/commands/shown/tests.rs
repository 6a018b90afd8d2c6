use super::diff;
use crate::terminal::Look;

#[test]
fn lines_that_change_are_shown_and_secrets_covered() {
    let look = Look { colour: false, signs: true, width: None };
    let before = b"{\n  \"a\": 1,\n  \"token\": \"se\\\"cret\"\n}\n";
    let after = b"{\n  \"a\": 1,\n  \"b\": 2\n}\n";
    let shown = diff(look, before, after, &["se\"cret"]);
    assert_eq!(shown, ["  {", "    \"a\": 1,", "-   \"token\": \"••••••\"", "+   \"b\": 2", "  }"]);
}

#[test]
fn a_secret_that_begins_like_another_is_covered_whole() {
    let look = Look { colour: false, signs: true, width: None };
    let shown = diff(look, b"[\"abcdef\", \"abcdefgh\"]\n", b"[]\n", &["abcdef", "abcdefgh"]);
    assert_eq!(shown, ["- [\"••••••\", \"••••••\"]", "+ []"]);
}
