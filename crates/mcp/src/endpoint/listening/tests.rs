use decide::Answer;
use model::CallId;

use super::*;

fn said(kind: AnswerKind, body: &'static str) -> String {
    let answer = Answer { kind, body: Bytes::from_static(body.as_bytes()) };
    match worded(b"7", Closed::Answered { call: CallId::from_bits(1), answer, hides: None }, None) {
        Said::Response(response) => String::from_utf8(response.to_vec()).unwrap(),
        _ => panic!("no response"),
    }
}

#[test]
fn an_address_to_open_first_is_no_answer_to_a_subscription() {
    let url_first =
        r#"{"code":-32042,"message":"m","data":{"elicitations":[{"mode":"url","url":"https://a.example"}]}}"#;
    let refused = said(AnswerKind::ProtocolError, url_first);
    assert!(refused.contains("upstream.asks_too_much") && refused.contains("\"id\":7"), "{refused}");
    assert!(!refused.contains("-32042") && !refused.contains("a.example"), "{refused}");
    let other = said(AnswerKind::ProtocolError, r#"{"code":-32602,"message":"no such resource"}"#);
    assert!(other.contains(r#"{"code":-32602,"message":"no such resource"}"#), "{other}");
    assert!(said(AnswerKind::Result, r#"{"a":1}"#).contains(r#""result":{}"#));
}
