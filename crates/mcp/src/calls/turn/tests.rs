use super::*;

fn answered(kind: AnswerKind, body: &'static str) -> Closed {
    let answer = Answer { kind, body: Bytes::from_static(body.as_bytes()) };
    Closed::Answered { call: CallId::from_bits(1), answer, hides: None }
}

#[test]
fn an_address_to_open_first_passes_nobody_undecided() {
    let all = [
        (Asked::Tool, true),
        (Asked::Resource, true),
        (Asked::Prompt, true),
        (Asked::CompletePrompt, false),
        (Asked::CompleteResource, false),
        (Asked::Level, false),
        (Asked::TaskGet, false),
        (Asked::TaskResult, false),
        (Asked::TaskUpdate, false),
        (Asked::TaskCancel, false),
    ];
    for (asked, comes_back) in all {
        match Turn::after(answered(AnswerKind::ProtocolError, URL_FIRST), asked, true) {
            Turn::Asks(_, answer, _) => {
                assert!(comes_back, "{asked:?}");
                assert_eq!(answer.kind, AnswerKind::ProtocolError);
                assert!(answer.body.starts_with(b"{\"resultType\":\"input_required\""));
            }
            Turn::Over(Closed::Failed { fault, perhaps_executed: true, .. }) => {
                assert!(!comes_back, "{asked:?}");
                assert_eq!(fault.code(), "upstream.asks_too_much");
            }
            other => panic!("{asked:?}: {other:?}"),
        }
        match Turn::after(answered(AnswerKind::ProtocolError, URL_FIRST), asked, false) {
            Turn::Addresses(_, answer, questions) => {
                assert_eq!(answer.body, URL_FIRST);
                assert!(questions.starts_with(b"{\"resultType\":\"input_required\""));
            }
            other => panic!("{asked:?}: {other:?}"),
        }
    }
}

#[test]
fn any_other_answer_is_what_it_was() {
    for modern in [true, false] {
        let after = |asked, kind, body| Turn::after(answered(kind, body), asked, modern);
        let working = after(Asked::TaskGet, AnswerKind::Result, r#"{"status":"working"}"#);
        assert!(matches!(working, Turn::Progress(..)), "{working:?}");
        let waits = after(Asked::TaskGet, AnswerKind::Unfinished, "{}");
        assert!(matches!(waits, Turn::Progress(..)), "{waits:?}");
        let asks = after(Asked::Tool, AnswerKind::Unfinished, "{}");
        assert!(matches!(asks, Turn::Asks(..)), "{asks:?}");
        for asked in [Asked::Tool, Asked::TaskGet] {
            let error = after(asked, AnswerKind::ProtocolError, r#"{"code":-32602,"message":"m"}"#);
            assert!(matches!(error, Turn::Over(Closed::Answered { .. })), "{error:?}");
        }
        let done = after(Asked::Tool, AnswerKind::Result, "{}");
        assert!(matches!(done, Turn::Over(Closed::Answered { .. })), "{done:?}");
    }
}

const URL_FIRST: &str =
    r#"{"code":-32042,"message":"m","data":{"elicitations":[{"mode":"url","url":"https://a.example"}]}}"#;
