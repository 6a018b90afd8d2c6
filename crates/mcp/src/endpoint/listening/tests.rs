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

#[test]
fn nothing_is_looked_at_behind_the_last_resource_that_may_be_listened_to() {
    let read = |uris: Vec<serde_json::Value>| {
        let params = serde_json::json!({ "notifications": { "resourceSubscriptions": uris } }).to_string();
        let document = json::Document::parse(params.as_bytes()).unwrap();
        Filter::read(Some(document.root())).map(|filter| filter.uris.len()).map_err(|error| error.message)
    };
    let distinct = |count: usize| (0..count).map(|number| format!("notes://{number}").into()).collect::<Vec<_>>();
    let most = SUBSCRIPTIONS_PER_LISTENER_MAX;
    assert_eq!(read([distinct(most), distinct(most)].concat()), Ok(most), "the same again is no other");
    let refused = read([distinct(most + 1), vec![7.into()]].concat()).unwrap_err();
    assert_eq!(refused, format!("one request listens to {most} resources at most"));
}
