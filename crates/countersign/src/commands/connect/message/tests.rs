use bytes::Bytes;

use super::{Message, error_answer};

fn read(text: &str) -> Message {
    Message::read(Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

fn ids(message: &Message) -> Vec<&str> {
    message.ids.iter().map(|id| std::str::from_utf8(id).unwrap()).collect()
}

#[test]
fn requests_notifications_responses_and_batches() {
    let request = read(r#"{"jsonrpc":"2.0","id":"a\"b","method":"tools/list"}"#);
    assert_eq!((ids(&request), request.is_repeatable()), (vec![r#""a\"b""#], true));
    assert!(ids(&read(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)).is_empty());
    assert!(ids(&read(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#)).is_empty());
    let batch = read(r#"[{"id":1,"method":"a"},{"method":"b"},{"id":2.5,"method":"c"}]"#);
    assert_eq!((ids(&batch), batch.is_repeatable()), (vec!["1", "2.5"], false));
    assert!(!read(r#"{"id":1,"method":"tools/call","params":{"name":"x"}}"#).is_repeatable());
    for wrong in ["", "1", "{", "{\"a\":1,\"a\":2}"] {
        assert!(Message::read(Bytes::copy_from_slice(wrong.as_bytes())).is_err(), "{wrong}");
    }
}

#[test]
fn modern_headers_say_what_the_body_says() {
    let headers = |method: &str, params: &str| {
        let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#;
        read(&format!(r#"{{"id":1,"method":"{method}","params":{{{params}{meta}}}}}"#)).headers()
    };
    let version = ("mcp-protocol-version", "2026-07-28".to_owned());
    let method = |name: &str| ("mcp-method", name.to_owned());
    let name = |name: &str| ("mcp-name", name.to_owned());
    assert_eq!(headers("tools/list", ""), [version.clone(), method("tools/list")]);
    assert_eq!(
        headers("tools/call", r#""name":"crm__search","#),
        [version.clone(), method("tools/call"), name("crm__search")]
    );
    assert_eq!(
        headers("resources/read", r#""uri":"file:///ü","#),
        [version.clone(), method("resources/read"), name("=?base64?ZmlsZTovLy/DvA==?=")]
    );
    assert_eq!(
        headers("prompts/get", r#""name":" a","#),
        [version.clone(), method("prompts/get"), name("=?base64?IGE=?=")]
    );
    assert_eq!(headers("tasks/get", r#""taskId":"t1","#), [version, method("tasks/get"), name("t1")]);
    assert_eq!(read(r#"{"id":1,"method":"tools/call","params":{"name":"x"}}"#).headers(), []);
}

#[test]
fn a_cancellation_names_its_request() {
    let message = read(r#"{"method":"notifications/cancelled","params":{"requestId":7}}"#);
    assert_eq!(message.cancels(), Some(&b"7"[..]));
    assert_eq!(read(r#"{"method":"notifications/initialized"}"#).cancels(), None);
}

#[test]
fn errors_are_answers() {
    let answer = String::from_utf8(error_answer(b"\"x\"", -32603, "no", Some(serde_json::json!({"a": 1})))).unwrap();
    let value: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(
        value,
        serde_json::json!({"jsonrpc": "2.0", "id": "x", "error": {"code": -32603, "message": "no", "data": {"a": 1}}})
    );
}
