use json::Document;

use super::*;

/// `request ID METHOD`, `notification`, `response`, or the error's code.
fn said(message: &str) -> String {
    let document = Document::parse(message.as_bytes()).unwrap();
    match read(document.root()) {
        Ok(Message::Request(request)) => {
            format!("request {} {}", String::from_utf8_lossy(request.id), request.method)
        }
        Ok(Message::Notification(..)) => "notification".to_owned(),
        Ok(Message::Response(..)) => "response".to_owned(),
        Err((_, error)) => error.code.to_string(),
    }
}

#[test]
fn messages_are_told_apart() {
    for (message, expect) in [
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, "request 1 ping"),
        (r#"{"jsonrpc":"2.0","id":"a\u0062","method":"ping","params":{}}"#, "request \"a\\u0062\" ping"),
        (r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, "notification"),
        (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, "response"),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, "-32600"),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, "-32600"),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, "-32600"),
        (r#"{"id":1,"method":"ping"}"#, "-32600"),
        (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, "-32600"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#, "-32600"),
        (r#"{"jsonrpc":"2.0","id":1}"#, "-32600"),
        ("7", "-32600"),
    ] {
        assert_eq!(said(message), expect, "{message}");
    }
}

#[test]
fn a_response_is_json_whatever_the_message() {
    let mut error = RpcError::new(-32602, "a \"quoted\"\nline");
    error.data = Some(serde_json::json!({ "supported": ["x"] }));
    let response: serde_json::Value = serde_json::from_slice(&error.response(Some(b"\"i\""))).unwrap();
    assert_eq!(response["id"], "i");
    assert_eq!(response["error"]["data"]["supported"][0], "x");
    let response: serde_json::Value = serde_json::from_slice(&error.response(None)).unwrap();
    assert!(response["id"].is_null());
}
