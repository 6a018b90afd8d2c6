use model::{ContractId, VendorId};

use super::*;

const API: &str = r#"
api: 1
base: https://api.example.com/v1
entities: {candidate: {id: id, tenant: client_id, state: status, fields: [id, client_id, status, name, compensation]}}
operations:
  get_candidate: {method: GET, path: "/candidates/{id}", class: read, does: read, entity: candidate, id: path.id, rows: "$"}
  list_candidates: {method: GET, path: /candidates, class: read, does: list, entity: candidate, rows: "$.data[*]", page: query.limit, page_max: 100,
                    tenant: query.client_id, sorts: [query.sort], filters: {query.status: status}, passes: [query.cursor, header.accept-language]}
  update_candidate: {method: PATCH, path: "/candidates/{id}", class: write, does: update, entity: candidate, id: path.id, body: [id, name, employment.title]}
"#;

const TOOLS: &str = r#"
api: 1
entities: {candidate: {id: id, tenant: client, state: status, fields: [id, client, status, name]}}
tools:
  find: {does: list, entity: candidate, rows: "$.result[*]", page: top, page_max: 20, tenant: client, selects: [fields], filters: {status: status}}
  about: {does: read, entity: candidate, id: who}
  fetch: {does: read, entity: candidate, id: who, rows: "$"}
  rename: {does: update, entity: candidate, id: who, body: [name]}
"#;

fn tools(text: &str) -> Tools {
    Tools::of(&Mapping::read("x.yaml", text).unwrap())
}

fn unknown() -> ContractFacts {
    ContractFacts::unknown(ContractId::parse("acme").unwrap(), VendorId::parse("acme").unwrap(), None)
}

fn asks(tools: &Tools, tool: &str, arguments: &str) -> Result<ContractFacts, String> {
    tools.asks(tool, Some(arguments.as_bytes()), unknown()).map_err(|fault| fault.to_string())
}

fn texts_of(found: &[Arc<str>]) -> Vec<&str> {
    found.iter().map(|text| &**text).collect()
}

