use super::*;

#[test]
fn any_word_is_a_role_and_slips_of_known_ones_are_not() {
    for word in ["path", "repo", "account", "patch", "query", "file", "storage_class", "a", "repository"] {
        assert_eq!(Role::parse(word).unwrap().as_str(), word);
    }
    for word in ["", "Path", "a b", "repo-name", "r2", "_x", "x_", "é"] {
        assert!(Role::parse(word).unwrap_err().contains("is not a role"), "{word}");
    }
    for (word, kind) in
        [("pth", "path"), ("paht", "path"), ("urls", "url"), ("comand", "command"), ("email", "recipient")]
    {
        assert_eq!(
            Role::parse(word).unwrap_err(),
            format!("`{word}` would be read as the name of a resource; did you mean `{kind}`?")
        );
    }
    assert!(Role::parse(&"a".repeat(33)).is_err());
}

#[test]
fn known_roles_have_a_kind_of_their_own() {
    for (word, kind) in KINDS {
        assert_eq!(Role::parse(word).unwrap().kind(), *kind);
    }
    assert_eq!(Role::parse("repo").unwrap().kind(), RoleKind::Name);
}
