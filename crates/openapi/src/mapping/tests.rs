use super::*;

const THE_CASE: &str = r#"
api: 1
base: https://api.example.com/v1/
entities: {candidate: {id: id, tenant: client_id, state: status, fields: [id, client_id, status, name, employment.salary, "jobs[].title"]}}
operations:
  get_candidate: {method: GET, path: "/candidates/{id}", class: read, does: read, entity: candidate, id: path.id, rows: "$"}
  list_candidates: {method: GET, path: /candidates, class: read, does: list, entity: candidate, rows: "$.data[*]", total: "$.total", cursor: "$.next",
                    page: query.limit, page_max: 100, tenant: query.client_id, selects: [query.fields], sorts: [query.sort], filters: {query.status: status}, expands: [query.include],
                    passes: [query.cursor, header.accept-language]}
  export: {method: GET, path: /export, class: read, does: list, entity: candidate, rows: $, form: csv}
  note: {method: POST, path: "/candidates/{id}/notes", class: write, does: create, id: path.id, body: [text, author.name]}
"#;

#[test]
fn a_mapping_is_read() {
    let mapping = Mapping::read("ats.api.yaml", THE_CASE).unwrap();
    assert_eq!(mapping.base, "https://api.example.com/v1");
    let listed = &mapping.operations["list_candidates"];
    assert_eq!((listed.does, listed.class, listed.page_max), (Operation::List, Class::Read, Some(100)));
    assert_eq!(listed.filters["query.status"], "status");
    assert_eq!(mapping.operations["note"].body, ["text", "author.name"]);
}

