use super::*;
use crate::samples::{Log, about, change};

/// What the classes of OCSF 1.8 require, and the objects in them.
const REQUIRED: &[(u64, &[&str])] = &[
    (
        6_003,
        &[
            "/activity_id",
            "/actor",
            "/api/operation",
            "/category_uid",
            "/class_uid",
            "/metadata/product/name",
            "/metadata/version",
            "/severity_id",
            "/src_endpoint/svc_name",
            "/time",
            "/type_uid",
        ],
    ),
    (
        3_004,
        &[
            "/activity_id",
            "/category_uid",
            "/class_uid",
            "/entity/uid",
            "/metadata/product/name",
            "/metadata/version",
            "/severity_id",
            "/time",
            "/type_uid",
        ],
    ),
];

#[test]
fn events_have_what_their_class_requires() {
    let mut log = Log::with_calls(0..6);
    log.add(&[trace::Row::of_change(&change(9)).unwrap()]);
    let events: Vec<Value> = log.items().iter().map(|item| event(item, &about())).collect();
    let classes: Vec<u64> = events.iter().filter_map(|event| event["class_uid"].as_u64()).collect();
    assert!(classes.contains(&6_003) && classes.contains(&3_004), "{classes:?}");
    for event in events {
        let class = event["class_uid"].as_u64().unwrap();
        let (_, required) = REQUIRED.iter().find(|(of, _)| *of == class).unwrap();
        for pointer in *required {
            assert!(event.pointer(pointer).is_some_and(|value| !value.is_null()), "{pointer} of {event}");
        }
        assert_eq!(event["category_uid"].as_u64().unwrap(), class / 1_000);
        assert_eq!(event["type_uid"].as_u64().unwrap(), class * 100 + event["activity_id"].as_u64().unwrap());
        assert_eq!(event["time"].as_i64().unwrap() / 1_000, 1_763_726_400, "milliseconds");
    }
}

#[test]
fn a_refusal_is_a_denied_action_and_an_outcome_says_how_it_ended() {
    let events: Vec<Value> = Log::with_calls(1..3).items().iter().map(|item| event(item, &about())).collect();
    let [allowed, failed, refused] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((&allowed["action_id"], &allowed["status_id"]), (&json!(1), &json!(1)));
    assert_eq!((&failed["status_id"], &failed["status_code"]), (&json!(2), &json!("app.tool_error")));
    assert_eq!(failed.pointer("/api/response/error"), Some(&json!("app.tool_error")));
    assert_eq!((&refused["action_id"], &refused["disposition_id"]), (&json!(2), &json!(2)));
    assert_eq!(refused.pointer("/actor/user/uid"), Some(&json!("ada")));
    let rule = refused.pointer("/actor/authorizations/0/policy/uid");
    assert_eq!(rule, Some(&json!("crm.reads")));
    assert_eq!(allowed.pointer("/metadata/correlation_uid"), failed.pointer("/metadata/correlation_uid"));
}
