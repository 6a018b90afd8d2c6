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

fn api(mapping: &str) -> Api {
    api_at("https://api.example.com/v1", mapping)
}

fn api_at(base: &'static str, mapping: &str) -> Api {
    let spec = ApiSpec {
        app: "api".parse().unwrap(),
        base: Uri::from_static(base),
        mapping: Arc::new(Mapping::read("x.yaml", mapping).unwrap()),
        arguments: ArgumentLevel::None,
    };
    Api::new(&spec).unwrap()
}

#[test]
fn an_api_is_another_at_another_place_and_by_another_mapping() {
    let (one, base) = (api(API), "https://api.example.com/v1");
    assert!(one.is_as(&api_at(base, API)));
    assert!(!one.is_as(&api_at("https://api.example.com/v2", API)));
    assert!(!one.is_as(&api(&API.replace("/users/{id}/posts", "/users/{id}/notes"))));
    assert!(!one.is_as(&api(&API.replace("class: external", "class: read"))));
}

// INVARIANT: while credentials are replaced, an app that changes is neither where it was nor where it will be.
#[test]
fn nothing_goes_to_an_app_that_changes_until_it_is_taken() {
    let at = |base: &'static str, same: &'static str| {
        let spec = |app: &str, base| ApiSpec {
            app: app.parse().unwrap(),
            base: Uri::from_static(base),
            mapping: Arc::new(Mapping::read("x.yaml", API).unwrap()),
            arguments: ArgumentLevel::None,
        };
        Apis::new(&[spec("moves", base), spec("stays", same)]).unwrap()
    };
    let same = "https://stays.example.com";
    let (now, next) = (at("https://one.example.com", same), at("https://two.example.com", same));
    now.leave_for(&next);
    let moves = now.of("moves").unwrap();
    assert_eq!((moves.base.host(), moves.stands().is_err()), (Some("one.example.com"), true));
    assert!(now.of("stays").unwrap().stands().is_ok());
    now.take(next);
    let moves = now.of("moves").unwrap();
    assert_eq!((moves.base.host(), moves.stands().is_ok()), (Some("two.example.com"), true));
}

#[test]
fn a_record_is_named_in_the_path_or_in_the_query() {
    let api = api(r#"
api: 1
base: https://api.example.com/v1
entities: {candidate: {id: id, tenant: client_id, fields: [id, client_id, name]}}
operations:
  in_path: {method: DELETE, path: "/candidates/{id}", class: destructive, does: delete, entity: candidate, id: path.id}
  in_query: {method: DELETE, path: "/candidates", class: destructive, does: delete, entity: candidate, id: query.id, tenant: query.client_id}
  make: {method: POST, path: "/clients/{client}/candidates", class: write, does: create, entity: candidate, tenant: path.client, body: [name]}
"#);
    for (name, expected) in [("in_path", true), ("in_query", true), ("make", false)] {
        let operation = api.operation(&name.parse().unwrap()).unwrap();
        assert_eq!(operation.names_a_record(), expected, "{name}");
    }
}

// INVARIANT: what an app is asked is the operation that was decided on.
#[test]
fn parameters_of_a_path_never_make_another_operation() {
    let api = api(API);
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
