use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use model::limits::{JSON_DEPTH_MAX, JSON_NODES_MAX};
use model::{Actor, AgentId, Class, ContractId, HumanId, Operation as Does, Scalar, Shown, TaskId, VendorId};
use openapi::{Entity, Mapped, Mapping, SaysOfItself};

use super::*;

fn who() -> KnownVendor {
    KnownVendor {
        actor: Actor {
            agent: AgentId::parse("acme-screening").unwrap(),
            human: HumanId::parse("ana").unwrap(),
            task: TaskId::parse("acme-2026").unwrap(),
            only_app: None,
            token_id: Arc::from("k"),
        },
        vendor: VendorId::parse("acme-screening").unwrap(),
        contract: ContractId::parse("acme-2026").unwrap(),
        purpose: Some(Arc::from("background screening")),
    }
}

fn mapped(does: Does, method: &str, path: &str) -> Mapped {
    Mapped {
        method: method.to_owned(),
        path: path.to_owned(),
        class: Class::Read,
        does,
        entity: Some("candidate".to_owned()),
        id: None,
        rows: None,
        total: None,
        cursor: None,
        page: None,
        page_max: None,
        tenant: None,
        selects: Vec::new(),
        sorts: Vec::new(),
        filters: BTreeMap::new(),
        expands: Vec::new(),
        passes: Vec::new(),
        body: Vec::new(),
        form: None,
    }
}

fn compiled(mapped: &Mapped) -> Operation {
    let entities = BTreeMap::from([("candidate".to_owned(), Entity::default())]);
    Operation::compile("op", mapped, &entities).unwrap()
}

fn list() -> Operation {
    let text = |one: &str| vec![one.to_owned()];
    compiled(&Mapped {
        page: Some("query.limit".to_owned()),
        page_max: Some(100),
        tenant: Some("query.client_id".to_owned()),
        selects: text("query.fields"),
        sorts: text("query.sort"),
        filters: BTreeMap::from([("query.status".to_owned(), "status".to_owned())]),
        expands: text("query.include"),
        passes: vec!["query.cursor".to_owned(), "header.accept-language".to_owned()],
        ..mapped(Does::List, "GET", "/candidates")
    })
}

fn update() -> Operation {
    compiled(&Mapped {
        id: Some("path.id".to_owned()),
        tenant: Some("body.client_id".to_owned()),
        body: vec!["name".to_owned(), "client_id".to_owned(), "employment.title".to_owned(), "jobs".to_owned()],
        ..mapped(Does::Update, "PATCH", "/candidates/{id}")
    })
}

fn asked(operation: &Operation, query: &str, headers: &[(&str, &str)], body: &str) -> Result<Ask, String> {
    ask_of(operation, query, headers, body).map_err(|fault| fault.to_string())
}

fn ask_of(operation: &Operation, query: &str, headers: &[(&str, &str)], body: &str) -> Result<Ask, Fault> {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
        .collect();
    let target = Target::parse("", Some(query))?;
    let in_path = operation.in_path.keys().map(|name| (name.clone(), "c_17".to_owned())).collect();
    Ask::read(operation, in_path, target, &headers, Bytes::from(body.to_owned()), &who())
}

fn names(found: &[Arc<str>]) -> Vec<&str> {
    found.iter().map(|name| &**name).collect()
}

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

#[test]
fn asking_by_a_field_is_asking_for_it() {
    let query = "fields=name,employment.salary&sort=-medical_notes,name:desc&status=active&include=compensation&client_id=northwind&limit=20";
    let ask = asked(&list(), query, &[], "").unwrap();
    assert_eq!(names(&ask.facts.asks), ["compensation", "employment.salary", "medical_notes", "name", "status"]);
    assert_eq!(ask.facts.tenant, Shown::Known(vec![Arc::from("northwind")]));
    assert_eq!(ask.facts.records, Some(20));
    assert_eq!((ask.facts.vendor.as_str(), ask.facts.contract.as_str()), ("acme-screening", "acme-2026"));
    assert_eq!(ask.facts.operation, Some(Does::List));
}

