use std::sync::Mutex;

use model::ArgumentLevel;
use openapi::Mapping;

use super::*;
use crate::api::ApiSpec;

const API: &str = r#"
api: 1
base: https://api.example.com/v1
operations:
  change: {method: PATCH, path: "/users/{id}", class: write, does: update, passes: [query.status, query.fields, header.Prefer],
           body: [status, note.text]}
"#;

/// Keeps what it is given to read.
#[derive(Default)]
struct Keeps(Mutex<Vec<String>>);

impl ReadArguments for Keeps {
    fn read(&self, arguments: &[u8], _: &ArgumentReads) -> ArgumentFacts {
        self.0.lock().unwrap().push(String::from_utf8(arguments.to_vec()).unwrap());
        ArgumentFacts { bytes: arguments.len() as u64, ..ArgumentFacts::default() }
    }
}

fn reads() -> ArgumentReads {
    ArgumentReads { roles: ["repo".into()].into(), values: ["status".into()].into() }
}

/// What a reader by names is given for these arguments, and what comes of it.
fn read(operation: &str, arguments: &str, reads: &ArgumentReads) -> (Vec<String>, ArgumentFacts) {
    let spec = ApiSpec {
        app: "api".parse().unwrap(),
        base: http::Uri::from_static("https://api.example.com/v1"),
        mapping: Arc::new(Mapping::read("x.yaml", API).unwrap()),
        arguments: ArgumentLevel::None,
    };
    let by_name = Arc::new(Keeps::default());
    let by_tool = ByTool {
        api: Arc::new(Api::new(&spec).unwrap()),
        operation: operation.parse().unwrap(),
        by_name: Arc::clone(&by_name) as Arc<dyn ReadArguments>,
    };
    let facts = by_tool.read(arguments.as_bytes(), reads);
    let given = by_name.0.lock().unwrap().clone();
    (given, facts)
}

#[test]
fn a_request_has_the_arguments_of_its_tool() {
    for (arguments, expect) in [
        (
            r#"{"path":{"id":"u_1"},"query":{"status":"open"},"body":{"status":"closed","note":{"text":"x"}}}"#,
            r#"{"id":"u_1","status":"open","body.status":"closed","note":{"text":"x"}}"#,
        ),
        (r#"{"query":{"fields":"id, name"}}"#, r#"{"fields":["id, name","id","name"]}"#),
        (r#"{"headers":{"if-match":"\"7\"","prefer":"t"}}"#, r#"{"if-match":"\"7\"","Prefer":"t"}"#),
        ("{}", "{}"),
    ] {
        let (given, facts) = read("change", arguments, &reads());
        assert_eq!(given, [expect]);
        assert_eq!((facts.bytes, facts.unclear.len()), (arguments.len() as u64, 0));
    }
}

#[test]
fn what_nobody_can_read_is_in_doubt() {
    let all = [ArgumentFacts::unclear_argument("status"), "repo".into()].into();
    for (operation, arguments) in [
        ("change", r#"{"body":["status"]}"#),
        ("change", r#"{"else":1}"#),
        ("change", r#"{"query":{"status":"open"},"body":{"status":1,"body.status":"closed"}}"#),
        ("other", "{}"),
    ] {
        let (given, facts) = read(operation, arguments, &reads());
        assert_eq!((given.len(), &facts.unclear, facts.bytes), (0, &all, arguments.len() as u64), "{arguments}");
    }
}

#[test]
fn where_no_rule_looks_nothing_is_read() {
    let (given, facts) = read("change", r#"{"query":{"status":"open"}}"#, &ArgumentReads::default());
    assert_eq!((given.len(), facts.bytes, facts.unclear.len()), (0, 27, 0));
}
