use super::*;

#[test]
fn stars_stand_for_any_run() {
    for (pattern, text, like) in [
        ("prod-*", "prod-", true),
        ("prod-*", "prod-eu", true),
        ("prod-*", "Prod-eu", false),
        ("*-prod", "eu-prod", true),
        ("*-prod", "eu-prod-2", false),
        ("a*b*c", "abc", true),
        ("a*b*c", "a--b--c", true),
        ("a*b*c", "acb", false),
        ("a*a", "a", false),
        ("a*a", "aa", true),
        ("**", "", true),
        ("abc", "abc", true),
        ("abc", "abcd", false),
        ("*ä*", "fähre", true),
        ("a?c", "abc", false),
        ("*ab*ab", "abab", true),
        ("*ab*ab", "ab", false),
    ] {
        assert_eq!(Glob::new(pattern).matches(text), like, "{pattern} {text}");
    }
}

#[test]
fn no_text_takes_long() {
    let glob = Glob::new(&"*a".repeat(200));
    assert!(!glob.matches(&format!("{}b", "a".repeat(100_000))));
}
