use super::*;

#[test]
fn a_result_says_which_task_it_is_of_and_changes_in_nothing_else() {
    let said = |response: &str| String::from_utf8(related(response.as_bytes(), b"7", "t")).unwrap();
    let member = r#""io.modelcontextprotocol/related-task":{"taskId":"t"}"#;
    assert_eq!(
        said(r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":7,"result":{{"_meta":{{{member}}},"content":[]}}}}"#)
    );
    assert_eq!(
        said(r#"{"result":{"_meta":{"a":1}},"id":1}"#),
        format!(r#"{{"result":{{"_meta":{{{member},"a":1}}}},"id":7}}"#)
    );
    assert_eq!(said(r#"{"id":1,"result":{}}"#), format!(r#"{{"id":7,"result":{{"_meta":{{{member}}}}}}}"#));
    for other in ["null", "[]", "[1]", "7", r#""m""#] {
        assert_eq!(
            said(&format!(r#"{{"id":1,"result":{{"_meta":{other},"a":1}}}}"#)),
            format!(r#"{{"id":7,"result":{{"_meta":{{{member}}},"a":1}}}}"#)
        );
    }
    assert_eq!(said(r#"{"id":1,"error":{"code":1}}"#), r#"{"id":7,"error":{"code":1}}"#);
}

#[test]
fn a_task_of_then_has_no_result_and_fails_where_its_tool_did() {
    let of = |more: Value| {
        let mut map = super::super::handle("t", "completed");
        map.extend(more.as_object().unwrap().clone());
        Value::Object(task(map))
    };
    let fine = of(serde_json::json!({ "ttlMs": 5, "pollIntervalMs": 7, "result": { "isError": false } }));
    assert_eq!(fine, serde_json::json!({ "taskId": "t", "status": "completed", "ttl": 5, "pollInterval": 7 }));
    let failed = of(serde_json::json!({ "result": { "isError": true } }));
    assert_eq!(failed, serde_json::json!({ "taskId": "t", "status": "failed", "ttl": null }));
    assert_eq!(of(serde_json::json!({ "error": {} }))["status"], "failed");
}