#[test]
fn what_is_sent_says_how_the_record_that_is_made_stands() {
    let text =
        format!("{TOOLS}  add: {{does: create, entity: candidate, tenant: client, body: [status, job, jobs]}}\n");
    let tools = tools(&text);
    let state = |arguments: &str| {
        let fields = ["status", "job.level", "job.kind", "jobs[].level"].map(Arc::from);
        let said = tools.get("add").unwrap().sent_state(arguments.as_bytes(), &fields);
        let (said, unclear) = said;
        let said = said.into_iter().map(|(path, value)| format!("{path} {value:?}")).collect::<Vec<_>>();
        (said, unclear.any_of(&fields).map(|fault| fault.to_string()))
    };
    let (active, level) = (r#"status Known(Text("active"))"#.to_owned(), "job.level Known(Whole(3))".to_owned());
    assert_eq!(state(r#"{"client":"c","status":"active","job":{"level":3}}"#), (vec![level, active.clone()], None));
    for nothing in [r#"{"jobs":{"level":3}}"#, r#"{"job":{"title":"welder"}}"#, "{}"] {
        assert_eq!(state(nothing), (Vec::new(), None), "{nothing}");
    }
    // Which of two an app would take nobody knows, nor what it makes of a list, nor whether it looks at one in other letters.
    for (unclear, field) in [
        (r#"{"job":{"level":3,"Level":4}}"#, "job.level"),
        (r#"{"job":{"Level":3}}"#, "job.level"),
        ("{\"job\":{\"\u{212a}ind\":3}}", "job.kind"),
        (r#"{"job":[{"level":3}]}"#, "job.level"),
        (r#"{"status":["active"]}"#, "status"),
        (r#"{"status":null}"#, "status"),
    ] {
        let told = format!("`{field}` is not said once, in these letters and as one plain value");
        assert_eq!(state(unclear), (Vec::new(), Some(told)), "{unclear}");
    }
    // The others are said all the same, and whoever asks for those only has nothing to complain about.
    let (said, told) = state(r#"{"status":"active","job":{"level":null}}"#);
    assert_eq!((said, told.is_some()), (vec![active], true));
    let sent = br#"{"status":"active","job":{"level":null}}"#;
    let (_, unclear) = tools.get("add").unwrap().sent_state(sent, &["status", "job.level"].map(Arc::from));
    assert!(unclear.any_of(&["status".into()]).is_none());
}

#[test]
fn what_is_made_under_a_record_says_nothing_of_how_that_one_stands() {
    let note = "note: {does: create, entity: candidate, id: who, body: [text, status]}";
    let over_http = r#"note: {method: POST, path: "/candidates/{id}/notes", class: write, does: create, entity: candidate, id: path.id, body: [text, status]}"#;
    for (text, operation) in [(TOOLS, note), (API, over_http)] {
        let tools = tools(&format!("{text}  {operation}\n"));
        let said = tools.get("note").unwrap().sent_state(br#"{"text":"x","status":"draft"}"#, &["status".into()]).0;
        assert!(said.is_empty(), "{operation}: {said:?}");
    }
}

#[test]
fn an_operation_is_a_tool_with_plain_arguments() {
    let tools = tools(API);
    let names = |tool: &str| -> Vec<String> {
        tools.get(tool).unwrap().arguments.iter().map(|argument| argument.name.clone()).collect()
    };
    assert_eq!(names("get_candidate"), ["id"]);
    assert_eq!(names("list_candidates"), ["limit", "client_id", "sort", "cursor", "status", "accept-language"]);
    assert_eq!(names("update_candidate"), ["id", "body.id", "name", "employment"], "one name for one place");
    let definition = tools.get("list_candidates").unwrap().definition("list_candidates");
    assert_eq!(definition.pointer("/inputSchema/properties/limit/maximum"), Some(&json!(100)));
    assert_eq!(definition.pointer("/inputSchema/required"), None);
    let definition = tools.get("update_candidate").unwrap().definition("update_candidate");
    assert_eq!(definition.pointer("/inputSchema/required"), Some(&json!(["id"])));
    assert!(definition.pointer("/inputSchema/properties/employment/properties/title").is_some());
    assert_eq!(
        definition.pointer("/description"),
        Some(&json!("Changes a record `candidate` (PATCH /candidates/{id})."))
    );
}

#[test]
fn what_is_asked_is_known_alike_of_operations_and_tools() {
    let facts =
        asks(&tools(API), "list_candidates", r#"{"client_id":"northwind","sort":"-compensation","limit":5}"#).unwrap();
    assert_eq!(facts.tenant, Shown::Known(vec![Arc::from("northwind")]));
    assert_eq!((texts_of(&facts.asks), facts.records), (vec!["compensation"], Some(5)));
    let facts =
        asks(&tools(TOOLS), "find", r#"{"client":"northwind","fields":["name","salary"],"status":"active"}"#).unwrap();
    assert_eq!((texts_of(&facts.asks), facts.records), (vec!["name", "salary", "status"], Some(20)));
    assert_eq!((facts.entity.as_deref(), facts.operation), (Some("candidate"), Some(Operation::List)));
    let facts = asks(&tools(TOOLS), "rename", r#"{"who":7,"name":{"first":"x"}}"#).unwrap();
    assert_eq!(texts_of(&facts.sends), ["name.first"]);
    assert!(tools(TOOLS).get("rename").unwrap().looks_first(&facts));
}

#[test]
fn a_tool_that_is_not_mapped_is_of_no_kind() {
    let facts = asks(&tools(TOOLS), "export_all", r#"{"what":"ever"}"#).unwrap();
    assert_eq!((facts.entity, facts.operation), (None, None));
}

#[test]
fn what_no_mapping_names_is_refused() {
    for (tool, arguments) in [
        ("find", r#"{"sort":"name"}"#),
        ("find", r#"{"top":21}"#),
        ("find", r#"{"client":["northwind","contoso"]}"#),
        ("find", r#"{"client":{"id":"northwind"}}"#),
        ("find", r#"{"fields":"a b"}"#),
        ("find", r#"{"client":"a","client":"b"}"#),
        ("find", "[]"),
        ("rename", r#"{"who":"c_1","status":"x"}"#),
    ] {
        assert!(asks(&tools(TOOLS), tool, arguments).is_err(), "{tool} {arguments}");
    }
    assert!(asks(&tools(API), "update_candidate", r#"{"id":"c_1","employment":{"salary":1}}"#).is_err());
    assert!(asks(&tools(TOOLS), "find", r#"{"client":null}"#).is_ok(), "nothing is asked by nothing");
}

#[test]
fn tools_and_operations_do_not_mix() {
    let said = |text: &str| -> String {
        Mapping::read("x.yaml", text).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let mixed = said("api: 1\nbase: https://a.b\ntools:\n  find: {does: list, class: read}\n");
    assert!(mixed.contains("`base` is of an HTTP API") && mixed.contains("the key `class` is not known"), "{mixed}");
    assert!(said("api: 1\ntools:\n  find: {rows: $}\n").contains("`does` is missing"));
}

#[test]
fn a_field_that_is_sent_says_whose_the_record_becomes() {
    let api = |body: &str, more: &str| {
        let text = API.replace("body: [id, name, employment.title]", &format!("body: [{body}]{more}"));
        assert_ne!(text, API);
        tools(&text)
    };
    let known = |tenant: &str| Shown::Known(vec![Arc::from(tenant)]);
    let plain = api("name, client_id", "");
    let named = api("name, client_id", ", tenant: body.client_id");
    for tools in [&plain, &named] {
        let tool = tools.get("update_candidate").unwrap();
        for (sent, tenant) in [
            (r#""name":"x""#, Shown::Open),
            (r#""client_id":"northwind""#, known("northwind")),
            (r#""client_id":"contoso""#, known("contoso")),
            (r#""client_id":17"#, known("17")),
        ] {
            let facts = asks(tools, "update_candidate", &format!(r#"{{"id":"c_1",{sent}}}"#)).unwrap();
            assert_eq!(facts.tenant, tenant, "{sent}");
            // What the record says of itself is taken along.
            assert!(tool.looks_first(&facts), "{sent}");
        }
        for sent in [r#""client_id":null"#, r#""client_id":["northwind"]"#, r#""client_id":{"id":"northwind"}"#] {
            assert!(asks(tools, "update_candidate", &format!(r#"{{"id":"c_1",{sent}}}"#)).is_err(), "{sent}");
        }
    }
    // It may stand in something, and somebody may write it in other letters.
    let nested = API.replace("tenant: client_id, state", "tenant: owner.client, state");
    let nested = tools(&nested.replace("body: [id, name, employment.title]", "body: [owner]"));
    let whose = |sent: &str| asks(&nested, "update_candidate", &format!(r#"{{"id":"c_1","owner":{sent}}}"#));
    assert_eq!(whose(r#"{"Client":"contoso"}"#).unwrap().tenant, known("contoso"));
    assert_eq!(whose(r#"{"name":"x"}"#).unwrap().tenant, Shown::Open);
    for sent in [r#"{"client":"northwind","CLIENT":"contoso"}"#, r#""contoso""#, "null", r#"[{"client":"contoso"}]"#] {
        assert!(whose(sent).is_err(), "{sent}");
    }
    // What nobody looks up is not the vendor's to say.
    let word = tools(&TOOLS.replace("id: who, body: [name]", "passes: [who], body: [name, client]"));
    let facts = asks(&word, "rename", r#"{"who":7,"client":"northwind"}"#).unwrap();
    assert_eq!(facts.tenant, Shown::Open);
    assert!(word.get("rename").unwrap().looks_first(&facts));
    let looked_up = tools(&TOOLS.replace("id: who, body: [name]", "id: who, body: [name, client]"));
    let facts = asks(&looked_up, "rename", r#"{"who":7,"client":"contoso"}"#).unwrap();
    assert_eq!(facts.tenant, known("contoso"));
}

#[test]
fn whose_a_changed_record_is_is_no_word_of_the_caller() {
    // The reader refuses such a mapping; nothing takes the word, however it came.
    let mut mapping = Mapping::read("x.yaml", TOOLS).unwrap();
    let rename = mapping.tools.get_mut("rename").unwrap();
    (rename.id, rename.tenant, rename.body) = (None, Some("client".to_owned()), Vec::new());
    let known = Shown::Known(vec![Arc::from("northwind")]);
    let alone = Tools::of(&mapping);
    let facts = asks(&alone, "rename", r#"{"client":"northwind"}"#).unwrap();
    assert_eq!(facts.tenant, known, "nothing else is named");
    assert!(!alone.get("rename").unwrap().looks_first(&facts));
    for more in ["passes", "header", "filters", "body"] {
        let mut mapping = mapping.clone();
        let rename = mapping.tools.get_mut("rename").unwrap();
        match more {
            "filters" => drop(rename.filters.insert("who".to_owned(), "id".to_owned())),
            "body" => rename.body.push("who".to_owned()),
            "header" => rename.passes.push("header.who".to_owned()),
            _ => rename.passes.push("who".to_owned()),
        }
        let tools = Tools::of(&mapping);
        let argument = if more == "header" { "header.who" } else { "who" };
        let sent = format!(r#"{{"client":"northwind","{argument}":"one_of_contoso"}}"#);
        let facts = asks(&tools, "rename", &sent).unwrap();
        assert_eq!(facts.tenant, Shown::Open, "{more}");
        assert!(tools.get("rename").unwrap().looks_first(&facts), "{more}");
    }
}

#[test]
fn what_is_asked_for_at_once_is_known_of_whatever_is_done() {
    let acts = API
        .replace("does: list", "does: act")
        .replace("tenant: query.client_id, ", "")
        .replace("method: GET, path: /candidates,", "method: POST, path: /candidates,");
    assert_eq!(asks(&tools(&acts), "list_candidates", r#"{"limit":50}"#).unwrap().records, Some(50));
    assert_eq!(asks(&tools(&acts), "list_candidates", "{}").unwrap().records, Some(100));
    assert_eq!(asks(&tools(API), "get_candidate", r#"{"id":"c_1"}"#).unwrap().records, Some(1));
}

#[test]
fn a_tool_goes_by_what_is_said_of_it_and_by_nothing_else() {
    let goes_by = |text: &str, tool: &str| tools(text).goes_by(tool);
    let changed = |from: &str, to: &str, tool: &str| {
        assert!(TOOLS.contains(from), "{from}");
        goes_by(&TOOLS.replace(from, to), tool) != goes_by(TOOLS, tool)
    };
    let more = "rename: {does: update, entity: candidate, id: who, body: [name]}\n  drop: {does: delete, entity: candidate, id: who}";
    for tool in ["find", "about", "fetch", "rename"] {
        assert!(!changed("rename: {does: update, entity: candidate, id: who, body: [name]}", more, tool), "{tool}");
        assert!(changed("tenant: client,", "tenant: name,", tool), "{tool}: its kind of record");
    }
    assert!(changed("body: [name]", "body: [name, status]", "rename"));
    assert!(!changed("body: [name]", "body: [name, status]", "find"));
    let looked_up = "fetch: {does: read, entity: candidate, id: who";
    assert!(changed(looked_up, "fetch: {does: read, entity: candidate, id: other", "rename"), "what looks it up first");
    assert!(changed("rows: \"$\"", "rows: \"$.of\"", "rename"), "where it is looked for");
    assert!(!changed(looked_up, "fetch: {does: read, entity: candidate, id: other", "about"));
    assert!(changed("page_max: 20", "page_max: 30", "find"));
    assert_ne!(goes_by(TOOLS, "find"), goes_by(TOOLS, "unheard"));
}

// INVARIANT: what is looked at is named as what is changed is: another name could be another record's.
#[test]
fn what_looks_a_record_up_names_it_as_its_change_does() {
    let read = |name: &str, path: &str, id: &str| {
        format!(
            "  {name}: {{method: GET, path: \"{path}\", class: read, does: read, entity: candidate, id: path.{id}}}\n"
        )
    };
    let change = |name: &str, path: &str, id: &str| {
        format!("  {name}: {{method: POST, path: \"{path}\", class: write, does: act, entity: candidate, id: {id}}}\n")
    };
    let head = "api: 1\nbase: https://a.b\nentities: {candidate: {id: id}, order: {id: id}}\noperations:\n";
    let reads = [
        read("by_external", "/candidates/external/{external_id}", "external_id"),
        read("a_report", "/candidates/{id}/report", "id"),
        read("get", "/candidates/{id}", "id"),
        read("of_client", "/clients/{client}/candidates/{id}", "id"),
        "  order: {method: GET, path: \"/orders/{id}\", class: read, does: read, entity: order, id: path.id}\n"
            .to_owned(),
    ];
    for (path, id, expected) in [
        ("/candidates/{id}", "path.id", Some("get")),
        ("/candidates/{candidate}/close", "path.candidate", Some("get")),
        ("/candidates/{id}/notes/{note}", "path.id", Some("get")),
        ("/candidates/external/{x}", "path.x", Some("by_external")),
        ("/candidates/external/{x}/close", "path.x", Some("by_external")),
        ("/candidates/{id}/notes/{note}", "path.note", None),
        ("/candidates/by-name/{id}", "path.id", None),
        ("/clients/{client}/candidates/{id}", "path.id", None),
        ("/orders/{id}", "path.id", None),
        ("/candidates", "query.id", None),
    ] {
        let tools = tools(&format!("{head}{}{}", reads.concat(), change("act", path, id)));
        assert_eq!(tools.resolver("act").map(|(name, _)| name), expected, "{path} {id}");
        assert_eq!(tools.resolver("get"), None, "a read is not looked up first");
    }
    let resolver = |text: &str| tools(text).resolver("rename").map(|(name, _)| name.to_owned());
    assert_eq!(resolver(TOOLS).as_deref(), Some("fetch"));
    let other = TOOLS
        .replace("fetch: {does: read, entity: candidate, id: who", "fetch: {does: read, entity: candidate, id: key");
    assert_eq!(resolver(&other).as_deref(), Some("about"));
    assert_eq!(
        resolver(&TOOLS.replace(
            "rename: {does: update, entity: candidate, id: who",
            "rename: {does: update, entity: candidate, id: key"
        )),
        None
    );
}
