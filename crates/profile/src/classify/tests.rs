use super::{Hints, NEGATION_BYTES_MAX, Parts, arguments, propose};
use model::Class::{self, Destructive, External, Read, Write};
use proptest::prelude::*;
use serde_json::{Value, json};

fn class_of(name: &str, description: &str, schema: &Value, hints: Hints) -> Class {
    let description = Some(description).filter(|text| !text.is_empty());
    propose(&Parts { name, title: None, description, schema, hints }).class
}

#[track_caller]
fn check(name: &str, description: &str, arguments: &[&str], expect: Class) {
    let properties: serde_json::Map<_, _> =
        arguments.iter().map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect();
    let schema = json!({"type": "object", "properties": properties});
    let parts = Parts { name, title: None, description: Some(description), schema: &schema, hints: Hints::default() };
    let proposal = propose(&parts);
    assert_eq!(proposal.class, expect, "{name}: {}", proposal.why);
}

#[test]
fn the_name_decides_first() {
    for (name, expect) in [
        ("get_order", Read),
        ("listOrders", Read),
        ("orders.search", Read),
        ("get_post", Read),
        ("list_share_links", Read),
        ("read_message", Read),
        ("describe-permissions", Read),
        ("comment_list", Read),
        ("get_workflow_run", Read),
        ("create_issue", Write),
        ("issue_write", Write),
        ("open_pull_request", Write),
        ("draft_message", Write),
        ("update_customer", Write),
        ("move_card", Write),
        ("add_comment", Write),
        ("send_email", External),
        ("slack_post_message", External),
        ("browser_navigate", External),
        ("create_payment", External),
        ("share_document", External),
        ("fetch", External),
        ("create_webhook", External),
        ("delete_order", Destructive),
        ("get_and_delete", Destructive),
        ("find_or_purge", Destructive),
        ("readAndRun", Destructive),
        ("create_or_replace_table", Destructive),
        ("APIDeletePolicy", Destructive),
        ("merge_pull_request", Destructive),
        ("deploy_release", Destructive),
        ("run_command", Destructive),
        ("restart_service", Destructive),
        ("add_member", Destructive),
        ("set_role", Destructive),
        ("attach_user_policy", Destructive),
        ("create_access_key", Destructive),
        ("share_access_token", Destructive),
        ("invite_user", Destructive),
        ("update_deployment", Destructive),
        ("shell", Destructive),
        ("frobnicate", Destructive),
        ("x", Destructive),
    ] {
        check(name, "", &[], expect);
    }
}

#[test]
fn the_description_raises_and_decides_only_where_the_name_is_silent() {
    check("order_status", "Get the status of an order", &[], Read);
    check("inbox", "Lists what came in", &[], Read);
    check("inbox", "A tool to delete what came in", &[], Destructive);
    check("inbox", "What came in", &[], Destructive);
    check("inbox", "What is in", &[], Destructive);
    check("inbox", "Select and run one action", &[], Destructive);
    check("get_order", "Deletes the order after showing it", &[], Destructive);
    check("get_order", "Shows an order. It is permanently archived afterwards.", &[], Destructive);
    check("delete_order", "Reads an order", &[], Destructive);
    check("write_file", "Write a file. Will overwrite what is there.", &[], Destructive);
    check("write_file", "Write a file. Does not overwrite what is there.", &[], Write);
    check("append_file", "Adds to a file, never overwrites it", &[], Write);
    check("create_ticket", "Creates a ticket and sends an email to its owner", &[], External);
    check("get_report", "Get a report. To remove it, use another tool.", &[], Read);
    check("deletefile", "Gets a file", &[], Destructive);
    check("search", "Search the web. Pages come from the internet.", &["query"], External);
}

#[test]
fn arguments_raise() {
    check("get_page", "", &["url"], External);
    check("get_page", "", &["page_url"], External);
    check("get_order", "", &["order_id"], Read);
    check("create_item", "", &["to", "text"], External);
    check("search_messages", "", &["from", "to"], Read);
    check("get_rows", "", &["sql"], Destructive);
    check("get_rows", "", &["sqlQuery"], Destructive);
    check("query_database", "Run a read-only SQL query", &["query"], Destructive);
    check("search_notes", "Search notes by their words", &["query"], Read);
    check("create_job", "", &["script"], Destructive);
    check("create_job", "", &["scriptName"], Write);
    check("create_job", "", &["code"], Destructive);
    check("validate_snippet", "", &["code"], Read);
    check("get_country", "", &["country_code"], Read);
}

