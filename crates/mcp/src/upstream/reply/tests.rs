use super::*;

fn hear_text(message: &str) -> Result<Heard, Fault> {
    hear(&Bytes::copy_from_slice(message.as_bytes()))
}

#[test]
fn messages_are_told_apart() {
    let Ok(Heard::Reply(7, reply)) = hear_text(r#"{"jsonrpc":"2.0","id":7,"result": {"x": 1e2} }"#) else { panic!() };
    assert_eq!((reply.error, &reply.body[..]), (false, &br#"{"x": 1e2}"#[..]), "every byte of a result stays");
    let Ok(Heard::Reply(7, reply)) = hear_text(r#"{"id":7,"error":{"code":-32602,"message":"no"}}"#) else { panic!() };
    assert_eq!(reply.rpc_error(), Some((-32602, "no".to_owned())));
    let asks = hear_text(r#"{"id":"a-1","method":"roots/list","params":{"a": 1}}"#);
    let Ok(Heard::Asks { id, method, params }) = asks else { panic!() };
    assert_eq!(
        (&id[..], method.as_str(), params.as_deref()),
        (&b"\"a-1\""[..], "roots/list", Some(&br#"{"a": 1}"#[..]))
    );
    let Ok(Heard::Tells(method)) = hear_text(r#"{"method":"notifications/progress","params":{}}"#) else { panic!() };
    assert_eq!(method, "notifications/progress");
    assert!(matches!(hear_text(r#"{"id":null,"error":{"code":1,"message":""}}"#), Ok(Heard::Reply(0, _))));
}

#[test]
fn garbage_is_blamed_on_the_app() {
    for message in [
        "",
        "hello",
        "[]",
        "{}",
        "7",
        r#"{"id":1}"#,
        r#"{"result":{}}"#,
        r#"{"id":1,"result":{},"error":{}}"#,
        r#"{"id":1,"error":{}}"#,
        r#"{"id":1,"error":{"code":-32000,"m%ssage":"no","data":[1]}}"#,
        r#"{"id":1,"error":{"code":"x","message":"no"}}"#,
        r#"{"id":1,"result":{"a":1,"a":2}}"#,
        r#"{"id":-1,"result":{}}"#,
        r#"{"id":1,"result":{}} trailing"#,
    ] {
        let fault = hear_text(message).err().unwrap_or_else(|| panic!("`{message}` passed"));
        assert_eq!(fault.blame(), Blame::Upstream, "{message}");
    }
}

#[test]
fn only_whole_results_become_answers() {
    let answer = |body: &str| match hear(&Bytes::from(format!(r#"{{"jsonrpc":"2.0","id":1,"result":{body}}}"#)))? {
        Heard::Reply(_, reply) => reply.into_answer(),
        _ => panic!("not a reply"),
    };
    assert_eq!(answer(r#"{"content":[]}"#).unwrap().kind, AnswerKind::Result);
    assert_eq!(answer(r#"{"content":[],"isError":true}"#).unwrap().kind, AnswerKind::ToolError);
    assert_eq!(answer(r#"{"resultType":"complete"}"#).unwrap().kind, AnswerKind::Result);
    assert_eq!(answer(r#"{"resultType":"input_required"}"#).unwrap().kind, AnswerKind::Unfinished);
    for unknown in [r#"{"resultType":"other"}"#, r#"{"resultType":7}"#] {
        assert_eq!(answer(unknown).err().map(|fault| fault.code()), Some("upstream.result_type"));
    }
    assert_eq!(answer("[]").err().map(|fault| fault.code()), Some("upstream.garbage"));
}
