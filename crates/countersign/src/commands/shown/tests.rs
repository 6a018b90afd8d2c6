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
fn of_secrets_that_overlap_the_whole_is_covered() {
    let shown = |text: &str, covered: &[&str]| super::cover(text.as_bytes(), covered);
    assert_eq!(shown("x abcdefgh y", &["abcdef", "cdefgh"]), "x •••••• y");
    assert_eq!(shown("x abcdefgh y", &["abcdefgh", "cdef"]), "x •••••• y");
    assert_eq!(shown("x cdefgh y", &["abcdefgh", "cdef"]), "x ••••••gh y");
    assert_eq!(shown("abcdabcd", &["abcd"]), "••••••••••••");
    assert_eq!(shown("[\"ab\", \"cab\", ab]", &["ab", ""]), "[\"••••••\", \"cab\", ab]");
    assert_eq!(shown("ä über ö", &["über"]), "ä •••••• ö");
    assert_eq!(shown("nothing", &[]), "nothing");
}

#[test]
fn however_many_secrets_there_are_the_text_is_passed_once() {
    let secrets: Vec<String> = (0..4_000).map(|number| format!("ghp_{number:032}")).collect();
    let covered: Vec<&str> = secrets.iter().map(String::as_str).collect();
    let shown = super::cover(secrets.join("\n").as_bytes(), &covered);
    assert!(shown.lines().all(|line| line == "••••••"));
    // Each ends in all that are shorter.
    let secrets: Vec<String> = (4..300).map(|length| "a".repeat(length)).collect();
    let covered: Vec<&str> = secrets.iter().map(String::as_str).collect();
    assert_eq!(super::cover("a".repeat(50_000).as_bytes(), &covered), "••••••");
}

#[test]
fn a_secret_that_begins_like_another_is_covered_whole() {
    let look = Look { colour: false, signs: true, width: None };
    let shown = diff(look, b"[\"abcdef\", \"abcdefgh\"]\n", b"[]\n", &["abcdef", "abcdefgh"]);
    assert_eq!(shown, ["- [\"••••••\", \"••••••\"]", "+ []"]);
}