#[test]
fn arguments_are_seen_in_nested_schemas() {
    let schema = json!({"type": "object", "properties": {"job": {"anyOf": [{"type": "null"}, {"type": "object",
        "properties": {"steps": {"type": "array", "items": {"properties": {"command": {"type": "string"}}}}}}]}}});
    assert_eq!(class_of("create_job", "", &schema, Hints::default()), Destructive);
    let schema = json!({"type": "object", "$defs": {"target": {"properties": {"url": {}}}}, "properties": {"t": {"$ref": "#/$defs/target"}}});
    assert_eq!(class_of("get_page", "", &schema, Hints::default()), External);
}

#[test]
fn arguments_say_more_together() {
    check("create_issue", "", &["owner", "repo", "title"], External);
    check("create_issue", "", &["project", "title"], Write);
    check("create_branch", "", &["owner", "repo", "branch"], Write);
    check("add_reaction", "", &["owner", "repo", "comment_id"], Write);
    check("create_or_update_file", "", &["repo", "branch", "content"], Destructive);
    check("get_file", "", &["owner", "repo", "branch", "content"], Read);
    check("set", "", &["key", "value"], Destructive);
    check("set_title", "", &["issue", "value"], Write);
    check("update_number", "", &["sms_url"], Destructive);
    check("create_number", "", &["status_callback"], External);
    check("create_number", "", &["status_callback_method"], Write);
}

#[test]
fn a_file_that_is_written_may_be_replaced() {
    let described = |name: &str, said: &str| json!({"type": "object", "properties": {name: {"type": "string", "description": said}}});
    let class = |tool: &str, name: &str, said: &str| class_of(tool, "", &described(name, said), Hints::default());
    assert_eq!(class("get_screenshot", "filename", "File name to save the picture to"), Destructive);
    assert_eq!(class("get_report", "output_path", ""), Destructive);
    assert_eq!(class("get_images", "localPath", ""), Destructive);
    assert_eq!(class("get_report", "path", "The file to read"), Read);
    assert_eq!(class("get_report", "output_format", ""), Read);
}

#[test]
fn what_opens_doors_elsewhere_is_good_outside() {
    check("get_env", "", &[], External);
    check("show_secret", "", &["name"], External);
    check("list_secrets", "", &[], Read);
    check("get_environment", "Shows an environment by its name", &["name"], Read);
    check("create_page", "", &["visibility"], External);
    check("create_page", "", &["policy_document"], Destructive);
    check("update_dispute", "", &["cancellation_policy_text"], Write);
    check("open_browser", "", &["allowDangerous"], Destructive);
}

#[test]
fn settings_contents_and_what_runs_are_not_only_changed() {
    for (name, expect) in [
        ("set_subscription_attributes", Destructive),
        ("update_config", Destructive),
        ("update_documents", Destructive),
        ("push_files", Destructive),
        ("pause_project", Destructive),
        ("sync_collection", Destructive),
        ("browser_click", Destructive),
        ("update_contact", Write),
        ("push_notification", External),
        ("get_sync_status", Read),
    ] {
        check(name, "", &[], expect);
    }
    check("update_recording", "Changes the state to paused or stopped", &[], Destructive);
    check("list_recordings", "Lists recordings, stopped ones too", &[], Read);
}

#[test]
fn a_fetch_that_can_name_no_address_only_reads() {
    check("fetch_recording", "Fetch an instance of a recording", &["sid"], Read);
    check("list_coupons", "This tool will fetch a list of coupons", &["limit"], Read);
    check("fetch_page", "", &["id"], External);
    check("fetch_item", "Fetches it from the internet", &["id"], External);
    check("fetch_item", "", &["source"], External);
    check("fetch_and_delete", "", &["id"], Destructive);
    check("get_item", "Fetches a web page", &["name"], External);
}

