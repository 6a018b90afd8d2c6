use super::*;

const API: &str = r#"
api: 1
base: https://api.example.com/v1
operations:
  user: {method: GET, path: "/users/{id}", class: read, does: read}
  change: {method: PATCH, path: "/users/{id}", class: write, does: update}
  remove: {method: DELETE, path: "/users/{id}", class: destructive, does: delete}
  export: {method: GET, path: "/users/export", class: external, does: list}
  post_of: {method: GET, path: "/users/{id}/posts", class: read, does: list}
  ours: {method: GET, path: "/users/me/{what}", class: read, does: read}
  file: {method: GET, path: "/files/{name}", class: read, does: read}
"#;

// INVARIANT: what an app is asked is the operation that was decided on.
#[test]
fn parameters_of_a_path_never_make_another_operation() {
    let spec = ApiSpec {
        app: "api".parse().unwrap(),
        base: Uri::from_static("https://api.example.com/v1"),
        mapping: Arc::new(Mapping::read("x.yaml", API).unwrap()),
        arguments: ArgumentLevel::None,
    };
    let api = Api::new(&spec).unwrap();
    let may = |operation: &str, name: &str, value: &str| {
        let operation = api.operation(&operation.parse().unwrap()).unwrap();
        api.means_only(operation, &BTreeMap::from([(name.to_owned(), value.to_owned())])).is_ok()
    };
    for (operation, name, value, expected) in [
        ("user", "id", "u_1", true),
        ("user", "id", "exports", true),
        ("user", "id", "export", false),
        ("user", "id", "Export", false),
        // The app knows this path with another method only, as far as we are told.
        ("change", "id", "export", false),
        ("remove", "id", "EXPORT", false),
        ("export", "id", "", true),
        // Each of two names two segments.
        ("post_of", "id", "me", false),
        ("post_of", "id", "you", true),
        ("ours", "what", "posts", false),
        ("ours", "what", "notes", true),
        ("file", "name", "export", true),
    ] {
        assert_eq!(may(operation, name, value), expected, "{operation} {value}");
    }
}
