use engine::{Held, HeldState, WaitsFor};
use model::{Blame, HoldId, Reason, RuleId, UnixMicros, Verdict};

use super::*;

fn check(body: &str, expect: &str) {
    assert_eq!(String::from_utf8(complete(body.as_bytes(), false).into_owned()).unwrap(), expect);
}

#[test]
fn a_legacy_result_gets_its_type_and_keeps_every_other_byte() {
    check(r#"{"content":[],"x": 1e2}"#, r#"{"resultType":"complete","content":[],"x": 1e2}"#);
    check("{}", r#"{"resultType":"complete"}"#);
    check("{ }", r#"{"resultType":"complete" }"#);
    check(r#"{"resultType":"complete","content":[]}"#, r#"{"resultType":"complete","content":[]}"#);
}

#[test]
fn a_resource_is_kept_by_nobody_but_its_client_and_not_for_long() {
    let read = |body: &str| String::from_utf8(complete(body.as_bytes(), true).into_owned()).unwrap();
    assert_eq!(
        read(r#"{"contents":[]}"#),
        r#"{"resultType":"complete","ttlMs":0,"cacheScope":"private","contents":[]}"#
    );
    let says =
        |kept: &str, scope: &str| read(&format!(r#"{{"resultType":"complete",{kept}"x": 1e2,{scope}"contents":[]}}"#));
    let told = |kept: u64| {
        format!(r#"{{"ttlMs":{kept},"cacheScope":"private","resultType":"complete","x":1e2,"contents":[]}}"#)
    };
    assert_eq!(says(r#""ttlMs":9,"#, r#""cacheScope":"public","#), told(9));
    assert_eq!(says(r#""ttlMs":3600000,"#, r#""cacheScope":"private","#), told(5_000));
    assert_eq!(says(r#""ttlMs":-1,"#, ""), told(0));
    assert_eq!(says("", r#""c\u0061cheScope":"public","#), told(0));
    let nothing_said = r#"{"ttlMs":0,"cacheScope":"private","resultType":"complete","contents":[]}"#;
    assert_eq!(read(r#"{"resultType":"complete","contents":[]}"#), nothing_said);
    let of_a_tool = r#"{"resultType":"complete","ttlMs":3600000,"cacheScope":"public","content":[]}"#;
    check(of_a_tool, of_a_tool);
}

#[test]
fn links_lead_back_in_a_result_and_in_the_result_of_a_task() {
    let app = AppId::parse("leg").unwrap();
    let link = r#"{"content":[{"type":"resource_link","uri":"note://one","name":"n"}]}"#;
    let joined = link.replace("note://one", "leg+note://one");
    let told = |body: &str| String::from_utf8(join_addresses(body.as_bytes(), &app).unwrap()).unwrap();
    assert_eq!(told(link), joined);
    assert_eq!(
        told(&format!(r#"{{"status":"completed","result":{link}}}"#)),
        format!(r#"{{"status":"completed","result":{joined}}}"#)
    );
}

#[test]
fn a_link_is_words_where_no_link_is_known() {
    let words = |body: &str| links_in_words(body.as_bytes()).map(|words| String::from_utf8(words).unwrap());
    let link = r#"{"type":"resource_link","uri":"leg+note://one","name":"a \"note\""}"#;
    let text = r#"{"type":"text","text":"a \"note\": leg+note://one"}"#;
    let result = |one: &str| format!(r#"{{"content":[{{"type":"text","text":"resource_link"}},{one}],"x":1e2}}"#);
    assert_eq!(words(&result(link)), Some(result(text)));
    let prompt = |one: &str| format!(r#"{{"messages":[{{"role":"user","content":{one}}}]}}"#);
    assert_eq!(words(&prompt(&link.replace("_link", r"\u005flink"))), Some(prompt(text)));
    assert_eq!(words(r#"{"content":[{"type":"text","text":"resource_link"}]}"#), None);
}

#[test]
fn an_older_client_gets_no_structure_it_does_not_know() {
    let known = |body: &str| without_unknown_structure(body.as_bytes()).map(|known| String::from_utf8(known).unwrap());
    assert_eq!(
        known(r#"{"content":[],"structuredContent":[1],"a":1e2}"#).as_deref(),
        Some(r#"{"content":[],"a":1e2}"#)
    );
    assert_eq!(known(r#"{"content":[],"structuredContent":{"a":[1]}}"#), None);
    assert_eq!(known(r#"{"content":["structuredContent"]}"#), None);
}

#[test]
fn a_vendors_agent_is_not_told_what_only_the_operator_can_do() {
    let told = |outside, tool| {
        let fault = Fault::new(Blame::Operator, "trace.not_recorded", "the record could not be written")
            .hint("free space on the disk")
            .retryable();
        let closed = Closed::Failed { call: None, fault, perhaps_executed: false };
        let shape =
            Shape { modern: true, links: true, output_schema: false, tool, resource: false, outside, join: None };
        String::from_utf8(of_call(b"1", &closed, &shape, None)).unwrap()
    };
    for tool in [true, false] {
        let (inside, outside) = (told(false, tool), told(true, tool));
        assert!(inside.contains("Hint: free space on the disk."), "{inside}");
        assert!(!outside.contains("disk") && outside.contains("Hint: ask again in a moment."), "{outside}");
    }
}

/// A call that waits for an owner's yes, as its client is told.
fn told_of_held(waits_for: WaitsFor, state: HeldState) -> Told {
    let held =
        Held { id: HoldId::of(&CallId::new(1, [1; 10])), state, why: None, waits_for, expires_at: UnixMicros(1) };
    let reason = Reason {
        rule: RuleId::parse("r").unwrap(),
        sentence: "it waits".into(),
        source: None,
        text: None,
        instead: Some("wait for an owner to approve".into()),
        redact: None,
        approvers: vec!["owner-of-app".into()],
        approvals: 1,
        security_relevant: false,
        clause: None,
    };
    let refusal = Refusal {
        call: CallId::new(1, [1; 10]),
        verdict: Verdict::Hold,
        recommended: None,
        app: "CRM".into(),
        tool: "crm__pay".into(),
        reasons: vec![reason],
        approvers: vec!["Bo Lind".into()],
        held: Some(held),
        unheld: None,
        spent: false,
    };
    let told = refused(&refusal);
    let said = |words: &str, fits: bool| assert_eq!(told.text.contains(words), fits, "{state:?}: {}", told.text);
    said("Instead:", !told.decision["instead"].is_null());
    said("Who may approve:", told.decision["approvers"] != json!([]));
    told
}

#[test]
fn after_a_persons_no_programs_are_not_told_to_wait_for_a_yes_either() {
    let waits = told_of_held(WaitsFor::People, HeldState::Waits).decision;
    assert_eq!((&waits["instead"], &waits["approvers"]), (&json!("wait for an owner to approve"), &json!(["Bo Lind"])));
    let denied = told_of_held(WaitsFor::People, HeldState::Denied).decision;
    assert_eq!((&denied["instead"], &denied["approvers"]), (&Value::Null, &json!([])));
    let expired = told_of_held(WaitsFor::People, HeldState::Expired).decision;
    assert_eq!(expired["approvers"], json!([]));
}

#[test]
fn who_waited_for_a_fact_is_not_told_to_repeat_what_another_request_may_have_done() {
    let told = told_of_held(WaitsFor::Fact, HeldState::GivenBack);
    assert!(told.text.contains("look for what came of it before you try again"), "{}", told.text);
    assert!(told.text.contains("Do not repeat it unchanged."), "{}", told.text);
    let of = |told: &Told| {
        (told.decision["executed"].clone(), told.decision["retry"].clone(), told.meta[DISPOSITION_KEY].clone())
    };
    assert_eq!(of(&told), (json!("unknown"), json!("do_not_retry_unchanged"), json!("outcome-unknown")));
    // Nothing was sent of what waited for people and needs no approval now.
    let told = told_of_held(WaitsFor::People, HeldState::GivenBack);
    assert_eq!(of(&told), (json!(false), json!("later"), json!("denied-not-executed")));
}

#[test]
fn what_came_of_the_approval_takes_the_place_of_a_meta_that_is_none() {
    for other in ["null", "[]", "7", r#""m""#] {
        let body = format!(r#"{{"_meta":{other},"content":[]}}"#);
        let told = with_disposition(body.as_bytes(), Disposition::ApprovedExecuted).unwrap();
        let told: Value = serde_json::from_slice(&told).unwrap();
        assert_eq!(told["_meta"], json!({ DISPOSITION_KEY: "approved-executed" }), "{other}");
        let text =
            String::from_utf8(with_disposition(body.as_bytes(), Disposition::ApprovedExecuted).unwrap()).unwrap();
        assert_eq!(text.matches("\"_meta\"").count(), 1, "{text}");
    }
}
