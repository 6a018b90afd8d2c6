use serde_json::{Value, json};

use super::*;

fn shown(kind: AnswerKind, body: &Value, paths: &str) -> Value {
    let answer = Answer { kind, body: Bytes::from(body.to_string()) };
    let (answer, places) = redact(answer, paths).unwrap();
    assert!(places > 0);
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn structure_and_the_same_data_as_text_are_masked_alike() {
    let data = json!({"customers": [{"name": "Ada", "email": "ada@example.org"}]});
    let body =
        json!({"content": [{"type": "text", "text": data.to_string()}], "structuredContent": data, "isError": false});
    let shown = shown(AnswerKind::Result, &body, "$.customers[*].email");
    let hidden = json!({"customers": [{"name": "Ada", "email": REPLACEMENT}]});
    assert_eq!(shown["structuredContent"], hidden);
    assert_eq!(serde_json::from_str::<Value>(shown["content"][0]["text"].as_str().unwrap()).unwrap(), hidden);
    assert_eq!(shown["isError"], false);
}

#[test]
fn what_is_not_json_is_withheld_whole() {
    let body = json!({
        "content": [
            {"type": "text", "text": "SECRET", "annotations": {"note": "SECRET"}},
            {"type": "text", "text": "\"SECRET\""},
            {"type": "image", "data": "SECRET", "mimeType": "image/png"},
            {"type": "resource_link", "uri": "x://SECRET", "name": "SECRET"},
            {"type": "resource", "resource": {"uri": "x://1", "text": "SECRET"}},
            {"type": "resource", "resource": {"uri": "x://1", "blob": "SECRET"}},
            {"type": "made up", "secret": "SECRET"},
        ],
        "_meta": {"theirs": "SECRET", "io.modelcontextprotocol/related-task": {"taskId": "1"}},
        "unknown": "SECRET",
    });
    let shown = shown(AnswerKind::Result, &body, "$.a");
    assert!(!shown.to_string().contains("SECRET"), "{shown:#}");
    assert_eq!(shown["content"].as_array().unwrap().len(), 7);
    assert_eq!(shown["_meta"], json!({"io.modelcontextprotocol/related-task": {"taskId": "1"}}));
}

#[test]
fn every_other_kind_of_answer_is_masked_too() {
    let cases = [
        (AnswerKind::Result, json!({"contents": [{"uri": "a://b", "text": "{\"a\":\"SECRET\",\"b\":1}"}]})),
        (AnswerKind::Result, json!({"contents": [{"uri": "a://b", "blob": "SECRET"}], "ttlMs": 1})),
        (
            AnswerKind::Result,
            json!({"description": "SECRET", "messages": [{"role": "user", "content": {"type": "text", "text": "SECRET"}}]}),
        ),
        (AnswerKind::Result, json!({"completion": {"values": ["SECRET"]}})),
        (
            AnswerKind::Result,
            json!({"taskId": "1", "status": "completed", "statusMessage": "SECRET", "result": {
            "structuredContent": {"a": "SECRET"}, "content": []}}),
        ),
        (AnswerKind::Result, json!({"taskId": "1", "status": "failed", "error": {"code": 1, "message": "SECRET"}})),
        (AnswerKind::ToolError, json!({"isError": true, "content": [{"type": "text", "text": "no SECRET"}]})),
        (AnswerKind::ProtocolError, json!({"code": -1, "message": "SECRET", "data": "SECRET"})),
    ];
    for (kind, body) in cases {
        let shown = shown(kind, &body, "$.a");
        assert!(!shown.to_string().contains("SECRET"), "{shown:#}");
    }
}

#[test]
fn what_cannot_be_read_is_not_shown() {
    for (body, paths) in [("[1]", "$.a"), ("{", "$.a"), ("{}", "a")] {
        let fault =
            redact(Answer { kind: AnswerKind::Result, body: Bytes::from_static(body.as_bytes()) }, paths).unwrap_err();
        assert_eq!(fault.code(), "rule.unredactable");
    }
}