#[test]
fn a_description_that_repeats_the_name_says_nothing_new() {
    check("get_queue", "Execute the `get_queue` operation.", &[], Read);
    check("get_queue", "Execute the `empty` operation.", &[], Destructive);
}

#[test]
fn a_changing_tool_whose_arguments_are_not_described_may_take_anything() {
    let schema = json!({"$schema": "http://json-schema.org/draft-07/schema#"});
    assert_eq!(class_of("create_item", "", &schema, Hints::default()), Destructive);
    assert_eq!(class_of("get_item", "", &schema, Hints::default()), Read);
    assert_eq!(class_of("create_item", "", &json!({"type": "object"}), Hints::default()), Write);
}

#[test]
fn only_definitions_that_are_referred_to_count() {
    let aside = |reference: &str| {
        json!({"type": "object", "$defs": {"a": {"properties": {"link": {}}}, "b": {"$ref": "#/$defs/a"}},
            "properties": {"t": {"$ref": reference}}})
    };
    assert_eq!(class_of("get_page", "", &aside("#/$defs/b"), Hints::default()), External);
    assert_eq!(class_of("get_page", "", &aside("#/$defs/missing"), Hints::default()), External);
    let unused = json!({"type": "object", "$defs": {"a": {"properties": {"link": {}}}}, "properties": {}});
    assert_eq!(class_of("get_page", "", &unused, Hints::default()), Read);
    let called = json!({"type": "object", "properties": {"definitions": {"properties": {"link": {}}}}});
    assert_eq!(class_of("get_page", "", &called, Hints::default()), External);
    let round = json!({"type": "object", "properties": {"t": {"$ref": "#"}}});
    assert_eq!(class_of("get_page", "", &round, Hints::default()), Read);
}

#[test]
fn each_part_of_a_schema_is_looked_at_once_whatever_refers_to_it() {
    let references = ["u:0", "u:1", "#/$defs/missing", "#/$defs/a", "#", "#/$defs/a/properties/b"];
    let references: Vec<_> = references.iter().map(|to| json!({ "$ref": to, "$dynamicRef": to })).collect();
    let schema =
        json!({"$defs": {"a": {"properties": {"b": {"properties": {"c": {}}}, "d": {}}}}, "allOf": references});
    assert_eq!(arguments::arguments(&schema).len(), 3);
}

#[test]
fn a_negation_far_off_denies_nothing() {
    let described = |bytes: usize| format!("Writes. Does not {} overwrite it", "x".repeat(bytes));
    check("write_file", &described(80), &[], Write);
    check("write_file", &described(NEGATION_BYTES_MAX), &[], Destructive);
    check("write_file", &format!("Writes. {} overwrite it", "ü".repeat(NEGATION_BYTES_MAX)), &[], Destructive);
}

#[test]
fn a_choice_is_read_as_a_name() {
    let methods =
        |value: &str| json!({"type": "object", "properties": {"method": {"type": "string", "enum": ["get", value]}}});
    assert_eq!(class_of("get_run", "", &methods("get_workflow_run"), Hints::default()), Read);
    assert_eq!(class_of("get_run", "", &methods("get_and_delete"), Hints::default()), Destructive);
}

#[test]
fn switches_count_when_they_override_and_not_when_they_only_choose() {
    let switch = |name: &str| json!({"type": "object", "properties": {name: {"type": "boolean"}}});
    assert_eq!(class_of("update_branch", "", &switch("force"), Hints::default()), Destructive);
    assert_eq!(class_of("copy_file", "", &switch("overwrite"), Hints::default()), Destructive);
    assert_eq!(class_of("list_jobs", "", &switch("includeScript"), Hints::default()), Read);
    assert_eq!(class_of("list_jobs", "", &switch("force"), Hints::default()), Read);
}

#[test]
fn one_tool_for_several_actions_is_its_worst_action() {
    let actions =
        |values: &[&str]| json!({"type": "object", "properties": {"action": {"type": "string", "enum": values}}});
    assert_eq!(class_of("manage_items", "", &actions(&["list", "get"]), Hints::default()), Write);
    assert_eq!(class_of("get_items", "", &actions(&["get", "update"]), Hints::default()), Write);
    assert_eq!(class_of("manage_items", "", &actions(&["list", "delete"]), Hints::default()), Destructive);
    let variants =
        json!({"type": "object", "properties": {"operation": {"oneOf": [{"const": "read"}, {"const": "drop"}]}}});
    assert_eq!(class_of("manage_items", "", &variants, Hints::default()), Destructive);
}