#[test]
fn a_page_is_bounded_by_what_leaves() {
    let ask = asked(&list(), "client_id=northwind", &[], "").unwrap();
    assert_eq!(ask.facts.records, Some(100));
    assert_eq!(ask.arguments.query.get("limit").map(String::as_str), Some("100"));
    assert_eq!(ask.facts.tenant, Shown::Known(vec![Arc::from("northwind")]));
    for query in ["limit=101", "limit=-1", "limit=1e9", "limit=0x10", "limit=", "limit=99999999999", "limit=%2B5"] {
        assert!(asked(&list(), query, &[], "").is_err(), "{query}");
    }
}

#[test]
fn what_the_operation_does_not_name_is_refused() {
    for query in [
        "page=2",
        "filter=salary",
        "_method=DELETE",
        "LIMIT=5",
        "fields[]=x",
        "sort=a;b",
        "fields=a%20b",
        "fields=",
        "sort=sum(salary)",
    ] {
        assert!(asked(&list(), query, &[], "").is_err(), "{query}");
    }
    for name in OVERRIDES {
        assert!(asked(&list(), "", &[(name, "DELETE")], "").is_err(), "{name}");
    }
    assert!(asked(&list(), "", &JSON, "{}").unwrap_err().contains("takes no body"));
}

#[test]
fn a_body_that_is_taken_can_be_sent() {
    let nested = |depth: usize| format!("{{\"jobs\":{}1{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    let most = JSON_DEPTH_MAX - 1;
    for (depth, taken) in [(most, true), (most + 1, false), (most + 2, false)] {
        let ask = asked(&update(), "", &JSON, &nested(depth));
        assert_eq!(ask.is_ok(), taken, "{depth}: {ask:?}");
        assert!(ask.is_ok_and(|ask| Arguments::read(&ask.arguments.write()).is_some()) == taken);
    }
    let listed = |count: usize| format!("{{\"jobs\":[{}1]}}", "1,".repeat(count - 1));
    // The body, its list and name; around it `path` and `id`, `if-match` in `headers`, `body`.
    for (count, taken) in [(JSON_NODES_MAX - 64, true), (JSON_NODES_MAX - 4, false)] {
        assert_eq!(asked(&update(), "", &JSON, &listed(count)).is_ok(), taken, "{count}");
    }
}

#[test]
fn headers_that_are_not_named_stay_here() {
    let headers = [
        ("accept-language", "de"),
        ("cookie", "a=1"),
        ("x-forwarded-for", "1.2.3.4"),
        ("range", "bytes=0-1"),
        ("if-none-match", "\"1\""),
    ];
    let ask = asked(&list(), "", &headers, "").unwrap();
    assert_eq!(ask.arguments.headers, BTreeMap::from([("accept-language".to_owned(), "de".to_owned())]));
    assert!(asked(&list(), "", &[("accept-language", "de"), ("accept-language", "en")], "").is_err());
}

#[test]
fn a_change_that_depends_on_a_header_is_told_a_way_out_that_there_is() {
    for (name, can_be_named) in [("if-none-match", false), ("if-unmodified-since", false), ("idempotency-key", true)] {
        let fault = ask_of(&update(), "", &[JSON[0], (name, "*")], r#"{"name":"Ana"}"#).unwrap_err();
        let hint = if can_be_named {
            "leave it away, or have the app's mapping name it"
        } else {
            "leave it away: no mapping can pass it on"
        };
        assert_eq!(fault.way_out(), Some(hint), "{name}");
    }
}

#[test]
fn a_body_has_the_fields_that_are_named_and_no_other() {
    let ask =
        asked(&update(), "", &JSON, r#"{"name":"Ana","employment":{"title":"x"},"jobs":[{"a":1},{"b":[2]}]}"#).unwrap();
    assert_eq!(names(&ask.facts.sends), ["employment.title", "jobs[].a", "jobs[].b[]", "name"]);
    assert_eq!(ask.facts.tenant, Shown::Open);
    assert_eq!(ask.facts.records, Some(1));
    let bodies = [
        r#"{"salary":1}"#,
        r#"{"names":1}"#,
        r#"{"employment":{"salary":1}}"#,
        r#"{"employment":1}"#,
        r#"{"name":1,"name":2}"#,
        r#"{"name":1,"na\u006de":2}"#,
        r#"{"name.x":1}"#,
        "[]",
        "1",
        "{",
        r#"{"":1}"#,
        r#"{"Name":1}"#,
    ];
    for body in bodies {
        assert!(asked(&update(), "", &JSON, body).is_err(), "{body}");
    }
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-7",
        "",
        "application/json-patch+json",
    ] {
        assert!(asked(&update(), "", &[("content-type", kind)], "{}").is_err(), "{kind}");
    }
    let coded = [("content-type", "application/json"), ("content-encoding", "gzip")];
    assert!(asked(&update(), "", &coded, "{}").is_err());
}

#[test]
fn whose_record_is_made_must_be_said() {
    let create = |tenant: Option<&str>| {
        let body = vec!["name".to_owned(), "client_id".to_owned()];
        compiled(&Mapped { tenant: tenant.map(str::to_owned), body, ..mapped(Does::Create, "POST", "/candidates") })
    };
    let with = asked(&create(Some("body.client_id")), "", &JSON, r#"{"client_id":"northwind"}"#).unwrap();
    assert_eq!(with.facts.tenant, Shown::Known(vec![Arc::from("northwind")]));
    let without = asked(&create(Some("body.client_id")), "", &JSON, r#"{"name":"x"}"#).unwrap();
    assert_eq!(without.facts.tenant, Shown::Known(Vec::new()));
    assert!(asked(&create(Some("body.client_id")), "", &JSON, r#"{"client_id":["northwind"]}"#).is_err());
}

/// The operation `one` of a mapping that is read.
fn read(written: &str) -> Operation {
    let text = format!(
        "api: 1\nbase: https://a.b\nentities: {{candidate: {{id: id, tenant: owner.client, fields: [id, name]}}}}\noperations:\n  one: {{entity: candidate, class: write, {written}}}\n"
    );
    let mapping = Mapping::read("x.yaml", &text).unwrap_or_else(|errors| panic!("{errors:?}"));
    Operation::compile("one", &mapping.operations["one"], &mapping.entities).unwrap()
}

#[test]
fn a_field_that_is_sent_says_whose_the_record_becomes() {
    let update = "method: PATCH, path: \"/candidates/{id}\", does: update, id: path.id, body: [name, owner]";
    let by_word = "method: POST, path: /candidates/merge, does: act, body: [id, owner]";
    let search = "method: POST, path: /candidates/search, does: list, body: [owner, name]";
    let create =
        "method: POST, path: /candidates, does: create, id: body.id, tenant: body.owner.client, body: [id, owner]";
    let known = |tenant: &str| Some(Shown::Known(vec![Arc::from(tenant)]));
    let cases = [
        (update, r#"{"name":"Ana"}"#, Some(Shown::Open)),
        (update, r#"{"owner":{"client":"contoso"}}"#, known("contoso")),
        (update, r#"{"owner":{"CLIENT":"contoso"}}"#, known("contoso")),
        (update, r#"{"owner":{"name":"x"}}"#, Some(Shown::Open)),
        (update, r#"{"owner":{"client":["contoso"]}}"#, None),
        (update, r#"{"owner":{"client":"northwind","Client":"contoso"}}"#, None),
        (update, r#"{"owner":[{"client":"contoso"}]}"#, None),
        (update, r#"{"owner":null}"#, None),
        // Nobody looks whose it is now: what the vendor says of it counts for nothing.
        (by_word, r#"{"id":"x_1","owner":{"client":"northwind"}}"#, Some(Shown::Open)),
        (search, r#"{"owner":{"client":"contoso"}}"#, known("contoso")),
        (create, r#"{"id":"c_1","owner":{"client":"northwind"}}"#, known("northwind")),
        // An app that passes over it would make it somebody else's, or search all.
        (create, r#"{"id":"c_1","owner":{"CLIENT":"northwind"}}"#, None),
        (create, r#"{"id":"c_1","owner":{"CLIENT":"northwind","client":"northwind"}}"#, known("northwind")),
        (search, r#"{"owner":{"CLIENT":"northwind"}}"#, None),
        (create, r#"{"id":"c_1"}"#, Some(Shown::Known(Vec::new()))),
    ];
    for (written, body, tenant) in cases {
        let asked = asked(&read(written), "", &JSON, body).ok();
        assert_eq!(asked.map(|ask| ask.facts.tenant), tenant, "{written} {body}");
    }
    let told = asked(&read(search), "", &JSON, r#"{"owner":{"CLIENT":"northwind"}}"#).err().unwrap();
    assert_eq!(told.to_string(), "whose record it is stands there in other letters than `owner.client`");
}

#[test]
fn whose_a_changed_record_is_is_no_word_of_the_vendor() {
    let close = |passes: &[&str]| {
        compiled(&Mapped {
            tenant: Some("query.client_id".to_owned()),
            passes: passes.iter().map(|&one| one.to_owned()).collect(),
            ..mapped(Does::Act, "POST", "/orders/close")
        })
    };
    let open = asked(&close(&["query.order"]), "client_id=northwind&order=one_of_contoso", &[], "").unwrap();
    assert_eq!(open.facts.tenant, Shown::Open);
    let alone = asked(&close(&["header.prefer"]), "client_id=northwind", &[], "").unwrap();
    assert_eq!(alone.facts.tenant, Shown::Known(vec![Arc::from("northwind")]), "nothing else is named");
}

#[test]
fn a_record_says_whose_it_is_and_how_it_stands() {
    let entity = Entity {
        id: None,
        tenant: Some("owner.client".to_owned()),
        state: Some("status".to_owned()),
        fields: Vec::new(),
    };
    let fields = ["country", "job.level", "none"].map(Arc::from);
    let record = br#"{"data":{"owner":{"client":17},"status":"active","country":"DE","job":{"level":3},"pay":1}}"#;
    let shown = SaysOfItself::read(record, Some("$.data"), &entity, &fields).unwrap();
    assert_eq!(names(&shown.tenant), ["17"]);
    let text = |text: &str| Shown::Known(Scalar::Text(Arc::from(text)));
    let state = [("country", text("DE")), ("job.level", Shown::Known(Scalar::Whole(3))), ("status", text("active"))];
    assert_eq!(shown.state, state.map(|(path, value)| (Arc::from(path), value)).into());
    for record in [&b"{}"[..], br#"{"data":{"status":"active"}}"#, br#"{"data":{"owner":{"client":null}}}"#, b"no"] {
        assert_eq!(SaysOfItself::read(record, Some("$.data"), &entity, &fields), None);
    }
}

#[test]
fn what_is_made_under_a_record_says_nothing_of_how_that_one_stands() {
    let made = |path: &str, id: Option<&str>| {
        let body = vec!["text".to_owned(), "status".to_owned()];
        let id = id.map(str::to_owned);
        let operation = compiled(&Mapped { id, body, ..mapped(Does::Create, "POST", path) });
        let in_path = operation.id_in_path().map(|name| BTreeMap::from([(name.to_owned(), "c_17".to_owned())]));
        let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))].into_iter().collect();
        let body = Bytes::from_static(br#"{"text":"x","status":"draft"}"#);
        let in_path = in_path.unwrap_or_default();
        let mut ask = Ask::read(&operation, in_path, Target::default(), &headers, body, &who()).unwrap();
        ask.takes_sent_state(&operation, &["status".into()]);
        ask.facts.state.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(names(&made("/candidates", None)), ["status"]);
    assert!(made("/candidates/{id}/notes", Some("path.id")).is_empty());
}