#[test]
fn all_that_is_wrong_is_said_at_its_place() {
    let text = r#"api: 2
bass: x
base: ftp://example.com
entities: {candidate: {id: id, fields: "id", tennant: x, state: "a..b"}}
operations:
  one: {method: GETT, path: "/a/{id}/../x", class: reed, does: list, entity: candidat, rows: "data", total: total, page_max: 0}
  two: {method: GET, path: "/a/{id}", class: read, does: read, id: path.di, passes: [limit], form: cvs}
  three: {method: GET, path: "/a/{other}", class: read, does: read}
  "fo ur": {method: GET}
"#;
    let errors = Mapping::read("x.yaml", text).unwrap_err();
    let said: Vec<String> = errors
        .iter()
        .map(|error| {
            format!("{error}{}", error.hint.as_ref().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default())
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn whose_record_is_sent_stands_in_its_body() {
    let said = |written: &str| {
        let text = format!(
            "api: 1\nbase: https://a.b\nentities: {{candidate: {{id: id, tenant: client_id}}}}\noperations:\n  one: {{path: /a, entity: candidate, class: write, {written}}}\n"
        );
        let errors = Mapping::read("x.yaml", &text).err().unwrap_or_default();
        let told = errors.iter().map(|error| format!("{}; {}", error.said, error.hint.as_deref().unwrap_or_default()));
        told.collect::<Vec<_>>().join("\n")
    };
    let cases = [
        ("method: POST, does: create, id: body.id, tenant: body.client_id, body: [id, client_id]", ""),
        ("method: POST, does: create, tenant: body.owner.client, body: [owner]", ""),
        ("method: POST, does: act, tenant: body.client_id, body: [client_id, name]", ""),
        (
            "method: POST, does: create, tenant: body.client, body: [client_id]",
            "`client` is not among the fields of `body`; did you mean `client_id`?",
        ),
        (
            "method: POST, does: update, id: body.id, body: [id]",
            "only a record that is made is named by its body; name what is looked up by in the path: `id: path.id`",
        ),
        (
            "method: POST, does: list, passes: [body.limit], body: [limit]",
            "`body.limit` is no parameter; as in `path.id`, `query.limit` or `header.accept-language`",
        ),
    ];
    for (written, wanted) in cases {
        assert_eq!(said(written), wanted, "{written}");
    }
    assert!(!said("method: POST, does: create, tenant: \"body.a..b\", body: [a]").is_empty());
}

#[test]
fn whose_record_is_changed_is_no_word_of_the_caller() {
    let said = |written: &str| {
        let text = format!("api: 1\nbase: https://a.b\noperations:\n  one: {{class: write, {written}}}\n");
        let errors = Mapping::read("x.yaml", &text).err().unwrap_or_default();
        let told = errors.iter().map(|error| format!("{}; {}", error.said, error.hint.as_deref().unwrap_or_default()));
        told.collect::<Vec<_>>().join("\n")
    };
    for fits in [
        "method: POST, path: \"/clients/{client}/reminders\", does: act, tenant: path.client, passes: [header.prefer]",
        "method: PATCH, path: \"/clients/{client}\", does: update, id: path.client, tenant: path.client, body: [name]",
        "method: PATCH, path: \"/clients/{client}/orders/{id}\", does: update, id: path.id, tenant: path.client, body: [name]",
        "method: DELETE, path: /orders, does: delete, id: query.id, tenant: query.client_id",
        "method: POST, path: \"/clients/{client}/orders\", does: create, tenant: path.client, passes: [query.parent], body: [name]",
        "method: GET, path: /orders, does: list, tenant: query.client_id, passes: [query.page]",
    ] {
        assert_eq!(said(fits), "", "{fits}");
    }
    for refused in [
        "method: POST, path: /orders/close, does: act, tenant: query.client_id, passes: [query.order]",
        "method: POST, path: /orders/close, does: act, tenant: query.client_id, filters: {query.order: id}",
        "method: DELETE, path: \"/orders/{order}\", does: delete, tenant: query.client_id",
        "method: PATCH, path: \"/clients/{client}\", does: update, tenant: path.client, body: [order]",
    ] {
        let told = said(refused);
        assert!(
            told.starts_with("whose record is changed would be the caller's word alone; name the record"),
            "{told}"
        );
    }
    let tool = "api: 1\ntools:\n  close: {does: act, tenant: client_id, passes: [order]}\n";
    let errors = Mapping::read("x.yaml", tool).unwrap_err();
    assert_eq!(errors[0].to_string(), "x.yaml:3:30: whose record is changed would be the caller's word alone");
}

#[test]
fn what_is_no_yaml_says_where() {
    let said = |text: &str| Mapping::read("x.yaml", text).unwrap_err()[0].to_string();
    assert_eq!(said("api: 1\napi: 1\n"), "x.yaml:2:1: the key `api` occurs twice");
    assert!(said("[1").starts_with("x.yaml:"));
    assert_eq!(said("[]"), "x.yaml:1:1: here is a list, and keys with values are wanted");
}

#[test]
fn a_change_of_a_record_that_nobody_can_look_at_is_told() {
    let unseen = |id: &str, read: &str, change: &str| {
        let text = format!(
            "api: 1\nbase: https://a.b\nentities: {{note: {{{id}fields: [id, text]}}}}\noperations:\n  \
             get: {{method: GET, path: \"{read}\", class: read, does: read, entity: note, id: path.id}}\n  \
             set: {{method: PATCH, path: \"{change}\", class: write, does: update, entity: note, id: path.id, body: [text]}}\n  \
             new: {{method: POST, path: /notes, class: write, does: create, entity: note, body: [text]}}\n"
        );
        let mapping = Mapping::read("x.yaml", &text).unwrap();
        mapping.unseen().map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(unseen("id: id, ", "/notes/{id}", "/notes/{id}").is_empty());
    assert!(unseen("id: id, ", "/notes/{id}", "/notes/{id}/text").is_empty());
    assert_eq!(unseen("", "/notes/{id}", "/notes/{id}"), ["set"], "it does not say which one it is");
    assert_eq!(unseen("id: id, ", "/notes/by-title/{id}", "/notes/{id}"), ["set"], "that may be another one");
}