#[test]
fn hints_raise() {
    let none = Hints::default();
    let schema = json!({"type": "object"});
    let check =
        |name: &str, hints: Hints, expect: Class| assert_eq!(class_of(name, "", &schema, hints), expect, "{name}");
    check("delete_item", Hints { read_only: Some(true), destructive: Some(false), ..none }, Destructive);
    check("send_item", Hints { read_only: Some(true), open_world: Some(false), ..none }, External);
    check("frobnicate", Hints { read_only: Some(true), ..none }, Destructive);
    check("update_item", Hints { destructive: Some(true), ..none }, Destructive);
    check("update_item", Hints { open_world: Some(true), ..none }, External);
    check("get_item", Hints { open_world: Some(true), ..none }, Read);
    check("get_item", Hints { open_world: Some(true), read_only: Some(true), ..none }, Read);
    check("get_item", Hints { read_only: Some(false), ..none }, Write);
    check("get_item", Hints { read_only: Some(false), open_world: Some(true), ..none }, External);
}

#[test]
fn reasons_are_short_and_name_the_sign() {
    let why = |name: &str, description: &str, schema: Value| {
        propose(&Parts { name, title: None, description: Some(description), schema: &schema, hints: Hints::default() })
            .why
    };
    assert_eq!(&*why("delete_item", "", json!({})), "name starts with `delete`");
    assert_eq!(&*why("items_delete", "", json!({})), "name contains `delete`");
    assert_eq!(&*why("get_item", "Gets it, permanently", json!({})), "description says `permanently`");
    assert_eq!(
        &*why("get_item", "", json!({"properties": {"url": {}}})),
        "argument `url` is an address that the caller chooses"
    );
    assert_eq!(&*why("zzz", "", json!({})), "nothing in its name or description says what it does");
}

fn any_hint() -> impl Strategy<Value = Option<bool>> {
    prop::option::of(any::<bool>())
}

fn any_hints() -> impl Strategy<Value = Hints> {
    (any_hint(), any_hint(), any_hint(), any_hint()).prop_map(|(read_only, destructive, idempotent, open_world)| {
        Hints { read_only, destructive, idempotent, open_world }
    })
}

fn any_word() -> impl Strategy<Value = &'static str> {
    let words = "get list create update send fetch delete run item user message page and query url file force sql";
    prop::sample::select(words.split(' ').collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hints_never_lower(
        name in prop::collection::vec(any_word(), 1..4), description in prop::collection::vec(any_word(), 0..6),
        argument in any_word(), hints in any_hints(), more in any_hints(),
    ) {
        let (name, description) = (name.join("_"), description.join(" "));
        let schema = json!({"properties": {argument: {"type": "string"}}});
        let without = class_of(&name, &description, &schema, Hints::default());
        let with = class_of(&name, &description, &schema, hints);
        prop_assert!(with >= without, "{} < {}", with, without);
        let joined = Hints {
            read_only: hints.read_only.or(more.read_only), destructive: hints.destructive.or(more.destructive),
            idempotent: hints.idempotent.or(more.idempotent), open_world: hints.open_world.or(more.open_world),
        };
        prop_assert!(class_of(&name, &description, &schema, joined) >= with, "a further hint lowered {}", with);
    }

    #[test]
    fn arguments_and_descriptions_never_lower_what_the_name_says(
        name in prop::collection::vec(any_word(), 1..4), description in "\\PC{0,60}", argument in any_word(),
    ) {
        let name = name.join("_");
        prop_assume!(super::name_says(&name).is_some());
        let bare = class_of(&name, "", &json!({"type": "object"}), Hints::default());
        let full = class_of(&name, &description, &json!({"properties": {argument: {}}}), Hints::default());
        prop_assert!(full >= bare);
    }

    #[test]
    fn any_text_gets_a_proposal(name: String, description: String) {
        class_of(&name, &description, &json!({"properties": {name.as_str(): {}}}), Hints::default());
    }
}
