use model::{AgentId, HumanId, Secret, TaskId};

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

fn task(id: &str) -> Task {
    let (app, tool) = (AppId::parse("crm").unwrap(), ToolName::parse("report").unwrap());
    let hides = Some(Arc::from("$..email"));
    let cause = CallId::new(1, [1; 10]);
    Task { app, tool, id: id.to_owned(), cause, class: Class::External, argument_bytes: 7, hides }
}

#[test]
fn a_task_is_found_again_by_its_own_people_only() {
    let seals = Seals::new(&Secret::new([7; 32])).unwrap();
    let (ada, eve, other) =
        (actor("bot", "ada@example.com"), actor("bot", "eve@example.com"), actor("b", "ada@example.com"));
    let id = seals.task_id(&ada, &task("x")).unwrap();
    assert_eq!(seals.task_id(&ada, &task("x")).unwrap(), id, "a client may compare ids");
    assert_ne!(seals.task_id(&ada, &task("y")).unwrap(), id);
    assert_eq!(seals.task(&ada, &id), Some(task("x")));
    assert_eq!(seals.task(&ada, &id), Some(task("x")), "as often as it likes");
    assert_eq!(seals.task(&eve, &id), None);
    assert_eq!(seals.task(&other, &id), None);
    assert_eq!(seals.task(&ada, "x"), None);
    let again = Seals::new(&Secret::new([7; 32])).unwrap();
    assert_eq!(again.task(&ada, &id), Some(task("x")), "after a restart, too");
}

#[test]
fn more_paths_than_an_id_holds_hide_everything() {
    let seals = Seals::new(&Secret::new([7; 32])).unwrap();
    let ada = actor("bot", "ada@example.com");
    let long = Task { hides: Some(Arc::from("$..a, ".repeat(1_000))), ..task("x") };
    let id = seals.task_id(&ada, &long).unwrap();
    assert_eq!(seals.task(&ada, &id).unwrap().hides.as_deref(), Some(EVERYTHING));
}

#[test]
fn only_the_id_of_a_result_changes() {
    let renamed = |body: &str| String::from_utf8(renamed(body.as_bytes(), "own", "S")).unwrap();
    assert_eq!(
        renamed(r#"{"resultType":"task", "taskId" : "own","ttlMs":1e3}"#),
        r#"{"resultType":"task", "taskId" : "S","ttlMs":1e3}"#
    );
    assert_eq!(renamed(r#"{"task":{"taskId":"own"}}"#), r#"{"task":{"taskId":"S"}}"#);
    let related = r#"{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"own"}},"content":[{"taskId":"own"}]}"#;
    assert_eq!(
        renamed(related),
        r#"{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"S"}},"content":[{"taskId":"own"}]}"#
    );
    assert_eq!(renamed(r#"{"taskId":"another"}"#), r#"{"taskId":"another"}"#);
}

#[test]
fn a_client_sees_no_id_of_the_apps_own() {
    let related = |id: &str| format!(r#"{{"io.modelcontextprotocol/related-task":{{"taskId":"{id}"}},"x":1}}"#);
    let params = |meta: &str| format!(r#"{{"message":"m","_meta":{meta}}}"#);
    let asked = |meta: &str, task: Option<(&str, &str)>| {
        String::from_utf8(of_question(&Bytes::from(params(meta)), task).to_vec()).unwrap()
    };
    assert_eq!(asked(&related("own"), Some(("own", "S"))), params(&related("S")));
    assert_eq!(asked(&related("other"), Some(("own", "S"))), params(r#"{"x":1}"#));
    assert_eq!(asked(&related("own").replace("model", r"\u006dodel"), None), params(r#"{"x":1}"#));
    assert_eq!(asked(r#"{"x":1}"#, None), params(r#"{"x":1}"#));
    let told = |meta: &str| format!(r#"{{"method":"notifications/message","params":{}}}"#, params(meta));
    let passed = of_notification(&Bytes::from(told(&related("own"))), Some(("own", "S")));
    assert_eq!(passed, told(&related("S")));
    assert_eq!(of_notification(&Bytes::from(told(&related("own"))), None), told(r#"{"x":1}"#));
}

#[test]
fn both_forms_say_that_a_task_was_made() {
    assert_eq!(made(br#"{"resultType":"task","taskId":"a"}"#).as_deref(), Some("a"));
    assert_eq!(made(br#"{"task":{"taskId":"b"}}"#).as_deref(), Some("b"));
    assert_eq!(made(br#"{"resultType":"complete","task":{"taskId":"b"}}"#), None);
    assert_eq!(made(br#"{"content":[]}"#), None);
}

#[test]
fn a_response_is_come_back_for_by_its_own_people_only() {
    let seals = Seals::new(&Secret::new([7; 32])).unwrap();
    let (ada, eve) = (actor("bot", "ada@example.com"), actor("bot", "eve@example.com"));
    let held = HeldTask::of(&HoldId::of(&CallId::new(1, [1; 10])), true);
    let name = seals.response_id(&ada, &held, br#""a-7""#).unwrap();
    let again = Seals::new(&Secret::new([7; 32])).unwrap();
    let response = HeldResponse { held: held.clone(), id: br#""a-7""#.to_vec() };
    assert_eq!(again.response(&ada, &name), Some(response), "after a restart, too");
    assert_eq!(again.response(&eve, &name), None);
    assert_eq!(again.hold(&ada, &name), None, "it is no id of a task");
    assert_eq!(again.response(&ada, &seals.hold_id(&ada, &held).unwrap()), None);
    assert_eq!(seals.response_id(&ada, &held, &[b'1'; 300]), None, "no header is that long");
}
