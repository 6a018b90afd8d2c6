use model::{AgentId, HumanId, TaskId};

use super::*;

fn actor(agent: &str, human: &str) -> Actor {
    Actor {
        agent: AgentId::parse(agent).unwrap(),
        human: HumanId::parse(human).unwrap(),
        task: TaskId::parse("t-1").unwrap(),
        token_id: "jti".into(),
        only_app: None,
    }
}

fn seals() -> Seals {
    Seals::new(&Secret::new([7; 32])).unwrap()
}

fn sealed() -> Sealed {
    Sealed {
        state: Some("app's \"own\"".to_owned()),
        cause: CallId::new(1, [1; 10]),
        rounds: 2,
        again: false,
        keys: vec!["a".to_owned()],
    }
}

/// What is opened, once.
fn open(seals: &Seals, bound: &Bound<'_>, text: &str, now: UnixMicros) -> Option<Sealed> {
    seals.open(bound, text, now).map(|(sealed, _)| sealed)
}

const NOW: UnixMicros = UnixMicros(1_763_726_400_000_000);

#[test]
fn what_is_sealed_is_good_once() {
    let (seals, ada, app) = (seals(), actor("bot", "ada@example.com"), AppId::parse("crm").unwrap());
    let arguments = Bytes::from_static(br#"{"b":1,"a":2}"#);
    let bound = Bound { actor: &ada, app: &app, method: Method::ToolsCall, name: "find", arguments: Some(&arguments) };
    let text = seals.seal(&bound, &sealed(), NOW).unwrap();
    let other_order = Bytes::from_static(br#"{ "a": 2, "b": 1 }"#);
    let repeated = Bound { arguments: Some(&other_order), ..bound };
    assert_eq!(open(&seals, &repeated, &text, NOW), Some(sealed()), "the same call, written anew");
    assert_eq!(open(&seals, &repeated, &text, NOW), None, "used already");
}

#[test]
fn what_is_given_back_is_good_once_more_and_for_no_longer() {
    let (seals, ada, app) = (seals(), actor("bot", "ada@example.com"), AppId::parse("crm").unwrap());
    let bound = Bound { actor: &ada, app: &app, method: Method::ToolsCall, name: "find", arguments: None };
    let text = seals.seal(&bound, &sealed(), NOW).unwrap();
    let (_, once) = seals.open(&bound, &text, NOW).unwrap();
    seals.give_back(&ada, &once);
    assert_eq!(open(&seals, &bound, &text, NOW), Some(sealed()));
    assert_eq!(open(&seals, &bound, &text, NOW), None);
    seals.give_back(&ada, &once);
    let after = UnixMicros(NOW.0 + i64::try_from(QUESTION_TIME_MAX.as_micros()).unwrap() + 1);
    assert_eq!(open(&seals, &bound, &text, after), None);
}

#[test]
fn what_is_sealed_is_good_for_the_same_call_of_the_same_people_only() {
    let (seals, ada, app) = (seals(), actor("bot", "ada@example.com"), AppId::parse("crm").unwrap());
    let (arguments, others) = (Bytes::from_static(br#"{"a":1}"#), Bytes::from_static(br#"{"a":2}"#));
    let own = || Bound { actor: &ada, app: &app, method: Method::ToolsCall, name: "find", arguments: Some(&arguments) };
    let (eve, elsewhere) = (actor("bot", "eve@example.com"), AppId::parse("erp").unwrap());
    let text = seals.seal(&own(), &sealed(), NOW).unwrap();
    let foreign = [
        Bound { actor: &eve, ..own() },
        Bound { app: &elsewhere, ..own() },
        Bound { method: Method::PromptsGet, ..own() },
        Bound { name: "findx", ..own() },
        Bound { arguments: Some(&others), ..own() },
        Bound { arguments: None, ..own() },
    ];
    for bound in foreign {
        assert_eq!(open(&seals, &bound, &text, NOW), None);
    }
    let mut tampered = text.clone().into_bytes();
    tampered[20] ^= 1;
    assert_eq!(open(&seals, &own(), &String::from_utf8_lossy(&tampered), NOW), None);
    assert_eq!(open(&seals, &own(), "", NOW), None);
    assert_eq!(open(&self::seals(), &own(), &text, NOW), None, "another start of the gateway knows nothing of it");
    assert_eq!(open(&seals, &own(), &text, NOW), Some(sealed()), "a stranger's try does not use it up");
    let late = seals.seal(&own(), &sealed(), NOW).unwrap();
    let after = UnixMicros(NOW.0 + i64::try_from(QUESTION_TIME_MAX.as_micros()).unwrap() + 1);
    assert_eq!(open(&seals, &own(), &late, after), None);
}

#[test]
fn only_the_state_of_a_result_changes() {
    let state = r#"{"resultType":"input_required", "requestState" : "x","inputRequests":{"a":{"n":1e2}}}"#;
    let changed = String::from_utf8(with_state(state.as_bytes(), "S")).unwrap();
    assert_eq!(changed, r#"{"resultType":"input_required", "requestState" : "S","inputRequests":{"a":{"n":1e2}}}"#);
    let none = String::from_utf8(with_state(br#"{"resultType":"input_required"}"#, "S")).unwrap();
    assert_eq!(none, r#"{"requestState":"S","resultType":"input_required"}"#);
}

#[test]
fn a_round_is_decided_on_arguments_and_answers() {
    let given = [Given { key: "why \"x\"".to_owned(), error: false, body: Bytes::from_static(b"{\"n\": 1e2}") }];
    let arguments = Bytes::from_static(b"{ \"a\":1}");
    let both = arguments_with(Some(&arguments), &given, b"");
    assert_eq!(both, r#"{"arguments":{ "a":1},"inputResponses":{"why \"x\"":{"n": 1e2}}}"#);
    assert_eq!(arguments_with(None, &[], b""), "{}");
    let more = arguments_with(Some(&arguments), &[], br#""task":{}"#);
    assert_eq!(more, r#"{"arguments":{ "a":1},"task":{}}"#);
    assert_eq!(arguments_with(None, &given, b""), r#"{"inputResponses":{"why \"x\"":{"n": 1e2}}}"#);
}

#[test]
fn addresses_to_open_first_are_questions() {
    let error = br#"{"code":-32042,"message":"m","data":{"elicitations":[{"mode":"url","url":"https://a.example"},{"n":1e2}]}}"#;
    let expect = concat!(
        r#"{"resultType":"input_required","inputRequests":{"address-0":{"method":"elicitation/create","params":"#,
        r#"{"mode":"url","url":"https://a.example"}},"address-1":{"method":"elicitation/create","params":{"n":1e2}}}}"#
    );
    assert_eq!(as_questions(error).unwrap(), expect);
    assert_eq!(as_questions(br#"{"code":-32602,"message":"m","data":{"elicitations":[{}]}}"#), None);
    assert_eq!(as_questions(br#"{"code":-32042,"message":"m"}"#), None);
}

#[test]
fn a_question_to_open_an_address_gets_an_id_for_a_session() {
    let wish = |params: &str| Wish {
        key: "k".to_owned(),
        method: Method::Elicit,
        params: Some(Bytes::copy_from_slice(params.as_bytes())),
        over: None,
    };
    let said = |params: &str| for_session(wish(params), None).params.unwrap();
    assert_eq!(said(r#"{"mode":"url","url":"u"}"#), r#"{"elicitationId":"k","mode":"url","url":"u"}"#);
    for same in [r#"{"mode":"url","elicitationId":"x"}"#, r#"{"mode":"form"}"#, "{}"] {
        assert_eq!(said(same), same);
    }
}

#[test]
fn the_form_of_an_answer_says_what_it_answers() {
    assert_eq!(answers(br#"{"action":"accept","content":{}}"#), Some(Method::Elicit));
    assert_eq!(answers(br#"{"role":"assistant","content":{},"model":"m"}"#), Some(Method::Sample));
    assert_eq!(answers(br#"{"roots":[]}"#), Some(Method::Roots));
    assert_eq!(answers(br#"{"else":1}"#), None);
}

#[test]
fn what_is_asked_is_written_with_nothing_beside_it() {
    let wish = |key: &str, params: Option<&'static str>| Wish {
        key: key.to_owned(),
        method: Method::Elicit,
        params: params.map(|params| Bytes::from_static(params.as_bytes())),
        over: None,
    };
    let check = |wishes: &[Wish], expect: &str| assert_eq!(only_questions(wishes), expect);
    check(&[], r#"{"resultType":"input_required"}"#);
    check(
        &[wish("a \"b\"", Some(r#"{"x": 1e2}"#)), wish("c", None)],
        r#"{"resultType":"input_required","inputRequests":{"a \"b\"":{"method":"elicitation/create","params":{"x": 1e2}},"c":{"method":"elicitation/create"}}}"#,
    );
}
