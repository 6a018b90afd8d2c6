use super::{is_package, key, quoted, slug};

#[test]
fn ids_of_apps() {
    for (name, id) in [
        ("github", "github"),
        ("GitHub", "github"),
        ("My CRM (test)", "my-crm-test"),
        ("__x__", "x"),
        ("äöü", "app"),
        ("", "app"),
        ("com.example/server.name-that-is-far-too-long", "com-example-server-name-that-is"),
    ] {
        assert_eq!(slug(name), id, "{name}");
        assert!(model::AppId::parse(&slug(name)).is_ok());
    }
}

#[test]
fn keys_that_yaml_would_read_otherwise_are_quoted() {
    for (text, written) in [
        ("ana", "ana"),
        ("ana-desktop", "ana-desktop"),
        ("no", "\"no\""),
        ("12", "\"12\""),
        ("@x", "\"@x\""),
        ("A", "\"A\""),
    ] {
        assert_eq!(key(text), written);
    }
    assert_eq!(quoted("a \"b\"\n"), r#""a \"b\"\n""#);
}

#[test]
fn packages_by_any_starter() {
    for word in
        ["mcp-server-git", "mcp_server_git", "/opt/bin/mcp-server-git", "mcp-server-git==1.2", "mcp-server-git@latest"]
    {
        assert!(is_package(word, "mcp-server-git"), "{word}");
    }
    assert!(!is_package("mcp-server-github", "mcp-server-git"));
    assert!(is_package("@modelcontextprotocol/server-memory@1", "@modelcontextprotocol/server-memory"));
}
