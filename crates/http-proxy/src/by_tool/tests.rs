use std::sync::Mutex;

use openapi::Mapping;

use super::*;

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
    read_by(reads_requests, operation, arguments, reads)
}

type Reader = fn(&Arc<Tools>, &ToolName, Arc<dyn ReadArguments>) -> Arc<dyn ReadArguments>;

fn read_by(reader: Reader, name: &str, arguments: &str, reads: &ArgumentReads) -> (Vec<String>, ArgumentFacts) {
    let tools = Arc::new(Tools::of(&Mapping::read("x.yaml", API).unwrap()));
    let by_name = Arc::new(Keeps::default());
    let reader = reader(&tools, &name.parse().unwrap(), Arc::clone(&by_name) as Arc<dyn ReadArguments>);
    let facts = reader.read(arguments.as_bytes(), reads);
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

// INVARIANT: a rule by an argument's name says the same of a request and of the call of a tool that leaves as this request.
#[test]
fn a_call_of_a_tool_counts_as_the_request_that_is_made_of_it() {
    for (of_tool, of_request) in [
        (r#"{"fields":"name"}"#, r#"{"query":{"fields":"name"}}"#),
        (r#"{"fields":"name,salary"}"#, r#"{"query":{"fields":"name,salary"}}"#),
        (r#"{"fields":["name","salary"]}"#, r#"{"query":{"fields":"name,salary"}}"#),
        (r#"{"fields":["id","name, salary"]}"#, r#"{"query":{"fields":"id,name, salary"}}"#),
        (r#"{"fields":[1,true]}"#, r#"{"query":{"fields":"1,true"}}"#),
        (r#"{"id":"a,b","Prefer":"x,y"}"#, r#"{"path":{"id":"a,b"},"headers":{"prefer":"x,y"}}"#),
        (r#"{"body.status":"a,b","note":{"text":"a,b"}}"#, r#"{"body":{"status":"a,b","note":{"text":"a,b"}}}"#),
    ] {
        let (given, facts) = read_by(reads_tools, "change", of_tool, &reads());
        assert_eq!(given, read("change", of_request, &reads()).0, "{of_tool}");
        assert_eq!(facts.bytes, of_tool.len() as u64);
    }
    for as_given in [r#"{"fields":["name"],"status":7}"#, r#"{"fields":[["a","b"]],"other":"a,b"}"#, r#"["a,b"]"#, "{"]
    {
        assert_eq!(read_by(reads_tools, "change", as_given, &reads()).0, [as_given]);
    }
    assert_eq!(read_by(reads_tools, "other", r#"{"fields":"a,b"}"#, &reads()).0, [r#"{"fields":"a,b"}"#]);
}
