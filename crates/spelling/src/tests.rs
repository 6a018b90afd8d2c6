//! Which words are near, and which are others.

use super::*;

#[test]
fn a_slip_is_near_and_another_word_is_not() {
    for (word, words, near) in [
        ("destructiv", &["read", "destructive"][..], Some("destructive")),
        ("vredict", &["verdict", "version"], Some("verdict")),
        ("Europe/berlin", &["Europe/Berlin", "Europe/Dublin"], Some("Europe/Berlin")),
        ("crn", &["ats", "crm"], Some("crm")),
        // Of two letters one may differ, of one none: more of the word would be another's.
        ("qq", &["do", "qa"], Some("qa")),
        ("x", &["y"], None),
        ("abc", &["xyz"], None),
        ("denied", &["defer", "deny"], None),
        ("", &["a"], None),
        ("Approve", &["approvers", "apps"], Some("approvers")),
        ("client", &["client_number", "client_id", "id"], Some("client_id")),
        ("cli", &["client_id"], None),
    ] {
        assert_eq!(nearest(word, words.iter().copied()), near, "{word}");
        assert_eq!(nearest(word, words.iter().rev().copied()), near, "{word}, the other way round");
    }
}

#[test]
fn of_two_that_are_as_near_the_first_by_letters_is_named() {
    for words in [["bat", "cat"], ["cat", "bat"]] {
        assert_eq!(did_you_mean("rat", words.into_iter()).as_deref(), Some("did you mean `bat`?"));
    }
}

#[test]
fn nothing_is_near_a_word_that_no_hand_wrote() {
    let long = "a".repeat(LETTERS_MAX + 1);
    assert_eq!(nearest(&long, std::iter::once(long.as_str())), None);
    assert_eq!(nearest("word", std::iter::once("a".repeat(10_000_000).as_str())), None);
}

#[test]
fn lists_read_like_sentences() {
    assert_eq!(listed(&[]), "");
    assert_eq!(listed(&["a"]), "`a`");
    assert_eq!(listed(&["a", "b", "c"]), "`a`, `b` or `c`");
}
