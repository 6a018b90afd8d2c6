use super::{TABLE, cut, hidden_danger, meaning, meaning_of_form};
use model::Class;

#[test]
fn names_are_cut_in_every_style() {
    for (name, expect) in [
        ("get_user", "get user"),
        ("get-user", "get user"),
        ("getUser", "get user"),
        ("GetUserByID", "get user by id"),
        ("APIDeletePolicy", "api delete policy"),
        ("users.get", "users get"),
        ("crm/users/get", "crm users get"),
        ("list2Files", "list2 files"),
        ("__a--b__", "a b"),
        ("DELETE", "delete"),
        ("", ""),
    ] {
        assert_eq!(cut(name).join(" "), expect, "{name}");
    }
}

#[test]
fn forms_of_a_word_mean_the_word() {
    for (form, class) in [
        ("deletes", Class::Destructive),
        ("deleting", Class::Destructive),
        ("deleted", Class::Destructive),
        ("modifies", Class::Write),
        ("fetches", Class::External),
        ("queries", Class::Read),
        ("dropping", Class::Destructive),
    ] {
        assert_eq!(meaning_of_form(form).map(|(class, _)| class), Some(class), "{form}");
    }
    assert_eq!(meaning_of_form("s"), None);
    assert_eq!(meaning_of_form("banana"), None);
}

#[test]
fn danger_is_seen_inside_an_unbroken_name() {
    assert_eq!(hidden_danger("deletefile"), Some("delete"));
    assert_eq!(hidden_danger("sequentialthinking"), None);
}

#[test]
fn no_word_stands_in_two_rows_and_every_word_can_match() {
    let mut seen = std::collections::HashMap::new();
    for (class, weight, words) in TABLE {
        for word in words.split(' ') {
            assert_eq!(cut(word), [word], "a name is never cut into `{word}`");
            assert_eq!(seen.insert(word, (*class, *weight)), None, "`{word}` stands twice");
            assert_eq!(meaning(word), Some((*class, *weight)));
        }
    }
}
